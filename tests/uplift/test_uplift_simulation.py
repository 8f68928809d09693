"""The simulations of uplift, in small: make simulate runs them in full."""

import pytest
from simulations import sim_uplift


@pytest.mark.parametrize("setting", ["5 % buy anyway, lift 1 point, n = 10,000"])
def test_claims_are_kept(monkeypatch, setting):
    monkeypatch.setattr(sim_uplift, "SETTINGS", {setting: sim_uplift.SETTINGS[setting]})
    monkeypatch.setattr(sim_uplift, "POPULATION", 200_000)
    found = sim_uplift.simulate(80, 11)
    assert found.ok.all(), found[~found.ok].to_string()
    assert len(found) == 7


def test_a_claim_can_fail():
    assert not sim_uplift.row("", "", 82, 100)["ok"]
    assert sim_uplift.row("", "", 93, 100)["ok"]
