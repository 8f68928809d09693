"""Every platform, campaign, channel and unit in one view: who came, what they saw, how far they went."""

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.confidence import LEVEL
from bankmkt.frames import fetch
from bankmkt.funnel.clusters import clustered_shares
from bankmkt.funnel.clusters import ratio as linearised
from bankmkt.funnel.rates import shares
from bankmkt.funnel.traffic import traffic
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, check_k, discloses, exposed, small_cells, small_parts

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

VIEWS = ("page_view", "campaign_view")
"""Events that are the sight of a page."""

ACTS = {
    "campaign_views": "campaign_view",
    "clicks": "campaign_click",
    "joins": "campaign_join",
    "conversions": "campaign_convert",
    "shares": "share",
}
"""Counts of the view → the event that is counted."""

ADDITIVE = ("events", "page_views", *ACTS, "seconds")
"""Columns that add up over the rows to the total; distinct visitors and users do not: who comes twice is one."""

TIED = {
    "who_campaign_views": ("campaign_views", "campaign_visitors", "click_rate", "join_rate", "conversion_rate"),
    "who_clicks": ("clicks", "click_rate"),
    "who_joins": ("joins", "join_rate"),
    "who_conversions": ("conversions", "conversion_rate"),
    "who_shares": ("shares", "share_rate"),
    "who_timed": ("seconds", "mean_seconds", "median_seconds"),
}
"""Visitors who did something → the columns that tell of them."""

TOTAL = "total"


def platform(
    bank: "Bank",
    by: str | Sequence[str] = "platform",
    since: dt.date | str | None = None,
    as_of: dt.date | str | None = None,
    *,
    org_id: int | str | None = None,
    level: str = "branch",
    k: int = K,
) -> "pd.DataFrame":
    """Say who came, what they saw and how far they went: by platform, campaign, channel, business line, unit.

    Parameters
    ----------
    bank : Bank
        With events; see :func:`bankmkt.funnel.traffic.traffic` for what the dimensions need.
    by : str or sequence of str
        ``"platform"``, ``"campaign"``, ``"business_line"``, ``"channel"`` (of the campaign's first contact) or
        ``"org"`` (the customer's unit), or several; ``()`` for the total only.
    since, as_of : date or str, optional
        First and last day; all that is known without them.
    org_id : int or str, optional
        Only customers of this unit and those below it.
    level : str
        ``"head_office"``, ``"branch"`` or ``"sub_branch"``, for ``by="org"``.
    k : int
        Rows, and acts, times and users within a row, of 1 to k − 1 visitors are null, with what would give them away;
        1 hides nothing.

    Returns
    -------
    pandas.DataFrame
        A row per group, by size, and the total last (its first label is ``"total"``):

        - events, page_views, campaign_views, clicks, joins, conversions, shares, seconds (time on pages): these add up
          to the total, as every event is in one row (``"no campaign"``, ``"not signed in"`` … where it has none);
        - visitors, users (customers who signed in), new_users (whose first event ever is in the period),
          campaign_visitors (who saw a campaign's page): distinct, and so counted anew in the total;
        - mean_seconds with _lower, _upper, and median_seconds on a page;
        - click_rate (clicks per sight of a campaign's page), and of the campaign_visitors those who joined (join_rate)
          or converted (conversion_rate), with _lower, _upper; share_rate: of the visitors those who shared;
        - suppressed: whether the row is hidden.

        Intervals are 95%: of means from the sums of each visitor, as one visitor's views are not independent
        (linearised ratio; Cochran 1977, Sampling Techniques, 6.3); of the click rate Wilson's for as many independent
        views as would tell as much (:func:`bankmkt.funnel.clusters.clustered_shares`; the linearised ratio where there
        are more clicks than views); of the others Wilson's.

    Raises
    ------
    ParameterError, SchemaError
        If an argument is not as above, or the bank lacks a table.

    Examples
    --------
    >>> import bankmkt as bm, pandas as pd
    >>> log = pd.DataFrame({"event_id": range(4), "customer_id": [1, 1, 2, 2], "visitor_id": [7, 7, 8, 8],
    ...     "ts": pd.Timestamp("2026-01-01"), "platform": ["app", "web", "web", "web"], "event": "page_view"})
    >>> people = pd.DataFrame({"customer_id": [1, 2], "opened_on": pd.Timestamp("2020-01-01"), "org_id": 1})
    >>> bank = bm.open_bank({"events": log, "customers": people})
    >>> bm.funnel.platform(bank, k=1)[["platform", "page_views", "visitors"]]
      platform  page_views  visitors
    0      web           3         2
    1      app           1         1
    2    total           4         2
    """
    import pandas as pd

    check_k(k)
    events, columns = traffic(bank, by, since, as_of, org_id=org_id, level=level)
    events = events.select(*columns, "visitor_id", "customer_id", "event", "duration_s")
    fetch(events.limit(0))  # a run makes the frames within an expression known to Spark; cache alone does not
    events = events.cache()
    new = _new(events, bank, since)
    rows = [_measured(events, columns, new)] if columns else []
    total = _measured(events, [], new).assign(**dict.fromkeys(columns, None))
    if rows:
        total = total.assign(**{name: TOTAL for name in columns if not name.endswith("_id")})
        rows = [rows[0].sort_values(["events", *columns], ascending=[False, *[True] * len(columns)])]
        ids = {name: "Int64" for name in columns if pd.api.types.is_numeric_dtype(rows[0][name])}
        rows = [rows[0].astype(ids)]
        total = total.astype({name: rows[0][name].dtype for name in columns})
    frame = pd.concat([*rows, total], ignore_index=True)
    return _shown(frame[[*columns, *total.columns.drop(columns)]], k)


def _measured(events: Any, columns: list[str], new: Any) -> "pd.DataFrame":
    """Count and estimate for each group of events."""
    import pandas as pd

    viewed = events.event.isin(VIEWS)
    counts = {name: events.count(where=events.event == event) for name, event in ACTS.items()}
    by_visitor = events.group_by(*columns, "visitor_id").aggregate(
        events=events.count(), page_views=events.count(where=viewed), **counts,
        seconds=events.duration_s.sum(where=viewed).fill_null(0.0), timed=events.duration_s.count(where=viewed),
    )  # fmt: skip
    v = by_visitor
    saw = v.campaign_views > 0
    sums = {name: v[name].sum() for name in (*ADDITIVE, "timed")}
    distinct = {f"who_{name}": v.count(where=v[name] > 0) for name in (*ACTS, "timed")}
    reached = {f"saw_{name}": v.count(where=saw & (v[name] > 0)) for name in ("joins", "conversions")}
    squares = {
        f"{a}_{b}": (v[a].cast("float64") * v[b].cast("float64")).sum()
        for a, b in (("clicks", "clicks"), ("clicks", "campaign_views"), ("campaign_views", "campaign_views"),
                     ("seconds", "seconds"), ("seconds", "timed"), ("timed", "timed"))
    }  # fmt: skip
    main = _grouped(v, columns).aggregate(visitors=v.count(), **sums, **distinct, **reached, **squares)
    known = events.filter(events.customer_id.notnull()).select(*columns, "customer_id").distinct()
    users = _grouped(known, columns).aggregate(users=known.count())
    fresh = known.semi_join(new, "customer_id")
    newly = _grouped(fresh, columns).aggregate(new_users=fresh.count())
    seen = events.filter(viewed)
    middle = _grouped(seen, columns).aggregate(median_seconds=seen.duration_s.median())
    frame = _frame(main)
    for part in (users, newly, middle):
        found = _frame(part)
        # pandas takes null labels as equal
        frame = frame.merge(found, how="left", on=columns) if columns else frame.join(found)
    whole = ["visitors", "events", "page_views", *ACTS, "timed", *distinct, *reached, "users", "new_users"]
    frame[whole] = frame[whole].fillna(0).astype("int64")
    frame["seconds"] = frame["seconds"].astype(float).fillna(0.0)
    return pd.DataFrame({**{name: frame[name] for name in columns}, **_columns(frame)})


def _new(events: Any, bank: Any, since: Any) -> Any:
    """Return the customers whose first event ever lies in the period."""
    known = events.filter(events.customer_id.notnull()).select("customer_id").distinct()
    if since is None:
        return known
    start = dt.datetime.combine(parse_date("since", since), dt.time())
    before = bank.events.filter(bank.events.ts < start, bank.events.customer_id.notnull())
    return known.anti_join(before, "customer_id").cache()


def _grouped(rows: Any, columns: list[str]) -> Any:
    return rows.group_by(columns) if columns else rows


def _frame(rows: Any) -> "pd.DataFrame":
    found: pd.DataFrame = fetch(rows).to_pandas()
    return found


def _columns(t: "pd.DataFrame") -> dict[str, Any]:
    """Turn sums into the columns of the view."""
    out: dict[str, Any] = {name: t[name] for name in ("visitors", "users", "new_users", *ADDITIVE)}
    out["campaign_visitors"] = t["who_campaign_views"]
    out["median_seconds"] = t["median_seconds"]
    n = t["visitors"].to_numpy(float)
    for name, (part, whole) in {
        "mean_seconds": ("seconds", "timed"),
        "click_rate": ("clicks", "campaign_views"),
    }.items():
        sums = (t[f"{part}_{part}"], t[f"{part}_{whole}"], t[f"{whole}_{whole}"])
        found = ratio(t[part], t[whole], *sums, t["who_timed"] if name == "mean_seconds" else n)
        if name == "click_rate":
            share = clustered_shares(np.minimum(t[part], t[whole]), t[whole], *sums, t["who_campaign_views"])
            found = (
                found[0],
                *(np.where(t[part] > t[whole], *pair) for pair in zip(found[1:], share[1:], strict=True)),
            )
        out |= _with_interval(name, found)
    parts = {"join_rate": "saw_joins", "conversion_rate": "saw_conversions"}
    for name, column in parts.items():
        out |= _with_interval(name, shares(t[column], t["who_campaign_views"]))
    out |= _with_interval("share_rate", shares(t["who_shares"], n))
    return out | {name: t[name] for name in map(str, t.columns) if name.startswith(("who_", "saw_"))}


def ratio(part: Any, whole: Any, part2: Any, product: Any, whole2: Any, n: Any) -> tuple[Any, Any, Any]:
    """Return ratios of sums over units with the interval of the linearised ratio.

    Parameters
    ----------
    part, whole
        Sums over the units.
    part2, product, whole2
        Sums of the squares and of the products, unit by unit.
    n
        Number of units.

    Examples
    --------
    >>> [float(round(value, 3)) for value in ratio(6.0, 10.0, 20.0, 28.0, 50.0, 2.0)]
    [0.6, 0.019, 1.181]
    """
    from scipy.stats import norm

    some = np.where(np.asarray(whole, float) > 0, whole, np.nan)
    rate, se = linearised(part, some, part2, product, whole2, n)
    wide = norm.ppf(0.5 + LEVEL / 2) * np.where(np.asarray(n) > 1, se, np.nan)
    return rate, np.maximum(rate - wide, 0), rate + wide


def _with_interval(name: str, values: tuple[Any, Any, Any]) -> dict[str, Any]:
    return dict(zip((name, f"{name}_lower", f"{name}_upper"), values, strict=True))


def _shown(frame: "pd.DataFrame", k: int) -> "pd.DataFrame":
    """Hide rows of few visitors, and what few of a row's visitors did."""
    visitors = frame["visitors"]
    out = frame.drop(columns=[name for name in map(str, frame.columns) if name.startswith(("who_", "saw_"))])
    if k == 1:
        return out.assign(suppressed=False)
    hidden = few(visitors, visitors, k)
    numbers = out.columns[out.columns.get_loc("visitors") :]
    out = out.assign(**{name: out[name].astype("float64").mask(hidden) for name in numbers})
    acted = {name: few(frame[name], visitors, k, hidden) for name in TIED}
    saw = {name: few(frame[name], frame["who_campaign_views"], k, hidden) for name in ("saw_joins", "saw_conversions")}
    users = few(frame["users"], frame["users"], k, hidden)
    new = few(frame["new_users"], frame["users"], k, users)
    where = [(names, acted[who]) for who, names in TIED.items()]
    where += [(("join_rate",), saw["saw_joins"]), (("conversion_rate",), saw["saw_conversions"])]
    where += [(("users",), users), (("new_users",), new)]
    for names, hide in where:
        told = [name for name in numbers if name.removesuffix("_lower").removesuffix("_upper") in names]
        out = out.assign(**{name: out[name].mask(hide) for name in told})
    return out.assign(suppressed=hidden)


def few(parts: "pd.Series", wholes: "pd.Series", k: int, hidden: "pd.Series | None" = None) -> "pd.Series":
    """Say which rows' parts are few, or leave few; that of the total (the last row) too, if it gives one away."""
    import pandas as pd

    rows = slice(0, len(parts) - 1)
    hidden = pd.Series(False, parts.index) if hidden is None else hidden
    hide = small_parts(parts[rows], wholes[rows], k=k, hidden=hidden[rows], overlapping=True)
    bare = exposed(parts[rows], hide, by=[pd.Series(0, parts.index[rows])], k=k).any()
    whole = bare or hidden.iloc[-1] or discloses(parts.iloc[-1], wholes.iloc[-1], k)
    return pd.concat([hide, pd.Series([bool(whole)], [parts.index[-1]])])


def hours_of_week(
    bank: "Bank",
    since: dt.date | str | None = None,
    as_of: dt.date | str | None = None,
    *,
    org_id: int | str | None = None,
    k: int = K,
) -> "pd.DataFrame":
    """Say at which hours of the week pages are seen.

    Parameters
    ----------
    bank, since, as_of, org_id
        As of :func:`platform`.
    k : int
        Hours of 1 to k − 1 visitors are null; 1 hides nothing.

    Returns
    -------
    pandas.DataFrame
        A row per weekday (1 Monday … 7 Sunday) and hour (0 … 23), 168 of them: page_views, visitors, per_hour (page
        views in one such hour, over the days of that weekday between the first and the last day) with _lower, _upper
        (95%, from the hours' own spread from week to week; null below two weeks), suppressed.

    Raises
    ------
    ParameterError, SchemaError
        As of :func:`platform`.
    """
    import pandas as pd
    from scipy.stats import t as student

    check_k(k)
    events, _ = traffic(bank, (), since, as_of, org_id=org_id)
    seen = events.filter(events.event.isin(VIEWS))
    seen = seen.mutate(day=seen.ts.date(), hour=seen.ts.hour())
    by_hour = _frame(seen.group_by("day", "hour").aggregate(page_views=seen.count()))
    days = pd.to_datetime(by_hour["day"])
    frame = pd.MultiIndex.from_product([range(1, 8), range(24)], names=["weekday", "hour"]).to_frame(index=False)
    if days.empty:
        return frame.assign(page_views=0, visitors=0, per_hour=np.nan, per_hour_lower=np.nan, per_hour_upper=np.nan,
                            suppressed=False)  # fmt: skip
    first = parse_date("since", since) if since is not None else days.min()
    last = parse_date("as_of", as_of) if as_of is not None else days.max()
    weekdays = pd.Series(pd.date_range(first, last).day_of_week + 1).value_counts()
    who = seen.mutate(weekday=seen.ts.day_of_week.index() + 1)
    visitors = _frame(who.group_by("weekday", "hour").aggregate(visitors=who.visitor_id.nunique()))
    cells = by_hour.assign(weekday=days.dt.day_of_week + 1, square=by_hour["page_views"].astype(float) ** 2)
    cells = cells.groupby(["weekday", "hour"], as_index=False)[["page_views", "square"]].sum()
    frame = frame.merge(cells, "left").merge(visitors, "left").fillna(0).astype("int64")
    n = frame["weekday"].map(weekdays).fillna(0).to_numpy(float)
    some, more = np.where(n > 0, n, np.nan), np.where(n > 1, n, np.nan)
    mean = frame["page_views"].to_numpy(float) / some
    se = np.sqrt(np.maximum(frame["square"] - n * mean**2, 0) / (more - 1) / more)
    wide = student.ppf(0.5 + LEVEL / 2, more - 1) * se
    frame = frame.assign(per_hour=mean, per_hour_lower=np.maximum(mean - wide, 0), per_hour_upper=mean + wide)
    hidden = small_cells(frame["visitors"], k=k, overlapping=True)
    names = ["page_views", "visitors", "per_hour", "per_hour_lower", "per_hour_upper"]
    if k > 1:
        frame = frame.assign(**{name: frame[name].astype("float64").mask(hidden) for name in names})
    return frame.drop(columns="square").assign(suppressed=hidden & (k > 1))
