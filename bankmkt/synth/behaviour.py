"""What customers do in a month: one step of the simulation, customer by customer.

:func:`step` is a pure function of traits, state, this month's random draws and what campaigns
do to each customer. It works row by row, so the same customers with the same draws and another
campaign arm give the other potential outcome.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bankmkt.schema import ASSETS
from bankmkt.synth.calendar import Month
from bankmkt.synth.population import SHOP, Traits
from bankmkt.synth.state import CARD, DEMAND, KEEPS, LOAN, NONE, SHOP_COLUMN, TIME, Activity, Draws, Push, State
from bankmkt.synth.streams import stream

DORMANT, DECLINING, MATURE, GROWING = range(4)

# By stage: dormant, declining, mature, growing.
_UP = np.array([1.65, 1.45, 1.78, np.inf])
_DOWN = np.array([-np.inf, -1.50, -1.60, -0.95])
_UP_TO = np.array([MATURE, MATURE, GROWING, GROWING])
_LOGINS = np.array([-2.2, -0.7, 0.0, 0.50])
_SPENDS = np.array([-1.2, -0.4, 0.0, 0.3])
_SHOPS = np.array([0.52, 0.20, 0.0, 0.30])
_DROPS = np.array([0.8, 1.2, 1.0, 0.8])
_LEAVES = np.array([0.35, 0.35, 0.0, -0.3])

DRIVE_MEMORY, INTENT_MEMORY, INTENT_PULL = 0.80, 0.90, 0.15
FATIGUE_MEMORY = 0.60
NOMINAL_GROWTH = 0.08  # a year, of wanted wealth
_COVARIANCE = INTENT_MEMORY * INTENT_PULL / (1 - DRIVE_MEMORY * INTENT_MEMORY)  # of drive and intent, when settled
_DRIVE_NOISE = np.sqrt(1 - DRIVE_MEMORY**2 - INTENT_PULL**2 - 2 * DRIVE_MEMORY * INTENT_PULL * _COVARIANCE)
_ADAPT = 0.25  # share of the distance to the wanted balance covered in a month
_TOPS = np.array([10, 20, 10, 10, 30, 30, 60, 0])  # smallest purchase, thousands of cents, by column


def market(seed: int, month: int) -> np.ndarray:
    """Monthly return of each asset column: fixed rates for deposits, common shocks for the rest."""
    z = stream(seed, "market", month).standard_normal(3)
    return np.array([0.0, 0.0013, 0.0022 + 0.0004 * z[0], 0.003 + 0.014 * z[1], 0.0018, 0.005 + 0.022 * z[2]])


class _Scene(NamedTuple):
    """What every part of a step looks at."""

    traits: Traits
    state: State
    luck: Draws
    push: Push
    month: Month
    newcomer: np.ndarray


class _Mood(NamedTuple):
    """Where the relation is going, as fields of ``State``."""

    stage: np.ndarray
    drive: np.ndarray
    intent: np.ndarray
    habit: np.ndarray
    lift: np.ndarray
    fatigue: np.ndarray


class _Choice(NamedTuple):
    """Products taken up and given up, as fields of ``Activity``, and whether the card is cut."""

    bought: np.ndarray
    bought_amount: np.ndarray
    sold: np.ndarray
    sold_amount: np.ndarray
    offer_taken: np.ndarray
    cuts_card: np.ndarray


class _Debt(NamedTuple):
    """Loans, as fields of ``Activity`` and ``State``."""

    loan_drawn: np.ndarray
    loan_repaid: np.ndarray
    loan_interest: np.ndarray
    loan_pay: np.ndarray


class _Living(NamedTuple):
    """Income and spending, as fields of ``Activity``, and who has a card."""

    salary: np.ndarray
    spends_demand: np.ndarray
    spent_demand: np.ndarray
    spends_card: np.ndarray
    spent_card: np.ndarray
    bills: np.ndarray
    billed: np.ndarray
    card_repaid: np.ndarray
    card: np.ndarray


def step(
    traits: Traits, state: State, luck: Draws, push: Push, month: Month, rates: np.ndarray
) -> tuple[State, Activity]:
    """Advance every customer by one month.

    Returns the state at the month's end and what happened in between. Balances obey
    ``after = before + flows + returns`` to the cent, by construction: transfers close the gap
    between the wanted demand balance and everything else that happened.
    """
    scene = _Scene(traits, state, luck, push, month, traits.opened_month == month.index)
    present = (traits.opened_month <= month.index) & (state.closed < 0)
    mood = _mood(scene)
    leaves = _leaves(scene, mood, present)
    stays = present & ~leaves
    day = np.floor(luck.uniform("day") * month.days).astype(np.int64)
    registers, registered = _sign_up(scene, mood, present & ~leaves, day)
    logins = _logins(scene, mood, stays & (registered >= 0), registers)

    trend = NOMINAL_GROWTH / 12 * month.index + month.saving
    wanted = traits.target * KEEPS[mood.stage] * np.exp(trend + mood.lift + 0.15 * mood.drive)
    choice = _choice(scene, mood, stays, wanted)
    returns = _returns(state, month, rates, stays, choice.sold)
    debt = _debt(scene, stays, choice.bought == LOAN)
    living = _living(scene, mood, stays, choice)

    before, rows = state.balance, np.arange(stays.size)
    demand = _demand(scene, stays, wanted, returns, choice)
    flows = living.salary - living.spent_demand - living.billed - living.card_repaid - choice.bought_amount
    flows = flows + choice.sold_amount + debt.loan_drawn + returns[:, DEMAND] - debt.loan_repaid - debt.loan_interest
    transfer = np.where(stays, demand - before[:, DEMAND] - flows, 0)

    after = np.zeros_like(before)
    after[:, : len(ASSETS)] = before[:, : len(ASSETS)] + returns
    after[rows, np.where(choice.bought_amount > 0, choice.bought, TIME)] += choice.bought_amount
    after[rows, np.where(choice.sold >= 0, choice.sold, TIME)] -= choice.sold_amount
    after[:, DEMAND] = demand
    after[:, LOAN] = before[:, LOAN] + debt.loan_drawn - debt.loan_repaid
    after[:, CARD] = before[:, CARD] + living.spent_card - living.card_repaid
    after[~stays] = 0

    state_after = replace(
        state,
        balance=after,
        card=living.card,
        loan_pay=debt.loan_pay,
        registered=registered,
        closed=np.where(leaves, month.day0 + day, state.closed),
        logins=np.column_stack([logins, state.logins[:, :2]]),
        aum_before=np.column_stack([state.aum, state.aum_before[:, :2]]),
        **mood._asdict(),
    )
    done = {**choice._asdict(), **debt._asdict(), **living._asdict()}
    kept = {name: done[name] for name in done if name not in ("cuts_card", "loan_pay", "card")}
    return state_after, Activity(
        present=present, logins=logins, registers=registers, leaves=leaves, day=day, returns=returns,
        transfer=transfer, **kept,
    )  # fmt: skip


def _mood(scene: _Scene) -> _Mood:
    """Return where the relation is going: momentum that lasts months, seen by nobody but felt in everything.

    Intent comes first: it changes nothing yet, but momentum will follow it.
    """
    traits, state, luck, push, _, newcomer = scene
    engagement = traits.latent("engagement")
    drive = DRIVE_MEMORY * state.drive + INTENT_PULL * state.intent + _DRIVE_NOISE * luck.normal("drive")
    index = 0.80 * luck.normal("stage") + 0.48 * drive + 0.35 * engagement
    stage = np.where(index > _UP[state.stage], _UP_TO[state.stage], state.stage)
    stage = np.where(index < _DOWN[state.stage], state.stage - 1, stage)
    return _Mood(
        stage=np.where(newcomer, np.where(drive + engagement > -0.6, GROWING, DECLINING), stage),
        drive=drive,
        intent=INTENT_MEMORY * state.intent + np.sqrt(1 - INTENT_MEMORY**2) * luck.normal("intent"),
        habit=0.72 * state.habit + push.habit,
        lift=0.90 * state.lift + push.lift,
        fatigue=FATIGUE_MEMORY * state.fatigue + push.contacts,
    )


def _leaves(scene: _Scene, mood: _Mood, present: np.ndarray) -> np.ndarray:
    """Return who closes the account: the recent, the inactive, the tired of contacts more often."""
    traits, state, luck, _, month, newcomer = scene
    tenure = month.index - traits.opened_month
    risk = _LEAVES[mood.stage] + 1.60 * (tenure < 12) - 0.10 * traits.latent("wealth")
    risk = risk - 0.25 * traits.latent("engagement") - 0.10 * mood.drive
    risk += 0.2 * (state.logins.sum(axis=1) == 0) + 0.08 * np.minimum(mood.fatigue, 6)
    return present & ~newcomer & (month.index >= 0) & (luck.uniform("leave") < 0.0027 * np.exp(risk))


def _sign_up(scene: _Scene, mood: _Mood, here: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return who signs up for the app this month, and since which day each customer has it."""
    traits, state, luck, _, month, newcomer = scene
    digital = traits.latent("digital")
    chance = np.where(
        newcomer, 1 / (1 + np.exp(-0.9 - 1.4 * digital)), 0.009 * np.exp(0.8 * digital + 0.3 * mood.drive)
    )
    registers = here & (state.registered < 0) & (luck.uniform("register") < chance)
    opened = traits.opened - month.day0
    first = opened + np.floor((month.days - opened) * luck.uniform("day")).astype(np.int64)
    return registers, np.where(registers, month.day0 + np.where(newcomer, first, day), state.registered)


def _logins(scene: _Scene, mood: _Mood, online: np.ndarray, registers: np.ndarray) -> np.ndarray:
    """Return each customer's logins."""
    traits, _, luck, _, month, _ = scene
    season = 1.08 if month.first.month in (1, 2, 11, 12) else 1.0
    affinity = 0.95 * traits.latent("digital")
    rate = np.exp(-0.68 + affinity + 0.95 * traits.latent("engagement") + _LOGINS[mood.stage] + 0.70 * mood.drive)
    rate = np.maximum(rate * season + mood.habit, 0) * np.exp(-0.03 * np.minimum(mood.fatigue, 8))
    count = np.floor(rate * np.exp(0.5 * luck.normal("logins") - 0.125) + luck.uniform("logins"))
    logins = np.where(online, count, 0)
    return np.minimum(np.where(registers, np.maximum(logins, 1), logins), 90)


def _choice(scene: _Scene, mood: _Mood, stays: np.ndarray, wanted: np.ndarray) -> _Choice:
    """Return the products taken up and given up: at most one of each a month, and one bought on offer."""
    traits, state, luck, push, month, newcomer = scene
    u, before = luck.uniform, state.balance
    hazard = 0.30 * traits.latent("engagement") + 0.12 * traits.latent("wealth")
    hazard = 0.054 * np.exp(hazard + 0.55 * mood.drive + _SHOPS[mood.stage]) * month.selling * push.shop
    hazard = np.where(newcomer, 0.55, np.minimum(hazard, 0.6))
    shops = stays & (u("shop") < hazard)
    pick = SHOP_COLUMN[np.minimum((u("pick")[:, None] > traits.taste).sum(axis=1), len(SHOP) - 1)]
    takes = stays & (push.offered >= 0) & (u("offer") < push.offer)
    bought = np.where(takes, push.offered, np.where(shops, pick, NONE))

    held = before != 0
    held[:, CARD] |= state.card
    count = held[:, 1:LOAN].sum(axis=1)
    full = before[:, 1:LOAN].sum(axis=1) / np.maximum(wanted, 1)
    drops = _DROPS[mood.stage]
    gives_up = stays & (count > 0) & (u("drop") < 0.0139 * drops * count * np.clip(full / 0.5, 0.7, 3))
    nth = np.floor(u("which") * np.maximum(count, 1)).astype(np.int64) + 1
    sold = np.where(gives_up, 1 + np.argmax(np.cumsum(held[:, 1:LOAN], axis=1) == nth[:, None], axis=1), NONE)
    bought = np.where(bought == sold, NONE, bought)
    bought = np.where((bought == LOAN) & (before[:, LOAN] != 0), NONE, bought)  # one loan at a time

    size = np.minimum(0.24 * wanted * np.clip(1.3 - full, 0.15, 1), 3e9) * np.exp(0.5 * luck.normal("amount"))
    in_asset = (bought > DEMAND) & (bought < LOAN)
    return _Choice(
        bought=bought,
        bought_amount=np.where(in_asset, np.maximum(np.rint(size / 1e4) * 1e4, 1e3 * _TOPS[bought]), 0),
        sold=sold,
        sold_amount=np.where(sold >= 0, before[np.arange(sold.size), np.maximum(sold, 0)], 0),
        offer_taken=takes & (bought != NONE),
        cuts_card=stays & state.card & (u("drop") > 1 - 0.006 * drops) & (bought != CARD),
    )


def _returns(state: State, month: Month, rates: np.ndarray, stays: np.ndarray, sold: np.ndarray) -> np.ndarray:
    """Return what each asset earned on what was there at the month's start, cents by column."""
    before = state.balance[:, : len(ASSETS)]
    returns = np.rint(before * rates)
    if month.first.month % 3 == 0:
        returns[:, DEMAND] = np.rint(before[:, DEMAND] * 0.0005 / 4)
    returns = np.maximum(returns, -before) * stays[:, None]
    returns[np.arange(sold.size), np.where(sold >= 0, sold, DEMAND)] *= sold < 0
    return returns


def _debt(scene: _Scene, stays: np.ndarray, borrows: np.ndarray) -> _Debt:
    """Return loans: drawn at once, repaid in equal parts, with interest."""
    owed = scene.state.balance[:, LOAN]
    size = np.rint(scene.traits.income * np.exp(1.4 + 0.5 * scene.luck.normal("amount")) / 1e5) * 1e5 + 1e5
    drawn = np.where(borrows, size, 0)
    return _Debt(
        loan_drawn=drawn,
        loan_repaid=np.where(stays, np.minimum(owed, scene.state.loan_pay), 0),
        loan_interest=np.where(stays, np.rint(owed * 0.0042), 0),
        loan_pay=np.where(borrows, np.ceil(drawn / 24), scene.state.loan_pay),
    )


def _living(scene: _Scene, mood: _Mood, stays: np.ndarray, choice: _Choice) -> _Living:
    """Return income, spending and bills."""
    traits, state, luck, _, month, _ = scene
    z, u = luck.normal, luck.uniform
    bonus = 1.8 if month.first.month == 1 else 1.0
    salary = np.rint(traits.income * bonus * np.exp(0.06 * z("salary")) / 100) * 100
    often = 0.62 + 0.45 * traits.latent("engagement") + 0.25 * traits.latent("digital") + 0.8 * traits.payroll
    often = np.exp(often + _SPENDS[mood.stage] + 0.12 * mood.drive)
    spends = np.floor(often * month.spending * np.exp(0.45 * z("spends") - 0.10125) + u("spends"))
    spends = np.where(stays, np.minimum(spends, 120), 0)
    card = (state.card | (choice.bought == CARD)) & stays & ~choice.cuts_card
    ticket = 4_000 * np.exp(0.40 * traits.latent("income") + 0.90 * z("spent"))
    by_card = np.where(card, np.floor(0.6 * spends + u("card")), 0)
    by_card = np.where(choice.bought == CARD, np.maximum(by_card, 1), by_card)
    by_demand = np.maximum(spends - by_card, 0)
    bills = np.floor((0.5 + 0.6 * traits.payroll) * (1 + traits.home) * u("bills") + 0.35)
    bills = np.where(stays & (mood.stage >= MATURE), bills, 0)
    part = np.where(choice.cuts_card, 1.0, np.where(traits.revolver, 0.35, 1.0))
    return _Living(
        salary=np.where(stays & traits.payroll, salary, 0),
        spends_demand=by_demand,
        spent_demand=np.rint(by_demand * ticket),
        spends_card=by_card,
        spent_card=np.rint(by_card * ticket * 1.4),
        bills=bills,
        billed=np.rint(bills * 11_000 * np.exp(0.25 * traits.latent("income") + 0.3 * z("amount"))),
        card_repaid=np.where(stays, np.rint(state.balance[:, CARD] * part), 0),
        card=card,
    )


def _demand(scene: _Scene, stays: np.ndarray, wanted: np.ndarray, returns: np.ndarray, choice: _Choice) -> np.ndarray:
    """Return the demand balance at the month's end: near what is wanted; transfers make it so."""
    traits, state, luck, _, _, newcomer = scene
    invested = state.balance[:, 1:LOAN].sum(axis=1) + returns[:, 1:].sum(axis=1)
    invested = invested + choice.bought_amount - choice.sold_amount
    aim = np.maximum(wanted - 0.9 * invested, 0.10 * wanted) * (1 + 0.3 * traits.payroll)
    start = np.where(newcomer, aim, state.balance[:, DEMAND])
    demand = (start + _ADAPT * (aim - start)) * np.exp(0.12 * luck.normal("balance") - 0.0072)
    return np.where(stays, np.maximum(np.rint(demand), 100), 0)
