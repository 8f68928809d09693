"""Do states told from balances and activity agree with the stages that drive the synthetic bank's customers?"""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, precision_score, recall_score

import bankmkt as bm
from bankmkt.errors import DataError, ParameterError, Refused, SchemaError
from bankmkt.segments import lifecycle, state_agreement
from bankmkt.synth import advance_bank
from bankmkt.synth.stages import true_stages

STAGES = ["growing", "mature", "declining", "dormant"]


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return bm.generate(tmp_path_factory.mktemp("truth") / "bank", 3_000, 8, seed=5, workers=1, progress=False)


def test_states_agree_with_the_truth_far_beyond_chance(bank):
    """Cohen's kappa is above .2, its interval above .1; its standard error is that under no assumption of chance."""
    truth = true_stages(bank)
    assert len(truth) == bank.fetch(bank.customers.closed_on.isnull().sum()).as_py()
    found = state_agreement(lifecycle(bank, bank.months[-1], 1), truth)
    assert found.kappa > 0.2
    assert found.ci_lower > 0.1


@pytest.mark.parametrize("state", STAGES)
def test_each_state_finds_its_stage_more_often_than_guessing(bank, state):
    """Of those told to be in a state, more are in the stage than of the others who could be told so: by more than
    1.64 standard errors of the difference (one-sided 5 %). States that trade places would be told apart.
    """
    both = bank.frame(lifecycle(bank, bank.months[-1], 1)).merge(true_stages(bank), on="customer_id")
    four = both[both.state.isin(STAGES)]
    if state in ("growing", "declining"):  # told of customers who are awake
        four = four[four.state != "dormant"]
    told, hit = four.state == state, four.stage == state
    p, q, share = hit[told].mean(), hit[~told].mean(), hit.mean()
    error = np.sqrt(share * (1 - share) * (1 / told.sum() + 1 / (~told).sum()))
    assert p - q > 1.64 * error


def test_agreement_is_what_scikit_learn_says():
    rng = np.random.default_rng(1)
    states = ["prospect", *STAGES, "returned"]
    told = pd.DataFrame({"customer_id": range(5_000), "state": rng.choice(states, 5_000)})
    truth = pd.DataFrame({"customer_id": range(100, 5_100), "stage": rng.choice(STAGES, 5_000, p=[0.4, 0.3, 0.2, 0.1])})
    truth["stage"] = told.state.reindex(truth.customer_id).set_axis(truth.index).where(
        lambda s: s.isin(STAGES) & (rng.random(5_000) < 0.3), truth.stage)  # fmt: skip
    found = state_agreement(told, truth)
    both = told.merge(truth, on="customer_id")
    cells = found.cells.set_index(["truth", "state"])
    expected = both.groupby(["stage", "state"]).size()
    assert cells.customers.to_dict() == expected.to_dict()
    assert len(cells) == 4 * 6
    np.testing.assert_allclose(cells.groupby("truth").share.sum(), 1)
    names = found.states.state.tolist()
    assert names == STAGES
    for name, score in (("precision", precision_score), ("recall", recall_score)):
        values = score(both.stage, both.state, labels=names, average=None)
        np.testing.assert_allclose(found.states[name], values)
        assert (found.states[f"{name}_ci_lower"] < values).all()
        assert (found.states[f"{name}_ci_upper"] > values).all()
    assert found.states.base.tolist() == pytest.approx(both.stage.value_counts(normalize=True)[names].tolist())
    four = both[both.state.isin(STAGES)]
    assert found.kappa == pytest.approx(cohen_kappa_score(four.state, four.stage))
    assert found.ci_lower < found.kappa < found.ci_upper


def test_small_cells_of_agreement_are_hidden():
    told = pd.DataFrame({"customer_id": range(103), "state": ["mature"] * 50 + ["dormant"] * 53})
    truth = pd.DataFrame({"customer_id": range(103), "stage": ["mature"] * 53 + ["dormant"] * 50})
    found = state_agreement(told, truth)
    assert found.cells.set_index(["truth", "state"]).suppressed.to_dict() == {
        ("mature", "mature"): True, ("mature", "dormant"): True, ("dormant", "dormant"): True,
        ("dormant", "mature"): False,
    }  # fmt: skip
    assert found.states.suppressed.all()
    assert found.states.precision.isna().all()


def test_bad_tables_of_agreement_are_named():
    told = pd.DataFrame({"customer_id": [1, 2], "state": "mature"})
    truth = pd.DataFrame({"customer_id": [1, 2], "stage": "mature"})
    with pytest.raises(SchemaError, match="truth has no column = 'stage'"):
        state_agreement(told, truth.drop(columns="stage"))
    with pytest.raises(DataError, match="states = 'a customer with two rows'"):
        state_agreement(pd.concat([told, told]), truth)
    with pytest.raises(Refused, match="nobody has both"):
        state_agreement(told, truth.assign(customer_id=[3, 4]))


def test_the_truth_is_that_of_the_banks_last_month(bank, tmp_path):
    """As of an earlier day only a state of that day will do: never the one of the last month."""
    last = bank.months[-1]
    pd.testing.assert_frame_equal(true_stages(bank.as_of(last)), true_stages(bank))
    with pytest.raises(DataError, match="the state of its last month; pass the bank as it was made"):
        true_stages(bank.as_of(bank.months[-2]))
    with pytest.raises(ParameterError, match="bank"):
        true_stages("bank")
    short = bm.generate(tmp_path / "short", 300, 4, seed=5, workers=1, progress=False)
    before = true_stages(short)
    longer = advance_bank(short.path, tmp_path / "longer", 2, workers=1, progress=False)
    after = true_stages(longer)
    (longer.path / "_state" / "part-00000-003.npz").write_bytes((short.path / "_state/part-00000-003.npz").read_bytes())
    pd.testing.assert_frame_equal(true_stages(longer.as_of(short.months[-1])), before)
    pd.testing.assert_frame_equal(true_stages(longer), after)
    assert not before.merge(after, on="customer_id").eval("stage_x == stage_y").all()


def test_a_bank_without_its_truth_says_so(tiny_bank):
    with pytest.raises(DataError, match="a generated bank, where it was made"):
        true_stages(tiny_bank)
