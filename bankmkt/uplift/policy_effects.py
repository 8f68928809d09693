"""From scores to effects that may be taken at their word, and whom contact harms."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.confidence import LEVEL, Z
from bankmkt.experiment.estimate import standard_error
from bankmkt.privacy import K
from bankmkt.uplift.reasons import contrast
from bankmkt.uplift.study import Floats, Study

Flags = npt.NDArray[np.bool_]
TRAITS = 3


@dataclass(frozen=True)
class Line:
    """Expected effect of an arm: ``intercept + slope · score``, and the score up to which contact harms."""

    arm: str
    intercept: float
    slope: float
    harm_below: float

    def effect(self, score: Floats) -> Floats:
        """Return the expected effect, in units of the outcome."""
        return np.asarray(self.intercept + self.slope * score)


def line(arm: str, score: Floats, effects: Floats, ordered: bool) -> Line:
    """Fit the effect to a score by its best linear predictor; to everybody's mean where the order means nothing.

    Parameters
    ----------
    arm
        Its name.
    score, effects
        Out of fold, and of :func:`bankmkt.uplift.effect_scores`; equal scores have no slope.
    ordered
        Whether the score is better than chance.

    Notes
    -----
    Harmed are those for whom the upper limit of the line's simultaneous 95 % band (Scheffé) is below 0, if so
    is that of the effect measured on them: at its ends a line may run beyond what is there.
    """
    from scipy.stats import chi2

    mean = float(effects.mean())
    x = score - score.mean()
    slope = max(float(x @ effects / (x @ x)), 0.0) if ordered and np.ptp(score) > 0 else 0.0
    rest = effects - mean - slope * x
    if slope == 0.0:
        upper = mean + Z * standard_error(rest)
        return Line(arm, mean, 0.0, np.inf if upper < 0 else -np.inf)
    base, per_unit = rest / len(x), rest * x / (x @ x)
    at, n = np.unique(x), len(x)
    variance = (base @ base) + 2 * at * (base @ per_unit) + at**2 * (per_unit @ per_unit)
    below = at[mean + slope * at + np.sqrt(chi2.ppf(LEVEL, 2) * variance * n / (n - 2)) < 0]
    here = x <= below.max(initial=-np.inf)
    if not (here.any() and effects[here].mean() + Z * standard_error(effects[here] - effects[here].mean()) < 0):
        below = below[:0]
    return Line(
        arm, mean - slope * float(score.mean()), slope, float(below.max() + score.mean()) if len(below) else -np.inf
    )


def harmed(
    study: Study, psi: Floats, table: pd.DataFrame, lines: list[Line], judged: Flags, k: int = K
) -> pd.DataFrame:
    """Describe whom contact harms, and measure it on customers by whom they were not found.

    Parameters
    ----------
    study, psi, table
        All customers, their effect scores and the model's scores by arm.
    lines
        Found without the customers kept apart.
    judged
        Customers kept apart: the effect is theirs.
    k
        Fewest customers of an arm.

    Returns
    -------
    pandas.DataFrame
        A row per arm that harms a group of customers: arm, customers, share (of all), effect (on them, measured on
        those kept apart) with ci_lower, ci_upper, traits (in words, how they differ from the others). Groups with fewer
        than ``k`` customers in either arm are left out here, as they are from the list.
    """
    rows: list[dict[str, Any]] = []
    for place, each in enumerate(lines):
        here = table[each.arm].to_numpy() <= each.harm_below
        seen = here & judged
        if min((seen & (study.arm == place + 1)).sum(), (seen & (study.arm == 0)).sum()) < k:
            continue
        mine = psi[seen, place]
        half = Z * standard_error(mine - mine.mean())
        told = contrast(study.X, here)[:TRAITS] if not here.all() else []
        rows.append({
            "arm": each.arm, "customers": int(here.sum()), "share": float(here.mean()), "effect": float(mine.mean()),
            "ci_lower": float(mine.mean() - half), "ci_upper": float(mine.mean() + half), "traits": "; ".join(told),
        })  # fmt: skip
    return pd.DataFrame(rows, columns=["arm", "customers", "share", "effect", "ci_lower", "ci_upper", "traits"])
