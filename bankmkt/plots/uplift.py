"""Figures of who reacts to a campaign, from the frames of :mod:`bankmkt.uplift`.

Each takes a frame and the name of the outcome, and returns the ``Axes``; the title is the claim that the frame
supports.
"""

from typing import TYPE_CHECKING

from bankmkt.errors import DataError, ParameterError, one_of
from bankmkt.names import number
from bankmkt.plots import theme
from bankmkt.plots.groups import need
from bankmkt.plots.wording import capital, quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

UNITS = {
    "conversion": (1000.0, "conversions per 1,000 customers", "+,.1f"),
    "aum_change": (1.0, "yuan per customer", "+,.0f"),
    "products_change": (1000.0, "products per 1,000 customers", "+,.1f"),
    "logins": (1.0, "logins per customer a month", "+,.3f"),
}
"""Of each outcome: what it is multiplied by, its unit then, and how it is written."""

NAMES = {
    "S": "S learner", "T": "T learner", "X": "X learner", "R": "R learner", "DR": "DR learner",
    "TO": "transformed outcome", "uplift_forest": "uplift forest", "causal_forest": "causal forest",
    "response": "who responds", "random": "random order",
}  # fmt: skip
"""Of models in words."""


def name(model: str) -> str:
    """Write a model's name for a reader.

    Examples
    --------
    >>> name("T"), name("mine")
    ('T learner', 'mine')
    """
    return NAMES.get(model, model)


def amount(value: float, outcome: str) -> str:
    """Write an effect in its unit.

    Examples
    --------
    >>> amount(0.0371, "conversion"), amount(-12.3, "aum_change")
    ('+37.1 conversions per 1,000 customers', '−12 yuan per customer')
    """
    factor, unit, spec = _unit(outcome)
    return f"{number(factor * value, spec)} {unit}"


def models(frame: "pd.DataFrame", outcome: str, ax: "Axes | None" = None) -> "Axes":
    """Draw Q of each model with its interval, and its true value where that is known.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.uplift.evaluate`, of one arm; with ``joint_ci_lower`` and ``joint_ci_upper`` of
        :func:`bankmkt.uplift.joint_intervals` these are drawn.
    outcome : str
        What the campaign is judged by.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    SchemaError, DataError, ParameterError
        If the frame is another, is of several arms, or the outcome is unknown.
    """
    low, high = _limits(frame)
    factor, unit, spec = _unit(outcome)
    rows = frame.sort_values("q")
    ax = theme.axes(ax, 1.6 + 0.45 * len(rows))
    for y, r in enumerate(rows.to_dict("records")):
        colour = theme.BLUE if r[low] > 0 else theme.VERMILION if r[high] < 0 else theme.GREY
        ax.plot([factor * r[low], factor * r[high]], [y, y], color=colour, linewidth=2.5, solid_capstyle="round")
        ax.plot(factor * r["q"], y, "o", color=colour, markersize=8, label="_estimate")
        if "q_true" in r:
            told = "truth, of these customers" if y == 0 else "_truth"
            ax.plot(
                factor * r["q_true"], y, "D", color=theme.ORANGE, markeredgecolor=theme.INK, markersize=7, label=told
            )
        ax.annotate(number(factor * r["q"], spec), (factor * r["q"], y), (0, 9), textcoords="offset points",
                    ha="center", fontsize=9)  # fmt: skip
    ax.axvline(0, color=theme.INK, linewidth=1)
    ax.set_yticks(range(len(rows)), [capital(name(m)) for m in rows["model"]])
    ax.set_ylim(-0.6, len(rows) - 0.3)
    ax.set_xlabel(f"Q, {unit} (95% interval{'s that hold for all together' if low.startswith('joint') else ''})")
    ax.grid(axis="y", visible=False)
    if "q_true" in frame:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    theme.claim(ax, models_claim(frame))
    return ax


def models_claim(frame: "pd.DataFrame") -> str:
    """Say which models put customers in a better order than chance, in a sentence without its full stop."""
    low, _ = _limits(frame)
    better = frame[frame[low] > 0].sort_values("q", ascending=False)["model"].map(name).tolist()
    if not better:
        return "No model’s order of customers is surely better than chance"
    several = f"{', '.join(better[:-1])} and {better[-1]}" if len(better) > 1 else better[0]
    return f"Better than chance: {several}" + (", of all models" if len(better) < len(frame) else "")


def curve(frame: "pd.DataFrame", outcome: str, ax: "Axes | None" = None) -> "Axes":
    """Draw the Qini curve of one model with its band, and the true curve where that is known.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of one model and arm of :func:`bankmkt.uplift.curve`.
    outcome, ax
        As of :func:`models`.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    SchemaError, DataError, ParameterError
        If the frame is another, is of several models or arms, or the outcome is unknown.
    """
    need(frame, ("model", "arm", "share", "above", "band_lower", "band_upper"), "uplift.curve")
    _one(frame, "model", "arm")
    factor, unit, _ = _unit(outcome)
    ax = theme.axes(ax, 4.2)
    ax.fill_between(frame["share"], factor * frame["band_lower"], factor * frame["band_upper"], color=theme.SKY,
                    alpha=0.4, linewidth=0, label="95% band of the whole curve")  # fmt: skip
    ax.plot(frame["share"], factor * frame["above"], color=theme.BLUE, linewidth=2.5, label="measured")
    if "above_true" in frame:
        ax.plot(frame["share"], factor * frame["above_true"], color=theme.ORANGE, linewidth=2.5, linestyle="--",
                label="truth, of these customers")  # fmt: skip
    ax.axhline(0, color=theme.INK, linewidth=1)
    theme.percent_axis(ax.xaxis)
    ax.set_xlim(0, 1)
    ax.set_xlabel("Share of customers contacted, the most promising first")
    ax.set_ylabel(f"More than at random,\n{unit}")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    theme.claim(ax, curve_claim(frame))
    return ax


def curve_claim(frame: "pd.DataFrame") -> str:
    """Say where the order beats chance, in a sentence without its full stop."""
    inner = frame[(frame["share"] > 0) & (frame["share"] < 1)]
    sure, model = inner[inner["band_lower"] > 0]["share"], name(str(frame["model"].iloc[0]))
    if sure.empty:
        return f"Nowhere does the order by {model} surely bring more than a random one"
    where = f"from {sure.min():.0%} to {sure.max():.0%}" if len(sure) > 1 else f"at {sure.iloc[0]:.0%}"
    if inner["share"].between(sure.min(), sure.max()).sum() > len(sure):  # with gaps between
        where = f"at {len(sure)} of the {len(inner)} shares drawn, first at {sure.min():.0%}"
    return f"The order by {model} surely brings more than a random one {where} of customers"


def groups(frame: "pd.DataFrame", outcome: str, whole: float, ax: "Axes | None" = None) -> "Axes":
    """Draw the effect by groups of a score with its interval, and the true one where that is known.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.uplift.groups`; hidden groups are left out.
    outcome, ax
        As of :func:`models`.
    whole : float
        Effect on everybody.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    SchemaError, DataError, ParameterError
        If the frame is another or has no group to show, or the outcome is unknown.
    """
    need(frame, ("group", "effect", "ci_lower", "ci_upper"), "uplift.groups")
    shown = frame.dropna(subset=["effect"])
    if shown.empty:
        raise DataError("groups", "all hidden", "a group of k customers or more of each arm", "ask for fewer parts")
    factor, unit, _ = _unit(outcome)
    ax = theme.axes(ax, 4.2)
    for r in shown.to_dict("records"):
        colour = theme.BLUE if r["ci_lower"] > 0 else theme.VERMILION if r["ci_upper"] < 0 else theme.GREY
        ax.plot([r["group"]] * 2, [factor * r["ci_lower"], factor * r["ci_upper"]], color=colour, linewidth=2.5)
        ax.plot(r["group"], factor * r["effect"], "o", color=colour, markersize=8)
        if "truth" in r:
            told = "truth, of these customers" if r["group"] == shown["group"].iloc[0] else "_truth"
            ax.plot(r["group"], factor * r["truth"], "D", color=theme.ORANGE, markeredgecolor=theme.INK, label=told)
    ax.axhline(0, color=theme.INK, linewidth=1)
    ax.axhline(factor * whole, color=theme.GREEN, linewidth=1.5, linestyle="--", label="effect on everybody")
    ax.set_xticks(frame["group"])
    ax.set_xlabel("Group by predicted effect, 1 the highest")
    ax.set_ylabel(f"Effect (95% interval),\n{unit}")
    ax.grid(axis="x", visible=False)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    theme.claim(ax, groups_claim(frame, outcome))
    return ax


def groups_claim(frame: "pd.DataFrame", outcome: str) -> str:
    """Say how the first and the last group differ, in a sentence without its full stop."""
    factor, unit, spec = _unit(outcome)
    shown = frame.dropna(subset=["effect"])
    first, last = shown.iloc[0], shown.iloc[-1]
    wide = ((first["ci_upper"] - first["effect"]) ** 2 + (last["ci_upper"] - last["effect"]) ** 2) ** 0.5
    gap = first["effect"] - last["effect"]
    verdict = "more than chance makes" if abs(gap) > wide else "that chance alone can make"
    ends = " and ".join(number(factor * r["effect"], spec) for r in (first, last))
    return f"First and last group: {ends} {unit}, a difference {verdict}"


def worth(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw what a list is worth beside other ways to choose, with intervals, and the truth where that is known.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Policy.comparison`` of :func:`bankmkt.uplift.policy`.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    SchemaError
        If the frame is another.
    """
    need(frame, ("policy", "customers", "value", "ci_lower", "ci_upper"), "uplift.policy, its comparison")
    rows = frame.iloc[::-1].reset_index(drop=True)
    ax = theme.axes(ax, 1.6 + 0.45 * len(rows))
    unit = theme.money_axis(ax.xaxis, float(rows[["ci_lower", "ci_upper"]].abs().to_numpy().max()))
    for y, r in enumerate(rows.to_dict("records")):
        colour = theme.BLUE if y == len(rows) - 1 else theme.GREY
        ax.plot([r["ci_lower"], r["ci_upper"]], [y, y], color=colour, linewidth=2.5, solid_capstyle="round")
        ax.plot(r["value"], y, "o", color=colour, markersize=8)
        if "value_true" in r:
            told = "truth, of these customers" if y == 0 else "_truth"
            ax.plot(r["value_true"], y, "D", color=theme.ORANGE, markeredgecolor=theme.INK, label=told)
    ax.axvline(0, color=theme.INK, linewidth=1)
    labels = [f"{capital(r['policy'])} ({r['customers']:,.0f})" for r in rows.to_dict("records")]
    ax.set_yticks(range(len(rows)), labels)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.set_xlabel(f"Worth after cost, {unit} (95% interval); in brackets: customers contacted")
    ax.grid(axis="y", visible=False)
    if "value_true" in rows:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    theme.claim(ax, worth_claim(frame))
    return ax


def worth_claim(frame: "pd.DataFrame") -> str:
    """Say what the list is worth, in a sentence without its full stop."""
    first = frame.iloc[0]
    money = " to ".join(quantity(first[limit], "yuan").removesuffix(" yuan") for limit in ("ci_lower", "ci_upper"))
    sure = "is worth" if first["ci_lower"] > 0 else "may be worth"
    return f"The list {sure} {quantity(first['value'], 'yuan')} (95% interval {money})"


def _unit(outcome: str) -> tuple[float, str, str]:
    if outcome not in UNITS:
        raise ParameterError("outcome", outcome, one_of(UNITS), "name the study's outcome")
    return UNITS[outcome]


def _limits(frame: "pd.DataFrame") -> tuple[str, str]:
    need(frame, ("model", "arm", "q", "q_ci_lower", "q_ci_upper"), "uplift.evaluate")
    _one(frame, "arm")
    return ("joint_ci_lower", "joint_ci_upper") if "joint_ci_lower" in frame else ("q_ci_lower", "q_ci_upper")


def _one(frame: "pd.DataFrame", *columns: str) -> None:
    for column in columns:
        found = frame[column].unique().tolist()
        if len(found) != 1:
            raise DataError(f"the frame's {column}", found, "one", f"filter it: frame[frame.{column} == …]")
