"""What a user gives the methods without chance besides the panel, checked: propensities, covariates, settings."""

from collections.abc import Collection
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, Refused
from bankmkt.experiment.estimate import numbers
from bankmkt.privacy import check_k, discloses

DECIDED = ("arm", "participated", "treated", "propensity")
"""Columns of the panel that say who takes part: no covariates."""

SEEDS = 2**31 - 1
"""Largest seed, as LightGBM has it."""


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """Return a whole number from ``least``, or raise ParameterError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least or (most and value > most):
        expected = f"a whole number from {least}" + (f" to {most}" if most else "")
        raise ParameterError(name, value, expected, f"pass {name}={max(least, 7) if name == 'seed' else least}")
    return int(value)


def fewest(k: int, folds: Any) -> int:
    """Return the smallest group that models of so many folds can be learned from."""
    return max(check_k(k), 2 * whole("folds", folds, 2))


def check_clip(clip: Any) -> float:
    """Return ``clip``, or raise ParameterError unless it is a number between 0 and 0.5."""
    if isinstance(clip, bool) or not isinstance(clip, Real) or not 0 < float(clip) < 0.5:
        raise ParameterError("clip", clip, "a number between 0 and 0.5", "pass clip=0.01")
    return float(clip)


def check_covariates(covariates: Any, outcome: str | None = None) -> None:
    """Raise ParameterError unless these are columns that can have been known before the campaign."""
    if isinstance(covariates, str) or not isinstance(covariates, Collection) or len(covariates) == 0:
        raise ParameterError("covariates", covariates, "a list of columns", "name what was known before")
    for name in covariates:
        if name in DECIDED or (outcome is not None and name == outcome):
            raise ParameterError("covariate", name, "a column known before the campaign", "leave it out")


def chances(frame: pd.DataFrame, given: Any) -> np.ndarray:
    """Return known propensities in the row order of the panel.

    Parameters
    ----------
    frame
        The panel.
    given
        A column's name; a Series, which goes by its index; or an array in the row order of the panel.

    Raises
    ------
    ParameterError
        If they are of other customers, missing, or no probabilities.
    Refused
        If one is exactly 0 or 1.

    Examples
    --------
    >>> chances(pd.DataFrame({"x": [1, 2]}, index=["a", "b"]), pd.Series([0.3, 0.2], index=["b", "a"]))
    array([0.2, 0.3])
    """
    expected, todo = f"{len(frame)} probabilities between 0 and 1", "pass experiment.propensity(panel)"
    if isinstance(given, str):
        p = numbers(frame, given)
    elif isinstance(given, pd.Series):
        p = numbers(pd.DataFrame({"propensities": _by_index(frame, given)}), "propensities")
    else:
        values = np.asarray(given)
        if values.dtype.kind not in "iuf":
            raise ParameterError("propensities", type(given).__name__, expected, todo)
        p = values.astype(float)
    if p.shape != (len(frame),):
        raise ParameterError("propensities", f"of shape {p.shape}", expected, todo)
    if np.isnan(p).any():
        raise ParameterError("propensities", "missing for some customers", expected, todo)
    if ((p < 0) | (p > 1)).any():
        raise ParameterError("propensities", f"from {p.min():g} to {p.max():g}", expected, todo)
    if ((p == 0) | (p == 1)).any():
        raise Refused("propensities of 0 or 1", None, "chances between", "leave out whom nobody can be compared with")
    return p


def _by_index(frame: pd.DataFrame, given: pd.Series) -> pd.Series:
    if given.index.equals(frame.index):
        return given
    same = given.index.is_unique and frame.index.is_unique and len(given) == len(frame)
    if not same or not given.index.isin(frame.index).all():
        todo = "give it the panel's index, or pass .to_numpy() if the rows belong together"
        raise ParameterError("index of propensities", "other than the panel's", "the same customers", todo)
    return given.reindex(frame.index)


def clipped(p: np.ndarray, joined: np.ndarray, clip: float, k: int) -> tuple[np.ndarray, str]:
    """Return propensities kept between ``clip`` and ``1 - clip``, and a note on how many were not there.

    Raises
    ------
    Refused
        If no non-participant's was: all would count alike, which leaves a plain difference of the groups.

    Examples
    --------
    >>> clipped(np.array([0.2, 0.001]), np.array([True, False]), 0.0001, k=1)[1]
    ''
    >>> p, note = clipped(np.array([0.2, 0.3, 0.001]), np.array([True, False, False]), 0.01, k=1)
    >>> p, note
    (array([0.2 , 0.3 , 0.01]), '1 of 3 propensities clipped')
    """
    outside = (p < clip) | (p > 1 - clip)
    if outside[~joined].all():
        what = f"the propensities of all non-participants lie outside {clip:g} to {1 - clip:g}"
        raise Refused(what, todo="pass a smaller clip, or take part of the customers only")
    count = int(outside.sum())
    told = "some" if discloses(count, len(p), k) else f"{count:,} of {len(p):,}"
    return np.clip(p, clip, 1 - clip), f"{told} propensities clipped" if count else ""
