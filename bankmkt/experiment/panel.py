"""A campaign as a table: one row per customer, what was known before it and what happened in it.

Everything known before is read from ``bank.as_of(baseline)``, so nothing that the campaign changed can slip in among
the covariates. The table is one Ibis expression, computed in the engine.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from typing import Any

from bankmkt.experiment.window import NEEDED, Campaign, campaign, earlier, logins_of, members, needs
from bankmkt.months import month_end, month_number, month_of, month_start

HISTORY = 12
"""Months before the campaign that the covariates look back on."""

NUMERIC = (
    "aum_0", "aum_3", "aum_6", "aum_12", "aum_mean_6", "aum_mean_12",
    "products_0", "products_3", "products_12", "products_mean_6", "products_mean_12",
    "logins_1", "logins_2", "logins_3", "logins_4", "logins_5", "logins_6",
    "logins_before", "logins_mean_6", "logins_mean_12",
    "transactions_3", "salary_3", "spend_3", "inflow_3", "outflow_3", "contacts_90", "tenure_months", "app_months",
    "age", "risk_level", "is_payroll", "has_car", "has_home", "has_manager",
)  # fmt: skip
"""Covariates that are numbers; yes is 1 and no is 0."""

CATEGORICAL = ("gender", "occupation", "city_tier", "acquired_via")
"""Covariates that are names."""

COVARIATES = NUMERIC + CATEGORICAL
"""Columns of the panel known before the campaign began, in order."""


def panel(bank: Any, name: int | str, *, org_id: int | str | None = None, months_earlier: int = 0) -> Any:
    """Describe every customer of a campaign before it, and what happened to them in it.

    Parameters
    ----------
    bank
        An open bank.
    name
        Name of the campaign, or its number.
    org_id
        Keep the customers of this unit and the units below it; None for the whole bank.
    months_earlier
        Pretend that the campaign was held so many months before; who took part stays the same.

    Returns
    -------
    ibis.Table
        One row per customer of the campaign, sorted by ``customer_id``:

        - ``customer_id``, ``arm``, ``propensity``, ``participated``; ``treated`` is participation in an open
          campaign and being in any arm but control elsewhere;
        - the covariates :data:`COVARIATES`, known at the baseline. ``aum_3`` is the balance three months before it
          (null if not yet a customer), ``aum_mean_12`` the mean of the last twelve month ends, ``logins_1`` the
          logins in the last month, ``logins_before``, ``logins_mean_6`` and ``logins_mean_12`` the monthly mean
          of the last three, six and twelve months, amounts ``*_3`` yuan a month over the last three months;
        - the outcomes ``aum_change``, ``products_change``, ``logins`` (a month) and ``conversion`` as
          ``docs/synthetic-bank.md`` defines them;
        - levels at the end and a year before it: ``aum_end``, ``products_end``, ``logins_end`` (last month),
          ``aum_year_ago``, ``products_year_ago``, ``logins_year_ago`` (null if not yet a customer).

    Raises
    ------
    ParameterError
        If ``bank`` is no bank, the campaign or the unit is unknown, or ``months_earlier`` is no number from 0.
    SchemaError
        If the bank lacks a table that the panel is made from.
    Refused
        If the bank's months do not cover the outcome window.

    Examples
    --------
    >>> import pandas as pd
    >>> from bankmkt import open_bank
    >>> from bankmkt.schema import PRODUCTS
    >>> people = pd.DataFrame({"customer_id": range(1, 41), "opened_on": pd.Timestamp("2020-01-01"), "org_id": 1})
    >>> months = pd.DataFrame({"month": pd.to_datetime(["2025-12-31", "2026-01-31"])})
    >>> balances = people[["customer_id"]].merge(months, how="cross").assign(**dict.fromkeys(PRODUCTS, 0.0), products=1)
    >>> balances["demand"] = balances["aum"] = 100.0 * balances["customer_id"] + balances["month"].dt.month
    >>> took_part = people["customer_id"] % 2 == 0
    >>> start = pd.Timestamp("2026-01-01")
    >>> bank = open_bank({
    ...     "customers": people, "balances": balances,
    ...     "campaigns": pd.DataFrame({
    ...         "campaign_id": [1], "name": "spring", "objective": "more assets", "business_line": "deposits",
    ...         "kind": "routine", "org_id": 1, "starts_on": start, "ends_on": pd.Timestamp("2026-01-31"),
    ...         "budget": 1.0, "assignment": "open", "outcome": "aum_change", "outcome_days": 31}),
    ...     "assignments": pd.DataFrame({
    ...         "campaign_id": 1, "customer_id": people["customer_id"], "arm": "open", "assigned_on": start,
    ...         "participated": took_part, "participated_on": pd.Series(start, people.index).where(took_part)}),
    ...     "transactions": pd.DataFrame({
    ...         "transaction_id": [1], "customer_id": 1, "ts": start, "kind": "fee", "amount": -1.0,
    ...         "product": "demand"}),
    ... })
    >>> panel(bank, "spring").to_pandas()[["customer_id", "participated", "aum_0", "aum_change"]].head(2)
       customer_id  participated  aum_0  aum_change
    0            1         False  112.0       -11.0
    1            2          True  212.0       -11.0
    """
    needs(bank, *NEEDED)
    plan = earlier(bank, campaign(bank, name), months_earlier)
    return described(bank, plan, members(bank, plan, org_id))


def described(bank: Any, plan: Campaign, people: Any) -> Any:
    """Return the panel of people whose ``customer_id``, arm, propensity and participation are given."""
    import ibis

    past = bank.as_of(plan.baseline)
    parts = [
        _traits(past, plan), _balances_before(past, people, plan), _flows_before(past, people, plan),
        *_logins_before(past, people, plan), *_contacts_before(past, people, plan),
        _balances_after(bank, people, plan), *_logins_after(bank, people, plan),
    ]  # fmt: skip
    table = reduce(_attach, parts, people)
    return _finish(table, plan, ibis).order_by("customer_id")


def _attach(left: Any, right: Any) -> Any:
    return left.left_join(right, "customer_id").drop("customer_id_right")


def _traits(past: Any, plan: Campaign) -> Any:
    t, now = past.customers, month_number(plan.baseline)
    return t.select(
        "customer_id", "gender", "occupation", "city_tier", "acquired_via", "risk_level", "is_payroll", "has_car",
        "has_home",
        has_manager=t.manager_id.notnull(),
        age=plan.baseline.year - t.birth_date.year(),
        tenure_months=now - month_of(t.opened_on),
        app_months=now - month_of(t.app_registered_on),
    )  # fmt: skip


def _balances_before(past: Any, people: Any, plan: Campaign) -> Any:
    now = month_number(plan.baseline)
    t = past.balances.filter(past.balances.month >= month_end(now - HISTORY)).semi_join(people, "customer_id")
    year = t.month > month_end(now - HISTORY)
    measures = {f"aum_{j}": t.aum.sum(where=t.month == month_end(now - j)) for j in (0, 3, 6, 12)}
    measures |= {f"products_{j}": t.products.sum(where=t.month == month_end(now - j)) for j in (0, 3, 12)}
    for length in (6, 12):
        lately = t.month > month_end(now - length)
        measures |= {f"{x}_mean_{length}": t[x].mean(where=lately) for x in ("aum", "products")}
    measures["months_known"] = t.aum.count(where=year)
    if plan.product:
        measures["held"] = t[plan.product].max(where=t.month == plan.baseline)
    return t.group_by("customer_id").aggregate(**measures)


def _flows_before(past: Any, people: Any, plan: Campaign) -> Any:
    t = past.transactions
    t = t.filter(t.ts.date() >= month_start(month_number(plan.baseline) - 2)).semi_join(people, "customer_id")

    def monthly(kinds: Iterable[str]) -> Any:
        return t.amount.abs().sum(where=t.kind.isin(tuple(kinds))) / 3

    return t.group_by("customer_id").aggregate(
        transactions_3=t.count(where=t.channel.fill_null("") != "auto") / 3,
        salary_3=monthly(["salary"]),
        spend_3=monthly(["spend", "bill"]),
        inflow_3=monthly(["transfer_in", "cash_in"]),
        outflow_3=monthly(["transfer_out", "cash_out"]),
    )


def _in_month(t: Any, number: int) -> Any:
    return (t.ts.date() >= month_start(number)) & (t.ts.date() <= month_end(number))


def _logins_before(past: Any, people: Any, plan: Campaign) -> list[Any]:
    if not past.has("events"):
        return []
    now, t = month_number(plan.baseline), logins_of(past, people)
    t = t.filter(t.ts.date() >= month_start(now - HISTORY + 1))
    measures = {f"logins_{j}": t.count(where=_in_month(t, now + 1 - j)) for j in range(1, 7)}
    return [t.group_by("customer_id").aggregate(logins_year=t.count(), **measures)]


def _contacts_before(past: Any, people: Any, plan: Campaign) -> list[Any]:
    if not past.has("contacts"):
        return []
    t = past.contacts
    t = t.filter(t.ts.date() > plan.baseline - timedelta(days=90)).semi_join(people, "customer_id")
    return [t.group_by("customer_id").aggregate(contacts_90=t.count())]


def _balances_after(bank: Any, people: Any, plan: Campaign) -> Any:
    year_ago = month_end(month_number(plan.end) - 12)
    t = bank.balances
    t = t.filter((t.month > plan.baseline) & (t.month <= plan.end) | (t.month == year_ago))
    t = t.semi_join(people, "customer_id")
    measures = {
        "aum_end": t.aum.sum(where=t.month == plan.end),
        "products_end": t.products.sum(where=t.month == plan.end),
        "aum_year_ago": t.aum.sum(where=t.month == year_ago),
        "products_year_ago": t.products.sum(where=t.month == year_ago),
    }
    if plan.product:
        measures["bought"] = t[plan.product].max(where=t.month > plan.baseline)
    return t.group_by("customer_id").aggregate(**measures)


def _logins_after(bank: Any, people: Any, plan: Campaign) -> list[Any]:
    if not bank.has("events"):
        return []
    now, end, t = month_number(plan.baseline), month_number(plan.end), logins_of(bank, people)
    t = t.filter(t.ts.date() >= month_start(min(now + 1, end - 12)), t.ts.date() <= plan.end)
    return [
        t.group_by("customer_id").aggregate(
            logins_after=t.count(where=t.ts.date() > plan.baseline),
            logins_end=t.count(where=_in_month(t, end)),
            logins_same_month=t.count(where=_in_month(t, end - 12)),
        )
    ]


def _finish(table: Any, plan: Campaign, ibis: Any) -> Any:
    """Turn what was counted into the panel's columns: counts of nothing are 0, outcomes are differences."""
    present = set(table.columns)

    def counted(name: str, share: float = 1) -> Any:
        return table[name].fill_null(0).cast("float64") / share if name in present else ibis.null("float64")

    aum_0, products_0 = counted("aum_0"), counted("products_0")
    bought: Any
    if plan.product:
        bought = (table.held.fill_null(0.0) == 0) & (table.bought.fill_null(0.0) > 0)
    else:
        bought = counted("logins_end") >= 1
    recent = {f"logins_{j}": counted(f"logins_{j}") for j in range(1, 7)}
    known = ibis.greatest(table.months_known.fill_null(1), 1).cast("float64")
    flows = ("transactions_3", "salary_3", "spend_3", "inflow_3", "outflow_3")
    table = table.mutate(
        aum_0=aum_0, products_0=products_0, aum_end=counted("aum_end"), products_end=counted("products_end"),
        **recent, **{name: counted(name) for name in (*flows, "contacts_90", "logins_end")},
        logins_before=(recent["logins_1"] + recent["logins_2"] + recent["logins_3"]) / 3,
        logins_mean_6=sum(recent.values()) / ibis.least(known, 6),
        logins_mean_12=counted("logins_year") / known,
        logins_year_ago=ibis.ifelse(table.aum_year_ago.notnull(), counted("logins_same_month"), None),
        aum_change=(counted("aum_end") - aum_0).round(2),
        products_change=counted("products_end") - products_0,
        logins=counted("logins_after", plan.months),
        conversion=bought.cast("float64"),
    )  # fmt: skip
    ends = ("aum_end", "products_end", "logins_end", "aum_year_ago", "products_year_ago", "logins_year_ago")
    outcomes = ("aum_change", "products_change", "logins", "conversion")
    numbers = {name: table[name].cast("float64") for name in (*NUMERIC, *outcomes, *ends)}
    order = ("customer_id", "arm", "propensity", "participated", "treated", *COVARIATES, *outcomes, *ends)
    return table.mutate(**numbers).select(*order)
