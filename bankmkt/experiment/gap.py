"""Why participants outgrow the others: the gap between them, taken apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, one_of
from bankmkt.experiment.comparison import INDICATORS
from bankmkt.experiment.did import BEFORE, MIDDLE_OF_YEAR, levels_before, trend_reach
from bankmkt.experiment.estimate import (
    Estimate,
    column,
    groups,
    local,
    mean_difference,
    normal_interval,
    numbers,
    outcome_values,
    standard_error,
)
from bankmkt.experiment.given import whole
from bankmkt.experiment.nuisance import design
from bankmkt.experiment.observational import doubly_robust
from bankmkt.experiment.panel import CATEGORICAL, COVARIATES
from bankmkt.experiment.truth import potential_outcomes
from bankmkt.privacy import K

PARTS = {
    "effect": "true effect",
    "mean_reversion": "regression to the mean",
    "trend": "prior trend",
    "traits": "observed self-selection",
    "hidden": "hidden self-selection",
}
"""Parts of the gap, in order, and their names for readers."""

TRAITS = (
    "transactions_3", "salary_3", "spend_3", "inflow_3", "outflow_3", "contacts_90", "tenure_months", "app_months",
    "age", "risk_level", "is_payroll", "has_car", "has_home", "has_manager", *CATEGORICAL,
)  # fmt: skip


def decompose(
    panel: Any,
    outcome: str,
    *,
    truth: pd.DataFrame | None = None,
    adjusted: Estimate | None = None,
    covariates: Sequence[str] = COVARIATES,
    seed: int = 7,
    k: int = K,
) -> pd.DataFrame:
    """Split the difference between participants and others into what made it; the parts add up to it exactly.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`.
    outcome
        Column of the panel.
    truth
        Of :func:`bankmkt.experiment.truth_of`; without it the effect is the doubly robust estimate, and hidden
        self-selection stays inside it.
    adjusted
        A doubly robust estimate (ATT) of the same panel and outcome; made if not given.
    covariates, seed
        For making it.
    k
        Smallest group that is compared.

    Returns
    -------
    pandas.DataFrame
        One row per part: ``part``, ``label``, ``value``, ``ci_low``, ``ci_high`` (95 %, as if customers were drawn
        from many like them), ``share`` of the gap; the last row is the gap itself (``part`` is ``"gap"``).

        - **true effect**: of taking part, on participants;
        - **regression to the mean**: they stood above or below their own year's line at the start, and would have
          come back without the campaign;
        - **prior trend**: they were on a steeper line already, and would have gone on;
        - **observed self-selection**: all other differences that the covariates show;
        - **hidden self-selection**: what they do not show, so that no method without an experiment removes it.

    Raises
    ------
    ParameterError
        If ``adjusted`` is of another outcome or target.
    Refused
        As :func:`bankmkt.experiment.doubly_robust`.

    Notes
    -----
    A linear model of the outcome among non-participants prices the difference in each covariate, as in Oaxaca (1973)
    and Blinder (1973). Every part is asymptotically linear, so its interval follows from its influence function.
    """
    frame = local(panel)
    joined, y = groups(frame, "participated", k), outcome_values(frame, outcome)
    x, kinds = _history(frame)
    if adjusted is None:
        adjusted = doubly_robust(frame, outcome, covariates=covariates, seed=seed, k=k)
    if not isinstance(adjusted, Estimate) or adjusted.influence is None or len(adjusted.influence) != len(frame):
        raise ParameterError("adjusted", type(adjusted).__name__, "an estimate of this panel", "leave it out")
    if adjusted.target != "ATT" or adjusted.outcome != outcome:
        raise ParameterError("adjusted", adjusted.method, f"doubly_robust(panel, {outcome!r})", "leave it out")
    parts = {part: _priced(x, kinds == part, y, joined) for part in ("mean_reversion", "trend")}
    gap = mean_difference(y, joined)
    robust = (adjusted.estimate, adjusted.influence)
    known = robust
    if truth is not None:
        y0, y1 = potential_outcomes(frame, truth, outcome)
        effect = (y1 - y0)[joined].mean()
        known = (effect, np.where(joined, y1 - y0 - effect, 0.0) / joined.mean())
        parts["hidden"] = _minus(robust, known)
    parts["effect"] = known
    parts["traits"] = _minus(gap, robust, parts["mean_reversion"], parts["trend"])
    rows = [(part, label, *parts[part]) for part, label in PARTS.items() if part in parts]
    rows.append(("gap", "participants − others", *gap))
    table = pd.DataFrame([_row(part, label, value, influence) for part, label, value, influence in rows])
    table["share"] = table["value"] / gap[0] if gap[0] else np.nan
    if truth is None:
        table.loc[table["part"] == "effect", "label"] = "effect (doubly robust)"
    return table


Linear = tuple[float, np.ndarray]
"""A number and each customer's influence on it."""


def _row(part: str, label: str, value: float, influence: np.ndarray) -> dict[str, Any]:
    low, high = normal_interval(value, standard_error(influence))
    return {"part": part, "label": label, "value": float(value), "ci_low": low, "ci_high": high}


def _minus(first: Linear, *others: Linear) -> Linear:
    return first[0] - sum(o[0] for o in others), first[1] - sum(o[1] for o in others)


def history(frame: pd.DataFrame, indicator: str) -> dict[str, np.ndarray]:
    """Describe a customer's year before the campaign by a level, a slope and the distance from that line.

    Parameters
    ----------
    frame
        The panel.
    indicator
        ``"aum"``, ``"products"`` or ``"logins"``.

    Returns
    -------
    dict
        ``level``: mean over the year; ``slope`` a month, from the means of its halves; ``deviation``: latest level
        before the campaign less where the line stood then.
    """
    outcome = INDICATORS[indicator][-1]
    latest, level = levels_before(frame, outcome)
    half = numbers(frame, f"{indicator}_mean_6")
    slope = (np.where(np.isnan(half), latest, half) - level) / 3
    return {"level": level, "slope": slope, "deviation": latest - level - _lead(outcome) * slope}


def _lead(outcome: str) -> float:
    """Return the months from the middle of the year before to the latest level before the campaign."""
    return BEFORE[outcome][2] - MIDDLE_OF_YEAR


def _history(frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the linear model's covariates and the part of the gap that each belongs to."""
    names = {"level": "traits", "slope": "trend", "deviation": "mean_reversion"}
    data, part = pd.DataFrame({name: column(frame, name) for name in TRAITS}), dict.fromkeys(TRAITS, "traits")
    for indicator in INDICATORS:
        for name, values in history(frame, indicator).items():
            data[f"{indicator}_{name}"] = values
            part[f"{indicator}_{name}"] = names[name]
    x = design(data, list(data.columns))
    return x, np.array([part[c.split("=")[0]] for c in x.columns])


def _priced(x: pd.DataFrame, inside: np.ndarray, y: np.ndarray, joined: np.ndarray) -> Linear:
    """Price the groups' difference in some covariates at what these are worth to non-participants."""
    values, share = x.to_numpy(), joined.mean()
    full = np.column_stack([np.ones(len(y)), values])
    worth, inverse = _least_squares(full[~joined], y[~joined])
    chosen = np.concatenate([[False], inside])
    mean_1, mean_0 = full[joined].mean(axis=0), full[~joined].mean(axis=0)
    difference = np.where(chosen, mean_1 - mean_0, 0.0)
    price = np.where(chosen, worth, 0.0)
    residual = np.where(joined, 0.0, y - full @ worth)
    from_means = np.where(joined, (full - mean_1) @ price / share, -((full - mean_0) @ price) / (1 - share))
    return float(difference @ worth), from_means + (full @ (inverse @ difference)) * residual / (1 - share)


def _least_squares(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients and the inverse of the mean cross-product, both of least norm."""
    inverse = np.linalg.pinv(x.T @ x / len(y), hermitian=True)
    return inverse @ (x.T @ y) / len(y), inverse


def left_over(panel: Any, parts: pd.DataFrame, outcome: str, *, months: int, k: int = K) -> pd.DataFrame:
    """Say how much of each part of the gap remains in each method's answer.

    Parameters
    ----------
    panel, k
        As in :func:`decompose`.
    outcome
        ``"aum_change"``, ``"products_change"`` or ``"logins"``.
    parts
        Of :func:`decompose`.
    months
        Length of the outcome window.

    Returns
    -------
    pandas.DataFrame
        One row per method, in units of the outcome: the column ``effect``, one for each other part of
        :data:`PARTS` in ``parts`` (what is left of it, 0 if the method removes it), and ``estimate``, their sum.

    Raises
    ------
    ParameterError
        If the outcome has no level before the campaign.
    Refused
        If a group has fewer than ``k`` customers.

    Notes
    -----
    Difference-in-differences judges a customer by the outcome less the own average of the year before. That takes
    the same multiple of everybody's level, slope and deviation off, whatever they are worth, so it removes a part
    only where the multiple happens to fit.
    """
    frame = local(panel)
    joined = groups(frame, "participated", k)
    months = whole("months", months, 1)
    if outcome not in tuple(BEFORE):
        raise ParameterError("outcome", outcome, one_of(BEFORE), "choose an outcome that has a level before")
    indicator = next(name for name, terms in INDICATORS.items() if terms[-1] == outcome)
    shape = {name: mean_difference(v, joined)[0] for name, v in history(frame, indicator).items()}
    reach, lead, logins = trend_reach(outcome, months), _lead(outcome), outcome == "logins"
    moved = 0.0 if logins else 1.0  # outcomes that are changes since the baseline
    rows = {}
    value = parts.set_index("part")["value"]
    for method, multiple in (
        ("difference-in-differences", moved),
        ("difference-in-differences, trend removed", moved - reach),
    ):
        row = value.drop("gap").copy()
        row["mean_reversion"] += multiple * shape["deviation"]
        row["trend"] += multiple * lead * shape["slope"]
        row["traits"] -= shape["level"] if logins else 0.0
        rows[method] = row
    clean = value.drop("gap") * 0
    clean["effect"] = value["effect"]
    robust = clean.copy()
    if "hidden" in value:
        robust["hidden"] = value["hidden"]
    table = pd.DataFrame({"participants − others": value.drop("gap"), **rows, "doubly robust": robust}).T
    table = table[[part for part in PARTS if part in table]]
    table["estimate"] = table.sum(axis=1)
    return table.rename_axis("method").reset_index()
