import numpy as np
import pandas as pd
import pytest
from test_lifecycle import END, MONTHS, random_bank, states

import bankmkt as bm
from bankmkt.errors import DataError, ParameterError
from bankmkt.segments import customer_base, lifecycle
from bankmkt.segments.base import NO_BALANCES, state_sizes, unit_bank

PARTS = ("states", "moves", "flows", "chances", "retention", "cells", "clusters", "value", "total", "calibration")


@pytest.fixture(scope="module")
def frames():
    return random_bank(4, customers=400)


@pytest.fixture(scope="module")
def bank(frames):
    return bm.open_bank(frames)


@pytest.fixture(scope="module")
def whole(bank):
    return customer_base(bank, acts=1, tags=lambda bank, _: bank.customers.select("customer_id", fan=True))


def test_sizes_of_states_are_those_of_the_rows(bank):
    found = state_sizes(bank, lifecycle(bank, END), k=1)
    rows = states(bank)
    rows = rows[rows.state != "lost"]
    wanted = rows.groupby(["month", "state"]).agg(customers=("aum", "size"), aum=("aum", "sum"))
    found = found.assign(month=pd.to_datetime(found.month)).set_index(["month", "state"])
    assert found.customers[found.customers > 0].to_dict() == wanted.customers.to_dict()
    np.testing.assert_allclose(found.aum[found.customers > 0].sort_index(), wanted.aum.sort_index(), atol=0.01)
    np.testing.assert_allclose(found.groupby("month").share.sum(), 1)


def test_small_states_are_hidden_and_not_alone(bank):
    exact, shown = (state_sizes(bank, lifecycle(bank, END), k=k) for k in (1, 10))
    small = exact.customers.between(1, 9)
    assert small.any()
    assert shown.suppressed[small].all()
    for _, rows in exact.groupby("month"):
        hidden = rows[shown.suppressed[rows.index]].customers
        assert hidden.sum() == 0 or (len(hidden) > 1 and hidden.sum() >= 10)


def test_a_bank_with_balances_has_all_parts_or_says_why(whole):
    who = whole
    assert who.day == MONTHS[-1].date()
    assert who.cells.fan.dropna().isin([0, 1]).all()
    assert who.before == pd.Timestamp("2025-02-28").date()
    for part in PARTS:
        assert getattr(who, part) is not None or who.why({"flows": "moves"}.get(part, part)), part
    assert len(who.cells) == 112
    assert "account" in who.why("outlook")


def test_a_source_without_balances_has_rfm_and_an_outlook(frames):
    t = frames["transactions"].assign(kind="spend", amount=lambda t: -1.0 - t.index % 7)
    some = {"organisations": frames["organisations"], "customers": frames["customers"], "transactions": t}
    who = customer_base(bm.open_bank(some))
    assert who.rfm is not None
    assert who.day == pd.Timestamp(END).date()
    for part in PARTS:
        assert getattr(who, part) is None
    assert who.why("states") == NO_BALANCES
    assert who.outlook is not None or who.why("outlook")


def test_scores_are_of_open_accounts(whole, bank, frames):
    who = whole
    c, t = frames["customers"], frames["transactions"]
    gone = set(c.customer_id[c.closed_on <= pd.Timestamp(who.day)])
    late = t[(t.ts > pd.Timestamp(who.day) - pd.Timedelta(days=365)) & t.kind.isin(["spend", "bill"])]
    spent = set(late.customer_id)
    assert gone & spent, "some who spent have left"
    scored = set(bank.frame(who.rfm.table).customer_id)
    assert scored == spent - gone


def test_nothing_is_told_of_few(bank):
    who = customer_base(bank, k=100_000)
    assert who.rfm is None
    assert who.why("sensitivity") == who.why("rfm")
    for part in ("rfm", "states", "moves", "flows", "cells"):
        assert getattr(who, part) is None
        assert "fewer than 100000" in who.why(part)


def test_a_young_bank_says_what_it_is_too_young_for(frames):
    young = customer_base(bm.open_bank(frames), "2025-01")
    assert young.cells is None
    assert "one month" in young.why("cells")
    assert "are needed" in young.why("attrition")
    assert young.states is not None


def test_a_unit_is_its_customers(tiny_bank, tiny_frames):
    part = unit_bank(tiny_bank, 2)
    c = tiny_frames["customers"]
    mine = set(c[c.org_id.isin([2, 4, 5])].customer_id)
    assert set(part.customers.execute().customer_id) == mine
    for name in ("balances", "transactions", "events"):
        rows = tiny_frames[name]
        assert len(part.table(name).execute()) == rows.customer_id.isin(mine).sum()
    with pytest.raises(ParameterError, match="org_id = 99"):
        unit_bank(tiny_bank, 99)


def test_what_cannot_be_is_refused(bank, frames):
    with pytest.raises(ParameterError, match="month"):
        customer_base(bank, "June")
    with pytest.raises(ParameterError, match="margins"):
        customer_base(bank, margins={"gold": 1})
    with pytest.raises(ParameterError, match="a Bank"):
        customer_base(frames)
    empty = {name: frames[name] for name in ("organisations", "customers")}
    nothing = bm.open_bank(empty | {"transactions": frames["transactions"].iloc[:0]})
    with pytest.raises(DataError, match="no rows"):
        customer_base(nothing)
