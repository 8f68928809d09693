"""Paths: which touches came before which conversion, and which led to none. No loop over customers.

A touch belongs to the first conversion of its customer at or after it, if that comes within the lookback. Other touches
form paths without a conversion, which end with a gap longer than the lookback, or with a conversion too late for them.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
from bankmkt.frames import batches
from bankmkt.funnel.definition import DAY, SECOND
from bankmkt.funnel.matches import Coded, check_columns, coded

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
NONE = "none"
"""Channel of conversions that no touch came before."""


@dataclass(frozen=True)
class Paths:
    """An entry per path; its touches lie one after another in ``touch``.

    Parameters
    ----------
    channels
        Names, by number.
    unit
        Number of the unit (customer) of each path, ascending.
    starts
        Where each path's touches begin, and the end of the last; a path without touches is a conversion out of the
        blue.
    touch
        Number of each touch's channel, in order of time; of one moment in order of the channels.
    age
        Days before the path's last touch.
    conversions
        At the path's end: 0 for none, more than 1 if several came at one moment.
    value
        Of the conversions.
    over
        Whether the lookback of its last touch is over by the last day, converted or not.
    """

    channels: tuple[str, ...]
    unit: Ints
    starts: Ints
    touch: Ints
    age: Floats
    conversions: Ints
    value: Floats
    over: npt.NDArray[np.bool_]

    @property
    def open(self) -> npt.NDArray[np.bool_]:
        """Whether a path has no conversion and may still get one."""
        return (self.conversions == 0) & ~self.over

    @property
    def lengths(self) -> Ints:
        """Number of touches of each path."""
        return np.diff(self.starts)


@dataclass(frozen=True)
class _Rows:
    unit: list[Any]
    times: Ints
    extra: list[Any]


def _read(
    table: Any, columns: dict[str, str], extra: str | None, as_of: dt.date | None, *, whole: bool = True
) -> _Rows:
    """Read id, time (microseconds) and another column of the rows that have them (``whole``: the other one too)."""
    import ibis
    import pyarrow as pa

    check_columns(table, columns)
    ts = table[columns["ts"]].cast("timestamp(6)")
    kept = {"unit": table[columns["unit"]], "ts": ts} | ({} if extra is None else {"extra": table[extra]})
    rows = table.select(**kept).drop_null(None if whole else ["unit", "ts"])
    if as_of is not None:
        rows = rows.filter(rows.ts < ibis.literal(dt.datetime.combine(as_of + dt.timedelta(days=1), dt.time())))
    units, times, extras = [], [np.empty(0, np.int64)], []
    for batch in batches(rows):
        unit = batch.column("unit")
        units.append(unit.to_numpy(zero_copy_only=False) if pa.types.is_integer(unit.type) else unit)
        times.append(batch.column("ts").cast(pa.timestamp("us")).view(pa.int64()).to_numpy(zero_copy_only=False))
        if extra is not None:
            extras.append(batch.column("extra"))
    return _Rows(units, np.concatenate(times), extras)


def paths(
    touches: Any,
    conversions: Any,
    lookback: int,
    *,
    by: str,
    channel: str,
    time: str,
    value: str | None,
    as_of: dt.date | None,
    since: dt.date | None,
) -> Paths:
    """Build the paths of two Ibis tables.

    Parameters
    ----------
    touches, conversions
        With columns ``by`` and ``time``, and ``channel`` of the touches, ``value`` of the conversions; rows without
        an id, a time or a channel are left out.
    lookback
        In microseconds; a touch so long before a conversion still counts.
    as_of
        Last day seen; None for the last there is.
    since
        Paths that ended before that day are left out.

    Raises
    ------
    SchemaError, ParameterError, DataError
        If a column cannot be used, a channel is named "none", there is no touch, or a conversion has no value.
    """
    for name, table, column in (("channel", touches, channel), ("value", conversions, value)):
        if column is not None and column not in table.columns:
            raise SchemaError(name, column, one_of(table.columns), "name one of its columns")
    if value is not None and not conversions[value].type().is_numeric():
        kind = conversions[value].type()
        raise SchemaError(f"column {value} is {kind}", None, "numbers", "cast it")
    check_columns(touches, {"unit": by, "ts": time, "same": channel})
    one = _read(touches, {"unit": by, "ts": time}, channel, as_of)
    two = _read(conversions, {"unit": by, "ts": time}, value, as_of, whole=False)
    if not len(one.times):
        raise DataError("touches", "no row with an id, a time and a channel", "some by then", "choose a later as_of")
    named = coded(one.extra)  # as Arrow arrays: numbered without gaps
    channels = tuple(str(name) for name in named.at(np.arange(named.count)).to_pylist())
    if NONE in channels:
        raise ParameterError("channel", NONE, "another name", f"{NONE!r} is for conversions without a touch")
    units = _together(one.unit, two.unit, by)
    amounts = np.ones(len(two.times)) if value is None else _numbers(two.extra, value)
    times = np.concatenate([one.times, two.times])
    end = int(times.max()) // DAY * DAY + DAY if as_of is None else (as_of - dt.date(1970, 1, 1)).days * DAY + DAY
    begin = None if since is None else (since - dt.date(1970, 1, 1)).days * DAY
    return _cut(units.codes, times, named.codes, amounts, channels, lookback, end, begin)


def _numbers(parts: list[Any], value: str) -> Floats:
    found = [part.to_numpy(zero_copy_only=False).astype(float) for part in parts]
    numbers = np.concatenate([np.empty(0), *found])
    lacking = int((~np.isfinite(numbers)).sum())
    if lacking:
        what = f"column {value}: {lacking:,} of {len(numbers):,} conversions without a number"
        raise DataError(what, None, "the money of each", "fill them (0 for those worth nothing), or leave them out")
    return numbers


def _together(one: list[Any], two: list[Any], by: str) -> Coded:
    """Give the ids of both tables numbers of one kind."""
    kinds = {isinstance(part, np.ndarray) for part in (*one, *two) if len(part)}
    if len(kinds) > 1:
        raise SchemaError(f"column {by} is a number in one table and a text in the other", todo="cast one of them")
    return coded([part for part in (*one, *two) if len(part)])


def _cut(
    unit: Ints,
    times: Ints,
    channel: Ints,
    value: Floats,
    channels: tuple[str, ...],
    lookback: int,
    end: int,
    begin: int | None,
) -> Paths:
    """Sort touches (first) and conversions by unit and time, and cut them into paths."""
    n, rows = len(channel), len(unit)
    kind = np.arange(rows) >= n
    detail = np.concatenate([channel, np.zeros(rows - n, np.int64)])
    order = _order(unit, times, kind, detail, len(channels))
    unit, times, kind, detail = unit[order], times[order], kind[order], detail[order]
    amount = np.where(kind, value[np.maximum(order - n, 0)] if rows > n else 0.0, 0.0)

    place = np.where(kind, np.arange(rows), rows)
    nearest = np.minimum.accumulate(place[::-1])[::-1]  # the next conversion of anybody, and whether it is one's own
    after = np.minimum(nearest, rows - 1)
    converts = (nearest < rows) & (unit[after] == unit) & (times[after] - times <= lookback)
    fresh = np.ones(rows, dtype=bool)
    gap, own = np.diff(times), np.diff(unit) == 0
    again = kind[1:] & kind[:-1] & (gap == 0)
    goes_on = ~kind[:-1] & (converts[1:] == converts[:-1]) & (converts[1:] | (gap <= lookback))
    fresh[1:] = ~(own & (again | goes_on))

    path = np.cumsum(fresh) - 1
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], rows) - 1
    is_touch = ~kind
    found = np.bincount(path, kind, len(first)).astype(np.int64)
    sizes = np.bincount(path[is_touch], minlength=len(first))
    keep = np.ones(len(first), dtype=bool) if begin is None else times[last] >= begin
    kept = is_touch & keep[path]
    latest = np.maximum(first + sizes - 1, 0)  # of paths with a touch: touches come before the conversion
    return Paths(
        channels, unit[first][keep], np.concatenate([[0], np.cumsum(sizes[keep])]), detail[kept],
        (times[latest[path[kept]]] - times[kept]) / DAY, found[keep], np.bincount(path, amount, len(first))[keep],
        ((sizes == 0) | (times[latest] + lookback < end))[keep],
    )  # fmt: skip


def _order(unit: Ints, times: Ints, kind: npt.NDArray[np.bool_], detail: Ints, channels: int) -> Ints:
    """Return the order by unit, time, touches before conversions, channel: by one number if it fits."""
    since = times - times.min()
    if not (since % SECOND).any():
        since = since // SECOND
    fine = (since * 2 + kind) * channels + detail
    span = int(fine.max()) + 1
    if (int(unit.max()) + 1) * span < 2**62:
        return np.argsort(unit * span + fine, kind="stable")
    return np.lexsort((fine, unit))


def distinct(starts: Ints, items: Ints) -> tuple[Ints, Ints]:
    """Give sequences of items numbers: alike ones alike.

    Parameters
    ----------
    starts
        Where each sequence begins in ``items``, and the end of the last.
    items
        Whole numbers from 0.

    Returns
    -------
    number, example
        The number of each sequence, from 0, and a sequence of each number.

    Examples
    --------
    >>> number, example = distinct(np.array([0, 2, 3, 5, 5]), np.array([1, 0, 1, 1, 0]))
    >>> number.tolist(), example.tolist()
    ([2, 1, 2, 0], [3, 1, 0])
    """
    import pandas as pd

    lengths = np.diff(starts)
    node = np.zeros(len(lengths), np.int64)
    base = int(items.max()) + 1 if len(items) else 1
    rows, depth, nodes = np.flatnonzero(lengths > 0), 0, 1
    while len(rows):  # down a tree of prefixes, all sequences at once
        codes, found = pd.factorize(node[rows] * base + items[starts[rows] + depth])
        node[rows] = nodes + codes
        nodes += len(found)
        depth += 1
        rows = rows[lengths[rows] > depth]
    _, example, number = np.unique(node, return_index=True, return_inverse=True)
    return number.astype(np.int64), example.astype(np.int64)
