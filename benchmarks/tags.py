"""How fast all tags of a bank are computed and written, and in how much memory.

    python benchmarks/tags.py [--bank PATH | --customers N] [--memory 4GB] [--engine duckdb] [--runs 1]
    python benchmarks/tags.py --growth SMALL BIG     how processors' time grows between two banks, ours alone

Beside it, in the same run and on the same files, the aggregates behind the tags as one would write them by hand: the
single SELECT of ``benchmarks/tags.sql``. Each runs in a process of its own, so that its peak memory is its own; then
the features behind the tags are compared with it, value by value. Prints a line each and last a line of JSON.
"""

import argparse
import json
import math
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

from bankmkt import tags
from bankmkt.bank import open_bank
from bankmkt.engines import connect
from bankmkt.lookback import parse_date
from bankmkt.months import last_month_end
from bankmkt.saving import write_folder
from bankmkt.synth import demo_bank, generate
from bankmkt.tags.families import house, optional
from bankmkt.tags.windows import months_before

TABLES = ("customers", "balances", "transactions", "events", "contacts", "assignments")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", help="path of a bank; by default the demo bank")
    parser.add_argument("--customers", type=int, help="a new bank of so many customers and 24 months instead")
    parser.add_argument("--as-of", default="2026-06-30")
    parser.add_argument("--engine", default="duckdb", help="of ours; by hand it is always DuckDB")
    parser.add_argument("--memory", help="memory limit of the engines, such as 4GB")
    parser.add_argument("--threads", type=int, help="threads of DuckDB")
    parser.add_argument("--runs", type=int, default=1, help="runs of each, in turn; the fastest counts")
    parser.add_argument("--growth", nargs=2, metavar=("SMALL", "BIG"), help="paths of two banks: the exponent between")
    options = parser.parse_args()
    if options.growth:
        print(json.dumps(growth(options)))
        return

    with tempfile.TemporaryDirectory() as folder:
        made = generate(f"{folder}/bank", options.customers) if options.customers else None
        place = str(made.path if made else options.bank or demo_bank().path)
        runs = {"ours": [], "by hand": []}
        for number in range(options.runs):
            for name, work in (("ours", ours), ("by hand", by_hand)):
                out = Path(folder) / f"{work.__name__}-{number}"
                seconds, worked, peak, rows, columns = alone(work, place, options, out)
                print(f"{name:8}{seconds:>9.2f} s, {worked:.2f} s of processors, {peak:.2f} GB, ", end="")
                print(f"{rows:,} rows, {columns} columns", flush=True)
                runs[name].append((seconds, worked, peak, rows))
        different = alone(unlike, place, options, Path(folder) / "by_hand-0", value=True)
    best = {name: min(found) for name, found in runs.items()}
    figures = {
        "benchmark": "tags",
        "engine": options.engine,
        "memory_limit": options.memory,
        "customers": best["ours"][3],
        "seconds": round(best["ours"][0], 2),
        "hand_seconds": round(best["by hand"][0], 2),
        "times_hand": round(best["ours"][0] / best["by hand"][0], 2),
        "features_that_differ": different,
        "processor_seconds": round(best["ours"][1], 2),
        "hand_processor_seconds": round(best["by hand"][1], 2),
        "peak_memory_gb": round(best["ours"][2], 2),
        "hand_peak_memory_gb": round(best["by hand"][2], 2),
    }
    print(json.dumps(figures))


def growth(options):
    """Return customers and processors' seconds of two banks, and the exponent of the growth between them."""
    with tempfile.TemporaryDirectory() as folder:
        found = [alone(ours, place, options, Path(folder) / str(n)) for n, place in enumerate(options.growth)]
    (_, small, _, few, _), (_, big, _, many, _) = found
    exponent = math.log(big / small) / math.log(many / few)
    return {"customers": [few, many], "processor_seconds": [round(small, 2), round(big, 2)],
            "exponent": round(exponent, 3)}  # fmt: skip


def alone(work, *arguments, value=False):
    """Run something in a process of its own; return its value, or what :func:`measured` does."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments) if value else pool.apply(measured, (work, *arguments))


def measured(work, place, options, out):
    """Return seconds, processors' seconds, peak GB, rows and columns of some work."""
    import pyarrow.parquet as pq

    start = time.perf_counter()
    work(place, options, out)
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)  # with Spark, of the Python process alone
    written = pq.ParquetDataset(out)
    rows = sum(piece.count_rows() for piece in written.fragments)
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024**2, rows, len(written.schema)


def ours(place, options, out):
    threads = options.threads if options.engine == "duckdb" else None
    bank = open_bank(place, options.engine, memory_limit=options.memory, threads=threads)
    write_folder(bank.con, tags.compute(bank, options.as_of), out)


def by_hand(place, options, out):
    con = connect("duckdb", memory_limit=options.memory, threads=options.threads)
    for table in TABLES:
        con.raw_sql(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{place}/{table}/*.parquet')")
    out.mkdir()
    con.raw_sql(f"COPY ({hand_sql(options.as_of)}) TO '{out}/part.parquet' (FORMAT parquet, COMPRESSION zstd)")


def unlike(place, options, by_hand_out):
    """Return the names of features that are known and not what the SELECT by hand says."""
    bank = open_bank(place, memory_limit=options.memory, threads=options.threads)
    mine = [feature for feature in house()[0].values() if feature not in optional.FEATURES]
    ours = tags.features(bank, options.as_of, mine)
    hand = bank.con.read_parquet(f"{by_hand_out}/part.parquet")
    both = ours.join(hand, "customer_id", rname="hand_{name}")
    far = {}
    for feature in mine:
        one, other = both[feature.name], both[f"hand_{feature.name}"]
        apart = (one - other).abs() > 1e-6 * (1 + other.abs()) if one.type().is_numeric() else one != other
        far[feature.name] = apart.sum()
    counts = bank.fetch(both.aggregate(**far)).to_pylist()[0]
    return [name for name, count in counts.items() if count]


def hand_sql(as_of: str) -> str:
    """Return the SELECT of ``tags.sql`` for a day."""
    import datetime

    day = parse_date("as_of", as_of)
    one = datetime.timedelta(days=1)
    lasts = {number: months_before(day, number) if number else day for number in range(25)}
    dates = {f"d{number}": last for number, last in lasts.items()}
    starts = {f"m{number}": last + one for number, last in lasts.items()}
    ends = {f"e{number}": months_before(last_month_end(day), number) for number in range(25)}
    text = Path(__file__).with_name("tags.sql").read_text()
    return "\n".join(line for line in text.splitlines() if not line.startswith("--")).format(
        **dates, **starts, **ends, end=day + one
    )


if __name__ == "__main__":
    main()
