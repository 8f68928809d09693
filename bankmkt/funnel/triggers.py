"""Scenario triggers: events in a customer's life or journey that precede a purchase, and do so in later months too."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.bank import Bank
from bankmkt.confidence import holm
from bankmkt.errors import DataError, ParameterError, Refused, one_of
from bankmkt.frames import engine_table
from bankmkt.funnel import trigger_rates as rates
from bankmkt.funnel.definition import DAY, Condition, parse_within
from bankmkt.funnel.purchases import buys
from bankmkt.funnel.trigger_days import Days, Trigger, days_of, default_triggers, usable
from bankmkt.funnel.trigger_sources import Risk, Source, date_of, months, number
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, check_k, discloses
from bankmkt.schema import EVENTS, PRODUCTS

VERDICTS = ("holds", "does not hold later", "no more than chance", "followed by fewer purchases", "too few")
HOLDS, DENIED, CHANCE, FEWER, FEW = VERDICTS
RATIOS = ("rate_ratio", "own_ratio", "later_ratio")


@dataclass(frozen=True, eq=False)
class Triggers:
    """What :func:`triggers` found.

    Parameters
    ----------
    target, lead_days
        What is bought, and within how many days after a trigger.
    since, split, as_of
        Ratios were learned from ``since`` to ``split``, and judged from the day after it to ``as_of``.
    customers, purchases
        Customers at risk, and their purchases (days with one).
    found
        A row per candidate, those that hold first, then by lift: trigger; customers (with a trigger, whole period);
        rate_with (purchases per 100 customers and 30 days on the days after a trigger, until the split), rate_without
        (of comparable days); rate_ratio, own_ratio (against the same customers' other days, had all months been alike;
        null with ``first``, as their time ends with the purchase), later_ratio (after the split), each with ``_lower``
        and ``_upper`` (95%, clustered by customer); p_value, p_adjusted (Holm, over all candidates); after the split:
        fresh (triggers whose lead window is over), waiting (it is not), precision (of these, followed by a purchase in
        time), base (of comparable customers without a trigger), lift, coverage (of purchases that follow a trigger),
        with ``_lower`` and ``_upper``; median_days, q25_days, q75_days from a trigger to the purchase; verdict.
    left_out
        Candidates whose table is not there.
    """

    target: str
    lead_days: int
    since: dt.date
    split: dt.date
    as_of: dt.date
    customers: int
    purchases: int
    found: pd.DataFrame
    left_out: tuple[str, ...]
    _ids: pd.Index = field(repr=False)
    _live: dict[str, Any] = field(repr=False)
    _by: str = field(repr=False)
    _con: Any = field(repr=False)

    def live(self, names: Sequence[str] | None = None) -> Any:
        """Return who has a live trigger at the end of ``as_of``: targets, to be held against consents and caps.

        Parameters
        ----------
        names
            Of triggers that hold; by default all of them.

        Returns
        -------
        ibis table
            The unit's id, trigger, since (the day of the last one), days_left (until the lead is over).

        Raises
        ------
        ParameterError
            If there is no such trigger.
        Refused
            If a trigger does not hold: its customers are none that buy more than others.
        """
        import pyarrow as pa

        holding = self.found.loc[self.found["verdict"] == HOLDS, "trigger"].tolist()
        if names is not None and (isinstance(names, str) or not isinstance(names, Sequence)):
            raise ParameterError("names", names, "a list of triggers", "put the name into a list")
        chosen = holding if names is None else list(names)
        for name in chosen:
            if name not in self._live:
                raise ParameterError("names", name, one_of(self._live), "choose among the triggers looked for")
            if name not in holding:
                verdict = self.found.set_index("trigger")["verdict"][name]
                todo = f"choose among {', '.join(holding)}" if holding else "look for other triggers"
                raise Refused(f"the trigger {name}: {verdict}", None, "one that holds in later months", todo)
        today = number(self.as_of)
        parts = []
        for name in chosen:
            unit, day = self._live[name]
            parts.append(pd.DataFrame({self._by: self._ids[unit], "trigger": name, "day": day}))
        none = pd.DataFrame({self._by: self._ids[:0], "trigger": "", "day": 0})
        rows = pd.concat([none, *parts], ignore_index=True)
        table = pa.table({
            self._by: pa.array(rows[self._by]), "trigger": pa.array(rows["trigger"].astype(object), pa.string()),
            "since": pa.array(rows["day"].astype("int32"), pa.int32()).cast(pa.date32()),
            "days_left": pa.array(rows["day"].astype("int64") + self.lead_days - today, pa.int64()),
        })  # fmt: skip
        return engine_table(table, "live_triggers", self._con)[0]


def triggers(
    source: Any,
    target: str | Trigger | Condition,
    candidates: Sequence[Trigger] | Mapping[str, Condition] | None = None,
    *,
    lead: str | dt.timedelta = "30d",
    as_of: dt.date | str | None = None,
    since: dt.date | str | None = None,
    split: dt.date | str | None = None,
    alike: Sequence[str] = (),
    first: bool = False,
    k: int = K,
    by: str = "customer_id",
    time: str = "ts",
    event: str = "event",
) -> Triggers:
    """Find the events after which customers buy more often than comparable customers do, and try them on later months.

    A day's trigger is known at its end; a purchase counts from the next day on. All days of all customers count, from
    the day after the opening of the account to its end or ``as_of``: those before a trigger, and without one, are what
    the others are compared with (no immortal time), and windows that are not over are not taken as failures. What is
    found until ``split`` is judged on the days after it. A trigger precedes a purchase; it need not cause it.

    Parameters
    ----------
    source
        A :class:`~bankmkt.bank.Bank`, or a table of events (Ibis or pandas), whose units are at risk from their first
        event on.
    target
        Of a bank: the product whose purchase counts (a loan: is paid out). Or a :class:`Trigger`, or the
        name or condition of an event.
    candidates
        Triggers to try: a list, or names with conditions over the events. Default for a bank:
        :func:`default_triggers`; those whose table the bank has not are left out and named.
    lead
        How long after a trigger a purchase counts, in whole days: ``"30d"``.
    as_of
        The last day seen; by default the last day of the events.
    since
        The first day that is compared; by default so long after the records begin as any candidate looks back, and
        ``lead`` more, as whoever had a trigger just before the records began would be taken to have had none.
    split
        The last day of learning; by default two thirds of the time are learned from.
    alike
        Columns of ``customers`` (of the events: of their first one) in which customers are compared with their like.
    first
        Whether only each customer's first purchase in the records counts.
    k
        Triggers of fewer customers, or of all but fewer, are told nothing about; nor is any figure whose customers, or
        buyers, or those who are none of them, are fewer.
    by, time, event
        Columns, where the source is a table of events.

    Returns
    -------
    Triggers

    Raises
    ------
    ParameterError, SchemaError
        If an argument cannot be right, or a table or column is not there.
    DataError
        If no candidate's table is there, or nobody is a customer.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> day = rng.integers(0, 300, 4000)
    >>> log = pd.DataFrame({"customer_id": rng.integers(0, 500, 4000), "ts": pd.Timestamp("2025-01-01")})
    >>> log = log.assign(event=rng.choice(["view", "call", "buy"], 4000), ts=log["ts"] + pd.to_timedelta(day, "D"))
    >>> triggers(log, "buy", {"called": "call"}, lead="14d").found[["trigger", "verdict"]].to_numpy().tolist()
    [['called', 'no more than chance']]
    """
    check_k(k)
    days = _lead_days(lead)
    tried = _candidates(candidates, isinstance(source, Bank))
    data = Source.of(source, as_of, by, time, event)
    known, missing = usable(tried, data.has)
    if not known:
        raise DataError("candidates", missing, "a table that the bank has", "pass candidates= over tables it has")
    goal = _goal(target, data)
    risk = data.at_risk(alike)
    starts = {name: data.first_day(name) for name in {each.table for each in [*known, goal]}}
    looked = max(starts[goal.table] + goal.looks_back, *(starts[each.table] + each.looks_back + days for each in known))
    opening = looked if since is None else number(parse_date("since", since))
    last = number(data.end)
    cut = opening + (last - opening) * 2 // 3 if split is None else number(parse_date("split", split))
    if not opening + days < cut < last - days:
        expected = (
            f"{days} days or more of learning before it and of judging after it, from {date_of(opening)} to {data.end}"
        )
        raise ParameterError("split", str(date_of(cut)), expected, "choose other days, or a shorter lead")

    def moments(each: Trigger) -> rates.Moments:
        rows, time = data.rows(each.table)
        found = days_of(each, rows, data.by, time, data.event, starts[each.table]).to_pandas()
        unit = risk.ids.get_indexer(pd.Index(found["unit"]))
        return rates.Moments.of(unit[unit >= 0].astype(np.int64), found["day"].to_numpy(np.int64)[unit >= 0])

    bought = moments(goal).between(risk.first, risk.last)
    risk = (risk.until(bought) if first else risk).since(opening)
    purchases = len(bought.between(risk.first, risk.last).unit)
    found, live = [], {}
    month = months(opening, last)
    for candidate in known:
        when = moments(candidate)
        row: dict[str, Any] = {"trigger": candidate.name}
        row |= _learned(when, bought, days, risk, month, (opening, cut), first, k)
        row |= _judged(rates.judge(when, bought, days, risk.first, risk.last, risk.stratum, cut + 1, last), k)
        waits = rates.lead_times(when, bought, days, risk.first, risk.last)
        row |= dict(zip(("median_days", "q25_days", "q75_days"), _quantiles(*waits, k), strict=True))
        found.append(row)
        recent = when.latest(np.arange(len(risk.ids)), np.full(len(risk.ids), last))
        here = np.flatnonzero((last - recent < days) & (risk.last >= last) & (risk.first <= last))
        live[candidate.name] = here, recent[here]
    return Triggers(
        goal.name, days, date_of(opening), date_of(cut), data.end, int((risk.last >= risk.first).sum()), purchases,
        _frame(found), tuple(missing), risk.ids, live, data.by, data.con,
    )  # fmt: skip


def _lead_days(lead: str | dt.timedelta) -> int:
    length, natural = parse_within(lead)
    if length is None or natural is not None or length % DAY:
        raise ParameterError("lead", lead, "whole days such as '30d'")
    return length // DAY


def _candidates(candidates: Sequence[Trigger] | Mapping[str, Condition] | None, bank: bool) -> list[Trigger]:
    if candidates is None:
        if not bank:
            raise ParameterError("candidates", None, "names with conditions, or triggers", "say what may be a trigger")
        return default_triggers()
    if isinstance(candidates, Mapping):
        return [each if isinstance(each, Trigger) else Trigger(name, each) for name, each in candidates.items()]
    for each in candidates:
        if not isinstance(each, Trigger):
            raise ParameterError("candidates", each, "a bankmkt.funnel.Trigger, or a dict of names and conditions")
    return list(candidates)


def _goal(target: str | Trigger | Condition, source: Source) -> Trigger:
    """Return what counts as a purchase."""
    if isinstance(target, Trigger):
        return target
    if not isinstance(target, str):
        return Trigger("target", target)
    if source.bank is None:
        return Trigger(target, target)
    if target in PRODUCTS:
        from ibis import _

        return Trigger(target, buys(_, target), "transactions")
    if target in EVENTS:
        return Trigger(target, target)
    raise ParameterError(
        "target", target, one_of([*PRODUCTS, *EVENTS]), "name a product or an event, or pass a Trigger"
    )


def _learned(
    when: rates.Moments, bought: rates.Moments, days: int, risk: Risk, month: Days, period: tuple[int, int],
    first: bool, k: int,
) -> dict[str, Any]:  # fmt: skip
    """Return what the days until the split say, and the ratio after it."""
    start, cut = period
    early, late = np.minimum(risk.last, cut), np.maximum(risk.first, cut + 1)
    few = _few(when, bought, days, risk.first, early, k)
    ratio = own = rates.UNKNOWN
    if not few:
        ratio = rates.rate_ratio(when, bought, days, risk.first, early, risk.stratum, month, start)
    if not few and not first:
        own = rates.own_ratio(when, bought, days, risk.first, early, month, start)
    later = rates.UNKNOWN
    if not _few(when, bought, days, late, risk.last, k):
        later = rates.rate_ratio(when, bought, days, late, risk.last, risk.stratum, month, start)
    _, low, high = rates.exposed(when, days, risk.first, early)
    level = np.nan
    if ratio is not rates.UNKNOWN:
        hits = len(rates.lead_times(when, bought, days, risk.first, early)[0])
        level = 3000 * hits / max((high - low + 1).sum(), 1)
    customers = len(np.unique(when.between(risk.first, risk.last).unit))
    out = {
        "customers": pd.NA if discloses(customers, int((risk.last >= risk.first).sum()), k) else customers,
        "rate_with": level, "rate_without": level / ratio.value, "p_value": ratio.p_value,
    }  # fmt: skip
    for name, each in (("rate_ratio", ratio), ("own_ratio", own), ("later_ratio", later)):
        out |= {name: each.value, f"{name}_lower": each.lower, f"{name}_upper": each.upper}
    return out


def _few(when: rates.Moments, bought: rates.Moments, days: int, first: Days, last: Days, k: int) -> bool:
    """Whether few buy after a trigger, or few of those with a trigger do not, or few buyers buy without one."""
    told = len(np.unique(rates.lead_times(when, bought, days, first, last)[0]))
    buyers = len(np.unique(bought.between(first, last).unit))
    reached = len(np.unique(rates.exposed(when, days, first, last)[0]))
    return told < k or bool(discloses(told, reached, k)) or bool(discloses(told, buyers, k))


def _judged(found: rates.Judged, k: int) -> dict[str, Any]:
    """Return what the days after the split say; nothing of few buyers."""
    out: dict[str, Any] = {
        "fresh": pd.NA if 0 < found.customers < k else found.fresh,
        "waiting": pd.NA if 0 < found.waiters < k else found.waiting, "base": found.base,
    }  # fmt: skip
    few = found.customers < k or discloses(found.buyers, found.customers, k)
    untold = found.customers < k or found.all_buyers < k or discloses(found.told_buyers, found.all_buyers, k)
    for name in ("precision", "lift", "coverage"):
        values = (np.nan,) * 3 if (untold if name == "coverage" else few) else getattr(found, name)
        out |= dict(zip((name, f"{name}_lower", f"{name}_upper"), values, strict=True))
    return out


def _quantiles(unit: Days, waits: Days, k: int) -> list[float]:
    few = len(np.unique(unit)) < k
    return [np.nan] * 3 if few else [float(q) for q in np.quantile(waits, [0.5, 0.25, 0.75])]


def _frame(found: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the candidates with corrected p values and verdicts, those that hold first."""
    rows = pd.DataFrame(found)
    tested = rows["p_value"].notna().to_numpy()
    rows["p_adjusted"] = adjusted = holm(rows["p_value"])
    rows["verdict"] = np.select(
        [~tested, adjusted >= 0.05, rows["rate_ratio"] < 1, rows["lift"].isna(), rows["lift_lower"] > 1],
        [FEW, CHANCE, FEWER, FEW, HOLDS],
        DENIED,
    )
    counts = ["customers", "fresh", "waiting"]
    rows[counts] = rows[counts].astype("Int64")
    rows.loc[rows["customers"].isna(), counts] = pd.NA
    rows["_place"] = rows["verdict"].map({verdict: place for place, verdict in enumerate(VERDICTS)})
    rows = rows.sort_values(["_place", "lift", "trigger"], ascending=[True, False, True], ignore_index=True)
    spread = [f"{name}{end}" for name in RATIOS for end in ("", "_lower", "_upper")]
    after = [f"{name}{end}" for name in ("precision", "lift", "coverage") for end in ("", "_lower", "_upper")]
    return rows[[
        "trigger", "customers", "rate_with", "rate_without", *spread, "p_value", "p_adjusted", "fresh", "waiting",
        "base", *after, "median_days", "q25_days", "q75_days", "verdict",
    ]]  # fmt: skip
