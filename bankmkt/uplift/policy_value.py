"""What a choice of customers is worth: doubly robust, with intervals, beside other choices under the same limits."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import Z, holm
from bankmkt.experiment.estimate import standard_error
from bankmkt.uplift.gates import maxima
from bankmkt.uplift.policy_solver import Integers, Limit, solve
from bankmkt.uplift.study import Floats, Study

RARE = 1e-3
"""p-values below this are Bonferroni's: draws would be too few."""


def shares(arm: Integers, arms: int) -> Floats:
    """Return a choice as customers × treated arms: 1 where the arm is given.

    Examples
    --------
    >>> shares(np.array([0, 2]), 2).tolist()
    [[0.0, 0.0], [0.0, 1.0]]
    """
    return np.asarray(np.eye(arms + 1)[arm][:, 1:])


def worth(study: Study, effects: Floats, share: Floats) -> Floats:
    """Return each customer's yuan under a choice: value of the effect less cost; its mean is the choice's value."""
    return np.asarray((share * (study.value * effects - study.cost[1:])).sum(axis=1))


def others(
    study: Study, response: Floats | None, arm: Integers, fits: Mapping[str, float], seed: int
) -> dict[str, Floats]:
    """Return what is done without a model of uplift: nobody, everybody, by lot, and those who respond anyway.

    Parameters
    ----------
    study
        Of :class:`bankmkt.uplift.Study`.
    response
        Expected outcome in each treated arm; None if unknown.
    arm
        The choice by the model. The last two give every arm to as many customers.
    fits
        By arm, the share of customers who may be given it.
    seed
        Of lots between equals.
    """
    n, arms = len(arm), len(study.treated)
    counts = np.bincount(arm, minlength=arms + 1)[1:]
    out = {"nobody": np.zeros((n, arms))}
    for place, name in enumerate(study.treated):
        if fits[name] == 1 or arms > 1:
            everybody = f"everybody: {name}" if fits[name] == 1 else f"{name} at random"
            out[everybody] = fits[name] * shares(np.full(n, place + 1), arms)
    out["at random"] = np.tile(counts / n, (n, 1))
    if response is not None:
        limits = [Limit(name, np.eye(arms)[[place]], counts[place]) for place, name in enumerate(study.treated)]
        above = response - response.min() + max(float(np.ptp(response)), 1.0)
        out["by response"] = shares(solve(above, np.zeros(n, np.int64), limits, seed=seed, exact=False).arm, arms)
    return out


def compare(
    study: Study, psi: Floats, mine: str, tried: Mapping[str, Floats], rest: Mapping[str, Floats], limit: float
) -> pd.DataFrame:
    """Value the chosen model's choice and others, and their differences, on the same customers.

    Parameters
    ----------
    study, psi
        Customers whose scores were not learned from them, and their effect scores.
    mine
        The chosen model.
    tried
        Choices by all models among which it was chosen.
    rest
        Other choices, of :func:`others`.
    limit
        Standard errors on either side of the chosen one's value, for having been chosen.

    Returns
    -------
    pandas.DataFrame
        As :attr:`bankmkt.uplift.Policy.comparison`.
    """
    n, own = len(study), worth(study, psi, tried[mine])
    rows = [_valued(study, psi, f"by {mine}", tried[mine], limit)]
    for name, share in rest.items():
        base = worth(study, psi, share)
        apart = own - base
        se = standard_error(apart - apart.mean())
        row = _valued(study, psi, name, share, Z)
        row |= {"difference": n * float(apart.mean())}
        row |= {"difference_ci_lower": n * (apart.mean() - limit * se), "p_value": np.nan}
        row |= {"difference_ci_upper": n * (apart.mean() + limit * se)}
        if se > 0:
            every = np.column_stack([worth(study, psi, each) - base for each in tried.values()])
            row["p_value"] = _p_value(abs(float(apart.mean())) / se, every)
        rows.append(row)
    found = pd.DataFrame(rows)
    found["p_adjusted"] = holm(found["p_value"])
    return found


def _valued(study: Study, psi: Floats, name: str, share: Floats, limit: float) -> dict[str, Any]:
    each, n = worth(study, psi, share), len(study)
    half = limit * standard_error(each - each.mean())
    row: dict[str, Any] = {"policy": name, "customers": float(share.sum())}
    row |= {"cost": float(share.sum(axis=0) @ study.cost[1:]), "value": n * float(each.mean())}
    row |= {"ci_lower": n * (each.mean() - half), "ci_upper": n * (each.mean() + half)}
    if study.truth is not None:
        row["value_true"] = float(worth(study, study.truth, share).sum())
    empty = dict.fromkeys(("difference", "difference_ci_lower", "difference_ci_upper", "p_value"), np.nan)
    return row | empty


def _p_value(t: float, every: Floats) -> float:
    """Return the two-sided p-value of the chosen among several: of the largest of their errors."""
    from scipy.stats import norm

    alone = float(2 * norm.sf(t))
    many = every.shape[1] * alone
    largest = maxima(every) if many > RARE else None
    if largest is None:
        return alone if every.shape[1] == 1 else min(many, 1.0)
    joint = (1 + np.sum(largest >= t)) / (1 + len(largest))
    return float(min(max(alone, joint), many))
