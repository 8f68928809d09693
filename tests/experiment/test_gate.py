"""The gate lets sound experiments pass, however rare and heavy-tailed, and sees what it claims to see."""

import numpy as np
import pandas as pd
import pytest
from simulations import sim_gate

from bankmkt import experiment
from bankmkt.errors import DataError, ParameterError, Refused
from bankmkt.experiment.omnibus import omnibus
from bankmkt.experiment.spill import exposure

HALVES = {"control": 0.5, "mail": 0.5}


def halves(n=200, **columns):
    return pd.DataFrame({"arm": ["control", "mail"] * (n // 2), **columns})


def row(frame, name, **how):
    return experiment.check(frame, **({"planned": HALVES} | how)).table.set_index("check").loc[name]


def test_a_few_lost_of_nine_in_ten_are_chance():
    """100 of 9,000 lost and none of 1,000: the formula's p is .0009, the urn's .002."""
    from scipy.stats import hypergeom

    frame = pd.DataFrame({"arm": ["mail"] * 9000 + ["control"] * 1000, "m": 1.0})
    how = {"planned": {"control": 0.1, "mail": 0.9}, "outcomes": ["m"]}
    assert row(frame.assign(m=frame["m"].where(frame.index >= 15)), "attrition", **how)["p_value"] > 0.01
    found = row(frame.assign(m=frame["m"].where(frame.index >= 100)), "attrition", **how)
    of_control = hypergeom(10_000, 100, 1000)
    exact = of_control.cdf(0) + of_control.sf(19)
    assert found["p_value"] == pytest.approx(exact, abs=4 * np.sqrt(exact / 50_000))
    assert found["passed"]


def test_attrition_tells_of_the_outcome_that_is_lost_unevenly():
    """Half of both arms have no a; b is lost by 1 of 10 of one arm, and that is what is said."""
    frame = halves(4000, a=1.0, b=1.0)
    frame["a"] = frame["a"].where(frame.index % 4 < 2)
    frame["b"] = frame["b"].where((frame["arm"] == "control") | (frame.index % 20 > 1))
    found = row(frame, "attrition", outcomes=["a", "b"])
    assert found["says"] == "5.0% of customers have no b; +10.0% more in one arm than in the control"
    assert found["figure"] == pytest.approx(0.05)


def test_attrition_is_exact_within_strata():
    """All losses are in a stratum that is mostly treated; the arms lose alike there."""
    rng = np.random.default_rng(1)
    risky = np.arange(4000) % 2
    frame = pd.DataFrame({"risky": risky, "arm": np.where(rng.random(4000) < 0.2 + 0.6 * risky, "mail", "control")})
    frame["propensity"] = np.where(frame["arm"] == "mail", 0.2 + 0.6 * risky, 0.8 - 0.6 * risky)
    frame["m"] = np.where((rng.random(4000) < 0.1) & (risky == 1), np.nan, 1.0)
    assert row(frame, "attrition", planned=None, strata=["risky"], outcomes=["m"])["p_value"] > 0.01
    assert not row(frame, "attrition", planned={"control": 0.5, "mail": 0.5}, outcomes=["m"])["passed"]


def test_money_in_a_tenth_is_no_placebo_effect():
    """Log-normal money of sd 2, a tenth in the control: the old normal test refused 2 of 100, p < .05 in a tenth."""
    rng, small = np.random.default_rng(2), []
    for _ in range(40):
        arm = np.where(rng.permutation(1000) < 100, "control", "mail")
        frame = pd.DataFrame({"arm": arm, "money": np.exp(rng.normal(9, 2, 1000))})
        small.append(row(frame, "placebo", planned={"control": 0.1, "mail": 0.9}, before=["money"])["p_value"])
    assert abs(np.mean(np.array(small) < 0.2) - 0.2) < 3 * np.sqrt(0.2 * 0.8 / 40)


def test_rare_columns_are_counted_by_lots():
    """21 rare yes, 6 of them in an arm of a tenth: the formula's p is .004, the urn's .014."""
    from scipy.stats import hypergeom

    z, x = (np.arange(5000) % 10 == 0).astype(float), np.zeros(5000)
    x[np.flatnonzero(z == 1)[:6]] = x[np.flatnonzero(z == 0)[:15]] = 1
    exact = hypergeom(5000, 21, 500).sf(5)
    assert omnibus(z[:, None], x[:, None], np.zeros(5000, int))[0] == pytest.approx(exact, abs=0.006)


def test_few_units_and_many_columns_see_a_gap():
    rng = np.random.default_rng(3)
    z, x = rng.permutation(20) % 2.0, rng.normal(size=(20, 30))
    assert omnibus(z[:, None], x, np.zeros(20, int))[0] > 0.01
    x[:, 0] += 10 * z
    assert omnibus(z[:, None], x, np.zeros(20, int))[0] < 0.001


def test_too_few_units_are_not_tested():
    branch = np.arange(400) % 8
    frame = pd.DataFrame({"branch": branch, "arm": np.where(branch < 4, "control", "mail"), "age": np.arange(400)})
    found = row(frame, "balance", cluster="branch", covariates=["age"])
    assert found["passed"]
    assert "not tested" in found["says"]
    assert np.isnan(found["p_value"])


def test_sizes_that_cancel_over_strata_fail():
    frame = pd.DataFrame({"s": np.repeat([0, 1], 10_000)})
    frame["arm"] = ["mail"] * 6000 + ["control"] * 4000 + ["mail"] * 4000 + ["control"] * 6000
    assert row(frame, "sizes")["passed"]
    found = row(frame, "sizes", strata=["s"])
    assert not found["passed"]
    assert "40.0% of customers of a stratum" in found["says"]


def test_a_customer_alone_in_a_stratum_is_chance():
    """One customer, in the control where 2 of 100 go: the formula's p is 1e-11, the urn's .02, twice by Holm."""
    frame = pd.DataFrame({"s": 0, "arm": ["control"] * 20 + ["mail"] * 980})
    frame = pd.concat([frame, pd.DataFrame({"s": [1], "arm": ["control"]})], ignore_index=True)
    found = row(frame, "sizes", strata=["s"], planned={"control": 0.02, "mail": 0.98})
    assert found["p_value"] == pytest.approx(0.04, abs=4 * 2 * np.sqrt(0.02 / 500))
    assert np.isnan(found["figure"])
    assert "too few customers to show" in found["says"]


def test_a_small_stratum_that_fails_sizes_is_not_told_of():
    """Nine of the control where 2 of 100 go: refused, but neither their number nor their arm is said."""
    frame = pd.DataFrame({"s": 0, "arm": ["control"] * 20 + ["mail"] * 980})
    frame = pd.concat([frame, pd.DataFrame({"s": 1, "arm": ["control"] * 9})], ignore_index=True)
    found = row(frame, "sizes", strata=["s"], planned={"control": 0.02, "mail": 0.98})
    assert not found["passed"]
    assert np.isnan(found["figure"])
    assert found["says"] == "a stratum's customers are in other arms than planned; they are too few to show"


def spilled(rng, kind):
    size = rng.integers(2, 12, 400)
    unit = np.repeat(np.arange(400), size)
    y, stratum = 0.3 * size[unit] + rng.normal(size=len(unit)), None
    treated = rng.random(len(unit)) < 0.5
    if kind == "within":
        treated = np.concatenate([rng.permutation(np.arange(n) % 2 == 0) for n in size])
    if kind == "strata":
        stratum = rng.integers(0, 2, 400)[unit]
        treated, y = rng.random(len(unit)) < 0.2 + 0.6 * stratum, y + 3 * stratum
    return pd.Series(unit), pd.Series(y), treated, stratum


@pytest.mark.parametrize("kind", ["single", "within", "strata"])
def test_units_of_any_size_and_chance_give_no_alarm(kind):
    """The old check alarmed in all of these draws but the single customers'."""
    rng = np.random.default_rng(5)
    p = []
    for _ in range(15):
        unit, y, treated, stratum = spilled(rng, kind)
        p.append(exposure(unit, y, treated, stratum=stratum)[1])
    assert np.mean(np.array(p) < 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 15)


def test_spill_over_between_few_is_seen():
    unit, y, treated, _ = spilled(np.random.default_rng(6), "single")
    share = pd.Series(treated).groupby(unit).transform("mean")
    slope, p, _ = exposure(unit, y + 2 * share, treated)
    assert p < 0.001
    assert slope == pytest.approx(2, abs=1)


def test_units_drawn_as_wholes_leave_no_neighbours_to_compare():
    branch = np.arange(4000) % 40
    frame = pd.DataFrame({"branch": branch, "arm": np.where(branch % 2, "control", "mail"), "y": 1.0 * branch})
    assert "not tested" in row(frame, "neighbours", cluster="branch", units="branch", outcomes=["y"])["says"]


def test_only_the_control_was_reached():
    found = row(halves(got=[True, False] * 100), "contact", reached=["got"])
    assert not found["passed"]
    assert found["says"] == "got: 100.0% of the control, 0.0% of the others"
    assert row(halves(got=[False] * 200), "contact", reached=["got"])["passed"]


def test_the_worst_of_several_contacts_speaks():
    frame = halves(2000, a=[i % 20 == 0 or i % 2 for i in range(2000)], b=[i % 4 == 0 or i % 2 for i in range(2000)])
    assert row(frame, "contact", reached=["a", "b"])["says"].startswith("b: 50.0%")


def test_few_customers_are_in_no_figure():
    frame = halves(80, m=[1.0] * 80, rare=[0] * 80)
    frame.loc[[1, 3, 5], "m"] = np.nan
    frame.loc[[1, 3], "rare"] = 1
    frame["got"] = frame["rare"] == 1
    found = experiment.check(frame, planned=HALVES, covariates=["rare"], outcomes=["m"], reached=["got"])
    assert found.balance[["mean", "control", "standardised"]].isna().all(axis=None)
    says = found.table.set_index("check")["says"]
    assert says["attrition"] == "fewer than 10 customers have no outcome; an arm's share is about too few to show"
    assert says["contact"] == "got: 0.0% of the control, fewer than 10 of the others"
    assert "rare" not in says["balance"]


def test_units_and_arms_are_told_apart():
    branch = np.arange(200) // 10
    frame = pd.DataFrame({"arm": np.where(branch % 2, "control", "mail"), "branch": branch, "risk": np.arange(200) % 2})
    with pytest.raises(Refused, match=r"several strata.*keep cluster"):
        experiment.check(frame, planned=HALVES, strata=["risk"], cluster="branch")
    with pytest.raises(Refused, match="several arms"):
        experiment.check(frame.assign(arm=["control", "mail"] * 100), planned=HALVES, cluster="branch")
    with pytest.raises(DataError, match="branch"):
        experiment.check(frame.assign(branch=np.where(branch > 3, branch, np.nan)), planned=HALVES, cluster="branch")


def test_what_may_be_asked_of_arms_and_shares():
    numbered = halves().assign(arm=lambda t: (t["arm"] == "mail").astype(int))
    for control in (0, "0"):
        assert experiment.check(numbered, control=control, planned={"0": 0.5, 1: 0.5}).passed
    with pytest.raises(ParameterError, match="planned"):
        experiment.check(halves(), planned={"control": "half", "mail": 0.5})
    with pytest.raises(ParameterError, match="covariates"):
        experiment.check(halves(y=1), planned=HALVES, covariates="y")
    unsure = halves().assign(arm=pd.array([True, False, None, True] * 50, dtype="boolean"))
    with pytest.raises(ParameterError, match="missing"):
        experiment.check(unsure, planned={"control": 0.5, "treatment": 0.5})
    with pytest.raises(DataError, match="infinity"):
        experiment.check(halves(y=[np.inf, 1.0] * 100), planned=HALVES, covariates=["y"])


def mixed(n=3000):
    rng = np.random.default_rng(7)
    frame = pd.DataFrame({"arm": rng.choice(["control", "mail"], n), "tier": rng.choice(["a", "b"], n)})
    frame["aum"], frame["city"] = np.exp(rng.normal(9, 2, n)), rng.choice(["n", "s", "w"], n)
    frame["car"] = pd.array(rng.choice([True, False], n), dtype="boolean")
    frame.loc[::7, "aum"], frame.loc[::5, "car"], frame.loc[::11, "city"] = np.nan, pd.NA, None
    frame["before"], frame["y"] = rng.poisson(3, n), np.where(rng.random(n) < 0.1, np.nan, 1.0)
    frame["got"], frame["home"] = frame["arm"] == "mail", rng.integers(0, n // 3, n)
    return frame


HOW = {
    "planned": HALVES, "strata": ["tier"], "covariates": ["aum", "city", "car"], "before": ["before"],
    "outcomes": ["y"], "reached": ["got"],
}  # fmt: skip


def alike(here, there):
    assert here.table["check"].tolist() == there.table["check"].tolist()
    pd.testing.assert_frame_equal(here.arms, there.arms)
    a, b = (found.table.set_index("check").drop("neighbours", errors="ignore")["p_value"] for found in (here, there))
    np.testing.assert_allclose(a.astype(float), b.astype(float), rtol=0.05)
    keys = ["covariate", "arm"]
    both = here.balance.merge(there.balance, on=keys)
    np.testing.assert_allclose(both["standardised_x"], both["standardised_y"], rtol=1e-9)
    assert len(both) == len(here.balance) == len(there.balance)


def test_an_engines_table_gives_the_same():
    import ibis

    frame = mixed()
    alike(experiment.check(frame, **HOW), experiment.check(ibis.memtable(frame), **HOW))


@pytest.mark.spark
@pytest.mark.slow
def test_spark_gives_the_same(tiny_bank, spark_bank):
    def found(bank):
        people = bank.customers.mutate(arm=bank.customers.customer_id % 2 == 0)
        return experiment.check(
            people, planned={"control": 0.5, "treatment": 0.5}, covariates=["gender", "has_car", "risk_level"], k=1
        )

    alike(found(tiny_bank), found(spark_bank))


def test_parts_add_up(monkeypatch):
    """In parts of 500 customers, by sums of products, the p-values are those of all customers at once by formula."""
    frame = mixed()
    whole = experiment.check(frame, **HOW)
    monkeypatch.setattr("bankmkt.experiment.counted.WHOLE", 500)
    parts = experiment.check(frame, **HOW)
    np.testing.assert_allclose(parts.table["p_value"].astype(float), whole.table["p_value"].astype(float), rtol=1e-6)
    pd.testing.assert_frame_equal(parts.balance, whole.balance)


def test_the_gate_keeps_its_word():
    found = sim_gate.simulate(repeats=10, seed=5)
    assert found["ok"].all(), found[~found["ok"]].to_string()
