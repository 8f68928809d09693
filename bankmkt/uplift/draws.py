"""Draws of Q for many models at once: intervals that hold for all of them together, in one pass over the customers."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.confidence import LEVEL
from bankmkt.errors import ParameterError
from bankmkt.experiment.estimate import standard_error
from bankmkt.uplift.evaluation import check_scores
from bankmkt.uplift.qini import crossed, effect_scores, qini
from bankmkt.uplift.study import Floats, Study

DRAWS = 1000
BLOCK = 16_384
"""Customers whose weights are in memory at a time."""


def q_draws(
    study: Study,
    scores: Any,
    *,
    expected: Floats | None = None,
    held_out: bool = False,
    draws: int = DRAWS,
    seed: int = 7,
) -> pd.DataFrame:
    """Draw what Q of each model could have been, jointly, by a multiplier bootstrap.

    Each draw gives every customer's influence on Q a random sign. That moves Q as other customers from the same bank
    would, and needs no new sorting: all models' draws are one product of matrices.

    Parameters
    ----------
    study, scores, expected, held_out
        As of :func:`bankmkt.uplift.evaluate`.
    draws
        Number of draws.
    seed
        Of the signs.

    Returns
    -------
    pandas.DataFrame
        A row per draw, columns (model, arm): Q and its error.

    Raises
    ------
    SchemaError, DataError, ParameterError
        As :func:`bankmkt.uplift.evaluate`.

    References
    ----------
    Rademacher weights: van der Vaart & Wellner (1996), Weak Convergence and Empirical Processes, 2.9; Davidson &
    Flachaire (2008), Journal of Econometrics 146.

    Examples
    --------
    >>> x = np.arange(400.0)
    >>> study = Study(pd.DataFrame({"x": x}), [0, 1] * 200, x * ([0, 1] * 200), propensity=0.5)
    >>> q_draws(study, {"x": x}, draws=500).shape
    (500, 1)
    """
    check_draws(draws, seed)
    table = check_scores(study, scores)
    q, influence = _influences(table, effect_scores(study, expected), study.treated, held_out)
    return pd.DataFrame(q + multiplied(influence, draws, seed), columns=table.columns)


def joint_intervals(
    study: Study,
    scores: Any,
    *,
    expected: Floats | None = None,
    held_out: bool = False,
    draws: int = DRAWS,
    seed: int = 7,
) -> pd.DataFrame:
    """Give intervals of Q that hold for all models and arms at once, to say which of many are better than chance.

    Parameters
    ----------
    study, scores, expected, held_out, draws, seed
        As of :func:`q_draws`.

    Returns
    -------
    pandas.DataFrame
        A row per model and arm: model, arm, q, q_se, joint_ci_lower, joint_ci_upper (95 % that all hold their truth).
        Narrower than intervals by Bonferroni, because models' errors go together.

    Raises
    ------
    SchemaError, DataError, ParameterError
        As :func:`bankmkt.uplift.evaluate`.

    References
    ----------
    Montiel Olea & Plagborg-Møller (2019), Journal of Applied Econometrics 34 (max-t bands).
    """
    check_draws(draws, seed)
    table = check_scores(study, scores)
    q, influence = _influences(table, effect_scores(study, expected), study.treated, held_out)
    se = np.array([standard_error(one) for one in influence.T])
    wide = largest(multiplied(influence[:, se > 0], draws, seed), se[se > 0], LEVEL) if (se > 0).any() else 0.0
    out = pd.DataFrame(list(table.columns), columns=["model", "arm"])
    return out.assign(q=q, q_se=se, joint_ci_lower=q - wide * se, joint_ci_upper=q + wide * se)


def multiplied(influence: Floats, draws: int, seed: int) -> Floats:
    """Return draws of the errors of means, of which ``influence`` has a column each: draws × columns.

    Memory is bounded: signs are made for :data:`BLOCK` customers at a time.

    Examples
    --------
    >>> drawn = multiplied(np.ones((10_000, 1)), 2000, 1)
    >>> bool(abs(drawn.std() * 100 - 1) < 0.05)
    True
    """
    n, rng = len(influence), np.random.default_rng(seed)
    out = np.zeros((draws, influence.shape[1]))
    size = np.sqrt((influence**2).mean(axis=0))
    scaled: npt.NDArray[np.float32] = np.asarray(influence / np.where(size > 0, size, 1.0), np.float32)
    for begin in range(0, n, BLOCK):
        part = scaled[begin : begin + BLOCK]
        bits = np.frombuffer(rng.bytes(draws * -(-len(part) // 8)), np.uint8).reshape(draws, -1)
        signs = np.unpackbits(bits, axis=1, count=len(part)).astype(np.float32)
        # sign = 2 · bit − 1; taking the column sums off is cheaper than changing every bit
        out += 2.0 * (signs @ part) - part.sum(axis=0, dtype=np.float64)
    return out * size / n


def largest(errors: Floats, se: Floats, level: float) -> float:
    """Return how many standard errors hold the largest of several errors in this share of the draws."""
    return float(np.quantile(np.abs(errors / se).max(axis=1), level))


def check_draws(draws: Any, seed: Any) -> None:
    """Raise ParameterError unless there are enough draws for a 95 % interval, and the seed is one."""
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 200:
        raise ParameterError("draws", draws, "an integer from 200", f"pass draws={DRAWS}")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ParameterError("seed", seed, "an integer from 0", "pass seed=7")


def _influences(table: pd.DataFrame, psi: Floats, treated: tuple[str, ...], held_out: bool) -> tuple[Floats, Floats]:
    pairs: list[Any] = table.columns.tolist()
    found = [qini(table[pair].to_numpy(), psi[:, treated.index(pair[1])]) for pair in pairs]
    return np.array([q for q, _ in found]), crossed(np.column_stack([each for _, each in found]), 0.0, held_out)
