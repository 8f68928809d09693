"""Figures of who is chosen and what that gains, from the frames of :func:`bankmkt.uplift.policy`."""

import textwrap
from typing import TYPE_CHECKING

from bankmkt.confidence import LEVEL
from bankmkt.errors import DataError
from bankmkt.names import number
from bankmkt.plots import theme
from bankmkt.plots.wording import capital

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def orders(frame: "pd.DataFrame", unit: str, scale: float = 1.0, ax: "Axes | None" = None) -> "Axes":
    """Draw how well each model orders customers for each arm, with its interval.

    Parameters
    ----------
    frame : pandas.DataFrame
        model, arm, q and its limits: ``joint_ci_lower``, ``joint_ci_upper`` of :func:`bankmkt.uplift.joint_intervals`.
    unit : str
        Of Q, as written on the axis.
    scale : float
        What Q is multiplied by, such as 1000 for "visits per 1,000 customers".
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    ax = theme.axes(ax, 1.6 + 0.4 * len(frame))
    for y, r in enumerate(frame.to_dict("records")):
        low, high = scale * r["joint_ci_lower"], scale * r["joint_ci_upper"]
        colour = theme.BLUE if low > 0 else theme.GREY
        ax.plot([low, high], [y, y], color=colour, linewidth=2.5, solid_capstyle="round")
        ax.plot(scale * r["q"], y, "o", color=colour, markersize=8)
    ax.axvline(0, color=theme.INK, linewidth=1)
    ax.set_yticks(range(len(frame)), [f"{r['arm']}: {r['model']}" for r in frame.to_dict("records")])
    ax.set_ylim(len(frame) - 0.5, -0.5)
    ax.set_xlabel(f"Q, {unit} (intervals that hold for all together, 95%); grey: may be chance")
    ax.grid(axis="y", visible=False)
    theme.claim(ax, orders_claim(frame))
    return ax


def orders_claim(frame: "pd.DataFrame") -> str:
    """Say for which arms some model orders customers better than chance, without a full stop.

    Examples
    --------
    >>> import pandas as pd
    >>> orders_claim(pd.DataFrame({"arm": ["sms", "call"], "joint_ci_lower": [0.1, -0.1]}))
    'Models know whom sms changes most; of call none does'
    """
    arms = list(dict.fromkeys(frame["arm"]))
    sure = [arm for arm in arms if (frame.loc[frame["arm"] == arm, "joint_ci_lower"] > 0).any()]
    rest = [arm for arm in arms if arm not in sure]
    if not sure:
        return f"No model surely knows whom {' or '.join(rest)} changes most"
    start = f"Models know whom {' and '.join(sure)} changes most"
    return f"{start}; of {' and '.join(rest)} none does" if rest else start


def gains(frame: "pd.DataFrame", currency: str = "yuan", ax: "Axes | None" = None) -> "Axes":
    """Draw by how much a list is worth more than other ways to choose, with intervals.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Policy.comparison``.
    currency : str
        Of the study's value and cost.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError
        If there is nothing to compare with.
    """
    rows = frame.dropna(subset=["difference"]).reset_index(drop=True)
    if rows.empty:
        raise DataError("comparison", "no other choice", "the policy and others", "pass Policy.comparison")
    ax = theme.axes(ax, 1.6 + 0.55 * len(rows))
    limits = rows[["difference_ci_lower", "difference_ci_upper"]]
    unit = theme.money_axis(ax.xaxis, float(limits.abs().to_numpy().max()), currency)
    for y, r in enumerate(rows.to_dict("records")):
        low, high = r["difference_ci_lower"], r["difference_ci_upper"]
        sure = r["p_adjusted"] < 1 - LEVEL
        colour = theme.GREY if not sure else theme.BLUE if r["difference"] > 0 else theme.VERMILION
        ax.plot([low, high], [y, y], color=colour, linewidth=2.5, solid_capstyle="round")
        ax.plot(r["difference"], y, "o", color=colour, markersize=8)
    ax.axvline(0, color=theme.INK, linewidth=1)
    labels = [f"{capital(r['policy'])} ({r['customers']:,.0f} contacted)" for r in rows.to_dict("records")]
    ax.set_yticks(range(len(rows)), [textwrap.fill(label, 34) for label in labels])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel(f"the list is worth more by …, {unit}, after cost (95% interval); grey: not sure, all being compared")
    ax.grid(axis="y", visible=False)
    theme.claim(ax, gains_claim(frame, currency))
    return ax


def gains_claim(frame: "pd.DataFrame", currency: str = "yuan") -> str:
    """Say what the list is worth and what it surely beats (of all comparisons together), without a full stop.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"policy": ["by T", "nobody"], "value": [5000.0, 0.0], "ci_lower": [1000.0, 0.0],
    ...         "ci_upper": [9000.0, 0.0], "difference": [float("nan"), 5000.0], "p_adjusted": [float("nan"), 0.01]}
    >>> gains_claim(pd.DataFrame(rows))
    'The list is worth 5.00 thousand yuan (1.00 to 9.00), surely more than nobody'
    """
    first = frame.iloc[0]
    size, word = theme.scale(max(abs(first["ci_lower"]), abs(first["ci_upper"])))
    value, low, high = (number(first[name] / size, ",.2f") for name in ("value", "ci_lower", "ci_upper"))
    beaten = frame.loc[(frame["difference"] > 0) & (frame["p_adjusted"] < 1 - LEVEL), "policy"].tolist()
    end = f", surely more than {' or '.join(beaten)}" if beaten else ", which no comparison makes sure"
    return f"The list is worth {value} {word}{currency} ({low} to {high}){end}"


def rates(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw which share of each group is chosen, with its interval; hidden groups are left out.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Policy.fairness``.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError
        If there is no group to show.
    """
    rows = frame.dropna(subset=["rate"]).reset_index(drop=True)
    if rows.empty:
        raise DataError("fairness", "no group to show", "groups of k customers or more", "name others: groups=[...]")
    ax = theme.axes(ax, 1.6 + 0.4 * len(rows))
    colours = dict(
        zip(rows["column"].unique(), [theme.BLUE, theme.ORANGE, theme.GREEN, theme.PURPLE] * 9, strict=False)
    )
    for y, r in enumerate(rows.to_dict("records")):
        colour = colours[r["column"]]
        ax.plot([r["rate_ci_lower"], r["rate_ci_upper"]], [y, y], color=colour, linewidth=2.5, solid_capstyle="round")
        ax.plot(r["rate"], y, "o", color=colour, markersize=8)
    ax.set_yticks(range(len(rows)), [f"{r['column'].replace('_', ' ')}: {r['group']}" for r in rows.to_dict("records")])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(left=0)
    theme.percent_axis(ax.xaxis)
    ax.set_xlabel("share of the group that is chosen (95% interval)")
    ax.grid(axis="y", visible=False)
    theme.claim(ax, rates_claim(rows))
    return ax


def rates_claim(frame: "pd.DataFrame") -> str:
    """Say where groups are chosen most unequally, without a full stop.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"column": ["city", "city"], "group": ["north", "south"], "rate": [0.2, 0.1]}
    >>> rates_claim(pd.DataFrame(rows))
    'Chosen most unequally by city: 20% of north, 10% of south'
    """
    shown = frame.dropna(subset=["rate"])
    of = shown.groupby("column")["rate"]
    name = str((of.max() / of.min()).idxmax())
    mine = shown[shown["column"] == name].sort_values("rate")
    least, most = mine.iloc[0], mine.iloc[-1]
    ends = f"{number(most['rate'], '.0%')} of {most['group']}, {number(least['rate'], '.0%')} of {least['group']}"
    return f"Chosen most unequally by {name.replace('_', ' ')}: {ends}"
