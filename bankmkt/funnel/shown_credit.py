"""What of an attribution may be shown: figures about fewer than k customers are hidden, and what gives them away."""

from typing import NamedTuple

import pandas as pd

from bankmkt.errors import ParameterError
from bankmkt.funnel.attribution import Attribution
from bankmkt.funnel.paths import NONE
from bankmkt.privacy import K, check_k, small_cells, small_parts

PUBLIC = ("model", "channel")
"""Columns of credits that say nothing about customers."""


class ShownCredit(NamedTuple):
    """What of an :class:`~bankmkt.funnel.Attribution` may be shown; hidden figures are null, rare paths left out."""

    credits: pd.DataFrame
    counts: dict[str, int | None]
    paths: pd.DataFrame


def shown_credit(found: Attribution, k: int = K) -> ShownCredit:
    """Return an attribution's credits, counts and paths without figures about fewer than k customers.

    A credit is hidden if it is below k conversions or about fewer than k customers, or leaves fewer than k of the
    customers who converted; as a model's credits add up to all conversions, so are as many others as that takes. Paths
    of fewer than k customers are left out.

    Parameters
    ----------
    found
        Of :func:`bankmkt.funnel.attribute`.
    k
        Fewest customers a figure may be about.

    Returns
    -------
    ShownCredit
        ``credits`` and ``paths`` as in Attribution, with a column ``suppressed``; ``counts``, None where hidden.

    Raises
    ------
    ParameterError
        If ``found`` is no attribution, or ``k`` no integer from 1.

    Examples
    --------
    >>> from bankmkt.funnel import attribute
    >>> touched = pd.DataFrame({"customer_id": range(50), "ts": pd.Timestamp("2026-01-05"),
    ...     "channel": ["app"] * 25 + ["sms"] * 22 + ["call"] * 3})
    >>> bought = pd.DataFrame({"customer_id": range(50), "ts": pd.Timestamp("2026-01-09")})
    >>> shown_credit(attribute(touched, bought, ["last"]), k=10).credits[["channel", "conversions", "suppressed"]]
      channel  conversions  suppressed
    0     app         25.0       False
    1    call          NaN        True
    2     sms          NaN        True
    3    none          0.0       False
    """
    if not isinstance(found, Attribution):
        raise ParameterError("found", type(found).__name__, "what bm.funnel.attribute returned", "pass it as it is")
    check_k(k)
    rows = found.credits
    few = (rows["conversions"] > 0) & (rows["conversions"] < k)
    whole = pd.Series(found.counts["converters"], index=rows.index)
    hidden = small_parts(rows["customers"], whole, by=[rows["model"]], k=k, hidden=few, overlapping=True)
    credit = _null(rows, hidden, [name for name in rows.columns if name not in PUBLIC])
    counts: dict[str, int | None] = {name: None if 0 < n < k else n for name, n in found.counts.items()}
    if hidden[rows["channel"] == NONE].any():
        counts |= {"attributed": None, "unattributed": None}
    return ShownCredit(credit, counts, _paths(found.paths, k))


def _paths(rows: pd.DataFrame, k: int) -> pd.DataFrame:
    """Leave out rare paths, and hide how many converted where these, or the others, are few."""
    rare = small_cells(rows["customers"], k=k, overlapping=True)
    few = small_parts(rows["customers_converted"], rows["customers"], k=k, hidden=rare, overlapping=True)
    return _null(rows, few, ["conversions", "paths_null", "customers_converted"])[~rare].reset_index(drop=True)


def _null(rows: pd.DataFrame, where: pd.Series, columns: list[str]) -> pd.DataFrame:
    return rows.assign(**{name: rows[name].astype("float64").mask(where) for name in columns}, suppressed=where)
