import numpy as np
import pandas as pd
import pytest

from bankmkt import open_bank
from bankmkt.errors import ParameterError, Refused
from bankmkt.experiment import doubly_robust, later_exposure, outcome_before, panel


def test_all_is_one_window_earlier(journey_bank, journey_frames):
    """The simulated campaign began in January 2026 and is read after six months; the control is half a year earlier."""
    frame = outcome_before(journey_bank, "journey")
    balances = journey_frames["balances"].set_index(["month", "customer_id"])["aum"]
    june, december = (balances.loc[pd.Timestamp(day)].loc[frame["customer_id"]] for day in ("2025-06-30", "2025-12-31"))
    np.testing.assert_allclose(frame["aum_0"], june)
    np.testing.assert_allclose(frame["aum_change"], december.to_numpy() - june.to_numpy(), atol=0.011)
    part = journey_frames["assignments"].set_index("customer_id").loc[frame["customer_id"]]
    np.testing.assert_array_equal(frame["participated"], part["participated"])
    assert (part["campaign_id"] == 2).all()


def test_covariates_are_those_of_the_earlier_start(journey_bank):
    """At the campaign's own start the mean of six months is what the control has at its end."""
    now = journey_bank.frame(panel(journey_bank, "journey")).set_index("customer_id")
    before = outcome_before(journey_bank, "journey").set_index("customer_id")
    np.testing.assert_allclose(before["aum_end"], now.loc[before.index, "aum_0"])
    np.testing.assert_allclose(before["logins"], now.loc[before.index, "logins_mean_6"])
    np.testing.assert_allclose(before["aum_0"], now.loc[before.index, "aum_6"])


def test_those_not_there_yet_are_left_out(journey_frames):
    late = journey_frames["balances"]["customer_id"] <= 50
    early = journey_frames["balances"]["month"] <= "2025-06-30"
    bank = open_bank({**journey_frames, "balances": journey_frames["balances"][~(late & early)]})
    assert outcome_before(bank, "journey")["customer_id"].min() > 50


def test_what_was_there_before_is_found_where_people_chose_and_not_where_chance_did(journey_bank):
    """The simulation's keen customers rose before the campaign already; the pilot's invitations were drawn by lot."""
    chosen, drawn = (
        doubly_robust(outcome_before(journey_bank, name), "logins", learner="linear") for name in ("journey", "pilot")
    )
    assert chosen.ci_low > 0
    assert drawn.ci_low < 0 < drawn.ci_high


def test_bank_that_began_too_late_has_no_control(journey_frames):
    recent = journey_frames["balances"]["month"] > "2025-07-01"
    bank = open_bank({**journey_frames, "balances": journey_frames["balances"][recent]})
    with pytest.raises(Refused, match="2025-06-30"):
        outcome_before(bank, "journey")
    for months in (-1, 1.5, True):
        with pytest.raises(ParameterError, match="months_earlier"):
            panel(bank, "journey", months_earlier=months)


def test_later_exposure_is_of_those_left_alone(journey_frames):
    """Half the pilot's customers are let into the journey as well; the pilot's participants are left out."""
    part = journey_frames["assignments"]
    pilot = part[part["campaign_id"] == 1]
    again = pilot.iloc[::2].assign(campaign_id=2, arm="open", participated=lambda t: t["customer_id"] % 4 == 0)
    again["participated_on"] = pd.Series(pd.Timestamp("2026-01-01"), again.index).where(again["participated"])
    again["assigned_on"] = pd.Timestamp("2026-01-01")
    bank = open_bank({**journey_frames, "assignments": pd.concat([part, again], ignore_index=True)})
    frame = later_exposure(bank, "pilot", "journey")
    alone = again[pilot.set_index("customer_id").loc[again["customer_id"], "arm"].to_numpy() == "control"]
    assert sorted(frame["customer_id"]) == sorted(alone["customer_id"])
    np.testing.assert_array_equal(frame["participated"], frame["customer_id"] % 4 == 0)
    own = bank.frame(panel(bank, "pilot")).set_index("customer_id").loc[frame["customer_id"], "aum_change"]
    np.testing.assert_allclose(frame["aum_change"], own)
    with pytest.raises(ParameterError, match="later"):
        later_exposure(bank, "journey", "pilot")
