"""The steps of RFM: which transactions count, what they measure, where the cut points lie, which scores follow."""

import datetime as dt
import math
from typing import Any

import pandas as pd

from bankmkt import terms
from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
from bankmkt.frames import engine_table, fetch
from bankmkt.schema import ASSETS
from bankmkt.segments.measures import BANK_KINDS
from bankmkt.segments.quantiles import LARGEST, order_statistics, ranks
from bankmkt.segments.rfm_names import named

UNITS = {"recency_days": 1, "frequency": 1, "monetary": 100}
"""The measures, and how many whole numbers make one of each: money is counted in cents."""

MONEY = {
    "amount": (),
    "spend": ("spend", "bill"),
    "inflow": ("salary", "transfer_in", "cash_in"),
    "aum": (),
}
"""Which movements of money count; the kinds of transaction that are it, where kinds say so."""

DEBT_KINDS = ("loan_drawdown", "loan_repayment", "card_repayment")
"""Kinds that move an account and a debt alike: the bank's money, and its return."""

CUTS = ("measure", "cut", "quantile", "value")

COLUMNS = (*UNITS, "r", "f", "m", "segment")
"""The columns of the scores beside the id."""


class NothingCounted(DataError):
    """No transaction of the window counts."""


def check_columns(t: Any, by: str, time: str, amount: str) -> None:
    """Raise SchemaError unless the columns are there and can be used, ParameterError if the id's name is a score's."""
    for parameter, name in (("by", by), ("time", time), ("amount", amount)):
        if name not in t.columns:
            raise SchemaError(
                parameter, name, f"a column of the transactions: {', '.join(t.columns)}", "name the right one"
            )
    if by.lower() in COLUMNS:
        raise ParameterError("by", by, f"a name that is none of {', '.join(COLUMNS)}", "rename the id's column")
    kinds = t.schema()
    if not (kinds[by].is_integer() or kinds[by].is_string()):
        raise SchemaError(f"column {by} is {kinds[by]}", None, "int64 or string", "cast the ids")
    if not (kinds[time].is_date() or (kinds[time].is_timestamp() and kinds[time].timezone is None)):
        todo = "convert it, for example with pandas.to_datetime; a zone goes with .dt.tz_localize(None)"
        raise SchemaError(f"column {time} is {kinds[time]}", None, "a date, or a timestamp without zone", todo)
    if not kinds[amount].is_numeric():
        raise SchemaError(f"column {amount} is {kinds[amount]}", None, "a number", "convert it")


def choose_money(t: Any, money: str | None) -> str:
    """Return which movements count, a bank's spending by default."""
    if money is None:
        return "spend" if "kind" in t.columns else "amount"
    if not isinstance(money, str) or money not in MONEY:
        raise ParameterError("money", money, one_of(MONEY), 'pass money="amount" for the column as it is')
    for name in {"amount": (), "aum": ("kind", "product")}.get(money, ("kind",)):
        if name not in t.columns:
            raise SchemaError("column", name, f'in the transactions for money="{money}"', 'or pass money="amount"')
    return money


def movements(t: Any, money: str, by: str, time: str, amount: str) -> Any:
    """Return the transactions that count, of any day.

    Returns
    -------
    ibis table
        customer_id, ts, paid (NaN where the amount is missing, so that it is not passed over); of spending also
        counted: false for refunds, which are no purchase.
    """
    if money == "aum":
        t = t.filter(t["product"].isin(ASSETS), ~t.kind.isin((*BANK_KINDS, *DEBT_KINDS)))
    elif MONEY[money]:
        t = t.filter(t.kind.isin(MONEY[money]))
    moved = t[amount].cast("float64")
    if money == "spend":
        moved = terms.paid(t, amount).cast("float64") if "product" in t.columns else moved.abs()
    paid = moved.fill_null(float("nan"))
    refunds = {"counted": ~(paid < 0)} if money == "spend" else {}  # a condition on each row costs a tenth of the time
    return t.select(customer_id=t[by], ts=t[time], paid=paid, **refunds)


def measure(moved: Any, day: dt.date, window_days: int, frequency: str) -> Any:
    """Return a row per customer with a transaction counted.

    Returns
    -------
    ibis table
        customer_id, recency_days, frequency, monetary: int64, money in cents, null where an amount is missing or beyond
        what can be counted.
    """
    import ibis

    start, end = (day - dt.timedelta(days=window_days - 1), day + dt.timedelta(days=1))
    if moved.ts.type().is_timestamp():
        start, end = (dt.datetime.combine(date, dt.time()) for date in (start, end))
    t = moved.filter(moved.ts >= ibis.literal(start), moved.ts < ibis.literal(end))
    counted = t.counted if "counted" in t.columns else None
    number = t.ts.cast("date").nunique(where=counted) if frequency == "days" else t.count(where=counted)
    found = t.group_by("customer_id").aggregate(last=t.ts.max(where=counted), frequency=number, sum=t.paid.sum())
    found = found.filter(found.frequency > 0)
    cents = found["sum"] * UNITS["monetary"]
    countable = ~found["sum"].isnan() & (cents.abs() < LARGEST // 2)
    return found.select(
        "customer_id",
        recency_days=ibis.literal(day).delta(found["last"].cast("date"), unit="day").cast("int64"),
        frequency=found.frequency.cast("int64"),
        monetary=ibis.ifelse(countable, ibis.ifelse(countable, cents, 0.0).round().cast("int64"), ibis.null("int64")),
    )


def population(customers: Any, con: Any, t: Any, by: str) -> Any:
    """Return the ids of a population, each once, in the engine of the transactions, as customer_id."""
    people, own = engine_table(customers, "customers", con)
    if own is not con:
        raise ParameterError(
            "customers", "a table of another engine", "one in the transactions' engine", "move it there"
        )
    if by not in people.columns:
        raise SchemaError("customers", list(people.columns), f"a column {by}", "rename the id's column")
    if people[by].type().is_string() != t[by].type().is_string():
        raise SchemaError(f"customers.{by} is {people[by].type()}", None, f"{t[by].type()}, as in the transactions")
    return people.filter(people[by].notnull()).select(customer_id=by).distinct()


def ends(base: Any, moved: Any, by: str, time: str, amount: str, window: str) -> dict[str, int]:
    """Return how many customers there are, and the least and largest value of each measure, where all are known."""
    limits = {f"{end}_{name}": getattr(base[name], end)() for name in UNITS for end in ("min", "max")}
    found = fetch(base.aggregate(
        customers=base.count(), nameless=base.customer_id.isnull().sum(), unpaid=base.monetary.isnull().sum(),
        undated=moved.filter(moved.ts.isnull()).count().as_scalar(), **limits,
    )).to_pylist()[0]  # fmt: skip
    todo = "fill or leave out the rows without"
    if found["undated"]:
        raise DataError(f"column {time} of {found['undated']} transactions", "null", "a time in every row", todo)
    if not found["customers"]:
        raise NothingCounted(f"no transaction counts {window}", todo="check as_of, window_days, money and customers")
    if found["nameless"]:
        raise DataError(f"column {by}", "null", "an id in every row counted", "leave out the rows without")
    if found["unpaid"]:
        expected = "a number in every row counted, of a size that is money"
        raise DataError(f"column {amount} of {found['unpaid']} customers", "null, NaN or too large", expected, todo)
    return found


def cut_points(base: Any, known: dict[str, int], bins: int) -> pd.DataFrame:
    """Return the cut points of each measure: measure, cut, quantile, value."""
    rows = []
    for name, unit in UNITS.items():
        wanted = ranks(known["customers"], bins)
        found = order_statistics(fetch, base, name, wanted, known[f"min_{name}"], known[f"max_{name}"])
        rows += [(name, cut, cut / bins, value / unit) for cut, value in enumerate(found, 1)]
    return pd.DataFrame(rows, columns=list(CUTS))


def check_cuts(cuts: Any, bins: int) -> pd.DataFrame:
    """Return the cut points in order, or raise ParameterError."""
    todo = "pass RFM.cuts as it is, with the bins it was made with"
    if not isinstance(cuts, pd.DataFrame) or not {"measure", "cut", "value"} <= set(cuts.columns):
        found = list(cuts.columns) if isinstance(cuts, pd.DataFrame) else type(cuts).__name__
        raise ParameterError("cuts", found, "a frame with columns measure, cut, value", todo)
    parts = []
    for name in UNITS:
        part = cuts[cuts["measure"] == name].sort_values("cut")
        if part["cut"].tolist() != list(range(1, bins)):
            raise ParameterError(f"cuts of {name}", part["cut"].tolist(), f"1 to {bins - 1} for bins={bins}", todo)
        values = pd.to_numeric(part["value"], errors="coerce")
        if not values.map(math.isfinite).all() or not values.is_monotonic_increasing:
            raise ParameterError(f"cuts of {name}", part["value"].tolist(), "numbers that do not fall", todo)
        parts.append(part.assign(value=values.astype("float64"), quantile=part["cut"] / bins))
    return pd.concat(parts, ignore_index=True)[list(CUTS)]


def score(base: Any, cuts: pd.DataFrame, bins: int, ties: str, by: str) -> Any:
    """Return the scores as an Ibis table with the id called ``by``; customers without recency are inactive."""
    import ibis

    def bin_of(name: str, best_first: bool) -> Any:
        at = [round(value * UNITS[name], 4) for value in cuts.loc[cuts["measure"] == name, "value"]]  # 100 · 0.29 < 29
        lower = [base[name] <= math.floor(v) if ties == "lower" else base[name] < math.ceil(v) for v in at]
        order = range(bins, 0, -1) if best_first else range(1, bins + 1)
        *scores, last = (ibis.literal(number, "int64") for number in order)
        return ibis.cases(
            (base.recency_days.isnull(), ibis.literal(0, "int64")), *zip(lower, scores, strict=True), else_=last
        )

    scored = base.select(
        base.customer_id.name(by),
        "recency_days",
        frequency=base.frequency.fill_null(0),
        monetary=base.monetary.fill_null(0) / UNITS["monetary"],
        r=bin_of("recency_days", best_first=True),
        f=bin_of("frequency", best_first=False),
        m=bin_of("monetary", best_first=False),
    )
    return scored.mutate(segment=named(scored.r, scored.f + scored.m, bins))
