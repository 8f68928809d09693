"""What the frames of :mod:`bankmkt.experiment` say, in sentences that people read.

Every number in the words comes from the frame.
"""

import math
from typing import TYPE_CHECKING, Any

from bankmkt.errors import ParameterError, one_of
from bankmkt.plots import wording

if TYPE_CHECKING:
    import pandas as pd

NAMES = {
    "aum_change": "AUM", "products_change": "products held", "logins": "monthly logins", "conversion": "conversion",
    "aum": "AUM", "products": "products held",
}  # fmt: skip
"""Name of each outcome and indicator."""

_NOUNS = {"aum_change": "yuan", "products_change": "products", "logins": "monthly logins"}
"""What is counted, where an outcome's name does not say it."""


def signed(value: float, outcome: str) -> str:
    """Write an effect with its sign, whole yuan or two decimals.

    Examples
    --------
    >>> signed(1016.2, "aum_change"), signed(-0.004, "logins"), signed(-0.25, "logins")
    ('+1,016', '0.00', '−0.25')
    """
    digits = 0 if outcome == "aum_change" else 2
    text = f"{value:+,.{digits}f}" if round(value, digits) else f"{0:.{digits}f}"
    return text.replace("-", "−")


def amount(row: Any, outcome: str, value: str = "estimate") -> str:
    """Write an effect with its unit and its 95% interval.

    Examples
    --------
    >>> amount({"estimate": 724.0, "ci_low": -1617.0, "ci_high": 3065.0}, "aum_change")
    '+724 yuan (−1,617 to +3,065)'
    """
    low, high = (signed(row[limit], outcome) for limit in ("ci_low", "ci_high"))
    unit = " yuan" if outcome == "aum_change" else ""
    return f"{signed(row[value], outcome)}{unit} ({low} to {high})"


def percent(share: float) -> str:
    """Write a share in whole per cent.

    Examples
    --------
    >>> percent(0.062), percent(-0.031), percent(-0.001)
    ('6%', '−3%', '0%')
    """
    return f"{100 * share:.0f}%".replace("-0%", "0%").replace("-", "−")


def ratio_range(row: Any) -> str:
    """Say between which limits chance alone lets a ratio of growths lie.

    A ratio without a limit above is of others who may not have grown at all: :func:`ratio_note` says so.

    Examples
    --------
    >>> ratio_range({"ratio": 6.0, "ratio_low": 2.7, "ratio_high": 40.0})
    '2.7 to 40.0'
    >>> ratio_range({"ratio": 8.3, "ratio_low": 3.4, "ratio_high": float("inf")})
    '3.4 or more'
    >>> missing = float("nan")
    >>> none = {"ratio": missing, "ratio_low": missing, "ratio_high": missing}
    >>> ratio_range(none | {"others_growth": -0.1}), ratio_range(none | {"others_growth": missing})
    ('no ratio: the others did not grow', 'no ratio')
    """
    low, high = (f"{row[limit]:.1f}".replace("-", "−") for limit in ("ratio_low", "ratio_high"))
    if math.isnan(row["ratio"]):
        return "no ratio: the others did not grow" if row["others_growth"] <= 0 else "no ratio"
    if math.isnan(row["ratio_low"]):
        return "anything"
    if math.isinf(row["ratio_high"]):
        return f"{low} or more"
    return f"{high} or less" if math.isinf(row["ratio_low"]) else f"{low} to {high}"


def growth_claim(published: "pd.DataFrame", indicator: str = "aum") -> str:
    """Say how fast participants grew beside the others, in a sentence without its full stop.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"indicator": "aum", "label": "AUM per head", "participants_growth": 0.171, "others_growth": 0.028,
    ...        "ratio": 6.1, "ratio_low": 2.7, "ratio_high": 40.0}
    >>> growth_claim(pd.DataFrame([row]))
    'Participants’ AUM per head grew 6.1 times as fast as the others’ (95% interval 2.7 to 40.0)'
    """
    r = _rows(published, indicator).iloc[0]
    if r["ratio"] > 0:
        limits = f"95% interval {ratio_range(r)}"
        return f"Participants’ {r['label']} grew {r['ratio']:.1f} times as fast as the others’ ({limits})"
    joined, others = (wording.change(100 * r[f"{group}_growth"]) for group in ("participants", "others"))
    return f"Participants’ {r['label']} changed by {joined}, the others’ by {others}"


def ratio_note(published: "pd.DataFrame", indicator: str = "aum") -> str:
    """Say how far a ratio of growths is to be trusted, in sentences.

    Parameters
    ----------
    published : pandas.DataFrame
        Of :func:`bankmkt.experiment.compare`.
    indicator : str
        ``"aum"``, ``"products"`` or ``"logins"``.
    """
    r = _rows(published, indicator).iloc[0]
    start = f"There is no growth of {r['label']} to compare."  # a group had nothing before
    if r["others_growth"] <= 0:
        start = f"The others’ {r['label']} did not grow, so there is no ratio."
    elif r["ratio"] == r["ratio"]:
        start = (
            f"A ratio to a small number is fragile, however large it looks: the others’ {r['label']} grew by "
            f"{wording.change(100 * r['others_growth']).lstrip('+')}."
        )
    if published[["ratio_low", "ratio_high"]].isin([math.inf, -math.inf]).any(axis=None):
        start += " Where an interval says “or more” or “or less”, the others may as well not have grown at all."
    return (
        f"{start} With {r['participants_customers']:,} participants chance leaves open all that the interval holds; "
        "where it reaches into the published range, the customers are too few to say whether they did better or worse."
    )


def against_themselves(multiple: "pd.DataFrame", parts: "pd.DataFrame", indicator: str = "aum") -> str:
    """Say what the campaign multiplied, comparing participants with themselves without it.

    Parameters
    ----------
    multiple, parts : pandas.DataFrame
        ``multiple`` and ``parts[outcome]`` of :func:`bankmkt.experiment.evaluate`, where the truth is known.
    indicator : str
        ``"aum"``, ``"products"`` or ``"logins"``.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"indicator": "aum", "label": "AUM per head", "growth_with": 0.171, "growth_without": 0.162,
    ...        "multiple": 1.054}
    >>> parts = pd.DataFrame({"part": ["effect", "gap"], "share": [0.06, 1.0]})
    >>> against_themselves(pd.DataFrame([row]), parts)[68:]
    'grew 1.05 times as fast (+17.1% for +16.2%); 6% of the published gap is the campaign’s doing.'
    """
    r = _rows(multiple, indicator).iloc[0]
    with_, without = (wording.change(100 * r[f"growth_{world}"]) for world in ("with", "without"))
    grew = f"changed by {with_}, not by {without}"
    if r["multiple"] == r["multiple"]:
        grew = f"grew {r['multiple']:.2f} times as fast ({with_} for {without})"
    share = percent(parts.set_index("part")["share"]["effect"])
    start = f"Against themselves without the campaign, participants’ {r['label']} {grew}"
    return f"{start}; {share} of the published gap is the campaign’s doing."


def answer(
    published: "pd.DataFrame", estimates: "pd.DataFrame", parts: "pd.DataFrame", outcome: str, where: str = ""
) -> str:
    """Answer in two sentences what the campaign did, as far as is known.

    Parameters
    ----------
    published, estimates, parts : pandas.DataFrame
        ``published``, ``of(outcome)`` and ``parts[outcome]`` of :func:`bankmkt.experiment.evaluate`.
    outcome : str
        The outcome.
    where : str
        Where the pilot was, if not where the others are from: ``" in the whole bank"``.
    """
    rows = estimates.set_index("method")
    naive, robust = rows.iloc[0], rows[rows["target"] == "ATT"].iloc[-1]
    unit = _NOUNS[outcome]
    start = f"{growth_claim(published)}, a difference of {signed(naive['estimate'], outcome)} {unit} per customer."
    if "truth" in estimates:
        share = parts.set_index("part")["share"]["effect"]
        true = f"{signed(naive['truth'], outcome)} {unit}"
        if 0 <= share < 1:
            rest = "the rest would have come anyway, because of who joins"
            return f"{start} Of that, {true} ({percent(share)}) is the campaign’s doing; {rest}."
        return f"{start} The campaign really brought {true}."
    start += f" Comparing like with like leaves {amount(robust, outcome)}, what the data do not show still included."
    trial = rows[rows["target"] == "CACE"]
    if trial.empty:
        return f"{start} How much of it is the campaign’s doing only a randomised group could tell."
    return (
        f"{start} The randomised pilot{where} says {amount(trial.iloc[0], outcome)} for those whom an invitation wins."
    )


def basis(path: "pd.DataFrame", indicator: str) -> str:
    """Say which months the growth of an indicator compares.

    Examples
    --------
    >>> import pandas as pd
    >>> months = pd.date_range("2025-11-30", periods=4, freq="ME").date
    >>> path = pd.DataFrame({"month": months, "months_after": [-1, 0, 1, 2]})
    >>> basis(path, "aum"), basis(path, "logins")
    ('end of February 2026 against end of December 2025', 'mean of the 2 months after the start against the 3 before')
    """
    if indicator == "logins":
        return f"mean of the {path['months_after'].max()} months after the start against the 3 before"
    month = path.set_index("months_after")["month"]
    first, last = (month.loc[[at]].iloc[0] for at in (0, month.index.max()))
    return f"end of {last:%B %Y} against end of {first:%B %Y}"


def path_claim(path: "pd.DataFrame", published: "pd.DataFrame", indicator: str) -> str:
    """Say how both groups moved, by the figures of the published table and the months these compare.

    Parameters
    ----------
    path, published : pandas.DataFrame
        Of :func:`bankmkt.experiment.monthly_path` and :func:`bankmkt.experiment.compare`.
    indicator : str
        ``"aum"``, ``"products"`` or ``"logins"``.
    """
    r = _rows(published, indicator).iloc[0]
    joined, others = (wording.change(100 * r[f"{group}_growth"]) for group in ("participants", "others"))
    name = wording.capital(r["label"])
    return f"{name}: participants {joined}, others {others} ({basis(path, indicator)})"


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
    outcome = one(frame, "outcome")
    first, last = frame.iloc[0], frame[frame["target"] == "ATT"].iloc[-1]
    noun = {"aum_change": "yuan of AUM "}.get(outcome, f"{_NOUNS[outcome]} " if outcome in _NOUNS else "")
    unit = "yuan" if outcome == "aum_change" else ""
    start = f"The published comparison says {signed(first['estimate'], outcome)} {noun}per customer"
    if "truth" in frame:
        return f"{start}; the campaign really brought {signed(first['truth'], outcome)} {unit}".rstrip()
    return f"{start}; comparing like with like says {signed(last['estimate'], outcome)} {unit}".rstrip()


def gap_claim(frame: "pd.DataFrame", outcome: str) -> str:
    """Say how much of the gap is the campaign's doing, in a sentence.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"part": ["effect", "gap"], "label": ["true effect", "gap"], "value": [100.0, 1000.0],
    ...         "share": [0.1, 1.0]}
    >>> gap_claim(pd.DataFrame(rows), "aum_change")
    'Of a gap of +1,000 yuan in AUM per customer, +100 (10%) is the campaign’s doing'
    """
    value, share = frame.set_index("part")["value"], frame.set_index("part")["share"]
    whole, effect = signed(value["gap"], outcome), signed(value["effect"], outcome)
    unit = "yuan in " if outcome == "aum_change" else ""
    known = frame.loc[frame["part"] == "effect", "label"].iloc[0] == "true effect"
    verb = "is" if known else "is, as far as the data show,"
    part = f"{effect} ({percent(share['effect'])})"
    return f"Of a gap of {whole} {unit}{NAMES[outcome]} per customer, {part} {verb} the campaign’s doing"


def spoken(frame: "pd.DataFrame", name: str, value: str, outcome: str) -> str:
    """Read a figure's values out, for readers who cannot see it.

    Parameters
    ----------
    frame : pandas.DataFrame
        With ``ci_low`` and ``ci_high`` beside the value.
    name, value : str
        Columns of the label and of the number.
    outcome : str
        What the numbers are of.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"m": ["a"], "v": [5.0], "ci_low": [1.0], "ci_high": [9.0]})
    >>> spoken(frame, "m", "v", "aum_change")
    'a: +5 yuan (+1 to +9)'
    """
    return "; ".join(f"{r[name]}: {amount(r, outcome, value)}" for r in frame.to_dict("records"))


def one(frame: "pd.DataFrame", column: str) -> str:
    """Return the one value of a column, or raise ParameterError."""
    values = frame[column].unique()
    if len(values) != 1:
        raise ParameterError(column, list(values), "rows of one outcome", "select it from the frame first")
    return str(values[0])


def _rows(frame: "pd.DataFrame", indicator: str) -> "pd.DataFrame":
    if indicator not in set(frame["indicator"]):
        raise ParameterError("indicator", indicator, one_of(frame["indicator"].unique()), "name one of the frame's")
    return frame[frame["indicator"] == indicator]
