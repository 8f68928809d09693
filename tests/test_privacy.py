import itertools

import numpy as np
import pandas as pd
import pytest

from bankmkt.errors import DataError, ParameterError
from bankmkt.privacy import discloses, exposed, small_cells, small_parts, suppress


def test_nothing_small_nothing_hidden():
    assert not small_cells(pd.Series([10, 11, 5000]), k=10).any()


def test_single_small_cell_takes_the_next_smallest_with_it():
    assert small_cells(pd.Series([500, 40, 3, 90]), k=10).tolist() == [False, True, True, False]


def test_hidden_cells_together_reach_k():
    assert small_cells(pd.Series([3, 4, 90, 50]), k=10).tolist() == [True, True, False, True]


def test_two_small_cells_that_reach_k_are_enough():
    assert small_cells(pd.Series([6, 7, 90, 50]), k=10).tolist() == [True, True, False, False]


def test_empty_cells_hide_nobody():
    assert small_cells(pd.Series([0, 0, 3, 20, 30]), k=10).tolist() == [False, False, True, True, False]


def test_one_cell_alone_is_hidden():
    assert small_cells(pd.Series([3, 0]), k=10).tolist() == [True, False]


def test_k_of_1_hides_nothing():
    assert not small_cells(pd.Series([1, 2, 0]), k=1).any()


def test_blocks_are_protected_one_by_one():
    counts = pd.Series([3, 20, 30, 100, 200], index=list("abcde"))
    block = pd.Series(["x", "x", "x", "y", "y"], index=list("abcde"))
    assert small_cells(counts, by=[block]).to_dict() == {"a": True, "b": True, "c": False, "d": False, "e": False}
    months = pd.Series([1, 1, 2, 2, 2], index=list("abcde"))
    assert small_cells(counts, by=[block, months]).tolist() == [True, True, False, False, False]


def test_no_hidden_cell_follows_from_the_total():
    """Whatever the table: what total − shown cells leaves is nobody, or at least two cells and k customers."""
    rng = np.random.default_rng(1)
    for size, k in itertools.product(range(1, 9), (2, 5, 10)):
        counts = pd.Series(rng.integers(0, 30, size))
        hidden = small_cells(counts, k=k)
        assert hidden[counts.between(1, k - 1)].all()
        left = counts[hidden]
        everything = hidden[counts > 0].all()
        assert left.empty or everything or (len(left) >= 2 and left.sum() >= k)


def test_cells_hidden_for_another_reason_take_others_with_them():
    counts = pd.Series([30, 40, 50, 0])
    hidden = pd.Series([False, False, True, False])
    assert small_cells(counts, hidden=hidden).tolist() == [True, False, True, False]
    assert small_cells(counts, hidden=pd.Series([False, False, False, True])).tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("part", "whole", "tells"),
    [(0, 50, False), (1, 50, True), (9, 50, True), (10, 50, False), (40, 50, False), (41, 50, True), (49, 50, True),
     (50, 50, False), (6, 12, True), (float("nan"), 50, False), (5, float("nan"), True)],
)  # fmt: skip
def test_a_part_discloses_by_itself_or_by_what_it_leaves(part, whole, tells):
    assert discloses(part, whole) == tells
    assert discloses(pd.Series([part]), pd.Series([whole])).tolist() == [tells]


def test_all_but_one_is_hidden_and_does_not_follow_from_the_total():
    parts, wholes = pd.Series([49, 30, 80, 200]), pd.Series([50, 90, 160, 200])
    assert small_parts(parts, wholes).tolist() == [True, True, False, False]
    assert not small_parts(parts, wholes, k=1).any()
    assert not small_parts(pd.Series([0, 50]), pd.Series([40, 50])).any(), "nobody and everybody single nobody out"


def test_no_hidden_part_follows_from_the_totals():
    """Whatever the table: what is left of parts and of rests is nobody, everything, or two rows and k customers."""
    rng = np.random.default_rng(2)
    for size, k, near in itertools.product(range(1, 8), (2, 5, 10), range(6)):
        wholes = pd.Series(rng.integers(1, 60, size))
        rests = pd.Series(rng.integers(0, 12 if near % 2 else 60, size)).clip(upper=wholes)
        parts = wholes - rests if near < 3 else rests
        small = small_cells(wholes, k=k)
        hidden = small_parts(parts, wholes, k=k, hidden=small)
        assert hidden[discloses(parts, wholes, k) | small].all()
        for counts in (parts, wholes - parts):
            left = counts[hidden]
            fine = left.sum() == 0 or (len(left) >= 2 and left.sum() >= k)
            assert fine or hidden[counts > 0].all()


def test_suppress_hides_values_and_keeps_its_input():
    cells = pd.DataFrame({"g": list("abc"), "n": [500, 40, 3], "aum": [1.0, 2.0, 3.0], "note": ["x", "y", "z"]})
    before = cells.copy()
    shown = suppress(cells, "n", ["aum"])
    pd.testing.assert_frame_equal(cells, before)
    assert shown["n"].isna().tolist() == shown["aum"].isna().tolist() == shown["suppressed"].tolist()
    assert shown["suppressed"].tolist() == [False, True, True]
    assert shown["note"].tolist() == ["x", "y", "z"]


def test_suppress_again_keeps_what_was_hidden():
    once = pd.DataFrame({"n": [500, 400, 300], "v": [1.0, 2.0, 3.0], "suppressed": [True, True, False]})
    assert suppress(once, "n", ["v"])["v"].isna().tolist() == [True, True, False]


@pytest.mark.parametrize("k", [0, -1, 1.5, True, "10"])
def test_k_must_be_a_positive_integer(k):
    with pytest.raises(ParameterError, match="k = "):
        small_cells(pd.Series([1]), k=k)


@pytest.mark.parametrize("counts", [[1, -1], [1, None]])
def test_counts_must_be_counts(counts):
    with pytest.raises(DataError, match="counts"):
        small_cells(pd.Series(counts))


def test_rows_that_share_customers_hide_behind_one_that_has_enough():
    counts = pd.Series([6, 7, 90, 50])  # the 6 may be among the 7
    assert small_cells(counts).tolist() == [True, True, False, False]
    assert small_cells(counts, overlapping=True).tolist() == [True, True, False, True]
    parts, wholes = pd.Series([6, 7, 90, 50]), pd.Series([160] * 4)
    assert small_parts(parts, wholes, overlapping=True).tolist() == [True, True, False, True]
    cells = suppress(pd.DataFrame({"users": counts}), "users", overlapping=True)
    assert cells["suppressed"].tolist() == [True, True, False, True]


def test_blocks_that_give_their_hidden_cells_away_are_named():
    block = pd.Series(["alone", "two", "two", "few", "few", "shown", "none"])
    counts = pd.Series([30, 3, 12, 3, 9, 40, 0])
    hidden = pd.Series([True] * 5 + [False, True])
    told = exposed(counts, hidden, by=[block])
    assert told.tolist() == [True, False, False, True, True, False, False]
