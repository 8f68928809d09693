"""A target list as files: written whole or not at all, and read back as it was written."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd

from bankmkt.errors import DataError
from bankmkt.manifest import MANIFEST, file_record, write_json
from bankmkt.saving import place, whole

FORMAT = 1
KIND = "target list"
PRIVATE = 0o600
"""Mode of the files: their owner reads and writes them, nobody else."""


def read_target_list(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a target list back, those held out among it: what the next study is made of.

    Parameters
    ----------
    path
        Folder of :func:`bankmkt.uplift.target_list`.

    Returns
    -------
    pandas.DataFrame, dict
        A row per customer, and the record.

    Raises
    ------
    DataError
        If it is no target list, or a file is not as it was written: lists by their own checksums, which stand in the
        record, and the record by its digest.
    """
    folder = place(path)
    record = _earlier(folder)
    frames = []
    for name, wanted in record["files"].items():
        file = folder / name
        if not file.is_file() or file_record(file) != wanted:
            raise DataError(str(file), "missing or changed", "the file as it was written", "make the list again")
        frames.append(pd.read_parquet(file) if file.suffix == ".parquet" else _read_csv(file, record["ids"]))
    return pd.concat([frame for frame in frames if len(frame)], ignore_index=True), record


def write_list(path: Path, parts: dict[str, pd.DataFrame], format: str, record: dict[str, Any]) -> dict[str, Any]:
    """Write tables, labelled by customer_id, and the record into a new folder; return the record with checksums."""
    with whole(path, "the list") as aside:
        aside.mkdir(mode=0o700)
        for name, frame in parts.items():
            out = frame.rename_axis("customer_id").reset_index()
            file = aside / f"{name}.{format}"
            file.touch(PRIVATE)
            if format == "parquet":
                out.to_parquet(file, index=False)
            else:
                out.apply(_quoted).to_csv(file, index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        record = record | {"files": {file.name: file_record(file) for file in sorted(aside.iterdir())}}
        record = record | {"digest": _digest(record)}
        write_json(aside / MANIFEST, record)
        (aside / MANIFEST).chmod(PRIVATE)
    return record


def _quoted(column: pd.Series) -> pd.Series:
    """Put an apostrophe before texts that a spreadsheet would run, and before those that begin with one."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    return column.where(~column.str.match(r"[=+\-@'\t\r\n＝＋－＠]"), "'" + column)


def _read_csv(file: Path, ids: str) -> pd.DataFrame:
    frame = pd.read_csv(file, dtype="str", keep_default_na=False, encoding="utf-8")
    texts = ["arm", "planned_arm", "reasons"] + ["customer_id"] * (ids == "texts")
    found = {name: column.str.removeprefix("'") if name in texts else column for name, column in frame.items()}
    numbers = [name for name in found if name not in (*texts, "customer_id")]
    whole_numbers = {} if ids == "texts" else {"customer_id": pd.to_numeric(found["customer_id"])}
    return pd.DataFrame(found | whole_numbers).astype(dict.fromkeys(numbers, float))


def _earlier(folder: Path) -> dict[str, Any]:
    """Return the record of a target list, or raise DataError if the folder is none."""
    try:
        record = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        what = f"{folder} is no target list ({type(error).__name__})"
        raise DataError(what, None, "a folder of bm.uplift.target_list", "name another folder") from error
    if not isinstance(record, dict) or record.get("kind") != KIND or record.get("format") != FORMAT:
        raise DataError(str(folder), "no target list", "a folder of bm.uplift.target_list", "name another folder")
    if record.get("digest") != _digest(record):
        raise DataError(str(folder / MANIFEST), "changed", "the record as it was written", "make the list again")
    return record


def _digest(record: dict[str, Any]) -> str:
    """Return the SHA-256 of all that the record says, files and figures, but for the digest itself."""
    rest = {name: value for name, value in record.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
