"""A plan holds what it promises: experiments of its size find its effect as often as it says."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, norm

from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.experiment import History, history, plan

RUNS = 4000


def found_in(runs, z, promised):
    """Assert that the share of runs with |z| beyond the limit is the promised one, within chance."""
    hits = int((np.abs(z) > norm.isf(0.025)).sum())
    assert binomtest(hits, runs, promised).pvalue > 1e-3, hits / runs


def test_known_answers():
    """Fleiss, Levin & Paik (2003), unpooled without continuity; Cohen's d of 0.5 takes 63 an arm by z."""
    assert plan(History(0.10, 0.3, binary=True), 0.05).in_arm.tolist() == [683]
    assert plan(History(0.0, 1.0), 0.5).in_arm.tolist() == [63]
    assert plan(History(0.0, 1.0), 0.5, power=0.9).in_arm.tolist() == [84]


def test_effect_customers_and_power_belong_together():
    past = History(0.05, 0.05**0.5, explained=0.2, binary=True)
    one = plan(past, 0.01).iloc[0]
    assert plan(past, customers=int(one.customers)).effect.iloc[0] == pytest.approx(0.01, rel=1e-3)
    assert plan(past, 0.01, int(one.customers)).power.iloc[0] == pytest.approx(0.8, abs=1e-3)
    several = plan(past, [0.01, 0.02], [2000, 20_000])
    assert several[["effect", "customers"]].to_numpy().tolist() == [
        [0.01, 2000], [0.01, 20_000], [0.02, 2000], [0.02, 20_000],
    ]  # fmt: skip
    power = several.power.to_numpy().reshape(2, 2)
    assert (np.diff(power, axis=0) > 0).all()
    assert (np.diff(power, axis=1) > 0).all()


def test_rates():
    rng = np.random.default_rng(1)
    row = plan(History(0.05, 0.2, binary=True), 0.015, arms={"control": 0.3, "treatment": 0.7}).iloc[0]
    a, b = rng.binomial(row.in_control, 0.05, RUNS), rng.binomial(row.in_arm, 0.065, RUNS)
    p, q = a / row.in_control, b / row.in_arm
    z = (q - p) / np.sqrt(p * (1 - p) / row.in_control + q * (1 - q) / row.in_arm)
    found_in(RUNS, z, row.power)
    assert row.power == pytest.approx(0.8, abs=1e-3)


def test_adjustment_by_the_past_saves_customers_and_keeps_the_power():
    """CUPED within strata: history is learned from one draw of the world, experiments are others."""

    def world(rng, *shape):
        stratum = rng.integers(0, 3, shape)
        before = rng.gamma(2, 1, shape) + stratum
        return stratum, before, before + 2 * stratum + rng.normal(0, 1.5, shape)

    stratum, before, y = world(np.random.default_rng(2), 20_000)
    frame = pd.DataFrame({"y": y, "before": before, "stratum": stratum})
    past = history(frame, "y", covariate="before", strata=["stratum"])
    assert past.explained == pytest.approx(1 - 1.5**2 / y.var(), abs=0.02)
    row, plain = plan(past, 0.4).iloc[0], plan(history(frame, "y"), 0.4).iloc[0]
    assert row.customers == pytest.approx(plain.customers * (1 - past.explained), rel=1e-2)
    rng, n, z = np.random.default_rng(3), int(row.customers), []
    for _ in range(1000):
        stratum, before, y = world(rng, n)
        treated = rng.permutation(n) < row.in_arm
        design = np.column_stack([treated, before, stratum == 0, stratum == 1, stratum == 2]).astype(float)
        coefficients, rest, *_ = np.linalg.lstsq(design, y + 0.4 * treated, rcond=None)
        z.append(coefficients[0] / np.sqrt(rest[0] / (n - 5) * np.linalg.inv(design.T @ design)[0, 0]))
    found_in(1000, np.array(z), 0.8)


def test_ratios():
    """Money per purchase: both vary by customer."""

    def world(rng, *shape):
        purchases = 1 + rng.poisson(2, shape)
        return purchases, purchases * rng.gamma(4, 5, shape)

    purchases, money = world(np.random.default_rng(4), 50_000)
    past = history(pd.DataFrame({"money": money, "purchases": purchases}), "money", per="purchases")
    assert past.mean == pytest.approx(20, rel=0.02)
    row = plan(past, 1.0).iloc[0]
    rng, ratios = np.random.default_rng(5), []
    for n, gain in ((row.in_control, 0.0), (row.in_arm, 1.0)):
        purchases, money = world(rng, 2000, n)
        ratios.append((money + gain * purchases).sum(axis=1) / purchases.sum(axis=1))
    z = (ratios[1] - ratios[0]) / np.sqrt(np.var(ratios[0]) + np.var(ratios[1]))
    found_in(2000, z, 0.8)


def test_branches_drawn_as_a_whole():
    """Unequal branches with something in common: the plan's number of branches has the power it says."""
    rng = np.random.default_rng(6)

    def world(rng, branches):
        sizes = rng.integers(10, 60, branches)
        branch = np.repeat(np.arange(branches), sizes)
        return branch, rng.normal(0, 0.3, branches)[branch] + rng.normal(0, 1, len(branch))

    branch, y = world(rng, 4000)
    past = history(pd.DataFrame({"y": y, "branch": branch}), "y", cluster="branch")
    assert past.icc == pytest.approx(0.09 / 1.09, abs=0.01)
    assert past.cluster_size == pytest.approx(34.5, rel=0.03)
    row = plan(past, 0.2).iloc[0]
    assert row.clusters == pytest.approx(row.customers / past.cluster_size, abs=1)
    z = []
    for _ in range(1500):
        branch, y = world(rng, int(row.clusters))
        treated = rng.permutation(row.clusters) < row.clusters / 2
        x = treated[branch].astype(float)
        y = y + 0.2 * x
        design = np.column_stack([np.ones(len(x)), x])
        inverse = np.linalg.inv(design.T @ design)
        beta = inverse @ design.T @ y
        rest = (y - design @ beta)[:, None] * design
        sums = np.stack([np.bincount(branch, rest[:, j], row.clusters) for j in (0, 1)], axis=1)
        z.append(beta[1] / np.sqrt((inverse @ sums.T @ sums @ inverse)[1, 1]))
    hits = (np.abs(z) > norm.isf(0.025)).mean()
    assert hits == pytest.approx(0.8, abs=0.04)  # the size of clusters weighs in to first order only
    naive = plan(history(pd.DataFrame({"y": y}), "y"), 0.2).iloc[0]
    assert naive.customers < row.customers / 2


def test_several_arms_keep_the_level_together():
    rng = np.random.default_rng(7)
    arms = {"control": 0.4, "treatment": 0.2, "treatment_b": 0.2, "treatment_c": 0.2}
    rows = plan(History(0.0, 1.0), 0.3, arms=arms)
    assert rows.arm.tolist() == ["treatment", "treatment_b", "treatment_c"]
    limit = norm.isf(0.025 / 3)
    base = rng.normal(0, 1 / np.sqrt(rows.in_control[0]), RUNS)
    means = rng.normal(0, 1 / np.sqrt(rows.in_arm[0]), (3, RUNS))
    se = np.sqrt(1 / rows.in_control[0] + 1 / rows.in_arm[0])
    assert binomtest(int((np.abs((means[0] + 0.3 - base) / se) > limit).sum()), RUNS, 0.8).pvalue > 1e-3
    false = (np.abs((means - base) / se) > limit).any(axis=0).sum()
    assert false / RUNS < 0.05 + 3 * (0.05 * 0.95 / RUNS) ** 0.5


def test_what_the_answer_costs():
    row = plan(History(0.0, 1.0), 0.5, cost=2.0).iloc[0]
    assert row.cost == row.customers / 2 * 2.0
    assert plan(History(0.0, 1.0), 0.5, cost=np.int64(2)).cost.iloc[0] == row.cost
    both = plan(History(0.0, 1.0), 0.5, cost={"control": 1.0, "treatment": 2.0}).iloc[0]
    assert both.cost == pytest.approx(row.customers * 1.5)


def test_history_equals_pandas():
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"y": rng.normal(3, 2, 500), "x": rng.normal(0, 1, 500), "yes": rng.random(500) < 0.2})
    found = history(frame, "y")
    assert (found.mean, found.sd) == pytest.approx((frame.y.mean(), frame.y.std()))
    assert found.explained == 0
    assert history(frame, "yes").binary
    nothing = [history(frame.assign(x=rng.normal(0, 1, 500)), "y", covariate="x").explained for _ in range(50)]
    assert np.mean(nothing) < 0.003  # a covariate of noise explains nothing


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "effect"),
        ({"effect": 0}, "effect"),
        ({"effect": "large"}, "effect"),
        ({"effect": 0.95}, "rate of 0 to 1"),
        ({"customers": 2}, "customers"),
        ({"effect": 0.01, "power": 80}, "power"),
        ({"effect": 0.01, "level": 1}, "level"),
        ({"effect": 0.01, "control": "nobody"}, "control"),
        ({"effect": 0.01, "arms": {"control": 1}}, "arms"),
        ({"effect": 0.01, "cost": -1}, "cost"),
        ({"effect": 0.01, "cost": {"b": 1}}, "cost"),
        ({"effect": []}, "effect"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ParameterError, match=message):
        plan(History(0.1, 0.3, binary=True), **arguments)


def test_too_few_to_find_anything():
    with pytest.raises(ParameterError, match="enough to find"):
        plan(History(0.5, 0.5, binary=True), customers=4)


def test_bad_history():
    frame = pd.DataFrame({"y": [1.0, 2.0, 3.0, None], "name": list("abcd"), "one": 1.0, "endless": [1, 2, 3, np.inf]})
    for error, arguments, message in (
        (SchemaError, ("z",), "no column"), (SchemaError, ("name",), "numbers"), (DataError, ("y",), "1 missing"),
        (DataError, ("one",), "varies"), (DataError, ("endless",), "1 infinite"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            history(frame, *arguments)
    with pytest.raises(DataError, match="10 units"):
        history(frame[:3], "y", cluster="one")
    with pytest.raises(ParameterError, match="sd"):
        History(1.0, 0.0)
    with pytest.raises(ParameterError, match="icc"):
        History(1.0, 1.0, icc=2)
    with pytest.raises(ParameterError, match="past"):
        plan(frame, 0.1)
    for given, how, told in (
        (frame, {"outcome": ["y"]}, "outcome"), (None, {"outcome": "y"}, "frame = 'NoneType'"),
        (frame, {"outcome": "y", "covariate": "y"}, "covariate"), (frame, {"outcome": "y", "strata": 3}, "strata"),
    ):  # fmt: skip
        with pytest.raises(ParameterError, match=told):
            history(given, **how)
    with pytest.raises(SchemaError, match="two columns"):
        history(pd.concat([frame, frame[["one"]]], axis=1), "one")
