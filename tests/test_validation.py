import datetime

import numpy as np
import pandas as pd
import pytest
import tiny

from bankmkt.bank import open_bank
from bankmkt.errors import ParameterError
from bankmkt.schema import TABLES
from bankmkt.validation import COLUMNS, validate


def put(table, column, row, value):
    """Return a defect: one cell changed."""

    def spoil(frames):
        frames[table].loc[row, column] = value

    return spoil


def add(table, like, **changes):
    """Return a defect: one row more, like another but for some values."""

    def spoil(frames):
        row = frames[table].loc[[like]].assign(**changes)
        frames[table] = pd.concat([frames[table], row], ignore_index=True)

    return spoil


def put_row(table, row, **changes):
    def spoil(frames):
        for column, value in changes.items():
            frames[table].loc[row, column] = value

    return spoil


def month_row(customer, month):
    """Return the position of a customer's month among the balances."""
    balances = tiny.frames()["balances"]
    return balances.index[(balances.customer_id == customer) & (balances.month == month)][0]


def drop_table(frames):
    del frames["transactions"]


def drop_column(frames):
    del frames["contacts"]["status"]


def add_column(frames):
    frames["staff"]["hobby"] = "chess"


def to_text(frames):
    frames["points"]["points"] = frames["points"]["points"].astype(str)


ZERO = dict.fromkeys([*tiny.PRODUCTS, "aum"], 0.0)
T = pd.Timestamp

DEFECTS = [
    # table, column, rule, examples, defect; each concerns one row, or none where a column or table is at fault
    ("transactions", "", "missing table", "", drop_table),
    ("contacts", "status", "missing column", "", drop_column),
    ("staff", "hobby", "extra column", "", add_column),
    ("points", "points", "wrong type", "", to_text),
    ("visits", "visit_id", "null key", "visit_id=None, customer_id=2, org_id=5, staff_id=6",
     put_row("visits", 1, visit_id=None)),
    ("customers", "customer_id", "null key",
     "customer_id=None, gender=male, birth_date=1961-02-06, opened_on=2016-02-14",
     add("customers", 0, customer_id=np.nan)),
    ("staff", "staff_id", "duplicate key", "10", add("staff", 9)),
    ("assignments", "campaign_id, customer_id", "duplicate key", "campaign_id=1, customer_id=11",
     add("assignments", 0)),
    ("surveys", "touchpoint", "null", "3", put("surveys", "touchpoint", 2, None)),
    ("referrals", "ts", "null", "4", put("referrals", "ts", 3, pd.NaT)),
    ("organisations", "parent_id", "orphan reference", "7", put("organisations", "parent_id", 6, 77)),
    ("customers", "org_id", "orphan reference", "6", put("customers", "org_id", 5, 99)),
    ("customers", "manager_id", "orphan reference", "3", put("customers", "manager_id", 2, 999)),
    ("benefits", "customer_id", "orphan reference", "2", put("benefits", "customer_id", 1, 9999)),
    ("contacts", "channel", "not an allowed value", "1", put("contacts", "channel", 0, "fax")),
    ("events", "event", "not an allowed value", "7", put("events", "event", 6, "tap")),
    ("events", "duration_s", "not a number", "265", put("events", "duration_s", 264, np.inf)),
    ("surveys", "nps", "out of range", "1", put("surveys", "nps", 0, 11)),
    ("customers", "risk_level", "out of range", "9", put("customers", "risk_level", 8, 0)),
    ("assignments", "propensity", "out of range", "campaign_id=1, customer_id=12",
     put("assignments", "propensity", 1, 1.2)),
    ("balances", "demand", "negative money", "customer_id=3, month=2025-03-31",
     put_row("balances", month_row(3, "2025-03-31"), demand=-5.0, fund=20.0, aum=15.0)),
    ("campaigns", "budget", "negative money", "2", put("campaigns", "budget", 1, -1.0)),
    ("balances", "month", "not a month end", "customer_id=8, month=2025-06-29",
     put("balances", "month", month_row(8, "2025-06-30"), T("2025-06-29"))),
    ("balances", "month", "before opening", "customer_id=46, month=2025-01-31",
     add("balances", 0, customer_id=46, products=0, **ZERO)),
    ("visits", "ts", "after closing", "5", put("visits", "ts", 4, T("2025-04-16 00:00"))),
    ("contacts", "ts", "outside the campaign's dates", "15", put("contacts", "ts", 14, T("2025-05-01 00:00"))),
    ("balances", "", "aum is the sum of the asset balances", "customer_id=2, month=2025-05-31",
     put("balances", "aum", month_row(2, "2025-05-31"), 7.0)),
    ("balances", "", "products counts the balances that are not zero", "customer_id=1, month=2025-06-30",
     put("balances", "products", month_row(1, "2025-06-30"), 8)),
    ("campaigns", "", "ends_on is not before starts_on", "4",
     add("campaigns", 0, campaign_id=4, ends_on=T("2025-02-28"))),
    ("assignments", "", "participated says whether participated_on is set", "campaign_id=1, customer_id=13",
     put("assignments", "participated", 2, True)),
]  # fmt: skip
IDS = [f"{table}-{column or '-'}-{rule}" for table, column, rule, _, _ in DEFECTS]


def expected(defects):
    rows = [
        {
            "table": table,
            "column": column,
            "rule": rule,
            "rows": 0 if rule in ("missing table", "missing column", "extra column", "wrong type") else 1,
            "examples": examples,
        }
        for table, column, rule, examples, _ in defects
    ]
    return sorted(rows, key=str)


def judged_by(table):
    """Return a table and those that refer to it: the only ones that a change of it can put at fault."""
    return [
        name
        for name, t in TABLES.items()
        if name == table or any(c.references.startswith(f"{table}.") for c in t.columns)
    ]


def report(frames, engine="duckdb", tables=None):
    found = validate(open_bank(frames, engine=engine), tables)
    assert tuple(found.columns) == COLUMNS
    assert found.todo.str.len().gt(10).all()
    return sorted(found.drop(columns="todo").to_dict("records"), key=str)


def spoilt(defects):
    frames = tiny.frames()
    for *_, spoil in defects:
        spoil(frames)
    return frames


def test_a_bank_that_keeps_the_contract_has_no_fault(tiny_bank):
    found = validate(tiny_bank)
    assert found.empty
    assert tuple(found.columns) == COLUMNS
    assert found.attrs["rows"] == {name: len(frame) for name, frame in tiny.frames().items()}
    assert found.attrs["absent_optional"] == found.attrs["unchecked"] == []


def test_there_are_thirty_kinds_of_defects():
    assert len(set(IDS)) == 30


@pytest.mark.parametrize("defect", DEFECTS, ids=IDS)
def test_each_defect_alone_is_reported_and_nothing_else(defect):
    assert report(spoilt([defect]), tables=judged_by(defect[0])) == expected([defect])


def test_thirty_defects_at_once_are_reported_and_nothing_else():
    assert report(spoilt(DEFECTS)) == expected(DEFECTS)


@pytest.mark.spark
@pytest.mark.slow
def test_spark_reports_the_same(spark_url):
    assert report(spoilt(DEFECTS), engine=spark_url) == expected(DEFECTS)


@pytest.mark.parametrize(
    ("table", "rule", "defect"),
    [
        ("customers", "closed_on is not before opened_on",
         add("customers", 0, customer_id=51, closed_on=T("2016-02-13"))),
        ("customers", "app_registered_on is not before opened_on",
         put("customers", "app_registered_on", 1, T("2010-01-01"))),
        ("organisations", "head office has no parent, every other unit has one",
         put("organisations", "parent_id", 3, None)),
        ("transactions", "money comes in with a plus", put("transactions", "amount", 0, -1.0)),
        ("transactions", "money goes out of an account with a minus", put("transactions", "amount", 1, 1.0)),
    ],
)  # fmt: skip
def test_the_other_rules_of_the_tables(table, rule, defect):
    frames = tiny.frames()
    defect(frames)
    found = validate(open_bank(frames))
    assert found[["table", "column", "rule", "rows"]].to_numpy().tolist() == [[table, "", rule, 1]]


def test_a_card_may_be_paid_with_a_plus_and_the_bank_opened_on_the_day_itself():
    frames = tiny.frames()
    frames["surveys"].loc[0, "ts"] = frames["customers"].opened_on[20]  # customer 21, midnight of the first day
    frames["visits"].loc[4, "ts"] = T("2025-04-15 23:59:59")  # customer 5, the last day
    frames["contacts"].loc[14, "ts"] = T("2025-04-30 23:59:59")  # campaign 1, the last day
    assert validate(open_bank(frames)).empty
    assert (frames["transactions"].query("product == 'card_balance'").amount > 0).all()


def test_nan_is_not_a_number_and_breaks_no_other_rule():
    frames = tiny.frames()
    arrow = open_bank(frames)
    balances = arrow.con.to_pyarrow(arrow.balances)
    demand = balances["demand"].to_numpy().copy()
    demand[3] = np.nan
    frames["balances"] = balances.set_column(2, "demand", [demand])
    found = validate(open_bank(frames))
    assert found[["column", "rule", "rows"]].to_numpy().tolist() == [["demand", "not a number", 1]]


def test_up_to_five_examples_in_order():
    frames = tiny.frames()
    frames["contacts"]["channel"] = "fax"
    found = validate(open_bank(frames))
    assert found.loc[0, "rows"] == 30
    assert found.loc[0, "examples"] == "1; 2; 3; 4; 5"


def test_duplicate_keys_count_the_rows_beyond_the_first():
    frames = tiny.frames()
    frames["points"] = pd.concat([frames["points"]] * 3)
    assert validate(open_bank(frames), ["points"])[["rule", "rows"]].to_numpy().tolist() == [["duplicate key", 16]]


def test_optional_tables_are_named_and_references_to_them_not_judged():
    frames = {
        name: tiny.frames()[name] for name in ("organisations", "customers", "balances", "transactions", "events")
    }
    found = validate(open_bank(frames))
    assert found.empty
    assert found.attrs["absent_optional"] == [n for n, t in TABLES.items() if t.optional and n != "events"]
    assert found.attrs["unchecked"] == [
        "customers.manager_id: no staff.staff_id",
        "events.campaign_id: no campaigns.campaign_id",
    ]


def test_every_missing_table_is_reported():
    found = validate(open_bank({"staff": tiny.frames()["staff"]}))
    assert found.table.tolist() == ["organisations", "customers", "balances", "transactions"]
    assert set(found.rule) == {"missing table"}
    assert found.todo[1] == "add customers: a row is a customer; docs/data-dictionary.md lists its columns"


def test_a_fault_in_a_table_does_not_hide_those_of_others():
    """Without opened_on a customer's life is unknown, but references are still judged."""
    frames = tiny.frames()
    del frames["customers"]["opened_on"]
    frames["surveys"].loc[0, "customer_id"] = 9999
    found = validate(open_bank(frames))
    assert found[["table", "column", "rule"]].to_numpy().tolist() == [
        ["customers", "opened_on", "missing column"],
        ["surveys", "customer_id", "orphan reference"],
    ]


def test_an_empty_table_is_no_fault():
    frames = tiny.frames()
    frames["points"] = frames["points"][:0]
    assert validate(open_bank(frames)).empty


def test_text_that_cannot_be_read_is_reported_once(tmp_path):
    (tmp_path / "organisations.csv").write_text("org_id,level,name\n1,head_office,Head\n")
    lines = [
        "customer_id,opened_on,org_id,is_payroll,risk_level",
        "1,2020-01-31,1,true,3.0",
        "2,2020-02-30,1.0,maybe,3.5",
    ]
    (tmp_path / "customers.csv").write_text("\n".join(lines) + "\n,2021-12-31,1,,\n")
    found = validate(open_bank(tmp_path), ["organisations", "customers"])
    assert found[["column", "rule", "rows", "examples"]].to_numpy().tolist() == [
        ["customer_id", "null key", 1, "customer_id=None, opened_on=2021-12-31, org_id=1, is_payroll=None"],
        ["opened_on", "unreadable value", 1, "2"],
        ["is_payroll", "unreadable value", 1, "2"],
        ["risk_level", "unreadable value", 1, "2"],
    ]


def test_tables_can_be_chosen(tiny_bank):
    assert validate(tiny_bank, ["staff"]).attrs["rows"] == {"staff": 10}
    with pytest.raises(ParameterError, match="tables = 'stuff': expected one of organisations"):
        validate(tiny_bank, ["stuff"])


def test_what_is_no_bank_is_refused():
    with pytest.raises(ParameterError, match=r"bank = 'data/demo': expected a Bank; open it: bm.open_bank\(path\)"):
        validate("data/demo")


def test_a_view_of_the_past_is_judged_whole():
    frames = tiny.frames()
    frames["surveys"].loc[7, "touchpoint"] = None
    assert len(validate(open_bank(frames).as_of(datetime.date(2025, 1, 1)))) == 1
