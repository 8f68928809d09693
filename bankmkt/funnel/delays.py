"""How soon a fault would be seen: faults of known size played through the run rule on the traffic that was foreseen."""

from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, one_of
from bankmkt.funnel.expected import Outlook, count_evidence, share_evidence
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
        the size. The rule starts at 0, and a band beside it may be quicker.

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


def _evidence(hours: pd.DataFrame, kind: str, size: float, rng: np.random.Generator) -> np.ndarray:
    """Return the evidence of each path and hour under a fault."""
    names = ["expected" if field.name == "mean" else field.name for field in fields(Outlook)]
    ahead = Outlook(*(hours[name].to_numpy(float) for name in names))
    if kind in ("outage", "surge"):
        return count_evidence(_counts(replace(ahead, mean=ahead.mean * size), rng), ahead, KINDS[kind])
    parts = hours["expected_part"].to_numpy(float) * size
    nested = np.isclose(hours["share"], hours["expected_rate"]).all()
    trials = _counts(ahead if nested else replace(ahead, mean=ahead.mean + parts), rng)
    share = np.minimum(parts / np.where(nested, ahead.mean, ahead.mean + parts).clip(1e-9), 1 - 1e-6)
    worth = ahead.prior(trials)
    drawn = rng.binomial(trials.astype(int), rng.beta(share * worth, (1 - share) * worth))
    return share_evidence(drawn.astype(float), trials, ahead, KINDS[kind])


def _counts(ahead: Outlook, rng: np.random.Generator) -> np.ndarray:
    """Draw counts of each path and hour."""
    lively = rng.gamma(ahead.size, ahead.mean / ahead.size, (PATHS, len(ahead.mean)))
    return rng.poisson(lively).astype(float)


def _waits(evidence: np.ndarray, threshold: float) -> np.ndarray:
    """Return by path the hours from each beginning until the run rule's sum reaches the threshold; infinite if never.

    Examples
    --------
    >>> _waits(np.array([[2.0, -3.0, 2.0, 3.0]]), 4.0).tolist()
    [[4.0, 3.0, 2.0, 2.0]]
    >>> _waits(np.full((1, 2), 0.1), 4.0).tolist()
    [[inf, inf]]
    """
    n = evidence.shape[1]
    waits, sums = np.full(evidence.shape, np.inf), np.zeros(evidence.shape)
    for hour in range(n):
        sums = np.maximum(0, sums + np.roll(evidence, -hour, axis=1))
        waits[np.isinf(waits) & (sums >= threshold)] = hour + 1
        if np.isfinite(waits).all():
            break
    return waits
