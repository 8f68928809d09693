"""Counts, means and covariances of each arm in each stratum: all that a comparison of arms needs of its customers."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.errors import DataError, Refused, SchemaError, one_of
from bankmkt.frames import engine_table, fetch

if TYPE_CHECKING:
    from bankmkt.experiment.metric import Metric

Floats = npt.NDArray[np.float64]
FEWEST_CLUSTERS = 5
"""Units of an arm from which the spread between units can be told."""


class Cell(NamedTuple):
    """An arm in a stratum: its customers, the means of four columns with their covariance, the lots that were drawn.

    The columns are the outcome, its denominator, the covariate and its denominator. ``squares`` is the sum of the lots'
    squared sizes: that of customers drawn one by one is their number. ``farthest`` is the outcome's largest squared
    distance from its mean; missing where units were drawn.
    """

    arm: Any
    stratum: int
    n: int
    means: Floats
    errors: Floats
    df: float
    lots: int
    squares: float
    farthest: float = np.nan


class Count(NamedTuple):
    """An arm: its customers; those with a known outcome other than 0, and other than 0 and 1."""

    rows: int
    some: int
    others: int


def in_memory(
    frame: pd.DataFrame, metric: "Metric", arm: str, strata: list[str], cluster: str | None
) -> tuple[list[Cell], dict[Any, Count]]:
    """Return the cells and each arm's counts, from a pandas frame."""
    places, names = pd.factorize(frame[arm], use_na_sentinel=False)
    stratum = frame.groupby(strata, dropna=False).ngroup().to_numpy() if strata else np.zeros(len(frame), int)
    values = np.empty((len(frame), 4))
    for place, (name, default) in enumerate(zip(metric.sources, (0.0, 1.0, 0.0, 1.0), strict=True)):
        values[:, place] = default if name is None else _numbers(frame, name)
    y = values[:, 0]
    known = ~np.isnan(values[:, :2]).any(axis=1)
    _complete(metric, missing=bool(np.isnan(values[known]).any()))
    counts = {}
    for number, name in enumerate(names):
        own = y[(places == number) & known]
        some, others = int((own != 0).sum()), int((own * (own - 1) != 0).sum())
        counts[name] = Count(int((places == number).sum()), some, others)
    limits = metric.limits
    if limits is None and metric.winsorise and known.any():
        among = y[known & (y != 0)] if metric.nonzero else y[known]
        ends = np.quantile(among, [metric.winsorise, 1 - metric.winsorise]) if len(among) else (0.0, 0.0)
        limits = _limits(metric, *ends)
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
        own, n = (names[places[rows[0]]], int(stratum[rows[0]])), len(part)
        farthest = float(np.square(part[:, 0] - part[:, 0].mean()).max())
        cells.append(Cell(*own, n, part.mean(0), errors, np.inf, n, n, farthest))
    return cells, counts


def in_engine(
    table: Any, metric: "Metric", arm: str, strata: list[str], cluster: str | None
) -> tuple[list[Cell], dict[Any, Count]]:
    """Return the cells and each arm's counts, from an Ibis table."""
    import ibis

    table, _ = engine_table(table, "frame")
    keys = {"arm": table[arm], **{f"s{number}": table[name] for number, name in enumerate(strata)}}
    keys |= {} if cluster is None else {"cluster": table[cluster]}
    values = {
        short: ibis.literal(default) if name is None else _expression(table, name)
        for short, name, default in zip("ydxe", metric.sources, (0.0, 1.0, 0.0, 1.0), strict=True)
    }
    data = table.select(**keys, **values)
    known = data.y.notnull() & data.d.notnull()
    some = known & (data.y != 0)
    endless = [data[short].isinf() for short, name in zip("ydxe", metric.sources, strict=True) if name]
    sizes = data.group_by("arm").aggregate(
        rows=data.count(), some=some.sum(), others=(some & (data.y != 1)).sum(), endless=ibis.or_(*endless).sum()
    )
    counts = {}
    for row in fetch(sizes).to_pylist():
        if row["endless"]:
            raise DataError(metric.outcome, "infinity", "numbers, here and in what it is adjusted for", "replace it")
        counts[row["arm"]] = Count(row["rows"], row["some"] or 0, row["others"] or 0)
    data = data.filter(known)
    limits = metric.limits
    if limits is None and metric.winsorise:
        among = data.filter(data.y != 0) if metric.nonzero else data
        edges = {"low": among.y.quantile(metric.winsorise), "high": among.y.quantile(1 - metric.winsorise)}
        low, high = fetch(among.aggregate(**edges)).to_pylist()[0].values()
        limits = _limits(metric, 0.0 if low is None else low, 0.0 if high is None else high)
    if limits is not None:
        data = data.mutate(y=data.y.clip(*limits))
    sums: dict[str, Any] = {"n": data.count(), "gaps": (data.x.isnull() | data.e.isnull()).sum()}
    moving = [short for short, name in zip("ydxe", metric.sources, strict=True) if name]
    pairs = [(a, b) for place, a in enumerate(moving) for b in moving[place:]]
    if cluster is None:
        sums |= {name: data[name].mean() for name in "ydxe"}
        sums |= {f"{a}_{b}": data[a].cov(data[b], how="sample") for a, b in pairs if a != b}
        sums |= {f"{a}_{a}": data[a].var(how="sample") for a in moving}
        sums |= {"low": data.y.min(), "high": data.y.max()}
    else:
        sums |= {name: data[name].sum() for name in "ydxe"}
    found = fetch(data.group_by(list(keys)).aggregate(**sums)).to_pandas()
    columns = [f"s{number}" for number in range(len(strata))]
    found["stratum"] = found.groupby(columns, dropna=False).ngroup() if strata else 0
    _complete(metric, missing=bool(found["gaps"].any()))
    if cluster is not None:
        return _clustered(found), counts
    cells = []
    for row in found.to_dict("records"):
        errors = np.zeros((4, 4))
        for a, b in pairs:
            i, j = "ydxe".index(a), "ydxe".index(b)
            errors[i, j] = errors[j, i] = row[f"{a}_{b}"] / row["n"]
        means = np.array([row[name] for name in "ydxe"], dtype=float)
        farthest = max(row["high"] - means[0], means[0] - row["low"]) ** 2
        cells.append(Cell(row["arm"], row["stratum"], row["n"], means, errors, np.inf, row["n"], row["n"], farthest))
    return cells, counts


def _clustered(totals: pd.DataFrame) -> list[Cell]:
    """Return cells whose variance is that between units: CR2 of a mean over units of any size."""
    if totals["cluster"].isna().any():
        raise DataError("cluster", "missing for some customers", "a unit for everybody", "leave the others out")
    if totals[["arm", "cluster"]].drop_duplicates()["cluster"].duplicated().any():
        raise Refused(
            "units lie in several arms, so they were not drawn as a whole",
            todo="leave cluster out: the lots of customers drawn one by one are independent (Abadie et al. 2023, QJE)",
        )
    if totals["cluster"].duplicated().any():
        raise Refused("units lie in several strata", todo="name strata that whole units belong to, or none")
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
        own, squares = (first["arm"], int(first["stratum"])), float((sizes**2).sum())
        cells.append(Cell(*own, int(n), means, off.T @ off / n**2, df, len(part), squares))
    return cells


def _limits(metric: "Metric", low: float, high: float) -> tuple[float, float]:
    """Return the limits that outcomes are drawn in to, or refuse where nothing would be left of them."""
    if metric.nonzero:
        low, high = min(low, 0.0), max(high, 0.0)
    if not low < high:
        raise Refused(
            f"the outermost {100 * metric.winsorise:.3g}% at either end hold all customers whose {metric.outcome} is "
            "not the same: nothing would be left to compare",
            todo="winsorise among those whose outcome is not 0 (nonzero=True), or give the limits",
        )
    return low, high


def _complete(metric: "Metric", *, missing: bool) -> None:
    if missing:
        raise DataError(f"{metric.covariate} or its denominator", "missing for some", "known of everybody", "fill it")


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
