import itertools

import numpy as np
import pandas as pd
import pytest

import bankmkt as bm
from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.segments import STATES, flows, lifecycle, migration
from bankmkt.segments.migration import OUTSIDE

NAMES = ["a", "b", "c", "d"]


def two_days(seed=1, customers=400, states=NAMES):
    """Return customers 1 to n on one day and 21 to n + 30 on another."""
    rng = np.random.default_rng(seed)
    out = []
    for ids in (np.arange(1, customers + 1), np.arange(21, customers + 31)):
        weights = np.arange(len(states), 0, -1) ** 2.0
        state = rng.choice(states, len(ids), p=weights / weights.sum())
        out.append(pd.DataFrame({"customer_id": ids, "state": state, "aum": rng.lognormal(8, 2, len(ids)).round(2)}))
    return out


def test_moves_are_what_a_merge_counts():
    before, after = two_days()
    found = migration(before, after, k=1)
    both = before.merge(after, on="customer_id", how="outer", suffixes=("_before", "_after"))
    both = both.fillna({"state_before": OUTSIDE, "state_after": OUTSIDE, "aum_before": 0, "aum_after": 0})
    expected = both.groupby(["state_before", "state_after"]).agg(
        customers=("customer_id", "size"), aum_before=("aum_before", "sum"), aum_after=("aum_after", "sum")
    )
    expected.index.names = ["from", "to"]
    found = found.set_index(["from", "to"])
    pd.testing.assert_frame_equal(found.drop(columns="suppressed"), expected, check_dtype=False, atol=0.006, rtol=0)
    assert not found.suppressed.any()
    assert found.loc[(OUTSIDE, slice(None)), "customers"].sum() == 30
    assert found.loc[(slice(None), OUTSIDE), "customers"].sum() == 20


def test_inflow_less_outflow_is_the_change():
    before, after = two_days(2)
    found = flows(before, after, k=1).set_index("state")
    for day, frame in (("before", before), ("after", after)):
        of = frame.groupby("state")
        assert found[f"customers_{day}"].to_dict() == of.size().to_dict()
        pd.testing.assert_series_equal(found[f"aum_{day}"], of.aum.sum(), check_names=False, atol=0.006, rtol=0)
    change = found.customers_after - found.customers_before
    assert (found.customers_in - found.customers_out == change).all()
    gap = found.aum_before + found.aum_in - found.aum_out + found.aum_growth - found.aum_after
    assert gap.abs().max() < 0.03  # five figures, each rounded to the cent
    assert found.customers_in.sum() - found.customers_out.sum() == len(after) - len(before)


def test_a_banks_life_cycle_reconciles(tiny_bank, tiny_frames):
    """New customers come from outside, closed ones go to lost and leave no money behind."""
    spring, summer = (lifecycle(tiny_bank, day, 1) for day in ("2025-03-31", "2025-06-30"))
    moves = migration(spring, summer, k=1)
    balances = tiny_frames["balances"].groupby("month").aum.sum()
    assert moves.aum_before.sum() == pytest.approx(balances["2025-03-31"], abs=0.005)
    assert moves.aum_after.sum() == pytest.approx(balances["2025-06-30"], abs=0.005)
    assert moves[moves["from"] == OUTSIDE].customers.sum() == 3  # opened in April, May and June
    assert not (moves["to"] == OUTSIDE).any()
    lost = moves[(moves["to"] == "lost") & (moves["from"] != "lost")]
    assert lost.customers.sum() == 2
    assert lost.aum_after.sum() == 0
    assert set(moves["to"]) <= set(STATES)


@pytest.mark.slow
@pytest.mark.spark
def test_spark_counts_the_same(tiny_bank, spark_bank):
    for count in (migration, flows):
        one, other = (
            count(*(lifecycle(bank, day, 1) for day in ("2025-03-31", "2025-06-30")), k=1)
            for bank in (tiny_bank, spark_bank)
        )
        pd.testing.assert_frame_equal(one, other)


def test_text_ids_and_segments_by_another_name():
    before, after = (f.assign(customer_id="C" + f.customer_id.astype(str)) for f in two_days(3))
    renamed = (f.rename(columns={"state": "segment"}) for f in (before, after))
    pd.testing.assert_frame_equal(migration(*renamed, by="segment"), migration(before, after))


@pytest.mark.parametrize("seed", range(8))
def test_what_is_hidden_cannot_be_worked_out(seed):
    """With the sizes of states and all else shown, the hidden cells of a line are two or more with k customers;
    or all of the line, and then :func:`flows` hides their sum.
    """
    before, after = two_days(seed, customers=300)
    exact, shown, totals = migration(before, after, k=1), migration(before, after), flows(before, after)
    small = exact.customers < 10
    assert small.any()
    assert shown.suppressed[small].all()
    assert shown[["customers", "aum_before", "aum_after"]].isna().all(axis="columns").equals(shown.suppressed)
    stays = exact["from"] == exact["to"]
    for end, apart in itertools.product(("from", "to"), (True, False)):
        for _, rows in exact.groupby([exact[end], stays] if apart else [exact[end]]):
            hidden = rows[shown.suppressed[rows.index]]
            whole = len(hidden) == len(rows)
            assert len(hidden) == 0 or whole or (len(hidden) > 1 and hidden.customers.sum() >= 10)
    exact_totals = flows(before, after, k=1)
    parts = exact_totals[["customers_before", "customers_in", "customers_out", "customers_after"]]
    staying = parts.customers_before - parts.customers_out
    tells = parts.isin(range(1, 10)).any(axis="columns") | staying.isin(range(1, 10))
    assert totals.suppressed[tells].all()
    assert totals.loc[totals.suppressed, "aum_after"].isna().all()


def test_bad_tables_are_named():
    before, after = two_days()
    with pytest.raises(SchemaError, match="after has no column = 'aum'"):
        migration(before, after.drop(columns="aum"))
    with pytest.raises(DataError, match="before = 'a customer with two rows'"):
        migration(pd.concat([before, before.head(1)]), after)
    for column in ("aum", "state"):
        with pytest.raises(DataError, match="after = 'a row without a value'"):
            migration(before, after.assign(**{column: after[column].where(after.customer_id != 50)}))
    with pytest.raises(ParameterError, match="before and after = 'DataFrame and list'"):
        migration(before, [])
    with pytest.raises(ParameterError, match="k = 0"):
        migration(before, after, k=0)
    with pytest.raises(ParameterError, match=r"by = \['state'\]: expected the name of a column"):
        migration(before, after, by=["state"])
    with pytest.raises(SchemaError, match=r"customer_id = .*'before': 'numbers', 'after': 'text'"):
        migration(before, after.assign(customer_id=after.customer_id.astype(str)))
    with pytest.raises(SchemaError, match=r"after\.aum = 'text': expected numbers"):
        migration(before, after.assign(aum="x"))
    for count in (migration, flows):
        with pytest.raises(DataError, match="after = \"a state called 'outside'\": expected another name"):
            count(before, after.assign(state=after.state.mask(after.customer_id == 50, OUTSIDE)))


def test_tables_of_two_banks_are_refused(tiny_bank, tiny_frames):
    then, now = lifecycle(tiny_bank, "2025-03-31", 1), lifecycle(bm.open_bank(tiny_frames), "2025-06-30", 1)
    with pytest.raises(ParameterError, match="expected two tables of one bank; open the bank once"):
        migration(then, now)
    with pytest.raises(SchemaError, match="customer_id"):
        migration(then, then.mutate(customer_id=then.customer_id.cast("string")))
    with pytest.raises(SchemaError, match=r"before\.aum"):
        migration(then.mutate(aum=then.aum.cast("string")), then)


def test_nobody_at_all_moves_nobody():
    before, after = (f.iloc[:0] for f in two_days())
    assert len(migration(before, after)) == 0
    assert len(flows(before, after)) == 0


def test_it_is_one_of_the_package_names():
    assert bm.migration is migration
