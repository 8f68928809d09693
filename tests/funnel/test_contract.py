"""Events before sign-up are given to whom they belong; planted faults are found, and sound events raise none."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import tiny

from bankmkt import funnel, open_bank
from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.funnel import clocks, contract
from bankmkt.synth import demo_bank

FIRST, LAST = "2026-03-01", "2026-05-01"


@pytest.fixture(scope="module")
def sound():
    """Two months of generated events, as a frame."""
    events = demo_bank().events
    columns = ["event_id", "customer_id", "visitor_id", "ts", "platform", "event", "page", "campaign_id"]
    rows = events.filter(events.ts >= FIRST, events.ts < LAST).select(*columns).to_pandas()
    return rows.astype({"customer_id": "Int64", "campaign_id": "Int64"})


def moved(events, platform, first, last, hours):
    """Let a platform's clock be ahead for some days."""
    at = (events.platform == platform) & events.ts.between(first, pd.Timestamp(last) + pd.Timedelta(hours=23.999))
    return events.assign(ts=events.ts.where(~at, events.ts + pd.Timedelta(hours=hours))), int(at.sum())


@pytest.mark.parametrize(("platform", "first", "last", "hours"), [
    ("mini_programme", "2026-03-10", "2026-03-13", 8), ("web", "2026-03-20", "2026-04-04", -8),
    ("app", "2026-04-16", "2026-04-16", 12),
])  # fmt: skip
def test_a_moved_clock_is_found(sound, platform, first, last, hours):
    events, planted = moved(sound, platform, first, last, hours)
    found = funnel.event_faults(events)
    assert found.fault.tolist() == ["clock off by hours"]
    days, shift = found["where"].item().removeprefix(f"platform {platform}, ").split(": ")
    assert shift == f"{hours:+d} h".replace("-", "−")
    told = [pd.Timestamp(day) for day in days.split(" to ")]
    least = pd.Timedelta(days=1 if platform != "app" else 0)
    assert abs(told[0] - pd.Timestamp(first)) <= least
    assert abs(told[-1] - pd.Timestamp(last)) <= least
    assert found.events.item() == pytest.approx(planted, rel=0.2)
    assert found.p_value.item() < 0.01


def test_missing_hours_are_found(sound):
    gone = (sound.platform == "app") & sound.ts.between("2026-04-14 19:00", "2026-04-14 21:59:59")
    found = funnel.event_faults(sound[~gone])
    assert found["where"].tolist() == ["platform app, 2026-04-14 19:00 to 2026-04-14 22:00"]
    assert found.fault.item() == "hours missing"
    assert found.events.item() == pytest.approx(gone.sum(), rel=0.25)


def test_a_platform_that_fell_silent_is_found_before_it_is_back(sound):
    gone = (sound.platform == "app") & (sound.ts >= "2026-04-26")
    for as_of in ("2026-04-30", None):
        found = funnel.event_faults(sound[~gone], as_of=as_of)
        assert found.fault.tolist() == ["hours missing"]
        first, last = found["where"].item().removeprefix("platform app, ").split(" to ")
        assert abs(pd.Timestamp(first) - pd.Timestamp("2026-04-26")) <= pd.Timedelta(hours=9), "the night is quiet"
        assert abs(pd.Timestamp(last) - pd.Timestamp(LAST)) <= pd.Timedelta(hours=3)
        assert found.events.item() == pytest.approx(gone.sum(), rel=0.25)
    cut = sound[sound.ts < "2026-04-30 10:20"]
    assert not len(funnel.event_faults(cut)), "a log that is cut in the morning is sound"
    assert set(funnel.event_faults(cut, as_of="2026-04-30").fault) == {"hours missing"}, "but not if the day is over"


def test_what_was_sent_twice_is_found(sound):
    again = sound.sample(60, random_state=1)
    events = pd.concat([sound, again.assign(event_id=again.event_id + 10**9)], ignore_index=True)
    found = funnel.event_faults(events)
    assert found.fault.tolist() == ["sent twice"]
    assert found.events.item() - found.expected.item() == pytest.approx(60, abs=3)
    slow = again.assign(event_id=again.event_id + 10**9, ts=again.ts + pd.Timedelta(seconds=3))
    assert not len(funnel.event_faults(pd.concat([sound, slow], ignore_index=True)))  # a second tap is no fault


def test_what_no_human_does_is_found(sound):
    n = 700
    fast = sound.head(n).assign(
        event_id=-np.arange(1, n + 1), visitor_id=-1, event="campaign_view", page=[f"p{i}" for i in range(n)],
        ts=pd.Timestamp("2026-03-03 04:00") + pd.to_timedelta(np.arange(n) * 0.5, unit="s"),
    )  # fmt: skip
    slow = fast.head(144).assign(
        event_id=-np.arange(1001, 1145), visitor_id=-2,
        ts=pd.Timestamp("2026-03-04") + pd.to_timedelta(np.arange(144) * 10, unit="min"),
    )  # fmt: skip
    found = funnel.event_faults(pd.concat([sound, fast, slow], ignore_index=True))
    assert found.fault.tolist() == ["not human", "not human"]
    assert found["where"].str.endswith(": 1").all()
    assert found.events.tolist() == [pytest.approx(n, abs=100), 144]


def test_late_events_need_the_time_of_receipt(sound):
    few = sound.head(5_000)
    events = few.assign(received_at=few.ts + pd.Timedelta(minutes=2))
    events.loc[:29, "received_at"] = few.ts + pd.Timedelta(days=3)
    events.loc[30:39, "received_at"] = few.ts - pd.Timedelta(hours=1)
    found = funnel.event_faults(events)
    assert dict(zip(found.fault, found.events, strict=True)) == {"late": 30, "received before it happened": 10}
    assert "late" in found.attrs["judged"]
    assert "received_at" in funnel.event_faults(few).attrs["not_judged"]["late"]
    assert len(funnel.event_faults(events, late_after="4d")) == 1


def test_sound_events_raise_no_alarm():
    """Three parts of the generated events, each with a promise of one false alarm in a hundred."""
    events = demo_bank().events
    months = pd.date_range("2024-07-01", "2026-07-01", freq="8MS")
    for first, last in pairwise(months):
        part = events.filter(events.ts >= first.to_pydatetime(), events.ts < last.to_pydatetime())
        assert not len(funnel.event_faults(part)), first


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_false_alarms_of_the_clock_and_of_missing_hours_are_as_rare_as_promised(spread):
    """150 sound groups of 90 days, with and without days and hours that vary more than by chance; alpha is a tenth."""
    rng = np.random.default_rng(8)
    days = pd.date_range("2026-01-01", periods=90)
    profile = 1.2 + np.sin((np.arange(24) - 9) / 24 * 2 * np.pi) + 0.5 * np.sin(np.arange(24) / 2)
    usual = np.where(days.day_of_week.to_numpy()[:, None] >= 5, np.roll(profile, 1), profile) * 12
    alarms = 0
    for _ in range(150):
        noise = np.exp(rng.normal(-(spread**2) / 2, spread, usual.shape)) if spread else 1.0
        counts = rng.poisson(usual * noise * rng.lognormal(0, 0.15, (90, 1)))
        alarms += bool(clocks.shifted(days, counts, 1, 0.1)) + bool(clocks.missing(days, counts, 1, 0.1))
    assert alarms / 300 <= 0.1


def test_a_group_that_began_in_the_hour_the_log_ends_in_misses_nothing():
    counts = np.zeros((1, 24))
    counts[0, 23] = 300
    assert clocks.missing(pd.date_range("2026-01-01", periods=1), counts, 1, 0.01, end=23) == []


@pytest.mark.parametrize("part", [0.1, 0.2, 0.3, 0.5])
def test_a_closed_holiday_is_no_outage_but_silence_is(part):
    """24 sound groups with a holiday of a day or a week; alpha is a tenth. A day of silence is found in each."""
    days = pd.date_range("2026-01-01", periods=60)
    profile = 1.2 + np.sin((np.arange(24) - 9) / 24 * 2 * np.pi) + 0.5 * np.sin(np.arange(24) / 2)
    alarms = 0
    for seed in range(24):
        usual = np.tile(profile * (60 if seed % 2 else 12), (60, 1))
        usual[30 : 31 if seed % 4 < 2 else 37] *= part
        alarms += bool(clocks.missing(days, np.random.default_rng(seed).poisson(usual), 1, 0.1))
    assert alarms <= 2
    usual[50] = 0
    (run, lacking), = clocks.missing(days, np.random.default_rng(1).poisson(usual), 1, 0.1)  # fmt: skip
    assert (run.first, run.last) == (pytest.approx(50 * 24, abs=1), pytest.approx(50 * 24 + 23, abs=1))
    assert lacking == pytest.approx(profile.sum() * 60, rel=0.1)


def test_a_holiday_is_no_moved_clock():
    rng = np.random.default_rng(2)
    days = pd.date_range("2026-01-01", periods=60)
    usual = np.tile(10 + 30 * np.exp(-(((np.arange(24) - 10) / 3) ** 2)), (60, 1))
    usual[30:33] = usual[30:33].mean()  # people are about all day and all night
    assert clocks.shifted(days, rng.poisson(usual), 1, 0.01) == []


def test_events_and_the_lives_of_customers():
    frames = tiny.frames()
    sound = funnel.event_faults(open_bank(frames), late_after="1d")
    assert not len(sound)
    events, customers = frames["events"], frames["customers"]
    named = events[events.customer_id.notna()]
    first = named.groupby("customer_id").ts.min().iloc[0]
    who = named.groupby("customer_id").ts.min().index[0]
    extra = named.head(1).assign(event_id=9_001, customer_id=who, event="sign_up", ts=first + pd.Timedelta(days=1))
    early = named.tail(2).assign(event_id=[9_002, 9_003], customer_id=48, ts=pd.Timestamp("2025-01-03 12:00"))
    outside = events[events.campaign_id.notna()].head(3).assign(
        event_id=[9_004, 9_005, 9_006], ts=pd.Timestamp("2025-02-03 12:00"), customer_id=1
    )  # fmt: skip
    frames["events"] = pd.concat([events, extra, early, outside], ignore_index=True)
    frames["customers"] = customers.assign(
        closed_on=customers.closed_on.where(customers.customer_id != 2, pd.Timestamp("2025-06-24"))
    )
    late = named[(named.customer_id == 2) & (named.ts > "2025-06-25")]
    found = funnel.event_faults(open_bank(frames)).set_index("fault").events
    assert found["sign-up after a login"] == 1
    assert found["before opening"] == 2
    assert found["after closing"] == len(late) == 1
    assert found["outside the campaign's dates"] >= 3
    assert (found > 0).all()
    assert "sign-up after a login" not in set(funnel.event_faults(open_bank(frames), as_of=first.date()).fault)


def test_bad_input(sound):
    few = sound.head(100)
    for wrong in ({"alpha": 0}, {"per_minute": 1}, {"hours_awake": 25}, {"late_after": "soon"}, {"as_of": "May"}):
        with pytest.raises(ParameterError):
            funnel.event_faults(few, **wrong)
    with pytest.raises(SchemaError, match="page"):
        funnel.event_faults(few.drop(columns="page"))
    with pytest.raises(SchemaError, match="version"):
        funnel.event_faults(few, by="version")
    with pytest.raises(DataError, match="no rows"):
        funnel.event_faults(few, as_of="2020-01-01")
    days = funnel.event_faults(few.assign(ts=few.ts.dt.normalize())).attrs
    assert set(days["not_judged"]) == {"sent twice", "clock off by hours", "hours missing", "late"}


def log():
    """Visitors: 1 signs up on day 3, 2 never, 3 is shared by two, 4 looks again without a name after the sign-up."""
    rows = [
        (1, None, 1), (1, None, 2), (1, 11, 3), (1, 11, 4), (2, None, 1), (2, None, 5),
        (3, None, 1), (3, 12, 2), (3, 13, 4), (4, None, 1), (4, 14, 2), (4, None, 3),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["visitor_id", "customer_id", "day"])
    ts = pd.Timestamp("2026-03-01 12:00") + pd.to_timedelta(frame.pop("day"), unit="D")
    frame = frame.assign(ts=ts, event_id=range(len(rows)), event="page_view")
    return frame.astype({"customer_id": "Int64"})


def filled(table):
    frame = table.order_by("event_id").to_pandas()
    return [None if pd.isna(who) else int(who) for who in frame.customer_id], frame.stitched.tolist()


def test_a_visitors_events_before_sign_up_become_the_customers():
    who, stitched = filled(funnel.stitch(log()))
    assert who == [11, 11, 11, 11, None, None, None, 12, 13, 14, 14, None]
    assert [i for i, new in enumerate(stitched) if new] == [0, 1, 9]
    counts = funnel.stitch_counts(log()).set_index("state")
    assert counts.events.to_dict() == {
        "named": 5, "stitched": 3, "shared device": 1, "later than a name": 1, "no name yet": 2,
    }  # fmt: skip
    assert counts.share.sum() == pytest.approx(1)


@pytest.mark.parametrize("day", [2, 3, 4, 6])
def test_nobody_is_recognised_by_what_happens_later(day):
    """On day 3 the shared device had one owner: it was stitched then, and is not any more on day 5."""
    date = pd.Timestamp("2026-03-01") + pd.Timedelta(days=day)
    events = log()
    known = events[events.ts < date + pd.Timedelta(days=1)]
    now, then = (filled(table) for table in (funnel.stitch(events, as_of=date.date()), funnel.stitch(known)))
    assert now == then
    if day == 3:
        assert now[0][known.event_id.tolist().index(6)] == 12


@pytest.mark.slow
def test_both_engines_agree(sound, spark_bank):
    few = sound[sound.ts < "2026-03-04"]
    bank = spark_bank
    twice = few.head(40)
    events = pd.concat([few, twice.assign(event_id=twice.event_id + 10**9)], ignore_index=True)
    events["received_at"] = events.ts + pd.Timedelta(days=2)
    from bankmkt.frames import engine_table

    table, _ = engine_table(events, "planted_events", bank.con)
    found = [funnel.event_faults(rows) for rows in (events, table)]
    assert set(found[0].fault) == {"sent twice", "late"}
    pd.testing.assert_frame_equal(*found)
    named, _ = engine_table(log(), "visitor_log", bank.con)
    assert filled(funnel.stitch(named)) == filled(funnel.stitch(log()))


def test_every_fault_says_how_sure_it_is_and_what_to_do(sound):
    found = funnel.event_faults(moved(sound, "app", "2026-04-20", "2026-04-21", 8)[0])
    assert list(found.columns) == list(contract.COLUMNS)
    assert found.sure.str.contains("1.0% of sound banks").all()
    assert found.todo.str.contains("by −8 h", regex=False).all()
    assert found.share.item() == pytest.approx(found.events.item() / len(sound))
