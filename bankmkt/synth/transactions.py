"""A month's transactions of one block: movements that add up to each balance's change, to the cent."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from bankmkt.schema import CATEGORIES, CHANNELS, KINDS, PRODUCTS
from bankmkt.synth.calendar import DAY
from bankmkt.synth.population import Traits
from bankmkt.synth.rows import N_CATEGORY, N_CHANNEL, NULL, Clock, Rows, digital_class, split, table, words
from bankmkt.synth.simulate import Step
from bankmkt.synth.streams import stream

_SPENDING = table(
    {"groceries": 24, "dining": 21, "transport": 12, "online_shopping": 17, "apparel": 6, "healthcare": 4,
     "entertainment": 5, "fuel": 4, "electronics": 3, "travel": 2.5, "other": 1.5}, CATEGORIES, N_CATEGORY,
)  # fmt: skip
_BILLS = table({"utilities": 45, "telecom": 33, "housing": 12, "education": 6, "healthcare": 4}, CATEGORIES, N_CATEGORY)
_SPEND_CHANNEL = np.stack(
    [
        table({"pos": 70, "third_party": 24, "web": 3, "app": 3}, CHANNELS, N_CHANNEL),
        table({"pos": 34, "third_party": 50, "app": 9, "mini_programme": 5, "web": 2}, CHANNELS, N_CHANNEL),
        table({"pos": 17, "third_party": 59, "app": 13, "mini_programme": 9, "web": 2}, CHANNELS, N_CHANNEL),
    ]
)
_MONEY_CHANNEL = np.stack(
    [
        table({"counter": 52, "atm": 38, "app": 6, "web": 4}, CHANNELS, N_CHANNEL),
        table({"counter": 24, "atm": 22, "app": 44, "web": 5, "mini_programme": 5}, CHANNELS, N_CHANNEL),
        table({"counter": 9, "atm": 11, "app": 68, "web": 3, "mini_programme": 9}, CHANNELS, N_CHANNEL),
    ]
)

_KIND = {k: i for i, k in enumerate(KINDS)}
_CHANNEL = {k: i for i, k in enumerate(CHANNELS)}
_DEMAND, _LOAN, _CARD = (PRODUCTS.index(p) for p in ("demand", "loan", "card_balance"))


def transactions(step: Step, traits: Traits, seed: int, block: int) -> Rows:
    """Return the month's transactions of a block; per customer and product they add up to the balance's change."""
    rng = stream(seed, "rows", block, step.month.index, 0)
    clock, act, month = Clock(step, traits), step.activity, step.month
    n, style = traits.customer_id.size, digital_class(traits)
    parts: list[Rows] = []

    draw = partial(words, rng)

    def add(who: np.ndarray, ts: np.ndarray, kind: str, amount: np.ndarray, product: object, channel: object,
            category: object = NULL) -> None:  # fmt: skip
        def code(value: object) -> np.ndarray:
            return np.broadcast_to(np.asarray(value, dtype=np.int8), who.shape)

        parts.append(
            Rows({"who": who, "ts": ts, "channel": code(channel), "kind": code(_KIND[kind]),
                  "category": code(category), "amount": amount, "product": code(product)})
        )  # fmt: skip

    for count, total, product, sign in (
        (act.spends_demand, act.spent_demand, _DEMAND, -1),
        (act.spends_card, act.spent_card, _CARD, 1),
    ):
        who = np.repeat(np.arange(n), count.astype(np.int64))
        w = draw(who.size)
        category = _SPENDING[(w >> 30) & 0xFFF]
        channel = _SPEND_CHANNEL[style[who], (w >> 42) & 0x3FF]
        add(who, clock.at(who, w, "shop"), "spend", sign * split(who, total, w, n), product, channel, category)

    who = np.repeat(np.arange(n), act.bills.astype(np.int64))
    w = draw(who.size)
    add(who, clock.at(who, w, "digital"), "bill", -split(who, act.billed, w, n), _DEMAND,
        np.where((w >> 42) & 1, _CHANNEL["auto"], _MONEY_CHANNEL[style[who], (w >> 42) & 0x3FF]),
        _BILLS[(w >> 30) & 0xFFF])  # fmt: skip

    who = np.flatnonzero(act.salary)
    nine = (np.minimum(traits.payday[who], month.days) - 1) * DAY + 9 * 3600
    add(who, clock.inside(who, nine), "salary", act.salary[who], _DEMAND, _CHANNEL["auto"])

    for positive in (True, False):
        who = np.flatnonzero((act.transfer > 0) if positive else (act.transfer < 0))
        w = draw(who.size)
        channel = _MONEY_CHANNEL[style[who], (w >> 42) & 0x3FF]
        ts = clock.at(who, w, "digital")
        cash = np.isin(channel, (_CHANNEL["counter"], _CHANNEL["atm"])) & (np.abs(act.transfer[who]) < 5e6)
        for is_cash, kind in ((cash, "cash"), (~cash, "transfer")):
            add(who[is_cash], ts[is_cash], f"{kind}_{'in' if positive else 'out'}", act.transfer[who[is_cash]],
                _DEMAND, channel[is_cash])  # fmt: skip

    def moves(who: np.ndarray, amount: np.ndarray, product: object, kind: str, own: int, other: int) -> None:
        """Two rows: ``amount`` with sign ``own`` in the product, with sign ``other`` in the current account."""
        w = draw(who.size)
        ts = clock.at(who, w, "digital")
        channel = _MONEY_CHANNEL[style[who], (w >> 42) & 0x3FF]
        channel = np.where(channel == _CHANNEL["atm"], _CHANNEL["app"], channel)
        add(who, ts, kind, own * amount, product, channel)
        add(who, ts, kind, other * amount, _DEMAND, channel)

    who = np.flatnonzero(act.bought_amount)
    moves(who, act.bought_amount[who], act.bought[who], "purchase", 1, -1)
    who = np.flatnonzero(act.sold_amount)
    moves(who, act.sold_amount[who], act.sold[who], "redemption", -1, 1)
    who = np.flatnonzero(act.loan_drawn)
    moves(who, act.loan_drawn[who], _LOAN, "loan_drawdown", 1, 1)

    ten = np.full(n, 10 * 3600)
    for amount, product, kind, hour in (
        (act.loan_repaid, _LOAN, "loan_repayment", 19 * DAY + ten),
        (act.card_repaid, _CARD, "card_repayment", 17 * DAY + ten),
    ):
        who = np.flatnonzero(amount)
        ts = clock.inside(who, hour[who])
        add(who, ts, kind, -amount[who], product, _CHANNEL["auto"])
        add(who, ts, kind, -amount[who], _DEMAND, _CHANNEL["auto"])
    who = np.flatnonzero(act.loan_interest)
    add(who, clock.inside(who, 19 * DAY + ten[who]), "interest", -act.loan_interest[who], _DEMAND, _CHANNEL["auto"])

    for column in range(act.returns.shape[1]):
        who = np.flatnonzero(act.returns[:, column])
        late = np.full(who.size, (20 * DAY if column == _DEMAND else (month.days - 1) * DAY) + 23 * 3600)
        kind = "interest" if PRODUCTS[column] in ("demand", "time_deposit") else "return"
        add(who, clock.inside(who, late), kind, act.returns[who, column], column, _CHANNEL["auto"])

    parts.extend(_closing(step, traits))
    return Rows.concat(parts)


def _closing(step: Step, traits: Traits) -> Iterator[Rows]:
    """Yield the last movements of those who leave: redeem, repay, and carry the rest away."""
    act, before = step.activity, step.before.balance
    who = np.flatnonzero(act.leaves)
    ts = step.month.start + act.day[who] * DAY + 11 * 3600
    rest = before[who, _DEMAND].copy()

    def rows(pick: np.ndarray, kind: str, amount: np.ndarray, product: int) -> Rows:
        full = np.full(pick.size, 0, dtype=np.int8)
        return Rows({"who": who[pick], "ts": ts[pick], "channel": full + np.int8(_CHANNEL["counter"]),
                     "kind": full + np.int8(_KIND[kind]), "category": full + NULL, "amount": amount,
                     "product": full + np.int8(product)})  # fmt: skip

    for column in range(1, len(PRODUCTS)):
        amount = before[who, column]
        pick = np.flatnonzero(amount)
        debt = column >= _LOAN
        kind = {_LOAN: "loan_repayment", _CARD: "card_repayment"}.get(column, "redemption")
        yield rows(pick, kind, -amount[pick], column)
        yield rows(pick, kind, (-amount if debt else amount)[pick], _DEMAND)
        rest += -amount if debt else amount
    pick = np.flatnonzero(rest > 0)
    yield rows(pick, "transfer_out", -rest[pick], _DEMAND)
    pick = np.flatnonzero(rest < 0)
    yield rows(pick, "transfer_in", -rest[pick], _DEMAND)
