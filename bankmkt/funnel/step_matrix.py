"""Where journeys are after one, two, three … steps."""

from typing import Any, Unpack

import pandas as pd

from bankmkt.frames import fetch
from bankmkt.funnel.clusters import clustered_shares
from bankmkt.funnel.journeys import END, OPEN, Options, journeys
from bankmkt.funnel.transitions import check_steps, hide
from bankmkt.privacy import K, check_k


def step_matrix(events: Any, steps: int = 10, *, k: int = K, **options: Unpack[Options]) -> pd.DataFrame:
    """Tell which share of the journeys is at each state at their first, second, … step.

    Parameters
    ----------
    events
        Ibis table or pandas frame, a row per event.
    steps
        How many, 2 to 20.
    k
        States of fewer units are hidden at that step, and others with them; 1 hides none.
    **options
        What is a step, a unit, a journey: see :func:`bankmkt.funnel.journeys.journeys`.

    Returns
    -------
    pandas.DataFrame
        A row per step and state that occurs: step (from 1), state (``(end)``: over before this step; ``(open)``: not
        known this far), journeys, units, share (of all journeys; they add up to 1 at each step), ci_lower, ci_upper
        (95%, clustered by unit), suppressed.

    Raises
    ------
    ParameterError, SchemaError, DataError
        As :func:`bankmkt.funnel.journeys.journeys`.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": [1, 1, 2], "event": ["view", "buy", "view"],
    ...     "ts": pd.to_datetime(["2026-01-01", "2026-01-03", "2026-01-01"])})
    >>> step_matrix(log, 2, k=1)[["step", "state", "journeys", "share"]]
       step  state  journeys  share
    0     1   view         2    1.0
    1     2  (end)         1    0.5
    2     2    buy         1    0.5
    """
    check_steps(steps)
    check_k(k)
    table = journeys(events, **options)
    over = table.filter(table.next.isin([END, OPEN]))
    ends = over.group_by("unit").aggregate(
        n=over.count().cast("float64"),
        **{
            f"{name}_{step}": ((over.place < step) & (over.next == word)).cast("float64").sum()
            for name, word in (("end", END), ("open", OPEN))
            for step in range(2, steps + 1)
        },
    )
    totals = fetch(ends.aggregate(**_sums(ends, steps))).to_pylist()[0]
    early = table.filter(table.place <= steps)
    per = early.group_by("unit", "place", "state").aggregate(x=early.count().cast("float64"))
    per = per.join(ends.select("unit", "n"), "unit")
    cells = per.group_by(step=per.place, state=per.state).aggregate(
        journeys=per.x.sum(), units=per.count(), xx=(per.x * per.x).sum(), xn=(per.x * per.n).sum()
    )
    gone = [
        {"step": step, "state": word, **{of: totals[f"{name}_{step}_{of}"] for of in ("journeys", "units", "xx", "xn")}}
        for name, word in (("end", END), ("open", OPEN))
        for step in range(2, steps + 1)
        if totals[f"{name}_{step}_units"]
    ]
    rows = pd.concat([fetch(cells).to_pandas(), pd.DataFrame(gone)], ignore_index=True)
    p, lower, upper = clustered_shares(
        rows["journeys"], totals["journeys"], rows["xx"], rows["xn"], totals["nn"], totals["units"]
    )
    rows = rows.assign(share=p, ci_lower=lower, ci_upper=upper).astype({"journeys": "int64"})
    rows = rows.sort_values(["step", "state"], ignore_index=True)
    return hide(rows, ["step"], k)[
        ["step", "state", "journeys", "units", "share", "ci_lower", "ci_upper", "suppressed"]
    ]


def _sums(ends: Any, steps: int) -> dict[str, Any]:
    """Return what intervals need of the journeys that were over by each step."""
    out = {"journeys": ends.n.sum(), "units": ends.count(), "nn": (ends.n * ends.n).sum()}
    for name in ("end", "open"):
        for step in range(2, steps + 1):
            x = ends[f"{name}_{step}"]
            out |= {
                f"{name}_{step}_journeys": x.sum(), f"{name}_{step}_units": (x > 0).sum(),
                f"{name}_{step}_xx": (x * x).sum(), f"{name}_{step}_xn": (x * ends.n).sum(),
            }  # fmt: skip
    return out
