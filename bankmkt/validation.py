"""Whether a bank keeps the contract: every fault in one table."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from bankmkt import conform
from bankmkt.bank import Bank
from bankmkt.checks import Check, judged
from bankmkt.errors import ParameterError, one_of
from bankmkt.schema import TABLES, Table

COLUMNS = ("table", "column", "rule", "rows", "examples", "todo")
"""Columns of the frame that :func:`validate` returns."""

_EXAMPLES = 5


def validate(bank: Bank, tables: Iterable[str] | None = None) -> pd.DataFrame:
    """Report every fault of a bank.

    The tables are judged as they were found, in the engine: one pass over each for all of its rules, and one over
    its key for duplicates. Only rules that are broken are asked for examples. A view of the bank as of a day is
    judged whole.

    Parameters
    ----------
    bank
        Of :func:`bankmkt.open_bank`.
    tables
        Names of the tables to look at; all by default.

    Returns
    -------
    pandas.DataFrame
        A row per fault, none for a bank that keeps the contract: ``table``, ``column`` (empty where a rule is about
        several), ``rule``, ``rows`` affected (rows beyond the first for duplicate keys), ``examples`` (keys of up to
        five of them, in order) and ``todo``. In its ``attrs``: ``rows`` by table, ``absent_optional`` (tables that a
        bank may lack and this one does) and ``unchecked`` (references whose table is absent).

    Raises
    ------
    ParameterError
        When a table's name is not one of the schema's.

    Examples
    --------
    >>> from bankmkt.bank import open_bank
    >>> bank = open_bank({"organisations": pd.DataFrame({"org_id": [1, 1], "level": "head_office", "name": "Head"})})
    >>> validate(bank, ["organisations"])[["column", "rule", "rows", "examples"]]
       column           rule  rows examples
    0  org_id  duplicate key     1        1
    """
    names = tuple(TABLES if tables is None else tables)
    for name in names:
        if name not in TABLES:
            raise ParameterError("tables", name, one_of(TABLES), "pass names as in docs/data-dictionary.md")
    faults: list[dict[str, Any]] = []
    rows: dict[str, int] = {}
    unchecked: list[str] = []
    for name in names:
        table = TABLES[name]
        if bank.has(name):
            faults += _columns(bank, table)
            rows[name], found, left = _rows(bank, table)
            faults += found
            unchecked += left
        elif not table.optional:
            todo = f"add {name}: a row is {table.row}; docs/data-dictionary.md lists its columns"
            faults.append(_fault(table, "", "missing table", 0, "", todo))
    frame = pd.DataFrame(faults, columns=list(COLUMNS)).astype({"rows": "int64"})
    frame.attrs["rows"] = rows
    frame.attrs["absent_optional"] = [name for name in names if TABLES[name].optional and not bank.has(name)]
    frame.attrs["unchecked"] = unchecked
    return frame


def _fault(table: Table, column: str, rule: str, rows: int, examples: str, todo: str) -> dict[str, Any]:
    return dict(zip(COLUMNS, (table.name, column, rule, rows, examples, todo), strict=True))


def _columns(bank: Bank, table: Table) -> list[dict[str, Any]]:
    """Report columns that are missing, of another type, or not of the contract."""
    raw = bank.raw[table.name]
    out = []
    for name, what in conform.faults(table, raw).items():
        if what == "missing":
            todo = f"add {name} ({table[name].type}): {table[name].meaning}"
            out.append(_fault(table, name, "missing column", 0, "", todo))
        else:
            todo = f"it is {what}; convert it, or say how in mapping.yml"
            out.append(_fault(table, name, "wrong type", 0, "", todo))
    for name in raw.expr.columns:
        if name not in table.names:
            out.append(_fault(table, name, "extra column", 0, "", "leave it out; nothing reads it"))
    return out


def _rows(bank: Bank, table: Table) -> tuple[int, list[dict[str, Any]], list[str]]:
    """Count the rows that break each rule, and name some of those that do."""
    t, checks, unchecked = judged(bank, table)
    key = [name for name in table.key if name in t.columns]
    whole = len(key) == len(table.key)
    counts = {f"n{i}": check.broken.fill_null(False).cast("int64").sum() for i, check in enumerate(checks)}
    if whole:
        counts["keyed"] = _present(t, key).cast("int64").sum()
    answer = bank.con.to_pyarrow(t.aggregate(rows=t.count(), **counts)).to_pylist()[0]
    out = []
    if whole and (surplus := (answer["keyed"] or 0) - _distinct(bank, table, key)):
        todo = "keep one row for each key; rows without any difference are often loaded twice"
        out.append(_fault(table, ", ".join(key), "duplicate key", surplus, _duplicates(bank, t, key), todo))
    for i, check in enumerate(checks):
        if n := answer[f"n{i}"]:
            out.append(_fault(table, check.column, check.rule, n, _examples(bank, table, t, key, check), check.todo))
    return answer["rows"], out, unchecked


def _present(t: Any, key: list[str]) -> Any:
    present = t[key[0]].notnull()
    for name in key[1:]:
        present = present & t[name].notnull()
    return present


def _distinct(bank: Bank, table: Table, key: list[str]) -> int:
    """Count distinct keys by grouping, which engines spill to disk when it outgrows memory."""
    raw = bank.raw[table.name]
    keys = raw.expr.select(**{name: conform.column(raw, table[name]) for name in key})
    distinct = keys.filter(_present(keys, key)).distinct()
    return int(bank.con.to_pyarrow(distinct.count()).as_py())


def _duplicates(bank: Bank, t: Any, key: list[str]) -> str:
    t = t.filter(_present(t, key))
    groups = t.group_by(key).aggregate(_n=t.count())
    return _render(bank, groups.filter(groups._n > 1).select(key), key)


def _examples(bank: Bank, table: Table, t: Any, key: list[str], check: Check) -> str:
    names = key
    if check.rule == "null key":  # the key cannot name the row: show its first columns
        found = bank.raw[table.name].expr.columns
        names = [name for name in table.names if name in t.columns and name in found][:4]
    if not names:
        return ""
    return _render(bank, t.filter(check.broken).select(names), names)


def _render(bank: Bank, rows: Any, names: list[str]) -> str:
    """Return the first rows by key as text, ``"3; 17"`` or ``"customer_id=3, month=2025-01-31"``."""
    found = bank.con.to_pyarrow(rows.order_by(names).limit(_EXAMPLES)).to_pylist()
    if len(names) == 1:
        return "; ".join(str(row[names[0]]) for row in found)
    return "; ".join(", ".join(f"{name}={row[name]}" for name in names) for row in found)
