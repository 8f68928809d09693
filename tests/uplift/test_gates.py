"""No list by a model that knows nothing: on what is made up, and on Hillstrom's e-mails, over several draws."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.linear_model import LinearRegression

from bankmkt import datasets
from bankmkt.errors import ParameterError, Refused
from bankmkt.uplift import Study, effect_scores, expected_outcomes, policy, policy_or_reason
from bankmkt.uplift.gates import critical, list_gate
from bankmkt.uplift.learners import _scored, matrix

KNOWN = ["recency", "history", "mens", "womens", "zip_code", "newbie", "channel"]
LEARNERS = ("T", "X", "DR")


def known(n=4000, seed=1, spread=0.1, **more):
    rng = np.random.default_rng(seed)
    x, treated = rng.normal(size=n), rng.random(n) < 0.5
    bought = rng.random(n) < np.clip(0.4 + (0.05 + spread * x) * treated, 0, 1)
    return Study(pd.DataFrame({"x": x}), treated, bought, propensity=0.5, **more), {"x": x}


def test_a_list_needs_a_lot_or_adjusted_outcomes():
    study, scores = known(randomised=False)
    with pytest.raises(Refused, match="not drawn by lot, and outcomes are not adjusted"):
        policy(study, scores)
    expected = expected_outcomes(study, model=LinearRegression())
    gates = policy(study, scores, expected=expected).gates
    assert gates.gate.tolist() == ["design", "overlap", "order", "list"]
    assert gates.passed.all()


def test_without_overlap_there_is_no_list():
    rng = np.random.default_rng(2)
    x = rng.normal(size=3000)
    chance = np.clip(1 / (1 + np.exp(-3 * x)), 0.02, 0.98)
    treated = rng.random(3000) < chance
    study = Study(pd.DataFrame({"x": x}), treated, x + treated * x, propensity=chance, randomised=False)
    with pytest.raises(Refused, match="chance below 5%"):
        policy(study, {"x": x}, expected=np.column_stack([x, 2 * x]))


def test_a_failed_check_of_the_experiment_withholds_the_list():
    study, scores = known()
    table = pd.DataFrame(
        {"check": ["sizes", "balance"], "passed": [True, False], "says": ["fine", "arms differ in age"]}
    )
    with pytest.raises(Refused, match="arms differ in age"):
        policy(study, scores, checks=SimpleNamespace(table=table))
    found = policy(study, scores, checks=SimpleNamespace(table=table.iloc[:1]))
    assert found.gates.set_index("gate").says["checks"] == "1 checks of the experiment passed"
    with pytest.raises(ParameterError, match="checks"):
        policy(study, scores, checks={"p_value": 0.5})


def test_the_best_of_many_models_passes_no_more_easily_than_one():
    rng, taken = np.random.default_rng(4), 0
    for seed in range(40):
        study, _ = known(800, seed, spread=0.0, value=100.0)
        taken += policy_or_reason(study, {str(n): rng.normal(size=800) for n in range(8)})[0] is not None
    assert binomtest(taken, 40, 0.025, alternative="greater").pvalue > 1e-3, taken  # uncorrected: about 7 of 40


def test_the_refusal_says_that_contacting_all_is_another_matter():
    study, _ = known(spread=0.0)
    reason = policy_or_reason(study, {"noise": np.random.default_rng(5).normal(size=4000)})[1]
    assert "cannot be told from chance" in reason
    assert re.search(r"the effect on everybody is \d+\.\d per 1,000 customers \(−?\d+\.\d to \d+\.\d\)", reason)
    assert "contact all or nobody" in reason


def test_baselines_are_not_chosen_unless_named():
    study, scores = known()
    with pytest.raises(ParameterError, match="a model of uplift"):
        policy(study, {"response": scores["x"], "random": scores["x"]})
    assert policy(study, {"response": scores["x"]}, model="response").model == "response"


def test_an_arm_whose_order_is_chance_changes_everybody_alike():
    rng = np.random.default_rng(6)
    x, arm = rng.normal(size=6000), rng.choice(["control", "flat", "steep"], 6000)
    y = rng.normal(size=6000) + np.where(arm == "flat", 0.4, np.where(arm == "steep", x, 0))
    study = Study(pd.DataFrame({"x": x}), arm, y, dict.fromkeys(["control", "flat", "steep"], 1 / 3))
    found = policy(study, {"m": np.column_stack([rng.normal(size=6000), x])})
    assert found.gates.set_index("arm").passed[["flat", "steep"]].tolist() == [False, True]
    se = effect_scores(study).std(axis=0) / np.sqrt(len(study) / 2)  # found on half; x has a standard deviation of 1
    assert [line.slope for line in found.lines] == [0.0, pytest.approx(1, abs=4 * se[1])]
    assert "flat" in found.notes[0]
    given = found.customers.arm.to_numpy()
    assert x[given == "steep"].min() == pytest.approx(0.4, abs=4 * np.hypot(*se))
    assert set(given[x < 0]) == {"flat"}


def test_a_list_that_does_no_better_than_one_arm_for_all_is_refused():
    """The good arm changes everybody alike; the other one's order is known, but it is never the better one."""
    rng = np.random.default_rng(8)
    x, arm = rng.normal(size=6000), rng.choice(["control", "flat", "steep"], 6000)
    y = rng.normal(size=6000) + np.where(arm == "flat", 1.2, np.where(arm == "steep", 0.4 * x, 0))
    study = Study(pd.DataFrame({"x": x}), arm, y, dict.fromkeys(["control", "flat", "steep"], 1 / 3))
    scores = {"m": np.column_stack([rng.normal(size=6000), x])}
    reason = policy_or_reason(study, scores, held_out=True)[1]
    assert "everybody: flat" in reason or "whose order is better" in reason
    made = policy(study, scores, held_out=True, capacity={"flat": 2000})  # room for the other one
    gate = made.gates.set_index("gate").loc["list"]
    assert gate.passed
    assert gate.ci_lower > 0


def test_a_list_has_to_beat_every_choice_without_a_model_that_limits_allow():
    rows = pd.DataFrame({
        "policy": ["by m", "nobody", "everybody: a", "by response"], "difference": [np.nan, 50.0, 10.0, -30.0],
        "difference_ci_lower": [np.nan, 20.0, -5.0, -50.0], "difference_ci_upper": [np.nan, 80.0, 25.0, -10.0],
    })  # fmt: skip
    orders = [{"arm": "a", "passed": True}, {"arm": "b", "passed": False}]
    found = list_gate(rows, {"a"}, orders, True)
    assert found["passed"]
    assert "worth 10 more than everybody: a (−5 to 25)" in found["says"]
    assert not list_gate(rows.assign(difference_ci_upper=-1.0), {"a"}, orders, True)["passed"]
    assert "nobody an arm whose order" in list_gate(rows, {"b"}, orders, True)["says"]
    assert not list_gate(rows, {"a", "b"}, orders, True)["passed"]  # leans on b, and may be worth less
    assert list_gate(rows.assign(difference_ci_lower=1.0), {"a", "b"}, orders, True)["passed"]
    worse = rows.assign(difference=[np.nan, -50.0, 10.0, -30.0], difference_ci_upper=[np.nan, -20.0, 25.0, -10.0])
    assert not list_gate(worse, {"a"}, orders, True)["passed"]
    assert list_gate(worse, {"a"}, orders, False)["passed"]  # somebody has to be contacted


def test_an_open_campaign_makes_no_list():
    study, scores = known()
    joined = Study(study.X, np.where(study.arm == 1, "joined", "control"), study.outcome, 0.5, randomised=False)
    with pytest.raises(Refused, match="joined this campaign of themselves"):
        policy(joined, scores, expected=np.full((4000, 2), 0.4))


def test_joint_limits_are_those_of_jointly_normal_errors():
    rng = np.random.default_rng(7)
    normal = rng.normal(size=(5000, 4))
    assert critical(normal) == pytest.approx(2.491, abs=0.05)  # two-sided 95 % of the largest of 4 independent ones
    assert critical(np.column_stack([normal[:, 0], 2 * normal[:, 0], np.zeros(5000)])) == pytest.approx(1.96, abs=0.001)


@pytest.fixture(scope="module")
def hillstrom(real_data):
    """A policy or the reason why there is none, of each of the two e-mails, by several draws of who is learned from."""
    found = datasets.load_hillstrom(real_data)
    people = found.customers.merge(found.assignments, on="customer_id").merge(found.outcomes, on="customer_id")
    answers = {}
    chances = dict.fromkeys(["control", "treatment", "treatment_b"], 1 / 3)
    three = Study(people[KNOWN], people.arm, people.visit, propensity=chances)
    answers["both"] = [held_out(three, seed, ["T"]) for seed in range(5)]
    for name, arm in (("men", "treatment"), ("women", "treatment_b")):
        mine = people[people.arm.isin(["control", arm])].reset_index(drop=True)
        study = Study(mine[KNOWN], (mine.arm == arm).astype(int), mine.visit, propensity=0.5)
        answers[name] = [held_out(study, seed) for seed in range(5)]
    return answers


def held_out(study, seed, learners=LEARNERS):
    """Learn from 70 %, and choose, value or refuse on the other 30 %."""
    place = np.random.default_rng(seed).permutation(len(study))
    train, test = np.split(place, [int(0.7 * len(place))])
    X, places = matrix(study.X), range(1, len(study.arms))
    scores = {
        name: np.column_stack(
            [_scored(X, study, LinearRegression(), seed, name, place, train, test) for place in places]
        )
        for name in learners
    }
    return policy_or_reason(study.of(test), scores, held_out=True)


def test_hillstroms_mens_mail_is_refused_and_womens_is_not(hillstrom):
    """Effect on visits, five draws of 70/30: shares of refusals, no lucky seed."""
    refused = {name: np.mean([found is None for found, _ in answers]) for name, answers in hillstrom.items()}
    assert refused["men"] >= 0.8, refused
    assert refused["women"] <= 0.2, refused
    assert all("cannot be told from chance" in reason for found, reason in hillstrom["men"] if found is None)


def test_a_mix_of_both_mails_is_refused_because_an_order_is_chance(hillstrom):
    reasons = [reason for found, reason in hillstrom["both"] if found is None]
    assert len(reasons) >= 4, reasons
    assert all("no better than chance" in reason or "cannot be told from chance" in reason for reason in reasons)
