"""The committed notebooks keep the rules of the house and are fresh; nbval would notice if they were not."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from bankmkt.reports.refresh import stale

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
COMMITTED = sorted(NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_notebook_keeps_the_rules_and_is_fresh(path):
    assert stale(path) == []


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_links_to_other_files_lead_somewhere(path):
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    local = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in local if not (path.parent / link).exists()] == []


def test_there_is_a_start_page_that_leads_to_every_report():
    shown = (NOTEBOOKS / "index.ipynb").read_text()
    reports = [path.name for path in COMMITTED if path.name[:2].isdigit()]
    assert reports
    assert [name for name in reports if f"({name})" not in shown] == []


@pytest.mark.parametrize(("stored", "code"), [pytest.param("42", 0, marks=pytest.mark.slow), ("41", 1)])
def test_nbval_notices_a_figure_that_changed(tmp_path, stored, code):
    output = nbformat.v4.new_output("execute_result", data={"text/plain": stored}, execution_count=1)
    cell = nbformat.v4.new_code_cell("6 * 7", outputs=[output], execution_count=1)
    cell.metadata["tags"] = ["results", "nbval-check-output"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel}), tmp_path / "x.ipynb")
    options = ["-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", "120"]
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(NOTEBOOKS.parent / "pyproject.toml"), *options]
    done = subprocess.run([*command, str(tmp_path / "x.ipynb")], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
