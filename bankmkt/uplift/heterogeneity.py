"""Whether effects differ between customers as a score says, by how much, and between whom."""

from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import Z, holm
from bankmkt.errors import ParameterError, one_of
from bankmkt.experiment.estimate import standard_error
from bankmkt.privacy import K, check_k, small_cells, small_parts
from bankmkt.uplift.evaluation import check_scores
from bankmkt.uplift.fairness import named
from bankmkt.uplift.qini import crossed, effect_scores, places
from bankmkt.uplift.study import Floats, Study
from bankmkt.uplift.study_checks import check_index, numbers

RATES = ["rate_treated", "rate_control"]


def groups(
    study: Study,
    score: Any,
    arm: str | None = None,
    *,
    parts: int = 10,
    expected: Floats | None = None,
    held_out: bool = False,
    k: int = K,
) -> pd.DataFrame:
    """Show the effect by tenths of a score: the table a campaign manager reads first.

    Parameters
    ----------
    study
        Customers whose scores were not learned from them.
    score
        One score per customer; of several arms, that of ``arm``.
    arm
        Treated arm; the only one, if not given.
    parts
        Number of groups of about equal size; equal scores stay together.
    expected
        As of :func:`bankmkt.uplift.effect_scores`.
    held_out
        As of :func:`bankmkt.uplift.evaluate`.
    k
        Fewest customers of an arm that a group may have; smaller groups' figures are null. So are both rates where
        either is that of fewer than k customers with an outcome other than 0, or of all but so few (of outcomes 0 and
        1), and those of further groups without which the total would give them away.

    Returns
    -------
    pandas.DataFrame
        A row per group, the best first: group (1, 2, …), customers, treated, control (customers of the two arms),
        score (mean), rate_treated, rate_control (mean outcomes, weighted by the chances), effect, ci_lower, ci_upper
        (95 %, each by itself); with truth also truth (mean true effect).

    Raises
    ------
    ParameterError, DataError
        If an argument is not as above.

    References
    ----------
    Chernozhukov, Demirer, Duflo & Fernández-Val (2018), NBER 24678 (sorted group average effects, GATES).

    Examples
    --------
    >>> x = np.repeat([1.0, 2.0], 40)
    >>> study = Study(pd.DataFrame({"x": x}), [0, 1] * 40, x * ([0, 1] * 40), propensity=0.5)
    >>> groups(study, x, parts=2)[["group", "customers", "score", "effect"]]
       group  customers  score  effect
    0      1         40    2.0     2.0
    1      2         40    1.0     1.0
    """
    place, values, psi = _one(study, score, arm, expected)
    check_k(k)
    if isinstance(parts, bool) or not isinstance(parts, int) or not 2 <= parts <= 100:
        raise ParameterError("parts", parts, "an integer from 2 to 100", "pass parts=10")
    number = parts - 1 - np.minimum((places(values) * parts).astype(int), parts - 1)
    rows: list[dict[str, Any]] = []
    counts: list[list[tuple[int, int]]] = []
    for group in np.unique(number):
        here = number == group
        row: dict[str, Any] = {"group": len(rows) + 1, "customers": int(here.sum())}
        sizes, some, rates = [], [], []
        for code in (place + 1, 0):
            of = here & (study.arm == code)
            weight = 1 / study.propensity[of, code]
            sizes.append(int(of.sum()))
            some.append(int((study.outcome[of] != 0).sum()))
            rates.append(float(weight @ study.outcome[of] / weight.sum()) if of.any() else np.nan)
        effect = float(psi[here].mean())
        half = Z * standard_error(crossed(here / here.mean() * (psi - effect), psi - psi.mean(), held_out))
        figures = {"score": float(values[here].mean()), "rate_treated": rates[0], "rate_control": rates[1]}
        figures |= {"effect": effect, "ci_lower": effect - half, "ci_upper": effect + half}
        if study.truth is not None:
            figures["truth"] = float(study.truth[here, place].mean())
        if min(sizes) < k:
            figures = dict.fromkeys(figures, np.nan)
        rows.append(row | {"treated": sizes[0], "control": sizes[1]} | figures)
        counts.append(list(zip(some, sizes, strict=True)))
    out = pd.DataFrame(rows)
    out.loc[_few(np.array(counts), k, yes_no=bool(np.isin(study.outcome, (0, 1)).all())), RATES] = np.nan
    return out


def _few(counts: Any, k: int, yes_no: bool) -> pd.Series:
    """Say in which rows some figure of a column is about few; counts: rows × columns × (not 0, of how many)."""
    hidden = pd.Series(False, index=range(len(counts)))
    for _ in range(2):  # what one column hides, the other's cells that stay must allow
        for some, of in counts.transpose(1, 2, 0):
            here = pd.Series(some)
            if yes_no:
                hidden = small_parts(here, pd.Series(of), k=k, hidden=hidden)
            else:
                hidden = small_cells(here, k=k, hidden=hidden)
    return hidden


def heterogeneity(study: Study, scores: Any, *, expected: Floats | None = None, held_out: bool = False) -> pd.DataFrame:
    """Test whether effects differ as scores say, and whether they differ by as much.

    The effect scores are regressed on each model's score: the best linear predictor of the effect. A slope of 0 means
    that the score tells nothing, of 1 that it is an estimate to be taken at its word, between them that it
    exaggerates.

    Parameters
    ----------
    study, scores, expected, held_out
        As of :func:`bankmkt.uplift.evaluate`.

    Returns
    -------
    pandas.DataFrame
        A row per model and arm: model, arm, effect (mean), slope, slope_ci_lower, slope_ci_upper (95 %, robust),
        p_value (that the slope is 0), p_adjusted (Holm). A constant score has no slope: null.

    Raises
    ------
    SchemaError, DataError, ParameterError
        As :func:`bankmkt.uplift.evaluate`.

    References
    ----------
    Chernozhukov et al. (2018), NBER 24678 (BLP); Semenova & Chernozhukov (2021), Econometrics Journal 24 (of doubly
    robust scores).
    """
    from scipy.stats import norm

    table, psi, rows = check_scores(study, scores), effect_scores(study, expected), []
    pairs: list[Any] = table.columns.tolist()
    for model, arm in pairs:
        effects = psi[:, study.treated.index(arm)]
        score = table[model, arm].to_numpy()
        x, mean = score - score.mean(), float(effects.mean())
        row: dict[str, Any] = {"model": model, "arm": arm, "effect": mean}
        spread = float(x @ x)
        slope = se = np.nan
        if np.ptp(score) > 0:
            slope = float(x @ effects / spread)
            se = standard_error(crossed(x * (effects - mean - slope * x) / spread * len(x), 0.0, held_out))
        p = float(2 * norm.sf(abs(slope) / se)) if se > 0 else np.nan
        rows.append(
            row | {"slope": slope, "slope_ci_lower": slope - Z * se, "slope_ci_upper": slope + Z * se, "p_value": p}
        )
    out = pd.DataFrame(rows)
    out["p_adjusted"] = holm(out["p_value"])
    return out


def traits(study: Study, score: Any, *, part: float = 0.2, k: int = K) -> pd.DataFrame:
    """Say how the customers with the highest scores differ from those with the lowest.

    Parameters
    ----------
    study
        What was known before: each column of ``X``; categories become a row per value.
    score
        One score per customer.
    part
        Share of the customers at each end.
    k
        Fewest customers that a figure may be about. Values that fewer have are put together as "other values"; a trait
        that fewer at either end have, or all there but fewer, is left out, with a second one of the same column where
        the others would give it away.

    Returns
    -------
    pandas.DataFrame
        A row per column or category, the most telling first: trait, most (mean of the highest part), least (of the
        lowest), difference, ci_lower, ci_upper (95 %), standardised (difference by the standard deviation of all),
        p_value, p_adjusted (Holm).

    Raises
    ------
    ParameterError, DataError
        If an argument is not as above.

    References
    ----------
    Chernozhukov et al. (2018), NBER 24678 (classification analysis, CLAN).
    """
    from scipy.stats import norm

    if isinstance(part, bool) or not isinstance(part, int | float) or not 0 < part <= 0.5:
        raise ParameterError("part", part, "a share up to 0.5", "pass part=0.2")
    values = _score(study, score)
    place = places(values)
    most, least = place > 1 - part, place < part
    if min(most.sum(), least.sum()) < max(check_k(k), 2):
        raise ParameterError("score", "too many equal values", "an order of customers", "choose another score")
    rows = []
    for name, column in study.X.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            texts = named(column, k)
            kinds = {f"{name} = {value}": (texts == value).to_numpy(float) for value in texts.cat.categories}
        else:
            kinds = {str(name): column.to_numpy(dtype=float, na_value=np.nan)}
        few = _few(np.array([_told(x, most, least) for x in kinds.values()]), k, _yes_no(kinds.values()))
        for (trait, x), hidden in zip(kinds.items(), few, strict=True):
            a, b = x[most & ~np.isnan(x)], x[least & ~np.isnan(x)]
            spread = float(np.nanstd(x))
            if hidden or min(len(a), len(b)) < max(k, 2) or not spread > 0:
                continue
            difference = float(a.mean() - b.mean())
            se = float(np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))
            p = float(2 * norm.sf(abs(difference) / se)) if se > 0 else np.nan
            rows.append({
                "trait": trait, "most": float(a.mean()), "least": float(b.mean()), "difference": difference,
                "ci_lower": difference - Z * se, "ci_upper": difference + Z * se, "standardised": difference / spread,
                "p_value": p,
            })  # fmt: skip
    columns = ["trait", "most", "least", "difference", "ci_lower", "ci_upper", "standardised", "p_value"]
    out = pd.DataFrame(rows, columns=columns)
    out["p_adjusted"] = holm(out["p_value"])
    return out.sort_values("standardised", key=lambda values: -values.abs(), ignore_index=True)


def _told(x: Floats, most: Any, least: Any) -> list[tuple[int, int]]:
    """Return of all, of the most and of the least how many are known and not 0, and how many are known."""
    known = ~np.isnan(x)
    return [(int((x[of & known] != 0).sum()), int((of & known).sum())) for of in (np.ones(len(x), bool), most, least)]


def _yes_no(columns: Any) -> bool:
    return all(np.isin(x[~np.isnan(x)], (0, 1)).all() for x in columns)


def _one(study: Study, score: Any, arm: str | None, expected: Floats | None) -> tuple[int, Floats, Floats]:
    values = _score(study, score)
    if arm is None and len(study.treated) > 1:
        raise ParameterError("arm", None, one_of(study.treated), "say which")
    if arm is not None and arm not in study.treated:
        raise ParameterError("arm", arm, one_of(study.treated), "name a treated arm")
    place = 0 if arm is None else study.treated.index(arm)
    return place, values, effect_scores(study, expected)[:, place]


def _score(study: Study, score: Any) -> Floats:
    if not isinstance(study, Study):
        raise ParameterError("study", type(study).__name__, "a bm.uplift.Study", "make one")
    check_index("score", score, study.index)
    if np.ndim(score) != 1:
        raise ParameterError("score", type(score).__name__, "a number for every customer", "pass one column of scores")
    values = numbers("score", score)
    if values.shape != (len(study),) or not np.isfinite(values).all():
        raise ParameterError("score", values.shape, f"a number for each of {len(study):,} customers", "pass one column")
    return values
