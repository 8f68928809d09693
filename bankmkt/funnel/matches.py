"""The events that matter to a funnel, read once from the engine into arrays."""

import datetime as dt
import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bankmkt.errors import SchemaError, one_of
from bankmkt.frames import batches
from bankmkt.funnel.chains import Keys
from bankmkt.funnel.definition import DAY, SECOND, Step

SPARSE = 4
"""Whole-number ids are used as they are if they span no more than this many times the events."""


@dataclass(frozen=True)
class Coded:
    """A column as whole numbers from 0 to ``count`` − 1: ids less the smallest, or places in an Arrow array."""

    codes: Keys
    count: int
    values: Any

    def at(self, codes: Keys) -> Any:
        """Return the values of codes as an Arrow array."""
        import pyarrow as pa

        return pa.array(codes + self.values) if isinstance(self.values, int) else self.values.take(pa.array(codes))


@dataclass(frozen=True)
class Matches:
    """An entry per event: whose it is, when it was, what it fits, and the properties asked for.

    ``masks`` has bit k for step k (from 0), and bit ``len(steps)`` for events that end an attempt. Times are in
    ``unit`` microseconds since ``midnight`` (in microseconds since 1970); ``end`` is the last moment known.
    """

    units: Coded
    times: Keys
    masks: npt.NDArray[np.int64]
    same: Coded | None
    breakdown: Coded | None
    unit: int
    midnight: int
    end: int


def relevant(
    events: Any,
    steps: Sequence[Step],
    exclude: Sequence[Step],
    columns: dict[str, str],
    event: str,
    *,
    others: bool,
) -> Any:
    """Return the events that fit a step or end an attempt, with a mask of which; all events if others matter.

    Parameters
    ----------
    events
        Ibis table.
    steps, exclude
        Bits 0 to ``len(steps)`` − 1, and bit ``len(steps)``.
    columns
        Names in the result, by role: ``unit``, ``ts`` and, if asked for, ``same`` and ``breakdown``.
    event
        Column that steps given as names of events are found in.
    others
        Whether events that fit nothing are kept.

    Raises
    ------
    SchemaError
        If a column is not there or cannot be used.
    """
    check_columns(events, columns)
    bits = [*((1 << number, step) for number, step in enumerate(steps)), *((1 << len(steps), step) for step in exclude)]
    fits = [(bit, step.fits(events, event)) for bit, step in bits]
    names = [step.condition for _, step in bits]
    if all(isinstance(name, str) for name in names) and len(set(names)) == len(names):
        mask = events[event].cases(*zip(names, [bit for bit, _ in bits], strict=True), else_=0)
        fitting = events[event].isin(names)
    else:
        any_of = {bit: functools.reduce(operator.or_, [f for b, f in fits if b == bit]) for bit in dict(fits)}
        mask = functools.reduce(operator.add, [fit.ifelse(bit, 0) for bit, fit in any_of.items()])
        fitting = functools.reduce(operator.or_, any_of.values())
    rows = functools.reduce(
        operator.and_, [events[name].notnull() for role, name in columns.items() if role != "breakdown"]
    )
    ts = events[columns["ts"]]
    kept = {role: events[name] for role, name in columns.items()}
    kept["ts"] = ts.cast("timestamp(6)") if ts.type().is_date() or ts.type().is_timestamp() else ts
    return events.filter(rows if others else rows & fitting).select(**kept, mask=mask.cast("int32"))


def check_columns(events: Any, columns: dict[str, str]) -> None:
    """Raise SchemaError unless the columns are there and can be used."""
    kinds = events.schema()
    for role, name in columns.items():
        parameter = {"unit": "by", "ts": "time"}.get(role, role)
        if name not in kinds:
            raise SchemaError(parameter, name, one_of(kinds), "name a column of the events")
        kind = kinds[name]
        if role == "ts" and not (kind.is_date() or (kind.is_timestamp() and kind.timezone is None)):
            todo = "convert it, for example with pandas.to_datetime; a zone goes with .dt.tz_localize(None)"
            raise SchemaError(f"column {name} is {kind}", None, "a date, or a timestamp without zone", todo)
        if role in ("unit", "same") and not (kind.is_integer() or kind.is_string()):
            raise SchemaError(f"column {name} is {kind}", None, "whole numbers or texts", "cast it")
        if role == "breakdown" and (kind.is_floating() or kind.is_nested()):
            raise SchemaError(f"column {name} is {kind}", None, "texts, whole numbers, flags or dates", "cast it")


def read(rows: Any, as_of: dt.date | None) -> Matches | None:
    """Read what :func:`relevant` returned, up to the end of a day; of the last day there is, if none is given.

    Returns None if there is no event.
    """
    import ibis
    import pyarrow as pa

    if as_of is not None:
        midnight = dt.datetime.combine(as_of + dt.timedelta(days=1), dt.time())
        rows = rows.filter(rows.ts < ibis.literal(midnight))
    found: dict[str, list[Any]] = {name: [] for name in rows.columns}
    for batch in batches(rows):
        for name in found:
            column = batch.column(name)
            if name == "ts":
                column = column.cast(pa.timestamp("us")).view(pa.int64())
            plain = pa.types.is_integer(column.type) and name in ("ts", "mask", "unit")
            found[name].append(column.to_numpy(zero_copy_only=False) if plain else column)
    if not sum(map(len, found["ts"])):
        return None
    times = np.concatenate(found.pop("ts"))
    start = int(times.min()) // DAY * DAY
    last = int(times.max()) if as_of is None else (as_of - dt.date(1970, 1, 1)).days * DAY
    end = last // DAY * DAY + DAY - 1 - start
    times -= start
    unit = SECOND if not (times[:1000] % SECOND).any() and not (times % SECOND).any() else 1
    if unit > 1:
        times //= unit
    return Matches(
        units=coded(found.pop("unit")), times=times,
        masks=np.concatenate(found.pop("mask")).astype(np.int64, copy=False),
        **{role: coded(found.pop(role)) if role in found else None for role in ("same", "breakdown")},
        unit=unit, midnight=start, end=end // unit,
    )  # fmt: skip


def coded(parts: list[Any]) -> Coded:
    """Give the values of a column numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(parts[0], np.ndarray):
        codes = np.concatenate(parts).astype(np.int64, copy=False)
        least = int(codes.min())
        count = int(codes.max()) - least + 1
        if count <= SPARSE * len(codes) + 1000:
            return Coded(codes - least, count, least)
        values, codes = np.unique(codes, return_inverse=True)
        return Coded(codes, len(values), pa.array(values))
    whole = pa.chunked_array(parts).dictionary_encode(null_encoding="encode").combine_chunks()
    whole = whole if isinstance(whole, pa.DictionaryArray) else whole.chunk(0)
    values = whole.dictionary
    order = pc.array_sort_indices(values).to_numpy()
    place = np.empty(len(values), dtype=np.int64)
    place[order] = np.arange(len(values))
    return Coded(place[whole.indices.to_numpy()], len(values), values.take(pa.array(order)))
