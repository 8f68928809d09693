import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from bankmkt import plots
from bankmkt.plots import tags as draw

mpl.use("agg")


@pytest.fixture(autouse=True)
def _theme():
    with plots.themed():
        yield
    plt.close("all")


FAMILIES = pd.DataFrame({"family": ["risk", "life scenarios"], "tags": [18, 38], "without_data": [2, 0]})
TELLING = pd.DataFrame({
    "group": ["under 50,000", "under 50,000", "$a <b>"],
    "name": ["App asleep", "Young professional", "Has a relationship manager"],
    "share": [0.3, 0.2, 0.95],
    "share_all": [0.25, 0.15, 0.05],
    "points": [5.0, 5.0, 90.0],
    "points_lower": [1.0, 2.0, 80.0],
    "points_upper": [9.0, 8.0, 94.0],
})  # fmt: skip
SUMMARY = pd.DataFrame({
    "campaign_id": [1] * 3 + [2] * 2,
    "campaign": ["growth_journey"] * 3 + ["wealth_newcomer"] * 2,
    "status": ["joined", "may join", "may not join", "may join after a task", "may not join"],
    "share": [0.04, 0.21, 0.75, np.nan, 0.9],
})  # fmt: skip
DRAWN = {
    "families": (draw.families, FAMILIES, "54 of 56 tags have data in this bank"),
    "telling": (
        draw.telling,
        TELLING,
        r"Has a relationship manager: 95.0% of the group \$a <b>, 5.0% of all customers",
    ),
    "eligibility": (draw.eligibility, SUMMARY, "growth journey: 21.0% of customers may join or could after a task"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_figures_are_whole_and_say_what_they_show(name):
    make, frame, claim = DRAWN[name]
    before = frame.copy()
    ax = make(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert ax.get_title("left").replace("\n", " ") == claim
    assert ax.get_xlabel()
    ax.figure.canvas.draw()
    width, height = ax.figure.canvas.get_width_height()
    for text in [*ax.texts, *ax.get_yticklabels(), ax.title, ax.xaxis.label]:
        box = text.get_window_extent()
        assert box.x0 >= -1, text.get_text()
        assert box.x1 <= width + 1, text.get_text()
        assert box.y1 <= height + 1, text.get_text()


def test_the_interval_is_that_of_the_lead():
    """It lies around the group's share, as far from that of all customers as the lead may be."""
    ax = draw.telling(TELLING)
    _leads, intervals = (c for c in ax.collections if hasattr(c, "get_segments"))
    ends = [segment[:, 0].tolist() for segment in intervals.get_segments()]
    assert ends == [pytest.approx(pair) for pair in ([0.26, 0.34], [0.17, 0.23], [0.85, 0.99])]


def test_bars_add_up_and_hidden_parts_are_hatched():
    ax = draw.eligibility(SUMMARY)
    ends = {}
    for bar in ax.patches:
        row = round(bar.get_y() + bar.get_height() / 2)
        ends[row] = max(ends.get(row, 0), bar.get_x() + bar.get_width())
    assert ends == {0: pytest.approx(1.0), 1: pytest.approx(1.0)}
    (hatched,) = [bar for bar in ax.patches if bar.get_hatch()]
    assert (hatched.get_x(), hatched.get_width()) == (pytest.approx(0.9), pytest.approx(0.1))
    assert "0%" not in {text.get_text() for text in ax.texts}
    bars = draw.families(FAMILIES).patches
    assert [bar.get_width() for bar in bars] == [16, 38, 2, 0]


def test_a_claim_never_rests_on_what_is_hidden():
    """Of the second campaign, some of those who may join are hidden: its share is not known, and not claimed."""
    rows = pd.concat([SUMMARY, SUMMARY.tail(1).assign(status="may join", share=0.5)])
    assert draw.eligibility(rows).get_title("left").replace("\n", " ").startswith("growth journey: 21.0%")
    assert draw.eligibility(SUMMARY.tail(2)).get_title("left") == "How many may join is hidden"


def test_two_campaigns_of_one_name_are_two_bars():
    ax = draw.eligibility(SUMMARY.assign(campaign="spring"))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["spring (1)", "spring (2)"]


def test_nothing_to_show_is_an_empty_figure():
    draw.telling(TELLING.head(0)).figure.canvas.draw()
    draw.eligibility(SUMMARY.head(0)).figure.canvas.draw()
