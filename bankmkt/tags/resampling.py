"""Intervals of figures about customers who count several times: customers drawn anew, and effective numbers of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from bankmkt.confidence import LEVEL, Z

_CELLS = 500_000
"""Weights that are in memory at a time."""


def resampled(customers: np.ndarray, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield weights, draws × rows, that stand for customers drawn anew with all their months; some draws at a time."""
    known, row = np.unique(customers, return_inverse=True)
    rng = np.random.default_rng(seed)
    left, most = resamples, max(1, _CELLS // row.size)
    while left > 0:
        drawn = [np.bincount(rng.integers(0, known.size, known.size), minlength=known.size)[row]
                 for _ in range(min(left, most))]  # fmt: skip
        yield np.array(drawn, dtype=float)
        left -= most


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the range that holds 95% of some figures."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def around(value: float, resampled: np.ndarray, least: float = -np.inf, most: float = np.inf) -> tuple[float, float]:
    """Return a figure's 95% interval: 1.96 standard deviations of the resampled figures on either side."""
    width = Z * spread(resampled)
    return max(value - width, least), min(value + width, most)


def spread(resampled: np.ndarray) -> float:
    """Return the standard deviation of resampled figures; draws that have none are left out."""
    told = resampled[np.isfinite(resampled)]
    return float(np.std(told, ddof=1)) if told.size > 1 else np.nan


def auc_interval(value: float, resampled: np.ndarray, fewer: int) -> tuple[float, float]:
    """Return the 95% interval of an AUC, on the scale of its log odds: near 1 the plain one would be too short.

    As resamples of n customers are too alike by (n − 1) ÷ n, and tell the variance no better than n values do, the
    spread is corrected for both (Student's t).

    Parameters
    ----------
    value, resampled
        The AUC, and those of the resamples.
    fewer
        Customers with, or without, the outcome, whichever are fewer; over 1. Without a single wrong pair the interval
        is that of so many customers who all came right.

    References
    ----------
    Qin, G. and Hotilovac, L. (2008), Comparison of non-parametric confidence intervals for the area under the ROC curve
    of a continuous-scale diagnostic test, Statistical Methods in Medical Research 17.

    Examples
    --------
    >>> np.round(auc_interval(0.9, np.array([0.85, 0.95]), 30), 3).tolist()
    [0.637, 0.979]
    >>> np.round(auc_interval(1.0, np.ones(9), 30), 3).tolist()
    [0.884, 1.0]
    """
    if not 0 < value < 1:
        far = float(((1 - LEVEL) / 2) ** (1 / fewer))
        return (far, 1.0) if value == 1 else (0.0, 1 - far)
    from scipy.stats import t

    wide = float(t.isf((1 - LEVEL) / 2, fewer - 1)) * (fewer / (fewer - 1)) ** 0.5
    odds, width = np.log(value / (1 - value)), wide * spread(resampled) / (value * (1 - value))
    low, high = 1 / (1 + np.exp(-(odds + np.array([-width, width]))))
    return float(low), float(high)


def share_interval(happened: np.ndarray, customers: np.ndarray) -> tuple[float, float]:
    """Return the 95% interval of a frequency when a customer's rows are alike: :func:`korn_graubard`.

    Examples
    --------
    >>> happened = np.repeat([1.0, 0.0], [10, 90])
    >>> twice = share_interval(np.tile(happened, 2), np.tile(np.arange(100), 2))
    >>> np.round([share_interval(happened, np.arange(100)), twice], 2).tolist()
    [[0.05, 0.18], [0.05, 0.18]]
    """
    known, who = np.unique(customers, return_inverse=True)
    share = float(happened.mean())
    apart = np.bincount(who, happened - share)
    low, high = korn_graubard(share, float(apart @ apart), happened.size, known.size)
    return float(low), float(high)


def korn_graubard(share: Any, squares: Any, rows: Any, customers: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95% intervals of shares of rows that come in customers, by Korn and Graubard.

    The variance, squares ÷ rows² × n ÷ (n − 1) of n customers, tells how many independent rows would say as much; they
    are corrected for how little n customers tell of a variance (Student's t), are 1 at least and all rows at most, and
    have the interval of Clopper and Pearson. Where all rows are alike the variance is unknown and each customer counts
    once.

    Parameters
    ----------
    share
        Of rows; arrays or numbers, as all here.
    squares
        Sum over customers of (own rows that count − share × own rows)².
    rows, customers
        How many.

    References
    ----------
    Korn, E. L. and Graubard, B. I. (1998), Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data, Survey Methodology 24.

    Examples
    --------
    >>> low, high = korn_graubard(0.0, 0.0, 20, 20)
    >>> float(low), float(high.round(4))
    (0.0, 0.1684)
    """
    from scipy.stats import beta, t

    share, squares, rows, customers = (np.asarray(one, dtype=float) for one in (share, squares, rows, customers))
    free = np.maximum(customers - 1, 1)
    variance, apart = np.maximum(squares, 0) / rows**2 * customers / free, share * (1 - share)
    known = (variance > 0) & (apart > 0)
    size = np.where(known, apart, customers) / np.where(known, variance, 1)
    tail = (1 - LEVEL) / 2
    size = np.clip(size * (t.isf(tail, np.maximum(rows - 1, 1)) / t.isf(tail, free)) ** 2, 1, rows)
    x = share * size
    low = np.where(x > 0, beta.ppf(tail, np.maximum(x, 1e-12), size - x + 1), 0.0)
    high = np.where(x < size, beta.isf(tail, x + 1, np.maximum(size - x, 1e-12)), 1.0)
    return low, high
