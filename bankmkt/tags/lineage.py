"""From a tag to its features and from these to the columns they read, taken from the expressions themselves."""

import datetime
import functools
import math
import numbers
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from bankmkt.errors import ParameterError
from bankmkt.schema import TABLES
from bankmkt.tags.declare import ATTRIBUTES, RELATED, Feature, Tag, unknown


def unbound(table: str, **more: Any) -> Any:
    """Return an Ibis table with a schema table's columns, and more, and no data: enough to read an expression."""
    import ibis

    found = {c.name: "int64" if c.type == "id" else c.type for c in TABLES[table].columns}
    return ibis.table({**found, **more}, name=table)


def resolved(feature: Feature, t: Any) -> Any:
    """Return a feature's aggregate over a table.

    Raises
    ------
    ParameterError
        If it uses a column the table lacks, is no aggregate, or is of another type than ``empty``.
    """
    import ibis.expr.operations as ops
    from ibis.common.exceptions import IbisError

    try:
        expr = feature.aggregate.resolve(t)
    except (AttributeError, IbisError, TypeError) as error:
        what = f"feature {feature.name}: {str(error).splitlines()[0]}"
        raise ParameterError(what, todo=f"{feature.table} has {', '.join(TABLES[feature.table].names)}") from error
    if not expr.op().find(ops.Reduction) or not expr.op().shape.is_scalar():
        raise ParameterError(f"feature {feature.name}", "a value per row", "an aggregate", "such as _.amount.sum()")
    if not _fits(feature.empty, expr.type()):
        todo = "pass empty=None for what is then unknown"
        raise ParameterError(f"feature {feature.name}: empty", feature.empty, f"None, or of type {expr.type()}", todo)
    return expr


def _fits(value: Any, dtype: Any) -> bool:
    """Return whether a value can stand in for one of an Ibis type."""
    if value is None:
        return True
    if dtype.is_numeric() or dtype.is_boolean():
        return isinstance(value, numbers.Real) and math.isfinite(value)
    if dtype.is_temporal():
        return isinstance(value, datetime.datetime if dtype.is_timestamp() else datetime.date)
    return isinstance(value, str) if dtype.is_string() else True


def is_latest(feature: Feature) -> bool:
    """Return whether a feature is the latest date or time of something, which longer records would not change."""
    import ibis.expr.operations as ops

    op = resolved(feature, unbound(feature.table)).op()
    return isinstance(op, ops.Max) and op.dtype.is_temporal()


def types(features: Iterable[Feature]) -> dict[str, Any]:
    """Return each feature's Ibis data type.

    Raises
    ------
    ParameterError
        If a feature uses a column its table lacks, or is no aggregate.
    """
    return {feature.name: resolved(feature, unbound(feature.table)).type() for feature in features}


def needed(tag: Tag, known: Mapping[str, Any]) -> list[str]:
    """Return the names of the features that a tag's rule uses.

    Parameters
    ----------
    tag
        The declaration.
    known
        Data type by name of the features there are, as :func:`types` returns them.

    Raises
    ------
    ParameterError
        If the rule uses something that is no feature, no attribute and not ``as_of``; the message names the tag and
        the nearest names.
    """
    read = _read(tag, known)
    return [name for name in known if name in read]


def attributes(tag: Tag, known: Mapping[str, Any]) -> list[str]:
    """Return the names of the attributes that a tag's rule uses, arguments and errors as for :func:`needed`."""
    read = _read(tag, known)
    return [name for name in (*ATTRIBUTES, *RELATED) if name in read]


def value_type(tag: Tag, known: Mapping[str, Any]) -> Any:
    """Return the Ibis type of a tag's value, arguments and errors as for :func:`needed`."""
    return ruled(tag, _wide(tuple(known.items()))).type()


def _read(tag: Tag, known: Mapping[str, Any]) -> set[str]:
    """Return the names of all that a tag's rule uses."""
    import ibis.expr.operations as ops

    return {node.name for node in ruled(tag, _wide(tuple(known.items()))).op().find(ops.Field)}


@functools.lru_cache(maxsize=8)
def _wide(known: tuple[tuple[str, Any], ...]) -> Any:
    """Return an Ibis table with all that a rule may use, and no data."""
    tables = {name: column.split(".") for name, column in RELATED.items()}
    related = {name: TABLES[table][column].type for name, (table, column) in tables.items()}
    return unbound("customers", **related, **dict(known), as_of="date")


def ruled(tag: Tag, wide: Any) -> Any:
    """Return a tag's value over the table of features.

    Raises
    ------
    ParameterError
        If the rule does not fit the features' types, or is no value of each customer's own: sums over all customers
        belong to no one of them, unless they are meant (``_.aum.mean().over(ibis.window())``).
    """
    import ibis.expr.operations as ops
    import ibis.expr.types as ir
    from ibis.common.exceptions import IbisError

    try:
        value = tag.rule.resolve(wide)
    except (AttributeError, IbisError, TypeError) as error:
        if missing := re.match(r"'Table' object has no attribute '(\w+)'", str(error)):
            raise unknown(tag, missing[1], wide.columns) from error
        todo = "compare numbers with numbers, dates with dates and texts with texts"
        raise ParameterError(f"tag {tag.code}: {str(error).splitlines()[0]}", todo=todo) from error
    if not isinstance(value, ir.Value):
        found = "the whole table" if isinstance(value, ir.Table) else type(value).__name__
        raise ParameterError(f"tag {tag.code}: rule", found, "a value of each customer", "such as _.aum > 50_000")
    whole = value.op().find(ops.Reduction, filter=_in_the_row)
    if whole or not value.op().shape.is_columnar():
        found = type(whole[0]).__name__.lower() if whole else "one value for all"
        todo = "aggregate a customer's rows in a feature, bm.tags.Feature(…), and use that in the rule"
        raise ParameterError(f"tag {tag.code}: rule", f"{found} over all customers", "a value of each customer", todo)
    return value


def _in_the_row(node: Any) -> bool:
    """Return whether an operation is of values beside each other: no table, and no window that is said to be meant."""
    import ibis.expr.operations as ops

    return isinstance(node, ops.Value) and not isinstance(node, ops.WindowFunction)


def judged(tag: Tag, wide: Any, unsure: Collection[str]) -> Any:
    """Return a tag's value over the table of features, null where it would be told from what is not known.

    A comparison with null is null; ``isnull``, ``fill_null``, ``cases`` and ``greatest`` make an answer of it.

    Parameters
    ----------
    tag
        The declaration.
    wide
        Ibis table of features and attributes.
    unsure
        Names of those that may be null for want of records.

    Raises
    ------
    ParameterError
        If the rule does not fit the features' types.
    """
    import functools
    import operator

    import ibis
    import ibis.expr.operations as ops

    value = ruled(tag, wide)
    answering = (
        ops.IsNull, ops.NotNull, ops.Coalesce, ops.SearchedCase, ops.SimpleCase, ops.IfElse, ops.Greatest, ops.Least,
    )  # fmt: skip
    plain = ruled(tag, _plain(wide)).op() if unsure else None
    hidden = {field.name for node in plain.find(answering) for field in node.find(ops.Field)} if plain else set()
    if not (unknown_ones := sorted(hidden & set(unsure))):
        return value
    missing = functools.reduce(operator.or_, [wide[name].isnull() for name in unknown_ones])
    return missing.ifelse(ibis.null(value.type()), value)


def _plain(wide: Any) -> Any:
    """Return a table with the columns of another and no history, so that a rule's own expression can be read."""
    import ibis

    return ibis.table(wide.schema(), name="wide")


def columns(feature: Feature) -> list[str]:
    """Return what a feature reads, as ``"transactions.amount"``.

    Examples
    --------
    >>> from ibis import _
    >>> columns(Feature("pay", "transactions", _.amount.sum(where=_.kind == "salary"), 3, "salary"))
    ['transactions.amount', 'transactions.kind']
    """
    import ibis.expr.operations as ops

    fields = resolved(feature, unbound(feature.table)).op().find(ops.Field)
    return [f"{feature.table}.{name}" for name in dict.fromkeys(field.name for field in fields)]
