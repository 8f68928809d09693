"""The house's catalogue: large enough, without padding, each definition its own and written out."""

import re

import numpy as np
import pandas as pd
import pytest

from bankmkt.tags.declare import FAMILIES
from bankmkt.tags.families import choose, house, house_tags, optional
from bankmkt.tags.lineage import attributes, needed, ruled, unbound

PLAIN = {0.0, 1.0}
"""Numbers that words tell: none, some, any, one."""

WORDS = {"half": 0.5, "halved": 0.5, "fifth": 0.2, "a quarter of": 0.25, "two": 2, "three": 3, "2 in 5": 0.4}

LACKING = {tag.code for tag in optional.TAGS} | {"payroll_lost"}
"""Tags on tables that the synthetic bank lacks; no salary ends in it while its customer stays."""


def is_condition(column):
    return column.notna().any() and column.dropna().map(type).eq(bool).all()


def counted(demo):
    """Return the codes of tags that say something of the synthetic bank's customers."""
    return [code for code in demo if code not in LACKING and demo[code].notna().any()]


def only_cuts(yes, no, value):
    """Return whether a condition is no more than a limit of a number, or of texts in order, of another tag.

    ``yes`` and ``no`` say where it holds and where not; ``value`` has NaN where it is unknown, texts as numbers.
    """
    known = ~np.isnan(value)
    if (yes & ~known).any() or not (yes & known).any() or not (no & known).any():
        return False
    high, low = value[yes], value[no & known]
    return bool(high.min() > low.max() or high.max() < low.min())


def number_of(column):
    """Return a value tag as numbers, NaN where unknown."""
    if isinstance(column.dropna().iloc[0], str):
        codes = pd.factorize(column, sort=True)[0].astype(float)
        return np.where(codes < 0, np.nan, codes)
    return column.astype(float).to_numpy()


def repeated(demo):
    """Return conditions that only cut a value of another tag, and tags that only pass on an attribute already told."""
    codes = counted(demo)
    values = {code: number_of(demo[code]) for code in codes if not is_condition(demo[code])}
    flags = {code: (demo[code].eq(True).to_numpy(), demo[code].eq(False).to_numpy())
             for code in codes if code not in values}  # fmt: skip
    cuts = {c: v for c, (yes, no) in flags.items() for v, value in values.items() if only_cuts(yes, no, value)}
    kinds, told = house()[1], {}
    for code in sorted(set(codes) - set(cuts)):
        tag = house_tags()[code]
        given = attributes(tag, kinds)
        if len(given) == 1 and not needed(tag, kinds) and not reads_day(tag):
            told.setdefault(given[0], []).append(code)
    return cuts | {code: attribute for attribute, codes in told.items() for code in codes[1:]}


def reads_day(tag):
    import ibis.expr.operations as ops

    wide = unbound("customers", unit_city="string", **house()[1], as_of="date")
    return "as_of" in {field.name for field in ruled(tag, wide).op().find(ops.Field)}


def test_at_least_154_tags_are_computed_with_coverage(demo):
    assert len(counted(demo)) >= 154
    assert sorted(demo) == sorted(house_tags())
    assert set(demo) - set(counted(demo)) | {"payroll_lost"} == LACKING


def test_at_least_154_tags_are_no_variant_of_another(demo):
    """Flags on a value that is a tag itself count once, and so does an attribute, however many tags pass it on."""
    again = repeated(demo)
    assert {"high_earner", "pay_cut", "over_contacted"} <= set(again)
    assert len({"student", "retired", "farmer"} & set(again)) == 2
    assert len(counted(demo)) - len(again) >= 154


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
    """Numbers of a rule appear in its text, as 50,000 or 80% or half."""
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
        if missing := {float(n) for n in numbers} - stated(tag.meaning) - PLAIN:
            silent[tag.code] = sorted(missing)
    assert silent == {
        "tier_up": [2.0],  # tiers by number
        "tier_down": [2.0],
        "valuable_at_risk": [0.5, 0.7, 6.0, 10_000.0],  # told by warning_signs
    }


def stated(text):
    """Return the numbers of a text: "80% or more" is 0.8, "lost over 30%" 0.7, "half" 0.5."""
    digits = {(float(n.replace(",", "")), per) for n, per in re.findall(r"(\d[\d,]*(?:\.\d+)?)(%?)", text)}
    found = {n for n, per in digits if not per} | {n / 100 for n, per in digits if per}
    found |= {(100 - n) / 100 for n, per in digits if per} | {-n for n, _per in digits}
    return found | {n for word, n in WORDS.items() if re.search(rf"\b{word}\b", text)}


def test_every_feature_serves_a_tag():
    known, kinds = house()
    used = {name for tag in house_tags().values() for name in needed(tag, kinds)}
    assert used == set(known)


def test_values_age_as_fast_as_what_they_rest_on():
    """Contacts by the day, acts on line by the week, balances by the month, a home city by the year."""
    from bankmkt import tags

    listed = tags.catalogue(list(house_tags())).set_index("code")
    assert set(listed.fresh_days) == {1, 7, 31, 365}
    reads = {
        name: listed["columns"].str.contains(rf"\b{name}\b") for name in ("contacts", "visits", "events", "balances")
    }
    assert (listed.fresh_days[reads["contacts"] | reads["visits"]] == 1).all()
    assert (listed.fresh_days[reads["events"]] <= 7).all()
    assert (listed.fresh_days[reads["balances"]] <= 31).all()
    only = listed["columns"].str.fullmatch(r"(customers|organisations)\.\w+")
    assert set(listed.index[listed.fresh_days == 365]) < set(listed.index[only])
    codes = ["opted_out", "fund_fan", "aum_change", "branch_city"]
    for days, stale in ((1, 0), (2, 1), (8, 2), (32, 3), (366, 4)):
        later = pd.Timestamp("2026-06-30") + pd.Timedelta(days=days)
        found = tags.stale("2026-06-30", later.date(), codes)
        assert found.stale.tolist() == [True] * stale + [False] * (4 - stale), days


def test_an_unknown_code_is_refused():
    from bankmkt.errors import ParameterError

    with pytest.raises(ParameterError, match="payrol"):
        choose(["payrol"])
    with pytest.raises(ParameterError, match="each code once"):
        choose(["payroll", "payroll"])
