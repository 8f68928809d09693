"""Participants against non-participants, as campaign reports are usually published: in one table, and month by month.

These are descriptions, not effects: people who join differ from those who do not.
"""

from typing import Any

import numpy as np
import pandas as pd

from bankmkt.experiment.estimate import Z95, column, groups, local, normal_interval
from bankmkt.experiment.window import Campaign, campaign, logins_of, members, month_end, month_number, month_start
from bankmkt.privacy import K, check_k

INDICATORS = {
    "aum": ("AUM per head", "yuan", "aum_0", "aum_end", "aum_end", "aum_year_ago", "aum_change"),
    "products": (
        "products per head", "count", "products_0", "products_end", "products_end", "products_year_ago",
        "products_change",
    ),
    "logins": (
        "monthly logins per head", "a month", "logins_before", "logins", "logins_end", "logins_year_ago", "logins",
    ),
}  # fmt: skip
"""Indicator: its label, unit, and the panel's columns before, after, in the last month, a year before that, and of
the outcome."""


def compare(panel: Any, *, k: int = K) -> pd.DataFrame:
    """Return the published-style table: how much faster participants grew than others.

    Growth is the mean per head after, over the mean per head before, minus 1. AUM and products are taken at month
    ends; logins are the monthly mean over the outcome window against that of the three months before the start.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`, in the engine or in memory.
    k
        Smallest group that may be shown.

    Returns
    -------
    pandas.DataFrame
        One row per indicator that the bank has data on: ``indicator``, ``label``, ``unit``; for ``participants`` and
        ``others`` each ``*_customers``, ``*_before``, ``*_after``, ``*_growth`` with ``*_growth_low`` and
        ``*_growth_high`` (95 % interval, delta method), ``*_year_on_year`` (level at the end over the same month a
        year before, minus 1, of those who were customers then); and ``ratio`` of the two growths with ``ratio_low``
        and ``ratio_high`` (Fieller's interval; missing where others' growth cannot be told from 0, the ratio where it
        is not positive).

    Raises
    ------
    Refused
        If a group has fewer than ``k`` customers.

    Examples
    --------
    >>> frame = pd.DataFrame({"participated": [True] * 10 + [False] * 10})
    >>> for name in ("aum", "products", "logins"):
    ...     for before, after in (INDICATORS[name][2:4], INDICATORS[name][5:3:-1]):
    ...         frame[before], frame[after] = 1.0, [1.3, 1.5] * 5 + [1.0, 1.2] * 5
    >>> compare(frame)[["indicator", "participants_growth", "others_growth", "ratio"]].round(2)
      indicator  participants_growth  others_growth  ratio
    0       aum                  0.4            0.1    4.0
    1  products                  0.4            0.1    4.0
    2    logins                  0.4            0.1    4.0
    """
    frame = local(panel)
    joined = groups(frame, "participated", k)
    rows = []
    for name, (label, unit, before, after, end, year_ago, _) in INDICATORS.items():
        if column(frame, after).isna().all():
            continue
        row: dict[str, Any] = {"indicator": name, "label": label, "unit": unit}
        growths = []
        for group, inside in (("participants", joined), ("others", ~joined)):
            first, last, old, new = (
                column(frame, x)[inside].to_numpy(float, na_value=np.nan) for x in (before, after, year_ago, end)
            )
            growth, se = relative_change(first, last)
            growths.append((growth, se))
            low, high = normal_interval(growth, se)
            known = ~np.isnan(old)
            enough = known.sum() >= k
            row |= {
                f"{group}_customers": int(inside.sum()),
                f"{group}_before": first.mean(), f"{group}_after": last.mean(),
                f"{group}_growth": growth, f"{group}_growth_low": low, f"{group}_growth_high": high,
                f"{group}_year_on_year": relative_change(old[known], new[known])[0] if enough else np.nan,
            }  # fmt: skip
        row["ratio"], row["ratio_low"], row["ratio_high"] = ratio_interval(*growths[0], *growths[1])
        rows.append(row)
    return pd.DataFrame(rows)


def relative_change(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Return mean(after) / mean(before) − 1 of the same customers, and its standard error (delta method).

    Examples
    --------
    >>> relative_change(np.array([1.0, 3.0]), np.array([2.0, 6.0]))
    (1.0, 0.0)
    """
    base = before.mean()
    if not base > 0:
        return np.nan, np.nan
    ratio = after.mean() / base
    return float(ratio - 1), float((after - ratio * before).std() / np.sqrt(len(before)) / base)


def ratio_interval(a: float, se_a: float, b: float, se_b: float) -> tuple[float, float, float]:
    """Return a/b of two independent estimates with Fieller's 95 % interval.

    The interval is missing where b cannot be told from 0 (the data allow any ratio), all three where b is not positive.

    Source: Fieller (1954), Journal of the Royal Statistical Society B 16.

    Examples
    --------
    >>> ratio_interval(4.0, 0.0, 2.0, 0.0)
    (2.0, 2.0, 2.0)
    """
    if not b > 0:
        return np.nan, np.nan, np.nan
    g = (Z95 * se_b / b) ** 2
    if g >= 1:
        return float(a / b), np.nan, np.nan
    half = Z95 / b * np.sqrt(se_a**2 * (1 - g) + (a / b * se_b) ** 2)
    return float(a / b), float((a / b - half) / (1 - g)), float((a / b + half) / (1 - g))


def monthly_path(bank: Any, name: str, *, org_id: int | None = None, before: int = 12, k: int = K) -> pd.DataFrame:
    """Return the monthly means of participants and others, from a year before the campaign to its end.

    Summed up in the engine; only the summary comes back.

    Parameters
    ----------
    bank, name, org_id
        As in :func:`bankmkt.experiment.panel`.
    before
        Months to look back from the baseline.
    k
        Where fewer customers stand behind a mean, it and their number are missing.

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
        half = Z95 * np.sqrt(variance / customers)
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
        part["customers"] = part["customers"].astype("Int64").where(enough)
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
