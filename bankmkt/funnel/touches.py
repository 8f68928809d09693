"""Marketing touches: what a bank's campaigns did to reach each customer, as one table."""

import datetime as dt
from typing import TYPE_CHECKING, Any

from bankmkt.bank import check_bank
from bankmkt.errors import SchemaError
from bankmkt.lookback import parse_date
from bankmkt.units import units_below

if TYPE_CHECKING:
    from bankmkt.bank import Bank

MISSED = ("failed", "opted_out")
"""Contacts with these ends are no touches: nobody was there, or the customer asked to be left alone."""

SEEN = ("campaign_view", "campaign_click")


def touches(bank: "Bank", as_of: dt.date | str) -> Any:
    """Return every marketing touch: contacts that got through, and views and clicks of campaigns' pages.

    Parameters
    ----------
    bank : Bank
        With contacts, events or both.
    as_of : date or str
        Nothing later is seen.

    Returns
    -------
    ibis table
        customer_id, ts, channel (of a contact its channel, of a view or click the platform; messages and pages in
        WeChat are one channel), campaign_id (null where the touch serves none), kind (``"contact"``,
        ``"campaign_view"``, ``"campaign_click"``).

    Raises
    ------
    ParameterError
        If an argument is not as above.
    SchemaError
        If the bank has neither table.

    Examples
    --------
    >>> import bankmkt as bm, pandas as pd
    >>> ids = pd.DataFrame({"customer_id": [1, 2], "org_id": 1, "opened_on": pd.Timestamp("2020-01-01")})
    >>> contacts = pd.DataFrame({"contact_id": [1, 2], "customer_id": [1, 2], "channel": ["sms", "call"],
    ...     "ts": pd.to_datetime(["2026-01-05 10:00", "2026-01-06 11:00"]), "status": ["delivered", "failed"]})
    >>> bank = bm.open_bank({"customers": ids, "contacts": contacts,
    ...     "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"})})
    >>> bank.fetch(touches(bank, "2026-01-31").select("customer_id", "channel", "kind")).to_pylist()
    [{'customer_id': 1, 'channel': 'sms', 'kind': 'contact'}]
    """
    import ibis

    known = check_bank(bank).as_of(parse_date("as_of", as_of))
    parts = []
    if bank.has("contacts"):
        t = known.contacts
        t = t.filter(t.status.notin(MISSED))
        parts.append(t.select("customer_id", "ts", "channel", "campaign_id", kind=ibis.literal("contact")))
    if bank.has("events"):
        t = known.events
        t = t.filter(t.event.isin(SEEN) & t.customer_id.notnull())
        parts.append(t.select("customer_id", "ts", "campaign_id", channel=t.platform, kind=t.event))
    if not parts:
        raise SchemaError("the bank has neither contacts nor events", todo="add one of them")
    columns = ["customer_id", "ts", "channel", "campaign_id", "kind"]
    return ibis.union(*(part.select(columns) for part in parts)) if len(parts) > 1 else parts[0].select(columns)


def of_unit(bank: "Bank", rows: Any, org_id: int | str | None) -> Any:
    """Return the rows of customers of a unit and those below it; all rows for None.

    Raises
    ------
    ParameterError
        If the bank has no such unit.
    """
    if org_id is None:
        return rows
    own = bank.customers.filter(bank.customers.org_id.isin(units_below(bank, org_id)))
    return rows.semi_join(own, "customer_id")
