"""A study from a bank's campaign is what the bank recorded: arms, chances, what was known before, truth."""

import numpy as np
import pandas as pd
import pytest

import bankmkt as bm
from bankmkt.errors import DataError, ParameterError, Refused, SchemaError
from bankmkt.experiment import campaign, truth_of
from bankmkt.uplift import effect_scores, study_of
from bankmkt.uplift.campaign_study import _recorded


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


def test_chances_that_cannot_be_of_one_lot_are_refused():
    """0.9 of either arm: each customer's own chance says 0.9, and the other arm's is taken to be 0.1."""
    rng = np.random.default_rng(1)
    arm = pd.Series(rng.choice(["control", "call"], 2000))
    with pytest.raises(DataError, match="of 2,000 customers"):
        _recorded(arm, np.full(2000, 0.9), ["control", "call"])
    chance = rng.choice([0.2, 0.7], 2000)  # of the call, targeted
    arm = pd.Series(np.where(rng.random(2000) < chance, "call", "control"))
    own = np.where(arm == "call", chance, 1 - chance)
    np.testing.assert_allclose(_recorded(arm, own, ["control", "call"])["call"], chance)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A bank with a campaign of two offers whose chances differ between customers, and those chances."""
    home = tmp_path_factory.mktemp("several")
    world = bm.synth.World(bm.generate(home / "now", 1_500, 2, seed=3, workers=1, progress=False))
    c = world.bank.customers
    ids = world.bank.frame(c.filter(c.closed_on.isnull(), c.opened_on <= max(world.bank.months))).customer_id
    first = np.where(ids % 2 == 0, 0.2, 0.5)
    chances = pd.DataFrame({"control": 0.3, "treatment": first, "treatment_b": 0.7 - first}).set_axis(ids)
    arm = (np.random.default_rng(1).random((len(ids), 1)) > chances.to_numpy().cumsum(axis=1)).sum(axis=1)
    drawn = pd.DataFrame({
        "customer_id": ids.to_numpy(), "arm": chances.columns.to_numpy()[arm],
        "propensity": chances.to_numpy()[np.arange(len(ids)), arm],
    })  # fmt: skip
    offers = {"treatment": "fund_push", "treatment_b": "fund_call"}
    return world.run(drawn, offers, name="round_2", out=home / "later", months=1, progress=False).bank, chances


def test_a_round_with_several_offers_is_learned_from_the_banks_tables(several):
    bank, chances = several
    with pytest.raises(Refused, match="pass propensity, a column per arm"):
        study_of(bank, "round_2")
    study = study_of(bank, "round_2", propensity=chances.sample(frac=1, random_state=1))
    assert study.randomised
    assert study.arms == ("control", "treatment", "treatment_b")
    np.testing.assert_allclose(study.propensity, chances.loc[study.index])
    again = study_of(bank, "round_2", propensity=chances.rename_axis("customer_id").reset_index())
    np.testing.assert_array_equal(again.propensity, study.propensity)
    rows = bank.frame(bank.truth.filter(bank.truth.campaign_id == 1001, bank.truth.outcome == "conversion"))
    y = rows.set_index("customer_id").loc[study.index, ["y0", "y1", "y1_b"]].to_numpy()
    np.testing.assert_array_equal(study.truth, y[:, 1:] - y[:, :1])
    np.testing.assert_array_equal(study.outcome, y[np.arange(len(y)), study.arm])
    psi = effect_scores(study)
    assert (abs(psi.mean(axis=0) - study.truth.mean(axis=0)) < 4 * psi.std(axis=0) / np.sqrt(len(psi))).all()


def test_chances_that_the_bank_did_not_record_are_refused(several):
    bank, chances = several
    for wrong, error in (
        (chances.assign(treatment=0.35, treatment_b=0.35), DataError), (chances.iloc[5:], DataError),
        (chances[["control"]], SchemaError), (chances.assign(control=np.nan), DataError),
        (chances.astype(str), SchemaError), (pd.concat([chances, chances.head(2)]), DataError),
    ):  # fmt: skip
        with pytest.raises(error, match="propensity"):
            study_of(bank, "round_2", propensity=wrong)


def test_bad_input(demo):
    with pytest.raises(ParameterError, match="outcome"):
        study_of(demo, "card_activation_2024", outcome="aum_0")
    with pytest.raises(ParameterError, match="campaign"):
        study_of(demo, "nothing")
    with pytest.raises(ParameterError, match="seed"):
        study_of(demo, "card_activation_2024", seed="a")
    with pytest.raises(ParameterError, match="bank"):
        study_of(None, "card_activation_2024")
