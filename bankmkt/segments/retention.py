"""How long customers stay: retention curves by cohort."""

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np

from bankmkt.bank import check_bank
from bankmkt.confidence import LEVEL, Z
from bankmkt.errors import ParameterError, Refused, one_of
from bankmkt.lookback import parse_date
from bankmkt.months import month_end, month_of
from bankmkt.privacy import K, check_k
from bankmkt.segments.lifecycle import span_of

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

OPENED = "opened_quarter"
GROUPS = (
    "gender",
    "acquired_via",
    "occupation",
    "city_tier",
    "is_payroll",
    "has_car",
    "has_home",
    "risk_level",
    "org_id",
)
"""Attributes of customers that retention may be told by."""


def retention(bank: "Bank", as_of: dt.date | str, by: str = OPENED, k: int = K) -> "pd.DataFrame":
    """Estimate what share of customers is still there, month by month since they opened.

    Kaplan and Meier's estimate, with pointwise 95% intervals (log-log transform of Greenwood's variance; exact
    binomial bounds where nobody, or everybody, has left). Customers still there on the last day are censored then.
    The records begin with the first month of balances. Who opened before is known only for having stayed until then:
    such customers enter the risk set late, in the month of their life in which the records begin, and those who left
    earlier are left out. So a curve by an attribute puts together customers who opened in different years, each seen in
    another part of life: it is the life of somebody who would live all of it at the rates of the records' months (a
    period estimate), not of those who opened in one year. If nobody of a cohort was seen from the opening, its curve
    begins where the first was (``from_month``) and is the share of those there then.

    Cohorts by quarter of opening are only those whose whole quarter is in the records; the last may be unfinished.

    Parameters
    ----------
    bank : Bank
        Tables customers and balances.
    as_of : date or str
        The day; closures count to the last complete month by it that has balances.
    by : str
        ``"opened_quarter"``, or an attribute of :data:`GROUPS`, as it is on the day; opening does not change.
    k : int
        A curve ends where fewer customers are at risk. Points that tell of fewer than ``k`` closures since the last
        one shown are null; ``suppressed`` marks them.

    Returns
    -------
    pandas.DataFrame
        A row per cohort and month of life: by, cohort, months (0: the month of opening), from_month (the month of life
        from whose beginning the share is told; 0: since opening), customers_at_risk (at the month's beginning),
        retained (share still there at its end), ci_lower, ci_upper, complete (false for a quarter of opening that is
        not over), suppressed.

    Raises
    ------
    ParameterError
        If ``bank`` is no bank, has no balances by the day, ``by`` is none of these, or ``k`` is no integer from 1.
    Refused
        If every cohort is too small for a curve.

    References
    ----------
    Kaplan, E. L. and Meier, P. (1958), JASA 53, 457-481; Klein, J. P. and Moeschberger, M. L. (2003), *Survival
    Analysis*, 4.2-4.6 (left truncation, log-log intervals). Computed by statsmodels' ``SurvfuncRight``.

    Examples
    --------
    >>> import bankmkt as bm
    >>> curve = retention(bm.demo_bank(), "2026-06-30", by="is_payroll")
    >>> curve.columns[:6].tolist()
    ['by', 'cohort', 'months', 'from_month', 'customers_at_risk', 'retained']
    """
    import pandas as pd

    check_bank(bank)
    check_k(k)
    if by not in (OPENED, *GROUPS):
        raise ParameterError("by", by, one_of([OPENED, *GROUPS]), f"pass by={OPENED!r}")
    first, last = span_of(bank, parse_date("as_of", as_of))
    lives = _lives(bank.as_of(month_end(last)), first, last, by)
    unfinished = _quarter(last) if by == OPENED and last % 3 < 2 else None
    parts = [
        _curve(rows, k).assign(by=by, cohort=cohort, complete=cohort != unfinished)
        for cohort, rows in lives.groupby("cohort", sort=True)
    ]
    names = ["customers_at_risk", "retained", "ci_lower", "ci_upper"]
    columns = ["by", "cohort", "months", "from_month", *names, "complete", "suppressed"]
    if not any(len(part) for part in parts):
        what = f"no cohort by {by} has {k} customers in its first month of life seen in the records"
        raise Refused(what, todo="take wider groups, such as by='is_payroll', or longer records")
    return pd.concat(parts, ignore_index=True)[columns]


def _quarter(number: int) -> str:
    """Return the name of a month's quarter."""
    return f"{number // 12}-Q{number % 12 // 3 + 1}"


def _lives(known: "Bank", first: int, last: int, by: str) -> "pd.DataFrame":
    """Count customers by cohort, month of life before which they entered and in which they were last seen, closure."""
    import ibis

    c = known.customers
    c = c.mutate(opened=month_of(c.opened_on), closed=month_of(c.closed_on))
    c = c.filter(c.opened <= last, (c.closed >= first).fill_null(True))
    if by == OPENED:
        c = c.filter(c.opened >= -(-first // 3) * 3)  # the first quarter that begins in the records
        cohort = (c.opened // 12).cast("string") + "-Q" + (c.opened % 12 // 3 + 1).cast("string")
    else:
        cohort = c[by].cast("string").fill_null("unknown")
    lives: pd.DataFrame = c.group_by(
        cohort=cohort,
        entry=ibis.greatest(first - c.opened, 0),
        end=c.closed.fill_null(last) - c.opened + 1,
        left=c.closed.notnull().cast("int64"),
    ).agg(customers=lambda t: t.count()).to_pandas()  # fmt: skip
    return lives.sort_values(["cohort", "entry", "end", "left"], ignore_index=True)


def _curve(lives: "pd.DataFrame", k: int) -> "pd.DataFrame":
    """Estimate one cohort's curve while at least ``k`` are at risk."""
    import pandas as pd

    entry, end, left, weight = (lives[name].to_numpy(dtype=float) for name in ("entry", "end", "left", "customers"))
    begin = int(entry.min())
    months = np.arange(begin, int(end.max()))
    at_risk = np.array([weight[(entry < m + 1) & (end >= m + 1)].sum() for m in months])
    short = np.flatnonzero(at_risk < k)
    months, at_risk = (values[: short[0] if short.size else None] for values in (months, at_risk))
    survival, variance, events = _kaplan_meier(entry, end, left, weight, months)
    lower, upper = _interval(survival, variance, at_risk)
    hidden = _few_closures(events, k)
    values = {"customers_at_risk": at_risk, "retained": survival, "ci_lower": lower, "ci_upper": upper}
    return pd.DataFrame(
        {
            "months": months,
            "from_month": begin,
            **{n: np.where(hidden, np.nan, v) for n, v in values.items()},
            "suppressed": hidden,
        }
    )


def _kaplan_meier(
    entry: np.ndarray, end: np.ndarray, left: np.ndarray, weight: np.ndarray, months: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return survival at the end of each month of life, the variance of its logarithm, and closures in the month."""
    from statsmodels.duration.survfunc import SurvfuncRight

    if not left.any():
        return np.ones(len(months)), np.zeros(len(months)), np.zeros(len(months))
    found = SurvfuncRight(end, left, entry=entry, freq_weights=weight)
    at = np.searchsorted(found.surv_times, months + 1, side="right")
    with np.errstate(divide="ignore"):  # Greenwood's; with weights the library has Tsiatis's, which is smaller
        variance = np.cumsum(found.n_events / (found.n_risk * (found.n_risk - found.n_events)))
    closures = np.concatenate([[0.0], np.cumsum(found.n_events)])[at]
    survival, variance = np.concatenate([[1.0], found.surv_prob])[at], np.concatenate([[0.0], variance])[at]
    return survival, variance, np.diff(closures, prepend=0.0)


def _interval(survival: np.ndarray, variance: np.ndarray, at_risk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds of survival."""
    tail = (1 - LEVEL) / 2
    inside = (survival > 0) & (survival < 1)
    s = np.where(inside, survival, 0.5)
    width = Z * np.sqrt(np.where(inside, variance, 0.0)) / -np.log(s)
    lower, upper = s ** np.exp(width), s ** np.exp(-width)
    bound = tail ** (1 / at_risk)  # exact where nobody of so many left; its mirror where all did
    lower = np.select([inside, survival == 1], [lower, bound], 0.0)
    return lower, np.select([inside, survival == 1], [upper, 1.0], 1 - bound)


def _few_closures(events: np.ndarray, k: int) -> np.ndarray:
    """Say at which points closures since the last point shown are 1 to ``k`` - 1."""
    hidden, since = np.zeros(len(events), dtype=bool), 0.0
    for i, count in enumerate(events):
        since += count
        hidden[i] = 0 < since < k
        since = since if hidden[i] else 0.0
    return hidden
