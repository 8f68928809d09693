"""What customers' purchases in the time to come are worth: how often they will buy, times how much."""

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError
from bankmkt.segments.bgnbd import BGNBD
from bankmkt.segments.gamma_gamma import GammaGamma
from bankmkt.segments.purchase_history import check_fitted, check_positive, need


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
    >>> from bankmkt.segments.purchase_history import sample_purchases
    >>> summary = sample_purchases(500, periods=40, r=0.5, alpha=4.5, a=0.8, b=2.5, seed=7)
    >>> summary["monetary"] = np.geomspace(5, 80, 500)
    >>> value = purchase_value(BGNBD().fit(summary), GammaGamma().fit(summary), summary, periods=52)
    >>> list(value)
    ['p_alive', 'purchases', 'spend', 'value', 'ci_low', 'ci_high']
    """
    for name, model, kind in (("purchases", purchases, BGNBD), ("spend", spend, GammaGamma)):
        if not isinstance(model, kind):
            found = "None" if model is None else type(model).__name__
            raise ParameterError(
                name, found, f"a {kind.__name__}", "purchase_value(BGNBD, GammaGamma, summary, periods)"
            )
        check_fitted(model)
    if purchases.level != spend.level:
        raise ParameterError(
            "level", spend.level, f"{purchases.level}, as of the other model", "fit both with one level"
        )
    check_positive("margin", margin, "margin=1 for turnover")
    need("summary", summary, (), local=True)
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
