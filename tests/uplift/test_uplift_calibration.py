"""Calibration, the table of who reacts, and the curve, by truth."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from bankmkt.errors import ParameterError
from bankmkt.uplift import Study, calibration, curve, effect_scores, evaluate, groups, qini, traits, who_reacts
from bankmkt.uplift.evaluation import mean_of_best

RUNS = 60


def study_with(effect, seed, n=2000, share=0.5, noise=1.0, **columns):
    rng = np.random.default_rng(seed)
    treated = rng.random(n) < share
    y = noise * rng.normal(size=n) + effect * treated
    return Study(pd.DataFrame(columns), treated, y, propensity=share, truth=effect, randomised=False)


def holds(found, wanted):
    assert binomtest(int(found), RUNS, wanted, alternative="less").pvalue > 1e-3, found / RUNS


def test_slope_and_intercept_cover_and_the_test_of_both_keeps_its_level():
    hits, rejected = np.zeros(2), 0
    for seed in range(RUNS):
        x = np.random.default_rng([1, seed]).normal(size=2000)
        study = study_with(0.2 + 0.3 * x, seed, x=x)
        right, half = (r for _, r in calibration(study, {"right": 0.2 + 0.3 * x, "off": 1 + 0.6 * x}).iterrows())
        hits += [
            half.slope_ci_lower < 0.5 < half.slope_ci_upper,
            half.intercept_ci_lower < 0.2 - 0.5 < half.intercept_ci_upper,
        ]
        rejected += right.p_value < 0.05
    holds(hits[0], 0.95)
    holds(hits[1], 0.95)
    assert binomtest(rejected, RUNS, 0.05, alternative="greater").pvalue > 1e-3
    assert half.p_value < 1e-6


def test_the_typical_error_is_that_of_the_model_and_not_of_chance():
    x = np.random.default_rng(2).normal(size=40_000)
    study = study_with(0.5 * x, 3, n=40_000, x=x)
    found = calibration(study, {"right": 0.5 * x, "all too high": 0.5 * x + 0.3, "same": 0 * x}).set_index("model")
    assert found.typical_error["right"] < 0.03
    assert found.typical_error["all too high"] == pytest.approx(0.3, abs=0.03)
    assert found[["slope", "intercept", "p_value"]].loc["same"].isna().all()


def test_one_table_holds_the_line_the_groups_and_the_traits():
    rng = np.random.default_rng(4)
    x, city = rng.normal(size=6000), rng.choice(["north", "south"], 6000)
    study = study_with(0.5 * x, 5, n=6000, x=x, city=city)
    table = who_reacts(study, x, parts=4)
    gates, clan = groups(study, x, parts=4), traits(study, x)
    of = {name: rows.set_index("item") for name, rows in table.groupby("about")}
    assert of["groups"].estimate[[f"group {n}" for n in range(1, 5)]].tolist() == gates.effect.tolist()
    assert of["groups"].estimate["first less last"] == pytest.approx(gates.effect.iloc[0] - gates.effect.iloc[-1])
    assert of["traits"].estimate["x"] == clan.set_index("trait").difference["x"]
    slope = of["effect"].loc["slope on the score"]
    assert slope.ci_lower < 0.5 < slope.ci_upper
    assert slope.p_adjusted < 1e-6
    mean = of["effect"].loc["mean effect"]
    assert mean.estimate == pytest.approx(effect_scores(study).mean())
    with pytest.raises(ParameterError, match="arm"):
        who_reacts(study, x, "other")


def test_the_curve_is_what_the_first_customers_bring_and_its_area_is_q():
    x = np.random.default_rng(6).normal(size=3000)
    study = study_with(np.clip(x, 0, None), 7, n=3000, x=x)
    psi = effect_scores(study)[:, 0]
    found = curve(study, {"x": x}, points=100)
    assert np.trapezoid(found.above, found.share) == pytest.approx(qini(x, psi)[0], abs=2e-4)
    at = found.set_index(found.share.round(2))
    top = np.argsort(-x)[:600]
    assert at.gain[0.2] == pytest.approx(psi[top].sum() / 3000)
    assert at.gain[1.0] == pytest.approx(psi.mean())
    mean, se = mean_of_best(x, psi, 0.2)
    assert at.gain[0.2] == pytest.approx(0.2 * mean)
    assert (at.gain_ci_upper - at.gain)[0.2] == pytest.approx(1.96 * 0.2 * se, rel=0.05)
    assert at.above[[0.0, 1.0]].abs().max() < 1e-12
    row = evaluate(study, {"x": x}).iloc[0]
    assert np.trapezoid(at.above_true, at.share) == pytest.approx(row.q_true, abs=1e-3)


def test_the_band_holds_the_whole_curve():
    """With ties; without them ``simulations/sim_uplift.py`` has it. The truth is the curve of very many customers."""
    rng = np.random.default_rng(8)

    def customers(n):
        x = rng.normal(size=n)
        return x, np.round(x)

    x, score = customers(200_000)
    effect = np.clip(x, 0, None)
    values, at = np.unique(-score, return_inverse=True)
    size, level = np.bincount(at), np.bincount(at, effect)
    whole = np.interp(np.arange(11) / 10, np.r_[0, np.cumsum(size)] / 2e5, np.r_[0, np.cumsum(level)] / 2e5)
    truth = whole - np.arange(11) / 10 * effect.mean()
    hits = single = 0
    for seed in range(RUNS):
        x, score = customers(1500)
        found = curve(study_with(np.clip(x, 0, None), seed, n=1500, x=x), {"s": score}, points=10, draws=300)
        hits += ((found.band_lower <= truth + 1e-9) & (truth - 1e-9 <= found.band_upper)).all()
        single += ((found.above_ci_lower <= truth + 1e-9) & (truth - 1e-9 <= found.above_ci_upper)).all()
    holds(hits, 0.95)
    assert single <= hits
    assert len(values) > 1


def test_bad_parts():
    study = study_with(np.ones(40), 1, n=40, x=np.arange(40.0))
    for options in ({"points": 1}, {"draws": 10}, {"seed": -1}):
        with pytest.raises(ParameterError):
            curve(study, {"x": np.arange(40.0)}, **options)
