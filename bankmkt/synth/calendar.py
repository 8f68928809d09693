"""When things happen: months, seasons, and the hours of the week."""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from bankmkt.errors import ParameterError

EPOCH = dt.date(1970, 1, 1)
DAY = 86_400

# Chinese New Year's Day: the Spring Festival holiday runs seven days from its eve.
_NEW_YEAR = {
    2015: (2, 19), 2016: (2, 8), 2017: (1, 28), 2018: (2, 16), 2019: (2, 5), 2020: (1, 25), 2021: (2, 12),
    2022: (2, 1), 2023: (1, 22), 2024: (2, 10), 2025: (1, 29), 2026: (2, 17), 2027: (2, 6), 2028: (1, 26),
    2029: (2, 13), 2030: (2, 3), 2031: (1, 23), 2032: (2, 11), 2033: (1, 31), 2034: (2, 19), 2035: (2, 8),
}  # fmt: skip

_HOURS = {
    "digital": [2, 1, 1, 1, 1, 2, 5, 9, 11, 12, 11, 11, 13, 11, 9, 9, 9, 10, 11, 13, 15, 14, 9, 5],
    "shop": [1, 0, 0, 0, 0, 0, 2, 5, 6, 7, 9, 14, 13, 8, 7, 7, 8, 12, 15, 14, 11, 7, 3, 2],
    "branch": [0, 0, 0, 0, 0, 0, 0, 0, 4, 14, 15, 10, 5, 7, 12, 12, 8, 2, 0, 0, 0, 0, 0, 0],
}
_WEEKDAYS = {
    "digital": [1.05, 1.03, 1.02, 1.02, 1.04, 0.93, 0.91],
    "shop": [0.92, 0.92, 0.94, 0.96, 1.08, 1.12, 1.06],
    "branch": [1.25, 1.15, 1.10, 1.10, 1.15, 0.75, 0.50],
}


@dataclass(frozen=True)
class Month:
    """One calendar month of the simulation.

    Parameters
    ----------
    index
        Months since the bank's first month; negative in the burn-in.
    first, last
        First and last day.
    """

    index: int
    first: dt.date
    last: dt.date

    @property
    def start(self) -> int:
        """Seconds since 1970 at the start of the month."""
        return (self.first - EPOCH).days * DAY

    @property
    def day0(self) -> int:
        """Days since 1970 at the first day."""
        return (self.first - EPOCH).days

    @property
    def days(self) -> int:
        """Length in days."""
        return (self.last - self.first).days + 1

    @property
    def festival(self) -> tuple[int, int] | None:
        """First and last day of the Spring Festival in this month, counted from 0; None without."""
        if self.first.year not in _NEW_YEAR:
            return None
        eve = (dt.date(self.first.year, *_NEW_YEAR[self.first.year]) - self.first).days - 1
        lo, hi = max(eve, 0), min(eve + 7, self.days - 1)
        return (lo, hi) if lo <= hi else None

    @property
    def spending(self) -> float:
        """Factor on spending: the Spring Festival and 11 November."""
        factor = 1.22 if self.first.month == 11 else 1.08 if self.first.month in (6, 12) else 1.0
        return factor * (1 + 0.04 * (self.festival[1] - self.festival[0] + 1) if self.festival else 1.0)

    @property
    def saving(self) -> float:
        """Season of wanted wealth (log): bonuses fill accounts by midsummer, the year's end empties them."""
        return 0.0145 * float(np.sin(2 * np.pi * (self.first.month - 3) / 12))

    @property
    def selling(self) -> float:
        """Factor on taking up products: banks push hardest in the first quarter ("opening red")."""
        return (1.65, 1.55, 1.5, 1.15, 1.05, 1.0, 0.75, 0.7, 0.7, 0.7, 0.75, 0.7)[self.first.month - 1]

    def slots(self, pattern: str, size: int = 1 << 16) -> np.ndarray:
        """Hour of the month for each of ``size`` equally likely draws, by a pattern of hours and days."""
        day = np.array(_WEEKDAYS[pattern])[(np.arange(self.days) + self.first.weekday()) % 7]
        if self.festival:
            lo, hi = self.festival
            day[lo : hi + 1] *= {"digital": 1.15, "shop": 1.3, "branch": 0.15}[pattern]
        if self.first.month == 11 and pattern != "branch":
            day[10] *= 2.6
        hour = np.array(_HOURS[pattern], dtype=float)
        weight = (day[:, None] * hour).ravel()
        edges = np.rint(np.cumsum(weight) / weight.sum() * size).astype(np.int64)
        return np.repeat(np.arange(weight.size, dtype=np.int64), np.diff(edges, prepend=0))


def month_at(start: str, index: int) -> Month:
    """Return the month ``index`` months after ``start`` ("YYYY-MM").

    Examples
    --------
    >>> month_at("2024-07", 7).last
    datetime.date(2025, 2, 28)
    """
    year, month = parse_month(start)
    number = year * 12 + month - 1 + index
    first = dt.date(number // 12, number % 12 + 1, 1)
    following = dt.date((number + 1) // 12, (number + 1) % 12 + 1, 1)
    return Month(index, first, following - dt.timedelta(days=1))


def parse_month(text: str) -> tuple[int, int]:
    """Read "YYYY-MM" into year and month.

    Raises
    ------
    ParameterError
        If ``text`` is not such a month.
    """
    try:
        day = dt.datetime.strptime(text, "%Y-%m").date()
    except (TypeError, ValueError):
        raise ParameterError("start", text, 'a month as "YYYY-MM"', 'pass for example start="2024-07"') from None
    if not 2000 <= day.year <= 2100:
        raise ParameterError("start", text, "a year from 2000 to 2100", 'pass for example start="2024-07"')
    return day.year, day.month
