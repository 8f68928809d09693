"""What to make of a method's answer, in words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

NAIVE = "participants − others"
MOVES = ("difference-in-differences", "difference-in-differences, trend removed")
ALIKE = ("matching", "weighting by propensity", "entropy balancing", "doubly robust")
"""Methods that compare like with like: the robustness value is theirs."""
RECORDED = "recorded chances"
"""Of being treated: where the bank noted them, nothing unseen can bias an estimate weighted by them."""
WIDE = 3.0
"""Widths of the plain difference's interval; one that is wider says next to nothing."""


def verdict(row: Mapping[str, Any]) -> str:
    """Say in words what to make of a method's answer.

    Parameters
    ----------
    row
        Of the frame of :func:`methods`.

    Examples
    --------
    >>> row = {"method": "doubly robust", "estimate": 900.0, "ci_low": 400.0, "ci_high": 1400.0, "width": 1.0,
    ...        "covers": False, "negative_found": False, "no_control": "", "rests_on": "", "robustness_value": 0.16}
    >>> verdict(row)
    'wrong: it does not see all that decides who joins, and no check tells'
    >>> verdict({"method": "matching", "estimate": np.nan, "refused": "too few"})
    'not possible: too few'
    >>> del row["covers"]
    >>> verdict(row)
    'not proven: a hidden cause that explains 16% of what the data leave open would undo it'
    """
    if np.isnan(row["estimate"]):
        return f"not possible: {row['refused']}"
    if row["width"] > WIDE:
        return "says next to nothing: too few non-participants resemble participants"
    if row["rests_on"]:
        return str(row["rests_on"])
    return _against_truth(row) if "covers" in row else _without_truth(row)


def _without_truth(row: Mapping[str, Any]) -> str:
    method, unsigned = row["method"], row["ci_low"] <= 0 <= row["ci_high"]
    if method == NAIVE:
        return "a description, not an effect"
    if warning := _warning(row):
        doubt = f"doubtful: it finds {warning}"
        return f"{doubt}, so the chances may not be as recorded" if method == RECORDED else doubt
    if unsigned:
        return "cannot tell the sign"
    if method == RECORDED:
        said = "an effect, if the chances are as recorded"
    elif method in MOVES:
        said = "an effect only if both groups would have moved alike"
    elif np.isnan(row["robustness_value"]):
        said = "not proven: too little is left open to say what a hidden cause could do"
    else:
        share = f"{row['robustness_value']:.0%}"
        said = f"not proven: a hidden cause that explains {share} of what the data leave open would undo it"
    return f"{said}; no control could be run" if _unchecked(row) else said


def _warning(row: Mapping[str, Any]) -> str:
    """Return what a negative control finds that cannot be; nothing if none does."""
    if row["negative_found"] is True:
        return "an effect before the campaign"
    return "an effect of a campaign that came later" if row.get("later_found") is True else ""


def _unchecked(row: Mapping[str, Any]) -> bool:
    """Return whether no negative control could be run."""
    return bool(row["no_control"] and row.get("no_later", "not asked for"))


def _against_truth(row: Mapping[str, Any]) -> str:
    warning, method = _warning(row), row["method"]
    if row["covers"]:
        if row["ci_low"] <= 0 <= row["ci_high"]:
            return "holds the truth, but cannot tell its sign"
        return f"holds the truth, though it finds {warning}" if warning else "holds the truth"
    if warning:
        return "wrong, and its negative control warns"
    if method == RECORDED:
        return "wrong by chance, or because the chances are not as recorded"
    if method in ALIKE:
        check = "no control could be run" if _unchecked(row) else "no check tells"
        return f"wrong: it does not see all that decides who joins, and {check}"
    return "wrong: nothing is done about who joins" if method == NAIVE else "wrong: the groups moved apart"
