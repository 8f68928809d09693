"""What a place holds: Parquet and CSV folders, DuckDB files and frames as raw tables of one engine."""

import functools
import glob
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bankmkt.damage import check_end, parquet_schema, reading
from bankmkt.errors import DataError, EngineError, ParameterError, SchemaError, one_of
from bankmkt.manifest import MANIFEST
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
    for path in sorted({*parts, *folder.glob("*.parquet"), *folder.glob("*.csv")}):
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
    text = path.suffix == ".csv"
    view = _view_name(path.stem)
    files = [] if text else sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    for file in files:
        check_end(file)
    alike = (path.parent / MANIFEST).is_file()  # part files of an analyst's own need not have the same types
    with reading(con, path):
        if con.name == "pyspark":
            frame = _spark_csv(con, path) if text else _spark_parquet(con, [path] if alike else files)
            frame.createOrReplaceTempView(view)
            return Found(con.table(view), text)
        if text:
            return Found(con.read_csv(str(path), table_name=view, all_varchar=True), text)
        place = glob.escape(str(path)) + ("/*.parquet" if path.is_dir() else "")
        return Found(con.read_parquet(place, table_name=view, union_by_name=not alike), text)


def _spark_csv(con: Any, path: Path) -> Any:
    return con._session.read.csv(str(path), header=True, inferSchema=False, escape='"', multiLine=True)


def _spark_parquet(con: Any, paths: Sequence[Path]) -> Any:
    """Read Parquet files; those of other types than the first on their own, for Spark reads a table as one type."""
    if paths[0].is_dir():
        return con._session.read.parquet(str(paths[0]))
    groups: dict[Any, list[str]] = {}
    for path in paths:
        groups.setdefault(parquet_schema(path), []).append(str(path))
    frames = [_spark_types(con._session.read.parquet(*files), schema) for schema, files in groups.items()]
    return functools.reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), frames)


def _spark_types(frame: Any, schema: Any) -> Any:
    """Give nanoseconds, times with a zone and nulls without type, which Spark reads otherwise, their meaning."""
    import pyarrow as pa
    from pyspark.sql.functions import expr, lit

    for field in schema:
        quoted = f"`{field.name.replace('`', '``')}`"
        if field.type == pa.timestamp("ns"):
            frame = frame.withColumn(field.name, expr(f"CAST(timestamp_micros({quoted} DIV 1000) AS TIMESTAMP_NTZ)"))
        elif pa.types.is_timestamp(field.type) and field.type.tz and field.type.unit != "ns":
            # Ibis takes it for a time without zone: as text with one it is no time of ours
            frame = frame.withColumn(field.name, expr(f"date_format({quoted}, 'yyyy-MM-dd HH:mm:ss.SSSSSSXXX')"))
        elif pa.types.is_null(field.type):
            frame = frame.withColumn(field.name, lit(None))
    return frame


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
            out[name] = Found(_register(con, name, _arrow(name, table)))
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


def _arrow(name: str, frame: Any) -> Any:
    """Return a pandas frame as an Arrow table."""
    import pyarrow as pa

    arrays = []
    for column in frame.columns:
        try:
            arrays.append(pa.array(frame[column], from_pandas=True))
        except pa.ArrowException as error:
            todo = f"such as frames[{name!r}][{column!r}].astype(str)"
            what = f"table {name}: the values of column {column} are of several types ({error})"
            raise DataError(what, None, "one type", todo) from error
    return pa.table(arrays, names=[str(column) for column in frame.columns])


def _plain(data: Any, table: Table | None) -> Any:
    """Give the columns of an Arrow table types that every engine takes, without changing a value.

    Nulls without type get the schema's, and text where there is none.
    """
    import pyarrow as pa

    wanted = {c.name: "int64" if c.type == "id" else c.type for c in table.columns} if table is not None else {}
    fields = [f.with_type(_plain_type(f.type, wanted.get(f.name, "string"))) for f in data.schema]
    return data.cast(pa.schema(fields), safe=False)


def _plain_type(kind: Any, wanted: str) -> Any:
    import ibis
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type, wanted)
    if pa.types.is_null(kind):
        return ibis.dtype(wanted).to_pyarrow()
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if pa.types.is_unsigned_integer(kind):
        return pa.decimal128(20) if kind == pa.uint64() else pa.int64()
    return pa.float32() if pa.types.is_float16(kind) else kind


def _register(con: Any, name: str, table: Any) -> Any:
    """Put an Arrow table into the engine."""
    table = _plain(table, TABLES.get(name))
    view = _view_name(name)
    if con.name == "pyspark":
        with reading(con, None):
            _spark_types(con._session.createDataFrame(table), table.schema).createOrReplaceTempView(view)
        return con.table(view)
    return con.create_table(view, table, temp=True)
