"""What the tests of tags share."""

import pytest


@pytest.fixture(scope="session")
def demo():
    """All house tags of the demo bank on its last day, as pandas, computed once; DuckDB."""
    from bankmkt import tags
    from bankmkt.synth import demo_bank

    bank = demo_bank()
    return bank.fetch(tags.compute(bank, "2026-06-30")).to_pandas().set_index("customer_id")
