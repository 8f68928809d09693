"""Rates and times of a funnel with their intervals."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.confidence import LEVEL


def shares(parts: npt.ArrayLike, wholes: npt.ArrayLike) -> tuple[Any, Any, Any]:
    """Return shares with Wilson's interval (Wilson 1927, JASA 22), NaN of nothing.

    Examples
    --------
    >>> [f"{value:.3f}" for values in shares([3], [4]) for value in values]
    ['0.750', '0.301', '0.954']
    """
    from statsmodels.stats.proportion import proportion_confint

    part, whole = np.asarray(parts, float), np.asarray(wholes, float)
    some = np.where(whole > 0, whole, np.nan)
    lower, upper = proportion_confint(np.where(whole > 0, part, np.nan), some, alpha=1 - LEVEL, method="wilson")
    return part / some, lower, upper


def reached_in_time(waited: npt.NDArray[Any], reached: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return the share that reaches a step in time, if those still open go on like those before them.

    Kaplan and Meier's estimate (1958, JASA 53) with the interval on the scale of log(−log(survival)).

    Parameters
    ----------
    waited
        Time from an attempt's start to the step, or as long as the attempt was watched.
    reached
        Whether the step was reached.

    Examples
    --------
    Half of the second pair is still open:

    >>> share, lower, upper = reached_in_time(np.array([2, 7, 1, 7]), np.array([True, False, False, False]))
    >>> round(share, 3)
    0.333
    """
    import statsmodels.api as sm
    from scipy.stats import norm

    if not len(waited):
        return np.nan, np.nan, np.nan
    if not (waited[~reached] < waited.max()).any():  # nobody is watched for less than the whole window
        share, lower, upper = (float(value[0]) for value in shares([reached.sum()], [len(reached)]))
        return share, lower, upper
    curve = sm.SurvfuncRight(waited, reached)
    if not len(curve.surv_prob) or not 0 < curve.surv_prob[-1] < 1:
        return float(reached.any()), np.nan, np.nan
    left, se = float(curve.surv_prob[-1]), float(curve.surv_prob_se[-1])
    wide = norm.ppf(0.5 + LEVEL / 2) * se / (left * abs(np.log(left)))
    return 1 - left, 1 - left ** np.exp(-wide), 1 - left ** np.exp(wide)


def durations(hours: npt.NDArray[Any]) -> dict[str, float]:
    """Sum up times between two steps: quartiles with distribution-free intervals, and the mean with Student's.

    Parameters
    ----------
    hours
        One value per unit.

    Returns
    -------
    dict
        units, median, median_lower, median_upper, q25, q75, mean, mean_lower, mean_upper; hours. The interval of the
        median lies between order statistics (Conover 1999, Practical Nonparametric Statistics, 3.2).

    Examples
    --------
    >>> found = durations(np.arange(1.0, 101.0))
    >>> found["median"], found["median_lower"], found["median_upper"]
    (50.5, 40.0, 61.0)
    """
    from scipy.stats import binom, t

    n = len(hours)
    names = ("median", "median_lower", "median_upper", "q25", "q75", "mean", "mean_lower", "mean_upper")
    if not n:
        return {"units": 0, **dict.fromkeys(names, np.nan)}
    hours = np.sort(hours)
    q25, median, q75 = np.quantile(hours, [0.25, 0.5, 0.75])
    rank = int(binom.ppf((1 - LEVEL) / 2, n, 0.5))
    lower, upper = (hours[rank - 1], hours[n - rank]) if rank >= 1 else (np.nan, np.nan)
    mean = hours.mean()
    wide = t.ppf(0.5 + LEVEL / 2, n - 1) * hours.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    values = (median, lower, upper, q25, q75, mean, mean - wide, mean + wide)
    return {"units": n, **{name: float(value) for name, value in zip(names, values, strict=True)}}


def compare_shares(parts: tuple[int, int], wholes: tuple[int, int]) -> pd.Series:
    """Compare two shares: the difference (second less first) with Newcombe's interval (1998, method 10) and a p value.

    Examples
    --------
    >>> found = compare_shares((10, 30), (100, 100))
    >>> f"{found['difference']:.2f}, {found['lower']:.2f} to {found['upper']:.2f}, p = {found['p_value']:.4f}"
    '0.20, 0.09 to 0.31, p = 0.0004'
    """
    from statsmodels.stats.proportion import confint_proportions_2indep, test_proportions_2indep

    if not min(wholes):
        return pd.Series({"difference": np.nan, "lower": np.nan, "upper": np.nan, "p_value": np.nan})
    (a, b), (n, m) = parts, wholes
    lower, upper = confint_proportions_2indep(b, m, a, n, compare="diff", method="newcomb", alpha=1 - LEVEL)
    same = a / n == b / m
    with np.errstate(divide="ignore"):  # statsmodels tells the ratio as well, which is infinite where one share is 0
        p = 1.0 if same else test_proportions_2indep(b, m, a, n, compare="diff", method="score").pvalue
    return pd.Series({"difference": b / m - a / n, "lower": lower, "upper": upper, "p_value": p})
