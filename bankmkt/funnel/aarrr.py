"""Growth in five stages (AARRR): who came, began, stayed, paid and brought others, against earlier periods."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bankmkt.bank import check_bank
from bankmkt.confidence import holm
from bankmkt.damage import reading
from bankmkt.errors import DataError, ParameterError, one_of
from bankmkt.funnel import changes, growth
from bankmkt.funnel.periods import Period, Span, parse_period
from bankmkt.funnel.rates import reached_in_time, shares
from bankmkt.lookback import parse_date
from bankmkt.margins import check_margins
from bankmkt.months import month_end, month_number
from bankmkt.privacy import K, check_k, discloses, small_cells, small_parts
from bankmkt.units import belonging, units_below

if TYPE_CHECKING:
    from bankmkt.bank import Bank

GROUPS = ("acquired_via", "branch", "cohort")
COMPARED = ("previous", "last_year")
ALL = "all"
UNKNOWN = "unknown"
NOW = "now"


def aarrr(
    bank: "Bank",
    period: Period,
    by: str | None = None,
    compare: Sequence[str] = COMPARED,
    org_id: int | str | None = None,
    as_of: dt.date | str | None = None,
    *,
    activity: str = "any",
    within_days: int = 30,
    margins: Mapping[str, float] | None = None,
    k: int = K,
) -> pd.DataFrame:
    """Measure a period's growth: acquisition, activation, retention, revenue, referral, against earlier periods.

    What each measure is: :data:`bankmkt.funnel.growth.DEFINITIONS`. An act of a customer's own is a login, or a
    transaction they initiated (channel not ``auto``; where it is missing, kind not interest, return or fee). A measure
    that the bank does not record has no row.

    Parameters
    ----------
    bank : Bank
        Tables customers, transactions and balances; events and referrals where it has them.
    period : str or tuple
        ``"2026-Q2"``, ``"2026-06"``, ``"2026"``, or a first and a last day; on record, and over by ``as_of``.
    by : str, optional
        Groups beside the whole: ``"acquired_via"``, ``"branch"`` (the units directly under the one reported on) or
        ``"cohort"`` (year of opening); as customers are on the day.
    compare : sequence of str
        Of ``"previous"`` (as long, just before) and ``"last_year"``.
    org_id : int or str, optional
        Only customers of this unit and those below it.
    as_of : date or str, optional
        The last day seen; by default the bank's own, or the last day on record.
    activity : str
        The acts that count: ``"any"`` of their own, ``"login"``, or ``"transaction"``.
    within_days : int
        Days after opening in which a first act counts as activation.
    margins : mapping of str to float, optional
        Yearly margin by product; by default :data:`bankmkt.margins.MARGINS`, which are assumptions.
    k : int
        The least number of customers a shown figure, or what it leaves of a total, may be about.

    Returns
    -------
    pandas.DataFrame
        A row per measure and group, ``"all"`` first: stage, measure, group, unit, value with ci_lower and ci_upper
        (95%), units (customers it is of); for each comparison (*previous*, *last_year*): the value then, its
        _units, and _change with _lower, _upper, _p_value and _p_adjusted (Holm, over all that is shown beside it);
        change_in (``"points"`` of a share, as a fraction; ``"relative"``, of counts per day); suppressed. Null: not on
        record, hidden, or nobody to measure. Intervals of counts take customers to come one by one; figures over
        customers are clustered by customer, within and across periods. A margin has no interval or test where one
        customer makes up more than :data:`bankmkt.funnel.changes.MOST` of its variance.

    Raises
    ------
    ParameterError
        If an argument is not as above, or the period is not over, or not wholly on record.
    DataError
        If the bank has no transactions.

    References
    ----------
    McClure, D. (2007), *Startup metrics for pirates: AARRR*. Intervals and tests: :mod:`bankmkt.funnel.changes`.

    Examples
    --------
    >>> import bankmkt as bm
    >>> found = bm.funnel.aarrr(bm.demo_bank(), "2026-Q2")
    >>> found[found["measure"] == "opened"][["stage", "group", "value"]].to_dict("records")
    [{'stage': 'acquisition', 'group': 'all', 'value': 402.0}]
    """
    import ibis

    check_bank(bank)
    check_k(k)
    span = parse_period(period)
    if by is not None and by not in GROUPS:
        raise ParameterError("by", by, one_of(GROUPS), "or None for the whole")
    chosen = (compare,) if isinstance(compare, str) else tuple(compare)
    for name in chosen:
        if name not in COMPARED:
            raise ParameterError("compare", name, one_of(COMPARED), f"pass compare={COMPARED}")
    if isinstance(within_days, bool) or not isinstance(within_days, int) or not 1 <= within_days <= 365:
        raise ParameterError("within_days", within_days, "an integer from 1 to 365", "pass within_days=30")
    growth.check_activity(bank, activity)
    rates = check_margins(margins)
    begin, day = records(bank, as_of)
    if not begin <= span.first <= span.last <= day:
        expected = f"a period from {begin} to {day}, which is on record"
        raise ParameterError("period", str(span), expected, "a period not over cannot be judged")
    spans = {NOW: span} | {
        name: earlier for name, earlier in (("previous", span.previous()), ("last_year", span.last_year()))
        if name in chosen
    }  # fmt: skip
    known = bank.as_of(day)
    customers, labels = _customers(known, by, org_id)
    rows = growth.lives(known, customers, spans, day, within_days, rates, activity)
    with reading(known.con, known.path), rows.cache() as lives:
        sums = known.frame(lives.group_by("group").aggregate(**_sums(lives, list(spans))))
        watched = known.frame(ibis.union(*(_waits(lives, name) for name in spans)) if chosen else _waits(lives, NOW))
        keys = sums["group"]
        sums, watched = _labelled(sums, labels), _labelled(watched, labels)
        sums = pd.concat(
            [sums.drop(columns="group").sum(min_count=1).to_frame().T.assign(group=ALL), *([sums] if by else [])]
        )
        sums = sums.groupby("group", sort=False).sum(min_count=1)
        if not sums[f"x_margin_{NOW}"].isna().all():
            sums = sums.join(known.frame(_tops(lives, keys, sums, list(spans), labels)).set_index("label"))
    waits = {name: watched[watched["of"] == name] for name in spans}
    shown = {name: earlier for name, earlier in spans.items() if earlier.first >= begin}
    parts = [_measure(each, sums, waits, spans, shown, begin, k) for each in growth.DEFINITIONS]
    if by == "acquired_via":  # of those who came by referral all did
        parts = [part[(part["group"] == ALL) | (part["measure"] != "came_by_referral")] for part in parts]
    out = pd.concat([part for part in parts if len(part)], ignore_index=True)
    for name in chosen:
        out[f"{name}_p_adjusted"] = holm(out[f"{name}_p_value"])
    return out[_columns(chosen)]


def records(bank: "Bank", as_of: dt.date | str | None = None) -> tuple[dt.date, dt.date]:
    """Return the first and the last day that are seen: on which all of a bank's acts are on record, up to a day.

    The first is that of the month in which balances, transactions and events have all begun. The last is that on which
    the first of transactions and events ends; where its month's balances are there, the month's end.
    """
    day = parse_date("as_of", as_of) if as_of is not None else bank.date or dt.date.max
    begins, ends = [month.replace(day=1) for month in bank.months[:1]], []
    for name in ("transactions", "events"):
        if bank.has(name):
            t = bank.table(name)
            found = bank.fetch(t.aggregate(first=t.ts.min(), last=t.ts.max())).to_pylist()[0]
            if found["first"] is not None:
                begins.append(found["first"].date().replace(day=1))
                end = found["last"].date()
                ends.append(max([end, *(month for month in bank.months if month == month_end(month_number(end)))]))
    if not ends:
        raise DataError("transactions", "no rows", "what customers did", "add the bank's transactions")
    return max(begins), min(day, *ends)


def _columns(compared: Sequence[str]) -> list[str]:
    out = ["stage", "measure", "group", "unit", "value", "ci_lower", "ci_upper", "units"]
    for name in compared:
        parts = ("units", "change", "change_lower", "change_upper", "p_value", "p_adjusted")
        out += [name, *(f"{name}_{part}" for part in parts)]
    return [*out, "change_in", "suppressed"]


def _customers(bank: "Bank", by: str | None, org_id: int | str | None) -> tuple[Any, dict[Any, str] | None]:
    """Return the customers reported on with the group of each, and the groups' names if they are not those."""
    import ibis

    c = bank.customers
    if org_id is not None:
        c = c.filter(c.org_id.isin(units_below(bank, org_id)))
    group, labels = ibis.literal(ALL), None
    if by == "acquired_via":
        group = c.acquired_via.fill_null(UNKNOWN)
    elif by == "cohort":
        group = c.opened_on.year().cast("string")
    elif by == "branch":
        group, labels = c.org_id, _branches(bank, org_id)
    return c.select("customer_id", "opened_on", "app_registered_on", "acquired_via", group=group), labels


def _branches(bank: "Bank", org_id: int | str | None) -> dict[Any, str]:
    """Return for every unit below one (the head office) the name of the unit directly under it that it belongs to."""
    t = bank.organisations
    rows = bank.fetch(t.select("org_id", "parent_id", "name").order_by("org_id")).to_pylist()
    parent = {row["org_id"]: row["parent_id"] for row in rows}
    tops = [org_id] if org_id is not None else [unit for unit, above in parent.items() if above not in parent]
    stops = [*tops, *(unit for unit, above in parent.items() if above in tops)]
    return {unit: name for unit, (_, name) in belonging(rows, stops).items()}


def _labelled(frame: pd.DataFrame, labels: Mapping[Any, str] | None) -> pd.DataFrame:
    if labels is not None:
        frame = frame.assign(group=frame["group"].map(labels).fillna(UNKNOWN))
    keys = [name for name in ("of", "group", "wait", "first") if name in frame]
    return frame.groupby(keys, as_index=False).sum(min_count=1)


def _sums(t: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return what is added up over the customers of a group."""
    out = {f"{what}_{name}": t[f"{what}_{name}"].sum() for what in ("opened", "signed_up") for name in names}
    for measure in growth.SINGLE:
        out |= {f"{v}_{measure}_{n}": t[f"{v}_{measure}_{n}"].sum() for v in "xw" for n in names}
    for measure in growth.OVER:
        for name in names:
            x, w = (t[f"{v}_{measure}_{name}"].cast("float64") for v in "xw")
            x0, w0 = (t[f"{v}_{measure}_{NOW}"].cast("float64") for v in "xw")
            tail = f"{measure}_{name}"
            out |= {f"x_{tail}": x.sum(), f"w_{tail}": w.sum(), f"n_{tail}": (w > 0).cast("int64").sum()}
            out |= {f"xx_{tail}": (x * x).sum(), f"ww_{tail}": (w * w).sum(), f"xw_{tail}": (x * w).sum()}
            if name != NOW:
                out |= {f"cxx_{tail}": (x0 * x).sum(), f"cxw_{tail}": (x0 * w).sum()}
                out |= {f"cwx_{tail}": (w0 * x).sum(), f"cww_{tail}": (w0 * w).sum()}
    return out


def _tops(t: Any, keys: pd.Series, sums: pd.DataFrame, names: Sequence[str], labels: Mapping[Any, str] | None) -> Any:
    """Return by label the largest part of the variance of the mean margin, and of its change, that a customer makes up.

    A customer's part is the square of what they add to the linearised logarithm of the mean.
    """
    import ibis

    called = keys if labels is None else keys.map(labels).fillna(UNKNOWN)
    rows = pd.DataFrame({"key": [*keys, *keys], "label": [*[ALL] * len(keys), *called]}).drop_duplicates()
    totals = [f"{v}_margin_{name}" for name in names for v in "xw"]
    rows = rows.merge(sums[totals].astype(float).add_prefix("all_"), left_on="label", right_index=True)
    t = t.select("group", *totals).inner_join(ibis.memtable(rows), [("group", "key")])
    adds = {name: t[f"x_margin_{name}"] / t[f"all_x_margin_{name}"] - t[f"w_margin_{name}"] / t[f"all_w_margin_{name}"]
            for name in names}  # fmt: skip
    squares = {f"top_margin_{name}": each**2 for name, each in adds.items()}
    squares |= {f"ctop_margin_{name}": (adds[NOW] - each) ** 2 for name, each in adds.items() if name != NOW}
    return t.group_by("label").aggregate(**{name: each.max() / each.sum() for name, each in squares.items()})


def _waits(t: Any, name: str) -> Any:
    """Return how many new customers of a period waited how long, by group."""
    import ibis

    new = t.filter(t[f"wait_{name}"].notnull())
    new = new.select("group", of=ibis.literal(name), wait=new[f"wait_{name}"].cast("int64"), first=new[f"first_{name}"])
    return new.group_by("of", "group", "wait", "first").aggregate(customers=lambda rows: rows.count())


def _measure(
    what: growth.Definition, sums: pd.DataFrame, waits: Mapping[str, pd.DataFrame], spans: Mapping[str, Span],
    shown: Mapping[str, Span], begin: dt.date, k: int,
) -> pd.DataFrame:  # fmt: skip
    """Return a measure's rows, with small groups hidden."""
    out = pd.DataFrame({"stage": what.stage, "measure": what.measure, "unit": what.unit}, index=sums.index)
    out["change_in"] = "points" if what.unit.startswith("share") else "relative"
    suppressed = pd.Series(False, index=sums.index)
    there = pd.Series(sums.index == ALL, index=sums.index)
    counted = f"x_{what.measure}_{NOW}" if what.measure in growth.OVER else f"opened_{NOW}"
    counted = f"signed_up_{NOW}" if what.measure == "signed_up" else counted
    if sums[counted].isna().all():  # the bank lacks the table, or never recorded it
        return out.head(0).reset_index()
    hidden: dict[str, pd.Series] = {}
    for name, span in spans.items():
        value = "value" if name == NOW else name
        units = "units" if name == NOW else f"{name}_units"
        told = _values(what, name, sums, waits[name])
        there |= told["units"] > 0
        hidden[name] = _hidden(told, what, k)
        if name not in shown or not _on_record(what.measure, span, begin) or told["value"].isna().all():
            told[["value", "ci_lower", "ci_upper", "units"]] = np.nan
        suppressed |= hidden[name] & told["value"].notna()
        told.loc[hidden[name], ["value", "ci_lower", "ci_upper", "units"]] = np.nan
        out[value], out[units] = told["value"], told["units"]
        if name == NOW:
            out[["ci_lower", "ci_upper"]] = told[["ci_lower", "ci_upper"]]
            continue
        known = out["value"].notna() & out[name].notna()
        days = (spans[NOW].days, span.days)
        found = [
            _change(what, name, row, days, waits, str(group)) if shown_both else changes.UNKNOWN
            for (group, row), shown_both in zip(sums.iterrows(), known, strict=True)
        ]
        for column, attribute in (("change", "value"), ("change_lower", "lower"), ("change_upper", "upper"),
                                  ("p_value", "p_value")):  # fmt: skip
            out[f"{name}_{column}"] = [getattr(each, attribute) for each in found]
    return out.assign(suppressed=suppressed)[there].reset_index()


def _on_record(measure: str, span: Span, begin: dt.date) -> bool:
    """Say whether the records hold what a measure needs to know of a period."""
    if measure == "kept":
        return span.previous().first >= begin
    months = growth.month_before(span)
    return measure != "kept_monthly" or (bool(months) and months[0].first >= begin)


def _values(what: growth.Definition, name: str, sums: pd.DataFrame, waits: pd.DataFrame) -> pd.DataFrame:
    """Return by group: value, ci_lower, ci_upper, units, and part (of them: what the share counts)."""
    measure, tail = what.measure, f"{what.measure}_{name}"
    out = pd.DataFrame(index=sums.index)
    if measure in ("opened", "signed_up"):
        count = sums[tail].fillna(0).astype(float)
        out["value"], out["units"], out["part"] = count, count, count
        out[["ci_lower", "ci_upper"]] = [changes.count_interval(number) for number in count]
    elif measure == "activated_all":
        found = [reached_in_time(*_watched(waits, str(group))) for group in sums.index]
        out[["value", "ci_lower", "ci_upper"]] = np.array(found, dtype=float).reshape(-1, 3)
        out["units"] = sums[f"opened_{name}"].astype(float)
        out["part"] = [_watched(waits, str(group))[1].sum() for group in sums.index]
    elif measure in growth.SINGLE:
        part, whole = (sums[f"{v}_{tail}"].astype(float) for v in "xw")
        out["value"], out["ci_lower"], out["ci_upper"] = shares(part, whole)
        out["units"], out["part"] = whole, part
        out["of"] = sums[f"opened_{name}"].astype(float)
    else:
        share = what.unit.startswith("share")
        found = [
            changes.ratio_interval(_sums_of(row, tail), int(row[f"n_{tail}"]), share) for _, row in sums.iterrows()
        ]
        out[["value", "ci_lower", "ci_upper"]] = np.array(found, dtype=float).reshape(-1, 3)
        out["units"] = sums[f"n_{tail}"].astype(float)
        out["part"] = sums[f"x_{tail}"].astype(float) if share else out["units"]
        if measure == "kept_monthly":
            out["of"] = sums[f"w_{tail}"].astype(float)
    return out


def _sums_of(row: pd.Series, tail: str) -> changes.Sums:
    sums = changes.Sums(*(float(row[f"{v}_{tail}"]) for v in ("x", "w", "xx", "ww", "xw")))
    return replace(sums, top=float(row.get(f"top_{tail}", 0.0)))


def _watched(waits: pd.DataFrame, group: str) -> tuple[np.ndarray, np.ndarray]:
    """Return for each new customer of a group how long they were watched, and whether they began."""
    rows = waits if group == ALL else waits[waits["group"] == group]
    number = rows["customers"].to_numpy(dtype=int)
    return rows["wait"].to_numpy(dtype=float).repeat(number), rows["first"].to_numpy(dtype=bool).repeat(number)


def _hidden(told: pd.DataFrame, what: growth.Definition, k: int) -> pd.Series:
    """Say which groups' figures would tell of fewer than k customers; the groups add up to the first row."""
    part, units = told["part"].fillna(0).round(), told["units"].fillna(0).round()
    whole = told["of"].fillna(0).round() if what.measure == "kept_monthly" else units
    groups = told.index != ALL
    out = pd.Series(discloses(units, units + k, k) | discloses(part, whole, k), index=told.index)
    if what.measure in growth.SINGLE:
        out |= discloses(units, told["of"].fillna(0), k)
    if groups.any():
        hidden = small_cells(units[groups], k=k, hidden=out[groups])
        if what.unit.startswith("share"):
            hidden = small_parts(part[groups], whole[groups], k=k, hidden=hidden)
        out[groups] = hidden
    return out


def _change(
    what: growth.Definition, name: str, row: pd.Series, days: tuple[int, int], waits: Mapping[str, pd.DataFrame],
    group: str,
) -> changes.Change:  # fmt: skip
    measure, now, then = what.measure, f"{what.measure}_{NOW}", f"{what.measure}_{name}"
    if measure in ("opened", "signed_up"):
        count, before = (int(row[tail]) if row[tail] == row[tail] else 0 for tail in (now, then))
        return changes.count_change(count, before, days)
    if measure in growth.SINGLE:
        pairs = [(int(row[f"x_{tail}"]), int(row[f"w_{tail}"])) for tail in (now, then)]
        return changes.share_change(*pairs)
    if measure == "activated_all":
        return changes.apart(*(reached_in_time(*_watched(waits[period], group)) for period in (NOW, name)))
    cross = changes.Cross(*(float(row[f"c{v}_{then}"]) for v in ("xx", "xw", "wx", "ww")))
    cross = replace(cross, top=float(row.get(f"ctop_{then}", 0.0)))
    customers = (int(row[f"n_{now}"]), int(row[f"n_{then}"]))
    share = what.unit.startswith("share")
    return changes.ratio_change(_sums_of(row, now), _sums_of(row, then), cross, customers, share)
