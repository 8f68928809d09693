import datetime as dt

import numpy as np
import pandas as pd
import pytest
import tiny
from scipy import stats

import bankmkt as bm
from bankmkt.errors import DataError, ParameterError
from bankmkt.margins import MARGINS
from bankmkt.schema import PRODUCTS
from bankmkt.segments import value_rates as public_rates
from bankmkt.segments.potential import potential_value
from bankmkt.segments.product_value import margin_by_product
from bankmkt.segments.value import customer_value, value_by
from bankmkt.segments.value_calibration import calibrate_value
from bankmkt.segments.value_forecast import forecast, prepare
from bankmkt.segments.value_rates import BANDS, TOP, Rates, _attrition, _growth
from bankmkt.segments.value_shown import shown

MAY, JUNE = "2025-05-31", "2025-06-30"


def number(days):
    return days.dt.year * 12 + days.dt.month - 1


def margin(balances, margins=MARGINS):
    return sum(balances[product] * rate / 12 for product, rate in margins.items())


def rates_at(bank, day, growth=None, attrition=None):
    """Return all that was learned, small cells too."""
    return prepare(bank, day, None, growth, attrition, 0.05, 10)[1]


def sorted_by_id(table):
    return table.execute().sort_values("customer_id", ignore_index=True)


def rates_of(hazard=0.02, factor=1.0, months=12, discount=0.0, years=10, scatter=0.0):
    bands = len(BANDS) + 1
    index = [(band, tenure) for band in range(bands) for tenure in range(3)]
    attrition = pd.DataFrame(index, columns=["band", "tenure"]).assign(hazard=hazard, hazard_error=0.0)
    growth = pd.DataFrame({"band": range(bands), "factor": factor, "factor_error": 0.0, "scatter": scatter})
    return Rates(attrition, growth, months, discount, years)


def bank_of(balances, customers):
    """Return a bank of demand deposits: balances are customer_id, month, demand."""
    rest = dict.fromkeys([p for p in PRODUCTS if p != "demand"], 0.0)
    balances = balances.assign(**rest, aum=balances.demand, products=(balances.demand > 0).astype("int64"))
    unit = pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"})
    return bm.open_bank({"organisations": unit, "customers": customers, "balances": balances})


def simulated(customers, seed, hazard=0.01, months=25, units=1, sd=0.05):
    """Draw a bank whose customers leave at one rate, and whose balances take random steps in proportion."""
    rng = np.random.default_rng(seed)
    ends = pd.date_range("2024-06-30", periods=months, freq="ME")
    stay = np.minimum(rng.geometric(hazard, customers), months)  # month ends that a customer is there
    steps = np.exp(rng.normal(-(sd**2) / 2, sd, (customers, months)).cumsum(axis=1))
    level = 1e5 * rng.lognormal(0, 0.8, customers)[:, None] * steps
    who, when = np.nonzero(np.arange(months)[None, :] < stay[:, None])
    ids = np.arange(1, customers + 1)
    closed = pd.Series(pd.NaT, index=range(customers), dtype="datetime64[s]")
    left = stay < months
    closed[left] = (ends[stay[left]] - pd.Timedelta(days=3)).to_numpy()
    people = pd.DataFrame({"customer_id": ids, "opened_on": pd.Timestamp("2015-01-01"), "closed_on": closed})
    people["org_id"] = 1 + ids % units
    return bank_of(
        pd.DataFrame({"customer_id": ids[who], "month": ends[when], "demand": level[who, when].round(2)}), people
    )


@pytest.fixture(scope="module")
def each(tiny_bank):
    """What every customer of the small bank is worth; its six months are too few to learn growth from."""
    return customer_value(tiny_bank, JUNE, growth=0).execute()


@pytest.fixture(scope="module")
def leavers():
    """3,000 customers leaving at 1 % a month, their balances taking random steps."""
    return simulated(3000, seed=1)


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    return bm.generate(tmp_path_factory.mktemp("value") / "bank", 3000, 24, seed=11, workers=1, progress=False)


# The rates ------------------------------------------------------------------------------------------------------------


def test_attrition_counts_months_at_risk_from_the_first_seen(tiny_bank, tiny_frames):
    b, c = tiny_frames["balances"], tiny_frames["customers"]
    rows = b[b.month < JUNE].merge(c[["customer_id", "opened_on", "closed_on"]])
    tenure = np.searchsorted([12, 36], number(rows.month) - number(rows.opened_on), side="right")
    left = number(rows.closed_on) == number(rows.month) + 1
    wanted = rows.assign(
        tenure=tenure, band=np.searchsorted(BANDS, margin(rows), side="right"), closed=left
    ).groupby(["band", "tenure"]).agg(at_risk=("closed", "size"), closed=("closed", "sum"))  # fmt: skip
    found = rates_at(tiny_bank, JUNE, growth=0).attrition.set_index(["band", "tenure"])
    assert found.at_risk.sum() == len(rows)
    assert found.closed.sum() == 2
    for cell, row in wanted.iterrows():
        assert found.loc[cell, ["at_risk", "closed"]].tolist() == row.tolist()


def test_attrition_finds_the_rate_of_those_who_leave(leavers):
    """Within 4 standard errors, and the prior's weight of one closure."""
    a = rates_at(leavers, "2026-06-30").attrition
    seen = a[a.at_risk > 0]
    assert (np.abs(seen.hazard - 0.01) <= 4 * np.sqrt(0.01 / seen.at_risk) + 1 / seen.at_risk).all()


def test_a_cell_borrows_one_closure_at_the_banks_own_rate():
    counts = pd.DataFrame({"band": [2, 3], "tenure": [36, 36], "at_risk": [100, 50], "closed": [2, 0]})
    cells = _attrition(counts, None).set_index(["band", "tenure"])
    borrowed = 151 / 2.5  # months of one closure
    for cell, wanted in {(2, 2): 3 / (100 + borrowed), (3, 2): 1 / (50 + borrowed), (0, 0): 1 / borrowed}.items():
        assert cells.loc[cell, "hazard"] == pytest.approx(wanted)
    assert cells.loc[(2, 2), "hazard_error"] == pytest.approx(np.sqrt(3) / (100 + borrowed))


def test_growth_and_its_scatter_by_hand():
    """The lowest band's customers start at its mean: 0, 0, 0, 4 become 2, 0, 0, 6. Others at their own: 2, 4 → 3, 3."""
    sums = pd.DataFrame({
        "band": [0, 2], "customers": [4, 2], "before": [4.0, 6.0], "after": [8.0, 6.0], "before2": [16.0, 20.0],
        "both": [24.0, 18.0], "after2": [40.0, 18.0],
    })  # fmt: skip
    found = _growth(sums).set_index("band").loc[[0, 2]]
    assert found.base.tolist() == [1.0, 3.0]
    assert found.factor.tolist() == [2.0, 1.0]
    assert found.scatter.tolist() == pytest.approx([24 / (4 * 4), 2 / 20])
    assert found.factor_error.tolist() == pytest.approx([np.sqrt(24) / 8, np.sqrt(2) / 6])


def test_growth_is_of_those_who_stayed():
    months = pd.to_datetime(["2025-06-30", "2026-06-30"])
    ids = np.arange(1, 31)
    people = pd.DataFrame({"customer_id": ids, "opened_on": pd.Timestamp("2015-01-01"), "org_id": 1})
    people["closed_on"] = pd.Series([pd.Timestamp("2025-08-01")] * 10 + [pd.NaT] * 20)
    first = pd.DataFrame({"customer_id": ids, "month": months[0], "demand": 15_000.0})
    later = pd.DataFrame({"customer_id": ids[10:], "month": months[1], "demand": 18_000.0})
    between = pd.concat(
        [first.iloc[10:].assign(month=day) for day in pd.date_range("2025-07-31", "2026-05-31", freq="ME")]
    )
    growth = rates_at(bank_of(pd.concat([first, between, later]), people), "2026-06-30").growth
    row = growth[growth.customers > 0]
    assert row.customers.tolist() == [20]
    assert row.factor.item() == pytest.approx(1.2)
    assert row.scatter.item() == pytest.approx(0, abs=1e-12)


# What follows from rates ----------------------------------------------------------------------------------------------


def test_multiples_are_the_geometric_series():
    for discount in (0.0, 0.05):
        step = 0.98 * (1 + discount) ** (-1 / 12)
        wanted = step * (1 - step**120) / (1 - step)
        np.testing.assert_allclose(rates_of(discount=discount).multiples(120), wanted)


def test_growth_goes_in_equal_steps_and_stops_where_it_was_seen():
    _, path = rates_of(factor=1.6, months=6).paths(24)
    assert path[0, 0, :7] == pytest.approx([1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.6])
    assert path[0, 0, -1] == pytest.approx(1.6)


def test_the_new_grow_old():
    rates = rates_of()
    rates.attrition["hazard"] = np.tile([0.1, 0.02, 0.01], len(BANDS) + 1)
    stay, _ = rates.paths(48)
    assert stay[0, 0, 11] == pytest.approx(0.9**12)
    assert stay[0, 0, 47] == pytest.approx(0.9**12 * 0.98**24 * 0.99**12)
    assert stay[TOP, 0, 47] == pytest.approx(0.99**48)


def test_scatter_is_that_of_simulated_customers():
    """100,000 customers who leave at 2 % a month and take random steps: the variance within 4 standard errors."""
    rates, rng, n = rates_of(scatter=0.12, factor=1.2), np.random.default_rng(2), 100_000
    there = np.arange(1, 13) < rng.geometric(0.02, n)[:, None]
    steps = 1 + rng.normal(0, np.sqrt(0.12 / 12), (n, 12)).cumsum(axis=1)  # margins grow on average by the path
    total = (there * steps * rates.paths(12)[1][0, 0]).sum(axis=1)
    error = np.sqrt(((total - total.mean()) ** 4).mean() - total.var() ** 2) / np.sqrt(n)
    assert total.mean() == pytest.approx(rates.multiples(12)[0, 0], abs=4 * total.std() / np.sqrt(n))
    assert rates.scatter(12)[0, 0] == pytest.approx(total.var(), abs=4 * error)


def test_interval_is_the_sum_of_its_parts():
    """By hand, one group of 50 customers with 2 each: what each does by chance, and the errors of two rates."""
    rates = rates_of(hazard=0.02, scatter=0.12)
    cells = pd.DataFrame({"tenure": [TOP], "band": [3], "customers": [50], "base": [100.0], "base2": [200.0]})
    value, _, high = forecast(cells, [], rates, 12)[0]
    chance = 200 * rates.scatter(12)[TOP, 3]
    assert high - value == pytest.approx(1.959964 * np.sqrt(chance))
    cell = (rates.attrition.band == 3) & (rates.attrition.tenure == 2)
    rates.attrition["hazard_error"] = np.where(cell, 0.001, 0.0)
    rates.growth["factor_error"] = np.where(rates.growth.band == 3, 0.1, 0.0)
    rates = Rates(rates.attrition, rates.growth, 12, 0.0, 10)
    leaving = 100 * 0.001 * sum(m * 0.98 ** (m - 1) for m in range(1, 13))
    growing = 100 * 0.1 * sum(0.98**m * m / 12 for m in range(1, 13))
    total = 1.959964 * np.sqrt(chance + leaving**2 + growing**2)
    value, _, high = forecast(cells, [], rates, 12)[0]
    assert high - value == pytest.approx(total, rel=1e-3)


def test_interval_covers_where_the_rates_are_the_doubt():
    """Attrition learned from one month of 500 customers, which is nine tenths of the doubt of the year to come.

    z² of 60 years sums up to a chi-square: both too narrow and too wide intervals fail, at 1 in 1,000.
    """
    rng, z2, draws = np.random.default_rng(8), 0.0, 60
    cells = pd.DataFrame({"tenure": [TOP], "band": [3], "customers": [500], "base": [500.0], "base2": [500.0]})
    for _ in range(draws):
        closed = rng.binomial(500, 0.02)
        counts = pd.DataFrame({"band": [3], "tenure": [TOP], "at_risk": [500], "closed": [closed]})
        rates = Rates(_attrition(counts, None), rates_of().growth, 12, 0.0, 10)
        value, _, high = forecast(cells, [], rates, 12)[0]
        came = np.minimum(rng.geometric(0.02, 500) - 1, 12).sum()
        z2 += (1.96 * (came - value) / (high - value)) ** 2
    assert stats.chi2(draws).ppf(0.0005) <= z2 <= stats.chi2(draws).ppf(0.9995)


# Customers ------------------------------------------------------------------------------------------------------------


def test_margin_is_rates_times_balances(each, tiny_frames):
    found = each.set_index("customer_id").margin_month
    b = tiny_frames["balances"]
    b = b[b.month == JUNE].set_index("customer_id")
    np.testing.assert_allclose(found.loc[b.index], margin(b))
    assert len(found) == len(b) == 48


def test_the_default_margins_are_those_stated():
    """Of 100,000 owed on cards at 5 % a year; no default is above what cards earn, nor below half a per cent."""
    assert MARGINS["card_balance"] * 1e5 / 12 == pytest.approx(416.67, abs=0.005)
    assert set(MARGINS) == set(PRODUCTS)
    assert all(0.005 <= rate <= 0.05 for rate in MARGINS.values())


def test_growth_and_attrition_that_are_passed_are_used(tiny_bank):
    """12 % in equal steps makes 12 months and 0.01 of 1 + … + 12 more; who leaves at 10 % a year is there at 90 %."""
    found = customer_value(tiny_bank, JUNE, growth=0.12, attrition=0, discount=0).execute()
    top = found[found.margin_month > 10]
    np.testing.assert_allclose(top.value_12m / top.margin_month, 12 + 0.01 * 78)
    assert customer_value(tiny_bank, JUNE, growth=0, attrition=0.1).execute().p_alive_12.unique() == pytest.approx(0.9)


def test_no_row_is_no_balance(leavers):
    """Whether a bank drops rows of nothing or keeps them, its customers are worth the same."""
    b, c = leavers.balances.execute(), leavers.customers.execute()
    rng = np.random.default_rng(3)
    empty = b.customer_id.isin(rng.choice(3000, 1500)) & (pd.to_datetime(b.month) >= pd.Timestamp("2025-03-31"))
    b = b[["customer_id", "month", "demand"]].assign(demand=b.demand.mask(empty, 0.0))
    kept, dropped = bank_of(b, c), bank_of(b[~empty], c)
    assert empty.sum() > 10_000
    for of in (customer_value, potential_value):
        one, other = (sorted_by_id(of(bank, "2025-06-30")) for bank in (kept, dropped))
        pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(*(calibrate_value(bank, "2025-06-30") for bank in (kept, dropped)))


def test_a_null_balance_is_none(tiny_bank, tiny_frames, each):
    b = tiny_frames["balances"]
    loan = b.loan.mask(b.loan == 0)
    assert loan.isna().any()
    found = customer_value(bm.open_bank(tiny_frames | {"balances": b.assign(loan=loan)}), JUNE, growth=0).execute()
    key = "customer_id"
    pd.testing.assert_frame_equal(found.sort_values(key, ignore_index=True), each.sort_values(key, ignore_index=True))


def test_value_is_margin_times_multiple(tiny_bank, each):
    rates = rates_at(tiny_bank, JUNE, growth=0.0)
    found = each
    top = found[found.margin_month > 10]
    ratio = (top.value_12m / top.margin_month).round(9)
    assert set(ratio) <= set(rates.multiples(12).ravel().round(9))
    assert found.p_alive_12.between(0, 1).all()
    assert (found.value_lifetime > found.value_12m).all()


def test_nothing_later_is_seen(tiny_frames, tiny_bank):
    early = dict(tiny_frames)
    early["balances"] = early["balances"][early["balances"].month <= MAY]
    late = early["customers"].closed_on > MAY
    early["customers"] = early["customers"].assign(closed_on=lambda t: t.closed_on.mask(late))
    one, other = (
        sorted_by_id(customer_value(bank, MAY, growth=0, attrition=0.05)) for bank in (tiny_bank, bm.open_bank(early))
    )
    pd.testing.assert_frame_equal(one, other)
    mid = sorted_by_id(customer_value(tiny_bank, dt.date(2025, 6, 29), growth=0, attrition=0.05))
    pd.testing.assert_frame_equal(one, mid)


def test_who_has_left_is_worth_nothing_more(tiny_bank):
    assert (
        not customer_value(tiny_bank, "2025-04-30", growth=0, attrition=0.05).execute().customer_id.isin([5, 10]).any()
    )


@pytest.mark.slow
@pytest.mark.spark
def test_engines_agree(tiny_bank, spark_bank):
    one, other = (sorted_by_id(potential_value(bank, JUNE, k=5)) for bank in (tiny_bank, spark_bank))
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)
    one, other = (sorted_by_id(customer_value(bank, JUNE, growth=0)) for bank in (tiny_bank, spark_bank))
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)
    one, other = (value_by(bank, JUNE, "occupation", k=1, growth=0) for bank in (tiny_bank, spark_bank))
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


def test_ids_may_be_text(tiny_frames):
    bank = bm.open_bank(tiny.with_text_ids(tiny_frames))
    assert customer_value(bank, JUNE, growth=0).execute().customer_id.str.startswith("C").all()
    assert potential_value(bank, JUNE).execute().customer_id.is_unique


# Groups ---------------------------------------------------------------------------------------------------------------


def test_groups_add_up_to_the_customers(tiny_bank, each):
    whole = value_by(tiny_bank, JUNE, k=1, growth=0)
    groups = value_by(tiny_bank, JUNE, ["gender", "occupation"], k=1, growth=0)
    assert len(groups) == 3  # the retired have even numbers, and so are women
    for column in ("margin_month", "value_12m", "value_lifetime"):
        assert whole[column].item() == pytest.approx(each[column].sum())
        assert groups[column].sum() == pytest.approx(each[column].sum())
    assert whole.p_alive_12.item() == pytest.approx(each.p_alive_12.mean())
    assert (groups.value_12m_low <= groups.value_12m).all()
    assert (groups.value_12m <= groups.value_12m_high).all()


def test_small_groups_are_hidden(tiny_bank):
    found = value_by(tiny_bank, JUNE, "risk_level", k=10, growth=0)
    assert found.suppressed.any()
    assert found.loc[found.suppressed].drop(columns=["risk_level", "suppressed"]).isna().all(axis=None)


def test_rates_hide_what_is_about_few(tiny_bank, leavers):
    """Two of the small bank closed: neither who, nor where not, is told. What is shown is what was counted."""
    few = public_rates(tiny_bank, JUNE, growth=0)
    assert few.leaving.suppressed[
        rates_at(tiny_bank, JUNE, growth=0).attrition.groupby("tenure").closed.sum() > 0
    ].all()
    assert not few.attrition.closed.between(1, 9).any()
    assert not few.growth.customers.between(1, 9).any()
    assert few.growth.loc[few.growth.suppressed, ["customers", "base", "factor", "scatter"]].isna().all(axis=None)
    all_, many = rates_at(leavers, "2026-06-30"), public_rates(leavers, "2026-06-30")
    closed, at_risk = (all_.attrition[name].sum() for name in ("closed", "at_risk"))
    old = many.leaving[~many.leaving.suppressed & (many.leaving.at_risk > 0)]  # all came in 2015
    assert old[["tenure", "at_risk", "closed"]].to_numpy().tolist() == [[2, at_risk, closed]]
    assert old.share.item() == pytest.approx(1 - (1 - closed / at_risk) ** 12)
    z2, p = 1.959964**2, closed / at_risk
    half = np.sqrt(z2) * np.sqrt(p * (1 - p) / at_risk + z2 / (4 * at_risk**2)) / (1 + z2 / at_risk)
    low, high = ((p + z2 / (2 * at_risk)) / (1 + z2 / at_risk) + sign * half for sign in (-1, 1))
    assert old[["ci_low", "ci_high"]].iloc[0].tolist() == pytest.approx([1 - (1 - low) ** 12, 1 - (1 - high) ** 12])


def test_what_is_hidden_cannot_be_subtracted():
    """Of three cells of a tenure, one with 3 closings: another is hidden with it, as their sum is known."""
    a = rates_of().attrition.assign(at_risk=0, closed=0)
    a.loc[a.tenure == 1, "at_risk"] = 5000
    a.loc[(a.tenure == 1) & a.band.isin([0, 1, 2]), "closed"] = [3, 20, 40]
    growth = rates_of().growth.assign(customers=100, base=1.0)
    rows = shown(Rates(a, growth, 12, 0.0, 10), 24, 10).attrition.set_index(["tenure", "band"]).loc[1]
    assert rows.suppressed.loc[[0, 1, 2]].tolist() == [True, True, False]


def test_products_are_valued_by_their_own_past(leavers):
    """A bank of deposits alone: the product is the whole."""
    one = margin_by_product(leavers, "2026-06-30", margins={"demand": 0.012})
    whole = value_by(leavers, "2026-06-30", discount=0)
    demand = one.set_index("product").loc["demand"]
    assert demand.margin_share == 1
    for name in ("customers", "margin_month", "value_12m", "value_12m_low", "value_12m_high"):
        assert demand[name] == pytest.approx(whole[name].item())


def test_products_add_up(tiny_bank, tiny_frames):
    rates = {"demand": 0.012, "loan": 0.02}
    found = margin_by_product(tiny_bank, JUNE, growth=0, k=1, margins=rates).set_index("product")
    b = tiny_frames["balances"].query("month == @pd.Timestamp('2025-06-30')")
    assert found.margin_month.sum() == pytest.approx(margin(b, rates).sum())
    assert found.margin_share.sum() == pytest.approx(1)
    assert found.customers.loc[list(rates)].tolist() == [(b[name] != 0).sum() for name in rates]


def test_intervals_of_a_year_cover_what_comes():
    """40 units of 100 customers whose balances go up and down, which is most of the doubt: z² sums up to a chi-square.

    Both too narrow and too wide intervals fail, at 1 in 1,000.
    """
    units = 40
    bank = simulated(100 * units, seed=4, units=units, hazard=0.002, sd=0.15)
    groups = value_by(bank, "2025-06-30", "org_id", discount=0.0).set_index("org_id")
    b = bank.balances.execute().merge(bank.customers.select("customer_id", "org_id").execute())
    now = pd.to_datetime(b.month) == pd.Timestamp("2025-06-30")
    later = b[(pd.to_datetime(b.month) > pd.Timestamp("2025-06-30")) & b.customer_id.isin(b[now].customer_id)]
    realised = margin(later).groupby(later.org_id.astype("str")).sum()
    assert len(groups) == units
    z = 1.96 * (realised - groups.value_12m) / (groups.value_12m_high - groups.value_12m)
    assert stats.chi2(units).ppf(0.0005) <= (z**2).sum() <= stats.chi2(units).ppf(0.9995)


def test_growth_finds_no_growth_where_there_is_none(leavers):
    growth = rates_at(leavers, "2025-06-30").growth
    seen = growth[growth.customers > 30]
    # small margins rise and large ones fall a little towards the mean of the bands: random steps only
    assert (np.abs(np.log(seen.factor)) <= 4 * seen.factor_error).all()


# Calibration ----------------------------------------------------------------------------------------------------------


def test_expected_year_against_the_synthetic_bank(synthetic):
    """The total's tolerance is its own interval, and as much again for what hits all customers at once."""
    c = calibrate_value(synthetic)
    total = c.iloc[-1]
    assert total.decile == "all"
    assert abs(total.realised - total.expected) <= 2 * (total.ci_high - total.expected)
    tenths = c.iloc[:-1]
    assert tenths.customers.sum() == total.customers
    assert tenths.realised.sum() == pytest.approx(total.realised)
    assert (tenths.expected / tenths.customers).is_monotonic_increasing
    # each tenth's too: what hits all at once hits each of them
    assert (np.abs(tenths.realised - tenths.expected) <= 3 * (tenths.ci_high - tenths.expected)).all()
    more = tenths.iloc[1:]  # the lowest two have next to nothing both, and differ by tenure only
    assert (more.realised / more.customers).is_monotonic_increasing


def test_realised_is_what_the_rows_say(synthetic):
    as_of = dt.date(2025, 6, 30)
    b, c = synthetic.balances.execute(), synthetic.customers.execute()
    b["month"] = pd.to_datetime(b.month)
    closed = pd.to_datetime(c.set_index("customer_id").closed_on)
    opened = pd.to_datetime(c.set_index("customer_id").opened_on)
    there = opened.index[(opened <= pd.Timestamp(as_of)) & ~(closed <= pd.Timestamp(as_of))]
    later = b[(b.month > pd.Timestamp(as_of)) & b.customer_id.isin(there)]
    total = calibrate_value(synthetic, as_of).iloc[-1]
    assert total.customers == len(there)
    assert total.realised == pytest.approx(margin(later).sum())


def test_equal_values_are_named_by_the_highest_tenth():
    """Sixty of a hundred customers have nothing: they are the first six tenths, and the next is the seventh."""
    months = pd.date_range("2025-05-31", periods=14, freq="ME")
    ids = pd.DataFrame({"customer_id": range(1, 101)}).assign(demand=lambda t: (t.customer_id - 60).clip(lower=0) * 1e4)
    people = ids[["customer_id"]].assign(opened_on=pd.Timestamp("2015-01-01"), org_id=1)
    bank = bank_of(ids.merge(pd.DataFrame({"month": months}), "cross"), people)
    found = calibrate_value(bank, k=1, growth=0, attrition=0)
    assert found.decile.tolist() == ["6", "7", "8", "9", "10", "all"]
    assert found.customers.tolist() == [60, 10, 10, 10, 10, 100]
    # nothing changes; the lowest band carries its mean
    assert found.realised.tolist() == pytest.approx(found.expected.tolist())


# Potential ------------------------------------------------------------------------------------------------------------


def test_potential_is_the_quantile_of_the_finest_group_large_enough(tiny_frames):
    c = tiny_frames["customers"].assign(birth_date=pd.Timestamp("1980-06-01"))
    c.loc[:4, "birth_date"] = pd.Timestamp("1950-06-01")  # five old ones: not ten of a kind by age
    c.loc[5:6, "occupation"] = None
    bank = bm.open_bank(tiny_frames | {"customers": c})
    found = potential_value(bank, JUNE, k=10).execute().set_index("customer_id")
    now = tiny_frames["balances"].query("month == @pd.Timestamp('2025-06-30')").merge(c)
    now["margin"] = margin(now)
    age, tenure = (12 * np.array(edges) for edges in ((25, 35, 45, 55, 65), (1, 3, 5, 10)))
    june = 2025 * 12 + 5
    now["age"] = np.searchsorted(age, june - number(now.birth_date), side="right")
    now["tenure"] = np.searchsorted(tenure, june - number(now.opened_on), side="right")
    now["occupation"] = now.occupation.fillna("unknown")
    wanted = {}
    for row in now.itertuples():
        like = now
        for trait in ("occupation", "city_tier", "age", "tenure"):
            finer = like[like[trait] == getattr(row, trait)]
            if len(finer) < 10:
                break
            like = finer
        wanted[row.customer_id] = (row.margin, len(like), max(np.quantile(like.margin, 0.75), row.margin))
    got = found.loc[list(wanted), ["margin_month", "similar", "potential_month"]]
    np.testing.assert_allclose(got.to_numpy(), list(wanted.values()))
    assert (found.gap_month >= 0).all()
    assert found.traits.min() == 0
    assert found.traits.max() >= 3
    np.testing.assert_allclose(found.gap_month, found.potential_month - found.margin_month)


# Refusals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda b: customer_value(b, "June"), ParameterError, "as_of = 'June'"),
        (lambda b: customer_value(b, JUNE), DataError, "6 of 12 months by 2025-06-30"),
        (lambda b: customer_value(b, "2025-01-31", growth=0), DataError, "1 of 2 months"),
        (lambda b: customer_value(b, "2025-02-28", growth=0), DataError, "nobody closed in 45 customer-months"),
        (lambda b: customer_value(b, JUNE, growth=0, attrition=1), ParameterError, "attrition = 1"),
        (lambda b: value_by(b, JUNE, None), ParameterError, "by: expected one of"),
        (lambda b: value_by(b, JUNE, 3), ParameterError, "by = 3"),
        (lambda b: value_by(b, JUNE, ["gender", "gender"]), ParameterError, "each attribute once"),
        (lambda b: public_rates(b, JUNE, k=0), ParameterError, "k = 0"),
        (lambda b: margin_by_product(b, JUNE), DataError, "6 of 12 months"),
        (lambda b: customer_value(b, JUNE, margins={"gold": 0.1}), ParameterError, "margins = 'gold'"),
        (lambda b: customer_value(b, JUNE, margins={"loan": 2}), ParameterError, r"margins\['loan'\] = 2"),
        (lambda b: customer_value(b, JUNE, margins={}), ParameterError, "rates by product"),
        (lambda b: customer_value(b, JUNE, margins={"loan": 0}), ParameterError, "above 0"),
        (lambda b: customer_value(b, JUNE, growth=3), ParameterError, "growth = 3"),
        (lambda b: customer_value(b, JUNE, discount=None), ParameterError, "discount"),
        (lambda b: customer_value(b, JUNE, years=0), ParameterError, "years = 0"),
        (lambda b: value_by(b, JUNE, "birth_date"), ParameterError, "by = 'birth_date'"),
        (lambda b: value_by(b, JUNE, k=0), ParameterError, "k = 0"),
        (lambda b: calibrate_value(b), DataError, "over twelve"),
        (lambda b: calibrate_value(b, MAY, growth=0, attrition=0), DataError, "1 months after"),
        (lambda b: potential_value(b, "2024-01-31"), ParameterError, "as_of = '2024-01-31'"),
        (lambda b: potential_value(b, JUNE, quantile=1), ParameterError, "quantile = 1"),
        (lambda b: customer_value("bank", JUNE), ParameterError, "a Bank"),
    ],
)
def test_what_cannot_be_is_refused(tiny_bank, call, error, match):
    with pytest.raises(error, match=match):
        call(tiny_bank)


@pytest.mark.parametrize("of", [value_by, potential_value, public_rates])
def test_a_missing_month_is_refused(tiny_frames, of):
    b = tiny_frames["balances"]
    gap = bm.open_bank(tiny_frames | {"balances": b[b.month != "2025-03-31"]})
    with pytest.raises(DataError, match="no row at 2025-03-31"):
        of(gap, JUNE)


def test_nobody_is_refused(tiny_frames):
    nobody = bm.open_bank({
        "organisations": tiny_frames["organisations"], "customers": tiny_frames["customers"].iloc[:0],
        "balances": tiny_frames["balances"],
    })  # fmt: skip
    with pytest.raises(DataError, match="no open account"):
        value_by(nobody, JUNE, growth=0, attrition=0)
