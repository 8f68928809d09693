"""A table that may be an Ibis table or a frame, as an Ibis table; its rows, whole or in batches."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bankmkt.damage import reading
from bankmkt.engines import connect
from bankmkt.errors import EngineError, SchemaError
from bankmkt.sources import backend_of, read_frames

BATCH_ROWS = 1_000_000
"""Rows that are in memory at once."""


def engine_table(table: Any, name: str, con: Any = None) -> tuple[Any, Any]:
    """Return a table as an Ibis table, and its engine; frames go into ``con``, or into an engine of their own.

    Raises
    ------
    SchemaError
        If a frame has no column, two of a name, or periods, which no engine knows.
    """
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        if not len(table.columns):
            raise SchemaError(f"{name} has no column", None, "a row per event or customer", "pass one with the ids")
        if twice := table.columns[table.columns.duplicated()].tolist():
            raise SchemaError(f"{name} has two columns", twice[0], "each name once", "rename or drop one")
        for column, kind in table.dtypes.items():
            if isinstance(kind, pd.PeriodDtype):
                todo = "convert it with .dt.to_timestamp()"
                raise SchemaError(f"column {column} of {name} is {kind}", None, "timestamps or dates", todo)
    con = backend_of({name: table}) or con or connect()
    return read_frames(con, {name: table}, [name])[name].expr, con


def fetch(rows: Any) -> Any:
    """Return the rows of an Ibis table as an Arrow table, with our errors."""
    con = rows.get_backend()
    with reading(con, None):
        return con.to_pyarrow(rows)


def batches(rows: Any, size: int = BATCH_ROWS) -> Iterator[Any]:
    """Yield the rows of an Ibis table as Arrow record batches, in order, with our errors.

    Ibis's own way calls a name that DuckDB 2 no longer has, and takes all rows of Spark's at once; these pass through
    files of a temporary folder instead, where Spark writes on this machine.
    """
    import pyarrow.parquet

    con = rows.get_backend()
    with reading(con, None), tempfile.TemporaryDirectory(prefix="bankmkt-") as folder:
        if con.name == "duckdb":
            yield from con.con.sql(con.compile(rows)).to_arrow_reader(size)
        elif con.name == "pyspark":
            parts = Path(folder) / "rows"
            con._session.sql(con.compile(rows)).write.parquet(str(parts))
            if not (parts / "_SUCCESS").exists():
                raise EngineError(
                    f"Spark wrote {parts} on another machine", todo="set TMPDIR to a folder that both share"
                )
            for part in sorted(parts.glob("*.parquet")):
                yield from pyarrow.parquet.ParquetFile(part).iter_batches(size)
        else:
            yield from con.to_pyarrow_batches(rows, chunk_size=size)
