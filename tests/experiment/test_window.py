from datetime import date

import pytest

from bankmkt import open_bank
from bankmkt.errors import ParameterError, Refused, SchemaError
from bankmkt.experiment import campaign
from bankmkt.experiment.window import outcome_window, units_below


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


def test_bank_without_campaigns_says_so(journey_frames):
    bank = open_bank({name: f for name, f in journey_frames.items() if name != "assignments"})
    with pytest.raises(SchemaError, match="assignments"):
        campaign(bank, "journey")


def test_units_below_are_the_whole_subtree(journey_bank):
    assert sorted(units_below(journey_bank, 1)) == [1, 2, 3, 4]
    assert units_below(journey_bank, 4) == [4]
    with pytest.raises(ParameterError, match="org_id"):
        units_below(journey_bank, 99)
