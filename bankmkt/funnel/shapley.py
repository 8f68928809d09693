"""Shapley's value of any game: what each player adds, averaged over all orders in which the players could have joined.

Attribution plays one game, whose answer needs no counting of coalitions (:mod:`bankmkt.funnel.credit`).
"""

from collections.abc import Callable
from math import factorial

import numpy as np
import numpy.typing as npt

from bankmkt.errors import ParameterError

Floats = npt.NDArray[np.float64]
EXACT = 12
"""Players up to which every coalition is counted."""


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
        todo = "give every coalition's, or use shapley_sampled"
        raise ParameterError("worth", values.shape[-1], f"a power of two up to 2**{EXACT}", todo)
    places = np.arange(2**players)
    size = np.array([place.bit_count() for place in places.tolist()])
    chance = np.array([factorial(s) * factorial(players - s - 1) / factorial(players) for s in range(players)])
    out = np.empty((*values.shape[:-1], players))
    for player in range(players):
        without = places[(places >> player) & 1 == 0]
        out[..., player] = (values[..., without | 1 << player] - values[..., without]) @ chance[size[without]]
    return out


def shapley_sampled(
    worth: Callable[[npt.NDArray[np.bool_]], float], players: int, orders: int = 2_000, seed: int = 7
) -> tuple[Floats, Floats]:
    """Return the value of each player of a game too large to count all coalitions, from orders drawn by chance.

    Parameters
    ----------
    worth
        Worth of a coalition, given as a Boolean array: which players are in it.
    players
        Their number.
    orders, seed
        Orders drawn in which the players join, 2 or more; seed of the draw.

    Returns
    -------
    values, errors
        By player: mean of what the player adds on joining, and its standard error. Values add up to the worth of all
        less that of nobody, whatever the orders.

    Raises
    ------
    ParameterError
        If a number is out of range, or ``worth`` is no function.

    References
    ----------
    Castro, Gómez & Tejada (2009). Polynomial calculation of the Shapley value based on sampling. *Computers &
    Operations Research* 36, 1726–1730.

    Examples
    --------
    The first player has the left glove, three have right ones; a pair is worth 1. The values are 3/4 and thrice 1/12:

    >>> values, errors = shapley_sampled(lambda inside: float(inside[0] and inside[1:].any()), 4)
    >>> bool((abs(values - [3 / 4, 1 / 12, 1 / 12, 1 / 12]) < 4 * errors).all()), float(values.sum().round(9))
    (True, 1.0)
    """
    for name, number, least in (("players", players, 1), ("orders", orders, 2), ("seed", seed, 0)):
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise ParameterError(name, number, f"an integer from {least}")
    if not callable(worth):
        raise ParameterError("worth", worth, "a function of a Boolean array", "shapley_values takes numbers")
    random = np.random.default_rng(seed)
    nobody = float(worth(np.zeros(players, dtype=bool)))
    added = np.empty((orders, players))
    for order in added:
        inside, before = np.zeros(players, dtype=bool), nobody
        for player in random.permutation(players):
            inside[player] = True
            after = float(worth(inside.copy()))
            order[player], before = after - before, after
    return added.mean(axis=0), added.std(axis=0, ddof=1) / np.sqrt(orders)
