"""Participants against non-participants in one table, as campaign reports are usually published.

These are descriptions, not effects: people who join differ from those who do not.
"""

from typing import Any

import numpy as np
import pandas as pd

from bankmkt.experiment.estimate import Z95, column, groups, local, normal_interval
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
        year before, minus 1, of those who were customers then); and ``ratio`` of the two growths with ``ratio_low``
        and ``ratio_high`` (Fieller's interval; missing where others' growth cannot be told from 0, the ratio where it
        is not positive).

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
    for name, (label, unit, before, after, end, year_ago, _) in INDICATORS.items():
        if column(frame, after).isna().all():
            continue
        row: dict[str, Any] = {"indicator": name, "label": label, "unit": unit}
        growths = []
        for group, inside in (("participants", joined), ("others", ~joined)):
            first, last, old, new = (
                column(frame, x)[inside].to_numpy(float, na_value=np.nan) for x in (before, after, year_ago, end)
            )
            growth, se = relative_change(first, last)
            growths.append((growth, se))
            low, high = normal_interval(growth, se)
            known = ~np.isnan(old)
            enough = known.sum() >= k
            row |= {
                f"{group}_customers": int(inside.sum()),
                f"{group}_before": first.mean(), f"{group}_after": last.mean(),
                f"{group}_growth": growth, f"{group}_growth_low": low, f"{group}_growth_high": high,
                f"{group}_year_on_year": relative_change(old[known], new[known])[0] if enough else np.nan,
            }  # fmt: skip
        row["ratio"], row["ratio_low"], row["ratio_high"] = ratio_interval(*growths[0], *growths[1])
        rows.append(row)
    return pd.DataFrame(rows)


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


def ratio_interval(a: float, se_a: float, b: float, se_b: float) -> tuple[float, float, float]:
    """Return a/b of two independent estimates with Fieller's 95 % interval.

    The interval is missing where b cannot be told from 0 (the data allow any ratio), all three where b is not positive.

    Source: Fieller (1954), Journal of the Royal Statistical Society B 16.

    Examples
    --------
    >>> ratio_interval(4.0, 0.0, 2.0, 0.0)
    (2.0, 2.0, 2.0)
    """
    if not b > 0:
        return np.nan, np.nan, np.nan
    g = (Z95 * se_b / b) ** 2
    if g >= 1:
        return float(a / b), np.nan, np.nan
    half = Z95 / b * np.sqrt(se_a**2 * (1 - g) + (a / b * se_b) ** 2)
    return float(a / b), float((a / b - half) / (1 - g)), float((a / b + half) / (1 - g))
