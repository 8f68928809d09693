import numpy as np
import pandas as pd
import pytest

import bankmkt as bm
from bankmkt.errors import ParameterError, Refused
from bankmkt.margins import MARGINS
from bankmkt.schema import PRODUCTS
from bankmkt.segments import clusters
from bankmkt.segments.grouping import nearest
from bankmkt.segments.traits import TRAITS, measured, name_groups, told

JUNE = "2026-06-30"
NUMBER = 2026 * 12 + 5
MONTHS = pd.date_range("2026-02-28", periods=5, freq="ME")
FAST = {"numbers": (2, 3, 4), "draws": 10, "sample": 400}


def kinds(customers=450, seed=3):
    """Return frames of a bank of three kinds of customers with little money, and their kind; a few have much."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, customers, p=[0.5, 0.3, 0.2])  # old savers, young borrowers on line, idle accounts
    ids = np.arange(1, customers + 1)
    age, tenure = np.array([65, 28, 45])[kind] + rng.normal(0, 3, customers), np.array([15, 2, 6])[kind]
    day = pd.Timestamp(JUNE)
    people = pd.DataFrame({
        "customer_id": ids, "org_id": 1, "occupation": np.array(["retired", "private_company", "other"])[kind],
        "birth_date": (day - pd.to_timedelta(age * 365.25, unit="D")).normalize(),
        "opened_on": (day - pd.to_timedelta((tenure + rng.uniform(0, 1, customers)) * 365.25, unit="D")).normalize(),
    })  # fmt: skip
    aum = np.round(np.array([20_000, 3_000, 50])[kind] * rng.lognormal(0, 0.2, customers), 2)
    rich = rng.random(customers) < 0.05
    aum = np.where(rich, 200_000, aum)
    parts = []
    for month in MONTHS:
        saved = np.where(kind == 0, np.round(0.8 * aum, 2), 0.0)
        held = {"demand": aum - saved, "time_deposit": saved, "loan": np.where(kind == 1, 30_000.0, 0.0)}
        held |= {p: np.zeros(customers) for p in PRODUCTS if p not in held}
        products = sum((v != 0).astype(int) for v in held.values())
        parts.append(pd.DataFrame({"customer_id": ids, "month": month, **held, "aum": aum, "products": products}))
    moves = []
    for month in MONTHS:
        for channel, who, amount in (("counter", kind == 0, -1000.0), ("app", kind == 1, -4000.0)):
            some = ids[who]
            moves.append(pd.DataFrame({
                "customer_id": some, "ts": month - pd.Timedelta(days=3), "channel": channel, "kind": "spend",
                "amount": amount * rng.lognormal(0, 0.1, len(some)).round(2), "product": "demand",
            }))  # fmt: skip
    transactions = pd.concat(moves, ignore_index=True)
    transactions["transaction_id"] = np.arange(len(transactions))
    frames = {
        "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"}),
        "customers": people, "balances": pd.concat(parts, ignore_index=True), "transactions": transactions,
    }  # fmt: skip
    return frames, pd.Series(kind, ids)[~rich]


@pytest.fixture(scope="module")
def planted():
    return kinds()


@pytest.fixture(scope="module")
def found(planted):
    return clusters(bm.open_bank(planted[0]), JUNE, **FAST)


def test_traits_are_what_the_rows_say(tiny_bank, tiny_frames):
    t, names = measured(tiny_bank, 2025 * 12 + 5, 200_000)
    got = t.execute().set_index("customer_id").sort_index()
    assert names == list(TRAITS)
    b, tr, e, c = (tiny_frames[name] for name in ("balances", "transactions", "events", "customers"))
    now = b[b.month == "2025-06-30"].set_index("customer_id")
    now = now[now.aum < 200_000]
    assert len(got) == len(now) > 20
    before = b[b.month == "2025-03-31"].set_index("customer_id").aum.reindex(now.index).fillna(0)
    c, late = c.set_index("customer_id").loc[now.index], tr[tr.ts >= "2025-04-01"]
    spent = late[late.kind.isin(["spend", "bill"])].groupby("customer_id").amount.agg(lambda v: v.abs().sum()) / 3
    pay = late[late.kind == "salary"].groupby("customer_id").amount.sum() / 3
    own = late[late.channel != "auto"]
    online = own.channel.isin(["app", "web", "mini_programme"]).groupby(own.customer_id).mean()
    logins = e[(e.event == "login") & (e.ts >= "2025-04-01")].groupby("customer_id").size() / 3
    wanted = pd.DataFrame({
        "money": now.aum, "growth": (now.aum - before) / np.maximum(np.maximum(now.aum, before), 100),
        "products": now.products, "invested": ((now.aum - now.demand) / now.aum).fillna(0),
        "debt": now.loan + now.card_balance, "inflow": pay, "spend": spent, "logins": logins, "digital": online,
        "age": ((2025 * 12 + 5) - (c.birth_date.dt.year * 12 + c.birth_date.dt.month - 1)) / 12,
        "tenure": ((2025 * 12 + 5) - (c.opened_on.dt.year * 12 + c.opened_on.dt.month - 1)) / 12,
    }).reindex(now.index).fillna(0.0)  # fmt: skip
    for name in names:
        np.testing.assert_allclose(got[name], wanted[name].sort_index(), rtol=1e-9, atol=1e-9, err_msg=name)


def test_the_planted_kinds_are_found_and_named(planted, found):
    _, truth = planted
    assert found.customers == len(truth)
    assert found.choice.loc[found.choice.chosen, "groups"].tolist() == [3]
    table = found.table.execute().set_index("customer_id").cluster
    assert sorted(table.index) == sorted(truth.index)
    cross = pd.crosstab(table, truth)
    assert (cross.max(axis=1) == cross.sum(axis=1)).all(), "each group is of one kind"
    kind = cross.idxmax(axis=1)
    names = found.profile.set_index("cluster").name.rename(kind)
    assert "older" in names[0] or "saving and investing" in names[0]
    assert "paying online" in names[1] or "in debt" in names[1]
    assert "little money" in names[2] or "spending little" in names[2]
    assert found.profile.name.is_unique


def test_the_profile_sums_up_its_customers(planted, found):
    frames, _ = planted
    table = found.table.execute().set_index("customer_id").cluster
    now = frames["balances"][frames["balances"].month == pd.Timestamp(JUNE)].set_index("customer_id").loc[table.index]
    profile = found.profile.set_index("cluster")
    assert profile.customers.tolist() == table.value_counts().sort_index().tolist()
    np.testing.assert_allclose(profile.aum, now.aum.groupby(table).sum())
    margin = sum(now[p] * rate for p, rate in MARGINS.items())
    np.testing.assert_allclose(profile.contribution, margin.groupby(table).sum())
    assert profile.share.sum() == pytest.approx(1)
    assert profile.potential.is_monotonic_decreasing
    assert profile.key.iloc[0]
    held = profile.potential_share.cumsum()
    assert (profile.key == (held.shift(fill_value=0) < 0.5)).all()
    age = found.differences[found.differences.trait == "age"].set_index("cluster")
    sizes, total = profile.customers, (age["mean"] * profile.customers).sum()
    others = (total - age["mean"] * sizes) / (sizes.sum() - sizes)
    np.testing.assert_allclose(age.mean_others, others)


def test_every_customer_is_with_the_nearest_centre(planted, found):
    """The engine's assignment is numpy's: recomputed from the differences of the groups' own means."""
    bank = bm.open_bank(planted[0])
    t, names = measured(bank, NUMBER, 50_000)
    rows = t.execute().set_index("customer_id").sort_index()
    z = told(rows, names)
    z = z.loc[:, z.std() > 0]
    z = (z - z.mean()) / z.std()
    table = found.table.execute().set_index("customer_id").cluster.sort_index()
    means = z.groupby(table).mean()
    assert (table == 1 + nearest(z.to_numpy(), means.to_numpy())).mean() > 0.99


def test_same_seed_same_answer_and_the_future_is_not_seen(planted, found):
    frames, _ = planted
    later = dict(frames)
    for name, time in (("balances", "month"), ("transactions", "ts")):
        ahead = frames[name][frames[name][time] > "2026-06-01"].copy()
        ahead[time] = pd.Timestamp("2026-07-31")
        if name == "transactions":
            ahead["transaction_id"] += 1_000_000
            ahead["amount"] = -9e6
        later[name] = pd.concat([frames[name], ahead], ignore_index=True)
    again = clusters(bm.open_bank(later), JUNE, **FAST)
    pd.testing.assert_frame_equal(again.profile, found.profile)
    pd.testing.assert_frame_equal(again.choice, found.choice)


def test_customers_who_are_all_alike_make_no_groups(planted):
    frames, _ = planted
    rng = np.random.default_rng(5)
    n = len(frames["customers"])
    people = frames["customers"].assign(
        birth_date=pd.Timestamp("1980-01-01") + pd.to_timedelta((3650 * rng.normal(0, 1, n)).astype(int), unit="D"),
        opened_on=pd.Timestamp(JUNE)
        - pd.to_timedelta((365 * np.expm1(rng.normal(1.8, 0.3, n))).clip(200).astype(int), unit="D"),
    )
    aum = np.round(np.exp(rng.normal(8, 1, n)), 2)
    b = frames["balances"].assign(**dict.fromkeys(PRODUCTS, 0.0), products=1)
    b["aum"] = b["demand"] = aum[b.customer_id - 1]
    alike = frames | {"customers": people, "balances": b, "transactions": frames["transactions"].iloc[:0]}
    found = clusters(bm.open_bank(alike), JUNE, **FAST)
    assert found.table is None
    assert "no groups" in found.verdict
    assert found.profile.empty
    assert found.differences.empty
    assert not found.choice.believed.any()


def test_small_groups_are_hidden(planted, found):
    few = clusters(bm.open_bank(planted[0]), JUNE, k=120, **FAST)
    exact = found.profile.customers
    assert (exact < 120).any()
    assert few.profile.suppressed[exact < 120].all()
    assert few.profile.suppressed.sum() >= 2
    secret = few.profile[few.profile.suppressed]
    assert secret[["customers", "aum", "potential", "share", "overlap", "overlap_low"]].isna().all(axis=None)
    assert not secret.key.any()
    assert set(secret.name) == set(few.differences.name[few.differences.suppressed]) == {"hidden: few customers"}
    hidden = few.differences[few.differences.suppressed]
    assert hidden[["mean", "mean_others", "difference"]].isna().all(axis=None)


@pytest.mark.slow
@pytest.mark.spark
def test_spark_says_the_same(planted, found, spark_url):
    spark = bm.open_bank(planted[0], engine=spark_url)
    other = clusters(spark, JUNE, **FAST)
    pd.testing.assert_frame_equal(other.profile, found.profile)
    one, two = (c.table.execute().sort_values("customer_id", ignore_index=True) for c in (found, other))
    pd.testing.assert_frame_equal(one, two)


def test_names_differ_and_say_what_is_telling():
    z = pd.DataFrame({"age": [1.0, 1.0, 0.1], "debt": [0.9, 0.9, 0.2], "spend": [0.7, -0.6, 0.0]})
    assert name_groups(z) == ["older, in debt, spending much", "older, in debt, spending little", "like the others"]
    assert name_groups(z.iloc[[2, 2]]) == ["like the others (1)", "like the others (2)"]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"below": 0}, "below = 0"),
        ({"sample": 10}, "sample = 10"),
        ({"draws": 1}, "draws = 1"),
        ({"seed": -1}, "seed = -1"),
        ({"numbers": (1, 2)}, "numbers = "),
        ({"numbers": ()}, "numbers = "),
        ({"k": 0}, "k = 0"),
        ({"as_of": "June"}, "as_of = 'June'"),
    ],
)
def test_what_cannot_be_is_refused(tiny_bank, options, match):
    with pytest.raises(ParameterError, match=match):
        clusters(tiny_bank, **({"as_of": "2025-06-30"} | options))


def test_too_few_customers_are_not_grouped(tiny_bank):
    with pytest.raises(Refused, match="too few to group"):
        clusters(tiny_bank, "2025-06-30")
