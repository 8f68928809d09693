"""How good scores are, as arithmetic on arrays: ranks, the best tenth, calibration; with weights, for resampling."""

from collections.abc import Callable, Iterator

import numpy as np

LEVEL = 0.95
BINS = 10

Measure = Callable[[np.ndarray], float]
"""From a weight per row to a figure."""


def groups_of(score: np.ndarray) -> np.ndarray:
    """Return the rank of each score, equal ones alike, from 0 for the lowest; missing scores come lowest."""
    lowest = np.nanmin(score) - 1 if np.isfinite(score).any() else 0.0
    ranks: np.ndarray = np.unique(np.where(np.isnan(score), lowest, score), return_inverse=True)[1]
    return ranks


def auc(score: np.ndarray, happened: np.ndarray) -> Measure:
    """Return the AUC: the chance that of two rows, one where it happened, that one scored higher; ties count half.

    Examples
    --------
    >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))(np.ones(4))
    0.75
    """
    rank = groups_of(score)

    def measure(weight: np.ndarray) -> float:
        yes = np.bincount(rank, weight * happened)
        no = np.bincount(rank, weight * (1 - happened))
        return float(yes @ (np.cumsum(no) - no / 2) / (yes.sum() * no.sum()))

    return measure


def captured(score: np.ndarray, happened: np.ndarray, share: float) -> Measure:
    """Return which part of all that happened lies in the highest-scored share of rows; ties are split evenly.

    Examples
    --------
    >>> captured(np.array([4.0, 3, 2, 1]), np.array([1, 0, 1, 0]), 0.25)(np.ones(4))
    0.5
    """
    rank = groups_of(score)

    def measure(weight: np.ndarray) -> float:
        rows = np.bincount(rank, weight)[::-1]
        yes = np.bincount(rank, weight * happened)[::-1]
        reached = np.interp(share * rows.sum(), np.r_[0, np.cumsum(rows)], np.r_[0, np.cumsum(yes)])
        return float(reached / yes.sum())

    return measure


def lift(score: np.ndarray, happened: np.ndarray, share: float = 0.1) -> Measure:
    """Return how many times more often it happened in the highest-scored share of rows than on average."""
    part = captured(score, happened, share)
    return lambda weight: part(weight) / share


def bins_of(probability: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return the bin of each probability: as many rows in each as ties allow."""
    edges = np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1])
    return np.searchsorted(edges, probability, side="right")


def calibration_error(probability: np.ndarray, happened: np.ndarray, bins: int = BINS) -> Measure:
    """Return the expected calibration error: over bins of like probability, the mean gap to what happened.

    References
    ----------
    Naeini, M. P. et al. (2015), Obtaining well calibrated probabilities using Bayesian binning, AAAI.

    Examples
    --------
    >>> calibration_error(np.array([0.2, 0.2, 0.9, 0.9]), np.array([0, 0, 1, 1]), 2)(np.ones(4)).__round__(3)
    0.15
    """
    number, gap = bins_of(probability, bins), probability - happened
    return lambda weight: float(np.abs(np.bincount(number, weight * gap)).sum() / weight.sum())


def resampled(customers: np.ndarray, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield weights per row that stand for customers drawn anew, with all their months."""
    known, row = np.unique(customers, return_inverse=True)
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(rng.integers(0, known.size, known.size), minlength=known.size)[row].astype(float)


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95% percentile interval of resampled figures."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
