import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from bankmkt import plots
from bankmkt.errors import ParameterError, Refused, SchemaError
from bankmkt.plots import lifecycle, wording

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


def curves(cohorts=9, by="opened_quarter"):
    rows = pd.DataFrame(
        itertools.product([f"2024-Q{i}" for i in range(cohorts)], range(24)), columns=["cohort", "months"]
    )
    return rows.assign(
        by=by, from_month=0, customers_at_risk=100, retained=0.98 ** (rows.months + 1),
        ci_lower=0.97 ** (rows.months + 1), ci_upper=0.99 ** (rows.months + 1), complete=rows.cohort < "2024-Q8",
        suppressed=False,
    )  # fmt: skip


def late():
    frame = curves(2, "is_payroll").assign(from_month=55, months=lambda f: f.months + 55)
    return frame.assign(cohort=frame.cohort.map({"2024-Q0": "false", "2024-Q1": "true"}))


def chances():
    frame = moves()[lambda f: f["from"] != "outside"].rename(columns={"customers": "moves"})
    frame["probability"] = frame.moves / frame.groupby("from").moves.transform("sum")
    return frame


def hide(frame, columns, rows=slice(3)):
    at = frame.index[rows]
    frame.loc[at, columns] = np.nan
    frame.loc[at, "suppressed"] = True
    return frame


def skewed():
    """Fourteen groups, of which the last, at the bottom, has nearly everybody."""
    frame = moves([f"segment {i}" for i in range(11)])
    return frame.assign(customers=frame.customers.where(frame["from"] == frame["to"], 10.0).mask(
        (frame["from"] == "segment 0") & (frame["to"] == "segment 0"), 1e5))  # fmt: skip


SHARES = ["customers_at_risk", "retained", "ci_lower", "ci_upper"]
MONEY = ["customers", "aum_before", "aum_after"]
DRAWN = {
    "moves": (lifecycle.migration, moves, (), "most often from mature to declining (900)"),
    "money": (lifecycle.migration, moves, ("aum",), "customers moved; what they and the others shown hold changed by"),
    "hidden moves": (lifecycle.migration, lambda: hide(moves(), MONEY), (), "– 3 moves are hidden and left out"),
    "two segments": (lifecycle.migration, lambda: moves(["$a <b>", "b"]).iloc[[2, 5]], (), "Nobody moved"),
    "many groups": (lifecycle.migration, lambda: moves([f"segment {i}" for i in range(14)]), (), "most often from"),
    "one large group": (lifecycle.migration, lambda: skewed(), (), "most often from"),
    "curves": (lifecycle.retention, curves, (), "61.6% of those who opened in 2024-Q0 are still there after 24 months"),
    "hidden points": (
        lifecycle.retention,
        lambda: hide(curves(1), SHARES, slice(5, 24)),
        (),
        "after 5 months (19 points hidden)",
    ),
    "late entry": (
        lifecycle.retention,
        late,
        (),
        "61.6% of those of customers (is payroll: no) seen after 55 months are still there after 79",
    ),
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


@pytest.mark.parametrize("value", ["customers", "aum"])
def test_bars_and_bands_are_as_wide_as_what_moved(value):
    """On the left what the movers had, on the right what they have: of each bar, and of each band by its move."""
    frame = moves(["a", "b", "c"])
    frame["aum_after"] = frame.aum_before * [1.5, 0.5, 2, 3, 0.1, 1, 1, 0.3, 5, 1, 1, 2] + 7e4
    ax = lifecycle.migration(frame, value)
    columns = ("customers", "customers") if value == "customers" else ("aum_before", "aum_after")
    for side, (end, column) in enumerate(zip(("from", "to"), columns, strict=True)):
        bars = [bar for bar in ax.patches if bar.get_x() + bar.get_width() / 2 == pytest.approx(side)]
        expected = frame.groupby(end)[column].sum()
        expected = expected[expected > 0]
        np.testing.assert_allclose(sorted(bar.get_height() for bar in bars), sorted(expected))
        labels = [t for t in ax.texts if (t.get_position()[0] > 0.5) == bool(side)]
        assert sorted(t.get_text().split("  ")[0].lower() for t in labels) == sorted(expected.index)
        named = {t.get_text().split("  ")[0].lower(): t.get_text() for t in labels}
        unit = "customers" if value == "customers" else "yuan"
        for state, size in expected.items():
            assert named[state].endswith(wording.quantity(size, unit))
    bands = {band.get_label(): band.get_paths()[0].vertices for band in ax.collections}
    assert len(bands) == len(frame)
    for move in frame.to_dict("records"):
        points = bands[f"_{move['from']} to {move['to']}"]
        for x, column in enumerate(columns):
            assert np.ptp([at for there, at in points if there == x]) == pytest.approx(move[column])


def test_bands_meet_the_bars_of_their_states():
    frame = moves(["a", "b"])
    ax = lifecycle.migration(frame)
    names = {"outside": 0, "a": 1, "b": 2}
    for side, end in enumerate(("from", "to")):
        bars = sorted((b for b in ax.patches if b.get_x() + b.get_width() / 2 == pytest.approx(side)),
                      key=lambda b: -b.get_y())  # fmt: skip
        states = sorted(set(frame[end]), key=names.get)
        for state, bar in zip(states, bars, strict=True):
            moved = [f"_{a} to {b}" for a, b in zip(frame["from"], frame["to"], strict=True)
                     if (a, b)[side] == state]  # fmt: skip
            inside = [y for band in ax.collections if band.get_label() in moved
                      for x, y in band.get_paths()[0].vertices if x == side]  # fmt: skip
            assert min(inside) == pytest.approx(bar.get_y())
            assert max(inside) == pytest.approx(bar.get_y() + bar.get_height())


def test_the_smallest_of_many_groups_are_drawn_together():
    frame = moves([f"segment {i}" for i in range(14)])
    ax = lifecycle.migration(frame)
    right = [t.get_text().split("  ")[0] for t in ax.texts if t.get_position()[0] > 0.5]
    assert len(right) == 11  # outside is on the left only
    assert "All others" in right
    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(2 * frame.customers.sum())
    order = [int(name.split()[1]) for name in right if name != "All others"]
    assert order == sorted(order, reverse=True)  # drawn from below: 2 is above 10


def test_nobody_from_outside_has_no_label_of_no_money():
    texts = [t.get_text() for t in lifecycle.migration(moves(), "aum").texts]
    assert not any("Outside" in text or "0.00" in text for text in texts)


def test_hidden_moves_are_in_no_figure_and_the_axis_says_so():
    ax = lifecycle.migration(hide(moves(), MONEY))
    assert ax.get_xlabel() == "without the hidden moves"


def test_curves_run_from_all_to_the_share_after_each_month():
    frame = hide(curves(2), SHARES, slice(5, 8))
    ax = lifecycle.retention(frame)
    for (cohort, rows), line, band in zip(frame.groupby("cohort"), ax.lines, ax.collections, strict=True):
        assert line.get_label() == cohort
        shown = rows.dropna()
        assert line.get_drawstyle() == ("steps-post" if len(shown) == len(rows) else "default")
        x, y = line.get_data()
        np.testing.assert_array_equal(x, [0, *(shown.months + 1)])
        np.testing.assert_array_equal(y, [1, *shown.retained])  # straight between the points shown
        points = np.concatenate([path.vertices for path in band.get_paths()])
        for row in shown.iloc[:-1].itertuples():
            there = {round(at, 12) for month, at in points if month == row.months + 1}
            assert {round(row.ci_lower, 12), round(row.ci_upper, 12)} <= there
    legend = ax.get_legend()
    assert legend.get_title().get_text() == "quarter of opening"


def test_curves_say_by_what_and_since_when():
    ax = lifecycle.retention(late())
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["no", "yes"]
    assert ax.get_legend().get_title().get_text() == "is payroll"
    assert "a period estimate" in ax.get_xlabel()
    assert all(line.get_xdata()[0] == 55 for line in ax.lines)
    texts = [t.get_text() for t in lifecycle.retention(curves()).get_legend().get_texts()]
    assert [text for text in texts if "not over" in text] == ["2024-Q8 (not over)"]


def test_chances_stand_where_they_belong():
    """A row per state left, a column per state reached."""
    frame = hide(chances(), ["probability"], slice(10, 12))
    ax = lifecycle.transitions(frame)
    rows = [t.get_text() for t in ax.get_yticklabels()]
    columns = [t.get_text() for t in ax.get_xticklabels()]
    assert rows == columns == STATES
    cells = {(rows[round(t.get_position()[1])], columns[round(t.get_position()[0])]): t.get_text() for t in ax.texts}
    image = ax.images[0].get_array()
    for row in frame.to_dict("records"):
        key = (row["from"], row["to"])
        assert cells[key] == ("hidden" if row["suppressed"] else f"{100 * row['probability']:.1f}%")
        shade = 0.0 if row["suppressed"] else row["probability"]
        assert image[rows.index(key[0]), columns.index(key[1])] == pytest.approx(shade)


@pytest.mark.parametrize(("draw", "make", "column"), [
    (lifecycle.migration, moves, "aum_after"), (lifecycle.retention, curves, "from_month"),
    (lifecycle.transitions, chances, "to"),
])  # fmt: skip
def test_wrong_frames_are_named(draw, make, column):
    with pytest.raises(SchemaError, match=f"the frame has no column = '{column}': expected the frame of bankmkt"):
        draw(make().drop(columns=column))
    with pytest.raises(SchemaError, match="the frame has no column"):
        draw(None)


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
