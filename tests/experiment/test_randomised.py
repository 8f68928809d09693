import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from simulations import sim_taking_part

from bankmkt import datasets
from bankmkt.errors import DataError, ParameterError, Refused, SchemaError
from bankmkt.experiment import check, complier_effect, effect


def experiment(n, seed, *, uptake=0.5, gain=1.0):
    """Half are invited, some of those take part and gain; those who would take part are better off anyway."""
    rng = np.random.default_rng(seed)
    treated = rng.permutation(n) < n // 2
    willing = rng.random(n) < uptake
    joined = treated & willing
    x = rng.normal(size=n)
    y = 2 * x + 3 * willing + rng.normal(size=n) + gain * joined
    return pd.DataFrame({"treated": treated, "participated": joined, "propensity": 0.5, "x": x, "y": y})


@pytest.fixture(scope="module")
def hillstrom(real_data):
    data = datasets.load_hillstrom(real_data / "hillstrom")
    return data.assignments.merge(data.outcomes, on=["campaign_id", "customer_id"])


# Source: MineThatData e-mail challenge, differences in means against no e-mail (REFERENCES of the project).
@pytest.mark.parametrize(
    ("arm", "outcome", "difference", "se"),
    [
        ("treatment", "visit", 0.07659, 0.00339), ("treatment", "conversion", 0.00681, 0.00092),
        ("treatment", "spend", 0.7698, 0.145), ("treatment_b", "visit", 0.04523, 0.00323),
        ("treatment_b", "conversion", 0.00311, 0.00082), ("treatment_b", "spend", 0.4244, 0.130),
    ],
)  # fmt: skip
def test_hillstrom(hillstrom, arm, outcome, difference, se):
    frame = hillstrom[hillstrom["arm"].isin(["control", arm])]
    frame = frame.assign(treated=frame["arm"] == arm)
    e = effect(frame, outcome)
    assert e.estimate == pytest.approx(difference, abs=5e-5 if outcome == "spend" else 5e-6)
    assert e.se == pytest.approx(se, rel=0.01)
    assert check(frame, arm="treated").passed


def test_taking_part_is_two_stage_least_squares():
    from statsmodels.sandbox.regression.gmm import IV2SLS

    frame = experiment(500, 1)
    one = np.ones(500)
    d, z = frame["participated"].to_numpy(float), frame["treated"].to_numpy(float)
    model = IV2SLS(frame["y"].to_numpy(), np.column_stack([one, d]), np.column_stack([one, z])).fit()
    e = complier_effect(frame, "y")
    assert e.estimate == pytest.approx(model.params[1])
    inverse = np.linalg.inv(np.column_stack([one, z]).T @ np.column_stack([one, d]))
    score = np.column_stack([one, z]) * model.resid[:, None]
    assert e.se == pytest.approx(np.sqrt((inverse @ score.T @ score @ inverse.T)[1, 1]))


@pytest.mark.parametrize(("estimator", "truth"), [(effect, 0.5), (complier_effect, 1.0)])
@pytest.mark.parametrize("covariate", [None, "x"])
@pytest.mark.slow
def test_intervals_cover_the_effect_as_often_as_they_say(estimator, truth, covariate):
    runs, covered = 100, 0
    for seed in range(runs):
        e = estimator(experiment(400, seed), "y", covariate=covariate)
        covered += e.ci_low <= truth <= e.ci_high
    assert binom.ppf(0.0005, runs, 0.95) <= covered <= binom.ppf(0.9995, runs, 0.95)


def test_what_was_known_before_narrows_the_interval():
    frame = experiment(2000, 2)
    for estimator in (effect, complier_effect):
        assert estimator(frame, "y", covariate="x").se < 0.85 * estimator(frame, "y").se


@pytest.mark.parametrize("covariate", [None, "x"])
def test_influence_gives_the_same_interval(covariate):
    e = effect(experiment(2000, 3), "y", covariate=covariate)
    assert np.sqrt(np.mean(e.influence**2) / 2000) == pytest.approx(e.se, rel=1e-3)


def test_broken_randomisation_is_refused():
    frame = experiment(2000, 4)
    lost = frame[~(frame["treated"] & (np.arange(2000) % 5 == 0))]
    for estimator in (effect, complier_effect):
        with pytest.raises(Refused, match="check of sizes"):
            estimator(lost, "y")


def test_unequal_chances_are_refused():
    frame = experiment(400, 5)
    frame["propensity"] = np.where(frame["x"] > 0, 0.4, 0.6)
    with pytest.raises(Refused, match="doubly_robust"):
        effect(frame, "y")


def test_unknown_chances_must_be_given():
    frame = experiment(400, 6).assign(propensity=np.nan)
    with pytest.raises(Refused, match="not recorded"):
        effect(frame, "y")
    with pytest.raises(ParameterError, match="planned_share"):
        effect(frame, "y", planned_share=1.5)
    assert effect(frame, "y", planned_share=0.5).target == "ITT"


def test_taking_part_uninvited_is_refused():
    frame = experiment(400, 7)
    frame.loc[~frame["treated"].to_numpy(), "participated"] = True
    with pytest.raises(Refused, match="without being invited"):
        complier_effect(frame, "y")


@pytest.mark.parametrize("uptake", [0.0, 0.02])
def test_too_few_who_take_part_are_refused(uptake):
    with pytest.raises(Refused, match="fewer than k = 10 of the invited took part"):
        complier_effect(experiment(600, 8, uptake=uptake), "y")


def test_small_arms_are_refused_without_saying_how_small():
    with pytest.raises(Refused, match="fewer than k = 10 customers") as refusal:
        effect(experiment(16, 9), "y")
    assert "8" not in str(refusal.value)


def test_few_who_stay_out_are_not_told_from_the_note():
    frame = experiment(400, 10, uptake=1.0)
    assert complier_effect(frame, "y").note == "all of the invited took part"
    frame.loc[frame.index[frame["participated"]][:3], "participated"] = False
    assert complier_effect(frame, "y").note == "nearly all of the invited took part"


@pytest.mark.parametrize("k", [0, -3, "x", 2.5])
def test_k_must_be_a_count(k):
    for estimator in (effect, complier_effect):
        with pytest.raises(ParameterError, match="k = "):
            estimator(experiment(400, 11), "y", k=k)


def stratified(n, seed, *, gain=1.0):
    """Chances and levels differ between bands, and the effect with them; half of the invited take part."""
    rng = np.random.default_rng(seed)
    band = rng.integers(0, 2, n)
    chance = np.where(band == 1, 0.7, 0.3)
    treated = rng.random(n) < chance
    joined = treated & (rng.random(n) < 0.5)
    y = 5.0 * band + rng.normal(size=n) + 2 * gain * band * joined
    propensity = np.where(treated, chance, 1 - chance)
    return pd.DataFrame({"treated": treated, "participated": joined, "propensity": propensity, "band": band, "y": y})


@pytest.mark.parametrize(("estimator", "truth"), [(effect, 0.5), (complier_effect, 1.0)])
def test_stratified_lots_have_an_effect(estimator, truth):
    """Without their strata they are refused; with them the effect on customers like these is found."""
    with pytest.raises(Refused, match="name the strata"):
        estimator(stratified(4000, 1), "y")
    off = []
    for seed in range(12):
        e = estimator(stratified(4000, seed), "y", strata=["band"])
        off.append((e.estimate - truth) / e.se)
        assert np.sqrt(np.mean(e.influence**2) / 4000) == pytest.approx(e.se, rel=5e-3)
    assert abs(np.mean(off)) < 3 / np.sqrt(12)
    assert np.max(np.abs(off)) < 4


def test_the_effect_of_lots_of_whole_branches_is_that_of_effects():
    from bankmkt.experiment import effects

    rng = np.random.default_rng(3)
    unit = np.repeat(np.arange(30), 40)
    treated = (rng.permutation(30) % 2 == 0)[unit]
    frame = pd.DataFrame({"treated": treated, "unit": unit, "y": rng.normal(size=30)[unit] + rng.normal(size=1200)})
    frame = frame.assign(propensity=0.5, arm=np.where(treated, "treatment", "control"))
    e, row = effect(frame, "y", cluster="unit"), effects(frame, ["y"], cluster="unit").iloc[0]
    assert (e.estimate, e.se, e.ci_low, e.ci_high) == pytest.approx(row[["estimate", "se", "ci_lower", "ci_upper"]])
    assert e.se > 2 * effect(frame, "y", override=["placebo"]).se
    assert e.influence is None


def test_taking_part_where_whole_branches_were_invited():
    """The estimate is that of customers, its error that of branches (coverage: simulations/sim_taking_part.py)."""
    frame, how = sim_taking_part.branches(np.random.default_rng(5))
    e = complier_effect(frame, "y", **how, override=["balance", "placebo"])
    alone = complier_effect(frame, "y", override=["balance", "placebo", "sizes"])
    assert e.estimate == pytest.approx(alone.estimate)
    assert e.se > 2 * alone.se
    assert e.influence is None


@pytest.mark.parametrize("rich", [1, 5])
def test_an_effect_that_rests_on_few_says_so(rich):
    """One customer with most of the spread, or five with equal parts of it; none where units were drawn."""
    frame = experiment(2000, 13)
    assert "customer" not in effect(frame, "y").note
    joined = frame.index[frame["participated"]][:rich]
    frame.loc[joined, "y"] = 5e4 * (-1.0) ** np.arange(rich)
    told = "one customer makes up" if rich == 1 else "five customers make up"
    for estimator in (effect, complier_effect):
        assert told in estimator(frame, "y").note
    whole = frame.assign(unit=np.arange(2000) // 50 + 100 * frame["treated"])
    assert "customer" not in effect(whole, "y", cluster="unit").note


@pytest.mark.parametrize("estimator", [effect, complier_effect])
def test_what_cannot_be_asked_is_refused_by_name(estimator):
    frame = experiment(400, 14).assign(tier="a")
    with pytest.raises(ParameterError, match="covariate"):
        estimator(frame, "y", covariate="y")
    with pytest.raises(ParameterError, match="planned_share"):
        estimator(frame, "y", planned_share="a")
    with pytest.raises(SchemaError, match="tier"):
        estimator(frame, "tier")
    with pytest.raises(DataError, match="customer_id"):
        estimator(frame.assign(customer_id=1), "y")


def test_an_effect_on_a_few_is_withheld():
    frame = experiment(400, 12).assign(rare=lambda t: np.arange(400) < 6)
    for estimator in (effect, complier_effect):
        with pytest.raises(Refused, match="fewer than k = 10 customers of an arm"):
            estimator(frame, "rare")
