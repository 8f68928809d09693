"""Experiments: intervals that hold the truth, tests that keep their rate, power as planned, looks that do no harm."""

import numpy as np
import pandas as pd
from scipy.stats import norm, poisson, t

from bankmkt.confidence import holm
from bankmkt.errors import Refused
from bankmkt.experiment import Checks, Metric, arm_means, best_arm, bootstrap, history, plan, spending
from bankmkt.experiment.arms import differences
from bankmkt.experiment.comparison import ratio_interval
from bankmkt.experiment.design import Design
from bankmkt.experiment.limits import always_valid

Z = norm.isf(0.025)
COVERAGE, FALSE = "coverage of 95 % interval", "false positives at 5 %"


def draw(rng, n, share=0.5):
    return np.where(rng.random(n) < share, "treatment", "control")


def plain(rng):
    """Visits, skewed; a tenth more for half of the customers."""
    arm = draw(rng, 800, 0.3)
    return pd.DataFrame({"arm": arm, "y": rng.poisson(np.where(arm == "control", 1.0, 1.1))}), "y", {}, 0.1


def rate(rng):
    arm = draw(rng, 2000)
    return pd.DataFrame({"arm": arm, "y": rng.random(2000) < np.where(arm == "control", 0.05, 0.07)}), "y", {}, 0.02


def cuped(rng):
    arm, x = draw(rng, 600, 0.7), rng.normal(size=600)
    y = 2 * x + rng.normal(size=600) + np.where(arm == "control", 0, 0.5 + 0.5 * x)
    return pd.DataFrame({"arm": arm, "x": x, "y": y}), Metric("y", covariate="x"), {}, 0.5


def ratio(rng):
    """Money per purchase; who buys more often spends less each time."""
    arm, often = draw(rng, 1200), rng.poisson(4, 1200) + 1.0
    money = rng.gamma(2, 1, 1200) * often**0.7 * np.where(arm == "control", 1, 1.1)
    return pd.DataFrame({"arm": arm, "y": money, "d": often}), Metric("y", "d"), {}, RATIO


OFTEN = np.arange(1, 60.0)
RATIO = float(0.1 * 2 * (poisson.pmf(OFTEN - 1, 4) @ OFTEN**0.7) / 5)
"""The effect in :func:`ratio`: a tenth of 2 E[often^0.7] / E[often]."""


def strata(rng):
    """Chances and levels differ between strata; a plain difference would be wrong."""
    tier = rng.integers(0, 3, 900)
    arm = np.where(rng.random(900) < np.array([0.2, 0.5, 0.8])[tier], "treatment", "control")
    y = 3 * tier + rng.normal(size=900) + 0.3 * (arm != "control")
    return pd.DataFrame({"arm": arm, "tier": tier, "y": y}), "y", {"strata": ["tier"]}, 0.3


def clusters(rng):
    """Twelve branches an arm, of sizes that differ sixfold, drawn as wholes."""
    sizes = rng.integers(10, 60, 24)
    unit, arms = np.repeat(np.arange(24), sizes), rng.permutation(24) % 2
    y = 0.4 * rng.normal(size=24)[unit] + rng.normal(size=len(unit)) + 0.3 * arms[unit]
    frame = pd.DataFrame({"arm": np.where(arms[unit], "treatment", "control"), "unit": unit, "y": y})
    return frame, "y", {"cluster": "unit"}, 0.3


def uneven(rng):
    """An effect in one stratum only; a draw has more or fewer of its customers."""
    tier, arm = rng.integers(0, 2, 1000), draw(rng, 1000)
    y = 4.0 * tier * (arm != "control") + 0.5 * rng.normal(size=1000)
    return pd.DataFrame({"arm": arm, "tier": tier, "y": y}), "y", {"strata": ["tier"]}, 2.0


LIMITS = tuple(np.exp(norm.ppf([0.01, 0.99]) * 1.5))


def winsorised(rng):
    """Money, log-normal: no effect, so that the limits of all arms together are those of each."""
    frame = pd.DataFrame({"arm": draw(rng, 1500), "y": rng.lognormal(0, 1.5, 1500)})
    return frame, Metric("y", winsorise=0.01), {}, 0.0


SETTINGS = {
    "means, arms of 30 and 70 %": plain, "rates of 5 and 7 %": rate, "CUPED": cuped, "ratio of two sums": ratio,
    "strata with other chances": strata, "effect in one of two strata": uneven,
    "24 branches drawn as wholes": clusters, "winsorised money": winsorised,
}  # fmt: skip


def one(make, rng):
    frame, metric, how, truth = make(rng)
    row = differences(arm_means(frame, metric, **how), "control").iloc[0]
    off = (row["estimate"] - truth) / row["se"]
    return abs(off) <= t.ppf(0.975, row["df"]), off


def share(setting, figure, hits, wanted, low, high):
    """Return a row about a share of repeats, kept if it is between limits, give or take 3 Monte-Carlo errors."""
    value, target = np.mean(hits), np.clip(np.mean(hits), low, high)
    se = np.sqrt(max(target * (1 - target), 1e-4) / len(hits))
    return {
        "setting": setting, "figure": figure, "value": value, "mc_se": se, "wanted": wanted,
        "ok": bool(abs(value - target) <= 3 * se),
    }  # fmt: skip


def coverage(repeats, rng):
    rows = []
    for setting, make in SETTINGS.items():
        covered, off = np.array([one(make, rng) for _ in range(repeats)]).T
        few = setting.startswith("24")  # degrees of freedom are cautious where units differ in size
        rows.append(share(setting, COVERAGE, covered, "95 to 98 %" if few else "95 %", 0.95, 0.98 if few else 0.95))
        value, se = off.mean(), off.std() / np.sqrt(repeats)
        bias = {"setting": setting, "figure": "bias / se", "value": value, "mc_se": se, "wanted": "0"}
        rows.append(bias | {"ok": bool(abs(value) <= 3 * se + 0.05)})
    return rows


def sound(frame, strata=(), cluster=None):
    """Checks of a frame whose arms are drawn by lot: what is simulated is the interval, not the check."""
    table = pd.DataFrame({"check": [], "says": [], "passed": []}, dtype=object)
    arms = frame["arm"].value_counts().rename_axis("arm").reset_index(name="customers")
    return Checks(table, arms, pd.DataFrame(), Design("arm", tuple(strata), cluster, "control"))


BUYERS = {
    "2 % buy, no effect": (30_000, 0.5, 0.02, 0.02), "5 % buy, a tenth treated, no effect": (60_000, 0.1, 0.05, 0.05),
    "4 against 1 % buy, a fifth treated": (40_000, 0.2, 0.01, 0.04),
    "4 against 2 % buy": (30_000, 0.5, 0.02, 0.04), "all have money, a tenth treated, doubled": (3000, 0.1, 1.0, 1.0),
}  # fmt: skip
"""Customers, share treated, share of buyers without and with; money is log-normal, of 270 buyers an arm or more."""

FEW = {"2 % of 2,000 buy, no effect": (2000, 0.5, 0.02, 0.02), "4 against 1 % of 2,000 buy": (2000, 0.2, 0.01, 0.04)}
"""The same, with some twenty buyers an arm."""


def bought(rng, n, treated, without, with_, doubled):
    arm, sigma = draw(rng, n, treated), 1.5 if without == 1 else 1.2
    buys = rng.random(n) < np.where(arm == "control", without, with_)
    y = np.where(buys, rng.lognormal(0, sigma, n), 0.0) * np.where((arm != "control") & doubled, 2, 1)
    return pd.DataFrame({"arm": arm, "y": y}), ((1 + doubled) * with_ - without) * np.exp(sigma**2 / 2)


def in_bands(rng, n=3000):
    """Money of every customer, three times as much in a band that is treated more often; no effect."""
    band = rng.integers(0, 2, n)
    arm = np.where(rng.random(n) < np.where(band == 1, 0.7, 0.3), "treatment", "control")
    return pd.DataFrame({"band": band, "arm": arm, "y": rng.lognormal(0, 1.2, n) * (1 + 2 * band)})


def money(repeats, rng):
    """Money that few customers spend: the usual interval, and the wider of it and of bootstrap-t."""
    rows = []
    for setting, how in BUYERS.items():
        usual, wider = [], []
        for _ in range(repeats):
            frame, truth = bought(rng, *how, doubled=setting.endswith("doubled"))
            row = bootstrap(frame, "y", checks=sound(frame), draws=400, seed=int(rng.integers(1e9))).iloc[0]
            wider.append(row["ci_lower"] <= truth <= row["ci_upper"])
            usual.append(abs(row["estimate"] - truth) <= Z * row["se"])
        rows.append(share(setting, "coverage, usual interval of money", usual, "≥ 90 %", 0.90, 1.0))
        low = 0.92 if setting.endswith("doubled") else 0.93
        rows.append(share(setting, "coverage, wider of it and bootstrap-t", wider, f"≥ {low:.0%}", low, 1.0))
    wider = []
    for _ in range(repeats):
        frame = in_bands(rng)
        row = bootstrap(frame, "y", strata=["band"], checks=sound(frame, ["band"]), draws=400).iloc[0]
        wider.append(row["ci_lower"] <= 0 <= row["ci_upper"])
    rows.append(
        share("bands of other chances and money", "coverage, wider of both, in strata", wider, "≥ 93 %", 0.93, 1)
    )
    for setting, how in FEW.items():
        usual, refused = [], []
        for _ in range(repeats):
            frame, truth = bought(rng, *how, doubled=False)
            row = differences(arm_means(frame, "y", k=1), "control").iloc[0]
            usual.append(abs(row["estimate"] - truth) <= Z * row["se"])
            try:
                bootstrap(frame, "y", checks=sound(frame), draws=200)
                refused.append(False)
            except Refused:
                refused.append(True)
        wanted = ("≥ 93 %", 0.93, 1.0) if "no effect" in setting else ("below 93 %: why a note warns", 0.0, 0.93)
        rows.append(share(setting, "coverage, usual interval of money", usual, *wanted))
        rows.append(share(setting, "bootstrap refused", refused, "always", 1.0, 1.0))
    return rows


def relative(repeats, rng):
    """The lift of an exponential outcome; where arms share a covariate's or the strata's error, a large one."""
    rows = []
    for setting, lift in (("plain", 0.2), ("CUPED", 1.0), ("strata", 0.5)):
        hits = []
        for _ in range(repeats):
            arm, x, tier = draw(rng, 500), rng.gamma(1, 1, 500), rng.integers(0, 2, 500)
            level = {"plain": x, "CUPED": x + 0.2 * rng.normal(size=500), "strata": 10.0 * tier + 1 + x}[setting]
            frame = pd.DataFrame({"arm": arm, "x": x, "tier": tier})
            frame["y"] = level * (1 + lift * (arm != "control"))
            metric, by = Metric("y", covariate="x" if setting == "CUPED" else None), ["tier"] * (setting == "strata")
            m = arm_means(frame, metric, strata=by).set_index("arm")
            own, base = m.loc["treatment"], m.loc["control"]
            each = own["mean"], own["variance"] ** 0.5, base["mean"], base["variance"] ** 0.5
            _, low, high = ratio_interval(*each, covariance=own["covariance"]["control"])
            hits.append(low <= 1 + lift <= high)
        rows.append(share(f"relative lift (Fieller), {setting}", COVERAGE, hits, "95 to 97 %", 0.945, 0.97))
    return rows


def winners(repeats, rng):
    """Two arms that do not differ: how often one is named the best."""
    rows = []
    for setting, cluster in (("customers", None), ("5 branches an arm", "unit")):
        named = []
        for _ in range(repeats):
            unit = rng.permutation(10)[np.arange(600) % 10]
            frame = pd.DataFrame({"arm": np.where(unit % 2, "a", "control"), "unit": unit})
            if cluster is None:
                frame["arm"] = draw(rng, 600)
            frame["y"] = rng.normal(size=600) + (rng.normal(size=10)[unit] if cluster else 0.0)
            named.append(best_arm(arm_means(frame, "y", cluster=cluster), checks=sound(frame, (), cluster)).sure)
        wanted = ("≤ 5 %", 0.0, 0.05) if cluster else ("3 to 5 %", 0.03, 0.05)
        rows.append(share(f"A/A, {setting}", "a winner is named", named, *wanted))
    likely, named = [], []
    for _ in range(repeats):
        arm, buys = draw(rng, 4000, 0.1), rng.random(4000) < 0.03
        frame = pd.DataFrame({"arm": arm, "y": np.where(buys, rng.lognormal(0, 1.5, 4000), 0.0)})
        found = best_arm(arm_means(frame, "y", k=1), checks=sound(frame))
        likely.append(found.table["p_best"].iloc[0] >= found.level)
        named.append(found.sure)
    setting = "A/A, 3 % buy, a tenth of 4,000 treated"
    wanted = "above 8 %: why none is named"
    rows.append(share(setting, "an arm's probability of being best reaches 97.5 %", likely, wanted, 0.08, 1.0))
    rows.append(share(setting, "a winner is named", named, "never", 0.0, 0.0))
    return rows


def family(repeats, rng):
    """Three arms and two metrics without any effect."""
    naive, adjusted = [], []
    for _ in range(repeats):
        frame = pd.DataFrame({"arm": rng.choice(["control", "a", "b", "c"], 600), "y": rng.poisson(2, 600)})
        frame["z"] = rng.normal(size=600)
        p = [differences(arm_means(frame, name), "control")["p_value"] for name in ("y", "z")]
        naive.append(np.concatenate(p).min() < 0.05)
        adjusted.append(holm(np.concatenate(p)).min() < 0.05)
    return [
        share(
            "3 arms × 2 metrics", "any false finding, uncorrected", naive, "above 15 %: why p is corrected", 0.15, 1.0
        ),
        share("3 arms × 2 metrics", "any false finding, Holm", adjusted, "≤ 5 %", 0.0, 0.05),
    ]


def power(repeats, rng):
    """Plans made from a history of 5,000 customers, realised."""
    rows = []
    x = rng.normal(size=5000)
    past = pd.DataFrame({"x": x, "y": x + rng.normal(size=5000), "yes": rng.random(5000) < 0.1})
    for setting, outcome, covariate, delta in (("mean with CUPED", "y", "x", 0.25), ("rate", "yes", None, 0.08)):
        wanted = plan(history(past, outcome, covariate=covariate), delta).iloc[0]
        n, found = int(wanted["customers"]), []
        for _ in range(repeats):
            arm, x = draw(rng, n), rng.normal(size=n)
            treated = arm != "control"
            y = x + rng.normal(size=n) + delta * treated if covariate else rng.random(n) < 0.1 + delta * treated
            means = arm_means(pd.DataFrame({"arm": arm, "x": x, "y": y}), Metric("y", covariate=covariate))
            found.append(differences(means, "control")["p_value"].iloc[0] < 0.05)
        rows.append(share(f"{setting}, {n} customers", "power planned at 80 %", found, "77 to 84 %", 0.77, 0.84))
    return rows


def peeking(repeats, rng, days=30, daily=200):
    """Conversions of 10 %, looked at every day of a month; no effect, then one of 2 points."""
    at = np.arange(1, days + 1) * daily
    limits, rows = spending(at / at[-1]), []
    for effect in (0.0, 0.02):
        stopped = {"naive": [], "always": [], "spending": []}
        covered = []
        for _ in range(repeats):
            treated = rng.binomial(daily, 0.5, days)
            wins = rng.binomial(treated, 0.1 + effect), rng.binomial(daily - treated, 0.1)
            n1, s1, s0 = np.cumsum(treated), np.cumsum(wins[0]), np.cumsum(wins[1])
            p1, p0 = s1 / n1, s0 / (at - n1)
            gap, se = p1 - p0, np.sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / (at - n1))
            width = always_valid(se, at, planned=int(at[-1]))
            covered.append((np.abs(gap - effect) <= width).all())
            for name, reach in (("naive", Z * se), ("always", width), ("spending", limits * se)):
                stopped[name].append((np.abs(gap) > reach).any())
        if effect:
            rows.append(share("30 daily looks", "power, always valid", stopped["always"], "≥ 25 %", 0.25, 1.0))
            rows.append(share("30 daily looks", "power, O'Brien–Fleming", stopped["spending"], "≥ 50 %", 0.5, 1.0))
        else:
            rows.append(share("30 daily looks", "false positives, naive", stopped["naive"], "above 20 %", 0.2, 1.0))
            rows.append(share("30 daily looks", "false positives, always valid", stopped["always"], "≤ 5 %", 0.0, 0.05))
            rows.append(
                share("30 daily looks", "false positives, O'Brien–Fleming", stopped["spending"], "5 %", 0.04, 0.06)
            )
        setting = f"30 daily looks, effect of {effect:.0%}"
        rows.append(share(setting, "always-valid intervals that all hold the truth", covered, "≥ 95 %", 0.95, 1.0))
    return rows


def simulate(repeats: int = 1000, seed: int = 11) -> pd.DataFrame:
    """Return a row per claim."""
    rng = np.random.default_rng(seed)
    few = max(repeats // 4, 20)
    rows = [
        *coverage(repeats, rng), *money(few, rng), *relative(few, rng), *winners(2 * few, rng),
        *family(few, rng), *power(few, rng), *peeking(repeats, rng),
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(subject="experiments")
