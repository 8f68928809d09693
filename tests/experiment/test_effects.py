"""Effects of several arms, by published answers, by other software, and by hand."""

import ibis
import numpy as np
import pandas as pd
import pytest
import tea_tasting as tt

from bankmkt import datasets
from bankmkt.confidence import holm
from bankmkt.errors import DataError, ParameterError, Refused, SchemaError
from bankmkt.experiment import (
    Metric,
    arm_means,
    best_arm,
    bootstrap,
    check,
    dose_by,
    dose_effect,
    effects,
    looks,
    spending,
)  # fmt: skip
from bankmkt.experiment.arms import differences
from bankmkt.experiment.limits import always_valid

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
    assert best_arm(arm_means(hillstrom, "visit"), checks=None).winner == "treatment"


def test_winsorising_rare_money_does_not_make_it_nothing(hillstrom):
    """Fewer than 1 % bought, so the outermost 1 % are all buyers: refused, instead of an effect of 0 with p = 1."""
    with pytest.raises(Refused, match="nothing would be left"):
        effects(hillstrom, [Metric("spend", winsorise=0.01)])
    found = effects(hillstrom, [Metric("spend", winsorise=0.01, nonzero=True)]).set_index("arm")
    assert 0.6 < found.loc["treatment", "estimate"] < 0.77
    assert found["note"].str.contains("of those whose spend is not 0").all()


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
    whole = frame.groupby("unit")[["band", "wave"]].transform("first")  # units are drawn as wholes
    frame = frame.assign(**whole, rate=whole["band"] + rng.choice([4.0, 6.0, 9.0], 45)[frame["unit"]])
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
    gaps = cells["mean"]["b"] - cells["mean"]["control"]
    noise += (gaps - gap) ** 2 @ share.loc[cells.index] / 3000  # another draw has other shares of the strata
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
    whole = frame.assign(arm=np.where(frame["unit"] % 2, "a", "control"))
    with pytest.raises(Refused, match="strata that whole units belong to"):
        arm_means(whole, "y", cluster="unit", strata=["tier"])
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
    means = arm_means(frame, "rare")
    assert means[["mean", "variance", "ci_lower"]].isna().all(axis=None)
    with pytest.raises(Refused, match="withheld"):
        best_arm(means, checks=None)
    few = frame.assign(y=frame["y"].where(frame["arm"].ne("b") | (frame["arm"] == "b").cumsum().le(3)))
    with pytest.raises(Refused, match="with an outcome in an arm"):
        effects(few, ["y"], planned=THIRDS, override=["attrition"])
    almost = frame.assign(y=frame["y"].where(frame.groupby("arm").cumcount() > 2))
    assert arm_means(almost, "y")["missing"].isna().all()


def test_an_outcome_that_never_differs_has_no_interval():
    """Neither an interval of 0 to 0 nor p = 1: nothing was seen that could differ."""
    row = effects(people().assign(none=0.0), ["none"], planned=THIRDS, covariates=[]).iloc[0]
    assert row["estimate"] == 0
    assert row[["ci_lower", "ci_upper", "p_value", "relative"]].isna().all()
    assert "no interval" in row["note"]


def test_money_of_few_buyers_says_that_its_interval_may_be_too_narrow():
    frame = people().assign(spent=lambda t: np.where(np.arange(3000) % 20 == 0, t["y"].abs(), 0.0))
    notes = effects(frame, ["spent", "y", "yes"], planned=THIRDS, covariates=[]).groupby("metric")["note"].first()
    assert notes.str.contains("too narrow").to_dict() == {"spent": True, "y": False, "yes": False}


@pytest.mark.parametrize("given", [pd.DataFrame, ibis.memtable])
@pytest.mark.parametrize("strata", [[], ["tier"]])
def test_an_effect_that_rests_on_one_customer_says_so(given, strata):
    frame = people()
    rich = frame.assign(spend=frame["y"].where(frame.index != 7, 1000 * frame["y"].max()))
    metrics = ["y", "spend", Metric("yes")]
    how = {"planned": THIRDS, "covariates": [], "strata": strata}
    notes = effects(given(rich), metrics, **how).set_index(["metric", "arm"])["note"]
    told = notes.str.contains("one customer makes up more than a quarter")
    arm = rich.loc[7, "arm"]
    assert told[told].index.tolist() == [("spend", each) for each in ("a", "b") if arm in (each, "control")]
    drawn_in = effects(given(rich), [Metric("spend", winsorise=0.01)], **how)
    assert not drawn_in["note"].str.contains("one customer").any()


@pytest.mark.parametrize("kind", ["covariate", "strata"])
def test_what_arms_have_in_common_is_known(kind):
    """The covariance of arms' means, by drawing experiments again."""
    rng, means, said = np.random.default_rng(8), [], []
    for _ in range(150):
        s, a, x = rng.integers(0, 2, 200), rng.random(200) < 0.4, rng.gamma(2.0, 1.0, 200)
        y = (3.0 * s if kind == "strata" else 2 * x) * (1 + a) + rng.normal(size=200)
        frame = pd.DataFrame({"arm": np.where(a, "b", "control"), "s": s, "x": x, "y": y})
        own = {"metric": Metric("y", covariate="x")} if kind == "covariate" else {"metric": "y", "strata": ["s"]}
        found = arm_means(frame, **own).set_index("arm")
        means.append(found["mean"])
        said.append([*found["variance"], found.loc["b", "covariance"]["control"]])
    seen, (v1, v0, both) = np.cov(np.array(means).T), np.mean(said, axis=0)
    np.testing.assert_allclose([v1, v0], np.diag(seen), rtol=0.35)  # 3 standard errors of 150 repeats
    assert both / np.sqrt(v1 * v0) == pytest.approx(seen[0, 1] / np.sqrt(seen[0, 0] * seen[1, 1]), abs=0.2)
    assert both / np.sqrt(v1 * v0) > 0.4


def test_missing_denominators_are_attrition():
    frame = people()
    frame["below"] = frame["below"].where((frame["arm"] != "b") | (frame.index % 2 == 0))
    with pytest.raises(Refused, match="attrition"):
        effects(frame, [Metric("y", per="below")], planned=THIRDS, covariates=[])


def test_arms_may_be_numbers_and_yes_no():
    frame = people().assign(arm=lambda t: (t["arm"] == "b").astype(int))
    wanted = {"0": 2 / 3, "1": 1 / 3}
    named = effects(frame, ["y"], control="0", planned=wanted, covariates=[])
    pd.testing.assert_frame_equal(named, effects(frame, ["y"], control=0, planned=wanted, covariates=[]))
    assert named["arm"].tolist() == ["1"]
    pd.testing.assert_frame_equal(arm_means(frame, "y"), arm_means(ibis.memtable(frame), "y"), check_dtype=False)
    gaps = frame.assign(arm=pd.array([True, False, None] * 1000, dtype="boolean"))
    with pytest.raises((ParameterError, DataError), match="missing for some"):
        effects(gaps, ["y"], planned={"treatment": 0.5, "control": 0.5}, covariates=[])
    with pytest.raises(DataError, match="missing for some"):
        arm_means(ibis.memtable(gaps), "y")


def test_infinity_is_refused_in_memory_and_in_the_engine():
    frame = people()[["arm", "y"]]
    frame.loc[5, "y"] = np.inf
    for given in (frame, ibis.memtable(frame)):
        with pytest.raises(DataError, match="infinity"):
            arm_means(given, "y")


def test_what_failed_its_checks_is_withheld_everywhere():
    frame = people()
    frame = frame[(frame["arm"] != "b") | (frame.index % 5 > 0)].assign(day=lambda t: np.arange(len(t)) // 500)
    broken = check(frame, planned=THIRDS, covariates=[])
    for result in (
        lambda **how: arm_means(frame, "y", **how),
        lambda **how: best_arm(arm_means(frame, "y"), **how),
        lambda **how: bootstrap(frame, "y", draws=200, **how),
        lambda **how: looks(frame, "y", "day", planned=3000, **how),
    ):
        with pytest.raises(Refused, match="check of sizes"):
            result(checks=broken)
        assert result(checks=broken, override=["sizes"]) is not None
    for result in (lambda: bootstrap(frame, "y", planned=THIRDS), lambda: looks(frame, "y", "day", planned=3000)):
        with pytest.raises(Refused, match=r"check of sizes|not recorded"):
            result()


def banded(n=4000, seed=9):
    """Chances and levels differ between bands, and no arm does anything."""
    rng = np.random.default_rng(seed)
    band = np.arange(n) % 2
    treated = rng.random(n) < np.where(band == 1, 0.8, 0.2)
    frame = pd.DataFrame({"band": band, "arm": np.where(treated, "mail", "control"), "y": 7.0 * band})
    frame["propensity"] = np.where(treated == (band == 1), 0.8, 0.2)
    return frame.assign(y=frame["y"] + rng.gamma(1.0, 1.0, n), day=np.arange(n) // 400)


USES = {
    "arm_means": lambda frame, **how: arm_means(frame, "y", **how),
    "bootstrap": lambda frame, **how: bootstrap(frame, "y", draws=200, **how),
    "looks": lambda frame, **how: looks(frame, "y", "day", planned=4000, **how),
    "best_arm": lambda frame, checks, **how: best_arm(arm_means(frame, "y", **how), checks=checks),
}


@pytest.mark.parametrize("use", USES)
def test_checks_vouch_for_their_own_design_only(use):
    """Without its strata the difference is 4.2 with an se of .1, and an arm would be the best with 100 %."""
    frame, result = banded(), USES[use]
    found = check(frame, strata=["band"])
    assert found.passed
    with pytest.raises(Refused, match=r"another design \(arm='arm', strata=\['band'\].*than the estimate.*strata=\[\]"):
        result(frame, checks=found)
    assert result(frame, checks=found, strata=["band"]) is not None
    with pytest.raises(Refused, match="other customers"):
        result(frame[50:], checks=found, strata=["band"])
    with pytest.raises(ParameterError, match="checks"):
        result(frame, checks="x")
    whole = frame.assign(branch=np.arange(4000) % 40, arm=np.where(np.arange(4000) % 40 < 20, "mail", "control"))
    of_branches = check(whole, planned={"mail": 0.5, "control": 0.5}, cluster="branch")
    with pytest.raises(Refused, match=r"another design.*cluster='branch'"):
        result(whole, checks=of_branches)
    if use in ("arm_means", "best_arm"):
        assert result(whole, checks=of_branches, cluster="branch") is not None


def test_best_arm_wants_means_that_know_their_design():
    frame = banded()
    found, means = check(frame, strata=["band"]), arm_means(frame, "y", strata=["band"])
    assert not best_arm(means, checks=found).sure
    with pytest.raises(Refused, match="do not say under which design"):
        best_arm(pd.DataFrame(means.to_dict("list")), checks=found)
    other = check(frame.assign(arm=frame["arm"].replace("mail", "call")), strata=["band"])
    with pytest.raises(Refused, match="other customers"):
        best_arm(means, checks=other)
    with pytest.raises(Refused, match="control='mail'"):
        bootstrap(frame, "y", strata=["band"], checks=check(frame, strata=["band"], control="mail"))


@pytest.mark.parametrize("covariate", [None, "x"])
def test_bootstrap_draws_within_strata(covariate):
    """Its estimate and se are those of effects; its interval is hardly wider where outcomes are near to normal."""
    frame = banded().assign(x=lambda t: t["y"] + np.random.default_rng(1).normal(size=4000))
    row = bootstrap(frame, "y", covariate=covariate, strata=["band"], override=["placebo"]).iloc[0]
    usual = effects(frame, [Metric("y", covariate=covariate)], strata=["band"], covariates=[]).iloc[0]
    assert row[["estimate", "se"]].tolist() == pytest.approx(usual[["estimate", "se"]].tolist())
    wider = (row["ci_upper"] - row["ci_lower"]) / (usual["ci_upper"] - usual["ci_lower"])
    assert 1 <= wider < 1.1
    assert abs(row["estimate"]) < 4 * row["se"]


def test_bootstrap_of_what_never_differs_has_no_p_value():
    row = bootstrap(people().assign(y=1.0), "y", draws=200, planned=THIRDS).iloc[0]
    assert row["estimate"] == 0
    assert row[["ci_lower", "ci_upper", "p_value"]].isna().all()


def test_no_arm_is_surely_the_best_where_few_buy():
    """Of two arms alike one was named in 16 % of such experiments; here the one that doubled."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"arm": np.where(np.arange(8000) % 2, "mail", "control"), "day": np.arange(8000) // 1000})
    frame["y"] = np.where(rng.random(8000) < 0.04, rng.lognormal(3, 0.3, 8000), 0) * (1 + 9 * (frame["arm"] == "mail"))
    halves = {"mail": 0.5, "control": 0.5}
    means, found = arm_means(frame, "y"), check(frame, planned=halves)
    assert means["note"].str.startswith("fewer than 200 customers of an arm").all()
    best = best_arm(means, checks=found)
    assert best.table["p_best"].iloc[0] > 0.999
    assert not best.sure
    with pytest.raises(Refused, match=r"not to be trusted \(fewer than 200"):
        assert best.winner
    assert looks(frame, "y", "day", planned=8000, checks=found)["note"].str.contains("too narrow").all()
    often = frame.assign(y=frame["y"] > 0)
    assert (arm_means(often, "y")["note"] == "").all()
    assert (looks(often, "y", "day", planned=8000, checks=found)["note"] == "").all()


def test_one_customer_who_is_most_of_the_error_is_told_of_everywhere():
    frame = people().assign(day=np.arange(3000) // 1000)
    frame["y"] = frame["y"].where(frame.index != 7, 3000 * frame["y"].max())
    found = check(frame, planned=THIRDS, covariates=[])
    for notes in (
        arm_means(frame, "y")["note"], looks(frame, "y", "day", planned=3000, checks=found)["note"],
        bootstrap(frame, "y", draws=200, checks=found)["note"],
    ):  # fmt: skip
        assert notes.str.contains("one customer makes up more than a quarter").any()
    assert not best_arm(arm_means(frame, "y"), checks=found).sure


def test_looks_begin_when_every_stratum_has():
    """A branch that opens on the fifth day is no reason to watch nothing at all."""
    frame = banded().assign(branch=lambda t: np.where((t.index > 2000) & (t.index % 20 < 2), "new", "old"))
    frame["y"] -= 7 * frame["band"]
    how = {"strata": ["band", "branch"], "planned": 4000}
    seen = looks(frame, "y", "day", **how)
    assert seen["look"].tolist() == [5, 6, 7, 8, 9]
    assert not seen["always"].any()


def test_looks_test_the_covariate_before():
    frame = people().assign(day=np.arange(3000) // 300, x=lambda t: t["y"] + (t["arm"] == "a"))
    with pytest.raises(Refused, match="check of placebo"):
        looks(frame, Metric("y", covariate="x"), "day", planned=3000, shares=THIRDS)


def test_days_are_in_the_order_of_time():
    frame = people().assign(day=pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(3000) // 300, unit="D"))
    seen = looks(frame, "y", "day", planned=3000, shares=THIRDS)
    days = frame.assign(day=frame["day"].dt.date)
    assert len(looks(days, "y", "day", planned=3000, shares=THIRDS)) == len(seen)
    with pytest.raises(SchemaError, match="days or numbers"):
        looks(frame.assign(day=frame["day"].dt.strftime("%Y-%-m-%-d")), "y", "day", planned=3000, shares=THIRDS)
    frame.loc[5, "day"] = pd.NaT
    with pytest.raises(DataError, match="missing for some"):
        looks(frame, "y", "day", planned=3000, shares=THIRDS)
    frame.loc[5, "y"] = np.nan  # not known yet
    assert looks(frame, "y", "day", planned=3000, shares=THIRDS)["customers"].iloc[-1] == 2999


def test_bootstrap_leans_with_the_data_and_agrees_where_they_are_normal():
    frame = people()
    usual = effects(frame, ["y"], planned=THIRDS, covariates=[]).set_index("arm")
    sound = check(frame, planned=THIRDS, covariates=[])
    drawn = bootstrap(frame, "y", draws=2000, checks=sound).set_index("arm")
    np.testing.assert_allclose(drawn["estimate"], usual.loc[drawn.index, "estimate"])
    for limit in ("ci_lower", "ci_upper"):
        np.testing.assert_allclose(drawn[limit], usual.loc[drawn.index, limit], atol=0.1 * usual["se"].max() * 2)
    rng = np.random.default_rng(5)
    money = pd.DataFrame({"arm": np.where(np.arange(2500) % 10 == 0, "a", "control"), "y": rng.lognormal(0, 1.5, 2500)})
    how = {"planned": {"a": 0.1, "control": 0.9}, "draws": 1000}
    row = bootstrap(money, "y", **how).iloc[0]
    assert row["ci_upper"] - row["estimate"] > 1.2 * (row["estimate"] - row["ci_lower"])
    assert row["estimate"] - row["ci_lower"] > 1.959 * row["se"]  # never narrower than the usual interval
    assert bootstrap(frame, "y", covariate="x", draws=200, checks=sound)["se"].max() < 0.8 * drawn["se"].min()
    with pytest.raises(Refused, match="fewer than 200 customers of an arm"):
        bootstrap(money[:1250], "y", **how)


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
    seen = looks(frame, "y", "day", planned=3000, shares=THIRDS)
    whole = effects(frame, ["y"], planned=THIRDS, covariates=[]).set_index("arm")
    last = seen[seen["look"] == 9].set_index("arm")
    np.testing.assert_allclose(last["estimate"], whole.loc[last.index, "estimate"])
    np.testing.assert_allclose(last["naive_upper"], whole.loc[last.index, "ci_upper"])
    assert (seen["always_upper"] > seen["naive_upper"]).all()
    assert seen["fraction"].iloc[-1] == 1
    # two arms share the 5 %
    np.testing.assert_allclose(
        (last["spending_upper"] - last["estimate"]) / last["se"],
        spending(seen["fraction"].drop_duplicates().to_numpy(), level=0.975)[-1],
    )
    assert len(seen) == 18  # the first day has fewer than 100 customers of an arm
    with pytest.raises(DataError, match="looks"):
        looks(frame, "y", "day", planned=3000, fewest=2000, shares=THIRDS)
    with pytest.raises(SchemaError, match="hour"):
        looks(frame, "y", "hour", planned=3000)


def test_a_plan_that_is_overrun_has_a_last_look():
    frame = people().assign(day=np.arange(3000) // 300)
    seen = looks(frame, "y", "day", planned=2990, shares=THIRDS)
    assert seen["fraction"].iloc[-1] > 1
    assert seen["spending_upper"].notna().all()
    early = looks(frame, "y", "day", planned=2000, shares=THIRDS)
    assert early.groupby("look")["spending_upper"].first().isna().tolist() == [False] * 6 + [True] * 3
    frame["y"] = frame["y"].where(frame.index % 10 > 0)
    assert looks(frame, "y", "day", planned=3000, shares=THIRDS)["customers"].iloc[-1] == 2700


def test_looks_do_not_tell_of_a_few_customers():
    """A day on which few of an arm came, or few of them converted, is joined with the next."""
    frame = people().assign(day=np.arange(3000) // 20, rare=lambda t: np.arange(3000) % 31 == 0)
    seen = looks(frame, "rare", "day", planned=3000, shares=THIRDS)
    for arm, part in frame.groupby("arm"):
        grown = part.groupby("day")["rare"].agg(["size", "sum"]).cumsum()
        grown = grown.reindex(range(150)).ffill().loc[seen["look"].unique()].diff()
        assert (grown["size"].dropna() >= 10).all(), arm
        assert not grown["sum"].between(1, 9).any(), arm
    assert seen["look"].iloc[-1] == 149


def test_few_units_make_a_winner_no_surer_than_t_allows():
    means = pd.DataFrame({"arm": ["a", "b"], "mean": [0.0, 2.2], "variance": 0.5, "df": 4.0})
    rng = np.random.default_rng(7)
    drawn = means["mean"].to_numpy() + np.sqrt(0.5) * rng.standard_t(4, (400_000, 2))
    found = best_arm(means, checks=None)
    assert found.table["p_best"].iloc[0] == pytest.approx((drawn[:, 1] > drawn[:, 0]).mean(), abs=0.002)
    assert not found.sure
    assert best_arm(means.assign(df=np.inf), checks=None).sure


def test_the_best_arm_is_that_of_the_difference():
    """What arms have in common decides nothing: two arms are as sure as the test of their difference is."""
    from scipy.stats import norm

    frame = people()
    for how in ({"metric": Metric("y", covariate="x")}, {"metric": "y", "strata": ["tier"]}):
        means = arm_means(frame[frame["arm"] != "a"], **how)
        row, found = differences(means, "control").iloc[0], best_arm(means, checks=None)
        assert found.table["p_best"].iloc[0] == pytest.approx(norm.cdf(row["estimate"] / row["se"]), abs=1e-4)


def test_best_arm_is_counted_right():
    means = pd.DataFrame({"arm": list("abc"), "mean": [1.0, 1.1, 1.05], "variance": [0.01, 0.02, 0.005]})
    rng = np.random.default_rng(6)
    drawn = rng.normal(means["mean"], np.sqrt(means["variance"]), (200_000, 3))
    found = best_arm(means, checks=None)
    table = found.table.set_index("arm").loc[list("abc")]
    np.testing.assert_allclose(table["p_best"], np.bincount(drawn.argmax(axis=1)) / 200_000, atol=0.004)
    np.testing.assert_allclose(table["loss"], drawn.max(axis=1).mean() - means["mean"], atol=0.002)
    assert not found.sure
    with pytest.raises(Refused, match="no winner is named: b is the best arm"):
        assert found.winner
    assert best_arm(means, checks=None, value=100.0, cost={"b": 60.0, "c": 60.0}).winner == "a"
    assert best_arm(means, checks=None, highest=False).table["arm"].iloc[0] == "a"


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
    for wrong in (
        {"winsorise": 0.5}, {"limits": (2.0, 1.0)}, {"limits": 3}, {"limits": ("a", "b")}, {"limits": (np.nan, 1.0)},
        {"covariate_per": "x"}, {"per": 3}, {"covariate": "y"},
    ):  # fmt: skip
        with pytest.raises(ParameterError):
            Metric("y", **wrong)
    with pytest.raises(DataError, match="varies"):
        dose_effect(frame.assign(rate=1.0), ["y"], "rate")
    with pytest.raises(ParameterError, match="covariates"):
        dose_effect(frame, ["y"], "x", covariates="y")
    with pytest.raises(ParameterError, match="groups"):
        dose_by(frame, "y", "x", "tier")


def branches(seed, n=40):
    """Doses drawn for whole branches, whose customers are alike."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(n), 50)
    x = rng.normal(size=n)[unit] + rng.normal(size=50 * n)
    dose = rng.permutation(np.arange(n) % 3 + 1.0)[unit]
    return pd.DataFrame({"unit": unit, "dose": dose, "x": x, "y": x + rng.normal(size=50 * n)})


def test_a_dose_of_whole_branches_is_checked_by_branches():
    """Customers of a branch are alike, so that by customers 58 % of sound draws would be refused."""
    for seed in range(12):
        assert dose_effect(branches(seed), ["y"], "dose", cluster="unit", covariates=["x"])["se"].notna().all()
    with pytest.raises(Refused, match="fewer than 10 units"):
        dose_effect(branches(1, 6), ["y"], "dose", cluster="unit")
    with pytest.raises(Refused, match="not drawn as a whole"):
        dose_effect(branches(1).assign(dose=lambda t: t.index % 3), ["y"], "dose", cluster="unit")


def test_doses_tell_nothing_of_a_few():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {"dose": rng.choice([1.0, 2.0], 2000), "tier": np.repeat(["a", "b", "c", "d"], [995, 500, 500, 5])}
    )
    frame["took"], frame["rare"] = rng.random(2000) < 0.2, frame.index < 3
    row = dose_effect(frame, ["rare", "took"], "dose").set_index("outcome")
    assert row.loc["rare", ["estimate", "se", "mean"]].isna().all()
    assert "withheld" in row.loc["rare", "override"]
    by = dose_by(frame, "took", "dose", ["tier"]).set_index("group")
    # d is too small, and one more is hidden, or the total would tell it
    assert by["suppressed"].sum() == 2
    assert by.loc["d", ["n", "estimate"]].isna().all()
    assert dose_by(frame, "rare", "dose", ["tier"]).loc[0, ["n", "estimate"]].isna().all()
    assert dose_by(frame, "took", "dose", ["tier"], k=1500)["suppressed"].all()


ASKED = [
    (ParameterError, "fractions", lambda _: spending([0.5, 0.4, 1.0])),
    (ParameterError, "fractions", lambda _: spending([np.nan])),
    (ParameterError, "fractions", lambda _: spending("a")),
    (ParameterError, "planned", lambda _: always_valid(1.0, 10, planned=1)),
    (ParameterError, "se = ", lambda _: always_valid(-1.0, 10, planned=10)),
    (ParameterError, "n = ", lambda _: always_valid(1.0, "a", planned=10)),
    (ParameterError, "draws", lambda f: bootstrap(f, "y", draws=10)),
    (ParameterError, "seed", lambda f: bootstrap(f, "y", seed=-1, planned=THIRDS)),
    (ParameterError, "seed", lambda f: bootstrap(f, "y", seed=1.5, planned=THIRDS)),
    (ParameterError, "covariate", lambda f: bootstrap(f, "y", covariate="y", planned=THIRDS)),
    (SchemaError, "tier", lambda f: bootstrap(f, "tier", planned=THIRDS)),
    (ParameterError, "override", lambda f: effects(f, ["y"], planned=THIRDS, override=3)),
    (ParameterError, "cluster", lambda f: effects(f, ["y"], planned=THIRDS, cluster=["tier"])),
    (SchemaError, "two columns", lambda f: effects(pd.concat([f, f[["y"]]], axis=1), ["y"], planned=THIRDS)),
    (SchemaError, "two columns", lambda f: bootstrap(pd.concat([f, f[["y"]]], axis=1), "y", planned=THIRDS)),
    (DataError, "customer_id", lambda f: effects(f.assign(customer_id=f.index // 2), ["y"], planned=THIRDS)),
    (DataError, "customer_id", lambda f: check(ibis.memtable(f.assign(customer_id=f.index // 2)), planned=THIRDS)),
    (ParameterError, "add up to 1", lambda f: check(f, planned=dict.fromkeys(THIRDS, 0.9))),
    (DataError, "add up to 1", lambda f: check(f.assign(propensity=0.9))),
    (DataError, "add up to 1", lambda f: check(f.assign(propensity=0.0))),
    (ParameterError, "planned = 'a'", lambda f: looks(f, "y", "x", planned="a", shares=THIRDS)),
    (ParameterError, "planned = -1", lambda f: looks(f, "y", "x", planned=-1, shares=THIRDS)),
    (ParameterError, "fewest", lambda f: looks(f, "y", "x", planned=400, fewest="a", shares=THIRDS)),
    (ParameterError, "planned", lambda f: looks(f, "y", "x", planned=400, shares=dict.fromkeys(THIRDS, 0.9))),
    (ParameterError, "cost", lambda f: best_arm(arm_means(f, "y"), checks=None, cost={"mail": 1.0})),
    (ParameterError, "cost of a", lambda f: best_arm(arm_means(f, "y"), checks=None, cost={"a": -1.0})),
    (ParameterError, "cost of a", lambda f: best_arm(arm_means(f, "y"), checks=None, cost={"a": np.nan})),
    (ParameterError, "cost", lambda f: best_arm(arm_means(f, "y"), checks=None, cost=3)),
    (ParameterError, "value", lambda f: best_arm(arm_means(f, "y"), checks=None, value="a")),
    (ParameterError, "value", lambda f: best_arm(arm_means(f, "y"), checks=None, value=np.nan)),
    (ParameterError, "highest", lambda f: best_arm(arm_means(f, "y"), checks=None, highest="no")),
    (DataError, "two or more", lambda f: best_arm(arm_means(f, "y").iloc[:1], checks=None)),
    (DataError, "each once", lambda f: best_arm(pd.concat([arm_means(f, "y")] * 2), checks=None)),
    (ParameterError, "override", lambda f: dose_effect(f, ["y"], "x", override=3)),
    (SchemaError, "x", lambda f: dose_effect(f.assign(x=pd.Timestamp("2026-01-01")), ["y"], "x")),
    (SchemaError, "tier", lambda f: dose_effect(f, ["tier"], "x")),
    (SchemaError, "tier", lambda f: dose_by(f, "tier", "x", ["yes"])),
]  # fmt: skip


@pytest.mark.parametrize(("error", "told", "ask"), ASKED)
def test_what_cannot_be_is_refused_by_name(error, told, ask):
    with pytest.raises(error, match=told):
        ask(people(400))
