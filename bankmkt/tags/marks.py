"""Whom the predictive tags mark, counted, never listed; and which tags later months do not support."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from bankmkt.bank import Bank, check_bank
from bankmkt.errors import ParameterError
from bankmkt.privacy import K, check_k, discloses
from bankmkt.tags.judging import MODEL, OVER_RULE

if TYPE_CHECKING:
    import pandas as pd


SIGNIFICANT = 0.05
FEW, CHANCE = "too few outcomes in later months to judge it", "on later months no better than chance"
WORSE, ALIKE = "the simple rule does better", "the simple rule does as well"
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
        are better than the simple rule or worse where ``p_holm`` is under 0.05; otherwise the rule does as well.
    """
    auc = figures[figures["measure"] == "auc"]
    found = auc[auc["score"] == MODEL].set_index("code")
    rule = auc[auc["score"] == OVER_RULE].set_index("code").reindex(found.index)
    told = found["ci_lower"].rename("verdict").astype(object)
    told[:] = ALIKE
    sure = rule["p_holm"] < SIGNIFICANT
    told[sure] = BETTER
    told[sure & (rule["value"] < 0)] = WORSE
    told[~(found["ci_lower"] > 0.5)] = CHANCE
    told[found["value"].isna()] = FEW
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
    """Count whom each predictive tag marks: of those it judges in the whole bank, the highest-scored share.

    A tag that later months do not support marks nobody.

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
        A row per code: code, customers, judged, marked, limit (the probability from which a customer is marked),
        marked_mean, judged_mean (mean probabilities), expected (outcomes expected among the marked), suppressed,
        verdict (of :func:`verdicts`), withheld (whether the verdict forbids marking: then all figures but customers and
        judged are null).

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
        limit = float(score.quantile(1 - share)) if len(score) else float("nan")
        own = score[here.reindex(score.index)]
        top = own[own >= limit]
        rows.append((code, int(here.sum()), len(own), len(top), limit, top.mean(), own.mean(), top.sum()))
    columns = ["code", "customers", "judged", "marked", "limit", "marked_mean", "judged_mean", "expected"]
    found = pd.DataFrame(rows, columns=columns)
    hidden = discloses(found["judged"], found["customers"], k) | discloses(found["marked"], found["judged"], k)
    shown = {name: found[name].astype(float).mask(hidden) for name in ("judged", "marked", *columns[5:])}
    found = found.assign(**shown, suppressed=hidden, verdict=NOT_JUDGED, withheld=False)
    if figures is not None:
        told = verdicts(figures).set_index("code").reindex(found["code"])
        found["verdict"] = told["verdict"].fillna(NOT_JUDGED).to_numpy()
        found["withheld"] = told["withheld"].fillna(True).astype(bool).to_numpy()
        found[columns[3:]] = found[columns[3:]].mask(found["withheld"])
    return found
