"""One test of everything that was known before: are lots, or a dose drawn by lot, unrelated to all of it at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
LEAST_LEVEL = 20
"""Customers of a text's value from which it has a column of its own."""


def omnibus(z: Floats, x: Floats, stratum: npt.NDArray[np.int64]) -> tuple[float, int]:
    """Test whether what was drawn is unrelated to what was known, within strata.

    Parameters
    ----------
    z
        What was drawn: customers × treated arms (0/1), or × 1 a dose.
    x
        What was known before: customers × columns.
    stratum
        Number of each customer's stratum, within which lots were drawn.

    Returns
    -------
    tuple
        p-value, and the degrees of freedom.

    Notes
    -----
    The sums of products of z and x, centred within strata, against their covariance over all permutations within
    strata: chi-square (Hansen & Bowers 2008, *Statistical Science* 23, for several arms and for doses). No model of x
    is needed; collinear columns count once.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, z = rng.normal(size=(500, 4)), rng.permutation(500) % 2.0
    >>> p, df = omnibus(z[:, None], x, np.zeros(500, int))
    >>> p > 0.001, df
    (True, 4)
    """
    from scipy.stats import chi2

    spread = x.std(axis=0)
    x = x[:, spread > 0] / spread[spread > 0]
    moved = np.zeros((z.shape[1], x.shape[1]))
    covariance = np.zeros((moved.size, moved.size))
    order = np.argsort(stratum, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1):
        if len(rows) < 2:
            continue
        drawn, known = z[rows] - z[rows].mean(axis=0), x[rows] - x[rows].mean(axis=0)
        moved += drawn.T @ known
        covariance += np.kron(drawn.T @ drawn, known.T @ known) / (len(rows) - 1)
    if not moved.size:
        return 1.0, 0
    values, vectors = np.linalg.eigh(covariance)
    real = values > 1e-9 * values[-1]
    if not real.any():
        return 1.0, 0
    along = vectors[:, real].T @ moved.ravel()
    return float(chi2.sf((along**2 / values[real]).sum(), real.sum())), int(real.sum())


def known_before(people: pd.DataFrame, covariates: Sequence[str]) -> Floats:
    """Return covariates as columns of numbers for :func:`omnibus`.

    Numbers are logarithms beyond 1 in size (with their sign), so that a few large balances do not make the test;
    missing ones are the mean, with a column that says so; texts are a column per value of 20 customers or more.

    Examples
    --------
    >>> known_before(pd.DataFrame({"aum": [0.0, 1e6, np.nan]}), ["aum"]).round(1).tolist()
    [[0.0, 0.0], [13.8, 0.0], [6.9, 1.0]]
    """
    columns: list[Any] = []
    for name in covariates:
        column = people[name]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            x = column.to_numpy(float, na_value=np.nan)
            x = np.sign(x) * np.log1p(np.abs(x))
            missing = np.isnan(x)
            if missing.all():
                continue
            columns.append(np.where(missing, x[~missing].mean(), x))
            if missing.any():
                columns.append(missing.astype(float))
        else:
            texts = column.astype("string").fillna("")
            sizes = texts.value_counts()
            columns += [(texts == level).to_numpy(float) for level in sizes.index[sizes >= LEAST_LEVEL]]
    return np.column_stack(columns) if columns else np.empty((len(people), 0))


def post_stratified(place: npt.NDArray[np.int64], stratum: npt.NDArray[np.int64]) -> Floats:
    """Return each customer's weight, so that every arm has the strata in the shares of all customers.

    Examples
    --------
    >>> post_stratified(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])).round(2).tolist()
    [0.33, 0.33, 0.33, 1.0]
    """
    sizes = np.zeros((int(stratum.max()) + 1, int(place.max()) + 1))
    np.add.at(sizes, (stratum, place), 1)
    weights: Floats = (sizes.sum(axis=1) / len(place))[stratum] / sizes[stratum, place]
    return weights
