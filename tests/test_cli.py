"""The command line, with what it calls replaced where that has tests of its own."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import tiny
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import bankmkt
from bankmkt import cli
from bankmkt.bank import open_bank

REQUIRED = ("organisations", "customers", "balances", "transactions")


@pytest.fixture
def run():
    """Run the command line; returns exit code, stdout, stderr."""

    def call(*arguments):
        result = CliRunner().invoke(cli.main, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    return call


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """Path of a bank that is its organisations, with faults: it has no customers."""
    head = {"org_id": 1, "parent_id": None, "level": "head_office", "name": "Head office"}
    frame = pd.DataFrame([head, {"org_id": 2, "parent_id": 1, "level": "branch", "name": "South"}])
    saved = open_bank({"organisations": frame.astype({"parent_id": "Int64"})})
    return saved.save(tmp_path_factory.mktemp("cli") / "bank").path


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Name a report in ./notebooks that fails when asked to."""
    nb = new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    parameters = (
        'bank: str = "demo"\nengine: str = "duckdb"\norg_id: int | None = None  # branch\nk: int = 10  # cell [3..]'
    )
    nb.cells = [
        new_markdown_cell("# T\n\nIs it?"),
        new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        new_code_cell("assert k != 99"),
        new_code_cell(
            "from bankmkt.reports import record\n\nrecord(k=k, org=org_id)",
            metadata={"tags": ["results", "nbval-check-output"]},
        ),
    ]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(nb, tmp_path / "notebooks" / "50_stub.ipynb")
    monkeypatch.chdir(tmp_path)
    return "50_stub"


def test_the_command_is_installed_and_says_its_version():
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="bankmkt")
    assert script.load() is cli.main
    result = CliRunner().invoke(cli.main, ["--version"])
    assert bankmkt.__version__ in result.output


def test_every_command_has_help(run):
    code, out, _ = run("--help")
    assert code == 0
    for command in ("generate", "validate", "report", "tags", "notebooks", "lab"):
        assert command in out
        assert run(command, "--help")[0] == 0


def test_the_command_line_starts_fast_and_loads_nothing_heavy():
    script = "import sys, bankmkt.cli; print({'ibis', 'pandas', 'papermill', 'matplotlib'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_generate_passes_its_options_on_and_says_what_it_made(run, monkeypatch, tmp_path, bank):
    given = {}

    def generate(path, **options):
        given.update(options, path=path)
        return open_bank(bank)

    monkeypatch.setattr(bankmkt, "generate", generate, raising=False)
    code, out, _ = run("generate", tmp_path / "b", "--customers", 100, "--months", 3, "--seed", 1, "--workers", 2)
    assert code == 0
    assert given == {
        "path": tmp_path / "b", "customers": 100, "months": 3, "seed": 1, "start": "2024-07", "workers": 2,
    }  # fmt: skip
    assert "2 organisations" in out


def test_validate_lists_faults_and_ends_with_1(run, bank):
    code, out, _ = run("validate", bank)
    assert code == 1
    assert "optional: staff, events, visits, campaigns," in out
    assert "customers: missing table" in out
    assert out.splitlines()[-1].endswith("kinds of fault")


def test_validate_is_content_with_a_good_bank_and_says_what_it_is_good_for(run, bank, notebook, monkeypatch):
    frame = pd.DataFrame()
    frame.attrs.update(absent_optional=[], unchecked=[])
    monkeypatch.setattr(bankmkt, "validate", lambda bank: frame, raising=False)
    assert run("validate", bank) == (0, "Reports it has the tables for: 50_stub.\nNo faults.\n", "")

    path = Path("notebooks") / f"{notebook}.ipynb"
    path.write_text(path.read_text().replace("Is it?", "Is it?\\n\\nNeeds: organisations, campaigns."))
    _, out, _ = run("validate", bank)
    assert out == "Reports it has the tables for: none; 50_stub needs campaigns.\nNo faults.\n"

    path.write_text(path.read_text().replace("Needs: organisations", "Needs: water"))
    assert run("validate", bank) == (0, "No faults.\n", "")


def test_validate_names_what_is_absent_and_what_it_could_not_check(run, tmp_path):
    open_bank({**{name: tiny.frames()[name] for name in REQUIRED}, "points": tiny.frames()["points"]}).save(
        tmp_path / "b"
    )
    code, out, _ = run("validate", tmp_path / "b")
    assert code == 0
    absent, unchecked, _, last = out.splitlines()
    assert absent.startswith("Not there, and optional: staff, events, visits, campaigns,")
    assert "points" not in absent
    assert unchecked == "Not checked: customers.manager_id: no staff.staff_id."
    assert last == "No faults."

    customers = {name: tiny.frames()[name] for name in REQUIRED if name != "organisations"}
    open_bank(customers).save(tmp_path / "c")
    code, out, _ = run("validate", tmp_path / "c")
    assert code == 1
    assert "\nNot checked: customers.org_id: no organisations.org_id; customers.manager_id: no staff.staff_id.\n" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["validate", "nowhere"], "nowhere"),
        (["report", "--bank", "nowhere", "50_stub"], "nowhere"),
        (["report", "51_none"], "one of 50_stub"),
        (["report", "-p", "month"], "expected name=value"),
        (["report", "-p", "=1"], "expected name=value"),
        (["report", "--params", "nowhere.yml"], "nowhere.yml"),
        (["report", "-p", "kk=1"], "'kk' is unknown; choose from these:\n50_stub takes\n  bank: str"),
        (["report", "-p", "k=2"], "k = '2': expected a value in [3..]"),
        (["report", "-p", "k=ten"], "k = 'ten': expected a whole number; the default is 10"),
        (["report", "--engine", "oracle", "--bank", "BANK"], "engine = 'oracle'"),
        (["report", "--bank", "BANK", "-p", "org_id=9"], "a unit of this bank; its branches are 2 (South)"),
        (["report", "--bank", "BANK", "--by", "k"], "by = 'k'"),
        (["report", "--bank", "BANK", "--level", "sub_branch"], "level = 'sub_branch': expected one of branch, sub_br"),
        (["report", "--bank", "BANK", "--by", "org_id", "--level", "sub_branch"], "units of level sub_branch"),
    ],
)
def test_wrong_input_is_one_message_exit_code_2_and_nothing_run(run, notebook, bank, arguments, said, tmp_path):
    code, out, err = run(*[bank if argument == "BANK" else argument for argument in arguments])
    assert code == 2
    assert out == ""
    assert err.startswith("bankmkt: ")
    assert said in err
    assert "Traceback" not in err
    assert not (tmp_path / "reports").exists()


def test_report_ends_with_a_summary_and_the_path_of_the_index(run, notebook, bank, tmp_path):
    (tmp_path / "p.yml").write_text("k: 20\norg_id: 2\n")
    code, out, _ = run("report", "--bank", bank, "--params", "p.yml", "-p", "k=30")
    lines = out.splitlines()
    assert code == 0
    assert Path(lines[-1]) == tmp_path / "reports" / "index.html"
    assert lines[-2] == "1 of 1 reports done"
    assert lines[0].split()[:2] == ["50_stub", "done"]
    assert '"k": 30' in (tmp_path / "reports" / "50_stub.json").read_text()
    assert '"org": 2' in (tmp_path / "reports" / "50_stub.json").read_text()


def test_report_ends_with_1_when_one_failed(run, notebook, bank, tmp_path):
    code, out, _ = run("report", notebook, "--bank", bank, "-p", "k=99", "--out", "elsewhere")
    assert code == 1
    assert "0 of 1 reports done" in out
    assert "AssertionError" in out
    assert (tmp_path / "elsewhere" / "50_stub.failed.ipynb").is_file()


def test_notebooks_are_refreshed_then_found_fresh_then_stale(run, notebook, bank, tmp_path):
    path = tmp_path / "notebooks" / "50_stub.ipynb"
    code, _, err = run("notebooks", "--check")
    assert code == 1
    assert "run make notebooks" in err

    assert run("notebooks")[0] == 0
    assert run("notebooks", "--check") == (0, "", "")
    first = path.read_bytes()
    assert run("notebooks")[0] == 0
    assert path.read_bytes() == first, "the same notebook gives the same bytes"
    assert str(tmp_path) not in first.decode()

    path.write_text(path.read_text().replace("assert k != 99", "assert k != 98"))
    code, _, err = run("notebooks", "--check")
    assert code == 1
    assert "changed since its outputs were stored" in err


def test_a_notebook_that_fails_stays_as_it_was(run, notebook, tmp_path):
    path = tmp_path / "notebooks" / "50_stub.ipynb"
    path.write_text(path.read_text().replace("assert k != 99", "assert k == 99"))
    before = path.read_bytes()
    code, _, err = run("notebooks")
    assert code == 2
    assert "AssertionError" in err
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_lab_is_bound_to_this_machine_and_keeps_its_token(run, notebook, monkeypatch):
    called = []
    monkeypatch.setattr(os, "execv", lambda program, arguments: called.append(arguments))
    assert run("lab", "--no-browser")[0] == 0
    (command,) = called
    assert command[:4] == [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1"]
    assert "--no-browser" in command
    assert not [argument for argument in command if "token" in argument or "password" in argument]
    assert command[-1].endswith("notebooks/index.ipynb")


@pytest.fixture(scope="module")
def whole_bank(tmp_path_factory):
    """Path of the small bank with all its tables."""
    return open_bank(tiny.frames()).save(tmp_path_factory.mktemp("tags") / "bank").path


OWN = """
from ibis import _
from bankmkt.tags import Tag
wealthy = Tag("wealthy", "Wealthy", "富裕", "mine", _.aum >= 1e6, "AUM of 1,000,000 yuan or more")
"""


def test_tags_are_written_with_one_s_own(run, whole_bank, tmp_path):
    (tmp_path / "my_tags.py").write_text(OWN, encoding="utf-8")
    out = tmp_path / "tags.parquet"
    arguments = ["tags", whole_bank, "--as-of", "2025-06-30", "--out", out, "--own", tmp_path / "my_tags.py"]
    code, said, _ = run(*arguments, "--tags", "payroll, wealthy")
    assert code == 0
    assert said.startswith(f"{out}: 2 tags of 4")
    assert pd.read_parquet(out).columns.tolist() == ["customer_id", "payroll", "wealthy"]


@pytest.mark.parametrize(
    ("change", "arguments", "said"),
    [
        (("_.aum >=", "_.aums >="), [], "tag wealthy: rule = 'aums': expected a feature"),
        (("wealthy =", "wealthy ="), ["--tags", "payrol"], "tags = 'payrol'"),
        (("wealthy =", "wealthy ="), ["--as-of", "30.6."], "as_of = '30.6.'"),
        (("wealthy =", "wealthy ="), ["--out", "tags.txt"], "ending with .parquet or .csv"),
    ],
)
def test_tags_that_cannot_be_are_one_message_and_nothing_written(run, whole_bank, tmp_path, change, arguments, said):
    (tmp_path / "my_tags.py").write_text(OWN.replace(*change), encoding="utf-8")
    given = ["--as-of", "2025-06-30", "--out", tmp_path / "t.parquet", "--own", tmp_path / "my_tags.py", *arguments]
    code, out, err = run("tags", whole_bank, *given)
    assert (code, out) == (2, "")
    assert said in err
    assert [path.name for path in tmp_path.iterdir()] == ["my_tags.py"]
