"""What the words of a bank mean, for segments and tags alike: wealth tiers, the long tail, what a customer paid."""

from typing import Any

LONG_TAIL = 50_000
"""Customers with less AUM are the long tail (the case study's definition)."""

TIERS = ((LONG_TAIL, "under 50,000"), (500_000, "50,000 – 500,000"), (6_000_000, "0.5 – 6 million"))
TOP_TIER = "from 6 million"
"""Private banking begins at 6 million yuan of financial assets (China's banking regulator, 2011)."""


def paid(transactions: Any, amount: str = "amount") -> Any:
    """Return what left an account or was charged to a card; below 0 what came back, as a refund.

    Parameters
    ----------
    transactions
        Ibis table with ``product`` and the amount, or Ibis' ``_``.
    amount
        Its column of amounts, signed as the contract has it.

    Examples
    --------
    >>> import ibis
    >>> t = ibis.memtable({"product": ["demand", "card_balance", "card_balance"], "amount": [-30.0, 20.0, -5.0]})
    >>> t.select(paid=paid(t)).execute()["paid"].tolist()
    [30.0, 20.0, -5.0]
    """
    moved = transactions[amount]
    return (transactions["product"] == "card_balance").ifelse(moved, -moved)
