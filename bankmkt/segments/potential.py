"""What a customer could earn the bank: what similar customers do."""

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bankmkt.bank import check_bank
from bankmkt.errors import ParameterError
from bankmkt.lookback import parse_date
from bankmkt.margins import check_margins
from bankmkt.months import month_end, month_of
from bankmkt.privacy import K, check_k
from bankmkt.segments.lifecycle import span_of
from bankmkt.segments.value_rates import valued

if TYPE_CHECKING:
    from bankmkt.bank import Bank

TRAITS = ("occupation", "city_tier", "age", "tenure")
"""What makes customers similar, the least dispensable first."""

AGES = (25, 35, 45, 55, 65)
TENURES = (1, 3, 5, 10)
"""Years at which bands of age and tenure begin."""

UNKNOWN = "unknown"


def potential_value(
    bank: "Bank",
    as_of: dt.date | str,
    *,
    quantile: float = 0.75,
    k: int = K,
    margins: Mapping[str, float] | None = None,
) -> Any:
    """Say how much more each customer would earn the bank if they were like the better of their kind.

    Similar are customers of one occupation, city tier, age band and tenure band. Their ``quantile`` of the monthly
    margin is the potential of each of them, unless they are above it: then it is their own. Where there are fewer than
    ``k`` of a kind, the last trait is dropped (tenure first, then age, city tier, occupation), until there are enough
    or all customers are of a kind.

    A potential compares; it is no forecast. Similar customers may keep more here because they own more, and
    whether a campaign can close the gap only an experiment tells.

    Parameters
    ----------
    bank : Bank
        With every month end of balances from the first to then.
    as_of : date or str
        The last month end on or before it is looked at; nothing later is seen.
    quantile : float
        Between 0 and 1; 0.75 is what one in four of the similar customers reaches.
    k : int
        The least number of similar customers.
    margins : mapping of str to float, optional
        As of :func:`bankmkt.segments.customer_value`.

    Returns
    -------
    ibis table
        A row per customer with an open account: customer_id, margin_month (money), similar
        (customers compared with, the customer among them), traits (how many of the four they share), potential_month
        and gap_month (money a month, the gap 0 or more).

    Raises
    ------
    ParameterError
        When an argument is outside what is said above, or there are no balances by then.
    DataError
        When a month end in between is missing.

    Examples
    --------
    >>> import bankmkt as bm, pandas as pd
    >>> zero = ["time_deposit", "wealth", "fund", "insurance", "metal", "loan", "card_balance"]
    >>> ids = pd.DataFrame({"customer_id": range(1, 6)})
    >>> bank = bm.open_bank({
    ...     "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"}),
    ...     "customers": ids.assign(org_id=1, opened_on=pd.Timestamp("2020-01-01")),
    ...     "balances": ids.assign(month=pd.Timestamp("2026-06-30"), products=1, **dict.fromkeys(zero, 0.0)).assign(
    ...         demand=ids.customer_id * 1e5, aum=ids.customer_id * 1e5),
    ... })
    >>> gaps = potential_value(bank, "2026-06-30", k=5, margins={"demand": 0.012}).order_by("customer_id").execute()
    >>> gaps.gap_month.round(2).tolist()
    [300.0, 200.0, 100.0, 0.0, 0.0]
    """
    import ibis

    check_bank(bank)
    check_k(k)
    day = parse_date("as_of", as_of)
    rates = check_margins(margins)
    if isinstance(quantile, bool) or not isinstance(quantile, int | float) or not 0 < quantile < 1:
        raise ParameterError("quantile", quantile, "a number between 0 and 1", "pass quantile=0.75")
    last = span_of(bank, day)[1]
    known = bank.as_of(month_end(last))
    t = valued(known, last, last, rates).select("customer_id", margin_month="margin")
    t = everybody = t.inner_join(_traits(known.customers, last), "customer_id")
    similar, potential, traits = ibis.literal(0), ibis.literal(0.0), ibis.literal(0)
    for count in range(len(TRAITS) + 1):  # from coarse to fine: the finest with enough customers stays
        keys = list(TRAITS[:count])
        level = everybody.group_by(keys) if keys else everybody
        top = everybody.margin_month.quantile(float(quantile))
        level = level.aggregate(**{f"n_{count}": everybody.count(), f"of_{count}": top})
        t = t.cross_join(level) if count == 0 else t.left_join(level, keys, rname="{name}_level")
        t = t.drop([c for c in t.columns if c.endswith("_level")])
    for count in range(len(TRAITS) + 1):
        enough = (t[f"n_{count}"] >= k) if count else ibis.literal(True)
        similar = enough.ifelse(t[f"n_{count}"], similar)
        potential = enough.ifelse(t[f"of_{count}"], potential)
        traits = enough.ifelse(ibis.literal(count), traits)
    best = ibis.greatest(potential, t.margin_month)
    return t.select(
        "customer_id", "margin_month", similar=similar.cast("int64"), traits=traits.cast("int64"),
        potential_month=best, gap_month=best - t.margin_month,
    )  # fmt: skip


def _traits(c: Any, number: int) -> Any:
    """Return customer_id and the traits in a month."""
    return c.select(
        "customer_id",
        occupation=c.occupation.fill_null(UNKNOWN),
        city_tier=c.city_tier.fill_null(UNKNOWN),
        age=_band(number - month_of(c.birth_date), AGES),
        tenure=_band(number - month_of(c.opened_on), TENURES),
    )


def _band(months: Any, edges: tuple[int, ...]) -> Any:
    """Return the number of the band; −1 where it is unknown, so that the unknown are alike."""
    import ibis

    bands = [(months.isnull(), -1), *((months < 12 * edge, place) for place, edge in enumerate(edges))]
    return ibis.cases(*bands, else_=len(edges)).cast("int64")
