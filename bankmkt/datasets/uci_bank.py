"""The UCI bank marketing set: a Portuguese bank's telephone campaigns for term deposits."""

import os
from io import BytesIO
from typing import Literal

import numpy as np
import pandas as pd

from bankmkt.datasets._source import Dataset, Source
from bankmkt.errors import ParameterError, one_of

SOURCE = Source(
    name="uci_bank",
    files={
        "bank-additional-full.csv.gz": (
            353_558,
            "0015fb98cda54dcdc770cb5597f26d173d0c61442d364a9d32ef3eb3741d4df1",
        ),
        "bank-full.csv.gz": (475_037, "24365f40703f183783d5cf8aae5e40c90f5fcce1659c4cf80e898adc30e99737"),
    },
    page="https://archive.ics.uci.edu/dataset/222/bank+marketing",
    citation="Moro, S., Cortez, P. and Rita, P. (2014). A Data-Driven Approach to Predict the Success of Bank "
    "Telemarketing. Decision Support Systems 62, 22-31.",
    licence="CC BY 4.0",
)

CUSTOMERS = ["age", "job", "marital", "education", "default", "balance", "housing", "loan"]
"""Columns about the customer; ``balance`` is in bank-full only."""


def load_uci_bank(
    path: str | os.PathLike[str] | None = None,
    which: Literal["bank-additional-full", "bank-full"] = "bank-additional-full",
) -> Dataset:
    """Return whom a Portuguese bank called between May 2008 and November 2010, and who took a term deposit.

    Nobody was drawn at random. ``duration`` is known only after the call and gives the answer away, and the number
    of calls is partly an effect of the answer, for calling stops after success.

    Parameters
    ----------
    path
        The folder that holds ``bank-additional-full.csv.gz`` and ``bank-full.csv.gz``, or the folder above it;
        default: see ``docs/datasets.md``.
    which
        ``bank-additional-full`` (41,188 rows, with the state of the economy at the call) or ``bank-full`` (45,211
        rows, with the customer's yearly mean balance in euros).

    Returns
    -------
    Dataset
        ``customers``: customer_id (the row's number in the file, ordered by date of the call), age, job, marital,
        education, default, (balance,) housing, loan.
        ``contacts``: a customer's calls in the campaign: customer_id, contact (channel of the last call), month and
        day or day_of_week of it, duration (seconds), campaign (number of calls), pdays (days since the last call of
        an earlier campaign; 999 or -1: none), previous (number of earlier calls), poutcome (what came of them); in
        bank-additional-full also emp_var_rate, cons_price_idx, cons_conf_idx, euribor3m, nr_employed.
        In bank-additional-full, 4,110 customers have pdays = 999 though previous > 0: there 999 is "unknown".
        ``outcomes``: customer_id, conversion (1: took the deposit).

    Raises
    ------
    ParameterError
        If ``which`` is neither of the two.
    DataError
        If the file is missing or not as published.

    References
    ----------
    Moro, S., Cortez, P. and Rita, P. (2014). A Data-Driven Approach to Predict the Success of Bank Telemarketing.
    Decision Support Systems 62, 22-31; https://archive.ics.uci.edu/dataset/222/bank+marketing; CC BY 4.0. The files
    are the published ones, compressed with gzip.

    Examples
    --------
    >>> calls = load_uci_bank()
    >>> calls.outcomes.conversion.groupby(calls.contacts.campaign.clip(upper=3)).mean().round(3).to_dict()
    {1: 0.13, 2: 0.115, 3: 0.087}
    """
    names = [file.removesuffix(".csv.gz") for file in SOURCE.files]
    if which not in names:
        raise ParameterError("which", which, one_of(names), "pass one of these names")
    (content,) = SOURCE.read(path, f"{which}.csv.gz")
    raw = pd.read_csv(BytesIO(content), sep=";", compression="gzip")
    raw = raw.rename(columns=lambda name: name.replace(".", "_"))
    raw.insert(0, "customer_id", np.arange(1, len(raw) + 1))
    own = [name for name in CUSTOMERS if name in raw]
    return Dataset.of(
        SOURCE,
        customers=raw[["customer_id", *own]],
        contacts=raw.drop(columns=[*own, "y"]),
        outcomes=raw[["customer_id"]].assign(conversion=(raw["y"] == "yes").astype("int64")),
    )
