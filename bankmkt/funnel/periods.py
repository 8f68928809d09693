"""Periods to report on, and those they are compared with."""

import datetime as dt
import re
from dataclasses import dataclass

from bankmkt.errors import ParameterError
from bankmkt.lookback import parse_date
from bankmkt.months import month_end, month_number, month_start

Period = str | tuple[dt.date | str, dt.date | str]
"""``"2026"``, ``"2026-Q2"``, ``"2026-06"``, or its first and last day."""

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """Days from ``first`` to ``last``, both inclusive."""

    first: dt.date
    last: dt.date

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.last - self.first).days + 1

    @property
    def months(self) -> list[int]:
        """Numbers of the months that lie in it from their first day to their last."""
        whole = range(month_number(self.first - DAY) + 1, month_number(self.last + DAY))
        return list(whole)

    @property
    def _calendar(self) -> bool:
        return bool(self.months) and (self.first, self.last) == (
            month_start(self.months[0]),
            month_end(self.months[-1]),
        )

    def previous(self) -> "Span":
        """Return the period of the same length just before: as many months, or as many days.

        Examples
        --------
        >>> parse_period("2026-Q2").previous()
        Span(first=datetime.date(2026, 1, 1), last=datetime.date(2026, 3, 31))
        """
        if self._calendar:
            return self._moved(len(self.months))
        length = dt.timedelta(days=self.days)
        return Span(self.first - length, self.last - length)

    def last_year(self) -> "Span":
        """Return the same months of the year before, or as many days from the same date on."""
        if self._calendar:
            return self._moved(12)
        leap = (self.first.month, self.first.day) == (2, 29)
        first = self.first.replace(year=self.first.year - 1, day=28 if leap else self.first.day)
        return Span(first, first + (self.last - self.first))

    def _moved(self, months: int) -> "Span":
        return Span(month_start(self.months[0] - months), month_end(self.months[-1] - months))

    def __str__(self) -> str:
        """Write it as the analyst does."""
        months = self.months
        if not self._calendar or len(months) not in (1, 3, 12) or months[0] % len(months):
            return f"{self.first} to {self.last}"
        year = f"{self.first.year}"
        return {1: f"{year}-{self.first.month:02d}", 3: f"{year}-Q{self.first.month // 3 + 1}", 12: year}[len(months)]


def parse_period(period: Period) -> Span:
    """Return the days of a period.

    Raises
    ------
    ParameterError
        If it is none, or ends before it begins.

    Examples
    --------
    >>> parse_period("2026-06").days, str(parse_period(("2026-04-01", "2026-06-30")))
    (30, '2026-Q2')
    """
    if isinstance(period, str) and (found := re.fullmatch(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?", period)):
        year = parse_date("period", f"{found[1]}-01-01").year
        length = 3 if found[2] else 1 if found[3] else 12
        begin = 3 * int(found[2]) - 2 if found[2] else int(found[3] or 1)
        number = month_number(dt.date(year, begin, 1))
        return Span(month_start(number), month_end(number + length - 1))
    if isinstance(period, tuple | list) and len(period) == 2:
        span = Span(parse_date("period[0]", period[0]), parse_date("period[1]", period[1]))
        if span.first <= span.last:
            return span
    expected = 'a year "2026", a quarter "2026-Q2", a month "2026-06", or a first and a last day'
    raise ParameterError("period", period, expected)
