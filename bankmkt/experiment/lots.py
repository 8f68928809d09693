"""Drawing the lots again: how often chance alone would have made as much of a difference."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DRAWS, MANY = 1999, 49_999
"""Draws that a small p-value is counted from; the second where they are cheap and there are several p-values."""

DOUBT = 0.01
"""From here on a p-value by formula will do, as nothing fails there."""

ENOUGH = 10
"""Draws with as much of a difference after which it is plain that chance makes it."""

SEED = 20240229
"""Of the draws, so that the same data always give the same answer."""


def redrawn(
    seen: float,
    draw: Callable[[np.random.Generator, int], Any],
    *,
    approximate: float = 0.0,
    draws: int = DRAWS,
) -> float:
    """Return the chance of a statistic as large as the one seen, counted by drawing lots again.

    Parameters
    ----------
    seen
        The statistic, of the lots as they fell.
    draw
        Given a generator and a number, that many statistics of lots drawn again.
    approximate
        A p-value by formula, returned if it is :data:`DOUBT` or more.
    draws
        At most so many draws.

    Notes
    -----
    A Monte Carlo test, exact whatever the number of draws; it stops early where it cannot fail any more (Besag &
    Clifford 1991, *Biometrika* 78).

    Examples
    --------
    >>> redrawn(3.0, lambda rng, size: np.abs(rng.normal(size=size))) < 0.01
    True
    """
    if approximate >= DOUBT:
        return approximate
    rng, hits, done = np.random.default_rng(SEED), 0, 0
    for size in (100, 400, draws - 500):
        hits += int((np.asarray(draw(rng, size)) >= seen - 1e-9 * abs(seen)).sum())
        done += size
        if hits >= ENOUGH:
            break
    return (1 + hits) / (1 + done)


def shuffled(stratum: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return for each place whose lot it has now, drawn anew within strata.

    Examples
    --------
    >>> stratum = np.array([0, 1, 0, 1])
    >>> (stratum[shuffled(stratum, np.random.default_rng(1))] == stratum).all()
    np.True_
    """
    if not len(stratum) or (stratum == stratum[0]).all():
        return rng.permutation(len(stratum))
    out = np.empty(len(stratum), np.int64)
    out[np.argsort(stratum, kind="stable")] = np.lexsort((rng.random(len(stratum)), stratum))
    return out


def ways(counts: npt.NDArray[np.int64]) -> float:
    """Return the logarithm of the number of ways in which lots could have fallen, from strata × arms.

    Examples
    --------
    >>> np.exp(ways(np.array([[5, 5]]))).round()
    np.float64(252.0)
    """
    from scipy.special import gammaln

    return float((gammaln(counts.sum(axis=1) + 1) - gammaln(counts + 1).sum(axis=1)).sum())
