"""Q, the effect of the best, calibration, joint intervals and bands hold the truth as often as they say."""

import numpy as np
import pandas as pd

from bankmkt.experiment.estimate import standard_error
from bankmkt.uplift import Study, calibration, cross_fit, curve, effect_scores, evaluate, groups, heterogeneity, qini
from bankmkt.uplift.draws import largest, multiplied
from bankmkt.uplift.evaluation import mean_of_best
from bankmkt.uplift.qini import crossed, places

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


def row(setting, figure, hits, repeats, wanted=0.93, nominal=0.95, most=1.0):
    """Return a claim: from ``wanted`` to ``most``, but for chance (3 standard errors)."""
    value, mc_se = hits / repeats, float(np.sqrt(nominal * (1 - nominal) / repeats))
    text, high = f"≥ {wanted:.0%}" if most == 1 else f"{wanted:.0%} to {most:.0%}", most * (1 - most) / repeats
    return {
        "setting": setting, "figure": figure, "value": value, "mc_se": mc_se, "wanted": text,
        "ok": bool(wanted - 3 * mc_se <= value <= most + 3 * high**0.5),
    }  # fmt: skip


def too_few(setting, figure, hits, repeats, why):
    """Return a claim that is known to fail: the documentation says so, and is wrong if it does not."""
    value, mc_se = hits / repeats, float(np.sqrt(0.93 * 0.07 / repeats))
    return {
        "setting": setting, "figure": figure, "value": value, "mc_se": mc_se, "wanted": f"below 93 %: {why}",
        "ok": bool(value <= 0.93 + 3 * mc_se),
    }  # fmt: skip


def passed(setting, better, repeats):
    """Return the claim that an order of noise is not found better than chance."""
    share, mc_se = better / repeats, float(np.sqrt(0.025 * 0.975 / repeats))
    return {
        "setting": setting, "figure": "order found better than chance, when it is not", "value": share,
        "mc_se": mc_se, "wanted": "≤ 2.5 %", "ok": bool(share <= 0.025 + 3 * mc_se),
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
            mean, error = mean_of_best(score, psi, 0.2, held_out=True)
            top_hits += abs(mean - top_true) <= Z * error
        rows.append(row(setting, "coverage of Q's 95 % interval", q_hits, repeats))
        if not options.get("ties"):
            rows.append(row(setting, "coverage, effect of the best 20 %", top_hits, repeats, most=0.97))
        if abs(q_true) < 1e-4 and options.get("lift", 1) * options.get("spread", 1) == 0:
            rows.append(passed(setting, better, repeats))
    of_folds = [
        each
        for name, scores_of, spread, fewer in CROSSED
        for each in _crossed(rng, -(-repeats // fewer), scores_of, name, spread)
    ]
    for name, options in FEW_COLUMNS.items():
        of_folds += _few_columns(rng, max(repeats // 3, 20), name, **options)
    others = [*_arms(rng, max(repeats // 3, 20)), *_observational(rng, max(repeats // 3, 20))]
    together = _together(rng, max(repeats // 4, 20))
    return pd.concat([pd.DataFrame([*rows, *of_folds, *others]), together], ignore_index=True)


def linear(study, seed):
    """A straight line per arm."""
    from simulations.sim_policy import learned

    return learned(study, folds=5)


def trees(study, seed):
    """The package's own learner and model."""
    return cross_fit(study, ["T"], seed=seed)


CROSSED = (
    ("lines, 10 columns", linear, 0.0, 2),
    ("lines, effects that differ", linear, 0.3, 4),
    ("trees", trees, 0.0, 12),
)
"""Learner of scores, how much effects differ, and how many times fewer the repeats."""

FEW_COLUMNS = {
    "1 column, 5 folds": {"columns": 1},
    "2 columns, 5 folds": {"columns": 2},
    "4 columns, 5 folds": {"columns": 4},
    "1 column, 2 folds": {"columns": 1, "folds": 2},
    "30 columns, 2 folds": {"columns": 30, "folds": 2, "n": 4_000},
    "2 columns, 10 folds": {"columns": 2, "folds": 10, "why": "docs/uplift.md asks for 5 folds"},
    "1 column, 5 folds, pooled as they are": {"columns": 1, "levelled": False, "why": "cross_fit levels folds"},
}
"""Lines of which 5 % buy anyway and the campaign adds a point to all; ``why`` where an interval is known to fail."""


def _few_columns(rng, repeats, name, columns, folds=5, n=10_000, levelled=True, why=""):
    """Return the claims about Q of lines of few columns, whose folds share what little there is to learn."""
    from simulations.sim_policy import learned

    hits = better = 0
    for _ in range(repeats):
        x, treated = rng.normal(size=(n, columns)), rng.random(n) < 0.5
        y = (rng.random(n) < 0.05 + 0.01 * treated).astype(float)
        study = Study(pd.DataFrame(x).add_prefix("x"), treated, y, 0.5, randomised=False)
        score = learned(study, folds=folds, levelled=levelled)["T"][:, 0]
        q, influence = qini(score, effect_scores(study)[:, 0])
        half = Z * standard_error(crossed(influence, 0.0, False))
        hits += abs(q) <= half
        better += q > half
    setting, figure = f"models of each other's folds, lines, {name}, n = {n:,}", "coverage of Q's 95 % interval"
    told = too_few(setting, figure, hits, repeats, why) if why else row(setting, figure, hits, repeats)
    return [told, passed(setting, better, repeats)]


def _arms(rng, repeats):
    """Return the claims about Q of several arms with chances of their own."""
    chances, hits = {"control": 0.5, "a": 0.2, "b": 0.3}, np.zeros(2)
    x = rng.normal(size=POPULATION)
    order = places(x + rng.normal(size=POPULATION)) - 0.5
    true = np.array([(np.clip(0.01 + 0.01 * x, -0.05, None) * order).mean(), (0.02 * order).mean()])
    for _ in range(repeats):
        x = rng.normal(size=10_000)
        score, arm = x + rng.normal(size=10_000), rng.choice(3, 10_000, p=list(chances.values()))
        effect = np.where(arm == 1, np.clip(0.01 + 0.01 * x, -0.05, None), np.where(arm == 2, 0.02, 0.0))
        y = (rng.random(10_000) < 0.05 + effect).astype(float)
        study = Study(pd.DataFrame({"x": x}), np.array(list(chances))[arm], y, chances, randomised=False)
        found = evaluate(study, {"m": np.column_stack([score, score])}, held_out=True)
        hits += ((found.q_ci_lower <= true) & (true <= found.q_ci_upper)).to_numpy()
    setting = "5 % buy anyway, 2 offers, 20 and 30 % treated, n = 10,000"
    figures = ("coverage of Q's 95 % interval, effects that differ", "coverage of Q's 95 % interval, the same for all")
    return [row(setting, figure, count, repeats) for figure, count in zip(figures, hits, strict=True)]


def _observational(rng, repeats, n=5_000):
    """Return the claims about Q where who joined is known only by what was known of them: doubly robust scores."""
    x = rng.normal(size=POPULATION)
    true = float((0.3 * x * (places(x + rng.normal(size=POPULATION)) - 0.5)).mean())
    hits = dict.fromkeys(("both", "chances", "outcomes", "neither"), 0)
    for _ in range(repeats):
        x = rng.normal(size=n)
        score, joined = x + rng.normal(size=n), rng.random(n) < 1 / (1 + np.exp(-x))
        y = rng.normal(size=n) + x**2 + 0.3 * x * joined
        chance, expected = _nuisances(x, joined, y)
        flat, half = np.zeros((n, 2)), np.full(n, 0.5)
        for name, p, m in (("both", chance, expected), ("chances", chance, flat), ("outcomes", half, expected),
                           ("neither", half, None)):  # fmt: skip
            study = Study(pd.DataFrame({"x": x}), joined, y, pd.Series(p), randomised=False)
            found = evaluate(study, {"m": score}, expected=m, held_out=True).iloc[0]
            hits[name] += found.q_ci_lower <= true <= found.q_ci_upper
    figure, of = "coverage of Q's 95 % interval", f"customers joined of themselves, n = {n:,}: "
    return [
        row(f"{of}chances and outcomes modelled", figure, hits["both"], repeats),
        row(f"{of}chances modelled", figure, hits["chances"], repeats),
        too_few(
            f"{of}outcomes modelled", figure, hits["outcomes"], repeats, "right on average, an interval needs both"
        ),
        too_few(f"{of}neither", figure, hits["neither"], repeats, "a policy is refused"),
    ]


def _nuisances(x, joined, y):
    """Return chances of joining and the outcome expected in each arm, each half's by models of the other half."""
    from sklearn.linear_model import LogisticRegression

    chance, expected, half = np.empty(len(x)), np.empty((len(x), 2)), np.arange(len(x)) % 2 == 0
    for here in (half, ~half):
        model = LogisticRegression().fit(x[~here, None], joined[~here])
        chance[here] = np.clip(model.predict_proba(x[here, None])[:, 1], 0.02, 0.98)
        for arm in (0, 1):
            mine = ~here & (joined == arm)
            expected[here, arm] = np.polyval(np.polyfit(x[mine], y[mine], 2), x[here])
    return chance, expected


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
        out.append(passed(setting, better, repeats))
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
