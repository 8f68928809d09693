"""Models come back as they were saved; what is damaged, foreign or differently defined is refused by name."""

import hashlib
import json

import ibis
import pandas as pd
import pytest
from ibis import _

import bankmkt
from bankmkt import tags
from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.tags import storing
from bankmkt.tags.families import house, house_tags
from bankmkt.tags.prints import fingerprint
from bankmkt.tags.scoring import inputs_of

CODE = "app_dormancy"
INPUTS = (*(house()[0][name] for name in ("login_quarter", "buys", "aum")), house_tags()["acquired_by"])


@pytest.fixture(scope="module")
def models(generated):
    return tags.train(generated, "2025-05-31", [CODE], INPUTS, snapshots=1)


@pytest.fixture
def folder(models, tmp_path):
    return tags.save_models(models, tmp_path / "models")


def test_models_come_back(models, folder):
    assert sorted(p.name for p in folder.iterdir()) == [f"{CODE}.json", f"{CODE}.txt", "models.json"]
    again = tags.load_models(folder)
    assert list(again) == [CODE]
    one, other = models[CODE], again[CODE]
    assert list(map(fingerprint, other.inputs)) == list(map(fingerprint, one.inputs))
    assert fingerprint(other.prediction) == fingerprint(one.prediction)
    for name in (
        "trees", "slope", "intercept", "categories", "as_of", "trained_on", "calibrated_on", "customers", "events",
        "calibration_customers", "calibration_events", "made_with",
    ):  # fmt: skip
        assert getattr(other, name) == getattr(one, name), name
    assert "branch" in one.categories["acquired_by"]
    pd.testing.assert_frame_equal(other.drivers, one.drivers)
    assert tags.model_card(other) == tags.model_card(one)
    frame = pd.DataFrame({"login_quarter": [0.0, 9], "buys": [1.0, None], "aum": [1.0, 2], "acquired_by": ["app", "?"]})
    assert other.score(frame).tolist() == one.score(frame).tolist()
    with pytest.raises(DataError, match="a folder that does not exist"):
        tags.save_models(models, folder)


def test_the_record_says_from_which_data_and_code(folder):
    record = json.loads((folder / f"{CODE}.json").read_text())
    assert record["made_with"]["bankmkt"] == bankmkt.__version__
    assert (record["as_of"], record["trained_on"], record["calibrated_on"]) == (
        "2025-05-31", ["2024-11-30"], "2025-02-28",
    )  # fmt: skip
    assert record["inputs"] == {one.name if isinstance(one, tags.Feature) else one.code: fingerprint(one)
                                for one in INPUTS}  # fmt: skip
    assert record["prediction"] == {"code": CODE, "fingerprint": fingerprint(tags.PREDICTIVE[6])}


def rewrite(folder, name, change):
    """Change a file and its checksum, as somebody would who means to."""
    path = folder / name
    if name.endswith(".json"):
        content = json.loads(path.read_text())
        content = change(content) or content
        path.write_text(json.dumps(content))
    else:
        path.write_text(change(path.read_text()))
    if name != "models.json":
        index = json.loads((folder / "models.json").read_text())
        index["files"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
        (folder / "models.json").write_text(json.dumps(index))


@pytest.mark.parametrize("name", [f"{CODE}.txt", f"{CODE}.json"])
def test_a_changed_or_missing_file_is_refused(folder, name):
    path = folder / name
    was = path.read_text()
    path.write_text(was + "\n")
    with pytest.raises(DataError, match=rf"{name}.*missing or changed; train again"):
        tags.load_models(folder)
    path.unlink()
    with pytest.raises(DataError, match=rf"{name}.*missing or changed"):
        tags.load_models(folder)
    (folder.parent / "elsewhere").write_text(was)
    path.symlink_to(folder.parent / "elsewhere")
    with pytest.raises(DataError, match=rf"{name}.*missing or changed"):
        tags.load_models(folder)


def without(name):
    return lambda content: content.pop(name) and None


def put(name, value):
    return lambda content: content.update({name: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("format", 99), "models of format 1"),
        (without("format"), "models of format 1"),
        (without("models"), "codes in snake_case"),
        (put("models", []), "codes in snake_case"),
        (put("models", [CODE, CODE]), "each once"),
        (put("models", ["../x"]), r"\['../x'\]: expected codes in snake_case"),
        (put("models", [7]), "codes in snake_case"),
        (without("files"), f"expected {CODE}.json, {CODE}.txt"),
        (put("files", {"../x": "0"}), r"\['../x'\]: expected"),
        (put("files", [CODE]), f"expected {CODE}.json"),
        (lambda content: [content], "a model's record"),
    ],
)
def test_the_index_is_not_trusted(folder, change, message):
    (folder.parent / "x.txt").write_text("tree")
    rewrite(folder, "models.json", change)
    with pytest.raises(DataError, match=rf"models\.json.*{message}.*(save_models|train)"):
        tags.load_models(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("slope"), "slope is missing"),
        (put("slope", "1"), "slope is '1'"),
        (put("slope", float("nan")), "the calibration is no number"),
        (put("customers", True), "customers is True"),
        (put("inputs", ["aum"]), "inputs is"),
        (put("inputs", {"aum": 7}), "are texts"),
        (put("prediction", {"code": "loan_need"}), "it is of 'loan_need'"),
        (put("prediction", {"code": CODE}), "are texts"),
        (put("as_of", "May"), "Invalid isoformat"),
        (put("trained_on", [20]), "fromisoformat"),
        (put("drivers", [{"input": "aum"}]), "KeyError"),
        (put("drivers", [7]), "KeyError"),
        (put("made_with", {}), "names no versions"),
        (put("categories", {"aum": 7}), "not iterable"),
        (put("categories", {"shoe_size": []}), "something that is no input"),
    ],
)
def test_a_record_that_is_none_is_refused(folder, change, message):
    rewrite(folder, f"{CODE}.json", change)
    with pytest.raises(DataError, match=rf"{CODE}\.json cannot be used .*{message}.*train again"):
        tags.load_models(folder)


def test_a_record_that_is_cut_off_is_refused(folder):
    rewrite(folder, f"{CODE}.txt", str)
    path = folder / f"{CODE}.json"
    path.write_text(path.read_text()[:100])
    index = json.loads((folder / "models.json").read_text())
    index["files"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "models.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match=rf"{CODE}\.json cannot be read"):
        tags.load_models(folder)
    (folder / "models.json").write_text("{")
    with pytest.raises(DataError, match=r"models\.json cannot be read"):
        tags.load_models(folder)
    with pytest.raises(DataError, match="cannot be read"):
        tags.load_models(folder / "nothing")


def cut(share):
    return lambda text: text[: int(len(text) * share)]


def swap(one, other):
    return lambda text: text.replace(one, other, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cut(0.0), "cut off"),
        (cut(0.5), "cut off"),
        (cut(0.99), "cut off"),
        (swap("Tree=3\n", "Tree=4\n"), "tree 3 is not of its size"),
        (swap("\nnum_leaves=6", "\nnum_leaves=5"), "tree 0 is damaged"),
        (swap("\nsplit_feature=", "\nsplit_feature=9 "), "not of its size"),
        (swap("objective=binary", "objective=poisson"), "not binary"),
        (swap("login_quarter buys", "buys login_quarter"), "do not look at the 4 inputs"),
        (swap("max_feature_idx=3", "max_feature_idx=4"), "max_feature_idx is '4', not '3'"),
        (swap("[bagging_freq: 1]", "[bagging_freq 1]"), "the parameters are damaged"),
        (swap("tree_sizes=", "tree_sizes=x"), "invalid literal"),
    ],
)
def test_trees_that_are_none_are_refused(folder, change, message):
    """LightGBM would end the process."""
    rewrite(folder, f"{CODE}.txt", change)
    with pytest.raises(DataError, match=rf"{CODE}\.txt cannot be used .*{message}.*train again"):
        tags.load_models(folder)


def test_another_number_of_inputs_is_refused(folder):
    rewrite(folder, f"{CODE}.json", lambda content: content["inputs"].pop("buys") and None)
    with pytest.raises(DataError, match=rf"{CODE}\.txt.*max_feature_idx is '3', not '2'"):
        tags.load_models(folder)


def test_a_changed_definition_is_refused(folder, monkeypatch):
    other = tags.Feature("buys", "transactions", _.amount.count(), 3, "purchases, otherwise counted")
    with pytest.raises(SchemaError, match="input buys is no longer defined"):
        tags.load_models(folder, inputs=[other])
    own = tags.Prediction("mine", "Mine", "我的", "risk", "m", _.aum > 0, _.aum > 1, False, _.aum, "s")
    monkeypatch.setattr(storing, "PREDICTIVE", (own,))
    with pytest.raises(SchemaError, match=f"prediction = '{CODE}'"):
        tags.load_models(folder)


def test_a_fingerprint_is_of_what_is_computed(monkeypatch):
    every = {**house()[0], **house_tags(), **{p.code: p for p in tags.PREDICTIVE}}
    some = list(every.values())[::9]
    before = list(map(fingerprint, some))
    assert len(set(before)) == len(some)
    monkeypatch.setattr(ibis.options, "interactive", True)
    monkeypatch.setattr(ibis.options.repr.interactive, "max_rows", 1)
    assert list(map(fingerprint, some)) == before
    one, same, other = (
        tags.Tag("a", words, "甲", "risk", _.aum > limit, words)
        for words, limit in (("x", 1), ("y", 1), ("x", 2))
    )  # fmt: skip
    assert fingerprint(one) == fingerprint(same) != fingerprint(other)
    assert one == other  # a dataclass does not compare rules


def test_models_that_mean_different_things_by_one_name_are_not_scored_together(generated, models):
    other = tags.Feature("buys", "transactions", _.amount.count(), 3, house()[0]["buys"].meaning)
    apart = tags.train(generated, "2025-05-31", ["card_activation"], [other], snapshots=1)
    with pytest.raises(ParameterError, match="models = 'buys'"):
        inputs_of([*models.values(), *apart.values()])
    assert len(inputs_of([*models.values(), *models.values()])) == 4


def test_two_models_of_one_code_are_not_saved(models, tmp_path):
    with pytest.raises(ParameterError, match="each once"):
        tags.save_models({"a": models[CODE], "b": models[CODE]}, tmp_path / "twice")
    assert not list(tmp_path.iterdir())
