"""Effects without an experiment, from comparing like with like: doubly robust estimation.

It removes every difference between those who join and those who do not that the covariates show, and none that they
do not show; :mod:`bankmkt.experiment.gap` says how much is left where the truth is known.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, Refused, one_of
from bankmkt.experiment.estimate import Estimate, groups, local, outcome_values
from bankmkt.experiment.given import chances, check_clip, clipped, fewest
from bankmkt.experiment.nuisance import cross_fit, design, fold_numbers
from bankmkt.experiment.panel import COVARIATES
from bankmkt.privacy import K

CLIP = 0.01
"""Propensities are kept between this and 1 minus this, so that no customer counts for more than a hundred."""


def propensity(
    panel: Any,
    *,
    covariates: Sequence[str] = COVARIATES,
    folds: int = 5,
    learner: str = "boosted",
    seed: int = 7,
    k: int = K,
) -> np.ndarray:
    """Estimate each customer's probability of taking part from what was known before the campaign.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`.
    covariates
        Columns known before the campaign.
    folds
        A customer's probability comes from a model fitted without the customer's fold.
    learner
        ``"boosted"`` (logistic regression, then trees) or ``"linear"`` (logistic regression).
    seed
        Of folds and trees.
    k
        Smallest group to learn from; at least two customers a fold.

    Returns
    -------
    (n,) array
        Probabilities in the row order of the panel.

    Raises
    ------
    Refused
        If fewer than ``k`` customers took part, or did not.
    """
    frame = local(panel)
    joined = groups(frame, "participated", fewest(k, folds))
    x, fold = design(frame, covariates).to_numpy(), fold_numbers(joined, folds, seed)
    everybody = np.ones(len(frame), dtype=bool)
    return cross_fit(x, joined.astype(float), everybody, fold, kind="probability", learner=learner, seed=seed)


def doubly_robust(
    panel: Any,
    outcome: str,
    *,
    target: str = "ATT",
    covariates: Sequence[str] = COVARIATES,
    propensities: np.ndarray | pd.Series | str | None = None,
    folds: int = 5,
    learner: str = "boosted",
    clip: float = CLIP,
    seed: int = 7,
    k: int = K,
) -> Estimate:
    """Estimate the effect of taking part by comparing participants with similar non-participants.

    Augmented inverse-probability weighting with cross-fitted nuisances: a model of the outcome says what a similar
    non-participant would have had, and weighting by the propensity corrects what the model gets wrong. It is right if
    either model is, **and** the covariates hold everything that drives both joining and the outcome.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`.
    outcome
        Column of the panel.
    target
        ``"ATT"`` (participants) or ``"ATE"`` (everybody eligible).
    covariates
        Columns known before the campaign.
    propensities
        Of :func:`propensity` (a Series goes by its index), or a column of known ones; estimated if not given.
    folds, learner, seed, k
        As in :func:`propensity`.
    clip
        Propensities are kept between ``clip`` and ``1 - clip``.

    Returns
    -------
    Estimate
        Its interval follows from the influence function.

    Raises
    ------
    ParameterError
        If an argument is outside what is described.
    SchemaError, DataError
        If a column is not what it must be: ``participated`` yes or no for everybody, the outcome finite numbers.
    Refused
        If fewer than ``k`` customers took part, did not, or did not and resemble those who did; if an outcome is
        missing, a propensity is 0 or 1, or those of all non-participants are clipped.

    Notes
    -----
    Sources: Robins, Rotnitzky & Zhao (1994), JASA 89; Chernozhukov et al. (2018), The Econometrics Journal 21.
    """
    if target not in ("ATT", "ATE"):
        raise ParameterError("target", target, one_of(["ATT", "ATE"]), "pass target='ATT'")
    clip, frame = check_clip(clip), local(panel)
    joined, y = groups(frame, "participated", fewest(k, folds)), outcome_values(frame, outcome)
    x, fold = design(frame, covariates, outcome).to_numpy(), fold_numbers(joined, folds, seed)
    if propensities is None:
        propensities = propensity(frame, covariates=covariates, folds=folds, learner=learner, seed=seed, k=k)
    p, at_limit = clipped(chances(frame, propensities), joined, clip, k)
    d = joined.astype(float)
    comparable = effective_size((p / (1 - p))[~joined])
    if comparable < k:
        todo = "evaluate a campaign that more of the customers like its participants stayed out of"
        raise Refused(f"fewer than k = {k} comparable non-participants after weighting", todo=todo)
    m0 = cross_fit(x, y, ~joined, fold, kind="mean", learner=learner, seed=seed)
    if target == "ATT":
        share = d.mean()
        score = (d - (1 - d) * p / (1 - p)) * (y - m0) / share
        effect = score.mean()
        influence = score - d * effect / share
    else:
        m1 = cross_fit(x, y, joined, fold, kind="mean", learner=learner, seed=seed)
        score = m1 - m0 + d * (y - m1) / p - (1 - d) * (y - m0) / (1 - p)
        effect = score.mean()
        influence = score - effect
    note = "; ".join(filter(None, ("right only if the data show all that matters", at_limit)))
    return Estimate.from_influence("doubly robust", outcome, target, effect, influence, int(d.sum()), note)


def effective_size(weight: np.ndarray) -> float:
    """Return how many equally weighted customers these weighted ones are worth (Kish 1965, Survey Sampling).

    Examples
    --------
    >>> effective_size(np.array([1.0, 1.0, 0.0]))
    2.0
    """
    return float(weight.sum() ** 2 / (weight**2).sum())


def overlap(
    panel: Any,
    propensities: np.ndarray | pd.Series | str,
    *,
    covariates: Sequence[str] = COVARIATES,
    clip: float = CLIP,
    k: int = K,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Say whether participants have comparable non-participants, and whether weighting makes the groups alike.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`.
    propensities, covariates, clip
        As in :func:`doubly_robust`.
    k
        Smallest group that is described.

    Returns
    -------
    summary : pandas.DataFrame
        One row per group: ``group``, ``customers``, ``effective`` (customers left after weighting, Kish), quantiles
        ``p05``, ``p50``, ``p95`` of the propensity, and the share ``clipped``.
    balance : pandas.DataFrame
        One row per covariate column: ``covariate``, ``before`` and ``after`` weighting, the standardised mean
        differences, largest first; 0.1 in size is the customary limit. What is said of all but 1 to k − 1 customers,
        or of so few, is left out.

    Raises
    ------
    ParameterError
        If an argument is outside what is described.
    Refused
        If a group has fewer than ``k`` customers, or a propensity is 0 or 1.
    """
    clip, frame = check_clip(clip), local(panel)
    joined, given = groups(frame, "participated", k), chances(frame, propensities)
    p = np.clip(given, clip, 1 - clip)
    weight = np.where(joined, 1.0, p / (1 - p))
    rows = []
    for group, inside in (("participants", joined), ("others", ~joined)):
        w = weight[inside]
        quantiles = np.quantile(given[inside], [0.05, 0.5, 0.95])
        clipped = float(np.mean((given[inside] < clip) | (given[inside] > 1 - clip)))
        rows.append([group, int(inside.sum()), effective_size(w), *quantiles, clipped])
    summary = pd.DataFrame(rows, columns=["group", "customers", "effective", "p05", "p50", "p95", "clipped"])
    x = design(frame, covariates)
    values = x.to_numpy()
    spread = np.maximum(np.sqrt((values[joined].var(axis=0) + values[~joined].var(axis=0)) / 2), 1e-9)
    mean = values[joined].mean(axis=0)
    before = (mean - values[~joined].mean(axis=0)) / spread
    after = (mean - np.average(values[~joined], axis=0, weights=weight[~joined])) / spread
    balance = pd.DataFrame({"covariate": x.columns, "before": before, "after": after})
    balance = balance[[not _rare(values, k) for values in x.to_numpy().T]]
    return summary, balance.sort_values("before", key=np.abs, ascending=False, ignore_index=True)


def _rare(values: np.ndarray, k: int) -> bool:
    """Say whether a column of two values has one of them for fewer than k customers."""
    kinds, counts = np.unique(values, return_counts=True)
    return len(kinds) == 2 and counts.min() < k
