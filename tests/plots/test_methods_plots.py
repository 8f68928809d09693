import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from bankmkt.errors import ParameterError
from bankmkt.plots import methods

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close():
    from matplotlib import pyplot as plt

    yield
    plt.close("all")


def table(truth=True, outcome="aum_change"):
    frame = pd.DataFrame({
        "method": ["participants − others", "difference-in-differences", "matching", "doubly robust"],
        "outcome": outcome, "estimate": [1000.0, np.nan, 400.0, 150.0], "ci_low": [800.0, np.nan, 200.0, 50.0],
        "ci_high": [1200.0, np.nan, 600.0, 250.0], "negative": [300.0, np.nan, 20.0, -10.0],
        "negative_low": [200.0, np.nan, -80.0, -110.0], "negative_high": [400.0, np.nan, 120.0, 90.0],
        "negative_found": [True, None, False, False], "no_control": ["", "too few", "", ""],
        "robustness_value": [np.nan, np.nan, 0.2, 0.1],
        "times": [np.nan, np.nan, 3.04, 1.5], "yardstick": ["", "", "past AUM", "past AUM"],
        "verdict": ["wrong, and its control tells", "not possible: too few", "wrong: hidden", "holds the truth"],
    })  # fmt: skip
    known = {"truth": 100.0, "covers": [False, np.nan, False, True], "recovered": [0.0, np.nan, 0.667, 0.944]}
    return frame.assign(**known) if truth else frame


def test_each_estimate_its_control_and_the_truth_are_drawn():
    ax = methods.compared(table())
    drawn = {(line.get_marker(), float(line.get_xdata()[0])) for line in ax.lines if len(line.get_xdata()) == 1}
    assert drawn == {("X", 1000.0), ("X", 400.0), ("o", 150.0), ("s", 300.0), ("s", 20.0), ("s", -10.0)}
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "participants − others",
        "matching",
        "doubly robust",
    ]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["estimate: misses the truth", "same method one window before: should be 0",
                      "estimate: holds the truth", "truth"]  # fmt: skip
    assert ax.get_xlabel() == "effect on AUM, thousand yuan per customer (95% interval)"
    assert ax.get_title().replace("\n", " ").startswith("1 of 3 methods without chance holds the truth on AUM; ")


def test_without_truth_no_truth_is_drawn_or_told():
    ax = methods.compared(table(truth=False))
    assert "truth" not in ax.get_title()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["same method one window before: should be 0"]
    assert "recovered" not in methods.verdicts(table(truth=False))
    assert "truth" not in methods.lesson(table(truth=False))


def test_table_is_in_words():
    rows = methods.verdicts(table()).set_index("method")
    assert rows["recovered"].tolist() == ["0%", "–", "67%", "94%"]
    assert rows.loc["participants − others", "before"] == "+300 yuan, beyond chance"
    assert rows.loc["matching", "before"] == "+20 yuan, within chance"
    assert rows.loc["matching", "hidden"] == "20%; 3.0 × past AUM"
    assert rows.loc["difference-in-differences", ["before", "hidden"]].tolist() == ["–", "–"]


def test_lesson_says_what_the_frame_holds():
    said = methods.lesson(table())
    assert "take off 67% to 94% of the plain difference’s bias; 1 of their 2 intervals holds the truth." in said
    assert "none of them finds an effect" in said
    assert "explained 10% to 20% of what the data leave open" in said
    assert "whether there is one, no figure says" in said
    assert "past AUM" not in said, "a weak yardstick makes a hidden cause look impossible"
    assert said.endswith("no check on the data could tell.")
    seen = table().assign(negative_found=True)
    assert "all of them find an effect: either a hidden cause, or customers were chosen by" in methods.lesson(seen)
    assert "no check on the data could tell" not in methods.lesson(seen)
    assert "nothing to take off" in methods.lesson(table().assign(recovered=np.nan))
    assert "Nobody resembles" in methods.lesson(table().assign(robustness_value=np.nan))
    none = table().assign(negative=np.nan, no_control="no balances from before")
    assert "could be applied before the campaign: no balances from before." in methods.lesson(none)


def test_one_outcome_at_a_time():
    with pytest.raises(ParameterError, match="outcome"):
        methods.compared(pd.concat([table(), table(outcome="logins")]))
