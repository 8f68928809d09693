import datetime as dt
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
import tiny

import bankmkt as bm
from bankmkt.errors import DataError, ParameterError, Refused
from bankmkt.segments import health_check

FRAMES = (
    "headline", "trend", "groups", "branches", "products", "channels", "activity", "hours", "flows", "stands_out",
)  # fmt: skip
JUNE, MAY = pd.Timestamp("2025-06-30"), pd.Timestamp("2025-05-31")


@pytest.fixture(scope="module")
def check(tiny_bank):
    return health_check(tiny_bank, k=1)


def of(frame, value="value", **where):
    for name, wanted in where.items():
        frame = frame[frame[name] == wanted]
    return frame[value].item()


def bank_of(frames, **kept):
    return bm.open_bank({name: frame for name, frame in frames.items() if kept.get(name, True)})


def equal(one, other, rtol=0.0):
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), rtol=rtol or 1e-15, atol=0, obj=name)


# What the figures are, recomputed with pandas from the rows ----------------------------------------------------------


def test_headline_is_what_the_rows_say(check, tiny_frames):
    b, t, e, c = (tiny_frames[name] for name in ("balances", "transactions", "events", "customers"))
    june, may = b[b.month == JUNE], b[b.month == MAY]
    in_june = t[t.ts >= "2025-06-01"]
    logins = e[(e.event == "login") & (e.ts >= "2025-06-01")]
    h = check.headline
    assert of(h, indicator="customers") == len(june)
    assert of(h, indicator="aum") == pytest.approx(june.aum.sum(), abs=0.005)
    assert of(h, "last_month", indicator="aum") == pytest.approx(may.aum.sum(), abs=0.005)
    assert of(h, "change_month_pct", indicator="aum") == pytest.approx(100 * (june.aum.sum() / may.aum.sum() - 1))
    assert of(h, indicator="aum_per_head") == pytest.approx(june.aum.mean())
    assert of(h, indicator="products_per_head") == pytest.approx(june.products.mean())
    assert of(h, indicator="long_tail_share") == pytest.approx((june.aum < 50_000).mean())
    assert of(h, "change_month_pct", indicator="long_tail_share") == pytest.approx(
        100 * ((june.aum < 50_000).mean() - (may.aum < 50_000).mean())
    )
    assert of(h, indicator="active") == logins.customer_id.nunique()
    assert of(h, indicator="active_share") == pytest.approx(logins.customer_id.nunique() / len(june))
    assert of(h, indicator="transactions") == len(in_june)
    own = in_june[in_june.channel != "auto"]
    assert of(h, indicator="digital_share") == pytest.approx((own.channel == "app").mean())
    assert of(h, indicator="opened") == (c.opened_on >= "2025-06-01").sum() == 1
    assert of(h, indicator="closed") == 0
    asset = in_june[in_june["product"].isin(tiny.PRODUCTS[:6])]
    assert of(h, indicator="net_new_money") == pytest.approx(asset.amount.sum(), abs=0.005)
    assert h.last_year.isna().all()


def test_attrition_is_the_months_closures_over_a_year(check):
    april = check.trend[check.trend.month == dt.date(2025, 4, 30)]
    assert april.closed.item() == 2
    assert april.attrition.item() == pytest.approx(12 * 2 / 47)  # 47 customers at the end of March


@pytest.mark.parametrize(
    ("dimension", "group", "chosen"),
    [
        ("wealth tier", "under 50,000", lambda j: j.aum < 50_000),
        ("wealth tier", "50,000 – 500,000", lambda j: j.aum.between(50_000, 499_999.99)),
        ("age", "45 – 54", lambda j: (j.birth_date > "1970-06-30") & (j.birth_date <= "1980-06-30")),
        ("occupation", "retired", lambda j: j.occupation == "retired"),
        ("city tier", "tier_2", lambda j: j.aum > -1),
        ("tenure", "under 1 year", lambda j: j.opened_on >= "2024-07-01"),
    ],
)
def test_groups_are_what_the_rows_say(check, tiny_frames, dimension, group, chosen):
    b = tiny_frames["balances"]
    june = b[b.month == JUNE].merge(tiny_frames["customers"], on="customer_id")
    rows = june[chosen(june)]
    g = check.groups[(check.groups.dimension == dimension) & (check.groups.group == group)]
    assert g.customers.item() == len(rows)
    assert g.share.item() == pytest.approx(len(rows) / len(june))
    assert g.aum_per_head.item() == pytest.approx(rows.aum.mean())
    assert g.products_per_head.item() == pytest.approx(rows.products.mean())
    assert not g.suppressed.item()


def test_each_dimension_counts_every_customer_once(check):
    assert (check.groups.groupby("dimension").customers.sum() == 48).all()
    assert (check.groups.groupby("dimension").aum_share.sum() - 1).abs().max() < 1e-12
    assert check.branches.customers.sum() == 48


def test_branches_gather_the_units_below(check, tiny_frames):
    c = tiny_frames["customers"]
    assert check.level == "branch"
    assert check.branches.branch.tolist() == ["East", "West"]
    assert check.branches.org_id.tolist() == [2, 3]
    open_ = c[c.closed_on.isna()]
    assert of(check.branches, "customers", branch="East") == open_.org_id.isin([4, 5]).sum()


def test_products_channels_and_activity(check, tiny_frames):
    b, t = tiny_frames["balances"], tiny_frames["transactions"]
    june, moves = b[b.month == JUNE], t[t.ts >= "2025-06-01"]
    assert set(check.products["product"]) == {"demand", "fund", "card_balance"}  # the others nobody holds
    assert of(check.products, "holders", product="fund") == (june.fund > 0).sum()
    assert of(check.products, "balance", product="fund") == pytest.approx(june.fund.sum())
    pos = moves[moves.channel == "pos"]
    row = check.channels[(check.channels.dimension == "channel") & (check.channels.group == "pos")]
    assert row.transactions.item() == len(pos)
    assert row.customers.item() == pos.customer_id.nunique()
    assert row.turnover.item() == pytest.approx(pos.amount.abs().sum())
    assert check.channels.groupby("dimension").share.sum().tolist() == pytest.approx([1, 1])
    assert set(check.activity.platform) == {"all", "app"}
    assert check.hours[["weekday", "hour"]].to_numpy().tolist() == [[2, 20]]  # 25 June 2025, a Wednesday
    assert check.hours.logins_per_day.item() == 40 / 4  # June 2025 has four


def test_flows_explain_the_change_of_aum(check):
    f = check.flows
    money = f[(f.unit == "yuan") & (f.flow != "change of aum")]
    assert money.value.sum() == pytest.approx(of(f, flow="change of aum"), abs=0.01)
    assert money.last_month.sum() == pytest.approx(of(f, "last_month", flow="change of aum"), abs=0.01)
    assert of(f, "last_month", flow="other") == pytest.approx(0, abs=0.01)


# Time ----------------------------------------------------------------------------------------------------------------


def test_later_rows_change_nothing(tiny_frames):
    """Remove the future, or poison it: the check-up of April stays the same."""
    plain = health_check(bm.open_bank(tiny_frames), "2025-04", k=3)
    end = pd.Timestamp("2025-05-01")
    cut, poisoned = dict(tiny_frames), dict(tiny_frames)
    times = (("balances", "month"), ("transactions", "ts"), ("events", "ts"), ("customers", "opened_on"))
    for name, time in times:
        frame = tiny_frames[name]
        cut[name] = frame[frame[time] < end]
        poison = frame.copy()
        for column in {"aum", "demand", "amount", "products", "duration_s"} & set(poison.columns):
            poison[column] = poison[column].mask(frame[time] >= end, 7_777_777)
        poisoned[name] = poison
    late = cut["customers"].closed_on >= end
    assert not late.any()
    poisoned["customers"] = poisoned["customers"].assign(
        closed_on=lambda c: c.closed_on.fillna(pd.Timestamp("2025-05-02"))
    )
    equal(plain, health_check(bm.open_bank(cut), k=3))
    equal(plain, health_check(bm.open_bank(poisoned), "2025-04", k=3))


@pytest.mark.parametrize("month", ["2025-05", "2025-05-17", dt.date(2025, 5, 31), dt.date(2025, 5, 1)])
def test_a_month_by_any_of_its_days(tiny_bank, month):
    assert health_check(tiny_bank, month).month == dt.date(2025, 5, 31)


@pytest.mark.parametrize("month", ["2025-07", "2024-12", "May", "2025-13", "", 5])
def test_a_month_without_balances_is_refused(tiny_bank, month):
    with pytest.raises(ParameterError, match="a month from 2025-01 to 2025-06"):
        health_check(tiny_bank, month)


def test_first_month_has_nothing_to_compare_with(tiny_bank):
    first = health_check(tiny_bank, "2025-01")
    assert first.last_month is None
    assert first.last_year is None
    assert first.headline[["last_month", "last_year", "change_month_pct"]].isna().all(axis=None)
    assert first.stands_out.empty
    assert [n.split(",")[0] for n in first.notes] == [
        "There are no balances a month earlier",
        "There are no balances a year earlier",
        "No change can be called unusual: that takes 8 months in a row.",
    ]


# Units ---------------------------------------------------------------------------------------------------------------


def test_a_unit_is_checked_with_all_below_it(tiny_bank, tiny_frames):
    east = health_check(tiny_bank, org_id=2, k=1)
    alone = dict(tiny_frames)
    ids = alone["customers"].loc[alone["customers"].org_id.isin([4, 5]), "customer_id"]
    for name in ("customers", "balances", "transactions", "events"):
        alone[name] = alone[name][alone[name].customer_id.isin(ids)]
    whole = health_check(bm.open_bank(alone), k=1)
    assert east.unit == "East"
    assert east.level == "sub-branch"
    assert east.branches.branch.tolist() == ["East 1", "East 2"]
    pd.testing.assert_frame_equal(east.headline, whole.headline)
    pd.testing.assert_frame_equal(east.groups, whole.groups)
    pd.testing.assert_frame_equal(east.channels, whole.channels)
    pd.testing.assert_frame_equal(east.hours, whole.hours)


def test_the_head_office_is_the_whole_bank(tiny_bank, check):
    equal(check, health_check(tiny_bank, org_id=1, k=1))


def test_a_unit_without_units_below_is_its_only_row(tiny_bank):
    leaf = health_check(tiny_bank, org_id=4, k=1)
    assert leaf.branches.branch.tolist() == ["East 1"]
    assert leaf.branches.share.tolist() == [1.0]


def test_unknown_unit_and_bad_arguments(tiny_bank):
    with pytest.raises(ParameterError, match="org_id = 99: expected one of the bank's 7 units"):
        health_check(tiny_bank, org_id=99)
    with pytest.raises(ParameterError, match="k = 0"):
        health_check(tiny_bank, k=0)
    with pytest.raises(ParameterError, match="currency"):
        health_check(tiny_bank, currency=" ")


@pytest.mark.parametrize("bank", ["data/bank", None])
def test_only_a_bank_is_checked(bank):
    with pytest.raises(ParameterError, match=r"expected a Bank; open it: bm\.open_bank"):
        health_check(bank)


def test_too_few_customers_are_refused(tiny_bank):
    with pytest.raises(Refused, match="East 1 has fewer than 20 customers"):
        health_check(tiny_bank, org_id=4, k=20)


def test_no_balances_at_all(tiny_frames):
    tiny_frames["balances"] = tiny_frames["balances"].assign(month=pd.NaT).astype({"month": "datetime64[s]"})
    with pytest.raises(DataError, match="balances"):
        health_check(bm.open_bank(tiny_frames))


# Small cells ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("org_id", [None, 2, 4])
def test_no_small_cell_is_shown_or_follows_from_a_total(tiny_bank, org_id):
    k = 6
    true, shown = health_check(tiny_bank, org_id=org_id, k=1), health_check(tiny_bank, org_id=org_id, k=k)
    small = 0
    for name, count, block in (
        ("groups", "customers", "dimension"),
        ("branches", "customers", None),
        ("products", "holders", "side"),
        ("channels", "customers", "dimension"),
        ("hours", "customers", None),
    ):
        a, b = getattr(true, name), getattr(shown, name)
        hidden = b.suppressed
        assert b[count].isna()[hidden].all()
        assert hidden[a[count].between(1, k - 1)].all()
        numbers = b.select_dtypes("float").drop(columns=["org_id", "weekday", "hour"], errors="ignore")
        assert numbers[hidden].isna().all(axis=None)
        for _, rows in a.assign(hidden=hidden, whole="").groupby(block or "whole"):
            left = rows[rows.hidden]
            assert len(left) in (0, len(rows)) or (len(left) >= 2 and left[count].sum() >= k)
        small += int(hidden.sum())
    assert small or org_id is None
    assert not shown.trend[["opened", "closed", "active"]].isin(range(1, k)).any(axis=None)


def test_few_active_customers_are_hidden_though_their_group_is_not(tiny_frames):
    e = tiny_frames["events"]
    tiny_frames["events"] = e[(e.customer_id % 4 != 0) | (e.customer_id <= 8)]  # 2 of the retired log in
    groups = health_check(bm.open_bank(tiny_frames), k=5).groups
    retired = groups[groups.group == "retired"]
    assert retired.customers.item() == 12
    assert np.isnan(retired.active_share.item())
    others = groups[groups.group == "private_company"]
    assert np.isnan(others.active_share.item())  # else total − others would tell


def test_few_digital_customers_are_hidden_in_every_month(tiny_frames):
    t = tiny_frames["transactions"]
    few = (t.ts < "2025-05-01") & (t.ts >= "2025-04-01") & (t.channel == "app")
    tiny_frames["transactions"] = t.assign(channel=t.channel.mask(few & (t.customer_id > 3), "pos"))
    assert 0 < t[few & (t.customer_id <= 3)].customer_id.nunique() < 5
    trend = health_check(bm.open_bank(tiny_frames), k=5).trend.set_index("month")
    assert trend.index[trend.digital_share.isna()].tolist() == [dt.date(2025, 4, 30)]
    assert trend.transactions.notna().all()


# Banks that lack something -------------------------------------------------------------------------------------------


def test_money_moved_by_few_customers_is_hidden(tiny_frames):
    t = tiny_frames["transactions"]
    few = t.customer_id.isin(t.customer_id.unique()[:3])
    tiny_frames["transactions"] = t[few | (t.ts < "2025-06-01")]
    june = health_check(bank_of(tiny_frames), k=10).headline.set_index("indicator").value
    assert june[["transactions", "digital_share", "net_new_money"]].isna().all()
    shown = health_check(bank_of(tiny_frames), k=3).headline.set_index("indicator").value
    assert shown["transactions"] == (tiny_frames["transactions"].ts >= "2025-06-01").sum()


def test_without_events_active_means_a_transaction_of_ones_own(tiny_frames):
    check = health_check(bank_of(tiny_frames, events=False), k=1)
    t = tiny_frames["transactions"]
    own = t[(t.ts >= "2025-06-01") & (t.channel != "auto")]
    assert of(check.headline, indicator="active") == own.customer_id.nunique()
    assert np.isnan(of(check.headline, indicator="logins_per_active"))
    assert check.hours.empty
    assert set(check.activity.platform) == {"all", "any channel"}
    assert any("no events table" in note for note in check.notes)


def test_without_channels_own_transactions_go_by_kind(tiny_frames):
    t = tiny_frames["transactions"].assign(
        channel=pd.Series(pd.NA, range(len(tiny_frames["transactions"])), dtype="string")
    )
    t["kind"] = t.kind.mask(t.kind == "salary", "interest")
    tiny_frames["transactions"] = t
    check = health_check(bank_of(tiny_frames, events=False), k=1)
    own = t[(t.ts >= "2025-06-01") & (t.kind != "interest")]
    assert of(check.headline, indicator="active") == own.customer_id.nunique()
    assert np.isnan(of(check.headline, indicator="digital_share"))
    assert "The bank does not record the channel of its customers' transactions." in check.notes


def test_without_attributes_or_transactions(tiny_frames):
    tiny_frames["customers"] = tiny_frames["customers"].drop(columns=["occupation", "birth_date", "city_tier"])
    tiny_frames["transactions"] = tiny_frames["transactions"].assign(ts=pd.Timestamp("2001-01-01"))
    check = health_check(bank_of(tiny_frames, events=False))
    assert set(check.groups.dimension) == {"wealth tier", "tenure"}
    assert any(note.startswith("The bank does not record age, occupation and city tier, so") for note in check.notes)
    assert "There are no transactions in the month." in check.notes
    assert of(check.headline, indicator="transactions") == 0
    assert check.channels.empty


def test_currency_is_the_readers(tiny_bank):
    headline = health_check(tiny_bank, currency="CZK").headline
    assert of(headline, "unit", indicator="aum_per_head") == "CZK per customer"


def test_no_frame_has_a_customer(check):
    for field in fields(check):
        value = getattr(check, field.name)
        assert not (isinstance(value, pd.DataFrame) and {"customer_id", "visitor_id"} & set(value.columns))


# Engines -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.parametrize("org_id", [None, 2])
def test_spark_gives_the_same(tiny_bank, spark_bank, org_id):
    equal(health_check(tiny_bank, org_id=org_id, k=5), health_check(spark_bank, org_id=org_id, k=5), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.spark
def test_spark_gives_the_same_without_events(tiny_frames, spark_url):
    del tiny_frames["events"]
    spark = bm.open_bank(tiny_frames, engine=spark_url)
    equal(health_check(bm.open_bank(tiny_frames)), health_check(spark), rtol=1e-12)
