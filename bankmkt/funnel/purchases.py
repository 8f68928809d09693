"""When a transaction buys a product."""

from typing import Any


def buys(t: Any, product: str | None = None) -> Any:
    """Return the condition that a row of transactions buys a product: money put into it, or a loan drawn.

    Parameters
    ----------
    t
        The table transactions, or Ibis' ``_``.
    product : str, optional
        Only purchases of this product.

    Examples
    --------
    >>> import bankmkt as bm, pandas as pd
    >>> rows = pd.DataFrame({"kind": ["purchase", "purchase", "loan_drawdown"], "product": ["fund", "demand", "loan"],
    ...     "amount": [100.0, 100.0, -900.0]})
    >>> from bankmkt.frames import engine_table
    >>> t = engine_table(rows, "rows")[0]
    >>> [t.filter(buys(t, product)).count().execute() for product in (None, "loan", "demand")]
    [2, 1, 0]
    """
    paid = (t["kind"] == "purchase") & (t["product"] != "demand") & (t["amount"] > 0)
    found = paid | ((t["kind"] == "loan_drawdown") & (t["product"] == "loan"))
    return found if product is None else found & (t["product"] == product)
