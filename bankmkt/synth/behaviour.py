"""What customers do in a month: one step of the simulation, customer by customer.

:func:`step` is a pure function of traits, state, this month's random draws and what campaigns
do to each customer. It works row by row, so the same customers with the same draws and another
campaign arm give the other potential outcome. Money is cents held in float64 (exact below 2**53).
"""

from dataclasses import dataclass, replace

import numpy as np

from bankmkt.schema import ASSETS, PRODUCTS
from bankmkt.synth.calendar import Month
from bankmkt.synth.population import SHOP, Traits
from bankmkt.synth.streams import stream

DORMANT, DECLINING, MATURE, GROWING = range(4)

_DEMAND, _TIME, _WEALTH, _FUND, _INSURANCE, _METAL, _LOAN, _CARD = range(8)
_SHOP_COLUMN = np.array([PRODUCTS.index(p) for p in SHOP])  # position in SHOP → column of State.balance
_NONE = -1

# By stage: dormant, declining, mature, growing.
_UP = np.array([1.65, 1.45, 1.78, np.inf])
_DOWN = np.array([-np.inf, -1.50, -1.60, -0.95])
_UP_TO = np.array([MATURE, MATURE, GROWING, GROWING])
_KEEPS = np.array([0.45, 0.72, 1.00, 1.42])  # share of the target wealth kept here
_LOGINS = np.array([-2.2, -0.7, 0.0, 0.50])
_SPENDS = np.array([-1.2, -0.4, 0.0, 0.3])
_SHOPS = np.array([0.52, 0.20, 0.0, 0.30])
_DROPS = np.array([0.8, 1.2, 1.0, 0.8])
_LEAVES = np.array([0.35, 0.35, 0.0, -0.3])

DRIVE_MEMORY, INTENT_MEMORY, INTENT_PULL = 0.80, 0.90, 0.15
NOMINAL_GROWTH = 0.08  # a year, of wanted wealth
_COVARIANCE = INTENT_MEMORY * INTENT_PULL / (1 - DRIVE_MEMORY * INTENT_MEMORY)  # of drive and intent, when settled
_DRIVE_NOISE = np.sqrt(1 - DRIVE_MEMORY**2 - INTENT_PULL**2 - 2 * DRIVE_MEMORY * INTENT_PULL * _COVARIANCE)
_ADAPT = 0.25  # share of the distance to the wanted balance covered in a month
_TOPS = np.array([10, 20, 10, 10, 30, 30, 60, 0])  # smallest purchase, thousands of cents, by column


@dataclass(frozen=True)
class State:
    """What changes from month to month (arrays of one length).

    ``balance`` has a column per product of ``PRODUCTS``, in cents; days count from 1970, -1 for never;
    ``habit`` is logins a month added by campaigns, ``lift`` the log of their effect on wanted wealth,
    ``fatigue`` a fading count of contacts; ``logins`` of the last three months, latest first.
    """

    balance: np.ndarray
    stage: np.ndarray
    drive: np.ndarray
    intent: np.ndarray
    habit: np.ndarray
    lift: np.ndarray
    fatigue: np.ndarray
    opted_out: np.ndarray
    card: np.ndarray
    loan_pay: np.ndarray
    registered: np.ndarray
    closed: np.ndarray
    logins: np.ndarray
    aum_before: np.ndarray

    @property
    def aum(self) -> np.ndarray:
        """Assets under management, cents."""
        return self.balance[:, : len(ASSETS)].sum(axis=1)

    @property
    def products(self) -> np.ndarray:
        """Number of balances that are not zero."""
        return (self.balance != 0).sum(axis=1)


@dataclass(frozen=True)
class Draws:
    """Random numbers of one block and month: what luck each customer has, whatever the bank does."""

    z: np.ndarray
    u: np.ndarray
    _Z = ("drive", "intent", "stage", "logins", "spends", "spent", "balance", "salary", "amount")
    _U = ("logins", "spends", "card", "shop", "pick", "drop", "which", "leave", "register", "day", "offer", "bills")

    def normal(self, name: str) -> np.ndarray:
        """Return a standard normal per customer."""
        return self.z[self._Z.index(name)]

    def uniform(self, name: str) -> np.ndarray:
        """Return a number in [0, 1) per customer."""
        return self.u[self._U.index(name)]

    def take(self, rows: np.ndarray) -> "Draws":
        """Return the draws of some customers."""
        return Draws(self.z[:, rows], self.u[:, rows])


@dataclass(frozen=True)
class Push:
    """What campaigns do to each customer this month.

    ``habit`` logins a month and ``lift`` log wealth are added once and then fade; ``shop`` multiplies the
    hazard of taking up a product; ``offer`` is the chance that the offered product (``offered``, a column
    of ``State.balance``, or -1) is bought; ``contacts`` the number of contacts.
    """

    habit: np.ndarray
    lift: np.ndarray
    shop: np.ndarray
    offer: np.ndarray
    offered: np.ndarray
    contacts: np.ndarray


@dataclass(frozen=True)
class Activity:
    """What each customer did in a month: counts and cents (arrays of one length)."""

    present: np.ndarray
    logins: np.ndarray
    registers: np.ndarray
    leaves: np.ndarray
    day: np.ndarray
    salary: np.ndarray
    spends_demand: np.ndarray
    spent_demand: np.ndarray
    spends_card: np.ndarray
    spent_card: np.ndarray
    bills: np.ndarray
    billed: np.ndarray
    card_repaid: np.ndarray
    bought: np.ndarray
    bought_amount: np.ndarray
    sold: np.ndarray
    sold_amount: np.ndarray
    loan_drawn: np.ndarray
    loan_repaid: np.ndarray
    loan_interest: np.ndarray
    returns: np.ndarray
    transfer: np.ndarray
    offer_taken: np.ndarray


def draws(seed: int, block: int, month: int, n: int) -> Draws:
    """Draw the luck of a block's ``n`` customers in a month."""
    rng = stream(seed, "behaviour", block, month)
    return Draws(rng.standard_normal((len(Draws._Z), n)), rng.random((len(Draws._U), n)))


def no_push(n: int) -> Push:
    """Return a month without campaigns."""
    zero = np.zeros(n)
    return Push(zero, zero, np.ones(n), zero, np.full(n, _NONE), zero)


def market(seed: int, month: int) -> np.ndarray:
    """Monthly return of each asset column: fixed rates for deposits, common shocks for the rest."""
    z = stream(seed, "market", month).standard_normal(3)
    return np.array([0.0, 0.0013, 0.0022 + 0.0004 * z[0], 0.003 + 0.014 * z[1], 0.0018, 0.005 + 0.022 * z[2]])


def initial(traits: Traits, seed: int, block: int, burn_in: int) -> State:
    """Return the state of a block before its first (burn-in) month."""
    n = traits.customer_id.size
    rng = stream(seed, "behaviour", block, -burn_in - 1)
    balance = np.zeros((n, len(PRODUCTS)))
    never = np.full(n, -1)
    state = State(
        balance=balance,
        stage=rng.choice(4, n, p=[0.26, 0.2, 0.36, 0.18]),
        drive=rng.standard_normal(n),
        intent=rng.standard_normal(n),
        habit=np.zeros(n),
        lift=np.zeros(n),
        fatigue=np.zeros(n),
        opted_out=np.zeros(n, dtype=bool),
        card=np.zeros(n, dtype=bool),
        loan_pay=np.zeros(n),
        registered=never,
        closed=never,
        logins=np.zeros((n, 3)),
        aum_before=np.zeros((n, 3)),
    )
    return _settle(traits, state, traits.opened_month < -burn_in, rng)


def _settle(traits: Traits, state: State, rows: np.ndarray, rng: np.random.Generator) -> State:
    """Give long-standing customers (``rows``) what they hold."""
    n = rows.size
    want = traits.target * _KEEPS[state.stage]
    noise = np.exp(0.4 * rng.standard_normal((n, len(SHOP))))
    share = np.array([0.9, 1.0, 0.35, 0.35, 0.12, 0.0, 0.0]) * traits.held * noise
    share /= 0.55 + share.sum(axis=1, keepdims=True)
    balance = np.zeros_like(state.balance)
    balance[:, _SHOP_COLUMN] = np.rint(share * want[:, None])
    balance[:, _DEMAND] = np.maximum(np.rint(want - balance[:, 1:6].sum(axis=1)), 100)
    loan = traits.held[:, SHOP.index("loan")] & rows
    balance[:, _LOAN] = np.where(loan, np.rint(traits.income * (1 + 11 * rng.random(n))), 0)
    balance[~rows] = 0
    when = traits.opened + np.floor(rng.random(n) * 400).astype(np.int64)
    known = rows & traits.registered_before
    return replace(
        state,
        balance=balance,
        card=traits.held[:, SHOP.index("card_balance")] & rows,
        loan_pay=np.where(loan, np.ceil(balance[:, _LOAN] / (1 + 23 * rng.random(n))), 0),
        registered=np.where(known, np.minimum(when, np.maximum(traits.opened, _before(traits))), -1),
    )


def _before(traits: Traits) -> int:
    """Day before the burn-in: nobody settled signed up later than that."""
    old = traits.opened[traits.opened_month < 0]
    return int(old.max()) if old.size else 0


def step(
    traits: Traits, state: State, luck: Draws, push: Push, month: Month, rates: np.ndarray
) -> tuple[State, Activity]:
    """Advance every customer by one month.

    Returns the state at the month's end and what happened in between. Balances obey
    ``after = before + flows + returns`` to the cent, by construction: transfers close the gap
    between the wanted demand balance and everything else that happened.
    """
    n = traits.customer_id.size
    z, u = luck.normal, luck.uniform
    z_eng, z_dig, z_wealth = traits.latent("engagement"), traits.latent("digital"), traits.latent("wealth")
    newcomer = traits.opened_month == month.index
    present = (traits.opened_month <= month.index) & (state.closed < 0)

    # Where the relation is going: momentum that lasts months, seen by nobody but felt in everything.
    # Intent comes first: it changes nothing yet, but momentum will follow it.
    drive = DRIVE_MEMORY * state.drive + INTENT_PULL * state.intent + _DRIVE_NOISE * z("drive")
    intent = INTENT_MEMORY * state.intent + np.sqrt(1 - INTENT_MEMORY**2) * z("intent")
    index = 0.80 * z("stage") + 0.48 * drive + 0.35 * z_eng
    stage = np.where(index > _UP[state.stage], _UP_TO[state.stage], state.stage)
    stage = np.where(index < _DOWN[state.stage], state.stage - 1, stage)
    stage = np.where(newcomer, np.where(drive + z_eng > -0.6, GROWING, DECLINING), stage)

    habit = 0.72 * state.habit + push.habit
    lift = 0.90 * state.lift + push.lift
    fatigue = 0.60 * state.fatigue + push.contacts

    # The end of it.
    tenure = month.index - traits.opened_month
    risk = _LEAVES[stage] + 1.60 * (tenure < 12) - 0.10 * z_wealth - 0.25 * z_eng - 0.10 * drive
    risk += 0.2 * (state.logins.sum(axis=1) == 0) + 0.08 * np.minimum(fatigue, 6)
    leaves = present & ~newcomer & (month.index >= 0) & (u("leave") < 0.0027 * np.exp(risk))
    stays = present & ~leaves
    day = np.floor(u("day") * month.days).astype(np.int64)

    # Signing up for the app.
    apply = present & (state.registered < 0) & ~leaves
    chance = np.where(newcomer, 1 / (1 + np.exp(-0.9 - 1.4 * z_dig)), 0.009 * np.exp(0.8 * z_dig + 0.3 * drive))
    registers = apply & (u("register") < chance)
    opened_day = traits.opened - month.day0
    sign_up = np.where(newcomer, opened_day + np.floor((month.days - opened_day) * u("day")).astype(np.int64), day)
    registered = np.where(registers, month.day0 + sign_up, state.registered)

    # Logins.
    season = 1.08 if month.first.month in (1, 2, 11, 12) else 1.0
    rate = np.exp(-0.68 + 0.95 * z_dig + 0.95 * z_eng + _LOGINS[stage] + 0.70 * drive) * season
    rate = np.maximum(rate + habit, 0) * np.exp(-0.03 * np.minimum(fatigue, 8))
    online = stays & (registered >= 0)
    logins = np.where(online, np.floor(rate * np.exp(0.5 * z("logins") - 0.125) + u("logins")), 0)
    logins = np.minimum(np.where(registers, np.maximum(logins, 1), logins), 90)

    # Products: at most one taken up and one given up a month, and one bought on offer.
    hazard = 0.054 * np.exp(0.30 * z_eng + 0.12 * z_wealth + 0.55 * drive + _SHOPS[stage]) * month.selling * push.shop
    hazard = np.where(newcomer, 0.55, np.minimum(hazard, 0.6))
    shops = stays & (u("shop") < hazard)
    pick = _SHOP_COLUMN[np.minimum((u("pick")[:, None] > traits.taste).sum(axis=1), len(SHOP) - 1)]
    offer_taken = stays & (push.offered >= 0) & (u("offer") < push.offer)
    bought = np.where(offer_taken, push.offered, np.where(shops, pick, _NONE))

    before, rows = state.balance, np.arange(n)
    trend = NOMINAL_GROWTH / 12 * month.index + month.saving
    wanted = traits.target * _KEEPS[stage] * np.exp(trend + lift + 0.15 * drive)
    held = before != 0
    held[:, _CARD] |= state.card
    count = held[:, 1:_LOAN].sum(axis=1)
    full = before[:, 1:6].sum(axis=1) / np.maximum(wanted, 1)
    gives_up = stays & (count > 0) & (u("drop") < 0.0139 * _DROPS[stage] * count * np.clip(full / 0.5, 0.7, 3))
    nth = np.floor(u("which") * np.maximum(count, 1)).astype(np.int64) + 1
    sold = np.where(gives_up, 1 + np.argmax(np.cumsum(held[:, 1:_LOAN], axis=1) == nth[:, None], axis=1), _NONE)
    bought = np.where(bought == sold, _NONE, bought)
    offer_taken &= bought != _NONE
    cuts_card = stays & state.card & (u("drop") > 1 - 0.006 * _DROPS[stage]) & (bought != _CARD)

    size = (
        np.rint(np.minimum(0.24 * wanted * np.clip(1.3 - full, 0.15, 1), 3e9) * np.exp(0.5 * z("amount")) / 1e4) * 1e4
    )
    in_asset = (bought > _DEMAND) & (bought < _LOAN)
    bought_amount = np.where(in_asset, np.maximum(size, 1e3 * _TOPS[bought]), 0)
    sold_amount = np.where(sold >= 0, before[rows, np.maximum(sold, 0)], 0)

    # Returns on what was there at the month's start.
    returns = np.rint(before[:, : len(ASSETS)] * rates)
    if month.first.month % 3 == 0:
        returns[:, _DEMAND] = np.rint(before[:, _DEMAND] * 0.0005 / 4)
    returns = np.maximum(returns, -before[:, : len(ASSETS)]) * stays[:, None]
    returns[rows, np.where(sold >= 0, sold, _DEMAND)] *= sold < 0

    # Loans: drawn at once, repaid in equal parts, with interest.
    draws_loan = (bought == _LOAN) & (before[:, _LOAN] == 0)
    bought = np.where((bought == _LOAN) & ~draws_loan, _NONE, bought)
    offer_taken &= bought != _NONE
    loan_drawn = np.where(draws_loan, np.rint(traits.income * np.exp(1.4 + 0.5 * z("amount")) / 1e5) * 1e5 + 1e5, 0)
    loan_repaid = np.where(stays, np.minimum(before[:, _LOAN], state.loan_pay), 0)
    loan_interest = np.where(stays, np.rint(before[:, _LOAN] * 0.0042), 0)
    loan_pay = np.where(draws_loan, np.ceil(loan_drawn / 24), state.loan_pay)

    # Income and spending.
    bonus = 1.8 if month.first.month == 1 else 1.0
    salary = np.where(
        stays & traits.payroll, np.rint(traits.income * bonus * np.exp(0.06 * z("salary")) / 100) * 100, 0
    )
    often = np.exp(0.62 + 0.45 * z_eng + 0.25 * z_dig + 0.8 * traits.payroll + _SPENDS[stage] + 0.12 * drive)
    spends = np.floor(often * month.spending * np.exp(0.45 * z("spends") - 0.10125) + u("spends"))
    spends = np.where(stays, np.minimum(spends, 120), 0)
    has_card = (state.card | (bought == _CARD)) & stays & ~cuts_card
    ticket = 4_000 * np.exp(0.40 * traits.latent("income") + 0.90 * z("spent"))
    spends_card = np.where(has_card, np.floor(0.6 * spends + u("card")), 0)
    spends_card = np.where(bought == _CARD, np.maximum(spends_card, 1), spends_card)
    spends_demand = np.maximum(spends - spends_card, 0)
    spent_card, spent_demand = np.rint(spends_card * ticket * 1.4), np.rint(spends_demand * ticket)
    bills = np.where(
        stays & (stage >= MATURE), np.floor((0.5 + 0.6 * traits.payroll) * (1 + traits.home) * u("bills") + 0.35), 0
    )
    billed = np.rint(bills * 11_000 * np.exp(0.25 * traits.latent("income") + 0.3 * z("amount")))
    part = np.where(traits.revolver, 0.35, 1.0)
    card_repaid = np.where(stays, np.rint(before[:, _CARD] * np.where(cuts_card, 1.0, part)), 0)

    # The demand account ends near what is wanted; transfers from and to other banks make it so.
    invested = before[:, 1:6].sum(axis=1) + returns[:, 1:].sum(axis=1) + bought_amount - sold_amount
    aim = np.maximum(wanted - 0.9 * invested, 0.10 * wanted) * (1 + 0.3 * traits.payroll)
    start = np.where(newcomer, aim, before[:, _DEMAND])
    demand = (start + _ADAPT * (aim - start)) * np.exp(0.12 * z("balance") - 0.0072)
    demand = np.where(stays, np.maximum(np.rint(demand), 100), 0)
    flows = salary - spent_demand - billed - card_repaid - bought_amount + sold_amount + loan_drawn
    flows += returns[:, _DEMAND] - loan_repaid - loan_interest
    transfer = np.where(stays, demand - before[:, _DEMAND] - flows, 0)

    after = np.zeros_like(before)
    after[:, : len(ASSETS)] = before[:, : len(ASSETS)] + returns
    after[rows, np.where(in_asset, bought, _TIME)] += bought_amount
    after[rows, np.where(sold >= 0, sold, _TIME)] -= sold_amount
    after[:, _DEMAND] = demand
    after[:, _LOAN] = before[:, _LOAN] + loan_drawn - loan_repaid
    after[:, _CARD] = before[:, _CARD] + spent_card - card_repaid
    after[~stays] = 0

    state_after = State(
        balance=after,
        stage=stage,
        drive=drive,
        intent=intent,
        habit=habit,
        lift=lift,
        fatigue=fatigue,
        opted_out=state.opted_out,
        card=has_card,
        loan_pay=loan_pay,
        registered=registered,
        closed=np.where(leaves, month.day0 + day, state.closed),
        logins=np.column_stack([logins, state.logins[:, :2]]),
        aum_before=np.column_stack([state.aum, state.aum_before[:, :2]]),
    )
    return state_after, Activity(
        present=present, logins=logins, registers=registers, leaves=leaves, day=day, salary=salary,
        spends_demand=spends_demand, spent_demand=spent_demand, spends_card=spends_card, spent_card=spent_card,
        bills=bills, billed=billed, card_repaid=card_repaid, bought=bought, bought_amount=bought_amount,
        sold=sold, sold_amount=sold_amount, loan_drawn=loan_drawn, loan_repaid=loan_repaid,
        loan_interest=loan_interest, returns=returns, transfer=transfer, offer_taken=offer_taken,
    )  # fmt: skip
