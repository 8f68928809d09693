"""A funnel's journeys summed up: units and rates per step, times between steps, entrants per day."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.funnel import rates
from bankmkt.funnel.chains import NEVER
from bankmkt.funnel.definition import SECOND, Step
from bankmkt.funnel.portions import Journeys

HOUR = 3600 * SECOND


def steps_of(named: Sequence[Step], found: Journeys, limit: int, breakdown: str | None) -> pd.DataFrame:
    """Return ``Funnel.steps``."""
    if breakdown is None or found.groups is None:
        return _one_group(named, found, np.full(len(found.level), True), limit)
    codes, values = pd.factorize(found.groups.to_pandas(), sort=True)  # null is −1
    parts = []
    for code in np.unique(codes):
        part = _one_group(named, found, codes == code, limit)
        part.insert(0, breakdown, pd.Series([None if code < 0 else values[code]] * len(part), dtype=object))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _one_group(named: Sequence[Step], best: Journeys, here: Any, limit: int) -> pd.DataFrame:
    """Return the rows of ``Funnel.steps`` for some units."""
    reached = best.times[:, here] < NEVER
    still, watched = best.open[here], np.minimum(best.watched[here], limit)
    units = reached.sum(axis=1)
    matured = best.matured[here]
    rows, before, place = [], 0, 0
    for number, step in enumerate(named):
        place += not step.optional
        waited = best.first[number, here]
        from_first = (1.0, 1.0, 1.0)
        if number:
            from_first = rates.reached_in_time(np.minimum(waited, watched), waited < NEVER)
        whole = (matured > 0).sum()
        full = (matured >= place).sum() if not step.optional else -1
        rows.append({
            "step": number + 1, "name": step.name, "optional": step.optional, "units": int(units[number]),
            **_interval("rate_of_entrants", units[number], units[0], number == 0),
            **_interval("rate_of_previous", units[number], units[before], number == 0),
            "matured_entrants": int(whole), "matured_units": int(full) if full >= 0 else None,
            **_interval("matured_rate", full if full >= 0 else np.nan, whole, number == 0),
            "open_units": int((still & ~reached[number]).sum()),
            **dict(zip(("first_rate", "first_rate_lower", "first_rate_upper"), from_first, strict=True)),
        })  # fmt: skip
        before = before if step.optional else number
    return pd.DataFrame(rows).astype({"matured_units": "Int64"})


def _interval(name: str, part: float, whole: float, sure: bool = False) -> dict[str, float]:
    """Return a share with its interval; of the first step, where it is one by definition, without chance."""
    share, lower, upper = (float(value[0]) for value in rates.shares([part], [whole]))
    if sure and whole:
        lower = upper = share
    return {name: share, f"{name}_lower": lower, f"{name}_upper": upper}


def times_of(named: Sequence[Step], required: Sequence[int], best: Journeys) -> pd.DataFrame:
    """Return ``Funnel.times``."""
    pairs = [*itertools.pairwise(required)]
    if len(required) > 2:
        pairs.append((required[0], required[-1]))
    rows = []
    for begin, end in pairs:
        both = best.times[end] < NEVER
        hours = (best.times[end, both] - best.times[begin, both]) / HOUR
        rows.append({"from_step": named[begin].name, "to_step": named[end].name, **rates.durations(hours)})
    return pd.DataFrame(rows)


def entrants_of(best: Journeys, final: int) -> pd.DataFrame:
    """Return ``Funnel.entrants``."""
    days = pd.to_datetime(best.times[0], unit="us").normalize()
    reached = best.times[final] < NEVER
    rows = pd.DataFrame(
        {"day": days, "entrants": 1, "converted": reached.astype(int), "open": (best.open & ~reached).astype(int)}
    )
    rows = rows.groupby("day", as_index=False).sum()
    over = rows["converted"].where(rows["open"] == 0)
    return rows.assign(
        **dict(zip(("rate", "rate_lower", "rate_upper"), rates.shares(over, rows["entrants"]), strict=True))
    )
