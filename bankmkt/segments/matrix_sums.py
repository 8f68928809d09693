"""The 112 segments summed up: how many, how much money, what they earn the bank, who came and went, what they like."""

import datetime as dt
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bankmkt.bank import check_bank
from bankmkt.errors import ParameterError, SchemaError
from bankmkt.lookback import parse_date
from bankmkt.margins import check_margins
from bankmkt.months import month_end
from bankmkt.privacy import K, check_k, discloses, small_cells, small_parts
from bankmkt.segments.lifecycle import check_thresholds, lifecycle, span_of
from bankmkt.segments.matrix import (
    AXES,
    GROUPS,
    LIMITS,
    OCCUPATION_GROUPS,
    WORKING,
    check_axes,
    segments_at,
    tier_names,
)  # fmt: skip

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

MOVES = ("customers_before", "came", "left")


def matrix_summary(
    bank: "Bank",
    as_of: dt.date | str,
    *,
    before: dt.date | str | None = None,
    margins: Mapping[str, float] | None = None,
    tags: Any = None,
    k: int = K,
    limits: Sequence[float] = LIMITS,
    occupations: Mapping[str, str] = OCCUPATION_GROUPS,
    **thresholds: Any,
) -> "pd.DataFrame":
    """Sum up the 112 segments: how many, how much money, what they earn the bank, who came and went.

    Parameters
    ----------
    bank, as_of, limits, occupations, **thresholds
        As of :func:`matrix`.
    before : date or str, optional
        The earlier day that came and left are counted from; default twelve months before, or the first month there is.
    margins : mapping of str to float, optional
        As of :func:`bankmkt.segments.customer_value`.
    tags : ibis table, optional
        customer_id and boolean columns, in the bank's engine: preferences, as :func:`bankmkt.tags.compute` tells them.
        Each column becomes the share of a segment's customers for whom it is true.
    k : int
        Cells about fewer customers are null, with as many others as keep them from being worked out from sums over any
        of the three axes. What came and left is hidden by itself.

    Returns
    -------
    pandas.DataFrame
        112 rows in the order of the axes: state, tier, occupation_group, segment, customers, share (of all customers in
        segments), aum, contribution (yearly margin, money), customers_before, came, left (customers), then the tags;
        suppressed, moves_suppressed. ``attrs["shares"]`` has each tag's share of all customers in segments, hidden
        ones among them. Of customers, before + came − left = after; who came may be new to the bank, and
        who left may be gone for good.

    Raises
    ------
    ParameterError, DataError
        As :func:`matrix`; ParameterError also if ``before`` is not earlier, or ``tags`` no Ibis table.
    SchemaError
        If ``tags`` lacks customer_id or has a column that is not boolean.

    Examples
    --------
    >>> import bankmkt as bm
    >>> cells = matrix_summary(bm.demo_bank(), "2026-06-30", k=1)
    >>> len(cells), bool((cells.customers_before + cells.came - cells.left == cells.customers).all())
    (112, True)
    """
    import pandas as pd

    check_bank(bank)
    check_k(k)
    check_axes(limits, occupations)
    check_thresholds(thresholds)
    rates = check_margins(margins)
    names = _tag_names(tags)
    first, last = span_of(bank, parse_date("as_of", as_of))
    then = max(first, last - 12) if before is None else span_of(bank, parse_date("before", before))[1]
    if then >= last:
        raise ParameterError("before", str(before), f"a day before {month_end(last)}", "pass an earlier one")
    states = lifecycle(bank, month_end(last), last - then + 1, **thresholds)
    t = segments_at(bank, states, (last, then), limits, occupations, rates)
    now, past = t.number == last, t.number == then
    both = t.group_by("customer_id").agg(
        segment=t.segment.max(where=now), segment_before=t.segment.max(where=past), aum=t.aum.sum(where=now),
        contribution=t.margin.max(where=now),
    )  # fmt: skip
    if tags is not None:
        both = both.left_join(tags, "customer_id").drop("customer_id_right")
    moves = both.group_by("segment", "segment_before").agg(
        customers=both.count(), aum=both.aum.sum(), contribution=both.contribution.sum(),
        **{name: both[name].fill_null(False).cast("int64").sum() for name in names},
    )  # fmt: skip
    rows = pd.DataFrame(itertools.product(WORKING, tier_names(limits), GROUPS), columns=list(AXES))
    rows["segment"] = [_code(*where) for where in itertools.product(WORKING, range(1, 5), GROUPS)]
    return _shown(_counted(rows, bank.fetch(moves).to_pandas(), names), names, k)


def _code(state: str, place: int, group: str) -> str:
    return f"{state}-{place}-{group.replace(' ', '_')}"


def _counted(rows: "pd.DataFrame", moves: "pd.DataFrame", names: list[str]) -> "pd.DataFrame":
    """Sum moves between segments (null: in none) into the rows of the segments."""
    stays = moves["segment"] == moves["segment_before"]
    after, before = (moves.groupby(end)["customers"].sum() for end in ("segment", "segment_before"))
    stayed = moves[stays].groupby("segment")["customers"].sum()
    sums = moves.groupby("segment")[["aum", "contribution", *names]].sum()
    out = rows.copy()
    counts = {"customers": after, "customers_before": before, "stayed": stayed}
    for name, found in counts.items():
        out[name] = rows["segment"].map(found).fillna(0).astype("int64")
    for name in ("aum", "contribution", *names):
        out[name] = rows["segment"].map(sums[name]).fillna(0)
    return out.assign(came=out["customers"] - out["stayed"], left=out["customers_before"] - out["stayed"])


def _shown(cells: "pd.DataFrame", names: list[str], k: int) -> "pd.DataFrame":
    """Hide small cells; sums over any axis are taken as known to the reader."""
    customers = cells["customers"]
    hidden = _settled(
        cells, customers.between(1, k - 1), lambda hidden, by: small_cells(customers, by=by, k=k, hidden=hidden)
    )
    small = hidden
    for part in (*MOVES, "stayed"):
        small = small | cells[part].between(1, k - 1)
    small = _settled(cells, small, lambda hidden, by: _hide_moves(cells, by, k, hidden))
    whole = customers.sum()
    out = cells[[*AXES, "segment"]].copy()
    for name in ("customers", "share", "aum", "contribution"):
        values = customers / max(whole, 1) if name == "share" else cells[name]
        out[name] = values.astype("float64").mask(hidden)
    for name in MOVES:
        out[name] = cells[name].astype("float64").mask(small)
    out.attrs["shares"] = {}
    for name in names:
        if not discloses(cells[name].sum(), whole, k):
            out.attrs["shares"][name] = float(cells[name].sum() / max(whole, 1))
        telling = _settled(
            cells, hidden, lambda hide, by, own=cells[name]: small_parts(own, customers, by=by, k=k, hidden=hide)
        )
        out[name] = (cells[name] / customers.where(customers > 0)).mask(telling)
    return out.assign(suppressed=hidden, moves_suppressed=small)


def _settled(cells: "pd.DataFrame", hidden: "pd.Series", hide: Callable[..., "pd.Series"]) -> "pd.Series":
    """Hide further cells along each axis until no sum over it gives a hidden one away."""
    while True:
        more = hidden
        for free in AXES:
            more = hide(more, [cells[axis] for axis in AXES if axis != free])
        if more.equals(hidden):
            return hidden
        hidden = more


def _hide_moves(cells: "pd.DataFrame", by: "list[pd.Series]", k: int, hidden: "pd.Series") -> "pd.Series":
    """Hide the moves of further cells of a block: who was there, came and left are all counts that add up."""
    for name in MOVES:
        hidden = small_cells(cells[name], by=by, k=k, hidden=hidden)
    return hidden


def _tag_names(tags: Any) -> list[str]:
    """Return the names of the boolean columns of a table of tags."""
    import ibis.expr.types as ir

    if tags is None:
        return []
    if not isinstance(tags, ir.Table):
        todo = "pass bm.tags.compute(bank, as_of, ['payroll']), of the same bank"
        raise ParameterError("tags", type(tags).__name__, "an Ibis table of customer_id and boolean columns", todo)
    if "customer_id" not in tags.columns:
        raise SchemaError("tags has no column", "customer_id", "customer_id and boolean columns", "rename it")
    names = [name for name in tags.columns if name != "customer_id"]
    for name in names:
        if not tags[name].type().is_boolean():
            raise SchemaError(f"tags.{name}", str(tags[name].type()), "a boolean column", "compare it with a value")
        if name in (*AXES, "segment", "segment_before", "aum", "contribution", "customers"):
            raise SchemaError("tags has a column", name, "another name", "rename it")
    return names
