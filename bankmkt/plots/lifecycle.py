"""Figures of the life cycle: who moved where, who stayed, what comes next month.

Each takes a frame of :mod:`bankmkt.segments` and an optional ``ax``, and returns the ``Axes``; the title is the claim
that the frame supports.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bankmkt.errors import ParameterError, Refused, one_of
from bankmkt.plots import theme, wording

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLOURS = {
    "outside": "#BBBBBB", "prospect": theme.YELLOW, "new": theme.SKY, "growing": theme.GREEN, "mature": theme.BLUE,
    "declining": theme.ORANGE, "dormant": theme.GREY, "lost": theme.VERMILION, "returned": theme.PURPLE,
}  # fmt: skip
"""Of the states, in the order of a life; other names follow in the order of the alphabet."""

CURVES = 6
"""The most cohorts a figure of retention shows."""

VALUES = {"customers": ("customers", "customers"), "aum": ("aum_before", "aum_after")}


def migration(
    frame: "pd.DataFrame", value: str = "customers", currency: str = "yuan", ax: "Axes | None" = None
) -> "Axes":
    """Draw an alluvial diagram: from each state on the left to each on the right, as wide as what moved.

    Hidden moves are left out. Money has the width that it had on the left and grows or shrinks to what it is now.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.migration`.
    value : str
        ``"customers"`` or ``"aum"``.
    currency : str
        Unit of money.
    """
    if value not in VALUES:
        raise ParameterError("value", value, one_of(VALUES), "pass one of these")
    left, right = VALUES[value]
    rows = frame.dropna(subset=["customers"])
    if not len(rows) or not (rows[left].sum() > 0 and rows[right].sum() > 0):
        raise Refused("the migration has nothing that can be shown", todo="choose larger groups")
    ax = theme.axes(ax, 5.4)
    unit = value if value == "customers" else currency
    ends = []
    for side, (end, other, column) in enumerate((("from", "to", left), ("to", "from", right))):
        sizes = rows.groupby(end)[column].sum()
        gap = 0.02 * max(rows[left].sum(), rows[right].sum())
        floor, places, middles = 0.0, {}, {}
        for state in reversed(_ordered(sizes.index)):
            middles[state] = floor + sizes[state] / 2
            ax.bar(side, sizes[state], 0.05, floor, color=_colour(state), align="center", zorder=3)
            at = floor
            for there in reversed(_ordered(rows.loc[rows[end] == state, other])):
                key = (state, there) if side == 0 else (there, state)
                width = rows.loc[(rows[end] == state) & (rows[other] == there), column].item()
                places[key] = (at, at + width)
                at += width
            floor += sizes[state] + gap
        ends.append(places)
        texts = {s: f"{wording.capital(str(s))}  {wording.quantity(sizes[s], unit)}" for s in sizes.index}
        _label(ax, side, middles, texts, floor)
    x = np.linspace(0, 1, 60)
    smooth = 3 * x**2 - 2 * x**3
    for key, (low, high) in ends[0].items():
        to_low, to_high = ends[1][key]
        lower, upper = low + (to_low - low) * smooth, high + (to_high - high) * smooth
        ax.fill_between(x, lower, upper, color=_colour(key[0]), alpha=0.45 if key[0] != key[1] else 0.2, linewidth=0)
    ax.set_xlim(-0.42, 1.42)
    ax.set_xticks([0, 1], ["before", "after"])
    ax.tick_params(length=0)
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    moved = rows[rows["from"] != rows["to"]]
    text = (
        "Nobody moved" if moved.empty else f"{wording.quantity(moved['customers'].sum(), 'customers')} customers moved"
    )
    if value == "aum":
        change = wording.difference(rows[right].sum(), rows[left].sum(), currency)
        text += f"; what they and the others shown hold changed by {change}"
    elif len(moved):
        most = moved.iloc[int(moved["customers"].argmax())]
        text += f"; most often from {most['from']} to {most['to']} ({wording.quantity(most['customers'], 'customers')})"
    hidden = int(frame["suppressed"].sum())
    theme.claim(ax, text + (f" – {hidden} moves are hidden and left out" if hidden else ""))
    return ax


def retention(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw the share of customers still there, by months since they opened, a curve per cohort with its interval.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.segments.retention`; of more than six cohorts, six evenly chosen ones are drawn.
    """
    shown = frame.dropna(subset=["retained"])
    if not len(shown):
        raise Refused("the retention has nothing that can be shown", todo="choose larger groups")
    cohorts = sorted(shown["cohort"].unique())
    if len(cohorts) > CURVES:
        cohorts = [cohorts[i] for i in np.linspace(0, len(cohorts) - 1, CURVES).round().astype(int)]
    ax = theme.axes(ax)
    colours = (theme.BLUE, theme.ORANGE, theme.GREEN, theme.VERMILION, theme.SKY, theme.PURPLE)
    ends = {}
    for cohort, colour in zip(cohorts, colours, strict=False):
        rows = shown[shown["cohort"] == cohort]
        at = rows["months"].to_numpy(dtype=float) + 1
        ax.plot(at, rows["retained"], color=colour, marker=".", label=wording.words(str(cohort)))
        ax.fill_between(at, rows["ci_lower"], rows["ci_upper"], color=colour, alpha=0.15, linewidth=0)
        ends[cohort] = (rows["months"].iloc[-1] + 1, rows["retained"].iloc[-1])
    theme.percent_axis(ax.yaxis)
    theme.count_axis(ax.xaxis)
    ax.set_ylim(top=1.005)
    ax.set_xlabel("months since opening (shaded: 95% interval)")
    ax.set_ylabel("customers still there")
    ax.legend(loc="lower left", ncols=2)
    cohort, (months, share) = max(ends.items(), key=lambda item: item[1][0])
    theme.claim(
        ax, f"{wording.quantity(share, 'share')} of {wording.words(str(cohort))} are still there after {months} months"
    )
    return ax


def transitions(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw the chances of each next month's state, a row per present state.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.segments.transitions`.
    """
    if not frame["probability"].notna().any():
        raise Refused("the transitions have nothing that can be shown", todo="choose larger groups, or more months")
    grid = frame.pivot(index="from", columns="to", values="probability")
    names = _ordered({*grid.index, *grid.columns})
    grid = grid.reindex(index=names, columns=names)
    hidden = {(r["from"], r["to"]) for r in frame[frame["suppressed"]].to_dict("records")}
    ax = theme.axes(ax, 1.6 + 0.42 * len(names), 8.0)
    values = grid.to_numpy(dtype=float)
    ax.imshow(np.nan_to_num(values), aspect="auto", vmin=0, vmax=1, cmap="Blues")
    for i, row in enumerate(names):
        for j, column in enumerate(names):
            chance = values[i, j]
            text = (
                "hidden" if (row, column) in hidden else "" if chance != chance else wording.quantity(chance, "share")
            )
            ink = "white" if chance > 0.6 else theme.INK
            ax.text(j, i, text, ha="center", va="center", fontsize=8, color=ink)
    ax.set_xticks(range(len(names)), names, fontsize=9)
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("next month")
    ax.set_ylabel("this month")
    ax.grid(visible=False)
    ax.tick_params(length=0)
    moved = frame[(frame["from"] != frame["to"]) & frame["probability"].notna()]
    text = "Nobody leaves a state"
    if len(moved):
        most = moved.iloc[int(moved["probability"].argmax())]
        share = wording.quantity(most["probability"], "share")
        text = f"The likeliest move: {share} of {most['from']} customers are {most['to']} the month after"
    theme.claim(ax, text)
    return ax


def _ordered(states: "set[str] | pd.Index | pd.Series") -> list[str]:
    known = list(COLOURS)
    return sorted(states, key=lambda s: (known.index(s) if s in known else len(known), str(s)))


def _colour(state: str) -> str:
    spare = (theme.BLUE, theme.ORANGE, theme.GREEN, theme.SKY, theme.PURPLE)
    return COLOURS.get(state, spare[sum(map(ord, str(state))) % len(spare)])


def _label(ax: "Axes", side: int, middles: Mapping[str, float], texts: Mapping[str, str], top: float) -> None:
    """Write the names beside the bars, moved up where they would touch the one below."""
    space, last = 0.06 * top, -np.inf
    for state, middle in sorted(middles.items(), key=lambda item: item[1]):
        last = max(middle, last + space)
        x, align = (-0.05, "right") if side == 0 else (1.05, "left")
        ax.text(x, last, texts[state], ha=align, va="center", fontsize=9)
