"""A portrait is right, says why, names nobody, escapes what comes from data, and refuses who is not there."""

import re
from xml.etree import ElementTree

import ibis
import numpy as np
import pandas as pd
import pytest
import tiny
from ibis import _

import bankmkt as bm
from bankmkt import tags
from bankmkt.bank import open_bank
from bankmkt.errors import DataError, ParameterError
from bankmkt.tags import Feature, Tag
from bankmkt.tags import evidence as evidence_of
from bankmkt.tags.catalogue import used
from bankmkt.tags.declare import ATTRIBUTES, RELATED
from bankmkt.tags.evidence import evidence
from bankmkt.tags.families import house_tags
from bankmkt.tags.likely import supported
from bankmkt.tags.page import chart

DAY = "2025-06-30"
WHO = 24
FEW = [
    "payroll", "wealth_tier", "age", "fund_holder", "fund_saver", "card_user", "app_monthly", "car_owner", "active",
    "manager_silent", "managed", "pay_moves_out", "foodie", "opens_push", "card_first", "counter_to_app",
]  # fmt: skip
"""Tags to choose from; fewer than the catalogue's, which takes Ibis seconds to put into words."""


@pytest.fixture(scope="module")
def one(tiny_bank):
    return tags.portrait(tiny_bank, WHO, DAY, state="mature", label="Visitor A", tags=FEW)


def test_it_shows_what_the_tables_say(one, tiny_frames, tiny_bank):
    rows = tiny_frames["balances"].query("customer_id == @WHO")
    assert one.months.aum.tolist() == rows.aum.tolist()
    assert one.months.columns.tolist() == ["month", "aum", *tiny.PRODUCTS]
    own = tiny_frames["transactions"].query("customer_id == @WHO and channel != 'auto'")
    own = own[(own.ts > "2024-12-31") & ((own["product"] == "demand") | (own.kind == "spend"))]
    assert one.channels.set_index("channel").movements.to_dict() == own.channel.value_counts().to_dict()
    contact = tiny_frames["contacts"].query("customer_id == @WHO").iloc[0]
    assert one.contacts[["channel", "status"]].values.tolist() == [[contact.channel, contact.status]]
    assert str(one.contacts.day[0])[:10] == f"{contact.ts:%Y-%m-%d}"
    assert one.contacts.campaign.tolist() == ["spring_pilot"]
    assert one.who["Gender"] == "female"
    assert one.who["Occupation"] == "retired"


def test_tags_are_those_that_hold_the_rarest_first(one, tiny_bank):
    every = tiny_bank.fetch(tags.compute(tiny_bank, DAY, FEW)).to_pandas().set_index("customer_id")
    flags = [c for c in every if every[c].notna().any() and every[c].dropna().map(type).eq(bool).all()]
    mine = [c for c in flags if every.loc[WHO, c] is True or every.loc[WHO, c] is np.True_]
    shares = every[mine].astype("boolean").fillna(False).mean().astype(float)
    assert set(one.tags.code) <= set(mine)
    assert len(one.tags) == min(10, len(mine))
    assert one.tags.share.tolist() == pytest.approx(sorted(shares)[: len(one.tags)])
    assert one.tags.share.is_monotonic_increasing


def test_evidence_is_the_values_the_rule_read(tiny_bank, tiny_frames):
    nights = Feature("dear", "transactions", _.amount.min(where=_.kind == "spend"), 3, "dearest purchase", "yuan")
    mine = Tag("mine", "Mine", "我的", "my own", (_.dear < 0) & _.has_car & (_.birth_date.year() < 2000), "m", [nights])
    one = tags.portrait(tiny_bank, WHO, DAY, tags=[mine]).tags.set_index("code")
    spent = tiny_frames["transactions"].query("customer_id == @WHO and kind == 'spend' and ts > '2025-03-31'")
    low = f"{spent.amount.min():,.0f}".replace("-", "−")
    assert one.evidence["mine"] == f"dearest purchase: {low} yuan; age: 45 to 49 years; car on record: yes"


def test_no_identity_is_shown(one, tiny_frames):
    person = tiny_frames["customers"].set_index("customer_id").loc[WHO]
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", one._repr_html_(), flags=re.S) + repr(one)
    for secret in (person.birth_date, person.opened_on, person.app_registered_on):
        assert f"{secret:%Y-%m-%d}" not in text


def test_no_tag_brings_an_identity_onto_the_page():
    """Customer 24, aged 67 and with a birthday and an anniversary next month, among all tags there are."""
    frames = tiny.with_text_ids(tiny.frames())
    people = frames["customers"]
    row = people.customer_id == "C0024"
    people.loc[row, ["birth_date", "opened_on"]] = [pd.Timestamp("1957-07-17"), pd.Timestamp("2017-07-19")]
    people.loc[row, "app_registered_on"] = pd.Timestamp("2025-05-23")
    people.loc[row, "manager_id"] = frames["staff"].staff_id.iloc[0]
    seen = [
        Tag("call", "Call", "话", "mine", _.last_call.notnull(), "m",
            [Feature("last_call", "contacts", _.contact_id.max(), None, "which contact was last", empty=None)]),
        Tag("device", "Device", "机", "mine", _.devices >= 0, "m",
            [Feature("devices", "events", _.visitor_id.nunique(), None, "devices ever used")]),
        Tag("spring", "Spring", "春", "mine", _.birth_date.month() < 12, "born before December"),
    ]  # fmt: skip
    one = tags.portrait(open_bank(frames), "C0024", DAY, tags=[*house_tags().values(), *seen], top=300)
    held = one.tags.set_index("code")
    assert {"retired", "managed"} <= set(held.index)
    assert {"birthday_next_month", "anniversary_next_month", "spring"}.isdisjoint(held.index)
    assert held.evidence["call"] == "which contact was last: on record"
    assert re.fullmatch(r"devices ever used: \d+", held.evidence["device"])
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", one._repr_html_(), flags=re.S) + repr(one)
    ids = {str(v) for name in ("customer_id", "org_id", "manager_id") for v in people.loc[row, name]}
    ids |= set(frames["staff"].staff_id) | set(frames["events"].visitor_id.dropna().astype(str))
    for secret in {*ids, "1957", "07-17", "2017-07", "07-19", "2025-05-23"}:
        assert secret not in text, secret
    assert not re.search(r"(?<![\d.,])67(?![\d.,%])", text), "the age in years"


def test_no_evidence_tells_a_birthday_an_age_or_an_id():
    """Of every tag of the house, whoever it holds for."""
    dates = {"birth_date": "1957-07-17", "opened_on": "2017-07-19", "app_registered_on": "2025-05-23", "as_of": DAY}
    planted = dict.fromkeys([*ATTRIBUTES, *RELATED], "SECRET") | dict.fromkeys(evidence_of._FACTS, "shown")
    planted |= {name: pd.Timestamp(day).date() for name, day in dates.items()}
    told = {}
    for code, tag in house_tags().items():
        row = {("attribute", name): value for name, value in planted.items()}
        row |= {("feature", feature.name): 3.0 for feature in used(tag)[0]}
        said = " ".join(evidence(tag, row))
        if found := [secret for secret in ("SECRET", "1957", "07-17", "2017", "2025-05", "67") if secret in said]:
            told[code] = found
    assert told == {}


@pytest.mark.slow
def test_text_ids_and_spark_give_the_same(one, spark_bank):
    text = tags.portrait(
        open_bank(tiny.with_text_ids(tiny.frames())), "C0024", DAY, state="mature", label="Visitor A", tags=FEW
    )
    spark = tags.portrait(spark_bank, WHO, DAY, state="mature", label="Visitor A", tags=FEW)
    for other in (text, spark):
        assert other.who == one.who
        for name in ("months", "channels", "tags", "contacts"):
            pd.testing.assert_frame_equal(getattr(other, name), getattr(one, name), check_dtype=False)
        assert other._repr_html_() == one._repr_html_()


def test_contacts_read_as_they_are_recorded(tiny_frames):
    """A contact that was opened was opened: "customers who joined" is how a flow of that name reads."""
    tiny_frames["contacts"]["status"] = "opened"
    tiny_frames["contacts"]["channel"] = "rm"
    text = tags.portrait(open_bank(tiny_frames), WHO, DAY, tags=["payroll"])._repr_html_()
    assert "<td>relationship manager</td><td>opened</td>" in text


def test_what_a_bank_lacks_is_left_out(tiny_frames):
    few = {name: tiny_frames[name] for name in ("organisations", "customers", "balances", "transactions")}
    few["customers"] = few["customers"].drop(columns=["manager_id", "has_car", "risk_level"])
    one = tags.portrait(open_bank(few), WHO, DAY, tags=FEW)
    assert one.contacts.empty
    assert "none is known" in one._repr_html_()
    assert "Risk tolerance" not in one.who
    assert any("bm.lifecycle" in note for note in one.notes)


def test_all_that_comes_from_data_is_escaped(tiny_frames):
    evil = "<script>alert('x')</script>"
    tiny_frames["organisations"]["city"] = evil
    tiny_frames["campaigns"]["name"] = evil
    bad = Tag("bad", evil, evil, "mine", _.aum >= 0, evil)
    text = tags.portrait(open_bank(tiny_frames), WHO, DAY, tags=[bad], state=evil, label=evil)._repr_html_()
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 6


def test_the_chart_is_whole_and_says_what_it_shows(one):
    svg = ElementTree.fromstring(chart(one.months).split("</svg>")[0] + "</svg>")
    assert svg.attrib["role"] == "img"
    assert svg.attrib["aria-label"].startswith("AUM ")
    bars = [{k: float(v) for k, v in e.attrib.items() if k != "fill"} for e in svg.iter("rect")]
    assert bars
    width, height = float(svg.attrib["width"]), float(svg.attrib["height"])
    for bar in bars:
        assert bar["x"] >= 0
        assert bar["y"] >= 0
        assert bar["x"] + bar["width"] <= width + 0.1
        assert bar["y"] + bar["height"] <= height - 20
    tall = [bar["height"] for bar in bars]
    held = one.months[tiny.PRODUCTS].to_numpy()
    assert sum(tall) / held.sum() == pytest.approx(max(tall) / held.max(), rel=0.05), "areas are to scale"


def test_the_chart_takes_an_empty_account_and_a_single_month(one):
    for months in (one.months.head(1), one.months.assign(**dict.fromkeys(["aum", *tiny.PRODUCTS], 0.0))):
        ElementTree.fromstring(chart(months).split("</svg>")[0] + "</svg>")


@pytest.mark.parametrize(
    ("customer", "day", "error", "message"),
    [
        (999, DAY, DataError, "no such customer"),
        (5, DAY, DataError, "closed on 2025-04-15; ask as of a day before"),
        (50, "2025-06-14", DataError, "came on 2025-06-15, after 2025-06-14"),
        ("C24", DAY, ParameterError, "expected a whole number; pass the id as the bank has it"),
        ("999", DAY, DataError, "no such customer"),
        (24.0, DAY, ParameterError, "expected a whole number"),
        (None, DAY, ParameterError, "expected a whole number"),
        (True, DAY, ParameterError, "expected a whole number"),
        (24, "June", ParameterError, "as_of = 'June'"),
    ],
)
def test_who_is_not_there_is_refused(tiny_bank, customer, day, error, message):
    for look in (tags.portrait, tags.check_customer):
        with pytest.raises(error, match=message):
            look(tiny_bank, customer, day)


def test_an_id_is_an_id_however_it_is_written(tiny_bank, tiny_frames, one):
    for customer in (np.int64(WHO), np.uint8(WHO), str(WHO)):
        assert tags.portrait(tiny_bank, customer, DAY, tags=["payroll"]).who == one.who
    few = {name: tiny_frames[name] for name in ("organisations", "staff", "customers", "balances", "transactions")}
    for name in ("customers", "balances", "transactions"):
        few[name]["customer_id"] = few[name].customer_id.astype("Int64").astype("string")
    texts = open_bank(few)
    for customer in (WHO, np.int64(WHO), str(WHO)):
        assert tags.portrait(texts, customer, DAY, tags=["payroll"]).who == one.who
    with pytest.raises(DataError, match="no such customer"):
        tags.portrait(texts, 999, DAY)
    with pytest.raises(ParameterError, match="expected a text"):
        tags.portrait(texts, 24.0, DAY)


def test_the_state_is_read_from_the_life_cycle_as_of_the_day(tiny_bank):
    states = bm.lifecycle(tiny_bank, DAY)
    found = tiny_bank.frame(states.filter(states.customer_id == WHO)).sort_values("month").state
    assert tags.portrait(tiny_bank, WHO, DAY, state=states, tags=["payroll"]).state == found.iloc[-1]
    nobody = states.filter(states.customer_id < 0)
    assert tags.portrait(tiny_bank, WHO, DAY, state=nobody, tags=["payroll"]).state is None


def test_on_the_day_before_closing_there_is_a_portrait(tiny_bank):
    assert len(tags.portrait(tiny_bank, 5, "2025-04-14", tags=FEW).months) == 3


def test_a_hidden_share_stays_hidden(tiny_bank):
    quality = tags.quality(tiny_bank, DAY, tags=FEW, k=10)
    one = tags.portrait(tiny_bank, WHO, DAY, quality=quality, tags=FEW)
    hidden = set(quality.code[quality["mean"].isna()])
    assert one.tags.share[one.tags.code.isin(hidden)].isna().all()
    assert "hidden" in one._repr_html_()
    shares = one.tags.share
    assert shares.dropna().index.max() < shares[shares.isna()].index.min(), "the hidden come last"


def test_shares_are_of_all_customers_however_they_are_found(tiny_bank):
    """A tag that is known of some customers only: mean × coverage of the quality report is what counting gives."""
    quality = tags.quality(tiny_bank, DAY, tags=FEW, k=1)
    assert (quality.coverage < 1).any()
    shares = [tags.portrait(tiny_bank, WHO, DAY, quality=q, tags=FEW).tags for q in (quality, None)]
    pd.testing.assert_frame_equal(*shares)


def test_only_a_synthetic_bank_may_show_portraits_in_reports(tiny_bank, tmp_path):
    from bankmkt.synth import demo_bank

    assert tags.showable(demo_bank())
    assert not tags.showable(tiny_bank)
    assert not tags.showable(open_bank(tiny.frames()).save(tmp_path / "bank"))


@pytest.fixture(scope="module")
def demo_models():
    """A prediction of the house and one of our own, learned on the demo bank."""
    own = tags.Prediction(
        "buys_metal", "Will buy metal", "贵金属倾向", "preferences", "holds no metal; will hold some in three months",
        _.metal_now == 0, _.metal_now > 0, False, _.aum, "the wealthiest first",
    )  # fmt: skip
    bank = bm.demo_bank()
    return bank, tags.train(bank, "2026-03-31", ["app_dormancy", own], tags.house_inputs()[:6], snapshots=1)


def likely(demo_models, **more):
    bank, models = demo_models
    judged = bank.frame(tags.predict(bank, "2026-06-30", models)).set_index("customer_id").dropna()
    who = int(judged.index[0])
    one = tags.portrait(bank, who, "2026-06-30", models, tags=["payroll"], state="mature", **more)
    return judged.loc[who], one


def test_what_is_likely_is_what_the_models_say_ones_own_too(demo_models):
    scores, one = likely(demo_models)
    assert one.next_steps.set_index("code").probability.to_dict() == pytest.approx(scores.to_dict())
    assert one.next_steps.probability.is_monotonic_decreasing
    assert [note for note in one.notes if "was not judged here" in note]
    assert "Will buy metal" in one._repr_html_()


def test_what_later_months_do_not_support_is_left_out(demo_models):
    """One is no better than chance, the other is; a third case: the other was never judged."""

    def figures(code, low):
        row = {"code": code, "score": "model", "measure": "auc", "value": 0.6, "ci_lower": low, "ci_upper": 0.8}
        return {**row, "p_holm": 0.5, "customers": 500, "events": 50, "suppressed": False}

    both = pd.DataFrame([figures("app_dormancy", 0.55), figures("buys_metal", 0.45)])
    _scores, one = likely(demo_models, figures=both)
    assert one.next_steps.code.tolist() == ["app_dormancy"]
    (note,) = one.notes
    assert note == "Left out of likely next: Will buy metal (on later months no better than chance)."
    assert note in one._repr_html_()
    steps = pd.DataFrame({"code": ["app_dormancy", "buys_metal"], "name": ["Dormancy", "Metal"]})
    left, notes = supported(steps, both.head(1))
    assert left.code.tolist() == ["app_dormancy"]
    assert notes == ["Left out of likely next: Metal (not judged on later months)."]
    left, notes = supported(steps, both.tail(1))
    assert left.empty
    assert len(notes) == 1
    assert supported(steps.head(0), both)[1] == []


def test_the_expected_margin_is_told_as_a_band(tiny_bank):
    value = ibis.memtable(pd.DataFrame({"customer_id": [WHO, WHO + 1], "value_12m": [1_234.5, 10.0]}))
    value = tiny_bank.con.create_table("value_of_a_year", value.to_pyarrow(), temp=True)
    one = tags.portrait(tiny_bank, WHO, DAY, value=value, tags=["payroll"])
    assert one.who["Expected margin of a year"] == "1,000 to 2,000 yuan"
    assert "1,234" not in one._repr_html_()
    nobody = tags.portrait(tiny_bank, WHO, DAY, value=value.filter(value.customer_id < 0), tags=["payroll"])
    assert "Expected margin of a year" not in nobody.who


def test_a_day_reads_as_a_band_of_months():
    tag = Tag("t", "T", "是", "mine", (_.opened_on < _.as_of) & _.manager_id.notnull(), "m")
    day = pd.Timestamp("2025-06-30").date()
    values = {("attribute", "opened_on"): pd.Timestamp("2024-07-01").date(), ("attribute", "as_of"): day}
    assert evidence(tag, values | {("attribute", "manager_id"): 7}) == [
        "customer for: 6 to 11 months",
        "manager: on record",
    ]
