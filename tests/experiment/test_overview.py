"""Every campaign in one frame: the design each allows, the same figures as one by one, and why some are missing."""

import numpy as np
import pytest
import tiny

import bankmkt as bm
from bankmkt import experiment


@pytest.fixture(scope="module")
def bank():
    tables = tiny.frames()
    treated = tables["assignments"]["arm"] == "treatment"
    second = tables["assignments"]["campaign_id"] == 2
    own = tables["assignments"]["propensity"].mask(second & treated, 0.4).mask(second & ~treated, 0.6)
    tables["assignments"]["propensity"] = own
    return bm.open_bank(tables)


def test_each_campaign_by_the_design_it_allows(bank):
    found = experiment.every_campaign(bank, k=10).set_index("campaign")
    assert found["target"].tolist() == ["ITT", "ATT", "ATT"]
    panel = experiment.panel(bank, "spring_pilot").to_pandas()
    one = experiment.effect(panel, "logins")
    row = found.loc["spring_pilot"]
    assert (row["estimate"], row["se"], row["n"]) == pytest.approx((one.estimate, one.se, 15))
    assert np.isnan(row["published"]), "fewer than k took part"
    third = experiment.panel(bank, "growth").to_pandas()
    assert found.loc["growth", "published"] == pytest.approx(third.loc[third["participated"], "aum_change"].sum())
    assert found["reason"].tolist()[:2] == ["", ""]
    assert "chose to join" in found.loc["growth", "reason"]
    assert found.loc["fund_offer", "n"] == 15, "the invited, not those who took part"


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
