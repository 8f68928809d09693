"""Campaigns: what is observed follows from the arm, and the truth holds both arms."""

import numpy as np
import pytest
from scipy import stats

OBSERVED = """
    WITH a AS (SELECT * FROM assignments JOIN campaigns USING (campaign_id) WHERE campaign_id = {id}),
    base AS (SELECT max(month) AS month FROM balances WHERE month < (SELECT min(starts_on) FROM a)),
    fin AS (SELECT min(month) AS month FROM balances
            WHERE month >= (SELECT min(starts_on) + CAST(min(outcome_days) - 1 AS INT) FROM a)),
    b0 AS (SELECT * FROM balances WHERE month = (FROM base)),
    b1 AS (SELECT * FROM balances WHERE month = (FROM fin)),
    span AS (SELECT datediff('month', (FROM base), (FROM fin)) AS months),
    l AS (SELECT customer_id, count(*) AS n, count(*) FILTER (last_day(ts) = (FROM fin)) AS late FROM events
          WHERE event = 'login' AND ts::DATE > (FROM base) AND ts::DATE <= (FROM fin) GROUP BY 1),
    p AS (SELECT customer_id, max({product}) AS top FROM balances
          WHERE month > (FROM base) AND month <= (FROM fin) GROUP BY 1)
    SELECT a.customer_id, a.arm, a.participated,
           round(coalesce(b1.aum, 0) - b0.aum, 2) AS aum_change,
           coalesce(b1.products, 0) - b0.products AS products_change,
           coalesce(l.n, 0) / (FROM span) AS logins,
           {conversion} AS conversion
    FROM a JOIN b0 USING (customer_id) LEFT JOIN b1 USING (customer_id) LEFT JOIN l USING (customer_id)
    LEFT JOIN p USING (customer_id) ORDER BY customer_id
"""


@pytest.fixture(scope="module")
def campaigns(ask):
    return ask("FROM campaigns ORDER BY campaign_id").set_index("campaign_id")


@pytest.fixture(scope="module")
def both(ask, campaigns):
    """By campaign: observed outcomes from balances and events, beside the truth."""
    found = {}
    for number, campaign in campaigns.iterrows():
        product = campaign["product"] if isinstance(campaign["product"], str) else None
        conversion = (
            f"(coalesce(p.top, 0) > 0 AND b0.{product} = 0)::INT" if product else "(coalesce(l.late, 0) > 0)::INT"
        )
        seen = ask(OBSERVED.format(id=number, product=product or "aum", conversion=conversion))
        truth = ask(f"SELECT customer_id, outcome, y0, y1, p_participate FROM truth WHERE campaign_id = {number}")
        truth = truth.pivot(index="customer_id", columns="outcome")
        found[campaign["name"]] = (campaign, seen.set_index("customer_id"), truth)
    return found


def test_every_eligible_customer_has_both_outcomes(both):
    assert len(both) == 12
    for name, (campaign, seen, truth) in both.items():
        assert len(seen) > 200, name
        assert seen.index.equals(truth.index), name
        assert {"randomised", "targeted", "open"} >= {campaign["assignment"]}


@pytest.mark.parametrize("outcome", ["aum_change", "products_change", "logins", "conversion"])
def test_the_observed_outcome_is_the_one_of_the_realised_arm(both, outcome):
    """To the cent, from balances and events alone, in all campaigns."""
    for name, (campaign, seen, truth) in both.items():
        treated = seen.participated if campaign["assignment"] == "open" else seen.arm == "treatment"
        expected = np.where(treated, truth["y1"][outcome], truth["y0"][outcome])
        np.testing.assert_allclose(seen[outcome].astype(float), expected, atol=0.005, err_msg=name)


def test_randomisation_is_as_recorded(ask):
    """Share treated by recorded propensity, in the randomised and the targeted campaigns."""
    rows = ask("""
        SELECT assignment, (CASE WHEN arm = 'treatment' THEN propensity ELSE 1 - propensity END) AS p,
               arm = 'treatment' AS treated FROM assignments JOIN campaigns USING (campaign_id)
        WHERE assignment <> 'open'
    """)
    assert rows.p.between(0.05, 0.95).all()
    for kind, part in rows.groupby("assignment"):
        z = (part.treated - part.p).sum() / np.sqrt((part.p * (1 - part.p)).sum())
        assert abs(z) < 3.5, kind
        scale = (part.treated - part.p) * (part.p - part.p.mean())
        assert abs(scale.sum()) < 3.5 * np.sqrt((scale**2).sum()) + 1e-9, kind


def test_open_campaigns_have_no_propensity_and_joiners_follow_their_probability(both, ask):
    assert ask("SELECT count(propensity) AS n FROM assignments WHERE arm = 'open'").n[0] == 0
    _, seen, truth = both["growth_journey"]
    p = truth["p_participate"]["aum_change"]
    z = (seen.participated - p).sum() / np.sqrt((p * (1 - p)).sum())
    assert -4 < z < 3.5  # a few leave before they join


def test_joiners_differ_even_without_the_campaign(both):
    """Self-selection: what participants would have done anyway is more than what the others did."""
    _, seen, truth = both["growth_journey"]
    for outcome in ("aum_change", "logins", "products_change"):
        y0 = truth["y0"][outcome]
        t = stats.ttest_ind(y0[seen.participated], y0[~seen.participated], equal_var=False)
        assert t.statistic > 3, outcome


def test_selection_remains_after_conditioning_on_what_the_bank_sees(both, ask):
    """Joining still predicts y0 of logins given logins and balances before: it is partly unobserved."""
    _, seen, truth = both["growth_journey"]
    x = ask("""
        SELECT a.customer_id, ln(1 + b.aum) AS aum, b.products, coalesce(l.n, 0) AS logins,
               date_diff('year', c.birth_date, DATE '2026-01-01') AS age
        FROM assignments a JOIN campaigns USING (campaign_id) JOIN customers c USING (customer_id)
        JOIN balances b ON b.customer_id = a.customer_id AND b.month = DATE '2025-12-31'
        LEFT JOIN (SELECT customer_id, count(*) AS n FROM events WHERE event = 'login' AND ts >= DATE '2025-07-01'
                   AND ts < DATE '2026-01-01' GROUP BY 1) l ON l.customer_id = a.customer_id
        WHERE name = 'growth_journey' ORDER BY 1
    """).drop(columns="customer_id")
    design = np.column_stack([np.ones(len(x)), x, np.log1p(x.logins), seen.participated]).astype(float)
    y = truth["y0"]["logins"].to_numpy()
    beta, *_ = np.linalg.lstsq(design, y, rcond=None)
    e = y - design @ beta
    inverse = np.linalg.inv(design.T @ design)
    robust = inverse @ (design.T * e**2) @ design @ inverse
    assert beta[-1] / np.sqrt(robust[-1, -1]) > 4


def test_effects_differ_by_customer(both):
    """Persuadables and sure things, lost causes, and some whom the campaign harms, in every sales campaign."""
    for name in ("card_activation_2024", "fund_1111_2025", "wealth_newcomer_2026"):
        _, _, truth = both[name]
        y0, y1 = truth["y0"]["conversion"], truth["y1"]["conversion"]
        counts = {(a, b): int(((y0 == a) & (y1 == b)).sum()) for a in (0, 1) for b in (0, 1)}
        assert counts[0, 1] > counts[1, 0]  # persuadable
        assert counts[1, 1] > 0  # sure thing
        assert counts[0, 0] > 0  # lost cause
    harmed = sum(int((t["y1"]["logins"] < t["y0"]["logins"] - 1e-9).sum()) for _, _, t in both.values())
    assert harmed > 100


def test_campaigns_work_on_average(both):
    """Each campaign's main outcome rises, by more than three standard errors over all campaigns of its kind."""
    for kind in ("card_activation", "fund_1111", "app_wake_up", "wealth_newcomer", "growth_journey"):
        effects = np.concatenate([
            (t["y1"][c["outcome"]] - t["y0"][c["outcome"]]).to_numpy() for n, (c, _, t) in both.items()
            if n.startswith(kind)
        ])  # fmt: skip
        assert effects.mean() > 3 * effects.std() / np.sqrt(effects.size), kind


def test_repeated_contact_tires():
    """The same campaign does less for the same customers after ten contacts than after none."""
    from dataclasses import replace

    from bankmkt.synth.campaigns import TEMPLATES, Campaign, enrol, push
    from bankmkt.synth.simulate import Plan, new_block

    block = new_block(Plan(3, "2024-07", 24), 0)
    month, everyone = 2, np.arange(10_000)
    campaign = Campaign(1, "card", TEMPLATES[0], month)
    e = enrol(campaign, block.traits, block.state, 3, 0, [])
    from bankmkt.synth.calendar import month_at

    fresh, _ = push([e], block.state, month_at("2024-07", month), 3, 0, everyone)
    tired = replace(block.state, fatigue=np.full(10_000, 8.0))
    weary, opts_out = push([e], tired, month_at("2024-07", month), 3, 0, everyone)
    assert weary.offer.sum() < 0.3 * fresh.offer.sum()
    assert opts_out.sum() > 0
