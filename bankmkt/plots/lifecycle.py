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


def states(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw the share of customers in each state, month by month.

    Hidden cells are a gap at the top.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``CustomerBase.states``: month, state, share.
    """
    import pandas as pd

    from bankmkt.plots.parts import month_axis

    wide = frame.pivot(index="month", columns="state", values="share").fillna(0.0)
    names = _ordered(wide.columns)
    ax = theme.axes(ax, 4.6)
    at = pd.to_datetime(wide.index)
    ax.stackplot(
        at, [wide[name] for name in names], labels=[wording.capital(name) for name in names],
        colors=[_colour(name) for name in names], alpha=0.85, linewidth=0.5, edgecolor="white",
    )  # fmt: skip
    theme.percent_axis(ax.yaxis)
    ax.set_ylim(0, 1)
    ax.margins(x=0)
    month_axis(ax, len(at))
    ax.set_ylabel("customers")
    ax.set_xlabel("month end")
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.0, 0.5))
    last = wide.iloc[-1]
    most = str(last.idxmax())
    theme.claim(ax, f"{wording.quantity(last[most], 'share')} of customers are {most} at the end of {at[-1]:%B %Y}")
    return ax


def attrition(frame: "pd.DataFrame", auc: float, ends: tuple[float, float], ax: "Axes | None" = None) -> "Axes":
    """Draw which share of each state closed the account: in the months learned from, and in those tested on.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Attrition.rates``.
    auc : float
        ``Attrition.auc``.
    ends : tuple of float
        Of its 95% interval.
    """
    shown = frame.dropna(subset=["rate"])
    if not len(shown):
        raise Refused("no rate of attrition can be shown", todo="choose a larger bank")
    later = shown[shown["period"] == "later"].set_index("state")["rate"]
    names = sorted(shown["state"].unique(), key=lambda state: -later.get(state, -1.0))
    ax = theme.axes(ax, 1.6 + 0.45 * len(names))
    for period, offset, colour, label in (
        ("earlier", -0.13, theme.GREY, "earlier months: learned from"),
        ("later", 0.13, theme.VERMILION, "later months: tested on"),
    ):
        rows = shown[shown["period"] == period]
        at = [names.index(state) + offset for state in rows["state"]]
        ax.hlines(at, rows["ci_lower"], rows["ci_upper"], color=colour, linewidth=2.5)
        ax.plot(rows["rate"], at, "o", color=colour, markersize=7, label=label)
    ax.set_yticks(range(len(names)), [wording.capital(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(left=0)
    theme.percent_axis(ax.xaxis)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("customers who closed their account within six months (95% interval)")
    ax.legend(loc="lower right")
    theme.claim(
        ax, f"The state alone ranks who leaves before who stays in {auc:.0%} of pairs ({ends[0]:.0%} to "
        f"{ends[1]:.0%}); a coin would in 50%",
    )  # fmt: skip
    return ax


def agreement(frame: "pd.DataFrame", kappa: float, ax: "Axes | None" = None) -> "Axes":
    """Draw which true stages the customers of each state are in.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.segments.agreement`.
    kappa : float
        Cohen's.
    """
    rows, columns = (_ordered(set(frame[name])) for name in ("state", "stage"))
    wide = frame.pivot(index="state", columns="stage", values="share").reindex(index=rows, columns=columns)
    ax = theme.axes(ax, 1.6 + 0.4 * len(rows))
    ax.imshow(np.nan_to_num(wide.to_numpy(dtype=float)), aspect="auto", vmin=0, vmax=1, cmap="Blues")
    for (i, j), share in np.ndenumerate(wide.to_numpy(dtype=float)):
        text = "hidden" if share != share else wording.quantity(share, "share")
        ax.text(j, i, text, ha="center", va="center", fontsize=9, color="white" if share > 0.6 else theme.INK)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), [wording.capital(name) for name in rows])
    ax.set_xlabel("true stage")
    ax.set_ylabel("state told from the data")
    ax.grid(visible=False)
    ax.tick_params(length=0)
    theme.claim(ax, f"Agreement of states with the truth beyond chance (Cohen’s kappa): {kappa:.2f} of 1")
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
