"""Months of a bank in memory, without its rows: the same laws, customers and luck, a hundred times sooner.

What is played here is what :meth:`bankmkt.synth.World.run` writes; a test compares them.
"""

import copy
import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.errors import ParameterError
from bankmkt.schema import CITY_TIERS, OCCUPATIONS, PRODUCTS
from bankmkt.synth.behaviour import FATIGUE_MEMORY
from bankmkt.synth.calendar import month_at
from bankmkt.synth.campaigns import DELAYS, GAIN, Template, answers, schedule, tiredness
from bankmkt.synth.frames import take
from bankmkt.synth.offers import OFFERS, Own
from bankmkt.synth.population import Traits
from bankmkt.synth.produce import going_on
from bankmkt.synth.saved import load_block
from bankmkt.synth.simulate import Block, Step, Truth, advance, enlist
from bankmkt.synth.state import State
from bankmkt.synth.work import state_path
from bankmkt.synth.world import World

if TYPE_CHECKING:
    import pandas as pd

Rival = tuple[Template, np.ndarray, np.ndarray]
"""A campaign of the bank's, and each customer's chance to be contacted and to take part in a month."""


@dataclasses.dataclass
class Rehearsal:
    """Where a bank is, in memory: its blocks of customers at a month's end, and how many customers it has."""

    blocks: list[Block]
    customers: int

    @property
    def month(self) -> int:
        """Number of the last month that is over, the bank's first being 0."""
        return self.blocks[0].month

    def branch(self) -> "Rehearsal":
        """Return a copy that goes its own way."""
        return copy.deepcopy(self)


def rehearse(world: World, luck: int | None = None) -> Rehearsal:
    """Take a bank as it is now into memory.

    Parameters
    ----------
    world
        Of :class:`bankmkt.synth.World`.
    luck
        Seed of the months to come; by default the bank's own, which is what will happen.
    """
    job = going_on(world.path, world.path, 1)
    blocks = [
        load_block(state_path(world.path, number, job.first - 1), job.plan, number) for number in range(job.blocks)
    ]
    for block in blocks:
        block.windows = []
        if luck is not None:
            own = np.random.SeedSequence([luck, job.plan.seed]).generate_state(1, np.uint64)[0]
            block.plan = dataclasses.replace(job.plan, seed=int(own))
    return Rehearsal(blocks, job.customers)


def known(now: Rehearsal, product: str | None = None) -> "pd.DataFrame":
    """Return what the bank sees of each customer with an account, at the end of the last month.

    Parameters
    ----------
    now
        Of :func:`rehearse`.
    product
        Keep those who do not hold it.

    Returns
    -------
    pandas.DataFrame
        Indexed by customer_id: columns as of :func:`bankmkt.experiment.panel`, with the balance of each product.
    """
    import pandas as pd

    found = pd.concat([_known(block) for block in now.blocks])
    found = found[found.index <= now.customers]
    if product is not None:
        found = found[(found[product] == 0) & ~(found["has_card"] & (product == "card_balance"))]
    return found


def _known(block: Block) -> "pd.DataFrame":
    import pandas as pd

    t, s = block.traits, block.state
    now = np.datetime64(month_at(block.plan.start, block.month).first, "M")
    app = (now - s.registered.astype("datetime64[D]").astype("datetime64[M]")).astype(float)
    age = (now.astype("datetime64[Y]") - t.birth.astype("datetime64[D]").astype("datetime64[Y]")).astype(float)
    columns: dict[str, Any] = {
        "aum_0": s.aum / 100, "aum_3": s.aum_before[:, 2] / 100, "products_0": s.products.astype(float),
        **{f"logins_{j + 1}": s.logins[:, j] for j in range(3)},
        "tenure_months": (block.month - t.opened_month).astype(float),
        "app_months": np.where(s.registered >= 0, app, np.nan),
        "age": age, "risk_level": t.risk_level, "is_payroll": t.payroll, "has_car": t.car,
        "has_home": t.home, "has_manager": t.manager > 0, "has_card": s.card | (s.balance[:, -1] > 0),
        "gender": pd.Categorical(np.where(t.female, "female", "male"), ["female", "male"]),
        "occupation": pd.Categorical(np.array(OCCUPATIONS)[t.occupation], list(OCCUPATIONS)),
        "city_tier": pd.Categorical(np.array(CITY_TIERS)[t.tier], list(CITY_TIERS)),
        **{product: s.balance[:, i] / 100 for i, product in enumerate(PRODUCTS)},
    }  # fmt: skip
    here = (t.opened_month <= block.month) & (s.closed < 0)
    return pd.DataFrame(columns, index=pd.Index(t.customer_id, name="customer_id"))[here]


def expected_sales(now: Rehearsal, own: Own, customer_id: np.ndarray) -> np.ndarray:
    """Return each customer's chance to take each offer: all that can be known before luck falls.

    By the laws of the bank: the chance to take part from the first, second or third month on, the mean over the four
    answers, what contacts take off it (the campaign's own too), and the chance of each month's offer, beside those of
    the bank's campaigns that run then; less the sales of theirs that its contacts spoil.

    Parameters
    ----------
    now
        At the end of the month before the campaign.
    own
        A campaign whose offers sell one product.
    customer_id
        Customers, ascending.

    Returns
    -------
    numpy.ndarray
        Customers × offers: the chance to take the offer, those who would buy anyway not yet taken off.
    """
    if any(OFFERS[name].template.product is None for name in own.offers) or own.campaigns()[0].mixed:
        raise ParameterError("offers", ", ".join(own.offers), "offers of one product", "such as fund_push, fund_call")
    return np.concatenate([_sales(block, own, _rows(block, customer_id)) for block in now.blocks])


def _sales(block: Block, own: Own, rows: np.ndarray) -> np.ndarray:
    who, state = take(block.traits, rows), take(block.state, rows)
    answer = np.diff(answers(who, state), axis=1, prepend=0)
    gains = []
    for campaign in own.campaigns():
        t = campaign.template
        fatigue, alone, chances, spoilt = state.fatigue, state.fatigue, [], np.zeros(rows.size)
        for month in range(own.index, own.index + own.months):
            rivals = _rivals(block, who, state, rows, month)
            runs = month < own.index + t.months
            if runs:
                chances.append(_first(t, tiredness(fatigue)[:, None], answer, rivals))
            same = sum(rival.offer * part for rival, _, part in rivals if rival.product == t.product)
            spoilt += same * (answer @ np.maximum(GAIN, 0)) * (tiredness(alone) - tiredness(fatigue))
            theirs = sum(rival.contacts * contacted for rival, contacted, _ in rivals)
            fatigue = FATIGUE_MEMORY * fatigue + (theirs + t.contacts * runs) * ~state.opted_out
            alone = FATIGUE_MEMORY * alone + theirs * ~state.opted_out
        kept = np.ones((rows.size, len(GAIN)))  # chance that no offer has been taken, by answer; last month first
        taken = np.zeros(rows.size)
        late = _late(t.months)
        for place in reversed(range(t.months)):
            kept *= 1 - chances[place]
            taken += late[place] * (answer * (1 - kept)).sum(axis=1)
        gains.append(taken / (1 + np.exp(-t.join(who, state))) - spoilt)
    return np.column_stack(gains)


def _first(t: Template, tired: np.ndarray, answer: np.ndarray, rivals: list[Rival]) -> np.ndarray:
    """Return the chance, by answer, of a sale that a month's offer adds to those of the bank's own campaigns.

    A customer sees one offer a month, the strongest: one of the same product takes as much from it as both would have
    sold, a stronger one of another product all.
    """
    mine = t.offer * np.maximum(GAIN, 0) * tired
    added = mine.copy()
    for rival, _, part in rivals:
        theirs = rival.offer * np.maximum(GAIN, 0) * tired if rival.product else np.zeros_like(mine)
        for place in range(len(GAIN)):
            other = theirs[:, [place]]
            lost = np.minimum(mine, other) if rival.product == t.product else mine * (other > mine)
            added -= (part * answer[:, place])[:, None] * lost
    return np.maximum(added, 0)


def _rivals(block: Block, who: Traits, state: State, rows: np.ndarray, month: int) -> list[Rival]:
    """Return the bank's campaigns of a month, with each customer's chance to be contacted and to take part.

    Who will be in those that have not begun is told from the customers as they are now.
    """
    found = []
    for e in block.enrolments:
        if e.campaign.index <= month <= e.campaign.last:
            treated, joins = np.zeros((2, block.traits.customer_id.size))
            treated[e.rows], joins[e.rows] = e.treated, e.p_join
            found.append((e.campaign, treated[rows], joins[rows]))
    for c in schedule(block.plan.start, month + 1):
        if block.month < c.index and month <= c.last:
            t, joins = c.template, 1 / (1 + np.exp(-c.template.join(who, state)))
            fits = (who.opened_month < c.index) & (state.closed < 0) & t.eligible(who, state)
            share = np.clip(1 / (1 + np.exp(-t.score(who, state))), 0.05, 0.95) if t.score else t.treated
            found.append((c, t.sample * fits * (joins if t.assignment == "open" else share), joins))
    return [
        (c.template, treated, treated * _late(c.template.months)[: month - c.index + 1].sum()
         * (1 if c.template.assignment == "open" else joins))
        for c, treated, joins in found
    ]  # fmt: skip


def _late(months: int) -> np.ndarray:
    """Return the chance to join in each month of a campaign."""
    return np.diff([0.0, *DELAYS[: months - 1], 1.0])


def play(now: Rehearsal, own: Own, customer_id: np.ndarray, arm: np.ndarray, propensity: np.ndarray) -> np.ndarray:
    """Run a campaign and go on to the end of its window, in place.

    Parameters
    ----------
    now
        At the end of the month before the campaign.
    own
        The campaign.
    customer_id, arm, propensity
        Of its customers, ascending: the arm's place, and its chance.

    Returns
    -------
    numpy.ndarray
        Customers × arms: each customer's outcome in every arm; what the bank sees is that of the customer's own.
    """
    truths = []
    for block in now.blocks:
        enlist(block, own, customer_id, arm, propensity)
        while block.month < own.index + own.months - 1:
            step = advance(block)
            block.windows = [w for w in block.windows if w.arm is not None]
        truth = _of(step, own)
        truths.append(np.column_stack([truth.arm(k)[own.outcome] for k in range(len(own.offers) + 1)]))
    return np.concatenate(truths)


def _of(step: Step, own: Own) -> Truth:
    (truth,) = [truth for truth in step.truths if truth.enrolment.campaign.campaign_id == own.campaign_id]
    return truth


def _rows(block: Block, customer_id: np.ndarray) -> np.ndarray:
    ids = block.traits.customer_id
    return np.asarray(customer_id[(customer_id >= ids[0]) & (customer_id <= ids[-1])] - ids[0])
