"""The effects of several arms on several metrics, in one frame: checked first, and corrected for their number."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import LEVEL, holm
from bankmkt.errors import ParameterError, one_of
from bankmkt.experiment.arms import differences, few_of, moments, named_arms
from bankmkt.experiment.check import check
from bankmkt.experiment.comparison import ratio_interval
from bankmkt.experiment.few import doubts
from bankmkt.experiment.metric import Metric
from bankmkt.privacy import K

COLUMNS = (
    "metric", "arm", "n", "n_control", "mean", "mean_control", "estimate", "se", "ci_lower", "ci_upper", "relative",
    "relative_ci_lower", "relative_ci_upper", "p_value", "p_adjusted", "note", "override",
)  # fmt: skip


def effects(
    frame: Any,
    metrics: Mapping[str, Metric | str] | Sequence[Metric | str],
    *,
    arm: str = "arm",
    control: str = "control",
    strata: Sequence[str] = (),
    cluster: str | None = None,
    planned: Mapping[str, float] | None = None,
    covariates: Sequence[str] | None = None,
    before: Sequence[str] | None = None,
    reached: Sequence[str] = (),
    units: str | None = None,
    override: Sequence[str] = (),
    k: int = K,
) -> pd.DataFrame:
    """Estimate what each arm changed in each metric, after checking that the experiment is one.

    Parameters
    ----------
    frame
        Ibis table or pandas frame, a row per customer. Of an Ibis table the engine computes the means; the
        checks read the columns that they need in parts.
    metrics
        Columns or :class:`Metric`, by name or in a list.
    arm, control, strata, cluster, planned, covariates, reached, units
        As in :func:`bankmkt.experiment.check`; estimates are within ``strata``, and intervals as wide as lots drawn by
        whole units make them.
    before
        Columns for the placebo; by default the metrics' covariates.
    override
        Names of checks whose failure is put up with; the column of that name and the note say so.
    k
        Smallest arm; and customers with an outcome other than 0 (or without, if it is yes/no) from which an arm's mean
        is shown.

    Returns
    -------
    pandas.DataFrame
        A row per metric and arm but the control: metric, arm, n, n_control (customers with an outcome), mean,
        mean_control (adjusted where there are strata or a covariate), estimate (their difference), se, ci_lower,
        ci_upper (95 %), relative (estimate by the control's mean; null unless that is positive) with
        relative_ci_lower and relative_ci_upper (Fieller's), p_value, p_adjusted (Holm's, over all rows: the chance of
        any false finding stays below 5 %; the intervals are 95 % each, so that one may leave 0 out where p_adjusted is
        above .05), note (how the metric is taken; whether it is withheld, rests on one customer, or its interval may be
        too narrow), override.

    Raises
    ------
    Refused
        If a check fails that is not overridden, or an arm is too small.
    ParameterError, SchemaError, DataError
        If an argument is not as described.

    Notes
    -----
    Customers without an outcome (or a ratio's denominator) are left out; that arms lose alike is checked. Without
    strata, clusters and winsorising the differences are those of tea-tasting's ``Mean`` and ``RatioOfMeans``, but that
    CUPED's slope is the one that makes the difference most exact (it weighs the arms by their variances). With strata
    the interval is that of the effect on customers like these, not on this very mixture of strata. Fieller (1954),
    JRSS B 16; the arms' means have the covariate's and the strata's error in common, which is counted in.
    Outcomes that few customers have and that are skewed (money of fewer than 200 buyers an arm) have intervals that
    may hold the truth in fewer than 95 %; the note says so.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> people = pd.DataFrame({"arm": rng.choice(["control", "mail", "call"], 3000)})
    >>> people["visits"] = rng.poisson(2.0 + 0.3 * (people["arm"] == "call"))
    >>> found = effects(people, ["visits"], planned={"control": 1 / 3, "mail": 1 / 3, "call": 1 / 3})
    >>> found.set_index("arm")[["estimate", "p_adjusted"]].round(2).to_dict("index")
    {'call': {'estimate': 0.23, 'p_adjusted': 0.0}, 'mail': {'estimate': -0.05, 'p_adjusted': 0.48}}
    """
    named, control = _named(metrics), str(control)
    if before is None:
        before = sorted({metric.covariate for metric in named.values() if metric.covariate})
    outcomes = sorted({name for metric in named.values() for name in (metric.outcome, metric.per) if name})
    despite = check(
        frame, arm=arm, control=control, planned=planned, strata=strata, cluster=cluster, covariates=covariates,
        before=before, outcomes=outcomes, reached=reached, units=units, k=k,
    ).gate(override)  # fmt: skip
    people = named_arms(frame, arm)
    rows = []
    for name, metric in named.items():
        means, _ = moments(people, metric, arm=arm, strata=strata, cluster=cluster, k=k)
        rows += _rows(name, metric, means, control, k)
    found = pd.DataFrame(rows)
    found["p_adjusted"] = holm(found["p_value"])
    found["override"] = despite
    return found[list(COLUMNS)]


def _named(metrics: Any) -> dict[str, Metric]:
    usual = 'such as ["logins"] or {"spending": Metric("spend", covariate="spend_3")}'
    if isinstance(metrics, str) or not isinstance(metrics, Mapping | Sequence) or not metrics:
        raise ParameterError("metrics", metrics, "a list of columns or a mapping", usual)
    pairs = metrics.items() if isinstance(metrics, Mapping) else ((_name(given), given) for given in metrics)
    named = {}
    for name, given in pairs:
        if not isinstance(given, Metric | str):
            raise ParameterError("metrics", given, "columns or Metric", usual)
        if name in named:
            raise ParameterError("metrics", name, "each name once", "pass a mapping of names")
        named[str(name)] = given if isinstance(given, Metric) else Metric(given)
    return named


def _name(given: Any) -> str:
    return given.outcome if isinstance(given, Metric) else str(given)


def _rows(name: str, metric: Metric, means: pd.DataFrame, control: str, k: int) -> list[dict[str, Any]]:
    from scipy.stats import t

    if control not in set(means["arm"]):
        raise ParameterError("control", control, one_of(means["arm"]), "name the arm that was left alone")
    hidden = dict(zip(means["arm"], few_of(means, k), strict=True))
    arms = means.set_index("arm").to_dict("index")
    base = arms[control]
    rows = []
    for found in differences(means, control).to_dict("records"):
        own = arms[found["arm"]]
        row = {"metric": name, "arm": found["arm"], "n": own["n"], "n_control": base["n"]}
        if hidden[found["arm"]] or hidden[control]:
            few = f"withheld: the outcome of fewer than k = {k} customers of an arm is not 0 (or is 0)"
            rows.append({**dict.fromkeys(COLUMNS, np.nan), **row, "note": few})
            continue
        notes = ([metric.note] if metric.note else []) + doubts(own, base)
        if not found["se"] > 0:
            notes.append("no interval: no outcome differs from another of its arm")
        reach = float(t.ppf((1 + LEVEL) / 2, found["df"])) if found["se"] > 0 else np.nan
        each = own["mean"], own["variance"] ** 0.5, base["mean"], base["variance"] ** 0.5
        times = ratio_interval(*each, reach, own["covariance"][control])
        relative = dict(zip(("relative", "relative_ci_lower", "relative_ci_upper"), np.subtract(times, 1), strict=True))
        rows.append({
            **row, "mean": own["mean"], "mean_control": base["mean"], "estimate": found["estimate"], "se": found["se"],
            "ci_lower": found["estimate"] - reach * found["se"], "ci_upper": found["estimate"] + reach * found["se"],
            **relative, "p_value": found["p_value"] if found["se"] > 0 else np.nan, "note": "; ".join(notes),
        })  # fmt: skip
    return rows
