"""Channels and attribution on one day: all that the report shows, with what the bank cannot tell left out by name."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bankmkt.bank import check_bank
from bankmkt.errors import DataError, ParameterError
from bankmkt.frames import fetch
from bankmkt.funnel.attribution import attribute
from bankmkt.funnel.channel_choice import channel_choice, choice_check, choice_counts, choice_summary
from bankmkt.funnel.definition import DAY, parse_within
from bankmkt.funnel.handovers import handovers
from bankmkt.funnel.incremental import CampaignCredit, campaign_credit, read_once
from bankmkt.funnel.paths import NONE
from bankmkt.funnel.shown_credit import shown_credit
from bankmkt.funnel.touch_costs import contact_costs
from bankmkt.funnel.touches import touches
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, check_k
from bankmkt.schema import ASSETS

if TYPE_CHECKING:
    from bankmkt.bank import Bank

AHEAD = 90
"""Days over which preferences are checked."""


@dataclass(frozen=True, eq=False)
class ChannelReview:
    """What the report on channels and attribution shows; made by :func:`channel_review`.

    A part that the bank cannot tell is None; ``left_out`` says why, by the part's name.

    Parameters
    ----------
    day, since
        The last day, and the first of acts.
    handovers
        Of :func:`bankmkt.funnel.handovers`.
    choice
        Of :func:`bankmkt.funnel.channel_choice`, a row per customer in the engine.
    preferred, recommended, reasons
        Of :func:`bankmkt.funnel.choice_summary`.
    check
        Of :func:`bankmkt.funnel.choice_check`, told ``checked_on``.
    by_channel, counts
        Of :func:`bankmkt.funnel.shown_credit`: conversions to ``products`` by channel, with the
        value newly held and, where contacts are known, their cost.
    credited_since
        First day of these conversions: a lookback after the first touch on record, so that a touch could have been
        seen before each.
    campaigns
        Of :func:`bankmkt.funnel.campaign_credit`; the first of those shown began on ``campaigns_since``.
    """

    day: dt.date
    since: dt.date
    checked_on: dt.date
    handovers: pd.DataFrame | None
    choice: Any
    preferred: pd.DataFrame
    recommended: pd.DataFrame
    reasons: pd.DataFrame
    check: pd.DataFrame | None
    products: tuple[str, ...]
    by_channel: pd.DataFrame | None
    counts: dict[str, int | None]
    credited_since: dt.date | None
    campaigns: CampaignCredit | None
    campaigns_since: dt.date | None
    left_out: dict[str, str]

    def figures(self) -> dict[str, Any]:
        """Return the key figures, None where one is hidden or not known."""
        moves, check, campaigns = self.handovers, self.check, self.campaigns
        between = None if moves is None else moves.set_index(["from_way", "to_way"])
        back = None if between is None else between["returned"].get(("online", "offline"))
        kept = None if check is None else check.set_index("preferred")["rate"]
        sums = self.preferred.groupby("preferred")["customers"].sum(skipna=False)
        bare, bought = self.counts.get("unattributed"), self.counts.get("conversions")
        ranking = None if campaigns is None else campaigns.ranking
        found = {
            "as_of": self.day,
            "prefer_online_rate": sums["online"] / sums.sum(skipna=False),
            "handovers": None if moves is None else moves["handovers"].sum(skipna=False),
            "back_from_offline_rate": back,
            "kept_online_rate": None if kept is None else kept.get("online"),
            "conversions": bought,
            "without_touch_rate": bare / bought if bought and bare is not None else None,
            "true_conversions": None if ranking is None else round(ranking["truth"].iloc[0]),
            "credit_times_truth_least": None if ranking is None else ranking["times"].min(),
            "credit_times_truth_most": None if ranking is None else ranking["times"].max(),
            "least_misleading": None if ranking is None else ranking["model"].iloc[-1],
        }  # fmt: skip
        return {name: None if value is None or value != value else value for name, value in found.items()}


def channel_review(
    bank: "Bank",
    as_of: dt.date | str | None = None,
    *,
    days: int = 180,
    lookback: str | dt.timedelta = "30d",
    org_id: int | str | None = None,
    k: int = K,
    seed: int = 7,
) -> ChannelReview:
    """Look at channels and attribution on one day.

    Parameters
    ----------
    bank : Bank
    as_of : date or str, optional
        Nothing later is seen; by default the last month end with balances.
    days : int
        Looked back for acts, hand-overs and preferences.
    lookback
        Before a conversion, in which a touch counts; also how soon a hand-over must come, and its success.
    org_id : int or str, optional
        Only customers of this unit and those below it.
    k, seed
        Least number of customers of a figure; of the draws for intervals.

    Returns
    -------
    ChannelReview

    Raises
    ------
    ParameterError, SchemaError
        If an argument is not as above, or the bank lacks customers, balances or transactions.
    DataError
        If there are no balances.
    """
    check_k(k)
    length, natural = parse_within(lookback)
    if length is None or natural is not None:
        raise ParameterError("lookback", lookback, "a length of time, not of natural days", "pass lookback='30d'")
    day = None if as_of is None else parse_date("as_of", as_of)
    known = check_bank(bank) if day is None else bank.as_of(day)
    if not known.months:
        raise DataError("balances", "no month by then", "a month end with balances", "choose a later as_of")
    day = day or known.months[-1]
    since, checked_on = day - dt.timedelta(days=days - 1), known.months[-1] - dt.timedelta(days=AHEAD)
    choice = channel_choice(known, day, days=days, org_id=org_id)
    counts = choice_counts(choice)
    preferred, recommended, reasons = (choice_summary(counts, by, k) for by in ("preferred", "recommended", "reason"))
    left_out: dict[str, str] = {}

    def part(name: str, make: Callable[[], Any], tables: Sequence[str], otherwise: str) -> Any:
        lacking = [table for table in tables if not bank.has(table)]
        left_out[name] = f"the bank lacks the table {lacking[0]}" if lacking else otherwise
        try:
            found = None if lacking else make()
        except DataError:
            return None
        if found is not None:
            left_out[name] = f"every figure is about fewer than {k} customers, or leaves fewer"
        return found

    moves = part(
        "handovers", lambda: handovers(known, since, day, within=lookback, success=lookback, org_id=org_id, k=k),
        (), "nobody changed the way in that time",
    )  # fmt: skip
    check = choice_check(known, checked_on, days=days, ahead=AHEAD, org_id=org_id, k=k)
    left_out["check"] = "too few customers preferred a way"
    campaigns = part(
        "campaigns", lambda: campaign_credit(known, day, lookback=lookback, org_id=org_id, k=k, seed=seed),
        ("campaigns", "assignments"), "no campaign that sells a product was over and had touched anybody by then",
    )  # fmt: skip
    products = _sold(known)
    begin = part(
        "by_channel", lambda: _credited_since(known, day, length), () if bank.has("events") else ("contacts",),
        "no touch of a campaign is known a lookback before then",
    )  # fmt: skip
    costs = contact_costs(known, day, since=begin, org_id=org_id) if begin and bank.has("contacts") else None
    found = part(
        "by_channel",
        lambda: attribute(
            *read_once(known, day, products, org_id), lookback=lookback, as_of=day, since=begin, value="amount",
            costs=costs, seed=seed,
        ),
        (), "no touch of a campaign is known by then",
    ) if begin else None  # fmt: skip
    credit = None if found is None else shown_credit(found, k)
    if credit is not None and credit.credits.loc[credit.credits["channel"] != NONE, "share"].isna().all():
        credit = None
    shown = {
        "handovers": moves is not None and moves["share"].notna().any(),
        "check": check["rate"].notna().any(),
        "campaigns": campaigns is not None and campaigns.campaigns["credit"].notna().any(),
        "by_channel": credit is not None,
    }
    seen = campaigns.campaigns.dropna(subset=["credit"])["campaign_id"] if shown["campaigns"] else None
    return ChannelReview(
        day=day, since=since, checked_on=checked_on, handovers=moves if shown["handovers"] else None, choice=choice,
        preferred=preferred, recommended=recommended, reasons=reasons, check=check if shown["check"] else None,
        products=products, by_channel=None if credit is None else credit.credits,
        counts={} if credit is None else credit.counts, credited_since=None if credit is None else begin,
        campaigns=campaigns if shown["campaigns"] else None,
        campaigns_since=None if seen is None else _began(known, seen),
        left_out={name: why for name, why in left_out.items() if not shown[name]},
    )  # fmt: skip


def _credited_since(known: "Bank", day: dt.date, lookback: int) -> dt.date:
    """Return the first day whose conversions a recorded touch could precede, and which a conversion can be on."""
    first = fetch(touches(known, day).aggregate(first=lambda t: t.ts.min())).to_pylist()[0]["first"]
    if first is None:
        raise DataError("touches", "none", "some", "choose a later as_of")
    held = known.months[0] + dt.timedelta(days=1)  # new holdings are told from the second month on
    begin = max(first.date() + dt.timedelta(days=-(-lookback // DAY)), held)
    if begin > day:
        raise DataError("touches", f"none before {first:%Y-%m-%d}", "some a lookback before", "choose a later as_of")
    return begin


def _began(known: "Bank", campaigns: "pd.Series") -> dt.date:
    t = known.campaigns
    t = t.filter(t.campaign_id.isin(campaigns.unique().tolist()))
    first = fetch(t.aggregate(first=lambda t: t.starts_on.min())).to_pylist()[0]["first"]
    return pd.Timestamp(first).date()


def _sold(known: "Bank") -> tuple[str, ...]:
    """Return the products that campaigns sell: assets, if any is (a card's debt comes and goes without a sale)."""
    if not known.has("campaigns"):
        return ASSETS
    t = known.campaigns
    sold = {row["product"] for row in fetch(t.filter(t["product"].notnull()).select("product").distinct()).to_pylist()}
    return tuple(product for product in ASSETS if product in sold) or tuple(sorted(sold)) or ASSETS
