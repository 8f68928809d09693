import numpy as np
import pandas as pd
import pytest

from bankmkt.errors import ParameterError, Refused
from bankmkt.experiment import compare, monthly_path, panel
from bankmkt.experiment.comparison import ratio_interval, relative_change


def test_table_is_what_a_hand_would_compute(journey):
    table = compare(journey).set_index("indicator")
    for group, inside in (("participants", journey["participated"]), ("others", ~journey["participated"])):
        mine = journey[inside]
        assert table.loc["aum", f"{group}_customers"] == len(mine)
        growth = mine["aum_end"].sum() / mine["aum_0"].sum() - 1
        assert table.loc["aum", f"{group}_growth"] == pytest.approx(growth)
        before = mine[["logins_1", "logins_2", "logins_3"]].to_numpy().mean()
        assert table.loc["logins", f"{group}_growth"] == pytest.approx(mine["logins"].mean() / before - 1)
        known = mine[mine["aum_year_ago"].notna()]
        change = known["aum_end"].mean() / known["aum_year_ago"].mean() - 1
        assert table.loc["aum", f"{group}_year_on_year"] == pytest.approx(change)


def test_panel_may_stay_in_the_engine(journey_bank, journey):
    assert compare(panel(journey_bank, "journey")).equals(compare(journey))


def test_interval_of_growth_agrees_with_the_bootstrap():
    rng = np.random.default_rng(1)
    before = rng.lognormal(size=2000)
    after = before * 1.2 + rng.normal(size=2000)
    _, se = relative_change(before, after)
    draws = [relative_change(before[i], after[i])[0] for i in rng.integers(0, 2000, (1000, 2000))]
    assert se == pytest.approx(np.std(draws), rel=0.1)  # 1,000 draws: ± 2.2 %


@pytest.mark.parametrize(("b", "se_b"), [(0.1, 0.015), (0.1, 0.04), (0.1, 0.07)])
def test_interval_of_the_ratio_covers_it(b, se_b):
    """Also where the smaller growth is often not to be told from 0; no interval excludes nothing."""
    rng, covered, runs = np.random.default_rng(2), 0, 2000
    for x, y in zip(rng.normal(0.4, 0.03, runs), rng.normal(b, se_b, runs), strict=True):
        _, low, high = ratio_interval(x, 0.03, y, se_b)
        covered += not (0.4 / b < low or 0.4 / b > high)
    chance = 4 * np.sqrt(0.05 * 0.95 / runs)
    assert covered / runs > 0.95 - chance
    if se_b == 0.015:
        assert covered / runs < 0.95 + chance


def test_limits_of_the_ratio_just_fail_to_be_told_apart():
    for a, se_a, b, se_b in ((0.4, 0.03, 0.1, 0.015), (0.3, 0.01, 0.01, 0.02), (0.02, 0.03, 0.1, 0.01)):
        _, low, high = ratio_interval(a, se_a, b, se_b)
        for limit in (low, high):
            if np.isfinite(limit):
                assert abs(a - limit * b) == pytest.approx(1.959964 * np.hypot(se_a, limit * se_b))
        assert low < a / b < high


def test_ratio_of_a_fall_mirrors_that_of_a_growth():
    ratio, low, high = ratio_interval(0.4, 0.05, 0.1, 0.06)
    assert ratio_interval(-0.4, 0.05, 0.1, 0.06) == (-ratio, -high, -low)


def test_ratio_to_what_may_be_nothing_has_no_limit():
    ratio, low, high = ratio_interval(0.3, 0.01, 0.01, 0.02)
    assert ratio == pytest.approx(30)
    assert 0 < low < ratio
    assert high == np.inf
    assert np.isnan(ratio_interval(0.01, 0.02, 0.01, 0.02)[1:]).all()
    assert np.isnan(ratio_interval(0.3, 0.01, -0.1, 0.001)).all()


def test_small_groups_are_refused(journey):
    few = journey[journey["participated"].cumsum() < 10]
    with pytest.raises(Refused, match="fewer than k = 10 "):
        compare(few)


def test_means_follow_from_the_tables(journey_bank, journey, journey_frames):
    path = monthly_path(journey_bank, "journey")
    assert path.groupby("indicator").size().to_dict() == {"aum": 38, "products": 38, "logins": 38}
    assert path["months_after"].min() == -12
    assert path["months_after"].max() == 6
    joined = journey.loc[journey["participated"], "customer_id"]
    own = journey_frames["balances"]
    own = own[own["customer_id"].isin(joined) & (own["month"] == "2026-03-31")]["aum"]
    row = path.query("indicator == 'aum' and participated and months_after == 3").iloc[0]
    assert row["mean"] == pytest.approx(own.mean())
    assert row["ci_high"] - row["mean"] == pytest.approx(1.959964 * own.std(ddof=0) / np.sqrt(len(own)))
    logins = path.query("indicator == 'logins' and not participated and months_after > 0")["mean"].mean()
    assert logins == pytest.approx(journey.loc[~journey["participated"], "logins"].mean())


def test_one_who_left_counts_nothing_and_one_not_yet_there_is_not_counted(tiny_bank, tiny_frames):
    path = monthly_path(tiny_bank, "growth", before=2, k=1).query("indicator == 'aum'")
    people = tiny_frames["assignments"].query("campaign_id == 3")[["customer_id", "participated"]]
    b = tiny_frames["balances"].merge(people, on="customer_id")
    for row in path.itertuples():
        own = b[(b["month"] == pd.Timestamp(row.month)) & (b["participated"] == row.participated)]
        count = len(own) if row.months_after <= 0 else (people["participated"] == row.participated).sum()
        assert row.customers == count
        assert row.mean == pytest.approx(own["aum"].sum() / count)


def test_small_groups_are_not_shown(tiny_bank):
    assert monthly_path(tiny_bank, "growth", before=2, k=1000)[["customers", "mean"]].isna().all(axis=None)
    with pytest.raises(ParameterError, match="k = 0"):
        monthly_path(tiny_bank, "growth", k=0)


@pytest.mark.slow
@pytest.mark.spark
def test_path_is_the_same_on_spark(tiny_bank, spark_bank):
    ours, theirs = (monthly_path(bank, "growth", before=2) for bank in (tiny_bank, spark_bank))
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)
