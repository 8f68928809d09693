"""What customers are worth to the bank: the margin to be expected of a year and of the whole relation."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.bank import check_bank
from bankmkt.errors import DataError, ParameterError, one_of
from bankmkt.lookback import parse_date
from bankmkt.months import month_end, month_number, month_of
from bankmkt.privacy import K, check_k, suppress
from bankmkt.segments.margins import check_margins, margin_of
from bankmkt.segments.value_rates import TOP, YEAR, Rates, learn_rates, valued

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

GROUPS = ("org_id", "manager_id", "gender", "occupation", "city_tier", "acquired_via", "is_payroll", "risk_level")
"""Attributes of customers that :func:`value_by` groups by."""

UNKNOWN = "unknown"
_Z = 1.959963984540054


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
    return _prepare(bank, as_of, margins, growth, discount, years)[1]


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
    _, rates, now = _prepare(bank, as_of, margins, growth, discount, years)
    table = _multiples(rates, {"k_year": YEAR, "k_life": YEAR * rates.years})
    t = now.inner_join(table, ["tenure", "band"])
    base = _base(t, rates)
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
    known, rates, now = _prepare(bank, as_of, margins, growth, discount, years)
    if names:
        c = known.customers
        c = c.select("customer_id", **{n: c[n].cast("string").fill_null(UNKNOWN) for n in names})
        now = now.inner_join(c, "customer_id")
    cells = _cells(known, now, rates, names)
    out = _sums(cells, names, ["customers", "margin_month"])
    for name, months in (("value_12m", YEAR), ("value_lifetime", YEAR * rates.years)):
        out[[name, f"{name}_low", f"{name}_high"]] = _forecast(cells, names, rates, months)
    stay = rates.paths(YEAR)[0][..., -1]
    cells["alive"] = cells["customers"] * stay[cells["tenure"], cells["band"]]
    out["p_alive_12"] = _sums(cells, names, ["alive"])["alive"] / out["customers"]
    return suppress(out, "customers", [str(c) for c in out if c not in (*names, "customers")], k=k)


def calibrate_value(
    bank: "Bank",
    as_of: dt.date | str | None = None,
    *,
    k: int = K,
    margins: Mapping[str, float] | None = None,
    growth: float | None = None,
) -> "pd.DataFrame":
    """Hold the value expected of a past year against what the customers then earned the bank.

    A large bank's total may well lie outside its interval, which does not hold what hits all customers at once; how
    far outside says how far next year may be off.

    Parameters
    ----------
    bank : Bank
        With twelve month ends after ``as_of``.
    as_of : date or str, optional
        The day to look ahead from; default twelve months before the last month end. Only what is realised is later.
    k, margins, growth
        As of :func:`value_by`; nothing is discounted.

    Returns
    -------
    pandas.DataFrame
        A row per tenth of the customers by expected value (``decile`` "1" lowest to "10"; equal values are in one, so
        there may be fewer) and "all": customers, expected, ci_low, ci_high (95%, as of :func:`value_by`), realised
        (money), suppressed.

    Raises
    ------
    ParameterError, DataError
        As :func:`customer_value`; DataError when the year after ``as_of`` is not all there.
    """
    import ibis
    import pandas as pd

    check_bank(bank)
    check_k(k)
    if as_of is None:
        if len(bank.months) <= YEAR:
            raise DataError("balances", f"{len(bank.months)} months", "over twelve", "open a longer history")
        as_of = month_end(month_number(bank.months[-1]) - YEAR)
    known, rates, now = _prepare(bank, as_of, margins, growth, 0.0, 1)
    start = month_number(known.date)  # type: ignore[arg-type]
    ahead = {month_number(month) for month in bank.months} & set(range(start + 1, start + YEAR + 1))
    if len(ahead) < YEAR:
        raise DataError("balances", f"{len(ahead)} months after {known.date}", "twelve", "pass an earlier as_of")
    t = now.inner_join(_multiples(rates, {"k_year": YEAR}), ["tenure", "band"])
    t = t.mutate(value=_base(t, rates) * t.k_year).drop("k_year", "p_alive_12")
    cuts = bank.fetch(t.aggregate(**{f"q{i}": t.value.quantile(i / 10) for i in range(1, 10)})).to_pylist()[0]
    edges = sorted(set(cuts.values()))
    decile = ibis.cases(*((t.value < edge, i) for i, edge in enumerate(edges, 1)), else_=len(edges) + 1)
    b = bank.balances
    number = month_of(b.month)
    later = b.filter((number > start) & (number <= start + YEAR))
    later = later.group_by("customer_id").aggregate(realised=margin_of(later, check_margins(margins)).sum())
    t = t.mutate(decile=decile.cast("int64")).left_join(later, "customer_id")
    t = t.mutate(realised=t.realised.fill_null(0.0)).drop("customer_id_right")
    cells = _cells(known, t, rates, ["decile"], realised=t.realised.sum())
    parts = []
    for names in (["decile"], []):
        out = _sums(cells, names, ["customers", "realised"])
        out[["expected", "ci_low", "ci_high"]] = _forecast(cells, names, rates, YEAR)
        out["decile"] = out["decile"].astype("str") if names else "all"
        money = ["expected", "ci_low", "ci_high", "realised"]
        parts.append(suppress(out, "customers", money, k=k)[["decile", "customers", *money, "suppressed"]])
    return pd.concat(parts, ignore_index=True)


def _prepare(
    bank: "Bank",
    as_of: dt.date | str,
    margins: Mapping[str, float] | None,
    growth: float | None,
    discount: float,
    years: int,
) -> "tuple[Bank, Rates, Any]":
    """Check the arguments; return the bank as of the month end, its rates, and its customers' last month."""
    import ibis

    check_bank(bank)
    day = parse_date("as_of", as_of)
    rates = check_margins(margins)
    _check_number("growth", growth, -0.9, 1, "growth=0.03 for 3 % a year, or None")
    _check_number("discount", discount, 0, 1, "discount=0.05 for 5 % a year")
    if isinstance(years, bool) or not isinstance(years, int) or not 1 <= years <= 50:
        raise ParameterError("years", years, "an integer from 1 to 50", "pass years=10")
    months = [month for month in bank.months if month <= day]
    if len(months) < 2:
        raise DataError("balances", f"{len(months)} months by {day}", "two or more to learn from", "pass a later as_of")
    last = months[-1]
    known = bank.as_of(last)
    learned = learn_rates(known, last, months[0], rates, growth, discount, years)
    return known, learned, valued(known, lambda month: month == ibis.literal(last), rates)


def _check_number(name: str, value: float | None, low: float, high: float, todo: str) -> None:
    if value is None and name == "growth":
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ParameterError(name, value, f"a number from {low} to {high}", f"pass {todo}")


def _multiples(rates: Rates, columns: Mapping[str, int]) -> Any:
    """Return a small Ibis table: tenure, band, p_alive_12, and multiples of the margin over numbers of months."""
    import ibis
    import pandas as pd

    tenure, band = np.indices((TOP + 1, len(rates.growth)))
    stay = rates.paths(YEAR)[0][..., -1]
    multiples = {name: rates.multiples(months).ravel() for name, months in columns.items()}
    frame = {"tenure": tenure.ravel(), "band": band.ravel(), "p_alive_12": stay.ravel(), **multiples}
    return ibis.memtable(pd.DataFrame(frame))


def _base(t: Any, rates: Rates) -> Any:
    """Return the margin that is carried forward: the customer's own, in the lowest band the band's mean."""
    return (t.band == 0).ifelse(float(rates.growth["base"].iloc[0]), t.margin)


def _cells(bank: "Bank", t: Any, rates: Rates, names: Sequence[str], **sums: Any) -> "pd.DataFrame":
    """Return sums by group, tenure and band: all that forecasts of groups need."""
    base = _base(t, rates)
    keys = [*names, "tenure", "band"]
    cells = t.group_by(keys).aggregate(
        customers=t.count(), margin_month=t.margin.sum(), base=base.sum(), base2=(base * base).sum(), **sums
    )
    return bank.fetch(cells.order_by(keys)).to_pandas()


def _sums(cells: "pd.DataFrame", names: Sequence[str], columns: Sequence[str]) -> "pd.DataFrame":
    """Return sums by group, in the order of the groups."""
    if not names:
        return cells[list(columns)].sum().to_frame().T.astype(cells[list(columns)].dtypes)
    return cells.groupby(list(names))[list(columns)].sum().reset_index()


def _forecast(cells: "pd.DataFrame", names: Sequence[str], rates: Rates, months: int) -> np.ndarray:
    """Return the expected margin of each group's months to come with its interval, of shape (groups, 3)."""
    group = cells.groupby(list(names)).ngroup().to_numpy() if names else np.zeros(len(cells), dtype=np.int64)
    where = cells["tenure"].to_numpy(), cells["band"].to_numpy()
    groups = int(group.max()) + 1

    def total(per_margin: np.ndarray, column: str = "base") -> np.ndarray:
        return np.bincount(group, cells[column].to_numpy() * per_margin[where], groups)

    value = total(rates.multiples(months))
    variance = total(rates.scatter(months), "base2")
    for place, error in enumerate(rates.errors):
        step = np.zeros_like(rates.errors)
        step[place] = error / 2
        high, low = (rates.multiples(months, rates.parameters + sign * step) for sign in (1, -1))
        variance += total(high - low) ** 2
    width = _Z * np.sqrt(variance)
    return np.column_stack([value, np.maximum(value - width, 0.0), value + width])
