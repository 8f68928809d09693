"""The effect of a randomised campaign: of being invited, and of taking part."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import Z
from bankmkt.errors import ParameterError, Refused
from bankmkt.experiment.check import check
from bankmkt.experiment.estimate import Estimate, column, groups, local, mean_difference, outcome_values
from bankmkt.privacy import K

WEAK_F = 10.0
"""A first stage with a smaller F says too little about participation (Staiger & Stock 1997, Econometrica 65)."""


def effect(
    panel: Any,
    outcome: str,
    *,
    covariate: str | None = None,
    planned_share: float | None = None,
    override: Sequence[str] = (),
    k: int = K,
) -> Estimate:
    """Estimate the effect of being invited, from a randomised campaign.

    The difference in mean outcome between the arms as assigned, whoever took part (intention to treat), by
    tea-tasting's Welch test; with a ``covariate`` from before the campaign, of the outcome less what the covariate
    explains (CUPED), which narrows the interval and moves the estimate by chance only.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`.
    outcome
        Column of the panel.
    covariate
        Column known before the campaign.
    planned_share
        Share of customers to be invited; by default that which ``propensity`` records.
    override
        Checks whose failure is put up with; the estimate's note says so.
    k
        Smallest arm.

    Returns
    -------
    Estimate
        Of target ITT.

    Raises
    ------
    Refused
        If a check fails that is not overridden (:func:`bankmkt.experiment.check`: sizes of the arms, balance of the
        panel's covariates, ``covariate`` as placebo), an arm is too small or an outcome missing.
    ParameterError
        If an argument is outside what is described.

    Notes
    -----
    CUPED: Deng, Xu, Kohavi & Walker (2013), WSDM.
    """
    import tea_tasting as tt

    frame = local(panel)
    treated, y = groups(frame, "treated", k), outcome_values(frame, outcome)
    despite = _checked(frame, covariate, planned_share, override, k)
    data = pd.DataFrame({"variant": treated.astype(int), "y": y})
    if covariate is None:
        metric = tt.Mean("y", use_t=False)
    else:
        data["x"] = outcome_values(frame, covariate)
        metric = tt.Mean("y", covariate="x", use_t=False)
    result = tt.Experiment(y=metric).analyze(data, control=0)["y"]
    low, high = float(result.effect_size_ci_lower), float(result.effect_size_ci_upper)
    se = (high - low) / (2 * Z)
    adjusted = y if covariate is None else _less_explained(y, data["x"].to_numpy())
    note = "; ".join(filter(None, ("of the invitation, whoever took part", despite)))
    return Estimate(
        "randomised: invited − not invited", outcome, "ITT", float(result.effect_size), se, low, high,
        int(treated.sum()), int((~treated).sum()), note, mean_difference(adjusted, treated)[1],
    )  # fmt: skip


def complier_effect(
    panel: Any,
    outcome: str,
    *,
    covariate: str | None = None,
    planned_share: float | None = None,
    override: Sequence[str] = (),
    k: int = K,
) -> Estimate:
    """Estimate the effect of taking part, from a randomised campaign that some of the invited ignore.

    The effect of the invitation on the outcome over its effect on taking part (Wald; two-stage least squares with a
    robust interval). It holds for those who take part when invited, if the invitation works through taking part only.

    Parameters
    ----------
    panel, outcome, covariate, planned_share, override, k
        As in :func:`effect`.

    Returns
    -------
    Estimate
        Of target CACE.

    Raises
    ------
    Refused
        If a customer took part without being invited, too few of the invited took part (first-stage F below
        :data:`WEAK_F`), or as :func:`effect`.
    ParameterError
        As :func:`effect`.

    Notes
    -----
    Source: Imbens & Angrist (1994), Econometrica 62. The interval is the delta method's, equal to two-stage least
    squares with HC0 errors.
    """
    frame = local(panel)
    treated, y = groups(frame, "treated", k), outcome_values(frame, outcome)
    despite = _checked(frame, covariate, planned_share, override, k)
    joined = column(frame, "participated").to_numpy(dtype=bool)
    if (joined & ~treated).any():
        todo = "correct participated, or use the effect of the invitation"
        raise Refused("customers took part without being invited", todo=todo)
    d = joined.astype(float)
    uptake = d[treated].mean()
    noise = uptake * (1 - uptake) / treated.sum()
    strength = np.inf if noise == 0 and uptake > 0 else uptake**2 / noise if noise else 0.0
    if joined.sum() < k:
        raise Refused(f"fewer than k = {k} of the invited took part", todo="invite more customers")
    if strength < WEAK_F:
        raise Refused("first-stage F", round(float(strength), 1), f"at least {WEAK_F:g}", "invite more customers")
    if covariate is not None:
        y = _less_explained(y, outcome_values(frame, covariate))
    effect_size = mean_difference(y, treated)[0] / uptake
    influence = mean_difference(y - effect_size * d, treated)[1] / uptake
    stayed_out = int((treated & ~joined).sum())
    share = f"{uptake:.0%}" if stayed_out >= k else "nearly all" if stayed_out else "all"
    note = "; ".join(filter(None, (f"{share} of the invited took part", despite)))
    return Estimate.from_influence(
        "randomised: taking part", outcome, "CACE", effect_size, influence, int(treated.sum()), note
    )


def _checked(
    frame: pd.DataFrame, covariate: str | None, planned_share: float | None, override: Sequence[str], k: int
) -> str:
    """Return what was overridden of the checks, or refuse."""
    planned = None
    if planned_share is not None:
        if not 0 < planned_share < 1:
            raise ParameterError("planned_share", planned_share, "a share between 0 and 1", "pass 0.5 for halves")
        planned = {"control": 1 - planned_share, "treatment": planned_share}
    before = [covariate] if covariate else []
    return check(frame, arm="treated", planned=planned, before=before, k=k).gate(override)


def _less_explained(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return y less the part that x explains linearly, keeping the mean."""
    centred = x - x.mean()
    return y - centred * (centred @ y) / (centred @ centred)
