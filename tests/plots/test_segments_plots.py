import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from bankmkt import plots
from bankmkt.errors import DataError, ParameterError
from bankmkt.plots import segments

mpl.use("agg")

STATES = ["new", "growing", "mature", "declining", "dormant", "lost", "returned"]
TIERS = ["under 50,000", "50,000 – 500,000", "0.5 – 6 million", "from 6 million"]
GROUPS = ["state sector", "companies", "own account", "others"]


@pytest.fixture(autouse=True)
def _theme():
    with plots.themed():
        yield
    plt.close("all")


def cells():
    frame = pd.DataFrame(itertools.product(STATES, TIERS, GROUPS), columns=["state", "tier", "occupation_group"])
    frame["customers"] = 10.0 + np.arange(112)
    frame["aum"], frame["contribution"] = 1e6 * frame.customers, 1e4 * frame.customers
    frame["came"], frame["left"] = 30.0, 20.0 + np.arange(112) / 2
    frame["suppressed"] = frame.index == 5
    frame.loc[5, ["customers", "aum", "contribution", "came", "left"]] = np.nan
    return frame


def texts(ax):
    """Return what is written in each cell: (column, row) → text."""
    return {tuple(map(round, text.get_position())): text.get_text() for text in ax.texts}


@pytest.mark.parametrize(
    ("value", "text"), [("customers", "65"), ("aum", "65m"), ("contribution", "650k"), ("net", "−18")]
)
def test_each_cell_stands_where_its_state_and_tier_say(value, text):
    frame = cells()
    panels = segments.matrix(frame, value)
    assert [ax.get_title(loc="left") for ax in panels.flat] == ["State sector", "Companies", "Own account", "Others"]
    ax = panels.flat[3]
    row = frame[(frame.state == "declining") & (frame.tier == TIERS[1]) & (frame.occupation_group == "others")].iloc[0]
    assert row.customers == 65
    assert [t.get_text() for t in ax.get_xticklabels()] == STATES
    assert [t.get_text() for t in panels[1, 0].get_yticklabels()] == TIERS
    assert texts(ax)[3, 1] == text
    assert texts(panels.flat[1])[0, 1] == "·"


def test_the_claim_is_the_largest_cell_shown():
    title = segments.matrix(cells(), "customers")[0, 0].figure.get_suptitle().replace("\n", " ")
    assert title.startswith("Most customers of those shown: 121 in “returned, from 6 million, others”")
    net = segments.matrix(cells(), "net")[0, 0].figure.get_suptitle().replace("\n", " ")
    assert "−46 customers in “returned, from 6 million, others”" in net


def test_groups_without_customers_have_no_panel():
    frame = cells()
    frame.loc[frame.occupation_group != "others", ["customers", "aum", "contribution", "came", "left"]] = 0
    panels = segments.matrix(frame.assign(suppressed=False))
    assert [ax.get_title(loc="left") for ax in panels.flat if ax.get_visible()] == ["Others"]


def test_frames_that_show_nothing_are_refused():
    with pytest.raises(ParameterError, match="value = 'people'"):
        segments.matrix(cells(), "people")
    with pytest.raises(DataError, match="every cell hidden"):
        segments.matrix(cells().assign(customers=np.nan))


def tried(chosen=3):
    frame = pd.DataFrame({"groups": [2, 3, 4], "silhouette": [0.3, 0.4, 0.2], "cloud_silhouette": [0.2, 0.19, 0.18]})
    frame["overlap"] = [0.9, 0.85, 0.4]
    return frame.assign(agreement=0.8, agreement_low=0.7, agreement_high=0.9, believed=[True, True, False]).assign(
        chosen=frame.groups == chosen
    )


def test_the_choice_shows_both_measures_and_what_is_chosen():
    ax = segments.choice(tried())
    assert (
        ax.get_title(loc="left").replace("\n", " ")
        == "3 groups are the finest division that comes again, on average (overlap 0.85)"
    )
    lines = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    assert lines["least overlap with groups of customers drawn anew"] == [0.9, 0.85, 0.4]
    assert lines["silhouette: how far groups are apart"] == [0.3, 0.4, 0.2]
    assert lines["silhouette of slices without groups"] == [0.2, 0.19, 0.18]
    assert "No number of groups is believed" in segments.choice(tried(chosen=0)).get_title(loc="left").replace(
        "\n", " "
    )


def kinds():
    frame = pd.DataFrame(itertools.product([1, 2, 3], ["AUM", "age"]), columns=["cluster", "label"])
    frame["name"] = frame.cluster.map({1: "older", 2: "rich", 3: "few"})
    frame["difference"] = [0.2, 1.5, -0.4, -1.8, np.nan, np.nan]
    return frame.assign(suppressed=frame.cluster == 3)


def test_differences_are_written_by_group_and_trait():
    ax = segments.differences(kinds())
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1: older", "2: rich"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Age", "AUM"]
    assert texts(ax) == {(0, 0): "+1.5", (1, 0): "−1.8", (0, 1): "+0.2", (1, 1): "−0.4"}
    title = ax.get_title(loc="left").replace("\n", " ")
    assert title == "Group 2 (rich): age is 1.8 standard deviations below the others"
    with pytest.raises(DataError, match="no groups to show"):
        segments.differences(kinds().assign(suppressed=True))


def liked(number=14):
    """Where preferences gather, the strongest first."""
    rng = np.random.default_rng(2)
    share = rng.uniform(0.05, 0.2, number)
    there = share * np.linspace(4, 1.5, number)
    return pd.DataFrame({
        "preference": [f"p{i}" for i in range(number)], "share": share, "segment": "x", "state": "growing",
        "tier": "under 50,000", "occupation_group": "state sector", "customers": 200.0, "share_there": there,
        "ci_lower": there - 0.03, "ci_upper": there + 0.04, "times": there / share,
    })  # fmt: skip


def test_preferences_stand_at_their_shares():
    frame = liked()
    ax = segments.preferences(frame, {"p0": "Gold <fan>"})
    labels = [tick.get_text() for tick in ax.get_yticklabels()][::-1]
    assert labels[0].startswith("Gold <fan>\ngrowing")
    assert [label.split("\n")[0] for label in labels[1:]] == [f"p{i}" for i in range(1, 12)]
    drawn = {line.get_marker(): np.asarray(line.get_xdata(), dtype=float)[::-1] for line in ax.lines}
    np.testing.assert_allclose(drawn["o"], frame.share_there[:12])
    np.testing.assert_allclose(drawn["D"], frame.share[:12])
    assert "“Gold <fan>” is at least 4.0 times as common" in ax.get_title("left").replace("\n", " ")
    with pytest.raises(DataError, match="no preference"):
        segments.preferences(frame.iloc[:0], {})
