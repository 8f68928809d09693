import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from bankmkt import plots
from bankmkt.errors import ParameterError
from bankmkt.plots import health, tables, usage
from bankmkt.segments.history import COLUMNS

mpl.use("agg")

LONG = "Branch for Small Merchants at the Old Harbour <b>$1,000 & more</b>"


@pytest.fixture(autouse=True)
def _theme():
    with plots.themed():
        yield
    plt.close("all")


def month_frame(months=24):
    index = pd.date_range("2024-07-31", periods=months, freq="ME").date
    rng = np.random.default_rng(1)
    aum = 4e9 * np.exp(rng.normal(0.01, 0.01, months).cumsum())
    return pd.DataFrame({"month": index, "aum": aum, "active_share": np.linspace(0.3, 0.4, months), "closed": np.nan})


def group_frame():
    names = ["under 50,000", "50,000 – 500,000", "500,000 – 6 million", "6 million and more"]
    frame = pd.DataFrame({"dimension": "wealth tier", "group": names, "share": [0.8, 0.15, np.nan, np.nan]})
    return frame.assign(aum_share=[0.05, 0.3, np.nan, np.nan], suppressed=[False, False, True, True])


def branch_frame(count=77, name=LONG):
    aum = np.linspace(9e8, 1e6, count)
    frame = pd.DataFrame({"org_id": range(count), "branch": [f"{name} {i}" for i in range(count)], "aum": aum})
    change = np.linspace(-12, 30, count)
    return frame.assign(aum_change_month_pct=change, aum_change_year_pct=np.nan, suppressed=False)


def product_frame():
    names = ["demand", "time_deposit", "card_balance", "metal"]
    frame = pd.DataFrame({"product": names, "side": ["asset", "asset", "debt", "asset"]})
    return frame.assign(penetration=[1.0, 0.4, 0.3, np.nan], suppressed=[False, False, False, True])


def channel_frame():
    frame = pd.DataFrame({"dimension": "channel", "group": ["auto", "app", "third_party", "mini_programme"]})
    return frame.assign(
        share=[0.5, 0.3, 0.2, np.nan], transactions_change_month_pct=[9, 8, -7, np.nan], suppressed=[False] * 3 + [True]
    )


def activity_frame():
    months = month_frame().month
    platforms = ["all", "app", "mini_programme", "web", "wechat"]
    parts = [pd.DataFrame({"month": months, "platform": p, "share": 0.4 / (i + 1)}) for i, p in enumerate(platforms)]
    return pd.concat(parts, ignore_index=True)


def hour_frame():
    grid = pd.MultiIndex.from_product([range(7), range(24)], names=["weekday", "hour"]).to_frame(index=False)
    logins = 10.0 + grid.hour * 3 + grid.weekday
    return grid.assign(logins=logins.where(grid.hour != 3), logins_per_day=(logins / 4).where(grid.hour != 3))


def flow_frame():
    flows = ["opened", "closed", "transfer_in", "salary", "bill", "transfer_out", "other", "change of aum"]
    frame = pd.DataFrame({"flow": flows, "unit": ["customers"] * 2 + ["yuan"] * 6})
    return frame.assign(value=[10, 5, 1.4e8, 3e7, np.nan, -1.3e8, 0.0, 4e7])


def change_frame(count=15):
    rows = {name: 0.0 for name in COLUMNS}
    frame = pd.DataFrame([rows] * count).assign(series=[f"{LONG} {i}" for i in range(count)], indicator="AUM")
    frame = frame.assign(dimension="branch", group=frame["series"], statement="")
    change = np.linspace(40, -5, count)
    return frame.assign(change_pct=change, usual_low_pct=-2.0, usual_high_pct=3.0, unusual=change > 30)


DRAWN = {
    "trend": (health.trend, month_frame, ("aum", "yuan"), "AUM: 5.23 billion yuan, +2.0% on last month"),
    "trend of shares": (health.trend, month_frame, ("active_share", "share of customers"), "Active share: 40.0%"),
    "trend without values": (
        health.trend,
        month_frame,
        ("closed", "customers"),
        "Customers who left: the latest month is hidden, or not known",
    ),
    "trend of one month": (health.trend, lambda: month_frame(1), ("aum", "yuan"), "AUM: "),
    "groups": (
        health.groups,
        group_frame,
        ("wealth tier",),
        "Wealth tier under 50,000: 80.0% of customers hold 5.0%",
    ),
    "branches": (health.branches, branch_frame, ("aum", "yuan"), "(the 20 largest of 77)"),
    "changes": (health.branches, branch_frame, ("aum_change_month_pct",), "AUM on last month: "),
    "no changes": (health.branches, branch_frame, ("aum_change_year_pct",), "nothing to compare with"),
    "one branch": (health.branches, lambda: branch_frame(1, "Only"), ("aum", "yuan"), "AUM: Only 0 900 million yuan"),
    "products": (
        health.products,
        product_frame,
        (),
        "100.0% of customers hold demand deposits, 30.0% credit card debt (most and least of those shown)",
    ),
    "channels": (
        health.channels,
        channel_frame,
        ("channel",),
        "What customers use most of those shown: app, 30.0% of transactions (+8.0% on last month)",
    ),
    "no channel": (
        health.channels,
        lambda: channel_frame().assign(share=np.nan, suppressed=True),
        ("channel",),
        "There are no transactions that can be shown",
    ),
    "a product that is hidden": (
        health.products,
        lambda: product_frame().assign(penetration=[np.nan, 0.996, np.nan, np.nan]),
        (),
        "99.6% of customers hold time deposits",
    ),
    "everybody is active": (
        usage.activity,
        lambda: activity_frame().query("platform == 'all'").assign(share=1.0),
        (),
        "100.0% of customers were active",
    ),
    "activity is hidden": (
        usage.activity,
        lambda: activity_frame().assign(share=np.nan),
        (),
        "How many customers were active in the month is hidden",
    ),
    "activity": (usage.activity, activity_frame, (), "40.0% of customers were active in the month"),
    "hours": (usage.hours, hour_frame, (), "Of the hours shown, logins peak on Sun at 23:00"),
    "flows": (
        health.flows,
        flow_frame,
        (),
        "AUM rose by 40.0 million yuan; transfer in brought most of those shown, transfer out took most of those shown",
    ),
    "stands out": (health.stands_out, change_frame, (), "4 of 15 series moved beyond"),
    "a bank of three": (health.stands_out, lambda: change_frame(3).assign(unusual=False), (), "None of 3 series"),
}


def texts(ax):
    """Return every text that is seen, but for those of the colour bar."""
    seen = [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
    low, high = sorted(ax.get_ylim())
    seen += [t for t, at in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True) if low <= at <= high]
    low, high = sorted(ax.get_xlim())
    seen += [t for t, at in zip(ax.get_xticklabels(), ax.get_xticks(), strict=True) if low <= at <= high]
    if ax.get_legend():
        seen += ax.get_legend().get_texts()
    return [t for t in seen if t.get_text().strip() and t.get_visible()]


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
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts(ax)]
    assert boxes
    for text, box in boxes:
        assert figure.bbox.x0 - 1 <= box.x0 < box.x1 <= figure.bbox.x1 + 1, text
        assert figure.bbox.y0 - 1 <= box.y0 < box.y1 <= figure.bbox.y1 + 1, text
    for i, (text, box) in enumerate(boxes):
        for other, there in boxes[:i]:
            assert not box.padded(-1).overlaps(there.padded(-1)), (text, other)


def test_figures_go_into_the_axes_given():
    _, ax = plt.subplots()
    assert health.trend(month_frame(), "aum", "yuan", ax) is ax
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize(
    ("draw", "frame", "argument"),
    [
        (health.trend, month_frame(), "profit"),
        (health.groups, group_frame(), "star sign"),
        (health.branches, branch_frame(), "branch"),
        (health.channels, channel_frame(), "weather"),
    ],
)
def test_unknown_columns_are_named(draw, frame, argument):
    with pytest.raises(ParameterError, match=f"{argument}.*one of"):
        draw(frame, *([argument, "yuan"] if draw is health.trend else [argument]))


def test_no_share_axis_goes_beyond_the_whole():
    for ax in (
        health.products(product_frame()),
        usage.activity(activity_frame().query("platform == 'all'").assign(share=1.0)),
    ):
        axis = ax.xaxis if ax.get_ylabel() == "" else ax.yaxis
        ticks = [axis.get_major_formatter()(at, 0) for at in axis.get_ticklocs()]
        assert ticks[-1] == "100%"
        low, high = sorted(axis.get_view_interval())
        assert low <= axis.get_ticklocs()[0]
        assert high > 1, "the line or bar of the whole is not cut"


def test_cells_without_logins_are_hatched_not_white():
    assert usage.hours(hour_frame()).patch.get_hatch()


def test_headline_reads_as_text():
    frame = pd.DataFrame({
        "indicator": ["aum", "aum_per_head", "active_share", "customers"],
        "unit": ["yuan", "yuan per customer", "share of customers", "customers"],
        "value": [4.2e9, 2.1e5, 0.4, 20_000], "last_month": [4e9, 2e5, 0.41, 20_000],
        "last_year": np.nan, "change_month_pct": [5.0, 5.0, -1.0, 0.0], "change_year_pct": np.nan,
    })  # fmt: skip
    assert tables.headline(frame).to_numpy().tolist() == [
        ["AUM, yuan", "4.20 billion", "4.00 billion", "+5.0%", "–", "–"],
        ["AUM per head, yuan", "210 thousand", "200 thousand", "+5.0%", "–", "–"],
        ["Active share", "40.0%", "41.0%", "−1.0 points", "–", "–"],
        ["Customers", "20,000", "20,000", "0.0%", "–", "–"],
    ]


def test_a_table_says_what_its_dashes_mean():
    frame = pd.DataFrame({"n": [20, 30]})
    assert tables.dashes(frame, 10) == "Nothing in this table is hidden."
    hidden = "– is hidden: fewer than 12 customers, or all but fewer than 12; or not known; or nothing to compare with."
    assert tables.dashes(frame.assign(n=["–", "30"]), 12) == tables.dashes(frame.assign(n=np.nan), 12) == hidden


def test_the_verdict_counts():
    frame = pd.DataFrame({"unusual": [True, True, False], "statement": ["East: AUM fell", "", ""]})
    frame = frame.assign(dimension="branch", group="East", series="East")
    assert tables.verdict(frame) == "2 of 3 series stand out, above all: East: AUM fell."
    assert tables.verdict(frame.assign(unusual=False)).startswith("Nothing stands out: none of 3 series")
    assert tables.verdict(frame[:0]).startswith("What stands out cannot be told yet")


def test_contract_names_are_read_in_words():
    rows = [("product", "card_balance"), ("occupation", "public_sector"), ("branch", "pos_1"), ("channel", "pos")]
    frame = pd.DataFrame(rows, columns=["dimension", "group"])
    frame["series"] = ["product card_balance", "occupation public_sector", "branch pos_1", "channel pos"]
    frame = frame.assign(statement=frame["series"] + ": rose")
    words = ["product credit card debt", "occupation public sector", "branch pos_1", "channel card in a shop (POS)"]
    assert tables.named(frame)["series"].tolist() == words
    assert tables.named(frame)["statement"].tolist() == [f"{name}: rose" for name in words]
    ax = health.stands_out(
        change_frame(4).assign(dimension=frame["dimension"], group=frame["group"], series=frame["series"])
    )
    assert ax.get_yticklabels()[0].get_text() == "product credit card debt: AUM"
    groups = group_frame().assign(dimension="occupation").replace({"under 50,000": "public_sector"})
    assert "Occupation public sector: " in health.groups(groups, "occupation").get_title("left")


def test_the_most_is_claimed_of_all_only_where_all_are_shown():
    whole = branch_frame(3, "B")
    assert "the most; " in health.branches(whole).get_title("left").replace("\n", " ")
    part = whole.assign(aum=whole.aum.mask(whole.index == 1), suppressed=whole.index == 1)
    title = health.branches(part).get_title("left").replace("\n", " ")
    assert "the most of those shown; " in title
    assert title.endswith("the least of those shown")
