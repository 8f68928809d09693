"""Choices by truth: the best under every limit, worth what they say, and none where limits contradict each other."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import LinearConstraint, milp
from simulations import sim_policy

from bankmkt import uplift
from bankmkt.errors import DataError, ParameterError, Refused, SchemaError
from bankmkt.uplift import Study, effect_scores
from bankmkt.uplift.policy import _kept_apart
from bankmkt.uplift.policy_effects import line
from bankmkt.uplift.policy_solver import Limit, solve, used
from bankmkt.uplift.reasons import contrast

policy, policy_or_reason = (  # no score here is learned from the study
    partial(ask, held_out=True) for ask in (uplift.policy, uplift.policy_or_reason)
)


def offers(n=12_000, seed=1, cost=(2.0, 5.0), value=100.0, **more):
    """Two offers: a message that moves the young, and harms the oldest; a call that moves those with money."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({
        "age": rng.integers(20, 80, n), "money": rng.normal(size=n), "city": rng.choice(["a", "b", "c"], n),
    }, index=np.arange(n) + 1000)  # fmt: skip
    truth = pd.DataFrame({"sms": 0.004 * (50 - X.age), "call": 0.08 * X.money}, index=X.index)
    arm = pd.Series(rng.choice(["control", "sms", "call"], n), index=X.index)
    own = np.where(arm == "sms", truth.sms, np.where(arm == "call", truth.call, 0))
    bought = pd.Series(rng.random(n) < np.clip(0.35 + own, 0, 1), index=X.index)
    chance = {"control": 1 / 3, "sms": 1 / 3, "call": 1 / 3}
    costs = {"sms": cost[0], "call": cost[1]}
    study = Study(X, arm, bought, chance, costs, value, truth, **more)
    return study, pd.concat({"good": truth + rng.normal(0, 0.02, truth.shape), "random": 0 * truth}, axis=1)


def brute(net, cell, limits):
    """The integer programme, written out."""
    n, arms = net.shape
    once = np.kron(np.eye(n), np.ones(arms))
    use = np.array([limit.use[cell].ravel() for limit in limits])
    most = [limit.most for limit in limits]
    found = milp(-net.ravel(), integrality=np.ones(n * arms), bounds=(0, 1),
                 constraints=[LinearConstraint(once, ub=1), LinearConstraint(use, ub=most)])  # fmt: skip
    return -found.fun


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("least", [None, 40])
def test_prices_find_the_best_choice_but_for_the_last_customer_of_each_limit(ties, least):
    rng = np.random.default_rng(3)
    for _ in range(2):
        n = 200
        cell, net = rng.integers(0, 2, n), rng.normal(size=(n, 2)) * 10 - (15 if least else 0)
        net = np.round(net / 5) * 5 if ties else net
        limits = [
            Limit("yuan", np.tile([1.0, 3.0], (2, 1)), 150.0),
            Limit("calls", np.tile([0.0, 1.0], (2, 1)), 20.0),
            Limit("of the first cell", np.array([[1.0, 1.0], [0.0, 0.0]]), 60.0),
        ]
        limits += [Limit("least", -np.ones((2, 2)), -float(least))] if least else []
        choice = solve(net, cell, limits, exact=False)
        worth = net[choice.arm > 0, choice.arm[choice.arm > 0] - 1].sum()
        best = brute(net, cell, limits)
        assert (used(choice.arm, cell, limits) <= [limit.most + 1e-6 for limit in limits]).all()
        assert best - len(limits) * np.abs(net).max() <= worth <= best + 1e-6 <= choice.bound + 1e-3
        exact = solve(net, cell, limits, exact=True)
        assert net[exact.arm > 0, exact.arm[exact.arm > 0] - 1].sum() == pytest.approx(best, rel=1e-4)


def test_one_limit_takes_the_best_customers():
    net = np.random.default_rng(4).normal(size=(500, 1))
    choice = solve(net, np.zeros(500, int), [Limit("calls", np.ones((1, 1)), 50)])
    assert set(np.flatnonzero(choice.arm)) == set(np.argsort(-net[:, 0])[:50])
    assert choice.price[0] == pytest.approx(np.sort(net[:, 0])[-51])


def test_a_price_is_what_one_yuan_more_would_add():
    study, scores = offers()
    found = {b: policy(study, scores, model="good", budget=b).customers for b in (2000, 2100)}
    more = found[2100][found[2100].arm != "none"].expected_value.sum()
    more -= found[2000][found[2000].arm != "none"].expected_value.sum()
    price = policy(study, scores, model="good", budget=2050.0).prices.price[0]
    assert more / 100 == pytest.approx(price, rel=0.02)


def test_limits_are_kept_and_regret_is_small_for_a_good_model():
    study, scores = offers()
    found = policy(study, scores, budget=4000, capacity={"call": 300}, at_least={"sms": 700}, groups=["city", "age"],
                   max_ratio={"city": 1.1})  # fmt: skip
    sizes = found.chosen.arm.value_counts()
    assert 2 * sizes["sms"] + 5 * sizes["call"] <= 4000
    assert sizes["call"] <= 300
    assert sizes["sms"] >= 700
    rates = found.fairness[found.fairness.column == "city"].rate
    assert rates.max() / rates.min() <= 1.1 * 1.01
    assert policy(study, scores, groups=["age"]).fairness.rate.max() > 0.5  # the young are chosen if nothing limits it
    of = found.comparison.set_index("policy")
    assert of.value_true["the best in hindsight"] >= of.value_true.drop("the best in hindsight").max()
    assert found.regret == of.value_true["the best in hindsight"] - of.value_true["by good"]
    assert found.regret < of.value_true["the best in hindsight"] - of.value_true["at random"]


def test_the_value_is_the_mean_of_effect_scores_over_the_chosen_of_those_kept_apart():
    study, scores = offers(24_000)
    found = policy(study, scores, budget=3000)
    judged = _kept_apart(study, 0.5, 7)
    assert np.bincount(study.arm[judged]).tolist() == [round(size / 2) for size in np.bincount(study.arm)]
    psi, times = effect_scores(study), len(study) / judged.sum()
    own = times * sum(
        (100 * psi[judged & (found.customers.arm == arm).to_numpy(), place] - cost).sum()
        for place, (arm, cost) in enumerate(zip(study.treated, study.cost[1:], strict=True))
    )
    assert found.value == pytest.approx(own)
    low, high = found.interval
    assert abs(found.value - found.comparison.value_true[0]) < high - low  # four standard errors
    nobody = found.comparison.set_index("policy").loc["nobody"]
    assert (nobody.value, nobody.difference) == (0, pytest.approx(found.value))
    lot = found.comparison.set_index("policy").loc["at random"]
    counts = found.chosen.arm.value_counts()
    wanted = sum(counts[arm] * (100 * psi[judged, i].mean() - study.cost[i + 1]) for i, arm in enumerate(study.treated))
    assert lot.value == pytest.approx(wanted)


def test_those_whom_contact_harms_are_named_and_left_out():
    study, scores = offers(20_000)
    found = policy(study, scores, model="good")
    row = found.harmed.set_index("arm").loc["sms"]
    assert row.ci_upper < 0
    assert "age is high" in row.traits
    harmed = scores["good", "sms"] <= found.lines[study.treated.index("sms")].harm_below
    psi = effect_scores(study)[_kept_apart(study, 0.5, 7) & harmed.to_numpy(), study.treated.index("sms")]
    assert row.effect == pytest.approx(psi.mean())  # of others than those by whom they were found
    assert (study.truth[harmed.to_numpy(), study.treated.index("sms")] < 0).mean() > 0.95
    forced = policy(study, scores, model="good", at_least={"sms": 3000}).customers
    assert not ((forced.arm == "sms") & harmed).any()


def test_several_arms_go_to_whom_they_move():
    study, scores = offers(24_000)
    chosen = policy(study, scores, model="good").chosen
    X = study.X.set_axis(study.index)
    # A message is worth it below 45 years, a call above 0.625; both are blurred by the score's noise of 0.02 and by the
    # error of the lines, found on half.
    blur = 4 * np.hypot(0.02, effect_scores(study).std() / np.sqrt(len(study) / 2))
    assert X.loc[chosen.index[chosen.arm == "sms"], "age"].max() < 45 + blur / 0.004
    assert X.loc[chosen.index[chosen.arm == "call"], "money"].min() > 0.625 - blur / 0.08
    best = study.truth.argmax(axis=1)
    given = pd.Series(
        study.treated.index("call") * (chosen.arm == "call") + study.treated.index("sms") * (chosen.arm == "sms")
    )
    assert (given == pd.Series(best, study.index)[chosen.index]).mean() > 0.85


def test_the_rule_chooses_among_others():
    study, scores = offers()
    found = policy(study, scores, model="good", budget=2000)
    again = found.choose(scores, budget=2000)
    pd.testing.assert_frame_equal(again.set_axis(study.index), found.customers)
    few = found.choose(scores["good"].iloc[:500], capacity=50)
    assert (few.arm != "none").sum() == 50
    with pytest.raises(SchemaError, match="every arm"):
        found.choose(scores["good"][["sms"]])


def test_the_same_seed_gives_the_same_list_whatever_the_ties():
    study, scores = offers()
    scores = scores.round(1)
    one, other = (policy(study, scores, model="good", budget=8000, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(one.customers, other.customers)
    assert one.study == other.study != policy(study, scores + 1, model="good").study


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"budget": 1.0}, Refused, "pays for nobody"),
        ({"budget": -3}, ParameterError, "budget"),
        ({"capacity": {"fax": 3}}, ParameterError, "fax"),
        ({"capacity": 0}, ParameterError, "capacity"),
        ({"at_least": 700, "capacity": 600}, Refused, "at least 700 contacts and a capacity of 600"),
        ({"at_least": 13_000}, Refused, "12,000 customers"),
        ({"at_least": {"call": 900}, "budget": 3000}, Refused, "3,000 and at least 900 contacts by call"),
        ({"max_ratio": 1.2}, ParameterError, "groups"),
        ({"max_ratio": 0.9, "groups": ["city"]}, ParameterError, "ratio from 1"),
        ({"max_ratio": {"x": 1.2}, "groups": ["city"]}, ParameterError, "max_ratio"),
        ({"groups": ["x"]}, ParameterError, "columns of X"),
        ({"groups": pd.DataFrame({"x": [1]})}, DataError, "1 rows"),
        ({"model": "x"}, ParameterError, "name a model"),
        ({"seed": -1}, ParameterError, "seed"),
        ({"judge": 0.0}, ParameterError, "judge"),
        ({"held_out": 1}, ParameterError, "held_out"),
    ],
)  # fmt: skip
def test_limits_that_cannot_be_kept_are_named(options, error, message):
    study, scores = offers()
    with pytest.raises(error, match=message):
        policy(study, scores, **options)


@pytest.mark.parametrize("exact", [True, False])
def test_a_fewest_that_those_left_out_as_harmed_make_impossible_says_so(exact):
    net = np.where(np.arange(500) < 40, -np.inf, 1.0)[:, None]
    limits = [Limit("at least 480 contacts", -np.ones((1, 1)), -480.0)]
    with pytest.raises(Refused, match="at least 480 contacts if the 40 customers whom contact harms are left out"):
        solve(net, np.zeros(500, int), limits, exact=exact)
    assert (solve(np.ones((500, 1)), np.zeros(500, int), limits, exact=exact).arm == 1).sum() >= 480


def test_nobody_worth_the_cost_is_a_refusal():
    study, scores = offers(cost=(60.0, 90.0))
    found, reason = policy_or_reason(study, scores)
    assert found is None
    assert "nobody is worth the cost" in reason
    with pytest.raises(ParameterError, match="count what is wanted"):
        policy(*offers(value=-1.0))


def test_a_constant_score_among_the_candidates_is_no_model():
    study, scores = offers()
    scores = pd.concat([scores, pd.concat({"same": 0 * scores["good"]}, axis=1)], axis=1)
    assert policy(study, scores).model == "good"
    found, reason = policy_or_reason(study, scores, model="same")
    assert found is None
    assert "cannot be told from chance: Q 0.0 per 1,000 customers (0.0 to 0.0)" in reason
    assert line("sms", np.zeros(50), np.arange(50.0), True).slope == 0


def test_small_groups_have_no_figures():
    study, scores = offers()
    place = np.arange(len(study))
    rare = pd.DataFrame({"kind": np.where(place < 4, "rare", np.where(place < 3000, "x", "y"))})
    found = policy(study, scores, budget=3000, groups=rare).fairness.set_index("group")
    assert found.loc["other values", ["customers", "chosen", "rate", "effect"]].isna().all()
    assert found.suppressed.sum() >= 2  # else the rest would tell
    assert found.customers.isna().sum() == 2  # 12,000 less the sizes of x and y are the 4


def test_a_place_that_few_live_in_does_not_tell_a_group():
    place = np.arange(100)
    X = pd.DataFrame(
        {"village": pd.Categorical(np.where(place < 4, "Hamlet", np.where(place < 50, "Upton", "Downton")))}
    )
    assert contrast(X, place < 40) == ["village is Upton"]  # all four of Hamlet are among them


def test_what_simulations_say_holds(monkeypatch):
    kept = ("half the customers worth it, 4 models", "models of each other's folds")
    monkeypatch.setattr(sim_policy, "SETTINGS", {name: sim_policy.SETTINGS[name] for name in kept})
    found = sim_policy.simulate(8, seed=3)
    assert found.ok.all(), found[~found.ok].to_string()
    power = found[found.figure == "power of the gates"].value
    assert (power >= 0.5).all()  # in full 94 of 100: fewer than 4 of 8 in one of 30,000
