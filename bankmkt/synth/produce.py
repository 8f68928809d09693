"""Make a bank on disk: blocks of customers in parallel, resumable, whole or refused."""

import os
import shlex
import shutil
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from bankmkt.bank import Bank, open_bank
from bankmkt.errors import DataError, ParameterError
from bankmkt.manifest import (
    INCOMPLETE,
    MANIFEST,
    read_json,
    read_manifest,
    write_incomplete,
    write_json,
    write_manifest,
)
from bankmkt.synth import files
from bankmkt.synth.calendar import month_at, parse_month
from bankmkt.synth.offers import all_campaigns, own_of
from bankmkt.synth.organisation import organisations, staff
from bankmkt.synth.parallel import blocks_done
from bankmkt.synth.simulate import Plan
from bankmkt.synth.work import PROGRESS, STATE, Job, arms_path, done_path, job_path

try:
    import fcntl
except ImportError:  # Windows has no such lock: there, do not make one bank twice at a time
    fcntl = None  # type: ignore[assignment]

MODEL = 1
"""Raised whenever the same parameters would give another bank."""

DEMO = {"customers": 20_000, "months": 24, "seed": 7, "start": "2024-07", "arrivals": 24, "model": MODEL}
"""What the demo bank is made with."""

_REWRITTEN = ("organisations", "staff", "campaigns", "customers", "assignments")


def generate(
    path: str | os.PathLike[str],
    customers: int = 20_000,
    months: int = 24,
    seed: int = 7,
    workers: int | None = None,
    start: str = "2024-07",
    progress: bool = True,
) -> Bank:
    """Make a synthetic bank whose truth is known, as a folder of Parquet files.

    The model is written down in ``docs/synthetic-bank.md``. The same parameters give the same bytes
    for any number of workers; the first ``n`` customers of a larger bank are the smaller bank's
    (only ``campaigns.budget`` follows the size). A run that was interrupted goes on where it
    stopped when called again with the same parameters.

    Parameters
    ----------
    path
        Folder to make; it must not hold a bank yet.
    customers
        Number of customers who ever opened an account, 1 to 50,000,000.
    months
        Number of months, 1 to 240.
    seed
        RNG seed, 0 or more.
    workers
        Processes; by default one a core.
    start
        First month, "YYYY-MM".
    progress
        Whether to show a progress bar.

    Returns
    -------
    Bank
        The bank, opened on DuckDB.

    Raises
    ------
    ParameterError
        If a parameter is out of range.
    DataError
        If the folder holds something else, cannot be written, or the disk is full.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp()) / "bank"
    >>> bank = generate(folder, customers=100, months=2, workers=1, progress=False)
    >>> int(bank.customers.count().execute())
    100
    """
    check_whole("customers", customers, 1, 50_000_000)
    check_whole("months", months, 1, 240)
    check_whole("seed", seed, 0, 2**63 - 1)
    parse_month(start)
    job = Job(Path(path), Plan(seed, start, months), customers, 0, months - 1)
    return make_bank(job, workers, progress)


def advance_bank(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    months: int = 1,
    workers: int | None = None,
    progress: bool = True,
) -> Bank:
    """Let a generated bank go on for more months, from the state it was saved in, as a new bank.

    The old bank stays as it is, so several futures can start from it; files that do not change are
    shared by hard links where the disk allows. Going on gives the same bank as making it longer at
    once, but that no customers arrive after the months it was first made for. An interrupted call
    goes on when repeated.

    Parameters
    ----------
    path
        Folder of a bank made by :func:`generate`.
    out
        Folder to make; it must not hold a bank yet.
    months
        How many months to add, 1 to 240.
    workers, progress
        As in :func:`generate`.

    Returns
    -------
    Bank
        The longer bank, opened on DuckDB.

    Raises
    ------
    DataError
        If ``path`` is not a generated bank of this version's model, or ``out`` cannot be made.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> home = pathlib.Path(tempfile.mkdtemp())
    >>> bank = generate(home / "now", customers=100, months=1, workers=1, progress=False)
    >>> len(advance_bank(home / "now", home / "later", months=1, workers=1, progress=False).months)
    2
    """
    check_whole("months", months, 1, 240)
    return make_bank(going_on(path, out, months), workers, progress)


def going_on(path: str | os.PathLike[str], out: str | os.PathLike[str], months: int) -> Job:
    """Return the job of adding months to a generated bank, or raise DataError if it is none of this model."""
    source = Path(path).resolve()
    manifest = read_manifest(source)
    if manifest is None or manifest["created_by"] != "generate" or manifest["parameters"].get("model") != MODEL:
        raise DataError(
            "path", str(path), f"a bank made by bm.generate with model {MODEL}", "make one, or name its folder"
        )
    was = manifest["parameters"]
    plan = Plan(was["seed"], was["start"], was["arrivals"], own_of(was.get("own", [])))
    return Job(Path(out), plan, was["customers"], was["months"], was["months"] + months - 1, str(source))


def demo_bank(path: str | os.PathLike[str] = "data/demo") -> Bank:
    """Return the demo bank (20,000 customers, 24 months), made at first use in under a minute.

    Parameters
    ----------
    path
        Where it is kept; relative to the project's folder when called from ``notebooks/``.

    Raises
    ------
    DataError
        If the folder holds another bank, or a demo bank of an older model.
    """
    folder = Path(path)
    if not folder.is_absolute() and not folder.parent.exists() and (Path("..") / folder.parent).exists():
        folder = Path("..") / folder
    if (folder / MANIFEST).exists() and not (folder / INCOMPLETE).exists():
        if read_json(folder / MANIFEST)["parameters"] != DEMO:
            todo = f"if nobody needs that bank, delete it (rm -r {shlex.quote(str(folder))}) and call again"
            raise DataError("path", str(folder), "the demo bank of this version", todo)
        return open_bank(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return generate(folder)


def command(job: Job) -> str:
    """Return what starts or resumes a job: a shell command, but for an analyst's campaign."""
    if job.arms:
        return f"world.run(...) with the same arguments, out={str(job.folder)!r}"
    if job.source:
        call = f"advance_bank({job.source!r}, {str(job.folder)!r}, months={job.last - job.first + 1})"
        return f"python -c {shlex.quote(f'from bankmkt.synth import advance_bank; {call}')}"
    return (
        f"bankmkt generate {shlex.quote(str(job.folder))} --customers {job.customers} --months {job.last + 1} "
        f"--seed {job.plan.seed} --start {job.plan.start}"
    )


def check_whole(name: str, value: int, low: int, high: int) -> None:
    """Raise ParameterError unless ``value`` is a whole number from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
        raise ParameterError(name, value, f"a whole number from {low:,} to {high:,}", f"pass another {name}")


def _workers(workers: int | None, job: Job) -> int:
    if workers is None:
        workers = os.cpu_count() or 1
    check_whole("workers", workers, 1, 1024)
    return min(workers, job.blocks)


def make_bank(job: Job, workers: int | None, progress: bool, arms: Mapping[str, np.ndarray] | None = None) -> Bank:
    """Make the bank, one process at a time: a second one waits until the first has finished or died.

    ``arms`` are the arrays of :func:`bankmkt.synth.simulate.enlist`, where an analyst's campaign starts.
    """
    workers = _workers(workers, job)
    _claim(job, arms)
    try:
        lock = open(job.folder / PROGRESS / "lock", "w")  # noqa: SIM115 (held by the with below)
    except FileNotFoundError:
        if (job.folder / INCOMPLETE).exists():
            raise
        return open_bank(job.folder)  # finished by another process just now
    with lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        if (job.folder / INCOMPLETE).exists():
            _blocks(job, workers, progress)
    return open_bank(job.folder)


def _claim(job: Job, arms: Mapping[str, np.ndarray] | None) -> None:
    """Make the folder, marked as incomplete from its first moment; or find that the same job began there."""
    folder = job.folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not folder.is_dir() or not (folder / INCOMPLETE).exists():
            raise DataError("folder", str(folder), "a folder that does not exist or is empty",
                            "choose another path, or delete the folder if the bank in it is not needed")  # fmt: skip
        begun = read_json(job_path(folder)) if job_path(folder).exists() else job.record()
        if begun != job.record():
            raise DataError("folder", str(folder), f"the unfinished bank with {begun}",
                            "call again with those parameters to resume it, or delete the folder")  # fmt: skip
        return
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        (aside / PROGRESS).mkdir(parents=True)
        write_incomplete(aside, command(job))
        write_json(job_path(aside), job.record())
        if arms is not None:
            np.savez(arms_path(aside), allow_pickle=False, **arms)
        aside.rename(folder)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        if (folder / INCOMPLETE).exists():  # another process was quicker
            return _claim(job, arms)
        raise DataError("folder", str(folder), "a place that can be written", str(error)) from error


def _blocks(job: Job, workers: int, progress: bool) -> None:
    """Do the blocks that are not done yet, then declare the bank finished."""
    bars = import_module("tqdm.auto" if progress else "tqdm")  # the former warns where notebooks have no widgets
    todo = [b for b in range(job.blocks) if not done_path(job.folder, b).exists()]
    done = job.blocks - len(todo)
    with bars.tqdm(total=job.blocks, initial=done, unit="block", desc="bank", disable=not progress) as bar:
        try:
            for _ in blocks_done(job, todo, workers):
                bar.update()
            _finish(job)
        except OSError as error:
            raise DataError(
                "folder", str(job.folder), "room and the right to write",
                f"{error}; free some space or mend the permissions, then resume with: {command(job)}",
            ) from error  # fmt: skip


def _finish(job: Job) -> None:
    """Write the tables that belong to no block, take over unchanged files, then write the manifest."""
    folder, start, own = job.folder, job.plan.start, job.plan.own
    day0 = partial(month_at, start)
    whole = {
        "organisations": organisations(),
        "staff": staff(job.plan.seed, day0(0).first),
        "campaigns": files.campaigns_table(
            all_campaigns(start, job.last + 1, own), {c.campaign_id: c.budget for c in own}, job.customers, day0
        ),
    }
    records: dict[str, dict[str, Any]] = {}
    for name, table in whole.items():
        records |= files.write_table(folder, name, "00000", table)
    for number in range(job.blocks):
        records |= read_json(done_path(folder, number))
    rows: dict[str, int] = {}
    for path, record in records.items():
        if "rows" in record:
            name = path.split("/")[0]
            rows[name] = rows.get(name, 0) + record["rows"]
    kept = {path: {"bytes": record["bytes"], "sha256": record["sha256"]} for path, record in records.items()}
    if job.source:
        before = read_json(Path(job.source) / MANIFEST)
        rows |= {n: rows[n] + count for n, count in before["rows"].items() if n not in _REWRITTEN}
        for path, record in before["files"].items():
            if path.split("/")[0] not in (*_REWRITTEN, STATE):
                _share(Path(job.source) / path, folder / path)
                kept[path] = record
        if files.several_arms(own):
            kept |= _wider_truth(folder)
    parameters = {
        "customers": job.customers, "months": job.last + 1, "seed": job.plan.seed, "start": start,
        "arrivals": job.plan.horizon, "model": MODEL, **({"own": [c.record() for c in own]} if own else {}),
    }  # fmt: skip
    write_manifest(folder, parameters, rows, kept, "generate")
    shutil.rmtree(folder / PROGRESS)


def _share(old: Path, new: Path) -> None:
    """Give the new bank a file of the old one: by a hard link, or a copy where links do not work."""
    aside = new.with_name(f".{new.name}.{os.getpid()}.tmp")
    try:
        os.link(old, aside)
    except OSError:
        shutil.copy2(old, aside)
    os.replace(aside, new)


def _wider_truth(folder: Path) -> dict[str, dict[str, Any]]:
    """Give older parts of ``truth`` the columns of several arms: parts of a table are alike."""
    records: dict[str, dict[str, Any]] = {}
    for path in sorted((folder / "truth").glob("part-*.parquet")):
        part = pq.read_table(path)
        if not set(files.OTHER_ARMS) <= set(part.column_names):
            records |= files.write_table(folder, "truth", path.stem.removeprefix("part-"), files.with_arms(part))
    return {path: {"bytes": record["bytes"], "sha256": record["sha256"]} for path, record in records.items()}
