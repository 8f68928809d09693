"""What the start page shows: the bank's tables and the notebooks."""

from typing import TYPE_CHECKING

from bankmkt.reports import notebooks
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
        found = bank.fetch(table.aggregate(rows=table.count(), **known)).to_pylist()[0]
        days = {key: None if found.get(key) is None else f"{found[key]:%Y-%m-%d}" for key in ("first", "last")}
        rows.append({"table": name, "a_row_is": TABLES[name].row, "rows": found["rows"], **days})
    return pd.DataFrame(rows, columns=["table", "a_row_is", "rows", "first", "last"])


def contents() -> "pd.DataFrame":
    """List the notebooks.

    Returns
    -------
    pandas.DataFrame
        A row per report: ``notebook``, ``title``, ``question``, ``seconds`` (how long it took when its
        outputs were stored, rounded up; missing before that).
    """
    import pandas as pd

    rows = []
    for name in notebooks.reports():
        notebook = notebooks.read(notebooks.find(name))
        title, question = notebooks.heading(notebook)
        seconds = notebook["metadata"].get("bankmkt", {}).get("seconds")
        rows.append({"notebook": name, "title": title, "question": question, "seconds": seconds})
    return pd.DataFrame(rows, columns=["notebook", "title", "question", "seconds"])


def linked(listed: "pd.DataFrame") -> str:
    """Write the frame of :func:`contents` as a Markdown table whose titles lead to the notebooks.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"notebook": "30_tail", "title": "The tail", "question": "How long?", "seconds": 15}
    >>> print(linked(pd.DataFrame([row])))
    | Report | Question | Takes |
    | :-- | :-- | --: |
    | [The tail](30_tail.ipynb) | How long? | 15 s |
    """
    import pandas as pd

    lines = ["| Report | Question | Takes |", "| :-- | :-- | --: |"]
    for row in listed.to_dict("records"):
        takes = "" if pd.isna(row["seconds"]) else f"{row['seconds']:.0f} s"
        question = row["question"].replace("|", "\\|")
        lines.append(f"| [{row['title']}]({row['notebook']}.ipynb) | {question} | {takes} |")
    return "\n".join(lines)
