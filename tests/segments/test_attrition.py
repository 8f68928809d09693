import ibis
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import proportion_confint
from test_lifecycle import END, MONTHS, random_bank, states

import bankmkt as bm
from bankmkt.errors import DataError, ParameterError, Refused, SchemaError
from bankmkt.segments import attrition, lifecycle, transitions
from bankmkt.segments.attrition import _area, least_months
from bankmkt.segments.intervals import clustered


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
    hidden = transitions(lifecycle(bank, END))
    assert hidden.suppressed[found.moves < 10].all()
    assert hidden.loc[hidden.suppressed, "probability"].isna().all()


def test_many_moves_of_few_customers_are_hidden():
    """Eight customers to and fro ten times make forty moves each way, but they are eight customers."""
    rows = [(i, m, "ab"[m % 2] if i < 8 else "a") for i in range(60) for m in range(11)]
    frame = pd.DataFrame(rows, columns=["customer_id", "month", "state"])
    frame["month"] = pd.date_range("2025-01-31", periods=11, freq="ME")[frame.month]
    found = transitions(ibis.memtable(frame), k=1).set_index(["from", "to"]).moves
    assert found.to_dict() == {("a", "a"): 520, ("a", "b"): 40, ("b", "a"): 40}
    assert transitions(ibis.memtable(frame), k=8).set_index(["from", "to"]).moves.to_dict() == found.to_dict()
    assert transitions(ibis.memtable(frame), k=9).suppressed.all()


def test_intervals_are_those_of_a_cluster_robust_regression(frames):
    """A constant fitted by least squares, errors clustered by customer, brought to the logit scale."""
    bank = bm.open_bank(frames)
    found = transitions(lifecycle(bank, END), k=1).set_index(["from", "to"])
    rows = states(bank)
    rows["to"] = rows.groupby("customer_id").state.shift(-1)
    rows = rows.dropna()
    for (state, to), at in found[found.probability < 1].iterrows():
        of = rows[rows.state == state]
        y = (of["to"] == to).astype(float)
        fit = sm.OLS(y, np.ones(len(y))).fit(
            cov_type="cluster", cov_kwds={"groups": of.customer_id, "use_correction": False}
        )
        p, width = y.mean(), 1.959963984540054 * fit.bse.iloc[0] / (y.mean() * (1 - y.mean()))
        expected = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + np.array([-width, width]))))
        np.testing.assert_allclose([at.ci_lower, at.ci_upper], expected, rtol=1e-9, err_msg=f"{state} to {to}")
    sure = found[found.probability == 1]
    people = rows.groupby("state").customer_id.nunique()[sure.index.get_level_values("from")]
    np.testing.assert_allclose(sure.ci_lower, proportion_confint(people, people, method="wilson")[0])


def test_one_pair_of_months_each_is_wilsons(frames):
    found = transitions(lifecycle(bm.open_bank(frames), END, months=2), k=1)
    whole = found.groupby("from").moves.transform("sum")
    lower, upper = proportion_confint(found.moves, whole, method="wilson")
    np.testing.assert_allclose(found[["ci_lower", "ci_upper"]], np.column_stack([lower, upper]), rtol=1e-12)


def test_the_interval_of_a_chance_covers_the_truth_when_customers_differ():
    """Each of 300 customers has a chance of its own, mean 0.2, in 1 to 24 months: of 400 draws, 95 % cover it, within
    three standard errors; intervals for independent months cover it in far fewer.
    """
    rng = np.random.default_rng(2)
    hits = naive = 0
    for _ in range(400):
        n = rng.integers(1, 25, 300)
        y = rng.binomial(n, rng.beta(1, 4, 300))
        (lower,), (upper,) = clustered(*(np.array([v.sum()]) for v in (y, n, y * y, y * n, n * n)))
        hits += lower <= 0.2 <= upper
        lower, upper = proportion_confint(y.sum(), n.sum(), method="wilson")
        naive += lower <= 0.2 <= upper
    assert abs(hits / 400 - 0.95) <= 3 * np.sqrt(0.95 * 0.05 / 400)
    assert naive / 400 < 0.8


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
    auc = roc_auc_score(left, day.state.map(rates["earlier"]))
    assert found.auc == pytest.approx(auc)
    assert found.ci_lower < found.auc < found.ci_upper


def test_a_state_not_seen_before_has_the_overall_rate():
    """Nobody is new in the earlier month; in the later one some are, and their place in the order is the middle."""
    frames = random_bank(12, customers=300)
    c = frames["customers"]
    late = (c.opened_on >= MONTHS[4].replace(day=1)) & (c.opened_on < MONTHS[8].replace(day=1))
    frames["customers"] = c.assign(opened_on=c.opened_on.mask(late, MONTHS[8].replace(day=1)))
    frames["customers"] = frames["customers"][lambda f: ~(f.closed_on < f.opened_on)]
    kept = frames["customers"].customer_id
    for name in ("balances", "transactions", "events"):
        frames[name] = frames[name][frames[name].customer_id.isin(kept)]
    bank = bm.open_bank(frames)
    found = attrition(bank, END, horizon=3, k=1)
    earlier = found.rates[found.rates.period == "earlier"].set_index("state")
    rows = states(bank).merge(frames["customers"], on="customer_id")
    day = rows[(rows.month == MONTHS[-4]) & ~(rows.closed_on <= MONTHS[-4])]
    unseen = set(day.state) - set(earlier.index)
    assert "new" in unseen
    overall = earlier.closed.sum() / earlier.customers.sum()
    assert earlier.rate.min() < overall < earlier.rate.max()
    auc = roc_auc_score(day.closed_on <= MONTHS[-1], day.state.map(earlier.rate).fillna(overall))
    assert found.auc == pytest.approx(auc)


def test_the_earlier_month_must_know_every_state(frames):
    """13 months suffice for a horizon of three: six until somebody can be lost, two times three, and the first."""
    bank = bm.open_bank(frames)
    assert least_months(3) == 13
    for day, allowed in ((MONTHS[12], 3), (MONTHS[11], 2)):
        attrition(bank, day.date(), horizon=allowed)
        with pytest.raises(ParameterError, match=f"horizon = {allowed + 1}: expected at most {allowed} with these"):
            attrition(bank, day.date(), horizon=allowed + 1)
    early = states(bank, months=None)
    assert "lost" in set(early[(early.month == MONTHS[6])].state)
    with pytest.raises(ParameterError, match="horizon = 3: expected at most 2"):
        attrition(bank, END, horizon=3, lost_after=8)
    with pytest.raises(ParameterError, match="as_of = '2025-08-31': expected 9 months of balances"):
        attrition(bank, "2025-08-31", horizon=1)


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


@pytest.mark.slow
@pytest.mark.spark
def test_spark_says_the_same(frames, spark_url):
    spark, duck = bm.open_bank(frames, engine=spark_url), bm.open_bank(frames)
    pd.testing.assert_frame_equal(transitions(lifecycle(spark, END)), transitions(lifecycle(duck, END)))
    one, other = (attrition(bank, END, horizon=3) for bank in (spark, duck))
    pd.testing.assert_frame_equal(one.rates, other.rates)
    assert one.auc == other.auc


def test_bad_arguments_are_named(frames):
    bank = bm.open_bank(frames)
    with pytest.raises(ParameterError, match="horizon = 7: expected at most 3"):
        attrition(bank, END, horizon=7)
    with pytest.raises(ParameterError, match="horizon = 0"):
        attrition(bank, END, horizon=0)
    with pytest.raises(SchemaError, match="states has no column = 'month'"):
        transitions(lifecycle(bank, END).drop("month"))
    with pytest.raises(ParameterError, match="foo = 1: expected as a threshold one of acts, new_for"):
        attrition(bank, END, foo=1)
    with pytest.raises(ParameterError, match="months = 1: expected as a threshold"):
        attrition(bank, END, months=1)
    for what, wrong in (("None", None), ("DataFrame", pd.DataFrame({"state": []}))):
        with pytest.raises(ParameterError, match=f"states = '{what}': expected the Ibis table"):
            transitions(wrong)
    rows = ibis.memtable(states(bank)[["customer_id", "month", "state"]])
    pd.testing.assert_frame_equal(transitions(rows), transitions(lifecycle(bank, END)))
    with pytest.raises(DataError, match="states = 'a customer with two rows in a month'"):
        transitions(rows.union(rows.limit(1)))
    nobody = frames | {name: frames[name].iloc[:0] for name in ("customers", "transactions", "events")}
    with pytest.raises(Refused, match="the earlier months have no customers"):
        attrition(bm.open_bank(nobody), END, horizon=3)
    stay = frames | {"customers": frames["customers"].assign(closed_on=pd.NaT)}
    with pytest.raises(Refused, match="no closures"):
        attrition(bm.open_bank(stay), END, horizon=3)
