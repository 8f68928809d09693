"""Sessions against a plain loop: the pause that just does not end one, ties, midnight, both engines; their summary."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

import bankmkt as bm
from bankmkt.errors import ParameterError, SchemaError
from bankmkt.funnel.clusters import clustered_shares

GAP = 1800


def log(seed=1, n=600, visitors=25):
    """Return events whose pauses are often the gap to the second, or 0; some without page or visitor."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "event_id": rng.permutation(n), "visitor_id": pd.array(rng.integers(0, visitors, n), "Int64"),
        "step": rng.choice([0, 1, GAP - 1, GAP, GAP + 1, 90_000], n),
        "page": rng.choice(["home", "loan", "fund"], n), "platform": rng.choice(["app", "web"], n),
    })  # fmt: skip
    frame["ts"] = pd.Timestamp("2026-01-01 23:30") + pd.to_timedelta(
        frame.groupby("visitor_id")["step"].cumsum(), unit="s"
    )
    frame["page"] = frame["page"].where(rng.random(n) < 0.8).astype(object)
    frame["visitor_id"] = frame["visitor_id"].mask(rng.random(n) < 0.02)
    return frame.drop(columns="step").sample(frac=1, random_state=seed)


def plain(frame, gap):
    """Cut sessions with a loop."""
    rows = []
    for visitor, events in frame.dropna(subset="visitor_id").sort_values(["ts", "event_id"]).groupby("visitor_id"):
        number, last = 0, None
        for event in events.itertuples():
            if last is None or (event.ts - last).total_seconds() > gap:
                number += 1
                rows.append({"visitor_id": visitor, "session": number, "begin": event.ts, "events": 0, "pages": 0,
                             "entry_page": None, "exit_page": None, "platform": event.platform})  # fmt: skip
            row, last = rows[-1], event.ts
            row["end"], row["events"] = event.ts, row["events"] + 1
            if isinstance(event.page, str):
                row["pages"] += 1
                row["entry_page"] = row["entry_page"] or event.page
                row["exit_page"] = event.page
    found = pd.DataFrame(rows)
    return found.assign(seconds=(found["end"] - found["begin"]).dt.total_seconds(), bounce=found["events"] == 1)


def ordered(found, columns):
    frame = found if isinstance(found, pd.DataFrame) else found.to_pyarrow().to_pandas()
    return frame[columns].sort_values(["visitor_id", "session"], ignore_index=True)


@pytest.mark.parametrize("seed", range(3))
def test_sessions_are_those_of_a_plain_loop(seed):
    expected = plain(log(seed), GAP)
    found = bm.funnel.sessions(log(seed), "30min")
    columns = list(expected)
    assert set(columns) == set(found.columns)
    pd.testing.assert_frame_equal(
        ordered(found, columns), ordered(expected, columns), check_dtype=False, check_column_type=False
    )


@pytest.mark.slow
def test_spark_gives_the_same(spark_url):
    people = pd.DataFrame({"customer_id": [1], "opened_on": pd.Timestamp("2020-01-01"), "org_id": 1})
    events = log(4).dropna(subset="visitor_id").assign(event="page_view")
    tables = {"events": events.assign(customer_id=pd.array([None] * len(events), "Int64")), "customers": people}
    columns = [
        "visitor_id",
        "session",
        "begin",
        "end",
        "events",
        "seconds",
        "pages",
        "entry_page",
        "exit_page",
        "bounce",
    ]
    frames = [
        ordered(bm.funnel.sessions(bm.open_bank(tables, engine=engine).events), columns)
        for engine in ("duckdb", spark_url)
    ]
    pd.testing.assert_frame_equal(*frames, check_dtype=False)


def test_the_gap_itself_does_not_end_a_session_a_microsecond_more_does():
    start = pd.Timestamp("2026-01-01 23:50:00.000001")
    for more, sessions in ((0, 1), (1, 2)):
        frame = pd.DataFrame({"who": "a", "at": [start, start + pd.Timedelta(minutes=20, microseconds=more)]})
        found = bm.funnel.sessions(frame, dt.timedelta(minutes=20), by="who", time="at")
        assert found.count().execute() == sessions


def test_the_summary_counts_each_unit_once():
    found = bm.funnel.sessions(log(2))
    table = plain(log(2), GAP)
    summary = bm.funnel.session_summary(found, k=1).set_index("platform")
    for name, rows in [*table.groupby("platform"), ("total", table)]:
        long = rows[~rows["bounce"]]
        expected = (len(rows), rows["visitor_id"].nunique(), rows["events"].mean(), rows["bounce"].mean(),
                    long["seconds"].mean(), long["seconds"].median())  # fmt: skip
        names = ["sessions", "units", "events_per_session", "bounce_rate", "mean_seconds", "median_seconds"]
        assert summary.loc[name, names].tolist() == pytest.approx(expected), name
    each = table.groupby("visitor_id")["bounce"].agg(["sum", "size"]).to_numpy(float).T
    sums = [each[0].sum(), each[1].sum(), each[0] @ each[0], each[0] @ each[1], each[1] @ each[1], each.shape[1]]
    told = summary.loc["total", ["bounce_rate", "bounce_rate_lower", "bounce_rate_upper"]].tolist()
    assert told == pytest.approx([float(x) for x in clustered_shares(*sums)])


def test_the_interval_of_a_share_stays_a_share():
    frame = pd.DataFrame({"visitor_id": [*range(19), 0, 1, 2], "ts": pd.Timestamp("2026-01-01"), "platform": "app"})
    row = bm.funnel.session_summary(bm.funnel.sessions(frame), k=1).iloc[-1]
    assert row["bounce_rate"] == pytest.approx(16 / 19)
    assert row["bounce_rate_upper"] < 1
    none = bm.funnel.session_summary(bm.funnel.sessions(pd.concat([frame, frame])), k=1).iloc[-1]
    assert none["bounce_rate"] == 0 < none["bounce_rate_upper"]


def test_the_stay_of_one_visitor_is_hidden():
    at = pd.to_datetime(["2026-01-01 00:00"] * 60 + ["2026-01-01 00:07"])
    frame = pd.DataFrame({"visitor_id": [*range(60), 0], "ts": at, "platform": ["app", "web"] * 30 + ["app"]})
    shown = bm.funnel.session_summary(bm.funnel.sessions(frame)).set_index("platform")
    assert not shown["suppressed"].any()
    assert shown.loc[["app", "total"], ["mean_seconds", "median_seconds", "bounce_rate"]].isna().all(axis=None)


def test_few_units_are_hidden():
    frame = log(3, visitors=40)
    frame.loc[frame["visitor_id"] < 5, "platform"] = "kiosk"
    shown = bm.funnel.session_summary(bm.funnel.sessions(frame))
    hidden = shown[shown["suppressed"]]
    assert "kiosk" in set(hidden["platform"])
    assert len(hidden) > 1
    assert hidden[["sessions", "units", "bounce_rate"]].isna().all(axis=None)


@pytest.mark.parametrize("gap", [None, "0min", "soon", "2 natural days", 30])
def test_a_gap_is_a_length_of_time(gap):
    with pytest.raises(ParameterError, match="gap"):
        bm.funnel.sessions(log(), gap)


def test_missing_columns_are_named():
    with pytest.raises(SchemaError, match="customer_id"):
        bm.funnel.sessions(log(), by="customer_id")
    with pytest.raises(SchemaError, match="colour"):
        bm.funnel.session_summary(bm.funnel.sessions(log()), by="colour")
