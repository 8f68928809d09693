"""Where triggers are looked for: a bank, or a table of events; and which customers are at risk of a purchase, when."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.bank import Bank
from bankmkt.errors import DataError, SchemaError, one_of
from bankmkt.frames import engine_table, fetch
from bankmkt.funnel.matches import check_columns
from bankmkt.funnel.trigger_rates import Moments
from bankmkt.lookback import parse_date
from bankmkt.schema import TABLES

Days = npt.NDArray[np.int64]
_EPOCH = dt.date(1970, 1, 1)


def number(day: dt.date) -> int:
    """Return the days since 1970."""
    return (day - _EPOCH).days


def date_of(day: int) -> dt.date:
    """Return the day of a number."""
    return _EPOCH + dt.timedelta(days=day)


def months(start: int, end: int) -> Days:
    """Return the number of the month of each day, from 0.

    Examples
    --------
    >>> months(number(dt.date(2026, 1, 30)), number(dt.date(2026, 2, 2))).tolist()
    [0, 0, 1, 1]
    """
    found = np.arange(start, end + 1).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return found - found[0]


@dataclass(frozen=True)
class Risk:
    """Customers: ids, the first and the last day at risk (as numbers), and which of them are alike."""

    ids: pd.Index
    first: Days
    last: Days
    stratum: Days

    def since(self, day: int) -> "Risk":
        """Look at nothing before a day."""
        return replace(self, first=np.maximum(self.first, day))

    def until(self, purchases: Moments) -> "Risk":
        """Look at nothing after the first purchase."""
        last = self.last.copy()
        earliest = pd.Series(purchases.day).groupby(purchases.unit).min()
        last[earliest.index.to_numpy()] = earliest.to_numpy()
        return replace(self, last=last)


@dataclass(frozen=True)
class Source:
    """The tables of a bank, or a table of events, as known at the end of a day."""

    bank: Bank | None
    events: Any
    end: dt.date
    by: str
    time: str
    event: str
    con: Any

    @classmethod
    def of(cls, source: Any, as_of: dt.date | str | None, by: str, time: str, event: str) -> "Source":
        """Read what was passed; without ``as_of``, up to the last event (of a bank: transaction)."""
        day = None if as_of is None else parse_date("as_of", as_of)
        if isinstance(source, Bank):
            if day is None:
                day = source.date or _last(source.transactions, "ts")
            return cls(source.as_of(day), None, day, "customer_id", "ts", "event", source.con)
        table, con = engine_table(source, "events")
        check_columns(table, {"unit": by, "ts": time})
        return cls(None, table, day or _last(table, time), by, time, event, con)

    def has(self, name: str) -> bool:
        """Whether there is a table of that name."""
        return self.bank.has(name) if self.bank else name == "events"

    def rows(self, name: str) -> tuple[Any, str]:
        """Return a table with nothing later than the last day, and its column of time."""
        import ibis

        if self.bank:
            return self.bank.table(name), str(TABLES[name].time)
        midnight = dt.datetime.combine(self.end + dt.timedelta(days=1), dt.time())
        return self.events.filter(self.events[self.time].cast("timestamp(6)") < ibis.literal(midnight)), self.time

    def first_day(self, name: str) -> int:
        """Return the first day of a table's records."""
        rows, time = self.rows(name)
        first = fetch(rows.aggregate(ts=rows[time].min().cast("timestamp(6)"))).to_pylist()[0]["ts"]
        return number(self.end if first is None else first.date())

    def at_risk(self, alike: Sequence[str]) -> Risk:
        """Return everybody: from the day after the opening of the account, or after the first event, to the end.

        That first day itself is none of chance: without an opening, or an event, nobody would be there.

        Raises
        ------
        SchemaError
            If a column to be alike in is not there.
        DataError
            If there is nobody.
        """
        rows = self.bank.customers if self.bank else self.rows("events")[0]
        for name in alike:
            if name not in rows.columns:
                raise SchemaError("alike", name, one_of(rows.columns), "name columns of the customers")
        kinds = {name: rows[name].cast("string") for name in alike}
        if self.bank:
            table = rows.select(unit=rows.customer_id, opened=rows.opened_on, closed=rows.closed_on, **kinds)
        else:
            rows = rows.filter(rows[self.by].notnull())
            kinds = {name: rows[name].cast("string").argmin(rows[self.time]) for name in alike}
            table = rows.group_by(unit=rows[self.by]).aggregate(opened=rows[self.time].min().cast("date"), **kinds)
        found = fetch(table).to_pandas().sort_values("unit", ignore_index=True)
        if found.empty:
            raise DataError("customers", 0, "one or more by the last day", "choose a later day")
        first = _numbers(found["opened"]) + 1
        last = np.full(len(found), number(self.end))
        if self.bank:
            closed = _numbers(found["closed"])
            last = np.where(closed >= 0, np.minimum(closed, last), last)
        codes = found.groupby(list(alike), dropna=False).ngroup().to_numpy() if alike else np.zeros(len(found))
        return Risk(pd.Index(found["unit"]), first, last, codes.astype(np.int64))


def _last(rows: Any, time: str) -> dt.date:
    last = fetch(rows.aggregate(ts=rows[time].max().cast("timestamp(6)"))).to_pylist()[0]["ts"]
    if last is None:
        raise DataError("events", 0, "one or more", "pass a table with events")
    day: dt.date = last.date()
    return day


def _numbers(days: pd.Series) -> Days:
    """Return days as numbers, far below 0 where there is none."""
    stamps = pd.to_datetime(days)
    return np.where(stamps.isna(), -(10**9), stamps.to_numpy("datetime64[D]").astype(np.int64))
