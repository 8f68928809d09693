"""Whom the predictive tags mark: the highest-scored share of those judged, counted, never listed."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from bankmkt.bank import Bank, check_bank
from bankmkt.errors import ParameterError
from bankmkt.privacy import K, check_k, discloses

if TYPE_CHECKING:
    import pandas as pd


def marks(
    bank: Bank, scores: Any, share: float = 0.1, units: Collection[int | str] | None = None, k: int = K
) -> "pd.DataFrame":
    """Count whom each predictive tag marks: of those it judges in the whole bank, the highest-scored share.

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

    Returns
    -------
    pandas.DataFrame
        A row per code: code, customers, judged, marked, limit (the probability from which a customer is marked),
        marked_mean, judged_mean (mean probabilities), expected (outcomes expected among the marked), suppressed.

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
    return found.assign(**shown, suppressed=hidden)
