"""Features and tags computed: one scan a table, one wide table with a row per customer."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bankmkt.bank import Bank, check_bank
from bankmkt.lookback import parse_date
from bankmkt.months import month_end, month_number
from bankmkt.schema import TABLES
from bankmkt.tags.declare import Feature, Tag, by_name
from bankmkt.tags.families import choose, house
from bankmkt.tags.lineage import needed, resolved, ruled, types, unbound


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
        ``as_of`` and a column per feature, null where the bank lacks the feature's table.
    """
    import ibis

    day = parse_date("as_of", as_of)
    known = check_bank(bank).as_of(day)
    wide = _people(known).mutate(as_of=ibis.literal(day))
    chosen = by_name(wanted)
    for table in dict.fromkeys(feature.table for feature in chosen.values()):
        group = [feature for feature in chosen.values() if feature.table == table]
        if known.has(table):
            found = _scan(known.table(table), table, group, day)
            wide = wide.left_join(found, "customer_id").drop("customer_id_right")
            filled = {f.name: wide[f.name].fill_null(f.empty) for f in group if f.empty is not None}
            wide = wide.mutate(**filled) if filled else wide
        else:
            absent = {f.name: ibis.null(resolved(f, unbound(table)).type()) for f in group}
            wide = wide.mutate(**absent)
    return wide


def _people(known: Bank) -> Any:
    """Return the customers of the day with what their unit adds."""
    people = known.customers.filter(known.customers.closed_on.isnull())
    units = known.organisations.select(unit="org_id", unit_city="city")
    return people.left_join(units, people.org_id == units.unit).drop("unit")


def _scan(t: Any, table: str, group: Sequence[Feature], day: datetime.date) -> Any:
    """Aggregate a table once for all of its features, reading no further back than the longest window."""
    starts = [None if f.months is None else months_before(day, f.before + f.months) for f in group]
    if None not in starts:
        t = t.filter(_after(t, table, min(start for start in starts if start is not None)))
    return t.group_by("customer_id").aggregate(
        **{f.name: narrowed(resolved(f, t), _inside(t, table, f, day)) for f in group}
    )


def narrowed(expr: Any, inside: Any) -> Any:
    """Return an aggregate with every reduction in it over the rows for which ``inside`` is true; None for all.

    Reductions that skip nulls read ``CASE WHEN condition THEN value END`` instead of having a filter: of many filtered
    aggregates, DuckDB cuts all columns anew for each, which takes three times as long.
    """
    import ibis
    import ibis.expr.operations as ops

    skip_nulls = (ops.Count, ops.Sum, ops.Mean, ops.Min, ops.Max)

    def narrow(node: Any, changed: Mapping[str, Any] | None) -> Any:
        if not isinstance(node, ops.Reduction):
            return node.__recreate__(changed) if changed else node
        known = dict(changed or zip(node.argnames, node.args, strict=True))
        conditions = [c for c in (None if inside is None else inside.op(), known.get("where")) if c is not None]
        if not conditions:
            return node.__recreate__(known)
        where = ops.And(*conditions) if len(conditions) == 2 else conditions[0]
        if isinstance(node, ops.CountStar):
            return ops.Count(where.to_expr().ifelse(1, ibis.null("int8")).op())
        if isinstance(node, skip_nulls):
            kept = where.to_expr().ifelse(known["arg"].to_expr(), ibis.null(known["arg"].dtype))
            return node.__recreate__(known | {"arg": kept.op(), "where": None})
        return node.__recreate__(known | {"where": where})

    return expr.op().replace(narrow, filter=ops.Value).to_expr()


def _inside(t: Any, table: str, feature: Feature, day: datetime.date) -> Any:
    """Return whether a row lies in a feature's window, None if all do."""
    if feature.months is None:
        return None
    inside = _after(t, table, months_before(day, feature.before + feature.months))
    if feature.before:
        inside = inside & ~_after(t, table, months_before(day, feature.before))
    return inside


def _after(t: Any, table: str, day: datetime.date) -> Any:
    """Return whether a row became known after a day."""
    import ibis

    time = t[TABLES[table].time]
    if time.type().is_date():
        return time > ibis.literal(day)
    midnight = datetime.datetime.combine(day + datetime.timedelta(days=1), datetime.time())
    return time >= ibis.literal(midnight)


def months_before(day: datetime.date, months: int) -> datetime.date:
    """Return the day so many months earlier; month ends go to month ends.

    Examples
    --------
    >>> months_before(datetime.date(2026, 6, 30), 4), months_before(datetime.date(2026, 3, 29), 1)
    (datetime.date(2026, 2, 28), datetime.date(2026, 2, 28))
    """
    last = month_end(month_number(day) - months)
    return last if day == month_end(month_number(day)) else last.replace(day=min(day.day, last.day))


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
        tag cannot be judged: an attribute is missing, or the bank lacks a table.

    Raises
    ------
    ParameterError
        If a code is unknown, a definition uses something that is no feature and no attribute, or two share a name.

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
    chosen = choose(tags)
    known, kinds = house()
    wanted: dict[str, Feature] = {}
    for tag in chosen:
        own = by_name(tag.features)
        names = needed(tag, kinds | types(own.values()))
        wanted |= by_name([*wanted.values(), *(own.get(name) or known[name] for name in names)])
    wide = features(bank, as_of, wanted.values())
    return wide.select("customer_id", **{tag.code: ruled(tag, wide) for tag in chosen})
