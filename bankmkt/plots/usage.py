"""Figures of how customers use the bank, from the frames of :func:`bankmkt.health_check`: who is active, and when."""

from typing import TYPE_CHECKING

from bankmkt.plots import theme, wording
from bankmkt.plots.parts import month_axis, share_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def activity(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw the share of customers active in each month, by platform.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``HealthCheck.activity``.
    """
    import pandas as pd

    ax = theme.axes(ax, 3.6)
    drawn = frame[frame.groupby("platform")["share"].transform("count") > 0]
    for platform, rows in drawn.groupby("platform"):
        style = {"color": theme.INK, "linewidth": 2.4} if platform == "all" else {"linewidth": 1.4}
        name = "any of them" if platform == "all" else wording.words(str(platform))
        ax.plot(pd.to_datetime(rows["month"]), rows["share"], marker="o", markersize=3, label=name, **style)
    most = frame["share"].max()
    ax.set_ylim(0, 1.12 * most if most > 0 else 1)
    share_axis(ax.yaxis, ax.get_ylim())
    ax.set_ylabel("share of customers")
    month_axis(ax, frame["month"].nunique())
    ends, margin = pd.to_datetime(frame["month"]).agg(["min", "max"]), pd.Timedelta(days=20)
    ax.set_xlim(ends["min"] - margin, ends["max"] + margin)
    if frame["share"].isna().any():
        ax.set_xlabel("where there is no point, too few were active, or too few were not")
    if drawn["platform"].nunique() > 2:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, borderaxespad=0.2)
    everyone = frame[frame["platform"] == "all"]["share"]
    text = f"{wording.quantity(everyone.iloc[-1], 'share')} of customers were active in the month"
    if everyone.isna().iloc[-1]:
        text = "How many customers were active in the month is hidden"
    theme.claim(ax, text, above=18)
    return ax


def hours(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw logins by weekday and hour as a heat map.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``HealthCheck.hours``, with at least a row.
    """
    shown = frame.dropna(subset=["logins"])
    ax = theme.axes(ax, 3.6)
    grid = shown.pivot(index="weekday", columns="hour", values="logins_per_day").reindex(range(7), columns=range(24))
    ax.patch.set(facecolor="white", edgecolor=theme.GREY, hatch="////")  # seen where there is no cell
    ax.grid(visible=False)
    image = ax.imshow(grid.to_numpy(dtype=float), aspect="auto", vmin=0)
    ax.figure.colorbar(image, ax=ax, label="logins a day", pad=0.02)
    ax.set_yticks(range(7), WEEKDAYS)
    ax.set_xticks(range(0, 24, 2), [f"{hour:02}" for hour in range(0, 24, 2)])
    ax.set_xlabel("hour of the day (hatched: nobody, or too few customers to show)")
    text = "Too few customers log in for their hours to be shown"
    if len(shown):
        top = shown.sort_values("logins_per_day", kind="stable").iloc[-1]
        by_hour = shown.groupby("hour")["logins"].sum()
        start = "Of the hours shown, logins" if frame["logins"].isna().any() else "Logins"
        text = f"{start} peak on {WEEKDAYS[int(top['weekday'])]} at {int(top['hour']):02}:00; over the week,"
        busiest = by_hour.index.tolist()[int(by_hour.argmax())]
        text += (
            f" {wording.quantity(by_hour.max() / by_hour.sum(), 'share')} begin from {busiest:02}:00 to {busiest:02}:59"
        )
    theme.claim(ax, text)
    return ax
