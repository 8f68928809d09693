"""The report on the customer base, run on the two public sources that it is also for."""

import pytest

from bankmkt.reports import run_report


@pytest.mark.parametrize(
    ("source", "there", "absent"),
    [
        ("berka", ["margin_of_the_coming_year", "segments_shown"], []),
        ("cdnow", ["customers_who_spent"], ["margin_of_the_coming_year", "segments_shown"]),
    ],
)
def test_the_customer_base_of_public_data(source, there, absent, real_data, tmp_path, monkeypatch):
    monkeypatch.setenv("BANKMKT_REAL_DATA", str(real_data))
    report = run_report("12_value_and_life_cycle", bank=source, out=tmp_path)
    assert report.ok, report.error
    assert all(report.figures.get(name) is not None for name in there)
    assert all(report.figures.get(name) is None for name in absent)
    assert "<img" in report.html.read_text()
