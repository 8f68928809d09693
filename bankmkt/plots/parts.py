"""Parts that figures share: named bars with their values, an axis of months."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from bankmkt.plots import theme, wording

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis


NAME = 40
"""The most characters of a bar's name."""


def bars(
    ax: "Axes",
    values: "pd.Series",
    unit: str,
    color: str | Sequence[str] = theme.BLUE,
    offset: float = 0.0,
    height: float = 0.7,
    label: str = "",
) -> None:
    """Draw horizontal bars, the first on top, with their values written at the end; missing values draw nothing."""
    bars = ax.barh([i + offset for i in range(len(values))], values.fillna(0), height, color=color, label=label)
    write = wording.change if unit == "%" else lambda value: wording.quantity(value, unit)
    texts = [f" {write(value)} " if value == value else "" for value in values]
    ax.bar_label(bars, texts, fontsize=9)
    ax.margins(x=0.32 if (values < 0).any() else 0.2)
    ax.grid(visible=False, axis="y")
    if values.isna().all() and not ax.get_legend_handles_labels()[1]:
        ax.set_xticks([])


def name_bars(ax: "Axes", names: Iterable[Any], hidden: Iterable[bool] = ()) -> None:
    """Name the bars from the top down; hidden ones say so."""
    labels = [_short(str(name)).replace("$", r"\$") for name in names]
    labels = [f"{label} (hidden)" if hide else label for label, hide in zip_longest(labels, hidden)]
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)


def share_axis(axis: "Axis", ends: tuple[float, float]) -> None:
    """Label an axis of shares from ``ends[0]`` to ``ends[1]`` in per cent, with nothing above 100%."""
    theme.percent_axis(axis)
    axis.set_ticks([at for at in axis.get_ticklocs() if ends[0] <= at <= min(ends[1], 1)])


def month_axis(ax: "Axes", months: int) -> None:
    """Label an axis of month ends, each or every few of them."""
    from matplotlib.dates import DateFormatter, MonthLocator

    ax.xaxis.set_major_locator(MonthLocator(bymonthday=-1, interval=max(1, -(-months // 9))))
    ax.xaxis.set_major_formatter(DateFormatter("%Y-%m"))


def _short(name: str) -> str:
    """Leave out the middle of a long name: its end often tells it from others."""
    return name if len(name) <= NAME else f"{name[: NAME - 14].rstrip()} … {name[-12:].lstrip()}"
