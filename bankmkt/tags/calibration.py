"""Whether probabilities come true, and how far chance alone would move that; as arithmetic on arrays."""

import numpy as np

from bankmkt.confidence import LEVEL
from bankmkt.tags.ranking import Measure

BINS = 10


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
