"""Features and tags are right: against pandas and SQL by hand, on both engines, and blind to the future."""

import importlib.util
import re
from pathlib import Path

import busy
import ibis.expr.operations as ops
import pandas as pd
import pytest
import tiny
from ibis import _

from bankmkt import tags
from bankmkt.bank import open_bank
from bankmkt.errors import DataError
from bankmkt.schema import TABLES
from bankmkt.tags import Feature, Tag
from bankmkt.tags.families import house, house_tags, optional
from bankmkt.tags.lineage import needed, ruled, unbound
from bankmkt.tags.windows import window_of

DAY = "2026-06-30"


def frame(bank, expr):
    return bank.fetch(expr).to_pandas().sort_values("customer_id").set_index("customer_id")


def same(one, other):
    """Assert that two frames agree: nulls, texts, dates and flags exactly, numbers but for the order of additions."""
    assert list(one) == list(other)
    assert list(one.index) == list(other.index)
    for name in one:
        a, b = one[name], other[name]
        assert (a.isna() == b.isna()).all(), name
        a, b = a.dropna(), b.dropna()
        if a.map(lambda value: isinstance(value, int | float) and not isinstance(value, bool)).all():
            assert a.astype(float).tolist() == pytest.approx(b.astype(float).tolist(), rel=1e-9, abs=1e-6), name
        else:
            assert a.tolist() == b.tolist(), name


@pytest.fixture(scope="module")
def catalogue(busy_bank):
    return frame(busy_bank, tags.compute(busy_bank, DAY))


def rows_of(frames, table, day, months, before=0):
    """Return a table's rows in a window, told by pandas alone."""
    rows, time = frames[table], {"balances": "month", "assignments": "assigned_on"}.get(table, "ts")
    if table == "balances":
        last = pd.Timestamp(day) + pd.offsets.Day(1) - pd.offsets.MonthEnd(1)
        last, first = last - pd.offsets.MonthEnd(before), last - pd.offsets.MonthEnd(before + months)
    else:
        last = pd.Timestamp(day) - pd.DateOffset(months=before)
        first = pd.Timestamp(day) - pd.DateOffset(months=before + months)
        if pd.Timestamp(day).is_month_end:
            last, first = last + pd.offsets.MonthEnd(0), first + pd.offsets.MonthEnd(0)
    when = rows[time].dt.normalize()
    return rows[(when > first) & (when <= last)]


def test_the_bank_of_these_tests_shows_everything(catalogue):
    assert sum(catalogue[code].nunique() >= 2 for code in catalogue) > 0.9 * len(catalogue.columns)


def test_customers_of_the_day(catalogue):
    every = busy.frames()["customers"].set_index("customer_id")
    assert list(catalogue.index) == list(every.index[every.closed_on.isna()])


@pytest.mark.parametrize("day", ["2026-06-30", "2026-05-30", "2026-03-29", "2026-06-12"])
def test_tags_equal_pandas(busy_bank, day):
    frames = busy.frames()
    codes = [
        "payroll", "aum_year_ago_tag", "wealth_tier", "products_held", "app_monthly", "age", "contacts_in_quarter",
        "main_asset", "held_out_now", "branch_city", "managed",
    ]  # fmt: skip
    then = Tag("aum_year_ago_tag", "AUM a year ago", "去年资产", "my own", _.aum_year_ago, "AUM a year ago")
    found = frame(busy_bank, tags.compute(busy_bank, day, [then if code == then.code else code for code in codes]))
    when = pd.Timestamp(day)
    people = frames["customers"].set_index("customer_id")
    people = people[(people.opened_on <= when) & ~(people.closed_on <= when)]
    assert list(found.index) == list(people.index)

    def per_customer(rows, column=None):
        grouped = rows.groupby("customer_id")
        return (grouped.size() if column is None else grouped[column].sum()).reindex(people.index).fillna(0)

    two, now = rows_of(frames, "transactions", day, 2), rows_of(frames, "balances", day, 1)
    assert now.groupby("customer_id").size().max() == 1
    logins = rows_of(frames, "events", day, 1).query("event == 'login' and platform == 'app'")
    held = now.set_index("customer_id")[["demand", "time_deposit", "wealth", "fund", "insurance", "metal"]]
    held = held.reindex(people.index).fillna(0)
    names = {"demand": "current account", "time_deposit": "time deposit", "wealth": "wealth product"}
    expected = {
        "payroll": per_customer(two[two.kind == "salary"]) > 0,
        "aum_year_ago_tag": per_customer(rows_of(frames, "balances", day, 1, 12), "aum"),
        "wealth_tier": pd.cut(
            per_customer(now, "aum"), [-1, 49_999.995, 499_999.995, 5_999_999.995, 1e12],
            labels=["under 50,000", "50,000 – 500,000", "0.5 – 6 million", "from 6 million"],
        ),
        "products_held": per_customer(now, "products"),
        "app_monthly": per_customer(logins) > 0,
        "age": pd.Series(
            [when.year - b.year - ((when.month, when.day) < (b.month, b.day)) for b in people.birth_date], people.index
        ),
        "contacts_in_quarter": per_customer(rows_of(frames, "contacts", day, 3)),
        "main_asset": held.idxmax(axis=1).map(lambda n: names.get(n, n)).where(held.max(axis=1) > 0),
        "held_out_now": per_customer(rows_of(frames, "assignments", day, 6).query("arm == 'control'")) > 0,
        "branch_city": people.org_id.map(frames["organisations"].set_index("org_id").city),
        "managed": people.manager_id.notna(),
    }  # fmt: skip
    same(found[codes], pd.DataFrame(expected, index=people.index)[codes].astype(object))


def test_month_ends_are_counted_from_the_last_one():
    """On every day of a leap year and of a plain one, against pandas."""
    for day in pd.date_range("2024-01-01", "2025-12-31"):
        last = day + pd.offsets.Day(1) - pd.offsets.MonthEnd(1)
        for months, before in ((1, 0), (1, 3), (1, 12), (12, 0)):
            feature = Feature("x", "balances", _.aum.sum(), months, "x", before=before)
            start, end = window_of(feature, day.date())
            inside = pd.date_range(pd.Timestamp(start) + pd.offsets.Day(1), end, freq="ME")
            assert list(inside) == [last - pd.offsets.MonthEnd(before + n) for n in reversed(range(months))], day


def benchmark():
    spec = importlib.util.spec_from_file_location(
        "benchmark_tags", Path(__file__).parents[2] / "benchmarks" / "tags.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("day", [pytest.param("2026-06-30", marks=pytest.mark.slow), "2026-05-17"])
def test_every_feature_equals_the_sql_written_by_hand(busy_bank, day):
    import duckdb

    asked, frames = benchmark(), busy.frames()
    con = duckdb.connect()
    for name in asked.TABLES:
        con.register(name, frames[name])
    expected = con.sql(asked.hand_sql(day)).df().sort_values("customer_id").set_index("customer_id")
    mine = [feature for feature in house()[0].values() if feature not in optional.FEATURES]
    found = frame(busy_bank, tags.features(busy_bank, day, mine))
    assert set(expected) == {feature.name for feature in mine}
    assert [name for name in expected if expected[name].nunique() < 2] == []  # each is put to the test
    same(found[list(expected)].astype(object), expected.astype(object))


def test_both_engines_agree_on_the_whole_catalogue(catalogue, spark_url):
    bank = open_bank(busy.frames(), engine=spark_url)
    same(catalogue, frame(bank, tags.compute(bank, DAY)))


@pytest.mark.slow
def test_text_ids_change_nothing(catalogue):
    bank = open_bank(tiny.with_text_ids(busy.frames()))
    found = frame(bank, tags.compute(bank, DAY))
    assert list(found.index) == [tiny.IDS["customers"].format(i) for i in catalogue.index]
    same(catalogue, found.set_index(catalogue.index))


def test_what_comes_later_changes_nothing(busy_bank):
    """Rows after the day are doubled and their numbers multiplied, in every table; what was set later is moved."""
    day, frames = pd.Timestamp("2026-04-30"), busy.frames()
    before = frame(busy_bank, tags.compute(busy_bank, day.date()))
    poisoned = {}
    for name, rows in frames.items():
        time = TABLES[name].time
        if time:
            late = rows[time].dt.normalize() > day
            later = rows[late].copy()
            for column in later.select_dtypes("number"):
                if TABLES[name][column].type == "float64":
                    later[column] = later[column] * 1000 + 7
            more = later.copy()
            for key in TABLES[name].key:
                if TABLES[name][key].type == "id" and key != "customer_id":
                    more[key] = more[key] + 1_000_000
            rows = pd.concat([rows[~late], later, more], ignore_index=True)
        for column in TABLES[name].columns:
            if column.set_later and column.name in rows:
                rows[column.name] = rows[column.name].where(~(rows[column.name] > day), day + pd.Timedelta(days=1))
        poisoned[name] = rows
    bank = open_bank(poisoned)
    assert bank.fetch(bank.transactions.count()).as_py() > len(frames["transactions"])
    same(before, frame(bank, tags.compute(bank, day.date())))


def never_wrong(found, whole):
    """Assert that what is told of a bank that knows less is what the whole bank tells; return what is not told."""
    told = found.notna()
    for code in found:
        at = told[code]
        same(found.loc[at, [code]], whole.loc[at, [code]])
    return {code for code in found if not told[code].any()}


def test_a_missing_table_is_unknown(catalogue):
    frames = busy.frames()
    lacking = {name for name in frames if TABLES[name].optional}
    bank = open_bank({name: rows for name, rows in frames.items() if name not in lacking})
    silent = never_wrong(frame(bank, tags.compute(bank, DAY)), catalogue)
    assert {"events", "contacts", "visits", "benefits", "points", "surveys"} <= lacking
    known, kinds = house()
    only_of_them = {
        code for code, tag in house_tags().items()
        if {known[name].table for name in needed(tag, kinds)} <= lacking and not attributes(tag, kinds)
        and needed(tag, kinds)
    }  # fmt: skip
    assert len(only_of_them) > 30
    assert only_of_them <= silent


def attributes(tag, kinds):
    """Return the columns of customers that a rule reads."""
    plain = unbound("customers", unit_city="string", **kinds, as_of="date")
    return {field.name for field in ruled(tag, plain).op().find(ops.Field)} - set(kinds)


def test_a_missing_column_is_unknown(catalogue):
    frames = busy.frames()
    for table in ("customers", "transactions", "events", "contacts"):
        lacking = [c.name for c in TABLES[table].columns if c.nullable and c.name not in ("customer_id", "closed_on")]
        frames[table] = frames[table].drop(columns=lacking)
    bank = open_bank(frames)
    silent = never_wrong(frame(bank, tags.compute(bank, DAY)), catalogue)
    assert {
        "age", "generation", "app_registered", "managed", "home_owner", "favourite_category", "main_channel",
        "categories_used", "counter_dependent", "reader", "pages_used", "several_departments",
    } <= silent  # fmt: skip


def test_what_records_do_not_reach_is_unknown(catalogue, busy_bank):
    """With records from November 2025 on, a window of twelve months tells nothing of those who were there before."""
    begin, frames = pd.Timestamp("2025-11-01"), busy.frames()
    for name, rows in frames.items():
        if (time := TABLES[name].time) and name not in ("customers", "campaigns", "staff"):
            frames[name] = rows[rows[time] >= begin]
    bank = open_bank(frames)
    known, kinds = house()
    within = [tag for tag in house_tags().values() if all(known[name].months for name in needed(tag, kinds))]
    found = frame(bank, tags.compute(bank, DAY, within))  # what is told of "ever" is told of the records
    never_wrong(found, catalogue)
    opened = busy.frames()["customers"].set_index("customer_id").opened_on.reindex(found.index)
    year = frame(bank, tags.features(bank, DAY, [house()[0]["purchase_year"]]))["purchase_year"]
    assert (year.notna() == (opened >= begin)).all()
    half = frame(bank, tags.features(bank, DAY, [house()[0]["wealth_quarter_ago"]]))["wealth_quarter_ago"]
    assert half.notna().all()


@pytest.mark.parametrize("day", ["2026-07-31", "2027-06-30"])
def test_a_day_beyond_the_balances_is_refused(busy_bank, day):
    for code in ("wealth_tier", "payroll", "age"):
        with pytest.raises(DataError, match=rf"as_of = '{day}'.*the last they hold is 2026-06-30"):
            tags.compute(busy_bank, day, [code])


def test_a_day_beyond_the_transactions_and_events_is_refused():
    """A window up to the day would count days that nobody recorded; a sparse source may end before its month does."""
    frames = busy.frames()
    with pytest.raises(DataError, match=r"as_of = '2026-07-30': expected a day up to 2026-06-30"):
        tags.compute(open_bank(frames), "2026-07-30", ["wealth_tier"])
    late = frames["transactions"].tail(1).assign(transaction_id=10**9, ts=pd.Timestamp("2026-07-02"))
    bank = open_bank(frames | {"transactions": pd.concat([frames["transactions"], late])})
    assert tags.compute(bank, "2026-07-30", ["wealth_tier"]).columns == ("customer_id", "wealth_tier")


def test_a_bank_as_of_an_earlier_day_is_not_asked_for_a_later_one(busy_bank):
    with pytest.raises(DataError, match="a day up to 2026-03-31"):
        tags.compute(busy_bank.as_of("2026-03-31"), DAY, ["wealth_tier"])


def test_each_table_is_read_once(busy_bank):
    import sqlglot

    sql = sqlglot.parse_one(busy_bank.con.compile(tags.compute(busy_bank, DAY)), dialect="duckdb")
    read = [re.sub(r"^bankmkt_\d+_", "", table.name) for table in sql.find_all(sqlglot.exp.Table)]
    assert sorted(read) == [
        "assignments", "balances", "benefits", "contacts", "customers", "events", "organisations", "points", "surveys",
        "transactions", "visits",
    ]  # fmt: skip


def test_no_more_is_read_than_windows_need(busy_bank):
    import sqlglot

    one = Feature("spent_once", "transactions", _.amount.sum(where=_.kind == "spend"), 1, "spent")
    sql = busy_bank.con.compile(tags.features(busy_bank, DAY, [one]))
    assert "FILTER" not in sql
    conditions = [str(where) for where in sqlglot.parse_one(sql, dialect="duckdb").find_all(sqlglot.exp.Where)]
    assert any("ts" in where and "2026, 6, 1" in where for where in conditions)


def test_own_definitions(busy_bank):
    frames = busy.frames()
    dear = Feature("dear", "transactions", _.amount.min(where=_.kind == "spend"), 3, "dearest purchase", empty=None)
    span = Feature("span", "transactions", _.amount.max() - _.amount.min(), 3, "range of amounts", empty=None)
    kinds = Feature("kinds", "transactions", _.kind.nunique(), 2, "kinds of movement")
    found = frame(busy_bank, tags.features(busy_bank, DAY, [dear, span, kinds]))
    rows = rows_of(frames, "transactions", DAY, 3)
    amounts = rows.groupby("customer_id").amount
    assert found.span.dropna().tolist() == pytest.approx((amounts.max() - amounts.min())[found.span.dropna().index])
    spends = rows[rows.kind == "spend"].groupby("customer_id").amount.min()
    assert found.dear.dropna().to_dict() == pytest.approx(spends[found.dear.dropna().index].to_dict())
    two = rows_of(frames, "transactions", DAY, 2).groupby("customer_id").kind.nunique()
    assert found.kinds.to_dict() == two.reindex(found.index).fillna(0).to_dict()
    rich = Tag("rich_spender", "Rich spender", "高额消费", "my own", (_.dear < -1000) & (_.aum > 0), "spent", [dear])
    assert frame(busy_bank, tags.compute(busy_bank, DAY, [rich, "payroll"])).columns.tolist() == [
        "rich_spender",
        "payroll",
    ]
