"""Every campaign of a bank in one frame: what it changed by the best design it allows, or why that cannot be said."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.bank import check_bank
from bankmkt.errors import Refused, one_of
from bankmkt.experiment.effect import effect
from bankmkt.experiment.estimate import Estimate, local, yes_no
from bankmkt.experiment.few import rests_on_few
from bankmkt.experiment.observational import doubly_robust
from bankmkt.experiment.panel import COVARIATES, panel
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, check_k, discloses
from bankmkt.schema import OUTCOMES

BY_CHOICE = "its customers chose to join: what the data do not show may be what brought them"
NOT_RECORDED = "the chances of an invitation are not recorded: what the data do not show may have decided on it"
TOO_FEW = "fewer than k = {k} customers of an arm converted, or did not"
BASICS = ("customer_id", "arm", "propensity", "participated", "treated")
PRECISE = ("aum_0", "aum_3", "aum_6", "aum_12", "products_0", "logins_mean_6", "tenure_months", "age")
"""What is adjusted for where chance decided: for a narrower range only."""
COLUMNS = ("campaign_id", "campaign", "outcome", "method", "target", "estimate", "se", "ci_low", "ci_high", "n",
           "published", "reason")  # fmt: skip


def every_campaign(
    bank: Any, *, since: dt.date | str | None = None, org_id: int | str | None = None, seed: int = 7, k: int = K
) -> pd.DataFrame:
    """Estimate what each campaign changed per treated customer, by the best design that it allows.

    Randomised: invited against not invited (:func:`bankmkt.experiment.effect`). Targeted with recorded chances of an
    invitation: the same, weighted by these chances (:func:`bankmkt.experiment.doubly_robust`), so that nothing unseen
    can bias it. Others: participants against similar non-participants, with the reason why that is not to be trusted.
    Nor is an estimate whose error rests on one customer, or on five. None is made that would tell of fewer than k
    converters.

    Parameters
    ----------
    bank : Bank
        With the tables of :func:`bankmkt.experiment.panel`.
    since
        Campaigns that began before it are left out.
    org_id
        Customers of this unit and those below it.
    seed
        Of folds.
    k
        Smallest arm, and fewest converters of an arm; smaller ones are not estimated.

    Returns
    -------
    pandas.DataFrame
        A row per campaign: campaign_id, campaign, outcome (its first), method, target, estimate, se, ci_low, ci_high
        (per treated customer), n (treated customers), published (the outcome summed over participants, as reports
        usually put it down to a campaign), reason (why the estimate is not to be trusted or is missing; empty if
        neither).

    Raises
    ------
    ParameterError
        If the bank is none or the unit is unknown.
    """
    check_k(k)
    t = check_bank(bank).campaigns
    if since is not None:
        t = t.filter(t.starts_on >= parse_date("since", since))
    plans = bank.fetch(t.select("campaign_id", "name", "outcome", "assignment").order_by("campaign_id")).to_pylist()
    names = [plan["name"] for plan in plans]
    keys = [plan["campaign_id"] if names.count(plan["name"]) > 1 else plan["name"] for plan in plans]
    rows = [_one(bank, plan, key, org_id, seed, k) for plan, key in zip(plans, keys, strict=True)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _one(
    bank: Any, plan: dict[str, Any], key: int | str, org_id: int | str | None, seed: int, k: int
) -> dict[str, Any]:
    out = {"campaign_id": plan["campaign_id"], "campaign": plan["name"], "outcome": plan["outcome"]}
    missing = dict.fromkeys(("estimate", "se", "ci_low", "ci_high", "n", "published"), np.nan)
    try:
        if plan["outcome"] not in OUTCOMES:
            raise Refused("outcome", plan["outcome"], one_of(OUTCOMES), "correct it in the table campaigns")
        table, drawn = panel(bank, key, org_id=org_id), plan["assignment"] != "open"
        # the engine computes what is asked for only
        people = local(table.select(*BASICS, *(PRECISE if drawn else COVARIATES), plan["outcome"]))
        joined = people.loc[yes_no(people, "participated"), plan["outcome"]]
        published = float(joined.sum()) if len(joined) >= k else np.nan
        if plan["outcome"] == "conversion":
            arms = people.groupby("treated")["conversion"].agg(["sum", "size"])
            if discloses(arms["sum"], arms["size"], k).any():
                raise Refused(TOO_FEW.format(k=k))
            published = np.nan if discloses(published, len(joined), k) else published
        found, reason = _estimate(people, plan, seed, k)
    except Refused as error:
        return {**out, "method": "", "target": "", **missing, "reason": str(error)}
    told = "; ".join(filter(None, (reason, rests_on_few(found))))
    figures = {name: getattr(found, name) for name in ("method", "target", "estimate", "se", "ci_low", "ci_high")}
    return {**out, **figures, "n": float(found.treated), "published": published, "reason": told}


def _estimate(people: pd.DataFrame, plan: dict[str, Any], seed: int, k: int) -> tuple[Estimate, str]:
    outcome, treated = plan["outcome"], people["treated"].to_numpy(bool)
    if plan["assignment"] == "randomised":
        return effect(people, outcome, k=k), ""
    own = people["propensity"].to_numpy(float, na_value=np.nan)
    how: dict[str, Any] = {"learner": "linear", "seed": seed, "k": k}
    if plan["assignment"] == "open":
        return doubly_robust(people, outcome, **how), BY_CHOICE
    how["covariates"] = PRECISE
    if np.isnan(own).any():
        return doubly_robust(people, outcome, **how), NOT_RECORDED
    chance = np.where(treated, own, 1 - own)
    return doubly_robust(people.assign(participated=treated), outcome, propensities=chance, **how), ""
