"""What is known of each buyer: how often (frequency), how lately (recency), since when (T) and for how much."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import DataError, ParameterError
from bankmkt.lookback import parse_date

WEEK = 7.0
"""Days in the unit of time that recency, T and forecasts are counted in."""


def purchase_summary(transactions: Any, end: dt.date | str, *, unit_days: float = WEEK) -> Any:
    """Sum up what each customer bought until a day, as BG/NBD and Gamma-Gamma need it.

    Purchases of one day count as one. What comes after ``end`` is not seen.

    Parameters
    ----------
    transactions : ibis table or pandas.DataFrame
        A row per purchase: customer_id, ts, amount (positive money).
    end : date or str
        Last day observed, the same for all customers; not the last day in the data, on which somebody happened to buy.
    unit_days : float
        Days in the unit of recency and T; 7 for weeks.

    Returns
    -------
    ibis table or pandas.DataFrame
        As given, a row per customer: customer_id; frequency (days with a purchase, less the first); recency (first to
        last purchase) and T (first purchase to end), in units; monetary (mean amount of a repeat purchase day, null
        where there is none).

    Raises
    ------
    ParameterError
        When ``end`` is no date or ``unit_days`` not above 0.
    DataError
        When a column is missing or there is no purchase by ``end``.

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2008). Implementing the BG/NBD Model for Customer Base Analysis in Excel.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": [1, 1, 1], "ts": pd.to_datetime(["2026-01-01", "2026-01-15", "2026-01-29"]),
    ...                     "amount": [9.0, 20.0, 30.0]})
    >>> purchase_summary(log, end="2026-02-05").to_dict("records")
    [{'customer_id': 1, 'frequency': 2, 'recency': 4.0, 'T': 5.0, 'monetary': 25.0}]
    """
    import ibis

    day = parse_date("end", end)
    if isinstance(unit_days, bool) or not isinstance(unit_days, int | float) or not unit_days > 0:
        raise ParameterError("unit_days", unit_days, "a number of days above 0", "pass unit_days=7 for weeks")
    need("transactions", transactions, ("customer_id", "ts", "amount"))
    local = isinstance(transactions, pd.DataFrame)
    t = ibis.memtable(transactions[["customer_id", "ts", "amount"]]) if local else transactions
    days = t.mutate(day=t.ts.cast("date")).filter(lambda t: t.day <= ibis.literal(day))
    days = days.group_by("customer_id", "day").aggregate(spent=days.amount.sum())
    each = days.group_by("customer_id").aggregate(
        first=days.day.min(), last=days.day.max(), times=days.count(),
        spent=days.spent.sum(), spent_first=days.spent.argmin(days.day),
    )  # fmt: skip
    repeats = each.times - 1
    out = each.select(
        "customer_id",
        frequency=repeats.cast("int64"),
        recency=each.last.delta(each.first, unit="day").cast("float64") / float(unit_days),
        T=ibis.literal(day).delta(each.first, unit="day").cast("float64") / float(unit_days),
        monetary=(repeats > 0).ifelse((each.spent - each.spent_first) / repeats.cast("float64"), ibis.null("float64")),
    )
    if not local:
        return out
    frame = out.order_by("customer_id").execute()
    if frame.empty:
        raise DataError("transactions", "no rows", f"a purchase on or before {day}", "pass a later end")
    return frame


def histories(summary: Any, *, count: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return frequency, recency, T and how many customers have them: of distinct histories, or row by row."""
    columns = ["frequency", "recency", "T"]
    need("summary", summary, columns)
    if not isinstance(summary, pd.DataFrame):
        if not count:
            raise DataError("summary", type(summary).__name__, "a pandas frame to predict for", "call .execute() on it")
        summary = summary.group_by(columns).aggregate(customers=lambda t: t.count()).execute()
    elif count:
        summary = summary.groupby(columns, dropna=False).size().rename("customers").reset_index()
    else:
        summary = summary[columns].assign(customers=1)
    x, recency, age, weight = (summary[c].to_numpy(dtype="float64") for c in [*columns, "customers"])
    fine = (x >= 0) & (recency >= 0) & (recency <= age) & ((recency == 0) | (x > 0))
    if not fine.all():
        row = summary.loc[~fine, columns].iloc[0].to_dict()
        raise DataError("summary", row, "0 <= recency <= T, and a recency of 0 without repeats", "use purchase_summary")
    if not len(x) or not age.max() > 0:
        raise DataError("summary", f"{len(x)} histories", "customers seen for some time", "take a later end")
    return x, recency, age, weight


def need(what: str, table: Any, columns: Sequence[str]) -> None:
    """Raise DataError unless a table has the columns."""
    absent = [c for c in columns if c not in table.columns]
    if absent:
        raise DataError(f"{what}'s columns", list(table.columns), f"also {', '.join(absent)}", "rename or add them")


def sample_purchases(
    customers: int, periods: float, *, r: float, alpha: float, a: float, b: float, seed: int
) -> pd.DataFrame:
    """Draw customers as BG/NBD says they buy, all seen for ``periods`` since their first purchase.

    Returns
    -------
    pandas.DataFrame
        frequency, recency, T; and what nobody sees: rate (purchases per unit while active), p_stop, alive at the end.
    """
    rng = np.random.default_rng(seed)
    rate, stop = rng.gamma(r, 1 / alpha, customers), rng.beta(a, b, customers)
    now, last, count = np.zeros(customers), np.zeros(customers), np.zeros(customers, dtype="int64")
    alive, going = np.ones(customers, dtype=bool), np.ones(customers, dtype=bool)
    while going.any():
        now[going] += rng.exponential(1 / np.maximum(rate[going], 1e-300))
        bought = going & (now <= periods)
        last[bought], count[bought] = now[bought], count[bought] + 1
        alive[bought] = rng.random(int(bought.sum())) >= stop[bought]
        going = bought & alive
    return pd.DataFrame({
        "frequency": count, "recency": last, "T": float(periods), "rate": rate, "p_stop": stop, "alive": alive,
    })  # fmt: skip
