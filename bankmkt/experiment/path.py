"""Month by month: participants and non-participants before and during a campaign."""

from typing import Any

import numpy as np
import pandas as pd

from bankmkt.experiment.estimate import normal_interval
from bankmkt.experiment.window import Campaign, campaign, logins_of, members, month_end, month_number, month_start


def monthly_path(bank: Any, name: str, *, org_id: int = 0, before: int = 12, k: int = 10) -> pd.DataFrame:
    """Return the monthly means of participants and others, from a year before the campaign to its end.

    Summed up in the engine; only the summary comes back.

    Parameters
    ----------
    bank, name, org_id
        As in :func:`bankmkt.experiment.panel`.
    before
        Months to look back from the baseline.
    k
        A mean over fewer customers is missing.

    Returns
    -------
    pandas.DataFrame
        ``indicator`` (aum, products, logins), ``participated``, ``month`` (its last day), ``months_after`` (the
        baseline, negative before it), ``customers``, ``mean``, ``ci_low``, ``ci_high`` (95 %). Up to the baseline a
        customer counts from the month of arrival; after it everybody counts, and one who left counts 0.

    Raises
    ------
    ParameterError, Refused
        As :func:`bankmkt.experiment.panel`.

    Examples
    --------
    >>> monthly_path(bank, "growth_journey").query("indicator == 'aum'")  # doctest: +SKIP
    """
    plan = campaign(bank, name)
    people = members(bank, plan, org_id).select("customer_id", "participated")
    first = month_number(plan.baseline) - before
    sums = [_balance_sums(bank, people, plan, first)]
    if bank.has("events"):
        sums.append(_login_sums(bank, people, plan, first))
    sizes = people.group_by("participated").aggregate(size=people.count()).to_pandas()
    table = sums[0].merge(sizes, on="participated")
    if len(sums) > 1:
        table = table.merge(sums[1], how="left", on=["number", "participated"]).fillna({"logins": 0, "logins_sq": 0})
    after = table["number"] > month_number(plan.baseline)
    customers = table["known"].where(~after, table["size"]).astype("int64")
    parts = []
    for indicator in [c for c in ("aum", "products", "logins") if c in table]:
        mean = table[indicator] / customers
        variance = (table[f"{indicator}_sq"] / customers - mean**2).clip(lower=0)
        half = normal_interval(0.0, 1.0)[1] * np.sqrt(variance / customers)
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
        part.loc[part["customers"] < k, ["mean", "ci_low", "ci_high"]] = np.nan
        parts.append(part.sort_values(["participated", "month"], ascending=[False, True]))
    return pd.concat(parts, ignore_index=True)


def _balance_sums(bank: Any, people: Any, plan: Campaign, first: int) -> pd.DataFrame:
    t = bank.balances
    t = t.filter((t.month >= month_end(first)) & (t.month <= plan.end)).inner_join(people, "customer_id")
    aum, products = t.aum, t.products.cast("float64")
    return (
        t.group_by(number=t.month.year() * 12 + t.month.month() - 1, participated=t.participated)
        .aggregate(
            known=t.count(), aum=aum.sum(), aum_sq=(aum * aum).sum(),
            products=products.sum(), products_sq=(products * products).sum(),
        )
        .to_pandas()
    )  # fmt: skip


def _login_sums(bank: Any, people: Any, plan: Campaign, first: int) -> pd.DataFrame:
    t = logins_of(bank, people)
    t = t.filter(t.ts.date() >= month_start(first), t.ts.date() <= plan.end)
    months = t.group_by("customer_id", number=t.ts.year() * 12 + t.ts.month() - 1).aggregate(n=t.count())
    months = months.inner_join(people, "customer_id").mutate(n=lambda m: m.n.cast("float64"))
    return (
        months.group_by("number", "participated")
        .aggregate(logins=months.n.sum(), logins_sq=(months.n * months.n).sum())
        .to_pandas()
    )
