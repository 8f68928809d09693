"""A block's state, kept in a file so that the bank can go on from its last month."""

import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from bankmkt.synth.campaigns import Enrolment, schedule
from bankmkt.synth.population import population
from bankmkt.synth.simulate import Block, Plan, Window
from bankmkt.synth.state import State


def save_block(path: Path, block: Block) -> None:
    """Write a block's state to a NumPy archive (plain arrays, no pickles), aside and then into place."""
    arrays = {"month": np.array(block.month), **dict(_arrays("state", block.state))}
    for e in block.enrolments:
        arrays |= dict(_arrays(f"enrolment.{e.campaign.campaign_id}", e))
    for w in block.windows:
        name = f"window.{w.enrolment.campaign.campaign_id}"
        arrays |= dict(_arrays(f"{name}.fork", w.fork)) | dict(_arrays(f"{name}.baseline", w.baseline))
        arrays |= dict(_arrays(name, w))
    path.parent.mkdir(exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(aside, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    os.replace(aside, path)


def load_block(path: Path, plan: Plan, number: int) -> Block:
    """Read back what :func:`save_block` wrote; the traits are drawn again from the seed."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    month = int(arrays["month"])
    block = Block(plan, number, population(plan.seed, number, plan.start, plan.horizon), _state("state", arrays), month)
    for campaign in schedule(plan.start, month + 1):
        known = {f.name: arrays[f"enrolment.{campaign.campaign_id}.{f.name}"] for f in fields(Enrolment)[1:]}
        e = Enrolment(campaign, **known)
        block.enrolments.append(e)
        name = f"window.{campaign.campaign_id}"
        if f"{name}.logins" in arrays:
            fork, baseline = _state(f"{name}.fork", arrays), _state(f"{name}.baseline", arrays)
            sums = {f.name: arrays[f"{name}.{f.name}"] for f in fields(Window)[3:]}
            block.windows.append(Window(e, fork, baseline, **sums))
    return block


def _arrays(prefix: str, record: Any) -> Iterator[tuple[str, np.ndarray]]:
    for f in fields(record):
        value = getattr(record, f.name)
        if isinstance(value, np.ndarray):
            yield f"{prefix}.{f.name}", value


def _state(prefix: str, arrays: dict[str, np.ndarray]) -> State:
    return State(**{f.name: arrays[f"{prefix}.{f.name}"] for f in fields(State)})
