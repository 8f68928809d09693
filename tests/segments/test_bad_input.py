"""What segments refuse: each error names the parameter and its value; none of these gave more than a false answer."""

import numpy as np
import pandas as pd
import pytest
from test_lifecycle import random_bank

import bankmkt as bm
from bankmkt import segments
from bankmkt.errors import BankmktError, DataError, ParameterError, Refused, SchemaError
from bankmkt.segments import agreement, lifecycle, matrix, matrix_summary, preferences, retention
from bankmkt.terms import paid

FUTURE = "2030-01-01"


@pytest.fixture(scope="module")
def bank():
    return bm.open_bank(random_bank(6, customers=60))


@pytest.fixture(scope="module")
def log():
    return pd.DataFrame({"customer_id": range(40), "ts": pd.Timestamp("2026-06-01"), "amount": 5.0})


@pytest.fixture(scope="module")
def summary():
    from bankmkt.segments.purchase_history import sample_purchases

    out = sample_purchases(400, periods=40, r=0.5, alpha=4.5, a=0.8, b=2.5, seed=7)
    return out.assign(customer_id=range(400), monetary=np.geomspace(5, 80, 400))


@pytest.mark.parametrize(
    "look",
    [
        lifecycle, matrix, matrix_summary, retention, segments.customer_value, segments.value_by,
        segments.potential_value, segments.margin_by_product, segments.value_rates, segments.attrition,
    ],
    ids=lambda look: look.__name__,
)  # fmt: skip
def test_a_day_beyond_the_records_is_refused(bank, look):
    with pytest.raises(ParameterError, match=rf"as_of = '{FUTURE}': expected a day up to .*balances end at"):
        look(bank, FUTURE)


def test_the_month_after_the_records_is_a_day_to_look_from(bank):
    """As a month is told of once it is over, and its balances come some days later."""
    last = pd.Timestamp(bank.months[-1])
    after = last + pd.offsets.MonthEnd(1)
    lifecycle(bank, str(after.date()), 1)
    with pytest.raises(ParameterError, match="as_of"):
        lifecycle(bank, str((after + pd.Timedelta(days=1)).date()), 1)


@pytest.mark.parametrize(
    ("by", "error", "message"),
    [
        ("aum", ParameterError, r"by = 'aum': .*before.aum holds fractions"),
        ("customer_id", ParameterError, "by = 'customer_id'"),
        ("phone", Refused, "by='phone' has 101 different values"),
    ],
)
@pytest.mark.parametrize("engine", [False, True])
def test_moves_are_between_states_not_customers(by, error, message, engine):
    n = 101
    frame = pd.DataFrame({"customer_id": range(n), "aum": 1.5, "phone": [str(i) for i in range(n)]})
    frames = (frame, frame)
    if engine:
        con = bm.engines.connect()
        frames = tuple(con.create_table(f"t{i}", frame) for i in range(2))
    with pytest.raises(error, match=message):
        bm.migration(*frames, by=by)
    shared = frame.assign(phone=frame["phone"].where(frame.index > 0, "1"))
    assert bm.migration(shared, shared, by="phone")["suppressed"].all()


@pytest.mark.parametrize("look", [matrix, matrix_summary], ids=lambda look: look.__name__)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"limits": 5}, "limits = 5"),
        ({"limits": (1.0, 2.0, float("inf"))}, "limits = "),
        ({"limits": (1.0, "2", 3.0)}, "limits = "),
        ({"limits": (2.0, 1.0, 3.0)}, "limits = "),
        ({"occupations": 5}, "occupations = 5: expected a dictionary"),
        ({"foo": 2}, "foo = 2"),
        ({"months": 3}, "months = 3"),
    ],
)
def test_axes_and_thresholds(bank, look, given, message):
    with pytest.raises(ParameterError, match=message):
        look(bank, bank.months[-1], **given)


@pytest.mark.parametrize("tags", [5, ["payroll"], pd.DataFrame({"customer_id": [1], "fan": [True]})])
def test_tags_of_segments_are_a_table_of_the_bank(bank, tags):
    with pytest.raises(ParameterError, match=r"tags = '(int|list|DataFrame)': expected an Ibis table"):
        matrix_summary(bank, bank.months[-1], tags=tags)


@pytest.mark.parametrize(
    ("cells", "names", "error", "message"),
    [
        (None, ["fan"], ParameterError, "cells = 'NoneType'"),
        (pd.DataFrame(), 5, ParameterError, "names = 5"),
        (pd.DataFrame(), "fan", ParameterError, "names = 'fan'"),
        (pd.DataFrame(), ["fan"], SchemaError, "cells has no column = 'state'"),
    ],
)
def test_preferences_are_of_cells(cells, names, error, message):
    with pytest.raises(error, match=message):
        preferences(cells, names)


def test_agreement_is_of_two_tables():
    states = pd.DataFrame({"customer_id": [1], "state": ["new"]})
    with pytest.raises(ParameterError, match="truth = 'NoneType'"):
        agreement.state_agreement(states, None)
    with pytest.raises(ParameterError, match="states = 'int'"):
        agreement.state_agreement(5, states)


@pytest.mark.parametrize("bins", ["5", 2.5, None, 0, 1, 100, True])
def test_bins_of_score_cells(bins):
    with pytest.raises(ParameterError, match=r"bins = .*an integer from 3 to 10"):
        segments.rfm_cells(bins)


def test_rfm_refuses_frames_no_engine_takes(log):
    day = "2026-06-30"
    with pytest.raises(SchemaError, match="transactions has two columns = 'amount'"):
        bm.rfm(pd.concat([log, log[["amount"]]], axis=1), day)
    with pytest.raises(SchemaError, match=r"column ts of transactions is period.*to_timestamp"):
        bm.rfm(log.assign(ts=log["ts"].dt.to_period("D")), day)
    with pytest.raises(SchemaError, match="customers has no column"):
        bm.rfm(log, day, customers=pd.DataFrame())
    with pytest.raises(ParameterError, match="foo = 1: expected a name among the arguments of rfm"):
        segments.rfm_sensitivity(log, day, foo=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda log: pd.concat([log, log[["amount"]]], axis=1), "two called amount"),
        (lambda log: log.assign(ts=log["ts"].dt.to_period("D")), r"transactions.ts = 'period"),
        (lambda log: log.assign(ts=log["ts"].dt.tz_localize("Asia/Shanghai")), r"transactions.ts = .*without zone"),
        (lambda log: log.assign(amount=-log["amount"]), r"bankmkt.terms.paid\(t\)"),
    ],
    ids=["twice", "period", "zone", "negative"],
)
def test_purchases_that_cannot_be(log, change, message):
    with pytest.raises(DataError, match=message):
        segments.purchase_summary(change(log), "2026-06-30")


def test_what_the_message_advises_works_by_account_and_by_card(bank):
    t = bank.transactions
    t = t.filter(t.kind == "spend").limit(20)
    t = t.select("customer_id", "ts", amount=paid(t))
    found = segments.purchase_summary(t.filter(t.amount >= 0), str(bank.months[-1])).execute()
    assert len(found) == t.filter(t.amount >= 0).customer_id.nunique().execute()


@pytest.mark.parametrize("model", [segments.BGNBD, segments.GammaGamma])
@pytest.mark.parametrize("engine", [False, True])
def test_a_customer_counts_once(summary, model, engine):
    twice = pd.concat([summary, summary.head(3)])
    table = bm.engines.connect().create_table("twice", twice) if engine else twice
    with pytest.raises(DataError, match=r"summary.customer_id = '3 rows too many'"):
        model().fit(table)


def test_models_are_fitted_and_each_in_its_place(summary):
    for predict in (
        lambda: segments.BGNBD().predict_purchases(summary, 4),
        lambda: segments.BGNBD().predict_alive(summary),
        lambda: segments.BGNBD().predict_total(summary, 4),
        lambda: segments.GammaGamma().predict_spend(summary),
        lambda: segments.purchase_value(segments.BGNBD(), segments.GammaGamma(), summary, 4),
    ):
        with pytest.raises(BankmktError, match=r"model = '\w+, not fitted'.*fit\(summary\)"):
            predict()
    with pytest.raises(ParameterError, match="purchases = 'GammaGamma': expected a BGNBD"):
        segments.purchase_value(segments.GammaGamma(), segments.BGNBD(), summary, 4)


def test_retention_without_a_curve_says_why(bank):
    with pytest.raises(Refused, match="no cohort by gender has 1000 customers"):
        retention(bank, bank.months[-1], by="gender", k=1000)
