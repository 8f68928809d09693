"""Figures of predictions: how well they rank, how far to trust a probability, what drives them.

Each takes a frame of :mod:`bankmkt.tags` and returns ``Axes``; the title is the claim that the frame supports.
"""

import math
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bankmkt.errors import DataError
from bankmkt.plots import theme
from bankmkt.plots.parts import name_bars

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

STYLE = {
    "model": (theme.BLUE, "o", "-"),
    "simple rule": (theme.ORANGE, "s", "--"),
    "best achievable": (theme.GREEN, "D", "-."),
}
"""Colour, marker and line of each score; the three differ in more than colour."""
LABELS = {"best achievable": "best achievable (at least)"}
"""What the legend says where it is not the score's name."""


def ranking(figures: "pd.DataFrame", names: Mapping[str, str], ax: "Axes | None" = None) -> "Axes":
    """Draw how well each score ranks customers (AUC), with 95% intervals, a row per prediction.

    Parameters
    ----------
    figures : pandas.DataFrame
        Of :func:`bankmkt.tags.evaluate_models`.
    names : mapping
        Name to read by code.
    ax : matplotlib Axes, optional

    Raises
    ------
    DataError
        If all predictions are suppressed.
    """
    rows = figures[(figures["measure"] == "auc") & figures["score"].isin(STYLE) & ~figures["suppressed"]]
    if rows.empty:
        raise DataError("figures", "all suppressed", "predictions with enough outcomes", "take a larger bank")
    codes = [code for code in names if code in set(rows["code"])]
    ax = theme.axes(ax, 0.55 * len(codes) + 1.6)
    scores = [name for name in STYLE if name in set(rows["score"])]
    for i, score in enumerate(scores):
        own = rows[rows["score"] == score].set_index("code").reindex(codes)
        at = [n + 0.22 * (i - (len(scores) - 1) / 2) for n in range(len(codes))]
        colour, marker, _line = STYLE[score]
        ax.hlines(at, own["ci_lower"], own["ci_upper"], color=colour, linewidth=2.5)
        ax.plot(own["value"], at, marker, color=colour, markersize=6, label=LABELS.get(score, score))
    ax.axvline(0.5, color=theme.GREY, linewidth=1)
    ax.set_xlabel(
        "AUC: chance that of two customers, one with the outcome and one without, the right one scores higher"
    )
    name_bars(ax, [names[code] for code in codes])
    ax.grid(visible=False, axis="y")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.1)
    theme.claim(ax, ranking_claim(figures), above=18)
    return ax


def ranking_claim(figures: "pd.DataFrame") -> str:
    """Say for how many predictions the model is shown to rank better than the simple rule (Holm-corrected, 5%).

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"code": "a", "score": "model − simple rule", "measure": "auc", "value": 0.1, "p_holm": 0.01}
    >>> ranking_claim(pd.DataFrame([row, row | {"code": "b", "p_holm": 0.2}]).assign(suppressed=False))
    'Shown to rank better than the simple rule: 1 of 2 models'
    """
    rows = figures[(figures["score"] == "model − simple rule") & (figures["measure"] == "auc") & ~figures["suppressed"]]
    better = (rows["p_holm"] < 0.05) & (rows["value"] > 0)
    return f"Shown to rank better than the simple rule: {int(better.sum())} of {len(rows)} models"


def lift(curve: "pd.DataFrame", code: str, name: str, ax: "Axes | None" = None) -> "Axes":
    """Draw which part of all outcomes is reached by contacting the highest-scored customers.

    Parameters
    ----------
    curve : pandas.DataFrame
        Of :func:`bankmkt.tags.lift_curve`.
    code, name : str
        Of the prediction.
    ax : matplotlib Axes, optional

    Raises
    ------
    DataError
        If the curve does not have the prediction.
    """
    own = _own(curve, code)
    ax = theme.axes(ax, 4, 5)
    ax.plot([0, 1], [0, 1], color=theme.GREY, linewidth=1, label="by chance")
    for score, (colour, _marker, line) in STYLE.items():
        rows = own[own["score"] == score]
        if rows.empty:
            continue
        rows = rows.dropna(subset="captured")  # hidden points are passed over
        ax.plot([0, *rows["share"]], [0, *rows["captured"]], line, color=colour, linewidth=2,
                label=LABELS.get(score, score))  # fmt: skip
        if score == "model" and rows["ci_lower"].notna().any():
            rows = rows.dropna(subset="ci_lower")
            ax.fill_between(
                [0, *rows["share"]], [0, *rows["ci_lower"]], [0, *rows["ci_upper"]], color=colour, alpha=0.2, lw=0,
            )  # fmt: skip
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks([0, 0.25, 0.5, 0.75, 1])
        theme.percent_axis(axis)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("customers contacted, best first")
    ax.set_ylabel("of all outcomes")
    tenth = own[(own["score"] == "model") & (own["share"] == 0.1)]["captured"].iloc[0]
    _title(ax, name, "few outcomes: parts hidden" if math.isnan(tenth) else f"the first tenth holds {tenth:.0%}")
    return ax


def calibration(frame: "pd.DataFrame", code: str, name: str, ax: "Axes | None" = None) -> "Axes":
    """Draw what came true against what was said, by groups of like probability, with 95% intervals.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.tags.reliability`.
    code, name : str
        Of the prediction.
    ax : matplotlib Axes, optional

    Raises
    ------
    DataError
        If the frame does not have the prediction, or all its bins are suppressed.
    """
    own = _own(frame[~frame["suppressed"]], code)
    ax = theme.axes(ax, 4, 5)
    rows = own[own["score"] == "model"]
    top = 1.1 * float(max(rows["predicted"].max(), rows["ci_upper"].max()))
    ax.plot([0, top], [0, top], color=theme.GREY, linewidth=1, label="said = came true")
    best = own[own["score"] == "best achievable"]
    if not best.empty:
        colour, marker, _line = STYLE["best achievable"]
        inside = best[(best["predicted"] <= top) & (best["happened"] <= top)]
        ax.plot(inside["predicted"], inside["happened"], marker, color=colour, markerfacecolor="none",
                markersize=5, label="best achievable")  # fmt: skip
    colour, marker, _line = STYLE["model"]
    ax.vlines(rows["predicted"], rows["ci_lower"], rows["ci_upper"], color=colour, linewidth=2)
    ax.plot(rows["predicted"], rows["happened"], marker, color=colour, markersize=5, label="model")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(_few())
        theme.percent_axis(axis)
    ax.set_xlim(0, top)
    ax.set_ylim(0, top)
    ax.set_xlabel("said")
    ax.set_ylabel("came true")
    _title(ax, name, calibration_claim(rows))
    return ax


def calibration_claim(rows: "pd.DataFrame") -> str:
    """Say whether probabilities fit what came true; of ten bins that fit, one in two times one is off by chance.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"predicted": [0.1, 0.2, 0.3], "ci_lower": [0.05, 0.1, 0.1], "ci_upper": [0.15, 0.3, 0.4]})
    >>> calibration_claim(rows), calibration_claim(rows.assign(predicted=0.5)), calibration_claim(rows.head(0))
    ('fits in 3 of 3 groups', 'too high in 3 of 3 groups', 'too few to show')
    """
    high, low = int((rows["predicted"] > rows["ci_upper"]).sum()), int((rows["predicted"] < rows["ci_lower"]).sum())
    number = len(rows)
    if not number:
        return "too few to show"
    if high + low <= 1:
        return f"fits in {number - high - low} of {number} groups"
    if high and low:
        return f"too high in {high}, too low in {low} of {number}"
    return f"too {'high' if high else 'low'} in {high + low} of {number} groups"


def _few() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5)


def grid(draw: Any, frame: "pd.DataFrame", names: Mapping[str, str]) -> "np.ndarray":
    """Draw a panel per prediction, those that the frame has; the legend stands once, on top.

    Parameters
    ----------
    draw : function
        :func:`lift` or :func:`calibration`.
    frame : pandas.DataFrame
        What it takes.
    names : mapping
        Name to read by code.

    Raises
    ------
    DataError
        If the frame has none of the predictions.
    """
    from matplotlib import pyplot as plt

    shown = frame[~frame["suppressed"]] if "suppressed" in frame else frame
    codes = [code for code in names if code in set(shown["code"])]
    if not codes:
        raise DataError("frame", "no predictions", "predictions with enough outcomes", "take a larger bank")
    across = min(4, len(codes))
    down = -(-len(codes) // across)
    figure, axes = plt.subplots(
        down, across, figsize=(2.9 * across, 3.0 * down + 0.5), squeeze=False, layout="constrained"
    )
    for code, ax in zip(codes, axes.flat, strict=False):
        draw(frame, code, names[code], ax)
    for ax in axes.flat[len(codes) :]:
        ax.set_visible(False)
    for row in axes:
        for ax in row[1:]:
            ax.set_ylabel("")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return axes


def drivers(frame: "pd.DataFrame", name: str, ax: "Axes | None" = None, number: int = 8) -> "Axes":
    """Draw which inputs move a model's score most, and in which direction.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Model.drivers``.
    name : str
        Of the prediction.
    ax : matplotlib Axes, optional
    number : int
        Of inputs shown.
    """
    rows = frame.head(number)
    ax = theme.axes(ax, 0.42 * len(rows) + 1.6)
    kinds = [
        (rows["direction"] >= 0.3, theme.BLUE, "", "higher value, higher score"),
        (rows["direction"] <= -0.3, theme.ORANGE, "//", "higher value, lower score"),
        (~(rows["direction"].abs() >= 0.3), theme.GREY, "..", "it depends"),
    ]
    for mask, colour, hatch, label in kinds:
        if mask.any():
            at = [i for i, one in enumerate(mask) if one]
            ax.barh(at, rows.loc[mask, "share"], 0.7, color=colour, hatch=hatch, edgecolor="white", label=label)
    for i, share in enumerate(rows["share"]):
        ax.text(share, i, f" {share:.0%}", va="center", fontsize=9)
    name_bars(ax, [textwrap.shorten(text, 40, placeholder=" …") for text in rows["meaning"]])
    ax.grid(visible=False, axis="y")
    ax.margins(x=0.12)
    theme.percent_axis(ax.xaxis)
    ax.set_xlabel("share in all that moves the score")
    ax.legend(loc="lower right")
    first = rows.iloc[0]
    theme.claim(ax, f"{name} rests most on: {first['meaning']}")
    return ax


def _own(frame: "pd.DataFrame", code: str) -> "pd.DataFrame":
    own = frame[frame["code"] == code]
    if own.empty:
        raise DataError("code", code, "a prediction with enough outcomes", "take a larger bank")
    return own


def _title(ax: "Axes", name: str, claim: str) -> None:
    """Set a small panel's title: the prediction, and under it what the panel shows."""
    short = textwrap.shorten(name, 32, placeholder=" …").replace("$", r"\$")
    ax.set_title(f"{short}\n{claim}", fontsize=9.5, pad=6)
