"""What the tests of tags share."""

import busy
import pytest


@pytest.fixture(scope="session")
def demo():
    """All house tags of the demo bank on its last day, as pandas, computed once; DuckDB."""
    from bankmkt import tags
    from bankmkt.synth import demo_bank

    bank = demo_bank()
    return bank.fetch(tags.compute(bank, "2026-06-30")).to_pandas().set_index("customer_id")


@pytest.fixture(scope="session")
def busy_bank():
    """The bank in which everything happens, in DuckDB."""
    from bankmkt.bank import open_bank

    return open_bank(busy.frames())


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """A bank of 6,000 customers and 14 months, July 2024 to August 2025, whose truth is known."""
    from bankmkt.synth import generate

    return generate(tmp_path_factory.mktemp("generated") / "bank", 6_000, 14, seed=3, workers=1, progress=False)
