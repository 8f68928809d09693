"""The simulations of uplift, in small: make simulate runs them in full."""

import importlib

import numpy as np
import pytest
from simulations import sim_uplift


@pytest.mark.parametrize("setting", ["5 % buy anyway, lift 1 point, n = 10,000"])
def test_claims_are_kept(monkeypatch, setting):
    monkeypatch.setattr(sim_uplift, "SETTINGS", {setting: sim_uplift.SETTINGS[setting]})
    monkeypatch.setattr(sim_uplift, "POPULATION", 200_000)
    monkeypatch.setattr(sim_uplift, "CROSSED", sim_uplift.CROSSED[:1])
    found = sim_uplift.simulate(80, 11)
    assert found.ok.all(), found[~found.ok].to_string()
    assert len(found) == 11


def test_a_claim_can_fail():
    assert not sim_uplift.row("", "", 82, 100)["ok"]
    assert sim_uplift.row("", "", 93, 100)["ok"]


def test_without_the_wider_intervals_noise_would_pass(monkeypatch):
    """Of models that learned from each other's folds: what the claim is about."""
    monkeypatch.setattr(importlib.import_module("bankmkt.uplift.qini"), "CROSSED", 1.0)
    found = sim_uplift._crossed(np.random.default_rng(2), 80, sim_uplift.linear, "", 0.0)
    assert not all(each["ok"] for each in found)
