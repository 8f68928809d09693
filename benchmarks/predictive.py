"""How fast predictions are learned and given, in how much memory, and how both grow with the bank.

    python benchmarks/predictive.py [--bank PATH] [--memory 4GB] [--train-large]
    python benchmarks/predictive.py --docs  # prints the tables of docs/predictive-tags.md, in some minutes

Models are learned on the demo bank, which scores its 20,000 customers; with ``--bank`` they score that bank too, and
the growth between the two is printed. Each part runs in a process of its own, so that its peak memory is its own.
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
from bankmkt.synth import demo_bank
from bankmkt.tags.leakage import ATTRIBUTE_LIMIT, LIMIT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", help="path of a larger bank to score")
    parser.add_argument("--as-of", default="2026-06-30")
    parser.add_argument("--memory", help="memory limit of the engine, such as 4GB")
    parser.add_argument("--threads", type=int, help="threads of DuckDB")
    parser.add_argument("--train-large", action="store_true", help="learn on the larger bank too (50,000 customers)")
    parser.add_argument("--docs", action="store_true", help="print the tables of docs/predictive-tags.md and stop")
    options = parser.parse_args()
    if options.docs:
        print("\n".join(documented()))
        return

    figures = {"benchmark": "predictive", "memory_limit": options.memory}
    demo = str(demo_bank().path)
    with tempfile.TemporaryDirectory() as folder:
        jobs = [("train demo", train, demo, "models"), ("score demo", score, demo, "models")]
        if options.bank:
            jobs.append(("score large", score, options.bank, "models"))
        if options.train_large:
            jobs.append(("train large", train, options.bank, "models-large"))
        for name, work, place, models in jobs:
            seconds, worked, peak, rows = alone(work, place, options, Path(folder) / models)
            print(f"{name:12}{seconds:>8.2f} s, {worked:.2f} s of processors, {peak:.2f} GB, {rows:,}", flush=True)
            figures[name] = {"seconds": seconds, "processor_seconds": worked, "peak_gb": peak, "rows": rows}
    if options.bank:
        small, large = figures["score demo"], figures["score large"]
        growth = math.log(large["processor_seconds"] / small["processor_seconds"]) / math.log(
            large["rows"] / small["rows"]
        )
        figures["exponent"] = round(growth, 2)
    print(json.dumps(figures))


def alone(work, place, options, models):
    """Run work in a process of its own and return seconds, processor seconds, peak memory in GB and its count."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=measured, args=(work, place, options, models, queue))
    process.start()
    found = queue.get()
    process.join()
    return found


def measured(work, place, options, models, queue):
    start, before = time.perf_counter(), time.process_time()
    rows = work(place, options, models)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    queue.put((round(time.perf_counter() - start, 2), round(time.process_time() - before, 2), round(peak, 2), rows))


def opened(place, options):
    return open_bank(place, memory_limit=options.memory, threads=options.threads)


def train(place, options, models):
    found = tags.train(opened(place, options), options.as_of)
    tags.save_models(found, models)
    return sum(model.customers for model in found.values())


def score(place, options, models):
    scores = tags.predict(opened(place, options), options.as_of, tags.load_models(models))
    return scores.count().execute()


def documented():
    """Return the tables of docs/predictive-tags.md: models of 31 December 2025, judged on the four month ends since."""
    bank = demo_bank()
    models = tags.train(bank, "2025-12-31")
    months = [day for day in bank.months if "2025-12-31" <= str(day) <= "2026-03-31"]
    truth = tags.true_probabilities(bank, months)
    rows = tags.later_rows(bank, models, months, truth)
    told = tags.evaluate_models(bank, models, rows=rows).set_index(["code", "score", "measure"]).sort_index()
    verdicts, left = (frame.set_index("code") for frame in (tags.verdicts(told.reset_index()), tags.best_left(truth)))
    happened = rows.groupby("code")["happened"].mean()
    lines = ["| tag | left unknown | true probabilities: said, came true |", "|---|---|---|"]
    for code in models:
        said = truth.loc[truth["code"] == code, "probability"].mean()
        lines.append(f"| `{code}` | {left.unknown[code]:.0%} | {said:.1%}, {happened[code]:.1%} |")
    scores = ("model", "simple rule", "best achievable")
    lines += ["", "| tag | model | simple rule | best achievable, at least | verdict |", "|---|---|---|---|---|"]
    for code in models:
        found = [told.loc[code, score, "auc"] if (code, score, "auc") in told.index else None for score in scores]
        cells = ["–" if r is None else f"{r.value:.3f} ({r.ci_lower:.3f}–{r.ci_upper:.3f})" for r in found]
        lines.append(f"| `{code}` | {' | '.join(cells)} | {verdicts.verdict[code]} |")
    lines += ["", "| tag | said | came true | off by | a perfect model would show | off by, without chance |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    for code in models:
        own = told.loc[code, "model"]
        chance, rest = own.loc["ece_by_chance"], own.loc["ece_debiased"]
        cells = [
            *(f"{own.value[name]:.1%}" for name in ("predicted", "actual", "ece")),
            f"{chance.ci_lower:.1%} – {chance.ci_upper:.1%}",
            f"{rest.value:.1%} ({rest.ci_lower:.1%} – {rest.ci_upper:.1%})",
        ]
        lines.append(f"| `{code}` | {' | '.join(cells)} |")
    limits = {"any input": {"limit": 0.6, "attribute_limit": 0.999},
              "a column without a date": {"limit": 0.999, "attribute_limit": 0.51}}  # fmt: skip
    lines += ["", "| of the house's inputs | tells most | about | AUC | named from |", "|---|---|---|---|---|"]
    for (what, limit), refused in zip(limits.items(), (LIMIT, ATTRIBUTE_LIMIT), strict=True):
        found = tags.leaks(bank, bank.months[-1], **limit)
        most = found.loc[found["auc"].idxmax()]
        lines.append(f"| {what} | `{most.input}` | `{most.code}` | {most.auc:.2f} | {refused} |")
    return lines


if __name__ == "__main__":
    main()
