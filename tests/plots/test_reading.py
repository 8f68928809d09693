import numpy as np
import pandas as pd
import pytest

from bankmkt.errors import ParameterError
from bankmkt.experiment import compare
from bankmkt.experiment.comparison import INDICATORS
from bankmkt.plots import effect_tables, reading


@pytest.fixture
def published():
    """Participants grew by 40%, others by 10%, but in products, which others lost."""
    frame = pd.DataFrame({"participated": [True] * 100 + [False] * 100})
    for name, (_, _, before, after, end, year_ago, _) in INDICATORS.items():
        frame[before] = 2000.0
        others = [0.7, 0.9] if name == "products" else [1.0, 1.2]
        frame[after] = frame[before] * ([1.3, 1.5] * 50 + others * 50)
        frame[end], frame[year_ago] = frame[after], [1000.0] * 5 + [np.nan] * 95 + [4400.0] * 100
    return compare(frame)


def estimates(truth=None, pilot=True, outcome="aum_change"):
    frame = pd.DataFrame({
        "method": ["participants − others", "doubly robust", "invited", "taking part"], "outcome": outcome,
        "target": ["ATT", "ATT", "ITT", "CACE"], "estimate": [1000.0, 400.0, 60.0, 300.0],
        "ci_low": [800.0, 200.0, -50.0, -250.0], "ci_high": [1200.0, 600.0, 170.0, 850.0],
    })  # fmt: skip
    frame = frame if truth is None else frame.assign(truth=truth)
    return frame if pilot else frame.head(2)


def parts(effect):
    return pd.DataFrame({"part": ["effect", "gap"], "label": ["true effect", "gap"], "share": [effect / 1000, 1.0]})


def test_growth_has_a_row_per_indicator_and_group(published):
    table = effect_tables.growth_table(published)
    assert list(table["group"]) == ["participants", "others"] * 3
    assert table["indicator"][0] == "AUM per head, thousand yuan"
    assert list(table.loc[:1, "before"]) == [2.0, 2.0]
    assert list(table.loc[2:3, "before"]) == [2000.0, 2000.0]
    np.testing.assert_allclose(table["growth"][:2], [0.4, 0.1])
    assert table["interval"][0].startswith("+38.0")


def test_level_a_year_before_is_missing_where_few_were_there(published):
    table = effect_tables.growth_table(published)
    assert table["year_on_year"].isna().tolist() == [True, False] * 3
    np.testing.assert_allclose(table["year_on_year"][1], -0.5)


def test_ratios_stand_beside_their_intervals_and_the_published_ones(published):
    table = effect_tables.ratio_table(published).set_index("indicator")
    assert table["elsewhere"].tolist() == ["3 to 4", "4 to 6", "3 to 10"]
    low, high = (float(limit) for limit in table["interval"]["AUM per head"].split(" to "))
    assert low < 4 < high
    assert np.isnan(table["ratio"]["products per head"])
    assert table["interval"]["products per head"] == "no ratio: the others did not grow"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (2.7, 40, "2.7 to 40.0"),
        (3.4, np.inf, "3.4 or more"),
        (-np.inf, -3.4, "−3.4 or less"),
        (np.nan, np.nan, "anything"),
    ],
)
def test_range_of_a_ratio(low, high, text):
    assert reading.ratio_range({"ratio": 6.0, "ratio_low": low, "ratio_high": high}) == text


def test_claim_gives_growths_where_there_is_no_ratio(published):
    assert "4.0 times as fast" in reading.growth_claim(published)
    claim = reading.growth_claim(published, "products").replace(" %", "%")
    assert claim == "Participants’ products per head changed by +40.0%, the others’ by −20.0%"
    with pytest.raises(ParameterError, match="indicator = 'visits'"):
        reading.growth_claim(published, "visits")


def test_note_on_a_ratio_claims_no_growth_where_there_is_none(published):
    assert "the others’ AUM per head grew by 10.0%. With 100 participants" in reading.ratio_note(published)
    assert reading.ratio_note(published, "products").startswith("The others’ products per head did not grow")


def test_growth_against_themselves_has_no_multiple_of_a_fall():
    row = {"indicator": "aum", "label": "AUM per head", "growth_with": 0.1, "growth_without": -0.1, "multiple": np.nan}
    text = reading.against_themselves(pd.DataFrame([row]), parts(250.0))
    assert text.endswith(
        "AUM per head changed by +10.0%, not by −10.0%; 25% of the published gap is the campaign’s doing."
    )


def test_answer_is_the_truth_where_it_is_known(published):
    text = reading.answer(published, estimates(truth=63.0), parts(63.0), "aum_change")
    assert "+1,000 yuan per customer. Of that, +63 yuan (6%) is the campaign’s doing" in text
    for effect in (-50.0, 1200.0):
        text = reading.answer(published, estimates(truth=effect), parts(effect), "aum_change")
        assert text.endswith(f"really brought {reading.signed(effect, 'aum_change')} yuan.")


def test_answer_without_truth_claims_no_effect(published):
    text = reading.answer(published, estimates(), parts(400.0), "aum_change")
    assert "Comparing like with like leaves +400 yuan (+200 to +600)" in text
    assert "pilot says +300 yuan (−250 to +850)" in text
    assert "only a randomised group" in reading.answer(published, estimates(pilot=False), parts(400.0), "aum_change")


def test_basis_names_the_months_that_growth_compares(published):
    months = pd.date_range("2025-12-31", periods=7, freq="ME").date
    path = pd.DataFrame({"month": months, "months_after": range(7)})
    assert reading.path_claim(path, published, "aum").endswith("(end of June 2026 against end of December 2025)")
    assert reading.path_claim(path, published, "logins").endswith(
        "(mean of the 6 months after the start against the 3 before)"
    )


def test_placebo_says_which_groups_had_parted():
    rows = [("aum_change", 300.0, -20.0, 620.0), ("logins", 0.05, 0.01, 0.09)]
    frame = pd.DataFrame(rows, columns=["outcome", "estimate", "ci_low", "ci_high"])
    table = effect_tables.placebo_table(frame)
    assert table["gap"].tolist() == ["+300 yuan (−20 to +620)", "+0.05 (+0.01 to +0.09)"]
    assert table["verdict"].tolist() == ["no clear sign", "moved apart already"]


def test_pilot_says_whether_chance_could_do_it():
    both = pd.concat([estimates(), estimates(outcome="logins").assign(ci_low=10.0)])
    table = effect_tables.pilot_table(both).set_index("indicator")
    assert table["invited"]["AUM"] == "+60 yuan (−50 to +170)"
    assert table["joined"]["AUM"] == "+300 yuan (−250 to +850)"
    assert table["verdict"].to_dict() == {"AUM": "no: the interval holds 0", "monthly logins": "yes"}
    assert effect_tables.pilot_table(estimates(pilot=False)).empty


def test_spoken_reads_every_value():
    text = reading.spoken(estimates(), "method", "estimate", "aum_change")
    assert text.count(";") == 3
    assert "taking part: +300 yuan (−250 to +850)" in text


def test_a_ratio_says_what_its_interval_leaves_open(published):
    assert "did not grow." not in reading.ratio_note(published)
    open_ = reading.ratio_note(published.assign(ratio_high=np.inf))
    assert "the others may as well not have grown at all." in open_


def test_unknown_growth_is_not_called_none(published):
    nothing = published.assign(
        others_before=0.0, others_growth=np.nan, ratio=np.nan, ratio_low=np.nan, ratio_high=np.nan
    )
    assert set(effect_tables.ratio_table(nothing)["interval"]) == {"no ratio"}
    assert reading.ratio_note(nothing).startswith("There is no growth of AUM per head to compare.")


def test_a_pilot_of_the_whole_bank_is_said_to_be(published):
    text = reading.answer(published, estimates(), parts(400.0), "aum_change", " in the whole bank")
    assert "The randomised pilot in the whole bank says +300 yuan" in text
