"""The synthetic bank: what is observed follows from its truth, and the estimators that may find it do."""

import growth_journey
import numpy as np
import pytest

from bankmkt.experiment import check, compare, doubly_robust, monthly_path, panel, true_effect, truth_of
from bankmkt.experiment.evaluation import _randomised
from bankmkt.experiment.truth import potential_outcomes, true_multiple
from bankmkt.schema import OUTCOMES
from bankmkt.synth import generate


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("synth") / "bank", 4000, 24, seed=11, workers=1, progress=False)


@pytest.fixture(scope="module")
def panels(generated):
    names = generated.campaigns.to_pandas()["name"]
    return {name: (panel(generated, name).to_pandas(), truth_of(generated, name)) for name in names}


@pytest.fixture(scope="module")
def simulated(panels):
    """The same customers as the simulation knows them; a bank of 4,000 is the beginning of one of 10,000."""
    people = growth_journey.people(11, 0)
    return people[people["customer_id"] <= 4000].reset_index(drop=True)


def test_published_table_is_that_of_the_simulation(panels, simulated):
    """What the calibration holds to the published case is what a report of the written bank shows, to the cent."""
    frame, truth = panels["growth_journey"]
    np.testing.assert_array_equal(frame["customer_id"], simulated["customer_id"])
    np.testing.assert_array_equal(frame["participated"], simulated["joined"])
    table, wanted = compare(frame).set_index("indicator"), growth_journey.figures(simulated)
    assert list(table.index) == list(growth_journey.OUTCOMES)
    units = {"aum": 100, "products": 1, "logins": 6}  # cents, products, logins in six months: whole numbers
    for name, unit in units.items():
        for group, inside in (("participants", simulated["joined"]), ("others", ~simulated["joined"])):
            mine, row = simulated[inside], table.loc[name]
            assert row[f"{group}_customers"] == len(mine)
            for when, level in (("before", "baseline"), ("after", "end")):
                total = row[f"{group}_{when}"] * len(mine) * unit
                assert round(total) == round((mine[f"{name} {level}"] * unit).sum())
        # the same sums divided; only the order of summation differs
        for group, label in (("participants", "joined"), ("others", "others")):
            assert table.loc[name, f"{group}_growth"] == pytest.approx(wanted[f"{name} {label}"], rel=1e-12)
        ratio = wanted[f"{name} joined"] / wanted[f"{name} others"]
        assert table.loc[name, "ratio"] == pytest.approx(ratio if ratio > 0 else np.nan, rel=1e-11, nan_ok=True)
    for group, label in (("participants", "joined"), ("others", "others")):
        assert table.loc["aum", f"{group}_year_on_year"] == pytest.approx(wanted[f"year {label}"], rel=1e-12)
    multiple = true_multiple(frame, truth).set_index("indicator")["multiple"]
    for name in units:
        assert multiple[name] == pytest.approx(wanted[f"{name} true"], rel=1e-9)


def test_months_end_where_the_table_does(generated, panels):
    path = monthly_path(generated, "growth_journey")
    ends = path[path["months_after"] == path["months_after"].max()].set_index(["indicator", "participated"])["mean"]
    table = compare(panels["growth_journey"][0]).set_index("indicator")
    for name in ("aum", "products"):
        for group, joined in (("participants", True), ("others", False)):
            assert ends[name, joined] == pytest.approx(table.loc[name, f"{group}_after"], rel=1e-12)


def test_observed_outcome_is_the_potential_outcome_of_the_realised_arm(panels):
    assert len(panels) >= 7
    for name, (frame, truth) in panels.items():
        for outcome in OUTCOMES:
            y0, y1 = potential_outcomes(frame, truth, outcome)
            realised = np.where(frame["treated"], y1, y0)
            np.testing.assert_allclose(frame[outcome], realised, atol=0.006, err_msg=f"{name} {outcome}")


def test_randomised_campaigns_find_the_truth(generated, panels):
    """Four standard errors: about one false alarm in 15,000."""
    kinds = generated.campaigns.to_pandas().set_index("name")["assignment"]
    randomised = [name for name in kinds[kinds == "randomised"].index if panels[name][0]["participated"].sum() > 20]
    assert randomised
    frame, truth = panels["growth_journey_pilot"]
    for e in _randomised(frame, ("aum_change", "products_change", "logins")):
        assert abs(e.estimate - true_effect(frame, truth, e.outcome, e.target)) < 4 * e.se, e.outcome
    for name in randomised:
        assert check(panels[name][0], arm="treated").passed


def test_targeted_campaigns_find_the_truth_with_their_recorded_propensities(generated, panels):
    kinds = generated.campaigns.to_pandas().set_index("name")["assignment"]
    targeted = kinds[kinds == "targeted"].index
    assert len(targeted)
    for name in targeted:
        frame, truth = panels[name]
        chance = np.where(frame["treated"], frame["propensity"], 1 - frame["propensity"])
        frame = frame.assign(participated=frame["treated"])
        for outcome in OUTCOMES:
            e = doubly_robust(frame, outcome, propensities=chance, learner="linear")
            assert abs(e.estimate - true_effect(frame, truth, outcome, "ATT")) < 4 * e.se, (name, outcome)


def test_self_selection_fools_what_cannot_see_it(panels):
    """Joiners of the open campaign are keener in ways that no column shows."""
    frame, truth = panels["growth_journey"]
    e = doubly_robust(frame, "logins", learner="linear")
    assert e.ci_low > true_effect(frame, truth, "logins", "ATT")
