"""Figures of what customers are worth, from the frames of :mod:`bankmkt.segments.value`.

Each takes one frame and an optional ``ax``, and returns the ``Axes``; the title is the claim that the frame supports.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bankmkt.errors import DataError, ParameterError, one_of
from bankmkt.plots import theme
from bankmkt.plots.parts import name_bars
from bankmkt.plots.wording import capital, change, quantity, words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

HORIZONS = {"value_12m": "the coming twelve months", "value_lifetime": "the relation"}


def calibration(frame: "pd.DataFrame", ax: "Axes | None" = None, *, currency: str = "yuan") -> "Axes":
    """Draw the expected margin of a past year with its 95% interval, and what was realised, by tenth of the customers.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.segments.calibrate_value`.
    ax : matplotlib Axes, optional
    currency : str
        Unit of money.

    Returns
    -------
    matplotlib Axes
        Money per customer on a logarithmic scale: tenths differ a thousandfold.

    Raises
    ------
    DataError
        When all tenths, or the total, are suppressed.
    """
    rows = frame[(frame["decile"] != "all") & ~frame["suppressed"]]
    total = frame[(frame["decile"] == "all") & ~frame["suppressed"]]
    if rows.empty or total.empty:
        raise DataError("frame", "all rows suppressed", "tenths with enough customers", "take a larger bank")
    ax = theme.axes(ax, 4.4)
    at, heads = range(len(rows)), rows["customers"]
    for column, marker, colour, label in (
        ("expected", "o", theme.BLUE, "expected, with 95% interval"),
        ("realised", "D", theme.INK, "realised"),
    ):
        fill = colour if column == "expected" else "none"
        ax.plot(at, rows[column] / heads, marker, color=colour, markerfacecolor=fill, markersize=7, label=label)
    lowest = float((rows["expected"] / heads).min()) / 10  # an interval that reaches 0 ends at the axis
    ax.vlines(at, (rows["ci_low"] / heads).clip(lower=lowest), rows["ci_high"] / heads, color=theme.BLUE, linewidth=2.5)
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    ax.set_ylabel(f"margin in a year, {currency} per customer")
    ax.set_xticks(list(at), list(rows["decile"]))
    ax.set_xlabel("customers by expected value, in tenths from the lowest")
    ax.legend(loc="upper left")
    theme.claim(ax, _calibration_claim(total.iloc[0], currency))
    return ax


def _calibration_claim(total: "pd.Series", currency: str) -> str:
    off = 100 * (total["realised"] / total["expected"] - 1)
    within = total["ci_low"] <= total["realised"] <= total["ci_high"]
    return (
        f"The year brought {quantity(total['realised'], currency)}, {change(off)} on what was expected, "
        f"{'within' if within else 'outside'} the 95% interval"
    )


def by_group(
    frame: "pd.DataFrame",
    group: str,
    value: str = "value_12m",
    ax: "Axes | None" = None,
    *,
    currency: str = "yuan",
) -> "Axes":
    """Draw the expected value per customer of each group with its 95% interval, the most valuable on top.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.segments.value_by`, by one attribute.
    group : str
        The attribute's column.
    value : str
        ``"value_12m"`` or ``"value_lifetime"``.
    ax : matplotlib Axes, optional
    currency : str
        Unit of money.

    Returns
    -------
    matplotlib Axes
        Suppressed groups are named, without figures.

    Raises
    ------
    ParameterError
        When ``value`` is another.
    DataError
        When all groups are suppressed.
    """
    if value not in HORIZONS:
        raise ParameterError("value", value, one_of(HORIZONS), "pass one of the two horizons")
    rows = frame.assign(**{c: frame[c] / frame["customers"] for c in (value, f"{value}_low", f"{value}_high")})
    rows = rows.sort_values(value, ascending=False, na_position="last", ignore_index=True)
    shown = rows[~rows["suppressed"]]
    if shown.empty:
        raise DataError("frame", "all groups suppressed", "groups with enough customers", "take a coarser attribute")
    ax = theme.axes(ax, 1.4 + 0.4 * len(rows))
    ax.hlines(shown.index, shown[f"{value}_low"], shown[f"{value}_high"], color=theme.BLUE, linewidth=2.5)
    ax.plot(shown[value], shown.index, "o", color=theme.BLUE, markersize=8)
    for y, amount in shown[value].items():
        ax.annotate(
            quantity(amount, currency), (amount, y), (0, 9), textcoords="offset points", ha="center", fontsize=9
        )
    names = [words(str(name)) for name in rows[group]]
    name_bars(ax, names, rows["suppressed"])
    ax.set_xlim(left=0)
    ax.grid(visible=False, axis="y")
    label = theme.money_axis(ax.xaxis, float(shown[f"{value}_high"].max()), currency)
    ax.set_xlabel(f"expected margin of {HORIZONS[value]}, {label} per customer (95% interval)")
    theme.claim(ax, _group_claim(names, shown, value, currency))
    return ax


def _group_claim(names: Sequence[str], shown: "pd.DataFrame", value: str, currency: str) -> str:
    first, last = shown.iloc[0], shown.iloc[-1]
    if len(shown) == 1:
        return f"{capital(names[0])}: {quantity(first[value], currency)} per customer"
    best, worst = names[0], names[len(shown) - 1]
    text = f"Expected per customer over {HORIZONS[value]}: {quantity(first[value], currency)} of “{best}”"
    if first[f"{value}_low"] <= last[f"{value}_high"]:
        return f"{text}; the groups' intervals overlap"
    return f"{text}, {quantity(last[value], currency)} of “{worst}”"


def attrition(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw which part of the customers leaves in a year, by tenure, each with its 95% interval.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``.attrition`` of :func:`bankmkt.segments.value_rates`; all bands of margin together.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError
        When no customer was at risk.
    """
    names = ("the first year", "years two and three", "the years after")
    sums = frame.groupby("tenure")[["at_risk", "closed"]].sum()
    sums = sums[sums["at_risk"] > 0]
    if sums.empty:
        raise DataError("frame", "no customer-months at risk", "one or more", "pass the rates of a bank with a past")
    tenures = [names[tenure] for tenure in sums.index.to_list()]
    share = 1 - (1 - sums["closed"] / sums["at_risk"]) ** 12
    low, high = (1 - (1 - part) ** 12 for part in _wilson(sums["closed"], sums["at_risk"]))
    ax = theme.axes(ax, 3.4)
    at = range(len(sums))
    ax.vlines(at, low, high, color=theme.VERMILION, linewidth=2.5)
    ax.plot(at, share, "o", color=theme.VERMILION, markersize=8)
    for x, part in zip(at, share, strict=True):
        ax.annotate(f"{100 * part:.1f}%", (x, part), (9, 0), textcoords="offset points", va="center", fontsize=9)
    ax.set_xticks(list(at), tenures)
    ax.set_xlim(-0.5, len(sums) - 0.5)
    ax.set_ylim(0, None)
    theme.percent_axis(ax.yaxis)
    ax.set_ylabel("customers who leave in a year (95% interval)")
    ax.set_xlabel("year of the relation")
    most = int(share.argmax())
    theme.claim(ax, f"Most leave in {tenures[most]}: {100 * share.iloc[most]:.1f}% in a year")
    return ax


def purchases(frame: "pd.DataFrame", total: Mapping[str, float], weeks: float, ax: "Axes | None" = None) -> "Axes":
    """Draw the purchases expected and made per customer, by how often customers had bought again before.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Outlook.held``.
    total : mapping of str to float
        ``Outlook.total``.
    weeks : float
        ``Outlook.weeks``.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError
        When all rows are suppressed.
    """
    rows = frame[~frame["suppressed"]]
    if rows.empty:
        raise DataError("frame", "all rows suppressed", "rows with enough customers", "take a larger source")
    ax = theme.axes(ax, 4.2)
    at = range(len(rows))
    ax.vlines(at, rows["ci_low"], rows["ci_high"], color=theme.BLUE, linewidth=2.5)
    ax.plot(at, rows["expected"], "o-", color=theme.BLUE, label="expected, with 95% interval of the mean")
    ax.plot(at, rows["realised"], "D--", color=theme.INK, markerfacecolor="none", label="made")
    ax.set_xticks(list(at), list(rows["purchases_before"]))
    ax.set_ylim(bottom=0)
    ax.set_xlabel("purchases before, after the first one")
    ax.set_ylabel(f"purchases per customer in the {weeks:.0f} weeks after")
    ax.legend(loc="upper left")
    off = change(100 * (total["realised"] / total["purchases"] - 1))
    theme.claim(
        ax, f"{total['purchases']:,.0f} purchases were expected ({total['ci_low']:,.0f} to {total['ci_high']:,.0f}), "
        f"{total['realised']:,.0f} were made: {off}",
    )  # fmt: skip
    return ax


def _wilson(count: "pd.Series", n: "pd.Series") -> "tuple[pd.Series, pd.Series]":
    """Return the Wilson score interval of shares."""
    z2 = 1.959963984540054**2
    middle = (count + z2 / 2) / (n + z2)
    half = (z2 * (count * (n - count) / n + z2 / 4)) ** 0.5 / (n + z2)
    return middle - half, middle + half
