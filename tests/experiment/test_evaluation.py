from datetime import date

import numpy as np
import pandas as pd
import pytest

from bankmkt import open_bank
from bankmkt.errors import ParameterError, Refused
from bankmkt.experiment import evaluate, monthly_path


@pytest.fixture(scope="module")
def study(journey_bank):
    return evaluate(journey_bank, "journey", pilot="pilot", learner="linear")


def test_everything_is_there_and_agrees(study):
    assert study.truth_known
    assert study.customers == study.published["participants_customers"][0] + study.published["others_customers"][0]
    assert len(study.estimates) == 3 * 4 + 3 * 2
    assert study.arms["p_value"] > 0.001
    assert study.withheld == study.left_out == ""
    assert study.share("gap", "logins") == 1
    assert np.isnan(study.estimate("magic", "logins"))
    columns = ["method", "effect_of", "estimate", "ci_low", "ci_high", "truth", "error"]
    assert list(study.answers("logins")) == columns
    assert study.answers("logins")["effect_of"].notna().all()
    assert (study.pilot.name, study.pilot.end) == ("pilot", date(2025, 12, 31))
    remains = study.remains("aum_change")
    assert set(remains.select_dtypes("number").dtypes.astype(str)) == {"int64"}
    assert study.differences()["covariate"].str.contains("last quarter").any()


def _frames(study):
    for value in vars(study).values():
        yield from (v for v in (value.values() if isinstance(value, dict) else [value]) if isinstance(v, pd.DataFrame))


def _counts(frame):
    """Every number of customers that a frame shows."""
    names = [c for c in frame if c.endswith("customers") or c in ("treated", "control", "effective")]
    numbers = frame[names].to_numpy(float, na_value=np.nan).ravel()
    return numbers[~np.isnan(numbers)]


def test_no_customer_and_no_small_group_is_shown(study):
    assert len(list(_frames(study))) == 6 + 2 * 3 + 1
    for table in _frames(study):
        assert "customer_id" not in table
        assert len(table) < 150
        assert (_counts(table) >= 10).all()
    assert min(study.customers, study.participants, study.arms["treated"], study.arms["control"]) >= 10


def test_groups_smaller_than_k_are_missing_in_the_months(journey_frames):
    """Only nine participants have balances before December, so the months before show the others only."""
    balances, part = journey_frames["balances"], journey_frames["assignments"]
    joined = part.loc[(part["campaign_id"] == 2) & part["participated"], "customer_id"]
    kept = joined.iloc[:9]
    early = (
        (balances["month"] < "2025-12-01") & balances["customer_id"].isin(joined) & ~balances["customer_id"].isin(kept)
    )
    study = evaluate(open_bank({**journey_frames, "balances": balances[~early]}), "journey", learner="linear")
    hidden = study.path[study.path["customers"].isna()]
    assert len(hidden) == 3 * 12
    assert hidden["participated"].all()
    assert (hidden["months_after"] < 0).all()
    assert hidden[["mean", "ci_low", "ci_high"]].isna().all(axis=None)
    assert all((_counts(table) >= 10).all() for table in _frames(study))


def test_number_that_leaves_a_small_rest_is_missing_in_the_months(journey_frames, journey_bank):
    """Nine participants came in December: how many were there before would tell it, their mean does not."""
    balances, part = journey_frames["balances"], journey_frames["assignments"]
    joined = part.loc[(part["campaign_id"] == 2) & part["participated"], "customer_id"]
    late = (balances["month"] < "2025-12-01") & balances["customer_id"].isin(joined.iloc[:9])
    path = monthly_path(open_bank({**journey_frames, "balances": balances[~late]}), "journey")
    before = path["participated"] & (path["months_after"] < 0)
    assert path.loc[before, "customers"].isna().all()
    assert path.loc[before, "mean"].notna().all()
    assert path.loc[~before, "customers"].notna().all()


def test_key_figures_that_are_not_known_are_left_out(study, journey_frames):
    figures = study.figures()
    assert figures["true_effect_yuan"] == round(study.estimate("doubly robust", "aum_change", "truth"))
    assert figures["pilot_taking_part_yuan"] == round(study.estimate("randomised: taking part", "aum_change"))
    bank = open_bank({n: f for n, f in journey_frames.items() if n not in ("truth", "events")})
    fewer = evaluate(bank, "journey", learner="linear").figures()
    unknown = {"true_effect_yuan", "gap_due_to_campaign_share", "pilot_taking_part_yuan"}
    assert set(figures) - set(fewer) == unknown
    assert "logins_growth_ratio" not in figures  # the others' logins fell
    assert all(value == value and value is not None for value in (*figures.values(), *fewer.values()))


def test_small_groups_are_not_counted_in_reasons(journey_frames):
    """A pilot with few in an arm, or few who took part, and a campaign with few participants."""
    few, part = 9, journey_frames["assignments"]
    pilot = part["campaign_id"] == 1
    invited = part["arm"] == "treatment"
    spare = pilot & invited & (part[invited].index.to_series().reindex(part.index).rank() > few)
    stays = part["participated"].where(~pilot | (part["participated"] & pilot).cumsum().le(few), False)
    texts = []
    for assignments in (part[~spare], part.assign(participated=stays)):
        study = evaluate(
            open_bank({**journey_frames, "assignments": assignments}), "journey", pilot="pilot", learner="linear"
        )
        assert study.arms == {}
        texts.append(study.withheld)
    joins = part["participated"].where(pilot, (part["participated"] & ~pilot).cumsum().le(few) & part["participated"])
    with pytest.raises(Refused) as refusal:
        evaluate(open_bank({**journey_frames, "assignments": part.assign(participated=joins)}), "journey")
    for text in (*texts, str(refusal.value)):
        assert "fewer than k = 10" in text
        assert str(few) not in text


def test_bank_without_events_is_evaluated_without_logins(journey_frames):
    bank = open_bank({n: f for n, f in journey_frames.items() if n != "events"})
    study = evaluate(bank, "journey", pilot="pilot", learner="linear")
    assert "events" in study.left_out
    assert list(study.parts) == list(study.left) == list(study.placebos["outcome"]) == ["aum_change", "products_change"]
    assert set(study.published["indicator"]) == set(study.path["indicator"]) == {"aum", "products"}
    assert set(study.multiple["indicator"]) == {"aum", "products"}
    assert "logins" not in set(study.estimates["outcome"])
    assert study.estimates["target"].isin(["ITT", "CACE"]).sum() == 4
    assert study.estimates[["estimate", "ci_low", "truth"]].notna().all(axis=None)


def test_pilot_older_than_the_data_is_withheld_with_its_reason(journey_frames):
    campaigns = journey_frames["campaigns"].copy()
    campaigns.loc[campaigns["name"] == "pilot", ["starts_on", "ends_on"]] = pd.to_datetime(["2023-07-01", "2023-12-31"])
    study = evaluate(open_bank({**journey_frames, "campaigns": campaigns}), "journey", pilot="pilot", learner="linear")
    assert "balances of 2023-06-30" in study.withheld


def test_pilot_without_recorded_chances_is_withheld_with_its_reason(journey_frames):
    assignments = journey_frames["assignments"].assign(propensity=np.nan)
    bank = open_bank({**journey_frames, "assignments": assignments})
    assert "planned share" in evaluate(bank, "journey", pilot="pilot", learner="linear").withheld


def test_pilot_must_be_randomised_and_known(journey_bank):
    with pytest.raises(ParameterError, match="pilot = 'journey': expected a randomised campaign"):
        evaluate(journey_bank, "journey", pilot="journey")
    with pytest.raises(ParameterError, match="one of pilot, journey"):
        evaluate(journey_bank, "journey", pilot="pilots")


@pytest.mark.parametrize("k", [0, -3, "x"])
def test_k_must_be_a_count(journey_bank, k):
    with pytest.raises(ParameterError, match="k = "):
        evaluate(journey_bank, "journey", k=k)


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
    assert "check of sizes" in study.withheld
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
