"""Whether what a study is given can be used: numbers, labels, what was known before, one value per customer."""

import datetime as dt
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import DataError, ParameterError, Refused, SchemaError, one_of
from bankmkt.uplift.encoding import Floats


def is_number(value: Any) -> bool:
    """Return whether a value is one finite number, of Python or of numpy.

    Examples
    --------
    >>> [is_number(value) for value in (1, np.float32(0.5), np.int64(2), True, "1", float("nan"))]
    [True, True, True, False, False, False]
    """
    return isinstance(value, Real) and not isinstance(value, bool) and bool(np.isfinite(float(value)))


def is_whole(value: Any) -> bool:
    """Return whether a value is one integer, of Python or of numpy."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def features(frame: Any, name: str = "X") -> pd.DataFrame:
    """Return what was known of customers: numbers as floats, yes/no, texts as categories; or say what cannot be used.

    Parameters
    ----------
    frame
        A row per customer.
    name
        Of the parameter, for the message.

    Raises
    ------
    ParameterError, SchemaError, DataError
        If it is no frame, two columns have one name, or one holds anything else.
    """
    if not isinstance(frame, pd.DataFrame) or frame.empty:
        what = type(frame).__name__ if not isinstance(frame, pd.DataFrame) else frame.shape
        raise ParameterError(name, what, "a frame with a row per customer and a column or more", "pass a DataFrame")
    texts = frame.columns.map(str)
    if len(twice := texts[texts.duplicated()]):
        raise SchemaError(f"{name} has two columns", twice[0], "each name once, as text, too", "rename or drop one")
    columns = {}
    for label, column in frame.items():
        kind, what = column.dtype, f"{name}[{label!r}]"
        if isinstance(kind, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(kind):
            columns[str(label)] = column
        elif pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind):
            values = column.to_numpy(dtype=float, na_value=np.nan)
            if np.isinf(values).any():
                raise DataError(what, "infinity", "numbers or missing", "replace it")
            columns[str(label)] = pd.Series(values, frame.index)
        elif pd.api.types.is_string_dtype(kind) or pd.api.types.is_object_dtype(kind):
            if not column.dropna().map(lambda value: isinstance(value, str)).all():
                raise SchemaError(what, str(kind), "numbers, yes/no or texts", "convert it")
            columns[str(label)] = column.astype("category")
        else:
            todo = "turn dates into numbers of days before the campaign"
            raise SchemaError(what, str(kind), "numbers, yes/no or categories", todo)
    return pd.DataFrame(columns).reset_index(drop=True)


def is_text(text: str) -> bool:
    """Return whether a text has no half of a character (a lone surrogate), which no file could hold."""
    return not any("\ud800" <= one <= "\udfff" for one in text)


def check_texts(name: str, labels: pd.Index) -> None:
    """Raise DataError if a label is a text that UTF-8 cannot hold."""
    if labels.dtype == object and not all(is_text(one) for one in labels if isinstance(one, str)):
        raise DataError(name, "half of a character", "texts that UTF-8 can hold", "correct these labels")


def check_labels(index: pd.Index) -> None:
    """Raise DataError if a customer has no label, or two have the same."""
    check_texts("index of X", index)
    if not isinstance(index, pd.MultiIndex) and index.hasnans:
        raise DataError("index of X", "missing labels", "one per customer", "leave these customers out")
    if twice := int(index.duplicated().sum()):
        todo = "leave the second out: what is counted twice looks surer than it is"
        raise DataError("index of X", f"{twice:,} labels that come again", "each customer once", todo)


def check_index(name: str, given: Any, index: pd.Index, whose: str = "X") -> None:
    """Raise DataError if a pandas object's index says that its rows are in another order than those of ``X``."""
    if not isinstance(given, pd.Series | pd.DataFrame) or len(given) != len(index) or given.index.equals(index):
        return
    plain = given.index.equals(pd.RangeIndex(len(index)))  # says nothing, unless X has the same rows in another order
    if not plain or given.index.isin(index).all():
        todo = f"{name}.reindex({whose}.index), or pass .to_numpy() if the rows do belong together"
        raise DataError(f"index of {name}", f"other than that of {whose}", "the same customers in the same order", todo)


def in_time(frame: pd.DataFrame, begin: dt.date | str | None, known: Any) -> None:
    """Refuse columns that were known only after the campaign began."""
    from bankmkt.lookback import parse_date

    if not isinstance(known, Mapping):
        raise ParameterError("known_on", known, "a mapping of columns to dates", 'such as {"age": "2026-01-31"}')
    if begin is None:
        if known:
            raise ParameterError("campaign_on", None, "the campaign's first day", "pass it along with known_on")
        return
    start = parse_date("campaign_on", begin)
    for name, day in known.items():
        if name not in frame:
            raise ParameterError("known_on", name, one_of(frame.columns), "name columns of X")
        if parse_date(f"known_on[{name!r}]", day) >= start:
            what = f"column {name} was known on {day}"
            raise Refused(what, None, f"before the campaign began on {start}", "leave it out: it may be an effect")


def aligned(name: str, given: Any, frame: pd.DataFrame) -> pd.Series:
    """Return one value per customer, none of them missing."""
    todo = "pass those of X, in its order"
    row = isinstance(given, Sequence) and not isinstance(given, str)
    shape = getattr(given, "shape", (len(given),) if row else ())
    if len(shape) != 1:
        what = shape or (given if isinstance(given, str | Real) else type(given).__name__)
        raise DataError(name, what, f"one value per customer: {len(frame):,}", todo)
    series = pd.Series(given).reset_index(drop=True)
    if len(series) != len(frame):
        raise DataError(name, f"{len(series):,} rows", f"one per customer: {len(frame):,}", todo)
    if series.isna().any():
        raise DataError(name, f"{int(series.isna().sum())} missing", "one per customer", "leave these customers out")
    return series


def floats(name: str, series: pd.Series) -> Floats:
    """Return numbers or yes/no as floats."""
    kind = series.dtype
    if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_complex_dtype(kind):
        raise SchemaError(name, str(kind), "numbers or yes/no", "convert it")
    values = series.to_numpy(dtype=float)
    if not np.isfinite(values).all():
        raise DataError(name, "infinity", "numbers", "replace it")
    return values


def numbers(name: str, values: Any) -> Floats:
    """Return scores as floats, missing ones as such; texts, dates and complex numbers are refused.

    Examples
    --------
    >>> numbers("score", pd.array([1, None], dtype="Int64")).tolist()
    [1.0, nan]
    """
    try:
        frame = pd.DataFrame(values).infer_objects()
    except (TypeError, ValueError) as error:
        raise SchemaError(name, type(values).__name__, "numbers", "pass the scores themselves") from error
    for kind in frame.dtypes if frame.shape[1] else [type(values).__name__]:
        if not frame.shape[1] or not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_complex_dtype(kind):
            raise SchemaError(name, str(kind), "numbers", "pass the scores themselves")
    found = frame.to_numpy(dtype=float, na_value=np.nan)
    size = float(np.nanmax(np.abs(found), initial=0.0))
    if 1e100 < size < np.inf or 0 < size < 1e-100:
        raise DataError(name, f"{size:.2g} at most", "0, or from 1e-100 to 1e100", "multiply all by the same number")
    return found if np.ndim(values) > 1 else found[:, 0]
