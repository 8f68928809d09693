from datetime import date

import pytest

from bankmkt import open_bank
from bankmkt.errors import ParameterError, Refused, SchemaError
from bankmkt.experiment import campaign, panel
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


@pytest.mark.parametrize("table", ["campaigns", "assignments"])
def test_bank_without_campaigns_says_so(journey_frames, table):
    bank = open_bank({name: f for name, f in journey_frames.items() if name != table})
    with pytest.raises(SchemaError, match=table):
        panel(bank, "journey")


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
