"""Monitoring: a replay hour by hour that raises an alert where traffic or its conversion leaves what is expected."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
from bankmkt.frames import engine_table, fetch
from bankmkt.funnel import expected
from bankmkt.funnel.expected import WEEK, Numbers, Outlook, Pair
from bankmkt.funnel.matches import check_columns
from bankmkt.lookback import parse_date

KINDS = {"outage": 1 / 3, "surge": 2.0, "conversion_fall": 0.5, "conversion_rise": 2.0}
"""What an alert is of → how many times the expected its run rule looks for: counts for the first two, then shares."""
BELONGS = {"conversion_fall": "surge", "conversion_rise": "outage"}
"""A conversion that moves with the traffic is a part of that alert: bots see and do not click."""
QUIET = 12
"""Hours without an alarm after which the next one is a new alert."""
NEW_NORMAL = 72
"""Hours after which a change that lasts is learned from as it is."""

COLUMNS = (
    "expected", "lower", "upper", "expected_part", "expected_rate", "rate_lower", "rate_upper", "clump", "wide",
    "share", "share_clump", "apart",
)  # fmt: skip
"""What is foreseen of an hour."""


@dataclass(frozen=True)
class Replay:
    """What :func:`monitor` saw.

    Parameters
    ----------
    hours
        A row per series and hour: series, hour; count (of the denominator) with expected, lower, upper; part (of the
        numerator) with expected_part; rate (part / count) with expected_rate, rate_lower, rate_upper; clump, wide,
        share, share_clump, apart (of :class:`bankmkt.funnel.expected.Outlook`); watched (false while too little is
        known); by kind of :data:`KINDS` the run rule's evidence, 1 being an alarm; alarm (kinds, joined by commas).
    alerts
        A row per alert: series, kind, began (the first hour that speaks for it), raised (the hour after which it was
        raised), last (its last alarm), hours (from began to last), size (observed / expected over these hours: of the
        count, or of the rate), rule ("band" or "run": which raised it).
    per_week
        Alarms a week that chance alone may raise at most, over all series, kinds and rules.
    risk
        Chance of a false alarm of one rule for one kind in one hour that follows from it.
    """

    hours: pd.DataFrame
    alerts: pd.DataFrame
    per_week: float
    risk: float


def monitor(
    events: Any,
    campaign_id: int | str | None = None,
    numerator: str = "campaign_click",
    denominator: str = "campaign_view",
    *,
    by: str | None = None,
    since: dt.date | str | None = None,
    as_of: dt.date | str | None = None,
    weeks: int = 8,
    per_week: float = 1.0,
    time: str = "ts",
    event: str = "event",
) -> Replay:
    """Replay traffic hour by hour, and raise an alert where it leaves what is expected; no hour sees later data.

    Each day's hours are foreseen from the days before: the weekly rhythm from the last ``weeks`` of all these events,
    whatever their campaign; the level from the series' own days, the last most. Counts vary as a negative binomial, the
    numerator among them as a beta-binomial, as widely as those weeks did; how much events come in clumps (one visitor's
    views) is the series' own. Two rules each for fewer and more events and
    for a lower and a higher conversion: *band*, one hour beyond its limits; *run*, the sum of the evidence for a change
    of the size in :data:`KINDS` (CUSUM of log-likelihood ratios).

    Parameters
    ----------
    events : ibis table or pandas.DataFrame
        A row per event, with ``time`` and ``event``, and campaign_id if one is asked for.
    campaign_id
        The campaign; None for all the events.
    numerator, denominator
        Names of events: what should follow, and upon what.
    by : str, optional
        A column, such as platform: each of its values is a series of its own.
    since, as_of
        First and last day that is watched, the last as a whole: what has not come by its end is missed. By default from
        the first day to the last full hour of the events of any kind, so that a log cut in an hour is no outage; but
        whether all of it stopped only ``as_of`` can tell. Earlier days are learned from.
    weeks : int
        Whole weeks that the rhythm is learned from, 2 to 52.
    per_week : float
        False alarms a week, over all series, kinds and rules, that the limits allow at most; above 0, up to 7 (with
        more, what is not learned from because of them would narrow the limits).
    time, event : str
        Columns.

    Returns
    -------
    Replay

    Raises
    ------
    ParameterError
        If an argument is not as above.
    SchemaError
        If a column is missing.
    DataError
        If there is no such event.

    Notes
    -----
    A likelihood-ratio CUSUM with threshold h raises a false alarm at most once in exp(h) hours, whatever the hours'
    expectations are (Lorden 1971, Annals of Mathematical Statistics 42; the reflected sum is below the Shiryaev–Roberts
    statistic, whose mean grows by 1 an hour), if the expectations are right; the band's limits are Bonferroni's. A
    fault is seen when its evidence adds up to h: :func:`delays` says after how many hours.
    """
    if isinstance(weeks, bool) or not isinstance(weeks, int) or not 2 <= weeks <= 52:
        raise ParameterError("weeks", weeks, "an integer from 2 to 52", "pass weeks=8")
    if isinstance(per_week, bool) or not isinstance(per_week, int | float) or not 0 < per_week <= 7:
        raise ParameterError("per_week", per_week, "a number above 0, up to 7", "pass per_week=1")
    if numerator == denominator:
        raise ParameterError("numerator", numerator, "another event than the denominator")
    table, until = _hourly(events, campaign_id, (numerator, denominator), by, as_of, time, event)
    grid, base, own = _series(table, denominator, numerator, until)
    risk = per_week / (WEEK * len(KINDS) * 2 * len(own))
    first = parse_date("since", since) if since is not None else None
    hours, alerts = [], []
    for name, pair in own.items():
        seen, found = watch(pair, base, grid, weeks, risk, first)
        hours.append(seen.assign(series=name))
        alerts.append(found.assign(series=name))
    return Replay(_stacked(hours), _stacked(alerts), per_week, risk)


def _stacked(parts: list[pd.DataFrame]) -> pd.DataFrame:
    frame = pd.concat(parts, ignore_index=True)
    return frame[["series", *frame.columns.drop("series")]]


def _hourly(
    events: Any, campaign_id: Any, names: tuple[str, str], by: str | None, as_of: Any, time: str, event: str
) -> tuple[pd.DataFrame, pd.Timestamp]:
    """Count both events by hour, series, and whether they are the campaign's; return also when the watch ends."""
    import ibis

    t, _ = engine_table(events, "events")
    check_columns(t, {"ts": time})
    needed = [event, *(["campaign_id"] if campaign_id is not None else []), *([by] if by else [])]
    for name in needed:
        if name not in t.columns:
            raise SchemaError("events have no column", name, one_of(t.columns), "name a column of the events")
    if campaign_id is not None:
        _check_id(campaign_id, t.campaign_id.type())
    if as_of is None:
        last = fetch(t.aggregate(last=t[time].cast("timestamp(6)").max())).to_pylist()[0]["last"]
        until = pd.Timestamp(last).floor("h")
    else:
        until = pd.Timestamp(parse_date("as_of", as_of)) + pd.Timedelta(days=1)
    t = t.filter(t[event].isin(names), t[time] < until.to_pydatetime()) if until is not pd.NaT else t.limit(0)
    mine = ibis.literal(True) if campaign_id is None else (t.campaign_id == campaign_id).fill_null(False)
    series = t[by].cast("string").fill_null("none") if by else ibis.literal("all")
    rows = t.select(hour=t[time].cast("timestamp(6)").truncate("h"), what=t[event], mine=mine, series=series)
    frame: pd.DataFrame = fetch(rows.group_by("hour", "what", "mine", "series").aggregate(n=rows.count())).to_pandas()
    if not frame.loc[frame["mine"] & (frame["what"] == names[1]), "n"].sum():
        raise DataError("events", f"no {names[1]}", "some", "check campaign_id, as_of and denominator")
    return frame.assign(hour=pd.to_datetime(frame["hour"])), until


def _check_id(campaign_id: Any, kind: Any) -> None:
    """Check that a campaign's number is of the column's type."""
    whole = isinstance(campaign_id, int | np.integer) and not isinstance(campaign_id, bool)
    if (kind.is_string() and not isinstance(campaign_id, str)) or (kind.is_numeric() and not whole):
        raise ParameterError(
            "campaign_id", campaign_id, "a text" if kind.is_string() else "an integer", "pass it as the events have it"
        )


def _series(
    table: pd.DataFrame, count: str, part: str, until: pd.Timestamp
) -> tuple[pd.DatetimeIndex, Pair, dict[str, Pair]]:
    """Lay the counts on a grid of hours from a Monday: of all events, and of each series from its first day."""
    start = table["hour"].min().normalize()
    start -= pd.Timedelta(days=start.day_of_week)
    grid = pd.date_range(start, until, freq="h", inclusive="left")

    def laid(rows: pd.DataFrame, what: str) -> Numbers:
        sums = rows[rows["what"] == what].groupby("hour")["n"].sum()
        return sums.reindex(grid, fill_value=0).to_numpy(float)

    base = (laid(table, count), laid(table, part))
    own = {}
    for name, rows in table[table["mine"]].groupby("series"):
        if (rows["what"] == count).any():
            since = grid.get_loc(rows["hour"].min().normalize())
            own[str(name)] = (laid(rows, count)[since:], laid(rows, part)[since:])
    return grid, base, own


def watch(
    own: Pair,
    base: Pair,
    hours: pd.DatetimeIndex,
    weeks: int,
    risk: float,
    since: dt.date | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Replay one series.

    Parameters
    ----------
    own : tuple of (n,) arrays
        Counts and numerators of the series' hours, from a midnight up to the end of ``base``.
    base : tuple of (m,) arrays
        Those of all the traffic, from a Monday's midnight.
    hours : DatetimeIndex of m
        The hours of ``base``.
    weeks, risk, since
        As of :func:`monitor` and :class:`Replay`.

    Returns
    -------
    tuple of pandas.DataFrame
        ``Replay.hours`` and ``Replay.alerts`` without the series.
    """
    offset, n = len(base[0]) - len(own[0]), len(own[0])
    observed = [x.astype(float) for x in own]
    clean = [x.copy() for x in observed]  # what is learned from: alerts' hours as they should have been
    others = [b[offset:] - o for b, o in zip(base, observed, strict=True)]
    seen = {name: np.full(n, np.nan) for name in COLUMNS}
    evidence = {kind: np.zeros(n) for kind in KINDS}
    alarm, alerts = np.full(n, "", dtype=object), _Alerts(-np.log(risk))
    level_from = 0
    for i in range(0, n, 24):
        if since is not None and hours[offset + i].date() < since:
            continue
        rhythm = _rhythm(base, clean, others, offset, i)
        ahead = expected.outlook((clean[0][level_from:i], clean[1][level_from:i]), rhythm, weeks)
        if ahead is None:
            continue
        nested = expected.nested(rhythm)
        day = slice(i, min(i + 24, n))
        ratios, outside = _foreseen(seen, day, observed, ahead.first(day.stop - i), nested, risk)
        for t in range(i, day.stop):
            alarms = alerts.step(t, {k: ratios[k][t - i] for k in KINDS}, {k: bool(outside[k][t - i]) for k in KINDS})
            for kind in KINDS:
                evidence[kind][t] = alerts.height[kind]
            alarm[t] = ",".join(alarms)
            for alert in alarms.values():
                fault = slice(alert["began"], t + 1)
                clean[0][fault], clean[1][fault] = seen["expected"][fault], seen["expected_part"][fault]
                if t - alert["began"] > NEW_NORMAL:
                    level_from = alert["began"] // 24 * 24
                    for x, y in zip(clean, observed, strict=True):
                        x[level_from : t + 1] = y[level_from : t + 1]
    frame = pd.DataFrame({
        "hour": hours[offset:], "count": observed[0], "part": observed[1], **seen,
        "watched": ~np.isnan(seen["expected"]), **evidence, "alarm": alarm,
    })  # fmt: skip
    frame.insert(6, "rate", frame["part"] / frame["count"].where(frame["count"] > 0))
    if since is not None:
        frame = frame[frame["hour"] >= pd.Timestamp(since)]
    return frame, alerts.frame(frame)


def _rhythm(base: Pair, clean: list[Numbers], others: list[Numbers], offset: int, end: int) -> Pair:
    """Return all the traffic up to an hour, the series as it should have been."""
    first, second = (np.r_[b[:offset], (c + o)[:end]] for b, c, o in zip(base, clean, others, strict=True))
    return first, second


def _foreseen(
    seen: dict[str, Numbers], day: slice, observed: list[Numbers], ahead: Outlook, nested: bool, risk: float
) -> tuple[dict[str, Numbers], dict[str, Any]]:
    """Fill in what a day should be; return by kind each hour's evidence, and whether it lies outside the band."""
    count, part = observed[0][day], observed[1][day]
    trials = np.maximum(count, part) if nested else count + part

    def rate(parts: Numbers, of: Numbers) -> Numbers:
        whole = of if nested else of - parts
        return np.asarray(parts / np.where(whole > 0, whole, np.nan))

    lower, upper = expected.count_limits(ahead, risk)
    least, most = expected.share_limits(trials, ahead, risk)
    mean_rate = ahead.share if nested else ahead.share / (1 - ahead.share)
    values = (ahead.mean, lower, upper, ahead.mean * mean_rate, mean_rate, rate(least, trials), rate(most, trials),
              ahead.clump, ahead.wide, ahead.share, ahead.share_clump, ahead.apart)  # fmt: skip
    for name, value in zip(COLUMNS, values, strict=True):
        seen[name][day] = value
    ratios = {kind: expected.count_evidence(count, ahead, KINDS[kind]) for kind in ("outage", "surge")}
    ratios |= {kind: expected.share_evidence(part, trials, ahead, KINDS[kind])
               for kind in ("conversion_fall", "conversion_rise")}  # fmt: skip
    outside = {"outage": count < lower, "surge": count > upper, "conversion_fall": part < least,
               "conversion_rise": part > most}  # fmt: skip
    return ratios, outside


class _Alerts:
    """The run rule's sums and the alerts that have been raised, as time goes on."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.height = dict.fromkeys(KINDS, 0.0)
        self.sums = dict.fromkeys(KINDS, 0.0)
        self.began = dict.fromkeys(KINDS, 0)
        self.found: list[dict[str, Any]] = []

    def step(self, t: int, ratios: dict[str, float], outside: dict[str, bool]) -> dict[str, dict[str, Any]]:
        """Take an hour's evidence; return the alerts that have an alarm in it, by kind of the alarm."""
        alarms = {}
        for kind, ratio in ratios.items():
            if self.sums[kind] == 0:
                self.began[kind] = t
            self.sums[kind] = max(0.0, self.sums[kind] + ratio)
            self.height[kind] = self.sums[kind] / self.threshold
            run = self.sums[kind] >= self.threshold
            if run or outside[kind]:
                alarms[kind] = self._alert(kind, self.began[kind] if run else t, t, "run" if run else "band")
            if run:
                self.sums[kind] = 0.0
        return alarms

    def _alert(self, kind: str, began: int, t: int, rule: str) -> dict[str, Any]:
        """Add an alarm to the alert it belongs to, or to a new one."""
        for alert in reversed(self.found):
            if t - alert["last"] > QUIET:
                continue
            if alert["kind"] in (kind, BELONGS.get(kind)) or BELONGS.get(alert["kind"]) == kind:
                alert["kind"] = kind if BELONGS.get(alert["kind"]) == kind else alert["kind"]
                alert["last"] = t
                return alert
        self.found.append({"kind": kind, "began": began, "raised": t, "last": t, "rule": rule})
        return self.found[-1]

    def frame(self, hours: pd.DataFrame) -> pd.DataFrame:
        """Return the alerts with their sizes."""
        rows = []
        for alert in self.found:
            span = hours.loc[alert["began"] : alert["last"]]
            counts = span["count"].sum() / span["expected"].sum()
            should = span["expected_part"].sum() / span["expected"].sum()
            rate = span["part"].sum() / span["count"].sum() / should if span["count"].sum() else np.nan
            times = {name: hours.loc[alert[name], "hour"] for name in ("began", "raised", "last")}
            rows.append({
                "kind": alert["kind"], **times, "hours": len(span),
                "size": counts if alert["kind"] in ("outage", "surge") else rate, "rule": alert["rule"],
            })  # fmt: skip
        return pd.DataFrame(rows, columns=["kind", "began", "raised", "last", "hours", "size", "rule"])
