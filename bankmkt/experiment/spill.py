"""Whether what was done to some customers reached others: signs of it, as no test proves its absence."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.experiment.window import campaign, members, needs


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


def exposure(unit: pd.Series, outcome: pd.Series, treated: npt.NDArray[np.bool_]) -> tuple[float, float, int]:
    """Compare untreated customers of units with many treated and with few.

    Parameters
    ----------
    unit
        Each customer's household, branch or team.
    outcome
        Numbers; customers without one are left out.
    treated
        Whether each was.

    Returns
    -------
    tuple
        How much an untreated customer's outcome differs between a unit whose other customers are all treated and one
        where none is; its p-value (t test with as many degrees of freedom as units less two); the units compared.

    Notes
    -----
    Lots make the share treated of a unit unrelated to its customers, so that a slope is the treated customers' doing
    (or chance). Where all units have the same share by design there is nothing to see: the p-value is 1.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> unit, treated = pd.Series(np.repeat(np.arange(100), 20)), rng.random(2000) < 0.5
    >>> share = pd.Series(treated).groupby(unit).transform("mean")
    >>> exposure(unit, share + rng.normal(size=2000), treated)[1] < 0.001
    True
    """
    from scipy.stats import t

    number = pd.factorize(unit)[0]
    y = outcome.to_numpy(float, na_value=np.nan)
    size, hit = np.bincount(number[number >= 0]), np.bincount(number[number >= 0], weights=treated[number >= 0])
    use = (number >= 0) & ~treated & ~np.isnan(y)
    use[use] = size[number[use]] > 1
    if not use.any():
        return 0.0, 1.0, 0
    here, y = number[use], y[use]
    share = hit[here] / (size[here] - 1)
    off, rest = share - share.mean(), y - y.mean()
    units, below = len(np.unique(here)), off @ off
    if units < 10 or below < 1e-9:
        return 0.0, 1.0, units
    slope = float(off @ rest / below)
    scores = np.bincount(here, weights=off * (rest - slope * off))
    se = float(np.sqrt(scores @ scores * units / (units - 1)) / below)
    return slope, float(2 * t.sf(abs(slope) / se, units - 2)) if se else 1.0, units
