"""How fast a bank is validated, and in how much memory.

    python benchmarks/validate.py [BANK | --customers N] [--engine …]

Beside it the floor, measured in the same run: the engine reads every column of the table once and takes its greatest
value. Prints a line a table, the faults, and last a line of JSON.
"""

import argparse
import json
import resource
import tempfile
import time

from bankmkt.bank import Bank, open_bank
from bankmkt.synth import demo_bank, generate
from bankmkt.validation import validate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", nargs="?", help="path of a bank; by default the demo bank")
    parser.add_argument("--customers", type=int, help="validate a new bank of so many customers and 24 months instead")
    parser.add_argument("--engine", default="duckdb")
    parser.add_argument("--memory", help="memory limit of the engine, such as 4GB")
    parser.add_argument("--threads", type=int, help="threads of DuckDB")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        made = generate(f"{folder}/bank", options.customers) if options.customers else None
        place = made.path if made else options.bank or demo_bank().path
        measure(open_bank(place, options.engine, memory_limit=options.memory, threads=options.threads), options.engine)


def measure(bank: Bank, engine: str) -> None:
    total_rows, total_seconds, total_floor, faults = 0, 0.0, 0.0, 0
    for name in bank.raw:
        start = time.perf_counter()
        found = validate(bank, [name])
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        table = bank.raw[name].expr
        bank.con.to_pyarrow(table.aggregate(**{column: table[column].max() for column in table.columns}))
        floor = time.perf_counter() - start
        rows = found.attrs["rows"][name]
        print(f"{name:15}{rows:>15,} rows {seconds:>9.2f} s, floor {floor:>6.2f} s {len(found):>4} faults")
        if len(found):
            print(found.to_string(index=False))
        total_rows, total_seconds, total_floor = total_rows + rows, total_seconds + seconds, total_floor + floor
        faults += len(found)
    # Linux counts in KiB; with Spark this is the Python process alone
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    figures = {
        "benchmark": "validate",
        "engine": engine,
        "rows": total_rows,
        "seconds": round(total_seconds, 2),
        "floor_seconds": round(total_floor, 2),
        "times_floor": round(total_seconds / total_floor, 1),
        "rows_per_second": round(total_rows / total_seconds),
        "peak_memory_gb": round(peak, 2),
        "faults": faults,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
