import os
import re
import warnings

import pandas as pd
import pytest
from IPython.utils.capture import capture_output
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from bankmkt import reports
from bankmkt.errors import ParameterError
from bankmkt.plots import theme
from bankmkt.reports import display


@pytest.fixture
def outputs(monkeypatch):
    """Collect what is displayed, as (data, metadata)."""
    found = []
    monkeypatch.setattr(display, "put", lambda data, metadata=None: found.append((data, metadata)))
    return found


def test_figure_is_shown_once_with_its_alternative_text(outputs):
    figure, axes = plt.subplots(1, 2, figsize=(4, 2))
    reports.show(axes, alt='AUM & "more" <doubles>')
    metadata = outputs[0][1]
    assert metadata["image/png"]["alt"] == 'AUM & "more" <doubles>'
    assert 300 < metadata["image/png"]["width"] < 400  # 4 inches less the margins, at 96 pixels an inch
    assert not plt.fignum_exists(figure.number)


def test_same_figure_same_bytes(outputs):
    for _ in range(2):
        axes = Figure().subplots()
        axes.plot([1, 2, 3])
        reports.show(axes, alt="rising")
    assert outputs[0] == outputs[1]


def test_a_chart_with_characters_of_no_font_says_so_once_and_does_not_warn(outputs):
    axes = Figure().subplots()
    axes.set_title("\U000f0000 \U000f0001")  # private characters, which no font has
    reports.show(axes, alt="boxes")
    figure, note = outputs
    assert "image/png" in figure[0]
    assert "no font on this machine" in note[0]["text/markdown"]


def test_other_warnings_of_a_chart_are_passed_on(outputs):
    class Complaining(Figure):
        def savefig(self, *arguments, **options):
            warnings.warn("look here", UserWarning, stacklevel=1)
            super().savefig(*arguments, **options)

    with pytest.warns(UserWarning, match="look here"):
        reports.show(Complaining(), alt="blank")
    assert len(outputs) == 1


def test_chinese_names_are_drawn_where_a_font_has_them(outputs):
    installed = set(font_manager.get_font_names())
    if not installed & set(theme.FONTS[1:]):
        if os.environ.get("CI") == "true":
            pytest.fail("no Chinese font; .ci/run installs fonts-noto-cjk")
        pytest.skip("no Chinese font here: install Noto Sans CJK SC")
    with theme.themed():
        axes = Figure().subplots()
        axes.set_title("北京分行：资产规模")
        reports.show(axes, alt="a branch in Beijing")
    assert len(outputs) == 1, "no note about boxes"


@pytest.mark.parametrize(("figure", "alt"), [(Figure(), " "), ("no figure", "text")])
def test_figure_without_words_or_sense_is_refused(figure, alt):
    with pytest.raises(ParameterError):
        reports.show(figure, alt=alt)


def test_table_escapes_what_comes_from_data(outputs):
    frame = pd.DataFrame({"branch_<i>": ["<script>alert(1)</script>"], "aum": [1234.5]})
    reports.table(frame, "<b>caption</b>")
    html = outputs[0][0]["text/html"]
    assert "<script" not in html
    assert "<b>caption" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;" in html
    assert "1,234.50" in html


def test_columns_of_quantities_are_flush_right_and_others_left(outputs):
    frame = pd.DataFrame({
        "name": ["a", "1b"], "month": ["2026-06", "2026-07"], "amount": ["4.21 billion", None],
        "change": ["−1.2%", "+3.0 points"], "n": [1, 2],
    })  # fmt: skip
    reports.table(frame)
    html = outputs[0][0]["text/html"]
    sides = re.findall(r'<th class="gt_col_heading gt_columns_bottom_border gt_(\w+)"', html)
    assert sides == ["left", "left", "right", "right", "right"]


def test_a_folded_table_shows_its_caption_and_escapes_it(outputs):
    reports.table(pd.DataFrame({"n": [1]}), "All <b>", folded=True)
    html = outputs[0][0]["text/html"]
    assert html.startswith("<details><summary>All &lt;b&gt;</summary>")
    assert html.endswith("</details>")


def test_zero_has_no_sign(outputs):
    frame = pd.DataFrame({"change": [0.04, -0.04, 1.0, -1.0], "when": ["2026-01-01"] * 4})
    reports.table(frame, formats={"change": "+.1f"})
    lines = [line.split() for line in outputs[0][0]["text/plain"].splitlines()[1:]]
    assert lines == [["0.0", "2026-01-01"], ["0.0", "2026-01-01"], ["+1.0", "2026-01-01"], ["−1.0", "2026-01-01"]]


def test_table_formats_by_type_and_by_wish(outputs):
    frame = pd.DataFrame({"n": [1234567, 8], "share": [0.25, None], "name": ["a", None], "x": [1.0, -2.345]})
    reports.table(frame, formats={"share": ".0%"}, labels={"n": "Customers"})
    html, plain = outputs[0][0]["text/html"], outputs[0][0]["text/plain"]
    for text in ("1,234,567", "25%", display.MISSING, "−2.35"):
        assert text in html
        assert text in plain
    assert ">Customers</th>" in html


def test_equal_tables_are_equal_bytes_and_others_differ(outputs):
    for n in (1, 1, 2):
        reports.table(pd.DataFrame({"n": [n]}))
    first, second, third = (data["text/html"] for data, _ in outputs)
    assert first == second != third


def test_table_names_a_column_it_does_not_have():
    with pytest.raises(ParameterError, match=r"'shar'.*columns of the table: share"):
        reports.table(pd.DataFrame({"share": [1]}), formats={"shar": ".0%"})


def test_sentence_escapes_values_but_not_itself(outputs):
    reports.say("**{name}** grew by {x:+.1%} [here](a.html)", name="<b>*South*_|", x=0.123)
    assert outputs[0][0]["text/markdown"] == "**&lt;b&gt;\\*South\\*\\_\\|** grew by +12.3% [here](a.html)"


def test_sentence_without_values_keeps_its_braces(outputs):
    reports.say("a {set} of {braces}")
    assert outputs[0][0]["text/plain"] == "a {set} of {braces}"


def test_outside_jupyter_the_plain_text_is_printed():
    with capture_output() as printed:
        reports.say("n = {n}", n=3)
    assert printed.stdout.strip() == "n = 3"
