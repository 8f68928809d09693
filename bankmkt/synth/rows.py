"""Rows of one block and month: what transactions and events are built from.

Each row takes one 64-bit random word; its bits choose the hour, the second, the channel, the
category and the weight that splits a total into amounts, through tables of equally likely entries.
"""

from dataclasses import dataclass

import numpy as np

from bankmkt.synth.calendar import DAY
from bankmkt.synth.population import Traits
from bankmkt.synth.simulate import Step

N_SPLIT, N_CHANNEL, N_CATEGORY = 1 << 11, 1 << 10, 1 << 12  # a word's bits 52-62, 42-51 and 30-41
NULL = np.int8(-1)


def quantiles(size: int) -> np.ndarray:
    """Return equally likely values of a standard normal."""
    from scipy.special import ndtri

    return ndtri((np.arange(size) + 0.5) / size)


def table(weights: dict[str, float], names: tuple[str, ...], size: int) -> np.ndarray:
    """Return codes (positions in ``names``) for equally likely draws with the given weights."""
    values = np.array(list(weights.values()))
    edges = np.rint(np.cumsum(values) / values.sum() * size).astype(np.int64)
    codes = np.array([names.index(k) for k in weights], dtype=np.int8)
    return np.repeat(codes, np.diff(edges, prepend=0))


_WEIGHT = np.exp(1.5 * quantiles(N_SPLIT))


def words(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return ``size`` random words of 63 bits."""
    return (rng.bit_generator.random_raw(size) >> np.uint64(1)).view(np.int64)


@dataclass
class Rows:
    """Rows of one table as columns; ``who`` is the position in the block, ``ts`` seconds since 1970.

    Codes are positions in the schema's value lists, -1 for null.
    """

    columns: dict[str, np.ndarray]

    @staticmethod
    def concat(parts: list["Rows"]) -> "Rows":
        """Join parts with the same columns."""
        return Rows({k: np.concatenate([p.columns[k] for p in parts]) for k in parts[0].columns})

    def first(self, keep: int) -> "Rows":
        """Return the rows of the block's first ``keep`` customers."""
        mask = self.columns["who"] < keep
        return self if mask.all() else Rows({k: v[mask] for k, v in self.columns.items()})

    def sorted(self, origin: int) -> "Rows":
        """Return the rows by customer and time; rows of the same second keep their order.

        One unstable sort of unique 63-bit keys (customer 14 bits, seconds 27, position 22) gives the
        same order on every machine and is faster than a stable sort.
        """
        who, ts = self.columns["who"], self.columns["ts"]
        n = who.size
        if n >= 1 << 22 or (n and (ts.min() < origin or ts.max() - origin >= 1 << 27)):
            raise OverflowError(f"{n:,} rows of a block do not fit the sorting key: simulate fewer months at a time")
        key = (who << 49) | ((ts - origin) << 22) | np.arange(n, dtype=np.int64)
        key.sort()
        order = key & ((1 << 22) - 1)
        return Rows({k: v[order] for k, v in self.columns.items()})


def digital_class(traits: Traits) -> np.ndarray:
    """Return 0 for customers who prefer the branch, 1 for mixed, 2 for digital ones."""
    return np.searchsorted([-0.5, 0.5], traits.latent("digital")).astype(np.int8)


class Clock:
    """Turns random words into timestamps inside each customer's part of the month."""

    def __init__(self, step: Step, traits: Traits) -> None:
        m = step.month
        length = m.days * DAY
        opened, act = (traits.opened - m.day0) * DAY, step.activity
        self.low = np.where(opened > 0, opened + 9 * 3600, 0)
        self.high = np.where(act.leaves, act.day * DAY + 9 * 3600, length)
        self.low = np.minimum(self.low, np.maximum(self.high - 1, 0))
        self.partial = (self.low > 0) | (self.high < length)
        self.month, self.length = m, length
        self.tables = {p: m.slots(p) for p in ("digital", "shop", "branch")}

    def at(self, who: np.ndarray, words: np.ndarray, pattern: str, low: np.ndarray | None = None) -> np.ndarray:
        """Return seconds since 1970, after ``low`` (seconds from the month's start, by customer) if given."""
        hour = self.tables[pattern][words & 0xFFFF]
        ts = hour * 3600 + ((((words >> 16) & 0x3FFF) * 3600) >> 14)
        squeeze = self.partial if low is None else self.partial | (low > 0)
        rows = np.flatnonzero(squeeze[who])
        if rows.size:
            w = who[rows]
            lo = self.low[w] if low is None else np.maximum(self.low[w], low[w])
            hi = np.maximum(self.high[w], lo + 1)
            ts[rows] = lo + (ts[rows] * ((hi - lo) / self.length)).astype(np.int64)
        return self.month.start + ts

    def inside(self, who: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        """Return given seconds of the month as timestamps, moved into the customer's part of it."""
        return self.month.start + np.clip(seconds, self.low[who], np.maximum(self.high[who] - 1, self.low[who]))


def split(who: np.ndarray, total: np.ndarray, words: np.ndarray, n: int) -> np.ndarray:
    """Split each customer's total (cents) over the customer's rows: at least a cent each, heavy-tailed, exact.

    ``who`` is ascending; ``total`` by customer.
    """
    weight = _WEIGHT[words >> 52]
    count = np.bincount(who, minlength=n)
    scale = (total - count) / np.maximum(np.bincount(who, weight, n), 1e-300)
    part = np.floor(weight * scale[who]) + 1
    last = np.cumsum(count)[count > 0] - 1
    part[last] += (total - np.bincount(who, part, n))[count > 0]
    return part
