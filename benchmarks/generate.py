"""Measure how fast a bank is made, against writing random columns of the same width to Parquet.

    python benchmarks/generate.py [--customers 100000] [--months 24] [--growth 10000,100000,1000000]

Prints rows per second of both in the same run, their ratio, and the peak memory of all processes;
with ``--growth`` the exponent of time over the number of customers as well.
"""

import argparse
import json
import os
import shutil
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa

from bankmkt.schema import TABLES
from bankmkt.synth import generate
from bankmkt.synth.files import ARROW, write_table
from bankmkt.synth.streams import BLOCK


class Peak(threading.Thread):
    """Highest resident memory of this process and its children, sampled ten times a second."""

    def __init__(self):
        super().__init__(daemon=True)
        self.bytes, self.stop = 0, threading.Event()

    def run(self):
        """Sample until told to stop."""
        me = psutil.Process()
        while not self.stop.wait(0.1):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue
            self.bytes = max(self.bytes, total)


def measure(work):
    peak = Peak()
    peak.start()
    begin = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - begin
    peak.stop.set()
    peak.join()
    return result, seconds, peak.bytes


def random_block(folder, number, rows):
    """Write random columns of the tables' own types and widths: the least any generator must do."""
    rng = np.random.Generator(np.random.SFC64(number))
    for name, count in rows.items():
        columns = {}
        for c in TABLES[name].columns:
            if c.type == "int64":
                values = pa.array(rng.integers(0, 1 << 40, count))
            elif c.type == "float64":
                values = pa.array(rng.random(count))
            elif c.type == "timestamp":
                values = pa.array(rng.integers(0, 1 << 50, count)).cast(ARROW["timestamp"])
            elif c.type == "date":
                values = pa.array(rng.integers(0, 20_000, count, dtype=np.int32)).cast(ARROW["date"])
            elif c.type == "boolean":
                values = pa.array(rng.random(count) < 0.5)
            else:
                names = c.values or tuple(f"{c.name}{i}" for i in range(12))
                codes = pa.array(rng.integers(0, len(names), count, dtype=np.int8))
                values = pa.DictionaryArray.from_arrays(codes, pa.array(names))
            columns[c.name] = values
        write_table(Path(folder), name, f"{number:05d}", pa.table(columns))


def floor(folder, rows, blocks, workers):
    Path(folder).mkdir()
    share = {name: n // blocks for name, n in rows.items() if n >= blocks}
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(random_block, [folder] * blocks, range(blocks), [share] * blocks))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--growth", default="")
    parser.add_argument("--keep", default="", help="folder that keeps the largest bank")
    args = parser.parse_args()
    sizes = [int(n) for n in args.growth.split(",") if n] or [args.customers]
    home = Path(tempfile.mkdtemp(prefix="bankmkt-"))
    seconds = {}
    try:
        for size in sizes:
            keep = bool(args.keep) and size == max(sizes)
            path = Path(args.keep) if keep else home / f"bank{size}"
            bank, took, peak = measure(lambda p=path, n=size: generate(p, n, args.months, 7, args.workers))
            rows = bank.manifest["rows"]
            seconds[size] = took
            blocks = -(-size // BLOCK)
            _, least, _ = measure(lambda r=rows, b=blocks, n=size: floor(home / f"floor{n}", r, b, args.workers))
            disk = sum(f.stat().st_size for f in path.rglob("*.parquet"))
            total = sum(rows.values())
            print(json.dumps({
                "benchmark": "generate", "customers": size, "months": args.months, "workers": args.workers,
                "cores": os.cpu_count(), "rows": total, "seconds": round(took, 1), "rows_per_s": round(total / took),
                "floor_seconds": round(least, 1), "floor_rows_per_s": round(total / least),
                "share_of_floor": round(least / took, 3), "peak_gb": round(peak / 1e9, 2),
                "disk_gb": round(disk / 1e9, 3),
            }), flush=True)  # fmt: skip
            shutil.rmtree(home / f"floor{size}")
            if not keep:
                shutil.rmtree(path)
        if len(sizes) > 1:
            x, y = np.log(list(seconds)), np.log(list(seconds.values()))
            print(json.dumps({"benchmark": "generate growth", "exponent": round(float(np.polyfit(x, y, 1)[0]), 3)}))
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
