"""Whom to contact next, learned from the rounds so far: each way gives every customer a chance of every offer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.uplift.bandit import chances, learn_effects
from bankmkt.uplift.learners import default_model, expected_outcomes, matrix
from bankmkt.uplift.qini import effect_scores
from bankmkt.uplift.study import Floats, Study


@dataclass(frozen=True)
class Round:
    """What a round left behind: what was known of its customers (``customer_id`` first), arms, chances, outcomes."""

    X: pd.DataFrame
    arm: np.ndarray
    propensity: Floats
    outcome: Floats


@dataclass(frozen=True)
class Choice:
    """What a policy may look at: earlier rounds, the customers to choose from, and the terms.

    ``cost`` is by offer; ``expected`` the true expected effects, which only the oracle reads.
    """

    rounds: list[Round]
    X: pd.DataFrame
    contacts: int
    value: float
    cost: Floats
    draws: int
    seed: int
    expected: Floats

    def past(self) -> tuple[Floats, Floats, np.ndarray, Floats, Floats]:
        """Return known columns of earlier customers and of these as numbers, and arms, chances and outcomes."""
        frames = [r.X.drop(columns="customer_id") for r in self.rounds]
        X = matrix(pd.concat([*frames, self.X], ignore_index=True))
        n = sum(map(len, frames))
        arm, chance, outcome = (
            np.concatenate([getattr(r, name) for r in self.rounds]) for name in ("arm", "propensity", "outcome")
        )
        return X[:n], X[n:], arm, chance, outcome

    def best(self, gains: Floats) -> Floats:
        """Return the list that is best if ``gains`` (customers × offers) are the effects on the outcome."""
        return chances((self.value * gains - self.cost)[None], self.contacts)


def randomly(now: Choice) -> Floats:
    """Contact anybody with any offer."""
    offers = len(now.cost)
    return np.full((len(now.X), offers), now.contacts / len(now.X) / offers)


def by_response(now: Choice) -> Floats:
    """Contact likely buyers: the outcome that is expected of those contacted, whatever they would do alone."""
    X, new, arm, _, outcome = now.past()
    models = [_model(now.seed).fit(X[arm == k], outcome[arm == k]) for k in range(1, len(now.cost) + 1)]
    return now.best(np.column_stack([model.predict(new) for model in models]))


def by_uplift(now: Choice) -> Floats:
    """Contact those whom an offer changes most: a doubly robust learner, its outcome models cross-fitted.

    An effect score is the noisier the smaller the chances it was drawn with, and counts the less for it.
    """
    X, new, arm, chance, outcome = now.past()
    names = ["control", *(f"offer {k}" for k in range(1, len(now.cost) + 1))]
    study = Study(
        pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])]), np.array(names)[arm], outcome,
        pd.DataFrame(chance, columns=names), randomised=False,  # drawn here: there is no lot to doubt
    )  # fmt: skip
    model = _model(now.seed)
    psi = effect_scores(study, expected_outcomes(study, model=model, folds=2, seed=now.seed))
    gains = []
    for k, scores in enumerate(psi.T, 1):
        weight = 1 / (1 / chance[:, 0] + 1 / chance[:, k])
        gains.append(_model(now.seed).fit(X, scores, sample_weight=weight).predict(new))
    return now.best(np.column_stack(gains))


def _model(seed: int) -> Any:
    """Return LightGBM with trees so small that they do not take luck for an effect."""
    return default_model(seed).set_params(num_leaves=4, min_child_samples=300, n_estimators=50)


def by_thompson(now: Choice) -> Floats:
    """Contact each with the chance that the contact is among the best, given what is known so far."""
    X, new, arm, chance, outcome = now.past()
    effects = learn_effects(X, arm, chance, outcome).effects(new, now.draws, now.seed)
    return chances(now.value * effects - now.cost, now.contacts)


def by_truth(now: Choice) -> Floats:
    """Contact those for whom it is best by the laws of the bank: what nobody can know."""
    return now.best(now.expected)


POLICIES: dict[str, Callable[[Choice], Any]] = {
    "response": by_response, "uplift": by_uplift, "thompson": by_thompson, "random": randomly, "oracle": by_truth,
}  # fmt: skip
