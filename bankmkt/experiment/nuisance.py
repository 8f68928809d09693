"""Models behind the observational estimates: what to expect of a customer, learned from other customers.

Each prediction comes from a model fitted without the customer's own fold (cross-fitting), so flexible models do not
bias the effect (Chernozhukov et al. 2018, The Econometrics Journal 21). A linear model is fitted first and gradient
boosted trees to what it leaves: trees alone extrapolate badly in heavy-tailed money.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import DataError, ParameterError, Refused, SchemaError, one_of
from bankmkt.experiment.estimate import LARGEST
from bankmkt.experiment.given import SEEDS, check_covariates, whole

LEARNERS = ("boosted", "linear")
"""``boosted``: linear model, then trees; ``linear``: the linear model alone, for small groups and for speed."""

TREES = {
    "learning_rate": 0.05, "num_leaves": 8, "min_data_in_leaf": 40, "lambda_l2": 10.0, "bagging_fraction": 0.8,
    "bagging_freq": 1, "feature_fraction": 0.8, "deterministic": True, "force_row_wise": True, "num_threads": 1,
    "verbosity": -1,
}  # fmt: skip
"""Settings of LightGBM; the folds share the cores, so each model takes one."""

ROUNDS = 80

SURE = 30.0
"""Log odds beyond which a probability could not be told from 0 or 1."""

ENOUGH = 200
"""Trees are grown only on this many customers, for a probability on this many of each kind; fewer would be noise."""


def design(frame: pd.DataFrame, covariates: Sequence[str], outcome: str | None = None) -> pd.DataFrame:
    """Turn covariates into numbers: names become 0/1 columns, missing values their median and a 0/1 column.

    Parameters
    ----------
    frame
        A row per customer.
    covariates
        Columns: numbers, yes/no (any numeric or boolean type) or names.
    outcome
        What they are to explain, which is none of them.

    Returns
    -------
    pandas.DataFrame
        Columns of mean 0 and standard deviation 1; columns without variation are left out. A column made from
        covariate ``x`` is called ``x`` or ``x=value``.

    Raises
    ------
    ParameterError
        If ``covariates`` is no list or empty, or names a column that there is not, the outcome, or who took part.
    SchemaError, DataError
        If a column holds dates or the like, or infinity.
    Refused
        If no column varies.

    Examples
    --------
    >>> list(design(pd.DataFrame({"age": [30, None, 50], "city": ["a", "b", "a"], "same": 1}), ["age", "city", "same"]))
    ['age', 'age=missing', 'city=b']
    """
    check_covariates(covariates, outcome)
    columns: dict[str, np.ndarray] = {}
    for name in covariates:
        if name not in list(frame.columns):
            raise ParameterError("covariate", name, one_of(frame.columns), "name columns of the frame")
        values = frame[name]
        if values.dtype.kind in "mMc":
            todo = "turn it into a number, such as days before the campaign"
            raise SchemaError(f"covariate {name} is {values.dtype}", None, "numbers, yes/no or names", todo)
        if pd.api.types.is_numeric_dtype(values):
            number = values.to_numpy(dtype=float, na_value=np.nan)
            if (np.abs(number) > LARGEST).any():
                expected = f"numbers within ±{LARGEST:g}"
                raise DataError(f"covariate {name}", "infinite for some customers", expected, "correct it")
            missing = np.isnan(number)
            columns[name] = np.where(missing, np.median(number[~missing]) if (~missing).any() else 0.0, number)
            if missing.any():
                columns[f"{name}=missing"] = missing.astype(float)
        else:
            text = values.astype("object").where(values.notna(), "missing")
            for level in sorted(text.unique(), key=str)[1:]:
                columns[f"{name}={level}"] = (text == level).to_numpy(dtype=float)
    x = np.array(list(columns.values())).reshape(len(columns), len(frame))
    mean, spread = x.mean(axis=1), x.std(axis=1)
    kept = spread > 1e-9 * (1 + np.abs(x).max(axis=1, initial=0))
    if not kept.any():
        raise Refused("no covariate varies", todo="name columns in which customers differ")
    scaled = (x[kept] - mean[kept, None]) / spread[kept, None]
    return pd.DataFrame(scaled.T, index=frame.index, columns=np.array(list(columns), dtype=object)[kept])


def fold_numbers(treated: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Deal customers into folds at random, each group evenly.

    Examples
    --------
    >>> np.bincount(fold_numbers(np.array([True, False] * 5), folds=5, seed=1))
    array([2, 2, 2, 2, 2])
    """
    folds, rng = whole("folds", folds, 2), np.random.default_rng(whole("seed", seed, 0, SEEDS))
    fold = np.empty(len(treated), dtype=int)
    for group in (treated, ~treated):
        fold[group] = rng.permutation(np.arange(group.sum()) % folds)
    return fold


def cross_fit(
    x: np.ndarray, y: np.ndarray, learn_on: np.ndarray, fold: np.ndarray, *, kind: str, learner: str, seed: int
) -> np.ndarray:
    """Predict ``y`` for everybody, from models that have not seen the customer's fold.

    Parameters
    ----------
    x : (n, p) array
    y : (n,) array
    learn_on : (n,) boolean array
        Rows to learn from (for example non-participants); predictions are made for all.
    fold : (n,) array
        Of :func:`fold_numbers`.
    kind
        ``"probability"`` for a 0/1 ``y``, ``"mean"`` otherwise.
    learner
        One of :data:`LEARNERS`.
    seed
        Of the trees.

    Returns
    -------
    (n,) array
        Predicted probability or mean.
    """
    if learner not in LEARNERS:
        raise ParameterError("learner", learner, one_of(LEARNERS), "pass learner='boosted'")
    out = np.empty(len(y))

    def fill(number: int) -> None:
        train, test = learn_on & (fold != number), fold == number
        out[test] = _fit_predict(x[train], y[train], x[test], kind, learner, seed)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        list(pool.map(fill, range(int(fold.max()) + 1)))
    return out


def _fit_predict(x: np.ndarray, y: np.ndarray, new: np.ndarray, kind: str, learner: str, seed: int) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression, Ridge

    model: Any
    if kind == "probability":
        model = LogisticRegression(C=0.1, solver="newton-cholesky").fit(x, y)
        base, score = model.decision_function(x), model.decision_function(new)
    else:
        model = Ridge(alpha=1.0).fit(x, y)
        base, score = model.predict(x), model.predict(new)
    fewest = min(y.sum(), len(y) - y.sum()) if kind == "probability" else len(y)
    if learner == "boosted" and fewest >= ENOUGH:
        score = score + _boost(x, y, base, new, "binary" if kind == "probability" else "regression", seed)
    return 1 / (1 + np.exp(-np.clip(score, -SURE, SURE))) if kind == "probability" else score


def _boost(x: np.ndarray, y: np.ndarray, base: np.ndarray, new: np.ndarray, objective: str, seed: int) -> np.ndarray:
    import lightgbm

    # LightGBM's number of threads is the process's: folds run beside each other, and a call that names none (0) while
    # another fold fills its data set makes that one write past its buffers.
    data = lightgbm.Dataset(x, y, init_score=base, params={"num_threads": 1})
    model = lightgbm.train({**TREES, "objective": objective, "seed": seed}, data, ROUNDS)
    return np.asarray(model.predict(new, raw_score=True, num_threads=1))
