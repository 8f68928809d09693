import datetime as dt

import numpy as np
import pandas as pd
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

import bankmkt as bm
from bankmkt.funnel import funnel
from bankmkt.funnel.attempts import best_attempts
from bankmkt.funnel.chains import NEVER
from bankmkt.funnel.matches import Coded, Matches

START = dt.datetime(2026, 3, 1, 20)
NAMES = "abcd"


def frame(streams):
    """Return events as a frame, from a list per unit of (minutes, name, held value)."""
    rows = [
        (unit, START + dt.timedelta(minutes=minutes), name, same)
        for unit, stream in enumerate(streams)
        for minutes, name, same in stream
    ]
    return pd.DataFrame(rows, columns=["customer_id", "ts", "event", "campaign_id"])


def typed(text):
    """Return a stream of events a minute apart, as ClickHouse's tests write them."""
    return [(minute, name, 1) for minute, name in enumerate(text)]


# ClickHouse's own cases: its test 00632_... of windowFunnel, read off the documentation of its modes.
CASES = ["abc", "adbc", "aabbcc", "aaaabbcc", "aabbdcc", "ccbbaa"]


@pytest.mark.parametrize(("order", "levels"), [("ordered", [3, 3, 3, 3, 3, 1]), ("strict", [3, 1, 3, 3, 2, 1])])
def test_clickhouse_published_cases(order, levels):
    found = funnel(frame([typed(case) for case in CASES]), ["a", "b", "c"], within=None, order=order)
    assert found.units.order_by("customer_id").reached.execute().tolist() == levels
    assert found.steps.units.tolist() == [sum(level > step for level in levels) for step in range(3)]


def test_entry_slides_to_a_later_first_step():
    found = funnel(frame([[(1, "a", 1), (6, "a", 1), (7, "b", 1)]]), ["a", "b"], within="1min")
    assert found.steps.units.tolist() == [1, 1]
    assert found.units.entered.execute().tolist() == [pd.Timestamp(START) + pd.Timedelta(minutes=6)]


def test_rates_name_their_denominator():
    streams = [typed("abc"), typed("ab"), typed("a"), typed("x")]
    found = funnel(frame(streams), {"any": lambda t: t.event.isin(list("ax")), "b": "b", "c": "c"}, within=None)
    np.testing.assert_allclose(found.steps.rate_of_entrants, [1, 0.5, 0.25])
    np.testing.assert_allclose(found.steps.rate_of_previous, [1, 0.5, 0.5])
    paths = funnel(frame([typed("zabc"), typed("zab"), typed("za"), typed("z")]), list("zabc"), within=None)
    np.testing.assert_allclose(paths.steps.rate_of_entrants, [1, 0.75, 0.5, 0.25])
    np.testing.assert_allclose(paths.steps.rate_of_previous, [1, 0.75, 2 / 3, 0.5])


streams = st.lists(
    st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from("aabbccdxz"), st.sampled_from([1, 2])), min_size=1, max_size=9
    ),
    min_size=1,
    max_size=12,
)
windows = st.sampled_from([
    (None, None, False), ("60min", dt.timedelta(minutes=60), False), ("5min", dt.timedelta(minutes=5), False),
    ("4h", dt.timedelta(hours=4), False), ("1 natural day", dt.timedelta(days=1), True),
])  # fmt: skip


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(
    streams=streams, window=windows, order=st.sampled_from(["ordered", "strict", "unordered"]),
    number=st.integers(2, 4), exclude=st.booleans(), same=st.booleans(), late=st.booleans(),
    grain=st.sampled_from([1, 20]),
)  # fmt: skip
def test_the_plain_way_finds_the_same(streams, window, order, number, exclude, same, late, grain):
    """Coarse times make ties; the day changes at minute 240; what is seen ends with the day after the last event."""
    streams = [[(minutes // grain * grain, name, held) for minutes, name, held in stream] for stream in streams]
    events = frame(streams)
    since = "2026-03-02" if late else None
    steps = list(NAMES[:number])
    plain = [
        reference.Event(
            row.customer_id, row.ts.to_pydatetime(),
            frozenset([steps.index(row.event)] if row.event in steps else "x" if exclude and row.event == "x" else []),
            row.campaign_id if same else None,
        )
        for row in events.itertuples()
    ]  # fmt: skip
    wanted = reference.funnel(
        plain, range(number), window[1], window[2], order, end=dt.datetime(2026, 3, 2, 23, 59, 59, 999999),
        since=dt.datetime(2026, 3, 2) if late else None,
    )  # fmt: skip
    if not wanted:
        return
    found = funnel(
        events, steps, window[0], order, exclude="x" if exclude else None, same="campaign_id" if same else None,
        as_of="2026-03-02", since=since,
    )  # fmt: skip
    check(found, wanted, number)


def check(found, wanted, number):
    rows = found.units.execute().set_index("customer_id").sort_index()
    assert rows.index.tolist() == list(wanted)
    assert rows.reached.tolist() == [unit["level"] for unit in wanted.values()]
    assert rows.open.tolist() == [unit["open"] for unit in wanted.values()]
    for place in range(number):
        times = [unit["times"][place] if unit["level"] > place else None for unit in wanted.values()]
        got = [None if pd.isna(ts) else ts.to_pydatetime() for ts in rows[f"ts_{place + 1}"]]
        assert got == times, f"step {place + 1}"
        assert found.steps.units[place] == sum(time is not None for time in times)
        full = sum(unit["matured"] > place for unit in wanted.values())
        assert found.steps.matured_units[place] == full


END = 27 * 60 + 59
"""The last minute seen, from eight in the evening of the day before."""


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(
    streams=streams, length=st.sampled_from([None, 0, 5, 60, 240, 1440]), natural=st.booleans(),
    order=st.sampled_from(["ordered", "strict", "unordered"]), number=st.integers(2, 4), exclude=st.booleans(),
    same=st.booleans(), since=st.sampled_from([None, 240]), grain=st.sampled_from([1, 20, 100]), overlap=st.booleans(),
)  # fmt: skip
def test_the_kernel_finds_what_the_plain_way_finds(
    streams, length, natural, order, number, exclude, same, since, grain, overlap
):
    """Cases without an engine, each of up to a dozen units. Midnight is at minute 240."""
    natural = natural and bool(length) and length % 1440 == 0
    overlap = overlap and order != "unordered"
    fits = {name: {n} for n, name in enumerate(NAMES[:number])}
    if overlap:
        fits |= {"a": {0, number - 1}, "b": {0, 1}}
    if exclude:
        fits["x"] = {"x"} if not overlap else {"x", 1}
    plain, rows = [], []
    for unit, stream in enumerate(streams):
        for minutes, name, held in stream:
            what = frozenset(fits.get(name, ()))
            if what or order == "strict":
                at = minutes // grain * grain
                plain.append(reference.Event(unit, START + dt.timedelta(minutes=at), what, held if same else None))
                mask = sum(1 << (number if n == "x" else n) for n in what)
                rows.append((unit, at + 20 * 60, mask, held - 1))
    if not rows:
        return
    wanted = reference.funnel(
        plain, range(number), None if length is None else dt.timedelta(minutes=length), natural, order,
        end=START + dt.timedelta(minutes=END, seconds=59), since=since and START + dt.timedelta(minutes=since),
    )  # fmt: skip
    unit, at, mask, held = np.array(rows, dtype=np.int64).T
    minute = 60 * 1_000_000
    matches = Matches(
        Coded(unit, int(unit.max()) + 1, 0), at, mask, Coded(held, 2, 0) if same else None, None, minute, 0,
        END + 20 * 60,
    )  # fmt: skip
    day = 1440 * minute if natural else None
    found = best_attempts(
        matches, range(number), number, None if length is None else length * minute, day, order,
        since and since + 20 * 60, "first",
    )  # fmt: skip
    assert found.unit.tolist() == list(wanted)
    assert found.level.tolist() == [w["level"] for w in wanted.values()]
    assert found.matured.tolist() == [w["matured"] for w in wanted.values()]
    assert found.open.tolist() == [w["open"] for w in wanted.values()]
    for column, w in zip(found.times.T, wanted.values(), strict=True):
        times = [START + dt.timedelta(minutes=int(at) - 20 * 60) for at in column if at < NEVER]
        assert times == w["times"]


def test_the_package_is_called_like_the_function():
    assert "funnel" in bm.__all__
    assert bm.__getattr__("funnel") is bm.funnel
    events = frame([typed("ab")])
    pd.testing.assert_frame_equal(bm.funnel(events, ["a", "b"]).steps, funnel(events, ["a", "b"]).steps)


overlapping = {"a or b": {"a", "b"}, "b": {"b"}, "b or c": {"b", "c"}, "a": {"a"}}


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(
    streams=streams, window=windows, order=st.sampled_from(["ordered", "strict"]), number=st.integers(2, 4),
    exclude=st.sampled_from([None, "x", "b"]), grain=st.sampled_from([1, 20]),
)  # fmt: skip
def test_the_plain_way_agrees_where_an_event_fits_several_steps(streams, window, order, number, exclude, grain):
    streams = [[(minutes // grain * grain, name, held) for minutes, name, held in stream] for stream in streams]
    events = frame(streams)
    steps = dict(list(overlapping.items())[:number])
    conditions = {name: (lambda t, those=those: t.event.isin(list(those))) for name, those in steps.items()}
    plain = [
        reference.Event(
            row.customer_id, row.ts.to_pydatetime(),
            frozenset([n for n, those in enumerate(steps.values()) if row.event in those])
            | (frozenset("x") if row.event == exclude else frozenset()),
        )
        for row in events.itertuples()
    ]  # fmt: skip
    wanted = reference.funnel(
        plain, range(number), window[1], window[2], order, end=dt.datetime(2026, 3, 2, 23, 59, 59, 999999)
    )
    if wanted:
        check(funnel(events, conditions, window[0], order, exclude=exclude, as_of="2026-03-02"), wanted, number)


@pytest.mark.parametrize("grain", [1, 60])
@pytest.mark.parametrize("order", ["ordered", "strict"])
def test_clickhouse_says_the_same(order, grain):
    """Levels of 4,000 random units, ties among them, from ClickHouse itself."""
    chdb = pytest.importorskip("chdb", reason="ClickHouse in a package: pip install chdb")
    rng = np.random.default_rng(5)
    rows = 40_000
    events = pd.DataFrame({
        "customer_id": rng.integers(0, 4_000, rows),
        "minute": (rng.integers(0, 3_000, rows) // grain * grain).astype("uint32"),
        "event": rng.choice(list("aabbccdz"), rows),
    })  # fmt: skip
    steps = ", ".join(f"event = '{name}'" for name in NAMES)
    if order == "strict":  # theirs ends with the unit's first event out of order, ours begins again: one beginning each
        events = events.drop_duplicates(["customer_id", "minute"]).sort_values(["customer_id", "minute"])
        begins = ~events.customer_id.duplicated()
        events = events[begins | (events.event != "a")].assign(event=lambda e: e.event.mask(begins, "a"))
    mode = "600, 'strict_order'" if order == "strict" else "600"
    query = (
        f"SELECT customer_id, windowFunnel({mode})(minute, {steps}) AS level FROM Python(events) GROUP BY customer_id"
    )
    theirs = chdb.query(query, "DataFrame").set_index("customer_id").level
    events = events.assign(ts=pd.Timestamp("2026-01-01") + pd.to_timedelta(events.minute, unit="min"))
    ours = funnel(events, list(NAMES), "10h", order).units.execute().set_index("customer_id").reached
    assert ours.to_dict() == theirs[theirs > 0].to_dict()
    assert len(set(ours)) == 4, "all levels occur"
