"""What is known of every customer on a day, described as in a campaign's panel: for scoring those who were in none."""

import datetime as dt
from typing import Any

from bankmkt.bank import check_bank
from bankmkt.errors import Refused
from bankmkt.experiment.panel import COVARIATES, described
from bankmkt.experiment.window import Campaign, needs
from bankmkt.lookback import parse_date
from bankmkt.months import last_month_end, month_end, month_number


def covariates(bank: Any, as_of: dt.date | str) -> Any:
    """Describe every open customer as :func:`bankmkt.experiment.panel` describes those of a campaign before it.

    Parameters
    ----------
    bank
        An open bank.
    as_of
        The day; what is known is that of the last month end until then.

    Returns
    -------
    ibis.Table
        A row per customer who has not left, with ``customer_id`` and the panel's covariates.

    Raises
    ------
    ParameterError
        If ``bank`` is no bank or the day is none.
    SchemaError
        If the bank lacks a table that customers are described from.
    Refused
        If the bank has no balances of that month end.

    Examples
    --------
    >>> import bankmkt as bm
    >>> known = covariates(bm.demo_bank(), "2026-06-30")
    >>> known.columns[:3]
    ('customer_id', 'aum_0', 'aum_3')
    """
    import ibis

    check_bank(bank)
    needs(bank, "customers", "balances", "transactions")
    day = last_month_end(parse_date("as_of", as_of))
    if day not in bank.months:
        raise Refused(f"balances of {day}", "missing", "a month end that the bank has", "name another day")
    past = bank.as_of(day)
    nothing: Any = ibis.null("float64")
    people = past.customers.filter(past.customers.closed_on.isnull()).select(
        "customer_id", arm=ibis.null("string"), propensity=nothing, participated=False, treated=False
    )
    next_month = month_end(month_number(day) + 1)  # of which a bank as of this day knows nothing
    plan = Campaign(0, "", "", "open", None, "conversion", day, day, day, next_month)
    return described(past, plan, people).select("customer_id", *COVARIATES)
