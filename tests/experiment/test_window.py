from datetime import date

import pandas as pd
import pytest

from bankmkt import open_bank
from bankmkt.errors import ParameterError, Refused, SchemaError
from bankmkt.experiment import campaign, compare, evaluate, monthly_path, panel, truth_of
from bankmkt.experiment.window import outcome_window


@pytest.mark.parametrize(
    ("starts_on", "days", "baseline", "end"),
    [
        (date(2026, 1, 1), 181, date(2025, 12, 31), date(2026, 6, 30)),
        (date(2025, 7, 1), 184, date(2025, 6, 30), date(2025, 12, 31)),
        (date(2025, 11, 11), 30, date(2025, 10, 31), date(2025, 12, 31)),
        (date(2024, 3, 1), 1, date(2024, 2, 29), date(2024, 3, 31)),
    ],
)
def test_window_runs_from_the_month_end_before_to_the_month_end_after(starts_on, days, baseline, end):
    assert outcome_window(starts_on, days) == (baseline, end)


def test_campaign_has_its_dates(journey_bank):
    plan = campaign(journey_bank, "journey")
    assert (plan.baseline, plan.end, plan.months) == (date(2025, 12, 31), date(2026, 6, 30), 6)


def test_unknown_campaign_lists_the_known(journey_bank):
    with pytest.raises(ParameterError, match="one of pilot, journey"):
        campaign(journey_bank, "jurney")


def test_campaign_that_outlasts_the_data_is_refused(journey_frames):
    early = journey_frames["balances"]["month"] < "2026-06-01"
    bank = open_bank({**journey_frames, "balances": journey_frames["balances"][early]})
    with pytest.raises(Refused, match="2026-06-30"):
        campaign(bank, "journey")


@pytest.mark.parametrize("function", [panel, monthly_path, evaluate])
@pytest.mark.parametrize("table", ["campaigns", "assignments"])
def test_bank_without_campaigns_says_what_is_needed(journey_frames, table, function):
    bank = open_bank({name: f for name, f in journey_frames.items() if name != table})
    with pytest.raises(
        SchemaError, match=f"needs the tables .*, and the bank lacks {table}; add them as docs/own-data.md"
    ):
        function(bank, "journey")


def test_all_tables_that_are_lacking_are_named(journey_frames):
    bank = open_bank({"customers": journey_frames["customers"]})
    with pytest.raises(SchemaError, match="lacks balances, transactions, campaigns, assignments;"):
        evaluate(bank, "journey")


def test_bank_whose_campaigns_are_none_says_so(journey_frames):
    bank = open_bank({**journey_frames, "campaigns": journey_frames["campaigns"].head(0)})
    with pytest.raises(ParameterError, match="campaign = 'journey': expected a campaign of this bank, which has none"):
        campaign(bank, "journey")


@pytest.mark.parametrize("function", [campaign, panel, monthly_path, evaluate, truth_of])
def test_path_of_a_bank_is_not_a_bank(function):
    with pytest.raises(ParameterError, match=r"bank = 'data/bank': expected a Bank; open it: bm\.open_bank\(path\)"):
        function("data/bank", "journey")


def test_bank_is_not_a_panel(journey_bank):
    for wrong in (journey_bank, "journey"):
        with pytest.raises(ParameterError, match=r"expected a panel; make it: experiment\.panel\(bank, name\)"):
            compare(wrong)


def test_ids_may_be_texts(journey_frames, journey):
    """The same customers under other ids: the same table, whatever the ids look like."""
    prefix = {"customer_id": "K-", "campaign_id": "A-", "org_id": "F", "parent_id": "F"}
    frames = {}
    for name, frame in journey_frames.items():
        texts = {
            c: (prefix[c] + frame[c].astype("Int64").astype("string").str.zfill(6)).astype(object)
            for c in prefix
            if c in frame
        }
        frames[name] = frame.assign(**texts)
    bank = open_bank(frames)
    assert campaign(bank, "journey").campaign_id == "A-000002"
    named = panel(bank, "journey").to_pandas()
    assert named["customer_id"][0].startswith("K-")
    pd.testing.assert_frame_equal(named.drop(columns="customer_id"), journey.drop(columns="customer_id"))
    unit = panel(bank, "journey", org_id="F000003").count().to_pyarrow().as_py()
    assert 0 < unit < len(journey)
    assert truth_of(bank, "journey")["customer_id"].isin(named["customer_id"]).all()


def test_head_office_that_is_its_own_parent_is_no_endless_way(journey_frames):
    units = journey_frames["organisations"]
    circle = units.assign(parent_id=units["parent_id"].fillna(1))
    bank = open_bank({**journey_frames, "organisations": circle})
    everybody = panel(bank, "journey").count().to_pyarrow().as_py()
    assert panel(bank, "journey", org_id=1).count().to_pyarrow().as_py() == everybody
    assert 0 < panel(bank, "journey", org_id=3).count().to_pyarrow().as_py() < everybody


@pytest.mark.parametrize("unit", [0, 99])
def test_unknown_unit_is_refused(journey_bank, unit):
    with pytest.raises(ParameterError, match="org_id"):
        panel(journey_bank, "journey", org_id=unit)
