import numpy as np
import pandas as pd
import pytest

from bankmkt.errors import ParameterError, Refused
from bankmkt.experiment import decompose, doubly_robust, truth_of
from bankmkt.experiment.evaluation import _unadjusted
from bankmkt.experiment.gap import _priced, history, left_over


@pytest.fixture(scope="module")
def robust(journey):
    return {o: doubly_robust(journey, o, learner="linear") for o in ("aum_change", "logins")}


@pytest.fixture(scope="module")
def truth(journey_bank):
    return truth_of(journey_bank, "journey")


@pytest.mark.parametrize("outcome", ["aum_change", "logins"])
@pytest.mark.parametrize("known", [True, False])
def test_parts_add_up_to_the_gap(journey, robust, truth, outcome, known):
    parts = decompose(journey, outcome, truth=truth if known else None, adjusted=robust[outcome])
    parts = parts.set_index("part")["value"]
    joined = journey["participated"]
    gap = journey.loc[joined, outcome].mean() - journey.loc[~joined, outcome].mean()
    assert parts["gap"] == pytest.approx(gap, rel=1e-12)
    assert parts.drop("gap").sum() == pytest.approx(gap, rel=1e-9)
    assert ("hidden" in parts) == known


def test_each_part_is_what_the_simulation_put_in(journey, robust, truth):
    """The simulation makes joiners dip below their line, rise more steeply, and be keener in a way no column shows."""
    parts = decompose(journey, "aum_change", truth=truth, adjusted=robust["aum_change"]).set_index("part")
    joined = journey["participated"]
    rows = truth[truth["outcome"] == "aum_change"].set_index("customer_id").loc[journey["customer_id"]]
    gain = (rows["y1"] - rows["y0"]).to_numpy()[joined].mean()
    assert parts.loc["effect", "value"] == pytest.approx(gain)
    assert parts.loc["mean_reversion", "ci_low"] > 0
    assert parts.loc["hidden", "ci_low"] > 0
    assert parts.loc["traits", "ci_low"] > 0


@pytest.mark.parametrize("outcome", ["aum_change", "logins"])
def test_what_is_left_over_explains_every_estimate(journey, robust, truth, outcome):
    parts = decompose(journey, outcome, truth=truth, adjusted=robust[outcome])
    left = left_over(journey, parts, outcome, months=6)
    estimates = [*_unadjusted(journey, outcome, 6, 10), robust[outcome]]
    np.testing.assert_allclose(left["estimate"], [e.estimate for e in estimates], rtol=1e-9)
    assert (left["effect"] == left["effect"].iloc[0]).all()


def test_a_straight_line_has_no_deviation():
    slope = np.array([0.0, 10.0, -3.0])
    frame = pd.DataFrame({"aum_0": 100 + 0 * slope, "aum_mean_12": 100 - 5.5 * slope, "aum_mean_6": 100 - 2.5 * slope})
    found = history(frame, "aum")
    np.testing.assert_allclose(found["slope"], slope)
    np.testing.assert_allclose(found["deviation"], 0, atol=1e-12)


def test_intervals_agree_with_the_bootstrap():
    """1,000 resamples give the standard error to ± 1/√2000, 2.2 %; 10 % is more than four of those."""
    rng = np.random.default_rng(3)
    n = 1500
    x = rng.normal(size=(n, 3))
    joined = rng.random(n) < 1 / (1 + np.exp(-x[:, 0]))
    y = x @ [1.0, 0.5, 0.0] + rng.normal(size=n) * (1 + joined)
    inside = np.array([True, True, False])
    value, influence = _priced(pd.DataFrame(x), inside, y, joined)
    draws = []
    for _ in range(1000):
        i = rng.integers(0, n, n)
        draws.append(_priced(pd.DataFrame(x[i]), inside, y[i], joined[i])[0])
    assert np.mean(influence) == pytest.approx(0, abs=1e-9)
    assert np.sqrt(np.mean(influence**2) / n) == pytest.approx(np.std(draws), rel=0.1)
    assert value == pytest.approx(np.mean(draws), abs=4 * np.std(draws) / np.sqrt(1000))


def test_wrong_arguments_are_refused(journey, robust):
    with pytest.raises(ParameterError, match="adjusted"):
        decompose(journey, "aum_change", adjusted=robust["logins"])
    with pytest.raises(ParameterError, match="conversion"):
        left_over(journey, decompose(journey, "logins", adjusted=robust["logins"]), "conversion", months=6)
    with pytest.raises(Refused, match="fewer than k = 5000 "):
        decompose(journey, "aum_change", k=5000)
