"""Visitors known by name only later: what they did before sign-up, given to the customer they became."""

import datetime as dt
from typing import Any

import pandas as pd

from bankmkt.errors import SchemaError, one_of
from bankmkt.frames import engine_table, fetch
from bankmkt.lookback import parse_date

STATES = ("named", "stitched", "shared device", "later than a name", "no name yet")
"""What an event can be: it names its customer; it was given one; its visitor belongs to several customers; it is
without a name after its visitor's first event with one; its visitor never had one."""


def stitch(events: Any, as_of: dt.date | str | None = None) -> Any:
    """Give what a visitor did before sign-up to the customer who signed up.

    Only events before the visitor's first event with a name, and only of visitors (devices, cookies) that all their
    named events give to one customer: on a shared device it cannot be told who looked. Events without a name after
    that first one stay so too, as somebody else may hold the device. What is learned after ``as_of`` is not used: an
    event of a visitor who signs up later has no customer yet.

    Parameters
    ----------
    events
        Ibis table or pandas frame with visitor_id, customer_id (null before sign-up) and ts.
    as_of : date or str, optional
        The last day seen; by default all days. Later events are left out.

    Returns
    -------
    ibis table
        The events, customer_id filled where it can be, with ``stitched``: whether it was filled here.

    Raises
    ------
    SchemaError
        If a column is missing.
    ParameterError
        If ``as_of`` is no day.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame({"visitor_id": [8, 8, 9], "customer_id": pd.array([None, 1, None], "Int64"),
    ...     "ts": pd.to_datetime(["2026-01-01 10:00", "2026-01-02 09:00", "2026-01-20 12:00"])})
    >>> stitch(events).order_by("ts").execute()[["visitor_id", "customer_id", "stitched"]]
       visitor_id  customer_id  stitched
    0           8          1.0      True
    1           8          1.0     False
    2           9          NaN     False
    """
    rows = _beside_owner(events, as_of)
    found = (rows["_state"] == "stitched").fill_null(False)
    return rows.mutate(customer_id=found.ifelse(rows["_owner"], rows.customer_id), stitched=found).drop(
        "_owner", "_owners", "_since", "_state"
    )


def stitch_counts(events: Any, as_of: dt.date | str | None = None) -> pd.DataFrame:
    """Count what :func:`stitch` can and cannot give to a customer.

    Returns
    -------
    pandas.DataFrame
        A row per state, of :data:`STATES`: state, events, visitors, share (of events).

    Examples
    --------
    >>> import bankmkt as bm
    >>> stitch_counts(bm.demo_bank().events)[["state", "events"]].head(2)
          state   events
    0     named  2101773
    1  stitched     4192
    """
    rows = _beside_owner(events, as_of)
    counted = rows.group_by(state="_state").aggregate(
        events=lambda t: t.count(), visitors=lambda t: t.visitor_id.nunique()
    )
    found = fetch(counted).to_pandas().set_index("state").reindex(STATES).fillna(0).astype("int64").reset_index()
    return found.assign(share=found["events"] / max(found["events"].sum(), 1))


def _beside_owner(events: Any, as_of: dt.date | str | None) -> Any:
    """Return the events beside their visitor's customer, the number of these, since when, and the state."""
    import ibis

    t, _ = engine_table(events, "events")
    for name in ("visitor_id", "customer_id", "ts"):
        if name not in t.columns:
            raise SchemaError("the events have no column", name, one_of(t.columns), "docs/event-contract.md lists them")
    if as_of is not None:
        after = dt.datetime.combine(parse_date("as_of", as_of), dt.time()) + dt.timedelta(days=1)
        t = t.filter(t.ts < ibis.literal(after))
    named = t.filter(t.customer_id.notnull(), t.visitor_id.notnull())
    owners = named.group_by("visitor_id").aggregate(
        _owner=named.customer_id.min(), _last=named.customer_id.max(), _since=named.ts.min()
    )
    owners = owners.select("visitor_id", "_owner", "_since", _owners=(owners["_owner"] == owners["_last"]).ifelse(1, 2))
    rows = t.left_join(owners, "visitor_id").drop("visitor_id_right")
    state = ibis.cases(
        (rows.customer_id.notnull(), "named"),
        (rows["_owners"].isnull(), "no name yet"),
        (rows["_owners"] > 1, "shared device"),
        (rows.ts <= rows["_since"], "stitched"),
        else_="later than a name",
    )
    return rows.mutate(_state=state)
