"""BPI Challenge 2012: every step of 13,087 loan applications at a Dutch bank."""

import gzip
import os
from io import BytesIO
from xml.parsers import expat

import numpy as np
import pandas as pd

from bankmkt.datasets._source import Dataset, Source, folders

FILE = "financial_log.xes.gz"

SOURCE = Source(
    name="bpic2012",
    files={FILE: (3_342_406, "5cd9cc16b9bcb20bd4aae45666a5d87479ddbf47e6371618b6ad217174cecdf3")},
    page="https://doi.org/10.4121/uuid:3926db30-f712-4394-aebc-75976070e91f",
    citation="van Dongen, B. (2012). BPI Challenge 2012. 4TU.ResearchData.",
    licence="4TU General Terms of Use",
)

CASE = {"concept:name": "customer_id", "REG_DATE": "registered_at", "AMOUNT_REQ": "amount_requested"}
EVENT = {
    "customer_id": "customer_id",
    "time:timestamp": "ts",
    "concept:name": "event",
    "lifecycle:transition": "lifecycle",
    "org:resource": "resource",
}
"""Key in the log → our column."""


def load_bpic2012(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Return the log of a Dutch bank's applications for a loan or overdraft, October 2011 to March 2012.

    Activities that begin with ``A_`` are states of the application, ``O_`` of the offers made for it, ``W_`` work
    done on it. The log does not say which applications come from the same person, so an application stands for a
    customer.

    Parameters
    ----------
    path
        The folder that holds ``financial_log.xes.gz``, or the folder above it; default: see ``docs/datasets.md``.

    Returns
    -------
    Dataset
        ``customers``: customer_id (the application: the log's case), registered_at (when it was), amount_requested
        (euros).
        ``events``: event_id (the event's number in the file: it orders events of equal ts), customer_id, ts, event
        (the activity), lifecycle (schedule, start, complete), resource (the employee's number as text; null where
        not recorded).
        Timestamps are Dutch local time without zone, as our contract has it: the log's offset (+02:00 until
        30 October 2011, +01:00 after) is dropped, so a duration across that night comes out an hour short.

    Raises
    ------
    DataError
        If the file is missing or not as published.

    References
    ----------
    van Dongen, B. (2012). BPI Challenge 2012. 4TU.ResearchData,
    https://doi.org/10.4121/uuid:3926db30-f712-4394-aebc-75976070e91f; 4TU General Terms of Use.

    Examples
    --------
    >>> log = load_bpic2012()
    >>> reached = log.events.groupby("event").customer_id.nunique()
    >>> reached[["A_SUBMITTED", "A_PREACCEPTED", "A_ACCEPTED"]].to_dict()
    {'A_SUBMITTED': 13087, 'A_PREACCEPTED': 7367, 'A_ACCEPTED': 5113}
    """
    (content,) = SOURCE.read(path, FILE)
    with gzip.open(BytesIO(content)) as log:
        cases, events = _parse(log)
    customers = pd.DataFrame(cases, columns=list(CASE)).rename(columns=CASE)
    steps = pd.DataFrame(events, columns=list(EVENT)).rename(columns=EVENT)
    steps.insert(0, "event_id", np.arange(1, len(steps) + 1))
    return Dataset.of(
        SOURCE,
        customers=customers.assign(
            customer_id=customers["customer_id"].astype("int64"),
            registered_at=_local(customers["registered_at"]),
            amount_requested=customers["amount_requested"].astype("float64"),
        ),
        events=steps.assign(
            customer_id=steps["customer_id"].astype("int64"),
            ts=_local(steps["ts"]),
            lifecycle=steps["lifecycle"].str.lower(),
        ),
    )


def has_bpic2012(path: str | os.PathLike[str] | None = None) -> bool:
    """Say whether the log is where :func:`load_bpic2012` looks for it.

    Examples
    --------
    >>> has_bpic2012("no/such/folder")
    False
    """
    return any((folder / FILE).is_file() for folder in folders(SOURCE.name, path))


def _parse(log: gzip.GzipFile) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the attributes of each trace and of each event, read as a stream; the log's own are left out.

    An event bears its trace's name as ``customer_id``.
    """
    cases: list[dict[str, str]] = []
    events: list[dict[str, str]] = []
    current: dict[str, str] | None = None

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal current
        if tag == "trace":
            current = {}
            cases.append(current)
        elif tag == "event":
            current = {"customer_id": cases[-1]["concept:name"]}
            events.append(current)
        elif current is not None:
            current[attributes["key"]] = attributes["value"]

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.ParseFile(log)
    return cases, events


def _local(stamps: pd.Series) -> pd.Series:
    """Return the wall-clock time of ISO 8601 stamps: the offset at their end is dropped."""
    return pd.to_datetime(stamps.str.slice(0, 23), format="%Y-%m-%dT%H:%M:%S.%f").astype("datetime64[us]")
