"""Sessions: the events of a visitor that follow one another without a long pause."""

import datetime as dt
from typing import TYPE_CHECKING, Any

from bankmkt.errors import ParameterError, SchemaError
from bankmkt.frames import engine_table, fetch
from bankmkt.funnel.clusters import clustered_shares
from bankmkt.funnel.definition import parse_within
from bankmkt.funnel.matches import check_columns
from bankmkt.funnel.platform import few, ratio
from bankmkt.privacy import K, check_k

if TYPE_CHECKING:
    import pandas as pd

RATIOS = {
    "events_per_session": ("events", "sessions"),
    "bounce_rate": ("bounces", "sessions"),
    "mean_seconds": ("seconds", "several"),
}
"""Of the summary: the sums over units that each divides."""


def sessions(
    events: Any, gap: str | dt.timedelta = "30min", by: str = "visitor_id", *, time: str = "ts", key: str = "event_id"
) -> Any:
    """Cut each unit's events into sessions wherever a pause is longer than ``gap``.

    Parameters
    ----------
    events : ibis table or pandas.DataFrame
        A row per event with ``by`` and ``time``; ``page`` and ``platform`` if known.
    gap : str or timedelta
        The longest pause within a session: ``"30min"``, ``"1h"``. A pause of exactly ``gap`` does not end it; midnight
        does not either.
    by : str
        Column of the unit, such as ``visitor_id`` or ``customer_id``. Events without one are left out.
    time, key : str
        Columns of the moment, and of the event's number, by which events of one moment are ordered where it is there.

    Returns
    -------
    ibis table
        A row per session: the unit, session (1, 2, … of the unit), begin, end, events, seconds (from the first event to
        the last; the time on the last page is not known), bounce (it is a single event); with pages: pages (events that
        have one), entry_page, exit_page (the first and the last of them); with platforms: platform (of the first).

    Raises
    ------
    ParameterError
        If ``gap`` is no length of time.
    SchemaError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"visitor_id": 7, "page": ["home", "loan", "home"],
    ...     "ts": pd.to_datetime(["2026-01-01 23:50", "2026-01-02 00:20", "2026-01-02 00:51"])})
    >>> sessions(log).order_by("begin").to_pandas()[["session", "events", "seconds", "entry_page", "exit_page"]]
       session  events  seconds entry_page exit_page
    0        1       2   1800.0       home      loan
    1        2       1      0.0       home      home
    """
    import ibis

    pause = parse_gap(gap)
    t, _ = engine_table(events, "events")
    check_columns(t, {"unit": by, "ts": time})
    t = t.filter(t[by].notnull(), t[time].notnull())
    t = t.mutate(_ts=t[time].cast("timestamp(6)"))
    order = [t["_ts"], *([t[key]] if key in t.columns else [])]
    each = ibis.window(group_by=by, order_by=order)
    waited = t["_ts"].delta(t["_ts"].lag().over(each), unit="microsecond")
    t = t.mutate(_begins=(waited.isnull() | (waited > pause)).cast("int64"), _row=ibis.row_number().over(each))
    so_far = ibis.window(group_by=by, order_by="_row", preceding=None, following=0)
    t = t.mutate(session=t["_begins"].sum().over(so_far))
    about: dict[str, Any] = {}
    if "page" in t.columns:
        paged = t.page.notnull()
        about |= {"pages": t.page.count(), "entry_page": t.page.argmin(t["_row"], where=paged),
                  "exit_page": t.page.argmax(t["_row"], where=paged)}  # fmt: skip
    if "platform" in t.columns:
        about["platform"] = t.platform.argmin(t["_row"])
    found = t.group_by(by, "session").aggregate(
        begin=t["_ts"].min(), end=t["_ts"].max(), events=t.count(),
        seconds=t["_ts"].max().delta(t["_ts"].min(), unit="microsecond") / 1_000_000, **about,
    )  # fmt: skip
    return found.mutate(bounce=found.events == 1)


def parse_gap(gap: str | dt.timedelta) -> int:
    """Return a pause in microseconds.

    Raises
    ------
    ParameterError
        If it is no length of time.

    Examples
    --------
    >>> parse_gap("30min")
    1800000000
    """
    try:
        length, natural = parse_within(gap)
    except ParameterError as error:
        raise ParameterError("gap", gap, error.expected) from error
    if length is None or natural is not None:
        raise ParameterError("gap", gap, "a length of time such as '30min'", "pass gap='30min'")
    return length


def session_summary(found: Any, by: str | None = "platform", unit: str = "visitor_id", *, k: int = K) -> "pd.DataFrame":
    """Sum up sessions.

    Parameters
    ----------
    found : ibis table
        Of :func:`sessions`.
    by : str, optional
        A column of it.
    unit : str
        Its column of units.
    k : int
        Rows of 1 to k − 1 units, and bounces and seconds of as few, are null; 1 hides nothing.

    Returns
    -------
    pandas.DataFrame
        A row per value of ``by``, by size, and the total last: sessions, units; events_per_session, bounce_rate,
        mean_seconds with _lower and _upper (95%, from the sums of each unit, as one visitor's sessions are not
        independent: of the share Wilson's, see :func:`bankmkt.funnel.clusters.clustered_shares`); median_seconds;
        suppressed. Seconds are of sessions with two events or more. Units of several rows are one unit of the total.

    Raises
    ------
    SchemaError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"visitor_id": [1, 1, 2], "ts": pd.to_datetime(["2026-01-01"] * 3), "platform": "app"})
    >>> session_summary(sessions(log), k=1)[["platform", "sessions", "events_per_session", "bounce_rate"]]
      platform  sessions  events_per_session  bounce_rate
    0      app         2                 1.5          0.5
    1    total         2                 1.5          0.5
    """
    import pandas as pd

    check_k(k)
    for name in (unit, *([by] if by else [])):
        if name not in found.columns:
            raise SchemaError("the sessions have no column", name, "a column of sessions(…)", "name one that they have")
    found = found.cache()
    total = _summed(found, [], unit)
    if by is None:
        return _hidden(total, k)
    rows = _summed(found, [by], unit).sort_values(["sessions", by], ascending=[False, True], ignore_index=True)
    return _hidden(pd.concat([rows, total.assign(**{by: "total"})], ignore_index=True), k)


def _summed(rows: Any, keys: list[str], unit: str) -> "pd.DataFrame":
    """Sum up by ``keys``, from the sums of each unit."""
    import pandas as pd

    several = ~rows.bounce
    t = rows.group_by(*keys, unit).aggregate(
        sessions=rows.count(), events=rows.events.sum(), bounces=rows.count(where=rows.bounce),
        several=rows.count(where=several), seconds=rows.seconds.sum(where=several).fill_null(0.0),
    )  # fmt: skip
    products = {f"{a}_{b}": (t[a].cast("float64") * t[b]).sum() for pair in RATIOS.values() for a, b in _pairs(*pair)}
    sums = {name: t[name].sum() for name in ("sessions", "events", "bounces", "several", "seconds")}
    main = (t.group_by(keys) if keys else t).aggregate(
        units=t.count(), who_bounced=t.count(where=t.bounces > 0), who_stayed=t.count(where=t.several > 0),
        **sums, **products)  # fmt: skip
    long = rows.filter(several)
    middle = (long.group_by(keys) if keys else long).aggregate(median_seconds=long.seconds.median())
    found, median = fetch(main).to_pandas(), fetch(middle).to_pandas()
    found = found.merge(median, how="left", on=keys) if keys else found.join(median)
    out: dict[str, Any] = {name: found[name] for name in (*keys, "sessions", "units")}
    for name, (part, whole) in RATIOS.items():
        a, b, c = (found[f"{one}_{other}"] for one, other in _pairs(part, whole))
        form = clustered_shares if name == "bounce_rate" else ratio
        values = form(found[part], found[whole], a, b, c, found["who_stayed" if whole == "several" else "units"])
        out |= dict(zip((name, f"{name}_lower", f"{name}_upper"), values, strict=True))
    return pd.DataFrame({**out, **{name: found[name] for name in ("median_seconds", "who_bounced", "who_stayed")}})


def _pairs(part: str, whole: str) -> list[tuple[str, str]]:
    return [(part, part), (part, whole), (whole, whole)]


def _hidden(frame: "pd.DataFrame", k: int) -> "pd.DataFrame":
    """Hide rows of few units, and what few of a row's units did; the last row is the total."""
    hidden = few(frame["units"], frame["units"], k)
    out = frame.drop(columns=["who_bounced", "who_stayed"])
    for who, parts in (("units", ("",)), ("who_bounced", ("bounce",)), ("who_stayed", ("mean_s", "median_s"))):
        hide = few(frame[who], frame["units"], k, hidden)
        names = [name for name in out.columns[out.columns.get_loc("sessions") :] if name.startswith(parts)]
        out = out.assign(**{name: out[name].mask(hide) for name in names})
    return out.assign(suppressed=hidden)
