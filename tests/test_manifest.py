import hashlib
import json

import pytest

from bankmkt.errors import DataError
from bankmkt.manifest import (
    INCOMPLETE,
    MANIFEST,
    check_files,
    file_record,
    read_manifest,
    write_incomplete,
    write_json,
    write_manifest,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "staff").mkdir()
    (tmp_path / "staff" / "part-00000.parquet").write_bytes(b"abc")
    return tmp_path


def finish(folder, created_by="generate"):
    files = {p.relative_to(folder).as_posix(): file_record(p) for p in folder.glob("*/*.parquet")}
    return write_manifest(folder, {"seed": 7, "customers": 100, "note": None}, {"staff": 1}, files, created_by)


def test_a_record_is_size_and_checksum(folder):
    record = {"bytes": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}
    assert file_record(folder / "staff" / "part-00000.parquet") == record


def test_a_folder_is_unfinished_until_its_manifest_is_written(folder):
    assert read_manifest(folder) is None
    write_incomplete(folder, "bankmkt generate x")
    with pytest.raises(DataError, match="resume with: bankmkt generate x"):
        read_manifest(folder)
    manifest = finish(folder)
    assert not (folder / INCOMPLETE).exists()
    assert read_manifest(folder) == manifest
    check_files(folder, manifest, deep=True)


def test_a_killed_finish_is_still_unfinished(folder):
    """Killed after the manifest, before the mark was dropped: the mark counts."""
    finish(folder)
    write_incomplete(folder, "bankmkt generate x")
    with pytest.raises(DataError, match="interrupted"):
        read_manifest(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "expected a JSON object"),
        ('{"format": 2, "complete": true}', "expected format 1"),
        ('{"format": 1}', "complete: true"),
    ],
)
def test_a_manifest_that_is_none_is_refused(folder, content, message):
    (folder / MANIFEST).write_text(content)
    with pytest.raises(DataError, match=message):
        read_manifest(folder)


def test_a_damaged_bank_says_how_to_make_it_again(folder):
    manifest = finish(folder)
    (folder / "staff" / "part-00000.parquet").write_bytes(b"abcd")
    again = f"delete the folder, then redo with: bankmkt generate {folder} --customers 100 --seed 7"
    with pytest.raises(DataError) as error:
        check_files(folder, manifest)
    assert str(error.value).endswith(again)
    with pytest.raises(DataError, match="make the bank again, or open a copy that is whole"):
        check_files(folder, {**manifest, "created_by": "save"})


def test_json_is_written_whole_or_not_at_all(tmp_path):
    write_json(tmp_path / "a.json", {"city": "苏州"})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"x": object()})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"city": "苏州"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
