"""Ways to the bank: online, remote, offline; what counts as which, in one place."""

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bankmkt.bank import check_bank
from bankmkt.errors import ParameterError, one_of
from bankmkt.funnel.purchases import buys
from bankmkt.funnel.touches import of_unit
from bankmkt.lookback import parse_date
from bankmkt.schema import PLATFORMS, TABLES

if TYPE_CHECKING:
    from bankmkt.bank import Bank

Ways = Mapping[str, Mapping[str, Sequence[str]]]

WAYS: Ways = {
    "online": {
        "events": PLATFORMS,
        "transactions": ("app", "mini_programme", "web"),
        "contacts": ("app_push", "sms", "wechat", "email"),
    },
    "remote": {"contacts": ("call",)},
    "offline": {"transactions": ("counter", "atm"), "contacts": ("rm", "counter"), "visits": ("branch",)},
}
"""By way and table, the channels that are it (platforms of events; every visit is to a "branch").

Of contacts only those that were opened or answered are acts of the customer. Card payments in shops and to third
parties, and the bank's own batch, are no way to the bank.
"""

REACTED = ("opened", "answered")
_COLUMNS = {"events": "platform", "transactions": "channel", "contacts": "channel"}


def check_ways(ways: Ways) -> Ways:
    """Return ways, or raise ParameterError unless they name channels of these tables, each once.

    Examples
    --------
    >>> check_ways({"online": {"events": ["phone"]}, "offline": {"visits": ["branch"]}})
    Traceback (most recent call last):
        ...
    bankmkt.errors.ParameterError: ways['online']['events'] = 'phone': expected one of app, mini_programme, web, wechat
    """
    if not isinstance(ways, Mapping) or len(ways) < 2:
        raise ParameterError("ways", ways, "two ways or more, each with tables and their channels")
    seen = set()
    for way, tables in ways.items():
        if not isinstance(way, str) or not way:
            raise ParameterError("ways", way, "the name of a way, as text")
        if not isinstance(tables, Mapping):
            todo = f"pass ways={{{way!r}: {{'transactions': ['counter']}}, ...}}"
            raise ParameterError(f"ways[{way!r}]", tables, "tables with their channels", todo)
        for table, channels in tables.items():
            if table not in (*_COLUMNS, "visits"):
                raise ParameterError(f"ways[{way!r}]", table, one_of([*_COLUMNS, "visits"]))
            if isinstance(channels, str) or not isinstance(channels, Sequence):
                raise ParameterError(f"ways[{way!r}][{table!r}]", channels, "a list of channels")
            valid = ("branch",) if table == "visits" else TABLES[table][_COLUMNS[table]].values
            for channel in channels:
                if channel not in valid:
                    raise ParameterError(f"ways[{way!r}][{table!r}]", channel, one_of(valid))
                if (table, channel) in seen:
                    raise ParameterError(f"ways[{way!r}][{table!r}]", channel, "one way for each channel")
                seen.add((table, channel))
    return ways


def acts(
    bank: "Bank", since: dt.date | str, as_of: dt.date | str, ways: Ways = WAYS, org_id: int | str | None = None
) -> Any:
    """Return what customers did themselves, by the way they did it, and whether they bought a product.

    Parameters
    ----------
    bank : Bank
        With transactions; events, contacts and visits are used where there are any.
    since, as_of : date or str
        The first and the last day.
    ways : mapping
        As :data:`WAYS`.
    org_id : int or str, optional
        Only customers of this unit and those below it.

    Returns
    -------
    ibis table
        customer_id, ts, way (null for a purchase by no way), bought (a product's purchase or a loan drawn).

    Raises
    ------
    ParameterError
        If an argument is not as above.

    Examples
    --------
    >>> import bankmkt as bm, pandas as pd
    >>> bank = bm.open_bank({
    ...     "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"}),
    ...     "customers": pd.DataFrame({"customer_id": [1], "org_id": 1, "opened_on": pd.Timestamp("2020-01-01")}),
    ...     "transactions": pd.DataFrame({"transaction_id": [1, 2], "customer_id": 1, "channel": ["atm", "app"],
    ...         "ts": pd.to_datetime(["2026-05-09", "2026-05-11"]), "kind": ["cash_out", "purchase"],
    ...         "amount": [-100.0, 5000.0], "product": ["demand", "fund"]})})
    >>> acts(bank, "2026-04-01", "2026-06-30").order_by("ts").select("way", "bought").execute().to_dict("records")
    [{'way': 'offline', 'bought': False}, {'way': 'online', 'bought': True}]
    """
    import ibis

    check_ways(ways)
    begin, day = parse_date("since", since), parse_date("as_of", as_of)
    if begin > day:
        raise ParameterError("since", str(begin), f"a day until {day}")
    known = check_bank(bank).as_of(day)
    nobody = ibis.null("string")

    def way_of(table: str, column: Any) -> Any:
        named = [(channel, way) for way, tables in ways.items() for channel in tables.get(table, ())]
        return column.cases(*named, else_=nobody) if named else nobody

    no = ibis.literal(value=False)
    t = known.transactions
    parts = [t.select("customer_id", "ts", way=way_of("transactions", t.channel), bought=buys(t))]
    if bank.has("events"):
        t = known.events.filter(known.events.customer_id.notnull())
        parts.append(t.select("customer_id", "ts", way=way_of("events", t.platform), bought=no))
    if bank.has("contacts"):
        t = known.contacts.filter(known.contacts.status.isin(REACTED))
        parts.append(t.select("customer_id", "ts", way=way_of("contacts", t.channel), bought=no))
    visited = [way for way, tables in ways.items() if tables.get("visits")]
    if bank.has("visits") and visited:
        t = known.visits.filter(known.visits.customer_id.notnull())
        parts.append(t.select("customer_id", "ts", way=ibis.literal(visited[0]), bought=no))
    rows = functools.reduce(lambda one, other: one.union(other), parts)
    rows = rows.filter(rows.way.notnull() | rows.bought)
    rows = rows.filter(rows.ts >= ibis.literal(dt.datetime.combine(begin, dt.time())))
    return of_unit(known, rows, org_id)
