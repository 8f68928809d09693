"""Calendar months as numbers, so that months can be counted on."""

from datetime import date, timedelta
from typing import Any


def month_number(day: date) -> int:
    """Count months from January of year 0.

    Examples
    --------
    >>> month_number(date(2026, 6, 30)) - month_number(date(2025, 6, 1))
    12
    """
    return day.year * 12 + day.month - 1


def month_of(column: Any) -> Any:
    """Return the number of the month, as :func:`month_number`, of an Ibis column of dates or timestamps."""
    return column.year() * 12 + column.month() - 1


def month_end(number: int) -> date:
    """Return the last day of a month.

    Examples
    --------
    >>> month_end(month_number(date(2024, 2, 1)))
    datetime.date(2024, 2, 29)
    """
    return month_start(number + 1) - timedelta(days=1)


def month_start(number: int) -> date:
    """Return the first day of a month.

    Examples
    --------
    >>> month_start(month_number(date(2024, 2, 29)) + 11)
    datetime.date(2025, 1, 1)
    """
    return date(number // 12, number % 12 + 1, 1)


def last_month_end(day: date) -> date:
    """Return the last month end that is not after a day.

    Examples
    --------
    >>> last_month_end(date(2026, 6, 30)), last_month_end(date(2026, 6, 29))
    (datetime.date(2026, 6, 30), datetime.date(2026, 5, 31))
    """
    return month_end(month_number(day + timedelta(days=1)) - 1)
