"""A simulated bank with one open and one randomised campaign whose effects are known, in the package's schema."""

import numpy as np
import pandas as pd

from bankmkt.schema import PRODUCTS

MONTHS = pd.date_range("2024-07-31", "2026-06-30", freq="ME")
PILOT_START, OPEN_START = 12, 18
EFFECT = {"aum": 200.0, "logins": 0.5}
"""Monthly rise of AUM and of logins that taking part causes, on average."""


def frames(customers: int = 2000, seed: int = 1, hidden: float = 1.0) -> dict[str, pd.DataFrame]:
    """Make the tables; ``hidden`` is the strength of a trait that drives joining and growth, and is not in the data."""
    rng = np.random.default_rng(seed)
    i = np.arange(1, customers + 1)
    keen = rng.normal(size=customers)
    trait = rng.normal(size=customers)
    level = np.exp(9 + 0.5 * rng.normal(size=customers))
    slope = 60 + 60 * trait + 80 * rng.normal(size=customers) + 60 * hidden * keen
    number = np.arange(len(MONTHS))
    shock = rng.normal(size=(len(MONTHS), customers)) * 800
    for month in range(1, len(MONTHS)):
        shock[month] += 0.6 * shock[month - 1]
    aum = np.maximum(level + slope * (number[:, None] - 18) + shock, 1.0)
    rate = np.exp(0.3 * trait + 0.3 * keen * hidden)
    logins = rng.poisson(rate, size=aum.shape)

    pilot = rng.random(customers) < 0.4
    invited = pilot & (rng.random(customers) < 0.5)
    score = -0.8 + 0.8 * trait + 0.8 * hidden * keen - shock[17] / 800 + 0.01 * slope
    chance = 1 / (1 + np.exp(-score))
    willing = rng.random(customers) < chance
    gain = EFFECT["aum"] * (1 + 0.3 * rng.normal(size=customers))
    extra = rng.poisson(EFFECT["logins"], size=aum.shape)

    since = rng.integers(0, 60, size=customers)
    loan = number[:, None] >= since

    with_aum, with_logins, with_loan = aum.copy(), logins.copy(), loan.copy()
    for start, who in ((PILOT_START, pilot & willing), (OPEN_START, ~pilot & willing)):
        months = np.clip(number - start + 1, 0, 6)[:, None]
        with_aum += np.where(who, months * gain, 0)
        with_loan |= who & (since < 40) & (number[:, None] >= start + 2)
        with_logins += np.where(who & ((number >= start) & (number < start + 6))[:, None], extra, 0)
    joins = willing & (invited | ~pilot)
    real_aum = np.where(joins, with_aum, aum).round(2)
    real_logins, real_loan = np.where(joins, with_logins, logins), np.where(joins, with_loan, loan).ravel()

    balances = pd.DataFrame({"customer_id": np.tile(i, len(MONTHS)), "month": np.repeat(MONTHS, customers)})
    for product in PRODUCTS:
        balances[product] = 0.0
    balances["demand"] = balances["aum"] = real_aum.ravel()
    balances["loan"], balances["products"] = 100.0 * real_loan, 1 + real_loan

    counts = real_logins.ravel()
    owner, day = np.repeat(balances["customer_id"].to_numpy(), counts), np.repeat(balances["month"].to_numpy(), counts)
    events = pd.DataFrame({
        "event_id": np.arange(len(owner)), "customer_id": owner, "visitor_id": owner,
        "ts": day - pd.to_timedelta(rng.integers(0, 27 * 24 * 60, size=len(owner)), unit="min"),
        "platform": "app", "event": "login",
    })  # fmt: skip
    transactions = pd.DataFrame({
        "transaction_id": i, "customer_id": i, "ts": pd.Timestamp("2025-12-15 10:00"), "channel": "auto",
        "kind": "salary", "amount": np.exp(8 + 0.3 * trait).round(2), "product": "demand",
    })  # fmt: skip
    people = pd.DataFrame({
        "customer_id": i, "opened_on": pd.Timestamp("2020-01-01"), "org_id": 3 + i % 2,
        "birth_date": pd.Timestamp("1960-01-01") + pd.to_timedelta(rng.integers(0, 14000, customers), unit="D"),
        "is_payroll": rng.random(customers) < 0.3, "city_tier": np.where(i % 3 == 0, "tier_1", "tier_2"),
        "app_registered_on": pd.Timestamp("2021-01-01"),
    })  # fmt: skip

    begins = np.where(pilot, MONTHS[PILOT_START - 1], MONTHS[OPEN_START - 1]) + pd.Timedelta(days=1)
    assignments = pd.DataFrame({
        "campaign_id": np.where(pilot, 1, 2), "customer_id": i,
        "arm": np.where(~pilot, "open", np.where(invited, "treatment", "control")),
        "propensity": np.where(pilot, 0.5, np.nan), "assigned_on": begins, "participated": joins,
        "participated_on": pd.Series(begins).where(joins),
    })  # fmt: skip
    first = np.where(pilot, PILOT_START, OPEN_START)
    without, with_ = (_outcomes(*tables, first) for tables in ((aum, logins, loan), (with_aum, with_logins, with_loan)))
    truth = pd.concat([
        pd.DataFrame({
            "campaign_id": assignments["campaign_id"], "customer_id": i, "outcome": outcome, "y0": without[outcome],
            "y1": with_[outcome], "p_participate": chance,
        })
        for outcome in without
    ], ignore_index=True)  # fmt: skip
    return {
        "organisations": pd.DataFrame({
            "org_id": [1, 2, 3, 4], "parent_id": pd.array([None, 1, 2, 2], "Int64"),
            "level": ["head_office", "branch", "sub_branch", "sub_branch"], "name": ["Head", "East", "E1", "E2"],
        }),
        "customers": people, "balances": balances, "transactions": transactions, "events": events,
        "campaigns": pd.DataFrame({
            "campaign_id": [1, 2], "name": ["pilot", "journey"], "objective": "wake the long tail",
            "business_line": "digital", "kind": "annual", "org_id": 1,
            "starts_on": pd.to_datetime(["2025-07-01", "2026-01-01"]),
            "ends_on": pd.to_datetime(["2025-12-31", "2026-06-30"]), "budget": 1000.0,
            "assignment": ["randomised", "open"], "outcome": "aum_change", "outcome_days": [184, 181],
        }),
        "assignments": assignments, "truth": truth,
    }  # fmt: skip


def _outcomes(aum: np.ndarray, logins: np.ndarray, loan: np.ndarray, first: np.ndarray) -> dict[str, np.ndarray]:
    who = np.arange(aum.shape[1])
    return {
        "aum_change": aum[first + 5, who].round(2) - aum[first - 1, who].round(2),
        "products_change": loan[first + 5, who] * 1.0 - loan[first - 1, who],
        "logins": np.mean([logins[first + month, who] for month in range(6)], axis=0),
    }
