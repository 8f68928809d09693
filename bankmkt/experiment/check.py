"""Whether an experiment is one: the checks that its effects must pass before anybody reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import holm
from bankmkt.errors import ParameterError, Refused, SchemaError, one_of
from bankmkt.experiment.arms import Floats, arm_means, check_columns, differences, named_arms
from bankmkt.experiment.estimate import local
from bankmkt.experiment.omnibus import known_before, omnibus, post_stratified
from bankmkt.experiment.panel import COVARIATES
from bankmkt.experiment.spill import exposure
from bankmkt.privacy import K, check_k, discloses

SRM_P = 0.001
"""A split, or a difference before the start, less likely than this under the planned lots is not their doing."""

REACHED = 0.05
"""Part of the treated arms' contact that the control may have had without being spoilt as a comparison."""

CHECKS = ("sizes", "balance", "placebo", "attrition", "contact", "neighbours")
"""Names of the checks, by which they are overridden."""


@dataclass(frozen=True)
class Checks:
    """What :func:`check` found.

    Parameters
    ----------
    table
        A row per check that could be made: check, measure (what ``figure`` is), figure, p_value (null where chance has
        no part), limit, passed, says (a sentence).
    arms
        A row per arm: arm, customers, planned (their expected number).
    balance
        A row per covariate and treated arm: covariate, arm, mean, control (its mean), standardised (the difference in
        standard deviations); within strata.
    """

    table: pd.DataFrame
    arms: pd.DataFrame
    balance: pd.DataFrame

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return bool(self.table["passed"].all())

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that failed."""
        return tuple(self.table.loc[~self.table["passed"], "check"])

    def gate(self, override: Sequence[str] = ()) -> str:
        """Return the note of what was overridden (empty if nothing had to be), or refuse.

        Parameters
        ----------
        override
            Names of failed checks that the reader is willing to answer for.

        Raises
        ------
        Refused
            If a check failed that is not overridden.
        ParameterError
            If there is no such check.
        """
        if isinstance(override, str) or not set(override) <= set(CHECKS):
            raise ParameterError("override", override, f"a list of {', '.join(CHECKS)}", 'such as override=["balance"]')
        says = dict(zip(self.table["check"], self.table["says"], strict=True))
        if withheld := [name for name in self.failed if name not in override]:
            found = "; ".join(f"check of {name}: {says[name]}" for name in withheld)
            raise Refused(
                f"the effect is withheld ({found})",
                todo=f"find out why, or take it upon yourself: override={withheld!r}",
            )
        return "; ".join(f"despite a failed check of {name}: {says[name]}" for name in self.failed)


def check(
    frame: Any,
    *,
    arm: str = "arm",
    control: str = "control",
    planned: Mapping[str, float] | None = None,
    strata: Sequence[str] = (),
    cluster: str | None = None,
    covariates: Sequence[str] | None = None,
    before: Sequence[str] = (),
    outcomes: Sequence[str] = (),
    reached: Sequence[str] = (),
    units: str | None = None,
    k: int = K,
) -> Checks:
    """Test whether arms were drawn as planned and stayed comparable.

    =========== ==========================================================================================
    sizes       as many customers (or units) in each arm as planned (sample-ratio mismatch)
    balance     the arms alike in everything known before, in one test of all covariates together
    placebo     no effect on the outcome's own value before the start
    attrition   customers without an outcome equally frequent in all arms
    contact     the control left alone: hardly reached by what the treated arms got
    neighbours  customers of the control no different where many of their unit are treated
    =========== ==========================================================================================

    Parameters
    ----------
    frame
        Ibis table or pandas frame, a row per customer, such as of :func:`bankmkt.experiment.panel`. Of an Ibis table
        only the columns named here are fetched.
    arm
        Column of the arm; of a yes/no column, yes is "treatment" and no "control".
    control
        The arm that the others are compared with.
    planned
        Share of each arm; by default from the column ``propensity``, the recorded chance of each customer's own arm
        (the same for all customers of an arm and stratum; arms that are not in the frame are left out of account).
    strata
        Columns that lots were drawn within.
    cluster
        Column of the unit that was drawn as a whole.
    covariates
        Known before: numbers, yes/no or texts. By default those of :data:`bankmkt.experiment.panel.COVARIATES` that
        the frame has.
    before
        Columns with an outcome's earlier value, for the placebo.
    outcomes
        Columns whose missing values are customers lost.
    reached
        Yes/no columns that say whether the campaign got to the customer, such as ``participated``.
    units
        Column of the household, branch or team within which customers may talk; tested on the first of ``outcomes``.
    k
        Smallest arm.

    Returns
    -------
    Checks
        Ask it ``.passed``, or call ``.gate(override=())``.

    Raises
    ------
    Refused
        If an arm has fewer than ``k`` customers, no shares are given or recorded, or the chance differed between
        customers of an arm and stratum.
    ParameterError, SchemaError
        If an argument is not as described.

    Notes
    -----
    Each test fails below p = .001, so that five of them refuse a sound experiment in 1 of 200 cases. Sizes: chi-square
    of observed less expected numbers over all strata (two arms without strata: exact binomial); Fabijan et al. (2019),
    KDD. Balance: :func:`bankmkt.experiment.omnibus.omnibus`. Placebo and attrition: the smallest p over arms and
    columns, by Holm's method.

    Examples
    --------
    >>> people = pd.DataFrame({"arm": ["control", "treatment"] * 20, "propensity": 0.5, "age": range(40)})
    >>> found = check(people, covariates=["age"])
    >>> found.passed, found.table["p_value"].round(2).tolist()
    (True, [1.0, 0.71])
    """
    check_k(k)
    keys = check_columns(frame, arm, strata, cluster)
    if covariates is None:
        covariates = [name for name in COVARIATES if name in frame.columns]
    for name in (*covariates, *before, *outcomes, *reached, *([units] if units else [])):
        if name not in frame.columns:
            raise SchemaError("frame has no column", name, one_of(frame.columns), "add it, or name another")
    used = {arm, *keys, *covariates, *before, *outcomes, *reached, *filter(None, (cluster, units))}
    used |= {"propensity"} & set(frame.columns)
    people = frame[sorted(used)] if isinstance(frame, pd.DataFrame) else local(frame.select(*sorted(used)))
    people = named_arms(people, arm)
    names = arm_names(people, arm, control, k)
    stratum = people.groupby(keys, dropna=False).ngroup().to_numpy() if keys else np.zeros(len(people), int)
    place = pd.Categorical(people[arm], categories=names).codes
    shares = _shares(people, place, stratum, names, planned)
    first = np.ones(len(people), bool) if cluster is None else ~people[cluster].duplicated().to_numpy()
    rows = [_sizes(place[first], stratum[first], names, shares, "customers" if cluster is None else "units")]
    weights = post_stratified(place, stratum)
    table = pd.DataFrame()
    if covariates:
        numbers = known_before(people, covariates)
        table = _apart(people, covariates, place, names, weights)
        rows.append(_balance(numbers, place, stratum, None if cluster is None else people[cluster], table))
    lots: dict[str, Any] = {"arm": arm, "strata": keys, "cluster": cluster}
    if before:
        rows.append(_placebo(people, before, control, lots))
    if outcomes:
        rows.append(_attrition(people, outcomes, control, lots, k))
    rows += [row for name in reached if (row := _contact(people, name, place, k))]
    if units is not None and outcomes:
        rows.append(_neighbours(people, units, outcomes[0], place))
    # of several rows of one check the worst speaks
    found = pd.DataFrame(rows).sort_values("passed", kind="stable").drop_duplicates("check").sort_index()
    expected = np.array([(shares[stratum, number]).sum() for number in range(len(names))])
    sizes = pd.DataFrame({"arm": names, "customers": np.bincount(place, minlength=len(names)), "planned": expected})
    return Checks(found.reset_index(drop=True), sizes, table)


def arm_names(frame: pd.DataFrame, arm: str, control: str, k: int) -> list[str]:
    """Return the arms, the control first, after checking that each has at least k customers."""
    sizes = frame[arm].value_counts(dropna=False)
    if sizes.index.isna().any():
        raise ParameterError(arm, "missing for some customers", "an arm for everybody", "leave those without one out")
    names = sorted(str(name) for name in sizes.index)
    if control not in names:
        raise ParameterError("control", control, one_of(names), "name the arm that was left alone")
    if len(names) < 2:
        raise ParameterError(arm, names, "two arms or more", "compare with a control arm")
    if (sizes < k).any():
        raise Refused(f"fewer than k = {k} customers in an arm", todo="compare a larger unit or a longer campaign")
    return [control, *(name for name in names if name != control)]


def _row(name: str, measure: str, figure: float, p: float, limit: float, passed: bool, says: str) -> dict[str, Any]:
    return {
        "check": name, "measure": measure, "figure": float(figure), "p_value": float(p), "limit": float(limit),
        "passed": bool(passed), "says": says,
    }  # fmt: skip


def _shares(
    people: pd.DataFrame, place: Any, stratum: Any, names: list[str], planned: Mapping[str, float] | None
) -> Floats:
    """Return the planned share of each arm (column) in each stratum (row)."""
    strata = int(stratum.max()) + 1
    if planned is not None:
        if not isinstance(planned, Mapping) or not set(names) <= set(planned):
            raise ParameterError(
                "planned", planned, f"a share for each of {', '.join(names)}", 'such as {"control": .5}'
            )
        own = np.array([float(planned[name]) for name in names])
        if not ((own > 0) & (own < 1)).all():
            raise ParameterError("planned", planned, "shares between 0 and 1", 'such as {"control": 0.5, "a": 0.5}')
        return np.tile(own / own.sum(), (strata, 1))
    todo = "record propensities, or pass the planned shares"
    if "propensity" not in people:
        raise Refused("the planned shares are not recorded", todo=todo)
    chance = people["propensity"].to_numpy(float, na_value=np.nan)
    if np.isnan(chance).any():
        raise Refused("the planned shares are not recorded", todo=todo)
    cells = pd.DataFrame({"stratum": stratum, "place": place, "chance": chance}).groupby(["stratum", "place"])["chance"]
    low, high = cells.min(), cells.max()
    if ((high - low) > 1e-6).any():
        raise Refused(
            "propensity", f"{chance.min():.3g} to {chance.max():.3g}",
            "the same for every customer of an arm and stratum",
            "name the strata, or use doubly_robust with the recorded propensities",
        )  # fmt: skip
    table = low.unstack().reindex(columns=range(len(names)))
    if table.isna().any(axis=None):
        raise Refused("a stratum lacks an arm", todo="join small strata, or pass the planned shares")
    own = table.to_numpy()
    return own / own.sum(axis=1, keepdims=True)


def _sizes(place: Any, stratum: Any, names: list[str], shares: Floats, what: str) -> dict[str, Any]:
    from scipy.stats import binomtest, chi2

    seen = np.zeros(shares.shape)
    np.add.at(seen, (stratum, place), 1)
    total = seen.sum(axis=1, keepdims=True)
    off = (seen - total * shares).sum(axis=0)
    if len(names) == 2 and len(shares) == 1:
        p = float(binomtest(int(seen[0, 1]), int(total[0, 0]), shares[0, 1]).pvalue)
    else:
        spread = np.diag((total * shares).sum(axis=0)) - (total * shares).T @ shares
        p = float(chi2.sf(off @ np.linalg.pinv(spread, hermitian=True) @ off, len(names) - 1))
    worst = int(np.abs(off).argmax())
    here, wanted = seen[:, worst].sum() / seen.sum(), (total * shares)[:, worst].sum() / seen.sum()
    says = f"{here:.1%} of {what} are in arm {names[worst]}, {wanted:.1%} were planned"
    return _row("sizes", "share of an arm, less planned", here - wanted, p, SRM_P, p >= SRM_P, says)


def _apart(people: pd.DataFrame, covariates: Sequence[str], place: Any, names: list[str], weights: Floats) -> Any:
    """Return the arms' means of each covariate within strata, and how far they lie apart."""
    rows = []
    for name in covariates:
        column = people[name]
        if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
            continue
        x = column.to_numpy(float, na_value=np.nan)
        known = ~np.isnan(x)
        spread = x[known].std() if known.any() else 0.0
        if not spread:
            continue
        means = [np.average(x[known & (place == a)], weights=weights[known & (place == a)])
                 if (known & (place == a)).any() else np.nan for a in range(len(names))]  # fmt: skip
        rows += [(name, arm, mean, means[0], (mean - means[0]) / spread)
                 for arm, mean in zip(names[1:], means[1:], strict=True)]  # fmt: skip
    return pd.DataFrame(rows, columns=["covariate", "arm", "mean", "control", "standardised"])


def _balance(numbers: Floats, place: Any, stratum: Any, cluster: Any, table: pd.DataFrame) -> dict[str, Any]:
    z = np.column_stack([place == a for a in range(1, int(place.max()) + 1)]).astype(float)
    if cluster is not None:
        codes = pd.factorize(cluster)[0]
        first = np.unique(codes, return_index=True)[1]
        size = np.bincount(codes)
        numbers = np.column_stack([np.bincount(codes, weights=x) / size for x in numbers.T])
        z, stratum = z[first], stratum[first]
    p, _ = omnibus(z, numbers, stratum)
    largest = table["standardised"].abs().max() if len(table) else np.nan
    name = table["covariate"].iloc[int(table["standardised"].abs().argmax())] if len(table) else ""
    says = f"what was known before differs between the arms by up to {largest:.2f} standard deviations ({name})"
    return _row("balance", "largest difference, in sd", largest, p, SRM_P, not p < SRM_P, says)


def _smallest(
    people: pd.DataFrame, columns: Sequence[str], control: str, lots: dict[str, Any]
) -> tuple[str, float, float]:
    """Return the column with the clearest difference between an arm and the control, the difference and its p."""
    found = []
    for name in columns:
        gaps = differences(arm_means(people, name, **lots), control)
        found += [(name, row["estimate"], row["p_value"]) for row in gaps.to_dict("records")]
    adjusted = holm([q for _, _, q in found])
    if np.isnan(adjusted).all():
        return columns[0], 0.0, 1.0
    best = int(np.nanargmin(adjusted))
    return found[best][0], found[best][1], float(adjusted[best])


def _placebo(people: pd.DataFrame, before: Sequence[str], control: str, lots: dict[str, Any]) -> dict[str, Any]:
    name, gap, p = _smallest(people, before, control, lots)
    says = f"before the start {name} was already {gap:+,.4g} apart from the control"
    return _row("placebo", "difference before the start", gap, p, SRM_P, p >= SRM_P, says)


def _attrition(
    people: pd.DataFrame, outcomes: Sequence[str], control: str, lots: dict[str, Any], k: int
) -> dict[str, Any]:
    absent = [f"no {name}" for name in outcomes]
    lost = pd.DataFrame({new: people[name].isna().astype(float) for new, name in zip(absent, outcomes, strict=True)})
    share = float(lost.max(axis=1).mean())
    if not share:
        return _row("attrition", "share without an outcome", 0.0, np.nan, SRM_P, True, "everybody has an outcome")
    columns = [people[column] for column in (lots["arm"], *lots["strata"], *filter(None, [lots["cluster"]]))]
    _, gap, p = _smallest(pd.concat([*columns, lost], axis=1), absent, control, lots)
    few = bool(discloses(int(lost.max(axis=1).sum()), len(people), k))
    how_many = f"fewer than {k} customers" if few else f"{share:.1%} of customers"
    says = f"{how_many} have no outcome, {gap:+.1%} more in one arm than in the control".replace("+-", "−")
    return _row("attrition", "share without an outcome", np.nan if few else share, p, SRM_P, p >= SRM_P, says)


def _contact(people: pd.DataFrame, name: str, place: Any, k: int) -> dict[str, Any] | None:
    got = people[name].fillna(value=False).to_numpy(dtype=bool)
    treated = got[place > 0].mean()
    if not treated:
        return None
    part = float(got[place == 0].mean() / treated)
    few = bool(discloses(int(got[place == 0].sum()), int((place == 0).sum()), k))
    how_many = f"fewer than {k} customers" if few else f"{got[place == 0].mean():.1%}"
    says = f"{how_many} of the control {name}, as against {treated:.1%} of the others"
    return _row(
        "contact", f"{name}: control by treated", np.nan if few else part, np.nan, REACHED, part <= REACHED, says
    )


def _neighbours(people: pd.DataFrame, units: str, outcome: str, place: Any) -> dict[str, Any]:
    slope, p, number = exposure(people[units], people[outcome], place > 0)
    says = (
        f"the {outcome} of a control customer differs by {slope:+,.3g} between units with all and with none treated "
        f"({number:,} units)"
    )
    return _row("neighbours", "slope on the share treated", slope, p, SRM_P, not p < SRM_P, says)
