import pandas as pd
import pytest

import bankmkt as bm
from bankmkt.errors import ParameterError
from bankmkt.segments.units import scope


def bank(rows):
    frame = pd.DataFrame(rows, columns=["org_id", "parent_id", "level", "name"]).astype({"parent_id": "Int64"})
    return bm.open_bank({"organisations": frame})


TREE = [
    (1, None, "head_office", "Head"), (2, 1, "branch", "A"), (3, 1, "branch", "B"),
    (4, 2, "sub_branch", "A1"), (5, 4, "sub_branch", "A1x"), (6, 3, "sub_branch", "B1"),
]  # fmt: skip


def test_whole_bank_counts_everything_below_in_its_branches():
    s = scope(bank(TREE), None)
    assert (s.name, s.units, s.level) == ("Head", None, "branch")
    assert s.rows == {1: 1, 2: 2, 3: 3, 4: 2, 5: 2, 6: 3}
    assert s.names == {1: "Head", 2: "A", 3: "B"}


def test_a_branch_with_two_levels_below():
    s = scope(bank(TREE), 2)
    assert s.units == (2, 4, 5)
    assert s.rows == {2: 2, 4: 4, 5: 4}
    assert s.level == "sub-branch"


def test_a_leaf():
    s = scope(bank(TREE), 5)
    assert (s.units, s.rows, s.level) == ((5,), {5: 5}, "sub-branch")


def test_equal_names_are_told_apart():
    s = scope(bank([(1, None, "head_office", "Head"), (2, 1, "branch", "A"), (3, 1, "branch", "A")]), None)
    assert s.names == {1: "Head", 2: "A (2)", 3: "A (3)"}


def test_several_tops():
    s = scope(bank([(1, None, "head_office", "X"), (2, None, "head_office", "Y"), (3, 2, "branch", "Y1")]), None)
    assert (s.name, s.rows) == ("the whole bank", {1: 1, 2: 2, 3: 2})


def test_a_circle_ends():
    s = scope(bank([(1, None, "head_office", "X"), (2, 3, "branch", "Y"), (3, 2, "branch", "Z")]), None)
    assert s.rows == {1: 1}
    assert s.units is not None


def test_unknown_unit():
    with pytest.raises(ParameterError, match=r"org_id = 9: .* 6 units, such as 1 \(Head\), 2 \(A\)"):
        scope(bank(TREE), 9)
