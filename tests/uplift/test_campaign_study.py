"""A study from a bank's campaign is what the bank recorded: arms, chances, what was known before, truth."""

import numpy as np
import pytest

import bankmkt as bm
from bankmkt.errors import ParameterError, Refused
from bankmkt.experiment import campaign, truth_of
from bankmkt.uplift import study_of


@pytest.fixture(scope="module")
def demo():
    return bm.demo_bank()


def assigned(bank, name):
    """Return what the bank recorded of a campaign's customers, in order."""
    number = campaign(bank, name).campaign_id
    rows = bank.assignments.filter(bank.assignments.campaign_id == number).order_by("customer_id")
    return bank.frame(rows).set_index("customer_id")


def test_lots_drawn_are_taken_as_recorded(demo):
    """Of a targeted campaign: chances differ between customers."""
    name = "wealth_newcomer_2026"
    study = study_of(demo, name, cost=2.0, value=100.0)
    people = assigned(demo, name)
    assert study.randomised
    assert study.arms == ("control", "treatment")
    assert study.index.tolist() == people.index.tolist()
    assert study.index.name == "customer_id"
    np.testing.assert_array_equal(study.arm == 1, people.arm == "treatment")
    own = study.propensity[np.arange(len(study)), study.arm]
    np.testing.assert_allclose(own, people.propensity)
    opened = demo.frame(demo.balances.filter(demo.balances.month == "2026-03-31").select("customer_id", "aum"))
    wanted = opened.set_index("customer_id").aum.reindex(people.index).fillna(0)
    np.testing.assert_allclose(study.X.aum_0, wanted)
    truth = truth_of(demo, name).query("outcome == 'conversion'").set_index("customer_id").loc[people.index]
    np.testing.assert_array_equal(study.truth[:, 0], truth.y1 - truth.y0)
    assert (study.cost.tolist(), study.value) == ([0.0, 2.0], 100.0)


def test_what_customers_chose_themselves_is_no_experiment(demo):
    study = study_of(demo, "growth_journey", outcome="logins")
    people = assigned(demo, "growth_journey").loc[study.index]
    assert not study.randomised
    assert study.arms == ("control", "joined")
    np.testing.assert_array_equal(study.arm == 1, people.participated)
    joined = study.arm == 1
    assert study.propensity[joined, 1].mean() > study.propensity[~joined, 1].mean() + 0.01
    assert study.propensity.min() >= 0.01


@pytest.mark.slow
def test_a_unit_of_the_bank_and_a_part_of_the_study_keep_the_ids(demo):
    branch = demo.frame(demo.customers.select("customer_id", "org_id"))
    org = int(branch.org_id.value_counts().index[0])
    study = study_of(demo, "card_activation_2024", org_id=org)
    assert set(study.index) <= set(branch.customer_id[branch.org_id == org])
    part = study.of(np.flatnonzero(study.outcome <= 1)[::-1])
    assert part.index.tolist() == study.index[::-1].tolist()


def test_half_recorded_chances_are_refused_and_none_are_estimated(demo):
    name = "wealth_newcomer_2025"
    whole = {table: demo.frame(demo.tables[table]) for table in ("campaigns", "assignments", "customers", "balances")}
    whole["transactions"] = demo.frame(demo.transactions.limit(1000))
    half = {**whole, "assignments": whole["assignments"].copy()}
    half["assignments"].loc[half["assignments"].index % 2 == 0, "propensity"] = np.nan
    with pytest.raises(Refused, match="chances of"):
        study_of(bm.open_bank(half), name)
    none = {**whole, "assignments": whole["assignments"].assign(propensity=np.nan)}
    study = study_of(bm.open_bank(none), name)
    assert not study.randomised
    assert study.arms == ("control", "treatment")
    assert study.truth is None


def test_bad_input(demo):
    with pytest.raises(ParameterError, match="outcome"):
        study_of(demo, "card_activation_2024", outcome="aum_0")
    with pytest.raises(ParameterError, match="campaign"):
        study_of(demo, "nothing")
    with pytest.raises(ParameterError, match="bank"):
        study_of(None, "card_activation_2024")
