"""What was known at the end of a day."""

import datetime
from typing import Any

from bankmkt.errors import ParameterError
from bankmkt.months import last_month_end
from bankmkt.schema import Table


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
        When the value is no day.

    Examples
    --------
    >>> parse_date("as_of", "2026-06-30")
    datetime.date(2026, 6, 30)
    >>> parse_date("as_of", "June")
    Traceback (most recent call last):
        ...
    bankmkt.errors.ParameterError: as_of = 'June': expected a date; write it as "2026-06-30"
    """
    if isinstance(date, datetime.datetime):
        if date.time() == datetime.time():
            return date.date()
    elif isinstance(date, datetime.date):
        return date
    elif isinstance(date, str):
        try:
            return datetime.date.fromisoformat(date)
        except ValueError:
            pass
    raise ParameterError(what, date, "a date", 'write it as "2026-06-30"')
