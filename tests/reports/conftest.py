"""Fixtures for reports: small notebooks, small banks, a browser."""

import os

import nbformat
import pytest
from browser import Browser
from stubs import notebook, organisations

from bankmkt.bank import open_bank
from bankmkt.errors import EngineError
from bankmkt.reports import plan
from bankmkt.reports.pdf import chromium as find_chromium


@pytest.fixture(autouse=True)
def _same_code(monkeypatch):
    """Let nobody's editing of the package while tests run count as a change."""
    monkeypatch.setattr(plan, "_code", lambda: "this version")


@pytest.fixture
def stub(tmp_path):
    """Write such a notebook and return its path as text."""

    def write(*cells, name="50_stub", **options):
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(notebook(*cells, **options), path)
        return str(path)

    return write


@pytest.fixture(scope="session")
def bank(tmp_path_factory):
    """Path of a bank with three branches."""
    return str(open_bank({"organisations": organisations(3)}).save(tmp_path_factory.mktemp("banks") / "three").path)


@pytest.fixture(scope="session")
def large_bank(tmp_path_factory):
    """Path of a bank with thirty branches."""
    return str(open_bank({"organisations": organisations(30)}).save(tmp_path_factory.mktemp("banks") / "thirty").path)


@pytest.fixture(scope="session")
def chromium():
    """Chromium: a must in CI, a reason to skip elsewhere."""
    try:
        return find_chromium()
    except EngineError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{error}; .ci/run installs it")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def browser(chromium, tmp_path_factory):
    """A headless browser that remembers what pages ask for and complain about."""
    with Browser(chromium, tmp_path_factory.mktemp("profile")) as opened:
        yield opened
