"""Whether a folder holds a whole bank: its manifest, written last, and the sizes and checksums in it.

A folder is being written while it holds :data:`INCOMPLETE`; it is finished when it holds :data:`MANIFEST`.
A folder with neither holds an analyst's own files, of which nothing is promised.
"""

import hashlib
import json
import os
import shlex
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bankmkt.errors import DataError

FORMAT = 1
MANIFEST = "manifest.json"
INCOMPLETE = "INCOMPLETE.json"

_REDO = "make the bank again, or open a copy that is whole"


def file_record(path: str | Path) -> dict[str, Any]:
    """Return size and checksum of a file as the manifest keeps them.

    Parameters
    ----------
    path
        An existing file.

    Returns
    -------
    dict
        ``bytes`` and ``sha256`` (hexadecimal).
    """
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": os.path.getsize(path), "sha256": digest}


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all: aside, flushed to disk, then moved into place.

    Parameters
    ----------
    path
        Where the file shall be.
    content
        What it shall hold.
    """
    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(aside, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def write_incomplete(folder: str | Path, resume: str) -> None:
    """Mark a folder as being written.

    Parameters
    ----------
    folder
        An existing folder.
    resume
        The command that resumes or redoes the work; shown to whoever opens the folder meanwhile.
    """
    write_json(Path(folder) / INCOMPLETE, {"resume": resume})


def write_manifest(
    folder: str | Path,
    parameters: Mapping[str, Any],
    rows: Mapping[str, int],
    files: Mapping[str, Mapping[str, Any]],
    created_by: str,
) -> dict[str, Any]:
    """Declare a folder finished: write its manifest, then drop the mark of unfinished work.

    Parameters
    ----------
    folder
        The bank's folder, every file of which is in place.
    parameters
        What the bank was made with (``seed`` among them, if any).
    rows
        Number of rows by table.
    files
        :func:`file_record` by path, relative to the folder, with forward slashes.
    created_by
        ``"generate"`` or ``"save"``.

    Returns
    -------
    dict
        The manifest.
    """
    manifest = {
        "format": FORMAT,
        "bankmkt": version("bankmkt"),
        "created_by": created_by,
        "parameters": dict(parameters),
        "rows": {table: int(n) for table, n in rows.items()},
        "files": {path: dict(record) for path, record in sorted(files.items())},
        "complete": True,
    }
    write_json(Path(folder) / MANIFEST, manifest)
    (Path(folder) / INCOMPLETE).unlink(missing_ok=True)
    return manifest


def read_manifest(folder: str | Path) -> dict[str, Any] | None:
    """Read the manifest of a folder.

    Parameters
    ----------
    folder
        A bank's folder.

    Returns
    -------
    dict or None
        None for a folder without manifest: an analyst's own files.

    Raises
    ------
    DataError
        When the folder is unfinished, or the manifest cannot be read or is of another format.
    """
    folder = Path(folder)
    unfinished = folder / INCOMPLETE
    if unfinished.exists():
        todo = read_json(unfinished).get("resume", "")
        raise DataError(
            "bank",
            str(folder),
            "a finished bank, but writing it was interrupted",
            f"resume with: {todo}" if todo else _REDO,
        )
    path = folder / MANIFEST
    if not path.exists():
        return None
    manifest = read_json(path)
    if manifest.get("format") != FORMAT or not manifest.get("complete"):
        raise DataError(
            "manifest",
            str(path),
            f"format {FORMAT} and complete: true",
            "open it with the bankmkt version that made it",
        )
    return manifest


def check_files(folder: str | Path, manifest: Mapping[str, Any], deep: bool = False) -> None:
    """Hold the files of a folder against its manifest.

    Parameters
    ----------
    folder
        A bank's folder.
    manifest
        As :func:`read_manifest` returns it.
    deep
        Compare checksums too, not only sizes; reads every byte.

    Raises
    ------
    DataError
        Naming every file that is missing, of another size or content, or not in the manifest.
    """
    folder = Path(folder)
    expected: Mapping[str, Mapping[str, Any]] = manifest["files"]
    found = {p.relative_to(folder).as_posix(): p for p in folder.glob("*/*.parquet")}
    found |= {p.name: p for p in folder.glob("*.parquet")}
    faults = [f"{name} (not in the manifest)" for name in sorted(found.keys() - expected.keys())]
    for name, record in expected.items():
        if not (folder / name).is_file():
            faults.append(f"{name} (missing)")
        elif (size := (folder / name).stat().st_size) != record["bytes"]:
            faults.append(f"{name} ({size:,} bytes, not {record['bytes']:,})")
        elif deep and file_record(folder / name)["sha256"] != record["sha256"]:
            faults.append(f"{name} (other content)")
    if faults:
        raise DataError(
            f"bank {folder}: {', '.join(faults)}", None, "the files of its manifest", _redo(manifest, folder)
        )


def _redo(manifest: Mapping[str, Any], folder: Path) -> str:
    """Return what to do about a damaged bank: the command that made it, where there is one."""
    if manifest["created_by"] != "generate":
        return _REDO
    given = manifest["parameters"]
    options = " ".join(f"--{name} {given[name]}" for name in ("customers", "months", "seed", "start") if name in given)
    return f"delete the folder, then redo with: bankmkt generate {shlex.quote(str(folder))} {options}"


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file, or raise DataError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error})", None, "a JSON object", _REDO) from error
    if not isinstance(content, dict):
        raise DataError(f"{path} cannot be read", None, "a JSON object", _REDO)
    return content
