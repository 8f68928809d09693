import os
import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
PINS = {canonicalize_name(pin.name): pin for pin in map(Requirement, LOCK)}
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = ("linux", "darwin", "win32")


def needed() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(text) for text in [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]]


@pytest.mark.parametrize("requirement", needed(), ids=str)
def test_lock_pins_what_the_project_asks_for(requirement):
    pin = PINS[canonicalize_name(requirement.name)]
    (exact,) = pin.specifier
    assert exact.operator == "=="
    assert requirement.specifier.contains(exact.version, prereleases=True)


def test_lock_has_one_exact_version_a_package_and_no_host():
    assert len(PINS) > 100
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^\s;]+( ; .+)?", line) for line in LOCK)
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert "--" not in text


def wanted(pin: Requirement, python: str, platform: str) -> bool:
    environment = {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": platform}
    return pin.marker is None or pin.marker.evaluate(environment)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_lock_has_one_version_a_package_everywhere(python, platform):
    names = [pin.name for pin in map(Requirement, LOCK) if wanted(pin, python, platform)]
    assert len(names) == len(set(names))


def test_lock_has_no_gpu_package_anywhere():
    gpu = [pin for name, pin in PINS.items() if re.search("nvidia|cuda|cupy|nccl", name)]
    assert gpu, "the lock should name the package it leaves out"
    assert not [
        str(pin) for pin in gpu for python in PYTHONS for platform in PLATFORMS if wanted(pin, python, platform)
    ]


def test_environment_is_the_lock():
    differ = {}
    for name, pin in PINS.items():
        if pin.marker is None or pin.marker.evaluate():
            try:
                if not pin.specifier.contains(version(name), prereleases=True):
                    differ[name] = version(name)
            except PackageNotFoundError:
                differ[name] = "missing"
    assert not differ, "run make with this lock, or make lock"


def test_conda_environment_is_python_the_lock_and_the_package():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, rest = environment["dependencies"]
    assert python.startswith("python=")
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert pip == "pip"
    assert rest == {"pip": ["-r requirements.lock", "-e ."]}


def test_supported_pythons_are_those_tested():
    supported = SpecifierSet(PROJECT["requires-python"])
    assert [minor for minor in range(9, 20) if supported.contains(f"3.{minor}.1")] == [11, 12, 13]


def test_ci_runs_the_tests_and_asks_for_java_17():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "openjdk-17-jre-headless" in script.read_text()
    assert script.read_text().rstrip().endswith("exec make test </dev/null")


def test_test_files_have_names_of_their_own():
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name not in ("conftest.py", "__init__.py")]
    assert sorted(names) == sorted(set(names)), "pytest imports test files by their bare name"
