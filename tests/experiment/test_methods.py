import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from simulations import sim_observational

from bankmkt import demo_bank, open_bank
from bankmkt.confidence import Z, holm
from bankmkt.experiment import compare_methods, doubly_robust, evaluate, later_exposure, methods
from bankmkt.experiment.few import REASONS
from bankmkt.experiment.methods import ALIKE, MOVES, NAIVE, RECORDED
from bankmkt.experiment.sensitivity import KNOWN

X = ["x1", "x2"]
KINDS = {"first": ["x1"], "second": ["x2"]}


@pytest.fixture(scope="module")
def table(journey_bank):
    return methods(journey_bank, "journey", outcomes=["aum_change", "logins"])


def made_up(seed, **how):
    """A panel with its control and truth, from the simulation's world."""
    frame = sim_observational.world(3000, np.random.default_rng(seed), **how)
    frame["customer_id"] = np.arange(3000)
    truth = frame.assign(outcome="y", y0=frame["y"] - frame["participated"], y1=lambda t: t["y0"] + 1)
    return frame, frame.assign(y=frame["before"]), truth[["customer_id", "outcome", "y0", "y1"]]


def test_every_method_is_there_for_every_outcome(table):
    assert table["outcome"].tolist() == ["aum_change"] * 7 + ["logins"] * 7
    assert table["method"].tolist() == [NAIVE, *MOVES, *ALIKE] * 2
    assert table[["estimate", "truth", "negative", "width"]].notna().all(axis=None)
    assert "customer_id" not in table
    assert table.loc[table["method"].isin(ALIKE), "robustness_value"].between(0, 1).all()
    assert table.loc[~table["method"].isin(ALIKE), "robustness_value"].isna().all()


def test_figures_agree_with_the_evaluation(table, journey_bank):
    study = evaluate(journey_bank, "journey", learner="linear")
    both = table.merge(study.estimates, on=["method", "outcome"], suffixes=("", "_there"))
    assert len(both) == 8
    for name in ("estimate", "se", "truth", "error"):
        np.testing.assert_allclose(both[name], both[f"{name}_there"])
    again = methods(journey_bank, "journey", outcomes=["aum_change", "logins"], made=study.estimates)
    pd.testing.assert_frame_equal(again, table)


def test_share_of_the_bias_is_by_definition(table):
    plain = table[table["method"] == NAIVE].set_index("outcome")["estimate"]
    bias = table["outcome"].map(plain) - table["truth"]
    recovered = 1 - (table["estimate"] - table["truth"]).abs() / bias.abs()
    np.testing.assert_allclose(table["recovered"], recovered, atol=1e-12)
    assert (table["recovered"] <= 1).all(), "who overshoots has not taken off more than all"


def test_what_is_seen_is_recovered_and_no_warning_is_given():
    frame, before, truth = made_up(1)
    found = compare_methods(frame, ["y"], before=before, truth=truth, covariates=X, kinds=KINDS).set_index("method")
    alike = found.loc[list(ALIKE)]
    assert (alike["recovered"] > 0.9).all()
    assert alike["covers"].all()
    assert (alike["verdict"] == "holds the truth").all()
    assert found.loc[NAIVE, "verdict"] == "wrong, and its negative control warns"
    assert (found.loc[list(MOVES), "verdict"].str.startswith("not possible: the outcome has no level")).all()


def test_what_is_hidden_is_not_recovered_and_the_control_tells():
    frame, before, truth = made_up(2, hidden=1.0)
    found = compare_methods(frame, ["y"], before=before, truth=truth, covariates=X, kinds=KINDS).set_index("method")
    alike = found.loc[list(ALIKE)]
    assert alike["recovered"].between(0.2, 0.8).all()
    assert (alike["verdict"] == "wrong, and its negative control warns").all()


def test_hidden_cause_that_comes_with_the_campaign_escapes_the_control():
    """The control knows nothing of what first acts in the campaign's own months."""
    frame, _, truth = made_up(3, hidden=1.0)
    quiet = made_up(3)[1].assign(participated=made_up(3)[0]["participated"])
    found = compare_methods(frame, ["y"], before=quiet, truth=truth, covariates=X, kinds=KINDS).set_index("method")
    assert found.loc["doubly robust", "verdict"].startswith("wrong: it does not see all")


def test_without_truth_the_verdict_rests_on_the_diagnostics():
    frame, before, _ = made_up(4)
    found = compare_methods(frame, ["y"], before=before, covariates=X, kinds=KINDS).set_index("method")
    assert not {"truth", "error", "covers", "recovered"} & set(found)
    share = f"{found.loc['matching', 'robustness_value']:.0%}"
    assert found.loc["matching", "verdict"] == (
        f"not proven: a hidden cause that explains {share} of what the data leave open would undo it"
    )
    assert found.loc["matching", "yardstick"] == KNOWN
    assert found.loc[NAIVE, "verdict"] == "a description, not an effect"
    hidden, earlier, _ = made_up(5, hidden=1.0)
    found = compare_methods(hidden, ["y"], before=earlier, covariates=X, kinds=KINDS).set_index("method")
    assert found.loc["matching", "verdict"] == "doubtful: it finds an effect before the campaign"


@pytest.mark.parametrize("hidden", [0.0, 1.0])
def test_later_campaign_shows_the_hidden_cause_that_escapes_the_control_before(hidden):
    """The trait first acts in the campaign's own months; those left alone who join later have more of it."""
    rng = np.random.default_rng(4)
    x1, x2, u = rng.normal(size=(3, 6000))
    odds = -0.3 + 0.7 * x1 - 0.5 * x2 + hidden * u
    joined, again = rng.random((2, 6000)) < 1 / (1 + np.exp(-odds))
    y, before = x1 - x2 + rng.normal(size=(2, 6000))
    frame = pd.DataFrame({"participated": joined, "x1": x1, "x2": x2, "y": y + hidden * u + joined})
    how = {"covariates": X, "kinds": KINDS, "before": frame.assign(y=before)}
    alone = frame.assign(participated=again)[~joined].reset_index(drop=True)
    found = compare_methods(frame, ["y"], later=alone, **how).set_index("method").loc[list(ALIKE)]
    assert found["negative_found"].eq(False).all()
    assert found["later_found"].eq(hidden > 0).all()
    warned = found["verdict"] == "doubtful: it finds an effect of a campaign that came later"
    assert warned.eq(hidden > 0).all()
    plain = compare_methods(frame, ["y"], **how).set_index("method").loc[list(ALIKE)]
    assert plain["verdict"].str.startswith("not proven").all()
    assert not plain.columns.str.contains("later").any()
    only = compare_methods(frame, ["y"], later=alone, **how | {"before": "no past"}).set_index("method")
    assert not only["verdict"].str.contains("no control").any(), "the later one could be run"


def test_later_campaign_of_a_bank_is_its_negative_control(journey_frames):
    """Half the pilot's customers are let into the journey as well, those of even numbers by lot."""
    part = journey_frames["assignments"]
    pilot = part[part["campaign_id"] == 1]
    again = pilot.iloc[::2].assign(campaign_id=2, arm="open", participated=lambda t: t["customer_id"] % 4 < 2)
    again["participated_on"] = pd.Series(pd.Timestamp("2026-01-01"), again.index).where(again["participated"])
    again["assigned_on"] = pd.Timestamp("2026-01-01")
    bank = open_bank({**journey_frames, "assignments": pd.concat([part, again], ignore_index=True)})
    found = methods(bank, "pilot", outcomes=["logins"], later="journey").set_index("method")
    own = doubly_robust(later_exposure(bank, "pilot", "journey"), "logins", learner="linear")
    assert found.loc["doubly robust", ["later", "later_low"]].tolist() == pytest.approx([own.estimate, own.ci_low])
    assert found.loc[RECORDED, "no_later"].startswith("the chances that the bank noted")
    assert found.loc[list(ALIKE), "later_found"].eq(False).all()


def test_without_truth_nothing_is_called_proven_where_the_truth_shows_it_wrong():
    """All four methods agree, no control finds anything, and all are wrong: only the words of a guess may be used."""
    frame, _, truth = made_up(3, hidden=1.0)
    quiet = made_up(3)[1].assign(participated=made_up(3)[0]["participated"])
    how = {"before": quiet, "covariates": X, "kinds": KINDS}
    known = compare_methods(frame, ["y"], truth=truth, **how).set_index("method").loc[list(ALIKE)]
    own = compare_methods(frame, ["y"], **how).set_index("method").loc[list(ALIKE)]
    assert not known["covers"].any()
    assert own["negative_found"].eq(False).all()
    assert own["verdict"].str.startswith("not proven: a hidden cause that explains ").all()
    assert (own["times"] < 3).all(), "all that is known is no weak yardstick"


def test_interval_that_says_nothing_of_the_sign_is_called_so():
    frame, before, truth = made_up(12)
    noise = np.random.default_rng(14).normal(size=len(frame)) * 40
    frame["y"], truth["y0"], truth["y1"] = frame["y"] + noise, truth["y0"] + noise, truth["y1"] + noise
    found = compare_methods(frame, ["y"], before=before, truth=truth, covariates=X, kinds=KINDS).set_index("method")
    assert found.loc["doubly robust", "verdict"] == "holds the truth, but cannot tell its sign"
    own = compare_methods(frame, ["y"], before=before, covariates=X, kinds=KINDS).set_index("method")
    assert own.loc["doubly robust", "verdict"] == "cannot tell the sign"


def test_controls_are_corrected_for_their_number():
    frame, before, _ = made_up(13)
    found = compare_methods(frame, ["y"], before=before, covariates=X, kinds=KINDS)
    z = found["negative"] / ((found["negative_high"] - found["negative_low"]) / (2 * Z))
    np.testing.assert_allclose(found["negative_p"], holm(2 * norm.sf(z.abs())), atol=1e-9)
    assert found["negative_p"].notna().sum() == 5


def test_nothing_to_recover_is_not_divided_by():
    """Where chance alone parts the groups, the plain difference has no bias that a share could be of."""
    frame, before, truth = made_up(6, seen=0.0)
    found = compare_methods(frame, ["y"], before=before, truth=truth, covariates=X, kinds=KINDS)
    assert found["recovered"].isna().all()


def test_method_that_must_refuse_is_a_row_with_its_reason():
    frame, _, truth = made_up(7)
    frame["flag"] = (frame["participated"] & (frame["x1"] > 0)) * 1.0
    found = compare_methods(frame, ["y"], before="no past", truth=truth, covariates=[*X, "flag"], kinds=KINDS)
    found = found.set_index("method")
    assert found.loc["entropy balancing", "verdict"].startswith("not possible: no weights make")
    assert np.isnan(found.loc["entropy balancing", "estimate"])
    assert found["negative_found"].isna().all()
    assert (found.loc[[NAIVE, "matching"], "no_control"] == "no past").all()
    assert found.loc[NAIVE, "verdict"] == "wrong: nothing is done about who joins"
    own = compare_methods(frame, ["y"], before="no past", covariates=X, kinds=KINDS).set_index("method")
    assert own.loc["matching", "verdict"].endswith("would undo it; no control could be run")


def test_estimate_that_says_next_to_nothing_is_called_so():
    """Few like the participants stayed out: a rule decides, but for one in fifty."""
    rng = np.random.default_rng(8)
    x1, x2 = rng.normal(size=(2, 4000))
    joined = rng.random(4000) < np.where(x1 + 0.3 * x2 > 0, 0.99, 0.01)
    frame = pd.DataFrame({"participated": joined, "x1": x1, "x2": x2, "y": 5 * x1 + 20 * rng.normal(size=4000)})
    found = compare_methods(frame, ["y"], covariates=X, kinds=KINDS, k=1).set_index("method")
    assert found.loc["weighting by propensity", "width"] > 3
    assert found.loc["weighting by propensity", "verdict"].startswith("says next to nothing")


def test_estimate_that_rests_on_one_customer_is_called_so():
    frame, before, truth = made_up(10)
    who = frame.index[frame["participated"]][0]
    frame.loc[who, "y"], truth.loc[who, ["y0", "y1"]] = 1e4, [1e4 - 1, 1e4]
    found = compare_methods(frame, ["y"], before=before, truth=truth, covariates=X, kinds=KINDS).set_index("method")
    assert found.loc["matching", "rests_on"] == REASONS[1]
    assert found.loc["matching", "verdict"] == REASONS[1]
    own = compare_methods(frame, ["y"], before=before, covariates=X, kinds=KINDS).set_index("method")
    assert own.loc["matching", "verdict"] == REASONS[1], "nor does it need the truth"
    told = own.reset_index()[["method", "outcome", "target", "rests_on"]]
    made = told.assign(estimate=1.0, se=0.1, ci_low=0.8, ci_high=1.2, treated=1500, control=1500, note="")
    again = compare_methods(frame, ["y"], made=made, covariates=X, kinds=KINDS).set_index("method")
    assert again.loc["matching", "verdict"] == REASONS[1], "made estimates bring it along"


def test_targeted_campaign_compares_whom_the_bank_chose(journey_frames):
    """In the pilot, taken for a targeted campaign, the invited are compared with the rest; nothing is biased then."""
    plans = journey_frames["campaigns"].assign(assignment=["targeted", "open"])
    bank = open_bank({**journey_frames, "campaigns": plans})
    found = methods(bank, "pilot", outcomes=["logins"]).set_index("method")
    assert (
        found.loc["doubly robust", ["treated", "control"]].sum()
        == (journey_frames["assignments"]["campaign_id"] == 1).sum()
    )
    assert found.loc[list(ALIKE), "covers"].all()
    assert found.loc[RECORDED, "covers"]
    assert np.isnan(found.loc[RECORDED, "robustness_value"])


def test_recorded_chances_are_right_where_the_models_cannot_be():
    """The bank chose by a trait that it did not keep, and noted the chance."""
    rng = np.random.default_rng(9)
    u, x1, x2 = rng.normal(size=(3, 4000))
    chance = 1 / (1 + np.exp(-u))
    joined = rng.random(4000) < chance
    y = x1 + 2 * u + rng.normal(size=4000) + joined
    frame = pd.DataFrame({"customer_id": range(4000), "participated": joined, "x1": x1, "x2": x2, "y": y})
    frame["propensity"] = np.where(joined, chance, 1 - chance)
    truth = frame[["customer_id"]].assign(outcome="y", y0=y - joined, y1=y - joined + 1)
    found = compare_methods(frame, ["y"], truth=truth, recorded=True, covariates=X, kinds=KINDS).set_index("method")
    assert not found.loc[list(ALIKE), "covers"].any()
    assert found.loc[RECORDED, "verdict"] == "holds the truth"
    own = compare_methods(frame, ["y"], recorded=True, covariates=X, kinds=KINDS).set_index("method")
    assert own.loc[RECORDED, "verdict"] == "an effect, if the chances are as recorded; no control could be run"


def test_bank_without_a_past_says_so(journey_frames):
    recent = journey_frames["balances"]["month"] > "2025-07-01"
    bank = open_bank({**journey_frames, "balances": journey_frames["balances"][recent]})
    found = methods(bank, "journey", outcomes=["logins"])
    assert found["negative"].isna().all()
    assert found["no_control"].str.contains("balance").all()
    assert found["estimate"].notna().all()


def test_methods_keep_their_word():
    """Small; make simulate runs it in full."""
    table = sim_observational.simulate(repeats=8, seed=3)
    assert table["ok"].all(), table[~table["ok"]].to_string()


@pytest.mark.slow
def test_the_page_shows_what_the_demo_bank_gives():
    """The typed table of docs/observational.md: every figure, and whether the interval holds the truth."""
    page = (Path(__file__).parents[2] / "docs" / "observational.md").read_text(encoding="utf-8")
    typed = [
        line.strip("| ").split(" | ") for line in page.splitlines() if re.match(r"\| (growth|payroll|wealth)_", line)
    ]
    assert len(typed) == 6
    bank = demo_bank()
    outcomes = {"AUM, yuan": "aum_change", "monthly logins": "logins", "conversion": "conversion"}
    for about, truth, *cells in typed:
        name, outcome = about.split(", ", 1)
        found = methods(bank, name, outcomes=[outcomes[outcome]])
        number = (lambda v: f"{v:+,.0f}") if outcome == "AUM, yuan" else (lambda v: f"{v:+.3f}")
        assert truth == number(found["truth"].iloc[0]).replace("-", "−")
        for cell, row in zip(cells, found.to_dict("records"), strict=False):
            told = "–" if np.isnan(row["estimate"]) else number(row["estimate"]) + (" ✓" if row["covers"] else "")
            assert cell.split(" (")[0] == told.replace("-", "−"), (name, row["method"])
            if "(" in cell:
                assert cell.split("(")[1] == f"{row['recovered']:.0%})".replace("-", "−"), (name, row["method"])
