"""Shorthands for rules of tags: ratios, bands, the largest of several, days and years since; all deferred."""

from collections.abc import Mapping, Sequence
from typing import Any

from ibis import _, cases, greatest, interval


def ratio(part: Any, whole: Any) -> Any:
    """Return part / whole; null where the whole is 0.

    Examples
    --------
    >>> import ibis
    >>> t = ibis.memtable({"fund": [50.0, 0.0], "aum": [200.0, 0.0]})
    >>> t.select(share=ratio(_.fund, _.aum)).execute()["share"].tolist()
    [0.25, nan]
    """
    return part / whole.nullif(0)


def bands(value: Any, limits: Sequence[tuple[float, Any]], last: Any) -> Any:
    """Return the name of the first band whose limit lies above a value, else the last; null where it is unknown.

    Examples
    --------
    >>> import ibis
    >>> t = ibis.memtable({"aum": [49_999.99, 50_000.0, None]})
    >>> t.select(tier=bands(_.aum, [(50_000, "long tail")], "core")).to_pyarrow()["tier"].to_pylist()
    ['long tail', 'core', None]
    """
    return cases(*((value < limit, name) for limit, name in limits), (value.notnull(), last), else_=None)


def largest(values: Mapping[str, Any], least: float = 0) -> Any:
    """Return the name of the largest value; of equal ones the first, and null unless it is above ``least``.

    Examples
    --------
    >>> import ibis
    >>> t = ibis.memtable({"app": [3, 1, 2], "atm": [1, 4, 2]})
    >>> t.select(most=largest({"app": _.app, "atm": _.atm})).execute()["most"].tolist()
    ['app', 'atm', 'app']
    """
    top = greatest(*values.values())
    return cases(*((((value == top) & (value > least)), name) for name, value in values.items()), else_=None)


def count_true(*conditions: Any) -> Any:
    """Return how many of the conditions hold; null where one is unknown.

    Examples
    --------
    >>> import ibis
    >>> t = ibis.memtable({"fund": [5.0], "loan": [0.0]})
    >>> t.select(held=count_true(_.fund > 0, _.loan > 0)).execute()["held"].tolist()
    [1]
    """
    first, *rest = (condition.cast("int64") for condition in conditions)
    return sum(rest, first)


def days_since(day: Any) -> Any:
    """Return days from a date to the as-of day.

    Examples
    --------
    >>> import datetime, ibis
    >>> t = ibis.memtable({"as_of": [datetime.date(2026, 6, 30)], "opened_on": [datetime.date(2026, 6, 1)]})
    >>> t.select(days=days_since(_.opened_on)).execute()["days"].tolist()
    [29]
    """
    return _.as_of.delta(day, unit="day")


def years_since(day: Any) -> Any:
    """Return completed years from a date to the as-of day.

    Examples
    --------
    >>> import datetime, ibis
    >>> t = ibis.memtable({"as_of": [datetime.date(2026, 6, 30)], "birth_date": [datetime.date(2000, 7, 1)]})
    >>> t.select(age=years_since(_.birth_date)).execute()["age"].tolist()
    [25]
    """
    month, of_birth = _.as_of.month(), day.month()
    before = (month < of_birth) | ((month == of_birth) & (_.as_of.day() < day.day()))
    return (_.as_of.year() - day.year() - before.cast("int64")).cast("int64")


def next_month(day: Any) -> Any:
    """Return whether a date's yearly return falls into the calendar month after the as-of day's.

    Examples
    --------
    >>> import datetime, ibis
    >>> t = ibis.memtable({"as_of": [datetime.date(2026, 12, 31)], "birth_date": [datetime.date(2000, 1, 7)]})
    >>> t.select(soon=next_month(_.birth_date)).execute()["soon"].tolist()
    [True]
    """
    return day.month() == (_.as_of + interval(months=1)).month()
