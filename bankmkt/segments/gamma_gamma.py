"""How much customers spend on a purchase: Gamma-Gamma, fitted by maximum likelihood."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from bankmkt.errors import DataError
from bankmkt.segments import btyd
from bankmkt.segments.bgnbd import check_level, forecast_frame
from bankmkt.segments.purchase_history import check_fitted, check_once, need

COLUMNS = ("frequency", "monetary")


class GammaGamma(BaseEstimator):
    """How much customers spend on a purchase: the gamma-gamma model, for those who bought again.

    Each purchase scatters around the customer's own mean (shape ``p_``), and the means over customers (``q_``,
    ``v_``). Few purchases count little: the estimate lies between the customer's mean and everybody's.
    It supposes that how much has nothing to do with how often.

    Parameters
    ----------
    level : float
        Of the intervals; see :class:`BGNBD`.

    Attributes
    ----------
    p_, q_, v_ : float
        The parameters; ``v_`` in money.
    correlation_ : float
        Of frequency and mean amount, which the model supposes to be 0; the paper's data have 0.11. Where it is far from
        0, who buys often pays more (or less) than the model says, and the value of the frequent is off.
    log_likelihood_, covariance_, n_customers_
        As of :class:`BGNBD`.

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2013). The Gamma-Gamma Model of Monetary Value. brucehardie.com/notes/025.

    Examples
    --------
    >>> summary = pd.DataFrame({"frequency": [1, 2, 3, 4] * 25, "monetary": np.geomspace(5, 80, 100)})
    >>> spend = GammaGamma().fit(summary).predict_spend(summary).spend
    >>> bool(spend.iloc[0] > 5)
    True
    """

    def __init__(self, level: float = 0.95) -> None:
        self.level = level

    def fit(self, summary: Any, y: None = None) -> "GammaGamma":
        """Find the parameters under which the spending is likeliest.

        Parameters
        ----------
        summary : pandas.DataFrame or ibis table
            Of :func:`purchase_summary`: frequency, monetary. Who has not bought again, or for nothing, is left out.
        y : None
            Not used; there for scikit-learn.

        Returns
        -------
        GammaGamma

        Raises
        ------
        DataError
            When a column is missing, a customer has two rows, a mean amount is negative, nobody bought again, or the
            parameters do not settle.
        """
        check_level(self.level)
        need("summary", summary, COLUMNS, numbers=COLUMNS)
        check_once(summary)
        local = isinstance(summary, pd.DataFrame)
        known = summary if local else summary.select(*COLUMNS).filter(summary["frequency"] > 0).execute()
        again = known[known["frequency"] > 0]
        if not again["monetary"].between(0, float("inf"), inclusive="left").all():
            raise DataError(
                "summary.monetary", again.loc[~(again["monetary"] >= 0), "monetary"].head(3).tolist(),
                "the mean amount, finite and 0 or more, of who bought again", "pass a summary of purchase_summary",
            )  # fmt: skip
        rows = again[again["monetary"] > 0]
        if len(rows) < 2:
            raise DataError("summary", f"{len(rows)} customers who bought again", "two or more", "take a longer period")
        x, mean = (rows[c].to_numpy(dtype="float64") for c in ("frequency", "monetary"))
        unit = float(mean.mean())

        def objective(log: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = btyd.gamma_gamma(np.exp(log), x, mean / unit)
            return -value / len(x), -slope * np.exp(log) / len(x)

        log, covariance = btyd.maximise("Gamma-Gamma", objective, (1.0, 1.0, 0.0), len(x))
        log[2] += np.log(unit)
        self.p_, self.q_, self.v_ = (float(value) for value in np.exp(log))
        self.covariance_ = covariance
        self.log_likelihood_ = float(btyd.gamma_gamma(np.exp(log), x, mean)[0])
        self.n_customers_ = len(x)
        self.correlation_ = float(np.corrcoef(x, mean)[0, 1]) if np.ptp(x) and np.ptp(mean) else 0.0
        return self

    def predict_spend(self, summary: pd.DataFrame) -> pd.DataFrame:
        """Expect the amount of each customer's purchases.

        Parameters
        ----------
        summary : pandas.DataFrame
            frequency, monetary; who has not bought again gets the mean over customers.

        Returns
        -------
        pandas.DataFrame
            With the summary's index: spend, ci_low, ci_high, in money per purchase.

        Raises
        ------
        ParameterError
            When the model is not fitted.
        DataError
            When a column is missing, or spending is so uneven (``q_`` up to 1) that it has no mean.
        """
        check_fitted(self)
        need("summary", summary, COLUMNS, numbers=COLUMNS, local=True)
        if self.q_ <= 1:
            raise DataError("q_", self.q_, "above 1: else the mean over customers does not exist", "cap the amounts")
        mean = np.where(summary["frequency"] > 0, summary["monetary"], 0.0)
        x = np.where(mean > 0, summary["frequency"], 0).astype("float64")
        total = x * np.where(mean > 0, mean, 0.0)
        theta = np.array([self.p_, self.q_, self.v_])
        found = btyd.delta(lambda theta: btyd.spend(theta, x, total), theta, self.covariance_, self.level)
        return forecast_frame("spend", found, summary.index)
