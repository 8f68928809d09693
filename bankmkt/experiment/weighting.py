"""Effects without an experiment, from weighting non-participants until they look like participants.

Two ways to weight, both for the effect on participants: by the odds of a fitted propensity, and by entropy balancing,
which asks for equal means at once. Their intervals count in that the weights are estimated.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, Refused, one_of
from bankmkt.experiment.estimate import Estimate, groups, local, outcome_values
from bankmkt.experiment.given import chances, check_clip, clipped
from bankmkt.experiment.nuisance import design
from bankmkt.experiment.observational import CLIP, effective_size
from bankmkt.experiment.panel import COVARIATES
from bankmkt.privacy import K

WAYS = {"propensity": "weighting by propensity", "entropy": "entropy balancing"}
"""How to weight, and the method's name for readers."""

PENALTY = 1.0
"""Of the logistic regression's squared coefficients: next to nothing on thousands, a guard on dozens."""

EVEN = 1e-6
"""Largest difference in means, in standard deviations, that entropy balancing leaves."""

STEPS = 200

NOTE = "right only if the data show all that matters"


def weighting(
    panel: Any,
    outcome: str,
    *,
    by: str = "propensity",
    covariates: Sequence[str] = COVARIATES,
    propensities: np.ndarray | pd.Series | str | None = None,
    clip: float = CLIP,
    k: int = K,
) -> Estimate:
    """Estimate the effect of taking part by weighting non-participants until they look like participants.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`.
    outcome
        Column of the panel.
    by
        ``"propensity"``: weights are the odds of taking part, by a logistic regression, scaled to sum to one
        (Hájek). ``"entropy"``: the most even weights under which the means of all covariates are equal.
    covariates
        Columns known before the campaign.
    propensities
        With ``by="propensity"``: known probabilities (a Series goes by its index) or their column, instead of the
        regression; taken as exact.
    clip
        Propensities are kept between ``clip`` and ``1 - clip``.
    k
        Smallest group that is compared.

    Returns
    -------
    Estimate
        Of the effect on participants; its interval counts in that weights are estimated.

    Raises
    ------
    ParameterError
        If an argument is outside what is described.
    SchemaError, DataError
        If a column is not what it must be: ``participated`` yes or no for everybody, the outcome finite numbers.
    Refused
        If fewer than ``k`` customers took part, did not, or did not and resemble those who did; if no weights make
        the groups alike; if an outcome is missing, a propensity is 0 or 1, or those of all non-participants are
        clipped, so that nothing is weighted.

    Notes
    -----
    Sources: Hirano, Imbens & Ridder (2003), Econometrica 71; Hainmueller (2012), Political Analysis 20. Entropy
    balancing is right if the log odds of joining or the outcome are linear in the covariates (Zhao & Percival 2017,
    Journal of Causal Inference 5); weighting by propensity if the log odds are.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> keen = rng.normal(size=2000)
    >>> joined = rng.random(2000) < 1 / (1 + np.exp(1 - keen))
    >>> grew = 3 * keen + 1.0 * joined + rng.normal(size=2000)
    >>> frame = pd.DataFrame({"participated": joined, "keen": keen, "aum_change": grew})
    >>> round(weighting(frame, "aum_change", by="entropy", covariates=["keen"]).estimate, 1)
    1.0
    """
    if by not in tuple(WAYS):
        raise ParameterError("by", by, one_of(WAYS), "pass by='propensity'")
    if by == "entropy" and propensities is not None:
        raise ParameterError("propensities", "given", "None with by='entropy'", "leave them out")
    clip, frame = check_clip(clip), local(panel)
    joined, y, at_limit = groups(frame, "participated", k), outcome_values(frame, outcome), ""
    if propensities is not None:
        p, at_limit = clipped(chances(frame, propensities), joined, clip, k)
        estimate, influence = _known(p, y, joined, k)
    elif by == "entropy":
        estimate, influence = _entropy(design(frame, covariates, outcome).to_numpy(), y, joined, k)
    else:
        x = design(frame, covariates, outcome).to_numpy()
        score, inverse = logistic(x, joined)
        raw = 1 / (1 + np.exp(-score))
        p, at_limit = clipped(raw, joined, clip, k)
        estimate, influence = _odds(x, y, joined, raw, p, inverse, k)
    note = "; ".join(filter(None, (NOTE, at_limit)))
    return Estimate.from_influence(WAYS[by], outcome, "ATT", estimate, influence, int(joined.sum()), note)


def logistic(x: np.ndarray, joined: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit a logistic regression; return everybody's log odds, and the inverse of its information matrix.

    The matrix's first row is the constant's.
    """
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / PENALTY, solver="newton-cholesky").fit(x, joined)
    score = model.decision_function(x)
    p = 1 / (1 + np.exp(-score))
    full = np.column_stack([np.ones(len(x)), x])
    ridge = np.diag([0.0] + [PENALTY] * x.shape[1])
    return score, np.linalg.pinv((full * (p * (1 - p))[:, None]).T @ full + ridge, hermitian=True)


def enough(weight: np.ndarray, k: int) -> None:
    """Refuse weights that leave fewer than ``k`` non-participants to compare with."""
    if effective_size(weight) < k:
        todo = "evaluate a campaign that more of the customers like its participants stayed out of"
        raise Refused(f"fewer than k = {k} comparable non-participants after weighting", todo=todo)


def _known(p: np.ndarray, y: np.ndarray, joined: np.ndarray, k: int) -> tuple[float, np.ndarray]:
    """Return the difference under odds that are taken as exact, and each customer's influence on it."""
    weight = np.where(joined, 0.0, p / (1 - p))
    enough(weight[~joined], k)
    share, mean_1, mean_0 = joined.mean(), y[joined].mean(), np.average(y, weights=weight)
    return mean_1 - mean_0, joined * (y - mean_1) / share - weight * (y - mean_0) / weight.mean()


def _odds(
    x: np.ndarray, y: np.ndarray, joined: np.ndarray, raw: np.ndarray, p: np.ndarray, inverse: np.ndarray, k: int
) -> tuple[float, np.ndarray]:
    """Do the same with propensities of a logistic regression, whose own error moves the estimate too."""
    estimate, influence = _known(p, y, joined, k)
    weight = np.where(joined, 0.0, p / (1 - p))
    full = np.column_stack([np.ones(len(x)), x])
    moves = weight * (p == raw) * (y - np.average(y, weights=weight)) / weight.mean()  # a clipped weight stays
    through = len(y) * (full @ (inverse @ (full.T @ moves) / len(y))) * (joined - raw)
    return estimate, influence - (through - through.mean())


def _entropy(x: np.ndarray, y: np.ndarray, joined: np.ndarray, k: int) -> tuple[float, np.ndarray]:
    """Do the same under the most even weights that make the means of ``x`` equal."""
    others, goal = x[~joined], x[joined].mean(axis=0)
    weight, spread = _balance(others - goal)
    enough(weight, k)
    mean_0 = weight @ y[~joined]
    slope = np.linalg.pinv(spread, hermitian=True) @ ((others - goal).T @ (weight * (y[~joined] - mean_0)))
    scaled = np.zeros(len(y))
    scaled[~joined] = weight * len(y)
    rest = y - mean_0 - (x - goal) @ slope
    estimate = y[joined].mean() - mean_0
    return estimate, joined * (rest - estimate) / joined.mean() - scaled * rest


def _balance(away: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (they sum to 1) under which the rows' mean is 0, and the rows' covariance under them.

    Newton's method on the dual problem, which is smooth and convex; a step is halved until it helps.
    """
    at, value = np.zeros(away.shape[1]), np.inf
    step, size = np.zeros(away.shape[1]), 1.0
    for _ in range(STEPS):
        score = away @ (at + size * step)
        top = score.max()
        weight = np.exp(score - top)
        new = top + np.log(weight.sum())
        if new > value + 1e-12 * abs(value):
            size /= 2
            continue
        at, value, size = at + size * step, new, 1.0
        weight /= weight.sum()
        mean = weight @ away
        spread = (away * weight[:, None]).T @ away - np.outer(mean, mean)
        if np.abs(mean).max() < EVEN:
            return weight, spread
        step = -np.linalg.pinv(spread, hermitian=True, rcond=1e-10) @ mean
    todo = "leave out covariates that only participants have, or weight by propensity"
    raise Refused("no weights make non-participants look like participants", todo=todo)
