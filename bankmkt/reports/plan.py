"""What a batch will run, decided and checked before anything runs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bankmkt.engines import check_engine
from bankmkt.errors import DataError, ParameterError, one_of
from bankmkt.reports import PUBLIC, notebooks
from bankmkt.reports.parameters import Parameter, Value, check_names, declared, resolve
from bankmkt.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

EVERY_REPORT_TAKES = ("bank", "engine")
LEVELS = ("branch", "sub_branch")
"""Units that can have a report each; the first that a bank has, unless one is asked for."""


@dataclass(frozen=True)
class Run:
    """One notebook with one set of parameters; it cannot run where ``lacks`` names tables that the bank has not."""

    name: str
    path: Path
    title: str
    question: str
    parameters: dict[str, Value]
    bank: dict[str, Any]
    fingerprint: str
    label: str = ""
    lacks: tuple[str, ...] = ()


def plan(
    names: Sequence[str],
    given: Mapping[str, object],
    bank: str | Path | None,
    engine: str,
    by: str | None,
    level: str | None = None,
) -> list[Run]:
    """Decide what to run, and refuse what cannot be right.

    Parameters
    ----------
    names
        Reports or paths of notebooks; empty for every report, of which those come back with ``lacks`` that
        need a table the bank has not.
    given
        Parameters; each goes to the reports that have it, and must be known to at least one.
    bank, engine
        Values of the parameters of that name, unless ``given`` has them.
    by
        ``"org_id"`` for a run per branch.
    level
        One of :data:`LEVELS` instead of branches.

    Raises
    ------
    ParameterError, DataError
        If a name or value is wrong, there is no such bank, or it lacks a table that a named report needs.
    """
    check_engine(engine)
    if by not in (None, "org_id"):
        raise ParameterError("by", by, "org_id", "leave it out for one report on the whole bank")
    if level is not None and (by is None or level not in LEVELS):
        raise ParameterError("level", level, f"{one_of(LEVELS)}, with by='org_id'", "leave it out for branches")
    paths = [notebooks.find(name) for name in (names or notebooks.reports())]
    stems = [path.stem for path in dict.fromkeys(paths)]
    if len(set(stems)) < len(stems):
        raise ParameterError(
            "reports", sorted(stems), "notebooks of different names", "run them into different folders"
        )
    if "index" in stems:
        raise ParameterError("report", "index", "a notebook of another name", "index.html is the page that lists them")
    found = {path: notebooks.read(path) for path in paths}
    parameters = {path: _declared(path, notebook, by) for path, notebook in found.items()}
    merged = {"engine": engine, **({} if bank is None else {"bank": str(bank)}), **given}
    check_names(merged, {path.stem: known for path, known in parameters.items()})
    values = {
        path: resolve(known, {name: value for name, value in merged.items() if name in known}, path.stem)
        for path, known in parameters.items()
    }
    source = str(next(iter(values.values()))["bank"])
    if source not in ("demo", *PUBLIC):
        source = str(Path(source).absolute())
    opened = _open(source)
    facts, units = _facts(opened), opened.frame(opened.organisations.select("org_id", "level", "name"))
    each = _units(units, level) if by else {None: ""}
    if not each:
        what = " or ".join([level] if level else LEVELS)
        raise ParameterError("by", by, f"a bank with units of level {what}", "leave it out for the whole bank")
    runs = []
    for path, notebook in found.items():
        lacks = notebooks.lacks(notebook, opened)
        if lacks and names:
            what = f"{path.stem} needs {', '.join(lacks)}, which {source} has not"
            raise DataError(what, todo="add them (docs/data-dictionary.md), or leave the report out")
        whole = {**values[path], "bank": source, **_checked(values[path], opened, units)}
        title, question = notebooks.heading(notebook)
        for unit, label in each.items():
            chosen = whole if unit is None else {**whole, "org_id": unit}
            runs.append(
                Run(
                    name=path.stem if unit is None else f"{path.stem}/org_id={quote(str(unit), safe='')}",
                    path=path,
                    title=title or path.stem,
                    question=question,
                    parameters=chosen,
                    bank={key: value for key, value in facts.items() if key != "content"} | {"engine": whole["engine"]},
                    fingerprint=_digest(notebooks.fingerprint(notebook), chosen, facts["content"], _code()),
                    label=label,
                    lacks=lacks,
                )
            )
    return runs


def _declared(path: Path, notebook: Any, by: str | None) -> dict[str, Parameter]:
    known = declared(notebook, path.stem)
    missing = [name for name in (*EVERY_REPORT_TAKES, *([by] if by else [])) if name not in known]
    if missing:
        raise ParameterError(
            f"{path.stem} lacks the parameter {missing[0]}",
            todo="declare it in the cell tagged parameters, or choose another report",
        )
    return known


def _open(source: str) -> "Bank":
    """Open the bank once: the demo bank is made here, and a wrong path is found before any kernel starts."""
    from bankmkt.reports import open_bank_parameter

    return open_bank_parameter(source)


def _facts(bank: "Bank") -> dict[str, Any]:
    facts = bank.describe()
    rows = facts.get("rows", {})
    return facts | {"rows": {name: rows[name] for name in TABLES if name in rows}, "content": _content(bank)}


def _content(bank: "Bank") -> str:
    """Digest what the bank's data is: its manifest, or else its files' names, sizes and times."""
    if bank.manifest is not None:
        return _digest(bank.manifest)
    path = bank.path
    if path is None:  # of public data, which are checked against their checksums when read
        return _digest(bank.describe())
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return _digest([(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()])


def _code() -> str:
    """Digest the package's own code and templates, which a checkout can change between two versions."""
    root = Path(__file__).parents[1]
    files = sorted(p for p in [*root.rglob("*.py"), *root.glob("reports/templates/**/*")] if p.is_file())
    return _digest(version("bankmkt"), [(str(p.relative_to(root)), p.read_text(encoding="utf-8")) for p in files])


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _checked(values: Mapping[str, Value], bank: "Bank", units: "pd.DataFrame") -> dict[str, Value]:
    """Hold the unit and the month that were asked for against those the bank has."""
    out: dict[str, Value] = {}
    unit, month = values.get("org_id"), values.get("month")
    if unit is not None:
        found = [each for each in units["org_id"].tolist() if str(each) == str(unit)]
        if not found:
            known = ", ".join(f"{org} ({name})" for org, name in _units(units, None).items())
            todo = f"its branches are {known}" if known else "leave it out for the whole bank"
            raise ParameterError("org_id", unit, "a unit of this bank", todo)
        out["org_id"] = found[0]
    if month is not None and bank.has("balances"):
        months = [f"{day:%Y-%m}" for day in bank.months]
        if months and month not in months:
            raise ParameterError("month", month, "a month with balances", f"the bank has {months[0]} to {months[-1]}")
    return out


def _units(units: "pd.DataFrame", level: str | None) -> dict[int | str, str]:
    """Return number → name of the units of a level: by default the branches, or else the sub-branches, if any."""
    for wanted in [level] if level else LEVELS:
        chosen = units[units["level"] == wanted].sort_values("org_id")
        if len(chosen):
            return dict(zip(chosen["org_id"].tolist(), chosen["name"].astype(str), strict=True))
    return {}
