"""Run reports: many kernels at once, none of which can spoil another's report or an earlier good one."""

import contextlib
import datetime as dt
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

from bankmkt.errors import DataError, ParameterError
from bankmkt.reports import notebooks, page, site
from bankmkt.reports.execute import execute
from bankmkt.reports.figures import recorded
from bankmkt.reports.pdf import chromium, write_pdf
from bankmkt.reports.plan import Run, plan
from bankmkt.reports.report import DONE, FAILED, SKIPPED, Report, discard_failed, file_of, load, versions, write_text


def run_report(
    name: str,
    parameters: Mapping[str, object] | None = None,
    out: str | Path = "reports",
    bank: str | Path | None = None,
    engine: str = "duckdb",
    timeout: float = 900,
    pdf: bool = False,
) -> Report:
    """Run one report; :func:`run_reports` for one.

    Returns
    -------
    Report
        Look at ``.ok``, ``.error``, ``.html`` and ``.figures``.
    """
    (report,) = run_reports([name], parameters, out=out, bank=bank, engine=engine, timeout=timeout, pdf=pdf, jobs=1)
    return report


def run_reports(
    names: Iterable[str] | None = None,
    parameters: Mapping[str, object] | None = None,
    *,
    by: str | None = None,
    level: str | None = None,
    out: str | Path = "reports",
    bank: str | Path | None = None,
    engine: str = "duckdb",
    jobs: int = 2,
    timeout: float = 900,
    pdf: bool = False,
    progress: bool = True,
) -> list[Report]:
    """Run reports and write the index page.

    Everything is checked before anything runs. A report is written aside and moved into place when every
    cell ran without error; otherwise it is kept as ``*.failed.ipynb`` and an earlier good one stays.

    Parameters
    ----------
    names : iterable of str, optional
        Reports (``"30_long_tail"``) or paths of notebooks; every report by default, and those that need a table
        which the bank has not are skipped.
    parameters : mapping, optional
        Name → value. Each goes to the reports that have it, and at least one must.
    by : str, optional
        ``"org_id"`` for a report per branch. Reports of an earlier, interrupted batch are kept unless the
        notebook, the parameters, the bank or bankmkt changed.
    level : str, optional
        With ``by="org_id"``: ``"branch"`` or ``"sub_branch"``; branches by default, sub-branches in a bank
        without branches.
    out : path
        Folder of the reports; made when missing.
    bank : path, optional
        As in :func:`bankmkt.open_bank`; the demo bank by default.
    engine : str
        As in :func:`bankmkt.open_bank`.
    jobs : int
        How many notebooks run at once.
    timeout : float
        Seconds a notebook may take.
    pdf : bool
        Also write a PDF; needs Chromium.
    progress : bool
        Whether to show a progress bar, counted in cells.

    Returns
    -------
    list of Report
        In the order of the names; one that failed or was skipped says why in ``.error``.

    Raises
    ------
    ParameterError
        If a name or value is wrong; the message lists what is right.
    DataError
        If there is no such bank, it lacks a table that a named report needs, or ``out`` cannot be written.
    EngineError
        If a PDF is asked for without Chromium.
    """
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise ParameterError("jobs", jobs, "an integer of at least 1", "pass jobs=2")
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < math.inf:
        raise ParameterError("timeout", timeout, "a number of seconds above 0", "pass timeout=900")
    if pdf:
        chromium()
    runs = plan(list(names or ()), dict(parameters or {}), bank, engine, by, level)
    folder = _writable(Path(out))
    reports = {i: _skipped(run, folder) for i, run in enumerate(runs) if run.lacks}
    if by:
        reports |= {i: report for i, run in enumerate(runs) if not run.lacks and (report := _kept(run, folder, pdf))}
    todo = {i: run for i, run in enumerate(runs) if i not in reports}
    with ThreadPoolExecutor(jobs) as pool, _progress(todo.values(), progress) as tick:
        futures = {pool.submit(_produce, run, folder, timeout, pdf, tick): i for i, run in todo.items()}
        try:
            for future in as_completed(futures):
                number = futures[future]
                fault = future.exception()
                reports[number] = _failed(runs[number], folder, fault) if fault else future.result()
        except KeyboardInterrupt as stop:
            pool.shutdown(cancel_futures=True)  # those under way are finished
            site.write_index(folder)
            left = sum(future.cancelled() for future in futures)
            go_on = "; the same command goes on from there" if by else ""
            raise KeyboardInterrupt(f"stopped after {len(runs) - left} of {len(runs)} reports{go_on}") from stop
    site.write_index(folder)
    return [report for _, report in sorted(reports.items())]


def _writable(out: Path) -> Path:
    out = out.absolute()
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DataError("out", str(out), "a folder that can be written", str(error)) from error
    return out


def _kept(run: Run, out: Path, pdf: bool) -> Report | None:
    """Return the report of an earlier run with the same fingerprint, if it is all there."""
    path = file_of(out, run.name, ".json")
    if not path.is_file() or file_of(out, run.name, ".failed.json").is_file():
        return None
    report = load(path, out)
    needed = [".html", ".ipynb", *([".pdf"] if pdf else [])]
    if (
        report is None
        or report.fingerprint != run.fingerprint
        or not all(report.file(suffix).is_file() for suffix in needed)
    ):
        return None
    return replace(report, kept=True)


def _produce(run: Run, out: Path, timeout: float, pdf: bool, tick: Callable[[], object]) -> Report:
    """Run one notebook and put its files in place; the record comes last."""
    partial = file_of(out, run.name, ".partial.ipynb")
    partial.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    try:
        notebook, reason = execute(run.path, partial, run.parameters, timeout, tick)
        seconds = time.monotonic() - start
        figures: dict[str, Any] = {}
        if not reason:
            try:
                figures = recorded(notebook)
            except DataError as error:
                reason = str(error)
        report = _report(run, out, reason, seconds, figures)
        discard_failed(out, run.name)
        if notebook is not None:
            _publish(report, notebook, partial)
        if report.ok:
            report.file(".pdf").unlink(missing_ok=True)
            if pdf:
                write_pdf(report.html, report.file(".pdf"))
        report.save()
        return report
    finally:
        partial.unlink(missing_ok=True)


def _publish(report: Report, notebook: Any, partial: Path) -> None:
    import nbformat

    nbformat.write(notebook, partial)
    html = page.render(notebook, report)
    os.replace(partial, report.file(".ipynb"))
    write_text(report.html, html)


def _skipped(run: Run, out: Path) -> Report:
    report = _report(run, out, "", 0.0, {})
    return replace(report, status=SKIPPED, error=f"the bank has no {', '.join(run.lacks)}")


def _failed(run: Run, out: Path, fault: BaseException) -> Report:
    """Record a failure that was not the notebook's: a full disk, a page that cannot be made."""
    report = _report(run, out, f"{type(fault).__name__}: {fault}", 0.0, {})
    with contextlib.suppress(OSError):
        report.save()
    return report


def _report(run: Run, out: Path, reason: str, seconds: float, figures: dict[str, Any]) -> Report:
    return Report(
        name=run.name,
        notebook=run.path.stem,
        title=run.title,
        question=run.question,
        label=run.label,
        status=FAILED if reason else DONE,
        parameters=run.parameters,
        fingerprint=run.fingerprint,
        figures=figures,
        bank=run.bank,
        versions=versions(str(run.parameters["engine"])),
        seconds=round(seconds, 1),
        finished=dt.datetime.now().isoformat(sep=" ", timespec="minutes"),
        error=reason,
        out=out,
    )


@contextlib.contextmanager
def _progress(runs: Iterable[Run], shown: bool) -> Iterator[Callable[[], object]]:
    """Show a progress bar counted in code cells; yield what counts one."""
    from tqdm import tqdm

    cells = sum(cell["cell_type"] == "code" for run in runs for cell in notebooks.read(run.path)["cells"])
    with tqdm(total=cells, unit="cell", desc="reports", disable=None if shown else True) as bar:
        yield bar.update
