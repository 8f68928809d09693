"""Figures and tables of monitoring, from the frames of :func:`bankmkt.funnel.monitor`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.confidence import Z
from bankmkt.errors import DataError
from bankmkt.plots import theme, wording
from bankmkt.plots.groups import need

if TYPE_CHECKING:
    import pandas as pd

KINDS = {
    "outage": theme.VERMILION,
    "surge": theme.PURPLE,
    "conversion_fall": theme.ORANGE,
    "conversion_rise": theme.GREEN,
}
"""Kinds of alerts and their colours."""


def replay(hours: "pd.DataFrame", alerts: "pd.DataFrame", names: tuple[str, str], k: int = 10) -> np.ndarray:
    """Draw a replay: counts and conversion day by day against what was expected, and the evidence hour by hour.

    Parameters
    ----------
    hours, alerts : pandas.DataFrame
        ``Replay.hours`` and ``Replay.alerts`` of one series.
    names : tuple of str
        What the counts and their conversion are called, such as ``("views", "clicks per view")``.
    k : int
        Days with 1 to k − 1 events are left out.

    Returns
    -------
    numpy.ndarray of three matplotlib Axes

    Raises
    ------
    SchemaError
        If a column is missing.
    DataError
        If no hour was watched.
    """
    import pandas as pd
    from matplotlib import pyplot as plt
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    columns = ("hour", "count", "expected", "part", "expected_part", "watched", "clump", "wide")
    need(hours, columns, "Replay.hours of bankmkt.funnel.monitor")
    rows = hours[hours["watched"]]
    if rows.empty:
        raise DataError("hours", "none that was watched", "two weeks of traffic before", "choose a later day")
    days = rows.assign(variance=rows["clump"] * rows["expected"] + rows["wide"] * rows["expected"] ** 2)
    days = days.groupby(days["hour"].dt.normalize())[["count", "part", "expected", "expected_part", "variance"]].sum()
    few = days["count"].between(1, k - 1)
    days.loc[few, ["count", "part"]] = np.nan
    figure = plt.figure(figsize=(10, 7.2), layout="constrained")
    panels: Any = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, 2])
    middle = pd.DatetimeIndex(days.index) + pd.Timedelta(hours=12)
    wide = Z * np.sqrt(days["variance"])
    panels[0].fill_between(middle, (days["expected"] - wide).clip(lower=0), days["expected"] + wide, step="mid",
                           color="#DDDDDD", label="expected (95%)")  # fmt: skip
    panels[0].plot(middle, days["count"], color=theme.BLUE, marker="o", markersize=3, label="seen")
    panels[0].set_ylabel(f"{names[0]} a day")
    panels[0].set_ylim(bottom=0)
    theme.count_axis(panels[0].yaxis)
    some = days["count"].where(days["count"] > 0)
    panels[1].plot(middle, days["expected_part"] / days["expected"], color=theme.GREY, linewidth=4, alpha=0.5)
    panels[1].plot(middle, days["part"] / some, color=theme.BLUE, marker="o", markersize=3)
    panels[1].set_ylabel(names[1])
    panels[1].set_ylim(bottom=0)
    theme.percent_axis(panels[1].yaxis)
    for kind, colour in KINDS.items():
        panels[2].plot(rows["hour"], rows[kind].clip(upper=2), color=colour, linewidth=1.2, label=wording.words(kind))
    panels[2].axhline(1, color=theme.INK, linestyle="--", linewidth=1)
    panels[2].set_ylim(0, 2.1)
    panels[2].set_ylabel("evidence\n(1: alarm)")
    for alert in alerts.to_dict("records"):
        for ax in panels:
            ax.axvspan(alert["began"], alert["last"] + pd.Timedelta(hours=1), color=KINDS[alert["kind"]], alpha=0.3,
                       linewidth=0)  # fmt: skip
    panels[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2, fontsize=9)
    panels[2].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0.2, fontsize=9)
    locator = AutoDateLocator()
    panels[2].xaxis.set_major_locator(locator)
    panels[2].xaxis.set_major_formatter(ConciseDateFormatter(locator))
    theme.claim(panels[0], replay_claim(hours, alerts), above=18)
    return panels


def replay_claim(hours: "pd.DataFrame", alerts: "pd.DataFrame") -> str:
    """Say how many alerts there were in how many weeks, and of which kind the longest was.

    Examples
    --------
    >>> import pandas as pd
    >>> hours = pd.DataFrame({"watched": [True] * 336})
    >>> alert = {"kind": "outage", "raised": pd.Timestamp("2026-05-06 11:00"), "hours": 9, "size": 0.04}
    >>> replay_claim(hours, pd.DataFrame([alert]))
    '1 alert in 2.0 weeks; the longest: outage, noticed 6 May 11:00, 4% of what was expected'
    >>> replay_claim(hours, pd.DataFrame([alert])[:0])
    'No alert in 2.0 weeks'
    """
    weeks = hours["watched"].sum() / 168
    if alerts.empty:
        return f"No alert in {weeks:.1f} weeks"
    top = alerts.sort_values("hours", ascending=False, kind="stable").iloc[0]
    number = "1 alert" if len(alerts) == 1 else f"{len(alerts)} alerts"
    text = f"{number} in {weeks:.1f} weeks; the longest: {wording.words(top['kind'])}, noticed {_moment(top['raised'])}"
    return text + (f", {top['size']:.0%} of what was expected" if np.isfinite(top["size"]) else "")


def alert_table(alerts: "pd.DataFrame") -> "pd.DataFrame":
    """Return alerts for readers.

    Parameters
    ----------
    alerts : pandas.DataFrame
        ``Replay.alerts``.
    """
    import pandas as pd

    need(alerts, ("kind", "began", "raised", "hours", "size"), "Replay.alerts of bankmkt.funnel.monitor")
    return pd.DataFrame({
        "alert": alerts["kind"].map(wording.words).map(wording.capital),
        "began_about": alerts["began"].map(_moment), "noticed": alerts["raised"].map(_moment),
        "hours": alerts["hours"],
        "size": alerts["size"].map(lambda v: f"{v:.0%}" if np.isfinite(v) else wording.MISSING),
    })  # fmt: skip


def delay_table(delays: "pd.DataFrame") -> "pd.DataFrame":
    """Return delays for readers.

    Parameters
    ----------
    delays : pandas.DataFrame
        Of :func:`bankmkt.funnel.delays`.
    """
    import pandas as pd

    need(delays, ("kind", "size", "median_hours", "longest_hours"), "bankmkt.funnel.delays")

    def hours(value: float) -> str:
        return f"{value:,.0f} hours" if np.isfinite(value) else "not within this time"

    return pd.DataFrame({
        "fault": delays["kind"].map(wording.words).map(wording.capital),
        "what_is_seen": delays["size"].map(lambda v: f"{v:.0%} of what was expected"),
        "half_are_noticed_within": delays["median_hours"].map(hours),
        "95_of_100_within": delays["longest_hours"].map(hours),
    })  # fmt: skip


def _moment(time: "pd.Timestamp") -> str:
    return f"{time.day} {time:%B %H:%M}"
