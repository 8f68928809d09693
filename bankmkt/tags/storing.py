"""Models as plain files: LightGBM's text and JSON, never a pickle; what has changed since is refused."""

import dataclasses
import datetime
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bankmkt.errors import DataError, SchemaError
from bankmkt.tags.compute import features_of
from bankmkt.tags.declare import RELATED, Feature, Tag
from bankmkt.tags.families import house
from bankmkt.tags.lineage import resolved, ruled, types, unbound
from bankmkt.tags.models import Model
from bankmkt.tags.predictive import PREDICTIVE, Prediction
from bankmkt.tags.scoring import check_models
from bankmkt.tags.snapshots import Input, house_inputs, name_of

FORMAT = 1
_AGAIN = "train again: bm.tags.train(bank, as_of)"
_DAYS = ("as_of", "calibrated_on")


def save_models(models: Mapping[str, Model], folder: str | Path) -> Path:
    """Write models into a new folder, whole or not at all.

    A model is ``<code>.txt`` (LightGBM's text) and ``<code>.json`` (inputs with a fingerprint of each definition, known
    categories, calibration, range of data, versions, figures); ``models.json`` has a checksum of each file.

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
    """
    chosen, path = check_models(models), Path(folder)
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
        index = {"format": FORMAT, "models": [model.prediction.code for model in chosen], "files": files}
        (aside / "models.json").write_text(json.dumps(index, indent=1), encoding="utf-8")
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
    index = _read(path / "models.json")
    if index.get("format") != FORMAT or not isinstance(index.get("files"), dict):
        raise DataError("models.json", index.get("format"), f"models of format {FORMAT}", _AGAIN)
    for name, checksum in index["files"].items():
        file = path / name
        if file.parent != path or not file.is_file() or _checksum(file) != checksum:
            raise DataError(str(file), expected="the file as it was saved", todo="it is missing or changed; " + _AGAIN)
    declared = {p.code: p for p in (*PREDICTIVE, *predictions)}
    known = {name_of(one): one for one in (*house_inputs(), *house()[0].values(), *inputs)}
    models = {}
    for code in index["models"]:
        record = _read(path / f"{code}.json")
        models[code] = _model(record, (path / f"{code}.txt").read_text(encoding="utf-8"), declared, known)
    return models


def fingerprint(one: Input | Prediction) -> str:
    """Return a checksum of what a declaration computes; names and meanings in words do not count."""
    if isinstance(one, Feature):
        said = [one.name, one.table, one.months, one.before, repr(one.empty), repr(resolved(one, unbound(one.table)))]
    elif isinstance(one, Tag):
        used = features_of([one])
        related = {name: "string" for name in RELATED}
        wide = unbound("customers", **related, **types(used), as_of="date")
        said = [one.code, repr(ruled(one, wide)), *map(fingerprint, used)]
    else:
        parts = [fingerprint(one.tag(part)) for part in ("population", "outcome")]
        said = [one.code, one.closed, one.months, *parts]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


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
        raise DataError(f"{path} cannot be read ({error})", todo="pass a folder of bm.tags.save_models") from error
    if not isinstance(found, dict):
        raise DataError(str(path), expected="a model's record", todo="pass a folder of bm.tags.save_models")
    return found


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
