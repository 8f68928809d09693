"""Channels and attribution on one day: all that the report shows, with what the bank cannot tell left out by name."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bankmkt.bank import check_bank
from bankmkt.errors import DataError
from bankmkt.frames import fetch
from bankmkt.funnel.attribution import Attribution, attribute
from bankmkt.funnel.channel_choice import channel_choice, choice_check, choice_counts, choice_summary
from bankmkt.funnel.definition import parse_within
from bankmkt.funnel.handovers import handovers
from bankmkt.funnel.incremental import CampaignCredit, campaign_credit, read_once
from bankmkt.funnel.paths import NONE
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, check_k, discloses, small_cells
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
        Of :func:`bankmkt.funnel.attribute`: conversions to ``products`` by channel; channels that too few conversions
        passed are hidden (null; suppressed).
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
    by_channel: pd.DataFrame | None
    counts: dict[str, int]
    campaigns: CampaignCredit | None
    left_out: dict[str, str]

    def figures(self) -> dict[str, Any]:
        """Return the key figures, None where one is hidden or not known."""
        moves, check, campaigns = self.handovers, self.check, self.campaigns
        between = None if moves is None else moves.set_index(["from_way", "to_way"])
        back = None if between is None else between["returned"].get(("online", "offline"))
        kept = None if check is None else check.set_index("preferred")["rate"]
        sums = self.preferred.groupby("preferred")["customers"].sum(skipna=False)
        ranking = None if campaigns is None else campaigns.ranking
        found = {
            "as_of": self.day,
            "prefer_online_rate": sums["online"] / sums.sum(skipna=False),
            "handovers": None if moves is None else moves["handovers"].sum(),
            "back_from_offline_rate": back,
            "kept_online_rate": None if kept is None else kept.get("online"),
            "conversions": self.counts.get("conversions"),
            "without_touch_rate": self.counts["unattributed"] / self.counts["conversions"]
            if self.counts.get("conversions") else None,
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
    parse_within(lookback)
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
    found = part(
        "by_channel",
        lambda: attribute(*read_once(known, day, products, org_id), lookback=lookback, as_of=day, seed=seed),
        () if bank.has("events") else ("contacts",), "no touch of a campaign is known by then",
    )  # fmt: skip
    by_channel = None if found is None else hide_channels(found, k)
    shown = {
        "handovers": moves is not None and moves["share"].notna().any(),
        "check": check["rate"].notna().any(),
        "campaigns": campaigns is not None and campaigns.campaigns["credit"].notna().any(),
        "by_channel": by_channel is not None and by_channel.loc[by_channel["channel"] != NONE, "share"].notna().any(),
    }
    return ChannelReview(
        day, since, checked_on, moves if shown["handovers"] else None, choice, preferred, recommended, reasons,
        check if shown["check"] else None, products, by_channel if shown["by_channel"] else None,
        found.counts if shown["by_channel"] else {}, campaigns if shown["campaigns"] else None,
        {name: why for name, why in left_out.items() if not shown[name]},
    )  # fmt: skip


def hide_channels(found: Attribution, k: int) -> pd.DataFrame:
    """Return credits without those of channels on the paths of too few conversions; of none if they are few in all."""
    inside = found.paths["path"].str.split(" > ").map(set)
    channels = [name for name in found.credits["channel"].unique() if name != NONE]
    passed = pd.Series({name: int(found.paths.loc[[name in one for one in inside], "conversions"].sum())
                        for name in channels}, dtype="int64")  # fmt: skip
    hidden = small_cells(passed, k=k, overlapping=True)
    hidden |= discloses(found.counts["attributed"], found.counts["conversions"], k) | (passed == 0)
    out = found.credits.assign(suppressed=found.credits["channel"].map(hidden).fillna(False).astype(bool))
    numbers = ["conversions", "lower", "upper", "share", "share_lower", "share_upper", "sampling_error"]
    out[numbers] = out[numbers].mask(out["suppressed"])
    return out


def _sold(known: "Bank") -> tuple[str, ...]:
    """Return the products that campaigns sell: assets, if any is (a card's debt comes and goes without a sale)."""
    if not known.has("campaigns"):
        return ASSETS
    t = known.campaigns
    sold = {row["product"] for row in fetch(t.filter(t["product"].notnull()).select("product").distinct()).to_pylist()}
    return tuple(product for product in ASSETS if product in sold) or tuple(sorted(sold)) or ASSETS
