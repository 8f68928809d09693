"""Run one notebook with papermill, and believe it only when every cell shows that it ran."""

import contextlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bankmkt.reports import notebooks
from bankmkt.reports.parameters import Value

KERNEL_START_SECONDS = 60
ATTEMPTS = 2


def execute(
    path: Path,
    partial: Path,
    parameters: Mapping[str, Value],
    timeout: float,
    ran: Callable[[], object] = lambda: None,
) -> tuple[Any, str]:
    """Run a notebook to a partial file.

    Parameters
    ----------
    path
        The notebook, which stays as it is.
    partial
        Where papermill writes, cell by cell.
    parameters
        Checked already; none leaves the notebook's own.
    timeout
        Seconds the whole notebook may take.
    ran
        Called after each cell.

    Returns
    -------
    notebook, reason
        What ran, None if nothing did, without times and paths; and why it is no complete report, empty if it is.
    """
    reason = ""
    for _ in range(ATTEMPTS):
        partial.unlink(missing_ok=True)
        with _event_loop():
            reason = _attempt(path, partial, parameters, timeout, ran)
        notebook = notebooks.read(partial) if partial.is_file() else None
        if notebook is not None and (not reason or _started(notebook)):
            return without_traces(notebook), reason or notebooks.unfinished(notebook)
    return None, reason


@contextlib.contextmanager
def _event_loop() -> Iterator[None]:
    """Close the event loop that Jupyter's client makes for this thread and leaves behind."""
    from jupyter_core.utils import ensure_event_loop

    loop = ensure_event_loop()
    try:
        yield
    finally:
        if not loop.is_running():
            loop.close()


def _attempt(
    path: Path, partial: Path, parameters: Mapping[str, Value], timeout: float, ran: Callable[[], object]
) -> str:
    import papermill
    import traitlets.config
    from nbclient.exceptions import CellControlSignal, CellTimeoutError, DeadKernelError

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it says is in the report
    end = time.monotonic() + timeout
    try:
        with tempfile.TemporaryDirectory(prefix="bankmkt-") as sockets:
            papermill.execute_notebook(
                _literal(path),
                _literal(partial),
                dict(parameters),
                kernel_name="python3",
                progress_bar=False,
                start_timeout=KERNEL_START_SECONDS,
                timeout_func=lambda cell: max(1, end - time.monotonic()),
                on_cell_executed=lambda **_: ran(),
                config=traitlets.config.Config(_kernel(sockets)),
                extra_arguments=["--log-level=CRITICAL"],
            )
    except papermill.PapermillExecutionError as error:
        return _line(f"cell [{error.exec_count}]: {error.ename}: {error.evalue}")
    except CellTimeoutError:
        return f"not finished after {timeout:g} seconds: raise the time-out"
    except DeadKernelError:
        return "the kernel died, perhaps for want of memory"
    except (CellControlSignal, RuntimeError, OSError) as error:
        return _line(f"the kernel did not start or answer: {error}")
    return ""


def _kernel(sockets: str) -> dict[str, Any]:
    """Let a kernel talk through files that only this user can read, not through ports that anybody here can."""
    return {"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}} if os.name == "posix" else {}


def _literal(path: Path) -> str:
    """Write a path as papermill wants it, which takes braces for fields to fill in."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _line(text: str, longest: int = 400) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[:longest] + "…"


def _started(notebook: Any) -> bool:
    return any(cell.get("execution_count") is not None or cell.get("outputs") for cell in notebook["cells"])


def without_traces(notebook: Any) -> Any:
    """Return a notebook without what differs from run to run: times, paths, kernel version, papermill's notes."""
    for part in (notebook, *notebook["cells"]):
        for key in ("papermill", "execution", "widgets"):
            part["metadata"].pop(key, None)
    notebook["metadata"].get("language_info", {}).pop("version", None)
    notebook["cells"] = [
        cell for cell in notebook["cells"] if "papermill-error-cell-tag" not in cell["metadata"].get("tags", ())
    ]
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags")
        if tags == []:  # papermill adds it to cells without tags
            del cell["metadata"]["tags"]
    return notebook
