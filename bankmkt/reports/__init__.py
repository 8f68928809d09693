"""Notebooks run with parameters into HTML reports.

For notebooks: :func:`show` a figure, a :func:`table`, :func:`say` a sentence, :func:`record` the key
figures, :func:`open_bank_parameter`. For everybody else: :func:`run_report` and :func:`run_reports`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bankmkt.reports.display import say, show, table
from bankmkt.reports.figures import record
from bankmkt.reports.start_page import contents, inventory, linked

if TYPE_CHECKING:
    from bankmkt.bank import Bank

_LATER = {"run_report": "bankmkt.reports.runner", "run_reports": "bankmkt.reports.runner"}

__all__ = [
    "contents", "inventory", "linked", "open_bank_parameter", "record", "run_report", "run_reports", "say", "show",
    "table",
]  # fmt: skip


PUBLIC = ("berka", "cdnow")
"""Names of banks made of public data."""


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'bankmkt.reports' has no attribute {name!r}")


def open_bank_parameter(bank: str = "demo", engine: str = "duckdb") -> "Bank":
    """Open the bank that a notebook's parameters name.

    Parameters
    ----------
    bank : str
        ``"demo"`` for the demo bank, made at first use; ``"berka"`` or ``"cdnow"`` for public data
        (:mod:`bankmkt.datasets`), in DuckDB whatever the engine; otherwise the path of a bank.
    engine : str
        As in :func:`bankmkt.open_bank`.
    """
    import bankmkt as bm

    if bank in PUBLIC:
        return bm.datasets.load_berka() if bank == "berka" else bm.datasets.load_cdnow_bank()
    if bank != "demo":
        return bm.open_bank(bank, engine)
    demo = bm.demo_bank()
    return demo if engine == "duckdb" else bm.open_bank(demo.path, engine)
