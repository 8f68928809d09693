import datetime
import json
import shutil

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny

import bankmkt as bm
from bankmkt.bank import open_bank
from bankmkt.damage import reading
from bankmkt.errors import DataError, EngineError, ParameterError, SchemaError
from bankmkt.manifest import INCOMPLETE, MANIFEST, write_incomplete
from bankmkt.schema import TABLES
from bankmkt.validation import validate

DAY = pd.Timestamp("2025-04-20")
ENGINES = ["duckdb", pytest.param("local[2]", marks=pytest.mark.spark)]
LONG_ON_SPARK = ["duckdb", pytest.param("local[2]", marks=[pytest.mark.spark, pytest.mark.slow])]


def start(engine, request):
    """Skip or fail for want of Java where an engine needs it."""
    if engine != "duckdb":
        request.getfixturevalue("java")


def types(table, ids="int64"):
    """Return the types of a table's columns."""
    return {c.name: ids if c.type == "id" else c.type for c in TABLES[table].columns}


def schema(table):
    """Return the types of an Ibis table, to which some engines add that times are kept to the microsecond."""
    return {name: str(dtype).replace("timestamp(6)", "timestamp") for name, dtype in table.schema().items()}


def contents(bank):
    """Return every table as Arrow, rows in the order of the key."""
    return {name: bank.con.to_pyarrow(t.order_by(list(TABLES[name].key))) for name, t in bank.tables.items()}


@pytest.fixture(scope="module")
def expected(tiny_bank):
    return contents(tiny_bank)


@pytest.fixture
def folder(tiny_bank, tmp_path):
    tiny_bank.save(tmp_path / "bank")
    return tmp_path / "bank"


# -- opening


def test_a_bank_has_the_schemas_columns_in_order_and_type(tiny_bank):
    assert list(tiny_bank.tables) == list(TABLES)
    for name, table in tiny_bank.tables.items():
        assert schema(table) == types(name)


def test_every_source_gives_the_same_bank(expected, folder, tmp_path):
    csv, database, flat = tmp_path / "csv", tmp_path / "bank.duckdb", tmp_path / "flat"
    csv.mkdir()
    flat.mkdir()
    con = ibis.duckdb.connect(database)
    for name, table in expected.items():
        table.to_pandas(types_mapper=pd.ArrowDtype).to_csv(csv / f"{name}.csv", index=False)
        pq.write_table(table, flat / f"{name}.parquet")
        con.create_table(name, table)
    con.disconnect()
    tables = {name: ibis.memtable(table) for name, table in expected.items()}
    for source in (folder, csv, flat, database, str(folder), tiny.frames(), expected, tables):
        assert contents(open_bank(source)) == expected


@pytest.mark.spark
def test_spark_reads_the_same_bank(expected, folder, tmp_path, spark_url, spark_bank):
    assert contents(spark_bank) == expected
    assert contents(open_bank(folder, engine=spark_url)) == expected
    (tmp_path / "csv").mkdir()
    for name in ("organisations", "customers", "contacts"):
        expected[name].to_pandas(types_mapper=pd.ArrowDtype).to_csv(tmp_path / "csv" / f"{name}.csv", index=False)
    for name, table in contents(open_bank(tmp_path / "csv", engine=spark_url)).items():
        assert table == expected[name]


def test_ibis_tables_stay_in_their_engine(tmp_path):
    con = ibis.duckdb.connect()
    bank = open_bank({"organisations": con.create_table("o", tiny.frames()["organisations"])})
    assert bank.con is con
    assert contents(bank.save(tmp_path / "bank")) == contents(bank)
    other = ibis.duckdb.connect().create_table("c", tiny.frames()["customers"])
    with pytest.raises(EngineError, match="several engines"):
        open_bank({"organisations": con.table("o"), "customers": other})


def test_tables_of_another_data_base_and_frames_go_together(tmp_path):
    con = ibis.sqlite.connect(tmp_path / "core.db")
    frames = tiny.frames()
    frames["staff"]["joined_on"] = frames["staff"]["joined_on"].dt.date
    con.create_table("personal", frames["staff"])
    bank = open_bank({"staff": con.table("personal"), "organisations": frames["organisations"]})
    assert bank.engine == "sqlite"
    assert bank.staff.inner_join(bank.organisations, "org_id").count().execute() == 10
    assert bank.as_of("2025-01-01").staff.count().execute() == 9
    saved = bank.save(tmp_path / "bank")
    assert saved.engine == "duckdb"
    assert saved.staff.count().execute() == 10


def test_narrower_types_and_absent_columns_are_filled_in():
    arrow = pa.table({
        "customer_id": pa.array([1, 2], pa.int32()), "opened_on": pa.array([datetime.date(2020, 1, 1)] * 2),
        "org_id": pa.array([4, 4], pa.uint8()), "risk_level": pa.nulls(2),
    })  # fmt: skip
    table = open_bank({"customers": arrow}).customers
    assert table.count().execute() == 2
    assert table.closed_on.count().execute() == 0
    assert schema(table) == types("customers")


def test_pandas_integers_with_gaps_and_dates_are_understood():
    frame = pd.DataFrame({
        "customer_id": [1.0, 2.0], "manager_id": [3.0, None], "opened_on": pd.to_datetime(["2020-01-01", "2021-01-01"]),
        "org_id": 4, "gender": pd.Categorical(["male", None]), "has_car": [True, None],
    })  # fmt: skip
    bank = open_bank({"customers": frame})
    assert validate(bank, ["customers"]).empty
    row = bank.con.to_pyarrow(bank.customers.order_by("customer_id")).to_pylist()[0]
    assert row["manager_id"] == 3
    assert row["opened_on"] == datetime.date(2020, 1, 1)
    assert row["gender"] == "male"


def test_what_is_no_bank_is_refused(tmp_path, folder):
    with pytest.raises(DataError, match="no/such"):
        open_bank(tmp_path / "no/such")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="it holds no Parquet or CSV file"):
        open_bank(tmp_path / "empty")
    (tmp_path / "empty" / "Customer.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match="it holds Customer"):
        open_bank(tmp_path / "empty")
    (folder / MANIFEST).unlink()
    (folder / "customers.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"customers is there twice: customers and customers\.csv"):
        open_bank(folder)
    with pytest.raises(EngineError, match="DuckDB cannot open"):
        open_bank(tmp_path / "empty" / "Customer.csv")
    with pytest.raises(SchemaError, match="table = 'Kunden': expected one of organisations"):
        open_bank({"Kunden": pd.DataFrame({"a": [1]})})
    with pytest.raises(ParameterError, match="table staff = 'list': expected an Ibis table"):
        open_bank({"staff": [1]})
    with pytest.raises(ParameterError, match="engine = 'oracle'"):
        open_bank(folder, engine="oracle")


# -- damaged files


@pytest.fixture
def own_folder(folder):
    """The tiny bank without a manifest, as an analyst has it."""
    (folder / MANIFEST).unlink()
    return folder


def damage(file):
    """Spoil the values of a Parquet file whose end is whole."""
    content = file.read_bytes()
    end = int.from_bytes(content[-8:-4], "little") + 8  # the description of the columns, its length and a mark
    file.write_bytes(content[:4] + bytes(len(content) - 4 - end) + content[-end:])


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 not one"])
def test_a_file_that_is_no_parquet_is_named(tmp_path, content):
    (tmp_path / "customers.parquet").write_bytes(content * (content != b"PAR1"))
    with pytest.raises(DataError, match=r"customers\.parquet cannot be read .*; put a whole copy in its place"):
        open_bank(tmp_path)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_that_was_cut_off_is_named_on_opening(own_folder, engine, request):
    start(engine, request)
    part = own_folder / "points" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"points/part-00000\.parquet cannot be read .* or was cut off"):
        open_bank(own_folder, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_whose_columns_cannot_be_told_is_named_on_opening(own_folder, engine, request):
    start(engine, request)
    part = own_folder / "points" / "part-00000.parquet"
    content = part.read_bytes()
    end = int.from_bytes(content[-8:-4], "little")
    part.write_bytes(content[: -end - 8] + b"\xff" * end + content[-8:])
    with pytest.raises(DataError, match=r"points(/part-00000\.parquet)? cannot be read"):
        open_bank(own_folder, engine=engine)


@pytest.mark.parametrize("engine", LONG_ON_SPARK)
def test_a_damaged_file_is_named_when_it_is_read(folder, engine, request):
    start(engine, request)
    damage(folder / "balances" / "part-00000.parquet")
    bank = open_bank(folder, engine=engine)
    for use in (lambda: validate(bank, ["balances"]), lambda: bank.months, lambda: bank.fetch(bank.balances)):
        with pytest.raises(DataError) as error:
            use()
        text = str(error.value)
        assert text.startswith(f"{folder}/balances/part-00000.parquet cannot be read (")
        assert text.endswith(
            f"put a whole copy in its place; bankmkt validate {folder} --deep names every damaged file"
        )
        assert "\n" not in text


@pytest.mark.parametrize("table", ["transactions", "balances", "events"])
def test_a_damaged_file_is_named_by_the_health_check(folder, table):
    damage(folder / table / "part-00000.parquet")
    with pytest.raises(DataError, match=rf"{table}/part-00000\.parquet cannot be read .*; put a whole copy"):
        bm.health_check(open_bank(folder), k=2)


@pytest.mark.parametrize("table", ["assignments", "balances", "events"])
def test_a_damaged_file_is_named_by_the_evaluation_of_a_campaign(folder, table):
    damage(folder / table / "part-00000.parquet")
    with pytest.raises(DataError, match=rf"{table}/part-00000\.parquet cannot be read .*; put a whole copy"):
        bm.experiment.monthly_path(open_bank(folder), "growth", k=2)


@pytest.mark.parametrize("engine", LONG_ON_SPARK)
def test_a_damaged_file_is_named_when_the_bank_is_saved(folder, tmp_path, engine, request):
    """The place to save to is not to blame, and nothing is left there."""
    start(engine, request)
    damage(folder / "visits" / "part-00000.parquet")
    with pytest.raises(DataError, match=r"visits/part-00000\.parquet cannot be read .*; put a whole copy"):
        open_bank(folder, engine=engine).save(tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["bank"]


def test_a_place_that_cannot_be_written_is_named(tiny_bank, tmp_path, monkeypatch):
    monkeypatch.setattr(type(tiny_bank.con), "to_parquet", full_disk)
    with pytest.raises(DataError, match=r"organisations cannot be written .*No space left.*; free space, or choose"):
        tiny_bank.save(tmp_path / "bank")
    assert list(tmp_path.iterdir()) == []


def full_disk(_, table, path, **options):
    raise duckdb.IOException(f'IO Error: Could not write file "{path}": No space left on device')


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (duckdb.OutOfMemoryException("Out of Memory Error: failed to pin block"), "; free memory or disk space"),
        (duckdb.IOException("IO Error: No space left on device"), "; free memory or disk space"),
        (duckdb.ConversionException("Conversion Error: no number"), "; look for faults with bankmkt validate"),
        (duckdb.Error(""), r"cannot answer \(Error\); look for faults"),
    ],
)
def test_memory_is_to_be_freed_only_where_it_ran_out(tiny_bank, error, text):
    with pytest.raises(EngineError, match=text), reading(tiny_bank.con, None):
        raise error


def test_a_line_of_csv_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "organisations.csv").write_text("org_id,level,name\n1,head_office,Head\n")
    lines = [f"{i},head_office,Head" for i in range(30_000)]
    (tmp_path / "organisations.csv").write_text("\n".join(["org_id,level,name", *lines, "1,2,3,4,5,6"]))
    with pytest.raises(DataError, match=r"organisations\.csv cannot be read .*; correct the line it names"):
        validate(open_bank(tmp_path))


def test_an_engine_that_cannot_answer_is_no_damaged_file(folder):
    bank = open_bank(folder)
    with pytest.raises(EngineError, match="duckdb cannot answer"):
        bank.fetch(bank.balances.month.cast("string").cast("int64").sum())


def test_what_spark_writes_is_a_table(folder, tmp_path):
    shutil.copytree(folder / "organisations", tmp_path / "organisations.parquet")
    assert open_bank(tmp_path).organisations.count().execute() == 7


def test_names_that_are_not_there_say_what_is():
    bank = open_bank({"organisations": tiny.frames()["organisations"]})
    assert repr(bank) == "Bank(1 table, engine='duckdb')"
    with pytest.raises(SchemaError, match=r"table visits is not in this bank.*test bank.has\('visits'\) first"):
        _ = bank.visits
    with pytest.raises(SchemaError, match="add customers: every bank needs it"):
        _ = bank.customers
    with pytest.raises(AttributeError, match="a Bank has no 'customer'; its tables are organisations"):
        _ = bank.customer
    with pytest.raises(SchemaError, match="table = 'customer': expected one of organisations"):
        bank.table("customer")
    assert bank.has("organisations")
    assert not bank.has("visits")
    assert "organisations" in dir(bank)
    with pytest.raises(SchemaError, match=r"table organisations: level \(missing\)"):
        _ = open_bank({"organisations": tiny.frames()["organisations"].drop(columns="level")}).organisations


def test_months_and_description(tiny_bank, folder):
    assert tiny_bank.months == [day.date() for day in tiny.MONTHS]
    assert tiny_bank.as_of("2025-03-30").months == [datetime.date(2025, 1, 31), datetime.date(2025, 2, 28)]
    saved = open_bank(folder).as_of("2025-03-30")
    about = saved.describe()
    assert about["path"] == str(folder)
    assert about["as_of"] == "2025-03-30"
    assert "rows" not in about, "the manifest counts the whole bank"
    assert open_bank(folder).describe()["rows"]["customers"] == 50
    assert "seed" not in about
    assert "as of 2025-03-30" in repr(saved)


# -- looking back


def poisoned(frames, day):
    """Return a bank whose future, and only that, differs: rows added, changed and removed, dates set later moved."""
    out = {}
    later = day + pd.Timedelta(days=1)
    for name, frame in frames.items():
        table = TABLES[name]
        frame = frame.copy()
        for c in table.columns:
            if c.set_later:
                unset = frame[c.name].isna() | (frame[c.name] > day)
                moved = pd.Series(day + pd.to_timedelta(1 + frame.index % 40, unit="D"), frame.index)
                frame[c.name] = frame[c.name].where(
                    ~unset, moved.astype(frame[c.name].dtype).where(frame.index % 2 == 0)
                )
                if c.name == "participated_on":
                    frame["participated"] = frame.participated_on.notna()
        if table.time:
            future = frame[table.time] >= later
            # rows of the future vanish, and copies of old rows come in their place
            fresh = frame[~future].copy()
            fresh[table.time] = later
            fresh[table.key[-1]] = (
                fresh[table.key[-1]] + 10**6
                if table.key[-1] != table.time
                else fresh[table.time] + pd.Timedelta(days=9)
            )
            for c in table.columns:
                if c.type == "float64":
                    fresh[c.name] = 1e12
            frame = pd.concat([frame[~future], fresh], ignore_index=True)
        out[name] = frame
    # campaign 1's outcomes are measured on 30 April, campaign 3's on 30 June: their truth is of the future
    truth = out["truth"]
    assert (frames["campaigns"].starts_on + pd.to_timedelta(frames["campaigns"].outcome_days, unit="D") > day).all()
    out["truth"] = truth.assign(y0=-truth.y0, y1=1e9)
    return out


@pytest.mark.parametrize("day", [DAY, pd.Timestamp("2025-03-31"), pd.Timestamp("2024-12-31")])
def test_a_poisoned_future_changes_nothing(day):
    bank, other = open_bank(tiny.frames()), open_bank(poisoned(tiny.frames(), day))
    assert contents(bank) != contents(other)
    before, after = contents(bank.as_of(day.date())), contents(other.as_of(str(day.date())))
    for name in TABLES:
        assert before[name] == after[name], name


@pytest.mark.spark
def test_a_poisoned_future_changes_nothing_on_spark(spark_url, tiny_bank):
    other = open_bank(poisoned(tiny.frames(), DAY), engine=spark_url)
    assert contents(other.as_of("2025-04-20")) == contents(tiny_bank.as_of("2025-04-20"))


def test_what_was_known_on_a_day(tiny_bank):
    past = tiny_bank.as_of(DAY.to_pydatetime())
    customers = past.con.to_pandas(past.customers).set_index("customer_id")
    assert len(customers) == 48
    assert customers.closed_on.notna().sum() == 2
    assert pd.isna(customers.app_registered_on[21])  # registered in May
    earlier = tiny_bank.as_of("2025-04-14")
    assert earlier.customers.closed_on.count().execute() == 0
    assignments = past.con.to_pandas(past.assignments)
    full = tiny_bank.con.to_pandas(tiny_bank.assignments)
    known = full[full.assigned_on <= DAY]
    assert len(assignments) == len(known)
    assert assignments.participated.sum() == (known.participated_on <= DAY).sum() > 0
    assert (assignments.participated == assignments.participated_on.notna()).all()


def test_the_last_moment_of_a_day_is_in_and_the_next_is_out():
    frames = tiny.frames()
    frames["contacts"].loc[0, "ts"] = pd.Timestamp("2025-04-20 23:59:59.999999")
    frames["contacts"].loc[1, "ts"] = pd.Timestamp("2025-04-21")
    past = open_bank(frames).as_of("2025-04-20")
    ids = past.con.to_pandas(past.contacts).contact_id
    assert 1 in ids.tolist()
    assert 2 not in ids.tolist()


def test_truth_shows_when_the_outcomes_could_be_measured(tiny_bank):
    """Campaign 1 runs from 1 March for 61 days, to 30 April; campaign 3 from 1 April for 91, to 30 June."""

    def campaigns(day):
        return sorted(set(tiny_bank.con.to_pandas(tiny_bank.as_of(day).truth).campaign_id))

    assert campaigns("2025-04-29") == []
    assert campaigns("2025-04-30") == [1]
    assert campaigns("2025-06-29") == [1]
    assert campaigns("2025-06-30") == [1, 3]


LAST_DAYS = [  # start, days, last day that the truth is hidden, first that it shows
    ("2026-01-01", 181, "2026-06-29", "2026-06-30"),
    ("2026-01-15", 31, "2026-02-27", "2026-02-28"),
    ("2026-01-15", 17, "2026-01-30", "2026-01-31"),
    ("2026-01-15", 18, "2026-02-27", "2026-02-28"),
    ("2025-12-01", 31, "2025-12-30", "2025-12-31"),
]


def of_campaigns(engine):
    """A bank of the campaigns in LAST_DAYS and their truth."""
    frames = {name: tiny.frames()[name] for name in ("campaigns", "truth")}
    start, days = [pd.Timestamp(case[0]) for case in LAST_DAYS], [case[1] for case in LAST_DAYS]
    first = pd.concat([frames["campaigns"].iloc[[0]]] * len(start), ignore_index=True)
    truth = pd.concat([frames["truth"].iloc[[0]]] * len(start), ignore_index=True)
    number = range(len(start))
    return open_bank(
        {
            "campaigns": first.assign(campaign_id=number, starts_on=start, outcome_days=days),
            "truth": truth.assign(campaign_id=number),
        },
        engine=engine,
    )


def check_truth(bank):
    for number, (*_, hidden, shown) in enumerate(LAST_DAYS):
        assert number not in bank.con.to_pandas(bank.as_of(hidden).truth).campaign_id.tolist(), hidden
        assert number in bank.con.to_pandas(bank.as_of(shown).truth).campaign_id.tolist(), shown


def test_truth_shows_from_the_month_end_of_the_last_day():
    check_truth(of_campaigns("duckdb"))


@pytest.mark.spark
def test_truth_shows_from_the_same_month_end_on_spark(spark_url):
    check_truth(of_campaigns(spark_url))


@pytest.mark.parametrize("spoil", ["absent", "null"])
def test_who_took_part_on_an_unknown_day_has_not_yet(spoil):
    frames = tiny.frames()
    rows = frames["assignments"]
    frames["assignments"] = (
        rows.drop(columns="participated_on") if spoil == "absent" else rows.assign(participated_on=pd.NaT)
    )
    bank = open_bank(frames)
    assert bank.con.to_pandas(bank.assignments).participated.any()
    assert not bank.con.to_pandas(bank.as_of("2025-06-30").assignments).participated.any()


@pytest.mark.parametrize("limit", [{"memory_limit": "1GB"}, {"threads": 1}])
def test_limits_are_refused_where_the_engine_runs_already(tiny_bank, limit):
    (name,) = limit
    with pytest.raises(ParameterError, match=f"^{name} = .* no limit for Ibis tables; set it where"):
        open_bank(tiny_bank.tables, **limit)
    assert open_bank(tiny.frames(), **limit).has("customers")


def test_of_two_days_the_earlier_counts(tiny_bank):
    assert tiny_bank.as_of("2025-04-20").as_of("2025-06-30").date == datetime.date(2025, 4, 20)
    assert tiny_bank.as_of("2025-04-20").as_of("2025-03-01").date == datetime.date(2025, 3, 1)
    assert tiny_bank.date is None


@pytest.mark.parametrize("date", ["2025-02-30", "today", 20250630, None, datetime.datetime(2025, 1, 1, 12)])
def test_a_bad_date_is_refused(tiny_bank, date):
    with pytest.raises(ParameterError, match="expected a date"):
        tiny_bank.as_of(date)


# -- saving


def test_a_saved_bank_is_the_same_and_has_a_manifest(tiny_bank, expected, tmp_path):
    saved = tiny_bank.save(tmp_path / "new" / "bank")
    assert contents(saved) == expected
    manifest = json.loads((tmp_path / "new/bank" / MANIFEST).read_text())
    assert saved.manifest == manifest
    assert manifest["bankmkt"] == bm.__version__
    assert manifest["rows"] == {name: table.num_rows for name, table in expected.items()}
    assert len(manifest["files"]) == 15
    open_bank(tmp_path / "new" / "bank", deep=True)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["bank"]


def test_a_bank_of_the_past_is_saved_as_of_then(tiny_bank, tmp_path):
    saved = tiny_bank.as_of("2025-04-20").save(tmp_path / "bank")
    assert contents(saved) == contents(tiny_bank.as_of("2025-04-20"))
    assert saved.manifest["parameters"] == {"as_of": "2025-04-20"}


@pytest.mark.spark
@pytest.mark.slow
def test_spark_saves_the_same(spark_bank, expected, tmp_path):
    saved = spark_bank.save(tmp_path / "bank")
    assert contents(saved) == expected
    assert contents(open_bank(tmp_path / "bank", deep=True)) == expected


def test_an_existing_folder_is_left_alone(tiny_bank, folder):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(DataError, match="expected a path that does not exist"):
        tiny_bank.save(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_failed_save_leaves_nothing(tmp_path):
    frames = tiny.frames()
    bank = open_bank(
        {"organisations": frames["organisations"], "customers": frames["customers"].drop(columns="org_id")}
    )
    with pytest.raises(SchemaError, match=r"org_id \(missing\)"):
        bank.save(tmp_path / "bank")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be saved"):
        open_bank({"organisations": frames["organisations"]}).save(tmp_path / "file" / "bank")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_unfinished_bank_is_refused_with_the_command_to_resume(folder):
    write_incomplete(folder, "bankmkt generate data/bank --seed 7 --resume")
    with pytest.raises(DataError, match="interrupted; resume with: bankmkt generate data/bank --seed 7 --resume"):
        open_bank(folder)
    (folder / INCOMPLETE).unlink()
    open_bank(folder)


def test_damaged_files_are_named(folder):
    part = folder / "points" / "part-00000.parquet"
    whole = part.read_bytes()
    part.write_bytes(whole[:-1])
    (folder / "staff" / "part-00000.parquet").unlink()
    shutil.copy(folder / "visits" / "part-00000.parquet", folder / "visits" / "part-00001.parquet")
    with pytest.raises(DataError) as error:
        open_bank(folder)
    size = f"points/part-00000.parquet ({len(whole) - 1:,} bytes, not {len(whole):,})"
    for text in (size, "staff/part-00000.parquet (missing)", "visits/part-00001.parquet (not in the manifest)"):
        assert text in str(error.value)


def test_another_content_of_the_same_size_is_found_when_looked_for(folder):
    part = folder / "points" / "part-00000.parquet"
    content = bytearray(part.read_bytes())
    content[20] ^= 1
    part.write_bytes(content)
    open_bank(folder)
    with pytest.raises(DataError, match=r"points/part-00000\.parquet \(other content\)"):
        open_bank(folder, deep=True)
