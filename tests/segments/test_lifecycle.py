import datetime as dt

import numpy as np
import pandas as pd
import pytest

import bankmkt as bm
from bankmkt.errors import DataError, ParameterError
from bankmkt.schema import PRODUCTS
from bankmkt.segments.lifecycle import STATES, lifecycle

DEFAULTS = {
    "acts": 3, "new_for": 3, "trend_months": 3, "growth": 0.10, "decline": 0.10, "least": 1_000.0, "dormant_after": 3,
    "lost_after": 6, "returned_for": 3, "empty_below": 100.0,
}  # fmt: skip
OTHERS = {"acts": 1, "new_for": 2, "trend_months": 1, "growth": 0.3, "decline": 0.2, "least": 0.0, "dormant_after": 2,
          "lost_after": 2, "returned_for": 1, "empty_below": 500.0}  # fmt: skip
MONTHS = pd.date_range("2025-01-31", periods=14, freq="ME")
END = "2026-02-28"


def random_bank(seed=1, customers=150):
    """Return frames of a bank in which people come, pause, empty their accounts, leave and come back at random."""
    rng = np.random.default_rng(seed)
    people, balances, transactions, events = [], [], [], []
    for i in range(1, customers + 1):
        opened = MONTHS[0].replace(day=1) + pd.Timedelta(days=int(rng.integers(-200, 400)))
        closed = opened + pd.Timedelta(days=int(rng.integers(0, 500))) if rng.random() < 0.2 else pd.NaT
        closed = closed if closed <= MONTHS[-1] + pd.Timedelta(days=40) else pd.NaT
        people.append((i, opened, closed, 1))
        aum, busy, rich = 0.0, rng.random() < 0.5, rng.random() < 0.6
        for month in MONTHS:
            if month < opened or closed <= month:
                continue
            busy, rich = (not busy if rng.random() < 0.2 else busy), (not rich if rng.random() < 0.15 else rich)
            aum = (
                round(max(aum, 2_000.0) * np.exp(rng.normal(0, 0.2)), 2) if rich else float(rng.choice([0, 99.99, 100]))
            )
            if rng.random() < 0.95:
                balances.append((i, month, aum, -0.0 if rng.random() < 0.9 else 50.0))
            start = max(opened, month.replace(day=1))
            days = (month - start).days + 1
            for _ in range(rng.poisson(3 if busy else 0.2)):
                ts = start + pd.Timedelta(hours=int(rng.integers(0, 24 * days)))
                channel = [None, "auto", "app", "pos"][rng.integers(4)]
                kind = ["interest", "spend", "fee", "transfer_out"][rng.integers(4)]
                transactions.append((i, ts, channel, kind, -1.0, "demand"))
            for _ in range(rng.poisson(1 if busy else 0.1)):
                ts = start + pd.Timedelta(hours=int(rng.integers(0, 24 * days)))
                events.append((i, 9_000 + i, ts, "app", ["login", "page_view"][rng.integers(2)]))
    b = pd.DataFrame(balances, columns=["customer_id", "month", "demand", "loan"])
    b = b.assign(**{p: 0.0 for p in PRODUCTS if p not in b}, aum=b.demand, products=1)
    t = pd.DataFrame(transactions, columns=["customer_id", "ts", "channel", "kind", "amount", "product"])
    e = pd.DataFrame(events, columns=["customer_id", "visitor_id", "ts", "platform", "event"])
    return {
        "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"}),
        "customers": pd.DataFrame(people, columns=["customer_id", "opened_on", "closed_on", "org_id"]),
        "balances": b,
        "transactions": t.assign(transaction_id=range(len(t))),
        "events": e.assign(event_id=range(len(e))),
    }


def reference(frames, end=END, **thresholds):
    """Walk through each customer's months one by one, remembering what has been."""
    p = DEFAULTS | thresholds
    months = [m for m in MONTHS if m <= pd.Timestamp(end)]
    t, e = frames["transactions"], frames.get("events")
    own = np.where(t.channel.isna(), ~t.kind.isin(["interest", "return", "fee"]), t.channel != "auto")
    done = [t.loc[own, ["customer_id", "ts"]]] + (
        [] if e is None else [e.loc[e.event == "login", ["customer_id", "ts"]]]
    )
    done = pd.concat(done)
    acts = done.groupby(["customer_id", done.ts.dt.to_period("M")]).size().to_dict()
    held = {(r.customer_id, r.month): (r.aum, r.loan + r.card_balance) for r in frames["balances"].itertuples()}
    rows = []
    for c in frames["customers"].itertuples():
        older = c.opened_on < months[0].replace(day=1)
        used = c.opened_on.to_period("M") if older else None
        really_used, idle, bare, since_sleep, past, state, since = False, 0, 0, None, [], None, None
        for month in months:
            if c.opened_on > month:
                continue
            aum, debt = held.get((c.customer_id, month), (0.0, 0.0))
            count = acts.get((c.customer_id, month.to_period("M")), 0)
            empty = aum < p["empty_below"] and debt == 0
            idle = 0 if count >= p["acts"] else idle + 1
            bare = bare + 1 if empty else 0
            if count or not empty:
                really_used = True
                if used is None:  # months before the first use do not count
                    used = month.to_period("M")
                    idle, bare = (0 if count >= p["acts"] else 1), int(empty)
            before = past[-p["trend_months"]] if len(past) >= p["trend_months"] else None
            since_sleep = None if since_sleep is None else since_sleep + 1
            last, closed = state, c.closed_on <= month
            if closed:
                state = "lost"
            elif used is None:
                state = "prospect"
            elif (month.to_period("M") - used).n < p["new_for"]:
                state = "new"
            elif idle >= p["lost_after"] and bare >= p["lost_after"]:
                state = "lost"
            elif idle >= p["dormant_after"] or not really_used:
                state = "dormant"
            elif since_sleep is not None and since_sleep <= p["returned_for"]:
                state = "returned"
            elif before is not None and aum - before >= max(p["growth"] * before, p["least"]):
                state = "growing"
            elif before is not None and before - aum >= max(p["decline"] * before, p["least"]):
                state = "declining"
            else:
                state = "mature"
            if state in ("dormant", "lost") and not closed:
                since_sleep = 0
            since = month if state != last else since
            past.append(aum)
            rows.append((c.customer_id, month, state, since, aum))
    return tidy(pd.DataFrame(rows, columns=["customer_id", "month", "state", "since", "aum"]))


def tidy(frame):
    for name in ("month", "since"):
        frame[name] = pd.to_datetime(frame[name]).astype("datetime64[us]")
    frame["state"] = frame["state"].astype(object)
    return frame.sort_values(["customer_id", "month"], ignore_index=True)


def states(bank, end=END, months=None, **thresholds):
    return tidy(bank.fetch(lifecycle(bank, end, months, **thresholds)).to_pandas())


def one(customer, **tables):
    """Return the frames of a bank of one customer, opened in the records, with `aum` by month and acts by month."""
    aum, acts = tables["aum"], tables["acts"]
    frames = random_bank(customers=1)
    months = MONTHS[: len(aum)]
    b = pd.DataFrame({"customer_id": 1, "month": months, "demand": np.array(aum, dtype=float)})
    ts = [m.replace(day=15) + pd.Timedelta(minutes=i) for m, n in zip(months, acts, strict=True) for i in range(n)]
    t = pd.DataFrame({"transaction_id": range(len(ts)), "customer_id": 1, "ts": pd.Series(ts, dtype="datetime64[us]")})
    dates = {k: [pd.Timestamp(v)] for k, v in customer.items()}
    return frames | {
        "customers": pd.DataFrame({"customer_id": [1], "org_id": 1} | dates),
        "balances": b.assign(**{p: 0.0 for p in PRODUCTS[1:]}, aum=b.demand, products=1),
        "transactions": t.assign(channel="app", kind="spend", amount=-1.0, product="demand"),
        "events": frames["events"].iloc[:0],
    }  # fmt: skip


# Against a walk through the months one by one -------------------------------------------------------------------------


@pytest.mark.parametrize("thresholds", [{}, OTHERS], ids=["defaults", "others"])
@pytest.mark.parametrize("seed", [1, 2])
def test_states_are_those_of_a_walk_through_the_months(seed, thresholds):
    frames = random_bank(seed)
    found = states(bm.open_bank(frames), **thresholds)
    pd.testing.assert_frame_equal(found, reference(frames, **thresholds))
    assert set(found.state) == set(STATES)


def test_a_bank_without_events_counts_transactions_alone():
    frames = random_bank(3)
    del frames["events"]
    pd.testing.assert_frame_equal(states(bm.open_bank(frames), acts=1), reference(frames, acts=1))


@pytest.mark.slow
@pytest.mark.spark
def test_spark_says_the_same(spark_url):
    frames = random_bank(4, customers=80)
    frames = {name: f.assign(customer_id="C" + f.customer_id.astype(str)) if "customer_id" in f else f
              for name, f in frames.items()}  # fmt: skip
    spark = bm.open_bank(frames, engine=spark_url)
    pd.testing.assert_frame_equal(states(spark), states(bm.open_bank(frames)))
    pd.testing.assert_frame_equal(states(spark, months=2, **OTHERS), states(bm.open_bank(frames), months=2, **OTHERS))


# What a row is --------------------------------------------------------------------------------------------------------


def test_one_state_per_customer_and_month_from_the_opening():
    frames = random_bank(5)
    found = states(bm.open_bank(frames))
    assert not found.duplicated(["customer_id", "month"]).any()
    opened = frames["customers"].set_index("customer_id").opened_on
    expected = {i: (day <= MONTHS).sum() for i, day in opened.items() if day <= MONTHS[-1]}
    assert found.groupby("customer_id").size().to_dict() == expected
    assert (found.since <= found.month).all()
    closed = found.customer_id.map(frames["customers"].set_index("customer_id").closed_on)
    assert (found.state[closed <= found.month] == "lost").all()


def test_fewer_months_are_the_last_ones():
    bank = bm.open_bank(random_bank(6))
    whole = states(bank)
    for months in (1, 3, 99):
        expected = whole[whole.month.isin(MONTHS[-months:])].reset_index(drop=True)
        pd.testing.assert_frame_equal(states(bank, months=months), expected)


def test_nothing_after_the_month_matters():
    """Each month's states are the same whether the bank knows later months, knows none, or knows false ones."""
    frames = random_bank(7)
    whole = states(bm.open_bank(frames))
    poisoned = {name: f.copy() for name, f in frames.items()}
    day = pd.Timestamp("2025-09-30")
    poisoned["balances"].loc[frames["balances"].month > day, ["demand", "aum"]] = 1e9
    extra = frames["transactions"].assign(ts=pd.Timestamp("2025-10-01"), channel="app")
    poisoned["transactions"] = pd.concat([frames["transactions"], extra.assign(transaction_id=range(-len(extra), 0))])
    alive = frames["customers"].closed_on.isna()
    poisoned["customers"].loc[alive, "closed_on"] = pd.Timestamp("2025-10-01")
    expected = whole[whole.month <= day].reset_index(drop=True)
    for bank in (bm.open_bank(frames), bm.open_bank(poisoned)):
        pd.testing.assert_frame_equal(states(bank, "2025-09-30"), expected)
        pd.testing.assert_frame_equal(states(bank, "2025-10-30"), expected)


# Lives told -----------------------------------------------------------------------------------------------------------


def life(aum, acts, opened="2025-01-10", **thresholds):
    frames = one({"opened_on": opened, "closed_on": pd.NaT}, aum=aum, acts=acts)
    return states(bm.open_bank(frames), str(MONTHS[len(aum) - 1].date()), **thresholds)


def test_a_customer_comes_sleeps_and_returns():
    found = life([0, 0, 5e3, 5e3, 5e3, 5e3, 5e3, 5e3, 5e3, 5e3], [0, 0, 3, 3, 0, 0, 0, 3, 3, 3], returned_for=2)
    assert found.state.tolist() == ["prospect"] * 2 + ["new"] * 3 + ["mature"] + ["dormant"] + ["returned"] * 2 + [
        "mature"
    ]
    assert found.since.tolist() == [MONTHS[i] for i in (0, 0, 2, 2, 2, 5, 6, 7, 7, 9)]


def test_an_empty_and_silent_account_is_lost_but_may_return():
    found = life([5e3, 0, 0, 0, 0, 0, 0, 5e3], [3, 0, 0, 0, 0, 0, 0, 3])
    assert found.state.tolist() == ["new"] * 3 + ["dormant"] * 3 + ["lost"] + ["returned"]


def test_nobody_is_lost_straight_after_being_new():
    """Five months of waiting do not count: one act in the sixth, then three months of newness, dormant, lost."""
    found = life([0] * 12, [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    assert found.state.tolist() == ["prospect"] * 5 + ["new"] * 3 + ["dormant"] * 2 + ["lost"] * 2


def test_trends_need_a_share_and_an_amount():
    found = life([5e3, 5e3, 5e3, 6e3, 5_999, 4e3], [3] * 6)
    assert found.state.tolist()[3:] == ["growing", "mature", "declining"]


def test_an_old_account_without_any_use_sleeps():
    found = life([0] * 7, [0] * 7, opened="2015-01-10")
    assert found.state.tolist() == ["dormant"] * 5 + ["lost"] * 2


# Refusals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [("months", 0), ("acts", 0), ("new_for", 1.5), ("lost_after", 2), ("decline", 1.5), ("growth", -1),
     ("least", float("nan")), ("trend_months", True), ("growth", "x"), ("least", None), ("growth", True),
     ("empty_below", float("inf")), ("months", "1")],
)  # fmt: skip
def test_bad_thresholds_are_named(tiny_bank, name, value):
    with pytest.raises(ParameterError, match=rf"^{name}\b"):
        lifecycle(tiny_bank, "2025-06-30", **{name: value})


def test_numbers_of_numpy_are_numbers(tiny_bank):
    own = {"months": 2, "acts": 1, "growth": 0.5}
    numpys = {"months": np.int64(2), "acts": np.int32(1), "growth": np.float32(0.5)}
    expected = states(tiny_bank, "2025-06-30", **own)
    pd.testing.assert_frame_equal(states(tiny_bank, "2025-06-30", **numpys), expected)


def test_no_bank_and_no_balances_are_said(tiny_bank):
    with pytest.raises(ParameterError, match="bank = 'x'"):
        lifecycle("x", "2025-06-30")
    with pytest.raises(ParameterError, match=r"as_of = '2025-01-30': expected a day by which the bank has balances"):
        lifecycle(tiny_bank, dt.date(2025, 1, 30))


def test_a_missing_month_is_refused(tiny_frames):
    b = tiny_frames["balances"]
    tiny_frames["balances"] = b[b.month != pd.Timestamp("2025-03-31")]
    with pytest.raises(DataError, match="no row at 2025-03-31"):
        lifecycle(bm.open_bank(tiny_frames), "2025-06-30")
