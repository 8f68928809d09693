"""Which arm is best, how sure that is, and what choosing wrongly would cost."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import LEVEL
from bankmkt.errors import ParameterError, Refused, SchemaError, one_of

POINTS = 4001
"""Of the grid on which chances are added up."""


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
        Whether the first arm's chance reaches the level.
    says
        A sentence.
    """

    table: pd.DataFrame
    sure: bool
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
    means: Any, *, value: float = 1.0, cost: dict[str, float] | None = None, highest: bool = True, level: float = LEVEL
) -> Best:
    """Say how probably each arm is the best, and name the winner only if that is sure.

    Parameters
    ----------
    means
        Of :func:`bankmkt.experiment.arm_means`: a row per arm with mean and variance.
    value
        Yuan that a unit of the metric is worth, if ``cost`` is given.
    cost
        Yuan per customer of an arm; an arm that is not named costs nothing.
    highest
        Whether more is better.
    level
        Chance from which an arm is named the winner.

    Returns
    -------
    Best

    Raises
    ------
    SchemaError
        If a column is missing.
    ParameterError
        If an arm's cost is given that is not there, or the level is no share.

    Notes
    -----
    With many customers the means are normal, and with a flat prior so are the arms' true values given the data: arms
    are independent, so that the control's chance error is shared by all comparisons with it, as it should be. The
    chance that arm j is best is ∫ f_j Π F_i; the expected loss is E[max] − m_j (Scott 2010, *Applied Stochastic
    Models in Business and Industry* 26). The chance is that of one look at the planned size: for early looks see
    :func:`bankmkt.experiment.looks`.

    Examples
    --------
    >>> means = pd.DataFrame({"arm": ["control", "mail"], "mean": [1.0, 1.2], "variance": [0.005, 0.005]})
    >>> found = best_arm(means)
    >>> found.table[["arm", "p_best", "loss"]].round(3).to_dict("records")[0], found.sure, found.winner
    ({'arm': 'mail', 'p_best': 0.977, 'loss': 0.001}, True, 'mail')
    """
    from scipy.stats import norm

    for column in ("arm", "mean", "variance"):
        if column not in getattr(means, "columns", ()):
            raise SchemaError("means has no column", column, "a frame of arm_means", "pass it")
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0.5 <= level < 1:
        raise ParameterError("level", level, "a share from 0.5 and below 1", "such as 0.95")
    arms = [str(arm) for arm in means["arm"]]
    for arm in cost or {}:
        if arm not in arms:
            raise ParameterError("cost", arm, one_of(arms), "name the arms")
    price = np.array([float((cost or {}).get(arm, 0.0)) for arm in arms])
    values = means["mean"].to_numpy(float) * value - price
    se = np.sqrt(means["variance"].to_numpy(float)) * abs(value)
    sign = 1.0 if highest else -1.0
    centre, spread = sign * values, np.maximum(se, 1e-12 * max(1.0, np.abs(values).max()))
    grid = np.linspace((centre - 8 * spread).min(), (centre + 8 * spread).max(), POINTS)
    below = norm.cdf((grid[:, None] - centre) / spread)
    edges = np.diff(below, axis=0)
    middle = (below[1:] + below[:-1]) / 2
    chance = np.array([(edges[:, j] * np.delete(middle, j, axis=1).prod(axis=1)).sum() for j in range(len(arms))])
    chance /= chance.sum()
    largest = below.prod(axis=1)
    expected = float((np.diff(largest) * (grid[1:] + grid[:-1]) / 2).sum() + grid[0] * largest[0])
    table = pd.DataFrame({"arm": arms, "value": values, "se": se, "p_best": chance, "loss": expected - centre})
    table["loss"] = table["loss"].clip(lower=0.0)
    table = table.sort_values("p_best", ascending=False, kind="stable", ignore_index=True)
    first, sure = table.iloc[0], bool(table["p_best"].iloc[0] >= level)
    says = f"{first['arm']} is the best arm with a probability of {first['p_best']:.1%}"
    return Best(table, sure, says if sure else f"{says}, and {level:.0%} is asked for")
