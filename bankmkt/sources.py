"""What a place holds: Parquet and CSV folders, DuckDB files and frames as raw tables of one engine."""

import glob
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bankmkt.errors import DataError, EngineError, ParameterError, SchemaError, one_of
from bankmkt.schema import TABLES, Table

_FOLDER_TODO = "see docs/own-data.md, or make a bank: bankmkt generate PATH"
_counter = itertools.count(1)


@dataclass(frozen=True)
class Found:
    """A table found at a place: an Ibis table, and whether its columns are untyped text."""

    expr: Any
    text: bool = False


def list_folder(folder: Path) -> dict[str, Path]:
    """Return the tables in a folder: a name and the file or folder of Parquet files or the CSV file that holds it.

    Raises
    ------
    DataError
        When two places in the folder hold a table of the same name.
    """
    out: dict[str, Path] = {}
    parts = {path.parent for path in folder.glob("*/*.parquet")}
    for path in sorted([*parts, *folder.glob("*.parquet"), *folder.glob("*.csv")]):
        if path.name.startswith("."):
            continue
        if path.stem in out:
            raise DataError(
                f"table {path.stem} is there twice: {out[path.stem].name} and {path.name}", todo="remove one of them"
            )
        out[path.stem] = path
    return out


def read_folder(con: Any, folder: Path, names: Iterable[str]) -> dict[str, Found]:
    """Read the named tables that a folder holds, lazily.

    Parameters
    ----------
    con
        Ibis backend.
    folder
        With ``<name>/*.parquet``, ``<name>.parquet`` or ``<name>.csv``.
    names
        Tables wanted; absent ones are left out.

    Raises
    ------
    DataError
        When the folder holds none of them, or a file cannot be read.
    """
    there = list_folder(folder)
    wanted = [name for name in names if name in there]
    if not wanted:
        held = f"it holds {', '.join(sorted(there))}" if there else "it holds no Parquet or CSV file"
        raise DataError(f"folder {folder} is no bank: {held}", None, "tables such as customers", _FOLDER_TODO)
    return {name: _read(con, there[name]) for name in wanted}


def _read(con: Any, path: Path) -> Found:
    import duckdb

    text = path.suffix == ".csv"
    view = _view_name(path.stem)
    if con.name == "duckdb":
        try:
            if text:
                return Found(con.read_csv(str(path), table_name=view, all_varchar=True), text)
            files = glob.escape(str(path)) + ("/*.parquet" if path.is_dir() else "")
            return Found(con.read_parquet(files, table_name=view), text)
        except duckdb.Error as error:
            raise DataError(f"{path} cannot be read ({error})", todo="replace the file by a whole one") from error
    return Found(_read_spark(con, path, view), text)


def _read_spark(con: Any, path: Path, view: str) -> Any:
    from pyspark.errors import PySparkException

    try:
        if path.suffix == ".csv":
            frame = con._session.read.csv(str(path), header=True, inferSchema=False, escape='"', multiLine=True)
        else:
            frame = con._session.read.parquet(str(path))
        frame.createOrReplaceTempView(view)
    except PySparkException as error:
        raise DataError(
            f"{path} cannot be read by Spark ({error})", todo="put the bank where Spark's own machines see it"
        ) from error
    return con.table(view)


def _view_name(name: str) -> str:
    """Return a name of its own for a table: banks share engines."""
    return f"bankmkt_{next(_counter)}_{name}"


def read_database(con: Any, names: Iterable[str]) -> dict[str, Found]:
    """Return the named tables of a DuckDB file that was opened as the engine.

    Raises
    ------
    DataError
        When the file holds none of them.
    """
    # ibis 12's list_tables calls a method that DuckDB 2 no longer has
    there = [name for (name,) in con.raw_sql("SELECT table_name FROM information_schema.tables").fetchall()]
    wanted = [name for name in names if name in there]
    if not wanted:
        raise DataError(
            f"the DuckDB file is no bank: it holds {', '.join(there) or 'nothing'}",
            None,
            "tables such as customers",
            _FOLDER_TODO,
        )
    return {name: Found(con.table(name)) for name in wanted}


def backend_of(frames: Mapping[str, Any]) -> Any:
    """Return the one Ibis backend behind a mapping's tables, None if they all are frames in memory.

    Raises
    ------
    EngineError
        When the tables live in several engines.
    """
    import ibis

    backends: list[Any] = []
    for table in frames.values():
        if isinstance(table, ibis.expr.types.Table):
            backends += [b for b in table._find_backends()[0] if not any(b is known for known in backends)]
    if len(backends) > 1:
        raise EngineError("the tables live in several engines", todo="read them all with one Ibis connection")
    return backends[0] if backends else None


def read_frames(con: Any, frames: Mapping[str, Any], names: Iterable[str]) -> dict[str, Found]:
    """Take Ibis tables as they are and put frames in memory into the engine.

    Parameters
    ----------
    con
        Ibis backend.
    frames
        By name, an Ibis table, a pandas frame or a pyarrow table.
    names
        Tables wanted; others are refused.

    Raises
    ------
    SchemaError
        When a name is not wanted.
    ParameterError
        When a value is no table.
    """
    import ibis
    import pandas as pd
    import pyarrow as pa

    names = tuple(names)
    out = {}
    for name, table in frames.items():
        if name not in names:
            raise SchemaError("table", name, one_of(names), "rename it, or leave it out")
        if isinstance(table, ibis.expr.types.Table):
            in_memory = not table._find_backends()[0]
            out[name] = Found(_register(con, name, table.to_pyarrow()) if in_memory else table)
        elif isinstance(table, pd.DataFrame):
            out[name] = Found(_register(con, name, _arrow(table, TABLES.get(name))))
        elif isinstance(table, pa.Table):
            out[name] = Found(_register(con, name, table))
        else:
            raise ParameterError(
                f"table {name}",
                type(table).__name__,
                "an Ibis table, a pandas frame or an Arrow table",
                "pass pandas.DataFrame(…)",
            )
    return out


def _arrow(frame: Any, table: Table | None) -> Any:
    """Return a pandas frame as an Arrow table, undoing what pandas does to dates and to integers with nulls."""
    import pyarrow as pa

    types = {c.name: c.type for c in table.columns} if table is not None else {}
    arrays = [_undo_pandas(pa.array(frame[name], from_pandas=True), types.get(name, "")) for name in frame.columns]
    return pa.table(arrays, names=[str(name) for name in frame.columns])


def _undo_pandas(array: Any, wanted: str) -> Any:
    """Give a column the schema's type where no value changes by it: pandas has no dates and no integers with gaps."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    kind = array.type
    if pa.types.is_dictionary(kind):
        return array.dictionary_decode()
    if pa.types.is_large_string(kind):
        return array.cast(pa.string())
    if pa.types.is_timestamp(kind) and kind.tz is None:
        whole_days = pc.all(pc.equal(array, pc.floor_temporal(array, unit="day"))).as_py()
        to = pa.date32() if wanted == "date" and whole_days is not False else pa.timestamp("us")
        return array.cast(to, safe=False)
    if pa.types.is_floating(kind) and wanted == "int64":
        whole_numbers = pc.all(pc.equal(array, pc.floor(array))).as_py()
        return array.cast(pa.int64()) if whole_numbers is not False else array
    return pa.nulls(len(array)) if array.null_count == len(array) else array


def _typed_nulls(data: Any, table: Table | None) -> Any:
    """Give columns of nothing but nulls the schema's type, and text where there is none: engines want one."""
    import ibis
    import pyarrow as pa

    types = {c.name: ibis.dtype(c.type).to_pyarrow() for c in table.columns} if table is not None else {}
    fields = [f.with_type(types.get(f.name, pa.string())) if pa.types.is_null(f.type) else f for f in data.schema]
    return data.cast(pa.schema(fields))


def _register(con: Any, name: str, table: Any) -> Any:
    """Put an Arrow table into the engine."""
    table = _typed_nulls(table, TABLES.get(name))
    view = _view_name(name)
    if con.name == "pyspark":
        con._session.createDataFrame(table).createOrReplaceTempView(view)
        return con.table(view)
    return con.create_table(view, table, temp=True)


def write_parquet(con: Any, table: Any, folder: Path) -> None:
    """Let the engine write a table into a new folder of Parquet files, ``part-*.parquet``.

    Parameters
    ----------
    con
        Ibis backend.
    table
        Ibis table in it.
    folder
        Does not exist; with Spark, a place that its machines and this one share.

    Raises
    ------
    DataError
        When the engine cannot write there.
    """
    if con.name == "pyspark":
        _write_spark(con, table, folder)
        return
    import duckdb

    folder.mkdir()
    try:
        con.to_parquet(table, folder / "part-00000.parquet", compression="zstd")
    except duckdb.Error as error:
        raise DataError(f"{folder} cannot be written ({error})", todo="free space, or choose another place") from error


def _write_spark(con: Any, table: Any, folder: Path) -> None:
    from pyspark.errors import PySparkException

    try:
        con._session.sql(con.compile(table)).write.parquet(str(folder), compression="zstd")
    except PySparkException as error:
        raise DataError(f"{folder} cannot be written by Spark ({error})", todo="choose a shared place") from error
    if not (folder / "_SUCCESS").exists():
        raise DataError(f"Spark wrote {folder} on another machine", todo="choose a place that this machine shares")
    for path in folder.iterdir():
        if path.suffix != ".parquet":
            path.unlink()
