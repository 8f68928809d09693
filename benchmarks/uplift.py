"""How long joint draws of Q take: one pass of ours beside a loop of the peer's metric over resamples.

    python benchmarks/uplift.py [--customers 1000000] [--models 5] [--draws 1000] [--peer-draws 2]

The peer is causalml's ``qini_score(normalize=False)``, called on resampled customers: as its own interval is too narrow
(coverage .68 of a nominal .95), a loop is how its users get one. It takes all models in a call. Its time is measured
for a few draws and scaled to all: every draw costs the same.
"""

import argparse
import resource
import time

import numpy as np
import pandas as pd

from bankmkt.uplift import Study, evaluate, q_draws
from bankmkt.uplift.learners import _causalml


def customers(n: int, models: int, seed: int) -> tuple[Study, dict[str, np.ndarray]]:
    """Make a bank's campaign: 5 % buy anyway, one point more if told, and scores that know some of it."""
    rng = np.random.default_rng(seed)
    x, treated = rng.normal(size=n), rng.random(n) < 0.5
    bought = rng.random(n) < 0.05 + np.clip(0.01 * (1 + x), -0.05, None) * treated
    scores = {f"model {number}": x + rng.normal(0, 1 + number, n) for number in range(models)}
    return Study(pd.DataFrame({"x": x}), treated, bought, 0.5), scores


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser(description=__doc__)
    for name, value in (("customers", 1_000_000), ("models", 5), ("draws", 1000), ("peer-draws", 2), ("seed", 7)):
        ask.add_argument(f"--{name}", type=int, default=value)
    args = ask.parse_args()
    study, scores = customers(args.customers, args.models, args.seed)
    rows = evaluate(study, scores)
    begin, cpu = time.perf_counter(), time.process_time()
    drawn = q_draws(study, scores, draws=args.draws, seed=args.seed)
    ours, ours_cpu = time.perf_counter() - begin, time.process_time() - cpu
    ratio = (drawn.std().to_numpy() / rows["q_se"].to_numpy()).round(3)
    print(f"{args.customers:,} customers × {args.models} models × {args.draws:,} draws")
    print(f"ours: {ours:.1f} s ({ours_cpu:.1f} s of CPU), all draws; peak memory "
          f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")  # fmt: skip
    print(f"standard deviation of the draws by the formula's standard error: {ratio.tolist()}")
    qini_score = _causalml("causalml.metrics").qini_score
    frame = pd.DataFrame(scores).assign(y=study.outcome, w=study.arm)
    rng = np.random.default_rng(args.seed)
    begin, cpu = time.perf_counter(), time.process_time()
    for _ in range(args.peer_draws):
        again = frame.iloc[rng.integers(0, len(frame), len(frame))].reset_index(drop=True)
        qini_score(again, outcome_col="y", treatment_col="w", normalize=False)
    peer, peer_cpu = (time.perf_counter() - begin), (time.process_time() - cpu)
    scale = args.draws / args.peer_draws
    print(f"causalml, resampled: {peer / args.peer_draws:.1f} s a draw, {peer * scale:,.0f} s for all (scaled)")
    print(f"{peer * scale / ours:,.0f} times as fast; by CPU {peer_cpu * scale / ours_cpu:,.0f} times")


if __name__ == "__main__":
    main()
