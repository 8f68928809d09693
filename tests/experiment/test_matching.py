import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from bankmkt.errors import ParameterError, Refused
from bankmkt.experiment import doubly_robust, matching, weighting
from bankmkt.experiment.matching import times_used

X = ["x1", "x2"]
WAYS = {
    "near in propensity": matching,
    "near in all": lambda *a, **how: matching(*a, near="covariates", **how),
    "odds": weighting,
    "entropy": lambda *a, **how: weighting(*a, by="entropy", **how),
}


def world(n, seed, *, effect=1.0, varying=0.0, hidden=0.0, curved=0.0):
    """Customers who join and grow more with x1, x2 and a trait that is not in the frame."""
    rng = np.random.default_rng(seed)
    x1, x2, u = rng.normal(size=(3, n))
    chance = 1 / (1 + np.exp(-(-0.3 + 0.7 * x1 - 0.5 * x2 + hidden * u)))
    joined = rng.random(n) < chance
    y0 = x1 + x2 + hidden * u + curved * np.maximum(x1, 0) + rng.normal(size=n)
    gain = effect + varying * x1
    y = np.where(joined, y0 + gain, y0)
    return pd.DataFrame({"participated": joined, "x1": x1, "x2": x2, "chance": chance, "y": y, "gain": gain})


@pytest.mark.parametrize("way", WAYS)
def test_what_the_data_show_is_removed(way):
    """With effects that vary, on participants, and an outcome that is not a straight line."""
    frame = world(8000, 1, varying=1.0, curved=2.0)
    found = WAYS[way](frame, "y", covariates=X)
    truth = frame.loc[frame["participated"], "gain"].mean()
    assert truth > 1.2
    assert found.target == "ATT"
    assert abs(found.estimate - truth) < 4 * found.se
    assert found.se < 0.1


@pytest.mark.parametrize("way", WAYS)
def test_what_is_hidden_is_not(way):
    frame = world(4000, 2, hidden=1.0)
    found = WAYS[way](frame, "y", covariates=X)
    assert found.estimate - 1 > 8 * found.se


@pytest.mark.parametrize("way", ["odds", "entropy"])
def test_error_of_the_weights_is_counted_in(way):
    """200 resamples of whole customers give the error to ± 1/√400, 5 %; 20 % is four of those."""
    frame, rng = world(800, 3, varying=1.0), np.random.default_rng(5)
    found = WAYS[way](frame, "y", covariates=X)
    draws = [
        WAYS[way](frame.iloc[rng.integers(0, len(frame), len(frame))].reset_index(drop=True), "y", covariates=X)
        for _ in range(200)
    ]
    assert found.se == pytest.approx(np.std([e.estimate for e in draws]), rel=0.2)
    assert np.mean(found.influence) == pytest.approx(0, abs=1e-9)


def test_estimated_odds_beat_known_ones_and_the_interval_says_so():
    """Hirano, Imbens & Ridder (2003): weighting by estimated propensities is the more precise."""
    frame = world(4000, 4)
    known, fitted = weighting(frame, "y", propensities="chance"), weighting(frame, "y", covariates=X)
    assert abs(known.estimate - 1) < 4 * known.se
    assert fitted.se < 0.8 * known.se


def test_entropy_balancing_makes_means_equal():
    """An outcome that is a straight line of the covariates has no effect at all, exactly."""
    frame = world(1000, 5).assign(line=lambda t: 3 * t["x1"] - 2 * t["x2"])
    found = weighting(frame, "line", by="entropy", covariates=X)
    assert found.estimate == pytest.approx(0, abs=1e-5)
    assert found.se < 1e-4


def test_entropy_balancing_agrees_with_the_constrained_problem():
    """The same weights as the most even ones by a general optimiser (Hainmueller 2012, eq. 1–3)."""
    from scipy.optimize import minimize

    frame = world(60, 6)
    joined, x = frame["participated"].to_numpy(), frame[X].to_numpy()
    others, goal = x[~joined], x[joined].mean(axis=0)
    n = len(others)
    solved = minimize(
        lambda w: float(np.sum(w * np.log(n * w))), np.full(n, 1 / n), bounds=[(1e-9, 1)] * n, method="SLSQP",
        jac=lambda w: np.log(n * w) + 1, options={"maxiter": 500, "ftol": 1e-12},
        constraints=[{"type": "eq", "fun": lambda w: w.sum() - 1},
                     {"type": "eq", "fun": lambda w: w @ others - goal}],
    )  # fmt: skip
    assert solved.success
    expected = frame.loc[joined, "y"].mean() - solved.x @ frame.loc[~joined, "y"]
    assert weighting(frame, "y", by="entropy", covariates=X, k=5).estimate == pytest.approx(expected, abs=1e-3)


def test_matches_are_the_nearest():
    rng = np.random.default_rng(7)
    place, joined = rng.normal(size=(80, 3)), np.arange(80) < 30
    nearest = np.argsort(cdist(place[:30], place[30:]), axis=1)[:, :2]
    expected = np.concatenate([np.zeros(30), np.bincount(nearest.ravel(), minlength=50) / 2])
    np.testing.assert_array_equal(times_used(place, joined, 2), expected)


def test_all_who_are_as_near_share_in_the_match():
    """By hand, after Abadie & Imbens (2006): everybody at the distance of the last neighbour counts alike."""
    rng = np.random.default_rng(8)
    place, joined = rng.integers(0, 3, (90, 3)).astype(float), np.arange(90) < 30
    away = cdist(place[:30], place[30:])
    near = away <= np.sort(away, axis=1)[:, [3]] + 1e-9
    expected = np.concatenate([np.zeros(30), (near / near.sum(axis=1, keepdims=True)).sum(axis=0)])
    np.testing.assert_allclose(times_used(place, joined, 4), expected)


@pytest.mark.parametrize("near", ["propensity", "covariates"])
def test_order_of_rows_decides_nothing(near):
    """Three traits of four values: many are alike, in a frame that is sorted by the outcome."""
    rng = np.random.default_rng(9)
    x = rng.integers(0, 4, (3000, 3)).astype(float)
    joined = rng.random(3000) < 1 / (1 + np.exp(1.5 - x.sum(axis=1) / 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(participated=joined)
    frame["y"] = x.sum(axis=1) + joined + rng.normal(size=3000)
    how = {"near": near, "covariates": ["a", "b", "c"]}
    sorted_, shuffled = frame.sort_values("y", ignore_index=True), frame.sample(frac=1, random_state=1)
    one, other = matching(sorted_, "y", **how), matching(shuffled.reset_index(drop=True), "y", **how)
    assert one.estimate == pytest.approx(other.estimate, abs=0.1 * one.se), "folds differ by order, matches do not"
    assert abs(one.estimate - 1) < 4 * one.se
    balanced = weighting(frame, "y", by="entropy", covariates=["a", "b", "c"])
    assert one.se < 1.3 * balanced.se, "nobody who is as near is left unused"


def test_one_trait_with_two_values_is_compared_within_each():
    frame = world(2000, 14).assign(rich=lambda t: t["x1"] > 0)
    found = matching(frame, "y", covariates=["rich"])
    gap = frame.groupby(["rich", "participated"])["y"].mean().unstack()
    share = frame.loc[frame["participated"], "rich"].mean()
    by_hand = np.average(gap[True] - gap[False], weights=[1 - share, share])
    assert found.estimate == pytest.approx(by_hand, abs=0.02)


def test_interval_of_matching_is_that_of_abadie_and_imbens():
    """Theorem 7 of Abadie & Imbens (2006), with the variance of an outcome from a customer's nearest of the kind.

    Both estimate the same; over four samples of 4,000 they differ by chance in the second digit.
    """
    ours, theirs = [], []
    for seed in range(4):
        frame = world(4000, 20 + seed, varying=0.5)
        ours.append(matching(frame, "y", near="covariates", covariates=X, neighbours=2).se)
        theirs.append(_abadie_imbens(frame, 2))
    assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.06)


def _abadie_imbens(frame, m):
    joined, x, y = frame["participated"].to_numpy(), frame[X].to_numpy(), frame["y"].to_numpy()
    white = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    line = np.column_stack([np.ones(len(x)), x])
    worth = np.linalg.lstsq(line[~joined], y[~joined], rcond=None)[0]
    near = np.argsort(cdist(white[joined], white[~joined]), axis=1)[:, :m]
    base = line @ worth
    stand_in = (y[~joined][near] + base[joined][:, None] - base[~joined][near]).mean(axis=1)
    gain = y[joined] - stand_in
    used = np.bincount(near.ravel(), minlength=(~joined).sum())
    within = cdist(white[~joined], white[~joined])
    np.fill_diagonal(within, np.inf)
    spread = (y[~joined] - base[~joined] - (y - base)[~joined][within.argmin(axis=1)]) ** 2 / 2
    n = joined.sum()
    return np.sqrt(((gain - gain.mean()) ** 2).sum() + (used * (used - 1) / m**2 * spread).sum()) / n


def test_methods_agree_where_all_are_right():
    frame = world(6000, 8)
    robust = doubly_robust(frame, "y", covariates=X, learner="linear")
    for use in WAYS.values():
        found = use(frame, "y", covariates=X)
        apart = np.sqrt(np.mean((found.influence - robust.influence) ** 2) / len(frame))
        assert abs(found.estimate - robust.estimate) < 4 * apart


def test_what_only_participants_have_is_refused():
    frame = world(600, 9).assign(flag=lambda t: (t["participated"] & (t["x1"] > 0)) * 1.0)
    with pytest.raises(Refused, match="no weights make non-participants look like participants"):
        weighting(frame, "y", by="entropy", covariates=[*X, "flag"])


@pytest.mark.parametrize("way", WAYS)
def test_small_groups_are_refused(way):
    frame = world(400, 10)
    with pytest.raises(Refused, match="fewer than k = 300 customers with participated"):
        WAYS[way](frame, "y", covariates=X, k=300)
    few = frame.assign(participated=np.arange(400) < 9)
    with pytest.raises(Refused, match="fewer than k = 10 "):
        WAYS[way](few, "y", covariates=X)


@pytest.mark.parametrize("way", WAYS)
def test_comparisons_that_rest_on_a_few_are_refused(way):
    frame = world(2000, 11).assign(participated=lambda t: t["x1"] + 0.02 * t["x2"] > 0)
    with pytest.raises(Refused, match=r"comparable non-participants|no weights make"):
        WAYS[way](frame, "y", covariates=X, k=200)


@pytest.mark.parametrize(
    ("use", "arguments", "name"),
    [(matching, {"near": "here"}, "near"), (matching, {"neighbours": 0}, "neighbours"),
     (matching, {"neighbours": 2.5}, "neighbours"), (matching, {"covariates": []}, "covariates"),
     (weighting, {"covariates": []}, "covariates"), (weighting, {"covariates": "x1"}, "covariates"),
     (doubly_robust, {"covariates": []}, "covariates"),
     (matching, {"near": "covariates", "propensities": "chance"}, "propensities"),
     (matching, {"propensities": np.full(300, 2.0)}, "probabilities"),
     (weighting, {"by": "hand"}, "by"), (weighting, {"clip": 0.7}, "clip"),
     (weighting, {"by": "entropy", "propensities": "chance"}, "propensities"),
     (weighting, {"propensities": np.full(5, 0.5)}, "probabilities")],
)  # fmt: skip
def test_wrong_arguments_name_themselves(use, arguments, name):
    with pytest.raises(ParameterError, match=name):
        use(world(300, 12), "y", **{"covariates": X, **arguments})


def test_known_propensities_are_used_for_matching():
    frame = world(3000, 13)
    found = matching(frame, "y", covariates=X, propensities="chance")
    assert abs(found.estimate - 1) < 4 * found.se


@pytest.mark.parametrize("way", WAYS)
def test_covariates_that_tell_nothing_are_refused(way):
    with pytest.raises(Refused, match="no covariate varies"):
        WAYS[way](world(300, 15).assign(same=1), "y", covariates=["same"])
