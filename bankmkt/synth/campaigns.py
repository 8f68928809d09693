"""Campaigns of the synthetic bank: who may take part, who does, and what it does to them.

Every decision is drawn per customer, never from a quota, so that it does not depend on how many
customers the bank has. Customers answer in four ways: persuadable, sure thing, lost cause, and
harmed by contact; which one is drawn from traits, some of them unseen by the bank.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bankmkt.schema import PRODUCTS
from bankmkt.synth.calendar import Month, month_at
from bankmkt.synth.frames import take
from bankmkt.synth.population import Traits
from bankmkt.synth.state import Push, State, no_push
from bankmkt.synth.streams import stream

GAIN = np.array([1.0, 0.2, 0.0, -0.7])  # persuadable, sure thing, lost cause, harmed by contact
DELAYS = (0.9, 0.98)  # chance to have joined by the end of the first and second month, if ever
LONG_TAIL = 5_000_000  # cents of AUM below which a customer belongs to the long tail


@dataclass(frozen=True)
class Template:
    """A campaign without its dates.

    Parameters
    ----------
    name, objective, line, kind, assignment, product, outcome
        As in the table ``campaigns``.
    when
        Calendar month it starts in, every year; or 0 for the growth journey's own rhythm.
    first, every
        With ``when=0``: months after the bank's first month, and between repetitions.
    months, window
        Months it runs, and months over which its outcomes are measured.
    sample
        Share of the eligible who are considered at all.
    treated
        Share treated, for randomised campaigns.
    eligible, score
        Functions of traits and state: who may take part, and the logit of being targeted.
    join
        Logit of taking part once allowed, a function of traits and state.
    habit, lift, shop, offer
        Effect a month on a persuadable participant: logins added, log wealth added, factor on the
        hazard of a new product less 1, chance to buy the offered product.
    contacts, channels
        Contacts a month to each treated customer, and through which channels.
    cost
        Planned yuan per customer of the bank.
    excludes
        Campaigns whose customers may not join.
    """

    name: str
    objective: str
    line: str
    kind: str
    assignment: str
    product: str | None
    outcome: str
    when: int
    months: int
    window: int
    eligible: Callable[[Traits, State], np.ndarray]
    join: Callable[[Traits, State], np.ndarray]
    first: int = 0
    every: int = 12
    sample: float = 1.0
    treated: float = 0.5
    score: Callable[[Traits, State], np.ndarray] | None = None
    habit: float = 0.0
    lift: float = 0.0
    shop: float = 0.0
    offer: float = 0.0
    contacts: int = 0
    channels: tuple[str, ...] = ()
    cost: float = 0.1
    excludes: tuple[str, ...] = ()


def _log_aum(state: State) -> np.ndarray:
    return np.log1p(state.aum / 100)


def _holds(state: State, product: str) -> np.ndarray:
    return (state.balance[:, PRODUCTS.index(product)] > 0) | (state.card if product == "card_balance" else False)


def _inactive_long_tail(_: Traits, state: State) -> np.ndarray:
    return (state.aum < LONG_TAIL) & (state.registered >= 0) & (state.logins[:, :2].sum(axis=1) <= 2)


def _journey_join(traits: Traits, state: State) -> np.ndarray:
    seen = 0.30 * np.log1p(state.logins.sum(axis=1)) + 0.20 * traits.latent("digital")
    return -2.5 + 0.45 * state.drive + 1.35 * state.intent + 0.35 * traits.latent("price") + seen + 0.15 * state.stage


def reply(level: float, channel: float) -> Callable[[Traits, State], np.ndarray]:
    """Logit of answering a contact: more when engaged and rising, less when tired of contacts."""
    return lambda t, s: (
        level
        + 0.5 * t.latent("engagement")
        + channel * t.latent("digital")
        + 0.4 * s.drive
        - 0.25 * np.minimum(s.fatigue, 6)
    )


JOURNEY = Template(
    name="growth_journey",
    objective="A benefit platform that anybody among the inactive app users may join",
    line="digital",
    kind="annual",
    assignment="open",
    product=None,
    outcome="aum_change",
    when=0,
    first=18,
    every=24,
    months=6,
    window=6,
    eligible=_inactive_long_tail,
    join=_journey_join,
    habit=0.38,
    lift=0.006,
    shop=0.40,
    cost=1.5,
    excludes=("growth_journey_pilot",),
)

TEMPLATES = (
    Template(
        name="card_activation", objective="Sell a credit card to customers with a regular income",
        line="cards", kind="routine", assignment="randomised", product="card_balance", outcome="conversion",
        when=9, months=2, window=3, sample=0.5, treated=0.5,
        eligible=lambda t, s: ~_holds(s, "card_balance") & (t.income > 550_000),
        join=reply(-0.9, 0.1), offer=0.16, contacts=1, channels=("sms", "call"), cost=0.5,
    ),
    Template(
        name="fund_1111", objective="Win first fund buyers around 11 November",
        line="wealth", kind="hot_spot", assignment="randomised", product="fund", outcome="conversion",
        when=11, months=1, window=2, treated=0.7,
        eligible=lambda t, s: (s.logins[:, 0] >= 1) & (s.aum >= 300_000) & ~_holds(s, "fund"),
        join=reply(-0.6, 0.3), habit=0.8, offer=0.14, contacts=2, channels=("app_push", "sms"), cost=0.4,
    ),
    Template(
        name="payroll_retention", objective="Keep the balances of payroll customers whose AUM is falling",
        line="payroll", kind="annual", assignment="targeted", product=None, outcome="aum_change",
        when=1, months=2, window=3,
        eligible=lambda t, s: t.payroll & (s.aum > 100_000),
        score=lambda t, s: -0.4 + 1.6 * np.clip(1 - s.aum / np.maximum(s.aum_before[:, 2], 1), -1, 1)
        + 0.25 * (_log_aum(s) - 9.5),
        join=reply(-0.2, 0.0), lift=0.06, shop=0.2, contacts=1, channels=("rm", "call"), cost=0.8,
    ),
    Template(
        name="app_wake_up", objective="Bring silent app users back",
        line="digital", kind="short_term", assignment="randomised", product=None, outcome="logins",
        when=3, months=1, window=3, treated=0.8,
        eligible=lambda t, s: (s.registered >= 0) & (s.logins.sum(axis=1) == 0),
        join=reply(-1.2, 0.4), habit=1.6, contacts=2, channels=("sms", "wechat"), cost=0.15,
    ),
    Template(
        name="wealth_newcomer", objective="Win first buyers of wealth-management products",
        line="wealth", kind="annual", assignment="targeted", product="wealth", outcome="conversion",
        when=4, months=2, window=3,
        eligible=lambda t, s: ~_holds(s, "wealth") & (s.aum >= 1_000_000),
        score=lambda t, s: -0.6 + 0.45 * (_log_aum(s) - 10.5) + 0.12 * np.minimum(s.logins[:, 0], 10),
        join=reply(-0.5, 0.0), lift=0.02, offer=0.13, contacts=2, channels=("call", "rm", "wechat"), cost=0.6,
    ),
    replace(
        JOURNEY, name="growth_journey_pilot",
        objective="Pilot: a benefit platform for inactive app users, with a hold-out", kind="short_term",
        assignment="randomised", first=12, sample=0.4, cost=0.6, excludes=(),
    ),
    JOURNEY,
)  # fmt: skip


@dataclass(frozen=True)
class Campaign:
    """A template on the calendar: ``index`` is the bank's month in which it starts.

    Of a campaign with several offers there is one for each: ``arm`` is its place among the values of
    ``assignments.arm``, and ``mixed`` says that they do not all sell the same product.
    """

    campaign_id: int
    name: str
    template: Template
    index: int
    arm: int = 1
    mixed: bool = False

    @property
    def product(self) -> str | None:
        """What its outcome ``conversion`` is about; None for activity."""
        return None if self.mixed else self.template.product

    @property
    def last(self) -> int:
        """Last month in which it runs."""
        return self.index + self.template.months - 1

    @property
    def measured(self) -> int:
        """Last month of the outcome window."""
        return self.index + self.template.window - 1


def schedule(start: str, months: int) -> list[Campaign]:
    """Return the campaigns that start in the first ``months`` months, numbered by start.

    A longer calendar begins with the shorter one.
    """
    found: list[Campaign] = []
    for index in range(2, months):
        month = month_at(start, index)
        for t in TEMPLATES:
            if t.when:
                due, name = t.when == month.first.month, f"{t.name}_{month.first.year}"
            else:
                due = index >= t.first and (index - t.first) % t.every == 0
                name = t.name if index == t.first else f"{t.name}_{month.first.year}"
            if due:
                found.append(Campaign(len(found) + 1, name, t, index))
    return found


@dataclass
class Enrolment:
    """A campaign's customers in one block.

    ``rows`` are positions in the block; the other arrays belong to those rows. ``treated`` is the realised
    decision (of the bank, or of the customer where the campaign is open); ``joins`` whether the customer takes
    part when allowed, ``delay`` after how many months and on which part of the ``day`` 's month, ``gain`` the
    strength and sign of the effect; ``joined`` the second (since 1970) in which the customer did, -1 so far.
    """

    campaign: Campaign
    rows: np.ndarray
    treated: np.ndarray
    propensity: np.ndarray
    p_join: np.ndarray
    joins: np.ndarray
    delay: np.ndarray
    day: np.ndarray
    gain: np.ndarray
    joined: np.ndarray

    def takes(self, treated: np.ndarray, month: int) -> np.ndarray:
        """Whether each customer is taking part in ``month`` if ``treated``."""
        t = self.campaign.template
        part = treated if t.assignment == "open" else treated & self.joins
        return part & (month >= self.campaign.index + self.delay) & (month <= self.campaign.last)


def enrol(campaign: Campaign, traits: Traits, state: State, seed: int, block: int, past: list[Enrolment]) -> Enrolment:
    """Decide who is in a campaign, from what is known at the end of the month before."""
    t = campaign.template
    n = traits.customer_id.size
    rng = stream(seed, "campaign", block, campaign.campaign_id)
    u = rng.random((6, n))
    fits = (traits.opened_month < campaign.index) & (state.closed < 0) & t.eligible(traits, state) & (u[0] < t.sample)
    for other in past:
        if other.campaign.template.name in t.excludes:
            fits[other.rows] = False
    rows = np.flatnonzero(fits)
    who, now, u = take(traits, rows), take(state, rows), u[:, rows]

    p_join = _p_join(t, who, now)
    if t.assignment == "open":
        treated, p = u[1] < p_join, np.full(rows.size, np.nan)
    else:
        share = 1 / (1 + np.exp(-t.score(who, now))) if t.score else np.full(rows.size, t.treated)
        share = np.clip(share, 0.05, 0.95)
        treated = u[2] < share
        p = np.where(treated, share, 1 - share)
    return _enrolment(campaign, who, now, u, rows, treated, p)


def enrol_own(
    campaign: Campaign, traits: Traits, state: State, seed: int, block: int, rows: np.ndarray, treated: np.ndarray,
    propensity: np.ndarray,
) -> Enrolment:  # fmt: skip
    """Enrol the customers ``rows`` as somebody else decided; their luck is the same in whatever arm they are."""
    u = stream(seed, "campaign", block, campaign.campaign_id).random((6, traits.customer_id.size))[:, rows]
    return _enrolment(campaign, take(traits, rows), take(state, rows), u, rows, treated, propensity)


def _p_join(t: Template, who: Traits, now: State) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-t.join(who, now))))


def _enrolment(
    campaign: Campaign, who: Traits, now: State, u: np.ndarray, rows: np.ndarray, treated: np.ndarray,
    propensity: np.ndarray,
) -> Enrolment:  # fmt: skip
    """Draw whether each of the customers would join, when, and how each would answer."""
    t = campaign.template
    p_join, cut = _p_join(t, who, now), answers(who, now)
    answer = np.minimum((u[3][:, None] > cut).sum(axis=1), 3)
    delay = np.minimum(np.searchsorted(DELAYS, u[4]), t.months - 1)
    never = np.full(rows.size, -1)
    return Enrolment(campaign, rows, treated, propensity, p_join, u[1] < p_join, delay, u[5], GAIN[answer], never)


def answers(who: Traits, now: State) -> np.ndarray:
    """Return the chances of the four answers in the order of ``GAIN``, added up from the first.

    Price lovers and digital natives can be persuaded, the tired are harmed.
    """
    price, digital, engagement = who.latent("price"), who.latent("digital"), who.latent("engagement")
    weight = np.exp(
        np.column_stack(
            [
                0.6 + 0.45 * price + 0.25 * digital,
                -0.3 + 0.5 * now.drive + 0.3 * engagement,
                0.2 - 0.2 * digital - 0.2 * engagement,
                -1.2 - 0.35 * price - 0.25 * digital + 0.15 * np.minimum(now.fatigue, 6),
            ]
        )
    )
    return np.asarray(np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True))


def push(
    active: list[Enrolment], state: State, month: Month, seed: int, block: int, rows: np.ndarray,
    flip: int = 0, arm: int | None = None,
) -> tuple[Push, np.ndarray]:  # fmt: skip
    """Add up what the running campaigns do this month to the block's customers ``rows``.

    Parameters
    ----------
    active
        Enrolments of campaigns that run this month.
    state
        Of the customers ``rows``, at the month's start.
    rows
        Ascending positions in the block.
    flip
        Number of the campaign whose arm is turned round: the road not taken.
    arm
        With ``flip``: the arm in which all of its customers are instead.

    Returns
    -------
    push, opts_out
        The effects, and who asks to be left alone from now on.
    """
    total = no_push(rows.size)
    habit, lift, shop, contacts = (np.zeros(rows.size) for _ in range(4))
    offer, offered = np.zeros(rows.size), total.offered.copy()
    opts_out = np.zeros(rows.size, dtype=bool)
    tired = tiredness(state.fatigue)
    for e in active:
        t = e.campaign.template
        at = np.searchsorted(rows, e.rows)
        here = at < rows.size
        here[here] = rows[at[here]] == e.rows[here]
        at = at[here]
        treated = _forced(e, arm) if e.campaign.campaign_id == flip else e.treated
        treated = treated[here]
        part = take(e, here).takes(treated, month.index)
        gain = e.gain[here] * tired[at] * part
        habit[at] += t.habit * gain
        lift[at] += t.lift * gain
        shop[at] += t.shop * gain
        if t.product:
            chance = t.offer * np.maximum(gain, 0)
            better = chance > offer[at]
            offer[at] = np.where(better, chance, offer[at])
            offered[at] = np.where(better, PRODUCTS.index(t.product), offered[at])
        if t.contacts and month.index <= e.campaign.last:
            reached = treated & ~state.opted_out[at]
            contacts[at] += t.contacts * reached
            habit[at] -= 0.10 * t.contacts * reached * (e.gain[here] < 0) * (t.when > 0)
            fed_up = stream(seed, "campaign", block, e.campaign.campaign_id, month.index).random(e.rows.size)[here]
            opts_out[at] |= reached & (fed_up < 0.004 * (1 + state.fatigue[at]))
    return Push(habit, lift, np.maximum(1 + shop, 0.2), offer, offered, contacts), opts_out


def tiredness(fatigue: np.ndarray) -> np.ndarray:
    """Return what recent contacts leave of an effect."""
    return np.asarray(np.exp(-0.18 * np.minimum(fatigue, 8)))


def _forced(e: Enrolment, arm: int | None) -> np.ndarray:
    return ~e.treated if arm is None else np.full(e.treated.size, e.campaign.arm == arm)
