"""Exact quantiles of whole numbers, computed in the engine, the same on every engine.

Engines' own quantile functions differ in name and in what they do between two values, and sorting would need a window
over all rows. So the range is cut into buckets of equal width and counted; the bucket that holds a rank is cut and
counted again, until buckets hold one number. Each round brings some thousand counts, whatever the number of rows; a few
rounds do.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

BUCKETS = 4096
"""Into how many buckets an interval is cut in a round."""

LARGEST = 2**53
"""Numbers that are larger are not told apart by the engines' division."""


def ranks(count: int, bins: int) -> list[int]:
    """Return the ranks of the cut points between bins of equal size: the j-th is j·count/bins, rounded up.

    The number of that rank is the smallest one that at least j of ``bins`` parts do not exceed (``quantile_disc``,
    type 1 of Hyndman and Fan 1996); in whole numbers, so that no rounding error moves it.

    Examples
    --------
    >>> ranks(10, 4)
    [3, 5, 8]
    """
    return [-(-part * count // bins) for part in range(1, bins)]


def order_statistics(
    fetch: Callable[[Any], Any], table: Any, column: str, wanted: Sequence[int], low: int, high: int
) -> list[int]:
    """Return the numbers of given ranks in a column.

    Parameters
    ----------
    fetch
        Gives an Ibis table's rows as an Arrow table.
    table, column
        Ibis table, and its column of int64 without nulls.
    wanted
        Ranks from 1, in any order.
    low, high
        The column's least and largest number; not further apart than :data:`LARGEST`.

    Returns
    -------
    list of int
        A number per rank.

    Examples
    --------
    >>> import ibis
    >>> table = ibis.memtable({"x": [5, 1, 900_000, 5, 7]})
    >>> order_statistics(lambda rows: rows.to_pyarrow(), table, "x", [1, 3, 5], 1, 900_000)
    [1, 5, 900000]
    """
    places = [(low, high, rank) for rank in wanted]
    while any(first < last for first, last, _ in places):
        intervals = sorted({(first, last) for first, last, _ in places if first < last})
        counts = _counts(fetch, table, column, intervals)
        places = [(f, e, rank) if f == e else _narrowed(f, e, rank, counts[f, e]) for f, e, rank in places]
    return [first for first, _, _ in places]


def _width(first: int, last: int) -> int:
    return -(-(last - first + 1) // BUCKETS)


def _counts(fetch: Any, table: Any, column: str, intervals: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Any]:
    """Count the numbers in each bucket of each interval; intervals do not overlap."""
    import ibis

    number = table[column]
    inside = [
        (number.between(first, last), (number - first) // _width(first, last) + place * BUCKETS)
        for place, (first, last) in enumerate(intervals)
    ]
    buckets = table.select(bucket=ibis.cases(*inside).cast("int64"))
    buckets = buckets.filter(buckets.bucket.notnull())
    found = fetch(buckets.group_by("bucket").aggregate(count=buckets.count()))
    counts = np.zeros(len(intervals) * BUCKETS, dtype=np.int64)
    counts[found["bucket"].to_numpy()] = found["count"].to_numpy()
    return dict(zip(intervals, counts.reshape(-1, BUCKETS), strict=True))


def _narrowed(first: int, last: int, rank: int, counts: Any) -> tuple[int, int, int]:
    """Return the bucket of an interval that holds a rank, and the rank within it."""
    upto = counts.cumsum()
    bucket = int(np.searchsorted(upto, rank))
    width = _width(first, last)
    start = first + bucket * width
    return start, min(last, start + width - 1), rank - int(upto[bucket] - counts[bucket])
