"""The view of all platforms: against plain pandas, on both engines, and its totals across levels; what came back."""

import importlib

import numpy as np
import pandas as pd
import pytest
import tiny

import bankmkt as bm
from bankmkt.errors import ParameterError, SchemaError
from bankmkt.funnel.platform import ADDITIVE, ratio
from bankmkt.funnel.traffic import traffic

module = importlib.import_module("bankmkt.funnel.platform")

VIEWS = ("page_view", "campaign_view")
EVENTS = ("page_view", "campaign_view", "campaign_click", "campaign_join", "campaign_convert", "share", "login")


def frames(seed=3, text=False):
    """Return a bank of 60 customers in a tree of units, one outside it, with 3,000 events of customers and visitors."""
    rng = np.random.default_rng(seed)
    units = pd.DataFrame({
        "org_id": [1, 2, 3, 4, 5, 6], "parent_id": pd.array([None, 1, 1, 2, 2, 3], "Int64"),
        "level": ["head_office", "branch", "branch", "sub_branch", "sub_branch", "sub_branch"],
        "name": ["Head", "East", "West", "Same", "Same", "West 1"],
    })  # fmt: skip
    people = pd.DataFrame({
        "customer_id": range(1, 61), "opened_on": pd.Timestamp("2020-01-01"), "org_id": rng.choice([1, 3, 4, 5, 6], 60)
    })  # fmt: skip
    n = 3000
    who = rng.integers(1, 71, n)
    event = rng.choice(EVENTS, n, p=[0.4, 0.2, 0.1, 0.08, 0.05, 0.05, 0.12])
    about = np.isin(event, EVENTS[1:6])
    events = pd.DataFrame({
        "event_id": range(n), "customer_id": pd.array(np.where(who > 60, 0, who), "Int64"),
        "visitor_id": 100 + who // 2 * 2, "ts": pd.Timestamp("2026-01-01") + pd.to_timedelta(
            rng.integers(0, 60 * 86_400, n), unit="s"),
        "platform": rng.choice(["app", "web", "wechat"], n, p=[0.6, 0.3, 0.1]), "event": event,
        "campaign_id": pd.array(np.where(about, rng.integers(1, 4, n), 0), "Int64"),
        "duration_s": np.where(np.isin(event, VIEWS) & (rng.random(n) < 0.9), rng.integers(1, 90, n) / 2, np.nan),
    })  # fmt: skip
    events["customer_id"] = events["customer_id"].mask(events["customer_id"] == 0)
    events["campaign_id"] = events["campaign_id"].mask(events["campaign_id"] == 0)
    campaigns = tiny.frames()["campaigns"].assign(
        starts_on=pd.Timestamp("2025-12-01"), ends_on=pd.Timestamp("2026-05-01")
    )
    contacts = pd.DataFrame({
        "contact_id": range(80), "campaign_id": rng.integers(1, 4, 80), "customer_id": rng.integers(1, 61, 80),
        "channel": rng.choice(["sms", "call", "wechat"], 80), "status": "sent",
        "ts": pd.Timestamp("2026-01-05") + pd.to_timedelta(rng.integers(0, 40, 80), unit="D"),
    })  # fmt: skip
    out = {"organisations": units, "customers": people, "events": events, "campaigns": campaigns, "contacts": contacts}
    return tiny.with_text_ids(out) if text else out


@pytest.fixture(scope="module")
def bank():
    return bm.open_bank(frames())


def plain(events, columns):
    """Count as the docstring says, with pandas."""
    seen = events[events["event"].isin(VIEWS)]
    out = {
        "events": len(events), "page_views": len(seen), "seconds": seen["duration_s"].sum(),
        "visitors": events["visitor_id"].nunique(), "users": events["customer_id"].nunique(),
        "median_seconds": seen["duration_s"].median(), "mean_seconds": seen["duration_s"].mean(),
    }  # fmt: skip
    for name, event in zip(("campaign_views", "clicks", "joins", "conversions", "shares"), EVENTS[1:6], strict=True):
        out[name] = (events["event"] == event).sum()
    viewers = set(events.loc[events["event"] == "campaign_view", "visitor_id"])
    out["campaign_visitors"] = len(viewers)
    for name, event in (("join_rate", "campaign_join"), ("conversion_rate", "campaign_convert")):
        done = set(events.loc[events["event"] == event, "visitor_id"])
        out[name] = len(viewers & done) / len(viewers) if viewers else np.nan
    out["click_rate"] = out["clicks"] / out["campaign_views"] if out["campaign_views"] else np.nan
    return out


def first_channel(tables):
    """Return each event's channel of contact with loops."""
    contacts = tables["contacts"].sort_values(["ts", "channel"])
    first = {}
    for row in contacts.itertuples():
        first.setdefault((row.customer_id, row.campaign_id), (row.ts, row.channel))
    channels = []
    for row in tables["events"].itertuples():
        if pd.isna(row.campaign_id):
            channels.append("no campaign")
        else:
            ts, channel = first.get((row.customer_id, row.campaign_id), (pd.Timestamp.max, ""))
            channels.append(channel if ts <= row.ts else "not contacted")
    return channels


def labelled(tables):
    events = tables["events"].merge(tables["campaigns"][["campaign_id", "name", "business_line"]], "left")
    events = events.rename(columns={"name": "campaign"}).fillna(
        {"campaign": "no campaign", "business_line": "no campaign"}
    )
    return events.assign(channel=first_channel(tables), period=events["ts"] >= "2026-01-15")


@pytest.mark.parametrize("by", ["platform", ["campaign", "business_line"], ["channel", "platform"]])
def test_the_view_is_what_plain_pandas_counts(bank, by):
    found = bm.funnel.platform(bank, by, since="2026-01-15", k=1)
    keys = [by] if isinstance(by, str) else by
    events = labelled(frames())
    period = events[events["period"]]
    expected = {key if isinstance(key, tuple) else (key,): plain(rows, keys) for key, rows in period.groupby(keys)}
    expected[("total",) * len(keys)] = plain(period, keys)
    assert set(found[keys].itertuples(index=False, name=None)) == set(expected)
    for row in found.to_dict("records"):
        for name, value in expected[tuple(row[key] for key in keys)].items():
            assert row[name] == pytest.approx(value, nan_ok=True), (row[keys[0]], name)


def test_new_users_are_those_never_seen_before(bank):
    found = bm.funnel.platform(bank, since="2026-01-15", as_of="2026-02-10", k=1).set_index("platform")
    events = frames()["events"].dropna(subset="customer_id")
    first = events.groupby("customer_id")["ts"].min()
    new = first[(first >= "2026-01-15") & (first < "2026-02-11")].index
    inside = events[(events["ts"] >= "2026-01-15") & (events["ts"] < "2026-02-11") & events["customer_id"].isin(new)]
    assert found.loc["total", "new_users"] == len(new)
    assert found["new_users"].drop("total").to_dict() == {
        name: rows["customer_id"].nunique() if len(rows) else 0
        for name in ("app", "web", "wechat") for rows in [inside[inside["platform"] == name]]
    }  # fmt: skip


@pytest.mark.parametrize("text", [False, True])
def test_what_adds_up_adds_up_across_units_levels_and_dimensions(text):
    tables = frames(text=text)
    bank = bm.open_bank(tables)
    views = {
        level: bm.funnel.platform(bank, "org", level=level, k=1) for level in ("sub_branch", "branch", "head_office")
    }
    views |= {by: bm.funnel.platform(bank, by, k=1) for by in (("channel",) if text else ("platform", "campaign"))}
    names = list(ADDITIVE)
    total = bm.funnel.platform(bank, (), k=1)[names].iloc[0]
    for view in views.values():
        np.testing.assert_allclose(view[names].iloc[:-1].sum(), total)
        np.testing.assert_allclose(view[names].iloc[-1].astype(float), total)
    parent = tables["organisations"].set_index("org_id")["parent_id"]
    up = views["sub_branch"].iloc[:-1].dropna(subset="org_id")
    sums = up.groupby(up["org_id"].map(parent))[names].sum()
    branches = views["branch"].dropna(subset="org_id").set_index("org_id")
    east, west = tables["organisations"]["org_id"].iloc[1:3]
    np.testing.assert_allclose(sums.loc[east], branches.loc[east, names].astype(float))
    assert (sums.loc[west] <= branches.loc[west, names]).all(), "some customers belong to the branch itself"
    assert views["head_office"]["org"].tolist()[:2] == ["Head", "not signed in"]
    assert "no unit" in set(views["branch"]["org"]) & set(views["sub_branch"]["org"])
    assert sum(name.startswith("Same (") for name in views["sub_branch"]["org"]) == 2


def test_a_unit_shows_its_own_customers(bank):
    tables = frames()
    own = tables["customers"].loc[tables["customers"]["org_id"].isin([2, 4, 5]), "customer_id"]
    expected = plain(tables["events"][tables["events"]["customer_id"].isin(own)], [])
    found = bm.funnel.platform(bank, org_id=2, k=1).iloc[-1]
    assert (found["events"], found["users"]) == (expected["events"], expected["users"])
    below = bm.funnel.platform(bank, "org", org_id=2, level="sub_branch", k=1)
    assert set(below["org_id"].iloc[:-1]) == {4, 5}
    assert below["org_id"].iloc[-1] is pd.NA


@pytest.mark.slow
def test_spark_gives_the_same(bank, spark_url):
    spark = bm.open_bank(frames(), engine=spark_url)
    one, other = (bm.funnel.platform(b, ["channel", "org"], since="2026-01-15", k=1) for b in (bank, spark))
    pd.testing.assert_frame_equal(one, other, check_dtype=False)


def test_few_visitors_are_hidden_and_cannot_be_subtracted(bank):
    found = bm.funnel.platform(bank, ["channel", "platform"], k=10)
    full = bm.funnel.platform(bank, ["channel", "platform"], k=1)
    visitors = full["visitors"].to_numpy()
    assert found.loc[found["suppressed"], ["visitors", "page_views", "click_rate"]].isna().all(axis=None)
    assert found["suppressed"][:-1][visitors[:-1] < 10].all()
    assert found["suppressed"].sum() != 1
    assert (found["visitors"].dropna() >= 10).all()


def small(views=50, clicks=2, timed=1, users=30):
    """Return a bank in which few of those who saw a campaign on the web clicked and converted."""
    who = np.arange(views)
    seen = pd.DataFrame({"visitor_id": who, "event": "campaign_view", "duration_s": np.where(who < timed, 9.0, np.nan)})
    clicked = seen[:clicks].assign(event="campaign_click", duration_s=np.nan)
    events = pd.concat([seen, clicked, clicked.assign(event="campaign_convert")], ignore_index=True)
    elsewhere = pd.DataFrame({"visitor_id": np.arange(200, 220), "event": "campaign_convert"})
    events = pd.concat([events, elsewhere], ignore_index=True)
    number = events["visitor_id"].where(events["visitor_id"] < users)
    events = events.assign(event_id=range(len(events)), ts=pd.Timestamp("2026-02-01"), platform="web", campaign_id=1,
                           customer_id=pd.array(number + 1, "Int64"))  # fmt: skip
    other = events.assign(event_id=events["event_id"] + 9_000, visitor_id=events["visitor_id"] + 500, platform="app",
                          customer_id=pd.array(number + 31, "Int64"), event="page_view")  # fmt: skip
    return bm.open_bank(frames() | {"events": pd.concat([events, other])})


def test_a_rate_shows_no_count_that_is_hidden():
    full = bm.funnel.platform(small(), k=1).set_index("platform")
    assert full.loc["web", "conversion_rate"] == pytest.approx(2 / 50)
    assert full.loc["web", "conversions"] == 22
    found = bm.funnel.platform(small()).set_index("platform")
    hidden = ["clicks", "click_rate", "click_rate_upper", "conversion_rate", "conversion_rate_lower", "seconds",
              "mean_seconds", "median_seconds"]  # fmt: skip
    assert found.loc[["web", "total"], hidden].isna().all(axis=None), "nor in the total, which one row makes up"
    assert found.loc["web", ["visitors", "conversions", "users"]].tolist() == [70, 22, 30]
    few = bm.funnel.platform(small(users=4)).set_index("platform")
    assert few["users"].isna().all()
    assert few["visitors"].notna().all()


def test_no_click_in_fifty_views_is_not_sure_to_be_none():
    row = bm.funnel.platform(small(clicks=0)).iloc[-1]
    assert [row["click_rate"], row["click_rate_lower"]] == pytest.approx([0, 0], abs=1e-12)
    assert 0.05 < row["click_rate_upper"] < 0.1


def test_the_joins_of_a_view_are_made_once(monkeypatch, bank):
    made = []
    monkeypatch.setattr(module, "traffic", lambda *a, **b: made.append(a) or traffic(*a, **b))
    bm.funnel.platform(bank, "channel", since="2026-01-15", k=1)
    assert len(made) == 1


def test_the_interval_of_a_ratio_holds_the_truth_where_visitors_repeat():
    """Visitors differ in how often they click: 95% of intervals hold the mean rate, Wilson's would be far too short."""
    rng = np.random.default_rng(5)
    held, runs, truth = 0, 400, 0.3
    for _ in range(runs):
        views = rng.integers(1, 30, 300)
        clicks = rng.binomial(views, rng.beta(1.5, 3.5, 300))
        sums = [np.sum(x) for x in (clicks, views, clicks**2, clicks * views, views**2)]
        _, lower, upper = ratio(*sums, 300)
        held += lower <= truth <= upper
    assert held / runs == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / runs) + 0.01)


def test_hours_of_the_week(bank):
    found = bm.funnel.hours_of_week(bank, "2026-01-05", "2026-02-15", k=1)
    events = frames()["events"]
    events = events[events["event"].isin(VIEWS) & events["ts"].between("2026-01-05", "2026-02-16", inclusive="left")]
    assert len(found) == 168
    assert found["page_views"].sum() == len(events)
    chosen = events[(events["ts"].dt.day_of_week == 2) & (events["ts"].dt.hour == 13)]
    row = found[(found["weekday"] == 3) & (found["hour"] == 13)].iloc[0]
    weekly = chosen.groupby(chosen["ts"].dt.date).size().reindex(
        pd.date_range("2026-01-07", "2026-02-11", freq="7D").date, fill_value=0)  # fmt: skip
    assert row["page_views"] == len(chosen)
    assert row["visitors"] == chosen["visitor_id"].nunique()
    assert row["per_hour"] == pytest.approx(weekly.mean())
    wide = 2.570581835636314 * weekly.std() / np.sqrt(6)  # Student's t, 5 degrees of freedom
    assert row["per_hour_upper"] - row["per_hour"] == pytest.approx(wide)


@pytest.mark.parametrize(
    ("arguments", "error", "names"),
    [
        ({"by": "colour"}, ParameterError, "by = 'colour'"),
        ({"by": 5}, ParameterError, "by = 5"),
        ({"by": None}, ParameterError, "by: expected"),
        ({"by": ["org", "org"]}, ParameterError, "each once"),
        ({"level": "county"}, ParameterError, "level"),
        ({"since": "2026-03-01", "as_of": "2026-02-01"}, ParameterError, "since"),
        ({"org_id": 99}, ParameterError, "org_id"),
        ({"k": 0}, ParameterError, "k = 0"),
    ],
)
def test_bad_arguments_are_named(bank, arguments, error, names):
    with pytest.raises(error, match=names):
        bm.funnel.platform(bank, **arguments)


def test_a_bank_without_what_is_asked_for():
    tables = frames()
    del tables["contacts"]
    with pytest.raises(SchemaError, match="contacts"):
        bm.funnel.platform(bm.open_bank(tables), "channel")
