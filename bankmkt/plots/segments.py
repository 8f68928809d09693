"""Figures of segments and groups: the 112 segments, how many groups there are, and what sets them apart.

Each takes a frame of :mod:`bankmkt.segments`, and returns the ``Axes`` (or an array of them); the title is the claim
that the frame supports.
"""

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.errors import DataError, ParameterError, one_of
from bankmkt.plots import theme, wording

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

CELLS = {"customers": "customers", "aum": "", "contribution": "", "net": "customers"}
"""What the cells of the 112 segments can show, and its unit (of money: given by the caller)."""


def matrix(frame: "pd.DataFrame", value: str = "customers", currency: str = "yuan") -> np.ndarray:
    """Draw the 112 segments as panels, one per occupation group: life-cycle state across, wealth tier up.

    Groups without customers have no panel.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.segments.matrix_summary`.
    value : str
        ``"customers"``, ``"aum"``, ``"contribution"`` (yearly margin) or ``"net"`` (who came less who left).
    currency : str
        Unit of money.

    Returns
    -------
    numpy.ndarray of matplotlib Axes

    Raises
    ------
    ParameterError
        If ``value`` is none of these.
    DataError
        If every cell is hidden.
    """
    from matplotlib import colormaps
    from matplotlib import pyplot as plt

    if value not in CELLS:
        raise ParameterError("value", value, one_of(CELLS), 'pass value="customers"')
    cells = frame.assign(net=frame["came"] - frame["left"])
    shown = cells[value].dropna()
    if shown.empty or not (cells["suppressed"] | (cells["customers"] > 0)).any():
        raise DataError("frame", "every cell hidden", "cells with enough customers", "take a larger bank")
    unit = CELLS[value] or currency
    states, tiers = list(dict.fromkeys(cells["state"])), list(dict.fromkeys(cells["tier"]))
    there = cells["suppressed"] | (cells["customers"] > 0) | (cells[value].fillna(0) != 0)
    groups = list(dict.fromkeys(cells.loc[there, "occupation_group"]))
    top = float(shown.abs().max()) or 1.0
    colours = colormaps["PuOr_r" if value == "net" else "Blues"]
    down = -(-len(groups) // 2)
    figure = plt.figure(figsize=(10.5, 1.4 + 2.5 * down), layout="constrained")
    panels: Any = figure.subplots(down, 2, sharex=True, sharey=True, squeeze=False)
    for ax in panels.flat[len(groups) :]:
        ax.set_visible(False)
    for ax, group in zip(panels.flat, groups, strict=False):
        rows = cells[cells["occupation_group"] == group]
        for row in rows.to_dict("records"):
            x, y, number = states.index(row["state"]), tiers.index(row["tier"]), row[value]
            hidden = number != number
            depth = 0.0 if hidden else float(np.sign(number) * np.sqrt(abs(number) / top))
            colour = colours(0.5 + 0.45 * depth) if value == "net" else colours(0.85 * max(depth, 0))
            ax.add_patch(
                plt.Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor="#F2F2F2" if hidden else colour, edgecolor="white")
            )
            text = "·" if hidden else _short(number, unit, signed=value == "net")
            ax.text(x, y, text, ha="center", va="center", fontsize=8, color="white" if abs(depth) > 0.75 else theme.INK)
        ax.set(xlim=(-0.5, len(states) - 0.5), ylim=(-0.5, len(tiers) - 0.5))
        ax.set_xticks(range(len(states)), states, fontsize=8, rotation=30)
        ax.set_yticks(range(len(tiers)), tiers, fontsize=8)
        ax.set_title(wording.capital(group), fontsize=10)
        ax.tick_params(length=0)
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
    figure.supxlabel("state of the life with the bank", fontsize=10)
    figure.supylabel(f"AUM, {currency}", fontsize=10)
    title = _matrix_claim(cells, value, unit)
    figure.suptitle(textwrap.fill(title.replace("$", r"\$"), 74), x=0.01, ha="left", fontsize=11, weight="bold")
    return np.asarray(panels)


def preferences(frame: "pd.DataFrame", names: Mapping[str, str], ax: "Axes | None" = None) -> "Axes":
    """Draw where each preference is most common, beside how common it is among all.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.segments.preferences`; its first twelve rows are drawn.
    names : mapping of str to str
        Preference → what readers call it.
    ax : matplotlib Axes, optional

    Raises
    ------
    DataError
        If there is no preference to show.
    """
    rows = frame.head(12).iloc[::-1]
    if rows.empty:
        raise DataError("frame", "no preference to show", "a preference with enough customers", "take a larger bank")
    ax = theme.axes(ax, 1.4 + 0.52 * len(rows))
    at = np.arange(len(rows))
    gap = (rows["share_there"] - rows["ci_lower"], rows["ci_upper"] - rows["share_there"])
    ax.hlines(at, rows["share"], rows["share_there"], color="#D0D0D0", linewidth=3, zorder=1)
    ax.errorbar(
        rows["share_there"], at, xerr=gap, fmt="o", color=theme.BLUE, capsize=3,
        label="in the segment where it is surely most common, with 95% interval for all",
    )  # fmt: skip
    ax.plot(rows["share"], at, "D", color=theme.VERMILION, markersize=5, label="among all customers")
    labels = [
        f"{names.get(row['preference'], row['preference'])}\n{row['state']}, {row['tier']}, {row['occupation_group']}"
        for row in rows.to_dict("records")
    ]
    ax.set_yticks(at, labels, fontsize=8.5)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.set_xlim(left=0)
    theme.percent_axis(ax.xaxis)
    ax.set_xlabel("share of customers with the preference")
    ax.grid(visible=False, axis="y")
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.12), fontsize=9)
    top = frame.iloc[0]
    name = names.get(top["preference"], top["preference"])
    where = f"{top['state']}, {top['tier']}, {top['occupation_group']}"
    theme.claim(ax, f"“{name}” is at least {top['times']:.1f} times as common as among all in “{where}”")
    return ax


def choice(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw, for each number of groups, how well groups are apart and how surely they come again.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Clusters.choice``.
    ax : matplotlib Axes, optional
    """
    ax = theme.axes(ax, 4.2)
    at = frame["groups"]
    ax.plot(at, frame["overlap"], "o-", color=theme.BLUE, label="least overlap with groups of customers drawn anew")
    ax.axhline(0.75, color=theme.BLUE, linewidth=1, linestyle="--", label="least that is believed (0.75)")
    ax.plot(at, frame["silhouette"], "s-", color=theme.VERMILION, label="silhouette: how far groups are apart")
    ax.plot(at, frame["cloud_silhouette"], "s--", color=theme.ORANGE, label="silhouette of slices without groups")
    chosen = frame[frame["chosen"]]
    if len(chosen):
        ax.axvline(chosen["groups"].item(), color=theme.GREY, linewidth=8, alpha=0.25, zorder=0)
    ax.set_ylim(0, 1.02)
    theme.count_axis(ax.xaxis)
    ax.set_xticks(list(at))
    ax.set_xlabel("number of groups")
    ax.set_ylabel("0: none, 1: perfect")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)
    text = "No number of groups is believed: the long tail has no groups that come again"
    if len(chosen):
        row = chosen.iloc[0]
        text = f"{row['groups']} groups are the finest division that comes again, on average"
        text += f" (overlap {row['overlap']:.2f})"
    theme.claim(ax, text)
    return ax


def differences(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw how each group differs from the others, trait by trait, in standard deviations.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Clusters.differences``.
    ax : matplotlib Axes, optional

    Raises
    ------
    DataError
        If there are no groups that can be shown.
    """
    rows = frame[~frame["suppressed"].astype("bool")]
    if rows.empty:
        raise DataError("frame", "no groups to show", "groups with enough customers", "take a larger bank")
    wide = rows.pivot(index="label", columns="cluster", values="difference").astype("float64")
    wide = wide.loc[wide.abs().max(axis="columns").sort_values(ascending=False).index]
    names = rows.drop_duplicates("cluster").set_index("cluster")["name"]
    ax = theme.axes(ax, 1.7 + 0.34 * len(wide))
    ax.imshow(wide.to_numpy(), aspect="auto", cmap="PuOr_r", vmin=-2, vmax=2)
    for (i, j), number in np.ndenumerate(wide.to_numpy()):
        text = f"{number:+.1f}".replace("-", "−") if abs(number) >= 0.05 else "0"
        ax.text(j, i, text, ha="center", va="center", fontsize=9, color="white" if abs(number) > 1.4 else theme.INK)
    labels = [textwrap.fill(f"{cluster}: {names[cluster]}", 24) for cluster in wide.columns]
    ax.set_xticks(range(len(labels)), labels, fontsize=9)
    ax.set_yticks(range(len(wide)), [wording.capital(label) for label in wide.index])
    ax.xaxis.set_ticks_position("top")
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    most = rows.iloc[int(rows["difference"].astype("float64").abs().argmax())]
    side = "above" if most["difference"] > 0 else "below"
    text = f"Group {most['cluster']} ({most['name']}): {most['label']} is {abs(most['difference']):.1f} "
    text += f"standard deviations {side}"
    theme.claim(ax, f"{text} the others")
    return ax


def _short(number: float, unit: str, *, signed: bool) -> str:
    """Write a number into a small cell."""
    if signed:
        return "0" if number == 0 else f"{number:+,.0f}".replace("-", "−")
    if unit == "customers":
        return f"{number:,.0f}"
    if number == 0:
        return "0"
    size, suffix = next((s for s in ((1e9, "bn"), (1e6, "m"), (1e3, "k")) if abs(number) >= s[0]), (1.0, ""))
    return f"{number / size:.3g}{suffix}"


def _matrix_claim(cells: "pd.DataFrame", value: str, unit: str) -> str:
    among = wording.among(cells[value].mask(cells["customers"].eq(0), 0))
    row = cells.iloc[int(cells[value].abs().argmax())]
    name = f"{row['state']}, {row['tier']}, {row['occupation_group']}"
    if value == "net":
        text = "Nobody came or left" if row[value] == 0 else f"{_short(row[value], unit, signed=True)} customers"
        return f"The largest change{among}: {text} in “{name}”"
    share = row["share"] if value == "customers" and "share" in row else row[value] / max(cells[value].sum(), 1e-9)
    whole = "of all" if value == "customers" and "share" in row else "of those shown"
    part = f" ({wording.quantity(share, 'share')} {whole})" if share > 0 else ""
    what = {"customers": "customers", "aum": "AUM", "contribution": "yearly margin"}[value]
    return f"Most {what}{among}: {wording.quantity(row[value], unit)} in “{name}”{part}"
