"""Where each customer stands in the life with the bank, month by month: from prospect to lost, and back."""

import datetime as dt
import inspect
import numbers
from typing import TYPE_CHECKING, Any

from bankmkt.bank import check_bank
from bankmkt.errors import DataError, ParameterError, one_of
from bankmkt.lookback import parse_date
from bankmkt.months import month_end, month_number, month_of, month_start
from bankmkt.segments.measures import own

if TYPE_CHECKING:
    from bankmkt.bank import Bank

STATES = ("prospect", "new", "growing", "mature", "declining", "dormant", "lost", "returned")
"""The states, in the order of a life."""


def lifecycle(
    bank: "Bank",
    as_of: dt.date | str,
    months: int | None = None,
    *,
    acts: int = 3,
    new_for: int = 3,
    trend_months: int = 3,
    growth: float = 0.10,
    decline: float = 0.10,
    least: float = 1_000.0,
    dormant_after: int = 3,
    lost_after: int = 6,
    returned_for: int = 3,
    empty_below: float = 100.0,
) -> Any:
    """Say in which state of its life with the bank each customer was at each month end, and since when.

    An *act* is a login or a transaction of the customer's own (channel not ``auto``; where it is missing, kind not
    interest, return or fee). A customer is *active* in a month with at least ``acts`` of them, and *empty* at a month
    end with AUM under ``empty_below`` and no debt. The first of these that holds is the state of a month; it depends
    on nothing later:

    ==========  =====================================================================================================
    lost        the account is closed
    prospect    the account is open and has never been used: always empty, never an act
    new         in the first ``new_for`` months from the first use
    lost        empty and not active for ``lost_after`` months
    dormant     not active for ``dormant_after`` months
    returned    dormant, or lost with an open account, within the last ``returned_for`` months, and active again
    growing     AUM at least ``growth`` and ``least`` above that of ``trend_months`` months ago
    declining   AUM at least ``decline`` and ``least`` below that of ``trend_months`` months ago
    mature      all others
    ==========  =====================================================================================================

    The records begin with the first month of balances. For customers who opened before, the first use is taken to be
    the opening, one without any use is dormant, and months before the records are not counted as inactive ones. For
    the others, months before the first use are not counted either: nobody is lost straight after being new.

    Parameters
    ----------
    bank : Bank
        Tables customers, balances (every month) and transactions; events if there.
    as_of : date or str
        The day; the last month is the last complete one by it for which there are balances.
    months : int, optional
        How many months to return, the last ones; 1 is the current view. Default all. The states do not depend on it.
    acts : int
        From 1. The default leaves out who only moves some money once a month; in a bank without ``events``, or with
        few of them, 1 may be the better choice.
    new_for, trend_months, dormant_after, lost_after, returned_for : int
        Months, from 1; ``lost_after`` is not less than ``dormant_after``.
    growth, decline : float
        Shares of AUM; ``decline`` at most 1.
    least : float
        Money: smaller changes are no trend.
    empty_below : float
        Money.

    Returns
    -------
    ibis table
        In the bank's engine, a row per customer and month end from the month of opening: customer_id, month, state,
        since (month end at which the present run of the state began; at the earliest the first of the records), aum
        (0 where there is no balance). Closed customers stay, as lost.

    Raises
    ------
    ParameterError
        If ``bank`` is no bank, the bank has no balances by the day or none of the two months before it, or a threshold
        is not as above.
    DataError
        If balances lack a month in between.

    Examples
    --------
    >>> import bankmkt as bm
    >>> states = bm.lifecycle(bm.demo_bank(), "2026-06-30", months=1)
    >>> states.columns
    ('customer_id', 'month', 'state', 'since', 'aum')
    """
    check_bank(bank)
    for name, value in (
        ("months", 1 if months is None else months), ("acts", acts), ("new_for", new_for),
        ("trend_months", trend_months), ("dormant_after", dormant_after), ("lost_after", lost_after),
        ("returned_for", returned_for),
    ):  # fmt: skip
        if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
            raise ParameterError(name, value, "an integer from 1", "count whole months, or acts")
    if lost_after < dormant_after:
        raise ParameterError("lost_after", lost_after, f"at least dormant_after = {dormant_after}", "lost comes later")
    for name, amount in (("growth", growth), ("decline", decline), ("least", least), ("empty_below", empty_below)):
        number = isinstance(amount, numbers.Real) and not isinstance(amount, bool)
        if not number or not 0 <= amount < float("inf") or (name == "decline" and amount > 1):
            raise ParameterError(
                name, amount, "a number from 0" + (" to 1" if name == "decline" else ""), "see bm.lifecycle's table"
            )

    first, last = span_of(bank, parse_date("as_of", as_of))
    t = _history(bank.as_of(month_end(last)), first, last, float(empty_below))
    t = _measured(t, first, int(acts), int(trend_months))
    t = _asleep(t, int(new_for), int(dormant_after), int(lost_after))
    t = _named(t, float(growth), float(decline), float(least), int(returned_for))
    if months is not None:
        t = t.filter(t.number > last - int(months))
    return t.select("customer_id", month=_day(t.number), state=t.state, since=_day(t.since), aum=t.aum)


def check_thresholds(given: dict[str, Any]) -> dict[str, Any]:
    """Return the thresholds of :func:`lifecycle`: those given, defaults for the others.

    Raises
    ------
    ParameterError
        If there is no threshold of such a name.
    """
    parameters = inspect.signature(lifecycle).parameters.values()
    thresholds = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    for name, value in given.items():
        if name not in thresholds:
            raise ParameterError(name, value, f"as a threshold {one_of(thresholds)}", "see bm.lifecycle")
    return thresholds | given


def span_of(bank: "Bank", day: dt.date) -> tuple[int, int]:
    """Return the numbers of the first and last month that balances cover by a day.

    Raises
    ------
    ParameterError
        If there is none, or the day is later than the month after the last: what happened since is not recorded.
    DataError
        If a month in between is missing.
    """
    known = [m for m in bank.as_of(day).months if m <= day]
    if not known:
        raise ParameterError("as_of", str(day), "a day by which the bank has balances", "see bank.months")
    first, last = month_number(known[0]), month_number(known[-1])
    if day > month_end(last + 1):
        reach = f"a day up to {month_end(last + 1)}: balances end at {known[-1]}"
        raise ParameterError("as_of", str(day), reach, f'pass as_of="{known[-1]}", or add the later months')
    for m, expected in zip(known, range(first, last + 1), strict=False):
        if month_number(m) != expected:
            raise DataError("balances", f"no row at {month_end(expected)}", "every month end", "add the month")
    return first, last


def _history(known: "Bank", first: int, last: int, empty_below: float) -> Any:
    """Return a row per customer and month: number, opened, closed, aum, full (not empty), acts."""
    import ibis

    people = known.customers
    people = people.select("customer_id", opened=month_of(people.opened_on), closed=month_of(people.closed_on))
    people = people.filter(people.opened <= last)
    t = people.mutate(number=ibis.range(ibis.greatest(people.opened, first), last + 1).unnest())
    t = t.mutate(number=t.number.cast("int32"))

    b = known.balances
    full = (b.aum >= empty_below) | (b.loan != 0) | (b.card_balance != 0)
    b = b.select("customer_id", number=month_of(b.month).cast("int32"), aum=b.aum, full=full)
    t = t.left_join(b, ["customer_id", "number"]).drop("customer_id_right", "number_right")
    t = t.left_join(_acts(known, first), ["customer_id", "number"]).drop("customer_id_right", "number_right")
    return t.mutate(aum=t.aum.fill_null(0.0), full=t.full.fill_null(False), acts=t.acts.fill_null(0))


def _acts(known: "Bank", first: int) -> Any:
    """Count logins and own transactions by customer and month."""
    import ibis

    start = ibis.literal(dt.datetime.combine(month_start(first), dt.time()))
    t = known.transactions
    acts = t.filter(t.ts >= start, own(t))
    acts = acts.select("customer_id", number=month_of(acts.ts).cast("int32"))
    if known.has("events"):
        e = known.events
        e = e.filter(e.event == "login", e.customer_id.notnull(), e.ts >= start)
        acts = acts.union(e.select("customer_id", number=month_of(e.ts).cast("int32")))
    return acts.group_by("customer_id", "number").agg(acts=lambda t: t.count())


def _measured(t: Any, first: int, acts: int, trend_months: int) -> Any:
    """Add what history says.

    used (first use), in_records (opened in them), begun (first use, or the opening: for customers from before the
    records, and while there is none), idle and bare (months since the last act and the last balance, or since begun),
    and before (AUM ``trend_months`` ago).
    """
    import ibis

    so_far, ordered = _windows(t)
    t = t.mutate(
        acted=_when(t.acts >= acts, t.number).max().over(so_far),
        held=_when(t.full, t.number).max().over(so_far),
        used=_when((t.acts > 0) | t.full, t.number).min().over(so_far),
        before=t.aum.lag(trend_months).over(ordered),
        in_records=t.opened >= first,
    )
    t = t.mutate(begun=t.in_records.ifelse(t.used, None).fill_null(t.opened))
    none = ibis.greatest(t.begun, first) - 1
    return t.mutate(idle=t.number - t.acted.fill_null(none), bare=t.number - t.held.fill_null(none))


def _asleep(t: Any, new_for: int, dormant_after: int, lost_after: int) -> Any:
    """Add early (the states that come before dormancy, or null) and asleep (dormant or lost with an open account)."""
    import ibis

    closed = (t.closed <= t.number).fill_null(False)
    early = ibis.cases(
        (closed, "lost"),
        (t.used.isnull() & t.in_records, "prospect"),
        (t.number - t.begun < new_for, "new"),
        ((t.idle >= lost_after) & (t.bare >= lost_after), "lost"),
        ((t.idle >= dormant_after) | t.used.isnull(), "dormant"),
    )
    return t.mutate(early=early, asleep=early.isin(["dormant", "lost"]).fill_null(False) & ~closed)


def _named(t: Any, growth: float, decline: float, least: float, returned_for: int) -> Any:
    """Add state and since."""
    import ibis

    so_far, _ = _windows(t)
    t = t.mutate(slept=_when(t.asleep, t.number).max().over(so_far))
    change = t.aum - t.before
    state = ibis.cases(
        (t.early.notnull(), t.early),
        ((t.number - t.slept <= returned_for).fill_null(False), "returned"),
        (((change >= growth * t.before) & (change >= least)).fill_null(False), "growing"),
        (((-change >= decline * t.before) & (-change >= least)).fill_null(False), "declining"),
        else_="mature",
    )
    t = t.mutate(state=state)
    _, ordered = _windows(t)
    t = t.mutate(begins=(t.state != t.state.lag().over(ordered)).fill_null(True))
    so_far, _ = _windows(t)
    return t.mutate(since=_when(t.begins, t.number).max().over(so_far))


def _windows(t: Any) -> tuple[Any, Any]:
    """Return a customer's months up to each, and all in order."""
    import ibis

    ordered = {"group_by": t.customer_id, "order_by": t.number}
    return ibis.window(**ordered, preceding=None, following=0), ibis.window(**ordered)


def _when(true: Any, value: Any) -> Any:
    return true.ifelse(value, None)


def _day(number: Any) -> Any:
    """Return the month end, a date, of a month's number."""
    import ibis

    after = number + 1
    return (ibis.date((after // 12).cast("int32"), (after % 12 + 1).cast("int32"), 1) - ibis.interval(days=1)).cast(
        "date"
    )
