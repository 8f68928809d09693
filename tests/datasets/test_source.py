"""Files are found where the documentation says, and are used only as published."""

import copy
import hashlib
import shutil

import pandas as pd
import pytest

from bankmkt import datasets
from bankmkt.datasets import Dataset, Source, _source, berka, bpic2012, cdnow, hillstrom, karlan_zinman, uci_bank
from bankmkt.errors import DataError, ParameterError

CONTENT = b"a,b\n1,2\n"
TOY = Source(
    name="toy",
    files={"toy.csv": (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())},
    page="https://example.org/toy",
    citation="-",
    licence="-",
)
LOADERS = {
    hillstrom: [datasets.load_hillstrom],
    karlan_zinman: [datasets.load_karlan_zinman],
    uci_bank: [datasets.load_uci_bank, lambda path: datasets.load_uci_bank(path, which="bank-full")],
    bpic2012: [datasets.load_bpic2012],
    cdnow: [datasets.load_cdnow, lambda path: datasets.load_cdnow(path, sample=True)],
    berka: [datasets.load_berka, datasets.read_berka],
}
LOADS = [pytest.param(module.SOURCE, load, id=f"{module.SOURCE.name}-{i}")
         for module, loads in LOADERS.items() for i, load in enumerate(loads)]  # fmt: skip


def put(folder, content=CONTENT):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "toy.csv").write_bytes(content)
    return folder


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Nothing lies where it would be looked for: neither beside the working directory nor beside the checkout."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr(_source, "__file__", str(tmp_path / "nowhere" / "bankmkt" / "datasets" / "_source.py"))
    monkeypatch.delenv("BANKMKT_REAL_DATA", raising=False)
    return tmp_path


@pytest.mark.parametrize("given", ["data/toy", "data"], ids=["its folder", "the folder above"])
def test_path_is_the_sets_folder_or_the_one_above(elsewhere, given):
    put(elsewhere / "data" / "toy")
    assert TOY.read(elsewhere / given, "toy.csv") == [CONTENT]


def test_order_is_path_then_variable_then_beside_the_project(elsewhere, monkeypatch):
    altered = CONTENT.replace(b"1", b"9")
    put(elsewhere / "shared" / "data" / "toy")
    assert TOY.read(None, "toy.csv") == [CONTENT]

    monkeypatch.setenv("BANKMKT_REAL_DATA", str(elsewhere / "mine"))
    assert TOY.read(None, "toy.csv") == [CONTENT]  # not there, so the next place is tried
    put(elsewhere / "mine" / "toy", altered)
    with pytest.raises(DataError, match="mine"):
        TOY.read(None, "toy.csv")

    assert TOY.read(put(elsewhere / "given"), "toy.csv") == [CONTENT]
    with pytest.raises(DataError, match=r"toy\.csv not found"):
        TOY.read(elsewhere / "empty", "toy.csv")  # a path that is given is the only place


def test_missing_file_is_named_with_every_place_and_the_page(elsewhere, monkeypatch):
    monkeypatch.setenv("BANKMKT_REAL_DATA", str(elsewhere / "mine"))
    with pytest.raises(DataError) as caught:
        TOY.read(None, "toy.csv")
    text = str(caught.value)
    for part in ("toy.csv", elsewhere / "mine" / "toy", elsewhere / "shared" / "data" / "toy", TOY.page,
                 "BANKMKT_REAL_DATA", "path="):  # fmt: skip
        assert str(part) in text


def test_unreadable_file_is_an_error_of_ours(elsewhere, monkeypatch):
    def refuse(file):
        raise PermissionError(13, "Permission denied", str(file))

    put(elsewhere / "toy")
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(DataError, match=r"toy\.csv: expected a readable file; .*Permission denied"):
        TOY.read(elsewhere, "toy.csv")


@pytest.mark.parametrize(("source", "load"), LOADS)
def test_absent_set_says_where_to_get_it(source, load, tmp_path):
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert source.page in str(caught.value)
    assert str(tmp_path / source.name) in str(caught.value)
    assert any(name in str(caught.value) for name in source.files)


@pytest.mark.parametrize("module", LOADERS, ids=lambda module: module.SOURCE.name)
def test_each_file_must_be_whole_and_unaltered(module, real_data, tmp_path):
    source = module.SOURCE
    folder = shutil.copytree(real_data / source.name, tmp_path / source.name, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    assert all(source.read(tmp_path, *source.files))
    for name in source.files:
        content = (folder / name).read_bytes()
        middle = len(content) // 2
        altered = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        for wrong, what in ((content[:-1], "size"), (b"", "size"), (altered, "SHA-256")):
            (folder / name).write_bytes(wrong)
            with pytest.raises(DataError, match=rf"{what} of .*{name}.*get it again from") as caught:
                source.read(tmp_path, name)
            assert source.page in str(caught.value)
        (folder / name).unlink()
        with pytest.raises(DataError, match=f"{name} not found"):
            source.read(tmp_path, *source.files)
        (folder / name).write_bytes(content)


@pytest.mark.parametrize(("source", "load"), LOADS)
def test_loaders_refuse_an_altered_file(source, load, tmp_path):
    folder = tmp_path / source.name
    folder.mkdir()
    for name in source.files:
        (folder / name).write_bytes(b"x")
    with pytest.raises(DataError, match=r"size of .* get it again from"):
        load(tmp_path)


def test_sums_are_those_that_came_with_the_files(real_data):
    lines = (real_data / "SHA256SUMS").read_text().splitlines()
    sums = {name.removeprefix("./"): digest for digest, name in (line.split() for line in lines)}
    ours = {f"{m.SOURCE.name}/{name}": digest for m in LOADERS for name, (_, digest) in m.SOURCE.files.items()}
    assert ours == {name: digest for name, digest in sums.items() if not name.endswith("LICENSE.txt")}


@pytest.mark.parametrize(("source", "load"), LOADS)
def test_docstring_cites_source_and_licence(source, load):
    module = next(m for m in LOADERS if m.SOURCE is source)
    load = load if load.__doc__ else LOADERS[module][0]
    text = " ".join(load.__doc__.split())
    author, year = source.citation.split(",")[0], source.citation.split("(")[1][:4]
    assert author in text
    assert year in text
    assert source.page.split(" ")[0] in text
    assert "licence" in text or "CC BY 4.0" in text or "Terms of Use" in text


def test_wrong_choice_of_file_is_refused():
    with pytest.raises(ParameterError, match="which = 'bank': expected one of bank-additional-full, bank-full"):
        datasets.load_uci_bank(which="bank")


def test_dataset_gives_tables_as_attributes():
    toy = Dataset.of(TOY, customers=pd.DataFrame({"customer_id": [1]}))
    assert toy.customers is toy.tables["customers"]
    assert "customers" in dir(toy)
    assert copy.copy(toy).customers is toy.customers
    assert toy.page == TOY.page
    with pytest.raises(AttributeError, match="toy has no table 'events': expected one of customers"):
        _ = toy.events
