"""What touches cost: the money that attribution divides credit by."""

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bankmkt.bank import check_bank
from bankmkt.errors import ParameterError, SchemaError, one_of
from bankmkt.frames import fetch
from bankmkt.funnel.costs import parse_prices
from bankmkt.funnel.touches import MISSED, of_unit
from bankmkt.lookback import parse_date

if TYPE_CHECKING:
    from bankmkt.bank import Bank

PER = ("channel", "campaign_id")


def contact_costs(
    bank: "Bank",
    as_of: dt.date | str,
    prices: Mapping[str, float] | None = None,
    per: str = "channel",
    *,
    since: dt.date | str | None = None,
    org_id: int | str | None = None,
) -> dict[str, float]:
    """Return what a bank's contacts cost, to be passed to :func:`bankmkt.funnel.attribute` as ``costs``.

    Every attempt costs, whether it got through or not. Channels and campaigns that reached nobody are left out, as no
    conversion can be theirs; so are benefits and pages, which no table gives a price.

    Parameters
    ----------
    bank : Bank
        With contacts.
    as_of, since : date or str
        Last and first day of the contacts.
    prices : mapping of channel to yuan, optional
        Of an attempt; by default :data:`bankmkt.funnel.costs.PRICES`, which are assumptions.
    per : str
        ``"channel"`` or ``"campaign_id"``.
    org_id : int or str, optional
        Only customers of this unit and those below it.

    Returns
    -------
    dict of str to float
        Yuan by channel or campaign.

    Raises
    ------
    ParameterError, SchemaError
        If an argument is not as above, a channel has no price, or the bank lacks contacts.

    Examples
    --------
    >>> import bankmkt as bm, pandas as pd
    >>> contacts = pd.DataFrame({"contact_id": [1, 2, 3], "customer_id": 1, "channel": ["sms", "sms", "call"],
    ...     "ts": pd.Timestamp("2026-01-05"), "status": ["delivered", "failed", "failed"]})
    >>> bank = bm.open_bank({"contacts": contacts, "customers": pd.DataFrame(
    ...         {"customer_id": [1], "org_id": 1, "opened_on": pd.Timestamp("2020-01-01")}),
    ...     "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"})})
    >>> contact_costs(bank, "2026-01-31", {"sms": 0.05, "call": 3})
    {'sms': 0.1}
    """
    money = parse_prices(prices)
    if per not in PER:
        raise ParameterError("per", per, one_of(PER))
    known = check_bank(bank).as_of(parse_date("as_of", as_of))
    if not known.has("contacts"):
        raise SchemaError("the bank lacks the table", "contacts", "a bank with contacts", "leave costs out")
    t = known.contacts
    if since is not None:
        t = t.filter(t.ts.date() >= parse_date("since", since))
    t = of_unit(known, t, org_id).filter(lambda t: t[per].notnull())
    counts = t.group_by("channel", at=t[per].cast("string")).aggregate(
        attempts=t.count(), through=t.count(where=t.status.notin(MISSED))
    )
    found: dict[str, float] = {}
    reached: set[str] = set()
    for row in fetch(counts.order_by("at", "channel")).to_pylist():
        if row["channel"] not in money:
            raise ParameterError("prices", sorted(money), f"a price of {row['channel']}", "add it")
        found[row["at"]] = found.get(row["at"], 0.0) + row["attempts"] * money[row["channel"]]
        reached |= {row["at"]} if row["through"] else set()
    return {name: round(cost, 6) for name, cost in found.items() if name in reached}
