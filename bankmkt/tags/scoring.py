"""Scores of every customer on a day, batch by batch."""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bankmkt.bank import Bank, check_bank
from bankmkt.damage import reading
from bankmkt.errors import ParameterError
from bankmkt.frames import batches
from bankmkt.lookback import parse_date
from bankmkt.tags.models import Model
from bankmkt.tags.prints import fingerprint
from bankmkt.tags.snapshots import Input, name_of, snapshot

BATCH = 50_000
"""Customers whose inputs are in memory at a time."""


def predict(
    bank: Bank,
    as_of: datetime.date | str,
    models: Mapping[str, Model],
    customers: Iterable[Any] | None = None,
    *,
    batch: int = BATCH,
    threads: int = 1,
) -> Any:
    """Give every customer's probabilities on a day.

    The engine computes the inputs in one scan a table and hands them over in batches; in memory are one batch and the
    scores, some 80 bytes a customer.

    Parameters
    ----------
    bank
        Of :func:`bankmkt.open_bank`.
    as_of
        The day; nothing later is seen.
    models
        Of :func:`bankmkt.tags.train`.
    customers
        Ids to score; all customers of the day by default.
    batch
        Customers a batch.
    threads
        Of LightGBM.

    Returns
    -------
    ibis table
        A row per customer of the day: ``customer_id`` and a probability per code; null for those whom the prediction
        does not judge.

    Raises
    ------
    ParameterError
        If ``models`` is empty or holds something else, or ``batch`` is not a positive integer.

    Examples
    --------
    >>> import bankmkt as bm
    >>> bank = bm.demo_bank()
    >>> models = bm.tags.train(bank, "2026-06-30", ["app_dormancy"], bm.tags.house_inputs()[:6], snapshots=1)
    >>> bm.tags.predict(bank, "2026-06-30", models, customers=[1, 2, 3]).columns
    ('customer_id', 'app_dormancy')
    """
    import ibis
    import pyarrow as pa

    chosen = check_models(models)
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise ParameterError("batch", batch, "an integer from 1", f"pass batch={BATCH}")
    known = check_bank(bank)
    wide = snapshot(known, parse_date("as_of", as_of), inputs_of(chosen), [m.prediction for m in chosen])
    if customers is not None:
        wide = wide.filter(wide.customer_id.isin(list(customers)))
    with reading(known.con, known.path):
        parts = [_scored(one, chosen, threads) for one in batches(wide, batch)]
    kind = wide.schema().to_pyarrow().field("customer_id").type
    columns = pa.schema([("customer_id", kind), *((m.prediction.code, pa.float64()) for m in chosen)])
    return ibis.memtable(pa.Table.from_batches([part.cast(columns) for part in parts], columns))


def _scored(batch: Any, models: list[Model], threads: int) -> Any:
    """Return ids and probabilities of a batch."""
    import pyarrow as pa

    frame = batch.to_pandas()
    columns = {"customer_id": batch.column("customer_id")}
    for model in models:
        code = model.prediction.code
        judged = frame[f"judged_{code}"].to_numpy(dtype=bool)
        score = np.zeros(len(frame))
        score[judged] = model.score(frame[judged], threads)
        columns[code] = pa.array(score, mask=~judged)
    return pa.RecordBatch.from_pydict(columns)


def check_models(models: Any) -> list[Model]:
    """Return the models in order, or raise ParameterError unless it is a mapping of some."""
    if not isinstance(models, Mapping) or not models or not all(isinstance(m, Model) for m in models.values()):
        raise ParameterError("models", models, "models by code", "pass what bm.tags.train or load_models returned")
    return list(models.values())


def inputs_of(models: Iterable[Model]) -> tuple[Input, ...]:
    """Return all that models look at, each once.

    Raises
    ------
    ParameterError
        If two models mean different things by one name.
    """
    found: dict[str, Input] = {}
    for model in models:
        for one in model.inputs:
            other = found.setdefault(name_of(one), one)
            if other is not one and fingerprint(other) != fingerprint(one):
                raise ParameterError("models", name_of(one), "one definition of an input", "score them one by one")
    return tuple(found.values())
