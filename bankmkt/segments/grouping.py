"""Whether points fall into groups, into how many, and how surely the same ones come again: k-means, judged.

A number of groups is believed when both hold:

- *They come again*: groups of points drawn anew, with replacement, are matched with the groups found; the mean overlap
  (Jaccard) of every group is at least 0.75, the customary limit (Hennig 2007).
- *They are groups, not slices*: the mean silhouette exceeds that of as many slices of clouds without groups (normal,
  with the points' own covariance), in each of 19 clouds: by chance once in 20.

Of the numbers believed, the largest is taken whose silhouette is at least 0.8 of the best: the finest picture that
holds (Ben-Hur, Elisseeff and Guyon 2002) without cutting a group in two. A silhouette up to 0.25 says that groups have
no gaps between them: a useful division, not natural kinds (Kaufman and Rousseeuw 1990).

References
----------
Hennig, C. (2007). Cluster-wise assessment of cluster stability. Computational Statistics & Data Analysis 52, 258-271.
Rousseeuw, P. J. (1987). Silhouettes. Journal of Computational and Applied Mathematics 20, 53-65.
Ben-Hur, A., Elisseeff, A. and Guyon, I. (2002). A stability based method for discovering structure in clustered data.
Pacific Symposium on Biocomputing 7, 6-17.
Kaufman, L. and Rousseeuw, P. J. (1990). Finding Groups in Data. Wiley.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

STABLE = 0.75
"""Least mean overlap of a group with itself when the points are drawn anew."""

CLOUDS = 19
"""Clouds without groups that a silhouette is held against: it exceeds the largest by chance once in 20."""

GAPLESS = 0.25
"""Silhouette up to which groups are a division without gaps (Kaufman and Rousseeuw 1990)."""

CLOSE = 0.8
"""Part of the best silhouette that a finer division must reach."""

STARTS = 3
"""Times that k-means begins anew; the best counts."""

SILHOUETTE_POINTS = 1_000
"""Points that a silhouette is measured on; its cost grows with their square."""


@dataclass(frozen=True, eq=False)
class Grouping:
    """What :func:`group` finds.

    Parameters
    ----------
    choice : pandas.DataFrame
        A row per number of groups: groups, silhouette (mean), cloud_silhouette (the largest of the clouds'), agreement
        (adjusted Rand index with the groups of points drawn anew: mean), agreement_low, agreement_high (2.5 % and
        97.5 % of the draws), overlap (mean Jaccard of the least stable group), believed, chosen.
    centres : numpy.ndarray of shape (groups, traits)
        Empty where no number is believed. Largest group first.
    overlaps : numpy.ndarray of shape (groups, 3)
        Each group's Jaccard: mean, and 2.5 % and 97.5 % of the draws.
    """

    choice: "pd.DataFrame"
    centres: np.ndarray
    overlaps: np.ndarray


def group(points: np.ndarray, numbers: Sequence[int], *, draws: int, seed: int) -> Grouping:
    """Group points, and judge the groups.

    Parameters
    ----------
    points : numpy.ndarray of shape (points, traits)
        On scales that can be compared.
    numbers : sequence of int
        Numbers of groups to try, each from 2.
    draws : int
        Times that the points are drawn anew.
    seed : int

    Returns
    -------
    Grouping

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> blobs = np.concatenate([rng.normal(at, 0.3, (60, 2)) for at in (-3, 0, 3)])
    >>> len(group(blobs, [2, 3, 4], draws=10, seed=7).centres)
    3
    """
    import pandas as pd
    import sklearn.cluster  # noqa: F401  (its threads must be there to be limited)
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(seed)
    clouds = [
        rng.multivariate_normal(points.mean(axis=0), np.cov(points, rowvar=False), len(points)) for _ in range(CLOUDS)
    ]
    rows, found = [], {}
    # Threads of several processes that wait for each other take k-means of few points from seconds to minutes.
    with threadpool_limits(1):
        for number in numbers:
            centres, labels = _fit(points, number, rng)
            agreement, overlap = _again(points, labels, number, draws, rng)
            found[number] = centres, overlap
            rows.append({
                "groups": number, "silhouette": _silhouette(points, labels, rng),
                "cloud_silhouette": max(_silhouette(c, _fit(c, number, rng)[1], rng) for c in clouds),
                "agreement": agreement.mean(), "agreement_low": np.quantile(agreement, 0.025),
                "agreement_high": np.quantile(agreement, 0.975), "overlap": overlap.mean(axis=0).min(),
            })  # fmt: skip
    choice = pd.DataFrame(rows)
    choice["believed"] = (choice["overlap"] >= STABLE) & (choice["silhouette"] > choice["cloud_silhouette"])
    believed = choice[choice["believed"]]
    close = believed[believed["silhouette"] >= CLOSE * believed["silhouette"].max()]
    best = int(close["groups"].max()) if len(close) else 0
    choice["chosen"] = choice["groups"] == best
    if not best:
        return Grouping(choice, np.empty((0, points.shape[1])), np.empty((0, 3)))
    centres, overlap = found[best]
    ends = np.quantile(overlap, [0.025, 0.975], axis=0)
    return Grouping(choice, centres, np.column_stack([overlap.mean(axis=0), *ends]))


def nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the number, from 0, of each point's nearest centre."""
    return np.argmin((centres**2).sum(axis=1) - 2 * points @ centres.T, axis=1)


def _fit(points: np.ndarray, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return centres and labels, the largest group first."""
    from sklearn.cluster import KMeans

    model = KMeans(number, n_init=STARTS, random_state=int(rng.integers(2**31))).fit(points)
    order = np.argsort(-np.bincount(model.labels_, minlength=number), kind="stable")
    return model.cluster_centers_[order], np.argsort(order)[model.labels_]


def _again(
    points: np.ndarray, labels: np.ndarray, number: int, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return agreement by draw, and each group's overlap by draw and group; centres of a draw assign all points."""
    from sklearn.metrics import adjusted_rand_score

    agreement, overlap = np.empty(draws), np.empty((draws, number))
    for draw in range(draws):
        centres, _ = _fit(points[rng.integers(0, len(points), len(points))], number, rng)
        other = nearest(points, centres)
        agreement[draw] = adjusted_rand_score(labels, other)
        both = np.bincount(labels * number + other, minlength=number**2).reshape(number, number)
        either = both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both
        overlap[draw] = (both / np.maximum(either, 1)).max(axis=1)
    return agreement, overlap


def _silhouette(points: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> float:
    from sklearn.metrics import silhouette_score

    some = rng.permutation(len(points))[:SILHOUETTE_POINTS]
    if len(np.unique(labels[some])) < 2:  # all but a few points in one group
        return 0.0
    return float(silhouette_score(points[some], labels[some]))
