"""The tables of a synthetic bank tell one story."""

import numpy as np
import pytest

from bankmkt.schema import ASSETS, PRODUCTS
from bankmkt.synth.simulate import Plan, advance, new_block


@pytest.mark.parametrize("product", PRODUCTS)
def test_balances_are_the_ones_before_plus_the_movements_to_the_cent(ask, product):
    """Customers' first month end apart: of old customers it is where the history begins."""
    wrong = ask(f"""
        WITH moved AS (SELECT customer_id, last_day(ts) AS month, sum(round(amount * 100)::BIGINT) AS cents
                       FROM transactions WHERE product = '{product}' GROUP BY ALL),
             ends AS (SELECT customer_id, month, round({product} * 100)::BIGINT AS cents,
                             lag(round({product} * 100)::BIGINT)
                             OVER (PARTITION BY customer_id ORDER BY month) AS before
                      FROM balances)
        SELECT count(*) AS n FROM ends JOIN customers c USING (customer_id)
        LEFT JOIN moved m USING (customer_id, month)
        WHERE (before IS NOT NULL OR c.opened_on >= DATE '2024-07-01')
          AND ends.cents <> coalesce(before, 0) + coalesce(m.cents, 0)
    """)
    assert wrong.n[0] == 0


def test_those_who_leave_take_everything_along(ask):
    wrong = ask("""
        WITH last AS (SELECT customer_id, arg_max(aum - loan - card_balance, month) AS net FROM balances GROUP BY 1),
             out AS (SELECT customer_id, sum(CASE WHEN product IN ('loan', 'card_balance') THEN -amount ELSE amount END)
                     AS moved FROM transactions JOIN customers USING (customer_id)
                     WHERE closed_on IS NOT NULL AND last_day(ts) = last_day(closed_on) GROUP BY 1)
        SELECT count(*) AS n, count(*) FILTER (abs(net + moved) > 0.005) AS wrong
        FROM last JOIN out USING (customer_id)
    """)
    assert wrong.n[0] > 500
    assert wrong.wrong[0] == 0


def test_products_count_the_balances_that_are_not_zero(ask):
    count = " + ".join(f"({p} <> 0)::INT" for p in PRODUCTS)
    assert ask(f"SELECT count(*) AS n FROM balances WHERE products <> {count}").n[0] == 0
    total = " + ".join(f"round({a} * 100)::BIGINT" for a in ASSETS)
    assert ask(f"SELECT count(*) AS n FROM balances WHERE round(aum * 100)::BIGINT <> {total}").n[0] == 0


def test_logins_in_events_are_the_activity_the_simulation_used(ask):
    block = new_block(Plan(7, "2024-07", 24), 0)
    for _ in range(3):
        step = advance(block)
        seen = ask(f"""
            SELECT customer_id, count(*) AS n FROM events WHERE event = 'login' AND customer_id <= 10000
            AND ts >= DATE '{step.month.first}' AND ts < DATE '{step.month.last}' + 1 GROUP BY 1
        """)
        logins = np.zeros(10_001)
        logins[seen.customer_id.astype(int)] = seen.n
        np.testing.assert_array_equal(logins[1:], step.activity.logins)


def test_nobody_acts_before_opening_or_after_closing(ask):
    for table in ("transactions", "events", "contacts"):
        early = ask(f"""
            SELECT count(*) FILTER (t.ts < c.opened_on) AS early,
                   count(*) FILTER (t.ts::DATE > c.closed_on) AS late
            FROM {table} t JOIN customers c USING (customer_id)
        """)
        assert (early.early[0], early.late[0]) == (0, 0), table
    ends = ask("SELECT count(*) AS n FROM balances JOIN customers USING (customer_id) "
               "WHERE month < opened_on OR month >= closed_on")  # fmt: skip
    assert ends.n[0] == 0


def test_nobody_logs_in_before_signing_up(ask):
    early = ask("SELECT count(*) AS n FROM events JOIN customers USING (customer_id) "
                "WHERE event = 'login' AND (app_registered_on IS NULL OR ts < app_registered_on)")  # fmt: skip
    assert early.n[0] == 0


def test_no_event_of_a_campaign_outside_its_dates(ask):
    for table in ("events", "contacts"):
        n = ask(f"SELECT count(*) AS n, count(*) FILTER (ts::DATE NOT BETWEEN starts_on AND ends_on) AS wrong "
                f"FROM {table} JOIN campaigns USING (campaign_id)")  # fmt: skip
        assert n.n[0] > 10_000
        assert n.wrong[0] == 0


def test_participation_shows_in_the_events(ask):
    """A `campaign_join` event for each participant, at the time in `assignments`, and for nobody else."""
    wrong = ask("""
        SELECT count(*) AS n FROM
          (SELECT campaign_id, customer_id, participated_on FROM assignments WHERE participated) a
          FULL JOIN (SELECT campaign_id, customer_id, ts::DATE AS day FROM events WHERE event = 'campaign_join') e
          ON a.campaign_id = e.campaign_id AND a.customer_id = e.customer_id AND a.participated_on = e.day
        WHERE a.campaign_id IS NULL OR e.campaign_id IS NULL
    """)
    assert wrong.n[0] == 0


def test_files_are_sorted_by_customer_and_time(folder, ask):
    for table in ("transactions", "events"):
        for part in sorted((folder / table).glob("*.parquet")):
            who = "customer_id" if table == "transactions" else "visitor_id"
            n = ask(f"""
                SELECT count(*) AS n FROM
                (SELECT {who} AS who, ts, lag({who}) OVER w AS before, lag(ts) OVER w AS earlier
                FROM (SELECT *, row_number() OVER () AS i FROM read_parquet('{part}')) WINDOW w AS (ORDER BY i))
                WHERE who = before AND ts < earlier
            """)
            assert n.n[0] == 0
    spread = ask("SELECT count(*) AS n FROM (SELECT customer_id <> lag(customer_id) OVER (ORDER BY transaction_id) "
                 "AS changes FROM transactions) WHERE changes")  # fmt: skip
    assert spread.n[0] == ask("SELECT count(DISTINCT customer_id) AS n FROM transactions").n[0] - 1
