"""What an hour of traffic should be, given the hour of the week and the days before, and how far chance takes it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

WEEK = 168
"""Hours."""
HALF_LIFE = 7.0
"""Days after which a day counts half for the level."""
SURE = 1e7
"""A prior worth more than this many trials is certainty."""
Numbers = npt.NDArray[np.float64]
Pair = tuple[Numbers, Numbers]


@dataclass(frozen=True)
class Outlook:
    """A day ahead, an entry per hour.

    Parameters
    ----------
    mean, size
        Of the negative binomial that counts follow: the variance is mean + mean²/size.
    share, prior
        Of the beta-binomial that the numerator follows, given the trials: its mean share, and how many trials the
        knowledge of it is worth.
    """

    mean: Numbers
    size: Numbers
    share: Numbers
    prior: Numbers


def pattern(weeks: Numbers) -> tuple[Numbers, Numbers, float]:
    """Learn the rhythm of a week from whole weeks.

    Hour of day times day of week; a cell departs from that product as far as the weeks agree that it does (empirical
    Bayes: the cells' spread beyond what their own spread from week to week explains).

    Parameters
    ----------
    weeks : (weeks, 168) array
        Counts, Monday's first hour first; two weeks or more.

    Returns
    -------
    tuple
        Each hour's part of the week, on average 1; the relative variance with which it is known; and φ, by which counts
        vary beyond chance (variance mean + φ mean², by moments within cells, from week to week).

    Examples
    --------
    >>> shape, unsure, phi = pattern(np.tile(np.r_[np.full(84, 30.0), np.full(84, 10.0)], (4, 1)))
    >>> round(float(shape[0]), 1), round(float(shape[-1]), 1), phi
    (1.5, 0.5, 0.0)
    """
    level = weeks.mean(axis=1, keepdims=True).clip(1e-9)
    alike = weeks * level.mean() / level
    mean, spread = alike.mean(axis=0), alike.var(axis=0, ddof=1)
    phi = max(0.0, float((spread - mean).sum() / (mean**2).sum().clip(1e-9)))
    cells = mean.reshape(7, 24)
    hours, days = cells.sum(axis=0) + 0.5 / len(weeks), cells.sum(axis=1) + 0.5 / len(weeks)
    product = (np.outer(days, hours) / cells.sum().clip(1e-9)).ravel()
    noise = (product + phi * product**2) / len(weeks)
    departs = max(0.0, float(((mean - product) ** 2 - noise).sum() / (product**2).sum()))
    trust = departs / (departs + noise / product**2)
    found = product + trust * (mean - product)
    return found / found.mean(), departs * (1 - trust), phi


def shares(parts: Numbers, trials: Numbers) -> tuple[Numbers, Numbers, float]:
    """Learn how the share of parts among trials changes over the hours of the week.

    Each cell's share is drawn towards that of its hour of day, and that towards the whole's, the more the less they
    differ beyond chance.

    Parameters
    ----------
    parts, trials : (weeks, 168) arrays
        Two weeks or more.

    Returns
    -------
    tuple
        Each hour's share relative to the whole's; the variance with which it is known, relative to q (1 − q); and ρ,
        the correlation within an hour (variance trials · q (1 − q) (1 + (trials − 1) ρ), by moments within cells).
    """
    total = trials.sum(axis=0)
    own = np.clip(parts.sum(axis=0) / total.clip(1), 0, 1)
    noise = own * (1 - own)
    left = (1 - trials / total.clip(1)).clip(1 / trials.size)  # of a week's square after its cell's share was fitted
    squares = (parts - trials * own) ** 2 / left - trials * noise
    pairs = trials * (trials - 1).clip(0)
    rho = float(np.clip(squares[:, total > 0].sum() / (pairs * noise).sum().clip(1e-9), 0, 0.5))
    whole = float(np.clip(parts.sum() / max(trials.sum(), 1), 1e-6, 1 - 1e-6))
    by_hour = [x.sum(axis=0).reshape(7, 24).sum(axis=0) for x in (parts, trials, pairs)]
    hours, vague = _drawn(by_hour[0], by_hour[1], by_hour[2], np.full(24, whole), rho)
    cells, vaguer = _drawn(parts.sum(axis=0), total, pairs.sum(axis=0), np.tile(hours, 7), rho)
    return cells / whole, np.tile(vague, 7) + vaguer, rho


def _drawn(part: Numbers, trial: Numbers, pairs: Numbers, to: Numbers, rho: float) -> Pair:
    """Draw shares towards others; return them and the variance with which they are known, relative to q (1 − q)."""
    worth = trial / (1 + rho * pairs / trial.clip(1))  # independent trials
    spread = to * (1 - to)
    share = part / trial.clip(1)
    over = float((worth * ((share - to) ** 2 / spread) - (trial > 0)).sum() / worth.sum().clip(1e-9))
    if over <= 1 / SURE:
        return to, np.zeros_like(to)
    return (worth * share + to / over) / (worth + 1 / over), 1 / (worth + 1 / over)


def discounted(values: Numbers) -> tuple[float, float]:
    """Return the sum of daily values, discounted by age (the last is a day old), and that with squared weights."""
    weight = 0.5 ** (np.arange(len(values), 0, -1) / HALF_LIFE)
    return float(weight @ values), float(weight**2 @ values)


def outlook(own: Pair, base: Pair, weeks: int) -> Outlook | None:
    """Say what the next day's hours should be, from hours before it only.

    Parameters
    ----------
    own : tuple of (hours,) arrays
        Counts and numerators of the series, from a midnight up to the day.
    base : tuple of (hours,) arrays
        Those of the traffic whose weekly rhythm it shares, trials and numerators, from a Monday's midnight.
    weeks : int
        How many whole weeks the rhythm is learned from, at most.

    Returns
    -------
    Outlook or None
        None before there are two whole weeks of base, and two days and 20 events of its own.
    """
    counts, _, trials, parts = own[0], own[1], *_trials(own, nested(base))
    days = len(counts) // 24
    whole = len(base[0]) // WEEK
    if whole < 2 or days < 2 or counts.sum() < 20:
        return None
    last = slice((whole - min(whole, weeks)) * WEEK, whole * WEEK)
    seen, base_parts = (x[last].reshape(-1, WEEK) for x in base)
    base_trials = _trials((seen, base_parts), nested(base))[0]
    shape, vague, phi = pattern(seen)
    ahead = (len(base[0]) % WEEK + np.arange(24)) % WEEK
    behind = (len(base[0]) - len(counts) + np.arange(len(counts))) % WEEK
    events, squared = discounted(counts.reshape(-1, 24).sum(axis=1))
    exposure, _ = discounted(shape[behind].reshape(-1, 24).sum(axis=1))
    unsure = squared / events**2  # relative variance of the level
    wide = phi + unsure + vague[ahead]
    mean = events / exposure * shape[ahead]
    relative, vaguely, rho = shares(base_parts, base_trials)
    part, _ = discounted(parts.reshape(-1, 24).sum(axis=1))
    tried, squared = discounted((trials * relative[behind]).reshape(-1, 24).sum(axis=1))
    level = (part + 0.5) / (tried + 1)
    apart = rho + squared / max(tried, 1) ** 2 + vaguely[ahead]
    share = np.clip(level * relative[ahead], 1e-6, 1 - 1e-6)
    return Outlook(mean, 1 / wide.clip(1e-9), share, np.minimum(1 / apart.clip(1e-9, 0.9) - 1, SURE))


def nested(base: Pair) -> bool:
    """Say whether each numerator comes with one of the counts, as a click on a view: no hour has more of them."""
    return bool((base[1] <= base[0]).all())


def _trials(pair: Pair, is_nested: bool) -> Pair:
    """Return trials and parts: parts among the counts, or, where they come apart, among both together."""
    counts, parts = pair
    return (np.maximum(counts, parts), parts) if is_nested else (counts + parts, parts)


def count_evidence(counts: Numbers, ahead: Outlook, size: float) -> Numbers:
    """Return the log-likelihood ratio of counts with ``size`` times the mean against the mean."""
    odds = (ahead.size + size * ahead.mean) / (ahead.size + ahead.mean)
    return np.asarray(counts * np.log(size) - (counts + ahead.size) * np.log(odds))


def share_evidence(parts: Numbers, trials: Numbers, ahead: Outlook, size: float) -> Numbers:
    """Return the log-likelihood ratio of a share ``size`` times (at most half-way to 1) against the share."""
    from scipy.special import betaln

    other = np.minimum(size * ahead.share, (1 + ahead.share) / 2)

    def likelihood(q: Numbers) -> Any:
        a, b = q * ahead.prior, (1 - q) * ahead.prior
        return betaln(parts + a, trials - parts + b) - betaln(a, b)

    sure = parts * np.log(other / ahead.share) + (trials - parts) * np.log((1 - other) / (1 - ahead.share))
    return np.asarray(np.where(ahead.prior >= SURE, sure, likelihood(other) - likelihood(ahead.share)))


def count_limits(ahead: Outlook, risk: float) -> Pair:
    """Return the least and the largest count that is not rarer than ``risk`` on its side."""
    from scipy.stats import nbinom

    law = nbinom(ahead.size, ahead.size / (ahead.size + ahead.mean))
    return np.asarray(law.ppf(risk)), np.asarray(law.isf(risk))


def share_limits(trials: Numbers, ahead: Outlook, risk: float) -> Pair:
    """Return the least and the largest part of the trials that is not rarer than ``risk`` on its side."""
    from scipy.special import betaln, gammaln
    from scipy.stats import norm

    a, b = ahead.share * ahead.prior, (1 - ahead.share) * ahead.prior
    wide = norm.isf(risk) * np.sqrt(
        trials * ahead.share * (1 - ahead.share) * (1 + (trials - 1).clip(0) / (1 + ahead.prior))
    )
    low, high = np.floor(trials * ahead.share - wide).clip(0), np.minimum(np.ceil(trials * ahead.share + wide), trials)
    for i in np.flatnonzero(trials <= 2_000):  # exact where a normal law is not close
        k, n = np.arange(trials[i] + 1), trials[i]
        choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        chance = np.cumsum(np.exp(choose + betaln(k + a[i], n - k + b[i]) - betaln(a[i], b[i])))
        low[i], high[i] = np.searchsorted(chance, risk), np.searchsorted(chance, 1 - risk)
    return low, np.minimum(high, trials)
