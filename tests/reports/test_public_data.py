"""Reports run on public sources, which know no truth and lack tables."""

import pytest

from bankmkt.reports import run_report


@pytest.mark.parametrize(
    ("name", "source", "there", "absent"),
    [
        ("12_value_and_life_cycle", "berka", ["groups_of_the_long_tail", "customers_who_spent"], []),
        ("12_value_and_life_cycle", "cdnow", ["customers_who_spent"], ["margin_of_the_coming_year", "customers"]),
        ("13_predictive_tags", "berka", ["models"], []),
    ],
)
@pytest.mark.slow
def test_reports_of_public_data(name, source, there, absent, real_data, tmp_path, monkeypatch):
    monkeypatch.setenv("BANKMKT_REAL_DATA", str(real_data))
    report = run_report(name, bank=source, out=tmp_path)
    assert report.ok, report.error
    assert all(report.figures.get(name) is not None for name in there)
    assert all(report.figures.get(name) is None for name in absent)
    assert "<img" in report.html.read_text()
