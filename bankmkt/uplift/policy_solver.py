"""The best choice of customers and arms under limits: prices of what is scarce, and whom they leave worth contacting.

What a limit counts (yuan, calls, customers of a group) hangs on a customer's *cell* and arm only, and there are few
cells. So customers are priced, not listed: given a price for each limit, everybody takes the arm that is worth most net
of it, or none. Prices are found by Dantzig and Wolfe's decomposition (1960, Operations Research 8): a small linear
programme mixes the choices seen so far, its dual prices give the next choice, until no price changes the value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bankmkt.errors import Refused
from bankmkt.privacy import K
from bankmkt.uplift.study import Floats

Integers = npt.NDArray[np.int64]
Arms = npt.NDArray[np.int8]
"""A choice of all customers, of which many are kept while prices are looked for."""
EXACT = 2000
"""Customers times arms up to which the integer programme itself is solved, by HiGHS."""
ROUNDS = 400
NEAR = 1e-9
TRIED = 50
"""Customers who are looked at when whole numbers do not fit."""


@dataclass(frozen=True)
class Limit:
    """What may be used at most.

    Parameters
    ----------
    name
        In words, for messages.
    use
        Cells × treated arms: what one customer of the cell uses.
    most
        In all; of a lower limit, both are negative.
    slack
        By how much a whole number of customers may be beyond it.
    """

    name: str
    use: Floats
    most: float
    slack: float = 0.0


@dataclass(frozen=True)
class Choice:
    """Who gets which arm.

    Parameters
    ----------
    arm
        0: none; else the treated arm's number.
    price
        Of each limit: what one unit more would add, in units of ``net``; missing where solved as integers.
    bound
        No choice is worth more.
    """

    arm: Integers
    price: Floats
    bound: float


def solve(net: Floats, cell: Integers, limits: Sequence[Limit], *, seed: int = 7, exact: bool | None = None) -> Choice:
    """Choose an arm or none for each customer so that their net value is largest.

    Parameters
    ----------
    net
        Customers × treated arms; minus infinity where an arm is not to be given.
    cell
        Each customer's cell.
    limits
        What is scarce.
    seed
        Of the lots between customers who are worth the same.
    exact
        Whether to solve the integer programme; by default if it is small. Otherwise the value is that of the best
        choice but for the last customer of each limit.

    Raises
    ------
    Refused
        If no choice keeps all limits; names those that contradict each other, and how many customers are left out.

    Examples
    --------
    >>> net = np.array([[3.0], [1.0], [-2.0], [2.0]])
    >>> two = Limit("two calls", np.ones((1, 1)), 2)
    >>> solve(net, np.zeros(4, int), [two]).arm.tolist()
    [1, 0, 0, 1]
    """
    if not limits:
        arm = np.where(net.max(axis=1) > 0, net.argmax(axis=1) + 1, 0)
        return Choice(arm, np.zeros(0), float(np.maximum(net.max(axis=1), 0).sum()))
    if net.shape[1] == len(limits) == len(limits[0].use) == 1 and limits[0].use[0, 0] > 0:
        return _threshold(net[:, 0], limits[0], seed)
    if net.size <= EXACT if exact is None else exact:
        return _exact(net, cell, limits)
    prices, mixes = _prices(net, cell, limits)
    arm = _drawn(mixes, cell, seed)
    return Choice(_whole(arm, net, cell, limits, prices), prices, _bound(net, cell, limits, prices))


def used(arm: Integers, cell: Integers, limits: Sequence[Limit]) -> Floats:
    """Return how much of each limit a choice uses."""
    some = arm > 0
    return np.array([float(limit.use[cell[some], arm[some] - 1].sum()) for limit in limits])


def _threshold(net: Floats, limit: Limit, seed: int) -> Choice:
    """Choose as many as one limit allows, the best first: the best there is where each uses as much."""
    use = float(limit.use[0, 0])
    lots = np.random.default_rng(seed).permutation(len(net))
    order = lots[np.argsort(-net[lots], kind="stable")]
    number = min(int((limit.most + limit.slack) / use + NEAR), int((net > 0).sum()))
    arm = np.zeros(len(net), dtype=np.int64)
    arm[order[:number]] = 1
    border = max(float(net[order[number]]), 0.0) if number < len(net) else 0.0
    return Choice(arm, np.array([border / use]), float(net[order[:number]].sum()))


def _prices(net: Floats, cell: Integers, limits: Sequence[Limit]) -> tuple[Floats, list[tuple[float, int, Arms]]]:
    """Return the prices of limits, and which choices are mixed in which cell: (weight, cell, choice of all)."""
    cells, arms = limits[0].use.shape
    use = np.array([limit.use for limit in limits])
    most = np.array([limit.most for limit in limits])
    size = np.maximum(np.abs(use).max(axis=(1, 2)) * len(net), 1e-300)  # so that every row is in shares
    allowed = np.isfinite(net)
    worth = max(float(np.abs(net[allowed]).max(initial=0.0)), 1e-300)
    found: list[tuple[int, float, Floats, Arms]] = []  # cell, value, use of limits, choice

    def add(price: Floats, dual: Floats, weight: float) -> float:
        """Add the best choice at these prices in each cell; return by how much the mix could still gain."""
        wanted = np.where(allowed, weight * net / worth, -np.inf) if weight else np.where(allowed, 0.0, -np.inf)
        reduced = wanted - np.einsum("r,rca->ca", price / size, use)[cell]
        pick = reduced.argmax(axis=1)
        gain = reduced[np.arange(len(net)), pick]
        arm = np.where(gain > 0, pick + 1, 0)
        gains = np.bincount(cell, np.maximum(gain, 0), cells)
        taken = np.where(arm > 0, net[np.arange(len(net)), pick], 0.0)
        values = np.bincount(cell, taken, cells) / worth
        counts = np.bincount(cell * (arms + 1) + arm, minlength=cells * (arms + 1)).reshape(cells, arms + 1)[:, 1:]
        better = gains - dual > NEAR * len(net)
        kept = arm.astype(np.int8)
        for c in np.flatnonzero(better):
            found.append((int(c), float(values[c]), np.einsum("ra,a->r", use[:, c], counts[c]) / size, kept))
        return float(np.maximum(gains - dual, 0).sum())

    nothing = np.zeros(len(net), dtype=np.int8)
    found += [(c, 0.0, np.zeros(len(limits)), nothing) for c in range(cells)]
    price, mix = np.zeros(len(limits)), np.zeros(0)
    phases = (0.0, 1.0) if (most < 0).any() else (1.0,)  # with lower limits, first look for any choice that keeps them
    for weight in phases:
        add(price * 0, np.full(cells, -np.inf if weight else 0.0), weight)
        for _ in range(ROUNDS):
            price, dual, mix, short = _mix(found, cells, most / size, weight)
            if add(price, dual, weight) <= NEAR * len(net):
                break
        if not weight and short > 1e-7:
            raise _contradiction([each.name for each, cost in zip(limits, price, strict=True) if cost > NEAR], net)
    mixes = [(float(w), found[place][0], found[place][3]) for place, w in enumerate(mix) if w > NEAR]
    return price * worth / size, mixes


def _mix(found: list[Any], cells: int, most: Floats, weight: float) -> tuple[Floats, Floats, Floats, float]:
    """Mix choices as well as limits allow; return prices, cells' dual values, weights and what is beyond limits."""
    from scipy.optimize import linprog

    rows, number = len(most), len(found)
    value = np.array([weight * each[1] for each in found])
    upper = np.column_stack([np.array([each[2] for each in found]).T, -np.eye(rows)])
    equal = np.zeros((cells, number + rows))
    equal[[each[0] for each in found], np.arange(number)] = 1
    beyond = np.full(rows, 1.0) if not weight else np.zeros(rows)
    most_beyond = None if not weight else 0.0
    bounds = [(0, None)] * number + [(0, most_beyond)] * rows
    result = linprog(np.concatenate([-value, beyond]), upper, most + 1e-12, equal, np.ones(cells), bounds)
    return -result.ineqlin.marginals, -result.eqlin.marginals, result.x[:number], float(result.x[number:].sum())


def _drawn(mixes: list[tuple[float, int, Arms]], cell: Integers, seed: int) -> Integers:
    """Give each customer one of the choices mixed in the cell; those treated alike are divided as the mix says."""
    arm = np.zeros(len(cell), dtype=np.int64)
    lots = np.random.default_rng(seed).permutation(len(cell))
    for c in np.unique(cell):
        mine = [(weight, choice) for weight, where, choice in mixes if where == c]
        rows = lots[cell[lots] == c]
        options = np.array([choice[rows] for _, choice in mine])
        limits = np.cumsum([weight for weight, _ in mine])
        _, pattern = np.unique(options, axis=1, return_inverse=True)
        order = np.argsort(pattern.ravel(), kind="stable")
        place = np.arange(len(rows)) - np.searchsorted(pattern.ravel()[order], pattern.ravel()[order])
        share = (place + 0.5) / np.bincount(pattern.ravel())[pattern.ravel()[order]]
        which = np.minimum(np.searchsorted(limits / limits[-1], share), len(mine) - 1)
        arm[rows[order]] = options[which, order]
    return arm


def _whole(arm: Integers, net: Floats, cell: Integers, limits: Sequence[Limit], price: Floats) -> Integers:
    """Change the few customers by whom whole numbers break limits, then use what is left over."""
    use = np.array([limit.use for limit in limits])
    room = np.array([limit.most + limit.slack for limit in limits]) + 1e-9
    now, arm = used(arm, cell, limits), arm.copy()
    paid = np.column_stack([np.zeros(len(net)), net - np.einsum("r,rca->ca", price, use)[cell]])
    takes = np.concatenate([np.zeros((len(limits), use.shape[1], 1)), use], axis=2)
    # Going beyond a limit counts in customers; beyond one that allows none, far more.
    scale = np.array([1.0 if limit.slack else 1e3 for limit in limits]) / np.abs(use).max(axis=(1, 2))
    over = float((np.maximum(now - room, 0) * scale).sum())
    while over > 0:
        worst = int(np.argmax((now - room) * scale))
        less = (takes[worst][cell] - takes[worst][cell, arm][:, None] < 0) & np.isfinite(paid)
        loss = np.where(less, paid[np.arange(len(arm)), arm][:, None] - paid, np.inf).ravel()
        few = np.argpartition(loss, min(TRIED, len(loss) - 1))[:TRIED]
        for move in few[np.argsort(loss[few], kind="stable")]:
            row, to = divmod(int(move), paid.shape[1])
            then = now + takes[:, cell[row], to] - takes[:, cell[row], arm[row]]
            left = float((np.maximum(then - room, 0) * scale).sum())
            if np.isfinite(loss[move]) and left < over - NEAR:
                now, over, arm[row] = then, left, to
                break
        else:
            break
    free = np.flatnonzero((arm == 0) & (net.max(axis=1) > 0))
    for row in free[np.argsort(-paid[free, 1:].max(axis=1), kind="stable")][:TRIED]:
        to = int(paid[row, 1:].argmax()) + 1
        if net[row, to - 1] > 0 and (now + takes[:, cell[row], to] <= room).all():
            now += takes[:, cell[row], to]
            arm[row] = to
    return arm


def _bound(net: Floats, cell: Integers, limits: Sequence[Limit], price: Floats) -> float:
    """Return what no choice exceeds: the Lagrangian at these prices."""
    whole = np.einsum("r,rca->ca", price, np.array([limit.use for limit in limits]))
    most = np.array([limit.most + limit.slack for limit in limits])
    return float(np.maximum((net - whole[cell]).max(axis=1), 0).sum() + price @ most)


def _exact(net: Floats, cell: Integers, limits: Sequence[Limit]) -> Choice:
    """Solve the integer programme."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    n, arms = net.shape
    once = csr_array((np.ones(n * arms), (np.repeat(np.arange(n), arms), np.arange(n * arms))), shape=(n, n * arms))
    use = np.array([limit.use[cell].ravel() for limit in limits])
    most = np.array([limit.most + limit.slack for limit in limits])
    allowed = np.isfinite(net).ravel().astype(float)
    result = milp(
        -np.where(np.isfinite(net), net, 0).ravel(), integrality=np.ones(n * arms), bounds=Bounds(0, allowed),
        constraints=[LinearConstraint(once, ub=1), LinearConstraint(use, ub=most)], options={"mip_rel_gap": 1e-6},
    )  # fmt: skip
    if result.x is None:
        raise _contradiction([limit.name for limit in limits], net)
    taken = result.x.reshape(n, arms) > 0.5
    arm = np.where(taken.any(axis=1), taken.argmax(axis=1) + 1, 0)
    return Choice(arm, np.full(len(limits), np.nan), float(-result.mip_dual_bound))


def _contradiction(names: list[str], net: Floats) -> Refused:
    """Return the refusal that names the limits and, where an arm is not to be given to some, those left out."""
    left = int((~np.isfinite(net)).any(axis=1).sum())
    whom = f"the {left:,} customers" if left >= K else "customers"
    but = f" if {whom} whom contact harms are left out" if left else ""
    todo = f"raise or lower {'one of them' if len(names) > 1 else 'it'}"
    return Refused(f"no choice of customers keeps {' and '.join(names)}{but}", None, "limits that go together", todo)
