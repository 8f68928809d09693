"""What of an attribution is shown."""

import itertools

import pandas as pd
import pytest

from bankmkt.errors import ParameterError
from bankmkt.funnel import attribute, shown_credit

K = 10


def found(converted, failed=(), models=("first", "last", "linear")):
    """Attribute (path, customers) pairs, a channel per letter; a path without letters is a conversion alone."""
    start = pd.Timestamp("2026-01-01")
    touched, bought, customer = [], [], itertools.count()
    for won, paths in ((True, converted), (False, failed)):
        for path, times in paths:
            for _ in range(times):
                number = next(customer)
                touched += [(number, start + pd.Timedelta(days=n), sign) for n, sign in enumerate(path)]
                bought += [(number, start + pd.Timedelta(days=9))] if won else []
    return attribute(
        pd.DataFrame(touched, columns=["customer_id", "ts", "channel"]),
        pd.DataFrame(bought, columns=["customer_id", "ts"]), list(models), as_of="2026-06-30", draws=2,
    )  # fmt: skip


def hidden(shown, model):
    rows = shown.credits[(shown.credits["model"] == model) & shown.credits["suppressed"]]
    assert rows[["conversions", "lower", "upper", "share", "customers"]].isna().all(axis=None)
    return set(rows["channel"])


def test_credits_about_few_customers_are_hidden_with_the_next_smallest():
    it = found([("A", 60), ("AB", 30), ("BC", 4), ("", 40)])
    assert it.credits.set_index(["model", "channel"])["customers"].to_dict() == {
        ("first", "A"): 90, ("first", "B"): 4, ("first", "C"): 0, ("first", "none"): 40,
        ("last", "A"): 60, ("last", "B"): 30, ("last", "C"): 4, ("last", "none"): 40,
        ("linear", "A"): 90, ("linear", "B"): 34, ("linear", "C"): 4, ("linear", "none"): 40,
    }  # fmt: skip
    shown = shown_credit(it, K)
    assert hidden(shown, "first") == {"B", "none"}, "4 of B; 90 and 40 shown would give them away"
    assert hidden(shown, "last") == {"B", "C"}
    assert hidden(shown, "linear") == {"B", "C"}
    assert (shown.counts["attributed"], shown.counts["conversions"]) == (None, 134)
    assert not shown_credit(it, 1).credits["suppressed"].any()


def test_small_credits_of_many_customers_and_what_they_leave():
    shown = shown_credit(found([("ABBBBBBBBB", 50), ("C", 80), ("", 70)], models=["linear"]), K)
    assert hidden(shown, "linear") == {"A", "B"}, "5 of 50 customers' conversions"
    left = shown_credit(found([("A", 95), ("AB", 100), ("B", 3)], models=["linear"]), K)
    assert "A" in hidden(left, "linear"), "3 customers did not pass A"


def test_rare_paths_are_left_out_and_few_who_converted_hidden():
    shown = shown_credit(found([("A", 50), ("B", 4), ("AB", 30)], [("A", 200), ("B", 70), ("BA", 3), ("AB", 30)]), K)
    paths = shown.paths.set_index("path")
    assert "B > A" not in paths.index
    assert paths.loc["B", ["conversions", "paths_null", "customers_converted"]].isna().all()
    assert paths.loc["A", "conversions"] == 50


def test_bad_input():
    it = found([("A", 3)])
    with pytest.raises(ParameterError, match="found"):
        shown_credit(it.credits)
    with pytest.raises(ParameterError, match="k"):
        shown_credit(it, 0)
