"""How long it takes to draw the arms of many customers, and how much memory; SQL by hand beside it in the same run.

    python benchmarks/assign.py [--customers 10000000] [--memory 4GB] [--folder /tmp]

Both read a Parquet file of customers, draw three arms within 100 strata (branch and tier) by an MD5 lot, keep a
twentieth out, and write a Parquet file. By hand the lot is the digest's text, put in order within the stratum.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from bankmkt.engines import connect
from bankmkt.experiment import assign, balance

MAKE = """
    COPY (
        SELECT i AS customer_id, (random() * 49)::INT AS branch, random() < 0.2 AS wealthy, exp(8 + 2 * random()) AS aum
        FROM range({n}) t(i)
    ) TO '{path}' (FORMAT parquet)
"""
BY_HAND = """
    COPY (
        SELECT *, CASE WHEN out THEN NULL
            WHEN place < 0.2 THEN 'control' WHEN place < 0.6 THEN 'sms' ELSE 'call' END arm
        FROM (
            SELECT *, percent_rank() OVER (
                PARTITION BY branch, wealthy, out ORDER BY md5('spring|' || customer_id)
            ) AS place
            FROM (SELECT *, md5('2026|' || customer_id) < '0ccc' AS out FROM '{path}')
        )
    ) TO '{written}' (FORMAT parquet)
"""
ARMS = {"control": 0.2, "sms": 0.4, "call": 0.4}


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--customers", type=int, default=10_000_000)
    ask.add_argument("--memory", default="4GB")
    ask.add_argument("--folder", default=None)
    args = ask.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        made, ours, other = (str(Path(folder) / f"{name}.parquet") for name in ("customers", "ours", "by_hand"))
        con = connect(memory_limit=args.memory)
        con.con.sql(MAKE.format(n=args.customers, path=made))
        begin = time.perf_counter()
        drawn = assign(con.read_parquet(made), "spring", ARMS, strata=["branch", "wealthy"], hold_out=("2026", 0.05))
        con.to_parquet(drawn, ours)
        took = time.perf_counter() - begin
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        begin = time.perf_counter()
        con.con.sql(BY_HAND.format(path=made, written=other))
        by_hand = time.perf_counter() - begin
        begin = time.perf_counter()
        told = balance(con.read_parquet(ours), ["aum"])
        shown = time.perf_counter() - begin
        print(f"{args.customers:,} customers: {took:.1f} s, peak memory {peak:.2f} GB; by hand {by_hand:.1f} s, "
              f"ratio {took / by_hand:.2f}; balance {shown:.1f} s")  # fmt: skip
        print(told.to_string(index=False))


if __name__ == "__main__":
    main()
