"""Scores of any number of customers, in batches: what is in memory does not grow with the bank."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bankmkt.bank import Bank
from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.experiment.known import covariates
from bankmkt.frames import batches, engine_table, fetch
from bankmkt.saving import place, whole
from bankmkt.uplift.scorer import Scorer
from bankmkt.uplift.study_checks import is_whole
from bankmkt.uplift.target_files import PRIVATE

BATCH = 200_000
"""Customers that are in memory at a time."""


def score(
    customers: Any,
    known: Scorer,
    *,
    as_of: dt.date | str | None = None,
    by: str = "customer_id",
    path: str | Path | None = None,
    batch: int = BATCH,
    threads: int = 1,
) -> Any:
    """Score customers by what was learned from a study of others.

    Parameters
    ----------
    customers
        A bank, whose open customers are described as of ``as_of`` (:func:`bankmkt.experiment.covariates`); or an
        Ibis table or a frame with a row per customer and the columns of ``known.inputs``.
    known
        Of :func:`bankmkt.uplift.scorer`.
    as_of
        The day, for a bank only: nothing later is seen. What is known is that of the last month end until then.
    by
        Column of the customer, for a table.
    path
        Parquet file to write, which only its owner can read; without it the scores are kept in memory: 8 bytes an arm
        and customer, and the ids.
    batch
        Customers in memory at a time.
    threads
        Of LightGBM.

    Returns
    -------
    ibis table
        A row per customer: ``by`` and a column per treated arm, in an engine of its own (it reads ``path``).

    Raises
    ------
    ParameterError
        If an argument is not as above.
    SchemaError
        If a column is missing or of another kind than was learned.
    DataError
        If a customer has no id or comes twice, or the file exists or cannot be written.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from bankmkt.uplift import Study, scorer
    >>> X = pd.DataFrame({"x": np.arange(400) % 7})
    >>> study = Study(X, [0, 1] * 200, X["x"] * ([0, 1] * 200), propensity=0.5)
    >>> found = score(pd.DataFrame({"customer_id": [1, 2], "x": [0, 6]}), scorer(study, "T")).to_pandas()
    >>> bool(found["treatment"][0] < found["treatment"][1])
    True
    """
    import ibis
    import pyarrow as pa

    if not isinstance(known, Scorer):
        raise ParameterError("known", type(known).__name__, "what bm.uplift.scorer returned", "fit or load one")
    for name, number in (("batch", batch), ("threads", threads)):
        if not is_whole(number) or number < 1:
            raise ParameterError(name, number, "an integer from 1")
    file = None if path is None else place(path)
    if file is not None and file.suffix not in ("", ".parquet"):
        raise ParameterError("path", str(file), "a Parquet file", "such as scores.parquet")
    rows = _rows(customers, known, as_of, by)
    kind = rows.schema().to_pyarrow().field(by).type
    columns = pa.schema([(by, kind), *((arm, pa.float64()) for arm in known.arms)])
    parts = _scored(rows, known, by, columns, batch, threads)
    if file is None:
        return ibis.memtable(pa.Table.from_batches(list(parts), columns))
    return engine_table(_written(parts, columns, file), "scores")[0]


def _rows(customers: Any, known: Scorer, as_of: Any, by: str) -> Any:
    if isinstance(customers, Bank):
        if as_of is None or by != "customer_id":
            raise ParameterError("as_of", as_of, "the day for a bank, whose customers are customer_id", "pass a day")
        return covariates(customers, as_of).select(by, *known.inputs)
    if as_of is not None:
        raise ParameterError("as_of", as_of, "none for a table, which is of one day", "pass a bank, or leave it out")
    table, _ = engine_table(customers, "customers")
    if missing := [name for name in (by, *known.inputs) if name not in table.columns]:
        raise SchemaError("customers has no column", missing[0], "what the model looks at", "add it")
    ids = table[by]
    told = table.aggregate(rows=table.count(), known=ids.count(), customers=ids.nunique())
    rows, with_id, different = fetch(told).to_pylist()[0].values()
    if with_id < rows or different < rows:
        what = f"{rows - with_id:,} missing, {with_id - different:,} that come again"
        raise DataError(f"customers[{by!r}]", what, "an id per row, each once", "leave the others out")
    return table.select(by, *known.inputs)


def _scored(rows: Any, known: Scorer, by: str, columns: Any, batch: int, threads: int) -> Iterator[Any]:
    import pyarrow as pa

    for part in batches(rows, batch):
        scores = known.score(part.to_pandas(), threads)
        arrays = [part.column(by), *(pa.array(column) for column in scores.T)]
        yield pa.RecordBatch.from_arrays(arrays, names=columns.names).cast(columns)


def _written(parts: Iterator[Any], columns: Any, path: Path) -> Any:
    """Write batches to a file, whole or not at all, and return it as a table."""
    import pyarrow.parquet as pq

    from bankmkt.engines import connect

    with whole(path, "scores") as aside:
        aside.touch(PRIVATE)
        with pq.ParquetWriter(aside, columns, compression="zstd") as file:
            for part in parts:
                file.write_batch(part)
    return connect().read_parquet(path)
