"""How fast RFM is, beside SQL written by hand for DuckDB and beside pandas, on the same files in the same run.

    python benchmarks/rfm.py [--rows N] [--repeat N] [--pandas-share F] [--spark] [--growth]

The log is made with numpy, fifty transactions a customer on average, sorted by customer, in Parquet. Each way starts at
the files and ends with the scores of all customers in memory; the scores are compared before anything is printed.
Several runs alternate, the fastest counts. ``--pandas-share`` gives pandas a share of the files if memory forbids all;
its time is then scaled up in proportion, and the line says so. "lambdas" is the grouping as most tutorials write it in
pandas, with a Python function a customer, on one file of ten, scaled up likewise. ``--growth`` times a tenth too.
"""

import argparse
import gc
import json
import math
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
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--pandas-share", type=float, default=1.0, help="share of the files that pandas gets")
    parser.add_argument("--spark", action="store_true", help="time Spark local[2] too")
    parser.add_argument("--growth", action="store_true", help="time a tenth of the rows too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder) / "all", options, options.rows)
        if options.growth:
            tenth = measure(Path(folder) / "tenth", options, options.rows // 10)
            figures["exponent"] = round(math.log10(figures["ours_seconds"] / tenth["ours_seconds"]), 2)
        print(json.dumps(figures))


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


def ours(files: list[Path], engine: str = "duckdb") -> pd.DataFrame:
    con = connect(engine)
    table = con.read_parquet([str(file) for file in files])
    return con.to_pyarrow(bm.rfm(table, AS_OF, WINDOW, BINS).scores)


def by_hand(files: list[Path]) -> pa.Table:
    con = duckdb.connect()
    con.execute("SET enable_progress_bar = false")
    con.execute(SQL.format(files=[str(file) for file in files]))
    return con.sql("SELECT * FROM scored").to_arrow_table()


def with_pandas(files: list[Path]) -> pd.DataFrame:
    """RFM as an analyst writes it in pandas, with the same cut points."""
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


def with_lambdas(file: Path) -> pd.DataFrame:
    """Only the grouping, as most tutorials on RFM write it in pandas."""
    log = pd.read_parquet(file)
    end = pd.Timestamp(AS_OF)
    log = log[(log["ts"] >= end - pd.Timedelta(days=WINDOW - 1)) & (log["ts"] < end + pd.Timedelta(days=1))]
    ways = {"ts": lambda times: (end - times.max()).days, "customer_id": "count", "amount": "sum"}
    return log.groupby("customer_id").agg(ways)


def timed(way: Callable[[], Any]) -> tuple[float, pd.DataFrame]:
    """Return the seconds that a way takes and its scores in the order of the ids."""
    gc.collect()
    start = time.perf_counter()
    found = way()
    seconds = time.perf_counter() - start
    frame = found if isinstance(found, pd.DataFrame) else found.to_pandas()
    return seconds, frame.sort_values("customer_id", ignore_index=True)[COLUMNS]


def measure(folder: Path, options: argparse.Namespace, rows: int) -> dict[str, Any]:
    customers = make(folder, rows)
    files = sorted(folder.glob("*.parquet"))
    some = files[: max(1, round(options.pandas_share * len(files)))]
    print(f"{rows:,} rows, {customers:,} customers, {sum(f.stat().st_size for f in files) / 1e6:,.0f} MB of Parquet")
    ways = {"ours": lambda: ours(files), "by_hand": lambda: by_hand(files)}
    if options.spark:
        ours(files[:1], "local[2]")  # starts Java
        ways["spark"] = lambda: ours(files, "local[2]")
    times: dict[str, list[float]] = {name: [] for name in [*ways, "pandas"]}
    wanted = None
    for _ in range(options.repeat):
        for name, way in ways.items():
            seconds, found = timed(way)
            times[name].append(seconds)
            wanted = found if wanted is None else wanted
            pd.testing.assert_frame_equal(found, wanted, check_dtype=False, check_exact=True)
    times["pandas"].append(timed(lambda: with_pandas(some))[0])
    few = timed(lambda: with_pandas(files[:1]))[1]
    pd.testing.assert_frame_equal(timed(lambda: ours(files[:1]))[1], few, check_dtype=False, check_exact=True)
    best = {name: min(seconds) for name, seconds in times.items()}
    best["pandas"] *= len(files) / len(some)
    start = time.perf_counter()
    with_lambdas(files[0])
    best["lambdas"] = (time.perf_counter() - start) * len(files)
    for name, seconds in best.items():
        part = {"pandas": len(some), "lambdas": 1}.get(name, len(files))
        scaled = f" (scaled up from {part} of {len(files)} files)" if part < len(files) else ""
        print(f"{name:8} {seconds:8.2f} s, {seconds / best['ours']:6.2f} times ours{scaled}")
    return {
        "benchmark": "rfm",
        "rows": rows,
        "customers": customers,
        **{f"{name}_seconds": round(seconds, 2) for name, seconds in best.items()},
        "times_by_hand": round(best["ours"] / best["by_hand"], 2),
        "times_faster_than_pandas": round(best["pandas"] / best["ours"], 1),
        "times_faster_than_lambdas": round(best["lambdas"] / best["ours"], 1),
        "pandas_share": len(some) / len(files),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 2),
    }


if __name__ == "__main__":
    main()
