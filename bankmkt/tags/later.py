"""What came true in later months, beside what models and simple rules had said."""

import datetime
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ibis import _

from bankmkt.bank import Bank, check_bank
from bankmkt.errors import ParameterError
from bankmkt.lookback import parse_date
from bankmkt.months import month_end, month_number
from bankmkt.tags.best import best_left
from bankmkt.tags.declare import Tag
from bankmkt.tags.models import Model
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
        Of :func:`bankmkt.tags.true_probabilities`, for the same months. Of predictions of which its futures leave too
        much unknown (``settled`` of :func:`bankmkt.tags.best_left`) the best achievable stays null.
    customers, seed
        About so many customers of a larger bank are drawn at random by their ids, so that memory is bounded; the same
        in every month and engine, and independent of the sample that :func:`bankmkt.tags.train` draws.
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
    sample = sampled(bank, customers, seed, "judged")
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
        left = best_left(truth)
        best = truth[["code", "month", "customer_id", "probability"]].rename(columns={"probability": BEST})
        found = found.merge(best, on=["code", "month", "customer_id"], how="left", validate="one_to_one")
        found[BEST] = found[BEST].mask(found["code"].isin(left.loc[~left["settled"], "code"]))
        if (found[BEST].isna() & found["code"].isin(left.loc[left["settled"], "code"])).any():
            raise ParameterError("truth", "gaps", "all the months that are judged", "pass the same months to both")
    return found


def _age_group(age: "pd.Series") -> "pd.Series":
    import pandas as pd

    edges = [*(start for start, _name in _AGES), 200]
    return pd.cut(age.astype(float), edges, right=False, labels=[name for _start, name in _AGES]).astype(object)
