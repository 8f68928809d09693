"""Make a bank on disk: blocks of customers in parallel, resumable, whole or refused."""

import os
import shlex
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bankmkt.bank import Bank, open_bank
from bankmkt.errors import DataError, ParameterError
from bankmkt.manifest import (
    INCOMPLETE,
    MANIFEST,
    file_record,
    read_json,
    write_incomplete,
    write_json,
    write_manifest,
)
from bankmkt.synth import files
from bankmkt.synth.calendar import Month, month_at, parse_month
from bankmkt.synth.campaigns import calendar
from bankmkt.synth.organisation import organisations, staff
from bankmkt.synth.rows import Rows, events, transactions
from bankmkt.synth.saved import load_block, save_block
from bankmkt.synth.simulate import Block, Plan, Truth, advance, new_block
from bankmkt.synth.streams import BLOCK

try:
    import fcntl
except ImportError:  # Windows has no such lock: there, do not make one bank twice at a time
    fcntl = None  # type: ignore[assignment]

MODEL = 1
"""Raised whenever the same parameters would give another bank; the demo bank is then made again."""

CHUNK = 24
"""Months written to one file per block and table."""

_PROGRESS, _STATE = "_progress", "_state"


@dataclass(frozen=True)
class Job:
    """Months ``first`` to ``last`` (inclusive) of a bank in ``folder``."""

    folder: Path
    plan: Plan
    customers: int
    first: int
    last: int

    @property
    def blocks(self) -> int:
        """Number of blocks, the last one perhaps cut."""
        return -(-self.customers // BLOCK)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the manifest keeps."""
        return {
            "customers": self.customers,
            "months": self.last + 1,
            "seed": self.plan.seed,
            "start": self.plan.start,
            "arrivals": self.plan.horizon,
            "model": MODEL,
        }


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
    _check("customers", customers, 1, 50_000_000)
    _check("months", months, 1, 240)
    _check("seed", seed, 0, 2**63 - 1)
    parse_month(start)
    folder = Path(path)
    job = Job(folder, Plan(seed, start, months), customers, 0, months - 1)
    processes = _workers(workers, job)
    _claim(job)
    _run(job, processes, progress)
    return open_bank(folder)


def advance_bank(
    path: str | os.PathLike[str], months: int = 1, workers: int | None = None, progress: bool = True
) -> Bank:
    """Let a generated bank go on for more months, from the state it was saved in.

    Going on gives the same bank as making it longer at once, but that no customers arrive after
    the months it was first made for. An interrupted call goes on when repeated.

    Parameters
    ----------
    path
        Folder of a bank made by :func:`generate`.
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
        If the folder is not a generated bank.
    """
    _check("months", months, 1, 240)
    folder = Path(path)
    manifest = read_json(folder / MANIFEST) if (folder / MANIFEST).exists() else None
    if manifest is None or manifest["created_by"] != "generate":
        raise DataError("folder", str(folder), "a bank made by bm.generate", "make one, or name its folder")
    was = manifest["parameters"]
    plan = Plan(was["seed"], was["start"], was["arrivals"])
    job = Job(folder, plan, was["customers"], was["months"], was["months"] + months - 1)
    again = _pending(folder)
    if again is not None:
        job = replace(job, last=int(again["months"]) - 1)
    processes = _workers(workers, job)
    _mark(job)
    _run(job, processes, progress)
    return open_bank(folder)


def demo_bank(path: str | os.PathLike[str] = "data/demo") -> Bank:
    """Return the demo bank (20,000 customers, 24 months), made at first use in under a minute.

    Parameters
    ----------
    path
        Where it is kept; relative to the project's folder when called from ``notebooks/``.
    """
    folder = Path(path)
    if not folder.is_absolute() and not folder.parent.exists() and (Path("..") / folder.parent).exists():
        folder = Path("..") / folder
    if (folder / MANIFEST).exists() and not (folder / INCOMPLETE).exists():
        if read_json(folder / MANIFEST)["parameters"].get("model") == MODEL:
            return open_bank(folder)
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return generate(folder)


def command(job: Job) -> str:
    """Return the shell command that starts or resumes a job."""
    return (
        f"bankmkt generate {shlex.quote(str(job.folder))} --customers {job.customers} --months {job.last + 1} "
        f"--seed {job.plan.seed} --start {job.plan.start}"
    )


def _check(name: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
        raise ParameterError(name, value, f"a whole number from {low:,} to {high:,}", f"pass another {name}")


def _workers(workers: int | None, job: Job) -> int:
    if workers is None:
        workers = os.cpu_count() or 1
    _check("workers", workers, 1, 1024)
    return min(workers, job.blocks)


def _pending(folder: Path) -> dict[str, Any] | None:
    """Parameters of the unfinished job in a folder."""
    path = folder / _PROGRESS / "job.json"
    return read_json(path) if path.exists() else None


def _claim(job: Job) -> None:
    """Make the folder, marked as incomplete from its first moment; or find that the same job began there."""
    folder = job.folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not folder.is_dir() or not (folder / INCOMPLETE).exists():
            raise DataError("folder", str(folder), "a folder that does not exist or is empty",
                            "choose another path, or delete the folder if the bank in it is not needed")  # fmt: skip
        begun = _pending(folder)
        if begun != job.parameters:
            raise DataError("folder", str(folder), f"the unfinished bank with {begun}",
                            "call again with those parameters to resume it, or delete the folder")  # fmt: skip
        return
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        (aside / _PROGRESS).mkdir(parents=True)
        write_incomplete(aside, command(job))
        write_json(aside / _PROGRESS / "job.json", job.parameters)
        aside.rename(folder)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        if (folder / INCOMPLETE).exists():  # another process was quicker
            return _claim(job)
        raise DataError("folder", str(folder), "a place that can be written", str(error)) from error


def _mark(job: Job) -> None:
    (job.folder / _PROGRESS).mkdir(exist_ok=True)
    write_json(job.folder / _PROGRESS / "job.json", job.parameters)
    more = f"python -c \"import bankmkt; bankmkt.synth.advance_bank('{job.folder}')\""
    write_incomplete(job.folder, more)


def _run(job: Job, workers: int, progress: bool) -> None:
    """Make the bank, one process at a time: a second one waits until the first has finished or died."""
    try:
        lock = open(job.folder / _PROGRESS / "lock", "w")  # noqa: SIM115 (held by the with below)
    except FileNotFoundError:
        if (job.folder / INCOMPLETE).exists():
            raise
        return  # finished by another process just now
    with lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        if (job.folder / INCOMPLETE).exists():
            _make(job, workers, progress)


def _make(job: Job, workers: int, progress: bool) -> None:
    """Do the blocks that are not done yet, then declare the bank finished."""
    from tqdm.auto import tqdm

    todo = [b for b in range(job.blocks) if not _done(job, b).exists()]
    with tqdm(total=job.blocks, initial=job.blocks - len(todo), unit="block", desc="bank", disable=not progress) as bar:
        try:
            for _ in _results(job, todo, workers):
                bar.update()
            _finish(job)
        except OSError as error:
            raise DataError(
                "folder", str(job.folder), "room and the right to write",
                f"{error}; free some space or mend the permissions, then resume with: {command(job)}",
            ) from error  # fmt: skip
        except BrokenProcessPool as error:
            raise DataError("workers", workers, "processes that live", f"resume with: {command(job)}") from error


def _results(job: Job, todo: list[int], workers: int) -> Iterator[None]:
    if workers == 1 or len(todo) < 2:
        for number in todo:
            make_block(job, number)
            yield
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(make_block, job, number) for number in todo]
        try:
            for future in as_completed(futures):
                future.result()
                yield
        finally:
            pool.shutdown(cancel_futures=True)


def _done(job: Job, number: int) -> Path:
    return job.folder / _PROGRESS / f"{number:05d}-{job.last:03d}.json"


def _saved(folder: Path, number: int, month: int) -> Path:
    return folder / _STATE / f"part-{number:05d}-{month:03d}.npz"


def make_block(job: Job, number: int) -> None:
    """Simulate and write one block of customers; the last thing written says that it is done."""
    for stale in job.folder.glob(f"*/.part-{number:05d}*.tmp"):
        stale.unlink(missing_ok=True)
    keep = min(job.customers - number * BLOCK, BLOCK)
    records: dict[str, dict[str, Any]] = {}
    if job.first == 0:
        block = new_block(job.plan, number)
    else:
        block = load_block(_saved(job.folder, number, job.first - 1), job.plan, number)
    for first in range(job.first, job.last + 1, CHUNK):
        last = min(first + CHUNK - 1, job.last)
        for name, table in _chunk(block, first, last, keep):
            records |= files.write_table(job.folder, name, f"{number:05d}-{first:03d}", table)
    part = f"{number:05d}"
    records |= files.write_table(job.folder, "customers", part, files.customers_table(block, keep))
    records |= files.write_table(job.folder, "assignments", part, files.assignments_table(block, keep))
    state = _saved(job.folder, number, job.last)
    save_block(state, block)
    records[f"{_STATE}/{state.name}"] = file_record(state)
    write_json(_done(job, number), records)


def _chunk(block: Block, first: int, last: int, keep: int) -> Iterator[tuple[str, pa.Table]]:
    """Advance a block from month ``first`` to ``last`` and yield the tables of that time."""
    seed, number, traits = block.plan.seed, block.number, block.traits
    moves: list[Rows] = []
    acts: list[Rows] = []
    contacts: list[Rows] = []
    truths: list[Truth] = []
    ends: list[tuple[Month, np.ndarray, np.ndarray]] = []
    for _ in range(first, last + 1):
        step = advance(block)
        moves.append(transactions(step, traits, seed, number).first(keep))
        acts.append(events(step, traits, seed, number).first(keep))
        contacts.extend(rows.first(keep) for rows in files.contacts_rows(block, step))
        truths.extend(step.truths)
        ends.append((step.month, step.after.balance, step.activity.present & ~step.activity.leaves))
    origin = month_at(block.plan.start, first).start
    yield "transactions", files.transactions_table(block, first, Rows.concat(moves).sorted(origin))
    moves.clear()
    yield "events", files.events_table(block, first, Rows.concat(acts).sorted(origin))
    yield "balances", files.balances_table(block, ends, keep)
    joined = Rows.concat(contacts).sorted(origin) if contacts else None
    yield "contacts", files.contacts_table(block, first, joined)
    yield "truth", files.truth_table(block, truths, keep)


def _finish(job: Job) -> None:
    """Write the tables that belong to no block, then the manifest."""
    folder, start = job.folder, job.plan.start
    day0 = partial(month_at, start)
    whole = {
        "organisations": organisations(),
        "staff": staff(job.plan.seed, day0(0).first),
        "campaigns": files.campaigns_table(calendar(start, job.last + 1), job.customers, day0),
    }
    records: dict[str, dict[str, Any]] = {}
    for name, table in whole.items():
        records |= files.write_table(folder, name, "00000", table)
    for number in range(job.blocks):
        records |= read_json(_done(job, number))
    before = read_json(folder / MANIFEST) if job.first else None
    rows: dict[str, int] = {}
    for path, record in records.items():
        if "rows" in record:
            name = path.split("/")[0]
            rows[name] = rows.get(name, 0) + record["rows"]
    if before is not None:
        parts = {n: before["rows"][n] for n in ("transactions", "events", "balances", "contacts", "truth")}
        rows |= {n: rows[n] + count for n, count in parts.items()}
        old = {p: r for p, r in before["files"].items() if not p.startswith(f"{_STATE}/")}
        records = old | records
    kept = {p: {"bytes": r["bytes"], "sha256": r["sha256"]} for p, r in records.items()}
    write_manifest(folder, job.parameters, rows, kept, "generate")
    for state in (folder / _STATE).glob("*.npz"):
        if f"{_STATE}/{state.name}" not in kept:
            state.unlink()
    shutil.rmtree(folder / _PROGRESS)
