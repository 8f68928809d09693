"""What a funnel is: steps, the window and the order, taken from what the analyst writes."""

import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bankmkt.errors import ParameterError, SchemaError, one_of

ORDERS = ("ordered", "strict", "unordered")
MOST_STEPS = 20
SECOND = 1_000_000
"""Microseconds; times are counted in them."""
DAY = 24 * 60 * 60 * SECOND
_UNITS = {"s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND, "d": DAY, "w": 7 * DAY}

Condition = str | Any
"""The name of an event, an Ibis deferred expression (``_.page == "loan"``), or a function of the table."""


@dataclass(frozen=True)
class Step:
    """A step, an event that ends attempts, or another kind of event: its name and which rows are it."""

    name: str
    condition: Condition
    optional: bool = False

    def fits(self, events: Any, column: str) -> Any:
        """Return the boolean column that says which events are it.

        Raises
        ------
        ParameterError
            If the condition uses a column the events lack, or is none.
        SchemaError
            If it names an event and there is no column of that name.
        """
        from ibis.common.exceptions import IbisError

        if isinstance(self.condition, str):
            if column not in events.columns:
                raise SchemaError("event", column, one_of(events.columns), "name the column that says what happened")
            return (events[column] == self.condition).fill_null(False)
        try:
            how = self.condition
            value = how.resolve(events) if hasattr(how, "resolve") else how(events)
            return value.cast("boolean").fill_null(False)
        except (AttributeError, IbisError, TypeError) as error:
            what = f"step {self.name}: {str(error).splitlines()[0]}"
            todo = f"use columns of the events: {', '.join(events.columns)}"
            raise ParameterError(what, None, "a condition such as _.page == 'loan'", todo) from error


def parse_steps(steps: Sequence[Condition] | Mapping[str, Condition], optional: Collection[str] = ()) -> list[Step]:
    """Return the steps of a funnel.

    Parameters
    ----------
    steps
        Names of events, or names with conditions: ``{"saw loan": _.page == "loan", "applied": "apply"}``.
    optional
        Names of steps that may be left out.

    Raises
    ------
    ParameterError
        If there are fewer than two, a name comes twice, or the first or the last is optional.

    Examples
    --------
    >>> [step.name for step in parse_steps(["login", "page_view", "purchase"])]
    ['login', 'page_view', 'purchase']
    """
    if isinstance(steps, str) or not isinstance(steps, Mapping | Sequence):
        raise ParameterError("steps", steps, "a list of event names, or a dict of names and conditions")
    named = list(steps.items()) if isinstance(steps, Mapping) else [_named(step, n) for n, step in enumerate(steps, 1)]
    names = [name for name, _ in named]
    if not 2 <= len(named) <= MOST_STEPS:
        raise ParameterError("steps", names, f"2 to {MOST_STEPS} steps", "add or leave out some")
    for name in names:
        if names.count(name) > 1:
            raise ParameterError("steps", name, "each name once", "give the steps names: {'first visit': 'login', …}")
    if isinstance(optional, str):
        optional = [optional]
    for name in optional:
        if name not in names[1:-1]:
            todo = "the first and the last step cannot be left out"
            raise ParameterError("optional", name, one_of(names[1:-1]) if names[1:-1] else "no step", todo)
    return [Step(name, condition, name in optional) for name, condition in named]


def _named(step: Condition, number: int) -> tuple[str, Condition]:
    if isinstance(step, str):
        return step, step
    todo = "write {'saw loan': _.page == 'loan', …}"
    raise ParameterError(f"step {number}", repr(step), "the name of an event; conditions need a name", todo)


def parse_exclude(exclude: Condition | Sequence[str] | Mapping[str, Condition] | None) -> list[Step]:
    """Return the events that end an attempt.

    Examples
    --------
    >>> [step.name for step in parse_exclude("share")]
    ['share']
    """
    if exclude is None:
        return []
    if isinstance(exclude, Mapping):
        return [Step(name, condition) for name, condition in exclude.items()]
    if isinstance(exclude, list | tuple):
        return [Step(*_named(condition, number)) for number, condition in enumerate(exclude, 1)]
    return [Step(exclude if isinstance(exclude, str) else "excluded", exclude)]


def parse_within(within: str | dt.timedelta | None) -> tuple[int | None, int | None]:
    """Return a window's length in microseconds (None: no limit), and a day's length if it is one of natural days.

    Raises
    ------
    ParameterError
        If it is no length of time.

    Examples
    --------
    >>> parse_within("7d"), parse_within("90min"), parse_within(None)
    ((604800000000, None), (5400000000, None), (None, None))
    >>> parse_within("2 natural days")
    (172800000000, 86400000000)
    """
    if within is None:
        return None, None
    length, natural = 0, False
    if isinstance(within, dt.timedelta):
        length = within // dt.timedelta(microseconds=1)
    elif isinstance(within, str) and (found := re.fullmatch(r"(\d+) ?(s|min|h|d|w)", within)):
        length = int(found[1]) * _UNITS[found[2]]
    elif isinstance(within, str) and (found := re.fullmatch(r"(\d+) natural days?", within)):
        length, natural = int(found[1]) * DAY, True
    if length <= 0 or length > 36_525 * DAY:
        expected = (
            "a length of time above 0 such as '7d', '36h', '90min', '30s', '2w' or '1 natural day'; None for no limit"
        )
        raise ParameterError("within", within, expected)
    return length, DAY if natural else None


def check_order(order: str, steps: Sequence[Step]) -> str:
    """Return the order of a funnel.

    Raises
    ------
    ParameterError
        If there is no such order, or it cannot have optional steps.
    """
    if order not in ORDERS:
        raise ParameterError("order", order, one_of(ORDERS))
    if order != "ordered" and any(step.optional for step in steps):
        raise ParameterError("optional", order, "steps that may be left out only with order='ordered'")
    return order
