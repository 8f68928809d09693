"""Figures of journeys, funnels and triggers say what their frames say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

import bankmkt as bm
from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.plots import funnels, journeys, themed

DAY = pd.Timestamp("2026-03-01")


@pytest.fixture(autouse=True)
def house():
    with themed():
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def log():
    """Forty see; thirty of them ask, twenty of these buy; two of the others leave, which is too few to be shown."""
    rows = [(n, 0, "see") for n in range(40)] + [(n, 1, "ask") for n in range(30)] + [(n, 3, "buy") for n in range(20)]
    rows += [(n, 2, "leave") for n in (30, 31)]
    return pd.DataFrame(rows, columns=["customer_id", "day", "event"]).assign(
        ts=lambda f: DAY + pd.to_timedelta(f.day, "D")
    )


def title(ax):
    return ax.get_title(loc="left").replace("\n", " ")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_flows(log):
    ax = journeys.flows(bm.funnel.journey_flows(log, 3, k=1), unit="visits")
    assert title(ax) == "40 visits: 100% begin with “see”; 50% are over within 2 steps"
    bands = {band.get_label() for band in ax.collections}
    assert {"_see to ask", "_ask to buy", "_see to (end)"} <= bands
    heights = {round(bar.get_height()) for bar in ax.patches}
    assert {40, 30, 20, 8, 2} <= heights
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["see", "ask", "buy", "leave", "(end)"]


def test_hidden_flows_are_said_to_be_missing(log):
    ax = journeys.flows(bm.funnel.journey_flows(log, 3, k=5))
    assert ax.get_xlabel() == "without the hidden moves"
    assert all(float(text.rstrip("%")) <= 100 for text in texts(ax))
    nothing = bm.funnel.journey_flows(log, 3, k=1).assign(journeys=np.nan)
    with pytest.raises(DataError, match="nothing to show"):
        journeys.flows(nothing)


def test_many_states_are_drawn_together():
    states = [f"s{n:02d}" for n in range(12)]
    frame = pd.DataFrame({"step": 1, "from": "s00", "to": states, "journeys": range(100, 112), "units": 1})
    ax = journeys.flows(frame)
    assert len(ax.get_legend().get_texts()) == len(journeys.COLOURS) + 1
    assert sum(bar.get_height() for bar in ax.patches) == 2 * frame.journeys.sum()


def test_transition_map(log):
    ax = journeys.transition_map(bm.funnel.transitions(log, k=1), names={"ask": "question"})
    assert title(ax) == "The most frequent move: “see” is followed by “question” 75% of the time (30 times)"
    assert [label.get_text() for label in ax.get_xticklabels()][-1] == "(end)"
    assert "75%" in texts(ax)
    hidden = journeys.transition_map(bm.funnel.transitions(log, k=5))
    assert "·" in texts(hidden)


def test_step_matrix(log):
    ax = journeys.step_matrix(bm.funnel.step_matrix(log, 3, k=1))
    assert title(ax) == "By step 3, 50% of the journeys are over"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["see", "ask", "leave", "buy", "(end)"]
    assert texts(ax).count("50%") == 2
    assert "·" in texts(journeys.step_matrix(bm.funnel.step_matrix(log, 3, k=5)))


def test_a_hidden_end_is_not_none():
    """Nine of 400 are over by the second step, which is hidden: that 0% are over would be wrong."""
    rows = [(n, 0, "see") for n in range(400)] + [(n, 1, "ask") for n in range(391)]
    log = pd.DataFrame(rows, columns=["customer_id", "day", "event"])
    log["ts"] = DAY + pd.to_timedelta(log.day, "D")
    hidden = bm.funnel.step_matrix(log, 2)
    assert hidden.suppressed.sum() == 2
    assert title(journeys.step_matrix(hidden)) == "At step 1, 100% of the journeys are at “see”"
    with pytest.raises(DataError, match="nothing to show"):
        journeys.step_matrix(hidden.assign(share=np.nan))
    moves = pd.DataFrame({
        "step": 1, "from": "see", "to": ["ask", "(end)", "call"], "journeys": [391, None, None], "units": 1
    })  # fmt: skip
    assert title(journeys.flows(moves)) == "391 journeys with moves that are shown: 100% begin with “see”"


def test_comparison(log):
    groups = pd.DataFrame({"customer_id": range(40), "group": [1] * 20 + [0] * 20})
    found = bm.funnel.compare_journeys(log, groups)
    ax = journeys.comparison(found, groups=("the others", "the first"))
    assert title(ax) == "2 of 2 moves set the first apart from the others, beyond chance"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["ask → buy", "see → ask"]
    with pytest.raises(DataError, match="nothing to compare"):
        journeys.comparison(found[:0])


def found(**columns):
    base = {"trigger": ["call", "mail_seen", "visit"], "lift": [3.0, 1.1, 9.0], "lift_lower": [2.0, 0.7, 1.1]}
    base |= {"lift_upper": [4.5, 1.7, 70.0], "own_ratio": [2.0, 1.0, np.nan], "own_ratio_lower": [1.5, 0.8, np.nan]}
    base |= {"own_ratio_upper": [2.5, 1.3, np.nan], "verdict": ["holds", "no more than chance", "holds"]}
    return pd.DataFrame(base | columns)


def test_lifts():
    ax = journeys.lifts(found(), names={"call": "a call"}, target="buy funds")
    best = "After “a call” customers buy funds 3.0 times as often as others (95% interval 2.0 to 4.5)"
    assert title(ax) == best  # not the visit, whose lift is larger by chance, it may be
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a call", "mail seen", "visit"]
    bars = [segment for lines in ax.collections for segment in lines.get_segments()]
    assert sorted(tuple(bar[:, 0]) for bar in bars if bar[0, 1] % 1 < 0.5) == [
        (0.8, 1.3),
        (1.5, 2.5),
    ]  # of the diamonds
    assert "others" not in ax.get_xlabel()  # the diamonds have another comparison
    assert (
        title(journeys.lifts(found(verdict="too few"), target="buy")) == "No trigger tells in later months who will buy"
    )
    with pytest.raises(DataError, match="too few"):
        journeys.lifts(found(lift=np.nan))


def test_stages_and_waits(log):
    study = bm.funnel(log, ["see", "ask", "buy"], within="10d", as_of="2026-03-05")
    ax = funnels.stages(study.steps, "visitors")
    assert title(ax) == "So far most are missing between “ask” and “buy”: 33%"
    assert texts(ax)[2] == "20  (50% of all, 67% of the step before)"
    assert ax.get_legend() is not None  # windows that are not over
    hidden = study.steps.assign(units=[40, np.nan, 20], rate_of_previous=[1, np.nan, np.nan], open_units=np.nan)
    ax = funnels.stages(hidden)
    assert texts(ax) == ["40", "hidden: too few, or too few lost", "20  (50% of all)"]
    assert title(ax).startswith("Which step loses most is hidden")
    with pytest.raises(DataError, match="every step hidden"):
        funnels.stages(study.steps.assign(units=np.nan))
    over = bm.funnel(log, ["see", "ask", "buy"], within="3d", as_of="2026-03-20").steps
    assert title(funnels.stages(over)) == "Most are lost between “ask” and “buy”: 33%"
    some = over.assign(open_units=[0, 0, 5], matured_units=[30, 15, 12])
    assert title(funnels.stages(some)) == "Of those whose time is over, most are lost between “see” and “ask”: 50%"
    ax = funnels.waits(study.times)
    assert title(ax) == "The longest wait is from “ask” to “buy”: 2.0 days in the middle case"
    assert texts(ax) == ["24 hours", "2.0 days", "3.0 days"]
    with pytest.raises(ParameterError, match="unit"):
        funnels.waits(study.times, unit="weeks")
    with pytest.raises(DataError, match="nobody went on"):
        funnels.waits(study.times.assign(median=np.nan))


def test_open_rates(log):
    late = log.assign(customer_id=log.customer_id + 100, ts=log.ts + pd.Timedelta(days=20), wave="late")
    both = pd.concat([log.assign(wave="early"), late[late.day < 3]])
    study = bm.funnel(both, ["see", "ask", "buy"], within="10d", as_of="2026-03-23", breakdown="wave")
    last = study.steps[study.steps.step == 3].reset_index(drop=True)
    ax = funnels.open_rates(
        last.assign(first_rate=[0.5, 0.4], first_rate_lower=0.3, first_rate_upper=0.6), "wave", "buys"
    )
    assert title(ax) == "late: 0.0% so far, but 40.0% to be expected of all, as 40 are still on their way"
    assert ax.get_ylabel() == "share that buys"
    few = last.assign(open_units=[0, np.nan], first_rate=[0.5, 0.4], first_rate_lower=0.3, first_rate_upper=0.6)
    assert title(funnels.open_rates(few, "wave")) == "How many are still on their way is hidden where they are few"
    assert title(funnels.open_rates(last[:1], "wave")) == "Nobody is still on their way: all three rates agree"


def test_other_frames_are_refused(log):
    for draw in (
        journeys.flows,
        journeys.transition_map,
        journeys.step_matrix,
        journeys.comparison,
        journeys.lifts,
        funnels.stages,
    ):
        with pytest.raises(SchemaError, match="no column"):
            draw(log)
