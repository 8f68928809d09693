from pathlib import Path

import ibis
import pytest

from bankmkt.dictionary import schema_markdown
from bankmkt.schema import ASSETS, DEBTS, OUTCOMES, PRODUCTS, TABLES, TYPES

DOCS = Path(__file__).parents[1] / "docs"
DESIGN = [
    "organisations", "staff", "customers", "balances", "transactions", "events", "visits", "campaigns", "assignments",
    "contacts", "benefits", "points", "referrals", "surveys", "truth",
]  # fmt: skip


def test_all_fifteen_tables_are_declared_in_order():
    assert list(TABLES) == DESIGN


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_a_declaration_is_sound(table):
    assert len(set(table.names)) == len(table.names)
    assert set(table.key) <= set(table.names)
    assert not any(table[name].nullable for name in table.key)
    if table.time:
        assert table[table.time].type in ("date", "timestamp")
        assert not table[table.time].nullable
    if table.in_life:
        assert table["customer_id"].references == "customers.customer_id"
    if table.in_campaign:
        assert table["campaign_id"].references == "campaigns.campaign_id"
    for c in table.columns:
        assert c.type in TYPES
        assert c.type == "id" or str(ibis.dtype(c.type)) == c.type
        assert c.meaning
        assert not c.values or c.type == "string"
        assert (c.minimum is None and c.maximum is None) or c.type in ("id", "int64", "float64")
        assert not c.set_later or (c.type == "date" and c.nullable)
        if c.references or c.same_as:
            target, column = (c.references or c.same_as).split(".")
            assert TABLES[target][column].type == c.type == "id"
            assert not TABLES[target][column].references


def test_an_unknown_column_is_named():
    with pytest.raises(KeyError, match=r"customers\.sex"):
        TABLES["customers"]["sex"]


def test_balances_hold_every_product_and_transactions_move_them():
    assert PRODUCTS == ASSETS + DEBTS
    assert set(PRODUCTS) < set(TABLES["balances"].names)
    assert TABLES["transactions"]["product"].values == PRODUCTS
    assert TABLES["campaigns"]["outcome"].values == TABLES["truth"]["outcome"].values == OUTCOMES


def test_the_rules_read_columns_of_their_table():
    for table in TABLES.values():
        types = {c.name: "int64" if c.type == "id" else c.type for c in table.columns}
        t = ibis.table(types, name=table.name)
        for rule in table.rules:
            assert rule.broken(t).type().is_boolean(), rule.name
            assert rule.todo


def test_the_data_dictionary_is_fresh():
    """If this fails: python -m bankmkt.dictionary docs/data-dictionary.md."""
    assert (DOCS / "data-dictionary.md").read_text(encoding="utf-8") == schema_markdown()


def test_the_data_dictionary_names_every_column():
    text = schema_markdown()
    for table in TABLES.values():
        section = text.split(f"\n## {table.name}\n")[1].split("\n## ")[0]
        for c in table.columns:
            kind = "int64 or string" if c.type == "id" else c.type
            assert f"| `{c.name}` | {kind} | {c.meaning} |" in section
        for rule in table.rules:
            assert rule.name in section
