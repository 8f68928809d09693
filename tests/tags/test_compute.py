"""Features and tags are right: against pandas and SQL by hand, on both engines, and blind to the future."""

import importlib.util
import re
from pathlib import Path

import pandas as pd
import pytest
import tiny
from ibis import _

from bankmkt import tags
from bankmkt.bank import open_bank
from bankmkt.tags import Feature, Tag
from bankmkt.tags.compute import months_before
from bankmkt.tags.families import house, optional

DAY = "2025-06-30"


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
def catalogue(tiny_bank):
    return frame(tiny_bank, tags.compute(tiny_bank, DAY))


@pytest.fixture(scope="module")
def customers():
    every = tiny.frames()["customers"].set_index("customer_id")
    return every[every.closed_on.isna()]


def known_on(day, months, frames, table, time, before=0):
    """Return a table's rows of the months that end so many months before a day."""
    rows = frames[table]
    last = pd.Timestamp(months_before(pd.Timestamp(day).date(), before)) if before else pd.Timestamp(day)
    first = pd.Timestamp(months_before(pd.Timestamp(day).date(), before + months))
    when = rows[time].dt.normalize()
    return rows[(when > first) & (when <= last)]


def test_customers_of_the_day(catalogue, customers):
    assert list(catalogue.index) == list(customers.index)


@pytest.mark.parametrize("day", ["2025-06-30", "2025-05-31", "2025-06-12"])
def test_tags_equal_pandas(tiny_bank, tiny_frames, day):
    found = frame(
        tiny_bank,
        tags.compute(
            tiny_bank,
            day,
            ["payroll", "aum_change", "wealth_tier", "products_held", "app_monthly", "days_since_purchase", "foodie",
             "mean_purchase", "age", "active_quarters", "fund_saver", "contacts_in_quarter", "main_asset",
             "repeat_joiner", "held_out_now", "branch_city", "managed", "login_rhythm"],
        ),
    )  # fmt: skip
    when = pd.Timestamp(day)
    people = tiny_frames["customers"].set_index("customer_id")
    people = people[(people.opened_on <= when) & ~(people.closed_on <= when)]
    assert list(found.index) == list(people.index)

    def rows(months, table, time, before=0):
        return known_on(day, months, tiny_frames, table, time, before)

    def per_customer(rows, value="size", default=0.0):
        got = rows.groupby("customer_id").size() if value == "size" else value(rows.groupby("customer_id"))
        return got.reindex(people.index).fillna(default)

    t3, t6 = rows(3, "transactions", "ts"), rows(6, "transactions", "ts")
    spent, aum = t3[t3.kind == "spend"], rows(1, "balances", "month")
    aum_now = per_customer(aum, lambda g: g.aum.sum())
    aum_then = per_customer(rows(1, "balances", "month", 3), lambda g: g.aum.sum())
    two = rows(2, "transactions", "ts")
    expected = {
        "payroll": per_customer(two[two.kind == "salary"]) > 0,
        "aum_change": aum_now - aum_then,
        "wealth_tier": pd.cut(
            aum_now, [-1, 49_999.995, 499_999.995, 5_999_999.995, 1e12],
            labels=["under 50,000", "50,000 – 500,000", "0.5 – 6 million", "from 6 million"],
        ),
        "products_held": per_customer(aum, lambda g: g.products.sum()),
        "foodie": per_customer(t6[(t6.kind == "spend") & (t6.category == "dining")]) >= 6,
        "mean_purchase": per_customer(spent.assign(a=spent.amount.abs()), lambda g: g.a.mean(), None),
        "contacts_in_quarter": per_customer(rows(3, "contacts", "ts")),
        "managed": people.manager_id.notna(),
        "age": (when - people.birth_date).dt.days // 365.2425,
        "branch_city": people.org_id.map(tiny_frames["organisations"].set_index("org_id").city),
    }  # fmt: skip
    logins = tiny_frames["events"][tiny_frames["events"].event == "login"]
    expected["app_monthly"] = per_customer(known_on(day, 1, {"e": logins}, "e", "ts")) > 0
    expected["login_rhythm"] = per_customer(known_on(day, 3, {"e": logins}, "e", "ts")).map(
        lambda n: "monthly" if n >= 3 else "now and then" if n else "never"
    )
    buys = rows(12, "transactions", "ts")
    last = per_customer(buys[buys.kind == "spend"], lambda g: g.ts.max(), None)
    expected["days_since_purchase"] = (when - pd.to_datetime(last).dt.normalize()).dt.days
    own = pd.DataFrame({
        before: per_customer(q[(q.channel != "auto") & ((q["product"] == "demand") | (q.kind == "spend"))])
        for before in (0, 3, 6, 9) for q in [rows(3, "transactions", "ts", before)]
    })  # fmt: skip
    expected["active_quarters"] = (own > 0).sum(axis=1)
    fund = pd.DataFrame({
        before: per_customer(q[(q.kind == "purchase") & (q["product"] == "fund")])
        for before in (0, 3, 6, 9) for q in [rows(3, "transactions", "ts", before)]
    })  # fmt: skip
    expected["fund_saver"] = (fund > 0).sum(axis=1) >= 2
    assets = ["demand", "time_deposit", "wealth", "fund", "insurance", "metal"]
    held = aum.set_index("customer_id")[assets].reindex(people.index).fillna(0)
    names = {"demand": "current account", "time_deposit": "time deposit", "wealth": "wealth product"}
    expected["main_asset"] = held.idxmax(axis=1).map(lambda n: names.get(n, n)).where(held.max(axis=1) > 0)
    a24, a6 = rows(24, "assignments", "assigned_on"), rows(6, "assignments", "assigned_on")
    expected["repeat_joiner"] = per_customer(a24[a24.participated_on <= when]) >= 2
    expected["held_out_now"] = per_customer(a6[a6.arm == "control"]) > 0
    expected["age"] = pd.Series(
        [when.year - b.year - ((when.month, when.day) < (b.month, b.day)) for b in people.birth_date], people.index
    )
    same(found[sorted(expected)], pd.DataFrame(expected, index=people.index)[sorted(expected)].astype(object))


def benchmark():
    spec = importlib.util.spec_from_file_location(
        "benchmark_tags", Path(__file__).parents[2] / "benchmarks" / "tags.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("day", ["2025-06-30", "2025-05-17"])
def test_every_feature_equals_the_sql_written_by_hand(tiny_bank, tiny_frames, day):
    import duckdb

    asked = benchmark()
    con = duckdb.connect()
    for name in asked.TABLES:
        con.register(name, tiny_frames[name])
    expected = con.sql(asked.hand_sql(day)).df().sort_values("customer_id").set_index("customer_id")
    mine = [feature for feature in house()[0].values() if feature not in optional.FEATURES]
    found = frame(tiny_bank, tags.features(tiny_bank, day, mine))
    assert set(expected) == {feature.name for feature in mine}
    same(found[list(expected)].astype(object), expected.astype(object))


def test_both_engines_agree_on_the_whole_catalogue(catalogue, spark_bank):
    same(catalogue, frame(spark_bank, tags.compute(spark_bank, DAY)))


def test_text_ids_change_nothing(catalogue):
    bank = open_bank(tiny.with_text_ids(tiny.frames()))
    found = frame(bank, tags.compute(bank, DAY))
    assert list(found.index) == [tiny.IDS["customers"].format(i) for i in catalogue.index]
    same(catalogue, found.set_index(catalogue.index))


def test_what_comes_later_changes_nothing(tiny_frames):
    """Rows after the day are doubled and their numbers multiplied, in every table; what was set later is moved."""
    from bankmkt.schema import TABLES

    day = pd.Timestamp("2025-04-30")
    clean = open_bank(tiny_frames)
    before = frame(clean, tags.compute(clean, day.date()))
    poisoned = {}
    for name, rows in tiny_frames.items():
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
            if column.set_later:
                rows[column.name] = rows[column.name].where(~(rows[column.name] > day), day + pd.Timedelta(days=1))
        poisoned[name] = rows
    bank = open_bank(poisoned)
    assert bank.fetch(bank.transactions.count()).as_py() > len(tiny_frames["transactions"])
    same(before, frame(bank, tags.compute(bank, day.date())))


def test_a_missing_attribute_is_unknown(tiny_frames):
    tiny_frames["customers"] = tiny_frames["customers"].drop(columns=["has_car", "birth_date"])
    bank = open_bank(tiny_frames)
    found = frame(bank, tags.compute(bank, DAY, ["likely_car", "age", "generation", "payroll"]))
    assert found[["age", "generation"]].isna().all().all()
    assert found.payroll.notna().all()
    assert not found.likely_car.fillna(False).any()


def test_a_missing_table_is_unknown(tiny_frames):
    del tiny_frames["events"], tiny_frames["contacts"], tiny_frames["surveys"], tiny_frames["staff"]
    bank = open_bank(tiny_frames)
    found = frame(bank, tags.compute(bank, DAY))
    for code in ("app_monthly", "contacts_in_quarter", "days_since_contact", "detractor", "online_hours"):
        assert found[code].isna().all(), code
    assert found.payroll.any()


def test_each_table_is_read_once(tiny_bank):
    import sqlglot

    sql = sqlglot.parse_one(tiny_bank.con.compile(tags.compute(tiny_bank, DAY)), dialect="duckdb")
    read = [re.sub(r"^bankmkt_\d+_", "", table.name) for table in sql.find_all(sqlglot.exp.Table)]
    assert sorted(read) == [
        "assignments", "balances", "benefits", "contacts", "customers", "events", "organisations", "points", "surveys",
        "transactions", "visits",
    ]  # fmt: skip


def test_no_more_is_read_than_windows_need(tiny_bank):
    one = Feature("spent_once", "transactions", _.amount.sum(where=_.kind == "spend"), 1, "spent")
    sql = tiny_bank.con.compile(tags.features(tiny_bank, DAY, [one]))
    assert "2025, 6, 1" in sql.replace("MAKE_TIMESTAMP(", "")
    assert "FILTER" not in sql


def test_own_definitions(tiny_bank, tiny_frames):
    dear = Feature("dear", "transactions", _.amount.min(where=_.kind == "spend"), 3, "dearest purchase", empty=None)
    span = Feature("span", "transactions", _.amount.max() - _.amount.min(), 3, "range of amounts", empty=None)
    kinds = Feature("kinds", "transactions", _.kind.nunique(), 2, "kinds of movement")
    found = frame(tiny_bank, tags.features(tiny_bank, DAY, [dear, span, kinds]))
    rows = known_on(DAY, 3, tiny_frames, "transactions", "ts")
    amounts = rows.groupby("customer_id").amount
    assert found.span.dropna().tolist() == pytest.approx((amounts.max() - amounts.min())[found.span.dropna().index])
    spends = rows[rows.kind == "spend"].groupby("customer_id").amount.min()
    assert found.dear.dropna().to_dict() == pytest.approx(spends[found.dear.dropna().index].to_dict())
    two = known_on(DAY, 2, tiny_frames, "transactions", "ts").groupby("customer_id").kind.nunique()
    assert found.kinds.to_dict() == two.reindex(found.index).fillna(0).to_dict()
    rich = Tag("rich_spender", "Rich spender", "高额消费", "my own", (_.dear < -1000) & (_.aum > 0), "spent", [dear])
    assert frame(tiny_bank, tags.compute(tiny_bank, DAY, [rich, "payroll"])).columns.tolist() == [
        "rich_spender",
        "payroll",
    ]
