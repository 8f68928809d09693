"""A file or folder is there whole or not at all, and what somebody else made meanwhile is kept."""

import pytest

from bankmkt.errors import DataError
from bankmkt.saving import whole


def folder(aside):
    aside.mkdir()
    (aside / "a.txt").write_text("mine")


def file(aside):
    aside.write_text("mine")


def written(path, *steps):
    with whole(path, "it") as aside:
        for step in steps:
            step(aside)


@pytest.mark.parametrize("make", [folder, file])
@pytest.mark.parametrize("other", [folder, file])
def test_what_was_made_meanwhile_is_kept(tmp_path, make, other):
    path = tmp_path / "there"
    with pytest.raises(DataError, match="cannot be saved"):
        written(path, make, lambda _: other(path))
    assert [p.name for p in tmp_path.iterdir()] == ["there"]
    assert path.is_dir() == (other is folder)


def test_two_at_a_time_do_not_meet(tmp_path):
    path = tmp_path / "one"
    with whole(path, "it") as first:
        folder(first)
        with pytest.raises(AttributeError):
            written(path, folder, lambda aside: aside.nothing)
        assert first.is_dir()
    assert [p.name for p in tmp_path.iterdir()] == ["one"]
    with pytest.raises(DataError, match="a path that does not exist"):
        written(path, folder)
