"""What an hour of traffic should be, given the hour of the week and the days before, and how far chance takes it."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

WEEK = 168
"""Hours."""
HALF_LIFE = 7.0
"""Days after which a day counts half for the level."""
SURE = 1e7
"""A prior worth more than this many trials is certainty."""
GUESS = 2 * 24
"""Hours of its own after which a series says as much of its clumps as all the traffic does."""
Numbers = npt.NDArray[np.float64]
Pair = tuple[Numbers, Numbers]


@dataclass(frozen=True)
class Outlook:
    """A day ahead, an entry per hour.

    Parameters
    ----------
    mean, clump, wide
        Of counts: their mean, and their variance clump · mean + wide · mean². Clumps are
        events that come together, such as the views of one visitor: they add to the variance in proportion to the mean,
        in small series as in large ones. What moves a whole hour adds in proportion to the mean's square.
    share, share_clump, apart
        Of the beta-binomial that the numerator follows, given n trials: its mean share q, and its variance
        n q (1 − q) (share_clump + (n − 1) apart).
    """

    mean: Numbers
    clump: Numbers
    wide: Numbers
    share: Numbers
    share_clump: Numbers
    apart: Numbers

    @property
    def size(self) -> Numbers:
        """The negative binomial's size: its variance is mean + mean² / size."""
        return np.asarray(1 / (self.wide + (self.clump - 1) / self.mean.clip(1e-9)).clip(1e-9))

    def first(self, hours: int) -> "Outlook":
        """Return its first hours."""
        return Outlook(*(getattr(self, field.name)[:hours] for field in fields(self)))

    def prior(self, trials: Numbers) -> Numbers:
        """Return how many trials the knowledge of the share is worth, in an hour of so many trials."""
        alike = self.apart + (self.share_clump - 1) / (trials - 1).clip(1)
        return np.minimum(1 / alike.clip(1e-9, 0.9) - 1, SURE)


def pattern(weeks: Numbers) -> tuple[Numbers, Numbers, float, float]:
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
        Each hour's part of the week, on average 1; the relative variance with which it is known; and c and φ, by which
        counts vary (variance c mean + φ mean², fitted to the cells' variances from week to week).

    Examples
    --------
    >>> shape, unsure, c, phi = pattern(np.tile(np.r_[np.full(84, 30.0), np.full(84, 10.0)], (4, 1)))
    >>> round(float(shape[0]), 1), round(float(shape[-1]), 1), c, phi
    (1.5, 0.5, 1.0, 0.0)
    """
    level = weeks.mean(axis=1, keepdims=True).clip(1e-9)
    alike = weeks * level.mean() / level
    mean, spread = alike.mean(axis=0), alike.var(axis=0, ddof=1)
    cells = mean.reshape(7, 24)
    hours, days = cells.sum(axis=0) + 0.5 / len(weeks), cells.sum(axis=1) + 0.5 / len(weeks)
    product = (np.outer(days, hours) / cells.sum().clip(1e-9)).ravel()
    c, phi = _dispersion(spread, product, product**2)
    noise = (c * product + phi * product**2) / len(weeks)
    departs = max(0.0, float(((mean - product) ** 2 - noise).sum() / (product**2).sum()))
    trust = departs / (departs + noise / product**2)
    found = product + trust * (mean - product)
    return found / found.mean(), departs * (1 - trust), c, phi


def _dispersion(squares: Numbers, linear: Numbers, quadratic: Numbers) -> tuple[float, float]:
    """Fit squares = c · linear + φ · quadratic with c from 1 and φ from 0, cells weighted by their precision."""
    some = linear > 0
    y, x, z = squares[some], linear[some], quadratic[some]
    if not some.any() or not z.any():
        return max(1.0, float(y.sum() / x.sum())) if some.any() else 1.0, 0.0
    c, phi = 1.0, max(0.0, float((y - x).sum() / z.sum()))
    for _ in range(3):
        weight = 1 / (c * x + phi * z)
        (c, phi), *_ = np.linalg.lstsq(np.stack([x * weight, z * weight], axis=1), y * weight)
        if phi < 0:
            c, phi = max(1.0, float(y.sum() / x.sum())), 0.0
        elif c < 1:
            c, phi = 1.0, max(0.0, float((y - x).sum() / z.sum()))
    return float(c), float(phi)


def shares(parts: Numbers, trials: Numbers) -> tuple[Numbers, Numbers, float, float]:
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
        Each hour's share relative to the whole's; the variance with which it is known, relative to q (1 − q); and c and
        ρ, the correlation within an hour (variance trials · q (1 − q) (c + (trials − 1) ρ), fitted to the cells').
    """
    total = trials.sum(axis=0)
    own = np.clip(parts.sum(axis=0) / total.clip(1), 0, 1)
    noise = own * (1 - own)
    left = (1 - trials / total.clip(1)).clip(1 / trials.size)  # of a week's square after its cell's share was fitted
    squares = (parts - trials * own) ** 2 / left
    pairs = trials * (trials - 1).clip(0)
    c, rho = _dispersion(squares.sum(axis=0), total * noise, pairs.sum(axis=0) * noise)
    rho = min(rho, 0.5)
    whole = float(np.clip(parts.sum() / max(trials.sum(), 1), 1e-6, 1 - 1e-6))
    by_hour = [x.sum(axis=0).reshape(7, 24).sum(axis=0) for x in (parts, trials, pairs)]
    hours, vague = _drawn(by_hour[0], by_hour[1], by_hour[2], np.full(24, whole), c, rho)
    cells, vaguer = _drawn(parts.sum(axis=0), total, pairs.sum(axis=0), np.tile(hours, 7), c, rho)
    return cells / whole, np.tile(vague, 7) + vaguer, c, rho


def _drawn(part: Numbers, trial: Numbers, pairs: Numbers, to: Numbers, c: float, rho: float) -> Pair:
    """Draw shares towards others; return them and the variance with which they are known, relative to q (1 − q)."""
    worth = trial / (c + rho * pairs / trial.clip(1))  # independent trials
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
    shape, vague, c, phi = pattern(seen)
    ahead = (len(base[0]) % WEEK + np.arange(24)) % WEEK
    behind = (len(base[0]) - len(counts) + np.arange(len(counts))) % WEEK
    rhythm = shape[behind]
    events, squared = discounted(counts.reshape(-1, 24).sum(axis=1))
    exposure, _ = discounted(rhythm.reshape(-1, 24).sum(axis=1))
    late = slice(-weeks * WEEK, None)
    level, unsure = _levels(counts[late], rhythm[late])
    mean = level * rhythm[late]
    clump = _clump(counts[late] - mean, mean, mean**2 * (phi + vague[behind][late]), mean**2 * unsure, c)
    wide = phi + clump * squared / events**2 + vague[ahead]
    relative, vaguely, c, rho = shares(base_parts, base_trials)
    usual = trials * relative[behind]
    part, _ = discounted(parts.reshape(-1, 24).sum(axis=1))
    tried, squared = discounted(usual.reshape(-1, 24).sum(axis=1))
    level, unsure = _levels(parts[late], usual[late], 0.5)
    n, q = trials[late], np.clip(level * relative[behind][late], 1e-6, 1 - 1e-6)
    noise = q * (1 - q)
    known = noise * n * (n - 1).clip(0) * (rho + vaguely[behind][late])
    share_clump = _clump(parts[late] - n * q, noise * n, known, noise * n**2 * unsure, c)
    apart = rho + share_clump * squared / max(tried, 1) ** 2 + vaguely[ahead]
    share = np.clip((part + 0.5) / (tried + 1) * relative[ahead], 1e-6, 1 - 1e-6)
    return Outlook(
        events / exposure * shape[ahead], np.full(24, clump), wide, share, np.full(24, share_clump), apart
    )  # fmt: skip


def _levels(events: Numbers, exposure: Numbers, more: float = 0.0) -> Pair:
    """Return for each hour the level that the days before told, and its relative variance by chance; NaN at first."""
    days = [x.reshape(-1, 24).sum(axis=1) for x in (events, exposure)]
    age = np.subtract.outer(np.arange(len(days[0])), np.arange(len(days[0])))
    weight = np.where(age > 0, 0.5 ** (age.clip(0) / HALF_LIFE), 0.0)
    seen, shown = weight @ days[0], weight @ days[1]
    some = (seen > 0) & (shown > 0)
    level = np.where(some, (seen + more) / np.where(some, shown + 2 * more, 1), np.nan)
    base = days[0] if not more else days[1]
    unsure = np.where(some, (weight**2 @ base) / np.where(some, weight @ base, 1) ** 2, np.nan)
    return np.repeat(level, 24), np.repeat(unsure, 24)


def _clump(missed: Numbers, linear: Numbers, known: Numbers, vague: Numbers, guess: float) -> float:
    """Return the factor by which a series' past hours missed what was foreseen beyond chance (its variance / linear).

    Parameters
    ----------
    missed, linear, known, vague : (hours,) arrays
        By how much an hour missed; its variance if events came one by one; the part of it that all the traffic
        explains; what the uncertain level adds if events came one by one. NaN where nothing was foreseen.
    guess
        The factor of all the traffic, worth :data:`GUESS` hours.
    """
    some = ~np.isnan(missed)
    prior = GUESS * float(linear[some].mean()) if some.any() else 0.0
    if not prior:
        return guess
    squares, chance = float((missed**2 - known)[some].sum()), float((linear + vague)[some].sum())
    return max(1.0, (squares + prior * guess) / (chance + prior))


def nested(base: Pair) -> bool:
    """Say whether each numerator comes with one of the counts, as a click on a view: no hour has more of them."""
    return bool((base[1] <= base[0]).all())


def _trials(pair: Pair, is_nested: bool) -> Pair:
    """Return trials and parts: parts among the counts, or, where they come apart, among both together."""
    counts, parts = pair
    return (np.maximum(counts, parts), parts) if is_nested else (counts + parts, parts)


def count_evidence(counts: Numbers, ahead: Outlook, size: float) -> Numbers:
    """Return the log-likelihood ratio of counts with ``size`` times the mean against the mean.

    For fewer events, counts / clump are negative binomial with mean / clump, as if each clump had as many events: then
    exp of the ratio has mean 1 at most whatever sizes the clumps have (by Jensen's inequality). For more events it
    would not; there counts are negative binomial, as clumps of logarithmic sizes make them, with the longer tail.
    """
    alike = ahead.clump if size < 1 else 1.0
    worth = 1 / ahead.wide.clip(1e-9) if size < 1 else ahead.size
    odds = (worth + size * ahead.mean / alike) / (worth + ahead.mean / alike)
    return np.asarray(counts / alike * np.log(size) - (counts / alike + worth) * np.log(odds))


def share_evidence(parts: Numbers, trials: Numbers, ahead: Outlook, size: float) -> Numbers:
    """Return the log-likelihood ratio of a share ``size`` times (at most half-way to 1) against the share."""
    from scipy.special import betaln

    other = np.minimum(size * ahead.share, (1 + ahead.share) / 2)

    prior = ahead.prior(trials)

    def likelihood(q: Numbers) -> Any:
        a, b = q * prior, (1 - q) * prior
        return betaln(parts + a, trials - parts + b) - betaln(a, b)

    sure = parts * np.log(other / ahead.share) + (trials - parts) * np.log((1 - other) / (1 - ahead.share))
    return np.asarray(np.where(prior >= SURE, sure, likelihood(other) - likelihood(ahead.share)))


def count_limits(ahead: Outlook, risk: float) -> Pair:
    """Return the least and the largest count that is not rarer than ``risk`` on its side (laws as of the evidence)."""
    from scipy.stats import nbinom

    worth = 1 / ahead.wide.clip(1e-9)
    low = nbinom.ppf(risk, worth, worth / (worth + ahead.mean / ahead.clump))
    return np.asarray(np.ceil(ahead.clump * low)), nbinom.isf(risk, ahead.size, ahead.size / (ahead.size + ahead.mean))


def share_limits(trials: Numbers, ahead: Outlook, risk: float) -> Pair:
    """Return the least and the largest part of the trials that is not rarer than ``risk`` on its side."""
    from scipy.special import betaln, gammaln
    from scipy.stats import norm

    prior = ahead.prior(trials)
    a, b = ahead.share * prior, (1 - ahead.share) * prior
    wide = norm.isf(risk) * np.sqrt(trials * ahead.share * (1 - ahead.share) * (1 + (trials - 1).clip(0) / (1 + prior)))
    low, high = np.floor(trials * ahead.share - wide).clip(0), np.minimum(np.ceil(trials * ahead.share + wide), trials)
    for i in np.flatnonzero(trials <= 2_000):  # exact where a normal law is not close
        k, n = np.arange(trials[i] + 1), trials[i]
        choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        chance = np.cumsum(np.exp(choose + betaln(k + a[i], n - k + b[i]) - betaln(a[i], b[i])))
        low[i], high[i] = np.searchsorted(chance, risk), np.searchsorted(chance, 1 - risk)
    return low, np.minimum(high, trials)
