"""Q, the effect of the best, calibration, joint intervals and bands hold the truth as often as they say."""

import numpy as np
import pandas as pd

from bankmkt.uplift import Study, calibration, cross_fit, curve, effect_scores, evaluate, groups, heterogeneity, qini
from bankmkt.uplift.draws import largest, multiplied
from bankmkt.uplift.evaluation import mean_of_best
from bankmkt.uplift.qini import places

POPULATION = 1_000_000
SETTINGS = {
    "5 % buy anyway, lift 1 point, n = 10,000": {},
    "the same, no effect": {"lift": 0.0},
    "the same, the effect is the same for all": {"spread": 0.0},
    "the same, scores with ties": {"ties": True},
    "the same, 10 % treated": {"share": 0.1},
    "the same, chances from 0.2 to 0.8 by customer": {"share": None},
    "heavy-tailed money, n = 5,000": {"money": True, "n": 5_000},
}
Z = 1.959964


def draw(rng, n=10_000, base=0.05, lift=0.01, spread=1.0, share=0.5, ties=False, money=False):
    """Return what is known, a score, the true effect, chances, treatment and outcome of customers."""
    x = rng.normal(size=n)
    score = x + rng.normal(size=n)
    score = np.round(score) if ties else score
    chance = np.full(n, share) if share is not None else 0.2 + 0.6 / (1 + np.exp(-x))
    treated = rng.random(n) < chance
    if money:
        effect = np.clip(x, 0, None)
        return x, score, effect, chance, treated, rng.lognormal(1, 1, n) + effect * treated
    effect = np.clip(lift * (1 + spread * x), -base, None)
    return x, score, effect, chance, treated, (rng.random(n) < base + effect * treated).astype(float)


def row(setting, figure, hits, repeats, wanted=0.93, nominal=0.95):
    """Return a claim: at least ``wanted``, and below the nominal level by no more than chance allows."""
    value, mc_se = hits / repeats, float(np.sqrt(nominal * (1 - nominal) / repeats))
    return {
        "setting": setting, "figure": figure, "value": value, "mc_se": mc_se, "wanted": f"≥ {wanted:.0%}",
        "ok": bool(value >= wanted - 3 * mc_se),
    }  # fmt: skip


def simulate(repeats: int = 1000, seed: int = 11) -> pd.DataFrame:
    """Return a row per setting and claim."""
    rng, rows = np.random.default_rng(seed), []
    for setting, options in SETTINGS.items():
        _, score, effect, *_ = draw(rng, **{**options, "n": POPULATION})
        place = places(score)
        q_true = float((effect * (place - 0.5)).mean())
        top_true = float(effect[place > 0.8].mean())
        q_hits = top_hits = better = 0
        for _ in range(repeats):
            x, score, _, chance, treated, y = draw(rng, **options)
            study = Study(pd.DataFrame({"x": x}), treated, y, pd.Series(chance), randomised=False)
            psi = effect_scores(study)[:, 0]
            q, influence = qini(score, psi)
            se = float(np.sqrt((influence**2).mean() / len(psi)))
            q_hits += abs(q - q_true) <= Z * se
            better += q - Z * se > 0
            mean, error = mean_of_best(score, psi, 0.2)
            top_hits += abs(mean - top_true) <= Z * error
        rows.append(row(setting, "coverage of Q's 95 % interval", q_hits, repeats))
        if not options.get("ties"):
            rows.append(row(setting, "coverage, effect of the best 20 %", top_hits, repeats))
        if abs(q_true) < 1e-4 and options.get("lift", 1) * options.get("spread", 1) == 0:
            share, mc_se = better / repeats, float(np.sqrt(0.025 * 0.975 / repeats))
            rows.append({
                "setting": setting, "figure": "order found better than chance, when it is not", "value": share,
                "mc_se": mc_se, "wanted": "≤ 2.5 %", "ok": bool(share <= 0.025 + 3 * mc_se),
            })  # fmt: skip
    of_folds = [
        each
        for name, scores_of, spread, fewer in CROSSED
        for each in _crossed(rng, -(-repeats // fewer), scores_of, name, spread)
    ]
    together = _together(rng, max(repeats // 4, 20))
    return pd.concat([pd.DataFrame(rows), pd.DataFrame(of_folds), together], ignore_index=True)


def linear(study, seed):
    """A straight line per arm."""
    from simulations.sim_policy import learned

    return learned(study, folds=5)


def trees(study, seed):
    """The package's own learner and model."""
    return cross_fit(study, ["T"], seed=seed)


CROSSED = (
    ("lines, 10 columns", linear, 0.0, 1),
    ("lines, effects that differ", linear, 0.3, 4),
    ("trees", trees, 0.0, 20),
)
"""Learner of scores, how much effects differ, and how many times fewer the repeats."""


def _crossed(rng, repeats, scores_of, name, spread):
    """Return the claims about scores whose models learned from each other's customers: what a bank uses."""
    hits, better = np.zeros(3), 0
    for number in range(repeats):
        x, treated = rng.normal(size=(2000, 10)), rng.random(2000) < 0.5
        effect = spread * x[:, 0]
        y = rng.normal(size=2000) + 0.5 * x[:, 0] + effect * treated
        study = Study(pd.DataFrame(x).add_prefix("x"), treated, y, 0.5, truth=effect, randomised=False)
        scores = scores_of(study, number)
        score = np.asarray(scores["T"], float).ravel()
        line = heterogeneity(study, scores).iloc[0]
        slope = np.cov(score, effect)[0, 1] / np.var(score, ddof=1)
        fifths = groups(study, score, parts=5)
        found = evaluate(study, scores).iloc[0]
        best = fifths.iloc[0]
        hits += [
            found.covers,
            line.slope_ci_lower <= slope <= line.slope_ci_upper,
            best.ci_lower <= best.truth <= best.ci_upper,
        ]
        better += found.q_ci_lower > 0
    setting = f"models of each other's folds, {name}, n = 2,000"
    figures = (
        "coverage of Q's 95 % interval",
        "coverage of the slope on the score",
        "coverage, effect of the best fifth",
    )
    out = [row(setting, figure, count, repeats) for figure, count in zip(figures, hits, strict=True)]
    if not spread:
        share, mc_se = better / repeats, float(np.sqrt(0.025 * 0.975 / repeats))
        out.append({
            "setting": setting, "figure": "order found better than chance, when it is not", "value": share,
            "mc_se": mc_se, "wanted": "≤ 2.5 %", "ok": bool(share <= 0.025 + 3 * mc_se),
        })  # fmt: skip
    return out


def _together(rng, repeats):
    """Return the claims about several models at once, the whole curve, and calibration."""
    setting, joint, single, band, slope, intercept = "four models, heavy-tailed money, n = 1,500", 0, 0, 0, 0, 0
    x = rng.normal(size=POPULATION)
    effect = 0.3 * x
    noises = (0.0, 1.0, 1.1, 9.0)
    truths = np.array([float((effect * (places(x + rng.normal(0, s, POPULATION)) - 0.5)).mean()) for s in noises])
    gain = np.r_[0, np.cumsum(effect[np.argsort(-x)])] / POPULATION
    whole = np.interp(
        np.arange(11) / 10,
        np.arange(POPULATION + 1) / POPULATION,
        gain - np.arange(POPULATION + 1) / POPULATION * gain[-1],
    )
    for number in range(repeats):
        x, treated = rng.normal(size=1500), rng.random(1500) < 0.4
        study = Study(
            pd.DataFrame({"x": x}), treated, rng.lognormal(0, 1, 1500) + 0.3 * x * treated, 0.4, randomised=False
        )
        psi = effect_scores(study)[:, 0]
        found = [qini(x + rng.normal(0, s, 1500), psi) for s in noises]
        q, influence = np.array([one for one, _ in found]), np.column_stack([each for _, each in found])
        se = np.sqrt((influence**2).mean(axis=0) / 1500)
        off = np.abs(q - truths) / se
        joint += (off <= largest(multiplied(influence, 400, number), se, 0.95)).all()
        single += (off <= Z).all()
        curves = curve(study, {"x": x}, held_out=True, points=10, draws=400, seed=number)
        band += ((curves.band_lower - 1e-9 <= whole) & (whole <= curves.band_upper + 1e-9)).all()
        line = calibration(study, {"x": 0.6 * x - 0.1}, held_out=True).iloc[0]
        slope += line.slope_ci_lower <= 0.5 <= line.slope_ci_upper
        intercept += line.intercept_ci_lower <= 0.05 <= line.intercept_ci_upper
    out = [
        row(setting, "coverage of all four Q at once", joint, repeats),
        row(setting, "coverage of the whole curve by its band", band, repeats),
        row(setting, "coverage of the calibration's slope", slope, repeats),
        row(setting, "coverage of the calibration's intercept", intercept, repeats),
    ]
    share = single / repeats
    mc_se = float(np.sqrt(share * (1 - share) / repeats))
    alone = {"setting": setting, "figure": "all four at once by single intervals, for comparison", "value": share,
             "mc_se": mc_se, "wanted": "below the joint ones", "ok": bool(share <= joint / repeats)}  # fmt: skip
    return pd.DataFrame([*out, alone])
