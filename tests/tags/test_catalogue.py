"""The catalogue says what every tag rests on; the page is that of the code; stale values are found."""

from pathlib import Path

import pytest
from ibis import _

from bankmkt import tags
from bankmkt.errors import ParameterError
from bankmkt.schema import TABLES
from bankmkt.tags import Feature, Tag
from bankmkt.tags.document import catalogue_markdown
from bankmkt.tags.families import house, house_tags

PAGE = Path(__file__).parents[2] / "docs" / "tags.md"


@pytest.fixture(scope="module")
def listed():
    return tags.catalogue().set_index("code")


def test_every_tag_is_listed_with_what_it_reads(listed):
    assert set(house_tags()) <= set(listed.index)
    assert listed.index.is_unique
    assert (listed.drop(columns=["features"]) != "").all().all()
    assert set(listed.type) == {"yes/no", "number", "text", "probability"}
    assert (listed.kind == "predictive").sum() == 8
    tags_only = listed[listed.kind == "tag"]
    known = {f"{table}.{column}" for table, t in TABLES.items() for column in t.names} | set(TABLES)
    assert {name for text in listed["columns"] for name in text.split(", ")} <= known
    assert {name for text in tags_only["features"] for name in text.split(", ") if name} <= set(house()[0])


def test_known_lineages(listed):
    assert listed.loc["manager_missing", ["features", "columns"]].tolist() == [
        "aum",
        "balances.aum, customers.manager_id",
    ]
    assert listed.loc["branch_city", "columns"] == "organisations.city"
    assert listed.loc["deposit_holder", ["type", "version"]].tolist() == ["yes/no", 1]
    shown = tags.lineage("fund_fan")
    assert shown.feature.unique().tolist() == ["fund_now", "fund_views", "fund_bought"]
    assert shown.column.tolist() == [
        "balances.fund", "events.event", "events.page", "transactions.kind", "transactions.product",
    ]  # fmt: skip
    assert shown.months.tolist() == [1, 3, 3, 12, 12]
    assert listed.loc["potential_vip", ["type", "features"]].tolist() == ["probability", "aum"]
    assert set(shown.role) == {"rule"}


def test_a_prediction_rests_on_its_model_s_inputs_too():
    shown = tags.lineage("fund_propensity")
    defined = shown[shown.role != "input"]
    assert defined[["role", "feature", "column"]].values.tolist() == [
        ["population", "fund_now", "balances.fund"], ["outcome", "fund_high", "balances.fund"],
    ]  # fmt: skip
    offered = shown[shown.role == "input"]
    assert {"aum", "login_month", "birth_date", "occupation"} <= set(offered.feature)
    assert {"balances.aum", "events.event", "customers.occupation", "customers.birth_date"} <= set(offered.column)
    assert not set(offered.column) & {"customers.gender", "customers.has_car", "customers.manager_id"}


def test_a_model_s_lineage_is_of_its_own_inputs(generated):
    few = [house()[0]["login_quarter"], house_tags()["age"]]
    model = tags.train(generated, "2025-05-31", ["app_dormancy"], few, snapshots=1)["app_dormancy"]
    shown = tags.lineage(model)
    assert shown.tag.unique().tolist() == ["app_dormancy"]
    assert shown[shown.role == "input"][["feature", "column"]].values.tolist() == [
        ["login_quarter", "events.event"], ["birth_date", "customers.birth_date"],
    ]  # fmt: skip


@pytest.mark.parametrize("one", ["potential_vip", tags.PREDICTIVE[0]])
def test_what_is_predicted_is_not_computed(tiny_bank, one):
    with pytest.raises(ParameterError, match=r"'potential_vip'.*predicted; models = bm.tags.train.*bm.tags.predict"):
        tags.compute(tiny_bank, "2025-06-30", ["payroll", one])


def test_own_tags_are_listed_as_the_house_s():
    nights = Feature("night_acts", "events", _.count(where=_.ts.hour() < 6), 3, "acts before 6")
    owl = Tag("owl", "Owl", "夜猫子", "mine", (_.night_acts > 3) & _.has_car, "up at night", [nights], version=2)
    row = tags.catalogue([owl]).iloc[0]
    assert row[["features", "columns", "version"]].tolist() == ["night_acts", "events.ts, customers.has_car", 2]
    assert tags.lineage(owl).feature.tolist() == ["night_acts", "has_car"]
    with pytest.raises(ParameterError, match="tag owl: rule = 'night_act'"):
        tags.catalogue([Tag("owl", "Owl", "夜猫子", "mine", _.night_act > 3, "up at night", [nights])])


def test_the_page_is_that_of_the_code():
    """If this fails: python -m bankmkt.tags.document docs/tags.md."""
    assert PAGE.read_text(encoding="utf-8") == catalogue_markdown()


def test_stale_is_older_than_fresh():
    found = tags.stale("2026-05-30", "2026-06-30", ["payroll"])
    assert found[["age_days", "stale"]].values.tolist() == [[31, False]]
    assert str(found.due_on[0]) == "2026-06-30"
    assert tags.stale("2026-05-29", "2026-06-30", ["payroll"]).stale.tolist() == [True]
    assert len(tags.stale("2026-05-29", "2026-06-30")) == len(house_tags()) + 8


def test_stale_refuses_what_it_cannot_judge():
    with pytest.raises(ParameterError, match="computed_on"):
        tags.stale("May", "2026-06-30")
    with pytest.raises(ParameterError, match="a day for age"):
        tags.stale({"payroll": "2026-05-30"}, "2026-06-30", ["age"])
