"""How many customers an experiment needs, what it can find, and what the answer costs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, one_of
from bankmkt.experiment.assign import ARMS, check_arms
from bankmkt.experiment.history import History


def plan(
    past: History,
    effect: float | Sequence[float] | None = None,
    customers: int | Sequence[int] | None = None,
    *,
    power: float = 0.8,
    arms: Mapping[str, float] = ARMS,
    control: str = "control",
    level: float = 0.95,
    cost: Mapping[str, float] | float = 0.0,
) -> pd.DataFrame:
    """Say how many customers an effect takes, or which effect so many customers can show; and what the answer costs.

    Give effects, and get customers for the wanted power; give customers, and get the least effect that is found with
    that power; give both, and get the power.

    Parameters
    ----------
    past
        Of :func:`history`.
    effect
        Difference between a treated arm and the control, in the outcome's units (of a rate: 0.01 is a point); one or
        several.
    customers
        In all arms together; one or several.
    power
        Chance to find the effect if it is there.
    arms
        Shares of the arms.
    control
        The arm that each of the others is compared with.
    level
        Of the intervals: 0.95. With m treated arms each is tested at (1 − level) / m, so that no effect is found
        where there is none in 95 of 100 experiments (Bonferroni).
    cost
        Yuan per customer of an arm, by arm, or of each treated customer.

    Returns
    -------
    pandas.DataFrame
        A row per effect or number of customers and treated arm: arm, effect, relative (to the mean), power, customers
        (of all arms), in_arm, in_control, clusters (of all arms; null if customers are drawn one by one), cost (yuan,
        of all arms).

    Raises
    ------
    ParameterError
        If an argument is not as above, or a rate would leave 0 to 1.

    Notes
    -----
    Two-sided z-test of a difference in means or rates with unpooled variances; variances shrink by what is explained
    and grow by the design effect. Normal approximation: with fewer than some fifty clusters an arm the true power is
    lower. Cohen (1988), *Statistical Power Analysis*; Deng et al. (2013), WSDM (CUPED); Eldridge, Ashby & Kerry (2006),
    *Int. J. Epidemiology* 35 (clusters of different sizes).

    Examples
    --------
    From 10 % to 12 % with a power of 80 %:

    >>> plan(History(0.10, 0.3, binary=True), 0.02)[["customers", "in_arm"]].iloc[0].to_dict()
    {'customers': 7677, 'in_arm': 3838}
    """
    if not isinstance(past, History):
        raise ParameterError(
            "past", type(past).__name__, "a History", "make one: bm.experiment.history(frame, outcome)"
        )
    shares = check_arms(arms)
    if control not in shares:
        raise ParameterError("control", control, one_of(shares), "name one of the arms")
    for name, value in (("power", power), ("level", level)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            raise ParameterError(
                name, value, "a number between 0 and 1", f"pass {name}={0.8 if name == 'power' else 0.95}"
            )
    if effect is None and customers is None:
        raise ParameterError("effect", None, "an effect, a number of customers, or both", "say what is known")
    prices = _prices(cost, shares, control)
    treated = [name for name in shares if name != control]
    tail = (1 - level) / 2 / len(treated)
    rows = []
    for delta in _several("effect", effect):
        for number in _several("customers", customers):
            needed = _needed(past, delta, shares, treated, control, tail, power) if number is None else number
            for arm in treated:
                rows.append(_row(past, delta, needed, arm, shares, control, tail, power, prices))
    return pd.DataFrame(rows).astype({"clusters": "Int64"})


def _row(
    past: History, delta: float | None, number: int, arm: str, shares: dict[str, float], control: str, tail: float,
    power: float, prices: dict[str, float],
) -> dict[str, Any]:  # fmt: skip
    from scipy.stats import norm

    if delta is None:
        delta, found = _least(past, number, shares[arm], shares[control], tail, power), power
    else:
        se = np.sqrt(_variance(past, delta, shares[arm], shares[control]) / number)
        z = norm.isf(tail)
        found = float(norm.sf(z - abs(delta) / se) + norm.cdf(-z - abs(delta) / se))
    return {
        "arm": arm, "effect": delta, "relative": delta / past.mean if past.mean else float("nan"), "power": found,
        "customers": number, "in_arm": round(number * shares[arm]), "in_control": round(number * shares[control]),
        "clusters": None if past.cluster_size == 1 else int(np.ceil(number / past.cluster_size)),
        "cost": sum(number * share * prices[name] for name, share in shares.items()),
    }  # fmt: skip


def _variance(past: History, delta: float, arm: float, control: float) -> float:
    """Return the variance of the difference, times the number of all customers."""
    one = other = past.sd**2
    if past.binary:
        rate = past.mean + delta
        if not 0 <= rate <= 1:
            raise ParameterError("effect", delta, f"a rate of 0 to 1: now it is {past.mean:.4g}", "choose another")
        one, other = rate * (1 - rate), past.mean * (1 - past.mean)
    return (one / arm + other / control) * (1 - past.explained) * past.design_effect


def _needed(
    past: History, delta: float | None, shares: dict[str, float], treated: list[str], control: str, tail: float,
    power: float,
) -> int:  # fmt: skip
    """Return how many customers it takes so that every arm's effect is found with the power."""
    from scipy.stats import norm

    assert delta is not None
    reach = float(norm.isf(tail) + norm.ppf(power))
    most = max(_variance(past, delta, shares[arm], shares[control]) for arm in treated)
    number = int(np.ceil(most * (reach / delta) ** 2))
    if past.cluster_size > 1:
        number = int(np.ceil(np.ceil(number / past.cluster_size) * past.cluster_size))
    return max(number, 2 * len(shares))


def _least(past: History, number: int, arm: float, control: float, tail: float, power: float) -> float:
    """Return the least positive effect that is found with the power."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    reach = float(norm.isf(tail) + norm.ppf(power))

    def short(delta: float) -> float:
        return delta - reach * float(np.sqrt(_variance(past, delta, arm, control) / number))

    top = 1 - past.mean if past.binary else 2 * reach * float(np.sqrt(_variance(past, 0.0, arm, control) / number))
    if short(top) < 0:
        raise ParameterError("customers", number, "enough to find any effect at all", "take more customers")
    return float(brentq(short, 0.0, top, xtol=1e-12))


def _several(name: str, given: Any) -> list[Any]:
    if given is None:
        return [None]
    values = list(given) if isinstance(given, Sequence | np.ndarray) and not isinstance(given, str) else [given]
    for value in values:
        number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        if (
            not number
            or not np.isfinite(value)
            or (value == 0 if name == "effect" else value < 4 or value != int(value))
        ):
            expected = "a number other than 0" if name == "effect" else "a whole number from 4"
            raise ParameterError(name, value, expected, "one, or a list")
    if not values:
        raise ParameterError(name, given, "one number or more", "leave it out to have it worked out")
    return [float(value) if name == "effect" else int(value) for value in values]


def _prices(cost: Mapping[str, float] | float, shares: dict[str, float], control: str) -> dict[str, float]:
    prices = dict(cost) if isinstance(cost, Mapping) else {name: cost for name in shares if name != control}
    for name, price in prices.items():
        if name not in shares:
            raise ParameterError("cost", name, one_of(shares), "name one of the arms")
        if isinstance(price, bool) or not isinstance(price, int | float | np.number) or not 0 <= price < np.inf:
            raise ParameterError("cost", price, "yuan per customer, 0 or more", "such as cost=2.5")
    return {name: float(prices.get(name, 0.0)) for name in shares}
