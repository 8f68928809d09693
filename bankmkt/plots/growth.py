"""Figures and tables of growth: the five stages against earlier periods, groups, the retention triangle.

Each takes a frame of :mod:`bankmkt.funnel`, and returns the ``Axes`` (tables: a frame of texts); the title is the claim
that the frame supports.
"""

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.errors import Refused
from bankmkt.names import number
from bankmkt.plots import theme, wording
from bankmkt.plots.groups import need

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LABELS = {
    "opened": "customers who opened", "signed_up": "app sign-ups", "activated": "began in time",
    "activated_all": "began in time (all new)", "kept": "kept", "kept_monthly": "kept from month to month",
    "margin": "yearly margin per active customer", "came_by_referral": "came by referral", "shared": "shared something",
    "invited": "invited somebody",
}  # fmt: skip
"""What readers call the measures."""

SURE = 0.05
"""Corrected p values below it are called sure."""

OUTWEIGHED = "none: hangs on one customer"
"""Instead of an interval that the margin has none of (:data:`bankmkt.funnel.changes.MOST`)."""

_COLUMNS = ("measure", "group", "value", "ci_lower", "ci_upper")
_COMPARED = {"previous": (theme.BLUE, "o", -0.14), "last_year": (theme.VERMILION, "D", 0.14)}


def changes(frame: "pd.DataFrame", periods: Mapping[str, str]) -> np.ndarray:
    """Draw how each measure of the whole changed: counts and money in per cent, shares in points, with 95% intervals.

    Filled marks are changes that are sure after correction for their number. Changes without an interval are left out.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.aarrr`; its group ``"all"`` is drawn.
    periods : mapping of str to str
        What ``"previous"`` and ``"last_year"`` were: ``{"previous": "2026-Q1"}``.

    Returns
    -------
    numpy.ndarray of matplotlib Axes
        Two: relative changes and changes in points.

    Raises
    ------
    Refused
        If no change can be shown.
    """
    from matplotlib import pyplot as plt

    need(frame, (*_COLUMNS, "change_in"), "bankmkt.funnel.aarrr")
    rows = frame[frame["group"] == "all"]
    rows = rows[rows[[f"{name}_change_lower" for name in periods]].notna().any(axis="columns")]
    if not len(rows):
        raise Refused("no change can be shown", todo="choose a later period, or a larger unit")
    kinds = [kind for kind in ("relative", "points") if (rows["change_in"] == kind).any()]
    most = max(int((rows["change_in"] == kind).sum()) for kind in kinds)
    figure = plt.figure(figsize=(10.5, 2.4 + 0.5 * most), layout="constrained")
    panels: Any = np.atleast_1d(figure.subplots(1, len(kinds)))
    for ax, kind in zip(panels, kinds, strict=True):
        part = rows[rows["change_in"] == kind].iloc[::-1].reset_index(drop=True)
        for name, period in periods.items():
            ink, mark, aside = _COMPARED[name]
            for at, row in enumerate(part.to_dict("records")):
                if np.isnan(row[f"{name}_change_lower"]):
                    continue
                fill = ink if row[f"{name}_p_adjusted"] < SURE else "white"
                ax.hlines(at - aside, row[f"{name}_change_lower"], row[f"{name}_change_upper"], color=ink, linewidth=2)
                ax.plot(row[f"{name}_change"], at - aside, mark, color=ink, markersize=7, markerfacecolor=fill)
            ax.plot([], [], mark, color=ink, label=f"against {period}")
        ax.axvline(0, color=theme.GREY, linewidth=1)
        ax.set_yticks(range(len(part)), [textwrap.fill(wording.capital(LABELS[name]), 22) for name in part["measure"]])
        ax.set_ylim(-0.6, len(part) - 0.4)
        theme.percent_axis(ax.xaxis)
        if kind == "points":
            ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:+,.10g}".replace("-", "−") if value else "0")
        ax.set_xlabel("change of the share, percentage points" if kind == "points" else "change of number or mean")
        ax.grid(visible=False, axis="y")
    panels[0].legend(loc="upper left", bbox_to_anchor=(0.0, -0.6 / (0.5 * most + 1)), ncols=2, fontsize=9,
                     title="filled: sure after correction; lines: 95% intervals", alignment="left")  # fmt: skip
    figure.suptitle(textwrap.fill(change_claim(frame, periods), 84), x=0.01, ha="left", fontsize=11, weight="bold")
    return panels


def change_claim(frame: "pd.DataFrame", periods: Mapping[str, str]) -> str:
    """Say which changes of the whole are sure.

    Parameters
    ----------
    frame, periods
        As of :func:`changes`.
    """
    rows = frame[frame["group"] == "all"]
    parts = []
    for name, period in periods.items():
        sure = rows[rows[f"{name}_p_adjusted"] < SURE]
        told = [f"{LABELS[row['measure']]} {change(row, name)}" for _, row in sure.iterrows()]
        parts.append(f"against {period}: {', '.join(told)}" if told else f"against {period} no change is sure")
    return wording.capital("; ".join(parts))


def change(row: "Mapping[str, Any] | pd.Series", name: str) -> str:
    """Write the change of one row of :func:`bankmkt.funnel.aarrr` on ``"previous"`` or ``"last_year"``.

    Examples
    --------
    >>> change({"change_in": "points", "previous_change": -0.0123}, "previous")
    '−1.2 points'
    """
    return wording.change(100 * row[f"{name}_change"], "points" if row["change_in"] == "points" else "%")


def table(frame: "pd.DataFrame", periods: Mapping[str, str]) -> "pd.DataFrame":
    """Write the measures of the whole as text: value with its interval, and each comparison's value and change.

    Parameters
    ----------
    frame, periods
        As of :func:`changes`.

    Returns
    -------
    pandas.DataFrame
        stage, measure, value, interval, and by period its value and ``change on …``.
    """
    import pandas as pd

    def write(row: Any, name: str) -> str:
        if row["unit"] == "money a year" and abs(row[name]) < 1e6:
            return f"{row[name]:,.0f}".replace("-", "−")
        return wording.quantity(row[name], row["unit"].removesuffix("money a year"))

    def interval(row: Any) -> str:
        if row["ci_lower"] != row["ci_lower"]:
            return OUTWEIGHED if row["unit"] == "money a year" and row["value"] > 0 else wording.MISSING
        return f"{write(row, 'ci_lower')} to {write(row, 'ci_upper')}"

    out = []
    for _, row in frame[frame["group"] == "all"].iterrows():
        cells = {
            "stage": wording.capital(row["stage"]), "measure": wording.capital(LABELS[row["measure"]]),
            "value": write(row, "value"), "95% interval": interval(row),
        }  # fmt: skip
        for name, period in periods.items():
            cells[period] = write(row, name)
            mark = " *" if row[f"{name}_p_adjusted"] < SURE else ""
            cells[f"change on {period}"] = f"{change(row, name)}{mark}"
        out.append(cells)
    return pd.DataFrame(out)


def groups(frame: "pd.DataFrame", measure: str, compared: str, period: str, ax: "Axes | None" = None) -> "Axes":
    """Draw a measure of each group with its interval, beside what it was in an earlier period.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.aarrr` with ``by``.
    measure : str
        One of its measures that is a share.
    compared : str
        ``"previous"`` or ``"last_year"``.
    period : str
        What that was.
    ax : matplotlib Axes, optional

    Raises
    ------
    Refused
        If every group is hidden.
    """
    need(frame, (*_COLUMNS, compared), "bankmkt.funnel.aarrr")
    rows = frame[(frame["measure"] == measure) & (frame["group"] != "all")].dropna(subset=["value"])
    if not len(rows):
        raise Refused(f"every group's {LABELS[measure]} is hidden or unknown", todo="choose wider groups")
    rows = rows.sort_values("value", ignore_index=True)
    ax = theme.axes(ax, 1.6 + 0.34 * len(rows))
    at = np.arange(len(rows))
    ax.hlines(at, rows["ci_lower"], rows["ci_upper"], color=theme.BLUE, linewidth=2)
    ax.plot(rows["value"], at, "o", color=theme.BLUE, label="now, with 95% interval")
    ax.plot(rows[compared], at, "D", color=theme.VERMILION, markerfacecolor="white", label=period)
    whole = frame[(frame["measure"] == measure) & (frame["group"] == "all")]["value"]
    if whole.notna().all():
        ax.axvline(whole.item(), color=theme.GREY, linewidth=1, linestyle="--", label="the whole, now")
    ax.set_yticks(at, [wording.capital(wording.words(str(name))) for name in rows["group"]])
    ax.set_ylim(-0.6, len(rows) - 0.4)
    theme.percent_axis(ax.xaxis)
    ax.set_xlabel(f"{LABELS[measure]}, {rows['unit'].iloc[0]} customers")
    ax.grid(visible=False, axis="y")
    ax.legend(loc="upper left", bbox_to_anchor=(0.0, -0.55 / (0.34 * len(rows) + 0.4)), ncols=3, fontsize=9)
    low, high = rows.iloc[0], rows.iloc[-1]
    names = [wording.capital(wording.words(str(row["group"]))) for row in (high, low)]
    text = f"{wording.capital(LABELS[measure])}: {wording.quantity(high['value'], 'share')} in “{names[0]}”, "
    text += f"{wording.quantity(low['value'], 'share')} in “{names[1]}”"
    close = low["ci_upper"] >= high["ci_lower"]
    if low["value"] == high["value"]:
        text = f"{wording.capital(LABELS[measure])}: {wording.quantity(low['value'], 'share')} in each group shown"
    theme.claim(ax, text + ("; their intervals overlap" if close and low["value"] < high["value"] else ""))
    return ax


def triangle(frame: "pd.DataFrame", unit: str, ax: "Axes | None" = None) -> "Axes":
    """Draw the retention triangle: a row per cohort, a column per time since, what is not over hatched.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.cohorts`.
    unit : str
        Its unit.
    ax : matplotlib Axes, optional

    Raises
    ------
    Refused
        If every cell is hidden.
    """
    from matplotlib.patches import Patch

    need(frame, ("cohort", "since", "share", "finished", "suppressed", "customers"), "bankmkt.funnel.cohorts")
    if not frame["share"].notna().any():
        raise Refused("every cell of the triangle is hidden", todo="choose a longer unit of time")
    wide, over = (frame.pivot(index="cohort", columns="since", values=name) for name in ("share", "finished"))
    values, done = wide.to_numpy(dtype=float), over.to_numpy(dtype=bool)
    ax = theme.axes(ax, 2.0 + 0.36 * len(wide))
    image = ax.imshow(values, aspect="auto", cmap="Blues", vmin=0, vmax=1)
    small = len(wide) > 12
    for i, j in np.ndindex(*values.shape):
        share = values[i, j]
        if not done[i, j]:
            cell = {"facecolor": "#F2F2F2", "edgecolor": "#BBBBBB", "hatch": "///", "linewidth": 0}
            ax.add_patch(_cell(i, j, cell))
        elif not small or share != share:
            text = "·" if share != share else f"{100 * share:.0f}"
            ax.text(j, i, text, ha="center", va="center", fontsize=9, color="white" if share > 0.6 else theme.INK)
    sizes = frame.drop_duplicates("cohort").set_index("cohort")["customers"]
    ax.set_yticks(range(len(wide)), [f"{_named(day, unit)}  ({number(sizes[day], ',.0f')})" for day in wide.index])
    step = 2 if wide.shape[1] > 14 else 1
    ax.set_xticks(range(0, wide.shape[1], step), [str(n) for n in wide.columns[::step]])
    ax.set_xlabel(f"{unit}s since the {unit} of opening (0)")
    ax.set_ylabel(f"{unit} of opening (customers)")
    ax.grid(visible=False)
    ax.tick_params(length=0)
    bar = ax.figure.colorbar(image, ax=ax, label="share active", shrink=0.8)
    theme.percent_axis(bar.ax.yaxis)
    ax.legend(
        handles=[Patch(facecolor="#F2F2F2", edgecolor="#BBBBBB", hatch="///", label="not over, or still to come")],
        loc="upper left", bbox_to_anchor=(0.0, -0.5 / (0.36 * len(wide) + 0.8)), fontsize=9,
    )  # fmt: skip
    theme.claim(ax, _triangle_claim(frame, unit))
    return ax


def _triangle_claim(frame: "pd.DataFrame", unit: str) -> str:
    told = frame.dropna(subset=["share"])
    since = told[told["since"] > 0]
    if since.empty:
        return f"Who is active in the {unit} of opening; none is old enough to look further"
    first = since[since["since"] == since["since"].min()]
    text = f"Of those who opened, {_span(first['share'])} are active {first['since'].iloc[0]} {unit} later"
    late = since[since["since"] == since["since"].max()]
    number = late["since"].iloc[0]
    return text if number == first["since"].iloc[0] else f"{text}, {_span(late['share'])} {number} {unit}s later"


def _span(shares: "pd.Series") -> str:
    low, high = shares.min(), shares.max()
    texts = [f"{100 * value:.0f}%" for value in (low, high)]
    return texts[0] if texts[0] == texts[1] else f"{texts[0]} to {texts[1]}"


def _named(day: Any, unit: str) -> str:
    if unit == "year":
        return f"{day:%Y}"
    return f"{day:%Y-%m}" if unit == "month" else f"{day.year}-Q{(day.month + 2) // 3}"


def _cell(i: int, j: int, style: Mapping[str, Any]) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((j - 0.5, i - 0.5), 1, 1, **style)
