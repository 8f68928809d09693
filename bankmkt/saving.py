"""Writing files and folders whole or not at all: above all a bank, as a folder of Parquet files."""

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bankmkt.damage import reading
from bankmkt.errors import DataError, EngineError, ParameterError
from bankmkt.manifest import file_record, write_manifest

_ELSEWHERE = "free space, or choose another place"


def place(path: Any, name: str = "path") -> Path:
    """Return a path of a file or folder, or raise ParameterError if it cannot be one.

    Examples
    --------
    >>> place("lists/spring").name
    'spring'
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
    if not isinstance(text, str) or not Path(text).name or "\0" in text:
        raise ParameterError(name, path, "a path", 'such as "lists/spring"')
    return Path(text)


@contextmanager
def whole(path: Path, what: str) -> Iterator[Path]:
    """Give a place beside ``path`` for a file or a folder, and move what was written there to ``path`` at the end.

    Parameters
    ----------
    path
        Does not exist. What somebody else makes there meanwhile is not replaced (an empty folder is).
    what
        What is written, for the message: "the bank".

    Raises
    ------
    DataError
        When something is there already, or it cannot be written. Nothing is left then, of whatever error.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "names.txt"
    >>> with whole(path, "the names") as aside:
    ...     written = aside.write_text("a, b")
    >>> path.read_text(), len(list(path.parent.iterdir()))
    ('a, b', 1)
    """
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.saving")
    try:
        if path.exists():
            raise DataError("path", str(path), "a path that does not exist", "choose another, or remove it first")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield aside
            if aside.is_dir():
                os.rename(aside, path)
            else:
                os.link(aside, path)  # unlike a rename, fails if a file is there by now
        finally:
            if aside.is_dir():
                shutil.rmtree(aside, ignore_errors=True)
            else:
                aside.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{what} cannot be saved to {path} ({error})", todo=_ELSEWHERE) from error


def save(con: Any, tables: Mapping[str, Any], source: Path | None, path: Path, parameters: Mapping[str, Any]) -> None:
    """Let the engine write tables into a new folder with a manifest.

    Parameters
    ----------
    con
        Ibis backend.
    tables
        Ibis tables in it, by name.
    source
        Where their files are, if they are in files.
    path
        Does not exist; with Spark, a place that its machines and this one share.
    parameters
        For the manifest: what the bank was made with.

    Raises
    ------
    DataError
        When the folder exists or cannot be written, or a file of the source cannot be read.
    EngineError
        When the engine cannot answer for another reason.
    """
    with whole(path, "the bank") as aside:
        aside.mkdir()
        for name, table in tables.items():
            write_folder(con, table, aside / name, source)
        _declare(aside, parameters)


def write_folder(con: Any, table: Any, folder: Path, source: Path | None = None) -> None:
    """Let the engine write a table into a new folder of files, ``part-*.parquet``.

    Parameters
    ----------
    con
        Ibis backend.
    table
        Ibis table in it.
    folder
        Does not exist, and whoever calls makes it aside; with Spark, a place that its machines and this one share.
    source
        Where the table's files are, if it is in files: for the message about a damaged one.

    Raises
    ------
    DataError
        When the folder cannot be written, or a file of the source cannot be read.
    EngineError
        When the engine cannot answer for another reason.
    """
    try:
        with reading(con, source):
            if con.name == "pyspark":
                con._session.sql(con.compile(table)).write.parquet(str(folder), compression="zstd")
            else:
                folder.mkdir()
                con.to_parquet(table, folder / "part-00000.parquet", compression="zstd")
    except EngineError as error:
        if str(folder) not in str(error):
            raise
        raise DataError(f"{folder} cannot be written ({error.__cause__})", todo=_ELSEWHERE) from error
    if con.name != "pyspark":
        return
    if not (folder / "_SUCCESS").exists():
        raise DataError(f"Spark wrote {folder} on another machine", todo="choose a place that this machine shares")
    for file in folder.iterdir():
        if file.suffix != ".parquet":
            file.unlink()


def _declare(folder: Path, parameters: Mapping[str, Any]) -> None:
    """Write the manifest of a folder."""
    import pyarrow.parquet as pq

    files = {p.relative_to(folder).as_posix(): p for p in sorted(folder.glob("*/*.parquet"))}
    rows = dict.fromkeys((p.parent.name for p in files.values()), 0)
    for p in files.values():
        rows[p.parent.name] += pq.read_metadata(p).num_rows
    write_manifest(folder, dict(parameters), rows, {k: file_record(p) for k, p in files.items()}, "save")
