"""Ids may be numbers or text, the same for all of a kind."""

import dataclasses

import pandas as pd
import pytest
import tiny
from test_bank import LONG_ON_SPARK, contents, schema, start, types
from test_conform import faults

import bankmkt as bm
from bankmkt.bank import open_bank
from bankmkt.errors import SchemaError
from bankmkt.schema import TABLES
from bankmkt.validation import validate


@pytest.fixture(scope="module")
def text_bank():
    return open_bank(tiny.with_text_ids(tiny.frames()))


def ids_of(bank, table, column):
    return bank.fetch(bank.table(table)[column].name("id")).to_pylist()


# -- typed sources: the type decides


@pytest.mark.parametrize("engine", LONG_ON_SPARK)
def test_a_bank_with_text_ids_keeps_the_contract(text_bank, engine, request):
    start(engine, request)
    bank = open_bank(tiny.with_text_ids(tiny.frames()), engine=engine)
    for name, table in bank.tables.items():
        assert schema(table) == types(name, ids="string")
    assert faults(bank) == []
    for name in ("organisations", "events", "referrals"):
        here, there = (b.fetch(b.table(name).order_by(list(TABLES[name].key))) for b in (bank, text_bank))
        assert here == there


def test_it_is_the_bank_with_numbers_but_for_its_ids(text_bank, tiny_bank):
    numbers, texts = contents(tiny_bank), contents(text_bank)
    for name, table in TABLES.items():
        others = [c.name for c in table.columns if c.type != "id"]
        assert texts[name].select(others) == numbers[name].select(others), name


def test_it_can_be_saved_and_opened_again(text_bank, tmp_path):
    assert contents(text_bank.save(tmp_path / "bank")) == contents(text_bank)


@pytest.mark.parametrize("engine", LONG_ON_SPARK)
def test_faults_of_text_ids_are_found(engine, request):
    start(engine, request)
    frames = tiny.with_text_ids(tiny.frames())
    frames["customers"].loc[4, "org_id"] = "B-99"
    frames["visits"].loc[0, "customer_id"] = ""  # nothing, as null
    frames["surveys"].loc[2, "response_id"] = ""
    frames["benefits"].loc[0, "customer_id"] = "c0011"  # another
    frames["points"] = pd.concat([frames["points"], frames["points"][:1]])
    assert faults(open_bank(frames, engine=engine), "customers", "benefits", "points", "surveys") == [
        ("customers", "org_id", "orphan reference", 1, "C0005"),
        ("benefits", "customer_id", "orphan reference", 1, "b000001"),
        ("points", "entry_id", "duplicate key", 1, "p000001"),
        ("surveys", "response_id", "null key", 1, "response_id=None, customer_id=C0023, ts=2025-05-09 15:00:00, "
         "touchpoint=call_centre"),
    ]  # fmt: skip


def test_numbers_here_and_text_there_is_a_fault_that_says_so():
    frames = tiny.frames()
    frames["surveys"]["customer_id"] = frames["surveys"]["customer_id"].map("C{:04d}".format)
    bank = open_bank(frames)
    found = validate(bank, ["surveys"])
    assert found[["column", "rule"]].to_numpy().tolist() == [["customer_id", "wrong type"]]
    assert found.todo[0].startswith("it is string, not int64; store it as customers.customer_id, whose ids it holds")
    with pytest.raises(SchemaError, match=r"customer_id \(string, not int64\)"):
        _ = bank.surveys
    frames = tiny.with_text_ids(tiny.frames())
    frames["surveys"]["customer_id"] = tiny.frames()["surveys"]["customer_id"]
    assert validate(open_bank(frames), ["surveys"]).todo[0].startswith("it is int64, not string; store it as customers")


def test_a_column_of_nulls_takes_the_type_of_its_kind(text_bank):
    frames = tiny.with_text_ids(tiny.frames())
    frames["contacts"]["campaign_id"] = float("nan")
    frames["referrals"]["campaign_id"] = None
    frames["visits"] = frames["visits"].drop(columns="staff_id")
    bank = open_bank(frames)
    assert faults(bank) == []
    assert {str(bank.table(t)[c].type()) for t, c in [
        ("contacts", "campaign_id"), ("referrals", "campaign_id"), ("visits", "staff_id"),
    ]} == {"string"}  # fmt: skip


def test_without_the_owner_those_that_refer_decide():
    frames = tiny.with_text_ids(tiny.frames())
    bank = open_bank({name: frame for name, frame in frames.items() if name != "staff"})
    assert faults(bank) == []
    assert str(bank.customers.manager_id.type()) == str(bank.visits.staff_id.type()) == "string"


# -- text yet to be read: the values decide


@pytest.mark.parametrize("engine", LONG_ON_SPARK)
def test_csv_keeps_text_ids(text_bank, tmp_path, engine, request):
    start(engine, request)
    names = ("organisations", "customers", "events")
    for name, table in contents(text_bank).items():
        if name in names:
            table.to_pandas(types_mapper=pd.ArrowDtype).to_csv(tmp_path / f"{name}.csv", index=False)
    bank = open_bank(tmp_path, engine=engine)
    assert faults(bank, "events") == []
    for name, table in contents(bank).items():
        assert table == contents(text_bank)[name]
    assert "01011" in ids_of(bank, "events", "shared_by"), "leading zeros are kept"


@pytest.mark.parametrize(
    ("ids", "type_name"),
    [
        (["1", "20", "0", "-3"], "int64"),
        (["1.0", " 20 ", ""], "int64"),  # as spreadsheets write them
        (["", ""], "int64"),
        (["123456789012345678"], "int64"),
        (["1", "007"], "string"),
        (["1", "2a"], "string"),
        (["1", "2.5"], "string"),
        (["9223372036854775808"], "string"),
        (["1e3"], "string"),
    ],
)
def test_ids_in_text_are_numbers_if_all_are_written_plainly(tmp_path, ids, type_name):
    """One column decides: the others of its kind follow."""
    units = pd.DataFrame({"org_id": ids, "level": "branch", "name": "Unit"})
    units.to_csv(tmp_path / "organisations.csv", index=False)
    customers = pd.DataFrame({"customer_id": ["1"], "org_id": ["1"], "opened_on": "2020-01-01"})
    customers.to_csv(tmp_path / "customers.csv", index=False)
    bank = open_bank(tmp_path)
    assert str(bank.organisations.org_id.type()) == str(bank.customers.org_id.type()) == type_name
    assert str(bank.customers.customer_id.type()) == "int64"
    if type_name == "string":
        assert ids_of(bank, "organisations", "org_id") == ids
    else:
        assert bank.fetch(bank.organisations.org_id.count()).as_py() == sum(text != "" for text in ids)


def test_a_mapping_reads_text_as_numbers_and_numbers_as_text():
    mapping = {"customers": {"columns": {"customer_id": "NO"}}, "surveys": {"columns": {"customer_id": "NO"}}}
    customers = tiny.frames()["customers"].rename(columns={"customer_id": "NO"})
    surveys = tiny.frames()["surveys"].rename(columns={"customer_id": "NO"})
    text = {"NO": str}
    for frames in ({"customers": customers.astype(text), "surveys": surveys},
                   {"customers": customers, "surveys": surveys.astype(text)}):  # fmt: skip
        bank = open_bank(frames, mapping=mapping)
        assert faults(bank, "surveys") == []
        assert str(bank.surveys.customer_id.type()) == "int64"
    customers["NO"] = customers["NO"].astype(str).where(customers["NO"] != 50, "C50")
    bank = open_bank({"customers": customers, "surveys": surveys}, mapping=mapping)
    assert faults(bank, "surveys") == []
    assert ids_of(bank, "surveys", "customer_id")[0] == "21"


def test_whole_numbers_stored_as_floats_are_the_same_ids_as_text():
    customers = pd.DataFrame({"customer_id": ["7", "C8"], "org_id": 1, "opened_on": pd.Timestamp("2020-01-01")})
    surveys = pd.DataFrame({"response_id": [1, 2, 3], "customer_id": [7.0, None, 7.5], "ts": customers.opened_on[0]})
    bank = open_bank({"customers": customers, "surveys": surveys.assign(touchpoint="app")}, mapping={"surveys": {}})
    assert faults(bank, "surveys") == [
        ("surveys", "customer_id", "null", 1, "2"),
        ("surveys", "customer_id", "orphan reference", 1, "3"),
    ]
    assert ids_of(bank, "surveys", "customer_id") == ["7", None, "7.5"]


# -- typed columns under a mapping are not believed blindly


@pytest.mark.parametrize("engine", LONG_ON_SPARK)
def test_a_mapping_casts_no_type_that_would_change_its_meaning(tmp_path, engine, request):
    """A time with a zone, numbers for a day, epoch milliseconds, booleans for a score: each is in the report."""
    start(engine, request)
    rows = pd.DataFrame({
        "response_id": [1], "customer_id": 1, "touchpoint": "app", "nps": True,
        "ts": pd.to_datetime(["2026-01-05 23:30"]).tz_localize("Asia/Shanghai"),
    })  # fmt: skip
    customers = pd.DataFrame(
        {"customer_id": [1], "org_id": 4, "opened_on": [20190304], "birth_date": [1_551_657_600_000]}
    )
    rows.to_parquet(tmp_path / "surveys.parquet")
    customers.to_parquet(tmp_path / "customers.parquet")
    mapping = {"surveys": {"columns": {"ts": "ts"}}, "customers": {"columns": {"org_id": "org_id"}}}
    bank = open_bank(tmp_path, engine=engine, mapping=mapping)
    clock = "wrong type" if engine == "duckdb" else "unreadable value"  # Spark's are text with a zone
    found = {row[:3] for row in faults(bank)}
    assert found >= {
        ("customers", "birth_date", "wrong type"), ("customers", "opened_on", "wrong type"),
        ("surveys", "nps", "wrong type"), ("surveys", "ts", clock),
    }  # fmt: skip
    with pytest.raises(SchemaError, match=r"opened_on \(int64, not date\)"):
        _ = bank.customers
    mapping["surveys"]["columns"]["ts"] = {"column": "ts", "format": "%Y-%m-%d %H:%M:%S"}
    mapping["customers"]["columns"]["opened_on"] = {"column": "opened_on", "format": "%Y%m%d"}
    mapping["customers"]["columns"]["birth_date"] = {"constant": "1990-05-06"}
    bank = open_bank(tmp_path, engine=engine, mapping=mapping)
    assert ("surveys", "ts", clock) in [row[:3] for row in faults(bank)], "a format gives no clock"
    assert str(bank.fetch(bank.customers.opened_on)[0]) == "2019-03-04"


@pytest.mark.parametrize("engine", LONG_ON_SPARK)
def test_empty_text_is_missing_under_a_mapping(tmp_path, engine, request):
    start(engine, request)
    units = pd.DataFrame({"org_id": [1, 2], "parent_id": [None, 1], "level": ["head_office", "branch"]})
    units = units.assign(name=["Head", ""], city_tier=["", "tier_1"])
    units.to_parquet(tmp_path / "organisations.parquet")
    bank = open_bank(tmp_path, engine=engine, mapping={"organisations": {}})
    assert faults(bank, "organisations") == [("organisations", "name", "null", 1, "2")]
    assert bank.fetch(bank.organisations.order_by("org_id"))["city_tier"].to_pylist() == [None, "tier_1"]


# -- the figures do not depend on how ids are written


def same(one, other, **names):
    """Compare frames but for ids."""
    drop = [c for c in one if c.endswith("_id")]
    pd.testing.assert_frame_equal(one.drop(columns=drop), other.drop(columns=drop))


@pytest.mark.parametrize("unit", [None, (1, "B-01"), (2, "B-02")])
def test_the_health_check_is_the_same(tiny_bank, text_bank, unit):
    number, text = unit or (None, None)
    one, other = bm.health_check(tiny_bank, org_id=number, k=2), bm.health_check(text_bank, org_id=text, k=2)
    for field in dataclasses.fields(one):
        value = getattr(one, field.name)
        if isinstance(value, pd.DataFrame):
            same(value, getattr(other, field.name))
    assert [tiny.IDS["organisations"].format(u) for u in one.branches.org_id.dropna()] == list(
        other.branches.org_id.dropna()
    )


@pytest.mark.parametrize("unit", [None, (1, "B-01"), (2, "B-02")])
def test_a_campaign_is_the_same(tiny_bank, text_bank, unit):
    number, text = unit or (None, None)
    one, other = (
        bm.experiment.panel(bank, "growth", org_id=org).to_pandas()
        for bank, org in ((tiny_bank, number), (text_bank, text))
    )
    same(one, other)
    same(bm.experiment.compare(one, k=2), bm.experiment.compare(other, k=2))
    assert one.participated.any()
