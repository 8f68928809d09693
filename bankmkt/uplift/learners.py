"""Scores of who is changed most, from causalml's learners: each customer's by models that have not seen them."""

import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, Refused, one_of
from bankmkt.uplift.encoding import encode, encoding
from bankmkt.uplift.learner_checks import check_folds, check_model, predictions
from bankmkt.uplift.study import Floats, Study

META = ("S", "T", "X", "R", "DR")
LEARNERS = (*META, "TO", "uplift_forest", "causal_forest", "response", "random")
"""What :func:`cross_fit` knows: causalml's meta-learners, the transformed outcome, its two forests, and what is not
uplift: a model of who responds, and a random score."""

USUAL = ("S", "T", "X", "R", "DR", "response", "random")


def cross_fit(
    study: Study,
    learners: Sequence[str] = USUAL,
    *,
    model: Any = None,
    folds: int = 5,
    seed: int = 7,
    workers: int = 1,
    progress: bool = False,
) -> pd.DataFrame:
    """Score each customer's uplift by models learned from the other folds.

    Every treated arm is learned against the control, with the chances of the study given to causalml, never estimated
    by it. Folds' scores are brought to one level before they are pooled (:func:`level`): a score is an estimate of the
    effect, and compares customers of different folds, but no fold is above another.

    Parameters
    ----------
    study
        Of :class:`bankmkt.uplift.Study`.
    learners
        Some of :data:`LEARNERS`. S: one model with the arm as a column; T: one model an arm; X: Künzel's; R: Nie and
        Wager's; DR: doubly robust; TO: transformed outcome; ``uplift_forest`` (outcomes of 0 and 1 only) and
        ``causal_forest`` (randomised studies only); ``response``: expected outcome if treated, what banks contact by;
        ``random``.
    model
        scikit-learn regressor that the learners use; LightGBM by default. A search for settings (``GridSearchCV``) is
        one too.
    folds
        Number of parts, each arm divided alike. With more than five, intervals of scores of one or two columns hold the
        truth less often than they say (``docs/uplift.md``).
    seed
        Of folds, forests and LightGBM.
    workers
        Processes.
    progress
        Whether to show a progress bar.

    Returns
    -------
    pandas.DataFrame
        A row per customer, in the study's order and with its labels, columns (model, arm): estimated effect on the
        outcome; of ``response`` the expected outcome; both with the same mean in every fold. Of ``random`` a number
        from 0 to 1.

    Raises
    ------
    ParameterError
        If an argument is not as above, such as a model that is a classifier.
    DataError
        If a model predicts no number for a customer.
    Refused
        If a forest cannot be trusted with this study.

    References
    ----------
    Künzel et al. (2019), PNAS 116 (S, T, X); Nie & Wager (2021), Biometrika 108 (R); Kennedy (2023), Electronic Journal
    of Statistics 17 (DR); Athey & Imbens (2015) (TO); Rzepakowski & Jaroszewicz (2012), KAIS 32 (uplift trees).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, treated = rng.normal(size=600), rng.random(600) < 0.5
    >>> study = Study(pd.DataFrame({"x": x}), treated, rng.normal(size=600) + treated * x, propensity=0.5)
    >>> from sklearn.linear_model import LinearRegression
    >>> scores = cross_fit(study, ["T"], model=LinearRegression())
    >>> bool(np.corrcoef(scores["T", "treatment"], x)[0, 1] > 0.9)
    True
    """
    from joblib import Parallel, delayed
    from sklearn.model_selection import StratifiedKFold

    chosen = _chosen(study, learners)
    check_folds(int(np.bincount(study.arm).min()), folds, seed, workers)
    base, X = default_model(seed) if model is None else model, matrix(study.X)
    check_model(base, X, study.outcome)
    parts = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(X, study.arm))
    jobs = [
        (learner, place, train, test)
        for learner in chosen
        for place in range(1, len(study.arms))
        for train, test in parts
    ]
    work = (delayed(_scored)(X, study, base, seed, *job) for job in jobs)
    found = Parallel(n_jobs=workers, return_as="generator")(work)
    out = {(learner, arm): np.empty(len(study)) for learner in chosen for arm in study.treated}
    for (learner, place, _, test), scores in zip(jobs, _shown(found, len(jobs), progress), strict=True):
        out[learner, study.arms[place]][test] = predictions(scores, len(test), learner)
    tests = [test for _, test in parts]
    levelled = {pair: scores if pair[0] == "random" else level(scores, tests) for pair, scores in out.items()}
    return pd.DataFrame(levelled, index=study.index)


def level(scores: Floats, folds: Sequence[Any]) -> Floats:
    """Return scores with the same mean in every fold: that of all.

    What is left out of a fold's models is the fold: where it had high effects by chance, the others' are low, and so
    are its scores. Pooled as they are, scores so go against what was measured, and Q falls below 0 where no effects
    differ: the more, the fewer columns the models know.

    Parameters
    ----------
    scores
        One per customer, of one model and arm, those of each fold by models of the other folds.
    folds
        The rows of each fold.

    Examples
    --------
    >>> level(np.array([1.0, 2.0, 3.0, 6.0]), [[0, 1], [2, 3]]).tolist()
    [2.5, 3.5, 1.5, 4.5]
    """
    out = np.asarray(scores, dtype=float).copy()
    for rows in folds:
        out[rows] -= out[rows].mean()
    return out + np.mean(scores)


def expected_outcomes(study: Study, *, model: Any = None, folds: int = 5, seed: int = 7) -> Floats:
    """Predict each customer's outcome in every arm by models that have not seen the customer.

    Parameters
    ----------
    study, model, folds, seed
        As of :func:`cross_fit`.

    Returns
    -------
    numpy.ndarray
        Customers × arms: ``expected`` of :func:`bankmkt.uplift.evaluate`.
    """
    from sklearn.base import clone
    from sklearn.model_selection import StratifiedKFold

    if not isinstance(study, Study):
        raise ParameterError("study", type(study).__name__, "a bm.uplift.Study", "make one")
    check_folds(int(np.bincount(study.arm).min()), folds, seed)
    base, X = default_model(seed) if model is None else model, matrix(study.X)
    check_model(base, X, study.outcome)
    out = np.empty((len(study), len(study.arms)))
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(X, study.arm):
        for place in range(len(study.arms)):
            mine = train[study.arm[train] == place]
            told = clone(base).fit(X[mine], study.outcome[mine]).predict(X[test])
            out[test, place] = predictions(told, len(test), type(base).__name__)
    return out


def default_model(seed: int = 7) -> Any:
    """Return the LightGBM regressor that learners use: small trees, slow learning, one thread, reproducible."""
    from lightgbm import LGBMRegressor

    return LGBMRegressor(
        n_estimators=100, learning_rate=0.05, num_leaves=15, min_child_samples=50, subsample=0.8, subsample_freq=1,
        colsample_bytree=0.8, reg_lambda=1.0, random_state=seed, n_jobs=1, deterministic=True, force_row_wise=True,
        verbose=-1,
    )  # fmt: skip


def matrix(frame: pd.DataFrame) -> Floats:
    """Return what was known as numbers: categories as 0/1 columns, missing numbers as the median and a 0/1 column.

    Examples
    --------
    >>> matrix(pd.DataFrame({"age": [30.0, None, 50.0], "city": pd.Categorical(["n", "s", None])})).tolist()
    [[30.0, 0.0, 1.0, 0.0], [40.0, 1.0, 0.0, 1.0], [50.0, 0.0, 0.0, 0.0]]
    """
    return encode(frame, encoding(frame))


def _chosen(study: Study, learners: Sequence[str]) -> list[str]:
    if not isinstance(study, Study):
        raise ParameterError("study", type(study).__name__, "a bm.uplift.Study", "make one")
    if not isinstance(learners, Sequence) or isinstance(learners, str) or not learners:
        raise ParameterError("learners", learners, f"a list of {one_of(LEARNERS)}", "such as ['T', 'DR']")
    for name in learners:
        if name not in LEARNERS or list(learners).count(name) > 1:
            raise ParameterError("learners", name, f"each once, of {one_of(LEARNERS)}", "correct or leave it out")
    if "uplift_forest" in learners and not np.isin(study.outcome, (0, 1)).all():
        raise Refused("uplift_forest", None, "an outcome of 0 and 1", "leave it out: its trees count outcomes")
    if "causal_forest" in learners and not study.randomised:
        todo = "leave it out: it does not look at propensities, and takes who joins for what joining does"
        raise Refused("causal_forest", None, "a randomised study", todo)
    return list(learners)


def _scored(
    X: Floats, study: Study, base: Any, seed: int, learner: str, place: int, train: Any, test: Any,
) -> Floats:  # fmt: skip
    """Return the scores of some customers by a learner of others, one treated arm against the control."""
    from sklearn.base import clone

    if learner == "random":
        return np.random.default_rng([seed, place, *test[:1]]).random(len(test))
    if learner == "response":
        mine = train[study.arm[train] == place]
        return np.asarray(clone(base).fit(X[mine], study.outcome[mine]).predict(X[test]))
    mine = train[(study.arm[train] == place) | (study.arm[train] == 0)]
    treated = (study.arm[mine] == place).astype(int)
    chance = study.propensity[:, place] / (study.propensity[:, place] + study.propensity[:, 0])
    if learner == "TO":
        changed = transformed(study.outcome[mine], treated, chance[mine])
        return np.asarray(clone(base).fit(X[mine], changed).predict(X[test]))
    return _LEARN[learner if learner in _LEARN else "meta"](
        learner, clone(base), X[mine], treated, study.outcome[mine], chance[mine], X[test], chance[test], seed
    )


def transformed(y: Floats, treated: Any, p: Floats) -> Floats:
    """Return the outcome weighted so that its mean is the effect (Athey & Imbens 2015)."""
    return np.asarray(y * (treated - p) / (p * (1 - p)))


def _meta(
    learner: str, base: Any, X: Floats, treated: Any, y: Floats, p: Floats, new: Floats, new_p: Floats, seed: int
) -> Floats:
    told = {} if learner == "R" else {"verbose": False}
    fitted = fit_meta(learner, base, X, treated, y, p, seed)
    return np.asarray(fitted.predict(new, p=new_p, **told), dtype=float)[:, 0]


def fit_meta(learner: str, base: Any, X: Floats, treated: Any, y: Floats, p: Floats, seed: int) -> Any:
    """Return causalml's fitted learner of one treated arm (1) against the control (0)."""
    from joblib import parallel_config

    kind = getattr(_causalml("causalml.inference.meta"), f"Base{learner}Regressor")
    more = {"random_state": seed} if learner == "R" else {}
    fit = {"verbose": False} if learner == "R" else {"seed": seed} if learner == "DR" else {}
    fitted = kind(learner=base, control_name=0, **more)
    with parallel_config(backend="sequential"):  # the R learner would start a process per core within each of ours
        fitted.fit(X, treatment=treated, y=y, p=p, **fit)
    return fitted


def _uplift_forest(
    learner: str, base: Any, X: Floats, treated: Any, y: Floats, p: Floats, new: Floats, new_p: Floats, seed: int
) -> Floats:
    forest = _causalml("causalml.inference.tree").UpliftRandomForestClassifier(
        "control", n_estimators=50, max_depth=6, min_samples_leaf=max(len(X) // 100, 20), random_state=seed, n_jobs=1
    )
    forest.fit(X, treatment=np.where(treated == 1, "treatment", "control"), y=y.astype(int))
    return np.asarray(forest.predict(new), dtype=float)[:, 0]


def _causal_forest(
    learner: str, base: Any, X: Floats, treated: Any, y: Floats, p: Floats, new: Floats, new_p: Floats, seed: int
) -> Floats:
    leaf, tree = max(len(X) // 100, 20), _causalml("causalml.inference.tree")
    forest = tree.CausalRandomForestRegressor(n_estimators=100, min_samples_leaf=leaf, random_state=seed, n_jobs=1)
    forest.fit(X, treatment=treated, y=y)
    return np.asarray(forest.predict(new), dtype=float).reshape(len(new), -1)[:, -1]


def _causalml(module: str) -> Any:
    """Import a part of causalml, which changes matplotlib's settings and warns of what others will change."""
    import logging

    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = import_module(module)
    logging.getLogger("causalml").setLevel(logging.WARNING)
    return found


_LEARN: dict[str, Callable[..., Floats]] = {
    "meta": _meta, "uplift_forest": _uplift_forest, "causal_forest": _causal_forest,
}  # fmt: skip


def _shown(found: Any, number: int, progress: bool) -> Any:
    if not progress:
        return found
    from tqdm.auto import tqdm

    return tqdm(found, total=number, desc="fitting", unit="model")
