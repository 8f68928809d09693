"""Hillstrom's e-mail experiment: three randomised arms, visits, purchases and spending."""

import os
from io import BytesIO

import numpy as np
import pandas as pd

from bankmkt.datasets._source import Dataset, Source, folders

SOURCE = Source(
    name="hillstrom",
    files={"hillstrom.csv": (3_964_977, "0e5893329d8b93cefecc571777672028290ab69865718020c78c7284f291aece")},
    page="https://blog.minethatdata.com/2008/03/minethatdata-e-mail-analytics-and-data.html",
    citation="Hillstrom, K. (2008). The MineThatData E-Mail Analytics and Data Mining Challenge.",
    licence="published for public analysis by the author; no licence stated",
)

ARMS = {"No E-Mail": "control", "Mens E-Mail": "treatment", "Womens E-Mail": "treatment_b"}
"""Arm as published → our arm."""


def load_hillstrom(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Return what an e-mail to 64,000 past buyers of a retailer changed in two weeks.

    Parameters
    ----------
    path
        The folder that holds ``hillstrom.csv``, or the folder above it; default: see ``docs/datasets.md``.

    Returns
    -------
    Dataset
        ``customers``: customer_id (the row's number in the file) and what was known before: recency (months since
        the last purchase), history_segment and history (dollars in the past year), mens and womens (1: bought such
        goods in the past year), zip_code (area), newbie (1: new in the past year), channel.
        ``assignments``: campaign_id (1), customer_id, arm (control: no e-mail; treatment: men's goods; treatment_b:
        women's goods), propensity (1/3 by design), segment (the arm as published).
        ``outcomes``: campaign_id, customer_id, visit (0/1), conversion (0/1), spend (dollars).

    Raises
    ------
    DataError
        If the file is missing or not as published.

    References
    ----------
    Hillstrom, K. (2008). The MineThatData E-Mail Analytics and Data Mining Challenge,
    https://blog.minethatdata.com/2008/03/minethatdata-e-mail-analytics-and-data.html; published for public analysis
    by the author, no licence stated.

    Examples
    --------
    >>> hillstrom = load_hillstrom()
    >>> hillstrom.assignments.arm.value_counts().to_dict()
    {'treatment_b': 21387, 'treatment': 21307, 'control': 21306}
    """
    (content,) = SOURCE.read(path, "hillstrom.csv")
    raw = pd.read_csv(BytesIO(content))
    raw.insert(0, "customer_id", np.arange(1, len(raw) + 1))
    raw.insert(0, "campaign_id", 1)
    assignments = raw[["campaign_id", "customer_id"]].assign(
        arm=raw["segment"].map(ARMS), propensity=1 / 3, segment=raw["segment"]
    )
    outcomes = ["visit", "conversion", "spend"]
    return Dataset.of(
        SOURCE,
        customers=raw.drop(columns=["campaign_id", "segment", *outcomes]),
        assignments=assignments,
        outcomes=raw[["campaign_id", "customer_id", *outcomes]],
    )


def has_hillstrom(path: str | os.PathLike[str] | None = None) -> bool:
    """Say whether the file is where :func:`load_hillstrom` looks for it.

    Examples
    --------
    >>> has_hillstrom("no/such/folder")
    False
    """
    return any((folder / "hillstrom.csv").is_file() for folder in folders(SOURCE.name, path))
