"""What a policy is: whom it contacts, what that is worth, and how its rule chooses among other customers."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.uplift.policy_effects import Line
from bankmkt.uplift.policy_limits import limits_of
from bankmkt.uplift.policy_solver import Choice, Integers, Limit, solve, used
from bankmkt.uplift.study import NOBODY, Floats
from bankmkt.uplift.study_checks import check_texts

CHOICE = ("arm", "score", "expected_effect", "expected_value", "left_out")
"""What is said of each customer."""


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
        scores : pandas.DataFrame, pandas.Series or array
            A column per treated arm (or columns (model, arm), of which the policy's model is taken), a row per
            customer; by the same model. Of one treated arm also a Series, or a frame of one column, which are named by
            the arm or the model. Labels are kept.
        budget, capacity
            For these customers, as of :func:`bankmkt.uplift.policy`. A ``max_ratio`` of the study's groups is not kept
            to; the record of the list says so.

        Returns
        -------
        pandas.DataFrame
            As :attr:`customers`; its ``attrs`` say by which policy, limits and scores it was chosen.

        Raises
        ------
        SchemaError, ParameterError, DataError
            If scores are not numbers of the policy's model for every arm.
        Refused
            As :func:`bankmkt.uplift.policy`.
        """
        arms = [each.arm for each in self.lines]
        frame = scores_of(scores, self.model, arms)
        costs = np.array([self.cost[name] for name in arms])
        net, harm = net_values(frame, self.lines, self.value_per_unit, costs)
        cell = np.zeros(len(frame), dtype=np.int64)
        limits = limits_of(tuple(arms), costs, len(frame), 1, budget, capacity, None)
        choice = solve(np.where(harm, -np.inf, net), cell, limits, seed=self.seed)
        rows = rows_of(frame, self.lines, net, harm, choice.arm)
        kept = not self.prices["limit"].str.startswith("rate of ").any()
        notes = () if kept else ("max_ratio is not kept to: it is of the study's groups",)
        return marked(rows, self.study, False, prices_of(choice, cell, limits), frame, notes)


def scores_of(given: Any, model: str, arms: list[str]) -> pd.DataFrame:
    """Return scores as a column per arm; raise if they are not said to be the model's.

    Examples
    --------
    >>> found = scores_of(pd.Series([0.1, 0.2], index=["x", "y"]), "T", ["call"])
    >>> found.columns.tolist(), found.index.tolist()
    (['call'], ['x', 'y'])
    """
    wanted, todo = f"numbers for {', '.join(arms)}", f"score every arm by {model}"
    if isinstance(given, pd.Series):
        own = given.name in (None, model, arms[0], (model, arms[0]))
        if not own or len(arms) > 1:
            raise SchemaError("scores", given.name, f"columns {', '.join(arms)} of the model {model}", todo)
        frame = given.to_frame(arms[0])
    elif isinstance(given, pd.DataFrame):
        frame = given
        if frame.columns.nlevels == 2 and model in frame.columns.get_level_values(0):
            frame = of_model(frame, model)
        elif len(arms) == 1 and list(frame.columns) == [model]:
            frame = frame.set_axis(arms, axis=1)
        if frame.columns.nlevels > 1 or not set(arms) <= set(frame.columns) or frame.columns.has_duplicates:
            raise SchemaError(
                "scores", list(frame.columns)[:4], f"columns {', '.join(arms)} of the model {model}", todo
            )
        frame = frame[arms]
    else:
        array = np.asarray(given)
        if array.ndim not in (1, 2) or array.size != len(array) * len(arms):
            raise ParameterError("scores", array.shape or type(given).__name__, f"{wanted}, a row per customer", todo)
        frame = pd.DataFrame(array.reshape(len(array), len(arms)), columns=arms)
    for arm in arms:
        kind = frame[arm].dtype
        if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_complex_dtype(kind):
            raise SchemaError(f"scores of {arm}", str(kind), wanted, "pass the scores themselves")
    frame = frame.astype(float)
    check_texts("index of scores", frame.index)
    if frame.empty or not np.isfinite(frame.to_numpy()).all():
        raise DataError("scores", "none" if frame.empty else "missing or infinite", wanted, todo)
    return frame


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


def marked(
    frame: pd.DataFrame, made_from: str, of_study: bool, prices: pd.DataFrame, scores: Any, notes: Sequence[str] = ()
) -> pd.DataFrame:
    """Note in ``attrs`` what a choice was made by, for the record of its list, and a digest of its rows."""
    digest = hashlib.sha256(pd.util.hash_pandas_object(scores).to_numpy().tobytes()).hexdigest()
    frame.attrs = {
        "policy": made_from, "of_study": of_study, "scores": digest, "limits": prices.to_dict("records"),
        "notes": list(notes), "rows": rows_digest(frame),
    }  # fmt: skip
    return frame


def rows_digest(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of a choice's columns in the order of its rows, whatever their labels."""
    rows = pd.util.hash_pandas_object(frame[list(CHOICE)], index=False)
    return hashlib.sha256(rows.to_numpy().tobytes()).hexdigest()
