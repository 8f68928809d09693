"""Ways to the bank: hand-overs against a slow reference, preferences and rules by hand, both engines."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bankmkt as bm
from bankmkt.errors import DataError, ParameterError
from bankmkt.funnel import (
    RULES,
    acts,
    channel_choice,
    channel_review,
    choice_check,
    choice_summary,
    handovers,
    new_holdings,
)
from bankmkt.funnel.channel_choice import UNSEEN
from bankmkt.funnel.channels import WAYS
from bankmkt.funnel.clusters import clustered_shares

START = pd.Timestamp("2026-01-01")
ZERO = dict.fromkeys(("time_deposit", "wealth", "fund", "insurance", "metal", "loan", "card_balance"), 0.0)


def bank_of(customers=40, **tables):
    """Return a bank of customers with the given tables; transactions, by default, of none of its customers' own."""
    ids = pd.DataFrame({"customer_id": range(1, customers + 1)})
    return bm.open_bank({
        "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"}),
        "customers": ids.assign(org_id=1, opened_on=pd.Timestamp("2020-01-01"), app_registered_on=pd.NaT),
        "transactions": moves([(1, 0, "auto", "salary")]), **tables,
    })  # fmt: skip


def moves(rows):
    """Turn (customer, hours since the start, channel, kind) into transactions."""
    t = pd.DataFrame(rows, columns=["customer_id", "hour", "channel", "kind"])
    product = np.where(t["kind"].eq("purchase"), "fund", "demand")
    return t.drop(columns="hour").assign(
        transaction_id=range(1, len(t) + 1), ts=START + pd.to_timedelta(t["hour"], unit="h"), amount=10.0,
        product=product,
    )  # fmt: skip


def slow(transactions, within, success, end):
    """Return hand-overs as a frame, customer by customer."""
    way_of = {channel: way for way, tables in WAYS.items() for channel in tables.get("transactions", ())}
    out = []
    for customer, t in transactions.groupby("customer_id"):
        t = t.assign(way=t["channel"].map(way_of)).sort_values(["ts", "way"], kind="stable")
        buys = t.loc[t["kind"] == "purchase", "ts"].tolist()
        own = t[t["way"].notna()]
        runs = []
        for ts, way in zip(own["ts"], own["way"], strict=True):
            if runs and runs[-1][0] == way:
                runs[-1][2] = ts
            else:
                runs.append([way, ts, ts])
        for place, (before, now) in enumerate(itertools.pairwise(runs)):
            if now[1] - before[2] > within:
                continue
            then = runs[place + 2] if place + 2 < len(runs) else None
            out.append({
                "customer_id": customer, "from_way": before[0], "to_way": now[0],
                "hours": (now[1] - before[2]).total_seconds() / 3600,
                "matured": now[1] + max(within, success) < end,
                "success": any(now[1] <= buy <= now[1] + success for buy in buys),
                "returned": then is not None and then[0] == before[0] and then[1] - now[1] <= within,
            })  # fmt: skip
    return pd.DataFrame(out)


def test_handovers_against_a_slow_reference():
    random = np.random.default_rng(1)
    rows = [
        (customer, int(hour), random.choice(["app", "web", "counter", "atm", "pos"]),
         random.choice(["cash_in", "cash_in", "purchase"]))
        for customer in range(1, 41)
        for hour in random.choice(24 * 100, random.integers(0, 25), replace=False)
    ]  # fmt: skip
    t = moves(rows)
    bank = bank_of(transactions=t)
    day = pd.Timestamp("2026-03-31")
    found = handovers(bank, START.date(), day.date(), within="5d", success="3d", k=1).set_index(["from_way", "to_way"])
    expected = slow(t[t["ts"] < day + pd.Timedelta(days=1)], pd.Timedelta(days=5), pd.Timedelta(days=3),
                    day + pd.Timedelta(days=1))  # fmt: skip
    by = expected.groupby(["from_way", "to_way"])
    assert found["handovers"].to_dict() == by.size().to_dict()
    assert found["customers"].to_dict() == by["customer_id"].nunique().to_dict()
    assert found["median"].to_dict() == pytest.approx(by["hours"].median().to_dict())
    assert found["matured"].to_dict() == by["matured"].sum().to_dict()
    ripe = expected[expected["matured"]].groupby(["from_way", "to_way"])
    assert len(expected) - expected["matured"].sum() > 0
    for name in ("success", "returned"):
        assert found[name].to_dict() == pytest.approx(ripe[name].mean().to_dict())
        assert (found[f"{name}_lower"] < found[name]).all()
        assert (found[name] < found[f"{name}_upper"]).all()
    assert found.groupby("from_way")["share"].sum().to_numpy() == pytest.approx(np.ones(2))


@pytest.mark.parametrize(
    ("bought", "late", "hidden"),
    [(15, 0, set()), (3, 0, {"success"}), (37, 0, {"success"}), (15, 4, {"matured"}), (40, 0, set()),
     (0, 35, {"matured", "success", "returned"})],
)  # fmt: skip
def test_no_count_of_few_customers_can_be_worked_out(bought, late, hidden):
    """40 customers of the app go on to the counter, some of them to buy, the last few of them a moment ago."""
    rows = [
        (n, hour + 24 * (90 if n > 40 - late else 0), channel, "purchase" if hour and n <= bought else "cash_in")
        for n in range(1, 41) for hour, channel in ((0, "app"), (24, "counter"))
    ]  # fmt: skip
    found = handovers(bank_of(transactions=moves(rows)), "2026-01-01", "2026-04-10", k=10)
    row = found.set_index("from_way").loc["online"]
    assert row["handovers"] == 40
    assert {name for name in ("matured", "success", "returned") if np.isnan(row[name])} == hidden
    assert row[["success_lower", "success_upper"]].isna().all() == ("success" in hidden)


def test_intervals_of_customers_who_repeat_cover():
    """1,000 worlds of 60 customers with 1 to 20 acts each, alike within a customer; coverage of a nominal 95%."""
    random = np.random.default_rng(2)
    hits = naive = 0
    for _ in range(1_000):
        x = random.integers(1, 21, 60)
        y = random.binomial(x, random.beta(1, 4, 60))
        (_,), (lower,), (upper,) = clustered_shares([y.sum()], [x.sum()], [y @ y], [x @ y], [x @ x], [60])
        hits += lower <= 0.2 <= upper
        wide = 1.96 * np.sqrt(0.16 / x.sum())
        naive += abs(y.sum() / x.sum() - 0.2) <= wide
    assert 0.92 < hits / 1_000 < 0.98  # 95% less 3 points for 60 unequal customers; standard error 0.7
    assert naive / 1_000 < 0.8, "acts taken as independent would claim too much"


def test_what_counts_as_an_act():
    contact = {"customer_id": 1, "ts": START}
    contacts = pd.DataFrame([
        {"contact_id": n, "channel": channel, "status": status, **contact}
        for n, (channel, status) in enumerate(
            [("call", "answered"), ("call", "failed"), ("rm", "answered"), ("app_push", "delivered"),
             ("wechat", "opened")], 1,
        )
    ])  # fmt: skip
    events = pd.DataFrame({"event_id": [1, 2], "customer_id": pd.array([1, None], "Int64"), "visitor_id": [7, 8],
                           "ts": START, "platform": "web", "event": "login"})  # fmt: skip
    visits = pd.DataFrame({"visit_id": [1], "customer_id": [1], "org_id": [1], "ts": [START]})
    t = moves([(1, 1, "pos", "spend"), (1, 2, "third_party", "purchase"), (1, 3, "atm", "cash_out")])
    bank = bank_of(transactions=t, contacts=contacts, events=events, visits=visits)
    found = bank.frame(acts(bank, "2026-01-01", "2026-01-31"))
    assert found["way"].value_counts().to_dict() == {"offline": 3, "online": 2, "remote": 1}
    assert len(found) == 7
    assert found.loc[found["bought"], "way"].isna().all(), "bought by no way to the bank"
    assert bank.frame(acts(bank, "2026-01-02", "2026-01-31")).empty
    assert len(bank.frame(acts(bank, "2025-12-01", "2026-01-01"))) == 7
    assert bank.frame(acts(bank, "2025-01-01", "2025-12-31")).empty


def test_preferences_and_rules():
    day = [24 * n for n in range(10)]
    t = moves(
        [(1, h, "app", "cash_in") for h in day]  # online
        + [(n, h, "counter", "cash_in") for n in (2, 3, 4) for h in day[:5]]  # offline, by value
        + [(5, h, "atm", "cash_in") for h in day[:3]]  # too few days
        + [(6, h + m, "app" if h % 48 else "counter", "cash_in") for h in day for m in (0, 1)]  # half and half
        + [(7, h, "app", "cash_in") for h in day]  # online, but refused contacts
    )
    aum = {1: 9e6, 2: 1e4, 3: 1e5, 4: 1e6, 5: 1e4, 6: 1e4, 7: 1e4, 8: 7e6}
    balances = pd.DataFrame({"customer_id": list(aum), "month": pd.Timestamp("2026-01-31"), "products": 1,
                             "demand": list(aum.values()), "aum": list(aum.values()), **ZERO})  # fmt: skip
    contacts = pd.DataFrame({
        "contact_id": [1, 2, 3, 4], "customer_id": [5, 5, 7, 2], "channel": ["call", "call", "sms", "sms"], "ts": START,
        "status": ["answered", "failed", "opted_out", "delivered"],
    })  # fmt: skip
    bank = bank_of(8, transactions=t, balances=balances, contacts=contacts)
    found = bank.frame(channel_choice(bank, "2026-01-31").order_by("customer_id")).set_index("customer_id")
    none = "no preference seen"
    assert found["preferred"].to_dict() == {
        1: "online", 2: "offline", 3: "offline", 4: "offline", 5: none, 6: none, 7: "online", 8: none,
    }  # fmt: skip
    assert found["recommended"].to_dict() == {
        1: "online", 2: "remote", 3: "offline", 4: "offline", 5: "remote", 6: "remote", 7: "leave alone", 8: "offline",
    }  # fmt: skip
    assert found.loc[2, "reason"] == "cannot be reached online"
    assert found.loc[5, ["tried_remote", "answered_remote", "offline"]].tolist() == [2, 1, 3]
    assert found["tried_online"].sum() == 0, "nobody can be seen to open a text message"
    assert found.loc[6, ["online", "offline"]].tolist() == [5, 5]
    assert found["tier"].iloc[0] == "from 6 million"
    summary = choice_summary(channel_choice(bank, "2026-01-31"), k=1)
    assert summary["customers"].sum() == 8
    assert summary.groupby("tier")["share"].sum().to_dict() == pytest.approx(dict.fromkeys(set(found["tier"]), 1.0))
    hidden = choice_summary(channel_choice(bank, "2026-01-31"), "recommended", k=10)
    assert hidden.loc[hidden["suppressed"], "customers"].isna().all()
    assert (hidden.loc[~hidden["suppressed"], "customers"] == 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_no_few_customers_are_left_between_the_summaries(seed):
    """Whoever adds and subtracts up to three shown numbers and the tier's total finds nobody's small group."""
    random = np.random.default_rng(seed)
    reasons = ("asked not to be contacted", "answers calls", "has the app; cheaper than a call")
    pairs = [(way, why) for way in ("offline", UNSEEN) for why in reasons] + [("online", reasons[0])]
    parts = [("online", "prefers it", 400), *((*pair, random.choice([0, 3, 6, 12, 40, 200])) for pair in pairs)]
    counts = pd.DataFrame(parts, columns=["preferred", "reason", "customers"])
    counts = counts.assign(tier="under 50,000", recommended=counts["reason"].map(RULES))
    sums = [np.ones(len(counts), int)]
    for by in ("preferred", "recommended", "reason"):
        found = choice_summary(counts, by, k=10)
        shown = found.loc[found["tier"].eq("under 50,000") & ~found["suppressed"], [by, "customers"]]
        alone = counts["recommended"] == "leave alone"
        of = counts[by].mask(alone, "leave alone") if by == "preferred" else counts[by]
        sums += [of.eq(name).to_numpy(int) for name in shown[by]]
        assert shown["customers"].tolist() == [counts.loc[of == name, "customers"].sum() for name in shown[by]]
    assert len(sums) > 4, "something is shown"
    for few in itertools.combinations(sums, 3):
        for signs in itertools.product((-1, 0, 1), repeat=3):
            left = signs @ np.array(few)
            if (left >= 0).all():
                assert left @ counts["customers"] not in range(1, 10)


def test_preferences_out_of_time():
    """20 customers keep to the app; of 20 of the counter five go on by app."""
    before = [(c, 24 * d, "app" if c <= 20 else "counter", "cash_in") for c in range(1, 41) for d in range(6)]
    after = [(c, 24 * (40 + d), "app" if c <= 25 else "counter", "cash_in") for c in range(1, 41) for d in range(3)]
    balances = pd.DataFrame({"customer_id": range(1, 41), "month": pd.Timestamp("2026-02-28"), "products": 1,
                             "demand": 1.0, "aum": 1.0, **ZERO})  # fmt: skip
    bank = bank_of(transactions=moves(before + after), balances=balances)
    found = choice_check(bank, "2026-01-31", days=31, ahead=28, k=1).set_index("preferred")
    assert found.loc["online", ["acted", "followed", "rate", "base"]].tolist() == [20, 20, 1, 25 / 40]
    assert found.loc["offline", ["acted", "followed", "rate", "base"]].tolist() == [20, 15, 0.75, 15 / 40]
    assert found.loc["offline", "rate_lower"] < 0.75 < found.loc["offline", "rate_upper"]
    few = choice_check(bank, "2026-01-31", days=31, ahead=28, k=10).set_index("preferred")
    assert few["rate"].notna().to_dict() == {"online": True, "remote": False, "offline": False, UNSEEN: False}
    assert np.isnan(few.loc["online", "base"]), "25 of 40 are online: five who preferred the counter"
    with pytest.raises(ParameterError, match="as_of"):
        choice_check(bank, "2026-02-28", ahead=28)


@pytest.mark.slow
def test_both_engines_agree(tiny_bank, spark_bank):
    day, begin = "2025-06-30", "2025-01-01"
    few = [handovers(one, begin, day, within="60d", k=1) for one in (tiny_bank, spark_bank)]
    assert len(few[0])
    pd.testing.assert_frame_equal(*few, check_dtype=False)
    people = [one.frame(channel_choice(one, day).order_by("customer_id")) for one in (tiny_bank, spark_bank)]
    assert {"online", "no preference seen"} <= set(people[0]["preferred"])
    pd.testing.assert_frame_equal(*people, check_dtype=False)
    kept = [choice_check(one, "2025-05-31", ahead=30, k=1) for one in (tiny_bank, spark_bank)]
    assert kept[0]["followed"].sum() > 0
    pd.testing.assert_frame_equal(*kept, check_dtype=False)


def test_the_review_credits_only_what_a_recorded_touch_could_precede(tiny_bank):
    review = channel_review(tiny_bank, "2025-06-30", lookback="10d", k=1)
    contacts, events = tiny_bank.frame(tiny_bank.contacts), tiny_bank.frame(tiny_bank.events)
    seen = events["event"].isin(["campaign_view", "campaign_click"]) & events["customer_id"].notna()
    through = ~contacts["status"].isin(["failed", "opted_out"])
    first = min(contacts.loc[through, "ts"].min(), events.loc[seen, "ts"].min())
    assert review.credited_since == first.date() + pd.Timedelta(days=10)
    bought = tiny_bank.frame(new_holdings(tiny_bank, "2025-06-30", review.products))
    assert (bought["ts"].dt.date >= review.credited_since).sum() == review.counts["conversions"] == len(bought)
    later = channel_review(tiny_bank, "2025-06-30", lookback="60d", k=1)
    assert later.credited_since is None or later.credited_since > bought["ts"].max().date()
    assert not later.counts.get("conversions"), "nobody knows whether a touch came before it"
    moves = review.handovers
    assert review.figures()["handovers"] == moves["handovers"].sum() > 0
    some = replace(review, handovers=moves.assign(handovers=moves["handovers"].mask(moves.index == 0)))
    assert some.figures()["handovers"] is None, "a sum without a hidden pair is not of all"
    with pytest.raises(ParameterError, match="natural"):
        channel_review(tiny_bank, lookback="3 natural days")


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"within": None}, ParameterError, "within"),
        ({"success": "never"}, ParameterError, "never"),
        ({"k": 0}, ParameterError, "k"),
        ({"ways": {"online": {}}}, ParameterError, "ways"),
        ({"ways": {"a": {"balances": ["app"]}, "b": {}}}, ParameterError, "balances"),
        ({"ways": {"a": {"events": ["app"]}, "b": {"events": ["app"]}}}, ParameterError, "one way"),
        ({"ways": {"a": ["app"], "b": {}}}, ParameterError, "tables with their channels"),
        ({"ways": {"a": {"events": "app"}, "b": {}}}, ParameterError, "a list of channels"),
        ({"ways": {1: {"events": ["app"]}, "b": {}}}, ParameterError, "name of a way"),
        ({"org_id": 99}, ParameterError, "org_id"),
        ({}, DataError, "nobody changed"),
    ],
)
def test_bad_input(options, error, text):
    with pytest.raises(error, match=text):
        handovers(bank_of(), "2026-01-01", "2026-06-30", **options)


def test_bad_days():
    bank = bank_of()
    with pytest.raises(ParameterError, match="since"):
        acts(bank, "2026-06-30", "2026-01-01")
    with pytest.raises(ParameterError, match="days"):
        channel_choice(bank, "2026-06-30", days=0)
    with pytest.raises(ParameterError, match="by"):
        choice_summary(None, by="tier")
