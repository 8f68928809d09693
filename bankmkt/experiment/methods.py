"""Every method's answer to the same question, beside the truth where it is known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.experiment.comparison import INDICATORS, relative_change
from bankmkt.experiment.did import BEFORE, difference_in_differences, naive_difference
from bankmkt.experiment.effect import complier_effect, effect
from bankmkt.experiment.estimate import Estimate, groups, local, to_frame
from bankmkt.experiment.observational import doubly_robust, propensity
from bankmkt.experiment.truth import potential_outcomes, true_effect

OUTCOMES = ("aum_change", "products_change", "logins")


def estimate_all(
    panel: Any,
    *,
    outcomes: Sequence[str] = OUTCOMES,
    months: int,
    propensities: np.ndarray | None = None,
    learner: str = "boosted",
    seed: int = 7,
    k: int = 10,
) -> list[Estimate]:
    """Estimate an open campaign's effect on participants in every way: naive, moved alike, like with like.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`.
    outcomes
        Columns of the panel.
    months
        Length of the outcome window.
    propensities, learner, seed, k
        As in :func:`bankmkt.experiment.doubly_robust`.

    Returns
    -------
    list of Estimate
        In the order of the outcomes.

    Raises
    ------
    Refused
        If a group has fewer than ``k`` customers, or the groups do not overlap.
    """
    frame = local(panel)
    chance = propensity(frame, learner=learner, seed=seed, k=k) if propensities is None else propensities
    found = []
    for outcome in outcomes:
        found.append(naive_difference(frame, outcome, k=k))
        if outcome in BEFORE:
            found.append(difference_in_differences(frame, outcome, k=k))
            found.append(difference_in_differences(frame, outcome, months=months, remove_trend=True, k=k))
        found.append(doubly_robust(frame, outcome, propensities=chance, learner=learner, seed=seed, k=k))
    return found


def estimate_randomised(panel: Any, *, outcomes: Sequence[str] = OUTCOMES, k: int = 10) -> list[Estimate]:
    """Estimate a randomised campaign's effect: of the invitation and of taking part.

    The level before the campaign serves as the covariate that narrows the intervals.

    Parameters
    ----------
    panel, outcomes, k
        As in :func:`estimate_all`.

    Returns
    -------
    list of Estimate
        Two per outcome.

    Raises
    ------
    Refused
        As :func:`bankmkt.experiment.complier_effect`.
    """
    frame = local(panel)
    found = []
    for outcome in outcomes:
        covariate = BEFORE[outcome][0] if outcome in BEFORE else None
        found.append(effect(frame, outcome, covariate=covariate, k=k))
        found.append(complier_effect(frame, outcome, covariate=covariate, k=k))
    return found


def beside_truth(estimates: Sequence[Estimate], panel: Any, truth: pd.DataFrame | None) -> pd.DataFrame:
    """Put estimates of one panel beside what really happened.

    Parameters
    ----------
    estimates
        Of :func:`estimate_all` or :func:`estimate_randomised`.
    panel
        The panel they were made from.
    truth
        Of :func:`bankmkt.experiment.truth_of`; None if unknown.

    Returns
    -------
    pandas.DataFrame
        As :func:`bankmkt.experiment.to_frame`; with truth also ``truth``, ``error`` (estimate less truth) and
        ``covers`` (whether the interval holds the truth).
    """
    table = to_frame(estimates)
    if truth is None:
        return table
    frame = local(panel)
    table["truth"] = [true_effect(frame, truth, e.outcome, e.target) for e in estimates]
    table["error"] = table["estimate"] - table["truth"]
    table["covers"] = table["truth"].between(table["ci_low"], table["ci_high"])
    return table


def true_multiple(panel: Any, truth: pd.DataFrame, *, k: int = 10) -> pd.DataFrame:
    """Return how many times faster participants grew than the same customers would have without the campaign.

    The published ratio compares participants with others; this compares them with themselves.

    Parameters
    ----------
    panel, k
        As in :func:`bankmkt.experiment.compare`.
    truth
        Of :func:`bankmkt.experiment.truth_of`.

    Returns
    -------
    pandas.DataFrame
        One row per indicator: ``indicator``, ``label``, ``growth_with``, ``growth_without`` and their ratio
        ``multiple`` (missing if growth without the campaign is not positive).

    Raises
    ------
    Refused, SchemaError
        If there are fewer than ``k`` participants, or truth is incomplete.
    """
    frame = local(panel)
    joined = groups(frame, "participated", k)
    rows = []
    for (name, (label, _, before, _, _, _)), outcome in zip(INDICATORS.items(), OUTCOMES, strict=True):
        first = frame[before].to_numpy(float)
        start = 0.0 if outcome == "logins" else first
        without, with_ = (
            relative_change(first[joined], (start + y)[joined])[0] for y in potential_outcomes(frame, truth, outcome)
        )
        multiple = with_ / without if without > 0 else np.nan
        rows.append(
            {"indicator": name, "label": label, "growth_with": with_, "growth_without": without, "multiple": multiple}
        )
    return pd.DataFrame(rows)
