"""Triggers: planted ones are found with the right ratio, noise is not, and nothing later is seen."""

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest
from ibis import _

import bankmkt as bm
from bankmkt.errors import BankmktError, ParameterError, Refused
from bankmkt.frames import engine_table
from bankmkt.funnel import Trigger, triggers
from bankmkt.funnel.trigger_days import days_of
from bankmkt.funnel.trigger_rates import Moments, exposed, judge, own_ratio, rate_ratio
from bankmkt.funnel.trigger_sources import months, number

START = number(dt.date(2025, 1, 1))
DAYS = 360
LEAD = 20
CUT = START + 240


def world(rng, units=1500, effect=1.0, triggered=0.004, bought=0.003, spread=0.0, until=DAYS):
    """Return who is triggered and who buys: for ``LEAD`` days after a trigger, ``effect`` times as often, up to a day.

    With a spread, customers differ: those who buy often are also triggered often.
    """
    own = rng.gamma(1 / spread, spread, units)[:, None] if spread else 1.0
    trigger = rng.random((units, DAYS)) < triggered * own
    reach = np.cumsum(trigger, axis=1)
    before = np.concatenate([np.zeros((units, LEAD)), reach], axis=1)[:, :DAYS]
    near = np.concatenate([np.zeros((units, 1)), reach[:, :-1]], axis=1) - np.concatenate(
        [np.zeros((units, 1)), before[:, :-1]], axis=1
    )
    now = np.where((near > 0) & (np.arange(DAYS) < until), effect, 1.0)
    buys = rng.random((units, DAYS)) < bought * own * now
    return tuple(Moments.of(*(values.astype(np.int64) for values in np.nonzero(what))) for what in (trigger, buys))


def shifted(what):
    return Moments(what.unit, what.day + START)


def at_risk(units=1500):
    return np.full(units, START), np.full(units, START + DAYS - 1), np.zeros(units, np.int64)


MONTHS = months(START, START + DAYS - 1)


def ratio(trigger, buys, units=1500):
    first, last, stratum = at_risk(units)
    return rate_ratio(shifted(trigger), shifted(buys), LEAD, first, last, stratum, MONTHS, START)


def test_exposed_days_are_those_after_a_trigger():
    what = Moments(np.array([0, 0, 1]), np.array([10, 15, 2]))
    unit, low, high = exposed(what, 7, np.array([0, 5]), np.array([20, 30]))
    assert list(zip(unit.tolist(), low.tolist(), high.tolist(), strict=True)) == [(0, 11, 15), (0, 16, 20), (1, 5, 9)]


def test_the_ratio_is_that_of_a_poisson_regression():
    """Effects of the months, and of what is alike; variance over customers: statsmodels on customer-months."""
    import statsmodels.api as sm

    rng = np.random.default_rng(4)
    trigger, buys = world(rng, 120, effect=2.0, triggered=0.01, bought=0.01)
    first, last, stratum = at_risk(120)
    stratum = stratum + np.arange(120) % 2
    found = rate_ratio(shifted(trigger), shifted(buys), LEAD, first, last, stratum, MONTHS, START)
    with_it = np.zeros((120, DAYS), bool)
    for unit, day in zip(trigger.unit, trigger.day, strict=True):
        with_it[unit, day + 1 : day + 1 + LEAD] = True
    bought = np.zeros((120, DAYS))
    bought[buys.unit, buys.day] = 1
    cells = pd.DataFrame({
        "unit": np.repeat(np.arange(120), DAYS), "month": np.tile(MONTHS, 120), "with": with_it.ravel().astype(int),
        "bought": bought.ravel(), "days": 1,
    })  # fmt: skip
    cells = cells.groupby(["unit", "month", "with"], as_index=False).sum()
    kind = pd.get_dummies(cells.month.astype(str) + "/" + (cells.unit % 2).astype(str), dtype=float)
    model = sm.GLM(cells.bought, kind.assign(x=cells["with"]), family=sm.families.Poisson(), exposure=cells.days)
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": cells.unit, "use_correction": False})
    assert np.log(found.value) == pytest.approx(fit.params["x"], abs=1e-6)
    assert np.log(found.upper / found.value) == pytest.approx(1.959964 * fit.bse["x"], rel=1e-5)


def own(trigger, buys, first, last):
    return own_ratio(shifted(trigger), shifted(buys), LEAD, first, last, MONTHS, START)


def test_the_own_ratio_is_that_of_a_regression_with_an_effect_of_each_customer():
    """And of each month; variance over customers: statsmodels on the months of those who buy."""
    import statsmodels.api as sm

    rng = np.random.default_rng(4)
    trigger, buys = world(rng, 40, effect=2.0, triggered=0.01, bought=0.01)
    first, last, _stratum = at_risk(40)
    found = own(trigger, buys, first, last)
    with_it, bought = np.zeros((40, DAYS), int), np.zeros((40, DAYS))
    for unit, day in zip(trigger.unit, trigger.day, strict=True):
        with_it[unit, day + 1 : day + 1 + LEAD] = 1
    bought[buys.unit, buys.day] = 1
    cells = pd.DataFrame({
        "unit": np.repeat(np.arange(40), DAYS), "month": np.tile(MONTHS, 40), "with": with_it.ravel(),
        "bought": bought.ravel(), "days": 1,
    })  # fmt: skip
    cells = cells.groupby(["unit", "month", "with"], as_index=False).sum()
    cells = cells[cells.groupby("unit").bought.transform("sum") > 0]
    effects = [pd.get_dummies(cells.unit, dtype=float), pd.get_dummies(cells.month, dtype=float).iloc[:, 1:]]
    model = sm.GLM(
        cells.bought.to_numpy(), np.column_stack([cells["with"], *effects]), family=sm.families.Poisson(),
        exposure=cells.days,
    )  # fmt: skip
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": cells.unit, "use_correction": False})
    assert np.log(found.value) == pytest.approx(fit.params[0], abs=1e-6)
    assert np.log(found.upper / found.value) == pytest.approx(1.959964 * fit.bse[0], rel=1e-5)


def seasonal(rng, units=600):
    """Return triggers and purchases that have nothing to do with each other, but are both oftener for two months."""
    often = np.where((np.arange(DAYS) >= 120) & (np.arange(DAYS) < 180), 4.0, 1.0)
    draws = [rng.random((units, DAYS)) < rate * often for rate in (0.002, 0.003)]
    return [Moments.of(*(values.astype(np.int64) for values in np.nonzero(what))) for what in draws]


def test_a_season_is_no_effect():
    """Mean log ratios of 16 worlds within 3 standard errors of 0; days of all months in one would say 1.3 times."""
    rng = np.random.default_rng(15)
    first, last, stratum = at_risk(600)
    logs = []
    for _world in range(16):
        trigger, buys = seasonal(rng)
        beside = rate_ratio(shifted(trigger), shifted(buys), LEAD, first, last, stratum, MONTHS, START)
        logs.append(np.log([own(trigger, buys, first, last).value, beside.value]))
    assert (np.abs(np.mean(logs, axis=0)) < 3 * np.std(logs, axis=0, ddof=1) / 4).all()
    every = np.zeros_like(MONTHS)
    assert own_ratio(shifted(trigger), shifted(buys), LEAD, first, last, every, START).value > 1.15


def test_a_first_purchase_is_not_compared_with_the_same_customers_other_days(log):
    """Time that ends with the purchase has its days after it cut off: the ratio would be above 1 without any effect."""
    rng = np.random.default_rng(16)
    first, last, stratum = at_risk(600)
    logs = []
    for _world in range(12):
        trigger, buys = world(rng, 600)
        until = last.copy()
        earliest = pd.Series(buys.day + START).groupby(buys.unit).min()
        until[earliest.index] = earliest
        beside = rate_ratio(shifted(trigger), shifted(buys), LEAD, first, until, stratum, MONTHS, START)
        logs.append(np.log(beside.value))
    assert abs(np.mean(logs)) < 3 * np.std(logs, ddof=1) / np.sqrt(12)
    found = found_in(log, first=True).found
    assert found.own_ratio.isna().all()
    assert found.rate_ratio.notna().all()


def test_months_that_cannot_be_told_from_the_trigger_tell_nothing():
    """Everybody is triggered on the last day of a month whose next is wholly after it."""
    trigger = Moments(np.arange(4), np.full(4, START + 30))
    buys = Moments(np.arange(4), START + np.array([3, 5, 40, 45]))
    first, last = np.full(4, START), np.full(4, START + 58)
    assert np.isnan(own_ratio(trigger, buys, 28, first, last, months(START, START + 58), START).value)


def test_what_happens_is_sorted_and_counted_once():
    found = Moments.of(np.array([2, 0, 2, 0, 1]), np.array([-3, 7, -3, -40_000, 5]))
    assert found.unit.tolist() == [0, 0, 1, 2]
    assert found.day.tolist() == [-40_000, 7, 5, -3]
    assert found.latest(np.array([0, 2]), np.array([6, -4])).tolist() == [-40_000, -(10**9)]
    none = np.empty(0, np.int64)
    assert not len(Moments.of(none, none).day)


def test_a_planted_trigger_is_found_with_its_ratio():
    """Mean of twelve worlds within 3 standard errors of the mean; intervals hold it."""
    rng = np.random.default_rng(8)
    found = [ratio(*world(rng, effect=3.0)) for _ in range(12)]
    logs = np.log([each.value for each in found])
    assert abs(logs.mean() - np.log(3)) < 3 * logs.std(ddof=1) / np.sqrt(12)
    assert sum(each.lower < 3 < each.upper for each in found) >= 10  # 9 or fewer of 12 at 95%: once in 500


def test_noise_is_not_found():
    """No effect: p below 5% in 5% of 200 worlds; 3 standard errors are 4.6 points."""
    rng = np.random.default_rng(9)
    wrong = sum(ratio(*world(rng, 300), 300).p_value < 0.05 for _ in range(200))
    assert wrong / 200 < 0.05 + 0.046


def test_who_they_are_is_told_apart_from_when():
    """Some customers do everything more often: beside others a trigger seems to work, beside their own days not."""
    rng = np.random.default_rng(10)
    first, last, _stratum = at_risk()
    logs = []
    for _world in range(12):
        trigger, buys = world(rng, spread=1.0)
        assert ratio(trigger, buys).lower > 1.2
        logs.append(np.log(own(trigger, buys, first, last).value))
    assert abs(np.mean(logs)) < 3 * np.std(logs, ddof=1) / np.sqrt(12)


def test_precision_and_lift_are_the_true_ones():
    """A fresh trigger is followed within 20 days with a chance that is known, the effect aside of later triggers."""
    rng = np.random.default_rng(12)
    results = []
    for _world in range(10):
        trigger, buys = world(rng, effect=4.0, triggered=0.002)
        first, last, stratum = at_risk()
        results.append(judge(shifted(trigger), shifted(buys), LEAD, first, last, stratum, CUT + 1, START + DAYS - 1))
    true = 1 - (1 - 0.003 * 4) ** LEAD
    # those without a trigger may get one in time: after a uniform wait the rest of the window is at the higher rate
    later = np.mean([
        1 - (1 - 0.003) ** (w + 1) * (1 - 0.012) ** (LEAD - w - 1) for w in range(LEAD)
    ])  # fmt: skip
    soon = 1 - (1 - 0.002) ** LEAD
    base = (1 - soon) * (1 - (1 - 0.003) ** LEAD) + soon * later
    assert sum(each.precision[1] < true < each.precision[2] for each in results) >= 8
    assert sum(each.lift[1] < true / base < each.lift[2] for each in results) >= 8
    assert abs(np.mean([each.base for each in results]) - base) < 0.003
    assert all(each.waiting > 0 for each in results)


def events(trigger, buys, name="call"):
    """Return the two as a log, after a first event that tells that they are there."""
    units = 1 + max(trigger.unit.max(), buys.unit.max())
    parts = [
        pd.DataFrame({"customer_id": what.unit, "day": what.day + 1, "event": event})
        for what, event in ((trigger, name), (buys, "buy"))
    ]
    log = pd.concat([pd.DataFrame({"customer_id": range(units), "day": 0, "event": "open"}), *parts])
    return log.assign(ts=pd.Timestamp("2025-01-01 12:00") + pd.to_timedelta(log.day, "D")).drop(columns="day")


@pytest.fixture(scope="module")
def log():
    """Calls treble the chance to buy; mails do more, but only until the split; clicks never do."""
    rng = np.random.default_rng(21)
    trigger, buys = world(rng, 2500, effect=3.0)
    mail, more = world(rng, 2500, effect=6.0, until=240, bought=0.001)
    click, _none = world(rng, 2500)
    logs = [events(trigger, buys), events(mail, more, "mail"), events(click, click, "click").query("event == 'click'")]
    return pd.concat(logs).drop_duplicates(["customer_id", "ts", "event"])


CANDIDATES = {"called": "call", "mailed": "mail", "clicked": "click"}


def found_in(log, **options):
    options = {"lead": "20d", "as_of": "2025-12-26", "since": "2025-01-02", "split": "2025-08-29"} | options
    return triggers(log, "buy", CANDIDATES, **options)


def test_verdicts(log):
    study = found_in(log)
    found = study.found.set_index("trigger")
    assert found.verdict.to_dict() == {
        "called": "holds", "mailed": "does not hold later", "clicked": "no more than chance"
    }  # fmt: skip
    assert found.rate_with["called"] == pytest.approx(found.rate_ratio["called"] * found.rate_without["called"])
    live = study.live().execute()
    assert set(live.trigger) == {"called"}
    calls = log[(log.event == "call") & (log.ts < "2025-12-27")].groupby("customer_id").ts.max().dt.normalize()
    recent = calls[(pd.Timestamp("2025-12-26") - calls).dt.days < 20]
    assert live.set_index("customer_id").since.map(pd.Timestamp).to_dict() == recent.to_dict()
    assert (live.days_left == 20 - (pd.Timestamp("2025-12-26") - pd.to_datetime(live.since)).dt.days).all()


def test_only_triggers_that_hold_give_a_list(log):
    study = found_in(log)
    for name in ("mailed", "clicked"):
        with pytest.raises(Refused, match=f"the trigger {name}"):
            study.live([name])
    for names in ("called", 5, ["nothing"]):
        with pytest.raises(ParameterError, match="names"):
            study.live(names)
    assert set(study.live(["called"]).trigger.execute()) == {"called"}


def test_days_are_compared_from_when_every_trigger_before_them_is_known(log):
    """Whoever was triggered just before the records begin would be taken to have been not."""
    chosen = [Trigger("called", "call"), Trigger("twice", "mail", times=2, within="10d", quiet="5d")]
    assert triggers(log, "buy", chosen, lead="20d").since == dt.date(2025, 1, 1) + dt.timedelta(days=20 + 10 + 5)
    assert triggers(log, "buy", chosen[:1], lead="20d").since == dt.date(2025, 1, 21)


def test_nothing_later_is_seen(log):
    known = found_in(log, as_of="2025-11-30")
    again = found_in(log[log.ts < "2025-12-01"], as_of="2025-11-30")
    pd.testing.assert_frame_equal(known.found, again.found)


def test_a_purchase_on_the_day_of_its_trigger_does_not_count(log):
    """Whoever calls to buy has not been triggered by the call."""
    same = log[log.event == "buy"].assign(event="call")
    found = triggers(pd.concat([log[log.event != "call"], same]), "buy", {"called": "call"}, lead="20d").found
    assert found.verdict[0] != "holds"
    assert found.rate_ratio_upper[0] < 1.6


def test_small_numbers_are_hidden(log):
    rare = log[(log.event != "call") | (log.customer_id < 6)]
    row = found_in(rare).found.set_index("trigger").loc["called"]
    assert row.verdict == "too few"
    assert (
        row[["customers", "fresh", "rate_with", "rate_ratio", "later_ratio", "precision", "lift", "coverage"]]
        .isna()
        .all()
    )


def test_small_numbers_of_the_later_months_are_hidden(log):
    """Many are triggered until long before the split, six after it, three of them too late to be known."""
    split, soon = pd.Timestamp("2025-08-09"), pd.Timestamp("2025-12-10")
    call = log.event == "call"
    late = log[call & (log.ts >= "2025-08-30")].drop_duplicates("customer_id")
    late = pd.concat([late[late.ts < "2025-12-01"][:3], late[late.ts >= soon][:3]])
    row = found_in(pd.concat([log[~call | (log.ts < split)], late])).found.set_index("trigger").loc["called"]
    assert row.rate_ratio > 1
    hidden = ["fresh", "waiting", "later_ratio", "later_ratio_lower", "precision", "lift", "coverage"]
    assert row[hidden].isna().all()


def test_where_nobody_buys_nothing_is_said(log):
    study = triggers(log, "never", CANDIDATES, lead="20d")
    assert study.purchases == 0
    assert set(study.found.verdict) == {"too few"}
    assert study.live().count().execute() == 0


def test_conditions_are_met_on_the_right_days():
    stamps = ["2026-01-01 10:00", "2026-01-03", "2026-01-08 10:00", "2026-01-08 10:01", "2026-04-20", "2026-04-21"]
    frame = pd.DataFrame({"customer_id": 1, "event": "view", "ts": pd.to_datetime(stamps, format="ISO8601")})
    table, _con = engine_table(frame, "events")
    start = number(dt.date(2025, 9, 1))

    def days(**options):
        found = days_of(Trigger("t", "view", **options), table, "customer_id", "ts", "event", start)
        return sorted(str(dt.date(1970, 1, 1) + dt.timedelta(days=d)) for d in found["day"].to_pylist())

    assert days(times=3, within="7d") == ["2026-01-08"]
    assert days(quiet="90d") == ["2026-01-01", "2026-04-20"]
    start = number(dt.date(2025, 12, 1))  # nobody knows whether the first was the first
    assert days(quiet="90d") == ["2026-04-20"]


@pytest.mark.slow
def test_spark_finds_the_same(tiny_bank, spark_bank):
    chosen = [
        Trigger("two_logins", "login", times=2, within="14d"),
        Trigger("salary", _.kind == "salary", "transactions", quiet="20d"),
        next(each for each in bm.funnel.default_triggers() if each.name == "balance_jump"),
    ]
    kinds = {"lead": "10d", "since": "2025-03-01", "k": 1, "alike": ["is_payroll"]}
    one, other = (triggers(bank, "login", chosen, **kinds) for bank in (tiny_bank, spark_bank))
    pd.testing.assert_frame_equal(one.found, other.found)
    assert one.found.customers.sum() > 10
    held = [dataclasses.replace(study, found=study.found.assign(verdict="holds")) for study in (one, other)]
    rows = [study.live(["two_logins"]).order_by("customer_id").execute() for study in held]
    pd.testing.assert_frame_equal(*rows, check_dtype=False)


def test_a_table_that_is_not_there_is_named(tiny_frames):
    frames = {name: frame for name, frame in tiny_frames.items() if name != "contacts"}
    chosen = [Trigger("called", _.channel == "call", "contacts"), Trigger("login", "login")]
    study = triggers(bm.open_bank(frames), "login", chosen, lead="10d", since="2025-03-01", k=1)
    assert study.left_out == ("called",)
    assert study.found.trigger.tolist() == ["login"]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"lead": "36h"}, "lead"),
        ({"split": "2025-01-03"}, "split"),
        ({"k": 0}, "k = 0"),
        ({"alike": ["gender"]}, "alike"),
        ({"since": "soon"}, "since"),
        ({"candidates": None}, "candidates"),
        ({"candidates": ["call"]}, "candidates"),
        ({"candidates": {"saw": _.page == "loan"}}, "page"),
    ],
)
def test_bad_input_is_refused(log, options, match):
    options = {"target": "buy", "candidates": CANDIDATES} | options
    with pytest.raises(BankmktError, match=match):
        triggers(log, **options)


def test_bad_triggers_are_refused():
    for options in ({"times": 0}, {"times": 2}, {"within": "7d"}, {"quiet": "1 natural day"}):
        with pytest.raises(BankmktError, match="of x"):
            Trigger("x", "view", **options)
