"""Parts of alluvial pictures: stacked bars, and the bands between them."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Places = dict[str, tuple[float, float]]
"""Of each state of a bar: floor and roof."""


def stack(sizes: Mapping[str, float], upwards: Iterable[str], gap: float) -> Places:
    """Put the states of a bar above each other, in their order from below.

    Examples
    --------
    >>> stack({"a": 2.0, "b": 1.0}, ["b", "a"], 0.5)
    {'b': (0.0, 1.0), 'a': (1.5, 3.5)}
    """
    floor, places = 0.0, {}
    for state in upwards:
        places[state] = (floor, floor + float(sizes[state]))
        floor += sizes[state] + gap
    return places


def bands(
    ax: "Axes",
    widths: tuple[Mapping[tuple[str, str], float], Mapping[tuple[str, str], float]],
    ends: tuple[Places, Places],
    colour: Callable[[str], str],
    between: tuple[float, float] = (0.0, 1.0),
) -> None:
    """Draw a band for each move, from its place in the bar on the left to its place in the bar on the right.

    Parameters
    ----------
    widths
        Of each move (from, to), on the left and on the right.
    ends
        The two bars.
    colour
        Of a state; a band has that of where it comes from, fainter where nothing moves.
    between
        Where the bars stand.
    """
    starts = [{state: floor for state, (floor, _) in places.items()} for places in ends]
    sides: list[dict[tuple[str, str], tuple[float, float]]] = [{}, {}]
    for side in (0, 1):
        for key in ((a, b) for a in ends[0] for b in ends[1] if (a, b) in widths[side]):
            floor = starts[side][key[side]]
            roof = floor + float(widths[side][key])
            sides[side][key] = (floor, roof)
            starts[side][key[side]] = roof
    t = np.linspace(0, 1, 60)
    smooth = 3 * t**2 - 2 * t**3
    x = between[0] + (between[1] - between[0]) * t
    for key, (low, high) in sides[0].items():
        to_low, to_high = sides[1][key]
        lower, upper = low + (to_low - low) * smooth, high + (to_high - high) * smooth
        alpha = 0.45 if key[0] != key[1] else 0.2
        ax.fill_between(x, lower, upper, color=colour(key[0]), alpha=alpha, linewidth=0, label="_" + " to ".join(key))
