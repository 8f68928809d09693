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
from bankmkt.tags.calibration import bin_gaps, calibration_error, chance_gaps, error_width, without_chance
from bankmkt.tags.cards import _known_of
from bankmkt.tags.judging import few
from bankmkt.tags.marks import MARGIN
from bankmkt.tags.ranking import auc, captured
from bankmkt.tags.resampling import auc_interval, interval, resampled, share_interval

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


def overlapping(rng, probability, months):
    """Return outcomes of three months each, from neighbouring months on: two of three months are the same."""
    hazard = 1 - (1 - probability) ** (1 / 3)
    events = rng.random((months + 2, probability.size)) < hazard
    return np.concatenate([events[m : m + 3].any(axis=0) for m in range(months)]).astype(float)


@pytest.mark.parametrize(("months", "luck"), [(1, "own"), (2, "one"), (2, "own"), (3, "overlapping")])
def test_the_range_by_chance_holds_the_error_of_a_calibrated_model(months, luck):
    """95% of 300 calibrated models, whether a customer's months are alike, partly so, or not at all."""
    rng = np.random.default_rng(11)
    inside = 0
    for seed in range(300):
        people = rng.beta(1, 9, 400)
        p, who = np.tile(people, months), np.tile(np.arange(400), months)
        drawn = rng.random(400)[who] if luck == "one" else rng.random(p.size)
        happened = overlapping(rng, people, months) if luck == "overlapping" else (drawn < p).astype(float)
        low, high = interval(np.abs(chance_gaps(p, happened, who, 100, seed)).sum(axis=1))
        inside += low <= calibration_error(p, happened)(np.ones(p.size)) <= high
    assert LUCK[0] - 0.02 <= inside / 300 <= LUCK[1] + 0.01  # the range's own ends come from 100 draws


@pytest.mark.parametrize(("months", "gap"), [(1, 0.02), (3, 0.02), (4, 0.02), (4, 0.03)])
def test_the_error_without_chance_is_unbiased_whatever_months_share(months, gap):
    """Outcomes windows overlap; one luck for all months would take chance for more than it is, and flatter."""
    rng = np.random.default_rng(21)
    found = []
    for seed in range(60):
        people = rng.uniform(0.05, 0.3, 1_000)
        p, who = np.tile(people + gap, months), np.tile(np.arange(1_000), months)
        happened = overlapping(rng, people, months)
        seen = float(calibration_error(p, happened)(np.ones(p.size)))
        found.append(without_chance(seen, chance_gaps(p, happened, who, 60, seed), p))
    error = np.std(found, ddof=1) / np.sqrt(60)
    assert np.mean(found) == pytest.approx(gap, abs=3 * error)
    assert error < 0.12 * gap


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
    """At least 95% of 300, with customers' months alike; and at most twice as wide as that takes."""
    rng = np.random.default_rng(8)
    off, widths = [], []
    for seed in range(300):
        people = rng.uniform(0.05, 0.3, 500)
        p, who = np.tile(people, 2), np.tile(np.arange(500), 2)
        happened = (rng.random(500)[who] < p).astype(float)
        gaps, ones = bin_gaps(p + gap, happened), np.ones(p.size)
        drawn = np.concatenate([gaps(weight) for weight in resampled(who, 60, seed)])
        widths.append(error_width(drawn - gaps(ones), chance_gaps(p + gap, happened, who, 100, seed)))
        off.append(abs(calibration_error(p + gap, happened)(ones) - gap))
    assert np.mean(np.array(off) <= widths) >= LUCK[0]
    assert np.mean(widths) < 2 * np.quantile(off, 0.95)


@pytest.mark.parametrize(("events", "truth"), [(60, 0.76), (30, 0.76), (30, 0.9)])
def test_the_interval_of_the_auc_covers(events, truth):
    """95% of 300 of the true AUC, down to the fewest outcomes it is told of; each customer is there twice.

    Scores of the two sides are normal, √2 Φ⁻¹(truth) standard deviations apart. Resamples' plain standard deviations
    would hold it some 89% of the time at 30 outcomes and 0.9.
    """
    rng = np.random.default_rng(4)
    who, inside = np.tile(np.arange(400), 2), 0
    apart = np.sqrt(2) * norm.ppf(truth)
    for seed in range(300):
        happened = (np.arange(400) < events).astype(float)[who]
        score = (rng.normal(size=400) + apart * happened[:400])[who]
        measure = auc(score, happened)
        drawn = np.concatenate([measure(weight) for weight in resampled(who, 60, seed)])
        low, high = auc_interval(float(measure(np.ones(800))), drawn, events)
        inside += low <= truth <= high
    assert LUCK[0] - 0.01 <= inside / 300 <= LUCK[1] + 0.005  # 60 draws tell the width to a tenth


def test_the_interval_of_the_auc_does_without_draws_that_have_none():
    drawn = np.array([0.7, 0.8, 0.9])
    assert auc_interval(0.8, np.r_[drawn, np.nan], 40) == auc_interval(0.8, drawn, 40)
    assert auc_interval(1.0, np.ones(5), 40)[0] == pytest.approx(0.025 ** (1 / 40))
    assert auc_interval(0.0, np.zeros(5), 40) == pytest.approx((0, 1 - 0.025 ** (1 / 40)))


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_the_interval_of_a_frequency_covers_when_months_are_alike(share):
    """Three months a customer, the same outcome in most: an interval of the rows would cover some 80%."""
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
    assert LUCK[0] <= inside / 300
    assert naive / 300 < 0.9


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_the_interval_of_a_frequency_covers_with_15_customers(share):
    """95% of 300 at least; and no wider than that of 15 rows of which each counts."""
    rng = np.random.default_rng(10)
    who, inside, widths = np.repeat(np.arange(15), 3), 0, []
    for _number in range(300):
        happened = (rng.random(45) < rng.beta(share, 1 - share, 15)[who]).astype(float)
        low, high = share_interval(happened, who)
        inside += low <= share <= high
        widths.append(high - low)
    assert inside / 300 >= LUCK[0]
    one_each = np.concatenate([np.ones(round(15 * share)), np.zeros(15 - round(15 * share))])
    assert np.mean(widths) < np.subtract(*share_interval(one_each, np.arange(15))[::-1])


def test_a_frequency_of_none_or_all_has_an_interval():
    who = np.repeat(np.arange(50), 2)
    for happened in (np.zeros(100), np.ones(100)):
        low, high = share_interval(happened, who)
        wide = [1 - 0.025 ** (1 / people) for people in (50, 47)]  # Clopper and Pearson's, of 50 customers or few less
        assert wide[0] <= high - low <= wide[1]
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
    """Return figures of models: how much the model and the simple rule know of a customer's outcome.

    A rule that knows None says what the model says, a hair blurred.
    """
    rng = np.random.default_rng(12)
    parts = []
    for code, (model, simple, events) in cases:
        happened, noise = np.arange(people) < events, rng.normal(size=(2, people))
        told = [model * happened + noise[0], (simple or 0) * happened + noise[1]]
        if simple is None:
            told[1] = told[0] + 0.05 * noise[1]
        scores = [1 / (1 + np.exp(3 - one)) for one in told]
        parts.append(frame(code, scores[0], happened, simple=scores[1]))
    return tags.evaluate_models(None, None, rows=pd.concat(parts), resamples=100)


@pytest.fixture(scope="module")
def judged():
    cases = {
        "better": (1.5, 0.5, 300), "alike": (1.0, None, 300), "worse": (0.5, 1.5, 300), "chance": (0.0, 1.0, 300),
        "few": (2.0, 0.0, 5), "not_many": (2.0, 0.0, 25), "unshown": (1.0, 1.0, 50), "noise": (0.2, 0.15, 300),
    }  # fmt: skip
    return figures(*cases.items())


def test_verdicts(judged):
    told = tags.verdicts(judged).set_index("code")
    assert told.verdict.to_dict() == {
        "better": "better than the simple rule", "alike": "the simple rule does as well",
        "worse": "the simple rule does better", "chance": "on later months no better than chance",
        "few": "too few outcomes in later months to judge it",
        "not_many": "too few outcomes in later months to judge it",
        "unshown": "not shown to differ from the simple rule", "noise": "not shown to differ from the simple rule",
    }  # fmt: skip
    assert told.index[told.withheld].tolist() == ["chance", "few", "not_many"]
    assert told.loc["few", ["auc", "p_holm"]].isna().all()
    assert told.auc["not_many"] > 0.9
    assert told.loc["not_many", ["ci_lower", "ci_upper", "p_holm"]].isna().all()


def test_not_shown_to_differ_is_not_as_good(judged):
    """Only an interval within the margin, of a rule that is itself beyond chance, lets the rule do as well."""
    auc_of = judged[judged.measure == "auc"].set_index(["code", "score"])
    over = auc_of.xs("model − simple rule", level="score")
    assert over.ci_lower["alike"] > -MARGIN
    assert over.ci_upper["alike"] < MARGIN
    assert over.ci_upper["unshown"] - over.ci_lower["unshown"] > 2 * MARGIN
    assert auc_of.ci_lower["noise", "simple rule"] < 0.5 < auc_of.ci_lower["noise", "model"]
    tight = judged.copy()
    own = (tight.code == "noise") & (tight.measure == "auc") & (tight.score == "model − simple rule")
    tight.loc[own, ["ci_lower", "ci_upper", "p_holm"]] = [-0.01, 0.01, 1.0]
    told = tags.verdicts(tight).set_index("code").verdict
    assert told["noise"] == "not shown to differ from the simple rule"


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
    areas = tables.ranking_table(judged, {"better": "Good", "not_many": "Rare"}, "auc").set_index("prediction")
    assert areas.model["Rare"].endswith("(too few for an interval)")
    assert "–" in areas.model["Good"]
    assert tables.listed(tags.verdicts(judged), names, "better than the simple rule") == "Good"
    assert list(tables.definitions_table(tags.PREDICTIVE).prediction) == [p.name for p in tags.PREDICTIVE]
