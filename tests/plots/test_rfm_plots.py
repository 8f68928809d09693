import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from bankmkt import plots
from bankmkt.errors import ParameterError
from bankmkt.plots import rfm as figures
from bankmkt.segments import rfm_cells

mpl.use("agg")


@pytest.fixture(autouse=True)
def _theme():
    with plots.themed():
        yield
    plt.close("all")


def grid_frame():
    cells = rfm_cells(5)
    frame = cells[cells.f == cells.m].rename(columns={"r": "recency_level", "f": "value_level"}).reset_index(drop=True)
    customers = np.linspace(10, 250, 25)
    money = customers * np.where(frame.segment == "champions", 1000.0, 1.0)
    return frame.drop(columns="m").assign(
        customers=customers,
        share=customers / customers.sum(),
        monetary_share=money / money.sum(),
        monetary_per_customer=money / customers,
        suppressed=False,
    )


def hide(frame, *segments):
    rows = frame.segment.isin(segments)
    values = {
        name: frame[name].mask(rows) for name in ("customers", "share", "monetary_share", "monetary_per_customer")
    }
    return frame.assign(**values, suppressed=rows)


def title(ax):
    return " ".join(ax.get_title(loc="left").split())


def test_the_grid_shows_every_cell_and_segment():
    frame = grid_frame()
    ax = figures.grid(frame)
    texts = [text.get_text().replace("\n", " ") for text in ax.texts]
    assert texts[:25] == [plots.quantity(share, "share") for share in frame.share]
    assert sorted(texts[25:]) == sorted(name.capitalize() for name in frame.segment.unique())
    shares = frame[frame.segment == "champions"][["share", "monetary_share"]].sum()
    share, money = (plots.quantity(value, "share") for value in shares)
    assert title(ax) == f"Champions: {share} of customers bring {money} of the money"


def test_labels_keep_to_their_cells():
    ax = figures.grid(grid_frame(), "monetary_per_customer")
    ax.figure.canvas.draw()
    inside = ax.get_window_extent()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert all(inside.x0 <= box.x0 and box.x1 <= inside.x1 and box.y1 <= inside.y1 for box in boxes)
    assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


def test_hidden_cells_say_so_and_are_not_claimed():
    frame = hide(grid_frame(), "champions")
    ax = figures.grid(frame)
    assert [text.get_text() for text in ax.texts].count("hidden") == 2
    assert "Champions" not in title(ax)
    everything = hide(frame, *frame.segment.unique())
    assert title(figures.grid(everything)) == "Every segment is too small to be shown"


def test_without_shares_of_money_the_largest_segment_is_named():
    ax = figures.grid(grid_frame().assign(monetary_share=np.nan))
    assert title(ax).startswith("Potential loyalists is the largest segment shown: ")


def test_segments_are_bars_in_their_order():
    frame = grid_frame().groupby("segment", sort=False)[["share", "monetary_share"]].sum().reset_index()
    ax = figures.segments(frame.assign(suppressed=frame.segment == "at risk"))
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == [f"{s.capitalize()}{' (hidden)' if s == 'at risk' else ''}" for s in frame.segment]
    assert title(ax).startswith("Champions: ")


def test_an_axes_given_is_used_and_a_wrong_value_named():
    _, ax = plt.subplots()
    assert figures.grid(grid_frame(), "customers", ax=ax) is ax
    with pytest.raises(ParameterError, match="value = 'money'"):
        figures.grid(grid_frame(), "money")


def test_another_frame_is_named():
    summary = grid_frame().drop(columns=["recency_level", "value_level"])
    with pytest.raises(ParameterError, match=r"frame = .*pass RFM\.grid\(\)"):
        figures.grid(summary)
    for other in (rfm_cells(5), "grid"):  # not the shares of segments
        with pytest.raises(ParameterError, match=r"frame = .*pass RFM\.summary\(\)"):
            figures.segments(other)
