"""Berka's Czech bank as published for PKDD'99: eight tables, their labels in English."""

import os
from io import BytesIO

import pandas as pd

from bankmkt.datasets._source import Dataset, Source

SOURCE = Source(
    name="berka",
    files={
        "account.csv": (177_855, "5860f9dff86bac16d2a07a83f5eb4031551bd44c37a8b50ea9e5c88f04d6a877"),
        "card.csv": (28_019, "5bfcd6f89784449b899a28664fa7501a3838032dc2c600bab09976fd62ef6c93"),
        "client.csv": (132_409, "c9a0c352c22e37f91acbbdf333d588bc94c17706eebddbc31e540c41f33243b3"),
        "disp.csv": (124_346, "63eb6e0fce3f3584200230bfe724cf8fe91ca8b9bc24baf6c89b30ee376371a2"),
        "district.csv": (6_386, "dc6fdbcd6e9a52820fa70fbbff662e98020a78f482a217d47308b098c58cdeee"),
        "loan.csv": (29_764, "5c188b3e1a8324894531a8be9f745782d7f44c580ddc59cb7f1c4db542cc49d5"),
        "order.csv": (246_536, "f10935bd4cac165ee667999d79d6c33cf39b40c268c900859beaa749029dbcbf"),
        "trans_sample.csv": (2_274_349, "4991309374e80ba386bc4d2579ddef8d758235fad0c448c6c3fb8fe4e6b0f06e"),
    },
    page="https://sorry.vse.cz/~berka/challenge/pkdd1999/berka.htm (tables as CSV: "
    "https://relational.fel.cvut.cz/dataset/Financial; trans_sample.csv: see docs/datasets.md)",
    citation="Berka, P. (1999). Guide to the Financial Data Set. PKDD'99 Discovery Challenge.",
    licence="published for research in the PKDD'99 Discovery Challenge; no licence stated",
)

FREQUENCIES = {
    "POPLATEK MESICNE": "monthly",
    "POPLATEK TYDNE": "weekly",
    "POPLATEK PO OBRATU": "after transaction",
}
PURPOSES = {"SIPO": "household", "UVER": "loan", "POJISTNE": "insurance", "LEASING": "leasing"}
DISPOSITIONS = {"OWNER": "owner", "DISPONENT": "user"}
GENDERS = {"F": "female", "M": "male"}
"""Label as published → ours."""

DISTRICT = {
    "A2": "district", "A3": "region", "A4": "inhabitants", "A5": "municipalities_under_500",
    "A6": "municipalities_500_1999", "A7": "municipalities_2000_9999", "A8": "municipalities_10000_up",
    "A9": "cities", "A10": "urban_pct", "A11": "mean_salary", "A12": "unemployment_1995_pct",
    "A13": "unemployment_1996_pct", "A14": "entrepreneurs_per_1000", "A15": "crimes_1995", "A16": "crimes_1996",
}  # fmt: skip
"""Column of district.csv → its meaning in Berka's guide."""


def read_berka(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Return the eight published tables of a Czech bank, 1993 to 1998; money is Czech crowns.

    Parameters
    ----------
    path
        The folder that holds the eight files, or the folder above it; default: see ``docs/datasets.md``.

    Returns
    -------
    Dataset
        With the published columns, but for ``district`` whose A2…A16 are given names; dates are datetime64.
        ``accounts`` (4,500; frequency of statements), ``clients`` (5,369), ``dispositions`` (who owns an account and
        who else may use it), ``orders`` (6,471 standing orders), ``loans`` (682; duration in months, payments a month,
        status A: finished, paid; B: finished, not paid; C: running; D: running, in debt), ``cards`` (892),
        ``districts`` (77) are whole.
        ``transactions`` (30,200) covers only the 354 accounts whose loan was granted in 1997 or 1998, up to the day
        before the loan: not a sample of the bank. ``balance`` is the balance after the movement as published, and
        rows of one day are not in the order in which they were booked.

    Raises
    ------
    DataError
        If a file is missing or not as published.

    References
    ----------
    Berka, P. (1999). Guide to the Financial Data Set. PKDD'99 Discovery Challenge,
    https://sorry.vse.cz/~berka/challenge/pkdd1999/berka.htm; no licence stated. The seven whole tables are the CTU
    Prague Relational Learning Repository's conversion, https://relational.fel.cvut.cz/dataset/Financial.

    Examples
    --------
    >>> berka = read_berka()
    >>> berka.loans.status.value_counts().to_dict()
    {'C': 403, 'A': 203, 'D': 45, 'B': 31}
    """
    contents = dict(zip(SOURCE.files, SOURCE.read(path, *SOURCE.files), strict=True))

    def table(name: str, *dates: str) -> pd.DataFrame:
        frame = pd.read_csv(BytesIO(contents[name]))
        return frame.assign(**{day: _days(frame[day], "%Y-%m-%d") for day in dates})

    accounts, clients, orders = table("account.csv", "date"), table("client.csv", "birth_date"), table("order.csv")
    dispositions = table("disp.csv")
    codes = {"date": "str", "bank": "str", "account": "str"}
    transactions = pd.read_csv(BytesIO(contents["trans_sample.csv"]), sep=";", dtype=codes)
    return Dataset.of(
        SOURCE,
        accounts=accounts.assign(frequency=accounts["frequency"].map(FREQUENCIES)),
        clients=clients.assign(gender=clients["gender"].map(GENDERS)),
        dispositions=dispositions.assign(type=dispositions["type"].map(DISPOSITIONS)),
        orders=orders.assign(k_symbol=orders["k_symbol"].map(PURPOSES)),
        loans=table("loan.csv", "date"),
        cards=table("card.csv", "issued"),
        districts=table("district.csv").rename(columns=DISTRICT),
        transactions=transactions.assign(
            date=_days(transactions["date"], "%y%m%d"), k_symbol=transactions["k_symbol"].replace(" ", None)
        ),
    )


def _days(text: pd.Series, layout: str) -> pd.Series:
    return pd.to_datetime(text, format=layout).astype("datetime64[us]")
