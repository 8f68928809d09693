"""Real public data as tables of ours: six published sets, checked against their checksums before use.

================================  ==================================================================
:func:`load_hillstrom`            an e-mail experiment: customers, assignments, outcomes
:func:`load_karlan_zinman`        a lender's experiment with interest rates: the same three tables
:func:`load_uci_bank`             a bank's telephone campaign: customers, contacts, outcomes
:func:`load_bpic2012`             a bank's loan applications: customers, events
:func:`load_cdnow`                a retailer's purchases: transactions
:func:`load_cdnow_bank`           the same, as a :class:`~bankmkt.bank.Bank` without balances
:func:`load_berka`                a Czech bank, as a :class:`~bankmkt.bank.Bank`
:func:`read_berka`                the Czech bank's eight published tables
================================  ==================================================================

The files are not part of this project; ``docs/datasets.md`` says where to get them and where they are looked for.
"""

from bankmkt.datasets._source import Dataset, Source
from bankmkt.datasets.berka import read_berka
from bankmkt.datasets.berka_bank import load_berka
from bankmkt.datasets.bpic2012 import has_bpic2012, load_bpic2012
from bankmkt.datasets.cdnow import load_cdnow, load_cdnow_bank
from bankmkt.datasets.hillstrom import has_hillstrom, load_hillstrom
from bankmkt.datasets.karlan_zinman import has_karlan_zinman, load_karlan_zinman
from bankmkt.datasets.uci_bank import load_uci_bank

__all__ = [
    "Dataset",
    "Source",
    "has_bpic2012",
    "has_hillstrom",
    "has_karlan_zinman",
    "load_berka",
    "load_bpic2012",
    "load_cdnow",
    "load_cdnow_bank",
    "load_hillstrom",
    "load_karlan_zinman",
    "load_uci_bank",
    "read_berka",
]
