"""Figures of channels and attribution."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from bankmkt import plots
from bankmkt.errors import DataError, SchemaError
from bankmkt.plots import attribution, channels

mpl.use("agg")


@pytest.fixture(autouse=True)
def _theme():
    with plots.themed():
        yield
    plt.close("all")


def title(ax):
    return ax.get_title(loc="left").replace("\n", " ")


def credits():
    rows = [("first", "app", 30), ("first", "sms", 10), ("first", "none", 60), ("markov", "app", 22),
            ("markov", "sms", 18), ("markov", "none", 60)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["model", "channel", "conversions"])
    return frame.assign(
        lower=frame["conversions"] - 2, upper=frame["conversions"] + 2, share=frame["conversions"] / 100
    )


def test_credit_by_channel():
    ax = attribution.by_channel(credits())
    assert title(ax) == "60.0% of conversions followed no touch; models differ most over app (22 to 30)"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Text message", "App"]
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"first touch", "Markov chain"}
    assert sorted(x for line in ax.lines for x in line.get_xdata() if len(line.get_xdata()) == 2)[0] == 10
    with pytest.raises(DataError, match="no conversion"):
        attribution.by_channel(credits().assign(conversions=0.0))
    with pytest.raises(SchemaError, match="share"):
        attribution.by_channel(credits().drop(columns="share"))


def campaigns(truth):
    frame = pd.DataFrame({"model": ["first", "last"] * 2, "name": ["fund_2024"] * 2 + ["card_2025"] * 2})
    frame = frame.assign(credit=[20.0, 22, 40, 38], truth=truth)
    frame = frame.assign(lower=frame["credit"] - 5, upper=frame["credit"] + 5)
    known = pd.DataFrame({"name": ["fund_2024", "card_2025"], "experiment": [12.0, np.nan]})
    known = known.assign(experiment_lower=known["experiment"] - 8, experiment_upper=known["experiment"] + 8)
    return frame, known.assign(truth=truth[::2])


def test_credit_of_campaigns_beside_the_truth():
    ax = attribution.against_truth(*campaigns([10.0, 10, 20, 20]))
    assert title(ax) == "The models credit the campaigns with 2.0 times the conversions they truly made"
    assert {"truth", "experiment, 95% interval"} <= {text.get_text() for text in ax.get_legend().get_texts()}
    (diamonds,) = [line for line in ax.lines if line.get_marker() == "D"]
    assert dict(zip(diamonds.get_xdata(), diamonds.get_ydata(), strict=True)) == {10: 1, 20: 0}
    unknown = attribution.against_truth(*campaigns([np.nan] * 4))
    assert title(unknown) == "The models credit the campaigns with 60 conversions; the truth is not known"
    assert "truth" not in {text.get_text() for text in unknown.get_legend().get_texts()}
    frame, known = campaigns([1.0] * 4)
    with pytest.raises(DataError, match="hidden"):
        attribution.against_truth(frame.assign(credit=np.nan), known)


def test_what_campaigns_made_without_a_model():
    rows = pd.DataFrame(
        {"name": ["fund_2024", "card_2025"], "assignment": ["targeted", "randomised"], "treated": 900.0}
    )
    for name, value in (("naive", [12.0, 30]), ("experiment", [np.nan, 20])):
        rows[name] = value
        rows = rows.assign(**{f"{name}_lower": rows[name] - 25, f"{name}_upper": rows[name] + 25})
    out = attribution.estimates_table(rows.assign(truth=[10.0, 21]))
    assert out["participants − others"].tolist() == ["12 (−13 to 37)", "30 (5 to 55)"]
    assert out["experiment"].tolist() == ["–", "20 (−5 to 45)"]
    assert out["who decided"].tolist() == ["the bank", "chance"]
    assert out["truth"].tolist() == ["10", "21"]
    assert "truth" not in attribution.estimates_table(rows.assign(truth=np.nan))
    said = " Intervals that hold the truth: 1 of 1 by the experiment, 1 of 2 by participants − others."
    assert attribution.held(rows.assign(truth=[-14.0, 21])) == said
    assert attribution.held(rows.assign(truth=np.nan)) == ""


def test_verdict_on_the_models():
    ranking = pd.DataFrame({"error": [50.0, 40], "times": [2.0, 1.5]})
    assert attribution.verdict(ranking) == (
        "From the best model to the worst it is 10 conversions, from the truth to the best 40: the models resemble "
        "each other more than the truth. All of them share out conversions that would have come anyway."
    )
    mixed = attribution.verdict(ranking.assign(error=[90.0, 10], times=[0.5, 1.5]))
    assert "differ widely" in mixed
    assert mixed.endswith("others too little.")


@pytest.mark.parametrize(
    ("beyond_next", "beyond_best", "text"),
    [
        ([5, 5, 0], [9, 5, 0], ": last touch misleads most"),
        ([-1, 5, 0], [9, 5, 0], ": Markov chain misleads least, and which misleads most, chance leaves open"),
        ([-1, -1, 0], [9, -1, 0], "; which misleads most, chance leaves open"),
    ],
)
def test_a_ranking_claims_no_more_than_the_draws_bear_out(beyond_next, beyond_best, text):
    frame = pd.DataFrame({"model": ["last", "linear", "markov"], "error": [50.0, 40, 30], "times": 2.0})
    frame = frame.assign(
        error_lower=frame["error"] - 9, error_upper=frame["error"] + 9, beyond_next_lower=beyond_next,
        beyond_best_lower=beyond_best,
    )  # fmt: skip
    ax = attribution.misleading(frame)
    assert title(ax) == "Every model is off by 30 to 50 conversions" + text
    assert [bar.get_width() for bar in ax.patches] == [30, 40, 50]
    assert attribution.ranking_claim(frame.head(1)) == "Last touch is off by 50 conversions"


def test_what_credit_costs():
    frame = pd.DataFrame({"model": ["first", "last"] * 3, "channel": ["sms"] * 2 + ["app"] * 2 + ["call"] * 2})
    frame = frame.assign(conversions=[20, 10, 5, 9, np.nan, np.nan], cost=[100.0, 100, 0, 0, 60, 60])
    frame["cost_per_conversion"] = frame["cost"] / frame["conversions"]
    out = channels.money_table(frame.assign(roas=[7.0, 3.0, np.nan, np.nan, np.nan, np.nan]))
    assert out.to_dict("records") == [
        {"channel": "Text message", "cost, yuan": "100", "conversions credited": "10 to 20",
         "yuan per conversion": "5.00 to 10.00", "ROAS": "3 to 7"},
        {"channel": "Call", "cost, yuan": "60", "conversions credited": "–", "yuan per conversion": "–", "ROAS": "–"},
    ]  # fmt: skip
    of_campaigns, _ = campaigns([10.0, 10, 0, 0])
    money = of_campaigns.assign(cost=500.0, cost_per_conversion=500 / of_campaigns["credit"], roas=2.0)
    out = channels.money_table(money, "name")
    assert out["yuan per true conversion"].tolist() == ["50", "–"]
    assert out["yuan per conversion"].tolist() == ["23 to 25", "12 to 13"]
    assert "yuan per true conversion" not in channels.money_table(money.assign(truth=np.nan), "name")
    assert channels.money_table(frame.assign(cost=0.0, roas=0.0)).empty


def moves():
    frame = pd.DataFrame(
        {"from_way": ["online", "offline"], "to_way": ["offline", "online"], "handovers": [900.0, 800]}
    )
    frame = frame.assign(customers=[300.0, 290], share=1.0, share_lower=0.9, share_upper=1.0, median=[30.0, 96.0])
    frame["matured"] = 700.0
    for name, value in (("success", 0.1), ("returned", 0.7)):
        frame = frame.assign(**{name: value, f"{name}_lower": value - 0.05, f"{name}_upper": value + 0.05})
    return frame.assign(suppressed=False)


def test_matrix_of_handovers():
    ax = channels.matrix(moves())
    assert title(ax) == (
        "Most hand-overs go from online to offline; in 70.0% of them the customer’s next change is back again"
    )
    texts = [text.get_text() for text in ax.texts]
    assert sum("no hand-over" in text for text in texts) == 2
    assert any("half within 30 hours" in text and "bought: 10% (5–15%)" in text for text in texts)
    assert any("half within 4.0 days" in text for text in texts)
    some = moves().assign(success=np.nan, matured=[np.nan, 0.0])
    few, new = (text.get_text() for text in channels.matrix(some).texts if "bought" in text.get_text())
    assert "bought: hidden" in few
    assert "bought: not known yet" in new
    hidden = moves()
    hidden.loc[0, ["handovers", "customers", "share", "median", "success", "returned"]] = np.nan
    hidden.loc[0, "suppressed"] = True
    texts = [text.get_text() for text in channels.matrix(hidden).texts]
    assert sum("hidden" in text for text in texts) == 1
    with pytest.raises(DataError, match="hidden"):
        channels.matrix(hidden.assign(share=np.nan))


def test_preference_by_value():
    frame = pd.DataFrame({"tier": ["under 50,000"] * 2 + ["from 6 million"] * 2, "preferred": ["online", "offline"] * 2,
                          "customers": [60.0, 40, np.nan, np.nan], "share": [0.6, 0.4, np.nan, np.nan]})  # fmt: skip
    frame = frame.assign(share_lower=frame["share"] - 0.1, share_upper=frame["share"] + 0.1)
    ax = channels.preference(frame)
    assert title(ax) == "60.0% prefer online where AUM is under 50,000"
    assert [bar.get_width() for bar in ax.patches] == [0.6, 0.4]
    shown = frame.assign(share=[0.6, 0.4, 0.2, 0.8], customers=[60, 40, 10, 40])
    assert title(channels.preference(shown)) == (
        "80.0% prefer offline where AUM is from 6 million, and 40.0% where it is under 50,000"
    )
    reached = shown.rename(columns={"preferred": "recommended"})
    assert channels.preference_claim(reached, "recommended").startswith("80.0% should be reached offline where")
    unseen = frame.assign(preferred=["no preference seen", "online"] * 2)
    assert channels.preference_claim(unseen) == "60.0% show no preference where AUM is under 50,000"
    with pytest.raises(DataError, match="hidden"):
        channels.preference(frame.assign(share=np.nan))


def test_preferences_that_last():
    frame = pd.DataFrame({"preferred": ["online", "offline", "remote"], "acted": [100.0, 40, 0],
                          "rate": [0.9, 0.8, np.nan], "base": [0.6, 0.3, 0.0]})  # fmt: skip
    frame = frame.assign(rate_lower=frame["rate"] - 0.1, rate_upper=frame["rate"] + 0.1)
    ax = channels.lasting(frame)
    assert title(ax).startswith("90.0% of those who preferred online stayed with it")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Offline\n40 customers", "Online\n100 customers"]
    assert channels.lasting_claim(frame.assign(base=np.nan)).endswith("in the next quarter")
    with pytest.raises(DataError, match="no rate"):
        channels.lasting(frame.assign(rate=np.nan))
