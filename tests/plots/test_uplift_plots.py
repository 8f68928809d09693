"""Figures of uplift say what their frames say."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from bankmkt import plots
from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.plots import uplift as draw

mpl.use("agg")


@pytest.fixture(autouse=True)
def _theme():
    with plots.themed():
        yield
    plt.close("all")


def title(ax):
    return ax.get_title(loc="left").replace("\n", " ")


def evaluated(**more):
    frame = pd.DataFrame({"model": ["T", "random", "mine"], "arm": "call", "q": [0.004, -0.001, 0.006]})
    return frame.assign(q_ci_lower=frame.q - 0.003, q_ci_upper=frame.q + 0.003, **more)


def test_models_in_order_of_q():
    ax = draw.models(evaluated(q_true=[0.003, 0.0, 0.005]), "conversion")
    assert title(ax) == "Better than chance: mine and T learner, of all models"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Random order", "T learner", "Mine"]
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    assert dots == pytest.approx([-1, 4, 6])
    assert [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "D"] == pytest.approx([0, 3, 5])
    assert "conversions per 1,000 customers" in ax.get_xlabel()
    wide = evaluated(joint_ci_lower=[-0.001, -0.006, -0.0001], joint_ci_upper=0.02)
    ax = draw.models(wide, "conversion")
    assert title(ax) == "No model’s order of customers is surely better than chance"
    assert "all together" in ax.get_xlabel()
    assert ax.get_legend() is None
    with pytest.raises(DataError, match="arm"):
        draw.models(evaluated().assign(arm=list("abc")), "conversion")
    with pytest.raises(SchemaError, match="q_ci_lower"):
        draw.models(evaluated().drop(columns="q_ci_lower"), "conversion")
    with pytest.raises(ParameterError, match="outcome"):
        draw.models(evaluated(), "visits")


def points(half):
    share = np.arange(5) / 4
    above = share * (1 - share) * 100
    frame = pd.DataFrame({"model": "DR", "arm": "call", "share": share, "above": above})
    return frame.assign(band_lower=above - half, band_upper=above + half)


def test_the_curve_and_its_band():
    ax = draw.curve(points(20.0), "aum_change")
    assert title(ax) == "The order by DR learner surely brings more than a random one at 50% of customers"
    assert title(draw.curve(points(1.0), "aum_change")).endswith("from 25% to 75% of customers")
    assert title(draw.curve(points(30.0), "aum_change")).startswith("Nowhere")
    ax = draw.curve(points(20.0).assign(above_true=5.0), "aum_change")
    assert {t.get_text() for t in ax.get_legend().get_texts()} >= {"measured", "truth, of these customers"}
    assert ax.get_ylabel() == "More than at random,\nyuan per customer"
    gap = points(1.0)
    gap.loc[2, "band_lower"] = -1.0
    assert title(draw.curve(gap, "aum_change")).endswith("at 2 of the 3 shares drawn, first at 25% of customers")
    with pytest.raises(DataError, match="model"):
        draw.curve(points(1.0).assign(model=list("abcde")), "aum_change")


def test_groups_with_hidden_ones():
    frame = pd.DataFrame({"group": [1, 2, 3], "effect": [0.05, np.nan, 0.01]})
    frame = frame.assign(ci_lower=frame.effect - 0.01, ci_upper=frame.effect + 0.01)
    ax = draw.groups(frame, "conversion", 0.03)
    wanted = (
        "First and last group: +50.0 and +10.0 conversions per 1,000 customers, a difference more than chance makes"
    )
    assert title(ax) == wanted
    assert len([line for line in ax.lines if line.get_marker() == "o"]) == 2
    near = frame.assign(ci_lower=frame.effect - 0.05, ci_upper=frame.effect + 0.05, truth=0.02)
    ax = draw.groups(near, "conversion", 0.03)
    assert title(ax).endswith("a difference that chance alone can make")
    assert len([line for line in ax.lines if line.get_marker() == "D"]) == 2
    with pytest.raises(DataError, match="hidden"):
        draw.groups(frame.assign(effect=np.nan), "conversion", 0.0)


def test_what_the_list_is_worth_beside_others():
    frame = pd.DataFrame({"policy": ["by DR", "nobody"], "customers": [1200.0, 0.0], "value": [9000.0, 0.0]})
    frame = frame.assign(ci_lower=[1000.0, 0.0], ci_upper=[17000.0, 0.0], value_true=[5000.0, 0.0])
    ax = draw.worth(frame)
    assert title(ax).startswith("The list is worth 9")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Nobody (0)", "By DR (1,200)"]
    assert "thousand yuan" in ax.get_xlabel()
    assert title(draw.worth(frame.assign(ci_lower=-5.0))).startswith("The list may be worth 9")
    with pytest.raises(SchemaError, match="customers"):
        draw.worth(frame.drop(columns="customers"))
