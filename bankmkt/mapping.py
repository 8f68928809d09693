"""How an analyst's own names and values become ours, as written in ``mapping.yml``.

By table of ours::

    customers:
      source: KUNDEN              # the table or file; our name by default
      columns:                    # ours: theirs
        customer_id: CUST_NO
        opened_on: {column: OPEN_DT, format: "%Y%m%d"}
        city_tier: {constant: tier_2}
      values:                     # ours: {theirs: ours}
        gender: {F: female, M: male}
    balances:
      columns:
        demand: {column: CURRENT_FEN, times: 0.01}
        aum: {sum: [CURRENT_FEN, DEPOSIT_FEN], times: 0.01}
        products: {nonzero: [CURRENT_FEN, DEPOSIT_FEN]}

Columns that are not listed keep their names; those of no name of ours are left out.
"""

import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bankmkt import conform, formats
from bankmkt.conform import Raw, Reader
from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
from bankmkt.schema import TABLES, Column, Table
from bankmkt.sources import Found

_TABLE_KEYS = ("source", "columns", "values")
_ORIGINS = ("column", "constant", "sum", "nonzero")
_COLUMN_KEYS = (*_ORIGINS, "format", "times")


@dataclass(frozen=True)
class ColumnRule:
    """Where a column of ours comes from: a column of theirs, a constant (text), the sum or the count of several."""

    column: str = ""
    constant: str | None = None
    sum: tuple[str, ...] = ()
    nonzero: tuple[str, ...] = ()
    format: str = ""
    times: float = 1.0


@dataclass(frozen=True)
class TableRule:
    """Where a table of ours comes from."""

    source: str
    columns: Mapping[str, ColumnRule]
    values: Mapping[str, Mapping[str, str]]


def read_mapping(mapping: str | Path | Mapping[str, Any]) -> dict[str, TableRule]:
    """Read a mapping and check every name in it that is ours.

    Parameters
    ----------
    mapping
        A YAML file, or its content.

    Returns
    -------
    dict
        A rule by table of ours.

    Raises
    ------
    DataError
        When the file is absent or no YAML.
    ParameterError
        When a key or a value is not valid; the message says where and lists the valid ones.

    Examples
    --------
    >>> read_mapping({"customers": {"columns": {"customer_id": "CUST_NO"}}})["customers"].columns["customer_id"].column
    'CUST_NO'
    >>> read_mapping({"customers": {"colums": {}}})
    Traceback (most recent call last):
        ...
    bankmkt.errors.ParameterError: mapping: customers = 'colums': expected one of source, columns, values; correct it
    """
    content = mapping if isinstance(mapping, Mapping) else _load(Path(mapping))
    return {name: _table_rule(name, rule) for name, rule in _object("mapping", content, TABLES).items()}


def _load(path: Path) -> Any:
    import yaml

    try:
        # all text: "no" stays a word, 20260630 and 007 stay as they are written
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(
            f"mapping {path} cannot be read ({error})", todo="write it as docs/own-data.md shows"
        ) from error


def _object(where: str, content: Any, valid: Any = None) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise ParameterError(where, content, "names with values below them", "see docs/own-data.md")
    for key in content:
        if valid is not None and key not in valid:
            raise ParameterError(where, key, one_of(valid), "correct it")
    return content


def _table_rule(name: str, rule: Any) -> TableRule:
    table, where = TABLES[name], f"mapping: {name}"
    rule = _object(where, rule, _TABLE_KEYS)
    columns = _object(f"{where}.columns", rule.get("columns") or {}, table.names)
    values = _object(f"{where}.values", rule.get("values") or {}, table.names)
    return TableRule(
        str(rule.get("source") or name),
        {ours: _column_rule(f"{where}.columns.{ours}", table[ours], theirs) for ours, theirs in columns.items()},
        {ours: _values(f"{where}.values.{ours}", table[ours], pairs) for ours, pairs in values.items()},
    )


def _column_rule(where: str, c: Column, theirs: Any) -> ColumnRule:
    if not isinstance(theirs, Mapping):
        return ColumnRule(column=str(theirs))
    rule = dict(_object(where, theirs, _COLUMN_KEYS))
    if sum(key in rule for key in _ORIGINS) != 1:
        raise ParameterError(where, rule, one_of(_ORIGINS), "write exactly one of them")
    number = c.type in ("int64", "float64")
    for key in ("sum", "nonzero"):
        if key in rule and (not number or not isinstance(rule[key], list | tuple) or not rule[key]):
            expected = "a list of their columns, for a number of ours"
            raise ParameterError(f"{where}.{key}", rule[key], expected, f"write {key}: [A, B]")
    text = str(rule.get("format", ""))
    if text:
        if c.type not in ("date", "timestamp") or "column" not in rule:
            what = f"is {c.type}" if "column" in rule else "comes from no single column"
            raise ParameterError(f"{where}.format", text, f"no format: {c.name} {what}", "leave it out")
        formats.pattern(f"{where}.format", text)
    times = 1.0
    if "times" in rule:
        try:
            times = float(rule["times"])
        except ValueError:
            raise ParameterError(f"{where}.times", rule["times"], "a number", "write times: 0.01") from None
        if not number or "constant" in rule:
            what = "comes from a constant" if number else f"is {c.type}"
            raise ParameterError(f"{where}.times", rule["times"], f"no factor: {c.name} {what}", "leave it out")
    return ColumnRule(
        column=str(rule.get("column", "")),
        constant=str(rule["constant"]) if "constant" in rule else None,
        sum=tuple(str(name) for name in rule.get("sum", ())),
        nonzero=tuple(str(name) for name in rule.get("nonzero", ())),
        format=text,
        times=times,
    )


def _values(where: str, c: Column, pairs: Any) -> dict[str, str]:
    out = {str(theirs): str(ours) for theirs, ours in _object(where, pairs).items()}
    if c.type == "boolean":
        for ours in out.values():
            if ours not in ("true", "false"):
                raise ParameterError(where, ours, one_of(("true", "false")), "write {theirs: true}")
    elif c.type != "string":
        raise ParameterError(where, dict(pairs), f"no values: {c.name} is {c.type}", "leave them out")
    for ours in out.values():
        if c.values and ours not in c.values:
            raise ParameterError(where, ours, one_of(c.values), "write {theirs: ours}")
    return out


def apply(rules: Mapping[str, TableRule], found: Mapping[str, Found]) -> dict[str, Raw]:
    """Give tables as found our names, lazily.

    Parameters
    ----------
    rules
        Of :func:`read_mapping`.
    found
        Tables by name of the source; those that no rule names keep theirs.

    Returns
    -------
    dict
        Raw tables by our name, for :func:`bankmkt.settle.settle`.

    Raises
    ------
    SchemaError
        When a table or column that the mapping names is not there.
    """
    out = {}
    for name, table in TABLES.items():
        if name in rules:
            rule = rules[name]
            if rule.source not in found:
                todo = "correct the name" + (", or take the table out of the mapping" if table.optional else "")
                raise SchemaError(f"mapping: {name}.source", rule.source, one_of(found), todo)
            out[name] = _apply(table, rule, found[rule.source])
        elif name in found:
            out[name] = Raw(table, found[name].expr, loose=found[name].text)
    return out


def _apply(table: Table, rule: TableRule, found: Found) -> Raw:
    import ibis

    there = found.expr.columns
    columns: dict[str, Any] = {}
    readers: dict[str, Reader] = {}
    for c in table.columns:
        how = rule.columns.get(c.name)
        if how is None and c.name not in there:
            if c.name in rule.values:
                raise SchemaError(
                    f"mapping: {table.name}.values", c.name, "a column that is there", "list it under columns"
                )
            continue
        how = how or ColumnRule(column=c.name)
        if how.constant is not None:
            columns[c.name] = ibis.literal(how.constant)
            continue
        for theirs in how.sum or how.nonzero or (how.column,):
            if theirs not in there:
                where = f"mapping: {table.name}.columns.{c.name}"
                raise SchemaError(where, theirs, one_of(there), "write the name as their table has it")
        v = _combined(found.expr, how)
        if c.name in rule.values:
            v = v.cast("string").substitute(dict(rule.values[c.name]))
        columns[c.name] = v
        if reader := _reader(c, how, v.type()):
            readers[c.name] = reader
    if not columns:
        raise SchemaError(f"mapping: {table.name}", None, f"columns such as {table.names[0]}", "list them")
    return Raw(table, found.expr.select(**columns), readers, loose=True)


def _combined(t: Any, how: ColumnRule) -> Any:
    """Return the one column of theirs, or what several make together."""
    if not how.sum and not how.nonzero:
        return t[how.column]
    numbers = [_number(t[name].type())(t[name]) for name in how.sum or how.nonzero]
    if how.nonzero:
        numbers = [(number != 0).cast("int64") for number in numbers]
    return functools.reduce(operator.add, numbers)


def _number(dtype: Any) -> Callable[[Any], Any]:
    return conform.text_reader("float64").read if dtype.is_string() else lambda v: v.cast("float64")


def _reader(c: Column, how: ColumnRule, dtype: Any) -> Reader | None:
    """Return how a column is read where the mapping says so; None where its type says enough."""
    if how.format and not (dtype.is_timestamp() and dtype.timezone):
        pattern, order = formats.pattern("format", how.format)
        written = f"{how.format}, as mapping.yml says"
        return Reader(lambda v: formats.parse(v.cast("string"), pattern, order).try_cast(c.type), written)
    if how.times != 1.0:
        number = _number(dtype)
        digits = 0 if c.type == "int64" else 2 if c.unit == "yuan" else None
        if digits is None:
            return Reader(lambda v: number(v) * how.times, conform.WRITTEN["float64"])
        return Reader(lambda v: (number(v) * how.times).round(digits).cast(c.type), conform.WRITTEN["float64"])
    if how.sum and c.unit == "yuan":
        return Reader(lambda v: v.round(2), conform.WRITTEN["float64"])
    return None
