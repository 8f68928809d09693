"""The simulation of one block of customers, month by month, with the roads not taken.

For each campaign the block keeps a second state, the *fork*, in which every customer of the
campaign is in the other arm; for an analyst's own campaign, one for each arm. All see the same
luck; at the end of the outcome window their difference is the customer's effect, and the observed
data are one of them by construction.
"""

from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from bankmkt.schema import OUTCOMES, PRODUCTS
from bankmkt.synth.behaviour import market, step
from bankmkt.synth.calendar import DAY, Month, month_at
from bankmkt.synth.campaigns import Enrolment, enrol, enrol_own, push, schedule
from bankmkt.synth.frames import take
from bankmkt.synth.offers import Own
from bankmkt.synth.population import Traits, population
from bankmkt.synth.state import Activity, State, draws, initial

BURN_IN = 8
"""Months simulated before the first one, so that states fit together."""


@dataclass(frozen=True)
class Plan:
    """What fixes a bank: its seed, first month, months over which customers arrive, and an analyst's campaigns."""

    seed: int
    start: str
    horizon: int
    own: tuple[Own, ...] = ()


@dataclass
class Window:
    """A campaign being measured in one block.

    ``fork`` is the state of the campaign's customers in the other arm, or all in ``arm`` where a
    campaign has one fork for each; the sums are logins in both worlds so far, and whether the
    product was bought.
    """

    enrolment: Enrolment
    fork: State
    baseline: State
    logins: np.ndarray
    logins_fork: np.ndarray
    bought: np.ndarray
    bought_fork: np.ndarray
    arm: int | None = None


@dataclass
class Block:
    """A block of customers at the end of month ``month``: all that is needed to go on.

    ``waiting`` are the arms of the analyst's own campaign that starts next month.
    """

    plan: Plan
    number: int
    traits: Traits
    state: State
    month: int
    enrolments: list[Enrolment] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    waiting: list[Enrolment] = field(default_factory=list)


@dataclass(frozen=True)
class Truth:
    """Both potential outcomes of a campaign's customers, an entry per outcome of ``OUTCOMES``.

    ``others`` are those in the second and third arm, where a campaign has them.
    """

    enrolment: Enrolment
    y0: dict[str, np.ndarray]
    y1: dict[str, np.ndarray]
    others: tuple[dict[str, np.ndarray], ...] = ()

    def arm(self, number: int) -> dict[str, np.ndarray]:
        """Return the outcomes if all were in an arm, 0 being the control; NaN if there is no such arm."""
        known = (self.y0, self.y1, *self.others)
        return known[number] if number < len(known) else {o: np.full(y.size, np.nan) for o, y in self.y0.items()}


@dataclass(frozen=True)
class Step:
    """What a month did to a block: the realised world only, plus truths that became complete."""

    month: Month
    before: State
    after: State
    activity: Activity
    running: list[Enrolment]
    started: list[Enrolment]
    contacts: list[tuple[Enrolment, np.ndarray]]
    opted_out: np.ndarray
    truths: list[Truth]


def new_block(plan: Plan, number: int) -> Block:
    """Return block ``number`` at the end of the month before the first, after the burn-in."""
    traits = population(plan.seed, number, plan.start, plan.horizon)
    block = Block(plan, number, traits, initial(traits, plan.seed, number, BURN_IN), -BURN_IN - 1)
    for _ in range(BURN_IN):
        advance(block)
    return block


def enlist(block: Block, own: Own, customer_id: np.ndarray, arm: np.ndarray, propensity: np.ndarray) -> None:
    """Let an analyst's campaign start next month.

    Parameters
    ----------
    customer_id, arm, propensity
        Of the campaign's customers, those of other blocks included, by number: the arm's place (0 for the control),
        and its chance.
    """
    ids = block.traits.customer_id
    here = (customer_id >= ids[0]) & (customer_id <= ids[-1])
    rows, arm, chance = customer_id[here] - ids[0], arm[here], propensity[here].astype(float)
    block.waiting = [
        enrol_own(c, block.traits, block.state, block.plan.seed, block.number, rows, arm == c.arm, chance)
        for c in own.campaigns()
    ]


def advance(block: Block) -> Step:
    """Simulate the next month of ``block``, in place, and return what happened."""
    plan, index = block.plan, block.month + 1
    month = month_at(plan.start, index)
    n = block.traits.customer_id.size
    everyone = np.arange(n)

    started = []
    for campaign in schedule(plan.start, index + 1):
        if campaign.index == index:
            e = enrol(campaign, block.traits, block.state, plan.seed, block.number, block.enrolments)
            block.enrolments.append(e)
            block.windows.append(_window(block, e))
            started.append(e)
    if block.waiting:
        block.windows += [_window(block, block.waiting[0], arm) for arm in range(len(block.waiting) + 1)]
        block.enrolments += block.waiting
        started += block.waiting
        block.waiting = []
    running = [e for e in block.enrolments if e.campaign.index <= index <= e.campaign.last]

    luck, rates = draws(plan.seed, block.number, index, n), market(plan.seed, index)
    before = block.state
    effect, opts_out = push(running, before, month, plan.seed, block.number, everyone)
    after, activity = step(block.traits, before, luck, effect, month, rates)
    after = replace(after, opted_out=before.opted_out | opts_out)

    truths = []
    for w in block.windows:
        e = w.enrolment
        other, out = push(running, w.fork, month, plan.seed, block.number, e.rows, e.campaign.campaign_id, w.arm)
        fork, did = step(take(block.traits, e.rows), w.fork, luck.take(e.rows), other, month, rates)
        w.fork = replace(fork, opted_out=w.fork.opted_out | out)
        w.logins, w.logins_fork = w.logins + activity.logins[e.rows], w.logins_fork + did.logins
        w.bought = _converted(w, take(after, e.rows), w.bought)
        w.bought_fork = _converted(w, w.fork, w.bought_fork)
        if index == e.campaign.measured and w.arm is None:
            truths.append(_truth(w, take(after, e.rows)))
    own = [w for w in block.windows if index == w.enrolment.campaign.measured and w.arm is not None]
    for _, arms in groupby(own, key=lambda w: w.enrolment.campaign.campaign_id):
        truths.append(_truth_by_arm(list(arms)))
    block.windows = [w for w in block.windows if index < w.enrolment.campaign.measured]

    _join(running, activity, month)
    contacts = []
    for e in running:
        if e.campaign.template.contacts:
            reached = e.treated & ~before.opted_out[e.rows] & activity.present[e.rows] & ~activity.leaves[e.rows]
            contacts.append((e, reached))
    block.state, block.month = after, index
    return Step(month, before, after, activity, running, started, contacts, opts_out, truths)


def _window(block: Block, e: Enrolment, arm: int | None = None) -> Window:
    base, zero = take(block.state, e.rows), np.zeros(e.rows.size)
    return Window(e, base, base, zero, zero, zero > 0, zero > 0, arm)


def _join(running: list[Enrolment], activity: Activity, month: Month) -> None:
    """Note when customers joined this month, inside their part of it."""
    for e in running:
        here = activity.present[e.rows] & ~activity.leaves[e.rows]
        now = e.takes(e.treated, month.index) & here & (month.index == e.campaign.index + e.delay)
        e.joined[now] = month.start + np.floor(e.day[now] * month.days * DAY).astype(np.int64)


def _converted(w: Window, now: State, so_far: np.ndarray) -> np.ndarray:
    """Whether the campaign's aim was met by now: its product newly held, or a login this month."""
    product = w.enrolment.campaign.product
    if product is None:
        return now.logins[:, 0] > 0
    column = PRODUCTS.index(product)
    return so_far | ((now.balance[:, column] > 0) & (w.baseline.balance[:, column] == 0))


def _outcomes(w: Window, now: State, logins: np.ndarray, bought: np.ndarray) -> dict[str, np.ndarray]:
    values = (
        np.round((now.aum - w.baseline.aum) / 100, 2),
        (now.products - w.baseline.products).astype(float),
        logins / w.enrolment.campaign.template.window,
        bought.astype(float),
    )
    return dict(zip(OUTCOMES, values, strict=True))


def _truth(w: Window, now: State) -> Truth:
    seen = _outcomes(w, now, w.logins, w.bought)
    unseen = _outcomes(w, w.fork, w.logins_fork, w.bought_fork)
    treated = w.enrolment.treated
    y0 = {o: np.where(treated, unseen[o], seen[o]) for o in OUTCOMES}
    y1 = {o: np.where(treated, seen[o], unseen[o]) for o in OUTCOMES}
    return Truth(w.enrolment, y0, y1)


def _truth_by_arm(windows: list[Window]) -> Truth:
    y0, y1, *others = (_outcomes(w, w.fork, w.logins_fork, w.bought_fork) for w in windows)
    return Truth(windows[0].enrolment, y0, y1, tuple(others))
