"""The measures of growth, defined in one place, and what the engine counts for them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bankmkt.errors import ParameterError, one_of
from bankmkt.funnel.periods import DAY, Span
from bankmkt.margins import margin_of
from bankmkt.months import month_end, month_start
from bankmkt.schema import BANK_KINDS

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank


@dataclass(frozen=True)
class Definition:
    """What a measure is.

    Parameters
    ----------
    stage
        Of AARRR.
    measure
        Its name.
    definition
        In plain words.
    unit
        ``"customers"`` (a count; its changes are relative, per day), ``"share of …"`` (changes in points) or
        ``"money a year"`` (changes are relative).
    among
        Whom a share or mean is of: ``""`` for counts, ``"new"``, or ``"active"`` (then and now they may be the same).
    """

    stage: str
    measure: str
    definition: str
    unit: str
    among: str = ""


_OPENED = "Of those who opened in the period"
_ACTIVE = "Of those active in the period"

DEFINITIONS: tuple[Definition, ...] = (
    Definition("acquisition", "opened", "Customers who opened their first account in the period", "customers"),
    Definition("acquisition", "signed_up", "Customers, new or old, who signed up for the app", "customers"),
    Definition("activation", "activated", f"{_OPENED} and whose first {{days}} days are over: who did an act of their "
               "own in these days", "share of new", "new"),
    Definition("activation", "activated_all", f"{_OPENED}: the same, those whose {{days}} days are not over taken to "
               "go on as the others did (Kaplan-Meier)", "share of new", "new"),
    Definition("retention", "kept", "Of those active in the period before (an act of their own): who are active in "
               "this one; who closed the account counts as lost", "share of active", "active"),
    Definition("retention", "kept_monthly", "The same from month to month, over all whole months of the period",
               "share of active", "active"),
    Definition("revenue", "margin", "Mean yearly margin of those active in the period: balances at its month ends "
               "times assumed margins by product", "money a year", "active"),
    Definition("referral", "came_by_referral", f"{_OPENED} and of whom it is known how they came: who came by referral",
               "share of new", "new"),
    Definition("referral", "shared", f"{_ACTIVE}: who shared a page or campaign", "share of active", "active"),
    Definition("referral", "invited", f"{_ACTIVE}: who invited somebody", "share of active", "active"),
)  # fmt: skip
"""Every measure of :func:`bankmkt.funnel.aarrr`, in the order of the stages."""

OVER = ("kept", "kept_monthly", "margin", "shared", "invited")
"""Measures over customers who may be counted in several periods."""

SINGLE = ("activated", "came_by_referral")
"""Shares of people who are counted in one period only."""


def definitions(within_days: int = 30) -> "pd.DataFrame":
    """Return :data:`DEFINITIONS` as a frame: stage, measure, definition, unit, among.

    Examples
    --------
    >>> definitions()["stage"].unique().tolist()
    ['acquisition', 'activation', 'retention', 'revenue', 'referral']
    """
    import pandas as pd

    frame = pd.DataFrame([astuple(each) for each in DEFINITIONS], columns=[f.name for f in fields(Definition)])
    return frame.assign(definition=[text.format(days=within_days) for text in frame["definition"]])


ACTIVITIES = ("any", "login", "transaction")
"""What may count as an act of a customer's own."""


def check_activity(bank: "Bank", activity: str) -> None:
    """Raise ParameterError unless the activity is one, and the bank records it."""
    if activity not in ACTIVITIES:
        raise ParameterError("activity", activity, one_of(ACTIVITIES), 'pass activity="any"')
    if activity == "login" and not bank.has("events"):
        raise ParameterError("activity", activity, "a bank with the table events", 'pass activity="any"')


def own_acts(bank: "Bank", first: dt.date, activity: str) -> Any:
    """Return what customers did themselves since a day: customer_id, ts, own (False: only shared something)."""
    import ibis

    begin = ibis.literal(dt.datetime.combine(first, dt.time()))
    t = bank.transactions
    t = t.filter(t.ts >= begin, t.channel.isnull().ifelse(~t.kind.isin(BANK_KINDS), t.channel != "auto"))
    acts = t.select("customer_id", "ts", own=ibis.literal(True))
    if not bank.has("events"):
        return acts
    e = bank.events
    counted = ("share",) if activity == "transaction" else ("login", "share")
    e = e.filter(e.ts >= begin, e.customer_id.notnull(), e.event.isin(counted))
    digital = e.select("customer_id", "ts", own=e.event == "login")
    return digital if activity == "login" else acts.union(digital)


def within(ts: Any, span: Span) -> Any:
    """Return whether moments lie in a period."""
    import ibis

    first, after = (ibis.literal(dt.datetime.combine(day, dt.time())) for day in (span.first, span.last + DAY))
    return (ts >= first) & (ts < after)


def month_before(span: Span) -> list[Span]:
    """Return the whole months of a period, after the one before them; none for a period without whole months."""
    return [Span(month_start(n), month_end(n)) for n in ([span.months[0] - 1, *span.months] if span.months else [])]


def lives(
    bank: "Bank", customers: Any, spans: Mapping[str, Span], as_of: dt.date, within_days: int,
    margins: dict[str, float], activity: str,
) -> Any:  # fmt: skip
    """Return a row per customer: group, and for each period and measure the numerator x and the denominator w.

    Parameters
    ----------
    bank
        As of the day.
    customers
        Ibis table: customer_id, opened_on, app_registered_on, acquired_via, group.
    spans
        By name: the period and those it is compared with.
    as_of, within_days, margins, activity
        As of :func:`bankmkt.funnel.aarrr`.

    Returns
    -------
    ibis table
        group, and by period *p*: opened_*p*, signed_up_*p*, wait_*p* (days to the first act, or watched; null: not
        new), first_*p* (whether there was one in time), and x_*m*_*p*, w_*m*_*p* of each measure *m* of OVER and
        SINGLE.
    """
    active = _activity(bank, spans, activity)
    t = customers.left_join(active, "customer_id").drop("customer_id_right")
    rates = _margins(bank, spans, margins)
    if rates is not None:
        t = t.left_join(rates, "customer_id").drop("customer_id_right")
    if bank.has("referrals"):
        t = t.left_join(_invitations(bank, spans), "customer_id").drop("customer_id_right")
    columns: dict[str, Any] = {}
    for name, span in spans.items():
        columns |= _new(t, name, span, as_of, within_days)
        columns |= _old(t, name, span)
    return t.select("group", **columns)


def _flag(value: Any) -> Any:
    return value.fill_null(False).cast("int64")


def _span_key(span: Span) -> str:
    return f"{span.first:%Y%m%d}_{span.last:%Y%m%d}"


def _activity(bank: "Bank", spans: Mapping[str, Span], activity: str) -> Any:
    """Return a row per customer with acts: in which period and month, when first, whether they shared in a period."""
    needed = {_span_key(s): s for span in spans.values() for s in (span, span.previous(), *month_before(span))}
    acts = own_acts(bank, min(span.first for span in needed.values()), activity)
    flags = {f"a_{key}": _flag(acts.own & within(acts.ts, span)).max() for key, span in needed.items()}
    shared = {}
    if bank.has("events"):
        shared = {f"s_{name}": _flag(~acts.own & within(acts.ts, span)).max() for name, span in spans.items()}
    return acts.group_by("customer_id").aggregate(**flags, **shared, first_act=acts.ts.min(where=acts.own))


def _margins(bank: "Bank", spans: Mapping[str, Span], margins: dict[str, float]) -> Any:
    """Return a row per customer: the yearly margin of the mean balance at the period's month ends; null without any."""
    import ibis

    b = bank.balances
    b = b.mutate(_margin=margin_of(b, margins) * 12)
    sums = {}
    for name, span in spans.items():
        ends = [day for day in bank.months if span.first <= day <= span.last]
        if ends:
            inside = b.month.between(ibis.literal(ends[0]), ibis.literal(ends[-1]))
            sums[f"m_{name}"] = b._margin.sum(where=inside) / len(ends)
    return b.group_by("customer_id").aggregate(**sums) if sums else None


def _invitations(bank: "Bank", spans: Mapping[str, Span]) -> Any:
    r = bank.referrals
    r = r.filter(r.referrer_kind == "customer", r.stage == "invited")
    who = r.referrer_id.cast(bank.customers.customer_id.type())
    return r.group_by(customer_id=who).aggregate(**{f"i_{n}": _flag(within(r.ts, s)).max() for n, s in spans.items()})


def _new(t: Any, name: str, span: Span, as_of: dt.date, within_days: int) -> dict[str, Any]:
    import ibis

    first, last, today = (ibis.literal(day) for day in (span.first, span.last, as_of))
    opened = t.opened_on.between(first, last)
    until = t.first_act.cast("date").delta(t.opened_on, unit="day")
    in_time = (until >= 0) & (until <= within_days)
    watched = ibis.least(today.delta(t.opened_on, unit="day"), ibis.literal(within_days))
    matured = opened & (watched >= within_days)
    known = opened & t.acquired_via.notnull()
    return {
        f"opened_{name}": _flag(opened),
        f"signed_up_{name}": t.app_registered_on.between(first, last).cast("int64"),  # null: never, or not recorded
        f"wait_{name}": opened.ifelse(in_time.fill_null(False).ifelse(until, watched), ibis.null("int64")),
        f"first_{name}": _flag(opened & in_time),
        f"w_activated_{name}": _flag(matured),
        f"x_activated_{name}": _flag(matured & in_time),
        f"w_came_by_referral_{name}": _flag(known),
        f"x_came_by_referral_{name}": _flag(known & (t.acquired_via == "referral")),
    }


def _old(t: Any, name: str, span: Span) -> dict[str, Any]:
    import ibis

    def active(of: Span) -> Any:
        return t[f"a_{_span_key(of)}"].fill_null(0)

    nothing = ibis.literal(0, "int64")
    now, before = active(span), active(span.previous())
    months = [active(month) for month in month_before(span)]
    stays = [(one, one * next_one) for one, next_one in pairwise(months)]
    margin = t[f"m_{name}"].fill_null(0.0) if f"m_{name}" in t.columns else ibis.null("float64")
    shared = t[f"s_{name}"].fill_null(0) if f"s_{name}" in t.columns else ibis.null("int64")
    invited = t[f"i_{name}"].fill_null(0) if f"i_{name}" in t.columns else ibis.null("int64")
    return {
        f"w_kept_{name}": before,
        f"x_kept_{name}": before * now,
        f"w_kept_monthly_{name}": sum((one for one, _ in stays), nothing),
        f"x_kept_monthly_{name}": sum((both for _, both in stays), nothing),
        f"w_margin_{name}": now,
        f"x_margin_{name}": now * margin,
        f"w_shared_{name}": now,
        f"x_shared_{name}": now * shared,
        f"w_invited_{name}": now,
        f"x_invited_{name}": now * invited,
    }
