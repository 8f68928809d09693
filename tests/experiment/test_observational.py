import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from bankmkt.errors import ParameterError, Refused
from bankmkt.experiment import doubly_robust, overlap, propensity
from bankmkt.experiment.did import naive_difference

X = ["x1", "x2"]


def world(n, seed, *, effect=1.0, varying=0.0, curved=False, hidden=0.0):
    """Customers who join and grow more with x1, x2 and a trait that is not in the frame."""
    rng = np.random.default_rng(seed)
    x1, x2, u = rng.normal(size=(3, n))
    joined = rng.random(n) < 1 / (1 + np.exp(-(-0.3 + 0.7 * x1 - 0.5 * x2 + hidden * u)))
    y0 = x1 + x2 + hidden * u + rng.normal(size=n) + (np.maximum(x1, 0) * 3 + x1 * x2 if curved else 0)
    y1 = y0 + effect + varying * x1
    frame = pd.DataFrame({"participated": joined, "x1": x1, "x2": x2, "y": np.where(joined, y1, y0)})
    return frame, y1 - y0


def test_intervals_cover_the_effect_as_often_as_they_say():
    runs, covered = 120, 0
    for seed in range(runs):
        frame, _ = world(400, seed)
        e = doubly_robust(frame, "y", covariates=X, learner="linear", seed=seed)
        covered += e.ci_low <= 1.0 <= e.ci_high
    assert binom.ppf(0.001, runs, 0.95) <= covered <= binom.ppf(0.999, runs, 0.95)


def test_trees_remove_what_a_straight_line_leaves():
    frame, _ = world(6000, 1, curved=True)
    naive = naive_difference(frame, "y")
    e = doubly_robust(frame, "y", covariates=X)
    assert abs(naive.estimate - 1) > 10 * naive.se
    assert abs(e.estimate - 1) < 4 * e.se


def test_either_model_being_right_is_enough():
    """A straight line is wrong for this outcome; the propensity is logistic, so the estimate holds."""
    frame, _ = world(20_000, 2, curved=True)
    e = doubly_robust(frame, "y", covariates=X, learner="linear")
    assert abs(e.estimate - 1) < 4 * e.se


def test_hidden_selection_is_not_removed():
    frame, _ = world(6000, 3, hidden=1.0)
    e = doubly_robust(frame, "y", covariates=X)
    assert e.estimate - 1 > 8 * e.se


def test_effects_on_participants_and_on_everybody_differ_as_they_should():
    frame, gain = world(8000, 4, varying=1.0)
    joined = frame["participated"].to_numpy()
    att = doubly_robust(frame, "y", covariates=X)
    ate = doubly_robust(frame, "y", covariates=X, target="ATE")
    assert abs(att.estimate - gain[joined].mean()) < 4 * att.se
    assert abs(ate.estimate - gain.mean()) < 4 * ate.se
    assert gain[joined].mean() - gain.mean() > 4 * att.se


def test_known_propensities_are_used():
    frame, _ = world(3000, 5)
    frame["chance"] = 1 / (1 + np.exp(-(-0.3 + 0.7 * frame["x1"] - 0.5 * frame["x2"])))
    e = doubly_robust(frame, "y", covariates=X, propensities="chance", learner="linear")
    assert abs(e.estimate - 1) < 4 * e.se
    with pytest.raises(ParameterError, match="probabilities"):
        doubly_robust(frame, "y", covariates=X, propensities=np.full(3000, 2.0))


def test_same_seed_same_answer():
    frame, _ = world(800, 6)
    first, second = (doubly_robust(frame, "y", covariates=X, seed=3) for _ in range(2))
    assert first == second
    assert first != doubly_robust(frame, "y", covariates=X, seed=4)


def test_too_few_participants_are_refused():
    frame, _ = world(300, 7)
    frame["participated"] = np.arange(300) < 9
    with pytest.raises(Refused, match="fewer than k = 10 customers with participated;"):
        doubly_robust(frame, "y", covariates=X)


def test_groups_that_do_not_overlap_are_refused():
    frame, _ = world(2000, 8)
    frame["participated"] = frame["x1"] + 0.02 * frame["x2"] > 0
    with pytest.raises(Refused, match="comparable non-participants"):
        doubly_robust(frame, "y", covariates=X, clip=0.001, k=50)


def test_missing_outcomes_are_refused():
    frame, _ = world(300, 9)
    frame.loc[5, "y"] = np.nan
    with pytest.raises(Refused, match="y is missing for some customers"):
        doubly_robust(frame, "y", covariates=X)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({"target": "LATE"}, "target"), ({"clip": 0.7}, "clip"), ({"learner": "deep"}, "learner"),
     ({"covariates": ["x9"]}, "covariate")],
)  # fmt: skip
def test_wrong_arguments_name_themselves(arguments, name):
    frame, _ = world(300, 10)
    with pytest.raises(ParameterError, match=name):
        doubly_robust(frame, "y", **{"covariates": X, **arguments})


def test_weighting_makes_groups_alike():
    frame, _ = world(4000, 11)
    p = propensity(frame, covariates=X, learner="linear")
    summary, balance = overlap(frame, p, covariates=X)
    assert (balance["before"].abs() > 0.3).all()
    assert (balance["after"].abs() < 0.1).all()
    others = summary.set_index("group").loc["others"]
    assert 100 < others["effective"] < others["customers"]


def test_covariates_of_every_kind_are_understood():
    frame, _ = world(600, 12)
    frame["city"] = np.where(frame["x2"] > 0, "a", None)
    frame["car"] = pd.array(np.where(frame["x1"] > 1, True, None), dtype="boolean")
    frame.loc[:50, "x1"] = np.nan
    e = doubly_robust(frame, "y", covariates=["x1", "city", "car"], learner="linear")
    assert np.isfinite(e.estimate)


def test_what_is_true_of_fewer_than_k_is_not_listed():
    """Nine paint, ten row, all but nine vote: only rowing concerns enough customers on both sides."""
    frame, _ = world(400, 5)
    row = np.arange(400)
    frame = frame.assign(paints=(row < 9) * 1.0, rows=(row < 10) * 1.0, votes=(row >= 9) * 1.0)
    names = [*X, "paints", "rows", "votes"]
    p = propensity(frame, covariates=X, learner="linear")
    assert set(overlap(frame, p, covariates=names)[1]["covariate"]) == {*X, "rows"}
    assert set(overlap(frame, p, covariates=names, k=9)[1]["covariate"]) == set(names)
