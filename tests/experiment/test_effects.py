"""Effects of several arms, by published answers, by other software, and by hand."""

import ibis
import numpy as np
import pandas as pd
import pytest
import tea_tasting as tt

from bankmkt import datasets
from bankmkt.confidence import holm
from bankmkt.errors import DataError, ParameterError, Refused, SchemaError
from bankmkt.experiment import Metric, arm_means, best_arm, bootstrap, dose_effect, effects, looks, spending
from bankmkt.experiment.arms import differences
from bankmkt.experiment.looks import always_valid

THIRDS = dict.fromkeys(("control", "a", "b"), 1 / 3)


def people(n=3000, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    frame = pd.DataFrame({"arm": rng.choice(list(THIRDS), n), "tier": rng.choice(["low", "high", None], n)})
    frame["x"], frame["y"] = x + 5, x + rng.normal(size=n) + 3 + 0.2 * (frame["arm"] == "b")
    frame["below"], frame["x_below"] = rng.poisson(3, n) + 1.0, rng.poisson(4, n) + 1
    frame["yes"] = rng.random(n) < 0.3
    return frame


@pytest.fixture(scope="module")
def hillstrom(real_data):
    data = datasets.load_hillstrom(real_data / "hillstrom")
    both = data.assignments.merge(data.outcomes, on=["campaign_id", "customer_id"])
    return both.merge(data.customers, on="customer_id")


@pytest.fixture(scope="module")
def letters(real_data):
    data = datasets.load_karlan_zinman(real_data / "karlan_zinman")
    both = data.assignments.merge(data.outcomes, on=["campaign_id", "customer_id"])
    return both.merge(data.customers, on="customer_id")


def test_hillstrom_in_one_frame(hillstrom):
    """MineThatData challenge: differences from no e-mail (REFERENCES of the project)."""
    from scipy.stats import chisquare

    from bankmkt.experiment import check

    sizes = check(hillstrom, covariates=["recency", "history", "mens", "womens", "newbie"], k=1).table
    p = chisquare(hillstrom["arm"].value_counts()).pvalue
    assert sizes.set_index("check").loc["sizes", "p_value"] == pytest.approx(p)
    assert sizes["passed"].all()
    # the published .699 is the chi-square test of the two e-mails; ours of two arms is exact
    mails = check(hillstrom[hillstrom["arm"] != "control"], control="treatment", covariates=[]).table
    assert mails["p_value"].iloc[0] == pytest.approx(0.699, abs=0.005)
    found = effects(hillstrom, ["visit", "conversion", "spend"]).set_index(["metric", "arm"])
    known = {
        ("visit", "treatment"): (0.07659, 0.00339), ("conversion", "treatment"): (0.00681, 0.00092),
        ("spend", "treatment"): (0.7698, 0.145), ("visit", "treatment_b"): (0.04523, 0.00323),
        ("conversion", "treatment_b"): (0.00311, 0.00082), ("spend", "treatment_b"): (0.4244, 0.130),
    }  # fmt: skip
    for key, (estimate, se) in known.items():
        assert found.loc[key, "estimate"] == pytest.approx(estimate, abs=5e-5 if key[0] == "spend" else 5e-6)
        assert found.loc[key, "se"] == pytest.approx(se, rel=0.01)
    np.testing.assert_allclose(found["p_adjusted"], holm(found["p_value"]))
    assert best_arm(arm_means(hillstrom, "visit")).winner == "treatment"


@pytest.mark.parametrize(("womens", "estimate", "se"), [(1, 0.0731, 0.0046), (0, 0.0111, 0.0044)])
def test_hillstrom_by_what_was_bought_before(hillstrom, womens, estimate, se):
    """Women's e-mail on visits: +7.31 pp (.46) of buyers of women's goods, +1.11 pp (.44) of men's only."""
    some = hillstrom[(hillstrom["womens"] == womens) & hillstrom["arm"].isin(["control", "treatment_b"])]
    row = effects(some, ["visit"], covariates=[]).iloc[0]
    assert row["estimate"] == pytest.approx(estimate, abs=5e-5)
    assert row["se"] == pytest.approx(se, abs=5e-5)


@pytest.mark.parametrize("interact", [True, False])
def test_karlan_zinman(letters, interact):
    """AER 98(3): take-up falls by .0024 (.0005) a point of monthly rate, at or below the usual rate; 8.44 % applied."""
    assert letters[["applied", "tookup"]].mean().round(4).tolist() == [0.0844, 0.0722]
    usual = letters[letters["normrate_less"] == 1]
    known = ["dormancy", "lastamount", "trcount", "female", "married", "age", "rural", "edhi"]
    row = dose_effect(
        usual, ["tookup"], "offer4", strata=["risk", "wave"], interact=interact, covariates=known if interact else ()
    ).iloc[0]
    assert round(row["estimate"], 4) == -0.0024
    assert round(row["se"], 4) == 0.0005
    with pytest.raises(Refused, match="check of balance"):
        dose_effect(usual, ["tookup"], "offer4", covariates=known)


def test_dose_is_least_squares_with_robust_errors():
    import statsmodels.formula.api as smf

    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {"band": rng.integers(0, 3, 900), "wave": rng.integers(0, 2, 900), "unit": np.arange(900) % 45}
    )
    frame["rate"] = frame["band"] + rng.choice([4.0, 6.0, 9.0], 900)
    frame["y"] = rng.normal(size=900) * frame["rate"] + 0.3 * frame["rate"] + frame["wave"]
    for formula, interact in (("y ~ rate + C(band) * C(wave)", True), ("y ~ rate + C(band) + C(wave)", False)):
        for kind, unit in (
            ({"cov_type": "HC1"}, None),
            ({"cov_type": "cluster", "cov_kwds": {"groups": frame.unit}}, "unit"),
        ):
            fit = smf.ols(formula, frame).fit(**kind)
            row = dose_effect(frame, ["y"], "rate", strata=["band", "wave"], interact=interact, cluster=unit).iloc[0]
            assert row["estimate"] == pytest.approx(fit.params["rate"])
            assert row["se"] == pytest.approx(fit.bse["rate"])


METRICS = [
    Metric("y"), Metric("yes"), Metric("y", covariate="x"), Metric("y", "below"),
    Metric("y", "below", covariate="x", covariate_per="x_below"), Metric("y", winsorise=0.02),
    Metric("y", limits=(1.0, 5.0)),
]  # fmt: skip


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("strata", [[], ["tier"]])
def test_engine_and_memory_agree(metric, strata):
    frame = people()
    frame.loc[::50, "y"] = np.nan
    one, other = arm_means(frame, metric, strata=strata), arm_means(ibis.memtable(frame), metric, strata=strata)
    pd.testing.assert_frame_equal(one, other, check_dtype=False)


@pytest.mark.parametrize("metric", METRICS[:5])
def test_tea_tasting_says_the_same(metric):
    frame = people().rename(columns={"arm": "variant"})
    parts = (metric.outcome, metric.per, metric.covariate, metric.covariate_per)
    theirs = tt.Experiment(m=tt.RatioOfMeans(*parts, use_t=False)).analyze(
        frame[frame["variant"] != "a"], control="control"
    )
    mine = effects(frame, {"m": metric}, arm="variant", planned=THIRDS, covariates=[]).set_index("arm").loc["b"]
    exact = metric.covariate is None  # CUPED's slope is estimated in another way
    assert mine["estimate"] == pytest.approx(theirs["m"].effect_size, rel=1e-9 if exact else 0.02)
    width = theirs["m"].effect_size_ci_upper - theirs["m"].effect_size_ci_lower
    assert mine["ci_upper"] - mine["ci_lower"] == pytest.approx(width, rel=1e-6 if exact else 0.01)


@pytest.mark.spark
def test_spark_and_duckdb_agree(tiny_bank, spark_bank):
    def found(bank):
        t = bank.customers
        t = t.mutate(arm=(t.customer_id % 2 == 0).ifelse("control", "a"), known=t.opened_on.year().cast("float64"))
        t = t.mutate(y=(t.customer_id % 7 + t.known).cast("float64"), tier=t.customer_id % 3 == 0)
        metric = Metric("y", covariate="known", limits=(2000.0, 2020.0))
        return pd.concat([arm_means(t, metric), arm_means(t, "y", strata=["tier"])])

    pd.testing.assert_frame_equal(found(tiny_bank), found(spark_bank), check_dtype=False)


def test_strata_are_weighed_as_all_customers_are():
    frame = people()
    rng = np.random.default_rng(3)
    frame["tier"] = frame["tier"].fillna("none")
    frame["arm"] = np.where(rng.random(3000) < np.where(frame["tier"] == "low", 0.8, 0.4), "b", "control")
    frame["y"] = (frame["tier"] == "low") * 10 + rng.normal(size=3000)
    share = frame["tier"].value_counts(normalize=True)
    cells = frame.groupby(["tier", "arm"])["y"].agg(["mean", "var", "size"]).unstack("arm")
    gap = (cells["mean"]["b"] - cells["mean"]["control"]) @ share.loc[cells.index]
    noise = sum(cells["var"][a] / cells["size"][a] for a in ("b", "control")) @ share.loc[cells.index] ** 2
    row = differences(arm_means(frame, "y", strata=["tier"]), "control").iloc[0]
    assert row["estimate"] == pytest.approx(gap)
    assert row["se"] == pytest.approx(np.sqrt(noise))
    assert abs(row["estimate"]) < 4 * row["se"] < 1  # without strata the difference would be about 3


def test_clusters_are_cr2():
    """The closed form is Bell and McCaffrey's, written out with matrices."""
    rng = np.random.default_rng(4)
    unit = np.repeat(np.arange(24), rng.integers(3, 40, 24))
    y = rng.normal(size=24)[unit] + rng.normal(size=len(unit))
    frame = pd.DataFrame({"arm": np.where(unit % 2, "a", "control"), "unit": unit, "y": y})
    X = np.column_stack([np.ones(len(y)), unit % 2])
    inverse = np.linalg.inv(X.T @ X)
    e, meat = y - X @ (inverse @ X.T @ y), np.zeros((2, 2))
    for u in range(24):
        own = X[unit == u]
        values, vectors = np.linalg.eigh(np.eye(len(own)) - own @ inverse @ own.T)
        score = own.T @ (vectors * values**-0.5 @ vectors.T) @ e[unit == u]
        meat += np.outer(score, score)
    row = differences(arm_means(frame, "y", cluster="unit"), "control").iloc[0]
    assert row["se"] == pytest.approx(np.sqrt((inverse @ meat @ inverse)[1, 1]))
    assert 5 < row["df"] < 22


def test_units_that_were_not_drawn_whole_are_refused():
    frame = people().assign(unit=np.arange(3000) % 30)
    with pytest.raises(Refused, match="not drawn as a whole"):
        arm_means(frame, "y", cluster="unit")
    few = frame.assign(arm=np.where(frame["unit"] < 3, "a", "control"))
    with pytest.raises(Refused, match="fewer than 5 units"):
        arm_means(few, "y", cluster="unit")


def test_relative_lift_is_fieller_s():
    frame = people()
    row = effects(frame, ["y"], planned=THIRDS, covariates=[]).set_index("arm").loc["b"]
    assert row["relative"] == pytest.approx(row["mean"] / row["mean_control"] - 1)
    for limit in ("relative_ci_lower", "relative_ci_upper"):
        means = arm_means(frame, "y").set_index("arm")
        r = row[limit] + 1
        se = np.sqrt(means.loc["b", "variance"] + r**2 * means.loc["control", "variance"])
        assert abs(means.loc["b", "mean"] - r * means.loc["control", "mean"]) / se == pytest.approx(1.96, abs=1e-3)
    below = effects(frame.assign(y=-frame["y"]), ["y"], planned=THIRDS, covariates=[])
    assert below["relative"].isna().all()


def test_few_converters_are_withheld():
    frame = people().assign(rare=lambda t: np.arange(3000) % 500 == 0)
    row = effects(frame, ["rare", "yes"], planned=THIRDS, covariates=[])
    assert row.loc[row["metric"] == "rare", "estimate"].isna().all()
    assert row.loc[row["metric"] == "rare", "note"].str.contains("fewer than k = 10").all()
    assert row.loc[row["metric"] == "yes", "estimate"].notna().all()


def test_bootstrap_leans_with_the_data_and_agrees_where_they_are_normal():
    frame = people()
    usual = effects(frame, ["y"], planned=THIRDS, covariates=[]).set_index("arm")
    drawn = bootstrap(frame, "y", draws=2000).set_index("arm")
    np.testing.assert_allclose(drawn["estimate"], usual.loc[drawn.index, "estimate"])
    for limit in ("ci_lower", "ci_upper"):
        np.testing.assert_allclose(drawn[limit], usual.loc[drawn.index, limit], atol=0.1 * usual["se"].max() * 2)
    rng = np.random.default_rng(5)
    money = pd.DataFrame({"arm": np.where(np.arange(900) % 10 == 0, "a", "control"), "y": rng.lognormal(0, 1.5, 900)})
    row = bootstrap(money, "y").iloc[0]
    assert row["ci_upper"] - row["estimate"] > 1.2 * (row["estimate"] - row["ci_lower"])
    assert bootstrap(frame, "y", covariate="x", draws=200)["se"].max() < 0.8 * drawn["se"].min()


def test_limits_of_looks_are_the_published_ones():
    """Lan and DeMets' O'Brien-Fleming limits: two-sided 5 % as gsDesign gives them, one-sided 5 % as SeqBounds.jl."""
    np.testing.assert_allclose(spending([0.25, 0.5, 0.75, 1]), [4.333, 2.963, 2.359, 2.014], atol=1e-3)
    np.testing.assert_allclose(
        spending([0.25, 0.5, 0.75, 1], level=0.9), [3.74955, 2.53993, 2.01604, 1.72014], atol=1e-4
    )
    np.testing.assert_allclose(spending([1.0]), [1.959964], atol=1e-6)


def test_always_valid_is_narrowest_where_it_is_planned():
    n = np.array([200, 2000, 5000, 10_000, 20_000, 50_000, 500_000])
    width = always_valid(np.ones(7), n, planned=10_000)
    assert n[width.argmin()] in (5000, 10_000, 20_000)
    assert width.min() > 1.96


def test_a_look_at_the_end_of_the_plan_is_the_whole_experiment():
    frame = people().assign(day=np.arange(3000) // 300)
    seen = looks(frame, "y", "day", planned=3000)
    whole = effects(frame, ["y"], planned=THIRDS, covariates=[]).set_index("arm")
    last = seen[seen["look"] == 9].set_index("arm")
    np.testing.assert_allclose(last["estimate"], whole.loc[last.index, "estimate"])
    np.testing.assert_allclose(last["naive_upper"], whole.loc[last.index, "ci_upper"])
    assert (seen["always_upper"] > seen["naive_upper"]).all()
    assert seen["fraction"].iloc[-1] == 1
    assert len(seen) == 18  # the first day has fewer than 100 customers of an arm
    with pytest.raises(DataError, match="looks"):
        looks(frame, "y", "day", planned=3000, fewest=2000)
    with pytest.raises(SchemaError, match="hour"):
        looks(frame, "y", "hour", planned=3000)


def test_best_arm_is_counted_right():
    means = pd.DataFrame({"arm": list("abc"), "mean": [1.0, 1.1, 1.05], "variance": [0.01, 0.02, 0.005]})
    rng = np.random.default_rng(6)
    drawn = rng.normal(means["mean"], np.sqrt(means["variance"]), (200_000, 3))
    found = best_arm(means)
    table = found.table.set_index("arm").loc[list("abc")]
    np.testing.assert_allclose(table["p_best"], np.bincount(drawn.argmax(axis=1)) / 200_000, atol=0.004)
    np.testing.assert_allclose(table["loss"], drawn.max(axis=1).mean() - means["mean"], atol=0.002)
    assert not found.sure
    with pytest.raises(Refused, match="no winner is named: b is the best arm"):
        assert found.winner
    assert best_arm(means, value=100.0, cost={"b": 60.0, "c": 60.0}).winner == "a"
    assert best_arm(means, highest=False).table["arm"].iloc[0] == "a"


def test_what_may_be_asked():
    frame = people(400)
    for metrics in ("y", [], [3], {"y": 3}, ["y", "y"]):
        with pytest.raises(ParameterError, match="metrics"):
            effects(frame, metrics, planned=THIRDS)
    with pytest.raises(SchemaError, match="colour"):
        arm_means(frame, "colour")
    with pytest.raises(SchemaError, match="tier"):
        arm_means(frame, "tier")
    with pytest.raises(DataError, match="z or its denominator"):
        arm_means(frame.assign(z=np.nan), Metric("y", covariate="z"))
    with pytest.raises(Refused, match="stratum"):
        arm_means(frame.assign(own=np.arange(400)), "y", strata=["own"])
    for wrong in ({"winsorise": 0.5}, {"limits": (2.0, 1.0)}, {"covariate_per": "x"}, {"per": 3}):
        with pytest.raises(ParameterError):
            Metric("y", **wrong)
    with pytest.raises(ParameterError, match="fractions"):
        spending([0.5, 0.4, 1.0])
    with pytest.raises(ParameterError, match="draws"):
        bootstrap(frame, "y", draws=10)
    with pytest.raises(ParameterError, match="planned"):
        always_valid(1.0, 10, planned=1)
    with pytest.raises(ParameterError, match="cost"):
        best_arm(arm_means(frame, "y"), cost={"mail": 1.0})
    with pytest.raises(DataError, match="varies"):
        dose_effect(frame.assign(rate=1.0), ["y"], "rate")
