"""Figure, table and sentences about all methods without chance, from the frame of ``bankmkt.experiment.methods``."""

import textwrap
from typing import TYPE_CHECKING, Any

from bankmkt.plots import reading, theme, wording
from bankmkt.plots.effect import UNITS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

HOLDS = {True: (theme.BLUE, "o", "holds the truth"), False: (theme.VERMILION, "X", "misses the truth")}
"""Colour, marker and words of an interval that does or does not hold the truth."""


def compared(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw every method's estimate of one outcome against the truth, and what it finds where there can be nothing.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of one outcome of :func:`bankmkt.experiment.methods`; methods that could not be used are left out.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If the frame is empty or holds several outcomes.
    """
    outcome = reading.one(frame, "outcome")
    rows, known = frame[frame["estimate"].notna()], "truth" in frame
    ax = theme.axes(ax, 1.9 + 0.55 * len(rows))
    named = set()
    for y, r in enumerate(rows.to_dict("records")):
        colour, marker, holds = HOLDS[bool(r["covers"]) if known else True]
        ax.plot([r["ci_low"], r["ci_high"]], [y - 0.14, y - 0.14], color=colour, linewidth=2.5, solid_capstyle="round")
        label = None if holds in named or not known else f"estimate: {holds}"
        ax.plot(r["estimate"], y - 0.14, marker, color=colour, markersize=8, linestyle="none", label=label)
        named.add(holds)
        if r["negative"] == r["negative"]:
            ax.plot([r["negative_low"], r["negative_high"]], [y + 0.2, y + 0.2], color=theme.GREY, linewidth=1.5)
            label = None if "before" in named else "same method one window before: should be 0"
            hollow: dict[str, Any] = {"markerfacecolor": "white", "markersize": 6, "linestyle": "none"}
            ax.plot(r["negative"], y + 0.2, "s", color=theme.GREY, label=label, **hollow)
            named.add("before")
    if known:
        ax.axvline(rows["truth"].iloc[0], color=theme.INK, linewidth=1.5, linestyle="--", label="truth")
    ax.axvline(0, color=theme.GREY, linewidth=1)
    ax.set_yticks(range(len(rows)), [textwrap.fill(method, 26) for method in rows["method"]])
    ax.set_ylim(len(rows) - 0.4, -0.7)
    ax.grid(visible=False, axis="y")
    largest = rows[["ci_low", "ci_high", "negative_low", "negative_high"]].abs().max().max()
    label = theme.unit_axis(ax.xaxis, largest, UNITS[outcome])
    ax.set_xlabel(f"effect on {reading.NAMES[outcome]}, {label} (95% interval)")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.16), ncols=2)
    theme.claim(ax, claim(frame))
    return ax


def claim(frame: "pd.DataFrame") -> str:
    """Say what the comparison of methods shows, in a sentence without its full stop.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"method": ["participants − others", "matching", "doubly robust"], "outcome": "aum_change",
    ...         "estimate": [1000.0, 900.0, 800.0], "truth": 100.0, "covers": [False, False, True],
    ...         "recovered": [0.0, 0.11, 0.22]}
    >>> claim(pd.DataFrame(rows))
    '1 of 3 methods without chance holds the truth on AUM; the plain difference is off by +900 yuan'
    >>> claim(pd.DataFrame(rows).drop(columns=["truth", "covers", "recovered"]))
    'Methods without chance say between +800 and +1,000 yuan on AUM: which to believe rests on what cannot be seen'
    """
    outcome = reading.one(frame, "outcome")
    rows, unit = frame[frame["estimate"].notna()], " yuan" if outcome == "aum_change" else ""
    name = reading.NAMES[outcome]
    if "truth" not in frame:
        low, high = (reading.signed(v, outcome) for v in (rows["estimate"].min(), rows["estimate"].max()))
        said = f"between {low} and {high}{unit} on {name}"
        return f"Methods without chance say {said}: which to believe rests on what cannot be seen"
    hold = int(rows["covers"].astype(bool).sum())
    verb = "holds" if hold == 1 else "hold"
    off = reading.signed(rows["estimate"].iloc[0] - rows["truth"].iloc[0], outcome)
    start = f"{hold or 'None'} of {len(rows)} methods without chance {verb} the truth on {name}"
    return f"{start}; the plain difference is off by {off}{unit}"


def verdicts(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Lay out, a row per outcome and method, what speaks for and against it.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.experiment.methods`.

    Returns
    -------
    pandas.DataFrame
        Texts: ``outcome``, ``method``, with truth ``recovered`` (share of the plain difference's bias taken off),
        ``before`` (what it finds one window before the campaign; "–" where no control could be run), ``hidden`` (how
        strong a hidden cause must be to explain the effect away), ``verdict``.
    """
    import pandas as pd

    table = pd.DataFrame({"outcome": frame["outcome"].map(reading.NAMES), "method": frame["method"]})
    rows = frame.to_dict("records")
    if "recovered" in frame:
        table["recovered"] = [
            reading.percent(r["recovered"]) if r["recovered"] == r["recovered"] else "–" for r in rows
        ]
    table["before"] = [_before(r) for r in rows]
    table["hidden"] = [_hidden(r) for r in rows]
    return table.assign(verdict=list(frame["verdict"]))


def _before(row: Any) -> str:
    if row["negative"] != row["negative"]:
        return "–"
    found = reading.signed(row["negative"], row["outcome"]) + (" yuan" if row["outcome"] == "aum_change" else "")
    return f"{found}, {'beyond chance' if row['negative_found'] else 'within chance'}"


def _hidden(row: Any) -> str:
    if row["robustness_value"] != row["robustness_value"]:
        return "–"
    value = reading.percent(row["robustness_value"])
    return f"{value}; {row['times']:.1f} × {row['yardstick']}" if row["yardstick"] else value


def lesson(frame: "pd.DataFrame") -> str:
    """Say which methods recovered the truth, and whether their own checks would have told, in sentences.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of one outcome of :func:`bankmkt.experiment.methods`.
    """
    rows = frame[frame["robustness_value"].notna()]
    name = reading.NAMES[reading.one(frame, "outcome")]
    if rows.empty:
        return f"Nobody resembles the participants enough to compare like with like on {name}."
    parts = [_control(rows), wording.capital(_cause(rows, name)) + "."]
    if "truth" in frame:
        parts.insert(0, _taken_off(rows, name))
        if (rows["covers"].eq(False) & rows["negative_found"].eq(False)).any():
            parts.append(
                "They do not see all that was at work, as the truth shows, and no check on the data could tell."
            )
    return " ".join(parts)


def _control(rows: "pd.DataFrame") -> str:
    if rows["negative"].isna().all():
        return f"None of them could be applied before the campaign: {rows['no_control'].iloc[0]}."
    warned = int(rows["negative_found"].eq(True).sum())
    some = f"{warned} of them {'finds' if warned == 1 else 'find'} an effect"
    found = {0: "none of them finds an effect", len(rows): "all of them find an effect"}.get(warned, some)
    said = f"Applied one window before the campaign, where there can be none, {found}"
    return (
        f"{said}: either a hidden cause, or customers were chosen by what had just happened." if warned else f"{said}."
    )


def _cause(rows: "pd.DataFrame", name: str) -> str:
    said = f"a hidden cause that explained {_span(rows['robustness_value'])} of what the data leave open, in {name} and"
    return f"{said} in who joins alike, would undo them; whether there is one, no figure says"


def _taken_off(rows: "pd.DataFrame", name: str) -> str:
    if rows["recovered"].isna().all():
        return f"On {name}, the plain difference is within chance of the truth, so there is nothing to take off."
    hold, span = int(rows["covers"].eq(True).sum()), _span(rows["recovered"])
    held = f"{hold or 'none'} of their {len(rows)} intervals {'holds' if hold <= 1 else 'hold'} the truth"
    like = "the methods that compare like with like"
    return f"On {name}, {like} take off {span} of the plain difference’s bias; {held}."


def _span(shares: "pd.Series[float]") -> str:
    low, high = (reading.percent(v) for v in (shares.min(), shares.max()))
    return low if low == high else f"{low} to {high}"
