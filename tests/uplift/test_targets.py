"""Lists as files: whole or not at all, the hold-out the lot says, and enough to measure them by."""

import json
import tracemalloc

import ibis
import numpy as np
import pandas as pd
import pytest

from bankmkt import experiment
from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.manifest import file_record
from bankmkt.uplift import Study, policy, read_target_list, scorer, target_list
from bankmkt.uplift.reasons import contrast, reasons


@pytest.fixture(scope="module")
def made():
    """A policy, and what is known of its customers."""
    rng = np.random.default_rng(1)
    X = pd.DataFrame({
        "age": rng.integers(20, 80, 4000), "city": rng.choice(["north", "south"], 4000),
        "payroll": rng.random(4000) < 0.5,
    }, index=np.arange(4000) + 70_000)  # fmt: skip
    treated = pd.Series(rng.random(4000) < 0.5, X.index)
    bought = rng.random(4000) < 0.3 + treated * (0.004 * (50 - X.age) + 0.1 * (X.city == "north"))
    study = Study(X, treated, bought, propensity=0.5, cost=3.0, value=100.0)
    return policy(study, {"m": (50 - X.age) * 0.004 + 0.1 * (X.city == "north")}, budget=3000), X


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_the_list_and_those_held_out_are_the_chosen(made, tmp_path, format):
    found, X = made
    record = target_list(found, tmp_path / "list", campaign="spring", X=X, format=format, made_on="2026-07-01")
    both, again = read_target_list(tmp_path / "list")
    assert again == record == json.loads((tmp_path / "list" / "manifest.json").read_text())
    assert set(both.customer_id) == set(found.chosen.index)
    assert both.customer_id.is_unique
    held = both.arm == "control"
    assert 0.07 < held.mean() < 0.13
    assert (both.planned_arm == "treatment").all()
    assert both.propensity.groupby(held).unique().map(list).to_dict() == {False: [0.9], True: [0.1]}
    assert record["arms"][0]["customers"] == len(both)
    assert record["arms"][0]["held_out"] == int(held.sum())
    assert record["study"] == found.study
    assert record["made_on"] == "2026-07-01"
    assert [gate["gate"] for gate in record["gates"]][:2] == ["design", "order"]
    assert record["files"][f"targets.{format}"] == file_record(tmp_path / "list" / f"targets.{format}")
    told = both.reasons.fillna("").str.split("; ").explode()
    vocabulary = {f"age is {w}" for w in ("high", "low")} | {"city is north", "city is south"}
    assert set(told) <= vocabulary | {f"payroll is {w}" for w in ("yes", "no")} | {""}
    assert told.isin(["age is low", "city is north"]).mean() > 0.8
    assert both.reasons.fillna("").str.split("; ").str.len().max() <= 3


def test_the_lot_is_that_of_experiments(made, tmp_path):
    """Whoever is held out of the campaign by one is by the other, on the engine."""
    found, _ = made
    target_list(found, tmp_path / "list", campaign="spring", hold_out=0.2)
    both, _ = read_target_list(tmp_path / "list")
    people = ibis.memtable(pd.DataFrame({"customer_id": both.customer_id}))
    drawn = experiment.assign(people, "another", hold_out=("spring|hold-out", 0.2)).to_pandas().set_index("customer_id")
    assert (drawn.left_out.notna()[both.customer_id].to_numpy() == (both.arm == "control").to_numpy()).all()


def test_the_hold_out_is_not_the_experiments_own_lot(made, tmp_path):
    """Those left alone in the experiment of the same name are held out no sooner than others."""
    found, _ = made
    people = ibis.memtable(pd.DataFrame({"customer_id": found.customers.index}))
    before = experiment.assign(people, "spring").to_pandas().set_index("customer_id").arm
    target_list(found, tmp_path / "list", campaign="spring", hold_out=0.5)
    both = read_target_list(tmp_path / "list")[0].set_index("customer_id")
    controls = (before[both.index] == "control").to_numpy()
    held = (both.arm == "control").to_numpy()
    assert abs(held[controls].mean() - held[~controls].mean()) < 4 * np.sqrt(0.25 * 2 / (len(both) / 2))


def test_the_next_study_is_made_of_both_files(made, tmp_path):
    found, X = made
    target_list(found, tmp_path / "list", campaign="spring", hold_out=0.3)
    both = read_target_list(tmp_path / "list")[0].set_index("customer_id")
    rng = np.random.default_rng(2)
    y = rng.random(len(both)) < 0.3 + 0.1 * (both.arm == "treatment")
    again = Study(X.loc[both.index], both.arm, y, propensity={"control": 0.3, "treatment": 0.7})
    assert again.randomised
    chance = np.where(again.arm == 1, again.propensity[:, 1], again.propensity[:, 0])
    np.testing.assert_allclose(chance, both.propensity)


def test_a_list_for_other_customers_has_a_record_of_its_own(made, tmp_path):
    """Its limits and expected value; nothing was measured of them."""
    found, _ = made
    scores = pd.DataFrame({"treatment": [0.2, -0.3, 0.1, 0.15]}, index=["a", "b", "c", "d"])
    others = found.choose(scores, budget=6)
    record = target_list(found, tmp_path / "list", campaign="spring", customers=others, hold_out=0)
    both, _ = read_target_list(tmp_path / "list")
    assert both.customer_id.tolist() == ["a", "d"]
    assert record["arms"][0]["held_out"] == 0
    assert [limit["most"] for limit in record["limits"]] == [6.0]
    assert record["value_of_policy"] is None
    assert record["expected_value"] == pytest.approx(both.expected_value.sum())
    assert record["left_out"] == {"beyond the limits": 1, "not worth the cost": 1}
    assert record["chosen_among"] == 4
    own = target_list(found, tmp_path / "own", campaign="spring")
    assert [limit["most"] for limit in own["limits"]] == [3000.0]
    assert own["value_of_policy"]["value"] == found.value
    assert own["scores"] != record["scores"]
    x = pd.DataFrame({"x": np.arange(200.0)})
    by = [scorer(Study(x, x.x % 2, x.x * (x.x % 2) * size, propensity=0.5), "T") for size in (1, 2)]
    named = target_list(found, tmp_path / "named", campaign="spring", customers=others, scorer=by[0])
    assert record["scorer"] is None
    assert named["scorer"] == by[0].fingerprint != by[1].fingerprint
    lost = pd.DataFrame(others.to_dict("list"), index=others.index)
    with pytest.raises(DataError, match="by which limits"):
        target_list(found, tmp_path / "lost", campaign="spring", customers=lost)


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_ids_are_kept_as_they_are_and_run_nowhere(made, tmp_path, format):
    found, _ = made
    ids = ["002963", "=HYPERLINK(1)", "'quoted", "NA", "+1", "a,b", "a\rb", "a\r\nb", 'a"b\n', "\t=1", "＝1", ""]
    others = found.choose(pd.DataFrame({"treatment": 0.2}, index=ids))
    target_list(found, tmp_path / "list", campaign="spring", customers=others, format=format)
    assert sorted(read_target_list(tmp_path / "list")[0].customer_id) == sorted(ids)
    files = list((tmp_path / "list").iterdir())
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
    if format == "csv":
        text = "".join(file.read_text() for file in files if file.suffix == ".csv")
        assert "\n\"'=HYPERLINK" in text
        assert "\n\"''quoted" in text
    mixed = others.set_axis(pd.Index([1, *ids[1:]], dtype=object))
    with pytest.raises(SchemaError, match="ids"):
        target_list(found, tmp_path / "mixed", campaign="spring", customers=mixed)


def test_nothing_that_exists_is_lost(made, tmp_path, monkeypatch):
    found, _ = made
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="does not exist"):
        target_list(found, tmp_path / "mine", campaign="spring")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    monkeypatch.setattr(
        "bankmkt.uplift.target_files.write_json", lambda *_: (_ for _ in ()).throw(OSError("disk full"))
    )
    with pytest.raises(DataError, match="disk full"):
        target_list(found, tmp_path / "list", campaign="summer")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_changed_file_is_noticed(made, tmp_path):
    found, _ = made
    target_list(found, tmp_path / "list", campaign="spring", format="csv")
    (tmp_path / "list" / "targets.csv").write_text("customer_id\n1\n")
    with pytest.raises(DataError, match="changed"):
        read_target_list(tmp_path / "list")
    with pytest.raises(DataError, match="no target list"):
        read_target_list(tmp_path)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"campaign": ""}, ParameterError, "campaign"),
        ({"format": "xlsx"}, ParameterError, "parquet or csv"),
        ({"hold_out": 1}, ParameterError, "hold_out"),
        ({"hold_out": np.nan}, ParameterError, "hold_out"),
        ({"campaign": "\ud800"}, ParameterError, "campaign"),
        ({"customers": pd.DataFrame({"a": [1]})}, SchemaError, "Policy.choose"),
    ],
)
def test_bad_lists(made, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        target_list(made[0], tmp_path / "list", **({"campaign": "spring"} | options))
    assert not list(tmp_path.iterdir())
    with pytest.raises(ParameterError, match="policy"):
        target_list(None, tmp_path / "list", campaign="spring")
    twice = pd.concat([made[0].customers.iloc[:2]] * 2)
    with pytest.raises(DataError, match="twice"):
        target_list(made[0], tmp_path / "list", campaign="spring", customers=twice)
    floats = made[0].customers.set_axis(np.arange(4000) + 0.5)
    with pytest.raises(SchemaError, match="ids"):
        target_list(made[0], tmp_path / "list", campaign="spring", customers=floats)


def test_a_list_in_csv_comes_back_equal_to_the_last_digit(made, tmp_path):
    found, X = made
    city = X.city.map({"north": 'a\r"b,\n', "south": "NA"})
    both = []
    for format in ("csv", "parquet"):
        target_list(found, tmp_path / format, campaign="spring", X=X.assign(city=city), format=format)
        both.append(read_target_list(tmp_path / format)[0])
    assert both[1].reasons.str.contains('city is a\r"b,\n', regex=False).any()
    pd.testing.assert_frame_equal(both[0], both[1], check_exact=True)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda X: X.iloc[::-1], DataError), (lambda X: X.set_axis([f"q{i}" for i in X.index]), DataError),
        (lambda X: X.head(3), DataError), (lambda X: X.to_numpy(), ParameterError), (lambda X: X[[]], ParameterError),
        (lambda X: X.assign(day=pd.Timestamp("2026-01-01")), SchemaError), (lambda X: X.assign(age=np.inf), DataError),
        (lambda X: pd.concat([X, X], axis=1), SchemaError),
    ],
)  # fmt: skip
def test_reasons_of_other_customers_are_refused(made, tmp_path, wrong, error):
    with pytest.raises(error, match="X"):
        target_list(made[0], tmp_path / "list", campaign="spring", X=wrong(made[1]))


@pytest.mark.parametrize(
    "edit",
    [
        lambda f: f.assign(arm="treatment"), lambda f: f.assign(arm="unheard_of"), lambda f: f.assign(arm=None),
        lambda f: f.assign(expected_value=1e9), lambda f: f.assign(score=0.0), lambda f: f.head(20),
        lambda f: f.iloc[::-1],
    ],
)  # fmt: skip
def test_a_choice_that_was_edited_is_no_longer_the_policys(made, tmp_path, edit):
    with pytest.raises(DataError, match="other rows than were chosen"):
        target_list(made[0], tmp_path / "list", campaign="spring", customers=edit(made[0].customers))


@pytest.mark.parametrize(
    "change",
    [
        {"hold_out": 0.5}, {"expected_value": 1e9}, {"gates": []}, {"files": {}}, {"files": ["targets.csv"]},
        {"ids": "texts"}, {"arms": []}, {"format": 9}, {"kind": "bank"}, {"digest": None},
    ],
)  # fmt: skip
def test_a_record_that_was_edited_is_noticed(made, tmp_path, change):
    target_list(made[0], tmp_path / "list", campaign="spring", format="csv")
    file = tmp_path / "list" / "manifest.json"
    record = json.loads(file.read_text())
    file.write_text(json.dumps(record))  # the same in another layout
    assert len(read_target_list(tmp_path / "list")[0]) == record["arms"][0]["customers"]
    file.write_text(json.dumps(record | change))
    with pytest.raises(DataError, match="list"):
        read_target_list(tmp_path / "list")
    for text in ("[1]", "", json.dumps({name: record[name] for name in record if name not in ("files", "ids")})):
        file.write_text(text)
        with pytest.raises(DataError, match="list"):
            read_target_list(tmp_path / "list")


@pytest.mark.parametrize("path", [None, 3, "", "a\0b", "n" * 300])
def test_paths_that_cannot_be(made, path):
    wrong = DataError if path == "n" * 300 else ParameterError
    with pytest.raises(wrong, match=r"path|saved"):
        target_list(made[0], path, campaign="spring")
    with pytest.raises(wrong, match=r"path|list"):
        read_target_list(path)


@pytest.mark.parametrize("ids", [["\ud800", "b"], [10**30, 1], [True, False], [1, "1"]])
def test_ids_that_no_file_holds(made, tmp_path, ids):
    scores = pd.Series([0.2, 0.1], pd.Index(ids, dtype=object))
    with pytest.raises((DataError, SchemaError), match="index of"):
        target_list(made[0], tmp_path / "list", campaign="spring", customers=made[0].choose(scores))
    assert not list(tmp_path.iterdir())


def test_reasons_are_what_raises_the_score():
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"a": rng.normal(size=2000), "b": rng.normal(size=2000), "noise": rng.normal(size=2000)})
    X.loc[:200, "b"] = np.nan
    told = pd.Series(reasons(X, X.a - 0.5 * X.b.fillna(3)))
    top = told[(X.a > 1) & (X.b < -1)]
    assert top.str.contains("a is high").all()
    assert top.str.contains("b is low").mean() > 0.9
    assert not told.str.contains("noise").any()
    some = np.array([1500, 3, 700])
    assert reasons(X, X.a - 0.5 * X.b.fillna(3), rows=some) == told[some].tolist()
    assert set(reasons(X, np.zeros(2000))) == {""}
    with pytest.raises(ParameterError, match="most"):
        reasons(X, X.a, most=0)
    assert contrast(X, X.a > 0)[0] == "a is high"


def test_reasons_of_a_few_take_no_memory_for_the_others():
    n = 30_000
    rng = np.random.default_rng(4)
    X = pd.DataFrame({f"x{j}": rng.normal(size=n) for j in range(9)} | {"city": rng.choice(["north", "south"], n)})
    tracemalloc.start()
    told = reasons(X, X.x0, rows=np.arange(100))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(told) == 100
    assert peak < 300 * n  # bytes; a text per customer and column takes more than 600
