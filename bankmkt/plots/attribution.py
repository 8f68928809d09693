"""Figures of attribution: credit by channel, credit of campaigns beside the truth, which model misleads most."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.errors import DataError
from bankmkt.plots import theme, wording
from bankmkt.plots.channels import legend_below
from bankmkt.plots.groups import need

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NAMES = {
    "first": "first touch", "last": "last touch", "linear": "linear", "position": "position-based",
    "decay": "time decay", "markov": "Markov chain", "shapley": "Shapley value",
}  # fmt: skip
COLOURS = {
    "first": theme.SKY, "last": theme.ORANGE, "linear": theme.GREY, "position": theme.PURPLE, "decay": "#8B6B2E",
    "markov": theme.BLUE, "shapley": theme.GREEN,
}  # fmt: skip
MARKERS = {"first": "<", "last": ">", "linear": "s", "position": "P", "decay": "v", "markov": "o", "shapley": "^"}
NONE = "none"


def by_channel(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw how many conversions each model credits to each channel, with intervals.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``Attribution.credits``.
    ax : matplotlib Axes, optional

    Raises
    ------
    SchemaError
        If it is another frame.
    DataError
        If no conversion followed a touch.
    """
    need(frame, ["model", "channel", "conversions", "lower", "upper", "share"], "bankmkt.funnel.attribute")
    rows = frame[(frame["channel"] != NONE) & frame["conversions"].notna()]
    if not rows["conversions"].sum() > 0:
        raise DataError("frame", "no conversion after a touch", "some", "choose a longer lookback")
    order = rows.groupby("channel")["conversions"].mean().sort_values().index.tolist()
    ax = theme.axes(ax, 1.9 + 0.55 * len(order))
    _dots(ax, rows, "channel", order)
    ax.set_yticks(range(len(order)), [wording.capital(wording.words(str(name))) for name in order])
    ax.set_xlabel("conversions credited, with 95% interval")
    bare = frame.loc[frame["channel"] == NONE, "share"].iloc[0]
    each = rows.groupby("channel")["conversions"]
    least, most = each.min(), each.max()
    text = f"{wording.quantity(bare, 'share')} of conversions followed no touch"
    if (most > least).any():
        place = int((most - least).argmax())
        low, high = (wording.quantity(one.iloc[place], "customers") for one in (least, most))
        text += f"; models differ most over {wording.words(str(most.index[place]))} ({low} to {high})"
    theme.claim(ax, text)
    return ax


def against_truth(campaigns: "pd.DataFrame", estimates: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw each model's credit of each campaign beside the experiment and the truth, as far as they are known.

    Parameters
    ----------
    campaigns, estimates : pandas.DataFrame
        ``CampaignCredit.campaigns`` and ``CampaignCredit.estimates``.
    ax : matplotlib Axes, optional

    Raises
    ------
    SchemaError
        If they are other frames.
    DataError
        If every campaign is hidden.
    """
    from matplotlib.lines import Line2D

    need(campaigns, ["model", "campaign_id", "name", "credit", "lower", "upper", "truth"], "campaign_credit")
    need(estimates, ["campaign_id", "experiment", "truth"], "campaign_credit")
    rows = campaigns.dropna(subset=["credit"])
    if rows.empty:
        raise DataError("campaigns", "every campaign hidden", "one with enough conversions", "take a larger bank")
    order = list(dict.fromkeys(rows["campaign_id"]))[::-1]
    ax = theme.axes(ax, 2.4 + 0.85 * len(order), 9.5)
    _dots(ax, rows, "campaign_id", order)
    known = estimates[estimates["campaign_id"].isin(order)].set_index("campaign_id")
    at = np.array([order.index(number) for number in known.index], float)
    tried = known["experiment"].notna().to_numpy()
    middle, low, high = (known[f"experiment{end}"].to_numpy(float)[tried] for end in ("", "_lower", "_upper"))
    ax.errorbar(middle, at[tried] - 0.42, xerr=(middle - low, high - middle), fmt="|", color=theme.INK, capsize=4,
                markersize=9)  # fmt: skip
    handles = [*ax.get_legend_handles_labels()[0]]
    if tried.any():
        handles.append(Line2D([], [], color=theme.INK, marker="|", label="experiment, 95% interval"))
    true = known["truth"].to_numpy(float)
    if np.isfinite(true).any():
        ax.plot(true, at, "D", color=theme.VERMILION, markersize=10, markeredgecolor="white", zorder=5)
        handles.append(Line2D([], [], color=theme.VERMILION, marker="D", linestyle="none", label="truth"))
    for line in at[1:]:
        ax.axhline(line + 0.5, color="#E6E6E6", linewidth=1)
    names = _names(rows)
    ax.set_yticks(range(len(order)), [names[number].replace(" 20", "\n20") for number in order])
    ax.set_ylim(-0.6, len(order) - 0.4)
    ax.set_xlim(left=min(0, ax.get_xlim()[0]))
    ax.set_xlabel("conversions that the campaign is said to have made")
    ax.grid(visible=False, axis="y")
    legend_below(ax, 3, handles=handles)
    theme.claim(ax, truth_claim(rows))
    return ax


def misleading(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw how far each model is off, the most misleading on top.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``CampaignCredit.ranking``.
    ax : matplotlib Axes, optional

    Raises
    ------
    SchemaError
        If it is another frame.
    """
    need(frame, ["model", "campaigns", "credit", "truth", "times", "error"], "campaign_credit")
    rows = frame.iloc[::-1]
    ax = theme.axes(ax, 1.6 + 0.45 * len(rows))
    at = np.arange(len(rows))
    ax.barh(at, rows["error"], color=[COLOURS[model] for model in rows["model"]], height=0.65)
    ax.set_yticks(at, [wording.capital(NAMES[model]) for model in rows["model"]])
    ax.set_xlabel("conversions credited wrongly, all shown campaigns together (counted, so without interval)")
    ax.grid(visible=False, axis="y")
    theme.claim(ax, ranking_claim(frame))
    return ax


def ranking_claim(frame: "pd.DataFrame") -> str:
    """Say which model misleads most, and which least, about these very customers."""
    worst, best = frame.iloc[0], frame.iloc[-1]
    high, low = (wording.quantity(row["error"], "customers") for row in (worst, best))
    if len(frame) == 1:
        return f"{wording.capital(NAMES[worst['model']])} is off by {high} conversions"
    if high == low:
        return f"Every model is off by {high} conversions"
    alike = [NAMES[row["model"]] for _, row in frame.iterrows() if wording.quantity(row["error"], "customers") == high]
    names = " and ".join([", ".join(alike[:-1]), alike[-1]]) if alike[1:] else alike[0]
    most = f"{names} mislead{'s' if len(alike) == 1 else ''} most"
    return f"Here {most}, by {high} conversions; {NAMES[best['model']]} least, by {low}"


def truth_claim(campaigns: "pd.DataFrame") -> str:
    """Say how many times the truth the models credit campaigns with; for ``CampaignCredit.campaigns``."""
    rows = campaigns.dropna(subset=["credit"])
    sums = rows.groupby("model")[["credit", "truth"]].sum(min_count=1)
    if not (sums["truth"] > 0).any():
        return (
            f"The models credit the campaigns with {_span(sums['credit'], ',.0f')} conversions; the truth is not known"
        )
    times = _span(sums["credit"] / sums["truth"], ".1f")
    return f"The models credit the campaigns with {times} times the conversions they truly made"


def estimates_table(estimates: "pd.DataFrame") -> "pd.DataFrame":
    """Write what campaigns made, told without a model, for readers: for ``CampaignCredit.estimates``."""
    import pandas as pd

    def written(row: Mapping[Hashable, Any], name: str) -> str:
        if row[name] != row[name]:
            return wording.MISSING
        low, high = (f"{row[f'{name}_{end}']:,.0f}".replace("-", "−") for end in ("lower", "upper"))
        return f"{row[name]:,.0f} ({low} to {high})".replace("-", "−")

    rows = [
        {
            "campaign": wording.capital(wording.words(row["name"])),
            "who decided": {"randomised": "chance", "targeted": "the bank", "open": "the customer"}[row["assignment"]],
            "treated": wording.quantity(row["treated"], "customers"),
            "participants − others": written(row, "naive"),
            "experiment": written(row, "experiment"),
            "truth": wording.quantity(row["truth"], "customers"),
        }
        for row in estimates.to_dict("records")
    ]
    out = pd.DataFrame(rows)
    return out if estimates["truth"].notna().any() else out.drop(columns="truth")


def cost_table(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Write what credit cost, for readers: for ``CampaignCredit.campaigns``, or ``Attribution.credits`` with costs.

    Of the models the least and the most; of campaigns whose truth is known also the cost of a conversion that would not
    have come without it. Where values are money newly held, value by cost is no return: the bank earns a part of it.
    """
    import pandas as pd

    by_channel = "channel" in frame
    need(frame, ["model", "cost", "cost_per_conversion", "roas"], "attribute(…, value=, costs=) or campaign_credit")
    key, what = ("channel", "channel") if by_channel else ("campaign_id", "campaign")
    rows = frame[frame["cost"].notna() & frame["cost_per_conversion"].notna()]
    names = {name: wording.words(str(name)) for name in rows[key]} if by_channel else _names(rows)
    written = []
    for number, own in rows.groupby(key, sort=False):
        cost = own["cost"].iloc[0]
        line = {
            what: wording.capital(names[number]), "cost, yuan": f"{cost:,.0f}",
            "yuan per conversion credited": _span(own["cost_per_conversion"], ",.2f"),
            "value credited per yuan": _span(own["roas"].dropna(), ",.0f") if own["roas"].notna().any() else "–",
        }  # fmt: skip
        if "truth" in own and own["truth"].notna().all():
            true = own["truth"].iloc[0]
            line["yuan per true conversion"] = f"{cost / true:,.2f}" if true > 0 else "none was made"
        written.append(line)
    return pd.DataFrame(written)


def held(estimates: "pd.DataFrame") -> str:
    """Say how many intervals of ``CampaignCredit.estimates`` hold the truth; nothing where it is not known."""
    texts = []
    for name, label in (("experiment", "the experiment"), ("naive", "participants − others")):
        rows = estimates.dropna(subset=[name, "truth"])
        if len(rows):
            inside = rows["truth"].between(rows[f"{name}_lower"], rows[f"{name}_upper"]).sum()
            texts.append(f"{inside} of {len(rows)} by {label}")
    return f" Intervals that hold the truth: {', '.join(texts)}." if texts else ""


def verdict(ranking: "pd.DataFrame") -> str:
    """Say whether the choice of a model matters, beside how far all are from the truth."""
    best, worst = ranking["error"].min(), ranking["error"].max()
    least, most = ranking["times"].min(), ranking["times"].max()
    alike = "resemble each other more than the truth" if worst - best < best else "differ widely"
    text = (
        f"From the best model to the worst it is {worst - best:,.0f} conversions, from the truth to the best "
        f"{best:,.0f}: the models {alike}."
    )
    if least > 1:
        text += " All of them share out conversions that would have come anyway."
    return text if least > 1 or most < 1 else text + " Some give the campaigns too much, others too little."


def _names(rows: "pd.DataFrame") -> dict[Any, str]:
    """Return campaigns' names by number; two of one name are told apart by it."""
    named = rows.drop_duplicates("campaign_id").set_index("campaign_id")["name"]
    twice = named.duplicated(keep=False)
    return {
        number: wording.words(str(name)) + (f" ({number})" if again else "")
        for number, name, again in zip(named.index, named, twice, strict=True)
    }


def _span(values: "pd.Series", form: str) -> str:
    low, high = format(values.min(), form), format(values.max(), form)
    return low if low == high else f"{low} to {high}"


def _dots(ax: "Axes", rows: "pd.DataFrame", column: str, order: list[str]) -> None:
    """Draw a dot with its interval per model and place, the models one above the other."""
    models = list(dict.fromkeys(rows["model"]))
    for number, model in enumerate(models):
        own = rows[rows["model"] == model]
        at = np.array([order.index(name) for name in own[column]]) + 0.3 - 0.6 * number / max(len(models) - 1, 1)
        middle, low, high = (own[name].to_numpy(float) for name in ("conversions" if column == "channel" else "credit",
                                                                    "lower", "upper"))  # fmt: skip
        gaps = np.clip([middle - low, high - middle], 0, None)
        ax.errorbar(middle, at, xerr=gaps, fmt=MARKERS[model], color=COLOURS[model], markersize=5, linewidth=1.2,
                    label=NAMES[model])  # fmt: skip
    if column == "channel":
        ax.set_ylim(-0.6, len(order) - 0.4)
        ax.set_xlim(left=0)
        ax.grid(visible=False, axis="y")
        legend_below(ax, 4)
