"""Notebooks run with parameters into HTML reports.

For notebooks: :func:`show` a figure, a :func:`table`, :func:`say` a sentence, :func:`record` the key
figures, :func:`open_bank_parameter`. For everybody else: :func:`run_report` and :func:`run_reports`.
"""

from typing import TYPE_CHECKING

from bankmkt.reports.display import say, show, table
from bankmkt.reports.record import record

if TYPE_CHECKING:
    from bankmkt.bank import Bank

__all__ = ["open_bank_parameter", "record", "say", "show", "table"]


def open_bank_parameter(bank: str = "demo", engine: str = "duckdb") -> "Bank":
    """Open the bank that a notebook's parameters name.

    Parameters
    ----------
    bank : str
        ``"demo"`` for the demo bank, made at first use; otherwise the path of a bank.
    engine : str
        As in :func:`bankmkt.open_bank`.
    """
    import bankmkt as bm

    if bank != "demo":
        return bm.open_bank(bank, engine)
    demo = bm.demo_bank()
    return demo if engine == "duckdb" else bm.open_bank(demo.path, engine)
