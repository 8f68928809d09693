import numpy as np
import pandas as pd
import pytest

from bankmkt.segments.history import ALPHA, SPAN, stands_out

NUMBER = 24_318


def levels(values, indicator="AUM"):
    """Lay out series (a row each) whose last value is of month NUMBER."""
    count, months = np.shape(values)
    frame = pd.DataFrame(values, columns=range(NUMBER - months + 1, NUMBER + 1))
    frame = frame.assign(dimension="branch", group=[f"b{i:03}" for i in range(count)], indicator=indicator)
    return frame.melt(["dimension", "group", "indicator"], var_name="number").astype({"number": int})


def walks(count, seed, months=SPAN + 2, sd=0.02):
    return 1e6 * np.exp(np.random.default_rng(seed).normal(0.005, sd, (count, months)).cumsum(axis=1))


def test_planted_moves_are_found_and_said():
    values = walks(100, seed=3)
    values[7, -1] *= 1.4
    values[42, -1] *= 0.7
    judged = stands_out(levels(values), NUMBER)
    assert len(judged) == 100
    found = judged[judged.unusual]
    assert {"b007", "b042"} <= set(found.group)
    assert judged.z.abs().is_monotonic_decreasing
    row = found[found.group == "b042"].iloc[0]
    assert row.year_ago_pct == pytest.approx(100 * (values[42, 1] / values[42, 0] - 1))
    assert row.change_pct == pytest.approx(100 * (values[42, -1] / values[42, -2] - 1))
    assert row.change_pct < row.usual_low_pct < row.usual_high_pct
    assert row.statement.startswith(f"branch b042: AUM fell {-row.change_pct:.1f}% on last month; −")
    assert " %" not in row.statement
    assert "-" not in row.statement
    assert row.p <= row.p_adjusted <= ALPHA


def test_alike_months_seldom_raise_an_alarm():
    """Among 200 banks of 40 unremarkable series, at most 5 % may have an alarm, give or take three standard errors."""
    alarms = [stands_out(levels(walks(40, seed)), NUMBER).unusual.any() for seed in range(200)]
    assert np.mean(alarms) <= ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / 200)


@pytest.mark.slow
def test_p_is_uniform_for_alike_months():
    """One series a call: the share of p below .05 is .05, within three standard errors of 500 draws."""
    hits = sum(stands_out(levels(walks(1, seed)), NUMBER).unusual.item() for seed in range(500))
    assert abs(hits / 500 - ALPHA) <= 3 * np.sqrt(ALPHA * (1 - ALPHA) / 500)


def test_one_odd_month_in_the_past_hides_nothing():
    values = walks(1, seed=5, sd=0.005)
    values[0, 4:] *= 3.0
    values[0, -1] *= 1.2
    assert stands_out(levels(values), NUMBER).unusual.item()


def test_a_single_customer_more_is_no_news_where_nothing_ever_moves():
    values = np.full((1, SPAN + 2), 50.0)
    values[0, -1] = 51
    assert not stands_out(levels(values, "customers"), NUMBER).unusual.item()
    values[0, -1] = 80
    assert stands_out(levels(values, "customers"), NUMBER).unusual.item()


def test_short_gappy_or_empty_series_are_not_judged():
    assert len(stands_out(levels(walks(5, 1, months=7)), NUMBER)) == 0
    assert len(stands_out(levels(walks(5, 1, months=8)), NUMBER)) == 5
    values = walks(5, 1)
    values[0, 3], values[1, -1] = np.nan, 0
    assert len(stands_out(levels(values), NUMBER)) == 3
    gap = levels(walks(5, 1))
    assert len(stands_out(gap[gap.number != NUMBER - 3], NUMBER)) == 0


def test_only_the_last_twelve_changes_count():
    values = walks(3, 2, months=25)
    late = stands_out(levels(values[:, -SPAN - 2 :]), NUMBER)
    pd.testing.assert_frame_equal(stands_out(levels(values), NUMBER), late)


def test_series_are_named_in_words():
    judged = stands_out(levels(walks(3, 4)).replace({"group": {"b001": "East branch"}}), NUMBER)
    assert set(judged.series) == {"branch b000", "East branch", "branch b002"}
    whole = stands_out(levels(walks(1, 4)).assign(dimension="whole", group="Head office"), NUMBER)
    assert whole.statement.item().startswith("Head office: AUM ")
    tiers = levels(walks(2, 4)).assign(dimension="city tier").replace({"group": {"b000": "tier 1", "b001": "unknown"}})
    assert set(stands_out(tiers, NUMBER).series) == {"tier 1 cities", "city tier unknown"}
