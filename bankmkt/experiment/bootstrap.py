"""The effect on money that a few customers have most of: an interval that does not take its error to be normal."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.confidence import LEVEL, Z
from bankmkt.errors import ParameterError, Refused, SchemaError, one_of
from bankmkt.experiment.arms import FEWEST, Metric, moments, named_arms
from bankmkt.experiment.check import Checks, check
from bankmkt.experiment.estimate import column, local, outcome_values
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
    planned: Mapping[str, float] | None = None,
    checks: Checks | None = None,
    override: Sequence[str] = (),
    draws: int = 2000,
    seed: int = 7,
    k: int = K,
) -> pd.DataFrame:
    """Estimate each arm's effect on a heavy-tailed outcome, with the wider of the usual and a bootstrap-t interval.

    The customers of each arm are drawn again, with replacement, and the difference less the estimate is divided by its
    own standard error in each draw; the quantiles of that take the place of the normal's, so that the interval leans as
    the outcome leans. By itself it is too narrow where few customers have all of the money and the arms are alike; so
    each limit is the farther one of it and of the usual interval.

    Parameters
    ----------
    frame
        Ibis table or pandas frame, a row per customer.
    outcome
        Column of numbers, missing for nobody.
    covariate
        Column known before, that the outcome is adjusted for (CUPED).
    arm, control, planned, override, k
        As in :func:`bankmkt.experiment.effects`.
    checks
        Of :func:`bankmkt.experiment.check`, if it has been run; otherwise it is.
    draws
        How often customers are drawn again.
    seed
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        A row per arm but the control: arm, n, n_control, estimate, se, ci_lower, ci_upper (95 %), p_value (the
        larger of both), override.

    Raises
    ------
    Refused
        If a check fails that is not overridden, an outcome is missing, or fewer than 200 customers of an arm
        have an outcome other than 0: then no interval of a mean is to be trusted.
    ParameterError, SchemaError
        If an argument is not as above.

    Notes
    -----
    Efron & Tibshirani (1993), *An Introduction to the Bootstrap*, 12.5; Hall (1992), *The Bootstrap and Edgeworth
    Expansion*: the interval's error falls as 1/n, the normal's as 1/√n. What simulations found for log-normal money,
    also of few buyers, is in docs/validation.md; with 16 to 50 buyers an arm, bootstrap-t alone was wrong of arms that
    do not differ in 9 to 13 % of experiments. Where the variance is infinite nothing helps but winsorising
    (:class:`bankmkt.experiment.Metric`).

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
    columns = [arm, outcome, *([covariate] if covariate else [])]
    for name in columns:
        if name not in getattr(frame, "columns", ()):
            raise SchemaError("frame has no column", name, one_of(getattr(frame, "columns", [])), "name another")
    control = str(control)
    if checks is None:
        before = [covariate] if covariate else []
        checks = check(frame, arm=arm, control=control, planned=planned, before=before, outcomes=[outcome], k=k)
    despite = checks.gate(override)
    people = named_arms(frame[columns] if isinstance(frame, pd.DataFrame) else local(frame.select(*columns)), arm)
    y = outcome_values(people, outcome)
    means, slope = moments(people, Metric(outcome, covariate=covariate), arm=arm, k=k)
    if control not in set(means["arm"]):
        raise ParameterError("control", control, one_of(means["arm"]), "name the arm that was left alone")
    if (means["some"] < FEWEST).any():
        raise Refused(
            f"fewer than {FEWEST} customers of an arm have {outcome} other than 0, too few for an interval of its mean",
            todo="compare how many have any, or Metric(..., limits=...) fixed in advance",
        )
    names = [control, *(name for name in means["arm"] if name != control)]
    place = pd.Categorical(column(people, arm), categories=names).codes
    if covariate is not None:
        x = outcome_values(people, covariate)
        y = y - slope * (x - x.mean())
    rng = np.random.default_rng(seed)
    arms = [_moments(y[place == number], draws, rng) for number in range(len(names))]
    base = arms[0]
    rows = []
    for name, own in zip(names[1:], arms[1:], strict=True):
        gap, se = own[0][0] - base[0][0], float(np.sqrt(own[1][0] + base[1][0]))
        spread = np.sqrt(own[1][1:] + base[1][1:])
        moved = own[0][1:] - base[0][1:] - gap
        t = np.divide(moved, spread, out=np.zeros(draws), where=spread > 0)
        low, high = np.quantile(t, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        beyond = np.mean(t >= gap / se), np.mean(t <= gap / se)
        p = max(2 * min(beyond), 2 / draws, 2 * ndtr(-abs(gap) / se))
        rows.append({
            "arm": name, "n": own[2], "n_control": base[2], "estimate": float(gap), "se": se,
            "ci_lower": float(gap - max(high, Z) * se), "ci_upper": float(gap - min(low, -Z) * se),
            "p_value": float(min(1.0, p)),
        })  # fmt: skip
    return pd.DataFrame(rows).assign(override=despite)


def _moments(y: Floats, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats, int]:
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
    return np.array(means) + first, np.array(variances), n
