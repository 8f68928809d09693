"""How often customers will buy again, and for how much: BG/NBD and Gamma-Gamma, fitted by maximum likelihood.

For customers who owe nobody a notice when they stop buying. What is known of each is how often (frequency), how lately
(recency) and since when (T); who bought often and then fell silent has probably left, who buys seldom may not have.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from bankmkt.errors import DataError, ParameterError
from bankmkt.lookback import parse_date
from bankmkt.segments import btyd

WEEK = 7.0
"""Days in the unit of time that recency, T and forecasts are counted in."""


def purchase_summary(transactions: Any, end: dt.date | str, *, unit_days: float = WEEK) -> Any:
    """Sum up what each customer bought until a day, as BG/NBD and Gamma-Gamma need it.

    Purchases of one day count as one. What comes after ``end`` is not seen.

    Parameters
    ----------
    transactions : ibis table or pandas.DataFrame
        A row per purchase: customer_id, ts, amount (positive money).
    end : date or str
        Last day observed, the same for all customers; not the last day in the data, on which somebody happened to buy.
    unit_days : float
        Days in the unit of recency and T; 7 for weeks.

    Returns
    -------
    ibis table or pandas.DataFrame
        As given, a row per customer: customer_id; frequency (days with a purchase, less the first); recency (first to
        last purchase) and T (first purchase to end), in units; monetary (mean amount of a repeat purchase day, null
        where there is none).

    Raises
    ------
    ParameterError
        When ``end`` is no date or ``unit_days`` not above 0.
    DataError
        When a column is missing or there is no purchase by ``end``.

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2008). Implementing the BG/NBD Model for Customer Base Analysis in Excel.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": [1, 1, 1], "ts": pd.to_datetime(["2026-01-01", "2026-01-15", "2026-01-29"]),
    ...                     "amount": [9.0, 20.0, 30.0]})
    >>> purchase_summary(log, end="2026-02-05").to_dict("records")
    [{'customer_id': 1, 'frequency': 2, 'recency': 4.0, 'T': 5.0, 'monetary': 25.0}]
    """
    import ibis

    day = parse_date("end", end)
    if isinstance(unit_days, bool) or not isinstance(unit_days, int | float) or not unit_days > 0:
        raise ParameterError("unit_days", unit_days, "a number of days above 0", "pass unit_days=7 for weeks")
    _need("transactions", transactions, ("customer_id", "ts", "amount"))
    local = isinstance(transactions, pd.DataFrame)
    t = ibis.memtable(transactions[["customer_id", "ts", "amount"]]) if local else transactions
    days = t.mutate(day=t.ts.cast("date")).filter(lambda t: t.day <= ibis.literal(day))
    days = days.group_by("customer_id", "day").aggregate(spent=days.amount.sum())
    each = days.group_by("customer_id").aggregate(
        first=days.day.min(), last=days.day.max(), times=days.count(),
        spent=days.spent.sum(), spent_first=days.spent.argmin(days.day),
    )  # fmt: skip
    repeats = each.times - 1
    out = each.select(
        "customer_id",
        frequency=repeats.cast("int64"),
        recency=each.last.delta(each.first, unit="day").cast("float64") / float(unit_days),
        T=ibis.literal(day).delta(each.first, unit="day").cast("float64") / float(unit_days),
        monetary=(repeats > 0).ifelse((each.spent - each.spent_first) / repeats.cast("float64"), ibis.null("float64")),
    )
    if not local:
        return out
    frame = out.order_by("customer_id").execute()
    if frame.empty:
        raise DataError("transactions", "no rows", f"a purchase on or before {day}", "pass a later end")
    return frame


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
        _check_level(self.level)
        x, recency, age, weight = _histories(summary)
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
        _check_periods(periods)
        x, recency, age, _ = _histories(summary, count=False)
        found = self._delta(lambda theta: btyd.expected(theta, x, recency, age, periods))
        return _frame("purchases", found, summary.index)

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
        x, recency, age, _ = _histories(summary, count=False)
        found = self._delta(lambda theta: btyd.alive(theta, x, recency, age), link="logit")
        return _frame("p_alive", found, summary.index)

    def predict_total(self, summary: pd.DataFrame, periods: float) -> dict[str, float]:
        """Expect all customers' purchases together.

        Returns
        -------
        dict
            purchases, ci_low, ci_high: of the sum of :meth:`predict_purchases`, whose errors go together.
        """
        check_is_fitted(self)
        _check_periods(periods)
        x, recency, age, weight = _histories(summary)
        found = self._delta(lambda theta: np.array([weight @ btyd.expected(theta, x, recency, age, periods)]))
        return dict(zip(("purchases", "ci_low", "ci_high"), (float(part[0]) for part in found), strict=True))

    def _delta(self, predict: Callable[[np.ndarray], np.ndarray], link: str = "log") -> tuple[np.ndarray, ...]:
        theta = np.array([self.r_, self.alpha_, self.a_, self.b_])
        return btyd.delta(predict, theta, self.covariance_, self.level, link)


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

    def fit(self, summary: pd.DataFrame, y: None = None) -> "GammaGamma":
        """Find the parameters under which the spending is likeliest.

        Parameters
        ----------
        summary : pandas.DataFrame
            Of :func:`purchase_summary`: frequency, monetary. Who has not bought again, or for nothing, is left out.
        y : None
            Not used; there for scikit-learn.

        Returns
        -------
        GammaGamma

        Raises
        ------
        DataError
            When a column is missing, nobody bought again, or the parameters do not settle.
        """
        _check_level(self.level)
        _need("summary", summary, ("frequency", "monetary"))
        rows = summary[(summary["frequency"] > 0) & (summary["monetary"] > 0)]
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
        DataError
            When a column is missing, or spending is so uneven (``q_`` up to 1) that it has no mean.
        """
        check_is_fitted(self)
        _need("summary", summary, ("frequency", "monetary"))
        if self.q_ <= 1:
            raise DataError("q_", self.q_, "above 1: else the mean over customers does not exist", "cap the amounts")
        mean = np.where(summary["frequency"] > 0, summary["monetary"], 0.0)
        x = np.where(mean > 0, summary["frequency"], 0).astype("float64")
        total = x * np.where(mean > 0, mean, 0.0)
        theta = np.array([self.p_, self.q_, self.v_])
        found = btyd.delta(lambda theta: btyd.spend(theta, x, total), theta, self.covariance_, self.level)
        return _frame("spend", found, summary.index)


def purchase_value(
    purchases: BGNBD, spend: GammaGamma, summary: pd.DataFrame, periods: float, *, margin: float = 1.0
) -> pd.DataFrame:
    """Expect what each customer's purchases in the time to come are worth; 52 weeks for a year's value.

    Parameters
    ----------
    purchases, spend
        The two models, fitted.
    summary : pandas.DataFrame
        Of :func:`purchase_summary`.
    periods : float
        Units of time to look ahead.
    margin : float
        The part of what is paid that stays with the seller, above 0.

    Returns
    -------
    pandas.DataFrame
        With the summary's index: p_alive, purchases, spend, value (money), ci_low, ci_high (of value; the two errors
        are taken as independent: the models are fitted to different facts).

    Raises
    ------
    ParameterError, DataError
        As the models' methods.

    Examples
    --------
    >>> summary = sample_purchases(500, periods=40, r=0.5, alpha=4.5, a=0.8, b=2.5, seed=7)
    >>> summary["monetary"] = np.geomspace(5, 80, 500)
    >>> value = purchase_value(BGNBD().fit(summary), GammaGamma().fit(summary), summary, periods=52)
    >>> list(value)
    ['p_alive', 'purchases', 'spend', 'value', 'ci_low', 'ci_high']
    """
    if purchases.level != spend.level:
        raise ParameterError(
            "level", spend.level, f"{purchases.level}, as of the other model", "fit both with one level"
        )
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not margin > 0:
        raise ParameterError("margin", margin, "a number above 0", "pass margin=1 for turnover")
    count, amount = purchases.predict_purchases(summary, periods), spend.predict_spend(summary)
    value = margin * count["purchases"] * amount["spend"]
    # intervals are symmetric on the log scale, and so is that of the product
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.hypot(np.log(count["ci_high"] / count["purchases"]), np.log(amount["ci_high"] / amount["spend"]))
    error = np.nan_to_num(error)  # 0 where nothing is expected, for sure
    return pd.DataFrame({
        "p_alive": purchases.predict_alive(summary)["p_alive"], "purchases": count["purchases"],
        "spend": amount["spend"], "value": value, "ci_low": value * np.exp(-error), "ci_high": value * np.exp(error),
    })  # fmt: skip


def sample_purchases(
    customers: int, periods: float, *, r: float, alpha: float, a: float, b: float, seed: int
) -> pd.DataFrame:
    """Draw customers as BG/NBD says they buy, all seen for ``periods`` since their first purchase.

    Returns
    -------
    pandas.DataFrame
        frequency, recency, T; and what nobody sees: rate (purchases per unit while active), p_stop, alive at the end.
    """
    rng = np.random.default_rng(seed)
    rate, stop = rng.gamma(r, 1 / alpha, customers), rng.beta(a, b, customers)
    now, last, count = np.zeros(customers), np.zeros(customers), np.zeros(customers, dtype="int64")
    alive, going = np.ones(customers, dtype=bool), np.ones(customers, dtype=bool)
    while going.any():
        now[going] += rng.exponential(1 / np.maximum(rate[going], 1e-300))
        bought = going & (now <= periods)
        last[bought], count[bought] = now[bought], count[bought] + 1
        alive[bought] = rng.random(int(bought.sum())) >= stop[bought]
        going = bought & alive
    return pd.DataFrame({
        "frequency": count, "recency": last, "T": float(periods), "rate": rate, "p_stop": stop, "alive": alive,
    })  # fmt: skip


def _histories(summary: Any, *, count: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return frequency, recency, T and how many customers have them: of distinct histories, or row by row."""
    columns = ["frequency", "recency", "T"]
    _need("summary", summary, columns)
    if not isinstance(summary, pd.DataFrame):
        if not count:
            raise DataError("summary", type(summary).__name__, "a pandas frame to predict for", "call .execute() on it")
        summary = summary.group_by(columns).aggregate(customers=lambda t: t.count()).execute()
    elif count:
        summary = summary.groupby(columns, dropna=False).size().rename("customers").reset_index()
    else:
        summary = summary[columns].assign(customers=1)
    x, recency, age, weight = (summary[c].to_numpy(dtype="float64") for c in [*columns, "customers"])
    fine = (x >= 0) & (recency >= 0) & (recency <= age) & ((recency == 0) | (x > 0))
    if not fine.all():
        row = summary.loc[~fine, columns].iloc[0].to_dict()
        raise DataError("summary", row, "0 <= recency <= T, and a recency of 0 without repeats", "use purchase_summary")
    if not len(x) or not age.max() > 0:
        raise DataError("summary", f"{len(x)} histories", "customers seen for some time", "take a later end")
    return x, recency, age, weight


def _frame(name: str, found: tuple[np.ndarray, ...], index: pd.Index) -> pd.DataFrame:
    return pd.DataFrame(dict(zip((name, "ci_low", "ci_high"), found, strict=True)), index=index)


def _need(what: str, table: Any, columns: Sequence[str]) -> None:
    """Raise DataError unless a table has the columns."""
    absent = [c for c in columns if c not in table.columns]
    if absent:
        raise DataError(f"{what}'s columns", list(table.columns), f"also {', '.join(absent)}", "rename or add them")


def _check_level(level: float) -> None:
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise ParameterError("level", level, "a number between 0 and 1", "pass level=0.95")


def _check_periods(periods: float) -> None:
    if isinstance(periods, bool) or not isinstance(periods, int | float) or not periods > 0:
        raise ParameterError("periods", periods, "a number above 0", "pass periods=52 for a year of weeks")
