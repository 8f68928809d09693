"""A finished or failed report: what the index page shows and what a resumed batch compares."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bankmkt.manifest import write_json
from bankmkt.reports.figures import Figure
from bankmkt.reports.parameters import Value

DONE, FAILED, SKIPPED = "done", "failed", "skipped"


@dataclass(frozen=True)
class Report:
    """One run of one notebook.

    Parameters
    ----------
    name
        Names the files under ``out``: ``"30_long_tail"``, or ``"30_long_tail/org_id=12"`` for one branch.
    notebook, title, question
        Where it came from and what it answers.
    label
        What sets it apart from other runs of the same notebook, such as the branch's name.
    status
        ``"done"``, ``"failed"``, or ``"skipped"`` where the bank lacks a table that the notebook needs.
    parameters
        Every parameter of the notebook with the value it ran with.
    fingerprint
        Digest of everything that went in; equal digests, equal reports.
    figures
        What the notebook recorded.
    bank, versions
        The data and the software, for the foot of the report.
    seconds
        How long the notebook ran.
    finished
        When, in local time.
    error
        Why it failed or was skipped, in one line.
    out
        The folder of the reports.
    kept
        True when an earlier run with the same fingerprint was kept.
    """

    name: str
    notebook: str
    title: str
    question: str
    label: str
    status: str
    parameters: dict[str, Value]
    fingerprint: str
    figures: dict[str, Figure] = field(default_factory=dict)
    bank: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    finished: str = ""
    error: str = ""
    out: Path = Path("reports")
    kept: bool = False

    @property
    def ok(self) -> bool:
        """Whether the report is there and whole."""
        return self.status == DONE

    def file(self, suffix: str) -> Path:
        """Return the path of one of the report's files: ``".html"``, ``".ipynb"``, ``".pdf"``, ``".json"``.

        A failed run has its own, called ``*.failed.*``, so it never replaces a good report.
        """
        return file_of(self.out, self.name, suffix, failed=not self.ok)

    @property
    def html(self) -> Path:
        """Path of the page to read."""
        return self.file(".html")

    def save(self) -> None:
        """Write the record: the last file of a run, so a record means that the rest is there."""
        content = asdict(self)
        del content["out"], content["kept"]
        write_json(self.file(".json"), content)


def file_of(out: Path, name: str, suffix: str, *, failed: bool = False) -> Path:
    """Return the path of a file of the report called ``name``."""
    return out / f"{name}{'.failed' if failed else ''}{suffix}"


def load(path: Path, out: Path) -> Report | None:
    """Read a record that :meth:`Report.save` wrote under ``out``; None if the file is something else."""
    try:
        return Report(**json.loads(path.read_text(encoding="utf-8")), out=out)
    except (ValueError, TypeError):
        return None


def discard_failed(out: Path, name: str) -> None:
    """Remove what an earlier failed run left under that name."""
    for suffix in (".json", ".html", ".ipynb"):
        file_of(out, name, suffix, failed=True).unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def versions(engine: str) -> dict[str, str]:
    """Return the versions that a report's figures depend on."""
    names = ["bankmkt", "ibis-framework", "duckdb" if engine == "duckdb" else "pyspark", "pandas"]
    return {**{name: version(name) for name in names}, "Python": platform.python_version()}
