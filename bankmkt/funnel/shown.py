"""What of a funnel may be shown: figures about fewer than k units are hidden, and what would give them away."""

from typing import TYPE_CHECKING, NamedTuple

from bankmkt.errors import ParameterError
from bankmkt.funnel.funnel import Funnel
from bankmkt.privacy import K, check_k, discloses, small_cells, small_parts

if TYPE_CHECKING:
    import pandas as pd

MATURED = ("matured_units", "matured_rate", "matured_rate_lower", "matured_rate_upper")
PREVIOUS = ("rate_of_previous", "rate_of_previous_lower", "rate_of_previous_upper")
LABELS = ("step", "name", "optional")


class Shown(NamedTuple):
    """The frames of a :class:`Funnel`; what is hidden is null, ``suppressed`` says where."""

    steps: "pd.DataFrame"
    times: "pd.DataFrame"
    flows: "pd.DataFrame"
    entrants: "pd.DataFrame"


def shown(found: Funnel, k: int = K) -> Shown:
    """Return a funnel's frames without figures about fewer than k units.

    A step is hidden if 1 to k − 1 units reached it, or were lost since the last step that is shown; the matured and the
    still open likewise, and the next step's rate of a hidden one; of a breakdown's groups, which add up to a known
    total, as many more as that takes.

    Parameters
    ----------
    found
        Of :func:`bankmkt.funnel`.
    k
        Fewest units a figure may be about.

    Returns
    -------
    Shown
        ``steps``, ``times``, ``flows`` and ``entrants`` as in :class:`Funnel`, with a column ``suppressed``.

    Raises
    ------
    ParameterError
        If ``found`` is no funnel, or ``k`` no integer from 1.

    Examples
    --------
    >>> import bankmkt as bm, pandas as pd
    >>> log = pd.DataFrame({"customer_id": [*range(30), 1, 2, 3], "event": ["view"] * 30 + ["buy"] * 3,
    ...     "ts": pd.to_datetime(["2026-01-01"] * 30 + ["2026-01-02"] * 3)})
    >>> shown(bm.funnel(log, ["view", "buy"]), k=10).steps[["name", "units", "suppressed"]]
       name  units  suppressed
    0  view   30.0       False
    1   buy    NaN        True
    """
    if not isinstance(found, Funnel):
        raise ParameterError("found", type(found).__name__, "what bm.funnel returned", "pass it as it is")
    check_k(k)
    steps = _steps(found.steps, k)
    hidden = steps.groupby("step")["suppressed"].any()
    flows = found.flows.assign(suppressed=small_cells(found.flows["units"], by=[found.flows["step"]], k=k))
    flows["suppressed"] |= flows["step"].map(hidden) | (flows["step"] + 1).map(hidden).fillna(False).astype(bool)
    number = steps.drop_duplicates("name").set_index("name")["step"]
    times = found.times.assign(
        suppressed=found.times["units"].between(1, k - 1) | found.times["to_step"].map(number).map(hidden)
    )
    days = found.entrants
    small = small_cells(days["entrants"], k=k)
    converted = small_parts(days["converted"], days["entrants"], k=k, hidden=small)
    still = small_parts(days["open"], days["entrants"], k=k, hidden=small)
    entrants = _null(days.assign(suppressed=small), small, ("entrants",))
    entrants = _null(entrants, converted, ("converted", "rate", "rate_lower", "rate_upper"))
    times = _null(times, times["suppressed"], [name for name in times.columns[2:] if name != "suppressed"])
    flows = _null(flows, flows["suppressed"], ("units", "share", "share_lower", "share_upper"))
    return Shown(steps, times, flows, _null(entrants, still, ("open",)))


def _steps(frame: "pd.DataFrame", k: int) -> "pd.DataFrame":
    """Return ``Funnel.steps`` with small figures hidden."""
    group = [name for name in frame.columns[: frame.columns.get_loc("step")]]
    blocks = (
        [list(rows.index) for _, rows in frame.groupby(group, dropna=False, sort=False)]
        if group
        else [list(frame.index)]
    )
    hidden = frame["units"].between(1, k - 1)
    while True:
        before = hidden.copy()
        for rows in blocks:
            _nested(frame, rows, "units", hidden, k)
        if group:
            hidden |= small_cells(frame["units"], by=[frame["step"]], k=k, hidden=hidden)
        if hidden.equals(before):
            break
    matured = hidden.copy()
    for rows in blocks:
        whole = frame.loc[rows, "matured_entrants"].iloc[0]
        matured[rows] |= bool(discloses(whole, frame.loc[rows, "units"].iloc[0], k))
        _nested(frame, rows, "matured_units", matured, k)
    matured |= discloses(frame["matured_units"], frame["units"], k).fillna(False).astype(bool)
    still = hidden | frame["open_units"].between(1, k - 1)
    values = [
        name for name in frame.columns if name not in (*group, *LABELS, *MATURED, "matured_entrants", "open_units")
    ]
    out = _null(frame.assign(suppressed=hidden), hidden, values)
    out = _null(out, matured, MATURED)
    out = _null(out, _after_hidden(frame, blocks, hidden), PREVIOUS)
    for rows in blocks:
        if matured[rows[0]]:
            out.loc[rows, "matured_entrants"] = None
    return _null(out, still, ("open_units",))


def _after_hidden(frame: "pd.DataFrame", blocks: list[list[int]], hidden: "pd.Series") -> "pd.Series":
    """Say which steps' rates are of a hidden step, whose count they would give away."""
    out = hidden.copy()
    for rows in blocks:
        before = rows[0]
        for row in rows[1:]:
            out[row] |= hidden[before]
            before = before if frame.loc[row, "optional"] else row
    return out


def _nested(frame: "pd.DataFrame", rows: list[int], column: str, hidden: "pd.Series", k: int) -> None:
    """Hide the steps that too few reached, or at which too few were lost since the last that is shown."""
    last = None
    counts = frame.loc[rows, [column, "optional"]].dropna()
    for row, count, optional in zip(counts.index, counts[column].astype(int), counts["optional"], strict=True):
        hidden[row] |= 0 < count < k or (last is not None and bool(discloses(count, last, k)))
        if not hidden[row] and not optional:
            last = count


def _null(frame: "pd.DataFrame", where: "pd.Series", columns: "tuple[str, ...] | list[str]") -> "pd.DataFrame":
    return frame.assign(**{name: frame[name].astype("float64").mask(where) for name in columns})
