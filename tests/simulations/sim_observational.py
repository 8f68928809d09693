"""Effects without an experiment: right where the data show what matters; wrong, and warned of, where they do not."""

import numpy as np
import pandas as pd

from bankmkt.experiment import difference_in_differences, doubly_robust, matching, placebo, sensitivity, weighting
from bankmkt.experiment.did import naive_difference

X = ["x1", "x2"]
SIZE = 800
METHODS = {
    "participants − others": naive_difference,
    "matching": lambda f, y: matching(f, y, covariates=X),
    "weighting by propensity": lambda f, y: weighting(f, y, covariates=X),
    "entropy balancing": lambda f, y: weighting(f, y, by="entropy", covariates=X),
    "doubly robust": lambda f, y: doubly_robust(f, y, covariates=X, learner="linear"),
}
SETTINGS = {
    "nothing decides who joins": {"seen": 0.0},
    "what is seen decides, straight": {},
    "what is seen decides, curved": {"curved": 3.0},
    "what is hidden decides too": {"hidden": 1.0},
}
ROUGH, WEIGHTS = np.polynomial.hermite_e.hermegauss(61)


def log_odds(x1, x2, u, *, seen=1.0, hidden=0.0):
    return -0.3 + seen * (0.7 * x1 - 0.5 * x2) + hidden * u


def world(n, rng, *, effect=1.0, seen=1.0, hidden=0.0, curved=0.0):
    """Customers who join and grow with x1, x2 and a trait u that no column shows; ``before`` had no campaign."""
    x1, x2, u = rng.normal(size=(3, n))
    joined = rng.random(n) < 1 / (1 + np.exp(-log_odds(x1, x2, u, seen=seen, hidden=hidden)))
    mean = x1 - x2 + hidden * u + curved * np.maximum(x1, 0)
    y, before = (mean + rng.normal(size=n) for _ in range(2))
    return pd.DataFrame({"participated": joined, "x1": x1, "x2": x2, "y": y + effect * joined, "before": before})


def fallen(n, rng):
    """Customers chosen because the outcome fell in the last window, which the campaign's covariates show."""
    x1, x2, noise = rng.normal(size=(3, n))
    before = x1 - x2 + rng.normal(size=n)
    chance = 1 / (1 + np.exp(0.3 + 0.7 * before))
    joined = rng.random(n) < chance
    y = 0.5 * before + x1 + noise + joined
    return pd.DataFrame({"participated": joined, "x1": x1, "x2": x2, "y": y, "before": before, "chance": chance})


def hidden_shares(hidden, rng, n=40_000):
    """Return the true strength of u: its shares of the outcome and of the odds of joining among non-participants.

    u is integrated out by Gauss–Hermite quadrature given each of n draws of x.
    """
    x1, x2 = rng.normal(size=(2, n))
    chance = 1 / (1 + np.exp(-log_odds(x1[:, None], x2[:, None], ROUGH, hidden=hidden)))
    out = (1 - chance) * WEIGHTS / WEIGHTS.sum()
    total = out.sum(axis=1)
    mean = (out @ ROUGH) / total
    spread = np.average((out @ ROUGH**2) / total - mean**2, weights=total) * hidden**2
    long = (out * (chance / (1 - chance)) ** 2).sum() / out.sum()
    short = np.average(((1 - total) / total) ** 2, weights=total)
    return spread / (spread + 1), 1 - short / long


def parallel(n, rng):
    """Customers of two groups that move alike until one of them joins."""
    joined, level = rng.random(n) < 0.4, rng.normal(100, 10, n)
    noise = rng.normal(size=(3, n)) * np.where(joined, 3, 1)
    mean, latest, end = level + noise[0], level + 5 + noise[1], level + 9 + noise[2] + 2 * joined
    return pd.DataFrame(
        {"participated": joined, "aum_mean_12": mean, "aum_0": latest, "aum_change": end - latest}, copy=False
    )


def share(hits, wanted, low, high, setting, figure):
    """Return a row about a rate that is to lie between two limits, give or take three of its standard errors."""
    value, n = float(np.mean(hits)), len(hits)
    slack = 3 * np.sqrt(max(low * (1 - low), high * (1 - high)) / n)
    return {
        "subject": "observational", "setting": setting, "figure": figure, "value": value,
        "mc_se": np.sqrt(value * (1 - value) / n), "wanted": wanted, "ok": low - slack <= value <= high + slack,
    }  # fmt: skip


def holds(estimate, value):
    return estimate.ci_low <= value <= estimate.ci_high


def simulate(repeats=160, seed=11):
    rng, rows = np.random.default_rng(seed), []
    for setting, how in SETTINGS.items():
        frames = [world(SIZE, rng, **how) for _ in range(repeats)]
        for method, use in METHODS.items():
            found = [holds(use(frame, "y"), 1.0) for frame in frames]
            right = method != "participants − others" if "hidden" not in how else False
            limits = (0.93, 0.98) if right or "seen" in how else (0.0, 0.5)
            wanted = "93 % to 98 %" if limits[0] else "it fails: ≤ 50 %"
            rows.append(share(found, wanted, *limits, setting, f"coverage of 95 % interval, {method}"))
        for method in ("entropy balancing", "doubly robust"):
            found = [not holds(METHODS[method](frame, "before"), 0.0) for frame in frames]
            limits = (0.8, 1.0) if "hidden" in how else (0.02, 0.07)
            wanted = "≥ 80 %" if "hidden" in how else "2 % to 7 %"
            rows.append(share(found, wanted, *limits, setting, f"negative control finds an effect, {method}"))
    rows += _warned(repeats, rng)
    rows += _strengths(repeats, rng)
    frames = [parallel(SIZE, rng) for _ in range(repeats)]
    setting = "both groups move alike"
    found = [not holds(placebo(frame, "aum_change"), 0.0) for frame in frames]
    rows.append(share(found, "3 % to 7 %", 0.03, 0.07, setting, "test of the time before finds a difference"))
    found = [holds(difference_in_differences(frame, "aum_change"), 2.0) for frame in frames]
    rows.append(
        share(found, "93 % to 97 %", 0.93, 0.97, setting, "coverage of 95 % interval, difference-in-differences")
    )
    return pd.DataFrame(rows)


def _warned(repeats, rng):
    """The control one window earlier cannot see what happened in that window: it warns, and nothing is biased."""
    frames, setting = [fallen(SIZE, rng) for _ in range(repeats)], "chosen because the outcome fell"
    how = {"learner": "linear", "covariates": X}
    held = [holds(doubly_robust(f, "y", learner="linear", covariates=[*X, "before"]), 1.0) for f in frames]
    blind = [not holds(doubly_robust(f, "before", **how), 0.0) for f in frames]
    noted = [not holds(doubly_robust(f, "before", propensities="chance", **how), 0.0) for f in frames]
    return [
        share(held, "93 % to 98 %", 0.93, 0.98, setting, "coverage of 95 % interval, doubly robust"),
        share(blind, "≥ 80 %: no proof of bias", 0.8, 1.0, setting, "negative control finds an effect, doubly robust"),
        share(noted, "2 % to 7 %", 0.02, 0.07, setting, "negative control finds an effect, recorded chances"),
    ]


def _strengths(repeats, rng):
    """There is no effect, only a hidden cause: its true strength must suffice to undo what is found."""
    rows = []
    for hidden in (0.5, 1.0):
        shares, setting = hidden_shares(hidden, rng), f"no effect, a hidden cause of strength {hidden}"
        held, undone = [], []
        for _ in range(repeats):
            frame = world(SIZE, rng, effect=0.0, hidden=hidden)
            found = sensitivity(frame, "y", covariates=X, kinds={})
            low, high = found.limits(*shares)
            held.append(low <= 0 <= high)
            undone.append(found.robustness_value_interval <= max(shares))
        rows.append(share(held, "≥ 93 %", 0.93, 1.0, setting, "limits that allow for it hold the truth"))
        rows.append(
            share(undone, "≥ 93 %", 0.93, 1.0, setting, "robustness value of the interval is below its strength")
        )
    return rows
