"""A learner fitted to all customers of a study, as plain trees: to be kept in files, and to score others with."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import DataError, ParameterError, Refused, one_of
from bankmkt.saving import place, whole
from bankmkt.tags.trees import check_trees
from bankmkt.uplift.encoding import Column, encode, encoding, width
from bankmkt.uplift.learners import default_model, fit_meta, transformed
from bankmkt.uplift.study import Floats, Study
from bankmkt.uplift.study_checks import is_whole

STORABLE = ("S", "T", "X", "R", "DR", "TO", "response")
"""Learners whose scores are sums of trees."""
FORMAT = 1
RECORD = "scorer.json"


@dataclass(frozen=True)
class Term:
    """A part of a score: ``weight`` times what LightGBM's ``trees`` say of a customer.

    ``lead`` is the arm's column that goes before a customer's own numbers (S learner), None for none.
    """

    arm: str
    weight: float
    lead: float | None
    trees: str = dataclasses.field(repr=False)


@dataclass(frozen=True)
class Scorer:
    """What :func:`scorer` learned.

    Parameters
    ----------
    learner
        One of :data:`STORABLE`.
    arms
        Treated arms, in the order of the scores' columns.
    columns
        What is looked at, and how it becomes numbers.
    terms
        Parts whose sum is the score.
    customers
        How many it was learned from.
    made_with
        Versions of the code.
    """

    learner: str
    arms: tuple[str, ...]
    columns: tuple[Column, ...]
    terms: tuple[Term, ...] = dataclasses.field(repr=False)
    customers: int
    made_with: dict[str, str] = dataclasses.field(repr=False)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the columns that are looked at."""
        return tuple(one.name for one in self.columns)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that scores follow from: :func:`target_list` notes it."""
        return _sum(json.dumps(dataclasses.asdict(self), sort_keys=True))

    def score(self, frame: pd.DataFrame, threads: int = 1) -> Floats:
        """Return scores: customers × treated arms.

        Parameters
        ----------
        frame
            A row per customer, with the columns ``inputs``.
        threads
            Of LightGBM.

        Raises
        ------
        SchemaError
            If a column is missing or of another kind.
        """
        from lightgbm import Booster

        X, out = encode(frame, self.columns), np.zeros((len(frame), len(self.arms)))
        if not len(frame):
            return out
        for term in self.terms:
            given = X if term.lead is None else np.column_stack([np.full(len(X), term.lead), X])
            told = Booster(model_str=term.trees).predict(given, num_threads=threads)
            out[:, self.arms.index(term.arm)] += term.weight * np.asarray(told)
        return out


def scorer(study: Study, learner: str = "DR", *, model: Any = None, seed: int = 7) -> Scorer:
    """Fit a learner to all customers of a study, to score customers who are not in it.

    How good it is must be judged before, by :func:`bankmkt.uplift.cross_fit` and :func:`bankmkt.uplift.evaluate` with
    the same learner: scores of the study's own customers would flatter it.

    Parameters
    ----------
    study
        Of :class:`bankmkt.uplift.Study`.
    learner
        One of :data:`STORABLE`, as :func:`bankmkt.uplift.cross_fit` knows them. ``X`` weights its two parts by the mean
        chance of the arm.
    model
        LightGBM regressor that it uses, for squared error; that of ``cross_fit`` by default.
    seed
        As of :func:`bankmkt.uplift.cross_fit`.

    Returns
    -------
    Scorer
        Trees as text, no Python object: :func:`save_scorer` keeps it without pickle.

    Raises
    ------
    ParameterError
        If an argument is not as above.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, treated = rng.normal(size=600), rng.random(600) < 0.5
    >>> study = Study(pd.DataFrame({"x": x}), treated, rng.normal(size=600) + treated * x, propensity=0.5)
    >>> known = scorer(study, "T")
    >>> low, high = known.score(pd.DataFrame({"x": [-1.0, 1.0]}))[:, 0]
    >>> bool(low < high)
    True
    """
    from lightgbm import LGBMRegressor

    if not isinstance(study, Study):
        raise ParameterError("study", type(study).__name__, "a bm.uplift.Study", "make one")
    if learner not in STORABLE:
        raise ParameterError("learner", learner, one_of(STORABLE), "forests are not kept as trees of LightGBM")
    if not is_whole(seed) or seed < 0:
        raise ParameterError("seed", seed, "an integer from 0", "pass seed=7")
    base = default_model(seed) if model is None else model
    if not isinstance(base, LGBMRegressor) or (base.objective or "regression") != "regression":
        raise ParameterError("model", type(base).__name__, "an LGBMRegressor for squared error", "leave it out")
    columns = encoding(study.X)
    X = encode(study.X, columns)
    terms = [term for place in range(1, len(study.arms)) for term in _terms(study, X, place, learner, base, seed)]
    versions = {name: version(name) for name in ("bankmkt", "causalml", "lightgbm")}
    return Scorer(learner, study.treated, columns, tuple(terms), len(study), versions)


def _terms(study: Study, X: Floats, place: int, learner: str, base: Any, seed: int) -> list[Term]:
    """Return the parts of one arm's score."""
    from sklearn.base import clone

    arm = study.arms[place]

    def term(weight: float, fitted: Any, lead: float | None = None) -> Term:
        return Term(arm, float(weight), lead, fitted.booster_.model_to_string())

    if learner == "response":
        mine = study.arm == place
        return [term(1, clone(base).fit(X[mine], study.outcome[mine]))]
    mine = (study.arm == place) | (study.arm == 0)
    treated, y = (study.arm[mine] == place).astype(int), study.outcome[mine]
    p = (study.propensity[:, place] / (study.propensity[:, place] + study.propensity[:, 0]))[mine]
    if learner == "TO":
        return [term(1, clone(base).fit(X[mine], transformed(y, treated, p)))]
    fitted = fit_meta(learner, clone(base), X[mine], treated, y, p, seed)
    if learner == "S":
        return [term(1, fitted.models[1], 1.0), term(-1, fitted.models[1], 0.0)]
    if learner == "T":
        return [term(1, fitted.models_t[1]), term(-1, fitted.model_c)]
    if learner == "X":
        return [term(p.mean(), fitted.models_tau_c[1]), term(1 - p.mean(), fitted.models_tau_t[1])]
    if learner == "R":
        return [term(1, fitted.models_tau[1])]
    return [term(1 / len(fitted.models_tau[1]), one) for one in fitted.models_tau[1]]


def save_scorer(known: Scorer, folder: str | Path) -> Path:
    """Write a scorer into a new folder, whole or not at all: each part's trees as text, the rest as JSON.

    Parameters
    ----------
    known
        Of :func:`scorer`.
    folder
        Does not exist.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ParameterError
        If it is no scorer.
    DataError
        If the folder exists or cannot be written.
    """
    if not isinstance(known, Scorer):
        raise ParameterError("known", type(known).__name__, "what bm.uplift.scorer returned", "fit one")
    path, terms = place(folder, "folder"), []
    with whole(path, "the scorer") as aside:
        aside.mkdir()
        for number, term in enumerate(known.terms):
            (aside / _file(number)).write_text(term.trees, encoding="utf-8", newline="\n")
            terms.append({"arm": term.arm, "weight": term.weight, "lead": term.lead, "sha256": _sum(term.trees)})
        record = dataclasses.asdict(known) | {"format": FORMAT, "terms": terms, "fingerprint": known.fingerprint}
        (aside / RECORD).write_text(json.dumps(record, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def load_scorer(folder: str | Path) -> Scorer:
    """Read a scorer back.

    Parameters
    ----------
    folder
        Of :func:`save_scorer`.

    Raises
    ------
    DataError
        If a file is missing, was changed, or is not of this package.
    Refused
        If it was learned with another version of LightGBM's format of trees.
    """
    path = place(folder, "folder")
    try:
        record = json.loads((path / RECORD).read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            raise Refused(f"format of {path / RECORD}", record["format"], f"{FORMAT}", "fit it again: bm.uplift.scorer")
        columns = tuple(_column(one) for one in record["columns"])
        arms = tuple(map(str, record["arms"]))
        terms = []
        for number, one in enumerate(record["terms"]):
            trees = (path / _file(number)).read_text(encoding="utf-8")
            if _sum(trees) != one["sha256"] or one["arm"] not in arms or not np.isfinite(one["weight"]):
                raise ValueError(f"part {number} is not as it was saved")
            lead = None if one["lead"] is None else float(one["lead"])
            check_trees(trees, [f"Column_{n}" for n in range(width(columns) + (lead is not None))], "regression")
            terms.append(Term(one["arm"], float(one["weight"]), lead, trees))
        if {term.arm for term in terms} != set(arms):
            raise ValueError("an arm has no part")
        made_with = {str(name): str(number) for name, number in record["made_with"].items()}
        found = Scorer(str(record["learner"]), arms, columns, tuple(terms), int(record["customers"]), made_with)
        if found.fingerprint != record["fingerprint"]:
            raise ValueError("it is not as it was saved: inputs, their order or how they become numbers")
        return found
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{path} cannot be used ({type(error).__name__}: {error})"
        raise DataError(what, todo="pass a folder of save_scorer, or fit it again: bm.uplift.scorer") from error


def _column(one: dict[str, Any]) -> Column:
    kinds = None if one["kinds"] is None else tuple(map(str, one["kinds"]))
    return Column(str(one["name"]), kinds, float(one["middle"]), bool(one["gone"]), bool(one["yes_no"]))


def _file(number: int) -> str:
    return f"trees_{number:02}.txt"


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
