"""How products and channels of the contract read: one place that says "wealth products" for ``wealth`` everywhere."""

WORDS = {
    "aum": "AUM",
    "demand": "demand deposits", "time_deposit": "time deposits", "wealth": "wealth products", "fund": "funds",
    "metal": "precious metals", "loan": "loans", "card_balance": "credit card debt",
    "atm": "cash machine (ATM)", "pos": "card in a shop (POS)", "third_party": "third-party payment",
    "auto": "bank's own batch", "mini_programme": "mini-programme", "wechat": "WeChat",
    "sms": "text message", "rm": "relationship manager", "app_push": "app message",
}  # fmt: skip
"""Those whose words are not simply the name with spaces."""
