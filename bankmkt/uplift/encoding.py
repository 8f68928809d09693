"""What was known of customers as a matrix of numbers: learned once, and the same for every later customer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.errors import SchemaError

Floats = npt.NDArray[np.float64]
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
    """

    name: str
    kinds: tuple[str, ...] | None = None
    middle: float = 0.0
    gone: bool = False


def encoding(frame: pd.DataFrame) -> tuple[Column, ...]:
    """Learn how columns become numbers.

    Examples
    --------
    >>> encoding(pd.DataFrame({"age": [30.0, None, 50.0]}))
    (Column(name='age', kinds=None, middle=40.0, gone=True),)
    """
    found = []
    for name, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            kinds = column.value_counts().index[:MANY]
            found.append(Column(str(name), tuple(sorted(str(kind) for kind in kinds))))
            continue
        values = column.to_numpy(dtype=float, na_value=np.nan)
        known = values[~np.isnan(values)]
        found.append(
            Column(str(name), None, float(np.median(known)) if len(known) else 0.0, bool(len(known) < len(values)))
        )
    return tuple(found)


def encode(frame: pd.DataFrame, columns: Sequence[Column]) -> Floats:
    """Turn a frame into numbers: categories as 0/1 columns, missing numbers as what was learned.

    Raises
    ------
    SchemaError
        If a column is missing, or is no number where numbers were learned.

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
        if one.name not in frame:
            raise SchemaError("column", one.name, "what the model looks at", "add it to the table, null if not known")
        column = frame[one.name]
        if one.kinds is not None:
            place = pd.Index(one.kinds).get_indexer(pd.Index(column.astype(object).map(str, na_action="ignore")))
            found.append((place[:, None] == np.arange(len(one.kinds))).astype(float))
            continue
        try:
            values = column.to_numpy(dtype=float, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise SchemaError(f"column {one.name}", str(column.dtype), "numbers or yes/no", "convert it") from error
        gone = np.isnan(values)
        found.append(np.where(gone, one.middle, values)[:, None])
        if one.gone:
            found.append(gone.astype(float)[:, None])
    return np.column_stack(found)


def width(columns: Sequence[Column]) -> int:
    """Return how many numbers a customer becomes."""
    return sum(len(one.kinds) if one.kinds is not None else 1 + one.gone for one in columns)
