"""One bank for all tests of the generator: 20,000 customers, two years."""

import os

import pytest

from bankmkt.synth import generate

# DuckDB is asked directly: the generator's tests look at the files, not through the package.


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("synth") / "bank"
    generate(path, customers=20_000, months=24, seed=7, workers=os.cpu_count(), progress=False)
    return path


@pytest.fixture(scope="session")
def ask(folder):
    """Run SQL over the bank's Parquet files and return a frame."""
    import duckdb

    con = duckdb.connect()
    for table in folder.iterdir():
        if table.is_dir() and not table.name.startswith("_"):
            con.execute(f"CREATE VIEW {table.name} AS FROM '{table}/*.parquet'")
    yield lambda sql: con.execute(sql).fetch_df()
    con.close()
