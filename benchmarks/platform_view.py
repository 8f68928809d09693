"""How fast the platform view is, beside SQL written by hand for DuckDB and beside pandas, on the same events.

    python benchmarks/platform_view.py [--rows N] [--customers N] [--runs N] [--no-pandas]

The events are made with numpy: a year of logins, page views and campaign acts on four platforms, in one Parquet file.
Each way runs in a process of its own on two threads, in turn; the fastest run counts. The SQL and pandas count what
the view counts by platform and in all: page views, distinct visitors and users, new users, mean and median seconds,
campaign acts; the view's intervals come on top. Views, visitors and new users are compared. The last line is JSON.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import bankmkt as bm
from bankmkt.engines import connect

PLATFORMS = ["app", "mini_programme", "wechat", "web"]
EVENTS = ["login", "page_view", "campaign_view", "campaign_click", "campaign_join", "campaign_convert", "share"]
SINCE = "2025-07-01"
SQL = """
with e as (select * from '{file}'), first as (select customer_id, min(ts) as first from e group by 1)
select {what}, count(*) filter (event in ('page_view', 'campaign_view')) as page_views,
    count(distinct visitor_id) as visitors, count(distinct e.customer_id) as users,
    count(distinct e.customer_id) filter (first >= timestamp '{since}') as new_users,
    avg(duration_s) filter (event in ('page_view', 'campaign_view')) as mean_seconds,
    median(duration_s) filter (event in ('page_view', 'campaign_view')) as median_seconds,
    count(*) filter (event = 'campaign_view') as campaign_views, count(*) filter (event = 'campaign_click') as clicks,
    count(*) filter (event = 'campaign_join') as joins, count(*) filter (event = 'campaign_convert') as conversions,
    count(*) filter (event = 'share') as shares
from e left join first using (customer_id) where ts >= timestamp '{since}' group by all order by all
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--customers", type=int, default=0, help="default: a twentieth of the rows")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-pandas", action="store_true")
    options = parser.parse_args()
    customers = options.customers or max(options.rows // 20, 1)
    figures: dict[str, Any] = {"benchmark": "platform", "rows": options.rows, "customers": customers}
    ways: dict[str, Callable[[str], Any]] = {"ours": ours, "sql": by_hand}
    if not options.no_pandas:
        ways["pandas"] = with_pandas
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "events.parquet")
        alone(make, file, options.rows, customers)
        answers = {}
        for _ in range(options.runs):
            for name, way in ways.items():
                seconds, memory, answers[name] = alone(way, file)
                figures[f"{name}_seconds"] = min(seconds, figures.get(f"{name}_seconds", np.inf))
                figures[f"{name}_mb"] = memory
                print(f"{name}: {seconds:.2f} s, {memory:,.0f} MB", flush=True)
    figures["equal"] = all(answer == answers["ours"] for answer in answers.values())
    for name in list(ways)[1:]:
        figures[f"ratio_to_{name}"] = round(figures["ours_seconds"] / figures[f"{name}_seconds"], 2)
    print(json.dumps(figures))


def alone(do: Callable[..., Any], *arguments: Any) -> tuple[float, float, Any]:
    """Run a function in a new process; return its seconds, the process's peak memory in MB, and the answer."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(timed, (do, *arguments))


def timed(do: Callable[..., Any], *arguments: Any) -> tuple[float, float, Any]:
    connect("duckdb")
    assert bm.funnel.platform, "what is loaded at first use is loaded before the clock runs"
    start = time.perf_counter()
    answer = do(*arguments)
    return time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, answer


def make(file: str, rows: int, customers: int) -> None:
    rng, part = np.random.default_rng(7), 5_000_000
    writer = None
    for done in range(0, rows, part):
        n = min(part, rows - done)
        who = rng.integers(1, customers + 1, n)
        event = rng.choice(len(EVENTS), n, p=[0.3, 0.55, 0.08, 0.04, 0.015, 0.005, 0.01])
        seconds = np.round(rng.lognormal(3, 0.9, n), 1)
        table = pa.table({
            "event_id": np.arange(done, done + n), "customer_id": pa.array(who, mask=rng.random(n) < 0.02),
            "visitor_id": who * 7 + 1,
            "ts": pa.array(np.datetime64("2025-01-01", "us") + rng.integers(0, 365 * 86_400, n).astype("m8[s]")),
            "platform": pa.DictionaryArray.from_arrays(
                rng.choice(4, n, p=[0.78, 0.13, 0.06, 0.03]).astype(np.int32), PLATFORMS).cast("string"),
            "event": pa.DictionaryArray.from_arrays(event.astype(np.int32), EVENTS).cast("string"),
            "page": pa.nulls(n, "string"), "campaign_id": pa.array(np.ones(n, int), mask=event < 2),
            "duration_s": pa.array(seconds, mask=~np.isin(event, (1, 2))), "shared_by": pa.nulls(n, "int64"),
        })  # fmt: skip
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def ours(file: str) -> Any:
    con = connect("duckdb", threads=2)
    people = pd.DataFrame({"customer_id": [1], "opened_on": pd.Timestamp("2020-01-01"), "org_id": 1})
    bank = bm.open_bank({"events": con.read_parquet(file), "customers": con.create_table("people", people)})
    found = bm.funnel.platform(bank, "platform", since=SINCE, k=1)
    return sorted(
        zip(found["page_views"].tolist(), found["visitors"].tolist(), found["new_users"].tolist(), strict=True)
    )


def by_hand(file: str) -> Any:
    con = duckdb.connect(config={"threads": 2})
    rows = []
    for what in ("platform", "'total'"):
        rows += con.sql(SQL.format(file=file, what=what, since=SINCE)).fetchall()
    return sorted((row[1], row[2], row[4]) for row in rows)


def with_pandas(file: str) -> Any:
    columns = ["customer_id", "visitor_id", "ts", "platform", "event", "duration_s"]
    events = pd.read_parquet(file, columns=columns)
    first = events.groupby("customer_id")["ts"].min()
    events = events[events["ts"] >= SINCE]
    events = events.assign(fresh=events["customer_id"].where(events["customer_id"].map(first) >= SINCE),
                           seen=events["event"].isin(["page_view", "campaign_view"]))  # fmt: skip
    rows = []
    for _, part in [*events.groupby("platform"), ("total", events)]:
        (
            part["duration_s"].mean(),
            part["duration_s"].median(),
            part["event"].value_counts(),
            part["customer_id"].nunique(),
        )
        rows.append((int(part["seen"].sum()), part["visitor_id"].nunique(), part["fresh"].nunique()))
    return sorted(rows)


if __name__ == "__main__":
    main()
