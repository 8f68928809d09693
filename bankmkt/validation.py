"""Whether a bank keeps the contract: every fault in one table."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from bankmkt import conform
from bankmkt.bank import Bank, check_bank
from bankmkt.checks import Check, judged
from bankmkt.conform import Raw
from bankmkt.errors import ParameterError, one_of
from bankmkt.schema import TABLES, Table
from bankmkt.settle import id_owner

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
        When the bank is none, or a table's name is not one of the schema's.
    DataError
        When a file of the bank cannot be read.

    Examples
    --------
    >>> from bankmkt.bank import open_bank
    >>> bank = open_bank({"organisations": pd.DataFrame({"org_id": [1, 1], "level": "head_office", "name": "Head"})})
    >>> validate(bank, ["organisations"])[["column", "rule", "rows", "examples"]]
       column           rule  rows examples
    0  org_id  duplicate key     1        1
    """
    check_bank(bank)
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
            faults += _columns(bank.raw[name])
            rows[name], found, left = _rows(bank, name)
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


def _columns(raw: Raw) -> list[dict[str, Any]]:
    """Report columns that are missing, of another type, or not of the contract."""
    table = raw.table
    out = []
    for name, what in conform.faults(raw).items():
        if what == "missing":
            todo = f"add {name} ({table[name].type}): {table[name].meaning}"
            out.append(_fault(table, name, "missing column", 0, "", todo))
        else:
            out.append(_fault(table, name, "wrong type", 0, "", f"it is {what}; {_convert(table, name)}"))
    for name in raw.expr.columns:
        if name not in table.names:
            out.append(_fault(table, name, "extra column", 0, "", "leave it out; nothing reads it"))
    return out


def _convert(table: Table, name: str) -> str:
    """Say how a column of the wrong type becomes right."""
    c = TABLES[table.name][name]
    owner = id_owner(table, c)
    if c.type == "id" and owner != f"{table.name}.{name}":
        return f"store it as {owner}, whose ids it holds, or list the table in mapping.yml, which converts"
    if table[name].type in ("date", "timestamp"):
        return "convert it to the bank's local time without zone, or say how it is written in mapping.yml"
    return "convert it, or say how in mapping.yml"


def _rows(bank: Bank, name: str) -> tuple[int, list[dict[str, Any]], list[str]]:
    """Count the rows that break each rule, and name some of those that do."""
    raw = bank.raw[name]
    table = raw.table
    t, checks, unchecked = judged(bank, name)
    key = [name for name in table.key if name in t.columns]
    whole = len(key) == len(table.key)
    counts = {f"n{i}": check.broken.fill_null(False).cast("int64").sum() for i, check in enumerate(checks)}
    if whole:
        counts["keyed"] = _present(t, key).cast("int64").sum()
    answer = bank.fetch(t.aggregate(rows=t.count(), **counts)).to_pylist()[0]
    out = []
    if whole and (surplus := (answer["keyed"] or 0) - _distinct(bank, raw, key)):
        todo = "keep one row for each key; rows without any difference are often loaded twice"
        out.append(_fault(table, ", ".join(key), "duplicate key", surplus, _duplicates(bank, t, key), todo))
    for i, check in enumerate(checks):
        if n := answer[f"n{i}"]:
            out.append(_fault(table, check.column, check.rule, n, _examples(bank, raw, t, key, check), check.todo))
    return answer["rows"], out, unchecked


def _present(t: Any, key: list[str]) -> Any:
    present = t[key[0]].notnull()
    for name in key[1:]:
        present = present & t[name].notnull()
    return present


def _distinct(bank: Bank, raw: Raw, key: list[str]) -> int:
    """Count distinct keys by grouping, which engines spill to disk when it outgrows memory."""
    keys = raw.expr.select(**{name: conform.column(raw, name) for name in key})
    distinct = keys.filter(_present(keys, key)).distinct()
    return int(bank.fetch(distinct.count()).as_py())


def _duplicates(bank: Bank, t: Any, key: list[str]) -> str:
    t = t.filter(_present(t, key))
    groups = t.group_by(key).aggregate(_n=t.count())
    return _render(bank, groups.filter(groups._n > 1).select(key), key)


def _examples(bank: Bank, raw: Raw, t: Any, key: list[str], check: Check) -> str:
    names = key
    if check.rule == "null key":  # the key cannot name the row: show its first columns
        names = [name for name in raw.table.names if name in t.columns and name in raw.expr.columns][:4]
    if not names:
        return ""
    return _render(bank, t.filter(check.broken).select(names), names)


def _render(bank: Bank, rows: Any, names: list[str]) -> str:
    """Return the first rows by key as text, ``"3; 17"`` or ``"customer_id=3, month=2025-01-31"``."""
    found = bank.fetch(rows.order_by(names).limit(_EXAMPLES)).to_pylist()
    if len(names) == 1:
        return "; ".join(str(row[names[0]]) for row in found)
    return "; ".join(", ".join(f"{name}={row[name]}" for name in names) for row in found)
