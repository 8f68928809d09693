"""Coverage, mean and drift equal pandas, are equal on both engines, and hide small cells; no tag pads the catalogue."""

import numpy as np
import pandas as pd
import pytest
from ibis import _

from bankmkt import tags
from bankmkt.bank import open_bank
from bankmkt.errors import ParameterError
from bankmkt.tags import Feature, Tag
from bankmkt.tags.quality import stability

DAY, BEFORE = "2025-06-30", "2025-04-30"
CODES = [
    "payroll", "age", "wealth_tier", "mean_purchase", "app_monthly", "days_since_purchase", "main_channel",
    "net_inflow", "login_rhythm",
]  # fmt: skip
"""The sixth and seventh look back before the records begin."""


@pytest.fixture(scope="module")
def found(tiny_bank):
    return tags.quality(tiny_bank, DAY, BEFORE, CODES, k=1).set_index("code")


@pytest.fixture(scope="module")
def days(tiny_bank):
    return [
        tiny_bank.fetch(tags.compute(tiny_bank, day, CODES)).to_pandas().set_index("customer_id")
        for day in (BEFORE, DAY)
    ]


def psi(before, now):
    """The index written once more, over aligned counts."""
    p, q = (np.array(counts, float) + 0.5 for counts in (now, before))
    p, q = p / p.sum(), q / q.sum()
    return ((p - q) * np.log(p / q)).sum()


def test_coverage_and_means_are_those_of_pandas(found, days):
    for when, suffix in zip(days, ("_before", ""), strict=True):
        for code in CODES:
            values = when[code]
            assert found.loc[code, f"coverage{suffix}"] == pytest.approx(values.notna().mean()), code
            if found.type[code] != "text":
                assert found.loc[code, f"mean{suffix}"] == pytest.approx(values.dropna().astype(float).mean()), code
    tiers = days[1].wealth_tier.value_counts(normalize=True)
    assert found.top["wealth_tier"] == tiers.index[0]
    assert found["mean"]["wealth_tier"] == pytest.approx(tiers.iloc[0])


def test_the_index_is_that_of_pandas(found, days):
    before, now = days
    counts = [[(when.payroll == flag).sum() for flag in (True, False)] for when in days]
    assert found.psi["payroll"] == pytest.approx(psi(*counts))
    names = sorted(set(before.login_rhythm.dropna()) | set(now.login_rhythm.dropna()))
    assert len(names) > 1
    counts = [[(when.login_rhythm == n).sum() for n in names] for when in days]
    if before.login_rhythm.isna().any() or now.login_rhythm.isna().any():
        counts = [[*c, when.login_rhythm.isna().sum()] for c, when in zip(counts, days, strict=True)]
    assert found.psi["login_rhythm"] == pytest.approx(psi(*counts))
    assert found.psi[["days_since_purchase", "main_channel"]].isna().all()
    for code in ("age", "mean_purchase", "net_inflow"):
        cuts = np.unique(np.quantile(before[code].dropna().astype(float), np.arange(1, 10) / 10))
        bins = []
        for when in days:
            values = when[code].dropna().astype(float)
            at = np.bincount(np.searchsorted(cuts, values, side="left"), minlength=len(cuts) + 1)
            bins.append([*at, when[code].isna().sum()])
        bins = [list(pair) for pair in zip(*[c for c in zip(*bins, strict=True) if sum(c)], strict=True)]
        assert found.psi[code] == pytest.approx(psi(*bins)), code


@pytest.mark.slow
def test_both_engines_agree(found, spark_bank):
    other = tags.quality(spark_bank, DAY, BEFORE, CODES, k=1).set_index("code")
    pd.testing.assert_frame_equal(found, other, check_exact=False, rtol=1e-9)


def test_a_shift_is_found_and_none_where_there_is_none():
    rng = np.random.default_rng(3)
    draw = [dict(zip(*np.unique(rng.integers(0, 10, 2000), return_counts=True), strict=True)) for _ in range(800)]
    beyond = [index > chance for index, chance in map(stability, draw[::2], draw[1::2])]
    assert (
        abs(np.mean(beyond) - 0.05) < 4 * (0.05 * 0.95 / 400) ** 0.5
    )  # one pair of twenty, up to four standard errors
    moved = {i: n + (600 if i < 2 else -150) for i, n in draw[0].items()}
    index, chance = stability(draw[0], moved)
    assert index > 0.25 > chance


def test_drift_words(tiny_frames):
    """On one day nobody is 40, on the next all are."""
    tiny_frames["customers"]["birth_date"] = pd.Timestamp("1985-06-01")
    bank = open_bank(tiny_frames)
    forty = Tag("forty", "Forty", "四十岁", "mine", _.as_of.year() - _.birth_date.year() >= 40, "40 years old")
    shown = tags.quality(bank, "2025-06-30", "2025-03-31", [forty, "home_city_tier"], k=1).set_index("code")
    assert shown.drift.tolist() == ["stable", "stable"]
    aged = Tag("aged", "Aged", "年长", "mine", _.as_of.month() >= 6, "it is June")
    shown = tags.quality(bank, "2025-06-30", "2025-03-31", [aged], k=1)
    assert shown.drift.tolist() == ["shifted"]
    assert shown["mean"].tolist() == [1.0]
    assert shown.mean_before.tolist() == [0.0]


def test_what_looks_back_before_the_records_is_not_compared(tiny_frames):
    """Records from 2025-01 on: on 31 March a window of six months held three, so spending "rose" by June."""
    bank = open_bank(tiny_frames)
    first = min(tiny_frames["transactions"].ts)
    half = Feature("bought", "transactions", _.count(where=_.kind == "spend"), 6, "purchases in six months")
    long = Tag("long", "Long", "长", "mine", _.bought, "purchases of six months", [half])
    last = Feature("latest", "transactions", _.ts.max(), 6, "last movement within six months", empty=None)
    silent = Tag("silent", "Silent", "静", "mine", _.as_of.delta(_.latest.date(), unit="day"), "days", [last])
    shown = tags.quality(bank, "2025-06-30", "2025-04-30", [long, silent, "payroll", "age"], k=1).set_index("code")
    assert first >= pd.Timestamp("2025-01-01")
    assert shown.drift[["long", "silent"]].tolist() == ["", ""]
    assert shown.psi[["long", "silent"]].isna().all()
    assert shown.not_told["long"] == "on 2025-04-30 it looked back to 2024-11-01, and transactions begin on 2025-01-01"
    assert shown.not_told[["payroll", "age"]].tolist() == ["", ""]
    assert (shown.drift[["payroll", "age"]] != "").all()
    alone = tags.quality(bank, "2025-06-30", None, [long], k=1)
    assert "not_told" not in alone


def test_small_cells_are_hidden(tiny_bank, days):
    now = days[1]
    shown = tags.quality(tiny_bank, DAY, BEFORE, CODES, k=10).set_index("code")
    for code in CODES:
        known = now[code].notna().sum()
        if 0 < len(now) - known < 10:
            assert np.isnan(shown.coverage[code])
            assert np.isnan(shown.psi[code])
    yes = now.payroll.sum()
    assert np.isnan(shown["mean"]["payroll"]) == bool(0 < yes < 10 or 0 < len(now) - yes < 10)
    assert shown.suppressed.any()
    nobody = tags.quality(tiny_bank, DAY, None, CODES, k=1000)
    assert nobody[["customers", "coverage", "mean"]].isna().all().all()


def test_a_tag_without_data_says_so(tiny_frames):
    del tiny_frames["events"]
    shown = tags.quality(open_bank(tiny_frames), DAY, BEFORE, ["app_monthly", "payroll"]).set_index("code")
    assert shown.coverage["app_monthly"] == 0
    assert shown.drift["app_monthly"] == ""
    families = tags.by_family(shown.reset_index()).set_index("family")
    assert families.without_data["channels"] == 1


def test_days_must_be_in_order(tiny_bank):
    with pytest.raises(ParameterError, match="a day before 2025-06-30"):
        tags.quality(tiny_bank, DAY, DAY)


SAME_IN_A_QUARTER = ("contact_pressure", "contacts_in_quarter")
"""The first weighs contacts by month: it ranks as the second where all contacts fall into one month, as in spring."""


def test_no_tag_is_a_padded_variant_of_another(demo):
    """Of two conditions, those who have both are at most 90% of those who have either; numbers do not rank alike."""
    computed = demo.loc[:, demo.notna().any()]
    flags = [c for c in computed if computed[c].dropna().map(type).eq(bool).all()]
    x = computed[flags].fillna(False).to_numpy(bool).astype(np.int64)
    both, has = x.T @ x, x.sum(axis=0)
    either = np.maximum(has[:, None] + has[None, :] - both, 1)
    close = np.argwhere(np.triu(both / either > 0.9, 1))
    assert [(flags[i], flags[j]) for i, j in close] == []

    numbers = computed.drop(columns=flags).apply(pd.to_numeric, errors="coerce").dropna(axis=1, how="all")
    alike = numbers.corr("spearman", min_periods=1000).abs()
    close = np.argwhere(np.triu(alike.to_numpy() > 0.98, 1))
    assert [tuple(sorted((alike.index[i], alike.index[j]))) for i, j in close] == [SAME_IN_A_QUARTER]


def test_the_named_exception_is_no_variant_elsewhere():
    from bankmkt.synth import demo_bank

    bank = demo_bank()
    found = bank.fetch(tags.compute(bank, "2025-11-30", list(SAME_IN_A_QUARTER))).to_pandas()
    contacted = found[found.contacts_in_quarter > 0]
    assert len(contacted) > 1000
    assert contacted.contact_pressure.corr(contacted.contacts_in_quarter, method="spearman") < 0.6
