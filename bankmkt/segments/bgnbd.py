"""How often customers will buy again: BG/NBD, fitted by maximum likelihood.

For customers who owe nobody a notice when they stop buying. Who bought often and then fell silent has probably left,
who buys seldom may not have.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from bankmkt.errors import DataError, ParameterError
from bankmkt.segments import btyd
from bankmkt.segments.purchase_history import check_fitted, check_once, check_positive, histories


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
            When a column is missing, a customer has two rows, values cannot be (a recency beyond T), or the
            parameters do not settle.
        """
        check_level(self.level)
        x, recency, age, weight = histories(summary)
        check_once(summary)
        if not len(x) or not age.max() > 0:
            raise DataError("summary", f"{len(x)} histories", "customers seen for some time", "take a later end")
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

    def predict_purchases(self, summary: Any, periods: float) -> Any:
        """Expect each customer's purchases in the time to come.

        Parameters
        ----------
        summary : pandas.DataFrame or ibis table
            frequency, recency, T. Of a table, only the distinct histories leave its engine.
        periods : float
            Units of time to look ahead, from the summary's end.

        Returns
        -------
        pandas.DataFrame or ibis table
            purchases, ci_low, ci_high: a frame with the summary's index, or the table with these columns added.

        Raises
        ------
        ParameterError
            When ``periods`` is not a finite number above 0, or the model is not fitted.
        DataError
            As :meth:`fit`.
        """
        check_fitted(self)
        check_positive("periods", periods, "periods=52 for a year of weeks")
        return self._predict(
            "purchases", summary, lambda theta, x, recency, age: btyd.expected(theta, x, recency, age, periods), "log"
        )

    def predict_alive(self, summary: Any) -> Any:
        """Say how likely each customer is still active.

        Parameters
        ----------
        summary : pandas.DataFrame or ibis table
            As for :meth:`predict_purchases`.

        Returns
        -------
        pandas.DataFrame or ibis table
            p_alive, ci_low, ci_high, as :meth:`predict_purchases`. Who bought once only is active for sure: in this
            model customers stop after a repeat purchase.
        """
        check_fitted(self)
        return self._predict("p_alive", summary, btyd.alive, "logit")

    def _predict(self, name: str, summary: Any, predict: Callable[..., np.ndarray], link: str) -> Any:
        import ibis

        *known, _ = histories(summary, distinct=False)
        found = self._delta(lambda theta: predict(theta, *known), link)
        if isinstance(summary, pd.DataFrame):
            return forecast_frame(name, found, summary.index)
        keys = dict(zip(("frequency", "recency", "T"), known, strict=True))
        each = forecast_frame(name, found, None).assign(**keys).astype({"frequency": "int64"})
        return summary.join(ibis.memtable(each), list(keys))

    def predict_total(self, summary: Any, periods: float) -> dict[str, float]:
        """Expect all customers' purchases together.

        Returns
        -------
        dict
            purchases, ci_low, ci_high: of the sum of :meth:`predict_purchases`, whose errors go together.
        """
        check_fitted(self)
        check_positive("periods", periods, "periods=52 for a year of weeks")
        x, recency, age, weight = histories(summary)
        found = self._delta(lambda theta: np.array([weight @ btyd.expected(theta, x, recency, age, periods)]))
        return dict(zip(("purchases", "ci_low", "ci_high"), (float(part[0]) for part in found), strict=True))

    def _delta(self, predict: Callable[[np.ndarray], np.ndarray], link: str = "log") -> tuple[np.ndarray, ...]:
        theta = np.array([self.r_, self.alpha_, self.a_, self.b_])
        return btyd.delta(predict, theta, self.covariance_, self.level, link)


def forecast_frame(name: str, found: tuple[np.ndarray, ...], index: pd.Index | None) -> pd.DataFrame:
    """Return a prediction with its interval as a frame."""
    return pd.DataFrame(dict(zip((name, "ci_low", "ci_high"), found, strict=True)), index=index)


def check_level(level: float) -> None:
    """Raise ParameterError unless the level is between 0 and 1."""
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise ParameterError("level", level, "a number between 0 and 1", "pass level=0.95")
