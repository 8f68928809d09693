"""What sets groups apart and what the tablet shows: counts of pandas, equal on both engines, small cells hidden."""

import numpy as np
import pandas as pd
import pytest
from ibis import _
from scipy.stats import binomtest

from bankmkt import tags
from bankmkt.bank import open_bank
from bankmkt.errors import ParameterError
from bankmkt.tags import Tag
from bankmkt.tags.leads import leads
from bankmkt.tags.reception import _clustered

DAY = "2025-06-30"
CODES = ["payroll", "app_monthly", "car_owner", "wealth_holder", "fund_holder", "manager_missing"]


@pytest.fixture(scope="module")
def now(tiny_bank):
    return tiny_bank.fetch(tags.compute(tiny_bank, DAY, [*CODES, "acquired_by"])).to_pandas()


def test_telling_is_the_difference_to_all(tiny_bank, now):
    found = tags.telling(tiny_bank, DAY, "acquired_by", CODES, k=1, top=10)
    assert len(found)
    for row in found.itertuples():
        group = now[now.acquired_by == row.group]
        assert row.customers == len(group)
        assert row.share == pytest.approx(group[row.code].mean())
        assert row.share_all == pytest.approx(now[row.code].mean())
        assert row.points == pytest.approx(100 * (row.share - row.share_all))
        assert 0 < row.points_lower < row.points <= row.points_upper
    assert found.groupby("group", sort=False).points.apply(lambda s: s.is_monotonic_decreasing).all()
    assert found.attrs["compared"] == now.acquired_by.nunique() * (now[CODES].fillna(False).sum() > 0).sum()


def by_lot(rng, sizes, have):
    """Customers put into groups by lot, or with a lead: a cell per group and tag, as leads takes them."""
    sizes, everybody = np.array(sizes), sum(sizes)
    rows = [
        (size, x, sum(drawn), everybody)
        for drawn in (rng.multivariate_hypergeometric(sizes, k) if np.isscalar(k) else k for k in have)
        for size, x in zip(sizes, drawn, strict=True)
    ]
    return pd.DataFrame(rows, columns=["customers", "n", "all_have", "everybody"])


@pytest.mark.parametrize("sizes", [(8_000, 1_500, 300, 40), (200,) * 8])
def test_of_groups_made_by_lot_nothing_is_told(sizes):
    """In 19 families of 20 no tag stands out, though in most some tag is ahead by two standard errors."""
    rng = np.random.default_rng(5)
    have = [round(share * sum(sizes)) for share in (0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9)] * 3
    told, naive, draws = 0, 0, 200
    for _draw in range(draws):
        cells = by_lot(rng, sizes, have)
        ahead = leads(cells)
        told += (ahead.points_lower > 0).any()
        p, n, m = ahead.share_all, cells.customers, cells.everybody
        naive += (ahead.points / 100 > 1.96 * (p * (1 - p) * (1 / n - 1 / m)) ** 0.5).any()
    assert told / draws <= 0.05 + 3 * (0.05 * 0.95 / draws) ** 0.5
    assert naive / draws > 0.5


def test_a_tag_that_sets_a_group_apart_is_told_and_its_lead_is_covered():
    """35 % of a group of 500 and 20 % of 4,500 others, among 59 tags that tell nothing: seven standard errors."""
    rng = np.random.default_rng(6)
    lead, told, covered, draws = 100 * (0.35 - (0.35 * 500 + 0.2 * 4_500) / 5_000), 0, 0, 100
    for _draw in range(draws):
        planted = (rng.binomial(4_500, 0.2), rng.binomial(500, 0.35))
        ahead = leads(by_lot(rng, (4_500, 500), [planted, *[round(5_000 * s) for s in rng.uniform(0.02, 0.9, 59)]]))
        row = ahead.iloc[1]
        told += row.points_lower > 0
        covered += row.points_lower <= lead <= row.points_upper
    assert told >= 95
    assert covered >= 95


def test_tags_that_read_what_groups_are_made_of_are_left_out(tiny_bank):
    found = tags.telling(tiny_bank, DAY, "wealth_tier", CODES, k=1, top=10)
    assert "manager_missing" not in set(found.code)  # it reads AUM
    twin = Tag("twin", "Twin", "双", "mine", _.gender == "female", "women")
    found = tags.telling(
        tiny_bank, DAY, twin, [*CODES, Tag("elder", "Elder", "长", "mine", _.gender == "male", "m")], k=1
    )
    assert found.group.isin(["true", "false"]).all()
    assert "man" not in set(found.code), "it reads gender, as the groups do"
    with pytest.raises(ParameterError, match="by = 'age'"):
        tags.telling(tiny_bank, DAY, "age", CODES)


def test_small_cells_of_groups_are_hidden(tiny_bank, now):
    found = tags.telling(tiny_bank, DAY, "acquired_by", CODES, k=10, top=10)
    assert len(found)
    for row in found.itertuples():
        have = (now[now.acquired_by == row.group][row.code]).sum()
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
    often = tags.Feature("often", "visits", _.count(), 1, "visits")
    again = Tag("again", "Again", "又", "mine", _.often > 1, "came twice", [often])
    shown = tags.visitors(tiny_bank, day, ["greet_at_counter", again], k=1).set_index("code")
    assert shown.share_others.notna().to_dict() == {"greet_at_counter": True, "again": False}
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
    found = tags.visitors(bank, DAY, ["managed", "greet_at_counter", "counter_to_app"], k=1)
    others = found.set_index("code").share_others
    assert others.notna().to_dict() == {"managed": True, "greet_at_counter": False, "counter_to_app": False}
    assert found.attrs["known_by"] == "movements at the counter"
    assert found.attrs["visitors"] == 20
    assert tags.recognition(bank, DAY).empty


def test_recognition_counts_visits_by_way(tiny_bank, tiny_frames, spark_bank):
    visits = tiny_frames["visits"]
    found = tags.recognition(tiny_bank, "2025-03-31", k=1).set_index("recognised_via")
    assert found.visits.sum() == len(visits[visits.ts < "2025-04-01"])
    unknown = visits.customer_id.isna()
    assert found.visits["not recognised"] == unknown.sum()
    assert np.isnan(found.customers["not recognised"])
    ticket = visits[~unknown & (visits.recognised_via == "queue_ticket")]
    assert found.customers["queue_ticket"] == ticket.customer_id.nunique()
    assert found.shown_a_tag["queue_ticket"] == pytest.approx(ticket.pushed_tag.notna().mean())
    assert found.app_activated["queue_ticket"] == pytest.approx(ticket.activated.fillna(False).astype(float).mean())
    assert tags.recognition(tiny_bank, "2025-03-31", k=10)[["visits", "customers"]].isna().all().all()
    other = tags.recognition(spark_bank, "2025-03-31", k=1).set_index("recognised_via")
    pd.testing.assert_frame_equal(other, found, check_dtype=False)


def visits_bank(tiny_frames, sizes, shown):
    """The small bank with visits by face: customer i comes sizes[i] times, and is shown a tag at shown[i] of them."""
    frames = {name: frame.copy() for name, frame in tiny_frames.items()}
    times = [(i + 1, j < s) for i, (n, s) in enumerate(zip(sizes, shown, strict=True)) for j in range(n)]
    one = frames["visits"].iloc[[0]].drop(columns=["visit_id", "customer_id", "pushed_tag"])
    rows = pd.concat([one] * len(times), ignore_index=True)
    rows = rows.assign(visit_id=range(1, len(times) + 1), customer_id=[i for i, _ in times], recognised_via="face")
    rows["pushed_tag"] = ["greet" if tag else None for _, tag in times]
    frames["visits"] = rows.assign(ts=pd.Timestamp("2025-03-20 10:00"))
    for name in ("opened_on", "closed_on"):
        frames["customers"][name] = pd.Timestamp("2020-01-01") if name == "opened_on" else pd.NaT
    return open_bank(frames)


def test_one_who_comes_often_counts_as_one(tiny_frames):
    """Of 30 customers with a visit each, 15 were shown a tag: as binomial. The same with each visit four times over:
    the shares are the same, and so is the interval, as there are no more customers."""
    once = tags.recognition(visits_bank(tiny_frames, [1] * 30, [1] * 15 + [0] * 15), "2025-03-31", k=1).iloc[0]
    often = tags.recognition(visits_bank(tiny_frames, [4] * 30, [4] * 15 + [0] * 15), "2025-03-31", k=1).iloc[0]
    exact = binomtest(15, 30).proportion_ci(method="exact")
    assert once[["visits", "customers", "shown_a_tag"]].tolist() == [30, 30, 0.5]
    assert often[["visits", "customers", "shown_a_tag"]].tolist() == [120, 30, 0.5]
    for row in (once, often):  # n − 1 in the variance makes 29 of the 30 customers
        assert row.shown_a_tag_lower == pytest.approx(exact.low, abs=0.01)
        assert row.shown_a_tag_upper == pytest.approx(exact.high, abs=0.01)
    nobody = tags.recognition(visits_bank(tiny_frames, [4] * 30, [0] * 30), "2025-03-31", k=1).iloc[0]
    assert nobody[["shown_a_tag", "shown_a_tag_lower"]].tolist() == [0, 0]
    assert nobody.shown_a_tag_upper == pytest.approx(binomtest(0, 30).proportion_ci(method="exact").high, abs=0.01)


def test_the_interval_covers_the_share_of_all_visits():
    """Customers with a tendency of their own and one to nine visits: 95 % intervals cover the truth 95 times of 100."""
    rng = np.random.default_rng(11)
    draws, people = 1_000, 80
    n = rng.integers(1, 10, (draws, people))
    x = rng.binomial(n, rng.beta(1, 2, (draws, people)))
    frame = pd.DataFrame({
        "visits": n.sum(1), "units": people, "nn": (n * n).sum(1), "x": x.sum(1), "x_xx": (x * x).sum(1),
        "x_xn": (x * n).sum(1),
    })  # fmt: skip
    _share, lower, upper = _clustered(frame, "x")
    covered = ((lower <= 1 / 3) & (upper >= 1 / 3)).mean()
    assert covered >= 0.95 - 3 * (0.95 * 0.05 / draws) ** 0.5
    naive = 1.96 * (2 / 9 / n.sum(1)) ** 0.5
    assert (abs(x.sum(1) / n.sum(1) - 1 / 3) <= naive).mean() < 0.85, "visits taken one by one do not"


def test_a_way_of_few_customers_is_hidden_however_often_they_come(tiny_frames):
    bank = visits_bank(tiny_frames, [20] * 5, [10] * 5)
    assert tags.recognition(bank, "2025-03-31", k=10).iloc[0, 1:].isna().all()
    bank = visits_bank(tiny_frames, [5] * 30, [5] * 4 + [0] * 26)  # four customers, twenty visits
    shown = tags.recognition(bank, "2025-03-31", k=10).iloc[0]
    assert shown.visits == 150
    assert shown[["shown_a_tag", "shown_a_tag_lower", "shown_a_tag_upper"]].isna().all()


def test_a_small_group_cannot_be_worked_out_from_the_others(tiny_frames):
    """Groups of 4, 12 and the rest, each with a tag of its own: the 4 would be all customers less the two others."""
    people = tiny_frames["customers"]
    people["opened_on"], people["closed_on"] = pd.Timestamp("2020-01-01"), pd.NaT
    people["acquired_via"] = ["app"] * 4 + ["referral"] * 12 + ["branch"] * (len(people) - 16)
    people["has_car"], people["has_home"] = people.acquired_via == "app", people.acquired_via == "referral"
    people["gender"] = np.where(people.acquired_via == "branch", "female", "male")
    rules = {"car": _.has_car, "home": _.has_home, "woman": _.gender == "female"}
    own = [Tag(name, name, "签", "mine", rule, name) for name, rule in rules.items()]
    bank = open_bank(tiny_frames)
    assert set(tags.telling(bank, DAY, "acquired_by", own, k=1).group) == {"app", "referral", "branch"}
    assert set(tags.telling(bank, DAY, "acquired_by", own, k=10).group) <= {"branch"}


@pytest.mark.slow
def test_groups_and_visitors_are_equal_on_both_engines(tiny_bank, spark_bank):
    pair = [tags.telling(bank, DAY, "acquired_by", CODES, k=1) for bank in (tiny_bank, spark_bank)]
    pd.testing.assert_frame_equal(*pair, check_dtype=False)
    pair = [tags.visitors(bank, "2025-03-31", ["managed"], k=1) for bank in (tiny_bank, spark_bank)]
    pd.testing.assert_frame_equal(*pair, check_dtype=False)
