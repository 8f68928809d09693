"""States and segments in figures: their order and colours, where their names go, and frames that lack a column."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from bankmkt.errors import SchemaError
from bankmkt.plots import theme

if TYPE_CHECKING:
    import pandas as pd

COLOURS = {
    "outside": "#BBBBBB", "prospect": theme.YELLOW, "new": theme.SKY, "growing": theme.GREEN, "mature": theme.BLUE,
    "declining": theme.ORANGE, "dormant": theme.GREY, "lost": theme.VERMILION, "returned": theme.PURPLE,
}  # fmt: skip
"""Of the states, in the order of a life; other names follow in the order of the alphabet, numbers by size."""


def ordered(names: Iterable[str]) -> list[str]:
    """Put states in the order of a life, then other names as a reader would.

    Examples
    --------
    >>> ordered(["10", "2", "lost", "new", "tier_1"])
    ['new', 'lost', '2', '10', 'tier_1']
    """
    known = list(COLOURS)

    def place(name: str) -> tuple[int, list[tuple[bool, int, str]]]:
        parts = [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part)
                 for part in re.split(r"(\d+)", str(name)) if part]  # fmt: skip
        return known.index(name) if name in known else len(known), parts

    return sorted(names, key=place)


def colour(name: str) -> str:
    """Return the colour of a state or segment."""
    spare = (theme.BLUE, theme.ORANGE, theme.GREEN, theme.SKY, theme.PURPLE)
    return COLOURS.get(name, spare[sum(map(ord, str(name))) % len(spare)])


def spread(middles: Iterable[float], space: float, top: float) -> np.ndarray:
    """Move labels, lowest first, as little as it takes for them to be ``space`` apart between 0 and ``top``.

    Examples
    --------
    >>> spread([5.0, 5.2, 5.4, 9.9], 1.0, 10.0).round(2).tolist()
    [4.2, 5.2, 6.2, 9.5]
    """
    z = np.array(list(middles))
    n = len(z)
    steps = np.arange(n) * space
    z = z - steps
    fit = [max(min(z[j : k + 1].mean() for k in range(i, n)) for j in range(i + 1)) for i in range(n)]
    return np.asarray(np.clip(fit, space / 2, max(space / 2, top - space * (n - 0.5)))) + steps


def need(frame: "pd.DataFrame", columns: Iterable[str], of: str) -> None:
    """Refuse a frame that lacks a column.

    Raises
    ------
    SchemaError
        Naming the column, and the function whose frame was expected.
    """
    for column in columns:
        if column not in getattr(frame, "columns", ()):
            raise SchemaError("the frame has no column", column, f"the frame of {of}", "pass it as it is")
