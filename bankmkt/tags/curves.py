"""What judgements look like when drawn: lift curves, calibration, groups of customers."""

from typing import TYPE_CHECKING

import numpy as np

from bankmkt.privacy import K, check_k, small_cells, small_parts
from bankmkt.tags.judging import BEST, MODEL, SCORES, few, tells_few
from bankmkt.tags.ranking import BINS, auc, bins_of, captured, interval, resampled

if TYPE_CHECKING:
    import pandas as pd

SHARES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


def lift_curve(rows: "pd.DataFrame", resamples: int = 100, seed: int = 7, k: int = K) -> "pd.DataFrame":
    """Say which part of all outcomes is reached by contacting the highest-scored share of customers.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of :func:`bankmkt.tags.later_rows`.
    resamples, seed
        As for :func:`bankmkt.tags.evaluate_models`.
    k
        Predictions whose outcome fewer than ``k`` customers had, or had not, are left out; a share that tells of fewer
        is null.

    Returns
    -------
    pandas.DataFrame
        A row per prediction, score and share: code, score, share (of customers), captured (share of outcomes), lift,
        ci_lower, ci_upper (of captured; 95%).
    """
    import pandas as pd

    check_k(k)
    out = []
    for code, part in rows.groupby("code", sort=False):
        y = part["happened"].to_numpy()
        if few(part, k):
            continue
        months = part["month"].nunique()
        weights = list(resampled(part["customer_id"].to_numpy(), resamples, seed))
        for name in (name for name in SCORES if name in part):
            for share in SHARES:
                measure = captured(part[name].to_numpy(dtype=float), y, share)
                value, ends = measure(np.ones(y.size)), (np.nan, np.nan)
                if tells_few(value, int(y.sum()), months, k):
                    value = np.nan
                elif name == MODEL:
                    ends = interval(np.array([measure(weight) for weight in weights]))
                out.append((code, name, share, value, value / share, *ends))
    return pd.DataFrame(out, columns=["code", "score", "share", "captured", "lift", "ci_lower", "ci_upper"])


def reliability(rows: "pd.DataFrame", resamples: int = 100, seed: int = 7, k: int = K) -> "pd.DataFrame":
    """Compare probabilities with frequencies, over ten bins of like probability.

    Returns
    -------
    pandas.DataFrame
        A row per prediction, score (model, best achievable) and bin: code, score, bin, customers, events, predicted
        (mean probability), happened (frequency), ci_lower, ci_upper (95%, customers resampled), suppressed.
    """
    import pandas as pd

    check_k(k)
    frames = []
    for code, part in rows.groupby("code", sort=False):
        y = part["happened"].to_numpy()
        weights = list(resampled(part["customer_id"].to_numpy(), resamples, seed))
        for name in (name for name in (MODEL, BEST) if name in part):
            p = part[name].to_numpy(dtype=float)
            number = bins_of(p)
            size, yes, said = (np.bincount(number, w, minlength=BINS) for w in (np.ones(y.size), y, p))
            drawn = np.array([
                np.bincount(number, w * y, minlength=BINS) / np.maximum(np.bincount(number, w, minlength=BINS), 1)
                for w in weights
            ])  # fmt: skip
            low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
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
        A row per prediction, attribute and group: code, by, group, customers, events, predicted, actual, ci_lower,
        ci_upper (of actual: Wilson's 95%, rows taken as independent), auc, suppressed.
    """
    import pandas as pd
    from statsmodels.stats.proportion import proportion_confint

    check_k(k)
    out = []
    for code, part in rows.groupby("code", sort=False):
        for by in ("age", "gender", "city_tier"):
            for group, held in part.groupby(part[by].fillna("unknown"), sort=True):
                y, p = held["happened"].to_numpy(), held[MODEL].to_numpy()
                area = auc(p, y)(np.ones(y.size)) if 0 < y.sum() < y.size else np.nan
                low, high = proportion_confint(y.sum(), y.size, method="wilson")
                people = _people(held, np.zeros(y.size)).iloc[0]
                out.append((code, by, group, y.size, int(y.sum()), p.mean(), y.mean(), low, high, area, *people))
    columns = ["code", "by", "group", "customers", "events", "predicted", "actual", "ci_lower", "ci_upper", "auc"]
    found = pd.DataFrame(out, columns=[*columns, "people", "people_with"])
    hidden = _hidden(found, [found["code"], found["by"]], k)
    shown = {name: found[name].astype(float).mask(hidden) for name in columns[3:]}
    return found[columns].assign(**shown, suppressed=hidden)


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
