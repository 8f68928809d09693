"""Policies by simulation: what lists are worth is what they say, and a model that knows nothing makes no list."""

import numpy as np
import pandas as pd

from bankmkt.uplift import Study, policy_or_reason
from bankmkt.uplift.learners import level

VALUE, COST = 100.0, 3.0
Z = 1.959964
FEW, MANY = 1500, 24000


def campaign(rng, n, spread, arms=1):
    """A third buy anyway, contact adds three points, more where x is high; worth its cost for about half of them."""
    x = rng.normal(size=(n, arms))
    effect = np.clip(0.03 + spread * x, -0.3, 0.6)
    chance = np.full(arms + 1, 1 / (arms + 1))
    arm = rng.choice(arms + 1, n, p=chance)
    own = np.where(arm > 0, effect[np.arange(n), np.maximum(arm - 1, 0)], 0)
    bought = rng.random(n) < 0.33 + own
    names = ["control", *(f"offer {place + 1}" for place in range(arms))]
    return Study(
        pd.DataFrame(x, columns=[f"x{place}" for place in range(arms)]), np.array(names)[arm], bought,
        dict(zip(names, chance, strict=True)), COST, VALUE, pd.DataFrame(effect, columns=names[1:]),
        randomised=False,  # lots are not checked thousands of times; the arms are drawn all the same
    ), np.full((n, arms + 1), 0.34)  # fmt: skip


def noisy(rng, study, models):
    """Scores of several models: what is true and as much noise, of each its own."""
    x = study.X.to_numpy()
    return {f"model {number}": x + rng.normal(size=x.shape) for number in range(models)}


def learned(study, columns=0, folds=2, rng=None, levelled=True):
    """Out-of-fold scores by a straight line per arm, of what is known and of columns that mean nothing.

    As ``cross_fit`` makes them, without causalml's time; ``levelled=False``: folds pooled as they are.
    """
    x = np.column_stack([np.ones(len(study)), study.X.to_numpy()])
    x = x if not columns else np.column_stack([x, rng.normal(size=(len(study), columns))])
    y, fold, out = study.outcome, np.arange(len(study)) % folds, np.empty((len(study), len(study.treated)))
    for part in range(folds):
        lines = [
            np.linalg.lstsq(x[(fold != part) & (study.arm == arm)], y[(fold != part) & (study.arm == arm)])[0]
            for arm in range(len(study.arms))
        ]
        out[fold == part] = x[fold == part] @ np.column_stack([line - lines[0] for line in lines[1:]])
    if levelled:
        parts = [np.flatnonzero(fold == part) for part in range(folds)]
        out = np.column_stack([level(scores, parts) for scores in out.T])
    return {"T": out}


def lists(rng, repeats, n, spread, models=4, arms=1, crossed=False, **options):
    """Return a row per campaign: accepted, and whether the figures hold the truth."""
    rows = []
    for number in range(repeats):
        study, expected = campaign(rng, n, spread, arms)
        scores = learned(study, 9, 5, rng) if crossed else noisy(rng, study, models)
        found, _ = policy_or_reason(study, scores, expected=expected, held_out=not crossed, seed=number, **options)
        row = {"accepted": found is not None}
        if found is not None:
            of = found.comparison.set_index("policy")
            low, high = found.interval
            true = of["value_true"].iloc[0]
            apart = true - of["value_true"]["at random"]
            se = {
                "value": (high - low) / (2 * Z),
                "gain": (of.difference_ci_upper - of.difference_ci_lower)["at random"],
            }
            row |= {"value": low <= true <= high, "error": (found.value - true) / se["value"]}
            low, high = of.loc["at random", ["difference_ci_lower", "difference_ci_upper"]]
            row |= {"difference": low <= apart <= high}
            row |= {"gain": 2 * Z * (of.difference["at random"] - apart) / (high - low)}
        rows.append(row)
    return pd.DataFrame(rows).reindex(columns=["accepted", "value", "error", "difference", "gain"])


def share(setting, figure, hits, wanted, least=None, most=None):
    """Return a row of the table: a share, and whether it is as wanted but for chance (3 standard errors)."""
    hits = hits.dropna().astype(float)
    limit = least if most is None else most
    value, error = hits.mean(), np.sqrt(limit * (1 - limit) / max(len(hits), 1))
    ok = value >= limit - 3 * error if most is None else value <= limit + 3 * error
    return {
        "subject": "policy", "setting": setting, "figure": figure, "value": value, "mc_se": error, "wanted": wanted,
        "ok": bool(ok),
    }  # fmt: skip


def unbiased(setting, figure, errors):
    """Return a row of the table: a mean error in standard errors, and whether it is 0 but for chance.

    A figure too high by a quarter of its standard error costs an interval of 95 % less than a point of coverage; that
    is what 3 standard errors of the mean come to with 150 lists.
    """
    errors = errors.dropna().astype(float)
    error = max(sem(errors), 1 / np.sqrt(len(errors)))  # of few lists the spread is not known: 1, if they cover
    return {
        "subject": "policy", "setting": setting, "figure": figure, "value": errors.mean(), "mc_se": error,
        "wanted": "0", "ok": bool(abs(errors.mean()) <= 3 * error),
    }  # fmt: skip


SETTINGS = {
    "half the customers worth it, 4 models": (0.08, {}),
    "small differences, 4 models": (0.06, {}),
    "budget for a fifth, 4 models": (0.08, {"budget": 0.2 * 5000 * COST}),
    "2 offers, 4 models, capacity": (0.08, {"arms": 2, "capacity": {"offer 1": 1000}}),
    "models of each other's folds": (0.1, {"crossed": True}),
    "models of each other's folds, small differences": (0.07, {"crossed": True}),
    "2 offers, models of each other's folds": (0.1, {"arms": 2, "crossed": True}),
}
"""How much effects differ, and the rest of it."""


def simulate(repeats: int = 180, seed: int = 11) -> pd.DataFrame:
    """Return coverage and bias of the list's value, how often gates err, and regret by size of the experiment."""
    rng, rows = np.random.default_rng(seed), []
    for setting, (spread, options) in SETTINGS.items():
        found = lists(rng, repeats, 5000, spread, **options)
        if "small" not in setting:
            least = 0.6 if "2 offers" in setting else 0.85
            rows.append(share(setting, "power of the gates", found.accepted, f"≥ {least:.0%}", least=least))
        rows.append(share(setting, "coverage of the value's 95 % interval", found.value, "≥ 93 %", least=0.93))
        rows.append(
            share(setting, "coverage of the gain on lots' 95 % interval", found.difference, "≥ 93 %", least=0.93)
        )
        rows.append(unbiased(setting, "value less truth / se, where a list was made", found.error))
        rows.append(unbiased(setting, "gain on lots less truth / se, where a list was made", found.gain))
    for models, crossed, name in ((1, False, "1 model"), (7, False, "7 models"), (1, True, "each other's folds")):
        found = lists(rng, repeats, 5000, 0.0, models, crossed=crossed)
        rows.append(share(f"all changed alike, {name}", "lists not refused", found.accepted, "≤ 2.5 %", most=0.025))
    few, many = ([regret(rng, n) for _ in range(max(repeats // 5, 15))] for n in (FEW, MANY))
    fall, error = np.mean(few) - np.mean(many), np.hypot(sem(few), sem(many))
    rows.append({
        "subject": "policy", "setting": f"{FEW:,} to {MANY:,} customers", "figure": "fall of regret, yuan each",
        "value": fall, "mc_se": error, "wanted": "> 0", "ok": bool(fall > 3 * error),
    })  # fmt: skip
    return pd.DataFrame(rows)


def regret(rng, n):
    """Yuan per customer that knowing the truth would add to the list, or if it is refused, to all or none."""
    study, expected = campaign(rng, n, 0.06)
    found, _ = policy_or_reason(study, learned(study), expected=expected)
    if found is not None:
        return found.regret / n
    net = VALUE * study.truth[:, 0] - COST
    gain = study.outcome[study.arm == 1].mean() - study.outcome[study.arm == 0].mean()
    return np.maximum(net, 0).mean() - (net.mean() if VALUE * gain > COST else 0)


def sem(values):
    return np.std(values, ddof=1) / np.sqrt(len(values))
