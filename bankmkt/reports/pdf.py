"""A page as PDF, printed by a headless Chromium where there is one."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bankmkt.errors import EngineError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
SECONDS = 120
FLAGS = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def chromium() -> str:
    """Find Chromium.

    Raises
    ------
    EngineError
        If it is not on the path.
    """
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise EngineError(
            "a PDF needs Chromium", None, "a program called " + ", ".join(NAMES), "install it, or leave out --pdf"
        )
    return found


def flags() -> list[str]:
    """Return Chromium's options for a browser without window and traffic; root must leave out the sandbox."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*FLAGS, *(["--no-sandbox"] if root else [])]


def write_pdf(page: Path, target: Path) -> None:
    """Print an HTML page to a PDF file, whole or not at all.

    Raises
    ------
    EngineError
        If Chromium fails or takes longer than two minutes.
    """
    with tempfile.TemporaryDirectory() as profile:
        aside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        command = [
            chromium(), *flags(), f"--user-data-dir={profile}", "--no-pdf-header-footer",
            f"--print-to-pdf={aside}", page.absolute().as_uri(),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
            if not aside.is_file() or not aside.read_bytes().startswith(b"%PDF"):
                raise EngineError("Chromium made no PDF", done.stderr.strip()[-300:], todo="leave out --pdf")
            os.replace(aside, target)
        except subprocess.TimeoutExpired as error:
            raise EngineError("Chromium made no PDF", f"{SECONDS} seconds", todo="leave out --pdf") from error
        finally:
            aside.unlink(missing_ok=True)
