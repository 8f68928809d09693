"""Figures of journeys and triggers: where units go, what sets groups apart, and what comes before a purchase.

Each takes a frame of :mod:`bankmkt.funnel` and returns the ``Axes``; the title is the claim that the frame supports.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.errors import DataError
from bankmkt.plots import theme, wording
from bankmkt.plots.bands import bands, stack
from bankmkt.plots.groups import need

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

END, OPEN, OTHERS = "(end)", "(open)", "all others"
COLOURS = (
    theme.BLUE, theme.ORANGE, theme.GREEN, theme.SKY, theme.VERMILION, theme.PURPLE, theme.YELLOW, "#332288",
)  # fmt: skip
"""Of the largest states; the others are drawn together."""
FAINT = {END: "#BBBBBB", OPEN: "#DDDDDD", OTHERS: "#8C8C8C"}


def flows(
    frame: "pd.DataFrame", names: Mapping[str, str] | None = None, unit: str = "journeys", ax: "Axes | None" = None
) -> "Axes":
    """Draw where journeys go over their first steps: an alluvial diagram, as wide as the journeys are many.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.journey_flows`. Of more than eight states the smallest are drawn together.
    names : mapping of str to str, optional
        State → what readers call it.
    unit : str
        What a journey is called, in the plural.
    ax : matplotlib Axes, optional

    Raises
    ------
    DataError
        If nothing can be shown.
    """
    from matplotlib.patches import Patch

    need(frame, ("step", "from", "to", "journeys"), "bankmkt.funnel.journey_flows")
    rows = frame.dropna(subset=["journeys"])
    if rows.empty:
        raise DataError("frame", "nothing to show", "moves of enough units", "take longer time or fewer states")
    moves, kept = _largest(rows)
    colours = dict(zip(kept, COLOURS, strict=False)) | FAINT
    upwards = [name for name in (OPEN, END, OTHERS) if name in {*moves["from"], *moves["to"]}] + kept[::-1]
    ax = theme.axes(ax, 5.6)
    last = int(moves["step"].max())
    whole = float(moves.groupby("step")["journeys"].sum().max())
    for step in range(1, last + 1):
        here = moves[moves["step"] == step]
        places = []
        for side, end in ((step, "from"), (step + 1, "to")):
            size = {str(name): float(n) for name, n in here.groupby(end)["journeys"].sum().items()}
            places.append(stack(size, [name for name in upwards if name in size], 0.02 * whole))
            if end == "from" or step == last:
                for name, (floor, roof) in places[-1].items():
                    ax.bar(side, roof - floor, 0.07, floor, color=colours[name], zorder=3)
                    if roof - floor > 0.045 * whole:
                        ax.text(
                            side + 0.05,
                            (floor + roof) / 2,
                            f"{(roof - floor) / whole:.0%}",
                            va="center",
                            fontsize=8.5,
                            zorder=4,
                        )
        widths = {(a, b): float(n) for a, b, n in zip(here["from"], here["to"], here["journeys"], strict=True)}
        bands(ax, (widths, widths), (places[0], places[1]), colours.__getitem__, (step, step + 1))
    ax.set_xticks(range(1, last + 2), [f"step {n}" for n in range(1, last + 2)])
    ax.set_xlim(0.9, last + 1.35)
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    handles = [Patch(color=colours[name], label=_name(name, names)) for name in reversed(upwards)]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncol=3, fontsize=9)
    if len(rows) < len(frame):
        ax.set_xlabel("without the hidden moves")
    over = moves.loc[(moves["step"] == last) & (moves["to"] == END), "journeys"].sum() / whole
    first = moves[moves["step"] == moves["step"].min()].groupby("from")["journeys"].sum()
    complete = len(rows) == len(frame)
    text = f"{wording.quantity(whole, 'customers')} {unit}{'' if complete else ' with moves that are shown'}: "
    text += f"{first.max() / whole:.0%} begin with “{_name(str(first.idxmax()), names)}”"
    ended = frame[(frame["step"] == last) & (frame["to"] == END)]
    if len(ended) and ended["journeys"].notna().all():
        text += f"; {over:.0%} are {_over(names)} within {last} step{'s' * (last > 1)}"
    theme.claim(ax, text)
    return ax


def _largest(rows: "pd.DataFrame") -> tuple["pd.DataFrame", list[str]]:
    """Return the moves with the smaller states drawn together, and the names of the larger ones, the largest first."""
    sizes: dict[str, float] = {}
    for end in ("from", "to"):
        for row in rows.groupby(["step", end], as_index=False)[["journeys"]].sum().to_dict("records"):
            if row[end] not in (END, OPEN):
                sizes[row[end]] = max(sizes.get(row[end], 0), float(row["journeys"]))
    kept = sorted(sizes, key=lambda name: (-sizes[name], name))[: len(COLOURS)]
    known = {END, OPEN, *kept}
    ends = {end: rows[end].where(rows[end].isin(known), OTHERS) for end in ("from", "to")}
    merged = rows.assign(**ends).groupby(["step", "from", "to"], as_index=False)[["journeys"]].sum()
    return merged, kept


def transition_map(
    frame: "pd.DataFrame", names: Mapping[str, str] | None = None, top: int = 12, ax: "Axes | None" = None
) -> "Axes":
    """Draw which share of those that leave a step goes where: a heat map.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.transitions`.
    names : mapping of str to str, optional
        State → what readers call it.
    top : int
        How many states, the most frequent first.
    ax : matplotlib Axes, optional
    """
    need(frame, ("from", "to", "times", "share"), "bankmkt.funnel.transitions")
    left = frame.groupby("from", sort=False)["times"].sum().sort_values(ascending=False, kind="stable")
    rows = [str(name) for name in left.index if name != "(start)"][:top]
    columns = [*rows, *(name for name in (END, OPEN) if (frame["to"] == name).any())]
    shown = frame.assign(share=frame["share"].fillna(-1))
    table = shown.pivot(index="from", columns="to", values="share").reindex(index=rows, columns=columns)
    ax = theme.axes(ax, 1.9 + 0.42 * len(rows))
    _cells(ax, table, names)
    ax.set_xlabel("next step")
    ax.set_ylabel("step")
    most = frame[frame["from"].isin(rows)].dropna(subset=["share"])
    most = most[most["to"].isin(rows)].sort_values(["times", "share"], ascending=False)
    if most.empty:
        raise DataError("frame", "nothing to show", "moves of enough units", "take longer time or fewer states")
    row = most.iloc[0]
    what = f"“{_name(str(row['from']), names)}” is followed by “{_name(str(row['to']), names)}”"
    theme.claim(ax, f"The most frequent move: {what} {row['share']:.0%} of the time ({row['times']:,.0f} times)")
    return ax


def step_matrix(
    frame: "pd.DataFrame", names: Mapping[str, str] | None = None, top: int = 12, ax: "Axes | None" = None
) -> "Axes":
    """Draw where journeys are after one, two, three … steps: a heat map whose columns add up to 100%.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.step_matrix`.
    names : mapping of str to str, optional
        State → what readers call it.
    top : int
        How many states; those never among the largest are left out.
    ax : matplotlib Axes, optional
    """
    need(frame, ("step", "state", "share"), "bankmkt.funnel.step_matrix")
    shown = frame.assign(share=frame["share"].fillna(-1))
    table = shown.pivot(index="state", columns="step", values="share")
    largest = table.max(axis=1).sort_values(ascending=False, kind="stable").index[:top]
    ends = [name for name in (END, OPEN) if name in largest]
    rows = [name for name in table.fillna(0).idxmax(axis=1).sort_values(kind="stable").index if name in largest]
    table = table.reindex([*(name for name in rows if name not in ends), *ends])
    ax = theme.axes(ax, 1.9 + 0.4 * len(table))
    _cells(ax, table, names)
    ax.tick_params(axis="x", rotation=0)
    ax.set_xlabel("step of the journey")
    theme.claim(ax, _furthest(frame, names))
    return ax


def _furthest(frame: "pd.DataFrame", names: Mapping[str, str] | None) -> str:
    """Say how many journeys are over by the last step at which that is shown, else where most are that are shown."""
    over = frame[(frame["state"] == END) & frame["share"].notna()]
    if len(over):
        row = over.nlargest(1, "step").iloc[0]
        return f"By step {row['step']:.0f}, {row['share']:.0%} of the journeys are {_over(names)}"
    shown = frame.dropna(subset=["share"])
    if shown.empty:
        raise DataError("frame", "nothing to show", "states of enough units", "take longer time or fewer states")
    row = shown[shown["step"] == shown["step"].max()].nlargest(1, "share").iloc[0]
    return f"At step {row['step']:.0f}, {row['share']:.0%} of the journeys are at “{_name(str(row['state']), names)}”"


def _cells(ax: "Axes", table: "pd.DataFrame", names: Mapping[str, str] | None) -> None:
    """Draw shares as a heat map; those below 0 are hidden."""
    from matplotlib import colormaps

    values = table.to_numpy(float)
    for (y, x), share in np.ndenumerate(values):
        if np.isnan(share):
            continue
        ax.add_patch(_square(x, y, colormaps["Blues"](0.05 + 0.85 * share) if share >= 0 else "#F2F2F2"))
        text = "·" if share < 0 else f"{share:.0%}" if share >= 0.005 else "<1%"
        ax.text(x, y, text, ha="center", va="center", fontsize=8.5, color="white" if share > 0.6 else theme.INK)
    ax.set_xlim(-0.5, values.shape[1] - 0.5)
    ax.set_ylim(values.shape[0] - 0.5, -0.5)
    ax.set_xticks(
        range(values.shape[1]),
        [_name(str(name), names) for name in table.columns],
        fontsize=9,
        rotation=40,
        ha="right",
        rotation_mode="anchor",
    )
    ax.set_yticks(range(values.shape[0]), [_name(str(name), names) for name in table.index], fontsize=9)
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def _square(x: int, y: int, colour: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="white")


def comparison(
    frame: "pd.DataFrame",
    names: Mapping[str, str] | None = None,
    groups: tuple[str, str] = ("others", "group 1"),
    top: int = 10,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw which sequences of steps one group takes more often than another, with 95% intervals.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.compare_journeys`.
    names : mapping of str to str, optional
        State → what readers call it.
    groups : tuple of str
        What group 0 and group 1 are called.
    top : int
        How many sequences, the surest first.
    ax : matplotlib Axes, optional
    """
    need(frame, ("path", "difference", "ci_lower", "ci_upper", "p_adjusted"), "bankmkt.funnel.compare_journeys")
    rows = frame.head(top)
    if rows.empty:
        raise DataError("frame", "nothing to compare", "sequences of enough units", "take shorter ones")
    ax = theme.axes(ax, 1.5 + 0.42 * len(rows))
    sure = (rows["p_adjusted"] < 0.05).to_numpy()
    for shown, colour, label in (
        (sure, theme.BLUE, "beyond chance, all comparisons counted"),
        (~sure, theme.GREY, "may be chance"),
    ):
        part = rows[shown]
        if len(part):
            gap = np.stack([part["difference"] - part["ci_lower"], part["ci_upper"] - part["difference"]])
            ax.errorbar(
                part["difference"], np.flatnonzero(shown), xerr=gap, fmt="o", color=colour, capsize=3, label=label
            )
    ax.axvline(0, color=theme.INK, linewidth=1)
    ax.set_yticks(
        range(len(rows)),
        [" → ".join(_name(part, names) for part in path.split(" → ")) for path in rows["path"]],
        fontsize=9,
    )
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:+.0f}".replace("-", "−") if value else "0")
    ax.set_xlabel(f"percentage points more (right) or fewer of {groups[1]} than of {groups[0]}")
    ax.grid(visible=False, axis="y")
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.13 - 0.4 / len(rows)), ncol=2, fontsize=9)
    many = int((frame["p_adjusted"] < 0.05).sum())
    theme.claim(ax, f"{many} of {len(frame)} moves set {groups[1]} apart from {groups[0]}, beyond chance")
    return ax


def lifts(
    found: "pd.DataFrame", names: Mapping[str, str] | None = None, target: str = "buy", ax: "Axes | None" = None
) -> "Axes":
    """Draw how much oftener customers buy after each trigger, in the months it was not learned from.

    Parameters
    ----------
    found : pandas.DataFrame
        ``Triggers.found``; what is too few is left out.
    names : mapping of str to str, optional
        Trigger → what readers call it.
    target : str
        What is done, after "customers": ``"buy wealth products"``.
    ax : matplotlib Axes, optional
        The title names the trigger whose interval begins highest: of many, the largest lift is large by chance too.
    """
    spread = [f"{name}{end}" for name in ("lift", "own_ratio") for end in ("", "_lower", "_upper")]
    need(found, ("trigger", *spread, "verdict"), "bankmkt.funnel.triggers")
    rows = found.dropna(subset=["lift"])
    if rows.empty:
        raise DataError("found", "too few after every trigger", "triggers of enough customers", "take a larger bank")
    ax = theme.axes(ax, 1.6 + 0.4 * len(rows))
    at = np.arange(len(rows))
    holds = (rows["verdict"] == "holds").to_numpy()
    for shown, colour, label in (
        (holds, theme.BLUE, "against comparable customers: holds (later months, 95% interval)"),
        (~holds, theme.GREY, "the same: does not hold, or may be chance"),
    ):
        part = rows[shown]
        if len(part):
            gap = np.stack([part["lift"] - part["lift_lower"], part["lift_upper"] - part["lift"]])
            ax.errorbar(part["lift"], at[shown] - 0.13, xerr=gap, fmt="o", color=colour, capsize=3, label=label)
    own = rows["own_ratio"].notna().to_numpy()
    if own.any():
        part = rows[own]
        gap = np.stack([part["own_ratio"] - part["own_ratio_lower"], part["own_ratio_upper"] - part["own_ratio"]])
        label = "against the same customers' other days: earlier months, 95% interval"
        ax.errorbar(
            part["own_ratio"], at[own] + 0.17, xerr=gap, fmt="D", color=theme.VERMILION, markersize=4, elinewidth=1,
            label=label,
        )  # fmt: skip
    ax.axvline(1, color=theme.INK, linewidth=1)
    ax.set_xscale("log")
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    low, high = ax.get_xlim()
    ax.xaxis.set_major_locator(FixedLocator([tick for tick in (0.25, 0.5, 1, 2, 4, 8, 16, 32) if low <= tick <= high]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    ax.set_yticks(at, [_name(str(name), names) for name in rows["trigger"]], fontsize=9)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlabel("times as many purchases as without the trigger (each step doubles)")
    ax.grid(visible=False, axis="y")
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.1 - 0.5 / len(rows)), ncol=1, fontsize=9)
    best = rows[holds].nlargest(1, "lift_lower")
    text = f"No trigger tells in later months who will {target}"
    if len(best):
        row = best.iloc[0]
        text = (
            f"After “{_name(str(row['trigger']), names)}” customers {target} {row['lift']:.1f} times as often as others"
        )
        text += f" (95% interval {row['lift_lower']:.1f} to {row['lift_upper']:.1f})"
    theme.claim(ax, text)
    return ax


def _over(names: Mapping[str, str] | None) -> str:
    return (names or {}).get(END, "over")


def _name(state: str, names: Mapping[str, str] | None) -> str:
    return (names or {}).get(state, wording.words(state) if state.islower() else state).replace("$", r"\$")
