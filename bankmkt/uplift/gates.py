"""Whether customers may be chosen by a model: what has to hold, and why the list is withheld if it does not."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import LEVEL
from bankmkt.errors import ParameterError, Refused, one_of
from bankmkt.experiment.estimate import normal_interval, standard_error
from bankmkt.names import number
from bankmkt.uplift.campaign_study import JOINED
from bankmkt.uplift.qini import crossed, qini
from bankmkt.uplift.study import Floats, Study

BASELINES = ("response", "random")
"""Scores that are no models of uplift: compared with, not chosen, unless by name."""

RARE, FEW = 0.05, 0.05
"""Without a lot, at most this share of customers (second) may have had a chance of an arm below the first."""

DRAWS = 10_000
COLUMNS = ["gate", "arm", "figure", "ci_lower", "ci_upper", "wanted", "passed", "says"]


def order_gate(
    study: Study, table: pd.DataFrame, psi: Floats, model: str | None = None, held_out: bool = False
) -> tuple[str, list[dict[str, Any]]]:
    """Choose the model that orders customers best, and say for each arm whether it is better than chance.

    The intervals hold for all candidates at once (largest of jointly normal errors), so that the best of many models
    passes no more easily than a single one.

    Parameters
    ----------
    study, table
        Scores out of fold, columns (model, arm).
    psi
        Of :func:`bankmkt.uplift.effect_scores`.
    model
        Chosen by the reader beforehand; by default the one with the largest sum of Q over the arms.
    held_out
        As of :func:`bankmkt.uplift.evaluate`.

    Returns
    -------
    str, list of dict
        The model; a row of :data:`COLUMNS` per arm.

    Raises
    ------
    ParameterError
        If there is no such model, or none to choose from.
    """
    models = candidates(table, model)
    found = {
        (name, arm): qini(table[name, arm].to_numpy(), psi[:, place])
        for name in models
        for place, arm in enumerate(study.treated)
    }
    limit = critical(np.column_stack([influence for _, influence in found.values()]))
    best = max(models, key=lambda name: sum(found[name, arm][0] for arm in study.treated))
    rows = []
    for place, arm in enumerate(study.treated):
        q, influence = found[best, arm]
        half = limit * standard_error(crossed(influence, 0.0, held_out))
        low, high = normal_interval(float(psi[:, place].mean()), standard_error(psi[:, place] - psi[:, place].mean()))
        passed = q - half > 0
        verdict = "is better than chance" if passed else "cannot be told from chance"
        says = f"the order of {best} for {arm} {verdict}: Q {_told(q, q - half, q + half, study)}"
        if not passed:
            says += f"; the effect on everybody is {_told(float(psi[:, place].mean()), low, high, study)}"
        rows.append(_row("order", arm, q, passed, "an interval above 0", says, q - half, q + half))
    return best, rows


def candidates(table: pd.DataFrame, model: str | None) -> list[str]:
    """Return the models to choose from, or raise ParameterError."""
    models = list(dict.fromkeys(table.columns.get_level_values(0)))
    if model is not None:
        if model not in models:
            raise ParameterError("model", model, one_of(models), "name a model of the scores")
        return [model]
    uplift = [name for name in models if name not in BASELINES]
    if not uplift:
        raise ParameterError("scores", models, "a model of uplift", "add one, such as T, or name the model")
    return uplift


def design_gates(study: Study, expected: Floats | None, checks: Any) -> list[dict[str, Any]]:
    """Say whether the campaign's arms can be compared: drawn by lot or adjusted for, with overlap, checks passed."""
    if JOINED in study.treated:
        raise Refused(
            "no list: customers joined this campaign of themselves", None, "an arm that the bank can give a customer",
            "draw by lot who is invited, and learn from that; whom joining changed, evaluate and groups still say",
        )  # fmt: skip
    adjusted = study.randomised or expected is not None
    says = "arms were drawn by lot" if study.randomised else "arms were not drawn by lot; outcomes are adjusted"
    if not adjusted:
        says = "arms were not drawn by lot, and outcomes are not adjusted: pass expected=expected_outcomes(study)"
    rows = [_row("design", "", float(study.randomised), adjusted, "a lot, or adjusted outcomes", says)]
    if not study.randomised:
        share = float((study.propensity.min(axis=1) < RARE).mean())
        says = f"{share:.1%} of customers had a chance below {RARE:.0%} of being in some arm"
        rows.append(_row("overlap", "", share, share <= FEW, f"at most {FEW:.0%}", says))
    if checks is not None:
        failed = checks.table.loc[~checks.table["passed"].astype(bool)] if hasattr(checks, "table") else None
        if failed is None:
            raise ParameterError("checks", type(checks).__name__, "what bm.experiment.check found", "pass its result")
        says = "; ".join(failed["says"]) if len(failed) else f"{len(checks.table)} checks of the experiment passed"
        rows.append(_row("checks", "", float(len(failed)), failed.empty, "no failed check", says))
    return rows


def list_gate(
    comparison: pd.DataFrame, given: Collection[str], orders: Sequence[dict[str, Any]], idle: bool
) -> dict[str, Any]:
    """Say whether a list does better than the best choice without a model.

    Parameters
    ----------
    comparison
        Of :func:`bankmkt.uplift.policy_value.compare`: the list by rules of which each was found on one half of the
        customers and is tried on the other; none of them are the customers on whom the list is valued.
    given
        Arms on the list.
    orders
        Rows of :func:`order_gate`.
    idle
        Whether limits allow that nobody is contacted.

    Notes
    -----
    A list that is surely worth less is refused. One that takes all but a few is hardly to be told from everybody, so it
    need not be surely worth more, if the order of every arm on it is better than chance; one that gives also an arm
    whose order is chance leans on that arm's mean, and has to be.
    """
    name, figure, low, high = best_without_model(comparison, idle)
    known = [bool(row["passed"]) for row in orders if row["arm"] in given]
    surely = not all(known)
    passed = any(known) and (low > 0 if surely else high >= 0)
    says = (
        f"found on one half of the customers and tried on the other, the list is worth {number(figure, ',.0f')} "
        f"more than {name} ({number(low, ',.0f')} to {number(high, ',.0f')}), the best choice without a model"
    )
    if not any(known):
        says = "the list would give nobody an arm whose order is better than chance"
    elif surely:
        says += "; as it gives an arm whose order is no better than chance, it has to be surely more"
    wanted = f"{'surely more' if surely else 'not surely less'} than the best choice without a model"
    return _row("list", "", figure, passed, wanted, says, low, high)


def best_without_model(comparison: pd.DataFrame, idle: bool) -> tuple[str, float, float, float]:
    """Return the best choice without a model, and how much more the list is worth, with its interval."""
    rest = comparison.iloc[1:].set_index("policy")
    rest = rest.drop(["by response", "the best in hindsight", *(() if idle else ("nobody",))], errors="ignore")
    name = str(rest["difference"].idxmin())
    figure, low, high = (
        float(rest[column][name]) for column in ("difference", "difference_ci_lower", "difference_ci_upper")
    )
    return name, figure, low, high


def withhold(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the gates as a frame, or raise Refused: at the design, the orders (where none passed), or the list."""
    for row in rows:
        if row["gate"] == "list" and not row["passed"]:
            raise Refused(f"no list: {row['says']}", todo="choose without a model, or learn from a larger experiment")
    if broken := [row["says"] for row in rows if row["gate"] not in ("order", "list") and not row["passed"]]:
        raise Refused(f"no list: {'; '.join(broken)}", todo="repeat the campaign with arms drawn by lot")
    orders = [row for row in rows if row["gate"] == "order"]
    if orders and not any(row["passed"] for row in orders):
        says = "; ".join(row["says"] for row in orders)
        todo = (
            "contact all or nobody, whichever that effect and the cost speak for, or learn from a larger experiment; "
            "what is refused is to choose customers by a model"
        )
        raise Refused(f"no list: {says}", todo=todo)
    return pd.DataFrame(rows, columns=COLUMNS)


def critical(influence: Floats) -> float:
    """Return how many standard errors make 95 % intervals that hold for all columns at once (but constant ones).

    Examples
    --------
    >>> one = np.random.default_rng(1).normal(size=(1000, 1))
    >>> round(critical(one), 2), round(critical(np.hstack([one, one])), 2)
    (1.96, 1.96)
    >>> 2.2 < critical(np.random.default_rng(1).normal(size=(1000, 2))) < 2.3
    True
    """
    from scipy.stats import norm

    largest = maxima(influence)
    usual = float(norm.isf((1 - LEVEL) / 2))
    return usual if largest is None else max(float(np.quantile(largest, LEVEL)), usual)


def maxima(influence: Floats, draws: int = DRAWS, seed: int = 1) -> Floats | None:
    """Draw the largest of the columns' studentised errors, jointly normal; None where there are not two of them."""
    varied = influence[:, influence.std(axis=0) > 0]
    if varied.shape[1] < 2:
        return None
    values, vectors = np.linalg.eigh(np.corrcoef(varied, rowvar=False))
    root = vectors * np.sqrt(np.maximum(values, 0))
    if np.sum(values > 1e-9) < 2:
        return None
    normal = np.random.default_rng(seed).standard_normal((draws, len(values)))
    return np.asarray(np.abs(normal @ root.T).max(axis=1))


def _told(figure: float, low: float, high: float, study: Study) -> str:
    """Write an effect with its interval: of an outcome that is 0 or 1, of every 1,000 customers."""
    binary = bool(np.isin(study.outcome, (0, 1)).all())
    size, spec = (1000, ".1f") if binary else (1, ".3g")
    told, start, end = (number(each * size, spec) for each in (figure, low, high))
    return f"{told}{' per 1,000 customers' if binary else ''} ({start} to {end})"


def _row(
    gate: str, arm: str, figure: float, passed: bool, wanted: str, says: str, low: float = np.nan, high: float = np.nan
) -> dict[str, Any]:
    return dict(zip(COLUMNS, (gate, arm, figure, low, high, wanted, bool(passed), says), strict=True))
