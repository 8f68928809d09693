"""Participants against non-participants, month by month."""

from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import Z
from bankmkt.experiment.window import Campaign, campaign, logins_of, members, needs
from bankmkt.months import month_end, month_number, month_of, month_start
from bankmkt.privacy import K, check_k, discloses


def monthly_path(
    bank: Any, name: str, *, org_id: int | str | None = None, before: int = 12, k: int = K
) -> pd.DataFrame:
    """Return the monthly means of participants and others, from a year before the campaign to its end.

    Summed up in the engine; only the summary comes back.

    Parameters
    ----------
    bank, name, org_id
        As in :func:`bankmkt.experiment.panel`.
    before
        Months to look back from the baseline.
    k
        Where fewer customers stand behind a mean, it and their number are missing; the number also where it would
        tell that 1 to k − 1 of the group were not customers yet.

    Returns
    -------
    pandas.DataFrame
        ``indicator`` (aum, products, logins), ``participated``, ``month`` (its last day), ``months_after`` (the
        baseline, negative before it), ``customers``, ``mean``, ``ci_low``, ``ci_high`` (95 %). Up to the baseline a
        customer counts from the month of arrival; after it everybody counts, and one who left counts 0.

    Raises
    ------
    ParameterError, SchemaError, Refused
        As :func:`bankmkt.experiment.panel`.

    Examples
    --------
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
    >>> monthly_path(bank, "spring")[["indicator", "participated", "months_after", "customers", "mean"]].head(4)
      indicator  participated  months_after  customers    mean
    0       aum          True             0         20  2112.0
    1       aum          True             1         20  2101.0
    2       aum         False             0         20  2012.0
    3       aum         False             1         20  2001.0
    """
    check_k(k)
    needs(bank, "campaigns", "balances", "assignments")
    plan = campaign(bank, name)
    people = members(bank, plan, org_id).select("customer_id", "participated")
    first = month_number(plan.baseline) - before
    sums = [_balance_sums(bank, people, plan, first)]
    if bank.has("events"):
        sums.append(_login_sums(bank, people, plan, first))
    sizes = bank.frame(people.group_by("participated").aggregate(size=people.count()))
    table = sums[0].merge(sizes, on="participated")
    if len(sums) > 1:
        table = table.merge(sums[1], how="left", on=["number", "participated"]).fillna({"logins": 0, "logins_sq": 0})
    after = table["number"] > month_number(plan.baseline)
    customers = table["known"].where(~after, table["size"]).astype("int64")
    parts = []
    for indicator in [c for c in ("aum", "products", "logins") if c in table]:
        mean = table[indicator] / customers
        variance = (table[f"{indicator}_sq"] / customers - mean**2).clip(lower=0)
        half = Z * np.sqrt(variance / customers)
        part = pd.DataFrame(
            {
                "indicator": indicator,
                "participated": table["participated"].astype(bool),
                "month": [month_end(int(number)) for number in table["number"]],
                "months_after": table["number"] - month_number(plan.baseline),
                "customers": customers,
                "mean": mean, "ci_low": mean - half, "ci_high": mean + half,
            }
        )  # fmt: skip
        enough = customers >= k
        part = part.assign(**{x: part[x].where(enough) for x in ("mean", "ci_low", "ci_high")})
        part["customers"] = part["customers"].astype("Int64").where(enough & ~discloses(customers, table["size"], k))
        parts.append(part.sort_values(["participated", "month"], ascending=[False, True]))
    return pd.concat(parts, ignore_index=True)


def _balance_sums(bank: Any, people: Any, plan: Campaign, first: int) -> pd.DataFrame:
    t = bank.balances
    t = t.filter((t.month >= month_end(first)) & (t.month <= plan.end)).inner_join(people, "customer_id")
    aum, products = t.aum, t.products.cast("float64")
    sums = t.group_by(number=month_of(t.month), participated=t.participated).aggregate(
        known=t.count(), aum=aum.sum(), aum_sq=(aum * aum).sum(),
        products=products.sum(), products_sq=(products * products).sum(),
    )  # fmt: skip
    return bank.frame(sums)


def _login_sums(bank: Any, people: Any, plan: Campaign, first: int) -> pd.DataFrame:
    t = logins_of(bank, people)
    t = t.filter(t.ts.date() >= month_start(first), t.ts.date() <= plan.end)
    months = t.group_by("customer_id", number=month_of(t.ts)).aggregate(n=t.count())
    months = months.inner_join(people, "customer_id").mutate(n=lambda m: m.n.cast("float64"))
    sums = months.group_by("number", "participated").aggregate(
        logins=months.n.sum(), logins_sq=(months.n * months.n).sum()
    )
    return bank.frame(sums)
