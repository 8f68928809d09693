"""Purchases after a trigger and without one: rate ratios, precision and lift, with intervals over customers.

Units are numbers from 0, days whole numbers. A unit is *exposed* on the ``lead`` days after each of its trigger days;
the trigger's own day, and all others, are not.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bankmkt.confidence import Z
from bankmkt.funnel.clusters import clustered_shares

Days = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]
WEEK = 7
STEPS = 50
"""Of Newton's method, which takes five or so."""
SPAN = np.int64(1 << 32)
"""A unit and a day are one number: unit · SPAN + day."""


@dataclass(frozen=True)
class Moments:
    """What happened to units on days, sorted by unit, then day; each once."""

    unit: Days
    day: Days

    @classmethod
    def of(cls, unit: Days, day: Days) -> "Moments":
        """Sort what happened, and count it once."""
        both = np.sort(unit * SPAN + day)
        both = both[np.diff(both, prepend=both[0] - 1) > 0] if len(both) else both
        who = (both + SPAN // 2) // SPAN
        return cls(who, both - who * SPAN)

    def between(self, first: Days, last: Days) -> "Moments":
        """Keep what lies within each unit's first and last day."""
        inside = (self.day >= first[self.unit]) & (self.day <= last[self.unit])
        return Moments(self.unit[inside], self.day[inside])

    def latest(self, unit: Days, day: Days) -> Days:
        """Return the last day on or before each, −10⁹ where there is none."""
        at = np.searchsorted(self.unit * SPAN + self.day, unit * SPAN + day, side="right") - 1
        ok = (at >= 0) & (self.unit[np.maximum(at, 0)] == unit) if len(self.unit) else np.zeros(len(unit), bool)
        return np.where(ok, self.day[np.maximum(at, 0)] if len(self.day) else 0, -(10**9))


@dataclass(frozen=True)
class Ratio:
    """A rate ratio with its 95% interval and p value; NaN where nothing can be said."""

    value: float
    lower: float
    upper: float
    p_value: float


UNKNOWN = Ratio(np.nan, np.nan, np.nan, np.nan)


def exposed(triggers: Moments, lead: int, first: Days, last: Days) -> tuple[Days, Days, Days]:
    """Return the exposed stretches within the time at risk: unit, first day, last day; they do not overlap."""
    unit, day = triggers.unit, triggers.day
    following = np.full(len(day), np.iinfo(np.int64).max)
    if len(day):
        following[:-1] = np.where(unit[1:] == unit[:-1], day[1:], following[:-1])
    low = np.maximum(day + 1, first[unit])
    high = np.minimum(np.minimum(day + lead, following), last[unit])
    some = low <= high
    return unit[some], low[some], high[some]


def rate_ratio(
    triggers: Moments, purchases: Moments, lead: int, first: Days, last: Days, stratum: Days, month: Days, start: int
) -> Ratio:
    """Compare purchases per exposed day with those per other day of the same month and kind of customer.

    Poisson regression with an effect of each stratum, whose likelihood given the strata's totals is that of binomial
    counts (Breslow & Day 1987, *Statistical Methods in Cancer Research* II, 4), with a variance over customers (Lin &
    Wei 1989, *JASA* 84).

    Parameters
    ----------
    triggers, purchases
        What happened.
    lead
        Days of exposure after a trigger.
    first, last
        Each unit's days at risk, inclusive; none if the last is before the first.
    stratum
        Of each unit.
    month
        Of each day from ``start`` on.
    start
        The first day.
    """
    days = len(month)
    here = purchases.between(first, last)
    unit, low, high = exposed(triggers, lead, first, last)
    since = here.day - triggers.latest(here.unit, here.day - 1)
    hit = since <= lead
    groups = int(stratum.max()) + 1
    there = np.flatnonzero(last >= first)

    def per_month(unit: Days, low: Days, high: Days) -> Reals:
        change = np.zeros((groups, days + 1))
        np.add.at(change, (stratum[unit], low - start), 1)
        np.add.at(change, (stratum[unit], high + 1 - start), -1)
        daily = np.cumsum(change, axis=1)[:, :days]
        return np.stack([np.bincount(month, row) for row in daily]).astype(np.float64)

    with_it = per_month(unit, low, high)
    without = per_month(there, first[there], last[there]) - with_it
    cell = (stratum[here.unit], month[here.day - start])
    bought = np.zeros_like(with_it)
    np.add.at(bought, cell, 1)
    informative = (with_it > 0) & (without > 0) & (bought > 0)
    both = hit & informative[cell]
    total = (bought * informative).sum()
    if not 0 < both.sum() < total:
        return UNKNOWN
    beta = _solve(float(both.sum()), bought[informative], with_it[informative], without[informative])
    ratio = np.exp(beta)
    scale = np.where(informative, ratio * with_it + without, 1)
    share, level = ratio * with_it / scale, np.where(informative, bought / scale, 0)
    on, off = level * (1 - share) * ratio, level * share

    def per_unit(weights: Reals, unit: Days, low: Days, high: Days) -> Reals:
        so_far = np.concatenate([np.zeros((groups, 1)), np.cumsum(weights[:, month], axis=1)], axis=1)
        each = so_far[stratum[unit], high + 1 - start] - so_far[stratum[unit], low - start]
        return np.bincount(unit, each, len(first)).astype(np.float64)

    surprise = np.where(informative[cell], hit - share[cell], 0.0)
    score: Reals = np.bincount(here.unit, surprise, len(first)).astype(np.float64)
    score -= per_unit(on, unit, low, high)
    score += per_unit(off, there, first[there], last[there]) - per_unit(off, unit, low, high)
    information = (bought * share * (1 - share))[informative].sum()
    return _told(beta, float(np.sqrt((score**2).sum()) / information))


def own_ratio(
    triggers: Moments, purchases: Moments, lead: int, first: Days, last: Days, month: Days, start: int
) -> Ratio:
    """Compare purchases per exposed day with those per other day of the same customer, where all months were alike.

    A self-controlled case series (Farrington & Whitaker 2006, *Applied Statistics* 55): Poisson regression with an
    effect of each customer and of each month, whose likelihood given the customers' totals is multinomial; the variance
    is that over customers. Whose time at risk ends with a purchase cannot be compared so.

    Parameters
    ----------
    triggers, purchases, lead, first, last, month, start
        As for :func:`rate_ratio`.
    """
    here = purchases.between(first, last)
    unit, low, high = exposed(triggers, lead, first, last)
    total = np.bincount(here.unit, minlength=len(first))
    who = np.flatnonzero(total)
    place = np.full(len(first), -1)
    place[who] = np.arange(len(who))
    seen = place[unit] >= 0
    groups, at = int(month[-1]) + 1, month[here.day - start]
    with_it = _days_by_month(place[unit[seen]], low[seen], high[seen], len(who), month, start)
    without = _days_by_month(np.arange(len(who)), first[who], last[who], len(who), month, start) - with_it
    when = np.bincount(place[here.unit] * groups + at, minlength=len(who) * groups).reshape(-1, groups)
    hit = (here.day - triggers.latest(here.unit, here.day - 1) <= lead).astype(np.float64)
    hits: Reals = np.bincount(place[here.unit], hit, len(who)).astype(np.float64)
    told = (with_it.sum(axis=1) > 0) & (without.sum(axis=1) > 0)
    if not 0 < hits[told].sum() < total[who][told].sum():
        return UNKNOWN
    some = when.any(axis=0)  # where nobody buys, nothing is told
    return _conditional(with_it[:, some], without[:, some], when[:, some], hits)


def _days_by_month(unit: Days, low: Days, high: Days, size: int, month: Days, start: int) -> Reals:
    """Return the days of each unit's stretches that lie in each month."""
    groups = int(month[-1]) + 1
    opens = start + np.searchsorted(month, np.arange(groups + 1))
    parts = [
        np.bincount(unit, np.maximum(np.minimum(high, then - 1) - np.maximum(low, now) + 1, 0), size)
        for now, then in pairwise(opens)
    ]
    return np.stack(parts, axis=1)


def _conditional(with_it: Reals, without: Reals, when: Days, hits: Reals) -> Ratio:
    """Fit the log ratio and the months' effects by Newton's method; rows are customers, columns months."""
    total, groups = when.sum(axis=1), when.shape[1]
    wanted = np.concatenate([[hits.sum()], when.sum(axis=0)])
    theta = np.zeros(1 + groups)
    for _step in range(STEPS):
        level = np.exp(theta[1:])
        more = np.exp(theta[0]) * with_it * level
        whole = more + without * level
        sums = whole.sum(axis=1)
        sums = np.where(sums > 0, sums, 1)[:, None]
        more, whole = more / sums, whole / sums
        p = np.column_stack([more.sum(axis=1), whole])
        score = wanted - total @ p
        weighed = p * total[:, None]
        curve = np.diag(weighed.sum(axis=0)) - p.T @ weighed
        curve[0, 1:] = curve[1:, 0] = total @ more - p[:, 0] @ weighed[:, 1:]
        back = np.linalg.pinv(curve, rcond=1e-10, hermitian=True)
        step = back @ score
        theta = theta + step * min(1.0, 2 / max(np.abs(step).max(), 1e-300))
        if np.abs(step).max() < 1e-8:
            break
    else:
        return UNKNOWN
    if abs((curve @ back)[0, 0] - 1) > 1e-6:  # months and triggers cannot be told apart
        return UNKNOWN
    surprise = np.column_stack([hits, when]) - weighed
    return _told(float(theta[0]), float(np.sqrt(((surprise @ back[0]) ** 2).sum())))


def _solve(hits: float, bought: Reals, with_it: Reals, without: Reals) -> float:
    """Return the log ratio at which as many purchases are expected after a trigger as there were."""
    from scipy.optimize import brentq

    def excess(beta: float) -> float:
        part = np.exp(beta) * with_it
        return float((bought * part / (part + without)).sum() - hits)

    return float(brentq(excess, -30, 30))


def _told(beta: float, se: float) -> Ratio:
    from scipy.stats import norm

    low, high = np.exp(beta - Z * se), np.exp(beta + Z * se)
    return Ratio(float(np.exp(beta)), float(low), float(high), float(2 * norm.sf(abs(beta) / se)) if se else np.nan)


@dataclass(frozen=True)
class Judged:
    """How well a trigger tells purchases in time: shares as (value, lower, upper).

    ``customers`` have the fresh triggers, of whom ``buyers`` buy in time; ``waiters`` have those that wait; of the
    ``all_buyers`` of the period, ``told_buyers`` have a purchase that follows a trigger.
    """

    fresh: int
    customers: int
    buyers: int
    waiting: int
    waiters: int
    told_buyers: int
    all_buyers: int
    precision: tuple[float, float, float]
    base: float
    lift: tuple[float, float, float]
    coverage: tuple[float, float, float]


def judge(
    triggers: Moments, purchases: Moments, lead: int, first: Days, last: Days, stratum: Days, start: int, end: int
) -> Judged:
    """Tell how many buy within ``lead`` days of a trigger, and how many of those alike without one.

    A trigger counts when it is *fresh*: there was none in the ``lead`` days before. Comparable customers are looked at
    each week: alike, at risk, and without a trigger in the ``lead`` days before. Triggers, and weeks, of the last
    ``lead`` days wait: whether a purchase follows is not known yet.

    Parameters
    ----------
    triggers, purchases, lead, first, last, stratum
        As for :func:`rate_ratio`.
    start, end
        The first and the last day of the period.
    """
    size = len(first)

    def buys(unit: Days, day: Days) -> npt.NDArray[np.bool_]:
        return purchases.latest(unit, day + lead) > day

    inside = (triggers.day >= np.maximum(first, start)[triggers.unit]) & (triggers.day <= last[triggers.unit])
    inside &= triggers.day <= end
    new = triggers.day - triggers.latest(triggers.unit, triggers.day - 1) > lead
    known = triggers.day + lead <= end
    unit, day = triggers.unit[inside & new & known], triggers.day[inside & new & known]
    y = buys(unit, day)
    weeks = np.arange(start, end - lead + 1, WEEK)
    groups = int(stratum.max()) + 1
    bought, seen = np.zeros((groups, len(weeks))), np.zeros((groups, len(weeks)))
    others = []
    for week, when in enumerate(weeks):
        at_risk = np.flatnonzero((first <= when) & (last >= when))
        free = at_risk[when - triggers.latest(at_risk, np.full(len(at_risk), when)) >= lead]
        success = buys(free, np.full(len(free), when))
        bought[:, week] = np.bincount(stratum[free], success, groups)
        seen[:, week] = np.bincount(stratum[free], minlength=groups)
        others.append((free, success))
    cell = (stratum[unit], (day - start) // WEEK)
    rates = np.divide(bought, seen, out=np.full_like(bought, np.nan), where=seen > 0)
    expected = rates[cell]
    comparable = ~np.isnan(expected)
    total, base = float(y[comparable].sum()), float(expected[comparable].sum())
    lift = (np.nan, np.nan, np.nan)
    if total and base:
        value = total / base
        influence = np.bincount(unit[comparable], (y - value * expected)[comparable] / total, size)
        weight = np.zeros_like(seen)
        np.add.at(weight, cell, 1)
        weight = np.divide(weight, seen, out=np.zeros_like(seen), where=seen > 0) / base
        for week, (free, success) in enumerate(others):
            at = (stratum[free], week)
            influence -= np.bincount(free, weight[at] * (success - np.nan_to_num(rates[at])), size)
        se = float(np.sqrt((influence**2).sum()))
        lift = (value, float(value * np.exp(-Z * se)), float(value * np.exp(Z * se)))
    here = purchases.between(np.maximum(first, start), np.minimum(last, end))
    after = here.day - triggers.latest(here.unit, here.day - 1) <= lead
    wait = inside & new & ~known
    return Judged(
        fresh=len(unit), customers=len(np.unique(unit)), buyers=len(np.unique(unit[y])), waiting=int(wait.sum()),
        waiters=len(np.unique(triggers.unit[wait])), told_buyers=len(np.unique(here.unit[after])),
        all_buyers=len(np.unique(here.unit)), precision=_share(unit, y, size),
        base=base / comparable.sum() if comparable.any() else np.nan, lift=lift,
        coverage=_share(here.unit, after, size),
    )  # fmt: skip


def _share(unit: Days, y: npt.NDArray[np.bool_], size: int) -> tuple[float, float, float]:
    x, n = np.bincount(unit, y, size), np.bincount(unit, minlength=size).astype(float)
    if not n.sum():
        return np.nan, np.nan, np.nan
    p, low, high = clustered_shares(
        [x.sum()], [n.sum()], [(x * x).sum()], [(x * n).sum()], [(n * n).sum()], [(n > 0).sum()]
    )
    return float(p[0]), float(low[0]), float(high[0])


def lead_times(triggers: Moments, purchases: Moments, lead: int, first: Days, last: Days) -> tuple[Days, Days]:
    """Return who makes each purchase that follows a trigger in time, and the days from the last one to it."""
    here = purchases.between(first, last)
    waited = here.day - triggers.latest(here.unit, here.day - 1)
    return here.unit[waited <= lead], waited[waited <= lead]
