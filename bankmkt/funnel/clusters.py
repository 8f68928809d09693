"""Ratios of sums over units that have several things each, and how sure they are."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bankmkt.funnel.rates import shares


def ratio(
    part: npt.ArrayLike,
    whole: npt.ArrayLike,
    part_squares: npt.ArrayLike,
    products: npt.ArrayLike,
    whole_squares: npt.ArrayLike,
    units: npt.ArrayLike,
) -> tuple[Any, Any]:
    """Return ratios of sums over units and their standard errors (linearised: Cochran 1977, *Sampling Techniques*, 6).

    Parameters
    ----------
    part, whole, part_squares, products, whole_squares, units
        As of :func:`clustered_shares`; x need not be a count.

    Examples
    --------
    >>> [float(round(value, 3)) for value in ratio(6.0, 10.0, 20.0, 28.0, 50.0, 2)]
    [0.6, 0.297]
    """
    x, n, xx, xn, nn, g = (np.asarray(v, float) for v in (part, whole, part_squares, products, whole_squares, units))
    with np.errstate(divide="ignore", invalid="ignore"):
        r = x / n
        return r, np.sqrt(np.maximum(xx - 2 * r * xn + r**2 * nn, 0) * g / (g - 1)) / n


def clustered_shares(
    part: npt.ArrayLike,
    whole: npt.ArrayLike,
    part_squares: npt.ArrayLike,
    products: npt.ArrayLike,
    whole_squares: npt.ArrayLike,
    units: npt.ArrayLike,
) -> tuple[Any, Any, Any]:
    """Return shares with 95% intervals, where a unit has several things that are alike.

    Wilson's interval for as many independent things as would tell as much: the number of units' things divided by the
    design effect, whose variance is that of a ratio of sums over units (Cochran 1977, *Sampling Techniques*, ch. 6;
    Dean & Pagano 2015, *Biometrics* 71). Where nobody or everybody does it, units are counted.

    Parameters
    ----------
    part, whole
        Sums over units of x (things that are so) and n (things).
    part_squares, products, whole_squares
        Sums over units of x², x·n and n².
    units
        Units that have a thing.

    Examples
    --------
    Ten units whose things are all alike tell as much as ten things:

    >>> many = clustered_shares([30], [100], [300], [300], [1000], [10])
    >>> few = clustered_shares([3], [10], [3], [3], [10], [10])
    >>> [f"{value[0]:.2f}" for value in many] == [f"{value[0]:.2f}" for value in few]
    True
    """
    n, g = np.asarray(whole, float), np.asarray(units, float)
    p, se = ratio(part, whole, part_squares, products, whole_squares, units)
    with np.errstate(divide="ignore", invalid="ignore"):
        independent = p * (1 - p) / se**2
    size = np.where((se > 0) & (p > 0) & (p < 1), np.minimum(independent, n), np.minimum(g, n))
    _, lower, upper = shares(p * size, size)
    return p, lower, upper
