"""Figures of funnels: how far units get, in what time, and what those still on their way change.

Each takes a frame of a :class:`bankmkt.funnel.Funnel` and returns the ``Axes``; the title is the claim that the frame
supports.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.errors import DataError, ParameterError
from bankmkt.plots import theme
from bankmkt.plots.groups import need

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def stages(steps: "pd.DataFrame", unit: str = "customers", ax: "Axes | None" = None) -> "Axes":
    """Draw how many units reach each step of a funnel, and which share that is of those before; hidden steps are named.

    Parameters
    ----------
    steps : pandas.DataFrame
        ``Funnel.steps`` of one group, or what :func:`bankmkt.funnel.shown` leaves of it.
    unit : str
        What a unit is called, in the plural.
    ax : matplotlib Axes, optional

    Raises
    ------
    DataError
        If no step can be shown.
    """
    need(
        steps,
        ("name", "units", "rate_of_entrants", "rate_of_previous", "matured_units", "open_units"),
        "bankmkt.funnel.funnel",
    )
    told = steps["units"].notna().to_numpy()
    if not told.any():
        raise DataError("steps", "every step hidden", "a funnel of more units", "choose a longer time, or fewer groups")
    ax = theme.axes(ax, 1.3 + 0.5 * len(steps))
    at = np.arange(len(steps))
    units, still = (steps[name].astype(float).fillna(0).to_numpy() for name in ("units", "open_units"))
    ax.barh(at, units, 0.66, color=theme.BLUE)
    label = "not there, but may still come"
    ax.barh(at, still, 0.66, units, color=theme.SKY, alpha=0.5, hatch="///", edgecolor="white", label=label)
    ends = units + still
    for y, row in enumerate(steps.to_dict("records")):
        ax.text(ends[y] + 0.01 * max(ends), y, _stage(row, bool(y), bool(told[y])), va="center", fontsize=9)
    ax.set_yticks(at, steps["name"])
    ax.set_ylim(len(steps) - 0.4, -0.6)
    ax.set_xlim(0, 1.55 * max(ends))
    theme.count_axis(ax.xaxis)
    ax.set_xticks([tick for tick in ax.get_xticks() if tick <= max(ends)])
    ax.set_xlabel(unit)
    ax.grid(visible=False, axis="y")
    if still.any():
        ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.14 - 0.3 / len(steps)), ncols=2, fontsize=9)
    theme.claim(ax, _most_lost(steps))
    return ax


def _stage(row: Mapping[Any, Any], later: bool, told: bool) -> str:
    if not told:
        return "hidden: too few, or too few lost"
    parts = [f"{row['rate_of_entrants']:.0%} of all"]
    if row["rate_of_previous"] == row["rate_of_previous"]:
        parts.append(f"{row['rate_of_previous']:.0%} of the step before")
    return f"{row['units']:,.0f}" + (f"  ({', '.join(parts)})" if later else "")


def _most_lost(steps: "pd.DataFrame") -> str:
    """Say between which steps most are lost, of those that are shown; who may still come is not lost."""
    rates, begin = steps["rate_of_previous"].astype(float).to_numpy(), "Most are lost"
    if np.isnan(rates[1:]).all():
        return "Which step loses most is hidden: too few reach one, or too few are lost"
    if not (steps["open_units"] == 0).all():
        reached = steps["matured_units"].astype(float).to_numpy()
        over = np.r_[np.nan, reached[1:] / np.where(reached[:-1] > 0, reached[:-1], np.nan)]
        if np.isnan(over[1:]).all():
            begin = "So far most are missing"
        else:
            rates, begin = over, "Of those whose time is over, most are lost"
    called, worst = steps["name"].tolist(), 1 + int(np.nanargmin(rates[1:]))
    return f"{begin} between “{called[worst - 1]}” and “{called[worst]}”: {1 - rates[worst]:.0%}"


def waits(times: "pd.DataFrame", unit: str = "days", ax: "Axes | None" = None) -> "Axes":
    """Draw how long units take between steps: the middle half as a line, the median with its 95% interval.

    Parameters
    ----------
    times : pandas.DataFrame
        ``Funnel.times``, in hours.
    unit : str
        ``"days"`` or ``"hours"`` of the axis.
    ax : matplotlib Axes, optional
    """
    need(times, ("from_step", "to_step", "median", "median_lower", "median_upper", "q25", "q75"), "Funnel.times")
    if unit not in ("days", "hours"):
        raise ParameterError("unit", unit, "days or hours", 'pass unit="days"')
    rows = times.dropna(subset=["median"])
    if rows.empty:
        raise DataError("times", "nobody went on", "units that reach a second step", "choose other steps")
    size = 24.0 if unit == "days" else 1.0
    ax = theme.axes(ax, 1.6 + 0.5 * len(rows))
    at = np.arange(len(rows))
    ax.hlines(at, rows["q25"] / size, rows["q75"] / size, color=theme.SKY, linewidth=7, alpha=0.7, label="middle half")
    gap = np.stack([rows["median"] - rows["median_lower"], rows["median_upper"] - rows["median"]]) / size
    ax.errorbar(
        rows["median"] / size, at, xerr=gap, fmt="o", color=theme.BLUE, capsize=3, label="median, with 95% interval"
    )
    for y, row in enumerate(rows.to_dict("records")):
        ax.text(row["q75"] / size + 0.015 * rows["q75"].max() / size, y, _long(row["median"]), va="center", fontsize=9)
    ax.set_yticks(at, [f"{row['from_step']} → {row['to_step']}" for row in rows.to_dict("records")])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(0, 1.15 * rows["q75"].max() / size)
    ax.set_xlabel(unit)
    ax.grid(visible=False, axis="y")
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.16 - 0.3 / len(rows)), ncol=2, fontsize=9)
    parts = rows.iloc[:-1] if len(rows) > 2 else rows
    slow = parts.to_dict("records")[int(parts["median"].to_numpy().argmax())]
    where = f"from “{slow['from_step']}” to “{slow['to_step']}”"
    theme.claim(ax, f"The longest wait is {where}: {_long(slow['median'])} in the middle case")
    return ax


def open_rates(
    frame: "pd.DataFrame", group: str, what: str = "reach the last step", ax: "Axes | None" = None
) -> "Axes":
    """Draw a funnel's rate by group, with those still on their way counted as lost, left out, and taken to go on.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of ``Funnel.steps`` of one step, one a group.
    group : str
        Column of the group, in the order of the rows.
    what : str
        What the rate is of.
    ax : matplotlib Axes, optional
    """
    need(frame, (group, "rate_of_entrants", "matured_rate", "first_rate", "open_units"), "Funnel.steps")
    ax = theme.axes(ax, 4.2)
    at = np.arange(len(frame))
    kinds = (
        ("rate_of_entrants", theme.VERMILION, "s", "those still open counted as lost"),
        ("matured_rate", theme.ORANGE, "^", "only those whose whole time was seen"),
        ("first_rate", theme.BLUE, "o", "those still open taken to go on as others did"),
    )
    for offset, (name, colour, marker, label) in zip((-0.15, 0.0, 0.15), kinds, strict=True):
        gap = np.stack([frame[name] - frame[f"{name}_lower"], frame[f"{name}_upper"] - frame[name]])
        ax.errorbar(at + offset, frame[name], yerr=gap, fmt=marker, color=colour, capsize=3, label=label)
    ax.set_xticks(at, frame[group].astype(str))
    ax.set_xlim(-0.5, len(frame) - 0.5)
    ax.set_ylim(bottom=0)
    theme.percent_axis(ax.yaxis)
    ax.set_ylabel(f"share that {what}")
    ax.grid(visible=False, axis="x")
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.1), fontsize=9)
    known = frame["open_units"].notna()
    gaps = (frame["first_rate"] - frame["rate_of_entrants"]).fillna(0).where(known, 0).to_numpy()
    row = frame.to_dict("records")[int(gaps.argmax())]
    text = "Nobody is still on their way: all three rates agree"
    if frame["open_units"].isna().any():
        text = "How many are still on their way is hidden where they are few"
    if gaps.max() > 0.0005:
        text = f"{row[group]}: {row['rate_of_entrants']:.1%} so far, but {row['first_rate']:.1%} to be expected"
        text += f" of all, as {row['open_units']:,.0f} are still on their way"
    theme.claim(ax, text)
    return ax


def _long(hours: float) -> str:
    """Write a length of time.

    Examples
    --------
    >>> _long(0.5), _long(30.0), _long(200.0)
    ('30 min', '30 hours', '8.3 days')
    """
    if hours < 1:
        return f"{60 * hours:.0f} min" if hours >= 1 / 60 else f"{3600 * hours:.0f} s"
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.1f} days"
