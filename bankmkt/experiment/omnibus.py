"""One test of everything that was known before: are lots, or a dose drawn by lot, unrelated to all of it at once."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.errors import DataError
from bankmkt.experiment.lots import DOUBT, DRAWS, redrawn, shuffled

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
LEAST_LEVEL = 20
"""Customers of a text's value from which it has a column of its own."""

FEW = 10
"""Lots per column below which columns are tested one by one: a test of all at once would be blind."""

WHOLE = 100_000
"""Lots up to which they can be drawn again in good time; beyond, columns too rare for the formula are left out."""

RARE = 0.1
"""Skewness of a column's mean under lots up to which the formula holds for many customers."""


class Products:
    """Sums and products of what was drawn and what was known, by stratum: all that the test needs of any number.

    Examples
    --------
    >>> sums = Products()
    >>> z, x = np.array([[1.0], [0.0], [1.0]]), np.array([[2.0], [3.0], [4.0]])
    >>> for part in (slice(0, 2), slice(2, 3)):
    ...     sums.add(z[part], x[part], np.zeros(3, np.int64)[part])
    >>> moved, covariance = sums.centred()
    >>> moved.round(3).tolist(), covariance.round(3).tolist()
    ([[0.0]], [[0.667]])
    """

    def __init__(self) -> None:
        """Start with nobody."""
        self.n: dict[int, int] = {}
        self.sums: dict[int, Floats] = {}
        self.squares: dict[int, Floats] = {}
        self.drawn = 0

    def add(self, z: Floats, x: Floats, stratum: Places) -> None:
        """Add customers."""
        both, order = np.column_stack([z, x]), np.argsort(stratum, kind="stable")
        self.drawn = z.shape[1]
        for rows in np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1) if len(order) else []:
            number, part = int(stratum[rows[0]]), both[rows]
            self.n[number] = self.n.get(number, 0) + len(rows)
            self.sums[number] = self.sums.get(number, 0.0) + part.sum(axis=0)
            self.squares[number] = self.squares.get(number, 0.0) + part.T @ part

    def centred(self, columns: Any = slice(None)) -> tuple[Floats, Floats]:
        """Return the products of lots and columns within strata, and their covariance over all permutations."""
        moved: Any = 0.0
        covariance: Any = 0.0
        for number, n in self.n.items():
            if n > 1:
                inside = self.squares[number] - np.outer(self.sums[number], self.sums[number]) / n
                drawn, known = inside[: self.drawn, : self.drawn], inside[self.drawn :, self.drawn :]
                known = known[columns][:, columns]
                moved = moved + inside[: self.drawn, self.drawn :][:, columns]
                covariance = covariance + np.kron(drawn, known) / (n - 1)
        return np.asarray(moved, float), np.asarray(covariance, float)

    def test(self, columns: Any) -> float:
        """Return the p-value of :func:`omnibus` of these columns, by formula."""
        moved, covariance = self.centred(columns)
        return by_formula(moved, covariance, sum(self.n.values()))[0]


class Totals:
    """Sums of columns by unit, of any number of customers.

    Examples
    --------
    >>> totals = Totals()
    >>> for unit, x in (("a", 1.0), ("b", 2.0), ("a", 3.0)):
    ...     totals.add(pd.Series([unit]), np.array([[x]]))
    >>> totals.frame()[0].to_dict()
    {'a': 4.0, 'b': 2.0}
    """

    def __init__(self) -> None:
        """Start with nobody."""
        self.sums: pd.DataFrame | None = None

    def add(self, unit: pd.Series, x: Floats) -> None:
        """Add customers."""
        sums = pd.DataFrame(x).groupby(unit.to_numpy()).sum()
        self.sums = sums if self.sums is None else self.sums.add(sums, fill_value=0.0)

    def frame(self) -> pd.DataFrame:
        """Return a row per unit."""
        return pd.DataFrame() if self.sums is None else self.sums


def omnibus(z: Floats, x: Floats, stratum: Places, *, draws: int = DRAWS) -> tuple[float, int]:
    """Test whether what was drawn is unrelated to what was known, within strata.

    Parameters
    ----------
    z
        What was drawn: customers (or units) × treated arms (0/1), or × 1 a dose.
    x
        What was known before: customers × columns.
    stratum
        Number of each customer's stratum, within which lots were drawn.
    draws
        Lots that are drawn again at most.

    Returns
    -------
    tuple
        p-value, and the degrees of freedom.

    Notes
    -----
    The sums of products of z and x, centred within strata, against their covariance over all permutations within
    strata: chi-square (Hansen & Bowers 2008, *Statistical Science* 23, for several arms and for doses). No model of x
    is needed; collinear columns count once. With fewer than :data:`FEW` lots per column the largest standardised
    product is the statistic, as all columns together could not differ from chance. The p-value is counted by drawing
    lots again (:func:`bankmkt.experiment.lots.redrawn`) where there are so few lots, or where it is small and a column
    is too rare or heavy-tailed for the formula; beyond :data:`WHOLE` lots such columns are left out instead.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, z = rng.normal(size=(500, 4)), rng.permutation(500) % 2.0
    >>> p, df = omnibus(z[:, None], x, np.zeros(500, int))
    >>> p > 0.001, df
    (True, 4)
    """
    if not len(x):
        return 1.0, 0
    x = x - x.mean(axis=0)
    spread = x.std(axis=0)
    x = x[:, spread > 0] / spread[spread > 0]
    plain = usual(np.array([(x**power).mean(axis=0) for power in (1, 2, 3)]), smallest(z))
    if len(x) > WHOLE:
        x = x[:, plain]
    sums = Products()
    sums.add(z, x, stratum)
    moved, covariance = sums.centred()
    p, df, statistic = by_formula(moved, covariance, len(x))
    few = df * FEW > len(x)
    if not df or len(x) > WHOLE or (not few and (p >= DOUBT or len(plain) == x.shape[1])):
        return p, df
    # centred within strata, the products of lots drawn again need no more than x
    sizes = np.bincount(stratum)
    known = np.column_stack([c - (np.bincount(stratum, weights=c) / np.maximum(sizes, 1))[stratum] for c in x.T])

    def draw(rng: np.random.Generator, number: int) -> list[float]:
        return [statistic(z[shuffled(stratum, rng)].T @ known) for _ in range(number)]

    return redrawn(statistic(moved), draw, draws=draws), df


def by_formula(moved: Floats, covariance: Floats, lots: int) -> tuple[float, int, Any]:
    """Return the p-value, the degrees of freedom, and the statistic as a function of other products."""
    from scipy.stats import chi2, norm

    if not moved.size or not covariance.size:
        return 1.0, 0, None
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    if not spread.max() > 0:
        return 1.0, 0, None
    spread = np.where(spread > 1e-6 * spread.max(), spread, np.inf)
    values, vectors = np.linalg.eigh(covariance / np.outer(spread, spread))
    real = values > 1e-9 * values[-1]
    df = int(real.sum())
    if df * FEW > lots:

        def largest(products: Floats) -> float:
            return float(np.abs(products.ravel() / spread).max())

        return min(1.0, float(2 * norm.sf(largest(moved)) * df)), df, largest
    along = vectors[:, real] / np.sqrt(values[real]) / spread[:, None]

    def together(products: Floats) -> float:
        return float(((products.ravel() @ along) ** 2).sum())

    return float(chi2.sf(together(moved), df)), df, together


def usual(powers: Floats, least: float) -> Any:
    """Return the numbers of the columns for which the formula holds: their mean over the smallest arm is hardly skewed.

    Parameters
    ----------
    powers
        Means of each column, of its square and of its cube.
    least
        Customers of the smallest arm.
    """
    first, second, third = powers
    variance = second - first**2
    moves = variance > 1e-12 * np.maximum(second, 1e-300)
    skew = np.full(len(first), np.inf)
    np.divide(third - 3 * first * second + 2 * first**3, variance**1.5, out=skew, where=moves)
    return np.flatnonzero(np.abs(skew) <= RARE * np.sqrt(least))


def smallest(z: Floats) -> float:
    """Return the customers of the smallest arm; of a dose, half of all."""
    if not np.isin(z, (0.0, 1.0)).all():
        return len(z) / 2
    sizes = z.sum(axis=0)
    return float(min(sizes.min(), len(z) - sizes.sum()))


class Encoding:
    """Covariates as columns of numbers for :func:`omnibus`, the same for every part of the customers.

    Parameters
    ----------
    parts
        Frames of some customers each, from which means and values are learned.
    covariates
        Columns.
    """

    def __init__(self, parts: Iterable[pd.DataFrame], covariates: Sequence[str]) -> None:
        """Learn the means of numbers and the values of texts."""
        self.covariates = list(covariates)
        self.totals = dict.fromkeys(self.covariates, np.zeros(3))
        self.sizes: dict[str, pd.Series] = {}
        for part in parts:
            self.learn(part)

    def learn(self, part: pd.DataFrame) -> None:
        """Take some customers into account."""
        for name in self.covariates:
            x = _numbers(part[name])
            if x is None:
                sizes = part[name].astype("string").fillna("").value_counts()
                self.sizes[name] = sizes.add(self.sizes[name], fill_value=0) if name in self.sizes else sizes
            else:
                missing = np.isnan(x)
                self.totals[name] = self.totals[name] + [(~missing).sum(), x[~missing].sum(), missing.sum()]

    @property
    def width(self) -> int:
        """Number of columns."""
        texts = sum(int((sizes >= LEAST_LEVEL).sum()) for sizes in self.sizes.values())
        numbers = [total for name, total in self.totals.items() if name not in self.sizes]
        return texts + sum(int(total[0] > 0) + int(total[0] > 0 and total[2] > 0) for total in numbers)

    def columns(self, part: pd.DataFrame) -> Floats:
        """Return customers × columns."""
        found: list[Any] = []
        for name in self.covariates:
            if name in self.sizes:
                texts, sizes = part[name].astype("string").fillna(""), self.sizes[name]
                found += [(texts == level).to_numpy(float) for level in sorted(sizes.index[sizes >= LEAST_LEVEL])]
                continue
            (known, total, missing), x = self.totals[name], _numbers(part[name])
            if known:
                found.append(np.where(np.isnan(x), total / known, x))
                if missing:
                    found.append(np.isnan(x).astype(float))
        return np.column_stack(found) if found else np.empty((len(part), 0))


def _numbers(column: pd.Series) -> Any:
    """Return numbers as logarithms beyond 1 in size, with their sign; None of a text."""
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        return None
    x = column.to_numpy(float, na_value=np.nan)
    if np.isinf(x).any():
        raise DataError(str(column.name), "infinity", "numbers", "replace it")
    return np.sign(x) * np.log1p(np.abs(x))


def known_before(people: pd.DataFrame, covariates: Sequence[str]) -> Floats:
    """Return covariates as columns of numbers for :func:`omnibus`.

    Numbers are logarithms beyond 1 in size (with their sign), so that a few large balances do not make the test;
    missing ones are the mean, with a column that says so; texts are a column per value of 20 customers or more.

    Examples
    --------
    >>> known_before(pd.DataFrame({"aum": [0.0, 1e6, np.nan]}), ["aum"]).round(1).tolist()
    [[0.0, 0.0], [13.8, 0.0], [6.9, 1.0]]
    """
    return Encoding([people], covariates).columns(people)
