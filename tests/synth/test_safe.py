"""Killed, on a full disk, in an unwritable or used folder: nothing lost, nothing half there."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bankmkt.bank import open_bank
from bankmkt.errors import DataError, ParameterError
from bankmkt.synth import advance_bank, demo_bank, generate
from bankmkt.synth import files as files_module

SCRIPT = "import sys; from bankmkt.synth import generate; generate(sys.argv[1], 20_000, 2, 7, 2, progress=False)"


GO_ON = "import sys; from bankmkt.synth import advance_bank; advance_bank(*sys.argv[1:3], 2, 2, progress=False)"


def start(*paths: Path, script: str = SCRIPT) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, paths)], stderr=subprocess.DEVNULL, start_new_session=True
    )


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path):
    """Each time the folder is absent, a whole bank, or refused with the command that resumes it; which works."""
    began = time.monotonic()
    assert start(tmp_path / "whole").wait() == 0
    length = time.monotonic() - began
    whole = open_bank(tmp_path / "whole").manifest
    rng, outcomes = random.Random(1), []
    for run in range(10):
        path = tmp_path / f"run{run}"
        process = start(path)
        time.sleep(rng.uniform(0.15, 1.0) * length)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if not path.exists():
            outcomes.append("absent")
            continue
        if (path / "INCOMPLETE.json").exists():
            with pytest.raises(DataError, match=f"bankmkt generate {path} ") as refusal:
                open_bank(path)
            outcomes.append(type(refusal.value).__name__)
            last = path
        else:
            assert open_bank(path).manifest["files"] == whole["files"]
            outcomes.append("whole")
    assert "DataError" in outcomes
    assert generate(last, 20_000, 2, 7, 1, progress=False).manifest["files"] == whole["files"]


@pytest.mark.slow
def test_killed_while_going_on(tmp_path):
    """The older bank stays as it was, and the command in the refusal finishes the longer one."""
    old = generate(tmp_path / "old", 20_000, 1, 7, 2, progress=False)
    whole = tmp_path / "whole"
    assert start(tmp_path / "old", whole, script=GO_ON).wait() == 0
    before = {path: path.read_bytes() for path in (tmp_path / "old").rglob("*") if path.is_file()}
    refused = 0
    for run, seconds in enumerate((0, 1, 3)):
        path = tmp_path / f"run{run}"
        process = start(tmp_path / "old", path, script=GO_ON)
        while not path.exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(seconds)  # the first time the folder has only just appeared
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert {p: p.read_bytes() for p in before} == before
        if (path / "INCOMPLETE.json").exists():
            with pytest.raises(DataError, match="advance_bank"):
                open_bank(path)
            refused += 1
            again = advance_bank(tmp_path / "old", path, 2, 1, progress=False)
            assert again.manifest["files"] == open_bank(whole).manifest["files"]
    assert refused
    assert open_bank(old.path, deep=True).months == old.months


@pytest.mark.slow
def test_two_at_once_make_one_bank(tmp_path):
    """The second waits for the first and finds the bank made."""
    path = tmp_path / "bank"
    both = [start(path), start(path)]
    assert [p.wait() for p in both] == [0, 0]
    assert open_bank(path).manifest["rows"]["customers"] == 20_000
    assert not (path / "_progress").exists()


@pytest.mark.slow
def test_a_script_without_a_main_guard_makes_a_bank(tmp_path):
    """Workers must not run the caller's script again."""
    script = tmp_path / "mine.py"
    script.write_text(f"import bankmkt as bm\nbm.generate({str(tmp_path / 'bank')!r}, 20_000, 1, workers=2)\n")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert open_bank(tmp_path / "bank").manifest["rows"]["customers"] == 20_000


@pytest.mark.slow
def test_a_worker_that_dies_is_reported_with_the_way_to_resume(tmp_path, monkeypatch):
    """Not a hang, and not a bank with a hole."""
    monkeypatch.setattr("bankmkt.synth.parallel.sys.executable", "/bin/false")
    with pytest.raises(DataError, match="resume with: bankmkt generate"):
        generate(tmp_path / "bank", 20_000, 1, workers=2, progress=False)
    monkeypatch.undo()
    assert generate(tmp_path / "bank", 20_000, 1, workers=2, progress=False).manifest["rows"]["customers"] == 20_000


def test_workers_that_cannot_be_started_are_an_error_not_a_hang(tmp_path, monkeypatch):
    monkeypatch.setattr("bankmkt.synth.parallel.sys.executable", str(tmp_path / "no such program"))
    with pytest.raises(DataError, match="resume with: bankmkt generate"):
        generate(tmp_path / "bank", 20_000, 1, workers=2, progress=False)


def test_another_bank_in_the_demo_banks_place_is_left_alone(tmp_path):
    bank = generate(tmp_path / "demo", 50, 1, workers=1, progress=False)
    with pytest.raises(DataError, match="rm -r"):
        demo_bank(tmp_path / "demo")
    bank.save(tmp_path / "mine")
    with pytest.raises(DataError, match="if nobody needs that bank"):
        demo_bank(tmp_path / "mine")
    assert open_bank(tmp_path / "mine").manifest["rows"]["customers"] == 50


def test_an_existing_bank_is_left_alone(tmp_path):
    generate(tmp_path / "bank", 50, 1, workers=1, progress=False)
    before = (tmp_path / "bank" / "manifest.json").read_bytes()
    with pytest.raises(DataError, match="choose another path"):
        generate(tmp_path / "bank", 50, 1, workers=1, progress=False)
    assert (tmp_path / "bank" / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("what", ["folder", "file"])
def test_other_peoples_files_are_left_alone(tmp_path, what):
    place = tmp_path / "mine"
    if what == "folder":
        place.mkdir()
        (place / "thesis.txt").write_text("years of work")
    else:
        place.write_text("years of work")
    with pytest.raises(DataError, match="does not exist or is empty"):
        generate(place, 50, 1, workers=1, progress=False)


def test_an_unfinished_bank_is_not_resumed_with_other_parameters(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files_module, "write_table", full)
    with pytest.raises(DataError, match="No space left"):
        generate(tmp_path / "bank", 50, 1, workers=1, progress=False)
    monkeypatch.undo()
    with pytest.raises(DataError, match=r"bankmkt generate .* --customers 50 --months 1 --seed 7"):
        open_bank(tmp_path / "bank")
    with pytest.raises(DataError, match="unfinished"):
        generate(tmp_path / "bank", 60, 1, workers=1, progress=False)
    assert generate(tmp_path / "bank", 50, 1, workers=1, progress=False).manifest["rows"]["customers"] == 50


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="a place that can be written"):
        generate(tmp_path / "file" / "bank", 50, 1, workers=1, progress=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [("customers", 0), ("customers", 2.5), ("months", 0), ("months", 241), ("seed", -1), ("workers", 0),
     ("customers", True), ("start", "July"), ("start", "2024-13")],
)  # fmt: skip
def test_parameters_out_of_range(tmp_path, name, value):
    with pytest.raises(ParameterError, match=name):
        generate(tmp_path / "bank", **{"customers": 50, "months": 1, "progress": False, name: value})
    assert not (tmp_path / "bank").exists()


def test_a_damaged_bank_is_refused(tmp_path):
    generate(tmp_path / "bank", 50, 1, workers=1, progress=False)
    part = next((tmp_path / "bank" / "transactions").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-10])
    with pytest.raises(DataError, match="part-00000"):
        open_bank(tmp_path / "bank")


def test_the_demo_bank_is_made_once(tmp_path, monkeypatch, folder):
    made = []
    monkeypatch.setattr("bankmkt.synth.produce.generate", lambda path: made.append(path))
    demo_bank(tmp_path / "demo")
    assert made == [tmp_path / "demo"]
    assert demo_bank(folder).manifest["rows"]["customers"] == 20_000
    assert made == [tmp_path / "demo"]
