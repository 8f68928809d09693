import itertools

import numpy as np
import pandas as pd
import pytest
from test_lifecycle import END, random_bank

import bankmkt as bm
from bankmkt.errors import ParameterError, SchemaError
from bankmkt.schema import OCCUPATIONS
from bankmkt.segments import lifecycle, matrix, matrix_summary
from bankmkt.segments.matrix import AXES, GROUPS, LIMITS, OCCUPATION_GROUPS, WORKING, tier_names
from bankmkt.segments.matrix_sums import _shown
from bankmkt.terms import TIERS, TOP_TIER

SMALL = (500.0, 2_500.0, 4_000.0)
"""Limits that part the small bank's customers."""
BEFORE = "2025-08-31"


def with_jobs(frames, seed=0):
    jobs = np.random.default_rng(seed).choice([*OCCUPATIONS, None], len(frames["customers"]))
    return frames | {"customers": frames["customers"].assign(occupation=jobs)}


@pytest.fixture(scope="module")
def frames():
    return with_jobs(random_bank(3, customers=300))


@pytest.fixture(scope="module")
def bank(frames):
    return bm.open_bank(frames)


def by_hand(bank, frames, day, acts=1):
    """Segment the customers in pandas, from their states (which have tests of their own)."""
    day = pd.Timestamp(day)
    rows = lifecycle(bank, day.date(), 1, acts=acts).execute().merge(frames["customers"][["customer_id", "occupation"]])
    balances = frames["balances"]
    year = balances[(balances.month <= day) & (balances.month > day - pd.DateOffset(months=12))]
    peak = rows.customer_id.map(year.groupby("customer_id").aum.max()).fillna(0)
    wealth = rows.aum.where(rows.state != "lost", peak)
    rows["place"] = 1 + np.searchsorted(SMALL, wealth, side="right")
    rows["group"] = rows.occupation.map(OCCUPATION_GROUPS).fillna("others")
    long_lost = (rows.state == "lost") & (pd.to_datetime(rows.since) <= day - pd.DateOffset(months=12))
    rows = rows[(rows.state != "prospect") & ~long_lost]
    segment = rows.state + "-" + rows.place.astype(str) + "-" + rows.group.str.replace(" ", "_")
    return rows.assign(segment=segment).set_index("customer_id").sort_index()


def test_the_axes_make_112_and_agree_with_the_tags_and_the_check_up():
    assert len(WORKING) * len(tier_names()) * len(GROUPS) == 112
    assert tier_names() == (*(name for _, name in TIERS), TOP_TIER)
    assert [limit for limit, _ in TIERS] == list(LIMITS)
    assert set(OCCUPATION_GROUPS) == set(OCCUPATIONS)
    assert set(OCCUPATION_GROUPS.values()) == set(GROUPS)


def test_every_customer_is_in_the_segment_that_pandas_says(bank, frames):
    found = matrix(bank, END, limits=SMALL, acts=1).execute().set_index("customer_id").sort_index()
    wanted = by_hand(bank, frames, END)
    assert found.index.is_unique
    pd.testing.assert_series_equal(found.segment, wanted.segment)
    assert found.segment.nunique() > 30
    assert set(found.state) == set(WORKING)
    assert (found.tier == pd.Series(tier_names(SMALL))[wanted.place - 1].to_numpy()).all()


def test_sums_are_those_of_the_customers_and_accounts_balance(bank, frames):
    cells = matrix_summary(bank, END, before=BEFORE, limits=SMALL, acts=1, k=1, margins={"demand": 0.012})
    now, past = (by_hand(bank, frames, day) for day in (END, BEFORE))
    assert len(cells) == 112
    assert not cells.duplicated(list(AXES)).any()
    cells = cells.set_index("segment")
    for name, rows in (("customers", now), ("customers_before", past)):
        wanted = rows.groupby("segment").size().reindex(cells.index, fill_value=0)
        assert cells[name].tolist() == wanted.tolist()
    both = now.join(past.segment.rename("was"), how="inner")
    stayed = both[both.segment == both.was].groupby("segment").size().reindex(cells.index, fill_value=0)
    assert (cells.customers - cells.came).tolist() == stayed.tolist()
    assert (cells.customers_before - cells.left).tolist() == stayed.tolist()
    assert cells.share.sum() == pytest.approx(1)
    assert cells.aum.sum() == pytest.approx(now.aum.sum())
    held = frames["balances"][frames["balances"].month == pd.Timestamp(END)].set_index("customer_id").demand
    assert cells.contribution.sum() == pytest.approx(0.012 * held[held.index.isin(now.index)].sum())


def test_tags_are_shares_of_the_customers_of_a_segment(bank, frames):
    t = bank.customers.select("customer_id", keen=bank.customers.customer_id % 3 == 0)
    cells = matrix_summary(bank, END, limits=SMALL, acts=1, k=1, tags=t).set_index("segment")
    rows = by_hand(bank, frames, END)
    wanted = (rows.index % 3 == 0).astype(float)
    wanted = pd.Series(wanted, rows.index).groupby(rows.segment).mean().reindex(cells.index)
    pd.testing.assert_series_equal(cells.keen, wanted, check_names=False)


def random_cells(seed):
    """Draw sums of the 112 segments, many of them small or empty."""
    rng = np.random.default_rng(seed)
    cells = pd.DataFrame(itertools.product(WORKING, tier_names(), GROUPS), columns=list(AXES))
    flows = rng.negative_binomial(0.35, 0.01, (112, 3)) * (rng.random((112, 3)) < 0.8)
    stayed, came, left = flows.T
    return cells.assign(
        segment=[str(i) for i in range(112)], customers=stayed + came, customers_before=stayed + left, stayed=stayed,
        came=came, left=left, aum=1e4 * (stayed + came), contribution=1.0 * (stayed + came),
        keen=rng.binomial(stayed + came, 0.3),
    )  # fmt: skip


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))])
def test_what_is_hidden_cannot_be_worked_out_from_sums_over_an_axis(seed):
    """Along an axis the hidden are two cells or more with ten customers or more, or all: then their sum is small."""
    exact = random_cells(seed)
    shown = _shown(exact, ["keen"], 10)
    assert shown.suppressed[exact.customers.between(1, 9)].all()
    assert shown.suppressed.any()
    assert not shown.suppressed.all()
    assert shown.loc[shown.suppressed, ["customers", "share", "aum", "contribution", "keen"]].isna().all(axis=None)
    few = exact[["customers_before", "came", "left", "stayed"]].isin(range(1, 10)).any(axis=1)
    assert shown.moves_suppressed[few].all()
    assert shown.moves_suppressed[shown.suppressed].all()
    telling = exact.keen.between(1, 9) | (exact.customers - exact.keen).between(1, 9)
    assert shown.keen[telling].isna().all()
    exact = exact.assign(others=exact.customers - exact.keen)
    moves, tags = shown.moves_suppressed, shown.suppressed | (shown.keen.isna() & (exact.customers > 0))
    marks = {"customers": shown.suppressed, **dict.fromkeys(["customers_before", "came", "left"], moves)}
    for column, mark in (marks | {"keen": tags, "others": tags}).items():
        for free in AXES:
            for _, line in exact.groupby([axis for axis in AXES if axis != free]):
                hidden = line[mark[line.index]]
                rest = line[~mark[line.index] & (line[column] > 0)]
                alone = hidden[column].sum() == 0 or len(rest) == 0
                assert alone or (len(hidden) > 1 and hidden[column].sum() >= 10)


def test_nothing_later_is_seen(frames):
    early = dict(frames)
    day = pd.Timestamp(BEFORE)
    early["balances"] = early["balances"][early["balances"].month <= day]
    for name in ("transactions", "events"):
        early[name] = early[name][early[name].ts < day + pd.Timedelta(days=1)]
    late = early["customers"].closed_on > day
    early["customers"] = early["customers"].assign(closed_on=lambda t: t.closed_on.mask(late))
    one, other = (
        matrix(bm.open_bank(f), BEFORE, limits=SMALL).execute().sort_values("customer_id", ignore_index=True)
        for f in (frames, early)
    )
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.slow
@pytest.mark.spark
def test_spark_says_the_same(frames, bank, spark_url):
    spark = bm.open_bank(frames, engine=spark_url)
    one, other = (matrix_summary(b, END, before=BEFORE, limits=SMALL, acts=1, k=1) for b in (bank, spark))
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"limits": (1, 2)}, ParameterError, "three rising amounts"),
        ({"limits": (3, 2, 1)}, ParameterError, "three rising amounts"),
        ({"occupations": {"pilot": "others"}}, ParameterError, "occupations = 'pilot'"),
        ({"occupations": {"retired": "rest"}}, ParameterError, r"occupations\['retired'\] = 'rest'"),
        ({"before": "2026-03-31"}, ParameterError, "a day before 2026-02-28"),
        ({"k": 0}, ParameterError, "k = 0"),
        ({"margins": {"gold": 1}}, ParameterError, "gold"),
    ],
)
def test_what_cannot_be_is_refused(bank, options, error, match):
    with pytest.raises(error, match=match):
        matrix_summary(bank, END, **options)


def test_tags_that_are_none_are_refused(bank):
    c = bank.customers
    with pytest.raises(SchemaError, match=r"tags.org_id = 'int64'"):
        matrix_summary(bank, END, tags=c.select("customer_id", "org_id"))
    with pytest.raises(SchemaError, match="customer_id and boolean columns"):
        matrix_summary(bank, END, tags=c.select("org_id"))
    with pytest.raises(SchemaError, match="another name"):
        matrix_summary(bank, END, tags=c.select("customer_id", aum=c.customer_id > 3))
