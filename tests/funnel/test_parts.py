"""What a funnel says beside the steps: optional steps, breakdowns, times, flows, comparisons, those still open."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_funnel import START, frame, typed

from bankmkt import datasets
from bankmkt.engines import connect
from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.funnel import compare, funnel
from bankmkt.funnel.portions import journeys
from bankmkt.funnel.rates import compare_shares


def test_applications_for_a_loan(real_data):
    """The published numbers of cases that reach each stage."""
    events = datasets.load_bpic2012(real_data).events
    stages = ["A_SUBMITTED", "A_PREACCEPTED", "A_ACCEPTED", "O_SENT", "O_SENT_BACK", "A_APPROVED"]
    found = funnel(events, stages, within=None)
    assert found.steps.units.tolist() == [13_087, 7_367, 5_113, 5_015, 3_254, 2_246]
    assert funnel(events, ["A_SUBMITTED", "A_DECLINED"], within=None).steps.units[1] == 7_635
    assert funnel(events, ["A_SUBMITTED", "A_CANCELLED"], within=None).steps.units[1] == 2_807


def test_optional_steps_are_counted_where_they_lie_between():
    streams = [typed("abc"), typed("ac"), typed("acb"), typed("ab"), typed("bac"), typed("a")]
    found = funnel(frame(streams), ["a", "b", "c"], within=None, optional=["b"])
    assert found.steps.units.tolist() == [6, 2, 4]
    assert found.steps.rate_of_previous.tolist() == [1, 2 / 6, 4 / 6]  # c of a: b may be left out
    assert found.steps.optional.tolist() == [False, True, False]
    reached = found.units.execute().set_index("customer_id").sort_index()
    assert reached.last_step.tolist() == ["c", "c", "c", "b", "c", "a"]


def test_a_breakdown_says_whose_value_counts():
    rows = [(1, 0, "a", "x"), (1, 1, "b", "y"), (2, 0, "a", "y"), (3, 0, "a", None), (3, 1, "b", "x"), (3, 2, "c", "z")]
    events = pd.DataFrame(rows, columns=["customer_id", "minute", "event", "how"])
    events = events.assign(ts=START + pd.to_timedelta(events.minute, unit="min"))

    def units(attribute):
        found = funnel(events, ["a", "b", "c"], within=None, breakdown="how", attribute=attribute).steps
        return {
            (None if pd.isna(how) else how): rows.units.tolist() for how, rows in found.groupby("how", dropna=False)
        }

    assert units("first") == {"x": [1, 1, 0], "y": [1, 0, 0], None: [1, 1, 1]}
    assert units("last") == {"y": [2, 1, 0], "z": [1, 1, 1]}
    assert units(2) == {"y": [1, 1, 0], "x": [1, 1, 1], None: [1, 0, 0]}


def test_times_between_steps():
    hours = np.array([1, 2, 3, 4, 10.0])
    streams = [[(0, "a", 1), (int(60 * h), "b", 1), (int(60 * h) + 30, "c", 1)] for h in hours]
    found = funnel(frame(streams), ["a", "b", "c"], within=None).times.set_index(["from_step", "to_step"])
    row = found.loc["a", "b"]
    assert row[["units", "median", "q25", "q75", "mean"]].tolist() == [5, 3, 2, 4, 4]
    half = stats.t.ppf(0.975, 4) * hours.std(ddof=1) / np.sqrt(5)
    np.testing.assert_allclose(row[["mean_lower", "mean_upper"]].astype(float), [4 - half, 4 + half])
    assert (found.loc[("b", "c"), ["median", "q25", "q75"]] == 0.5).all()
    assert found.loc[("a", "c"), "median"] == 3.5


def test_where_those_who_left_went():
    streams = [typed("abc"), typed("aby"), typed("abyx"), typed("ax"), typed("a")]
    flows = funnel(frame(streams), ["a", "b", "c"], within=None).flows
    rows = {
        (row["name"], None if pd.isna(row["next"]) else row["next"]): row["units"] for row in flows.to_dict("records")
    }
    assert rows == {("a", "x"): 1, ("a", None): 1, ("b", "y"): 2}
    assert flows.groupby("name").share.sum().tolist() == [1, 1]


def test_target_lists():
    streams = [typed("abc"), typed("ab"), typed("a"), [(1_600, "a", 1)]]
    found = funnel(frame(streams), ["a", "b", "c"], within="1h", as_of="2026-03-02")
    lists = {
        "at b": found.at("b"),
        "at 3": found.at(3),
        "after a": found.lost_after("a"),
        "after 2": found.lost_after(2),
    }
    ids = {name: sorted(rows.customer_id.execute()) for name, rows in lists.items()}
    assert ids == {"at b": [0, 1], "at 3": [0], "after a": [2, 3], "after 2": [1]}
    with pytest.raises(ParameterError, match="step = 'd'"):
        found.at("d")


def test_the_open_are_not_lost_and_the_rate_of_the_first_attempt_is_true():
    """Seventy per cent buy within ten days, at exponential times; half are seen for less than that."""
    rng = np.random.default_rng(4)
    inside, rates = 0, []
    for _ in range(40):
        n = 400
        entered = rng.uniform(0, 20, n)
        wait = np.where(rng.random(n) < 0.7, rng.exponential(3, n), np.inf)
        wait = np.where(wait > 10, np.inf, wait)
        truth = 0.7 * (1 - np.exp(-10 / 3))
        day = pd.Timestamp("2026-01-01")
        views = pd.DataFrame({"customer_id": range(n), "event": "view", "ts": day + pd.to_timedelta(entered, unit="D")})
        buys = views[np.isfinite(wait)].assign(event="buy")
        buys["ts"] += pd.to_timedelta(wait[np.isfinite(wait)], unit="D")
        events = pd.concat([views, buys])
        row = funnel(events, ["view", "buy"], "10d", as_of="2026-01-20").steps.iloc[1]
        seen = events[events.ts < "2026-01-21"]
        naive = seen[seen.event == "buy"].customer_id.nunique() / seen[seen.event == "view"].customer_id.nunique()
        assert row.rate_of_entrants == pytest.approx(naive)
        rates.append((row.first_rate, naive, row.matured_rate))
        inside += row.first_rate_lower <= truth <= row.first_rate_upper
    means, errors = np.mean(rates, axis=0), np.std(rates, axis=0) / np.sqrt(40)
    assert abs(means[0] - truth) < 4 * errors[0]
    assert abs(means[2] - truth) < 4 * errors[2]
    assert means[1] < truth - 10 * errors[1], "counting the open as lost is too low"
    assert inside >= stats.binom.ppf(0.001, 40, 0.95)


def test_events_that_end_an_attempt_do_not_bias_the_rate():
    """Half are declined within a day, half of the others are approved after three weeks: a quarter of all, in truth.

    Taken to be watched to the end of their window, the declined of the last days would outnumber the approved, whose
    like are watched for as long as the log lasts. Of ten worlds the mean lies within 3 standard errors.
    """
    rng = np.random.default_rng(3)
    found = []
    for _ in range(10):
        start = rng.uniform(0, 60, 1500)
        fate = rng.choice(["declined", "approved", ""], 1500, p=[0.5, 0.25, 0.25])
        end = start + np.where(fate == "declined", rng.uniform(0, 1, 1500), rng.uniform(14, 28, 1500))
        whole = pd.DataFrame(
            {"customer_id": [*range(1500)] * 2, "event": ["a"] * 1500 + [*fate], "day": [*start, *end]}
        )
        log = whole[(whole.event != "") & (whole.day < 60)]
        log = log.assign(ts=pd.Timestamp("2026-01-01") + pd.to_timedelta((log.day * 86_400).round(), "s"))
        row = funnel(log, ["a", "approved"], "30d", exclude="declined", as_of="2026-03-01").steps.iloc[1]
        found.append(row.first_rate)
    assert abs(np.mean(found) - 0.25) < 3 * np.std(found, ddof=1) / np.sqrt(10)


def test_comparisons():
    def log(n, buyers):
        views = pd.DataFrame({"customer_id": range(n), "event": "view", "ts": pd.Timestamp("2026-01-01")})
        return pd.concat([views, views[:buyers].assign(event="buy", ts=pd.Timestamp("2026-01-02"))])

    one, other = (funnel(log(*n), ["view", "buy"], "2d", as_of="2026-01-09").steps for n in ((148, 56), (148, 70)))
    row = compare(one, other).iloc[1]
    a, b = 56 / 148, 70 / 148  # Newcombe (1998), method 10, from Wilson's two intervals
    (l1, u1), (l2, u2) = (stats.binomtest(x, 148).proportion_ci(0.95, "wilson") for x in (56, 70))
    assert row.difference == pytest.approx(b - a)
    assert row.ci_lower == pytest.approx(b - a - np.hypot(b - l2, u1 - a), abs=1e-6)
    assert row.ci_upper == pytest.approx(b - a + np.hypot(u2 - b, a - l1), abs=1e-6)
    z = (b - a) / np.sqrt((126 / 296) * (170 / 296) * 2 / 148)
    assert row.p_value == pytest.approx(2 * stats.norm.sf(z), rel=0.02)
    with pytest.raises(ParameterError, match="compare like with like"):
        compare(one, other.assign(name=["a", "b"]))
    with pytest.raises(ParameterError, match="several rows of a step"):
        compare(pd.concat([one, one]), other)
    with pytest.raises(SchemaError, match="matured_units"):
        compare(one.drop(columns="matured_units"), other)


def test_comparisons_of_alike_find_nothing_too_often():
    rng = np.random.default_rng(8)
    pairs = rng.binomial(300, 0.3, (2_000, 2))
    found = [compare_shares((a, b), (300, 300)) for a, b in pairs]
    often = sum(row.p_value < 0.05 for row in found)
    inside = sum(row.lower <= 0 <= row.upper for row in found)
    assert stats.binomtest(often, 2_000, 0.05).pvalue > 0.001
    assert stats.binomtest(inside, 2_000, 0.95).pvalue > 0.001


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"steps": ["a"]}, ParameterError, "2 to 20 steps"),
        ({"steps": ["a", "a"]}, ParameterError, "each name once"),
        ({"steps": "ab"}, ParameterError, "steps = 'ab'"),
        ({"within": "soon"}, ParameterError, "within = 'soon'"),
        ({"within": dt.timedelta(0)}, ParameterError, "within"),
        ({"order": "any"}, ParameterError, "order = 'any'"),
        ({"optional": ["a"]}, ParameterError, "cannot be left out"),
        ({"order": "strict", "steps": ["a", "b", "c"], "optional": ["b"]}, ParameterError, "optional"),
        ({"by": "who"}, SchemaError, "who"),
        ({"same": "product"}, SchemaError, "product"),
        ({"event": "what"}, SchemaError, "what"),
        ({"as_of": "soon"}, ParameterError, "as_of"),
        ({"as_of": "2020-01-01"}, DataError, "none fits"),
        ({"since": "2030-01-01"}, ParameterError, "since"),
        ({"attribute": 3}, ParameterError, "attribute = 3"),
        ({"steps": {"a": lambda t: t.nothing, "b": "b"}}, ParameterError, "step a"),
        ({"steps": {"any": lambda t: t.event != "z", "b": "b"}, "order": "unordered"}, DataError, "several steps"),
    ],
)
def test_what_cannot_be_is_refused(arguments, error, text):
    with pytest.raises(error, match=text):
        funnel(frame([typed("abc")]), **({"steps": ["a", "b"]} | arguments))


def test_frames_that_no_engine_takes_are_refused():
    events = frame([typed("abc")])
    with pytest.raises(SchemaError, match="events has two columns = 'event'"):
        funnel(pd.concat([events, events[["event"]]], axis=1), ["a", "b"])
    with pytest.raises(SchemaError, match="column ts of events is period"):
        funnel(events.assign(ts=events.ts.dt.to_period("D")), ["a", "b"])


def crowd(units=200, rows=3_000, seed=6):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        "customer_id": rng.integers(0, units, rows) * 1_000_003, "event": rng.choice(list("abcdx"), rows),
        "ts": START + pd.to_timedelta(rng.integers(0, 40_000, rows), unit="min"), "how": rng.choice(["p", "q"], rows),
    })  # fmt: skip


ASKED = {"steps": list("abcd"), "within": "3d", "exclude": "x", "breakdown": "how", "attribute": "last"}


def alike(one, other):
    pd.testing.assert_frame_equal(one.steps, other.steps)
    pd.testing.assert_frame_equal(one.times, other.times)
    pd.testing.assert_frame_equal(one.entrants, other.entrants)
    pd.testing.assert_frame_equal(one.flows, other.flows)
    rows = [found.units.execute().sort_values("customer_id", ignore_index=True) for found in (one, other)]
    moments = {name: "datetime64[us]" for name in rows[0] if name.startswith("ts_") or name in ("entered", "last_ts")}
    pd.testing.assert_frame_equal(*(frame.astype(moments) for frame in rows))  # Spark's come in nanoseconds


def test_portions_make_no_difference(monkeypatch):
    whole = funnel(crowd(), **ASKED)
    monkeypatch.setattr(journeys, "__defaults__", (500,))
    alike(whole, funnel(crowd(), **ASKED))


def test_ids_may_be_texts():
    numbers, texts = crowd(), crowd().astype({"customer_id": str})
    one, other = funnel(numbers, **ASKED), funnel(texts, **ASKED)
    pd.testing.assert_frame_equal(one.steps, other.steps)
    assert set(other.units.customer_id.execute()) == set(map(str, one.units.customer_id.execute()))


@pytest.mark.spark
def test_spark_says_the_same(spark_url, monkeypatch):
    con = connect(spark_url)
    events = con.create_table("funnel_events", crowd(), overwrite=True)
    whole = funnel(crowd(), **ASKED)
    monkeypatch.setattr(journeys, "__defaults__", (1_500,))  # two portions
    alike(whole, funnel(events, **ASKED))
