import re
from pathlib import Path

import pandas as pd
import pytest

from bankmkt.bank import open_bank
from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.mapping import read_mapping
from bankmkt.validation import validate

DOC = Path(__file__).parents[1] / "docs" / "own-data.md"

THEIRS = {
    "KUNDEN": pd.DataFrame({
        "CUST_NO": ["1", "2", "3"], "SEX": ["F", "M", "no"], "OPEN_DT": ["20200131", "20210230", " 20220301"],
        "SHOP": [7.0, 7.0, 7.0], "PAYROLL": ["Y", "N", "N"],
    }),
    "BAL": pd.DataFrame({
        "customer_id": [1, 1], "EOM": ["31.1.2024", "29.02.2024"], "FEN": [12345, 10],
        "A": ["1.50", "0"], "B": ["0.10", "0"],
    }),
}  # fmt: skip
MAPPING = """
customers:
  source: KUNDEN
  columns:
    customer_id: CUST_NO
    gender: SEX
    opened_on: {column: OPEN_DT, format: "%Y%m%d"}
    org_id: SHOP
    is_payroll: PAYROLL
    city_tier: {constant: tier_2}
  values:
    gender: {F: female, M: male, no: male}
    is_payroll: {Y: true, N: false}
balances:
  source: BAL
  columns:
    month: {column: EOM, format: "%d.%m.%Y"}
    demand: {column: FEN, times: 0.01}
    wealth: A
    time_deposit: {constant: 0}
    fund: {constant: 0}
    insurance: {constant: 0}
    metal: {constant: "0"}
    loan: {constant: 0.0}
    card_balance: {column: FEN, times: 0}
    aum: {sum: [A, B]}
    products: {nonzero: [A, B, FEN]}
"""


@pytest.fixture(scope="module")
def mapping_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("mapping") / "mapping.yml"
    path.write_text(MAPPING)
    return path


def check_mapped(bank):
    customers = bank.con.to_pyarrow(bank.customers.order_by("customer_id")).to_pylist()
    assert [row["customer_id"] for row in customers] == [1, 2, 3]
    assert [row["gender"] for row in customers] == ["female", "male", "male"]
    assert [str(row["opened_on"]) for row in customers] == ["2020-01-31", "None", "2022-03-01"]
    assert [row["org_id"] for row in customers] == [7, 7, 7]
    assert [row["is_payroll"] for row in customers] == [True, False, False]
    assert {row["city_tier"] for row in customers} == {"tier_2"}
    balances = bank.con.to_pyarrow(bank.balances.order_by("month")).to_pylist()
    assert [str(row["month"]) for row in balances] == ["2024-01-31", "2024-02-29"]
    assert [row["demand"] for row in balances] == [123.45, 0.1]
    assert [row["aum"] for row in balances] == [1.6, 0.0]
    assert [row["products"] for row in balances] == [3, 1]
    found = validate(bank, ["customers"])
    assert found[["table", "column", "rule", "rows", "todo"]].to_numpy().tolist() == [
        ["customers", "opened_on", "unreadable value", 1, "write each opened_on as %Y%m%d, as mapping.yml says"]
    ]


def test_names_values_dates_units_and_constants_become_ours(mapping_file):
    check_mapped(open_bank(THEIRS, mapping=mapping_file))


@pytest.mark.slow
@pytest.mark.spark
def test_the_same_on_spark(mapping_file, spark_url):
    check_mapped(open_bank(THEIRS, engine=spark_url, mapping=mapping_file))


def test_a_mapping_in_the_folder_is_used(tmp_path):
    (tmp_path / "mapping.yml").write_text(MAPPING)
    for name, frame in THEIRS.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    check_mapped(open_bank(tmp_path))


def test_days_of_impossible_dates_are_not_guessed():
    rule = {"customers": {"source": "t", "columns": {"opened_on": {"column": "d", "format": "%d/%m/%Y %H:%M"}}}}
    frame = pd.DataFrame({"customer_id": [1, 2, 3], "org_id": 1, "d": ["31/12/2024 23:59", "31/13/2024 00:00", "x"]})
    rule["surveys"] = {
        "source": "s",
        "columns": {"ts": {"column": "d", "format": "%d/%m/%Y %H:%M"}},
    }
    survey = pd.DataFrame({"response_id": [1, 2, 3], "customer_id": 1, "touchpoint": "app", "d": frame.d})
    bank = open_bank({"t": frame, "s": survey}, mapping=rule)
    assert [str(v) for v in bank.con.to_pyarrow(bank.surveys.order_by("response_id"))["ts"].to_pylist()] == [
        "2024-12-31 23:59:00",
        "None",
        "None",
    ]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"customer": {}}, "mapping = 'customer': expected one of organisations, staff"),
        ({"customers": {"colums": {}}}, "expected one of source, columns, values"),
        ({"customers": {"columns": {"sex": "SEX"}}}, "customers.columns = 'sex': expected one of customer_id, gender"),
        (
            {"customers": {"columns": {"gender": {"colum": "SEX"}}}},
            "expected one of column, constant, sum, nonzero, format",
        ),
        (
            {"customers": {"columns": {"gender": {"column": "a", "constant": "b"}}}},
            "expected one of column, constant, sum, nonzero",
        ),
        ({"customers": {"columns": {"gender": {"column": "a", "format": "%Y"}}}}, "no format: gender is string"),
        ({"customers": {"columns": {"opened_on": {"column": "a", "format": "%y%m%d"}}}}, "expected %Y, %m, %d"),
        ({"customers": {"columns": {"gender": {"column": "a", "times": "2"}}}}, "no factor: gender is string"),
        ({"balances": {"columns": {"aum": {"column": "a", "times": "x"}}}}, "expected a number; write times: 0.01"),
        ({"balances": {"columns": {"aum": {"sum": "x"}}}}, "expected a list of their columns"),
        ({"customers": {"values": {"gender": {"F": "woman"}}}}, "expected one of female, male"),
        ({"customers": {"values": {"is_payroll": {"Y": "yes"}}}}, "expected one of true, false"),
        ({"customers": {"values": {"risk_level": {"A": "1"}}}}, "no values: risk_level is int64"),
        ({"customers": "KUNDEN"}, "expected names with values below them"),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_the_valid_ones(rule, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        read_mapping(rule)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"source": "CUST"}, "customers.source = 'CUST': expected one of KUNDEN; correct the name"),
        ({"source": "KUNDEN", "columns": {"gender": "GENDER"}}, "gender = 'GENDER': expected one of CUST_NO, SEX"),
        (
            {"source": "KUNDEN", "values": {"gender": {"F": "female"}}},
            "values = 'gender': expected a column that is there",
        ),
    ],
)
def test_names_that_the_source_lacks_are_refused(rule, message):
    staff = {"source": "KUNDEN", "columns": {"staff_id": "CUST_NO"}}  # so that KUNDEN is wanted in the first case too
    with pytest.raises(SchemaError, match=re.escape(message)):
        open_bank({"KUNDEN": THEIRS["KUNDEN"]}, mapping={"customers": rule, "staff": staff})


def test_only_a_table_that_a_bank_may_lack_can_be_taken_out():
    for table, todo in (
        ("customers", "correct the name$"),
        ("staff", "correct the name, or take the table out of the"),
    ):
        with pytest.raises(SchemaError, match=f"mapping: {table}.source = 'X': expected one of KUNDEN; {todo}"):
            open_bank({"KUNDEN": THEIRS["KUNDEN"]}, mapping={table: {"source": "X"}, "visits": {"source": "KUNDEN"}})


def test_a_format_with_hours_takes_the_time_of_day_off_a_date():
    frame = pd.DataFrame({"customer_id": [1], "org_id": 1, "opened_on": pd.to_datetime(["2025-01-31 12:30"])})
    rule = {"column": "opened_on", "format": "%Y-%m-%d %H:%M:%S"}
    bank = open_bank({"customers": frame}, mapping={"customers": {"columns": {"opened_on": rule}}})
    assert str(bank.fetch(bank.customers.opened_on.max()).as_py()) == "2025-01-31"


def test_a_file_that_is_no_mapping_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no-such\.yml cannot be read"):
        read_mapping(tmp_path / "no-such.yml")
    (tmp_path / "bad.yml").write_text("customers: [")
    with pytest.raises(DataError, match=r"bad\.yml cannot be read"):
        read_mapping(tmp_path / "bad.yml")


def test_the_documentations_example_works(tmp_path):
    """The files and the mapping in docs/own-data.md give a bank without faults."""
    blocks = re.findall(r"`([\w.-]+)`:\n\n```\w*\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    assert {name for name, _ in blocks} == {
        "branches.csv",
        "clients.csv",
        "month_ends.csv",
        "bookings.csv",
        "mapping.yml",
    }
    for name, text in blocks:
        (tmp_path / name).write_text(text, encoding="utf-8")
    bank = open_bank(tmp_path)
    assert validate(bank).empty
    assert bank.con.to_pandas(bank.balances.aum.sum()) == 3200.5
