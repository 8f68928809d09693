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


def chance_errors(probability: np.ndarray, customers: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Return calibration errors that right probabilities show: of outcomes drawn by the probabilities themselves.

    A customer has one piece of luck for all months, as the outcomes of neighbouring months are largely the same
    events. Were they less alike than that, chance would give less.

    Examples
    --------
    >>> chance_errors(np.full(1_000, 0.5), np.arange(1_000), 500, 1).mean().round(3)  # √(2/π) · 0.5 / √1000, one bin
    np.float64(0.013)
    """
    known, row = np.unique(customers, return_inverse=True)
    number, rng = bins_of(probability), np.random.default_rng(seed)
    expected = np.bincount(number, probability, minlength=BINS)
    found = np.empty(draws)
    for draw in range(draws):
        came = rng.random(known.size)[row] < probability
        found[draw] = np.abs(np.bincount(number[came], minlength=BINS) - expected).sum() / row.size
    return found


def error_width(moved: np.ndarray, by_chance: np.ndarray) -> float:
    """Return how far a calibration error may be from the true one, with 95% confidence.

    The mean gap over bins cannot be off by more than the bins' gaps are: by what they move by between resamples, or by
    chance alone where that is more (few outcomes in a bin make resamples too alike).

    Parameters
    ----------
    moved
        Of each draw, the bins' gaps less those seen.
    by_chance
        Of :func:`chance_errors`.
    """
    return float(max(np.quantile(np.abs(moved).sum(axis=-1), LEVEL), np.quantile(by_chance, LEVEL)))


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
    width = Z * float(np.std(resampled, ddof=1))
    return max(value - width, least), min(value + width, most)


def share_interval(happened: np.ndarray, customers: np.ndarray) -> tuple[float, float]:
    """Return the 95% interval of a frequency when a customer's rows are alike.

    Wilson's interval, with as many rows as would be independent: p (1 − p) divided by the variance that the spread
    between customers tells. Where the outcome came always or never they tell nothing, and each customer counts once.

    References
    ----------
    Korn, E. L. and Graubard, B. I. (1998), Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data, Survey Methodology 24.

    Examples
    --------
    >>> happened = np.repeat([1.0, 0.0], [10, 90])
    >>> twice = share_interval(np.tile(happened, 2), np.tile(np.arange(100), 2))
    >>> np.round([share_interval(happened, np.arange(100)), twice], 2).tolist()
    [[0.06, 0.17], [0.06, 0.17]]
    """
    from statsmodels.stats.proportion import proportion_confint

    known, who = np.unique(customers, return_inverse=True)
    rows, share = happened.size, float(happened.mean())
    apart = np.bincount(who, happened - share)
    variance = float(apart @ apart) / rows**2
    size = min(share * (1 - share) / variance, rows) if variance > 0 else known.size
    low, high = proportion_confint(share * size, size, alpha=1 - LEVEL, method="wilson")
    return float(low), float(high)
