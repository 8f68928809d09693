"""How good predictions are on later months, beside the simple rule and beside the best achievable."""

import datetime
from collections.abc import Iterable, Mapping
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.bank import Bank
from bankmkt.confidence import holm
from bankmkt.errors import ParameterError
from bankmkt.privacy import K, check_k
from bankmkt.tags.calibration import bin_gaps, calibration_error, chance_gaps, error_width, without_chance
from bankmkt.tags.later import BEST, MODEL, SCORES, SIMPLE, later_rows
from bankmkt.tags.models import Model
from bankmkt.tags.ranking import Measure, auc, lift
from bankmkt.tags.resampling import around, auc_interval, interval, resampled, spread
from bankmkt.tags.snapshots import CUSTOMERS

if TYPE_CHECKING:
    import pandas as pd

OVER_RULE = f"{MODEL} − {SIMPLE}"
CHANCE_DRAWS = 300
"""Outcomes drawn to tell what a perfectly calibrated model would show."""
LEAST_JUDGED = 30
"""Customers with, and without, the outcome below which intervals of a ranking are not told: with 12 to 20 outcomes and
an AUC of 0.9 they would hold the truth less often than they say."""
_BOUNDS = {"lift_10": (0.0, 10.0), "predicted": (0.0, 1.0), "actual": (0.0, 1.0)}


def evaluate_models(
    bank: Bank,
    models: Mapping[str, Model],
    months: Iterable[datetime.date | str] | None = None,
    truth: "pd.DataFrame | None" = None,
    *,
    rows: "pd.DataFrame | None" = None,
    customers: int = CUSTOMERS,
    resamples: int = 200,
    seed: int = 7,
    k: int = K,
) -> "pd.DataFrame":
    """Judge models on months after those they learned from.

    Parameters
    ----------
    bank, models, months, truth, customers
        As for :func:`later_rows`.
    rows : pandas.DataFrame, optional
        Of :func:`later_rows`, where it has been computed before.
    resamples
        Times that customers are drawn anew, each with all of their months, for the intervals: 1.96 standard deviations
        of the resampled figures on either side (95%).
    seed
        Of the resampling, and of the sample.
    k
        Predictions of which fewer than ``k`` customers had, or did not have, the outcome show no figures. Under 30
        AUC and lift have no interval, and the difference to the rule no p-value.

    Returns
    -------
    pandas.DataFrame
        A row per prediction, score and measure: code, score, measure, value, ci_lower, ci_upper, p_holm, customers and
        events (customer-months judged, and those with the outcome: a customer counts once a month), suppressed. Scores:
        model, simple rule, best achievable (with ``truth``, the least that could have been known), and the differences
        model − simple rule and best achievable − model. ``p_holm`` is given for the AUC's difference of model and
        simple rule and for the model's gap: two-sided, each corrected by Holm for all the predictions that are judged
        together. Measures:

        - auc: the chance that of two customers, one who had the outcome and one who had not, that one scored higher;
          its interval is of the scale of log odds (:func:`bankmkt.tags.resampling.auc_interval`);
        - lift_10: how many times as often the outcome came in the highest-scored tenth as on average;
        - ece: expected calibration error, the mean gap between probability and frequency over ten bins, as seen: chance
          alone makes it over 0, so it has no interval;
        - ece_by_chance: mean and 95% range of what a perfectly calibrated model would show, from outcomes drawn by the
          probabilities; an error within the range is no sign of a fault;
        - ece_debiased: the error which, together with chance, gives on average the one seen, or 0 if chance gives as
          much. Its interval is ece less and plus what resampling, or chance alone, moves the bins by in 95% of draws;
          as the mean gap cannot be off by more than the bins are, it holds the true error at least 95% of the time;
        - predicted, actual, gap: mean probability, frequency, and the first minus the second.

    References
    ----------
    Holm, S. (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6.
    Kumar, A., Liang, P. and Ma, T. (2019), Verified uncertainty calibration, NeurIPS: why the error as seen is biased.

    Examples
    --------
    >>> import bankmkt as bm
    >>> bank = bm.demo_bank()
    >>> models = bm.tags.train(bank, "2026-03-31", ["app_dormancy"], bm.tags.house_inputs()[:6], snapshots=1)
    >>> found = bm.tags.evaluate_models(bank, models, ["2026-03-31"], resamples=20)
    >>> bool(found.loc[(found.score == "model") & (found.measure == "auc"), "value"].iloc[0] > 0.8)
    True
    """
    import pandas as pd

    check_k(k)
    if isinstance(resamples, bool) or not isinstance(resamples, int) or resamples < 2:
        raise ParameterError("resamples", resamples, "an integer from 2", "pass resamples=200")
    found = later_rows(bank, models, months, truth, customers=customers, seed=seed) if rows is None else rows
    frames = [_judged(str(code), part, resamples, seed, k) for code, part in found.groupby("code", sort=False)]
    figures = pd.concat(frames, ignore_index=True)
    for _test, p in figures["p_holm"].dropna().groupby([figures["score"], figures["measure"]]):
        figures.loc[p.index, "p_holm"] = holm(p)
    return figures


def few(rows: "pd.DataFrame", k: int) -> bool:
    """Return whether fewer than ``k`` customers had the outcome in any month, or in any had not."""
    return _fewer(rows) < max(k, 1)


def _fewer(rows: "pd.DataFrame") -> int:
    """Return how many customers had the outcome in a month, or had it not in one, whichever are fewer."""
    return min(rows.loc[rows["happened"] == side, "customer_id"].nunique() for side in (0, 1))


def tells_few(captured: float, events: int, months: int, k: int, told: Iterable[float] = (0.0, 1.0)) -> bool:
    """Return whether a share of the outcomes, less or from one that is told, may be about 1 to k − 1 customers.

    A customer counts once a month, so the outcomes are those of a ``months``-th as many customers at least.
    """
    return any(1e-9 < abs(captured - other) * events / months < k for other in told)


def _judged(code: str, rows: "pd.DataFrame", resamples: int, seed: int, k: int) -> "pd.DataFrame":
    """Return all measures of one prediction; ``p_holm`` is not yet corrected."""
    y = rows["happened"].to_numpy()
    customers, events = len(y), int(y.sum())
    ranked = not few(rows, LEAST_JUDGED)
    kinds = [name for name in SCORES if name in rows and not (name == BEST and rows[name].isna().all())]
    measures = {key: measure for name in kinds for key, measure in _measures(name, rows).items()}
    pairs = [pair for pair in ((MODEL, SIMPLE), (BEST, MODEL)) if set(pair) <= set(kinds)]
    nothing = (np.nan, np.nan, np.nan)
    if few(rows, k):
        out = [(*key, *nothing, np.nan) for key in measures if key[1] != "bins"]
        out += [(f"{one} − {other}", name, *nothing, np.nan) for one, other in pairs for name in ("auc", "lift_10")]
        return _framed(code, out).assign(customers=np.nan, events=np.nan, suppressed=True)
    once = {key: measure(np.ones(customers)) for key, measure in measures.items()}
    wanted = {key: measure for key, measure in measures.items() if key[1] != "ece"}
    drawn = _drawn(wanted, rows["customer_id"].to_numpy(), resamples, seed)
    months = rows["month"].nunique()
    for key in measures:
        if key[1] == "lift_10" and tells_few(once[key] / 10, events, months, k):
            once[key], drawn[key] = np.nan, np.full(resamples, np.nan)
    out = []
    for (name, measure), value in once.items():
        if measure == "ece":
            out += _calibration(name, rows, value, drawn[name, "bins"] - once[name, "bins"], seed)
        elif measure == "auc":
            ends = auc_interval(value, drawn[name, measure], _fewer(rows)) if ranked else nothing[:2]
            out.append((name, measure, value, *ends, np.nan))
        elif measure != "bins":
            bounds = _BOUNDS.get(measure, (-np.inf, np.inf))
            ends = _about(value, drawn[name, measure], *bounds) if ranked or measure != "lift_10" else nothing[:2]
            p = _p(value, drawn[name, measure]) if (name, measure) == (MODEL, "gap") else np.nan
            out.append((name, measure, value, *ends, p))
    for one, other in pairs:
        for measure in ("auc", "lift_10"):
            value, more = once[one, measure] - once[other, measure], drawn[one, measure] - drawn[other, measure]
            ends = _about(value, more) if ranked else nothing[:2]
            p = _p(value, more) if ranked and (other, measure) == (SIMPLE, "auc") else np.nan
            out.append((f"{one} − {other}", measure, value, *ends, p))
    return _framed(code, out).assign(customers=customers, events=events, suppressed=False)


def _framed(code: str, out: list[Any]) -> "pd.DataFrame":
    import pandas as pd

    frame = pd.DataFrame(out, columns=["score", "measure", "value", "ci_lower", "ci_upper", "p_holm"])
    frame.insert(0, "code", code)
    return frame


def _measures(name: str, rows: "pd.DataFrame") -> dict[tuple[str, str], Measure]:
    """Return what is measured of a score; a simple rule says no probability."""
    y, score = rows["happened"].to_numpy(), rows[name].to_numpy(dtype=float)
    found = {"auc": auc(score, y), "lift_10": lift(score, y)}
    if name != SIMPLE:
        found |= {"ece": calibration_error(score, y), "bins": bin_gaps(score, y)}
        found |= {"predicted": _mean(score), "actual": _mean(y), "gap": _mean(score - y)}
    return {(name, measure): one for measure, one in found.items()}


def _drawn(
    measures: Mapping[tuple[str, str], Measure], customers: np.ndarray, resamples: int, seed: int
) -> dict[tuple[str, str], np.ndarray]:
    """Return each figure in every draw of customers."""
    found: dict[tuple[str, str], list[np.ndarray]] = {key: [] for key in measures}
    for weight in resampled(customers, resamples, seed):
        for key, measure in measures.items():
            found[key].append(measure(weight))
    return {key: np.concatenate(parts) for key, parts in found.items()}


def _mean(values: np.ndarray) -> Measure:
    """Return the weighted mean."""
    return lambda weight: weight @ values / weight.sum(axis=-1)


def _about(value: float, drawn: np.ndarray, least: float = -np.inf, most: float = np.inf) -> tuple[float, float]:
    return (np.nan, np.nan) if np.isnan(value) else around(value, drawn, least, most)


def _p(value: float, drawn: np.ndarray) -> float:
    """Return the two-sided p-value of a difference from how it varies between draws."""
    error = spread(drawn)
    if error == 0:
        return float(value == 0)
    return 2 * NormalDist().cdf(-abs(value) / error)


def _calibration(name: str, rows: "pd.DataFrame", seen: float, moved: np.ndarray, seed: int) -> list[Any]:
    """Return the rows about calibration errors, from what each draw moved the bins' gaps by."""
    p, who = rows[name].to_numpy(dtype=float), rows["customer_id"].to_numpy()
    gaps = chance_gaps(p, rows["happened"].to_numpy(), who, CHANCE_DRAWS, seed)
    by_chance, width = np.abs(gaps).sum(axis=1), error_width(moved, gaps)
    ends = max(seen - width, 0.0), seen + width
    return [
        (name, "ece", seen, np.nan, np.nan, np.nan),
        (name, "ece_by_chance", float(by_chance.mean()), *interval(by_chance), np.nan),
        (name, "ece_debiased", without_chance(seen, gaps, p), *ends, np.nan),
    ]
