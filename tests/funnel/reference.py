"""Funnels the slow, plain way: every attempt of every unit, every way to go on, in Python's own loops."""

import dataclasses
import datetime as dt

MINUTE = dt.timedelta(minutes=1)


@dataclasses.dataclass
class Event:
    unit: int
    ts: dt.datetime
    fits: frozenset  # numbers of the steps from 0; "x" ends an attempt
    same: int | None = None
    group: str | None = None


@dataclasses.dataclass
class Attempt:
    start: dt.datetime
    times: list  # a moment per required step reached
    over: bool
    ended: bool
    limit: dt.datetime
    same: int | None


def attempts(events, steps, within, natural, order, end, since):
    """Return every attempt of one unit (and one value that is held)."""
    events = sorted((e for e in events if e.ts <= end), key=lambda e: (e.ts, _place(e, steps)))
    found = []
    for number, first in enumerate(events):
        begins = (set(steps) if order == "unordered" else {0}) & first.fits
        if not begins or (since and first.ts < since):
            continue
        last = _last(first.ts, within, natural)
        later = events[number + 1 :]
        stop = next((n for n, e in enumerate(later) if "x" in e.fits), None)
        ended = stop is not None and later[stop].ts <= min(last, end)
        inside = [e for e in later[:stop] if e.ts <= last]
        if order == "strict":
            times = _strictly(first, inside, steps)
        elif order == "unordered":
            times = _unordered(first, inside, steps)
        else:
            times = max(_chains([first.ts], inside, steps), key=lambda t: (len(t), [-x.timestamp() for x in t]))
        limit = min(last, later[stop].ts if ended else last, end)
        found.append(Attempt(first.ts, times, last <= end, ended, limit, first.same))
    return found


def _place(event, steps):
    known = [n for n in event.fits if n != "x"]
    return min(known) if known else (len(steps) if "x" in event.fits else len(steps) + 1)


def _last(start, within, natural):
    if within is None:
        return dt.datetime.max
    if natural:
        midnight = dt.datetime.combine(start.date(), dt.time())
        return midnight + within - dt.timedelta(seconds=1)
    return start + within


def _chains(times, later, steps):
    """Yield every way to go on: with any event that fits the next step, or not at all."""
    yield times
    if len(times) == len(steps):
        return
    for number, event in enumerate(later):
        if len(times) in event.fits:
            yield from _chains([*times, event.ts], later[number + 1 :], steps)


def _strictly(first, later, steps):
    times = [first.ts]
    for event in later:
        if len(times) == len(steps):
            break
        if len(times) in event.fits:
            times.append(event.ts)
        elif not any(n in event.fits for n in range(len(times))):
            break
    return times


def _unordered(first, later, steps):
    times, left = [], set(steps)
    for event in [first, *later]:
        if left & event.fits:
            times.append(event.ts)
            left -= event.fits
    return times


def funnel(events, steps, within=None, natural=False, order="ordered", end=None, since=None):
    """Return, by unit: level, times, open, matured (the level of attempts whose window was seen to its end).

    ``steps`` are 0, 1, …: all are required.
    """
    out = {}
    for unit in sorted({e.unit for e in events}):
        own = [e for e in events if e.unit == unit]
        mine = []
        for same in {e.same for e in own}:
            mine += attempts([e for e in own if e.same == same], steps, within, natural, order, end, since)
        if not mine:
            continue
        level = max(len(a.times) for a in mine)
        best = min((a for a in mine if len(a.times) == level), key=lambda a: (a.start, a.same or 0, a.times))
        waiting = any(not a.over and not a.ended and len(a.times) < len(steps) for a in mine)
        out[unit] = {
            "level": level, "times": best.times, "open": waiting and level < len(steps),
            "matured": max((len(a.times) for a in mine if a.over), default=0), "start": best.start,
        }  # fmt: skip
    return out
