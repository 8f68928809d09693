import itertools

import numpy as np
import pandas as pd
import pytest

from bankmkt.errors import DataError, ParameterError
from bankmkt.privacy import small_cells, suppress


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
