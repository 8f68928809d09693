from dataclasses import replace
from itertools import pairwise

import busy
import numpy as np
import pandas as pd
import pytest
import tiny

from bankmkt import funnel, open_bank
from bankmkt.errors import ParameterError
from bankmkt.funnel import changes, growth
from bankmkt.funnel.aarrr import records
from bankmkt.funnel.periods import Span, parse_period
from bankmkt.margins import MARGINS
from bankmkt.plots.wording import quantity
from bankmkt.schema import BANK_KINDS

DAY = "2026-06-30"
PERIODS = {"value": "2026-Q2", "previous": "2026-Q1", "last_year": "2025-Q2"}
UNITS = {"value": "units", "previous": "previous_units", "last_year": "last_year_units"}


@pytest.fixture(scope="module")
def frames():
    """The busy bank, with shares among its events and invitations of customers."""
    out = busy.frames()
    rng = np.random.default_rng(5)
    n = 60
    out["referrals"] = pd.DataFrame({
        "referral_id": range(n), "code": "A", "referrer_kind": np.where(np.arange(n) % 3 > 0, "customer", "staff"),
        "referrer_id": rng.integers(1, 11, n), "referee_id": pd.array([pd.NA] * n, "Int64"),
        "campaign_id": pd.array([pd.NA] * n, "Int64"),
        "ts": pd.Timestamp("2025-04-01") + pd.to_timedelta(rng.integers(0, 450, n), unit="D"),
        "stage": rng.choice(["invited", "opened"], n),
    })  # fmt: skip
    return out


@pytest.fixture(scope="module")
def bank(frames):
    return open_bank(frames)


@pytest.fixture(scope="module")
def found(bank):
    return funnel.aarrr(bank, "2026-Q2", by="acquired_via", as_of=DAY, k=1)


@pytest.fixture(scope="module")
def branches(bank):
    return funnel.aarrr(bank, "2026-Q2", by="branch", as_of=DAY, k=1)


def acts_of(frames, activity="any"):
    """Return what customers did themselves, as customer_id and ts."""
    t, e = frames["transactions"], frames["events"]
    own = (t.channel.notna() & (t.channel != "auto")) | (t.channel.isna() & ~t.kind.isin(BANK_KINDS))
    parts = {
        "transaction": t.loc[own, ["customer_id", "ts"]],
        "login": e.loc[e.event == "login", ["customer_id", "ts"]],
    }
    return pd.concat([rows for name, rows in parts.items() if activity in ("any", name)])


def active(acts, first, last):
    day = acts.ts.dt.normalize()
    return set(acts.customer_id[(day >= pd.Timestamp(first)) & (day <= pd.Timestamp(last))])


def by_hand(frames, who, period, activity="any"):
    """Compute every measure of some customers in a period, one customer after the other: (value, units)."""
    span = parse_period(period)
    c = frames["customers"][frames["customers"].customer_id.isin(who)]
    acts = acts_of(frames, activity)
    acts = acts[acts.customer_id.isin(who)]
    first, last = pd.Timestamp(span.first), pd.Timestamp(span.last)
    new = c[c.opened_on.between(first, last)]
    begins = acts.groupby("customer_id").ts.min().dt.normalize()
    ripe = new[new.opened_on + pd.Timedelta(days=30) <= pd.Timestamp(DAY)]
    waits = (ripe.customer_id.map(begins) - ripe.opened_on).dt.days
    before, now = active(acts, *vars(span.previous()).values()), active(acts, span.first, span.last)
    months = [parse_period(f"{m}") for m in pd.period_range(first - pd.Timedelta(days=1), last, freq="M").astype(str)]
    monthly = [active(acts, month.first, month.last) for month in months]
    pairs = list(pairwise(monthly))
    b = frames["balances"][frames["balances"].month.between(first, last)]
    yearly = sum(b[product] * rate for product, rate in MARGINS.items())
    ends = b.month.nunique()
    margin = yearly.groupby(b.customer_id).sum() / ends
    e, r = frames["events"], frames["referrals"]
    shared = active(e[e.event == "share"], span.first, span.last) & now
    r = r[(r.stage == "invited") & (r.referrer_kind == "customer")].rename(columns={"referrer_id": "customer_id"})
    invited = active(r, span.first, span.last) & now
    stayed, were = sum(len(a & b) for a, b in pairs), sum(len(a) for a, _ in pairs)
    return {
        "opened": (len(new), len(new)),
        "signed_up": (c.app_registered_on.between(first, last).sum(),) * 2,
        "activated": (waits.between(0, 30).mean(), len(ripe)),
        "kept": (len(before & now) / max(len(before), 1), len(before)),
        "kept_monthly": (stayed / max(were, 1), len(set().union(*(a for a, _ in pairs)))),
        "margin": (margin.reindex(list(now)).fillna(0).mean(), len(now)),
        "shared": (len(shared) / max(len(now), 1), len(now)),
        "invited": (len(invited) / max(len(now), 1), len(now)),
    }


def test_every_measure_of_every_period_and_group_is_that_counted_by_hand(frames, found):
    c, compared = frames["customers"], 0
    groups = {"all": c.customer_id, **{via: rows.customer_id for via, rows in c.groupby("acquired_via")}}
    for group, who in groups.items():
        for column, period in PERIODS.items():
            for measure, (value, units) in by_hand(frames, set(who), period).items():
                row = found[(found.measure == measure) & (found.group == group)]
                if not units:
                    assert not len(row) or row[column].isna().item() or row[UNITS[column]].item() == 0
                    continue
                assert row[column].item() == pytest.approx(value), (group, period, measure)
                assert row[UNITS[column]].item() == units
                compared += 1
    assert compared > 120


@pytest.mark.parametrize("activity", ["login", "transaction"])
def test_other_acts(frames, bank, activity):
    found = funnel.aarrr(bank, "2026-Q2", compare=(), as_of=DAY, activity=activity, k=1).set_index("measure")
    expected = by_hand(frames, set(frames["customers"].customer_id), "2026-Q2", activity)
    for measure in ("activated", "kept", "kept_monthly", "margin"):
        assert (found.value[measure], found.units[measure]) == pytest.approx(expected[measure])


@pytest.mark.parametrize("by", ["acquired_via", "branch", "cohort"])
def test_groups_add_up_to_the_whole(bank, found, branches, by):
    known = {"acquired_via": found, "branch": branches}
    found = known[by] if by in known else funnel.aarrr(bank, "2026-Q2", by=by, as_of=DAY, k=1)
    for _, rows in found[found.measure != "came_by_referral"].groupby("measure"):
        for column, units in UNITS.items():
            whole, parts = rows[rows.group == "all"].iloc[0], rows[rows.group != "all"]
            assert parts[units].sum() == whole[units]
            if rows["unit"].iloc[0] == "customers":
                assert parts[column].sum() == whole[column]
            elif rows["measure"].iloc[0] in ("kept", "margin", "shared", "invited", "activated"):
                assert (parts[column] * parts[units]).sum() == pytest.approx(whole[column] * whole[units])


def test_branches_are_the_units_directly_below(bank, branches):
    whole = branches
    assert set(whole.group) == {"all", "East", "West"}
    east = funnel.aarrr(bank, "2026-Q2", by="branch", org_id=2, as_of=DAY, k=1)
    assert set(east.group) == {"all", "East 1", "East 2"}
    one, other = (f[f.group == g].set_index("measure").value for f, g in ((whole, "East"), (east, "all")))
    pd.testing.assert_series_equal(one, other, check_names=False)


@pytest.mark.slow
def test_both_engines_agree(tiny_bank, spark_bank):
    asked = {"by": "acquired_via", "compare": "previous", "as_of": "2025-06-30", "k": 1}
    found = [funnel.aarrr(bank, "2025-05", **asked) for bank in (spark_bank, tiny_bank)]
    assert found[0].value.notna().sum() > 15
    pd.testing.assert_frame_equal(*found)


def test_text_ids_change_nothing(frames, bank):
    texts = tiny.with_text_ids(frames)
    r = frames["referrals"]
    names = [tiny.IDS["customers" if kind == "customer" else "staff"] for kind in r.referrer_kind]
    texts["referrals"]["referrer_id"] = [name.format(i) for name, i in zip(names, r.referrer_id, strict=True)]
    asked = {"by": "acquired_via", "compare": (), "as_of": DAY, "k": 1}
    found = [funnel.aarrr(b, "2026-Q2", **asked) for b in (open_bank(texts), bank)]
    assert (found[0].set_index(["measure", "group"]).value["invited"] > 0).any()
    pd.testing.assert_frame_equal(*found)


def test_what_comes_later_changes_nothing(frames, bank):
    day = "2026-04-30"
    before = funnel.aarrr(bank, "2026-04", by="branch", compare="previous", as_of=day)
    late = {
        name: rows if (time := {"transactions": "ts", "events": "ts", "balances": "month"}.get(name)) is None
        else rows[rows[time] < "2026-05-01"] for name, rows in frames.items()
    }  # fmt: skip
    late["customers"] = frames["customers"].assign(closed_on=pd.NaT)
    late["customers"] = late["customers"][late["customers"].opened_on <= day]
    late["balances"] = late["balances"][late["balances"].customer_id.isin(late["customers"].customer_id)]
    pd.testing.assert_frame_equal(
        funnel.aarrr(open_bank(late), "2026-04", by="branch", compare="previous", as_of=day), before
    )


def test_what_is_not_over_not_on_record_or_no_period_is_refused(bank):
    for period in ("2026-Q3", "2026-Q2", "2024-Q1", "2026-13", ("2026-04-02", "2026-04-01"), 2026):
        with pytest.raises(ParameterError, match="period"):
            funnel.aarrr(bank, period, as_of="2026-06-29")
    for wrong in ({"by": "gender"}, {"compare": "next"}, {"within_days": 0}, {"activity": "visit"}, {"k": 0}):
        with pytest.raises(ParameterError, match=f"{next(iter(wrong))} = "):
            funnel.aarrr(bank, "2026-Q1", **wrong)


def test_a_period_beyond_the_records_is_refused_not_zero(frames, bank):
    with pytest.raises(ParameterError, match="to 2026-06-30, which is on record"):
        funnel.aarrr(bank, ("2026-06-15", "2026-07-31"), as_of="2026-07-31")
    early = frames | {"events": frames["events"][frames["events"].ts < "2026-05-20"]}
    assert records(open_bank(early), "2026-12-31")[1] == pd.Timestamp("2026-05-31").date()  # May's balances are there
    assert records(open_bank(early), "2026-05-25")[1] == pd.Timestamp("2026-05-25").date()
    early["balances"] = early["balances"][early["balances"].month < "2026-05-01"]
    assert records(open_bank(early))[1] == early["events"].ts.max().date()


def test_periods_before_the_records_are_null_not_nothing(bank):
    """The records begin in May 2024: the month before is not known, nor who was active then."""
    found = funnel.aarrr(bank, "2024-05", compare="previous", k=1).set_index("measure")
    assert found.value.notna()[["margin", "shared"]].all()
    assert found.value.isna()[["kept", "kept_monthly"]].all()
    assert found[["previous", "previous_units", "previous_change"]].isna().all(axis=None)
    later = funnel.aarrr(bank, "2024-06", compare="previous", k=1).set_index("measure")
    assert later.value.notna()[["kept", "kept_monthly"]].all()
    assert later.previous.isna()[["kept", "kept_monthly"]].all()
    assert later.previous.notna()["margin"]


def test_a_measure_that_is_not_recorded_has_no_row(frames):
    kept = {name: rows for name, rows in frames.items() if name not in ("events", "referrals")}
    kept["customers"] = kept["customers"].assign(app_registered_on=pd.NaT)
    bank = open_bank(kept)
    found = funnel.aarrr(bank, "2026-Q2", compare=(), as_of=DAY)
    assert not {"signed_up", "shared", "invited"} & set(found.measure)
    with pytest.raises(ParameterError, match="activity"):
        funnel.aarrr(bank, "2026-Q2", as_of=DAY, activity="login")


def test_no_small_group_can_be_worked_out(bank, found):
    """Hidden are groups of 1 to k - 1 and so many others that the total does not give them away."""
    k = 12
    hidden = funnel.aarrr(bank, "2026-Q2", by="acquired_via", as_of=DAY, k=k)
    assert hidden.suppressed.any()
    assert not hidden.suppressed.all()
    for name, units in UNITS.items():
        both = hidden.merge(found, on=["measure", "group"], suffixes=("", "_true"))
        small = both[f"{units}_true"].between(1, k - 1)
        assert both[name][small].isna().all()
        for _, rows in both[(both.group != "all") & both.measure.ne("activated")].groupby("measure"):
            gone = rows[rows[units].isna()]
            if len(gone) and both[(both.group == "all") & (both.measure == rows.measure.iloc[0])][units].notna().item():
                assert gone[f"{units}_true"].sum() >= k or gone[f"{units}_true"].sum() == 0
        share = both["unit"].str.startswith("share") & both[name].notna() & both.measure.ne("kept_monthly")
        parts, wholes = (both[name] * both[units])[share].round(), both[units][share]
        assert not ((parts > 0) & (parts < k) | (wholes - parts > 0) & (wholes - parts < k)).any()


def test_p_values_are_corrected_for_all_that_is_shown(found):
    from statsmodels.stats.multitest import multipletests

    p = found.previous_p_value.dropna()
    assert len(p) > 20
    assert found.previous_p_adjusted.dropna().to_numpy() == pytest.approx(multipletests(p, method="holm")[1])


def test_definitions_are_those_of_the_frame(found):
    known = growth.definitions(14).set_index("measure")
    assert set(found.measure) <= set(known.index)
    assert found.measure.drop_duplicates().tolist() == [m for m in known.index if m in set(found.measure)]
    assert known.definition.str.contains("14 days").sum() == 2
    assert (found.unit == found.measure.map(known.unit)).all()
    assert quantity(0.5, known.unit["kept"]) == "50.0%"


@pytest.mark.parametrize(("period", "previous", "last_year"), [
    ("2026-Q1", "2025-Q4", "2025-Q1"), ("2026-03", "2026-02", "2025-03"), ("2026", "2025", "2025"),
    (("2026-03-01", "2026-04-30"), ("2026-01-01", "2026-02-28"), ("2025-03-01", "2025-04-30")),
    (("2024-02-29", "2024-03-10"), ("2024-02-18", "2024-02-28"), ("2023-02-28", "2023-03-10")),
])  # fmt: skip
def test_periods(period, previous, last_year):
    span = parse_period(period)
    assert span.previous() == parse_period(previous)
    assert span.last_year() == parse_period(last_year)
    if isinstance(period, str):
        assert str(span) == period


def test_whole_months_of_a_period():
    assert len(Span(*(pd.Timestamp(d).date() for d in ("2026-01-02", "2026-03-31"))).months) == 2
    assert Span(*(pd.Timestamp(d).date() for d in ("2026-01-02", "2026-01-30"))).months == []


def sums_of(x, w):
    return changes.Sums(*(value.sum(axis=-1) for value in (x, w, x * x, w * w, x * w)))


@pytest.mark.parametrize("share", [True, False])
def test_intervals_of_a_change_over_the_same_customers_hold_what_they_say(share):
    """1,000 draws of 400 customers, 300 in each period and 200 in both, who are alike now and then: 95% ± 3 s.e."""
    rng = np.random.default_rng(11)
    draws, n = 1_000, 400
    nature = rng.normal(size=(draws, n))
    w, w0 = np.arange(n) < 300, np.arange(n) >= 100
    truth, truth0 = (0.7, 0.6)
    if share:
        cut = [np.quantile(rng.normal(size=10**6) * np.sqrt(1.5), 1 - p) for p in (truth, truth0)]
        x, x0 = (nature + rng.normal(size=(draws, n)) * np.sqrt(0.5) > c for c in cut)
        change = truth - truth0
    else:
        x, x0 = (np.exp(nature + 0.5 * rng.normal(size=(draws, n)) + m) for m in (0.1, 0.0))
        change = np.expm1(0.1)
    held = 0
    for i in range(draws):
        a, b, v, u = (value.astype(float) for value in (x[i] * w, x0[i] * w0, w, w0))
        cross = changes.Cross(*(float((p * q).sum()) for p, q in ((a, b), (a, u), (v, b), (v, u))))
        found = changes.ratio_change(sums_of(a, v), sums_of(b, u), cross, (300, 300), share)
        held += found.lower <= change <= found.upper
    assert abs(held / draws - 0.95) < 3 * np.sqrt(0.95 * 0.05 / draws) + (0 if share else 0.01)  # money is skew


def test_intervals_of_a_change_of_counts_hold_at_least_what_they_say():
    rng = np.random.default_rng(3)
    counts = rng.poisson([60, 40], (500, 2))
    found = [changes.count_change(int(a), int(b), (92, 90)) for a, b in counts]
    truth = 60 / 92 / (40 / 90) - 1
    held = np.mean([each.lower <= truth <= each.upper for each in found])
    assert 0.95 - 3 * np.sqrt(0.95 * 0.05 / 500) < held < 0.985  # exact: never below, a little above
    assert changes.count_change(0, 0, (1, 1)) is changes.UNKNOWN


def demo_like(rng, shape):
    """Return margins of which, as of the demo's, the top 1% hold about half: no mean of 1,000 is sure."""
    return np.exp(rng.normal(size=shape) * 2.4)


def test_no_interval_of_a_mean_that_hangs_on_one_customer():
    """Of 500 samples of 1,000, ungated intervals miss the truth too often; hardly one that is given does."""
    rng = np.random.default_rng(8)
    truth = np.exp(2.4**2 / 2)
    missed, wrong, changed = 0, 0, 0
    ones = np.ones(1_000)
    for x in demo_like(rng, (500, 1_000)):
        gaps = (x - x.mean()) ** 2
        for top in (0.0, gaps.max() / gaps.sum()):
            _, lower, upper = changes.ratio_interval(replace(sums_of(x, ones), top=top), 1_000, share=False)
            miss = not lower <= truth <= upper if lower == lower else False
            missed, wrong = missed + (miss and not top), wrong + (miss and top > 0)
        sums, cross = sums_of(x, ones), changes.Cross(*[(x * x).sum(), x.sum(), x.sum(), 1_000.0])
        changed += changes.ratio_change(sums, sums, replace(cross, top=0.2), (1_000, 1_000), False).p_value >= 0
    assert missed > 0.1 * 500
    assert wrong < 0.02 * 500
    assert not changed


def test_intervals_of_margins_are_given_where_no_customer_outweighs(frames, bank, monkeypatch):
    monkeypatch.setattr(changes, "MOST", 0.3)  # of few customers, each weighs more than a tenth
    found = funnel.aarrr(bank, "2026-Q2", by="acquired_via", as_of=DAY, k=1)
    c, given = frames["customers"], 0
    acts, b = acts_of(frames), frames["balances"]
    yearly = sum(b[product] * rate for product, rate in MARGINS.items())
    parts = {}
    for column, period in PERIODS.items():
        first, last = (pd.Timestamp(day) for day in vars(parse_period(period)).values())
        inside = b.month.between(first, last)
        x = (yearly[inside].groupby(b.customer_id).sum() / 3).reindex(c.customer_id).fillna(0).to_numpy()
        parts[column] = x, c.customer_id.isin(active(acts, first, last)).to_numpy()
    for row in found[found.measure == "margin"].to_dict("records"):
        who = np.ones(len(c), bool) if row["group"] == "all" else (c.acquired_via == row["group"]).to_numpy()
        adds = {n: (x * w / (x * w)[who].sum() - w / w[who].sum())[who] for n, (x, w) in parts.items()}
        top = {n: (a**2).max() / (a**2).sum() for n, a in adds.items()}
        assert np.isnan(row["ci_lower"]) == (top["value"] > changes.MOST)
        for name in ("previous", "last_year"):
            a = (adds["value"] - adds[name]) ** 2
            assert np.isnan(row[f"{name}_p_value"]) == np.isnan(row[f"{name}_change_lower"])
            assert np.isnan(row[f"{name}_p_value"]) == (a.max() / a.sum() > changes.MOST)
            given += row[f"{name}_p_value"] == row[f"{name}_p_value"]
        given += row["ci_lower"] == row["ci_lower"]
    assert 0 < given < 3 * (found.measure == "margin").sum()


def test_the_effective_number_of_customers_met_in_several_months():
    """Somebody seen three times who always does the same is one observation, not three."""
    x = np.tile([3.0, 0.0], 50)
    value, lower, upper = changes.ratio_interval(sums_of(x, np.full(100, 3.0)), 100, share=True)
    from bankmkt.funnel.rates import shares

    _, low, high = shares([50], [100])
    assert value == 0.5
    assert (lower, upper) == pytest.approx((low[0], high[0]), abs=0.001)
