"""Shapley's value: what each channel adds, averaged over all orders in which the channels could have joined."""

from math import factorial

import numpy as np
import numpy.typing as npt

from bankmkt.errors import ParameterError
from bankmkt.funnel.paths import Ints

Floats = npt.NDArray[np.float64]
EXACT = 12
"""Channels up to which every coalition is counted."""

ORDERS = 2_000
"""Orders that are drawn with more channels."""


def shapley_values(worth: npt.ArrayLike) -> Floats:
    """Return the value of each player of a game (Shapley 1953).

    Parameters
    ----------
    worth
        Of every coalition, 2ⁿ numbers (the last axis): place 0 is nobody's, player k is in the coalitions whose place
        has bit k.

    Returns
    -------
    numpy.ndarray
        Values of the n players (the last axis); they add up to the worth of all less that of nobody.

    Raises
    ------
    ParameterError
        If the number of coalitions is no power of two, or there are more than 12 players.

    References
    ----------
    Shapley, L. S. (1953). A value for n-person games. *Contributions to the Theory of Games* II, 307–317. The example
    is that of the README of DP6's library Marketing-Attribution-Models: a journey worth $19.

    Examples
    --------
    Organic search 7, Facebook 6, both 15; direct 4, with organic 7, with Facebook 9; all three 19:

    >>> shapley_values([0, 7, 6, 15, 4, 7, 9, 19]).round(3).tolist()
    [7.667, 8.167, 3.167]
    """
    values = np.asarray(worth, float)
    players = values.shape[-1].bit_length() - 1
    if values.shape[-1] != 2**players or not 1 <= players <= EXACT:
        raise ParameterError("worth", values.shape[-1], f"a power of two up to 2**{EXACT}", "give every coalition's")
    places = np.arange(2**players)
    size = np.array([place.bit_count() for place in places.tolist()])
    chance = np.array([factorial(s) * factorial(players - s - 1) / factorial(players) for s in range(players)])
    out = np.empty((*values.shape[:-1], players))
    for player in range(players):
        without = places[(places >> player) & 1 == 0]
        out[..., player] = (values[..., without | 1 << player] - values[..., without]) @ chance[size[without]]
    return out


def by_coalition(own: Floats) -> Floats:
    """Return the worth of every coalition: what those bring whose channels are all in it.

    ``own`` is what paths of exactly these channels bring (the last axis).

    Examples
    --------
    >>> by_coalition(np.array([0.0, 2, 3, 5])).tolist()
    [0.0, 2.0, 3.0, 10.0]
    """
    worth = own.copy()
    places = np.arange(own.shape[-1])
    for player in range(own.shape[-1].bit_length() - 1):
        inside = places[(places >> player) & 1 == 1]
        worth[..., inside] += worth[..., inside ^ (1 << player)]
    return worth


def sampled(sets: npt.NDArray[np.bool_], worth: Floats, seed: int, orders: int = ORDERS) -> tuple[Floats, Floats]:
    """Return each channel's part of every set's worth over drawn orders, and the standard error of the channels' sums.

    In one order, what a path brings goes to the channel of the path that joins last: only then are all there.

    Parameters
    ----------
    sets
        Sets × channels: which channels are in each set.
    worth
        What paths of exactly these channels bring.
    seed, orders
        Of the orders drawn, and their number (Castro, Gómez & Tejada 2009, Computers & Operations Research 36).

    Returns
    -------
    parts, error
        Sets × channels, adding up to 1; by channel, of the sum over sets of part × worth.
    """
    random = np.random.default_rng(seed)
    number, channels = sets.shape
    parts, total, squares = np.zeros((number, channels)), np.zeros(channels), np.zeros(channels)
    rows: Ints = np.arange(number)
    for _ in range(orders):
        place = random.permutation(channels)
        closing = np.where(sets, place, -1).argmax(axis=1)
        parts[rows, closing] += 1
        credit = np.bincount(closing, worth, channels)
        total += credit
        squares += credit**2
    spread = np.maximum(squares / orders - (total / orders) ** 2, 0)
    return parts / orders, np.sqrt(spread / (orders - 1))
