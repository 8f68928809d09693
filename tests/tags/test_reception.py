"""What sets groups apart and what the tablet shows: counts of pandas, equal on both engines, small cells hidden."""

import pandas as pd
import pytest
from ibis import _

from bankmkt import tags
from bankmkt.bank import open_bank
from bankmkt.errors import ParameterError
from bankmkt.tags import Tag

DAY = "2025-06-30"
CODES = ["payroll", "app_monthly", "car_owner", "wealth_holder", "fund_holder", "manager_missing"]


@pytest.fixture(scope="module")
def now(tiny_bank):
    return tiny_bank.fetch(tags.compute(tiny_bank, DAY, [*CODES, "generation"])).to_pandas()


def test_telling_is_the_difference_to_all(tiny_bank, now):
    found = tags.telling(tiny_bank, DAY, "generation", CODES, k=1, top=10)
    assert len(found)
    for row in found.itertuples():
        group = now[now.generation == row.group]
        assert row.customers == len(group)
        assert row.share == pytest.approx(group[row.code].mean())
        assert row.share_all == pytest.approx(now[row.code].mean())
        assert row.points == pytest.approx(100 * (row.share - row.share_all))
        assert row.points > 0
    assert found.groupby("group", sort=False).points.apply(lambda s: s.is_monotonic_decreasing).all()


def test_tags_that_read_what_groups_are_made_of_are_left_out(tiny_bank):
    found = tags.telling(tiny_bank, DAY, "wealth_tier", CODES, k=1, top=10)
    assert "manager_missing" not in set(found.code)  # it reads AUM
    twin = Tag("twin", "Twin", "双", "mine", _.gender == "female", "women")
    assert tags.telling(tiny_bank, DAY, twin, ["car_owner", "payroll"], k=1).group.isin(["true", "false"]).all()
    with pytest.raises(ParameterError, match="by = 'age'"):
        tags.telling(tiny_bank, DAY, "age", CODES)


def test_small_cells_of_groups_are_hidden(tiny_bank, now):
    found = tags.telling(tiny_bank, DAY, "generation", CODES, k=10, top=10)
    for row in found.itertuples():
        have = (now[now.generation == row.group][row.code]).sum()
        assert have in (0, row.customers) or 10 <= have <= row.customers - 10


def test_visitors_are_those_of_the_last_month(tiny_bank, tiny_frames, now):
    day = "2025-03-31"
    visits = tiny_frames["visits"]
    came = visits[(visits.ts > "2025-03-01") & (visits.ts < "2025-04-01")].customer_id.dropna()
    found = tags.visitors(tiny_bank, day, ["car_owner", "managed"], k=1)
    assert found.attrs == {"visitors": came.nunique(), "others": found.attrs["others"], "known_by": "visits"}
    people = tiny_frames["customers"].set_index("customer_id")
    managed = people.manager_id.loc[came.unique()].notna()
    assert found.set_index("code").visitors["managed"] == managed.sum()
    assert found.set_index("code").share["managed"] == pytest.approx(managed.mean())
    hidden = tags.visitors(tiny_bank, day, ["car_owner", "managed"], k=10)
    assert hidden.visitors.isna().all()
    assert hidden.attrs["visitors"] is None


def test_without_visits_the_counter_stands_in(tiny_frames):
    del tiny_frames["visits"]
    money = tiny_frames["transactions"]
    money.loc[
        money.customer_id.isin(range(11, 31)) & (money.ts > "2025-06-01") & (money.kind == "spend"), "channel"
    ] = "counter"
    bank = open_bank(tiny_frames)
    found = tags.visitors(bank, DAY, ["managed"], k=1)
    assert found.attrs["known_by"] == "movements at the counter"
    assert found.attrs["visitors"] == 20
    assert tags.recognition(bank, DAY).empty


def test_recognition_counts_visits_by_way(tiny_bank, tiny_frames, spark_bank):
    visits = tiny_frames["visits"]
    found = tags.recognition(tiny_bank, "2025-03-31", k=1).set_index("recognised_via")
    assert found.visits.sum() == len(visits[visits.ts < "2025-04-01"])
    unknown = visits.customer_id.isna()
    assert found.visits["not recognised"] == unknown.sum()
    ticket = visits[~unknown & (visits.recognised_via == "queue_ticket")]
    assert found.customers["queue_ticket"] == ticket.customer_id.nunique()
    assert found.shown_a_tag["queue_ticket"] == pytest.approx(ticket.pushed_tag.notna().mean())
    assert found.app_activated["queue_ticket"] == pytest.approx(ticket.activated.fillna(False).astype(float).mean())
    assert tags.recognition(tiny_bank, "2025-03-31", k=10)[["visits", "customers"]].isna().all().all()
    other = tags.recognition(spark_bank, "2025-03-31", k=1).set_index("recognised_via")
    pd.testing.assert_frame_equal(other, found, check_dtype=False)


def test_groups_and_visitors_are_equal_on_both_engines(tiny_bank, spark_bank):
    pair = [tags.telling(bank, DAY, "generation", CODES, k=1) for bank in (tiny_bank, spark_bank)]
    pd.testing.assert_frame_equal(*pair, check_dtype=False)
    pair = [tags.visitors(bank, "2025-03-31", ["managed"], k=1) for bank in (tiny_bank, spark_bank)]
    pd.testing.assert_frame_equal(*pair, check_dtype=False)
