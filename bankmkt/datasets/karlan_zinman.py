"""Karlan and Zinman's experiment: a lender's letters with randomised interest rates."""

import os
from io import BytesIO

import numpy as np
import pandas as pd

from bankmkt.datasets._source import Dataset, Source, folders, plain

FILE = "kz_demandelasts_aer08.dta.gz"

SOURCE = Source(
    name="karlan_zinman",
    files={FILE: (2_340_397, "d3be1400c5c1482041f65b5b91edfe8d1a5b6f660ca97ca4de200dc9462a16a0")},
    page="https://www.aeaweb.org/articles?id=10.1257/aer.98.3.1040",
    citation="Karlan, D. and Zinman, J. (2008). Credit Elasticities in Less-Developed Economies: Implications for "
    "Microfinance. American Economic Review 98(3), 1040-1068.",
    licence="CC BY 4.0 (data), copyright 2008 American Economic Association",
)

STRATA = ["risk", "wave"]
OFFER = ["offer4", "final4", "yearlong", "onetermshown", "termshown", "termshown4", "termshown6", "termshown12",
         "lnoffer4", "normrate_less", "normrate_more", "low", "med", "high", "waved1", "waved2", "waved3"]  # fmt: skip
OUTCOMES = ["applied", "tookup", "rejected", "tookup_afterdead_enforced", "tookup_outside_only", "loansize",
            "lnloansize", "term", "grossinterest", "pstdue_average", "sales_grossincome", "sales_netincome",
            "branchuse"]  # fmt: skip


def load_karlan_zinman(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Return how past borrowers of a South African lender answered letters that offered a random interest rate.

    The rate was drawn at random *within* each risk band and mailing wave: condition on both ``risk`` and ``wave``.
    All 54 published columns are kept, with their names, in the frame they belong to.

    Parameters
    ----------
    path
        The folder that holds ``kz_demandelasts_aer08.dta.gz``, or the folder above it; default: see
        ``docs/datasets.md``.

    Returns
    -------
    Dataset
        ``customers``: customer_id (the row's number in the file) and what was known before, among them dormancy
        (months since the last loan), trcount (prior loans), lastamount (rand), itcscore and appscore (external and
        internal credit scores), grossincome (thousand rand a month), age, female, married, edhi, rural, province.
        Missing values are as published (NaN), but an age of 0 is also one.
        ``assignments``: campaign_id (1), customer_id, risk and wave (the strata), offer4 (the rate offered, percent
        a month: the treatment, a dose and not an arm), final4 (the rate that a contract would have had), yearlong
        (1: the rate holds for a year of good repayment), normrate_less (1: at or below the usual rate of the risk
        band; the paper's demand estimates use these 53,178 letters), maturities shown in the letter, and recodings.
        ``outcomes``: campaign_id, customer_id, applied, tookup (0/1, before the deadline), rejected, later and
        outside borrowing, loansize (rand), term, grossinterest, pstdue_average, and what the lender's sales staff
        and branch recorded of applicants.

    Raises
    ------
    DataError
        If the file is missing or not as published.

    References
    ----------
    Karlan, D. and Zinman, J. (2008). Credit Elasticities in Less-Developed Economies: Implications for Microfinance.
    American Economic Review 98(3), 1040-1068, https://www.aeaweb.org/articles?id=10.1257/aer.98.3.1040; data CC BY
    4.0. The file is the replication package's ``kz_demandelasts_aer08.dta``, compressed with gzip.

    Examples
    --------
    >>> letters = load_karlan_zinman()
    >>> letters.outcomes[["applied", "tookup"]].mean().round(4).to_dict()
    {'applied': 0.0844, 'tookup': 0.0722}
    """
    (content,) = SOURCE.read(path, FILE)
    raw = plain(pd.read_stata(BytesIO(content), compression="gzip"))
    raw.insert(0, "customer_id", np.arange(1, len(raw) + 1))
    raw.insert(0, "campaign_id", 1)
    keys = ["campaign_id", "customer_id"]
    return Dataset.of(
        SOURCE,
        customers=raw.drop(columns=["campaign_id", *STRATA, *OFFER, *OUTCOMES]),
        assignments=raw[[*keys, *STRATA, *OFFER]],
        outcomes=raw[[*keys, *OUTCOMES]],
    )


def has_karlan_zinman(path: str | os.PathLike[str] | None = None) -> bool:
    """Say whether the letters are where :func:`load_karlan_zinman` looks for them.

    Examples
    --------
    >>> has_karlan_zinman("no/such/folder")
    False
    """
    return any((folder / FILE).is_file() for folder in folders(SOURCE.name, path))
