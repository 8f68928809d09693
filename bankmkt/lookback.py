"""What was known at the end of a day."""

import contextlib
import datetime
from typing import Any

from bankmkt.errors import ParameterError
from bankmkt.months import last_month_end
from bankmkt.schema import Table

YEARS = (1900, 2199)
"""The first and the last year of a day to look back from: a century to either side of it still has dates."""


def known(table: Table, rows: Any, date: datetime.date, campaigns: Any = None) -> Any:
    """Return what of a table was known at the end of a day.

    Parameters
    ----------
    table
        The contract.
    rows
        Ibis table that keeps it.
    date
        The day.
    campaigns
        For the table ``truth``: the campaigns known on the day. Their truth shows from the day on which their
        outcomes are measured: the first month end on or after ``starts_on`` + ``outcome_days`` - 1.

    Returns
    -------
    ibis table
        Rows whose time is later are gone; dates that were set later are null. ``participated`` is true only where
        ``participated_on`` is known by the day: without that date nobody can say that it had happened.
    """
    import ibis

    day = ibis.literal(date)
    if table.time:
        time = rows[table.time]
        if table[table.time].type == "timestamp":
            midnight = datetime.datetime.combine(date, datetime.time()) + datetime.timedelta(days=1)
            rows = rows.filter(time < ibis.literal(midnight))
        else:
            rows = rows.filter(time <= day)
    if table.name == "truth":
        # the first month end on or after a day has passed if the day is not after the last month end
        measured = ibis.literal(last_month_end(date))
        over = campaigns.filter(measured.delta(campaigns.starts_on, unit="day") >= campaigns.outcome_days - 1)
        return rows.semi_join(over, "campaign_id")
    later = {
        c.name: (rows[c.name] <= day).ifelse(rows[c.name], ibis.null("date")) for c in table.columns if c.set_later
    }
    if table.name == "assignments":
        later["participated"] = rows.participated & (rows.participated_on <= day).fill_null(False)
    return rows.mutate(**later) if later else rows


def parse_date(what: str, date: datetime.date | str) -> datetime.date:
    """Return a day given as a date, as a time at midnight, or as text such as ``"2026-06-30"``.

    Parameters
    ----------
    what
        Name of the parameter, for the message.
    date
        The value.

    Raises
    ------
    ParameterError
        When the value is no day, or not of the years 1900 to 2199.

    Examples
    --------
    >>> parse_date("as_of", "2026-06-30")
    datetime.date(2026, 6, 30)
    >>> parse_date("as_of", "June")
    Traceback (most recent call last):
        ...
    bankmkt.errors.ParameterError: as_of = 'June': expected a date; write it as "2026-06-30"
    """
    day: datetime.date | None = None
    if isinstance(date, datetime.datetime):
        # NaT of pandas is a datetime without a time, and unequal to itself
        day = date.date() if date == date and date.time() == datetime.time() else None
    elif isinstance(date, datetime.date):
        day = date
    elif isinstance(date, str):
        with contextlib.suppress(ValueError):
            day = datetime.date.fromisoformat(date)
    if day is None:
        raise ParameterError(what, date, "a date", 'write it as "2026-06-30"')
    if not YEARS[0] <= day.year <= YEARS[1]:
        raise ParameterError(what, date, "a date of the years {} to {}".format(*YEARS), 'write it as "2026-06-30"')
    return day
