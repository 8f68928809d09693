"""The frames of a check-up, from panels whose small cells are hidden: pandas only."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.privacy import discloses, suppress
from bankmkt.schema import CITY_TIERS, OCCUPATIONS
from bankmkt.segments import measures
from bankmkt.segments.panels import SELF
from bankmkt.segments.units import Scope
from bankmkt.terms import TIERS, TOP_TIER

INDICATORS = {
    "customers": "customers",
    "aum": "{money}",
    "aum_per_head": "{money} per customer",
    "products_per_head": "products per customer",
    "long_tail_share": "share of customers",
    "active": "customers",
    "active_share": "share of customers",
    "logins_per_active": "logins per active customer",
    "transactions": "transactions",
    "digital_share": "share of transactions",
    "opened": "customers",
    "closed": "customers",
    "attrition": "share of customers a year",
    "net_new_money": "{money}",
}
"""The indicators of a check-up, each with its unit."""


def trend(
    total: pd.DataFrame,
    moves: pd.DataFrame,
    groups: pd.DataFrame,
    arrivals: Mapping[str, pd.Series],
    movers: pd.DataFrame,
    used: pd.DataFrame,
    events: bool,
    k: int,
) -> pd.DataFrame:
    """Lay out the indicators month by month, indexed by the number of the month.

    Null is what few customers did, or all but few, and what would tell it: the digital share where a channel is hidden,
    net new money where a kind is ``exposed``. ``movers`` are :func:`bankmkt.segments.movers.movers`, ``used`` is
    :func:`bankmkt.segments.panels.transaction_panel`.
    """
    out = total.loc[total["customers"] >= k, ["customers", "aum", "products", "active", "acts"]].copy()
    for part in ("products", "active"):
        out[part] = out[part].mask(discloses(out[part], out["customers"], k))
    out["aum_per_head"] = out["aum"] / out["customers"]
    out["products_per_head"] = out["products"] / out["customers"]
    tail = groups[(groups["dimension"] == "wealth tier") & (groups["group"] == TIERS[0][1])]
    out["long_tail_share"] = tail.set_index("number")["customers"].reindex(out.index, fill_value=0) / out["customers"]
    out["active_share"] = out["active"] / out["customers"]
    out["logins_per_active"] = out["acts"] / out["active"] if events else np.nan
    count = moves.groupby("number")["transactions"].sum()
    own = moves[~moves["channel"].isin(("auto", measures.UNKNOWN))].groupby("number")["transactions"].sum()
    digital = moves[moves["channel"].isin(measures.DIGITAL)].groupby("number")["transactions"].sum()
    out["transactions"] = count.reindex(out.index, fill_value=0)
    out["digital_share"] = digital.reindex(own.index, fill_value=0) / own
    both = pd.DataFrame({name: counts.reindex(out.index, fill_value=0) for name, counts in arrivals.items()})
    before = out["customers"].reindex(out.index - 1).set_axis(out.index)
    few = both.isin(range(1, k)).any(axis="columns")  # one follows from the other and the change of customers
    few |= discloses(both["opened"], out["customers"], k) | discloses(both["closed"], before, k)
    out[["opened", "closed"]] = both[["opened", "closed"]].mask(few)
    out["attrition"] = 12 * out["closed"] / before
    brought = moves[~moves["kind"].isin(measures.EARNED)].groupby("number")["added"].sum()
    out["net_new_money"] = brought.reindex(out.index, fill_value=0.0).round(2)
    thin = movers.isin(range(1, k)).reindex(out.index, fill_value=False).astype(bool)
    out["transactions"] = out["transactions"].mask(thin["anything"])
    out["digital_share"] = out["digital_share"].mask(thin["anything"] | thin["digital"] | thin["elsewhere"])
    out["net_new_money"] = out["net_new_money"].mask(thin["anything"] | thin["money"])
    channels = used.loc[used["suppressed"] & (used["dimension"] == "channel"), "number"]
    out["digital_share"] = out["digital_share"].mask(out.index.isin(channels))
    out["net_new_money"] = out["net_new_money"].mask(out.index.isin(used.loc[used["exposed"], "number"]))
    return out[list(INDICATORS)].replace([np.inf, -np.inf], np.nan)


def headline(monthly: pd.DataFrame, number: int, currency: str) -> pd.DataFrame:
    """Compare a month's indicators with last month and last year."""
    value, month, year = (monthly.T.reindex(columns=[n])[n] for n in (number, number - 1, number - 12))
    units = pd.Series(INDICATORS).str.replace("{money}", currency, regex=False)
    points = units.str.startswith("share")
    out = pd.DataFrame({"unit": units, "value": value, "last_month": month, "last_year": year})
    for name, before in (("change_month_pct", month), ("change_year_pct", year)):
        out[name] = np.where(points, 100 * (value - before), _change(value, before))
    return out.rename_axis("indicator").reset_index()


def groups(rows: pd.DataFrame, sums: Mapping[str, Any], number: int) -> pd.DataFrame:
    """Compare groups of customers: see :func:`bankmkt.segments.health_check`, ``groups``."""
    out = _with_changes(rows, ["dimension", "group"], number, ["customers", "aum"])
    out = out.assign(
        share=out["customers"] / sums["customers"],
        aum_share=out["aum"] / (sums["aum"] or np.nan),
        aum_per_head=out["aum"] / out["customers"],
        products_per_head=out["products"] / out["customers"],
        active_share=out["active"] / out["customers"],
    )
    order = [label for _, label in (*TIERS, *measures.AGES, *measures.TENURES)]
    order = [*order, TOP_TIER, measures.OLDEST, measures.LONGEST, *OCCUPATIONS, *CITY_TIERS, measures.UNKNOWN]
    at = {label: place for place, label in enumerate(order)}
    out["place"] = out["group"].map(at)
    out["which"] = out["dimension"].map({name: place for place, name in enumerate(measures.DIMENSIONS)})
    out = out.sort_values(["which", "place", "group"]).reset_index(drop=True)
    return out[
        [
            *("dimension", "group", "customers", "share", "aum", "aum_share", "aum_per_head", "products_per_head"),
            *("active_share", "customers_change_month_pct", "customers_change_year_pct"),
            *("aum_change_month_pct", "aum_change_year_pct", "suppressed"),
        ]
    ]


def branches(rows: pd.DataFrame, sums: Mapping[str, Any], number: int, where: Scope) -> pd.DataFrame:
    """Compare the units directly under the one checked, largest AUM first."""
    ids = {label: unit for unit, label in where.names.items()}
    out = groups(rows, sums, number).drop(columns="dimension").rename(columns={"group": "branch"})
    out.insert(0, "org_id", out["branch"].map(ids).convert_dtypes())
    return out.sort_values("aum", ascending=False, kind="stable").reset_index(drop=True)


def products(rows: pd.DataFrame, sums: Mapping[str, Any], number: int) -> pd.DataFrame:
    """Compare products: see :func:`bankmkt.segments.health_check`, ``products``."""
    out = _with_changes(rows, ["product", "side"], number, ["holders", "balance"])
    out = out.assign(
        penetration=out["holders"] / sums["customers"],
        balance_per_holder=out["balance"] / out["holders"],
        aum_share=(out["balance"] / (sums["aum"] or np.nan)).where(out["side"] == "asset"),
    )
    return out[
        [
            *("product", "side", "holders", "penetration", "balance", "balance_per_holder", "aum_share"),
            *("holders_change_month_pct", "holders_change_year_pct"),
            *("balance_change_month_pct", "balance_change_year_pct", "suppressed"),
        ]
    ]


def channels(rows: pd.DataFrame, transactions: float, number: int) -> pd.DataFrame:
    """Compare channels and kinds of transactions, the busiest first."""
    out = _with_changes(rows, ["dimension", "group"], number, ["transactions"])
    out["share"] = out["transactions"] / (transactions or np.nan)
    out = out.sort_values(["dimension", "transactions"], ascending=[True, False], kind="stable")
    return out[
        [
            *("dimension", "group", "customers", "transactions", "share", "turnover"),
            *("transactions_change_month_pct", "transactions_change_year_pct", "suppressed"),
        ]
    ].reset_index(drop=True)


def activity(platforms: pd.DataFrame, total: pd.DataFrame, months: Mapping[int, dt.date], k: int) -> pd.DataFrame:
    """Count active customers and their acts by month and platform; ``"all"`` counts each customer once."""
    everyone = total[["active", "acts"]].rename(columns={"active": "customers"}).assign(platform="all").reset_index()
    out = pd.concat([everyone, platforms[platforms["number"].isin(months)]], ignore_index=True)
    active, customers = (out["number"].map(total[name]) for name in ("active", "customers"))
    telling = discloses(out["customers"], active, k) | discloses(out["customers"], customers, k)
    out["all"] = out["platform"] == "all"
    out = suppress(out, "customers", ["acts"], by=("number", "all"), k=k, overlapping=True)
    out["customers"] = out["customers"].mask(telling)
    out["share"] = out["customers"] / customers
    out["acts_per_customer"] = out["acts"] / out["customers"].replace(0, np.nan)
    out["month"] = out["number"].map(months)
    out = out.sort_values(["number", "platform"]).reset_index(drop=True)
    return out[["month", "platform", "customers", "share", "acts", "acts_per_customer", "suppressed"]]


def flows(monthly: pd.DataFrame, rows: pd.DataFrame, moves: pd.DataFrame, number: int, currency: str) -> pd.DataFrame:
    """Say where customers and AUM came from and went to, in a month and those it is compared with."""
    numbers = {"value": number, "last_month": number - 1, "last_year": number - 12}
    people = monthly[["opened", "closed"]].T.reindex(columns=list(numbers.values()))
    kinds = rows[rows["dimension"] == "kind"].set_index(["group", "number"])["added"].unstack(fill_value=0)
    known = [n for n in numbers.values() if n in monthly.index]
    kinds = kinds.reindex(columns=known, fill_value=0.0).reindex(columns=list(numbers.values()))
    kinds = kinds[kinds.fillna(1.0).ne(0.0).any(axis="columns")]
    explained = moves.groupby("number")["added"].sum().reindex(monthly.index, fill_value=0.0)
    told = monthly["transactions"].notna() & ~monthly.index.isin(rows.loc[rows["exposed"], "number"])
    explained = explained.where(told)
    change = monthly["aum"] - monthly["aum"].reindex(monthly.index - 1).set_axis(monthly.index)
    rest = pd.DataFrame({"other": (change - explained).round(2) + 0.0, "change of aum": change.round(2)}).T
    out = pd.concat([people, kinds, rest.reindex(columns=list(numbers.values()))])
    out = out.set_axis(list(numbers), axis="columns").rename_axis("flow").reset_index()
    out.insert(1, "unit", np.where(out["flow"].isin(people.index), "customers", currency))
    return out


def series(
    monthly: pd.DataFrame,
    rows: pd.DataFrame,
    products: pd.DataFrame,
    moves: pd.DataFrame,
    shown: pd.DataFrame,
    where: Scope,
) -> pd.DataFrame:
    """Gather every series to be judged: dimension, group, indicator, number, value.

    ``shown`` is :func:`bankmkt.segments.panels.transaction_panel` of every month in which a channel or kind may be
    small, of those that a series is judged by.
    """
    words = {"customers": "customers", "aum": "AUM", "active": "active customers"}
    keys = ["dimension", "group", "number"]
    whole = monthly.reset_index().assign(dimension="whole", group=where.name)
    parts = [
        whole.melt(keys, [*words, "transactions"], "indicator").replace({"indicator": words}),
        rows.replace({"dimension": {SELF: where.level}})
        .melt(keys, list(words), "indicator")
        .replace({"indicator": words}),
        products.rename(columns={"product": "group", "balance": "value"}).assign(
            dimension="product", indicator="balance"
        ),
    ]
    for name in ("channel", "kind"):
        part = moves.groupby(["number", name])["transactions"].sum().rename_axis(["number", "group"]).reset_index()
        part = part[part["number"].isin(monthly.index) & ~part["group"].isin(("auto", *measures.BANK_KINDS))]
        part = part.merge(shown.loc[shown["dimension"] == name, ["number", "group", "suppressed"]], how="left")
        part["value"] = part["transactions"].mask(part["suppressed"].eq(True))
        parts.append(part.assign(dimension=name, indicator="transactions"))
    out = pd.concat(parts, ignore_index=True)[["dimension", "group", "indicator", "number", "value"]]
    if len(set(rows.loc[rows["dimension"] == SELF, "group"])) == 1:  # the unit itself, already judged as the whole
        out = out[out["dimension"] != where.level]
    return out


def _with_changes(rows: pd.DataFrame, keys: list[str], number: int, columns: list[str]) -> pd.DataFrame:
    out = rows[rows["number"] == number].drop(columns="number").set_index(keys)
    for name, before in (("month", number - 1), ("year", number - 12)):
        then = rows[rows["number"] == before].set_index(keys)
        for column in columns:
            out[f"{column}_change_{name}_pct"] = _change(out[column], then[column].reindex(out.index))
    return out.reset_index()


def _change(value: pd.Series, before: pd.Series) -> pd.Series:
    """Change in per cent; null from nothing, and from or to less than nothing."""
    return 100 * (value / before.where((before > 0) & (value >= 0)) - 1)
