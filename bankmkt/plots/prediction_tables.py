"""Tables and sentences about predictions, from the frames of :mod:`bankmkt.tags`, as text for readers."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bankmkt.plots.wording import MISSING

if TYPE_CHECKING:
    import pandas as pd

SCORES = ("model", "simple rule", "best achievable")


def span(days: Sequence[dt.date]) -> str:
    """Return the months of some month ends in words.

    Examples
    --------
    >>> span([dt.date(2026, 2, 28), dt.date(2026, 3, 31)]), span([dt.date(2026, 3, 31)])
    ('February 2026 to March 2026', 'March 2026')
    """
    first, last = (f"{day:%B %Y}" for day in (days[0], days[-1]))
    return first if first == last else f"{first} to {last}"


def ranking_table(figures: "pd.DataFrame", names: Mapping[str, str], measure: str = "lift_10") -> "pd.DataFrame":
    """Write a measure of each score side by side, with 95% intervals.

    Parameters
    ----------
    figures : pandas.DataFrame
        Of :func:`bankmkt.tags.evaluate_models`.
    names : mapping
        Name to read by code.
    measure : str
        ``"lift_10"`` or ``"auc"``.

    Returns
    -------
    pandas.DataFrame
        prediction, outcomes (share of the judged), and a column per score: all text.
    """
    import pandas as pd

    rows = []
    for code in _codes(figures, names):
        own = _told(figures, code)
        cells = {score: _interval(own[score, measure]) for score in SCORES if (score, measure) in own}
        share = _percent(own["model", "actual"]["value"])
        rows.append({"prediction": names[code], "outcomes": share, **cells})
    return pd.DataFrame(rows)


def calibration_table(figures: "pd.DataFrame", names: Mapping[str, str]) -> "pd.DataFrame":
    """Write what models said on average, what came true, and how far probabilities are off.

    Returns
    -------
    pandas.DataFrame
        prediction, said, came_true (with interval), off_by (calibration error as seen), perfect (the range that a
        perfectly calibrated model would show), debiased (the error without what chance adds, with interval): all text.
    """
    import pandas as pd

    rows = []
    for code in _codes(figures, names):
        own = _told(figures, code)
        chance, rest = (own.get(("model", name)) for name in ("ece_by_chance", "ece_debiased"))
        rows.append({
            "prediction": names[code], "said": _percent(own["model", "predicted"]["value"]),
            "came_true": _interval(own["model", "actual"], percent=True),
            "off_by": _percent(own["model", "ece"]["value"]),
            "perfect": f"{chance['ci_lower']:.1%} – {chance['ci_upper']:.1%}" if chance else MISSING,
            "debiased": _interval(rest, percent=True) if rest else MISSING,
        })  # fmt: skip
    return pd.DataFrame(rows)


def marks_table(marks: "pd.DataFrame", names: Mapping[str, str]) -> "pd.DataFrame":
    """Write whom the tags mark.

    Parameters
    ----------
    marks : pandas.DataFrame
        Of :func:`bankmkt.tags.marks`.

    Returns
    -------
    pandas.DataFrame
        prediction, judged, marked, probability_from, mean_of_marked, mean_of_all, expected, verdict: all text.
    """
    import pandas as pd

    def count(value: float) -> str:
        return MISSING if pd.isna(value) else f"{value:,.0f}"

    def verdict(row: dict[Any, Any]) -> str:
        told = f"withheld: {row['verdict']}" if row["withheld"] else str(row["verdict"])
        return f"{told}; equal scores left out" if row["tied"] else told

    return pd.DataFrame([
        {
            "prediction": names[row["code"]], "judged": count(row["judged"]), "marked": count(row["marked"]),
            "probability_from": _percent(row["limit"]), "mean_of_marked": _percent(row["marked_mean"]),
            "mean_of_all": _percent(row["judged_mean"]), "expected": count(row["expected"]),
            "verdict": verdict(row),
        }
        for row in marks.to_dict("records")
    ])  # fmt: skip


def reasons_table(drivers: "Mapping[str, pd.DataFrame]", names: Mapping[str, str], number: int = 3) -> "pd.DataFrame":
    """Write what moves each score most.

    Parameters
    ----------
    drivers : mapping of code to pandas.DataFrame
        ``Model.drivers``.

    Returns
    -------
    pandas.DataFrame
        prediction, why: with an arrow for the direction (↑ a higher value means a higher score).
    """
    import pandas as pd

    def told(row: dict[Any, Any]) -> str:
        arrow = "↑" if row["direction"] >= 0.3 else "↓" if row["direction"] <= -0.3 else "·"
        return f"{arrow} {row['meaning']}"

    rows = [
        (names[code], "; ".join(map(told, frame.head(number).to_dict("records")))) for code, frame in drivers.items()
    ]
    return pd.DataFrame(rows, columns=["prediction", "why"])


def strongest(figures: "pd.DataFrame", names: Mapping[str, str], number: int = 3) -> str:
    """Name the predictions, of those in ``names``, whose highest-scored tenth holds most outcomes.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"code": "a", "score": "model", "measure": "lift_10", "value": 4.4, "suppressed": False}
    >>> strongest(pd.DataFrame([row]), {"a": "App dormancy"})
    'App dormancy (4.4 times)'
    """
    rows = figures[(figures["score"] == "model") & (figures["measure"] == "lift_10") & ~figures["suppressed"]]
    rows = (
        rows[rows["code"].isin(list(names))].dropna(subset="value").sort_values("value", ascending=False).head(number)
    )
    return ", ".join(f"{names[row['code']]} ({row['value']:.1f} times)" for row in rows.to_dict("records")) or "none"


def off(figures: "pd.DataFrame", names: Mapping[str, str]) -> str:
    """Say for which predictions too little or too much was said on average, beyond chance (Holm-corrected, 5%).

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"code": "a", "score": "model", "measure": "gap", "value": -0.02, "p_holm": 0.01}
    >>> off(pd.DataFrame([row | {"suppressed": False}]), {"a": "Fund propensity"})
    'too low for Fund propensity'
    """
    rows = figures[(figures["score"] == "model") & (figures["measure"] == "gap") & ~figures["suppressed"]]
    rows = rows[rows["p_holm"] < 0.05]
    low, high = ([names[code] for code in rows.loc[side, "code"]] for side in (rows["value"] < 0, rows["value"] > 0))
    parts = [f"too {word} for {', '.join(codes)}" for word, codes in (("low", low), ("high", high)) if codes]
    return "; ".join(parts) or "neither too high nor too low by more than chance, for any prediction"


def definitions_table(predictions: Sequence[Any]) -> "pd.DataFrame":
    """Write what predictions mean.

    Parameters
    ----------
    predictions : sequence of bankmkt.tags.Prediction

    Returns
    -------
    pandas.DataFrame
        prediction, who_is_judged_and_what_counts, simple_rule: all text.
    """
    import pandas as pd

    rows = [(one.name, one.meaning[:1].upper() + one.meaning[1:], one.simple_meaning) for one in predictions]
    return pd.DataFrame(rows, columns=["prediction", "who_is_judged_and_what_counts", "simple_rule"])


def listed(verdicts: "pd.DataFrame", names: Mapping[str, str], *words: str) -> str:
    """Name the predictions that have one of some verdicts; "none" if there are none.

    Examples
    --------
    >>> import pandas as pd
    >>> told = pd.DataFrame({"code": ["a", "b"], "verdict": ["fine", "not fine"]})
    >>> listed(told, {"a": "App dormancy", "b": "Loan need"}, "not fine"), listed(told, {}, "bad")
    ('Loan need', 'none')
    """
    return ", ".join(names[code] for code in verdicts.loc[verdicts["verdict"].isin(words), "code"]) or "none"


def _codes(figures: "pd.DataFrame", names: Mapping[str, str]) -> list[str]:
    return [code for code in names if code in set(figures["code"])]


def _told(figures: "pd.DataFrame", code: str) -> dict[tuple[str, str], dict[str, float]]:
    """Return value and interval of a prediction by score and measure."""
    own = figures[figures["code"] == code].to_dict("records")
    return {(row["score"], row["measure"]): {n: row[n] for n in ("value", "ci_lower", "ci_upper")} for row in own}


def _percent(value: float) -> str:
    return MISSING if value != value else f"{value:.1%}"


def _interval(row: Mapping[str, float], percent: bool = False) -> str:
    if row["value"] != row["value"]:
        return MISSING
    spec = ".1%" if percent else ".2f"
    if row["ci_lower"] != row["ci_lower"]:
        return f"{row['value']:{spec}} (too few for an interval)"
    return f"{row['value']:{spec}} ({row['ci_lower']:{spec}} – {row['ci_upper']:{spec}})"
