"""Thompson sampling: contact whom a plausible model of the effects would contact, and so learn where it is unsure."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bankmkt.errors import DataError, ParameterError
from bankmkt.uplift.study import Floats

PRIOR = 0.05
"""Prior standard deviation of what one standard deviation of a column adds to an effect, in those of the outcome."""
_WIDE = 10.0
"""How much wider the prior of an arm's mean effect is than that of how a column changes it."""


@dataclass(frozen=True)
class Posterior:
    """What is believed of the effects: normal, of the coefficients of each treated arm on what is known.

    ``mean`` and ``covariance`` are over the arms' coefficients one after another, the constant first in each;
    ``centre`` and ``scale`` standardise columns.
    """

    mean: Floats
    covariance: Floats
    centre: Floats
    scale: Floats
    arms: int

    def effects(self, X: Floats, draws: int, seed: int) -> Floats:
        """Draw the effects of the treated arms on customers: draws × customers × arms.

        Examples
        --------
        >>> one = Posterior(np.array([0.2, 0.0]), np.zeros((2, 2)), np.zeros(1), np.ones(1), 1)
        >>> one.effects(np.zeros((3, 1)), draws=2, seed=1).round(1).tolist()
        [[[2.0], [2.0], [2.0]], [[2.0], [2.0], [2.0]]]
        """
        rng = np.random.default_rng(seed)
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        drawn = self.mean + rng.standard_normal((draws, len(self.mean))) @ root.T
        Z = _design(X, self.centre, self.scale)
        found = drawn.reshape(draws * self.arms, -1) @ Z.T
        return np.asarray(found.reshape(draws, self.arms, len(X)).transpose(0, 2, 1))


def learn_effects(X: Floats, arm: np.ndarray, propensity: Floats, outcome: Floats) -> Posterior:
    """Learn how each treated arm changes the outcome, linear in what is known, and how sure that is.

    The outcome less what is expected of a customer whatever the arm is explained by each arm's surprise (being in it
    less the chance of it) times a linear effect: the R-learner with known propensities, whose least squares become a
    Bayesian regression. Before any data, a column's effect is normal with a standard deviation of :data:`PRIOR`; a
    prior taken from the data instead (evidence maximisation) would make the bandit too sure when they say little.
    What is expected is learned from the other half of the rows. A customer may come in several rounds: outcomes are
    alike then, but lots are drawn anew in each, so that surprises, and what they are multiplied with, are not.

    Parameters
    ----------
    X
        Customers × columns, numbers.
    arm
        Each customer's, 0 for the control.
    propensity
        Customers × arms: the chances by which they were drawn.
    outcome
        One number per customer.

    Returns
    -------
    Posterior

    Raises
    ------
    DataError
        If all outcomes are alike.

    References
    ----------
    Nie & Wager (2021), Biometrika 108; Russo et al. (2018), A Tutorial on Thompson Sampling.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, arm = rng.normal(size=(40_000, 1)), rng.integers(0, 2, 40_000)
    >>> y = rng.normal(size=40_000) + arm * (0.2 + 0.1 * x[:, 0])
    >>> known = learn_effects(x, arm, np.full((40_000, 2), 0.5), y)
    >>> known.effects(np.array([[0.0], [1.0]]), 200, seed=1).mean(axis=0).round(1)[:, 0].tolist()
    [0.2, 0.3]
    """
    from sklearn.linear_model import BayesianRidge

    centre, scale = X.mean(axis=0), X.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    Z = _design(X, centre, scale)
    usual, half = np.empty(len(outcome)), np.arange(len(outcome)) % 2 == 0
    for here in (half, ~half):
        usual[here] = BayesianRidge(fit_intercept=True).fit(Z[~here, 1:], outcome[~here]).predict(Z[here, 1:])
    surprise = (arm[:, None] == np.arange(1, propensity.shape[1])) - propensity[:, 1:]
    design = np.concatenate([Z * surprise[:, [place]] for place in range(surprise.shape[1])], axis=1)
    rest = outcome - usual
    noise, spread = rest.var(), (PRIOR * outcome.std()) ** 2
    if not noise > 0:
        raise DataError("outcome", "the same for every customer", "outcomes that differ", "play a longer pilot")
    covariance = np.linalg.inv(design.T @ design / noise + np.eye(design.shape[1]) / spread)
    return Posterior(covariance @ (design.T @ rest) / noise, covariance, centre, scale, surprise.shape[1])


def chances(worth: Floats, contacts: int) -> Floats:
    """Return how often each offer goes to each customer if the worthiest ``contacts`` of every draw are contacted.

    Parameters
    ----------
    worth
        Draws × customers × offers: yuan that a contact brings, costs taken off. Nobody with nothing above 0 is
        contacted.
    contacts
        Customers that can be contacted.

    Returns
    -------
    numpy.ndarray
        Customers × offers: shares of the draws; their sum is at most ``contacts``.

    Examples
    --------
    >>> chances(np.array([[[3.0, 1.0], [2.0, 4.0]], [[3.0, 1.0], [2.0, 1.0]]]), 1).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    if isinstance(contacts, bool) or not isinstance(contacts, int) or contacts < 1:
        raise ParameterError("contacts", contacts, "an integer from 1", "such as contacts=1000")
    draws, customers, offers = worth.shape
    out = np.zeros((customers, offers))
    for one in worth:
        best = one.argmax(axis=1)
        top = one[np.arange(customers), best]
        chosen = np.argsort(-top, kind="stable")[:contacts]
        chosen = chosen[top[chosen] > 0]
        out[chosen, best[chosen]] += 1 / draws
    return out


def _design(X: Floats, centre: Floats, scale: Floats) -> Any:
    return np.column_stack([np.full(len(X), _WIDE), np.clip((X - centre) / scale, -4, 4)])
