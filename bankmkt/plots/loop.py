"""Figures and sentences of the closed loop, from the frame of :func:`bankmkt.uplift.closed_loop`."""

from typing import TYPE_CHECKING

from bankmkt.errors import SchemaError, one_of
from bankmkt.plots import theme
from bankmkt.plots.wording import quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NAMES = {
    "response": "likely buyers", "uplift": "uplift model", "thompson": "bandit", "random": "anybody",
    "oracle": "who knows the truth",
}  # fmt: skip
_COLOURS = {
    "response": theme.ORANGE, "uplift": theme.BLUE, "thompson": theme.GREEN, "random": theme.GREY,
    "oracle": theme.INK,
}  # fmt: skip
_MARKS = {"response": "s", "uplift": "o", "thompson": "^", "random": "D", "oracle": "v"}


def regret(frame: "pd.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw what each policy gives away in each round: the mean over repeats, and every repeat as a thin line.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.uplift.closed_loop`.
    """
    _need(frame)
    ax = theme.axes(ax, 4.2)
    unit = theme.money_axis(ax.yaxis, frame["regret"].max())
    for policy, rows in frame.groupby("policy", sort=False):
        colour = _COLOURS[str(policy)]
        for _, one in rows.groupby("repeat"):
            ax.plot(one["round"], one["regret"], color=colour, alpha=0.3, linewidth=0.8)
        mean = rows.groupby("round")["regret"].mean()
        ax.plot(mean.index, mean, color=colour, marker=_MARKS[str(policy)], linewidth=2.2, label=NAMES[str(policy)])
    ax.set_ylim(0, 1.05 * frame["regret"].max())
    ax.set_xticks(sorted(frame["round"].unique()))
    ax.set_xlabel("round (1 is the pilot, alike for all); thin lines: the same bank with other luck")
    ax.set_ylabel(f"given away a round, {unit}")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, borderaxespad=0.2)
    theme.claim(ax, regret_claim(frame), above=18)
    return ax


def regret_claim(frame: "pd.DataFrame") -> str:
    """Say who gives away least in the last round, and what contacting anybody does.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"policy": ["uplift", "random"], "round": 2, "repeat": 0, "regret": [11_000.0, 20_000.0]}
    >>> regret_claim(pd.DataFrame(rows))
    'In round 2 the uplift model gives away 11.0 thousand yuan, contacting anybody 20.0 thousand yuan'
    """
    _need(frame)
    last = frame["round"].max()
    mean = frame[frame["round"] == last].groupby("policy", sort=False)["regret"].mean()
    rivals = mean.drop(index=["random", "oracle"], errors="ignore")
    best = (rivals if len(rivals) else mean).idxmin()
    text = f"In round {last} {_subject(str(best))} gives away {quantity(mean[best], 'yuan')}"
    if "random" in mean and best != "random":
        text += f", contacting anybody {quantity(mean['random'], 'yuan')}"
    return text


def against_truth(frame: "pd.DataFrame", policy: str, ax: "Axes | None" = None) -> "Axes":
    """Draw what the bank can see of a policy's value, round by round in the first repeat, beside the truth.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of :func:`bankmkt.uplift.closed_loop`.
    policy : str
        One of its policies.
    """
    _need(frame)
    ax = theme.axes(ax, 3.4)
    rows = frame[(frame["policy"] == policy) & (frame["repeat"] == frame["repeat"].min())]
    largest = rows[["ci_lower", "ci_upper", "value_true"]].abs().max(axis=None)
    unit = theme.money_axis(ax.yaxis, largest)
    off = [rows["value_estimated"] - rows["ci_lower"], rows["ci_upper"] - rows["value_estimated"]]
    ax.errorbar(rows["round"], rows["value_estimated"], off, fmt="o", color=_COLOURS[policy], capsize=3,
                label="estimate and 95% interval: what the bank can see")  # fmt: skip
    ax.plot(rows["round"], rows["value_true"], "D", color=theme.INK, label="truth")
    ax.axhline(0, color=theme.GREY, linewidth=0.8)
    ax.set_xticks(rows["round"])
    ax.set_xlim(rows["round"].min() - 0.5, rows["round"].max() + 0.5)
    ax.set_xlabel("round")
    ax.set_ylabel(f"value, {unit}")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    theme.claim(ax, truth_claim(frame, policy), above=18)
    return ax


def truth_claim(frame: "pd.DataFrame", policy: str) -> str:
    """Say how many of a policy's intervals in the first repeat hold the truth."""
    rows = frame[(frame["policy"] == policy) & (frame["repeat"] == frame["repeat"].min())]
    return f"{_subject(policy).capitalize()}: {int(rows['covers'].sum())} of {len(rows)} intervals hold the true value"


def summary(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a row per policy over the rounds after the pilot, means over repeats.

    Returns
    -------
    pandas.DataFrame
        policy (in words), value (true yuan a round), expected (before luck), reached (share of what the best list
        would have brought), regret (yuan, all rounds added up), least and most (of the repeats).
    """
    import pandas as pd

    _need(frame)
    rows = []
    for policy, every in frame[frame["round"] > 1].groupby("policy", sort=False):
        total = every.groupby("repeat")["regret"].sum()
        rows.append({
            "policy": NAMES[str(policy)], "value": every["value_true"].mean(),
            "expected": every["value_expected"].mean(),
            "reached": every["value_expected"].sum() / every["oracle"].sum(), "regret": total.mean(),
            "least": total.min(), "most": total.max(),
        })  # fmt: skip
    return pd.DataFrame(rows).sort_values("regret", ignore_index=True)


def verdict(frame: "pd.DataFrame") -> str:
    """Say which policies gave away less than contacting anybody in every repeat, and whether one won every time.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"policy": ["uplift", "random"] * 2, "round": 2, "repeat": [0, 0, 1, 1], "regret": [1.0, 3.0, 2.0, 3.0]}
    >>> verdict(pd.DataFrame(rows))
    'In each of 2 repeats the uplift model gave away less than contacting anybody.'
    """
    _need(frame)
    total = frame[frame["round"] > 1].groupby(["repeat", "policy"])["regret"].sum().unstack()
    total = total[list(frame["policy"].unique())]
    n, rivals = len(total), [name for name in total if name not in ("random", "oracle")]
    times = f"each of {n} repeats" if n > 1 else "the one repeat"
    text = ""
    if "random" in total:
        always = [_subject(str(name)) for name in rivals if (total[name] < total["random"]).all()]
        text = f"In {times} {_listed(always) if always else 'no policy'} gave away less than contacting anybody."
    if len(rivals) > 1:
        first = total[rivals].idxmin(axis=1)
        wins = first.value_counts()
        if wins.iloc[0] == n:
            text += f" {_subject(str(wins.index[0])).capitalize()} gave away least of all in {times}."
        else:
            text += " Which of them gives away least differs from repeat to repeat: luck still decides between them."
    return text.strip()


def _subject(policy: str) -> str:
    words = {
        "response": "contacting likely buyers", "uplift": "the uplift model", "thompson": "the bandit",
        "random": "contacting anybody", "oracle": "who knows the truth",
    }  # fmt: skip
    return words[policy]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _need(frame: "pd.DataFrame") -> None:
    for column in ("policy", "round", "repeat", "regret"):
        if column not in frame:
            raise SchemaError("frame has no column", column, one_of(frame.columns), "pass what closed_loop returned")
