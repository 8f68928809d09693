import datetime as dt
import itertools

import ibis
import numpy as np
import pandas as pd
import pytest

import bankmkt as bm
from bankmkt.errors import BankmktError, DataError, ParameterError, Refused, SchemaError
from bankmkt.schema import KINDS, PRODUCTS
from bankmkt.segments import rfm_cells, rfm_sensitivity
from bankmkt.segments import rfm_scores as steps
from bankmkt.segments.quantiles import BUCKETS, order_statistics, ranks
from bankmkt.segments.rfm_names import RULES, SEGMENTS

AS_OF = "2026-06-30"
MEASURES = ["recency_days", "frequency", "monetary"]


def log(seed, customers=200, rows=1500, text=False):
    """Return random transactions with many ties in every measure, some of them outside the window."""
    rng = np.random.default_rng(seed)
    who = rng.integers(1, customers, rows)
    days = pd.to_timedelta(rng.choice([-3, 0, 0, 1, 5, 5, 30, 89, 90, 364, 365, 400], rows), "D")
    times = pd.Timestamp(AS_OF) - days + pd.to_timedelta(rng.integers(0, 24 * 3600, rows), "s")
    cents = rng.choice([0, 1, 29, 57, 1000, 1000, 1999, 250_000_00], rows) + rng.integers(0, 3, rows)
    ids = [f"C{n:04d}" for n in who] if text else who
    return pd.DataFrame({"customer_id": ids, "ts": times.astype("datetime64[us]"), "amount": cents / 100})


def oracle(frame, as_of=AS_OF, window_days=365, bins=5, ties="lower", frequency="transactions"):
    """RFM from its definition: plain pandas, a loop over the cut points, sorted lists."""
    end = pd.Timestamp(as_of)
    day = frame["ts"].dt.normalize()
    inside = frame[(day <= end) & (day > end - pd.Timedelta(days=window_days))].assign(day=day)
    groups = inside.groupby("customer_id")
    out = pd.DataFrame({
        "recency_days": (end - groups["day"].max()).dt.days,
        "frequency": groups["day"].nunique() if frequency == "days" else groups.size(),
        "monetary": groups["amount"].agg(lambda amounts: sum(round(100 * a) for a in amounts) / 100),
    })  # fmt: skip
    for score, name in zip("rfm", MEASURES, strict=True):
        ordered = sorted(out[name])
        cuts = []
        for j in range(1, bins):
            cuts.append(next(v for i, v in enumerate(ordered, 1) if i * bins >= j * len(ordered)))
        below = [sum(v > c if ties == "lower" else v >= c for c in cuts) for v in out[name]]
        out[score] = [bins - b if score == "r" else 1 + b for b in below]
    names = rfm_cells(bins).set_index(["r", "f", "m"])["segment"]
    out["segment"] = [names[cell] for cell in out[["r", "f", "m"]].itertuples(index=False, name=None)]
    return out.sort_index().reset_index()


def equal(found, wanted):
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False, check_exact=True)


# What the scores are ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_scores_are_those_of_the_definition(seed):
    rng = np.random.default_rng(100 + seed)
    frame = log(seed, customers=int(rng.integers(3, 300)), text=bool(seed % 2))
    choices = {
        "window_days": int(rng.choice([1, 30, 90, 365, 1000])),
        "bins": int(rng.integers(3, 11)),
        "ties": str(rng.choice(["lower", "upper"])),
        "frequency": str(rng.choice(["transactions", "days"])),
    }
    found = bm.rfm(frame, AS_OF, **choices)
    equal(found.scores, oracle(frame, **choices))


@pytest.mark.spark
@pytest.mark.slow
def test_engines_agree_to_the_last_bit(spark_url):
    from bankmkt.engines import connect

    frame = log(21, text=True)
    spark = connect(spark_url)
    spark._session.createDataFrame(frame).createOrReplaceTempView("rfm_log")
    t = spark.table("rfm_log")
    choices = {"bins": 7, "frequency": "days", "customers": frame[["customer_id"]]}
    one, other = bm.rfm(frame, AS_OF, **choices), bm.rfm(t, AS_OF, **choices)
    equal(other.scores.order_by("customer_id").to_pandas(), one.scores)
    equal(other.cuts, one.cuts)
    pd.testing.assert_frame_equal(other.summary(), one.summary())
    pd.testing.assert_frame_equal(other.grid(), one.grid())


def test_the_window_is_open_at_its_start_and_closed_at_its_end():
    times = ["2026-06-20 23:59:59", "2026-06-21 00:00:00", "2026-06-30 23:59:59", "2026-07-01 00:00:00"]
    frame = pd.DataFrame({"customer_id": [1, 2, 3, 4], "ts": pd.to_datetime(times), "amount": 1.0})
    for column in (frame["ts"], frame["ts"].dt.date):  # of timestamps and of dates
        found = bm.rfm(frame.assign(ts=column), AS_OF, window_days=10).scores
        assert found[["customer_id", "recency_days"]].to_numpy().tolist() == [[2, 9], [3, 0]]


def test_later_transactions_change_nothing():
    frame = log(3)
    past = frame[frame["ts"] < pd.Timestamp("2026-07-01")]
    assert len(past) < len(frame)
    poison = frame["amount"].where(frame["ts"] < pd.Timestamp("2026-07-01"), np.nan)
    equal(bm.rfm(frame.assign(amount=poison), AS_OF).scores, bm.rfm(past, AS_OF).scores)


def test_cuts_are_quantiles_of_the_data():
    frame = pd.DataFrame(
        {"customer_id": range(10), "ts": pd.Timestamp(AS_OF), "amount": [1, 2, 3, 4, 5, 5, 5, 8, 9, 0.1]}
    )
    cuts = bm.rfm(frame, AS_OF, bins=4).cuts
    assert cuts.columns.tolist() == ["measure", "cut", "quantile", "value"]
    assert cuts[cuts.measure == "monetary"].value.tolist() == [2, 4, 5]  # the 3rd, 5th and 8th of ten
    assert cuts[cuts.measure == "monetary"]["quantile"].tolist() == [0.25, 0.5, 0.75]
    assert cuts[cuts.measure == "frequency"].value.tolist() == [1, 1, 1]


@pytest.mark.parametrize("ties", ["lower", "upper"])
def test_equal_values_get_equal_scores_in_any_order(ties):
    frame = log(5)
    found = bm.rfm(frame, AS_OF, ties=ties).scores
    for score, name in zip("rfm", MEASURES, strict=True):
        assert len(found[[name, score]].drop_duplicates()) == found[name].nunique()
        assert found[name].duplicated().any()
    equal(bm.rfm(frame.sample(frac=1, random_state=1), AS_OF, ties=ties).scores, found)


def test_more_is_never_worse():
    found = bm.rfm(log(6), AS_OF, bins=10).scores
    for score, name in zip("rfm", MEASURES, strict=True):
        rising = found.sort_values(name)[score]
        assert rising.is_monotonic_decreasing if score == "r" else rising.is_monotonic_increasing


def test_cuts_can_be_used_again():
    first, other = log(7), log(8)
    found = bm.rfm(first, AS_OF)
    equal(bm.rfm(first, AS_OF, cuts=found.cuts.sample(frac=1, random_state=0)).scores, found.scores)
    moved = bm.rfm(other, AS_OF, cuts=found.cuts)
    equal(moved.cuts, found.cuts)
    limits = found.cuts[found.cuts.measure == "monetary"].value.to_numpy()
    assert moved.scores.m.tolist() == (1 + np.searchsorted(limits, moved.scores.monetary)).tolist()
    assert (moved.scores.m != bm.rfm(other, AS_OF).scores.m).any()


def test_cuts_that_are_no_whole_cents_are_taken_as_they_are():
    frame = pd.DataFrame({"customer_id": range(4), "ts": pd.Timestamp(AS_OF), "amount": [0.28, 0.29, 0.30, 0.31]})
    cuts = pd.DataFrame({"measure": np.repeat(MEASURES, 2), "cut": [1, 2] * 3, "value": [9, 9, 9, 9, 0.29, 0.305]})
    assert bm.rfm(frame, AS_OF, bins=3, cuts=cuts).scores.m.tolist() == [1, 1, 2, 3]
    assert bm.rfm(frame, AS_OF, bins=3, cuts=cuts, ties="upper").scores.m.tolist() == [1, 2, 2, 3]


def test_a_large_log_sums_to_the_cent():
    """A tenth of a yuan has no exact float: a plain sum of a million depends on the order of the rows."""
    frame = pd.DataFrame({"customer_id": np.arange(300_000) % 3, "ts": pd.Timestamp(AS_OF), "amount": 0.1})
    assert bm.rfm(frame, AS_OF).scores.monetary.tolist() == [10_000.0] * 3


# CDNOW --------------------------------------------------------------------------------------------------------------


def test_cdnow(real_data):
    purchases = bm.datasets.load_cdnow(real_data).transactions
    found = bm.rfm(purchases, "1998-06-30", window_days=546)
    assert len(found.scores) == 23_570
    assert found.scores.frequency.sum() == 69_659
    assert found.scores.monetary.sum() == pytest.approx(2_500_315.63, abs=0.005)
    equal(found.scores, oracle(purchases, "1998-06-30", 546))
    year = bm.rfm(purchases, "1998-06-30", frequency="days", bins=4)
    equal(year.scores, oracle(purchases, "1998-06-30", bins=4, frequency="days"))


# A bank's money -----------------------------------------------------------------------------------------------------


COUNTS_AS = {
    "salary": {"inflow", "aum"},
    "transfer_in": {"inflow", "aum"},
    "transfer_out": {"aum"},
    "spend": {"spend", "aum"},
    "bill": {"spend", "aum"},
    "cash_in": {"inflow", "aum"},
    "cash_out": {"aum"},
    "purchase": {"aum"},
    "redemption": {"aum"},
    "interest": set(),
    "return": set(),
    "loan_drawdown": set(),
    "loan_repayment": set(),
    "card_repayment": set(),
    "fee": set(),
}
"""Every kind of transaction, and for which money it counts; told by hand."""

IN_AUM = {"demand", "time_deposit", "wealth", "fund", "insurance", "metal"}


def every_movement():
    """Return a customer and a different amount for every kind, product and sign."""
    kinds = list(itertools.product(KINDS, PRODUCTS, (1, -1)))
    rows = [(i, kind, name, sign * (100 + i) / 4) for i, (kind, name, sign) in enumerate(kinds, 1)]
    frame = pd.DataFrame(rows, columns=["customer_id", "kind", "product", "amount"])
    return frame.assign(ts=pd.Timestamp(AS_OF))


def counted(frame, money):
    """Return each customer's money from the table above."""
    rows = frame if money == "amount" else frame[[money in COUNTS_AS[kind] for kind in frame.kind]]
    if money == "aum":
        rows = rows[rows["product"].isin(IN_AUM)]
    if money == "spend":  # a debt grows by what is paid, an account falls
        rows = rows.assign(amount=np.where(rows["product"] == "card_balance", rows.amount, -rows.amount))
        rows = rows[rows.amount > 0]  # the others are refunds
    return dict(zip(rows.customer_id, rows.amount, strict=True))


@pytest.mark.parametrize("money", ["spend", "inflow", "aum", "amount"])
def test_kinds_of_money(money):
    assert set(COUNTS_AS) == set(KINDS)
    frame = every_movement()
    found = bm.rfm(frame, AS_OF, money=money).scores
    assert dict(zip(found.customer_id, found.monetary, strict=True)) == counted(frame, money)
    assert len(counted(frame, money)) == {"spend": 16, "inflow": 48, "aum": 108, "amount": 240}[money]


@pytest.mark.slow
@pytest.mark.spark
def test_kinds_of_money_on_spark(spark_url):
    from bankmkt.engines import connect

    frame = every_movement()
    spark = connect(spark_url)
    spark._session.createDataFrame(frame).createOrReplaceTempView("rfm_kinds")
    parts = []
    for money in ("spend", "inflow", "aum"):
        moved = steps.movements(spark.table("rfm_kinds"), money, "customer_id", "ts", "amount")
        parts.append(steps.measure(moved, dt.date(2026, 6, 30), 365, "transactions").mutate(money=ibis.literal(money)))
    found = spark.to_pandas(ibis.union(*parts))
    for money, rows in found.groupby("money"):
        assert dict(zip(rows.customer_id, rows.monetary / 100, strict=True)) == counted(frame, money)
    assert found.money.nunique() == 3


@pytest.mark.parametrize("frequency", ["transactions", "days"])
def test_refunds_lower_the_money_and_are_no_purchase(frequency):
    rows = [
        (1, "2026-06-01", 100.0, "card_balance"),
        (1, "2026-06-10", 50.0, "card_balance"),
        (1, "2026-06-20", -100.0, "card_balance"),
        (2, "2026-06-05", -30.0, "demand"),
        (2, "2026-06-06", 40.0, "demand"),  # more than was paid in the window
        (3, "2026-06-07", -10.0, "card_balance"),  # nothing bought
    ]
    frame = pd.DataFrame(rows, columns=["customer_id", "ts", "amount", "product"])
    frame = frame.assign(kind="spend", ts=pd.to_datetime(frame.ts))
    found = bm.rfm(frame, AS_OF, frequency=frequency, customers=frame[["customer_id"]]).scores
    assert found[["customer_id", *MEASURES]].fillna(-1).to_numpy().tolist() == [
        [1, 20, 2, 50], [2, 25, 1, -10], [3, -1, 0, 0],
    ]  # fmt: skip
    plain = bm.rfm(frame.drop(columns="product"), AS_OF).scores  # no product: nobody can tell a refund
    assert plain[MEASURES].to_numpy().tolist() == [[10, 3, 250], [24, 2, 70], [23, 1, 10]]


def test_spending_is_the_default_of_a_bank(tiny_bank):
    found = bm.rfm(tiny_bank.transactions, "2025-06-30")
    assert found.money == "spend"
    assert found.scores.monetary.min().execute() > 0
    assert bm.rfm(log(1), AS_OF).money == "amount"


# Customers without transactions -------------------------------------------------------------------------------------


def test_a_population_has_a_row_each_and_sets_the_cuts():
    frame = log(9)
    everybody = pd.DataFrame({"customer_id": pd.array([*range(1, 100), 5001, 5001, 5000, None], "Int64")})
    found = bm.rfm(frame, AS_OF, customers=everybody).scores.set_index("customer_id")
    assert found.index.tolist() == [*range(1, 100), 5000, 5001]
    active = oracle(frame[frame.customer_id < 100]).set_index("customer_id")
    equal(found[found.segment != "inactive"].reset_index(), active.reset_index())
    idle = found.drop(active.index)
    assert {5000, 5001} <= set(idle.index)
    assert idle[["frequency", "monetary", "r", "f", "m"]].eq(0).all(axis=None)
    assert idle.recency_days.isna().all()
    assert (idle.segment == "inactive").all()


# Segments -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", range(3, 11))
def test_every_cell_is_in_exactly_one_segment(bins):
    cells = rfm_cells(bins)
    assert len(cells) == len(cells[["r", "f", "m"]].drop_duplicates()) == bins**3
    assert set(cells.segment) <= set(SEGMENTS)
    if bins >= 5:
        assert set(cells.segment) == set(SEGMENTS)
    best, worst = (cells[(cells.r == s) & (cells.f == s) & (cells.m == s)].segment.item() for s in (bins, 1))
    assert (best, worst) == ("champions", "hibernating")


def test_the_grid_of_five_is_the_published_one():
    """Recency across, 1 to 5; the mean of frequency and monetary down from 5 to 1."""
    published = [
        ["can't lose them", "can't lose them", "loyal customers", "loyal customers", "champions"],
        ["at risk", "at risk", "loyal customers", "loyal customers", "champions"],
        ["at risk", "at risk", "need attention", "potential loyalists", "potential loyalists"],
        ["hibernating", "hibernating", "about to sleep", "potential loyalists", "potential loyalists"],
        ["hibernating", "hibernating", "about to sleep", "promising", "new customers"],
    ]
    cells = rfm_cells(5).set_index(["r", "f", "m"]).segment
    assert [[cells[r, v, v] for r in range(1, 6)] for v in range(5, 0, -1)] == published
    rules = itertools.chain(*(itertools.product([n], range(a, b + 1), range(c, d + 1)) for n, (a, b), (c, d) in RULES))
    assert sorted(cell for _, *cell in rules) == [[r, v] for r in range(1, 6) for v in range(1, 6)]


@pytest.mark.parametrize("bins", [3, 4, 5, 10])
def test_the_engine_names_every_cell_as_the_table_does(bins):
    from bankmkt.segments.rfm_names import named

    cells = rfm_cells(bins)
    t = ibis.memtable(cells)
    found = t.mutate(found=named(t.r, t.f + t.m, bins)).to_pandas()
    assert found.found.tolist() == found.segment.tolist()


# Summaries ----------------------------------------------------------------------------------------------------------


def test_summary_adds_up():
    found = bm.rfm(log(10), AS_OF, customers=pd.DataFrame({"customer_id": range(300)}))
    scores, summary = found.scores, found.summary(k=1).set_index("segment")
    assert summary.index.tolist() == [*SEGMENTS, "inactive"]
    assert summary.customers.sum() == 300
    assert summary.share.sum() == pytest.approx(1)
    assert summary.monetary.sum() == pytest.approx(scores.monetary.sum(), abs=0.005)
    for name, rows in scores.groupby("segment"):
        assert summary.customers[name] == len(rows)
        assert summary.monetary_per_customer[name] == pytest.approx(rows.monetary.mean())
        assert summary.frequency_per_customer[name] == pytest.approx(rows.frequency.mean())
        assert summary.recency_days[name] == pytest.approx(rows.recency_days.mean(), nan_ok=True)
    grid = found.grid(k=1)
    assert grid[["recency_level", "value_level"]].drop_duplicates().shape == (25, 2)
    active = summary.drop("inactive").customers
    assert grid.groupby("segment").customers.sum().to_dict() == active.to_dict()


def test_small_segments_are_hidden_and_cannot_be_worked_out():
    found = bm.rfm(log(11), AS_OF)
    true, summary, grid = found.summary(k=1), found.summary(), found.grid()
    small = true.customers.between(1, 9)
    assert small.any()
    assert (summary.suppressed[small]).all()
    values = ["customers", "share", "monetary", "monetary_share", "recency_days"]
    assert summary.loc[summary.suppressed, values].isna().all(axis=None)
    assert true.customers[summary.suppressed].sum() >= 10
    assert summary.suppressed.sum() >= 2
    assert not grid.customers.between(1, 9).any()
    assert grid[grid.segment.isin(summary.segment[summary.suppressed])].customers.isna().all()
    for segment, cells in grid.groupby("segment"):
        hidden = found.grid(k=1).loc[cells.index[cells.suppressed], "customers"]
        assert hidden.sum() == 0 or hidden.sum() >= 10 or summary.suppressed[summary.segment == segment].all()
    with pytest.raises(Refused, match="fewer than 300 customers"):
        found.summary(k=300)


# Sensitivity --------------------------------------------------------------------------------------------------------


def test_sensitivity_counts_changed_segments():
    frame = log(12)
    found = rfm_sensitivity(frame, AS_OF, window_days=90, k=1).set_index(["choice", "value"])
    assert found.index.tolist() == [
        ("ties", "upper"), ("bins", "4"), ("bins", "6"), ("window_days", "45"), ("window_days", "180"),
    ]  # fmt: skip
    before = oracle(frame, window_days=90).set_index("customer_id").segment
    other = {"ties": {"ties": "upper"}, "bins": {"bins": 6}, "window_days": {"window_days": 180}}
    for choice, value in (("ties", "upper"), ("bins", "6"), ("window_days", "180")):
        after = oracle(frame, **({"window_days": 90} | other[choice])).set_index("customer_id").segment
        both = pd.concat([before, after], axis="columns", keys=["before", "after"]).fillna("inactive")
        assert found.customers[choice, value] == len(both)
        assert found.changed[choice, value] == (both.before != both.after).sum()
        assert found.share[choice, value] == pytest.approx((both.before != both.after).mean())
    hidden = rfm_sensitivity(frame, AS_OF, window_days=90, k=1000)
    assert hidden[["changed", "share"]].isna().all(axis=None)


def test_a_window_without_transactions_makes_everybody_inactive():
    frame = log(1).assign(ts=pd.Timestamp("2025-09-01"))
    found = rfm_sensitivity(frame, AS_OF, other_bins=()).set_index(["choice", "value"])
    customers = frame.customer_id.nunique()
    assert found.loc[("window_days", "182"), ["customers", "changed"]].tolist() == [customers, customers]
    assert found.changed["window_days", "730"] == 0


@pytest.mark.parametrize("choice", [{"windows": 90}, {"windows": "90"}, {"other_bins": {4}}])
def test_choices_that_are_no_list_are_named(choice):
    with pytest.raises(ParameterError, match=f"{next(iter(choice))} = .*expected a list of integers"):
        rfm_sensitivity(log(1), AS_OF, **choice)


# Quantiles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spread", [3, BUCKETS, BUCKETS + 1, 10**6, 2**52])
def test_order_statistics_are_those_of_the_sorted_list(spread):
    rng = np.random.default_rng(spread % 1000)
    values = rng.integers(-spread, spread, 500, endpoint=True)
    values[:200] = values[200]  # a heavy tie
    wanted = [1, 2, 100, 250, 251, 499, 500]
    table = ibis.memtable({"x": values})
    found = order_statistics(lambda t: t.to_pyarrow(), table, "x", wanted, int(values.min()), int(values.max()))
    assert found == np.sort(values)[np.array(wanted) - 1].tolist()


def test_ranks_are_exact_where_floats_are_not():
    assert ranks(10, 5) == [2, 4, 6, 8]
    assert ranks(7, 3) == [3, 5]
    big = 3 * 10**17
    assert ranks(big, 3) == [10**17, 2 * 10**17]


# Bad input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "names"),
    [
        ({"as_of": "June"}, ParameterError, "as_of = 'June'"),
        ({"as_of": 20260630}, ParameterError, "as_of"),
        ({"as_of": pd.NaT}, ParameterError, "as_of = NaT"),
        ({"as_of": "0001-01-05"}, ParameterError, "as_of = '0001-01-05': expected a date of the years 1900 to 2199"),
        ({"as_of": dt.date(9999, 12, 31)}, ParameterError, "as_of"),
        ({"as_of": dt.datetime(2026, 6, 30, 12)}, ParameterError, "as_of"),
        ({"window_days": 0}, ParameterError, "window_days = 0"),
        ({"window_days": -1}, ParameterError, "window_days = -1"),
        ({"window_days": 30.5}, ParameterError, "window_days = 30.5"),
        ({"bins": 2}, ParameterError, "bins = 2"),
        ({"bins": 11}, ParameterError, "bins = 11"),
        ({"bins": True}, ParameterError, "bins = True"),
        ({"ties": "both"}, ParameterError, "ties = 'both'"),
        ({"frequency": "weeks"}, ParameterError, "frequency = 'weeks'"),
        ({"money": "profit"}, ParameterError, "money = 'profit'"),
        ({"money": "spend"}, SchemaError, "kind"),
        ({"money": "aum"}, SchemaError, "kind"),
        ({"by": "client"}, SchemaError, "by = 'client'"),
        ({"time": "when"}, SchemaError, "time = 'when'"),
        ({"amount": "ts"}, SchemaError, "column ts"),
        ({"time": "amount"}, SchemaError, "column amount"),
        ({"by": "amount"}, SchemaError, "column amount"),
        ({"as_of": "2020-01-01"}, DataError, "no transaction counts in the 365 days up to 2020-01-01"),
        ({"customers": pd.DataFrame({"id": [1]})}, SchemaError, "customers"),
        ({"customers": pd.DataFrame({"customer_id": ["C1"]})}, SchemaError, r"customers\.customer_id"),
        ({"customers": pd.DataFrame({"customer_id": [-1]})}, DataError, "no transaction counts"),
        ({"customers": [1, 2]}, ParameterError, "customers"),
        ({"cuts": 3}, ParameterError, "cuts = 'int'"),
        ({"cuts": pd.DataFrame({"measure": ["monetary"]})}, ParameterError, "cuts"),
    ],
)
def test_bad_arguments_are_named(change, error, names):
    with pytest.raises(error, match=names):
        bm.rfm(log(1), **({"as_of": AS_OF} | change))


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        (lambda cuts: cuts[cuts.cut < 4], r"cuts of recency_days = \[1, 2, 3\]: expected 1 to 4 for bins=5"),
        (lambda cuts: cuts[cuts.measure != "monetary"], r"cuts of monetary = \[\]"),
        (lambda cuts: cuts.assign(value=-cuts.value * cuts.cut), "cuts of recency_days"),
        (lambda cuts: cuts.assign(value="x"), "numbers that do not fall"),
        (lambda cuts: cuts.assign(value=np.nan), "numbers that do not fall"),
    ],
)
def test_bad_cuts_are_named(spoil, names):
    cuts = bm.rfm(log(1), AS_OF).cuts
    with pytest.raises(ParameterError, match=names):
        bm.rfm(log(1), AS_OF, cuts=spoil(cuts))


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ({"amount": None}, "column amount of 1 customers"),
        ({"amount": float("nan")}, "column amount of 1 customers"),
        ({"amount": float("inf")}, "column amount of 1 customers"),
        ({"amount": 1e30}, "column amount of 1 customers"),
        ({"customer_id": None}, "column customer_id = 'null'"),
        ({"ts": pd.NaT}, "column ts of 1 transactions = 'null'"),
    ],
)
def test_missing_values_are_named_and_not_passed_over(row, names):
    frame = log(1).astype({"customer_id": "Int64"})
    one = {"customer_id": 7, "ts": pd.Timestamp(AS_OF), "amount": 1.0} | row
    spoilt = pd.concat([frame, pd.DataFrame([one]).astype({"customer_id": "Int64", "amount": "float64"})])
    with pytest.raises(DataError, match=names):
        bm.rfm(spoilt, AS_OF)


def test_zones_and_texts_are_no_times():
    for times in (log(1)["ts"].dt.tz_localize("Asia/Shanghai"), log(1)["ts"].astype(str)):
        with pytest.raises(SchemaError, match="without zone"):
            bm.rfm(log(1).assign(ts=times), AS_OF)


def test_a_table_that_is_none_is_named(tiny_bank):
    with pytest.raises(BankmktError, match="transactions"):
        bm.rfm(tiny_bank, "2025-06-30")
    other = ibis.duckdb.connect()
    people = other.create_table("people", {"customer_id": [1]})
    with pytest.raises(ParameterError, match="customers"):
        bm.rfm(tiny_bank.transactions, "2025-06-30", customers=people)
    with pytest.raises(ParameterError, match="cuts"):
        rfm_sensitivity(log(1), AS_OF, cuts=bm.rfm(log(1), AS_OF).cuts)


def test_the_result_outlives_what_it_was_made_of(tiny_bank):
    scores = bm.rfm(tiny_bank.transactions, dt.date(2025, 6, 30)).scores
    assert scores.count().execute() == scores.customer_id.nunique().execute() > 0


# Names of columns, kinds of numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["recency_days", "frequency", "monetary", "r", "f", "m", "segment", "Segment"])
def test_an_id_named_as_a_score_is_refused(name):
    with pytest.raises(ParameterError, match=f"by = '{name}': expected a name that is none of recency_days"):
        bm.rfm(log(1).rename(columns={"customer_id": name}), AS_OF, by=name)


@pytest.mark.parametrize(
    ("by", "time", "amount"),
    [
        ("last", "counted", "sum"),
        ("fm", "paid", "frequency"),
        ("ts", "customer_id", "segment"),
        ("before", "r", "after"),
    ],
)
def test_other_names_do_not_matter(by, time, amount):
    frame = log(1)
    wanted = bm.rfm(frame, AS_OF, customers=frame)
    named = frame.rename(columns={"customer_id": by, "ts": time, "amount": amount})
    names = {"by": by, "time": time, "amount": amount, "customers": named}
    found = bm.rfm(named, AS_OF, **names)
    equal(found.scores.rename(columns={by: "customer_id"}), wanted.scores)
    equal(found.grid(), wanted.grid())


def test_other_names_do_not_matter_to_the_comparison():
    frame, few = log(1), {"windows": [], "other_bins": []}
    found = rfm_sensitivity(frame.rename(columns={"customer_id": "before"}), AS_OF, by="before", **few)
    equal(found, rfm_sensitivity(frame, AS_OF, **few))


def test_numbers_of_numpy_are_numbers():
    found = bm.rfm(log(1), AS_OF, np.int64(30), np.int32(4))
    equal(found.scores, bm.rfm(log(1), AS_OF, 30, 4).scores)
    assert type(found.window_days) is type(found.bins) is int


def test_customers_are_not_shown():
    shown = repr(bm.rfm(log(1, text=True), AS_OF))
    assert shown.startswith("RFM(as_of=datetime.date(2026, 6, 30), window_days=365, bins=5")
    assert "C0" not in shown
