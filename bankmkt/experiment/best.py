"""Which arm is best, how sure that is, and what choosing wrongly would cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import LEVEL
from bankmkt.errors import DataError, ParameterError, Refused, SchemaError, one_of
from bankmkt.experiment.design import Checks, Design, passed

POINTS = 2001
"""Of each arm's distribution, on which chances are added up."""

SURE = (1 + LEVEL) / 2
"""Probability from which an arm is named: of two arms that do not differ, one is in 5 % of experiments."""


@dataclass(frozen=True)
class Best:
    """What :func:`best_arm` found.

    Parameters
    ----------
    table
        A row per arm, the likeliest best first: arm, value (mean of the metric, less the arm's cost), se, p_best
        (chance that it is the best of all), loss (what choosing it is expected to cost against the best, per
        customer).
    sure
        Whether the first arm's chance reaches the level, and is to be trusted.
    level
        That chance.
    says
        A sentence.
    """

    table: pd.DataFrame
    sure: bool
    level: float
    says: str

    @property
    def winner(self) -> str:
        """Name of the best arm.

        Raises
        ------
        Refused
            If no arm is surely enough the best.
        """
        if not self.sure:
            raise Refused(
                f"no winner is named: {self.says}", todo="go on with more customers, or choose by expected loss"
            )
        return str(self.table["arm"].iloc[0])


def best_arm(
    means: Any,
    *,
    checks: Checks | None,
    override: Sequence[str] = (),
    value: float = 1.0,
    cost: Mapping[str, float] | None = None,
    highest: bool = True,
    level: float = SURE,
) -> Best:
    """Say how probably each arm is the best, and name the winner only if that is sure.

    Parameters
    ----------
    means
        Of :func:`bankmkt.experiment.arm_means`: a row per arm with mean and variance, and their df, covariance and
        note if there are. Where a note says that few customers have an outcome other than 0, or that one makes up much
        of the error, no arm is surely the best.
    checks, override
        Of :func:`bankmkt.experiment.check`, of the frame and the design (arm, strata, cluster) that the means were made
        with: if one failed that is not overridden, no arm is called the best. None if the means are no experiment's of
        this package.
    value
        Yuan that a unit of the metric is worth, if ``cost`` is given.
    cost
        Yuan per customer of an arm; an arm that is not named costs nothing.
    highest
        Whether more is better.
    level
        Chance from which an arm is named the winner. Of two arms that do not differ one is named in 2 (1 − level) of
        experiments: 5 % by default, as often as a 95 % interval of their difference leaves 0 out.

    Returns
    -------
    Best

    Raises
    ------
    Refused
        If a check failed or is of another design than the means, or an arm's mean is withheld.
    SchemaError
        If a column is missing.
    DataError
        If there are fewer than two arms, or one twice.
    ParameterError
        If an arm's cost is given that is not there, or a number is none.

    Notes
    -----
    With many customers the means are normal (with few units t), and with a flat prior so are the arms' true values
    given the data. What arms have in common, by strata or a covariate, moves all of them and decides nothing: it is
    taken off (exactly for two or three arms, by least squares over the pairs for more), and what is left is
    independent. The chance that arm j is best is ∫ f_j Π F_i; the expected loss is E[max] − m_j (Scott 2010, *Applied
    Stochastic Models in Business and Industry* 26). The chance is that of one look at the planned size: for early looks
    see :func:`bankmkt.experiment.looks`.

    Examples
    --------
    >>> means = pd.DataFrame({"arm": ["control", "mail"], "mean": [1.0, 1.2], "variance": [0.005, 0.005]})
    >>> found = best_arm(means, checks=None)
    >>> found.table[["arm", "p_best", "loss"]].round(3).to_dict("records")[0], found.sure, found.winner
    ({'arm': 'mail', 'p_best': 0.977, 'loss': 0.001}, True, 'mail')
    """
    from scipy.special import expit
    from scipy.stats import t

    for column in ("arm", "mean", "variance"):
        if column not in getattr(means, "columns", ()):
            raise SchemaError("means has no column", column, "a frame of arm_means", "pass it")
    arms = [str(arm) for arm in means["arm"]]
    if len(arms) < 2 or len(set(arms)) < len(arms):
        raise DataError("arms", arms, "two or more, each once", "pass what arm_means returned")
    despite = "" if checks is None else passed(checks, override, _design(means), _customers(means))
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0.5 <= level < 1:
        raise ParameterError("level", level, "a share from 0.5 and below 1", "such as 0.95")
    if not isinstance(highest, bool | np.bool_):
        raise ParameterError("highest", highest, "True or False", "whether more is better")
    _number("value", value, "a number other than 0", ok=lambda number: number != 0)
    if cost is not None and not isinstance(cost, Mapping):
        raise ParameterError("cost", cost, "yuan per customer by arm", 'such as cost={"mail": 2.0}')
    for arm, each in (cost or {}).items():
        if arm not in arms:
            raise ParameterError("cost", arm, one_of(arms), "name the arms")
        _number(f"cost of {arm}", each, "yuan per customer, 0 or more", ok=lambda number: number >= 0)
    if means["mean"].isna().any():
        raise Refused("an arm's mean is withheld, so none is the best", todo="wait for more customers with an outcome")
    price = np.array([float((cost or {}).get(arm, 0.0)) for arm in arms])
    values = means["mean"].to_numpy(float) * value - price
    se = np.sqrt(means["variance"].to_numpy(float)) * abs(value)
    sign = 1.0 if highest else -1.0
    own = np.sqrt(np.clip(_alone(means), 0.0, None)) * abs(value)
    centre, spread = sign * values, np.maximum(own, 1e-12 * max(1.0, np.abs(values).max()))
    df = means["df"].to_numpy(float) if "df" in means else np.full(len(arms), np.inf)
    at = t.ppf(expit(np.linspace(-18, 18, POINTS))[:, None], df)
    grid = np.unique(centre + spread * at)
    below = t.cdf((grid[:, None] - centre) / spread, df)
    edges = np.diff(below, axis=0)
    middle = (below[1:] + below[:-1]) / 2
    chance = np.array([(edges[:, j] * np.delete(middle, j, axis=1).prod(axis=1)).sum() for j in range(len(arms))])
    chance /= chance.sum()
    largest = below.prod(axis=1)
    expected = float((np.diff(largest) * (grid[1:] + grid[:-1]) / 2).sum() + grid[0] * largest[0])
    table = pd.DataFrame({"arm": arms, "value": values, "se": se, "p_best": chance, "loss": expected - centre})
    table["loss"] = table["loss"].clip(lower=0.0)
    table = table.sort_values("p_best", ascending=False, kind="stable", ignore_index=True)
    first, likely = table.iloc[0], bool(table["p_best"].iloc[0] >= level)
    doubts = list(dict.fromkeys(note for note in means.get("note", pd.Series(dtype=str)) if note))
    says = f"{first['arm']} is the best arm with a probability of {first['p_best']:.1%}"
    says = says if likely else f"{says}, and {100 * level:g}% is asked for"
    says = f"{says}, which is not to be trusted ({'; '.join(doubts)})" if doubts else says
    return Best(table, likely and not doubts, float(level), "; ".join(filter(None, (says, despite))))


def _design(means: pd.DataFrame) -> Design:
    """Return the design that the means were made under."""
    design = means.attrs.get("design")
    if not isinstance(design, Design):
        todo = "make them with bm.experiment.arm_means, and pass on its frame; or checks=None"
        raise Refused("the means do not say under which design they were made", todo=todo)
    return design


def _customers(means: pd.DataFrame) -> dict[str, int]:
    """Return each arm's customers, with and without an outcome, where that may be shown."""
    known = means[means["missing"].notna()]
    return {str(arm): int(number) for arm, number in zip(known["arm"], known["n"] + known["missing"], strict=True)}


def _number(what: str, value: Any, expected: str, *, ok: Callable[[float], bool]) -> None:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not np.isfinite(value) or not ok(float(value)):
        raise ParameterError(what, value, expected, "such as 2.5")


def _alone(means: pd.DataFrame) -> np.ndarray:
    """Return each arm's variance without what it has in common with the others."""
    variance = means["variance"].to_numpy(float)
    if "covariance" not in means:
        return variance
    pairs = list(combinations(range(len(means)), 2))
    names, shared = means["arm"].tolist(), means["covariance"].tolist()
    both = np.zeros((len(pairs), len(means)))
    for row, pair in enumerate(pairs):
        both[row, list(pair)] = 1.0
    common = np.linalg.lstsq(both, 2 * np.array([shared[i][names[j]] for i, j in pairs]), rcond=None)[0]
    return np.asarray(variance - common)
