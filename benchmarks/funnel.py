"""How fast a funnel is, beside ClickHouse's windowFunnel (the package chdb), on the same file in the same run.

    python benchmarks/funnel.py [--rows N] [--customers N] [--runs N] [--engine ADDRESS] [--sorted time] [--costs]
                                [--peers] [--retentioneering PYTHON]

The events are made with numpy: five steps of a purchase, other events among them, over 60 days, in one Parquet file,
sorted by customer (as a bank is stored) or by time. Each way runs in a process of its own on two threads, starts at the
file and ends with how many customers reached each step; both run equally often, in turn, the fastest run counts, and
the counts are compared. Ours also tells apart those still open, times, intervals and the days of entry. ``--costs``
adds the cost by the number of steps and of events; beyond 50 million events ClickHouse is left out with ``--alone``.
``--peers`` adds pandas (``merge_asof`` from step to step), and ``--retentioneering`` names the Python of an environment
with retentioneering, which does not go together with our lock; its funnel knows no window, so it is compared with ours
without one.
The last line is JSON.
"""

import argparse
import json
import multiprocessing
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bankmkt.engines import connect
from bankmkt.funnel import funnel

STEPS = ["view", "click", "cart", "checkout", "pay"]
OTHERS = ["login", "search", "share", "help"]
SHARES = [0.20, 0.12, 0.08, 0.06, 0.04, 0.20, 0.15, 0.10, 0.05]
THREADS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--customers", type=int, default=0, help="default: a twentieth of the rows")
    parser.add_argument("--runs", type=int, default=3, help="of each way, in turn; the fastest counts")
    parser.add_argument("--engine", default="duckdb", help="of ours")
    parser.add_argument("--sorted", default="customer", choices=("customer", "time"))
    parser.add_argument("--alone", action="store_true", help="ours only")
    parser.add_argument("--peers", action="store_true", help="also pandas")
    parser.add_argument("--retentioneering", metavar="PYTHON", help="also retentioneering, in this Python")
    parser.add_argument("--costs", action="store_true", help="also by the number of steps, and of events")
    options = parser.parse_args()
    customers = options.customers or max(options.rows // 20, 1)
    figures: dict[str, Any] = {"benchmark": "funnel", "rows": options.rows, "customers": customers}
    figures |= {"sorted": options.sorted, "engine": options.engine, "runs": options.runs}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.parquet"
        alone(make, file, options.rows, customers, options.sorted)
        print(f"{options.rows:,} events, {customers:,} customers, {file.stat().st_size / 1e6:,.0f} MB, sorted by "
              f"{options.sorted}", flush=True)  # fmt: skip
        figures |= compared(file, options)
        if options.retentioneering:
            figures |= without_window(file, options)
        if options.costs:
            by_steps = {n: run(ours, file, options.engine, n)[0] for n in (2, 3, 4, 5)}
            print("seconds by the number of steps:", {n: round(s, 2) for n, s in by_steps.items()}, flush=True)
            tenth = Path(folder) / "tenth.parquet"
            alone(make, tenth, options.rows // 10, customers // 10, options.sorted)
            exponent = np.log10(figures["ours_seconds"] / run(ours, tenth, options.engine)[0])
            print(f"time grows with the events to the power {exponent:.2f}")
            figures |= {"seconds_by_steps": by_steps, "exponent": round(float(exponent), 2)}
    print(json.dumps(figures))


def compared(file: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run both ways in turn; print and return the figures of the fastest runs."""
    ways = {"ours": ours} | ({} if options.alone else {"clickhouse": clickhouse})
    if options.peers:
        ways["pandas"] = pandas
    found: dict[str, list[tuple[float, float, list[int]]]] = {name: [] for name in ways}
    for _ in range(options.runs):
        for name, way in ways.items():
            found[name].append(run(way, file, options.engine))
    counts = [runs[0][2] for runs in found.values()]
    assert all(count == counts[0] for count in counts), counts
    figures: dict[str, Any] = {"units": counts[0]}
    for name, runs in found.items():
        figures[f"{name}_seconds"] = round(min(seconds for seconds, _, _ in runs), 2)
        figures[f"{name}_peak_gb"] = round(max(peak for _, peak, _ in runs), 2)
        print(f"{name:11}{figures[f'{name}_seconds']:8.2f} s, {figures[f'{name}_peak_gb']:.2f} GB", flush=True)
    for name in [name for name in ways if name != "ours"]:
        figures[f"times_{name}"] = round(figures["ours_seconds"] / figures[f"{name}_seconds"], 2)
        print(f"ours ÷ {name}: {figures[f'times_{name}']:.2f}", flush=True)
    return figures


def without_window(file: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run ours and retentioneering without a window, in turn; print and return the figures of the fastest runs.

    Events of one moment have no order in ours, and that of the file in theirs: counts may differ by those.
    """
    call = [options.retentioneering, "-c", RETENTIONEERING, str(file), json.dumps(STEPS)]
    mine, theirs = [], []
    for _ in range(options.runs):
        mine.append(run(ours, file, options.engine, 5, None))
        done = subprocess.run(call, capture_output=True, text=True, check=True, env={"OMP_NUM_THREADS": str(THREADS)})
        theirs.append(json.loads(done.stdout.splitlines()[-1]))
    units, other = mine[0][2], theirs[0]["units"]
    apart = max(abs(a - b) / max(a, 1) for a, b in zip(units, other, strict=True))
    assert apart < 0.001, (units, other)
    seconds, took = min(seconds for seconds, _, _ in mine), min(each["seconds"] for each in theirs)
    print(f"no window: ours {seconds:.2f} s, retentioneering {took:.2f} s; counts differ by {apart:.4%} at most")
    print(f"ours ÷ retentioneering: {seconds / took:.2f}", flush=True)
    return {"retentioneering_seconds": round(took, 2), "times_retentioneering": round(seconds / took, 2)}


RETENTIONEERING = """
import json, sys, time
import pandas as pd
from retentioneering import Eventstream
import duckdb
duckdb.execute("SET threads = 2")
start = time.perf_counter()
frame = pd.read_parquet(sys.argv[1]).astype({"event": "str"})
schema = {"path_cols": ["customer_id"], "event_col": "event", "timestamp_col": "ts"}
found = Eventstream(frame, schema).funnel_data(json.loads(sys.argv[2]))
units = [step["unique_paths"] for step in found["steps"]]
print(json.dumps({"seconds": time.perf_counter() - start, "units": units}))
"""


def run(way: Callable[..., list[int]], *arguments: Any) -> tuple[float, float, list[int]]:
    found: tuple[float, float, list[int]] = alone(measured, way, *arguments)
    return found


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """Run something in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def measured(
    way: Callable[..., list[int]], file: Path, engine: str, steps: int = 5, within: str | None = "7d"
) -> tuple[float, float, list[int]]:
    """Return the seconds that a way takes, the process's peak memory in GB, and the units by step."""
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.parquet"
        make(small, 10_000, 500, "customer")
        way(small, engine, steps, within)  # loads what is loaded at first use; starts Java
    start = time.perf_counter()
    units = way(file, engine, steps, within)
    seconds = time.perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, units


def ours(file: Path, engine: str, steps: int = 5, within: str | None = "7d") -> list[int]:
    con = connect(engine)
    if engine == "duckdb":
        con.raw_sql(f"SET threads = {THREADS}")
    found: list[int] = funnel(con.read_parquet(str(file)), STEPS[:steps], within).steps["units"].tolist()
    return found


def clickhouse(file: Path, _: str, steps: int = 5, __: str | None = "7d") -> list[int]:
    import chdb

    conditions = ", ".join(f"event = '{name}'" for name in STEPS[:steps])
    levels = ", ".join(f"countIf(level >= {n})" for n in range(1, steps + 1))
    week = 7 * 24 * 3600 * 1_000_000
    query = f"""
        SELECT {levels} FROM (
          SELECT customer_id, windowFunnel({week})(toUInt64(toUnixTimestamp64Micro(ts)), {conditions}) AS level
          FROM file('{file}', Parquet) GROUP BY customer_id
        ) SETTINGS max_threads = {THREADS}"""
    return [int(count) for count in str(chdb.query(query, "CSV")).strip().split(",")]


def pandas(file: Path, _: str, steps: int = 5, __: str | None = "7d") -> list[int]:
    """Follow every first step to the next second step from then on, and so on, within seven days."""
    import pandas as pd

    frame = pd.read_parquet(file).sort_values("ts")
    attempts = frame.loc[frame["event"] == STEPS[0], ["customer_id", "ts"]].assign(start=lambda f: f["ts"])
    units = [attempts["customer_id"].nunique()]
    for name in STEPS[1:steps]:
        later = frame.loc[frame["event"] == name, ["customer_id", "ts"]].assign(found=lambda f: f["ts"])
        attempts = pd.merge_asof(attempts, later, on="ts", by="customer_id", direction="forward")
        inside = attempts["found"] - attempts["start"] <= pd.Timedelta(days=7)
        attempts = attempts[inside].assign(ts=lambda f: f["found"]).drop(columns="found").sort_values("ts")
        units.append(attempts["customer_id"].nunique())
    return units


def make(file: Path, rows: int, customers: int, order: str) -> None:
    """Write the events."""
    first, span = 1_767_225_600_000_000, 60 * 86_400 * 1_000_000  # from 1 January 2026, sixty days
    names = pa.array([*STEPS, *OTHERS])
    schema = pa.schema(
        {"customer_id": pa.int64(), "ts": pa.timestamp("us"), "event": pa.dictionary(pa.int32(), pa.string())}
    )
    portion = 10_000_000
    with pq.ParquetWriter(file, schema, compression="zstd") as out:
        for number, start in enumerate(range(0, rows, portion)):
            size = min(portion, rows - start)
            rng = np.random.default_rng([7, number])
            low, high = (round(at / rows * customers) for at in (start, start + size))
            begin, end = (round(at / rows * span) for at in (start, start + size))
            if order == "customer":
                who, when = np.sort(rng.integers(low, max(high, low + 1), size)), rng.integers(0, span, size)
                by = np.lexsort((when, who))
            else:
                who, when = rng.integers(0, customers, size), np.sort(rng.integers(begin, end, size))
                by = np.arange(size)
            what = pa.DictionaryArray.from_arrays(rng.choice(len(names), size, p=SHARES).astype(np.int32), names)
            moments = pa.array((first + when[by]) // 1_000_000 * 1_000_000).cast(pa.timestamp("us"))
            table = pa.table([pa.array(who[by]), moments, what], schema=schema)
            out.write_table(table, row_group_size=500_000)


if __name__ == "__main__":
    main()
