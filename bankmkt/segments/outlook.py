"""What customers who buy and never give notice will buy: expected, held against what came, and its value."""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bankmkt.bank import check_bank
from bankmkt.errors import DataError
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, check_k, suppress
from bankmkt.terms import paid

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

WEEKS = 52
"""Weeks that value looks ahead."""

TOP = 7
"""Customers with as many repeat purchases or more are told together."""

LEAST_WEEKS = 4
"""Weeks after the day from which expectation is held against what came."""


@dataclass(frozen=True, eq=False)
class Outlook:
    """What is expected of buyers; made by :func:`purchase_outlook`.

    Parameters
    ----------
    customers : int
        Who bought by the day.
    weeks : float
        Weeks after the day that the bank's transactions cover; 0 where there are too few to compare with.
    held : pandas.DataFrame
        A row per number of repeat purchases so far (``"7+"`` the last): purchases_before, customers, expected (mean
        purchases in those weeks), ci_low, ci_high, realised (mean), suppressed. Empty without such weeks.
    total : dict
        Of those weeks and all customers: purchases, ci_low, ci_high, realised. Empty without such weeks.
    value : pandas.DataFrame
        A row per fifth of the customers by the value expected of the next 52 weeks, the highest first: fifth,
        customers, p_alive (mean), purchases (mean), spend (mean amount of a purchase), value (money, sum), value_share,
        suppressed.
    parameters : dict
        r, alpha, a, b of BG/NBD (in weeks), p, q, v of Gamma-Gamma.
    """

    customers: int
    weeks: float
    held: "pd.DataFrame"
    total: dict[str, float]
    value: "pd.DataFrame"
    parameters: dict[str, float]


def purchase_outlook(bank: "Bank", as_of: dt.date | str, *, k: int = K) -> Outlook:
    """Expect what customers will buy, by BG/NBD and Gamma-Gamma, and hold it against what came.

    Purchases are the bank's transactions of kind spend. The models are fitted to what was known by the day; only what
    came is later.

    Parameters
    ----------
    bank : Bank
        With transactions of kind spend.
    as_of : date or str
        The last day known.
    k : int
        Rows about fewer customers are hidden, with as many others as the total asks for.

    Returns
    -------
    Outlook

    Raises
    ------
    ParameterError
        If an argument is not as above.
    DataError
        If nobody bought by the day, or the models have no most likely parameters: too few buy again.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting Your Customers" the Easy Way. Marketing Science
    24(2), 275-284 (the comparison by number of repeat purchases is their figure 4).
    """
    import numpy as np
    import pandas as pd

    from bankmkt.segments.bgnbd import BGNBD
    from bankmkt.segments.gamma_gamma import GammaGamma
    from bankmkt.segments.purchase_history import purchase_summary
    from bankmkt.segments.purchases import purchase_value

    check_bank(bank)
    check_k(k)
    day = parse_date("as_of", as_of)
    t = bank.transactions
    t = t.filter(t.kind == "spend").select("customer_id", "ts", amount=paid(t))
    t = t.filter(t.amount >= 0)  # a refund is no purchase; one of nothing (a coupon) is
    summary = bank.frame(purchase_summary(t, day).order_by("customer_id"))
    if summary.empty:
        raise DataError("transactions", f"no spending by {day}", "purchases", "pass a later day")
    model = BGNBD().fit(summary)
    buyers = summary[(summary["frequency"] > 0) & (summary["monetary"] > 0)]
    money = GammaGamma().fit(buyers)
    found = {"r": model.r_, "alpha": model.alpha_, "a": model.a_, "b": model.b_}
    found |= {"p": money.p_, "q": money.q_, "v": money.v_}
    days = t.mutate(day=t.ts.cast("date")).select("customer_id", "day").distinct()
    last = bank.fetch(days.day.max()).as_py()
    weeks = (last - day).days / 7
    held, total = pd.DataFrame(), {}
    if weeks >= LEAST_WEEKS:
        came = bank.frame(days.filter(days.day > day).group_by("customer_id").agg(realised=lambda t: t.count()))
        rows = summary.assign(
            **model.predict_purchases(summary, weeks),
            realised=summary["customer_id"].map(came.set_index("customer_id")["realised"]).fillna(0.0),
        )
        rows["purchases_before"] = np.minimum(rows["frequency"], TOP)
        held = rows.groupby("purchases_before").agg(
            customers=("realised", "size"), expected=("purchases", "mean"), ci_low=("ci_low", "mean"),
            ci_high=("ci_high", "mean"), realised=("realised", "mean"),
        ).reset_index()  # fmt: skip
        held["purchases_before"] = [f"{n}+" if n == TOP else str(n) for n in held["purchases_before"]]
        held = suppress(held, "customers", ["expected", "ci_low", "ci_high", "realised"], k=k)
        total = model.predict_total(summary, weeks) | {"realised": float(rows["realised"].sum())}
    worth = purchase_value(model, money, summary.assign(monetary=summary["monetary"].fillna(0.0)), WEEKS)
    return Outlook(len(summary), weeks if len(held) else 0.0, held, total, _fifths(worth, k), found)


def _fifths(worth: "pd.DataFrame", k: int) -> "pd.DataFrame":
    """Sum up customers by fifth of value."""
    import numpy as np

    order = np.argsort(-worth["value"].to_numpy(), kind="stable")
    fifth = np.empty(len(worth), dtype=np.int64)
    fifth[order] = 1 + 5 * np.arange(len(worth)) // len(worth)
    rows = worth.groupby(fifth).agg(
        customers=("value", "size"), p_alive=("p_alive", "mean"), purchases=("purchases", "mean"),
        spend=("spend", "mean"), value=("value", "sum"),
    )  # fmt: skip
    rows = rows.rename_axis("fifth").reset_index()
    rows["value_share"] = rows["value"] / rows["value"].sum()
    return suppress(rows, "customers", ["p_alive", "purchases", "spend", "value", "value_share"], k=k)
