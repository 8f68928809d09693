"""Who the customers are: traits that stay, drawn once for a block of customers.

The parameters and where they come from are in `docs/synthetic-bank.md`.
"""

from dataclasses import dataclass

import numpy as np

from bankmkt.schema import CITY_TIERS
from bankmkt.synth.calendar import month_at
from bankmkt.synth.organisation import SUB_BRANCHES, managers_of, sub_branch_tiers
from bankmkt.synth.streams import BLOCK, stream

LATENTS = ("income", "wealth", "digital", "engagement", "price", "risk")
_CORRELATION = np.array(
    [  # income wealth digital engagem. price  risk
        [1.00, 0.55, 0.20, 0.10, -0.25, 0.20],
        [0.55, 1.00, 0.00, 0.15, -0.20, 0.15],
        [0.20, 0.00, 1.00, 0.20, 0.10, 0.15],
        [0.10, 0.15, 0.20, 1.00, 0.05, 0.05],
        [-0.25, -0.20, 0.10, 0.05, 1.00, -0.10],
        [0.20, 0.15, 0.15, 0.05, -0.10, 1.00],
    ]
)
_MEDIAN_INCOME = {"tier_1": 9_800, "new_tier_1": 7_900, "tier_2": 6_900, "tier_3": 5_700, "tier_4": 4_800}
_MEDIAN_WEALTH, _SIGMA_WEALTH, _CAP_WEALTH = 5_200.0, 2.44, 3e8
_ARRIVED_BEFORE, _ARRIVALS_A_YEAR = 0.84, 0.08
# What a customer is drawn to, product by product: level, slope on wealth, on risk appetite, on income.
_TASTE = {
    "time_deposit": (-1.15, 0.75, -0.60, 0.00), "wealth": (-1.00, 1.05, 0.10, 0.10), "fund": (-1.75, 0.55, 0.80, 0.15),
    "insurance": (-1.95, 0.45, -0.15, 0.25), "metal": (-3.35, 0.45, 0.25, 0.00), "loan": (-2.45, -0.20, 0.25, 0.30),
    "card_balance": (-0.45, 0.10, 0.25, 0.45),
}  # fmt: skip
SHOP = tuple(_TASTE)
"""Products a customer can take up, in the order of ``Traits.taste``."""


@dataclass(frozen=True)
class Traits:
    """What stays with each customer of a block (arrays of one length; money in cents).

    ``z`` holds the six latent traits of :data:`LATENTS` as standard normal columns; ``target`` is the
    wealth the customer would keep here in a mature relation; ``taste`` the cumulative weights of the
    products of :data:`SHOP`; ``held`` which of them the customer brings along.
    """

    customer_id: np.ndarray
    z: np.ndarray
    female: np.ndarray
    birth: np.ndarray
    opened: np.ndarray
    opened_month: np.ndarray
    org: np.ndarray
    manager: np.ndarray
    via: np.ndarray
    occupation: np.ndarray
    tier: np.ndarray
    payroll: np.ndarray
    payday: np.ndarray
    car: np.ndarray
    home: np.ndarray
    risk_level: np.ndarray
    income: np.ndarray
    target: np.ndarray
    taste: np.ndarray
    held: np.ndarray
    revolver: np.ndarray
    registered_before: np.ndarray

    def latent(self, name: str) -> np.ndarray:
        """Return one latent trait, a standard normal per customer."""
        return self.z[:, LATENTS.index(name)]


def population(seed: int, block: int, start: str, horizon: int) -> Traits:
    """Draw the traits of block number ``block``.

    Parameters
    ----------
    seed
        Of the bank.
    block
        Counted from 0; customer ids are ``block * BLOCK + 1 …``.
    start, horizon
        First month of the bank ("YYYY-MM") and the number of months over which new customers arrive.
    """
    rng, n = stream(seed, "population", block), BLOCK
    first = month_at(start, 0)
    chol = np.linalg.cholesky(_CORRELATION)
    z = rng.standard_normal((n, 6)) @ chol.T

    age = np.clip(18 + 62 * rng.beta(1.7, 2.6, n) + 4 * z[:, 1], 18, 88)
    z[:, 2] = (z[:, 2] - (age - 42) / 15) / np.hypot(1, 13.5 / 15)  # the old use the app less
    z[:, 1] = (z[:, 1] + (age - 42) / 40) / np.hypot(1, 13.5 / 40)  # and have had time to save

    # Arrival: a bank that grew for fifteen years, then a steady stream of newcomers.
    years = (horizon or 1) / 12
    before = _ARRIVED_BEFORE if horizon else 1.0
    share = min(1 - before, _ARRIVALS_A_YEAR * years)
    new = rng.random(n) < share
    ago = 15 * 365.25 * rng.beta(1.1, 1.35, n)
    ahead = rng.random(n) * (month_at(start, max(horizon, 1)).day0 - first.day0)
    opened = np.floor(np.where(new, first.day0 + ahead, first.day0 - 1 - ago)).astype(np.int64)
    opened = np.maximum(opened, first.day0 - np.floor((age - 16) * 365.25).astype(np.int64))
    months = opened.astype("datetime64[D]").astype("datetime64[M]") - np.datetime64(start, "M")

    org = rng.choice(SUB_BRANCHES, n, p=_branch_sizes())
    tier = sub_branch_tiers()[org]
    median = np.array([_MEDIAN_INCOME[t] for t in CITY_TIERS])[tier]
    income = np.rint(median * np.exp(0.52 * z[:, 0]) * 100)
    target = np.minimum(_MEDIAN_WEALTH * np.exp(_SIGMA_WEALTH * z[:, 1]), _CAP_WEALTH) * 100

    job = rng.random(n)
    occupation = np.searchsorted(np.cumsum([0.11, 0.13, 0.36, 0.15, 0.09, 0.04, 0.07, 0.05])[:-1], job)
    occupation = np.where(age >= 60, 6, np.where((occupation == 6) | ((occupation == 5) & (age > 27)), 2, occupation))
    occupation = np.where((age < 23) & (rng.random(n) < 0.6), 5, occupation)
    employed = np.isin(occupation, [0, 1, 2])
    payroll = employed & (rng.random(n) < np.where(occupation == 2, 0.26, 0.40))
    car = rng.random(n) < _logistic(-1.0 + 0.8 * z[:, 0] + 0.5 * (age > 28))
    home = rng.random(n) < _logistic(-0.6 + 0.7 * z[:, 1] + 0.045 * (np.minimum(age, 55) - 35))
    risk_level = 1 + np.searchsorted([-1.0, -0.2, 0.7, 1.5], z[:, 5] + 0.5 * rng.standard_normal(n) - (age - 42) / 40)

    channel = rng.random(n)
    via = np.searchsorted([0.52, 0.70, 0.84, 0.93], channel)  # branch, app, referral, partner, campaign
    via = np.where(payroll, 1, np.array([0, 2, 3, 4, 5])[via])

    level, wealth, risk, inc = np.array(list(_TASTE.values())).T
    liking = level + wealth * z[:, [1]] + risk * z[:, [5]] + inc * z[:, [0]]
    held = rng.random((n, len(SHOP))) < _logistic(liking - 0.02)
    taste = np.cumsum(np.exp(liking), axis=1)
    registered = rng.random(n) < _logistic(1.15 + 1.5 * z[:, 2] + 0.3 * z[:, 3])

    return Traits(
        customer_id=block * BLOCK + 1 + np.arange(n, dtype=np.int64),
        z=z,
        female=rng.random(n) < 0.51,
        birth=first.day0 - np.floor(age * 365.25).astype(np.int64) - 30,
        opened=opened,
        opened_month=months.astype(np.int64),
        org=org,
        manager=managers_of(org, target / 100, rng.random(n)),
        via=via,
        occupation=occupation,
        tier=tier,
        payroll=payroll,
        payday=np.array([5, 8, 10, 10, 10, 15, 15, 20, 25])[rng.integers(0, 9, n)],
        car=car,
        home=home,
        risk_level=risk_level,
        income=income,
        target=target,
        taste=taste / taste[:, [-1]],
        held=held,
        revolver=rng.random(n) < _logistic(-1.7 + 0.4 * z[:, 4] - 0.4 * z[:, 1]),
        registered_before=registered,
    )


def _branch_sizes() -> np.ndarray:
    """Shares of customers by sub-branch: some are three times as large as others."""
    size = 1 + 2 * np.abs(np.sin(1.7 * np.arange(SUB_BRANCHES))) ** 2
    return size / size.sum()


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
