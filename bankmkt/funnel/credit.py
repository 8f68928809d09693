"""The models of attribution, as sums over customers: the same code for what was seen and for customers drawn again."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.funnel.definition import DAY
from bankmkt.funnel.markov import Chain, chain, removal_effects
from bankmkt.funnel.paths import Ints, Paths, distinct

Floats = npt.NDArray[np.float64]
MODELS = ("first", "last", "linear", "position", "decay", "markov", "shapley")
RULES = tuple(model for model in MODELS if model != "markov")
"""Models that share each path's conversions out by themselves; a Markov chain looks at all paths together."""


@dataclass(frozen=True)
class Settings:
    """What the models need to know; ``half_life`` is in microseconds, ``valued``: conversions have values."""

    models: tuple[str, ...]
    position: tuple[float, float, float]
    half_life: int
    order: int
    seed: int
    valued: bool


@dataclass(frozen=True)
class Design:
    """Sums by cluster: a customer with conversions, or all customers whose paths without one are alike.

    Parameters
    ----------
    times
        Customers in each cluster.
    rules, rule_values
        By rule: sparse, clusters × channels, conversions and their value.
    converted, judged, failed, begun, value
        Sparse, clusters × different paths: conversions at their end, those of paths whose lookback is over, how many of
        these had none, all there are (a conversion or an end without: 1 each, an open path too), and the value.
    passed
        Sparse, clusters × channels: above 0 where a conversion's path passes the channel.
    bare, bare_value
        By cluster: conversions without a touch, and their value.
    starts, touch
        The different paths, as in :class:`~bankmkt.funnel.paths.Paths`.
    """

    settings: Settings
    channels: tuple[str, ...]
    times: Ints
    rules: dict[str, Any]
    rule_values: dict[str, Any]
    converted: Any
    judged: Any
    failed: Any
    begun: Any
    value: Any
    passed: Any
    bare: Floats
    bare_value: Floats
    starts: Ints
    touch: Ints

    @functools.cached_property
    def _chain(self) -> Chain:
        return chain(self.starts, self.touch, len(self.channels), self.settings.order)

    @functools.cached_property
    def _unjudged(self) -> npt.NDArray[np.bool_]:
        """Channels that converted paths pass, but none whose lookback is over: no chain knows their effect yet."""
        over = np.asarray((self.judged + self.failed).sum(axis=0)).ravel()[self._path] > 0
        seen = np.bincount(self.touch, over, len(self.channels)) > 0
        return np.asarray((self.passed.sum(axis=0) > 0) & ~seen).ravel()

    @property
    def _path(self) -> Ints:
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def credits(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return conversions and values, draws × models × (channels and "none").

        ``weights``: draws × clusters, how many customers of each cluster there are.
        """
        models, none = self.settings.models, len(self.channels)
        shape = (len(weights), len(models), none + 1)
        credit, value = np.zeros(shape), np.zeros(shape)
        credit[..., none], value[..., none] = (weights @ self.bare)[:, None], (weights @ self.bare_value)[:, None]
        for place, model in enumerate(models):
            if model in RULES:
                parts = weights @ self.rules[model], weights @ self.rule_values[model]
            else:
                parts = self._markov(weights)
            credit[:, place, :none], value[:, place, :none] = parts
        return credit, value

    def _markov(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return conversions and values by channel; NaN where no path that is over tells."""
        converted, worth = ((weights @ each).sum(axis=1, keepdims=True) for each in (self.converted, self.value))
        ends = weights @ self.judged, weights @ self.failed
        _, effect = removal_effects(self._chain, *ends, len(self.channels), weights @ self.begun)
        share = effect / np.maximum(effect.sum(axis=1, keepdims=True), 1e-300)
        share = np.where(self._unjudged, np.nan, np.where(converted > 0, share, 0.0))
        return share * converted, share * worth

    def customers(self, model: str) -> Ints:
        """Return how many customers' conversions are credited to each channel and "none" (Markov: pass it)."""
        credited = self.rules.get(model, self.passed)
        return np.append(np.asarray((credited > 0).sum(axis=0)).ravel(), (self.bare > 0).sum())

    def table(self) -> pd.DataFrame:
        """Return the different paths, the most frequent first."""
        names = np.array(self.channels, dtype=object)[self.touch]
        texts = [" > ".join(names[a:b]) for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]
        found = pd.DataFrame({"path": texts, "touches": np.diff(self.starts)})
        for name, counted in (
            ("conversions", self.converted), ("paths_null", self.failed),
            ("customers", (self.converted + self.failed) > 0), ("customers_converted", self.converted > 0),
        ):  # fmt: skip
            found[name] = (self.times @ counted).astype(np.int64)
        found = found[found["customers"] > 0]  # others are still open
        return found.sort_values(
            "path", key=lambda path: -(found["conversions"] + found["paths_null"]), kind="stable", ignore_index=True
        )


def design(it: Paths, settings: Settings) -> Design:
    """Sum paths up by cluster and different path."""
    from scipy import sparse

    lengths = it.lengths
    number, example = distinct(it.starts, it.touch)
    cluster, times = _clusters(it, number)
    used = np.flatnonzero(cluster >= 0)
    bare, touched = used[lengths[used] == 0], used[lengths[used] > 0]
    kinds, kind = np.unique(number[touched], return_inverse=True)
    sizes, begins = lengths[example[kinds]], it.starts[example[kinds]]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    inside = np.arange(starts[-1]) + np.repeat(begins - starts[:-1], sizes)

    def summed(rows: Ints, columns: Ints, values: Any, width: int) -> Any:
        return sparse.csr_matrix((np.asarray(values, float), (cluster[rows], columns)), shape=(len(times), width))

    path = np.repeat(np.arange(len(lengths)), lengths)
    wins = np.flatnonzero((it.conversions[path] > 0) & (cluster[path] >= 0))
    of = path[wins]
    rules, rule_values = {}, {}
    for rule in (model for model in settings.models if model in RULES):
        part = _parts(rule, settings, it, path)[wins]
        rules[rule] = summed(of, it.touch[wins], part * it.conversions[of], len(it.channels))
        rule_values[rule] = summed(of, it.touch[wins], part * it.value[of], len(it.channels))
    ended = it.conversions[touched]
    return Design(
        settings, it.channels, times, rules, rule_values,
        summed(touched, kind, ended, len(kinds)), summed(touched, kind, ended * it.over[touched], len(kinds)),
        summed(touched, kind, (ended == 0) & it.over[touched], len(kinds)),
        summed(touched, kind, np.maximum(ended, 1), len(kinds)), summed(touched, kind, it.value[touched], len(kinds)),
        summed(of, it.touch[wins], np.ones(len(wins)), len(it.channels)),
        np.bincount(cluster[bare], it.conversions[bare], len(times)).astype(float),
        np.bincount(cluster[bare], it.value[bare], len(times)).astype(float), starts, it.touch[inside],
    )  # fmt: skip


def _clusters(it: Paths, number: Ints) -> tuple[Ints, Ints]:
    """Return each path's cluster, and how many units each cluster stands for.

    Units with a conversion are a cluster each; of units without, whose paths are alike, one stands for all, and the
    paths of the others have no cluster (−1).
    """
    unit = np.cumsum(np.diff(it.unit, prepend=-1) != 0) - 1
    count = int(unit[-1]) + 1 if len(unit) else 0
    won = np.bincount(unit, it.conversions, count) > 0
    starts = np.concatenate([[0], np.cumsum(np.bincount(unit[~won[unit]], minlength=count)[~won])]).astype(np.int64)
    alike, example = distinct(starts, (number * 2 + it.over)[~won[unit]])
    of_unit = np.full(count, -1)
    of_unit[won] = np.arange(won.sum())
    of_unit[np.flatnonzero(~won)[example]] = won.sum() + np.arange(len(example))
    return of_unit[unit], np.concatenate([np.ones(won.sum(), np.int64), np.bincount(alike, minlength=len(example))])


def _parts(rule: str, settings: Settings, it: Paths, path: Ints) -> Floats:
    """Return each touch's part of its path's conversions."""
    place = np.arange(len(it.touch)) - it.starts[path]
    length = it.lengths[path]
    first, last = place == 0, place == length - 1
    if rule == "first":
        return first.astype(float)
    if rule == "last":
        return last.astype(float)
    if rule == "decay":
        part = np.exp2(-it.age * DAY / settings.half_life)
    elif rule == "position":
        begin, middle, end = settings.position
        part = begin * first + end * last + np.where(first | last, 0, middle / np.maximum(length - 2, 1))
        part = np.where(length == 1, 1.0, part)
    elif rule == "shapley":  # equal parts of the different channels: each at its first touch
        _, firsts = np.unique(path * (len(it.channels) + 1) + it.touch, return_index=True)
        part = np.zeros(len(place))
        part[firsts] = 1.0
    else:
        part = np.ones(len(place))
    return np.asarray(part / np.bincount(path, part, len(it.lengths))[path])
