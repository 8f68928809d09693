"""Journeys: the steps that units take one after another, from any table of events."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypedDict, Unpack

from bankmkt.damage import reading
from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
from bankmkt.frames import engine_table, fetch
from bankmkt.funnel.definition import Condition, parse_within
from bankmkt.funnel.matches import check_columns
from bankmkt.lookback import parse_date

START, END, OPEN = "(start)", "(end)", "(open)"
"""Before the first step; after the last one, when no other followed; after the last one, when another still may."""

ANY = "(any)"
"""Whatever lies between a step and its return."""

MOST_STATES = 1000
"""Pictures and counts of more are of no use, and take as much memory as there are pairs of them."""


class Options(TypedDict, total=False):
    """How events become journeys; see :func:`journeys`."""

    state: Condition
    by: str
    session: str | None
    within: str | dt.timedelta | None
    merge: bool
    final: Sequence[str] | None
    as_of: dt.date | str | None
    since: dt.date | str | None
    time: str
    event_id: str | None


def journeys(events: Any, **options: Unpack[Options]) -> Any:
    """Return the steps of every unit's journeys in their order.

    Parameters
    ----------
    events
        Ibis table or pandas frame, a row per event.
    state
        What a step is called: a column (default ``"event"``), an Ibis deferred expression such as
        ``_.event + " " + _.page``, or a function of the table. Events without one are left out.
    by
        Column of the unit, ``"customer_id"`` by default. Events without one are left out.
    session
        Column that parts a unit's journeys, if the events have one.
    within
        A gap longer than this ends a journey: ``"30min"``, ``"7d"``; a gap of exactly this does not. None (default):
        a unit has one journey.
    merge
        Whether steps of equal state that follow each other are taken as one, at the time of the first.
    final
        States that end a journey: ``["approved", "declined"]``. A journey that has been in one of them is over; others
        are open at the end of the records (with ``within``: unless the gap is over).
    as_of, since
        The last day seen (default: the last day with an event), and the first on which a journey may begin: with
        ``within`` or ``session``, journeys that began earlier are left out; without, earlier events are.
    time, event_id
        Column of the moment, ``"ts"`` by default, and of what orders events of one moment; after it (or without), the
        states' names do.

    Returns
    -------
    ibis table
        unit, journey, place (from 1), state, ts, next (state; ``(end)`` if none follows, ``(open)`` if the gap that
        would end the journey is not over on ``as_of``, or no final state was reached), next_ts (null at the end).
        Without ``within`` and ``final`` nobody knows whether more follows: every journey ends at the last event.

    Raises
    ------
    ParameterError, SchemaError
        If an option cannot be right, a column is not there, a state is called ``(start)``, ``(end)``, ``(open)`` or
        ``(any)``, or there are more than a thousand states.
    DataError
        If there is no event.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": 1, "event": ["login", "view", "login"],
    ...     "ts": pd.to_datetime(["2026-01-01 10:00", "2026-01-01 10:05", "2026-01-03 09:00"])})
    >>> steps = journeys(log, within="30min", as_of="2026-01-31").order_by("ts")
    >>> steps.select("journey", "place", "state", "next").execute()
       journey  place  state   next
    0        1      1  login   view
    1        1      2   view  (end)
    2        2      1  login  (end)
    """
    rows, parts, ties, _ = _prepared(events, options)
    return _steps(rows, parts, ties, options, END, OPEN)


def coded(events: Any, options: Options) -> tuple[Any, list[str]]:
    """Return :func:`journeys` with numbers for states, which are sooner sorted and grouped, and the names of them.

    The last names are ``(end)`` and ``(open)``.
    """
    import pyarrow as pa

    rows, parts, ties, found = _prepared(events, options)
    codes = pa.table({"name": pa.array(found, pa.string()), "code": pa.array(range(len(found)), pa.int64())})
    known = engine_table(codes, "journey_states", rows.get_backend())[0]
    rows = rows.join(known, rows.state == known.name).drop("state", "name").rename(state="code")
    return _steps(rows, parts, ties, options, len(found), len(found) + 1), [*found, END, OPEN]


@contextmanager
def kept(rows: Any) -> Iterator[Any]:
    """Keep rows in the engine while they are counted in several ways, so that they are worked out once."""
    with reading(rows.get_backend(), None), rows.cache() as table:
        yield table


def _prepared(events: Any, options: Options) -> tuple[Any, list[str], list[str], list[str]]:
    """Return the events up to the last day, columns that part journeys and that order events, and the states."""
    import ibis

    checked(options)
    table, _ = engine_table(events, "events")
    rows, parts, ties = _rows(table, options)
    as_of = options.get("as_of")
    day = None if as_of is None else parse_date("as_of", as_of)
    if day is not None:
        rows = rows.filter(rows.ts < ibis.literal(_next_midnight(day)))
    seen = fetch(rows.group_by("state").aggregate(ts=rows.ts.max()).limit(MOST_STATES + 1)).to_pylist()
    if not seen:
        todo = "look at as_of and the columns"
        raise DataError("events", "none has a unit, a time and a state", "one or more", todo)
    states = sorted(row["state"] for row in seen)
    _check_states(states, options)
    end = _next_midnight(day or max(row["ts"] for row in seen).date())
    rows = rows.filter(rows.ts < ibis.literal(end)).mutate(end=ibis.literal(end))
    return rows.mutate(ends=rows.state.isin(options.get("final") or []).cast("int64")), parts, ties, states


def _check_states(states: list[str], options: Options) -> None:
    """Raise ParameterError for states of a name that means something else, too many, and final ones that are none."""
    if taken := sorted({START, END, OPEN, ANY} & set(states)):
        raise ParameterError("state", taken[0], "names other than (start), (end), (open) and (any)", "rename it")
    if len(states) > MOST_STATES:
        todo = "put alike ones together with an expression for state"
        raise ParameterError("state", f"more than {MOST_STATES:,} different", f"at most {MOST_STATES:,}", todo)
    final = options.get("final")
    if isinstance(final, str) or not isinstance(final or [], Sequence):
        raise ParameterError("final", final, "a list of states", "put the state into a list")
    for name in final or []:
        if name not in states:
            raise ParameterError("final", name, one_of(states[:20]), "name states that occur")


def _steps(rows: Any, parts: list[str], ties: list[str], options: Options, over: str | int, open_: str | int) -> Any:
    """Return the steps; ``over`` and ``open_`` stand for what follows the last one."""
    import ibis

    length, natural = parse_within(options.get("within"))
    if natural is not None:
        raise ParameterError("within", options.get("within"), "a length of time such as '30min'", "a gap has no days")
    since = options.get("since")
    begin = None if since is None else dt.datetime.combine(parse_date("since", since), dt.time())
    kind = rows.state.type()
    if length is not None:
        pause = rows.ts.delta(rows.ts.lag().over(ibis.window(group_by=parts, order_by=ties)), unit="microsecond")
        rows = rows.mutate(begins=(pause.isnull() | (pause > length)).cast("int64"))
        so_far = ibis.window(group_by=parts, order_by=ties, rows=(None, 0))
        rows = rows.mutate(part=rows.begins.sum().over(so_far))
        parts = ["unit", "part"]
        whole = ibis.window(group_by=parts)
        rows = rows.mutate(latest=rows.ts.max().over(whole), ended=rows.ends.max().over(whole))
        waited = rows["end"].delta(rows.latest, unit="microsecond")
        rows = rows.mutate(last=((waited > length) | (rows.ended == 1)).ifelse(over, open_).cast(kind))
    elif options.get("final"):
        rows = rows.mutate(ended=rows.ends.max().over(ibis.window(group_by=parts)))
        rows = rows.mutate(last=(rows.ended == 1).ifelse(over, open_).cast(kind))
    else:
        rows = rows.mutate(last=ibis.literal(over).cast(kind))
    if begin is not None:
        if parts == ["unit"]:
            rows = rows.filter(rows.ts >= ibis.literal(begin))
        else:
            rows = rows.mutate(begun=rows.ts.min().over(ibis.window(group_by=parts)))
            rows = rows.filter(rows.begun >= ibis.literal(begin))
    order = ibis.window(group_by=parts, order_by=ties)
    if options.get("merge"):
        rows = rows.mutate(before=rows.state.lag().over(order))
        rows = rows.filter(rows.before.isnull() | (rows.before != rows.state))
    return rows.select(
        "unit", "state", "ts", journey=rows.part if "part" in parts else ibis.literal(1, "int64"),
        place=ibis.row_number().over(order) + 1, next=rows.state.lead().over(order).fill_null(rows["last"]),
        next_ts=rows.ts.lead().over(order),
    )  # fmt: skip


def checked(options: Mapping[str, Any]) -> None:
    """Raise ParameterError for an option that there is not."""
    for name, value in options.items():
        if name not in Options.__annotations__:
            raise ParameterError(name, value, one_of(Options.__annotations__), "see bankmkt.funnel.journeys")


def _rows(table: Any, options: Options) -> tuple[Any, list[str], list[str]]:
    """Return unit, ts, state and what else is asked for; the columns that part journeys; those that order events."""
    columns = {"unit": options.get("by", "customer_id"), "ts": options.get("time", "ts")}
    for role, name in (("part", options.get("session")), ("tie", options.get("event_id"))):
        if name is not None:
            columns[role] = name
    check_columns(table, columns)
    kept = {role: table[name] for role, name in columns.items()}
    kept["ts"] = kept["ts"].cast("timestamp(6)")
    rows = table.select(**kept, state=_state(table, options.get("state", "event")))
    rows = rows.filter(*(rows[name].notnull() for name in (*columns, "state") if name != "tie"))
    ties = ["ts", "tie", "state"] if "tie" in columns else ["ts", "state"]
    return rows, ["unit", "part"] if "part" in columns else ["unit"], ties


def _state(table: Any, state: Condition) -> Any:
    """Return the column that names the steps, as text."""
    from ibis.common.exceptions import IbisError

    if isinstance(state, str):
        if state not in table.columns:
            raise SchemaError("state", state, one_of(table.columns), "name a column of the events, or an expression")
        return table[state].cast("string")
    try:
        return (state.resolve(table) if hasattr(state, "resolve") else state(table)).cast("string")
    except (AttributeError, IbisError, TypeError) as error:
        todo = f"use columns of the events: {', '.join(table.columns)}"
        raise ParameterError(f"state: {str(error).splitlines()[0]}", None, "a column or an expression", todo) from error


def _next_midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time())
