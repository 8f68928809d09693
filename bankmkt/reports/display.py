"""What a notebook shows: figures with alt text, tables for readers, sentences with computed numbers.

Everything that comes from data is escaped, so a branch called ``<script>`` stays a name.
"""

import hashlib
import html
import re
import warnings
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from string import Formatter
from typing import TYPE_CHECKING, Any

from bankmkt.errors import ParameterError
from bankmkt.names import MISSING, number

if TYPE_CHECKING:
    import pandas as pd
    from great_tables import GT

DPI = 160
_NO_GLYPH = r"Glyph \d+ .*missing from font"
_QUANTITY = re.compile(r"[+−]?\d+(?!\d*-\d)|–$")
"""How the text of a quantity begins (but not a day's), or the sign for none; columns of them are set flush right."""
_MARKDOWN = re.compile(r"([\\`*_\[\]()#|~$!])")
UNBROKEN = 16
"""Columns whose texts are no longer than this are not wrapped: dates, numbers, short names."""
ACRONYMS = ("aum", "atm", "ci", "nps", "rfm", "sms")


def show(figure: Any, alt: str) -> None:
    """Show a figure once, with alternative text for readers who cannot see it.

    Parameters
    ----------
    figure : matplotlib Figure, Axes or array of Axes
        What a plot function returned. The figure is closed afterwards.
    alt : str
        What the figure shows, in one sentence: the reading, not "a bar chart".

    Raises
    ------
    ParameterError
        If ``alt`` is empty or ``figure`` is no matplotlib figure.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> show(Figure().subplots(), alt="An empty chart.")
    <Figure: An empty chart.>
    """
    from matplotlib import pyplot as plt

    if not alt.strip():
        raise ParameterError("alt", alt, "a sentence that says what the figure shows", "pass alt='…'")
    first = figure.flat[0] if hasattr(figure, "flat") else figure
    canvas = first if hasattr(first, "savefig") else getattr(first, "figure", None)
    if canvas is None:
        raise ParameterError(
            "figure", type(figure).__name__, "a matplotlib Figure or Axes", "pass what the plot returns"
        )
    buffer = BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message=_NO_GLYPH)
        canvas.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    unreadable = any(re.match(_NO_GLYPH, str(warning.message)) for warning in caught)
    for warning in caught:
        if not re.match(_NO_GLYPH, str(warning.message)):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    width = round(int.from_bytes(buffer.getvalue()[16:20], "big") * 96 / DPI)  # IHDR: pixels → CSS pixels
    plt.close(canvas)
    data = {"image/png": b64encode(buffer.getvalue()).decode(), "text/plain": f"<Figure: {alt}>"}
    put(data, {"image/png": {"alt": alt, "width": width}})
    if unreadable:
        say("*Boxes stand for characters that no font on this machine has. Install one, such as Noto Sans CJK SC.*")


def table(
    frame: "pd.DataFrame | GT",
    caption: str = "",
    *,
    formats: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    folded: bool = False,
) -> None:
    """Show a frame as a table for readers.

    Parameters
    ----------
    frame : pandas.DataFrame or great_tables.GT
        A frame is shown column by column without its index; a ``GT`` is shown as it is.
    caption : str
        Title above the table.
    formats : mapping of column name to Python format
        For example ``{"share": ".1%", "change": "+,.0f"}``. Otherwise whole numbers get thousands
        separators and other numbers two decimals. Minus signs are true ones, and zero has none.
    labels : mapping of column name to heading
        Otherwise the name with spaces for underscores.
    folded : bool
        Whether only the caption is seen until the reader opens it; for long tables.

    Examples
    --------
    >>> import pandas as pd
    >>> table(pd.DataFrame({"branch": ["<b>"], "share": [0.5]}), formats={"share": ".0%"})
    branch share
       <b>   50%
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        put({"text/html": _fixed_id(frame.as_raw_html()), "text/plain": caption or "<table>"})
        return
    unknown = sorted(map(str, {*(formats or {}), *(labels or {})} - set(frame.columns)))
    if unknown:
        columns = f"columns of the table: {', '.join(map(str, frame.columns))}"
        raise ParameterError("formats or labels", unknown, columns, "correct the names, or leave them out")
    text = _as_text(frame, formats or {})
    headings = {name: (labels or {}).get(name, words(str(name))) for name in frame.columns}
    page = _as_html(frame, text, "" if folded else caption, headings)
    if folded:
        page = f"<details><summary>{html.escape(caption)}</summary>{page}</details>"
    put({"text/html": page, "text/plain": text.to_string(index=False)})


def say(text: str, **values: Any) -> None:
    """Show a sentence in which every number is computed.

    Parameters
    ----------
    text : str
        Markdown; ``{name}`` or ``{name:,.0f}`` stands for a value. Without values it is shown as it is.
    **values
        Text values are escaped: they can neither bring markup nor break it.

    Examples
    --------
    >>> say("**{name}** has {n:,} customers.", name="North <1>", n=1234)
    **North &lt;1&gt;** has 1,234 customers.
    """
    shown = _Escaping().vformat(text, (), values) if values else text
    put({"text/markdown": shown, "text/plain": shown})


def put(data: Mapping[str, str], metadata: Mapping[str, Any] | None = None) -> None:
    """Display one output given as MIME type → text; outside Jupyter its plain text is printed."""
    from IPython.display import display

    display(_Output(dict(data), dict(metadata or {})))


@dataclass(frozen=True)
class _Output:
    data: dict[str, str]
    metadata: dict[str, Any]

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        return self.data, self.metadata

    def __repr__(self) -> str:
        return self.data["text/plain"]


class _Escaping(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        text = format(value, format_spec)
        return html.escape(_MARKDOWN.sub(r"\\\1", text)) if isinstance(value, str) else text


def words(name: str) -> str:
    """Turn a column's or figure's name into words.

    Examples
    --------
    >>> words("long_tail_share"), words("median_aum")
    ('Long tail share', 'Median AUM')
    """
    text = " ".join(word.upper() if word in ACRONYMS else word for word in name.split("_"))
    return text[:1].upper() + text[1:]


def _as_text(frame: "pd.DataFrame", formats: Mapping[str, str]) -> "pd.DataFrame":
    import pandas as pd

    def render(column: "pd.Series") -> "pd.Series":
        default = {"i": ",", "u": ",", "f": ",.2f"}.get(getattr(column.dtype, "kind", "O"), "")
        spec = formats.get(str(column.name), default)
        signed = getattr(column.dtype, "kind", "O") in "iuf"
        texts = [MISSING if pd.isna(v) else number(v, spec) if signed else format(v, spec) for v in column]
        return pd.Series(texts, index=column.index, dtype="object")

    return pd.DataFrame({name: render(frame[name]) for name in frame.columns})


def _as_html(frame: "pd.DataFrame", text: "pd.DataFrame", caption: str, headings: Mapping[str, str]) -> str:
    import pandas as pd
    from great_tables import GT, loc, style

    numbers = [
        name
        for name in frame.columns
        if pd.api.types.is_numeric_dtype(frame[name]) or all(map(_QUANTITY.match, text[name].drop_duplicates()))
    ]
    words = [name for name in frame.columns if name not in numbers]
    shown = (
        GT(text)
        .cols_label(cases=dict(headings))
        .tab_options(
            table_font_size="14px",
            table_margin_left="0px",
            table_border_top_style="none",
            table_border_bottom_style="none",
            heading_align="left",
            heading_title_font_size="15px",
            heading_title_font_weight="600",
            heading_border_bottom_style="none",
            column_labels_border_top_style="none",
            column_labels_font_weight="600",
        )
    )
    if numbers:
        shown = shown.cols_align("right", columns=numbers)
    if words:
        shown = shown.cols_align("left", columns=words)
    short = [name for name in frame.columns if all(len(value) <= UNBROKEN for value in text[name])]
    if short and len(text):
        shown = shown.tab_style(style.css("white-space: nowrap;"), loc.body(columns=short))
    if caption:
        shown = shown.tab_header(title=caption)
    return _fixed_id(shown.as_raw_html())


def _fixed_id(text: str) -> str:
    """Replace the table's random id by one that follows from the content, so that equal tables are equal bytes."""
    found = re.search(r'<div id="(\w+)"', text)
    if found is None:
        return text
    return text.replace(found[1], "t" + hashlib.sha256(text.replace(found[1], "").encode()).hexdigest()[:10])
