import numpy as np
import pandas as pd
import pytest
from scipy.stats import CensoredData, ecdf

import bankmkt as bm
from bankmkt.errors import ParameterError
from bankmkt.months import month_number
from bankmkt.segments import retention
from bankmkt.segments.retention import OPENED, _curve

MONTHS = pd.date_range("2024-01-31", periods=30, freq="ME")
HAZARD = 0.03


def simulated(seed, customers=2_000, old=0.5, survivors_only=True):
    """Return a bank whose customers leave in each month of life with chance HAZARD, the opening month included."""
    rng = np.random.default_rng(seed)
    start = MONTHS[0].to_period("M")
    opened = start + np.where(
        rng.random(customers) < old, rng.integers(-60, 0, customers), rng.integers(0, 24, customers)
    )
    closed = [o + int(life) for o, life in zip(opened, rng.geometric(HAZARD, customers) - 1, strict=True)]
    opened_on = pd.PeriodIndex(opened).to_timestamp()
    closed_on = (pd.PeriodIndex(closed, freq="M").to_timestamp() + pd.Timedelta(days=5)).to_series(
        index=range(customers)
    )
    people = pd.DataFrame(
        {"customer_id": range(customers), "org_id": 1, "opened_on": opened_on, "closed_on": closed_on}
    )
    people = people.assign(city_tier=rng.choice(["tier_1", "tier_2"], customers))
    if survivors_only:
        people = people[people.closed_on >= MONTHS[0].replace(day=1)].reset_index(drop=True)
    balances = pd.DataFrame({"customer_id": people.customer_id[0], "month": MONTHS, "aum": 0.0, "products": 0})
    zero = dict.fromkeys(
        ["demand", "time_deposit", "wealth", "fund", "insurance", "metal", "loan", "card_balance"], 0.0
    )
    return {
        "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"}),
        "customers": people,
        "balances": balances.assign(**zero),
        "transactions": pd.DataFrame({
            "transaction_id": [1], "customer_id": 1, "ts": MONTHS[:1], "channel": "app", "kind": "spend",
            "amount": -1.0, "product": "demand"}),
    }  # fmt: skip


def by_hand(people, last, entered=True):
    """Multiply up the months' shares of stayers, with who was really under observation in each."""
    first = month_number(MONTHS[0])
    opened = people.opened_on.dt.year * 12 + people.opened_on.dt.month - 1
    closed = (people.closed_on.dt.year * 12 + people.closed_on.dt.month - 1).where(lambda n: n <= last)
    s, out = 1.0, {}
    for m in range(200):
        now = opened + m
        at_risk = (now >= first) & (now <= last) & ~(closed < now)
        if not at_risk.sum():
            break
        left = (at_risk & (closed == now)).sum()
        s *= 1 - left / at_risk.sum()
        out[m] = (at_risk.sum(), s)
    return pd.DataFrame(out, index=["customers_at_risk", "retained"]).T


def test_late_entry_and_censoring_are_what_counting_gives():
    frames = simulated(1)
    found = retention(bm.open_bank(frames), "2026-05-20", by="city_tier", k=1)
    for tier, rows in frames["customers"].groupby("city_tier"):
        expected = by_hand(rows, month_number(pd.Timestamp("2026-04-30")))
        mine = found[found.cohort == tier].set_index("months")
        assert len(mine) == len(expected)
        pd.testing.assert_frame_equal(
            mine[["customers_at_risk", "retained"]], expected, check_index_type=False, check_names=False
        )
        assert ((mine.ci_lower < mine.retained) & (mine.retained <= mine.ci_upper)).all()


def test_a_cohort_seen_from_the_start_is_scipys_estimate():
    frames = simulated(2, old=0.0)
    found = retention(bm.open_bank(frames), MONTHS[-1].date(), k=1)
    people = frames["customers"]
    quarter = people[people.opened_on.dt.to_period("Q") == "2024Q2"]
    last = MONTHS[-1].to_period("M")
    opened, closed = quarter.opened_on.dt.to_period("M"), quarter.closed_on.dt.to_period("M")
    life = np.array([(min(c, last) - o).n for o, c in zip(opened, closed, strict=True)])
    censored = (closed > last).to_numpy()
    sample = CensoredData(uncensored=life[~censored], right=life[censored] + 0.5)
    curve = ecdf(sample).sf
    mine = found[found.cohort == "2024-Q2"]
    np.testing.assert_allclose(mine.retained, curve.evaluate(mine.months), rtol=1e-12)
    band = curve.confidence_interval(0.95, method="log-log")
    inside = mine[(mine.retained < 1) & (mine.months <= life[~censored].max())]
    np.testing.assert_allclose(inside.ci_lower, band.low.evaluate(inside.months), rtol=1e-9)
    np.testing.assert_allclose(inside.ci_upper, band.high.evaluate(inside.months), rtol=1e-9)
    assert set(found.cohort) == {str(q).replace("Q", "-Q") for q in people.opened_on.dt.to_period("Q")}


def test_the_interval_covers_the_truth():
    """Of 200 banks, 95 % cover the true survival after a year, within three standard errors; late entry included."""
    rng = np.random.default_rng(3)
    hits, runs = 0, 200
    truth = (1 - HAZARD) ** 13
    for _ in range(runs):
        entry = np.where(rng.random(300) < 0.5, rng.integers(1, 30, 300), 0)
        life = rng.geometric(HAZARD, 300)  # leaves in month life - 1 of life
        entry, life = entry[life > entry], life[life > entry]
        end = np.minimum(life, entry + rng.integers(1, 30, life.size))
        lives = pd.DataFrame({"entry": entry, "end": end, "left": (life <= end).astype(int), "customers": 1})
        at = _curve(lives, 1).set_index("months").loc[12]
        hits += at.ci_lower <= truth <= at.ci_upper
    assert abs(hits / runs - 0.95) <= 3 * np.sqrt(0.95 * 0.05 / runs)


def test_who_left_before_the_records_changes_nothing():
    """A bank that kept its former customers and one that dropped them have the same curves."""
    kept = retention(bm.open_bank(simulated(4, survivors_only=False)), "2026-06-30", by="org_id")
    frames = simulated(4)
    pd.testing.assert_frame_equal(retention(bm.open_bank(frames), "2026-06-30", by="org_id"), kept)


def test_a_curve_of_old_customers_begins_where_they_were_first_seen():
    """Nobody was seen young: the share is of those there at the youngest age, which the first row says."""
    frames = simulated(9)
    people = frames["customers"]
    frames["customers"] = people[people.opened_on < "2023-01-01"]
    found = retention(bm.open_bank(frames), "2026-06-30", by="org_id", k=1)
    youngest = month_number(MONTHS[0]) - (frames["customers"].opened_on.dt.year * 12
                                          + frames["customers"].opened_on.dt.month - 1).max()  # fmt: skip
    assert youngest >= 13
    assert (found.from_month == youngest).all()
    assert found.months.iloc[0] == youngest
    assert found.retained.iloc[0] == pytest.approx((1 - HAZARD), abs=3 * np.sqrt(HAZARD / found.customers_at_risk[0]))
    whole = retention(bm.open_bank(simulated(9)), "2026-06-30", by="org_id", k=1)
    assert (whole.from_month == 0).all()


@pytest.mark.parametrize(("begin", "expected"), [("2024-01-31", "2024-Q1"), ("2024-02-29", "2024-Q2"),
                                                 ("2024-03-31", "2024-Q2"), ("2024-04-30", "2024-Q2")])  # fmt: skip
def test_quarters_of_opening_are_whole(begin, expected):
    """Records that begin in the middle of a quarter do not tell of it; a last quarter that is not over is marked."""
    frames = simulated(10, old=0.0)
    frames["balances"] = frames["balances"][frames["balances"].month >= begin]
    people = frames["customers"]
    size = people.groupby(people.opened_on.dt.to_period("Q").astype(str).str.replace("Q", "-Q")).size()
    for day, unfinished in (("2025-09-30", set()), ("2025-10-31", {"2025-Q4"}), ("2025-11-30", {"2025-Q4"})):
        found = retention(bm.open_bank(frames), day, k=1)
        first = found[found.months == 0].set_index("cohort").customers_at_risk
        assert first.index[0] == expected
        whole = found[found.complete].cohort.unique()
        assert first[whole].to_dict() == size[whole].to_dict()
        assert set(found[~found.complete].cohort) == unfinished
    assert retention(bm.open_bank(frames), "2025-10-31", by="org_id").complete.all()


def test_nothing_later_matters():
    frames = simulated(5)
    early = retention(bm.open_bank(frames), "2025-06-30")
    people = frames["customers"]
    people["closed_on"] = people.closed_on.where(people.closed_on < "2025-07-01", pd.Timestamp("2025-07-02"))
    pd.testing.assert_frame_equal(retention(bm.open_bank(frames), "2025-06-30"), early)


def test_few_closures_are_not_shown():
    frames = simulated(6)
    exact = retention(bm.open_bank(frames), "2026-06-30", k=1)
    shown = retention(bm.open_bank(frames), "2026-06-30", k=10)
    assert shown.suppressed.any()
    for cohort, rows in exact.groupby("cohort"):
        closures = (rows.customers_at_risk * (1 - rows.retained / rows.retained.shift(fill_value=1.0))).round().cumsum()
        points = shown[(shown.cohort == cohort) & ~shown.suppressed]
        since = closures.set_axis(rows.months)[points.months].diff()
        assert (since.isin([0]) | (since.isna()) | (since >= 10)).all()
        assert (points.customers_at_risk >= 10).all()
    assert shown.loc[shown.suppressed, ["customers_at_risk", "retained", "ci_lower", "ci_upper"]].isna().all(axis=None)


def test_where_nobody_left_the_bound_is_the_binomials():
    frames = simulated(7, customers=60)
    frames["customers"]["closed_on"] = pd.NaT
    found = retention(bm.open_bank(frames), "2026-06-30", by="org_id", k=1)
    assert (found.retained == 1).all()
    assert (found.ci_upper == 1).all()
    np.testing.assert_allclose(found.ci_lower, 0.025 ** (1 / found.customers_at_risk))


@pytest.mark.slow
@pytest.mark.spark
def test_spark_says_the_same(spark_url):
    frames = simulated(8, customers=300)
    spark, duck = bm.open_bank(frames, engine=spark_url), bm.open_bank(frames)
    for by in (OPENED, "city_tier"):
        pd.testing.assert_frame_equal(retention(spark, "2026-06-30", by), retention(duck, "2026-06-30", by))


def test_bad_arguments_are_named(tiny_bank):
    with pytest.raises(ParameterError, match="by = 'star_sign': expected one of opened_quarter, gender"):
        retention(tiny_bank, "2025-06-30", by="star_sign")
    with pytest.raises(ParameterError, match="k = 0"):
        retention(tiny_bank, "2025-06-30", k=0)
