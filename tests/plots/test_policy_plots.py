import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from bankmkt.errors import DataError
from bankmkt.plots import policy

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close():
    from matplotlib import pyplot as plt

    yield
    plt.close("all")


def comparison():
    return pd.DataFrame({
        "policy": ["by T", "nobody", "at random"], "customers": [500.0, 0, 500], "value": [5000.0, 0, 2000],
        "ci_lower": [1000.0, 0, 1500], "ci_upper": [9000.0, 0, 2500], "difference": [np.nan, 5000, 3000],
        "difference_ci_lower": [np.nan, 1000, -500], "difference_ci_upper": [np.nan, 9000, 6500],
        "p_adjusted": [np.nan, 0.02, 0.2],
    })  # fmt: skip


def fairness():
    return pd.DataFrame({
        "column": ["city_tier", "city_tier", "gender"], "group": ["1", "2", "f"], "rate": [0.2, 0.1, np.nan],
        "rate_ci_lower": [0.15, 0.05, np.nan], "rate_ci_upper": [0.25, 0.15, np.nan],
    })  # fmt: skip


def title(ax):
    return ax.get_title(loc="left") or ax.get_title()


def test_gains_draw_each_difference_and_say_what_is_beaten():
    ax = policy.gains(comparison(), "dollars")
    lines = [tuple(line.get_xdata()) for line in ax.lines]
    assert {(1000.0, 9000.0), (-500.0, 6500.0), (5000.0,), (3000.0,)} <= set(lines)
    assert [text.get_text() for text in ax.get_yticklabels()] == [
        "Nobody (0 contacted)", "At random (500 contacted)",
    ]  # fmt: skip
    assert "dollars" in ax.get_xlabel()
    assert "surely more than nobody" in title(ax).replace("\n", " ")
    assert "random" not in title(ax)
    several = comparison().assign(p_adjusted=[np.nan, 0.06, 0.2])  # sure by itself, not among all that is compared
    assert "which no comparison makes sure" in policy.gains_claim(several)
    colours = {line.get_color() for line in policy.gains(several).lines[:2]}
    assert colours.isdisjoint({line.get_color() for line in ax.lines[:2]})
    with pytest.raises(DataError):
        policy.gains(comparison().iloc[:1])


def test_orders_grey_what_may_be_chance():
    frame = pd.DataFrame({
        "model": ["T", "T"], "arm": ["sms", "call"], "q": [0.003, 0.001], "joint_ci_lower": [0.001, -0.001],
        "joint_ci_upper": [0.005, 0.003],
    })  # fmt: skip
    ax = policy.orders(frame, "visits per 1,000 customers", 1000)
    assert tuple(ax.lines[0].get_xdata()) == (1.0, 5.0)
    assert ax.lines[0].get_color() != ax.lines[2].get_color()
    assert title(ax).replace("\n", " ") == "Models know whom sms changes most; of call none does"
    assert policy.orders_claim(frame.iloc[1:]).startswith("No model")


def test_rates_leave_hidden_groups_out():
    ax = policy.rates(fairness())
    assert [text.get_text() for text in ax.get_yticklabels()] == ["city tier: 1", "city tier: 2"]
    assert title(ax) == "Chosen most unequally by city tier: 20% of 1, 10% of 2"
    with pytest.raises(DataError, match="no group"):
        policy.rates(fairness().iloc[2:])
