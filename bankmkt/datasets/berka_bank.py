"""The Czech bank in our tables: customers, a ledger and the balances it adds up to."""

import os
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bankmkt.bank import Bank, open_bank
from bankmkt.datasets._source import Dataset
from bankmkt.datasets.berka import read_berka
from bankmkt.schema import ASSETS, PRODUCTS, TABLES

if TYPE_CHECKING:
    import pyarrow as pa

END = pd.Timestamp("1998-12-31")
"""Last day of the books."""

HEAD_OFFICE = 1
REGIONS = 10
DISTRICTS = 100
"""Numbers of units: the head office, regions from 11, districts from 101 (100 + the published number)."""

BY_PURPOSE = {
    "interest credited": ("interest", None, "auto"),
    "payment for statement": ("fee", None, "auto"),
    "sanction interest if negative balance": ("fee", None, "auto"),
    "household": ("bill", "housing", "auto"),
    "insurrance payment": ("bill", "other", "auto"),
}
BY_OPERATION = {
    "credit in cash": ("cash_in", None, "counter"),
    "withdrawal in cash": ("cash_out", None, "counter"),
    "credit card withdrawal": ("cash_out", None, "atm"),
    "collection from another bank": ("transfer_in", None, "auto"),
    "remittance to another bank": ("transfer_out", None, "auto"),
}
"""Published purpose or, failing that, operation → our kind, category and channel."""


def load_berka(path: str | os.PathLike[str] | None = None) -> Bank:
    """Return the Czech bank's 354 account owners whose transactions are public, as a bank of ours; money is crowns.

    Of 4,500 accounts, only those that were granted a loan in 1997 or 1998 have public transactions, from opening to
    the day before the loan. Other owners have no known balance and are left out; :func:`read_berka` has them. These
    customers are not a sample of the bank: all of them were to borrow.

    Parameters
    ----------
    path
        The folder that holds the eight files, or the folder above it; default: see ``docs/datasets.md``.

    Returns
    -------
    Bank
        In DuckDB, with four tables. Wherever the contract says yuan, values are **Czech crowns (CZK)**.

        - ``organisations``: a head office, the 8 regions as branches, the 77 districts as sub-branches.
        - ``customers``: the owner of each account; ``opened_on`` is the account's date, ``org_id`` its district.
          Nobody is known to have left.
        - ``transactions``: the 30,200 published movements of the current account (``demand``, at 00:00 as only days
          are published), and entries made here, numbered after them. *Overdrafts*: where a day ends below zero, the
          bank lends what is missing (``loan_drawdown`` in ``demand`` and in ``loan``) and takes it back when money
          comes in. *Loans*: the amount on its date, then the published monthly
          payments on schedule until paid or 1998-12-31, in ``loan`` only: where the money went and came from is not
          public, and neither is who paid late.
        - ``balances``: each month end from opening to 1998-12, the running sums of these transactions, within 0.60
          crowns of the published balances, which are rounded. After a customer's loan ``demand`` stands still,
          as the public ledger ends there. **Up to 1996-12-31 every ledger is whole:**
          ``load_berka().as_of("1996-12-31")`` is the bank to check up on; later months are for loans.

        Money drawn with a card leaves the current account at once: it has channel ``atm``, and no card debt exists,
        though the guide calls the cards credit cards. :func:`read_berka` lists them.

    Raises
    ------
    DataError
        If a file is missing or not as published.

    References
    ----------
    Berka, P. (1999). Guide to the Financial Data Set. PKDD'99 Discovery Challenge,
    https://sorry.vse.cz/~berka/challenge/pkdd1999/berka.htm; no licence stated.

    Examples
    --------
    >>> bank = load_berka()
    >>> bank.months[0], bank.months[-1]
    (datetime.date(1995, 4, 30), datetime.date(1998, 12, 31))
    """
    published = read_berka(path)
    customers = _customers(published)
    ledger = _ledger(published, customers)
    frames = {
        "organisations": _organisations(published.districts),
        "customers": customers.drop(columns="account_id"),
        "balances": _balances(ledger, customers),
        "transactions": ledger.assign(amount=ledger["cents"] / 100).drop(columns="cents"),
    }
    return open_bank({name: _arrow(name, frame) for name, frame in frames.items()})


def _organisations(districts: pd.DataFrame) -> pd.DataFrame:
    """Return the head office, a branch per region and a sub-branch per district."""
    regions = districts["region"].drop_duplicates().reset_index(drop=True)
    numbers = pd.Series(REGIONS + 1 + np.arange(len(regions)), index=regions)
    head = pd.DataFrame({"org_id": [HEAD_OFFICE], "level": "head_office", "name": "Head office"})
    branches = pd.DataFrame(
        {"org_id": numbers.to_numpy(), "parent_id": HEAD_OFFICE, "level": "branch", "name": regions}
    )
    subs = pd.DataFrame(
        {
            "org_id": DISTRICTS + districts["district_id"],
            "parent_id": districts["region"].map(numbers),
            "level": "sub_branch",
            "name": districts["district"],
            "city": districts["district"],
        }
    )
    units = pd.concat([head, branches, subs], ignore_index=True)
    return units.astype({"parent_id": "Int64"})


def _customers(published: Dataset) -> pd.DataFrame:
    """Return the owners of the accounts with public transactions, with their account_id."""
    accounts = published.accounts[published.accounts["account_id"].isin(published.transactions["account_id"])]
    owners = published.dispositions[published.dispositions["type"] == "owner"]
    people = published.clients[["client_id", "gender", "birth_date"]]
    joined = accounts.merge(owners[["account_id", "client_id"]], on="account_id").merge(people, on="client_id")
    joined["org_id"] = DISTRICTS + joined["district_id"]
    joined = joined.rename(columns={"client_id": "customer_id", "date": "opened_on"}).sort_values("customer_id")
    return joined[["customer_id", "gender", "birth_date", "opened_on", "org_id", "account_id"]]


def _ledger(published: Dataset, customers: pd.DataFrame) -> pd.DataFrame:
    """Return every movement in cents, so that sums are exact: transaction_id, customer_id, ts, …, product."""
    owner = customers.set_index("account_id")["customer_id"]
    money = _published_movements(published.transactions, owner)
    lent = _loan_entries(published.loans, owner)
    made = pd.concat([_overdraft_entries(money), lent], ignore_index=True).sort_values(
        ["ts", "customer_id", "kind", "product"], kind="stable"
    )
    made["transaction_id"] = money["transaction_id"].max() + 1 + np.arange(len(made))
    ledger = pd.concat([money, made], ignore_index=True)
    return ledger.sort_values(["customer_id", "ts", "transaction_id"], ignore_index=True)


def _published_movements(transactions: pd.DataFrame, owner: pd.Series) -> pd.DataFrame:
    labels = {**BY_OPERATION, **BY_PURPOSE}
    label = transactions["k_symbol"].fillna(transactions["operation"])
    kind, category, channel = (label.map({name: ours[i] for name, ours in labels.items()}) for i in range(3))
    cents = (transactions["amount"] * 100).round().astype("int64")
    in_cash = (transactions["operation"] == "withdrawal in cash") & (kind == "bill")
    return pd.DataFrame(
        {
            "transaction_id": transactions["trans_id"],
            "customer_id": transactions["account_id"].map(owner),
            "ts": transactions["date"],
            "channel": channel.mask(in_cash, "counter"),
            "kind": kind,
            "category": category,
            "cents": cents.where(transactions["type"] == "credit", -cents),
            "product": "demand",
        }
    )


def _overdraft_entries(money: pd.DataFrame) -> pd.DataFrame:
    """Return what the bank lends and takes back at day ends so that no current account is below zero."""
    days = money.groupby(["customer_id", "ts"], as_index=False)["cents"].sum()
    balance = days.groupby("customer_id")["cents"].cumsum()
    owed = (-balance).clip(lower=0)
    days["cents"] = owed - owed.groupby(days["customer_id"]).shift(fill_value=0)
    days = days[days["cents"] != 0]
    kind = np.where(days["cents"] > 0, "loan_drawdown", "loan_repayment")
    entries = [days.assign(kind=kind, product=product) for product in ("demand", "loan")]
    return pd.concat(entries, ignore_index=True).assign(channel="auto")


def _loan_entries(loans: pd.DataFrame, owner: pd.Series) -> pd.DataFrame:
    """Return the loans of the owners and their monthly payments, as scheduled, up to the end of the books."""
    loans = loans[loans["account_id"].isin(owner.index)]
    granted = pd.DataFrame(
        {
            "customer_id": loans["account_id"].map(owner),
            "ts": loans["date"],
            "cents": (loans["amount"] * 100).astype("int64"),
            "kind": "loan_drawdown",
        }
    )
    paid = [
        granted.assign(
            ts=(loans["date"] + pd.DateOffset(months=n)).astype("datetime64[us]"),
            cents=-(loans["payments"] * 100).round().astype("int64"),
            kind="loan_repayment",
        )[loans["duration"] >= n]
        for n in range(1, loans["duration"].max() + 1)
    ]
    entries = pd.concat([granted, *paid], ignore_index=True)
    return entries[entries["ts"] <= END].assign(product="loan", channel="auto")


def _balances(ledger: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    """Return each customer's balances at every month end from opening to the end of the books."""
    last = pd.offsets.MonthEnd(0)
    months = pd.DataFrame({"month": pd.date_range(customers["opened_on"].min() + last, END, freq="ME", unit="us")})
    rows = customers[["customer_id", "opened_on"]].merge(months, how="cross")
    rows = rows[rows["month"] >= rows["opened_on"]].set_index(["customer_id", "month"])
    flows = ledger.assign(month=(ledger["ts"] + last).astype("datetime64[us]")).pivot_table(
        index=["customer_id", "month"], columns="product", values="cents", aggfunc="sum", fill_value=0
    )
    flows = flows.reindex(index=rows.index, columns=list(PRODUCTS), fill_value=0)
    cents = flows.groupby("customer_id").cumsum()
    balances = cents / 100
    balances["aum"] = cents[list(ASSETS)].sum(axis="columns") / 100
    balances["products"] = (cents != 0).sum(axis="columns")
    return balances.reset_index()


def _arrow(name: str, frame: pd.DataFrame) -> "pa.Table":
    """Return a frame as an Arrow table with the types of our table of that name."""
    import pyarrow as pa

    kinds = {"id": pa.int64(), "date": pa.date32(), "timestamp": pa.timestamp("us"), "boolean": pa.bool_()}
    columns = [c for c in TABLES[name].columns if c.name in frame]
    types = pa.schema([(c.name, kinds.get(c.type) or pa.type_for_alias(c.type)) for c in columns])
    return pa.Table.from_pandas(frame, schema=types, preserve_index=False)
