"""How good predictions are on later months, beside the simple rule and beside the best achievable."""

import datetime
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from ibis import _

from bankmkt.bank import Bank, check_bank
from bankmkt.errors import ParameterError
from bankmkt.lookback import parse_date
from bankmkt.months import month_end, month_number
from bankmkt.privacy import K, check_k
from bankmkt.tags.declare import Tag
from bankmkt.tags.models import Model
from bankmkt.tags.ranking import Measure, auc, calibration_error, interval, lift, resampled
from bankmkt.tags.rules import years_since
from bankmkt.tags.scoring import check_models, inputs_of
from bankmkt.tags.snapshots import CUSTOMERS, by_horizon, check_month_end, examples, sampled

if TYPE_CHECKING:
    import pandas as pd

MODEL, SIMPLE, BEST = "model", "simple rule", "best achievable"
SCORES = (MODEL, SIMPLE, BEST)

_GROUPS = (
    Tag("by_age", "Age", "年龄", "life cycle", years_since(_.birth_date), "completed years"),
    Tag("by_gender", "Gender", "性别", "life cycle", _.gender, "as registered"),
    Tag("by_city_tier", "City", "城市", "location and branch", _.city_tier, "size class of the home city"),
)
_AGES = ((0, "under 30"), (30, "30 to 44"), (45, "45 to 59"), (60, "60 and over"))


def later_rows(
    bank: Bank,
    models: Mapping[str, Model],
    months: Iterable[datetime.date | str] | None = None,
    truth: "pd.DataFrame | None" = None,
    *,
    customers: int = CUSTOMERS,
    seed: int = 7,
    threads: int = 1,
) -> "pd.DataFrame":
    """Score later months whose outcome is known: what all judgements below are made from.

    Customer-level: for computing, not for showing.

    Parameters
    ----------
    bank
        Knows what happened after the months.
    models
        Of :func:`bankmkt.tags.train`.
    months
        Month ends, none before the day by which a model was trained; by default all such whose outcome is known.
    truth : pandas.DataFrame, optional
        Of :func:`bankmkt.tags.true_probabilities`, for the same months.
    customers, seed
        About so many customers of a larger bank are drawn at random by their ids, so that memory is bounded; the same
        in every month and engine.
    threads
        Of LightGBM.

    Returns
    -------
    pandas.DataFrame
        A row per prediction, month and judged customer: code, month, customer_id, happened (0 or 1), a column per
        score (model; simple rule; best achievable, with ``truth``), age, gender, city_tier (groups).

    Raises
    ------
    ParameterError
        If a month is no month end, is before the training's day, or its outcome is not known.
    """
    import pandas as pd

    chosen = {model.prediction.code: model for model in check_models(models)}
    check_bank(bank)
    end = month_number(bank.months[-1])
    given = None if months is None else sorted({check_month_end("months", parse_date("months", day)) for day in months})
    first = max(model.as_of for model in chosen.values())
    inputs = [*inputs_of(chosen.values()), *_GROUPS]
    sample = sampled(bank, customers, seed)
    frames = []
    for horizon, group in by_horizon(model.prediction for model in chosen.values()).items():
        start = month_number(first)
        days = [month_end(n) for n in range(start, end - horizon + 1)] if given is None else given
        if not days:
            raise ParameterError("months", "none", f"{horizon} months after {first} in the bank", "train as of earlier")
        for day in days:
            if day < first:
                raise ParameterError("months", str(day), f"{first} or later: models know what came before", "leave out")
            if month_number(day) + horizon > end:
                raise ParameterError("months", str(day), f"{month_end(end - horizon)} or earlier", "leave it out")
            rows = examples(bank, day, inputs, group, sample)
            for one in group:
                held = rows[rows[f"judged_{one.code}"]]
                score = chosen[one.code].score(held, threads)
                part = pd.DataFrame({
                    "code": one.code, "month": day, "customer_id": held["customer_id"],
                    "happened": held[f"happened_{one.code}"].astype(float), MODEL: score,
                    SIMPLE: held[f"simple_{one.code}"].astype(float), "age": _age_group(held["by_age"]),
                    "gender": held["by_gender"], "city_tier": held["by_city_tier"],
                })  # fmt: skip
                frames.append(part)
    found = pd.concat(frames, ignore_index=True)
    if truth is not None:
        best = truth[["code", "month", "customer_id", "probability"]].rename(columns={"probability": BEST})
        found = found.merge(best, on=["code", "month", "customer_id"], how="left", validate="one_to_one")
        if found[BEST].isna().any():
            raise ParameterError("truth", "gaps", "all the months that are judged", "pass the same months to both")
    return found


def _age_group(age: "pd.Series") -> "pd.Series":
    import pandas as pd

    edges = [*(start for start, _name in _AGES), 200]
    return pd.cut(age.astype(float), edges, right=False, labels=[name for _start, name in _AGES]).astype(object)


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
        Times that customers are drawn anew, each with all of their months, for the intervals (95%, percentiles).
    seed
        Of the resampling, and of the sample.
    k
        Predictions of which fewer than ``k`` customers had, or did not have, the outcome show no figures.

    Returns
    -------
    pandas.DataFrame
        A row per prediction, score and measure: code, score, measure, value, ci_lower, ci_upper, customers (judged,
        over all months), events, suppressed. Scores: model, simple rule, best achievable (with ``truth``), and the
        differences model − simple rule and best achievable − model. Measures:

        - auc: the chance that of two customers, one who had the outcome and one who had not, that one scored higher;
        - lift_10: how many times as often the outcome came in the highest-scored tenth as on average;
        - ece: expected calibration error, the mean gap between probability and frequency over ten bins; resampling adds
          noise of its own, so that its interval lies rather high;
        - ece_by_chance: the same if the probabilities were right, from outcomes drawn by them;
        - predicted, actual, gap: mean probability, frequency, and the first minus the second.

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
    return pd.concat(frames, ignore_index=True)


def few(rows: "pd.DataFrame", k: int) -> bool:
    """Return whether fewer than ``k`` customers had the outcome in any month, or in any had not."""
    sides = [rows.loc[rows["happened"] == side, "customer_id"].nunique() for side in (0, 1)]
    return min(sides) < max(k, 1)


def tells_few(captured: float, events: int, months: int, k: int) -> bool:
    """Return whether a share of the outcomes, or what it leaves of them, may be about 1 to k − 1 customers.

    A customer counts once a month, so the outcomes are those of a ``months``-th as many customers at least.
    """
    inside, outside = (part * events / months for part in (captured, 1 - captured))
    return any(1e-9 < part < k for part in (inside, outside))


def _judged(code: str, rows: "pd.DataFrame", resamples: int, seed: int, k: int) -> "pd.DataFrame":
    """Return all measures of one prediction."""
    import pandas as pd

    y = rows["happened"].to_numpy()
    customers, events = len(y), int(y.sum())
    months = rows["month"].nunique()
    kinds = [name for name in SCORES if name in rows]
    measures = {}
    for name in kinds:
        score = rows[name].to_numpy(dtype=float)
        measures[name, "auc"], measures[name, "lift_10"] = auc(score, y), lift(score, y)
        if name != SIMPLE:
            measures[name, "ece"] = calibration_error(score, y)
            measures[name, "predicted"] = _mean(score)
            measures[name, "actual"] = _mean(y)
            measures[name, "gap"] = _mean(score - y)
    hidden = few(rows, k)
    once = {key: np.nan if hidden else measure(np.ones(customers)) for key, measure in measures.items()}
    untold = [key for key, value in once.items() if key[1] == "lift_10" and tells_few(value / 10, events, months, k)]
    drawn: dict[tuple[str, str], list[float]] = {key: [] for key in measures}
    if not hidden:
        for weight in resampled(rows["customer_id"].to_numpy(), resamples, seed):
            for key, measure in measures.items():
                drawn[key].append(np.nan if key in untold else measure(weight))
    once |= dict.fromkeys(untold, np.nan)
    out = [(*key, once[key], *(interval(np.array(drawn[key])) if not hidden else (np.nan, np.nan))) for key in measures]
    for one, other in ((MODEL, SIMPLE), (BEST, MODEL)):
        for name in ("auc", "lift_10"):
            if (one, name) in measures and (other, name) in measures:
                more = np.array(drawn[one, name]) - np.array(drawn[other, name])
                value = once[one, name] - once[other, name]
                ends = interval(more) if not hidden else (np.nan, np.nan)
                out.append((f"{one} − {other}", name, value, *ends))
    if not hidden:
        out += [(name, "ece_by_chance", *_by_chance(rows[name].to_numpy(), seed)) for name in kinds if name != SIMPLE]
    frame = pd.DataFrame(out, columns=["score", "measure", "value", "ci_lower", "ci_upper"])
    frame.insert(0, "code", code)
    count = (np.nan, np.nan) if hidden else (customers, events)
    return frame.assign(customers=count[0], events=count[1], suppressed=hidden)


def _mean(values: np.ndarray) -> Measure:
    """Return the weighted mean."""
    return lambda weight: float(weight @ values / weight.sum())


def _by_chance(probability: np.ndarray, seed: int, draws: int = 200) -> tuple[float, float, float]:
    """Return mean and 95% range of the calibration error that right probabilities would have."""
    rng, ones = np.random.default_rng(seed), np.ones(probability.size)
    found = np.array([
        calibration_error(probability, (rng.random(probability.size) < probability).astype(float))(ones)
        for _ in range(draws)
    ])  # fmt: skip
    return float(found.mean()), *interval(found)
