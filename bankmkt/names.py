"""How names of the contract read: the one place that says "wealth products" for ``wealth``, in figures and pages."""

WORDS = {
    "aum": "AUM", "aum_per_head": "AUM per head", "change of aum": "change of AUM", "active": "active customers",
    "opened": "customers who joined", "closed": "customers who left",
    "demand": "demand deposits", "time_deposit": "time deposits", "wealth": "wealth products", "fund": "funds",
    "metal": "precious metals", "loan": "loans", "card_balance": "credit card debt",
    "atm": "cash machine (ATM)", "pos": "card in a shop (POS)", "third_party": "third-party payment",
    "auto": "bank's own batch", "mini_programme": "mini-programme", "wechat": "WeChat",
    "sms": "text message", "rm": "relationship manager", "app_push": "app message",
}  # fmt: skip
"""Names whose words are not simply the name with spaces."""


def words(name: str) -> str:
    """Turn a name of the contract, of an indicator, product, channel or kind, into words.

    Examples
    --------
    >>> words("aum_per_head"), words("active_share"), words("metal"), words("Head office")
    ('AUM per head', 'active share', 'precious metals', 'Head office')
    """
    return WORDS.get(name, name.replace("_", " "))
