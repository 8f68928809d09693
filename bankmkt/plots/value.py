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

TENURES = ("the first year", "years two and three", "the years after")
"""Names of the bands of tenure."""

HORIZONS = {"value_12m": "the coming twelve months", "value_lifetime": "the relation"}


def calibration(frame: "pd.DataFrame", ax: "Axes | None" = None, *, currency: str = "yuan") -> "Axes":
    """Draw what a past year brought as a part of what was expected, with its 95% interval, by tenth of the customers.

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
        100% is what was expected; the interval is where 95 of 100 tenths should lie.

    Raises
    ------
    DataError
        When a column is missing, or all tenths, or the total, are suppressed.
    """
    _need(frame, ("decile", "customers", "expected", "ci_low", "ci_high", "realised", "suppressed"))
    rows = frame[(frame["decile"] != "all") & ~frame["suppressed"]]
    rows = rows[rows["expected"] > 0]
    total = frame[(frame["decile"] == "all") & ~frame["suppressed"]]
    if rows.empty or total.empty:
        raise DataError("frame", "all rows suppressed", "tenths with enough customers", "take a larger bank")
    ax = theme.axes(ax, 4.4)
    at = range(len(rows))
    low, high, came = (rows[name] / rows["expected"] for name in ("ci_low", "ci_high", "realised"))
    ax.axhline(1, color=theme.INK, linewidth=1, linestyle="--")
    ax.vlines(at, low, high, color=theme.BLUE, linewidth=9, alpha=0.35, label="expected, with 95% interval")
    ax.plot(at, came, "D", color=theme.VERMILION, markersize=7, label="realised")
    most = max(float(came.max()), min(float(high.max()), 2.0))  # an interval of next to nothing would dwarf the others
    least = min(float(came.min()), float(low.min()))
    ax.set_ylim(max(0.0, least - 0.15), most + 0.15)
    theme.percent_axis(ax.yaxis)
    ax.set_ylabel("margin of the year, of what was expected")
    heads = rows["expected"] / rows["customers"]
    ax.set_xticks(list(at), [f"{name}\n{each:,.0f}" for name, each in zip(rows["decile"], heads, strict=True)])
    ax.set_xlabel(f"customers by expected value, in tenths from the lowest (below: {currency} expected per customer)")
    ax.legend(loc="lower right", ncols=2)
    inside = int(((rows["ci_low"] <= rows["realised"]) & (rows["realised"] <= rows["ci_high"])).sum())
    theme.claim(ax, f"{_calibration_claim(total.iloc[0], currency)}; so did {inside} of the {len(rows)} tenths shown")
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
        When a column is missing, the frame is by further attributes, or all groups are suppressed.
    """
    if value not in HORIZONS:
        raise ParameterError("value", value, one_of(HORIZONS), "pass one of the two horizons")
    _need(frame, (group, "customers", value, f"{value}_low", f"{value}_high", "suppressed"))
    if frame[group].duplicated().any():
        raise DataError(f"frame.{group}", "names that repeat", "a row per group", "sum up by this attribute alone")
    rows = frame.assign(**{c: frame[c] / frame["customers"] for c in (value, f"{value}_low", f"{value}_high")})
    rows = rows.sort_values(value, ascending=False, na_position="last", ignore_index=True)
    shown = rows[~rows["suppressed"]]
    if shown.empty:
        raise DataError("frame", "all groups suppressed", "groups with enough customers", "take a coarser attribute")
    ax = theme.axes(ax, 1.4 + 0.4 * len(rows))
    ax.hlines(shown.index, shown[f"{value}_low"], shown[f"{value}_high"], color=theme.BLUE, linewidth=2.5)
    ax.plot(shown[value], shown.index, "o", color=theme.BLUE, markersize=8)
    for y, row in shown.iterrows():
        text = quantity(row[value], currency)
        ax.annotate(text, (row[f"{value}_high"], y), (7, 0), textcoords="offset points", va="center", fontsize=9)
    names = [words(str(name)) for name in rows[group]]
    name_bars(ax, names, rows["suppressed"])
    ax.set_ylabel(capital(words(group)))
    ax.set_xlim(0, 1.2 * float(shown[f"{value}_high"].max()))  # with room for the last label
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
        ``.leaving`` of :func:`bankmkt.segments.value_rates`.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError
        When a column is missing, or no share is shown.
    """
    _need(frame, ("tenure", "share", "ci_low", "ci_high", "suppressed"))
    rows = frame[~frame["suppressed"] & frame["share"].notna()].reset_index(drop=True)
    if rows.empty:
        raise DataError("frame", "no share shown", "one or more", "pass the rates of a larger bank with a past")
    tenures = [TENURES[tenure] for tenure in rows["tenure"].to_list()]
    ax = theme.axes(ax, 3.4)
    at = range(len(rows))
    ax.vlines(at, rows["ci_low"], rows["ci_high"], color=theme.VERMILION, linewidth=2.5)
    ax.plot(at, rows["share"], "o", color=theme.VERMILION, markersize=8)
    for x, part in zip(at, rows["share"], strict=True):
        ax.annotate(f"{100 * part:.1f}%", (x, part), (9, 0), textcoords="offset points", va="center", fontsize=9)
    ax.set_xticks(list(at), tenures)
    ax.set_xlim(-0.5, len(rows) - 0.5)
    ax.set_ylim(0, None)
    theme.percent_axis(ax.yaxis)
    ax.set_ylabel("customers who leave in a year\n(95% interval)")
    ax.set_xlabel("year of the relation")
    most = int(rows["share"].argmax())
    theme.claim(ax, f"Most leave in {tenures[most]}: {100 * rows['share'].iloc[most]:.1f}% in a year")
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
        When a column is missing, or all rows are suppressed.
    """
    _need(frame, ("purchases_before", "expected", "ci_low", "ci_high", "realised", "suppressed"))
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


def _need(frame: "pd.DataFrame", columns: Sequence[str]) -> None:
    """Raise DataError unless a frame has the columns."""
    absent = [name for name in columns if name not in frame]
    if absent:
        raise DataError("frame's columns", list(frame), f"also {', '.join(absent)}", "pass the frame the figure is of")
