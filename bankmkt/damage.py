"""Which file an engine could not read, and what to do about it."""

import contextlib
import re
import shlex
import urllib.parse
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bankmkt import engines
from bankmkt.errors import DataError, EngineError
from bankmkt.manifest import MANIFEST

_WHOLE_COPY = "put a whole copy in its place"
_FREE = "free memory or disk space, or check the place that it names"
_LOOK = "look for faults with bankmkt validate; if there are none, report it"
_SCARCE = re.compile("Out ?Of ?Memory|IO ?(Error|Exception)|No space left", re.IGNORECASE)
"""What engines say when they run out of memory or disk space, or cannot write."""


def check_end(file: Path) -> None:
    """Raise DataError unless a Parquet file ends as such files do; one that was cut off does not."""
    try:
        with open(file, "rb") as content:
            content.seek(max(0, file.stat().st_size - 4))
            whole = content.read() == b"PAR1"
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror})", todo="check its permissions") from error
    if not whole:
        raise DataError(f"{file} cannot be read (it is no Parquet file, or was cut off)", todo=_WHOLE_COPY)


def parquet_schema(file: Path) -> Any:
    """Return the Arrow schema of a Parquet file, or raise DataError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(file).remove_metadata()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file} cannot be read ({error})", todo=_WHOLE_COPY) from error


@contextlib.contextmanager
def reading(con: Any, path: Path | None) -> Iterator[None]:
    """Turn the errors of an engine that cannot read or answer into ours.

    Parameters
    ----------
    con
        Ibis backend.
    path
        Of the bank, or of a table's files; None for tables that are not in files.

    Raises
    ------
    DataError
        Naming the file that cannot be read.
    EngineError
        When the engine fails for another reason.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "toPandas attempted Arrow optimization")  # Spark, before it raises
            yield
    except engines.failures(con) as error:
        raise _failure(con, path, error) from error


def _failure(con: Any, path: Path | None, error: Exception) -> DataError | EngineError:
    text = urllib.parse.unquote(str(error))  # Spark's paths are addresses
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by: ")]  # Java's, the first cause last
    reason = causes[-1].removeprefix("Caused by: ") if causes else (lines or [type(error).__name__])[0]
    file = None if path is None else _culprit(path, text, error)
    if path is None or file is None:
        scarce = _SCARCE.search(f"{type(error).__name__} {text}")
        return EngineError(f"{con.name} cannot answer ({reason})", todo=_FREE if scarce else _LOOK)
    return DataError(f"{file} cannot be read ({reason})", todo=_todo(file, path, text))


def _culprit(path: Path, text: str, error: Exception) -> Path | None:
    """Return the file that an error is about."""
    files = [*path.rglob("*.parquet"), *path.rglob("*.csv")] if path.is_dir() else []
    named = [file for file in (*files, path) if str(file) in text]
    if not named and type(error).__module__ == "_duckdb" and type(error).__name__ == "Error":
        # its Parquet reader found nonsense and says no more
        named = [file for file in files if file.suffix == ".parquet" and file.is_file() and not _readable(file)]
    return named[0] if named else None


def _readable(file: Path) -> bool:
    """Whether all of a Parquet file can be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for _ in pq.ParquetFile(file).iter_batches():
            pass
    except (pa.ArrowException, OSError):
        return False
    return True


def _todo(file: Path, bank: Path, text: str) -> str:
    if "PATH_NOT_FOUND" in text:
        return "put the bank where Spark's own machines see it"
    if file.suffix == ".csv":
        return "correct the line it names, or put a whole copy in its place"
    if (bank / MANIFEST).is_file():
        return f"{_WHOLE_COPY}; bankmkt validate {shlex.quote(str(bank))} --deep names every damaged file"
    return _WHOLE_COPY
