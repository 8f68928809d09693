"""The alluvial diagram of a migration: who moved from one state or segment to another."""

from typing import TYPE_CHECKING

import numpy as np

from bankmkt.errors import ParameterError, Refused, one_of
from bankmkt.plots import theme, wording
from bankmkt.plots.bands import Places, bands, stack
from bankmkt.plots.groups import colour, need, ordered, spread

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

GROUPS = 12
"""The most groups that are told apart; the smallest of more are drawn together."""

OTHERS, OUTSIDE = "all others", "outside"
VALUES = {"customers": ("customers", "customers"), "aum": ("aum_before", "aum_after")}


def migration(
    frame: "pd.DataFrame", value: str = "customers", currency: str = "yuan", ax: "Axes | None" = None
) -> "Axes":
    """Draw an alluvial diagram: from each state on the left to each on the right, as wide as what moved.

    Hidden moves are in no width and no figure. Money has the width that it had on the left and grows or shrinks to what
    it is now. Of more than twelve groups the smallest are drawn together.

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
    need(frame, ("from", "to", "customers", "aum_before", "aum_after", "suppressed"), "bankmkt.migration")
    left, right = VALUES[value]
    rows = frame.dropna(subset=["customers"])
    if not len(rows) or not (rows[left].sum() > 0 and rows[right].sum() > 0):
        raise Refused("the migration has nothing that can be shown", todo="choose larger groups")
    hidden = int(frame["suppressed"].sum())
    drawn = _capped(rows, left, right)
    ax = theme.axes(ax, 5.4)
    ends, top = _places(drawn, left, right)
    unit = value if value == "customers" else currency
    for side, bars in enumerate(ends):
        low, high = ("right", -0.05) if side == 0 else ("left", 1.05)
        bars = {state: bar for state, bar in bars.items() if bar[1] > bar[0]}
        for state, (floor, roof) in bars.items():
            ax.bar(side, roof - floor, 0.05, floor, color=colour(state), align="center", zorder=3)
        middles = spread([(floor + roof) / 2 for floor, roof in bars.values()], 0.055 * top, top)
        for (state, (floor, roof)), y in zip(bars.items(), middles, strict=True):
            text = f"{wording.capital(str(state))}  {wording.quantity(roof - floor, unit)}".replace("$", r"\$")
            ax.text(high, y, text, ha=low, va="center", fontsize=9)
    bands(ax, (_widths(drawn, left), _widths(drawn, right)), ends, colour)
    ax.set_xlim(-0.42, 1.42)
    ax.set_ylim(-0.01 * top, 1.01 * top)
    ax.set_xticks([0, 1], ["before", "after"])
    if hidden:
        ax.set_xlabel("without the hidden moves")
    ax.tick_params(length=0)
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    theme.claim(ax, _claim(rows, value, currency) + (f" – {hidden} moves are hidden and left out" if hidden else ""))
    return ax


def _capped(rows: "pd.DataFrame", left: str, right: str) -> "pd.DataFrame":
    """Return what moved, the smallest groups put together."""
    sizes = rows.groupby("from")[left].sum().add(rows.groupby("to")[right].sum(), fill_value=0)
    sizes = sizes.mask(sizes.index == OUTSIDE, np.inf)  # not a group, and never among the others
    kept = set(sizes.index if len(sizes) <= GROUPS else sizes.nlargest(GROUPS - 1).index)
    ends = {end: rows[end].where(rows[end].isin(kept), OTHERS) for end in ("from", "to")}
    columns = list(dict.fromkeys([left, right]))
    return rows.assign(**ends).groupby(["from", "to"], as_index=False)[columns].sum()


def _places(rows: "pd.DataFrame", left: str, right: str) -> tuple[tuple[Places, Places], float]:
    """Return each side's groups, from below, with floor and roof, and the height of both."""
    sizes = [rows.groupby(end)[column].sum() for end, column in (("from", left), ("to", right))]
    gap = 0.02 * max(size.sum() for size in sizes)
    before, after = (
        stack({str(name): float(n) for name, n in size.items()}, _upwards(size.index), gap) for size in sizes
    )
    return (before, after), max(roof for places in (before, after) for _, roof in places.values())


def _widths(rows: "pd.DataFrame", column: str) -> dict[tuple[str, str], float]:
    return {(a, b): float(width) for a, b, width in zip(rows["from"], rows["to"], rows[column], strict=True)}


def _upwards(states: "pd.Series | pd.Index") -> list[str]:
    """Return the groups from below: the first of a life is on top, those drawn together at the bottom."""
    names = ordered(set(states) - {OTHERS})
    return [name for name in (OTHERS,) if name in set(states)] + names[::-1]


def _claim(rows: "pd.DataFrame", value: str, currency: str) -> str:
    """Say how many moved, and how money changed or which move was the largest."""
    left, right = VALUES[value]
    moved = rows[rows["from"] != rows["to"]]
    if moved.empty:
        text = "Nobody moved"
    else:
        text = f"{wording.quantity(moved['customers'].sum(), 'customers')} customers moved"
    if value == "aum":
        change = wording.difference(rows[right].sum(), rows[left].sum(), currency)
        return text + f"; what they and the others shown hold changed by {change}"
    if len(moved):
        most = moved.iloc[int(moved["customers"].argmax())]
        text += f"; most often from {most['from']} to {most['to']} ({wording.quantity(most['customers'], 'customers')})"
    return text
