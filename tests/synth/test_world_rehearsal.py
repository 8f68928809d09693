"""What is played in memory is what is written to disk; expected sales are what offers bring on average."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import bankmkt as bm
from bankmkt.errors import ParameterError
from bankmkt.experiment import panel
from bankmkt.synth import World, generate
from bankmkt.synth.campaigns import GAIN
from bankmkt.synth.offers import OFFERS, Own
from bankmkt.synth.rehearsal import _first, expected_sales, known, play, rehearse

OFFER = {"treatment": "fund_push", "treatment_b": "fund_call"}
PUSH_OR_CALL = ("fund_push", "fund_call")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(generate(tmp_path_factory.mktemp("rehearsal") / "now", 3_000, 3, seed=5, workers=1, progress=False))


def campaign(now, months=3, offers=PUSH_OR_CALL):
    return Own(1001, "autumn", now.month + 1, months, offers, "randomised", "conversion", 0.0)


def test_the_rehearsal_is_the_bank_that_is_written(world, tmp_path):
    now = rehearse(world)
    people = known(now, "fund")
    arm = np.random.default_rng(1).integers(0, 3, len(people))
    drawn = pd.DataFrame({"customer_id": people.index, "arm": np.array(["control", *OFFER])[arm], "propensity": 1 / 3})
    later = world.run(drawn, OFFER, name="autumn", out=tmp_path / "later", months=1, progress=False)
    y = play(now, campaign(now, 1), people.index.to_numpy(), arm, np.full(len(arm), 1 / 3))
    t = later.bank.truth
    truth = later.bank.frame(t.filter(t.campaign_id == 1001, t.outcome == "conversion").order_by("customer_id"))
    np.testing.assert_array_equal(y, truth[["y0", "y1", "y1_b"]].to_numpy())
    own = panel(later.bank, "autumn").to_pandas().set_index("customer_id")
    np.testing.assert_array_equal(own.conversion, y[np.arange(len(arm)), arm])
    b = later.bank.balances
    end = later.bank.frame(b.filter(b.month == max(later.bank.months))).set_index("customer_id").sort_index()
    pd.testing.assert_series_equal(known(now).aum_0, end.aum, check_names=False)
    names = ["aum_0", "products_0", "age", "risk_level", "is_payroll", "has_manager", "tenure_months", "app_months"]
    names += ["logins_1", "logins_2"]
    pd.testing.assert_frame_equal(people[names].astype(float), own[names], check_dtype=False)
    assert (people.gender.astype(str) == own.gender).all()
    assert (people.city_tier.astype(str) == own.city_tier).all()
    long = own.aum_3.notna()
    np.testing.assert_allclose(people.aum_3[long], own.aum_3[long], atol=0.005)


def test_nobody_who_holds_the_product_is_known_as_a_buyer(world):
    now = rehearse(world)
    assert set(known(now, "fund").index) == set(known(now).query("fund == 0").index)
    cards = known(now, "card_balance")
    assert not cards.has_card.any()
    assert len(cards) < len(known(now)) <= 3_000


def test_luck_changes_the_months_to_come_only(world):
    own, other = rehearse(world), rehearse(world, luck=1)
    pd.testing.assert_frame_equal(known(own), known(other))
    branch = own.branch()
    ids = known(own).index.to_numpy()
    y = [play(now, campaign(now, 1), ids, np.zeros(len(ids), int), np.ones(len(ids))) for now in (own, branch, other)]
    np.testing.assert_array_equal(y[0], y[1])
    assert (y[0] != y[2]).any()
    assert own.month == other.month == 3


def test_expected_sales_are_the_mean_over_luck(world):
    """Of 4 futures, whole, and for the fifth of the customers who are to be won over the most easily."""
    parts = []
    for luck in range(1, 5):
        now = rehearse(world, luck)
        ids = known(now, "fund").index.to_numpy()
        own = campaign(now)
        taken = expected_sales(now, own, ids)
        y = play(now, own, ids, np.zeros(len(ids), int), np.ones(len(ids)))
        parts.append(np.column_stack([taken, y]))
    found = np.concatenate(parts)
    for k in (0, 1):
        expected = found[:, k] * (1 - found[:, 2].mean())
        miss = found[:, 3 + k] - found[:, 2] - expected
        top = expected > np.quantile(expected, 0.8)
        for here in (top, ~top):
            assert abs(miss[here].mean()) < 3.5 * miss[here].std() / np.sqrt(here.sum())
        assert expected[top].mean() > 1.5 * expected.mean() if k == 0 else expected[top].mean() > 1.3 * expected.mean()


def test_the_banks_own_offers_take_their_share():
    """A customer sees one offer a month, the strongest."""
    mine = OFFERS["fund_push"].template
    tired, answer, sure = np.ones((1, 1)), np.array([[1.0, 0, 0, 0]]), np.ones(1)
    full = mine.offer * np.maximum(GAIN, 0)
    assert np.allclose(_first(mine, tired, answer, []), full)
    for product, offer, left in (
        ("fund", mine.offer / 2, full - np.minimum(full, full[0] / 2)),
        ("fund", 2 * mine.offer, full * 0),
        ("wealth", mine.offer / 2, np.where(full < full[0] / 2, 0, full)),
        ("wealth", 2 * mine.offer, full * 0),
        (None, mine.offer, full),
    ):
        rival = dataclasses.replace(mine, product=product, offer=offer)
        assert np.allclose(_first(mine, tired, answer, [(rival, sure, sure)])[0], left)
        assert np.allclose(_first(mine, tired, answer, [(rival, sure, sure / 4)])[0], 0.75 * full + 0.25 * left)


def test_in_the_banks_own_quarter_less_is_expected(world, monkeypatch):
    """October to December, with its fund campaign in November: of those who can be in it, and of nobody else."""
    now = rehearse(world)
    people = known(now, "fund")
    beside = expected_sales(now, campaign(now), people.index.to_numpy())
    for block in now.blocks:
        block.enrolments = []
    monkeypatch.setattr("bankmkt.synth.rehearsal.schedule", lambda *_: [])
    alone = expected_sales(now, campaign(now), people.index.to_numpy())
    assert (beside <= alone + 1e-12).all()
    in_it = ((people.logins_1 >= 1) & (people.aum_0 >= 3_000)).to_numpy()
    assert (alone - beside)[in_it].mean() > 0.05 * alone[in_it].mean()
    assert (alone - beside)[in_it].mean() > 3 * (alone - beside)[~in_it].mean()


@pytest.mark.parametrize("offers", [("wake_up_coupon",), ("fund_push", "card_sms")])
def test_sales_of_one_product_only_are_expected(world, offers):
    now = rehearse(world)
    with pytest.raises(ParameterError, match="offers of one product"):
        expected_sales(now, campaign(now, offers=offers), known(now).index.to_numpy())


def test_the_list_of_offers():
    found = bm.synth.offers()
    assert found.offer.is_unique
    assert (found.cost > 0).all()
    assert set(found["product"].dropna()) == {"fund", "card_balance", "wealth"}
    assert found.set_index("offer").channels["benefit_journey"] == ""
