"""Features and tags computed: one scan a table, one wide table with a row per customer."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bankmkt.bank import Bank, check_bank
from bankmkt.errors import DataError
from bankmkt.lookback import parse_date
from bankmkt.months import last_month_end, month_end, month_number
from bankmkt.tags.declare import ATTRIBUTES, Feature, Tag, by_name, listed
from bankmkt.tags.families import choose, house
from bankmkt.tags.lineage import columns, is_latest, judged, needed, resolved, types, unbound
from bankmkt.tags.windows import after, beginnings, inside, narrowed, reaches_before, window_of


def features(bank: Bank, as_of: datetime.date | str, wanted: Iterable[Feature]) -> Any:
    """Compute features of every customer on a day.

    All features of a table come from one scan of it, whatever their windows.

    Parameters
    ----------
    bank
        Of :func:`bankmkt.open_bank`.
    as_of
        The day; nothing later is seen.
    wanted
        Declarations.

    Returns
    -------
    ibis table
        A row per customer of that day (closed accounts are left out): ``customer_id``, the attributes of ``customers``,
        ``as_of`` and a column per feature. It is null where nobody can know it: the bank lacks the table or a column,
        or the window begins before the records do and so did the customer (but a latest date that is known is told).

    Raises
    ------
    ParameterError
        If two different features share a name, or one cannot be computed from its table.
    DataError
        If the bank knows nothing of the day: it was opened as of an earlier one, its balances end before the last
        month end, or no transaction and no event is of the day's month or later, so that a window up to the day would
        count days that are not recorded.

    Notes
    -----
    Windows over balances end with the last month end, others with the day. Balances, transactions and events are taken
    to be kept from the month of their first row on, other tables from the bank's first month on.

    Examples
    --------
    >>> import bankmkt as bm
    >>> from ibis import _
    >>> pay = bm.tags.Feature("pay", "transactions", _.amount.sum(where=_.kind == "salary"), 3, "salary received")
    >>> wide = bm.tags.features(bm.demo_bank(), "2026-06-30", [pay])
    >>> "pay" in wide.columns, "opened_on" in wide.columns
    (True, True)
    """
    check_bank(bank)
    chosen = listed("wanted", wanted, Feature, "features", "bm.tags.Feature(…)")
    return _wide(bank, as_of, by_name(chosen))[0]


def _wide(bank: Bank, as_of: datetime.date | str, chosen: Mapping[str, Feature]) -> tuple[Any, set[str]]:
    """Return the table of features, and the names of those, and of attributes, that may be null for want of records."""
    import ibis

    day = parse_date("as_of", as_of)
    known = check_bank(bank).as_of(day)
    _check_day(known, day)
    wide = _people(known).mutate(as_of=ibis.literal(day))
    unsure = {name for name in ATTRIBUTES if name not in known.raw["customers"].expr.columns}
    begun = beginnings(known, day, {feature.table for feature in chosen.values()})
    for table in dict.fromkeys(feature.table for feature in chosen.values()):
        group = [feature for feature in chosen.values() if feature.table == table]
        present = [f for f in group if _readable(known, f)]
        absent = [f for f in group if f not in present]
        unsure |= {f.name for f in absent}
        if present:
            found = _scan(known.table(table), present, day)
            wide = wide.left_join(found, "customer_id").drop("customer_id_right")
            values = {f.name: wide[f.name] if f.empty is None else wide[f.name].fill_null(f.empty) for f in present}
            early = [f.name for f in present if reaches_before(f, day, begun[table]) and not is_latest(f)]
            unsure |= set(early)
            since = wide.opened_on > begun[table]
            wide = wide.mutate(**values | {name: since.ifelse(values[name], ibis.null()) for name in early})
        if absent:
            wide = wide.mutate(**{f.name: ibis.null(resolved(f, unbound(table)).type()) for f in absent})
    return wide, unsure


def _check_day(known: Bank, day: datetime.date) -> None:
    """Raise DataError if a bank cannot tell what was so on a day."""
    if known.date is not None and known.date < day:
        raise DataError("as_of", str(day), f"a day up to {known.date}", "the bank was opened as of that day")
    end = last_month_end(day)
    if not known.months or known.months[-1] < end:
        last = f"the last they hold is {known.months[-1]}" if known.months else "they hold none"
        raise DataError("as_of", str(day), f"a day whose last month end, {end}, is in balances; {last}")
    if end < day and (reached := _last_day(known)) < day:
        expected = f"a day up to {reached}: no transaction and no event is later"
        raise DataError("as_of", str(day), expected, f'pass as_of="{reached}", or add the later records')


def _last_day(known: Bank) -> datetime.date:
    """Return the end of the last month of which a bank keeps balances, transactions or events, seen by the day or not.

    Whether records are kept tells nothing of what they hold; and on the first days of a month there may be none yet.
    """
    kept = Bank(known.con, known.raw, engine=known.engine, path=known.path)
    tables = {"balances": "month", "transactions": "ts", "events": "ts"}
    lasts = [kept.fetch(kept.table(name)[time].max()).as_py() for name, time in tables.items() if kept.has(name)]
    return max(month_end(month_number(last)) for last in lasts if last is not None)


def _readable(known: Bank, feature: Feature) -> bool:
    """Return whether a bank has the table and all columns that a feature reads."""
    if not known.has(feature.table):
        return False
    there = known.raw[feature.table].expr.columns
    return all(column.split(".")[1] in there for column in columns(feature))


def _people(known: Bank) -> Any:
    """Return the customers of the day with what their unit adds."""
    people = known.customers.filter(known.customers.closed_on.isnull())
    units = known.organisations.select(unit="org_id", unit_city="city")
    return people.left_join(units, people.org_id == units.unit).drop("unit")


def _scan(t: Any, group: Sequence[Feature], day: datetime.date) -> Any:
    """Aggregate a table once for all of its features, reading no further back than the longest window."""
    if all(f.months is not None for f in group):
        t = t.filter(after(t, group[0].table, min(window_of(f, day)[0] for f in group)))
    return t.group_by("customer_id").aggregate(**{f.name: narrowed(resolved(f, t), inside(t, f, day)) for f in group})


def compute(bank: Bank, as_of: datetime.date | str, tags: Iterable[Tag | str] | None = None) -> Any:
    """Compute tags of every customer on a day.

    Parameters
    ----------
    bank
        Of :func:`bankmkt.open_bank`.
    as_of
        The day; nothing later is seen.
    tags
        Declarations, or codes of the catalogue; the whole catalogue by default.

    Returns
    -------
    ibis table
        A row per customer of that day: ``customer_id`` and a column per tag, named by its code. Null means that the
        tag cannot be judged, as the bank lacks a table or a column or its records do not reach back far enough, or
        what the tag's definition says.

    Raises
    ------
    ParameterError
        If a code is unknown, a definition uses something that is no feature and no attribute, or two share a name.
    DataError
        If the bank knows nothing of the day; see :func:`features`.

    Examples
    --------
    A definition of one's own in three lines:

    >>> import bankmkt as bm
    >>> from ibis import _
    >>> nights = bm.tags.Feature(
    ...     "night_logins", "events", _.count(where=(_.event == "login") & (_.ts.hour() < 6)), 3, "logins before 6")
    >>> owl = bm.tags.Tag("night_owl", "Night owl", "夜猫子", "channels", _.night_logins >= 3,
    ...     "three logins or more before 6 in the morning within three months", [nights])
    >>> bank = bm.demo_bank()
    >>> bm.tags.compute(bank, "2026-06-30", [owl, "payroll"]).columns
    ('customer_id', 'night_owl', 'payroll')
    """
    check_bank(bank)
    chosen = choose(tags)
    wide, unsure = _wide(bank, as_of, by_name(features_of(chosen)))
    return wide.select("customer_id", **{tag.code: judged(tag, wide, unsure) for tag in chosen})


def features_of(tags: Iterable[Tag]) -> list[Feature]:
    """Return the features that tags use, their own and the catalogue's, each once.

    Raises
    ------
    ParameterError
        If a rule uses something that is no feature and no attribute, or two features share a name.
    """
    known, kinds = house()
    wanted: dict[str, Feature] = {}
    for tag in tags:
        own = by_name(tag.features)
        names = needed(tag, kinds | types(own.values()))
        wanted |= by_name([*wanted.values(), *(own.get(name) or known[name] for name in names)])
    return list(wanted.values())
