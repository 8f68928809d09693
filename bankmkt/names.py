"""How products, channels and numbers read: one place that says "wealth products" for ``wealth`` everywhere."""

import math

MISSING = "–"

WORDS = {
    "aum": "AUM",
    "demand": "demand deposits", "time_deposit": "time deposits", "wealth": "wealth products", "fund": "funds",
    "metal": "precious metals", "loan": "loans", "card_balance": "credit card debt",
    "atm": "cash machine (ATM)", "pos": "card in a shop (POS)", "third_party": "third-party payment",
    "auto": "bank's own batch", "mini_programme": "mini-programme", "wechat": "WeChat",
    "sms": "text message", "rm": "relationship manager", "app_push": "app message",
}  # fmt: skip
"""Those whose words are not simply the name with spaces."""


def number(value: float, spec: str) -> str:
    """Format a number with a true minus sign, and none before a zero; what is no number is a dash.

    Examples
    --------
    >>> number(-0.123, "+.1%"), number(-0.0001, "+.1%"), number(float("nan"), ",.0f")
    ('−12.3%', '0.0%', '–')
    """
    if not math.isfinite(value):
        return MISSING
    text = format(value, spec)
    return text.replace("-", "−") if any(digit in text for digit in "123456789") else text.lstrip("+-")
