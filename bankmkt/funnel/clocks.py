"""Hours of events that look wrong: clocks that are off by hours, and hours that are missing.

Both look for the run of days (hours) that speaks most for the fault: the sum over the run of the log of how much
likelier its counts are with the fault than without. By chance alone the likelihood ratio of one run exceeds 1 / p with
probability p at most (Markov's inequality), so that a sum above log(number of runs looked at / alpha) is a false alarm
with probability alpha at most. Counts vary more than the model's; sums are divided by how much more (McCullagh and
Nelder 1989, Generalized Linear Models, 4.5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

HOURS = 24
LEFT = 0.05
"""The part of the usual traffic that still comes while tracking is out."""
CLOSED = 0.1
"""The part of the usual traffic that a day brings at least while tracking works, be it a closed holiday."""

BACKGROUND = 29
"""Days whose median is the level of the day in their middle."""

SMALLEST = 200
"""Visitors met in an hour, over all hours, below which a group is not judged."""

_MEDIAN_CHI2 = 0.455
"""The median of chi-squared with one degree of freedom."""


@dataclass(frozen=True)
class Run:
    """A run of days or hours with a fault: positions of the first and last, the bound of its p value, the shift."""

    first: int
    last: int
    p_value: float
    shift: int = 0

    def move(self, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what is expected in each hour if the clock was ahead on these days, and the moved part of it."""
        days = slice(self.first * HOURS, (self.last + 1) * HOURS)
        moved = np.zeros(len(expected))
        at = np.arange(days.start, days.stop) + self.shift
        inside = (at >= 0) & (at < len(expected))
        moved[at[inside]] = expected[days][inside]
        rest = expected.copy()
        rest[days] = expected.sum() * 1e-6 / len(expected)
        return rest + moved, moved


def runs(evidence: np.ndarray, tried: int, alpha: float) -> Iterator[tuple[int, int, int, float]]:
    """Yield the runs whose evidence cannot be chance, the strongest first: row, first, last and the bound on p.

    Parameters
    ----------
    evidence
        A row per kind of fault, a column per moment: logarithms of likelihood ratios.
    tried
        Groups that are looked at beside this one, which share ``alpha``.
    alpha
        Probability of any false alarm.

    Examples
    --------
    >>> list((row, first, last) for row, first, last, _ in runs(np.array([[-1.0, 9, 9, -1, -1]]), 1, 0.01))
    [(0, 1, 2)]
    """
    evidence = evidence.copy()
    length = evidence.shape[1]
    looked = tried * evidence.shape[0] * length * (length + 1) / 2
    while True:
        best = max(((*_largest(row), number) for number, row in enumerate(evidence)), default=(0.0, 0, 0, 0))
        total, first, last, number = best
        p = looked * np.exp(-min(total, 700.0))
        if not p < alpha:
            return
        yield number, first, last, float(p)
        evidence[:, first : last + 1] = -np.inf


def _largest(row: np.ndarray) -> tuple[float, int, int]:
    """Return the largest sum of neighbours, and where it begins and ends (Bentley 1984, CACM 27)."""
    sums = np.concatenate([[0.0], np.cumsum(np.where(np.isinf(row), -1e6, row))])
    low = np.minimum.accumulate(sums[:-1])
    gains = sums[1:] - low
    last = int(gains.argmax())
    first = int(sums[: last + 1].argmin())
    return float(gains[last]), first, last


def grid(rows: pd.DataFrame, column: str, last: pd.Timestamp) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """Return the days from the first to ``last``, and a day × hour array of a column, given ``day`` and ``hour``."""
    days = pd.date_range(rows["day"].min(), last, freq="D")
    out = np.zeros((len(days), HOURS))
    out[(pd.to_datetime(rows["day"]) - days[0]).dt.days, rows["hour"]] = rows[column]
    return days, out


def usual_hours(days: pd.DatetimeIndex, counts: np.ndarray, fine: np.ndarray | None = None) -> np.ndarray:
    """Return how many are usual in each hour from the first day's midnight: the hour's share times the days' level.

    The share is that of working days or of weekends, of the ``fine`` ones (a boolean per day; all by default); the
    level is the median of the days around.
    """
    weekend = days.day_of_week.to_numpy() >= 5
    usual = _profiles(counts, weekend, np.ones(len(days), dtype=bool) if fine is None else fine)
    total = pd.Series(counts.sum(axis=1))
    centre = {kind: max(float(total[weekend == kind].median()), 1e-9) if (weekend == kind).any() else 1.0
              for kind in (False, True)}  # fmt: skip
    scale = np.where(weekend, centre[True], centre[False])
    level = (total / scale).rolling(BACKGROUND, center=True, min_periods=1).median() * scale
    return np.asarray((level.to_numpy()[:, None] * usual).ravel())


def shifted(days: pd.DatetimeIndex, counts: np.ndarray, tried: int, alpha: float) -> list[Run]:
    """Find runs of days whose hours are moved against the usual ones, and by how much.

    Parameters
    ----------
    days, counts
        Day × hour: visitors met in each hour (each once, so that a busy one does not count as many).
    tried, alpha
        As :func:`runs`.

    Returns
    -------
    list of Run
        In order of time. ``shift``: hours that the clock was ahead, −11 to 12. A run counts only if the moved clock
        explains at least half of how its hours differ from the usual, and more than silence would: a holiday is another
        day, and an outage a part of one, not a moved one.
    """
    weekend = days.day_of_week.to_numpy() >= 5
    found: list[Run] = []
    for _ in range(2):  # the second time, what was found no longer hides in the usual
        fine = np.ones(len(days), dtype=bool)
        for run in found:
            fine[run.first : run.last + 1] = False
        if not fine.any():
            break
        usual, expected = _profiles(counts, weekend, fine), usual_hours(days, counts, fine)
        moved = np.stack([np.log(np.roll(usual, shift, axis=1) / usual) for shift in range(1, HOURS)])
        evidence = np.einsum("dh,sdh->sd", counts, moved) / _dispersion(counts, usual)
        found = []
        for _row, first, last, p in runs(evidence, tried, alpha):
            if any(first <= run.last + 1 and last >= run.first - 1 for run in found):  # the edge of a stronger one
                continue
            fitted = _fitted(counts.ravel(), expected, first, last, p)
            if fitted is not None:
                found.append(fitted)
    return sorted(found, key=lambda run: run.first)


def _profiles(counts: np.ndarray, weekend: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Return for each day the usual share of each hour on such a day, of working days or of weekends."""
    out = np.empty(counts.shape)
    for kind in (False, True):
        rows = counts[(weekend == kind) & fine] if ((weekend == kind) & fine).any() else counts
        total = rows.sum(axis=0) + 0.5
        out[weekend == kind] = total / total.sum()
    return out


def _dispersion(counts: np.ndarray, usual: np.ndarray) -> float:
    """Return how much more than by chance the days' hours differ from the usual: the median day's Pearson ratio."""
    expected = counts.sum(axis=1, keepdims=True) * usual
    busy = counts.sum(axis=1) > 0
    chi2 = ((counts - expected)[busy] ** 2 / expected[busy]).sum(axis=1) / (HOURS - 1)
    return max(1.0, float(np.median(chi2))) if busy.any() else 1.0


def _fitted(seen: np.ndarray, expected: np.ndarray, first: int, last: int, p: float) -> Run | None:
    """Return the days and the shift, near those found, that explain the hours best; None if they explain too little.

    Days with a moved clock end in the midst of other days, so that they are told from the hours one by one.
    """
    low, high = max((first - 2) * HOURS, 0), min((last + 3) * HOURS, len(expected))
    near = slice(low, high)
    final = len(expected) // HOURS - 1
    candidates = [
        Run(begin, end, p, shift)
        for begin in range(max(first - 1, 0), first + 2)
        for end in range(max(begin, last - 1), min(last + 1, final) + 1)
        for shift in range(1 - HOURS // 2, HOURS // 2 + 1) if shift
    ]  # fmt: skip
    lack = [_deviance(seen[near], run.move(expected)[0][near]) for run in candidates]
    best = int(np.argmin(lack))
    noise = high - low
    usual = _deviance(seen[near], expected[near])
    too_many = _deviance(np.maximum(seen[near], expected[near]), expected[near])  # what silence cannot explain
    explained = lack[best] - noise <= (usual - noise) / 2 and lack[best] - noise <= too_many - noise / 2
    return candidates[best] if explained else None


def _deviance(seen: np.ndarray, expected: np.ndarray) -> float:
    """Return how far counts are from what is expected (Poisson's deviance)."""
    expected = np.maximum(expected, 1e-9)
    logs = np.where(seen > 0, seen * np.log(np.maximum(seen, 1) / expected), 0.0)
    return 2 * float((logs - seen + expected).sum())


def missing(
    days: pd.DatetimeIndex,
    counts: np.ndarray,
    tried: int,
    alpha: float,
    moves: Sequence[Run] = (),
    end: int | None = None,
) -> list[tuple[Run, float]]:
    """Find runs of hours in which hardly anybody was met, where many should have been.

    From the group's first hour to the ``end`` of the log, in hours since the first day's midnight (all by default). An
    hour is judged against its day's own level, from the usual one down to :data:`CLOSED` of it: a quiet day is no
    outage. A group that is out for two weeks and more is taken to have changed. Hours that a moved clock (``moves``)
    explains are not missing.

    Returns
    -------
    list of (Run, float)
        Positions in hours since the first day's midnight, and how many visitors the hours lack.
    """
    expected = usual_hours(days, counts)
    for run in moves:
        expected, _ = run.move(expected)
    seen = counts.ravel()
    inside = slice(int(np.flatnonzero(seen)[0]), len(seen) if end is None else end)
    if inside.start >= inside.stop:  # it began in the hour that the log ends in
        return []
    day = np.repeat(np.arange(len(days)), HOURS)[inside]
    seen, expected = seen[inside], expected[inside]
    by_day = [np.bincount(day, x, len(days)) for x in (seen, expected)]
    level = np.clip(by_day[0] / np.maximum(by_day[1], 1e-9), CLOSED, 1)[day]
    busy = expected >= 5
    more = 1.0
    if busy.any():
        more = max(1.0, float(np.median((seen - expected)[busy] ** 2 / expected[busy])) / _MEDIAN_CHI2)
    evidence = (seen * np.log(LEFT / level) + expected * (level - LEFT)) / more
    return [
        (Run(first + inside.start, last + inside.start, p), float((expected - seen)[first : last + 1].sum()))
        for _, first, last, p in runs(evidence[None], tried, alpha)
    ]


def hourly(events: Any, by: str) -> Any:
    """Return visitors and events by group, day and hour, as an Ibis table."""
    return events.group_by(where=events[by], day=events.ts.cast("date"), hour=events.ts.hour()).aggregate(
        visitors=lambda t: t.visitor_id.nunique(), events=lambda t: t.count()
    )
