"""What was known of customers as a matrix of numbers: learned once, and the same for every later customer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.errors import DataError, SchemaError

Floats = npt.NDArray[np.float64]
NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty")
"""What pandas calls kinds of values that are numbers, yes/no or all missing."""
MANY = 30
"""Categories of a column beyond which the rarest are put together."""


@dataclass(frozen=True)
class Column:
    """How a column becomes numbers.

    Parameters
    ----------
    name
        Of the column.
    kinds
        Categories that become a 0/1 column each, as texts; None for a number.
    middle
        What a missing number becomes.
    gone
        Whether there is a 0/1 column that says that the number is missing.
    yes_no
        Whether the number is a yes or no: 1, 0 or missing.
    """

    name: str
    kinds: tuple[str, ...] | None = None
    middle: float = 0.0
    gone: bool = False
    yes_no: bool = False


def encoding(frame: pd.DataFrame) -> tuple[Column, ...]:
    """Learn how columns become numbers.

    Examples
    --------
    >>> encoding(pd.DataFrame({"age": [30.0, None, 50.0]}))
    (Column(name='age', kinds=None, middle=40.0, gone=True, yes_no=False),)
    """
    found = []
    for name, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            kinds = column.value_counts().index[:MANY]
            found.append(Column(str(name), tuple(sorted(str(kind) for kind in kinds))))
            continue
        values = column.to_numpy(dtype=float, na_value=np.nan)
        known = values[~np.isnan(values)]
        middle, yes_no = float(np.median(known)) if len(known) else 0.0, pd.api.types.is_bool_dtype(column)
        found.append(Column(str(name), None, middle, bool(len(known) < len(values)), yes_no))
    return tuple(found)


def encode(frame: pd.DataFrame, columns: Sequence[Column]) -> Floats:
    """Turn a frame into numbers: categories as 0/1 columns, missing numbers as what was learned.

    Raises
    ------
    SchemaError, DataError
        If a column is missing, comes twice, or is of another kind than was learned: a number, a yes or no, a text.

    Examples
    --------
    >>> known = pd.DataFrame({"age": [30.0, None, 50.0], "city": pd.Categorical(["n", "s", None])})
    >>> encode(known, encoding(known)).tolist()
    [[30.0, 0.0, 1.0, 0.0], [40.0, 1.0, 0.0, 1.0], [50.0, 0.0, 0.0, 0.0]]
    >>> encode(pd.DataFrame({"age": [None], "city": ["elsewhere"]}), encoding(known)).tolist()
    [[40.0, 1.0, 0.0, 0.0]]
    """
    found: list[Floats] = []
    for one in columns:
        if (times := list(frame.columns).count(one.name)) != 1:
            todo = "rename one" if times else "add it to the table, null if not known"
            raise SchemaError("column", one.name, f"what the model looks at, once, not {times} times", todo)
        column = frame[one.name]
        if one.kinds is not None:
            place = pd.Index(one.kinds).get_indexer(pd.Index(_texts(column, one)))
            found.append((place[:, None] == np.arange(len(one.kinds))).astype(float))
            continue
        values = _numbers(column, one)
        gone = np.isnan(values)
        found.append(np.where(gone, one.middle, values)[:, None])
        if one.gone:
            found.append(gone.astype(float)[:, None])
    return np.column_stack(found)


def _texts(column: pd.Series, one: Column) -> pd.Series:
    """Return categories as texts; numbers only where some were learned as categories."""
    known = isinstance(column.dtype, pd.CategoricalDtype)
    kind = "string" if known else pd.api.types.infer_dtype(column.dropna().unique())
    if kind not in ("string", "empty") and not (kind in NUMBERS and any(map(_is_number, one.kinds or ()))):
        raise SchemaError(f"column {one.name}", kind, "texts, as was learned", "convert it as it was in the study")
    return column.astype(object).map(str, na_action="ignore")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in ("True", "False")
    return True


def _numbers(column: pd.Series, one: Column) -> Floats:
    """Return numbers, missing ones as such."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind not in NUMBERS:
        raise SchemaError(f"column {one.name}", kind, "numbers or yes/no, as was learned", "convert it")
    values = column.to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(values).any():
        raise DataError(f"column {one.name}", "infinity", "numbers or missing", "replace it")
    if one.yes_no and not np.isin(values[~np.isnan(values)], (0, 1)).all():
        raise DataError(f"column {one.name}", "other numbers", "yes or no (1 or 0), as was learned", "convert it")
    return values


def width(columns: Sequence[Column]) -> int:
    """Return how many numbers a customer becomes."""
    return sum(len(one.kinds) if one.kinds is not None else 1 + one.gone for one in columns)
