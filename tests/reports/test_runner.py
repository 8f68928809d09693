"""Runs with real kernels; each takes about a second."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import nbformat
import papermill
import pytest
from stubs import notebook

from bankmkt.errors import DataError, EngineError, ParameterError
from bankmkt.reports import execute, run_report, run_reports
from bankmkt.reports import runner as module


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


WHOLE = ["50_stub.html", "50_stub.ipynb", "50_stub.json", "index.html"]


@pytest.fixture(scope="module")
def made(bank, tmp_path_factory):
    """Return one good report, for looking at."""
    folder = tmp_path_factory.mktemp("made")
    nbformat.write(notebook("print('<b>ran</b>', org_id)"), folder / "50_stub.ipynb")
    report = run_report(str(folder / "50_stub.ipynb"), {"org_id": 3}, bank=bank, out=folder / "out")
    return report, folder / "out"


def test_a_good_run_leaves_a_page_a_notebook_and_a_record(made, bank):
    report, out = made
    assert report.ok
    assert report.figures == {"answer": 42}
    assert files(out) == WHOLE
    assert report.html == out / "50_stub.html"
    record = json.loads((out / "50_stub.json").read_text())
    assert record["parameters"] == {"bank": bank, "engine": "duckdb", "org_id": 3}
    assert record["versions"]["bankmkt"]
    assert 0 < record["seconds"] < 60


def test_the_executed_notebook_ran_with_the_parameters_and_keeps_no_traces(made):
    nb = nbformat.read(made[1] / "50_stub.ipynb", as_version=4)
    nbformat.validate(nb)
    assert nb.cells[3].outputs[0].text == "<b>ran</b> 3\n"
    assert "papermill" not in nb.metadata
    assert not any("papermill" in cell.metadata or "execution" in cell.metadata for cell in nb.cells)


def test_a_failed_run_is_kept_aside_and_a_later_good_one_takes_its_place(stub, bank, tmp_path):
    out = tmp_path / "out"
    path = stub("assert org_id != 2, 'not\\nthis one'")
    good = run_report(path, bank=bank, out=out)
    before = (out / "50_stub.html").read_bytes(), (out / "50_stub.ipynb").read_bytes()

    failed = run_report(path, {"org_id": 2}, bank=bank, out=out)
    assert good.ok
    assert not failed.ok
    assert failed.error == "cell [3]: AssertionError: not this one"
    assert files(out) == sorted([*WHOLE, "50_stub.failed.html", "50_stub.failed.ipynb", "50_stub.failed.json"])
    assert ((out / "50_stub.html").read_bytes(), (out / "50_stub.ipynb").read_bytes()) == before
    index = (out / "index.html").read_text()
    assert "AssertionError: not this one" in index
    assert "Last good report" in index

    assert run_report(path, bank=bank, out=out).ok
    assert files(out) == WHOLE


def test_a_kernel_that_dies_is_a_failure(stub, bank, tmp_path):
    report = run_report(stub("import os\n\nos._exit(1)"), bank=bank, out=tmp_path / "out")
    assert not report.ok
    assert "kernel died" in report.error


def test_a_run_without_end_is_stopped(stub, bank, tmp_path):
    start = time.monotonic()
    report = run_report(stub("import time\n\ntime.sleep(600)"), bank=bank, out=tmp_path / "out", timeout=5)
    assert not report.ok
    assert "not finished after 5 seconds" in report.error
    assert time.monotonic() - start < 60


def test_the_time_out_is_for_the_whole_notebook(stub, bank, tmp_path):
    cells = ["import time\n\ntime.sleep(2)"] * 4
    report = run_report(stub(*cells), bank=bank, out=tmp_path / "out", timeout=4)
    assert "not finished after 4 seconds" in report.error


def test_a_results_cell_without_figures_is_a_failure(stub, bank, tmp_path):
    report = run_report(stub("1", results="print(1)"), bank=bank, out=tmp_path / "out")
    assert not report.ok
    assert "reports.record" in report.error


class Flaky:
    """papermill whose kernel does not start the first times."""

    def __init__(self, failures):
        self.failures, self.calls, self.original = failures, 0, papermill.execute_notebook

    def __call__(self, *arguments, **options):
        self.calls += 1
        if self.calls <= self.failures:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return self.original(*arguments, **options)


@pytest.mark.parametrize(("failures", "ok"), [(1, True), (2, False)])
def test_a_kernel_that_does_not_start_is_tried_once_more(stub, bank, tmp_path, monkeypatch, failures, ok):
    flaky = Flaky(failures)
    monkeypatch.setattr(papermill, "execute_notebook", flaky)
    report = run_report(stub("1"), bank=bank, out=tmp_path / "out")
    assert report.ok is ok
    assert flaky.calls == 2
    assert ok or "did not start" in report.error


def test_a_failing_cell_is_not_tried_again(stub, bank, tmp_path):
    mark = tmp_path / "marks"
    report = run_report(
        stub(f"with open({str(mark)!r}, 'a') as f:\n    f.write('x')\n1 / 0"), bank=bank, out=tmp_path / "o"
    )
    assert not report.ok
    assert mark.read_text() == "x"


def test_a_notebook_that_papermill_calls_done_but_did_not_run_is_a_failure(stub, bank, tmp_path, monkeypatch):
    def green_looking(path, output, *_, **__):
        nbformat.write(nbformat.read(path, as_version=4), output)

    monkeypatch.setattr(papermill, "execute_notebook", green_looking)
    report = run_report(stub("1"), bank=bank, out=tmp_path / "out")
    assert report.error == "cell 2 did not run"


def test_braces_in_a_path_are_no_fields(stub, bank, tmp_path):
    (tmp_path / "{x}").mkdir()
    path = tmp_path / "{x}" / "50_stub.ipynb"
    Path(stub("1")).rename(path)
    assert run_report(str(path), bank=bank, out=tmp_path / "{out}").ok


def test_wrong_input_runs_nothing(stub, bank, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "execute", lambda *_: pytest.fail("ran"))
    out = tmp_path / "out"
    for given in ({"nope": 1}, {"org_id": "x"}, {"org_id": 0}):
        with pytest.raises(ParameterError):
            run_reports([stub("1")], given, bank=bank, out=out)
    jobs = [{"jobs": jobs} for jobs in (0, "2", True, 1.5)]
    timeouts = [{"timeout": seconds} for seconds in (0, "9", float("nan"), float("inf"), None)]
    for options in (*jobs, *timeouts, {"by": "month"}, {"level": "sub_branch"}):
        with pytest.raises(ParameterError):
            run_reports([stub("1")], bank=bank, out=out, **options)
    assert not out.exists()


def test_a_folder_that_cannot_be_written_is_named(stub, bank, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file/out"):
        run_report(stub("1"), bank=bank, out=tmp_path / "file" / "out")


def test_a_pdf_without_chromium_is_refused_at_once(stub, bank, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="Chromium"):
        run_report(stub("1"), bank=bank, out=tmp_path / "out", pdf=True)


@pytest.mark.browser
def test_a_pdf_is_written_and_an_old_one_goes(stub, bank, tmp_path, chromium):
    path = stub("1")
    report = run_report(path, bank=bank, out=tmp_path / "out", pdf=True)
    assert report.ok, report.error
    assert report.file(".pdf").read_bytes().startswith(b"%PDF")
    assert "50_stub.pdf" in (tmp_path / "out" / "index.html").read_text()
    run_report(path, bank=bank, out=tmp_path / "out")
    assert files(tmp_path / "out") == WHOLE


def test_a_page_that_cannot_be_made_is_a_failure_of_that_report_alone(stub, bank, tmp_path, monkeypatch):
    original = module.page.render

    def render(notebook, report):
        if report.parameters["org_id"] == 3:
            raise ZeroDivisionError("page")
        return original(notebook, report)

    monkeypatch.setattr(module.page, "render", render)
    reports = run_reports([stub("1")], by="org_id", bank=bank, out=tmp_path / "out")
    assert [report.ok for report in reports] == [True, False, True]
    assert reports[1].error == "ZeroDivisionError: page"


@pytest.mark.slow
def test_many_branches_one_failure_and_what_is_run_again(stub, large_bank, tmp_path, monkeypatch):
    out = tmp_path / "out"
    path = stub(
        "assert org_id != 20", results="from bankmkt.reports import record\n\nrecord(org_id=org_id)",
    )  # fmt: skip
    first = run_reports([path], by="org_id", bank=large_bank, out=out, jobs=2)
    assert [report.parameters["org_id"] for report in first] == list(range(2, 32))
    assert [report.parameters["org_id"] for report in first if not report.ok] == [20]
    assert all(report.figures == {"org_id": report.parameters["org_id"]} for report in first if report.ok)
    assert not list(out.rglob("*.partial*"))

    ran = []
    original = module.execute

    def counting(path, partial, parameters, *rest):
        ran.append(parameters["org_id"])
        return original(path, partial, parameters, *rest)

    monkeypatch.setattr(module, "execute", counting)
    (out / "50_stub" / "org_id=7.html").unlink()  # as if the batch had been interrupted
    second = run_reports([path], by="org_id", bank=large_bank, out=out, jobs=2)
    assert sorted(ran) == [7, 20]
    assert sum(report.kept for report in second) == 28
    assert (out / "50_stub" / "org_id=7.html").is_file()


@pytest.mark.slow
def test_a_killed_batch_goes_on_where_it_was(stub, bank, tmp_path):
    out = tmp_path / "out"
    path = stub("import time\n\ntime.sleep(600 if org_id == 4 else 0)")
    script = f"""
        from bankmkt.reports import plan, run_reports
        plan._code = lambda: "this version"
        run_reports([{path!r}], by="org_id", bank={bank!r}, out={str(out)!r}, jobs=1)
    """
    batch = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], start_new_session=True)
    end = time.monotonic() + 120
    while not (out / "50_stub" / "org_id=3.json").is_file() and time.monotonic() < end:
        time.sleep(0.1)
    os.killpg(batch.pid, signal.SIGKILL)
    batch.wait()
    reports = run_reports([path], by="org_id", bank=bank, out=out, timeout=5)
    assert [report.kept for report in reports] == [True, True, False]
    assert "not finished" in reports[2].error
    assert not list(out.rglob("*.partial*"))


@pytest.mark.slow
def test_ctrl_c_finishes_what_is_under_way_and_says_how_to_go_on(stub, bank, tmp_path):
    out = tmp_path / "out"
    path = stub("import time\n\ntime.sleep(3 if org_id == 3 else 0)")
    arguments = ["report", path, "--by", "org_id", "--bank", bank, "--out", str(out), "--jobs", "1"]
    script = f"""
        import signal
        from bankmkt.cli import main
        from bankmkt.reports import plan
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent in the background ignores it
        plan._code = lambda: "this version"
        main({arguments!r})
    """
    batch = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while not (out / "50_stub" / "org_id=2.json").is_file() and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(1)  # the second is under way
    batch.send_signal(signal.SIGINT)
    said = batch.communicate(timeout=60)[1]
    assert batch.returncode == 130
    assert "bankmkt: stopped after 2 of 3 reports; the same command goes on from there" in said
    assert "Traceback" not in said
    assert "50_stub/org_id%3D3.html" in (out / "index.html").read_text()
    assert not list(out.rglob("*.partial*"))
    reports = run_reports([path], by="org_id", bank=bank, out=out)
    assert [report.kept for report in reports] == [True, True, False]


def test_a_report_whose_tables_the_bank_lacks_is_skipped_unless_it_is_named(stub, bank, tmp_path, monkeypatch):
    needy = notebook("1")
    needy.cells[0].source += "\n\n*Needs:* `organisations` and `campaigns`, `points`."
    (tmp_path / "notebooks").mkdir()
    nbformat.write(needy, tmp_path / "notebooks" / "50_stub.ipynb")
    nbformat.write(notebook("1"), tmp_path / "notebooks" / "51_more.ipynb")
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    skipped, done = run_reports(bank=bank, out=out)
    assert (skipped.status, skipped.error, done.status) == ("skipped", "the bank has no campaigns, points", "done")
    assert not skipped.ok
    assert files(out) == ["51_more.html", "51_more.ipynb", "51_more.json", "index.html"]
    with pytest.raises(DataError, match=r"50_stub needs campaigns, points, which .* has not"):
        run_reports(["50_stub"], bank=bank, out=out)


def test_traces_that_papermill_leaves_are_removed():
    nb = nbformat.v4.new_notebook(
        metadata={"papermill": {"x": 1}, "language_info": {"name": "python", "version": "3.11"}}
    )
    cell = nbformat.v4.new_code_cell("1", metadata={"papermill": {}, "execution": {}, "tags": []})
    marker = nbformat.v4.new_markdown_cell("failed", metadata={"tags": ["papermill-error-cell-tag"]})
    nb.cells = [marker, cell]
    cleaned = execute.without_traces(nb)
    assert cleaned.metadata == {"language_info": {"name": "python"}}
    assert [c.metadata for c in cleaned.cells] == [{}]
