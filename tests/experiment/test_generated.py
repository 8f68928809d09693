"""The synthetic bank: what is observed follows from its truth, and the estimators that may find it do."""

import numpy as np
import pytest

from bankmkt.experiment import check, doubly_robust, panel, true_effect, truth_of
from bankmkt.experiment.evaluation import _randomised
from bankmkt.experiment.truth import potential_outcomes
from bankmkt.schema import OUTCOMES
from bankmkt.synth import generate


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("synth") / "bank", 4000, 24, seed=11, workers=1, progress=False)


@pytest.fixture(scope="module")
def panels(generated):
    names = generated.campaigns.to_pandas()["name"]
    return {name: (panel(generated, name).to_pandas(), truth_of(generated, name)) for name in names}


def test_observed_outcome_is_the_potential_outcome_of_the_realised_arm(panels):
    assert len(panels) >= 7
    for name, (frame, truth) in panels.items():
        for outcome in OUTCOMES:
            y0, y1 = potential_outcomes(frame, truth, outcome)
            realised = np.where(frame["treated"], y1, y0)
            np.testing.assert_allclose(frame[outcome], realised, atol=0.006, err_msg=f"{name} {outcome}")


def test_randomised_campaigns_find_the_truth(generated, panels):
    """Four standard errors: about one false alarm in 15,000."""
    kinds = generated.campaigns.to_pandas().set_index("name")["assignment"]
    randomised = [name for name in kinds[kinds == "randomised"].index if panels[name][0]["participated"].sum() > 20]
    assert randomised
    frame, truth = panels["growth_journey_pilot"]
    for e in _randomised(frame, ("aum_change", "products_change", "logins")):
        assert abs(e.estimate - true_effect(frame, truth, e.outcome, e.target)) < 4 * e.se, e.outcome
    for name in randomised:
        assert check(panels[name][0])["p_value"] > 0.001


def test_targeted_campaigns_find_the_truth_with_their_recorded_propensities(generated, panels):
    kinds = generated.campaigns.to_pandas().set_index("name")["assignment"]
    targeted = kinds[kinds == "targeted"].index
    assert len(targeted)
    for name in targeted:
        frame, truth = panels[name]
        chance = np.where(frame["treated"], frame["propensity"], 1 - frame["propensity"])
        frame = frame.assign(participated=frame["treated"])
        for outcome in OUTCOMES:
            e = doubly_robust(frame, outcome, propensities=chance, learner="linear")
            assert abs(e.estimate - true_effect(frame, truth, outcome, "ATT")) < 4 * e.se, (name, outcome)


def test_self_selection_fools_what_cannot_see_it(panels):
    """Joiners of the open campaign are keener in ways that no column shows."""
    frame, truth = panels["growth_journey"]
    e = doubly_robust(frame, "logins", learner="linear")
    assert e.ci_low > true_effect(frame, truth, "logins", "ATT")
