"""What is scarce: yuan, contacts, and contacts that have to be made, as limits of the solver."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bankmkt.errors import ParameterError, Refused, one_of
from bankmkt.uplift.policy_solver import Limit
from bankmkt.uplift.study import Floats
from bankmkt.uplift.study_checks import is_number, is_whole


def limits_of(
    arms: tuple[str, ...], cost: Floats, customers: int, cells: int, budget: Any, capacity: Any, at_least: Any
) -> list[Limit]:
    """Return limits on yuan and contacts.

    Parameters
    ----------
    arms, cost
        Treated arms, and yuan per customer of each.
    customers, cells
        Numbers of them.
    budget
        Yuan, or None.
    capacity, at_least
        Most and fewest contacts, in all or by arm, or None.

    Raises
    ------
    ParameterError
        If one is no number of that kind.
    Refused
        If one alone, or a fewest with its most, cannot be kept.

    Examples
    --------
    >>> [(each.name, each.most) for each in limits_of(("call",), np.array([3.0]), 100, 1, 90, {"call": 20}, 5)]
    [('the budget of 90', 90.0), ('capacity of 20 contacts by call', 20.0), ('at least 5 contacts', -5.0)]
    """
    out = []
    if budget is not None:
        if not is_number(budget) or budget <= 0:
            raise ParameterError("budget", budget, "yuan above 0", "such as budget=5000, or leave it out")
        if cost.min() > budget:
            raise Refused(f"the budget of {budget:,.10g}", None, f"{cost.min():g} or more", "it pays for nobody")
        out.append(Limit(f"the budget of {budget:,.10g}", np.tile(cost, (cells, 1)), float(budget)))
    most = _by_arm("capacity", capacity, arms)
    least = _by_arm("at_least", at_least, arms)
    for name, number in least.items():
        if number > customers:
            what = f"at least {number:,} contacts"
            raise Refused(what, None, f"at most the {customers:,} customers there are", "lower it")
        if number > most.get(name, number):
            what = f"at least {number:,} contacts and a capacity of {most[name]:,}"
            raise Refused(what, None, "a fewest below the most", "raise one or lower the other")
    for name, number in most.items():
        out.append(Limit(f"capacity of {number:,} contacts{_by(name)}", _use(name, arms, cells), float(number)))
    for name, number in least.items():
        out.append(Limit(f"at least {number:,} contacts{_by(name)}", -_use(name, arms, cells), -float(number)))
    return out


def _by_arm(parameter: str, given: Any, arms: tuple[str, ...]) -> dict[str, int]:
    """Return numbers by arm; "" stands for all of them together."""
    if given is None:
        return {}
    numbers = dict(given) if isinstance(given, Mapping) else {"": given}
    for name, number in numbers.items():
        if name and name not in arms:
            raise ParameterError(parameter, name, one_of(arms), "name treated arms")
        if not is_whole(number) or number < 1:
            raise ParameterError(parameter, number, "customers, an integer from 1", f"such as {parameter}=1000")
    return {name: int(number) for name, number in numbers.items()}


def _use(name: str, arms: tuple[str, ...], cells: int) -> Floats:
    return np.tile([float(not name or arm == name) for arm in arms], (cells, 1))


def _by(name: str) -> str:
    return f" by {name}" if name else ""
