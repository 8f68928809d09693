"""An analyst's campaign: the bank goes on as it would have but for its effects; the truth holds every arm."""

import copy
import dataclasses
import datetime as dt
import functools

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import bankmkt as bm
from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.experiment import panel, truth_of
from bankmkt.manifest import check_files, read_manifest
from bankmkt.schema import OUTCOMES
from bankmkt.synth import World, advance_bank, generate
from bankmkt.synth.futures import made_with
from bankmkt.synth.offers import OFFERS, Own
from bankmkt.synth.saved import load_block, save_block
from bankmkt.synth.simulate import Plan, advance, enlist
from bankmkt.synth.work import state_path
from bankmkt.validation import validate

ARMS = {"control": 0.4, "treatment": 0.3, "treatment_b": 0.3}
OFFER = {"treatment": "fund_push", "treatment_b": "fund_call"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """10,300 customers: two blocks, in the second of which few are in the campaign."""
    path = tmp_path_factory.mktemp("world") / "now"
    return World(generate(path, 10_300, 3, seed=5, workers=2, progress=False))


@pytest.fixture(scope="module")
def drawn(world):
    """4,000 customers who hold no fund, in three arms; every tenth is held out of everything."""
    b, c = world.bank.balances, world.bank.customers
    now = b.filter(b.month == max(world.bank.months), b.fund == 0, b.aum > 1000)
    people = c.filter(c.closed_on.isnull()).semi_join(now, "customer_id").select("customer_id").order_by("customer_id")
    people = world.bank.frame(people).tail(4_000)
    return bm.experiment.assign(people, "autumn", ARMS, hold_out=("2024", 0.1)).to_pandas()


@pytest.fixture(scope="module")
def later(world, drawn, tmp_path_factory):
    return world.run(
        drawn, OFFER, months=2, name="autumn", out=tmp_path_factory.mktemp("world") / "later", workers=2, progress=False
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A world of 300 customers."""
    return World(generate(tmp_path_factory.mktemp("small") / "now", 300, 3, seed=5, workers=1, progress=False))


@pytest.fixture(scope="module")
def few(small):
    """Those with an account, in three arms."""
    c = small.bank.customers
    people = c.filter(c.closed_on.isnull(), c.opened_on <= max(small.bank.months)).select("customer_id")
    return bm.experiment.assign(people, "autumn", ARMS).to_pandas().sort_values("customer_id", ignore_index=True)


@pytest.fixture(scope="module")
def seen(later):
    return panel(later.bank, "autumn").to_pandas().set_index("customer_id")


@pytest.fixture(scope="module")
def truth(later):
    t = later.bank.truth
    number = later.bank.frame(later.bank.campaigns).set_index("name").campaign_id["autumn"]
    found = later.bank.frame(t.filter(t.campaign_id == number))
    return {o: part.set_index("customer_id").sort_index() for o, part in found.groupby("outcome")}


def test_the_campaign_is_in_the_bank_like_any_other(later, drawn, seen):
    assert validate(later.bank).empty
    row = later.bank.frame(later.bank.campaigns).set_index("name").loc["autumn"]
    assert (row["product"], row.outcome, row.assignment) == ("fund", "conversion", "randomised")
    assert (pd.Timestamp(row.starts_on).date(), row.outcome_days) == (dt.date(2024, 10, 1), 31 + 30)
    inside = drawn.dropna(subset="arm").set_index("customer_id").sort_index()
    assert 3_500 < len(inside) < 3_700
    assert (seen.arm == inside.arm).all()
    assert (seen.propensity == inside.propensity).all()
    sizes = inside.arm.value_counts()
    cost = sum(sizes[arm] * OFFERS[offer].cost for arm, offer in OFFER.items())
    assert row.budget == pytest.approx(cost, abs=0.005)
    assert not seen.participated[seen.arm == "control"].any()
    assert 0.2 < seen.participated[seen.arm != "control"].mean() < 0.7


def test_only_those_in_an_arm_are_contacted_by_its_channel(later, seen):
    c = later.bank.contacts
    made = later.bank.frame(c.filter(c.campaign_id > 1_000))
    assert set(made.customer_id) <= set(seen.index[seen.arm != "control"])
    assert made.assign(arm=made.customer_id.map(seen.arm)).groupby("arm").channel.unique().map(list).to_dict() == {
        "treatment": ["app_push"],
        "treatment_b": ["call"],
    }


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_is_seen_is_the_truth_of_the_arm(seen, truth, outcome):
    """To the cent, from balances and events alone, though every arm has a simulation of its own."""
    known = truth[outcome]
    assert known.index.equals(seen.index)
    of = {"control": "y0", "treatment": "y1", "treatment_b": "y1_b"}
    for arm, column in of.items():
        here = seen.arm == arm
        np.testing.assert_allclose(seen[outcome][here], known[column][here], atol=0.005)
    assert known.y1_c.isna().all()


def test_both_offers_sell_and_do_not_do_the_same(truth):
    known = truth["conversion"]
    for column in ("y1", "y1_b"):
        gain = known[column] - known.y0
        assert gain.mean() > 3 * gain.sem()
    assert (known.y1 != known.y1_b).sum() > 20


def test_other_campaigns_know_nothing_of_several_arms(later):
    t = later.bank.truth
    other = later.bank.frame(t.filter(t.campaign_id < 1_000))
    assert len(other)
    assert other[["y1_b", "y1_c"]].isna().all(axis=None)
    assert truth_of(later.bank, "card_activation_2024").shape[1] == 4


def test_customers_outside_the_campaign_go_on_as_they_would_have(world, later, seen, tmp_path):
    alone = advance_bank(world.path, tmp_path / "alone", months=2, workers=1, progress=False)
    for name in ("balances", "assignments"):
        key = ["customer_id", "month" if name == "balances" else "campaign_id"]
        one, other = (b.frame(b.tables[name]).set_index(key).sort_index() for b in (alone, later.bank))
        out = [~t.index.get_level_values(0).isin(seen.index) for t in (one, other)]
        pd.testing.assert_frame_equal(one[out[0]], other[out[1]])
    b = later.bank.balances
    before = later.bank.frame(b.filter(b.month <= max(world.bank.months)).order_by("customer_id", "month"))
    pd.testing.assert_frame_equal(before, world.bank.frame(world.bank.balances.order_by("customer_id", "month")))
    assert not {"own"} & alone.manifest["parameters"].keys()


def test_any_number_of_workers_and_order_of_rows_gives_the_same_bytes(world, drawn, later, tmp_path):
    again = world.run(
        drawn.sample(frac=1, random_state=1),
        OFFER,
        months=2,
        name="autumn",
        out=tmp_path / "b",
        workers=1,
        progress=False,
    )
    assert again.bank.manifest["files"] == later.bank.manifest["files"]
    assert again.bank.manifest["parameters"] == later.bank.manifest["parameters"]
    check_files(tmp_path / "b", read_manifest(tmp_path / "b"), deep=True)


def test_the_next_campaign_starts_from_the_last_ones_end(small, few, tmp_path):
    """And a bank that goes on in two steps, inside a window, is the one that goes on at once."""
    first = small.run(few, OFFER, name="autumn", out=tmp_path / "a", months=1, progress=False)
    stay = few[few.customer_id.isin(first.bank.frame(first.bank.customers).query("closed_on.isna()").customer_id)]
    second = first.run(stay.tail(200), OFFER, name="winter", out=tmp_path / "b", months=2, progress=False)
    names = second.bank.frame(second.bank.campaigns).set_index("name").campaign_id
    assert names[["autumn", "winter"]].tolist() == [1001, 1002]
    assert validate(second.bank).empty
    assert second.bank.manifest["rows"]["truth"] == pq.read_table(tmp_path / "b" / "truth").num_rows
    block = load_block(state_path(first.path, 0, 3), Plan(5, "2024-07", 3), 0)
    own = Own(1001, "long", 4, 3, tuple(OFFER.values()), "randomised", "conversion", 0.0)
    block.plan = dataclasses.replace(block.plan, own=(own,))
    block.enrolments = [e for e in block.enrolments if e.campaign.campaign_id < 1001]
    enlist(block, own, stay.customer_id.to_numpy(), np.arange(len(stay)) % 3, np.full(len(stay), 1 / 3))
    straight = copy.deepcopy(block)
    truths = [advance(straight).truths for _ in range(3)][-1]
    advance(block)
    save_block(tmp_path / "state.npz", block)
    stopped = load_block(tmp_path / "state.npz", block.plan, 0)
    again = [advance(stopped).truths for _ in range(2)][-1]
    assert len(truths[-1].others) == 1
    for one, other in zip(truths, again, strict=True):
        for arm in range(3):
            for outcome in OUTCOMES:
                np.testing.assert_array_equal(one.arm(arm)[outcome], other.arm(arm)[outcome])


def test_one_arm_needs_no_more_columns(small, few, tmp_path):
    """And chances that differ are those of a targeted campaign."""
    two = few.query("arm != 'treatment_b'").assign(propensity=0.5)
    some = two.assign(propensity=np.where(two.index < 9, 0.4, 0.5))
    kinds = []
    for name, rows in (("same", two), ("differ", some)):
        later = small.run(rows, {"treatment": "balance_care"}, name="care", out=tmp_path / name, months=1,
                          outcome="aum_change", progress=False)  # fmt: skip
        kinds.append(later.bank.frame(later.bank.campaigns).set_index("name").assignment["care"])
    assert kinds == ["randomised", "targeted"]
    assert all("y1_b" not in pq.read_schema(path).names for path in (tmp_path / "same" / "truth").glob("*"))
    assert validate(later.bank).empty


def test_offers_of_different_products_are_judged_by_activity(small, few, tmp_path):
    mixed = small.run(few, OFFER | {"treatment_b": "wake_up_coupon"}, name="mixed", out=tmp_path / "m", months=1,
                      outcome="logins", progress=False)  # fmt: skip
    row = mixed.bank.frame(mixed.bank.campaigns).set_index("name").loc["mixed"]
    assert pd.isna(row["product"])
    own = panel(mixed.bank, "mixed").to_pandas().set_index("customer_id")
    known = truth_of(mixed.bank, "mixed").query("outcome == 'conversion'").set_index("customer_id")
    control = own[own.arm == "control"]
    assert (control.conversion == known.y0[control.index]).all()


def test_a_run_can_be_interrupted(small, few, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError("No space left on device")

    run = functools.partial(small.run, offers=OFFER, name="autumn", out=tmp_path / "b", months=1, progress=False)
    monkeypatch.setattr("bankmkt.synth.produce.write_manifest", full)
    with pytest.raises(DataError, match=r"resume with: world\.run"):
        run(few)
    monkeypatch.undo()
    with pytest.raises(DataError, match="the unfinished bank with"):
        run(few.head(50))
    assert validate(run(few).bank).empty


def test_its_futures_are_not_those_of_the_seed(later):
    with pytest.raises(DataError, match="an analyst's campaigns"):
        made_with(later.bank)


def closed_one(bank):
    c = bank.customers
    return int(bank.frame(c.filter(c.closed_on.notnull()).order_by("customer_id")).customer_id[0])


@pytest.mark.parametrize(
    ("change", "arguments", "error", "message"),
    [
        (lambda d, b: d.assign(customer_id=d.customer_id + 90_000), {}, DataError, "not customers of the bank"),
        (lambda d, b: pd.concat([d, d.head(1)]), {}, DataError, "1 twice, such as"),
        (lambda d, b: d.replace({"customer_id": {d.customer_id[0]: closed_one(b)}}), {}, DataError, "have closed"),
        (lambda d, b: d.replace({"arm": {"treatment": "call"}}), {}, ParameterError, "arm = 'call'.*one of control"),
        (lambda d, b: d.assign(propensity=np.nan), {}, DataError, "propensity = '50 rows'"),
        (lambda d, b: d.assign(propensity=1.2), {}, DataError, "a chance above 0"),
        (lambda d, b: d.drop(columns="propensity"), {}, SchemaError, "propensity"),
        (lambda d, b: d.assign(arm=None), {}, DataError, "nobody in an arm"),
        (lambda d, b: d.assign(customer_id=d.customer_id.astype(str)), {}, SchemaError, "whole numbers"),
        (lambda d, b: None, {}, ParameterError, "assignment = 'NoneType'"),
        (lambda d, b: d, {"offers": {"treatment": "cake", "treatment_b": "fund_call"}}, ParameterError, "'cake'"),
        (lambda d, b: d, {"offers": {"treatment_b": "fund_call"}}, ParameterError, "the arms treatment"),
        (lambda d, b: d, {"offers": {"treatment": "fund_call"}}, ParameterError, "arm = 'treatment_b'"),
        (lambda d, b: d, {"name": "card_activation_2024"}, ParameterError, "a new name"),
        (lambda d, b: d, {"outcome": "joy"}, ParameterError, "one of aum_change"),
        (lambda d, b: d, {"months": 0}, ParameterError, "months = 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_by_name(world, drawn, tmp_path, change, arguments, error, message):
    some = drawn.dropna(subset="arm").head(50).reset_index(drop=True)
    arguments = {"offers": OFFER, "name": "spring"} | arguments
    with pytest.raises(error, match=message):
        world.run(change(some, world.bank), out=tmp_path / "no", progress=False, **arguments)
    assert not list(tmp_path.iterdir())


def test_only_a_generated_bank_is_a_world(world, tiny_bank):
    with pytest.raises(DataError, match="a generated bank with all its months"):
        World(tiny_bank)
    with pytest.raises(DataError, match="a generated bank with all its months"):
        World(world.bank.as_of("2024-09-30"))
    assert repr(World(world.path)).startswith("World(Bank(")
