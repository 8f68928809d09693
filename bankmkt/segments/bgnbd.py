"""How often customers will buy again: BG/NBD, fitted by maximum likelihood.

For customers who owe nobody a notice when they stop buying. Who bought often and then fell silent has probably left,
who buys seldom may not have.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from bankmkt.errors import ParameterError
from bankmkt.segments import btyd
from bankmkt.segments.purchase_history import histories


class BGNBD(BaseEstimator):
    """How often customers will buy again: the beta-geometric / NBD model.

    While active, a customer buys at random at a rate of their own (gamma over customers: ``r_``, ``alpha_``); after
    each purchase they stop for good with a probability of their own (beta over customers: ``a_``, ``b_``).

    Parameters
    ----------
    level : float
        Of the intervals. They are about the expectation, given the model (delta method); what a single customer does
        scatters around it.

    Attributes
    ----------
    r_, alpha_, a_, b_ : float
        The parameters; ``alpha_`` in the summary's unit of time.
    log_likelihood_ : float
        At the maximum.
    covariance_ : numpy.ndarray of shape (4, 4)
        Of the parameters' logarithms, from the curvature of the log-likelihood.
    n_customers_ : int

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting Your Customers" the Easy Way: An Alternative to
    the Pareto/NBD Model. Marketing Science 24(2), 275-284.

    Examples
    --------
    >>> from bankmkt.segments.purchase_history import sample_purchases
    >>> summary = sample_purchases(1000, periods=40, r=0.25, alpha=4.5, a=0.8, b=2.5, seed=7)
    >>> model = BGNBD().fit(summary)
    >>> bool(abs(model.r_ - 0.25) < 0.08)
    True
    """

    def __init__(self, level: float = 0.95) -> None:
        self.level = level

    def fit(self, summary: Any, y: None = None) -> "BGNBD":
        """Find the parameters under which the purchases are likeliest.

        Parameters
        ----------
        summary : pandas.DataFrame or ibis table
            Of :func:`purchase_summary`: frequency, recency, T. Equal histories of a table are counted in its engine.
        y : None
            Not used; there for scikit-learn.

        Returns
        -------
        BGNBD

        Raises
        ------
        DataError
            When a column is missing, values cannot be (a recency beyond T), or the parameters do not settle.
        """
        check_level(self.level)
        x, recency, age, weight = histories(summary)
        unit = float(age.max())  # of time, so that the search is the same whatever the unit

        def objective(log: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = btyd.bgnbd(np.exp(log), x, recency / unit, age / unit, weight)
            return -value / weight.sum(), -slope * np.exp(log) / weight.sum()

        log, covariance = btyd.maximise("BG/NBD", objective, (0.0, -2.0, 0.0, 0.5), weight.sum())
        log[1] += np.log(unit)
        self.r_, self.alpha_, self.a_, self.b_ = (float(value) for value in np.exp(log))
        self.covariance_ = covariance
        self.log_likelihood_ = float(btyd.bgnbd(np.exp(log), x, recency, age, weight)[0])
        self.n_customers_ = int(weight.sum())
        return self

    def predict_purchases(self, summary: pd.DataFrame, periods: float) -> pd.DataFrame:
        """Expect each customer's purchases in the time to come.

        Parameters
        ----------
        summary : pandas.DataFrame
            frequency, recency, T.
        periods : float
            Units of time to look ahead, from the summary's end.

        Returns
        -------
        pandas.DataFrame
            With the summary's index: purchases, ci_low, ci_high.

        Raises
        ------
        ParameterError
            When ``periods`` is not above 0.
        DataError
            As :meth:`fit`.
        """
        check_is_fitted(self)
        check_periods(periods)
        x, recency, age, _ = histories(summary, count=False)
        found = self._delta(lambda theta: btyd.expected(theta, x, recency, age, periods))
        return forecast_frame("purchases", found, summary.index)

    def predict_alive(self, summary: pd.DataFrame) -> pd.DataFrame:
        """Say how likely each customer is still active.

        Parameters
        ----------
        summary : pandas.DataFrame
            frequency, recency, T.

        Returns
        -------
        pandas.DataFrame
            With the summary's index: p_alive, ci_low, ci_high. Who bought once only is active for sure: in this model
            customers stop after a repeat purchase.
        """
        check_is_fitted(self)
        x, recency, age, _ = histories(summary, count=False)
        found = self._delta(lambda theta: btyd.alive(theta, x, recency, age), link="logit")
        return forecast_frame("p_alive", found, summary.index)

    def predict_total(self, summary: pd.DataFrame, periods: float) -> dict[str, float]:
        """Expect all customers' purchases together.

        Returns
        -------
        dict
            purchases, ci_low, ci_high: of the sum of :meth:`predict_purchases`, whose errors go together.
        """
        check_is_fitted(self)
        check_periods(periods)
        x, recency, age, weight = histories(summary)
        found = self._delta(lambda theta: np.array([weight @ btyd.expected(theta, x, recency, age, periods)]))
        return dict(zip(("purchases", "ci_low", "ci_high"), (float(part[0]) for part in found), strict=True))

    def _delta(self, predict: Callable[[np.ndarray], np.ndarray], link: str = "log") -> tuple[np.ndarray, ...]:
        theta = np.array([self.r_, self.alpha_, self.a_, self.b_])
        return btyd.delta(predict, theta, self.covariance_, self.level, link)


def forecast_frame(name: str, found: tuple[np.ndarray, ...], index: pd.Index) -> pd.DataFrame:
    """Return a prediction with its interval as a frame."""
    return pd.DataFrame(dict(zip((name, "ci_low", "ci_high"), found, strict=True)), index=index)


def check_level(level: float) -> None:
    """Raise ParameterError unless the level is between 0 and 1."""
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise ParameterError("level", level, "a number between 0 and 1", "pass level=0.95")


def check_periods(periods: float) -> None:
    """Raise ParameterError unless the time ahead is above 0."""
    if isinstance(periods, bool) or not isinstance(periods, int | float) or not periods > 0:
        raise ParameterError("periods", periods, "a number above 0", "pass periods=52 for a year of weeks")
