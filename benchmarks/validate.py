"""How fast a bank is validated, and in how much memory: python benchmarks/validate.py [BANK] [--engine …].

Prints a line a table, the faults, and last a line of JSON.
"""

import argparse
import json
import resource
import time

from bankmkt.bank import open_bank
from bankmkt.synth import demo_bank
from bankmkt.validation import validate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", nargs="?", help="path of a bank; by default the demo bank")
    parser.add_argument("--engine", default="duckdb")
    parser.add_argument("--memory", help="memory limit of the engine, such as 4GB")
    parser.add_argument("--threads", type=int, help="threads of DuckDB")
    options = parser.parse_args()

    bank = open_bank(
        options.bank or demo_bank().path, engine=options.engine, memory_limit=options.memory, threads=options.threads
    )
    total_rows, total_seconds, faults = 0, 0.0, 0
    for name in bank.raw:
        start = time.perf_counter()
        found = validate(bank, [name])
        seconds = time.perf_counter() - start
        rows = found.attrs["rows"][name]
        print(f"{name:15}{rows:>15,} rows {seconds:>9.2f} s {rows / seconds:>15,.0f} rows/s {len(found):>4} faults")
        if len(found):
            print(found.to_string(index=False))
        total_rows, total_seconds, faults = total_rows + rows, total_seconds + seconds, faults + len(found)
    # Linux counts in KiB; with Spark this is the Python process alone
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    figures = {
        "benchmark": "validate",
        "engine": options.engine,
        "rows": total_rows,
        "seconds": round(total_seconds, 2),
        "rows_per_second": round(total_rows / total_seconds),
        "peak_memory_gb": round(peak, 2),
        "faults": faults,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
