"""A list of whom to contact: reasons, some customers kept aside to measure it by, a record for audit."""

import datetime as dt
import hashlib
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.experiment.assign import DIGITS
from bankmkt.lookback import parse_date
from bankmkt.saving import place
from bankmkt.uplift.policy_choice import Policy, rows_digest
from bankmkt.uplift.reasons import reasons
from bankmkt.uplift.scorer import Scorer
from bankmkt.uplift.study import CONTROL, NOBODY, Floats
from bankmkt.uplift.study_checks import check_index, check_texts, features, is_number, is_text
from bankmkt.uplift.target_files import FORMAT, KIND, write_list

LIBRARIES = ("bankmkt", "causalml", "lightgbm", "numpy", "pandas", "scikit-learn", "scipy")


def target_list(
    policy: Policy,
    path: str | Path,
    *,
    campaign: str,
    X: pd.DataFrame | None = None,
    customers: pd.DataFrame | None = None,
    scorer: Scorer | None = None,
    hold_out: float = 0.1,
    format: str = "parquet",
    made_on: dt.date | str | None = None,
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
        The campaign's name. Its hold-out is drawn by the salt ``"<campaign>|hold-out"``, a lot of its own: customers
        who were left alone in an experiment of that name are held out no sooner than others.
    X
        What was known of the customers, in their order and with their labels: for the reasons.
    customers
        What :meth:`Policy.choose` returned, labelled by customer ids (whole numbers or texts); by default the study's.
        Its ``attrs`` say by which limits it was chosen; a frame that has lost them, or was edited since, is refused.
    scorer
        By which ``customers`` were scored, if it was one (:func:`bankmkt.uplift.score`): the record names it.
    hold_out
        Chance of a customer on the list to be left alone all the same; 0 keeps nobody aside.
    format
        ``"parquet"`` or ``"csv"``.
    made_on
        Day for the record.

    Returns
    -------
    dict
        The record, as in ``manifest.json``: fingerprints of study, scores and scorer, model, seed, versions, gates,
        the limits that this list was chosen by and their prices, expected value of this list, value with its interval
        as measured in the study (null for other customers, of whom nothing was measured), customers by arm, size and
        SHA-256 of each file.

    Raises
    ------
    ParameterError, SchemaError
        If an argument is not as above.
    DataError
        If ``X`` is of other customers, ``customers`` were edited, or the folder exists or cannot be written.

    Notes
    -----
    Columns of both files: customer_id, arm, planned_arm, propensity (chance of ``arm`` given ``planned_arm``), score,
    expected_effect, expected_value, reasons. Together they are an experiment in each planned arm: the next
    :class:`bankmkt.uplift.Study` is made from them. The lot is that of ``experiment.assign(...,
    hold_out=("<campaign>|hold-out", share))``, so a customer held out by one is held out by the other. Only the owner
    can read the files. In CSV an apostrophe stands before texts that begin with = + - @ or an apostrophe, lest a
    spreadsheet runs them; :func:`read_target_list` takes it off.
    """
    chosen = _customers(policy, customers)
    for name, text in (("campaign", campaign), ("format", format)):
        if not isinstance(text, str) or not text or not is_text(text):
            raise ParameterError(name, text, "a text", 'such as campaign="fund_autumn_2026", format="csv"')
    if format not in ("parquet", "csv"):
        raise ParameterError("format", format, "parquet or csv", "choose one")
    if not is_number(hold_out) or not 0 <= hold_out <= 0.9:
        raise ParameterError("hold_out", hold_out, "a share from 0 to 0.9", "such as hold_out=0.1")
    if scorer is not None and not isinstance(scorer, Scorer):
        raise ParameterError("scorer", type(scorer).__name__, "what bm.uplift.scorer returned", "or leave it out")
    folder, hold_out = place(path), float(hold_out)
    if X is not None:
        _known(X, chosen.index)
    on = np.flatnonzero(chosen["arm"] != NOBODY)
    if not len(on):
        raise DataError("customers", "none on the list", "one or more", "choose with other limits")
    told = "" if X is None else reasons(X, chosen["expected_value"], rows=on, seed=policy.seed)
    rows = chosen.iloc[on].assign(reasons=told)
    held = lots(_salt(campaign), rows.index) < hold_out
    rows = rows.sort_values("expected_value", ascending=False, kind="stable").assign(
        planned_arm=lambda t: t["arm"], held=pd.Series(held, rows.index)
    )
    rows["arm"] = rows["arm"].mask(rows["held"], CONTROL)
    rows["propensity"] = np.where(rows["held"], hold_out, 1 - hold_out)
    columns = ["arm", "planned_arm", "propensity", "score", "expected_effect", "expected_value", "reasons"]
    parts = {"targets": rows.loc[~rows["held"], columns], "hold_out": rows.loc[rows["held"], columns]}
    record = _record(policy, chosen, campaign, hold_out, rows, made_on) | {
        "scorer": None if scorer is None else scorer.fingerprint
    }
    return write_list(folder, parts, format, record)


def _salt(campaign: str) -> str:
    return f"{campaign}|hold-out"


def lots(salt: str, ids: Any) -> Floats:
    """Return a number from 0 to 1 for each id, the same as :func:`bankmkt.experiment.assign` draws by this salt.

    Examples
    --------
    >>> lots("spring", [17, 18]).round(3).tolist()
    [0.715, 0.989]
    """
    digests = (hashlib.md5(f"{salt}|{each}".encode(), usedforsecurity=False).hexdigest() for each in ids)
    return np.array([int(digest[:DIGITS], 16) / 16**DIGITS for digest in digests])


def _customers(policy: Policy, given: pd.DataFrame | None) -> pd.DataFrame:
    if not isinstance(policy, Policy):
        raise ParameterError("policy", type(policy).__name__, "what bm.uplift.policy returned", "make one")
    frame = policy.customers if given is None else given
    if not isinstance(frame, pd.DataFrame) or not set(policy.customers.columns) <= set(frame.columns):
        raise SchemaError("customers", type(frame).__name__, "what Policy.choose returned", "pass its result")
    if frame.attrs.get("policy") != policy.study:
        todo = "pass what this policy's choose returned; some ways to copy a frame lose its attrs"
        raise DataError("customers", "no note by which limits they were chosen", "attrs of Policy.choose", todo)
    ids = frame.index
    if _kind(ids) is None or ids.hasnans:
        todo = "label the rows: customers.set_axis(ids)"
        raise SchemaError("index of customers", str(ids.dtype), "ids, whole numbers of 64 bits or texts", todo)
    if not ids.is_unique:
        raise DataError("index of customers", "ids that come twice", "each customer once", "leave the second out")
    check_texts("index of customers", ids)
    if frame.attrs.get("rows") != rows_digest(frame):
        todo = "pass it as it was returned; for a part of the customers call choose on their scores"
        raise DataError("customers", "other rows than were chosen", "those of Policy.choose", todo)
    return frame.set_axis(ids.astype("int64")) if ids.dtype == object and _kind(ids) == "whole numbers" else frame


def _known(X: Any, ids: pd.Index) -> None:
    """Raise an error unless ``X`` says something of these customers, in their order."""
    features(X)
    if len(X) != len(ids):
        raise DataError("X", f"{len(X):,} rows", f"one per customer: {len(ids):,}", "pass them in the same order")
    check_index("X", X, ids, "customers")


def _kind(ids: pd.Index) -> str | None:
    """Return what ids are, None for neither whole numbers (of 64 bits) nor texts."""
    kind = {"integer": "whole numbers", "string": "texts"}.get(pd.api.types.infer_dtype(ids))
    if kind == "whole numbers" and ids.dtype == object and not all(-(2**63) <= one < 2**63 for one in ids):
        return None
    return kind


def _record(
    policy: Policy, chosen: pd.DataFrame, campaign: str, hold_out: float, rows: pd.DataFrame,
    made_on: dt.date | str | None,
) -> dict[str, Any]:  # fmt: skip
    arms = rows.groupby("planned_arm").agg(
        customers=("held", "size"), held_out=("held", "sum"), expected_value=("expected_value", "sum")
    )
    (low, high), study = policy.interval, policy.customers
    measured = chosen.attrs["of_study"] and np.array_equal(chosen["arm"], study["arm"])
    value = {"value": policy.value, "ci_lower": low, "ci_upper": high, "of": "this list, measured in the study"}
    return {
        "format": FORMAT, "kind": KIND, "campaign": campaign, "ids": _kind(rows.index),
        "made_on": None if made_on is None else parse_date("made_on", made_on).isoformat(),
        "study": policy.study, "scores": chosen.attrs["scores"], "model": policy.model, "seed": policy.seed,
        "hold_out": hold_out, "hold_out_salt": _salt(campaign), "chosen_among": len(chosen),
        "expected_value": float(rows["expected_value"].sum()), "value_of_policy": value if measured else None,
        "unit": "yuan, net of cost", "value_per_unit": policy.value_per_unit, "cost": policy.cost,
        "effects": _plain(pd.DataFrame([vars(each) for each in policy.lines])),
        "gates": _plain(policy.gates), "limits": _plain(pd.DataFrame(chosen.attrs["limits"])),
        "left_out": chosen["left_out"].replace("", None).value_counts().to_dict(),
        "harmed_in_the_study": _plain(policy.harmed), "notes": [*policy.notes, *chosen.attrs["notes"]],
        "arms": _plain(arms.reset_index()),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
    }  # fmt: skip


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON knows them: null for what is missing or infinite."""
    rows = frame.astype(object).to_dict("records")
    return [{str(name): _value(value) for name, value in row.items()} for row in rows]


def _value(value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and not np.isfinite(plain) else plain
