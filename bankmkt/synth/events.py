"""A month's events of one block: as many logins as the activity says, the pages after each, campaigns' clicks."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from bankmkt.schema import EVENTS, PLATFORMS, PRODUCTS
from bankmkt.synth.calendar import DAY
from bankmkt.synth.population import Traits
from bankmkt.synth.rows import N_CATEGORY, N_CHANNEL, N_SPLIT, NULL, Clock, Rows, digital_class, quantiles, table, words
from bankmkt.synth.simulate import Step
from bankmkt.synth.streams import stream

PAGES = (
    "home", "balance", "transfer", "bill", "wealth", "fund", "loan", "card", "deposit", "life", "points", "campaign",
)  # fmt: skip

_PAGE_SECONDS = np.round(np.exp(3.0 + 0.9 * quantiles(N_SPLIT)), 1)
_PLATFORM = table({"app": 78, "mini_programme": 13, "wechat": 6, "web": 3}, PLATFORMS, N_CHANNEL)
_PAGE = table(
    {"home": 26, "balance": 22, "transfer": 14, "bill": 8, "wealth": 8, "fund": 5, "loan": 2, "card": 6,
     "deposit": 3, "life": 4, "points": 2}, PAGES, N_CATEGORY,
)  # fmt: skip
_VIEWS = np.repeat(np.arange(6), [220, 330, 230, 130, 70, 44])  # pages after a login; 1,024 equally likely entries
_EVENT = {k: i for i, k in enumerate(EVENTS)}


def visitor_ids(customer_id: np.ndarray) -> np.ndarray:
    """Return the device number of customers: a bijection of ids that does not look like one."""
    return (customer_id * 2_654_435_761) % (1 << 44) + (1 << 44)


def events(step: Step, traits: Traits, seed: int, block: int) -> Rows:
    """Return the month's events of a block: as many logins as the customer's activity says."""
    rng = stream(seed, "rows", block, step.month.index, 1)
    clock, act, month = Clock(step, traits), step.activity, step.month
    n = traits.customer_id.size
    since = np.maximum((step.after.registered - month.day0) * DAY + np.where(act.registers, 10 * 3600, 0), 0)
    parts: list[Rows] = []

    draw = partial(words, rng)

    def add(who: np.ndarray, ts: np.ndarray, event: str, platform: np.ndarray, page: object = NULL,
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
    w = draw(who.size)
    ts, platform = clock.at(who, w, "digital", since), _PLATFORM[(w >> 30) & 0x3FF]
    add(who, ts, "login", platform)
    views = _VIEWS[(w >> 42) & 0x3FF]
    of = np.repeat(np.arange(who.size), views)
    v = draw(of.size)
    nth = np.arange(of.size) - np.repeat(np.cumsum(views) - views, views)
    seconds = _PAGE_SECONDS[v >> 52]
    gap = 5 + 45 * nth + ((v >> 12) & 0x1F)
    seen = np.minimum(ts[of] + gap, _end(clock)[who[of]])
    add(who[of], seen, "page_view", platform[of], _PAGE[v & 0xFFF], seconds=seconds)

    # Products bought by app users leave a trace there too.
    who = np.flatnonzero((act.bought_amount > 0) & (act.logins > 0) & (digital_class(traits) > 0))
    w = draw(who.size)
    page = np.array([PAGES.index({"time_deposit": "deposit"}.get(p, p)) if {"time_deposit": "deposit"}.get(p, p)
                     in PAGES else PAGES.index("life") for p in PRODUCTS], dtype=np.int8)[act.bought[who]]  # fmt: skip
    add(who, clock.at(who, w, "digital", since), "purchase", _PLATFORM[(w >> 30) & 0x3FF], page)

    # Sign-ups, after a look around without a name.
    who = np.flatnonzero(act.registers)
    app = np.zeros(who.size, dtype=np.int8)
    ts = np.minimum(month.start + since[who], _end(clock)[who])
    add(who, ts, "sign_up", app)
    looks = np.repeat(np.arange(who.size), 1 + (draw(who.size) & 1))
    w = draw(looks.size)
    add(who[looks], ts[looks] - 60 - (w & 0xFFF), "page_view", app[looks], PAGES.index("home"),
        seconds=_PAGE_SECONDS[w >> 52], known=False)  # fmt: skip

    for rows in _campaign_events(step, clock, since, draw):
        add(*rows)
    return Rows.concat(parts)


def _end(clock: Clock) -> np.ndarray:
    """Last second of each customer's part of the month, since 1970."""
    return clock.month.start + np.maximum(clock.high - 1, clock.low)


def _campaign_events(step: Step, clock: Clock, since: np.ndarray, draw: Callable[[int], np.ndarray]) -> Iterator[tuple]:
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
            w = draw(who.size)
            yield (who, clock.at(who, w, "digital", since), event, _PLATFORM[(w >> 30) & 0x3FF], campaign_page, number,
                   _PAGE_SECONDS[w >> 52])  # fmt: skip
        who = e.rows[joins]
        yield (who, e.joined[joins], "campaign_join", _own_platform(step, who), campaign_page, number)
        bought = part & act.offer_taken[e.rows] & (t.product is not None)
        if t.product is not None:
            bought &= act.bought[e.rows] == PRODUCTS.index(t.product)
        who = e.rows[bought]
        w = draw(who.size)
        yield (who, clock.at(who, w, "digital", since), "campaign_convert", _own_platform(step, who),
               campaign_page, number)  # fmt: skip
        shares = part & online
        who = e.rows[shares]
        w = draw(who.size)
        keep = (w & 0xFF) < 12
        yield (who[keep], clock.at(who[keep], w[keep], "digital", since), "share",
               _PLATFORM[(w[keep] >> 30) & 0x3FF], campaign_page, number)  # fmt: skip


def _own_platform(step: Step, who: np.ndarray) -> np.ndarray:
    """Return the app for those who have it, the official account for the others."""
    names = np.array([PLATFORMS.index("wechat"), PLATFORMS.index("app")], dtype=np.int8)
    return names[(step.after.registered[who] >= 0).astype(np.int64)]
