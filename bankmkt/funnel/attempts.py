"""Each unit's best attempt at a funnel, from the events that matter, in as many portions as the keys need."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bankmkt.errors import DataError
from bankmkt.funnel import chains
from bankmkt.funnel.chains import NEVER, Attempts, Keys, Window
from bankmkt.funnel.matches import Matches

ROOM = 1 << 62
"""Keys stay below it."""


@dataclass(frozen=True)
class Best:
    """An entry per unit that entered: the attempt that got furthest, of equal ones the first.

    ``times`` has a row per step and ``NEVER`` where the step was not reached; ``level`` counts the required steps
    reached and ``matured`` the same over attempts whose whole window was observed (0: there is none). ``open`` says
    whether an attempt may still advance. ``first`` and ``watched`` are of the unit's first attempt: the times from its
    start to each step (``NEVER``), and how long after its start something is known of it (``NEVER``: to its end).
    ``group`` is the code of the breakdown (−1: none).
    """

    unit: Keys
    times: npt.NDArray[np.int64]
    level: npt.NDArray[np.int8]
    matured: npt.NDArray[np.int8]
    open: npt.NDArray[np.bool_]
    first: npt.NDArray[np.int64]
    watched: Keys
    group: Keys


def best_attempts(
    matches: Matches,
    required: Sequence[int],
    steps: int,
    length: int | None,
    day: int | None,
    order: str,
    since: int | None,
    attribute: str | int,
) -> Best:
    """Follow every attempt and keep each unit's best.

    Parameters
    ----------
    matches
        Events.
    required
        Numbers of the steps that may not be left out.
    steps
        Number of steps.
    length, day
        Of the window, in microseconds; see :class:`bankmkt.funnel.chains.Window`.
    order
        ``ordered``, ``strict`` or ``unordered``.
    since
        The first moment at which an attempt may begin, in the unit of the times.
    attribute
        Whose property counts for the breakdown: the ``first`` step's, the ``last`` one's reached, or a step's number
        (from 0).
    """
    window = Window(
        matches.end + 1,
        None if length is None else length // matches.unit,  # between whole seconds, parts of one make no difference
        None if day is None else day // matches.unit,
    )
    parts = [
        _best(portion, window, required, steps, order, since, attribute) for portion in _portions(matches, window.span)
    ]
    return Best(*(np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in Best.__annotations__))


@dataclass(frozen=True)
class _Portion:
    """Events of some units: keys, masks, codes of the breakdown; ``wide`` is the distance between units' keys."""

    first: int
    keys: Keys
    masks: npt.NDArray[np.int64]
    groups: Keys | None
    wide: int


def _portions(matches: Matches, span: int) -> Iterator[_Portion]:
    """Split the units so that keys fit in 63 bits."""
    same = matches.same
    wide = span * (same.count if same else 1)
    units = max(ROOM // wide, 1)
    groups = matches.breakdown.codes if matches.breakdown else None
    for first in range(0, matches.units.count, units):
        whole = units >= matches.units.count
        here = slice(None) if whole else np.flatnonzero(matches.units.codes // units == first // units)
        keys = (matches.units.codes[here] - first) * wide + matches.times[here]
        if same:
            keys += same.codes[here] * span
        yield _Portion(first, keys, matches.masks[here], None if groups is None else groups[here], wide)


def _best(
    portion: _Portion,
    window: Window,
    required: Sequence[int],
    steps: int,
    order: str,
    since: int | None,
    attribute: str | int,
) -> Best:
    attempts = _follow(portion, window, required, steps, order)
    begins = attempts.starts % window.span
    allowed = np.full(len(begins), True) if since is None else begins >= since
    chosen = chains.furthest(attempts, window.span, portion.wide, allowed)
    unit = attempts.starts[chosen] // portion.wide
    over = window.over(attempts.starts)
    waiting = allowed & ~over & (attempts.levels < len(required)) & ~attempts.ended
    matured = np.zeros(len(chosen), np.int8)
    full = chains.furthest(attempts, window.span, portion.wide, allowed & over)
    matured[np.searchsorted(unit, attempts.starts[full] // portion.wide)] = attempts.levels[full]
    first = chains.earliest(attempts, window.span, portion.wide, allowed)
    still = np.zeros(len(chosen), bool)
    still[np.searchsorted(unit, attempts.starts[waiting] // portion.wide)] = True
    times = _all_steps(portion, attempts, chosen, required, steps)
    return Best(
        unit=unit + portion.first,
        times=np.where(times < NEVER, times % window.span, NEVER),
        level=attempts.levels[chosen],
        matured=matured,
        open=still & (attempts.levels[chosen] < len(required)),
        first=_since(_all_steps(portion, attempts, first, required, steps), attempts.starts[first]),
        # what ends an attempt ends no watch: else only those that succeed would be watched for too short a time
        watched=np.where(over[first], NEVER, window.span - 1 - begins[first]),
        group=_group(portion, times, attribute, order),
    )


def _follow(portion: _Portion, window: Window, required: Sequence[int], steps: int, order: str) -> Attempts:
    """Follow attempts through the required steps in the way the order and the events ask for."""
    keys, masks = portion.keys, portion.masks
    if order == "strict" or (order == "ordered" and (masks & (masks - 1)).any()):
        bits = [*required, steps]
        own = sum((masks >> bit & 1) << number for number, bit in enumerate(bits))
        return chains.ranked(keys, np.asarray(own, np.int64), len(required), window, strict=order == "strict")
    if order == "unordered" and (masks & (masks - 1)).any():
        raise DataError(
            "events", "some fit several steps", "at most one step each", "let conditions exclude each other"
        )
    by_step = [np.sort(keys[masks >> bit & 1 == 1]) for bit in [*required, steps]]
    follow = chains.ordered if order == "ordered" else chains.unordered
    return follow(by_step[:-1], by_step[-1], window)


def _all_steps(
    portion: _Portion, attempts: Attempts, chosen: Keys, required: Sequence[int], steps: int
) -> npt.NDArray[np.int64]:
    """Return the keys at which the chosen attempts reached each step, those that may be left out among them."""
    times = np.full((steps, len(chosen)), NEVER)
    times[list(required)] = attempts.times[:, chosen]
    for step in range(steps):
        if step in required:
            before = times[step]
            continue
        later = next(number for number in required if number > step)
        limit = np.minimum(times[later], attempts.ends[chosen])
        found = chains.next_key(np.sort(portion.keys[portion.masks >> step & 1 == 1]), before)
        times[step] = np.where(found <= limit, found, NEVER)
        before = np.where(found <= limit, found, before)
    return times


def _since(times: npt.NDArray[np.int64], starts: Keys) -> npt.NDArray[np.int64]:
    return np.where(times < NEVER, times - starts, NEVER)


def _group(portion: _Portion, times: npt.NDArray[np.int64], attribute: str | int, order: str) -> Keys:
    """Return the code of the property at the step that counts, −1 where that was not reached."""
    out = np.full(times.shape[1], -1)
    if portion.groups is None:
        return out
    reached = times < NEVER
    last = times.shape[0] - 1 - np.argmax(reached[::-1], axis=0)
    wanted = last if attribute == "last" else np.full_like(last, 0 if attribute == "first" else attribute)
    for step in np.unique(wanted):
        fits = portion.masks >> int(step) & 1 == 1 if order != "unordered" else portion.masks > 0
        order_of = np.lexsort((portion.groups[fits], portion.keys[fits]))
        keys, groups = portion.keys[fits][order_of], portion.groups[fits][order_of]
        here = np.flatnonzero((wanted == step) & reached[step])
        out[here] = groups[np.searchsorted(keys, times[step, here])]
    return out
