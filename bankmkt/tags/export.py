"""Tags of every customer written to a file, whole or not at all, batch by batch."""

import datetime
import json
import os
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bankmkt.bank import Bank, check_bank
from bankmkt.damage import reading
from bankmkt.errors import DataError, ParameterError
from bankmkt.frames import batches
from bankmkt.lookback import parse_date
from bankmkt.tags.compute import compute
from bankmkt.tags.declare import Tag
from bankmkt.tags.families import choose

BATCH = 100_000
"""Rows in memory at once."""


def write(bank: Bank, as_of: datetime.date | str, path: str | Path, tags: Iterable[Tag | str] | None = None) -> int:
    """Compute tags and write them to a file, a row per customer in order of ``customer_id``.

    Parameters
    ----------
    bank
        Of :func:`bankmkt.open_bank`.
    as_of
        The day; nothing later is seen.
    path
        A file whose name ends with ``.parquet`` or ``.csv``; one that is there is replaced once the new one is whole.
        A Parquet file carries, under ``bankmkt`` in its metadata, the day, the version of bankmkt and of each tag.
    tags
        Declarations, or codes; the whole catalogue by default.

    Returns
    -------
    int
        Number of customers.

    Raises
    ------
    ParameterError
        If the file's name ends otherwise, the day is none, a code is unknown or a definition cannot be right.
    DataError
        If the file cannot be written, or the bank's cannot be read.

    Examples
    --------
    >>> import tempfile, bankmkt as bm
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(bm.demo_bank(), "2026-06-30", Path(folder) / "tags.parquet", ["payroll", "wealth_tier"])
    18083
    """
    path = Path(path)
    if path.suffix not in (".parquet", ".csv"):
        raise ParameterError("out", str(path), "a file ending with .parquet or .csv", "such as tags.parquet")
    day = parse_date("as_of", as_of)
    chosen = choose(tags)
    table = compute(check_bank(bank), day, chosen)
    about = {"as_of": str(day), "bankmkt": version("bankmkt"), "tags": {tag.code: tag.version for tag in chosen}}
    about["bank"] = bank.describe()
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        rows = _write(bank, table.order_by("customer_id"), aside, path.suffix, about)
        os.replace(aside, path)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error})", todo="check the folder, or choose another") from error
    finally:
        aside.unlink(missing_ok=True)
    return rows


def _write(bank: Bank, table: Any, file: Path, suffix: str, about: dict[str, Any]) -> int:
    """Write a table batch by batch and return the number of its rows."""
    import pyarrow.csv
    import pyarrow.parquet

    schema = table.schema().to_pyarrow().with_metadata({"bankmkt": json.dumps(about, ensure_ascii=False)})
    rows = 0
    with open(file, "wb") as sink, reading(bank.con, bank.path):
        writer: Any
        if suffix == ".parquet":
            writer = pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd")
        else:
            writer = pyarrow.csv.CSVWriter(sink, schema)
        with writer:
            for batch in batches(table, BATCH):
                writer.write_batch(batch.cast(schema))
                rows += batch.num_rows
        sink.flush()
        os.fsync(sink.fileno())
    return rows
