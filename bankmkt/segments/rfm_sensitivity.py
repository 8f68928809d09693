"""How much the segments of RFM depend on choices that nobody can defend: the tie rule, the bins, the window."""

import datetime as dt
import inspect
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bankmkt.errors import ParameterError, one_of
from bankmkt.frames import engine_table, fetch
from bankmkt.privacy import K, check_k, discloses
from bankmkt.segments.rfm import TIES, rfm
from bankmkt.segments.rfm_names import BINS, INACTIVE
from bankmkt.segments.rfm_scores import NothingCounted


def rfm_sensitivity(
    transactions: Any,
    as_of: dt.date | str,
    window_days: int = 365,
    bins: int = 5,
    by: str = "customer_id",
    *,
    ties: str = "lower",
    windows: Sequence[int] | None = None,
    other_bins: Sequence[int] | None = None,
    k: int = K,
    **options: Any,
) -> pd.DataFrame:
    """Count the customers whose segment changes when one choice of :func:`rfm` does.

    Parameters
    ----------
    transactions, as_of, window_days, bins, by, ties
        As in :func:`rfm`: the choices that the others are compared with.
    windows : sequence of int, optional
        Other values of ``window_days``; default half and twice as long.
    other_bins : sequence of int, optional
        Other values of ``bins``; default one fewer and one more.
    k : int
        Changes of fewer customers, or of all but fewer, are hidden.
    **options
        The other arguments of :func:`rfm`, but for ``cuts``.

    Returns
    -------
    pandas.DataFrame
        A row per change: choice (ties, bins, window_days), value, customers (with a segment before or after), changed
        (whose segment is not the same; a customer who enters or leaves the window changes from or to ``inactive``: all
        do where a window has no transaction),
        share (of customers), suppressed.

    Raises
    ------
    ParameterError, SchemaError, DataError
        As :func:`rfm`; ParameterError also for ``cuts``: given ones would not move.

    Examples
    --------
    >>> import bankmkt as bm, pandas as pd
    >>> log = pd.DataFrame({"customer_id": range(100), "ts": pd.Timestamp("2026-06-01"), "amount": range(100)})
    >>> bm.segments.rfm_sensitivity(log, "2026-06-30", windows=[20_000], other_bins=[])
            choice  value  customers  changed  share  suppressed
    0         ties  upper        100    100.0    1.0       False
    1  window_days  20000        100      0.0    0.0       False
    """
    check_k(k)
    if "cuts" in options:
        raise ParameterError("cuts", "given", "none: they are what moves", "leave cuts out")
    known = [name for name, p in inspect.signature(rfm).parameters.items() if p.kind is p.KEYWORD_ONLY]
    valid = [name for name in known if name not in ("cuts", "ties")]
    for name, value in options.items():
        if name not in valid:
            shown = "None" if value is None else value if isinstance(value, str | int | float) else type(value).__name__
            raise ParameterError(name, shown, f"a name among the arguments of rfm, {one_of(valid)}", "see bm.rfm")
    for name, others in (("windows", windows), ("other_bins", other_bins)):
        if others is not None and (isinstance(others, str) or not isinstance(others, Sequence)):
            raise ParameterError(name, others, "a list of integers", f"pass {name}=[{others}]")
    t, con = engine_table(transactions, "transactions")
    if options.get("customers") is not None:
        options["customers"] = engine_table(options["customers"], "customers", con)[0]
    chosen: dict[str, Any] = {"ties": ties, "bins": bins, "window_days": window_days}
    before = rfm(t, as_of, by=by, **chosen, **options)
    changes: list[tuple[str, Any]] = [("ties", side) for side in TIES if side != ties]
    near = [n for n in (bins - 1, bins + 1) if BINS[0] <= n <= BINS[1]]
    changes += [("bins", n) for n in (near if other_bins is None else other_bins)]
    spans = (max(1, window_days // 2), 2 * window_days)
    changes += [("window_days", days) for days in (spans if windows is None else windows)]
    rows = []
    for choice, value in changes:
        try:
            after = rfm(t, as_of, by=by, **(chosen | {choice: value}), **options).table
        except NothingCounted:  # in the shorter window: everybody is inactive
            after = before.table.limit(0)
        found = _compared(before.table, after, by)
        rows.append((choice, str(value), found["customers"], found["changed"]))
    out = pd.DataFrame(rows, columns=["choice", "value", "customers", "changed"])
    hidden = discloses(out["changed"], out["customers"], k)
    changed = out["changed"].astype("float64").mask(hidden)
    return out.assign(changed=changed, share=changed / out["customers"], suppressed=hidden)


def _compared(one: Any, other: Any, by: str) -> dict[str, int]:
    """Count customers, and those with another segment."""
    before = one.select(customer_id=by, before="segment")
    after = other.select(customer_id=by, after="segment")
    both = before.outer_join(after, "customer_id")
    changed = both.before.fill_null(INACTIVE) != both.after.fill_null(INACTIVE)
    found: dict[str, int] = fetch(both.aggregate(customers=both.count(), changed=changed.sum())).to_pylist()[0]
    return found
