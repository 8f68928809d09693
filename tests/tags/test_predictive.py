"""Predictive tags: learned from the past alone, scored alike everywhere, judged fairly, and never past the best."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest
import tiny
from ibis import _
from sklearn.metrics import roc_auc_score

from bankmkt import tags
from bankmkt.bank import open_bank
from bankmkt.errors import ParameterError, Refused
from bankmkt.tags.families import house
from bankmkt.tags.snapshots import by_horizon, examples

CODES = ("wealth_propensity", "card_activation", "app_dormancy")
DAY, AFTER = dt.date(2025, 5, 31), dt.date(2025, 8, 31)


@pytest.fixture(scope="module")
def bank(generated):
    return generated


@pytest.fixture(scope="module")
def models(bank):
    return tags.train(bank, DAY, CODES, snapshots=2)


@pytest.fixture(scope="module")
def truth(bank):
    return tags.true_probabilities(bank, [DAY], CODES, draws=20)


@pytest.fixture(scope="module")
def rows(bank, models, truth):
    return tags.later_rows(bank, models, [DAY], truth)


@pytest.fixture(scope="module")
def figures(bank, models, rows):
    return tags.evaluate_models(bank, models, rows=rows, resamples=60)


def test_the_eight():
    assert [p.code for p in tags.PREDICTIVE] == [
        "potential_vip", "vip_attrition", "wealth_propensity", "fund_propensity", "card_activation", "loan_need",
        "app_dormancy", "payroll_loss",
    ]  # fmt: skip


def test_who_is_judged_and_what_happened_by_hand(bank):
    found = examples(bank, DAY, [], tags.PREDICTIVE).set_index("customer_id")
    balances = bank.fetch(bank.balances.mutate(month=_.month.cast("date"))).to_pandas()
    people = bank.fetch(bank.customers).to_pandas().set_index("customer_id")
    at = {m: b.set_index("customer_id") for m, b in balances.groupby("month")}
    ends = [dt.date(2025, 6, 30), dt.date(2025, 7, 31), AFTER]
    now, end = at[DAY], at[AFTER]
    gone = people.closed_on.notna() & (pd.to_datetime(people.closed_on).dt.date <= AFTER)

    def check(code, who, happened, closed):
        mine = found[found[f"judged_{code}"]]
        assert sorted(mine.index) == sorted(who)
        expected = pd.Series(happened, mine.index).fillna(False).astype(bool)
        expected[gone.reindex(mine.index)] = closed
        assert (mine[f"happened_{code}"] == expected).all()
        assert expected.any()

    vip = now.index[now.aum >= 200_000]
    check("vip_attrition", vip, end.aum.reindex(vip) < 0.7 * now.aum.reindex(vip), True)
    near = now.index[(now.aum >= 50_000) & (now.aum < 200_000)]
    check("potential_vip", near, end.aum.reindex(near) >= 200_000, False)
    for code, product in (("wealth_propensity", "wealth"), ("fund_propensity", "fund"), ("loan_need", "loan")):
        without = now.index[now[product] == 0]
        high = pd.concat([at[m][product].reindex(without) for m in ends], axis=1).max(axis=1)
        check(code, without, high > 0, False)
    moves = bank.transactions.filter(_.kind == "salary").select("customer_id", ts=_.ts.date())
    paid = bank.fetch(moves).to_pandas()
    lately = paid[(paid.ts > dt.date(2025, 3, 31)) & (paid.ts <= DAY)].customer_id.unique()
    later = paid[(paid.ts > dt.date(2025, 6, 30)) & (paid.ts <= AFTER)].customer_id.unique()
    here = [c for c in lately if c in now.index]
    check("payroll_loss", here, pd.Series(~pd.Index(here).isin(later), here), True)


def test_months_are_kept_apart_in_time(models):
    for model in models.values():
        assert model.trained_on == (dt.date(2024, 10, 31), dt.date(2024, 11, 30))
        assert model.calibrated_on == dt.date(2025, 2, 28)  # its outcome ends on the day of training


def test_inputs_fit_into_the_history(models):
    names = {one.name for model in models.values() for one in model.inputs if isinstance(one, tags.Feature)}
    assert "aum" in names
    assert "aum_peak" not in names  # twelve months; four were known on 31 October
    assert all(one.months + one.before <= 4 for m in models.values() for one in m.inputs if hasattr(one, "months"))


def test_scores(bank, models):
    scores = tags.predict(bank, AFTER, models).to_pandas().set_index("customer_id").sort_index()
    people = bank.as_of(AFTER).customers
    assert list(scores.index) == sorted(bank.fetch(people.filter(people.closed_on.isnull()).customer_id).to_pylist())
    judged = bank.fetch(
        tags.compute(bank, AFTER, [m.prediction.tag("population") for m in models.values()])
    ).to_pandas().set_index("customer_id").sort_index()  # fmt: skip
    for code in CODES:
        assert (scores[code].notna() == judged[code].astype(bool)).all()
        assert scores[code].dropna().between(0, 1).all()
    small = tags.predict(bank, AFTER, models, batch=700).to_pandas().set_index("customer_id").sort_index()
    pd.testing.assert_frame_equal(small, scores)
    few = tags.predict(bank, AFTER, models, customers=[5, 1, 2]).to_pandas().set_index("customer_id").sort_index()
    pd.testing.assert_frame_equal(few, scores[scores.index.isin([1, 2, 5])])


@pytest.mark.slow
def test_both_engines_score_alike(models, tiny_bank, spark_bank):
    one, other = (
        tags.predict(b, "2025-06-30", models).to_pandas().set_index("customer_id").sort_index()
        for b in (tiny_bank, spark_bank)
    )
    assert one.notna().any().any()
    pd.testing.assert_frame_equal(one, other, rtol=1e-6)
    text = open_bank(tiny.with_text_ids(tiny.frames()))
    third = tags.predict(text, "2025-06-30", models).to_pandas().set_index("customer_id").sort_index()
    assert third.to_numpy() == pytest.approx(one.to_numpy(), nan_ok=True)


def test_a_sample_of_customers_has_the_values_of_the_whole(bank, models, rows):
    part = tags.later_rows(bank, models, [DAY], customers=2_000, seed=1)
    ids = part.customer_id.unique()
    assert 1_000 < len(ids) < 2_200
    whole = rows[rows.customer_id.isin(ids)].drop(columns="best achievable").reset_index(drop=True)
    pd.testing.assert_frame_equal(part, whole)
    other = tags.later_rows(bank, models, [DAY], customers=2_000, seed=2)
    assert set(other.customer_id) != set(ids)


def test_a_day_within_a_month_is_judged_from_its_end_on(bank):
    few = [house()[0][name] for name in ("login_quarter", "buys")]
    learned = tags.train(bank, "2025-05-15", ["app_dormancy"], few, snapshots=1)
    assert learned["app_dormancy"].calibrated_on == dt.date(2025, 1, 31)
    assert tags.later_rows(bank, learned).month.unique().tolist() == [DAY]


def test_figures_are_scikit_learns(rows, figures):
    values = figures.set_index(["code", "score", "measure"]).value
    for code, part in rows.groupby("code"):
        for score in part.columns[part.notna().any()].intersection(["model", "simple rule", "best achievable"]):
            told = part[score].fillna(part[score].min() - 1)
            assert values[code, score, "auc"] == pytest.approx(roc_auc_score(part.happened, told))
        assert values[code, "model", "actual"] == pytest.approx(part.happened.mean())
        assert values[code, "model", "gap"] == pytest.approx(part.model.mean() - part.happened.mean())
    told = figures[figures.measure.isin(["auc", "lift_10", "actual", "gap"])].dropna(subset="ci_lower")
    assert (told.ci_lower.le(told.value) & told.value.le(told.ci_upper)).all()
    assert set(told.code) == set(CODES)


def test_models_tell_something_and_do_not_beat_the_best(figures):
    table = figures.set_index(["code", "score", "measure"])
    for code in CODES:
        assert table.ci_lower[code, "model", "auc"] > 0.5
    told = table.index[table.index.get_level_values("score") == "best achievable − model"].unique("code")
    assert len(told) >= 2  # of the third, 20 futures leave too much unknown
    for code in told:
        assert table.ci_upper[code, "best achievable − model", "auc"] > 0
        assert table.value[code, "best achievable", "auc"] >= table.value[code, "model", "auc"]


def test_true_probabilities_are_calibrated(rows, truth):
    """What came true is within 4 standard deviations of the sum of the probabilities, for all and for each half."""
    for _code, part in rows.merge(truth, on=["code", "month", "customer_id"]).groupby("code"):
        best = part["probability"]
        for half in (best > -1, best >= best.median(), best < best.median()):
            p, y = best[half], part.happened[half]
            spread = np.sqrt((p * (1 - p)).sum() * (1 + 1 / 20))  # 20 futures have noise of their own
            assert abs(y.sum() - p.sum()) < 4 * spread


def test_what_the_futures_leave_unknown(truth):
    left = tags.best_left(truth).set_index("code")
    assert set(left.index) == set(CODES)
    assert (left.unknown < 0.2).all()


def test_curves(rows, figures):
    values = figures.set_index(["code", "score", "measure"]).value
    curve = tags.lift_curve(rows, resamples=10).set_index(["code", "score", "share"]).sort_index()
    for code in CODES:
        assert curve.lift[code, "model", 0.1] == pytest.approx(values[code, "model", "lift_10"], nan_ok=True)
        assert curve.loc[code, "model"].captured.dropna().is_monotonic_increasing
    found = tags.reliability(rows)
    shown = found[~found.suppressed]
    gap = ((shown.predicted - shown.happened).abs() * shown.customers)[shown.score == "model"].groupby(shown.code).sum()
    whole = found[found.score == "model"].groupby("code").suppressed.any()
    for code in gap.index[~whole[gap.index]]:
        assert gap[code] / (rows.code == code).sum() == pytest.approx(values[code, "model", "ece"])


def test_small_groups_are_hidden(rows):
    found = tags.fairness(rows, k=40)
    assert found.suppressed.any()
    assert found.loc[found.suppressed, ["customers", "events", "actual", "auc"]].isna().all().all()
    few = rows[rows.happened == 0].groupby("code").head(300)
    told = tags.evaluate_models(None, None, rows=pd.concat([few, rows[rows.happened == 1].groupby("code").head(9)]))
    assert told.suppressed.all()
    assert told[["value", "ci_lower", "ci_upper", "customers", "events"]].isna().all().all()


def judged(customers, with_it, months):
    """Return rows in which each customer is judged in every month, always with the same outcome."""
    ids = np.arange(customers)
    month = pd.DataFrame({
        "code": "a", "customer_id": ids, "happened": (ids < with_it).astype(float), "model": 1 - ids / customers,
        "simple rule": 0.5, "age": "30 to 44", "gender": "female", "city_tier": "tier_1",
    })  # fmt: skip
    return pd.concat([month.assign(month=number) for number in range(months)], ignore_index=True)


@pytest.mark.parametrize(("customers", "with_it"), [(6, 3), (60, 3), (60, 57)])
def test_a_customer_counts_once_however_many_months_are_judged(customers, with_it):
    rows = judged(customers, with_it, 4)
    assert tags.evaluate_models(None, None, rows=rows, resamples=5).suppressed.all()
    assert tags.lift_curve(rows, resamples=5).empty
    assert tags.fairness(rows).suppressed.all()
    told = tags.reliability(rows)
    assert not told.customers.between(1, 39).any()
    assert told[told.suppressed][["events", "happened"]].isna().all().all()


def test_a_share_of_few_outcomes_is_not_told():
    """60 of 600 have the outcome and score highest: a hundredth of the customers holds 6 of them, a tenth all."""
    curve = tags.lift_curve(judged(600, 60, 1), resamples=5)
    own = curve[curve.score == "model"].set_index("share")
    inside = (own.index.to_numpy() * 600).clip(max=60)
    secret = ((inside > 0) & (inside < 10)) | ((inside > 50) & (inside < 60))
    assert secret.any()
    assert (own.captured.isna() == secret).all()
    assert own.ci_lower[secret].isna().all()
    near = judged(600, 65, 1)  # the highest tenth holds 60, and leaves 5
    found = tags.evaluate_models(None, None, rows=near, resamples=5).set_index(["score", "measure"])
    assert np.isnan(found.value["model", "lift_10"])
    assert found.value["model", "auc"] == 1


def test_subtraction_of_two_shares_tells_of_no_few():
    """200 of 2,000 have the outcome, in clumps of the ranking: no two shown shares are 1 to 9 outcomes apart."""
    happened = np.zeros(2_000)
    for start, end, number in ((0, 20, 15), (20, 40, 6), (40, 100, 50), (100, 200, 4), (200, 300, 100),
                               (300, 1_100, 7), (1_100, 1_900, 18)):  # fmt: skip
        happened[start:end][:number] = 1
    rows = judged(2_000, 1, 1).assign(happened=happened)
    curve = tags.lift_curve(rows, resamples=5)
    own = curve[curve.score == "model"].set_index("share").captured * 200
    told = own.dropna().to_numpy()
    apart = np.abs(told[:, None] - told[None, :]).round(6)
    assert not ((apart > 0) & (apart < 10)).any()
    assert own[0.1] == 75  # told by lift_10 too, so it goes first; the twentieth, 71, gives way
    assert own.index[own.isna()].tolist() == [0.02, 0.05, 0.2, 0.3, 0.4, 0.5]


def test_marks(bank, models):
    scores = tags.predict(bank, AFTER, models)
    found = tags.marks(bank, scores, 0.2).set_index("code")
    frame = scores.to_pandas()
    limits = {}
    for code in CODES:
        told = np.sort(frame[code].dropna().to_numpy())[::-1]
        assert found.judged[code] == len(told)
        number, most = int(found.marked[code]), len(told) // 5
        assert 0 < number <= most
        assert found.tied[code] == (number < most)
        assert number == most or told[number] == told[most]  # whoever is next has equals beyond the share
        assert found.limit[code] == told[number - 1]
        assert found.expected[code] == pytest.approx(told[:number].sum())
        limits[code] = told[number - 1]
    org = bank.fetch(bank.customers.select("customer_id", "org_id")).to_pandas().set_index("customer_id").org_id
    sizes = org[frame.customer_id].value_counts()
    unit = int(sizes.index[(sizes - 60).abs().argmin()])  # a unit of some 60 customers
    here = frame[frame.customer_id.map(org) == unit]
    small = tags.marks(bank, scores, 0.2, units=[unit]).set_index("code")
    hidden = []
    for code in CODES:
        marked = int((here[code] >= limits[code]).sum())
        judged = int(here[code].count())
        hidden.append(any(0 < n < 10 for n in (judged, len(here) - judged, marked, judged - marked)))
        assert small.suppressed[code] == hidden[-1]
        assert np.isnan(small.marked[code]) if hidden[-1] else small.marked[code] == marked
        assert np.isnan(small.limit[code]) == hidden[-1]
    assert any(hidden)
    assert not tags.marks(bank, scores, 0.2, units=[unit], k=1).suppressed.any()


@pytest.mark.parametrize(
    ("score", "marked", "limit", "tied"),
    [
        ([0.5] * 50, 0, None, True),  # a constant score puts nobody first
        ([0.9] * 12 + [0.5] * 20 + [0.1] * 18, 12, 0.9, True),  # 15 may be marked; the next 20 are equal
        ([0.9] * 15 + [0.1] * 35, 15, 0.9, False),
        (np.linspace(0, 1, 50).tolist(), 15, 35 / 49, False),
        ([0.9] * 5 + [0.5] * 20 + [0.1] * 25, None, None, True),  # the marked would be 5 customers
        ([0.9] * 3 + [0.1] * 5 + [None] * 42, None, None, True),  # 8 are judged: nor is the limit told
    ],
)
def test_equal_scores_are_marked_together_or_not_at_all(tiny_bank, score, marked, limit, tied):
    ids = tiny_bank.fetch(tiny_bank.customers.customer_id).to_pylist()
    assert len(ids) == 50
    scores = ibis.memtable(pd.DataFrame({"customer_id": ids, "a": np.array(score, dtype=float)}))
    row = tags.marks(tiny_bank, scores, 0.3).iloc[0]
    assert row.marked == marked if marked is not None else np.isnan(row.marked)
    assert row.limit == pytest.approx(limit) if limit is not None else np.isnan(row.limit)
    assert row.suppressed == (marked is None)
    assert row.tied == tied


def test_too_few_outcomes_are_refused(bank):
    few = [house()[0]["aum"]]
    with pytest.raises(Refused, match=r"payroll_loss: .* customers tell the outcome apart"):
        tags.train(bank, DAY, ["payroll_loss"], few, snapshots=1, customers=2_000)
    assert tags.train(bank, DAY, ["payroll_loss"], few, snapshots=1, customers=2_000, strict=False) == {}


def test_card(models, figures, rows):
    card = tags.model_card(models["app_dormancy"], figures, tags.fairness(rows))
    for words in ("App dormancy risk", "2025-02-28", "best achievable", "Nothing after 2025-05-31", "city tier"):
        assert words in card
    wild = rows.assign(city_tier="<b>|x")
    assert "&lt;b&gt;/x" in tags.model_card(models["app_dormancy"], figures, tags.fairness(wild))
    assert "Not judged yet" in tags.model_card(models["app_dormancy"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b, m: tags.train(b, DAY, ["nothing"]), "predictions = 'nothing'"),
        (lambda b, m: tags.train(b, DAY, ["loan_need", "loan_need"]), "each code once"),
        (lambda b, m: tags.train(b, DAY, snapshots=0), "snapshots = 0"),
        (lambda b, m: tags.train(b, "2024-12-31"), "as_of = '2024-12-31'"),
        (lambda b, m: tags.predict(b, DAY, {}), "models = {}"),
        (lambda b, m: tags.predict(b, DAY, m, batch=0), "batch = 0"),
        (lambda b, m: tags.later_rows(b, m, ["2025-04-30"]), "models know what came before"),
        (lambda b, m: tags.later_rows(b, m, ["2025-06-15"]), "month ends"),
        (lambda b, m: tags.later_rows(b, m, ["2025-06-30"]), "2025-05-31 or earlier"),
        (lambda b, m: tags.evaluate_models(b, m, resamples=1), "resamples = 1"),
        (lambda b, m: tags.true_probabilities(b, [DAY], draws=1), "draws = 1"),
        (lambda b, m: tags.marks(b, None, 1.0), "share = 1.0"),
    ],
)
def test_what_cannot_be(bank, models, call, message):
    with pytest.raises(ParameterError, match=message):
        call(bank, models)


def test_horizons_are_kept_together():
    one, two = (
        tags.Prediction(f"h{months}", "H", "月", "risk", "m", _.aum > 0, _.aum > 1, False, _.aum, "s", months=months)
        for months in (3, 6)
    )
    assert by_horizon([one, two]) == {3: [one], 6: [two]}
