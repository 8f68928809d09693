"""How far each attempt at a funnel gets: binary search in sorted keys, for all customers at once.

A match is an event that fits a step. Its *key* is one number that sorts by unit (customer), then by time. The next step
of every attempt is then found by one binary search in the sorted keys of that step; no join, no loop over customers.
Where the order of events with the same time matters beyond the order of the steps (strict order, events that fit
several steps), ranks in the sorted whole take the place of keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.int64]
Levels = npt.NDArray[np.int8]

NEVER = np.iinfo(np.int64).max
"""Key of what does not happen."""


@dataclass(frozen=True)
class Window:
    """How long an attempt may take.

    Parameters
    ----------
    span
        Distance between the keys of two units; a key modulo it is a time since a midnight.
    length
        From the first step, inclusive, in the keys' unit of time; None for no limit.
    day
        A day's length, if the window is one of natural days: it then ends with a day.
    """

    span: int
    length: int | None
    day: int | None = None

    def ends(self, starts: Keys) -> Keys:
        """Return the last key at which the attempts that start then may still advance."""
        time = starts % self.span
        last = starts - time + (self.span - 1)
        if self.length is None:
            return last
        if self.day is not None:
            starts = starts - time % self.day - 1
        return np.minimum(starts + self.length, last)

    def over(self, starts: Keys) -> npt.NDArray[np.bool_]:
        """Return whether each attempt's window was observed to its end."""
        if self.length is None:
            return np.full(len(starts), False)
        time = starts % self.span
        if self.day is not None:
            time = time - time % self.day - 1
        return time + self.length < self.span


@dataclass(frozen=True)
class Attempts:
    """Attempts in the order of their start.

    ``starts`` and ``ends`` are the first and the last key at which they may advance, ``times`` has a row per step
    (``NEVER`` where it was not reached), ``levels`` counts the steps reached, ``ended`` says which were ended by an
    event.
    """

    starts: Keys
    ends: Keys
    times: npt.NDArray[np.int64]
    levels: Levels
    ended: npt.NDArray[np.bool_]


def ordered(steps: Sequence[Keys], excluded: Keys, window: Window) -> Attempts:
    """Follow each first step to the earliest second step from then on, and so on.

    Parameters
    ----------
    steps
        Sorted keys of each step's matches.
    excluded
        Sorted keys of the events that end an attempt; at the same moment steps come first.
    window
        How long an attempt may take.
    """
    starts = steps[0]
    ends, ended = _limits(window.ends(starts), next_key(excluded, starts))
    times = np.full((len(steps), len(starts)), NEVER)
    times[0] = starts
    alive = np.arange(len(starts))
    for number, keys in enumerate(steps[1:], 1):
        found = next_key(keys, times[number - 1, alive])
        inside = found <= ends[alive]
        alive = alive[inside]
        times[number, alive] = found[inside]
    return Attempts(starts, ends, times, _levels(times), ended)


def unordered(steps: Sequence[Keys], excluded: Keys, window: Window) -> Attempts:
    """Follow each match to the earliest match of every step from then on; ``times`` are in the order of time."""
    starts = np.unique(np.concatenate(steps))
    ends, ended = _limits(window.ends(starts), next_key(excluded, starts))
    times = np.stack([next_key(keys, starts) for keys in steps])
    times[times > ends] = NEVER
    times.sort(axis=0)
    return Attempts(starts, ends, times, _levels(times), ended)


def ranked(keys: Keys, masks: npt.NDArray[np.int64], steps: int, window: Window, *, strict: bool) -> Attempts:
    """Follow attempts through events in the order of time, where an event may fit several steps or stand in the way.

    Parameters
    ----------
    keys
        Of all events, in any order.
    masks
        What each fits: bit k for step k (from 0), bit ``steps`` for an event that ends an attempt; 0 for other events.
    steps
        Number of steps.
    window
        How long an attempt may take.
    strict
        Whether only repeats of steps already reached may lie between two steps; any other event ends the attempt.

    Notes
    -----
    At the same moment events come in the order of the first step they fit, then those that end attempts, then others;
    an event serves an attempt once.
    """
    first = np.where(masks == 0, steps + 1, _lowest(masks))
    order = np.lexsort((first, keys))
    keys, masks = keys[order], masks[order]
    starting = np.flatnonzero(masks & 1)
    starts = keys[starting]
    ends = window.ends(starts)
    limits = _after(np.flatnonzero(masks >> steps & 1), starting)
    times = np.full((steps, len(starts)), NEVER)
    times[0] = starts
    alive, rank = np.arange(len(starts)), starting
    for number in range(1, steps):
        here = masks >> number & 1 == 1
        reached = (masks & ((1 << number) - 1)) != 0
        found = _after(np.flatnonzero(here | ~reached) if strict else np.flatnonzero(here), rank)
        inside = found < limits[alive]
        inside[inside] = here[found[inside]] & (keys[found[inside]] <= ends[alive[inside]])
        alive, rank = alive[inside], found[inside]
        times[number, alive] = keys[rank]
    ends, ended = _limits(ends, np.append(keys, NEVER)[np.minimum(limits, len(keys))])
    return Attempts(starts, ends, times, _levels(times), ended)


def _limits(ends: Keys, stops: Keys) -> tuple[Keys, npt.NDArray[np.bool_]]:
    """Return where attempts end at the latest, and whether an event ends them."""
    return np.minimum(ends, stops), stops <= ends


def _lowest(masks: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the number of each mask's lowest bit."""
    return np.log2(np.maximum(masks & -masks, 1)).astype(np.int64)


def next_key(keys: Keys, since: Keys) -> Keys:
    """Return the first key from each on, NEVER where there is none."""
    return np.append(keys, NEVER)[np.searchsorted(keys, since)]


def _after(ranks: Keys, since: Keys) -> Keys:
    """Return the first rank after each, NEVER where there is none."""
    return np.append(ranks, NEVER)[np.searchsorted(ranks, since, side="right")]


def _levels(times: npt.NDArray[np.int64]) -> Levels:
    """Return how many steps each attempt reached."""
    return (times < NEVER).sum(axis=0, dtype=np.int8)


def furthest(attempts: Attempts, span: int, wide: int, allowed: npt.NDArray[np.bool_]) -> Keys:
    """Return the index of each unit's attempt that got furthest, of equal ones the first; units in the keys' order.

    Parameters
    ----------
    attempts
        Of one of the functions above.
    span, wide
        Distance between the keys of two properties that attempts hold constant, and of two units.
    allowed
        Which attempts count.
    """
    index = np.flatnonzero(allowed)
    if not len(index):
        return index
    units, levels = attempts.starts[index] // wide, attempts.levels[index]
    first = np.flatnonzero(np.diff(units, prepend=-1))
    best = np.repeat(np.maximum.reduceat(levels, first), np.diff(first, append=len(units)))
    return _first_in_time(attempts.starts, index[levels == best], span, wide)


def earliest(attempts: Attempts, span: int, wide: int, allowed: npt.NDArray[np.bool_]) -> Keys:
    """Return the index of each unit's first attempt in time; as :func:`furthest`."""
    return _first_in_time(attempts.starts, np.flatnonzero(allowed), span, wide)


def _first_in_time(starts: Keys, index: Keys, span: int, wide: int) -> Keys:
    """Return the first of each unit's attempts; starts are sorted by unit, the property held, and time."""
    units = starts[index] // wide
    if wide > span:
        order = np.lexsort((starts[index] % span, units))
        index, units = index[order], units[order]
    return index[np.flatnonzero(np.diff(units, prepend=-1))]
