"""Figures and tables of the platform view and of monitoring: claims, what is withheld or hidden, wrong frames."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from bankmkt.errors import DataError, SchemaError
from bankmkt.plots import monitor, platform

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close():
    from matplotlib import pyplot as plt

    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before


def title(ax):
    return ax.get_title().replace("\n", " ")


def week(values):
    grid = pd.MultiIndex.from_product([range(1, 8), range(24)], names=["weekday", "hour"]).to_frame(index=False)
    return grid.assign(per_hour=values)


def campaigns(truth=True):
    return pd.DataFrame({
        "campaign": ["card_offer", "open_days", "total"], "contacts": [10, 0, 10], "participants": [40, 20, 60],
        "cost": [100.0, 50.0, 150.0], "budget": [90.0, 60.0, 150.0], "attributed_value": [300.0, np.nan, np.nan],
        "incremental_value": [150.0, np.nan, 150.0], "incremental_lower": [110.0, np.nan, 110.0],
        "incremental_upper": [190.0, np.nan, 190.0], "true_value": [140.0, 1.0, 141.0] if truth else np.nan,
        "attributed_roi": [2.0, np.nan, np.nan], "roi": [0.5, np.nan, 0.5], "roi_lower": [0.1, np.nan, 0.1],
        "roi_upper": [0.9, np.nan, 0.9], "p_value": [0.014, np.nan, 0.014],
        "true_roi": [0.4, -0.98, 0.4] if truth else np.nan,
        "withheld": ["", "they chose", "1 of 2"],
    })  # fmt: skip


def test_the_heat_map_names_the_busiest_and_the_quietest_hour():
    values = np.full(168, 5.0)
    values[[24 * 2 + 20, 24 * 6 + 3]] = 80.0, 1.0
    ax = platform.heat(week(values))
    assert "Wednesday at 20:00 with 80.0" in title(ax)
    assert "Sunday at 3:00 with 1.0" in title(ax)
    values[0] = np.nan
    assert "of those shown" in title(platform.heat(week(values)))


def test_a_week_without_views_is_refused():
    with pytest.raises(DataError, match="no page views"):
        platform.heat(week(np.full(168, np.nan)))


def test_returns_show_what_is_withheld_and_the_truth_only_where_known():
    ax = platform.returns(campaigns())
    assert title(ax) == (
        "Of 1 campaign whose effect can be told 1 pays by what is put down to them, "
        "1 beyond chance by what they changed"
    )
    assert [text.get_text() for text in ax.texts].count("withheld") == 1
    assert "truth" in ax.get_legend_handles_labels()[1]
    assert "truth" not in platform.returns(campaigns(truth=False)).get_legend_handles_labels()[1]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["card offer", "open days", "total"]


def test_an_interval_above_zero_among_many_is_not_beyond_chance():
    many = campaigns().assign(p_value=[0.06, np.nan, 0.014])
    assert "none beyond chance" in platform.returns_claim(many)
    assert platform.returns_claim(many.assign(roi=np.nan)).endswith("what they changed is not told")


def test_tables_write_intervals_and_dashes():
    table = platform.returns_table(campaigns())
    assert table["incremental_value"].tolist() == ["150 (110 to 190)", "–", "150 (110 to 190)"]
    assert table["roi"].iloc[0] == "+50% (+10% to +90%)"
    assert table["true_roi"].tolist() == ["+40%", "−98%", "+40%"]
    assert "true_roi" not in platform.returns_table(campaigns(truth=False))


def test_the_view_in_two_tables():
    names = (
        "page_views",
        "visitors",
        "users",
        "new_users",
        "campaign_views",
        "clicks",
        "joins",
        "conversions",
        "shares",
    )
    counts = {name: [1200.0, np.nan] for name in names}
    rates = {f"{name}{end}": [0.25, np.nan] for end in ("", "_lower", "_upper")
             for name in ("click_rate", "join_rate", "conversion_rate", "share_rate", "mean_seconds")}  # fmt: skip
    frame = pd.DataFrame({"org_id": [1, 2], "org": ["East_1", "total"], **counts, **rates, "median_seconds": 20.0})
    frame = frame[["org_id", "org", "visitors", *frame.columns.drop(["org_id", "org", "visitors"])]]
    frame = frame.assign(suppressed=[False, True])
    view, told = platform.view_table(frame), platform.rate_table(frame)
    assert list(view)[:2] == ["org", "page_views"]
    assert view["page_views"].tolist() == ["1,200", "–"]
    assert told["click_rate"].tolist() == ["25.0% (25.0% to 25.0%)", "–"]


def replayed():
    hour = pd.date_range("2026-03-02", periods=24 * 14, freq="h")
    frame = pd.DataFrame({"hour": hour, "count": 6.0, "part": 2.0, "expected": 6.0, "expected_part": 2.0, "clump": 1.0,
                          "wide": 0.02, "watched": True, **dict.fromkeys(monitor.KINDS, 0.1)})  # fmt: skip
    alert = {"kind": "outage", "began": hour[40], "raised": hour[43], "last": hour[50], "hours": 11, "size": 0.0}
    return frame, pd.DataFrame([alert])


def test_a_replay_shades_its_alerts_and_leaves_out_few_events():
    hours, alerts = replayed()
    hours.loc[24:47, ["count", "part"]] = 0.0
    hours.loc[24:26, "count"] = 1.0
    panels = monitor.replay(hours, alerts, ("views", "clicks per view"), k=10)
    assert len(panels) == 3
    assert "1 alert in 2.0 weeks; the longest: outage, noticed 3 March 19:00" in title(panels[0])
    seen = panels[0].lines[0].get_ydata()
    assert np.isnan(seen[1])
    assert seen[0] == 144
    assert all(len(ax.patches) == 1 for ax in panels)


def test_a_replay_in_which_nothing_was_watched_is_refused():
    hours, alerts = replayed()
    with pytest.raises(DataError, match="watched"):
        monitor.replay(hours.assign(watched=False), alerts, ("views", "clicks per view"))


def test_alerts_and_delays_for_readers():
    _, alerts = replayed()
    table = monitor.alert_table(alerts)
    assert table.iloc[0].tolist() == ["Outage", "3 March 16:00", "3 March 19:00", 11, "0%"]
    delays = pd.DataFrame({"kind": ["surge"], "size": [3.0], "median_hours": [4.0], "longest_hours": [np.nan]})
    assert monitor.delay_table(delays).iloc[0].tolist() == [
        "Surge", "300% of what was expected", "4 hours", "not within this time",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "draw", [platform.heat, platform.returns, platform.view_table, platform.rate_table, platform.session_table,
             platform.returns_table, monitor.alert_table, monitor.delay_table],
)  # fmt: skip
def test_a_wrong_frame_is_named(draw):
    with pytest.raises(SchemaError, match="has no column"):
        draw(pd.DataFrame({"colour": [1]}))
