"""Every campaign in one frame: the design each allows, the same figures as one by one, and why some are missing."""

import numpy as np
import pytest
import tiny

import bankmkt as bm
from bankmkt import experiment
from bankmkt.experiment.estimate import Estimate, mean_difference
from bankmkt.experiment.few import rests_on_few


@pytest.fixture(scope="module")
def bank():
    tables = tiny.frames()
    treated = tables["assignments"]["arm"] == "treatment"
    second = tables["assignments"]["campaign_id"] == 2
    own = tables["assignments"]["propensity"].mask(second & treated, 0.4).mask(second & ~treated, 0.6)
    tables["assignments"]["propensity"] = own
    tables["campaigns"].loc[0, "outcome"] = "aum_change"
    return bm.open_bank(tables)


def test_each_campaign_by_the_design_it_allows(bank):
    found = experiment.every_campaign(bank, k=10).set_index("campaign")
    assert found["target"].tolist() == ["ITT", "ATT", "ATT"]
    panel = experiment.panel(bank, "spring_pilot").to_pandas()
    one = experiment.effect(panel, "aum_change", override=["balance"])
    row = found.loc["spring_pilot"]
    assert (row["estimate"], row["se"], row["n"]) == pytest.approx((one.estimate, one.se, 15))
    assert np.isnan(row["published"]), "fewer than k took part"
    third = experiment.panel(bank, "growth").to_pandas()
    assert found.loc["growth", "published"] == pytest.approx(third.loc[third["participated"], "aum_change"].sum())
    assert found["reason"].tolist()[:2] == ["", ""]
    assert "chose to join" in found.loc["growth", "reason"]
    assert found.loc["fund_offer", "n"] == 15, "the invited, not those who took part"


def test_campaigns_of_one_name_and_an_unknown_outcome():
    tables = tiny.frames()
    tables["campaigns"].loc[0, "outcome"] = "aum_change"
    once = experiment.every_campaign(bm.open_bank(tables), k=10)
    tables["campaigns"]["name"] = ["same", "same", "growth"]
    tables["campaigns"].loc[2, "outcome"] = "happiness"
    found = experiment.every_campaign(bm.open_bank(tables), k=10)
    assert found["estimate"].tolist()[:2] == pytest.approx(once["estimate"].tolist()[:2], nan_ok=True)
    assert found["n"][0] == 15
    assert "happiness" in found["reason"][2]


def test_few_converters_are_not_told_by_an_estimate():
    tables = tiny.frames()
    tables["campaigns"] = tables["campaigns"][1:2]
    invited = tables["assignments"].query("campaign_id == 2 and arm == 'treatment'")["customer_id"][:6]
    balances = tables["balances"]
    later = (balances["month"] >= "2025-04-30") & balances["customer_id"].isin(invited)
    balances["fund"] = np.where(later, 100.0, 0.0)
    bank = bm.open_bank(tables)
    assert experiment.panel(bank, "fund_offer").to_pandas().groupby("treated")["conversion"].sum()[True] == 6
    row = experiment.every_campaign(bank, k=10).set_index("campaign").loc["fund_offer"]
    assert np.isnan(row[["estimate", "se", "published"]].astype(float)).all()
    assert "converted" in row["reason"]


def test_a_withheld_estimate_is_one_of_a_few_the_rest_are_no_better_than_all():
    """Money is heavy-tailed: what passes holds the truth about as often as all do, no more is claimed."""
    rng, held, trusted = np.random.default_rng(3), [], []
    for _ in range(3000):
        y, group = rng.lognormal(0, 2, 400), np.arange(400) < 200
        value, influence = mean_difference(y, group)
        found = Estimate.from_influence("", "aum_change", "ITT", value, influence, 200)
        held.append(found.ci_low <= 0 <= found.ci_high)
        trusted.append(not rests_on_few(found))
    held, trusted = np.array(held), np.array(trusted)
    assert 0.08 < trusted.mean() < 0.9
    assert held.mean() > 0.93
    assert held[trusted].mean() == pytest.approx(held.mean(), abs=3 * np.sqrt(0.05 * 0.95 / trusted.sum()))


def test_what_cannot_be_estimated_says_why(bank):
    found = experiment.every_campaign(bank, k=16)
    assert np.isnan(found["estimate"]).all()
    assert found["reason"].str.contains("fewer than k = 16").sum() >= 2
    few = experiment.every_campaign(bank, since="2025-03-10")
    assert few["campaign"].tolist() == ["fund_offer", "growth"]


def test_an_estimate_that_rests_on_one_customer_is_not_trusted(bank):
    tables = tiny.frames()
    balances = tables["balances"]
    rich = (balances["customer_id"] == 12) & (balances["month"] >= "2025-04-30")
    balances.loc[rich, ["demand", "aum"]] += 1e9
    tables["campaigns"].loc[0, "outcome"] = "aum_change"
    tables["campaigns"] = tables["campaigns"][:1]
    found = experiment.every_campaign(bm.open_bank(tables), k=10).set_index("campaign")
    assert "one customer" in found.loc["spring_pilot", "reason"]


def test_an_estimate_that_rests_on_five_customers_is_not_trusted():
    """One more, of the same size, and no one makes up a quarter; five of 400 still make up nearly all."""
    y, group = np.random.default_rng(4).normal(size=400), np.arange(400) < 200
    assert rests_on_few(Estimate.from_influence("", "aum_change", "ITT", *mean_difference(y, group), 200)) == ""
    y[:5] += [100, -100, 100, -100, 100]
    assert rests_on_few(Estimate.from_influence("", "aum_change", "ITT", *mean_difference(y, group), 200)).startswith(
        "five customers"
    )
