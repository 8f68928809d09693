"""bankmkt: a workbench for bank marketing analysts.

The package in one screen, lowest layer first; imports only go down:

========================  =====================================================================
:mod:`bankmkt.errors`     every error says what was wrong, what was expected and what to do
:mod:`bankmkt.schema`     what a bank is: its tables, columns, units and rules
:mod:`bankmkt.engines`    where tables live: DuckDB, Spark, Spark Connect
:mod:`bankmkt.bank`       open, save and look back in a bank; :mod:`bankmkt.validation` checks it
:mod:`bankmkt.synth`      a synthetic bank whose truth is known
:mod:`bankmkt.datasets`   real public data in the same tables
:mod:`bankmkt.tags`       what is known of each customer, and what will probably happen
:mod:`bankmkt.segments`   who the customers are: check-up, RFM, life cycle, groups, value
:mod:`bankmkt.funnel`     what customers do: how far they get on a journey, in what time, and where they leave it
:mod:`bankmkt.experiment` what a campaign changed, and how sure we are
:mod:`bankmkt.uplift`     whom a campaign changes, whom to contact next, and when nobody can say
:mod:`bankmkt.plots`      figures drawn from the frames that the functions above return
:mod:`bankmkt.reports`    notebooks run with parameters into HTML reports
========================  =====================================================================

Names are loaded at first use, so importing the package is fast and changes nothing.
"""

from importlib import import_module
from importlib.metadata import version as _version
from typing import Any

__version__ = _version("bankmkt")

_NAMES = {
    "Bank": "bankmkt.bank",
    "open_bank": "bankmkt.bank",
    "validate": "bankmkt.validation",
    "generate": "bankmkt.synth",
    "demo_bank": "bankmkt.synth",
    "World": "bankmkt.synth",
    "health_check": "bankmkt.segments",
    "lifecycle": "bankmkt.segments",
    "migration": "bankmkt.segments",
    "rfm": "bankmkt.segments",
    "run_report": "bankmkt.reports",
    "run_reports": "bankmkt.reports",
}
_MODULES = (
    "datasets",
    "experiment",
    "errors",
    "funnel",
    "plots",
    "reports",
    "schema",
    "segments",
    "synth",
    "tags",
    "uplift",
)

__all__ = sorted([*_NAMES, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    if name in _MODULES:
        return import_module(f"bankmkt.{name}")
    raise AttributeError(f"module 'bankmkt' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
