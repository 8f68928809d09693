"""Same seed, same bytes; larger banks begin with the smaller ones; a saved bank goes on where it stopped."""

import filecmp
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bankmkt.bank import open_bank
from bankmkt.errors import DataError
from bankmkt.manifest import read_json
from bankmkt.synth import advance_bank, generate
from bankmkt.synth.files import customers_table
from bankmkt.synth.saved import load_block, save_block
from bankmkt.synth.simulate import Plan, advance, new_block
from bankmkt.validation import validate


def same(one: Path, other: Path, but: tuple[str, ...] = ()) -> None:
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(other) for p in other.rglob("*") if p.is_file())
    for name in files:
        if str(name) not in but:
            assert filecmp.cmp(one / name, other / name, shallow=False), name


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """25,000 customers (two and a half blocks), four months, one worker."""
    path = tmp_path_factory.mktemp("same") / "one"
    generate(path, customers=25_000, months=4, seed=11, workers=1, progress=False)
    return path


@pytest.mark.parametrize("workers", [2, 4])
def test_any_number_of_workers_gives_the_same_bytes(small, tmp_path, workers):
    generate(tmp_path / "bank", customers=25_000, months=4, seed=11, workers=workers, progress=False)
    same(small, tmp_path / "bank")


def test_another_seed_gives_another_bank(small, tmp_path):
    generate(tmp_path / "bank", customers=100, months=4, seed=12, workers=1, progress=False)
    mine, other = (pq.read_table(f / "customers").slice(0, 100) for f in (small, tmp_path / "bank"))
    assert not mine.equals(other)


@pytest.mark.parametrize("customers", [1, 9_999, 12_345])
def test_the_first_customers_of_a_larger_bank_are_the_smaller_bank(small, tmp_path, customers):
    """All tables but `campaigns.budget`, which follows the size."""
    generate(tmp_path / "bank", customers=customers, months=4, seed=11, workers=1, progress=False)
    for folder in sorted(tmp_path.glob("bank/*")):
        if not folder.is_dir() or folder.name.startswith("_"):
            continue
        few, many = pq.read_table(folder), pq.read_table(small / folder.name)
        if folder.name == "campaigns":
            few, many = few.drop(["budget"]), many.drop(["budget"])
        elif "visitor_id" in many.column_names:
            many = many.slice(0, few.num_rows)  # sorted by customer; anonymous events have no number to filter by
        elif "customer_id" in many.column_names:
            many = many.filter(pc.less_equal(many["customer_id"], customers))
        assert few.equals(many), folder.name


def test_going_on_from_a_saved_state_is_the_same_as_never_stopping(tmp_path):
    """Stopped inside campaigns' windows, where the roads not taken must be kept as well."""
    plan = Plan(5, "2024-07", 24)
    straight, stopped = new_block(plan, 1), new_block(plan, 1)
    truths = []
    for _ in range(20):
        truths.append(advance(straight).truths)
    for index in range(20):
        if index in (3, 13, 19):
            save_block(tmp_path / "state.npz", stopped)
            stopped = load_block(tmp_path / "state.npz", plan, 1)
        step = advance(stopped)
        assert len(step.truths) == len(truths[index])
        for mine, other in zip(step.truths, truths[index], strict=True):
            assert all((mine.y0[o] == other.y0[o]).all() and (mine.y1[o] == other.y1[o]).all() for o in mine.y0)
    assert customers_table(straight, 10_000).equals(customers_table(stopped, 10_000))
    assert (straight.state.balance == stopped.state.balance).all()


def test_a_bank_goes_on_as_a_new_bank(tmp_path):
    """The old one stays; the new one is valid, has the old months unchanged, and counts its rows right."""
    bank = generate(tmp_path / "now", customers=300, months=6, workers=1, progress=False)
    before = {p: p.read_bytes() for p in sorted((tmp_path / "now").rglob("*.parquet"))}
    later = advance_bank(tmp_path / "now", tmp_path / "later", months=2, workers=1, progress=False)
    assert (len(bank.months), len(later.months)) == (6, 8)
    assert validate(later).empty
    assert all(path.read_bytes() == content for path, content in before.items())
    for name in ("transactions", "balances", "events"):
        old = pq.read_table(tmp_path / "later" / name / "part-00000-000.parquet")
        assert old.equals(pq.read_table(tmp_path / "now" / name / "part-00000-000.parquet"))
    manifest = read_json(tmp_path / "later" / "manifest.json")
    assert manifest["parameters"]["months"] == 8
    for name, rows in manifest["rows"].items():
        assert rows == pq.read_table(tmp_path / "later" / name).num_rows, name
    with pytest.raises(DataError, match="choose another path"):
        advance_bank(tmp_path / "now", tmp_path / "later", months=2, workers=1, progress=False)
    further = advance_bank(tmp_path / "later", tmp_path / "further", months=1, workers=1, progress=False)
    assert len(further.months) == 9


def test_going_on_can_be_interrupted(tmp_path, monkeypatch):
    generate(tmp_path / "now", customers=300, months=2, workers=1, progress=False)

    def full(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr("bankmkt.synth.produce.write_manifest", full)
    with pytest.raises(DataError, match=r"resume with: python -c .*advance_bank"):
        advance_bank(tmp_path / "now", tmp_path / "later", workers=1, progress=False)
    monkeypatch.undo()
    with pytest.raises(DataError, match="advance_bank"):
        open_bank(tmp_path / "later")
    later = advance_bank(tmp_path / "now", tmp_path / "later", workers=1, progress=False)
    assert validate(later).empty
    assert later.manifest["rows"]["balances"] == pq.read_table(tmp_path / "later" / "balances").num_rows
