import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import proportion_confint
from test_lifecycle import END, MONTHS, random_bank, states

import bankmkt as bm
from bankmkt.errors import ParameterError, Refused, SchemaError
from bankmkt.segments import attrition, lifecycle, transitions
from bankmkt.segments.attrition import _area


@pytest.fixture(scope="module")
def frames():
    return random_bank(11, customers=200)


def test_transitions_are_what_consecutive_months_count(frames):
    bank = bm.open_bank(frames)
    found = transitions(lifecycle(bank, END), k=1)
    rows = states(bank)
    rows["to"] = rows.groupby("customer_id").state.shift(-1)
    expected = rows.dropna().groupby(["state", "to"]).size()
    assert found.set_index(["from", "to"]).moves.to_dict() == expected.to_dict()
    np.testing.assert_allclose(found.groupby("from").probability.sum(), 1)
    whole = found["from"].map(expected.groupby("state").sum())
    lower, upper = proportion_confint(found.moves, whole, method="wilson")
    np.testing.assert_allclose(found[["ci_lower", "ci_upper"]], np.column_stack([lower, upper]), rtol=1e-12)
    hidden = transitions(lifecycle(bank, END))
    assert hidden.suppressed[found.moves < 10].all()
    assert hidden.loc[hidden.suppressed, "probability"].isna().all()


def test_attrition_is_what_the_rows_say(frames):
    found = attrition(bm.open_bank(frames), END, horizon=3, k=1)
    rows = states(bm.open_bank(frames)).merge(frames["customers"], on="customer_id")
    rates = {}
    for period, at, until in (("earlier", -7, -4), ("later", -4, -1)):
        day = rows[(rows.month == MONTHS[at]) & ~(rows.closed_on <= MONTHS[at])]
        left = (day.closed_on <= MONTHS[until]).astype(int)
        rates[period] = left.groupby(day.state).mean()
        mine = found.rates[found.rates.period == period].set_index("state")
        assert (mine.month == MONTHS[at].date()).all()
        pd.testing.assert_series_equal(mine.rate, rates[period], check_names=False)
        assert (mine.customers == day.groupby("state").size()).all()
    auc = roc_auc_score(left, day.state.map(rates["earlier"]).fillna(0.0))
    assert found.auc == pytest.approx(auc)
    assert found.ci_lower < found.auc < found.ci_upper


def test_the_interval_of_the_area_covers_the_truth():
    """Two groups, shares of leavers known: of 400 draws 95 % cover the true AUC, within three standard errors."""
    rng = np.random.default_rng(1)
    p, q = 0.7, 0.4  # share of leavers, of stayers, with the higher score
    truth = p * (1 - q) + 0.5 * (p * q + (1 - p) * (1 - q))
    hits = 0
    for _ in range(400):
        left, stayed = rng.binomial(120, p), rng.binomial(900, q)
        _, lower, upper = _area(np.array([0.2, 0.1]), np.array([left, 120 - left]), np.array([stayed, 900 - stayed]))
        hits += lower <= truth <= upper
    assert abs(hits / 400 - 0.95) <= 3 * np.sqrt(0.95 * 0.05 / 400)


@pytest.mark.spark
def test_spark_says_the_same(frames, spark_url):
    spark, duck = bm.open_bank(frames, engine=spark_url), bm.open_bank(frames)
    pd.testing.assert_frame_equal(transitions(lifecycle(spark, END)), transitions(lifecycle(duck, END)))
    one, other = (attrition(bank, END, horizon=3) for bank in (spark, duck))
    pd.testing.assert_frame_equal(one.rates, other.rates)
    assert one.auc == other.auc


def test_bad_arguments_are_named(frames):
    bank = bm.open_bank(frames)
    with pytest.raises(ParameterError, match="horizon = 7: expected at most 6"):
        attrition(bank, END, horizon=7)
    with pytest.raises(ParameterError, match="horizon = 0"):
        attrition(bank, END, horizon=0)
    with pytest.raises(SchemaError, match="states has no column = 'month'"):
        transitions(lifecycle(bank, END).drop("month"))
    stay = frames | {"customers": frames["customers"].assign(closed_on=pd.NaT)}
    with pytest.raises(Refused, match="no closures"):
        attrition(bm.open_bank(stay), END, horizon=3)
