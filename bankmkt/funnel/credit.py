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
from bankmkt.funnel.shapley import EXACT, by_coalition, sampled, shapley_values

Floats = npt.NDArray[np.float64]
RULES = ("first", "last", "linear", "position", "decay")
MODELS = (*RULES, "markov", "shapley")


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
    converted, failed, value
        Sparse, clusters × different paths: conversions at their end, how many had none, and the value.
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
    failed: Any
    value: Any
    bare: Floats
    bare_value: Floats
    starts: Ints
    touch: Ints

    @functools.cached_property
    def _chain(self) -> Chain:
        return chain(self.starts, self.touch, len(self.channels), self.settings.order)

    @functools.cached_property
    def _sets(self) -> npt.NDArray[np.bool_]:
        """Which channels are in each different path."""
        sets = np.zeros((len(self.starts) - 1, len(self.channels)), dtype=bool)
        sets[np.repeat(np.arange(len(sets)), np.diff(self.starts)), self.touch] = True
        return sets

    @functools.cached_property
    def _sampled(self) -> tuple[Floats, Floats]:
        return sampled(self._sets, self.times @ self.converted, self.settings.seed)

    def credits(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """Return conversions and values, draws × models × (channels and "none"), and sampling errors of the models.

        ``weights``: draws × clusters, how many customers of each cluster there are.
        """
        settings, none = self.settings, len(self.channels)
        shape = (len(weights), len(settings.models), none + 1)
        credit, value, error = np.zeros(shape), np.zeros(shape), np.zeros(shape[1:])
        credit[..., none], value[..., none] = (weights @ self.bare)[:, None], (weights @ self.bare_value)[:, None]
        converted = weights @ self.converted
        worth = weights @ self.value if settings.valued else converted
        for place, model in enumerate(settings.models):
            if model in RULES:
                parts = weights @ self.rules[model], weights @ self.rule_values[model]
            elif model == "markov":
                _, effect = removal_effects(self._chain, converted, weights @ self.failed, none)
                share = np.nan_to_num(effect / np.maximum(effect.sum(axis=1, keepdims=True), 1e-300))
                parts = share * converted.sum(axis=1)[:, None], share * worth.sum(axis=1)[:, None]
            else:
                shares = self._shapley(converted)
                parts = shares, self._shapley(worth) if settings.valued else shares
                if none > EXACT:
                    error[place, :none] = self._sampled[1]
            credit[:, place, :none], value[:, place, :none] = parts
        return credit, value, error

    def _shapley(self, worth: Floats) -> Floats:
        """Return Shapley values, draws × channels, of what each different path brings."""
        count = len(self.channels)
        if count > EXACT:
            return np.asarray(worth @ self._sampled[0])
        place = self._sets @ (1 << np.arange(count))
        own = np.zeros((len(worth), 2**count))
        for draw in range(len(worth)):
            own[draw] = np.bincount(place, worth[draw], 2**count)
        return shapley_values(by_coalition(own))

    def table(self) -> pd.DataFrame:
        """Return the different paths, the most frequent first."""
        names = np.array(self.channels, dtype=object)[self.touch]
        texts = [" > ".join(names[a:b]) for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]
        converted, failed = self.times @ self.converted, self.times @ self.failed
        found = pd.DataFrame({
            "path": texts, "touches": np.diff(self.starts), "conversions": converted.astype(np.int64),
            "paths_null": failed.astype(np.int64),
        })  # fmt: skip
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
    failed = it.conversions[touched] == 0
    return Design(
        settings, it.channels, times, rules, rule_values,
        summed(touched, kind, it.conversions[touched], len(kinds)), summed(touched, kind, failed, len(kinds)),
        summed(touched, kind, it.value[touched], len(kinds)),
        np.bincount(cluster[bare], it.conversions[bare], len(times)).astype(float),
        np.bincount(cluster[bare], it.value[bare], len(times)).astype(float), starts, it.touch[inside],
    )  # fmt: skip


def _clusters(it: Paths, number: Ints) -> tuple[Ints, Ints]:
    """Return each path's cluster, and how many units each cluster stands for.

    Units with a conversion are a cluster each; of units without, whose paths are alike, one stands for all, and the
    paths of the others have no cluster (−1). So have paths that are still open.
    """
    closed = np.flatnonzero(~it.open)
    cluster = np.full(len(it.unit), -1)
    unit = np.cumsum(np.diff(it.unit[closed], prepend=-1) != 0) - 1
    count = int(unit[-1]) + 1 if len(unit) else 0
    won = np.bincount(unit, it.conversions[closed], count) > 0
    starts = np.concatenate([[0], np.cumsum(np.bincount(unit[~won[unit]], minlength=count)[~won])]).astype(np.int64)
    alike, example = distinct(starts, number[closed][~won[unit]])
    of_unit = np.full(count, -1)
    of_unit[won] = np.arange(won.sum())
    of_unit[np.flatnonzero(~won)[example]] = won.sum() + np.arange(len(example))
    cluster[closed] = of_unit[unit]
    return cluster, np.concatenate([np.ones(won.sum(), np.int64), np.bincount(alike, minlength=len(example))])


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
    else:
        part = np.ones(len(place))
    return np.asarray(part / np.bincount(path, part, len(it.lengths))[path])
