"""What judgements look like when drawn: lift curves, calibration, groups of customers."""

from typing import TYPE_CHECKING

import numpy as np

from bankmkt.privacy import K, check_k, small_cells, small_parts
from bankmkt.tags.calibration import BINS, bins_of
from bankmkt.tags.judging import LEAST_JUDGED, few, tells_few
from bankmkt.tags.later import BEST, MODEL, SCORES
from bankmkt.tags.ranking import auc, captured
from bankmkt.tags.resampling import around, resampled, share_interval

if TYPE_CHECKING:
    import pandas as pd

SHARES = np.array([0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0])


def lift_curve(rows: "pd.DataFrame", resamples: int = 100, seed: int = 7, k: int = K) -> "pd.DataFrame":
    """Say which part of all outcomes is reached by contacting the highest-scored share of customers.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of :func:`bankmkt.tags.later_rows`.
    resamples, seed
        As for :func:`bankmkt.tags.evaluate_models`.
    k
        Predictions whose outcome fewer than ``k`` customers had, or had not, are left out; a share that tells of fewer,
        by itself or less another that is shown, is null.

    Returns
    -------
    pandas.DataFrame
        A row per prediction, score and share: code, score, share (of customers), captured (share of outcomes), lift,
        ci_lower, ci_upper (of captured; 95%; not for under 30 customers with, or without, the outcome).
    """
    import pandas as pd

    check_k(k)
    out = []
    for code, part in rows.groupby("code", sort=False):
        y = part["happened"].to_numpy()
        if few(part, k):
            continue
        months = part["month"].nunique()
        for name in _scores(part, SCORES):
            measure = captured(part[name].to_numpy(dtype=float), y, SHARES)
            values, drawn = measure(np.ones(y.size)), np.empty((0, SHARES.size))
            if name == MODEL and not few(part, LEAST_JUDGED):
                who = part["customer_id"].to_numpy()
                drawn = np.concatenate([measure(weight) for weight in resampled(who, resamples, seed)])
            secret = _secret(values, int(y.sum()), months, k)
            for share, value, column, hidden in zip(SHARES, values, drawn.T, secret, strict=True):
                ends = (np.nan, np.nan) if hidden or not column.size else around(value, column, 0, 1)
                shown = np.nan if hidden else value
                out.append((code, name, share, shown, shown / share, *ends))
    return pd.DataFrame(out, columns=["code", "score", "share", "captured", "lift", "ci_lower", "ci_upper"])


def _secret(values: np.ndarray, events: int, months: int, k: int) -> np.ndarray:
    """Return which shares of the outcomes tell of few, alone or by subtraction from those told before.

    The tenth goes first, as it is told elsewhere too (``lift_10``).
    """
    told, hidden = [0.0, 1.0], np.zeros(values.size, bool)
    for at in np.argsort(SHARES != 0.1, kind="stable"):
        hidden[at] = tells_few(float(values[at]), events, months, k, told)
        if not hidden[at]:
            told.append(float(values[at]))
    return hidden


def reliability(rows: "pd.DataFrame", k: int = K) -> "pd.DataFrame":
    """Compare probabilities with frequencies, over ten bins of like probability.

    Returns
    -------
    pandas.DataFrame
        A row per prediction, score (model, best achievable) and bin: code, score, bin, customers and events
        (customer-months, and those with the outcome: a customer counts once a month), predicted (mean probability),
        happened (frequency), ci_lower, ci_upper (95%, a customer's months taken together:
        :func:`bankmkt.tags.resampling.share_interval`), suppressed.
    """
    import pandas as pd

    check_k(k)
    frames = []
    for code, part in rows.groupby("code", sort=False):
        y, who = part["happened"].to_numpy(), part["customer_id"].to_numpy()
        for name in _scores(part, (MODEL, BEST)):
            p = part[name].to_numpy(dtype=float)
            number = bins_of(p)
            size, yes, said = (np.bincount(number, w, minlength=BINS) for w in (np.ones(y.size), y, p))
            ends = [share_interval(y[number == n], who[number == n]) if size[n] else (np.nan,) * 2 for n in range(BINS)]
            low, high = np.array(ends).T
            frame = pd.DataFrame({
                "code": code, "score": name, "bin": np.arange(BINS) + 1, "customers": size, "events": yes,
                "predicted": said / np.maximum(size, 1), "happened": yes / np.maximum(size, 1), "ci_lower": low,
                "ci_upper": high,
            })  # fmt: skip
            people = _people(part, number).reindex(range(BINS), fill_value=0).to_numpy()
            frames.append(frame.assign(people=people[:, 0], people_with=people[:, 1])[frame["customers"] > 0])
    found = pd.concat(frames, ignore_index=True)
    by = [found["code"], found["score"]]
    hidden = _hidden(found, by, k)
    shown = {name: found[name].mask(hidden) for name in frame.columns[3:]}
    return found.assign(**shown, suppressed=hidden).drop(columns=["people", "people_with"])


def fairness(rows: "pd.DataFrame", k: int = K) -> "pd.DataFrame":
    """Say how a model treats groups of customers: by age, gender and city tier.

    Returns
    -------
    pandas.DataFrame
        A row per prediction, attribute and group: code, by, group, customers and events (customer-months, and those
        with the outcome), predicted, actual, ci_lower, ci_upper (of actual: 95%, a customer's months taken together),
        auc, suppressed.
    """
    import pandas as pd

    check_k(k)
    out = []
    for code, part in rows.groupby("code", sort=False):
        for by in ("age", "gender", "city_tier"):
            for group, held in part.groupby(part[by].fillna("unknown"), sort=True):
                y, p = held["happened"].to_numpy(), held[MODEL].to_numpy()
                area = float(auc(p, y)(np.ones(y.size))) if 0 < y.sum() < y.size else np.nan
                low, high = share_interval(y, held["customer_id"].to_numpy())
                people = _people(held, np.zeros(y.size)).iloc[0]
                out.append((code, by, group, y.size, int(y.sum()), p.mean(), y.mean(), low, high, area, *people))
    columns = ["code", "by", "group", "customers", "events", "predicted", "actual", "ci_lower", "ci_upper", "auc"]
    found = pd.DataFrame(out, columns=[*columns, "people", "people_with"])
    hidden = _hidden(found, [found["code"], found["by"]], k)
    shown = {name: found[name].astype(float).mask(hidden) for name in columns[3:]}
    return found[columns].assign(**shown, suppressed=hidden)


def _scores(rows: "pd.DataFrame", names: "tuple[str, ...]") -> list[str]:
    """Return the scores that rows have; the best achievable is null where it is not known."""
    return [name for name in names if name in rows and not (name == BEST and rows[name].isna().all())]


def _people(rows: "pd.DataFrame", cell: np.ndarray) -> "pd.DataFrame":
    """Return how many different customers each cell has, and how many of them had the outcome in it."""
    who = rows["customer_id"].groupby(cell).nunique()
    had = (rows["happened"] == 1).to_numpy()
    with_it = rows.loc[had, "customer_id"].groupby(cell[had]).nunique()
    return who.to_frame("people").assign(people_with=with_it.reindex(who.index, fill_value=0))


def _hidden(found: "pd.DataFrame", by: "list[pd.Series]", k: int) -> "pd.Series":
    """Return which cells must be hidden, by the customers in them: months count a customer again."""
    hidden = small_cells(found["people"], by=by, k=k)
    return small_parts(found["people_with"], found["people"], by=by, k=k, hidden=hidden)
