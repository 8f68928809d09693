"""A block's state, kept in a file so that the bank can go on from its last month."""

import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from bankmkt.synth.campaigns import Campaign, Enrolment
from bankmkt.synth.offers import FIRST_OWN, all_campaigns
from bankmkt.synth.population import population
from bankmkt.synth.simulate import Block, Plan, Window
from bankmkt.synth.state import State

_SUMS = ("logins", "logins_fork", "bought", "bought_fork")


def save_block(path: Path, block: Block) -> None:
    """Write a block's state to a NumPy archive (plain arrays, no pickles), aside and then into place."""
    arrays = {"month": np.array(block.month), **dict(_arrays("state", block.state))}
    for e in block.enrolments:
        arrays |= dict(_arrays(f"enrolment.{_name(e.campaign, e.campaign.arm)}", e))
    for w in block.windows:
        name = f"window.{_name(w.enrolment.campaign, w.arm)}"
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
    for campaign in all_campaigns(plan.start, month + 1, plan.own):
        name = f"enrolment.{_name(campaign, campaign.arm)}"
        e = Enrolment(campaign, **{f.name: arrays[f"{name}.{f.name}"] for f in fields(Enrolment)[1:]})
        block.enrolments.append(e)
        if campaign.arm == 1:
            own = [own for own in plan.own if own.campaign_id == campaign.campaign_id]
            forks = range(len(own[0].offers) + 1) if own else (None,)
            block.windows += [w for arm in forks for w in _windows(e, arm, arrays)]
    return block


def _name(campaign: Campaign, arm: int | None) -> str:
    """Return what a campaign's arrays are called: its number, for an analyst's own with the arm."""
    return f"{campaign.campaign_id}" if campaign.campaign_id < FIRST_OWN else f"{campaign.campaign_id}.{arm}"


def _windows(e: Enrolment, arm: int | None, arrays: dict[str, np.ndarray]) -> Iterator[Window]:
    """Yield a campaign's window, if it was still open."""
    name = f"window.{_name(e.campaign, arm)}"
    if f"{name}.logins" in arrays:
        fork, baseline = _state(f"{name}.fork", arrays), _state(f"{name}.baseline", arrays)
        yield Window(e, fork, baseline, **{sums: arrays[f"{name}.{sums}"] for sums in _SUMS}, arm=arm)


def _arrays(prefix: str, record: Any) -> Iterator[tuple[str, np.ndarray]]:
    for f in fields(record):
        value = getattr(record, f.name)
        if isinstance(value, np.ndarray):
            yield f"{prefix}.{f.name}", value


def _state(prefix: str, arrays: dict[str, np.ndarray]) -> State:
    return State(**{f.name: arrays[f"{prefix}.{f.name}"] for f in fields(State)})
