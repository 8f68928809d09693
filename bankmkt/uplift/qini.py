"""The headline figure of an uplift model: Q, the area between its curve and the random line, with its interval.

Customers are put in order of a score; the curve says how much of the campaign's whole effect the first part of them
brings. With each customer's *effect score* ψ, whose mean over any group is an unbiased estimate of the group's mean
effect, the area is the covariance of ψ with the customer's place in the order: no curve needs to be summed up.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.errors import ParameterError, SchemaError, one_of
from bankmkt.uplift.study import Floats, Study
from bankmkt.uplift.study_checks import check_index

CROSSED = 2**0.5
"""Factor on the standard error of an order's figures where customers' scores come from models of each other.

Of two customers in different folds each is scored by a model that has seen the other. Write the score as a sum over
those it was learned from: then Q is a sum over pairs, and every pair is in it twice. Where effects do not differ that
doubles Q's variance (a degenerate U-statistic: Hoeffding 1948; Serfling 1980, 5.5); where they do, the part that the
influence knows outweighs it, and the factor is too wide. Splitting once has no such pairs but half of the customers to
judge by, so its error is larger by the same factor (Chernozhukov, Demirer, Duflo & Fernández-Val 2018, who take
medians over many splits, and double p-values). :func:`bankmkt.uplift.cross_fit` brings its folds to one level; without
that they would be too narrow even so. With more than five folds of one or two columns they still are: the folds' few
slopes turn together. ``tests/simulations/sim_uplift.py`` shows both.
"""


def effect_scores(study: Study, expected: Floats | None = None) -> Floats:
    """Return ψ: for each customer and treated arm a number whose mean over any group estimates the group's mean effect.

    Parameters
    ----------
    study
        Of :class:`bankmkt.uplift.Study`.
    expected
        Customers × arms: the outcome to be expected in each arm, predicted without this customer (out of fold), as an
        array in the study's order or a frame with its labels and a column per arm; by default every arm's mean outcome.
        Better predictions make ψ less noisy; with known propensities no prediction biases it, with estimated ones
        either of the two must be right (doubly robust).

    Returns
    -------
    numpy.ndarray
        Customers × treated arms.

    References
    ----------
    Robins, Rotnitzky & Zhao (1994), JASA 89 (augmented inverse-probability weighting).

    Examples
    --------
    >>> import pandas as pd
    >>> study = Study(pd.DataFrame({"x": range(40)}), [0, 1] * 20, [1.0, 3.0] * 20, propensity=0.5)
    >>> effect_scores(study).mean()
    np.float64(2.0)
    """
    if not isinstance(study, Study):
        raise ParameterError("study", type(study).__name__, "a bm.uplift.Study", "make one")
    rows = np.arange(len(study))
    if expected is not None:
        expected = expected_by_arm(study, expected)
    else:
        weight = 1 / study.propensity[rows, study.arm]
        size = np.bincount(study.arm, weight)
        expected = np.tile(np.bincount(study.arm, weight * study.outcome) / size, (len(study), 1))
    rest = (study.outcome - expected[rows, study.arm]) / study.propensity[rows, study.arm]
    each = expected.copy()
    each[rows, study.arm] += rest
    return np.asarray(each[:, 1:] - each[:, :1])


def expected_by_arm(study: Study, expected: Any) -> Floats:
    """Return expected outcomes as numbers, customers × arms; those of a frame by the names of its rows and columns."""
    todo = "pass what bm.uplift.expected_outcomes returned"
    if isinstance(expected, pd.DataFrame):
        if missing := [arm for arm in study.arms if arm not in expected]:
            raise SchemaError("expected has no column", missing[0], one_of(study.arms), todo)
        check_index("expected", expected, study.index)
        expected = expected[list(study.arms)]
    array = np.asarray(expected)
    if array.dtype.kind not in "biuf" or array.shape != study.propensity.shape or not np.isfinite(array).all():
        what = array.shape or type(expected).__name__
        raise ParameterError("expected", what, f"numbers, {study.propensity.shape}: customers × arms", todo)
    return array.astype(float)


def places(score: npt.ArrayLike) -> Floats:
    """Return each customer's place in the order of a score, 0 lowest to 1 highest; equal scores share their middle.

    Examples
    --------
    >>> places([3, 1, 1, 2]).tolist()
    [0.875, 0.25, 0.25, 0.625]
    """
    from scipy.stats import rankdata

    values = np.asarray(score, float)
    return np.asarray((rankdata(values) - 0.5) / len(values))


def crossed(influence: Floats, whole: Floats | float, held_out: bool) -> Floats:
    """Return influences on a figure of an order, wide enough for cross-fitted scores.

    Parameters
    ----------
    influence
        On the figure.
    whole
        The part of it that is the effect on everybody, in which no score is: it is not widened.
    held_out
        Whether the scores' models were learned from other customers altogether.

    Raises
    ------
    ParameterError
        If ``held_out`` is neither True nor False.
    """
    if not isinstance(held_out, bool):
        raise ParameterError(
            "held_out", held_out, "True or False", "True only where no model has learned from any of these customers"
        )
    return influence if held_out else whole + CROSSED * (influence - whole)


def qini(score: npt.ArrayLike, psi: npt.ArrayLike) -> tuple[float, Floats]:
    """Return Q and each customer's influence on it.

    Parameters
    ----------
    score
        The higher, the earlier a customer is contacted.
    psi
        Of :func:`effect_scores`.

    Returns
    -------
    q, influence
        Q in units of the outcome per customer: 0 for a random order, and for equal scores whatever the rows' order. The
        standard error is the root of the mean squared influence divided by the number of customers; differences
        of models' Q have the differences of their influences.

    Notes
    -----
    Q = mean of ψ · (place − ½), a V-statistic of two customers; the influence is that of its projection (Hoeffding
    1948), so that chance in the order itself is in it.

    Examples
    --------
    The better half has an effect of 1, the others none: the curve rises to ½ at half of the customers and stays.

    >>> q, influence = qini([4, 3, 2, 1], [1, 1, 0, 0])
    >>> q, bool(abs(influence.mean()) < 1e-12)
    (0.125, True)
    """
    values, effects = np.asarray(score, float), np.asarray(psi, float)
    if values.shape != effects.shape or values.ndim != 1 or not len(values):
        raise ParameterError(
            "score", values.shape, f"one number per effect score: {effects.shape}", "pass both in one order"
        )
    n, order = len(values), np.argsort(values, kind="stable")
    place = places(values)
    if place.max() == place.min():
        return 0.0, np.zeros(n)
    q = float((effects * (place - 0.5)).mean())
    # H: the mean over all customers of ψ where the score is higher, half of it where it is equal.
    ranked, sums = values[order], np.concatenate([[0.0], np.cumsum(effects[order])])
    below = np.searchsorted(ranked, values, "left")
    upto = np.searchsorted(ranked, values, "right")
    higher = (sums[-1] - sums[upto] + 0.5 * (sums[upto] - sums[below])) / n
    influence = effects * (place - 0.5) + higher - 0.5 * effects.mean() - 2 * q
    return q, influence
