"""The effect of a randomised campaign: of being invited, and of taking part."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import LEVEL
from bankmkt.errors import ParameterError, Refused
from bankmkt.experiment.arms import differences, few_of, moments
from bankmkt.experiment.check import check
from bankmkt.experiment.estimate import Estimate, groups, local, outcome_values, yes_no
from bankmkt.experiment.few import rests_on_few
from bankmkt.experiment.metric import Metric
from bankmkt.privacy import K

WEAK_F = 10.0
"""A first stage with a smaller F says too little about participation (Staiger & Stock 1997, Econometrica 65)."""

MORE = "wait for more customers, or choose another outcome"


def effect(
    panel: Any,
    outcome: str,
    *,
    covariate: str | None = None,
    strata: Sequence[str] = (),
    cluster: str | None = None,
    planned_share: float | None = None,
    reached: Sequence[str] = (),
    units: str | None = None,
    override: Sequence[str] = (),
    k: int = K,
) -> Estimate:
    """Estimate the effect of being invited, from a randomised campaign.

    The difference in mean outcome between the arms as assigned, whoever took part (intention to treat), as
    :func:`bankmkt.experiment.effects` has it; with a ``covariate`` from before the campaign, of the outcome less what
    the covariate explains (CUPED), which narrows the interval and moves the estimate by chance only.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`.
    outcome
        Column of the panel.
    covariate
        Column known before the campaign.
    strata
        Columns that lots were drawn within; chances may differ between them.
    cluster
        Column of the unit that was drawn as a whole; the estimate then has no influence values.
    planned_share
        Share of customers to be invited; by default that which ``propensity`` records.
    reached, units
        As in :func:`bankmkt.experiment.check`.
    override
        Checks whose failure is put up with; the estimate's note says so.
    k
        Smallest arm.

    Returns
    -------
    Estimate
        Of target ITT. Its note says if it rests on one customer or on five (not known where units were drawn).

    Raises
    ------
    Refused
        If a check fails that is not overridden (:func:`bankmkt.experiment.check`: sizes of the arms, balance of the
        panel's covariates, ``covariate`` as placebo), an arm is too small, fewer than k customers of one have an
        outcome other than 0 (or other than 1, if it is yes/no), or an outcome is missing.
    ParameterError
        If an argument is outside what is described.

    Notes
    -----
    CUPED: Deng, Xu, Kohavi & Walker (2013), WSDM.
    """
    from scipy.stats import t

    metric, frame = Metric(outcome, covariate=covariate), local(panel)
    treated, y = groups(frame, "treated", k), outcome_values(frame, outcome)
    lots: dict[str, Any] = {"strata": strata, "cluster": cluster}
    despite = _checked(frame, covariate, planned_share, override, {**lots, "reached": reached, "units": units, "k": k})
    means, slope = moments(frame, metric, arm="treated", **lots)
    if few_of(means, k).any():
        raise Refused(f"the {outcome} of fewer than k = {k} customers of an arm is not 0 (or is 0)", todo=MORE)
    row = differences(means, "control").iloc[0]
    size, se = float(row["estimate"]), float(row["se"])
    reach = se * float(t.ppf((1 + LEVEL) / 2, row["df"]))
    left = y if covariate is None else y - slope * outcome_values(frame, covariate)
    influence = None if cluster else _influence(left, treated, _stratum(frame, strata))[1]
    return _noted(Estimate(
        "randomised: invited − not invited", outcome, "ITT", size, se, size - reach, size + reach,
        int(treated.sum()), int((~treated).sum()), "of the invitation, whoever took part", influence,
    ), despite)  # fmt: skip


def complier_effect(
    panel: Any,
    outcome: str,
    *,
    covariate: str | None = None,
    strata: Sequence[str] = (),
    cluster: str | None = None,
    planned_share: float | None = None,
    reached: Sequence[str] = (),
    units: str | None = None,
    override: Sequence[str] = (),
    k: int = K,
) -> Estimate:
    """Estimate the effect of taking part, from a randomised campaign that some of the invited ignore.

    The effect of the invitation on the outcome over its effect on taking part (Wald; two-stage least squares with a
    robust interval). It holds for those who take part when invited, if the invitation works through taking part only.

    Parameters
    ----------
    panel, outcome, covariate, strata, cluster, planned_share, reached, units, override, k
        As in :func:`effect`.

    Returns
    -------
    Estimate
        Of target CACE, with the note of :func:`effect`.

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
    squares with HC0 errors; where whole units were drawn, with CR2 errors of the outcome less the effect of taking
    part, and t limits by the number of units.
    """
    from scipy.stats import t

    metric, frame = Metric(outcome, covariate=covariate), local(panel)
    treated, y = groups(frame, "treated", k), outcome_values(frame, outcome)
    lots: dict[str, Any] = {"strata": strata, "cluster": cluster}
    how = {**lots, "reached": reached, "units": units, "k": k}
    despite = _checked(frame, covariate, planned_share, override, how)
    joined = yes_no(frame, "participated")
    if (joined & ~treated).any():
        todo = "correct participated, or use the effect of the invitation"
        raise Refused("customers took part without being invited", todo=todo)
    d = joined.astype(float)
    stratum = _stratum(frame, strata)
    means, slope = moments(frame, metric, arm="treated", **lots)
    uptake, of_uptake = _influence(d, treated, stratum)
    noise = float(np.mean(of_uptake**2) / len(d)) if cluster is None else _by_units(frame, d, lots)[0] ** 2
    strength = np.inf if noise == 0 and uptake > 0 else uptake**2 / noise if noise else 0.0
    if joined.sum() < k:
        raise Refused(f"fewer than k = {k} of the invited took part", todo="invite more customers")
    if strength < WEAK_F:
        raise Refused("first-stage F", round(float(strength), 1), f"at least {WEAK_F:g}", "invite more customers")
    if few_of(means, k).any():
        raise Refused(f"the {outcome} of fewer than k = {k} customers of an arm is not 0 (or is 0)", todo=MORE)
    left = y if covariate is None else y - slope * outcome_values(frame, covariate)
    gap, moved = _influence(left, treated, stratum)
    effect_size = gap / uptake
    stayed_out = int((treated & ~joined).sum())
    share = f"{uptake:.0%}" if stayed_out >= k else "nearly all" if stayed_out else "all"
    note = f"{share} of the invited took part"
    method, size, invited = "randomised: taking part", float(effect_size), int(treated.sum())
    if cluster is None:
        influence = (moved - size * of_uptake) / uptake
        return _noted(Estimate.from_influence(method, outcome, "CACE", size, influence, invited, note), despite)
    se, df = _by_units(frame, left - size * d, lots)
    se /= abs(uptake)
    reach = se * float(t.ppf((1 + LEVEL) / 2, df))
    ends = size - reach, size + reach
    found = Estimate(method, outcome, "CACE", size, se, *ends, invited, int((~treated).sum()), note, None)
    return _noted(found, despite)


def _noted(found: Estimate, despite: str) -> Estimate:
    """Add to the note what makes an estimate doubtful."""
    return replace(found, note="; ".join(filter(None, (found.note, rests_on_few(found), despite))))


def _checked(
    frame: pd.DataFrame,
    covariate: str | None,
    planned_share: float | None,
    override: Sequence[str],
    how: dict[str, Any],
) -> str:
    """Return what was overridden of the checks, or refuse."""
    planned = None
    if planned_share is not None:
        number = isinstance(planned_share, int | float | np.number) and not isinstance(planned_share, bool)
        if not number or not 0 < planned_share < 1:
            raise ParameterError("planned_share", planned_share, "a share between 0 and 1", "pass 0.5 for halves")
        planned = {"control": 1 - planned_share, "treatment": planned_share}
    before = [covariate] if covariate else []
    return check(frame, arm="treated", planned=planned, before=before, **how).gate(override)


def _stratum(frame: pd.DataFrame, strata: Sequence[str]) -> np.ndarray:
    """Return the number of each customer's stratum."""
    numbers = frame.groupby(list(strata), dropna=False).ngroup() if strata else np.zeros(len(frame))
    return np.asarray(numbers, dtype=np.int64)


def _by_units(frame: pd.DataFrame, values: np.ndarray, lots: dict[str, Any]) -> tuple[float, float]:
    """Return the standard error of the arms' difference where whole units were drawn, and its degrees of freedom."""
    means, _ = moments(frame.assign(_value=values), Metric("_value"), arm="treated", **lots)
    row = differences(means, "control").iloc[0]
    return float(row["se"]), float(row["df"])


def _influence(y: np.ndarray, treated: np.ndarray, stratum: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the difference of the arms' means within strata, and each customer's influence on it."""
    place = 2 * stratum + treated
    sizes = np.bincount(place, minlength=2 * (int(stratum.max()) + 1))
    means = np.bincount(place, weights=y, minlength=len(sizes)) / sizes
    whole, gaps = sizes.reshape(-1, 2).sum(axis=1), means[1::2] - means[::2]
    gap = float(whole @ gaps / len(y))
    off = (y - means[place]) * whole[stratum] / sizes[place]
    return gap, np.where(treated, off, -off) + gaps[stratum] - gap
