"""The closed loop: chances are those of the lots, intervals cover the truth, and who learns gives away less."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import bankmkt as bm
from bankmkt.experiment import effect
from bankmkt.synth.offers import OFFERS, Own
from bankmkt.synth.rehearsal import expected_sales, known, play, rehearse
from bankmkt.uplift import closed_loop

PUSH_OR_CALL = {"treatment": "fund_push", "treatment_b": "fund_call"}
CONTACTS, VALUE = 1_500, 300
FULL = 20
"""Repeats from which on all policies are played, and differences must be sure."""


def simulate(repeats=40, seed=11):
    with tempfile.TemporaryDirectory(prefix="bankmkt-") as folder:
        made = bm.generate(Path(folder) / "w", 10_000, 2, seed=7, workers=1, progress=False)
        world = bm.synth.World(made)
        learning = ["uplift", "thompson"] if repeats >= FULL else ["thompson"]
        rounds = 4 if repeats >= FULL else 3
        found = closed_loop(
            world, PUSH_OR_CALL, contacts=CONTACTS, value=VALUE, policies=[*learning, "random"], rounds=rounds,
            repeats=repeats, draws=60, seed=seed,
        )  # fmt: skip
        rows = [*_loop(found), *_experiment(world, 4 * repeats, seed), *_expected(world, repeats, seed)]
    return pd.DataFrame(rows)


def _loop(found):
    """Rows about values, contacts and regret: a round's pilot is counted once."""
    once = found[(found["round"] > 1) | (found.policy == "random")]
    miss = (once.value_estimated - once.value_true) / ((once.ci_upper - once.value_estimated) / 1.96)
    last = found["round"].max()
    setting = f"10,000 customers, {last} rounds, 2 offers"
    yield at_least(setting, "coverage of 95 % interval", once.covers, 0.95)
    yield near(setting, "error of the estimated value / se", miss, 0.0)
    yield near(setting, "contacts less those planned", once.contacted - CONTACTS, 0.0)
    regret = found.pivot(index="repeat", columns=["policy", "round"], values="regret")
    total = found[found["round"] == last].pivot(index="repeat", columns="policy", values="regret_cumulative")
    for policy in sorted(set(found.policy) - {"random"}):
        yield above(f"{setting}: {policy}", "regret less than random's, yuan", total["random"] - total[policy])
        yield above(
            f"{setting}: {policy}", f"regret, round 1 less round {last}", regret[policy, 1] - regret[policy, last]
        )


def _experiment(world, repeats, seed):
    """Rows about one campaign in many futures: the effect of an offer by experiment.effect against the truth."""
    rng, covered, off = np.random.default_rng(seed), [], []
    for luck in range(1, repeats + 1):
        now = rehearse(world, seed + luck)
        ids = known(now, "fund").index.to_numpy()
        treated = rng.random(ids.size) < 0.5
        own = Own(1001, "x", now.month + 1, 2, ("fund_call",), "randomised", "conversion", 0.0)
        y = play(now, own, ids, treated.astype(int), np.full(ids.size, 0.5))
        seen = np.where(treated, y[:, 1], y[:, 0])
        one = effect(pd.DataFrame({"treated": treated, "propensity": 0.5, "conversion": seen}), "conversion")
        true = (y[:, 1] - y[:, 0]).mean()
        covered.append(one.ci_low <= true <= one.ci_high)
        off.append((one.estimate - true) / one.se)
    yield at_least("World, one offer, half treated", "coverage of 95 % interval", np.array(covered), 0.95)
    yield near("World, one offer, half treated", "error of the effect / se", np.array(off), 0.0)


def _expected(world, repeats, seed):
    """A row per offer: sales that the offer makes less those expected of it, per hundred customers."""
    off = []
    for luck in range(1, max(repeats, 3) + 1):
        now = rehearse(world, seed + luck)
        ids = known(now, "fund").index.to_numpy()
        own = Own(1001, "x", now.month + 1, 3, tuple(PUSH_OR_CALL.values()), "randomised", "conversion", 0.0)
        gains = expected_sales(now, own, ids)
        y = play(now, own, ids, np.zeros(ids.size, int), np.ones(ids.size))
        off.append(100 * (y[:, 1:] - y[:, :1] - gains * (1 - y[:, :1].mean())))
    for place, offer in enumerate(PUSH_OR_CALL.values()):
        each = np.concatenate([part[:, place] for part in off])
        yield near(
            f"{offer}, {OFFERS[offer].template.months} months", "sales less expected, per 100 customers", each, 0
        )


def near(setting, figure, values, wanted):
    mean, se = float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))
    return row(setting, figure, mean, se, f"{wanted:g} ± 3 se", abs(mean - wanted) <= 3 * se)


def at_least(setting, figure, hits, wanted):
    """A share that may be more than wanted: intervals for customers to come cover those at hand more often."""
    se = float(np.sqrt(wanted * (1 - wanted) / len(hits)))
    return row(setting, figure, float(np.mean(hits)), se, f"≥ {wanted:.0%} − 3 se", np.mean(hits) >= wanted - 3 * se)


def above(setting, figure, values):
    """A mean that must be positive, and surely so once there are enough repeats to tell."""
    mean, se = float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))
    sure = mean > 3 * se if len(values) >= FULL else mean > -3 * se and mean > 0
    return row(setting, figure, mean, se, f"> 0, by 3 se from {FULL} repeats on", sure)


def row(setting, figure, value, se, wanted, ok):
    return {"subject": "loop", "setting": setting, "figure": figure, "value": value, "mc_se": se, "wanted": wanted,
            "ok": bool(ok)}  # fmt: skip
