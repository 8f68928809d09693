"""Bad input to the methods without chance: one of the package's errors, which names what is wrong and what to do."""

import numpy as np
import pandas as pd
import pytest

from bankmkt.errors import BankmktError, DataError, ParameterError, Refused, SchemaError
from bankmkt.experiment import (
    compare,
    compare_methods,
    complier_effect,
    decompose,
    difference_in_differences,
    doubly_robust,
    matching,
    overlap,
    placebo,
    propensity,
    sensitivity,
    true_effect,
    weighting,
)
from bankmkt.experiment.did import naive_difference

N = 120
X = {"covariates": ["x1", "x2"]}
DR = {**X, "learner": "linear"}
RIGHT = {
    "matching": lambda frame, **how: matching(frame, "logins", **{**X, **how}),
    "weighting": lambda frame, **how: weighting(frame, "logins", **{**X, **how}),
    "entropy": lambda frame, **how: weighting(frame, "logins", **{**X, "by": "entropy", **how}),
    "doubly robust": lambda frame, **how: doubly_robust(frame, "logins", **{**DR, **how}),
    "sensitivity": lambda frame, **how: sensitivity(frame, "logins", **{**DR, "kinds": {}, **how}),
}
ALL = {
    **RIGHT,
    "overlap": lambda frame, propensities="chance", **how: overlap(frame, propensities, **{**X, **how}),
    "methods": lambda frame, **how: compare_methods(frame, ["logins"], **{**X, "kinds": {}, **how}),
}
OTHERS = {
    "difference": lambda frame: naive_difference(frame, "logins"),
    "did": lambda frame: difference_in_differences(frame, "logins"),
    "placebo": lambda frame: placebo(frame, "logins"),
    "propensity": lambda frame: propensity(frame, **DR),
    "overlap": lambda frame: overlap(frame, np.full(len(frame), 0.5), **X),
    "compare": compare,
    "methods": lambda frame: compare_methods(frame, ["logins"], **X, kinds={}),
    "compliers": lambda frame: complier_effect(frame, "logins", planned_share=0.5, override=["sizes", "balance"]),
    "true effect": lambda frame: true_effect(frame, truth(), "logins", "ATT"),
}


def people(**columns):
    rng = np.random.default_rng(1)
    x1, x2 = rng.normal(size=(2, N))
    joined = rng.random(N) < 1 / (1 + np.exp(-x1))
    frame = pd.DataFrame({
        "customer_id": range(N), "participated": joined, "x1": x1, "x2": x2, "logins": 5 + x1 + rng.normal(size=N),
        "logins_before": 5 + x1, "logins_mean_12": 5 + x1, "logins_end": 5.0, "logins_year_ago": 4.0,
        "chance": 1 / (1 + np.exp(-x1)), "treated": joined, "propensity": 0.5,
        **{f"{part}_{when}": 2.0 for part in ("aum", "products") for when in ("0", "end", "year_ago")},
    })  # fmt: skip
    return frame.assign(**columns)


def truth():
    return pd.DataFrame({"customer_id": range(N), "outcome": "logins", "y0": 1.0, "y1": 2.0})


def some(bad, rest):
    return [bad, *rest[1:]]


JOINED = people()["participated"].tolist()
NOT_YES_NO = {
    "missing": some(np.nan, [float(j) for j in JOINED]),
    "half": some(0.5, [float(j) for j in JOINED]),
    "two": [2 * j for j in JOINED],
    "text": np.where(JOINED, "yes", "no"),
    "missing boolean": pd.array(some(None, JOINED), dtype="boolean"),
}


@pytest.mark.parametrize("participated", NOT_YES_NO)
@pytest.mark.parametrize("use", [*RIGHT, *OTHERS])
def test_participated_is_yes_or_no(use, participated):
    with pytest.raises(DataError, match=r"participated.*yes or no"):
        {**RIGHT, **OTHERS}[use](people(participated=NOT_YES_NO[participated]))


@pytest.mark.parametrize("kind", ["int64", "float64", "Int64", "boolean", "object"])
def test_yes_and_no_may_be_written_in_any_type(kind):
    expected = naive_difference(people(), "logins")
    assert naive_difference(people(participated=pd.Series(JOINED).astype(kind)), "logins") == expected


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [({"logins": "many"}, SchemaError, "column logins is"),
     ({"logins": pd.Timestamp("2026-01-01")}, SchemaError, "logins"),
     ({"logins": some(np.inf, [1.0] * N)}, DataError, "logins = 'infinite"),
     ({"logins": some(1e200, [1.0] * N)}, DataError, "logins = 'infinite"),
     ({"logins": some(np.nan, [1.0] * N)}, Refused, "logins is missing"),
     ({"customer_id": some(5, list(range(N)))}, DataError, "customer_id = 'twice")],
)  # fmt: skip
@pytest.mark.parametrize("use", [*RIGHT, "difference", "did"])
def test_outcomes_are_numbers_of_each_customer_once(use, columns, error, message):
    with pytest.raises(error, match=message):
        {**RIGHT, **OTHERS}[use](people(**columns))


@pytest.mark.parametrize("use", [*RIGHT, *OTHERS])
def test_two_columns_of_a_name_are_refused(use):
    frame = people()
    with pytest.raises(SchemaError, match="two columns = 'logins'"):
        {**RIGHT, **OTHERS}[use](pd.concat([frame, frame[["logins"]]], axis=1))


@pytest.mark.parametrize(
    ("covariates", "message"),
    [(None, "covariates"), (5, "covariates = 5"), (["logins"], "covariate = 'logins'"),
     (["x1", "participated"], "covariate = 'participated'"), (["treated"], "covariate = 'treated'"),
     (["propensity"], "covariate = 'propensity'"), ([["x1"]], "covariate = ")],
)  # fmt: skip
@pytest.mark.parametrize("use", [*RIGHT, "methods"])
def test_covariates_were_known_before(use, covariates, message):
    with pytest.raises(ParameterError, match=message):
        ALL[use](people(), covariates=covariates)


@pytest.mark.parametrize(
    ("values", "message"),
    [(np.inf, "covariate x1 = 'infinite"), (pd.Timestamp("2026-01-01"), "covariate x1 is datetime")],
)
@pytest.mark.parametrize("use", RIGHT)
def test_covariates_are_numbers_or_names(use, values, message):
    with pytest.raises(BankmktError, match=message):
        RIGHT[use](people(x1=some(values, people()["x1"].tolist()) if values is np.inf else values))


PROPENSITIES = {
    "missing": (np.full(N, np.nan), ParameterError), "some missing": (some(np.nan, [0.5] * N), ParameterError),
    "above 1": (np.full(N, 5.0), ParameterError), "ones": (np.ones(N), Refused), "zeros": (np.zeros(N), Refused),
    "short": (np.full(3, 0.5), ParameterError), "square": (np.full((N, 2), 0.5), ParameterError),
    "text": (["a"] * N, ParameterError), "no column": ("absent", ParameterError), "a number": (0.5, ParameterError),
    "other customers": (pd.Series(0.5, range(N, 2 * N)), ParameterError),
    "a text column": ("names", SchemaError), "an object": ({}, ParameterError),
}  # fmt: skip


@pytest.mark.parametrize("given", PROPENSITIES)
@pytest.mark.parametrize("use", ["matching", "weighting", "doubly robust", "overlap"])
def test_propensities_are_probabilities_of_these_customers(use, given):
    values, error = PROPENSITIES[given]
    frame = people(names="a")
    with pytest.raises(error, match=r"propensities|column"):
        ALL[use](frame, propensities=values)


@pytest.mark.parametrize("use", ["matching", "weighting", "doubly robust"])
def test_propensities_go_by_their_index(use):
    frame = people()
    assert RIGHT[use](frame, propensities=frame["chance"].iloc[::-1]) == RIGHT[use](frame, propensities="chance")


def test_propensities_of_overlap_go_by_their_index():
    frame = people()
    found, again = (overlap(frame, p, **X)[1] for p in (frame["chance"].to_numpy(), frame["chance"].iloc[::-1]))
    pd.testing.assert_frame_equal(found, again)


def test_propensities_of_overlap_are_needed():
    with pytest.raises(ParameterError, match="propensities"):
        overlap(people(), None, **X)


@pytest.mark.parametrize("use", ["weighting", "doubly robust"])
def test_what_is_clipped_is_said_and_not_taken_for_weights(use):
    frame = people()
    for value in (1e-6, 1 - 1e-6):
        with pytest.raises(Refused, match="the propensities of all non-participants lie outside"):
            RIGHT[use](frame, propensities=np.full(N, value))
    p = np.where(frame.index < 20, 0.001, 0.4)
    assert RIGHT[use](frame, propensities=p).note.endswith("; 20 of 120 propensities clipped")
    p[5:] = 0.4
    assert RIGHT[use](frame, propensities=p).note.endswith("; some propensities clipped"), "not how many: under k"
    assert "clipped" not in RIGHT[use](frame, propensities=np.full(N, 0.4)).note


@pytest.mark.parametrize(
    "bad", [{"folds": 0}, {"folds": 1}, {"folds": "a"}, {"seed": -1}, {"seed": "a"}, {"seed": 1.5}]
)
@pytest.mark.parametrize("use", ["matching", "doubly robust", "sensitivity"])
def test_folds_and_seeds_are_whole(use, bad):
    with pytest.raises(ParameterError, match=f"{next(iter(bad))} = .*a whole number from"):
        RIGHT[use](people(), **bad)


@pytest.mark.parametrize("clip", [0, 0.5, -1, np.nan, "a", None, True])
@pytest.mark.parametrize("use", ["weighting", "doubly robust", "sensitivity", "overlap"])
def test_clip_is_a_share(use, clip):
    with pytest.raises(ParameterError, match="clip"):
        ALL[use](people(), clip=clip)


@pytest.mark.parametrize(
    ("how", "message"),
    [({"kinds": {"past logins": ["zz"]}}, r"kinds\['past logins'\] = 'zz'"), ({"kinds": "a"}, "kinds = 'a'"),
     ({"kinds": {"a": []}}, "covariates"), ({"kinds": {"a": "x1"}}, "covariates"), ({"kinds": {"": ["x1"]}}, "kinds"),
     ({"adjusted": 3}, "adjusted"),
     ({"adjusted": weighting(people().iloc[:-9], "logins", **X)}, "adjusted")],
)  # fmt: skip
def test_kinds_and_estimates_are_those_of_the_panel(how, message):
    with pytest.raises(ParameterError, match=message):
        RIGHT["sensitivity"](people(), **how)


def test_kinds_of_which_nothing_was_looked_at_are_no_yardsticks():
    found = sensitivity(people(), "logins", learner="linear", covariates=["x1", "logins_before"])
    assert found.yardsticks["kind"].tolist() == ["past logins", "all that is known"]


@pytest.mark.parametrize("value", [1.0, 0.0])
def test_outcome_of_which_nothing_is_open_needs_no_hidden_cause(value):
    with pytest.raises(Refused, match="leave nothing of logins open"):
        RIGHT["sensitivity"](people(logins=value))
    table = compare_methods(people(logins=value), ["logins"], kinds={}, **X)
    assert table["robustness_value"].isna().all()
    assert table["verdict"].str.startswith("not possible").sum() < len(table)


@pytest.mark.parametrize("shares", [("a", 0.1), (0.1, None), (np.nan, 0.1)])
def test_limits_are_of_shares(shares):
    with pytest.raises(ParameterError, match="shares"):
        RIGHT["sensitivity"](people()).limits(*shares)


@pytest.mark.parametrize(
    ("outcomes", "how", "error", "message"),
    [([], {}, ParameterError, "outcomes"), ("logins", {}, ParameterError, "outcomes"),
     (["logins", "logins"], {}, ParameterError, "outcomes"), (["zz"], {}, ParameterError, "column = 'zz'"),
     (["logins"], {"truth": truth().drop(columns="outcome")}, SchemaError, "truth has no column = 'outcome'"),
     (["logins"], {"truth": 3}, ParameterError, "truth"),
     (["logins"], {"truth": truth().assign(y0="a")}, SchemaError, "column y0 is"),
     (["logins"], {"months": "a"}, ParameterError, "months"), (["logins"], {"months": 0}, ParameterError, "months"),
     (["logins"], {"before": 3}, ParameterError, "before"), (["logins"], {"later": 3}, ParameterError, "later"),
     (["logins"], {"recorded": "x"}, ParameterError, "recorded"),
     (["logins"], {"made": pd.DataFrame({"method": []})}, SchemaError, "made has no column"),
     (["logins"], {"kinds": {"a": ["zz"]}}, ParameterError, "kinds"),
     (["logins"], {"seed": "a"}, ParameterError, "seed")],
)  # fmt: skip
def test_comparison_of_methods_names_what_is_wrong(outcomes, how, error, message):
    with pytest.raises(error, match=message):
        compare_methods(people(), outcomes, **{**X, "kinds": {}, **how})


def test_recorded_chances_of_which_one_is_certain_are_a_row_with_the_reason():
    frame = people(propensity=some(1.0, [0.5] * N))
    found = compare_methods(frame, ["logins"], recorded=True, kinds={}, **X).set_index("method")
    assert found.loc["recorded chances", "verdict"].startswith("not possible: propensities of 0 or 1")


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [(None, ParameterError, "truth"), (truth().drop(columns="y1"), SchemaError, "y1"),
     (pd.concat([truth(), truth()]), SchemaError, "two rows of a customer")],
)  # fmt: skip
def test_truth_has_its_columns(bad, error, message):
    with pytest.raises(error, match=message):
        true_effect(people(), bad, "logins", "ATT")


def test_gap_is_taken_apart_by_an_estimate_of_the_panel():
    frame = people(aum_mean_12=2.0, products_mean_12=2.0, aum_mean_6=2.0, products_mean_6=2.0, logins_mean_6=2.0)
    with pytest.raises(ParameterError, match="column = 'transactions_3'"):
        decompose(frame, "logins", **X)


@pytest.mark.parametrize("months", [None, 0, 1.5, "a"])
def test_trend_goes_on_for_whole_months(months):
    with pytest.raises(ParameterError, match="months"):
        difference_in_differences(people(), "logins", months=months, remove_trend=True)


@pytest.mark.parametrize(("use", "how"), [("weighting", {"by": ["a"]}), ("matching", {"neighbours": "a"})])
def test_choices_are_named(use, how):
    with pytest.raises(ParameterError, match=next(iter(how))):
        RIGHT[use](people(), **how)
