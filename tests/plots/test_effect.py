import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from bankmkt.errors import ParameterError
from bankmkt.plots import effect, reading

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close():
    from matplotlib import pyplot as plt

    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before


def estimates(truth=True, outcome="aum_change"):
    frame = pd.DataFrame({
        "method": ["participants − others", "doubly robust", "randomised: invited − not invited"], "outcome": outcome,
        "target": ["ATT", "ATT", "ITT"], "estimate": [1000.0, 400.0, 60.0], "ci_low": [800.0, 200.0, -50.0],
        "ci_high": [1200.0, 600.0, 170.0],
    })  # fmt: skip
    return frame.assign(truth=[100.0, 100.0, 30.0]) if truth else frame


def parts():
    return pd.DataFrame({
        "part": ["effect", "mean_reversion", "trend", "traits", "hidden", "gap"],
        "label": ["true effect", "regression", "trend", "traits", "hidden", "gap"],
        "value": [100.0, 50.0, -30.0, 80.0, 200.0, 400.0], "ci_low": [90.0, 0.0, -50.0, 60.0, 100.0, 300.0],
        "ci_high": [110.0, 100.0, -10.0, 100.0, 300.0, 500.0], "share": [0.25, 0.125, -0.075, 0.2, 0.5, 1.0],
    })  # fmt: skip


def path():
    months = pd.date_range("2025-01-31", periods=6, freq="ME").date
    rows = [
        {"indicator": "aum", "participated": joined, "month": m, "months_after": i - 3, "customers": 50,
         "mean": 1000.0 * (1.1 if joined and i > 3 else 1), "ci_low": 900.0, "ci_high": 1200.0}
        for joined in (True, False) for i, m in enumerate(months)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def published():
    row = {"indicator": "aum", "label": "AUM per head", "participants_growth": 0.1, "others_growth": 0.0}
    return pd.DataFrame([row])


def test_methods_draws_each_estimate_its_interval_and_the_truth():
    ax = effect.methods(estimates())
    lines = [(list(line.get_xdata()), line.get_marker()) for line in ax.lines]
    assert ([800.0, 1200.0], "None") in lines
    assert ([1000.0], "o") in lines
    assert ([100.0, 100.0, 30.0], "D") in lines
    assert "yuan per customer" in ax.get_xlabel()
    assert "95% interval" in ax.get_xlabel()
    assert ax.get_title(loc="left") or ax.get_title()
    assert len(ax.get_yticklabels()) == 3


def test_methods_without_truth_claims_the_adjusted_estimate():
    ax = effect.methods(estimates(truth=False))
    assert ax.get_legend() is None
    assert reading.methods_claim(estimates(truth=False)).endswith("says +400 yuan")


def test_methods_takes_one_outcome():
    both = pd.concat([estimates(), estimates(outcome="logins")])
    with pytest.raises(ParameterError, match="one outcome"):
        effect.methods(both)


def test_gap_bars_stand_on_one_another_and_reach_the_whole():
    ax = effect.gap(parts(), "aum_change")
    bars = ax.patches
    np.testing.assert_allclose([b.get_x() for b in bars[:5]], [0, 100, 150, 120, 200])
    assert bars[4].get_x() + bars[4].get_width() == pytest.approx(bars[5].get_width())
    assert len({b.get_facecolor() for b in bars}) == 6
    assert "25" in reading.gap_claim(parts(), "aum_change")
    with pytest.raises(ParameterError, match="outcome"):
        effect.gap(parts(), "visits")


def test_gap_of_an_estimate_says_so():
    frame = parts()
    frame.loc[0, "label"] = "effect (doubly robust)"
    assert "as far as the data show" in reading.gap_claim(frame, "aum_change")


def test_path_draws_both_groups_and_shades_the_campaign():
    ax = effect.path(path(), published(), "aum")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["participants", "others", "campaign"]
    title = (ax.get_title(loc="left") or ax.get_title()).replace("\n", " ")
    assert title == reading.path_claim(path(), published(), "aum")
    with pytest.raises(ParameterError, match="indicator"):
        effect.path(path(), published(), "visits")


def test_figures_draw_on_the_axes_they_are_given():
    from matplotlib.figure import Figure

    axes = Figure().subplots(3)
    assert effect.methods(estimates(), axes[0]) is axes[0]
    assert effect.gap(parts(), "aum_change", axes[1]) is axes[1]
    assert effect.path(path(), published(), "aum", axes[2]) is axes[2]
