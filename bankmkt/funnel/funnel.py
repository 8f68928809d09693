"""The funnel: how many units reach each step of a journey in time, how long it takes them, and where the others go."""

import datetime as dt
import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, one_of
from bankmkt.frames import engine_table, fetch
from bankmkt.funnel import rates, summary
from bankmkt.funnel.chains import NEVER
from bankmkt.funnel.definition import (
    DAY,
    Condition,
    Step,
    check_order,
    parse_exclude,
    parse_steps,
    parse_within,
)
from bankmkt.funnel.matches import relevant
from bankmkt.funnel.portions import Journeys, journeys
from bankmkt.lookback import parse_date


@dataclass(frozen=True, eq=False)
class Funnel:
    """What :func:`funnel` found.

    Parameters
    ----------
    names
        Of the steps.
    as_of
        The last day seen.
    steps
        A row per step (and group, if broken down): step (1, 2, …), name, optional, units; rate_of_entrants and
        rate_of_previous (of the required step before) with ``_lower`` and ``_upper``, over all that entered;
        matured_entrants, matured_units, matured_rate, _lower, _upper: over attempts whose whole window was observed;
        open_units: entrants not there that may still advance; first_rate, _lower, _upper: the share that reaches the
        step from its first entry, where those still open are not counted as lost but taken to go on as others did
        (Kaplan–Meier).
    times
        A row per pair of successive required steps, and from the first to the last: from_step, to_step, units, median,
        q25, q75, mean, each in hours, intervals of the median and the mean.
    entrants
        A row per day: day, entrants, converted (of these, whenever), open (not converted yet, may still), rate and its
        interval (null while some are open).
    """

    names: tuple[str, ...]
    as_of: dt.date
    steps: pd.DataFrame
    times: pd.DataFrame
    entrants: pd.DataFrame
    _journeys: Journeys = field(repr=False)
    _required: tuple[int, ...] = field(repr=False)
    _events: Any = field(repr=False)
    _columns: dict[str, str] = field(repr=False)

    @functools.cached_property
    def units(self) -> Any:
        """Return an Ibis table with a row per unit that entered.

        Columns: the unit's id, entered (when its best attempt began), reached (the number of required steps), last_step
        (name), last_ts, open (whether it may still advance), and ``ts_1`` … per step (null: not reached).
        """
        import pyarrow as pa

        best = self._journeys
        seen = best.times < NEVER
        last = len(self.names) - 1 - np.argmax(seen[::-1], axis=0)
        table = pa.table({
            self._columns["unit"]: best.ids, "entered": _moments(best.times[0]),
            "reached": best.level.astype(np.int64), "last_step": pa.array(np.array(self.names)[last]),
            "last_ts": _moments(np.take_along_axis(best.times, last[None], 0)[0]), "open": best.open,
            **{f"ts_{number + 1}": _moments(times) for number, times in enumerate(best.times)},
        })  # fmt: skip
        return engine_table(table, "funnel_units", self._events.get_backend())[0]

    def at(self, step: int | str) -> Any:
        """Return the units that reached a step, as :attr:`units`."""
        return self.units.filter(self.units[f"ts_{self._number(step) + 1}"].notnull())

    def lost_after(self, step: int | str) -> Any:
        """Return the units that reached a step and no later one, and whose attempt is over, as :attr:`units`."""
        name = self.names[self._number(step)]
        return self.units.filter((self.units.last_step == name) & ~self.units.open)

    def _number(self, step: int | str) -> int:
        if isinstance(step, int) and 1 <= step <= len(self.names):
            return step - 1
        if step in self.names:
            return self.names.index(str(step))
        raise ParameterError("step", step, f"1 to {len(self.names)}, or {one_of(self.names)}")

    @functools.cached_property
    def flows(self) -> pd.DataFrame:
        """Return where those went next who did not get through, as a frame with a row per step and next event.

        Columns: step, name (the last one reached), next (the first event of another moment after it; null: nothing
        further is known), units, share (of those who stayed at the step) with ``share_lower`` and ``share_upper``.
        """
        event, unit, ts = (self._columns[name] for name in ("event", "unit", "ts"))
        stayed = self.units.filter(self.units.last_step != self.names[-1])
        if event not in self._events.columns:
            raise ParameterError(
                "event", event, one_of(self._events.columns), "name the column that says what happened"
            )
        later = stayed.join(self._events, unit).filter(lambda t: t[ts].cast("timestamp(6)") > t.last_ts)
        first = later.group_by(unit).aggregate(next=later[event].argmin(later[ts]))
        found = fetch(
            stayed.left_join(first, unit).group_by("last_step", "next").aggregate(units=lambda t: t.count())
        ).to_pandas()
        found["step"] = found["last_step"].map({name: number for number, name in enumerate(self.names, 1)})
        stayed_at = found.groupby("step")["units"].transform("sum")
        found["share"], found["share_lower"], found["share_upper"] = rates.shares(found["units"], stayed_at)
        found = found.sort_values(["step", "units", "next"], ascending=[True, False, True], ignore_index=True)
        columns = ["step", "name", "next", "units", "share", "share_lower", "share_upper"]
        return found.rename(columns={"last_step": "name"})[columns]


def funnel(
    events: Any,
    steps: Sequence[str] | Mapping[str, Condition],
    within: str | dt.timedelta | None = "7d",
    order: str = "ordered",
    by: str = "customer_id",
    breakdown: str | None = None,
    exclude: Condition | Sequence[str] | Mapping[str, Condition] | None = None,
    optional: Collection[str] = (),
    as_of: dt.date | str | None = None,
    *,
    same: str | None = None,
    attribute: str | int = "first",
    since: dt.date | str | None = None,
    time: str = "ts",
    event: str = "event",
) -> Funnel:
    """Count how many units reach each step within a time from the first, how long it takes and where they are lost.

    An attempt begins with every event that fits step 1 and may advance until the window's end, inclusive. Each unit is
    counted by its attempt that got furthest, of equal ones the first (of ``same``, at one moment, the lesser value).
    Events of the same moment come in the order of the steps; an event serves an attempt once.

    Parameters
    ----------
    events
        Ibis table or pandas frame, a row per event.
    steps
        Names of events, or names with conditions: ``{"saw loan": _.page == "loan", "applied": "apply"}``; a condition
        is a name, an Ibis deferred expression or a function of the table.
    within
        From step 1: ``"7d"``, ``"36h"``, ``"90min"``, ``"30s"``, a timedelta, ``"1 natural day"`` (until midnight),
        None for no limit.
    order
        ``"ordered"``: other events may lie between; ``"strict"``: only repeats of steps already reached may;
        ``"unordered"``: in any order, from the first of them.
    by
        Column of the unit: ``"customer_id"``, ``"visitor_id"``. Events without one are left out.
    breakdown
        Column whose values the units are split by.
    exclude
        Events that end an attempt, by name or condition; a later attempt without one counts.
    optional
        Names of steps that may be left out (``order="ordered"``).
    as_of
        The last day seen; by default the last day there is an event that fits.
    same
        Column that must have one value throughout an attempt: ``"campaign_id"``.
    attribute
        Whose value of ``breakdown`` counts: that of the ``"first"`` step, of the ``"last"`` step reached, or of step
        1, 2, …; units that did not reach it are a group of their own (null).
    since
        First day on which an attempt may begin.
    time, event
        Columns of the moment and of what happened.

    Returns
    -------
    Funnel
        Frames ``steps``, ``times``, ``flows`` and ``entrants``; Ibis tables ``units``, ``at(step)`` and
        ``lost_after(step)``.

    Raises
    ------
    ParameterError, SchemaError
        If a parameter cannot be right, or a column is not there.
    DataError
        If no event fits.

    Notes
    -----
    The semantics are those of ClickHouse's ``windowFunnel`` and of PostHog's funnels, with what they lack: those whose
    window is still open are told apart.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame({"customer_id": [1, 1, 2], "event": ["view", "buy", "view"],
    ...     "ts": pd.to_datetime(["2026-01-01 10:00", "2026-01-02 09:00", "2026-01-20 12:00"])})
    >>> funnel(events, ["view", "buy"], within="7d").steps[["name", "units", "rate_of_entrants", "open_units"]]
       name  units  rate_of_entrants  open_units
    0  view      2               1.0           0
    1   buy      1               0.5           1
    """
    named = parse_steps(steps, optional)
    excluded = parse_exclude(exclude)
    length, day = parse_within(within)
    if check_order(order, named) == "unordered":
        shown = [Step(f"any {n} of {len(named)}", step.condition) for n, step in enumerate(named, 1)]
    else:
        shown = named
    number = _attribute(attribute, len(named))
    table, _ = engine_table(events, "events")
    columns = {"unit": by, "ts": time} | {
        role: name for role, name in (("same", same), ("breakdown", breakdown)) if name is not None
    }
    last = None if as_of is None else parse_date("as_of", as_of)
    begin = None if since is None else parse_date("since", since)
    rows = relevant(table, named, excluded, columns, event, others=order == "strict")
    total = fetch(table.aggregate(rows=table.count())).to_pylist()[0]["rows"]
    required = tuple(n for n, step in enumerate(named) if not step.optional)
    found = journeys(rows, total, last, required, len(named), length, day, order, begin, number)
    if not len(found.ids):
        raise ParameterError("since", since, "a day after which an attempt begins", "choose an earlier one")
    seen = dt.date(1970, 1, 1) + dt.timedelta(days=found.end // DAY)
    return Funnel(
        tuple(step.name for step in shown), seen, summary.steps_of(shown, found, length or NEVER, breakdown),
        summary.times_of(shown, required, found), summary.entrants_of(found, required[-1]), found, required, table,
        columns | {"event": event},
    )  # fmt: skip


def _attribute(attribute: str | int, steps: int) -> str | int:
    if attribute in ("first", "last"):
        return attribute
    if isinstance(attribute, int) and 1 <= attribute <= steps:
        return attribute - 1
    raise ParameterError("attribute", attribute, f"'first', 'last' or 1 to {steps}")


def _moments(times: Any) -> Any:
    """Return times as Arrow timestamps, null for what did not happen."""
    import pyarrow as pa

    happened = times < NEVER
    return pa.array(np.where(happened, times, 0), mask=~happened).cast(pa.timestamp("us"))
