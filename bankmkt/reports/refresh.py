"""The committed notebooks: run again at their defaults, and told apart from stale ones."""

import math
import os
import time
from pathlib import Path
from typing import Any

from bankmkt.errors import DataError
from bankmkt.reports import notebooks
from bankmkt.reports.execute import execute

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
STEP = 15
"""Run times are stored in steps of so many seconds, so that they seldom change."""

START_PAGE = "index"


def committed() -> list[str]:
    """Name the committed notebooks; the start page last, because it lists the others."""
    page = notebooks.folder() / f"{START_PAGE}.ipynb"
    return [*notebooks.reports(), *([START_PAGE] if page.is_file() else [])]


def refresh(name: str, timeout: float = 900) -> float:
    """Run a committed notebook at its defaults and store what it shows, without times and paths.

    Parameters
    ----------
    name
        One of :func:`committed`.
    timeout
        Seconds it may take.

    Returns
    -------
    float
        Seconds it took.

    Raises
    ------
    DataError
        If it does not run to its end; the notebook then stays as it was.
    """
    import nbformat

    path = notebooks.find(name)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial.ipynb")
    start = time.monotonic()
    try:
        notebook, reason = execute(path, partial, {}, timeout)
        if reason:
            raise DataError("notebook", name, "one that runs to its end", reason)
        seconds = time.monotonic() - start
        nbformat.write(_stored(notebook, seconds), partial)
        os.replace(partial, path)
        return seconds
    finally:
        partial.unlink(missing_ok=True)


def stale(path: Path) -> list[str]:
    """Say what is wrong with a committed notebook.

    Returns
    -------
    list of str
        Rules it breaks, and whether its code or text changed since its outputs were stored; empty if all is well.
    """
    notebook = notebooks.read(path)
    found = list(notebooks.faults(notebook))
    if notebook["metadata"].get("bankmkt", {}).get("source") != notebooks.fingerprint(notebook):
        found.append("changed since its outputs were stored: run make notebooks")
    return found


def _stored(notebook: Any, seconds: float) -> Any:
    notebook["metadata"]["kernelspec"] = dict(KERNEL)
    notebook["metadata"]["language_info"] = {"name": "python"}
    notebook["metadata"]["bankmkt"] = {
        "source": notebooks.fingerprint(notebook),
        "seconds": math.ceil(seconds / STEP) * STEP,
    }
    return notebook
