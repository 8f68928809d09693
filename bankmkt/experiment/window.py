"""A campaign's dates and terms, and who was in it."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from bankmkt.bank import check_bank
from bankmkt.errors import ParameterError, Refused, SchemaError, one_of
from bankmkt.months import month_end, month_number
from bankmkt.units import units_below

NEEDED = ("customers", "balances", "transactions", "campaigns", "assignments")
"""Tables without which no customer of a campaign can be described."""


@dataclass(frozen=True)
class Campaign:
    """The dates and terms of a campaign that its evaluation needs.

    ``baseline`` is the last month end before the start, ``end`` the first month end on or after the last day of the
    outcome window, ``months`` the number of calendar months between them.
    """

    campaign_id: int | str
    name: str
    objective: str
    assignment: str
    product: str | None
    outcome: str
    starts_on: date
    ends_on: date
    baseline: date
    end: date

    @property
    def months(self) -> int:
        """Length of the outcome window in calendar months."""
        return month_number(self.end) - month_number(self.baseline)


def outcome_window(starts_on: date, outcome_days: int) -> tuple[date, date]:
    """Return the baseline and the end of a campaign's outcome window.

    Parameters
    ----------
    starts_on, outcome_days
        As in the table ``campaigns``.

    Returns
    -------
    tuple
        The last month end before ``starts_on``, and the first month end on or after
        ``starts_on + outcome_days − 1`` days.

    Examples
    --------
    >>> outcome_window(date(2026, 1, 1), 181)
    (datetime.date(2025, 12, 31), datetime.date(2026, 6, 30))
    """
    last_day = starts_on + timedelta(days=outcome_days - 1)
    return month_end(month_number(starts_on) - 1), month_end(month_number(last_day))


def needs(bank: Any, *tables: str) -> None:
    """Check that ``bank`` is one and has the tables that its campaigns are evaluated from.

    Raises
    ------
    ParameterError
        If it is no bank.
    SchemaError
        If it lacks a table; all that are lacking are named.
    """
    lacking = [table for table in tables if not check_bank(bank).has(table)]
    if lacking:
        raise SchemaError(
            f"this needs the tables {', '.join(tables)}, and the bank lacks {', '.join(lacking)}",
            todo="add them as docs/own-data.md shows, or try it on bankmkt.demo_bank(), which has them",
        )


def campaign(bank: Any, name: int | str) -> Campaign:
    """Find a campaign and work out its outcome window.

    Parameters
    ----------
    bank
        An open bank.
    name
        Name of the campaign, or its number.

    Returns
    -------
    Campaign
        Its terms and dates.

    Raises
    ------
    ParameterError
        If ``bank`` is no bank, or has no such campaign, or several.
    SchemaError
        If the bank has no campaigns or no balances.
    Refused
        If the bank's balances do not reach from the baseline to the end of the outcome window.

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
    ... })
    >>> plan = campaign(bank, "spring")
    >>> plan.baseline, plan.end, plan.months
    (datetime.date(2025, 12, 31), datetime.date(2026, 1, 31), 1)
    """
    needs(bank, "campaigns", "balances")
    rows = bank.fetch(bank.campaigns.order_by("campaign_id")).to_pylist()
    found = [row for row in rows if row["name"] == name] or [row for row in rows if row["campaign_id"] == name]
    if len(found) != 1:
        names = one_of(row["name"] for row in rows) if rows else "a campaign of this bank, which has none"
        expected = f"{names}, each naming one campaign, or its campaign_id" if found else names
        raise ParameterError("campaign", name, expected, "the table campaigns lists them")
    (row,) = found
    starts_on, ends_on = row["starts_on"], row["ends_on"]
    baseline, end = outcome_window(starts_on, int(row["outcome_days"]))
    months = set(bank.months)
    for day in (baseline, end):
        if day not in months:
            raise Refused(
                f"balances of {day} (campaign {name})", "missing", "month ends before and after the campaign",
                "evaluate the campaign when the bank's data cover its outcome window",
            )  # fmt: skip
    return Campaign(
        row["campaign_id"], row["name"], row["objective"], row["assignment"], row["product"] or None, row["outcome"],
        starts_on, ends_on, baseline, end,
    )  # fmt: skip


def earlier(bank: Any, plan: Campaign, months: int) -> Campaign:
    """Move a campaign's outcome window so many months back.

    Raises
    ------
    ParameterError
        If ``months`` is no whole number from 0.
    Refused
        If the bank has no balances from then.
    """
    if isinstance(months, bool) or not isinstance(months, int) or months < 0:
        raise ParameterError("months_earlier", months, "a whole number from 0", "pass months_earlier=6")
    if months == 0:
        return plan
    baseline, end = (month_end(month_number(day) - months) for day in (plan.baseline, plan.end))
    for day in sorted({baseline, end} - set(bank.months)):
        raise Refused(f"balances of {day}", "missing", "month ends before the campaign", "look back fewer months")
    return replace(plan, baseline=baseline, end=end)


def members(bank: Any, plan: Campaign, org_id: int | str | None = None) -> Any:
    """Return the campaign's assignments, those of one unit's customers if ``org_id`` is given."""
    rows = bank.assignments.filter(bank.assignments.campaign_id == plan.campaign_id)
    if org_id is not None:
        customers = bank.customers.filter(bank.customers.org_id.isin(units_below(bank, org_id)))
        rows = rows.semi_join(customers, "customer_id")
    treated = rows.participated if plan.assignment == "open" else rows.arm != "control"
    return rows.select("customer_id", "arm", "propensity", "participated", treated=treated)


def logins_of(bank: Any, people: Any) -> Any:
    """Return the logins of these customers."""
    return bank.events.filter(bank.events.event == "login").semi_join(people, "customer_id")
