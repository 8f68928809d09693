"""Draws of Q: as wide as the formula says, joint, the same for any size of block."""

import numpy as np
import pandas as pd
import pytest

from bankmkt.errors import ParameterError
from bankmkt.uplift import Study, compare_models, draws, evaluate, joint_intervals, q_draws


def campaign(seed, n=4000, lift=0.3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    treated = rng.random(n) < 0.4
    y = rng.lognormal(0, 1, n) + lift * x * treated
    study = Study(pd.DataFrame({"x": x}), treated, y, propensity=0.4, truth=lift * x, randomised=False)
    near = x + rng.normal(size=n)
    return study, {"x": x, "near": near, "nearer": near + 0.1 * rng.normal(size=n), "noise": rng.normal(size=n)}


def test_draws_are_as_wide_as_the_standard_errors_and_go_together():
    study, scores = campaign(1)
    found, rows = q_draws(study, scores, draws=8000), evaluate(study, scores).set_index("model")
    drawn = found.droplevel(1, axis=1)
    np.testing.assert_allclose(drawn.mean(), rows.q, atol=4 * rows.q_se.max() / np.sqrt(8000))
    np.testing.assert_allclose(drawn.std(), rows.q_se, rtol=4 / np.sqrt(2 * 8000))
    pair = compare_models(study, {name: scores[name] for name in ("near", "nearer")}).iloc[0]
    se = (pair.ci_upper - pair.ci_lower) / 3.92
    assert (drawn.near - drawn.nearer).std() == pytest.approx(se, rel=4 / np.sqrt(2 * 8000))
    assert drawn.near.corr(drawn.nearer) > 0.95


def test_the_size_of_blocks_bounds_memory_only(monkeypatch):
    influence = np.random.default_rng(2).normal(size=(1000, 3)) * [1, 1e-6, 1e6]
    whole = draws.multiplied(influence, 4000, 1)
    monkeypatch.setattr(draws, "BLOCK", 72)
    parts = draws.multiplied(influence, 4000, 1)
    for found in (whole, parts):
        np.testing.assert_allclose(found.std(axis=0), np.sqrt((influence**2).mean(axis=0) / 1000), rtol=0.06)
    assert abs(np.corrcoef(parts[:2000, 0], parts[2000:, 0])[0, 1]) < 0.1


def test_joint_intervals_are_wider_than_single_ones_and_narrower_than_bonferronis():
    """How often they hold is simulated in ``simulations/sim_uplift.py``."""
    study, scores = campaign(3)
    found = joint_intervals(study, scores, draws=4000)
    wide = (found.joint_ci_upper - found.q) / found.q_se
    assert wide.max() == pytest.approx(wide.min())
    assert 2.0 < wide.iloc[0] < 2.49  # of four models whose errors go together; Bonferroni's is 2.50


def test_a_constant_score_has_no_interval():
    study, scores = campaign(4, n=400)
    found = joint_intervals(study, {"same": np.zeros(400), "x": scores["x"]}).set_index("model")
    assert found.loc["same", ["q", "joint_ci_lower", "joint_ci_upper"]].tolist() == [0, 0, 0]
    assert found.joint_ci_lower["x"] < found.q["x"]
    alone = joint_intervals(study, {"same": np.zeros(400)})
    assert alone.joint_ci_upper.tolist() == [0]


def test_the_same_seed_draws_the_same():
    study, scores = campaign(5, n=400)
    pd.testing.assert_frame_equal(q_draws(study, scores, draws=200), q_draws(study, scores, draws=200))
    assert not q_draws(study, scores, draws=200).equals(q_draws(study, scores, draws=200, seed=8))
    for options in ({"draws": 20}, {"draws": 300.0}, {"seed": -1}):
        with pytest.raises(ParameterError):
            q_draws(study, scores, **options)
