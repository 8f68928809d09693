"""Learn predictions from months whose outcome is known: gradient-boosted trees, calibrated on a later month."""

import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.bank import Bank, check_bank
from bankmkt.errors import ParameterError, Refused
from bankmkt.lookback import parse_date
from bankmkt.months import month_end, month_number
from bankmkt.tags.declare import Feature
from bankmkt.tags.models import Model, encoded, texts_of
from bankmkt.tags.predictive import Prediction, choose_predictions
from bankmkt.tags.snapshots import Input, by_horizon, examples, house_inputs, name_of, sampled, within

if TYPE_CHECKING:
    import pandas as pd

LEAST_HISTORY = 3
"""Months that must be known before the first month learned from."""
LEAST_EVENTS = 20
"""Outcomes, and their absences, below which nothing is learned."""
TREES = {
    "objective": "binary", "learning_rate": 0.08, "num_leaves": 6, "min_data_in_leaf": 50, "feature_fraction": 0.3,
    "bagging_fraction": 0.5, "bagging_freq": 1, "lambda_l2": 50.0, "max_bin": 31, "cat_smooth": 50,
    "deterministic": True, "force_col_wise": True, "verbose": -1,
}  # fmt: skip
ROUNDS = 90


def train(
    bank: Bank,
    as_of: datetime.date | str,
    predictions: Iterable[Prediction | str] | None = None,
    inputs: Iterable[Input] | None = None,
    *,
    snapshots: int = 4,
    customers: int = 50_000,
    seed: int = 7,
    threads: int = 1,
    strict: bool = True,
) -> dict[str, Model]:
    """Learn predictions from what was known by a day.

    Of a prediction that looks h months ahead, the last month end whose outcome is known by the day is kept for
    calibration; the trees learn from ``snapshots`` month ends before it, whose outcomes had ended by then, so that no
    outcome is used twice. Inputs are taken as known on each month end; those whose window is longer than the history
    before the first month end are left out.

    Parameters
    ----------
    bank
        Of :func:`bankmkt.open_bank`; 2 h + 3 months are the least.
    as_of
        The day; nothing later is seen.
    predictions
        Declarations or codes; the house's eight by default.
    inputs
        Features and tags that the models may use; the house's by default (:func:`house_inputs`).
    snapshots
        Months to learn from, at most.
    customers
        Customers to learn from: about so many of a larger bank, drawn at random, so that memory is bounded.
    seed, threads
        Of LightGBM and the sample; the same seed gives the same models.
    strict
        Whether a prediction that cannot be learned is an error; otherwise it is left out.

    Returns
    -------
    dict of Model
        By code.

    Raises
    ------
    ParameterError
        If an argument is not as above, or the bank has too few months.
    Refused
        If an outcome is too rare, or the trees tell nothing about it in the calibration month.

    References
    ----------
    Ke, G. et al. (2017), LightGBM, NIPS. Platt, J. (1999), Probabilistic outputs for support vector machines: the
    calibration, a logistic curve through the scores, with the log odds in place of the margin.

    Examples
    --------
    >>> import bankmkt as bm
    >>> few = bm.tags.house_inputs()[:6]
    >>> models = bm.tags.train(bm.demo_bank(), "2026-06-30", ["app_dormancy"], few, snapshots=1)
    >>> models["app_dormancy"].calibrated_on
    datetime.date(2026, 3, 31)
    """
    day = parse_date("as_of", as_of)
    known = check_bank(bank).as_of(day)
    chosen = choose_predictions(predictions)
    for name, value in (("snapshots", snapshots), ("threads", threads)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ParameterError(name, value, "an integer from 1", "leave it out")
    sample = sampled(known, customers, seed)
    offered = house_inputs() if inputs is None else tuple(inputs)
    models = {}
    for horizon, group in by_horizon(chosen).items():
        months, last = _calendar(known, horizon, snapshots)
        history = month_number(months[0]) - month_number(known.months[0]) + 1
        usable = within(offered, history)
        past = [examples(known, month, usable, group, sample) for month in months]
        recent = examples(known, last, usable, group, sample)
        for one in group:
            about = {"as_of": day, "trained_on": tuple(months), "calibrated_on": last}
            try:
                models[one.code] = _learn(one, usable, past, recent, about, seed, threads)
            except Refused:
                if strict:
                    raise
    return {one.code: models[one.code] for one in chosen if one.code in models}


def _calendar(known: Bank, horizon: int, snapshots: int) -> tuple[list[datetime.date], datetime.date]:
    """Return the month ends to learn from and the one to calibrate on."""
    if not known.months:
        raise ParameterError("as_of", str(known.date), "a day after the first month end of balances", "choose a later")
    first, end = month_number(known.months[0]), month_number(known.months[-1])
    last = end - 2 * horizon
    start = max(last - snapshots + 1, first + LEAST_HISTORY - 1)
    if start > last:
        least = month_end(first + LEAST_HISTORY - 1 + 2 * horizon)
        raise ParameterError("as_of", str(known.date), f"{least} or later with this bank", "or shorten the prediction")
    return [month_end(number) for number in range(start, last + 1)], month_end(end - horizon)


def _learn(
    prediction: Prediction,
    inputs: tuple[Input, ...],
    past: Sequence["pd.DataFrame"],
    recent: "pd.DataFrame",
    about: dict[str, Any],
    seed: int,
    threads: int,
) -> Model:
    """Fit trees to the past months and calibrate them on the recent one."""
    import lightgbm
    import pandas as pd

    from bankmkt import __version__

    code = prediction.code
    rows = pd.concat([frame[frame[f"judged_{code}"]] for frame in past], ignore_index=True)
    rows = rows.sort_values("customer_id", kind="stable")
    held = recent[recent[f"judged_{code}"]]
    happened, happened_then = (frame[f"happened_{code}"].to_numpy(dtype=float) for frame in (rows, held))
    for when, y in (("the months to learn from", happened), ("the calibration month", happened_then)):
        fewest = int(min(y.sum(), (1 - y).sum())) if y.size else 0
        if fewest < LEAST_EVENTS:
            what = f"{code}: {fewest} of {y.size} customers tell the outcome apart in {when}"
            raise Refused(what, expected=f"{LEAST_EVENTS} at least", todo="take more customers or months")
    categories = texts_of(rows, inputs)
    matrix, matrix_then = encoded(rows, inputs, categories), encoded(held, inputs, categories)
    names = [name_of(one) for one in inputs]
    data = lightgbm.Dataset(
        matrix, happened, feature_name=names, categorical_feature=sorted(categories), params={"verbose": -1},
    )  # fmt: skip
    booster = lightgbm.train(TREES | {"seed": seed, "num_threads": threads}, data, ROUNDS)
    slope, intercept = _calibrate(code, np.asarray(booster.predict(matrix_then, raw_score=True)), happened_then)
    return Model(
        prediction, inputs, categories, booster.model_to_string(), slope, intercept,
        customers=happened.size, events=int(happened.sum()), calibration_customers=happened_then.size,
        calibration_events=int(happened_then.sum()), drivers=_drivers(booster, matrix_then, inputs, categories),
        made_with={"bankmkt": __version__, "lightgbm": lightgbm.__version__}, **about,
    )  # fmt: skip


def _calibrate(code: str, odds: np.ndarray, happened: np.ndarray) -> tuple[float, float]:
    """Return slope and intercept of the logistic curve through a later month's scores."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e6, tol=1e-8).fit(odds[:, None], happened)
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope <= 0:
        raise Refused(f"{code}: in the calibration month the score tells nothing", todo="add inputs or months")
    return slope, intercept


def _drivers(
    booster: Any, matrix: np.ndarray, inputs: tuple[Input, ...], categories: dict[str, tuple[str, ...]]
) -> "pd.DataFrame":
    """Return how much each input moves the scores, from the trees' own contributions to each score (TreeSHAP)."""
    import pandas as pd

    some = matrix[:: max(1, len(matrix) // 1_000)]
    parts = booster.predict(some, pred_contrib=True)[:, :-1]
    weight = np.abs(parts).mean(axis=0)
    values = pd.DataFrame(some, dtype=float)
    ranked = values.rank().corrwith(pd.DataFrame(parts).where(values.notna()).rank())
    rows = []
    for one, direction in zip(inputs, ranked, strict=True):
        meaning = one.meaning if isinstance(one, Feature) else one.name[:1].lower() + one.name[1:]
        rows.append((name_of(one), meaning, np.nan if name_of(one) in categories else direction))
    frame = pd.DataFrame(rows, columns=["input", "meaning", "direction"])
    frame.insert(2, "share", weight / max(weight.sum(), 1e-300))
    return frame.sort_values("share", ascending=False, kind="stable", ignore_index=True)
