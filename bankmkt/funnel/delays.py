"""How soon a fault would be seen, by theory: when the evidence that it brings each hour adds up to an alarm."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, one_of
from bankmkt.funnel.expected import Outlook, count_evidence, share_evidence
from bankmkt.funnel.monitor import KINDS, Replay

FAULTS = {"outage": 0.0, "surge": 3.0, "conversion_fall": 0.5}
"""A tracking outage (all events vanish), bots (three times the events), a page error (half the conversion)."""


def delays(replay: Replay, faults: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Say after how many hours the run rule sees a fault, whenever it begins.

    Parameters
    ----------
    replay
        Of :func:`bankmkt.funnel.monitor`.
    faults : mapping of kind to size, optional
        How many times the expected count (outage, surge) or conversion there is; by default :data:`FAULTS`.

    Returns
    -------
    pandas.DataFrame
        A row per series and kind: series, kind, size, median_hours and longest_hours (95 of 100 beginnings are seen
        within), over all watched hours as beginnings; NaN if the evidence does not add up within the replay. The sum
        of the hours' mean evidence must reach the threshold h, which for equal hours is Wald's h / I; the rule itself
        never starts below 0 and the band may be quicker.

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
            waits = _waits(_evidence(hours, kind, size), -np.log(replay.risk))
            known = ~np.isnan(waits)
            middle, late = np.quantile(waits[known], [0.5, 0.95]) if known.any() else (np.nan, np.nan)
            rows.append((series, kind, size, middle, late))
    return pd.DataFrame(rows, columns=["series", "kind", "size", "median_hours", "longest_hours"])


def _evidence(hours: pd.DataFrame, kind: str, size: float) -> np.ndarray:
    """Return each hour's mean evidence under a fault."""
    ahead = Outlook(*(hours[name].to_numpy(float) for name in ("expected", "size", "share", "prior")))
    if kind in ("outage", "surge"):
        return count_evidence(ahead.mean * size, ahead, KINDS[kind])
    parts = hours["expected_part"].to_numpy(float) * size
    nested = np.isclose(hours["share"], hours["expected_rate"]).all()
    trials = np.maximum(ahead.mean, parts) if nested else ahead.mean + parts
    return share_evidence(parts, trials, ahead, KINDS[kind])


def _waits(evidence: np.ndarray, threshold: float) -> np.ndarray:
    """Return the hours from each beginning until the sum reaches the threshold; NaN if it does not.

    Examples
    --------
    >>> _waits(np.array([2.0, 0.5, 2.0, 3.0]), 3.0).tolist()
    [3.0, 3.0, 2.0, 1.0]
    """
    sums = np.r_[0, np.maximum.accumulate(np.cumsum(evidence))]
    start = np.r_[0, np.cumsum(evidence)[:-1]]
    at = np.searchsorted(sums, start + threshold)
    return np.where(at < len(sums), at - np.arange(len(evidence)), np.nan)
