import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from bankmkt.errors import ParameterError, Refused
from bankmkt.experiment import difference_in_differences, placebo
from bankmkt.experiment.did import naive_difference


def straight(slope_joined, slope_others, effect, n=40):
    """Customers on straight lines: the level at month m is 100 + slope·m, months −11 … 0 known, outcome at 6."""
    joined = np.arange(n) % 2 == 0
    slope = np.where(joined, slope_joined, slope_others)
    level = 100.0 + np.arange(n)
    return pd.DataFrame({
        "participated": joined, "aum_0": level, "aum_mean_12": level - 5.5 * slope,
        "aum_change": 6 * slope + effect * joined,
        "logins_before": level - slope, "logins_mean_12": level - 5.5 * slope,
        "logins": level + 3.5 * slope + effect * joined,
    })  # fmt: skip


@pytest.mark.parametrize("outcome", ["aum_change", "logins"])
def test_equal_trends_leave_the_effect(outcome):
    frame = straight(2.0, 2.0, effect=7.0)
    assert placebo(frame, outcome).estimate == pytest.approx(0)
    assert difference_in_differences(frame, outcome).estimate == pytest.approx(7)


@pytest.mark.parametrize(("outcome", "months_apart"), [("aum_change", 11.5), ("logins", 9.0)])
def test_unequal_trends_are_shown_by_the_placebo_and_removed_on_request(outcome, months_apart):
    frame = straight(5.0, 2.0, effect=7.0)
    assert placebo(frame, outcome).ci_low > 0
    assert difference_in_differences(frame, outcome).estimate == pytest.approx(7 + 3 * months_apart)
    clean = difference_in_differences(frame, outcome, months=6, remove_trend=True)
    assert clean.estimate == pytest.approx(7)


def test_levels_that_differ_for_good_do_not_matter_to_it():
    frame = straight(2.0, 2.0, effect=7.0)
    frame.loc[frame["participated"], ["logins_before", "logins_mean_12", "logins"]] += 50
    assert naive_difference(frame, "logins").estimate > 50
    assert difference_in_differences(frame, "logins").estimate == pytest.approx(7)


def test_intervals_cover_the_effect_as_often_as_they_say():
    rng, runs, covered = np.random.default_rng(5), 400, 0
    for _ in range(runs):
        frame = straight(2.0, 2.0, effect=7.0, n=300)
        frame["aum_change"] += rng.normal(size=300) * np.where(frame["participated"], 3, 1)
        frame["aum_mean_12"] += rng.normal(size=300)
        e = difference_in_differences(frame, "aum_change")
        covered += e.ci_low <= 7 <= e.ci_high
    assert binom.ppf(0.001, runs, 0.95) <= covered <= binom.ppf(0.999, runs, 0.95)


def test_what_cannot_be_answered_is_not():
    frame = straight(1.0, 1.0, effect=1.0)
    with pytest.raises(ParameterError, match="conversion"):
        difference_in_differences(frame.assign(conversion=0.0), "conversion")
    with pytest.raises(ParameterError, match="months"):
        difference_in_differences(frame, "logins", remove_trend=True)
    with pytest.raises(Refused, match="fewer than k = 30 "):
        difference_in_differences(frame, "logins", k=30)
