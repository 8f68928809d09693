"""The mean of an outcome in each arm of an experiment, and how exact it is: what every comparison of arms rests on.

Means, their variances and what they have in common are all that differences, ratios and the question which arm is best
need. They follow from counts, means and covariances by arm and stratum (by cluster where whole units were drawn),
which the engine computes of any number of customers.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import LEVEL
from bankmkt.errors import DataError, ParameterError, Refused, SchemaError, one_of
from bankmkt.experiment.arm_cells import Cell, Count, Floats, in_engine, in_memory
from bankmkt.experiment.design import Checks, Design, passed
from bankmkt.experiment.few import doubts
from bankmkt.experiment.metric import Metric
from bankmkt.privacy import K, check_k, discloses


def arm_means(
    frame: Any,
    metric: Metric | str,
    *,
    arm: str = "arm",
    strata: Sequence[str] = (),
    cluster: str | None = None,
    checks: Checks | None = None,
    override: Sequence[str] = (),
    k: int = K,
) -> pd.DataFrame:
    """Return the mean of a metric in each arm, with its interval.

    Strata: each arm's mean is that of the strata's means weighted by the strata's shares of all customers, so that
    arms with other shares compare (post-stratification; unequal chances between strata are allowed). Clusters: whole
    units were drawn, and the variance is that between units (CR2). Covariate: one slope for all arms. All intervals are
    about customers like these: that another draw of them would have other strata and covariates is counted in.

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
    checks, override
        Of :func:`bankmkt.experiment.check`: means are withheld if one failed that is not overridden. Without, they are
        means of groups, of which :func:`best_arm` makes no claim. Checks are of the same frame, arm, strata and
        cluster; the frame that is returned keeps them in ``attrs["design"]``.
    k
        Smallest arm; and customers with (or without) an outcome other than 0 from which an arm's mean is shown.

    Returns
    -------
    pandas.DataFrame
        A row per arm: arm, n (customers with an outcome), missing (customers without; null where they are few), mean,
        ci_lower, ci_upper (95 %), variance (of the mean), df (degrees of freedom of the variance; infinite without
        clusters), covariance (with the mean of each other arm, by name: what strata and a covariate make them have in
        common), note (why its difference from another arm's is not to be trusted, if few customers have an outcome
        other than 0, or one of them makes up much of the error). What is about fewer than k customers is null.

    Raises
    ------
    SchemaError
        If a column is not there or holds no numbers.
    DataError
        If a covariate or an arm is missing, there are fewer than two arms, or a mean of a denominator is 0.
    Refused
        If a check failed or the checks are of another design, an arm has fewer than k customers with an outcome, or a
        stratum fewer than two of an arm, a unit is in several arms or strata, or winsorising leaves nothing to compare.

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
    from scipy.stats import t

    found, _ = moments(frame, metric, arm=arm, strata=strata, cluster=cluster, k=k)
    design = Design(arm, tuple(strata), cluster)
    if checks is not None:
        passed(checks, override, design, dict(zip(found["arm"], found["n"] + found["missing"], strict=True)))
    hidden = few_of(found, k)
    rows = found.to_dict("records")
    told = [dict.fromkeys(why for other in rows if other is not own for why in doubts(own, other)) for own in rows]
    found["note"] = ["; ".join(each) for each in told]
    found["missing"] = found["missing"].mask(discloses(found["missing"], found["missing"] + found["n"], k))
    reach = t.ppf((1 + LEVEL) / 2, found["df"]) * found["variance"] ** 0.5
    found["ci_lower"], found["ci_upper"] = found["mean"] - reach, found["mean"] + reach
    figures = ["mean", "ci_lower", "ci_upper", "variance"]
    found[figures] = found[figures].mask(hidden)
    out = found[["arm", "n", "missing", *figures, "df", "covariance", "note"]]
    out.attrs["design"] = design
    return out


def moments(
    frame: Any,
    metric: Metric | str,
    *,
    arm: str = "arm",
    strata: Sequence[str] = (),
    cluster: str | None = None,
    k: int = 1,
) -> tuple[pd.DataFrame, float]:
    """Return :func:`arm_means` unchecked and with nothing hidden, and the slope on the covariate.

    Further columns: some (customers whose outcome is not 0), yes_no (whether all outcomes are 0 or 1), error (the
    outcome's own variance within strata, of the mean), one (the most of it that a single customer makes up; missing
    for ratios and where units were drawn).
    """
    metric = metric if isinstance(metric, Metric) else Metric(metric)
    check_k(k)
    strata = check_columns(frame, arm, strata, cluster)
    frame = named_arms(frame, arm)
    found = in_memory if isinstance(frame, pd.DataFrame) else in_engine
    cells, counts = found(frame, metric, arm, strata, cluster)
    names = _usable(cells, counts, k)
    by_place = {(cell.arm, cell.stratum): cell for cell in cells}
    numbers = sorted({cell.stratum for cell in cells})
    sizes = np.array([[by_place[name, s].n for s in numbers] for name in names], dtype=float)
    squares = np.array([sum(by_place[name, s].squares for name in names) for s in numbers])
    size, share = sizes.sum(), sizes.sum(axis=0) / sizes.sum()
    part = sizes.sum(axis=1) / size
    each = np.array([[by_place[name, s].means for s in numbers] for name in names])
    errors = np.array([[by_place[name, s].errors for s in numbers] for name in names])
    means, error = np.einsum("s,asi->ai", share, each), np.einsum("s,asij->aij", share**2, errors)
    values, away = (np.array(column) for column in zip(*(_linear(own, metric) for own in means), strict=True))
    # how each mean's own error moves the outcome's and the covariate's value of its arm
    own = np.einsum("api,aij,aqj->apq", away, error, away)
    slope = float(own[:, 0, 1].sum() / own[:, 1, 1].sum()) if metric.covariate and own[:, 1, 1].sum() > 0 else 0.0
    before = float(part @ values[:, 1])
    gradient = away[:, 0] - slope * away[:, 1]
    off = np.einsum("api,asi->aps", away, each - means[:, None])
    drift = off[:, 0] - slope * off[:, 1] + slope * (part @ off[:, 1])
    alone = np.einsum("ai,aij,aj->a", gradient, error, gradient)
    along = slope * part * np.einsum("ai,aij,aj->a", gradient, error, away[:, 1])
    shared = (drift * squares) @ drift.T / size**2 + slope**2 * (part**2 @ own[:, 1, 1])
    covariance = np.diag(alone) + shared + along[:, None] + along
    rows = []
    for place, name in enumerate(names):
        below = sum((share[j] ** 2 * errors[place, j, 0, 0]) ** 2 / by_place[name, s].df for j, s in enumerate(numbers))
        df = float(error[place, 0, 0] ** 2 / below) if below > 0 else np.inf
        n, of_others = int(sizes[place].sum()), zip(names, covariance[place], strict=True)
        one = max((share[j] / sizes[place, j]) ** 2 * by_place[name, s].farthest for j, s in enumerate(numbers))
        rows.append({
            "arm": name, "n": n, "missing": counts[name].rows - n,
            "mean": values[place, 0] - slope * (values[place, 1] - before), "variance": covariance[place, place],
            "df": max(df - (metric.covariate is not None), 1.0),
            "covariance": {other: float(value) for other, value in of_others if other != name},
            "some": counts[name].some, "yes_no": metric.per is None and not any(c.others for c in counts.values()),
            "error": error[place, 0, 0], "one": np.nan if metric.per else one,
        })  # fmt: skip
    return pd.DataFrame(rows), slope


def few_of(found: pd.DataFrame, k: int) -> pd.Series:
    """Say in which arms of :func:`moments` fewer than k customers have an outcome other than 0, or all but so few."""
    few = found["some"].between(1, k - 1)
    return few | (found["yes_no"] & discloses(found["some"], found["n"], k))


def differences(means: pd.DataFrame, control: str) -> pd.DataFrame:
    """Compare each arm with the control.

    Parameters
    ----------
    means
        Of :func:`arm_means`; without a column covariance arms are independent.
    control
        Name of the arm that the others are compared with.

    Returns
    -------
    pandas.DataFrame
        A row per other arm: arm, estimate, se, df (Welch & Satterthwaite's; infinite without clusters), p_value (null
        where no outcome differs from another).

    Examples
    --------
    >>> means = pd.DataFrame({"arm": ["a", "b"], "mean": [1.0, 3.0], "variance": [0.5, 0.5], "df": [np.inf, np.inf]})
    >>> differences(means, "a").round(3).to_dict("records")
    [{'arm': 'b', 'estimate': 2.0, 'se': 1.0, 'df': inf, 'p_value': 0.046}]
    """
    from scipy.stats import t

    rows = means.set_index("arm")[["mean", "variance", "df"]].astype(float)
    shared = dict(means.set_index("arm")["covariance"].loc[control]) if "covariance" in means else {}
    base, other = rows.loc[control], rows.drop(index=control)
    common = pd.Series([shared.get(name, 0.0) for name in other.index], index=other.index, dtype=float)
    own, of_base = other["variance"] - common, base["variance"] - common
    variance = (own + of_base).clip(lower=0.0)
    spread = own**2 / other["df"] + of_base**2 / base["df"]
    df = np.full(len(other), np.inf)
    np.divide(variance**2, spread, out=df, where=(spread > 0).to_numpy())
    gap, se = (other["mean"] - base["mean"]).to_numpy(), np.sqrt(variance.to_numpy())
    z = np.where(gap == 0, np.nan, np.inf)
    np.divide(np.abs(gap), se, out=z, where=se > 0)
    found = {"arm": other.index, "estimate": gap, "se": se, "df": df, "p_value": 2 * t.sf(z, df)}
    return pd.DataFrame(found)


def check_columns(frame: Any, arm: str, strata: Sequence[str], cluster: str | None) -> list[str]:
    """Return the strata as a list, or raise if a column is not there or strata are none."""
    if isinstance(strata, str) or not isinstance(strata, Sequence):
        raise ParameterError("strata", strata, "a list of columns", 'such as strata=["tier"]')
    if not hasattr(frame, "columns"):
        raise ParameterError("frame", type(frame).__name__, "an Ibis table or a pandas frame", "such as a panel")
    for what, name in (("arm", arm), *(("strata", name) for name in strata), ("cluster", cluster)):
        if name is None and what == "cluster":
            continue
        if not isinstance(name, str):
            raise ParameterError(what, name, "the name of a column", "one of the frame's")
        if name not in frame.columns:
            raise SchemaError("frame has no column", name, one_of(frame.columns), "add it, or name another")
    if isinstance(frame, pd.DataFrame) and not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()]
        raise SchemaError("frame has two columns", str(twice[0]), "each name once", "rename one, or leave it out")
    return list(strata)


def _usable(cells: list[Cell], counts: dict[Any, Count], k: int) -> list[Any]:
    """Return the arms in order, or raise if they cannot be compared."""
    if any(pd.isna(name) for name in counts):
        raise DataError("arm", "missing for some customers", "an arm for everybody", "leave those without an arm out")
    if len(counts) < 2:
        raise DataError("arms", [str(name) for name in counts], "two or more", "compare with a control arm")
    names = sorted(counts)
    if min(sum(cell.n for cell in cells if cell.arm == name) for name in names) < k:
        raise Refused(
            f"fewer than k = {k} customers with an outcome in an arm",
            todo="compare a larger unit or a longer campaign",
        )
    strata = {cell.stratum for cell in cells}
    if sum(cell.lots >= 2 for cell in cells) < max(len(strata), 1) * len(counts):
        raise Refused(
            "a stratum has fewer than two customers or units of an arm with an outcome",
            todo="join small strata, or leave out those that have not all arms",
        )
    return names


def _linear(means: Floats, metric: Metric) -> tuple[tuple[float, float], Floats]:
    """Return the outcome's and the covariate's value, and how they move with the four means."""
    y, d, x, e = means
    if (metric.per and not d) or (metric.covariate_per and not e):
        raise DataError(
            f"mean of {metric.per if not d else metric.covariate_per}", 0, "another", "choose another ratio"
        )
    return (y / d, x / e), np.array([[1 / d, -y / d**2, 0, 0], [0, 0, 1 / e, -x / e**2]])


def named_arms(frame: Any, arm: str) -> Any:
    """Return the frame with arms as texts: those that are yes/no are control and treatment."""
    if arm not in getattr(frame, "columns", ()):
        return frame
    if isinstance(frame, pd.DataFrame):
        kind = frame[arm].dtype
        if pd.api.types.is_bool_dtype(kind):
            names = frame[arm].astype(object).map({True: "treatment", False: "control"})
        elif pd.api.types.is_integer_dtype(kind):
            names = frame[arm].astype(object).map(str, na_action="ignore")
        else:
            return frame
        return frame.assign(**{arm: names})
    kind = frame[arm].type()
    if kind.is_boolean():
        import ibis

        return frame.mutate(**{arm: ibis.cases((frame[arm], "treatment"), (~frame[arm], "control"))})
    return frame.mutate(**{arm: frame[arm].cast("string")}) if kind.is_integer() else frame
