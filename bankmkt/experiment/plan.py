"""How many customers an experiment needs, what it can find, and what the answer costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
from bankmkt.experiment.assign import ARMS, check_arms
from bankmkt.experiment.estimate import local

FEWEST_CLUSTERS = 10
"""Units from which it can be learned how alike the customers of one are."""


@dataclass(frozen=True)
class History:
    """What a plan needs to know of an outcome: of :func:`history`, or from elsewhere.

    Parameters
    ----------
    mean
        Of the outcome (of a ratio: numerator's mean by the denominator's).
    sd
        Standard deviation between customers; of a ratio that of numerator − ratio × denominator, by the denominator's
        mean (delta method).
    explained
        Part of the variance that covariate and strata, known before, explain: 0 to 1.
    binary
        Whether the outcome is yes or no, so that another rate means another variance.
    icc
        Part of the variance that lies between clusters.
    cluster_size, cluster_cv
        Mean customers of a cluster; their standard deviation by that mean. 1 and 0: customers are drawn one by one.
    """

    mean: float
    sd: float
    explained: float = 0.0
    binary: bool = False
    icc: float = 0.0
    cluster_size: float = 1.0
    cluster_cv: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name, low, high in (
            ("mean", -np.inf, np.inf), ("sd", 0, np.inf), ("explained", 0, 1), ("icc", 0, 1),
            ("cluster_size", 1, np.inf), ("cluster_cv", 0, np.inf),
        ):  # fmt: skip
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ParameterError(name, value, f"a number from {low} to {high}", "see bm.experiment.history")
        if self.sd == 0 or self.explained == 1:
            raise ParameterError("sd", self.sd, "an outcome that varies", "choose another outcome")
        if self.binary and not 0 < self.mean < 1:
            raise ParameterError("mean", self.mean, "a rate between 0 and 1", "of a yes/no outcome")

    @property
    def design_effect(self) -> float:
        """How many times as many customers it takes because whole clusters are drawn."""
        return 1 + ((1 + self.cluster_cv**2) * self.cluster_size - 1) * self.icc


def history(
    frame: Any,
    outcome: str,
    *,
    covariate: str | None = None,
    strata: Sequence[str] = (),
    cluster: str | None = None,
    per: str | None = None,
) -> History:
    """Learn from the past what a plan needs to know of an outcome.

    Parameters
    ----------
    frame
        Ibis table or pandas frame, a row per customer: such as :func:`bankmkt.experiment.panel` of an earlier campaign.
    outcome
        Column of numbers or yes/no, over a time as long as the experiment's.
    covariate
        Column known before it, that the estimate will be adjusted by (CUPED).
    strata
        Columns that lots will be drawn within.
    cluster
        Column of the unit that will be drawn as a whole, such as the branch.
    per
        Denominator, for a ratio of two columns.

    Returns
    -------
    History

    Raises
    ------
    SchemaError
        If a column is not there or holds no numbers.
    DataError
        If there are fewer than three customers, a value is missing, or the outcome does not vary.

    Notes
    -----
    ``explained`` is the R² of the covariate and the strata's means, less what chance alone would explain (adjusted
    R²). The intracluster correlation is that of the analysis of variance (Donner & Klar 2000), at least 0, of what
    they leave unexplained.

    Examples
    --------
    >>> before = np.arange(1000.0)
    >>> frame = pd.DataFrame({"logins": before + 100 * (-1) ** before, "before": before})
    >>> found = history(frame, "logins", covariate="before")
    >>> round(found.mean, 1), round(found.sd), round(found.explained, 2)
    (499.5, 305, 0.89)
    """
    rows = local(frame)
    for name, given in (("outcome", outcome), ("covariate", covariate), ("cluster", cluster), ("per", per)):
        if given is not None and not isinstance(given, str):
            raise ParameterError(name, given, "the name of a column", "one of the frame's")
    if isinstance(strata, str):
        raise ParameterError("strata", strata, "a list of columns", 'such as strata=["tier"]')
    columns = {name: _numbers(rows, name) for name in (outcome, covariate, per) if name is not None}
    for name in (*strata, *([cluster] if cluster else [])):
        if name not in rows:
            raise SchemaError("frame has no column", name, one_of(rows.columns), "add it, or name another")
    y, n = columns[outcome], len(rows)
    if n < 3:
        raise DataError("customers", n, "three or more", "take a larger group")
    binary = per is None and bool(np.isin(y, (0, 1)).all())
    mean = float(y.mean())
    if per is not None:
        below = float(columns[per].mean())
        if not below > 0:
            raise DataError(f"mean of {per}", below, "above 0", "choose another denominator")
        mean = mean / below
        y = (y - mean * columns[per]) / below
    left, used = y - y.mean(), 0
    total = float(left @ left)
    if total <= 0:
        raise DataError(outcome, "the same for everybody", "an outcome that varies", "choose another")
    if strata:
        codes = rows.groupby(list(strata), dropna=False).ngroup().to_numpy()
        left, used = _less_means(left, codes), int(codes.max())
    if covariate is not None:
        x = columns[covariate] - columns[covariate].mean()
        x = _less_means(x, codes) if strata else x
        if x @ x > 0:
            left, used = left - x * (x @ left) / (x @ x), used + 1
    rest = float(left @ left) / max(n - 1 - used, 1)
    explained = max(1 - rest / (total / (n - 1)), 0.0)
    sd = float(np.sqrt(total / (n - 1)))
    if cluster is None:
        return History(mean, sd, explained, binary)
    sizes, icc = _clusters(left, rows[cluster])
    return History(mean, sd, explained, binary, icc, float(sizes.mean()), float(sizes.std() / sizes.mean()))


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
        if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < np.inf:
            raise ParameterError("cost", price, "yuan per customer, 0 or more", "such as cost=2.5")
    return {name: float(prices.get(name, 0.0)) for name in shares}


def _numbers(rows: pd.DataFrame, name: str) -> np.ndarray:
    if name not in rows:
        raise SchemaError("frame has no column", name, one_of(rows.columns), "add it, or name another")
    if not (pd.api.types.is_numeric_dtype(rows[name]) or pd.api.types.is_bool_dtype(rows[name])):
        raise SchemaError("column", f"{name} ({rows[name].dtype})", "numbers or yes/no", "convert it")
    values = rows[name].to_numpy(dtype=float, na_value=np.nan)
    if not np.isfinite(values).all():
        raise DataError(
            name, f"{int((~np.isfinite(values)).sum())} missing", "a value of every customer", "leave them out"
        )
    return values


def _less_means(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    size = np.bincount(codes)
    return np.asarray(values - (np.bincount(codes, values) / np.maximum(size, 1))[codes])


def _clusters(left: np.ndarray, cluster: pd.Series) -> tuple[np.ndarray, float]:
    """Return the clusters' sizes and the intracluster correlation of what is left unexplained."""
    codes, names = pd.factorize(cluster)
    if (codes < 0).any():
        raise DataError(
            str(cluster.name), f"{int((codes < 0).sum())} missing", "a unit of every customer", "leave them out"
        )
    sizes = np.bincount(codes).astype(float)
    k, n = len(names), len(left)
    if k < FEWEST_CLUSTERS or n == k:
        expected = f"{FEWEST_CLUSTERS} units or more, with several customers"
        raise DataError(str(cluster.name), k, expected, "fewer do not tell how alike the customers of a unit are")
    means = np.bincount(codes, left) / sizes
    between = float((sizes * (means - left.mean()) ** 2).sum()) / (k - 1)
    within = float(((left - means[codes]) ** 2).sum()) / (n - k)
    usual = (n - float((sizes**2).sum()) / n) / (k - 1)
    icc = (between - within) / (between + (usual - 1) * within)
    return sizes, float(min(max(icc, 0.0), 1.0))
