"""What really happened in a synthetic bank: with funnel.incremental the only code that reads the table ``truth``."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.bank import check_bank
from bankmkt.errors import ParameterError, SchemaError, one_of
from bankmkt.experiment.comparison import INDICATORS, relative_change
from bankmkt.experiment.estimate import TARGETS, Estimate, column, groups, local, numbers, to_frame, yes_no
from bankmkt.experiment.window import campaign
from bankmkt.privacy import K
from bankmkt.schema import TABLES


def truth_of(bank: Any, name: int | str, columns: Sequence[str] = ("y0", "y1")) -> pd.DataFrame | None:
    """Return both potential outcomes of a campaign's customers, if the bank knows them.

    Parameters
    ----------
    bank
        An open bank.
    name
        Name of the campaign, or its number.
    columns
        Of the arms: ``y1_b`` and ``y1_c`` too, if the bank has campaigns with more of them.

    Returns
    -------
    pandas.DataFrame or None
        ``customer_id``, ``outcome`` and ``columns``; None for a bank without the table ``truth``, like any real one.

    Raises
    ------
    ParameterError
        If ``bank`` is no bank or has no such campaign.
    SchemaError
        If the table lacks a column.
    """
    if not check_bank(bank).has("truth"):
        return None
    plan = campaign(bank, name)
    t = bank.truth
    if missing := [c for c in columns if c not in t.columns]:
        raise SchemaError("truth has no column", missing[0], one_of(t.columns), "restore the table")
    return bank.frame(t.filter(t.campaign_id == plan.campaign_id).select("customer_id", "outcome", *columns))


def potential_outcomes(panel: Any, truth: pd.DataFrame, outcome: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the outcome without and with the treatment in the row order of the panel.

    Raises
    ------
    SchemaError
        If a customer of the panel has no truth.
    """
    frame = local(panel)
    rows = check_truth(truth)
    rows = rows[rows["outcome"] == outcome].set_index("customer_id")
    if rows.index.has_duplicates:
        raise SchemaError(f"truth of {outcome}", "two rows of a customer", "one each", "restore the table")
    both = rows.reindex(column(frame, "customer_id"))[["y0", "y1"]].to_numpy(float)
    if np.isnan(both).any():
        raise SchemaError(
            f"truth of {outcome}", "incomplete", "a row per customer of the campaign", "restore the table"
        )
    return both[:, 0], both[:, 1]


def check_truth(truth: Any) -> pd.DataFrame:
    """Return the truth, after checking that it is some.

    Raises
    ------
    ParameterError, SchemaError
        If it is no frame, or lacks a column.
    """
    if not isinstance(truth, pd.DataFrame):
        raise ParameterError("truth", type(truth).__name__, "a frame of truth_of(bank, name)", "pass it")
    needed = ("customer_id", "outcome", "y0", "y1")
    for name in needed:
        if name not in truth.columns:
            raise SchemaError("truth has no column", name, f"the columns {', '.join(needed)}", "see truth_of")
    for name in needed[2:]:
        numbers(truth, name)
    return truth


def outcomes_by_arm(bank: Any, name: int | str, panel: Any, outcome: str, arms: Sequence[str]) -> pd.DataFrame | None:
    """Return the outcome of a campaign's customers in each arm, in the row order of the panel.

    Parameters
    ----------
    bank, name
        As of :func:`truth_of`.
    panel
        Of :func:`bankmkt.experiment.panel`.
    outcome
        Column of the panel.
    arms
        The control, then treated arms: ``"treatment"`` (or whatever the only one is called), ``"treatment_b"``,
        ``"treatment_c"``.

    Returns
    -------
    pandas.DataFrame or None
        A column per arm; None for a bank without the table ``truth``, like any real one.

    Raises
    ------
    SchemaError
        If a customer of the panel has no truth of an arm.
    """
    known = dict(zip(TABLES["assignments"]["arm"].values[1:-1], ("y1", "y1_b", "y1_c"), strict=True))
    columns = ["y0", *(known.get(arm, "y1") for arm in arms[1:])]
    truth = truth_of(bank, name, columns)
    if truth is None:
        return None
    frame = truth[truth["outcome"] == outcome].set_index("customer_id")
    found = frame.reindex(column(local(panel), "customer_id"))[columns].set_axis(list(arms), axis=1)
    if found.isna().any(axis=None):
        todo = "restore the table"
        raise SchemaError(f"truth of {outcome}", "incomplete", "a row per customer of the campaign", todo)
    return found.astype(float).reset_index(drop=True)


def true_effect(panel: Any, truth: pd.DataFrame, outcome: str, target: str) -> float:
    """Return the effect that an estimate is after, averaged over the very customers of the panel.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`.
    truth
        Of :func:`truth_of`, for the same campaign.
    outcome
        Column of the panel.
    target
        ``"ATT"`` over participants; ``"ATE"`` and ``"ITT"`` over everybody; ``"CACE"`` over participants too, who in
        a randomised campaign are the invited that took part.

    Returns
    -------
    float
        Mean of ``y1 - y0``.

    Raises
    ------
    ParameterError, SchemaError
        If the target is unknown or truth is incomplete.

    Examples
    --------
    >>> panel = pd.DataFrame({"customer_id": [1, 2], "participated": [True, False]})
    >>> truth = pd.DataFrame({"customer_id": [1, 2], "outcome": "logins", "y0": [1.0, 1.0], "y1": [3.0, 2.0]})
    >>> true_effect(panel, truth, "logins", "ATT"), true_effect(panel, truth, "logins", "ITT")
    (2.0, 1.5)
    """
    if target not in tuple(TARGETS):
        raise ParameterError("target", target, one_of(TARGETS), "pass target='ATT'")
    frame = local(panel)
    y0, y1 = potential_outcomes(frame, truth, outcome)
    over = np.ones(len(frame), dtype=bool)
    if target in ("ATT", "CACE"):
        over = yes_no(frame, "participated")
    return float((y1 - y0)[over].mean())


def beside_truth(estimates: Sequence[Estimate], panel: Any, truth: pd.DataFrame | None) -> pd.DataFrame:
    """Put estimates of one panel beside what really happened.

    Parameters
    ----------
    estimates
        Of one panel, like :func:`bankmkt.experiment.doubly_robust`.
    panel
        The panel they were made from.
    truth
        Of :func:`truth_of`; None if unknown.

    Returns
    -------
    pandas.DataFrame
        A row per estimate, without its influence; with truth also ``truth``, ``error`` (estimate less truth) and
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


def true_multiple(panel: Any, truth: pd.DataFrame, *, k: int = K) -> pd.DataFrame:
    """Return how many times faster participants grew than the same customers would have without the campaign.

    The published ratio compares participants with others; this compares them with themselves.

    Parameters
    ----------
    panel, k
        As in :func:`bankmkt.experiment.compare`.
    truth
        Of :func:`truth_of`.

    Returns
    -------
    pandas.DataFrame
        One row per indicator that the bank has data on: ``indicator``, ``label``, ``growth_with``, ``growth_without``
        and their ratio ``multiple`` (missing if growth without the campaign is not positive).

    Raises
    ------
    Refused, SchemaError
        If there are fewer than ``k`` participants, or truth is incomplete.
    """
    frame = local(panel)
    joined = groups(frame, "participated", k)
    rows = []
    for name, (label, _, before, _, _, _, outcome) in INDICATORS.items():
        if np.isnan(numbers(frame, outcome)).all():
            continue
        first = numbers(frame, before)
        start = 0.0 if outcome == "logins" else first
        without, with_ = (
            relative_change(first[joined], (start + y)[joined])[0] for y in potential_outcomes(frame, truth, outcome)
        )
        multiple = with_ / without if without > 0 else np.nan
        rows.append(
            {"indicator": name, "label": label, "growth_with": with_, "growth_without": without, "multiple": multiple}
        )
    return pd.DataFrame(rows)
