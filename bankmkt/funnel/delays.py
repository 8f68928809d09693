"""How soon a fault would be seen: faults of known size played through the run rule on the traffic that was foreseen."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, one_of
from bankmkt.funnel.expected import HALF_LIFE, Outlook, count_evidence, share_evidence
from bankmkt.funnel.monitor import KINDS, Replay

FAULTS = {"outage": 0.0, "surge": 3.0, "conversion_fall": 0.5}
"""A tracking outage (all events vanish), bots (three times the events), a page error (half the conversion)."""
PATHS = 20
"""Histories that are played."""


def delays(replay: Replay, faults: Mapping[str, float] | None = None, *, seed: int = 0) -> pd.DataFrame:
    """Say after how many hours the run rule sees a fault, whenever it begins.

    Parameters
    ----------
    replay
        Of :func:`bankmkt.funnel.monitor`.
    faults : mapping of kind to size, optional
        How many times the expected count (outage, surge) or conversion there is; by default :data:`FAULTS`.
    seed : int
        Of the chance that counts vary by.

    Returns
    -------
    pandas.DataFrame
        A row per series and kind: series, kind, size, median_hours and longest_hours (95 of 100 faults are seen
        within), infinite where so many are not seen within the replay's length. All watched hours are beginnings, and
        begin again after the last; counts and conversion are drawn :data:`PATHS` times from what was foreseen, times
        the size. Meanwhile the fault is learned from as the monitor does, so that a slow one may never be seen. The
        rule starts at 0, and a band beside it may be quicker.

    Raises
    ------
    ParameterError
        If a fault is none, or its size is not from 0.
    """
    faults = FAULTS if faults is None else faults
    for kind, size in faults.items():
        if kind not in KINDS:
            raise ParameterError("faults", kind, one_of(KINDS))
        if not 0 <= size < 1000:
            raise ParameterError(f"size of {kind}", size, "from 0", "pass 0.5 for half")
    rows = []
    for series, hours in replay.hours[replay.hours["watched"]].groupby("series"):
        for kind, size in faults.items():
            waits = _waits(_evidence(hours, kind, size, np.random.default_rng(seed)), -np.log(replay.risk))
            middle, late = np.quantile(waits, [0.5, 0.95], method="inverted_cdf")
            rows.append((series, kind, size, middle, late))
    return pd.DataFrame(rows, columns=["series", "kind", "size", "median_hours", "longest_hours"])


def _evidence(hours: pd.DataFrame, kind: str, size: float, rng: np.random.Generator) -> Callable[[int], np.ndarray]:
    """Return what gives each path's and hour's evidence under a fault that has been learned from for so many days."""
    names = ["expected" if field.name == "mean" else field.name for field in fields(Outlook)]
    ahead = Outlook(*(hours[name].to_numpy(float) for name in names))

    def learned(days: int) -> float:
        return float(size + (1 - size) * 0.5 ** (days / HALF_LIFE))

    if kind in ("outage", "surge"):
        counts = _counts(replace(ahead, mean=ahead.mean * size), rng)
        return lambda days: count_evidence(counts, replace(ahead, mean=ahead.mean * learned(days)), KINDS[kind])
    nested = np.isclose(hours["share"], hours["expected_rate"]).all()
    rate = ahead.share if nested else ahead.share / (1 - ahead.share)

    def share(times: float) -> Any:
        return np.minimum(rate * times / (1 if nested else 1 + rate * times), 1 - 1e-6)

    trials = _counts(ahead if nested else replace(ahead, mean=ahead.mean * (1 + rate * size)), rng)
    worth = ahead.prior(trials)
    parts = rng.binomial(trials.astype(int), rng.beta((q := share(size)) * worth, (1 - q) * worth)).astype(float)
    return lambda days: share_evidence(parts, trials, replace(ahead, share=share(learned(days))), KINDS[kind])


def _counts(ahead: Outlook, rng: np.random.Generator) -> np.ndarray:
    """Draw counts of each path and hour."""
    lively = rng.gamma(ahead.size, ahead.mean / ahead.size, (PATHS, len(ahead.mean)))
    return rng.poisson(lively).astype(float)


def _waits(evidence: Callable[[int], np.ndarray], threshold: float) -> np.ndarray:
    """Return by path the hours from each beginning until the run rule's sum reaches the threshold; infinite if never.

    Examples
    --------
    >>> _waits(lambda days: np.array([[2.0, -3.0, 2.0, 3.0]]), 4.0).tolist()
    [[4.0, 3.0, 2.0, 2.0]]
    >>> _waits(lambda days: np.full((1, 2), 0.1), 4.0).tolist()
    [[inf, inf]]
    """
    each = evidence(0)
    waits, sums = np.full(each.shape, np.inf), np.zeros(each.shape)
    for hour in range(each.shape[1]):
        if hour and hour % 24 == 0:
            each = evidence(hour // 24)
        sums = np.maximum(0, sums + np.roll(each, -hour, axis=1))
        waits[np.isinf(waits) & (sums >= threshold)] = hour + 1
        if np.isfinite(waits).all():
            break
    return waits
