"""Whether what was done to some customers reached others: signs of it, as no test proves its absence."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.experiment.lots import SEED
from bankmkt.experiment.omnibus import omnibus
from bankmkt.experiment.window import campaign, members, needs

FEWEST_UNITS = 10
"""Units below which there is nothing to compare."""


def reached(bank: Any, name: int | str) -> Any:
    """Return which customers of a campaign it got to.

    Parameters
    ----------
    bank
        An open bank with the table contacts; referrals are used if there.
    name
        Name of the campaign, or its number.

    Returns
    -------
    ibis.Table
        A row per customer of the campaign: customer_id, contacted (any attempt of this campaign at the customer, or an
        invitation to it by another customer). Join it to the panel and name ``contacted`` in ``reached`` of
        :func:`bankmkt.experiment.check`.

    Raises
    ------
    ParameterError
        If ``bank`` is no bank or has no such campaign.
    SchemaError
        If it lacks a table.
    Refused
        If its balances do not reach to the end of the campaign.
    """
    needs(bank, "assignments", "contacts")
    plan = campaign(bank, name)
    touched = bank.contacts.filter(bank.contacts.campaign_id == plan.campaign_id).select("customer_id")
    if bank.has("referrals"):
        t = bank.referrals
        invited = t.filter(t.campaign_id == plan.campaign_id, t.referee_id.notnull())
        touched = touched.union(invited.select(customer_id=invited.referee_id))
    people = members(bank, plan)
    return people.select("customer_id", contacted=people.customer_id.isin(touched.distinct().customer_id))


def exposure(
    unit: pd.Series,
    outcome: pd.Series,
    treated: npt.NDArray[np.bool_],
    *,
    stratum: npt.NDArray[np.int64] | None = None,
    lot: pd.Series | None = None,
) -> tuple[float, float, int]:
    """Compare untreated customers of units with many treated and with few.

    Parameters
    ----------
    unit
        Each customer's household, branch or team.
    outcome
        Numbers; customers without one are left out.
    treated
        Whether each was.
    stratum
        Number of the stratum that each customer's lot was drawn in.
    lot
        What was drawn as a whole, if not single customers.

    Returns
    -------
    tuple
        How much an untreated customer's outcome differs between a unit whose other customers are all treated and one
        where none is (among units alike in size); its p-value, null where the lots leave nothing to compare; the units
        compared.

    Notes
    -----
    Exact under interference (Athey, Eckles & Imbens 2018, *JASA* 113): half of each unit's lots, taken at random, are
    held fixed; those of the others are drawn again within strata, which must not matter to the untreated of the
    first half. Where lots were balanced within units, name the unit among the strata.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> unit, treated = pd.Series(np.repeat(np.arange(1000), 3)), rng.random(3000) < 0.5
    >>> share = pd.Series(treated).groupby(unit).transform("mean")
    >>> exposure(unit, share + rng.normal(size=3000), treated)[1] < 0.001
    True
    """
    number = pd.factorize(unit)[0]
    inside = number >= 0
    number, treated = pd.factorize(number[inside])[0], np.asarray(treated, bool)[inside]
    y = outcome.to_numpy(float, na_value=np.nan)[inside]
    where = np.zeros(len(number), np.int64) if stratum is None else stratum[inside]
    lots = np.arange(len(number)) if lot is None else pd.factorize(lot[inside])[0]
    if not len(number):
        return 0.0, np.nan, 0
    size, hit = np.bincount(number), np.bincount(number, weights=treated)
    use = ~treated & ~np.isnan(y) & (size[number] > 1)
    units = len(np.unique(number[use]))
    if units < FEWEST_UNITS:
        return 0.0, np.nan, units
    bands = pd.qcut(size[number], 10, labels=False, duplicates="drop")
    cell = pd.DataFrame({"stratum": where, "band": np.nan_to_num(bands.astype(float))})[use]
    cells = cell.groupby(["stratum", "band"]).ngroup()
    rest = np.zeros(len(number))
    rest[use] = y[use] - pd.Series(y[use], cells.index).groupby(cells).transform("mean")
    share = pd.Series(hit[number[use]] / (size[number[use]] - 1), cells.index)
    off = (share - share.groupby(cells).transform("mean")).to_numpy()
    slope = float(off @ rest[use] / (off @ off)) if off @ off > 1e-9 else 0.0
    # every other lot of a unit, in random order
    first = np.unique(lots, return_index=True)[1]
    order = np.lexsort((np.random.default_rng(SEED).random(len(first)), number[first]))
    half = np.zeros(len(first), bool)
    half[order[::2]] = True
    fixed = half[lots]
    # what one more treated customer of the other half would weigh, by unit
    weight = np.bincount(number, weights=rest * (use & fixed)) / np.maximum(size - 1, 1)
    free = pd.DataFrame({"lot": lots, "weight": weight[number], "z": treated, "stratum": where})[~fixed]
    by = free.groupby("lot").agg({"weight": "sum", "z": "first", "stratum": "first"})
    p, df = omnibus(by[["z"]].to_numpy(float), by[["weight"]].to_numpy(float), by["stratum"].to_numpy(np.int64))
    return slope, p if df else np.nan, units
