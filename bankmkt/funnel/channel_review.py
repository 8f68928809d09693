"""Channels and attribution on one day: all that the report shows, with what the bank cannot tell left out by name."""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bankmkt.bank import check_bank
from bankmkt.errors import BankmktError, DataError
from bankmkt.frames import fetch
from bankmkt.funnel.attribution import Attribution, attribute
from bankmkt.funnel.channel_choice import channel_choice, choice_check, choice_counts, choice_summary
from bankmkt.funnel.handovers import handovers
from bankmkt.funnel.incremental import CampaignCredit, campaign_credit, read_once
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
    credits
        Of :func:`bankmkt.funnel.attribute`: conversions to ``products`` by channel.
    campaigns
        Of :func:`bankmkt.funnel.campaign_credit`.
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
    credits: Attribution | None
    campaigns: CampaignCredit | None
    left_out: dict[str, str]


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
    months = check_bank(bank).months
    if not months:
        raise DataError("balances", "no month", "a month end with balances", "add the table")
    day = months[-1] if as_of is None else parse_date("as_of", as_of)
    known, since = bank.as_of(day), day - dt.timedelta(days=days - 1)
    choice = channel_choice(known, day, days=days, org_id=org_id)
    counts = choice_counts(choice)
    preferred, recommended, reasons = (choice_summary(counts, by, k) for by in ("preferred", "recommended", "reason"))
    left_out: dict[str, str] = {}

    def part(name: str, make: Any) -> Any:
        try:
            return make()
        except BankmktError as error:
            left_out[name] = str(error)
            return None

    checked_on = day - dt.timedelta(days=AHEAD)
    moves = part(
        "handovers", lambda: handovers(known, since, day, within=lookback, success=lookback, org_id=org_id, k=k)
    )
    check = part("check", lambda: choice_check(known, checked_on, days=days, ahead=AHEAD, org_id=org_id, k=k))
    campaigns = part("campaigns", lambda: campaign_credit(known, day, lookback=lookback, org_id=org_id, k=k, seed=seed))
    products = _sold(known)
    credits = part(
        "credits",
        lambda: attribute(*read_once(known, day, products, org_id), lookback=lookback, as_of=day, seed=seed),
    )
    return ChannelReview(
        day, since, checked_on, moves, choice, preferred, recommended, reasons, check, products, credits, campaigns,
        left_out,
    )  # fmt: skip


def _sold(known: "Bank") -> tuple[str, ...]:
    """Return the products that campaigns sell: assets, if any is (a card's debt comes and goes without a sale)."""
    if not known.has("campaigns"):
        return ASSETS
    t = known.campaigns
    sold = {row["product"] for row in fetch(t.filter(t["product"].notnull()).select("product").distinct()).to_pylist()}
    return tuple(product for product in ASSETS if product in sold) or tuple(sorted(sold)) or ASSETS
