"""Figures of a check-up, from the frames of :func:`bankmkt.health_check`.

Each takes one frame and an optional ``ax``, and returns the ``Axes``; the title is the claim that the frame supports.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bankmkt.errors import ParameterError, one_of
from bankmkt.plots import theme, wording
from bankmkt.plots.parts import bars, month_axis, name_bars, share_axis
from bankmkt.plots.tables import named

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

ROWS = 20
"""The most bars a figure shows."""


def trend(frame: "pd.DataFrame", indicator: str, unit: str, ax: "Axes | None" = None) -> "Axes":
    """Draw an indicator month by month, with the same month last year marked.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``HealthCheck.trend``.
    indicator : str
        One of its columns.
    unit : str
        Its unit, as in ``HealthCheck.headline``.
    """
    import pandas as pd

    _one_of("indicator", indicator, [name for name in frame.columns if name != "month"])
    ax = theme.axes(ax, 3.4)
    values = pd.Series(frame[indicator].to_numpy(dtype=float), index=pd.to_datetime(frame["month"]))
    latest, end = float(values.iloc[-1]), values.index[-1]
    ax.plot(values.index, values, color=theme.BLUE, marker="o", markersize=4)
    ax.set_ylabel(theme.unit_axis(ax.yaxis, values.abs().max(), unit))
    month_axis(ax, len(values))
    ax.margins(y=0.2)
    if values.min() >= 0:
        ax.set_ylim(bottom=max(0, ax.get_ylim()[0]))
    text = f"{wording.capital(wording.words(indicator))}: "
    text += wording.quantity(latest, unit) if latest == latest else "the latest month is hidden, or not known"
    for months, name in ((1, "last month"), (12, "last year")):
        before = values.get(end - pd.offsets.MonthEnd(months))
        if before is not None and before == before and latest == latest:
            text += f", {wording.difference(latest, before, unit)} on {name}"
            if months == 12:
                ax.plot(end - pd.offsets.MonthEnd(12), before, "o", color=theme.ORANGE, markersize=8, label=name)
                ax.legend()
    theme.claim(ax, text)
    return ax


def groups(frame: "pd.DataFrame", dimension: str, ax: "Axes | None" = None) -> "Axes":
    """Draw each group's share of customers beside its share of AUM.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``HealthCheck.groups``.
    dimension : str
        One of its dimensions.
    """
    _one_of("dimension", dimension, frame["dimension"].unique())
    rows = frame[frame["dimension"] == dimension].reset_index(drop=True)
    ax = theme.axes(ax, 1.8 + 0.55 * len(rows))
    bars(ax, rows["share"], "share", theme.BLUE, -0.19, 0.36, "share of customers")
    bars(ax, rows["aum_share"], "share", theme.ORANGE, 0.19, 0.36, "share of AUM")
    name_bars(ax, map(wording.words, rows["group"]), rows["suppressed"])
    share_axis(ax.xaxis, ax.get_xlim())
    ax.set_xlabel("share of the whole")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    shown = rows.dropna(subset=["share", "aum_share"])
    text = f"By {dimension}, every group is too small to be shown"
    if len(shown):
        top = shown.iloc[int((shown["share"] - shown["aum_share"]).abs().argmax())]
        share, aum = (wording.quantity(top[name], "share") for name in ("share", "aum_share"))
        text = f"{wording.capital(dimension)} {wording.words(top['group'])}: {share} of customers hold {aum} of AUM"
    theme.claim(ax, text, above=18)
    return ax


def branches(frame: "pd.DataFrame", value: str = "aum", unit: str = "yuan", ax: "Axes | None" = None) -> "Axes":
    """Draw a bar per unit, of the 20 with the largest AUM at most.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``HealthCheck.branches``.
    value : str
        A column of numbers; those that end in ``_pct`` are per cent.
    unit : str
        Of the other columns, as in :func:`bankmkt.plots.quantity`.
    """
    _one_of("value", value, [n for n in frame.select_dtypes("number").columns if n != "org_id"])
    unit = "%" if value.endswith("_pct") else unit
    rows = frame.head(ROWS).sort_values(value, ascending=False, kind="stable").reset_index(drop=True)
    ax = theme.axes(ax, 1.6 + 0.3 * len(rows))
    bars(ax, rows[value], unit)
    name_bars(ax, rows["branch"], rows["suppressed"])
    name, _, since = value.removesuffix("_pct").partition("_change_")
    name = wording.words(name)
    if unit == "%":
        ax.set_xlabel(f"change of {name} on last {since}")
        ax.axvline(0, color=theme.GREY, linewidth=1)
        theme.percent_axis(ax.xaxis, of=100)
    else:
        ax.set_xlabel(f"{name}, {theme.unit_axis(ax.xaxis, rows[value].abs().max(), unit)}")
    shown = rows.dropna(subset=[value])
    text = "Every unit is too small to be shown, or has nothing to compare with"
    if len(shown):
        write = wording.change if unit == "%" else lambda number: wording.quantity(number, unit)
        named = [f"{name} {write(number)}" for name, number in zip(shown["branch"], shown[value], strict=True)]
        text = f"{wording.capital(name)}{f' on last {since}' if since else ''}: {named[0]}"
        most, least = (f"the {extreme}{wording.among(rows[value])}" for extreme in ("most", "least"))
        text = f"{text}, {most}; {named[-1]}, {least}" if len(shown) > 1 else text
        text += f" (the {ROWS} largest of {len(frame)})" if len(frame) > ROWS else ""
    theme.claim(ax, text)
    return ax


def products(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw the share of customers who hold each product.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``HealthCheck.products``.
    """
    rows = frame.sort_values("penetration", ascending=False, kind="stable").reset_index(drop=True)
    ax = theme.axes(ax, 1.6 + 0.35 * len(rows))
    bars(ax, rows["penetration"], "share", [theme.BLUE if s == "asset" else theme.GREY for s in rows["side"]])
    name_bars(ax, map(wording.words, rows["product"]), rows["penetration"].isna())
    share_axis(ax.xaxis, ax.get_xlim())
    ax.set_xlabel("share of customers who hold it (blue: assets, grey: debts)")
    shown = rows.dropna(subset=["penetration"])
    text = "How many customers hold each product is hidden"
    if len(shown):
        most, least = (wording.quantity(shown["penetration"].iloc[i], "share") for i in (0, -1))
        text = f"{most} of customers hold {_words_of(shown, 'product', 0)}"
        text += f", {least} {_words_of(shown, 'product', -1)}" if len(shown) > 1 else ""
        text += f" (most and least{wording.among(rows['penetration'])})" if rows["penetration"].isna().any() else ""
    theme.claim(ax, text)
    return ax


def channels(frame: "pd.DataFrame", dimension: str = "channel", ax: "Axes | None" = None) -> "Axes":
    """Draw the share of transactions by channel or by kind.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``HealthCheck.channels``.
    dimension : str
        ``"channel"`` or ``"kind"``.
    """
    _one_of("dimension", dimension, ("channel", "kind"))
    rows = frame[frame["dimension"] == dimension].reset_index(drop=True)
    ax = theme.axes(ax, 1.6 + 0.35 * len(rows))
    bars(ax, rows["share"], "share")
    name_bars(ax, map(wording.words, rows["group"]), rows["suppressed"])
    share_axis(ax.xaxis, ax.get_xlim())
    ax.set_xlabel("share of transactions")
    shown = rows[rows["group"] != "auto"].dropna(subset=["share"])
    text = "There are no transactions that can be shown"
    if len(shown):
        share = wording.quantity(shown["share"].iloc[0], "share")
        what = "What customers use most" if dimension == "channel" else "Most frequent"
        text = f"{what}{wording.among(rows['share'])}: {_words_of(shown, 'group', 0)}, {share} of transactions"
        delta = shown["transactions_change_month_pct"].iloc[0]
        text += f" ({wording.change(delta)} on last month)" if delta == delta else ""
    theme.claim(ax, text)
    return ax


def flows(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw what moved AUM in the month, by kind of transaction.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``HealthCheck.flows``.
    """
    money = frame[frame["unit"] != "customers"]
    currency = money["unit"].iloc[0]
    total = money.loc[money["flow"] == "change of aum", "value"].item()
    rows = money[(money["flow"] != "change of aum") & money["value"].ne(0)]
    rows = rows.sort_values("value", ascending=False, kind="stable", na_position="last").reset_index(drop=True)
    ax = theme.axes(ax, 1.6 + 0.3 * max(len(rows), 2))
    bars(ax, rows["value"], currency, [theme.BLUE if v >= 0 else theme.VERMILION for v in rows["value"]])
    name_bars(ax, map(wording.words, rows["flow"]), rows["value"].isna())
    ax.axvline(0, color=theme.GREY, linewidth=1)
    ax.set_xlabel(f"added to AUM in the month, {theme.money_axis(ax.xaxis, rows['value'].abs().max(), currency)}")
    shown = rows.dropna(subset=["value"])
    text = "How AUM changed is not known: there is no month before"
    if total == total:
        text = f"AUM {'rose' if total >= 0 else 'fell'} by {wording.quantity(abs(total), currency)}"
    brought, took = shown["value"].max() > 0, shown["value"].min() < 0
    most = f"most{wording.among(rows['value'])}"
    text += f"; {_words_of(shown, 'flow', 0)} brought {most}" if brought else ""
    text += f"{',' if brought else ';'} {_words_of(shown, 'flow', -1)} took {most}" if took else ""
    theme.claim(ax, text)
    return ax


def stands_out(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw the most extreme changes against the range that each series' past makes usual.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``HealthCheck.stands_out``, with at least a row; the first 12 are drawn, unusual ones filled.
    """
    rows = named(frame.head(12)).reset_index(drop=True)
    count = int(frame["unusual"].sum())
    ax = theme.axes(ax, 1.8 + 0.38 * len(rows))
    ax.hlines(
        rows.index, rows["usual_low_pct"], rows["usual_high_pct"], color="#BBBBBB", linewidth=7, label="usual (95%)"
    )
    for unusual, face, label in ((True, theme.VERMILION, "unusual"), (False, "white", "within chance")):
        some = rows[rows["unusual"] == unusual]
        if len(some):
            ax.plot(some["change_pct"], some.index, "o", color=theme.VERMILION, markerfacecolor=face, label=label)
    name_bars(ax, rows["series"] + ": " + rows["indicator"])
    ax.axvline(0, color=theme.GREY, linewidth=1)
    theme.percent_axis(ax.xaxis, of=100)
    ax.set_xlabel("change on last month")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
    text = f"{count or 'None'} of {len(frame)} series moved beyond what chance and their past explain"
    theme.claim(ax, text, above=18)
    return ax


def _words_of(rows: "pd.DataFrame", column: str, at: int) -> str:
    return wording.words(str(rows[column].iloc[at]))


def _one_of(what: str, value: str, names: Iterable[str]) -> None:
    names = list(names)
    if value not in names:
        raise ParameterError(what, value, one_of(names), f"pass one of these as {what}")
