"""What follows what on journeys: how often, of how many units, in what time."""

from typing import Any, Unpack

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError
from bankmkt.frames import fetch
from bankmkt.funnel.clusters import clustered_shares
from bankmkt.funnel.journeys import END, OPEN, START, Options, coded, journeys, kept
from bankmkt.privacy import K, check_k, small_cells

HOUR = 3.6e9
"""Microseconds."""


def transitions(events: Any, *, k: int = K, **options: Unpack[Options]) -> pd.DataFrame:
    """Count how often each step follows each other step, with the share of those that leave a step and the time taken.

    Parameters
    ----------
    events
        Ibis table or pandas frame, a row per event.
    k
        Moves of fewer units are hidden, and as many others as it takes for sums not to give them away; 1 hides none.
    **options
        What is a step, a unit, a journey: see :func:`bankmkt.funnel.journeys.journeys`.

    Returns
    -------
    pandas.DataFrame
        A row per pair of steps, of each ``from`` the most frequent first: from (``(start)`` before a journey's first
        step), to (``(end)`` after its last, ``(open)`` if another may follow), times, units, share (of all that leave
        ``from``), ci_lower, ci_upper (95%, clustered by unit), median_hours, q25_hours, q75_hours (between the two
        steps; null at the ends), suppressed. Each step is left as often as it is reached.

    Raises
    ------
    ParameterError, SchemaError, DataError
        As :func:`bankmkt.funnel.journeys.journeys`.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": [1, 1, 2, 2, 2], "event": ["view", "buy", "view", "view", "buy"],
    ...     "ts": pd.to_datetime(["2026-01-01", "2026-01-03", "2026-01-01", "2026-01-02", "2026-01-03"])})
    >>> transitions(log, k=1)[["from", "to", "times", "units", "share", "median_hours"]].round(2)
          from     to  times  units  share  median_hours
    0  (start)   view      2      2   1.00           NaN
    1      buy  (end)      2      2   1.00           NaN
    2     view    buy      2      2   0.67          36.0
    3     view   view      1      1   0.33          24.0
    """
    check_k(k)
    steps, names = coded(events, options)
    slim = steps.select(
        "unit", start=steps.state.cast("int16"), to=steps.next.cast("int16"), begins=steps.place == 1,
        gap=steps.next_ts.delta(steps.ts, unit="microsecond"),
    )  # fmt: skip
    with kept(slim) as t:
        first = t.filter(t.begins).select("unit", start=_literal(len(names)), to="start")
        moves = t.select("unit", "start", "to").union(first)
        with kept(moves.group_by("unit", "start", "to").aggregate(x=moves.count().cast("float64"))) as per:
            left = per.group_by("unit", "start").aggregate(n=per.x.sum(), c=per.count())
            each = per.join(left, ["unit", "start"])
            cells = each.group_by("start", "to").aggregate(
                times=each.x.sum(), units=each.count(), xx=(each.x * each.x).sum(), xn=(each.x * each.n).sum(),
                once=(1 / each.c).sum(),
            )  # fmt: skip
            counted = fetch(cells).to_pandas()
        quarters = (("median", 0.5), ("q25", 0.25), ("q75", 0.75))
        spans = t.group_by("start", "to").aggregate(
            **{f"{name}_hours": t.gap.quantile(q) / HOUR for name, q in quarters}
        )
        waits = fetch(spans).to_pandas()
    rows = counted.merge(waits, how="left", on=["start", "to"])
    rows = rows.rename(columns={"start": "from"}).astype({"times": "int64"})
    for end in ("from", "to"):
        rows[end] = [[*names, START][code] for code in rows[end]]
    whole = rows.groupby("from")[["times", "xn", "once"]].transform("sum")
    p, lower, upper = clustered_shares(
        rows["times"], whole["times"], rows["xx"], rows["xn"], whole["xn"], whole["once"].round()
    )
    rows = rows.assign(share=p, ci_lower=lower, ci_upper=upper)
    rows = rows.sort_values(["from", "times", "to"], ascending=[True, False, True], ignore_index=True)
    rows = hide(rows, ["from", "to"], k)
    names = ["from", "to", "times", "units", "share", "ci_lower", "ci_upper"]
    return rows[[*names, "median_hours", "q25_hours", "q75_hours", "suppressed"]]


def hide(rows: pd.DataFrame, totals: list[str], k: int) -> pd.DataFrame:
    """Hide what is about fewer than k units, and what would tell it, as the sums over either side are known.

    All columns but the names of the cells become null where hidden; the column ``suppressed`` says where.
    """
    hidden = pd.Series(False, index=rows.index)
    while True:
        more = hidden
        for total in totals:
            more = small_cells(rows["units"], by=[rows[total]], k=k, hidden=more, overlapping=True)
        if more.equals(hidden):
            break
        hidden = more
    return _null(rows, hidden)


def _null(rows: pd.DataFrame, hidden: pd.Series) -> pd.DataFrame:
    if not hidden.any():
        return rows.assign(suppressed=False)
    values = [name for name in rows.columns if name not in ("step", "from", "to", "state")]
    return rows.assign(**{name: rows[name].astype("float64").mask(hidden) for name in values}, suppressed=hidden)


def journey_flows(events: Any, steps: int = 5, *, k: int = K, **options: Unpack[Options]) -> pd.DataFrame:
    """Count where journeys go from each of their first steps, for an alluvial picture.

    Parameters
    ----------
    events, k, **options
        As for :func:`transitions`.
    steps
        How many steps are followed, 2 to 20.

    Returns
    -------
    pandas.DataFrame
        step (1, 2, …: from this one to the next), from, to (``(end)``, ``(open)``: journeys that were over, or not
        known further, by then), journeys, units, suppressed. At each step the journeys add up to all of them, and as
        many reach a state as leave it at the next step; what that would tell of hidden flows is hidden too.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": [1, 1, 2], "event": ["view", "buy", "view"],
    ...     "ts": pd.to_datetime(["2026-01-01", "2026-01-03", "2026-01-01"])})
    >>> journey_flows(log, 3, k=1)[["step", "from", "to", "journeys"]]
       step   from     to  journeys
    0     1   view  (end)         1
    1     1   view    buy         1
    2     2  (end)  (end)         1
    3     2    buy  (end)         1
    """
    check_steps(steps)
    check_k(k)
    table = journeys(events, **options)
    slim = table.filter(table.place < steps).select("unit", "place", "state", "next")
    with kept(slim) as t:
        cells = t.group_by(step=t.place, start=t.state, to=t.next).aggregate(journeys=t.count(), units=t.unit.nunique())
        rows = fetch(cells).to_pandas().rename(columns={"start": "from"})
        over = t.filter(t.next.isin([END, OPEN]))
        since = over.group_by("unit", "next").aggregate(step=over.place.min(), journeys=over.count())
        stay = fetch(since.group_by("next", "step").aggregate(units=since.count())).to_pandas()
    parts = [rows]
    for word in (END, OPEN):
        journeys_over = rows[rows["to"] == word].groupby("step")["journeys"].sum()
        units_over = stay[stay["next"] == word].set_index("step")["units"]
        both = pd.DataFrame({"journeys": journeys_over, "units": units_over}, index=range(1, steps))
        before = both.fillna(0).cumsum().shift(fill_value=0).astype("int64").rename_axis("step").reset_index()
        parts.append(before[before["journeys"] > 0].assign(**{"from": word, "to": word}))
    out = pd.concat(parts, ignore_index=True).sort_values(["step", "from", "to"], ignore_index=True)
    return _null(out, flows_hidden(out, k))[["step", "from", "to", "journeys", "units", "suppressed"]]


def flows_hidden(rows: pd.DataFrame, k: int) -> pd.Series:
    """Say which flows are hidden: as many reach a state at a step as leave it, and at each step there are all.

    So what goes from and what comes to a state at a step each add up to a total that may be known from the step beside,
    and both together are one more block: with one of them hidden, the others would tell it. What the equations still
    tell is protected by a further cell.
    """
    leaves = rows["step"].astype("str") + "/" + rows["from"]
    reaches = (rows["step"] + 1).astype("str") + "/" + rows["to"]
    hidden = pd.Series(False, index=rows.index)
    while True:
        more = hidden
        for block in (rows["step"], leaves, reaches):
            more = small_cells(rows["units"], by=[block], k=k, hidden=more, overlapping=True)
        for node in set(leaves) | set(reaches):
            here = (leaves == node) | (reaches == node)
            more = more | small_cells(rows.loc[here, "units"], k=k, hidden=more[here], overlapping=True).reindex(
                rows.index, fill_value=False
            )
        more = more | _told(rows, leaves, reaches, more)
        if more.equals(hidden):
            return hidden
        hidden = more


def _told(rows: pd.DataFrame, leaves: pd.Series, reaches: pd.Series, hidden: pd.Series) -> pd.Series:
    """Return what is to be hidden for flows that the equations tell exactly: the smallest other of the same step."""
    first, last = rows["step"].min(), rows["step"].max()
    inner = sorted(
        (set(leaves) | set(reaches)) - set(leaves[rows["step"] == first]) - set(reaches[rows["step"] == last])
    )
    places = np.flatnonzero(hidden)
    totals = [(rows["step"] == step).to_numpy(float)[places] for step in range(first, last + 1)]
    nodes = [((leaves == node).to_numpy(float) - (reaches == node).to_numpy(float))[places] for node in inner]
    equations = np.stack([*totals, *nodes])
    free = np.eye(len(places)) - np.linalg.pinv(equations) @ equations
    more = pd.Series(False, index=rows.index)
    for place in places[np.diag(free) < 1e-9]:
        others = rows[(rows["step"] == rows["step"].iloc[place]) & ~hidden & (rows["units"] > 0)]
        if len(others):
            more[others["units"].idxmin()] = True
    return more


def check_steps(steps: int) -> None:
    """Raise ParameterError unless it is a number of steps."""
    if isinstance(steps, bool) or not isinstance(steps, int) or not 2 <= steps <= 20:
        raise ParameterError("steps", steps, "2 to 20", "pass steps=10")


def _literal(code: int) -> Any:
    import ibis

    return ibis.literal(code, "int16")
