"""The events of a period with what they are told apart by: platform, campaign, channel of contact, unit of the bank."""

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bankmkt.bank import Bank, check_bank
from bankmkt.errors import ParameterError, SchemaError, one_of
from bankmkt.lookback import parse_date
from bankmkt.units import belonging, units_below

if TYPE_CHECKING:
    import pandas as pd

DIMENSIONS = {
    "platform": ("platform",),
    "campaign": ("campaign_id", "campaign"),
    "business_line": ("business_line",),
    "channel": ("channel",),
    "org": ("org_id", "org"),
}
"""What a view can be broken down by → the columns that name it."""

LEVELS = ("head_office", "branch", "sub_branch")
NO_CAMPAIGN, NOT_CONTACTED, NO_CUSTOMER, NO_UNIT = "no campaign", "not contacted", "not signed in", "no unit"
"""Rows of the events that a dimension says nothing of, so that every event is in one row."""


def traffic(
    bank: Bank,
    by: str | Sequence[str] = (),
    since: dt.date | str | None = None,
    as_of: dt.date | str | None = None,
    *,
    org_id: int | str | None = None,
    level: str = "branch",
) -> tuple[Any, list[str]]:
    """Return the events of a period, each in one group.

    Parameters
    ----------
    bank : Bank
        With events; with campaigns, contacts, customers and organisations where ``by`` or ``org_id`` needs them.
    by : str or sequence of str
        Of :data:`DIMENSIONS`. The *channel* is that of the campaign's first contact with the customer, if it was not
        after the event. The *org* is the customer's unit at ``level``.
    since, as_of
        First and last day; None for all that is known.
    org_id
        Keep the customers of this unit and those below it; None for the whole bank, visitors without sign-up included.
    level : str
        Of :data:`LEVELS`.

    Returns
    -------
    ibis table
        The columns of ``events`` and those of the dimensions.
    list of str
        The columns that name a group.

    Raises
    ------
    ParameterError
        If an argument is not as above.
    SchemaError
        If the bank lacks a table.
    """
    names = parse_by(by)
    first = parse_date("since", since) if since is not None else None
    bank = check_bank(bank).as_of(as_of) if as_of is not None else check_bank(bank)
    if first is not None and bank.date is not None and bank.date < first:
        raise ParameterError("since", str(first), f"a day up to {bank.date}", "pass an earlier one")
    if level not in LEVELS:
        raise ParameterError("level", level, one_of(LEVELS), 'pass level="branch"')
    events = bank.events
    if first is not None:
        events = events.filter(events.ts >= dt.datetime.combine(first, dt.time()))
    if org_id is not None:
        people = bank.customers.filter(bank.customers.org_id.isin(units_below(bank, org_id)))
        events = events.semi_join(people, "customer_id")
    if "org" in names:
        events = _with_unit(bank, events, level)
    if {"campaign", "business_line"} & set(names):
        events = _with_campaign(bank, events)
    if "channel" in names:
        events = _with_channel(bank, events)
    return events, [column for name in names for column in DIMENSIONS[name]]


def parse_by(by: str | Sequence[str]) -> list[str]:
    """Return the dimensions asked for.

    Examples
    --------
    >>> parse_by("platform"), parse_by(["org", "campaign"])
    (['platform'], ['org', 'campaign'])
    """
    if not isinstance(by, Sequence):
        raise ParameterError(
            "by", by, f"{one_of(DIMENSIONS)}, or several", 'pass by="platform", or by=() for the total'
        )
    names = [by] if isinstance(by, str) else list(by)
    for name in names:
        if name not in DIMENSIONS or names.count(name) > 1:
            raise ParameterError("by", name, f"{one_of(DIMENSIONS)}, each once", 'pass by="platform"')
    return names


def campaign_id(bank: Bank, name: str) -> int | str:
    """Return the number of a campaign.

    Raises
    ------
    ParameterError
        If there is none of that name, or several.
    """
    _needs(bank, "campaigns")
    rows = bank.fetch(bank.campaigns.select("campaign_id", "name").order_by("campaign_id")).to_pylist()
    found: list[int | str] = [row["campaign_id"] for row in rows if row["name"] == name]
    if len(found) != 1:
        raise ParameterError("campaign", name, f"{one_of(row['name'] for row in rows)}, naming one campaign")
    return found[0]


def units_at(bank: Bank, level: str) -> "pd.DataFrame":
    """Return every unit with the unit of a level that it belongs to: own_id, org_id (null: none), org (its name).

    Units of one name are told apart by their numbers.
    """
    import pandas as pd

    t = bank.organisations
    units = bank.fetch(t.select("org_id", "parent_id", "level", "name").order_by("org_id")).to_pylist()
    found = belonging(units, [unit["org_id"] for unit in units if unit["level"] == level])
    own = [unit["org_id"] for unit in units]
    at = [found.get(unit, (None, NO_UNIT)) for unit in own]
    text = any(isinstance(unit, str) for unit in own)
    return pd.DataFrame({
        "own_id": own,
        "at_id": pd.array([unit for unit, _ in at], "string" if text else "Int64"),
        "at_name": [name for _, name in at],
    })  # fmt: skip


def _with_unit(bank: Bank, events: Any, level: str) -> Any:
    import ibis

    units = ibis.memtable(units_at(bank, level))
    homes = bank.customers.select(known_id="customer_id", home="org_id")
    homes = homes.left_join(units, homes.home == units.own_id).select("known_id", "at_id", "at_name")
    joined = events.left_join(homes, events.customer_id == homes.known_id)
    org = joined.customer_id.isnull().ifelse(NO_CUSTOMER, joined.at_name.fill_null(NO_UNIT))
    return joined.mutate(org_id=joined.at_id, org=org).drop("known_id", "at_id", "at_name")


def _with_campaign(bank: Bank, events: Any) -> Any:
    _needs(bank, "campaigns")
    t = bank.campaigns.select(its_id="campaign_id", campaign="name", business_line="business_line")
    joined = events.left_join(t, events.campaign_id == t.its_id).drop("its_id")
    return joined.mutate(
        campaign=joined.campaign.fill_null(NO_CAMPAIGN), business_line=joined.business_line.fill_null(NO_CAMPAIGN)
    )


def _with_channel(bank: Bank, events: Any) -> Any:
    """Attach the channel of a campaign's first contact; of several at one moment, the first in the alphabet."""
    _needs(bank, "contacts")
    t = bank.contacts.filter(bank.contacts.campaign_id.notnull())
    t = t.select(whose="customer_id", what="campaign_id", by_what="channel", since_when="ts")
    least = t.group_by("whose", "what").aggregate(first=t.since_when.min())
    t = t.join(least, ["whose", "what"])
    t = t.filter(t.since_when == t.first).group_by("whose", "what", "first").aggregate(by_what=t.by_what.min())
    joined = events.left_join(t, (events.customer_id == t.whose) & (events.campaign_id == t.what))
    contacted = (joined["first"] <= joined.ts).fill_null(False).ifelse(joined.by_what, NOT_CONTACTED)
    channel = joined.campaign_id.isnull().ifelse(NO_CAMPAIGN, contacted)
    return joined.mutate(channel=channel).drop("whose", "what", "first", "by_what")


def _needs(bank: Bank, table: str) -> None:
    if not bank.has(table):
        raise SchemaError("the bank lacks the table", table, "a bank that has it", "leave out what needs it of by")
