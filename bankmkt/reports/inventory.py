"""What a bank holds, table by table."""

from typing import TYPE_CHECKING

from bankmkt.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank


def inventory(bank: "Bank") -> "pd.DataFrame":
    """Count the rows of every table of a bank.

    Parameters
    ----------
    bank : Bank

    Returns
    -------
    pandas.DataFrame
        A row per table the bank has, in the order of the schema: ``table``, ``a_row_is``, ``rows``,
        and ``first`` and ``last``, the days between which its rows became known (missing where a table has no time).

    Examples
    --------
    >>> import pandas as pd
    >>> from bankmkt import open_bank
    >>> units = pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head"})
    >>> inventory(open_bank({"organisations": units}))[["table", "rows"]]
               table  rows
    0  organisations     1
    """
    import pandas as pd

    rows = []
    for name, table in bank.tables.items():
        time = TABLES[name].time
        known = {"first": table[time].min(), "last": table[time].max()} if time else {}
        found = bank.con.to_pyarrow(table.aggregate(rows=table.count(), **known)).to_pylist()[0]
        days = {key: None if found.get(key) is None else f"{found[key]:%Y-%m-%d}" for key in ("first", "last")}
        rows.append({"table": name, "a_row_is": TABLES[name].row, "rows": found["rows"], **days})
    return pd.DataFrame(rows, columns=["table", "a_row_is", "rows", "first", "last"])
