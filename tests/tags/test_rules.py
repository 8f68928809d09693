"""Every rule says what its text does: just inside and just outside each of its limits, over the months it names."""

import re

import examples_doings
import examples_standing
import pandas as pd
import pytest
from examples_standing import DAY

from bankmkt.tags.families import house, house_tags
from bankmkt.tags.lineage import attributes, needed, ruled, unbound

CONDITIONS = examples_standing.CONDITIONS | examples_doings.CONDITIONS
VALUES = examples_standing.VALUES | examples_doings.VALUES
NULL_IS_AN_ANSWER = {"app_registered_on", "manager_id"}
"""Attributes that are null for customers without an app or a manager."""


def rows():
    """Return a code, inputs and the expected value for every example."""
    held = [(code, inside, True) for code, cases in CONDITIONS.items() for inside, *_outside in cases]
    not_held = [
        (code, inside | change, False)
        for code, cases in CONDITIONS.items()
        for inside, *outside in cases
        for change in outside
    ]
    return held + not_held + [(code, *example) for code, examples in VALUES.items() for example in examples]


def without_a_table():
    """Return every example again without what a table tells, for each of the tables its rule rests on."""
    known, kinds = house()
    used = {code: [known[name] for name in needed(tag, kinds)] for code, tag in house_tags().items()}
    return [
        (code, inputs | {feature.name: None for feature in used[code] if feature.table == table}, expected)
        for code, inputs, expected in rows()
        for table in sorted({feature.table for feature in used[code]})
    ]


def wide():
    """Return the schema of all that rules may use."""
    return unbound("customers", unit_city="string", **house()[1], as_of="date").schema()


@pytest.fixture(scope="module")
def judged():
    """All tags of the examples, of those without a table, and of one row without anything, from one query.

    What is not named is 0, a date or an attribute null.
    """
    import ibis

    schema = unbound("customers", unit_city="string", **house()[1], as_of="date").schema()
    zero = {name: 0 for name, kind in house()[1].items() if kind.is_numeric()}
    empty = dict.fromkeys(schema.names) | zero | {"as_of": DAY}
    examples, less = rows(), without_a_table()
    inputs = [empty | given for _code, given, _expected in examples + less]
    assert {name for row in inputs for name in row} == set(schema.names)
    frame = pd.DataFrame([*inputs, dict.fromkeys(schema.names) | {"as_of": DAY}], dtype=object)
    con = ibis.duckdb.connect()
    table = con.create_table("wide", ibis.memtable(frame, schema=schema), temp=True)
    found = con.to_pyarrow(table.select(**{code: ruled(tag, table) for code, tag in house_tags().items()})).to_pylist()
    return found[: len(examples)], found[len(examples) : -1], found[-1]


def test_every_rule_has_examples():
    assert set(CONDITIONS) | set(VALUES) == set(house_tags())
    assert not set(CONDITIONS) & set(VALUES)
    assert all(len(case) > 1 for cases in CONDITIONS.values() for case in cases)


def test_rules_hold_just_inside_and_not_just_outside(judged):
    wrong = [
        (code, inputs, row[code])
        for (code, inputs, expected), row in zip(rows(), judged[0], strict=True)
        if row[code] != (pytest.approx(expected) if isinstance(expected, float) else expected)
    ]
    assert wrong == []


def test_without_a_table_nothing_is_claimed(judged):
    """Either nothing is said, or what was said with the table."""
    claimed = {
        code: row[code]
        for (code, _inputs, expected), row in zip(without_a_table(), judged[1], strict=True)
        if row[code] not in (None, expected)
    }
    assert claimed == {}


def test_what_is_not_known_is_not_judged(judged):
    """Where nothing is known, no tag says anything but those for which a missing date or manager is the answer."""
    kinds = house()[1]
    said = {code: attributes(house_tags()[code], kinds) for code, value in judged[2].items() if value is not None}
    unjustified = {code for code, given in said.items() if not NULL_IS_AN_ANSWER & set(given)}
    assert unjustified == {"tenure_stage"}  # every customer has a day of opening


NUMBERS = {"a": 1, "the": 1, "last": 1, "one": 1, "two": 2, "three": 3, "six": 6, "nine": 9, "twelve": 12}


def windows(text):
    """Return the months that a text speaks of: "in the last three months, none in the nine before" is 3 and 9."""
    counted = re.findall(r"(\w+) (?:months?(?: ends?)?|before)\b", text)
    years = 12 if re.search(r"\byear\b", text) else None
    spoken = {int(word) if word.isdigit() else NUMBERS.get(word) for word in counted} | {years}
    return spoken - {None, 0}


def bounds(feature):
    """Return the numbers by which a window can be told: its length, its end and its beginning."""
    return {feature.months, feature.before, feature.months + feature.before} if feature.months else set()


def test_features_name_their_windows():
    wrong = {}
    for name, feature in house()[0].items():
        spoken = windows(feature.meaning)
        past = bool(re.search(r"\b(before|earlier|ago)\b", feature.meaning))
        said = "ever" in feature.meaning or "times" in feature.meaning if feature.months is None else spoken
        if not said or not spoken <= bounds(feature) or past != bool(feature.before):
            wrong[name] = feature.meaning
    assert wrong == {}


def test_tags_name_the_windows_of_their_features():
    """Each window but the last month end's is told, and no other."""
    known, kinds = house()
    wrong = {}
    for code, tag in house_tags().items():
        spoken = windows(tag.meaning)
        used = [known[name] for name in needed(tag, kinds)]
        told = [f for f in used if f.months and not (f.table == "balances" and f.months == 1 and not f.before)]
        silent = [f.name for f in told if not bounds(f) & spoken]
        beside = spoken - {1} - set().union(*map(bounds, used))
        if silent or beside:
            wrong[code] = (tag.meaning, silent, beside)
    assert wrong == {}
