"""Declarations that cannot be right say which one, and what it lacks."""

import pytest
from ibis import _

from bankmkt import tags
from bankmkt.errors import ParameterError
from bankmkt.tags import Feature, Tag
from bankmkt.tags.lineage import columns

DAY = "2025-06-30"


def feature(**changed):
    given = {"name": "pay", "table": "transactions", "aggregate": _.amount.sum(), "months": 3, "meaning": "pay"}
    return Feature(**(given | changed))


def tag(rule, code="mine", features=()):
    return Tag(code, "Mine", "我的", "my own", rule, "a rule of mine", features)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "Pay"}, "small letters"),
        ({"name": "gender"}, "choose another"),
        ({"name": "unit_city"}, "choose another"),
        ({"table": "campaigns"}, "feature pay: table = 'campaigns'"),
        ({"table": "truth"}, "feature pay: table = 'truth'"),
        ({"months": 0}, "feature pay: months = 0"),
        ({"before": -1}, "feature pay: before = -1"),
        ({"months": None, "before": 3}, "feature pay: before = 3"),
    ],
)
def test_features_that_cannot_be(changed, message):
    with pytest.raises(ParameterError, match=message):
        feature(**changed)


def test_a_rule_names_what_it_lacks(tiny_bank):
    with pytest.raises(ParameterError, match=r"tag mine: rule = 'aun'.*did you mean aum"):
        tags.compute(tiny_bank, DAY, [tag(_.aun > 0)])


def test_a_rule_that_does_not_fit_names_the_tag(tiny_bank):
    with pytest.raises(ParameterError, match="tag mine"):
        tags.compute(tiny_bank, DAY, [tag(_.gender.year() > 3)])


def test_a_feature_names_what_its_table_lacks(tiny_bank):
    wrong = feature(aggregate=_.amout.sum())
    with pytest.raises(ParameterError, match=r"feature pay: .*amout.*transactions has transaction_id"):
        tags.compute(tiny_bank, DAY, [tag(_.pay > 0, features=[wrong])])


def test_a_feature_must_aggregate(tiny_bank):
    with pytest.raises(ParameterError, match=r"feature pay = 'a value per row'"):
        tags.compute(tiny_bank, DAY, [tag(_.pay > 0, features=[feature(aggregate=_.amount * 2)])])


def test_two_features_of_a_name_are_refused(tiny_bank):
    pair = [feature(), feature(months=6)]
    with pytest.raises(ParameterError, match="one definition a name"):
        tags.features(tiny_bank, DAY, pair)


def test_an_own_feature_may_not_hide_one_of_the_catalogue(tiny_bank):
    own = feature(name="aum", table="balances", aggregate=_.aum.max())
    with pytest.raises(ParameterError, match="feature = 'aum'"):
        tags.compute(tiny_bank, DAY, [tag(_.aum > 0, features=[own]), "wealth_tier"])


def test_lineage_reads_the_expression():
    shown = feature(aggregate=_.amount.sum(where=_.kind == "salary"))
    assert columns(shown) == ["transactions.amount", "transactions.kind"]


def test_a_date_must_be_one(tiny_bank):
    with pytest.raises(ParameterError, match="as_of = 'June'"):
        tags.compute(tiny_bank, "June", ["payroll"])
