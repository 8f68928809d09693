"""How good scores are: Q of each model and arm with its interval, differences of models, and the truth where known."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import Z, holm
from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.experiment.estimate import standard_error
from bankmkt.uplift.qini import crossed, effect_scores, places, qini
from bankmkt.uplift.study import Floats, Study
from bankmkt.uplift.study_checks import check_index, numbers

AT = (0.1, 0.2, 0.3)
"""Parts of the customers, best first, whose mean effect is shown."""


def evaluate(study: Study, scores: Any, *, expected: Floats | None = None, held_out: bool = False) -> pd.DataFrame:
    """Say how well each model's scores put customers in order of the campaign's effect on them.

    Parameters
    ----------
    study
        Customers that no model whose scores these are has learned from (out of fold).
    scores
        A frame with a column per model, of several treated arms with columns (model, arm); or a mapping from models to
        such columns as arrays. The higher, the earlier a customer would be contacted.
    expected
        As of :func:`bankmkt.uplift.effect_scores`.
    held_out
        Whether all models were learned from other customers than these. Of :func:`bankmkt.uplift.cross_fit` they
        were not: its folds learn from each other, and intervals are wider by :data:`bankmkt.uplift.qini.CROSSED`.

    Returns
    -------
    pandas.DataFrame
        A row per model and treated arm: model, arm, q, q_ci_lower, q_ci_upper (95 %), q_se; p_value (that the order is
        no better than chance, two-sided) and p_adjusted (Holm, over all rows); effect of the arm on everybody with
        effect_ci_lower, effect_ci_upper; auuc (area under the whole uplift curve: q + half the effect);
        effect_10, effect_20, effect_30 (of the best 10, 20, 30 %) with ``_ci_lower`` and ``_ci_upper``. With truth
        also q_true (of these customers' true effects), q_oracle (of the best order in hindsight), covers (whether the
        interval holds q_true), rank_correlation (Spearman, of score and true effect), pehe (root mean squared error of
        the score as an estimate of the effect; only means something for scores in the outcome's units).

    Raises
    ------
    SchemaError, DataError, ParameterError
        If scores do not fit the study.

    Notes
    -----
    The interval is normal, with the standard error of Q's influence, widened unless scores are held out; its coverage
    is simulated in ``tests/simulations/sim_uplift.py``. Other libraries divide Q by the effect (which explodes near
    none) or count the gain on the treated part only; ``docs/uplift.md`` has the factors.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, treated = rng.normal(size=4000), rng.random(4000) < 0.5
    >>> bought = rng.random(4000) < 0.1 + 0.1 * treated * (x > 0)
    >>> study = Study(pd.DataFrame({"x": x}), treated, bought, propensity=0.5)
    >>> evaluate(study, {"x": x, "constant": 0 * x}, held_out=True)[["model", "q", "q_ci_lower", "q_ci_upper"]].round(3)
          model      q  q_ci_lower  q_ci_upper
    0         x  0.011       0.005       0.017
    1  constant  0.000       0.000       0.000
    """
    table, psi = check_scores(study, scores), effect_scores(study, expected)
    pairs: list[Any] = table.columns.tolist()
    rows = [_row(study, model, arm, table[model, arm].to_numpy(), psi, held_out) for model, arm in pairs]
    found = pd.DataFrame(rows)
    found.insert(list(found.columns).index("p_value") + 1, "p_adjusted", holm(found["p_value"]))
    return found


def _row(study: Study, model: str, arm: str, score: Floats, psi: Floats, held_out: bool) -> dict[str, Any]:
    from scipy.stats import norm

    place = study.treated.index(arm)
    effects = psi[:, place]
    q, influence = qini(score, effects)
    se = standard_error(crossed(influence, 0.0, held_out))
    row: dict[str, Any] = {"model": model, "arm": arm, "q": q, "q_ci_lower": q - Z * se, "q_ci_upper": q + Z * se}
    row |= {"q_se": se, "p_value": float(2 * norm.sf(abs(q) / se)) if se > 0 else np.nan}
    whole = float(effects.mean())
    half = Z * standard_error(effects - whole)
    row |= {"effect": whole, "effect_ci_lower": whole - half, "effect_ci_upper": whole + half, "auuc": q + whole / 2}
    for part in AT:
        top, name = mean_of_best(score, effects, part, held_out), f"effect_{round(100 * part)}"
        row |= {name: top[0], f"{name}_ci_lower": top[0] - Z * top[1], f"{name}_ci_upper": top[0] + Z * top[1]}
    if study.truth is not None:
        truth = study.truth[:, place]
        true = float((truth * (places(score) - 0.5)).mean())
        row |= {"q_true": true, "q_oracle": float((truth * (places(truth) - 0.5)).mean())}
        row |= {"covers": bool(abs(q - true) <= Z * se), "rank_correlation": _rank_correlation(score, truth)}
        row |= {"pehe": float(np.sqrt(np.mean((score - truth) ** 2)))}
    return row


def mean_of_best(score: Floats, effects: Floats, part: float, held_out: bool = False) -> tuple[float, float]:
    """Return the mean effect on the best part of the customers, and its standard error; ties are taken in shares."""
    n = len(score)
    wanted = part * n
    border = np.partition(score, n - int(np.ceil(wanted)))[n - int(np.ceil(wanted))]
    above, level = score > border, score == border
    weight = above + level * ((wanted - above.sum()) / level.sum())
    mean = float((weight * effects).sum() / wanted)
    # The border moves with the sample; what it adds is the mean effect at the border, which the second term takes off.
    at_border = float(effects[level].mean()) if level.sum() > 1 else _near(score, effects, border)
    influence = (weight * (effects - at_border)) / part + at_border - mean
    return mean, standard_error(crossed(influence, effects - effects.mean(), held_out))


def _near(score: Floats, effects: Floats, border: float) -> float:
    """Return the mean effect of the twentieth of customers whose scores are nearest to the border."""
    number = max(len(score) // 20, 10)
    nearest = np.argpartition(np.abs(score - border), min(number, len(score) - 1))[:number]
    return float(effects[nearest].mean())


def compare_models(
    study: Study, scores: Any, *, expected: Floats | None = None, held_out: bool = False
) -> pd.DataFrame:
    """Say which of every two models orders customers better, on the same customers.

    Parameters
    ----------
    study, scores, expected, held_out
        As of :func:`evaluate`.

    Returns
    -------
    pandas.DataFrame
        A row per pair and treated arm: arm, one, other, difference (Q of one less Q of the other), ci_lower, ci_upper
        (95 %, of this pair alone), p_value, p_adjusted (Holm, over all pairs and arms).

    Raises
    ------
    SchemaError, DataError, ParameterError
        As :func:`evaluate`; ParameterError also with fewer than two models.
    """
    from scipy.stats import norm

    table = check_scores(study, scores)
    models = list(dict.fromkeys(table.columns.get_level_values(0)))
    if len(models) < 2:
        raise ParameterError("scores", models, "two models or more", "add one, such as a random score")
    psi, rows = effect_scores(study, expected), []
    for place, arm in enumerate(study.treated):
        found = {model: qini(table[model, arm].to_numpy(), psi[:, place]) for model in models}
        for one, other in itertools.combinations(models, 2):
            difference = found[one][0] - found[other][0]
            se = standard_error(crossed(found[one][1] - found[other][1], 0.0, held_out))
            p = float(2 * norm.sf(abs(difference) / se)) if se > 0 else np.nan
            row = {"arm": arm, "one": one, "other": other, "difference": difference}
            rows.append(row | {"ci_lower": difference - Z * se, "ci_upper": difference + Z * se, "p_value": p})
    out = pd.DataFrame(rows)
    return out.assign(p_adjusted=holm(out["p_value"]))


def check_scores(study: Study, scores: Any) -> pd.DataFrame:
    """Return scores as a frame with columns (model, arm), or raise an error that says what does not fit."""
    if not isinstance(study, Study):
        raise ParameterError("study", type(study).__name__, "a bm.uplift.Study", "make one")
    if isinstance(scores, Mapping) and not isinstance(scores, pd.DataFrame):
        columns: dict[tuple[str, str], Floats] = {}
        for model, values in scores.items():
            check_index(f"scores of {model}", values, study.index)
            named = isinstance(values, pd.DataFrame) and set(study.treated) <= set(values.columns)
            by_place = isinstance(values, pd.DataFrame) and not named and len(study.treated) > 1
            if by_place or (str(model), study.treated[0]) in columns:
                todo = "name each model once, and its columns by the arms"
                raise SchemaError("scores", model, f"columns {', '.join(study.treated)} of each model", todo)
            values = values[list(study.treated)] if named else values
            array = numbers(f"scores of {model}", values)
            array = array[:, None] if array.ndim == 1 else array
            if array.shape != (len(study), len(study.treated)):
                shape = f"{len(study):,} rows and a column for each of {', '.join(study.treated)}"
                raise DataError(f"scores of {model}", array.shape, shape, "score every customer for every treated arm")
            columns |= {(str(model), arm): array[:, place] for place, arm in enumerate(study.treated)}
        table = pd.DataFrame(columns)
    elif isinstance(scores, pd.DataFrame):
        check_index("scores", scores, study.index)
        table = scores.reset_index(drop=True)
        if table.columns.nlevels == 1 and len(study.treated) == 1:
            table.columns = pd.MultiIndex.from_product([table.columns.astype(str), study.treated])
    else:
        raise ParameterError("scores", type(scores).__name__, "a frame or a mapping of models", "such as cross_fit's")
    if table.columns.nlevels != 2 or table.columns.has_duplicates or not len(table.columns):
        raise SchemaError(
            "scores", list(table.columns)[:4], "columns (model, arm), each once", "pass cross_fit's scores"
        )
    if len(table) != len(study):
        raise DataError("scores", f"{len(table):,} rows", f"one per customer: {len(study):,}", "keep the study's order")
    models = list(dict.fromkeys(table.columns.get_level_values(0)))
    for model in models:
        for arm in study.treated:
            if (model, arm) not in table.columns:
                raise SchemaError(f"scores of {model} for arm", arm, "all treated arms", "score every arm")
            if not np.isfinite(numbers(f"scores of {model}", table[model, arm])).all():
                raise DataError(f"scores of {model}", "missing or infinite", "a number for every customer", "fill them")
    return table[[(model, arm) for model in models for arm in study.treated]].astype(float)


def _rank_correlation(one: Floats, other: Floats) -> float:
    from scipy.stats import rankdata

    a, b = rankdata(one), rankdata(other)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
