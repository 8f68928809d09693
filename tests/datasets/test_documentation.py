"""What docs/datasets.md and CITATION.cff say is what the code does."""

import importlib
import re
from pathlib import Path

import yaml

import bankmkt
from bankmkt import datasets

ROOT = Path(__file__).parents[2]
SETS = ("hillstrom", "karlan_zinman", "uci_bank", "bpic2012", "cdnow", "berka")


def test_every_set_is_documented():
    text = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    for name in SETS:
        source = importlib.import_module(f"bankmkt.datasets.{name}").SOURCE
        assert source.name == name
        for part in (*source.files, source.page.split(" ")[0]):
            assert part in text, part
    for name in datasets.__all__:
        if name.startswith(("load_", "read_")):
            assert name in text


def test_every_loader_is_in_the_packages_map():
    named = set(re.findall(r":func:`(\w+)`", datasets.__doc__))
    assert named == {name for name in datasets.__all__ if name.startswith(("load_", "read_"))}


def test_citation_and_licence_agree_with_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == bankmkt.__version__
    assert citation["license"] == "Apache-2.0"
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
