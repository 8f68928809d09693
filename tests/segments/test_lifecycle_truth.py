"""Do states told from balances and activity agree with the stages that drive the synthetic bank's customers?"""

import numpy as np
import pandas as pd
import pytest

import bankmkt as bm
from bankmkt.errors import DataError
from bankmkt.segments import lifecycle
from bankmkt.synth.stages import true_stages

STAGES = ["dormant", "declining", "mature", "growing"]


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return bm.generate(tmp_path_factory.mktemp("truth") / "bank", 1_500, 8, seed=5, workers=1, progress=False)


def test_states_agree_with_the_truth_far_beyond_chance(bank):
    """Cohen's kappa is above .2, and above 0 by more than four of its standard errors under independence."""
    truth = true_stages(bank)
    states = bank.fetch(lifecycle(bank, bank.months[-1], 1)).to_pandas()
    both = states.merge(truth, on="customer_id")
    assert len(both) == len(truth) == bank.fetch(bank.customers.closed_on.isnull().sum()).as_py()
    four = both[both.state.isin(STAGES)]
    table = pd.crosstab(four.stage, four.state).reindex(index=STAGES, columns=STAGES, fill_value=0).to_numpy()
    share = table / table.sum()
    rows, columns = share.sum(1), share.sum(0)
    seen, chance = np.trace(share), rows @ columns
    kappa = (seen - chance) / (1 - chance)
    spread = chance + chance**2 - (rows * columns) @ (rows + columns)  # Fleiss, Cohen and Everitt (1969)
    assert kappa > 4 * np.sqrt(spread / table.sum()) / (1 - chance)
    assert kappa > 0.2


def test_a_bank_without_its_truth_says_so(tiny_bank):
    with pytest.raises(DataError, match="a generated bank, where it was made"):
        true_stages(tiny_bank)
