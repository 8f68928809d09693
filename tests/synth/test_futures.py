"""Futures start from what the bank holds, obey its laws, and are read as the tags would read their rows."""

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest

import bankmkt as bm
from bankmkt import tags
from bankmkt.errors import DataError, ParameterError
from bankmkt.synth.futures import FUTURE_FEATURES, future_features, futures, hidden, made_with, present
from bankmkt.synth.simulate import advance
from bankmkt.tags.compute import features_of

DAY = dt.date(2024, 11, 30)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return bm.generate(tmp_path_factory.mktemp("futures") / "bank", 1_500, 8, seed=5, workers=1, progress=False)


@pytest.fixture(scope="module")
def block(bank):
    ((day, found),) = present(bank, [DAY])
    assert day == DAY
    return found


def told(bank, day, names=FUTURE_FEATURES):
    every = {f.name: f for p in tags.PREDICTIVE for f in features_of([p.tag("outcome")])}
    wide = tags.features(bank, day, [every[name] for name in names])
    return bank.fetch(wide.select("customer_id", *names)).to_pandas().set_index("customer_id").sort_index()


def test_the_present_is_the_banks(bank, block):
    held = told(bank, DAY, ["aum"])
    known = hidden(block).set_index("customer_id")
    cents = known[[f"balance_{i}" for i in range(6)]].sum(axis=1)
    assert (cents.reindex(held.index) / 100).to_numpy() == pytest.approx(held.aum.to_numpy(), abs=0.005)


def test_the_realised_months_are_read_as_from_the_tables(bank):
    ((_, block),) = present(bank, [DAY])
    steps = []
    start = type(block)(**vars(block))
    for _ in range(3):
        steps.append(advance(start))
    found = future_features(block, steps).set_index("customer_id")
    expected = told(bank, dt.date(2025, 2, 28))
    assert set(FUTURE_FEATURES) == {f.name for p in tags.PREDICTIVE for f in features_of([p.tag("outcome")])}
    for name in FUTURE_FEATURES:
        mine = found[name].reindex(expected.index).to_numpy(dtype=float)
        assert mine == pytest.approx(expected[name].to_numpy(dtype=float), abs=0.005), name
    people = bank.fetch(bank.customers.select("customer_id", "closed_on")).to_pandas().set_index("customer_id")
    closed = pd.to_datetime(people.closed_on) <= "2025-02-28"
    assert (found.closed.reindex(closed.index) == closed).all()


def test_futures_repeat_with_their_seed_and_leave_the_present_alone(block):
    before = hidden(block)
    one, two = ([*futures(block, 3, 2, seed)] for seed in (1, 1))
    other = next(futures(block, 3, 1, 2))
    for a, b in zip(one, two, strict=True):
        assert a.equals(b)
    assert not one[0].equals(one[1])
    assert not one[0].equals(other)
    assert hidden(block).equals(before)


def test_means_over_futures_are_where_the_bank_went(bank, block):
    """Logins of the quarter: the bank's total lies within 4 standard deviations of the futures' totals."""
    open_then = told(bank, DAY, ["aum"]).index
    totals = [f.set_index("customer_id").login_quarter.reindex(open_then).sum() for f in futures(block, 3, 30, 1)]
    happened = told(bank, dt.date(2025, 2, 28), ["login_quarter"]).login_quarter.reindex(open_then).fillna(0).sum()
    assert abs(happened - np.mean(totals)) < 4 * np.std(totals, ddof=1) * np.sqrt(1 + 1 / 30)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda block: next(futures(block, 2, 1, 1)), "months = 2"),
        (lambda block: next(futures(block, 3, 0, 1)), "draws = 0"),
    ],
)
def test_what_cannot_be(block, call, message):
    with pytest.raises(ParameterError, match=message):
        call(block)


def test_only_a_generated_bank_has_futures(bank, tiny_bank):
    with pytest.raises(DataError, match="a generated bank"):
        next(present(tiny_bank, [DAY]))
    with pytest.raises(ParameterError, match="within the bank's 8 months"):
        next(present(bank, [dt.date(2025, 3, 31)]))


def changed(bank, manifest=None, balances=None):
    """Return the bank with another manifest or other balances."""
    tables = dict(bank.raw)
    if balances is not None:
        tables["balances"] = dataclasses.replace(bank.raw["balances"], expr=balances)
    return type(bank)(bank.con, tables, path=bank.path, manifest=manifest or bank.manifest)


@pytest.mark.parametrize("model", [0, 2, None])
def test_a_bank_of_another_model_has_no_futures_here(bank, model):
    other = changed(bank, bank.manifest | {"parameters": bank.manifest["parameters"] | {"model": model}})
    with pytest.raises(DataError, match="this version's; make the bank again"):
        made_with(other)
    assert not tags.truth_known(other)
    assert tags.truth_known(bank)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.mutate(aum=(t.customer_id == 7).ifelse(t.aum + 1, t.aum)), "1 of .* customers with another AUM"),
        (lambda t: t.filter(t.customer_id != 7), "the simulation has"),
    ],
)
def test_a_bank_that_was_changed_has_no_futures(bank, change, message):
    with pytest.raises(DataError, match=f"is not as it was made: .*{message}.*make the bank again"):
        next(present(changed(bank, balances=change(bank.balances)), [DAY]))


def test_another_seed_is_not_the_banks(bank):
    other = changed(bank, bank.manifest | {"parameters": bank.manifest["parameters"] | {"seed": 6}})
    with pytest.raises(DataError, match="is not as it was made"):
        next(present(other, [DAY]))
