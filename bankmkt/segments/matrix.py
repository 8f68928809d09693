"""The 112 segments: life-cycle state × wealth tier × occupation group, one for every customer."""

import datetime as dt
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bankmkt.bank import check_bank
from bankmkt.errors import ParameterError, one_of
from bankmkt.lookback import parse_date
from bankmkt.margins import margin_of
from bankmkt.months import month_end, month_of
from bankmkt.schema import OCCUPATIONS
from bankmkt.segments.lifecycle import STATES, check_thresholds, lifecycle, span_of
from bankmkt.terms import TIERS

if TYPE_CHECKING:
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
    check_axes(limits, occupations)
    check_thresholds(thresholds)
    _, last = span_of(bank, parse_date("as_of", as_of))
    t = segments_at(bank, lifecycle(bank, month_end(last), 1, **thresholds), (last,), limits, occupations)
    return t.select("customer_id", *AXES, "segment", "aum")


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


def segments_at(
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


def check_axes(limits: Sequence[float], occupations: Mapping[str, str]) -> None:
    """Raise ParameterError unless limits and occupations make four tiers and four groups."""
    listed = isinstance(limits, Sequence) and not isinstance(limits, str)
    if not listed or not all(_amount(limit) for limit in limits) or not _three_rising(limits):
        raise ParameterError("limits", limits, "three rising amounts above 0", f"pass limits={LIMITS}")
    if not isinstance(occupations, Mapping):
        todo = f"pass occupations={{'farmer': {OTHERS!r}}}, or leave it out"
        raise ParameterError("occupations", occupations, "a dictionary of occupation to group", todo)
    for job, group in occupations.items():
        if job not in OCCUPATIONS:
            raise ParameterError("occupations", job, one_of(OCCUPATIONS), "name an occupation of the contract")
        if group not in GROUPS:
            raise ParameterError(f"occupations[{job!r}]", group, one_of(GROUPS), "name one of the four groups")


def _amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _three_rising(limits: Sequence[float]) -> bool:
    return len(limits) == 3 and limits[0] < limits[1] < limits[2]
