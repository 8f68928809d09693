"""Judgements hold what they say: intervals cover, chance is told from error, a tag that fails is withheld."""

from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest
from ibis import _
from scipy.stats import binom, norm

from bankmkt import tags
from bankmkt.plots import prediction_tables as tables
from bankmkt.tags.cards import _known_of
from bankmkt.tags.judging import few
from bankmkt.tags.ranking import (
    around,
    auc,
    bin_gaps,
    calibration_error,
    captured,
    chance_errors,
    error_width,
    interval,
    resampled,
    share_interval,
)

LUCK = binom.ppf([0.001, 0.999], 300, 0.95) / 300
"""Between which a share of 300 lies, in 998 of 1,000 tests, if it is 95%."""


def frame(code, p, happened, *, months=1, simple=None):
    """Return rows as of later_rows: customers one after another in each month."""
    people = p.size // months
    return pd.DataFrame({
        "code": code, "month": np.repeat(np.arange(months), people), "customer_id": np.tile(np.arange(people), months),
        "happened": happened.astype(float), "model": p, "simple rule": p if simple is None else simple,
        "age": "30 to 44", "gender": "female", "city_tier": "tier_1",
    })  # fmt: skip


@pytest.mark.parametrize("months", [1, 2])
def test_the_range_by_chance_holds_the_error_of_a_calibrated_model(months):
    """95% of 300 calibrated models; outcomes move with one piece of luck a customer, as the range assumes."""
    rng = np.random.default_rng(11)
    inside = 0
    for seed in range(300):
        p = np.tile(rng.beta(1, 9, 400), months)
        who = np.tile(np.arange(400), months)
        happened = (rng.random(400)[who] < p).astype(float)
        low, high = interval(chance_errors(p, who, 200, seed))
        inside += low <= calibration_error(p, happened)(np.ones(p.size)) <= high
    assert LUCK[0] - 0.01 <= inside / 300 <= LUCK[1]  # the range's own ends come from 200 draws


def test_a_known_error_comes_out_without_what_chance_adds():
    """Probabilities 5 points too high or 8 too low: the debiased error is within 4 standard errors of that."""
    rng = np.random.default_rng(5)
    truth = rng.uniform(0.2, 0.6, 4_000)
    happened = (rng.random(truth.size) < truth).astype(float)
    error = np.sqrt(truth.mean() * (1 - truth.mean()) / truth.size)
    for gap in (0.05, -0.08):
        found = tags.evaluate_models(None, None, rows=frame("a", truth + gap, happened), resamples=50)
        own = found[found.score == "model"].set_index("measure")
        assert own.value["ece_debiased"] == pytest.approx(abs(gap), abs=4 * error)
        assert own.ci_lower["ece_debiased"] <= abs(gap) <= own.ci_upper["ece_debiased"]
        assert own.value["ece"] > own.ci_upper["ece_by_chance"]
        assert own.value["ece"] >= own.value["ece_debiased"]
    found = tags.evaluate_models(None, None, rows=frame("a", truth, happened), resamples=50)
    own = found[found.score == "model"].set_index("measure")
    assert own.ci_lower["ece_by_chance"] <= own.value["ece"] <= own.ci_upper["ece_by_chance"]
    assert own.ci_lower["ece_debiased"] == 0
    assert own[["ci_lower", "ci_upper"]].loc["ece"].isna().all()


@pytest.mark.parametrize("gap", [0.0, 0.03])
def test_the_errors_interval_holds_the_true_error(gap):
    """At least 95% of 300, with customers' months alike; the interval is cautious, so that there is no upper limit."""
    rng = np.random.default_rng(8)
    inside = 0
    for seed in range(300):
        people = rng.uniform(0.05, 0.3, 500)
        p, who = np.tile(people, 2), np.tile(np.arange(500), 2)
        happened = (rng.random(500)[who] < p).astype(float)
        gaps, ones = bin_gaps(p + gap, happened), np.ones(p.size)
        drawn = np.concatenate([gaps(weight) for weight in resampled(who, 60, seed)])
        width = error_width(drawn - gaps(ones), chance_errors(p + gap, who, 200, seed))
        inside += abs(calibration_error(p + gap, happened)(ones) - gap) <= width
    assert inside / 300 >= LUCK[0]


def test_the_interval_of_the_auc_covers():
    """95% of 300 of the true AUC, Φ(1/√2) for scores a standard deviation apart; each customer is there twice."""
    rng = np.random.default_rng(4)
    who, truth, inside = np.tile(np.arange(300), 2), 0.76025, 0
    for seed in range(300):
        happened = (np.arange(300) < 60).astype(float)[who]
        score = (rng.normal(size=300) + happened[:300])[who] + 0.0
        measure = auc(score, happened)
        drawn = np.concatenate([measure(weight) for weight in resampled(who, 60, seed)])
        low, high = around(float(measure(np.ones(600))), drawn, 0, 1)
        inside += low <= truth <= high
    assert LUCK[0] - 0.01 <= inside / 300 <= LUCK[1]  # 60 draws tell the width to a tenth


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_the_interval_of_a_frequency_covers_when_months_are_alike(share):
    """Three months a customer, the same outcome in most: Wilson's interval of the rows would cover some 75%."""
    rng = np.random.default_rng(9)
    who = np.tile(np.arange(400), 3)
    inside = naive = 0
    for _number in range(300):
        p = rng.beta(0.3 * share, 0.3 * (1 - share), 400)
        happened = (rng.random(1_200) < p[who]).astype(float)
        low, high = share_interval(happened, who)
        inside += low <= share <= high
        low, high = share_interval(happened, np.arange(1_200))
        naive += low <= share <= high
    assert LUCK[0] - 0.02 <= inside / 300 <= LUCK[1] + 0.01
    assert naive / 300 < 0.9


def test_a_frequency_of_none_or_all_has_an_interval():
    who = np.repeat(np.arange(50), 2)
    for happened in (np.zeros(100), np.ones(100)):
        low, high = share_interval(happened, who)
        assert high - low == pytest.approx(1.96**2 / (50 + 1.96**2), abs=1e-3)  # Wilson's, of 50 customers
    rng = np.random.default_rng(1)
    p = np.sort(rng.uniform(0, 0.4, 2_000))
    rows = frame("a", p, (np.arange(2_000) > 1_500) & (rng.random(2_000) < 0.5))
    empty = tags.reliability(rows, k=1).query("events == 0")
    assert len(empty) >= 5
    assert (empty.ci_upper > 0.01).all()


def test_draws_by_weights_are_draws_of_rows():
    rng = np.random.default_rng(2)
    p, who = rng.random(90).round(1), np.tile(np.arange(30), 3)
    happened = (rng.random(90) < p).astype(float)
    shares = np.array([0.1, 0.5, 1.0])
    measures = [auc(p, happened), captured(p, happened, shares), calibration_error(p, happened)]
    weights = np.concatenate(list(resampled(who, 7, 3)))
    assert weights.shape == (7, 90)
    for measure in measures:
        one_by_one = np.array([measure(weight) for weight in weights])
        assert measure(weights) == pytest.approx(one_by_one)


def figures(*cases, people=1_500):
    """Return figures of models: how much the model and the simple rule know of a customer's outcome."""
    rng = np.random.default_rng(12)
    parts = []
    for code, (model, simple, events) in cases:
        happened = np.arange(people) < events
        scores = [1 / (1 + np.exp(3 - know * happened - rng.normal(size=people))) for know in (model, simple)]
        parts.append(frame(code, scores[0], happened, simple=scores[1]))
    return tags.evaluate_models(None, None, rows=pd.concat(parts), resamples=100)


@pytest.fixture(scope="module")
def judged():
    cases = {
        "better": (1.5, 0.5, 300), "alike": (1.0, 1.0, 300), "worse": (0.5, 1.5, 300), "chance": (0.0, 1.0, 300),
        "few": (2.0, 0.0, 5),
    }  # fmt: skip
    return figures(*cases.items())


def test_verdicts(judged):
    told = tags.verdicts(judged).set_index("code")
    assert told.verdict.to_dict() == {
        "better": "better than the simple rule", "alike": "the simple rule does as well",
        "worse": "the simple rule does better", "chance": "on later months no better than chance",
        "few": "too few outcomes in later months to judge it",
    }  # fmt: skip
    assert told.index[told.withheld].tolist() == ["chance", "few"]
    assert told.loc["few", ["auc", "p_holm"]].isna().all()


def test_tests_are_corrected_for_how_many_there_are():
    """Holm: the smallest of m p-values times m, and so on; alone, none is corrected."""
    cases = [(name, (0.6, more, 200)) for name, more in (("a", 0.35), ("b", 0.4), ("c", 0.6))]
    found = figures(*cases).dropna(subset="p_holm")
    together = found[found.measure == "auc"].set_index("code")
    z = together.value / ((together.ci_upper - together.ci_lower) / (2 * 1.96))
    alone = pd.Series(2 * (1 - norm.cdf(z.abs())), together.index).sort_values()
    expected = (alone * [3, 2, 1]).cummax().clip(upper=1)
    assert together.p_holm.reindex(expected.index).to_numpy() == pytest.approx(expected.to_numpy(), rel=0.01)


def test_a_tag_that_fails_marks_nobody(judged, tiny_bank):
    ids = tiny_bank.fetch(tiny_bank.customers.customer_id).to_pylist()
    score = np.linspace(0, 1, len(ids)).tolist()
    scores = ibis.memtable({"customer_id": ids, "better": score, "chance": score, "unknown": score})
    found = tags.marks(tiny_bank, scores, 0.3, figures=judged).set_index("code")
    assert found.marked["better"] == 15
    assert found.withheld.to_dict() == {"better": False, "chance": True, "unknown": True}
    held = found.loc[["chance", "unknown"]]
    assert held[["marked", "limit", "marked_mean", "judged_mean", "expected"]].isna().all().all()
    assert found.verdict["unknown"] == "not judged on later months"
    plain = tags.marks(tiny_bank, scores, 0.3)
    assert not plain.withheld.any()
    assert (plain.marked == 15).all()


def test_the_best_is_told_only_where_the_futures_tell_it():
    rng = np.random.default_rng(3)
    p = rng.beta(1, 5, 600)
    truth = pd.DataFrame({"code": "a", "probability": p, "noise": 0.02})
    left = tags.best_left(pd.concat([truth, truth.assign(code="b", noise=p.std(ddof=1))])).set_index("code")
    assert left.settled.to_dict() == {"a": True, "b": False}
    assert left.unknown["b"] == pytest.approx(0.5)
    rows = frame("b", p, rng.random(600) < p).assign(**{"best achievable": np.nan})
    assert not few(rows, 10)
    found = tags.evaluate_models(None, None, rows=rows, resamples=10)
    assert set(found.score) == {"model", "simple rule", "model − simple rule"}
    assert set(tags.lift_curve(rows, resamples=5).score) == {"model", "simple rule"}
    assert set(tags.reliability(rows).score) == {"model"}


def test_the_card_says_what_the_model_looks_at():
    age = tags.Tag("years", "Years", "年龄", "life cycle", _.birth_date.year(), "year of birth")
    sex = tags.Tag("sex", "Gender", "性别", "life cycle", _.gender == "female", "as registered")
    told = {inputs: _known_of(SimpleNamespace(inputs=inputs)) for inputs in ((), (age,), (age, sex))}
    assert told[()] == "Age is not an input; gender is not an input; city tier is not an input."
    assert told[age,].startswith("Age is an input; gender is not")
    assert "gender is an input" in told[age, sex]


def test_tables_tell_what_is_withheld(judged, tiny_bank):
    ids = tiny_bank.fetch(tiny_bank.customers.customer_id).to_pylist()
    score = np.linspace(0, 1, len(ids)).tolist()
    scores = ibis.memtable({"customer_id": ids, "better": score, "chance": score})
    names = {"better": "Good", "chance": "Bad"}
    told = tables.marks_table(tags.marks(tiny_bank, scores, 0.3, figures=judged), names).set_index("prediction")
    assert told.verdict.tolist() == ["better than the simple rule", "withheld: on later months no better than chance"]
    assert told.loc["Bad", ["marked", "probability_from", "expected"]].tolist() == ["–"] * 3
    assert tables.listed(tags.verdicts(judged), names, "better than the simple rule") == "Good"
    assert list(tables.definitions_table(tags.PREDICTIVE).prediction) == [p.name for p in tags.PREDICTIVE]
