"""What a campaign cost and won, in the customers' own numbers: contacts, benefits, participants, conversions, truth."""

import datetime as dt
from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any

from bankmkt.bank import Bank
from bankmkt.errors import ParameterError, SchemaError
from bankmkt.funnel.touches import of_unit
from bankmkt.funnel.traffic import NO_UNIT, units_at

if TYPE_CHECKING:
    import pandas as pd

PRICES = {"sms": 0.05, "app_push": 0.01, "wechat": 0.02, "email": 0.01, "call": 3.0, "rm": 20.0, "counter": 5.0}
"""Yuan for a contact attempt by channel: assumptions in the order of Chinese market prices of messages and of the
working time of a call or a talk, not figures of any bank; pass your own."""

PAID_BENEFITS, RETURNED_BENEFITS = ("claimed", "redeemed"), ("reversed",)


def parse_prices(prices: Mapping[str, float] | None) -> dict[str, float]:
    """Return the price of a contact by channel.

    Raises
    ------
    ParameterError
        If it is no mapping to numbers from 0.

    Examples
    --------
    >>> parse_prices({"sms": 0.04})
    {'sms': 0.04}
    """
    if prices is not None and not isinstance(prices, Mapping):
        raise ParameterError("prices", prices, "a mapping of channel to yuan", "pass prices={'sms': 0.05, …}")
    found = dict(PRICES if prices is None else prices)
    for channel, price in found.items():
        if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < 1e9:
            raise ParameterError(f"price of {channel}", price, "yuan from 0", "pass prices={'sms': 0.05, …}")
    return {channel: float(price) for channel, price in found.items()}


def treated(rows: Any, is_open: Any) -> Any:
    """Return the Boolean column of assignments that says who was treated: of open campaigns those who took part."""
    return is_open.ifelse(rows.participated, rows.arm != "control")


def campaign_sums(
    bank: Bank,
    prices: Mapping[str, float],
    *,
    level: str = "branch",
    org_id: int | str | None = None,
    since: dt.date | None = None,
) -> "pd.DataFrame":
    """Count each campaign's customers, contacts, costs and conversions, and what it truly changed if that is known.

    Parameters
    ----------
    bank : Bank
        With campaigns and assignments; contacts, benefits, events and truth where it has them.
    prices
        Of :func:`parse_prices`.
    level
        Of the unit that a campaign is put under.
    org_id
        Customers of this unit and below; of the budget then the share that these are of all treated customers.
    since
        Campaigns that began before it are left out.

    Returns
    -------
    pandas.DataFrame
        A row per campaign: campaign_id, campaign, business_line, kind, org, assignment, outcome, budget, treated (of an
        open campaign those who took part), participants, contacts, contacted (customers), contact_cost, benefit_cost,
        benefited (customers), named_conversions (customers whose ``campaign_convert`` names it; NaN without events),
        true_result (sum of y1 − y0 over the treated; NaN if unknown).

    Raises
    ------
    SchemaError
        If the bank lacks campaigns or assignments.
    ParameterError
        If contacts have a channel without a price.
    """
    import numpy as np

    for table in ("campaigns", "assignments"):
        if not bank.has(table):
            raise SchemaError("the bank lacks the table", table, "a bank with campaigns", "add it")
    t = bank.campaigns if since is None else bank.campaigns.filter(bank.campaigns.starts_on >= since)
    named = t.select("campaign_id", "business_line", "kind", "assignment", "outcome", "budget", unit="org_id",
                     campaign="name", is_open=t.assignment == "open")  # fmt: skip

    def people(table: Any) -> Any:
        return of_unit(bank, table, org_id)

    everybody = bank.assignments.join(named.select("campaign_id", "is_open", "outcome"), "campaign_id")
    everybody = everybody.mutate(treated=treated(everybody, everybody.is_open))
    rows = people(everybody)
    parts = [rows.group_by("campaign_id").aggregate(
        treated=rows.count(where=rows.treated), participants=rows.count(where=rows.participated))]  # fmt: skip
    if org_id is not None:
        parts.append(everybody.group_by("campaign_id").aggregate(of_all=everybody.count(where=everybody.treated)))
    if bank.has("contacts"):
        made = people(bank.contacts).filter(lambda c: c.campaign_id.notnull())
        _check_channels(bank, made, prices)
        price = made.channel.cases(*prices.items(), else_=0.0)
        parts.append(made.group_by("campaign_id").aggregate(
            contacts=made.count(), contacted=made.customer_id.nunique(), contact_cost=price.sum()))  # fmt: skip
    if bank.has("benefits"):
        b = people(bank.benefits).filter(lambda b: b.campaign_id.notnull())
        sign = b.action.isin(PAID_BENEFITS).ifelse(1.0, b.action.isin(RETURNED_BENEFITS).ifelse(-1.0, 0.0))
        parts.append(b.group_by("campaign_id").aggregate(
            benefit_cost=(sign * b.cost).sum(), benefited=b.customer_id.nunique(where=sign != 0)))  # fmt: skip
    if bank.has("events"):
        won = people(bank.events).filter(lambda e: (e.event == "campaign_convert") & e.campaign_id.notnull())
        parts.append(won.group_by("campaign_id").aggregate(named_conversions=won.customer_id.nunique()))
    if bank.has("truth"):
        known = bank.truth.join(rows.filter(rows.treated), ["campaign_id", "customer_id", "outcome"])
        parts.append(known.group_by("campaign_id").aggregate(true_result=(known.y1 - known.y0).sum()))
    found = reduce(lambda a, b: a.left_join(b, "campaign_id").drop("campaign_id_right"), parts, named)
    frame = bank.frame(found.drop("is_open").order_by("campaign_id"))
    for name in ("treated", "participants", "contacts", "contacted", "benefited"):
        frame[name] = frame[name].fillna(0).astype("int64") if name in frame else 0
    for name in ("contact_cost", "benefit_cost"):
        frame[name] = frame[name].astype(float).fillna(0.0) if name in frame else 0.0
    if "named_conversions" in frame:
        frame["named_conversions"] = frame["named_conversions"].astype(float).fillna(0.0)
    frame = frame.assign(**{n: np.nan for n in ("named_conversions", "true_result") if n not in frame})
    if org_id is not None:
        frame["budget"] *= frame["treated"] / frame["of_all"].where(frame["of_all"] > 0)
    org = _units(bank, frame["unit"], level)
    return frame.assign(org=org).drop(columns=["unit", *frame.columns.intersection(["of_all"])])


def _check_channels(bank: Bank, contacts: Any, prices: Mapping[str, float]) -> None:
    used = bank.fetch(contacts.select("channel").distinct())["channel"].to_pylist()
    for channel in used:
        if channel is not None and channel not in prices:
            raise ParameterError("prices", sorted(prices), f"a price of {channel}", f"add it: {{{channel!r}: 1.0}}")


def _units(bank: Bank, ids: "pd.Series", level: str) -> "pd.Series":
    """Return the name of each campaign's unit at a level; a campaign of a unit above it has none."""
    if not bank.has("organisations"):
        return ids.map(lambda _: NO_UNIT)
    units = units_at(bank, level).set_index("own_id")["at_name"]
    return ids.map(units).fillna(NO_UNIT)
