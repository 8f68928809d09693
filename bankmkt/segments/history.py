"""Whether a month's change is more than a series' own past would give: a control chart for many series at once."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

SPAN = 12
"""Earlier changes that a series is judged by, at most; the first is the same month's last year."""

LEAST = 6
"""Earlier changes without which a series is not judged."""

ALPHA = 0.05
"""Share of false alarms accepted among the series that are said to stand out."""

RESOLUTION = 0.001
"""The least spread assumed of a series: a tenth of a per cent."""

MONEY = ("AUM", "balance")
"""Indicators in money; all others count customers or transactions."""

_QN_TO_SD = 2.2219
_SIMULATIONS = 200_000

COLUMNS = (
    "series", "dimension", "group", "indicator", "value", "last_month", "change_pct", "usual_low_pct", "usual_high_pct",
    "year_ago_pct", "z", "p", "p_adjusted", "unusual", "statement",
)  # fmt: skip


def stands_out(levels: "pd.DataFrame", number: int) -> "pd.DataFrame":
    """Judge each series' latest monthly change by its changes before.

    A change is the difference of logarithms. Its distance from the median of the earlier ones, in robust standard
    deviations (Qn), is a z whose distribution is wider than the normal's as both are estimated from few months:
    p is the share of simulated normal histories of the same length with a z as large. The p are adjusted for the
    number of series (Benjamini–Hochberg), and a series is unusual when the adjusted one is at most 5 %.

    Parameters
    ----------
    levels : pandas.DataFrame
        A row per series and month: ``dimension``, ``group``, ``indicator``, ``number`` (of the month, counted
        without gaps), ``value``. Series with a missing or non-positive value among their last months are left out.
    number : int
        The month to judge.

    Returns
    -------
    pandas.DataFrame
        A row per series judged, the most extreme first: :data:`COLUMNS`. ``usual_low_pct`` to ``usual_high_pct``
        is where 95 % of changes would lie; ``year_ago_pct`` is the same month's change a year ago, which a season
        repeats; ``statement`` says it in words.

    References
    ----------
    Montgomery (2013), *Introduction to Statistical Quality Control* (individuals chart); Rousseeuw & Croux (1993),
    *JASA* 88(424) (Qn); Benjamini & Hochberg (1995), *JRSS B* 57(1).
    """
    import pandas as pd
    from scipy.stats import false_discovery_control

    table = levels.pivot(index=["dimension", "group", "indicator"], columns="number", values="value")
    table = table.reindex(columns=range(number - SPAN - 1, number + 1)).dropna(axis="columns", how="all")
    months: list[int] = [
        n for n in range(number - SPAN - 1, number + 1) if set(range(n, number + 1)) <= {*table.columns}
    ]
    if len(months) < LEAST + 2:
        return pd.DataFrame(columns=list(COLUMNS))
    table = table[months].dropna()
    table = table[(table > 0).all(axis="columns")]
    if table.empty:
        return pd.DataFrame(columns=list(COLUMNS))

    value, last = table[number].to_numpy(), table[number - 1].to_numpy()
    changes = np.diff(np.log(table.to_numpy()), axis=1)
    past, change = changes[:, :-1], changes[:, -1]
    centre, spread = _centre_and_spread(past)
    one = np.where(table.index.get_level_values("indicator").isin(MONEY), 0.0, 1.0)  # a customer or a transaction
    spread = np.maximum(spread, np.maximum(RESOLUTION, one / last))
    z = (change - centre) / spread
    null = _null(past.shape[1])
    p = (1 + len(null) - np.searchsorted(null, np.abs(z))) / (1 + len(null))
    width = spread * null[int(0.95 * len(null))]

    out = table.index.to_frame(index=False)
    out["value"], out["last_month"] = value, last
    out["series"] = [_name(kind, group) for kind, group in zip(out["dimension"], out["group"], strict=True)]
    for name, log_change in (
        ("change_pct", change), ("usual_low_pct", centre - width), ("usual_high_pct", centre + width),
    ):  # fmt: skip
        out[name] = 100 * np.expm1(log_change)
    out["year_ago_pct"] = 100 * np.expm1(past[:, 0]) if past.shape[1] == SPAN else np.nan
    out["z"], out["p"], out["p_adjusted"] = z, p, false_discovery_control(p)
    out["unusual"] = out["p_adjusted"] <= ALPHA
    out = out.iloc[np.argsort(-np.abs(z), kind="stable")].reset_index(drop=True)
    out["statement"] = [_statement(row) for row in out.to_dict("records")]
    return out[list(COLUMNS)]


def _name(dimension: str, group: str) -> str:
    """Name a series: by its group, and by what kind of group that is unless the name says so."""
    if dimension == "city tier" and "tier" in group:
        return f"{group} cities"
    return group if dimension == "whole" or dimension in group.lower() else f"{dimension} {group}"


def _statement(row: Mapping[Any, Any]) -> str:
    change = _per_cent(row["change_pct"])
    moved = "stayed within 0.1%" if change == "0.0%" else f"{'rose' if change[0] == '+' else 'fell'} {change[1:]}"
    season = f"; a year ago {_per_cent(row['year_ago_pct'])}" if row["year_ago_pct"] == row["year_ago_pct"] else ""
    usual = f"{_per_cent(row['usual_low_pct'])} to {_per_cent(row['usual_high_pct'])}"
    return f"{row['series']}: {row['indicator']} {moved} on last month; {usual} is usual{season}"


def _per_cent(value: float) -> str:
    text = f"{value:+.1f}%"
    return text[1:] if text[1:] == "0.0%" else text.replace("-", "−")


@cache
def _null(past: int) -> np.ndarray:
    """Absolute robust z of the change after so many earlier ones when all are alike and normal, sorted."""
    draws = np.random.default_rng(1).standard_normal((_SIMULATIONS, past + 1), dtype="float32")
    centre, spread = _centre_and_spread(draws[:, :-1])
    return np.sort(np.abs(draws[:, -1] - centre) / spread)


def _centre_and_spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's median and Qn: a low quantile of the distances between all pairs of values."""
    size = values.shape[1]
    one, other = np.triu_indices(size, 1)
    half = size // 2 + 1
    rank = half * (half - 1) // 2 - 1
    distances = np.abs(values[:, one] - values[:, other])
    return np.median(values, axis=1), _QN_TO_SD * np.partition(distances, rank, axis=1)[:, rank]
