"""Simulate one block of customers and write its files: what a worker process does.

    python -m bankmkt.synth.work FOLDER        # reads block numbers, a line each, answers each when done

Workers are programs of their own, not forks: they never run the caller's script again, and they end
by themselves when the caller is gone.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bankmkt.manifest import file_record, read_json, write_json
from bankmkt.synth import files
from bankmkt.synth.calendar import Month, month_at
from bankmkt.synth.events import events
from bankmkt.synth.offers import Own, own_of
from bankmkt.synth.rows import Rows
from bankmkt.synth.saved import load_block, save_block
from bankmkt.synth.simulate import Block, Plan, Truth, advance, enlist, new_block
from bankmkt.synth.streams import BLOCK
from bankmkt.synth.transactions import transactions

CHUNK = 24
"""Months written to one file per block and table."""

PROGRESS, STATE = "_progress", "_state"


@dataclass(frozen=True)
class Job:
    """Months ``first`` to ``last`` (inclusive) of a bank made in ``folder``; ``source`` is the bank it goes on from.

    ``arms`` is the digest of who is in which arm of the analyst's campaign that starts in the first month, if any.
    """

    folder: Path
    plan: Plan
    customers: int
    first: int
    last: int
    source: str = ""
    arms: str = ""

    @property
    def blocks(self) -> int:
        """Number of blocks, the last one perhaps cut."""
        return -(-self.customers // BLOCK)

    def with_campaign(self, own: Own, arms: str) -> "Job":
        """Return the job in which an analyst's campaign starts in the first month."""
        return replace(self, plan=replace(self.plan, own=(*self.plan.own, own)), arms=arms)

    def record(self) -> dict[str, Any]:
        """Return the job as it is kept in the folder while it is unfinished."""
        return {
            "customers": self.customers, "seed": self.plan.seed, "start": self.plan.start,
            "arrivals": self.plan.horizon, "first": self.first, "last": self.last, "source": self.source,
            "own": [own.record() for own in self.plan.own], "arms": self.arms,
        }  # fmt: skip


def job_path(folder: Path) -> Path:
    """Return where a folder's unfinished job is kept."""
    return folder / PROGRESS / "job.json"


def read_job(folder: Path) -> Job:
    """Return the unfinished job of a folder."""
    was = read_json(job_path(folder))
    plan = Plan(was["seed"], was["start"], was["arrivals"], own_of(was["own"]))
    return Job(folder, plan, was["customers"], was["first"], was["last"], was["source"], was["arms"])


def arms_path(folder: Path) -> Path:
    """Return where the arms of an analyst's campaign are kept while its job is unfinished."""
    return folder / PROGRESS / "arms.npz"


def done_path(folder: Path, number: int) -> Path:
    """Return where a finished block is noted, with its files."""
    return folder / PROGRESS / f"{number:05d}.json"


def state_path(folder: Path, number: int, month: int) -> Path:
    """Return where a block's state at the end of a month is kept."""
    return folder / STATE / f"part-{number:05d}-{month:03d}.npz"


def make_block(job: Job, number: int) -> None:
    """Simulate and write one block of customers; the last thing written says that it is done."""
    for stale in job.folder.glob(f"*/.part-{number:05d}*.tmp"):
        stale.unlink(missing_ok=True)
    keep = min(job.customers - number * BLOCK, BLOCK)
    records: dict[str, dict[str, Any]] = {}
    if job.first == 0:
        block = new_block(job.plan, number)
    else:
        block = load_block(state_path(Path(job.source), number, job.first - 1), job.plan, number)
        if job.arms:
            with np.load(arms_path(job.folder), allow_pickle=False) as arms:
                enlist(block, job.plan.own[-1], arms["customer_id"], arms["arm"], arms["propensity"])
    for first in range(job.first, job.last + 1, CHUNK):
        last = min(first + CHUNK - 1, job.last)
        for name, table in _chunk(block, first, last, keep):
            records |= files.write_table(job.folder, name, f"{number:05d}-{first:03d}", table)
    part = f"{number:05d}"
    records |= files.write_table(job.folder, "customers", part, files.customers_table(block, keep))
    records |= files.write_table(job.folder, "assignments", part, files.assignments_table(block, keep))
    state = state_path(job.folder, number, job.last)
    save_block(state, block)
    records[f"{STATE}/{state.name}"] = file_record(state)
    write_json(done_path(job.folder, number), records)


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


def main() -> None:
    """Make the blocks whose numbers come in, until no more come."""
    job = read_job(Path(sys.argv[1]))
    for line in sys.stdin:
        make_block(job, int(line))
        print(line.strip(), flush=True)


if __name__ == "__main__":
    main()
