"""The measures of scores, against scikit-learn and by hand; their intervals against DeLong's."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bankmkt.tags.calibration import bins_of, calibration_error
from bankmkt.tags.ranking import auc, captured, groups_of, lift
from bankmkt.tags.resampling import interval, resampled


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(3)
    p = rng.beta(1, 8, 3_000).round(2)  # rounded: many ties
    return p, (rng.random(p.size) < p).astype(float)


def test_auc_is_scikit_learns_with_ties_and_weights(scored):
    p, y = scored
    weight = np.random.default_rng(4).integers(0, 4, p.size).astype(float)
    assert auc(p, y)(np.ones(p.size)) == pytest.approx(roc_auc_score(y, p))
    assert auc(p, y)(weight) == pytest.approx(roc_auc_score(y, p, sample_weight=weight))


def test_weights_stand_for_repeated_rows(scored):
    p, y = scored
    times = np.random.default_rng(5).integers(0, 3, p.size)
    again = np.repeat(np.arange(p.size), times)
    for make in (auc, lift):
        assert make(p, y)(times.astype(float)) == pytest.approx(make(p[again], y[again])(np.ones(again.size)))


def test_a_score_that_says_nothing():
    y = np.tile([1.0, 0, 0, 0], 25)
    same, ones = np.zeros(100), np.ones(100)
    assert auc(same, y)(ones) == 0.5
    assert lift(same, y)(ones) == pytest.approx(1)
    assert captured(same, y, 0.3)(ones) == pytest.approx(0.3)


def test_a_missing_score_comes_last():
    assert groups_of(np.array([np.nan, -5.0, 2.0])).tolist() == [0, 1, 2]
    assert groups_of(np.array([np.nan, np.nan])).tolist() == [0, 0]


def test_calibration_error_by_hand():
    p, y = np.repeat([0.1, 0.5], 10), np.r_[np.zeros(9), 1, np.ones(10)]
    assert calibration_error(p, y, 2)(np.ones(20)) == pytest.approx((0 * 10 + 0.5 * 10) / 20)
    assert np.bincount(bins_of(np.arange(100.0))).tolist() == [10] * 10


def test_resampling_keeps_a_customers_months_together():
    customers = np.array(["a", "b", "a", "c", "b", "a"])
    for weights in resampled(customers, 20, 1):
        for weight in weights:
            assert weight[0] == weight[2] == weight[5]
            assert weight[1] == weight[4]
            assert weight[0] + weight[1] + weight[3] == 3


def test_the_interval_of_the_auc_is_delongs(scored):
    """DeLong et al. (1988); the spread of 400 resamples has a standard error of 1 / √800 of itself."""
    p, y = scored
    above = (p[y == 1][:, None] > p[y == 0][None, :]) + 0.5 * (p[y == 1][:, None] == p[y == 0][None, :])
    se = np.sqrt(above.mean(1).var(ddof=1) / y.sum() + above.mean(0).var(ddof=1) / (1 - y).sum())
    drawn = np.concatenate([auc(p, y)(weights) for weights in resampled(np.arange(p.size), 400, 2)])
    assert drawn.std(ddof=1) == pytest.approx(se, rel=4 / np.sqrt(800))
    low, high = interval(drawn)
    assert low < above.mean() < high
