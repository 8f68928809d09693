"""Small cells: figures about fewer than k customers are hidden, and cannot be worked out from the totals.

"231 of 232 are active" is a figure about the one who is not. So a part of a known whole is hidden when it, or what is
left of the whole, is 1 to k − 1 customers (:func:`discloses`). "Nobody" and "everybody" are shown: they are said of the
whole, which has k customers or more, and single nobody out.

Protection is within one table. Two reports on overlapping groups can still be subtracted from each other, as can two
months: whoever publishes several must choose them with that in mind.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bankmkt.errors import DataError, ParameterError

if TYPE_CHECKING:
    import pandas as pd

K = 10
"""The least number of customers a published figure may be about."""


def check_k(k: int) -> int:
    """Return ``k``, or raise ParameterError unless it is an integer from 1."""
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ParameterError("k", k, "an integer from 1", f"pass k={K}")
    return k


def discloses(part: Any, whole: Any, k: int = K) -> Any:
    """Say whether showing a part of a known whole tells about 1 to k − 1 customers, by itself or by what it leaves.

    Parameters
    ----------
    part, whole : number or pandas.Series
        Customers. Missing ones disclose nothing.
    k : int
        The least number of customers that a shown figure, and what it leaves of the whole, may be about.

    Returns
    -------
    bool or pandas.Series of bool

    Examples
    --------
    >>> discloses(3, 232), discloses(231, 232), discloses(100, 232), discloses(0, 232), discloses(232, 232)
    (True, True, False, False, False)
    """
    rest = whole - part
    return ((part > 0) & (part < k)) | ((rest > 0) & (rest < k))


def small_cells(
    counts: "pd.Series",
    *,
    by: "Sequence[pd.Series]" = (),
    k: int = K,
    hidden: "pd.Series | None" = None,
    overlapping: bool = False,
) -> "pd.Series":
    """Say which cells of a table must be hidden.

    A cell with 1 to k − 1 customers is hidden (primary suppression). The cells of a block add up to a total
    that readers know, so further cells, the smallest first, are hidden until the hidden ones are at least two
    and together about at least ``k`` different customers (secondary suppression). Cells that share no customers are
    about as many as they add up to; cells that may share some, surely about no fewer than the largest of them.
    Empty cells hide nobody and stay.

    Parameters
    ----------
    counts : pandas.Series of int
        Customers in each cell.
    by : sequence of pandas.Series
        Labels of the block that a cell belongs to; without, all cells are one block.
    k : int
        The least number of customers a shown cell may have; 1 hides nothing.
    hidden : pandas.Series of bool, optional
        Cells that are hidden for another reason.
    overlapping : bool
        A customer may be in several cells of a block, as holders of products or users of channels are.

    Returns
    -------
    pandas.Series of bool
        True where a cell is to be hidden, with the index of ``counts``.

    Raises
    ------
    ParameterError
        If ``k`` is no integer from 1.
    DataError
        If a count is missing or negative.

    References
    ----------
    Hundepool et al. (2012), *Statistical Disclosure Control*, chapter 4 (threshold rule, secondary suppression).

    Examples
    --------
    >>> import pandas as pd
    >>> small_cells(pd.Series({"a": 500, "b": 40, "c": 3}), k=10).to_dict()
    {'a': False, 'b': True, 'c': True}
    >>> small_cells(pd.Series({"app": 500, "web": 40, "pos": 6, "atm": 5}), overlapping=True).to_dict()
    {'app': False, 'web': True, 'pos': True, 'atm': True}
    """
    import pandas as pd

    check_k(k)
    if counts.isna().any() or (counts < 0).any():
        wrong = counts[~(counts >= 0)].head().to_dict()
        raise DataError("counts", wrong, "customers in each cell, 0 or more", "count the customers again")
    small = counts.between(1, k - 1)
    small = small if hidden is None else small | hidden
    if not small.any():
        return small
    cells = pd.DataFrame({"count": counts.to_numpy(), "hidden": small.to_numpy()})
    blocks = [list(label) for label in by] or [[0] * len(cells)]
    for _, block in cells.groupby([pd.Series(block) for block in blocks], sort=False, dropna=False):
        if block.loc[block["hidden"], "count"].any():
            rows = block[block["hidden"] | (block["count"] > 0)]
            rows = rows.sort_values(["hidden", "count"], ascending=[False, True], kind="stable")
            together = rows["count"].cummax() if overlapping else rows["count"].cumsum()
            number = max(int(rows["hidden"].sum()), 2, int((together < k).sum()) + 1)
            cells.loc[rows.index[:number], "hidden"] = True
    return pd.Series(cells["hidden"].to_numpy(), index=counts.index)


def exposed(counts: "pd.Series", hidden: "pd.Series", *, by: "Sequence[pd.Series]", k: int = K) -> "pd.Series":
    """Say in which blocks the total would give the hidden cells away, as too few cells could be hidden with them.

    Parameters
    ----------
    counts, by, k
        As for :func:`small_cells`; cells may share customers.
    hidden : pandas.Series of bool
        What :func:`small_cells` says.

    Returns
    -------
    pandas.Series of bool
        True in every row of such a block.

    Examples
    --------
    >>> import pandas as pd
    >>> counts, block = pd.Series([3, 40, 4]), pd.Series(["x", "x", "y"])
    >>> exposed(counts, pd.Series([True, True, True]), by=[block]).tolist()
    [False, False, True]
    """
    left = counts.where(hidden, 0)
    number = (left > 0).groupby(list(by), dropna=False).transform("sum")
    largest = left.groupby(list(by), dropna=False).transform("max")
    return (number == 1) | ((number > 1) & (largest < k))


def small_parts(
    parts: "pd.Series",
    wholes: "pd.Series",
    *,
    by: "Sequence[pd.Series]" = (),
    k: int = K,
    hidden: "pd.Series | None" = None,
    overlapping: bool = False,
) -> "pd.Series":
    """Say which "part of whole" counts of a table must be hidden.

    Hidden are those that disclose (:func:`discloses`), and, as the parts of a block add up to a total that readers
    know and so does what they leave, as many others as :func:`small_cells` hides of either.

    Parameters
    ----------
    parts, wholes : pandas.Series of int
        For example the active customers of each group and all its customers.
    by : sequence of pandas.Series
        Labels of the block that a row belongs to; without, all rows are one block.
    k : int
        See :func:`discloses`.
    hidden : pandas.Series of bool, optional
        Rows that are hidden for another reason, such as a small whole.
    overlapping : bool
        See :func:`small_cells`.

    Returns
    -------
    pandas.Series of bool
        True where the part, and any share that gives it away, is to be hidden.

    Raises
    ------
    ParameterError, DataError
        As :func:`small_cells`.

    Examples
    --------
    >>> import pandas as pd
    >>> units = pd.DataFrame({"active": [49, 30, 80], "customers": [50, 90, 160]}, index=["a", "b", "c"])
    >>> small_parts(units["active"], units["customers"], k=10).to_dict()
    {'a': True, 'b': True, 'c': False}
    """
    check_k(k)
    hide = discloses(parts, wholes, k)
    hide = hide if hidden is None else hide | hidden
    rests = (wholes - parts).clip(lower=0)
    while True:
        more = small_cells(parts, by=by, k=k, hidden=hide, overlapping=overlapping)
        more = small_cells(rests, by=by, k=k, hidden=more, overlapping=overlapping)
        if more.equals(hide):
            return hide
        hide = more


def suppress(
    frame: "pd.DataFrame",
    count: str,
    values: Sequence[str] = (),
    *,
    by: Sequence[str] = (),
    k: int = K,
    overlapping: bool = False,
) -> "pd.DataFrame":
    """Hide the small cells of a summary.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row per cell.
    count : str
        Column with the customers of each cell.
    values : sequence of str
        Columns to hide along with ``count``.
    by : sequence of str
        Columns naming the block whose rows add up to a known total.
    k, overlapping
        See :func:`small_cells`.

    Returns
    -------
    pandas.DataFrame
        A copy with ``count`` and ``values`` null in hidden rows, and the boolean column ``suppressed``.

    Raises
    ------
    ParameterError, DataError
        As :func:`small_cells`.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"group": ["a", "b", "c"], "customers": [500, 40, 3], "aum": [9.0, 8.0, 7.0]})
    >>> suppress(cells, "customers", ["aum"])
      group  customers  aum  suppressed
    0     a      500.0  9.0       False
    1     b        NaN  NaN        True
    2     c        NaN  NaN        True
    """
    hidden = small_cells(frame[count], by=[frame[name] for name in by], k=k, overlapping=overlapping)
    if "suppressed" in frame:
        hidden |= frame["suppressed"]
    shown = {name: frame[name].astype("float64").mask(hidden) for name in (count, *values)}
    return frame.assign(**shown, suppressed=hidden)
