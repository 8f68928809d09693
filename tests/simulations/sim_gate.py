"""The gate of experiments: lets sound ones pass, however rare and heavy-tailed, and sees faults."""

import numpy as np
import pandas as pd

from bankmkt.experiment import check
from simulations.sim_experiments import share


def lots(n, shares, rng, arms=("control", "a", "b")):
    return rng.choice(arms[: len(shares)], n, p=shares), dict(zip(arms, shares, strict=False))


def known(n, rng):
    frame = pd.DataFrame(
        {"aum": np.exp(rng.normal(9, 2, n)), "city": rng.choice(["n", "s", "w"], n, p=[0.9, 0.08, 0.02])}
    )
    frame["rare"] = rng.random(n) < 0.005
    frame["money"] = np.where(rng.random(n) < 0.01, np.exp(rng.normal(6, 1.5, n)), 0.0)
    frame["y"] = np.where(rng.random(n) < 0.002, np.nan, 1.0)
    return frame, {"covariates": ["aum", "city", "rare"], "before": ["money"], "outcomes": ["y"]}


def thirds(rng):
    frame, how = known(600, rng)
    frame["arm"], how["planned"] = lots(600, (1 / 3, 1 / 3, 1 / 3), rng)
    return frame, how


def tenth(rng):
    """One in ten in the control, one in 500 lost, one in 100 with money before."""
    frame, how = known(5000, rng)
    frame["arm"], how["planned"] = lots(5000, (0.1, 0.9), rng)
    return frame, how


def strata(rng):
    """Chances and outcomes differ between strata; households of two to five."""
    frame, how = known(2000, rng)
    home = rng.integers(0, 600, 2000)
    frame["home"], frame["band"] = home, (home % 3 == 0).astype(int)
    treated = rng.random(2000) < np.where(frame["band"] == 1, 0.8, 0.3)
    frame["arm"] = np.where(treated, "a", "control")
    frame["propensity"] = np.where(frame["band"] == 1, np.where(treated, 0.8, 0.2), np.where(treated, 0.3, 0.7))
    frame["y"] += 2 * frame["band"] + rng.normal(size=2000)
    return frame, how | {"strata": ["band"], "units": "home"}


def branches(rng):
    """Forty branches drawn as wholes, no two alike."""
    frame, how = known(2000, rng)
    branch = rng.integers(0, 40, 2000)
    frame["aum"] *= np.exp(rng.normal(size=40))[branch]
    frame["branch"], frame["arm"] = branch, np.where((rng.permutation(40) % 2)[branch], "a", "control")
    return frame, how | {"cluster": "branch", "planned": {"control": 0.5, "a": 0.5}}


SOUND = {
    "three arms of 200": thirds, "control of a tenth, rare events": tenth, "strata with other chances": strata,
    "40 branches drawn as wholes": branches,
}  # fmt: skip


def lost(rng):
    """Of the treated 14 of 100 have no outcome, of the control 5."""
    frame, how = tenth(rng)
    return frame.assign(y=np.where(rng.random(5000) < np.where(frame["arm"] == "a", 0.14, 0.05), np.nan, 1.0)), how


def richer(rng):
    """Who is rich is treated more often: 60 in place of 40 of 100."""
    frame, how = known(3000, rng)
    chance = np.where(frame["aum"] > np.exp(9), 0.6, 0.4)
    frame["arm"] = np.where(rng.random(3000) < chance, "a", "control")
    return frame, how | {"planned": {"control": 0.5, "a": 0.5}}


def cancelling(rng):
    """Too many treated in one stratum, too few in the other."""
    frame, how = known(4000, rng)
    frame["band"] = np.arange(4000) % 2
    frame["arm"] = np.where(rng.random(4000) < np.where(frame["band"] == 1, 0.56, 0.44), "a", "control")
    return frame, how | {"strata": ["band"], "planned": {"control": 0.5, "a": 0.5}}


FAULTS = {"attrition": lost, "balance": richer, "sizes": cancelling}


def simulate(repeats: int = 200, seed: int = 11) -> pd.DataFrame:
    """Return a row per claim."""
    rng, rows = np.random.default_rng(seed), []
    for setting, make in SOUND.items():
        found = []
        for _ in range(repeats):
            frame, how = make(rng)
            found.append(check(frame, **how).table.set_index("check"))
        for name in found[0].index:
            p = np.array([table.loc[name, "p_value"] for table in found], dtype=float)
            rows.append(share(setting, f"{name}: false positives at 1 %", p < 0.01, "≤ 1 %", 0.0, 0.01))
        refused = [not table["passed"].all() for table in found]
        rows.append(share(setting, "refused by a check", refused, "≤ 0.5 %", 0.0, 0.005))
    for name, make in FAULTS.items():
        seen = []
        for _ in range(max(repeats // 5, 4)):
            frame, how = make(rng)
            seen.append(name in check(frame, **how).failed)
        rows.append(share(" ".join(make.__doc__.split()).rstrip("."), f"refused by {name}", seen, "≥ 90 %", 0.9, 1.0))
    return pd.DataFrame(rows).assign(subject="gate")
