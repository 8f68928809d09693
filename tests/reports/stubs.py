"""Notebooks small enough to run many of them, and a bank that is nothing but its organisations."""

import pandas as pd
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PARAMETERS = """\
bank: str = "demo"  # path of a bank, or demo
engine: str = "duckdb"  # where its tables live
org_id: int | None = None  # a branch; None for the whole bank [1..]
"""


def notebook(*cells, parameters=PARAMETERS, results="from bankmkt.reports import record\n\nrecord(answer=42)"):
    """Return a notebook that keeps the rules of the house, with code cells of your own."""
    nb = new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    nb.cells = [
        new_markdown_cell("# The answer\n\nWho asks: *everybody*. What is the **answer**? It is in the `results`."),
        new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        *[new_code_cell(cell) for cell in cells],
        new_code_cell(results, metadata={"tags": ["results", "nbval-check-output"]}),
    ]
    return nb


def organisations(branches: int) -> pd.DataFrame:
    head = {"org_id": 1, "parent_id": None, "level": "head_office", "name": "Head office"}
    rows = [
        {"org_id": i, "parent_id": 1, "level": "branch", "name": f"Branch <{i}> & Co"} for i in range(2, branches + 2)
    ]
    return pd.DataFrame([head, *rows]).astype({"parent_id": "Int64"})
