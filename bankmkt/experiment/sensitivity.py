"""How strong a hidden cause would have to be to explain an effect away.

What the covariates do not show biases an estimate by at most as much as two things allow: how much of the outcome it
would explain, and how much better it would tell who joins. Both are shares of what the covariates leave open.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import Z
from bankmkt.errors import ParameterError, Refused, one_of
from bankmkt.experiment.estimate import Estimate, groups, local, outcome_values, standard_error, yes_no
from bankmkt.experiment.given import check_clip, check_covariates, fewest
from bankmkt.experiment.nuisance import cross_fit, design, fold_numbers
from bankmkt.experiment.observational import CLIP, doubly_robust
from bankmkt.experiment.panel import CATEGORICAL, COVARIATES, NUMERIC
from bankmkt.privacy import K

KINDS: dict[str, tuple[str, ...]] = {
    "past AUM": tuple(name for name in NUMERIC if name.startswith("aum_")),
    "past products": tuple(name for name in NUMERIC if name.startswith("products_")),
    "past logins": tuple(name for name in NUMERIC if name.startswith("logins_")),
    "past money flows": ("transactions_3", "salary_3", "spend_3", "inflow_3", "outflow_3"),
    "who they are": (
        "contacts_90", "tenure_months", "app_months", "age", "risk_level", "is_payroll", "has_car", "has_home",
        "has_manager", *CATEGORICAL,
    ),
}  # fmt: skip
"""What the bank knows of its customers, in kinds: yardsticks for what it does not know."""

ALL = ""
"""Name of no kind: nothing is left out."""

SAME = 1e-12
"""Share of an outcome's variance below which what is left of it is rounding error."""

KNOWN = "all that is known"
"""The strongest yardstick: all covariates together. A kind alone is a weak one where the others retell it: past AUM
adds little to past products, pay and spending, and yet is no weak cause."""


@dataclass(frozen=True)
class Sensitivity:
    """What :func:`sensitivity` found.

    Parameters
    ----------
    estimate
        The effect that is in question.
    robustness_value
        Share of what is open, of the outcome and of who joins alike, that a hidden cause must explain for the effect
        to be none at all; between 0 and 1, larger is safer.
    robustness_value_interval
        The same for the 95 % interval to hold 0; 0 if it does already.
    yardsticks
        A row per kind of covariate, and one of :data:`KNOWN`, all together: ``kind``, ``outcome_share`` and
        ``joining_share`` (what it explains over and above the others, as a share of what all leave open), ``times``
        (how many times as strong a hidden cause must be to explain the effect away, though it can explain no more
        than all that is open of the outcome; infinite if the kind explains nothing). A kind that the others retell
        adds little, so that many times that is not much.
    scale
        Bias per unit of strength, in the outcome's unit; see :meth:`bias`.
    """

    estimate: Estimate
    robustness_value: float
    robustness_value_interval: float
    yardsticks: pd.DataFrame
    scale: float
    influence: np.ndarray | None = field(default=None, repr=False, compare=False)

    def bias(self, outcome_share: float, joining_share: float) -> float:
        """Return the largest bias that a hidden cause of this strength can make, in the outcome's unit.

        Raises
        ------
        ParameterError
            If a share is outside 0 to 1, or ``joining_share`` is 1.
        """
        shares = (outcome_share, joining_share)
        if not all(isinstance(share, Real) for share in shares) or not (0 <= shares[0] <= 1 and 0 <= shares[1] < 1):
            raise ParameterError("shares", shares, "numbers from 0 to 1, the second below 1", "pass 0.1 and 0.1")
        return self.scale * _strength(outcome_share, joining_share)

    def limits(self, outcome_share: float, joining_share: float) -> tuple[float, float]:
        """Return the 95 % limits of the effect if a hidden cause of this strength is allowed for."""
        bias = self.bias(outcome_share, joining_share)
        strength = _strength(outcome_share, joining_share)
        low = self.estimate.estimate - bias - Z * self._error(-strength)
        return low, self.estimate.estimate + bias + Z * self._error(strength)

    def of(self, estimate: float) -> dict[str, float | str]:
        """Return ``robustness_value``, ``times`` and the strongest ``yardstick`` for another estimate of the same."""
        ratio = (estimate / self.scale) ** 2
        rows = zip(*(self.yardsticks[name] for name in ("outcome_share", "joining_share", "kind")), strict=True)
        found = [(_times(outcome_share, joining_share, ratio), kind) for outcome_share, joining_share, kind in rows]
        times, kind = min(found, default=(np.inf, ""))
        return {"robustness_value": _value(ratio), "times": times, "yardstick": kind if np.isfinite(times) else ""}

    def _error(self, strength: float) -> float:
        """Return the standard error of the effect plus so many times the scale."""
        if self.estimate.influence is None or self.influence is None:
            return self.estimate.se
        return standard_error(self.estimate.influence + strength * self.influence)


def sensitivity(
    panel: Any,
    outcome: str,
    *,
    adjusted: Estimate | None = None,
    covariates: Sequence[str] = COVARIATES,
    kinds: Mapping[str, Sequence[str]] | None = None,
    folds: int = 5,
    learner: str = "linear",
    clip: float = CLIP,
    seed: int = 7,
    k: int = K,
) -> Sensitivity:
    """Say how strong a hidden cause of joining and of the outcome would have to be to explain the effect away.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`.
    outcome
        Column of the panel.
    adjusted
        An effect on participants that compares like with like, of the same panel and outcome
        (:func:`bankmkt.experiment.doubly_robust`, :func:`~bankmkt.experiment.weighting`,
        :func:`~bankmkt.experiment.matching`); the doubly robust one if not given.
    covariates, folds, learner, clip, seed, k
        As in :func:`bankmkt.experiment.doubly_robust`.
    kinds
        Covariates by kind, the yardsticks; those of :data:`KINDS` that are among the covariates, if not given.

    Returns
    -------
    Sensitivity
        Robustness values, yardsticks, and the bias for any strength.

    Raises
    ------
    ParameterError
        If ``adjusted`` is of another panel or outcome or is no effect on participants, or a kind names what is not
        among the covariates.
    Refused
        If the outcome is the same for all non-participants or the covariates explain it wholly; and as
        :func:`bankmkt.experiment.doubly_robust`.

    Notes
    -----
    The bound of Chernozhukov, Cinelli, Newey, Sharma & Syrgkanis (2022, "Long story short", NBER 30302) for the
    effect on participants. Only what non-participants would have is in doubt, so all is taken among them. With
    ``w`` the odds of joining, ``e`` what the outcome's model leaves, ``q`` the share who joined::

        bias² ≤ outcome_share · joining_share / (1 − joining_share) · E[e²] · E[w²] · ((1 − q) / q)²

    ``outcome_share`` is the hidden cause's partial R² with the outcome; ``joining_share`` the share of ``E[w²]``,
    with the hidden cause known, that is its own. It is attained when both go hand in hand. The robustness value is
    the strength at which, with equal shares, the bound reaches the effect (Cinelli & Hazlett 2020, JRSS B 82).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> keen = rng.normal(size=2000)
    >>> joined = rng.random(2000) < 1 / (1 + np.exp(1 - keen))
    >>> grew = 3 * keen + 1.0 * joined + rng.normal(size=2000)
    >>> frame = pd.DataFrame({"participated": joined, "keen": keen, "aum_change": grew})
    >>> found = sensitivity(frame, "aum_change", covariates=["keen"], kinds={})
    >>> 0.2 < found.robustness_value_interval < found.robustness_value < 0.6
    True
    """
    clip, frame = check_clip(clip), local(panel)
    groups(frame, "participated", fewest(k, folds))
    check_covariates(covariates, outcome)
    kinds = check_kinds(kinds, covariates)
    if adjusted is None:
        how: dict[str, Any] = {"folds": folds, "learner": learner, "clip": clip, "seed": seed, "k": k}
        adjusted = doubly_robust(frame, outcome, covariates=covariates, **how)
    if not isinstance(adjusted, Estimate) or adjusted.treated + adjusted.control != len(frame):
        raise ParameterError("adjusted", type(adjusted).__name__, "an estimate of this panel", "leave it out")
    if adjusted.target != "ATT" or adjusted.outcome != outcome:
        raise ParameterError("adjusted", adjusted.method, f"an effect on participants of {outcome}", "leave it out")
    fitted: dict[str, Any] = {"folds": folds, "learner": learner, "seed": seed}
    odds = odds_without(frame, covariates, kinds, clip=clip, **fitted)
    return against(frame, adjusted, odds, covariates, kinds, **fitted)


def check_kinds(kinds: Any, covariates: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return kinds of covariates, those of :data:`KINDS` that are among the covariates if None is given.

    Raises
    ------
    ParameterError
        If a kind has no name of its own, or names what is not among the covariates.
    """
    if kinds is None:
        known = {kind: [name for name in names if name in list(covariates)] for kind, names in KINDS.items()}
        return {kind: names for kind, names in known.items() if names}
    if not isinstance(kinds, Mapping):
        raise ParameterError("kinds", kinds, "a dict of lists of covariates", "see experiment.sensitivity")
    for kind, names in kinds.items():
        if kind in (ALL, KNOWN) or not isinstance(kind, str):
            raise ParameterError("kinds", kind, f"a name other than {KNOWN!r}", "call it otherwise")
        check_covariates(names)
        for name in names:
            if name not in list(covariates):
                raise ParameterError(f"kinds[{kind!r}]", name, one_of(covariates), "name covariates only")
    return kinds


def odds_without(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    kinds: Mapping[str, Sequence[str]],
    *,
    clip: float,
    folds: int,
    learner: str,
    seed: int,
) -> dict[str, np.ndarray]:
    """Return what averages to E[w²] times the share of non-participants, without each kind; ``""`` has all.

    It is corrected for the error of the estimated odds w, as ``E[w²; not joined] = E[w; joined]``.
    """
    joined = yes_no(frame, "participated")
    fold, everybody, out = fold_numbers(joined, folds, seed), np.ones(len(frame), dtype=bool), {}
    for name, x in _without(frame, covariates, kinds):
        p = np.full(len(frame), joined.mean())
        if x.shape[1]:
            p = cross_fit(x, joined.astype(float), everybody, fold, kind="probability", learner=learner, seed=seed)
        w = np.clip(p, clip, 1 - clip)
        w = w / (1 - w)
        out[name] = np.where(joined, 2 * w, -(w**2))
    return out


def against(
    frame: pd.DataFrame,
    adjusted: Estimate,
    odds: Mapping[str, np.ndarray],
    covariates: Sequence[str],
    kinds: Mapping[str, Sequence[str]],
    *,
    folds: int,
    learner: str,
    seed: int,
) -> Sensitivity:
    """Do what :func:`sensitivity` does, given :func:`odds_without`, which serves all outcomes."""
    joined, y = yes_no(frame, "participated"), outcome_values(frame, adjusted.outcome)
    fold, left = fold_numbers(joined, folds, seed), {}
    for name, x in _without(frame, covariates, kinds):
        expected = np.full(len(y), y[~joined].mean())
        if x.shape[1]:
            expected = cross_fit(x, y, ~joined, fold, kind="mean", learner=learner, seed=seed)
        left[name] = np.where(joined, 0.0, (y - expected) ** 2)
    share, squares = joined.mean(), left[ALL].mean()
    if not np.ptp(y[~joined]) or squares <= SAME * y[~joined].var():
        what = f"the covariates leave nothing of {adjusted.outcome} open among non-participants"
        raise Refused(what, todo="choose an outcome in which similar customers differ")
    weights = max(odds[ALL].mean(), share**2 / (1 - share))  # E[w²] is at least E[w]²
    scale = float(np.sqrt(squares * weights) / share)
    rows = [
        (name, max(left[name].mean() / squares - 1, 0.0), max(1 - odds[name].mean() / weights, 0.0))
        for name in (*kinds, KNOWN)
    ]
    part = (left[ALL] / squares + odds[ALL] / weights) / 2 - joined / share
    yardsticks = pd.DataFrame(rows, columns=["kind", "outcome_share", "joining_share"])
    ratio = (adjusted.estimate / scale) ** 2
    yardsticks["times"] = [_times(*row[1:], ratio) for row in rows]
    found = Sensitivity(adjusted, _value(ratio), 0.0, yardsticks, scale, scale * (part - part.mean()))
    return replace(found, robustness_value_interval=_until_zero(found))


def _without(
    frame: pd.DataFrame, covariates: Sequence[str], kinds: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield all covariates as numbers, under the name ``""``, then all but those of each kind, then none."""
    x = design(frame, covariates)
    source = np.array([name.split("=")[0] for name in x.columns])
    for name, own in ((ALL, ()), *kinds.items(), (KNOWN, source)):
        yield name, x.to_numpy()[:, ~np.isin(source, list(own))]


def _strength(outcome_share: float, joining_share: float) -> float:
    return float(np.sqrt(outcome_share * joining_share / (1 - joining_share)))


def _value(ratio: float) -> float:
    """Return the share that, of both, makes the bound reach the effect; ``ratio`` is (effect / scale)²."""
    return float((np.sqrt(ratio**2 + 4 * ratio) - ratio) / 2)


def _times(outcome_share: float, joining_share: float, ratio: float) -> float:
    """Return by how much both shares must be multiplied for the bound to reach the effect.

    The first cannot pass 1, so that from there on the second must do it alone.
    """
    product, bend = outcome_share * joining_share, ratio * joining_share
    if product <= 0:
        return np.inf
    times = float((np.sqrt(bend**2 + 4 * product * ratio) - bend) / (2 * product))
    return times if times * outcome_share <= 1 else float(ratio / (1 + ratio) / joining_share)


def _until_zero(found: Sensitivity) -> float:
    """Return the smallest share, of both, at which the interval holds 0."""
    from scipy.optimize import brentq

    side = -1 if found.estimate.estimate > 0 else 1

    def beyond(share: float) -> float:
        return -side * found.limits(share, share)[0 if side < 0 else 1]

    return float(brentq(beyond, 0.0, found.robustness_value, xtol=1e-6)) if beyond(0.0) > 0 else 0.0
