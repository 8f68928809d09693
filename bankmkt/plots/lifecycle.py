"""Figures of the life cycle: who moved where, who stayed, what comes next month.

Each takes a frame of :mod:`bankmkt.segments` and an optional ``ax``, and returns the ``Axes``; the title is the claim
that the frame supports.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np

from bankmkt.errors import Refused
from bankmkt.plots import theme, wording
from bankmkt.plots.alluvial import migration
from bankmkt.plots.groups import colour, need, ordered

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["CURVES", "agreement", "attrition", "migration", "retention", "states", "transitions"]

QUARTER = "opened_quarter"

CURVES = 6
"""The most cohorts a figure of retention shows."""


def retention(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw the share of customers still there, by months since they opened, a curve per cohort with its interval.

    A curve begins at all who were there, and stays level until the next month's end. Where points are hidden, it runs
    straight between those that are shown.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.segments.retention`; of more than six cohorts, six evenly chosen ones are drawn.
    """
    columns = ("by", "cohort", "months", "from_month", "retained", "ci_lower", "ci_upper", "complete")
    need(frame, columns, "bankmkt.segments.retention")
    shown = frame.dropna(subset=["retained"])
    if not len(shown):
        raise Refused("the retention has nothing that can be shown", todo="choose larger groups")
    cohorts = ordered(shown["cohort"].unique())
    if len(cohorts) > CURVES:
        cohorts = [cohorts[i] for i in np.linspace(0, len(cohorts) - 1, CURVES).round().astype(int)]
    by = str(frame["by"].iloc[0])
    ax = theme.axes(ax)
    colours = (theme.BLUE, theme.ORANGE, theme.GREEN, theme.VERMILION, theme.SKY, theme.PURPLE)
    hidden, ends = 0, {}
    for cohort, line in zip(cohorts, colours, strict=False):
        rows = frame[frame["cohort"] == cohort]
        unseen = int(rows["retained"].isna().sum())
        hidden += unseen
        rows = rows.dropna(subset=["retained"])
        begin = int(rows["from_month"].iloc[0])
        at = np.concatenate([[begin], rows["months"] + 1])
        share, lower, upper = (np.concatenate([[1.0], rows[name]]) for name in ("retained", "ci_lower", "ci_upper"))
        label = _cohort(by, cohort) + ("" if rows["complete"].all() else " (not over)")
        steps: Literal["post"] | None = None if unseen else "post"
        ax.plot(at, share, color=line, marker=".", markersize=6 if unseen else 4, label=label,
                drawstyle="default" if unseen else "steps-post")  # fmt: skip
        ax.fill_between(at, lower, upper, step=steps, color=line, alpha=0.12, linewidth=0)
        last = rows.iloc[-1]
        ends[cohort] = (int(last["months"]) + 1, last["retained"], begin)
    theme.percent_axis(ax.yaxis)
    theme.count_axis(ax.xaxis)
    ax.set_ylim(top=1.005)
    note = "" if by == QUARTER else "\ncustomers who opened in different years are put together (a period estimate)"
    ax.set_xlabel("months since opening (shaded: 95% interval)" + note)
    ax.set_ylabel("customers still there")
    ax.legend(loc="lower left", ncols=2, title="quarter of opening" if by == QUARTER else wording.words(by))
    cohort, (months, share, begin) = max(ends.items(), key=lambda item: item[1][0])
    who = (
        f"those who opened in {cohort}" if by == QUARTER else f"customers ({wording.words(by)}: {_cohort(by, cohort)})"
    )
    since = f"those of {who} seen after {begin} months" if begin else who
    text = f"{wording.quantity(share, 'share')} of {since} are still there after {months}" + (
        " months" if not begin else ""
    )
    theme.claim(ax, text + (f" ({hidden} {'points' if hidden > 1 else 'point'} hidden)" if hidden else ""))
    return ax


def _cohort(by: str, cohort: str) -> str:
    yes = {"true": "yes", "false": "no"}
    return yes.get(cohort, cohort) if by == QUARTER else yes.get(cohort, wording.words(cohort))


def transitions(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw the chances of each next month's state, a row per present state.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.segments.transitions`.
    """
    need(frame, ("from", "to", "probability", "suppressed"), "bankmkt.segments.transitions")
    if not frame["probability"].notna().any():
        raise Refused("the transitions have nothing that can be shown", todo="choose larger groups, or more months")
    grid = frame.pivot(index="from", columns="to", values="probability")
    names = ordered({*grid.index, *grid.columns})
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

    need(frame, ("month", "state", "share"), "bankmkt.segments.customer_base")
    wide = frame.pivot(index="month", columns="state", values="share").fillna(0.0)
    names = ordered(wide.columns)
    ax = theme.axes(ax, 4.6)
    at = pd.to_datetime(wide.index)
    ax.stackplot(
        at, [wide[name] for name in names], labels=[wording.capital(name) for name in names],
        colors=[colour(name) for name in names], alpha=0.85, linewidth=0.5, edgecolor="white",
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
    need(frame, ("period", "state", "rate", "ci_lower", "ci_upper"), "bankmkt.segments.attrition")
    shown = frame.dropna(subset=["rate"])
    if not len(shown):
        raise Refused("no rate of attrition can be shown", todo="choose a larger bank")
    later = shown[shown["period"] == "later"].set_index("state")["rate"]
    names = sorted(shown["state"].unique(), key=lambda state: -later.get(state, -1.0))
    ax = theme.axes(ax, 1.6 + 0.45 * len(names))
    for period, offset, ink, label in (
        ("earlier", -0.13, theme.GREY, "earlier months: learned from"),
        ("later", 0.13, theme.VERMILION, "later months: tested on"),
    ):
        rows = shown[shown["period"] == period]
        at = [names.index(state) + offset for state in rows["state"]]
        ax.hlines(at, rows["ci_lower"], rows["ci_upper"], color=ink, linewidth=2.5)
        ax.plot(rows["rate"], at, "o", color=ink, markersize=7, label=label)
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
    """Draw in which states the customers of each true stage are said to be.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Agreement.cells`` of :func:`bankmkt.segments.state_agreement`.
    kappa : float
        Cohen's.
    """
    need(frame, ("state", "truth", "share"), "bankmkt.segments.state_agreement")
    rows, columns = (ordered(set(frame[name])) for name in ("state", "truth"))
    wide = frame.pivot(index="state", columns="truth", values="share").reindex(index=rows, columns=columns)
    ax = theme.axes(ax, 1.6 + 0.4 * len(rows))
    ax.imshow(np.nan_to_num(wide.to_numpy(dtype=float)), aspect="auto", vmin=0, vmax=1, cmap="Blues")
    for (i, j), share in np.ndenumerate(wide.to_numpy(dtype=float)):
        text = "hidden" if share != share else wording.quantity(share, "share")
        ax.text(j, i, text, ha="center", va="center", fontsize=9, color="white" if share > 0.6 else theme.INK)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), [wording.capital(name) for name in rows])
    ax.set_xlabel("true stage (each column adds up to 100%)")
    ax.set_ylabel("state told from the data")
    ax.grid(visible=False)
    ax.tick_params(length=0)
    theme.claim(ax, f"Agreement of states with the truth beyond chance (Cohen’s kappa): {kappa:.2f} of 1")
    return ax
