"""Participants against non-participants in one table, as campaign reports are usually published.

These are descriptions, not effects: people who join differ from those who do not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import Z
from bankmkt.experiment.estimate import groups, local, normal_interval, numbers
from bankmkt.privacy import K

INDICATORS = {
    "aum": ("AUM per head", "yuan", "aum_0", "aum_end", "aum_end", "aum_year_ago", "aum_change"),
    "products": (
        "products per head", "count", "products_0", "products_end", "products_end", "products_year_ago",
        "products_change",
    ),
    "logins": (
        "monthly logins per head", "a month", "logins_before", "logins", "logins_end", "logins_year_ago", "logins",
    ),
}  # fmt: skip
"""Indicator: its label, unit, and the panel's columns before, after, in the last month, a year before that, and of
the outcome."""

PUBLISHED = {"aum": (3.0, 4.0), "products": (4.0, 6.0), "logins": (3.0, 10.0)}
"""Indicator: from and to how many times as fast as others participants grew in a growth journey of inactive app users
that a Chinese retail bank has published."""


def compare(panel: Any, *, k: int = K) -> pd.DataFrame:
    """Return the published-style table: how much faster participants grew than others.

    Growth is the mean per head after, over the mean per head before, minus 1. AUM and products are taken at month
    ends; logins are the monthly mean over the outcome window against that of the three months before the start.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`, in the engine or in memory.
    k
        Smallest group that may be shown.

    Returns
    -------
    pandas.DataFrame
        One row per indicator that the bank has data on: ``indicator``, ``label``, ``unit``; for ``participants`` and
        ``others`` each ``*_customers``, ``*_before``, ``*_after``, ``*_growth`` with ``*_growth_low`` and
        ``*_growth_high`` (95 % interval, delta method), ``*_year_on_year`` (level at the end over the same month a
        year before, minus 1, of those who were customers then); ``ratio`` of the two growths with ``ratio_low`` and
        ``ratio_high`` (of :func:`ratio_interval`); and the :data:`PUBLISHED` ``published_low`` and ``published_high``.

    Raises
    ------
    Refused
        If a group has fewer than ``k`` customers.

    Examples
    --------
    >>> frame = pd.DataFrame({"participated": [True] * 10 + [False] * 10})
    >>> for name in ("aum", "products", "logins"):
    ...     for before, after in (INDICATORS[name][2:4], INDICATORS[name][5:3:-1]):
    ...         frame[before], frame[after] = 1.0, [1.3, 1.5] * 5 + [1.0, 1.2] * 5
    >>> compare(frame)[["indicator", "participants_growth", "others_growth", "ratio"]].round(2)
      indicator  participants_growth  others_growth  ratio
    0       aum                  0.4            0.1    4.0
    1  products                  0.4            0.1    4.0
    2    logins                  0.4            0.1    4.0
    """
    frame = local(panel)
    joined = groups(frame, "participated", k)
    rows = []
    for name, (label, unit, *columns) in INDICATORS.items():
        if np.isnan(numbers(frame, columns[1])).all():
            continue
        row: dict[str, Any] = {"indicator": name, "label": label, "unit": unit}
        growths: list[float] = []
        for group, inside in (("participants", joined), ("others", ~joined)):
            figures, se = _growth(frame[inside], columns, k)
            row |= {f"{group}_{figure}": value for figure, value in figures.items()}
            growths += [figures["growth"], se]
        row |= dict(zip(("ratio", "ratio_low", "ratio_high"), ratio_interval(*growths), strict=True))
        row |= dict(zip(("published_low", "published_high"), PUBLISHED[name], strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


def _growth(group: pd.DataFrame, columns: Sequence[str], k: int) -> tuple[dict[str, float], float]:
    """Return the figures of one group and one indicator, and the standard error of its growth."""
    before, after, end, year_ago = (numbers(group, name) for name in columns[:4])
    growth, se = relative_change(before, after)
    low, high = normal_interval(growth, se)
    known = ~np.isnan(year_ago)
    enough = known.sum() >= k
    figures = {
        "customers": len(group), "before": before.mean(), "after": after.mean(),
        "growth": growth, "growth_low": low, "growth_high": high,
        "year_on_year": relative_change(year_ago[known], end[known])[0] if enough else np.nan,
    }  # fmt: skip
    return figures, se


def relative_change(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Return mean(after) / mean(before) − 1 of the same customers, and its standard error (delta method).

    Examples
    --------
    >>> relative_change(np.array([1.0, 3.0]), np.array([2.0, 6.0]))
    (1.0, 0.0)
    """
    base = before.mean()
    if not base > 0:
        return np.nan, np.nan
    ratio = after.mean() / base
    return float(ratio - 1), float((after - ratio * before).std() / np.sqrt(len(before)) / base)


def ratio_interval(
    a: float, se_a: float, b: float, se_b: float, z: float = Z, covariance: float = 0.0
) -> tuple[float, float, float]:
    """Return a/b of two estimates with Fieller's 95 % interval (or that of ``z`` standard errors).

    The estimates are independent unless their ``covariance`` is given.

    Where b cannot be told from 0 the ratio has no limit on the side away from 0 (it is infinite), and Fieller's set
    goes on beyond: b may also be 0 or negative, so the set is "this limit or more, or b is not positive", of which
    only the first piece is returned. Where a cannot be told from 0 either, every ratio is possible and both limits are
    missing. All three are missing where b is not positive, or not known.

    Source: Fieller (1954), Journal of the Royal Statistical Society B 16.

    Examples
    --------
    >>> ratio_interval(4.0, 0.0, 2.0, 0.0)
    (2.0, 2.0, 2.0)
    >>> ratio, low, high = ratio_interval(0.4, 0.05, 0.1, 0.06)
    >>> round(ratio, 1), round(low, 1), high
    (4.0, 1.7, inf)
    """
    if not b > 0:
        return np.nan, np.nan, np.nan
    if a < 0:
        ratio, low, high = ratio_interval(-a, se_a, b, se_b, z, -covariance)
        return -ratio, -high, -low
    # ratios r with |a - r b| < z times its standard error: (1 - g) r² - 2 m r + c < 0
    ratio, g = float(a / b), (z * se_b / b) ** 2
    c, middle = ratio**2 - (z * se_a / b) ** 2, ratio - (z / b) ** 2 * covariance
    if g >= 1 and c <= 0:
        return ratio, np.nan, np.nan
    most = middle + np.sqrt(max(middle**2 - (1 - g) * c, 0.0))
    return ratio, float(c / most), float(most / (1 - g)) if g < 1 else np.inf
