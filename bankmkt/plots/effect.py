"""Figures of what a campaign changed, from the frames of :mod:`bankmkt.experiment`.

Each takes a frame (:func:`path` also the published table) and an optional ``ax``, and returns the ``Axes``; the title
is the claim that the frame supports.
"""

import textwrap
from typing import TYPE_CHECKING

from bankmkt.errors import ParameterError, one_of
from bankmkt.plots import reading, theme
from bankmkt.plots.parts import month_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

UNITS = {
    "aum_change": "yuan per customer",
    "products_change": "products per customer",
    "logins": "logins per customer a month",
    "conversion": "share of customers",
    "aum": "yuan per customer",
    "products": "products per customer",
}
"""Unit of each outcome and indicator, as :func:`bankmkt.plots.quantity` reads it."""

COLOURS = {
    "effect": theme.GREEN, "mean_reversion": theme.SKY, "trend": theme.YELLOW, "traits": theme.ORANGE,
    "hidden": theme.VERMILION, "gap": theme.GREY,
}  # fmt: skip


def methods(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw every method's estimate of one outcome with its 95% interval, and the truth where it is known.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Evaluation.of(outcome)`` of :func:`bankmkt.experiment.evaluate`.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If the frame is empty or holds several outcomes.
    """
    outcome = reading.one(frame, "outcome")
    unit, known = UNITS[outcome], "truth" in frame
    ax = theme.axes(ax, 1.4 + 0.5 * len(frame))
    for y, r in enumerate(frame.to_dict("records")):
        colour = theme.PURPLE if r["target"] in ("ITT", "CACE") else theme.BLUE
        ax.plot([r["ci_low"], r["ci_high"]], [y, y], color=colour, linewidth=2.5, solid_capstyle="round")
        ax.plot(r["estimate"], y, "o", color=colour, markersize=8)
        text = reading.signed(r["estimate"], outcome)
        ax.annotate(text, (r["estimate"], y), (0, 9), textcoords="offset points", ha="center", fontsize=9)
    if known:
        rows = range(len(frame))
        ax.plot(frame["truth"], rows, "D", color=theme.INK, markersize=7, markerfacecolor="none", label="truth")
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)
    ax.axvline(0, color=theme.GREY, linewidth=1)
    ax.set_yticks(range(len(frame)), [textwrap.fill(method, 26) for method in frame["method"]])
    ax.set_ylim(len(frame) - 0.5, -0.7)
    ax.grid(visible=False, axis="y")
    largest = frame[["estimate", "ci_low", "ci_high"]].abs().to_numpy().max()
    label = theme.unit_axis(ax.xaxis, largest, unit)
    ax.set_xlabel(f"effect on {reading.NAMES[outcome]}, {label} (95% interval)")
    theme.claim(ax, reading.methods_claim(frame), above=12 if known else 0)
    return ax


def path(frame: "pd.DataFrame", published: "pd.DataFrame", indicator: str, ax: "Axes | None" = None) -> "Axes":
    """Draw participants and others month by month, the campaign shaded.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.experiment.monthly_path`.
    published : pandas.DataFrame
        Of :func:`bankmkt.experiment.compare`, whose growth the title repeats.
    indicator : str
        ``"aum"``, ``"products"`` or ``"logins"``.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    import pandas as pd

    title = reading.path_claim(frame, published, indicator)
    rows = frame[frame["indicator"] == indicator].assign(month=lambda t: pd.to_datetime(t["month"]))
    ax = theme.axes(ax, 3.8)
    for joined, label, colour, style in (
        (True, "participants", theme.BLUE, "-"),
        (False, "others", theme.ORANGE, "--"),
    ):
        r = rows[rows["participated"] == joined]
        ax.fill_between(r["month"], r["ci_low"], r["ci_high"], color=colour, alpha=0.18, linewidth=0)
        ax.plot(r["month"], r["mean"], style, color=colour, marker="o", markersize=4, label=label)
    start = rows.loc[rows["months_after"] == 0, "month"].iloc[0]
    ax.axvspan(start, rows["month"].max(), color=theme.GREY, alpha=0.12, linewidth=0, label="campaign")
    top = float(rows["ci_high"].max())
    ax.set_ylim(0 if rows["ci_low"].min() < 0.5 * top else None, None)
    ax.set_ylabel(theme.unit_axis(ax.yaxis, top, UNITS[indicator]))
    month_axis(ax, rows["month"].nunique())
    ax.legend(loc="upper left", ncols=3)
    ax.margins(y=0.2)
    theme.claim(ax, title)
    return ax


def gap(frame: "pd.DataFrame", outcome: str, ax: "Axes | None" = None) -> "Axes":
    """Draw the gap between participants and others as the sum of its parts, each with its 95% interval.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.experiment.decompose`.
    outcome : str
        The outcome it is of.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    if outcome not in UNITS:
        raise ParameterError("outcome", outcome, one_of(UNITS), "pass the outcome that was taken apart")
    ax = theme.axes(ax, 1.4 + 0.5 * len(frame))
    at = 0.0
    for y, r in enumerate(frame.to_dict("records")):
        left = 0.0 if r["part"] == "gap" else at
        low, high = left + r["ci_low"], left + r["ci_high"]
        ax.barh(y, r["value"], left=left, color=COLOURS[r["part"]], edgecolor=theme.INK, linewidth=0.5, height=0.6)
        at = left + r["value"]
        ax.plot([low, high], [y, y], color=theme.INK, linewidth=1.2)
        if y < len(frame) - 1:
            ax.plot([at, at], [y + 0.3, y + 0.7], color=theme.GREY, linewidth=1)
        text = f"{reading.signed(r['value'], outcome)} ({reading.percent(r['share'])})"
        ax.annotate(text, (max(at, left, high), y), (6, 0), textcoords="offset points", va="center", fontsize=9)
    ax.axvline(0, color=theme.GREY, linewidth=1)
    ax.set_yticks(range(len(frame)), list(frame["label"]))
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.margins(x=0.24)
    label = theme.unit_axis(ax.xaxis, frame[["value", "ci_low", "ci_high"]].abs().to_numpy().max(), UNITS[outcome])
    ax.set_xlabel(f"difference in {reading.NAMES[outcome]}, {label} (share of the gap)")
    theme.claim(ax, reading.gap_claim(frame, outcome))
    return ax
