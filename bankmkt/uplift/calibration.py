"""Whether a score may be taken at its word, and everything about who reacts in one table."""

from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import Z, holm
from bankmkt.privacy import K
from bankmkt.uplift.evaluation import check_scores
from bankmkt.uplift.heterogeneity import groups, heterogeneity, traits
from bankmkt.uplift.qini import crossed, effect_scores, places
from bankmkt.uplift.study import Floats, Study


def calibration(
    study: Study, scores: Any, *, expected: Floats | None = None, held_out: bool = False, parts: int = 10
) -> pd.DataFrame:
    """Say how far each model's predicted effects are from those that were measured.

    The effect scores are regressed on each score. A model that may be taken at its word has slope 1 and intercept 0:
    then a predicted effect of two points is one of two points. A slope below 1 exaggerates differences; an intercept
    is an effect on everybody that the model leaves out.

    Parameters
    ----------
    study, scores, expected, held_out
        As of :func:`bankmkt.uplift.evaluate`; scores are predicted effects, in units of the outcome.
    parts
        Groups by score for ``typical_error``.

    Returns
    -------
    pandas.DataFrame
        A row per model and arm: model, arm, predicted (mean score), effect (mean measured), slope, slope_ci_lower,
        slope_ci_upper, intercept, intercept_ci_lower, intercept_ci_upper (95 %, robust to unequal variances), p_value
        (that slope is 1 and intercept 0: Wald), typical_error (root mean squared difference of predicted and measured
        effect by group, less what chance in the groups adds; 0 if that is all). A constant score has neither slope nor
        intercept: null.

    Raises
    ------
    SchemaError, DataError, ParameterError
        As :func:`bankmkt.uplift.evaluate`.

    References
    ----------
    Leng & Dimmery (2024), arXiv 2404.19590 (calibration of effects); White (1980), Econometrica 48 (HC0).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, treated = rng.normal(size=4000), rng.random(4000) < 0.5
    >>> study = Study(pd.DataFrame({"x": x}), treated, rng.normal(size=4000) + treated * (1 + x), propensity=0.5)
    >>> calibration(study, {"right": 1 + x, "twice": 2 + 2 * x})[["model", "slope", "intercept"]].round(1)
       model  slope  intercept
    0  right    1.0       -0.0
    1  twice    0.5       -0.0
    """
    from scipy.stats import chi2

    table, psi, rows = check_scores(study, scores), effect_scores(study, expected), []
    pairs: list[Any] = table.columns.tolist()
    for model, arm in pairs:
        effects, score = psi[:, study.treated.index(arm)], table[model, arm].to_numpy()
        row = {"model": model, "arm": arm, "predicted": float(score.mean()), "effect": float(effects.mean())}
        line, covariance = _line(score, effects, held_out)
        se = np.sqrt(np.diag(covariance))
        for name, at in (("slope", 1), ("intercept", 0)):
            row |= {
                name: line[at],
                f"{name}_ci_lower": line[at] - Z * se[at],
                f"{name}_ci_upper": line[at] + Z * se[at],
            }
        off = line - np.array([0.0, 1.0])
        wald = float(off @ np.linalg.pinv(covariance) @ off) if np.isfinite(se).all() and se.min() > 0 else np.nan
        rows.append(row | {"p_value": float(chi2.sf(wald, 2)), "typical_error": _typical_error(score, effects, parts)})
    return pd.DataFrame(rows)


def _line(score: Floats, effects: Floats, held_out: bool) -> tuple[Floats, Floats]:
    """Return intercept and slope of effects on a score, and their covariance."""
    if np.ptp(score) == 0:
        return np.full(2, np.nan), np.full((2, 2), np.nan)
    x = np.column_stack([np.ones(len(score)), score - score.mean()])
    inverse = np.diag(1 / (x**2).sum(axis=0))
    line = inverse @ (x.T @ effects)
    meat = x * (effects - x @ line)[:, None]
    meat[:, 1] = crossed(meat[:, 1], 0.0, held_out)
    back = np.array([[1.0, -score.mean()], [0.0, 1.0]])  # from the centred score to the score itself
    return back @ line, back @ inverse @ (meat.T @ meat) @ inverse @ back.T


def _typical_error(score: Floats, effects: Floats, parts: int) -> float:
    group = np.minimum((places(score) * parts).astype(int), parts - 1)
    size = np.bincount(group, minlength=parts)
    difference = effects - score
    mean = np.bincount(group, difference, minlength=parts) / np.maximum(size, 1)
    of_chance = np.bincount(group, (difference - mean[group]) ** 2, minlength=parts) / np.maximum(size - 1, 1)
    squared = float((size * mean**2).sum() - of_chance[size > 0].sum()) / len(score)
    return float(np.sqrt(max(squared, 0.0)))


def who_reacts(
    study: Study,
    score: Any,
    arm: str | None = None,
    *,
    parts: int = 5,
    part: float = 0.2,
    expected: Floats | None = None,
    held_out: bool = False,
    k: int = K,
) -> pd.DataFrame:
    """Put what a score says about who reacts into one table: whether effects differ, by how much, between whom.

    Parameters
    ----------
    study, score, arm, expected, held_out, k
        As of :func:`bankmkt.uplift.groups`.
    parts
        Number of groups.
    part
        Share of customers at each end whose traits are compared.

    Returns
    -------
    pandas.DataFrame
        Columns about (``effect``: slope and mean of the best linear predictor, BLP; ``groups``: the effect by group,
        the best first, and of the best less that of the last, GATES; ``traits``: mean of the highest part less that
        of the lowest, CLAN), item, estimate, ci_lower, ci_upper (95 %), p_value, p_adjusted (Holm, within ``about``).

    Raises
    ------
    ParameterError, DataError
        As :func:`bankmkt.uplift.groups`.

    References
    ----------
    Chernozhukov, Demirer, Duflo & Fernández-Val (2018), NBER 24678. They split the sample many times and take medians;
    here one pass has every customer in it, with intervals wide enough for scores whose models learned from each other.
    """
    from scipy.stats import norm

    found = groups(study, score, arm, parts=parts, expected=expected, held_out=held_out, k=k)
    place = 0 if arm is None else study.treated.index(arm)
    values = np.asarray(score, float)
    every = {"score": np.tile(values[:, None], (1, len(study.treated)))}
    both = heterogeneity(study, every, expected=expected, held_out=held_out)
    one = both.iloc[place]
    effects = effect_scores(study, expected)[:, place]
    half = Z * float(effects.std() / np.sqrt(len(effects)))
    line = pd.DataFrame({
        "item": ["mean effect", "slope on the score"], "estimate": [one["effect"], one["slope"]],
        "ci_lower": [one["effect"] - half, one["slope_ci_lower"]],
        "ci_upper": [one["effect"] + half, one["slope_ci_upper"]],
    })  # fmt: skip
    ends = found.iloc[[0, -1]]
    gap = float(ends["effect"].iloc[0] - ends["effect"].iloc[1])
    wide = float(np.hypot(*(ends["ci_upper"] - ends["effect"])))
    between = pd.DataFrame(
        {"item": ["first less last"], "estimate": gap, "ci_lower": gap - wide, "ci_upper": gap + wide}
    )
    by_group = found.assign(item="group " + found["group"].astype(str), estimate=found["effect"])
    differ = traits(study, score, part=part, k=k).rename(columns={"trait": "item", "difference": "estimate"})
    tables = {"effect": line, "groups": pd.concat([by_group, between]), "traits": differ}
    columns = ["about", "item", "estimate", "ci_lower", "ci_upper"]
    out = pd.concat([t.assign(about=about)[columns] for about, t in tables.items()], ignore_index=True)
    se = (out["ci_upper"] - out["ci_lower"]) / (2 * Z)
    out["p_value"] = 2 * norm.sf(np.abs(out["estimate"] / se.where(se > 0)))
    out["p_adjusted"] = out.groupby("about")["p_value"].transform(holm)
    return out
