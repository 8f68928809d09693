"""Random streams: one for each (seed, purpose, block, month), so that nothing depends on the order of work."""

import numpy as np

BLOCK = 10_000
"""Customers generated together. A part of the model: changing it changes the bank."""

_PURPOSES = {name: i for i, name in enumerate(("population", "behaviour", "rows", "campaign", "market", "staff"))}


def stream(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """Return the generator of a purpose, for example ``stream(7, "behaviour", block, month)``.

    Negative numbers (burn-in months) are allowed.
    """
    key = [_PURPOSES[purpose], *(n + 1_000 for n in numbers)]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))
