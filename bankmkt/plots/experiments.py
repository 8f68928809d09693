"""Figures of experiments, from the frames of :mod:`bankmkt.experiment`; the title is what the frame supports."""

from typing import TYPE_CHECKING

from bankmkt.confidence import LEVEL
from bankmkt.errors import ParameterError
from bankmkt.names import number
from bankmkt.plots import theme, wording

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def _short(value: float, share: bool) -> str:
    return number(100 * value if share else value, "+.1f" if share else "+,.3g")


def lifts(
    frame: "pd.DataFrame",
    label: str,
    *,
    what: str = "metric",
    share: bool = False,
    unit: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw effects with their 95% intervals, and the truth where a column ``truth`` has it.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.experiment.effects` or :func:`bankmkt.experiment.dose_by`: estimate, ci_lower, ci_upper and
        the column ``what``; ``p_adjusted`` decides colours and title: it is that of no effect in the row.
    label : str
        Of the axis.
    what : str
        Column that names the rows.
    share : bool
        Whether effects are shares, shown in percentage points.
    unit : str
        Added to the numbers in the title.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If the frame has no row with an interval.
    """
    rows = frame[frame["ci_lower"].notna()].reset_index(drop=True)
    if rows.empty:
        raise ParameterError("frame", "no estimate", "a row or more with one", "see its column note")
    ax = theme.axes(ax, 1.5 + 0.5 * len(rows))
    times = 100 if share else 1
    for y, r in enumerate(rows.to_dict("records")):
        colour = theme.BLUE if r["p_adjusted"] < 1 - LEVEL else theme.GREY
        ax.plot([times * r["ci_lower"], times * r["ci_upper"]], [y, y], color=colour, linewidth=2.5)
        ax.plot(times * r["estimate"], y, "o", color=colour, markersize=8)
        place = (times * r["estimate"], y)
        ax.annotate(_short(r["estimate"], share), place, (0, 8), textcoords="offset points", ha="center", fontsize=9)
    if "truth" in rows:
        ax.plot(times * rows["truth"], rows.index, "D", color=theme.INK, markerfacecolor="none", label="truth")
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)
    ax.axvline(0, color=theme.INK, linewidth=1)
    ax.set_yticks(list(rows.index), [wording.capital(wording.words(str(name))) for name in rows[what]])
    ax.set_ylim(len(rows) - 0.4, -0.7)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(f"{label} ({LEVEL:.0%} interval; grey: may be chance)")
    clear = rows[rows["p_adjusted"] < 1 - LEVEL]
    best = rows.iloc[int((rows["estimate"] / rows["se"]).abs().argmax())]
    size = f"{_short(best['estimate'], share)}{' points' if share else unit}"
    low, high = (_short(best[limit], share) for limit in ("ci_lower", "ci_upper"))
    title = (
        f"{len(clear)} of {len(rows)} effects stand out from chance; clearest {wording.words(str(best[what]))}: "
        f"{size} ({low} to {high})"
        if len(clear)
        else f"No effect stands out from chance among {len(rows)}"
    )
    if len(rows) == 1 and len(clear):
        title = f"{wording.capital(wording.words(str(best[what])))}: {size} ({low} to {high}), more than chance"
    theme.claim(ax, title, above=12 if "truth" in rows else 0)
    return ax


def needed(
    frame: "pd.DataFrame", *, share: bool = True, at_hand: int | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw how many customers an effect takes.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.experiment.plan` for several effects: effect, customers, power.
    share : bool
        Whether effects are shares.
    at_hand : int, optional
        Customers there are, drawn as a line.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    rows = frame.groupby("effect")["customers"].max().sort_index().reset_index()
    ax = theme.axes(ax, 3.8)
    x = rows["effect"] * (100 if share else 1)
    ax.plot(x, rows["customers"], "o-", color=theme.BLUE)
    for value, count in zip(x, rows["customers"], strict=True):
        text = f"{count:,.0f}"
        ax.annotate(text, (value, count), (6, 6), textcoords="offset points", fontsize=9)
    if at_hand is not None:
        ax.axhline(at_hand, color=theme.ORANGE, linestyle="--", label=f"at hand: {at_hand:,}")
        ax.legend(loc="upper right")
    theme.count_axis(ax.yaxis)
    ax.set_ylim(0, rows["customers"].max() * 1.15)
    ax.margins(x=0.12)
    ax.set_xlabel("effect to be found, percentage points" if share else "effect to be found")
    ax.set_ylabel("customers in all arms")
    few, many = rows.iloc[-1], rows.iloc[0]
    times = many["customers"] / few["customers"]
    theme.claim(
        ax, f"An effect {few['effect'] / many['effect']:.3g} times smaller takes {times:,.0f} times as many customers"
    )
    return ax


def watched(frame: "pd.DataFrame", label: str, *, share: bool = False, ax: "Axes | None" = None) -> "Axes":
    """Draw what a watcher sees at each look: the naive interval, and the two that hold at all looks.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.experiment.looks`, of one arm.
    label : str
        Of the effect.
    share : bool
        Whether effects are shares, shown in percentage points.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If the frame has several arms.
    """
    arms = sorted(set(frame["arm"]))
    if len(arms) != 1:
        raise ParameterError("frame", arms, "one arm", "choose one: frame[frame.arm == ...]")
    ax, times = theme.axes(ax, 4.2), 100 if share else 1
    ways = (
        ("always", "holds at every look", theme.SKY, 0.35), ("spending", "O’Brien–Fleming", theme.ORANGE, 0.0),
        ("naive", "naive: right once only", theme.VERMILION, 0.0),
    )  # fmt: skip
    x = frame["customers"]
    for name, text, colour, fill in ways:
        low, high = times * frame[f"{name}_lower"], times * frame[f"{name}_upper"]
        if fill:
            ax.fill_between(x, low, high, color=colour, alpha=fill, linewidth=0, label=text)
            continue
        style = "--" if name == "naive" else "-"
        ax.plot(x, low, style, color=colour, linewidth=1.4, label=text)
        ax.plot(x, high, style, color=colour, linewidth=1.4)
    ax.plot(x, times * frame["estimate"], "o-", color=theme.INK, markersize=4, label="estimate")
    ax.axhline(0, color=theme.INK, linewidth=1)
    reach = 1.15 * times * frame[["always_lower", "always_upper"]].abs().to_numpy().max()
    ax.set_ylim(-reach, reach)
    theme.count_axis(ax.xaxis)
    ax.set_xlabel("customers whose outcome is known")
    ax.set_ylabel(label)
    ax.legend(loc="upper right", ncols=2, fontsize=9)
    first = {name: frame.loc[frame[name], "customers"].min() for name in ("naive", "always", "spending")}
    said = {name: f"at {count:,.0f} customers" if count == count else "never" for name, count in first.items()}
    title = f"0 is first left out by the naive interval: {said['naive']}; by one that allows looking: {said['always']}"
    never = all(count != count for count in first.values())
    theme.claim(ax, "0 is left out at no look, by no interval" if never else title)
    return ax


def chances(frame: "pd.DataFrame", level: float, ax: "Axes | None" = None) -> "Axes":
    """Draw each arm's probability of being the best.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Best.table`` of :func:`bankmkt.experiment.best_arm`.
    level : float
        ``Best.level``: the probability from which a winner is named.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    ax = theme.axes(ax, 1.4 + 0.45 * len(frame))
    ax.barh(range(len(frame)), frame["p_best"], color=theme.BLUE, height=0.6)
    for y, value in enumerate(frame["p_best"]):
        ax.annotate(f"{value:.1%}", (value, y), (5, 0), textcoords="offset points", va="center", fontsize=9)
    enough = f"{100 * level:.3g}%"
    ax.axvline(level, color=theme.ORANGE, linestyle="--", label=f"enough to name a winner ({enough})")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)
    ax.set_yticks(range(len(frame)), [wording.capital(wording.words(str(arm))) for arm in frame["arm"]])
    ax.set_ylim(len(frame) - 0.4, -0.6)
    ax.set_xlim(0, 1.12)
    ax.grid(visible=False, axis="y")
    theme.percent_axis(ax.xaxis)
    ax.set_xlabel("probability of being the best arm")
    first = frame.iloc[0]
    name = wording.capital(wording.words(str(first["arm"])))
    verdict = "enough" if first["p_best"] >= level else f"not the {enough} it takes"
    theme.claim(ax, f"{name} is the best arm with {first['p_best']:.1%}: {verdict} to name a winner", above=12)
    return ax


def levels(frame: "pd.DataFrame", label: str, title: str, *, share: bool = False, ax: "Axes | None" = None) -> "Axes":
    """Draw the mean of each arm with its 95% interval, in the order given.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.experiment.arm_means`: arm, mean, ci_lower, ci_upper.
    label : str
        Of the axis.
    title : str
        The claim.
    share : bool
        Whether means are shares.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    ax = theme.axes(ax, 3.6)
    x, reach = range(len(frame)), [frame["mean"] - frame["ci_lower"], frame["ci_upper"] - frame["mean"]]
    ax.errorbar(x, frame["mean"], yerr=reach, fmt="o", color=theme.BLUE, markersize=8, linewidth=2.5)
    for place, value in zip(x, frame["mean"], strict=True):
        text = f"{value:.1%}" if share else number(value, ",.3g")
        ax.annotate(text, (place, value), (9, 0), textcoords="offset points", va="center", fontsize=9)
    ax.set_xticks(list(x), [wording.words(str(arm)) for arm in frame["arm"]])
    ax.set_xlim(-0.5, len(frame) - 0.3)
    if share:
        theme.percent_axis(ax.yaxis)
    ax.set_ylabel(f"{label} ({LEVEL:.0%} interval)")
    ax.grid(visible=False, axis="x")
    theme.claim(ax, title)
    return ax
