"""Sequences of steps: the most frequent paths, and loops that come back to a step."""

from typing import Any, Unpack

import pandas as pd

from bankmkt.errors import ParameterError
from bankmkt.frames import fetch
from bankmkt.funnel.journeys import ANY, Options, journeys, kept
from bankmkt.funnel.rates import shares
from bankmkt.privacy import K, check_k, discloses

LONGEST = 12
"""Steps of a path; of longer journeys the first so many are looked at."""

ARROW, MORE = " → ", "…"
_BREAK = "\x1f"


def frequent_paths(
    events: Any, length: int | None = None, top: int = 20, *, k: int = K, **options: Unpack[Options]
) -> pd.DataFrame:
    """Find the most frequent paths: of whole journeys, or of so many steps anywhere in them.

    Parameters
    ----------
    events
        Ibis table or pandas frame, a row per event.
    length
        2 to 12 for paths of so many steps in a row, which may overlap; None for whole journeys, of which those beyond
        twelve steps are told by their first twelve.
    top
        How many paths.
    k
        Paths of fewer units, or of all but fewer, are left out: a rare path is somebody's own.
    **options
        What is a step, a unit, a journey: see :func:`bankmkt.funnel.journeys.journeys`.

    Returns
    -------
    pandas.DataFrame
        The paths that most units have taken: path (``"a → b"``; ``…`` at the end of a longer one), steps, times,
        units, share (of all units), ci_lower, ci_upper (95%, Wilson).

    Raises
    ------
    ParameterError, SchemaError, DataError
        As :func:`bankmkt.funnel.journeys.journeys`.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": [1, 1, 1, 2, 2], "event": ["view", "buy", "view", "view", "buy"],
    ...     "ts": pd.to_datetime(["2026-01-01", "2026-01-03", "2026-01-04", "2026-01-01", "2026-01-02"])})
    >>> frequent_paths(log, 2, k=1)[["path", "times", "units", "share"]]
             path  times  units  share
    0  view → buy      2      2    1.0
    1  buy → view      1      1    0.5
    >>> frequent_paths(log, k=1)["path"].tolist()
    ['view → buy', 'view → buy → view']
    """
    import ibis

    check_k(k)
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise ParameterError("top", top, "an integer from 1", "pass top=20")
    table = journeys(events, **options)
    rows = _whole(table) if length is None else _windows(table, length)
    per = rows.group_by("unit", "path").aggregate(times=rows.count())
    per = per.mutate(paths=per.count().over(ibis.window(group_by="unit")))  # those of no path among them
    counts = per.group_by("path").aggregate(times=per.times.sum(), units=per.count(), once=(1 / per.paths).sum())
    with kept(counts) as found:
        total = round(fetch(found.aggregate(units=found.once.sum())).to_pylist()[0]["units"])
        found = found.filter(found.path.notnull(), ~discloses(found.units, total, k))
        most = fetch(found.order_by(found.units.desc(), found.times.desc(), "path").limit(top)).to_pandas()
    p, lower, upper = shares(most["units"], total)
    paths = [told(path) for path in most["path"]]
    steps = [path.count(_BREAK) + 1 - path.endswith(_BREAK + MORE) for path in most["path"]]
    return pd.DataFrame({
        "path": paths, "steps": steps, "times": most["times"], "units": most["units"],
        "share": p, "ci_lower": lower, "ci_upper": upper,
    })  # fmt: skip


def subpaths(table: Any, length: int) -> Any:
    """Return a row per sequence of ``length`` steps in a row: unit, path (to be :func:`told`), ts, end_ts.

    Parameters
    ----------
    table
        Of :func:`bankmkt.funnel.journeys.journeys`.
    """
    rows = _windows(table, length)
    return rows.filter(rows.path.notnull())


def _windows(table: Any, length: int) -> Any:
    """Return a row per step: unit, the path of ``length`` steps from it on (null if fewer follow), ts, end_ts."""
    import ibis

    if isinstance(length, bool) or not isinstance(length, int) or not 2 <= length <= LONGEST:
        raise ParameterError("length", length, f"2 to {LONGEST} steps, or None for whole journeys", "pass length=2")
    order = ibis.window(group_by=["unit", "journey"], order_by="place")
    later = {f"s{n}": table.state.lead(n).over(order) for n in range(1, length)}
    rows = table.mutate(**later, end_ts=table.ts.lead(length - 1).over(order))
    path = rows.state
    for n in range(1, length):
        path = path + _BREAK + rows[f"s{n}"]
    return rows.select("unit", "ts", "end_ts", path=path)


def _whole(table: Any) -> Any:
    """Return a row per journey: unit, path."""
    early = table.filter(table.place <= LONGEST + 1)
    at = {f"s{n}": early.state.max(where=early.place == n) for n in range(1, LONGEST + 1)}
    rows = early.group_by("unit", "journey").aggregate(**at, steps=early.count())
    path = rows.s1
    for n in range(2, LONGEST + 1):
        path = path + rows[f"s{n}"].isnull().ifelse("", _BREAK + rows[f"s{n}"].fill_null(""))
    path = path + (rows.steps > LONGEST).ifelse(_BREAK + MORE, "")
    return rows.select("unit", path=path)


def told(path: str) -> str:
    """Write a path for readers."""
    return path.replace(_BREAK, ARROW)


def loops(events: Any, *, k: int = K, **options: Unpack[Options]) -> pd.DataFrame:
    """Find where journeys come back to a step: how often, for how many units, after what time.

    Parameters
    ----------
    events, k, **options
        As for :func:`frequent_paths`.

    Returns
    -------
    pandas.DataFrame
        A row per loop, the most frequent first: state, via (the same state: repeated at once; another: there and back;
        ``(any)``: all returns within the journey, the former among them), times, units, share (of the units that are
        ever in the state), ci_lower, ci_upper (95%, Wilson), times_per_unit (of those who loop), median_hours,
        q25_hours, q75_hours (from a step to its return). Loops that fewer than k units make, or all but fewer, are
        left out.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": [1, 1, 1, 2], "event": ["call", "offer", "call", "call"],
    ...     "ts": pd.to_datetime(["2026-01-01", "2026-01-03", "2026-01-05", "2026-01-01"])})
    >>> loops(log, k=1)[["state", "via", "times", "share", "median_hours"]]
      state    via  times  share  median_hours
    0  call  (any)      1    0.5          96.0
    1  call  offer      1    0.5          96.0
    """
    import ibis

    check_k(k)
    table = journeys(events, **options)
    order = ibis.window(group_by=["unit", "journey"], order_by="place")
    same = ibis.window(group_by=["unit", "journey", "state"], order_by="place")
    rows = table.mutate(
        third=table.state.lead(2).over(order), third_ts=table.ts.lead(2).over(order), back=table.ts.lead().over(same)
    )
    at_once, there_and_back = rows.next == rows.state, (rows.third == rows.state) & (rows.next != rows.state)
    back = ibis.cases((at_once, rows.next_ts), (there_and_back, rows.third_ts))
    slim = rows.select(
        "unit", "state", via=back.notnull().ifelse(rows.next, ibis.null("string")), hours=_hours(rows.ts, back),
        later=_hours(rows.ts, rows.back),
    )  # fmt: skip
    with kept(slim) as t:
        short = t.filter(t.via.notnull())
        parts = [
            fetch(
                short.group_by("state", "via").aggregate(
                    times=short.count(), units=short.unit.nunique(), **_quartiles(short.hours)
                )
            ),
            fetch(
                t.group_by("state").aggregate(
                    times=t.later.count(), units=t.unit.nunique(where=t.later.notnull()), **_quartiles(t.later),
                    ever=t.unit.nunique(),
                )
            ),
        ]  # fmt: skip
    alone, every = (part.to_pandas() for part in parts)
    out = pd.concat([alone.merge(every[["state", "ever"]], on="state"), every[every["times"] > 0].assign(via=ANY)])
    out = out[~discloses(out["units"], out["ever"], k)]
    p, lower, upper = shares(out["units"], out["ever"])
    out = out.assign(share=p, ci_lower=lower, ci_upper=upper, times_per_unit=out["times"] / out["units"])
    out = out.sort_values(["times", "state", "via"], ascending=[False, True, True], ignore_index=True)
    names = ["state", "via", "times", "units", "share", "ci_lower", "ci_upper", "times_per_unit"]
    return out[[*names, "median_hours", "q25_hours", "q75_hours"]]


def _hours(start: Any, end: Any) -> Any:
    return end.delta(start, unit="microsecond").cast("float64") / 3.6e9


def _quartiles(hours: Any) -> dict[str, Any]:
    return {f"{name}_hours": hours.quantile(q) for name, q in (("median", 0.5), ("q25", 0.25), ("q75", 0.75))}
