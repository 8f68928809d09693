import numpy as np
import pytest

from bankmkt import open_bank
from bankmkt.errors import ParameterError, Refused
from bankmkt.experiment import evaluate


@pytest.fixture(scope="module")
def study(journey_bank):
    return evaluate(journey_bank, "journey", pilot="pilot", learner="linear")


def test_everything_is_there_and_agrees(study):
    assert study.truth_known
    assert study.customers == study.published["participants_customers"][0] + study.published["others_customers"][0]
    assert len(study.estimates) == 3 * 4 + 3 * 2
    assert study.arms["p_value"] > 0.001
    assert study.withheld == ""
    assert study.share("gap", "logins") == 1
    assert np.isnan(study.estimate("magic", "logins"))
    assert list(study.answers("logins")) == ["method", "measures", "estimate", "from", "to", "truth", "error"]
    remains = study.remains("aum_change")
    assert set(remains.select_dtypes("number").dtypes.astype(str)) == {"int64"}
    assert study.differences()["covariate"].str.contains("last quarter").any()


def test_no_customer_is_shown(study):
    for table in (study.published, study.path, study.estimates, study.overlap, study.balance, *study.parts.values()):
        assert "customer_id" not in table
        assert len(table) < 150


def test_bank_without_truth_has_no_truth_in_it(journey_frames):
    study = evaluate(
        open_bank({n: f for n, f in journey_frames.items() if n != "truth"}), "journey", pilot="pilot", learner="linear"
    )
    assert not study.truth_known
    assert "truth" not in study.answers("logins")
    assert "hidden" not in set(study.parts["logins"]["part"])


def test_pilot_that_was_not_randomised_is_withheld_with_its_reason(journey_frames):
    assignments = journey_frames["assignments"]
    lost = (assignments["arm"] == "treatment") & (assignments["customer_id"] % 3 == 0)
    bank = open_bank({**journey_frames, "assignments": assignments[~lost]})
    study = evaluate(bank, "journey", pilot="pilot", learner="linear")
    assert "share of customers invited" in study.withheld
    assert not study.estimates["target"].isin(["ITT", "CACE"]).any()


def test_no_pilot_is_no_fault(journey_bank):
    assert evaluate(journey_bank, "journey", learner="linear").arms == {}


def test_only_open_campaigns_and_large_enough_ones(journey_bank):
    with pytest.raises(ParameterError, match=r"experiment\.effect"):
        evaluate(journey_bank, "pilot")
    with pytest.raises(Refused, match="fewer than k = 1000 "):
        evaluate(journey_bank, "journey", k=1000)
    with pytest.raises(ParameterError, match="column"):
        evaluate(journey_bank, "journey", learner="linear").estimate("doubly robust", "logins", "colour")
