"""How numbers and names read: with their unit, their sign, in words for those who cannot see a figure."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MISSING = "–"
COUNTS = ("customers", "transactions")
_SCALES = ((1e9, "bn "), (1e6, "million "), (1e3, "thousand "), (1.0, ""))
_WORDS = {"aum": "AUM", "aum_per_head": "AUM per head", "net_new_money": "net new money"}


def words(name: str) -> str:
    """Turn the name of an indicator into words.

    Examples
    --------
    >>> words("aum_per_head"), words("active_share")
    ('AUM per head', 'active share')
    """
    return _WORDS.get(name, name.replace("_", " "))


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
    ('3.21 bn yuan', '−48.3 thousand yuan per customer', '81.2 %')
    >>> quantity(20_000, "customers"), quantity(2.512, "products per customer"), quantity(None, "yuan")
    ('20,000', '2.51', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if unit.startswith("share"):
        text = f"{100 * value:.1f} %"
    elif unit in COUNTS:
        text = f"{value:,.0f}"
    elif unit.startswith(("products per", "logins per")):
        text = f"{value:.2f}"
    else:
        size, prefix = scale(value)
        number = value / size
        text = f"{number:,.{max(0, 3 - len(str(int(abs(number)))))}f} {prefix}{unit}".rstrip()
    return text.replace("-", "−", 1) if value < 0 else text


def change(value: float | None, unit: str = "%") -> str:
    """Write a change with its sign: per cent, or ``"points"`` for percentage points.

    Examples
    --------
    >>> change(1.234), change(-0.04, "points"), change(None)
    ('+1.2 %', '±0.0 points', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:+,.1f} {unit}"
    return f"±{text[1:]}" if abs(value) < 0.05 else text.replace("-", "−")


def scale(value: float) -> tuple[float, str]:
    """Return the power of ten that an amount is told in, and its name."""
    return next(((size, prefix) for size, prefix in _SCALES if abs(value) >= size), _SCALES[-1])


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
    'AUM by branch, 3 values: largest North, 2.00 bn yuan; smallest West, 500 million yuan.'
    """
    shown = values.dropna()
    if shown.empty:
        return f"{what}: no values can be shown."
    write = change if unit == "%" else lambda value: quantity(value, unit)
    if not isinstance(shown.index[0], str):
        texts = [f"{write(value)} in {month:%Y-%m}" for month, value in shown.items()]
        first, last, low, high = (texts[i] for i in (0, -1, int(shown.argmin()), int(shown.argmax())))
        return f"{what}, month by month: {first} and {last}; lowest {low}, highest {high}."
    ordered = shown.sort_values(ascending=False, kind="stable")
    if len(ordered) == 1:
        return f"{what}: {ordered.index[0]}, {write(ordered.iloc[0])}."
    return (
        f"{what}, {len(ordered)} values: largest {ordered.index[0]}, {write(ordered.iloc[0])}; "
        f"smallest {ordered.index[-1]}, {write(ordered.iloc[-1])}."
    )
