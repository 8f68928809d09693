import json
from dataclasses import replace

import pytest
from nbformat.v4 import new_code_cell, new_output
from stubs import notebook

from bankmkt.reports import page
from bankmkt.reports.report import Report, load
from bankmkt.reports.site import entries, write_index

EVIL = "<img src=x onerror=alert(1)>&\"'"


@pytest.fixture
def report(tmp_path):
    return Report(
        name="50_stub", notebook="50_stub", title=EVIL, question=EVIL, label="", status="done",
        parameters={"bank": EVIL, "engine": "duckdb", "text": EVIL}, fingerprint="f",
        figures={"tail_share": 0.8, "text": EVIL}, bank={"path": EVIL, "seed": 7, "rows": {"customers": 20_000}},
        versions={"bankmkt": "0.1.0"}, seconds=12.34, finished="2026-07-01 09:00", out=tmp_path,
    )  # fmt: skip


def publish(report):
    report.file(".json").parent.mkdir(exist_ok=True)
    report.file(".html").write_text("<p>report</p>")
    report.save()


def test_a_record_is_read_back_and_other_files_are_passed_over(report, tmp_path):
    publish(report)
    (tmp_path / "other.json").write_text(json.dumps({"a": 1}))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "list.json").write_text("[1]")
    assert load(tmp_path / "50_stub.json", tmp_path) == report
    assert [entry.report for entry in entries(tmp_path)] == [report]


def test_index_shows_what_a_reader_needs_to_trust_a_report(report, tmp_path):
    publish(replace(report, title="The tail", question="How long?"))
    text = write_index(tmp_path).read_text()
    for shown in ('href="50_stub.html"', "The tail", "How long?", "Tail share", "80.0%", "engine = duckdb", "seed 7",
                  "20,000 customers", "bankmkt 0.1.0", "12.3 s", "2026-07-01 09:00", ">done<"):  # fmt: skip
        assert shown in text
    assert page.SECURITY.replace("'", "&#39;") in text


def test_index_escapes_every_value(report, tmp_path):
    publish(report)
    publish(replace(report, name="60_x", status="failed", error=EVIL))
    publish(replace(report, name="50_stub/org_id=2", label=EVIL))
    text = write_index(tmp_path).read_text()
    assert "<img" not in text
    assert "&lt;img" in text


def test_failed_reports_show_why_and_link_to_the_last_good_one(report, tmp_path):
    publish(report)
    publish(replace(report, status="failed", error="cell [3]: ValueError: no"))
    text = write_index(tmp_path).read_text()
    assert "0 reports, <strong" in " ".join(text.split())
    assert "cell [3]: ValueError: no" in text
    assert 'href="50_stub.failed.html"' in text
    assert 'href="50_stub.html"' in text


def test_branches_come_in_order_with_a_link_each(report, tmp_path):
    for unit in (10, 9, 2):
        publish(replace(report, name=f"50_stub/org_id={unit}", label=f"Branch {unit}"))
    publish(replace(report, name="50_stub/org_id=11", label="Branch 11", status="failed", error="why"))
    text = write_index(tmp_path).read_text()
    places = [text.index(f">Branch {unit}<") for unit in (2, 9, 10, 11)]
    assert places == sorted(places)
    assert 'href="50_stub/org_id%3D9.html"' in text
    assert "4 branches" in text


def test_an_empty_folder_has_an_index_that_says_so(tmp_path):
    assert "No report yet" in write_index(tmp_path).read_text()


def test_page_has_everything_in_itself_and_escapes_it(report):
    image = new_output(
        "display_data", data={"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"},
        metadata={"image/png": {"alt": EVIL, "width": 300}},
    )  # fmt: skip
    script = new_output("display_data", data={"application/javascript": "alert(1)", "text/plain": "<b>plain</b>"})
    nb = notebook("x = '<b>code</b>'", "y")
    nb.cells[2].outputs = [image, script, new_output("stream", name="stdout", text="<b>printed</b>")]
    text = page.render(nb, report)
    assert "<script" not in text
    assert "<b>" not in text
    assert "<img src=x" not in text
    assert 'alt="&lt;img src=x onerror=alert(1)&gt;' in text
    assert 'src="data:image/png;base64,iVBORw0KGgo="' in text
    assert "http://" not in text
    assert "https://" not in text
    assert f'content="{page.SECURITY}"' in text
    assert 'href="index.html"' in text


def test_page_of_a_branch_leads_back_and_says_which(report):
    text = page.render(notebook(), replace(report, name="50_stub/org_id=2", label="South"))
    assert 'href="../index.html"' in text
    assert "South" in text


def test_page_of_a_failed_report_says_why(report):
    text = page.render(notebook(), replace(report, status="failed", error="ValueError: no"))
    assert "This report failed." in text
    assert "ValueError: no" in text


def test_a_figure_without_alternative_text_gets_its_plain_text(report):
    nb = notebook()
    nb.cells.append(
        new_code_cell("f", outputs=[new_output("display_data", data={"image/png": "iV", "text/plain": "AUM"})])
    )
    assert 'alt="AUM"' in page.render(nb, report)
