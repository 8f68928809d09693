"""What customers are worth to the bank: the margin to be expected of a year and of the whole relation."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bankmkt.errors import ParameterError, one_of
from bankmkt.privacy import K, check_k, suppress
from bankmkt.segments.value_forecast import carried, forecast, group_sums, multiples_table, prepare, sum_cells
from bankmkt.segments.value_rates import DISCOUNT, YEAR, YEARS

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

GROUPS = ("org_id", "manager_id", "gender", "occupation", "city_tier", "acquired_via", "is_payroll", "risk_level")
"""Attributes of customers that :func:`value_by` groups by."""

UNKNOWN = "unknown"


def customer_value(
    bank: "Bank",
    as_of: dt.date | str,
    *,
    margins: Mapping[str, float] | None = None,
    growth: float | None = None,
    attrition: float | None = None,
    discount: float = DISCOUNT,
    years: int = YEARS,
) -> Any:
    """Expect what each customer will earn the bank in twelve months and over the relation.

    A month's margin is each balance at its end times the product's yearly margin ÷ 12. Month by month ahead it is
    multiplied by growth and by the probability that the customer is still there, and discounted. Both are the bank's
    own, of the months up to ``as_of``: closures by tenure (first year, second and third, later) and margin band, and
    growth of those who stayed by margin band, over up to a year. After that year margins stay as they are.

    There is no interval of one customer: they stay or leave, and what they earn then jumps, so that it would reach from
    nothing to a multiple of what is expected. Intervals are of groups: :func:`value_by`.

    Parameters
    ----------
    bank : Bank
        With every month end of balances from the first to then: twelve or more, with ``growth`` two or more.
    as_of : date or str
        The last month end on or before it is looked ahead from; nothing later is seen.
    margins : mapping of str to float, optional
        Yearly margin by product as a part of the balance; default :data:`bankmkt.margins.MARGINS`, which are
        assumptions. Products not named earn nothing, nor does a balance that is null or has no row.
    growth : float, optional
        Yearly growth of a staying customer's margin in the coming year, for all; 0.03 is 3 %. By default the bank's
        own of the past year, by band, which assumes that the year to come is like it.
    attrition : float, optional
        Share of the customers who leave in a year, for all, below 1; 0.05 is 5 %. By default the bank's own.
    discount : float
        Rate a year at which later money counts less.
    years : int
        Horizon of the lifetime value, 1 to 50.

    Returns
    -------
    ibis table
        A row per customer with an open account: customer_id, margin_month (money, the last month's),
        p_alive_12 (probability of being a customer in twelve months), value_12m, value_lifetime (money; the
        discounted margin of the coming year, and of the coming ``years``).

    Raises
    ------
    ParameterError
        When an argument is outside what is said above.
    DataError
        When a month end is missing or there are too few, or when ``attrition`` is to be learned from a bank in which
        nobody closes.

    References
    ----------
    Gupta, S., Lehmann, D. R. and Stuart, J. A. (2004). Valuing Customers. Journal of Marketing Research 41(1), 7-18.
    Delayed entry: Klein, J. P. and Moeschberger, M. L. (2003). Survival Analysis, 2nd edition, section 3.4.

    Examples
    --------
    >>> import bankmkt as bm, pandas as pd
    >>> zero = ["time_deposit", "wealth", "fund", "insurance", "metal", "loan", "card_balance"]
    >>> ids = pd.DataFrame({"customer_id": range(1, 31)})
    >>> months = pd.DataFrame({"month": pd.to_datetime(["2026-05-31", "2026-06-30"]).astype("datetime64[s]")})
    >>> bank = bm.open_bank({
    ...     "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"}),
    ...     "customers": ids.assign(org_id=1, opened_on=pd.Timestamp("2020-01-01")),
    ...     "balances": ids.merge(months, "cross").assign(demand=1e5, aum=1e5, products=1, **dict.fromkeys(zero, 0.0)),
    ... })
    >>> value = customer_value(bank, "2026-06-30", margins={"demand": 0.012}, growth=0, attrition=0.05)
    >>> value = value.execute()
    >>> value[["margin_month", "p_alive_12"]].round(2).drop_duplicates().to_dict("records")
    [{'margin_month': 100.0, 'p_alive_12': 0.95}]
    """
    _, rates, now = prepare(bank, as_of, margins, growth, attrition, discount, years)
    table = multiples_table(rates, {"k_year": YEAR, "k_life": YEAR * rates.years})
    t = now.inner_join(table, ["tenure", "band"])
    base = carried(t, rates)
    return t.select(
        "customer_id", margin_month=t.margin, p_alive_12=t.p_alive_12, value_12m=base * t.k_year,
        value_lifetime=base * t.k_life,
    )  # fmt: skip


def value_by(
    bank: "Bank",
    as_of: dt.date | str,
    by: str | Sequence[str] = (),
    *,
    k: int = K,
    margins: Mapping[str, float] | None = None,
    growth: float | None = None,
    attrition: float | None = None,
    discount: float = DISCOUNT,
    years: int = YEARS,
) -> "pd.DataFrame":
    """Sum up :func:`customer_value` by group, with 95% intervals.

    The intervals are of what will be seen if the rates stay as they were: they hold the error of the rates (delta
    method) and what customers do by chance, each for themselves. They do not hold what hits all at once (a rate cut,
    a campaign, a crash), nor that the margins are assumptions. Held against what
    came (:func:`bankmkt.segments.calibrate_value`), 60 of 65 tenths of the customers lay inside (92%; a synthetic bank
    of 5,000 customers, seven starts over four years), and 7 of 9 in the larger demo bank's one year, where the
    intervals are narrow and what hits all at once counts for more.

    Parameters
    ----------
    bank, as_of, margins, growth, attrition, discount, years
        As of :func:`customer_value`.
    by : str or sequence of str
        Columns of customers, of :data:`GROUPS`; none for the whole bank.
    k : int
        The least number of customers a shown figure may be about.

    Returns
    -------
    pandas.DataFrame
        The columns of ``by``; customers; margin_month, value_12m with value_12m_low and value_12m_high, value_lifetime
        with value_lifetime_low and value_lifetime_high (money, sums of the group); p_alive_12 (mean); suppressed.

    Raises
    ------
    ParameterError, DataError
        As :func:`customer_value`; DataError also when nobody has an open account.

    Examples
    --------
    >>> import bankmkt as bm
    >>> value_by("data/bank", "2026-06-30")
    Traceback (most recent call last):
        ...
    bankmkt.errors.ParameterError: bank = 'data/bank': expected a Bank; open it: bm.open_bank(path)
    """
    check_k(k)
    names = check_groups(by)
    known, rates, now = prepare(bank, as_of, margins, growth, attrition, discount, years)
    if names:
        c = known.customers
        c = c.select("customer_id", **{n: c[n].cast("string").fill_null(UNKNOWN) for n in names})
        now = now.inner_join(c, "customer_id")
    cells = sum_cells(known, now, rates, names)
    out = group_sums(cells, names, ["customers", "margin_month"])
    for name, months in (("value_12m", YEAR), ("value_lifetime", YEAR * rates.years)):
        out[[name, f"{name}_low", f"{name}_high"]] = forecast(cells, names, rates, months)
    stay = rates.paths(YEAR)[0][..., -1]
    cells["alive"] = cells["customers"] * stay[cells["tenure"], cells["band"]]
    out["p_alive_12"] = group_sums(cells, names, ["alive"])["alive"] / out["customers"]
    return suppress(out, "customers", [str(c) for c in out if c not in (*names, "customers")], k=k)


def check_groups(by: str | Sequence[str]) -> list[str]:
    """Return the attributes to group by.

    Raises
    ------
    ParameterError
        Unless they are of :data:`GROUPS`, each once.

    Examples
    --------
    >>> check_groups("gender")
    ['gender']
    """
    names = [by] if isinstance(by, str) else by
    if not isinstance(names, list | tuple):
        raise ParameterError("by", by, one_of(GROUPS), 'pass a name or a list of names, such as by="gender"')
    for name in names:
        if name not in GROUPS:
            raise ParameterError("by", name, one_of(GROUPS), "group by an attribute of customers")
    if len(set(names)) < len(names):
        raise ParameterError("by", names, "each attribute once", "leave out the repeated one")
    return list(names)
