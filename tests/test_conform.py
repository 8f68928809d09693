"""What engines, pandas and data bases do to types is undone; what would be lost by it is reported."""

import datetime
import decimal

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny
from test_bank import LONG_ON_SPARK, contents, start

from bankmkt.bank import open_bank
from bankmkt.errors import DataError, SchemaError
from bankmkt.schema import TABLES
from bankmkt.synth.files import ARROW
from bankmkt.validation import validate


def faults(bank, *tables):
    """Return table, column, rule, rows and examples of each fault."""
    found = validate(bank, tables or None)
    return [tuple(row) for row in found[["table", "column", "rule", "rows", "examples"]].to_numpy().tolist()]


def as_pandas_has_them(frames):
    """Return frames as an analyst's own: no nullable types, categories, all-null columns of no type, nanoseconds."""
    out = {}
    for name, frame in frames.items():
        frame = frame.astype({c: float for c in frame if isinstance(frame[c].dtype, pd.Int64Dtype | pd.Float64Dtype)})
        frame = frame.astype({c: "datetime64[ns]" for c in frame if frame[c].dtype.kind == "M"})
        out[name] = frame.astype({c: object for c in frame if frame[c].isna().all()})
    out["customers"]["gender"] = out["customers"]["gender"].astype("category")
    out["customers"]["birth_date"] = out["customers"]["birth_date"].dt.date
    out["customers"]["has_car"] = out["customers"]["has_car"].astype(float)
    out["customers"]["acquired_via"] = np.nan  # all null, and of another type
    out["customers"]["occupation"] = None
    out["visits"]["staff_id"] = None
    out["surveys"]["complaint"] = np.nan
    out["points"]["expires_on"] = np.nan
    return out


@pytest.fixture(scope="module")
def pandas_bank():
    """Frames as pandas has them, and what they mean."""
    clean = tiny.frames()
    for table, columns in {
        "customers": ["acquired_via", "occupation"], "visits": ["staff_id"], "surveys": ["complaint"],
        "points": ["expires_on"],
    }.items():  # fmt: skip
        clean[table] = clean[table].drop(columns=columns)
    return as_pandas_has_them(tiny.frames()), contents(open_bank(clean))


@pytest.fixture(scope="module")
def pandas_folder(pandas_bank, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pandas")
    for name, frame in pandas_bank[0].items():
        frame.to_parquet(folder / f"{name}.parquet")
    return folder


@pytest.mark.parametrize("engine", LONG_ON_SPARK)
def test_parquet_written_by_pandas_is_the_same_bank(pandas_bank, pandas_folder, engine, request):
    start(engine, request)
    bank = open_bank(pandas_folder, engine=engine)
    assert faults(bank) == []
    assert contents(bank) == pandas_bank[1]


@pytest.mark.parametrize("engine", LONG_ON_SPARK)
def test_frames_in_memory_are_the_same_bank(pandas_bank, engine, request):
    start(engine, request)
    bank = open_bank(pandas_bank[0], engine=engine)
    assert faults(bank) == []
    assert contents(bank) == pandas_bank[1]


@pytest.mark.parametrize("engine", LONG_ON_SPARK)
def test_part_files_of_other_types_are_one_table(tmp_path, engine, request):
    """Month by month, pandas gives a column the type that its values need: none, integers, integers with gaps."""
    start(engine, request)
    rows = tiny.frames()["surveys"]
    parts = [rows[:3].assign(complaint=None, nps=[10, 9, 3]), rows[3:6].assign(nps=[np.nan, 1.5, 9.0]), rows[6:]]
    parts[2] = parts[2].assign(ts=parts[2].ts.astype("datetime64[ns]"), effort=np.nan).drop(columns="csat")
    (tmp_path / "surveys").mkdir()
    for i, part in enumerate(parts):
        part.to_parquet(tmp_path / "surveys" / f"{i}.parquet")
    bank = open_bank(tmp_path, engine=engine)
    assert [row for row in faults(bank, "surveys") if row[2] != "missing table"] == [
        ("surveys", "nps", "unreadable value", 1, "5")
    ]
    found = bank.fetch(bank.surveys.order_by("response_id")).to_pydict()
    assert found["nps"] == [10, 9, 3, None, None, 9, 3, None]
    assert found["complaint"] == [None] * 6 + ["long queue", None]
    assert found["csat"] == [5, 4, 1, None, 5, 4, None, None]
    assert found["effort"] == [1, 2, 7, None, 1, 2, None, None]
    assert found["ts"] == rows.ts.tolist()


SPOILT = [
    ("customers", "opened_on", "unreadable value", 2, "3; 7"),
    ("customers", "risk_level", "unreadable value", 1, "5"),
    ("surveys", "nps", "unreadable value", 1, "2"),
    ("customers", "has_home", "unreadable value", 1, "4"),
]


def spoilt():
    frames = tiny.frames()
    customers = frames["customers"]
    customers["opened_on"] += pd.to_timedelta(np.where(customers.customer_id.isin([3, 7]), 12, 0), unit="h")
    customers["risk_level"] = customers["risk_level"].astype(float)
    customers.loc[4, "risk_level"] = 1.5
    customers["has_home"] = customers["has_home"].astype(int)
    customers.loc[3, "has_home"] = 2
    frames["surveys"]["nps"] = frames["surveys"]["nps"].astype(float)
    frames["surveys"].loc[1, "nps"] = np.inf
    return {name: frames[name] for name in ("customers", "surveys", "organisations", "staff")}


@pytest.mark.parametrize("engine", LONG_ON_SPARK)
def test_what_would_lose_something_is_reported_row_by_row(tmp_path, engine, request):
    start(engine, request)
    for name, frame in spoilt().items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
    bank = open_bank(tmp_path, engine=engine)
    found = [row for row in faults(bank, "customers", "surveys") if row[2] != "null"]
    assert sorted(found) == sorted(SPOILT)
    assert bank.fetch(bank.customers.opened_on.count()).as_py() == 48


def test_the_fault_says_how_to_write_it():
    found = validate(open_bank(spoilt()), ["customers"])
    todo = found[found.rule == "unreadable value"].set_index("column").todo
    assert todo["opened_on"] == "write each opened_on as a day, without a time of day"
    assert todo["risk_level"] == "write each risk_level as a whole number"
    assert todo["has_home"] == "write each has_home as 1 or 0"


def test_the_types_of_a_data_base(tmp_path):
    con = ibis.duckdb.connect(tmp_path / "bank.duckdb")
    con.raw_sql("""
        CREATE TABLE organisations AS
            SELECT 1::UTINYINT AS org_id, NULL AS parent_id, 'head_office'::ENUM('head_office', 'branch') AS level,
                'Head' AS name;
        CREATE TABLE customers AS
            SELECT 7::HUGEINT AS customer_id, TIMESTAMP_S '2020-01-31 00:00:00' AS opened_on,
                1::DECIMAL(9, 2) AS org_id, 1::DECIMAL(2, 1) AS risk_level, 1::UTINYINT AS is_payroll, NULL AS has_car,
                TIMESTAMP_NS '1990-05-06 00:00:00' AS birth_date, NULL AS gender;
        CREATE TABLE transactions AS
            SELECT '6f1c4b1e-5d9c-4c58-9a3e-0d4f8d2b7c11'::UUID AS transaction_id, 7 AS customer_id,
                DATE '2020-02-01' AS ts, 'salary' AS kind, 12.34::DECIMAL(18, 2) AS amount, 'demand' AS product;
    """)
    con.disconnect()
    bank = open_bank(tmp_path / "bank.duckdb")
    assert faults(bank, "organisations", "customers", "transactions") == []
    customer, transaction = (bank.fetch(t).to_pylist()[0] for t in (bank.customers, bank.transactions))
    assert customer["customer_id"] == 7
    assert customer["org_id"] == customer["risk_level"] == 1
    assert customer["opened_on"] == datetime.date(2020, 1, 31)
    assert customer["birth_date"] == datetime.date(1990, 5, 6)
    assert customer["is_payroll"] is True
    assert transaction["transaction_id"] == "6f1c4b1e-5d9c-4c58-9a3e-0d4f8d2b7c11"
    assert transaction["ts"] == datetime.datetime(2020, 2, 1)
    assert transaction["amount"] == 12.34


def test_decimals_that_are_no_whole_number_or_too_large():
    rows = pd.DataFrame(
        {"response_id": [1, 2, 3], "customer_id": 1, "ts": pd.Timestamp("2025-01-01"), "touchpoint": "app"}
    )
    rows["nps"] = [decimal.Decimal("9.0"), decimal.Decimal("9.5"), decimal.Decimal(10) ** 25]
    bank = open_bank({"surveys": rows})
    assert faults(bank, "surveys") == [("surveys", "nps", "unreadable value", 2, "2; 3")]


def test_numbers_that_a_float_cannot_tell_apart_are_not_believed():
    big = float(2**53)
    rows = pd.DataFrame({"response_id": [1, 2], "customer_id": [big, 2 * big], "ts": pd.Timestamp("2025-01-01")})
    bank = open_bank({"surveys": rows.assign(touchpoint="app")})
    assert bank.fetch(bank.surveys.order_by("response_id"))["customer_id"].to_pylist() == [2**53, None]


def test_nor_those_that_a_small_float_cannot_tell_apart():
    ids = np.array([2**24, 2**24 + 2], dtype="float32")
    rows = pd.DataFrame({"response_id": [1, 2], "customer_id": ids, "ts": pd.Timestamp("2025-01-01")})
    bank = open_bank({"surveys": rows.assign(touchpoint="app")})
    assert bank.fetch(bank.surveys.order_by("response_id"))["customer_id"].to_pylist() == [2**24, None]


def test_a_time_with_a_zone_is_refused_with_what_to_do():
    rows = pd.DataFrame({"response_id": [1], "customer_id": 1, "ts": pd.to_datetime(["2025-01-01"], utc=True)})
    bank = open_bank({"surveys": rows.assign(touchpoint="app")})
    with pytest.raises(SchemaError, match=r"ts \(timestamp\('UTC', 6\), not timestamp\)"):
        _ = bank.surveys
    (todo,) = validate(bank, ["surveys"]).todo
    assert "the bank's local time without zone" in todo


@pytest.mark.spark
def test_nor_does_spark_take_it(java):
    rows = pd.DataFrame({"response_id": [1], "customer_id": 1, "ts": pd.to_datetime(["2025-01-01"], utc=True)})
    bank = open_bank({"surveys": rows.assign(touchpoint="app")}, engine="local[2]")
    assert ("surveys", "ts", "wrong type") in [row[:3] for row in faults(bank, "surveys")]


def test_values_of_several_types_are_named():
    with pytest.raises(DataError, match="table staff: the values of column staff_id are of several types"):
        open_bank({"staff": pd.DataFrame({"staff_id": [1, "S2"]})})


def test_types_that_fit_are_left_alone(tiny_bank):
    """The bank's own types are read without conversion: its speed does not pay for what others need."""
    bank = open_bank(contents(tiny_bank))
    assert [dict(raw.readers) for raw in bank.raw.values()] == [{}] * 15
    for name, table in bank.tables.items():
        assert "CAST" not in ibis.to_sql(table).upper(), name


@pytest.mark.parametrize("engine", LONG_ON_SPARK)
def test_the_types_that_the_generator_writes_are_left_alone(tiny_bank, tmp_path, engine, request):
    start(engine, request)
    for name, table in contents(tiny_bank).items():
        table = table.cast(pa.schema([(c.name, ARROW[c.type]) for c in TABLES[name].columns]))
        pq.write_table(table, tmp_path / f"{name}.parquet", store_schema=False)
    for name, table in open_bank(tmp_path, engine=engine).tables.items():
        assert "CAST" not in ibis.to_sql(table).upper(), name


DAYS = ["2025-01-31", "2025-1-3", " 2025-01-31 00:00:00.000", "2025-01-31 12:30:00", "2025", "31/01/2025", "20250131"]
TIMES = ["2025-01-31", "2025-01-31T09:30", "2025-01-31 09:30:01.5", "2025-01-31 09:30+02", "2025", "9:30", "x"]


@pytest.mark.parametrize("engine", LONG_ON_SPARK)
def test_dates_and_times_in_text(tmp_path, engine, request):
    """No engine's own cast is trusted: both cut off times of day and zones, and Spark reads a year as a day."""
    start(engine, request)
    customers = pd.DataFrame({"customer_id": range(1, 8), "org_id": 4, "birth_date": DAYS, "opened_on": "2020-01-01"})
    surveys = pd.DataFrame({"response_id": range(1, 8), "customer_id": 1, "ts": TIMES, "touchpoint": "app"})
    customers.to_csv(tmp_path / "customers.csv", index=False)
    surveys.to_csv(tmp_path / "surveys.csv", index=False)
    bank = open_bank(tmp_path, engine=engine)
    assert [row for row in faults(bank, "customers", "surveys") if row[2] != "orphan reference"] == [
        ("customers", "birth_date", "unreadable value", 4, "4; 5; 6; 7"),
        ("surveys", "ts", "unreadable value", 4, "4; 5; 6; 7"),
    ]
    days = bank.fetch(bank.customers.order_by("customer_id"))["birth_date"].to_pylist()
    assert [str(day) for day in days[:3]] == ["2025-01-31", "2025-01-03", "2025-01-31"]
    times = bank.fetch(bank.surveys.order_by("response_id"))["ts"].to_pylist()
    assert [str(time) for time in times[:3]] == [
        "2025-01-31 00:00:00",
        "2025-01-31 09:30:00",
        "2025-01-31 09:30:01.500000",
    ]


def test_large_strings_and_dictionaries_of_arrow():
    table = pa.table({
        "customer_id": pa.array([1, 2], pa.uint64()), "opened_on": pa.array([datetime.date(2020, 1, 1)] * 2),
        "org_id": pa.array([4, 4]).dictionary_encode(), "gender": pa.array(["male", None], pa.large_string()),
        "city_tier": pa.array(["tier_1", None], pa.string_view()),
    })  # fmt: skip
    bank = open_bank({"customers": table})
    assert faults(bank, "customers") == []
    assert bank.fetch(bank.customers.customer_id.sum()).as_py() == 3
