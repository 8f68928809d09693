"""The effect of a dose that was drawn by lot, such as an interest rate or a discount: so much per unit of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import LEVEL, holm
from bankmkt.errors import DataError, ParameterError, Refused
from bankmkt.experiment.arms import check_columns
from bankmkt.experiment.estimate import local, outcome_values
from bankmkt.experiment.gate import SRM_P
from bankmkt.experiment.omnibus import known_before, omnibus
from bankmkt.privacy import K, check_k, discloses, small_cells, small_parts

FEWEST_UNITS = 10
"""Units drawn as wholes from which the spread between them can be told at several doses."""

FIGURES = ["estimate", "se", "ci_lower", "ci_upper", "p_value"]


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
    k: int = K,
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
        Column of the unit that was drawn as a whole: it has one dose, and lies in one stratum.
    covariates
        Known before: one test of all of them together (of units, their means) must not tell the dose, as the check of
        balance.
    override
        ``["balance"]`` to go on if it does.
    k
        Fewest customers whose outcome is not 0 (or not 1, if it is yes/no); an outcome of fewer is withheld.

    Returns
    -------
    pandas.DataFrame
        A row per outcome: outcome, dose, estimate (per unit of the dose), se, ci_lower, ci_upper (95 %), p_value,
        p_adjusted (Holm's), mean (of the outcome), n, balance_p (null without covariates), override (with
        what is withheld).

    Raises
    ------
    Refused
        If what was known before tells the dose, an outcome is missing, there are fewer than k customers or 10 units,
        or a unit has several doses or strata.
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
    if not isinstance(override, Sequence) or isinstance(override, str) or any(name != "balance" for name in override):
        raise ParameterError("override", override, '["balance"] or nothing', "leave it out")
    if isinstance(covariates, str) or not isinstance(covariates, Sequence):
        raise ParameterError("covariates", covariates, "a list of columns", 'such as ["age"]')
    check_k(k)
    names = list(dict.fromkeys([dose, *keys, *outcomes, *covariates, *([cluster] if cluster else [])]))
    people = frame[names] if isinstance(frame, pd.DataFrame) else local(frame.select(*names))
    if len(people) < k:
        raise Refused(f"fewer than k = {k} customers", todo="take a larger group")
    given = outcome_values(people, dose)
    stratum: Any = np.zeros(len(people), np.int64)
    if keys:
        stratum = people.groupby(keys, dropna=False).ngroup().to_numpy(np.int64)
    units = None if cluster is None else _units(people, cluster, given, stratum)
    p, despite = np.nan, ""
    if covariates:
        known, lots, cells = known_before(people, covariates), given, stratum
        if units is not None:
            first, size = np.unique(units, return_index=True)[1], np.bincount(units)
            known = np.column_stack([np.bincount(units, weights=x) / size for x in known.T])
            lots, cells = given[first], stratum[first]
        p = omnibus(lots[:, None], known, cells)[0]
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
        # where no outcome differs from another nothing is known of the error
        se = se if se > 0 else np.nan
        reach = float(t.ppf((1 + LEVEL) / 2, freedom))
        rows.append({
            "outcome": name, "dose": dose, "estimate": slope, "se": se, "ci_lower": slope - reach * se,
            "ci_upper": slope + reach * se, "p_value": float(2 * t.sf(abs(slope) / se, freedom)),
            "mean": float(values[:, number].mean()), "n": n,
        })  # fmt: skip
    found = pd.DataFrame(rows)
    few = np.array([_few(values[:, number], k) for number in range(1, len(outcomes) + 1)])
    found.loc[few, [*FIGURES, "mean"]] = np.nan
    found.insert(7, "p_adjusted", holm(found["p_value"]))
    withheld = f"withheld: fewer than k = {k} customers have it, or have not"
    said = ["; ".join(filter(None, (despite, withheld if hidden else ""))) for hidden in few]
    return found.assign(balance_p=p, override=said)


def _few(y: Any, k: int) -> bool:
    """Say whether fewer than k customers have an outcome other than 0, or of a yes/no one, have 0."""
    some = int((y != 0).sum())
    return 0 < some < k or bool(np.isin(y, (0, 1)).all() and discloses(some, len(y), k))


def _units(people: pd.DataFrame, cluster: str, given: Any, stratum: Any) -> Any:
    """Return the number of each customer's unit, or refuse if units are few or were not drawn as wholes."""
    if people[cluster].isna().any():
        raise DataError(cluster, "missing for some customers", "a unit for everybody", "leave the others out")
    drawn = pd.DataFrame({"unit": pd.factorize(people[cluster])[0], "dose": given, "stratum": stratum})
    if drawn.drop_duplicates()["unit"].duplicated().any():
        raise Refused("units have several doses or strata, so they were not drawn as a whole", todo="leave cluster out")
    if drawn["unit"].nunique() < FEWEST_UNITS:
        raise Refused(f"fewer than {FEWEST_UNITS} units", todo="draw more and smaller units")
    return drawn["unit"].to_numpy()


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
        A row per column and value: column, group, n, estimate, se, ci_lower, ci_upper, p_value (of no effect in the
        group), p_adjusted (Holm's over all groups), p_same (chi-square test that the column's groups have the same
        effect; null if fewer than two are shown), p_same_adjusted (Holm's over the columns), suppressed. Groups that
        are smaller than k, or of which fewer than k customers have the outcome (or have not), are null, with as many
        more as hides them from the column's total.

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
    check_k(k)
    if isinstance(groups, str) or not isinstance(groups, Sequence) or not groups:
        raise ParameterError("groups", groups, "a list of columns", 'such as ["tier"]')
    rows: list[dict[Any, Any]] = []
    tests = {}
    for column in groups:
        check_columns(frame, column, (), None)
        names = list(dict.fromkeys([column, outcome, dose, *strata]))
        people = frame[names] if isinstance(frame, pd.DataFrame) else local(frame.select(*names))
        parts = {str(value): part for value, part in people.groupby(column, observed=True, dropna=False)}
        hidden = _hidden({name: outcome_values(part, outcome) for name, part in parts.items()}, k)
        found = [
            {"column": column, "group": name, "n": np.nan, **dict.fromkeys(FIGURES, np.nan), "suppressed": True}
            if hidden[name]
            else {
                **dose_effect(part, [outcome], dose, strata=strata, k=1).iloc[0].to_dict(),
                "column": column, "group": name, "suppressed": False,
            }
            for name, part in parts.items()
        ]  # fmt: skip
        tests[column] = _same([row for row in found if not row["suppressed"]])
        rows += found
    adjusted = dict(zip(tests, holm(list(tests.values())), strict=True))
    shown = pd.DataFrame(rows)[["column", "group", "n", *FIGURES, "suppressed"]]
    shown.insert(8, "p_adjusted", holm(shown["p_value"]))
    tested = {"p_same": shown["column"].map(tests), "p_same_adjusted": shown["column"].map(adjusted)}
    return shown.assign(**tested)


def _hidden(groups: dict[str, Any], k: int) -> pd.Series:
    """Say which groups of a column must be hidden: small ones, those of few outcomes, and what would give them away."""
    sizes = pd.Series({name: len(y) for name, y in groups.items()})
    some = pd.Series({name: int((y != 0).sum()) for name, y in groups.items()})
    hidden = small_cells(sizes, k=k)
    if all(np.isin(y, (0, 1)).all() for y in groups.values()):
        return small_parts(some, sizes, k=k, hidden=hidden)
    return small_cells(some, k=k, hidden=hidden)


def _same(found: list[dict[Any, Any]]) -> float:
    """Return the p-value of the test that effects are the same in all groups."""
    from scipy.stats import chi2

    found = [row for row in found if row["se"] > 0]
    if len(found) < 2:
        return np.nan
    slopes, weights = np.array([row["estimate"] for row in found]), np.array([row["se"] for row in found]) ** -2.0
    return float(chi2.sf((weights * (slopes - np.average(slopes, weights=weights)) ** 2).sum(), len(found) - 1))
