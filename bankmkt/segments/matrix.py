"""The 112 segments: life-cycle state × wealth tier × occupation group, one for every customer."""

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bankmkt.bank import check_bank
from bankmkt.errors import ParameterError, SchemaError, one_of
from bankmkt.lookback import parse_date
from bankmkt.months import month_end, month_of
from bankmkt.privacy import K, check_k, small_cells, small_parts
from bankmkt.schema import OCCUPATIONS
from bankmkt.segments.lifecycle import STATES, lifecycle, span_of
from bankmkt.segments.margins import check_margins, margin_of
from bankmkt.terms import TIERS

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

WORKING = tuple(state for state in STATES if state != "prospect")
"""The seven states that make segments; a prospect has an account that was never used."""

LIMITS = tuple(float(limit) for limit, _ in TIERS)
"""AUM at which the second, third and fourth wealth tier begin, as in the tags and in the health check."""

STATE_SECTOR, COMPANIES, OWN_ACCOUNT, OTHERS = GROUPS = (
    "state sector", "companies", "own account", "others",
)  # fmt: skip
"""The occupation groups: paid by the state, paid by a company, living on their own work, and all others."""

OCCUPATION_GROUPS: Mapping[str, str] = {
    "public_sector": STATE_SECTOR, "state_enterprise": STATE_SECTOR, "private_company": COMPANIES,
    "self_employed": OWN_ACCOUNT, "farmer": OWN_ACCOUNT, "student": OTHERS, "retired": OTHERS, "other": OTHERS,
}  # fmt: skip
"""Occupation → group: how steady the income is, and who pays it. Unknown occupations are among the others."""

LOOK_BACK = 12
"""Months for which lost customers stay in the segments, and over which their wealth is looked up."""

AXES = ("state", "tier", "occupation_group")


def matrix(
    bank: "Bank",
    as_of: dt.date | str,
    *,
    limits: Sequence[float] = LIMITS,
    occupations: Mapping[str, str] = OCCUPATION_GROUPS,
    **thresholds: Any,
) -> Any:
    """Put every customer into one of 7 × 4 × 4 = 112 segments.

    The tier is that of the AUM at the month end. Lost customers have none: theirs is that of the largest AUM of the
    twelve month ends by then, what there is to win back. Who has been lost for twelve months is in no segment, nor are
    prospects, whose account was never used.

    Parameters
    ----------
    bank : Bank
        As for :func:`bankmkt.lifecycle`.
    as_of : date or str
        The day; the last complete month by it counts, nothing later is seen.
    limits : sequence of 3 floats
        AUM at which the second, third and fourth tier begin, rising. Default: the long tail ends at 50,000 yuan,
        private banking begins at 6 million (China's banking regulator, 2011), 500,000 parts those between.
    occupations : mapping of str to str
        Occupation → one of :data:`GROUPS`; those not named are ``"others"``.
    **thresholds
        Of :func:`bankmkt.lifecycle`.

    Returns
    -------
    ibis table
        In the bank's engine, a row per customer: customer_id, state, tier, occupation_group, segment (such as
        ``"growing-2-companies"``: state, tier from 1, occupation group), aum.

    Raises
    ------
    ParameterError
        If an argument is not as above.
    DataError
        If balances lack a month in between.

    References
    ----------
    Core tags "life cycle × wealth tier × occupation" and the number 112 are from a case study of a Chinese bank (2024),
    which does not publish its groups; these are ours.

    Examples
    --------
    >>> import bankmkt as bm
    >>> table = matrix(bm.demo_bank(), "2026-06-30")
    >>> table.segment.nunique().execute() <= 112
    True
    """
    check_bank(bank)
    _check(limits, occupations)
    _, last = span_of(bank, parse_date("as_of", as_of))
    t = _segments(bank, lifecycle(bank, month_end(last), 1, **thresholds), (last,), limits, occupations)
    return t.select("customer_id", *AXES, "segment", "aum")


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
        suppressed, moves_suppressed. Of customers, before + came − left = after; who came may be new to the bank, and
        who left may be gone for good.

    Raises
    ------
    ParameterError, DataError
        As :func:`matrix`; ParameterError also if ``before`` is not earlier.
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
    _check(limits, occupations)
    rates = check_margins(margins)
    names = _tag_names(tags)
    first, last = span_of(bank, parse_date("as_of", as_of))
    then = max(first, last - 12) if before is None else span_of(bank, parse_date("before", before))[1]
    if then >= last:
        raise ParameterError("before", str(before), f"a day before {month_end(last)}", "pass an earlier one")
    states = lifecycle(bank, month_end(last), last - then + 1, **thresholds)
    t = _segments(bank, states, (last, then), limits, occupations, rates)
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


def tier_names(limits: Sequence[float] = LIMITS) -> tuple[str, ...]:
    """Name the wealth tiers between limits.

    Examples
    --------
    >>> tier_names()
    ('under 50,000', '50,000 – 500,000', '0.5 – 6 million', 'from 6 million')
    """

    def write(amount: float, millions: bool) -> str:
        return f"{amount / 1e6:g}" if millions else f"{amount:,.10g}"

    between = [
        f"{write(low, high >= 1e6)} – {write(high, high >= 1e6)}{' million' if high >= 1e6 else ''}"
        for low, high in itertools.pairwise(limits)
    ]
    bottom, top = (f"{write(at, at >= 1e6)}{' million' if at >= 1e6 else ''}" for at in (limits[0], limits[-1]))
    return (f"under {bottom}", *between, f"from {top}")


def _segments(
    bank: "Bank",
    states: Any,
    numbers: Sequence[int],
    limits: Sequence[float],
    occupations: Mapping[str, str],
    rates: Mapping[str, float] | None = None,
) -> Any:
    """Return the segment of each customer at some month ends, from their states; with rates, the last yearly margin."""
    import ibis

    names = tier_names(limits)
    known = bank.as_of(month_end(max(numbers)))
    b, c = known.balances, known.customers
    month = month_of(b.month)
    sums = {
        f"peak_{i}": b.aum.max(where=(month > number - LOOK_BACK) & (month <= number))
        for i, number in enumerate(numbers)
    }
    if rates is not None:
        sums["margin"] = (12 * margin_of(b, rates)).sum(where=month == numbers[0])
    b = b.filter(month > min(numbers) - LOOK_BACK).group_by("customer_id").agg(**sums)
    jobs = ((c.occupation == job, group) for job, group in occupations.items())
    group = ibis.cases(*jobs, else_=OTHERS) if occupations else ibis.literal(OTHERS)
    c = c.select("customer_id", occupation_group=group)
    t = states.select(
        "customer_id", "state", "aum", number=month_of(states.month), since=month_of(states.since)
    )  # fmt: skip
    long_lost = (t.state == "lost") & (t.since <= t.number - LOOK_BACK)
    t = t.filter(t.number.isin(list(numbers)), t.state.isin(WORKING), ~long_lost)
    t = t.inner_join(c, "customer_id").left_join(b, "customer_id").drop("customer_id_right")
    peak = ibis.cases(*((t.number == number, t[f"peak_{i}"]) for i, number in enumerate(numbers)))
    wealth = (t.state == "lost").ifelse(peak.fill_null(0.0), t.aum)
    place = ibis.cases(*((wealth < limit, tier) for tier, limit in enumerate(limits, 1)), else_=len(limits) + 1)
    t = t.mutate(place=place.cast("int64"))
    return t.mutate(
        tier=ibis.cases(*((t.place == tier, name) for tier, name in enumerate(names, 1))),
        segment=t.state + "-" + t.place.cast("string") + "-" + t.occupation_group.replace(" ", "_"),
    )


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
    hidden = _hidden(cells, cells["customers"], k, cells["customers"].between(1, k - 1))
    small = hidden
    for part in ("customers_before", "came", "left", "stayed"):
        small = small | cells[part].between(1, k - 1)
    small = _hidden(cells, cells["customers_before"], k, small)
    whole = cells["customers"].sum()
    out = cells[[*AXES, "segment"]].copy()
    for name in ("customers", "share", "aum", "contribution"):
        values = cells["customers"] / max(whole, 1) if name == "share" else cells[name]
        out[name] = values.astype("float64").mask(hidden)
    for name in ("customers_before", "came", "left"):
        out[name] = cells[name].astype("float64").mask(small)
    for name in names:
        blocks = [[cells[axis] for axis in AXES if axis != free] for free in AXES]
        telling = hidden
        for block in blocks:
            telling = small_parts(cells[name], cells["customers"], by=block, k=k, hidden=telling)
        out[name] = (cells[name] / cells["customers"].where(cells["customers"] > 0)).mask(telling)
    return out.assign(suppressed=hidden, moves_suppressed=small)


def _hidden(cells: "pd.DataFrame", counts: "pd.Series", k: int, hidden: "pd.Series") -> "pd.Series":
    """Hide further cells along each axis until no sum over it gives a hidden one away."""
    while True:
        more = hidden
        for free in AXES:
            more = small_cells(counts, by=[cells[axis] for axis in AXES if axis != free], k=k, hidden=more)
        if more.equals(hidden):
            return hidden
        hidden = more


def _tag_names(tags: Any) -> list[str]:
    """Return the names of the boolean columns of a table of tags."""
    if tags is None:
        return []
    if "customer_id" not in tags.columns:
        raise SchemaError("tags has no column", "customer_id", "customer_id and boolean columns", "rename it")
    names = [name for name in tags.columns if name != "customer_id"]
    for name in names:
        if not tags[name].type().is_boolean():
            raise SchemaError(f"tags.{name}", str(tags[name].type()), "a boolean column", "compare it with a value")
        if name in (*AXES, "segment", "segment_before", "aum", "contribution", "customers"):
            raise SchemaError("tags has a column", name, "another name", "rename it")
    return names


def _check(limits: Sequence[float], occupations: Mapping[str, str]) -> None:
    numbers = all(isinstance(limit, int | float) and not isinstance(limit, bool) and limit > 0 for limit in limits)
    if len(limits) != 3 or not numbers or list(limits) != sorted(set(limits)):
        raise ParameterError("limits", limits, "three rising amounts above 0", f"pass limits={LIMITS}")
    for job, group in occupations.items():
        if job not in OCCUPATIONS:
            raise ParameterError("occupations", job, one_of(OCCUPATIONS), "name an occupation of the contract")
        if group not in GROUPS:
            raise ParameterError(f"occupations[{job!r}]", group, one_of(GROUPS), "name one of the four groups")
