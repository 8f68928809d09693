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


def test_calibration_draws_what_came_of_what_was_expected():
    ax = value.calibration(tenths(1.1))
    assert "+10.0%" in title(ax)
    assert "within" in title(ax)
    np.testing.assert_allclose(ax.lines[1].get_ydata(), 1.1)
    ends = [(low, high) for (_, low), (_, high) in ax.collections[0].get_segments()]
    np.testing.assert_allclose(ends, [(0, 1.2), (0.9, 1.2), (0.9, 1.2)])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1\n10", "2\n100", "3\n5,000"]
    assert "yuan expected per customer" in ax.get_xlabel()
    ax.figure.canvas.draw()


def test_calibration_admits_a_miss():
    assert "outside" in title(value.calibration(tenths(2.0)))


def test_groups_are_ordered_per_head_and_hidden_ones_say_so():
    ax = value.by_group(groups(), "city_tier")
    assert list(ax.lines[0].get_xdata()) == [2000.0, 1000.0]
    ends = [(low, high) for (low, _), (high, _) in ax.collections[0].get_segments()]
    np.testing.assert_allclose(ends, [(1800, 2200), (800, 1200)])
    assert ax.get_ylabel() == "City tier"
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


def leaving():
    return pd.DataFrame({
        "tenure": [0, 1, 2], "share": [0.215, np.nan, 0.1], "ci_low": [0.2, np.nan, 0.05],
        "ci_high": [0.23, np.nan, 0.15], "suppressed": [False, True, False],
    })  # fmt: skip


def test_attrition_draws_the_shares_that_are_shown():
    ax = value.attrition(leaving())
    assert list(ax.lines[0].get_ydata()) == [0.215, 0.1]
    ends = [(low, high) for (_, low), (_, high) in ax.collections[0].get_segments()]
    np.testing.assert_allclose(ends, [(0.2, 0.23), (0.05, 0.15)])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["the first year", "the years after"]
    assert "first year: 21.5%" in title(ax)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ParameterError, match="value = 'worth'"):
        value.by_group(groups(), "city_tier", "worth")
    with pytest.raises(DataError, match="suppressed"):
        value.by_group(groups().iloc[2:], "city_tier")
    with pytest.raises(DataError, match="suppressed"):
        value.calibration(tenths().assign(suppressed=True))
    with pytest.raises(DataError, match="no share shown"):
        value.attrition(leaving().iloc[1:2])
    with pytest.raises(DataError, match="names that repeat"):
        value.by_group(groups().assign(city_tier="tier_1"), "city_tier")
    with pytest.raises(DataError, match="also gender"):
        value.by_group(groups(), "gender")


@pytest.mark.parametrize(
    "draw", [value.calibration, value.attrition, lambda frame: value.purchases(frame, {"purchases": 1.0}, 4)]
)
def test_another_frame_is_refused(draw):
    with pytest.raises(DataError, match="frame's columns"):
        draw(pd.DataFrame({"a": [1]}))
