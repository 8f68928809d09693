"""Figures of RFM, from the frames of :class:`bankmkt.segments.RFM`.

Each takes one frame and an optional ``ax``, and returns the ``Axes``; the title is the claim that the frame supports.
"""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bankmkt.errors import ParameterError, one_of
from bankmkt.plots import theme, wording
from bankmkt.plots.parts import bars, name_bars, share_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

VALUES = {
    "share": ("share", "share of customers"),
    "monetary_share": ("share", "share of the money"),
    "customers": ("customers", "customers"),
    "monetary_per_customer": ("", "money per customer"),
}
"""What the cells of the grid can show, its unit (of money: given by the caller) and its name."""

SHARES = ("segment", "share", "monetary_share", "suppressed")
"""The columns that the claim rests on."""


def grid(frame: "pd.DataFrame", value: str = "share", unit: str = "yuan", ax: "Axes | None" = None) -> "Axes":
    """Draw the segments on the grid of recency and value, with a figure in each cell.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``RFM.grid()``.
    value : str
        What the cells show: ``"share"`` (of customers), ``"monetary_share"``, ``"customers"`` or
        ``"monetary_per_customer"``.
    unit : str
        Of money.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If ``value`` is none of these, or the frame is another one.

    Examples
    --------
    >>> import bankmkt as bm, pandas as pd
    >>> log = pd.DataFrame({"customer_id": range(100), "ts": pd.Timestamp("2026-06-01"), "amount": range(100)})
    >>> print(grid(bm.rfm(log, "2026-06-30").grid()).get_title())
    Potential loyalists: 60.0% of
    customers bring 84.2% of the money
    """
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    if value not in VALUES:
        raise ParameterError("value", value, one_of(VALUES), 'pass value="share"')
    _check(frame, (*SHARES, "recency_level", "value_level", value), "RFM.grid()")
    ax = theme.axes(ax, 5.6)
    colours = LinearSegmentedColormap.from_list("share", ["#FFFFFF", theme.BLUE])
    top = float(frame[value].max()) if (frame[value] > 0).any() else 1.0
    for cell in frame.to_dict("records"):
        x, y, shown = cell["recency_level"], cell["value_level"], cell[value]
        depth = 0.9 * max(shown, 0) / top if shown == shown else 0.0
        hatch = "///" if cell["suppressed"] else None
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fc=colours(depth), ec="#DDDDDD", linewidth=0, hatch=hatch))
        text = "hidden" if cell["suppressed"] else wording.quantity(shown, VALUES[value][0] or unit)
        ax.text(x, y - 0.2, text, ha="center", va="center", fontsize=9, color="white" if depth > 0.55 else theme.INK)
    ax.set(xlim=(0.5, 5.5), ylim=(0.5, 5.5), xticks=range(1, 6), yticks=range(1, 6))
    for name, cells in frame.groupby("segment", sort=False):
        left, low = (float(cells[axis].min()) - 0.5 for axis in ("recency_level", "value_level"))
        wide, high = (
            float(cells[axis].max()) + 0.5 - at for axis, at in (("recency_level", left), ("value_level", low))
        )
        ax.add_patch(Rectangle((left, low), wide, high, fill=False, edgecolor=theme.INK, linewidth=1.5, clip_on=False))
        corner = cells[(cells["recency_level"] == left + 0.5) & (cells["value_level"] == low + high - 0.5)][value].max()
        colour = "white" if 0.9 * corner / top > 0.55 else theme.INK
        label = textwrap.fill(wording.capital(str(name)), 14 if wide == 1 else 34)
        ax.text(left + 0.06, low + high - 0.08, label, va="top", fontsize=9, weight="bold", color=colour)
    ax.set_xlabel("recency: fifths of the score, latest on the right")
    ax.set_ylabel("frequency and money: fifths of the mean score")
    ax.grid(visible=False)
    ax.tick_params(length=0)
    theme.claim(ax, _claim(frame))
    return ax


def segments(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw each segment's share of customers beside its share of the money.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``RFM.summary()``.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If the frame is another one.

    Examples
    --------
    >>> import bankmkt as bm, pandas as pd
    >>> log = pd.DataFrame({"customer_id": range(100), "ts": pd.Timestamp("2026-06-01"), "amount": range(100)})
    >>> len(segments(bm.rfm(log, "2026-06-30").summary()).get_yticklabels())
    10
    """
    _check(frame, SHARES, "RFM.summary()")
    ax = theme.axes(ax, 1.6 + 0.5 * len(frame))
    bars(ax, frame["share"], "share", theme.BLUE, -0.19, 0.36, "share of customers")
    bars(ax, frame["monetary_share"], "share", theme.ORANGE, 0.19, 0.36, "share of the money")
    name_bars(ax, map(wording.capital, frame["segment"]), frame["suppressed"])
    share_axis(ax.xaxis, ax.get_xlim())
    ax.set_xlabel("share of the whole")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    theme.claim(ax, _claim(frame), above=18)
    return ax


def sensitivity(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw how many customers would be in another segment had one choice been made otherwise.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.segments.rfm_sensitivity`.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    ax = theme.axes(ax, 1.4 + 0.45 * len(frame))
    bars(ax, frame["share"], "share", theme.PURPLE)
    say = {"ties": "equal values to the {} score", "bins": "{} scores", "window_days": "{} days looked back"}
    name_bars(ax, [say[c].format(v) for c, v in zip(frame["choice"], frame["value"], strict=True)], frame["suppressed"])
    share_axis(ax.xaxis, ax.get_xlim())
    ax.set_xlabel("customers who would be in another segment")
    shown = frame.dropna(subset=["share"])
    text = "What other choices would move is hidden: too few customers"
    if len(shown):
        most = shown.iloc[int(shown["share"].argmax())]
        name = say[most["choice"]].format(most["value"])
        text = f"With {name}, {wording.quantity(most['share'], 'share')} of customers would change their segment"
    theme.claim(ax, text)
    return ax


def _check(frame: "pd.DataFrame", columns: Sequence[str], source: str) -> None:
    """Raise ParameterError unless the frame has the columns."""
    found = list(getattr(frame, "columns", [])) or type(frame).__name__
    if not set(columns) <= set(found):
        raise ParameterError("frame", found, f"a frame with columns {', '.join(columns)}", f"pass {source}")


def _claim(frame: "pd.DataFrame") -> str:
    """Say which segment's share of the money is furthest above its share of customers."""
    hidden = set(frame.loc[frame["suppressed"], "segment"])
    shares = frame[~frame["segment"].isin(hidden)].groupby("segment")[["share", "monetary_share"]].sum(min_count=1)
    rows = [row for row in shares.reset_index().to_dict("records") if row["share"] > 0]
    if not rows:
        return "Every segment is too small to be shown"
    known = [row for row in rows if row["monetary_share"] == row["monetary_share"]]
    if not known:
        most = max(rows, key=lambda row: row["share"])
        share = wording.quantity(most["share"], "share")
        return f"{wording.capital(most['segment'])} is the largest segment shown: {share} of customers"
    best = max(known, key=lambda row: row["monetary_share"] - row["share"])
    share, money = (wording.quantity(best[column], "share") for column in ("share", "monetary_share"))
    return f"{wording.capital(best['segment'])}: {share} of customers bring {money} of the money"
