"""What changes about customers from month to month, what luck they have, and what they did.

Money is cents held in float64 (exact below 2**53).
"""

from dataclasses import dataclass, replace

import numpy as np

from bankmkt.schema import ASSETS, PRODUCTS
from bankmkt.synth.population import SHOP, Traits
from bankmkt.synth.streams import stream

DEMAND, TIME, WEALTH, FUND, INSURANCE, METAL, LOAN, CARD = range(8)
"""Columns of ``State.balance``."""
SHOP_COLUMN = np.array([PRODUCTS.index(p) for p in SHOP])
"""Position in ``SHOP`` → column of ``State.balance``."""
NONE = -1
KEEPS = np.array([0.45, 0.72, 1.00, 1.42])
"""Share of the target wealth kept here: dormant, declining, mature, growing."""


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
    return Push(zero, zero, np.ones(n), zero, np.full(n, NONE), zero)


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
    want = traits.target * KEEPS[state.stage]
    noise = np.exp(0.4 * rng.standard_normal((n, len(SHOP))))
    share = np.array([0.9, 1.0, 0.35, 0.35, 0.12, 0.0, 0.0]) * traits.held * noise
    share /= 0.55 + share.sum(axis=1, keepdims=True)
    balance = np.zeros_like(state.balance)
    balance[:, SHOP_COLUMN] = np.rint(share * want[:, None])
    balance[:, DEMAND] = np.maximum(np.rint(want - balance[:, 1:6].sum(axis=1)), 100)
    loan = traits.held[:, SHOP.index("loan")] & rows
    balance[:, LOAN] = np.where(loan, np.rint(traits.income * (1 + 11 * rng.random(n))), 0)
    balance[~rows] = 0
    when = traits.opened + np.floor(rng.random(n) * 400).astype(np.int64)
    known = rows & traits.registered_before
    return replace(
        state,
        balance=balance,
        card=traits.held[:, SHOP.index("card_balance")] & rows,
        loan_pay=np.where(loan, np.ceil(balance[:, LOAN] / (1 + 23 * rng.random(n))), 0),
        registered=np.where(known, np.minimum(when, np.maximum(traits.opened, _before(traits))), -1),
    )


def _before(traits: Traits) -> int:
    """Day before the burn-in: nobody settled signed up later than that."""
    old = traits.opened[traits.opened_month < 0]
    return int(old.max()) if old.size else 0
