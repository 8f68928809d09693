import numpy as np
import pandas as pd
import pytest
from test_lifecycle import END, random_bank

import bankmkt as bm
from bankmkt.errors import SchemaError
from bankmkt.segments import matrix_summary, preferences


@pytest.fixture(scope="module")
def bank():
    return bm.open_bank(random_bank(6, customers=600))


def even(bank, day):
    """A preference that about half have, and one of nobody."""
    c = bank.customers
    return c.select("customer_id", even=c.customer_id % 2 == 0, nobody=c.customer_id < 0)


def test_a_preference_is_where_most_share_it_for_sure():
    rng = np.random.default_rng(3)
    states = [f"s{i}" for i in range(40)]
    size = rng.integers(10, 400, 40).astype(float)
    share = np.full(40, 0.1)
    share[17], size[17] = 0.4, 300.0
    share[5], size[5] = 0.5, 10.0  # a handful: its interval reaches far below
    cells = pd.DataFrame({"state": states, "tier": "a", "occupation_group": "b", "segment": states, "customers": size})
    cells["fan"] = (share * size).round() / size
    found = preferences(cells, ["fan"]).iloc[0]
    assert found.segment == "s17"
    assert found.share == pytest.approx((cells.fan * size).sum() / size.sum())
    assert found.ci_lower < found.share_there < found.ci_upper
    assert found.times == pytest.approx(found.share_there / found.share)
    z, n, p = 1.959964, 300, cells.fan[17]  # Wilson's formula
    middle, half = p + z**2 / 2 / n, z * np.sqrt(p * (1 - p) / n + z**2 / 4 / n**2)
    assert found.ci_lower == pytest.approx((middle - half) / (1 + z**2 / n), abs=1e-6)


def test_shares_of_segments_are_those_of_the_rows(bank):
    cells = matrix_summary(bank, END, tags=even(bank, END), k=1)
    found = preferences(cells, ["even", "nobody"])
    assert found.preference.tolist() == ["even"]
    table = bm.segments.matrix(bank, END).execute().assign(even=lambda t: t.customer_id % 2 == 0)
    row = found.iloc[0]
    assert row.share == pytest.approx(table.even.mean())
    assert row.share_there == pytest.approx(table.even[table.segment == row.segment].mean())


def test_hidden_segments_are_never_the_answer(bank):
    cells = matrix_summary(bank, END, tags=even(bank, END), k=10)
    found = preferences(cells, ["even"])
    assert cells.even.isna().any()
    assert found.segment.isin(cells.segment[cells.even.notna()]).all()
    nothing = preferences(cells.assign(even=np.nan), ["even"])
    assert nothing.empty
    assert list(nothing.columns) == list(found.columns)


def test_a_tag_that_is_not_there(bank):
    with pytest.raises(SchemaError, match="odd"):
        preferences(matrix_summary(bank, END), ["odd"])
