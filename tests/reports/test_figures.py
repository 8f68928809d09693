import datetime as dt
import json

import numpy as np
import pytest

from bankmkt.errors import DataError, ParameterError
from bankmkt.reports import figures as module
from bankmkt.reports.figures import record, recorded, shown


@pytest.fixture
def stored(monkeypatch):
    """Record figures and return them as stored."""

    def keep(**given):
        found = []
        monkeypatch.setattr(module, "put", found.append)
        record(**given)
        return json.loads(found[0]["text/plain"])

    return keep


def test_fractions_are_rounded_and_whole_numbers_kept(stored):
    kept = stored(a=np.float64(1 / 3), b=np.int64(123456789), c=1234567.8, d=-0.0, e=1e-9)
    assert kept == {"a": 0.3333, "b": 123456789, "c": 1235000.0, "d": 0.0, "e": 1e-9}
    assert str(kept["d"]) == "0.0"


def test_differences_between_machines_do_not_show(stored):
    assert stored(x=0.1 + 0.2) == stored(x=0.3)


def test_other_kinds_are_kept_as_json(stored):
    kept = stored(day=dt.date(2026, 6, 30), yes=np.bool_(True), name="Süd 南", none=None, nan=float("nan"))
    assert kept == {"day": "2026-06-30", "yes": True, "name": "Süd 南", "none": None, "nan": None}


@pytest.mark.parametrize("given", [{}, {"x": [1, 2]}, {"x": {"a": 1}}])
def test_nothing_or_many_values_are_refused(given):
    with pytest.raises(ParameterError):
        record(**given)


def test_html_is_escaped(monkeypatch):
    found = []
    monkeypatch.setattr(module, "put", found.append)
    record(name="<script>")
    assert "<script>" not in found[0]["text/html"]


def cell(tags, outputs):
    return {"cell_type": "code", "metadata": {"tags": tags}, "outputs": outputs, "source": "record()"}


def test_reads_back_what_a_notebook_recorded():
    outputs = [{"data": {"text/plain": '{"b": 1, "a": null}'}}]
    assert recorded({"cells": [cell([], []), cell(["results"], outputs)]}) == {"b": 1, "a": None}
    assert recorded({"cells": [cell([], outputs)]}) == {}


def test_a_results_cell_without_figures_is_an_error():
    with pytest.raises(DataError, match=r"reports\.record"):
        recorded({"cells": [cell(["results"], [{"data": {"text/plain": "42"}}])]})


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("customers", 20_000, "20,000"),
        ("effect", -1.2345, "−1.23"),
        ("aum_yuan", -1234.5, "−1,234 yuan"),
        ("churn_rate", 0.0712, "7.1%"),
        ("passed", False, "no"),
        ("month", "2026-06", "2026-06"),
        ("effect", None, "not known"),
    ],
)
def test_figures_in_words(name, value, text):
    assert shown(name, value) == text
