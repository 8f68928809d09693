"""Credit of campaigns against what they really changed."""

import numpy as np
import pandas as pd
import pytest
import tiny

import bankmkt as bm
from bankmkt.errors import DataError, ParameterError
from bankmkt.frames import fetch
from bankmkt.funnel import campaign_credit, channel_review, contact_costs, new_holdings
from bankmkt.funnel.incremental import _hidden


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return bm.generate(tmp_path_factory.mktemp("credit") / "bank", 4_000, 8, seed=5, workers=1, progress=False)


@pytest.fixture(scope="module")
def found(bank):
    return campaign_credit(bank, "2025-02-28", draws=100, k=1)


def test_conversions_are_those_of_the_truth(bank, found):
    """Products newly held, seen in balances, give the realised arm's outcome to the customer."""
    truth = bank.frame(bank.truth.filter(bank.truth.outcome == "conversion"))
    arms = bank.frame(bank.assignments)
    both = arms.merge(truth, on=["campaign_id", "customer_id"]).assign(treated=lambda t: t["arm"] != "control")
    both["seen"] = np.where(both["treated"], both["y1"], both["y0"])
    rows = found.estimates.set_index("campaign_id")
    assert rows["name"].tolist() == ["card_activation_2024", "fund_1111_2024"]
    for number, row in rows.iterrows():
        one = both[both["campaign_id"] == number]
        treated, control = one[one["treated"]], one[~one["treated"]]
        assert row["rate_treated"] == pytest.approx(treated["seen"].mean())
        assert row["rate_control"] == pytest.approx(control["seen"].mean())
        assert row["truth"] == (treated["y1"] - treated["y0"]).sum() > 0
        took, others = one[one["participated"]], one[~one["participated"]]
        assert row["naive"] == pytest.approx((took["seen"].mean() - others["seen"].mean()) * len(took))
        assert row["experiment"] == pytest.approx((treated["seen"].mean() - control["seen"].mean()) * len(treated))
        assert row["experiment_lower"] < row["truth"] < row["experiment_upper"]


def test_every_model_credits_what_would_have_come_anyway(found):
    ranking = found.ranking.set_index("model")
    assert (ranking["times"] > 1).all()
    assert (ranking["truth"] == found.estimates["truth"].sum()).all()
    assert ranking["error"].is_monotonic_decreasing
    assert (ranking["campaigns"] == 2).all()
    by_hand = found.campaigns.assign(off=found.campaigns["error"].abs()).groupby("model")["off"].sum()
    assert ranking["error"].to_dict() == pytest.approx(by_hand.to_dict())
    assert (ranking["credit"] - ranking["truth"]).to_dict() == pytest.approx(
        found.campaigns.groupby("model")["error"].sum().to_dict()
    )


def test_products_newly_held(tiny_bank):
    balances = tiny_bank.frame(tiny_bank.balances).sort_values(["customer_id", "month"])
    new = tiny_bank.frame(new_holdings(tiny_bank, "2025-06-30"))
    expected = 0
    for product in tiny.PRODUCTS:
        held = balances[product].fillna(0)
        before = held.groupby(balances["customer_id"]).shift(fill_value=0.0)
        anew = balances[(held > 0) & (before == 0) & (balances["month"] > balances["month"].min())]
        rows = new[new["product"] == product]
        assert sorted(rows["customer_id"]) == sorted(anew["customer_id"])
        assert rows["amount"].sum() == pytest.approx(anew[product].sum())
        expected += len(anew)
    assert len(new) == expected > 0
    early = tiny_bank.frame(new_holdings(tiny_bank, "2025-03-31"))
    assert set(early["ts"].dt.to_period("M").astype(str)) <= {"2025-02", "2025-03"}
    with pytest.raises(ParameterError, match="products"):
        new_holdings(tiny_bank, "2025-06-30", ["gold"])


@pytest.mark.slow
def test_a_bank_without_truth_and_spark(tiny_bank, spark_bank):
    """The tiny bank knows no conversions' truth: credits and estimates stay, the ranking does not."""
    few = ["model", "campaign_id", "credit", "truth", "error"]
    mine, theirs = (campaign_credit(one, "2025-06-30", k=1, draws=2) for one in (tiny_bank, spark_bank))
    assert mine.ranking is None
    assert mine.campaigns["truth"].isna().all()
    pd.testing.assert_frame_equal(mine.campaigns[few], theirs.campaigns[few], check_dtype=False)
    pd.testing.assert_frame_equal(mine.estimates, theirs.estimates, check_dtype=False)
    held = (new_holdings(one, "2025-06-30", ["fund", "wealth"]) for one in (tiny_bank, spark_bank))
    new = [fetch(one.order_by("customer_id", "ts", "product")).to_pandas() for one in held]
    pd.testing.assert_frame_equal(*new, check_dtype=False)


def test_a_unit_its_small_cells_and_bad_input(bank, found):
    below = bank.frame(bank.organisations)
    branch = below.loc[below["level"] == "branch", "org_id"].iloc[0]
    one = campaign_credit(bank, "2025-02-28", ["last"], org_id=branch, draws=5, k=1)
    assert 0 < one.estimates["customers"].sum() < found.estimates["customers"].sum()
    cost = found.campaigns.drop_duplicates("campaign_id").set_index("campaign_id")["cost"]
    spent = contact_costs(bank, "2025-02-28", per="campaign_id")
    assert cost.to_dict() == {number: pytest.approx(spent[str(number)]) for number in cost.index}
    assert cost.notna().any()
    hidden = campaign_credit(bank, "2025-02-28", ["last"], draws=5, k=1_000)
    assert hidden.ranking is None
    assert hidden.campaigns["suppressed"].all()
    assert hidden.campaigns["credit"].isna().all()
    assert hidden.estimates[["naive", "experiment", "truth", "treated"]].isna().all(axis=None)
    with pytest.raises(DataError, match="over by"):
        campaign_credit(bank, "2024-10-31")
    with pytest.raises(ParameterError, match="org_id"):
        campaign_credit(bank, "2025-02-28", org_id=-3)


@pytest.mark.parametrize(
    ("column", "count"),
    [
        ("treated", 995), ("participants", 3), ("participants", 393), ("converted", 3), ("converted", 395),
        ("converted_all", 83), ("converted_took", 4), ("converted_took", 96),
    ],
)  # fmt: skip
def test_a_campaign_is_hidden_for_any_figure_about_few(column, count):
    """Of 3 campaigns of 1,000 customers, one has a figure about few; it and the next smallest are hidden."""
    sums = pd.DataFrame({"campaign_id": [1, 2, 3], "customers": 1_000, "treated": 400, "participants": 100,
                         "converted_all": 160, "converted": [80, 70, 90], "converted_took": 40})  # fmt: skip
    credit = pd.DataFrame({"campaign_id": [1, 2, 3], "credit": 50.0, "customers": 60.0})
    assert not _hidden(sums, credit, 10).any()
    sums.loc[0, column] = count
    assert _hidden(sums, credit, 10).tolist() == [True, True, False]
    assert not _hidden(sums, credit, 1).any()
    sums.loc[0, column] = sums.loc[1, column]
    assert _hidden(sums, credit.assign(credit=[9.5, 50, 50]), 10).tolist() == [True, True, False]


def test_a_campaign_that_touched_nobody_has_no_credit():
    """Two campaigns of forty customers; posters have no contacts, and made all thirteen of their conversions."""
    ids = pd.DataFrame({"customer_id": range(80)})
    bought = ids["customer_id"].isin([*range(8), *range(40, 53)])
    zero = dict.fromkeys(("demand", "time_deposit", "wealth", "insurance", "metal", "loan", "card_balance"), 0.0)
    held = [ids.assign(month=pd.Timestamp(month), fund=5e3 * bought * n, aum=5e3 * bought * n, products=1, **zero)
            for n, month in enumerate(("2026-02-28", "2026-03-31"))]  # fmt: skip
    plan = {"org_id": 1, "objective": "sell", "budget": 1e3, "business_line": "wealth", "kind": "routine",
            "starts_on": pd.Timestamp("2026-03-01"), "ends_on": pd.Timestamp("2026-03-31"), "product": "fund",
            "assignment": "randomised", "outcome": "conversion", "outcome_days": 31}  # fmt: skip
    arms = ids.assign(campaign_id=1 + (ids["customer_id"] >= 40), arm=["treatment", "control"] * 40, propensity=0.5,
                      participated=False, assigned_on=pd.Timestamp("2026-03-01"))  # fmt: skip
    sent = ids.head(40).assign(contact_id=range(40), campaign_id=1, channel="sms", status="sent")
    bank = bm.open_bank({
        "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"}),
        "customers": ids.assign(org_id=1, opened_on=pd.Timestamp("2020-01-01")), "balances": pd.concat(held),
        "transactions": pd.DataFrame({"transaction_id": [1], "customer_id": 1, "kind": "purchase", "amount": 5e3,
                                      "ts": pd.Timestamp("2026-03-09"), "product": "fund"}),
        "campaigns": pd.DataFrame([plan | {"campaign_id": n, "name": "twins"} for n in (1, 2)]), "assignments": arms,
        "contacts": sent.assign(ts=pd.Timestamp("2026-03-05")),
        "truth": arms[["campaign_id", "customer_id"]].assign(outcome="conversion", y0=0.0, y1=1.0, p_participate=0.5),
    })  # fmt: skip
    found = campaign_credit(bank, "2026-03-31", ["last", "linear"], k=1, draws=5)
    rows = found.campaigns.set_index(["model", "campaign_id"])
    assert rows["credit"].to_dict() == {("last", 1): 8, ("last", 2): 0, ("linear", 1): 8, ("linear", 2): 0}
    assert rows.loc[("last", 2), ["lower", "upper", "value"]].tolist() == [0, 0, 0]
    assert found.ranking["error"].tolist() == [12 + 20] * 2, "half of each forty are treated, and all of them convert"
    assert rows.loc[("last", 1), ["cost", "cost_per_conversion", "roas"]].tolist() == pytest.approx([2, 0.25, 2e4])


def test_the_review_shows_it_all(bank):
    review = channel_review(bank, days=60)
    assert set(review.left_out) == {"campaigns"}, "both have fewer than ten conversions of those left alone"
    figures = review.figures()
    whole = channel_review(bank, days=60, k=1)
    assert whole.left_out == {}
    assert whole.figures()["true_conversions"] == whole.campaigns.estimates["truth"].sum()
    assert figures["prefer_online_rate"] is None, "the wealthiest are too few in so small a bank"
    assert 0.3 < review.preferred["share"].iloc[0] < 0.9
    rows = review.by_channel
    shown = rows[~rows["suppressed"]]
    assert 0 < len(shown) < len(rows), "channels of few conversions are hidden"
    assert rows.loc[rows["suppressed"], ["conversions", "lower", "share"]].isna().all(axis=None)
    none = shown.loc[shown["channel"] == "none", "conversions"]
    assert (none == review.counts["unattributed"]).all()
    assert (shown.groupby("model")["conversions"].sum() < review.counts["conversions"]).all()
    assert review.products == ("fund",), "the wealth campaign begins later; cards are no assets"
    assert review.preferred.loc[review.preferred["tier"] == "from 6 million", "suppressed"].any()


def test_the_review_says_what_it_leaves_out(tiny_bank, tiny_frames):
    few = channel_review(tiny_bank, k=49)
    assert {"campaigns", "by_channel"} <= set(few.left_out)
    assert few.counts == {}
    assert few.figures()["conversions"] is None
    needed = {name: tiny_frames[name] for name in ("organisations", "customers", "balances", "transactions")}
    bare = channel_review(bm.open_bank(needed), "2025-05-15")
    assert bare.left_out["campaigns"] == "the bank lacks the table campaigns"
    assert bare.left_out["by_channel"] == "the bank lacks the table contacts"
    with pytest.raises(DataError, match="balances"):
        channel_review(tiny_bank, "2020-01-31")
    with pytest.raises(ParameterError, match="within"):
        channel_review(tiny_bank, lookback="soon")
