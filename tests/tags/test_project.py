"""Tags of one's own from a file, and tags written to one: whole, with what they are, or not at all."""

import csv
import json

import pyarrow.parquet as pq
import pytest

from bankmkt import __version__, tags
from bankmkt.errors import BankmktError, DataError, ParameterError

DAY = "2025-06-30"
GOOD = """
from ibis import _

from bankmkt.tags import Feature, Tag

nights = Feature("night_acts", "events", _.count(where=_.ts.hour() < 6), 3, "acts before 6")
owl = Tag("owl", "Owl", "夜猫子", "mine", _.night_acts >= 1, "up at night", [nights], version=3)
more = [owl, Tag("rich_saver", "Rich saver", "富裕储户", "mine", _.deposit_now >= 1e5, "deposits of 100,000 or more")]
"""


@pytest.fixture
def own(tmp_path):
    def make(text):
        path = tmp_path / "my_tags.py"
        path.write_text(text, encoding="utf-8")
        return path

    return make


def test_tags_of_a_file_are_found_once_and_in_order(own):
    found = tags.read(own(GOOD))
    assert [tag.code for tag in found] == ["owl", "rich_saver"]
    assert [tag.code for tag in tags.pick(None, own(GOOD))][-2:] == ["owl", "rich_saver"]
    assert [tag.code for tag in tags.pick(["owl", " payroll "], own(GOOD))] == ["owl", "payroll"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            ("night_acts >= 1", "night_act >= 1"),
            ParameterError,
            r"tag owl: rule = 'night_act'.*did you mean night_acts",
        ),
        (("_.ts.hour()", "_.tss.hour()"), ParameterError, r"feature night_acts: .*tss.*events has event_id"),
        (('"owl"', '"payroll"'), ParameterError, "tag = 'payroll': expected a code that the catalogue does not have"),
        (('"rich_saver"', '"owl"'), ParameterError, "each code once"),
        (("from ibis import _", "from ibis import _ _"), DataError, "my_tags.py, line 2: SyntaxError"),
        (("from ibis import _", "import no_such_module"), DataError, "line 2: ModuleNotFoundError"),
        (("[nights]", "[night]"), DataError, "my_tags.py, line 7: NameError: name 'night' is not defined"),
        ((", version=3", ", colour=3"), DataError, "my_tags.py, line 7: TypeError"),
        (("more = [", "assert 1 > 2, 'no'\nmore = ["), DataError, "my_tags.py, line 8: AssertionError: no"),
        (("more = [", "assert 1 > 2\nmore = ["), DataError, "my_tags.py, line 8: AssertionError; correct the file"),
        (("more = [", "raise OSError(28, 'full')\nmore = ["), DataError, "my_tags.py, line 8: OSError"),
        (
            (
                "more = [owl, ",
                "alike = Tag('owl', 'Owl', '夜猫子', 'mine', _.aum > 1, 'up at night', [nights], version=3)\n"
                "more = [owl, ",
            ),
            ParameterError,
            "tags = 'owl': expected each code once",
        ),
    ],
)
def test_a_bad_file_says_what_and_where(own, change, error, message):
    text = GOOD.replace(*change)
    assert text != GOOD
    with pytest.raises(error, match=message):
        tags.read(own(text))


def test_a_relative_path_has_its_line_too(own, tmp_path, monkeypatch):
    own(GOOD.replace("[nights]", "[night]"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"my_tags\.py, line 7: NameError"):
        tags.read("my_tags.py")


def test_codes_are_at_least_one(own):
    for codes in ([], [""], ["payroll", " "]):
        with pytest.raises(ParameterError, match="leave them out to take all tags"):
            tags.pick(codes)
    with pytest.raises(ParameterError, match="did you mean payroll"):
        tags.pick(["payrol"])


def test_the_command_refuses_no_codes(tmp_path):
    from click.testing import CliRunner

    from bankmkt.cli import main

    call = ["tags", "demo", "--as-of", "2026-06-30", "--out", str(tmp_path / "t.parquet"), "--tags", ""]
    found = CliRunner().invoke(main, call)
    assert found.exit_code != 0
    assert "leave them out" in found.output + str(found.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_tags_or_none_at_all(own, tmp_path):
    with pytest.raises(DataError, match="at least one Tag"):
        tags.read(own("x = 1"))
    with pytest.raises(DataError, match="a Python file"):
        tags.read(tmp_path / "nowhere.py")


def test_parquet_holds_what_compute_gives_and_says_what_it_is(tiny_bank, tmp_path, own):
    chosen = tags.pick(["payroll", "wealth_tier", "age", "owl"], own(GOOD))
    path = tmp_path / "tags.parquet"
    rows = tags.write(tiny_bank, DAY, path, chosen)
    found = pq.read_table(path)
    expected = tiny_bank.fetch(tags.compute(tiny_bank, DAY, chosen).order_by("customer_id"))
    assert rows == found.num_rows == expected.num_rows
    assert found.to_pylist() == expected.to_pylist()
    about = json.loads(found.schema.metadata[b"bankmkt"])
    assert about["as_of"] == DAY
    assert about["bankmkt"] == __version__
    assert about["tags"] == {"payroll": 1, "wealth_tier": 1, "age": 1, "owl": 3}
    first = path.read_bytes()
    tags.write(tiny_bank, DAY, path, chosen)
    assert path.read_bytes() == first
    assert [file.name for file in tmp_path.glob("*tags*.parquet*")] == ["tags.parquet"]


def test_csv_holds_the_same(tiny_bank, tmp_path):
    tags.write(tiny_bank, DAY, tmp_path / "t.csv", ["payroll", "age"])
    with open(tmp_path / "t.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = tiny_bank.fetch(tags.compute(tiny_bank, DAY, ["payroll", "age"]).order_by("customer_id")).to_pylist()
    assert [int(row["customer_id"]) for row in rows] == [row["customer_id"] for row in expected]
    assert [row["payroll"] == "true" for row in rows] == [row["payroll"] for row in expected]


@pytest.mark.slow
def test_spark_writes_the_same(tiny_bank, spark_bank, tmp_path):
    codes = ["payroll", "wealth_tier", "age", "spending"]
    tags.write(tiny_bank, DAY, tmp_path / "duckdb.parquet", codes)
    tags.write(spark_bank, DAY, tmp_path / "spark.parquet", codes)
    one, other = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("duckdb", "spark"))
    assert one.schema.equals(other.schema)
    assert one.drop(["spending"]).to_pylist() == other.drop(["spending"]).to_pylist()
    assert one["spending"].to_pylist() == pytest.approx(other["spending"].to_pylist())


@pytest.mark.parametrize(
    ("name", "day", "codes", "message"),
    [
        ("tags.xlsx", DAY, ["age"], "ending with .parquet or .csv"),
        ("tags.parquet", "June", ["age"], "as_of = 'June'"),
        ("tags.parquet", DAY, ["agee"], "tags = 'agee'"),
        ("no/folder/tags.parquet", DAY, ["age"], "cannot be written"),
    ],
)
def test_nothing_is_written_that_cannot_be(tiny_bank, tmp_path, name, day, codes, message):
    with pytest.raises(BankmktError, match=message):
        tags.write(tiny_bank, day, tmp_path / name, codes)
    assert list(tmp_path.iterdir()) == []


def test_a_file_stays_whole_if_the_new_one_fails(tiny_bank, tmp_path, monkeypatch):
    path = tmp_path / "tags.parquet"
    tags.write(tiny_bank, DAY, path, ["age"])
    before = path.read_bytes()

    def full(_):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match="No space left"):
        tags.write(tiny_bank, DAY, path, ["payroll"])
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["tags.parquet"]
