"""Can a tag be trusted: how many customers it covers, what it says of them, and whether that has drifted."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bankmkt.bank import Bank, check_bank
from bankmkt.damage import reading
from bankmkt.errors import ParameterError
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, check_k, discloses
from bankmkt.tags.catalogue import KINDS
from bankmkt.tags.compute import compute
from bankmkt.tags.declare import Tag, by_name
from bankmkt.tags.families import choose, house
from bankmkt.tags.lineage import needed, types
from bankmkt.tags.windows import beginnings, reaches_before, window_of

if TYPE_CHECKING:
    import pandas as pd

MOVING, SHIFTED = 0.10, 0.25
"""Limits of the population stability index: below the first nothing has changed, from the second on a lot has."""

BINS = 10
"""Groups of equal size, on the earlier day, into which numbers are put to compare two days."""


def quality(
    bank: Bank,
    as_of: datetime.date | str,
    before: datetime.date | str | None = None,
    tags: Iterable[Tag | str] | None = None,
    *,
    k: int = K,
) -> "pd.DataFrame":
    """Say how many customers each tag covers, what it says of them, and whether it has drifted since an earlier day.

    Drift is measured by the population stability index, the sum of (p − q) ln(p / q) over the shares of customers in
    each bin on both days: yes, no and unknown; each text; tenths of the earlier day for numbers. Half a customer is
    added to each bin. Below 0.1 a tag is *stable*, below 0.25 *moving*, from there on *shifted*; never more than
    stable where chance alone could do as much, with customers drawn anew on both days. That is an upper bound: mostly
    the same customers are compared, of whom chance changes less. A tag whose window reaches back
    before the records on the earlier day is not compared: the records would have drifted, not the customers.

    Parameters
    ----------
    bank
        Of :func:`bankmkt.open_bank`.
    as_of
        The day.
    before
        An earlier day; None to leave drift out.
    tags
        Declarations, or codes; the whole catalogue by default.
    k
        The fewest customers that a figure, or what it leaves of a total, may be about.

    Returns
    -------
    pandas.DataFrame
        A row per tag: ``code``, ``name``, ``family``, ``type``, ``customers`` (of the day), ``coverage`` (share whose
        value is known), ``mean`` (of yes/no the share of yes among the known, of numbers the mean, of texts the share
        of the most frequent), ``top`` (that text), ``coverage_before``, ``mean_before``, ``psi``, ``psi_by_chance``
        (what chance exceeds at most one time in twenty), ``drift`` (empty if it is not told, and then why in
        ``not_told``); ``suppressed`` where a figure is hidden. ``as_of``, ``before`` and ``k`` are in ``.attrs``.

    Raises
    ------
    ParameterError
        If a day is none, ``before`` is not before, or a code is unknown.

    References
    ----------
    Siddiqi (2006), *Credit Risk Scorecards* (index and limits). Yurdakul and Naranjo (2020), "Statistical properties of
    the population stability index", *Journal of Risk Model Validation* 14(4) (its distribution under no change).

    Examples
    --------
    >>> import bankmkt as bm
    >>> found = bm.tags.quality(bm.demo_bank(), "2026-06-30", "2026-03-31", ["payroll", "age"])
    >>> found[["code", "type", "coverage", "drift"]].values.tolist()
    [['payroll', 'yes/no', 1.0, 'stable'], ['age', 'number', 1.0, 'stable']]
    """
    import pandas as pd

    check_k(k)
    day = parse_date("as_of", as_of)
    then = None if before is None else parse_date("before", before)
    if then is not None and then >= day:
        raise ParameterError("before", str(then), f"a day before {day}", "pass an earlier one, or None")
    chosen = choose(tags)
    days = [day] if then is None else [then, day]
    counts = _counted(check_bank(bank), days, chosen)
    short = {} if then is None else _short_records(bank, then, chosen)
    rows = [_judged(tag, [found[tag.code] for found in counts], k, short.get(tag.code, "")) for tag in chosen]
    frame = pd.DataFrame(rows)
    frame.attrs.update(as_of=str(day), before=None if then is None else str(then), k=k)
    return frame


def _short_records(bank: Bank, day: datetime.date, chosen: Sequence[Tag]) -> dict[str, str]:
    """Return, for tags with a window that begins before the records do, which table's and by how much, by code."""
    known, kinds = house()
    read = {}
    for tag in chosen:
        own = by_name(tag.features)
        read[tag.code] = [own.get(name) or known[name] for name in needed(tag, kinds | types(tag.features))]
    begun = beginnings(bank.as_of(day), day, {feature.table for features in read.values() for feature in features})
    found = {}
    for code, features in read.items():
        early = [f for f in features if f.table in begun and reaches_before(f, day, begun[f.table])]
        if early:
            first = min(early, key=lambda f: window_of(f, day)[0])
            since, start = (d + datetime.timedelta(days=1) for d in (begun[first.table], window_of(first, day)[0]))
            found[code] = f"on {day} it looked back to {start}, and {first.table} begin on {since}"
    return found


def _counted(bank: Bank, days: Sequence[datetime.date], chosen: Sequence[Tag]) -> list[dict[str, dict[str, Any]]]:
    """Compute the tags once a day and return, by day and code, the customers in each bin, and the mean."""
    out: list[dict[str, dict[str, Any]]] = []
    cuts: dict[str, list[float]] | None = None
    for day in days:
        with reading(bank.con, bank.path), compute(bank, day, chosen).cache() as t:
            numbers = [tag.code for tag in chosen if t[tag.code].type().is_numeric()]
            if cuts is None:
                cuts = _cuts(bank, t, numbers)
            out.append(_bins(bank, t, chosen, cuts))
    return out


def _cuts(bank: Bank, t: Any, numbers: Sequence[str]) -> dict[str, list[float]]:
    """Return the values that part each number into tenths; fewer where many customers have the same."""
    if not numbers:
        return {}
    steps = range(1, BINS)
    asked = {f"{code}__{i}": t[code].cast("float64").quantile(i / BINS) for code in numbers for i in steps}
    row = _row(bank, t, asked)
    found = {code: [row[f"{code}__{i}"] for i in steps] for code in numbers}
    return {code: sorted({cut for cut in values if cut is not None}) for code, values in found.items()}


def _bins(bank: Bank, t: Any, chosen: Sequence[Tag], cuts: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Any]]:
    """Return by code the customers in each bin, None for those without a value, and the mean of numbers."""
    kinds = {tag.code: t[tag.code].type() for tag in chosen}
    asked: dict[str, Any] = {"__n": t.count()}
    for code, kind in kinds.items():
        asked[code] = t[code].count()
        if kind.is_boolean():
            asked[f"{code}__yes"] = t[code].ifelse(1, 0).sum()
        elif kind.is_numeric():
            asked[f"{code}__mean"] = t[code].cast("float64").mean()
            asked |= {f"{code}__{i}": (t[code] <= cut).ifelse(1, 0).sum() for i, cut in enumerate(cuts[code])}
    row = _row(bank, t, asked)
    texts = _texts(bank, t, [code for code, kind in kinds.items() if kind.is_string()])
    out = {}
    for code, kind in kinds.items():
        known, mean = row[code], None
        bins: dict[Any, int] = {}
        if kind.is_boolean():
            yes = row[f"{code}__yes"] or 0
            bins = {True: yes, False: known - yes}
        elif kind.is_string():
            bins = texts[code]
        elif kind.is_numeric():
            mean = row[f"{code}__mean"]
            upto = [row[f"{code}__{i}"] or 0 for i in range(len(cuts[code]))] + [known]
            bins = {i: upper - lower for i, (lower, upper) in enumerate(zip([0, *upto], upto, strict=False))}
        out[code] = {
            "type": KINDS.get(str(kind), "number" if kind.is_numeric() else str(kind)),
            "customers": row["__n"],
            "known": known,
            "mean": mean,
            "bins": bins | {None: row["__n"] - known},
        }
    return out


def _texts(bank: Bank, t: Any, codes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return how many customers have each value of each text."""
    import ibis

    out: dict[str, dict[str, int]] = {code: {} for code in codes}
    if codes:
        slim = t.select(*codes)
        parts = [
            slim.group_by(value=slim[code]).aggregate(n=ibis._.count()).mutate(code=ibis.literal(code))
            for code in codes
        ]
        for row in bank.fetch(parts[0] if len(parts) == 1 else ibis.union(*parts)).to_pylist():
            if row["value"] is not None:
                out[row["code"]][row["value"]] = row["n"]
    return out


def _row(bank: Bank, t: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return aggregates over a table by name; columns are numbered meanwhile, as engines forget the case of names."""
    names = {f"c{i}": name for i, name in enumerate(asked)}
    (row,) = bank.fetch(t.aggregate(**{short: asked[name] for short, name in names.items()})).to_pylist()
    return {name: row[short] for short, name in names.items()}


def _judged(tag: Tag, counts: Sequence[Mapping[str, Any]], k: int, short: str) -> dict[str, Any]:
    """Return a tag's row from its counts on one day, or on two, the later last; ``short`` says why not to compare."""
    now = counts[-1]
    shown = [_shown(day, k) for day in counts]
    coverage, mean, top, hidden = shown[-1]
    row: dict[str, Any] = {"code": tag.code, "name": tag.name, "family": tag.family, "type": now["type"]}
    row |= {
        "customers": now["customers"] if now["customers"] >= k else None,
        "coverage": coverage,
        "mean": mean,
        "top": top,
    }
    if len(counts) == 2:
        coverage_before, mean_before, _top, hidden_before = shown[0]
        hidden = hidden or hidden_before
        psi, chance = stability(counts[0]["bins"], now["bins"])
        no_data = "" if counts[0]["known"] or now["known"] else "no data on either day"
        why = no_data or short or ("hidden: few customers" if hidden else "")
        row |= {"coverage_before": coverage_before, "mean_before": mean_before}
        row |= {"psi": None if why else psi, "psi_by_chance": None if why else chance}
        row |= {"drift": "" if why else _drift(psi, chance), "not_told": why}
    return row | {"suppressed": hidden}


def _shown(day: Mapping[str, Any], k: int) -> tuple[float | None, float | None, str | None, bool]:
    """Return a day's coverage, mean and most frequent text, None if hidden or unknown; and whether any is hidden."""
    customers, known = day["customers"], day["known"]
    if customers < k or discloses(known, customers, k):
        return None, None, None, True
    coverage = known / customers
    if not known:
        return coverage, None, None, False
    if day["mean"] is not None:
        return coverage, day["mean"], None, False
    values = {value: n for value, n in day["bins"].items() if value is not None}
    if day["type"] == "yes/no":
        hidden = discloses(values[True], known, k)
        return coverage, None if hidden else values[True] / known, None, bool(hidden)
    if not values:
        return coverage, None, None, False
    top = max(sorted(values), key=lambda value: values[value])
    if discloses(values[top], known, k):
        return coverage, None, None, True
    return coverage, values[top] / known, top, False


def stability(before: Mapping[Any, int], now: Mapping[Any, int]) -> tuple[float, float]:
    """Return the population stability index of two counts by bin, and what chance exceeds one time in twenty.

    That holds of two independent samples; where the same customers are counted twice, chance exceeds it less often.

    Parameters
    ----------
    before, now
        Customers by bin; a bin that one lacks counts as empty.

    Examples
    --------
    >>> psi, chance = stability({"yes": 1000, "no": 9000}, {"yes": 2000, "no": 8000})
    >>> round(psi, 3), round(chance, 4)
    (0.081, 0.0008)
    """
    from math import log

    from scipy.stats import chi2

    bins = [name for name in dict.fromkeys([*before, *now]) if before.get(name, 0) + now.get(name, 0)]
    n, m = sum(before.values()), sum(now.values())
    if len(bins) < 2 or not n or not m:
        return 0.0, 0.0
    p = [(now.get(name, 0) + 0.5) / (m + 0.5 * len(bins)) for name in bins]
    q = [(before.get(name, 0) + 0.5) / (n + 0.5 * len(bins)) for name in bins]
    psi = sum((a - b) * log(a / b) for a, b in zip(p, q, strict=True))
    return psi, float(chi2.ppf(0.95, len(bins) - 1)) * (1 / n + 1 / m)


def _drift(psi: float, chance: float) -> str:
    if psi < MOVING or psi <= chance:
        return "stable"
    return "moving" if psi < SHIFTED else "shifted"


def by_family(found: "pd.DataFrame") -> "pd.DataFrame":
    """Sum a quality report up by family.

    Parameters
    ----------
    found
        Of :func:`quality`.

    Returns
    -------
    pandas.DataFrame
        A row per family: ``family``, ``tags``, ``without_data`` (no customer has a value), ``coverage`` (mean over the
        others that are shown); with drift also ``stable``, ``moving``, ``shifted``.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("a", "risk", 1.0, "stable"), ("b", "risk", 0.5, "moving"), ("c", "risk", 0.0, "")]
    >>> by_family(pd.DataFrame(rows, columns=["code", "family", "coverage", "drift"]))
      family  tags  without_data  coverage  stable  moving  shifted
    0   risk     3             1      0.75       1       1        0
    """
    import pandas as pd

    parts = {"tags": found.code.notna(), "without_data": found.coverage == 0}
    if "drift" in found:
        parts |= {word: found.drift == word for word in ("stable", "moving", "shifted")}
    out = pd.DataFrame(parts).groupby(found.family, sort=False).sum()
    covered = found.coverage.where(found.coverage > 0).groupby(found.family, sort=False).mean()
    out.insert(2, "coverage", covered)
    return out.reset_index()
