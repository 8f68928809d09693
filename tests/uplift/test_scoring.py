"""A scorer says what causalml's learner says, survives its file, and scores alike on every engine and in any batch."""

import json

import ibis
import numpy as np
import pandas as pd
import pytest
import tiny
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.linear_model import LinearRegression

from bankmkt.errors import DataError, ParameterError, Refused, SchemaError
from bankmkt.experiment import covariates, panel
from bankmkt.experiment.panel import COVARIATES
from bankmkt.uplift import Study, load_scorer, save_scorer, score, scorer
from bankmkt.uplift.encoding import encode, encoding
from bankmkt.uplift.learners import LEARNERS, default_model, fit_meta, matrix
from bankmkt.uplift.scorer import STORABLE

SMALL = {"n_estimators": 10, "n_jobs": 1, "verbose": -1, "min_child_samples": 10, "random_state": 1}


def customers(n=600, seed=1):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "customer_id": rng.permutation(n) + 1, "aum": rng.lognormal(8, 1, n), "age": rng.integers(20, 80, n),
        "city": rng.choice(["north", "south", "east"], n), "has_app": rng.random(n) < 0.5,
    })  # fmt: skip
    frame.loc[::7, "aum"] = np.nan
    frame.loc[::11, "city"] = None
    return frame


def study(n=600, arms=("control", "call"), **more):
    rng = np.random.default_rng(2)
    frame = customers(n).set_index("customer_id")
    arm = rng.choice(list(arms), n)
    y = rng.normal(size=n) + (arm != "control") * (frame.age.to_numpy() > 50)
    return Study(frame, arm, y, dict.fromkeys(arms, 1 / len(arms)), **more)


@pytest.fixture(scope="module")
def known():
    return scorer(study(), "T", model=LGBMRegressor(**SMALL))


@pytest.mark.parametrize("learner", ["S", "T", "X", "R", "DR"])
def test_scores_are_those_of_causalml(learner):
    mine = study()
    data, p = matrix(mine.X), mine.propensity[:, 1]
    direct = fit_meta(learner, LGBMRegressor(**SMALL), data, (mine.arm == 1).astype(int), mine.outcome, p, 7)
    told = {} if learner == "R" else {"verbose": False}
    found = scorer(mine, learner, model=LGBMRegressor(**SMALL)).score(customers())
    np.testing.assert_allclose(found[:, 0], direct.predict(data, p=p, **told)[:, 0], rtol=1e-9, atol=1e-12)


def test_several_arms_have_a_column_each():
    found = scorer(study(900, ("control", "call", "sms")), "TO", model=LGBMRegressor(**SMALL))
    assert found.arms == ("call", "sms")
    scores = found.score(customers())
    assert scores.shape == (600, 2)
    assert not np.allclose(scores[:, 0], scores[:, 1])
    response = scorer(study(900, ("control", "call", "sms")), "response", model=LGBMRegressor(**SMALL))
    assert len(response.terms) == 2


def test_a_scorer_survives_its_files_and_they_are_no_pickle(known, tmp_path):
    folder = save_scorer(known, tmp_path / "scorer")
    again = load_scorer(folder)
    assert again == known
    np.testing.assert_array_equal(again.score(customers()), known.score(customers()))
    assert sorted(p.suffix for p in folder.iterdir()) == [".json", ".txt", ".txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["scorer"]  # nothing is left aside
    with pytest.raises(DataError, match="does not exist"):
        save_scorer(known, folder)
    with pytest.raises(ParameterError, match="scorer"):
        save_scorer("T", tmp_path / "other")


def spoil_trees(folder):
    file = folder / "trees_00.txt"
    file.write_text(file.read_text().replace("leaf_value=", "leaf_value=1", 1))


def spoil(**change):
    def spoiled(folder):
        record = json.loads((folder / "scorer.json").read_text())
        (folder / "scorer.json").write_text(json.dumps(record | change))

    return spoiled


def reverse_columns(folder):
    spoil(columns=json.loads((folder / "scorer.json").read_text())["columns"][::-1])(folder)


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (spoil_trees, DataError), (lambda folder: (folder / "trees_01.txt").unlink(), DataError),
        (lambda folder: (folder / "scorer.json").write_text("{"), DataError), (spoil(format=9), Refused),
        (spoil(terms=[]), DataError), (spoil(columns=[]), DataError), (spoil(arms=["other"]), DataError),
        (reverse_columns, DataError), (spoil(learner="X"), DataError), (spoil(learner=None), DataError),
        (spoil(fingerprint=""), DataError),
    ],
)  # fmt: skip
def test_damaged_files_are_refused(known, tmp_path, damage, error):
    folder = save_scorer(known, tmp_path / "scorer")
    damage(folder)
    with pytest.raises(error, match="scorer"):
        load_scorer(folder)


def test_batches_files_and_engines_score_alike(known, tmp_path, spark_url):
    frame = customers(500, seed=3)
    wanted = pd.Series(known.score(frame)[:, 0], pd.Index(frame.customer_id)).sort_index()

    def of(table):
        found = table.to_pandas().set_index("customer_id").sort_index()
        assert list(found) == ["call"]
        return found.call

    pd.testing.assert_series_equal(of(score(frame, known)), wanted, check_names=False)
    pd.testing.assert_series_equal(of(score(frame, known, batch=64)), wanted, check_names=False)
    written = score(ibis.memtable(frame), known, path=tmp_path / "scores.parquet", batch=64)
    pd.testing.assert_series_equal(of(written), wanted, check_names=False)
    assert [p.name for p in tmp_path.iterdir()] == ["scores.parquet"]
    assert (tmp_path / "scores.parquet").stat().st_mode & 0o077 == 0
    with pytest.raises(DataError, match="does not exist"):
        score(frame, known, path=tmp_path / "scores.parquet")
    from bankmkt.engines import connect
    from bankmkt.frames import engine_table

    on_spark, _ = engine_table(frame, "customers", connect(spark_url))
    pd.testing.assert_series_equal(of(score(on_spark, known, batch=64)), wanted, check_names=False)


def test_nothing_half_written(known, tmp_path):
    frame = customers(100).assign(aum="much")
    with pytest.raises(SchemaError, match="aum"):
        score(frame, known, path=tmp_path / "scores.parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_customers_of_no_campaign_are_described_as_those_of_one_are(tiny_bank, spark_bank):
    """On the campaign's baseline, and by any engine; those who had left are gone."""
    before = panel(tiny_bank, "growth").to_pandas().set_index("customer_id")[list(COVARIATES)]
    now = covariates(tiny_bank, "2025-04-10").to_pandas().set_index("customer_id").sort_index()
    both = before.index.intersection(now.index)
    assert len(both) > 10
    pd.testing.assert_frame_equal(now.loc[both], before.loc[both], check_dtype=False)
    left = tiny.frames()["customers"].query("closed_on <= '2025-03-31'").customer_id
    assert not set(left) & set(now.index)
    spark = covariates(spark_bank, "2025-04-10").to_pandas().set_index("customer_id").sort_index()
    pd.testing.assert_frame_equal(now, spark, check_dtype=False)
    with pytest.raises(Refused, match="balances"):
        covariates(tiny_bank, "2019-01-31")


def test_a_bank_is_scored_as_of_a_day(tiny_bank):
    known_before = covariates(tiny_bank, "2025-03-31").to_pandas().set_index("customer_id")
    X = known_before[["aum_0", "age", "gender"]]
    treated = np.arange(len(X)) % 2 == 0
    fitted = scorer(Study(X, treated, X.aum_0 * treated, 0.5), "T", model=LGBMRegressor(**SMALL))
    found = score(tiny_bank, fitted, as_of="2025-03-31").to_pandas().set_index("customer_id").treatment
    wanted = pd.Series(fitted.score(X)[:, 0], X.index)
    pd.testing.assert_series_equal(found.sort_index(), wanted.sort_index(), check_names=False)
    with pytest.raises(ParameterError, match="as_of"):
        score(tiny_bank, fitted)
    with pytest.raises(ParameterError, match="as_of"):
        score(X.reset_index(), fitted, as_of="2025-03-31")


def test_bad_input(known):
    for options in ({"learner": "uplift_forest"}, {"model": LinearRegression()}, {"seed": -1},
                    {"model": LGBMClassifier()}, {"model": LGBMRegressor(objective="poisson")}):  # fmt: skip
        with pytest.raises(ParameterError):
            scorer(study(), **options)
    with pytest.raises(ParameterError, match="study"):
        scorer(customers())
    with pytest.raises(SchemaError, match="city"):
        score(customers().drop(columns="city"), known)
    for options in ({"batch": 0}, {"threads": 1.5}):
        with pytest.raises(ParameterError):
            score(customers(), known, **options)
    with pytest.raises(ParameterError, match="known"):
        score(customers(), "T")
    assert set(STORABLE) < set(LEARNERS)
    assert default_model(3).random_state == 3


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"age": pd.Timestamp("1980-01-01")}, SchemaError, "age"), ({"age": np.inf}, DataError, "age"),
        ({"age": "41"}, SchemaError, "age"), ({"has_app": 7}, DataError, "has_app"), ({"city": 1}, SchemaError, "city"),
        ({"city": pd.Timestamp("1980-01-01")}, SchemaError, "city"), ({"customer_id": None}, DataError, "40 missing"),
        ({"customer_id": 1}, DataError, "39 that come again"),
    ],
)  # fmt: skip
def test_customers_who_are_not_described_as_those_of_the_study(known, change, error, message):
    with pytest.raises(error, match=message):
        score(customers(40).assign(**change), known)


@pytest.mark.parametrize("path", [None, 3, ""])
def test_paths_that_cannot_be(known, path):
    with pytest.raises(ParameterError, match="folder"):
        save_scorer(known, path)
    with pytest.raises(ParameterError, match="folder"):
        load_scorer(path)
    with pytest.raises(ParameterError, match="path"):
        score(customers(10), known, path=path or "scores.csv")


def test_the_encoding_is_kept_for_others():
    frame = study().X
    columns = encoding(frame)
    np.testing.assert_array_equal(encode(frame, columns), matrix(frame))
    later = pd.DataFrame({"aum": [1.0], "age": [30], "city": ["moon"], "has_app": [None]})
    row = encode(later, columns)[0]
    assert row.tolist() == [1.0, 0.0, 30.0, 0.0, 0.0, 0.0, columns[3].middle]
    with pytest.raises(SchemaError, match="age"):
        encode(later.assign(age="old"), columns)
