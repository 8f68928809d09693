"""Who may join a campaign: known answers, one a rule; every pair once; equal on both engines; small cells hidden."""

import numpy as np
import pandas as pd
import pytest
import tiny

from bankmkt import tags
from bankmkt.bank import open_bank
from bankmkt.errors import ParameterError, SchemaError
from bankmkt.tags.eligibility import STATUSES

DAY = "2025-04-20"


def planted():
    """The small bank with three running campaigns and a customer for each rule.

    Campaign 1 is randomised and digital, 2 targeted and sells funds, 3 open; customers 1 to 12 are open and of unit 4.
    """
    frames = tiny.frames()
    people = frames["customers"]
    chosen = people.customer_id <= 12
    people.loc[chosen, ["opened_on", "closed_on"]] = [pd.Timestamp("2020-01-01"), pd.NaT]
    people.loc[chosen, "org_id"] = 4
    people.loc[chosen, "app_registered_on"] = pd.Timestamp("2021-01-01")
    people.loc[chosen, "risk_level"] = 3
    people.loc[people.customer_id == 2, "app_registered_on"] = pd.Timestamp("2025-04-21")  # a day later
    people.loc[people.customer_id == 6, "risk_level"] = None
    people.loc[people.customer_id == 11, "org_id"] = 6  # not below unit 2
    frames["campaigns"]["starts_on"] = pd.Timestamp("2025-04-01")
    frames["campaigns"]["ends_on"] = pd.Timestamp("2025-04-30")
    frames["campaigns"]["org_id"] = [1, 1, 2]
    frames["campaigns"]["outcome"] = ["logins", "conversion", "aum_change"]
    given = [
        (1, 1, "treatment", None), (1, 2, "treatment", None), (1, 3, "control", None),
        (1, 4, "treatment", "2025-04-10"), (1, 9, "treatment", "2025-04-21"),
        (2, 5, "treatment", None), (2, 6, "treatment", None), (2, 7, "treatment", None), (2, 8, "control", None),
        (3, 10, "open", "2025-04-05"),
    ]  # fmt: skip
    rows = pd.DataFrame(given, columns=["campaign_id", "customer_id", "arm", "participated_on"])
    rows["participated_on"] = pd.to_datetime(rows.participated_on)
    rows["participated"] = rows.participated_on.notna()
    rows["assigned_on"] = pd.Timestamp("2025-04-01")
    rows.loc[rows.arm == "open", "assigned_on"] = pd.Timestamp("2025-04-05")  # no list: a row on the day of joining
    frames["assignments"] = rows.assign(propensity=0.5)
    funds = frames["balances"]
    funds["fund"] = np.where(funds.customer_id == 7, 500.0, 0.0)
    frames["contacts"] = pd.DataFrame({
        "contact_id": range(1, 7),
        "campaign_id": pd.array([None] * 6, "Int64"),
        "customer_id": [1, 4, 4, 4, 4, 5],
        "department": "wealth",
        "channel": "call",
        "ts": pd.Timestamp("2025-04-02 10:00"),
        "status": ["opted_out", *["answered"] * 4, "sent"],
    })  # fmt: skip
    return frames


def answers(frames, engine="duckdb"):
    bank = open_bank(frames, engine=engine)
    found = bank.fetch(tags.eligibility(bank, DAY)).to_pandas()
    return found.sort_values(["campaign_id", "customer_id"]).reset_index(drop=True)


def test_who_joins_later_is_nobodys_list_yet():
    """Customer 10 joins the open campaign on 5 April; until then it has no rows, and so no list."""
    bank = open_bank(planted())
    found = bank.fetch(tags.eligibility(bank, "2025-04-03")).to_pandas().set_index(["campaign_id", "customer_id"])
    assert found.loc[(3, 12), "status"] == "may join"
    assert not (found.loc[3, "reason"] == "not on the list").any()


@pytest.mark.parametrize("joins", [True, False])
def test_who_will_join_is_not_known_before(joins):
    """Customers 10 and 12 are on a list from 1 April; on the 3rd, whether 10 joins on the 5th changes nothing."""
    frames = planted()
    rows = frames["assignments"]
    row = rows.arm == "open"
    rows.loc[row, "assigned_on"] = pd.Timestamp("2025-04-01")
    if not joins:
        rows.loc[row, ["participated", "participated_on"]] = [False, pd.NaT]
    more = rows[row].assign(customer_id=12, participated=False, participated_on=pd.NaT)
    frames["assignments"] = pd.concat([rows, more], ignore_index=True)
    bank = open_bank(frames)
    found = bank.fetch(tags.eligibility(bank, "2025-04-03")).to_pandas().set_index(["campaign_id", "customer_id"])
    assert found.status.loc[[(3, 10), (3, 12)]].tolist() == ["may join"] * 2
    assert found.reason[3, 1] == "not on the list"


@pytest.mark.parametrize("day", ["2025-03-20", "2025-04-03", "2025-04-20"])
def test_nothing_later_is_seen_in_the_small_bank(tiny_bank, day):
    for bank in (tiny_bank, open_bank(planted())):
        pd.testing.assert_frame_equal(*(_ordered(one, day) for one in (bank, bank.as_of(day))))


@pytest.mark.slow
@pytest.mark.parametrize("day", ["2026-01-31", "2026-02-28"])
def test_nothing_later_is_seen_in_the_demo_bank(day):
    from bankmkt.synth import demo_bank

    bank = demo_bank()
    pd.testing.assert_frame_equal(*(_ordered(one, day) for one in (bank, bank.as_of(day))))


def _ordered(bank, day):
    found = bank.fetch(tags.eligibility(bank, day)).to_pandas()
    return found.sort_values(["campaign_id", "customer_id"], ignore_index=True)


def test_without_contacts_nobody_is_said_to_be_fine():
    frames = planted()
    del frames["contacts"]
    assert tags.eligibility_summary(open_bank(frames), DAY, k=1).to_contact.isna().all()


@pytest.fixture(scope="module")
def found():
    return answers(planted())


KNOWN = {
    (1, 1): ("may join", None, None),
    (1, 2): ("may join after a task", None, "sign up for the app"),
    (1, 3): ("may not join", "held out", None),
    (1, 4): ("joined", None, None),
    (1, 9): ("may join", None, None),  # joins tomorrow
    (1, 5): ("may not join", "not chosen", None),
    (2, 5): ("may join", None, None),
    (2, 6): ("may join after a task", None, "answer the risk questionnaire"),
    (2, 7): ("may not join", "has the product", None),
    (2, 8): ("may not join", "held out", None),
    (3, 10): ("joined", None, None),
    (3, 12): ("may join", None, None),
    (3, 11): ("may not join", "another unit's", None),
}


@pytest.mark.parametrize("pair", KNOWN)
def test_known_answers(found, pair):
    row = found.set_index(["campaign_id", "customer_id"]).loc[pair]
    assert tuple(None if pd.isna(v) else v for v in row[["status", "reason", "task"]]) == KNOWN[pair]


def test_every_customer_of_the_day_meets_every_running_campaign_once(found):
    people = planted()["customers"]
    there = people[(people.opened_on <= DAY) & ~(people.closed_on <= DAY)]
    assert len(found) == 3 * len(there)
    assert not found.duplicated(["campaign_id", "customer_id"]).any()
    assert set(found.status) == set(STATUSES)
    assert (found.reason.notna() == (found.status == "may not join")).all()
    assert (found.task.notna() == (found.status == "may join after a task")).all()


def test_a_list_of_those_who_may_join_is_kept():
    frames = planted()
    more = frames["assignments"].iloc[[-1]].assign(customer_id=12, participated=False, participated_on=pd.NaT)
    frames["assignments"] = pd.concat([frames["assignments"], more], ignore_index=True)
    found = answers(frames).set_index(["campaign_id", "customer_id"])
    assert found.status[3, 12] == "may join"
    assert found.reason[3, 1] == "not on the list"
    assert found.reason[3, 11] == "another unit's"


def test_contact_is_advised_against_by_the_tags(found):
    contact = found.groupby("customer_id").contact.first()
    assert contact[[1, 4, 5]].tolist() == ["asked to be left alone", "contacted too often", "fine"]
    frames = planted()
    del frames["contacts"]
    assert answers(frames).contact.isna().all()


def test_campaigns_run_from_their_first_day_to_their_last():
    bank = open_bank(planted())
    for day, running in (("2025-03-31", 0), ("2025-04-01", 3), ("2025-04-30", 3), ("2025-05-01", 0)):
        assert bank.fetch(tags.eligibility(bank, day).campaign_id.nunique()).as_py() == running, day


@pytest.mark.slow
def test_both_engines_and_text_ids_agree(found, spark_url):
    pd.testing.assert_frame_equal(found, answers(planted(), spark_url))
    texts = answers(tiny.with_text_ids(planted()))
    pd.testing.assert_frame_equal(
        found.drop(columns=["customer_id", "campaign_id"]), texts.drop(columns=["customer_id", "campaign_id"])
    )


def test_summary_counts_everybody_and_hides_small_cells(found):
    bank = open_bank(planted())
    every = tags.eligibility_summary(bank, DAY, k=1)
    counts = (
        found.assign(because=found.reason.fillna(found.task).fillna(""))
        .groupby(["campaign", "status", "because"])
        .size()
    )
    assert every.set_index(["campaign", "status", "because"]).customers.astype(int).to_dict() == counts.to_dict()
    assert every.groupby("campaign").share.sum().tolist() == pytest.approx([1, 1, 1])
    shown = tags.eligibility_summary(bank, DAY, k=10)
    cells = every.customers
    assert shown.customers[cells < 10].isna().all()
    for name, rows in shown.groupby("campaign"):
        hidden = cells[rows.index[rows.customers.isna()]]
        assert len(hidden) != 1, name
        assert hidden.empty or hidden.sum() >= 10, name


def test_only_who_may_still_join_is_to_be_contacted(found):
    every = tags.eligibility_summary(open_bank(planted()), DAY, k=1)
    able = found[found.status.str.startswith("may join") & (found.contact == "fine")]
    by_campaign = every.groupby("campaign_id").to_contact.sum()
    assert (
        by_campaign.to_dict() == able.groupby("campaign_id").size().reindex(by_campaign.index, fill_value=0).to_dict()
    )
    assert every.to_contact[every.status.isin(["joined", "may not join"])].eq(0).all()
    assert (every.to_contact <= every.customers).all()


def test_campaigns_of_one_name_are_told_apart(found):
    frames = planted()
    frames["campaigns"]["name"] = "spring"
    shown = tags.eligibility_summary(open_bank(frames), DAY, k=1)
    sizes = found.groupby(["campaign_id", "status"]).size()
    assert shown.groupby(["campaign_id", "status"]).customers.sum().to_dict() == sizes.to_dict()


def test_a_bank_without_campaigns_says_so(tiny_frames):
    del tiny_frames["campaigns"], tiny_frames["assignments"], tiny_frames["contacts"], tiny_frames["benefits"]
    with pytest.raises(SchemaError, match="campaigns is not in this bank"):
        tags.eligibility(open_bank(tiny_frames), DAY)
    with pytest.raises(ParameterError, match="as_of"):
        tags.eligibility(open_bank(planted()), "spring")
