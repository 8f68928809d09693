"""What is known of an outcome before an experiment on it: its spread, and what explains it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
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
        If there are fewer than three customers, a value is missing or infinite, or the outcome does not vary.
    ParameterError
        If an argument is not as described.

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
    if not isinstance(frame, pd.DataFrame) and not hasattr(frame, "to_pandas"):
        raise ParameterError("frame", type(frame).__name__, "an Ibis table or a pandas frame", "such as a panel")
    rows = local(frame)
    for name, given in (("outcome", outcome), ("covariate", covariate), ("cluster", cluster), ("per", per)):
        if given is not None and not isinstance(given, str):
            raise ParameterError(name, given, "the name of a column", "one of the frame's")
    if covariate is not None and covariate == outcome:
        raise ParameterError("covariate", covariate, "another column than the outcome", "known before it")
    if isinstance(strata, str) or not isinstance(strata, Sequence):
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


def _numbers(rows: pd.DataFrame, name: str) -> np.ndarray:
    if name not in rows:
        raise SchemaError("frame has no column", name, one_of(rows.columns), "add it, or name another")
    if not (pd.api.types.is_numeric_dtype(rows[name]) or pd.api.types.is_bool_dtype(rows[name])):
        raise SchemaError("column", f"{name} ({rows[name].dtype})", "numbers or yes/no", "convert it")
    values = rows[name].to_numpy(dtype=float, na_value=np.nan)
    if not np.isfinite(values).all():
        gaps, endless = int(np.isnan(values).sum()), int(np.isinf(values).sum())
        what = f"{gaps} missing" if gaps else f"{endless} infinite"
        raise DataError(name, what, "a value of every customer", "leave them out")
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
