"""Two groups of units: which steps, or sequences of steps, one takes more often than the other."""

import datetime as dt
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.confidence import holm
from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
from bankmkt.frames import engine_table, fetch
from bankmkt.funnel.definition import Condition, Step, parse_within
from bankmkt.funnel.journeys import Options, checked, journeys
from bankmkt.funnel.matches import check_columns
from bankmkt.funnel.rates import shares
from bankmkt.funnel.sequences import subpaths, told
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, check_k, discloses


def benjamini_hochberg(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Correct p values so that the mean share of false findings is held (Benjamini & Hochberg 1995)."""
    from scipy.stats import false_discovery_control

    return np.asarray(false_discovery_control(p)) if len(p) else p


CORRECTIONS = {"holm": holm, "bh": benjamini_hochberg}


def compare_journeys(
    events: Any,
    groups: Any = None,
    *,
    converted: Condition | None = None,
    observe: str | dt.timedelta = "7d",
    horizon: str | dt.timedelta = "30d",
    length: int = 2,
    correction: str = "holm",
    k: int = K,
    **options: Unpack[Options],
) -> pd.DataFrame:
    """Compare the shares of two groups' units that ever take each sequence of steps.

    Parameters
    ----------
    events
        Ibis table or pandas frame, a row per event.
    groups
        The two groups: a table (Ibis, in the engine of the events, or pandas) with the column of the unit and a column
        ``group`` of 0 and 1. Whoever is in neither is left out. Who belongs where must not follow from the events that
        are compared.
    converted
        Instead of ``groups``: the event, or condition, that means success. Both groups are then looked at over the
        same length of time and before any success: the first ``observe`` from a unit's first event. Units with a
        success by then are left out, and so are units not seen for ``observe`` and ``horizon``; the others are 1 if a
        success follows within ``horizon`` after it, else 0 (a landmark analysis: Anderson, Cain & Gelber 1983,
        *Journal of Clinical Oncology* 1). Else whoever succeeds late, and whoever is seen for long, would have had
        more time for every step.
    observe, horizon
        See ``converted``: ``"7d"``, ``"24h"``.
    length
        Steps of a sequence, 2 to 12; 2 compares transitions.
    correction
        ``"holm"``: the chance of any false finding stays below 5% (Holm 1979); ``"bh"``: at most 5% of the findings are
        false on average (Benjamini & Hochberg 1995).
    k
        Sequences taken by fewer units of both groups together are not compared. Of those compared, all count in the
        correction, those are not shown that fewer units of either group take, or all but fewer; nobody and everybody
        are shown.
    **options
        What is a step, a unit, a journey: see :func:`bankmkt.funnel.journeys.journeys`.

    Returns
    -------
    pandas.DataFrame
        The surest difference first: path, units_0, units_1, of_0, of_1 (the groups' sizes), share_0, share_1,
        difference (group 1 less group 0), ci_lower, ci_upper (95%, Newcombe; not corrected), p_value (Fisher's exact
        test), p_adjusted.

    Raises
    ------
    ParameterError, SchemaError
        If an argument cannot be right, or a column is not there.
    DataError
        If a group is empty.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": [*range(40)] * 2, "event": ["view"] * 40 + ["call"] * 10 + ["mail"] * 30,
    ...     "ts": pd.to_datetime(["2026-01-01"] * 40 + ["2026-01-02"] * 40)})
    >>> groups = pd.DataFrame({"customer_id": range(40), "group": [1] * 20 + [0] * 20})
    >>> compare_journeys(log, groups)[["path", "share_0", "share_1", "difference"]]
              path  share_0  share_1  difference
    0  view → call      0.0      0.5         0.5
    1  view → mail      1.0      0.5        -0.5
    """
    check_k(k)
    checked(options)
    if correction not in CORRECTIONS:
        raise ParameterError("correction", correction, one_of(CORRECTIONS), 'pass correction="holm"')
    if (groups is None) == (converted is None):
        raise ParameterError("groups", "both or neither" if converted else None, "either groups or converted")
    by = options.get("by", "customer_id")
    table, con = engine_table(events, "events")
    if converted is None:
        who = _groups(groups, by, table, con)
    else:
        table, who = _landmark(table, converted, observe, horizon, options)
    sizes = {
        row["group"]: row["units"] for row in fetch(who.group_by("group").aggregate(units=who.count())).to_pylist()
    }
    for group in (0, 1):
        if not sizes.get(group):
            raise DataError(
                f"group {group}", 0, "units in both groups", "choose other groups, or other lengths of time"
            )
    rows = subpaths(journeys(table, **options), length)
    taken = rows.select("unit", "path").distinct().join(who, "unit")
    counts = taken.group_by("path").aggregate(
        units_0=(taken.group == 0).sum(), units_1=(taken.group == 1).sum(), both=taken.count()
    )
    found = fetch(counts.filter(counts.both >= k)).to_pandas().sort_values("path", ignore_index=True)
    out = compared(found, sizes, correction)
    few = discloses(out["units_0"], out["of_0"], k) | discloses(out["units_1"], out["of_1"], k)
    return out[~few].reset_index(drop=True)


def compared(found: pd.DataFrame, sizes: dict[int, int], method: str) -> pd.DataFrame:
    """Compare the units of two groups that have taken each path; ``found`` has path, units_0, units_1.

    All at once: the interval is Newcombe's (1998, method 10), p that of Fisher's exact test, twice the smaller side,
    which holds its level however small a share, or one of the groups, is.
    """
    from scipy.stats import hypergeom

    x, y, n, m = found["units_0"], found["units_1"], sizes[0], sizes[1]
    (p, p_low, p_high), (q, q_low, q_high) = shares(x, np.full(len(x), n)), shares(y, np.full(len(y), m))
    chance = hypergeom(n + m, m, x + y)
    p_value = np.minimum(1, 2 * np.minimum(chance.cdf(y), chance.sf(y - 1)))
    out = pd.DataFrame({
        "path": found["path"].map(told).astype(object), "units_0": x, "units_1": y, "of_0": n, "of_1": m, "share_0": p,
        "share_1": q, "difference": q - p, "ci_lower": q - p - np.hypot(q - q_low, p_high - p),
        "ci_upper": q - p + np.hypot(q_high - q, p - p_low), "p_value": p_value,
        "p_adjusted": CORRECTIONS[method](p_value),
    })  # fmt: skip
    return out.sort_values(["p_value", "path"], ignore_index=True)


def _groups(groups: Any, by: str, events: Any, con: Any) -> Any:
    """Return unit and group, a row per unit."""
    table, _ = engine_table(groups, "groups", con)
    for name in (by, "group"):
        if name not in table.columns:
            raise SchemaError("groups has no column", name, one_of(table.columns), "a row per unit, group 0 or 1")
    check_columns(events, {"unit": by})
    kind, wanted = table[by].type(), events[by].type()
    if not (kind.is_string() if wanted.is_string() else kind.is_integer()):
        raise SchemaError(f"column {by} of groups is {kind}", None, f"{wanted}, as in the events", "cast one of them")
    if not (table["group"].type().is_numeric() or table["group"].type().is_boolean()):
        raise SchemaError(f"column group of groups is {table['group'].type()}", None, "0 and 1", "number the groups")
    who = table.select(unit=table[by], group=table["group"].cast("int64"))
    seen = fetch(
        who.aggregate(rows=who.count(), units=who.unit.nunique(), wrong=(~who.group.isin([0, 1])).fill_null(True).sum())
    ).to_pylist()[0]
    if seen["wrong"] or seen["rows"] != seen["units"]:
        what = f"{seen['wrong']} other groups, {seen['rows'] - seen['units']} units twice"
        raise DataError("groups", what, "each unit once, in group 0 or 1", "correct the table")
    return who


def _landmark(table: Any, converted: Condition, observe: Any, horizon: Any, options: Options) -> tuple[Any, Any]:
    """Return the events of each unit's first days, and the units with whether they succeed after them."""
    import ibis

    lengths = {}
    for name, value in (("observe", observe), ("horizon", horizon)):
        length, natural = parse_within(value)
        if length is None or natural is not None:
            raise ParameterError(name, value, "a length of time such as '7d' or '36h'")
        lengths[name] = ibis.interval(seconds=length // 1_000_000)
    by, ts = options.get("by", "customer_id"), options.get("time", "ts")
    rows = table.filter(table[by].notnull(), table[ts].notnull())
    if (since := options.get("since")) is not None:
        rows = rows.filter(rows[ts] >= ibis.literal(dt.datetime.combine(parse_date("since", since), dt.time())))
    if (as_of := options.get("as_of")) is not None:
        day = parse_date("as_of", as_of)
    else:
        day = fetch(rows.aggregate(last=rows[ts].max())).to_pylist()[0]["last"].date()
    end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time())
    rows = rows.filter(rows[ts] < ibis.literal(end))
    name = options.get("state", "event")
    success = Step("converted", converted).fits(rows, name if isinstance(name, str) else "event")
    rows = rows.mutate(first=rows[ts].min().over(ibis.window(group_by=by)), success=success)
    until = rows["first"] + lengths["observe"]
    rows = rows.mutate(early=rows[ts] <= until, timely=rows[ts] <= until + lengths["horizon"])
    units = rows.group_by(unit=rows[by]).aggregate(
        first=rows["first"].min(), before=(rows.success & rows.early).any(), after=(rows.success & rows.timely).any()
    )
    seen = units["first"] + lengths["observe"] + lengths["horizon"] < ibis.literal(end)
    who = units.filter(seen & ~units.before).select("unit", group=units.after.cast("int64"))
    return rows.filter(rows.early).drop("first", "success", "early", "timely"), who
