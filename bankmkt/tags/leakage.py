"""Inputs that know the future: those that change when it is spoilt, and those that alone tell too much."""

import datetime
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ibis import _

from bankmkt.bank import Bank, check_bank, open_bank
from bankmkt.errors import ParameterError
from bankmkt.lookback import parse_date
from bankmkt.months import month_end, month_number
from bankmkt.schema import TABLES, Column
from bankmkt.tags.catalogue import kinds
from bankmkt.tags.declare import RELATED, Tag
from bankmkt.tags.lineage import attributes
from bankmkt.tags.predictive import Prediction, choose_predictions
from bankmkt.tags.ranking import auc
from bankmkt.tags.snapshots import (
    CUSTOMERS,
    Input,
    by_horizon,
    examples,
    house_inputs,
    name_of,
    sampled,
    snapshot,
)

if TYPE_CHECKING:
    import pandas as pd

UNDATED = ("is_payroll", "has_car", "has_home", "risk_level", "manager_id")
"""Columns of ``customers`` that are rewritten without a date: what they say today may have been learned afterwards."""
LIMIT = 0.97
ATTRIBUTE_LIMIT = 0.8
"""AUC from which an attribute without a date tells too much; docs/predictive-tags.md says what the house's tell."""
CUSTOMER = "customer_id"
"""Stands for an input where it is a customer that comes or goes."""

Sample = Callable[[Any], Any] | None


def leaks(
    bank: Bank,
    as_of: datetime.date | str,
    predictions: Iterable[Prediction | str] | None = None,
    inputs: Iterable[Input] | None = None,
    limit: float = LIMIT,
    *,
    attribute_limit: float = ATTRIBUTE_LIMIT,
    customers: int = CUSTOMERS,
    seed: int = 7,
) -> "pd.DataFrame":
    """Look for inputs that know what happens after the day on which they are computed.

    Two tests, on the last month end whose outcome is known by ``as_of``. *Future*: everything in the bank after the
    month end is spoilt (see :func:`spoil`); an input, a simple rule or a choice of whom to judge that changes for
    anybody has looked, and so it is if a customer comes or goes. *Alone*: an input which by itself tells who will have
    the outcome with an AUC of ``limit`` or more, in either direction, is too good to be known beforehand; so is one
    that reads a column of ``customers`` without a date (or of the unit) which tells ``attribute_limit`` or more:
    what describes a customer at all times tells little about three months, unless it was rewritten after them.

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
        AUC from which an input alone tells too much, over 0.5 and below 1.
    attribute_limit
        The same of a column without a date, each value of which stands for how often the outcome came among the other
        half of its customers.
    customers, seed
        About so many customers of a larger bank are drawn at random by their ids, so that memory is bounded.

    Returns
    -------
    pandas.DataFrame
        A row per finding: input (a name or code; ``"judged_"`` or ``"simple_"`` + code for a prediction's own rules,
        ``"customer_id"`` for customers that come or go), reason ("future" or "alone"), code (of the prediction; empty
        for "future"), auc (null for "future"), changed (share of customers; null for "alone"). Empty if nothing was
        found.

    Raises
    ------
    ParameterError
        If a limit is out of range, or the bank has too few months.

    Notes
    -----
    Rows that were entered late and dated back look as if they had always been there: only *alone* can find them.

    Examples
    --------
    >>> import bankmkt as bm
    >>> from ibis import _
    >>> told = bm.tags.Tag("told", "Questionnaire", "风险等级", "risk", _.risk_level, "as filled in, nobody knows when")
    >>> bm.tags.leaks(bm.demo_bank(), "2026-06-30", ["fund_propensity"], [told]).reason.tolist()
    ['future']
    """
    import pandas as pd

    for name, value, usual in (("limit", limit, LIMIT), ("attribute_limit", attribute_limit, ATTRIBUTE_LIMIT)):
        if not 0.5 < value < 1:
            raise ParameterError(name, value, "over 0.5 and below 1", f"pass {name}={usual}")
    known = check_bank(bank).as_of(parse_date("as_of", as_of))
    chosen = choose_predictions(predictions)
    looked_at = house_inputs() if inputs is None else tuple(inputs)
    sample = sampled(known, customers, seed)
    found: list[tuple[Any, ...]] = []
    for horizon, group in by_horizon(chosen).items():
        number = month_number(known.months[-1]) - horizon
        if number < month_number(known.months[0]):
            raise ParameterError("as_of", str(known.date), f"over {horizon} months after the first", "choose a later")
        day = month_end(number)
        found += _future(known, day, looked_at, group, sample)
        found += _alone(examples(known, day, [*looked_at, *_raw(looked_at)], group, sample), group, looked_at,
                        limit, attribute_limit)  # fmt: skip
    frame = pd.DataFrame(list(dict.fromkeys(found)), columns=["input", "reason", "code", "auc", "changed"])
    return frame.astype({"auc": "float64", "changed": "float64"})


def _undated(one: Input) -> list[str]:
    """Return the attributes that an input reads and that carry no date."""
    read = attributes(one, kinds(one)) if isinstance(one, Tag) else []
    return [name for name in read if name in RELATED or TABLES["customers"][name].type != "date"]


def _raw(inputs: Iterable[Input]) -> list[Tag]:
    """Return the undated attributes that inputs read, as tags of their own."""
    names = dict.fromkeys(name for one in inputs for name in _undated(one))
    return [Tag(f"only_{name}", name, name, "risk", _[name], "the attribute as it is") for name in names]


def _alone(
    rows: "pd.DataFrame", group: Sequence[Prediction], inputs: tuple[Input, ...], limit: float, attribute_limit: float
) -> list[tuple[Any, ...]]:
    """Return the inputs that by themselves tell an outcome too well."""
    import pandas as pd

    found = []
    for prediction in group:
        held = rows[rows[f"judged_{prediction.code}"]]
        y = held[f"happened_{prediction.code}"].to_numpy(dtype=float)
        if not 0 < y.sum() < y.size:
            continue
        for one in inputs:
            values = held[name_of(one)]
            number = pd.api.types.is_numeric_dtype(values)
            areas = [(_told(values, y) if number else _named(values, y), limit)]
            areas += [(_named(held[f"only_{name}"], y), attribute_limit) for name in _undated(one)]
            if any(area >= most for area, most in areas):
                found.append((name_of(one), "alone", prediction.code, max(area for area, _most in areas), None))
    return found


def _told(values: "pd.Series", happened: np.ndarray) -> float:
    """Return the AUC of a number, in its better direction."""
    area = auc(values.to_numpy(dtype=float, na_value=np.nan), happened)(np.ones(happened.size))
    return max(area, 1 - area)


def _named(values: "pd.Series", happened: np.ndarray) -> float:
    """Return the AUC of names, each standing for how often it happened among the other half of its customers."""
    import pandas as pd

    names, half = values.astype("string").fillna("").to_numpy(), np.arange(happened.size) % 2 == 0
    score = np.zeros(happened.size)
    for these, those in ((half, ~half), (~half, half)):
        rate = pd.Series(happened[these]).groupby(names[these]).mean()
        score[those] = pd.Series(names[those]).map(rate).fillna(happened.mean())
    return auc(score, happened)(np.ones(happened.size))


def _future(
    known: Bank, day: datetime.date, inputs: tuple[Input, ...], group: Sequence[Prediction], sample: Sample
) -> list[tuple[Any, ...]]:
    """Return the inputs that change when what comes after a day is spoilt."""
    frames = []
    for bank in (known, spoil(known, day)):
        wide = snapshot(bank, day, inputs, group, simple=True)
        frame = bank.fetch(wide if sample is None else wide.filter(sample(wide.customer_id))).to_pandas()
        frames.append(frame.set_index("customer_id").sort_index())
    first, second = frames
    found = []
    if moved := len(first.index.symmetric_difference(second.index)) + int(second.index.duplicated().sum()):
        found.append((CUSTOMER, "future", "", None, moved / max(len(first), 1)))
        second = second[~second.index.duplicated()].reindex(first.index)
    for name in first.columns:
        one, other = first[name], second[name]
        same = (one == other) | (one.isna() & other.isna())
        if one.dtype.kind == "f":  # sums of the same numbers in another order
            same |= np.isclose(one, other.astype(float), rtol=1e-9, atol=1e-6)
        if not same.all():
            found.append((name, "future", "", None, float(1 - same.mean())))
    return found


def spoil(bank: Bank, day: datetime.date) -> Bank:
    """Return the bank with everything changed that was not known by a day; what was known stays.

    What came after the day is gone. In its place every row of the table, of before and after, comes again on the day
    after and at the next month end, with other numbers, texts, dates and truth values. Dates that are set later are
    set where they were not and the other way round, and columns of customers that carry no date are altered for
    everybody.
    """
    return open_bank({name: _spoilt(name, table, day) for name, table in bank.tables.items()})


def _spoilt(name: str, t: Any, day: datetime.date) -> Any:
    """Return one table, spoilt after a day."""
    import ibis

    table = TABLES[name]
    if not table.time:
        return t
    time, last = t[table.time], ibis.literal(day)
    late = (time.date() if time.type().is_timestamp() else time) > last
    changed = {}
    for c in table.columns:
        if c.set_later:
            value, eve = t[c.name], ibis.literal(day + datetime.timedelta(days=1))
            changed[c.name] = value.isnull().ifelse(eve, (value > last).ifelse(ibis.null("date"), value))
        elif name == "customers" and c.name in UNDATED:
            changed[c.name] = ibis.null(t[c.name].type()) if c.type == "id" else _other(t[c.name], c)
    if name == "assignments":
        told = (t.participated_on <= last).fill_null(False)
        changed["participated"] = told.ifelse(t.participated, ~t.participated)
    parts = [t.mutate(**changed).filter(~late) if changed else t.filter(~late)]
    altered = {c.name: _other(t[c.name], c) for c in table.columns if c.type != "id" and c.name != table.time}
    for then in (day + datetime.timedelta(days=1), month_end(month_number(day) + 1)):
        noon = datetime.datetime.combine(then, datetime.time(12))
        when = ibis.literal(noon if time.type().is_timestamp() else then).cast(time.type())
        parts.append(t.mutate(**altered, **{table.time: when}).cast(t.schema()))
    return ibis.union(*parts)


def _other(value: Any, c: Column) -> Any:
    """Return another value of the same type; none where there was none."""
    import ibis

    if c.type == "boolean":
        return ~value
    if c.type == "string":
        other = (value == c.values[0]).ifelse(c.values[-1], c.values[0]) if c.values else value + "!"
        return value.isnull().ifelse(ibis.null("string"), other)
    if c.type == "int64":
        return value % 5 + 1
    return value * 1000 + 7 if c.type == "float64" else value + ibis.interval(days=40)
