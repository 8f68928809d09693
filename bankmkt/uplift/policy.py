"""Whom to contact, and with what: under a budget, with what it is worth; or the reason why nobody can say."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, Refused
from bankmkt.privacy import K, check_k
from bankmkt.uplift.evaluation import check_scores
from bankmkt.uplift.fairness import by_group, grouped, ratio_limits
from bankmkt.uplift.gates import best_without_model, candidates, design_gates, list_gate, order_gate, withhold
from bankmkt.uplift.policy_effects import Line, harmed, line
from bankmkt.uplift.policy_limits import limits_of
from bankmkt.uplift.policy_solver import Choice, Integers, Limit, solve, used
from bankmkt.uplift.policy_value import Flags, compare, others, shares
from bankmkt.uplift.qini import effect_scores
from bankmkt.uplift.regret import regret
from bankmkt.uplift.study import Floats, Study

NOBODY = "none"
"""Arm of customers who are left alone."""
JUDGE = 0.5
"""Share of customers kept apart to measure on them what a list is worth."""


@dataclass(frozen=True)
class Policy:
    """Whom to contact, and what that is worth; made by :func:`policy`.

    Parameters
    ----------
    model
        Whose scores order the customers.
    customers
        A row per customer, labelled as in the study: arm ("none": left alone), score (the model's, of the arm given or
        of the best one), expected_effect (in units of the outcome), expected_value (yuan, net of cost), left_out
        ("harmed by contact", "not worth the cost", "beyond the limits"; empty for those on the list).
    comparison
        The policy, then nobody, everybody (where limits allow; else of several arms each by itself, to as many as they
        allow), at random and by response with every arm given to as many as by the policy, and the best in hindsight
        where the truth is known. policy, customers, cost, value (yuan in all, net
        of cost, measured by doubly robust scores) with ci_lower, ci_upper; difference (the policy less this) with its
        interval, p_value, p_adjusted (Holm); with truth value_true. Values are those of all customers, measured on
        those kept apart.
    gates
        gate, arm, figure, ci_lower, ci_upper, wanted, passed, says: what was asked before a list was made.
    fairness
        Of the groups named: column, group, customers, chosen, rate, ratio (to the column's highest), effect on those
        chosen, measured on those kept apart, with intervals.
    harmed
        A row per arm that harms a group: arm, customers, share, effect, ci_lower, ci_upper, traits (in words). They are
        left out of the list.
    prices
        limit, most, used, price (yuan that one unit more would add; missing where it is not known).
    regret
        Yuan that the best choice in hindsight would add: value_true of it less that of the policy; None without truth.
        It knows the study's truth. Of a bank's campaign that is both outcomes of each customer, luck included, so no
        policy comes near it: compare policies by it, do not aim at 0.
    lines
        By arm, how scores become effects.
    value_per_unit, cost
        Of the study: yuan per unit of the outcome, and by arm.
    notes
        What a reader has to know.
    seed
        Of lots between customers who are worth the same.
    study
        Fingerprint (SHA-256) of what the policy was made from.
    """

    model: str
    customers: pd.DataFrame
    comparison: pd.DataFrame
    gates: pd.DataFrame
    fairness: pd.DataFrame
    harmed: pd.DataFrame
    prices: pd.DataFrame
    regret: float | None
    lines: tuple[Line, ...]
    value_per_unit: float
    cost: dict[str, float]
    notes: tuple[str, ...]
    seed: int
    study: str

    @property
    def chosen(self) -> pd.DataFrame:
        """The customers on the list, the most valuable first."""
        listed = self.customers[self.customers["arm"] != NOBODY]
        return listed.sort_values("expected_value", ascending=False, kind="stable")

    @property
    def value(self) -> float:
        """What the list is worth, yuan in all, net of cost."""
        return float(self.comparison["value"].iloc[0])

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of :attr:`value`."""
        return float(self.comparison["ci_lower"].iloc[0]), float(self.comparison["ci_upper"].iloc[0])

    def choose(
        self, scores: Any, *, budget: float | None = None, capacity: Mapping[str, int] | int | None = None
    ) -> pd.DataFrame:
        """Choose among other customers by the same rule.

        Parameters
        ----------
        scores : pandas.DataFrame or array
            A column per treated arm (or columns (model, arm), of which the policy's model is taken), a row per
            customer; by the same model.
        budget, capacity
            For these customers, as of :func:`policy`.

        Returns
        -------
        pandas.DataFrame
            As :attr:`customers`; its ``attrs`` say by which policy, limits and scores it was chosen.

        Raises
        ------
        ParameterError, Refused
            As :func:`policy`.
        """
        arms = [each.arm for each in self.lines]
        frame = scores if isinstance(scores, pd.DataFrame) else pd.DataFrame(np.asarray(scores, float))
        if frame.columns.nlevels == 2 and self.model in frame.columns.get_level_values(0):
            frame = _of(frame, self.model)
        if len(arms) == 1 and frame.shape[1] == 1:
            frame = frame.set_axis(arms, axis=1)
        if not set(arms) <= set(frame.columns) or not np.isfinite(frame[arms].to_numpy(float)).all():
            raise ParameterError("scores", list(frame.columns)[:4], f"numbers for {', '.join(arms)}", "score every arm")
        costs = np.array([self.cost[name] for name in arms])
        net, harm = _net(frame[arms], self.lines, self.value_per_unit, costs)
        cell = np.zeros(len(frame), dtype=np.int64)
        limits = limits_of(tuple(arms), costs, len(frame), 1, budget, capacity, None)
        choice = solve(np.where(harm, -np.inf, net), cell, limits, seed=self.seed)
        told = _told(frame[arms], self.lines, net, harm, choice.arm)
        return _marked(told, self.study, False, _prices(choice, cell, limits), frame[arms])


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
    check_k(k)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
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
    own, ordered = _of(table, best), {row["arm"]: row["passed"] for row in orders}
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
    customers = _told(own, lines, net, harm, choice.arm).set_axis(study.index)
    made_from, prices = _fingerprint(study, table, expected), _prices(choice, cell, limits)
    customers = _marked(customers, made_from, True, prices, own)
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


def _of(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the columns of one model, by arm."""
    return table.loc[:, [model]].droplevel(0, axis=1)


def _pick(
    study: Study, psi: Floats, scores: pd.DataFrame, rows: Flags, ordered: Mapping[str, bool], cell: Integers,
    limits: Sequence[Limit], seed: int,
) -> tuple[list[Line], Floats, Any, Choice]:  # fmt: skip
    """Find lines on some customers; return them, all customers' net values, who is harmed, and the choice."""
    lines = [
        line(arm, scores.loc[rows, arm].to_numpy(), psi[rows, place], ordered[arm])
        for place, arm in enumerate(study.treated)
    ]
    net, harm = _net(scores, lines, study.value, study.cost[1:])
    return lines, net, harm, solve(np.where(harm, -np.inf, net), cell, limits, seed=seed)


def _kept_apart(study: Study, judge: Any, seed: int) -> Flags:
    """Draw the customers on whom the list is valued: the same share of every arm."""
    if isinstance(judge, bool) or not isinstance(judge, int | float) or not 0.1 <= judge <= 0.9:
        raise ParameterError("judge", judge, "a share of the customers from 0.1 to 0.9", f"pass judge={JUDGE}")
    draw = np.random.default_rng(seed).random(len(study))
    judged = np.zeros(len(study), bool)
    for arm in range(len(study.arms)):
        mine = np.flatnonzero(study.arm == arm)
        judged[mine[np.argsort(draw[mine])[: round(judge * len(mine))]]] = True
    return judged


def _net(scores: pd.DataFrame, lines: Sequence[Line], value: float, costs: Floats) -> tuple[Floats, Any]:
    """Return expected net values, and where contact harms."""
    each = [(line_, scores[line_.arm].to_numpy(float)) for line_ in lines]
    effect = np.column_stack([line_.effect(score) for line_, score in each])
    harm = np.column_stack([score <= line_.harm_below for line_, score in each])
    return value * effect - costs, harm


def _told(scores: pd.DataFrame, lines: Sequence[Line], net: Floats, harm: Any, arm: Integers) -> pd.DataFrame:
    """Return a row per customer: of the arm given, else of the best one."""
    names = np.array([NOBODY, *(each.arm for each in lines)])
    place = np.where(arm > 0, arm - 1, net.argmax(axis=1))
    rows = np.arange(len(arm))
    own = scores.to_numpy(float)[rows, place]
    effect = np.column_stack([each.effect(scores[each.arm].to_numpy(float)) for each in lines])[rows, place]
    reason = np.select(
        [arm > 0, harm.all(axis=1), net[rows, place] <= 0],
        ["", "harmed by contact", "not worth the cost"], "beyond the limits",
    )  # fmt: skip
    return pd.DataFrame(
        {"arm": names[arm], "score": own, "expected_effect": effect, "expected_value": net[rows, place],
         "left_out": reason}, index=scores.index,
    )  # fmt: skip


def _prices(choice: Choice, cell: Integers, limits: Sequence[Limit]) -> pd.DataFrame:
    usage = used(choice.arm, cell, limits)
    return pd.DataFrame({
        "limit": [limit.name for limit in limits], "most": [limit.most for limit in limits], "used": usage,
        "price": choice.price,
    })  # fmt: skip


def _response(study: Study, table: pd.DataFrame, expected: Floats | None) -> Floats | None:
    if ("response", study.treated[0]) in table.columns:
        return np.asarray(table["response"][list(study.treated)].to_numpy())
    return None if expected is None else np.asarray(expected, float)[:, 1:]


def _fits(place: int, cell: Integers, limits: Sequence[Limit]) -> float:
    """Return the share of customers who may be given an arm, if drawn by lot."""
    size = np.bincount(cell)
    most = [
        (limit.most + limit.slack) / max(float(limit.use[:, place] @ size), 1e-12) for limit in limits if limit.most > 0
    ]
    return min([1.0, *most])


def _marked(frame: pd.DataFrame, made_from: str, of_study: bool, prices: pd.DataFrame, scores: Any) -> pd.DataFrame:
    """Note in ``attrs`` what a choice was made by, for the record of its list."""
    digest = hashlib.sha256(pd.util.hash_pandas_object(scores).to_numpy().tobytes()).hexdigest()
    frame.attrs = {"policy": made_from, "of_study": of_study, "scores": digest, "limits": prices.to_dict("records")}
    return frame


def _fingerprint(study: Study, table: pd.DataFrame, expected: Floats | None) -> str:
    """Return a digest of customers, arms, chances, outcome, scores and what was expected, in their order."""
    digest = hashlib.sha256(
        repr((study.arms, study.cost.tolist(), study.value, study.randomised, list(table.columns))).encode()
    )
    for frame in (study.X.set_axis(study.index), table):
        digest.update(pd.util.hash_pandas_object(frame).to_numpy().tobytes())
    given = () if expected is None else (np.asarray(expected, float),)
    for array in (study.arm, study.propensity, study.outcome, *given):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _nobody(study: Study, net: Floats, harm: Any, limits: Sequence[Limit]) -> str:
    if harm.all():
        return "no list: contact harms everybody"
    best = float(np.where(harm, -np.inf, net).max())
    if best <= 0:
        return f"no list: nobody is worth the cost; the best customer is expected to bring {best:,.2f} yuan net of it"
    names = " and ".join(limit.name for limit in limits)
    return f"no list: {names} leaves room for nobody"
