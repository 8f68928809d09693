"""How a table as it was found becomes one of ours: the columns of the schema, in its order and types.

Values are converted lazily, in the engine, and only where the type found is not ours. What cannot be read as the
column's type reads as null here, and is reported by :func:`bankmkt.validation.validate`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bankmkt.errors import SchemaError
from bankmkt.schema import Column, Table

# patterns without backslashes, which SQL dialects read differently
_WHOLE = "^ *([+-]?[0-9]+)([.]0*)? *$"
_DAY = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_DATE = f"^ *({_DAY})([ T]00:00(:00([.]0+)?)?)? *$"
_TIMESTAMP = f"^ *({_DAY}([ T][0-9]{{1,2}}:[0-9]{{2}}(:[0-9]{{2}}([.][0-9]+)?)?)?) *$"
_EXACT = {2: 2**11, 4: 2**24, 8: 2**53}  # by bytes of a float: beyond it, not every whole number is one

WRITTEN = {
    "int64": "a whole number",
    "float64": "a number",
    "boolean": "true or false",
    "date": "2026-06-30",
    "timestamp": "2026-06-30 23:59:59",
    "string": "text",
}
"""How a value of each type is written as text."""


@dataclass(frozen=True)
class Reader:
    """How a column as found is read.

    Parameters
    ----------
    read
        From the column as found to one of the schema's type, null where it cannot be read.
    written
        How a value must be written to be read.
    """

    read: Callable[[Any], Any]
    written: str


@dataclass(frozen=True)
class Raw:
    """A table as it was found.

    Parameters
    ----------
    table
        The contract it is held against; see :func:`bankmkt.settle.settle` for the types of its ids.
    expr
        Ibis table; columns bear our names.
    readers
        By column. Columns without one must already be of a type that :func:`fits`.
    loose
        Whether text stands for values yet to be read, as in CSV files and under a mapping.
    """

    table: Table
    expr: Any
    readers: Mapping[str, Reader] = field(default_factory=dict)
    loose: bool = False


def fits(dtype: Any, type_name: str) -> bool:
    """Whether values of an Ibis type go into a column of the schema unchanged.

    Parameters
    ----------
    dtype
        Ibis data type.
    type_name
        One of :data:`bankmkt.schema.TYPES`, but for ``"id"``.
    """
    if type_name == "int64":
        return bool(dtype.is_integer() and not dtype.is_uint64())
    if type_name == "float64":
        return bool(dtype.is_floating() or dtype.is_integer() or dtype.is_decimal())
    if type_name == "timestamp":
        return bool((dtype.is_timestamp() and dtype.timezone is None) or dtype.is_date())
    return bool(getattr(dtype, f"is_{type_name}")())


def typed_reader(dtype: Any, c: Column) -> Reader | None:
    """Return how a column of a type that does not fit is read without loss; None where it cannot be.

    Parameters
    ----------
    dtype
        Ibis data type found.
    c
        The column wanted.

    Notes
    -----
    pandas stores dates as times at midnight, and whole numbers with gaps as float64. Some data bases have no boolean.
    """
    number = dtype.is_numeric() and not dtype.is_boolean()
    if c.type == "int64" and number:
        return Reader(_whole, WRITTEN["int64"])
    if c.type == "boolean" and number:
        return Reader(lambda v: (v == 1).ifelse(True, (v == 0).ifelse(False, None)), "1 or 0")
    if c.type == "date" and dtype.is_timestamp() and dtype.timezone is None:
        return Reader(_day, "a day, without a time of day")
    if c.type == "string" and not c.values and (dtype.is_integer() or dtype.is_uuid()):
        return Reader(lambda v: v.cast("string"), WRITTEN["string"])
    return None


def _whole(v: Any) -> Any:
    """Return numbers as int64, null where that is another number, or might be: see ``_EXACT``."""
    dtype = v.type()
    there = (v.abs() <= (_EXACT[dtype.nbytes] if dtype.is_floating() else 2**63 - 1)).ifelse(v, None)
    whole = there.cast("int64")
    return (whole == there).ifelse(whole, None)


def written_plainly(v: Any) -> Any:
    """Return numbers as text: whole ones without a fraction."""
    text = v.cast("string")
    return text if v.type().is_integer() else _whole(v).cast("string").coalesce(text)


def _day(v: Any) -> Any:
    return (v == v.date().cast("timestamp")).ifelse(v.date(), None)


def text_reader(type_name: str) -> Reader:
    """Return how a text column is read as one of the schema's type.

    Parameters
    ----------
    type_name
        One of :data:`bankmkt.schema.TYPES`; ``"id"`` for ids that are text, around which blanks do not count. Whole
        numbers may end in ``.0``, as spreadsheets write them; dates may end in a midnight, as pandas writes them.
    """
    if type_name == "id":
        return Reader(lambda text: trimmed(text).nullif(""), WRITTEN["string"])
    written = WRITTEN[type_name]
    if type_name == "string":
        return Reader(lambda text: text.nullif(""), written)
    if pattern := {"int64": _WHOLE, "date": _DATE, "timestamp": _TIMESTAMP}.get(type_name):
        return Reader(lambda text: text.re_extract(pattern, 1).nullif("").try_cast(type_name), written)
    return Reader(lambda text: trimmed(text).try_cast(type_name), written)


def trimmed(text: Any) -> Any:
    """Return a text column without blanks around its values.

    Ibis's own ``strip`` also takes the letters v and f from the ends of words on Spark.
    """
    return text.re_replace("^ +| +$", "")


def missing(v: Any) -> Any:
    """Return a boolean column, true where nothing is stored: null, not a number, empty or blank text.

    Parameters
    ----------
    v
        A column as found.
    """
    if v.type().is_floating():
        return v.isnull() | v.isnan()
    if v.type().is_string():
        return v.isnull() | (trimmed(v) == "")
    return v.isnull()


def faults(raw: Raw) -> dict[str, str]:
    """Say which columns keep a raw table from being used.

    Parameters
    ----------
    raw
        The table as found.

    Returns
    -------
    dict
        By column, what is wrong: ``"missing"`` or ``"string, not date"``.
    """
    schema = raw.expr.schema()
    out = {}
    for c in raw.table.columns:
        if c.name not in schema:
            if not c.nullable:
                out[c.name] = "missing"
        elif c.name not in raw.readers and not fits(schema[c.name], c.type):
            out[c.name] = f"{_type_name(schema[c.name])}, not {c.type}"
    return out


def _type_name(dtype: Any) -> str:
    """Return a type as a reader knows it, also where Ibis does not."""
    return str(getattr(dtype.raw_type, "this", dtype.raw_type)) if dtype.is_unknown() else str(dtype)


def column(raw: Raw, name: str) -> Any:
    """Return one column of a raw table in the schema's type; nulls where it is absent.

    Parameters
    ----------
    raw
        The table as found.
    name
        Of a column that :func:`faults` does not name.
    """
    import ibis

    c = raw.table[name]
    if name not in raw.expr.columns:
        return ibis.null(c.type)
    found = raw.expr[name]
    if name in raw.readers:
        found = raw.readers[name].read(found)
    return found if _same(found.type(), c.type) else found.cast(c.type)


def _same(dtype: Any, type_name: str) -> bool:
    """Whether a type is the schema's already; engines keep times to the microsecond, said or not."""
    if dtype.is_timestamp():
        return type_name == "timestamp" and dtype.timezone is None and dtype.scale in (None, 6)
    return str(dtype) == type_name


def conform(raw: Raw) -> Any:
    """Give a raw table the columns of the schema, in its order and types.

    Parameters
    ----------
    raw
        The table as found.

    Returns
    -------
    ibis table
        Absent nullable columns are filled with nulls; columns of no table are left out.

    Raises
    ------
    SchemaError
        When a column that must be there is missing, or one is of another type.
    """
    wrong = faults(raw)
    if wrong:
        text = ", ".join(f"{name} ({what})" for name, what in wrong.items())
        raise SchemaError(f"table {raw.table.name}: {text}", todo="bankmkt.validate(bank) lists every fault")
    return raw.expr.select(**{name: column(raw, name) for name in raw.table.names})
