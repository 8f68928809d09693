"""How good scores are, as arithmetic on arrays: ranks, the best tenth, calibration; with weights, for resampling."""

from collections.abc import Callable, Iterator
from statistics import NormalDist
from typing import Any

import numpy as np

LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
"""Standard errors on either side of a figure."""
BINS = 10
_CELLS = 500_000
"""Weights that are in memory at a time."""

Measure = Callable[[np.ndarray], Any]
"""From a weight per row to a figure; from draws × rows to a figure a draw."""


def groups_of(score: np.ndarray) -> np.ndarray:
    """Return the rank of each score, equal ones alike, from 0 for the lowest; missing scores come lowest."""
    lowest = np.nanmin(score) - 1 if np.isfinite(score).any() else 0.0
    ranks: np.ndarray = np.unique(np.where(np.isnan(score), lowest, score), return_inverse=True)[1]
    return ranks


def _running(values: np.ndarray) -> np.ndarray:
    """Return sums of the first 0, 1, 2, … values along the last axis."""
    sums = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=sums[..., 1:])
    return sums


def auc(score: np.ndarray, happened: np.ndarray) -> Measure:
    """Return the AUC: the chance that of two rows, one where it happened, that one scored higher; ties count half.

    Examples
    --------
    >>> float(auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))(np.ones(4)))
    0.75
    """
    rank = groups_of(score)
    order = np.argsort(rank, kind="stable")
    rank, not_happened = rank[order], 1 - happened[order]
    yes = np.flatnonzero(not_happened == 0)
    first, last = (np.searchsorted(rank, rank[yes], side) for side in ("left", "right"))

    def measure(weight: np.ndarray) -> Any:
        weight = weight[..., order]
        no = _running(weight * not_happened)
        own = weight[..., yes]
        below = (no[..., first] + no[..., last]) / 2
        return (own * below).sum(axis=-1) / (own.sum(axis=-1) * no[..., -1])

    return measure


def captured(score: np.ndarray, happened: np.ndarray, share: "float | np.ndarray") -> Measure:
    """Return which part of all that happened lies in the highest-scored share of rows; ties are split evenly.

    Of several shares, a figure each, along the last axis.

    Examples
    --------
    >>> float(captured(np.array([4.0, 3, 2, 1]), np.array([1, 0, 1, 0]), 0.25)(np.ones(4)))
    0.5
    """
    rank = -groups_of(score)
    order = np.argsort(rank, kind="stable")
    ends = np.r_[0, 1 + np.flatnonzero(np.diff(rank[order], append=1))]
    wanted, yes = np.asarray(share), happened[order]

    def measure(weight: np.ndarray) -> Any:
        weight = weight[..., order]
        sums = (_running(part)[..., ends].reshape(-1, ends.size) for part in (weight, weight * yes))
        found = np.array(
            [np.interp(wanted * rows[-1], rows, told) / told[-1] for rows, told in zip(*sums, strict=True)]
        )
        return found.reshape((*weight.shape[:-1], *wanted.shape))

    return measure


def lift(score: np.ndarray, happened: np.ndarray, share: float = 0.1) -> Measure:
    """Return how many times more often it happened in the highest-scored share of rows than on average."""
    part = captured(score, happened, share)
    return lambda weight: part(weight) / share


def bins_of(probability: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return the bin of each probability: as many rows in each as ties allow."""
    edges = np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1])
    return np.searchsorted(edges, probability, side="right")


def bin_gaps(probability: np.ndarray, happened: np.ndarray, bins: int = BINS) -> Measure:
    """Return, for each bin of like probability, the gap to what happened times the bin's share of all rows."""
    gaps = np.zeros((probability.size, bins))
    gaps[np.arange(probability.size), bins_of(probability, bins)] = probability - happened
    return lambda weight: weight @ gaps / weight.sum(axis=-1, keepdims=True)


def calibration_error(probability: np.ndarray, happened: np.ndarray, bins: int = BINS) -> Measure:
    """Return the expected calibration error: over bins of like probability, the mean gap to what happened.

    References
    ----------
    Naeini, M. P. et al. (2015), Obtaining well calibrated probabilities using Bayesian binning, AAAI.

    Examples
    --------
    >>> float(calibration_error(np.array([0.2, 0.2, 0.9, 0.9]), np.array([0, 0, 1, 1]), 2)(np.ones(4)).round(3))
    0.15
    """
    gaps = bin_gaps(probability, happened, bins)
    return lambda weight: np.abs(gaps(weight)).sum(axis=-1)


def chance_gaps(
    probability: np.ndarray, happened: np.ndarray, customers: np.ndarray, draws: int, seed: int
) -> np.ndarray:
    """Return the bins' gaps (draws × bins) that right probabilities show: of outcomes drawn by the probabilities.

    Outcomes of neighbouring months are partly the same events. So a customer-month takes its customer's luck with the
    chance that makes a customer's months as alike as they are seen to be (:func:`_shared`), else luck of its own.

    Examples
    --------
    >>> half, y = np.full(1_000, 0.5), np.tile([0, 1], 500)
    >>> gaps = chance_gaps(half, y, np.arange(1_000), 500, 1)
    >>> np.abs(gaps).sum(axis=1).mean().round(3)  # √(2/π) · 0.5 / √1000, one bin
    np.float64(0.012)
    """
    known, row = np.unique(customers, return_inverse=True)
    number, rng = bins_of(probability), np.random.default_rng(seed)
    expected = np.bincount(number, probability, minlength=BINS)
    shared = np.sqrt(_shared(probability, happened, row, number))
    found = np.empty((draws, BINS))
    for draw in range(draws):
        luck = rng.random(known.size)[row]
        if shared < 1:
            luck = np.where(rng.random(row.size) < shared, luck, rng.random(row.size))
        found[draw] = expected - np.bincount(number[luck < probability], minlength=BINS)
    return found / row.size


def _shared(probability: np.ndarray, happened: np.ndarray, row: np.ndarray, number: np.ndarray) -> float:
    """Return how alike a customer's months are: 0 if they have luck of their own, 1 if they have one.

    The sum of products of two months' surprises (less their bin's mean) over that of one luck, min(p, q) − p q.
    """
    order = np.lexsort((probability, row))
    p, who = probability[order], row[order]
    months = np.bincount(who)
    if months.max() == 1:
        return 0.0
    above = months[who] - 1 - (np.arange(p.size) - (np.cumsum(months) - months)[who])
    surprise = happened - probability
    surprise = surprise - (np.bincount(number, surprise) / np.maximum(np.bincount(number), 1))[number]
    seen, alike = (
        float((np.bincount(row, x) ** 2).sum() - (x**2).sum()) for x in (surprise, probability)
    )  # fmt: skip
    one_luck = float(2 * (p * above).sum()) - alike
    return min(max(seen / one_luck, 0.0), 1.0) if one_luck > 0 else 0.0


def without_chance(seen: float, gaps: np.ndarray, probability: np.ndarray) -> float:
    """Return the calibration error that, with chance, gives on average the one seen; 0 if chance alone gives more.

    Exact where all bins are off by as much; where few are, it is rather too high.

    Parameters
    ----------
    seen
        The calibration error.
    gaps
        Of :func:`chance_gaps`.
    probability
        Whose bins they are.
    """
    from scipy.optimize import brentq

    parts = np.bincount(bins_of(probability), minlength=BINS) / probability.size

    def excess(error: float) -> float:
        return float(np.abs(error * parts + gaps).sum(axis=1).mean()) - seen

    gaps = np.concatenate([gaps, -gaps])  # chance has no direction
    return 0.0 if excess(0.0) >= 0 else float(brentq(excess, 0.0, 1.01 * seen))


def error_width(moved: np.ndarray, gaps: np.ndarray) -> float:
    """Return how far a calibration error may be from the true one, with at least 95% confidence.

    The mean gap over bins cannot be off by more than the bins' gaps are: by what they move by between resamples, or by
    chance alone where that is more (few outcomes in a bin make resamples too alike).

    Parameters
    ----------
    moved
        Of each draw, the bins' gaps less those seen.
    gaps
        Of :func:`chance_gaps`.
    """
    return float(max(np.quantile(np.abs(one).sum(axis=-1), LEVEL) for one in (moved, gaps)))


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
