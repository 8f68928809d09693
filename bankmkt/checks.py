"""The rules of the contract as boolean columns over a table as it was found.

A rule judges only what it can: nulls, values that cannot be read, orphans and columns at fault are each reported once,
by the rule that is about them.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from bankmkt import conform
from bankmkt.schema import Table

_LARGEST = 1e300  # beyond it is infinity; Ibis's own isinf is never true on Spark
_FOREVER = datetime.date(9999, 12, 31)


@dataclass(frozen=True)
class Check:
    """One rule over one table: ``broken`` is a boolean column, true where the row is at fault."""

    column: str
    rule: str
    broken: Any
    todo: str


def judged(bank: Any, name: str) -> tuple[Any, list[Check], list[str]]:
    """Put a table as found beside what it refers to, and state every rule about its rows.

    Parameters
    ----------
    bank
        The bank it belongs to.
    name
        Of a table that the bank has.

    Returns
    -------
    tuple
        The Ibis table that the rules are over (with the key's columns), the rules, and the references that could not
        be followed because their table is absent or at fault.
    """
    raw = bank.raw[name]
    faulty = conform.faults(raw)
    usable = [c for c in raw.table.names if c not in faulty]
    unreadable = {f"_unreadable_{c}": _unreadable(raw, c) for c in raw.readers if raw.table[c].type != "string"}
    t = raw.expr.select(**{c: conform.column(raw, c) for c in usable}, **unreadable)
    t, followed, unchecked = _follow(bank, raw.table, t)
    checks = [*_values(raw, t), *_references(raw.table, t, followed), *_relations(raw.table, t)]
    return t, checks, unchecked


def _unreadable(raw: conform.Raw, name: str) -> Any:
    return ~conform.missing(raw.expr[name]) & conform.column(raw, name).isnull()


def _follow(bank: Any, table: Table, t: Any) -> tuple[Any, dict[str, bool], list[str]]:
    """Join what a table's columns refer to; return it, the columns followed, and those that could not be."""
    followed: dict[str, bool] = {}
    unchecked: list[str] = []
    for c in table.columns:
        if not c.references or c.name not in t.columns:
            continue
        target, key = c.references.split(".")
        if target not in bank.raw or key in conform.faults(bank.raw[target]):
            unchecked.append(f"{table.name}.{c.name}: no {c.references}")
            continue
        there = _known_keys(bank.raw[target], key, c.name)
        t = t.left_join(there, t[c.name] == there[f"_{c.name}_key"])
        followed[c.name] = True
    return t, followed, unchecked


def _known_keys(raw: conform.Raw, key: str, name: str) -> Any:
    """Return each key of a table once, with the days between which it may be referred to."""
    raw = replace(raw, expr=raw.expr.view())  # a table may refer to itself
    faulty = conform.faults(raw)
    columns = {"customers": ("opened_on", "closed_on"), "campaigns": ("starts_on", "ends_on")}.get(raw.table.name, ())
    keys = raw.expr.select(
        **{f"_{name}_key": conform.column(raw, key)},
        **{f"_{c}": conform.column(raw, c) for c in columns if c not in faulty},
    )
    days = {}
    if len(columns) == 2 and not set(columns) & set(faulty):
        first, last = (f"_{c}" for c in columns)
        days = {first: keys[first].min(), last: keys[last].fill_null(_FOREVER).max()}
    return keys.group_by(f"_{name}_key").aggregate(**days)


def _values(raw: conform.Raw, t: Any) -> Iterator[Check]:
    """State the rules about one value each."""
    table = raw.table
    for c in table.columns:
        if c.name not in t.columns:
            continue
        v = t[c.name]
        readable = True
        if f"_unreadable_{c.name}" in t.columns:
            readable = ~t[f"_unreadable_{c.name}"]
            yield Check(c.name, "unreadable value", ~readable, f"write each {c.name} as {raw.readers[c.name].written}")
        if c.name in table.key:
            yield Check(c.name, "null key", v.isnull() & readable, f"give every row a {c.name}, or leave the row out")
        elif not c.nullable:
            yield Check(c.name, "null", v.isnull() & readable, f"fill {c.name}: {c.meaning}")
        if c.values:
            yield Check(c.name, "not an allowed value", ~v.isin(c.values), f"use {', '.join(c.values)}")
        if c.type == "float64":
            yield Check(c.name, "not a number", _endless(v), "replace NaN and infinity by the value, or null")
            v = _finite(v)
        if c.unit == "yuan" and c.minimum == 0:
            yield Check(c.name, "negative money", v < 0, f"{c.name} cannot be below 0: {c.meaning}")
        elif c.minimum is not None or c.maximum is not None:
            low, high = c.minimum, c.maximum
            outside = v < low if high is None else v > high if low is None else (v < low) | (v > high)
            bounds = " ".join(f"{word} {x:g}" for word, x in (("from", low), ("to", high)) if x is not None)
            yield Check(c.name, "out of range", outside, f"correct {c.name}: {bounds} {c.unit}".strip())
    if table.month_end and table.time in t.columns:
        month = t[table.time]
        next_day = month + _interval(1)
        yield Check(table.time, "not a month end", next_day.day() != 1, "use the last day of each month")


def _references(table: Table, t: Any, followed: dict[str, bool]) -> Iterator[Check]:
    """State the rules about what a row refers to: it exists, and the row lies in its time."""
    for name in followed:
        orphan = t[name].notnull() & t[f"_{name}_key"].isnull()
        target = table[name].references
        yield Check(
            name, "orphan reference", orphan, f"add the missing rows to {target.split('.')[0]}, or correct {name}"
        )
    if not table.time or table.time not in t.columns:
        return
    day = t[table.time].cast("date") if table[table.time].type == "timestamp" else t[table.time]
    if table.in_life and "_opened_on" in t.columns:
        yield Check(table.time, "before opening", day < t._opened_on, "correct the row's time or customers.opened_on")
        yield Check(table.time, "after closing", day > t._closed_on, "correct the row's time or customers.closed_on")
    if table.in_campaign and "_starts_on" in t.columns:
        outside = (day < t._starts_on) | (day > t._ends_on)
        todo = "correct the row's time, its campaign_id or the campaign's dates"
        yield Check(table.time, "outside the campaign's dates", outside, todo)


def _relations(table: Table, t: Any) -> Iterator[Check]:
    """State the table's own rules, where their columns are there."""
    from ibis.common.exceptions import IbisError

    floats = {c.name: _finite(t[c.name]) for c in table.columns if c.type == "float64" and c.name in t.columns}
    finite = _Row({name: t[name] for name in t.columns} | floats)
    for rule in table.rules:
        try:
            broken = rule.broken(finite)
        except (AttributeError, KeyError, IbisError):
            continue
        yield Check("", rule.name, broken, rule.todo)


class _Row:
    """The columns of a table by attribute or item, as rules ask for them."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self._columns = columns

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self._columns:
            raise AttributeError(name)
        return self._columns[name]


def _endless(v: Any) -> Any:
    return v.isnan() | (v.abs() > _LARGEST)


def _finite(v: Any) -> Any:
    import ibis

    return _endless(v).ifelse(ibis.null("float64"), v)


def _interval(days: int) -> Any:
    import ibis

    return ibis.interval(days=days)
