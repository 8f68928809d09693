"""Attribution by Markov chain: what would be lost if a channel were removed. Solved exactly, not simulated."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bankmkt.funnel.paths import Ints

Floats = npt.NDArray[np.float64]
DENSE = 64
"""States up to which all draws are solved at once; with more, one sparse system at a time."""


@dataclass(frozen=True)
class Chain:
    """The states and steps of distinct paths, ready for any weights of the paths.

    Parameters
    ----------
    channel
        Number of each state's last channel.
    source, target
        States of each kind of step.
    steps
        Sparse, paths × steps: how often a path takes it.
    first, last
        Sparse, paths × states: where a path begins, where it ends.
    """

    channel: Ints
    source: Ints
    target: Ints
    steps: Any
    first: Any
    last: Any


def chain(starts: Ints, touch: Ints, channels: int, order: int) -> Chain:
    """Return the chain of distinct paths, each with one touch or more; a state is the last ``order`` touches."""
    import pandas as pd
    from scipy import sparse

    paths = len(starts) - 1
    path = np.repeat(np.arange(paths), np.diff(starts))
    place = np.arange(len(touch)) - starts[path]
    state = touch + 1
    for back in range(1, order):
        before = np.where(place >= back, np.roll(touch, back) + 1, 0)
        state, found = pd.factorize(state * (channels + 1) + before)
        state = state.astype(np.int64)
    state, found = pd.factorize(state)
    number = len(found)
    channel = np.zeros(number, np.int64)
    channel[state] = touch
    inner = np.flatnonzero(place[1:] > 0) if len(touch) > 1 else np.empty(0, np.int64)
    step, pairs = pd.factorize(state[inner] * np.int64(number) + state[inner + 1])

    def counted(rows: Ints, columns: Ints, width: int) -> Any:
        return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(paths, width))

    every = np.arange(paths)
    return Chain(
        channel, pairs // number, pairs % number, counted(path[inner], step, len(pairs)),
        counted(every, state[starts[:-1]], number), counted(every, state[starts[1:] - 1], number),
    )  # fmt: skip


def removal_effects(
    it: Chain, converted: Floats, failed: Floats, channels: int, begun: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return the probability of a conversion, and the part of it that is lost without each channel.

    Whoever would go on to the removed channel goes to no conversion instead.

    Parameters
    ----------
    it
        Of :func:`chain`.
    converted, failed
        Draws × distinct paths: how many of each path converted, and did not.
    channels
        Their number.
    begun
        How many of each path began, if more than these: some whose end is not known yet.

    Returns
    -------
    chance, effect
        By draw; by draw and channel: 1 − chance without it / chance. No conversions: no effect, NaN.

    References
    ----------
    Anderl, Becker, von Wangenheim & Schumann (2016). Mapping the customer journey. *International Journal of Research
    in Marketing* 33, 457–474.

    Examples
    --------
    Paths A (1 conversion, 1 without), A > B (1, 1) and B (0, 2):

    >>> it = chain(np.array([0, 1, 3, 4]), np.array([0, 0, 1, 1]), 2, 1)
    >>> chance, effect = removal_effects(it, np.array([[1.0, 1, 0]]), np.array([[1.0, 1, 2]]), 2)
    >>> chance.round(4).tolist(), effect.round(4).tolist()
    ([0.3333], [[0.75, 0.5]])
    """
    total = converted + failed
    start = (total if begun is None else begun) @ it.first
    start = start / np.maximum(start.sum(axis=1, keepdims=True), 1e-300)
    steps, ends, wins = total @ it.steps, total @ it.last, converted @ it.last
    out = ends.copy()
    for draw in range(len(total)):
        out[draw] += np.bincount(it.source, steps[draw], len(it.channel))
    out = np.where(out > 0, out, np.inf)
    steps, wins = steps / out[:, it.source], wins / out
    solve = _dense if len(it.channel) <= DENSE else _sparse
    chance = solve(it, start, steps, wins, -1)
    without = np.stack([solve(it, start, steps, wins, removed) for removed in range(channels)], axis=1)
    return chance, 1 - without / np.where(chance > 0, chance, np.nan)[:, None]


def _dense(it: Chain, start: Floats, steps: Floats, wins: Floats, removed: int) -> Floats:
    """Return the chance of a conversion in each draw: all small systems at once."""
    number, there = len(it.channel), it.channel != removed
    flow = np.zeros((len(start), number, number))
    flow[:, it.source, it.target] = steps * (there[it.source] & there[it.target])
    reached = np.linalg.solve(np.eye(number) - flow, (wins * there)[..., None])[..., 0]
    return np.asarray((start * there * reached).sum(axis=1))


def _sparse(it: Chain, start: Floats, steps: Floats, wins: Floats, removed: int) -> Floats:
    """Return the same, one sparse system at a time."""
    from scipy import sparse
    from scipy.sparse.linalg import spsolve

    number, there = len(it.channel), it.channel != removed
    kept = there[it.source] & there[it.target]
    out = np.empty(len(start))
    for draw in range(len(start)):
        flow = sparse.csc_matrix((steps[draw, kept], (it.source[kept], it.target[kept])), shape=(number, number))
        reached = spsolve(sparse.identity(number, format="csc") - flow, wins[draw] * there)
        out[draw] = (start[draw] * there) @ reached
    return out
