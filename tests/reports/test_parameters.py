import datetime as dt

import pytest

from bankmkt.errors import DataError, ParameterError
from bankmkt.reports.parameters import Parameter, declared, resolve

SOURCE = """\
month: str = "2026-06"  # month to check, YYYY-MM
k: int = 10  # fewest customers a number may stand for [3..1000]
share: float = 0.5  # part of the tail [0..1]
org_id: int | None = None  # a branch; None for the whole bank [1..]
method: str = "plain"  # how to adjust {plain, cuped}
quick: bool = False
"""


def notebook(source, tags=("parameters",)):
    return {"cells": [{"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}}]}


@pytest.fixture
def known():
    return declared(notebook(SOURCE), "stub")


def test_declarations_are_read_with_type_meaning_and_limits(known):
    assert known["k"] == Parameter("k", "int", 10, "fewest customers a number may stand for", minimum=3, maximum=1000)
    assert known["org_id"].optional
    assert known["org_id"].default is None
    assert known["org_id"].minimum == 1
    assert known["org_id"].maximum is None
    assert known["method"].choices == ("plain", "cuped")
    assert known["quick"] == Parameter("quick", "bool", False)


def test_a_parameter_prints_as_it_is_written(known):
    assert str(known["k"]) == "k: int = 10  fewest customers a number may stand for [3..1000]"
    assert str(known["org_id"]) == "org_id: int | None = None  a branch; None for the whole bank [1..]"
    assert str(known["method"]) == "method: str = 'plain'  how to adjust {plain, cuped}"


def test_an_id_may_be_a_number_or_a_text():
    unit = declared(notebook("org_id: int | str | None = None  # a branch"), "stub")["org_id"]
    assert str(unit) == "org_id: int | str | None = None  a branch"
    given = ["12", 12, "B-01", "007", "none", None]
    assert [unit.read(value) for value in given] == [12, 12, "B-01", "007", None, None]
    with pytest.raises(ParameterError, match="a whole number or a text"):
        unit.read(1.5)


def test_no_tagged_cell_no_parameters():
    assert declared(notebook(SOURCE, tags=())) == {}


@pytest.mark.parametrize(
    "line", ["x = 1", "x: int", "x: int = f()", "x: list[int] = [1]", "x: int | float = 1", "print(1)", "import os"]
)
def test_only_annotated_literals_are_parameters(line):
    with pytest.raises(DataError, match="annotated literal"):
        declared(notebook(line))


def test_a_default_must_be_allowed():
    with pytest.raises(DataError, match="default"):
        declared(notebook("k: int = 2  # few [3..]"))


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("k", "12", 12),
        ("k", 3, 3),
        ("k", 1000, 1000),
        ("share", "1e-2", 0.01),
        ("share", 1, 1.0),
        ("quick", "Yes", True),
        ("quick", "false", False),
        ("org_id", "none", None),
        ("org_id", None, None),
        ("org_id", "7", 7),
        ("method", "cuped", "cuped"),
        ("month", "2025-12", "2025-12"),
    ],
)
def test_values_that_fit(known, name, given, value):
    read = known[name].read(given)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("k", 2), ("k", 1001), ("k", "2"), ("k", "ten"), ("k", 3.5), ("k", True), ("k", None), ("k", "nan"),
        ("share", "nan"), ("share", "inf"), ("share", -0.1), ("share", True),
        ("org_id", 0), ("org_id", "x"), ("method", "magic"), ("method", 1), ("quick", "maybe"), ("quick", 1),
        ("month", "2026-13"), ("month", "June"), ("month", 202606), ("month", ["2026-06"]),
    ],
)  # fmt: skip
def test_values_that_do_not_fit(known, name, given):
    with pytest.raises(ParameterError, match=f"^{name}( = |: expected)"):
        known[name].read(given)


@pytest.mark.parametrize("given", ["nan", "inf", "-Infinity", float("nan"), float("inf")])
def test_a_number_is_finite_without_a_range_too(given):
    with pytest.raises(ParameterError, match=r"^x = .*: expected a finite number; the default is 1.5"):
        Parameter("x", "float", 1.5).read(given)


def test_a_yaml_date_is_read_as_text():
    assert Parameter("day", "str", "", "the day, YYYY-MM-DD").read(dt.date(2026, 6, 30)) == "2026-06-30"


def test_resolve_fills_in_defaults(known):
    values = resolve(known, {"k": "20"}, "stub")
    assert values == {
        "month": "2026-06", "k": 20, "share": 0.5, "org_id": None, "method": "plain", "quick": False,
    }  # fmt: skip


@pytest.mark.parametrize("given", [{"kk": 1}, {"k": 1}, {"k": "x"}])
def test_resolve_lists_what_is_valid(known, given):
    with pytest.raises(ParameterError) as error:
        resolve(known, given, "stub")
    assert "stub takes" in str(error.value)
    for parameter in known.values():
        assert str(parameter) in str(error.value)
