"""Input and output of campaigns: sums by hand, totals across groupings, intervals, what is withheld, the truth."""

import numpy as np
import pandas as pd
import pytest
import tiny
from scipy.stats import norm

import bankmkt as bm
from bankmkt.confidence import holm
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


@pytest.mark.parametrize(("unit", "below"), [(1, (2, 3)), (2, (4, 5))])
def test_what_units_cost_and_got_adds_up_to_the_unit_above(tiny_bank, unit, below):
    names = ["treated", "participants", "contacts", "contact_cost", "benefit_cost", "cost", "budget"]
    above, *parts = (found(tiny_bank, org_id=u, basis="budget")[names].astype(float) for u in (unit, *below))
    np.testing.assert_allclose(sum(parts), above)


def test_the_budget_is_shared_by_treated_customers(tiny_bank):
    plans = {"effects": None, "value": VALUE, "prices": PRICES, "k": 1, "basis": "budget"}
    parts = [bm.funnel.returns(tiny_bank, **plans, org_id=unit).set_index("campaign") for unit in (2, 3)]
    whole = bm.funnel.returns(tiny_bank, **plans).set_index("campaign")
    np.testing.assert_allclose(parts[0]["budget"] + parts[1]["budget"], whole["budget"])
    np.testing.assert_allclose(parts[0]["budget"][:3], (whole["budget"] * parts[0]["treated"] / whole["treated"])[:3])


def test_the_three_returns_of_a_total_are_of_the_same_campaigns(tiny_bank):
    table = found(tiny_bank, basis="budget").set_index("campaign")
    trusted, total = table.loc[["spring_pilot", "fund_offer"]], table.loc["total"]
    for value, roi in (("attributed_value", "attributed_roi"), ("incremental_value", "roi")):
        assert total[roi] == pytest.approx(trusted[value].sum() / 15_000 - 1)
    assert table.loc["growth", "attributed_roi"] == pytest.approx(90 / 50_000 - 1), "its own, beside no other"


def test_results_of_few_customers_are_hidden(tiny_bank):
    table = bm.funnel.returns(tiny_bank, effects(), value=VALUE, prices=PRICES, k=20).set_index("campaign")
    assert table.loc["spring_pilot", ["result", "attributed_value"]].isna().all()


def test_no_figure_gives_a_hidden_one_away():
    tables = tiny.frames()
    won = tables["events"].iloc[:6].assign(
        event_id=range(90_000, 90_006), customer_id=range(11, 17), event="campaign_convert", campaign_id=2,
        ts=pd.Timestamp("2025-04-01"))  # fmt: skip
    tables["events"] = pd.concat([tables["events"][tables["events"]["event"] != "campaign_convert"], won])
    bank = bm.open_bank(tables)
    whole = bm.funnel.returns(bank, effects(), value=VALUE, prices=PRICES, k=1).set_index("campaign")
    assert whole.loc["fund_offer", "result"] == 6
    table = bm.funnel.returns(bank, effects(), value=VALUE, prices=PRICES, k=10).set_index("campaign")
    row = table.loc["fund_offer"]
    assert (
        row[["result", "attributed_value", "attributed_roi", "incremental", "roi", "roi_lower", "p_value"]].isna().all()
    )
    assert row["withheld"] == "too few customers stand behind it"
    assert table.loc["total", "covered_cost"] == whole.loc["spring_pilot", "cost"], "nor the total by subtraction"
    assert np.isnan(table.loc["total", "attributed_value"])
    paid = ["benefit_cost", "contact_cost", "contacts"]
    assert table[paid].drop("spring_pilot").isna().all(axis=None), "benefits of growth went to three customers"
    assert table.loc[["fund_offer", "growth"], "cost"].isna().all(), "one alone would follow from the total"
    assert table["cost_per_participant"].drop("total").isna().all(), "fewer than ten joined two of them"
    of_unit = bm.funnel.returns(bank, effects(), value=VALUE, prices=PRICES, org_id=4, k=10)
    assert of_unit[["treated", "participants", "budget", "cost_per_participant"]].isna().all(axis=None)


def test_campaigns_of_one_name_are_two():
    tables = tiny.frames()
    tables["campaigns"]["name"] = ["spring_pilot", "spring_pilot", "growth"]
    table, once = found(bm.open_bank(tables)), found(bm.open_bank(tiny.frames()))
    assert table["campaign"].tolist() == ["spring_pilot (1)", "spring_pilot (2)", "growth", "total"]
    numbers = table.select_dtypes("number").columns
    pd.testing.assert_frame_equal(table[numbers], once[numbers])


def test_effects_of_other_customers_are_withheld(tiny_bank):
    table = bm.funnel.returns(tiny_bank, effects(n=[14.0, np.nan, 10.0]), value=VALUE, prices=PRICES, k=1)
    assert table["roi"].isna().all()
    assert "of 14 treated customers, not" in table["withheld"][0]
    assert "an unknown number" in table["withheld"][1]


def test_p_values_know_how_many_campaigns_are_looked_at(tiny_bank):
    table = found(tiny_bank).set_index("campaign")
    gains = table["incremental_value"].iloc[:2] - table["cost"].iloc[:2]
    two_sided = 2 * norm.sf(np.abs(gains) / [0.5 * 15 * 2, 0.04 * 15 * 300])
    assert table["p_value"].iloc[:2].tolist() == pytest.approx(holm(two_sided).tolist())
    assert np.isnan(table.loc["growth", "p_value"])


def test_the_interval_holds_the_true_return():
    """Of many campaigns whose customers chance invited: the effect, its price, and the return it truly had."""
    rng, runs, n = np.random.default_rng(11), 200, 120
    tables = {name: frame for name, frame in tiny.frames().items() if name in ("organisations", "customers")}
    people = tables["customers"] = pd.DataFrame({
        "customer_id": range(1, n + 1), "opened_on": pd.Timestamp("2020-01-01"), "org_id": 1})  # fmt: skip
    number = np.arange(1, runs + 1)
    tables["campaigns"] = tiny.frames()["campaigns"].iloc[[0] * runs].assign(
        campaign_id=number, name=[f"c{i}" for i in number], budget=100.0)  # fmt: skip
    own = rng.gamma(2.0, 1.0, (runs, n))
    gain = rng.gamma(1.0, 1.0, (runs, n))
    invited = rng.permuted(np.tile(np.arange(n) < n // 2, (runs, 1)), axis=1)
    y = own + gain * invited
    tables["assignments"] = pd.DataFrame({
        "campaign_id": np.repeat(number, n), "customer_id": np.tile(people["customer_id"], runs),
        "arm": np.where(invited.ravel(), "treatment", "control"), "propensity": 0.5, "participated": False,
        "assigned_on": pd.Timestamp("2025-03-01")})  # fmt: skip
    tables["truth"] = tables["assignments"][["campaign_id", "customer_id"]].assign(
        outcome="logins", y0=own.ravel(), y1=(own + gain).ravel(), p_participate=0.5)  # fmt: skip
    means = [np.where(group, y, np.nan) for group in (invited, ~invited)]
    estimate = np.nanmean(means[0], axis=1) - np.nanmean(means[1], axis=1)
    se = np.sqrt(sum(np.nanvar(part, axis=1, ddof=1) for part in means) / (n // 2))
    drawn = pd.DataFrame({"campaign_id": number, "estimate": estimate, "se": se, "n": n / 2})
    table = bm.funnel.returns(bm.open_bank(tables), drawn, value={"logins": 2.0}, basis="budget").iloc[:-1]
    held = ((table["roi_lower"] <= table["true_roi"]) & (table["true_roi"] <= table["roi_upper"])).mean()
    assert table["withheld"].eq("").all()
    assert held > 0.95 - 3 * np.sqrt(0.95 * 0.05 / runs), "Neyman's variance is at least the true one"
    assert held < 1 - 0.002


def test_without_effects_or_a_value_it_says_why(tiny_bank):
    table = bm.funnel.returns(tiny_bank, prices=PRICES).set_index("campaign")
    assert (table["withheld"].iloc[:3] == "its effect was not estimated").all()
    table = bm.funnel.returns(tiny_bank, effects(), value={"logins": 1.0}, prices=PRICES).set_index("campaign")
    assert table.loc["fund_offer", "withheld"] == "no value of its outcome was given"


@pytest.mark.slow
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
        ({"value": [1]}, ParameterError, "value"),
        ({"prices": [1]}, ParameterError, "prices"),
        ({"effects": "all"}, ParameterError, "effects"),
        ({"effects": effects(se="x")}, SchemaError, "se"),
        ({"effects": pd.DataFrame({"campaign_id": [1]})}, SchemaError, "estimate"),
        ({"effects": pd.concat([effects(), effects()])}, ParameterError, "campaign = 1"),
    ],
)
def test_bad_arguments_are_named(tiny_bank, arguments, error, names):
    with pytest.raises(error, match=names):
        bm.funnel.returns(tiny_bank, **{"prices": PRICES} | arguments)
