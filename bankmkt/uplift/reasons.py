"""Why a customer is on a list, in a few words of a fixed vocabulary."""

from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError
from bankmkt.privacy import K
from bankmkt.uplift.study import Floats

MOST = 3
"""Reasons that a customer is given."""

CLEAR = 0.1
"""Standardised differences below this are not told."""

LEARN, BATCH = 100_000, 50_000
"""Customers, drawn by lot, that the model is learned from at most, and those that are told at a time."""


def contrast(X: pd.DataFrame, here: Any) -> list[str]:
    """Say how some customers differ from the others, the clearest first.

    A value that fewer than 10 of them have is not told.

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
            few = bool(suffix) and inside.sum() < K
            if spread > 0 and len(inside) and len(outside) and not few:
                apart = float(inside.mean() - outside.mean()) / spread
                word = suffix or ("high" if apart > 0 else "low")
                if not suffix or apart > 0:  # "is not in the north" is told by where else they are
                    found.append((abs(apart), f"{name} is {word}"))
    return [text for apart, text in sorted(found, key=lambda each: -each[0]) if apart >= CLEAR]


def reasons(X: pd.DataFrame, score: Any, *, rows: Any = None, most: int = MOST, seed: int = 7) -> list[str]:
    """Say for each customer which traits raise the score most, by a small model of the score.

    Parameters
    ----------
    X
        What was known of each customer.
    score
        What the list is ordered by.
    rows
        Places of the customers to be told of, all by default: memory grows with them, not with the columns' texts.
    most
        Reasons per customer.
    seed
        Of the model, and of the lot by which it is learned from 100,000 customers where there are more.

    Returns
    -------
    list of str
        For each customer of ``rows`` up to ``most`` texts joined by "; ": "age is high", "city is north", "aum is not
        known"; empty where nothing raises the score. No number of the customer's is told.

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
    places = np.arange(len(X)) if rows is None else np.asarray(rows, dtype=np.int64)
    spread = float(values.std())
    if spread == 0:
        return [""] * len(places)
    learned = np.arange(len(X))
    if len(X) > LEARN:
        learned = np.sort(np.random.default_rng(seed).choice(len(X), LEARN, replace=False))
    kinds = {
        f"x{place}": pd.CategoricalDtype(pd.Index(column.dropna().unique()))
        for place, (_, column) in enumerate(X.items())
        if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
    }
    surrogate = LGBMRegressor(
        n_estimators=50, num_leaves=15, min_child_samples=20, random_state=seed, n_jobs=1, deterministic=True,
        force_row_wise=True, verbose=-1,
    ).fit(_features(X, learned, kinds), values[learned])  # fmt: skip
    said = [_Words(str(name), column) for name, column in X.items()]
    told: list[str] = []
    for start in range(0, len(places), BATCH):
        part = places[start : start + BATCH]
        found = np.asarray(surrogate.predict(_features(X, part, kinds), pred_contrib=True))
        adds = found[:, :-1] / spread
        order = np.argsort(-adds, axis=1, kind="stable")[:, :most]
        for row, best, add in zip(part, order, adds, strict=True):
            told.append("; ".join(said[j].of(row) for j in best if add[j] >= CLEAR))
    return told


def _features(X: pd.DataFrame, rows: Any, kinds: dict[str, pd.CategoricalDtype]) -> pd.DataFrame:
    frame = X.iloc[rows].reset_index(drop=True)
    return frame.set_axis([f"x{place}" for place in range(X.shape[1])], axis=1).astype(kinds)


class _Words:
    """What a column holds for a customer, in words; numbers against the middle of all customers."""

    def __init__(self, name: str, column: pd.Series) -> None:
        self.name, self.column, self.number = name, column, _number(column)
        if self.number:
            x = column.to_numpy(dtype=float, na_value=np.nan)
            known = x[~np.isnan(x)]
            values = np.unique(known)
            self.above, self.below = ("yes", "no") if values.tolist() == [0.0, 1.0] else ("high", "low")
            self.middle = float(known.mean() if len(values) == 2 else np.median(known)) if len(known) else 0.0

    def of(self, row: int) -> str:
        value = self.column.iloc[row]
        if pd.isna(value):
            return f"{self.name} is not known"
        if self.number:
            return f"{self.name} is {self.above if value > self.middle else self.below}"
        return f"{self.name} is {value}"


def _sides(column: pd.Series) -> list[tuple[str, Floats]]:
    if _number(column):
        return [("", column.to_numpy(dtype=float, na_value=np.nan))]
    return [(str(value), (column == value).to_numpy(dtype=float)) for value in column.dropna().unique()]


def _number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
