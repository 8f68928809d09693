import builtins
import datetime
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny

from bankmkt import engines
from bankmkt.bank import open_bank
from bankmkt.engines import connect
from bankmkt.errors import EngineError, ParameterError
from bankmkt.schema import TABLES

TIMES = pa.table({
    "ts": pa.array([datetime.datetime(2025, 3, 30, 2, 30, 0, 123456), datetime.datetime(1970, 1, 1), None]),
    "day": pa.array([datetime.date(2024, 2, 29), datetime.date(1900, 1, 1), None]),
    "x": pa.array([0.1 + 0.2, -1e-300, None]),
    "n": pa.array([2**62, -1, None]),
})  # fmt: skip


def setting(con, name):
    return con.raw_sql(f"SELECT current_setting('{name}')").fetchone()[0]


def test_duckdb_keeps_to_its_memory_and_threads():
    con = connect("duckdb", memory_limit="512MiB", threads=1)
    assert setting(con, "memory_limit") == "512.0 MiB"
    assert setting(con, "threads") == 1


def test_duckdb_spills_into_a_temporary_folder_and_leaves_none(tmp_path, monkeypatch):
    """Sorting 8 million numbers needs more than 60 MB: it works, and nothing stays behind."""
    monkeypatch.chdir(tmp_path)
    con = connect("duckdb", memory_limit="60MB", threads=1)
    folder = Path(setting(con, "temp_directory"))
    assert folder.parent == Path(engines.tempfile.gettempdir())
    con.raw_sql("CREATE TEMP TABLE t AS SELECT hash(i) AS h FROM range(8_000_000) r(i) ORDER BY h")
    assert any(folder.iterdir())
    con.disconnect()
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", ["", "oracle", "local[0.5]", "spark:/host", "sc://", "DuckDB", None, 5])
def test_an_unknown_engine_is_refused_with_the_valid_ones(engine):
    with pytest.raises(ParameterError, match=r"expected one of duckdb, local\[2\], spark://host:port, sc://host:port"):
        connect(engine)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory_limit": "4"}, "memory_limit = '4': expected a number with a unit"),
        ({"memory_limit": "lots"}, "memory_limit = 'lots'"),
        ({"threads": 0}, "threads = 0: expected an integer from 1"),
        ({"threads": True}, "threads = True"),
        ({"engine": "local[2]", "threads": 2}, "expected no threads for engine"),
        ({"engine": "sc://127.0.0.1:1", "memory_limit": "4GB"}, "set it where the server starts"),
        ({"engine": "local[2]", "database": "x.duckdb"}, "duckdb, for a DuckDB file"),
    ],
)
def test_options_that_do_not_apply_are_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        connect(**options)


@pytest.mark.parametrize(("limit", "java"), [("4GB", "4096m"), ("1.5 GiB", "1536m"), ("512mb", "512m"), ("1KB", "1m")])
def test_memory_as_java_writes_it(limit, java):
    assert engines._java_memory(limit) == java


@pytest.mark.parametrize("scheme", ["spark", "sc"])
def test_an_engine_that_does_not_answer_is_reported_soon(scheme, java):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"{scheme}://127.0.0.1:{free.getsockname()[1]}"
        start = time.monotonic()
        with pytest.raises(EngineError, match=r"nothing answers at 127\.0\.0\.1:\d+ for engine"):
            connect(url)
        assert time.monotonic() - start < 20


def test_without_pyspark_the_extra_is_named(monkeypatch):
    find = builtins.__import__

    def hidden(name, *args, **kwargs):
        if name.split(".")[0] == "pyspark":
            raise ImportError(name)
        return find(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", hidden)
    with pytest.raises(EngineError, match=r"needs pyspark; pip install bankmkt\[spark\]"):
        connect("local[7]")


def test_without_java_it_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(EngineError, match="needs Java 17 or later; install a JDK"):
        connect("local[7]")


def same_values(con):
    """Check that an engine gives back what it was given, and computes with local time as DuckDB does."""
    from bankmkt.sources import read_frames

    t = read_frames(con, {"events": TIMES}, ["events"])["events"].expr
    assert con.to_pyarrow(t.order_by("n")).equals(con.to_pyarrow(ibis.memtable(TIMES).order_by("n")).cast(TIMES.schema))
    t = t.mutate(
        hour=t.ts.hour(),
        date=t.ts.date(),
        next=t.day + ibis.interval(days=1),
        start=t.day.cast("timestamp"),
        early=t.ts < ibis.literal(datetime.datetime(2025, 3, 30, 2, 30, 1)),
        past=t.ts.date() <= ibis.literal(datetime.date(2025, 3, 30)),
    )
    rows = con.to_pyarrow(t.order_by(ibis.desc("n"))).to_pylist()
    assert rows[0]["hour"] == 2
    assert rows[0]["date"] == datetime.date(2025, 3, 30)
    assert rows[0]["next"] == datetime.date(2024, 3, 1)
    assert rows[1]["start"] == datetime.datetime(1900, 1, 1)
    assert [row["early"] for row in rows] == [row["past"] for row in rows] == [True, True, None]


def test_duckdb_keeps_local_time():
    same_values(connect())


@pytest.mark.spark
def test_spark_keeps_local_time_whatever_the_machines_zone(spark_url, monkeypatch):
    """02:30 on 30 March 2025 does not exist in Berlin: a zone that meddled would move it."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        same_values(connect(spark_url))
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.spark
def test_one_session_serves_all_banks_and_no_other_address(spark_url):
    assert connect(spark_url) is connect(spark_url)
    one = open_bank({"staff": tiny.frames()["staff"]}, engine=spark_url)
    two = open_bank({"staff": tiny.frames()["staff"][:3]}, engine=spark_url)
    assert one.con.to_pyarrow(one.staff.count()).as_py() == 10
    assert two.con.to_pyarrow(two.staff.count()).as_py() == 3
    with pytest.raises(EngineError, match=r"already runs Spark at 'local\[2\]'"):
        connect("local[1]")
    with pytest.raises(EngineError, match="start a new process"):
        connect(spark_url, memory_limit="2GB")


@pytest.mark.spark
@pytest.mark.slow
def test_spark_is_quiet(spark_url):
    code = "from bankmkt.engines import connect; print(connect('local[1]').raw_sql('SELECT 1 AS x').count())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
    assert [line for line in done.stderr.splitlines() if "incubator" not in line] == []


@pytest.mark.slow
@pytest.mark.spark
def test_spark_connect_serves_the_same_bank(spark_connect_url, tiny_bank, tmp_path):
    """In a process of its own: one process holds either kind of Spark session."""
    tiny_bank.save(tmp_path / "bank")
    code = """
        import sys
        sys.path.insert(0, sys.argv[3])
        import pyarrow.parquet as pq
        import tiny
        import test_engines
        from bankmkt.bank import open_bank
        from bankmkt.schema import TABLES
        from bankmkt.validation import validate

        bank = open_bank(sys.argv[2], engine=sys.argv[1])
        past = bank.as_of("2025-04-20").save(sys.argv[2] + "-past")
        for name, table in past.tables.items():
            pq.write_table(bank.con.to_pyarrow(table.order_by(list(TABLES[name].key))), f"{sys.argv[2]}-{name}.parquet")
        frames = tiny.frames()
        frames["points"].loc[0, "points"] = -1
        spoilt = open_bank({name: frames[name] for name in ("points", "customers")}, engine=sys.argv[1])
        found = validate(spoilt, ["points"])
        print(found[["table", "column", "rule", "rows", "examples"]].to_numpy().tolist())
        test_engines.same_values(bank.con)
    """
    command = [
        sys.executable,
        "-c",
        textwrap.dedent(code),
        spark_connect_url,
        str(tmp_path / "bank"),
        str(Path(__file__).parent),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TZ": "Europe/Berlin"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[['points', 'points', 'out of range', 1, '1']]"
    for name, table in tiny_bank.as_of("2025-04-20").tables.items():
        expected = tiny_bank.con.to_pyarrow(table.order_by(list(TABLES[name].key)))
        assert pq.read_table(f"{tmp_path / 'bank'}-{name}.parquet").equals(expected)
