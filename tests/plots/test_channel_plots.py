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
    frame["campaign_id"] = [7, 7, 9, 9]
    frame = frame.assign(credit=[20.0, 22, 40, 38], truth=truth)
    frame = frame.assign(lower=frame["credit"] - 5, upper=frame["credit"] + 5)
    known = pd.DataFrame({"campaign_id": [7, 9], "experiment": [12.0, np.nan]})
    known = known.assign(experiment_lower=known["experiment"] - 8, experiment_upper=known["experiment"] + 8)
    return frame, known.assign(truth=truth[::2])


def test_credit_of_campaigns_beside_the_truth():
    ax = attribution.against_truth(*campaigns([10.0, 10, 20, 20]))
    assert title(ax) == "The models credit the campaigns with 2.0 times the conversions they truly made"
    assert {"truth", "experiment, 95% interval"} <= {text.get_text() for text in ax.get_legend().get_texts()}
    (diamonds,) = [line for line in ax.lines if line.get_marker() == "D"]
    assert dict(zip(diamonds.get_xdata(), diamonds.get_ydata(), strict=True)) == {10: 1, 20: 0}
    frame, known = campaigns([10.0, 10, 20, 20])
    twins = attribution.against_truth(frame.assign(name="fund_2024"), known)
    assert [label.get_text() for label in twins.get_yticklabels()] == ["fund\n2024 (9)", "fund\n2024 (7)"]
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


def test_which_model_misleads_most():
    frame = pd.DataFrame({"model": ["last", "linear", "markov"], "error": [50.0, 40, 30], "times": 2.0})
    frame = frame.assign(campaigns=2, credit=80.0, truth=40.0)
    ax = attribution.misleading(frame)
    assert title(ax) == "Here last touch misleads most, by 50 conversions; Markov chain least, by 30"
    assert [bar.get_width() for bar in ax.patches] == [30, 40, 50]
    assert attribution.ranking_claim(frame.head(1)) == "Last touch is off by 50 conversions"
    text = attribution.ranking_claim(frame.assign(error=[50.2, 49.9, 30]))
    assert text == "Here last touch and linear mislead most, by 50 conversions; Markov chain least, by 30"
    assert attribution.ranking_claim(frame.assign(error=3.0)) == "Every model is off by 3 conversions"


def test_what_credit_costs():
    frame, _ = campaigns([10.0, 10, 0, 0])
    frame = frame.assign(cost=[100.0, 100, np.nan, np.nan], roas=[2.0, 3, np.nan, np.nan])
    out = attribution.cost_table(frame.assign(cost_per_conversion=frame["cost"] / frame["credit"]))
    assert out.to_dict("records") == [{
        "campaign": "Fund 2024", "cost, yuan": "100", "yuan per conversion credited": "4.55 to 5.00",
        "value credited per yuan": "2 to 3", "yuan per true conversion": "10.00",
    }]  # fmt: skip
    by_channel = pd.DataFrame({"model": "last", "channel": ["sms"], "cost": 5.0, "cost_per_conversion": 2.5})
    assert attribution.cost_table(by_channel.assign(roas=np.nan)).iloc[0, 3] == "–"


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
    part = shown.assign(share=[0.6, np.nan, 0.2, np.nan], customers=[60, np.nan, 10, np.nan])
    ax = channels.preference(part)
    assert [text.get_text() for text in ax.texts] == ["hidden", "hidden"], "a way that is hidden everywhere is named"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Online", "Offline"]
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
