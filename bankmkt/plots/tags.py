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
    """Draw the tags that set groups apart: the share in the group beside that of all customers.

    Parameters
    ----------
    found : pandas.DataFrame
        Of :func:`bankmkt.tags.telling`.
    ax : matplotlib Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"group": "rich", "name": "Managed", "share": 0.9, "share_all": 0.1, "points": 80.0}
    >>> telling(pd.DataFrame([row])).get_title()
    'Managed: 90.0% of the group rich, 10.0% of all customers'
    """
    ax = axes(ax, height=0.29 * len(found) + 1.6)
    at = range(len(found))
    ax.hlines(at, found.share_all, found.share, color=GREY, linewidth=2)
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
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
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
    """Draw who may join each running campaign, as shares of all customers; hidden parts are left open.

    Parameters
    ----------
    found : pandas.DataFrame
        Of :func:`bankmkt.tags.eligibility_summary`.
    ax : matplotlib Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"campaign": "spring", "status": ["may join", "may not join"], "share": [0.25, 0.75]})
    >>> eligibility(rows).get_title()
    'spring: 25.0% of customers may join or could after a task'
    """
    names = list(dict.fromkeys(found.campaign))
    ax = axes(ax, height=0.6 * len(names) + 1.6)
    if not names:
        claim(ax, "No campaign is running")
        return ax
    shares = found.groupby(["campaign", "status"]).share.sum(min_count=1).unstack().reindex(names)
    left = shares.iloc[:, 0] * 0
    for status, color in STATUS.items():
        if status in shares:
            values = shares[status].fillna(0)
            ax.barh(range(len(names)), values, 0.6, left=left.fillna(0), color=color, label=status)
            for i, value in enumerate(values):
                if value > 0.04:
                    middle = left.fillna(0).iloc[i] + value / 2
                    ink = "white" if color == BLUE else INK
                    ax.annotate(f"{100 * value:.0f}%", (middle, i), ha="center", va="center", color=ink, fontsize=9)
            left = left.fillna(0) + values
    parts.name_bars(ax, [wording.words(name) for name in names])
    percent_axis(ax.xaxis)
    ax.set_xlim(0, 1)
    ax.set_xlabel("share of customers")
    ax.grid(visible=False, axis="y")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.2)
    open_to = shares.reindex(columns=["may join", "may join after a task"]).sum(axis=1)
    best = str(open_to.idxmax())
    share = wording.quantity(open_to[best], "share")
    claim(ax, f"{wording.words(best)}: {share} of customers may join or could after a task", 18)
    return ax
