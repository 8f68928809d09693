"""CDNOW: eighteen months of purchases of everybody who first bought in the first quarter of 1997."""

import os
from io import BytesIO

import numpy as np
import pandas as pd

from bankmkt.bank import Bank, open_bank
from bankmkt.datasets._source import Dataset, Source

SOURCE = Source(
    name="cdnow",
    files={
        "CDNOW_master.txt": (1_950_500, "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"),
        "CDNOW_sample.txt": (228_327, "6fae10155c0b0ba363c2c386e30f77990d22328220efd862a5edd1443420d94a"),
    },
    page="http://www.brucehardie.com/datasets/",
    citation="Fader, P. S. and Hardie, B. G. S. (2001). Forecasting Repeat Sales at CDNOW: A Case Study. "
    "Interfaces 31(3), part 2, S94-S107.",
    licence="published for research and teaching by the authors; no licence stated",
)


def load_cdnow(path: str | os.PathLike[str] | None = None, sample: bool = False) -> Dataset:
    """Return the purchases of a retailer's new customers, January 1997 to June 1998.

    Parameters
    ----------
    path
        The folder that holds ``CDNOW_master.txt`` and ``CDNOW_sample.txt``, or the folder above it; default: see
        ``docs/datasets.md``.
    sample
        Whether to read the published sample of a tenth of the customers, on which the BG/NBD papers estimate.

    Returns
    -------
    Dataset
        ``transactions``: transaction_id (the row's number in the file), customer_id (the same in both files), ts
        (midnight of the day: the hour is not published), amount (dollars paid, positive), quantity (number of CDs);
        in the sample also sample_id (the customer's number in the sample).
        Days run from 1997-01-01 to 1998-06-30; a customer may buy several times a day, and 80 purchases cost 0.

    Raises
    ------
    DataError
        If the file is missing or not as published.

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2001). Forecasting Repeat Sales at CDNOW: A Case Study. Interfaces 31(3), part
    2, S94-S107; files and notes at http://www.brucehardie.com/datasets/; published for research and teaching by the
    authors, no licence stated.

    Examples
    --------
    >>> purchases = load_cdnow(sample=True).transactions
    >>> len(purchases), purchases.customer_id.nunique()
    (6919, 2357)
    """
    columns = ["customer_id", *(["sample_id"] if sample else []), "date", "quantity", "amount"]
    (content,) = SOURCE.read(path, "CDNOW_sample.txt" if sample else "CDNOW_master.txt")
    raw = pd.read_csv(BytesIO(content), sep=r"\s+", names=columns, skiprows=0 if sample else 1, dtype={"date": "str"})
    raw["ts"] = pd.to_datetime(raw["date"], format="%Y%m%d").astype("datetime64[us]")
    raw["transaction_id"] = np.arange(1, len(raw) + 1)
    ours = ["transaction_id", "customer_id", "ts", "amount", "quantity"]
    return Dataset.of(SOURCE, transactions=raw[[*ours, *(["sample_id"] if sample else [])]])


def load_cdnow_bank(path: str | os.PathLike[str] | None = None, sample: bool = False) -> Bank:
    """Return the retailer as a bank of ours with three tables, so that what needs no balances runs on it.

    Parameters
    ----------
    path, sample
        As of :func:`load_cdnow`.

    Returns
    -------
    Bank
        ``organisations``: the retailer; ``customers``: ``opened_on`` is the first purchase's day; ``transactions``:
        each purchase as ``spend`` on the web, its amount negative, as money that leaves. Wherever the contract says
        yuan, values are **dollars**.

    Raises
    ------
    DataError
        If the file is missing or not as published.

    Examples
    --------
    >>> load_cdnow_bank(sample=True).customers.count().execute()
    2357
    """
    bought = load_cdnow(path, sample).transactions
    first = bought.groupby("customer_id")["ts"].min().rename("opened_on").reset_index()
    transactions = bought[["transaction_id", "customer_id", "ts"]].assign(
        channel="web", kind="spend", amount=-bought["amount"], product="demand"
    )
    shop = pd.DataFrame({"org_id": [1], "level": "head_office", "name": "CDNOW"})
    return open_bank({"organisations": shop, "customers": first.assign(org_id=1), "transactions": transactions})
