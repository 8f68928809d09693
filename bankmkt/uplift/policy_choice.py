"""What a policy is: whom it contacts, what that is worth, and how its rule chooses among other customers."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError
from bankmkt.uplift.policy_effects import Line
from bankmkt.uplift.policy_limits import limits_of
from bankmkt.uplift.policy_solver import Choice, Integers, Limit, solve, used
from bankmkt.uplift.study import NOBODY, Floats


@dataclass(frozen=True)
class Policy:
    """Whom to contact, and what that is worth; made by :func:`bankmkt.uplift.policy`.

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
            For these customers, as of :func:`bankmkt.uplift.policy`.

        Returns
        -------
        pandas.DataFrame
            As :attr:`customers`; its ``attrs`` say by which policy, limits and scores it was chosen.

        Raises
        ------
        ParameterError, Refused
            As :func:`bankmkt.uplift.policy`.
        """
        arms = [each.arm for each in self.lines]
        frame = scores if isinstance(scores, pd.DataFrame) else pd.DataFrame(np.asarray(scores, float))
        if frame.columns.nlevels == 2 and self.model in frame.columns.get_level_values(0):
            frame = of_model(frame, self.model)
        if len(arms) == 1 and frame.shape[1] == 1:
            frame = frame.set_axis(arms, axis=1)
        if not set(arms) <= set(frame.columns) or not np.isfinite(frame[arms].to_numpy(float)).all():
            raise ParameterError("scores", list(frame.columns)[:4], f"numbers for {', '.join(arms)}", "score every arm")
        costs = np.array([self.cost[name] for name in arms])
        net, harm = net_values(frame[arms], self.lines, self.value_per_unit, costs)
        cell = np.zeros(len(frame), dtype=np.int64)
        limits = limits_of(tuple(arms), costs, len(frame), 1, budget, capacity, None)
        choice = solve(np.where(harm, -np.inf, net), cell, limits, seed=self.seed)
        rows = rows_of(frame[arms], self.lines, net, harm, choice.arm)
        return marked(rows, self.study, False, prices_of(choice, cell, limits), frame[arms])


def of_model(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the columns of one model, by arm."""
    return table.loc[:, [model]].droplevel(0, axis=1)


def net_values(scores: pd.DataFrame, lines: Sequence[Line], value: float, costs: Floats) -> tuple[Floats, Any]:
    """Return expected net values, and where contact harms."""
    each = [(line_, scores[line_.arm].to_numpy(float)) for line_ in lines]
    effect = np.column_stack([line_.effect(score) for line_, score in each])
    harm = np.column_stack([score <= line_.harm_below for line_, score in each])
    return value * effect - costs, harm


def rows_of(scores: pd.DataFrame, lines: Sequence[Line], net: Floats, harm: Any, arm: Integers) -> pd.DataFrame:
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


def prices_of(choice: Choice, cell: Integers, limits: Sequence[Limit]) -> pd.DataFrame:
    """Return a row per limit: what of it is used, and what one unit more would add."""
    usage = used(choice.arm, cell, limits)
    return pd.DataFrame({
        "limit": [limit.name for limit in limits], "most": [limit.most for limit in limits], "used": usage,
        "price": choice.price,
    })  # fmt: skip


def marked(frame: pd.DataFrame, made_from: str, of_study: bool, prices: pd.DataFrame, scores: Any) -> pd.DataFrame:
    """Note in ``attrs`` what a choice was made by, for the record of its list."""
    digest = hashlib.sha256(pd.util.hash_pandas_object(scores).to_numpy().tobytes()).hexdigest()
    frame.attrs = {"policy": made_from, "of_study": of_study, "scores": digest, "limits": prices.to_dict("records")}
    return frame
