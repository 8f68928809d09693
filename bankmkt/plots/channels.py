"""Figures of the ways to the bank: hand-overs, preference by value, and whether preferences last."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.errors import DataError
from bankmkt.plots import theme, wording
from bankmkt.plots.groups import need

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLOURS = {
    "online": theme.BLUE, "remote": theme.ORANGE, "offline": theme.GREEN, "no preference seen": "#BBBBBB",
    "leave alone": theme.VERMILION,
}  # fmt: skip


def matrix(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw hand-overs as a table of cells: where customers were, where they went on.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.handovers`.
    ax : matplotlib Axes, optional

    Raises
    ------
    SchemaError
        If it is another frame.
    DataError
        If every cell is hidden.
    """
    from matplotlib import colormaps

    columns = ["from_way", "to_way", "share", "median", "matured", "success", "returned"]
    need(frame, columns, "bankmkt.funnel.handovers")
    if not frame["share"].notna().any():
        raise DataError("frame", "every cell hidden", "one with enough customers", "take a larger bank")
    ways = list(dict.fromkeys([*frame["from_way"], *frame["to_way"]]))
    ax = theme.axes(ax, 1.5 + 1.35 * len(ways), 8.5)
    for place in range(len(ways)):
        _cell(ax, place, place, "#F4F4F4", "same way:\nno hand-over", theme.GREY)
    for row in frame.to_dict("records"):
        x, y = ways.index(row["to_way"]), ways.index(row["from_way"])
        if row["suppressed"]:
            _cell(ax, x, y, "#F4F4F4", "hidden:\ntoo few customers", theme.GREY)
            continue
        days = f"{row['median'] / 24:.1f} days" if row["median"] >= 48 else f"{row['median']:.0f} hours"
        text = (
            f"{wording.quantity(row['share'], 'share')} of hand-overs\n{row['handovers']:,.0f} by "
            f"{row['customers']:,.0f} customers\nhalf within {days}\n"
            f"bought: {_range(row, 'success')}\ncame back: {_range(row, 'returned')}"
        )
        colour = colormaps["Blues"](0.1 + 0.65 * row["share"])
        _cell(ax, x, y, colour, text, "white" if row["share"] > 0.8 else theme.INK)
    names = [wording.capital(way) for way in ways]
    ax.set_xticks(range(len(ways)), names)
    ax.set_yticks(range(len(ways)), names)
    ax.set(xlim=(-0.5, len(ways) - 0.5), ylim=(len(ways) - 0.5, -0.5))
    ax.set_xlabel("went on")
    ax.set_ylabel("were")
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    theme.claim(ax, handover_claim(frame))
    return ax


def handover_claim(frame: "pd.DataFrame") -> str:
    """Say between which ways customers change most, and how many come back."""
    most = frame.iloc[int(frame["handovers"].fillna(0).argmax())]
    text = f"Most hand-overs go from {most['from_way']} to {most['to_way']}"
    if np.isfinite(most["returned"]):
        text += f"; in {wording.quantity(most['returned'], 'share')} of them the customer’s next change is back again"
    return text


def preference(frame: "pd.DataFrame", by: str = "preferred", ax: "Axes | None" = None) -> "Axes":
    """Draw, for each wealth tier, the share of customers by preferred or recommended way.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.choice_summary`.
    by : str
        ``"preferred"`` or ``"recommended"``.
    ax : matplotlib Axes, optional

    Raises
    ------
    SchemaError
        If it is another frame.
    DataError
        If every cell is hidden or empty.
    """
    need(frame, ["tier", by, "customers", "share", "share_lower", "share_upper"], "bankmkt.funnel.choice_summary")
    if not frame["share"].sum() > 0:
        raise DataError("frame", "every cell hidden", "one with enough customers", "take a larger bank")
    tiers = frame.loc[frame["share"].notna(), "tier"].drop_duplicates().tolist()[::-1]
    rows = frame[frame["tier"].isin(tiers)]
    some = rows.loc[rows["share"].isna() | (rows["share"] > 0), by].tolist()
    ways = [way for way in COLOURS if way in some]
    ax = theme.axes(ax, 1.9 + 0.75 * len(tiers))
    height = 0.8 / len(ways)
    for number, way in enumerate(ways):
        rows = frame[frame[by] == way].set_index("tier").reindex(tiers)
        at = np.arange(len(tiers)) + 0.4 - height * (number + 0.5)
        ax.barh(at, rows["share"].fillna(0), height * 0.9, color=COLOURS[way], label=wording.capital(way))
        gaps = np.clip([rows["share"] - rows["share_lower"], rows["share_upper"] - rows["share"]], 0, None)
        ax.errorbar(rows["share"], at, xerr=np.nan_to_num(gaps), fmt="none", ecolor=theme.INK, capsize=2, linewidth=1)
        for y, value in zip(at, rows["share"], strict=True):
            if np.isnan(value):
                ax.text(0.005, y, "hidden", va="center", fontsize=8, color=theme.GREY)
    ax.set_yticks(range(len(tiers)), tiers)
    ax.set_ylabel("AUM, yuan")
    theme.percent_axis(ax.xaxis)
    ax.set_xlim(left=0)
    ax.set_xlabel("share of the tier’s customers, with 95% interval")
    ax.grid(visible=False, axis="y")
    legend_below(ax, 4)
    theme.claim(ax, preference_claim(frame, by))
    return ax


def preference_claim(frame: "pd.DataFrame", by: str = "preferred") -> str:
    """Say in which tier the most common way is most common, and in which least."""
    sums = frame.groupby(by, sort=False)["customers"].sum()
    way = str(sums.idxmax())
    rows = frame[(frame[by] == way) & frame["share"].notna()]
    high, low = rows.iloc[int(rows["share"].argmax())], rows.iloc[int(rows["share"].argmin())]
    does = f"prefer {way}" if by == "preferred" else f"should be reached {way}"
    does = {"no preference seen": "show no preference", "leave alone": "should be left alone"}.get(way, does)
    text = f"{wording.quantity(high['share'], 'share')} {does} where AUM is {high['tier']}"
    if low["tier"] != high["tier"]:
        text += f", and {wording.quantity(low['share'], 'share')} where it is {low['tier']}"
    return text


def lasting(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw how often customers kept to the way they preferred, beside how common the way is anyway.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.choice_check`.
    ax : matplotlib Axes, optional

    Raises
    ------
    SchemaError
        If it is another frame.
    DataError
        If there is no rate to show.
    """
    need(frame, ["preferred", "acted", "rate", "rate_lower", "rate_upper", "base"], "bankmkt.funnel.choice_check")
    rows = frame.dropna(subset=["rate"]).iloc[::-1]
    if rows.empty:
        raise DataError("frame", "no rate", "a preference of enough customers", "take a larger bank")
    ax = theme.axes(ax, 1.8 + 0.6 * len(rows))
    at = np.arange(len(rows))
    ax.hlines(at, rows["base"], rows["rate"], color="#D0D0D0", linewidth=3, zorder=1)
    gaps = (rows["rate"] - rows["rate_lower"], rows["rate_upper"] - rows["rate"])
    ax.errorbar(rows["rate"], at, xerr=gaps, fmt="o", color=theme.BLUE, capsize=3, label="of those who preferred it")
    ax.plot(rows["base"], at, "D", color=theme.VERMILION, markersize=6, label="of all customers")
    ax.set_yticks(at, [f"{wording.capital(row['preferred'])}\n{row['acted']:,.0f} customers"
                       for row in rows.to_dict("records")])  # fmt: skip
    ax.set_ylim(-0.6, len(rows) - 0.4)
    theme.percent_axis(ax.xaxis)
    ax.set_xlim(0, 1.02)
    ax.set_xlabel("share whose acts of the next quarter were mostly by the way")
    ax.grid(visible=False, axis="y")
    legend_below(ax, 2)
    theme.claim(ax, lasting_claim(frame))
    return ax


def lasting_claim(frame: "pd.DataFrame") -> str:
    """Say how well the preference with the most customers foretells the next quarter."""
    rows = frame.dropna(subset=["rate"])
    row = rows.iloc[int(rows["acted"].argmax())]
    text = (
        f"{wording.quantity(row['rate'], 'share')} of those who preferred {row['preferred']} stayed with it in the "
        "next quarter"
    )
    if np.isnan(row["base"]):
        return text
    return f"{text} ({wording.quantity(row['base'], 'share')} of all customers were there)"


def legend_below(ax: "Axes", columns: int, **options: Any) -> None:
    """Set a legend below the axis label, however high the axes are."""
    from matplotlib.figure import Figure
    from matplotlib.transforms import ScaledTranslation

    figure = ax.get_figure(root=True)
    assert isinstance(figure, Figure)
    down = ax.transAxes + ScaledTranslation(0, -0.5, figure.dpi_scale_trans)
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, 0), bbox_transform=down, ncols=columns, fontsize=9, **options)


def _range(row: Mapping[Hashable, Any], name: str) -> str:
    if not np.isfinite(row[name]):
        return "not known yet" if row["matured"] == 0 else "hidden"
    low, high = (f"{100 * row[f'{name}_{end}']:.0f}" for end in ("lower", "upper"))
    return f"{100 * row[name]:.0f}% ({low}–{high}%)"


def _cell(ax: "Axes", x: int, y: int, colour: object, text: str, ink: str) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((x - 0.49, y - 0.48), 0.98, 0.96, facecolor=colour, edgecolor="white"))
    ax.text(x, y, text, ha="center", va="center", fontsize=9, color=ink, linespacing=1.35)
