"""A campaign as a question of uplift: who was in which arm, by what chance, what was known before, what came of it."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.errors import DataError, ParameterError, Refused, SchemaError, one_of
from bankmkt.uplift.study_checks import aligned, check_index, check_labels, features, floats, in_time, is_number

Floats = npt.NDArray[np.float64]
CONTROL = "control"
NOBODY = "none"
"""What a list says of customers who are left alone."""
FEWEST = 10
"""Customers that an arm must have."""
LEAST_CHANCE = 0.01
"""A smaller chance of an arm lets one customer stand for more than a hundred."""

SRM_P = 0.001
"""Arm sizes less likely than this under the propensities are not of that draw (sample-ratio mismatch)."""


class Study:
    """What uplift is learned from and judged by; checked when it is made, and not changed after.

    Parameters
    ----------
    X : pandas.DataFrame
        A row per customer, what was known *before* the campaign: numbers, yes/no or categories (texts become
        categories). Missing values are allowed.
    treatment : pandas.Series or array
        Each customer's arm: names, or 0/1.
    outcome : pandas.Series or array of float
        What the campaign is judged by; none may be missing.
    propensity : number, mapping, pandas.Series or pandas.DataFrame
        Chance of each arm as it was drawn: of the one treated arm (a number, or one for every customer), by arm, or a
        column per arm. Recorded by :func:`bankmkt.experiment.assign`; without an experiment, estimated by
        :func:`bankmkt.experiment.propensity`.
    cost : mapping or float, optional
        Yuan per customer of an arm, or of any treated customer.
    value : float
        Yuan that a unit of the outcome is worth.
    truth : pandas.Series or pandas.DataFrame, optional
        True effect on each customer, a column per treated arm: synthetic banks only, never learned from. If it is
        the difference of both outcomes (:func:`study_of`), luck is part of it.
    randomised : bool
        Whether the propensities are those of a lot, not estimates.
    control : str, optional
        Name of the control arm: ``"control"``, or 0, if not given.
    campaign_on : date, optional
        The day before which everything in ``X`` must have been known.
    known_on : mapping of column to date, optional
        When each column was known; with ``campaign_on``, later ones are refused.

    Attributes
    ----------
    X
        With categories for texts.
    index
        Labels of the customers: the index of ``X`` as given, such as customer ids.
    arms
        The control first, then the treated arms by name.
    arm
        Number of each customer's arm.
    outcome, propensity, cost, value, truth, randomised
        As arrays (propensity: customers × arms; cost: by arm; truth: customers × treated arms, or None).

    Raises
    ------
    DataError, SchemaError, ParameterError
        If something is missing, does not fit together or is no number.
    Refused
        If a column was known too late, or an arm could hardly happen.

    Examples
    --------
    >>> X = pd.DataFrame({"aum": range(40), "city": ["north", "south"] * 20})
    >>> study = Study(X, [0, 1] * 20, [0.0, 1.0] * 20, propensity=0.5)
    >>> study
    Study(40 customers, 2 columns, arms control 20, treatment 20)
    """

    def __init__(
        self,
        X: pd.DataFrame,
        treatment: Any,
        outcome: Any,
        propensity: Any,
        cost: Mapping[str, float] | float = 0.0,
        value: float = 1.0,
        truth: Any = None,
        *,
        randomised: bool = True,
        control: str | None = None,
        campaign_on: dt.date | str | None = None,
        known_on: Mapping[str, dt.date | str] | None = None,
    ) -> None:
        self.X = features(X)
        self.index = X.index
        check_labels(X.index)
        for name, given in (
            ("treatment", treatment),
            ("outcome", outcome),
            ("propensity", propensity),
            ("truth", truth),
        ):
            check_index(name, given, X.index)
        in_time(self.X, campaign_on, {} if known_on is None else known_on)
        self.arms, self.arm = _arms(aligned("treatment", treatment, self.X), control)
        self.outcome = floats("outcome", aligned("outcome", outcome, self.X))
        self.propensity = _chances(propensity, self.X, self.arms)
        self.cost = _costs(cost, self.arms)
        if not is_number(value):
            raise ParameterError("value", value, "yuan that a unit of the outcome is worth", "such as value=120.0")
        self.value = float(value)
        self.truth = None if truth is None else _truth(truth, self.X, self.arms)
        if not isinstance(randomised, bool | np.bool_):
            todo = "True only if the chances are those of a lot"
            raise ParameterError("randomised", randomised, "True or False", todo)
        self.randomised = bool(randomised)
        if self.randomised:
            _as_drawn(self.arm, self.propensity, self.arms)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {n:,}" for name, n in zip(self.arms, np.bincount(self.arm), strict=True))
        return f"Study({len(self):,} customers, {self.X.shape[1]} columns, arms {sizes})"

    def __len__(self) -> int:
        return len(self.arm)

    @property
    def treated(self) -> tuple[str, ...]:
        """The arms but the control."""
        return self.arms[1:]

    def of(self, rows: Any) -> "Study":
        """Return the study of some customers, who keep their labels.

        Parameters
        ----------
        rows : array
            Positions, or whether each customer is in it.
        """
        rows = np.asarray(rows)
        if (rows.dtype == bool and rows.shape != (len(self),)) or (
            rows.dtype != bool
            and (rows.dtype.kind not in "iu" or (len(rows) and not -len(self) <= rows.min() <= rows.max() < len(self)))
        ):
            raise ParameterError(
                "rows", rows.shape, f"positions below {len(self):,}, or yes/no of each", "see Study.of"
            )
        index = self.index[rows]
        chance = pd.DataFrame(self.propensity[rows], index, columns=list(self.arms))
        return Study(
            self.X.iloc[np.flatnonzero(rows) if rows.dtype == bool else rows].set_axis(index),
            np.array(self.arms)[self.arm[rows]], self.outcome[rows], chance,
            dict(zip(self.arms, self.cost.tolist(), strict=True)), self.value,
            None if self.truth is None else pd.DataFrame(self.truth[rows], index, columns=list(self.treated)),
            randomised=self.randomised, control=self.arms[0],
        )  # fmt: skip


def _as_drawn(arm: npt.NDArray[np.int64], chance: Floats, arms: tuple[str, ...]) -> None:
    """Refuse chances that the arms' sizes contradict: of each arm, the number drawn is a sum of independent draws."""
    from scipy.stats import norm

    for place, name in enumerate(arms):
        p = chance[:, place]
        off = float((np.sum(arm == place) - p.sum()) / np.sqrt((p * (1 - p)).sum()))
        if 2 * norm.sf(abs(off)) * len(arms) < SRM_P:
            seen = f"{np.mean(arm == place):.1%} of customers are in arm {name}"
            todo = (
                "pass the chances of the draw, find out who was lost since, or say randomised=False if none was drawn"
            )
            raise Refused(seen, None, f"about {p.mean():.1%}, as propensity says", todo)


def _arms(given: pd.Series, control: Any) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    kind = given.dtype
    if pd.api.types.is_bool_dtype(kind) or (pd.api.types.is_numeric_dtype(kind) and set(given.unique()) <= {0, 1}):
        if control is not None and not isinstance(control, str) and control != 0:
            raise ParameterError("control", control, "0, or a name for it", "turn the arms round: 1 is the treated one")
        control = control if isinstance(control, str) else CONTROL
        given = given.astype(int).map({0: control, 1: "treatment"})
    codes, found = pd.factorize(given.astype(str))
    names = sorted(found)
    same = [str(arm) for arm in given.unique() if control is not None and arm == control]
    first = CONTROL if control is None else (same or [str(control)])[0]
    if first not in names:
        raise ParameterError("control", first, one_of(names), "name the arm that was left alone")
    if len(names) < 2:
        raise DataError(
            "treatment", names, "two arms or more", "a study needs customers who were left alone and others"
        )
    arms = (first, *(name for name in names if name != first))
    if taken := [name for name in arms[1:] if name in (NOBODY, CONTROL)]:
        todo = "rename it: lists say so of customers who are left alone"
        raise ParameterError("treatment", taken[0], "another name for an arm that was treated", todo)
    arm = np.array([arms.index(name) for name in found], dtype=np.int64)[codes]
    for name, size in zip(arms, np.bincount(arm), strict=True):
        if size < FEWEST:
            raise DataError(f"customers of arm {name}", int(size), f"{FEWEST} or more", "leave the arm out")
    return arms, arm


def _chances(given: Any, frame: pd.DataFrame, arms: tuple[str, ...]) -> Floats:
    n, todo = len(frame), "pass the chances recorded when lots were drawn"
    if given is None:
        raise ParameterError("propensity", None, "each customer's chance of each arm", todo)
    if isinstance(given, pd.DataFrame):
        if missing := [name for name in arms if name not in given]:
            raise SchemaError("propensity has no column", missing[0], one_of(arms), todo)
        chance = np.column_stack([floats("propensity", aligned("propensity", given[name], frame)) for name in arms])
    elif isinstance(given, Mapping):
        by_arm = {str(name): number for name, number in given.items()}
        if set(by_arm) != set(arms):
            raise ParameterError("propensity", sorted(by_arm), f"a chance for each of {', '.join(arms)}", todo)
        for name, number in by_arm.items():
            if not is_number(number):
                raise ParameterError(f"propensity[{name!r}]", number, "a chance between 0 and 1", todo)
        chance = np.tile([float(by_arm[name]) for name in arms], (n, 1))
    else:
        if len(arms) > 2:
            raise ParameterError("propensity", type(given).__name__, f"a chance for each of {', '.join(arms)}", todo)
        one = is_number(given)
        treated = np.full(n, float(given)) if one else floats("propensity", aligned("propensity", given, frame))
        chance = np.column_stack([1 - treated, treated])
    if (chance <= 0).any() or (chance >= 1).any() or (np.abs(chance.sum(axis=1) - 1) > 1e-6).any():
        raise DataError(
            "propensity", f"{chance.min():.4g} to {chance.max():.4g}", "chances between 0 and 1 that add up", todo
        )
    if chance.min() < LEAST_CHANCE:
        what = f"the chance of an arm is as low as {chance.min():.2g}"
        raise Refused(what, None, f"{LEAST_CHANCE} or more", "keep to customers who could have been in any arm")
    return chance


def _costs(cost: Mapping[str, float] | float, arms: tuple[str, ...]) -> Floats:
    costs = dict(cost) if isinstance(cost, Mapping) else dict.fromkeys(arms[1:], cost)
    for name, price in costs.items():
        if name not in arms:
            raise ParameterError("cost", name, one_of(arms), "name the arms")
        if not is_number(price) or price < 0:
            raise ParameterError(f"cost[{name!r}]", price, "yuan per customer, 0 or more", "such as cost=1.5")
    return np.array([float(costs.get(name, 0.0)) for name in arms])


def _truth(given: Any, frame: pd.DataFrame, arms: tuple[str, ...]) -> Floats:
    if isinstance(given, pd.DataFrame):
        if missing := [name for name in arms[1:] if name not in given]:
            raise SchemaError("truth has no column", missing[0], one_of(arms[1:]), "give every treated arm's effect")
        return np.column_stack([floats("truth", aligned("truth", given[name], frame)) for name in arms[1:]])
    if len(arms) > 2:
        raise ParameterError("truth", type(given).__name__, f"a frame with {', '.join(arms[1:])}", "a column per arm")
    return floats("truth", aligned("truth", given, frame))[:, None]
