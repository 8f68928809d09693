"""Who made a month's transactions, where they could be too few to tell of."""

from typing import TYPE_CHECKING, Any

from bankmkt.months import month_of
from bankmkt.schema import ASSETS
from bankmkt.segments import measures

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    import pandas as pd

    from bankmkt.bank import Bank

PLENTY = 1_000
"""Transactions of a customer in a month: with ``k`` times as many, ``k`` customers or more made them."""


def movers(
    bank: "Bank", customers: Any, moves: "pd.DataFrame", months: "Mapping[int, dt.date]", whole: bool, k: int
) -> "pd.DataFrame":
    """Count the different customers behind what a check-up says of transactions.

    Parameters
    ----------
    bank, customers, whole
        As in :mod:`bankmkt.segments.measures`.
    moves : pandas.DataFrame
        As :func:`bankmkt.segments.measures.movements` returns them.
    months : mapping of month number to last day
    k : int
        The least number of customers a shown figure may be about.

    Returns
    -------
    pandas.DataFrame
        A row per month, indexed by number, in which one of the counts could be less than ``k``: ``anything``, customers
        with a transaction; ``digital`` and ``elsewhere``, with one of their own through a digital channel or another;
        ``money``, with one that brings AUM in or takes it out, interest and returns aside.
    """
    import ibis
    import pandas as pd

    digital = moves["channel"].isin(measures.DIGITAL)
    added = moves[~moves["kind"].isin(measures.EARNED)].groupby(["number", "kind"])["added"].sum().round(2)
    kinds = sorted(set(added[added != 0].index.get_level_values("kind")))  # the others move money within AUM
    chosen = {
        "anything": digital | True,
        "digital": digital,
        "elsewhere": ~digital & ~moves["channel"].isin(("auto", measures.UNKNOWN)),
        "money": moves["kind"].isin(kinds),
    }
    counts = pd.DataFrame({name: moves[rows].groupby("number")["transactions"].sum() for name, rows in chosen.items()})
    thin = [months[n] for n in counts.index[(counts < PLENTY * k).any(axis="columns")] if n in months]
    if not thin:
        return pd.DataFrame(columns=list(chosen), dtype="int64")

    t = bank.transactions
    t = t.filter(ibis.or_(*((t.ts >= start) & (t.ts < end) for start, end in map(measures.span, thin))))
    t = t.select("customer_id", "kind", "product", "channel", number=month_of(t.ts))
    t = measures.of(t, customers, whole)
    who, through = t.customer_id, t.channel.isin(measures.DIGITAL)
    return measures.fetch(
        bank,
        t.group_by("number").agg(
            anything=who.nunique(),
            digital=who.nunique(where=through),
            elsewhere=who.nunique(where=~through & (t.channel != "auto")),
            money=who.nunique(where=t.kind.isin(kinds) & t["product"].isin(ASSETS)),
        ),
    ).set_index("number")
