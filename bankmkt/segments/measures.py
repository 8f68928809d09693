"""What the engine counts for a check-up: each table is read a few times, and only sums per group come back.

A month is a number (:mod:`bankmkt.months`), so that months compare and subtract on every engine.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bankmkt.months import month_of
from bankmkt.schema import ASSETS, BANK_KINDS, PRODUCTS
from bankmkt.terms import TIERS, TOP_TIER

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd

    from bankmkt.bank import Bank

AGES = ((25, "under 25"), (35, "25 – 34"), (45, "35 – 44"), (55, "45 – 54"), (65, "55 – 64"))
OLDEST = "65 or older"
"""Completed years; at a month end these follow from the months alone."""

TENURES = ((12, "under 1 year"), (36, "1 – 2 years"), (60, "3 – 4 years"), (120, "5 – 9 years"))
LONGEST = "10 years or more"
"""Completed months since the month of opening."""

UNKNOWN = "unknown"

DIMENSIONS = ("wealth tier", "age", "occupation", "city tier", "tenure")
"""How customers are grouped; wealth tier, age and tenure as they were at each month end."""

DIGITAL = ("app", "mini_programme", "web")
EARNED = ("interest", "return")


def _band(column: Any, bands: Sequence[tuple[int, str]], last: str) -> Any:
    import ibis

    cases = [(column.isnull(), UNKNOWN), *((column < limit, label) for limit, label in bands)]
    return ibis.cases(*cases, else_=last)


def customers_of(bank: "Bank", units: Sequence[int | str] | None) -> Any:
    """Return the customers kept by the units (all for None), with the attributes that groups need."""
    t = bank.customers
    if units is not None:
        t = t.filter(t.org_id.isin(list(units)))
    return t.select(
        "customer_id",
        "org_id",
        born=month_of(t.birth_date),
        opened=month_of(t.opened_on),
        closed=month_of(t.closed_on),
        occupation=t.occupation.fill_null(UNKNOWN),
        city_tier=t.city_tier.fill_null(UNKNOWN),
    )


def of(table: Any, customers: Any, whole: bool) -> Any:
    """Return the rows of these customers: all of them where the customers are the whole bank's."""
    return table if whole else table.semi_join(customers, "customer_id")


def own(transactions: Any) -> Any:
    """Return whether the customer initiated a transaction."""
    t = transactions
    return t.channel.isnull().ifelse(~t.kind.isin(BANK_KINDS), t.channel != "auto")


def active_months(bank: "Bank", customers: Any, first: int, whole: bool) -> Any:
    """Return a row per customer, month and platform with acts: what makes a customer active.

    Acts are `login` events; in a bank without events, transactions that the customer initiated,
    all on the platform ``"any channel"``.
    """
    import ibis

    if bank.has("events"):
        t = bank.events
        t = t.filter(t.event == "login", t.customer_id.notnull())
        platform = t.platform
    else:
        t = bank.transactions
        t = t.filter(own(t))
        platform = ibis.literal("any channel")
    t = t.select("customer_id", number=month_of(t.ts), platform=platform)
    t = t.filter(t.number >= first)
    return of(t, customers, whole).group_by("customer_id", "number", "platform").agg(acts=lambda t: t.count())


def _customer_months(bank: "Bank", customers: Any, months: "Sequence[dt.date]", active: Any) -> Any:
    b = bank.balances
    b = b.filter(b.month.isin(list(months)))
    b = b.mutate(number=month_of(b.month)).drop("month")
    acts = active.group_by("customer_id", "number").agg(acts=active.acts.sum())
    t = b.inner_join(customers, "customer_id")
    t = t.left_join(acts, ["customer_id", "number"])
    return t.mutate(acts=t.acts.fill_null(0), active=t.acts.notnull().cast("int64"))


def _sums(t: Any) -> dict[str, Any]:
    return {"customers": t.count(), "aum": t.aum.sum(), "products": t.products.sum(), "active": t.active.sum()}


def cells(bank: "Bank", customers: Any, months: "Sequence[dt.date]", active: Any) -> "pd.DataFrame":
    """Sum customers, AUM, products held and active customers by month and every crossing of :data:`DIMENSIONS`."""
    t = _customer_months(bank, customers, months, active)
    t = t.mutate(
        **{
            "wealth tier": _band(t.aum, TIERS, TOP_TIER),
            "age": _band(t.number - t.born, tuple((12 * years, label) for years, label in AGES), OLDEST),
            "city tier": t.city_tier,
            "tenure": _band(t.number - t.opened, TENURES, LONGEST),
        }
    )
    return fetch(bank, t.group_by("number", *DIMENSIONS).agg(**_sums(t)))


def unit_months(bank: "Bank", customers: Any, months: "Sequence[dt.date]", active: Any) -> "pd.DataFrame":
    """Sum by month and unit: as :func:`cells`, with acts, and holders and balance of each product."""
    t = _customer_months(bank, customers, months, active)
    held = {f"{p}_holders": (t[p] > 0).sum() for p in PRODUCTS}
    balances = {p: t[p].sum() for p in PRODUCTS}
    return fetch(bank, t.group_by("number", "org_id").agg(**_sums(t), acts=t.acts.sum(), **held, **balances))


def platform_months(bank: "Bank", active: Any) -> "pd.DataFrame":
    """Count active customers and their acts by month and platform."""
    return fetch(bank, active.group_by("number", "platform").agg(customers=active.count(), acts=active.acts.sum()))


def arrivals(bank: "Bank", customers: Any, column: str, first: int) -> "pd.Series":
    """Count the customers who ``opened`` or ``closed`` in each month; indexed by month number."""
    t = customers.filter(customers[column] >= first)
    counts = fetch(bank, t.group_by(number=t[column]).agg(customers=t.count()))
    return counts.set_index("number")["customers"].sort_index()


def movements(bank: "Bank", customers: Any, first: int, whole: bool) -> "pd.DataFrame":
    """Count transactions, their size and what they add to AUM, by month, channel and kind."""
    import ibis

    t = bank.transactions
    t = t.select(
        "customer_id", "kind", "product", "amount", number=month_of(t.ts), channel=t.channel.fill_null(UNKNOWN)
    )
    t = of(t.filter(t.number >= first), customers, whole)
    added = ibis.ifelse(t["product"].isin(ASSETS), t.amount, 0.0)
    return fetch(
        bank,
        t.group_by("number", "channel", "kind").agg(
            transactions=t.count(), turnover=t.amount.abs().sum(), added=added.sum()
        ),
    )


def users(bank: "Bank", customers: Any, months: "Sequence[dt.date]", by: str, whole: bool) -> "pd.DataFrame":
    """Count the different customers with a transaction in each month, by ``"channel"`` or ``"kind"``."""
    import ibis

    t = bank.transactions
    spans = [span(month) for month in months]
    t = t.filter(ibis.or_(*((t.ts >= start) & (t.ts < end) for start, end in spans)))
    t = of(t.select("customer_id", number=month_of(t.ts), **{by: t[by].fill_null(UNKNOWN)}), customers, whole)
    return fetch(bank, t.group_by("number", by).agg(customers=t.customer_id.nunique()))


def span(month: "dt.date") -> "tuple[Any, Any]":
    """Return a month's first moment and the first after it, as literals: cheaper to filter by than month numbers."""
    import datetime as dt

    import ibis

    after = month + dt.timedelta(days=1)
    start, end = (dt.datetime(day.year, day.month, day.day) for day in (month.replace(day=1), after))
    return ibis.literal(start), ibis.literal(end)


def login_hours(bank: "Bank", customers: Any, month: "dt.date", whole: bool) -> "pd.DataFrame":
    """Count a month's logins and the customers behind them by weekday (0 is Monday) and hour."""
    t = bank.events
    start, end = span(month)
    t = t.filter(t.event == "login", t.customer_id.notnull(), t.ts >= start, t.ts < end)
    t = of(t, customers, whole)
    return fetch(
        bank,
        t.group_by(weekday=t.ts.day_of_week.index(), hour=t.ts.hour()).agg(
            logins=t.count(), customers=t.customer_id.nunique()
        ),
    )


def fetch(bank: "Bank", expression: Any) -> "pd.DataFrame":
    """Bring a summary back, alike from every engine: counts int64, money rounded to the cent, rows in order."""
    frame = bank.frame(expression)
    frame = frame.sort_values(list(frame.columns), ignore_index=True)  # sums of rows depend on their order
    integers = frame.select_dtypes("integer").columns
    floats = frame.select_dtypes("float").columns
    return frame.astype(dict.fromkeys(integers, "int64")).round(dict.fromkeys(floats, 2))
