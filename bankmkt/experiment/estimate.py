"""One form for every estimate: a number, its interval, and what it is an estimate of."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import Z
from bankmkt.damage import reading
from bankmkt.errors import DataError, ParameterError, Refused, SchemaError, one_of
from bankmkt.privacy import check_k

TARGETS = {
    "ATT": "average effect on those who took part",
    "ATE": "average effect on everybody eligible",
    "ITT": "average effect of being invited",
    "CACE": "average effect of taking part on those whom an invitation makes take part",
}
"""What an estimate is of, by its usual abbreviation."""


LARGEST = 1e100
"""Larger numbers are taken for infinite: sums of their squares are."""


@dataclass(frozen=True)
class Estimate:
    """An effect of a campaign on one outcome.

    Parameters
    ----------
    method
        How it was estimated, in words for a reader.
    outcome
        Column of the panel.
    target
        Key of :data:`TARGETS`.
    estimate, se, ci_low, ci_high
        In units of the outcome, per customer; the interval is a 95 % one.
    treated, control
        Number of customers compared.
    note
        What the reader must know to judge it; empty if nothing.
    influence
        Each customer's contribution to the error (mean zero; ``se`` is its standard deviation divided by √n), in
        the row order of the panel. It lets intervals of sums and differences of estimates be computed exactly.
    """

    method: str
    outcome: str
    target: str
    estimate: float
    se: float
    ci_low: float
    ci_high: float
    treated: int
    control: int
    note: str = ""
    influence: np.ndarray | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_influence(
        cls,
        method: str,
        outcome: str,
        target: str,
        estimate: float,
        influence: np.ndarray,
        treated: int,
        note: str = "",
    ) -> "Estimate":
        """Make an estimate whose interval follows from the customers' influence on it."""
        se = standard_error(influence)
        low, high = normal_interval(estimate, se)
        control = len(influence) - treated
        return cls(method, outcome, target, float(estimate), se, low, high, treated, control, note, influence)

    def row(self) -> dict[str, Any]:
        """Return the estimate without its influence values."""
        names = "method", "outcome", "target", "estimate", "se", "ci_low", "ci_high", "treated", "control", "note"
        return {name: getattr(self, name) for name in names}


def to_frame(estimates: Iterable[Estimate]) -> pd.DataFrame:
    """Collect estimates into a frame, a row each.

    Examples
    --------
    >>> to_frame([Estimate("difference", "logins", "ITT", 1.0, 0.5, 0.02, 1.98, 10, 10)])[["method", "estimate"]]
           method  estimate
    0  difference       1.0
    """
    return pd.DataFrame([estimate.row() for estimate in estimates])


def normal_interval(estimate: float, se: float) -> tuple[float, float]:
    """Return the 95 % interval of a normally distributed estimate."""
    half = Z * se
    return float(estimate - half), float(estimate + half)


def standard_error(influence: np.ndarray) -> float:
    """Return the standard error that belongs to mean-zero influence values."""
    return float(np.sqrt(np.mean(influence**2) / len(influence)))


def mean_difference(y: np.ndarray, group: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean of ``y`` in a group less that of the others, and each customer's influence on it.

    Examples
    --------
    >>> mean_difference(np.array([3.0, 5.0, 1.0]), np.array([True, True, False]))[0]
    3.0
    """
    share, mean_1, mean_0 = group.mean(), y[group].mean(), y[~group].mean()
    return float(mean_1 - mean_0), np.where(group, (y - mean_1) / share, -(y - mean_0) / (1 - share))


def local(panel: Any) -> pd.DataFrame:
    """Bring a panel into memory if it still is an expression in the engine.

    Raises
    ------
    ParameterError
        If it is no table.
    SchemaError
        If two columns have the same name.
    """
    if isinstance(panel, pd.DataFrame):
        if not panel.columns.is_unique:
            twice = panel.columns[panel.columns.duplicated()][0]
            raise SchemaError("panel has two columns", twice, "each name once", "rename or drop one")
        return panel
    if not hasattr(panel, "to_pandas"):
        raise ParameterError("panel", panel, "a panel", "make it: experiment.panel(bank, name)")
    if not hasattr(panel, "get_backend"):
        return panel.to_pandas()
    with reading(panel.get_backend(), None):
        return panel.to_pandas()


def groups(frame: pd.DataFrame, flag: str, k: int) -> np.ndarray:
    """Return the yes/no column ``flag``, after checking that both its groups have at least ``k`` customers.

    Raises
    ------
    Refused
        If a group is smaller than ``k``; by how much is not said, because errors reach reports.
    DataError
        If ``flag`` is not as :func:`yes_no` wants it, or a ``customer_id`` is there twice.
    ParameterError
        If ``k`` is no integer from 1.
    """
    check_k(k)
    yes = yes_no(frame, flag)
    if "customer_id" in frame and frame["customer_id"].duplicated().any():
        todo = "drop the repeats: they make an interval too narrow"
        raise DataError("customer_id", "twice for some customers", "a row per customer", todo)
    if min(yes.sum(), (~yes).sum()) < k:
        group = "with" if yes.sum() <= (~yes).sum() else "without"
        todo = "compare a larger unit or a longer campaign"
        raise Refused(f"fewer than k = {k} customers {group} {flag}", todo=todo)
    return yes


def column(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a column of the panel, or say which ones there are."""
    if name not in list(frame.columns):
        raise ParameterError("column", name, one_of(frame.columns), "name a column of experiment.panel(...)")
    return frame[name]


def yes_no(frame: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column of yes and no as booleans.

    Raises
    ------
    DataError
        If a value is missing, or is neither yes (True, 1) nor no (False, 0).

    Examples
    --------
    >>> yes_no(pd.DataFrame({"participated": [1, 0]}), "participated")
    array([ True, False])
    """
    values, expected = column(frame, name), "yes or no (True or False, 1 or 0) for every customer"
    if values.isna().any():
        raise DataError(name, "missing for some customers", expected, "fill it in, or leave these customers out")
    for value in values.unique():
        if not isinstance(value, Real | np.bool_) or value not in (0, 1):
            plain = value.item() if isinstance(value, np.generic) else value
            raise DataError(name, plain, expected, f"turn it into them, as by frame[{name!r}] == ...")
    return values.to_numpy(dtype=bool)


def numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column as floats; what is missing is not a number.

    Raises
    ------
    SchemaError
        If it holds anything but numbers and yes/no.
    DataError
        If a number is infinite, or so large that its square nearly is.

    Examples
    --------
    >>> numbers(pd.DataFrame({"logins": [2, None]}), "logins")
    array([ 2., nan])
    """
    values = column(frame, name)
    kind = pd.api.types.infer_dtype(values) if values.dtype == object else ""
    known = kind in ("boolean", "integer", "floating", "mixed-integer-float", "decimal", "empty")
    if not known and (not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_complex_dtype(values)):
        raise SchemaError(f"column {name} is {kind or values.dtype}", None, "numbers or yes/no", "convert it")
    found = values.to_numpy(dtype=float, na_value=np.nan)
    if (np.abs(found) > LARGEST).any():
        raise DataError(name, "infinite for some customers", f"numbers within ±{LARGEST:g}", "correct it")
    return found


def outcome_values(frame: pd.DataFrame, name: str) -> np.ndarray:
    """Return an outcome as floats, refusing missing values."""
    values = numbers(frame, name)
    if np.isnan(values).any():
        raise Refused(f"{name} is missing for some customers", todo="complete the outcomes")
    return values
