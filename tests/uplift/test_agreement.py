"""Where other libraries' figures are sound, they are ours times a known factor.

scikit-uplift is not installed. What it computes is written down here after its source, version 0.5.1
(sklift/metrics/metrics.py: uplift_curve, qini_curve, uplift_auc_score, qini_auc_score, uplift_at_k).
"""

import numpy as np
import pandas as pd
import pytest

from bankmkt.uplift import Study, curve, evaluate, qini
from bankmkt.uplift.learners import _causalml

N = 40_000


@pytest.fixture(scope="module", params=[0.5, 0.2], ids="share treated {}".format)
def campaign(request):
    rng = np.random.default_rng(1)
    x = rng.normal(size=N)
    treated = rng.random(N) < request.param
    y = (rng.random(N) < 0.3 + 0.1 * treated * x).astype(float)
    score = x + rng.normal(size=N)
    return score, treated, y, request.param, Study(pd.DataFrame({"x": x}), treated, y, request.param)


@pytest.fixture(scope="module")
def ours(campaign):
    score, *_, study = campaign
    return evaluate(study, {"score": score}).iloc[0]


def near(found, wanted, se):
    """Two estimates of one area from the same customers: they differ by far less than either's error."""
    assert found == pytest.approx(wanted, abs=0.15 * se)


def test_causalml(campaign, ours):
    score, treated, y, share, _ = campaign
    metrics = _causalml("causalml.metrics")
    frame = pd.DataFrame({"score": score, "y": y, "w": treated.astype(int)})
    theirs = metrics.qini_score(frame, normalize=False).iloc[0]
    near(theirs / (N * share), ours.q, ours.q_se)
    whole_se = (ours.effect_ci_upper - ours.effect) / 1.96
    near(metrics.auuc_score(frame, normalize=False).iloc[0] / N, ours.auuc, whole_se)


def test_causalmls_ties_follow_the_order_of_rows_and_ours_do_not(campaign):
    _, treated, y, _, study = campaign
    order = np.lexsort((-y, ~treated))
    frame = pd.DataFrame({"score": 0.0, "y": y[order], "w": treated[order].astype(int)})
    assert abs(_causalml("causalml.metrics").qini_score(frame, normalize=False).iloc[0] / N) > 0.01
    assert evaluate(study.of(order), {"same": np.zeros(N)}).q.iloc[0] == 0


def sklift_curves(y, score, treated):
    """Return customers, uplift curve and Qini curve at every distinct score, from 0."""
    order = np.argsort(-score, kind="mergesort")
    y, score, treated = y[order], score[order], treated[order]
    last = np.r_[np.flatnonzero(np.diff(score)), len(score) - 1]
    n = last + 1.0
    n_t, y_t = np.cumsum(treated)[last], np.cumsum(y * treated)[last]
    n_c, y_c = n - n_t, np.cumsum(y * ~treated)[last]
    zero = np.zeros(len(n))
    mean_t = np.divide(y_t, n_t, out=zero.copy(), where=n_t != 0)
    mean_c = np.divide(y_c, n_c, out=zero.copy(), where=n_c != 0)
    qini_curve = y_t - y_c * np.divide(n_t, n_c, out=zero.copy(), where=n_c != 0)
    return np.r_[0, n], np.r_[0, (mean_t - mean_c) * n], np.r_[0, qini_curve]


@pytest.mark.parametrize("ties", [False, True])
def test_scikit_uplift(campaign, ties):
    score, treated, y, share, study = campaign
    score = np.round(2 * score) if ties else score
    row = evaluate(study, {"score": score}).iloc[0]
    n, uplift, gained = sklift_curves(y, score, treated)
    line = np.trapezoid([0, gained[-1]], [0, N])  # the numerator of qini_auc_score, before it divides by the best
    near((np.trapezoid(gained, n) - line) / (N**2 * share), row.q, row.q_se)
    line = np.trapezoid([0, uplift[-1]], [0, N])  # and of uplift_auc_score
    near((np.trapezoid(uplift, n) - line) / N**2, row.q, row.q_se)
    if not ties:
        top = np.argsort(-score, kind="mergesort")[: int(0.3 * N)]  # uplift_at_k(strategy="overall", k=0.3)
        at_k = y[top][treated[top]].mean() - y[top][~treated[top]].mean()
        near(at_k, row.effect_30, (row.effect_30_ci_upper - row.effect_30) / 1.96)


def test_the_curve_is_scikit_uplifts(campaign):
    score, treated, y, _, study = campaign
    n, uplift, _ = sklift_curves(y, score, treated)
    found = curve(study, {"score": score}, points=10)
    theirs = np.interp(found.share * N, n, uplift) / N
    se = (found.gain_ci_upper - found.gain) / 1.96
    assert (np.abs(found.gain - theirs)[1:] < 0.2 * se[1:]).all()


def test_normalised_figures_explode_near_no_effect_and_q_does_not():
    """The trap: causalml's default divides by the sample's effect."""
    rng, ours, theirs = np.random.default_rng(3), [], []
    score_of = _causalml("causalml.metrics").qini_score
    for _ in range(20):
        x, treated = rng.normal(size=2000), rng.random(2000) < 0.5
        y = rng.normal(size=2000) + 0.3 * treated * x  # effects of either sign, none on average
        study = Study(pd.DataFrame({"x": x}), treated, y, 0.5, randomised=False)
        ours.append(evaluate(study, {"x": x}).q.iloc[0])
        theirs.append(score_of(pd.DataFrame({"x": x, "y": y, "w": treated.astype(int)})).iloc[0])
    assert np.std(ours) / np.mean(ours) < 0.5
    assert np.std(theirs) / abs(np.mean(theirs)) > 1


def test_any_order_of_the_same_customers_is_the_same(campaign):
    score, *_, study = campaign
    order = np.random.default_rng(4).permutation(N)
    row = evaluate(study.of(order), {"score": score[order]}).iloc[0]
    assert row.q == pytest.approx(evaluate(study, {"score": score}).q.iloc[0], abs=1e-12)
    assert qini(score, score)[0] == pytest.approx(qini(score[order], score[order])[0], abs=1e-12)
