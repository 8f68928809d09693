"""The facts of retail banking that the synthetic bank meets; tolerances are three standard errors or more."""

import numpy as np
import pytest

from bankmkt.schema import PRODUCTS


@pytest.fixture(scope="module")
def year(ask):
    """A row per customer of June 2025, with what became of it in the twelve months after."""
    return ask("""
        SELECT b.*, c.opened_on, c.closed_on, c.is_payroll,
               date_diff('month', c.opened_on, DATE '2025-06-30') < 12 AS recent,
               c.closed_on IS NOT NULL AS left_bank,
               (SELECT count(*) FROM events e WHERE e.customer_id = b.customer_id AND e.event = 'login'
                AND e.ts >= DATE '2025-04-01' AND e.ts < DATE '2025-07-01') > 0 AS active
        FROM balances b JOIN customers c USING (customer_id) WHERE b.month = DATE '2025-06-30'
    """)


def test_the_long_tail_is_four_customers_in_five(ask):
    share = ask("SELECT month, avg((aum < 50000)::INT) AS share FROM balances GROUP BY month").share
    assert share.between(0.77, 0.83).all(), share.describe()


def test_the_top_two_percent_hold_most(ask):
    share = ask("""
        WITH ranked AS (SELECT month, aum, percent_rank() OVER (PARTITION BY month ORDER BY aum) AS p FROM balances)
        SELECT month, sum(aum) FILTER (p >= 0.98) / sum(aum) AS share FROM ranked GROUP BY month
    """).share
    assert (share >= 0.60).all()
    assert (share <= 0.85).all()


def test_a_third_of_the_customers_use_the_app_in_a_month(ask):
    share = ask("""
        SELECT b.month, count(e.customer_id) / count(*) AS share FROM balances b
        LEFT JOIN (SELECT DISTINCT customer_id, last_day(ts) AS month FROM events WHERE event = 'login') e
        USING (customer_id, month) GROUP BY b.month
    """).share
    assert share.between(0.30, 0.40).all(), share.describe()


def test_products_run_from_one_to_eight_with_a_mean_near_two_and_a_half(ask):
    months = ask("SELECT month, min(products) lo, max(products) hi, avg(products) mean FROM balances GROUP BY month")
    assert (months.lo == 1).all()
    assert months.hi.max() == 8
    assert months["mean"].between(2.25, 2.85).all(), months
    assert months["mean"].mean() == pytest.approx(2.6, abs=0.15)


def test_attrition_is_five_to_ten_percent_a_year(ask):
    """Closings of each half year over customer-years lived in it."""
    rate = ask("""
        SELECT half, closings / (lived / 12.0) AS rate FROM
          (SELECT year(month) || '-' || (month(month) > 6) AS half, count(*) AS lived FROM balances GROUP BY half)
          JOIN (SELECT year(closed_on) || '-' || (month(closed_on) > 6) AS half, count(*) AS closings
                FROM customers WHERE closed_on IS NOT NULL GROUP BY half) USING (half)
    """).rate
    assert len(rate) == 4
    assert rate.mean() > 0.05
    assert rate.between(0.045, 0.10).all(), rate


@pytest.mark.parametrize(("trait", "times"), [("recent", 1.5), ("inactive", 1.2)])
def test_recent_and_inactive_customers_leave_more(year, trait, times):
    mask = year.recent if trait == "recent" else ~year.active
    there, rest = year[mask], year[~mask]
    p, q = there.left_bank.mean(), rest.left_bank.mean()
    error = np.sqrt(p * (1 - p) / len(there) + q * (1 - q) / len(rest))
    assert p - q > 3 * error
    assert p / q > times


def test_payroll_customers_have_a_monthly_inflow(ask):
    months = ask("""
        SELECT count(s.customer_id) / count(*) AS share FROM balances b JOIN customers c USING (customer_id)
        LEFT JOIN (SELECT DISTINCT customer_id, last_day(ts) AS month FROM transactions WHERE kind = 'salary') s
        USING (customer_id, month) WHERE c.is_payroll
    """)
    assert months.share[0] > 0.999
    others = ask("SELECT count(*) n FROM transactions JOIN customers USING (customer_id) "
                 "WHERE kind = 'salary' AND NOT is_payroll")  # fmt: skip
    assert others.n[0] == 0


def test_seasons_show_in_spending(ask):
    day = (
        ask("""
        SELECT ts::DATE AS day, count(*) AS n FROM transactions WHERE kind = 'spend' GROUP BY day
    """)
        .set_index("day")
        .n
    )
    day.index = day.index.astype("datetime64[s]")
    november = day["2025-11"]
    assert november.idxmax().day == 11
    assert november.max() > 1.8 * november.median()
    festival = ask("SELECT month(ts) AS m, year(ts) AS y, count(*) AS n FROM transactions "
                   "WHERE kind = 'spend' GROUP BY ALL").set_index(["y", "m"]).n  # fmt: skip
    assert festival[2026, 2] / 28 > 1.1 * festival[2026, 3] / 31


def test_branches_close_at_night_and_weekends_differ(ask):
    counter = ask("SELECT hour(ts) AS h, count(*) AS n FROM contacts GROUP BY h").set_index("h").n
    assert set(counter.index) <= set(range(8, 18))
    weekend = ask("SELECT dayofweek(ts) IN (0, 6) AS weekend, count(*) / count(DISTINCT ts::DATE) AS a_day "
                  "FROM contacts GROUP BY weekend").set_index("weekend").a_day  # fmt: skip
    assert weekend[True] < 0.75 * weekend[False]


def test_amounts_have_a_heavy_tail(ask):
    q = ask("SELECT quantile_cont(-amount, [0.5, 0.99]) AS q FROM transactions "
            "WHERE kind = 'spend' AND product = 'demand'").q[0]  # fmt: skip
    assert q[1] / q[0] > 12


def test_traits_go_together(ask):
    r = ask("""
        SELECT corr(ln(1 + b.aum), date_diff('year', birth_date, DATE '2026-06-30')) AS age,
               corr(ln(1 + b.aum), b.products) AS products FROM balances b JOIN customers USING (customer_id)
        WHERE b.month = DATE '2026-06-30'
    """)
    assert r.age[0] > 0.1
    assert r.products[0] > 0.2
    young = ask("SELECT avg((app_registered_on IS NOT NULL)::INT) AS p, birth_date > DATE '1990-01-01' AS young "
                "FROM customers GROUP BY young").set_index("young").p  # fmt: skip
    assert young[True] > young[False] + 0.2


def test_every_product_and_stage_of_life_is_there(ask):
    held = ask(f"SELECT {', '.join(f'avg(({p} > 0)::INT) AS {p}' for p in PRODUCTS)} FROM balances").iloc[0]
    assert held["demand"] == 1
    assert (held > 0.01).all()
    opened = ask("SELECT count(*) AS n FROM customers WHERE opened_on >= DATE '2024-07-01'").n[0]
    assert opened / 20_000 == pytest.approx(0.16, abs=0.01)
