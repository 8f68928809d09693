import logging
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager
from matplotlib import pyplot as plt

from bankmkt import plots
from bankmkt.plots import theme, wording

mpl.use("agg")


@pytest.fixture(autouse=True)
def _clean():
    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mpl.MatplotlibDeprecationWarning)
        mpl.rcParams.update(before)


def test_the_theme_is_a_call_and_can_be_undone():
    before = mpl.rcParams["axes.grid"], mpl.rcParams["font.family"]
    with plots.themed():
        assert mpl.rcParams["axes.grid"] is True
        assert mpl.rcParams["image.cmap"] == "cividis"
    assert (mpl.rcParams["axes.grid"], mpl.rcParams["font.family"]) == before
    plots.use_theme()
    assert mpl.rcParams["axes.spines.top"] is False


def test_only_installed_fonts_are_asked_for():
    with plots.themed():
        assert set(mpl.rcParams["font.family"]) <= set(font_manager.get_font_names())
        assert mpl.rcParams["font.family"][0] == "DejaVu Sans"


def test_drawing_raises_no_font_complaint(caplog):
    with plots.themed(), caplog.at_level(logging.WARNING, "matplotlib"):
        ax = theme.axes(None)
        theme.claim(ax, "Largest: 12 − 3 ± 1%")
        ax.figure.canvas.draw()
    assert not caplog.records


def test_colours_differ_in_lightness_or_hue():
    """Any two differ by at least 40 in CIE luminance × 255 or 60 in a channel."""
    colours = [theme.BLUE, theme.ORANGE, theme.GREEN, theme.SKY, theme.VERMILION, theme.PURPLE, theme.YELLOW]
    rgb = np.array([mpl.colors.to_rgb(c) for c in colours]) * 255
    light = rgb @ [0.2126, 0.7152, 0.0722]
    for i in range(len(rgb)):
        for j in range(i):
            assert abs(light[i] - light[j]) >= 40 or np.abs(rgb[i] - rgb[j]).max() >= 60


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "yuan", "0.00 yuan"),
        (999.6, "yuan", "1.00 thousand yuan"),
        (12_345, "yuan", "12.3 thousand yuan"),
        (-5_000_000, "CZK", "−5.00 million CZK"),
        (123_456_789_012, "yuan", "123 billion yuan"),
        (4_123_456_789_012, "yuan", "4,123 billion yuan"),
        (0.05, "share of customers a year", "5.0%"),
        (1_234_567, "customers", "1,234,567"),
        (2.5, "logins per active customer", "2.50"),
        (float("nan"), "yuan", "–"),
        (None, "customers", "–"),
        (-0.001, "yuan", "0.00 yuan"),
        (999_999, "yuan", "1.00 million yuan"),
    ],
)
def test_quantities(value, unit, text):
    assert wording.quantity(value, unit) == text


def test_differences():
    assert wording.difference(0.41, 0.40, "share of customers") == "+1.0 points"
    assert wording.difference(90, 100, "customers") == "−10.0%"
    assert wording.difference(5e6, -1e6, "yuan") == "+6.00 million yuan"
    assert wording.difference(-5e6, -1e6, "yuan") == "−4.00 million yuan"


def test_alt_text_of_bars_months_one_and_none():
    bars = pd.Series({"North": 0.5, "South": np.nan, "West": 0.2})
    assert (
        wording.alt_text("Share", bars, "share")
        == "Share, 2 values: largest of those shown North, 50.0%; smallest West, 20.0%."
    )
    months = pd.Series([1e6, 3e6, 2e6], index=pd.to_datetime(["2026-01-31", "2026-02-28", "2026-03-31"]))
    text = wording.alt_text("AUM", months, "yuan")
    assert text.startswith("AUM, month by month: 1.00 million yuan in 2026-01 and 2.00 million yuan in 2026-03;")
    assert text.endswith("lowest 1.00 million yuan in 2026-01, highest 3.00 million yuan in 2026-02.")
    assert wording.alt_text("Change", pd.Series({"North": 1.5}), "%") == "Change: North, +1.5%."
    assert wording.alt_text("AUM", bars * np.nan, "yuan") == "AUM: no values can be shown."


def test_axes_read_in_their_unit():
    _, ax = plt.subplots()
    assert theme.unit_axis(ax.yaxis, 4.2e9, "yuan") == "billion yuan"
    assert ax.yaxis.get_major_formatter()(3.5e9, 0) == "3.5"
    theme.percent_axis(ax.xaxis)
    assert ax.xaxis.get_major_formatter()(-0.125, 0) == "−12.5%"
    theme.percent_axis(ax.xaxis, of=100)
    assert ax.xaxis.get_major_formatter()(12.5, 0) == "12.5%"
    assert theme.unit_axis(ax.xaxis, 20_000, "customers") == "customers"
    assert ax.xaxis.get_major_formatter()(20_000, 0) == "20,000"
    assert theme.unit_axis(ax.yaxis, 2.0, "products per customer") == "products per customer"


def test_titles_break_into_even_lines_and_money_signs_stay():
    ax = theme.axes(None)
    theme.claim(ax, "one two three four five six seven eight nine ten eleven twelve th")
    first, second = (ax.get_title("left") or ax.get_title()).split("\n")
    assert abs(len(first) - len(second)) < 10
    theme.claim(ax, "$5 and $6")
    ax.figure.canvas.draw()
