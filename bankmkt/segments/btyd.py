"""The mathematics of "buy till you die": log-likelihoods and expectations of BG/NBD and Gamma-Gamma, and their fit.

Arrays in, arrays out; parameters come as one array. Powers and gamma functions are kept as logarithms, so that neither
long nor busy histories overflow.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import optimize, special, stats

from bankmkt.errors import DataError

Array = np.ndarray
_NEAR_ONE = 1e-4
_STEP = 1e-4


def bgnbd(theta: Array, x: Array, recency: Array, age: Array, weight: Array) -> tuple[float, Array]:
    """Return the log-likelihood of BG/NBD (Fader, Hardie and Lee 2005, equation 6) and its slope by r, alpha, a, b."""
    r, alpha, a, b = theta
    bought = x > 0
    later = np.where(bought, b + x - 1, 1.0)
    active = -(r + x) * np.log(alpha + age)
    gone = np.where(bought, np.log(a) - np.log(later) - (r + x) * np.log(alpha + recency), -np.inf)
    either = np.logaddexp(active, gone)
    w_active, w_gone = np.exp(active - either), np.exp(gone - either)
    value = (
        special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha)
        + special.betaln(a, b + x) - special.betaln(a, b) + either
    )  # fmt: skip
    both = special.digamma(a + b) - special.digamma(a + b + x)
    slope = (
        special.digamma(r + x) - special.digamma(r) + np.log(alpha)
        - w_active * np.log(alpha + age) - w_gone * np.log(alpha + recency),
        r / alpha - (r + x) * (w_active / (alpha + age) + w_gone / (alpha + recency)),
        both + w_gone / a,
        both + special.digamma(b + x) - special.digamma(b) - w_gone / later,
    )  # fmt: skip
    return float(weight @ value), np.array([weight @ part for part in slope])


def log_odds_gone(theta: Array, x: Array, recency: Array, age: Array) -> Array:
    """Return the log odds that a customer has stopped; −inf for those without a repeat purchase."""
    r, alpha, a, b = theta
    bought = x > 0
    odds = (
        np.log(a) - np.log(np.where(bought, b + x - 1, 1.0)) + (r + x) * (np.log(alpha + age) - np.log(alpha + recency))
    )
    return np.where(bought, odds, -np.inf)


def alive(theta: Array, x: Array, recency: Array, age: Array) -> Array:
    """Return the probability of being active (Fader, Hardie and Lee 2008, computing P(alive))."""
    return special.expit(-log_odds_gone(theta, x, recency, age))


def expected(theta: Array, x: Array, recency: Array, age: Array, periods: float) -> Array:
    """Return the expected purchases in the time to come (Fader, Hardie and Lee 2005, equation 10).

    Euler's transformation takes the history out of the hypergeometric function's large arguments. The formula divides
    by a − 1 and, without repeats, by a + b − 1, where it has a limit; close by, it is taken from both sides.
    """
    r, alpha, a, b = theta
    known = (x, recency, age, periods)
    if abs(a - 1) < _NEAR_ONE:
        low, high = (_expected(np.array([r, alpha, 1 + step, b]), *known) for step in (-_NEAR_ONE, _NEAR_ONE))
        return low + (high - low) * (a - 1 + _NEAR_ONE) / (2 * _NEAR_ONE)
    if abs(a + b - 1) < _NEAR_ONE:
        low, high = (_expected(np.array([r, alpha, a, 1 - a + step]), *known) for step in (-_NEAR_ONE, _NEAR_ONE))
        return low + (high - low) * (a + b - 1 + _NEAR_ONE) / (2 * _NEAR_ONE)
    return _expected(theta, *known)


def _expected(theta: Array, x: Array, recency: Array, age: Array, periods: float) -> Array:
    r, alpha, a, b = theta
    c, z = a + b + x - 1, periods / (alpha + age + periods)
    rest = np.exp((a - 1) * np.log1p(-z)) * special.hyp2f1(a - 1, a + b - 1 - r, c, z)
    return alive(theta, x, recency, age) * c / (a - 1) * (1 - rest)


def gamma_gamma(theta: Array, x: Array, mean: Array) -> tuple[float, Array]:
    """Return the log-likelihood of Gamma-Gamma (Fader and Hardie 2013, equation 1a) and its slope by p, q, v."""
    p, q, v = theta
    total = v + x * mean
    value = (
        -special.betaln(p * x, q) + q * np.log(v) + (p * x - 1) * np.log(mean) + p * x * np.log(x)
        - (p * x + q) * np.log(total)
    )  # fmt: skip
    both = special.digamma(p * x + q) - np.log(total)
    slope = (
        x * (both - special.digamma(p * x) + np.log(mean) + np.log(x)),
        both - special.digamma(q) + np.log(v),
        q / v - (p * x + q) / total,
    )
    return float(value.sum()), np.array([part.sum() for part in slope])


def spend(theta: Array, x: Array, total: Array) -> Array:
    """Return the expected amount of a purchase of who spent ``total`` in ``x`` repeat purchases (ibid., equation 5)."""
    p, q, v = theta
    return p * (v + total) / (p * x + q - 1)


def maximise(
    name: str, objective: Callable[[Array], tuple[float, Array]], start: Sequence[float], n: float
) -> tuple[Array, Array]:
    """Find the least of minus the mean log-likelihood by the parameters' logarithms.

    Returns
    -------
    tuple
        The logarithms, and their covariance: the inverse curvature of ``n`` times the objective.

    Raises
    ------
    DataError
        When there is no maximum inside.
    """
    found = optimize.minimize(objective, np.array(start), jac=True, method="BFGS", options={"gtol": 1e-9})
    log = np.asarray(found.x)
    steps = _STEP * np.eye(len(log))
    hessian = np.array([(objective(log + s)[1] - objective(log - s)[1]) / (2 * _STEP) for s in steps])
    hessian = (hessian + hessian.T) / 2
    curved = bool(np.isfinite(hessian).all()) and np.linalg.eigvalsh(hessian)[0] > 1e-9
    if not curved or np.abs(found.jac).max() > 1e-5:
        raise DataError(
            f"the {name} model has no most likely parameters for these customers",
            todo="take more customers or a longer period; too few buy again, or all are alike",
        )
    return log, np.linalg.inv(hessian) / n


def delta(
    predict: Callable[[Array], Array], theta: Array, covariance: Array, level: float, link: str = "log"
) -> tuple[Array, Array, Array]:
    """Return a prediction with the ends of its interval, by the delta method on the scale of ``link``.

    Parameters
    ----------
    predict
        Parameters to predictions.
    theta, covariance
        The parameters, and the covariance of their logarithms.
    level
        Of the interval.
    link
        ``"log"`` of something positive, or ``"logit"`` of a probability. A prediction on the scale's edge has no width.

    Returns
    -------
    tuple of arrays
        Prediction, lower end, upper end.
    """
    to, back = (np.log, np.exp) if link == "log" else (special.logit, special.expit)
    log, value = np.log(theta), predict(theta)
    slopes = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for step in _STEP * np.eye(len(theta)):
            slopes.append((to(predict(np.exp(log + step))) - to(predict(np.exp(log - step)))) / (2 * _STEP))
        slope = np.array(slopes)
        error = stats.norm.ppf(0.5 + level / 2) * np.sqrt(np.einsum("i...,ij,j...", slope, covariance, slope))
        inside = np.isfinite(error)
        low, high = (np.where(inside, back(to(value) + sign * error), value) for sign in (-1, 1))
    return value, low, high
