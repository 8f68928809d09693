"""How fast RFM is, beside SQL written by hand for DuckDB and beside pandas, on the same files in the same run.

    python benchmarks/rfm.py [--rows N] [--runs N] [--engine ADDRESS] [--pandas-share F] [--growth]

The log is made with numpy, fifty transactions a customer on average, sorted by customer, in Parquet. Each way runs in a
process of its own, starts at the files and ends with the scores of all customers in memory; all ways run equally often,
in turn, the fastest run of each counts, and the scores are compared. Pandas is written in both of its idioms:

- vectorised: grouped with the names of built-in sums, cut by numpy; what an expert writes;
- lambdas: grouped with a Python function a customer, as most tutorials write it. Only the grouping, on one file of ten,
  its time taken times ten.

Libraries are loaded before the clock starts, by a run on one file. ``--pandas-share`` gives the vectorised pandas a
share of the files if memory forbids all; its time is then scaled up, and the line says so. ``--engine local[2]`` runs
ours on Spark; its memory is then Python's alone.
``--growth`` times ours on a tenth too. The last line is JSON.
"""

import argparse
import json
import math
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

AS_OF, WINDOW, BINS = "2026-06-30", 365, 5
PARTS = 10
PER_CUSTOMER = 50
COLUMNS = ["customer_id", "recency_days", "frequency", "monetary", "r", "f", "m", "segment"]

SQL = """
CREATE OR REPLACE TEMP TABLE base AS
SELECT customer_id,
       DATE '2026-06-30' - CAST(max(ts) AS DATE) AS recency,
       count(*) AS frequency,
       CAST(round(sum(amount) * 100) AS BIGINT) AS cents
FROM read_parquet({files})
WHERE ts >= TIMESTAMP '2025-07-01' AND ts < TIMESTAMP '2026-07-01'
GROUP BY customer_id;

CREATE OR REPLACE TEMP TABLE scored AS
WITH q AS (
  SELECT quantile_disc(recency, [0.2, 0.4, 0.6, 0.8]) AS r,
         quantile_disc(frequency, [0.2, 0.4, 0.6, 0.8]) AS f,
         quantile_disc(cents, [0.2, 0.4, 0.6, 0.8]) AS m
  FROM base
), s AS (
  SELECT customer_id, recency AS recency_days, frequency, cents / 100 AS monetary,
         5 - (recency > q.r[1])::BIGINT - (recency > q.r[2])::BIGINT - (recency > q.r[3])::BIGINT
           - (recency > q.r[4])::BIGINT AS r,
         1 + (frequency > q.f[1])::BIGINT + (frequency > q.f[2])::BIGINT + (frequency > q.f[3])::BIGINT
           + (frequency > q.f[4])::BIGINT AS f,
         1 + (cents > q.m[1])::BIGINT + (cents > q.m[2])::BIGINT + (cents > q.m[3])::BIGINT
           + (cents > q.m[4])::BIGINT AS m
  FROM base, q
)
SELECT *, CASE
  WHEN r >= 5 AND f + m >= 8 THEN 'champions'
  WHEN r >= 3 AND f + m >= 8 THEN 'loyal customers'
  WHEN r >= 4 AND f + m >= 4 THEN 'potential loyalists'
  WHEN r >= 5 THEN 'new customers'
  WHEN r >= 4 THEN 'promising'
  WHEN r >= 3 AND f + m >= 6 THEN 'need attention'
  WHEN r >= 3 THEN 'about to sleep'
  WHEN f + m >= 10 THEN 'can''t lose them'
  WHEN f + m >= 6 THEN 'at risk'
  ELSE 'hibernating' END AS segment
FROM s;
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=3, help="of each way, in turn; the fastest counts")
    parser.add_argument("--engine", default="duckdb", help="of ours; by hand it is always DuckDB")
    parser.add_argument("--pandas-share", type=float, default=1.0, help="share of the files that pandas gets")
    parser.add_argument("--growth", action="store_true", help="time ours on a tenth of the rows too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "all"
        customers = alone(make, log, options.rows)
        files = sorted(log.glob("*.parquet"))
        size = sum(file.stat().st_size for file in files) / 1e6
        print(f"{options.rows:,} rows, {customers:,} customers, {size:,.0f} MB of Parquet", flush=True)
        figures = {"benchmark": "rfm", "rows": options.rows, "customers": customers} | compared(files, options)
        if options.growth:
            tenth = Path(folder) / "tenth"
            alone(make, tenth, options.rows // 10)
            parts = sorted(tenth.glob("*.parquet"))
            seconds = min(alone(measured, ours, parts, options.engine, None)[0] for _ in range(options.runs))
            figures["exponent"] = round(math.log10(figures["ours_seconds"] / seconds), 2)
        print(json.dumps(figures))


def compared(files: list[Path], options: argparse.Namespace) -> dict[str, Any]:
    """Run every way in turn; print and return the figures of the fastest runs."""
    some = files[: max(1, round(options.pandas_share * len(files)))]
    ways = {
        "ours": (ours, files),
        "by_hand": (by_hand, files),
        "vectorised": (vectorised, some),
        "lambdas": (with_lambdas, files[:1]),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(options.runs):
        for name, (way, given) in ways.items():
            out = None if way is with_lambdas else files[0].parent / f"{name}.scores"
            found[name].append(alone(measured, way, given, options.engine, out))
    for name in ("by_hand", "vectorised"):
        alone(check_equal, files[0].parent, "ours", name)
    figures: dict[str, Any] = {"engine": options.engine, "runs": options.runs}
    for name, (_, given) in ways.items():
        scale = len(files) / len(given)
        figures[f"{name}_seconds"] = round(scale * min(seconds for seconds, _ in found[name]), 2)
        figures[f"{name}_peak_gb"] = round(max(peak for _, peak in found[name]), 2)
        ratio = figures[f"{name}_seconds"] / figures["ours_seconds"]
        scaled = f", scaled up from {len(given)} of {len(files)} files" if scale > 1 else ""
        print(f"{name:11}{figures[f'{name}_seconds']:8.2f} s, {ratio:6.2f} times ours, ", end="")
        print(f"{figures[f'{name}_peak_gb']:.2f} GB{scaled}", flush=True)
    return figures | {
        "times_by_hand": round(figures["ours_seconds"] / figures["by_hand_seconds"], 2),
        "times_faster_than_vectorised_pandas": round(figures["vectorised_seconds"] / figures["ours_seconds"], 1),
        "times_faster_than_pandas_lambdas": round(figures["lambdas_seconds"] / figures["ours_seconds"], 1),
        "pandas_share": len(some) / len(files),
    }


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """Run something in a process of its own: this one stays small, for a process starts with its parent's peak."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def measured(way: Callable[..., Any], files: list[Path], engine: str, out: Path | None) -> tuple[float, float]:
    """Return the seconds that a way takes, and the process's peak memory in GB; keep its scores for comparison."""
    if way is not with_lambdas:
        way(files[:1], engine)  # loads what is loaded at first use; starts Java
    start = time.perf_counter()
    found = way(files, engine)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    if out:
        table = found if isinstance(found, pa.Table) else pa.Table.from_pandas(found, preserve_index=False)
        pq.write_table(table.select(COLUMNS), out)
    return seconds, peak


def check_equal(folder: Path, one: str, other: str) -> None:
    """Raise AssertionError unless the scores that two ways kept are equal, those of the customers that both saw."""
    tables = [pd.read_parquet(folder / f"{name}.scores").set_index("customer_id").sort_index() for name in (one, other)]
    if len(tables[1]) < len(tables[0]):  # pandas had a part, and its own cut points
        names = ["recency_days", "frequency", "monetary"]
        tables = [tables[0].loc[tables[1].index, names], tables[1][names]]
    pd.testing.assert_frame_equal(*tables, check_dtype=False, check_exact=True)


def make(folder: Path, rows: int) -> int:
    """Write the log; return the number of customers."""
    folder.mkdir()
    customers = max(PARTS, rows // PER_CUSTOMER)
    first = pd.Timestamp("2025-01-01").value // 1000
    span = (pd.Timestamp("2026-07-10").value // 1000) - first
    for part in range(PARTS):
        rng = np.random.default_rng([7, part])
        ids = np.arange(part * customers // PARTS, (part + 1) * customers // PARTS)
        weight = rng.lognormal(0, 1, len(ids))
        counts = rng.multinomial(rows // PARTS, weight / weight.sum())
        number = int(counts.sum())
        activity = np.repeat(rng.uniform(0.2, 1, len(ids)), counts)  # when a customer's transactions end
        table = pa.table({
            "customer_id": np.repeat(ids, counts),
            "ts": pa.array(first + (span * activity * rng.random(number)).astype(np.int64), pa.timestamp("us")),
            "amount": np.round(rng.lognormal(4, 1.2, number), 2),
        })  # fmt: skip
        pq.write_table(table, folder / f"part-{part:02}.parquet", compression="zstd", row_group_size=250_000)
    return customers


def ours(files: list[Path], engine: str) -> pa.Table:
    con = connect(engine)
    table = con.read_parquet(str(files[0].with_name("*.parquet" if len(files) > 1 else files[0].name)))
    found: pa.Table = con.to_pyarrow(bm.rfm(table, AS_OF, WINDOW, BINS).scores)
    return found


def by_hand(files: list[Path], _: str) -> pa.Table:
    con = duckdb.connect()
    con.execute("SET enable_progress_bar = false")
    con.execute(SQL.format(files=[str(file) for file in files]))
    return con.sql("SELECT * FROM scored").to_arrow_table()


def vectorised(files: list[Path], _: str) -> pd.DataFrame:
    """RFM as an expert writes it in pandas, with the same cut points."""
    log = pd.read_parquet([str(file) for file in files])
    end = pd.Timestamp(AS_OF)
    log = log[(log["ts"] >= end - pd.Timedelta(days=WINDOW - 1)) & (log["ts"] < end + pd.Timedelta(days=1))]
    out = log.groupby("customer_id").agg(last=("ts", "max"), frequency=("ts", "size"), monetary=("amount", "sum"))
    out["recency_days"] = (end - out.pop("last").dt.normalize()).dt.days
    out["monetary"] = out["monetary"].round(2)
    at = -(-np.arange(1, BINS) * len(out) // BINS) - 1
    below = {name: np.searchsorted(np.sort(out[name])[at], out[name]) for name in out}
    out["r"], out["f"], out["m"] = BINS - below["recency_days"], 1 + below["frequency"], 1 + below["monetary"]
    r, fm = out["r"], out["f"] + out["m"]
    out["segment"] = np.select(
        [
            (r == 5) & (fm >= 8), (r >= 3) & (fm >= 8), (r >= 4) & (fm >= 4), r == 5, r == 4,
            (r == 3) & (fm >= 6), r == 3, fm == 10, fm >= 6,
        ],
        [
            "champions", "loyal customers", "potential loyalists", "new customers", "promising",
            "need attention", "about to sleep", "can't lose them", "at risk",
        ],
        "hibernating",
    )  # fmt: skip
    return out.reset_index()


def with_lambdas(files: list[Path], _: str) -> pd.DataFrame:
    """Only the grouping, as most tutorials on RFM write it in pandas."""
    log = pd.read_parquet([str(file) for file in files])
    end = pd.Timestamp(AS_OF)
    log = log[(log["ts"] >= end - pd.Timedelta(days=WINDOW - 1)) & (log["ts"] < end + pd.Timedelta(days=1))]
    ways = {"ts": lambda times: (end - times.max()).days, "customer_id": "count", "amount": "sum"}
    return log.groupby("customer_id").agg(ways)


if __name__ == "__main__":
    main()
