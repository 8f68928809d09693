"""Bad input of studies, policies, lists, scorers and learners is refused by name, never computed with."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV

from bankmkt.errors import DataError, ParameterError, Refused, SchemaError
from bankmkt.uplift import (
    Study,
    cross_fit,
    effect_scores,
    evaluate,
    expected_outcomes,
    groups,
    policy,
    policy_or_reason,
)

N = 400
X = pd.DataFrame({"age": np.arange(N) % 60 + 20.0}, index=pd.Index([f"c{i}" for i in range(N)], name="customer_id"))
TREATED = np.arange(N) % 2
BOUGHT = np.random.default_rng(1).random(N) < 0.3


def study(**more):
    given = {"X": X, "treatment": TREATED, "outcome": BOUGHT, "propensity": 0.5} | more
    return Study(**given)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"propensity": np.nan}, DataError, "propensity"),
        ({"propensity": {"control": np.nan, "treatment": 0.5}}, ParameterError, r"propensity\['control'\] = nan"),
        ({"propensity": {"control": "a", "treatment": 0.5}}, ParameterError, r"propensity\['control'\] = 'a'"),
        ({"propensity": np.full((N, 2), 0.5)}, DataError, r"propensity = \(400, 2\)"),
        ({"treatment": np.zeros((N, 2))}, DataError, "treatment"),
        ({"outcome": X}, DataError, r"outcome = \(400, 1\)"),
        ({"outcome": 1.0}, DataError, "outcome = 1.0"),
        ({"outcome": dict(enumerate(BOUGHT))}, DataError, "outcome = 'dict'"),
        ({"outcome": BOUGHT.astype(complex)}, SchemaError, "outcome = 'complex128'"),
        ({"X": X.set_axis([0] * N)}, DataError, "399 labels that come again"),
        ({"X": X.set_axis([None, *X.index[1:]])}, DataError, "missing labels"),
        ({"X": X.assign(**{"1": 2.0}).rename(columns={"age": 1})}, SchemaError, "two columns = '1'"),
        ({"randomised": "no"}, ParameterError, "randomised = 'no'"),
        ({"randomised": np.nan}, ParameterError, "randomised = nan"),
        ({"known_on": ["age"]}, ParameterError, "known_on"),
        ({"value": "a"}, ParameterError, "value"),
        ({"treatment": np.where(TREATED, "none", "control")}, ParameterError, "treatment = 'none'"),
        ({"control": 1}, ParameterError, "control = 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_study(given, error, message):
    with pytest.raises(error, match=message):
        study(**given)


def test_numbers_of_numpy_are_numbers_and_zero_is_a_control():
    made = study(propensity=np.float32(0.5), cost=np.int64(2), value=np.float32(3), control=0)
    assert (made.cost.tolist(), made.value, made.arms) == ([0.0, 2.0], 3.0, ("control", "treatment"))
    several = study(treatment=np.arange(N) % 4, control=0, propensity=dict.fromkeys(range(4), 0.25))
    assert several.arms == ("0", "1", "2", "3")
    pairs = pd.MultiIndex.from_arrays([X.index, range(N)])
    assert study(X=X.set_axis(pairs)).index.equals(pairs)
    with pytest.raises(Refused, match="arm"):
        study(propensity=0.2)


EXPECTED = pd.DataFrame({"control": 0.3, "treatment": 0.3 + 0.001 * X.age}, X.index)


def test_expected_outcomes_are_taken_by_name():
    """A frame's columns may stand in any order; its rows must be the study's."""
    wanted = effect_scores(study(), EXPECTED.to_numpy())
    np.testing.assert_array_equal(effect_scores(study(), EXPECTED[["treatment", "control"]]), wanted)
    np.testing.assert_array_equal(effect_scores(study(), EXPECTED.assign(more=1.0)), wanted)


@pytest.mark.parametrize(
    ("expected", "error"),
    [
        (EXPECTED.iloc[::-1], DataError), (EXPECTED.set_axis(range(1, N + 1)), DataError),
        (EXPECTED[["control"]], SchemaError), ("a", ParameterError), ({"a": 1}, ParameterError),
        (np.zeros((N, 3)), ParameterError), (np.full((N, 2), np.datetime64("2026-01-01")), ParameterError),
        (EXPECTED.astype("datetime64[ns]"), ParameterError), (EXPECTED * np.nan, ParameterError),
    ],
)  # fmt: skip
def test_expected_outcomes_of_others_are_refused(expected, error):
    with pytest.raises(error, match="expected"):
        effect_scores(study(), expected)


@pytest.fixture(scope="module")
def rule():
    """A policy of one model and one treated arm."""
    rng = np.random.default_rng(3)
    x, treated = rng.normal(size=3000), rng.random(3000) < 0.5
    bought = rng.random(3000) < 0.3 + 0.1 * treated * x
    made = Study(pd.DataFrame({"x": x, "half": x > 0}), treated, bought, 0.5, cost=2.0, value=100.0)
    return policy(made, {"mine": x}, budget=1000, held_out=True, groups=["half"], max_ratio=99.0)


SCORES = pd.Series([1.0, 2.0, -1.0], ["x", "y", "z"])


@pytest.mark.parametrize(
    "scores",
    [
        SCORES, SCORES.rename("mine"), SCORES.rename(("mine", "treatment")), SCORES.to_frame("treatment"),
        SCORES.to_frame("mine"), SCORES.to_frame(("mine", "treatment")),
        pd.DataFrame({("mine", "treatment"): SCORES, ("DR", "treatment"): 0.0}),
    ],
)  # fmt: skip
def test_a_rule_knows_its_models_scores_and_keeps_their_labels(rule, scores):
    found = rule.choose(scores, budget=2)
    assert found.index.tolist() == ["x", "y", "z"]
    assert found.arm.tolist() == ["none", "treatment", "none"]
    assert found.attrs["notes"] == ["max_ratio is not kept to: it is of the study's groups"]
    assert rule.choose(SCORES.to_numpy(), budget=np.int64(2)).arm.tolist() == found.arm.tolist()


@pytest.mark.parametrize(
    ("scores", "error"),
    [
        (SCORES.to_frame(("DR", "treatment")), SchemaError), (SCORES.to_frame("whatever"), SchemaError),
        (SCORES.to_frame(("mine", "zz")), SchemaError), (SCORES.rename("other"), SchemaError),
        (SCORES.astype(str), SchemaError), (SCORES.astype("datetime64[ns]"), SchemaError),
        (SCORES * np.inf, DataError), (SCORES.iloc[:0], DataError), (None, ParameterError), (5, ParameterError),
        ("abc", ParameterError), ({"mine": SCORES}, ParameterError), (np.zeros((3, 2)), ParameterError),
        (["a", "b"], SchemaError),
    ],
)  # fmt: skip
def test_scores_that_are_not_the_rules_are_refused(rule, scores, error):
    with pytest.raises(error, match="scores"):
        rule.choose(scores)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"budget": "a"}, "budget"), ({"budget": np.nan}, "budget"), ({"capacity": 2.5}, "capacity"),
        ({"groups": []}, "groups"), ({"expected": "a"}, "expected"), ({"judge": "a"}, "judge"), ({"seed": "a"}, "seed"),
    ],
)  # fmt: skip
def test_options_of_a_policy_that_cannot_be(options, name):
    with pytest.raises(ParameterError, match=name):
        policy_or_reason(study(), {"m": X.age}, held_out=True, **options)


class Forgetful(LinearRegression):
    def predict(self, X):
        return np.full(len(X), np.nan)


class Short(LinearRegression):
    def predict(self, X):
        return super().predict(X)[1:]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model": LogisticRegression()}, ParameterError, "a regressor"),
        ({"model": GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2)}, ParameterError, "a regressor"),
        ({"model": LinearRegression}, ParameterError, "brackets"), ({"model": "lightgbm"}, ParameterError, "regressor"),
        ({"model": Forgetful()}, DataError, "Forgetful"), ({"model": Short()}, ParameterError, "Short"),
        ({"folds": 1}, ParameterError, "folds"), ({"folds": 400}, ParameterError, "at most 100"),
        ({"seed": "a"}, ParameterError, "seed"),
    ],
)  # fmt: skip
def test_models_that_learn_no_numbers_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        cross_fit(study(), ["T", "R"], **options)
    with pytest.raises(error, match=message):
        expected_outcomes(study(), **options)


def test_what_is_no_list_of_learners_or_no_study():
    for learners in (None, 3, []):
        with pytest.raises(ParameterError, match="learners"):
            cross_fit(study(), learners)
    with pytest.raises(ParameterError, match="study"):
        expected_outcomes(X)
    made = cross_fit(study(), ["T"], model=LinearRegression(), folds=np.int64(2), seed=np.int64(1))
    assert made.notna().all(axis=None)


@pytest.mark.parametrize(
    "score",
    [X.age.astype(kind) for kind in ("datetime64[ns]", complex, str)] + [X.age * 1e200, X.age * 1e-200, None, "a"],
)
def test_scores_that_are_no_numbers(score):
    for ask in (lambda: evaluate(study(), {"m": score}), lambda: groups(study(), score)):
        with pytest.raises((SchemaError, DataError, ParameterError), match="score"):
            ask()


def test_scores_of_several_arms_go_by_the_arms_names():
    arm = np.array(["control", "call", "sms"])[np.arange(N) % 3]
    made = study(treatment=arm, propensity=dict.fromkeys(["control", "call", "sms"], 1 / 3))
    scores = pd.DataFrame({"sms": X.age, "call": -X.age})
    wanted = evaluate(made, {"m": scores[["call", "sms"]].to_numpy()})
    pd.testing.assert_frame_equal(evaluate(made, {"m": scores}), wanted)
    for wrong in ({"m": scores.set_axis(["a", "b"], axis=1)}, {1: scores, "1": scores}):
        with pytest.raises(SchemaError, match="scores"):
            evaluate(made, wrong)
