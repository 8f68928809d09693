import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from bankmkt.errors import DataError, ParameterError
from bankmkt.plots import value

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close():
    from matplotlib import pyplot as plt

    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before


def title(ax):
    return ax.get_title().replace("\n", " ")


def tenths(realised=1.0):
    expected = np.array([100.0, 1000.0, 50_000.0])
    frame = pd.DataFrame({
        "decile": ["1", "2", "3"], "customers": 10.0, "expected": expected, "ci_low": [0.0, 900.0, 45_000.0],
        "ci_high": 1.2 * expected, "realised": realised * expected, "suppressed": False,
    })  # fmt: skip
    total = frame.sum(numeric_only=True).to_frame().T.assign(decile="all", suppressed=False)
    return pd.concat([frame, total], ignore_index=True)


def groups():
    return pd.DataFrame({
        "city_tier": ["tier_1", "tier_2", "tier_3"], "customers": [100.0, 50.0, np.nan],
        "value_12m": [2e5, 5e4, np.nan], "value_12m_low": [1.8e5, 4e4, np.nan], "value_12m_high": [2.2e5, 6e4, np.nan],
        "suppressed": [False, False, True],
    })  # fmt: skip


def test_calibration_draws_both_and_says_how_far_off():
    ax = value.calibration(tenths(1.1))
    assert "+10.0%" in title(ax)
    assert "within" in title(ax)
    assert list(ax.lines[0].get_ydata()) == [10.0, 100.0, 5000.0]
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [11.0, 110.0, 5500.0])
    assert "yuan per customer" in ax.get_ylabel()
    assert len(ax.collections[0].get_segments()) == 3
    ax.figure.canvas.draw()


def test_calibration_admits_a_miss():
    assert "outside" in title(value.calibration(tenths(2.0)))


def test_groups_are_ordered_per_head_and_hidden_ones_say_so():
    ax = value.by_group(groups(), "city_tier")
    assert list(ax.lines[0].get_xdata()) == [2000.0, 1000.0]
    assert [text.get_text() for text in ax.get_yticklabels()][2].endswith("(hidden)")
    claim = title(ax)
    assert "2.00 thousand yuan" in claim
    assert "1.00 thousand yuan" in claim
    assert "95% interval" in ax.get_xlabel()


def test_overlapping_groups_are_not_told_apart():
    frame = groups().assign(value_12m_low=0.0)
    assert "overlap" in title(value.by_group(frame, "city_tier"))


def test_one_group_is_told_alone():
    assert "2.00 thousand" in title(value.by_group(groups().iloc[:1], "city_tier"))


def test_attrition_is_per_year_with_an_interval():
    frame = pd.DataFrame({
        "band": [0, 1, 0, 0], "tenure": [0, 0, 1, 2], "at_risk": [600, 400, 1000, 0], "closed": [12, 8, 10, 0],
    })  # fmt: skip
    ax = value.attrition(frame)
    assert list(ax.lines[0].get_ydata()) == pytest.approx([1 - 0.98**12, 1 - 0.99**12])
    (_, low), (_, high) = ax.collections[0].get_segments()[0]
    assert low < 1 - 0.98**12 < high
    assert "first year: 21.5%" in title(ax)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ParameterError, match="value = 'worth'"):
        value.by_group(groups(), "city_tier", "worth")
    with pytest.raises(DataError, match="suppressed"):
        value.by_group(groups().iloc[2:], "city_tier")
    with pytest.raises(DataError, match="suppressed"):
        value.calibration(tenths().assign(suppressed=True))
    with pytest.raises(DataError, match="at risk"):
        value.attrition(pd.DataFrame({"band": [0], "tenure": [0], "at_risk": [0], "closed": [0]}))
