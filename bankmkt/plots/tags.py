"""Tags drawn: how many there are and cover, what sets groups apart, who may join a campaign."""

from typing import TYPE_CHECKING

from bankmkt.plots import parts, theme, wording
from bankmkt.plots.theme import BLUE, GREEN, GREY, INK, ORANGE, axes, claim, percent_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

STATUS = {"joined": BLUE, "may join": GREEN, "may join after a task": ORANGE, "may not join": "#D9D9D9"}


def families(found: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw how many tags each family has, and how many of them this bank has no data for.

    Parameters
    ----------
    found : pandas.DataFrame
        Of :func:`bankmkt.tags.by_family`.
    ax : matplotlib Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"family": ["risk", "products"], "tags": [18, 24], "without_data": [2, 0]})
    >>> families(rows).get_title()
    '40 of 42 tags have data in this bank'
    """
    ax = axes(ax, height=0.36 * len(found) + 1.4)
    filled = found.tags - found.without_data
    at = range(len(found))
    ax.barh(at, filled, 0.7, color=BLUE, label="with data")
    ax.barh(at, found.without_data, 0.7, left=filled, color=GREY, label="without data here")
    for i, (n, none) in enumerate(zip(filled, found.without_data, strict=True)):
        ax.annotate(f" {n:,}" + (f" + {none:,}" if none else ""), (n + none, i), va="center", fontsize=9)
    parts.name_bars(ax, found.family)
    theme.count_axis(ax.xaxis)
    ax.set_xlabel("tags")
    ax.margins(x=0.1)
    ax.grid(visible=False, axis="y")
    if found.without_data.any():
        ax.legend(loc="lower right")
    claim(ax, f"{filled.sum():,} of {found.tags.sum():,} tags have data in this bank")
    return ax


def telling(found: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw the tags that set groups apart: the group's share, the interval of its lead, and that of all.

    Parameters
    ----------
    found : pandas.DataFrame
        Of :func:`bankmkt.tags.telling`.
    ax : matplotlib Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"group": "rich", "name": "Managed", "share": 0.9, "share_all": 0.1, "points": 80.0}
    >>> row |= {"points_lower": 70.0, "points_upper": 85.0}
    >>> telling(pd.DataFrame([row])).get_title()
    'Managed: 90.0% of the group rich, 10.0% of all customers'
    """
    ax = axes(ax, height=0.29 * len(found) + 1.6)
    at = range(len(found))
    ax.hlines(at, found.share_all, found.share, color=GREY, linewidth=2)
    lower, upper = (found.share_all + found[f"points_{end}"] / 100 for end in ("lower", "upper"))
    ax.hlines(at, lower, upper, color=BLUE, linewidth=5, alpha=0.35, label="95% interval of its lead")
    ax.scatter(found.share_all, at, color=GREY, s=34, zorder=3, label="all customers")
    ax.scatter(found.share, at, color=BLUE, s=46, zorder=3, label="the group")
    parts.name_bars(ax, found["name"])
    for i, group in enumerate(found.group):
        if i == 0 or group != found.group.iloc[i - 1]:
            name = str(group).replace("$", r"\$")
            ax.annotate(name, (1.02, i), xycoords=("axes fraction", "data"), va="center", weight="bold", fontsize=9)
            if i:
                ax.axhline(i - 0.5, color=GREY, linewidth=0.6)
    percent_axis(ax.xaxis)
    ax.set_xlim(left=0)
    ax.set_xlabel("share of customers who have the tag")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
    if len(found):
        first = found.sort_values("points", kind="stable").iloc[-1]
        shares = (wording.quantity(first[name], "share") for name in ("share", "share_all"))
        claim(
            ax,
            "{}: {} of the group {}, {} of all customers".format(first["name"], next(shares), first.group, *shares),
            18,
        )
    return ax


def eligibility(found: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw who may join each running campaign, as shares of all customers; what is hidden is hatched.

    Parameters
    ----------
    found : pandas.DataFrame
        Of :func:`bankmkt.tags.eligibility_summary`.
    ax : matplotlib Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"campaign": "spring", "status": ["may join", "may not join"], "share": [0.25, 0.75]})
    >>> eligibility(rows.assign(campaign_id=1)).get_title()
    'spring: 25.0% of customers may join or could after a task'
    """
    ids = list(dict.fromkeys(found.campaign_id))
    ax = axes(ax, height=0.6 * len(ids) + 1.6)
    if not ids:
        claim(ax, "No campaign is running")
        return ax
    names = campaign_names(found)
    shares = found.groupby(["campaign_id", "status"]).share.sum().unstack().reindex(ids).fillna(0.0)
    shares = shares.reindex(columns=list(STATUS), fill_value=0.0)
    left = shares.iloc[:, 0] * 0
    for status, color in STATUS.items():
        if status in set(found.status[found.share > 0]):
            ax.barh(range(len(ids)), shares[status], 0.6, left=left, color=color, label=status)
        for i, value in enumerate(shares[status]):
            if value > 0.04:
                ink = "white" if color == BLUE else INK
                middle = left.iloc[i] + value / 2
                ax.annotate(f"{100 * value:.0f}%", (middle, i), ha="center", va="center", color=ink, fontsize=9)
        left = left + shares[status]
    closed = set(found.campaign_id[found.share.isna()])
    rests = [(i, start, 1 - start) for i, (key, start) in enumerate(zip(ids, left, strict=True)) if key in closed]
    for i, start, width in rests:
        label = "hidden" if i == rests[0][0] else None
        ax.barh(i, width, 0.6, left=start, label=label, facecolor="white", edgecolor=GREY, hatch="////", linewidth=0)
        if width > 0.1:
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
            ax.annotate("hidden", (start + width / 2, i), ha="center", va="center", fontsize=9, bbox=box)
    parts.name_bars(ax, [names[campaign] for campaign in ids])
    percent_axis(ax.xaxis)
    ax.set_xlim(0, 1)
    ax.set_xlabel("share of customers")
    ax.grid(visible=False, axis="y")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, borderaxespad=0.2)
    open_to = found[found.status.isin(["may join", "may join after a task"])]
    unsure = set(open_to.campaign_id[open_to.share.isna()])
    told = open_to[~open_to.campaign_id.isin(unsure)].groupby("campaign_id").share.sum()
    if len(told):
        best = told.sort_values(kind="stable").index[-1]
        text = f"{names[best]}: {wording.quantity(told.max(), 'share')} of customers may join or could after a task"
    else:
        text = "How many may join is hidden" if unsure or closed else "Nobody may join any more"
    claim(ax, text, 18)
    return ax


def campaign_names(found: "pd.DataFrame") -> dict[object, str]:
    """Return the name of each campaign in words, with its number where two have the same.

    Parameters
    ----------
    found : pandas.DataFrame
        ``campaign_id`` and ``campaign``, as of :func:`bankmkt.tags.eligibility_summary`.

    Examples
    --------
    >>> import pandas as pd
    >>> campaign_names(pd.DataFrame({"campaign_id": [1, 2, 2, 3], "campaign": ["a_b", "c", "c", "c"]}))
    {1: 'a b', 2: 'c (2)', 3: 'c (3)'}
    """
    one = found.drop_duplicates("campaign_id")
    again = one.campaign.duplicated(keep=False)
    named = zip(one.campaign_id, one.campaign, again, strict=True)
    return {key: wording.words(name) + (f" ({key})" if twice else "") for key, name, twice in named}
