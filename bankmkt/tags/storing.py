"""Models as plain files: LightGBM's text and JSON, never a pickle; what has changed since is refused."""

import contextlib
import dataclasses
import datetime
import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.tags.families import house
from bankmkt.tags.models import Model
from bankmkt.tags.predictive import PREDICTIVE, Prediction
from bankmkt.tags.prints import fingerprint
from bankmkt.tags.scoring import check_models
from bankmkt.tags.snapshots import Input, house_inputs, name_of
from bankmkt.tags.trees import check_trees

FORMAT = 1
INDEX = "models.json"
_AGAIN = "train again: bm.tags.train(bank, as_of)"
_FOREIGN = "pass a folder of bm.tags.save_models, or " + _AGAIN
_DAYS = ("as_of", "calibrated_on")
_CODE = re.compile(r"[a-z][a-z0-9_]*")
_KINDS: dict[str, type | tuple[type, ...]] = {
    "prediction": dict, "inputs": dict, "categories": dict, "made_with": dict, "drivers": list, "trained_on": list,
    "as_of": str, "calibrated_on": str, "slope": (int, float), "intercept": (int, float), "customers": int,
    "events": int, "calibration_customers": int, "calibration_events": int,
}  # fmt: skip
"""What a model's record holds."""


def save_models(models: Mapping[str, Model], folder: str | Path) -> Path:
    """Write models into a new folder, whole or not at all.

    A model is ``<code>.txt`` (LightGBM's text) and ``<code>.json`` (a fingerprint of the definition of the prediction
    and of each input, known categories, calibration, range of data, versions of the code, figures); ``models.json`` has
    a checksum of each file.

    Parameters
    ----------
    models
        Of :func:`bankmkt.tags.train`.
    folder
        Does not exist.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    DataError
        If the folder exists or cannot be written.
    ParameterError
        If a code is no name in snake_case, or two models share one.
    """
    chosen, path = check_models(models), Path(folder)
    codes = [model.prediction.code for model in chosen]
    for code in codes:
        if not _CODE.fullmatch(code) or codes.count(code) > 1:
            raise ParameterError("models", code, "a code in snake_case, each once", "save them to different folders")
    if path.exists():
        raise DataError("folder", str(path), "a folder that does not exist", "choose another, or remove it first")
    aside = path.with_name(f".{path.name}.saving-{os.getpid()}")
    try:
        aside.mkdir(parents=True)
        files = {}
        for model in chosen:
            code = model.prediction.code
            text = json.dumps(_record(model), ensure_ascii=False, indent=1)
            for name, content in ((f"{code}.txt", model.trees), (f"{code}.json", text)):
                (aside / name).write_text(content, encoding="utf-8", newline="\n")
                files[name] = _checksum(aside / name)
        index = {"format": FORMAT, "models": codes, "files": files}
        (aside / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
        os.rename(aside, path)
    except OSError as error:
        raise DataError(f"the models cannot be saved to {path} ({error})", todo="choose another place") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return path


def load_models(
    folder: str | Path, predictions: Iterable[Prediction] = (), inputs: Iterable[Input] = ()
) -> dict[str, Model]:
    """Read models back.

    Parameters
    ----------
    folder
        Of :func:`save_models`.
    predictions, inputs
        Declarations of your own that the models were trained with; those of the house are known.

    Returns
    -------
    dict of Model
        By code.

    Raises
    ------
    DataError
        If a file is missing, was changed, or is not of this package.
    SchemaError
        If a definition is not known, or is no longer what the model was trained with.
    """
    path = Path(folder)
    declared = {p.code: p for p in (*PREDICTIVE, *predictions)}
    known = {name_of(one): one for one in (*house_inputs(), *house()[0].values(), *inputs)}
    models = {}
    for code in _codes(path):
        record, trees = _read(path / f"{code}.json"), path / f"{code}.txt"
        with _blaming(path / f"{code}.json"):
            _check_record(record, code)
            model = _model(record, "", declared, known)
        with _blaming(trees):
            text = trees.read_text(encoding="utf-8")
            check_trees(text, [name_of(one) for one in model.inputs])
        models[code] = dataclasses.replace(model, trees=text)
    return models


def _codes(path: Path) -> list[str]:
    """Return the codes of a folder's models, all of whose files are there as they were saved.

    The index is not trusted: names are made from codes, so that nothing outside the folder is read.
    """
    index = _read(path / INDEX)
    if index.get("format") != FORMAT:
        raise DataError(str(path / INDEX), index.get("format"), f"models of format {FORMAT}", _AGAIN)
    codes: Any = index.get("models")
    files: Any = index.get("files")
    names = isinstance(codes, list) and codes and all(isinstance(c, str) and _CODE.fullmatch(c) for c in codes)
    if not names or len(set(codes)) < len(codes):
        raise DataError(f"{path / INDEX}: models", codes, "codes in snake_case, each once", _FOREIGN)
    expected = {f"{code}.{kind}" for code in codes for kind in ("txt", "json")}
    if not isinstance(files, dict) or files.keys() != expected:
        found = sorted(files) if isinstance(files, dict) else files
        raise DataError(f"{path / INDEX}: files", found, ", ".join(sorted(expected)), _FOREIGN)
    for name in sorted(expected):
        file = path / name
        if file.is_symlink() or not file.is_file() or _checksum(file) != files[name]:
            raise DataError(str(file), expected="the file as it was saved", todo="it is missing or changed; " + _AGAIN)
    return codes


def _record(model: Model) -> dict[str, Any]:
    """Return all of a model but the trees, as JSON can hold it."""
    plain = {f.name: getattr(model, f.name) for f in dataclasses.fields(model)}
    drivers = model.drivers.astype(object).where(model.drivers.notna(), None)
    return {
        **{name: plain[name] for name in plain if name not in ("trees", "drivers", *_DAYS, "trained_on")},
        "prediction": {"code": model.prediction.code, "fingerprint": fingerprint(model.prediction)},
        "inputs": {name_of(one): fingerprint(one) for one in model.inputs},
        **{name: str(plain[name]) for name in _DAYS},
        "trained_on": [str(day) for day in model.trained_on],
        "drivers": drivers.to_dict("records"),
    }


def _model(record: dict[str, Any], trees: str, declared: Mapping[str, Prediction], known: Mapping[str, Input]) -> Model:
    """Return a model if its definitions are still the same."""
    import pandas as pd

    prediction = _same("prediction", record["prediction"]["code"], record["prediction"]["fingerprint"], declared)
    inputs = tuple(_same("input", name, was, known) for name, was in record["inputs"].items())
    drivers = pd.DataFrame(record["drivers"]).astype({"share": "float64", "direction": "float64"})
    days = {name: datetime.date.fromisoformat(record[name]) for name in _DAYS}
    kept = {"trained_on": tuple(datetime.date.fromisoformat(day) for day in record["trained_on"])}
    plain = {f.name: record[f.name] for f in dataclasses.fields(Model) if f.name in record}
    plain |= {"categories": {name: tuple(values) for name, values in record["categories"].items()}}
    return Model(**{
        **plain, **days, **kept, "prediction": prediction, "inputs": inputs, "drivers": drivers, "trees": trees,
    })  # fmt: skip


@contextlib.contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Say which file it is whose content cannot be made a model."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{path} cannot be used ({type(error).__name__}: {error})"
        raise DataError(what, todo=_FOREIGN) from error


def _check_record(record: Mapping[str, Any], code: str) -> None:
    """Raise ValueError unless a record holds what belongs to a model, of the right type."""
    for name, kind in _KINDS.items():
        if name not in record:
            raise ValueError(f"{name} is missing")
        if isinstance(record[name], bool) or not isinstance(record[name], kind):
            raise ValueError(f"{name} is {record[name]!r}")
    if record["prediction"].get("code") != code:
        raise ValueError(f"it is of {record['prediction'].get('code')!r}")
    if not {"bankmkt", "lightgbm"} <= record["made_with"].keys():
        raise ValueError("made_with names no versions")
    if not all(math.isfinite(record[name]) for name in ("slope", "intercept")):
        raise ValueError("the calibration is no number")
    texts = [*record["inputs"].values(), *record["made_with"].values(), record["prediction"].get("fingerprint")]
    texts += [value for values in record["categories"].values() for value in values]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("fingerprints, versions and categories are texts")
    if not record["categories"].keys() <= record["inputs"].keys():
        raise ValueError("it has categories of something that is no input")


def _same(what: str, name: str, was: str, known: Mapping[str, Any]) -> Any:
    """Return the definition of a name, or raise SchemaError if it is not the one of the training."""
    if name not in known:
        raise SchemaError(what, name, "a definition that is known", f"pass it to load_models, or {_AGAIN}")
    if fingerprint(known[name]) != was:
        raise SchemaError(f"{what} {name} is no longer defined as when the model was trained", todo=_AGAIN)
    return known[name]


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error})", todo=_FOREIGN) from error
    if not isinstance(found, dict):
        raise DataError(str(path), expected="a model's record", todo=_FOREIGN)
    return found


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
