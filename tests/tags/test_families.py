"""The house's catalogue: large enough, without padding, each definition its own and written out."""

import re

import pandas as pd
import pytest

from bankmkt.tags.declare import FAMILIES
from bankmkt.tags.families import choose, house, house_tags, optional
from bankmkt.tags.lineage import needed, ruled, unbound

CALENDAR = {0.0, 1.0, 12.0, 100.0, 9999.0}
"""Numbers of the calendar's arithmetic, and of "some" and "less one"."""

LACKING = {tag.code for tag in optional.TAGS} | {"payroll_lost"}
"""Tags on tables that the synthetic bank lacks, or, of a salary that ends, on what it does not do."""


def is_condition(column):
    return column.notna().any() and column.dropna().map(type).eq(bool).all()


def test_at_least_154_tags_are_computed_with_coverage(demo):
    counted = [code for code in demo if code not in LACKING and demo[code].notna().any()]
    assert len(counted) >= 154
    assert sorted(demo) == sorted(house_tags())
    assert set(demo) - set(counted) == LACKING


def test_every_family_has_tags():
    counts = pd.Series([tag.family for tag in house_tags().values()]).value_counts()
    assert set(counts.index) == set(FAMILIES)
    assert counts.min() >= 10


def test_no_condition_is_always_or_never_true(demo):
    shares = {code: demo[code].mean() for code in demo if code not in LACKING and is_condition(demo[code])}
    assert len(shares) > 100
    assert {code: share for code, share in shares.items() if not 0.0005 < share < 0.9} == {}


def test_no_value_is_constant(demo):
    values = [code for code in demo if code not in LACKING and not is_condition(demo[code])]
    assert [code for code in values if demo[code].nunique() < 2] == []


def test_no_two_conditions_agree_on_everybody(demo):
    found = {}
    for code in demo:
        if code not in LACKING and is_condition(demo[code]):
            found.setdefault(tuple(demo[code].fillna(False)), []).append(code)
    assert [codes for codes in found.values() if len(codes) > 1] == []


def test_no_two_rules_and_no_two_features_are_equal():
    known, kinds = house()
    wide = unbound("customers", unit_city="string", **kinds, as_of="date")
    rules = [ruled(tag, wide).op() for tag in house_tags().values()]
    assert len(set(rules)) == len(rules)
    features = {(f.aggregate.resolve(unbound(f.table)).op(), f.table, f.months, f.before) for f in known.values()}
    assert len(features) == len(known)


def test_codes_and_names_are_used_once():
    from bankmkt.tags import families

    every = [tag for family in families._FAMILIES for tag in family.TAGS]
    for names in ([t.code for t in every], [t.name for t in every], [t.name_zh for t in every]):
        assert len(set(names)) == len(names)
    assert all(re.search("[\u4e00-\u9fff]", tag.name_zh) for tag in every)


def test_definitions_state_their_numbers():
    """Numbers of a rule appear in its text, as 50,000 or 0.5."""
    import ibis.expr.operations as ops

    kinds = house()[1]
    wide = unbound("customers", unit_city="string", **kinds, as_of="date")
    silent = {}
    for tag in house_tags().values():
        numbers = {
            node.value
            for node in ruled(tag, wide).op().find(ops.Literal)
            if node.dtype.is_numeric() and node.value is not None and not isinstance(node.value, bool)
        }
        text = {float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?:\.\d+)?", tag.meaning)}
        text |= {-number for number in text}
        if missing := {float(n) for n in numbers} - text - CALENDAR:
            silent[tag.code] = sorted(missing)
    assert silent == {
        "tier_up": [2.0, 3.0],  # tiers by number
        "tier_down": [2.0, 3.0],
        "valuable_at_risk": [0.5, 0.7, 6.0, 10_000.0],  # told by warning_signs
    }


def test_every_feature_serves_a_tag():
    known, kinds = house()
    used = {name for tag in house_tags().values() for name in needed(tag, kinds)}
    assert used == set(known)


def test_an_unknown_code_is_refused():
    from bankmkt.errors import ParameterError

    with pytest.raises(ParameterError, match="payrol"):
        choose(["payrol"])
    with pytest.raises(ParameterError, match="each code once"):
        choose(["payroll", "payroll"])
