"""How fast attribution is, beside the plain pandas of tutorials, on the same touches in the same run.

    python benchmarks/attribution.py [--customers N] [--channels N] [--runs N] [--draws N]

Touches and conversions are made with numpy: 6 touches per customer over 90 days, one customer in ten converts. Pandas
sorts, joins touches to conversions, and makes paths with groupby and apply; it then counts, in a loop over paths,
first, last and linear credit and the steps of a first-order Markov chain (removal effects by powers of the transition
matrix), with neither intervals nor open paths told apart. Ours computes all seven models; a run with intervals is told
apart. Both run equally often, in turn; the fastest run counts, and first, last and linear credit are compared. The last
line is JSON.
"""

import argparse
import json
import time
from collections import Counter

import numpy as np
import pandas as pd

from bankmkt.funnel import attribute

DAYS = 90
LOOKBACK = pd.Timedelta(days=30)
SIMPLE = ("first", "last", "linear")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--runs", type=int, default=2, help="of each way, in turn; the fastest counts")
    parser.add_argument("--draws", type=int, default=200, help="for intervals, in a run of their own")
    options = parser.parse_args()
    touched, bought = make(options.customers, options.channels)
    print(f"{len(touched):,} touches, {len(bought):,} conversions, {options.channels} channels", flush=True)
    ours_time, pandas_time = np.inf, np.inf
    for _ in range(options.runs):
        seconds, ours = timed(lambda: attribute(touched, bought, as_of="2026-12-31", draws=2).credits)
        ours_time = min(ours_time, seconds)
        seconds, plain = timed(lambda: with_pandas(touched, bought))
        pandas_time = min(pandas_time, seconds)
    credit = ours.pivot(index="channel", columns="model", values="conversions").drop(index="none")
    for model in SIMPLE:
        pd.testing.assert_series_equal(
            credit[model], plain[model].reindex(credit.index), check_names=False, check_dtype=False
        )
    drawn, _ = timed(lambda: attribute(touched, bought, as_of="2026-12-31", draws=options.draws))
    figures = {
        "benchmark": "attribution", "touches": len(touched), "conversions": len(bought), "runs": options.runs,
        "ours_seconds": round(ours_time, 3), "pandas_seconds": round(pandas_time, 3),
        "ratio": round(ours_time / pandas_time, 4), "with_intervals_seconds": round(drawn, 3), "draws": options.draws,
    }  # fmt: skip
    print(f"ours (7 models) {ours_time:.2f} s, pandas (4 models) {pandas_time:.2f} s, ratio {figures['ratio']}")
    print(json.dumps(figures))


def timed(work):
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def make(customers: int, channels: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return touches and conversions; no two of a customer at one moment."""
    random = np.random.default_rng(1)
    start = np.datetime64("2026-01-01T00:00:00", "s")
    ids = np.repeat(np.arange(customers), random.poisson(6, customers))
    touched = pd.DataFrame({
        "customer_id": ids, "channel": np.array([f"channel {n:02d}" for n in range(channels)])[
            random.integers(0, channels, len(ids))],
        "ts": start + 2 * random.integers(0, DAYS * 43_200, len(ids)),
    })  # fmt: skip
    bought = pd.DataFrame({"customer_id": random.choice(customers, customers // 10, replace=False)})
    return touched, bought.assign(ts=start + 1 + 2 * random.integers(0, DAYS * 43_200, len(bought)))


def with_pandas(touched: pd.DataFrame, bought: pd.DataFrame) -> pd.DataFrame:
    """Return credits by channel (rows) and model, as a tutorial would compute them."""
    rows = touched.sort_values(["customer_id", "ts"]).merge(bought, on="customer_id", how="left", suffixes=("", "_won"))
    counts = (rows["ts"] <= rows["ts_won"]) & (rows["ts_won"] - rows["ts"] <= LOOKBACK)
    won = rows[counts].groupby("customer_id")["channel"].apply(list)
    lost = rows[~counts].groupby("customer_id")["channel"].apply(list)
    channels = sorted(touched["channel"].unique())
    credit = {model: Counter() for model in SIMPLE}
    for path in won:
        credit["first"][path[0]] += 1
        credit["last"][path[-1]] += 1
        for channel in path:
            credit["linear"][channel] += 1 / len(path)
    counted = Counter()
    for paths, end in ((won, "won"), (lost, "lost")):
        for path in paths:
            counted.update(zip(["start", *path], [*path, end], strict=True))
    out = pd.DataFrame(credit, index=channels).fillna(0.0)
    steps = pd.Series(counted).unstack(fill_value=0).reindex(index=["start", *channels], fill_value=0)
    steps = steps.reindex(columns=[*channels, "won", "lost"], fill_value=0)
    chances = {removed: chance(steps, removed) for removed in [None, *channels]}
    effects = pd.Series({channel: 1 - chances[channel] / chances[None] for channel in channels})
    out["markov"] = effects / effects.sum() * len(won)
    return out


def chance(steps: pd.DataFrame, removed: str | None) -> float:
    """Return the chance of a conversion without a channel, by the chain's hundredth step."""
    states = [*steps.index, "won", "lost"]
    moves = pd.DataFrame(0.0, index=states, columns=states)
    moves.loc[steps.index, steps.columns] = steps.div(steps.sum(axis=1), axis=0)
    moves.loc["won", "won"] = moves.loc["lost", "lost"] = 1
    if removed is not None:
        moves.loc[removed] = 0
        moves.loc[removed, "lost"] = 1
    return float(np.linalg.matrix_power(moves.to_numpy(), 100)[0, states.index("won")])


if __name__ == "__main__":
    main()
