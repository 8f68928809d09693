"""The key figures of a report: written by a notebook's ``results`` cell, read by the index page and by nbval."""

import datetime as dt
import html
import json
import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from bankmkt.errors import DataError, ParameterError
from bankmkt.reports.display import put, words

DIGITS = 4
"""Significant digits a figure keeps: enough to read, few enough to agree between machines."""

Figure = int | float | str | bool | None


def record(**figures: Any) -> None:
    """Record a report's key figures; the last line of the cell tagged ``results``.

    The figures are rounded and shown as JSON, which nbval compares and the index page lists in this order.

    Parameters
    ----------
    **figures
        Numbers, texts, dates, booleans or None, each under a plain name. Fractional numbers keep
        4 significant digits; whole numbers are kept. Names that end in ``_share`` or ``_rate`` are
        shown as per cent, those that end in ``_yuan`` as money.

    Raises
    ------
    ParameterError
        If there are no figures, or one is not a single value.

    Examples
    --------
    >>> record(customers=20_000, long_tail_share=0.80123456)
    {
      "customers": 20000,
      "long_tail_share": 0.8012
    }
    """
    if not figures:
        raise ParameterError("figures", {}, "at least one figure", "call reports.record(customers=…)")
    kept = {name: _kept(name, value) for name, value in figures.items()}
    rows = "".join(
        f"<tr><th>{html.escape(title(n))}</th><td>{html.escape(shown(n, v))}</td></tr>" for n, v in kept.items()
    )
    data = {
        "text/html": f'<table class="bankmkt-figures">{rows}</table>',
        "text/plain": json.dumps(kept, indent=2, ensure_ascii=False, allow_nan=False),
    }
    put(data)


def recorded(notebook: Mapping[str, Any]) -> dict[str, Figure]:
    """Read the figures that an executed notebook recorded.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        As read by :func:`nbformat.read`.

    Returns
    -------
    dict
        Name → value, in the notebook's order; empty when no cell is tagged ``results``.

    Raises
    ------
    DataError
        If the tagged cell has no recorded figures.
    """
    for cell in notebook["cells"]:
        if "results" in cell["metadata"].get("tags", ()):
            for output in cell.get("outputs", ()):
                text = output.get("data", {}).get("text/plain", "")
                if text.startswith("{"):
                    return dict(json.loads(text))
            raise DataError("the cell tagged results", None, "figures", "end it with reports.record(name=value)")
    return {}


def title(name: str) -> str:
    """Turn a figure's name into words.

    Examples
    --------
    >>> title("long_tail_share"), title("aum_yuan")
    ('Long tail share', 'AUM')
    """
    return words(name.removesuffix("_yuan"))


def shown(name: str, value: Figure) -> str:
    """Render a figure for readers.

    Examples
    --------
    >>> shown("customers", 20000), shown("long_tail_share", 0.8012), shown("aum_yuan", 1.25e9)
    ('20,000', '80.1%', '1,250,000,000 yuan')
    """
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if name.endswith(("_share", "_rate")):
        return f"{value:.1%}".replace("-", "−")
    unit = " yuan" if name.endswith("_yuan") else ""
    decimals = 0 if isinstance(value, int) or abs(value) >= 1000 else 2
    return f"{value:,.{decimals}f}{unit}".replace("-", "−")


def _kept(name: str, value: Any) -> Figure:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dt.date):
        return value.isoformat()
    if type(value).__name__ == "bool":  # numpy's
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return float(f"{number:.{DIGITS}g}") + 0.0 if math.isfinite(number) else None
    raise ParameterError(name, value, "a number, text, date, boolean or None", "record one figure a name")
