"""The simulation of experiments, small: every claim is within 3 Monte-Carlo errors of what is promised."""

from simulations import sim_experiments, sim_taking_part


def test_experiments_keep_their_word():
    found = sim_experiments.simulate(repeats=20, seed=5)
    assert found["ok"].all(), found[~found["ok"]].to_string()


def test_effects_of_taking_part_and_of_doses_keep_their_word():
    found = sim_taking_part.simulate(repeats=20, seed=5)
    assert found["ok"].all(), found[~found["ok"]].to_string()


def test_a_wrong_interval_would_be_seen():
    """Without its clusters the design of whole branches is far from its coverage, even in few repeats."""
    import numpy as np

    def careless(rng):
        frame, metric, _, truth = sim_experiments.clusters(rng)
        return frame, metric, {}, truth

    rng = np.random.default_rng(1)
    hits = [sim_experiments.one(careless, rng)[0] for _ in range(120)]
    assert not sim_experiments.share("", "", hits, "", 0.95, 0.98)["ok"]
