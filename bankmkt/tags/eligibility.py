"""Which running campaigns of any department a customer may join now, may join after a task, or has joined."""

import datetime
from typing import TYPE_CHECKING, Any

from bankmkt.bank import Bank, check_bank
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, small_cells, small_parts
from bankmkt.tags.compute import features
from bankmkt.tags.families import house, house_tags
from bankmkt.tags.families.products import SHORT
from bankmkt.tags.lineage import needed, ruled
from bankmkt.units import units_below

if TYPE_CHECKING:
    import pandas as pd

JOINED, MAY, TASK, NOT = "joined", "may join", "may join after a task", "may not join"
STATUSES = (JOINED, MAY, TASK, NOT)

ASSESSED = ("wealth", "fund")
"""Products that a customer may buy only after answering the risk questionnaire (China's suitability rules)."""

CONTACT = {
    "opted_out": "asked to be left alone", "over_contacted": "contacted too often", "fatigued": "tired of contacts",
}  # fmt: skip
"""Tags that speak against making contact, the strongest first, and what they say."""

APP = "digital"
"""The business line whose campaigns take place in the app."""


def eligibility(bank: Bank, as_of: datetime.date | str) -> Any:
    """Say of each customer and each running campaign whether the customer may join.

    The first rule that holds decides:

    ======================  ===========================================================================================
    joined                  the customer has taken part by the day
    may not join            *held out*: in the control group; joining would spoil the comparison
    may not join            *not chosen*: the bank chooses who takes part (targeted or by lot), and did not
    may not join            *another unit's*: the campaign is open, but only to customers of the unit that runs it
    may not join            *not on the list*: the open campaign has a list: rows, by the day, of who has not joined
    may not join            *has the product*: it is judged by first sales, and the customer holds the product
    may join after a task   *sign up for the app*: a campaign of the digital line, and the customer has no app
    may join after a task   *answer the risk questionnaire*: it sells wealth products or funds, and none was answered
    may join                all others
    ======================  ===========================================================================================

    Joining is the customer's act; ``contact`` says whether the bank should make the first move.

    Parameters
    ----------
    bank
        With the tables campaigns and assignments; contacts if there. An open campaign without a list has a row per
        customer who joins, ``assigned_on`` that day: an earlier ``assigned_on`` says that the customer was listed.
    as_of
        The day; nothing later is seen. Campaigns run from ``starts_on`` to ``ends_on``.

    Returns
    -------
    ibis table
        A row per customer of the day and running campaign: ``customer_id``, ``campaign_id``, ``campaign``,
        ``business_line``, ``status`` (of :data:`STATUSES`), ``reason`` (why not), ``task``, ``contact``: ``"fine"``,
        ``"asked to be left alone"``, ``"contacted too often"`` or ``"tired of contacts"``, as the tags of these names
        say; null without contacts.

    Raises
    ------
    SchemaError
        If the bank lacks campaigns or assignments.
    ParameterError
        If the day is none.

    Examples
    --------
    >>> import bankmkt as bm
    >>> found = bm.tags.eligibility(bm.demo_bank(), "2026-05-31")
    >>> sorted(found.campaign.execute().unique())
    ['growth_journey', 'wealth_newcomer_2026']
    """
    import ibis

    day = parse_date("as_of", as_of)
    known = check_bank(bank).as_of(day)
    campaigns = known.campaigns
    campaigns = campaigns.filter(campaigns.starts_on <= ibis.literal(day), campaigns.ends_on >= ibis.literal(day))
    running = bank.fetch(campaigns.select("campaign_id", "org_id", "assignment")).to_pylist()
    rows = known.assignments.select("arm", "participated", given_to="campaign_id", given="customer_id")
    lists = bank.fetch(rows.filter(rows.arm == "open", ~rows.participated).select("given_to").distinct()).to_pylist()
    listed = [row["given_to"] for row in lists]

    what = campaigns.select("campaign_id", "business_line", "assignment", "product", "outcome", campaign="name")
    t = _people(known, day).cross_join(what)
    t = t.left_join(rows, [t.campaign_id == rows.given_to, t.customer_id == rows.given])
    open_to = [(row["campaign_id"], _units(known, row["org_id"])) for row in running if row["assignment"] == "open"]
    elsewhere = [(t.campaign_id == campaign) & ~t.org_id.isin(units) for campaign, units in open_to if units]
    holds = [(t["product"] == product) & (t[f"{short}_now"] > 0) for product, short in SHORT.items()]

    joined = t.participated.fill_null(False)
    reason = ibis.cases(
        (joined, None),
        ((t.arm == "control").fill_null(False), "held out"),
        (t.arm.isnull() & (t.assignment != "open"), "not chosen"),
        (t.arm.isnull() & ibis.or_(*elsewhere).fill_null(True) if elsewhere else ibis.literal(False), "another unit's"),
        (t.arm.isnull() & t.campaign_id.isin(listed) if listed else ibis.literal(False), "not on the list"),
        ((t.outcome == "conversion") & ibis.or_(*holds).fill_null(False), "has the product"),
        else_=None,
    ).cast("string")
    task = ibis.cases(
        (joined | reason.notnull(), None),
        ((t.business_line == APP) & t.app_registered_on.isnull(), "sign up for the app"),
        (t["product"].isin(ASSESSED).fill_null(False) & t.risk_level.isnull(), "answer the risk questionnaire"),
        else_=None,
    ).cast("string")
    status = ibis.cases((joined, JOINED), (reason.notnull(), NOT), (task.notnull(), TASK), else_=MAY)
    return t.select(
        "customer_id", "campaign_id", "campaign", "business_line", status=status, reason=reason, task=task,
        contact="contact",
    )  # fmt: skip


def _people(known: Bank, day: datetime.date) -> Any:
    """Return the customers of the day with what the rules ask of them."""
    import ibis

    house_features, kinds = house()
    tags = house_tags()
    names = [f"{short}_now" for short in SHORT.values()]
    names += [name for code in CONTACT for name in needed(tags[code], kinds)]
    wide = features(known, day, [house_features[name] for name in dict.fromkeys(names)])
    flags = {code: ruled(tags[code], wide) for code in CONTACT}
    unknown = flags["opted_out"].isnull()
    contact = ibis.cases((unknown, None), *((flags[code], text) for code, text in CONTACT.items()), else_="fine")
    return wide.select(
        "customer_id", "org_id", "risk_level", "app_registered_on", *(f"{short}_now" for short in SHORT.values()),
        contact=contact,
    )  # fmt: skip


def _units(known: Bank, unit: Any) -> list[Any]:
    """Return a unit and all below it; nothing for one that has all units below it, and so all customers."""
    below = units_below(known, unit)
    return below if len(below) < known.fetch(known.organisations.count()).as_py() else []


def eligibility_summary(bank: Bank, as_of: datetime.date | str, *, k: int = K) -> "pd.DataFrame":
    """Count the customers who may join each running campaign, who may not, and why.

    Parameters
    ----------
    bank, as_of
        As for :func:`eligibility`.
    k
        The fewest customers of a shown cell; a campaign's cells add up to all customers, so others go with a small one.

    Returns
    -------
    pandas.DataFrame
        A row per campaign, status and reason or task: ``campaign_id``, ``campaign``, ``business_line``, ``status``,
        ``because`` (the reason or task, empty if none), ``customers``, ``share`` (of all customers), ``to_contact`` (of
        those who may join, now or after a task, whom the bank may address; 0 in other rows, null if unknown or hidden),
        ``suppressed``.

    Raises
    ------
    SchemaError, ParameterError
        As :func:`eligibility`.

    Examples
    --------
    >>> import bankmkt as bm
    >>> found = bm.tags.eligibility_summary(bm.demo_bank(), "2026-05-31")
    >>> found[found.status == "joined"].campaign.tolist()
    ['growth_journey', 'wealth_newcomer_2026']
    """
    import ibis
    import pandas as pd

    t = eligibility(bank, as_of)
    keys = ["campaign_id", "campaign", "business_line", "status"]
    t = t.mutate(because=t.reason.fill_null(t.task).fill_null(""))
    open_to = t.status.isin((MAY, TASK))
    fine = t.contact.isnull().ifelse(ibis.null("int64"), (open_to & (t.contact == "fine")).ifelse(1, 0))
    counts = bank.frame(t.group_by(*keys, "because").aggregate(customers=t.count(), to_contact=fine.sum()))
    order = {status: i for i, status in enumerate(STATUSES)}
    counts = counts.assign(order=counts.status.map(order)).sort_values(["campaign", "campaign_id", "order", "because"])
    counts = counts.reset_index(drop=True)
    total = counts.groupby("campaign_id").customers.transform("sum")
    by = [counts.campaign_id]
    hidden = small_cells(counts.customers, by=by, k=k)
    hidden_contact = small_parts(counts.to_contact.fillna(0).astype(int), counts.customers, by=by, k=k, hidden=hidden)
    return pd.DataFrame({
        **{name: counts[name] for name in ("campaign_id", "campaign", "business_line", "status", "because")},
        "customers": counts.customers.astype("float64").mask(hidden),
        "share": (counts.customers / total).mask(hidden),
        "to_contact": counts.to_contact.astype("float64").mask(hidden_contact),
        "suppressed": hidden | hidden_contact,
    })  # fmt: skip
