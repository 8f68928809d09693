"""From a month's counts and totals to rows: transactions and events of one block.

Each row takes one 64-bit random word; its bits choose the hour, the second, the channel, the
category and the weight that splits a total into amounts, through tables of equally likely entries.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from bankmkt.schema import CATEGORIES, CHANNELS, EVENTS, KINDS, PLATFORMS, PRODUCTS
from bankmkt.synth.calendar import DAY
from bankmkt.synth.population import Traits
from bankmkt.synth.simulate import Step
from bankmkt.synth.streams import stream

PAGES = (
    "home",
    "balance",
    "transfer",
    "bill",
    "wealth",
    "fund",
    "loan",
    "card",
    "deposit",
    "life",
    "points",
    "campaign",
)

_N_SPLIT, _N_CHANNEL, _N_CATEGORY = 1 << 11, 1 << 10, 1 << 12  # a word's bits 52-62, 42-51 and 30-41


def _normal_quantiles(size: int) -> np.ndarray:
    from scipy.special import ndtri

    return ndtri((np.arange(size) + 0.5) / size)


def _table(weights: dict[str, float], names: tuple[str, ...], size: int) -> np.ndarray:
    """Codes (positions in ``names``) for equally likely draws with the given weights."""
    values = np.array(list(weights.values()))
    edges = np.rint(np.cumsum(values) / values.sum() * size).astype(np.int64)
    codes = np.array([names.index(k) for k in weights], dtype=np.int8)
    return np.repeat(codes, np.diff(edges, prepend=0))


_SPLIT = np.exp(1.5 * _normal_quantiles(_N_SPLIT))
_PAGE_SECONDS = np.round(np.exp(3.0 + 0.9 * _normal_quantiles(_N_SPLIT)), 1)

_SPENDING = _table(
    {"groceries": 24, "dining": 21, "transport": 12, "online_shopping": 17, "apparel": 6, "healthcare": 4,
     "entertainment": 5, "fuel": 4, "electronics": 3, "travel": 2.5, "other": 1.5}, CATEGORIES, _N_CATEGORY,
)  # fmt: skip
_BILLS = _table(
    {"utilities": 45, "telecom": 33, "housing": 12, "education": 6, "healthcare": 4}, CATEGORIES, _N_CATEGORY
)
_SPEND_CHANNEL = np.stack(
    [
        _table({"pos": 70, "third_party": 24, "web": 3, "app": 3}, CHANNELS, _N_CHANNEL),
        _table({"pos": 34, "third_party": 50, "app": 9, "mini_programme": 5, "web": 2}, CHANNELS, _N_CHANNEL),
        _table({"pos": 17, "third_party": 59, "app": 13, "mini_programme": 9, "web": 2}, CHANNELS, _N_CHANNEL),
    ]
)
_MONEY_CHANNEL = np.stack(
    [
        _table({"counter": 52, "atm": 38, "app": 6, "web": 4}, CHANNELS, _N_CHANNEL),
        _table({"counter": 24, "atm": 22, "app": 44, "web": 5, "mini_programme": 5}, CHANNELS, _N_CHANNEL),
        _table({"counter": 9, "atm": 11, "app": 68, "web": 3, "mini_programme": 9}, CHANNELS, _N_CHANNEL),
    ]
)
_PLATFORM = _table({"app": 78, "mini_programme": 13, "wechat": 6, "web": 3}, PLATFORMS, _N_CHANNEL)
_PAGE = _table(
    {"home": 26, "balance": 22, "transfer": 14, "bill": 8, "wealth": 8, "fund": 5, "loan": 2, "card": 6,
     "deposit": 3, "life": 4, "points": 2}, PAGES, _N_CATEGORY,
)  # fmt: skip
_VIEWS = np.repeat(np.arange(6), [220, 330, 230, 130, 70, 44])  # pages after a login; 1,024 equally likely entries

_KIND = {k: i for i, k in enumerate(KINDS)}
_EVENT = {k: i for i, k in enumerate(EVENTS)}
_CHANNEL = {k: i for i, k in enumerate(CHANNELS)}
_NULL = np.int8(-1)
_DEMAND, _LOAN, _CARD = (PRODUCTS.index(p) for p in ("demand", "loan", "card_balance"))


def _words(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return ``size`` random words of 63 bits."""
    return (rng.bit_generator.random_raw(size) >> np.uint64(1)).view(np.int64)


@dataclass
class Rows:
    """Rows of one table as columns; ``who`` is the position in the block, ``ts`` seconds since 1970.

    Codes are positions in the schema's value lists, -1 for null.
    """

    columns: dict[str, np.ndarray]

    @staticmethod
    def concat(parts: list["Rows"]) -> "Rows":
        """Join parts with the same columns."""
        return Rows({k: np.concatenate([p.columns[k] for p in parts]) for k in parts[0].columns})

    def first(self, keep: int) -> "Rows":
        """Return the rows of the block's first ``keep`` customers."""
        mask = self.columns["who"] < keep
        return self if mask.all() else Rows({k: v[mask] for k, v in self.columns.items()})

    def sorted(self, origin: int) -> "Rows":
        """Return the rows by customer and time; rows of the same second keep their order.

        One unstable sort of unique 63-bit keys (customer 14 bits, seconds 27, position 22) gives the
        same order on every machine and is faster than a stable sort.
        """
        who, ts = self.columns["who"], self.columns["ts"]
        n = who.size
        if n >= 1 << 22 or (n and (ts.min() < origin or ts.max() - origin >= 1 << 27)):
            raise OverflowError(f"{n:,} rows of a block do not fit the sorting key: simulate fewer months at a time")
        key = (who << 49) | ((ts - origin) << 22) | np.arange(n, dtype=np.int64)
        key.sort()
        order = key & ((1 << 22) - 1)
        return Rows({k: v[order] for k, v in self.columns.items()})


def digital_class(traits: Traits) -> np.ndarray:
    """Return 0 for customers who prefer the branch, 1 for mixed, 2 for digital ones."""
    return np.searchsorted([-0.5, 0.5], traits.latent("digital")).astype(np.int8)


class _Clock:
    """Turns random words into timestamps inside each customer's part of the month."""

    def __init__(self, step: Step, traits: Traits) -> None:
        m = step.month
        length = m.days * DAY
        opened, act = (traits.opened - m.day0) * DAY, step.activity
        self.low = np.where(opened > 0, opened + 9 * 3600, 0)
        self.high = np.where(act.leaves, act.day * DAY + 9 * 3600, length)
        self.low = np.minimum(self.low, np.maximum(self.high - 1, 0))
        self.partial = (self.low > 0) | (self.high < length)
        self.month, self.length = m, length
        self.tables = {p: m.slots(p) for p in ("digital", "shop", "branch")}

    def at(self, who: np.ndarray, words: np.ndarray, pattern: str, low: np.ndarray | None = None) -> np.ndarray:
        """Return seconds since 1970, after ``low`` (seconds from the month's start, by customer) if given."""
        hour = self.tables[pattern][words & 0xFFFF]
        ts = hour * 3600 + ((((words >> 16) & 0x3FFF) * 3600) >> 14)
        squeeze = self.partial if low is None else self.partial | (low > 0)
        rows = np.flatnonzero(squeeze[who])
        if rows.size:
            w = who[rows]
            lo = self.low[w] if low is None else np.maximum(self.low[w], low[w])
            hi = np.maximum(self.high[w], lo + 1)
            ts[rows] = lo + (ts[rows] * ((hi - lo) / self.length)).astype(np.int64)
        return self.month.start + ts

    def inside(self, who: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        """Return given seconds of the month as timestamps, moved into the customer's part of it."""
        return self.month.start + np.clip(seconds, self.low[who], np.maximum(self.high[who] - 1, self.low[who]))


def _split(who: np.ndarray, total: np.ndarray, words: np.ndarray, n: int) -> np.ndarray:
    """Split each customer's total (cents) over the customer's rows: at least a cent each, heavy-tailed, exact.

    ``who`` is ascending; ``total`` by customer.
    """
    weight = _SPLIT[words >> 52]
    count = np.bincount(who, minlength=n)
    scale = (total - count) / np.maximum(np.bincount(who, weight, n), 1e-300)
    part = np.floor(weight * scale[who]) + 1
    last = np.cumsum(count)[count > 0] - 1
    part[last] += (total - np.bincount(who, part, n))[count > 0]
    return part


def transactions(step: Step, traits: Traits, seed: int, block: int) -> Rows:
    """Return the month's transactions of a block; per customer and product they add up to the balance's change."""
    rng = stream(seed, "rows", block, step.month.index, 0)
    clock, act, month = _Clock(step, traits), step.activity, step.month
    n, style = traits.customer_id.size, digital_class(traits)
    parts: list[Rows] = []

    words = partial(_words, rng)

    def add(who: np.ndarray, ts: np.ndarray, kind: str, amount: np.ndarray, product: object, channel: object,
            category: object = _NULL) -> None:  # fmt: skip
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
        w = words(who.size)
        category = _SPENDING[(w >> 30) & 0xFFF]
        channel = _SPEND_CHANNEL[style[who], (w >> 42) & 0x3FF]
        add(who, clock.at(who, w, "shop"), "spend", sign * _split(who, total, w, n), product, channel, category)

    who = np.repeat(np.arange(n), act.bills.astype(np.int64))
    w = words(who.size)
    add(who, clock.at(who, w, "digital"), "bill", -_split(who, act.billed, w, n), _DEMAND,
        np.where((w >> 42) & 1, _CHANNEL["auto"], _MONEY_CHANNEL[style[who], (w >> 42) & 0x3FF]),
        _BILLS[(w >> 30) & 0xFFF])  # fmt: skip

    who = np.flatnonzero(act.salary)
    nine = (np.minimum(traits.payday[who], month.days) - 1) * DAY + 9 * 3600
    add(who, clock.inside(who, nine), "salary", act.salary[who], _DEMAND, _CHANNEL["auto"])

    for positive in (True, False):
        who = np.flatnonzero((act.transfer > 0) if positive else (act.transfer < 0))
        w = words(who.size)
        channel = _MONEY_CHANNEL[style[who], (w >> 42) & 0x3FF]
        ts = clock.at(who, w, "digital")
        cash = np.isin(channel, (_CHANNEL["counter"], _CHANNEL["atm"])) & (np.abs(act.transfer[who]) < 5e6)
        for is_cash, kind in ((cash, "cash"), (~cash, "transfer")):
            add(who[is_cash], ts[is_cash], f"{kind}_{'in' if positive else 'out'}", act.transfer[who[is_cash]],
                _DEMAND, channel[is_cash])  # fmt: skip

    def moves(who: np.ndarray, amount: np.ndarray, product: object, kind: str, own: int, other: int) -> None:
        """Two rows: ``amount`` with sign ``own`` in the product, with sign ``other`` in the current account."""
        w = words(who.size)
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
                     "kind": full + np.int8(_KIND[kind]), "category": full + _NULL, "amount": amount,
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


def visitor_ids(customer_id: np.ndarray) -> np.ndarray:
    """Return the device number of customers: a bijection of ids that does not look like one."""
    return (customer_id * 2_654_435_761) % (1 << 44) + (1 << 44)


def events(step: Step, traits: Traits, seed: int, block: int) -> Rows:
    """Return the month's events of a block: as many logins as the customer's activity says."""
    rng = stream(seed, "rows", block, step.month.index, 1)
    clock, act, month = _Clock(step, traits), step.activity, step.month
    n = traits.customer_id.size
    since = np.maximum((step.after.registered - month.day0) * DAY + np.where(act.registers, 10 * 3600, 0), 0)
    parts: list[Rows] = []

    words = partial(_words, rng)

    def add(who: np.ndarray, ts: np.ndarray, event: str, platform: np.ndarray, page: object = _NULL,
            campaign: int = 0, seconds: np.ndarray | None = None, known: bool = True) -> None:  # fmt: skip
        parts.append(
            Rows({
                "who": who, "ts": ts, "platform": platform, "event": np.full(who.size, _EVENT[event], dtype=np.int8),
                "page": np.broadcast_to(np.asarray(page, dtype=np.int8), who.shape),
                "campaign": np.full(who.size, campaign, dtype=np.int32),
                "seconds": np.full(who.size, np.nan) if seconds is None else seconds,
                "known": np.full(who.size, known),
            })
        )  # fmt: skip

    # Logins, and the pages seen after each.
    who = np.repeat(np.arange(n), act.logins.astype(np.int64))
    w = words(who.size)
    ts, platform = clock.at(who, w, "digital", since), _PLATFORM[(w >> 30) & 0x3FF]
    add(who, ts, "login", platform)
    views = _VIEWS[(w >> 42) & 0x3FF]
    of = np.repeat(np.arange(who.size), views)
    v = words(of.size)
    nth = np.arange(of.size) - np.repeat(np.cumsum(views) - views, views)
    seconds = _PAGE_SECONDS[v >> 52]
    gap = 5 + 45 * nth + ((v >> 12) & 0x1F)
    seen = np.minimum(ts[of] + gap, _end(clock)[who[of]])
    add(who[of], seen, "page_view", platform[of], _PAGE[v & 0xFFF], seconds=seconds)

    # Products bought by app users leave a trace there too.
    who = np.flatnonzero((act.bought_amount > 0) & (act.logins > 0) & (digital_class(traits) > 0))
    w = words(who.size)
    page = np.array([PAGES.index({"time_deposit": "deposit"}.get(p, p)) if {"time_deposit": "deposit"}.get(p, p)
                     in PAGES else PAGES.index("life") for p in PRODUCTS], dtype=np.int8)[act.bought[who]]  # fmt: skip
    add(who, clock.at(who, w, "digital", since), "purchase", _PLATFORM[(w >> 30) & 0x3FF], page)

    # Sign-ups, after a look around without a name.
    who = np.flatnonzero(act.registers)
    app = np.zeros(who.size, dtype=np.int8)
    ts = np.minimum(month.start + since[who], _end(clock)[who])
    add(who, ts, "sign_up", app)
    looks = np.repeat(np.arange(who.size), 1 + (words(who.size) & 1))
    w = words(looks.size)
    add(who[looks], ts[looks] - 60 - (w & 0xFFF), "page_view", app[looks], PAGES.index("home"),
        seconds=_PAGE_SECONDS[w >> 52], known=False)  # fmt: skip

    for rows in _campaign_events(step, clock, since, words):
        add(*rows)
    return Rows.concat(parts)


def _end(clock: _Clock) -> np.ndarray:
    """Last second of each customer's part of the month, since 1970."""
    return clock.month.start + np.maximum(clock.high - 1, clock.low)


def _campaign_events(
    step: Step, clock: _Clock, since: np.ndarray, words: Callable[[int], np.ndarray]
) -> Iterator[tuple]:
    """Yield the events of running campaigns: views and clicks of those in the app, joining, reaching the aim."""
    act, month = step.activity, step.month
    for e in step.running:
        t = e.campaign.template
        offered = e.treated | (t.assignment == "open")
        online = offered & (act.logins[e.rows] > 0)
        part = e.takes(e.treated, month.index) & act.present[e.rows] & ~act.leaves[e.rows]
        joins = part & (e.joined >= month.start)
        number = e.campaign.campaign_id
        campaign_page = PAGES.index("campaign")
        for mask, event in ((online, "campaign_view"), (online & part, "campaign_click")):
            who = e.rows[mask]
            w = words(who.size)
            yield (who, clock.at(who, w, "digital", since), event, _PLATFORM[(w >> 30) & 0x3FF], campaign_page, number,
                   _PAGE_SECONDS[w >> 52])  # fmt: skip
        who = e.rows[joins]
        yield (who, e.joined[joins], "campaign_join", _own_platform(step, who), campaign_page, number)
        bought = part & act.offer_taken[e.rows] & (t.product is not None)
        if t.product is not None:
            bought &= act.bought[e.rows] == PRODUCTS.index(t.product)
        who = e.rows[bought]
        w = words(who.size)
        yield (who, clock.at(who, w, "digital", since), "campaign_convert", _own_platform(step, who),
               campaign_page, number)  # fmt: skip
        shares = part & online
        who = e.rows[shares]
        w = words(who.size)
        keep = (w & 0xFF) < 12
        yield (who[keep], clock.at(who[keep], w[keep], "digital", since), "share",
               _PLATFORM[(w[keep] >> 30) & 0x3FF], campaign_page, number)  # fmt: skip


def _own_platform(step: Step, who: np.ndarray) -> np.ndarray:
    """Return the app for those who have it, the official account for the others."""
    names = np.array([PLATFORMS.index("wechat"), PLATFORMS.index("app")], dtype=np.int8)
    return names[(step.after.registered[who] >= 0).astype(np.int64)]
