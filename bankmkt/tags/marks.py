"""Whom the predictive tags mark, counted, never listed; and which tags later months do not support."""

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from bankmkt.bank import Bank, check_bank
from bankmkt.errors import ParameterError
from bankmkt.privacy import K, check_k, discloses
from bankmkt.tags.judging import OVER_RULE
from bankmkt.tags.later import MODEL, SIMPLE

if TYPE_CHECKING:
    import pandas as pd


SIGNIFICANT = 0.05
FEW, CHANCE = "too few outcomes in later months to judge it", "on later months no better than chance"
MARGIN = 0.03
"""Difference of AUC within which two scores count as equally good: of 100 pairs of customers, at most 3 more in the
right order, too little to pay for keeping a model."""
WORSE, ALIKE = "the simple rule does better", "the simple rule does as well"
UNSHOWN = "not shown to differ from the simple rule"
BETTER, NOT_JUDGED = "better than the simple rule", "not judged on later months"


def verdicts(figures: "pd.DataFrame") -> "pd.DataFrame":
    """Say of each prediction whether later months support its use.

    Parameters
    ----------
    figures : pandas.DataFrame
        Of :func:`bankmkt.tags.evaluate_models`.

    Returns
    -------
    pandas.DataFrame
        A row per code: code, auc, ci_lower, ci_upper, p_holm (of the difference to the simple rule), verdict, withheld.
        Withheld are predictions with too few outcomes, or of which the AUC's interval reaches down to 0.5. The others
        are better than the simple rule or worse where ``p_holm`` is under 0.05. Otherwise the rule *does as well* where
        the difference's whole interval is within ±0.03 and the rule's own AUC is shown to be over 0.5; if not, the two
        are *not shown to differ*, which says nothing for the rule.
    """
    auc = figures[figures["measure"] == "auc"]
    found = auc[auc["score"] == MODEL].set_index("code")
    rule = auc[auc["score"] == OVER_RULE].set_index("code").reindex(found.index)
    simple = auc[auc["score"] == SIMPLE].set_index("code").reindex(found.index)
    told = found["ci_lower"].rename("verdict").astype(object)
    told[:] = UNSHOWN
    told[(rule["ci_lower"] >= -MARGIN) & (rule["ci_upper"] <= MARGIN) & (simple["ci_lower"] > 0.5)] = ALIKE
    sure = rule["p_holm"] < SIGNIFICANT
    told[sure] = BETTER
    told[sure & (rule["value"] < 0)] = WORSE
    told[~(found["ci_lower"] > 0.5)] = CHANCE
    told[found["ci_lower"].isna()] = FEW
    frame = found[["value", "ci_lower", "ci_upper"]].rename(columns={"value": "auc"})
    frame = frame.assign(p_holm=rule["p_holm"], verdict=told, withheld=told.isin([CHANCE, FEW]))
    return frame.reset_index()


def marks(
    bank: Bank,
    scores: Any,
    share: float = 0.1,
    units: Collection[int | str] | None = None,
    k: int = K,
    *,
    figures: "pd.DataFrame | None" = None,
) -> "pd.DataFrame":
    """Count whom each predictive tag marks: of those it judges in the whole bank, at most the highest-scored share.

    Equal scores are marked together or not at all: where marking them would exceed the share, only those above are
    marked. A tag that later months do not support marks nobody.

    Parameters
    ----------
    bank
        Of :func:`bankmkt.open_bank`.
    scores : ibis table
        Of :func:`bankmkt.tags.predict`, of all customers of the day.
    share
        Of the judged customers that is marked, over 0 and below 1.
    units
        ``org_id`` of the units whose customers are counted; all by default. The limit is the whole bank's.
    k
        Counts under ``k`` customers, or that leave fewer, are null, and with them the figures about them.
    figures : pandas.DataFrame, optional
        Of :func:`bankmkt.tags.evaluate_models`, of models trained alike on earlier months; without them no tag is
        withheld.

    Returns
    -------
    pandas.DataFrame
        A row per code: code, customers, judged, marked, limit (the least probability of a marked customer of the bank),
        marked_mean, judged_mean (mean probabilities), expected (outcomes expected among the marked), suppressed, tied
        (whether equal scores at the share's end were left out, so that fewer are marked), verdict (of
        :func:`verdicts`), withheld (whether the verdict forbids marking: then all figures but customers and judged are
        null).

    Raises
    ------
    ParameterError
        If ``share`` is out of range.
    """
    import pandas as pd

    check_k(k)
    if not 0 < share < 1:
        raise ParameterError("share", share, "over 0 and below 1", "pass share=0.1")
    frame = scores.to_pandas().set_index("customer_id")
    people = check_bank(bank).customers.select("customer_id", "org_id")
    org = bank.fetch(people).to_pandas().set_index("customer_id")["org_id"].reindex(frame.index)
    here = pd.Series(True, frame.index) if units is None else org.isin(list(units))
    rows = []
    for code in frame.columns:
        score = frame[code].dropna()
        chosen, tied = _highest(score, share)
        own = score[here.reindex(score.index)]
        top = own[chosen.reindex(own.index)]
        rows.append((code, int(here.sum()), len(own), len(top), score[chosen].min(), top.mean(), own.mean(), top.sum(),
                     tied, len(score), int(chosen.sum())))  # fmt: skip
    columns = ["code", "customers", "judged", "marked", "limit", "marked_mean", "judged_mean", "expected"]
    found = pd.DataFrame(rows, columns=[*columns, "tied", "all_judged", "all_marked"])
    hidden = discloses(found["judged"], found["customers"], k) | discloses(found["marked"], found["judged"], k)
    hidden |= discloses(found["all_marked"], found["all_judged"], k)
    shown = {name: found[name].astype(float).mask(hidden) for name in columns[2:]}
    found = found[[*columns, "tied"]].assign(**shown, suppressed=hidden, verdict=NOT_JUDGED, withheld=False)
    if figures is not None:
        told = verdicts(figures).set_index("code").reindex(found["code"])
        found["verdict"] = told["verdict"].fillna(NOT_JUDGED).to_numpy()
        found["withheld"] = told["withheld"].fillna(True).astype(bool).to_numpy()
        found[columns[3:]] = found[columns[3:]].mask(found["withheld"])
        found["tied"] &= ~found["withheld"]
    return found


def _highest(score: "pd.Series", share: float) -> "tuple[pd.Series, bool]":
    """Return who is of the highest-scored share, and whether equal scores at its end were left out."""
    place = score.rank(method="max", ascending=False)  # of equal scores, the last one's
    most = math.floor(share * len(score) + 1e-9)
    chosen = place <= most
    return chosen, bool(chosen.sum() < most)
