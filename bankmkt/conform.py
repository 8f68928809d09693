"""How a table as it was found becomes one of ours: the columns of the schema, in its order and types.

Values are converted lazily, in the engine. What cannot be read as the column's type reads as null here, and is
reported by :func:`bankmkt.validation.validate`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bankmkt.errors import SchemaError
from bankmkt.schema import Column, Table

_WHOLE = "^ *([+-]?[0-9]+)([.]0*)? *$"  # without backslashes, which SQL dialects read differently


@dataclass(frozen=True)
class Raw:
    """A table as it was found.

    Parameters
    ----------
    expr
        Ibis table; columns bear our names.
    convert
        By column, a function from the raw column to one of the schema's type, null where it cannot be read.
        Columns without one must already be of a type that :func:`fits`.
    """

    expr: Any
    convert: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)


def fits(dtype: Any, type_name: str) -> bool:
    """Whether values of an Ibis type go into a column of the schema unchanged.

    Parameters
    ----------
    dtype
        Ibis data type.
    type_name
        One of :data:`bankmkt.schema.TYPES`.
    """
    if type_name == "int64":
        return bool(dtype.is_integer())
    if type_name == "float64":
        return bool(dtype.is_floating() or dtype.is_integer() or dtype.is_decimal())
    if type_name == "timestamp":
        return bool(dtype.is_timestamp() and dtype.timezone is None)
    return bool(getattr(dtype, f"is_{type_name}")())


def text_reader(type_name: str) -> Callable[[Any], Any]:
    """Return a function from a text column to one of the schema's type, null where a value cannot be read.

    Parameters
    ----------
    type_name
        One of :data:`bankmkt.schema.TYPES`. Whole numbers may end in ``.0``, as spreadsheets write them.
    """
    if type_name == "string":
        return lambda text: text
    if type_name == "int64":
        return lambda text: text.re_extract(_WHOLE, 1).nullif("").try_cast("int64")
    return lambda text: trimmed(text).try_cast(type_name)


def trimmed(text: Any) -> Any:
    """Return a text column without blanks around its values.

    Ibis's own ``strip`` also takes the letters v and f from the ends of words on Spark.
    """
    return text.re_replace("^ +| +$", "")


def text_readers(table: Table, names: tuple[str, ...]) -> dict[str, Callable[[Any], Any]]:
    """Return a reader for each named column of a table, for files without types."""
    return {c.name: text_reader(c.type) for c in table.columns if c.name in names}


def faults(table: Table, raw: Raw) -> dict[str, str]:
    """Say which columns keep a raw table from being used.

    Parameters
    ----------
    table, raw
        The contract, and the table as found.

    Returns
    -------
    dict
        By column, what is wrong: ``"missing"`` or ``"string, not date"``.
    """
    schema = raw.expr.schema()
    out = {}
    for c in table.columns:
        if c.name not in schema:
            if not c.nullable:
                out[c.name] = "missing"
        elif c.name not in raw.convert and not _all_null(schema[c.name]) and not fits(schema[c.name], c.type):
            out[c.name] = f"{schema[c.name]}, not {c.type}"
    return out


def column(raw: Raw, c: Column) -> Any:
    """Return one column of a raw table in the schema's type; nulls where it is absent or all null.

    Parameters
    ----------
    raw
        The table as found.
    c
        A column of the schema that :func:`faults` does not name.
    """
    import ibis

    schema = raw.expr.schema()
    if c.name not in schema or _all_null(schema[c.name]):
        return ibis.null(c.type)
    found = raw.expr[c.name]
    if c.name in raw.convert:
        found = raw.convert[c.name](found)
    return found if str(found.type()) == c.type else found.cast(c.type)


def conform(table: Table, raw: Raw) -> Any:
    """Give a raw table the columns of the schema, in its order and types.

    Parameters
    ----------
    table, raw
        The contract, and the table as found.

    Returns
    -------
    ibis table
        Absent nullable columns are filled with nulls; columns of no table are left out.

    Raises
    ------
    SchemaError
        When a column that must be there is missing, or one is of another type.
    """
    wrong = faults(table, raw)
    if wrong:
        text = ", ".join(f"{name} ({what})" for name, what in wrong.items())
        raise SchemaError(f"table {table.name}: {text}", todo="bankmkt.validate(bank) lists every fault")
    return raw.expr.select(**{c.name: column(raw, c) for c in table.columns})


def _all_null(dtype: Any) -> bool:
    return bool(dtype.is_null())
