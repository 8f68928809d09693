"""How fast journeys are told: transitions and paths of three steps, beside DuckDB's own SQL and pandas.

    python benchmarks/journeys.py [--rows N] [--customers N] [--runs N] [--without-pandas]

The events are those of benchmarks/funnel.py, sorted by customer, in one Parquet file. Each way runs in a process of its
own on two threads, starts at the file and ends with a frame; all run equally often, in turn, the fastest run counts,
and the counts are compared. Ours also gives intervals clustered by customer, starts and ends, and hides small moves.
The last line is JSON.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from funnel import THREADS, alone, make

from bankmkt.engines import connect
from bankmkt.funnel import frequent_paths, transitions

Counts = dict[str, int]

TRANSITIONS = """
    WITH steps AS (
      SELECT customer_id, event, lead(event) OVER w AS next, ts, lead(ts) OVER w AS next_ts
      FROM '{file}' WINDOW w AS (PARTITION BY customer_id ORDER BY ts, event)
    )
    SELECT event, next, count(*) AS times, count(DISTINCT customer_id) AS units,
      quantile_cont(epoch_us(next_ts) - epoch_us(ts), [0.25, 0.5, 0.75]) AS hours
    FROM steps WHERE next IS NOT NULL GROUP BY event, next"""

PATHS = """
    WITH steps AS (
      SELECT customer_id, event || ' → ' || lead(event) OVER w || ' → ' || lead(event, 2) OVER w AS path
      FROM '{file}' WINDOW w AS (PARTITION BY customer_id ORDER BY ts, event)
    )
    SELECT path, count(*) AS times, count(DISTINCT customer_id) AS units
    FROM steps WHERE path IS NOT NULL GROUP BY path"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=0, help="default: a twentieth of the rows")
    parser.add_argument("--runs", type=int, default=2, help="of each way, in turn; the fastest counts")
    parser.add_argument("--without-pandas", action="store_true")
    options = parser.parse_args()
    customers = options.customers or max(options.rows // 20, 1)
    figures: dict[str, Any] = {"benchmark": "journeys", "rows": options.rows, "customers": customers}
    peers = ["sql"] if options.without_pandas else ["sql", "pandas"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.parquet"
        alone(make, file, options.rows, customers, "customer")
        print(f"{options.rows:,} events, {customers:,} customers", flush=True)
        for what in ("transitions", "paths"):
            found: dict[str, list[tuple[float, float, Counts]]] = {name: [] for name in ["ours", *peers]}
            for _ in range(options.runs):
                for name, runs in found.items():
                    runs.append(alone(measured, WAYS[what, name], file))
            counts = [runs[0][2] for runs in found.values()]
            assert all(count == counts[0] for count in counts), "the ways count differently"
            seconds = {name: min(run[0] for run in runs) for name, runs in found.items()}
            peak = {name: max(run[1] for run in runs) for name, runs in found.items()}
            for name in found:
                print(f"{what:12} {name:7}{seconds[name]:8.2f} s, {peak[name]:.2f} GB", flush=True)
            figures[what] = {name: round(took, 2) for name, took in seconds.items()}
            for name in peers:
                ratio = seconds["ours"] / seconds[name]
                figures[what][f"times_{name}"] = round(ratio, 2)
                print(f"{what}: ours ÷ {name}: {ratio:.2f}", flush=True)
    print(json.dumps(figures))


def measured(way: Callable[[Path], Counts], file: Path) -> tuple[float, float, Counts]:
    """Return the seconds that a way takes, the process's peak memory in GB, and what it counted."""
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.parquet"
        make(small, 10_000, 500, "customer")
        way(small)  # loads what is loaded at first use
    start = time.perf_counter()
    found = way(file)
    return time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, found


def events(file: Path) -> Any:
    con = connect()
    con.raw_sql(f"SET threads = {THREADS}")
    return con.read_parquet(str(file))


def our_transitions(file: Path) -> Counts:
    found = transitions(events(file), k=1)
    return counted(found[(found["from"] != "(start)") & (found["to"] != "(end)")], ["from", "to"])


def our_paths(file: Path) -> Counts:
    return counted(frequent_paths(events(file), 3, 1000, k=1), ["path"])


def sql_transitions(file: Path) -> Counts:
    return counted(queried(TRANSITIONS, file), ["event", "next"])


def sql_paths(file: Path) -> Counts:
    return counted(queried(PATHS, file), ["path"])


def queried(query: str, file: Path) -> pd.DataFrame:
    import duckdb

    with duckdb.connect() as con:
        con.execute(f"SET threads = {THREADS}")
        return con.sql(query.format(file=file)).df()


def pandas_steps(file: Path) -> pd.DataFrame:
    frame = pd.read_parquet(file).astype({"event": "str"}).sort_values(["customer_id", "ts", "event"])
    each = frame.groupby("customer_id", sort=False)
    return frame.assign(next=each["event"].shift(-1), then=each["event"].shift(-2), next_ts=each["ts"].shift(-1))


def pandas_transitions(file: Path) -> Counts:
    frame = pandas_steps(file).dropna(subset=["next"])
    frame["hours"] = (frame["next_ts"] - frame["ts"]).dt.total_seconds() / 3600
    found = frame.groupby(["event", "next"]).agg(times=("ts", "size"), units=("customer_id", "nunique"))
    found.join(frame.groupby(["event", "next"])["hours"].quantile([0.25, 0.5, 0.75]).unstack())
    return counted(found.reset_index(), ["event", "next"])


def pandas_paths(file: Path) -> Counts:
    frame = pandas_steps(file).dropna(subset=["then"])
    frame["path"] = frame["event"] + " → " + frame["next"] + " → " + frame["then"]
    return counted(
        frame.groupby("path").agg(times=("ts", "size"), units=("customer_id", "nunique")).reset_index(), ["path"]
    )


def counted(frame: pd.DataFrame, names: list[str]) -> Counts:
    """Return times and units of each move or path."""
    keys = [" → ".join(map(str, key)) for key in zip(*(frame[name] for name in names), strict=True)]
    return {f"{key}: {what}": int(n) for what in ("times", "units") for key, n in zip(keys, frame[what], strict=True)}


WAYS = {
    ("transitions", "ours"): our_transitions, ("transitions", "sql"): sql_transitions,
    ("transitions", "pandas"): pandas_transitions, ("paths", "ours"): our_paths, ("paths", "sql"): sql_paths,
    ("paths", "pandas"): pandas_paths,
}  # fmt: skip


if __name__ == "__main__":
    main()
