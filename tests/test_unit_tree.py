import re

import pandas as pd
import pytest

from bankmkt.bank import open_bank
from bankmkt.errors import ParameterError
from bankmkt.units import climb, units_below


def bank(**above):
    """Return a bank whose units u1, u2, … are below the given ones."""
    frame = pd.DataFrame(
        {"org_id": [int(name[1:]) for name in above], "parent_id": pd.array(list(above.values()), "Int64")}
    )
    return open_bank({"organisations": frame.assign(level="branch", name="Unit")})


def test_a_unit_and_its_whole_subtree():
    tree = bank(u1=None, u2=1, u3=1, u4=2, u5=4)
    assert units_below(tree, 1) == [1, 2, 3, 4, 5]
    assert units_below(tree, 2) == [2, 4, 5]
    assert units_below(tree, 5) == [5]


def test_a_head_office_above_itself():
    tree = bank(u1=1, u2=1, u3=2)
    assert units_below(tree, 1) == [1, 2, 3]
    assert units_below(tree, 2) == [2, 3]


def test_two_units_above_each_other():
    tree = bank(u1=None, u2=3, u3=2, u4=3)
    assert units_below(tree, 1) == [1]
    assert units_below(tree, 2) == units_below(tree, 3) == [2, 3, 4]
    assert units_below(tree, 4) == [4]


def test_a_parent_that_is_not_there():
    assert units_below(bank(u1=9, u2=1), 1) == [1, 2]


def test_climbing_stops_at_the_nearest():
    assert climb(3, {1, 2, 3}, {1: None, 2: 1, 3: 2}) == 3
    assert climb(3, {1}, {2: 1, 3: 2}) == 1


def test_units_may_have_texts():
    frame = pd.DataFrame({"org_id": ["H", "B-2", "B-10", "S"], "parent_id": [None, "H", "H", "B-10"]})
    tree = open_bank({"organisations": frame.assign(level="branch", name="Unit")})
    assert units_below(tree, "B-10") == ["B-10", "S"]
    expected = re.escape("org_id = 10: expected one of the bank's 4 units, such as B-10 (Unit), B-2 (Unit), H (Unit), ")
    with pytest.raises(ParameterError, match=expected):
        units_below(tree, 10)


@pytest.mark.slow
@pytest.mark.spark
def test_the_same_on_spark(spark_bank):
    assert units_below(spark_bank, 2) == [2, 4, 5]


def test_an_unknown_unit_is_refused():
    expected = "org_id = 7: expected one of the bank's 2 units, such as 1 (Unit), 2 (Unit); the table organisations"
    with pytest.raises(ParameterError, match=re.escape(expected)):
        units_below(bank(u1=None, u2=1), 7)
