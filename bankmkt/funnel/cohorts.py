"""Who opened when, and is still active so much later: the retention triangle."""

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd

from bankmkt.bank import check_bank
from bankmkt.errors import ParameterError, Refused, one_of
from bankmkt.funnel.aarrr import records
from bankmkt.funnel.growth import check_activity, own_acts
from bankmkt.funnel.rates import shares
from bankmkt.months import month_end, month_number, month_of, month_start
from bankmkt.privacy import K, check_k, discloses
from bankmkt.units import units_below

if TYPE_CHECKING:
    from bankmkt.bank import Bank

MONTHS = {"month": 1, "quarter": 3, "year": 12}
"""Units of the cohorts, and of the time since."""


def cohorts(
    bank: "Bank",
    unit: str = "month",
    activity: str = "any",
    org_id: int | str | None = None,
    as_of: dt.date | str | None = None,
    *,
    k: int = K,
) -> pd.DataFrame:
    """Follow those who opened in each month (quarter, year): what share is active in each one since.

    Who closed the account stays in the denominator, so that a cohort cannot look better by losing people. Cohorts begin
    with the records, as what older ones did first is not known. What is not over, or not yet seen, is null, never 0.

    Parameters
    ----------
    bank : Bank
        Tables customers, balances and transactions; events where it has them.
    unit : str
        ``"month"``, ``"quarter"`` or ``"year"``: of opening, and of the time since.
    activity : str
        The acts that make a customer active: ``"any"`` of their own (as :func:`bankmkt.funnel.aarrr`), ``"login"``, or
        ``"transaction"``.
    org_id : int or str, optional
        Only customers of this organisation and those below it.
    as_of : date or str, optional
        The last day seen; by default the bank's own, or the last day on record.
    k : int
        The least number of customers a shown figure, or what it leaves of its cohort, may be about.

    Returns
    -------
    pandas.DataFrame
        A row per cohort and time since, as many of these as there are cohorts: cohort (first day), since (0: the unit
        of opening itself), period (first day), customers (of the cohort), open (who still had the account at the
        period's end; null also where 1 to k − 1 closed it since the last one shown), active, share (of all customers of
        the cohort) with ci_lower and ci_upper (95%, Wilson), finished (the period, and so the cohort, is over by
        ``as_of`` and on record; figures of others are null), suppressed.

    Raises
    ------
    ParameterError
        If an argument is not as above.
    Refused
        If no unit of time is over, or nobody opened in one.

    Examples
    --------
    >>> import bankmkt as bm
    >>> found = bm.funnel.cohorts(bm.demo_bank(), "quarter", "login")
    >>> found[["customers", "active", "share", "finished"]].head(2).round(2)
       customers  active  share  finished
    0      409.0   248.0   0.61      True
    1      409.0   184.0   0.45      True
    """
    check_bank(bank)
    check_k(k)
    if unit not in MONTHS:
        raise ParameterError("unit", unit, one_of(MONTHS), 'pass unit="month"')
    check_activity(bank, activity)
    begin, day = records(bank, as_of)
    length = MONTHS[unit]
    first = -(-month_number(begin) // length)
    final = month_number(day) // length
    over = (month_number(day + dt.timedelta(days=1)) // length) - 1
    if over < first:
        raise Refused(f"no {unit} from {begin} is over by {day}", todo="choose a shorter unit, or a later day")
    counts = _counts(bank.as_of(day), activity, org_id, length, first)
    sizes = counts.groupby("cohort")["customers"].max()
    if sizes.empty:
        raise Refused(f"nobody opened an account from {begin} to {day}", todo="choose another organisation, or bank")
    every = range(first, final + 1)
    out = pd.DataFrame([(a, since, a + since) for a in every for since in range(len(every))])
    out.columns = ["cohort", "since", "period"]
    out = out.merge(counts.drop(columns="customers"), "left", on=["cohort", "period"])
    out["customers"] = out["cohort"].map(sizes)
    out = out[out["customers"].notna()].reset_index(drop=True)
    out["finished"] = out["period"] <= over
    left = out.groupby("cohort")["closed"].transform(lambda closed: closed.fillna(0).cumsum())
    out["open"] = out["customers"] - left
    out["active"] = out["active"].fillna(0)
    few = out["customers"].between(1, k - 1)
    out["suppressed"] = out["finished"] & (few | discloses(out["active"], out["customers"], k))
    hidden = out["suppressed"] | ~out["finished"]
    out["share"], out["ci_lower"], out["ci_upper"] = shares(out["active"], out["customers"])
    out[["active", "share", "ci_lower", "ci_upper"]] = out[["active", "share", "ci_lower", "ci_upper"]].mask(hidden)
    out["open"] = _open(out["open"].mask(hidden), out["customers"], out["cohort"], k)
    out["customers"] = out["customers"].astype(float).mask(few)
    for name in ("cohort", "period"):
        out[name] = [month_start(int(number) * length) for number in out[name]]
    columns = ["cohort", "since", "period", "customers", "open", "active", "share", "ci_lower", "ci_upper"]
    return out[[*columns, "finished", "suppressed"]]


def _open(still: pd.Series, customers: pd.Series, cohort: pd.Series, k: int) -> pd.Series:
    """Hide who had the account at a period's end where that, or who closed since the last shown, is 1 to k − 1."""
    gone = pd.Series(False, index=still.index)
    for _, rows in still.dropna().groupby(cohort):
        last = customers[rows.index[0]]
        for at in rows.index:
            gone[at] = discloses(still[at], last, k)
            last = last if gone[at] else still[at]
    return still.mask(gone)


def _counts(bank: "Bank", activity: str, org_id: int | str | None, length: int, first: int) -> pd.DataFrame:
    """Count by cohort and period: customers (of the cohort), who were active, who closed."""
    c = bank.customers
    if org_id is not None:
        c = c.filter(c.org_id.isin(units_below(bank, org_id)))
    c = c.select("customer_id", cohort=month_of(c.opened_on) // length, left=month_of(c.closed_on) // length)
    c = c.filter(c.cohort >= first)
    acts = own_acts(bank, month_end(first * length - 1) + dt.timedelta(days=1), activity)
    acts = acts.filter(acts.own)
    acts = acts.select("customer_id", period=month_of(acts.ts) // length).distinct()
    active = acts.inner_join(c, "customer_id").group_by("cohort", "period").aggregate(active=lambda t: t.count())
    sizes = bank.frame(c.group_by("cohort").aggregate(customers=lambda t: t.count()))
    closed = c.filter(c.left.notnull()).group_by("cohort", period=lambda t: t.left)
    parts = [bank.frame(part) for part in (active, closed.aggregate(closed=lambda t: t.count()))]
    cells: pd.DataFrame = _whole(parts[0]).merge(_whole(parts[1]), "outer", on=["cohort", "period"])
    return cells.merge(_whole(sizes), "outer", on="cohort")


def _whole(frame: Any) -> Any:
    """Return a frame of whole numbers, whatever width the engine counts in."""
    return frame.astype("int64")
