import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from bankmkt import plots
from bankmkt.errors import ParameterError, Refused
from bankmkt.plots import lifecycle

mpl.use("agg")

STATES = ["prospect", "new", "growing", "mature", "declining", "dormant", "lost", "returned"]


@pytest.fixture(autouse=True)
def _theme():
    with plots.themed():
        yield
    plt.close("all")


def moves(states=STATES):
    rng = np.random.default_rng(1)
    rows = [(a, b, float(rng.integers(20, 400))) for a, b in itertools.product(["outside", *states], states)]
    frame = pd.DataFrame(rows, columns=["from", "to", "customers"])
    frame.loc[(frame["from"] == "mature") & (frame["to"] == "declining"), "customers"] = 900
    frame["aum_before"] = frame.customers.where(frame["from"] != "outside", 0) * 1e4
    frame["aum_after"] = 1.5e4 * frame.customers.where(frame["to"] != "lost", 0)
    return frame.assign(suppressed=False)


def curves(cohorts=9):
    rows = pd.DataFrame(
        itertools.product([f"2024-Q{i}" for i in range(cohorts)], range(24)), columns=["cohort", "months"]
    )
    return rows.assign(
        customers_at_risk=100, retained=0.98**rows.months, ci_lower=0.96**rows.months, ci_upper=1.0, suppressed=False
    )


def chances():
    frame = moves()[lambda f: f["from"] != "outside"].rename(columns={"customers": "moves"})
    frame["probability"] = frame.moves / frame.groupby("from").moves.transform("sum")
    return frame


def hide(frame, columns, rows=slice(3)):
    at = frame.index[rows]
    frame.loc[at, columns] = np.nan
    frame.loc[at, "suppressed"] = True
    return frame


MONEY = ["customers", "aum_before", "aum_after"]
DRAWN = {
    "moves": (lifecycle.migration, moves, (), "most often from mature to declining (900)"),
    "money": (lifecycle.migration, moves, ("aum",), "customers moved; what they and the others shown hold changed by"),
    "hidden moves": (lifecycle.migration, lambda: hide(moves(), MONEY), (), "– 3 moves are hidden and left out"),
    "two segments": (lifecycle.migration, lambda: moves(["$a <b>", "b"]).iloc[[2, 5]], (), "Nobody moved"),
    "curves": (lifecycle.retention, curves, (), "62.8% of 2024-Q0 are still there after 24 months"),
    "hidden points": (lifecycle.retention, lambda: hide(curves(1), ["retained"], slice(5, 24)), (), "after 5 months"),
    "chances": (lifecycle.transitions, chances, (), "of mature customers are declining the month after"),
    "hidden chances": (lifecycle.transitions, lambda: hide(chances(), ["probability"]), (), "The likeliest move"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_figures_are_whole_and_legible(name):
    draw, make, arguments, claim = DRAWN[name]
    frame = make()
    before = frame.copy()
    ax = draw(frame, *arguments)
    pd.testing.assert_frame_equal(frame, before)
    assert claim in ax.get_title("left").replace("\n", " ")
    figure = ax.figure
    figure.canvas.draw()
    seen = [
        t for t in (*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels(), ax._left_title) if t.get_text().strip()
    ]
    low, high = sorted(ax.get_ylim())
    ticks = [t for t, at in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True) if not low <= at <= high]
    low, high = sorted(ax.get_xlim())
    ticks += [t for t, at in zip(ax.get_xticklabels(), ax.get_xticks(), strict=True) if not low <= at <= high]
    boxes = [(t.get_text(), t.get_window_extent()) for t in seen if t not in ticks]
    for i, (text, box) in enumerate(boxes):
        assert figure.bbox.x0 - 1 <= box.x0 < box.x1 <= figure.bbox.x1 + 1, text
        assert figure.bbox.y0 - 1 <= box.y0 < box.y1 <= figure.bbox.y1 + 1, text
        for other, there in boxes[:i]:
            assert not box.padded(-1).overlaps(there.padded(-1)), (text, other)


def test_bars_and_bands_are_as_wide_as_the_moves():
    frame = moves(["a", "b"])
    ax = lifecycle.migration(frame)
    sizes = sorted(bar.get_height() for bar in ax.patches)
    expected = [*frame.groupby("from").customers.sum(), *frame.groupby("to").customers.sum()]
    np.testing.assert_allclose(sizes, sorted(expected))
    assert len(ax.collections) == len(frame)
    starts = [np.ptp([y for x, y in band.get_paths()[0].vertices if x == 0]) for band in ax.collections]
    np.testing.assert_allclose(sorted(starts), sorted(frame.customers))


def test_figures_go_into_the_axes_given():
    for draw, make, *_ in (DRAWN[name] for name in ("moves", "curves", "chances")):
        _, ax = plt.subplots()
        assert draw(make(), ax=ax) is ax
    assert len(plt.get_fignums()) == 3


def test_nothing_to_show_is_said():
    with pytest.raises(ParameterError, match=r"value = 'profit': expected one of customers, aum"):
        lifecycle.migration(moves(), "profit")
    for draw, make, columns in (
        (lifecycle.migration, moves, MONEY), (lifecycle.retention, curves, ["retained"]),
        (lifecycle.transitions, chances, ["probability"]),
    ):  # fmt: skip
        with pytest.raises(Refused, match="nothing that can be shown"):
            draw(hide(make(), columns, slice(None)))
