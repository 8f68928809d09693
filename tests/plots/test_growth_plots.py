import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from bankmkt import plots
from bankmkt.errors import Refused, SchemaError
from bankmkt.funnel import growth as measures
from bankmkt.plots import growth

mpl.use("agg")
PERIODS = {"previous": "2026-Q1", "last_year": "2025-Q2"}


@pytest.fixture(autouse=True)
def _theme():
    with plots.themed():
        yield
    plt.close("all")


def stages():
    """Return a frame as aarrr's: a count, a share that surely rose on last year, money, a hidden share; two groups."""
    rows = [("opened", "customers", 400.0), ("kept", "share of active", 0.86), ("margin", "money a year", 1_646.2),
            ("shared", "share of active", np.nan)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["measure", "unit", "value"]).assign(stage="retention", group="all")
    groups = frame[1:2].loc[[1, 1]].assign(group=["head_office", "East"], value=[0.7, 0.9])
    frame = pd.concat([frame, groups], ignore_index=True)
    frame["change_in"] = np.where(frame.unit.str.startswith("share"), "points", "relative")
    frame["ci_lower"], frame["ci_upper"] = frame.value * 0.95, frame.value * 1.05
    for name, change in (("previous", -0.01), ("last_year", 0.02)):
        frame[name] = frame.value - change
        frame[f"{name}_change"] = change + 0 * frame.value
        for end, wide in (("lower", -0.015), ("upper", 0.015)):
            frame[f"{name}_change_{end}"] = frame[f"{name}_change"] + wide
        frame[f"{name}_p_adjusted"] = np.where((frame.measure == "kept") & (name == "last_year"), 0.01, 0.6)
    return frame


def triangle():
    months = pd.date_range("2026-01-01", periods=3, freq="MS").date
    rows = [(a, since, months[a], since + a < 2) for a in range(3) for since in range(3)]
    frame = pd.DataFrame(rows, columns=["n", "since", "cohort", "finished"]).assign(customers=100.0, suppressed=False)
    frame["share"] = (0.9 - 0.2 * frame.since).where(frame.finished)
    return frame


def marks(ax):
    return [(line.get_xdata()[0], line.get_markerfacecolor()) for line in ax.lines if len(line.get_xdata()) == 1]


def test_changes_stand_apart_by_unit_and_only_sure_ones_are_filled():
    panels = growth.changes(stages(), PERIODS)
    assert [[t.get_text().replace("\n", " ") for t in ax.get_yticklabels()] for ax in panels] == [
        ["Yearly margin per active customer", "Customers who opened"], ["Kept"],
    ]  # fmt: skip
    assert [(value, face != "white") for value, face in marks(panels[1])] == [(-0.01, False), (0.02, True)]
    assert not any(face != "white" for _, face in marks(panels[0]))
    assert (
        growth.change_claim(stages(), PERIODS) == "Against 2026-Q1 no change is sure; against 2025-Q2: kept +2.0 points"
    )


def test_a_change_without_an_interval_is_not_drawn_as_if_it_were_sure():
    lone = stages()
    lone.loc[lone.measure == "margin", ["previous_change_lower", "last_year_change_lower"]] = np.nan
    panels = growth.changes(lone, PERIODS)
    assert [t.get_text().replace("\n", " ") for t in panels[0].get_yticklabels()] == ["Customers who opened"]


def test_the_table_says_what_is_known():
    rows = growth.table(stages(), PERIODS).set_index("measure")
    assert len(rows) == 4
    assert rows.loc["Kept", "change on 2025-Q2"] == "+2.0 points *"
    assert rows.loc["Customers who opened", "change on 2026-Q1"] == "−1.0%"
    assert rows.loc["Yearly margin per active customer", "value"] == "1,646"
    assert rows.loc["Shared something", ["value", "95% interval"]].tolist() == ["–", "–"]
    lone = stages()
    lone.loc[lone.measure == "margin", ["ci_lower", "ci_upper"]] = np.nan
    said = growth.table(lone, PERIODS).set_index("measure").loc["Yearly margin per active customer"]
    assert said["95% interval"] == "none: hangs on one customer"
    assert said["value"] == "1,646"


def test_every_measure_has_a_name():
    assert list(growth.LABELS) == [each.measure for each in measures.DEFINITIONS]


def test_groups_are_in_order_with_what_was_before():
    ax = growth.groups(stages(), "kept", "last_year", "2025-Q2")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Head office", "East"]
    title = ax.get_title(loc="left").replace("\n", " ")
    assert title == "Kept: 90.0% in “East”, 70.0% in “Head office”"
    same = stages().assign(value=0.8)
    assert growth.groups(same, "kept", "previous", "x").get_title(loc="left") == "Kept: 80.0% in each group shown"
    close = stages().assign(ci_lower=0.5, ci_upper=1.0)
    assert "overlap" in growth.groups(close, "kept", "last_year", "x").get_title(loc="left")


def test_what_is_not_over_is_hatched_and_has_no_number():
    ax = growth.triangle(triangle(), "month")
    hatched = {(round(p.get_x() + 0.5), round(p.get_y() + 0.5)) for p in ax.patches if p.get_hatch()}
    assert hatched == {(2, 0), (1, 1), (2, 1), (0, 2), (1, 2), (2, 2)}
    assert {tuple(map(round, t.get_position())): t.get_text() for t in ax.texts} == {
        (0, 0): "90", (1, 0): "70", (0, 1): "90",
    }  # fmt: skip
    assert [t.get_text() for t in ax.get_yticklabels()] == ["2026-01  (100)", "2026-02  (100)", "2026-03  (100)"]
    assert ax.get_title(loc="left").replace("\n", " ") == "Of those who opened, 70% are active 1 month later"


def test_nothing_to_show_is_refused():
    nothing = stages().assign(value=np.nan, previous_change_lower=np.nan, last_year_change_lower=np.nan)
    with pytest.raises(Refused):
        growth.changes(nothing, PERIODS)
    with pytest.raises(Refused):
        growth.groups(nothing, "kept", "previous", "x")
    with pytest.raises(Refused):
        growth.triangle(triangle().assign(share=np.nan), "month")
    with pytest.raises(SchemaError):
        growth.triangle(triangle().drop(columns="finished"), "month")
