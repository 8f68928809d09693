"""Whether the arms of an experiment look alike, as chance alone would have it."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
from bankmkt.frames import engine_table, fetch


def balance(assigned: Any, covariates: Sequence[str] = ()) -> pd.DataFrame:
    """Compare what was known of the arms before the experiment.

    Parameters
    ----------
    assigned
        Of :func:`bankmkt.experiment.assign`: ``arm`` and ``propensity``, a row per customer; rows without an arm are
        left aside. Ibis table or pandas frame.
    covariates
        Columns of numbers or yes/no, known before.

    Returns
    -------
    pandas.DataFrame
        A row per arm, then a row per arm and covariate: measure ("customers" or the covariate), arm, customers (who
        have a value), value (their number or their mean), planned (the number planned; null for covariates),
        standardised (distance from the mean of the other arms in standard deviations; beyond 0.1 is worth a look),
        p_value (that chance alone makes the arms differ so: chi-square test of all arms' sizes, F test of all arms'
        means).

    Raises
    ------
    SchemaError
        If a column is not there, or no number.
    ParameterError
        If ``covariates`` is no list.
    DataError
        If there are fewer than two arms, a covariate is infinite, or the chance of an arm differs between customers or
        is not given.

    References
    ----------
    Austin, P. C. (2009). Balance diagnostics for comparing the distribution of baseline covariates. *Statistics in
    Medicine* 28, 3083–3107 (standardised differences). The p-values are of a randomised design, where they are valid.

    Examples
    --------
    >>> people = pd.DataFrame({"arm": ["a", "b"] * 50, "propensity": 0.5, "aum": range(100)})
    >>> balance(people, ["aum"])[["measure", "arm", "value", "planned"]].to_dict("list")["value"]
    [50.0, 50.0, 49.0, 50.0]
    """
    from scipy.stats import chisquare, f

    table, _ = engine_table(assigned, "assigned")
    if isinstance(covariates, str) or not isinstance(covariates, Sequence):
        raise ParameterError("covariates", covariates, "a list of columns", "such as ['aum']")
    for column in ("arm", "propensity", *covariates):
        if column not in table.columns:
            raise SchemaError("assigned has no column", column, one_of(table.columns), "pass what assign returned")
        kind = table[column].type()
        if column != "arm" and not (kind.is_numeric() or kind.is_boolean()):
            raise SchemaError("column", f"{column} ({kind})", "numbers or yes/no", "turn it into columns of yes/no")
    inside = table.filter(table.arm.notnull()).mutate(propensity=table.propensity.cast("float64"))
    sums: dict[str, Any] = {
        "n": inside.count(), "low": inside.propensity.min(), "high": inside.propensity.max(),
        "known": inside.propensity.count(),
    }  # fmt: skip
    for number, column in enumerate(covariates):
        x = inside[column].cast("float64")
        sums[f"e{number}"] = x.isinf().any()
        sums |= {f"n{number}": x.count(), f"s{number}": x.sum(), f"q{number}": x.var(how="pop")}
    found = fetch(inside.group_by("arm").aggregate(**sums).order_by("arm")).to_pandas()
    if len(found) < 2:
        raise DataError("arms", found["arm"].tolist(), "two or more", "draw them with bm.experiment.assign")
    if (found["known"] < found["n"]).any() or (found["high"] - found["low"] > 1e-9).any():
        raise DataError("propensity", None, "one number per arm", "keep what assign wrote")
    for number, column in enumerate(covariates):
        if found[f"e{number}"].fillna(value=False).any():
            raise DataError(column, "infinity", "numbers", "replace it")
    total = found["n"].sum()
    planned = total * found["low"] / found["low"].sum()
    size = float(chisquare(found["n"], planned).pvalue)
    rows = [pd.DataFrame({
        "measure": "customers", "arm": found["arm"], "customers": found["n"], "value": found["n"].astype("float64"),
        "planned": planned, "standardised": float("nan"), "p_value": size,
    })]  # fmt: skip
    for number, column in enumerate(covariates):
        n = found[f"n{number}"].astype("float64")
        mean, spread = found[f"s{number}"] / n, found[f"q{number}"]
        within, every = (n * spread).sum(), (n * mean).sum() / n.sum()
        between = (n * (mean - every) ** 2).sum()
        others = ((n * mean).sum() - n * mean) / (n.sum() - n)
        arms, left = len(found) - 1, n.sum() - len(found)
        scale = (within / n.sum()) ** 0.5
        p = float(f.sf((between / arms) / (within / left), arms, left)) if within > 0 and left > 0 else float("nan")
        rows.append(pd.DataFrame({
            "measure": column, "arm": found["arm"], "customers": n.astype("int64"), "value": mean,
            "planned": float("nan"), "standardised": (mean - others) / scale if scale > 0 else float("nan"),
            "p_value": p,
        }))  # fmt: skip
    return pd.concat(rows, ignore_index=True)
