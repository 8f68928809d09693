"""Run every simulation in full and write its table: python -m simulations docs/validation.md [SUBJECT ...]."""

import importlib
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd

BEGIN, END = "<!-- made by make simulate -->", "<!-- end -->"
SEED = 11


def subjects():
    return sorted(path.stem.removeprefix("sim_") for path in Path(__file__).parent.glob("sim_*.py"))


def run(subject):
    """Return the table of one subject, and how long it took."""
    begin = time.perf_counter()
    found = importlib.import_module(f"simulations.sim_{subject}").simulate(seed=SEED)
    return found.assign(subject=subject), time.perf_counter() - begin


def text(tables, seconds):
    """Return the tables in Markdown, a section a subject."""
    parts = []
    for subject, rows in tables.items():
        lines = [
            f"| {r.setting} | {r.figure} | {r.value:.4g} | {r.mc_se:.2g} | {r.wanted} | {'yes' if r.ok else '**no**'} |"
            for r in rows.itertuples()
        ]
        head = ["| setting | figure | value | ± (1 se) | wanted | kept |", "|---|---|---:|---:|---|---|"]
        parts += [f"## {subject}", "", f"{seconds[subject]:.0f} seconds.", "", *head, *lines, ""]
    return "\n".join(parts)


def main(path, chosen):
    unknown = set(chosen) - set(subjects())
    if unknown:
        sys.exit(f"no simulation {', '.join(sorted(unknown))}; there are {', '.join(subjects())}")
    tables, seconds = {}, {}
    names = chosen or subjects()
    with ProcessPoolExecutor() as pool:
        for subject, (table, took) in zip(names, pool.map(run, names), strict=True):
            tables[subject], seconds[subject] = table, took
            print(table.to_string(), f"\n{subject}: {took:.0f} s\n", flush=True)
    if not chosen:
        page = path.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        after = rest.split(END)[1]
        aside = path.with_suffix(".tmp")
        aside.write_text(f"{before}{BEGIN}\n\n{text(tables, seconds)}\n{END}{after}", encoding="utf-8")
        os.replace(aside, path)
    kept = pd.concat(tables.values())["ok"]
    print(f"{int(kept.sum())} of {len(kept)} claims kept")
    return 0 if kept.all() else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
