"""How long value takes: customers, groups, a past year held against what came.

    python benchmarks/value.py [BANK] [--engine …] [--rounds 3]

The fastest of the rounds counts. The last line is JSON, with the process's peak memory.
"""

import argparse
import json
import resource
import time

from bankmkt.bank import open_bank
from bankmkt.segments import calibrate_value, customer_value, value_by
from bankmkt.synth import demo_bank


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bank", nargs="?", help="folder of a bank; default the demo bank")
    parser.add_argument("--engine", default="duckdb")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    bank = open_bank(args.bank or demo_bank().path, args.engine)
    day = bank.months[-1]
    jobs = {
        "customers": lambda: bank.fetch(customer_value(bank, day)),
        "groups": lambda: value_by(bank, day, "occupation"),
        "calibration": lambda: calibrate_value(bank),
    }
    seconds = dict.fromkeys(jobs, float("inf"))
    for _ in range(args.rounds):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    found = {name: round(taken, 2) for name, taken in seconds.items()}
    print(json.dumps({"engine": args.engine, "month": str(day), "seconds": found, "peak_gb": round(peak, 2)}))


if __name__ == "__main__":
    main()
