"""The report on real applications ends well without them, and stops nothing."""

import subprocess
import sys
from pathlib import Path

import tiny

import bankmkt as bm
from bankmkt.reports import run_report

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def test_the_report_says_what_is_missing(tmp_path):
    bm.open_bank(tiny.frames()).save(tmp_path / "bank")
    report = run_report(
        "23_loan_application_funnel", {"log_folder": str(tmp_path)}, bank=tmp_path / "bank", out=tmp_path / "reports"
    )
    assert report.ok, report.error
    assert set(report.figures.values()) == {None}
    page = report.html.read_text()
    assert "log of applications is not here" in page
    assert "Left out here" in page  # half a year is too short to learn triggers


def test_it_is_not_compared_where_the_log_is_not(tmp_path):
    code = (
        "import runpy; from bankmkt import datasets; datasets.has_bpic2012 = lambda: False; "
        f"print(runpy.run_path({str(NOTEBOOKS / 'conftest.py')!r})['collect_ignore'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "23_loan_application_funnel.ipynb" in done.stdout
