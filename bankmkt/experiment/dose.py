"""The effect of a dose that was drawn by lot, such as an interest rate or a discount: so much per unit of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import LEVEL, holm
from bankmkt.errors import DataError, ParameterError, Refused
from bankmkt.experiment.arms import check_columns
from bankmkt.experiment.check import SRM_P
from bankmkt.experiment.estimate import local, outcome_values
from bankmkt.experiment.omnibus import known_before, omnibus


def dose_effect(
    frame: Any,
    outcomes: Sequence[str],
    dose: str,
    *,
    strata: Sequence[str] = (),
    interact: bool = True,
    cluster: str | None = None,
    covariates: Sequence[str] = (),
    override: Sequence[str] = (),
) -> pd.DataFrame:
    """Estimate how outcomes move with a randomised dose, within the strata that it was drawn in.

    Parameters
    ----------
    frame
        Ibis table or pandas frame, a row per customer.
    outcomes
        Columns.
    dose
        Column of numbers, drawn by lot.
    strata
        Columns that the dose was drawn within.
    interact
        Whether each combination of their values has a level of its own; otherwise each column has (the usual fixed
        effects).
    cluster
        Column of the unit that was drawn as a whole.
    covariates
        Known before: one test of all of them together must not tell the dose (as the check of balance).
    override
        ``["balance"]`` to go on if it does.

    Returns
    -------
    pandas.DataFrame
        A row per outcome: outcome, dose, estimate (per unit of the dose), se, ci_lower, ci_upper (95 %), p_value,
        p_adjusted (Holm's), mean (of the outcome), n, balance_p (null without covariates), override.

    Raises
    ------
    Refused
        If what was known before tells the dose, or an outcome is missing.
    SchemaError, ParameterError, DataError
        If an argument is not as above, or the dose does not vary within strata.

    Notes
    -----
    Least squares of the outcome on the dose and the strata (Frisch & Waugh 1933), with an interval robust to unequal
    variances (HC1), or to what units have in common (CR1, t with units less 1 degrees of freedom). Karlan & Zinman
    (2008), *American Economic Review* 98, table 3.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> people = pd.DataFrame({"band": rng.integers(0, 3, 3000)})
    >>> people["rate"] = people["band"] + rng.choice([4.0, 6.0, 8.0], 3000)
    >>> people["took"] = rng.random(3000) < 0.5 + 0.1 * people["band"] - 0.03 * people["rate"]
    >>> dose_effect(people, ["took"], "rate", strata=["band"])[["estimate", "se"]].round(3).to_dict("records")
    [{'estimate': -0.034, 'se': 0.005}]
    """
    from scipy.stats import t

    keys = check_columns(frame, dose, strata, cluster)
    if isinstance(outcomes, str) or not isinstance(outcomes, Sequence) or not outcomes:
        raise ParameterError("outcomes", outcomes, "a list of columns", 'such as ["applied"]')
    if isinstance(override, str) or not set(override) <= {"balance"}:
        raise ParameterError("override", override, '["balance"] or nothing', "leave it out")
    names = list(dict.fromkeys([dose, *keys, *outcomes, *covariates, *([cluster] if cluster else [])]))
    people = frame[names] if isinstance(frame, pd.DataFrame) else local(frame.select(*names))
    given = outcome_values(people, dose)
    stratum: Any = np.zeros(len(people), np.int64)
    if keys:
        stratum = people.groupby(keys, dropna=False).ngroup().to_numpy(np.int64)
    p, despite = np.nan, ""
    if covariates:
        p = omnibus(given[:, None], known_before(people, covariates), stratum)[0]
        says = f"what was known before tells {dose} (p = {p:.1e})"
        if p < SRM_P and "balance" not in override:
            raise Refused(f"the effect is withheld (check of balance: {says})", todo="name the strata of the draw")
        despite = f"despite a failed check of balance: {says}" if p < SRM_P else ""
    values = np.column_stack([given, *(outcome_values(people, name) for name in outcomes)])
    if interact or not keys:
        blocks = [stratum]
    else:
        blocks = [pd.factorize(people[key], use_na_sentinel=False)[0] for key in keys]
    left, used = _within(values, blocks)
    x, n = left[:, 0], len(left)
    if not x @ x > 1e-12 * n:
        raise DataError(dose, "the same for everybody of a stratum", "a dose that varies", "check the strata")
    units = None if cluster is None else pd.factorize(people[cluster], use_na_sentinel=False)[0]
    rows = []
    for number, name in enumerate(outcomes, 1):
        y = left[:, number]
        slope = float(x @ y / (x @ x))
        scores = x * (y - slope * x)
        freedom: float = n - used - 1
        scale = n / freedom
        if units is not None:
            scores = np.bincount(units, weights=scores)
            freedom = len(scores) - 1
            scale = len(scores) / freedom * (n - 1) / (n - used - 1)
        se = float(np.sqrt(scale * (scores @ scores)) / (x @ x))
        reach = float(t.ppf((1 + LEVEL) / 2, freedom))
        rows.append({
            "outcome": name, "dose": dose, "estimate": slope, "se": se, "ci_lower": slope - reach * se,
            "ci_upper": slope + reach * se, "p_value": float(2 * t.sf(abs(slope) / se, freedom)),
            "mean": float(values[:, number].mean()), "n": n,
        })  # fmt: skip
    found = pd.DataFrame(rows)
    found.insert(7, "p_adjusted", holm(found["p_value"]))
    return found.assign(balance_p=p, override=despite)


def _within(values: Any, blocks: list[Any]) -> tuple[Any, int]:
    """Take out each block's levels; return what is left and how many levels it took."""
    if len(blocks) == 1:
        sizes = np.bincount(blocks[0])
        means = np.column_stack([np.bincount(blocks[0], weights=column) / sizes for column in values.T])
        return values - means[blocks[0]], len(sizes)
    columns = [np.ones(len(values))]
    for block in blocks:
        columns += [(block == level).astype(float) for level in range(1, int(block.max()) + 1)]
    design = np.column_stack(columns)
    fit, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    return values - design @ fit, int(rank)


def dose_by(
    frame: Any, outcome: str, dose: str, groups: Sequence[str], *, strata: Sequence[str] = (), k: int = 10
) -> pd.DataFrame:
    """Estimate a dose's effect group by group, and test whether the groups of a column differ.

    Parameters
    ----------
    frame, dose, strata
        As in :func:`dose_effect`.
    outcome
        Column.
    groups
        Columns of a few values each, known before the dose was drawn.
    k
        Smallest group that is shown.

    Returns
    -------
    pandas.DataFrame
        A row per column and value: column, group, n, estimate, se, ci_lower, ci_upper, p_same (chi-square test that the
        column's groups have the same effect) and p_adjusted (of that, Holm's over the columns).

    Raises
    ------
    SchemaError, ParameterError, DataError
        As :func:`dose_effect`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> people = pd.DataFrame({"rate": rng.choice([4.0, 6.0, 8.0], 4000), "new": rng.random(4000) < 0.5})
    >>> people["took"] = rng.random(4000) < 0.4 - 0.04 * people["rate"] * people["new"]
    >>> dose_by(people, "took", "rate", ["new"])[["group", "estimate"]].round(2).to_dict("list")
    {'group': ['False', 'True'], 'estimate': [0.0, -0.03]}
    """
    from scipy.stats import chi2

    rows: list[dict[Any, Any]] = []
    tests = {}
    for column in groups:
        check_columns(frame, column, (), None)
        people = frame if isinstance(frame, pd.DataFrame) else local(frame.select(column, outcome, dose, *strata))
        parts = [(str(value), part) for value, part in people.groupby(column, observed=True) if len(part) >= k]
        found = [
            {"column": column, "group": name, **dose_effect(part, [outcome], dose, strata=strata).iloc[0].to_dict()}
            for name, part in parts
        ]
        slopes, weights = np.array([row["estimate"] for row in found]), np.array([row["se"] for row in found]) ** -2.0
        middle = np.average(slopes, weights=weights) if len(found) else 0.0
        tests[column] = (
            float(chi2.sf((weights * (slopes - middle) ** 2).sum(), len(found) - 1)) if len(found) > 1 else 1.0
        )
        rows += found
    adjusted = dict(zip(tests, holm(list(tests.values())), strict=True))
    shown = pd.DataFrame(rows)[["column", "group", "n", "estimate", "se", "ci_lower", "ci_upper"]]
    return shown.assign(p_same=shown["column"].map(tests), p_adjusted=shown["column"].map(adjusted))
