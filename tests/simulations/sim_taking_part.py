"""The effect of taking part, and of a dose drawn by lot: intervals hold the truth, of branches drawn as wholes too."""

import numpy as np
import pandas as pd

from bankmkt.experiment import complier_effect, dose_effect
from simulations.sim_experiments import COVERAGE, share

ANYHOW = ["sizes", "balance", "placebo"]
"""Lots are sound here: what is simulated is the interval, not the check."""


def singly(rng, n=400):
    """Half are invited, half of those take part and gain 1; those who would are better off anyway."""
    treated, willing, x = rng.permutation(n) < n // 2, rng.random(n) < 0.5, rng.normal(size=n)
    y = 2 * x + 3 * willing + rng.normal(size=n) + (treated & willing)
    frame = pd.DataFrame({"treated": treated, "participated": treated & willing, "propensity": 0.5, "x": x, "y": y})
    return frame, {}


def cuped(rng):
    return singly(rng)[0], {"covariate": "x"}


def strata(rng, n=800):
    """Chances, levels and effects differ between bands: who takes part gains 0 or 2, 1 on average."""
    band = rng.integers(0, 2, n)
    chance = np.where(band == 1, 0.7, 0.3)
    treated = rng.random(n) < chance
    joined = treated & (rng.random(n) < 0.5)
    frame = pd.DataFrame({"treated": treated, "participated": joined, "band": band})
    frame["propensity"] = np.where(treated, chance, 1 - chance)
    return frame.assign(y=5.0 * band + rng.normal(size=n) + 2 * band * joined), {"strata": ["band"]}


def branches(rng, units=40, size=30):
    """Whole branches are invited; they differ in level and in who takes part."""
    unit = np.repeat(np.arange(units), size)
    treated = (rng.permutation(units) % 2 == 0)[unit]
    willing = rng.random(len(unit)) < rng.uniform(0.3, 0.7, units)[unit]
    frame = pd.DataFrame({"treated": treated, "participated": treated & willing, "propensity": 0.5, "unit": unit})
    noise = rng.normal(size=units)[unit] + rng.normal(size=len(unit))
    return frame.assign(y=noise + willing + (treated & willing)), {"cluster": "unit"}


def careless(rng):
    """The same branches, taken for customers invited one by one."""
    return branches(rng)[0], {}


def rates(rng, n=600):
    """A rate drawn about each band's usual one; customers of high rates are more unlike each other."""
    band = rng.integers(0, 3, n)
    frame = pd.DataFrame({"band": band, "rate": band + rng.choice([4.0, 6.0, 9.0], n)})
    return frame.assign(y=band + 0.3 * frame["rate"] + rng.normal(size=n) * frame["rate"]), {"strata": ["band"]}


def rates_of_branches(rng, units=45, size=20):
    unit = np.repeat(np.arange(units), size)
    frame = pd.DataFrame({"unit": unit, "rate": rng.choice([4.0, 6.0, 9.0], units)[unit]})
    noise = rng.normal(size=units)[unit] + rng.normal(size=len(unit))
    return frame.assign(y=0.3 * frame["rate"] + noise), {"cluster": "unit"}


TAKING_PART = {
    "taking part": (singly, "95 %", 0.95, 0.95), "taking part, CUPED": (cuped, "95 %", 0.95, 0.95),
    "taking part, strata with other chances": (strata, "95 %", 0.95, 0.95),
    "taking part, 40 branches invited as wholes": (branches, "94 to 98 %", 0.94, 0.98),
    "the same, branches not named": (careless, "below 80 %: why units are named", 0.0, 0.8),
}  # fmt: skip
DOSES = {"a rate drawn by lot, strata": rates, "a rate drawn for 45 branches": rates_of_branches}


def simulate(repeats: int = 600, seed: int = 11) -> pd.DataFrame:
    """Return a row per claim."""
    rng, rows = np.random.default_rng(seed), []
    for setting, (make, *wanted) in TAKING_PART.items():
        hits = []
        for _ in range(repeats):
            frame, how = make(rng)
            found = complier_effect(frame, "y", **how, override=ANYHOW)
            hits.append(found.ci_low <= 1 <= found.ci_high)
        rows.append(share(setting, COVERAGE, hits, *wanted))
    for setting, make in DOSES.items():
        hits = []
        for _ in range(repeats):
            frame, how = make(rng)
            row = dose_effect(frame, ["y"], "rate", **how).iloc[0]
            hits.append(row["ci_lower"] <= 0.3 <= row["ci_upper"])
        rows.append(share(setting, COVERAGE, hits, "94 to 96 %", 0.94, 0.96))
    return pd.DataFrame(rows).assign(subject="taking_part")
