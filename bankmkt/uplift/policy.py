"""Whom to contact, and with what: under a budget, with what it is worth; or the reason why nobody can say."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, Refused
from bankmkt.privacy import K, check_k
from bankmkt.uplift.evaluation import check_scores
from bankmkt.uplift.fairness import by_group, grouped, ratio_limits
from bankmkt.uplift.gates import best_without_model, candidates, design_gates, list_gate, order_gate, withhold
from bankmkt.uplift.policy_choice import Policy, marked, net_values, of_model, prices_of, rows_of
from bankmkt.uplift.policy_effects import Line, harmed, line
from bankmkt.uplift.policy_limits import limits_of
from bankmkt.uplift.policy_solver import Choice, Integers, Limit, solve
from bankmkt.uplift.policy_value import Flags, compare, others, shares
from bankmkt.uplift.qini import effect_scores, expected_by_arm
from bankmkt.uplift.regret import regret
from bankmkt.uplift.study import Floats, Study
from bankmkt.uplift.study_checks import is_number, is_whole

JUDGE = 0.5
"""Share of customers kept apart to measure on them what a list is worth."""


def policy(
    study: Study,
    scores: Any,
    *,
    model: str | None = None,
    expected: Floats | None = None,
    budget: float | None = None,
    capacity: Mapping[str, int] | int | None = None,
    at_least: Mapping[str, int] | int | None = None,
    groups: Sequence[str] | pd.DataFrame | None = None,
    max_ratio: Mapping[str, float] | float | None = None,
    checks: Any = None,
    judge: float = JUDGE,
    held_out: bool = False,
    seed: int = 7,
    k: int = K,
) -> Policy:
    """Choose whom to contact and with what, and say what it is worth, or refuse.

    A list by a model is made only if arms were drawn by lot or outcomes are adjusted for who was invited, no check of
    the experiment failed, the model's order of customers is better than chance, and the list is not surely worse than
    the best choice without a model, tried on customers by whom it was not found. An arm whose order is chance is
    taken to change everybody alike.

    Parameters
    ----------
    study
        With the cost of each arm and the value of the outcome.
    scores
        Of :func:`bankmkt.uplift.cross_fit`, or of other customers' models: nobody's by a model that has seen them.
    model
        Whose scores; by default the one of the largest Q. Its gate then allows for its having been chosen.
    expected
        As of :func:`bankmkt.uplift.effect_scores`; a must if arms were not drawn by lot.
    budget
        Yuan for all customers of the study together.
    capacity
        Most contacts, in all or by arm.
    at_least
        Fewest contacts, in all or by arm.
    groups
        Columns of ``X``, or a frame in the study's order, whose groups are reported.
    max_ratio
        Most that one group's rate of being chosen may be of another's, of all ``groups`` or by column.
    checks
        What :func:`bankmkt.experiment.check` found.
    judge
        Share of customers of each arm kept apart, drawn by ``seed``: model, gates, effects and harm are found without
        them, and on them alone is measured what the list is worth.
    held_out
        As of :func:`bankmkt.uplift.evaluate`.
    seed
        Of lots between customers who are worth the same.
    k
        Fewest customers that a figure may be about.

    Returns
    -------
    Policy

    Raises
    ------
    Refused
        If a gate is not passed, limits contradict each other, or nobody is worth contacting; the message says why.
    ParameterError, SchemaError, DataError
        If arguments do not fit.

    Notes
    -----
    The rule is found on one part of the customers, chooses among all of them, and is valued on the other part; figures
    are those of all customers. An effect is expected to be a straight line of the score (its best linear predictor,
    slope 0 or more), so that scores of any scale can be set against cost. Values are means of doubly robust effect
    scores over the chosen, the customers being taken as drawn from a larger population. ``docs/policy.md`` has the
    simulations.

    References
    ----------
    Athey & Wager (2021), Econometrica 89 (policies by doubly robust scores); Kitagawa & Tetenov (2018), Econometrica
    86; Dudík, Langford & Li (2011), ICML.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, treated = rng.normal(size=4000), rng.random(4000) < 0.5
    >>> bought = rng.random(4000) < 0.3 + 0.1 * treated * x
    >>> study = Study(pd.DataFrame({"x": x}), treated, bought, propensity=0.5, cost=2.0, value=100.0)
    >>> found = policy(study, {"x": x}, budget=1000)
    >>> len(found.chosen), found.comparison.policy.tolist()
    (500, ['by x', 'nobody', 'at random'])
    """
    table, psi = check_scores(study, scores), effect_scores(study, expected)
    expected = None if expected is None else expected_by_arm(study, expected)
    check_k(k)
    if not is_whole(seed) or seed < 0:
        raise ParameterError("seed", seed, "an integer from 0", "pass seed=7")
    if study.value <= 0:
        raise ParameterError("value", study.value, "more than 0", "turn the outcome round: count what is wanted")
    frame = grouped(study, groups, k)
    cell, ratios = ratio_limits(frame, max_ratio, len(study.treated))
    cells = int(cell.max()) + 1
    limits = limits_of(study.treated, study.cost[1:], len(study), cells, budget, capacity, at_least) + ratios
    candidates(table, model)
    design = design_gates(study, expected, checks)
    withhold(design)
    judged = _kept_apart(study, judge, seed)
    best, orders = order_gate(study, table[~judged], psi[~judged], model, held_out)
    withhold(design + orders)
    own, ordered = of_model(table, best), {row["arm"]: row["passed"] for row in orders}
    lines, net, harm, choice = _pick(study, psi, own, ~judged, ordered, cell, limits, seed)
    if not (choice.arm > 0).any():
        raise Refused(_nobody(study, net, harm, limits), todo="leave these customers alone, or lower the cost")
    fits = {arm: _fits(place, cell, limits) for place, arm in enumerate(study.treated)}
    half, tried = _kept_apart(study, 0.5, seed + 1), choice.arm.copy()
    for one in (half, ~half):
        found = _pick(study, psi, own, ~judged & one, ordered, cell, limits, seed)[3]
        tried[~judged & ~one] = found.arm[~judged & ~one]
    trial = f"by {best}", shares(tried, len(study.treated))
    first = compare(study, psi, ~judged, trial, others(study, None, tried, fits, seed), held_out)
    given = {study.treated[place - 1] for place in np.unique(choice.arm[choice.arm > 0])}
    idle = all(limit.most >= 0 for limit in limits)
    gates = withhold([*design, *orders, list_gate(first, given, orders, idle)])
    rest = others(study, _response(study, table, expected), choice.arm, fits, seed)
    best_possible = regret(study, cell, limits, seed)
    if best_possible is not None:
        rest["the best in hindsight"] = shares(best_possible, len(study.treated))
    comparison = compare(study, psi, judged, (f"by {best}", shares(choice.arm, len(study.treated))), rest, held_out)
    lost = None
    if best_possible is not None:
        lost = float(comparison["value_true"].iloc[-1] - comparison["value_true"].iloc[0])
    customers = rows_of(own, lines, net, harm, choice.arm).set_axis(study.index)
    made_from, prices = _fingerprint(study, table, expected), prices_of(choice, cell, limits)
    customers = marked(customers, made_from, True, prices, own)
    left = tuple(f"{row['says']}; so it is taken to change everybody alike" for row in orders if not row["passed"])
    left += (f"valued on {judged.sum():,} customers by whom the list was not made",)
    name, _, low, _ = best_without_model(comparison, idle)
    left += (f"not shown to be worth more than {name}",) if low <= 0 else ()
    return Policy(
        best, customers, comparison, gates, by_group(study, psi, choice.arm, frame, judged, k),
        harmed(study, psi, own, lines, judged, k), prices, lost, tuple(lines),
        study.value, dict(zip(study.treated, study.cost[1:].tolist(), strict=True)), left, seed,
        made_from,
    )  # fmt: skip


def policy_or_reason(study: Study, scores: Any, **options: Any) -> tuple[Policy | None, str]:
    """Return the policy and "", or None and the reason why there is none: for reports, which show refusals.

    Parameters
    ----------
    study, scores, **options
        As of :func:`policy`.
    """
    try:
        return policy(study, scores, **options), ""
    except Refused as error:
        return None, str(error)


def _pick(
    study: Study, psi: Floats, scores: pd.DataFrame, rows: Flags, ordered: Mapping[str, bool], cell: Integers,
    limits: Sequence[Limit], seed: int,
) -> tuple[list[Line], Floats, Any, Choice]:  # fmt: skip
    """Find lines on some customers; return them, all customers' net values, who is harmed, and the choice."""
    lines = [
        line(arm, scores.loc[rows, arm].to_numpy(), psi[rows, place], ordered[arm])
        for place, arm in enumerate(study.treated)
    ]
    net, harm = net_values(scores, lines, study.value, study.cost[1:])
    return lines, net, harm, solve(np.where(harm, -np.inf, net), cell, limits, seed=seed)


def _kept_apart(study: Study, judge: Any, seed: int) -> Flags:
    """Draw the customers on whom the list is valued: the same share of every arm."""
    if not is_number(judge) or not 0.1 <= judge <= 0.9:
        raise ParameterError("judge", judge, "a share of the customers from 0.1 to 0.9", f"pass judge={JUDGE}")
    draw = np.random.default_rng(seed).random(len(study))
    judged = np.zeros(len(study), bool)
    for arm in range(len(study.arms)):
        mine = np.flatnonzero(study.arm == arm)
        judged[mine[np.argsort(draw[mine])[: round(judge * len(mine))]]] = True
    return judged


def _response(study: Study, table: pd.DataFrame, expected: Floats | None) -> Floats | None:
    if ("response", study.treated[0]) in table.columns:
        return np.asarray(table["response"][list(study.treated)].to_numpy())
    return None if expected is None else expected[:, 1:]


def _fits(place: int, cell: Integers, limits: Sequence[Limit]) -> float:
    """Return the share of customers who may be given an arm, if drawn by lot."""
    size = np.bincount(cell)
    most = [
        (limit.most + limit.slack) / max(float(limit.use[:, place] @ size), 1e-12) for limit in limits if limit.most > 0
    ]
    return min([1.0, *most])


def _fingerprint(study: Study, table: pd.DataFrame, expected: Floats | None) -> str:
    """Return a digest of customers, arms, chances, outcome, scores and what was expected, in their order."""
    digest = hashlib.sha256(
        repr((study.arms, study.cost.tolist(), study.value, study.randomised, list(table.columns))).encode()
    )
    for frame in (study.X.set_axis(study.index), table):
        digest.update(pd.util.hash_pandas_object(frame).to_numpy().tobytes())
    given = () if expected is None else (expected,)
    for array in (study.arm, study.propensity, study.outcome, *given):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _nobody(study: Study, net: Floats, harm: Any, limits: Sequence[Limit]) -> str:
    if harm.all():
        return "no list: contact harms everybody"
    best = float(np.where(harm, -np.inf, net).max())
    if best <= 0:
        return f"no list: nobody is worth the cost; the best customer is expected to bring {best:,.2f} net of it"
    names = " and ".join(limit.name for limit in limits)
    return f"no list: {names} leaves room for nobody"
