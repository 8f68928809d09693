import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from bankmkt.segments.grouping import STABLE, group, nearest


def blobs(seed, number=4, spread=1.0):
    """Draw groups of unequal size, their centres 6 to 9 spreads apart, and say who is of which."""
    rng = np.random.default_rng(seed)
    centres = 6 * np.eye(number, 5) + rng.normal(0, 0.3, (number, 5))
    truth = rng.choice(number, 500, p=np.arange(2, number + 2) / np.arange(2, number + 2).sum())
    return centres[truth] + rng.normal(0, spread, (500, 5)), truth


@pytest.mark.parametrize("number", [2, 3, 4])
def test_planted_groups_are_found_in_their_number(number):
    points, truth = blobs(number, number)
    found = group(points, [2, 3, 4, 5], draws=10, seed=1)
    assert len(found.centres) == number
    assert found.choice.set_index("groups").chosen[number]
    labels = nearest(points, found.centres)
    assert adjusted_rand_score(truth, labels) > 0.98
    assert (np.diff(np.bincount(labels)) <= 0).all()
    assert (found.overlaps[:, 0] > 0.95).all()
    assert (found.overlaps[:, 1] <= found.overlaps[:, 0]).all()
    assert (found.overlaps[:, 0] <= found.overlaps[:, 2]).all()


@pytest.mark.parametrize("spreads", [(1, 1, 1, 1, 1), (4, 2, 1, 1, 0.5)])
def test_noise_has_no_groups(spreads):
    """A cloud, round or long: where cutting it across comes again, the silhouette of clouds without groups says no."""
    refused = 0
    for seed in range(3):
        points = np.random.default_rng(seed).normal(0, spreads, (400, 5))
        found = group(points, [2, 3, 4], draws=10, seed=seed)
        refused += len(found.centres) == 0
        if not len(found.centres):
            assert not found.choice.chosen.any()
            assert found.overlaps.shape == (0, 3)
    assert refused >= 2  # each is wrong in 3 of 20 by chance at most, two of three in 1 of 16


def test_a_long_cloud_is_cut_the_same_way_again_and_still_refused():
    points = np.random.default_rng(0).normal(0, (6, 1, 1), (600, 3))
    row = group(points, [2], draws=10, seed=0).choice.iloc[0]
    assert row.overlap > STABLE
    assert not row.believed


def test_same_seed_same_groups_and_order_of_columns_is_no_matter():
    points, _ = blobs(9)
    one, same = (group(points, [3, 4], draws=10, seed=5) for _ in range(2))
    assert one.choice.equals(same.choice)
    assert np.array_equal(one.centres, same.centres)
    other = group(points[:, ::-1], [3, 4], draws=10, seed=5)
    np.testing.assert_allclose(other.centres[:, ::-1], one.centres, atol=1e-9)


def test_nearest_is_the_least_distance():
    points, _ = blobs(2)
    centres = points[:7]
    wanted = ((points[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest(points, centres) == wanted).all()
