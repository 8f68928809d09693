"""Nothing after a day reaches inputs, outcomes learned from or scores; and what does reach them is found."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from ibis import _

from bankmkt import lookback, tags
from bankmkt.bank import open_bank
from bankmkt.errors import ParameterError
from bankmkt.schema import TABLES
from bankmkt.tags.families import house, house_tags
from bankmkt.tags.leakage import spoil
from bankmkt.tags.rules import days_since
from bankmkt.tags.snapshots import examples, house_inputs, sampled, snapshot

DAY, AFTER = dt.date(2025, 5, 31), dt.date(2025, 8, 31)
CODES = [p.code for p in tags.PREDICTIVE]
FEW = (
    *(house()[0][name] for name in ("aum", "aum_low", "own_month", "last_own", "spent", "login_month", "last_login",
                                    "contacts_quarter", "answers_half", "joined")),
    tags.Tag("app_days", "Days", "天数", "channels", days_since(_.app_registered_on), "days with the app"),
)  # fmt: skip
BUSY_DAY = dt.date(2026, 3, 31)


def poisoned(frames, day, seed=1):
    """Change all that happened after a day: rows added, removed and moved, every kind of column altered.

    Written in pandas, apart from the package's own way of spoiling a bank.
    """
    rng = np.random.default_rng(seed)
    day = pd.Timestamp(day)
    out = {}
    for name, frame in frames.items():
        table = TABLES[name]
        frame = frame.copy()
        for c in table.columns:
            if c.set_later and c.name in frame:
                was = pd.to_datetime(frame[c.name])
                given = day + pd.to_timedelta(rng.integers(1, 60, len(frame)), "D")
                later = given.where(rng.random(len(frame)) < 0.5)
                frame[c.name] = was.where(was <= day, later).astype("datetime64[us]")
        if name == "assignments":
            known = frame.participated_on <= day
            frame["participated"] = frame.participated.where(known, ~frame.participated.astype(bool))
        if not table.time:
            out[name] = frame
            continue
        time = pd.to_datetime(frame[table.time])
        late = time >= day + pd.Timedelta(days=1)
        early, after = frame[~late], frame[late]
        again = frame.sample(min(len(frame), 5_000), replace=True, random_state=seed)  # of before, in another place
        after = pd.concat([after[rng.random(len(after)) < 0.6], after[rng.random(len(after)) < 0.5], again])
        for c in table.columns:
            if c.name not in after or c.name == table.key[0] or c.name.endswith("_id") or c.set_later:
                continue
            if c.type == "float64":
                after[c.name] = after[c.name] * -99 + 5
            elif c.type == "int64":
                after[c.name] = after[c.name] + 3
            elif c.type == "boolean":
                after[c.name] = ~after[c.name].astype("boolean")
            elif c.type == "string":
                after[c.name] = rng.permutation(after[c.name])
        if "customer_id" in after and name != "customers":
            after["customer_id"] = rng.permutation(after["customer_id"])
        moved = day + pd.to_timedelta(rng.integers(1, 90, len(after)), "D")
        after[table.time] = moved.astype("datetime64[us]")
        early = early.assign(**{table.time: pd.to_datetime(early[table.time]).astype("datetime64[us]")})
        out[name] = pd.concat([early, after], ignore_index=True)
    return out


def frames_of(bank):
    return {name: bank.fetch(table).to_pandas() for name, table in bank.tables.items()}


@pytest.fixture(scope="module")
def other(generated):
    """The bank with another future."""
    return open_bank(poisoned(frames_of(generated), DAY))


def test_the_future_is_another(generated, other):
    for name in ("balances", "transactions", "events"):
        time = TABLES[name].time
        counts = [b.fetch(b.table(name).filter(_[time].cast("date") > DAY).count()).as_py() for b in (generated, other)]
        assert counts[0] != counts[1]
        assert min(counts) > 1_000


def test_another_future_changes_no_input_no_outcome_and_no_score(generated, other):
    last = dt.date(2025, 2, 28)  # its outcome ends on the day
    told = [
        (b.fetch(snapshot(b, DAY, house_inputs(), tags.PREDICTIVE, simple=True)).to_pandas(),
         examples(b.as_of(DAY), last, house_inputs(), tags.PREDICTIVE))
        for b in (generated, other)
    ]  # fmt: skip
    for one, two in zip(*told, strict=True):
        one, two = (f.set_index("customer_id").sort_index() for f in (one, two))
        assert {f"judged_{code}" for code in CODES} <= set(one)
        pd.testing.assert_frame_equal(one, two)
    models = [tags.train(b, DAY, ["app_dormancy", "card_activation"], FEW[:6], snapshots=1) for b in (generated, other)]
    for code, model in models[0].items():
        assert model.trees == models[1][code].trees
        assert (model.slope, model.intercept) == (models[1][code].slope, models[1][code].intercept)
    scores = [tags.predict(b, DAY, models[0]).to_pandas().set_index("customer_id") for b in (generated, other)]
    pd.testing.assert_frame_equal(*(s.sort_index() for s in scores))


def test_another_future_changes_no_input_of_a_bank_with_all_tables(busy_bank):
    import busy

    other = open_bank(poisoned(busy.frames(), BUSY_DAY))
    one, two = (
        b.fetch(snapshot(b, BUSY_DAY, FEW, tags.PREDICTIVE, simple=True)).to_pandas().set_index("customer_id")
        for b in (busy_bank, other)
    )
    pd.testing.assert_frame_equal(one.sort_index(), two.sort_index())


def test_no_house_input_leaks(generated):
    assert tags.leaks(generated, generated.months[-1]).empty


def found(bank):
    return tags.leaks(bank, bank.months[-1], ["wealth_propensity"], FEW, limit=0.999)


def test_few_inputs_do_not_leak(busy_bank):
    assert found(busy_bank).empty


@pytest.mark.parametrize(
    ("tables", "inputs"),
    [
        (["events"], {"login_month", "last_login"}),
        (["transactions"], {"own_month", "last_own", "spent"}),
        (["balances"], {"aum", "aum_low", "judged_wealth_propensity"}),
        (["customers"], {"customer_id", "app_days"}),
        (["contacts", "assignments"], {"contacts_quarter", "joined"}),
    ],
)
@pytest.mark.slow
def test_a_broken_cut_is_found(busy_bank, monkeypatch, tables, inputs):
    """Rows and dates of a table are not cut at all."""
    monkeypatch.setattr(lookback, "known", cut_wrong(tables, None))
    leaking = found(busy_bank)
    assert inputs <= set(leaking.input[leaking.reason == "future"])


@pytest.mark.parametrize(("table", "one"), [("events", "last_login"), ("customers", "customer_id")])
@pytest.mark.slow
def test_a_day_too_far_is_found(busy_bank, monkeypatch, table, one):
    monkeypatch.setattr(lookback, "known", cut_wrong([table], 1))
    assert one in set(found(busy_bank).input)


def cut_wrong(tables, late):
    """Return a cut that sees rows and dates of tables so many days too late; None for all of them."""
    right = lookback.known

    def wrong(contract, rows, date, campaigns=None):
        if contract.name not in tables:
            return right(contract, rows, date, campaigns)
        return rows if late is None else right(contract, rows, date + dt.timedelta(days=late), campaigns)

    return wrong


def overwritten(bank, column, value, share):
    """Return the bank in which a column of customers is rewritten for those who hold wealth on the last day."""
    people = bank.fetch(bank.customers).to_pandas()
    held = bank.fetch(bank.balances.filter((_.month == AFTER) & (_.wealth > 0)).customer_id).to_pandas()
    chosen = people.customer_id.isin(held.sample(frac=share, random_state=1))
    people[column] = people[column].mask(chosen, value)
    return open_bank({name: t for name, t in frames_of(bank).items() if name != "customers"} | {"customers": people})


@pytest.mark.parametrize("share", [1.0, 0.7])
def test_an_attribute_rewritten_after_the_outcome_is_caught(generated, share):
    leaking = overwritten(generated, "occupation", "retired", share)
    told = tags.leaks(leaking, AFTER, ["wealth_propensity"], [house_tags()["age"], job(), house()[0]["aum"]])
    assert told[["input", "reason", "code"]].values.tolist() == [["job", "alone", "wealth_propensity"]]
    assert told.auc[0] > 0.8


def job():
    return tags.Tag("job", "Job", "职业", "life cycle", _.occupation, "occupation group")


def test_a_column_without_a_date_is_caught(generated):
    leaking = overwritten(generated, "has_car", True, 1.0)
    car = tags.Tag("car", "Car", "车", "risk", _.has_car, "filled in at any time")
    told = tags.leaks(leaking, AFTER, ["wealth_propensity"], [car])
    assert "future" in set(told.reason)


def test_rows_dated_back_are_caught(generated):
    """Entries made after the outcome but dated before it look as if they had been there: only their AUC tells."""
    frames = frames_of(generated)
    high = frames["balances"][pd.to_datetime(frames["balances"].month) > pd.Timestamp(DAY)]
    bought = high[high.wealth > 0].customer_id.unique()
    entries = frames["transactions"].iloc[: len(bought)].assign(
        transaction_id=10**12 + np.arange(len(bought)), customer_id=bought, kind="fee", amount=-1.0, channel="auto",
        category=None, ts=pd.Timestamp(DAY),
    )  # fmt: skip
    frames["transactions"] = pd.concat([frames["transactions"], entries], ignore_index=True)
    fees = tags.Feature("fees", "transactions", _.count(where=(_.kind == "fee") & (_.amount == -1)), 1, "fees of 1")
    told = tags.leaks(open_bank(frames), AFTER, ["wealth_propensity"], [fees, house()[0]["aum"]])
    assert told[["input", "reason"]].values.tolist() == [["fees", "alone"]]


def test_what_was_known_is_not_spoilt(busy_bank):
    spoilt = spoil(busy_bank, BUSY_DAY)
    undated = {"customers": ["is_payroll", "has_car", "has_home", "risk_level", "manager_id"]}
    for name in busy_bank.raw:
        one, two = (b.fetch(b.as_of(BUSY_DAY).table(name)).to_pandas() for b in (busy_bank, spoilt))
        key = list(TABLES[name].key)
        one, two = (f.drop(columns=undated.get(name, [])).sort_values(key, ignore_index=True) for f in (one, two))
        pd.testing.assert_frame_equal(one, two)


def test_a_sample_is_a_part_of_the_whole(busy_bank, spark_bank, tiny_bank):
    ids = {}
    for seed, size in ((1, 60), (1, 120), (2, 60)):
        mine = sampled(busy_bank, size, seed)
        ids[seed, size] = set(busy_bank.fetch(busy_bank.customers.filter(mine(_.customer_id)).customer_id).to_pylist())
        assert abs(len(ids[seed, size]) - size) < 4 * np.sqrt(size)
    assert ids[1, 60] < ids[1, 120]
    assert ids[1, 60] != ids[2, 60]
    assert sampled(busy_bank, 240, 1) is None
    mine = sampled(busy_bank, 120, 1, "judged")
    apart = set(busy_bank.fetch(busy_bank.customers.filter(mine(_.customer_id)).customer_id).to_pylist())
    both = len(apart & ids[1, 120])  # as many as chance brings together, not all
    assert abs(both - 60) < 4 * np.sqrt(240 / 16)
    wanted = busy_bank, BUSY_DAY, FEW[:4], tags.PREDICTIVE[2:4]
    whole, part = (examples(*wanted, only).set_index("customer_id") for only in (None, sampled(busy_bank, 120, 1)))
    assert set(part.index) == ids[1, 120] & set(whole.index)
    pd.testing.assert_frame_equal(part, whole.loc[part.index])
    one, other = (
        sorted(b.fetch(b.customers.filter(sampled(b, 20, 5)(_.customer_id)).customer_id).to_pylist())
        for b in (tiny_bank, spark_bank)
    )
    assert one
    assert one == other
    with pytest.raises(ParameterError, match="customers = 0"):
        sampled(busy_bank, 0, 1)
    with pytest.raises(ParameterError, match="seed = -1"):
        sampled(busy_bank, 10, -1)


def test_leaks_are_found_in_a_sample(generated):
    leaking = overwritten(generated, "occupation", "retired", 1.0)
    told = tags.leaks(leaking, AFTER, ["wealth_propensity"], [job()], customers=2_000)
    assert told.input.tolist() == ["job"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"limit": 0.5}, "limit = 0.5"),
        ({"attribute_limit": 1.0}, "attribute_limit = 1.0"),
        ({"customers": 0}, "customers = 0"),
    ],
)
def test_what_cannot_be(busy_bank, more, message):
    with pytest.raises(ParameterError, match=message):
        tags.leaks(busy_bank, "2026-06-30", **more)
    with pytest.raises(ParameterError, match="over 3 months after the first"):
        tags.leaks(busy_bank, "2024-06-30")
