"""The effect of a randomised campaign: of being invited, and of taking part."""

from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import Z
from bankmkt.errors import ParameterError, Refused
from bankmkt.experiment.estimate import Estimate, column, groups, local, mean_difference, outcome_values
from bankmkt.privacy import K

SRM_P = 0.001
"""A split less likely than this under the planned shares is not the planned randomisation."""

WEAK_F = 10.0
"""A first stage with a smaller F says too little about participation (Staiger & Stock 1997, Econometrica 65)."""


def check(panel: Any, *, planned_share: float | None = None, k: int = K) -> dict[str, float]:
    """Test whether the arms have the sizes that the randomisation planned (sample-ratio mismatch).

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`; ``treated`` says who was invited.
    planned_share
        Share of customers to be invited; by default read from ``propensity``, the recorded probability of each
        customer's own arm (arms that are not in the panel are left out of account).
    k
        Smallest arm.

    Returns
    -------
    dict
        ``treated``, ``control`` (customers), ``planned_share``, ``p_value``.

    Raises
    ------
    Refused
        If the p-value is below :data:`SRM_P`, an arm has fewer than ``k`` customers, the chance of an invitation
        differed between customers, or no share is given or recorded.
    ParameterError
        If an argument is outside what is described.

    Examples
    --------
    >>> check(pd.DataFrame({"treated": [True, False] * 20, "propensity": 0.5}))
    {'treated': 20, 'control': 20, 'planned_share': 0.5, 'p_value': 1.0}
    """
    from scipy.stats import binomtest

    frame = local(panel)
    treated = groups(frame, "treated", k)
    if planned_share is None:
        planned_share = _recorded_share(frame, treated)
    if not 0 < planned_share < 1:
        raise ParameterError("planned_share", planned_share, "a share between 0 and 1", "pass 0.5 for halves")
    p_value = float(binomtest(int(treated.sum()), len(treated), planned_share).pvalue)
    if p_value < SRM_P:
        raise Refused(
            "share of customers invited", round(float(treated.mean()), 4), f"{planned_share:.4g} (p = {p_value:.1e})",
            "find out who is missing from an arm before reading any effect",
        )  # fmt: skip
    sizes = {"treated": int(treated.sum()), "control": int((~treated).sum())}
    return {**sizes, "planned_share": planned_share, "p_value": p_value}


def _recorded_share(frame: pd.DataFrame, treated: np.ndarray) -> float:
    own = column(frame, "propensity").to_numpy(float, na_value=np.nan)
    if np.isnan(own).any():
        raise Refused("the planned share is not recorded", todo="record propensities, or pass planned_share")
    for arm in (own[treated], own[~treated]):
        if np.ptp(arm) > 1e-6:
            raise Refused(
                "propensity", f"{arm.min():.3g} to {arm.max():.3g}", "the same for every customer of an arm",
                "use doubly_robust with the recorded propensities",
            )  # fmt: skip
    invited, not_invited = own[treated][0], own[~treated][0]
    return float(invited / (invited + not_invited))


def effect(
    panel: Any,
    outcome: str,
    *,
    covariate: str | None = None,
    planned_share: float | None = None,
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
    planned_share, k
        As in :func:`check`, which is run first.

    Returns
    -------
    Estimate
        Of target ITT.

    Raises
    ------
    Refused, ParameterError
        As :func:`check`.

    Notes
    -----
    CUPED: Deng, Xu, Kohavi & Walker (2013), WSDM.
    """
    import tea_tasting as tt

    frame = local(panel)
    arms = check(frame, planned_share=planned_share, k=k)
    treated, y = groups(frame, "treated", k), outcome_values(frame, outcome)
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
    note = "of the invitation, whoever took part"
    return Estimate(
        "randomised: invited − not invited", outcome, "ITT", float(result.effect_size), se, low, high,
        int(arms["treated"]), int(arms["control"]), note, mean_difference(adjusted, treated)[1],
    )  # fmt: skip


def complier_effect(
    panel: Any,
    outcome: str,
    *,
    covariate: str | None = None,
    planned_share: float | None = None,
    k: int = K,
) -> Estimate:
    """Estimate the effect of taking part, from a randomised campaign that some of the invited ignore.

    The effect of the invitation on the outcome over its effect on taking part (Wald; two-stage least squares with a
    robust interval). It holds for those who take part when invited, if the invitation works through taking part only.

    Parameters
    ----------
    panel, outcome, covariate, planned_share, k
        As in :func:`effect`.

    Returns
    -------
    Estimate
        Of target CACE.

    Raises
    ------
    Refused
        If a customer took part without being invited, too few of the invited took part (first-stage F below
        :data:`WEAK_F`), or :func:`check` refuses.
    ParameterError
        As :func:`check`.

    Notes
    -----
    Source: Imbens & Angrist (1994), Econometrica 62. The interval is the delta method's, equal to two-stage least
    squares with HC0 errors.
    """
    frame = local(panel)
    check(frame, planned_share=planned_share, k=k)
    treated, y = groups(frame, "treated", k), outcome_values(frame, outcome)
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
    note = f"{share} of the invited took part"
    return Estimate.from_influence(
        "randomised: taking part", outcome, "CACE", effect_size, influence, int(treated.sum()), note
    )


def _less_explained(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return y less the part that x explains linearly, keeping the mean."""
    centred = x - x.mean()
    return y - centred * (centred @ y) / (centred @ centred)
