"""The named segments of RFM: every score cell in exactly one of them.

The ten names and their places on a 5 × 5 grid, recency across and the mean of frequency and monetary up, are those in
wide use since Putler's grid (putler.com/rfm-analysis). Other numbers of bins are laid on the same grid.
"""

from typing import TYPE_CHECKING, Any

from bankmkt.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd

BINS = (3, 10)
"""The fewest and the most bins."""

LEVELS = 5
"""Levels of recency and of value on the grid."""

INACTIVE = "inactive"
"""Customers without a transaction in the window."""

RULES = (
    ("champions", (5, 5), (4, 5)),
    ("loyal customers", (3, 4), (4, 5)),
    ("potential loyalists", (4, 5), (2, 3)),
    ("new customers", (5, 5), (1, 1)),
    ("promising", (4, 4), (1, 1)),
    ("need attention", (3, 3), (3, 3)),
    ("about to sleep", (3, 3), (1, 2)),
    ("can't lose them", (1, 2), (5, 5)),
    ("at risk", (1, 2), (3, 4)),
    ("hibernating", (1, 2), (1, 2)),
)
"""Name, recency levels from and to, value levels from and to."""

SEGMENTS = tuple(name for name, *_ in RULES)


def recency_level(r: int, bins: int) -> int:
    """Return the level, 1 to 5, of a recency score: the fifth of the scale in which the score's middle lies.

    Examples
    --------
    >>> [recency_level(r, 5) for r in range(1, 6)], [recency_level(r, 3) for r in range(1, 4)]
    ([1, 2, 3, 4, 5], [1, 3, 5])
    """
    return value_level(2 * r, bins)


def value_level(fm: int, bins: int) -> int:
    """Return the level, 1 to 5, of the sum of a frequency and a monetary score, that is of their mean.

    Examples
    --------
    >>> value_level(5 + 5, 5), value_level(4 + 4, 5), value_level(1 + 1, 10)
    (5, 4, 1)
    """
    return -(-LEVELS * (fm - 1) // (2 * bins))


def named_level(across: int, up: int) -> str:
    """Return the one segment that holds a level of recency and a level of value.

    Examples
    --------
    >>> named_level(5, 5), named_level(1, 1)
    ('champions', 'hibernating')
    """
    (name,) = (n for n, (left, right), (low, high) in RULES if left <= across <= right and low <= up <= high)
    return name


def rfm_cells(bins: int = LEVELS) -> "pd.DataFrame":
    """Return every score cell and its segment.

    Parameters
    ----------
    bins
        Scores run from 1 to ``bins``; 3 to 10.

    Returns
    -------
    pandas.DataFrame
        ``bins`` ** 3 rows: r, f, m, segment.

    Raises
    ------
    ParameterError
        If ``bins`` is no integer from 3 to 10.

    Examples
    --------
    >>> rfm_cells(5).query("r == 5 and f == 5").segment.unique().tolist()
    ['potential loyalists', 'champions']
    """
    import pandas as pd

    check_integer("bins", bins, *BINS, usual=LEVELS)
    scores = range(1, bins + 1)
    cells = [
        (r, f, m, named_level(recency_level(r, bins), value_level(f + m, bins)))
        for r in scores
        for f in scores
        for m in scores
    ]
    return pd.DataFrame(cells, columns=["r", "f", "m", "segment"])


def check_integer(name: str, value: Any, low: int, high: int, usual: int) -> None:
    """Raise ParameterError unless a parameter is an integer from one number to another."""
    import numpy as np

    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
        shown = "None" if value is None else value
        raise ParameterError(name, shown, f"an integer from {low} to {high}", f"pass {name}={usual}")


def named(r: Any, fm: Any, bins: int) -> Any:
    """Return the segment as an Ibis expression.

    Parameters
    ----------
    r, fm
        Ibis integer columns: recency score; frequency score plus monetary score. 0 is inactive.
    bins
        Scores run from 1 to ``bins``.
    """
    import ibis

    cases = [(r == 0, INACTIVE)]
    for name, (left, right), (low, high) in RULES:
        across = [score for score in range(1, bins + 1) if left <= recency_level(score, bins) <= right]
        up = [score for score in range(2, 2 * bins + 1) if low <= value_level(score, bins) <= high]
        if across and up:
            cases.append((r.between(across[0], across[-1]) & fm.between(up[0], up[-1]), name))
    return ibis.cases(*cases)
