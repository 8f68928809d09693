"""The effect on money that a few customers have most of: an interval that does not take its error to be normal."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.confidence import LEVEL, Z
from bankmkt.errors import ParameterError, Refused, SchemaError, one_of
from bankmkt.experiment.arms import check_columns, differences, moments, named_arms
from bankmkt.experiment.check import check
from bankmkt.experiment.design import Checks, Design, passed
from bankmkt.experiment.estimate import column, local, outcome_values
from bankmkt.experiment.few import FEWEST, doubts
from bankmkt.experiment.metric import Metric
from bankmkt.privacy import K

Floats = npt.NDArray[np.float64]
BATCH = 2_000_000
"""Numbers drawn at once."""


def bootstrap(
    frame: Any,
    outcome: str,
    *,
    covariate: str | None = None,
    arm: str = "arm",
    control: str = "control",
    strata: Sequence[str] = (),
    planned: Mapping[str, float] | None = None,
    checks: Checks | None = None,
    override: Sequence[str] = (),
    draws: int = 2000,
    seed: int = 7,
    k: int = K,
) -> pd.DataFrame:
    """Estimate each arm's effect on a heavy-tailed outcome, with the wider of the usual and a bootstrap-t interval.

    The customers of each arm (and stratum) are drawn again, with replacement, and the difference less the estimate is
    divided by its own standard error in each draw; the quantiles of that take the place of the normal's, so that the
    interval leans as the outcome leans. By itself it is too narrow where few customers have all of the money and the
    arms are alike; so each limit is the farther one of it and of the usual interval.

    Parameters
    ----------
    frame
        Ibis table or pandas frame, a row per customer.
    outcome
        Column of numbers, missing for nobody.
    covariate
        Column known before, that the outcome is adjusted for (CUPED).
    arm, control, strata, planned, override, k
        As in :func:`bankmkt.experiment.effects`; so are the estimate and its se.
    checks
        Of :func:`bankmkt.experiment.check` of the same frame, arm, control and strata, if it has been run; otherwise
        it is.
    draws
        How often customers are drawn again.
    seed
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        A row per arm but the control: arm, n, n_control, estimate, se, ci_lower, ci_upper (95 %), p_value (the
        larger of both), note (whether the difference rests on one customer), override.

    Raises
    ------
    Refused
        If a check fails that is not overridden, or is of another design (customers must have been drawn one by one:
        for whole units there is :func:`bankmkt.experiment.effects`), an outcome is missing, or fewer than 200
        customers of an arm have an outcome other than 0: then no interval of a mean is to be trusted.
    ParameterError, SchemaError
        If an argument is not as above.

    Notes
    -----
    Efron & Tibshirani (1993), *An Introduction to the Bootstrap*, 12.5; Hall (1992), *The Bootstrap and Edgeworth
    Expansion*: the interval's error falls as 1/n, the normal's as 1/√n. What simulations found for log-normal money,
    also of few buyers, is in docs/validation.md; with 16 to 50 buyers an arm, bootstrap-t alone was wrong of arms that
    do not differ in 9 to 13 % of experiments. Where the variance is infinite nothing helps but winsorising
    (:class:`bankmkt.experiment.Metric`). With strata the draws are within them, and so is the error that the difference
    is divided by; the interval has the usual one, in which the strata's shares vary too. An outcome that is the same
    for everybody has neither interval nor p value.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> people = pd.DataFrame({"arm": rng.choice(["control", "mail"], 600), "spent": rng.lognormal(3, 1.5, 600)})
    >>> found = bootstrap(people, "spent", planned={"control": 0.5, "mail": 0.5}, draws=500).iloc[0]
    >>> bool(found["ci_lower"] < found["estimate"] < found["ci_upper"])
    True
    """
    from scipy.special import ndtr

    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 200:
        raise ParameterError("draws", draws, "a whole number from 200", "pass draws=2000")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ParameterError("seed", seed, "an integer from 0", "pass seed=7")
    metric, control = Metric(outcome, covariate=covariate), str(control)
    keys = check_columns(frame, arm, strata, None)
    before = [covariate] if covariate else []
    columns = list(dict.fromkeys([arm, *keys, outcome, *before]))
    for name in columns:
        if name not in frame.columns:
            raise SchemaError("frame has no column", name, one_of(frame.columns), "name another")
    if checks is None:
        lots: dict[str, Any] = {"planned": planned, "strata": keys}
        checks = check(frame, arm=arm, control=control, **lots, before=before, outcomes=[outcome], k=k)
    people = named_arms(frame[columns] if isinstance(frame, pd.DataFrame) else local(frame.select(*columns)), arm)
    means, slope = moments(people, metric, arm=arm, strata=keys, k=k)
    of = dict(zip(means["arm"], means["n"] + means["missing"], strict=True))
    despite = passed(checks, override, Design(arm, tuple(keys), None, control), of)
    y = outcome_values(people, outcome)
    if control not in of:
        raise ParameterError("control", control, one_of(of), "name the arm that was left alone")
    if (means["some"] < FEWEST).any():
        raise Refused(
            f"fewer than {FEWEST} customers of an arm have {outcome} other than 0, too few for an interval of its mean",
            todo="compare how many have any, or Metric(..., limits=...) fixed in advance",
        )
    gaps = differences(means, control).to_dict("records")
    names = [control, *(row["arm"] for row in gaps)]
    place = pd.Categorical(column(people, arm), categories=names).codes
    stratum = people.groupby(keys, dropna=False).ngroup().to_numpy() if keys else np.zeros(len(people), np.int64)
    if covariate is not None:
        x = outcome_values(people, covariate)
        y = y - slope * (x - x.mean())
    rng = np.random.default_rng(seed)
    drawn = [
        _weighted(y[place == number], stratum[place == number], stratum, draws, rng) for number in range(len(names))
    ]
    by_arm, rows = {row["arm"]: row for row in means.to_dict("records")}, []
    for row, own in zip(gaps, drawn[1:], strict=True):
        gap, se, name = float(row["estimate"]), float(row["se"]), row["arm"]
        spread = np.sqrt(own[1][1:] + drawn[0][1][1:])
        moved = own[0][1:] - drawn[0][0][1:] - (own[0][0] - drawn[0][0][0])
        t = np.divide(moved, spread, out=np.zeros(draws), where=spread > 0)
        low, high = np.quantile(t, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        found = {"ci_lower": np.nan, "ci_upper": np.nan, "p_value": np.nan}
        if se > 0:
            beyond = np.mean(t >= gap / se), np.mean(t <= gap / se)
            p = max(2 * min(beyond), 2 / draws, 2 * ndtr(-abs(gap) / se))
            ends = gap - max(high, Z) * se, gap - min(low, -Z) * se
            found = dict(zip(found, (*map(float, ends), float(min(1.0, p))), strict=True))
        n = {"n": by_arm[name]["n"], "n_control": by_arm[control]["n"]}
        note = "; ".join(doubts(by_arm[name], by_arm[control]))
        rows.append({"arm": name, **n, "estimate": gap, "se": se, **found, "note": note})
    return pd.DataFrame(rows).assign(override=despite)


def _weighted(y: Floats, stratum: Any, everybody: Any, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return an arm's mean over strata and its variance, of the customers and then of each draw within strata."""
    share = np.bincount(everybody) / len(everybody)
    parts = [_moments(y[stratum == number], draws, rng) for number in range(len(share))]
    means, variances = (np.array(column) for column in zip(*parts, strict=True))
    return share @ means, share**2 @ variances


def _moments(y: Floats, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the mean and its variance, of the customers and then of each draw.

    Zeros are all alike, so that only their number is drawn.
    """
    n, first = len(y), y.mean()
    off, some = y - first, y[y != 0] - first
    means, variances = [0.0], [float(off @ off / (n - 1) / n)]
    left = draws
    while left:
        batch = min(left, max(1, BATCH // max(len(some), 1)))
        others = rng.binomial(n, len(some) / n, batch)
        of_draw = np.repeat(np.arange(batch), others)
        drawn = some[rng.integers(0, max(len(some), 1), len(of_draw))]
        average = (np.bincount(of_draw, drawn, batch) - (n - others) * first) / n
        squares = (np.bincount(of_draw, drawn**2, batch) + (n - others) * first**2) / n
        means += average.tolist()
        variances += ((squares - average**2) / (n - 1)).tolist()
        left -= batch
    return np.array(means) + first, np.array(variances)
