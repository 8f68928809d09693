"""Arrays of one length, taken together: what population and behaviour are made of."""

from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


def take(record: T, rows: np.ndarray) -> T:
    """Return the dataclass ``record`` with every array cut to ``rows`` (indices or a mask)."""
    if not is_dataclass(record) or isinstance(record, type):
        raise TypeError(f"expected a dataclass instance, got {type(record).__name__}")
    values: dict[str, Any] = {}
    for f in fields(record):
        value = getattr(record, f.name)
        values[f.name] = value[rows] if isinstance(value, np.ndarray) else value
    return type(record)(**values)
