"""The curve behind Q: what the first part of the customers brings, with a band that holds the whole curve."""

from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import LEVEL, Z
from bankmkt.errors import ParameterError
from bankmkt.experiment.estimate import standard_error
from bankmkt.uplift.draws import DRAWS, check_draws, largest, multiplied
from bankmkt.uplift.evaluation import check_scores
from bankmkt.uplift.qini import crossed, effect_scores, places
from bankmkt.uplift.study import Floats, Study

POINTS = 20
"""Parts of the customers at which the curve is computed."""


def curve(
    study: Study,
    scores: Any,
    *,
    expected: Floats | None = None,
    held_out: bool = False,
    points: int = POINTS,
    draws: int = DRAWS,
    seed: int = 7,
) -> pd.DataFrame:
    """Say what contacting the first part of the customers brings, in each model's order.

    Parameters
    ----------
    study, scores, expected, held_out
        As of :func:`bankmkt.uplift.evaluate`.
    points
        Number of equal parts at whose ends the curve is computed.
    draws, seed
        Of the multiplier bootstrap that the band is from.

    Returns
    -------
    pandas.DataFrame
        A row per model, arm and point: model, arm, share (of the customers, best first, from 0 to 1), gain (effect on
        these customers by the number of all: the uplift curve) with gain_ci_lower, gain_ci_upper (95 %, of this point
        alone); above (gain less share times the whole gain: the Qini curve, whose area is Q) with above_ci_lower,
        above_ci_upper (of this point), band_lower, band_upper (95 %, of the whole Qini curve at once); with truth also
        above_true.

    Raises
    ------
    SchemaError, DataError, ParameterError
        As :func:`bankmkt.uplift.evaluate`.

    Notes
    -----
    Equal scores are contacted together, in shares. The influence of a customer on the curve at share s is
    (1[in the first s] − s) · (ψ − ψ at the border) less its mean: the border moves with the sample, and what it adds
    is the mean ψ there. The band is a max-t one: Montiel Olea & Plagborg-Møller (2019),
    Journal of Applied Econometrics 34.

    Examples
    --------
    >>> x = np.arange(400) % 2
    >>> treated = np.arange(400) % 4 >= 2
    >>> study = Study(pd.DataFrame({"x": x}), treated, 1.0 * x * treated, propensity=0.5)
    >>> curve(study, {"x": x}, points=4)[["share", "gain", "above"]]
       share  gain  above
    0   0.00  0.00  0.000
    1   0.25  0.25  0.125
    2   0.50  0.50  0.250
    3   0.75  0.50  0.125
    4   1.00  0.50  0.000
    """
    check_draws(draws, seed)
    if isinstance(points, bool) or not isinstance(points, int) or not 2 <= points <= 100:
        raise ParameterError("points", points, "an integer from 2 to 100", f"pass points={POINTS}")
    table, psi = check_scores(study, scores), effect_scores(study, expected)
    shares = np.arange(points + 1) / points
    pairs: list[Any] = table.columns.tolist()
    parts = []
    for model, arm in pairs:
        place = study.treated.index(arm)
        score = table[model, arm].to_numpy()
        gain, above, of_whole, of_above = _curve(score, psi[:, place], shares)
        of_above = crossed(of_above, 0.0, held_out)
        of_gain = of_whole + of_above
        rows = pd.DataFrame({"model": model, "arm": arm, "share": shares, "gain": gain})
        se = np.array([standard_error(one) for one in of_gain.T])
        rows["gain_ci_lower"], rows["gain_ci_upper"] = gain - Z * se, gain + Z * se
        se = np.array([standard_error(one) for one in of_above.T])
        rows["above"], rows["above_ci_lower"], rows["above_ci_upper"] = above, above - Z * se, above + Z * se
        inner = se > 1e-12 * max(1.0, float(np.abs(psi).max()))  # the ends are 0 and certain
        wide = largest(multiplied(of_above[:, inner], draws, seed), se[inner], LEVEL) if inner.any() else Z
        rows["band_lower"], rows["band_upper"] = above - wide * se, above + wide * se
        if study.truth is not None:
            rows["above_true"] = _curve(score, study.truth[:, place], shares)[1]
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)


def _curve(score: Floats, effects: Floats, shares: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the uplift and the Qini curve at some shares; influences on the share of the whole effect, and on Qini."""
    n, mean = len(score), float(effects.mean())
    values, group = np.unique(-score, return_inverse=True)
    size = np.bincount(group, minlength=len(values))
    before, here = (np.cumsum(size) - size) / n, size / n
    level = np.bincount(group, effects, minlength=len(values)) / size
    smooth = _near_border(score, effects, shares)
    gain, above = np.empty(len(shares)), np.empty(len(shares))
    of_whole, of_above = np.empty((n, len(shares))), np.empty((n, len(shares)))
    for j, share in enumerate(shares):
        inside = np.clip((share - before) / here, 0, 1)[group]
        border = min(int(np.searchsorted(before, share, "right")) - 1, len(values) - 1)
        at = level[border] if size[border] > n / 100 else smooth[j]
        gain[j] = float((inside * effects).mean())
        above[j] = gain[j] - share * mean
        of_whole[:, j] = share * (effects - mean)
        of_above[:, j] = inside * effects - gain[j] - at * (inside - share) - of_whole[:, j]
    return gain, above, of_whole, of_above


def _near_border(score: Floats, effects: Floats, shares: Floats) -> Floats:
    """Return the mean effect score of the twentieth of customers whose places are nearest to each border."""
    place, half = places(-score), max(0.025, 5 / len(score))
    order = np.argsort(place, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(effects[order])])
    low = np.searchsorted(place[order], np.clip(shares - half, 0, 1 - 2 * half), "left")
    high = np.searchsorted(place[order], np.clip(shares + half, 2 * half, 1), "right")
    return np.asarray((sums[high] - sums[low]) / np.maximum(high - low, 1))
