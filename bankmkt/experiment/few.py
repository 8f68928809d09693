"""Whether an estimate rests on a handful of customers: one guard for every report of one."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bankmkt.experiment.estimate import Estimate

ONE = 0.25
"""Of the error's variance. Where one customer makes up more, the estimate is about that customer, and Lindeberg's
condition, under which its error is normal, is far off. It is no guarantee for the others: in simulations with heavy
tails the intervals that pass held the truth no more often than all did (tests/experiment/test_overview.py)."""

FIVE = 2 / 3
"""Of the error's variance, the same of five customers together."""

FEWEST = 200
"""Customers of an arm whose outcome is not 0 from which intervals of skewed money have been found to hold."""

FEW = f"fewer than {FEWEST} customers of an arm have one other than 0: the interval may be too narrow"

REASONS = {
    1: "one customer makes up more than a quarter of its error: it tells more of that customer than of the campaign",
    5: "five customers make up more than two thirds of its error: it tells more of them than of the campaign",
}


def share_of_error(found: Estimate, customers: int) -> float:
    """Return the share of an estimate's error variance that so many customers make up; missing without influence.

    Examples
    --------
    >>> found = Estimate.from_influence("difference", "logins", "ITT", 1.0, np.array([3.0, -3.0, 1.0, -1.0]), 2)
    >>> share_of_error(found, 1), share_of_error(found, 2)
    (0.45, 0.9)
    """
    if found.influence is None:
        return np.nan
    squares = np.sort(found.influence**2)[::-1]
    return float(squares[:customers].sum() / squares.sum()) if squares.any() else 0.0


def rests_on_few(found: Estimate) -> str:
    """Say why an estimate is not to be trusted if it rests on one customer, or on five; nothing otherwise.

    Which customers they are is not said. A rate, or an outcome whose outermost values are pulled in, seldom rests on
    a few.

    Examples
    --------
    >>> found = Estimate.from_influence("difference", "logins", "ITT", 1.0, np.array([9.0, -1.0, 1.0, -1.0]), 2)
    >>> rests_on_few(found)[:36]
    'one customer makes up more than a qu'
    >>> rests_on_few(Estimate.from_influence("difference", "logins", "ITT", 1.0, np.tile([1.0, -1.0], 50), 50))
    ''
    """
    if share_of_error(found, 1) > ONE:
        return REASONS[1]
    return REASONS[5] if share_of_error(found, 5) > FIVE else ""


def doubts(arm: Mapping[Any, Any], other: Mapping[Any, Any]) -> list[str]:
    """Say why the difference of two arms is not to be trusted: what :func:`rests_on_few` can say of their moments.

    Parameters
    ----------
    arm, other
        Rows of :func:`bankmkt.experiment.arms.moments`. Of an outcome other than yes/no some 200 customers must have
        one; and no single one may make up more than a quarter of the error (not known of ratios and whole units).

    Examples
    --------
    >>> usual = {"some": 900, "yes_no": False, "one": 0.1, "error": 1.0}
    >>> doubts(usual, usual), doubts(usual, usual | {"one": 0.6})[0][:12], doubts(usual, usual | {"some": 20})[0][:14]
    ([], 'one customer', 'fewer than 200')
    """
    found = [FEW] if not arm["yes_no"] and min(arm["some"], other["some"]) < FEWEST else []
    if max(arm["one"], other["one"]) > ONE * (arm["error"] + other["error"]):
        found.append(REASONS[1])
    return found
