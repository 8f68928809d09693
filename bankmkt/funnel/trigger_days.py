"""What may be a trigger: named conditions over a bank's tables, and the days on which each customer meets them."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bankmkt.errors import ParameterError, SchemaError
from bankmkt.frames import fetch
from bankmkt.funnel.definition import DAY, Condition, Step, parse_within
from bankmkt.schema import TABLES

Days = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trigger:
    """A condition whose days may precede a purchase; a day counts by what is known at its end.

    Parameters
    ----------
    name
        Short, in snake_case.
    when
        Which rows are it: the name of an event, an Ibis deferred expression, or a function of the table, which may look
        back at earlier rows but must not look ahead.
    table
        Of the bank: ``"events"``, ``"transactions"``, ``"balances"``, ``"contacts"``.
    times, within
        Only from the so-many-th row within this long: ``times=3, within="7d"``.
    quiet
        Only after so long without it: the *first* page view, salary *begins*. What happens earlier than this after the
        records begin does not count, as nobody knows what was before.

    Examples
    --------
    >>> from ibis import _
    >>> Trigger("three_fund_pages", _.page == "fund", times=3, within="7d").table
    'events'
    """

    name: str
    when: Condition
    table: str = "events"
    times: int = 1
    within: str | None = None
    quiet: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.times, bool) or not isinstance(self.times, int) or self.times < 1:
            raise ParameterError(f"times of {self.name}", self.times, "an integer from 1")
        if (self.times > 1) != (self.within is not None):
            raise ParameterError(f"within of {self.name}", self.within, "a length of time with times from 2, else None")
        for what, value in (("within", self.within), ("quiet", self.quiet)):
            if value is not None and parse_within(value)[1] is not None:
                raise ParameterError(f"{what} of {self.name}", value, "a length of time such as '7d'")

    @property
    def looks_back(self) -> int:
        """Return the days before it that must be known: those without it, or those in which the others happened."""
        return sum(-(-(parse_within(value)[0] or 0) // DAY) for value in (self.quiet, self.within))


def default_triggers() -> list[Trigger]:
    """Return the events of a customer's life and journey that are tried where nothing else is asked for.

    Examples
    --------
    >>> [trigger.name for trigger in default_triggers()][:4]
    ['salary_begins', 'large_transfer_in', 'deposit_paid_out', 'loan_paid_out']
    """
    from ibis import _

    pages = ("deposit", "fund", "wealth", "life", "loan")
    return [
        Trigger("salary_begins", _.kind == "salary", "transactions", quiet="90d"),
        Trigger("large_transfer_in", (_.kind == "transfer_in") & (_.amount >= 20_000), "transactions"),
        Trigger("deposit_paid_out", (_.kind == "redemption") & (_["product"] == "time_deposit"), "transactions"),
        Trigger("loan_paid_out", (_.kind == "loan_drawdown") & (_["product"] == "loan"), "transactions"),
        Trigger("balance_jump", _jump, "balances"),
        Trigger("app_sign_up", "sign_up"),
        Trigger("campaign_seen", "campaign_view"),
        Trigger("campaign_clicked", "campaign_click"),
        *(Trigger(f"first_{page}_page", (_.event == "page_view") & (_.page == page), quiet="90d") for page in pages),
        *(
            Trigger(f"three_{page}_pages", (_.event == "page_view") & (_.page == page), times=3, within="7d")
            for page in pages
        ),
    ]


def _jump(balances: Any) -> Any:
    """Say where demand deposits grew by half and by 10,000 or more from one month end to the next."""
    import ibis

    before = balances.demand.lag().over(ibis.window(group_by="customer_id", order_by="month"))
    return (balances.demand >= 1.5 * before) & (balances.demand - before >= 10_000)


def days_of(trigger: Trigger, rows: Any, by: str, time: str, event: str, start: int) -> Any:
    """Return the units and the days (since 1970) on which a trigger is met: an Arrow table of unit and day.

    Parameters
    ----------
    trigger
        What to look for.
    rows
        Ibis table with nothing later than the last day that may be known.
    by, time, event
        Its columns.
    start
        The first day of the records.
    """
    import ibis

    rows = rows.filter(rows[by].notnull(), rows[time].notnull())
    hits = rows.mutate(_hit=Step(trigger.name, trigger.when).fits(rows, event)).filter(lambda t: t["_hit"])
    hits = hits.select(unit=hits[by], ts=hits[time].cast("timestamp(6)"))
    order = ibis.window(group_by="unit", order_by="ts")
    for lag, limit, near in ((trigger.times - 1, trigger.within, True), (1, trigger.quiet, False)):
        if limit is None:
            continue
        hits = hits.mutate(before=hits.ts.lag(lag).over(order))
        gap = hits.ts.delta(hits.before, unit="microsecond")
        length = parse_within(limit)[0]
        hits = hits.filter((gap <= length).fill_null(False) if near else (gap.isnull() | (gap > length)))
    day = hits.ts.truncate("D").delta(ibis.literal(dt.datetime(1970, 1, 1)), unit="day").cast("int64")
    days = hits.select("unit", day=day).distinct()
    return fetch(days.filter(days.day >= start + trigger.looks_back) if trigger.quiet else days)


def usable(triggers: Sequence[Trigger], has: Callable[[str], bool]) -> tuple[list[Trigger], list[str]]:
    """Return the triggers whose table is there, and the names of the others.

    Raises
    ------
    SchemaError
        If a table is none of the contract, or none that tells when.
    ParameterError
        If two have a name, or there is none.
    """
    names = [trigger.name for trigger in triggers]
    if not names or len(set(names)) < len(names):
        raise ParameterError("candidates", names, "one or more triggers, each with a name of its own")
    for trigger in triggers:
        if trigger.table not in TABLES or TABLES[trigger.table].time is None:
            raise SchemaError(f"table of {trigger.name}", trigger.table, "a table of the bank that tells when")
    return [t for t in triggers if has(t.table)], [t.name for t in triggers if not has(t.table)]
