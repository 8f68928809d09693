"""What really happened in a synthetic bank: the only code of this package that reads the table ``truth``."""

from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, SchemaError, one_of
from bankmkt.experiment.estimate import TARGETS, column, local
from bankmkt.experiment.window import campaign


def truth_of(bank: Any, name: str) -> pd.DataFrame | None:
    """Return both potential outcomes of a campaign's customers, if the bank knows them.

    Parameters
    ----------
    bank
        An open bank.
    name
        Name of the campaign.

    Returns
    -------
    pandas.DataFrame or None
        ``customer_id``, ``outcome``, ``y0``, ``y1``; None for a bank without the table ``truth``, like any real one.
    """
    if not bank.has("truth"):
        return None
    plan = campaign(bank, name)
    t = bank.truth
    return t.filter(t.campaign_id == plan.campaign_id).select("customer_id", "outcome", "y0", "y1").to_pandas()


def potential_outcomes(panel: Any, truth: pd.DataFrame, outcome: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the outcome without and with the treatment in the row order of the panel.

    Raises
    ------
    SchemaError
        If a customer of the panel has no truth.
    """
    frame = local(panel)
    rows = truth[truth["outcome"] == outcome].set_index("customer_id")
    both = rows.reindex(column(frame, "customer_id"))[["y0", "y1"]].to_numpy(float)
    if np.isnan(both).any():
        raise SchemaError(
            f"truth of {outcome}", "incomplete", "a row per customer of the campaign", "restore the table"
        )
    return both[:, 0], both[:, 1]


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
    if target not in TARGETS:
        raise ParameterError("target", target, one_of(TARGETS), "pass target='ATT'")
    frame = local(panel)
    y0, y1 = potential_outcomes(frame, truth, outcome)
    over = np.ones(len(frame), dtype=bool)
    if target in ("ATT", "CACE"):
        over = column(frame, "participated").to_numpy(dtype=bool)
    return float((y1 - y0)[over].mean())
