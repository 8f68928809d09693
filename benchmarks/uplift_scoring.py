"""How long it takes, and how much memory, to score many customers by a model learned from a sample of them.

    python benchmarks/uplift_scoring.py [--customers 10000000] [--learner T] [--threads 2] [--folder /tmp]
                                        [--engine duckdb|local[2]|spark://host:7077]

The customers are made in DuckDB as a Parquet file of ten columns; scores are written to another. With Spark on this
machine the memory of its process is told, too.
"""

import argparse
import contextlib
import os
import re
import resource
import tempfile
import time
from pathlib import Path

from bankmkt.engines import connect
from bankmkt.uplift import Study, score, scorer

SAMPLE = 50_000
MAKE = """
    COPY (
        SELECT i AS customer_id, exp(8 + 2 * random()) AS aum, 20 + (random() * 60)::INT AS age,
            (random() * 30)::INT AS logins, random() AS spend, random() AS salary, random() AS tenure,
            random() < 0.4 AS has_app, ['north', 'south', 'east', 'west'][1 + (random() * 3)::INT] AS city,
            (random() * 6)::INT AS products
        FROM range({n}) t(i)
    ) TO '{path}' (FORMAT parquet)
"""


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--customers", type=int, default=10_000_000)
    ask.add_argument("--learner", default="T")
    ask.add_argument("--threads", type=int, default=2)
    ask.add_argument("--folder", default=None)
    ask.add_argument("--engine", default="duckdb")
    args = ask.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        made, out = Path(folder) / "customers.parquet", Path(folder) / "scores.parquet"
        connect().con.sql(MAKE.format(n=args.customers, path=made))
        con = connect(args.engine)
        table = con.read_parquet(made)
        sample = table.filter(table.customer_id < SAMPLE).to_pandas().set_index("customer_id")
        treated = sample.index.to_numpy() % 2 == 1
        bought = 0.1 * sample["spend"] + 0.2 * treated * (sample["age"] > 50)
        known = scorer(Study(sample, treated, bought, 0.5), args.learner)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        begin, cpu = time.perf_counter(), time.process_time()
        found = score(table, known, path=out, threads=args.threads)
        took, used = time.perf_counter() - begin, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        written = sum(part.stat().st_size for part in (out, *out.rglob("*")) if part.is_file())
        with contextlib.suppress(OSError):
            started = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
            sizes = [re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{child}/status").read_text()) for child in started]
            if beside := sum(int(size[1]) for size in sizes if size):
                print(f"{args.engine}: peak memory of its process {beside / 2**20:.2f} GB")
        print(f"{found.count().to_pandas():,} customers, {args.learner} ({len(known.terms)} models of 100 trees): "
              f"{took:.0f} s, {used:.0f} s of CPU, {args.customers / took:,.0f} a second; peak memory {peak:.2f} GB "
              f"({before:.2f} GB before scoring); {written / 2**20:,.0f} MB written")  # fmt: skip


if __name__ == "__main__":
    main()
