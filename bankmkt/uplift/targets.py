"""A list of whom to contact, as files: reasons, some customers kept aside to measure it by, a record for audit."""

import datetime as dt
import hashlib
import os
import platform
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.experiment.assign import DIGITS
from bankmkt.lookback import parse_date
from bankmkt.manifest import MANIFEST, file_record, read_json, write_json
from bankmkt.uplift.policy import NOBODY, Policy
from bankmkt.uplift.reasons import reasons
from bankmkt.uplift.study import CONTROL, Floats

FORMAT = 1
KIND = "target list"
LIBRARIES = ("bankmkt", "causalml", "lightgbm", "numpy", "pandas", "scikit-learn", "scipy")


def target_list(
    policy: Policy,
    path: str | Path,
    *,
    campaign: str,
    X: pd.DataFrame | None = None,
    customers: pd.DataFrame | None = None,
    hold_out: float = 0.1,
    format: str = "parquet",
    made_on: dt.date | str | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write whom to contact, and whom not, so that what the contact changed can be measured.

    Parameters
    ----------
    policy
        Of :func:`bankmkt.uplift.policy`.
    path
        A folder that does not exist: ``targets``, ``hold_out`` and ``manifest.json`` are written into it, all of them
        or none.
    campaign
        The campaign's name; the salt of the lot by which customers are held out.
    X
        What was known of the customers, in their order: for the reasons.
    customers
        What :meth:`Policy.choose` returned, labelled by customer ids (whole numbers or texts); by default the study's.
    hold_out
        Chance of a customer on the list to be left alone all the same; 0 keeps nobody aside.
    format
        ``"parquet"`` or ``"csv"``.
    made_on
        Day for the record.
    overwrite
        Whether an earlier target list in ``path`` may be replaced.

    Returns
    -------
    dict
        The record, as in ``manifest.json``: the study's fingerprint, model, seed, versions, gates, limits and their
        prices, value with its interval, customers by arm, size and SHA-256 of each file.

    Raises
    ------
    ParameterError, SchemaError
        If an argument is not as above.
    DataError
        If the folder exists (and is no target list, with ``overwrite``), or cannot be written.

    Notes
    -----
    Columns of both files: customer_id, arm, planned_arm, propensity (chance of ``arm`` given ``planned_arm``), score,
    expected_effect, expected_value, reasons. Together they are an experiment in each planned arm: the next
    :class:`bankmkt.uplift.Study` is made from them. The lot is that of ``experiment.assign(..., hold_out=(campaign,
    share))``, so a customer held out by one is held out by the other.
    """
    chosen = _customers(policy, customers)
    for name, text in (("campaign", campaign), ("format", format)):
        if not isinstance(text, str) or not text:
            raise ParameterError(name, text, "a text", 'such as campaign="fund_autumn_2026", format="csv"')
    if format not in ("parquet", "csv"):
        raise ParameterError("format", format, "parquet or csv", "choose one")
    if isinstance(hold_out, bool) or not isinstance(hold_out, int | float) or not 0 <= hold_out <= 0.9:
        raise ParameterError("hold_out", hold_out, "a share from 0 to 0.9", "such as hold_out=0.1")
    if X is not None and len(X) != len(chosen):
        raise DataError("X", f"{len(X):,} rows", f"one per customer: {len(chosen):,}", "pass them in the same order")
    told = [""] * len(chosen) if X is None else reasons(X, chosen["expected_value"], seed=policy.seed)
    on = (chosen["arm"] != NOBODY).to_numpy()
    rows = chosen[on].assign(reasons=np.array(told, dtype=object)[on])
    if rows.empty:
        raise DataError("customers", "none on the list", "one or more", "choose with other limits")
    held = lots(campaign, rows.index) < hold_out
    rows = rows.sort_values("expected_value", ascending=False, kind="stable").assign(
        planned_arm=lambda t: t["arm"], held=pd.Series(held, rows.index)
    )
    rows["arm"] = rows["arm"].mask(rows["held"], CONTROL)
    rows["propensity"] = np.where(rows["held"], hold_out, 1 - hold_out)
    columns = ["arm", "planned_arm", "propensity", "score", "expected_effect", "expected_value", "reasons"]
    parts = {"targets": rows.loc[~rows["held"], columns], "hold_out": rows.loc[rows["held"], columns]}
    record = _record(policy, campaign, hold_out, rows, made_on)
    return _write(Path(path), parts, format, record, overwrite)


def lots(salt: str, ids: Any) -> Floats:
    """Return a number from 0 to 1 for each id, the same as :func:`bankmkt.experiment.assign` draws by this salt.

    Examples
    --------
    >>> lots("spring", [17, 18]).round(3).tolist()
    [0.715, 0.989]
    """
    digests = (hashlib.md5(f"{salt}|{each}".encode(), usedforsecurity=False).hexdigest() for each in ids)
    return np.array([int(digest[:DIGITS], 16) / 16**DIGITS for digest in digests])


def read_target_list(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a target list back, those held out among it: what the next study is made of.

    Parameters
    ----------
    path
        Folder of :func:`target_list`.

    Returns
    -------
    pandas.DataFrame, dict
        A row per customer, and the record.

    Raises
    ------
    DataError
        If it is no target list, or a file is not as it was written.
    """
    folder = Path(path)
    record = _earlier(folder)
    frames = []
    for name, wanted in record["files"].items():
        file = folder / name
        if not file.is_file() or file_record(file) != wanted:
            raise DataError(str(file), "missing or changed", "the file as it was written", "make the list again")
        frames.append(pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file))
    return pd.concat([frame for frame in frames if len(frame)], ignore_index=True), record


def _customers(policy: Policy, given: pd.DataFrame | None) -> pd.DataFrame:
    if not isinstance(policy, Policy):
        raise ParameterError("policy", type(policy).__name__, "what bm.uplift.policy returned", "make one")
    frame = policy.customers if given is None else given
    if not isinstance(frame, pd.DataFrame) or not set(policy.customers.columns) <= set(frame.columns):
        raise SchemaError("customers", type(frame).__name__, "what Policy.choose returned", "pass its result")
    kind = frame.index.dtype
    if not (pd.api.types.is_integer_dtype(kind) or pd.api.types.is_string_dtype(kind)) or frame.index.hasnans:
        todo = "label the rows: customers.set_axis(ids)"
        raise SchemaError("index of customers", str(kind), "ids, whole numbers or texts", todo)
    if not frame.index.is_unique:
        raise DataError("index of customers", "ids that come twice", "each customer once", "leave the second out")
    return frame


def _record(
    policy: Policy, campaign: str, hold_out: float, rows: pd.DataFrame, made_on: dt.date | str | None
) -> dict[str, Any]:
    arms = rows.groupby("planned_arm").agg(
        customers=("held", "size"), held_out=("held", "sum"), expected_value=("expected_value", "sum")
    )
    low, high = policy.interval
    return {
        "format": FORMAT, "kind": KIND, "campaign": campaign,
        "made_on": None if made_on is None else parse_date("made_on", made_on).isoformat(),
        "study": policy.study, "model": policy.model, "seed": policy.seed, "hold_out": hold_out,
        "value_of_policy": {"value": policy.value, "ci_lower": low, "ci_upper": high, "unit": "yuan, net of cost"},
        "value_per_unit": policy.value_per_unit, "cost": policy.cost,
        "effects": _plain(pd.DataFrame([vars(each) for each in policy.lines])),
        "gates": _plain(policy.gates), "limits": _plain(policy.prices), "left_alone": _plain(policy.harmed),
        "notes": list(policy.notes), "arms": _plain(arms.reset_index()),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
    }  # fmt: skip


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON knows them: null for what is missing or infinite."""
    rows = frame.astype(object).to_dict("records")
    return [{str(name): _value(value) for name, value in row.items()} for row in rows]


def _value(value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and not np.isfinite(plain) else plain


def _write(
    path: Path, parts: dict[str, pd.DataFrame], format: str, record: dict[str, Any], overwrite: bool
) -> dict[str, Any]:
    if path.exists():
        if not overwrite:
            raise DataError("path", str(path), "a folder that does not exist", "choose another, or overwrite=True")
        _earlier(path)
    aside, old = (path.with_name(f".{path.name}.{what}-{os.getpid()}") for what in ("making", "old"))
    try:
        aside.mkdir(parents=True)
        for name, frame in parts.items():
            out = frame.rename_axis("customer_id").reset_index()
            file = aside / f"{name}.{format}"
            if format == "parquet":
                out.to_parquet(file, index=False)
            else:
                out.to_csv(file, index=False)
        files = {file.name: file_record(file) for file in sorted(aside.iterdir())}
        record = record | {"files": files}
        write_json(aside / MANIFEST, record)
        if path.exists():
            os.rename(path, old)
        os.rename(aside, path)
    except OSError as error:
        if old.exists() and not path.exists():
            os.rename(old, path)
        todo = "free space, or choose another place"
        raise DataError(f"the list cannot be written to {path} ({error})", todo=todo) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    return record


def _earlier(folder: Path) -> dict[str, Any]:
    """Return the record of a target list, or raise DataError if the folder is none."""
    record = read_json(folder / MANIFEST) if (folder / MANIFEST).is_file() else {}
    if record.get("kind") != KIND or record.get("format") != FORMAT:
        raise DataError(str(folder), "no target list", "a folder of bm.uplift.target_list", "name another folder")
    return dict(record)
