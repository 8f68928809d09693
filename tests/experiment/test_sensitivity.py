import numpy as np
import pandas as pd
import pytest

from bankmkt.errors import ParameterError
from bankmkt.experiment import difference_in_differences, doubly_robust, sensitivity, weighting
from bankmkt.experiment.sensitivity import KNOWN


def two_kinds(n, seed, *, effect=0.0, push=1.0, odds=(0.25, 1.0)):
    """A hidden trait of half the customers raises the outcome by ``push`` and the odds of joining."""
    rng = np.random.default_rng(seed)
    u = rng.random(n) < 0.5
    p = np.where(u, odds[1] / (1 + odds[1]), odds[0] / (1 + odds[0]))
    joined = rng.random(n) < p
    x = rng.normal(size=n)
    y = x + push * u + rng.normal(size=n) + effect * joined
    return pd.DataFrame({"participated": joined, "x": x, "noise": rng.normal(size=n), "y": y})


def true_shares(push, odds):
    """The hidden trait's strength among non-participants, by arithmetic: its R² and its share of E[w²]."""
    out = np.array([1 / (1 + odds[0]), 1 / (1 + odds[1])])
    out /= out.sum()
    spread = push**2 * out[0] * out[1]
    mean, square = out @ np.array(odds), out @ np.square(odds)
    return spread / (spread + 1), 1 - mean**2 / square


def test_bound_is_attained_by_a_trait_of_two_values():
    """Then outcome and odds go hand in hand, so that the bias is the bound itself; 200,000 leave 1 % of error."""
    push, odds = 1.0, (0.25, 1.0)
    found = sensitivity(two_kinds(200_000, 1, push=push, odds=odds), "y", covariates=["x"], kinds={})
    bias = found.estimate.estimate
    assert bias > 0.2
    assert found.bias(*true_shares(push, odds)) == pytest.approx(bias, abs=4 * found.estimate.se)


@pytest.mark.parametrize("push", [0.5, -1.5])
@pytest.mark.parametrize("effect", [0.0, 2.0])
def test_limits_that_allow_for_the_trait_hold_the_truth(push, effect):
    odds = (0.25, 1.5)
    found = sensitivity(two_kinds(6000, 2, push=push, odds=odds, effect=effect), "y", covariates=["x"], kinds={})
    low, high = found.limits(*true_shares(push, odds))
    assert low < effect < high
    assert not found.estimate.ci_low < effect < found.estimate.ci_high


def test_robustness_value_is_where_the_bound_reaches_the_effect():
    found = sensitivity(two_kinds(3000, 3, effect=1.0), "y", covariates=["x"], kinds={})
    value, narrower = found.robustness_value, found.robustness_value_interval
    assert 0 < narrower < value < 1
    assert found.bias(value, value) == pytest.approx(found.estimate.estimate)
    assert found.limits(narrower, narrower)[0] == pytest.approx(0, abs=1e-3)
    assert found.limits(0, 0) == pytest.approx((found.estimate.ci_low, found.estimate.ci_high))


def test_negative_effects_are_judged_alike():
    frame = two_kinds(3000, 4, effect=1.0)
    up = sensitivity(frame, "y", covariates=["x"], kinds={})
    down = sensitivity(frame.assign(y=-frame["y"]), "y", covariates=["x"], kinds={})
    assert down.robustness_value == pytest.approx(up.robustness_value)
    assert down.robustness_value_interval == pytest.approx(up.robustness_value_interval, abs=1e-5)


def test_no_effect_needs_no_hidden_cause():
    frame = two_kinds(2000, 5, push=0.0)
    assert sensitivity(frame, "y", covariates=["x"], kinds={}).robustness_value_interval == 0


def test_value_without_covariates_is_known():
    """All weights are equal then, so the scale is the outcome's spread: f = .5, RV = (√(f⁴ + 4f²) − f²) / 2 = .39."""
    rng = np.random.default_rng(6)
    joined = rng.random(50_000) < 0.3
    frame = pd.DataFrame({"participated": joined, "same": 1.0, "y": rng.normal(size=50_000) + 0.5 * joined})
    frame["noise"] = rng.normal(size=50_000)
    found = sensitivity(frame, "y", covariates=["noise", "same"], kinds={})
    assert found.scale == pytest.approx(1, abs=0.02)
    assert found.robustness_value == pytest.approx((np.sqrt(0.25**2 + 4 * 0.25) - 0.25) / 2, abs=0.02)


def test_what_is_seen_is_a_yardstick_for_what_is_not():
    """A covariate that drives both is nearer than one that drives neither."""
    rng = np.random.default_rng(7)
    x1, x2 = rng.normal(size=(2, 6000))
    joined = rng.random(6000) < 1 / (1 + np.exp(1 - x1))
    frame = pd.DataFrame({"participated": joined, "x1": x1, "x2": x2, "y": x1 + rng.normal(size=6000) + 2 * joined})
    kinds = {"driver": ["x1"], "bystander": ["x2"]}
    found = sensitivity(frame, "y", covariates=["x1", "x2"], kinds=kinds)
    rows = found.yardsticks.set_index("kind")
    assert rows.loc["driver", "outcome_share"] == pytest.approx(1.0, abs=0.25)  # its variance beside the noise's
    assert rows.loc["driver", "joining_share"] > 0.3
    assert rows.loc["bystander", "times"] > 20 * rows.loc["driver", "times"]
    times, shares = rows.loc["driver", "times"], rows.loc["driver", ["outcome_share", "joining_share"]].to_numpy(float)
    bias = found.scale * np.sqrt(np.prod(times * shares) / (1 - times * shares[1]))
    assert bias == pytest.approx(found.estimate.estimate)
    assert found.of(found.estimate.estimate)["times"] == rows["times"].min()
    assert rows.loc[KNOWN, "times"] == pytest.approx(rows.loc["driver", "times"], rel=0.05)


def test_kinds_that_retell_each_other_are_strong_together():
    """Each of two copies adds nothing to the other; what is known is as strong as the one cause that they tell of."""
    rng = np.random.default_rng(10)
    cause = rng.normal(size=6000)
    joined = rng.random(6000) < 1 / (1 + np.exp(1 - cause))
    frame = pd.DataFrame({"participated": joined, "one": cause, "y": cause + rng.normal(size=6000) + joined})
    frame["other"] = cause + 0.05 * rng.normal(size=6000)
    found = sensitivity(frame, "y", covariates=["one", "other"], kinds={"one": ["one"], "other": ["other"]})
    rows = found.yardsticks.set_index("kind")
    assert rows.loc["one", "times"] > 10 * rows.loc[KNOWN, "times"]
    alone = sensitivity(frame, "y", covariates=["one"], kinds={"one": ["one"]}).yardsticks.set_index("kind")
    assert rows.loc[KNOWN, "times"] == pytest.approx(alone.loc["one", "times"], rel=0.05)
    assert found.of(found.estimate.estimate)["yardstick"] == KNOWN


def test_no_hidden_cause_explains_more_than_all():
    """A strong effect: many times the driver's share of the outcome is more than 1, which nothing can have."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=4000)
    joined = rng.random(4000) < 1 / (1 + np.exp(1 - 0.5 * x))
    frame = pd.DataFrame({"participated": joined, "x": x, "y": x + rng.normal(size=4000) + 9 * joined})
    found = sensitivity(frame, "y", covariates=["x"], kinds={})
    row = found.yardsticks.iloc[0]
    assert row["times"] * row["outcome_share"] > 1
    assert found.bias(1.0, row["times"] * row["joining_share"]) == pytest.approx(found.estimate.estimate)


def test_other_estimates_can_be_judged():
    frame = two_kinds(2000, 8, effect=1.0)
    balanced = weighting(frame, "y", by="entropy", covariates=["x"])
    found = sensitivity(frame, "y", adjusted=balanced, covariates=["x"], kinds={})
    assert found.estimate == balanced
    with pytest.raises(ParameterError, match="adjusted"):
        sensitivity(frame, "y", adjusted=doubly_robust(frame, "y", target="ATE", covariates=["x"]), covariates=["x"])
    frame = frame.assign(aum_0=0.0, aum_mean_12=0.0, aum_change=frame["y"])
    with pytest.raises(ParameterError, match="adjusted"):
        sensitivity(frame, "y", adjusted=difference_in_differences(frame, "aum_change"), covariates=["x"])


def test_shares_are_shares():
    found = sensitivity(two_kinds(500, 9, effect=1.0), "y", covariates=["x"], kinds={})
    for shares in ((-0.1, 0.1), (0.1, 1.0), (1.1, 0.1)):
        with pytest.raises(ParameterError, match="shares"):
            found.bias(*shares)
