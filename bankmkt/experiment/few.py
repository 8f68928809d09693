"""Whether an estimate rests on a handful of customers: one guard for every report of one."""

import numpy as np

from bankmkt.experiment.estimate import Estimate

ONE = 0.25
"""Of the error's variance. Where one customer makes up more, the estimate is about that customer, and Lindeberg's
condition, under which its error is normal, is far off. It is no guarantee for the others: in simulations with heavy
tails the intervals that pass held the truth no more often than all did (tests/experiment/test_overview.py)."""

FIVE = 2 / 3
"""Of the error's variance, the same of five customers together."""

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
