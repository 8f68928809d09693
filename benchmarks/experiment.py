"""How long an experiment's checks and effects take in the engine, and how much memory; statsmodels beside it.

    python benchmarks/experiment.py [--customers 1000000] [--covariates 10] [--only ours|peer]

Each is run in a process of its own. Ours: ``check`` and ``effects`` (a rate, money with CUPED) on a Parquet file read
by DuckDB. The peer: pandas reads the same file, and statsmodels fits three regressions: the arm on all covariates
(whose F test is the balance), the rate on the arm, money on the arm and what was spent before (HC1).
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

PLANNED = {"control": 0.5, "mail": 0.5}


def customers(n: int, covariates: int, path: Path, seed: int = 7) -> None:
    """Write a bank's A/B test: one point more buy if they get the mail."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"x{number}": np.exp(rng.normal(6, 1.5, n)) for number in range(covariates)})
    treated = rng.random(n) < PLANNED["mail"]
    frame["arm"] = np.where(treated, "mail", "control")
    frame["before"] = np.exp(rng.normal(5, 1, n))
    frame["bought"] = rng.random(n) < 0.05 + 0.01 * treated
    frame["spent"] = frame["before"] * np.exp(rng.normal(0, 0.5, n)) * (1 + 0.02 * treated)
    frame.to_parquet(path)


def ours(path: Path, known: list[str]) -> pd.DataFrame:
    """Check and estimate in DuckDB."""
    import ibis

    from bankmkt.experiment import Metric, effects

    table = ibis.duckdb.connect().read_parquet(str(path))
    metrics = {"rate": Metric("bought"), "money": Metric("spent", covariate="before")}
    return effects(table, metrics, planned=PLANNED, covariates=known).set_index("metric")[["estimate", "se"]]


def peer(path: Path, known: list[str]) -> pd.DataFrame:
    """Do the same with pandas and statsmodels."""
    import statsmodels.api as sm

    frame = pd.read_parquet(path)
    arm = (frame["arm"] == "mail").astype(float).rename("arm")
    balance = sm.OLS(arm, sm.add_constant(np.log1p(frame[known]))).fit()
    assert balance.f_pvalue > 0.001
    rows = {}
    for name, outcome, more in (("rate", "bought", []), ("money", "spent", ["before"])):
        design = sm.add_constant(pd.concat([arm, frame[more]], axis=1))
        fit = sm.OLS(frame[outcome].astype(float), design).fit(cov_type="HC1")
        rows[name] = {"estimate": fit.params["arm"], "se": fit.bse["arm"]}
    return pd.DataFrame(rows).T


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--customers", type=int, default=1_000_000)
    ask.add_argument("--covariates", type=int, default=10)
    ask.add_argument("--only", choices=["ours", "peer"])
    ask.add_argument("--file", type=Path, help="of customers made before, for the one that is named by --only")
    args = ask.parse_args()
    if args.file and (not args.only or not args.file.is_file()):
        ask.error("--file: expected a file that exists, with --only ours or --only peer; or leave it out")
    known = [f"x{number}" for number in range(args.covariates)]
    if args.file:
        begin, cpu = time.perf_counter(), time.process_time()
        found = {"ours": ours, "peer": peer}[args.only](args.file, known)
        took, busy = time.perf_counter() - begin, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{args.only}: {took:.1f} s, {busy:.1f} s of CPU, peak {peak:.2f} GB")
        print(found.round(5).to_string())
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customers.parquet"
        customers(args.customers, args.covariates, path)
        print(f"{args.customers:,} customers × {args.covariates} covariates, {path.stat().st_size / 2**20:.0f} MB")
        for only in [args.only] if args.only else ["ours", "peer"]:
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--only", only, "--file", path], check=True)


if __name__ == "__main__":
    main()
