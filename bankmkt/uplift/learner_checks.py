"""Whether a model can be what learners are made of, and whether what it predicts can be a score."""

from typing import Any

import numpy as np

from bankmkt.errors import DataError, ParameterError
from bankmkt.uplift.encoding import Floats
from bankmkt.uplift.study_checks import is_whole

TRIAL = 200
"""Customers that a model is tried on before it is learned from all."""


def check_folds(smallest: int, folds: Any, seed: Any, workers: Any = 1) -> None:
    """Raise ParameterError unless the smallest arm has two customers or more in every fold."""
    for name, value, least in (("folds", folds, 2), ("workers", workers, 1), ("seed", seed, 0)):
        if not is_whole(value) or value < least:
            raise ParameterError(name, value, f"an integer from {least}", f"pass {name}={max(least, 1)}")
    if smallest < 2 * folds:
        raise ParameterError("folds", folds, f"at most {smallest // 2}", "an arm has too few customers")


def check_model(model: Any, X: Floats, y: Floats) -> None:
    """Raise ParameterError unless a model is a regressor that predicts a number for each of a few customers."""
    from sklearn.base import clone, is_classifier

    todo = "such as LGBMRegressor()"
    if isinstance(model, type) or not (hasattr(model, "fit") and hasattr(model, "predict")):
        name = model.__name__ if isinstance(model, type) else type(model).__name__
        raise ParameterError("model", name, "a scikit-learn regressor, made: with its brackets", todo)
    if is_classifier(model):
        raise ParameterError("model", type(model).__name__, "a regressor, also for outcomes of 0 and 1", todo)
    some = np.unique(np.linspace(0, len(X) - 1, TRIAL).astype(int))
    predictions(clone(model).fit(X[some], y[some]).predict(X[some]), len(some), type(model).__name__)


def predictions(told: Any, customers: int, whose: str) -> Floats:
    """Return what was predicted, or raise if it is not a number for every customer.

    Examples
    --------
    >>> predictions([1, 2], 2, "T").tolist()
    [1.0, 2.0]
    """
    found = np.asarray(told)
    if found.shape != (customers,) or found.dtype.kind not in "biuf":
        what = found.shape if found.dtype.kind in "biuf" else str(found.dtype)
        raise ParameterError(f"predictions of {whose}", what, f"{customers:,} numbers", "pass another model")
    if not np.isfinite(found).all():
        raise DataError(f"predictions of {whose}", "missing or infinite", "numbers", "pass another model")
    return found.astype(float)
