"""The reports on real experiments end well without their files, and show and record nothing."""

import pytest
import tiny

import bankmkt as bm
from bankmkt.reports import run_report


@pytest.mark.parametrize(
    ("name", "folder"), [("33_lender_mailer", "letters_folder"), ("34_email_campaign", "data_folder")]
)
def test_the_report_says_what_is_missing(tmp_path, name, folder):
    bm.open_bank(tiny.frames()).save(tmp_path / "bank")
    report = run_report(name, {folder: str(tmp_path)}, bank=tmp_path / "bank", out=tmp_path / "reports")
    assert report.ok, report.error
    assert set(report.figures.values()) == {None}
    page = report.html.read_text()
    assert "so this report is empty" in page
    assert "<img" not in page
