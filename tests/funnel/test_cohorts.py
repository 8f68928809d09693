import busy
import numpy as np
import pandas as pd
import pytest
import tiny
from statsmodels.stats.proportion import proportion_confint

from bankmkt import funnel, open_bank
from bankmkt.errors import ParameterError, Refused
from bankmkt.schema import BANK_KINDS

DAY = "2026-06-20"


@pytest.fixture(scope="module")
def frames():
    return busy.frames()


@pytest.fixture(scope="module")
def bank(frames):
    return open_bank(frames)


@pytest.fixture(scope="module")
def found(bank):
    return funnel.cohorts(bank, "quarter", as_of=DAY, k=1)


def by_hand(frames, unit="Q"):
    """Count by cohort and period, the records beginning in May 2024 and ending on the day."""
    t, e, c = (frames[name] for name in ("transactions", "events", "customers"))
    own = (t.channel.notna() & (t.channel != "auto")) | (t.channel.isna() & ~t.kind.isin(BANK_KINDS))
    acts = pd.concat([t.loc[own, ["customer_id", "ts"]], e.loc[e.event == "login", ["customer_id", "ts"]]])
    acts = acts[acts.ts.dt.normalize() <= DAY].assign(period=lambda rows: rows.ts.dt.to_period(unit))
    c = c[c.opened_on <= DAY].assign(cohort=c.opened_on.dt.to_period(unit))
    rows = acts.merge(c[["customer_id", "cohort"]], on="customer_id").drop_duplicates(["customer_id", "period"])
    return c.groupby("cohort").size(), rows.groupby(["cohort", "period"]).size()


def test_the_triangle_is_that_counted_by_hand(frames, found):
    sizes, active = by_hand(frames)
    assert found.cohort.min() == pd.Timestamp("2024-07-01").date()  # the first whole quarter on record
    assert found.finished.sum() == 28  # seven quarters are over
    for row in found[found.finished].to_dict("records"):
        cohort, period = (pd.Period(pd.Timestamp(row[name]), "Q") for name in ("cohort", "period"))
        assert row["customers"] == sizes[cohort]
        assert row["active"] == active.get((cohort, period), 0)
        assert row["share"] == row["active"] / row["customers"]
        assert (row["ci_lower"], row["ci_upper"]) == pytest.approx(
            proportion_confint(row["active"], row["customers"], method="wilson")
        )


def test_what_is_not_over_or_not_seen_is_null_never_nothing(found):
    rest = found[~found.finished]
    assert len(found) == 64
    assert rest[["active", "share", "ci_lower", "ci_upper", "open"]].isna().all(axis=None)
    assert set(rest.period[rest.cohort == found.cohort.min()]) == {pd.Timestamp("2026-04-01").date()}
    assert not found.finished[found.cohort == pd.Timestamp("2026-04-01").date()].any()
    assert found.finished[found.period == pd.Timestamp("2026-01-01").date()].all()
    last = found[found.cohort == pd.Timestamp("2026-04-01").date()]
    assert last.customers.notna().all()


def test_who_closed_stays_in_the_denominator(frames):
    changed = {name: rows.copy() for name, rows in frames.items()}
    cohort = changed["customers"].opened_on.dt.to_period("Q") == "2024Q3"
    gone = changed["customers"].customer_id[cohort].head(3)
    end = pd.Timestamp("2025-02-10")
    changed["customers"].loc[changed["customers"].customer_id.isin(gone), "closed_on"] = end
    for name in ("transactions", "events"):
        rows = changed[name]
        changed[name] = rows[~(rows.customer_id.isin(gone) & (rows.ts > end))]
    before, after = (funnel.cohorts(open_bank(f), "quarter", as_of=DAY, k=1).query("since in [1, 2, 3]").head(3)
                     for f in (frames, changed))  # fmt: skip
    assert (after.customers == before.customers).all()
    assert (before.open - after.open).tolist() == [0, 3, 3]
    assert (before.active - after.active).to_numpy()[2] >= 1


def test_months_add_up(bank, found):
    """Cohorts by month are those of their quarter; who is active in a quarter is active in one of its months."""
    months = funnel.cohorts(bank, "month", as_of=DAY, k=1)
    sizes = months[months.since == 0].set_index("cohort").customers
    quarters = found[found.since == 0].set_index("cohort").customers
    assert sizes.groupby(pd.PeriodIndex(sizes.index, freq="Q")).sum()["2024Q3"] == quarters.iloc[0]
    assert months.since.max() == 25
    assert months[months.finished].active.sum() >= found[found.finished].active.sum()


@pytest.mark.slow
def test_both_engines_agree(tiny_bank, spark_bank):
    found = [funnel.cohorts(bank, "month", as_of="2025-06-20", k=1) for bank in (spark_bank, tiny_bank)]
    assert found[0].active.sum() > 5
    pd.testing.assert_frame_equal(*found)


def test_text_ids_change_nothing(frames, found):
    bank = open_bank(tiny.with_text_ids(frames))
    pd.testing.assert_frame_equal(funnel.cohorts(bank, "quarter", as_of=DAY, k=1), found)


def test_what_comes_later_changes_nothing(frames, found):
    late = {name: rows.copy() for name, rows in frames.items()}
    for name in ("transactions", "events"):
        rows = late[name]
        late[name] = pd.concat([rows, rows[rows.ts > "2026-06-21"].assign(customer_id=1)], ignore_index=True)
    pd.testing.assert_frame_equal(funnel.cohorts(open_bank(late), "quarter", as_of=DAY, k=1), found)


def test_small_figures_are_hidden(bank):
    k = 3
    shown, whole = (funnel.cohorts(bank, "quarter", as_of=DAY, k=each) for each in (k, 1))
    there = shown.active.notna()
    assert there.any()
    active, customers = whole.active[there], whole.customers[there]
    assert not ((active > 0) & (active < k) | (customers - active > 0) & (customers - active < k)).any()
    assert shown.customers[whole.customers < k].isna().all()
    assert shown[shown.suppressed][["active", "share", "open"]].isna().all(axis=None)


def test_what_lies_beyond_the_records_is_not_finished(bank):
    late = funnel.cohorts(bank, "quarter", as_of="2026-12-31", k=1)
    pd.testing.assert_frame_equal(late, funnel.cohorts(bank, "quarter", as_of="2026-06-30", k=1))
    assert late[late.finished].period.max() == pd.Timestamp("2026-04-01").date()


def test_who_closed_cannot_be_worked_out_from_two_periods(frames):
    """Four of a cohort close one after the other: no two figures that are shown differ by one to three."""
    changed = {name: rows.copy() for name, rows in frames.items()}
    who = changed["customers"].opened_on.dt.to_period("Q") == "2024Q3"
    gone = changed["customers"].customer_id[who].head(4)
    ends = dict(zip(gone, pd.to_datetime(["2025-02-10", "2025-05-10", "2025-08-10", "2025-11-10"]), strict=True))
    leave = changed["customers"].customer_id.map(ends)
    changed["customers"]["closed_on"] = leave.fillna(changed["customers"].closed_on)
    for name in ("transactions", "events"):
        rows = changed[name]
        changed[name] = rows[~(rows.ts > rows.customer_id.map(ends))]
    bank = open_bank(changed)
    truth, shown = (funnel.cohorts(bank, "quarter", as_of=DAY, k=k).iloc[:7] for k in (1, 4))
    assert -truth.open.diff().min() == 1
    told = pd.concat([shown.customers.head(1), shown.open.dropna()])
    assert not (-told.diff()).between(1, 3).any()
    assert shown.open.isna().any()
    assert (shown.open.dropna() == truth.open[shown.open.notna()]).all()


def test_a_unit_and_other_acts(bank, found):
    logins = funnel.cohorts(bank, "quarter", "login", as_of=DAY, k=1)
    assert (logins.active.fillna(0) <= found.active.fillna(0)).all()
    assert (logins.active.fillna(0) < found.active.fillna(0)).any()
    parts = [funnel.cohorts(bank, "year", org_id=unit, as_of=DAY, k=1) for unit in (2, 3)]
    whole = funnel.cohorts(bank, "year", as_of=DAY, k=1)
    assert whole.customers[0] == sum(part.customers[0] for part in parts)
    assert whole.finished.sum() == 1


def test_bad_input(bank):
    for wrong in ({"unit": "week"}, {"activity": "visit"}, {"k": 0}, {"as_of": "June"}, {"org_id": 99}):
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            funnel.cohorts(bank, **wrong)
    with pytest.raises(Refused, match="is over"):
        funnel.cohorts(bank, "year", as_of="2024-11-30")
    assert np.isfinite(funnel.cohorts(bank, "month", as_of="2024-11-30", k=1).share.dropna()).all()
