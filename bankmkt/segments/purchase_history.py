"""What is known of each buyer: how often (frequency), how lately (recency), since when (T) and for how much."""

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.errors import DataError, ParameterError
from bankmkt.lookback import parse_date

if TYPE_CHECKING:
    import pandas as pd

WEEK = 7.0
"""Days in the unit of time that recency, T and forecasts are counted in."""


def purchase_summary(transactions: Any, end: dt.date | str, *, unit_days: float = WEEK) -> Any:
    """Sum up what each customer bought until a day, as BG/NBD and Gamma-Gamma need it.

    Purchases of one day count as one. What comes after ``end`` is not seen.

    Parameters
    ----------
    transactions : ibis table or pandas.DataFrame
        A row per purchase: customer_id, ts (without a zone), amount (money paid, 0 or more). Of a bank's transactions
        pass what was paid, of kind spend: from an account it is below 0, by card above, and
        :func:`bankmkt.terms.paid` makes one of them:
        ``t.filter(t.kind == "spend").mutate(amount=bankmkt.terms.paid(t)).filter(_.amount >= 0)``; what came back, as a
        refund, is no purchase.
    end : date or str
        Last day observed, the same for all customers; not the last day in the data, on which somebody happened to buy.
    unit_days : float
        Days in the unit of recency and T; 7 for weeks.

    Returns
    -------
    ibis table or pandas.DataFrame
        As given, a row per customer: customer_id; frequency (days with a purchase, less the first); recency (first to
        last purchase) and T (first purchase to end), in units; monetary (mean amount of a repeat purchase day, null
        where there is none).

    Raises
    ------
    ParameterError
        When ``end`` is no date, or ``unit_days`` not a finite number above 0.
    DataError
        When a column is missing or of a wrong type, a value by ``end`` is null or an amount below 0, or there is no
        purchase by ``end``. A table's rows are counted in its engine for that.

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2008). Implementing the BG/NBD Model for Customer Base Analysis in Excel.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": [1, 1, 1], "ts": pd.to_datetime(["2026-01-01", "2026-01-15", "2026-01-29"]),
    ...                     "amount": [9.0, 20.0, 30.0]})
    >>> purchase_summary(log, end="2026-02-05").to_dict("records")
    [{'customer_id': 1, 'frequency': 2, 'recency': 4.0, 'T': 5.0, 'monetary': 25.0}]
    """
    import ibis
    import pandas as pd

    day = parse_date("end", end)
    check_positive("unit_days", unit_days, "unit_days=7 for weeks")
    need("transactions", transactions, ("customer_id", "ts", "amount"), numbers=("amount",))
    local = isinstance(transactions, pd.DataFrame)
    times = transactions["ts"]
    told = times.dtype if local else times.type()
    if local and isinstance(told, pd.PeriodDtype):
        raise DataError("transactions.ts", str(told), "timestamps or dates", "convert it with .dt.to_timestamp()")
    t = ibis.memtable(transactions[["customer_id", "ts", "amount"]]) if local else transactions
    if not (t.ts.type().is_timestamp() or t.ts.type().is_date()):
        raise DataError("transactions.ts", str(told), "timestamps or dates", "cast the column")
    if t.ts.type().is_timestamp() and t.ts.type().timezone is not None:
        todo = "a zone goes with .dt.tz_localize(None), after .dt.tz_convert to the bank's own"
        raise DataError("transactions.ts", str(told), "a date, or a timestamp without zone", todo)
    t = t.select("customer_id", day=t.ts.cast("date"), amount=t.amount.cast("float64"))
    t = t.filter(t.day.isnull() | (t.day <= ibis.literal(day)))
    _check_rows(t, day)
    days = t
    days = days.group_by("customer_id", "day").aggregate(spent=days.amount.sum())
    each = days.group_by("customer_id").aggregate(
        first=days.day.min(), last=days.day.max(), times=days.count(),
        spent=days.spent.sum(), spent_first=days.spent.argmin(days.day),
    )  # fmt: skip
    repeats = each.times - 1
    out = each.select(
        "customer_id",
        frequency=repeats.cast("int64"),
        recency=each.last.delta(each.first, unit="day").cast("float64") / float(unit_days),
        T=ibis.literal(day).delta(each.first, unit="day").cast("float64") / float(unit_days),
        monetary=(repeats > 0).ifelse((each.spent - each.spent_first) / repeats.cast("float64"), ibis.null("float64")),
    )
    return out.order_by("customer_id").execute() if local else out


def _check_rows(t: Any, day: dt.date) -> None:
    """Raise DataError unless there are purchases, each somebody's, on a day, of a finite amount from 0."""
    amount = t.amount
    counts = {
        "customer_id": (t.customer_id.isnull(), "null", "whose purchase it is", "leave out rows of nobody"),
        "ts": (t.day.isnull(), "null", "when it was", "leave out rows without a time"),
        "amount": (
            amount.isnull() | amount.isnan() | amount.isinf(), "null or infinite", "what was paid", "leave them out",
        ),
        "below": (amount < 0, "below 0", "what was paid, 0 or more", "of a bank's transactions pass "
                  "amount=bankmkt.terms.paid(t), of kind spend; leave out what was paid back"),
    }  # fmt: skip
    found = t.aggregate(rows=t.count(), **{name: wrong[0].sum() for name, wrong in counts.items()}).execute().iloc[0]
    if not found["rows"]:
        raise DataError("transactions", "no rows", f"a purchase on or before {day}", "pass a later end")
    for name, (_, what, expected, todo) in counts.items():
        if found[name] > 0:
            column = "amount" if name == "below" else name
            number = f"{int(found[name]):,} of {int(found['rows']):,} {what}"
            raise DataError(f"transactions.{column}", number, expected, todo)


def histories(summary: Any, *, distinct: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return frequency, recency, T and how many customers have them: of distinct histories, or row by row of a frame.

    Raises
    ------
    DataError
        When a column is missing or no number, or values cannot be.
    """
    import pandas as pd

    columns = ["frequency", "recency", "T"]
    need("summary", summary, columns, numbers=columns)
    if not isinstance(summary, pd.DataFrame):
        summary = summary.group_by(columns).aggregate(customers=lambda t: t.count()).execute()
    elif distinct:
        summary = summary.groupby(columns, dropna=False).size().rename("customers").reset_index()
    else:
        summary = summary[columns].assign(customers=1)
    x, recency, age, weight = (summary[c].to_numpy(dtype="float64") for c in [*columns, "customers"])
    fine = (x >= 0) & (recency >= 0) & (recency <= age) & ((recency == 0) | (x > 0)) & np.isfinite(x + age)
    if not fine.all():
        row = summary.loc[~fine, columns].iloc[0].to_dict()
        raise DataError("summary", row, "0 <= recency <= T, and a recency of 0 without repeats", "use purchase_summary")
    return x, recency, age, weight


def need(what: str, table: Any, columns: Sequence[str], *, numbers: Sequence[str] = (), local: bool = False) -> None:
    """Raise DataError unless it is a pandas frame, or unless ``local`` an Ibis table, with the columns."""
    import ibis
    import pandas as pd

    kinds = "a pandas frame" if local else "a pandas frame or an Ibis table"
    if not isinstance(table, pd.DataFrame if local else pd.DataFrame | ibis.Table):
        todo = "call .execute() on it" if isinstance(table, ibis.Table) else "put the columns into a frame"
        raise DataError(what, type(table).__name__, kinds, todo)
    absent = [c for c in columns if c not in table.columns]
    if absent:
        raise DataError(f"{what}'s columns", list(table.columns), f"also {', '.join(absent)}", "rename or add them")
    if len(set(table.columns)) < len(table.columns):
        twice = next(name for name in table.columns if list(table.columns).count(name) > 1)
        raise DataError(f"{what}'s columns", f"two called {twice}", "each name once", "rename or drop one")
    for name in numbers:
        column = table[name]
        pandas = isinstance(table, pd.DataFrame)
        if not (pd.api.types.is_numeric_dtype(column) if pandas else column.type().is_numeric()):
            raise DataError(f"{what}.{name}", str(column.dtype if pandas else column.type()), "numbers", "cast it")


def check_once(summary: Any) -> None:
    """Raise DataError if a customer has two rows in a summary; without ids nobody can tell.

    Examples
    --------
    >>> import pandas as pd
    >>> check_once(pd.DataFrame({"customer_id": [1, 2, 1]}))
    Traceback (most recent call last):
        ...
    bankmkt.errors.DataError: summary.customer_id = '1 row too many': expected a row per customer; use purchase_summary
    """
    import pandas as pd

    if "customer_id" not in summary.columns:
        return
    ids = summary["customer_id"]
    if isinstance(summary, pd.DataFrame):
        more = int(ids.duplicated().sum())
    else:
        found = summary.aggregate(rows=ids.count(), ids=ids.nunique()).execute().iloc[0]
        more = int(found["rows"] - found["ids"])
    if more:
        found_text = f"{more:,} row{'s' if more > 1 else ''} too many"
        raise DataError("summary.customer_id", found_text, "a row per customer", "use purchase_summary")


def check_fitted(model: Any) -> None:
    """Raise ParameterError unless a model is fitted."""
    if not hasattr(model, "covariance_"):
        name = type(model).__name__
        raise ParameterError("model", f"{name}, not fitted", "a fitted one", f"model = {name}().fit(summary) first")


def check_positive(name: str, value: float, todo: str) -> None:
    """Raise ParameterError unless a parameter is a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ParameterError(name, value, "a finite number above 0", f"pass {todo}")


def sample_purchases(
    customers: int, periods: float, *, r: float, alpha: float, a: float, b: float, seed: int
) -> "pd.DataFrame":
    """Draw customers as BG/NBD says they buy, all seen for ``periods`` since their first purchase.

    Parameters
    ----------
    customers : int
        How many, from 1.
    periods : float
        Units of time.
    r, alpha, a, b : float
        Of :class:`bankmkt.segments.BGNBD`, above 0.
    seed : int

    Returns
    -------
    pandas.DataFrame
        frequency, recency, T; and what nobody sees: rate (purchases per unit while active), p_stop, alive at the end.

    Raises
    ------
    ParameterError
        When an argument is outside what is said above.

    Examples
    --------
    >>> sample_purchases(3, 40, r=0.6, alpha=4, a=0.8, b=2.5, seed=1).shape
    (3, 6)
    """
    import pandas as pd

    if isinstance(customers, bool) or not isinstance(customers, int) or customers < 1:
        raise ParameterError("customers", customers, "an integer from 1", "pass customers=1000")
    for name, value in (("periods", periods), ("r", r), ("alpha", alpha), ("a", a), ("b", b)):
        check_positive(name, value, f"{name}=1.0")
    rng = np.random.default_rng(seed)
    rate, stop = rng.gamma(r, 1 / alpha, customers), rng.beta(a, b, customers)
    now, last, count = np.zeros(customers), np.zeros(customers), np.zeros(customers, dtype="int64")
    alive, going = np.ones(customers, dtype=bool), np.ones(customers, dtype=bool)
    while going.any():
        now[going] += rng.exponential(1 / np.maximum(rate[going], 1e-300))
        bought = going & (now <= periods)
        last[bought], count[bought] = now[bought], count[bought] + 1
        alive[bought] = rng.random(int(bought.sum())) >= stop[bought]
        going = bought & alive
    return pd.DataFrame({
        "frequency": count, "recency": last, "T": float(periods), "rate": rate, "p_stop": stop, "alive": alive,
    })  # fmt: skip
