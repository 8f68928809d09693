"""Figures and tables of the platform view: visits, sessions, input and output; from the frames of bankmkt.funnel."""

from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.errors import DataError
from bankmkt.names import number
from bankmkt.plots import theme, wording
from bankmkt.plots.groups import need
from bankmkt.plots.parts import name_bars

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def heat(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw page views by hour and weekday.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.hours_of_week`.
    ax : matplotlib Axes, optional

    Raises
    ------
    SchemaError
        If a column is missing.
    DataError
        If every hour is hidden or empty.
    """
    from matplotlib import pyplot as plt

    need(frame, ("weekday", "hour", "per_hour"), "bankmkt.funnel.hours_of_week")
    wide = frame.pivot(index="weekday", columns="hour", values="per_hour").to_numpy(float)
    if not np.nansum(wide):
        raise DataError("frame", "no page views", "some that can be shown", "take a longer period")
    ax = theme.axes(ax, 3.6, 10)
    ax.set_facecolor("#F2F2F2")
    image = ax.imshow(wide, aspect="auto", cmap="cividis", vmin=0)
    plt.colorbar(image, ax=ax, label="page views an hour", pad=0.01)
    ax.set_yticks(range(7), DAYS)
    ax.set_xticks(range(0, 24, 2), [f"{hour}:00" for hour in range(0, 24, 2)], fontsize=9)
    ax.grid(visible=False)
    ax.tick_params(length=0)
    day, hour = np.unravel_index(int(np.nanargmax(wide)), wide.shape)
    quiet = np.unravel_index(int(np.nanargmin(wide)), wide.shape)
    text = (
        f"Busiest{wording.among(frame['per_hour'])}: {DAYS[day]} at {hour}:00 with {wide[day, hour]:,.1f} page views "
    )
    text += f"an hour; quietest: {DAYS[quiet[0]]} at {quiet[1]}:00 with {wide[quiet]:,.1f}"
    theme.claim(ax, text)
    return ax


def returns(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw each row's return on investment: as put down to it, as it changed something, and the truth if known.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.returns`, any grouping.
    ax : matplotlib Axes, optional

    Raises
    ------
    SchemaError
        If a column is missing.
    """
    needed = ("attributed_roi", "roi", "roi_lower", "roi_upper", "p_value", "true_roi", "withheld")
    need(frame, needed, "bankmkt.funnel.returns")
    rows = frame.reset_index(drop=True)
    ax = theme.axes(ax, 2.2 + 0.42 * len(rows), 10)
    known = bool(rows["true_roi"].notna().any())
    for y, r in enumerate(rows.to_dict("records")):
        ax.plot([r["roi_lower"], r["roi_upper"]], [y, y], color=theme.BLUE, linewidth=2.5, solid_capstyle="round")
        if np.isnan(r["roi"]):
            told = "withheld" if r["withheld"] else "no cost known"
            ax.annotate(told, (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=9, color=theme.GREY)
    points = [("attributed_roi", "s", theme.ORANGE, "put down to it"), ("roi", "o", theme.BLUE, "changed by it (95%)")]
    points += [("true_roi", "D", theme.INK, "truth")] * known
    for name, marker, colour, label in points:
        ax.plot(rows[name], rows.index, marker, color=colour, label=label, markersize=8 if marker == "o" else 6)
    ax.axvline(0, color=theme.GREY, linewidth=1)
    ax.set_xscale("symlog", linthresh=1)
    shown = rows[["attributed_roi", "roi_lower", "roi_upper", "true_roi"]].to_numpy(float)
    low, high = (float(f(shown)) if np.isfinite(shown).any() else 0.0 for f in (np.nanmin, np.nanmax))
    ticks = [t for t in (-100, -30, -10, -3, -1, 0, 1, 3, 10, 30, 100, 300) if 1.3 * low - 1 <= t <= 1.3 * high + 1]
    ax.set_xticks(ticks, [f"{t:,.0%}".replace("-", "−") for t in ticks], fontsize=9)
    ax.set_xticks([], minor=True)
    name_bars(ax, map(wording.words, rows.iloc[:, 0].astype(str)))
    ax.set_xlabel("return on investment: (value − cost) / cost; 0% is break-even")
    ax.grid(visible=False, axis="y")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
    theme.claim(ax, returns_claim(frame), above=18)
    return ax


def returns_claim(frame: "pd.DataFrame") -> str:
    """Say how many rows return more than they cost, as published and beyond chance: of the same rows.

    *Beyond chance* allows for the number of rows that are looked at (Holm's method, 5% in all).

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"campaign": ["a", "b", "total"], "attributed_roi": [2.0, 0.5, 1.2], "roi": [1.0, 0.2, 0.5],
    ...         "p_value": [0.01, 0.6, 0.02]}
    >>> returns_claim(pd.DataFrame(rows))
    'Of 2 campaigns whose effect can be told 2 pay by what is put down to them, 1 beyond chance by what they changed'
    """
    rows = frame[frame.iloc[:, 0].astype(str) != "total"]
    what = "campaign" if frame.columns[0] == "campaign" else "group"
    told = rows[rows["roi"].notna()]
    if not len(told):
        known = rows["attributed_roi"].dropna()
        pay = f"{(known > 0).sum()} of {len(known)} {what}s pay by what is put down to them"
        return pay + "; what they changed is not told"
    pays, sure = int((told["attributed_roi"] > 0).sum()), int(((told["roi"] > 0) & (told["p_value"] < 0.05)).sum())
    text = f"Of {len(told)} {what}{'s' if len(told) > 1 else ''} whose effect can be told {pays or 'none'} "
    text += f"{'pays' if pays <= 1 else 'pay'} by what is put down to them, "
    return text + f"{sure or 'none'} beyond chance by what they changed"


def view_table(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the counts of a view for readers: names in words, ids left out.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.platform`.
    """
    import pandas as pd

    need(frame, ("visitors", "click_rate", "suppressed"), "bankmkt.funnel.platform")
    counts = ("page_views", "visitors", "users", "new_users", "campaign_views", "clicks", "joins", "conversions")
    return pd.DataFrame({**_named(frame), **{name: frame[name].map(_count) for name in (*counts, "shares")}})


def rate_table(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rates and times of a view for readers, with their intervals.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.platform`.
    """
    import pandas as pd

    need(frame, ("visitors", "click_rate", "suppressed"), "bankmkt.funnel.platform")
    names = ("click_rate", "join_rate", "conversion_rate", "share_rate")
    rates = {name: _interval(frame, name, ".1%") for name in names}
    median = frame["median_seconds"].map(lambda v: number(v, ".1f"))
    return pd.DataFrame(
        {**_named(frame), "median_seconds": median, "mean_seconds": _interval(frame, "mean_seconds", ".1f"), **rates}
    )


def _named(frame: "pd.DataFrame") -> dict[str, "pd.Series"]:
    """Return the columns that name a row, in words."""
    labels = [str(name) for name in frame.columns[: frame.columns.get_loc("visitors")]]
    return {name: frame[name].astype(str).map(wording.words) for name in labels if not name.endswith("_id")}


def session_table(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows of a summary of sessions for readers.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.session_summary`.
    """
    import pandas as pd

    need(frame, ("sessions", "bounce_rate"), "bankmkt.funnel.session_summary")
    first = frame.columns[0]
    return pd.DataFrame({
        first: frame[first].astype(str).map(wording.words), "sessions": frame["sessions"].map(_count),
        "visitors": frame["units"].map(_count), "events_per_session": _interval(frame, "events_per_session", ".2f"),
        "bounce_rate": _interval(frame, "bounce_rate", ".1%"),
        "median_seconds": frame["median_seconds"].map(lambda v: number(v, ".0f")),
        "mean_seconds": _interval(frame, "mean_seconds", ".1f"),
    })  # fmt: skip


def returns_table(frame: "pd.DataFrame", basis: str = "cost") -> "pd.DataFrame":
    """Return the rows of an input–output table for readers, money in yuan.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.funnel.returns`.
    basis : str
        What its ROI divides by.
    """
    import pandas as pd

    need(frame, ("cost", "budget", "incremental_value"), "bankmkt.funnel.returns")
    first = frame.columns[0]
    out: dict[str, Any] = {first: frame[first].astype(str).map(wording.words)}
    out |= {
        name: frame[name].map(_count) for name in ("contacts", "participants", "cost", "budget", "attributed_value")
    }
    value = frame.rename(columns={"incremental_lower": "incremental_value_lower",
                                  "incremental_upper": "incremental_value_upper"})  # fmt: skip
    out["incremental_value"] = _interval(value, "incremental_value", ",.0f")
    if frame["true_value"].notna().any():
        out["true_value"] = frame["true_value"].map(_count)
    out["attributed_roi"] = frame["attributed_roi"].map(lambda v: number(v, "+,.0%"))
    out["roi"] = _interval(frame, "roi", "+,.0%")
    if frame["true_roi"].notna().any():
        out["true_roi"] = frame["true_roi"].map(lambda v: number(v, "+,.0%"))
    return pd.DataFrame(out).drop(columns="cost" if basis == "budget" and not frame["cost"].any() else [])


def _count(value: float) -> str:
    return number(value, ",.0f")


def _interval(frame: "pd.DataFrame", name: str, spec: str) -> "pd.Series":
    """Write a value with its interval in brackets."""

    def write(row: "pd.Series") -> str:
        value, low, high = (number(row[column], spec) for column in (name, f"{name}_lower", f"{name}_upper"))
        return value if wording.MISSING in (value, low) else f"{value} ({low} to {high})"

    return frame.apply(write, axis="columns")
