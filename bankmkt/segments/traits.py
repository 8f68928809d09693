"""What customers are told apart by when they are grouped: a few traits, measured in the engine, and words for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bankmkt.months import month_end, month_of, month_start
from bankmkt.schema import ASSETS, DEBTS
from bankmkt.segments.measures import DIGITAL, own
from bankmkt.terms import paid

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

MONTHS = 3
"""Months of activity that are looked at, and over which money may have grown."""

LEAST = 100.0
"""Growth is told as a part of the larger AUM, and of no less than this: cents that double are no growth."""

TELLING = 0.5
"""Standard deviations from the others from which a trait is worth a word."""


@dataclass(frozen=True)
class Trait:
    """A trait: its label, the unit of its values, words for less and for more of it than others have, and its scale.

    ``log``: the logarithm of 1 + value is compared, as money is so uneven that a few customers would outweigh all.
    """

    label: str
    unit: str
    less: str
    more: str
    log: bool = False


TRAITS: Mapping[str, Trait] = {
    "money": Trait("AUM", "yuan", "little money", "more money", log=True),
    "growth": Trait("growth of AUM in 3 months", "share", "money leaving", "money growing"),
    "products": Trait("products held", "products per customer", "few products", "several products"),
    "invested": Trait("share of AUM saved or invested", "share", "all on the current account", "saving and investing"),
    "debt": Trait("debt", "yuan", "no debt", "in debt", log=True),
    "inflow": Trait("money coming in a month", "yuan", "little coming in", "much coming in", log=True),
    "spend": Trait("spending a month", "yuan", "spending little", "spending much", log=True),
    "logins": Trait("logins a month", "logins per customer", "rarely online", "often online", log=True),
    "digital": Trait("digital share of own transactions", "share", "paying in person", "paying online"),
    "age": Trait("age", "years", "young", "older"),
    "tenure": Trait("years with the bank", "years", "new here", "long with us", log=True),
}


def measured(bank: "Bank", number: int, below: float) -> tuple[Any, list[str]]:
    """Measure the traits of customers with little money at a month end.

    Parameters
    ----------
    bank : Bank
        Tables customers, balances, transactions; events if there.
    number : int
        Of the month; nothing later is seen.
    below : float
        AUM from which a customer is left out.

    Returns
    -------
    ibis table, list of str
        A row per customer with an open account: customer_id and a column per trait (age may be null); and the names of
        those the bank can tell.
    """
    known = bank.as_of(month_end(number))
    b, c, t = known.balances, known.customers, known.transactions
    start = month_start(number - MONTHS + 1)
    month = month_of(b.month)
    now, before = month == number, month == number - MONTHS
    sums = {
        "money": b.aum.max(where=now), "before": b.aum.max(where=before).fill_null(0.0),
        "products": b.products.max(where=now).cast("float64"), "current": b.demand.max(where=now),
        "debt": _total(b, DEBTS).max(where=now), "kept": _total(b, ASSETS).max(where=now),
    }  # fmt: skip
    held = b.filter(month >= number - MONTHS).group_by("customer_id").agg(**sums)
    held = held.filter(held.money < below)
    acts = t.filter(t.ts.cast("date") >= start)
    mine = own(acts)
    acts = acts.group_by("customer_id").agg(
        inflow=acts.amount.sum(where=acts.kind.isin(("salary", "transfer_in", "cash_in"))),
        spend=paid(acts).sum(where=acts.kind.isin(("spend", "bill"))),
        mine=mine.cast("int64").sum(), online=(mine & acts.channel.isin(DIGITAL).fill_null(False)).cast("int64").sum(),
    )  # fmt: skip
    c = c.filter(c.closed_on.isnull() | (month_of(c.closed_on) > number))
    c = c.select(
        "customer_id",
        age=(number - month_of(c.birth_date)).cast("float64") / 12,
        tenure=(number - month_of(c.opened_on)).cast("float64") / 12,
    )
    out = held.inner_join(c, "customer_id").left_join(acts, "customer_id").drop("customer_id_right")
    traits = {
        "money": out.money,
        "growth": (out.money - out.before) / _largest(out.money, out.before),
        "products": out.products,
        "invested": (out.kept > 0).ifelse((out.kept - out.current) / out.kept.nullif(0), 0.0).fill_null(0.0),
        "debt": out.debt,
        "inflow": out.inflow.fill_null(0.0) / MONTHS,
        "spend": out.spend.fill_null(0.0) / MONTHS,
        "digital": (out.online / out.mine.nullif(0)).fill_null(0.0),
        "age": out.age,
        "tenure": out.tenure,
    }
    if known.has("events"):
        e = known.events
        e = e.filter(e.event == "login", e.customer_id.notnull(), e.ts.cast("date") >= start)
        e = e.group_by("customer_id").agg(logins=lambda t: t.count())
        out = out.left_join(e, "customer_id").drop("customer_id_right")
        traits["logins"] = out.logins.fill_null(0).cast("float64") / MONTHS
    values = {name: traits[name].cast("float64") for name in TRAITS if name in traits}
    return out.select("customer_id", **values), list(values)


def scaled(t: Any, names: Sequence[str], means: Mapping[str, float], spreads: Mapping[str, float]) -> dict[str, Any]:
    """Return each trait in standard deviations from a mean, as Ibis columns; unknown values are at the mean."""
    out = {}
    for name in names:
        value = (t[name].clip(lower=0) + 1.0).ln() if TRAITS[name].log else t[name]
        out[name] = ((value - float(means[name])) / float(spreads[name])).fill_null(0.0)
    return out


def told(frame: "pd.DataFrame", names: Sequence[str]) -> "pd.DataFrame":
    """Return the traits of a frame on the scale on which they are compared."""
    import numpy as np

    return frame[list(names)].apply(lambda v: np.log1p(v.clip(lower=0)) if TRAITS[str(v.name)].log else v)


def name_groups(differences: "pd.DataFrame") -> list[str]:
    """Name groups by what sets them apart most, each differently.

    Parameters
    ----------
    differences : pandas.DataFrame
        A row per group, a column per trait: standard deviations from the others.

    Returns
    -------
    list of str
        Two traits each, more where two groups would share a name; ``"like the others"`` where none is telling.

    Examples
    --------
    >>> import pandas as pd
    >>> name_groups(pd.DataFrame({"age": [1.5, -0.2], "debt": [0.1, -0.9], "spend": [-2.0, 0.3]}))
    ['spending little, older', 'no debt']
    """
    words: list[list[str]] = []
    for _, row in differences.iterrows():
        ordered = row[row.abs() >= TELLING].abs().sort_values(ascending=False, kind="stable").index
        words.append([TRAITS[n].more if row[n] > 0 else TRAITS[n].less for n in ordered] or ["like the others"])
    length = 2
    while True:
        names = [", ".join(w[:length]) for w in words]
        if len(set(names)) == len(names) or length > len(TRAITS):
            break
        length += 1
    twice = {name for name in names if names.count(name) > 1}
    return [f"{name} ({i})" if name in twice else name for i, name in enumerate(names, 1)]


def _total(t: Any, columns: Sequence[str]) -> Any:
    return sum(t[name] for name in columns)


def _largest(one: Any, other: Any) -> Any:
    import ibis

    return ibis.greatest(one, other, LEAST)
