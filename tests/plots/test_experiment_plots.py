"""Figures of experiments say what their frames say."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from bankmkt.errors import ParameterError
from bankmkt.plots import experiments as draw
from bankmkt.plots import use_theme


@pytest.fixture(autouse=True)
def theme():
    from matplotlib import pyplot as plt

    with mpl.rc_context():
        mpl.use("agg")
        use_theme()
        yield
    plt.close("all")


def effects(*estimates, se=0.01):
    frame = pd.DataFrame({"metric": [f"metric_{n}" for n in range(len(estimates))], "estimate": estimates, "se": se})
    frame["ci_lower"], frame["ci_upper"] = frame["estimate"] - 1.96 * se, frame["estimate"] + 1.96 * se
    return frame.assign(p_adjusted=np.where(frame["estimate"].abs() > 2 * se, 0.01, 0.5))


def title(ax):
    return ax.get_title(loc="left").replace("\n", " ")


def test_lifts_name_what_stands_out():
    ax = draw.lifts(effects(0.001, -0.04), "share", share=True)
    assert title(ax).startswith("1 of 2 effects stand out from chance; clearest metric 1: −4.0 points (−6.0 to −2.0)")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Metric 0", "Metric 1"]
    assert (
        title(draw.lifts(effects(0.04), "share", share=True))
        == "Metric 0: +4.0 points (+2.0 to +6.0), more than chance"
    )
    assert title(draw.lifts(effects(0.001), "share")) == "No effect stands out from chance among 1"


def test_lifts_colour_what_the_title_counts():
    """An interval that leaves 0 out is grey, and not counted, where the corrected p says that it may be chance."""
    frame = effects(0.03, 0.05).assign(p_adjusted=[0.2, 0.01])
    ax = draw.lifts(frame, "share")
    dots = {line.get_xdata()[0]: line.get_color() for line in ax.lines if line.get_marker() == "o"}
    assert dots[0.03] != dots[0.05]
    assert title(ax).startswith("1 of 2 effects stand out")


def test_lifts_of_groups_say_what_is_true_of_each():
    """Slopes that are both far from 0 and hardly differ stand out, both of them."""
    from bankmkt.experiment import dose_by

    rng = np.random.default_rng(1)
    people = pd.DataFrame({"rate": rng.choice([4.0, 6.0, 8.0], 6000), "new": rng.random(6000) < 0.5})
    people["took"] = rng.random(6000) < 0.6 - (0.04 + 0.002 * people["new"]) * people["rate"]
    by = dose_by(people, "took", "rate", ["new"])
    assert by["p_same_adjusted"].min() > 0.05
    assert title(draw.lifts(by, "points", what="group")).startswith("2 of 2 effects stand out")


def test_lifts_draw_the_truth_and_skip_what_is_withheld():
    frame = effects(0.04, 0.02).assign(truth=[0.05, 0.0])
    frame.loc[1, ["estimate", "ci_lower", "ci_upper"]] = np.nan
    ax = draw.lifts(frame, "share")
    (diamonds,) = [line for line in ax.lines if line.get_marker() == "D"]
    assert list(diamonds.get_xdata()) == [0.05]
    with pytest.raises(ParameterError, match="no estimate"):
        draw.lifts(frame[1:], "share")


def test_needed_says_how_customers_grow():
    ax = draw.needed(pd.DataFrame({"effect": [0.01, 0.02], "customers": [8000, 2000]}), at_hand=3000)
    assert title(ax) == "An effect 2 times smaller takes 4 times as many customers"
    assert ax.get_legend().get_texts()[0].get_text() == "at hand: 3,000"


def looked(**first):
    frame = pd.DataFrame({"arm": "a", "customers": [1000, 2000, 3000], "estimate": 0.02})
    for name, reach in (("naive", 0.01), ("always", 0.03), ("spending", 0.04)):
        frame[f"{name}_lower"], frame[f"{name}_upper"] = 0.02 - reach, 0.02 + reach
        frame[name] = frame["customers"] >= first.get(name, 9999)
    return frame


def test_watched_says_when_zero_is_left_out():
    ax = draw.watched(looked(naive=1000, always=3000), "points", share=True)
    assert title(ax) == (
        "0 is first left out by the naive interval: at 1,000 customers; by one that allows looking: at 3,000 customers"
    )
    assert title(draw.watched(looked(naive=1000), "points")).endswith("by one that allows looking: never")
    assert title(draw.watched(looked(), "points")) == "0 is left out at no look, by no interval"
    with pytest.raises(ParameterError, match="one arm"):
        draw.watched(pd.concat([looked(), looked().assign(arm="b")]), "points")


def test_chances_name_a_winner_only_if_sure():
    found = pd.DataFrame({"arm": ["mail", "control"], "p_best": [0.97, 0.03]})
    sure = draw.chances(found, 0.95)
    assert title(sure) == "Mail is the best arm with 97.0%: enough to name a winner"
    assert title(draw.chances(found, 0.975)).endswith("97.0%: not the 97.5% it takes to name a winner")


def test_levels_draw_means_with_their_intervals():
    ax = draw.levels(
        pd.DataFrame({"arm": ["low", "high"], "mean": [0.08, 0.07], "ci_lower": 0.06, "ci_upper": 0.1}),
        "took", "claim", share=True,
    )  # fmt: skip
    assert title(ax) == "claim"
    assert {text.get_text() for text in ax.texts} == {"8.0%", "7.0%"}
