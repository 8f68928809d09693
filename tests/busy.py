"""A bank in which everything happens: every kind of row at every age, customers who differ in what they do and when.

Random and without coherence, so that each feature and nearly each tag takes several values; for tests of how things are
computed, not of what they mean.
"""

import functools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import tiny

from bankmkt.schema import PRODUCTS, TABLES

CUSTOMERS = 240
NEWCOMERS = 20
"""Customers who invest for the first time in the last two months."""
PAGES = [
    "home", "balance", "wealth", "fund", "deposit", "loan", "card", "bill", "points", "insurance", "life", "transfer",
]  # fmt: skip
MONTHS = pd.date_range("2024-05-31", "2026-06-30", freq="ME")
FIRST, LAST = pd.Timestamp("2024-05-01"), pd.Timestamp("2026-06-30 23:59:59")


def frames() -> dict[str, pd.DataFrame]:
    """Return fresh copies of the tables."""
    return {name: frame.copy() for name, frame in _frames().items()}


@functools.cache
def _frames() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(20260630)
    small = tiny.frames()
    customers = _customers(rng)
    out = {"organisations": small["organisations"], "staff": small["staff"], "customers": customers}
    out["balances"] = _balances(rng, customers)
    out["transactions"] = _transactions(rng, customers)
    events = _happenings(rng, customers, "events", 26_000, ["platform", "event"])
    events["page"] = _taste(rng, events.customer_id, PAGES)
    events["duration_s"] = np.where(events.event == "page_view", rng.gamma(2, 12, len(events)).round(1), np.nan)
    out["events"] = events.assign(visitor_id=events.customer_id + 10_000, campaign_id=pd.NA, shared_by=pd.NA).astype(
        {"campaign_id": "Int64", "shared_by": "Int64"}
    )
    visits = _happenings(rng, customers, "visits", 500, ["purpose", "recognised_via"])
    out["visits"] = visits.assign(org_id=4, staff_id=5, pushed_tag=None, activated=rng.random(len(visits)) < 0.2)
    out["campaigns"] = _campaigns(small["campaigns"])
    out["assignments"] = _assignments(rng, customers, out["campaigns"])
    contacts = _happenings(rng, customers, "contacts", 4_000, ["department", "channel", "status"])
    out["contacts"] = contacts.assign(campaign_id=pd.array([pd.NA] * len(contacts), "Int64"))
    benefits = _happenings(rng, customers, "benefits", 800, ["action"])
    out["benefits"] = benefits.assign(
        campaign_id=1, benefit_id="coupon", coupon_id=benefits.index, face_value=26.0, cost=0.0
    )
    points = _happenings(rng, customers, "points", 900, ["action"])
    out["points"] = points.assign(
        points=rng.integers(1, 500, len(points)), rule="spend", expires_on=pd.Timestamp("2027-12-31")
    )
    surveys = _happenings(rng, customers, "surveys", 700, ["touchpoint"])
    for column, high in (("nps", 10), ("csat", 5), ("effort", 7)):
        surveys[column] = pd.array(rng.integers(1, high + 1, len(surveys)), "Int64")
    out["surveys"] = surveys.assign(complaint=np.where(rng.random(len(surveys)) < 0.2, "slow", None))
    return {name: frame[[c for c in TABLES[name].names if c in frame]] for name, frame in out.items()}


def _customers(rng: np.random.Generator) -> pd.DataFrame:
    n = CUSTOMERS
    old = rng.random(n) < 0.75
    days = np.where(old, rng.integers(800, 6000, n), rng.integers(3, 760, n))
    opened = pd.Series(LAST.normalize() - pd.to_timedelta(days, unit="D"))
    app = opened + pd.to_timedelta((rng.random(n) * days).astype(int), unit="D")
    table = TABLES["customers"]
    values = {name: rng.choice(table[name].values, n) for name in ("gender", "acquired_via", "occupation", "city_tier")}
    return pd.DataFrame({
        "customer_id": np.arange(1, n + 1), **values,
        "birth_date": pd.Timestamp("1945-01-01") + pd.to_timedelta(rng.integers(0, 23_000, n), unit="D"),
        "opened_on": opened,
        "closed_on": pd.Series([LAST.normalize()] * n).where(rng.random(n) < 0.03),
        "org_id": rng.integers(4, 8, n),
        "manager_id": pd.array(np.where(rng.random(n) < 0.4, rng.integers(1, 5, n), -1), "Int64"),
        "is_payroll": rng.random(n) < 0.3, "has_car": rng.random(n) < 0.4, "has_home": rng.random(n) < 0.5,
        "risk_level": rng.integers(1, 6, n), "app_registered_on": app.where(rng.random(n) < 0.75),
    }).assign(manager_id=lambda t: t.manager_id.where(t.manager_id > 0))  # fmt: skip


def _happenings(
    rng: np.random.Generator, customers: pd.DataFrame, table: str, rows: int, columns: list[str]
) -> pd.DataFrame:
    """Return rows of a table: some customers have many, some none, some stop, some begin; each prefers some values."""
    n = len(customers)
    who = rng.choice(n, rows, p=_shares(rng, n))
    turn, late = rng.random(n), rng.random(n) < 0.5
    part = rng.random(rows)
    part = np.where(late[who], turn[who] + (1 - turn[who]) * part, np.where(turn[who] < 0.4, part, turn[who] * part))
    since = np.maximum(customers.opened_on.to_numpy()[who], FIRST.to_datetime64())
    ts = since + ((LAST.to_datetime64() - since) * part).astype("timedelta64[s]")
    out = pd.DataFrame({"customer_id": customers.customer_id.to_numpy()[who], "ts": ts.astype("datetime64[us]")})
    for column in columns:
        out[column] = _taste(rng, out.customer_id, TABLES[table][column].values)
    out.insert(0, TABLES[table].key[0], np.arange(1, rows + 1))
    return out


def _taste(rng: np.random.Generator, customers: pd.Series, values: Sequence[str]) -> np.ndarray:
    """Return a value per row; each customer prefers some."""
    taste = rng.dirichlet(np.full(len(values), 0.25), CUSTOMERS).cumsum(axis=1)[customers.to_numpy() - 1]
    return np.array(values)[np.minimum((rng.random(len(customers))[:, None] > taste).sum(axis=1), len(values) - 1)]


def _shares(rng: np.random.Generator, n: int) -> np.ndarray:
    weight = rng.pareto(1.1, n) * (rng.random(n) > 0.12)
    return np.minimum(weight, 30) / np.minimum(weight, 30).sum()


def _transactions(rng: np.random.Generator, customers: pd.DataFrame) -> pd.DataFrame:
    out = _happenings(rng, customers, "transactions", 32_000, ["kind", "channel", "category", "product"])
    shopping = out.customer_id.isin(out.customer_id.value_counts().index[:60]) & (rng.random(len(out)) < 0.6)
    out["kind"] = out["kind"].where(~shopping, "spend")
    out["channel"] = out["channel"].where(rng.random(len(out)) > 0.02)
    out["category"] = out["category"].where(out.kind.isin(("spend", "bill")) & (rng.random(len(out)) > 0.02))
    sign = np.where(out.kind.isin(("salary", "transfer_in", "cash_in", "interest", "return", "redemption")), 1, -1)
    sign = np.where((out.kind == "spend") & (out["product"] == "card_balance"), 1, sign)
    sign = np.where(rng.random(len(out)) < 0.03, -sign, sign)
    usual = rng.normal(5.5, 1.5, len(customers))
    size = np.exp(usual[out.customer_id.to_numpy() - 1] + rng.normal(0, 1.2, len(out)))
    out["amount"] = (sign * size).round(2)
    return out


def _balances(rng: np.random.Generator, customers: pd.DataFrame) -> pd.DataFrame:
    n, months = len(customers), len(MONTHS)
    level = rng.lognormal(8, 2.2, (n, 1, len(PRODUCTS))) * (rng.random((n, 1, len(PRODUCTS))) < 0.5)
    walk = np.exp(rng.normal(0, 0.25, (n, months, len(PRODUCTS))).cumsum(axis=1))
    gone = rng.random((n, 1, len(PRODUCTS))) < 0.25
    ends = rng.integers(months // 2, months, (n, 1, len(PRODUCTS)))
    held = np.where(gone & (np.arange(months)[None, :, None] >= ends), 0, level * walk)
    starts = rng.integers(0, months, (n, 1, len(PRODUCTS)))
    fresh = (
        np.isin(PRODUCTS, ("wealth", "fund", "insurance", "metal"))[None, None]
        & (np.arange(n) < NEWCOMERS)[:, None, None]
    )
    starts = np.where(fresh, months - 2, starts)
    held = np.where(
        fresh | (rng.random((n, 1, len(PRODUCTS))) < 0.2), held * (np.arange(months)[None, :, None] >= starts), held
    )
    out = pd.DataFrame(held.reshape(-1, len(PRODUCTS)).round(2), columns=list(PRODUCTS))
    out.insert(0, "month", np.tile(MONTHS.to_numpy(), n))
    out.insert(0, "customer_id", np.repeat(customers.customer_id.to_numpy(), months))
    assets = ["demand", "time_deposit", "wealth", "fund", "insurance", "metal"]
    out["aum"] = out[assets].sum(axis=1).round(2)
    out["products"] = (out[list(PRODUCTS)] != 0).sum(axis=1)
    opened = customers.set_index("customer_id").opened_on
    return out[out.customer_id.map(opened) <= out.month].reset_index(drop=True)


def _campaigns(small: pd.DataFrame) -> pd.DataFrame:
    starts = pd.date_range("2024-06-01", periods=12, freq="60D")
    rows = [
        small.iloc[[number % len(small)]].assign(campaign_id=number + 1, name=f"offer_{number}") for number in range(12)
    ]
    return pd.concat(rows, ignore_index=True).assign(starts_on=starts, ends_on=starts + pd.Timedelta(days=45))


def _assignments(rng: np.random.Generator, customers: pd.DataFrame, campaigns: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for campaign in campaigns.itertuples():
        there = customers[customers.opened_on < campaign.starts_on]
        here = there.sample(frac=0.4, random_state=int(campaign.campaign_id))
        joined = rng.random(len(here)) < 0.3
        on = pd.Series(campaign.starts_on + pd.to_timedelta(rng.integers(0, 40, len(here)), unit="D"))
        parts.append(pd.DataFrame({
            "campaign_id": campaign.campaign_id, "customer_id": here.customer_id.to_numpy(),
            "arm": rng.choice(["control", "treatment"], len(here)), "propensity": 0.5,
            "assigned_on": campaign.starts_on, "participated": joined, "participated_on": on.where(joined),
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)
