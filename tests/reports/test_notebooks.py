import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

from bankmkt.errors import DataError, ParameterError
from bankmkt.reports import contents, notebooks
from bankmkt.reports.notebooks import faults, find, fingerprint, heading, needs, unfinished


def markdown(source):
    return {"cells": [{"cell_type": "markdown", "source": source}]}


@pytest.mark.parametrize(
    ("source", "title", "question"),
    [
        ("# Tail\n\nA *manager* asks. How **long** is it? It is long.", "Tail", "How long is it?"),
        ("# How long?\n\nA manager.\nMore.", "How long?", "A manager."),
        ("# T\n\n> See [the plan](x.md)\n> of `June`?", "T", "See the plan of June?"),
        ("# T", "T", ""),
    ],
)
def test_title_and_question(source, title, question):
    assert heading(markdown(source)) == (title, question)


def test_the_tables_a_notebook_needs():
    assert needs(markdown("# T\n\nWho? Needs them all.")) == ()
    assert needs(markdown("# T\n\n*Needs:* `customers`, balances and campaigns.\n\nMore.")) == (
        "customers", "balances", "campaigns",
    )  # fmt: skip
    with pytest.raises(DataError, match="customer': expected one of organisations"):
        needs(markdown("Needs: customer."))


def ran(source="1", count=1, outputs=()):
    cell = new_code_cell(source, execution_count=count, outputs=list(outputs))
    return {"cells": [cell], "metadata": {}}


def test_a_notebook_that_ran_is_finished():
    assert unfinished(ran()) == ""
    assert unfinished(ran(source=" ", count=None)) == ""


def test_a_cell_that_did_not_run_or_failed_is_found():
    assert unfinished(ran(count=None)) == "cell 1 did not run"
    error = new_output("error", ename="ValueError", evalue="no", traceback=[])
    assert unfinished(ran(outputs=[error])) == "cell 1: ValueError: no"


def test_fingerprint_follows_the_source_alone(stub):
    notebook = notebooks.read(notebooks.find(stub("1 + 1")))
    before = fingerprint(notebook)
    notebook.cells[2].execution_count = 5
    notebook.metadata["x"] = 1
    assert fingerprint(notebook) == before
    notebook.cells[2].source = "1 + 2"
    assert fingerprint(notebook) != before


@pytest.fixture
def good(stub):
    """Return a notebook that keeps all rules, as if it had been run and stored."""
    notebook = nbformat.read(stub("1 + 1"), as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = 1
    notebook.cells[-1].outputs = [new_output("display_data", data={"text/plain": '{"answer": 42}'})]
    return notebook


def test_a_good_notebook_has_no_faults(good):
    assert list(faults(good)) == []


def spoil(what):
    def change(notebook):
        cell = notebook.cells[2]
        image = {"image/png": "iVBO", "text/plain": "<Figure>"}
        match what:
            case "kernel":
                notebook.metadata.kernelspec.name = "mine"
            case "no parameters":
                notebook.cells[1].metadata.tags = []
            case "two parameters":
                cell.metadata.tags = ["parameters"]
            case "no results":
                notebook.cells[-1].metadata.tags = []
            case "no nbval tag":
                notebook.cells[-1].metadata.tags = ["results"]
            case "no outputs":
                notebook.cells[-1].outputs = []
            case "not run":
                cell.execution_count = None
            case "no alt":
                cell.outputs = [new_output("display_data", data=image)]
            case "stderr":
                cell.outputs = [new_output("stream", name="stderr", text="Warning: x\n")]
            case "path in code":
                cell.source = 'open("/home/ann/bank.csv")'
            case "path in output":
                cell.outputs = [new_output("stream", name="stdout", text="read /root/bank")]
            case _:
                cell.source = what

    return change


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("kernel", "kernel 'mine'"),
        ("no parameters", "0 cells tagged parameters"),
        ("two parameters", "2 cells tagged parameters"),
        ("no results", "0 cells tagged results"),
        ("no nbval tag", "nbval-check-output"),
        ("no outputs", "no stored output"),
        ("not run", "cell 3 did not run"),
        ("no alt", "without alternative text"),
        ("stderr", "stderr: Warning: x"),
        ("path in code", "absolute path"),
        ("path in output", "absolute path"),
        ("def f():\n    return 1", "a def"),
        ("class A:\n    x = 1", "a class"),
        ("for i in range(3):\n    print(i)", "a for"),
        ("f = lambda x: x", "a lambda"),
    ],
)
def test_every_rule_is_held(good, what, said):
    spoil(what)(good)
    assert any(said in fault for fault in faults(good)), list(faults(good))


def test_unknown_reports_are_named_with_the_known_ones(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("20_b", "10_a", "index"):
        nbformat.write(nbformat.v4.new_notebook(), tmp_path / "notebooks" / f"{name}.ipynb")
    assert notebooks.reports() == ["10_a", "20_b"]
    assert find("10_a") == tmp_path / "notebooks" / "10_a.ipynb"
    for name in ("30_c", "../secret", "no.ipynb"):
        with pytest.raises(ParameterError, match=r"10_a, 20_b|path of a notebook"):
            find(name)


def test_contents_lists_the_reports(tmp_path, monkeypatch, good):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    good.metadata["bankmkt"] = {"seconds": 15}
    nbformat.write(good, tmp_path / "notebooks" / "10_a.ipynb")
    assert contents().to_dict("records") == [
        {"notebook": "10_a", "title": "The answer", "question": "What is the answer?", "seconds": 15}
    ]


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    (tmp_path / "x.ipynb").write_text("no json")
    with pytest.raises(DataError, match=r"x\.ipynb"):
        notebooks.read(tmp_path / "x.ipynb")
