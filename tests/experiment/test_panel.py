import numpy as np
import pandas as pd
import pytest

from bankmkt import open_bank
from bankmkt.errors import ParameterError
from bankmkt.experiment import panel
from bankmkt.experiment.panel import COVARIATES
from bankmkt.experiment.truth import potential_outcomes, truth_of

BASELINE = pd.Timestamp("2025-03-31")
END = pd.Timestamp("2025-06-30")


@pytest.fixture(scope="module")
def growth(tiny_bank):
    return panel(tiny_bank, "growth").to_pandas().set_index("customer_id")


def _at(frames, customers, month, name):
    rows = frames["balances"][frames["balances"]["month"] == month].set_index("customer_id")
    return rows[name].reindex(customers)


def test_one_row_per_assigned_customer_in_order(growth, tiny_frames):
    wanted = tiny_frames["assignments"].query("campaign_id == 3")["customer_id"].sort_values()
    assert list(growth.index) == list(wanted)


def test_outcomes_follow_from_the_tables(growth, tiny_frames):
    first, last = (_at(tiny_frames, growth.index, month, "aum").fillna(0) for month in (BASELINE, END))
    np.testing.assert_allclose(growth["aum_change"], last - first, atol=0.005)
    first, last = (_at(tiny_frames, growth.index, month, "products").fillna(0) for month in (BASELINE, END))
    np.testing.assert_array_equal(growth["products_change"], last - first)
    events = tiny_frames["events"].query("event == 'login'")
    window = events[(events["ts"] >= "2025-04-01") & (events["ts"] < "2025-07-01")]
    counts = window.groupby("customer_id").size().reindex(growth.index).fillna(0)
    np.testing.assert_allclose(growth["logins"], counts / 3)
    june = window[window["ts"] >= "2025-06-01"].groupby("customer_id").size().reindex(growth.index).fillna(0)
    np.testing.assert_array_equal(growth["conversion"], june > 0)


def test_covariates_follow_from_the_past(growth, tiny_frames):
    past = tiny_frames["balances"].query("month <= @BASELINE")
    mean = past.groupby("customer_id")["aum"].mean().reindex(growth.index)
    np.testing.assert_allclose(growth["aum_mean_12"], mean)
    events = tiny_frames["events"].query("event == 'login' and ts < '2025-04-01'")
    march = events.query("ts >= '2025-03-01'").groupby("customer_id").size().reindex(growth.index).fillna(0)
    np.testing.assert_array_equal(growth["logins_1"], march)
    months = past.groupby("customer_id").size().reindex(growth.index)
    total = events.groupby("customer_id").size().reindex(growth.index).fillna(0)
    np.testing.assert_allclose(growth["logins_mean_12"], total / months)
    people = tiny_frames["customers"].set_index("customer_id").loc[growth.index]
    np.testing.assert_array_equal(growth["age"], 2025 - people["birth_date"].dt.year)
    opened = people["opened_on"]
    np.testing.assert_array_equal(growth["tenure_months"], (2025 - opened.dt.year) * 12 + 3 - opened.dt.month)


def test_flows_are_monthly_means_of_the_last_quarter(growth, tiny_frames):
    t = tiny_frames["transactions"].query("ts >= '2025-01-01' and ts < '2025-04-01'")
    salary = t[t["kind"] == "salary"].groupby("customer_id")["amount"].sum().reindex(growth.index).fillna(0)
    np.testing.assert_allclose(growth["salary_3"], salary / 3)
    acts = t[t["channel"] != "auto"].groupby("customer_id").size().reindex(growth.index).fillna(0)
    np.testing.assert_allclose(growth["transactions_3"], acts / 3)


def test_treated_is_joining_in_an_open_campaign_and_the_arm_elsewhere(growth, tiny_bank):
    assert (growth["treated"] == growth["participated"]).all()
    pilot = panel(tiny_bank, "spring_pilot").to_pandas()
    assert (pilot["treated"] == (pilot["arm"] != "control")).all()
    assert pilot["treated"].any()


def test_buying_the_product_is_the_conversion_where_there_is_one(tiny_bank, tiny_frames):
    offer = panel(tiny_bank, "fund_offer").to_pandas().set_index("customer_id")
    held = _at(tiny_frames, offer.index, pd.Timestamp("2025-02-28"), "fund").fillna(0) > 0
    b = tiny_frames["balances"].query("month > '2025-02-28' and month <= '2025-05-31'")
    bought = b.groupby("customer_id")["fund"].max().reindex(offer.index).fillna(0) > 0
    np.testing.assert_array_equal(offer["conversion"], bought & ~held)


def test_covariates_do_not_see_the_campaign(journey_frames, journey):
    """Whatever is changed after the baseline changes outcomes only."""
    spoiled = dict(journey_frames)
    balances = spoiled["balances"].copy()
    late = balances["month"] > "2025-12-31"
    balances.loc[late, ["demand", "aum"]] = 1.0
    events = spoiled["events"].copy()
    events = events[(events["ts"] < "2026-01-01") | (events["event_id"] % 2 == 0)]
    extra = pd.DataFrame({"transaction_id": [10**6], "customer_id": 1, "ts": pd.Timestamp("2026-01-01"),
                          "channel": "app", "kind": "salary", "amount": 1e6, "product": "demand"})  # fmt: skip
    spoiled |= {"balances": balances, "events": events}
    spoiled["transactions"] = pd.concat([spoiled["transactions"], extra], ignore_index=True)
    other = panel(open_bank(spoiled), "journey").to_pandas()
    pd.testing.assert_frame_equal(other[list(COVARIATES)], journey[list(COVARIATES)])
    assert (other["aum_change"] != journey["aum_change"]).all()


@pytest.mark.parametrize("name", ["pilot", "journey"])
def test_observed_outcome_is_the_potential_outcome_of_the_realised_arm(journey_bank, name):
    frame, truth = panel(journey_bank, name).to_pandas(), truth_of(journey_bank, name)
    for outcome in ("aum_change", "products_change", "logins"):
        y0, y1 = potential_outcomes(frame, truth, outcome)
        np.testing.assert_allclose(frame[outcome], np.where(frame["treated"], y1, y0), atol=0.0051)


def test_unit_keeps_its_own_customers(journey_bank, journey_frames, journey):
    parts = [panel(journey_bank, "journey", org_id=unit).to_pandas() for unit in (3, 4)]
    assert {len(part) for part in parts}.isdisjoint({0, len(journey)})
    pd.testing.assert_frame_equal(pd.concat(parts).sort_values("customer_id", ignore_index=True), journey)
    assert len(panel(journey_bank, "journey", org_id=1).to_pandas()) == len(journey)
    with pytest.raises(ParameterError, match="org_id"):
        panel(journey_bank, "journey", org_id=77)


def test_bank_without_events_has_no_logins(journey_frames):
    bank = open_bank({name: f for name, f in journey_frames.items() if name != "events"})
    frame = panel(bank, "journey").to_pandas()
    assert frame[["logins", "logins_before", "conversion"]].isna().all(axis=None)
    assert frame["aum_change"].notna().all()


@pytest.mark.slow
@pytest.mark.spark
def test_panel_is_the_same_on_spark(tiny_bank, spark_bank):
    for name in ("growth", "fund_offer"):
        ours, theirs = (panel(bank, name).to_pandas() for bank in (tiny_bank, spark_bank))
        assert list(ours) == list(theirs)
        for column in ours:
            a, b = ours[column], theirs[column]
            if a.dtype.kind in "if":
                np.testing.assert_allclose(a.astype(float), b.astype(float), rtol=1e-12, err_msg=column)
            else:
                same = (a == b) | (a.isna() & b.isna())
                assert same.all(), column
