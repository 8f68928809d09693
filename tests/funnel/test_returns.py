"""Input and output of campaigns: sums by hand, totals across groupings, intervals, what is withheld, the truth."""

import numpy as np
import pandas as pd
import pytest
import tiny

import bankmkt as bm
from bankmkt.errors import ParameterError, SchemaError
from bankmkt.funnel.returns import SUMS

PRICES = {"sms": 0.5, "app_push": 0.25, "call": 4.0}
VALUE = {"logins": 2.0, "conversion": 300.0, "aum_change": 0.01}


def effects(**more):
    """Return an effect of each of the small bank's campaigns, the last one not to be trusted."""
    frame = pd.DataFrame({
        "campaign_id": [1, 2, 3], "estimate": [1.5, 0.1, 500.0], "se": [0.5, 0.04, 100.0], "n": [15.0, 15.0, 10.0],
        "published": [40.0, np.nan, 9000.0], "reason": ["", None, "customers chose"],
    })  # fmt: skip
    return frame.assign(**more)


def found(bank, **arguments):
    return bm.funnel.returns(bank, effects(), value=VALUE, prices=PRICES, k=1, **arguments)


def test_every_figure_of_a_campaign(tiny_bank):
    table = found(tiny_bank).set_index("campaign")
    contacts = tiny.frames()["contacts"]
    spent = contacts["channel"].map(PRICES).groupby(contacts["campaign_id"]).sum()
    one = table.loc["spring_pilot"]
    assert one["contacts"] == 15
    assert one["cost"] == one["contact_cost"] == pytest.approx(spent[1])
    assert one["treated"] == 15, "the invited of a randomised campaign"
    assert one["incremental"] == pytest.approx(1.5 * 15)
    assert one["incremental_value"] == pytest.approx(1.5 * 15 * 2)
    wide = 1.959963984540054 * 0.5 * 15 * 2
    assert one["incremental_upper"] - one["incremental_value"] == pytest.approx(wide)
    assert one["roi"] == pytest.approx((45 - spent[1]) / spent[1])
    assert one["roi_lower"] == pytest.approx((45 - wide - spent[1]) / spent[1])
    assert one["attributed_roi"] == pytest.approx((80 - spent[1]) / spent[1])
    assert one["true_result"] == pytest.approx(1.5 * 15), "y1 − y0 is 1.5 for each of the 15 invited"
    growth = table.loc["growth"]
    joined = tiny.frames()["assignments"].query("campaign_id == 3")["participated"].sum()
    assert growth["treated"] == growth["participants"] == joined
    assert growth["benefit_cost"] == pytest.approx(3 * 20.5)
    assert growth["withheld"] == "customers chose"
    assert growth[["roi", "incremental", "incremental_value"]].isna().all()
    assert growth["cost_per_participant"] == pytest.approx(61.5 / joined)


def test_totals_are_the_same_whatever_the_rows(tiny_bank):
    tables = [found(tiny_bank, by=by) for by in ("campaign", "business_line", "kind", "org", "assignment")]
    tables.append(found(tiny_bank, by="org", level="head_office"))
    for table in tables:
        sums = table[list(SUMS)].astype(float)
        np.testing.assert_allclose(sums.iloc[:-1].sum(), sums.iloc[-1])
        np.testing.assert_allclose(sums.iloc[-1], tables[0][list(SUMS)].astype(float).iloc[-1])
    assert tables[0]["withheld"].iloc[-1] == "1 of 3 campaigns: no trustworthy effect"
    assert set(tables[3]["org"]) == {"East", "no unit", "total"}


def test_the_errors_of_a_sum_add_in_squares(tiny_bank):
    """Of the two campaigns that are trusted, whose draws were independent."""
    total = found(tiny_bank).iloc[-1]
    se = np.sqrt((0.5 * 15 * 2) ** 2 + (0.04 * 15 * 300) ** 2)
    assert total["incremental_value"] == pytest.approx(1.5 * 15 * 2 + 0.1 * 15 * 300)
    assert total["incremental_upper"] - total["incremental_value"] == pytest.approx(1.959963984540054 * se)


def test_reversed_benefits_come_back():
    tables = tiny.frames()
    last = tables["benefits"].iloc[[2]].assign(entry_id=99, action="reversed", ts=pd.Timestamp("2025-06-01"))
    tables["benefits"] = pd.concat([tables["benefits"], last], ignore_index=True)
    table = found(bm.open_bank(tables)).set_index("campaign")
    assert table.loc["growth", "benefit_cost"] == pytest.approx(2 * 20.5)


def test_the_budget_as_the_basis(tiny_bank):
    table = found(tiny_bank, basis="budget").set_index("campaign")
    assert table.loc["spring_pilot", "roi"] == pytest.approx((45 - 10_000) / 10_000)
    assert table.loc["total", "covered_cost"] == 15_000


def test_nothing_later_than_as_of(tiny_bank):
    early = found(tiny_bank, as_of="2025-03-25").set_index("campaign")
    assert early.loc["spring_pilot", "contacts"] == 6
    assert "growth" not in early.index
    assert "spring_pilot" not in found(tiny_bank, since="2025-03-02")["campaign"].tolist()


def test_a_unit_counts_its_customers_only(tiny_bank):
    parts = [found(tiny_bank, org_id=unit).iloc[-1] for unit in (2, 3)]
    whole = found(tiny_bank).iloc[-1]
    for name in ("contacts", "participants", "contact_cost", "benefit_cost"):
        assert parts[0][name] + parts[1][name] == pytest.approx(whole[name])


def test_results_of_few_customers_are_hidden(tiny_bank):
    table = bm.funnel.returns(tiny_bank, effects(), value=VALUE, prices=PRICES, k=20).set_index("campaign")
    assert table.loc["spring_pilot", ["result", "attributed_value"]].isna().all()


def test_without_effects_or_a_value_it_says_why(tiny_bank):
    table = bm.funnel.returns(tiny_bank, prices=PRICES).set_index("campaign")
    assert (table["withheld"].iloc[:3] == "its effect was not estimated").all()
    table = bm.funnel.returns(tiny_bank, effects(), value={"logins": 1.0}, prices=PRICES).set_index("campaign")
    assert table.loc["fund_offer", "withheld"] == "no value of its outcome was given"


def test_spark_gives_the_same(tiny_bank, spark_bank):
    pd.testing.assert_frame_equal(found(tiny_bank, by="org"), found(spark_bank, by="org"), check_dtype=False)


@pytest.mark.parametrize(
    ("arguments", "error", "names"),
    [
        ({"by": "colour"}, ParameterError, "by"),
        ({"basis": "guess"}, ParameterError, "basis"),
        ({"prices": {"sms": 1.0}}, ParameterError, "prices"),
        ({"prices": {"sms": -1.0}}, ParameterError, "sms"),
        ({"value": {"logins": "much"}}, ParameterError, "logins"),
        ({"effects": pd.DataFrame({"campaign_id": [1]})}, SchemaError, "estimate"),
        ({"effects": pd.concat([effects(), effects()])}, ParameterError, "campaign = 1"),
    ],
)
def test_bad_arguments_are_named(tiny_bank, arguments, error, names):
    with pytest.raises(error, match=names):
        bm.funnel.returns(tiny_bank, **{"prices": PRICES} | arguments)
