"""Effects without an experiment, from comparing each participant with the nearest non-participants."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, one_of
from bankmkt.experiment.estimate import Estimate, groups, local, outcome_values
from bankmkt.experiment.given import chances, fewest, whole
from bankmkt.experiment.nuisance import cross_fit, design, fold_numbers
from bankmkt.experiment.panel import COVARIATES
from bankmkt.experiment.weighting import NOTE, enough, logistic
from bankmkt.privacy import K

NEAR = ("propensity", "covariates")
"""What nearness is measured by: the log odds of taking part, or all covariates (Mahalanobis' distance)."""

SAME = 1e-9
"""Of the widest range of places: what differs by less is a tie; the last bits of a fitted number differ by chance."""

BATCH = 10_000
"""Participants whose neighbours are held in memory at a time."""


def matching(
    panel: Any,
    outcome: str,
    *,
    near: str = "propensity",
    neighbours: int = 4,
    covariates: Sequence[str] = COVARIATES,
    propensities: np.ndarray | pd.Series | str | None = None,
    folds: int = 5,
    learner: str = "linear",
    seed: int = 7,
    k: int = K,
) -> Estimate:
    """Estimate the effect of taking part by comparing each participant with the nearest non-participants.

    A non-participant may be used by several participants. What the pairs still differ in is taken off by a model of
    the outcome among non-participants (bias correction).

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`.
    outcome
        Column of the panel.
    near
        ``"propensity"`` (log odds of a logistic regression) or ``"covariates"`` (Mahalanobis' distance).
    neighbours
        Non-participants for each participant; all who are as near as the last of them share in the match.
    covariates
        Columns known before the campaign.
    propensities
        With ``near="propensity"``: known probabilities (a Series goes by its index) or their column, instead of
        the regression.
    folds, learner, seed
        Of the outcome's model, as in :func:`bankmkt.experiment.propensity`.
    k
        Smallest group that is compared.

    Returns
    -------
    Estimate
        Of the effect on participants.

    Raises
    ------
    ParameterError
        If an argument is outside what is described.
    SchemaError, DataError
        If a column is not what it must be: ``participated`` yes or no for everybody, the outcome finite numbers.
    Refused
        If fewer than ``k`` customers took part, did not, or did not and were near; if an outcome is missing or a
        propensity is 0 or 1.

    Notes
    -----
    Sources: Abadie & Imbens (2006, Econometrica 74; 2011, Journal of Business & Economic Statistics 29). Their
    variance in the linear form of Otsu & Rai (2017, JASA 112): a non-participant counts by the number of times used
    as a match. The bootstrap of whole customers does not hold for matching (Abadie & Imbens 2008, Econometrica 76).

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> keen = rng.normal(size=2000)
    >>> joined = rng.random(2000) < 1 / (1 + np.exp(1 - keen))
    >>> grew = 3 * keen + 1.0 * joined + rng.normal(size=2000)
    >>> frame = pd.DataFrame({"participated": joined, "keen": keen, "aum_change": grew})
    >>> round(matching(frame, "aum_change", covariates=["keen"]).estimate, 1)
    1.0
    """
    if near not in NEAR:
        raise ParameterError("near", near, one_of(NEAR), "pass near='propensity'")
    if near == "covariates" and propensities is not None:
        raise ParameterError("propensities", "given", "None with near='covariates'", "leave them out")
    frame = local(panel)
    joined, y = groups(frame, "participated", fewest(k, folds)), outcome_values(frame, outcome)
    if whole("neighbours", neighbours, 1) > (~joined).sum():
        raise ParameterError("neighbours", neighbours, "no more than there are non-participants", "pass neighbours=4")
    x = design(frame, covariates, outcome).to_numpy()
    if propensities is not None:
        p = chances(frame, propensities)
        place = np.log(p / (1 - p))[:, None]
    else:
        place = logistic(x, joined)[0][:, None] if near == "propensity" else _whitened(x)
    used = times_used(place, joined, neighbours)
    enough(used[~joined], k)
    expected = cross_fit(x, y, ~joined, fold_numbers(joined, folds, seed), kind="mean", learner=learner, seed=seed)
    share = joined.mean()
    score = (joined - used) * (y - expected) / share
    effect = score.mean()
    influence = score - joined * effect / share
    return Estimate.from_influence("matching", outcome, "ATT", effect, influence, int(joined.sum()), NOTE)


def times_used(place: np.ndarray, joined: np.ndarray, neighbours: int) -> np.ndarray:
    """Return how many participants each non-participant stands for; 0 for participants.

    All who are as near as the last neighbour share in the match, so the order of rows decides nothing (Abadie &
    Imbens 2006). As near is what differs by less than :data:`SAME`.

    Examples
    --------
    >>> place = np.array([[0.0], [1.0], [0.1], [5.0]])
    >>> times_used(place, np.array([True, True, False, False]), neighbours=1).tolist()
    [0.0, 0.0, 2.0, 0.0]
    >>> times_used(np.array([[0.0], [0.0], [0.0], [0.0]]), np.array([True, False, False, False]), neighbours=2).round(2)
    array([0.  , 0.33, 0.33, 0.33])
    """
    from scipy.spatial import cKDTree

    step = SAME * max(float(np.ptp(place, axis=0).max()), 1e-12)
    rounded = np.round(place / step)
    spots, spot_of, people = np.unique(rounded[~joined], axis=0, return_inverse=True, return_counts=True)
    asked, askers = np.unique(rounded[joined], axis=0, return_counts=True)
    tree = cKDTree(spots)
    far, nearest = tree.query(asked, k=np.arange(1, min(neighbours, len(spots)) + 1))
    last = (np.cumsum(people[nearest], axis=1) >= neighbours).argmax(axis=1)
    reach = far[np.arange(len(asked)), last] + 1.0
    used = np.zeros(len(spots))
    for some in np.array_split(np.arange(len(asked)), len(asked) // BATCH + 1):
        found = tree.query_ball_point(asked[some], reach[some])
        who, where = np.repeat(some, [len(f) for f in found]), np.concatenate(found).astype(int)
        matched = np.bincount(who, weights=people[where], minlength=len(asked))
        used += np.bincount(where, weights=askers[who] / matched[who], minlength=len(spots))
    out = np.zeros(len(joined))
    out[~joined] = used[spot_of.ravel()]
    return out


def _whitened(x: np.ndarray) -> np.ndarray:
    """Turn and scale columns so that the plain distance is Mahalanobis' distance."""
    values, vectors = np.linalg.eigh(np.cov(x, rowvar=False, ddof=0).reshape(x.shape[1], x.shape[1]))
    kept = values > 1e-9 * values.max()
    return np.asarray(x @ vectors[:, kept] / np.sqrt(values[kept]))
