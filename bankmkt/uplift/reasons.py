"""Why a customer is on a list, in a few words of a fixed vocabulary."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError
from bankmkt.uplift.study import Floats

MOST = 3
"""Reasons that a customer is given."""

CLEAR = 0.1
"""Standardised differences below this are not told."""


def contrast(X: pd.DataFrame, here: Any) -> list[str]:
    """Say how some customers differ from the others, the clearest first.

    Parameters
    ----------
    X
        What was known; categories or texts, yes/no, numbers.
    here
        Whether each customer is one of them.

    Examples
    --------
    >>> X = pd.DataFrame({"age": [20.0, 25.0, 60.0, 65.0], "city": pd.Categorical(["a", "b", "b", "a"])})
    >>> contrast(X, np.array([True, True, False, False]))
    ['age is low']
    """
    found: list[tuple[float, str]] = []
    for name, column in X.items():
        for suffix, x in _sides(column):
            spread = float(np.nanstd(x))
            inside, outside = x[here & ~np.isnan(x)], x[~here & ~np.isnan(x)]
            if spread > 0 and len(inside) and len(outside):
                apart = float(inside.mean() - outside.mean()) / spread
                word = suffix or ("high" if apart > 0 else "low")
                if not suffix or apart > 0:  # "is not in the north" is told by where else they are
                    found.append((abs(apart), f"{name} is {word}"))
    return [text for apart, text in sorted(found, key=lambda each: -each[0]) if apart >= CLEAR]


def reasons(X: pd.DataFrame, score: Any, *, most: int = MOST, seed: int = 7) -> list[str]:
    """Say for each customer which traits raise the score most, by a small model of the score.

    Parameters
    ----------
    X
        What was known of each customer.
    score
        What the list is ordered by.
    most
        Reasons per customer.
    seed
        Of the model.

    Returns
    -------
    list of str
        For each customer up to ``most`` texts joined by "; ": "age is high", "city is north", "aum is not known"; empty
        where nothing raises the score. No number of the customer's is told.

    Raises
    ------
    ParameterError
        If ``most`` is no integer from 1, or the scores are not one per row.

    Notes
    -----
    TreeSHAP (Lundberg et al. 2020, Nature Machine Intelligence 2) of a LightGBM surrogate: what raises *the score*,
    which need not be what causes the effect. "High" is above the median of the customers passed.

    Examples
    --------
    >>> X = pd.DataFrame({"age": np.arange(200.0), "noise": np.tile([1.0, 2.0], 100)})
    >>> told = reasons(X, X.age)
    >>> told[199], told[0]
    ('age is high', '')
    """
    from lightgbm import LGBMRegressor

    values = np.asarray(score, dtype=float)
    if values.shape != (len(X),):
        raise ParameterError("score", values.shape, f"one number per row: {len(X):,}", "pass one column")
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ParameterError("most", most, "an integer from 1", f"pass most={MOST}")
    spread = float(values.std())
    if spread == 0:
        return [""] * len(X)
    features = X.reset_index(drop=True).set_axis([f"x{place}" for place in range(X.shape[1])], axis=1)
    texts = features.select_dtypes(exclude="number").columns
    features = features.astype(dict.fromkeys(texts, "category"))
    surrogate = LGBMRegressor(
        n_estimators=50, num_leaves=15, min_child_samples=20, random_state=seed, n_jobs=1, deterministic=True,
        force_row_wise=True, verbose=-1,
    )  # fmt: skip
    adds = np.asarray(surrogate.fit(features, values).predict(features, pred_contrib=True))[:, :-1] / spread
    words = np.column_stack([_words(str(name), column) for name, column in X.items()])
    order = np.argsort(-adds, axis=1, kind="stable")[:, :most]
    rows: list[Sequence[int]] = order.tolist()
    return ["; ".join(words[i, j] for j in row if adds[i, j] >= CLEAR) for i, row in enumerate(rows)]


def _words(name: str, column: pd.Series) -> Any:
    """Say what a column holds for each customer."""
    if _number(column):
        x = column.to_numpy(dtype=float, na_value=np.nan)
        known = x[~np.isnan(x)]
        two = len(np.unique(known)) == 2
        high, low = ("yes", "no") if two and set(np.unique(known)) == {0.0, 1.0} else ("high", "low")
        middle = float(known.mean() if two else np.median(known)) if len(known) else 0.0
        said = np.where(x > middle, high, low)
        return np.where(np.isnan(x), f"{name} is not known", [f"{name} is {word}" for word in said])
    return np.array([f"{name} is not known" if pd.isna(value) else f"{name} is {value}" for value in column], object)


def _sides(column: pd.Series) -> list[tuple[str, Floats]]:
    if _number(column):
        return [("", column.to_numpy(dtype=float, na_value=np.nan))]
    return [(str(value), (column == value).to_numpy(dtype=float)) for value in column.dropna().unique()]


def _number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
