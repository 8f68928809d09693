"""Credit against the truth: what each model gives a campaign, and how many conversions the campaign really made.

Only a synthetic bank knows the truth: what each customer would have done without the campaign, and with it. This module
and :mod:`bankmkt.experiment.truth` are the only code that reads it.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bankmkt.bank import check_bank
from bankmkt.errors import DataError, ParameterError, one_of
from bankmkt.frames import engine_table, fetch
from bankmkt.funnel.attribution import Attribution, attribute
from bankmkt.funnel.costs import treated
from bankmkt.funnel.credit import MODELS
from bankmkt.funnel.rates import compare_shares
from bankmkt.funnel.touch_costs import contact_costs
from bankmkt.funnel.touches import of_unit, touches
from bankmkt.lookback import parse_date
from bankmkt.months import last_month_end, month_number, month_of
from bankmkt.privacy import K, check_k, discloses, small_cells
from bankmkt.schema import PRODUCTS

if TYPE_CHECKING:
    from bankmkt.bank import Bank

NUMBERS = ["credit", "lower", "upper", "truth", "error", "value", "cost", "cost_per_conversion", "roas"]
"""Columns of credit that are hidden together."""


@dataclass(frozen=True, eq=False)
class CampaignCredit:
    """What :func:`campaign_credit` found.

    Parameters
    ----------
    campaigns
        A row per model and campaign: model, campaign_id, name, product, credit (conversions; 0 if it touched nobody who
        converted), lower, upper, truth (conversions that would not have come without it), error (credit less truth),
        value (newly held amounts credited), cost (of contacts; null without), cost_per_conversion (cost by credit),
        roas (value by cost).
    estimates
        A row per campaign: campaign_id, name, product, assignment, customers (in the campaign), treated, participants,
        rate_treated, rate_control, naive (how many more participants converted than others in the campaign would have
        in their number), naive_lower, naive_upper; experiment, experiment_lower, experiment_upper (the same of those
        invited by chance against those left alone; null where chance did not decide); truth.
    ranking
        A row per model, the most misleading first, of the campaigns that are shown and that every model judges: model,
        campaigns (their number), credit, truth, times (credit by truth), error (sum of absolute errors). These are
        facts about these very customers, counted and not estimated, so they have no intervals: other customers would
        give other errors. None where the truth is not known, or no campaign is shown.
    """

    campaigns: pd.DataFrame
    estimates: pd.DataFrame
    ranking: pd.DataFrame | None


def new_holdings(bank: "Bank", as_of: dt.date | str, products: Sequence[str] = PRODUCTS) -> Any:
    """Return when customers came to hold a product: some of it at a month end, none the month end before.

    This is what campaigns that sell a product call a conversion. The bank's first month end has no month before it.

    Parameters
    ----------
    bank : Bank
    as_of : date or str
        Nothing later is seen.
    products : sequence of str
        Columns of balances.

    Returns
    -------
    ibis table
        customer_id, ts (the first movement into the product in that month; the month's last day, where there is none),
        product, amount (at the month end).

    Raises
    ------
    ParameterError
        If an argument is not as above.

    Examples
    --------
    >>> import bankmkt as bm
    >>> zero = dict.fromkeys(("demand", "time_deposit", "wealth", "fund", "insurance", "metal", "loan"), 0.0)
    >>> months = pd.to_datetime(["2026-04-30", "2026-05-31", "2026-06-30"])
    >>> held = pd.DataFrame({"customer_id": 1, "month": months, "card_balance": [0.0, 80.0, 90.0], "aum": 0.0, **zero})
    >>> bank = bm.open_bank({
    ...     "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"}),
    ...     "customers": pd.DataFrame({"customer_id": [1], "org_id": 1, "opened_on": pd.Timestamp("2020-01-01")}),
    ...     "balances": held.assign(products=[0, 1, 1]),
    ...     "transactions": pd.DataFrame({"transaction_id": [1], "customer_id": 1, "kind": "spend", "amount": 80.0,
    ...         "ts": pd.Timestamp("2026-05-09 12:00"), "product": "card_balance"}),
    ... })
    >>> new_holdings(bank, "2026-06-30").select("ts", "product", "amount").execute().to_dict("records")
    [{'ts': Timestamp('2026-05-09 12:00:00'), 'product': 'card_balance', 'amount': 80.0}]
    """
    import ibis

    known = check_bank(bank).as_of(parse_date("as_of", as_of))
    for product in products:
        if product not in PRODUCTS:
            raise ParameterError("products", product, one_of(PRODUCTS))
    new = newly_held(known, products)
    moved = known.transactions
    moved = moved.filter((moved.amount > 0) & moved["product"].isin(products))
    moved = moved.group_by("customer_id", moved["product"], number=month_of(moved.ts.date()))
    new = new.left_join(moved.aggregate(at=lambda t: t.ts.min()), ["customer_id", "product", "number"])
    return new.select("customer_id", "product", "amount", ts=ibis.coalesce(new["at"], new.month.cast("timestamp(6)")))


def newly_held(known: "Bank", products: Sequence[str]) -> Any:
    """Return customer_id, month, number (of the month), product and amount of what is held at a month end anew."""
    import ibis

    t = known.balances
    start = t.aggregate(start=t.month.min())
    each = ibis.window(group_by="customer_id", order_by="month")
    parts = []
    for product in products:
        now = t[product].fill_null(0.0)
        held = t.select("customer_id", "month", amount=now, before=now.lag().over(each).fill_null(0.0))
        parts.append(held.filter((held.amount > 0) & (held.before == 0)).select(
            "customer_id", "month", "amount", product=ibis.literal(product), number=month_of(held.month),
        ))  # fmt: skip
    new = (ibis.union(*parts) if len(parts) > 1 else parts[0]).cross_join(start)
    return new.filter(new.month > new.start).drop("start")


def campaign_credit(
    bank: "Bank",
    as_of: dt.date | str,
    models: Sequence[str] = MODELS,
    lookback: str | dt.timedelta = "30d",
    *,
    org_id: int | str | None = None,
    prices: Mapping[str, float] | None = None,
    k: int = K,
    draws: int = 200,
    seed: int = 7,
) -> CampaignCredit:
    """Put each model's credit of every campaign that sells a product beside the conversions it truly made.

    A conversion is a product newly held (:func:`new_holdings`); each product's conversions are shared out among the
    touches of *all* campaigns, as a bank that does not know the truth would. A campaign's credit is its part of the
    conversions to its own product. The truth is the number of its treated customers (of open campaigns: participants)
    who came to hold the product by the end of its outcome window, less the number who would have anyway.

    Parameters
    ----------
    bank : Bank
        With campaigns, assignments, contacts or events; with truth where it is known.
    as_of : date or str
        Campaigns count whose outcome window is over by then; nothing later is seen.
    models, lookback, draws, seed
        As of :func:`bankmkt.funnel.attribute`; intervals are those of credit.
    org_id : int or str, optional
        Only customers of this unit and those below it.
    prices : mapping of channel to yuan, optional
        Of a contact, as of :func:`bankmkt.funnel.contact_costs`.
    k : int
        Campaigns are hidden (null) of which a figure is about 1 to k − 1 customers or leaves so few: treated,
        participants, and who of each and of the others converted, and any model's credit; and more if need be.

    Returns
    -------
    CampaignCredit

    Raises
    ------
    ParameterError, SchemaError
        If an argument is not as above, or a table is missing.
    DataError
        If no campaign that sells a product is over by then, or nobody was in one or touched.

    Examples
    --------
    Forty customers, half of them sent a message; eight of these buy a fund, and four of the others:

    >>> import bankmkt as bm
    >>> ids = pd.DataFrame({"customer_id": range(1, 41)})
    >>> buys = ids.customer_id.isin([*range(1, 9), *range(21, 25)])
    >>> months = pd.to_datetime(["2026-02-28", "2026-03-31"])
    >>> zero = dict.fromkeys(("demand", "time_deposit", "wealth", "insurance", "metal", "loan", "card_balance"), 0.0)
    >>> held = [ids.assign(month=m, fund=5e3 * buys * n, aum=5e3 * buys * n, products=buys * n, **zero)
    ...     for n, m in enumerate(months)]
    >>> one = {"campaign_id": 1, "org_id": 1, "name": "fund_offer", "objective": "sell funds", "budget": 1e3,
    ...     "business_line": "wealth", "kind": "routine", "starts_on": "2026-03-01", "ends_on": "2026-03-31",
    ...     "assignment": "randomised", "product": "fund", "outcome": "conversion", "outcome_days": 31}
    >>> arms = ids.assign(campaign_id=1, arm=["treatment"] * 20 + ["control"] * 20, propensity=0.5, participated=False,
    ...     assigned_on=pd.Timestamp("2026-03-01"))
    >>> sent = arms[:20].assign(contact_id=ids.customer_id, channel="sms", status="sent", ts=pd.Timestamp("2026-03-05"))
    >>> day = {"starts_on": "datetime64[us]", "ends_on": "datetime64[us]"}
    >>> bank = bm.open_bank({
    ...     "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"}),
    ...     "customers": ids.assign(org_id=1, opened_on=pd.Timestamp("2020-01-01")), "balances": pd.concat(held),
    ...     "transactions": pd.DataFrame({"transaction_id": [1], "customer_id": 1, "kind": "purchase", "amount": 5e3,
    ...         "ts": pd.Timestamp("2026-03-09"), "product": "fund"}),
    ...     "campaigns": pd.DataFrame([one]).astype(day), "assignments": arms,
    ...     "contacts": sent[["contact_id", "campaign_id", "customer_id", "channel", "ts", "status"]]})
    >>> found = campaign_credit(bank, "2026-03-31", ["last"], k=1, draws=20)
    >>> found.campaigns["credit"].tolist(), found.estimates["experiment"].tolist()
    ([8.0], [4.0])
    """
    day = parse_date("as_of", as_of)
    check_k(k)
    known = check_bank(bank).as_of(day)
    plans = _plans(known, day)
    names = list(dict.fromkeys(plans["product"]))
    touched, bought = read_once(known, day, names, org_id)
    sums = _sums(known, plans, org_id)
    costs = contact_costs(known, day, prices, "campaign_id", org_id=org_id) if known.has("contacts") else {}
    parts = []
    for product in names:
        one = attribute(
            touched, bought.filter(bought["product"] == product), models, lookback, day, channel="campaign_id",
            value="amount", draws=draws, seed=seed,
        )  # fmt: skip
        parts.append(_of_campaigns(one, sums[sums["product"] == product], costs))
    campaigns = pd.concat(parts, ignore_index=True)
    hidden = _hidden(sums, campaigns, k)
    few = campaigns["campaign_id"].isin(sums.loc[hidden, "campaign_id"])
    campaigns[NUMBERS] = campaigns[NUMBERS].mask(few)
    campaigns = campaigns.drop(columns="customers").assign(suppressed=few)
    return CampaignCredit(campaigns, _estimates(sums, hidden), _ranking(campaigns))


def _of_campaigns(found: Attribution, sums: pd.DataFrame, costs: Mapping[str, float]) -> pd.DataFrame:
    """Return the credit of campaigns beside their truth and cost; who touched nobody has none."""
    known = sums[["campaign_id", "text", "name", "product", "truth"]]
    rows = known.merge(pd.DataFrame({"model": found.models}), "cross")
    given = found.credits.rename(columns={"conversions": "credit", "channel": "text"})
    given = given[["model", "text", "credit", "lower", "upper", "value", "customers"]]
    rows = rows.merge(given, "left", on=["model", "text"])
    credited = ["credit", "lower", "upper", "value", "customers"]
    rows[credited] = rows[credited].mask(~rows["text"].isin(given["text"]), 0.0)
    cost = rows["text"].map(dict(costs)).astype("float64")
    rows = rows.assign(
        error=rows["credit"] - rows["truth"],
        cost=cost,
        cost_per_conversion=cost / rows["credit"].where(rows["credit"] > 0),
        roas=rows["value"] / cost.where(cost > 0),
    )
    return rows[["model", "campaign_id", "name", "product", *NUMBERS, "customers"]]


def _hidden(sums: pd.DataFrame, campaigns: pd.DataFrame, k: int) -> pd.Series:
    """Say which campaigns have a figure about few customers, and which others these could be worked out from."""
    parts = [("treated", "customers"), ("participants", "customers"), ("participants", "treated"),
             ("converted", "treated"), ("converted_took", "participants")]  # fmt: skip
    hidden = pd.Series(data=False, index=sums.index)
    for part, whole in parts:
        hidden |= discloses(sums[part], sums[whole], k)
        if part.startswith("converted"):  # and of those left over
            hidden |= discloses(sums["converted_all"] - sums[part], sums["customers"] - sums[whole], k)
    credit = campaigns[["credit", "customers"]]
    small = campaigns.loc[((credit > 0) & (credit < k)).any(axis=1), "campaign_id"]
    return small_cells(sums["converted"], k=k, hidden=hidden | sums["campaign_id"].isin(small), overlapping=True)


def read_once(known: "Bank", day: dt.date, products: Sequence[str], org_id: int | str | None) -> tuple[Any, Any]:
    """Return touches and new holdings, read from the bank once, as tables of an engine in this process."""
    touched = of_unit(known, touches(known, day), org_id)
    bought = of_unit(known, new_holdings(known, day, products), org_id)
    here, con = engine_table(fetch(touched), "touches")
    return here, engine_table(fetch(bought), "conversions", con)[0]


def _plans(known: "Bank", day: dt.date) -> pd.DataFrame:
    """Return the campaigns that sell a product and are over: with the first and last month of their outcome."""
    frame = known.frame(known.campaigns.filter(known.campaigns["product"].notnull()).order_by("campaign_id"))
    ends = [
        start + dt.timedelta(days=days - 1)
        for start, days in zip(_days(frame["starts_on"]), frame["outcome_days"], strict=True)
    ]
    frame["first"], frame["last"] = (
        [month_number(d) for d in _days(frame["starts_on"])],
        [month_number(d) for d in ends],
    )
    frame = frame[frame["last"] <= month_number(last_month_end(day))]
    if frame.empty:
        raise DataError("campaigns", f"none that sells a product and is over by {day}", "one", "choose a later as_of")
    return frame.assign(text=frame["campaign_id"].astype(str))


def _days(column: pd.Series) -> list[dt.date]:
    return [pd.Timestamp(value).date() for value in column]


def _sums(known: "Bank", plans: pd.DataFrame, org_id: int | str | None) -> pd.DataFrame:
    """Count treated, participants and who of them converted, by campaign, and add up the truth."""
    import ibis

    def of_plan(t: Any, column: str) -> Any:
        return t.campaign_id.cases(*zip(plans["campaign_id"].tolist(), plans[column].tolist(), strict=True))

    t = of_unit(known, known.assignments, org_id)
    t = t.filter(t.campaign_id.isin(plans["campaign_id"].tolist()))
    t = t.select(
        "campaign_id", "customer_id", product=of_plan(t, "product"), first=of_plan(t, "first"), last=of_plan(t, "last"),
        took=t.participated.cast("int64"), treated=treated(t, of_plan(t, "assignment") == "open").cast("int64"),
    )  # fmt: skip
    new = newly_held(known, list(dict.fromkeys(plans["product"])))
    won = t.inner_join(new.select("customer_id", "product", "number"), ["customer_id", "product"])
    won = won.filter(won.number.between(won["first"], won["last"])).select("campaign_id", "customer_id").distinct()
    t = t.left_join(won.mutate(won=1), ["campaign_id", "customer_id"], rname="{name}_won")
    t = t.select("campaign_id", "customer_id", "treated", "took", won=t.won.fill_null(0))
    if known.has("truth"):
        its = known.truth.filter(known.truth.outcome == "conversion")
        its = its.select("campaign_id", "customer_id", gain=its.y1 - its.y0)
        t = t.left_join(its, ["campaign_id", "customer_id"], rname="{name}_true")
    else:
        t = t.mutate(gain=ibis.null("float64"))
    sums = known.frame(t.group_by("campaign_id").aggregate(
        customers=t.count(), treated=t.treated.sum(), participants=t.took.sum(), converted_all=t.won.sum(),
        converted=(t.won * t.treated).sum(), converted_took=(t.won * t.took).sum(), truth=(t.gain * t.treated).sum(),
    ))  # fmt: skip
    columns = ["campaign_id", "text", "name", "product", "assignment"]
    found = plans[columns].merge(sums, on="campaign_id").reset_index(drop=True)
    if found.empty:
        raise DataError("assignments", "nobody in a campaign that sells a product", "some", "choose a larger unit")
    return found


def _estimates(sums: pd.DataFrame, hidden: pd.Series) -> pd.DataFrame:
    """Return participants against others, and the invited against those left alone by chance."""
    rows = []
    for one in sums.to_dict("records"):
        others, control = one["customers"] - one["participants"], one["customers"] - one["treated"]
        left, free = one["converted_all"] - one["converted_took"], one["converted_all"] - one["converted"]
        naive = compare_shares((left, one["converted_took"]), (others, one["participants"])) * one["participants"]
        test = compare_shares((free, one["converted"]), (control, one["treated"])) * one["treated"]
        if one["assignment"] != "randomised":
            test = test * np.nan
        row = {name: one[name] for name in ("campaign_id", "name", "product", "assignment")}
        row |= {name: one[name] for name in ("customers", "treated", "participants")}
        row |= {"rate_treated": one["converted"] / max(one["treated"], 1), "rate_control": free / max(control, 1)}
        for name, how in (("naive", naive), ("experiment", test)):
            row |= {name: how["difference"], f"{name}_lower": how["lower"], f"{name}_upper": how["upper"]}
        rows.append(row | {"truth": one["truth"]})
    out = pd.DataFrame(rows)
    numbers = out.columns.difference(["campaign_id", "name", "product", "assignment"])
    out[numbers] = out[numbers].astype("float64").mask(hidden)
    return out.assign(suppressed=hidden.to_numpy())


def _ranking(campaigns: pd.DataFrame) -> pd.DataFrame | None:
    """Say how far each model is off, over campaigns that are shown and that every model judges."""
    if campaigns.loc[~campaigns["suppressed"], "truth"].isna().any():
        return None
    unknown = campaigns.loc[campaigns["credit"].isna(), "campaign_id"]
    rows = campaigns[~campaigns["campaign_id"].isin(unknown)]
    if rows.empty:
        return None
    of = rows.assign(error=rows["error"].abs()).groupby("model", sort=False)
    out = of[["credit", "truth", "error"]].sum().assign(campaigns=of.size())
    out["times"] = out["credit"] / out["truth"].where(out["truth"] != 0)
    out = out.sort_values("error", ascending=False, kind="stable").reset_index()
    return out[["model", "campaigns", "credit", "truth", "times", "error"]]
