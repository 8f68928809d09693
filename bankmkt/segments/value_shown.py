"""The rates that value stands on, made fit to be shown: small cells hidden, leaving a year with its interval."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bankmkt.privacy import K, check_k, small_cells, small_parts, suppress
from bankmkt.segments.intervals import wilson
from bankmkt.segments.value_forecast import prepare
from bankmkt.segments.value_rates import YEAR, Rates

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank


@dataclass(frozen=True, eq=False)
class ValueRates:
    """Rates that value stands on; made by :func:`value_rates`.

    Parameters
    ----------
    leaving : pandas.DataFrame
        A row per band of tenure (0 the first year, 1 the second and third, 2 later): tenure, at_risk
        (customer-months), closed, share (who leave in a year), ci_low, ci_high (95%, Wilson's), suppressed.
    attrition : pandas.DataFrame
        band (of margin, from 0), tenure, at_risk, closed, hazard (a month), hazard_error (standard), suppressed.
    growth : pandas.DataFrame
        band, customers (who stayed), base (mean margin a month at first, money), factor (margin after ``months`` per
        margin at first), factor_error (standard error of its logarithm), scatter (variance of a single customer's
        margin by then, relative to the expected), suppressed.
    months : int
        Over which growth was seen, at most a year.
    """

    leaving: "pd.DataFrame"
    attrition: "pd.DataFrame"
    growth: "pd.DataFrame"
    months: int


def value_rates(
    bank: "Bank",
    as_of: dt.date | str,
    *,
    k: int = K,
    margins: Mapping[str, float] | None = None,
    growth: float | None = None,
    attrition: float | None = None,
) -> ValueRates:
    """Learn the rates that :func:`bankmkt.segments.customer_value` stands on, to be shown beside its figures.

    Parameters
    ----------
    bank, as_of, margins, growth, attrition
        As of :func:`bankmkt.segments.customer_value`. ``growth`` and ``attrition`` that are passed are shown as the
        rates; the counts stay the bank's.
    k : int
        The least number of customers a shown figure may be about.

    Returns
    -------
    ValueRates

    Raises
    ------
    ParameterError, DataError
        As :func:`bankmkt.segments.customer_value`.

    Examples
    --------
    >>> import bankmkt as bm
    >>> leaving = value_rates(bm.demo_bank(), "2026-06-30").leaving
    >>> int(leaving.share.idxmax())
    0
    """
    check_k(k)
    known, rates, _ = prepare(bank, as_of, margins, growth, attrition, 0.0, 1)
    return shown(rates, len(known.months), k)


def shown(rates: Rates, months: int, k: int) -> ValueRates:
    """Return rates with small cells hidden.

    A customer is at risk in a cell in each of the ``months`` at most, which says how many customers it has at least.
    """
    bands = rates.attrition
    years = bands.groupby("tenure", as_index=False)[["at_risk", "closed"]].sum()
    share = wilson(years["closed"], years["at_risk"].clip(lower=1), "share")
    for name, column in zip(("share", "ci_low", "ci_high"), share.values(), strict=True):
        years[name] = (1 - (1 - column) ** YEAR).where(years["at_risk"] > 0)
    return ValueRates(
        _hidden(years, months, (), ["share", "ci_low", "ci_high"], k),
        _hidden(bands, months, ("tenure",), ["hazard", "hazard_error"], k),
        suppress(rates.growth, "customers", ["base", "factor", "factor_error", "scatter"], k=k),
        rates.months,
    )


def _hidden(frame: "pd.DataFrame", months: int, by: tuple[str, ...], values: list[str], k: int) -> "pd.DataFrame":
    """Hide cells with few customers at risk, or few who closed or stayed."""
    import numpy as np

    customers = np.maximum(np.ceil(frame["at_risk"] / months).astype("int64"), frame["closed"])
    blocks = [frame[name] for name in by]
    hidden = small_cells(customers, by=blocks, k=k)
    hidden = small_parts(frame["closed"], customers, by=blocks, k=k, hidden=hidden)
    masked = {name: frame[name].astype("float64").mask(hidden) for name in ("at_risk", "closed", *values)}
    return frame.assign(**masked, suppressed=hidden)
