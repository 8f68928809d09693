"""Which rows a feature counts: its window, and from when on a table's records tell of it."""

import datetime
from collections.abc import Collection, Mapping
from typing import Any

from bankmkt.bank import Bank
from bankmkt.months import last_month_end, month_end, month_number, month_start
from bankmkt.schema import TABLES
from bankmkt.tags.declare import Feature

_DENSE = ("balances", "transactions", "events")
"""Tables that have rows in every month from the first that is kept."""


def months_before(day: datetime.date, months: int) -> datetime.date:
    """Return the day so many months earlier; month ends go to month ends.

    Examples
    --------
    >>> months_before(datetime.date(2026, 6, 30), 4), months_before(datetime.date(2026, 3, 29), 1)
    (datetime.date(2026, 2, 28), datetime.date(2026, 2, 28))
    """
    last = month_end(month_number(day) - months)
    return last if day == month_end(month_number(day)) else last.replace(day=min(day.day, last.day))


def window_of(feature: Feature, day: datetime.date) -> tuple[datetime.date, datetime.date]:
    """Return the days after and up to which a feature's rows lie; over balances they are month ends.

    Examples
    --------
    >>> from ibis import _
    >>> aum = Feature("aum", "balances", _.aum.sum(), 1, "AUM at the last month end")
    >>> window_of(aum, datetime.date(2026, 5, 30))
    (datetime.date(2026, 3, 31), datetime.date(2026, 4, 30))
    """
    day = last_month_end(day) if TABLES[feature.table].month_end else day
    return months_before(day, feature.before + (feature.months or 0)), months_before(day, feature.before)


def beginnings(known: Bank, day: datetime.date, tables: Collection[str]) -> dict[str, datetime.date]:
    """Return the last day before each table's records begin.

    Balances, transactions and events are kept from the month of their first row on, other tables from the first month
    of balances and transactions.

    Parameters
    ----------
    known
        The bank.
    day
        Stands for a table without rows.
    tables
        Names; those the bank lacks are left out.
    """
    wanted = [name for name in tables if known.has(name)]
    found = {}
    for name in {"balances", "transactions", *wanted} & set(_DENSE):
        first = known.fetch(known.table(name)[TABLES[name].time].min()).as_py() or day
        found[name] = month_start(month_number(first)) - datetime.timedelta(days=1)
    return {name: found.get(name, min(found["balances"], found["transactions"])) for name in wanted}


def reaches_before(feature: Feature, day: datetime.date, eve: datetime.date) -> bool:
    """Return whether a feature's window begins before a table's records do, whose last day before is ``eve``."""
    return feature.months is not None and window_of(feature, day)[0] < eve


def inside(t: Any, feature: Feature, day: datetime.date) -> Any:
    """Return whether a row lies in a feature's window, None if all do."""
    if feature.months is None:
        return None
    start, end = window_of(feature, day)
    within = after(t, feature.table, start)
    return within & ~after(t, feature.table, end) if end < day else within


def after(t: Any, table: str, day: datetime.date) -> Any:
    """Return whether a row became known after a day."""
    import ibis

    time = t[TABLES[table].time]
    if time.type().is_date():
        return time > ibis.literal(day)
    midnight = datetime.datetime.combine(day + datetime.timedelta(days=1), datetime.time())
    return time >= ibis.literal(midnight)


def narrowed(expr: Any, inside: Any) -> Any:
    """Return an aggregate with every reduction in it over the rows for which ``inside`` is true; None for all.

    Reductions that skip nulls read ``CASE WHEN condition THEN value END`` instead of having a filter: of many filtered
    aggregates, DuckDB cuts all columns anew for each, which takes three times as long.
    """
    import ibis
    import ibis.expr.operations as ops

    skip_nulls = (ops.Count, ops.Sum, ops.Mean, ops.Min, ops.Max, ops.Median, ops.Quantile)

    def narrow(node: Any, changed: Mapping[str, Any] | None) -> Any:
        if not isinstance(node, ops.Reduction):
            return node.__recreate__(changed) if changed else node
        known = dict(changed or zip(node.argnames, node.args, strict=True))
        conditions = [c for c in (None if inside is None else inside.op(), known.get("where")) if c is not None]
        if not conditions:
            return node.__recreate__(known)
        where = ops.And(*conditions) if len(conditions) == 2 else conditions[0]
        if isinstance(node, ops.CountStar):
            return ops.Count(where.to_expr().ifelse(1, ibis.null("int8")).op())
        if isinstance(node, skip_nulls):
            kept = where.to_expr().ifelse(known["arg"].to_expr(), ibis.null(known["arg"].dtype))
            return node.__recreate__(known | {"arg": kept.op(), "where": None})
        return node.__recreate__(known | {"where": where})

    return expr.op().replace(narrow, filter=ops.Value).to_expr()
