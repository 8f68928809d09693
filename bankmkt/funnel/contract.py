"""A second look at events: faults that no rule about one row can see, each with its size and how sure it is."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.bank import Bank
from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
from bankmkt.frames import engine_table, fetch
from bankmkt.funnel import clocks
from bankmkt.funnel.definition import SECOND, parse_within
from bankmkt.lookback import parse_date

COLUMNS = ("fault", "where", "events", "share", "expected", "p_value", "sure", "todo")
SAME = ("visitor_id", "event", "page", "campaign_id", "platform")
"""Columns in which events of one second must agree to be one event sent twice."""

LAGS = 10
"""Seconds after an event in which another of its kind comes about as often by chance as in the same second."""

CERTAIN = "certain"


@dataclass(frozen=True)
class Limits:
    """What :func:`event_faults` takes to be a fault."""

    late: int
    alpha: float
    per_minute: int
    hours_awake: int


def event_faults(
    events: Any,
    as_of: dt.date | str | None = None,
    *,
    by: str = "platform",
    late_after: str = "1d",
    per_minute: int = 60,
    hours_awake: int = 23,
    alpha: float = 0.01,
) -> pd.DataFrame:
    """Look for faults of tracking that :func:`bankmkt.validate`, which judges row by row, cannot see.

    - *sent twice*: the same visitor, second, event, page, campaign and platform under another number, more often than
      in the ten seconds after (where chance brings as many).
    - *clock off by hours*: days of a group whose hours are the usual ones, moved.
    - *hours missing*: hours with hardly anybody, where many are usual, up to the end of ``as_of`` or to the log's last
      full hour.
    - *not human*: visitors with more than ``per_minute`` events in a minute, or met in ``hours_awake`` hours of a day.
    - *late*: received longer than ``late_after`` after they happened; *received before it happened*. Only with a column
      ``received_at``: without it, nobody can say.
    - *before opening*, *after closing*, *sign-up after a login*, *outside the campaign's dates*: of a bank.

    Parameters
    ----------
    events : Bank, Ibis table or pandas frame
        A bank, or a table of events with the columns of the contract (docs/event-contract.md).
    as_of : date or str, optional
        The last day looked at, as a whole; without it, nobody can say that the whole log stopped.
    by : str
        Column whose groups have clocks and outages of their own: ``"platform"``, or one of your own such as a version.
    late_after : str
        ``"1d"``, ``"2h"``: how long an event may be on its way.
    per_minute, hours_awake : int
        What no human does.
    alpha : float
        Probability that sound events raise any alarm of those that are tests (*sent twice*, *clock*, *hours missing*).

    Returns
    -------
    pandas.DataFrame
        A row per fault found, none for sound events: fault, where, events (affected; of missing hours: lacking),
        share (of all events), expected (of these, by chance), p_value (null where there is no doubt), sure, todo. In
        its ``attrs``: ``events``, ``judged`` (what was looked for) and ``not_judged`` (what could not be, and why).

    Raises
    ------
    ParameterError, SchemaError
        If an argument is not as above, or a column is missing.
    DataError
        If there are no events.

    Examples
    --------
    >>> import bankmkt as bm
    >>> faults = bm.funnel.event_faults(bm.demo_bank())
    >>> len(faults), faults.attrs["not_judged"]
    (0, {'late': 'the events have no column received_at'})
    """
    bank = events if isinstance(events, Bank) else None
    limits = _limits(late_after, per_minute, hours_awake, alpha)
    day = None if as_of is None else parse_date("as_of", as_of)
    if bank is not None:
        bank = bank if day is None else bank.as_of(day)
        t = bank.events
    else:
        t = engine_table(events, "events")[0]
    for name in ("event_id", *SAME, "ts", by):
        if name not in t.columns:
            raise SchemaError("the events have no column", name, one_of(t.columns), "docs/event-contract.md lists them")
    if day is not None and bank is None:
        t = t.filter(t.ts < _literal(day + dt.timedelta(days=1)))
    basic = _one(t.aggregate(
        events=t.count(), last=t.ts.cast("timestamp(6)").max(), seconds=(_second(t.ts) % 60).max(),
        of_day=(_second(t.ts) % 86_400).max(),
    ))  # fmt: skip
    if not basic["events"]:
        raise DataError("events", "no rows", "events up to the day", "add the bank's events, or choose a later day")
    judged, skipped = ["not human"], {}
    found = list(_not_human(t, limits))
    if basic["seconds"]:
        judged.append("sent twice")
        found += _sent_twice(t, limits)
    else:
        skipped["sent twice"] = "times are not to the second"
    if basic["of_day"]:
        judged += ["clock off by hours", "hours missing"]
        until = pd.Timestamp(basic["last"]).floor("h") if day is None else pd.Timestamp(day) + pd.Timedelta(days=1)
        found += _hours(t, by, limits, until)
    else:
        skipped |= dict.fromkeys(("clock off by hours", "hours missing"), "times are to the day")
    if "received_at" in t.columns:
        judged.append("late")
        found += _late(t, limits)
    else:
        skipped["late"] = "the events have no column received_at"
    if bank is not None:
        judged += ["before opening", "after closing", "sign-up after a login", "outside the campaign's dates"]
        found += _lives(bank)
    out = pd.DataFrame(found, columns=[name for name in COLUMNS if name != "share"])
    out.insert(3, "share", out["events"].astype(float) / basic["events"])
    out = out.astype({"events": "int64", "expected": "float64", "p_value": "float64"})
    out.attrs |= {"events": basic["events"], "judged": judged, "not_judged": skipped}
    return out


def _limits(late_after: str, per_minute: int, hours_awake: int, alpha: float) -> Limits:
    late, _ = parse_within(late_after)
    if late is None:
        raise ParameterError("late_after", late_after, "a length of time", 'pass late_after="1d"')
    for name, value, high in (("per_minute", per_minute, 6000), ("hours_awake", hours_awake, clocks.HOURS)):
        if isinstance(value, bool) or not isinstance(value, int) or not 2 <= value <= high:
            raise ParameterError(name, value, f"an integer from 2 to {high}")
    if not isinstance(alpha, float) or not 0 < alpha < 0.5:
        raise ParameterError("alpha", alpha, "a probability above 0 and below 0.5", "pass alpha=0.01")
    return Limits(late // SECOND, alpha, per_minute, hours_awake)


def _literal(day: dt.date) -> Any:
    import ibis

    return ibis.literal(dt.datetime.combine(day, dt.time()))


def _one(table: Any) -> dict[str, Any]:
    found: dict[str, Any] = fetch(table).to_pylist()[0]
    return found


def _fault(
    fault: str, where: str, events: float, todo: str, *, expected: float = 0.0, p: float | None = None,
    sure: str = CERTAIN,
) -> tuple[Any, ...]:  # fmt: skip
    return fault, where, round(events), expected, p, sure, todo


def _doubt(alpha: float) -> str:
    return f"a test: at most {alpha:.1%} of sound banks raise one"


def _sent_twice(t: Any, limits: Limits) -> Iterator[tuple[Any, ...]]:
    """Compare events that follow a like one in the same second with those that do in one of the ten seconds after."""
    import ibis
    from scipy.stats import binomtest

    like = ibis.window(group_by=list(SAME), order_by="_at")
    t = t.select(*SAME, _at=_second(t.ts))
    t = t.mutate(_gap=t["_at"] - t["_at"].lag().over(like))
    row = _one(t.aggregate(same=(t["_gap"] == 0).sum(), later=t["_gap"].between(1, LAGS).sum()))
    same, later = row["same"] or 0, row["later"] or 0
    p = float(binomtest(same, same + later, 1 / (LAGS + 1), alternative="greater").pvalue) if same else 1.0
    if p < limits.alpha / 3:
        todo = "keep one of each; ask the vendor whether retries get a new event_id"
        yield _fault("sent twice", "all platforms", same, todo, expected=later / LAGS, p=p, sure=_doubt(limits.alpha))


def _not_human(t: Any, limits: Limits) -> Iterator[tuple[Any, ...]]:
    todo = "leave these visitors out of rates; block what comes from one address"
    minutes = t.group_by("visitor_id", _minute=t.ts.truncate("m")).aggregate(n=lambda rows: rows.count())
    fast = _one(minutes.filter(minutes.n > limits.per_minute).aggregate(
        n=lambda rows: rows.n.sum(), visitors=lambda rows: rows.visitor_id.nunique()
    ))  # fmt: skip
    if fast["n"]:
        where = f"visitors with more than {limits.per_minute} events in a minute: {fast['visitors']}"
        yield _fault("not human", where, fast["n"], todo)
    days = t.group_by("visitor_id", _day=t.ts.cast("date")).aggregate(
        n=lambda rows: rows.count(), hours=lambda rows: rows.ts.hour().nunique()
    )
    awake = _one(days.filter(days.hours >= limits.hours_awake).aggregate(
        n=lambda rows: rows.n.sum(), visitors=lambda rows: rows.visitor_id.nunique()
    ))  # fmt: skip
    if awake["n"]:
        where = f"visitors met in {limits.hours_awake} hours of a day or more: {awake['visitors']}"
        yield _fault("not human", where, awake["n"], todo)


def _hours(t: Any, by: str, limits: Limits, until: pd.Timestamp) -> Iterator[tuple[Any, ...]]:
    """Look at the hours of each group by day, up to a moment."""
    rows = fetch(clocks.hourly(t, by)).to_pandas()
    groups = {
        str(name): part for name, part in rows.groupby("where") if part["visitors"].sum() >= clocks.SMALLEST
    }  # fmt: skip
    for name, part in groups.items():
        last = max((until - pd.Timedelta(hours=1)).normalize(), pd.Timestamp(part["day"].max()))
        days, visitors = clocks.grid(part, "visitors", last)
        _, events = clocks.grid(part, "events", last)
        usual = clocks.usual_hours(days, visitors)
        over = days < until.normalize()  # a day that still runs has no evening
        moves = clocks.shifted(days[over], visitors[over], len(groups), limits.alpha / 3) if over.any() else []
        for run in moves:
            every, moved = run.move(usual)
            number = (events.ravel() * moved / np.maximum(every, 1e-9)).sum()
            where = f"{by} {name}, {_dates(days[run.first], days[run.last])}: {_signed(run.shift)} h"
            todo = f"move these events by {_signed(-run.shift)} h, or leave them out of anything by the hour"
            yield _fault("clock off by hours", where, number, todo, p=run.p_value, sure=_doubt(limits.alpha))
        each = part["events"].sum() / part["visitors"].sum()
        end = int((until - days[0]) / pd.Timedelta(hours=1))
        for run, lacking in clocks.missing(days, visitors, len(groups), limits.alpha / 3, moves, end):
            first, last = (days[0] + pd.Timedelta(hours=hour) for hour in (run.first, run.last + 1))
            where = f"{by} {name}, {first:%Y-%m-%d %H:00} to {last:%Y-%m-%d %H:00}"
            todo = "ask for the lost events; leave these hours out of rates and comparisons"
            yield _fault("hours missing", where, lacking * each, todo, p=run.p_value, sure=_doubt(limits.alpha))


def _signed(hours: int) -> str:
    return f"{hours:+d}".replace("-", "−")


def _second(ts: Any) -> Any:
    """Return seconds since 1970, whole ones on every engine."""
    return ts.truncate("s").epoch_seconds()


def _dates(first: pd.Timestamp, last: pd.Timestamp) -> str:
    return f"{first:%Y-%m-%d}" if first == last else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _late(t: Any, limits: Limits) -> Iterator[tuple[Any, ...]]:
    delay = _second(t.received_at) - _second(t.ts)
    row = _one(t.aggregate(late=(delay > limits.late).sum(), early=(delay < 0).sum()))
    if row["late"]:
        todo = "count them on the day they happened, and run reports of recent days again"
        yield _fault("late", f"received more than {limits.late / 3600:,.10g} hours after", row["late"], todo)
    if row["early"]:
        todo = "the device's clock is ahead: take the time of receipt"
        yield _fault("received before it happened", "all platforms", row["early"], todo)


def _lives(bank: Bank) -> Iterator[tuple[Any, ...]]:
    """Compare events with the lives of their customers and campaigns."""
    e, c = bank.events, bank.customers
    t = e.select("customer_id", "event", "ts").inner_join(
        c.select("customer_id", "opened_on", "closed_on"), "customer_id"
    )
    day = t.ts.cast("date")
    row = _one(t.aggregate(before=(day < t.opened_on).sum(), after=(day > t.closed_on).sum()))
    if row["before"]:
        todo = "correct opened_on, or give the visitor's early events no customer"
        yield _fault("before opening", "events of customers", row["before"], todo)
    if row["after"]:
        yield _fault("after closing", "events of customers", row["after"], "correct closed_on, or close the log-in too")
    signed = e.filter(e.event == "sign_up", e.customer_id.notnull())
    signed = signed.group_by("customer_id").aggregate(_signed=signed.ts.min())
    logins = e.filter(e.event == "login").select("customer_id", "ts").inner_join(signed, "customer_id")
    early = _one(logins.aggregate(n=(logins.ts < logins["_signed"]).sum()))["n"]
    if early:
        todo = "send sign_up when it happens, before the first login"
        yield _fault("sign-up after a login", "logins before their customer's sign-up", early, todo)
    if bank.has("campaigns"):
        k = bank.campaigns.select("campaign_id", "starts_on", "ends_on")
        tied = e.filter(e.campaign_id.notnull()).select("campaign_id", "ts").inner_join(k, "campaign_id")
        day = tied.ts.cast("date")
        outside = _one(tied.aggregate(n=((day < tied.starts_on) | (day > tied.ends_on)).sum()))["n"]
        if outside:
            todo = "correct the campaign's dates, or take its link down when it ends"
            yield _fault("outside the campaign's dates", "events of campaigns", outside, todo)
