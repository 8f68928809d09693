"""How wide an interval must be that is looked at more than once: at any time, or at looks planned in advance."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bankmkt.confidence import LEVEL
from bankmkt.errors import ParameterError

Floats = npt.NDArray[np.float64]
MOST = 8.0
"""Standard errors beyond which no limit is set: crossing it by chance happens once in 10¹⁵ looks."""

STEPS = 400
"""Points of the grid on which the chance of having stopped is added up."""


def always_valid(se: Any, n: Any, *, planned: int, level: float = LEVEL) -> Any:
    """Return the half-width of an interval that holds at all looks at once.

    The intervals at all sample sizes together hold the truth with the level's probability, so that one may look
    daily, stop at will, or go on. It is narrowest about ``planned`` customers, where it is some half wider than the
    usual interval.

    Parameters
    ----------
    se
        Standard error of the estimate at the look: a number or array.
    n
        Customers at the look.
    planned
        Customers at which it should be narrowest.
    level
        0.95, usually.

    Returns
    -------
    float or array

    Raises
    ------
    ParameterError
        If ``planned`` is no number from 2, or ``se`` or ``n`` are no numbers from 0.

    Notes
    -----
    The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), *Annals of Statistics*
    52, theorem 2.2 with their choice of ρ (appendix B.2). Like every normal approximation it needs some hundreds of
    customers at the first look. No kept library that we know computes it, so it is written out here.

    Examples
    --------
    >>> round(float(always_valid(1.0, 10_000, planned=10_000)), 2)
    3.04
    """
    if isinstance(planned, bool) or not isinstance(planned, int | np.integer) or planned < 2:
        raise ParameterError("planned", planned, "a number of customers from 2", "pass that of the plan")
    alpha = _alpha(level)
    error, number = _positive("se", se), _positive("n", n)
    rho = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / planned
    grown = number * rho + 1
    return error * np.sqrt(2 * grown / (number * rho) * np.log(np.sqrt(grown) / alpha))


def spending(fractions: Sequence[float] | Floats, *, level: float = LEVEL) -> Floats:
    """Return how many standard errors a difference must be at each of the planned looks (O'Brien and Fleming's way).

    Hardly any chance of a false finding is spent on early looks, so that the last one is nearly as sharp as if there
    had been one look only. The looks, and the size at the end, are fixed in advance.

    Parameters
    ----------
    fractions
        Share of the planned customers at each look, rising; the last is 1.
    level
        Of all looks together.

    Returns
    -------
    numpy.ndarray
        A limit per look.

    Raises
    ------
    ParameterError
        If the fractions do not rise to 1.

    Notes
    -----
    Spending function α(t) = 2 − 2 Φ(z / √t) at each side with α/2: Lan & DeMets (1983), *Biometrika* 70; the chance of
    first crossing at each look by recursive integration (Armitage, McPherson & Rowe 1969, JRSS A 132).

    Examples
    --------
    >>> spending([0.25, 0.5, 0.75, 1.0]).round(2).tolist()
    [4.33, 2.96, 2.36, 2.01]
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr
    from scipy.stats import norm

    at = _floats(fractions)
    if at.ndim != 1 or not len(at) or at[0] <= 0 or not (np.diff(at) > 0).all() or not abs(at[-1] - 1) <= 1e-9:
        raise ParameterError("fractions", fractions, "shares that rise to 1", "such as [0.25, 0.5, 0.75, 1.0]")
    side = _alpha(level) / 2
    spent = 2 * norm.sf(norm.isf(side / 2) / np.sqrt(at))
    steps = np.diff(spent, prepend=0.0)
    limits: list[float] = []
    # density of the score (its variance is the fraction) among experiments that have not stopped
    grid = density = np.empty(0)
    for look, (now, allowed) in enumerate(zip(at, steps, strict=True)):
        sd = np.sqrt(now - at[look - 1]) if look else np.sqrt(now)

        def above(
            limit: float, sd: float = sd, grid: Floats = grid, density: Floats = density, now: float = now
        ) -> float:
            edge = limit * np.sqrt(now)
            if not len(grid):
                return float(ndtr(-edge / sd))
            return float(density @ ndtr((grid - edge) / sd))

        limit = MOST  # all but nothing may be spent on a very early look
        if above(MOST) < allowed:
            limit = float(brentq(lambda z, a=above, wanted=allowed: a(z) - wanted, 0.0, MOST, xtol=1e-10))
        limits.append(limit)
        edge = limit * np.sqrt(now)
        # midpoints of cells between the limits; weights add up to the chance of going on
        new = (np.arange(STEPS) + 0.5) / STEPS * 2 * edge - edge
        width = 2 * edge / STEPS
        if len(grid):
            density = np.exp(-(((new[:, None] - grid) / sd) ** 2) / 2) @ density * width / (sd * np.sqrt(2 * np.pi))
        else:
            density = norm.pdf(new / sd) / sd * width
        grid = new
    return np.array(limits)


def _floats(given: Any) -> Floats:
    """Return numbers as floats, and what is no number as none at all."""
    try:
        return np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        return np.empty(0)


def _positive(name: str, given: Any) -> Floats:
    values = _floats(given)
    if (not values.size and np.size(given)) or (values < 0).any() or np.isinf(values).any():
        raise ParameterError(name, given, "numbers from 0", "one, or an array")
    return values


def _alpha(level: float) -> float:
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise ParameterError("level", level, "a number between 0 and 1", "pass 0.95")
    return 1 - level
