"""The effect on money that a few customers have most of: an interval that does not take its error to be normal."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.confidence import LEVEL
from bankmkt.errors import ParameterError, one_of
from bankmkt.experiment.arms import named_arms
from bankmkt.experiment.check import arm_names
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
    draws: int = 2000,
    seed: int = 7,
    k: int = K,
) -> pd.DataFrame:
    """Estimate each arm's effect on a heavy-tailed outcome, with a bootstrap-t interval.

    The customers of each arm are drawn again, with replacement, and the difference less the estimate is divided by its
    own standard error in each draw; the interval uses the quantiles of that in place of the normal's. It leans the way
    the outcome leans, and holds the truth more often than the usual one where a few customers have most of the money.
    Run :func:`bankmkt.experiment.check` first.

    Parameters
    ----------
    frame
        Ibis table or pandas frame, a row per customer.
    outcome
        Column of numbers, missing for nobody.
    covariate
        Column known before, that the outcome is adjusted for (CUPED).
    arm, control, k
        As in :func:`bankmkt.experiment.effects`.
    draws
        How often customers are drawn again.
    seed
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        A row per arm but the control: arm, n, n_control, estimate, se, ci_lower, ci_upper (95 %), p_value.

    Raises
    ------
    Refused
        If an arm is too small or an outcome is missing.
    ParameterError
        If an argument is not as above.

    Notes
    -----
    Efron & Tibshirani (1993), *An Introduction to the Bootstrap*, 12.5; Hall (1992), *The Bootstrap and Edgeworth
    Expansion*: the interval's error falls as 1/n, the normal's as 1/√n. Where the variance is infinite nothing helps
    but winsorising (:class:`bankmkt.experiment.Metric`).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> people = pd.DataFrame({"arm": rng.choice(["control", "mail"], 600), "spent": rng.lognormal(3, 1.5, 600)})
    >>> found = bootstrap(people, "spent", draws=500).iloc[0]
    >>> bool(found["ci_lower"] < found["estimate"] < found["ci_upper"])
    True
    """
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 200:
        raise ParameterError("draws", draws, "a whole number from 200", "pass draws=2000")
    columns = [arm, outcome, *([covariate] if covariate else [])]
    for name in columns:
        if name not in getattr(frame, "columns", ()):
            raise ParameterError("column", name, one_of(getattr(frame, "columns", [])), "name a column of the frame")
    people = named_arms(frame if isinstance(frame, pd.DataFrame) else local(frame.select(*columns)), arm)
    names = arm_names(people, arm, control, k)
    y, place = outcome_values(people, outcome), pd.Categorical(column(people, arm), categories=names).codes
    if covariate is not None:
        x = outcome_values(people, covariate)
        off, rest = (v - np.array([v[place == a].mean() for a in range(len(names))])[place] for v in (x, y))
        y = y - (off @ rest / (off @ off)) * (x - x.mean()) if off @ off > 0 else y
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
        rows.append({
            "arm": name, "n": own[2], "n_control": base[2], "estimate": float(gap), "se": se,
            "ci_lower": float(gap - high * se), "ci_upper": float(gap - low * se),
            "p_value": float(min(1.0, max(2 * min(beyond), 2 / draws))),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _moments(y: Floats, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats, int]:
    """Return the mean and its variance, of the customers and then of each draw."""
    n = len(y)
    first = y.mean()
    off = y - first
    means, variances = [0.0], [float(off @ off / (n - 1) / n)]
    left = draws
    while left:
        batch = min(left, max(1, BATCH // n))
        drawn = off[rng.integers(0, n, (batch, n))]
        average = drawn.mean(axis=1)
        means += average.tolist()
        variances += (((drawn**2).mean(axis=1) - average**2) / (n - 1)).tolist()
        left -= batch
    return np.array(means) + first, np.array(variances), n
