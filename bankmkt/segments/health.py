"""The month's check-up of a bank: how many customers, with how much, how active, and what changed beyond the usual."""

import calendar
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bankmkt.bank import check_bank
from bankmkt.damage import reading
from bankmkt.errors import DataError, ParameterError, Refused
from bankmkt.months import month_number
from bankmkt.privacy import K, check_k, discloses, suppress
from bankmkt.segments import measures, panels, summaries
from bankmkt.segments.history import LEAST, SPAN, stands_out
from bankmkt.segments.movers import PLENTY, movers
from bankmkt.segments.units import scope

if TYPE_CHECKING:
    from bankmkt.bank import Bank

MONTHS = 25
"""Months read: the month checked and the two years before it."""


@dataclass(frozen=True, eq=False)
class HealthCheck:
    """A check-up; made by :func:`health_check`, which says what each frame holds.

    Parameters
    ----------
    month
        Last day of the month checked.
    last_month, last_year
        Last days of the months it is compared with; None where the bank has no balances then.
    unit
        Name of the unit checked.
    level
        What the rows of ``branches`` are: ``"branch"``, ``"sub-branch"`` or ``"unit"``.
    k
        Figures about fewer customers are hidden.
    currency
        Unit of money.
    headline, trend, groups, branches, products, channels, activity, hours, flows, stands_out
        Tidy frames.
    notes
        Sentences on what could not be computed, and why.
    """

    month: dt.date
    last_month: dt.date | None
    last_year: dt.date | None
    unit: str
    level: str
    k: int
    currency: str
    headline: pd.DataFrame
    trend: pd.DataFrame
    groups: pd.DataFrame
    branches: pd.DataFrame
    products: pd.DataFrame
    channels: pd.DataFrame
    activity: pd.DataFrame
    hours: pd.DataFrame
    flows: pd.DataFrame
    stands_out: pd.DataFrame
    notes: tuple[str, ...]


def health_check(
    bank: "Bank",
    month: dt.date | str | None = None,
    org_id: int | str | None = None,
    k: int = K,
    *,
    currency: str = "yuan",
) -> HealthCheck:
    """Check a bank's month: its figures, against last month and last year, by group and unit, and what stands out.

    The bank is read as of the end of the month: nothing later matters. Customers count in a month when the bank
    holds a balance row of theirs at its end. Active means at least one ``login`` event in the month or, in a bank
    without events, at least one transaction the customer initiated (channel not ``auto``; where the channel is
    missing, kind not interest, return or fee). Shares are fractions; columns that end in ``_pct`` are per cent, of
    shares percentage points. Figures about 1 to ``k`` − 1 customers are null, with as many others as keep them from
    being worked out from the totals; ``suppressed`` marks those rows. Of the customers in a shown total, a number that
    leaves 1 to ``k`` − 1 is null too, with the shares and changes that would tell it; nobody and everybody are told.

    Parameters
    ----------
    bank : Bank
        Tables organisations, customers, balances and transactions; events if there.
    month : date or str, optional
        A day of the month, or ``"2026-06"``; default the last month with balances.
    org_id : int or str, optional
        A unit: the check covers it and all units under it. Default the whole bank.
    k : int
        The least number of customers a shown figure may be about.
    currency : str
        Unit of money, for the ``unit`` columns.

    Returns
    -------
    HealthCheck
        With these frames:

        - ``headline``: indicator (of :data:`bankmkt.segments.summaries.INDICATORS`), unit, value, last_month,
          last_year, change_month_pct, change_year_pct. ``long_tail_share``: customers with AUM under 50,000.
          ``digital_share``: transactions by app, mini-programme or web among those with a channel other than auto.
          ``attrition``: customers closed in the month ÷ customers at its beginning × 12. ``net_new_money``: what
          customers brought into the AUM products less what they took out, without interest and returns.
        - ``trend``: month, a column per indicator; up to 25 months.
        - ``groups``: dimension (wealth tier, age, occupation, city tier, tenure), group, customers, share, aum,
          aum_share, aum_per_head, products_per_head, active_share, customers_change_month_pct,
          customers_change_year_pct, aum_change_month_pct, aum_change_year_pct, suppressed.
        - ``branches``: the units directly under the one checked with all below them, and what it keeps itself:
          org_id, branch, then the columns of ``groups``.
        - ``products``: product, side (asset, debt), holders, penetration, balance, balance_per_holder, aum_share,
          holders_change_…, balance_change_…, suppressed.
        - ``channels``: dimension (channel, kind), group, customers (different ones with a transaction),
          transactions, share (of transactions), turnover (absolute amounts), transactions_change_…, suppressed.
        - ``activity``: month, platform, customers (active), share (of customers), acts (logins, or transactions in a
          bank without events), acts_per_customer, suppressed; platform ``"all"`` counts each customer once.
        - ``hours``: weekday (0 is Monday), hour, logins, logins_per_day (per such weekday of the month), customers,
          suppressed; empty without events.
        - ``flows``: flow, unit, value, last_month, last_year: customers opened and closed; then by kind what
          transactions add to AUM, ``other`` (change of AUM that no transaction explains) and ``change of aum``.
        - ``stands_out``: :func:`bankmkt.segments.history.stands_out` of customers, AUM, active customers by group
          and unit, balances by product, transactions by channel and kind but for the bank's own batches.

    Raises
    ------
    ParameterError
        If ``bank`` is no bank, the month has no balances, the unit does not exist, or ``k`` is no integer from 1.
    DataError
        If the bank has no balances at all.
    Refused
        If the unit has fewer than ``k`` customers.

    Examples
    --------
    >>> import bankmkt as bm, pandas as pd
    >>> customers = pd.DataFrame({"customer_id": range(1, 31), "org_id": 1, "opened_on": "2020-01-01"})
    >>> balances = pd.DataFrame({"customer_id": range(1, 31), "month": "2026-06-30", "demand": 100.0, "aum": 100.0})
    >>> zero = ["time_deposit", "wealth", "fund", "insurance", "metal", "loan", "card_balance"]
    >>> bank = bm.open_bank({
    ...     "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"}),
    ...     "customers": customers.astype({"opened_on": "datetime64[s]"}),
    ...     "balances": balances.assign(products=1, **dict.fromkeys(zero, 0.0)).astype({"month": "datetime64[s]"}),
    ...     "transactions": pd.DataFrame({
    ...         "transaction_id": [1], "customer_id": 1, "ts": pd.Timestamp("2026-06-05"), "channel": "app",
    ...         "kind": "salary", "amount": 100.0, "product": "demand"}),
    ... })
    >>> check = bm.health_check(bank)
    >>> check.headline.loc[check.headline.indicator == "aum", "value"].item()
    3000.0
    """
    check_bank(bank)
    check_k(k)
    if not isinstance(currency, str) or not currency.strip():
        raise ParameterError("currency", currency, "the name of the unit of money", 'pass currency="yuan"')
    end = _month_end(bank, month)
    number = month_number(end)
    known = {month_number(m): m for m in bank.months if m <= end}
    months = {n: m for n, m in known.items() if n > number - MONTHS}
    first = min(months)
    now = bank.as_of(end)
    where = scope(now, org_id)
    whole = where.units is None
    customers = measures.customers_of(now, where.units)
    with reading(now.con, now.path), measures.active_months(now, customers, first, whole).cache() as active:
        cells = measures.cells(now, customers, list(months.values()), active)
        units = measures.unit_months(now, customers, list(months.values()), active)
        platforms = measures.platform_months(now, active)
    total = units.drop(columns="org_id").groupby("number").sum()
    sums = dict(total.loc[number]) if number in total.index else {"customers": 0}
    if sums["customers"] < k:
        raise Refused(
            f"{where.name} has fewer than {k} customers at the end of {end:%Y-%m}, too few to report on",
            todo="check a unit above it",
        )
    moves = measures.movements(now, customers, first, whole)
    compared = [n for n in (number, number - 1, number - 12) if n in months]
    used = sorted({*compared, *_thin(moves, set(months), number, k)})
    users = {by: measures.users(now, customers, [months[n] for n in used], by, whole) for by in ("channel", "kind")}
    arrivals = {column: measures.arrivals(now, customers, column, first) for column in ("opened", "closed")}

    events = now.has("events")
    by_kind = panels.transaction_panel(moves, users, total, used, k)
    panel = panels.panel(cells, units, where, k)
    products = panels.product_panel(units, k)
    made = movers(now, customers, moves, months, whole, k)
    told = by_kind[by_kind["number"].isin([*compared, number - 13])]  # the month before last year's: by its change
    trend = summaries.trend(total, moves, panel, arrivals, made, told, events, k)
    found = stands_out(summaries.series(trend, panel, products, moves, by_kind, where), number)
    return HealthCheck(
        month=end,
        last_month=months.get(number - 1),
        last_year=months.get(number - 12),
        unit=where.name,
        level=where.level,
        k=k,
        currency=currency,
        headline=summaries.headline(trend, number, currency),
        trend=trend.reset_index(names="month").replace({"month": months}),
        groups=summaries.groups(panel[panel["dimension"] != panels.SELF], sums, number),
        branches=summaries.branches(panel[panel["dimension"] == panels.SELF], sums, number, where),
        products=summaries.products(products, sums, number),
        channels=summaries.channels(by_kind, trend["transactions"].to_dict()[number], number),
        activity=summaries.activity(platforms, total, months, k),
        hours=_hours(now, customers, end, whole, (sums["active"], sums["customers"]), k),
        flows=summaries.flows(trend, by_kind, moves, number, currency),
        stands_out=found,
        notes=tuple(_notes(number, months, events, set(panel["dimension"]), moves, len(found))),
    )


def _month_end(bank: "Bank", month: dt.date | str | None) -> dt.date:
    """Find the month end that a month means."""
    known = bank.months
    if not known:
        raise DataError("balances", "no rows", "a row per customer and month end", "add the bank's month ends")
    if month is None:
        return known[-1]
    wanted = month
    if isinstance(month, str):
        try:
            wanted = dt.date.fromisoformat(f"{month}-01" if len(month) == 7 else month)
        except ValueError:
            wanted = month
    if isinstance(wanted, dt.date):
        end = wanted.replace(day=calendar.monthrange(wanted.year, wanted.month)[1])
        if end in known:
            return end
    raise ParameterError(
        "month",
        str(month),
        f"a month from {known[0]:%Y-%m} to {known[-1]:%Y-%m} that has balances",
        'such as "2026-06"',
    )


def _thin(moves: pd.DataFrame, months: set[int], number: int, k: int) -> set[int]:
    """Return the months that series are judged by in which a channel or kind may have fewer than ``k`` users."""
    recent = moves[moves["number"].between(number - SPAN - 1, number) & moves["number"].isin(months)]
    found: set[int] = set()
    for by in ("channel", "kind"):
        counts = recent.groupby(["number", by])["transactions"].sum()
        found |= set(counts[counts < PLENTY * k].index.get_level_values("number"))
    return found


def _hours(bank: "Bank", customers: Any, end: dt.date, whole: bool, totals: Sequence[int], k: int) -> pd.DataFrame:
    if not bank.has("events"):
        return pd.DataFrame(columns=["weekday", "hour", "logins", "logins_per_day", "customers", "suppressed"])
    hours = measures.login_hours(bank, customers, end, whole).sort_values(["weekday", "hour"])
    hours = suppress(hours.reset_index(drop=True), "customers", ["logins"], k=k, overlapping=True)
    for total in totals:
        hours["customers"] = hours["customers"].mask(discloses(hours["customers"], total, k))
    days = pd.Series(pd.date_range(end.replace(day=1), end).day_of_week).value_counts()
    hours.insert(3, "logins_per_day", hours["logins"] / hours["weekday"].map(days))
    return hours


def _notes(
    number: int, months: dict[int, dt.date], events: bool, dimensions: set[str], moves: pd.DataFrame, tested: int
) -> list[str]:
    """Say what could not be computed."""
    notes = []
    if number - 1 not in months:
        notes.append("There are no balances a month earlier, so nothing is compared with last month.")
    if number - 12 not in months:
        notes.append("There are no balances a year earlier, so nothing is compared with last year.")
    if not events:
        notes.append(
            "The bank has no events table: a customer counts as active with a transaction of their own in the month,"
            " and logins and their hours are not known."
        )
    absent = [name for name in measures.DIMENSIONS if name not in dimensions]
    if absent:
        notes.append(f"The bank does not record {_and(absent)}, so customers are not grouped by that.")
    channels = moves.loc[moves["number"] == number, "channel"]
    if channels.empty:
        notes.append("There are no transactions in the month.")
    elif set(channels) <= {measures.UNKNOWN, "auto"}:
        notes.append("The bank does not record the channel of its customers' transactions.")
    if not tested:
        notes.append(f"No change can be called unusual: that takes {LEAST + 2} months in a row.")
    return notes


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
