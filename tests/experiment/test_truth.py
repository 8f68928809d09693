import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bankmkt
from bankmkt import open_bank
from bankmkt.errors import ParameterError, SchemaError
from bankmkt.experiment import compare, decompose, doubly_robust, panel, true_effect, truth_of
from bankmkt.experiment.evaluation import _randomised, _unadjusted
from bankmkt.experiment.truth import beside_truth, true_multiple

OUTCOMES = ("aum_change", "logins")


def _all(frame):
    return [e for o in OUTCOMES for e in (*_unadjusted(frame, o, 6, 10), doubly_robust(frame, o, learner="linear"))]


def test_estimators_do_not_see_the_truth(journey_frames, journey, pilot):
    """A bank without the table gives the same estimates, and so does one whose table lies."""
    blind = {name: f for name, f in journey_frames.items() if name != "truth"}
    lie = journey_frames["truth"].assign(y0=-1e6, y1=1e6)
    for frames in (blind, {**blind, "truth": lie}):
        bank = open_bank(frames)
        other = panel(bank, "journey").to_pandas()
        pd.testing.assert_frame_equal(other, journey)
        assert _all(other) == _all(journey)
        other = panel(bank, "pilot").to_pandas()
        assert _randomised(other, OUTCOMES) == _randomised(pilot, OUTCOMES)
    assert truth_of(open_bank(blind), "journey") is None


def test_only_one_function_reads_the_table_of_truth():
    readers = []
    for path in Path(bankmkt.__file__).parent.joinpath("experiment").glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Attribute) and node.attr == "truth":
                        readers.append(function.name)
    assert set(readers) == {"truth_of"}


def test_methods_stand_beside_the_truth(journey_bank, journey):
    estimates = _all(journey)
    table = beside_truth(estimates, journey, truth_of(journey_bank, "journey"))
    assert len(table) == 8
    np.testing.assert_allclose(table["estimate"] - table["truth"], table["error"])
    assert list(table["covers"]) == list((table["ci_low"] <= table["truth"]) & (table["truth"] <= table["ci_high"]))
    assert "truth" not in beside_truth(estimates, journey, None)


def test_the_experiment_finds_the_truth_that_the_published_table_misses(journey_bank, journey, pilot):
    estimates = [*_unadjusted(journey, "aum_change", 6, 10), doubly_robust(journey, "aum_change")]
    open_ = beside_truth(estimates, journey, truth_of(journey_bank, "journey")).set_index("method")
    assert open_.loc["participants − others", "error"] > 5 * open_.loc["participants − others", "se"]
    assert 0 < open_.loc["doubly robust", "error"] < open_.loc["participants − others", "error"]
    tried = beside_truth(_randomised(pilot, ["aum_change"]), pilot, truth_of(journey_bank, "pilot"))
    assert (tried["error"].abs() < 4 * tried["se"]).all()


def test_multiple_compares_participants_with_themselves(journey_bank, journey):
    truth = truth_of(journey_bank, "journey")
    both = true_multiple(journey, truth).set_index("indicator")
    growth = compare(journey).set_index("indicator")["participants_growth"]
    assert both.loc["aum", "growth_with"] == pytest.approx(growth["aum"], abs=1e-6)
    assert both.loc["logins", "growth_with"] == pytest.approx(growth["logins"])
    assert both.loc["aum", "growth_without"] < both.loc["aum", "growth_with"]


def test_incomplete_truth_is_an_error(journey_bank, journey):
    truth = truth_of(journey_bank, "journey")
    with pytest.raises(SchemaError, match="truth of logins"):
        true_effect(journey, truth.iloc[:-5], "logins", "ATT")
    with pytest.raises(ParameterError, match="target"):
        true_effect(journey, truth, "logins", "LATE")


def test_decomposition_needs_no_truth(journey):
    labels = set(decompose(journey, "logins", seed=1)["label"])
    assert "effect (doubly robust)" in labels
    assert "hidden self-selection" not in labels
