"""What a customer's balances earn the bank: a yearly margin per product, an assumption to be replaced by one's own."""

from collections.abc import Mapping
from typing import Any

from bankmkt.errors import ParameterError, one_of
from bankmkt.schema import PRODUCTS

MARGINS: Mapping[str, float] = {
    "demand": 0.012,
    "time_deposit": 0.006,
    "wealth": 0.005,
    "fund": 0.007,
    "insurance": 0.010,
    "metal": 0.005,
    "loan": 0.020,
    "card_balance": 0.050,
}
"""Margin a year as a part of the balance, after funding and expected losses, before staff and systems.

**These are assumptions**, of a plausible size and order, not any bank's figures: replace them by the rates of the
bank's own transfer pricing (``margins=`` of every function of value). Deposits: what the treasury pays for the money
less what the customer gets. Wealth, fund, metal: management and trailing fees that stay with the bank that sells.
Insurance: commission spread over the policy's life. Loans and cards: rate less funding and losses; cards, where a part
of the balance bears interest.
"""


def check_margins(margins: Mapping[str, float] | None) -> dict[str, float]:
    """Return a margin for every product: those given, the others 0; the defaults for None.

    Raises
    ------
    ParameterError
        When a product is unknown, a rate is not a number from 0 to 1, or all are 0.

    Examples
    --------
    >>> check_margins({"loan": 0.02})["loan"]
    0.02
    """
    if margins is None:
        return dict(MARGINS)
    if not isinstance(margins, Mapping) or not margins:
        raise ParameterError("margins", margins, "rates by product", 'such as margins={"demand": 0.012}')
    for product, rate in margins.items():
        if product not in PRODUCTS:
            raise ParameterError("margins", product, one_of(PRODUCTS), "rename the product")
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise ParameterError(
                f"margins[{product!r}]", rate, "a part of the balance a year, 0 to 1", "1.2 % is 0.012"
            )
    if not any(margins.values()):
        raise ParameterError("margins", dict(margins), "a rate above 0", "leave it out for the defaults")
    return {product: float(margins.get(product, 0.0)) for product in PRODUCTS}


def margin_of(balances: Any, margins: Mapping[str, float]) -> Any:
    """Return a month's margin (money) of Ibis rows of balances: the month end stands for the month, null for 0."""
    parts = [balances[product].fill_null(0.0) * (rate / 12) for product, rate in margins.items() if rate]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
