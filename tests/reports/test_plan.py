import shutil

import pytest
from stubs import PARAMETERS, organisations

from bankmkt.bank import open_bank
from bankmkt.errors import DataError, ParameterError
from bankmkt.reports import plan as module
from bankmkt.reports.plan import _code, plan


def test_one_run_with_every_parameter(stub, bank):
    (run,) = plan([stub("1")], {"org_id": "2"}, bank, "duckdb", None)
    assert run.parameters == {"bank": bank, "engine": "duckdb", "org_id": 2}
    assert (run.name, run.title, run.question) == ("50_stub", "The answer", "What is the answer?")
    assert run.bank["rows"] == {"organisations": 4}


def test_a_run_per_branch_with_its_name(stub, bank):
    runs = plan([stub("1")], {}, bank, "duckdb", "org_id")
    assert [run.name for run in runs] == [f"50_stub/org_id={i}" for i in (2, 3, 4)]
    assert [run.parameters["org_id"] for run in runs] == [2, 3, 4]
    assert runs[0].label == "Branch <2> & Co"


def test_a_run_per_sub_branch_when_asked_for(stub, tiny_bank, tmp_path):
    where = tiny_bank.save(tmp_path / "b").path
    by_default = plan([stub("1")], {}, where, "duckdb", "org_id")
    assert [run.name for run in by_default] == ["50_stub/org_id=2", "50_stub/org_id=3"]
    runs = plan([stub("1")], {}, where, "duckdb", "org_id", "sub_branch")
    assert [run.name for run in runs] == [f"50_stub/org_id={i}" for i in (4, 5, 6, 7)]
    assert [run.label for run in runs] == ["East 1", "East 2", "West 1", "West 2"]
    assert plan([stub("1")], {}, where, "duckdb", "org_id", "branch") == by_default
    for by, level in (("org_id", "head_office"), (None, "branch")):
        with pytest.raises(ParameterError, match=f"level = '{level}': expected one of branch, sub_branch"):
            plan([stub("1")], {}, where, "duckdb", by, level)


def test_a_level_that_the_bank_lacks_is_refused(stub, bank):
    with pytest.raises(ParameterError, match="a bank with units of level sub_branch"):
        plan([stub("1")], {}, bank, "duckdb", "org_id", "sub_branch")


def test_code_and_templates_are_part_of_the_fingerprint(tmp_path, monkeypatch):
    (tmp_path / "reports" / "templates" / "report").mkdir(parents=True)
    files = [
        tmp_path / "bank.py",
        *(tmp_path / "reports" / "templates" / name for name in ("style.css", "report/x.j2")),
    ]
    for file in files:
        file.write_text("1")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "reports" / "plan.py"))
    seen = [_code()]
    for file in files:
        file.write_text("2")
        seen.append(_code())
    assert len(set(seen)) == 4


def test_a_relative_path_becomes_absolute(stub, bank, monkeypatch):
    monkeypatch.chdir(bank)
    (run,) = plan([stub("1")], {}, ".", "duckdb", None)
    assert run.parameters["bank"] == bank


def test_a_parameter_goes_where_it_is_known(stub, bank):
    more = 'bank: str = "demo"\nengine: str = "duckdb"\nk: int = 10  # cell [3..]'
    paths = [stub("1"), stub("1", name="51_more", parameters=more)]
    first, second = plan(paths, {"k": 5}, bank, "duckdb", None)
    assert "k" not in first.parameters
    assert second.parameters["k"] == 5
    with pytest.raises(
        ParameterError, match=r"'kk' is unknown; choose from these:\n50_stub takes\n(.*\n)+51_more takes"
    ):
        plan(paths, {"kk": 5}, bank, "duckdb", None)


def test_units_may_be_named_by_text_and_never_leave_the_folder(stub, tmp_path):
    units = organisations(2)
    names = {1: "HQ", 2: "B/../01", 3: "007"}
    units = units.assign(org_id=units.org_id.map(names), parent_id=units.parent_id.map(names))
    where = str(open_bank({"organisations": units}).save(tmp_path / "b").path)
    path = stub("1", parameters=PARAMETERS.replace("int | None", "int | str | None").replace(" [1..]", ""))
    runs = plan([path], {}, where, "duckdb", "org_id")
    assert [run.parameters["org_id"] for run in runs] == ["007", "B/../01"]
    assert [run.name for run in runs] == ["50_stub/org_id=007", "50_stub/org_id=B%2F..%2F01"]
    (run,) = plan([path], {"org_id": "007"}, where, "duckdb", None)
    assert run.parameters["org_id"] == "007"
    with pytest.raises(ParameterError, match="org_id = 7: expected a unit of this bank; its branches are 007"):
        plan([path], {"org_id": "7"}, where, "duckdb", None)


MONTHLY = 'bank: str = "demo"\nengine: str = "duckdb"\nmonth: str | None = None  # month, YYYY-MM\n'


def test_a_month_without_balances_is_found_before_any_kernel_starts(stub, tiny_bank, tmp_path):
    where = str(tiny_bank.save(tmp_path / "b").path)
    months = [f"{day:%Y-%m}" for day in tiny_bank.months]
    path = stub("1", parameters=MONTHLY)
    (run,) = plan([path], {"month": months[0]}, where, "duckdb", None)
    assert run.parameters["month"] == months[0]
    with pytest.raises(ParameterError, match=f"month = '1999-01': .*the bank has {months[0]} to {months[-1]}"):
        plan([path], {"month": "1999-01"}, where, "duckdb", None)


@pytest.mark.parametrize(
    ("given", "by", "said"),
    [
        ({"org_id": 99}, None, r"org_id = 99: expected a unit of this bank; its branches are 2 \(Branch <2> & Co\)"),
        ({"org_id": 0}, None, "org_id = 0"),
        ({"engine": 5}, None, "engine = 5"),
        ({}, "month", "by = 'month'"),
    ],
)
def test_what_cannot_be_right_is_refused(stub, bank, given, by, said):
    with pytest.raises(ParameterError, match=said):
        plan([stub("1")], given, bank, "duckdb", by)


def test_a_missing_bank_is_found_before_anything_runs(stub, tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        plan([stub("1")], {}, tmp_path / "nowhere", "duckdb", None)


@pytest.mark.parametrize(
    ("parameters", "by"), [("k: int = 1", None), ('bank: str = "demo"\nengine: str = "d"', "org_id")]
)
def test_a_notebook_without_the_needed_parameters_is_refused(stub, bank, parameters, by):
    with pytest.raises(ParameterError, match="lacks the parameter"):
        plan([stub("1", parameters=parameters)], {}, bank, "duckdb", by)


def test_fingerprint_changes_with_every_input_and_with_nothing_else(stub, bank, large_bank, monkeypatch):
    def fingerprint(source="1", given=None, where=bank):
        return plan([stub(source)], given or {}, where, "duckdb", None)[0].fingerprint

    base = fingerprint()
    assert fingerprint() == base
    others = [fingerprint("2"), fingerprint(given={"org_id": 2}), fingerprint(where=large_bank)]
    monkeypatch.setattr(module, "_code", lambda: "another version")
    others.append(fingerprint())
    assert len({base, *others}) == 5


def test_no_report_can_take_the_place_of_the_index(stub, bank):
    with pytest.raises(ParameterError, match="index"):
        plan([stub("1", name="index")], {}, bank, "duckdb", None)


def test_two_notebooks_of_one_name_are_refused(stub, bank, tmp_path):
    path = stub("1")
    (tmp_path / "other").mkdir()
    other = shutil.copy(path, tmp_path / "other")
    assert len(plan([path, path], {}, bank, "duckdb", None)) == 1
    with pytest.raises(ParameterError, match="different names"):
        plan([path, str(other)], {}, bank, "duckdb", None)


def test_public_data_are_a_source_by_name(stub, real_data, monkeypatch):
    monkeypatch.setenv("BANKMKT_REAL_DATA", str(real_data))
    (run,) = plan([stub("1")], {"bank": "cdnow"}, None, "duckdb", None)
    assert run.parameters["bank"] == "cdnow"
    assert run.lacks == ()
    (again,) = plan([stub("1")], {"bank": "cdnow"}, None, "duckdb", None)
    assert again.fingerprint == run.fingerprint
