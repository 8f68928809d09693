"""Journeys: against a plain implementation on random streams, on both engines, and by simulations of known truth."""

import collections
import datetime as dt
import functools
import itertools
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

import bankmkt as bm
from bankmkt.errors import BankmktError, DataError, ParameterError, SchemaError
from bankmkt.frames import engine_table, fetch
from bankmkt.funnel.clusters import clustered_shares
from bankmkt.funnel.journey_comparison import compared
from bankmkt.funnel.journeys import END, OPEN, START, journeys
from bankmkt.funnel.rates import compare_shares
from bankmkt.funnel.transitions import flows_hidden

ZERO = dt.datetime(2026, 3, 1)
DAY = dt.date(2026, 3, 1)


def frame(streams):
    """Return events as a frame, from a list per unit of (minutes, state, session)."""
    rows = [
        (unit, ZERO + dt.timedelta(minutes=minutes), state, session)
        for unit, stream in enumerate(streams)
        for minutes, state, session in stream
    ]
    return pd.DataFrame(rows, columns=["customer_id", "ts", "event", "visit"])


def plain(streams, gap=None, session=False, merge=False):
    """Return the journeys of each unit, the plain way: (unit, [(minute, state)], last)."""
    found = []
    for unit, stream in enumerate(streams):
        parts = collections.defaultdict(list)
        for minutes, state, visit in sorted(stream, key=lambda e: (e[0], e[1])):
            parts[visit if session else 0].append((minutes, state))
        for part in parts.values():
            cut = [0, *(i for i in range(1, len(part)) if gap is not None and part[i][0] - part[i - 1][0] > gap)]
            for a, b in zip(cut, [*cut[1:], len(part)], strict=True):
                steps = part[a:b]
                over = END if gap is None or 1440 - steps[-1][0] > gap else OPEN
                if merge:
                    steps = [step for i, step in enumerate(steps) if i == 0 or steps[i - 1][1] != step[1]]
                found.append((unit, steps, over))
    return found


streams = st.lists(
    st.lists(
        st.tuples(st.integers(0, 1400), st.sampled_from("abcab"), st.sampled_from([1, 2])), min_size=1, max_size=8
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=4, deadline=None, derandomize=True, database=None)
@given(
    streams=streams, how=st.sampled_from(["one", "gap", "session"]), merge=st.booleans(), grain=st.sampled_from([1, 60])
)
def test_the_plain_way_finds_the_same(streams, how, merge, grain):
    """Coarse times make ties and gaps of exactly an hour."""
    streams = [[(minutes // grain * grain, state, visit) for minutes, state, visit in stream] for stream in streams]
    options = {"as_of": DAY, "merge": merge}
    options |= {"gap": {"within": "60min"}, "session": {"session": "visit"}, "one": {}}[how]
    wanted = plain(streams, 60 if how == "gap" else None, how == "session", merge)
    events = engine_table(frame(streams), "events")[0]
    _check_transitions(bm.funnel.transitions(events, k=1, **options), wanted)
    _check_steps(bm.funnel.step_matrix(events, 3, k=1, **options), wanted)
    _check_flows(bm.funnel.journey_flows(events, 3, k=1, **options), wanted)
    _check_paths(bm.funnel.frequent_paths(events, None, 1000, k=1, **options), wanted, None)
    _check_paths(bm.funnel.frequent_paths(events, 3, 1000, k=1, **options), wanted, 3)
    _check_loops(bm.funnel.loops(events, k=1, **options), wanted)


def _check_transitions(found, wanted):
    times, units, gaps = collections.Counter(), collections.defaultdict(set), collections.defaultdict(list)
    for unit, steps, over in wanted:
        states = [START, *(state for _, state in steps), over]
        for i, pair in enumerate(itertools.pairwise(states)):
            times[pair] += 1
            units[pair].add(unit)
            if 0 < i < len(steps):
                gaps[pair].append((steps[i][0] - steps[i - 1][0]) / 60)
    got = found.set_index(["from", "to"])
    assert got.times.to_dict() == times
    assert got.units.to_dict() == {pair: len(who) for pair, who in units.items()}
    for pair, row in got.iterrows():
        assert row["share"] == pytest.approx(times[pair] / sum(n for p, n in times.items() if p[0] == pair[0]))
        assert row["ci_lower"] - 1e-9 <= row["share"] <= row["ci_upper"] + 1e-9
        wait = statistics.median(gaps[pair]) if gaps[pair] else np.nan
        assert row["median_hours"] == pytest.approx(wait, nan_ok=True)
    reached, left = found.groupby("to").times.sum(), found.groupby("from").times.sum()
    inner = {state for _, steps, _ in wanted for _, state in steps}
    assert {s: reached[s] for s in inner} == {s: left[s] for s in inner}


def _at(steps, over, number):
    return steps[number - 1][1] if number <= len(steps) else over


def _check_steps(found, wanted):
    got = found.set_index(["step", "state"])
    counts = collections.Counter((n, _at(steps, over, n)) for n in (1, 2, 3) for _, steps, over in wanted)
    who = {(n, _at(steps, over, n), unit) for n in (1, 2, 3) for unit, steps, over in wanted}
    assert got.journeys.to_dict() == counts
    assert got.units.to_dict() == collections.Counter(key[:2] for key in who)
    np.testing.assert_allclose(found.groupby("step")["share"].sum(), 1)


def _check_flows(found, wanted):
    counts = collections.Counter((n, _at(s, o, n), _at(s, o, n + 1)) for n in (1, 2) for _, s, o in wanted)
    assert found.set_index(["step", "from", "to"]).journeys.to_dict() == counts


def _check_paths(found, wanted, length):
    times, units = collections.Counter(), collections.defaultdict(set)
    for unit, steps, _ in wanted:
        states = [state for _, state in steps]
        size = length or len(states)
        for i in range(len(states) - size + 1):
            times[" → ".join(states[i : i + size])] += 1
            units[" → ".join(states[i : i + size])].add(unit)
    got = found.set_index("path")
    assert got.times.to_dict() == times
    assert got.units.to_dict() == {path: len(who) for path, who in units.items()}
    assert (got.steps == [path.count("→") + 1 for path in got.index]).all()


def _check_loops(found, wanted):
    times, hours = collections.Counter(), collections.defaultdict(list)
    for _, steps, _ in wanted:
        for i, (minute, state) in enumerate(steps):
            kinds = []
            if i + 1 < len(steps) and steps[i + 1][1] == state:
                kinds.append((state, steps[i + 1][0]))
            if i + 2 < len(steps) and steps[i + 2][1] == state != steps[i + 1][1]:
                kinds.append((steps[i + 1][1], steps[i + 2][0]))
            if back := [m for m, s in steps[i + 1 :] if s == state]:
                kinds.append(("(any)", back[0]))
            for via, end in kinds:
                times[state, via] += 1
                hours[state, via].append((end - minute) / 60)
    got = found.set_index(["state", "via"])
    assert got.times.to_dict() == times
    assert got.median_hours.to_dict() == pytest.approx({key: statistics.median(h) for key, h in hours.items()})


@pytest.mark.slow
def test_spark_finds_the_same(spark_url):
    from bankmkt.engines import connect

    rng = np.random.default_rng(3)
    events = pd.DataFrame({
        "customer_id": rng.integers(0, 30, 200), "event": rng.choice(list("abc"), 200),
        "ts": pd.Timestamp(ZERO) + pd.to_timedelta(rng.integers(0, 20 * 1440, 200), "min"),
    })  # fmt: skip
    tables = [engine_table(events, "events", connect(engine))[0] for engine in ("duckdb", spark_url)]
    known = {"as_of": "2026-03-20", "k": 1}
    for call in (
        functools.partial(bm.funnel.transitions, within="2d", since="2026-03-04", final=["c"], **known),
        functools.partial(bm.funnel.loops, merge=True, **known),
        functools.partial(bm.funnel.compare_journeys, converted="c", observe="3d", horizon="5d", **known),
    ):
        one, other = (call(table) for table in tables)
        assert len(one) > 3
        pd.testing.assert_frame_equal(one, other, check_dtype=False)


def test_a_gap_ends_a_journey_and_says_whether_it_is_over():
    events = frame([[(0, "a", 1), (60, "b", 1), (121, "c", 1), (1435, "d", 1)]])
    steps = journeys(events, within="60min", as_of=DAY).order_by("ts").execute()
    assert steps.journey.tolist() == [1, 1, 2, 3]  # sixty minutes do not end it, sixty-one do
    assert steps.next.tolist() == ["b", END, END, OPEN]
    later = journeys(events, within="60min", as_of="2026-03-02").execute()
    assert OPEN not in later.next.tolist()


def test_since_keeps_journeys_that_begin_then():
    events = pd.DataFrame({
        "customer_id": 1, "event": list("abcd"),
        "ts": pd.to_datetime(["2026-03-01 23:50", "2026-03-02 00:10", "2026-03-02 12:00", "2026-03-04 12:00"]),
    })  # fmt: skip
    assert sorted(journeys(events, within="1h", since="2026-03-02").execute().state) == ["c", "d"]
    assert sorted(journeys(events, since="2026-03-02", as_of="2026-03-03").execute().state) == ["b", "c"]


def test_events_of_one_moment_come_in_the_declared_order():
    events = pd.DataFrame({"customer_id": 1, "event": ["b", "a"], "ts": pd.Timestamp(ZERO), "event_id": [1, 2]})
    assert bm.funnel.frequent_paths(events, 2, k=1).path.tolist() == ["a → b"]
    assert bm.funnel.frequent_paths(events, 2, k=1, event_id="event_id").path.tolist() == ["b → a"]


def test_states_may_be_expressions():
    from ibis import _

    events = frame([[(0, "a", 1), (1, "b", 2)]])
    found = bm.funnel.frequent_paths(events, k=1, state=_.event + _.visit.cast("string"))
    assert found.path.tolist() == ["a1 → b2"]
    assert bm.funnel.frequent_paths(events, k=1, state="visit").path.tolist() == ["1 → 2"]


def test_long_journeys_are_told_by_their_first_steps():
    found = bm.funnel.frequent_paths(frame([[(n, "a", 1) for n in range(13)], [(n, "a", 1) for n in range(12)]]), k=1)
    assert sorted(found.steps) == [12, 12]
    assert found.path.str.endswith("…").sum() == 1


def test_rare_moves_are_hidden_and_cannot_be_worked_out():
    events = frame(
        [[(0, "a", 1), (1, "b", 1)]] * 30 + [[(0, "a", 1), (1, "c", 1)]] * 12 + [[(0, "a", 1), (1, "d", 1)]] * 2
    )
    found = bm.funnel.transitions(events).set_index(["from", "to"])
    assert found.suppressed["a", "d"]
    assert found.suppressed["a", "c"]  # else d is what is missing
    assert not found.suppressed["a", "b"]
    assert found.loc[("a", "c"), ["times", "units", "share", "median_hours"]].isna().all()
    steps = bm.funnel.step_matrix(events, 2).set_index(["step", "state"])
    assert steps.suppressed[2].to_dict() == {"b": False, "c": True, "d": True}
    assert bm.funnel.frequent_paths(events).path.tolist() == ["a → b", "a → c"]


def walks(*paths):
    """Return the events of units whose steps are letters, an hour apart."""
    return frame([[(60 * place, state, 1) for place, state in enumerate(path)] for path in paths])


def derivable(found):
    """Return the hidden flows that the shown ones tell: as many reach a state at a step as leave it, all at each."""
    cells = list(zip(found["step"], found["from"], found["to"], strict=True))
    nodes = {(step, a) for step, a, _ in cells if step > 1}
    equations = [[(step, a) == node for step, a, _ in cells] for node in nodes]
    reached = [[(step + 1, b) == node for step, _, b in cells] for node in nodes]
    totals = [[step == here for step, _, _ in cells] for here in set(found["step"])]
    hidden = found.suppressed.to_numpy()
    matrix = np.concatenate([np.array(equations, float) - np.array(reached, float), np.array(totals, float)])
    matrix = matrix[:, hidden]
    free = np.eye(hidden.sum()) - np.linalg.pinv(matrix) @ matrix
    return [cell for cell, left in zip(np.array(cells, object)[hidden], np.diag(free), strict=True) if left < 1e-9]


def test_flows_cannot_be_worked_out_from_the_steps_beside():
    """57 of the 60 who go to b go on to d: the three who do not are what is missing."""
    events = walks(*["abd"] * 57, *["abe"] * 3, *["acf"] * 12, *["acg"] * 28)
    found = bm.funnel.journey_flows(events, 3)
    suppressed = found.set_index(["step", "from", "to"]).suppressed
    assert suppressed[2, "b", "e"]
    assert suppressed[2, "b", "d"]
    assert not derivable(found)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 10_000))
def test_hidden_flows_stay_hidden(seed):
    """Flows of random sizes through three steps: no equation tells one of few, unless it is all there is."""
    rng = np.random.default_rng(seed)
    paths = rng.choice(list("abc"), (12, 4))
    rows = [(n, a, b) for path in paths for n, (a, b) in enumerate(itertools.pairwise(path), 1)]
    sizes = rng.choice([2, 5, 30, 200], 12)
    cells = collections.Counter()
    for path, size in zip(paths, sizes, strict=True):
        for n, (a, b) in enumerate(itertools.pairwise(path), 1):
            cells[n, a, b] += int(size)
    found = pd.DataFrame([(*cell, n) for cell, n in cells.items()], columns=["step", "from", "to", "units"])
    found = found.assign(suppressed=flows_hidden(found, 10))
    assert len(rows) >= len(found)
    assert found.suppressed[found.units < 10].all()
    told = [cell for cell in derivable(found) if cells[tuple(cell)] < 10]
    assert not told or not found.suppressed.all()
    assert not [cell for cell in told if (~found.suppressed[found.step == cell[0]]).any()]


def test_units_whose_journeys_are_over_are_counted_once():
    """One unit with twelve journeys of a step each is one unit at every step."""
    one = pd.DataFrame({"customer_id": 1, "event": [f"s{n}" for n in range(12)]})
    one["ts"] = pd.Timestamp(ZERO) + pd.to_timedelta(2 * np.arange(12), "D")
    found = bm.funnel.journey_flows(one, 3, k=1, within="1h", as_of="2026-04-30")
    assert found[found.step == 2][["from", "to", "journeys", "units"]].to_numpy().tolist() == [[END, END, 12, 1]]


def test_only_final_states_end_a_journey_if_named():
    events = walks("ab", "ac", "acd", "a")
    found = bm.funnel.transitions(events, k=1, final=["b", "c"]).set_index(["from", "to"]).times
    assert {pair: n for pair, n in found.items() if pair[1] in (END, OPEN)} == {
        ("a", OPEN): 1, ("b", END): 1, ("c", END): 1, ("d", END): 1
    }  # fmt: skip
    late = journeys(events, within="60min", as_of=DAY, final=["b"])  # all are over: the gap is
    assert set(late.next.execute()) == {"b", "c", "d", END}
    still = frame([[(1430, "a", 1)], [(1430, "b", 1)]])
    assert journeys(still, within="60min", as_of=DAY, final=["b"]).order_by("unit").next.execute().tolist() == [
        OPEN, END
    ]  # fmt: skip


def clustered(rng, units, p, alike):
    """Return x and n of units whose things share a tendency (beta-binomial)."""
    n = rng.integers(1, 12, units)
    own = rng.beta(p * alike, (1 - p) * alike, units)
    return rng.binomial(n, own), n


def test_intervals_hold_where_a_unit_has_many_alike():
    """Nominal 95%: of 1500 intervals, 3 standard errors are 1.7 points; a binomial interval would cover some 75%."""
    rng = np.random.default_rng(5)
    inside = binomial = 0
    for _ in range(1500):
        x, n = clustered(rng, 80, 0.2, 0.8)
        _p, low, high = clustered_shares(x.sum(), n.sum(), (x * x).sum(), (x * n).sum(), (n * n).sum(), 80)
        inside += low <= 0.2 <= high
        half = 1.96 * np.sqrt(0.2 * 0.8 / n.sum())
        binomial += abs(x.sum() / n.sum() - 0.2) <= half
    assert 0.925 < inside / 1500 < 0.975
    assert binomial / 1500 < 0.85


def random_log(rng, extra=0):
    """Return four events each of 300 units, in two groups by turns; some of the second go from a to d at once."""
    what = rng.choice(list("abcd"), (300, 4))
    what[1 : 2 * extra : 2, :2] = "a", "d"
    return what, np.arange(300) % 2


def test_few_false_findings_in_noise():
    """Two groups that behave alike: any finding at all in at most 5% of trials (3 SE of 150: 5.3 points)."""
    rng = np.random.default_rng(11)
    wrong = 0
    for _ in range(150):
        what, group = random_log(rng)
        pairs = np.char.add(what[:, :-1], what[:, 1:])
        taken = {pair: (pairs == pair).any(axis=1) for pair in np.unique(pairs)}
        units = [
            {"path": p, "units_0": (t & (group == 0)).sum(), "units_1": (t & (group == 1)).sum()}
            for p, t in taken.items()
        ]
        wrong += (compared(pd.DataFrame(units), {0: 150, 1: 150}, "holm").p_adjusted < 0.05).any()
    assert wrong / 150 <= 0.05 + 0.053


def test_few_false_findings_where_a_group_and_the_shares_are_small():
    """10,000 against 100 units, shares of 0.2%: a score test is wrong in a quarter and more of such trials.

    An exact one, which goes by the totals of both groups, in at most 5% (3 standard errors of 100: 6.5 points).
    """
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(100):
        units = pd.DataFrame({"units_0": rng.binomial(10_000, 0.002, 30), "units_1": rng.binomial(100, 0.002, 30)})
        units = units[units.sum(axis=1) >= 10].assign(path="x").reset_index(drop=True)
        wrong += (compared(units, {0: 10_000, 1: 100}, "holm").p_adjusted < 0.05).any()
    assert wrong / 100 <= 0.05 + 0.065


def test_moves_of_few_of_a_group_are_compared_and_not_shown():
    first = ["see"] * 100
    then = ["call"] * 3 + ["mail"] * 37 + ["call"] * 20 + ["mail"] * 40  # three of the forty of group 0 call
    log = pd.DataFrame({"customer_id": [*range(100)] * 2, "event": first + then})
    log["ts"] = pd.Timestamp(ZERO) + pd.to_timedelta(np.repeat([0, 1], 100), "h")
    groups = pd.DataFrame({"customer_id": range(100), "group": [0] * 40 + [1] * 60})
    every = bm.funnel.compare_journeys(log, groups, k=1)
    assert set(every.path) == {"see → call", "see → mail"}
    assert bm.funnel.compare_journeys(log, groups).empty  # nor mail: three have not
    wide = pd.concat([log, log.assign(customer_id=log.customer_id + 100)])
    groups = pd.DataFrame({"customer_id": range(200), "group": ([0] * 40 + [1] * 60) * 2})
    assert bm.funnel.compare_journeys(wide, groups, k=7).empty
    assert len(bm.funnel.compare_journeys(wide, groups, k=6)) == 2


def test_one_comparison_is_that_of_two_funnels():
    found = compared(
        pd.DataFrame({"path": ["x", "y", "z"], "units_0": [10, 0, 40], "units_1": [30, 9, 40]}), {0: 100, 1: 90}, "holm"
    )
    one = pd.DataFrame([compare_shares(pair, (100, 90)) for pair in [(10, 30), (0, 9), (40, 40)]], index=list("xyz"))
    got = found.set_index("path").rename(columns={"ci_lower": "lower", "ci_upper": "upper"}).sort_index()
    np.testing.assert_allclose(got[["difference", "lower", "upper"]], one[["difference", "lower", "upper"]])
    tables = [[[10, 90], [30, 60]], [[0, 100], [9, 81]], [[40, 60], [40, 50]]]
    sides = [[fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")] for table in tables]
    np.testing.assert_allclose(got.p_value, np.minimum(1, 2 * np.min(sides, axis=1)))


def test_a_planted_difference_is_found():
    what, group = random_log(np.random.default_rng(11), extra=60)
    log = pd.DataFrame({"customer_id": np.repeat(range(300), 4), "event": what.ravel()})
    log["ts"] = pd.Timestamp(ZERO) + pd.to_timedelta(np.tile(range(4), 300), "h")
    found = bm.funnel.compare_journeys(log, pd.DataFrame({"customer_id": range(300), "group": group}))
    assert found.path[0] == "a → d"
    assert found.p_adjusted[0] < 0.001
    truth = 60 / 150 * (1 - found.share_0[0])  # what was planted, where it was not there anyway
    assert found.ci_lower[0] < truth < found.ci_upper[0]


def purchases(rng, cause):
    """Return events of units who look about at random for sixty days; many of them buy, after which they stop.

    With a cause, those who go from home to fund in their first days buy twice as often, later.
    """
    rows = []
    for unit in range(600):
        days = np.sort(rng.uniform(0, 60, 24))
        days[0] = 0
        what = rng.choice(["home", "fund", "card"], 24)
        seen = any(d < 7 and a == "home" and b == "fund" for d, a, b in zip(days[1:], what, what[1:], strict=False))
        buys = rng.uniform(8, 30) if rng.random() < (0.7 if cause and seen else 0.35) else np.inf
        rows += [(unit, day, page) for day, page in zip(days, what, strict=True) if day < buys]
        rows += [(unit, buys, "buy")] if buys < 60 else []
    out = pd.DataFrame(rows, columns=["customer_id", "day", "event"])
    return out.assign(ts=pd.Timestamp(ZERO) + pd.to_timedelta(out.day * 86400, "s")).drop(columns="day")


def test_converted_and_others_are_compared_over_the_same_time():
    """Whoever buys stops looking, so that all their events are fewer: a leak that the comparison must not show."""
    rng = np.random.default_rng(2)
    noise = purchases(rng, cause=False)
    bought = noise.groupby("customer_id").event.agg(lambda e: int((e == "buy").any())).rename("group").reset_index()
    naive = bm.funnel.compare_journeys(noise[noise.event != "buy"], bought)
    assert (naive.p_adjusted < 0.001).any()  # as much as the leak is worth
    fair = bm.funnel.compare_journeys(noise, converted="buy", observe="7d", horizon="30d", as_of="2026-05-01")
    assert fair.p_adjusted.min() > 0.05
    assert not fair.path.str.contains("buy").any()
    real = bm.funnel.compare_journeys(purchases(rng, cause=True), converted="buy", as_of="2026-05-01")
    assert real.path[0] == "home → fund"
    assert real.p_adjusted[0] < 0.01


def test_who_converts_early_or_is_not_seen_long_enough_is_left_out():
    rows = [
        (1, 0, "view"), (1, 3, "buy"),  # within the first days
        (2, 0, "view"), (2, 1, "click"), (2, 10, "buy"),
        (3, 0, "view"), (3, 1, "click"), (3, 50, "buy"),  # too late to count
        (4, 30, "view"), (4, 31, "click"),  # not seen for 7 + 30 days
    ]  # fmt: skip
    log = pd.DataFrame(rows, columns=["customer_id", "day", "event"])
    log["ts"] = pd.Timestamp(ZERO) + pd.to_timedelta(log.day, "D")
    found = bm.funnel.compare_journeys(log, converted="buy", as_of="2026-05-01", k=1)
    assert found[["path", "units_0", "units_1", "of_0", "of_1"]].to_numpy().tolist() == [["view → click", 1, 1, 1, 1]]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda e: bm.funnel.transitions(e, state="page"), SchemaError, "page"),
        (lambda e: bm.funnel.transitions(e, by="visitor"), SchemaError, "visitor"),
        (lambda e: bm.funnel.transitions(e, within="1 natural day"), ParameterError, "within"),
        (lambda e: bm.funnel.transitions(e, as_of="2020-01-01"), DataError, "events"),
        (lambda e: bm.funnel.transitions(e, wihin="1d"), ParameterError, "wihin"),
        (lambda e: bm.funnel.transitions(e[:0]), DataError, "events"),
        (lambda e: bm.funnel.transitions(e, state=lambda t: t.nothing), ParameterError, "state"),
        (lambda e: bm.funnel.transitions(e, final="b"), ParameterError, "final"),
        (lambda e: bm.funnel.transitions(e, final=["z"]), ParameterError, "one of a, b"),
        (lambda e: bm.funnel.transitions(e.replace({"event": {"b": "(end)"}})), ParameterError, "rename"),
        (lambda e: bm.funnel.loops(e.replace({"event": {"b": "(any)"}})), ParameterError, "rename"),
        (lambda _: bm.funnel.loops(frame([[(n, f"s{n}", 1) for n in range(1001)]])), ParameterError, "1,000"),
        (lambda e: bm.funnel.step_matrix(e, 1), ParameterError, "steps"),
        (lambda e: bm.funnel.frequent_paths(e, 1), ParameterError, "length"),
        (lambda e: bm.funnel.frequent_paths(e, top=0), ParameterError, "top"),
        (lambda e: bm.funnel.compare_journeys(e), ParameterError, "groups"),
        (lambda e: bm.funnel.compare_journeys(e, e), SchemaError, "group"),
        (lambda e: bm.funnel.compare_journeys(e, converted="a", correction="no"), ParameterError, "correction"),
        (lambda e: bm.funnel.compare_journeys(e, converted="a"), DataError, "group"),
        (
            lambda e: bm.funnel.compare_journeys(e, pd.DataFrame({"customer_id": [0, 0], "group": [1, 2]})),
            DataError,
            "each unit once",
        ),
        (
            lambda e: bm.funnel.compare_journeys(e, pd.DataFrame({"customer_id": ["0", "1"], "group": [0, 1]})),
            SchemaError,
            "customer_id of groups is string",
        ),
        (
            lambda e: bm.funnel.compare_journeys(e, pd.DataFrame({"customer_id": [0, 1], "group": ["a", "b"]})),
            SchemaError,
            "group of groups is string",
        ),
    ],
)
def test_bad_input_is_refused(call, error, match):
    with pytest.raises(error, match=match) as refused:
        call(frame([[(0, "a", 1), (1, "b", 1)]]))
    assert isinstance(refused.value, BankmktError)


def test_journeys_come_as_a_table_of_the_engine():
    steps = journeys(frame([[(0, "a", 1), (1, "b", 1)]]))
    assert fetch(steps.count()).as_py() == 2
    assert steps.columns == ("unit", "state", "ts", "journey", "place", "next", "next_ts")
