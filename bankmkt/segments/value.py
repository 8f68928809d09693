"""What customers are worth to the bank: the margin to be expected of a year and of the whole relation."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bankmkt.errors import ParameterError, one_of
from bankmkt.privacy import K, check_k, suppress
from bankmkt.segments.value_forecast import carried, forecast, group_sums, multiples_table, prepare, sum_cells
from bankmkt.segments.value_rates import YEAR, Rates

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

GROUPS = ("org_id", "manager_id", "gender", "occupation", "city_tier", "acquired_via", "is_payroll", "risk_level")
"""Attributes of customers that :func:`value_by` groups by."""

UNKNOWN = "unknown"


def value_rates(
    bank: "Bank",
    as_of: dt.date | str,
    *,
    margins: Mapping[str, float] | None = None,
    growth: float | None = None,
    discount: float = 0.05,
    years: int = 10,
) -> Rates:
    """Learn the rates that :func:`customer_value` stands on, to be shown beside its figures.

    Parameters are those of :func:`customer_value`.

    Returns
    -------
    Rates
        ``.attrition`` and ``.growth`` are frames.
    """
    return prepare(bank, as_of, margins, growth, discount, years)[1]


def customer_value(
    bank: "Bank",
    as_of: dt.date | str,
    *,
    margins: Mapping[str, float] | None = None,
    growth: float | None = None,
    discount: float = 0.05,
    years: int = 10,
) -> Any:
    """Expect what each customer will earn the bank in twelve months and over the relation.

    A month's margin is each balance at its end times the product's yearly margin ÷ 12. Month by month ahead it is
    multiplied by growth and by the probability that the customer is still there, and discounted. Both are the bank's
    own, of the months up to ``as_of``: closures by tenure (first year, second and third, later) and margin band, and
    growth of those who stayed by margin band, over up to a year. After that year margins stay as they are.

    Parameters
    ----------
    bank : Bank
        With at least two month ends of balances by then.
    as_of : date or str
        The last month end on or before it is looked ahead from; nothing later is seen.
    margins : mapping of str to float, optional
        Yearly margin by product as a part of the balance; default :data:`bankmkt.segments.margins.MARGINS`, which are
        assumptions. Products not named earn nothing.
    growth : float, optional
        Yearly growth of a staying customer's margin in the coming year, for all; 0.03 is 3 %. By default the bank's
        own of the past year, by band, which assumes that the year to come is like it.
    discount : float
        Rate a year at which later money counts less.
    years : int
        Horizon of the lifetime value, 1 to 50.

    Returns
    -------
    ibis table
        A row per customer with an open account and a balance row: customer_id, margin_month (money, the last month's),
        p_alive_12 (probability of being a customer in twelve months), value_12m, value_lifetime (money; the
        discounted margin of the coming year, and of the coming ``years``).

    Raises
    ------
    ParameterError
        When an argument is outside what is said above.
    DataError
        When there are fewer than two months of balances.

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
    >>> value = customer_value(bank, "2026-06-30", margins={"demand": 0.012}, growth=0).execute()
    >>> value.margin_month.round(2).unique().tolist()
    [100.0]
    """
    _, rates, now = prepare(bank, as_of, margins, growth, discount, years)
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
    discount: float = 0.05,
    years: int = 10,
) -> "pd.DataFrame":
    """Sum up :func:`customer_value` by group, with 95% intervals.

    The intervals are of what will be seen if the rates stay as they were: they hold the error of the rates (delta
    method) and what customers do by chance, each for themselves. They do not hold what hits all at once (a rate cut,
    a campaign, a crash), nor that the margins are assumptions.

    Parameters
    ----------
    bank, as_of, margins, growth, discount, years
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
        As :func:`customer_value`.

    Examples
    --------
    >>> import bankmkt as bm
    >>> value_by("data/bank", "2026-06-30")
    Traceback (most recent call last):
        ...
    bankmkt.errors.ParameterError: bank = 'data/bank': expected a Bank; open it: bm.open_bank(path)
    """
    check_k(k)
    names = [by] if isinstance(by, str) else list(by)
    for name in names:
        if name not in GROUPS:
            raise ParameterError("by", name, one_of(GROUPS), "group by an attribute of customers")
    known, rates, now = prepare(bank, as_of, margins, growth, discount, years)
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
