"""Learners find what is there, have not seen whom they score, and are causalml's own."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.tree import DecisionTreeRegressor

from bankmkt.errors import ParameterError, Refused
from bankmkt.uplift import Study, cross_fit, effect_scores, evaluate, expected_outcomes
from bankmkt.uplift.learners import LEARNERS, _causalml, default_model, level, matrix


def campaign(n=3000, seed=1, share=0.4, **more):
    """Who buys anyway hangs on b, whom the campaign changes on a and the city."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "city": rng.choice(list("xyz"), n)})
    effect = 0.15 * frame.a + 0.1 * (frame.city == "x")
    treated = rng.random(n) < share
    y = (rng.random(n) < np.clip(0.4 + 0.15 * frame.b + effect * treated, 0, 1)).astype(float)
    frame.loc[: n // 50, "b"] = np.nan
    return Study(frame, treated, y, share, truth=effect, **more)


@pytest.mark.parametrize("learner", [name for name in LEARNERS if name not in ("response", "random")])
def test_every_learner_finds_whom_the_campaign_changes(learner):
    study = campaign()
    model = LinearRegression() if learner in ("R", "T", "X", "DR", "TO") else None
    row = evaluate(study, cross_fit(study, [learner], model=model, folds=2)).iloc[0]
    assert row.q_ci_lower > 0
    assert row.rank_correlation > 0.5


def test_whoever_responds_is_not_whoever_is_changed():
    study = campaign()
    found = evaluate(study, cross_fit(study, ["T", "response", "random"], model=LinearRegression())).set_index("model")
    assert found.rank_correlation["response"] < found.rank_correlation["T"] - 0.1
    assert found.q_ci_lower["random"] < 0 < found.q_ci_upper["random"]


def test_a_model_that_learns_by_heart_is_no_better_than_chance_on_noise():
    """Trees that remember every customer: in-sample they would look splendid."""
    rng, hits = np.random.default_rng(2), 0
    for seed in range(20):
        study = Study(
            pd.DataFrame({"x": rng.normal(size=1000)}), rng.random(1000) < 0.5, rng.normal(size=1000), propensity=0.5
        )
        row = evaluate(study, cross_fit(study, ["T"], model=DecisionTreeRegressor(random_state=0), seed=seed)).iloc[0]
        hits += row.q_ci_lower <= 0 <= row.q_ci_upper
    assert hits >= 16  # binomial(20, .95): fewer than 16 in one of 3,000


def test_scores_are_causalmls_own():
    BaseXRegressor = _causalml("causalml.inference.meta").BaseXRegressor
    study = campaign(1000)
    scores = cross_fit(study, ["X"], model=LinearRegression(), folds=3, seed=5)
    data = matrix(study.X)
    wanted, p = np.empty(1000), study.propensity[:, 1]
    folds = list(StratifiedKFold(3, shuffle=True, random_state=5).split(data, study.arm))
    for train, test in folds:
        direct = BaseXRegressor(learner=LinearRegression())
        direct.fit(data[train], treatment=study.arm[train], y=study.outcome[train], p=p[train])
        wanted[test] = direct.predict(data[test], p=p[test], verbose=False)[:, 0]
    np.testing.assert_allclose(scores["X", "treatment"], level(wanted, [test for _, test in folds]))
    assert scores["X", "treatment"].mean() == pytest.approx(wanted.mean())


def test_no_fold_is_above_another_so_q_of_a_single_column_is_not_pushed_below_zero():
    """Without the level, intervals of ten folds hold the truth in 4 of 5 campaigns."""
    rng, hits, runs = np.random.default_rng(5), 0, 100
    for seed in range(runs):
        x, treated = rng.normal(size=(1000, 1)), rng.random(1000) < 0.5
        y = (rng.random(1000) < 0.3 + 0.05 * treated).astype(float)
        study = Study(pd.DataFrame(x, columns=["x"]), treated, y, 0.5, truth=np.full(1000, 0.05), randomised=False)
        scores = cross_fit(study, ["TO"], model=LinearRegression(), folds=10, seed=seed)
        hits += evaluate(study, scores).covers.iloc[0]
    assert binomtest(int(hits), runs, 0.93, alternative="less").pvalue > 1e-3, hits / runs


def test_several_arms_and_amounts():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=3000)})
    arm = rng.choice(["control", "sms", "call"], 3000, p=[0.5, 0.3, 0.2])
    truth = pd.DataFrame({"call": 2 * frame.x, "sms": -frame.x})
    y = rng.normal(10, 1, 3000) + np.where(arm == "call", truth.call, np.where(arm == "sms", truth.sms, 0))
    study = Study(frame, arm, y, {"control": 0.5, "sms": 0.3, "call": 0.2}, truth=truth)
    found = evaluate(study, cross_fit(study, ["T", "DR"], model=LinearRegression())).set_index(["model", "arm"])
    assert (found.rank_correlation > 0.95).all()
    assert (found.q_true > 0).all()
    with pytest.raises(Refused, match="uplift_forest"):
        cross_fit(study, ["uplift_forest"])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_scores_with_any_number_of_workers():
    study = campaign(400)
    one = cross_fit(study, ["TO", "random"], seed=3, folds=2)
    pd.testing.assert_frame_equal(one, cross_fit(study, ["TO", "random"], seed=3, folds=2, workers=2))
    assert not one.equals(cross_fit(study, ["TO", "random"], seed=4, folds=2))


def test_progress_is_shown_if_asked_for_and_labels_are_the_studys(capsys):
    study = campaign(200)
    study = study.of(np.arange(200)[::-1])
    scores = cross_fit(study, ["random"], folds=2, progress=True)
    assert "2/2" in capsys.readouterr().err
    assert scores.index.tolist() == list(range(199, -1, -1))
    assert not evaluate(study, scores).empty  # in the study's order, whatever the labels
    cross_fit(study, ["random"], folds=2)
    assert capsys.readouterr().err == ""


def test_a_search_for_settings_is_a_model():
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 10.0]}, cv=2)
    study = campaign(800)
    assert cross_fit(study, ["T"], model=search, folds=2).notna().all(axis=None)


def test_expected_outcomes_narrow_the_interval():
    study = campaign(4000)
    expected = expected_outcomes(study, model=LinearRegression())
    assert effect_scores(study, expected).var() < 0.95 * effect_scores(study).var()


def test_the_usual_model_learns_alike_twice():
    study = campaign(600)
    data = matrix(study.X)
    one, other = (default_model(1).fit(data, study.outcome).predict(data) for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"learners": "T"}, ParameterError, "list of"),
        ({"learners": ["T", "T"]}, ParameterError, "each once"),
        ({"learners": ["boost"]}, ParameterError, "boost"),
        ({"folds": 1}, ParameterError, "folds"),
        ({"folds": 400}, ParameterError, "at most"),
        ({"workers": 0}, ParameterError, "workers"),
        ({"model": "lightgbm"}, ParameterError, "regressor"),
    ],
)
def test_bad_input(options, error, message):
    with pytest.raises(error, match=message):
        cross_fit(campaign(200), **options)
    with pytest.raises(Refused, match="randomised"):
        cross_fit(campaign(200, randomised=False), ["causal_forest"])
