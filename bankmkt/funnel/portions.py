"""How far every unit gets, in as many portions of the units as memory asks for."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bankmkt.errors import DataError
from bankmkt.frames import fetch
from bankmkt.funnel.attempts import Best, best_attempts
from bankmkt.funnel.chains import NEVER
from bankmkt.funnel.definition import DAY
from bankmkt.funnel.matches import Matches, read

PORTION = 60_000_000
"""Events of a table that are looked at in one portion: some 3 GB where all of them matter."""


@dataclass(frozen=True)
class Journeys:
    """An entry per unit that entered: its best attempt, the one that got furthest, of equal ones the first.

    ``ids`` and ``groups`` (of the breakdown) are Arrow arrays, ``times`` has a row per step: microseconds since 1970,
    ``NEVER`` where the step was not reached. The others as in :class:`bankmkt.funnel.attempts.Best`, in microseconds.
    ``end`` is the last moment known.
    """

    ids: Any
    groups: Any
    times: npt.NDArray[np.int64]
    level: npt.NDArray[np.int8]
    matured: npt.NDArray[np.int8]
    open: npt.NDArray[np.bool_]
    first: npt.NDArray[np.int64]
    watched: npt.NDArray[np.int64]
    end: int


def journeys(
    rows: Any,
    total: int,
    as_of: dt.date | None,
    required: Sequence[int],
    steps: int,
    length: int | None,
    day: int | None,
    order: str,
    since: dt.date | None,
    attribute: str | int,
    portion: int = PORTION,
) -> Journeys:
    """Follow every attempt of every unit.

    Parameters
    ----------
    rows
        Of :func:`bankmkt.funnel.matches.relevant`.
    total
        Rows of the table that these were taken from.
    as_of, since
        The last day seen, and the first on which an attempt may begin.
    required, steps, length, day, order, attribute
        Of :func:`bankmkt.funnel.attempts.best_attempts`.
    portion
        Rows of the table that are looked at together; units are parted by their ids.

    Raises
    ------
    DataError
        If no event fits.
    """
    number = max(-(-total // portion), 1)
    if number > 1 and as_of is None:
        as_of = _last_day(rows)
    parts = []
    for some in _portions(rows, number):
        matches = read(some, as_of)
        if matches is None:
            continue
        opened = None if since is None else max(_micros(since) - matches.midnight, 0) // matches.unit
        parts.append(_told(matches, best_attempts(matches, required, steps, length, day, order, opened, attribute)))
    if not parts:
        raise DataError("events", "none fits a step", "one or more", "look at the names of the steps and at as_of")
    return parts[0] if len(parts) == 1 else _together(parts)


def _portions(rows: Any, number: int) -> Iterator[Any]:
    """Part the units by a hash of their ids; which one an engine takes makes no difference."""
    if number == 1:
        yield rows
        return
    place = rows.unit.hash() % number
    for part in range(number):
        yield rows.filter((place + number) % number == part)


def _last_day(rows: Any) -> dt.date | None:
    last = fetch(rows.aggregate(last=rows.ts.max())).to_pylist()[0]["last"]
    return None if last is None else last.date()


def _micros(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days * DAY


def _told(matches: Matches, best: Best) -> Journeys:
    """Turn codes into values, and times into microseconds."""

    def micros(times: npt.NDArray[np.int64], since: int) -> npt.NDArray[np.int64]:
        happened = times < NEVER
        return np.where(happened, np.where(happened, times, 0) * matches.unit + since, NEVER)

    groups = None
    if matches.breakdown is not None:
        import pyarrow as pa

        codes = pa.array(best.group, mask=best.group < 0)
        groups = matches.breakdown.values.take(codes)
    return Journeys(
        ids=matches.units.at(best.unit), groups=groups, times=micros(best.times, matches.midnight), level=best.level,
        matured=best.matured, open=best.open, first=micros(best.first, 0), watched=micros(best.watched, 0),
        end=matches.midnight + matches.end * matches.unit,
    )  # fmt: skip


def _together(parts: Sequence[Journeys]) -> Journeys:
    import pyarrow as pa

    values: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts], axis=-1)
        for name in ("times", "level", "matured", "open", "first", "watched")
    }
    for name in ("ids", "groups"):
        found = [getattr(part, name) for part in parts]
        values[name] = None if found[0] is None else pa.concat_arrays(found)
    return Journeys(**values, end=max(part.end for part in parts))
