"""How numbers and names read, in text, tables and figures alike: "12.3%", "−1.2%", "0.0%", "4.21 billion yuan"."""

import math
from typing import TYPE_CHECKING

from bankmkt.names import MISSING, WORDS

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ("customers", "transactions")
_SCALES = ((1e9, "billion "), (1e6, "million "), (1e3, "thousand "), (1.0, ""))
_WORDS = WORDS | {
    "aum_per_head": "AUM per head", "change of aum": "change of AUM", "active": "active customers",
    "opened": "customers who joined", "closed": "customers who left",
}  # fmt: skip


def words(name: str) -> str:
    """Turn a name of the contract, of an indicator, product, channel or kind, into words.

    Examples
    --------
    >>> words("aum_per_head"), words("active_share"), words("metal"), words("Head office")
    ('AUM per head', 'active share', 'precious metals', 'Head office')
    """
    return _WORDS.get(name, name.replace("_", " "))


def hidden(k: int) -> str:
    """Say what a hidden figure is about.

    Examples
    --------
    >>> hidden(10)
    'hidden: fewer than 10 customers, or all but fewer than 10'
    """
    return f"hidden: fewer than {k} customers, or all but fewer than {k}"


def quantity(value: float | None, unit: str = "") -> str:
    """Write a number with its unit, as a reader would say it.

    Parameters
    ----------
    value : float
        Missing values read as a dash.
    unit : str
        ``"share …"`` for fractions (shown as per cent), ``"customers"`` or ``"transactions"`` for counts,
        ``"… per customer"`` of products or logins; everything else is money.

    Examples
    --------
    >>> quantity(3_214_567_890, "yuan"), quantity(-48_250.5, "yuan per customer"), quantity(0.8123, "share")
    ('3.21 billion yuan', '−48.3 thousand yuan per customer', '81.2%')
    >>> quantity(20_000, "customers"), quantity(2.512, "products per customer"), quantity(None, "yuan")
    ('20,000', '2.51', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if unit.startswith("share"):
        text = f"{100 * value:.1f}%"
    elif unit in COUNTS:
        text = f"{value:,.0f}"
    elif unit.startswith(("products per", "logins per")):
        text = f"{value:.2f}"
    else:
        size, prefix = scale(value)
        part = value / size
        text = f"{part:,.{max(0, 3 - len(str(int(abs(part)))))}f} {prefix}{unit}".rstrip()
    return _signed(text)


def change(value: float | None, unit: str = "%") -> str:
    """Write a change with its sign: per cent, or ``"points"`` for percentage points.

    Examples
    --------
    >>> change(1.234), change(-0.04, "points"), change(None)
    ('+1.2%', '0.0 points', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    return _signed(f"{value:+,.1f}{'' if unit == '%' else ' '}{unit}")


def compared(month: float, year: float, unit: str = "%") -> str:
    """Write in brackets a change on last month and one on last year, as far as they are known.

    Examples
    --------
    >>> compared(0.2, 3.4), compared(-1, float("nan"), "points"), compared(float("nan"), float("nan"))
    (' (+0.2% on last month, +3.4% on last year)', ' (−1.0 points on last month)', '')
    """
    known = [
        f"{change(value, unit)} on last {name}" for value, name in ((month, "month"), (year, "year")) if value == value
    ]
    return f" ({', '.join(known)})" if known else ""


def _signed(text: str) -> str:
    """Write a true minus, and no sign before a number that reads as zero."""
    told, _, _ = text.partition(" ")
    return text.replace("-", "−", 1) if any(digit in told for digit in "123456789") else text.lstrip("+-")


def scale(value: float) -> tuple[float, str]:
    """Return the power of ten that an amount is told in, and its name."""
    rounded = abs(float(f"{value:.3g}"))  # 999,999 is a million, not a thousand thousands
    return next(((size, prefix) for size, prefix in _SCALES if rounded >= size), _SCALES[-1])


def capital(text: str) -> str:
    """Begin a text with a capital letter."""
    return text[:1].upper() + text[1:]


def difference(value: float, before: float, unit: str) -> str:
    """Write how a value differs from one before: shares in points, others in per cent, or in money from a debit."""
    if unit.startswith("share"):
        return change(100 * (value - before), "points")
    if before > 0:
        return change(100 * (value / before - 1))
    return f"{'+' if value >= before else ''}{quantity(value - before, unit)}"


def among(values: "pd.Series") -> str:
    """Say that the most and the least are so only among the values shown, where some are hidden.

    Examples
    --------
    >>> import pandas as pd
    >>> among(pd.Series([3.0, None])), among(pd.Series([3.0, 2.0]))
    (' of those shown', '')
    """
    return " of those shown" if values.isna().any() else ""


def alt_text(what: str, values: "pd.Series", unit: str = "") -> str:
    """Say in a sentence what a figure shows, for readers who cannot see it.

    Parameters
    ----------
    what : str
        Subject, for example ``"AUM by branch"``.
    values : pandas.Series of float
        What is drawn, labelled by its index. Dates are told from first to last, other labels from largest to smallest.
    unit : str
        As in :func:`quantity`, or ``"%"`` for changes in per cent.

    Examples
    --------
    >>> import pandas as pd
    >>> alt_text("AUM by branch", pd.Series({"North": 2e9, "South": 1e9, "West": 5e8}), "yuan")
    'AUM by branch, 3 values: largest North, 2.00 billion yuan; smallest West, 500 million yuan.'
    """
    shown, of = values.dropna(), among(values)
    if shown.empty:
        return f"{what}: no values can be shown."
    write = change if unit == "%" else lambda value: quantity(value, unit)
    if not isinstance(shown.index[0], str):
        texts = [f"{write(value)} in {month:%Y-%m}" for month, value in shown.items()]
        first, last, low, high = (texts[i] for i in (0, -1, int(shown.argmin()), int(shown.argmax())))
        return f"{what}, month by month: {first} and {last}; lowest{of} {low}, highest {high}."
    ordered = shown.sort_values(ascending=False, kind="stable")
    if len(ordered) == 1:
        return f"{what}: {ordered.index[0]}, {write(ordered.iloc[0])}."
    return (
        f"{what}, {len(ordered)} values: largest{of} {ordered.index[0]}, {write(ordered.iloc[0])}; "
        f"smallest {ordered.index[-1]}, {write(ordered.iloc[-1])}."
    )
