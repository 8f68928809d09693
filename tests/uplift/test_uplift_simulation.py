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
    kept = ("2 columns, 5 folds", "1 column, 5 folds, pooled as they are")
    monkeypatch.setattr(sim_uplift, "FEW_COLUMNS", {name: sim_uplift.FEW_COLUMNS[name] for name in kept})
    found = sim_uplift.simulate(80, 11)
    assert found.ok.all(), found[~found.ok].to_string()
    assert len(found) == 21


def test_a_claim_can_fail():
    assert not sim_uplift.row("", "", 82, 100)["ok"]
    assert sim_uplift.row("", "", 93, 100)["ok"]
    assert not sim_uplift.row("", "", 990, 1000, most=0.97)["ok"]  # intervals too wide, where they need not be
    assert not sim_uplift.too_few("", "", 990, 1000, "")["ok"]


def test_folds_pooled_as_they_are_do_not_cover():
    """What cross_fit's level is for: the same claim without it, and with it."""
    rng, few = np.random.default_rng(4), {"columns": 1, "folds": 10, "n": 2000}
    assert not sim_uplift._few_columns(rng, 80, "", levelled=False, **few)[0]["ok"]
    assert sim_uplift._few_columns(rng, 80, "", **few)[0]["ok"]


def test_without_the_wider_intervals_noise_would_pass(monkeypatch):
    """Of models that learned from each other's folds: what the claim is about."""
    monkeypatch.setattr(importlib.import_module("bankmkt.uplift.qini"), "CROSSED", 1.0)
    found = sim_uplift._crossed(np.random.default_rng(2), 80, sim_uplift.linear, "", 0.0)
    assert not all(each["ok"] for each in found)
