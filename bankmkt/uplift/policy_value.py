"""What a choice of customers is worth: doubly robust, with intervals, beside other choices under the same limits."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.confidence import Z, holm
from bankmkt.experiment.estimate import standard_error
from bankmkt.uplift.policy_solver import Integers, Limit, solve
from bankmkt.uplift.qini import crossed
from bankmkt.uplift.study import Floats, Study

Flags = npt.NDArray[np.bool_]


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
    study: Study, psi: Floats, judged: Flags, mine: tuple[str, Floats], rest: Mapping[str, Floats], held_out: bool
) -> pd.DataFrame:
    """Value a list and other choices, and their differences, on the customers kept apart, as for all customers.

    Parameters
    ----------
    study, psi
        All customers, and their effect scores.
    judged
        Customers kept apart: nothing about the list was learned from them.
    mine
        The list's name and shares.
    rest
        Other choices, of :func:`others`.
    held_out
        As of :func:`bankmkt.uplift.evaluate`.

    Returns
    -------
    pandas.DataFrame
        As :attr:`bankmkt.uplift.Policy.comparison`.
    """
    from scipy.stats import norm

    n, own = len(study), _own(study, psi, judged, mine[1])
    rows = [_valued(study, mine[0], mine[1], own, held_out)]
    for name, share in rest.items():
        base = _own(study, psi, judged, share)
        apart, se = float((own[0] - base[0]).mean()), _error(own[0] - base[0], own[1] - base[1], held_out)
        row = _valued(study, name, share, base, held_out) | {"difference": n * apart}
        row |= {"difference_ci_lower": n * (apart - Z * se), "difference_ci_upper": n * (apart + Z * se)}
        rows.append(row | {"p_value": float(2 * norm.sf(abs(apart) / se)) if se > 0 else np.nan})
    found = pd.DataFrame(rows)
    found["p_adjusted"] = holm(found["p_value"])
    return found


def _own(study: Study, psi: Floats, judged: Flags, share: Floats) -> tuple[Floats, Floats]:
    """Return yuan of each customer kept apart: by a choice, and if as many were drawn by lot."""
    lot = np.broadcast_to(share[judged].mean(axis=0), share.shape)
    return worth(study, psi, share)[judged], worth(study, psi, lot)[judged]


def _error(own: Floats, lot: Floats, held_out: bool) -> float:
    return standard_error(crossed(own - own.mean(), lot - lot.mean(), held_out))


def _valued(study: Study, name: str, share: Floats, own: tuple[Floats, Floats], held_out: bool) -> dict[str, Any]:
    n, mean = len(study), float(own[0].mean())
    half = Z * _error(*own, held_out)
    row: dict[str, Any] = {"policy": name, "customers": float(share.sum())}
    row |= {"cost": float(share.sum(axis=0) @ study.cost[1:]), "value": n * mean}
    row |= {"ci_lower": n * (mean - half), "ci_upper": n * (mean + half)}
    if study.truth is not None:
        row["value_true"] = float(worth(study, study.truth, share).sum())
    return row | dict.fromkeys(("difference", "difference_ci_lower", "difference_ci_upper", "p_value"), np.nan)
