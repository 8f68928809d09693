"""Figures of the closed loop say what their frame says."""

import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from bankmkt import plots
from bankmkt.errors import SchemaError
from bankmkt.plots import loop as draw

mpl.use("agg")


@pytest.fixture(autouse=True)
def _theme():
    with plots.themed():
        yield
    plt.close("all")


@pytest.fixture
def frame():
    """Two repeats of three rounds: the uplift model gives away 1,000 less than the bandit in one, more in the other."""
    rows = itertools.product([0, 1], ["uplift", "thompson", "random"], [1, 2, 3])
    out = pd.DataFrame(rows, columns=["repeat", "policy", "round"])
    base = {"uplift": 8_000.0, "thompson": 9_000.0, "random": 15_000.0}
    out["regret"] = out.policy.map(base).where(out["round"] > 1, 20_000.0)
    out.loc[(out.repeat == 1) & (out.policy == "uplift") & (out["round"] == 2), "regret"] = 13_000.0
    out["oracle"] = 25_000.0
    out["value_expected"] = out.oracle - out.regret
    out["value_estimated"] = out.value_expected + 500
    out["ci_lower"], out["ci_upper"] = out.value_estimated - 4_000, out.value_estimated + 4_000
    out["value_true"] = out.value_expected + np.where(out["round"] == 3, 6_000, 0)
    out["covers"] = out.value_true.between(out.ci_lower, out.ci_upper)
    return out


def title(ax):
    return ax.get_title(loc="left").replace("\n", " ")


def test_regret_round_by_round(frame):
    ax = draw.regret(frame)
    assert title(ax) == (
        "In round 3 the uplift model gives away 8.00 thousand yuan, contacting anybody 15.0 thousand yuan"
    )
    thick = [line for line in ax.lines if line.get_linewidth() > 2]
    assert [line.get_label() for line in thick] == ["uplift model", "bandit", "anybody"]
    assert list(thick[0].get_ydata()) == [20_000, 10_500, 8_000]
    assert len(ax.lines) == 3 + 6
    assert ax.get_ylabel() == "given away a round, thousand yuan"
    assert ax.get_ylim()[0] == 0


def test_estimates_beside_the_truth(frame):
    ax = draw.against_truth(frame, "thompson")
    assert title(ax) == "The bandit: 2 of 3 intervals hold the true value"
    (truth,) = [line for line in ax.lines if line.get_label() == "truth"]
    assert list(truth.get_ydata()) == [5_000, 16_000, 22_000]


def test_the_summary_adds_up(frame):
    found = draw.summary(frame)
    assert found.policy.tolist() == ["bandit", "uplift model", "anybody"]
    assert found.regret.tolist() == [18_000, 18_500, 30_000]
    assert found.least.tolist() == [18_000, 16_000, 30_000]
    assert found.most.tolist() == [18_000, 21_000, 30_000]
    assert found.reached.round(2).tolist() == [0.64, 0.63, 0.4]
    assert found.value[0] == 16_000 + 3_000


def test_the_verdict(frame):
    assert draw.verdict(frame) == (
        "In each of 2 repeats the uplift model and the bandit gave away less than contacting anybody. Which of them "
        "gives away least differs from repeat to repeat: luck still decides between them."
    )
    one = draw.verdict(frame[frame.repeat == 0])
    assert one.endswith("The uplift model gave away least of all in the one repeat.")
    few = frame[frame.policy != "random"]
    assert draw.verdict(few).startswith("Which of them")
    assert "anybody" not in draw.regret_claim(few)


def test_another_frame_is_refused(frame):
    with pytest.raises(SchemaError, match="pass what closed_loop returned"):
        draw.regret(frame.drop(columns="regret"))
