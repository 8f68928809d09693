"""How good an order of customers is, as arithmetic on arrays: ranks, the best tenth; with weights, for resampling."""

from collections.abc import Callable
from typing import Any

import numpy as np

Measure = Callable[[np.ndarray], Any]
"""From a weight per row to a figure; from draws × rows to a figure a draw."""


def groups_of(score: np.ndarray) -> np.ndarray:
    """Return the rank of each score, equal ones alike, from 0 for the lowest; missing scores come lowest."""
    lowest = np.nanmin(score) - 1 if np.isfinite(score).any() else 0.0
    ranks: np.ndarray = np.unique(np.where(np.isnan(score), lowest, score), return_inverse=True)[1]
    return ranks


def _running(values: np.ndarray) -> np.ndarray:
    """Return sums of the first 0, 1, 2, … values along the last axis."""
    sums = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=sums[..., 1:])
    return sums


def auc(score: np.ndarray, happened: np.ndarray) -> Measure:
    """Return the AUC: the chance that of two rows, one where it happened, that one scored higher; ties count half.

    Examples
    --------
    >>> float(auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))(np.ones(4)))
    0.75
    """
    rank = groups_of(score)
    order = np.argsort(rank, kind="stable")
    rank, not_happened = rank[order], 1 - happened[order]
    yes = np.flatnonzero(not_happened == 0)
    first, last = (np.searchsorted(rank, rank[yes], side) for side in ("left", "right"))

    def measure(weight: np.ndarray) -> Any:
        weight = weight[..., order]
        no = _running(weight * not_happened)
        own = weight[..., yes]
        below = (no[..., first] + no[..., last]) / 2
        return (own * below).sum(axis=-1) / (own.sum(axis=-1) * no[..., -1])

    return measure


def captured(score: np.ndarray, happened: np.ndarray, share: "float | np.ndarray") -> Measure:
    """Return which part of all that happened lies in the highest-scored share of rows; ties are split evenly.

    Of several shares, a figure each, along the last axis.

    Examples
    --------
    >>> float(captured(np.array([4.0, 3, 2, 1]), np.array([1, 0, 1, 0]), 0.25)(np.ones(4)))
    0.5
    """
    rank = -groups_of(score)
    order = np.argsort(rank, kind="stable")
    ends = np.r_[0, 1 + np.flatnonzero(np.diff(rank[order], append=1))]
    wanted, yes = np.asarray(share), happened[order]

    def measure(weight: np.ndarray) -> Any:
        weight = weight[..., order]
        sums = (_running(part)[..., ends].reshape(-1, ends.size) for part in (weight, weight * yes))
        found = np.array(
            [np.interp(wanted * rows[-1], rows, told) / told[-1] for rows, told in zip(*sums, strict=True)]
        )
        return found.reshape((*weight.shape[:-1], *wanted.shape))

    return measure


def lift(score: np.ndarray, happened: np.ndarray, share: float = 0.1) -> Measure:
    """Return how many times more often it happened in the highest-scored share of rows than on average."""
    part = captured(score, happened, share)
    return lambda weight: part(weight) / share
