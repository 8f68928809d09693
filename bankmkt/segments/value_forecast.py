"""The margin of the months to come, of customers and of groups with its interval: what value is summed up from."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.bank import check_bank
from bankmkt.errors import DataError, ParameterError
from bankmkt.lookback import parse_date
from bankmkt.segments.margins import check_margins
from bankmkt.segments.value_rates import TOP, YEAR, Rates, learn_rates, valued

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

_Z = 1.959963984540054


def prepare(
    bank: "Bank",
    as_of: dt.date | str,
    margins: Mapping[str, float] | None,
    growth: float | None,
    discount: float,
    years: int,
) -> "tuple[Bank, Rates, Any]":
    """Check the arguments; return the bank as of the month end, its rates, and its customers' last month."""
    import ibis

    check_bank(bank)
    day = parse_date("as_of", as_of)
    rates = check_margins(margins)
    _check_number("growth", growth, -0.9, 1, "growth=0.03 for 3 % a year, or None")
    _check_number("discount", discount, 0, 1, "discount=0.05 for 5 % a year")
    if isinstance(years, bool) or not isinstance(years, int) or not 1 <= years <= 50:
        raise ParameterError("years", years, "an integer from 1 to 50", "pass years=10")
    months = [month for month in bank.months if month <= day]
    if len(months) < 2:
        raise DataError("balances", f"{len(months)} months by {day}", "two or more to learn from", "pass a later as_of")
    last = months[-1]
    known = bank.as_of(last)
    learned = learn_rates(known, last, months[0], rates, growth, discount, years)
    return known, learned, valued(known, lambda month: month == ibis.literal(last), rates)


def _check_number(name: str, value: float | None, low: float, high: float, todo: str) -> None:
    if value is None and name == "growth":
        return
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
    """Return sums by group, tenure and band: all that forecasts of groups need."""
    base = carried(t, rates)
    keys = [*names, "tenure", "band"]
    cells = t.group_by(keys).aggregate(
        customers=t.count(), margin_month=t.margin.sum(), base=base.sum(), base2=(base * base).sum(), **sums
    )
    return bank.fetch(cells.order_by(keys)).to_pandas()


def group_sums(cells: "pd.DataFrame", names: Sequence[str], columns: Sequence[str]) -> "pd.DataFrame":
    """Return sums by group, in the order of the groups."""
    if not names:
        return cells[list(columns)].sum().to_frame().T.astype(cells[list(columns)].dtypes)
    return cells.groupby(list(names))[list(columns)].sum().reset_index()


def forecast(cells: "pd.DataFrame", names: Sequence[str], rates: Rates, months: int) -> np.ndarray:
    """Return the expected margin of each group's months to come with its interval, of shape (groups, 3)."""
    group = cells.groupby(list(names)).ngroup().to_numpy() if names else np.zeros(len(cells), dtype=np.int64)
    where = cells["tenure"].to_numpy(), cells["band"].to_numpy()
    groups = int(group.max()) + 1

    def total(per_margin: np.ndarray, column: str = "base") -> np.ndarray:
        return np.bincount(group, cells[column].to_numpy() * per_margin[where], groups)

    value = total(rates.multiples(months))
    variance = total(rates.scatter(months), "base2")
    for place, error in enumerate(rates.errors):
        step = np.zeros_like(rates.errors)
        step[place] = error / 2
        high, low = (rates.multiples(months, rates.parameters + sign * step) for sign in (1, -1))
        variance += total(high - low) ** 2
    width = _Z * np.sqrt(variance)
    return np.column_stack([value, np.maximum(value - width, 0.0), value + width])
