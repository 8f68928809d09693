"""The bandit's beliefs are as sure as they should be; chances are the shares in which a customer is among the best."""

import numpy as np
import pytest

from bankmkt.errors import DataError, ParameterError
from bankmkt.uplift.bandit import Posterior, chances, learn_effects


def trial(seed, n=3_000, rounds=1):
    """Two offers with linear effects drawn by chance; chances that depend on a column; outcomes of 0 and 1.

    In several rounds the same customers come again, each with a habit of its own that nobody knows.
    """
    rng = np.random.default_rng(seed)
    X = np.tile(rng.normal(size=(n // rounds, 5)), (rounds, 1))
    habit = np.tile(rng.choice([-0.2, 0.2], n // rounds), rounds)
    likes = 1 / (1 + np.exp(-X[:, 0]))
    p = np.column_stack([np.full(n, 0.4), 0.2 + 0.2 * likes, 0.4 - 0.2 * likes])
    arm = (rng.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1)
    slopes = rng.normal(0, 0.02, (5, 2))
    gains = np.column_stack([np.zeros(n), 0.05 + X @ slopes])[np.arange(n), arm]
    y = rng.random(n) < np.clip(0.3 + 0.05 * X[:, 1] + (habit if rounds > 1 else 0) + gains, 0, 1)
    return (X, arm, p, y.astype(float)), slopes


@pytest.mark.parametrize("rounds", [1, 4])
def test_beliefs_are_as_sure_as_they_should_be(rounds):
    """Coverage of 90 % intervals of effects on three customers over 40 trials, and no error on average."""
    where = np.array([[0.0] * 5, [1.0, 0, 0, 0, 0], [-1.0, 0.5, 1, 0, 0]])
    miss, covered = [], []
    for seed in range(40):
        data, slopes = trial(seed, rounds=rounds)
        true = 0.05 + where @ slopes
        drawn = learn_effects(*data).effects(where, 300, seed=seed)
        miss.append(drawn.mean(axis=0) - true)
        low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
        covered.append((low <= true) & (true <= high))
    assert abs(np.mean(covered) - 0.90) < 3 * np.sqrt(0.9 * 0.1 / 40)
    assert (np.abs(np.mean(miss, axis=0)) < 3.5 * np.std(miss, axis=0) / np.sqrt(40)).all()


def test_more_data_make_surer():
    wide, narrow = (
        learn_effects(*trial(1, n)[0]).effects(np.zeros((1, 5)), 500, 1).std(axis=0) for n in (1_000, 16_000)
    )
    assert (narrow < 0.5 * wide).all()


def test_draws_are_of_the_posterior():
    one = Posterior(np.array([0.1, 0.2]), np.array([[0.04, 0.01], [0.01, 0.09]]), np.array([5.0]), np.array([2.0]), 1)
    drawn = one.effects(np.array([[7.0]]), 40_000, seed=3)[:, 0, 0]
    z = np.array([10.0, 1.0])
    assert drawn.mean() == pytest.approx(z @ one.mean, abs=4 * drawn.std() / 200)
    assert drawn.var() == pytest.approx(z @ one.covariance @ z, rel=4 * np.sqrt(2 / 40_000))


def test_chances_are_shares_of_the_draws():
    rng = np.random.default_rng(2)
    worth = rng.normal([[1.0, 0.0], [0.0, 0.5], [-9.0, -9.0]], 1.0, size=(4_000, 3, 2))
    found = chances(worth, 1)
    assert found.sum() <= 1 + 1e-9
    assert (found[2] == 0).all()
    best = worth.reshape(4_000, -1).argmax(axis=1)
    share = np.bincount(best[worth.reshape(4_000, -1).max(axis=1) > 0], minlength=6) / 4_000
    np.testing.assert_allclose(found.ravel(), share)


@pytest.mark.parametrize("contacts", [0, 2.5, True])
def test_somebody_must_be_contacted(contacts):
    with pytest.raises(ParameterError, match="contacts"):
        chances(np.ones((1, 2, 1)), contacts)


def test_nothing_is_learned_from_outcomes_that_are_alike():
    (X, arm, p, y), _ = trial(1, 200)
    with pytest.raises(DataError, match="the same for every customer"):
        learn_effects(X, arm, p, 0 * y)
