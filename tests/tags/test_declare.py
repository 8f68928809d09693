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
        ({"name": None}, "name of a feature = 'None'"),
        ({"months": "3"}, "feature pay: months = '3': expected an integer from 1 to 1200"),
        ({"months": 1.5}, "feature pay: months = 1.5"),
        ({"months": float("nan")}, "feature pay: months = nan"),
        ({"months": True}, "feature pay: months = True"),
        ({"months": 100_000}, "feature pay: months = 100000"),
        ({"months": 1_000, "before": 201}, "feature pay: before = 201: expected an integer from 0 to 200"),
        ({"before": "3"}, "feature pay: before = '3'"),
        ({"aggregate": 5}, "feature pay: aggregate = 5: expected an expression"),
        ({"meaning": None}, "feature pay: meaning = 'None': expected text"),
    ],
)
def test_features_that_cannot_be(changed, message):
    with pytest.raises(ParameterError, match=message):
        feature(**changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"code": None}, "name of a tag = 'None'"),
        ({"rule": 5}, "tag mine: rule = 5: expected an expression"),
        ({"rule": None}, "tag mine: rule = 'None'"),
        ({"features": 5}, "tag mine: features = 5: expected a list of features"),
        ({"features": ["a"]}, "tag mine: features holds a: expected features"),
        ({"features": feature()}, "tag mine: features = 'Feature': expected a list"),
        ({"name": None}, "tag mine: name = 'None': expected text"),
        ({"family": None}, "tag mine: family = 'None': expected text"),
        ({"version": 1.5}, "tag mine: version = 1.5"),
        ({"fresh_days": "x"}, "tag mine: fresh_days = 'x': expected an integer from 0"),
        ({"fresh_days": -3}, "tag mine: fresh_days = -3"),
    ],
)
def test_tags_that_cannot_be(changed, message):
    right = {
        "code": "mine",
        "name": "Mine",
        "name_zh": "我的",
        "family": "my own",
        "rule": _.aum > 0,
        "meaning": "mine",
    }
    with pytest.raises(ParameterError, match=message):
        Tag(**(right | changed))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("payroll", r"tags = 'payroll': expected a list"),
        (5, r"tags = 5: expected a list of tags, or codes of the catalogue; pass \['age'\]"),
        ([None], "tags holds None: expected tags"),
        ([1], "tags holds 1"),
        ([float("nan")], "tags holds nan"),
        ([["payroll"]], "tags holds list"),
    ],
)
def test_what_is_no_list_of_tags(tiny_bank, given, message):
    with pytest.raises(ParameterError, match=message):
        tags.compute(tiny_bank, DAY, given)
    with pytest.raises(ParameterError, match=message):
        tags.catalogue(given)


@pytest.mark.parametrize("given", [None, [], 5])
def test_lineage_is_of_one_tag(given):
    with pytest.raises(ParameterError, match=r"tag holds (None|list|5): expected a tag, a code or a model"):
        tags.lineage(given)


def test_what_is_no_list_of_features(tiny_bank):
    for given in (5, ["aum"], feature()):
        with pytest.raises(ParameterError, match="wanted"):
            tags.features(tiny_bank, DAY, given)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (_.aum.sum(), "'sum over all customers': expected a value of each customer"),
        (_.aum.sum() > 0, "'sum over all customers'"),
        ((_.aum.max() > 5) & (_.gender == "F"), "'max over all customers'"),
        (_, "'the whole table': expected a value of each customer"),
    ],
)
def test_a_rule_is_about_each_customer(tiny_bank, rule, message):
    """An aggregate as a rule gave every customer the bank's total."""
    with pytest.raises(ParameterError, match=rf"tag mine: rule = {message}"):
        tags.compute(tiny_bank, DAY, [tag(rule)])


def test_a_rule_may_hold_a_customer_against_the_bank(tiny_bank):
    import ibis

    found = tags.compute(tiny_bank, DAY, [tag(_.aum >= _.aum.mean().over(ibis.window()))]).execute()["mine"]
    assert found.nunique() == 2


@pytest.mark.parametrize(
    ("aggregate", "empty"), [(_.amount.sum(), "zero"), (_.amount.sum(), float("nan")), (_.ts.max(), 0)]
)
def test_what_stands_for_no_rows_is_of_the_type(tiny_bank, aggregate, empty):
    with pytest.raises(ParameterError, match=r"feature pay: empty = .*expected None, or of type"):
        tags.features(tiny_bank, DAY, [feature(aggregate=aggregate, empty=empty)])


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
