"""The truth about where each customer's relation is going, at the last month of a synthetic bank."""

from typing import TYPE_CHECKING

import numpy as np

from bankmkt.errors import DataError
from bankmkt.synth.behaviour import DECLINING, DORMANT, GROWING, MATURE
from bankmkt.synth.population import population
from bankmkt.synth.streams import BLOCK
from bankmkt.synth.work import state_path

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

STAGES = {DORMANT: "dormant", DECLINING: "declining", MATURE: "mature", GROWING: "growing"}


def true_stages(bank: "Bank") -> "pd.DataFrame":
    """Return the stage that drives each customer at the end of a generated bank's last month.

    What no real bank knows: to judge states that were told from balances and activity. Never read by an estimator.

    Parameters
    ----------
    bank : Bank
        Opened where :func:`bankmkt.generate` made it.

    Returns
    -------
    pandas.DataFrame
        A row per customer whose account is open at the end of the last month: customer_id, stage (dormant, declining,
        mature or growing).

    Raises
    ------
    DataError
        If the bank was not made by this package, or does not hold its state any more.

    Examples
    --------
    >>> import bankmkt as bm
    >>> sorted(true_stages(bm.demo_bank()).stage.unique())
    ['declining', 'dormant', 'growing', 'mature']
    """
    import pandas as pd

    made = (bank.manifest or {}).get("parameters", {})
    if bank.path is None or not {"customers", "months", "seed", "start", "arrivals"} <= made.keys():
        raise DataError("bank", repr(bank), "a generated bank, where it was made", "open the folder of bm.generate")
    parts = []
    for number in range(-(-made["customers"] // BLOCK)):
        path = state_path(bank.path, number, made["months"] - 1)
        if not path.is_file():
            raise DataError("bank", str(path), "the state of the last month", "make the bank again")
        traits = population(made["seed"], number, made["start"], made["arrivals"])
        with np.load(path, allow_pickle=False) as file:
            parts.append(pd.DataFrame({
                "customer_id": traits.customer_id, "stage": file["state.stage"],
                "here": (file["state.closed"] < 0) & (traits.opened_month < made["months"]),
            }))  # fmt: skip
    found = pd.concat(parts, ignore_index=True)
    found = found[found["here"] & (found["customer_id"] <= made["customers"])].drop(columns="here")
    return found.replace({"stage": STAGES}).reset_index(drop=True)
