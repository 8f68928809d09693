"""How figures look: palette, fonts, units on axes, titles that say what is seen."""

import textwrap
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from bankmkt.plots.wording import COUNTS, MISSING, change, quantity, scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

__all__ = [
    "MISSING", "axes", "change", "claim", "count_axis", "money_axis", "percent_axis", "quantity", "themed",
    "unit_axis", "use_theme",
]  # fmt: skip

BLUE, ORANGE, GREEN, SKY, VERMILION, PURPLE, YELLOW = (
    "#0072B2", "#E69F00", "#009E73", "#56B4E9", "#D55E00", "#CC79A7", "#F0E442",
)  # fmt: skip
"""Okabe and Ito's colours, told apart by all readers (jfly.uni-koeln.de/color, 2008)."""

GREY, INK = "#8C8C8C", "#222222"
FONTS = (
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "PingFang SC",
    "Microsoft YaHei", "SimHei",
)  # fmt: skip

_TITLE_CHARACTERS = 58


def _settings() -> dict[Any, Any]:
    from cycler import cycler
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return {
        "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW]),
        "font.family": [name for name in FONTS if name in installed],
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 12,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": GREY,
        "axes.labelcolor": INK,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.unicode_minus": True,
        "grid.color": "#E6E6E6",
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
        "figure.constrained_layout.use": True,
        "figure.facecolor": "white",
        "image.cmap": "cividis",
    }


def use_theme() -> None:
    """Draw figures in the house's style from now on; ``matplotlib.rcdefaults()`` goes back.

    Colours that colour-blind readers tell apart, fonts with Chinese characters where installed, light axes.

    Examples
    --------
    >>> import matplotlib as mpl
    >>> use_theme()
    >>> mpl.rcParams["axes.spines.top"]
    False
    >>> mpl.rcdefaults()
    """
    import matplotlib as mpl

    mpl.rcParams.update(_settings())


def themed() -> AbstractContextManager[None]:
    """Draw figures in the house's style within a ``with`` block only.

    Examples
    --------
    >>> import matplotlib as mpl
    >>> with themed():
    ...     mpl.rcParams["axes.grid"]
    True
    >>> mpl.rcParams["axes.grid"]
    False
    """
    import matplotlib as mpl

    return mpl.rc_context(_settings())


def money_axis(axis: "Axis", largest: float, currency: str = "yuan") -> str:
    """Let an axis count in thousands, millions or billions; returns the unit for its label."""
    size, prefix = scale(largest)
    axis.set_major_formatter(lambda value, _: f"{value / size:,.10g}".replace("-", "−"))
    return f"{prefix}{currency}"


def percent_axis(axis: "Axis", of: float = 1.0) -> None:
    """Let an axis of fractions (``of=1``) or of per cents (``of=100``) read as per cent."""
    axis.set_major_formatter(lambda value, _: f"{100 * value / of:,.10g}%".replace("-", "−"))


def count_axis(axis: "Axis") -> None:
    """Let an axis of counts read with thousands separators, at whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def unit_axis(axis: "Axis", largest: float, unit: str) -> str:
    """Format an axis for a unit of :func:`bankmkt.plots.quantity`; returns the unit for its label."""
    if unit.startswith("share"):
        percent_axis(axis)
        return unit
    if unit in COUNTS:
        count_axis(axis)
        return unit
    return unit if unit.startswith(("products per", "logins per")) else money_axis(axis, largest, unit)


def axes(ax: "Axes | None", height: float = 4.0, width: float = 9.0) -> "Axes":
    """Return ``ax``, or the axes of a new figure of that size in inches."""
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt

    return plt.figure(figsize=(width, height), layout="constrained").add_subplot()


def claim(ax: "Axes", text: str, above: float = 0.0) -> None:
    """Set a title that says what the figure shows, broken into even lines that fit; ``above`` points over a legend."""
    text = text.replace("$", r"\$")
    lines = len(textwrap.wrap(text, _TITLE_CHARACTERS))
    even = next(n for n in range(-(-len(text) // max(lines, 1)), len(text) + 2) if len(textwrap.wrap(text, n)) <= lines)
    ax.set_title(textwrap.fill(text, even), pad=12 + above)
