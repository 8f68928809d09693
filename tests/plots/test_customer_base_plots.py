"""Figures that only the report on the customer base draws."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from bankmkt import plots
from bankmkt.errors import DataError, Refused
from bankmkt.plots import lifecycle, rfm, value

mpl.use("agg")


@pytest.fixture(autouse=True)
def _theme():
    with plots.themed():
        yield
    plt.close("all")


def title(ax):
    return ax.get_title(loc="left").replace("\n", " ")


def test_sensitivity_names_the_choice_that_moves_most():
    frame = pd.DataFrame({"choice": ["ties", "bins", "window_days"], "value": ["upper", "4", "730"]})
    ax = rfm.sensitivity(
        frame.assign(customers=100, changed=1.0, share=[0.1, 0.3, np.nan], suppressed=[False, False, True])
    )
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["equal values to the upper score", "4 scores", "730 days looked back (hidden)"]
    assert [bar.get_width() for bar in ax.patches] == [0.1, 0.3, 0.0]
    assert title(ax) == "With 4 scores, 30.0% of customers would change their segment"


def test_states_are_stacked_to_the_whole():
    months = pd.date_range("2026-01-31", periods=3, freq="ME").date
    frame = pd.DataFrame({"month": np.repeat(months, 2), "state": ["mature", "dormant"] * 3})
    ax = lifecycle.states(frame.assign(share=[0.6, 0.4, 0.7, 0.3, 0.55, 0.45], suppressed=False))
    assert title(ax) == "55.0% of customers are mature at the end of March 2026"
    tops = [max(path.vertices[:, 1].max() for path in area.get_paths()) for area in ax.collections]
    assert tops == pytest.approx([0.7, 1.0])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Dormant", "Mature"]


def test_attrition_draws_both_periods_and_tells_the_area():
    rates = pd.DataFrame({"period": ["earlier", "earlier", "later", "later"], "state": ["new", "mature"] * 2})
    rates = rates.assign(rate=[0.1, 0.02, 0.08, np.nan], ci_lower=0.01, ci_upper=0.2)
    ax = lifecycle.attrition(rates, 0.61, (0.58, 0.64))
    assert "61% of pairs (58% to 64%)" in title(ax)
    assert [list(line.get_xdata()) for line in ax.lines] == [[0.1, 0.02], [0.08]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["New", "Mature"]
    with pytest.raises(Refused, match="no rate"):
        lifecycle.attrition(rates.assign(rate=np.nan), 0.5, (0.4, 0.6))


def test_agreement_writes_each_share_where_it_belongs():
    cells = pd.DataFrame({"truth": ["mature", "mature", "dormant", "dormant"], "state": ["mature", "dormant"] * 2})
    ax = lifecycle.agreement(cells.assign(share=[0.9, 0.1, np.nan, 0.7]), 0.33)
    assert "0.33 of 1" in title(ax)
    rows = [label.get_text() for label in ax.get_yticklabels()]
    columns = [label.get_text() for label in ax.get_xticklabels()]
    written = {
        (rows[round(text.get_position()[1])], columns[round(text.get_position()[0])]): text.get_text()
        for text in ax.texts
    }
    assert written == {
        ("Mature", "mature"): "90.0%",
        ("Dormant", "mature"): "10.0%",
        ("Mature", "dormant"): "hidden",
        ("Dormant", "dormant"): "70.0%",
    }


def test_purchases_expected_and_made():
    held = pd.DataFrame({"purchases_before": ["0", "1", "7+"], "customers": [50.0, 20.0, np.nan]})
    held = held.assign(expected=[0.2, 0.8, np.nan], realised=[0.3, 0.7, np.nan], ci_low=0.1, ci_high=1.0)
    held["suppressed"] = [False, False, True]
    total = {"purchases": 1653.2, "ci_low": 1514.0, "ci_high": 1806.0, "realised": 1882.0}
    ax = value.purchases(held, total, 39.0)
    assert title(ax) == "1,653 purchases were expected (1,514 to 1,806), 1,882 were made: +13.8%"
    assert [list(line.get_ydata()) for line in ax.lines] == [[0.2, 0.8], [0.3, 0.7]]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1"]
    with pytest.raises(DataError, match="all rows suppressed"):
        value.purchases(held.assign(suppressed=True), total, 39.0)
