"""Figures of what a campaign changed, from the frames of :mod:`bankmkt.experiment`.

Each takes one frame and an optional ``ax``, and returns the ``Axes``; the title is the claim that the frame supports.
"""

import textwrap
from typing import TYPE_CHECKING

from bankmkt.errors import ParameterError, one_of
from bankmkt.plots import theme, wording
from bankmkt.plots.parts import month_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

UNITS = {
    "aum_change": "yuan per customer",
    "products_change": "products per customer",
    "logins": "logins per customer a month",
    "conversion": "share of customers",
    "aum": "yuan per customer",
    "products": "products per customer",
}
"""Unit of each outcome and indicator, as :func:`bankmkt.plots.quantity` reads it."""

NAMES = {
    "aum_change": "AUM", "products_change": "products held", "logins": "monthly logins", "conversion": "conversion",
    "aum": "AUM", "products": "products held",
}  # fmt: skip

COLOURS = {
    "effect": theme.GREEN, "mean_reversion": theme.SKY, "trend": theme.YELLOW, "traits": theme.ORANGE,
    "hidden": theme.VERMILION, "gap": theme.GREY,
}  # fmt: skip


def methods(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw every method's estimate of one outcome with its 95 % interval, and the truth where it is known.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Evaluation.of(outcome)`` of :func:`bankmkt.experiment.evaluate`.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If the frame is empty or holds several outcomes.
    """
    outcome = _one(frame, "outcome")
    unit, known = UNITS[outcome], "truth" in frame
    ax = theme.axes(ax, 1.4 + 0.5 * len(frame))
    for y, r in enumerate(frame.to_dict("records")):
        colour = theme.PURPLE if r["target"] in ("ITT", "CACE") else theme.BLUE
        ax.plot([r["ci_low"], r["ci_high"]], [y, y], color=colour, linewidth=2.5, solid_capstyle="round")
        ax.plot(r["estimate"], y, "o", color=colour, markersize=8)
        text = _signed(r["estimate"], outcome)
        ax.annotate(text, (r["estimate"], y), (0, 9), textcoords="offset points", ha="center", fontsize=9)
    if known:
        rows = range(len(frame))
        ax.plot(frame["truth"], rows, "D", color=theme.INK, markersize=7, markerfacecolor="none", label="truth")
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)
    ax.axvline(0, color=theme.GREY, linewidth=1)
    ax.set_yticks(range(len(frame)), [textwrap.fill(method, 26) for method in frame["method"]])
    ax.set_ylim(len(frame) - 0.5, -0.7)
    ax.grid(visible=False, axis="y")
    largest = frame[["estimate", "ci_low", "ci_high"]].abs().to_numpy().max()
    label = theme.unit_axis(ax.xaxis, largest, unit)
    ax.set_xlabel(f"effect on {NAMES[outcome]}, {label} (95 % interval)")
    theme.claim(ax, methods_claim(frame), above=12 if known else 0)
    return ax


def methods_claim(frame: "pd.DataFrame") -> str:
    """Say what a frame of estimates shows, in a sentence.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"method": ["participants − others", "doubly robust"], "outcome": "aum_change",
    ...         "target": "ATT", "estimate": [1000.0, 400.0], "truth": 100.0}
    >>> methods_claim(pd.DataFrame(rows))
    'The published comparison says +1,000 yuan of AUM per customer; the campaign really brought +100 yuan'
    """
    outcome = _one(frame, "outcome")
    first, last = frame.iloc[0], frame[frame["target"] == "ATT"].iloc[-1]
    published = _signed(first["estimate"], outcome)
    unit = {"aum_change": "yuan ", "conversion": ""}.get(outcome, "")
    noun = {"aum_change": "of AUM ", "products_change": "products ", "logins": "monthly logins "}.get(outcome, "")
    start = f"The published comparison says {published} {unit}{noun}per customer"
    if "truth" in frame:
        return f"{start}; the campaign really brought {_signed(first['truth'], outcome)} {unit}".rstrip()
    return f"{start}; comparing like with like says {_signed(last['estimate'], outcome)} {unit}".rstrip()


def _signed(value: float, outcome: str) -> str:
    digits = 0 if outcome == "aum_change" else 2
    text = f"{value:+,.{digits}f}" if round(value, digits) else f"±{0:.{digits}f}"
    return text.replace("-", "−")


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\u00a0%".replace("-0\u00a0", "0\u00a0").replace("-", "−")


def path(frame: "pd.DataFrame", indicator: str, ax: "Axes | None" = None) -> "Axes":
    """Draw participants and others month by month, the campaign shaded.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.experiment.monthly_path`.
    indicator : str
        ``"aum"``, ``"products"`` or ``"logins"``.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    import pandas as pd

    rows = _rows(frame, indicator)
    rows = rows.assign(month=pd.to_datetime(rows["month"]))
    ax = theme.axes(ax, 3.8)
    for joined, label, colour, style in (
        (True, "participants", theme.BLUE, "-"),
        (False, "others", theme.ORANGE, "--"),
    ):
        r = rows[rows["participated"] == joined]
        ax.fill_between(r["month"], r["ci_low"], r["ci_high"], color=colour, alpha=0.18, linewidth=0)
        ax.plot(r["month"], r["mean"], style, color=colour, marker="o", markersize=4, label=label)
    start = rows.loc[rows["months_after"] == 0, "month"].iloc[0]
    ax.axvspan(start, rows["month"].max(), color=theme.GREY, alpha=0.12, linewidth=0, label="campaign")
    top = float(rows["ci_high"].max())
    ax.set_ylim(0 if rows["ci_low"].min() < 0.5 * top else None, None)
    ax.set_ylabel(theme.unit_axis(ax.yaxis, top, UNITS[indicator]))
    month_axis(ax, rows["month"].nunique())
    ax.legend(loc="upper left", ncols=3)
    ax.margins(y=0.2)
    theme.claim(ax, path_claim(frame, indicator))
    return ax


def path_claim(frame: "pd.DataFrame", indicator: str) -> str:
    """Say how both groups moved since the last month before the campaign, in a sentence."""
    rows = _rows(frame, indicator)
    moves = []
    for joined in (True, False):
        r = rows[rows["participated"] == joined].set_index("months_after")["mean"]
        moves.append(wording.change(100 * (r.iloc[-1] / r.loc[0] - 1)) if r.loc[0] > 0 else wording.MISSING)
    name = NAMES[indicator]
    return f"{name[0].upper()}{name[1:]} since the campaign began: participants {moves[0]}, others {moves[1]}".replace(
        " %", "\u00a0%"
    )


def gap(frame: "pd.DataFrame", outcome: str, ax: "Axes | None" = None) -> "Axes":
    """Draw the gap between participants and others as the sum of its parts, each with its 95 % interval.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.experiment.decompose`.
    outcome : str
        The outcome it is of.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    if outcome not in UNITS:
        raise ParameterError("outcome", outcome, one_of(UNITS), "pass the outcome that was taken apart")
    ax = theme.axes(ax, 1.4 + 0.5 * len(frame))
    at = 0.0
    for y, r in enumerate(frame.to_dict("records")):
        left = 0.0 if r["part"] == "gap" else at
        low, high = left + r["ci_low"], left + r["ci_high"]
        ax.barh(y, r["value"], left=left, color=COLOURS[r["part"]], edgecolor=theme.INK, linewidth=0.5, height=0.6)
        at = left + r["value"]
        ax.plot([low, high], [y, y], color=theme.INK, linewidth=1.2)
        if y < len(frame) - 1:
            ax.plot([at, at], [y + 0.3, y + 0.7], color=theme.GREY, linewidth=1)
        text = f"{_signed(r['value'], outcome)} ({_percent(r['share'])})"
        ax.annotate(text, (max(at, left, high), y), (6, 0), textcoords="offset points", va="center", fontsize=9)
    ax.axvline(0, color=theme.GREY, linewidth=1)
    ax.set_yticks(range(len(frame)), list(frame["label"]))
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.margins(x=0.18)
    label = theme.unit_axis(ax.xaxis, frame[["value", "ci_low", "ci_high"]].abs().to_numpy().max(), UNITS[outcome])
    ax.set_xlabel(f"difference in {NAMES[outcome]}, {label} (share of the gap)")
    theme.claim(ax, gap_claim(frame, outcome))
    return ax


def gap_claim(frame: "pd.DataFrame", outcome: str) -> str:
    r"""Say how much of the gap is the campaign's doing, in a sentence.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"part": ["effect", "gap"], "label": ["true effect", "gap"], "value": [100.0, 1000.0],
    ...         "share": [0.1, 1.0]}
    >>> gap_claim(pd.DataFrame(rows), "aum_change")
    'Of a gap of +1,000 in AUM per customer, +100 (10\xa0%) is the campaign’s doing'
    """
    value, share = frame.set_index("part")["value"], frame.set_index("part")["share"]
    whole, effect = _signed(value["gap"], outcome), _signed(value["effect"], outcome)
    known = frame.loc[frame["part"] == "effect", "label"].iloc[0] == "true effect"
    verb = "is" if known else "is, as far as the data show,"
    part = f"{effect} ({_percent(share['effect'])})"
    return f"Of a gap of {whole} in {NAMES[outcome]} per customer, {part} {verb} the campaign’s doing"


def spoken(frame: "pd.DataFrame", name: str, value: str, unit: str) -> str:
    """Read a figure's values out, for readers who cannot see it.

    Parameters
    ----------
    frame : pandas.DataFrame
        With ``ci_low`` and ``ci_high`` beside the value.
    name, value : str
        Columns of the label and of the number.
    unit : str
        As in :func:`bankmkt.plots.quantity`.

    Examples
    --------
    >>> import pandas as pd
    >>> spoken(pd.DataFrame({"m": ["a"], "v": [5.0], "ci_low": [1.0], "ci_high": [9.0]}), "m", "v", "yuan")
    'a: 5.00 yuan (1.00 yuan to 9.00 yuan)'
    """

    def write(number: float) -> str:
        return wording.quantity(number, unit)

    rows = frame.to_dict("records")
    return "; ".join(f"{r[name]}: {write(r[value])} ({write(r['ci_low'])} to {write(r['ci_high'])})" for r in rows)


def _one(frame: "pd.DataFrame", column: str) -> str:
    values = frame[column].unique()
    if len(values) != 1:
        raise ParameterError(column, list(values), "rows of one outcome", "select it from the frame first")
    return str(values[0])


def _rows(frame: "pd.DataFrame", indicator: str) -> "pd.DataFrame":
    if indicator not in set(frame["indicator"]):
        raise ParameterError("indicator", indicator, one_of(frame["indicator"].unique()), "name one of the frame's")
    return frame[frame["indicator"] == indicator]
