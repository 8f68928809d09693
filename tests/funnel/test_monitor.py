"""Monitoring: false alarms as promised on simulated traffic, faults seen as soon as theory says, nothing seen early."""

import numpy as np
import pandas as pd
import pytest

import bankmkt as bm
from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.funnel.expected import WEEK, Outlook, count_evidence, pattern, shares
from bankmkt.funnel.monitor import KINDS, Replay, watch

WARM = 2
"""Weeks before anything is watched."""
ENOUGH = 1 / (WEEK * 2 * len(KINDS))
"""The risk that allows one false alarm a week."""


def traffic(weeks, base, rate, phi=0.0, rho=0.0, seed=1, apart=False):
    """Return hourly views and clicks with a daily and weekly rhythm; gamma and beta vary them beyond chance."""
    rng = np.random.default_rng(seed)
    h = np.arange(weeks * WEEK)
    hour, day = h % 24, h // 24 % 7
    mean = (1 + 0.8 * np.sin((hour - 8) * np.pi / 12)) * np.where(day >= 5, 0.7, 1.1)
    mean *= base / mean.mean()
    views = rng.poisson(mean * rng.gamma(1 / phi, phi, h.size) if phi else mean)
    q = rng.beta(rate * (1 / rho - 1), (1 - rate) * (1 / rho - 1), h.size) if rho else rate
    clicks = rng.poisson(mean * q) if apart else rng.binomial(views, q)
    return views.astype(float), clicks.astype(float), mean


def replayed(views, clicks, per_week=1.0, since=None):
    hours = pd.date_range("2025-01-06", periods=len(views), freq="h")
    return watch((views, clicks), (views, clicks), hours, 8, per_week * ENOUGH, since)


CASES = {
    "Poisson, busy": {"base": 60, "rate": 0.3},
    "Poisson, thin": {"base": 4, "rate": 0.3},
    "overdispersed": {"base": 40, "rate": 0.3, "phi": 0.2, "rho": 0.05},
    "clicks apart from views": {"base": 5, "rate": 0.25, "apart": True},
}


@pytest.mark.parametrize("case", CASES)
def test_false_alarms_are_no_more_than_promised(case):
    """At most one a week, in 24 weeks; nothing is added for chance, as the limits are cautious."""
    weeks = 24
    views, clicks, _ = traffic(weeks + WARM, seed=11, **CASES[case])
    hours, alerts = replayed(views, clicks)
    assert hours["watched"].sum() == weeks * WEEK
    alarms = (hours["alarm"] != "").sum()
    assert alarms <= weeks
    assert len(alerts) <= alarms
    inside = hours.loc[hours["watched"], ["count", "lower", "upper"]]
    share = 1 - ((inside["count"] < inside["lower"]) | (inside["count"] > inside["upper"])).mean()
    assert share > 1 - 2 / (WEEK * 8) - 3 * np.sqrt(2 / (WEEK * 8) / len(inside)), "1 hour in 672 is outside the band"


def clumped(mean, rng, spread=0.0):
    """Return views and clicks of visitors with 4 views on average (geometric), some fonder of clicks than others."""
    lively = rng.gamma(1 / spread, spread, mean.size) if spread else 1.0
    visitors = np.repeat(np.arange(mean.size), rng.poisson(mean / 4 * lively))
    views = rng.geometric(1 / 4, visitors.size)
    clicks = rng.binomial(views, rng.beta(0.6, 1.4, visitors.size))
    return tuple(np.bincount(visitors, x, mean.size) for x in (views, clicks))


@pytest.mark.parametrize(("part", "others", "spread"), [
    (1.0, 4, 0.0), (1.0, 4, 0.1), (0.05, 4, 0.0), (0.05, 1, 0.0),
])  # fmt: skip
def test_visitors_with_several_views_raise_no_more_false_alarms(part, others, spread):
    """Views come in clumps: in all the traffic, in a small campaign of it, or in that campaign only."""
    weeks, rng = 12, np.random.default_rng(4)
    mean = traffic(weeks + WARM, 100, 0.3)[2]
    own = clumped(mean * part, rng, spread)
    rest = clumped(mean * (1 - part), rng) if others > 1 else (views := rng.poisson(mean), rng.binomial(views, 0.3))
    base = tuple(x + y for x, y in zip(own, rest, strict=True))
    hours, _ = watch(own, base, pd.date_range("2025-01-06", periods=len(mean), freq="h"), 8, ENOUGH)
    alarms = (hours["alarm"] != "").sum()
    assert alarms <= weeks
    assert hours["clump"].iloc[-1] == pytest.approx(7, rel=0.4), "E[n²] / E[n] of the geometric law with mean 4"


def test_fewer_events_are_judged_with_care_whatever_the_clumps():
    """The mean of exp(evidence) of an outage is 1 at most, for clumps of any sizes (see count_evidence)."""
    rng = np.random.default_rng(3)
    for sizes in (
        rng.geometric(0.25, (20_000, 60)),
        np.full((20_000, 60), 4),
        1 + 9 * (rng.random((20_000, 60)) < 0.2),
    ):
        many = rng.poisson(5, 20_000)
        counts = np.where(np.arange(60) < many[:, None], sizes, 0).sum(axis=1)
        clump = (sizes**2).mean() / sizes.mean()
        one = np.ones(1)
        ahead = Outlook(5 * sizes.mean() * one, clump * one, 0 * one, 0.3 * one, one, 0 * one)
        worth = np.exp(count_evidence(counts.astype(float), ahead, 1 / 3))
        assert worth.mean() <= 1 + 3 * worth.std() / np.sqrt(len(worth))


def test_the_promise_scales():
    """Ten times the false alarms allowed: more of them, and still no more than promised."""
    weeks = 16
    views, clicks, _ = traffic(weeks + WARM, 40, 0.3, phi=0.1, rho=0.02, seed=0)
    few, many = ((replayed(views, clicks, per_week)[0]["alarm"] != "").sum() for per_week in (0.5, 5.0))
    assert few <= 0.5 * weeks
    assert few < many <= 5 * weeks


FAULTS = {
    "outage": (0.0, 0.0),  # views and clicks vanish
    "surge": (3.0, 1.0),  # bots: three times the views, not a click more
    "conversion_fall": (1.0, 0.5),  # page error: half of the clicks
}


@pytest.mark.parametrize("kind", FAULTS)
def test_faults_are_seen_as_soon_as_theory_says(kind):
    """Mean delay over 12 faults against what delays() computes from the evidence, with one hour of overshoot."""
    more_views, more_clicks = FAULTS[kind]
    waits, wrong, theory = [], [], []
    for seed in range(3):
        views, clicks, _ = traffic(8, 30, 0.3, phi=0.05, rho=0.01, seed=seed)
        starts = WEEK * np.array([4, 5, 6, 7]) + np.array([9, 33 + 4, 57 + 9, 81 + 13])  # morning to evening
        for start in starts:
            fault = slice(start, start + 36)
            rng = np.random.default_rng(start)
            if more_views > 1:
                views[fault] += rng.poisson(views[fault] * (more_views - 1))
            else:
                views[fault] *= more_views
            clicks[fault] = rng.binomial(clicks[fault].astype(int), more_clicks)
        hours, alerts = replayed(views, clicks)
        for start in starts:
            begin = hours["hour"].iloc[start]
            seen = hours["alarm"].iloc[start : start + 36].str.contains(kind).to_numpy()
            assert seen.any(), f"a {kind} from {begin} on is missed"
            waits.append(seen.argmax() + 1)
            about = alerts[(alerts["began"] < begin + pd.Timedelta(hours=36)) & (alerts["last"] > begin)]
            wrong.append(kind not in set(about["kind"]))
        risk = 1 / (WEEK * 2 * len(KINDS))
        replay = Replay(hours.assign(series="all"), alerts, 1.0, risk)
        theory.append(bm.funnel.delays(replay, {kind: more_clicks if "conversion" in kind else more_views}))
    told = pd.concat(theory)
    assert np.mean(waits) <= told["median_hours"].mean() + 1 + 3 * np.std(waits) / np.sqrt(len(waits))
    assert np.max(waits) <= 2 * told["longest_hours"].max() + 2
    assert sum(wrong) <= 1


def foreseen(hours, mean, rate, **more):
    """Return a replay of hours that are foreseen alike."""
    columns = {"clump": 1.0, "wide": 0.0, "share_clump": 1.0, "apart": 0.0, "series": "all", "watched": True, **more}
    frame = pd.DataFrame({"expected": np.broadcast_to(mean, hours).astype(float), **columns})
    frame = frame.assign(share=rate, expected_rate=rate, expected_part=frame["expected"] * rate)
    return Replay(frame, pd.DataFrame(), 1.0, ENOUGH)


@pytest.mark.parametrize(("mean", "rate"), [(10, 0.3), (3, 0.1), (30, 0.3)])
def test_95_of_100_page_errors_are_seen_within_the_hours_told(mean, rate):
    """2,000 errors that halve the conversion of Poisson traffic, against the rule written out, up to 400 hours."""
    told = bm.funnel.delays(foreseen(400, mean, rate), {"conversion_fall": 0.5}).iloc[0]
    rng = np.random.default_rng(12)
    views = rng.poisson(mean, (2_000, 400))
    clicks = rng.binomial(views, rate / 2)
    learned = rate * (0.5 + 0.5 * 0.5 ** (np.arange(400) // 24 / 7))  # half of it in a week
    each = clicks * np.log(0.5) + (views - clicks) * np.log((1 - learned / 2) / (1 - learned))
    height, waits = np.zeros(2_000), np.full(2_000, np.inf)
    for hour in range(400):
        height = np.maximum(0, height + each[:, hour])
        waits = np.where((height >= -np.log(ENOUGH)) & np.isinf(waits), hour + 1, waits)
    error = 3 * np.sqrt(0.25 / 2_000)
    assert (
        (waits < told["median_hours"]).mean() - 2 * error <= 0.5 <= (waits <= told["median_hours"]).mean() + 2 * error
    )
    assert (waits < told["longest_hours"]).mean() - error <= 0.95 <= (waits <= told["longest_hours"]).mean() + error


def test_a_fault_that_often_goes_unseen_is_told_so():
    """Nothing happens but in one week of ten: 9 in 10 beginnings wait for it; where nothing does, for ever."""
    mean = np.r_[np.full(WEEK, 30.0), np.full(9 * WEEK, 1e-3)]
    told = bm.funnel.delays(foreseen(10 * WEEK, mean, 0.3), {"outage": 0.0}).iloc[0]
    assert told["median_hours"] == pytest.approx(4 * WEEK, rel=0.1)
    assert told["longest_hours"] >= 8 * WEEK
    assert np.isinf(bm.funnel.delays(foreseen(WEEK, 1e-3, 0.3), {"outage": 0.0})["median_hours"].item())


def test_no_hour_sees_later_data():
    views, clicks, _ = traffic(6, 20, 0.3, phi=0.1, seed=5)
    views[5 * WEEK : 5 * WEEK + 12] = clicks[5 * WEEK : 5 * WEEK + 12] = 0
    whole, _ = replayed(views, clicks)
    end = 5 * WEEK + 48
    part, _ = replayed(views[:end], clicks[:end])
    pd.testing.assert_frame_equal(whole[:end], part)


def test_an_outage_is_not_learned_from_but_a_new_normal_is():
    views, clicks, mean = traffic(8, 40, 0.3, seed=6)
    views[5 * WEEK : 5 * WEEK + 24] = clicks[5 * WEEK : 5 * WEEK + 24] = 0
    hours, alerts = replayed(views, clicks)
    after = slice(5 * WEEK + 48, 6 * WEEK)
    assert alerts["kind"].tolist()[0] == "outage"
    assert hours["expected"][after].sum() == pytest.approx(mean[after].sum(), rel=0.05)
    before, after = (traffic(9, base, 0.3, seed=base) for base in (40, 80))
    views, clicks, mean = (np.r_[x[: 5 * WEEK], y[5 * WEEK :]] for x, y in zip(before, after, strict=True))
    hours, alerts = replayed(views, clicks)
    assert (alerts["kind"] == "surge").any()
    late = slice(7 * WEEK, None)
    assert hours["expected"][late].sum() == pytest.approx(mean[late].sum(), rel=0.05)
    assert (hours["alarm"][late] != "").sum() <= 2 + 3 * np.sqrt(2)


def test_the_size_of_an_alert():
    views, clicks, _ = traffic(5, 80, 0.3, seed=8)
    fault = slice(4 * WEEK + 8, 4 * WEEK + 20)
    clicks[fault] = np.random.default_rng(1).binomial(clicks[fault].astype(int), 0.4)
    _, alerts = replayed(views, clicks)
    found = alerts[alerts["kind"] == "conversion_fall"].iloc[-1]
    n = clicks[fault].sum()
    assert found["size"] == pytest.approx(0.4, abs=3 * 0.4 * np.sqrt(1 / n + 1 / (n / 0.4)) + 0.03)
    assert abs(found["began"] - pd.Timestamp("2025-02-03 08:00")) <= pd.Timedelta(hours=2)


def test_the_rhythm_is_learned_and_shrunk():
    views, clicks, mean = traffic(8, 50, 0.3, phi=0.1, rho=0.02, seed=9)
    shape, _, _, phi = pattern(views.reshape(-1, WEEK))
    truth = mean[:WEEK] / mean.mean()
    raw = views.reshape(-1, WEEK).mean(axis=0) / views.mean()
    assert np.mean((shape - truth) ** 2) < 0.5 * np.mean((raw - truth) ** 2)
    assert phi == pytest.approx(0.1, abs=3 * 0.1 * np.sqrt(2 / len(views)) + 0.02)
    relative, _, _, rho = shares(clicks.reshape(-1, WEEK), views.reshape(-1, WEEK))
    assert np.abs(relative - 1).max() < 0.15
    assert rho == pytest.approx(0.02, abs=0.01)


def log(views, clicks, campaign, start="2025-01-06"):
    """Write hourly counts as events."""
    frames = []
    for name, counts in (("campaign_view", views), ("campaign_click", clicks)):
        hours = np.repeat(np.arange(len(counts)), counts.astype(int))
        frames.append(pd.DataFrame({"event": name, "ts": pd.Timestamp(start) + pd.to_timedelta(hours, unit="h")}))
    return pd.concat(frames, ignore_index=True).assign(campaign_id=campaign, platform="app")


@pytest.fixture(scope="module")
def events():
    old, new = (traffic(6, base, 0.3, seed=base)[:2] for base in (12, 9))
    later = [np.r_[np.zeros(2 * WEEK), x[2 * WEEK :]] for x in new]
    return pd.concat([log(*old, 1), log(*later, 2)], ignore_index=True)


def test_a_campaign_shares_the_rhythm_of_all_and_has_a_level_of_its_own(events):
    found = bm.funnel.monitor(events, 2, since="2025-01-22", as_of="2025-02-16")
    hours = found.hours
    assert hours["hour"].iloc[0] == pd.Timestamp("2025-01-22")
    assert hours["watched"].iloc[24:].all()
    late = hours[hours["watched"]]
    assert late["expected"].sum() == pytest.approx(late["count"].sum(), rel=0.15)
    counts = events[(events["campaign_id"] == 2) & (events["ts"] >= "2025-01-22")]["event"].value_counts()
    assert (hours["count"].sum(), hours["part"].sum()) == (counts["campaign_view"], counts["campaign_click"])


@pytest.mark.slow
def test_the_same_from_spark(events, spark_url):
    from bankmkt.engines import connect

    few = events[events["ts"] < "2025-01-27"]
    one = bm.funnel.monitor(few, 2)
    con = connect(spark_url)
    other = bm.funnel.monitor(con.create_view("monitored", con.create_table("few_events", few), overwrite=True), 2)
    pd.testing.assert_frame_equal(one.hours, other.hours)


def test_several_series_share_the_promise(events):
    both = pd.concat([events, events.assign(platform="web")])
    found = bm.funnel.monitor(both, by="platform", since="2025-02-10")
    assert set(found.hours["series"]) == {"app", "web"}
    assert found.risk == pytest.approx(1 / (WEEK * 8 * 2))


@pytest.mark.parametrize(
    ("arguments", "error", "names"),
    [
        ({"weeks": 1}, ParameterError, "weeks"),
        ({"per_week": 0}, ParameterError, "per_week"),
        ({"per_week": True}, ParameterError, "per_week"),
        ({"campaign_id": "x"}, ParameterError, "campaign_id"),
        ({"numerator": "campaign_view"}, ParameterError, "numerator"),
        ({"denominator": "sight"}, DataError, "sight"),
        ({"campaign_id": 77}, DataError, "campaign_view"),
        ({"by": "colour"}, SchemaError, "colour"),
    ],
)
def test_bad_arguments_are_named(events, arguments, error, names):
    with pytest.raises(error, match=names):
        bm.funnel.monitor(events, **arguments)


def test_an_outage_that_goes_on_is_seen_up_to_the_day_and_a_log_that_is_cut_is_none():
    views, clicks = (x.astype(int) for x in traffic(4, 30, 0.3, seed=21)[:2])
    whole = log(views, clicks, 1).assign(ts=lambda f: f["ts"] + pd.Timedelta(minutes=7))
    end = whole["ts"].max().ceil("D")
    stopped = whole[whole["ts"] < end - pd.Timedelta(days=2)]
    found = bm.funnel.monitor(stopped, as_of=(end - pd.Timedelta(days=1)).date())
    assert found.hours["hour"].max() == end - pd.Timedelta(hours=1)
    assert found.alerts["kind"].tolist()[-1] == "outage"
    assert found.alerts["began"].iloc[-1] - (end - pd.Timedelta(days=2)) <= pd.Timedelta(hours=8)
    live = whole[whole["ts"] < end - pd.Timedelta(hours=13, minutes=50)]
    found = bm.funnel.monitor(live)
    assert found.hours["hour"].max() == end - pd.Timedelta(hours=15)
    assert (found.alerts["last"] < end - pd.Timedelta(days=1)).all()
    both = pd.concat([stopped.assign(platform="app"), whole.assign(platform="web")])
    found = bm.funnel.monitor(both, by="platform")
    assert found.hours.groupby("series")["hour"].max().tolist() == [end - pd.Timedelta(hours=2)] * 2
    late = found.alerts[found.alerts["last"] > end - pd.Timedelta(days=2)]
    assert late.set_index("series")["kind"].to_dict() == {"app": "outage"}


def test_series_of_unequal_length_and_size_keep_their_own_level(events):
    """The small one begins in the third week: its hours do, and what is expected of it is its own."""
    small = events[(events["campaign_id"] == 2) & (np.arange(len(events)) % 3 == 0)].assign(platform="web")
    both = pd.concat([events[events["campaign_id"] == 1], small])
    hours = bm.funnel.monitor(both, by="platform", as_of="2025-02-16").hours
    first = hours.groupby("series")["hour"].min()
    assert first["web"] - first["app"] == pd.Timedelta(weeks=2)
    watched = hours[hours["watched"]].groupby("series")[["count", "expected", "part", "expected_part"]].sum()
    assert watched["expected"].to_numpy() == pytest.approx(watched["count"].to_numpy(), rel=0.1)
    assert watched["expected_part"].to_numpy() == pytest.approx(watched["part"].to_numpy(), rel=0.1)
    counts = both["platform"][both["event"] == "campaign_view"].value_counts()
    assert hours.groupby("series")["count"].sum().to_dict() == counts.to_dict()
