import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_lifecycle import END, random_bank

import bankmkt as bm
from bankmkt.errors import SchemaError
from bankmkt.segments import matrix, matrix_summary, preferences


@pytest.fixture(scope="module")
def bank():
    return bm.open_bank(random_bank(6, customers=600))


def likes(bank, day):
    """A preference of the mature, and one of nobody."""
    t = matrix(bank, day)
    return t.select("customer_id", ripe=t.state == "mature", nobody=t.customer_id < 0)


def test_a_preference_is_where_most_share_it_for_sure():
    rng = np.random.default_rng(3)
    states = [f"s{i}" for i in range(40)]
    size = rng.integers(10, 400, 40).astype(float)
    share = np.full(40, 0.1)
    share[17], size[17] = 0.4, 300.0
    share[5], size[5] = 0.5, 10.0  # a handful: its interval reaches far below
    cells = pd.DataFrame({"state": states, "tier": "a", "occupation_group": "b", "segment": states, "customers": size})
    cells["fan"] = (share * size).round() / size
    cells.attrs["shares"] = {"fan": (cells.fan * size).sum() / size.sum()}
    found = preferences(cells, ["fan"]).iloc[0]
    assert found.segment == "s17"
    assert found.share == pytest.approx((cells.fan * size).sum() / size.sum())
    assert found.ci_lower < found.share_there < found.ci_upper
    assert found.times == pytest.approx(found.ci_lower / found.share)
    assert found.ci_lower == pytest.approx(stats.beta.ppf(0.025 / 40, 120, 181))  # Clopper and Pearson, 40 intervals


def test_chance_is_told_as_a_preference_at_most_one_time_in_twenty():
    """112 segments of all sizes, ten preferences of nobody in particular, drawn 100 times: in few is any told."""
    rng = np.random.default_rng(11)
    size = rng.integers(10, 600, 112).astype(float)
    cells = pd.DataFrame({"state": "a", "tier": "b", "occupation_group": "c", "segment": range(112), "customers": size})
    names = [f"tag{i}" for i in range(10)]
    cells.attrs["shares"] = dict.fromkeys(names, 0.1)
    told = 0
    for _ in range(100):
        drawn = rng.binomial(size.astype(int)[:, None], 0.1, (112, 10)) / size[:, None]
        told += not preferences(cells.assign(**dict(zip(names, drawn.T, strict=True))), names).empty
    assert told <= stats.binom.ppf(0.999, 100, 0.05)


def test_shares_of_segments_are_those_of_the_rows(bank):
    cells = matrix_summary(bank, END, tags=likes(bank, END), k=1)
    found = preferences(cells, ["ripe", "nobody"])
    assert found.preference.tolist() == ["ripe"]
    table = matrix(bank, END).execute().assign(ripe=lambda t: t.state == "mature")
    row = found.iloc[0]
    assert row.share == pytest.approx(table.ripe.mean())
    assert row.share_there == pytest.approx(table.ripe[table.segment == row.segment].mean())


def test_hidden_segments_are_never_the_answer(bank):
    cells = matrix_summary(bank, END, tags=likes(bank, END), k=10)
    found = preferences(cells, ["ripe"])
    assert cells.ripe.isna().any()
    assert found.segment.isin(cells.segment[cells.ripe.notna()]).all()
    nothing = preferences(cells.assign(ripe=np.nan), ["ripe"])
    assert nothing.empty
    assert list(nothing.columns) == list(found.columns)


def test_a_tag_that_is_not_there(bank):
    with pytest.raises(SchemaError, match="odd"):
        preferences(matrix_summary(bank, END), ["odd"])
