"""The margin of the months to come, of customers and of groups with its interval: what value is summed up from."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.bank import check_bank
from bankmkt.confidence import Z
from bankmkt.errors import DataError, ParameterError
from bankmkt.lookback import parse_date
from bankmkt.margins import check_margins
from bankmkt.months import month_end
from bankmkt.segments.lifecycle import span_of
from bankmkt.segments.value_rates import TENURES, TOP, YEAR, Rates, learn_rates, valued

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank


def prepare(
    bank: "Bank",
    as_of: dt.date | str,
    margins: Mapping[str, float] | None,
    growth: float | None,
    attrition: float | None,
    discount: float,
    years: int,
) -> "tuple[Bank, Rates, Any]":
    """Check the arguments; return the bank as of the month end, its rates, and its customers' last month.

    Raises
    ------
    ParameterError, DataError
        As :func:`bankmkt.segments.customer_value`.
    """
    check_bank(bank)
    day = parse_date("as_of", as_of)
    rates = check_margins(margins)
    if growth is not None:
        _check_number("growth", growth, -0.9, 1, "growth=0.03 for 3 % a year, or None")
    if attrition is not None:
        _check_number("attrition", attrition, 0, 0.99, "attrition=0.05 for 5 % a year, or None")
    _check_number("discount", discount, 0, 1, "discount=0.05 for 5 % a year")
    if isinstance(years, bool) or not isinstance(years, int) or not 1 <= years <= 50:
        raise ParameterError("years", years, "an integer from 1 to 50", "pass years=10")
    first, last = span_of(bank, day)
    found, wanted = last - first + 1, YEAR if growth is None else 2
    if found < wanted:
        raise DataError(
            "balances", f"{found} of {wanted} months by {day}", f"{wanted} month ends to learn from",
            "pass a later as_of" if wanted == 2 else "pass growth=, such as 0 for none, or a later as_of",
        )  # fmt: skip
    known = bank.as_of(month_end(last))
    learned = learn_rates(known, first, last, rates, growth, attrition, discount, years)
    return known, learned, valued(known, last, last, rates)


def _check_number(name: str, value: float, low: float, high: float, todo: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ParameterError(name, value, f"a number from {low} to {high}", f"pass {todo}")


def multiples_table(rates: Rates, columns: Mapping[str, int]) -> Any:
    """Return a small Ibis table: tenure, band, p_alive_12, and multiples of the margin over numbers of months."""
    import ibis
    import pandas as pd

    tenure, band = np.indices((TOP + 1, len(rates.growth)))
    stay = rates.paths(YEAR)[0][..., -1]
    multiples = {name: rates.multiples(months).ravel() for name, months in columns.items()}
    frame = {"tenure": tenure.ravel(), "band": band.ravel(), "p_alive_12": stay.ravel(), **multiples}
    return ibis.memtable(pd.DataFrame(frame))


def carried(t: Any, rates: Rates) -> Any:
    """Return the margin that is carried forward: the customer's own, in the lowest band the band's mean."""
    return (t.band == 0).ifelse(float(rates.growth["base"].iloc[0]), t.margin)


def sum_cells(bank: "Bank", t: Any, rates: Rates, names: Sequence[str], **sums: Any) -> "pd.DataFrame":
    """Return sums by group, tenure and band: all that forecasts of groups need.

    Raises
    ------
    DataError
        When there are no customers.
    """
    base = carried(t, rates)
    keys = [*names, "tenure", "band"]
    cells = t.group_by(keys).aggregate(
        customers=t.count(), margin_month=t.margin.sum(), base=base.sum(), base2=(base * base).sum(), **sums
    )
    found = bank.fetch(cells.order_by(keys)).to_pandas()
    if found.empty:
        raise DataError("customers", "no open account", "customers to expect something of", "pass another as_of")
    return found


def group_sums(cells: "pd.DataFrame", names: Sequence[str], columns: Sequence[str]) -> "pd.DataFrame":
    """Return sums by group, in the order of the groups."""
    if not names:
        return cells[list(columns)].sum().to_frame().T.astype(cells[list(columns)].dtypes)
    return cells.groupby(list(names))[list(columns)].sum().reset_index()


def forecast(cells: "pd.DataFrame", names: Sequence[str], rates: Rates, months: int) -> np.ndarray:
    """Return the expected margin of each group's months to come with its interval, of shape (groups, 3)."""
    group = cells.groupby(list(names)).ngroup().to_numpy() if names else np.zeros(len(cells), dtype=np.int64)
    where = cells["tenure"].to_numpy(), cells["band"].to_numpy()
    groups, bands = int(group.max()) + 1, len(rates.growth)

    def total(per_margin: np.ndarray, column: str = "base") -> np.ndarray:
        """Return sums by group and band."""
        weights = cells[column].to_numpy() * per_margin[where]
        return np.bincount(group * bands + where[1], weights, groups * bands).reshape(groups, bands)

    value = total(rates.multiples(months)).sum(axis=1)
    variance = total(rates.scatter(months), "base2").sum(axis=1)
    # a rate is of one band and touches no other, so the bands' rates of a kind take their steps at once
    kinds = [*np.arange(bands * len(TENURES) + bands).reshape(bands, -1).T, np.arange(-bands, 0)]
    for places in kinds:
        step = np.zeros_like(rates.errors)
        step[places] = rates.errors[places] / 2
        high, low = (rates.multiples(months, rates.parameters + sign * step) for sign in (1, -1))
        variance += (total(high - low) ** 2).sum(axis=1)
    width = Z * np.sqrt(variance)
    return np.column_stack([value, np.maximum(value - width, 0.0), value + width])
