"""What each product earns the bank, now and in the coming year."""

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bankmkt.margins import check_margins
from bankmkt.privacy import K, check_k, suppress
from bankmkt.segments.value_forecast import forecast, prepare, sum_cells
from bankmkt.segments.value_rates import YEAR

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

YEAR_AHEAD = ("value_12m", "value_12m_low", "value_12m_high")


def margin_by_product(
    bank: "Bank",
    as_of: dt.date | str,
    *,
    k: int = K,
    margins: Mapping[str, float] | None = None,
    growth: float | None = None,
    attrition: float | None = None,
) -> "pd.DataFrame":
    """Expect what each product will earn in twelve months, from what it earns now.

    A product is valued as :func:`bankmkt.segments.value_by` values the whole: by the attrition and growth of customers
    by their margin of this product alone, so that who takes it up counts too. The products' expectations add up to
    about the whole's, not exactly.

    Parameters
    ----------
    bank, as_of, k, margins, growth, attrition
        As of :func:`bankmkt.segments.value_by`.

    Returns
    -------
    pandas.DataFrame
        A row per product with a margin, the largest first: product, customers (with a balance of it), margin_month
        (money, the last month's: known but for the margins, so without an interval), margin_share (of all products),
        value_12m, value_12m_low, value_12m_high (money, 95%, nothing discounted), suppressed.

    Raises
    ------
    ParameterError, DataError
        As :func:`bankmkt.segments.value_by`.

    Examples
    --------
    >>> import bankmkt as bm
    >>> products = margin_by_product(bm.demo_bank(), "2026-06-30", margins={"demand": 0.012, "loan": 0.02})
    >>> bool((products.margin_share.sum() - 1).round(9) == 0)
    True
    """
    import pandas as pd

    check_k(k)
    rows = []
    for product, rate in check_margins(margins).items():
        if rate:
            known, rates, now = prepare(bank, as_of, {product: rate}, growth, attrition, 0.0, 1)
            now = now.mutate(holds=now.margin != 0)
            cells = sum_cells(known, now, rates, [], holds=now.holds.sum())
            held, margin = (cells[name].sum() for name in ("holds", "margin_month"))
            rows.append((product, int(held), margin, *forecast(cells, [], rates, YEAR)[0]))
    out = pd.DataFrame(rows, columns=["product", "customers", "margin_month", *YEAR_AHEAD])
    out = out.sort_values("margin_month", ascending=False, ignore_index=True)
    out["margin_share"] = out["margin_month"] / out["margin_month"].sum()
    money = ["margin_month", "margin_share", *YEAR_AHEAD]
    return suppress(out, "customers", money, k=k, overlapping=True)[["product", "customers", *money, "suppressed"]]
