"""The closed loop: same budget, true chances, values by truth, and policies that learn."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from simulations import sim_loop

import bankmkt as bm
from bankmkt.errors import ParameterError
from bankmkt.synth.rehearsal import known, rehearse
from bankmkt.uplift import closed_loop
from bankmkt.uplift.loop import _room
from bankmkt.uplift.loop_policies import POLICIES, Choice, Round
from bankmkt.uplift.study import LEAST_CHANCE

OFFERS = {"treatment": "fund_push", "treatment_b": "fund_call"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return bm.synth.World(bm.generate(tmp_path_factory.mktemp("loop") / "w", 10_000, 2, seed=7, progress=False))


@pytest.fixture(scope="module")
def played(world):
    return closed_loop(
        world, OFFERS, contacts=1_500, value=300, policies=["thompson", "random", "oracle"], rounds=3, draws=60
    )


def test_a_row_per_policy_and_round_and_the_pilot_is_alike(played):
    assert len(played) == 9
    assert played.groupby("round").starts_on.nunique().tolist() == [1, 1, 1]
    assert pd.DatetimeIndex(played.starts_on[:3]).strftime("%Y-%m").tolist() == ["2024-09", "2024-12", "2025-03"]
    assert len(played[played["round"] == 1].drop(columns="policy").drop_duplicates()) == 1
    assert (played.contacted == played.treatment + played.treatment_b).all()


def test_nobody_contacts_more(played):
    """On average over the lots: 1,500 with a standard deviation below √(1,500); where every contact pays, so many."""
    assert (played.contacted - 1_500 < 3.5 * np.sqrt(1_500)).all()
    assert (abs(played.contacted[played.policy == "random"] - 1_500) < 3.5 * np.sqrt(1_500)).all()


def test_a_list_without_gain_is_not_filled(world):
    """A call at 10 yuan for a sale worth 60: few are worth it, and the oracle leaves the others alone."""
    found = (
        closed_loop(
            world, {"treatment": "fund_call"}, contacts=1_500, value=60, policies=["oracle", "random"], rounds=2
        )
        .set_index(["policy", "round"])
        .contacted
    )
    explored = 0.2 * 1_500  # by lot, like the others
    assert found["oracle", 2] < explored + 3.5 * np.sqrt(1_500) < found["random", 2]


def test_regret_is_what_the_best_list_would_have_brought_more(played):
    assert np.allclose(played.regret, played.oracle - played.value_expected)
    assert (played.regret > 0).all()
    again = played.groupby("policy").regret.cumsum()
    assert np.allclose(again, played.regret_cumulative)
    assert ((played.ci_lower < played.value_estimated) & (played.value_estimated < played.ci_upper)).all()
    assert (played.covers == played.value_true.between(played.ci_lower, played.ci_upper)).all()


def test_who_knows_the_truth_loses_by_exploring_only(played):
    """The pilot's fifth of the lots costs it a fifth of what random contacts give away, but for who is drawn.

    A list's value is a sum over some 1,500 contacts drawn by lot: its standard deviation is near value / √1,500.
    """
    later = played[played["round"] > 1].set_index(["policy", "round"])
    luck = 4 * later.oracle["oracle"] / np.sqrt(1_500)
    assert (later.regret["oracle"] < 0.2 * later.regret["random"] + luck).all()
    assert later.regret["thompson"][3] < later.regret["random"][3]  # in the second round luck still decides


def test_the_same_seed_plays_the_same_and_other_luck_another(world, played):
    short = dict(contacts=1_500, value=300, policies=["random"], rounds=1)
    again = closed_loop(world, OFFERS, repeats=2, **short)
    first = played[(played.policy == "random") & (played["round"] == 1)]
    pd.testing.assert_frame_equal(first.reset_index(drop=True), again.head(1))
    assert again.value_true[0] != again.value_true[1]


def test_the_simulation_at_unit_size():
    found = sim_loop.simulate(repeats=2, seed=5)
    assert found.ok.all(), found


def choice(policy_seed=1, n=4_000):
    """A pilot in which one offer sells to those who have much, the other to nobody; likely buyers buy anyway."""
    rng = np.random.default_rng(policy_seed)
    frame = pd.DataFrame({"customer_id": np.arange(n), "wealth": rng.normal(size=n), "habit": rng.normal(size=n)})
    p = np.tile([0.5, 0.25, 0.25], (n, 1))
    arm = rng.choice(3, n, p=p[0])
    gain = np.where(arm == 1, 0.2 * (frame.wealth > 0.5), 0.0)
    y = (rng.random(n) < np.clip(0.25 + 0.15 * frame.habit, 0, 0.7) + gain).astype(float)
    new = pd.DataFrame({"wealth": rng.normal(size=2_000), "habit": rng.normal(size=2_000)})
    expected = np.column_stack([0.2 * (new.wealth > 0.5), np.zeros(2_000)])
    return Choice([Round(frame, arm, p, y)], new, 400, 100.0, np.array([1.0, 1.0]), 60, 3, expected)


def test_policies_find_what_they_look_for():
    now = choice()
    lists = {name: policy(now) for name, policy in POLICIES.items()}
    for name, found in lists.items():
        assert found.shape == (2_000, 2), name
        assert 0 < found.sum() <= 400 + 1e-6, name
        assert (found >= 0).all(), name
    wealth = {name: np.average(now.X.wealth, weights=found.sum(axis=1)) for name, found in lists.items()}
    habit = {name: np.average(now.X.habit, weights=found.sum(axis=1)) for name, found in lists.items()}
    # The 400 with most of a standard normal have a mean of 1.40, those above 0.5 one of 1.14, by lot it is 0 ± 0.05.
    assert wealth["oracle"] > 0.9
    assert wealth["uplift"] > 0.8
    assert wealth["thompson"] > 0.7
    assert abs(wealth["random"]) < 0.1
    assert habit["response"] > 0.5 > habit["uplift"]
    assert lists["uplift"][:, 0].sum() > 0.8 * lists["uplift"].sum()


def test_a_small_chance_counts_less():
    """Half the pilot was drawn with a chance of 1 in 50 of the offer: weights keep its noise out."""
    now = choice()
    (done,) = now.rounds
    rare = np.arange(4_000) % 2 == 0
    p = np.where(rare[:, None], [0.96, 0.02, 0.02], done.propensity)
    rng = np.random.default_rng(4)
    arm = (rng.random(4_000)[:, None] > p.cumsum(axis=1)).sum(axis=1)
    y = (rng.random(4_000) < 0.25 + np.where(arm == 1, 0.2 * (done.X.wealth > 0.5), 0)).astype(float)
    found = POLICIES["uplift"](dataclasses.replace(now, rounds=[Round(done.X, arm, p, y)]))
    assert np.average(now.X.wealth, weights=found.sum(axis=1)) > 0.6


@pytest.mark.parametrize(("n", "offers", "explore"), [(1931, 1, 0.03), (1000, 1, 0.2), (997, 3, 0.2), (50_000, 2, 1.0)])
def test_the_most_and_fewest_contacts_leave_everybody_a_chance(n, offers, explore):
    low, high = _room(n, offers, explore)
    assert low <= high < n
    assert explore * (1 - high / n) >= LEAST_CHANCE > explore * (1 - (high + 2) / n)
    assert explore * low / n / offers >= LEAST_CHANCE > explore * (low - 2) / n / offers


def test_a_later_round_of_fewer_customers_goes_on(world, monkeypatch):
    """Buyers leave the group; what the pilot could do, a later round may not."""
    n = len(known(rehearse(world), "fund"))
    most = _room(n, 1, 0.03)[1]
    later = iter([None, 0.9])

    def fewer(now, product):
        share, people = next(later), known(now, product)
        return people if share is None else people.iloc[: int(share * n)]

    monkeypatch.setattr("bankmkt.uplift.loop.known", fewer)
    found = closed_loop(
        world, {"treatment": "fund_push"}, contacts=most, value=300, policies=["uplift"], rounds=2, explore=0.03
    )
    assert found.contacted[1] < 0.95 * most


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"offers": {"treatment": "cake"}}, "'cake'"),
        ({"offers": {"treatment": "wake_up_coupon"}}, "offers of one product"),
        ({"policies": ["best"]}, "policies = 'best'"),
        ({"policies": ["random", "random"]}, "each once"),
        ({"policies": "random"}, "a list of"),
        ({"contacts": 20_000}, "of being left alone"),
        ({"contacts": 6_800, "explore": 0.03}, "of being left alone"),
        ({"contacts": 1.5}, "contacts = 1.5"),
        ({"explore": 0.0}, "explore = 0.0"),
        ({"explore": 0.001}, "of every offer"),
        ({"value": -1}, "value = -1"),
        ({"rounds": 0}, "rounds = 0"),
        ({"world": "data"}, "a bm.synth.World"),
    ],
)
def test_what_cannot_be_played(world, arguments, message):
    usual = {"world": world, "offers": OFFERS, "contacts": 500, "value": 300, "rounds": 1} | arguments
    with pytest.raises(ParameterError, match=message):
        closed_loop(usual.pop("world"), usual.pop("offers"), **usual)
