"""A bank small enough to read: 50 customers, six months, all fifteen tables, every rule kept."""

import functools

import numpy as np
import pandas as pd

MONTHS = pd.date_range("2025-01-31", "2025-06-30", freq="ME")
PRODUCTS = ["demand", "time_deposit", "wealth", "fund", "insurance", "metal", "loan", "card_balance"]


def frames() -> dict[str, pd.DataFrame]:
    """Return fresh copies of all fifteen tables."""
    return {name: frame.copy() for name, frame in _frames().items()}


IDS = {
    "customers": "C{:04d}",
    "organisations": "B-{:02d}",
    "staff": "S{:02d}",
    "campaigns": "K{}",
    "visitors": "{:05d}",
}
"""How :func:`with_text_ids` writes ids; visitors have leading zeros, and every other table's own ids a letter."""


def with_text_ids(frames: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the bank with every id as text, in the same order as the numbers."""
    kinds = {
        "customer_id": "customers", "referee_id": "customers", "org_id": "organisations", "parent_id": "organisations",
        "staff_id": "staff", "manager_id": "staff", "campaign_id": "campaigns", "visitor_id": "visitors",
        "shared_by": "visitors", "referrer_id": "staff",
    }  # fmt: skip
    out = {}
    for name, frame in frames.items():
        ids = [c for c in frame if c in kinds or (c.endswith("_id") and c != "benefit_id")]
        written = {c: IDS.get(kinds.get(c, ""), name[0] + "{:06d}") for c in ids}
        out[name] = frame.assign(**{
            c: [None if pd.isna(v) else form.format(int(v)) for v in frame[c]] for c, form in written.items()
        })  # fmt: skip
    return out


@functools.cache
def _frames() -> dict[str, pd.DataFrame]:
    customers = _customers()
    transactions = _transactions(customers)
    out = {
        "organisations": pd.DataFrame({
            "org_id": range(1, 8),
            "parent_id": pd.array([None, 1, 1, 2, 2, 3, 3], "Int64"),
            "level": ["head_office"] + ["branch"] * 2 + ["sub_branch"] * 4,
            "name": ["Head office", "East", "West", "East 1", "East 2", "West 1", "West 2"],
            "city": [None, "Suzhou", "Chengdu", "Suzhou", "Wuxi", "Chengdu", "Mianyang"],
            "city_tier": [None, "new_tier_1", "new_tier_1", "new_tier_1", "tier_2", "new_tier_1", "tier_3"],
        }),
        "staff": pd.DataFrame({
            "staff_id": range(1, 11),
            "org_id": [4, 5, 6, 7, 4, 5, 6, 7, 4, 5],
            "role": ["relationship_manager"] * 4 + ["teller"] * 4 + ["marketer", "digital_manager"],
            "joined_on": pd.date_range("2015-03-01", periods=9, freq="180D").append(pd.DatetimeIndex(["2025-05-01"])),
        }),
        "customers": customers,
        "balances": _balances(customers, transactions),
        "transactions": transactions,
        "events": _events(customers),
        "visits": pd.DataFrame({
            "visit_id": range(1, 13),
            "customer_id": pd.array([*range(1, 11), None, None], "Int64"),
            "org_id": [4, 5, 6, 7] * 3,
            "staff_id": pd.array([5, 6, 7, None] * 3, "Int64"),
            "ts": pd.date_range("2025-02-03 10:15", periods=12, freq="5D"),
            "purpose": ["cash", "wealth", None] * 4,
            "recognised_via": ["queue_ticket", "face", None] * 4,
            "pushed_tag": ["may want the app", None, None] * 4,
            "activated": pd.array([True, False, None] * 4, "boolean"),
        }),
        "campaigns": pd.DataFrame({
            "campaign_id": [1, 2, 3],
            "name": ["spring_pilot", "fund_offer", "growth"],
            "objective": ["more logins", "sell funds", "more assets"],
            "business_line": ["digital", "wealth", "deposits"],
            "kind": ["routine", "short_term", "annual"],
            "org_id": [1, 2, 1],
            "starts_on": pd.to_datetime(["2025-03-01", "2025-03-15", "2025-04-01"]),
            "ends_on": pd.to_datetime(["2025-04-30", "2025-05-15", "2025-06-30"]),
            "budget": [10_000.0, 5_000.0, 50_000.0],
            "assignment": ["randomised", "targeted", "open"],
            "product": [None, "fund", None],
            "outcome": ["logins", "conversion", "aum_change"],
            "outcome_days": [61, 62, 91],
        }),
        "assignments": _assignments(),
        "contacts": pd.DataFrame({
            "contact_id": range(1, 31),
            "campaign_id": pd.array([1] * 15 + [2] * 10 + [None] * 5, "Int64"),
            "customer_id": range(11, 41),
            "department": ["digital"] * 15 + ["wealth"] * 10 + [None] * 5,
            "channel": ["sms", "app_push", "call"] * 10,
            "ts": pd.date_range("2025-03-20 09:00", periods=30, freq="1D"),
            "status": ["sent", "delivered", "opened", "answered", "failed"] * 6,
        }),
        "benefits": pd.DataFrame({
            "entry_id": range(1, 13),
            "campaign_id": pd.array([3] * 9 + [None] * 3, "Int64"),
            "customer_id": np.repeat([11, 12, 13, 14], 3),
            "benefit_id": "coffee",
            "coupon_id": np.repeat([1, 2, 3, 4], 3),
            "action": ["granted", "claimed", "redeemed"] * 4,
            "ts": pd.date_range("2025-04-05 12:00", periods=12, freq="3D"),
            "face_value": 26.0,
            "cost": [0.0, 0.0, 20.5] * 4,
        }),
        "points": pd.DataFrame({
            "entry_id": range(1, 9),
            "customer_id": [11, 11, 12, 12, 13, 13, 14, 14],
            "ts": pd.date_range("2025-03-10 08:00", periods=8, freq="9D"),
            "action": ["earn", "spend"] * 4,
            "points": [100, 40] * 4,
            "rule": "one point a yuan",
            "expires_on": pd.to_datetime(["2026-12-31", None] * 4),
        }),
        "referrals": pd.DataFrame({
            "referral_id": range(1, 5),
            "code": ["A1", "A1", "B2", "B2"],
            "referrer_kind": ["staff", "staff", "customer", "customer"],
            "referrer_id": [9, 9, 11, 11],
            "referee_id": pd.array([None, 46, None, 47], "Int64"),
            "campaign_id": pd.array([3, 3, None, None], "Int64"),
            "ts": pd.to_datetime(["2025-02-01 10:00", "2025-02-20 11:00", "2025-03-01 12:00", "2025-03-25 13:00"]),
            "stage": ["invited", "registered", "opened", "activated"],
        }),
        "surveys": pd.DataFrame({
            "response_id": range(1, 9),
            "customer_id": range(21, 29),
            "ts": pd.date_range("2025-05-01 15:00", periods=8, freq="4D"),
            "touchpoint": ["app", "counter", "call_centre", "rm"] * 2,
            "nps": pd.array([10, 9, 3, None] * 2, "Int64"),
            "csat": pd.array([5, 4, 1, None] * 2, "Int64"),
            "effort": pd.array([1, 2, 7, None] * 2, "Int64"),
            "complaint": [None, None, "long queue", None] * 2,
        }),
        "truth": pd.DataFrame({
            "campaign_id": np.repeat([1, 3], 30),
            "customer_id": np.tile(np.arange(11, 41), 2),
            "outcome": ["logins"] * 30 + ["aum_change"] * 30,
            "y0": np.tile(np.arange(30.0), 2),
            "y1": np.tile(np.arange(30.0) + 1.5, 2),
            "p_participate": 0.4,
        }),
    }  # fmt: skip
    return out


def _customers() -> pd.DataFrame:
    i = np.arange(1, 51)
    opened = pd.Series(pd.Timestamp("2016-01-05") + pd.to_timedelta(i * 40, unit="D"))
    opened[45:] = pd.to_datetime(["2025-02-10", "2025-03-20", "2025-04-02", "2025-05-05", "2025-06-15"])
    closed = pd.Series(pd.NaT, index=range(50), dtype="datetime64[us]")
    closed[[4, 9]] = pd.Timestamp("2025-04-15")
    app = opened + pd.Timedelta(days=3)
    app[i % 5 == 0] = pd.NaT
    app[20] = pd.Timestamp("2025-05-20")
    return pd.DataFrame({
        "customer_id": i,
        "gender": np.where(i % 2 == 0, "female", "male"),
        "birth_date": pd.Timestamp("1960-06-01") + pd.to_timedelta(i * 250, unit="D"),
        "opened_on": opened,
        "closed_on": closed,
        "org_id": 4 + i % 4,
        "manager_id": pd.array([1 + n % 4 if n % 3 == 0 else None for n in i], "Int64"),
        "acquired_via": np.where(i % 3 == 0, "branch", "app"),
        "occupation": np.where(i % 4 == 0, "retired", "private_company"),
        "city_tier": "tier_2",
        "is_payroll": i % 2 == 0,
        "has_car": i % 3 == 0,
        "has_home": i % 2 == 1,
        "risk_level": 1 + i % 5,
        "app_registered_on": app,
    })  # fmt: skip


def _transactions(customers: pd.DataFrame) -> pd.DataFrame:
    """Return a month's pay, spending, and now and then a fund or card; amounts end in cents."""
    rows = []
    for c in customers.itertuples():
        for month in MONTHS:
            start = month.replace(day=1)
            base = 1000 * c.customer_id
            plan = [
                (5, "salary", None, "auto", base + 0.37, "demand"),
                (20, "spend", "groceries", "pos", -(0.3 * base + 0.11), "demand"),
            ]
            if c.customer_id % 3 == 0:
                plan += [
                    (22, "purchase", None, "app", -200.25, "demand"),
                    (22, "purchase", None, "app", 200.25, "fund"),
                ]
            if c.customer_id % 4 == 0:
                plan += [(23, "spend", "dining", "pos", 88.8, "card_balance")]
            for day, kind, category, channel, amount, product in plan:
                ts = start + pd.Timedelta(days=day - 1, hours=9, minutes=c.customer_id)
                if ts.normalize() >= c.opened_on and not ts.normalize() > c.closed_on:
                    rows.append((c.customer_id, ts, channel, kind, category, round(amount, 2), product))
    names = ["customer_id", "ts", "channel", "kind", "category", "amount", "product"]
    out = pd.DataFrame(rows, columns=names)
    out.insert(0, "transaction_id", np.arange(1, len(out) + 1))
    return out


def _balances(customers: pd.DataFrame, transactions: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for c in customers.itertuples():
        own = transactions[transactions.customer_id == c.customer_id]
        for month in MONTHS[(c.opened_on <= MONTHS) & ~(c.closed_on < MONTHS)]:
            sums = own[own.ts < month + pd.Timedelta(days=1)].groupby("product").amount.sum()
            held = [max(0.0, round(sums.get(p, 0.0), 2)) for p in PRODUCTS]
            rows.append((c.customer_id, month, *held, round(sum(held[:6]), 2), sum(h != 0 for h in held)))
    return pd.DataFrame(rows, columns=["customer_id", "month", *PRODUCTS, "aum", "products"])


def _events(customers: pd.DataFrame) -> pd.DataFrame:
    """Return one login a month of customers with the app, views of campaign 3, and two visitors without sign-up."""
    rows = []
    for c in customers.itertuples():
        for month in MONTHS:
            ts = month.replace(day=25) + pd.Timedelta(hours=20, minutes=c.customer_id)
            if c.app_registered_on <= ts.normalize() and not c.closed_on < ts.normalize():
                rows.append((c.customer_id, 1000 + c.customer_id, ts, "app", "login", None, None, None, None))
                if c.customer_id % 3 == 0 and month.month >= 4:
                    later = ts + pd.Timedelta(minutes=2)
                    rows.append(
                        (c.customer_id, 1000 + c.customer_id, later, "app", "campaign_view", "home", 3, 12.5, None)
                    )
    for visitor in (2001, 2002):
        ts = pd.Timestamp("2025-05-02 12:00") + pd.Timedelta(days=visitor - 2001)
        rows.append((None, visitor, ts, "wechat", "page_view", "offer", None, 3.0, 1011))
    names = [
        "customer_id", "visitor_id", "ts", "platform", "event", "page", "campaign_id", "duration_s", "shared_by",
    ]  # fmt: skip
    out = pd.DataFrame(rows, columns=names).astype(
        {"customer_id": "Int64", "campaign_id": "Int64", "shared_by": "Int64", "duration_s": "Float64"}
    )
    out.insert(0, "event_id", np.arange(1, len(out) + 1))
    return out


def _assignments() -> pd.DataFrame:
    """Return customers 11 to 40 in each of the three campaigns."""
    parts = []
    for campaign, start in ((1, "2025-03-01"), (2, "2025-03-15"), (3, "2025-04-01")):
        ids = np.arange(11, 41)
        treated = ids % 2 == 0
        joined = ids % 3 == 0 if campaign == 3 else treated & (ids % 4 == 0)
        on = pd.Series(pd.Timestamp(start) + pd.to_timedelta(ids, unit="D")).where(joined)
        propensity = {1: 0.5, 2: 0.3, 3: np.nan}[campaign]
        arm = "open" if campaign == 3 else np.where(treated, "treatment", "control")
        parts.append(pd.DataFrame({
            "campaign_id": campaign, "customer_id": ids, "arm": arm, "propensity": propensity,
            "assigned_on": pd.Timestamp(start), "participated": joined, "participated_on": on,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)
