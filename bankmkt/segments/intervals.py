"""How sure the figures of segments are: intervals of shares."""

from typing import TYPE_CHECKING

import numpy as np

from bankmkt.confidence import LEVEL, Z

if TYPE_CHECKING:
    import pandas as pd


def wilson(parts: "pd.Series", wholes: "pd.Series", name: str) -> "dict[str, pd.Series]":
    """Return shares of independent customers, as columns ``name``, ci_lower and ci_upper (Wilson's interval).

    Examples
    --------
    >>> import pandas as pd
    >>> shares = wilson(pd.Series([10]), pd.Series([100]), "rate")
    >>> {name: round(float(values[0]), 3) for name, values in shares.items()}
    {'rate': 0.1, 'ci_lower': 0.055, 'ci_upper': 0.174}
    """
    from statsmodels.stats.proportion import proportion_confint

    lower, upper = proportion_confint(parts, wholes, alpha=1 - LEVEL, method="wilson")
    return {name: parts / wholes, "ci_lower": lower, "ci_upper": upper}


def clustered(
    parts: np.ndarray, wholes: np.ndarray, parts_squared: np.ndarray, products: np.ndarray, wholes_squared: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds of shares of moments that are alike within a customer: ``y`` of ``n`` for each.

    The variance of the share p = sum y / sum n is sum (y - p n)² / (sum n)², whatever ties a customer's moments
    (Liang and Zeger 1986); the interval is symmetric on the logit scale, so that it stays within 0 and 1.

    Parameters
    ----------
    parts, wholes, parts_squared, products, wholes_squared : array
        Sums over customers of y, n, y², y n and n². Shares are above 0 and below 1.

    References
    ----------
    Liang, K.-Y. and Zeger, S. L. (1986), Biometrika 73, 13-22.

    Examples
    --------
    >>> y, n = np.array([0, 2, 1]), np.array([3, 3, 2])
    >>> bounds = clustered(*(np.array([v.sum()]) for v in (y, n, y * y, y * n, n * n)))
    >>> [round(float(bound[0]), 2) for bound in bounds]
    [0.12, 0.73]
    """
    share = parts / wholes
    variance = np.maximum(parts_squared - 2 * share * products + share**2 * wholes_squared, 0.0) / wholes**2
    width = Z * np.sqrt(variance) / (share * (1 - share))
    odds = share / (1 - share)
    lower, upper = odds * np.exp(-width), odds * np.exp(width)
    return lower / (1 + lower), upper / (1 + upper)
