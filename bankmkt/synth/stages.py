"""The truth about where each customer's relation is going, at a month end of a synthetic bank."""

from typing import TYPE_CHECKING

import numpy as np

from bankmkt.bank import check_bank
from bankmkt.errors import DataError
from bankmkt.lookback import parse_date
from bankmkt.months import last_month_end, month_number
from bankmkt.synth.behaviour import DECLINING, DORMANT, GROWING, MATURE
from bankmkt.synth.population import population
from bankmkt.synth.streams import BLOCK
from bankmkt.synth.work import state_path

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

STAGES = {DORMANT: "dormant", DECLINING: "declining", MATURE: "mature", GROWING: "growing"}


def true_stages(bank: "Bank") -> "pd.DataFrame":
    """Return the stage that drives each customer at the end of the last month that a generated bank knows.

    What no real bank knows: to judge states that were told from balances and activity. Never read by an estimator.

    Parameters
    ----------
    bank : Bank
        Opened where :func:`bankmkt.generate` made it. For ``bank.as_of(day)`` the truth is that of the last month end
        by the day, if the bank still holds its state then.

    Returns
    -------
    pandas.DataFrame
        A row per customer whose account is open at the end of that month: customer_id, stage (dormant, declining,
        mature or growing).

    Raises
    ------
    ParameterError
        If ``bank`` is no bank.
    DataError
        If the bank was not made by this package, or does not hold its state of that month.

    Examples
    --------
    >>> import bankmkt as bm
    >>> sorted(true_stages(bm.demo_bank()).stage.unique())
    ['declining', 'dormant', 'growing', 'mature']
    """
    import pandas as pd

    check_bank(bank)
    made = (bank.manifest or {}).get("parameters", {})
    if bank.path is None or not {"customers", "months", "seed", "start", "arrivals"} <= made.keys():
        raise DataError("bank", repr(bank), "a generated bank, where it was made", "open the folder of bm.generate")
    last = made["months"] - 1
    if bank.date is not None:
        start = parse_date("start", f"{made['start']}-01")
        last = min(last, month_number(last_month_end(bank.date)) - month_number(start))
    parts = []
    for number in range(-(-made["customers"] // BLOCK)):
        path = state_path(bank.path, number, last)
        if not path.is_file():
            todo = "make the bank again" if bank.date is None else "pass the bank as it was made, with all its months"
            raise DataError("bank", str(path), "the state of its last month", todo)
        traits = population(made["seed"], number, made["start"], made["arrivals"])
        with np.load(path, allow_pickle=False) as file:
            parts.append(pd.DataFrame({
                "customer_id": traits.customer_id, "stage": file["state.stage"],
                "here": (file["state.closed"] < 0) & (traits.opened_month <= last),
            }))  # fmt: skip
    found = pd.concat(parts, ignore_index=True)
    found = found[found["here"] & (found["customer_id"] <= made["customers"])].drop(columns="here")
    return found.replace({"stage": STAGES}).reset_index(drop=True)
