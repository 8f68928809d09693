"""Inputs that know the future: those that change when it is spoilt, and those that alone tell too much."""

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.bank import Bank, check_bank, open_bank
from bankmkt.errors import ParameterError
from bankmkt.lookback import parse_date
from bankmkt.months import month_end, month_number
from bankmkt.schema import TABLES
from bankmkt.tags.predictive import Prediction, choose_predictions
from bankmkt.tags.ranking import auc
from bankmkt.tags.snapshots import Input, by_horizon, examples, house_inputs, name_of, snapshot

if TYPE_CHECKING:
    import pandas as pd

UNDATED = ("is_payroll", "has_car", "has_home", "risk_level", "manager_id")
"""Columns of ``customers`` that are rewritten without a date: what they say today may have been learned afterwards."""
LIMIT = 0.97


def leaks(
    bank: Bank,
    as_of: datetime.date | str,
    predictions: Iterable[Prediction | str] | None = None,
    inputs: Iterable[Input] | None = None,
    limit: float = LIMIT,
) -> "pd.DataFrame":
    """Look for inputs that know what happens after the day on which they are computed.

    Two tests, on the last month end whose outcome is known by ``as_of``. *Future*: everything in the bank after the
    month end is spoilt (money and numbers changed, dates that are set later moved, :data:`UNDATED` columns altered); an
    input whose value changes for anybody has looked. *Alone*: an input which by itself tells who will have the outcome
    with an AUC of ``limit`` or more, in either direction, is too good to be known beforehand.

    Parameters
    ----------
    bank
        Of :func:`bankmkt.open_bank`.
    as_of
        The day by which outcomes are known.
    predictions
        Declarations or codes; the house's eight by default.
    inputs
        Features and tags; the house's by default.
    limit
        AUC from which an input alone tells too much, over 0.5 and below 1. The house's best is AUM, for who will be a
        VIP: about 0.93.

    Returns
    -------
    pandas.DataFrame
        A row per finding: input, reason ("future" or "alone"), code (of the prediction; empty for "future"), auc (null
        for "future"), changed (share of customers; null for "alone"). Empty if nothing was found.

    Raises
    ------
    ParameterError
        If ``limit`` is out of range, or the bank has too few months.

    Examples
    --------
    >>> import bankmkt as bm
    >>> from ibis import _
    >>> told = bm.tags.Tag("told", "Questionnaire", "风险等级", "risk", _.risk_level, "as filled in, nobody knows when")
    >>> bm.tags.leaks(bm.demo_bank(), "2026-06-30", ["fund_propensity"], [told]).reason.tolist()
    ['future']
    """
    import pandas as pd

    if not 0.5 < limit < 1:
        raise ParameterError("limit", limit, "over 0.5 and below 1", f"pass limit={LIMIT}")
    known = check_bank(bank).as_of(parse_date("as_of", as_of))
    chosen = choose_predictions(predictions)
    looked_at = house_inputs() if inputs is None else tuple(inputs)
    found: list[tuple[Any, ...]] = []
    last = None
    for horizon, group in by_horizon(chosen).items():
        number = month_number(known.months[-1]) - horizon
        if number < month_number(known.months[0]):
            raise ParameterError("as_of", str(known.date), f"over {horizon} months after the first", "choose a later")
        last = month_end(number)
        rows = examples(known, last, looked_at, group)
        found += [finding for one in group for finding in _alone(rows, one, looked_at, limit)]
    assert last is not None
    found = [*_future(known, last, looked_at), *found]
    return pd.DataFrame(found, columns=["input", "reason", "code", "auc", "changed"])


def _alone(rows: "pd.DataFrame", one: Prediction, inputs: tuple[Input, ...], limit: float) -> list[tuple[Any, ...]]:
    """Return the inputs that by themselves tell an outcome too well."""
    import pandas as pd

    held = rows[rows[f"judged_{one.code}"]]
    y = held[f"happened_{one.code}"].to_numpy(dtype=float)
    if not 0 < y.sum() < y.size:
        return []
    found = []
    for name in map(name_of, inputs):
        values = held[name]
        if not pd.api.types.is_numeric_dtype(values):
            rate = pd.Series(y, values.index).groupby(values.fillna("")).mean()
            values = values.fillna("").map(rate)
        area = auc(values.to_numpy(dtype=float, na_value=np.nan), y)(np.ones(y.size))
        if max(area, 1 - area) >= limit:
            found.append((name, "alone", one.code, max(area, 1 - area), np.nan))
    return found


def _future(known: Bank, day: datetime.date, inputs: tuple[Input, ...]) -> list[tuple[Any, ...]]:
    """Return the inputs that change when what comes after a day is spoilt."""
    spoilt = spoil(known, day)
    first, second = (
        bank.fetch(snapshot(bank, day, inputs, ())).to_pandas().set_index("customer_id").sort_index()
        for bank in (known, spoilt)
    )
    found = []
    for name in map(name_of, inputs):
        one, other = first[name], second[name].reindex(first.index)
        same = (one == other) | (one.isna() & other.isna())
        if one.dtype.kind == "f":  # sums of the same numbers in another order
            same |= np.isclose(one, other.astype(float), rtol=1e-9, atol=1e-6)
        if not same.all():
            found.append((name, "future", "", np.nan, float(1 - same.mean())))
    return found


def spoil(bank: Bank, day: datetime.date) -> Bank:
    """Return the bank with everything changed that was not known by a day; what was known stays.

    Numbers of later rows are multiplied and moved, dates set later are moved to the day after, and columns of
    customers that carry no date are altered for everybody.
    """
    return open_bank({name: _spoilt(name, table, day) for name, table in bank.tables.items()})


def _spoilt(name: str, t: Any, day: datetime.date) -> Any:
    """Return one table, spoilt after a day."""
    import ibis

    table, changed = TABLES[name], {}
    if table.time:
        time = t[table.time]
        late = (time.date() if time.type().is_timestamp() else time) > ibis.literal(day)
        for c in table.columns:
            if c.type == "float64":
                changed[c.name] = late.ifelse(t[c.name] * 1000 + 7, t[c.name])
            if c.set_later:
                moved = ibis.literal(day + datetime.timedelta(days=1))
                changed[c.name] = (t[c.name] > ibis.literal(day)).ifelse(moved, t[c.name])
    for c in table.columns if name == "customers" else ():
        if c.name in UNDATED:
            value = t[c.name]
            other = ~value if c.type == "boolean" else value % 5 + 1 if c.type == "int64" else ibis.null(value.type())
            changed[c.name] = other
    return t.mutate(**changed) if changed else t
