"""Which type each column of a bank has, settled once when it is opened.

An id is int64 or string, and ids of one kind are alike: the column that owns them decides (``customers.customer_id``
for every customer's id). Where types are known, its type does. Where it is text yet to be read (CSV files, a
mapping), ids are int64 if all of them are whole numbers written plainly, so that ``00017`` stays as it is.
"""

import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from bankmkt.conform import WRITTEN, Raw, Reader, fits, missing, text_reader, typed_reader, written_plainly
from bankmkt.schema import TABLES, Column, Table

_PLAIN = "^ *-?(0|[1-9][0-9]{0,17})([.]0*)? *$"  # 18 digits are always within an int64

Place = tuple[str, str]
"""A table and a column of it."""


def id_owner(table: Table, c: Column) -> str:
    """Return the ``"table.column"`` whose ids a column holds: its own, if it refers to no other.

    Examples
    --------
    >>> id_owner(TABLES["visits"], TABLES["visits"]["staff_id"])
    'staff.staff_id'
    >>> id_owner(TABLES["visits"], TABLES["visits"]["visit_id"])
    'visits.visit_id'
    """
    return c.references or c.same_as or f"{table.name}.{c.name}"


def settle(con: Any, raw: Mapping[str, Raw]) -> dict[str, Raw]:
    """Settle the types of a bank's columns, with at most one query: none where all types fit.

    Parameters
    ----------
    con
        Ibis backend that holds the tables.
    raw
        Tables by our name, as :func:`bankmkt.mapping.apply` returns them.

    Returns
    -------
    dict
        Tables with the ids' types in their contract, and a reader for each column whose type does not fit and that
        can be read. A column of nothing but nulls can, whatever its type.
    """
    ids = _ids(raw)
    deciders = {owner: _deciders(owner, places, raw) for owner, places in ids.items()}
    texts = {place for places in deciders.values() for place in places if _is_text(raw, place)}
    odd = _odd(raw) | {
        place
        for owner, places in ids.items()
        for place in places
        if not _is_text(raw, place) and {_family(raw, place)} != {_family(raw, other) for other in deciders[owner]}
    }
    answers = _ask(con, raw, {**dict.fromkeys(texts, _all_plain), **dict.fromkeys(odd, _all_missing)})
    types = {}
    for owner, places in deciders.items():
        whole = all(answers[place] if place in texts else _family(raw, place) == "int64" for place in places)
        types[owner] = "int64" if whole else "string"
    empty = {place for place in odd if answers[place]}
    return {name: _settled(one, types, {c for table, c in empty if table == name}) for name, one in raw.items()}


def _places(raw: Mapping[str, Raw]) -> list[Place]:
    return [(name, c.name) for name, one in raw.items() for c in one.table.columns if c.name in one.expr.columns]


def _ids(raw: Mapping[str, Raw]) -> dict[str, list[Place]]:
    """Return the columns that hold ids of a kind, by the owner of the kind."""
    out: dict[str, list[Place]] = {}
    for table, column in _places(raw):
        c = TABLES[table][column]
        if c.type == "id":
            out.setdefault(id_owner(TABLES[table], c), []).append((table, column))
    return out


def _deciders(owner: str, places: list[Place], raw: Mapping[str, Raw]) -> list[Place]:
    """Return the columns that decide on a kind of ids: its owner, or all there are where that cannot."""
    usable = [place for place in places if _family(raw, place)]
    return [place for place in usable if ".".join(place) == owner] or usable


def _dtype(raw: Mapping[str, Raw], place: Place) -> Any:
    table, column = place
    return raw[table].expr.schema()[column]


def _family(raw: Mapping[str, Raw], place: Place) -> str:
    """Return the type of id that a column's type can hold, if any."""
    dtype = _dtype(raw, place)
    if dtype.is_string() or dtype.is_uuid():
        return "string"
    return "int64" if dtype.is_numeric() and not dtype.is_boolean() else ""


def _is_text(raw: Mapping[str, Raw], place: Place) -> bool:
    """Whether a column is text yet to be read."""
    return raw[place[0]].loose and bool(_dtype(raw, place).is_string())


def _odd(raw: Mapping[str, Raw]) -> set[Place]:
    """Return the columns of a type that can only be right if they hold nothing; ids aside."""
    out = set()
    for place in _places(raw):
        table, column = place
        c, dtype = TABLES[table][column], _dtype(raw, place)
        known = c.type == "id" or column in raw[table].readers or _is_text(raw, place)
        if not known and not fits(dtype, c.type) and typed_reader(dtype, c) is None:
            out.add(place)
    return out


def _all_plain(text: Any) -> Any:
    return (missing(text) | text.re_search(_PLAIN)).all()


def _all_missing(v: Any) -> Any:
    return missing(v).all()


def _ask(con: Any, raw: Mapping[str, Raw], questions: Mapping[Place, Callable[[Any], Any]]) -> dict[Place, bool]:
    """Answer a question about each of some columns in one query; of no rows all is true."""
    if not questions:
        return {}
    places = sorted(questions)
    answers = []
    for table in dict.fromkeys(table for table, _ in places):
        t = raw[table].expr
        answers.append(t.aggregate(**{f"q{i}": questions[p](t[p[1]]) for i, p in enumerate(places) if p[0] == table}))
    query = functools.reduce(lambda left, right: left.cross_join(right), answers)
    row = con.to_pyarrow(query).to_pylist()[0]
    return {place: row[f"q{i}"] is not False for i, place in enumerate(places)}


def _settled(raw: Raw, types: Mapping[str, str], empty: Collection[str]) -> Raw:
    """Return a table with its ids' types and its readers; ``empty`` are columns of nothing but nulls."""
    columns = []
    readers = dict(raw.readers)
    schema = raw.expr.schema()
    for c in raw.table.columns:
        is_id = c.type == "id"
        if is_id:
            found = types.get(id_owner(raw.table, c), "int64")
            c = replace(c, type=found, minimum=None if found == "string" else c.minimum)
        columns.append(c)
        if c.name in schema and c.name not in readers:
            reader = _nothing(c) if c.name in empty else _reader(schema[c.name], c, is_id, raw.loose)
            readers |= {c.name: reader} if reader else {}
    return replace(raw, table=replace(raw.table, columns=tuple(columns)), readers=readers)


def _nothing(c: Column) -> Reader:
    import ibis

    return Reader(lambda _: ibis.null(c.type), "nothing")


def _reader(dtype: Any, c: Column, is_id: bool, loose: bool) -> Reader | None:
    """Return how a column is read; None where it is taken as it is, or cannot be read."""
    if loose and dtype.is_string():
        return text_reader("id" if is_id and c.type == "string" else c.type)
    if is_id and c.type == "string" and dtype.is_string():
        return Reader(lambda text: text.nullif(""), WRITTEN["string"])
    if fits(dtype, c.type):
        return None
    if is_id and c.type == "string" and dtype.is_numeric() and not dtype.is_boolean():
        # numbers here, text where the ids are owned: only a mapping says that they are the same
        return Reader(written_plainly, WRITTEN["string"]) if loose else None
    return typed_reader(dtype, c)
