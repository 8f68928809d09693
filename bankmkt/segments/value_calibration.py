"""How well value was expected: a past year's expectation held against what customers then earned the bank."""

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bankmkt.bank import check_bank
from bankmkt.errors import DataError
from bankmkt.margins import check_margins, margin_of
from bankmkt.months import month_end, month_number, month_of
from bankmkt.privacy import K, check_k, suppress
from bankmkt.segments.value_forecast import carried, forecast, group_sums, multiples_table, prepare, sum_cells
from bankmkt.segments.value_rates import YEAR

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank


def calibrate_value(
    bank: "Bank",
    as_of: dt.date | str | None = None,
    *,
    k: int = K,
    margins: Mapping[str, float] | None = None,
    growth: float | None = None,
    attrition: float | None = None,
) -> "pd.DataFrame":
    """Hold the value expected of a past year against what the customers then earned the bank.

    A large bank's total may well lie outside its interval, which does not hold what hits all customers at once; how
    far outside says how far next year may be off.

    Parameters
    ----------
    bank : Bank
        With twelve month ends after ``as_of``.
    as_of : date or str, optional
        The day to look ahead from; default twelve months before the last month end. Only what is realised is later.
    k, margins, growth, attrition
        As of :func:`bankmkt.segments.value_by`; nothing is discounted.

    Returns
    -------
    pandas.DataFrame
        A row per tenth of the customers by expected value (``decile`` "1" lowest to "10"; equal values are in one row,
        named by the highest tenth it reaches) and "all": customers, expected, ci_low, ci_high (95%, as of
        :func:`bankmkt.segments.value_by`), realised (money), suppressed.

    Raises
    ------
    ParameterError, DataError
        As :func:`bankmkt.segments.customer_value`; DataError when the year after ``as_of`` is not all there.
    """
    import ibis
    import pandas as pd

    check_bank(bank)
    check_k(k)
    if as_of is None:
        if len(bank.months) <= YEAR:
            raise DataError("balances", f"{len(bank.months)} months", "over twelve", "open a longer history")
        as_of = month_end(month_number(bank.months[-1]) - YEAR)
    known, rates, now = prepare(bank, as_of, margins, growth, attrition, 0.0, 1)
    start = month_number(known.date)  # type: ignore[arg-type]
    ahead = {month_number(month) for month in bank.months} & set(range(start + 1, start + YEAR + 1))
    if len(ahead) < YEAR:
        raise DataError("balances", f"{len(ahead)} months after {known.date}", "twelve", "pass an earlier as_of")
    t = now.inner_join(multiples_table(rates, {"k_year": YEAR}), ["tenure", "band"])
    t = t.mutate(value=carried(t, rates) * t.k_year).drop("k_year", "p_alive_12")
    cuts = bank.fetch(t.aggregate(**{f"q{i}": t.value.quantile(i / 10) for i in range(1, 10)})).to_pylist()[0]
    tenths: dict[float, int] = {}
    for tenth in range(1, 10):
        tenths.setdefault(cuts[f"q{tenth}"], tenth)  # below a cut that several tenths share, only the first of them is
    decile = ibis.cases(*((t.value < cut, tenth) for cut, tenth in tenths.items()), else_=10)
    b = bank.balances
    number = month_of(b.month)
    later = b.filter((number > start) & (number <= start + YEAR))
    later = later.group_by("customer_id").aggregate(realised=margin_of(later, check_margins(margins)).sum())
    t = t.mutate(decile=decile.cast("int64")).left_join(later, "customer_id")
    t = t.mutate(realised=t.realised.fill_null(0.0)).drop("customer_id_right")
    cells = sum_cells(known, t, rates, ["decile"], realised=t.realised.sum())
    parts = []
    for names in (["decile"], []):
        out = group_sums(cells, names, ["customers", "realised"])
        out[["expected", "ci_low", "ci_high"]] = forecast(cells, names, rates, YEAR)
        out["decile"] = out["decile"].astype("str") if names else "all"
        money = ["expected", "ci_low", "ci_high", "realised"]
        parts.append(suppress(out, "customers", money, k=k)[["decile", "customers", *money, "suppressed"]])
    return pd.concat(parts, ignore_index=True)
