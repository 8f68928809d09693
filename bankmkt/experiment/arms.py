"""The mean of an outcome in each arm of an experiment, and how exact it is: what every comparison of arms rests on.

Arms are independent samples, so that each one's mean and variance are all that differences, ratios and the question
which arm is best need. They follow from counts, means and covariances by arm and stratum (by cluster where whole units
were drawn), which the engine computes of any number of customers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.errors import DataError, ParameterError, Refused, SchemaError, one_of
from bankmkt.experiment.wording import in_words
from bankmkt.frames import engine_table, fetch
from bankmkt.privacy import check_k

Floats = npt.NDArray[np.float64]
FEWEST_CLUSTERS = 5
"""Units of an arm from which the spread between units can be told."""


class _Cell(NamedTuple):
    """An arm in a stratum: its customers, the means of four columns with their covariance, the lots that were drawn."""

    arm: Any
    stratum: int
    n: int
    means: Floats
    errors: Floats
    df: float
    lots: int


class _Count(NamedTuple):
    """An arm: its customers, and the least, the greatest and the sum of their outcomes."""

    rows: int
    low: float
    high: float
    total: float


@dataclass(frozen=True)
class Metric:
    """What an experiment is judged by.

    Parameters
    ----------
    outcome
        Column of numbers or yes/no.
    per
        Column of the denominator, for a ratio of two sums, such as spending per transaction.
    covariate
        Column known before the experiment that narrows the interval (CUPED): best the outcome's own earlier value.
    covariate_per
        Its denominator, for a ratio.
    winsorise
        Share of customers at either end, such as 0.01, whose outcomes are drawn in to that quantile of all arms
        together; 0 for none. The effect is then that on the outcome so limited: less exposed to a few customers, and
        usually smaller.
    limits
        The two limits themselves, if they were fixed in advance; instead of ``winsorise``.
    """

    outcome: str
    per: str | None = None
    covariate: str | None = None
    covariate_per: str | None = None
    winsorise: float = 0.0
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name in ("outcome", "per", "covariate", "covariate_per"):
            value = getattr(self, name)
            if not isinstance(value, str) and (value is not None or name == "outcome"):
                raise ParameterError(name, value, "the name of a column", "one of the frame's")
        if self.covariate_per is not None and (self.covariate is None or self.per is None):
            raise ParameterError("covariate_per", self.covariate_per, "a ratio with a covariate", "give all four")
        share = self.winsorise
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 0.5:
            raise ParameterError("winsorise", share, "a share from 0 and below 0.5", "such as 0.01")
        if self.limits is not None and not (len(self.limits) == 2 and self.limits[0] < self.limits[1]):
            raise ParameterError("limits", self.limits, "a lower and an upper limit", "such as (0.0, 5000.0)")

    @property
    def sources(self) -> tuple[str, str | None, str | None, str | None]:
        """Outcome, its denominator, covariate, its denominator."""
        return self.outcome, self.per, self.covariate, self.covariate_per

    @property
    def note(self) -> str:
        """What the reader must know of it."""
        words = []
        if self.per:
            words.append(f"{self.outcome} per {self.per}")
        if self.limits is not None:
            words.append(f"limited to {self.limits[0]:,.10g} to {self.limits[1]:,.10g}")
        elif self.winsorise:
            words.append(f"the outermost {100 * self.winsorise:.3g}% at either end drawn in")
        if self.covariate:
            words.append(f"adjusted for {in_words(self.covariate)}")
        return "; ".join(words)


def arm_means(
    frame: Any,
    metric: Metric | str,
    *,
    arm: str = "arm",
    strata: Sequence[str] = (),
    cluster: str | None = None,
    k: int = 1,
) -> pd.DataFrame:
    """Return the mean of a metric in each arm, with its variance.

    Strata: each arm's mean is that of the strata's means weighted by the strata's shares of all customers, so that
    arms with other shares compare (post-stratification; unequal chances between strata are allowed). Clusters: whole
    units were drawn, and the variance is that between units (CR2). Covariate: one slope for all arms.

    Parameters
    ----------
    frame
        Ibis table or pandas frame, a row per customer; an Ibis table stays in its engine.
    metric
        A :class:`Metric`, or the name of a column.
    arm
        Column of the arm.
    strata
        Columns; arms are compared within each combination of their values.
    cluster
        Column of the unit that was drawn as a whole, such as the branch.
    k
        Smallest arm.

    Returns
    -------
    pandas.DataFrame
        A row per arm: arm, n (customers with an outcome), missing (customers without), mean, variance (of the mean),
        df (degrees of freedom of the variance; infinite without clusters), low, high and total (least, greatest
        and sum of outcomes as they are).

    Raises
    ------
    SchemaError
        If a column is not there or holds no numbers.
    DataError
        If a covariate or an arm is missing, there are fewer than two arms, or a mean of a denominator is 0.
    Refused
        If an arm has fewer than k customers, or a stratum fewer than two of an arm, or a unit is in several arms.

    Notes
    -----
    Miratrix, Sekhon & Yu (2013), JRSS B 75 (post-stratification); Deng et al. (2013), WSDM (CUPED); Deng, Knoblich & Lu
    (2018), KDD (ratios: delta method); Bell & McCaffrey (2002), *Survey Methodology* 28 (CR2), with the degrees of
    freedom of the effective number of units (Carter, Schnepel & Steigerwald 2017, *Rev. Econ. Stat.* 99).

    Examples
    --------
    >>> people = pd.DataFrame({"arm": ["a"] * 50 + ["b"] * 50, "logins": [1.0, 3.0] * 25 + [2.0, 4.0] * 25})
    >>> arm_means(people, "logins")[["arm", "n", "mean"]].to_dict("list")
    {'arm': ['a', 'b'], 'n': [50, 50], 'mean': [2.0, 3.0]}
    """
    metric = metric if isinstance(metric, Metric) else Metric(metric)
    check_k(k)
    strata = check_columns(frame, arm, strata, cluster)
    found = _in_memory if isinstance(frame, pd.DataFrame) else _in_engine
    cells, counts = found(frame, metric, arm, strata, cluster)
    _usable(cells, counts, k)
    size = sum(cell.n for cell in cells)
    share = {s: sum(cell.n for cell in cells if cell.stratum == s) / size for s in {cell.stratum for cell in cells}}
    names = sorted(counts)
    arms = {name: _combined([cell for cell in cells if cell.arm == name], share) for name in names}
    slope, before = _slope(arms, metric)
    rows = []
    for name in names:
        n, means, errors, df = arms[name]
        values, away = _linear(means, metric)
        gradient = away[0] - slope * away[1]
        rows.append({
            "arm": name, "n": n, "missing": counts[name].rows - n, "mean": values[0] - slope * (values[1] - before),
            "variance": float(gradient @ errors @ gradient), "df": max(df - (metric.covariate is not None), 1.0),
            "low": counts[name].low, "high": counts[name].high, "total": counts[name].total,
        })  # fmt: skip
    return pd.DataFrame(rows)


def differences(means: pd.DataFrame, control: str) -> pd.DataFrame:
    """Compare each arm with the control.

    Parameters
    ----------
    means
        Of :func:`arm_means`.
    control
        Name of the arm that the others are compared with.

    Returns
    -------
    pandas.DataFrame
        A row per other arm: arm, estimate, se, df (Welch & Satterthwaite's; infinite without clusters), p_value.

    Examples
    --------
    >>> means = pd.DataFrame({"arm": ["a", "b"], "mean": [1.0, 3.0], "variance": [0.5, 0.5], "df": [np.inf, np.inf]})
    >>> differences(means, "a").round(3).to_dict("records")
    [{'arm': 'b', 'estimate': 2.0, 'se': 1.0, 'df': inf, 'p_value': 0.046}]
    """
    from scipy.stats import t

    rows = means.set_index("arm")[["mean", "variance", "df"]].astype(float)
    base, other = rows.loc[control], rows.drop(index=control)
    variance = other["variance"] + base["variance"]
    spread = other["variance"] ** 2 / other["df"] + base["variance"] ** 2 / base["df"]
    df = np.full(len(other), np.inf)
    np.divide(variance**2, spread, out=df, where=(spread > 0).to_numpy())
    gap, se = (other["mean"] - base["mean"]).to_numpy(), np.sqrt(variance.to_numpy())
    z = np.where(gap == 0, 0.0, np.inf)
    np.divide(np.abs(gap), se, out=z, where=se > 0)
    found = {"arm": other.index, "estimate": gap, "se": se, "df": df, "p_value": 2 * t.sf(z, df)}
    return pd.DataFrame(found)


def check_columns(frame: Any, arm: str, strata: Sequence[str], cluster: str | None) -> list[str]:
    """Return the strata as a list, or raise if a column is not there or strata are none."""
    if isinstance(strata, str) or not isinstance(strata, Sequence):
        raise ParameterError("strata", strata, "a list of columns", 'such as strata=["tier"]')
    if not hasattr(frame, "columns"):
        raise ParameterError("frame", type(frame).__name__, "an Ibis table or a pandas frame", "such as a panel")
    for name in (arm, *strata, *([cluster] if cluster else [])):
        if name not in frame.columns:
            raise SchemaError("frame has no column", name, one_of(frame.columns), "add it, or name another")
    return list(strata)


def _complete(metric: Metric, missing: bool) -> None:
    if missing:
        raise DataError(f"{metric.covariate} or its denominator", "missing for some", "known of everybody", "fill it")


def _usable(cells: list[_Cell], counts: dict[Any, _Count], k: int) -> None:
    if any(pd.isna(name) for name in counts):
        raise DataError("arm", "missing for some customers", "an arm for everybody", "leave those without an arm out")
    if len(counts) < 2:
        raise DataError("arms", [str(name) for name in counts], "two or more", "compare with a control arm")
    if min(count.rows for count in counts.values()) < k:
        raise Refused(f"fewer than k = {k} customers in an arm", todo="compare a larger unit or a longer campaign")
    strata = {cell.stratum for cell in cells}
    if sum(cell.lots >= 2 for cell in cells) < max(len(strata), 1) * len(counts):
        raise Refused(
            "a stratum has fewer than two customers or units of an arm with an outcome",
            todo="join small strata, or leave out those that have not all arms",
        )


def _combined(cells: list[_Cell], share: dict[int, float]) -> tuple[int, Floats, Floats, float]:
    """Return customers, means, their covariance and degrees of freedom of one arm over its strata."""
    means = sum((share[cell.stratum] * cell.means for cell in cells), np.zeros(4))
    errors = sum((share[cell.stratum] ** 2 * cell.errors for cell in cells), np.zeros((4, 4)))
    below = sum((share[cell.stratum] ** 2 * cell.errors[0, 0]) ** 2 / cell.df for cell in cells)
    return sum(cell.n for cell in cells), means, errors, float(errors[0, 0] ** 2 / below) if below > 0 else np.inf


def _linear(means: Floats, metric: Metric) -> tuple[tuple[float, float], Floats]:
    """Return the outcome's and the covariate's value, and how they move with the four means."""
    y, d, x, e = means
    if (metric.per and not d) or (metric.covariate_per and not e):
        raise DataError(
            f"mean of {metric.per if not d else metric.covariate_per}", 0, "another", "choose another ratio"
        )
    return (y / d, x / e), np.array([[1 / d, -y / d**2, 0, 0], [0, 0, 1 / e, -x / e**2]])


def _slope(arms: dict[Any, tuple[int, Floats, Floats, float]], metric: Metric) -> tuple[float, float]:
    """Return the slope on the covariate that makes differences most exact, and the covariate's mean."""
    if metric.covariate is None:
        return 0.0, 0.0
    both = var = total = below = 0.0
    for n, means, errors, _ in arms.values():
        (_, value), away = _linear(means, metric)
        both, var = both + float(away[0] @ errors @ away[1]), var + float(away[1] @ errors @ away[1])
        total, below = total + n * value, below + n
    return (both / var if var > 0 else 0.0), total / below


def _in_memory(
    frame: pd.DataFrame, metric: Metric, arm: str, strata: list[str], cluster: str | None
) -> tuple[list[_Cell], dict[Any, _Count]]:
    places, names = pd.factorize(frame[arm], use_na_sentinel=False)
    stratum = frame.groupby(strata, dropna=False).ngroup().to_numpy() if strata else np.zeros(len(frame), int)
    values = np.empty((len(frame), 4))
    for place, (name, default) in enumerate(zip(metric.sources, (0.0, 1.0, 0.0, 1.0), strict=True)):
        values[:, place] = default if name is None else _numbers(frame, name)
    y = values[:, 0]
    known = ~np.isnan(values[:, :2]).any(axis=1)
    _complete(metric, bool(np.isnan(values[known]).any()))
    counts = {}
    for number, name in enumerate(names):
        own = y[(places == number) & ~np.isnan(y)]
        low, high = (float(own.min()), float(own.max())) if len(own) else (np.nan, np.nan)
        counts[name] = _Count(int((places == number).sum()), low, high, float(own.sum()))
    limits = metric.limits
    if limits is None and metric.winsorise and known.any():
        limits = tuple(np.quantile(y[known], [metric.winsorise, 1 - metric.winsorise]))
    if limits is not None:
        values[:, 0] = y.clip(*limits)
    if cluster is not None:
        data = pd.DataFrame(values, columns=list("ydxe")).assign(
            arm=frame[arm].array, stratum=stratum, cluster=frame[cluster].array, n=1
        )
        grouped = data[known].groupby(["arm", "stratum", "cluster"], dropna=False, observed=True, as_index=False)
        return _clustered(pd.DataFrame(grouped.sum())), counts
    cells = []
    code = places * (int(stratum.max()) + 1 if len(stratum) else 1) + stratum
    order = np.argsort(np.where(known, code, -1), kind="stable")[int((~known).sum()) :]
    for rows in np.split(order, np.flatnonzero(np.diff(code[order])) + 1) if len(order) else []:
        part = values[rows]
        errors = np.cov(part, rowvar=False) / len(part) if len(part) > 1 else np.zeros((4, 4))
        cell = _Cell(names[places[rows[0]]], int(stratum[rows[0]]), len(part), part.mean(0), errors, np.inf, len(part))
        cells.append(cell)
    return cells, counts


def _in_engine(
    table: Any, metric: Metric, arm: str, strata: list[str], cluster: str | None
) -> tuple[list[_Cell], dict[Any, _Count]]:
    import ibis

    table, _ = engine_table(table, "frame")
    keys = {"arm": table[arm], **{f"s{number}": table[name] for number, name in enumerate(strata)}}
    keys |= {} if cluster is None else {"cluster": table[cluster]}
    values = {
        short: ibis.literal(default) if name is None else _expression(table, name)
        for short, name, default in zip("ydxe", metric.sources, (0.0, 1.0, 0.0, 1.0), strict=True)
    }
    data = table.select(**keys, **values)
    sizes = data.group_by("arm").aggregate(rows=data.count(), low=data.y.min(), high=data.y.max(), total=data.y.sum())
    counts = {row.pop("arm"): _Count(**row) for row in fetch(sizes).to_pylist()}
    data = data.filter(data.y.notnull() & data.d.notnull())
    limits = metric.limits
    if limits is None and metric.winsorise:
        edges = {"low": data.y.quantile(metric.winsorise), "high": data.y.quantile(1 - metric.winsorise)}
        limits = tuple(fetch(data.aggregate(**edges)).to_pylist()[0].values())
    if limits is not None:
        data = data.mutate(y=data.y.clip(*limits))
    sums: dict[str, Any] = {"n": data.count(), "gaps": (data.x.isnull() | data.e.isnull()).sum()}
    moving = [short for short, name in zip("ydxe", metric.sources, strict=True) if name]
    pairs = [(a, b) for place, a in enumerate(moving) for b in moving[place:]]
    if cluster is None:
        sums |= {name: data[name].mean() for name in "ydxe"}
        sums |= {f"{a}_{b}": data[a].cov(data[b], how="sample") for a, b in pairs if a != b}
        sums |= {f"{a}_{a}": data[a].var(how="sample") for a in moving}
    else:
        sums |= {name: data[name].sum() for name in "ydxe"}
    found = fetch(data.group_by(list(keys)).aggregate(**sums)).to_pandas()
    columns = [f"s{number}" for number in range(len(strata))]
    found["stratum"] = found.groupby(columns, dropna=False).ngroup() if strata else 0
    _complete(metric, bool(found["gaps"].any()))
    if cluster is not None:
        return _clustered(found), counts
    cells = []
    for row in found.to_dict("records"):
        errors = np.zeros((4, 4))
        for a, b in pairs:
            i, j = "ydxe".index(a), "ydxe".index(b)
            errors[i, j] = errors[j, i] = row[f"{a}_{b}"] / row["n"]
        means = np.array([row[name] for name in "ydxe"], dtype=float)
        cells.append(_Cell(row["arm"], row["stratum"], row["n"], means, errors, np.inf, row["n"]))
    return cells, counts


def _clustered(totals: pd.DataFrame) -> list[_Cell]:
    """Return cells whose variance is that between units: CR2 of a mean over units of any size."""
    if totals["cluster"].isna().any():
        raise DataError("cluster", "missing for some customers", "a unit for everybody", "leave the others out")
    if totals["cluster"].duplicated().any():
        raise Refused(
            "units lie in several arms or strata, so they were not drawn as a whole",
            todo="leave cluster out: the lots of customers drawn one by one are independent (Abadie et al. 2023, QJE)",
        )
    if totals.groupby("arm", dropna=False).size().min() < FEWEST_CLUSTERS:
        raise Refused(f"fewer than {FEWEST_CLUSTERS} units in an arm", todo="draw more and smaller units")
    cells = []
    for _, part in totals.groupby(["arm", "stratum"], dropna=False, sort=False, observed=True):
        sums, sizes = part[list("ydxe")].to_numpy(float), part["n"].to_numpy(float)
        n = sizes.sum()
        means = sums.sum(axis=0) / n
        off = (sums - means * sizes[:, None]) / np.sqrt(np.maximum(1 - sizes / n, 1e-12))[:, None]
        effective = (sizes**2).sum() ** 2 / (sizes**4).sum()
        df = max(float(effective) - 1, 0.5)
        first = part.iloc[0]
        cells.append(_Cell(first["arm"], int(first["stratum"]), int(n), means, off.T @ off / n**2, df, len(part)))
    return cells


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    if name not in frame:
        raise SchemaError("frame has no column", name, one_of(frame.columns), "add it, or name another")
    kind = frame[name].dtype
    if not (pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind)):
        raise SchemaError("column", f"{name} ({kind})", "numbers or yes/no", "convert it")
    values: Floats = frame[name].to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(values).any():
        raise DataError(name, "infinity", "numbers", "replace it")
    return values


def _expression(table: Any, name: str) -> Any:
    if name not in table.columns:
        raise SchemaError("frame has no column", name, one_of(table.columns), "add it, or name another")
    kind = table[name].type()
    if not (kind.is_numeric() or kind.is_boolean()):
        raise SchemaError("column", f"{name} ({kind})", "numbers or yes/no", "convert it")
    number = table[name].cast("float64")
    return number.nullif(float("nan")) if kind.is_floating() else number


def named_arms(frame: Any, arm: str) -> Any:
    """Return the frame with arms that are yes/no named: control and treatment."""
    if arm not in getattr(frame, "columns", ()):
        return frame
    if isinstance(frame, pd.DataFrame):
        flags = pd.api.types.is_bool_dtype(frame[arm].dtype)
        return frame.assign(**{arm: np.where(frame[arm], "treatment", "control")}) if flags else frame
    if frame[arm].type().is_boolean():
        return frame.mutate(**{arm: frame[arm].ifelse("treatment", "control")})
    return frame
