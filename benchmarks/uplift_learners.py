"""What ``cross_fit`` costs beyond causalml itself, called directly with the same settings and folds.

    python benchmarks/uplift_learners.py [--customers 20000] [--columns 30] [--repeats 5]

CPU time of this process. *Around*: what ``cross_fit`` spends outside causalml's own fit and predict, timed in one run,
by what it spends inside: no other run's noise is in it. *By turns*: the two after one another, the best of each.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np
import pandas as pd
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold

from bankmkt.uplift import Study, cross_fit
from bankmkt.uplift.learners import META, _causalml, default_model, level

FOLDS, SEED = 5, 7


def direct(X: np.ndarray, study: Study, learner: str) -> np.ndarray:
    """Do what a user of causalml would write."""
    kind = getattr(_causalml("causalml.inference.meta"), f"Base{learner}Regressor")
    model, out, p = default_model(SEED), np.empty(len(X)), study.propensity[:, 1]
    more = {"random_state": SEED} if learner == "R" else {}
    fit = {"verbose": False} if learner == "R" else {"seed": SEED} if learner == "DR" else {}
    told = {} if learner == "R" else {"verbose": False}
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(X, study.arm))
    for train, test in folds:
        one = kind(learner=clone(model), control_name=0, **more)
        with parallel_config(backend="sequential"):
            one.fit(X[train], treatment=study.arm[train], y=study.outcome[train], p=p[train], **fit)
        out[test] = one.predict(X[test], p=p[test], **told)[:, 0]
    return level(out, [test for _, test in folds])


@contextmanager
def timed(kind: type, names: tuple[str, ...] = ("fit", "predict")) -> Iterator[list[float]]:
    """Count the CPU time within methods of a class, calls of one by another once."""
    spent, inside = [0.0], [0]

    def watched(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def run(*args: Any, **options: Any) -> Any:
            inside[0] += 1
            begin = time.process_time()
            try:
                return method(*args, **options)
            finally:
                inside[0] -= 1
                spent[0] += (time.process_time() - begin) if not inside[0] else 0.0

        return run

    own = {name: getattr(kind, name) for name in names}
    for name, method in own.items():
        setattr(kind, name, watched(method))
    try:
        yield spent
    finally:
        for name, method in own.items():
            setattr(kind, name, method)


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser(description=__doc__)
    for name, value in (("customers", 20_000), ("columns", 30), ("repeats", 5)):
        ask.add_argument(f"--{name}", type=int, default=value)
    args = ask.parse_args()
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(args.customers, args.columns))
    treated = rng.random(args.customers) < 0.5
    y = (rng.random(args.customers) < 0.1 + 0.02 * treated * (X[:, 0] > 0)).astype(float)
    study = Study(pd.DataFrame(X, columns=[f"x{n}" for n in range(args.columns)]), treated, y, 0.5)
    print(f"{args.customers:,} customers, {args.columns} columns, {FOLDS} folds; CPU seconds, best of {args.repeats}")
    for learner in META:
        peers, all_ours, around = [], [], []
        kind = getattr(_causalml("causalml.inference.meta"), f"Base{learner}Regressor")
        direct(X[:2000], study.of(np.arange(2000)), learner)  # imports are not counted
        for _ in range(args.repeats):
            begin = time.process_time()
            peer = direct(X, study, learner)
            middle = time.process_time()
            with timed(kind) as spent:
                ours = cross_fit(study, [learner], seed=SEED)[learner, "treatment"].to_numpy()
            ended = time.process_time()
            if not np.array_equal(peer, ours):
                raise SystemExit(f"{learner}: not the same scores")
            peers.append(middle - begin)
            all_ours.append(ended - middle)
            around.append((ended - middle) / spent[0] - 1)
        turns = min(all_ours) / min(peers) - 1
        print(
            f"{learner:3} causalml {min(peers):6.2f} s, ours {min(all_ours):6.2f} s: around {np.median(around):+.2%} "
            f"({max(around):+.2%} at most), by turns {turns:+.1%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
