"""The best that any model could do: true probabilities, known where the bank is a generated one."""

import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.bank import Bank, check_bank
from bankmkt.errors import DataError, ParameterError
from bankmkt.lookback import parse_date
from bankmkt.synth.futures import FUTURE_FEATURES, Block, futures, hidden, made_with, present
from bankmkt.tags.compute import features_of
from bankmkt.tags.lineage import ruled
from bankmkt.tags.predictive import Prediction, choose_predictions
from bankmkt.tags.snapshots import by_horizon, check_month_end, snapshot

if TYPE_CHECKING:
    import pandas as pd

DRAWS = 50
UNSETTLED = 0.1
"""Part left unknown over which the best achievable is not told."""
_AT_ONCE = 10


def truth_known(bank: Bank) -> bool:
    """Say whether a bank was generated, so that its futures can be run again.

    Examples
    --------
    >>> import bankmkt as bm
    >>> truth_known(bm.demo_bank())
    True
    """
    try:
        made_with(bank)
    except DataError:
        return False
    return True


def true_probabilities(
    bank: Bank,
    months: Iterable[datetime.date | str],
    predictions: Iterable[Prediction | str] | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 1,
    threads: int = 1,
) -> "pd.DataFrame":
    """Return each customer's true probability of each outcome, as far as ``draws`` futures tell it.

    From the true state at each month end the months after are run ``draws`` times with other luck, and the outcome is
    judged by the prediction's own rule. Of an outcome with probability p, the share over K futures has the variance
    p (1 − p) / K around the truth: with p = 2 % and K = 50 as much as customers differ. So the shares are not taken as
    they are. A regression on all hidden traits and states, fitted to the futures of the other half of the customers,
    gives each customer an expectation m, and the share is drawn towards it as the beta-binomial law asks for (an
    empirical Bayes estimate): (α m + times happened) / (α + K). What is left of the noise can only
    worsen the order, so that a ranking by these is the *least* that could have been known; ``noise`` states it, and
    :func:`best_left` sums it up.

    Parameters
    ----------
    bank
        Made by :func:`bankmkt.generate`.
    months
        Month ends of the bank.
    predictions
        Declarations or codes; the house's eight by default. Outcomes may use
        :data:`bankmkt.synth.futures.FUTURE_FEATURES`.
    draws
        Futures, 2 or more.
    seed
        Of the futures.
    threads
        Of LightGBM.

    Returns
    -------
    pandas.DataFrame
        A row per prediction, month and customer whom it judges: code, month, customer_id, probability, noise (standard
        deviation of what is not known about it).

    Raises
    ------
    DataError
        If the bank was not made by this package.
    ParameterError
        If an argument is not as above, or an outcome uses something that is not read off the simulation.

    References
    ----------
    Efron, B. (2010), *Large-Scale Inference*, chapter 1 (empirical Bayes).
    """
    import pandas as pd

    check_bank(bank)
    days = sorted({check_month_end("months", parse_date("months", day)) for day in months})
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 2:
        raise ParameterError("draws", draws, "an integer from 2", f"pass draws={DRAWS}")
    chosen = choose_predictions(predictions)
    for one in chosen:
        for feature in features_of([one.tag("outcome")]):
            if feature.name not in FUTURE_FEATURES:
                what = f"prediction {one.code}: outcome"
                raise ParameterError(
                    what, feature.name, ", ".join(FUTURE_FEATURES), "use these, or do without the best"
                )
    parts: dict[tuple[str, datetime.date], list[pd.DataFrame]] = {}
    for day, block in present(bank, days):
        known = hidden(block)
        for horizon, group in by_horizon(chosen).items():
            counts = _counts(block, horizon, group, draws, seed)
            for one in group:
                happened = counts[one.code].reindex(known["customer_id"]).to_numpy()
                parts.setdefault((one.code, day), []).append(known.assign(happened=happened))
    judged = {day: bank.fetch(snapshot(bank, day, (), chosen)).to_pandas() for day in days}
    frames = []
    for (code, day), blocks in parts.items():
        ids = judged[day].loc[judged[day][f"judged_{code}"], "customer_id"]
        everybody = pd.concat(blocks, ignore_index=True)
        found = _smoothed(everybody[everybody["customer_id"].isin(ids)], draws, threads)
        frames.append(found.assign(code=code, month=day))
    columns = ["code", "month", "customer_id", "probability", "noise"]
    return pd.concat(frames, ignore_index=True)[columns]


def _counts(block: Block, horizon: int, group: Sequence[Prediction], draws: int, seed: int) -> "pd.DataFrame":
    """Count over the futures how often each outcome happened, by customer."""
    import ibis
    import pandas as pd

    con = ibis.duckdb.connect()
    total: Any = 0
    waiting = []
    for number, one in enumerate(futures(block, horizon, draws, seed), 1):
        waiting.append(one)
        if number % _AT_ONCE and number < draws:
            continue
        rows = ibis.memtable(pd.concat(waiting, ignore_index=True))
        waiting = []
        told = {}
        for p in group:
            happened = ruled(p.tag("outcome"), rows).fill_null(False)
            told[p.code] = rows.closed.ifelse(p.closed, happened).cast("int64").sum()
        found: pd.DataFrame = con.to_pandas(rows.group_by("customer_id").aggregate(**told))
        total = total + found.set_index("customer_id").sort_index()
    con.disconnect()
    return total


def _smoothed(known: "pd.DataFrame", draws: int, threads: int) -> "pd.DataFrame":
    """Draw each customer's share of futures towards what customers in such a state can expect."""
    import lightgbm
    import pandas as pd
    from scipy.special import betaln

    times = known["happened"].to_numpy(dtype=float)
    matrix = known.drop(columns=["customer_id", "happened"]).to_numpy(dtype=float)
    expected = np.zeros(times.size)
    half = np.arange(times.size) % 2 == 0
    params = {
        "objective": "cross_entropy", "learning_rate": 0.15, "num_leaves": 15, "min_data_in_leaf": 40, "max_bin": 31,
        "feature_fraction": 0.5, "deterministic": True, "force_col_wise": True, "num_threads": threads, "verbose": -1,
        "seed": 7,
    }  # fmt: skip
    for rows in (half, ~half):
        data = lightgbm.Dataset(matrix[rows], times[rows] / draws, params={"verbose": -1})
        expected[~rows] = lightgbm.train(params, data, 50).predict(matrix[~rows], num_threads=threads)
    expected = np.clip(expected, 1e-6, 1 - 1e-6)
    alphas = np.geomspace(2, 5_000, 20)
    fit = [
        np.sum(betaln(a * expected + times, a * (1 - expected) + draws - times)
               - betaln(a * expected, a * (1 - expected)))
        for a in alphas
    ]  # fmt: skip
    alpha = alphas[int(np.argmax(fit))]
    p = (alpha * expected + times) / (alpha + draws)
    noise = np.sqrt(p * (1 - p) / (alpha + draws + 1))
    return pd.DataFrame({"customer_id": known["customer_id"].to_numpy(), "probability": p, "noise": noise})


def best_left(truth: "pd.DataFrame") -> "pd.DataFrame":
    """Return what the futures leave unknown.

    Parameters
    ----------
    truth : pandas.DataFrame
        Of :func:`true_probabilities`.

    Returns
    -------
    pandas.DataFrame
        A row per code: code, spread (standard deviation of the probabilities between customers), noise (root mean
        square of what is not known about each), unknown (noise² ÷ (spread² + noise²)), settled (whether that is a
        tenth at most; otherwise a ranking by these says too little of the best achievable).
    """
    grouped = truth.assign(square=truth["noise"] ** 2).groupby("code", sort=False)
    frame = grouped["probability"].std().rename("spread").to_frame()
    frame["noise"] = np.sqrt(grouped["square"].mean())
    frame["unknown"] = frame["noise"] ** 2 / (frame["noise"] ** 2 + frame["spread"] ** 2)
    frame["settled"] = frame["unknown"] <= UNSETTLED
    return frame.reset_index()
