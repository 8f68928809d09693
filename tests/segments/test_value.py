import datetime as dt

import numpy as np
import pandas as pd
import pytest
import tiny

import bankmkt as bm
from bankmkt.errors import DataError, ParameterError
from bankmkt.schema import PRODUCTS
from bankmkt.segments.margins import MARGINS
from bankmkt.segments.potential import potential_value
from bankmkt.segments.value import customer_value, value_by, value_rates
from bankmkt.segments.value_calibration import calibrate_value
from bankmkt.segments.value_rates import BANDS, TOP, Rates

MAY, JUNE = "2025-05-31", "2025-06-30"


def number(days):
    return days.dt.year * 12 + days.dt.month - 1


def margin(balances, margins=MARGINS):
    return sum(balances[product] * rate / 12 for product, rate in margins.items())


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


def simulated(customers, seed, hazard=0.01, months=25, units=1):
    """Draw a bank whose customers leave at one rate, and whose balances take random steps in proportion."""
    rng = np.random.default_rng(seed)
    ends = pd.date_range("2024-06-30", periods=months, freq="ME")
    stay = np.minimum(rng.geometric(hazard, customers), months)  # month ends that a customer is there
    steps = np.exp(rng.normal(-(0.05**2) / 2, 0.05, (customers, months)).cumsum(axis=1))
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
def synthetic(tmp_path_factory):
    return bm.generate(tmp_path_factory.mktemp("value") / "bank", 4000, 24, seed=11, workers=1, progress=False)


# The rates ------------------------------------------------------------------------------------------------------------


def test_attrition_counts_months_at_risk_from_the_first_seen(tiny_bank, tiny_frames):
    b, c = tiny_frames["balances"], tiny_frames["customers"]
    rows = b[b.month < JUNE].merge(c[["customer_id", "opened_on", "closed_on"]])
    tenure = np.searchsorted([12, 36], number(rows.month) - number(rows.opened_on), side="right")
    left = number(rows.closed_on) == number(rows.month) + 1
    wanted = rows.assign(
        tenure=tenure, band=np.searchsorted(BANDS, margin(rows), side="right"), closed=left
    ).groupby(["band", "tenure"]).agg(at_risk=("closed", "size"), closed=("closed", "sum"))  # fmt: skip
    found = value_rates(tiny_bank, JUNE).attrition.set_index(["band", "tenure"])
    assert found.at_risk.sum() == len(rows)
    assert found.closed.sum() == 2
    for cell, row in wanted.iterrows():
        assert found.loc[cell, ["at_risk", "closed"]].tolist() == row.tolist()


def test_attrition_finds_the_rate_of_those_who_leave():
    """Of 3,000 customers leaving at 1 % a month, within 4 standard errors, and the prior's weight of one closure."""
    a = value_rates(simulated(3000, seed=1), "2026-06-30").attrition
    seen = a[a.at_risk > 0]
    assert (np.abs(seen.hazard - 0.01) <= 4 * np.sqrt(0.01 / seen.at_risk) + 1 / seen.at_risk).all()


def test_growth_is_of_those_who_stayed():
    months = pd.to_datetime(["2025-06-30", "2026-06-30"])
    ids = np.arange(1, 31)
    people = pd.DataFrame({"customer_id": ids, "opened_on": pd.Timestamp("2015-01-01"), "org_id": 1})
    people["closed_on"] = pd.Series([pd.Timestamp("2025-08-01")] * 10 + [pd.NaT] * 20)
    first = pd.DataFrame({"customer_id": ids, "month": months[0], "demand": 15_000.0})
    later = pd.DataFrame({"customer_id": ids[10:], "month": months[1], "demand": 18_000.0})
    growth = value_rates(bank_of(pd.concat([first, later]), people), "2026-06-30").growth
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


# Customers ------------------------------------------------------------------------------------------------------------


def test_margin_is_rates_times_balances(tiny_bank, tiny_frames):
    found = customer_value(tiny_bank, JUNE).execute().set_index("customer_id").margin_month
    b = tiny_frames["balances"]
    b = b[b.month == JUNE].set_index("customer_id")
    np.testing.assert_allclose(found.loc[b.index], margin(b))
    assert len(found) == len(b) == 48


def test_value_is_margin_times_multiple(tiny_bank):
    rates = value_rates(tiny_bank, JUNE, growth=0.0)
    found = customer_value(tiny_bank, JUNE, growth=0.0).execute()
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
        customer_value(bank, MAY).execute().sort_values("customer_id", ignore_index=True)
        for bank in (tiny_bank, bm.open_bank(early))
    )
    pd.testing.assert_frame_equal(one, other)
    mid = customer_value(tiny_bank, dt.date(2025, 6, 29)).execute().sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(one, mid)


def test_who_has_left_is_worth_nothing_more(tiny_bank):
    assert not customer_value(tiny_bank, "2025-04-30").execute().customer_id.isin([5, 10]).any()


@pytest.mark.spark
def test_engines_agree(tiny_bank, spark_bank):
    for of in (customer_value, lambda bank, day: potential_value(bank, day, k=5)):
        one, other = (
            of(bank, JUNE).execute().sort_values("customer_id", ignore_index=True) for bank in (tiny_bank, spark_bank)
        )
        pd.testing.assert_frame_equal(one, other, rtol=1e-9)
    one, other = (value_by(bank, JUNE, "occupation", k=1) for bank in (tiny_bank, spark_bank))
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


def test_ids_may_be_text(tiny_frames):
    bank = bm.open_bank(tiny.with_text_ids(tiny_frames))
    assert customer_value(bank, JUNE).execute().customer_id.str.startswith("C").all()
    assert potential_value(bank, JUNE).execute().customer_id.is_unique


# Groups ---------------------------------------------------------------------------------------------------------------


def test_groups_add_up_to_the_customers(tiny_bank):
    each, whole = customer_value(tiny_bank, JUNE).execute(), value_by(tiny_bank, JUNE, k=1)
    groups = value_by(tiny_bank, JUNE, ["gender", "occupation"], k=1)
    assert len(groups) == 3  # the retired have even numbers, and so are women
    for column in ("margin_month", "value_12m", "value_lifetime"):
        assert whole[column].item() == pytest.approx(each[column].sum())
        assert groups[column].sum() == pytest.approx(each[column].sum())
    assert whole.p_alive_12.item() == pytest.approx(each.p_alive_12.mean())
    assert (groups.value_12m_low <= groups.value_12m).all()
    assert (groups.value_12m <= groups.value_12m_high).all()


def test_small_groups_are_hidden(tiny_bank):
    shown = value_by(tiny_bank, JUNE, "risk_level", k=10)
    assert shown.suppressed.any()
    assert shown.loc[shown.suppressed].drop(columns=["risk_level", "suppressed"]).isna().all(axis=None)


def test_intervals_of_a_year_cover_what_comes():
    """60 units of 150 customers: a unit's year lies in its 95% interval as often as chance allows (3.3 errors)."""
    bank, units = simulated(9000, seed=4, units=60), 60
    groups = value_by(bank, "2025-06-30", "org_id", discount=0.0).set_index("org_id")
    b = bank.balances.execute().merge(bank.customers.select("customer_id", "org_id").execute())
    now = pd.to_datetime(b.month) == pd.Timestamp("2025-06-30")
    later = b[(pd.to_datetime(b.month) > pd.Timestamp("2025-06-30")) & b.customer_id.isin(b[now].customer_id)]
    realised = margin(later).groupby(later.org_id.astype("str")).sum()
    assert len(groups) == units
    hits = (groups.value_12m_low <= realised) & (realised <= groups.value_12m_high)
    assert hits.mean() >= 0.95 - 3.3 * np.sqrt(0.95 * 0.05 / units)
    wide = (groups.value_12m_high - groups.value_12m_low).mean() / 2
    assert (realised - groups.value_12m).std() >= 0.7 * wide / 1.96  # nor are the intervals too wide


def test_growth_finds_no_growth_where_there_is_none():
    growth = value_rates(simulated(3000, seed=6), "2025-06-30").growth
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
    more = tenths.iloc[1:]  # the lowest two have next to nothing both, and differ by tenure only
    assert (more.realised / more.customers).is_monotonic_increasing


def test_realised_is_what_the_rows_say(synthetic):
    as_of = dt.date(2025, 6, 30)
    b, c = synthetic.balances.execute(), synthetic.customers.execute()
    b["month"] = pd.to_datetime(b.month)
    closed = pd.to_datetime(c.set_index("customer_id").closed_on)
    there = b[b.month == pd.Timestamp(as_of)].customer_id
    there = there[~(closed.loc[there].to_numpy() <= np.datetime64(as_of))]
    later = b[(b.month > pd.Timestamp(as_of)) & b.customer_id.isin(there)]
    total = calibrate_value(synthetic, as_of).iloc[-1]
    assert total.customers == len(there)
    assert total.realised == pytest.approx(margin(later).sum())


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
        (lambda b: customer_value(b, "2025-01-31"), DataError, "two or more to learn from"),
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
        (lambda b: calibrate_value(b, MAY), DataError, "1 months after"),
        (lambda b: potential_value(b, "2024-01-31"), DataError, "no months by"),
        (lambda b: potential_value(b, JUNE, quantile=1), ParameterError, "quantile = 1"),
        (lambda b: customer_value("bank", JUNE), ParameterError, "a Bank"),
    ],
)
def test_what_cannot_be_is_refused(tiny_bank, call, error, match):
    with pytest.raises(error, match=match):
        call(tiny_bank)
