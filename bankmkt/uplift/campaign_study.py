"""A study from a bank and the name of a campaign: everything that was recorded of it, in one call."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import DataError, ParameterError, Refused, SchemaError, one_of
from bankmkt.experiment import campaign
from bankmkt.experiment import panel as panel_of
from bankmkt.experiment import propensity as estimated_propensity
from bankmkt.experiment.panel import COVARIATES
from bankmkt.experiment.truth import outcomes_by_arm
from bankmkt.schema import OUTCOMES
from bankmkt.uplift.study import CONTROL, LEAST_CHANCE, SRM_P, Study
from bankmkt.uplift.study_checks import aligned, floats, is_whole

JOINED = "joined"
"""Name of the treated arm of a campaign that customers joined of themselves."""


def study_of(
    bank: Any,
    name: int | str,
    *,
    outcome: str | None = None,
    cost: Mapping[str, float] | float = 0.0,
    value: float = 1.0,
    org_id: int | str | None = None,
    propensity: pd.DataFrame | None = None,
    seed: int = 7,
) -> Study:
    """Make the study of a campaign from what the bank recorded of it.

    What is known of a customer is what the bank knew at the last month end before the campaign began; each column's
    day goes into the study, which refuses later ones. Where lots were drawn the recorded chances are used, also where
    they differ between customers (a targeted campaign). A campaign that customers joined of themselves, or whose
    chances were not recorded, gets estimated ones and ``randomised=False``.

    Parameters
    ----------
    bank
        An open bank.
    name
        Name of the campaign, or its number.
    outcome
        ``conversion``, ``aum_change``, ``products_change`` or ``logins``; what the campaign was for, if not given.
    cost, value
        As of :class:`bankmkt.uplift.Study`.
    org_id
        Keep the customers of this unit and the units below it; None for the whole bank.
    propensity
        Chances of every arm, a column each, labelled by customer_id (or with that column): a must with several treated
        arms whose chances differ between customers, as the bank records only the chance of each customer's own arm.
    seed
        Of the folds by which chances are estimated.

    Returns
    -------
    Study
        Its index is ``customer_id``. In a campaign with estimated chances, customers for whom one of the arms was all
        but ruled out (a chance below 0.01) are left out: there is nobody to compare them with. With the truth, where
        the bank knows it: the difference of both outcomes, luck included.

    Raises
    ------
    ParameterError
        If the campaign, the outcome or the unit is unknown.
    SchemaError, DataError
        If the bank lacks a table that the study is made from, chances recorded cannot be of one lot, or ``propensity``
        is not as the bank recorded it.
    Refused
        If the outcome is not known yet, or chances are recorded of some customers only.

    Examples
    --------
    >>> import bankmkt as bm
    >>> study_of(bm.demo_bank(), "fund_1111_2025")
    Study(2,638 customers, 38 columns, arms control 836, treatment 1,802)
    """
    plan = campaign(bank, name)
    chosen = plan.outcome if outcome is None else outcome
    if chosen not in OUTCOMES:
        raise ParameterError("outcome", chosen, one_of(OUTCOMES), "name one of these columns of experiment.panel")
    if not is_whole(seed) or seed < 0:
        raise ParameterError("seed", seed, "an integer from 0", "pass seed=7")
    table = panel_of(bank, name, org_id=org_id)
    basics = ("customer_id", "arm", "propensity", "participated")
    people = bank.frame(table.select(*basics, *COVARIATES, chosen))
    if people[chosen].isna().any():
        raise Refused(f"{chosen} of campaign {name}", "not known", "a value for every customer", "name another outcome")
    drawn = plan.assignment != "open"
    arm = people["arm"].astype(str) if drawn else people["participated"].map({True: JOINED, False: CONTROL})
    own = people["propensity"].to_numpy(float, na_value=np.nan)
    recorded = drawn and not np.isnan(own).all()
    if recorded and np.isnan(own).any():
        seen = f"the chances of {int(np.isnan(own).sum()):,} customers of campaign {name} are not recorded"
        raise Refused(seen, todo="complete propensity in the table assignments, or empty it to have chances estimated")
    names = [CONTROL, *sorted(set(arm) - {CONTROL})]
    if not recorded and len(names) > 2:
        todo = "record propensity in the table assignments"
        raise Refused(f"campaign {name} has {len(names)} arms and no recorded chances", todo=todo)
    if propensity is not None:
        if not recorded:
            raise ParameterError("propensity", "given", "none, as the bank recorded no lot", "leave it out")
        chances = _given(propensity, people["customer_id"], arm, own, names)
    else:
        chances = _recorded(arm, own, names) if recorded else _estimated(people, arm, names, seed)
    truth = outcomes_by_arm(bank, name, people, chosen, names)
    effect = None if truth is None else truth[names[1:]].sub(truth[CONTROL], axis=0)
    keep = np.ones(len(people), bool) if recorded else (chances >= LEAST_CHANCE).all(axis=1).to_numpy()
    index = pd.Index(people["customer_id"], name="customer_id")[keep]
    X = people.loc[keep, [c for c in COVARIATES if people[c].notna().any()]].set_axis(index)
    return Study(
        X, arm[keep].to_numpy(), people.loc[keep, chosen].to_numpy(float), chances[keep].set_axis(index), cost, value,
        None if effect is None else effect[keep].set_axis(index), randomised=recorded, control=CONTROL,
        campaign_on=plan.starts_on, known_on=dict.fromkeys(X.columns, plan.baseline),
    )  # fmt: skip


def _recorded(arm: pd.Series, own: np.ndarray, names: list[str]) -> pd.DataFrame:
    """Return everybody's chance of each arm from everybody's chance of the arm that was drawn."""
    if len(names) == 2:
        treated = np.where(arm == names[1], own, 1 - own)
        chances = pd.DataFrame({names[0]: 1 - treated, names[1]: treated})
        for name in names if ((own > 0) & (own < 1)).all() else ():
            _add_up(name, own, (arm == name).to_numpy(), chances[name].to_numpy())
        return chances
    each = pd.Series(own).groupby(arm.to_numpy()).agg(["min", "max"])
    if (each["max"] - each["min"]).max() > 1e-9:
        seen = "the chances of several arms differ between customers, and only that of each customer's own is recorded"
        raise Refused(seen, todo="pass propensity, a column per arm, as it was when lots were drawn")
    return pd.DataFrame({name: np.full(len(arm), each.loc[name, "min"]) for name in names})


def _add_up(name: str, own: np.ndarray, drawn: np.ndarray, chance: np.ndarray) -> None:
    """Refuse chances that cannot be of one lot: over those drawn into an arm, 1 / chance adds up to all customers."""
    from scipy.stats import norm

    stands_for = float((1 / own[drawn]).sum())
    apart = (stands_for - len(own)) / np.sqrt(((1 - chance) / chance).sum())
    if 2 * norm.sf(abs(apart)) * 2 < SRM_P:
        seen = f"those of arm {name} would stand for {stands_for:,.0f} of {len(own):,} customers"
        todo = "record of each customer the chance of the arm drawn; chances of all arms add up to 1"
        raise DataError("propensity in the table assignments", seen, "about as many as there are", todo)


def _given(given: Any, ids: pd.Series, arm: pd.Series, own: np.ndarray, names: list[str]) -> pd.DataFrame:
    """Return chances that were kept beside the bank, after comparing them with what it recorded."""
    todo = "label its rows with customer_id, each once"
    if not isinstance(given, pd.DataFrame) or not set(names) <= set(given.columns):
        raise SchemaError("propensity", type(given).__name__, f"a frame with columns {', '.join(names)}", todo)
    if "customer_id" in given:
        given = given.set_index("customer_id")
    if twice := int(given.index.duplicated().sum()):
        raise DataError("propensity", f"{twice:,} rows of customers who have one already", "a row per customer", todo)
    if gone := int((~ids.isin(given.index)).sum()):
        raise DataError("propensity", f"{gone:,} customers without a row", "a row per customer", todo)
    for name in names:
        floats(f"propensity[{name!r}]", aligned(f"propensity[{name!r}]", given.loc[ids, name], ids.to_frame()))
    chances = given.loc[ids, names].astype(float).reset_index(drop=True)
    mine = chances.to_numpy()[np.arange(len(arm)), pd.Index(names).get_indexer(pd.Index(arm))]
    if off := int((np.abs(mine - own) > 1e-6).sum()):
        todo = "pass the chances that lots were drawn by"
        raise DataError("propensity", f"another chance than recorded for {off:,} customers", "the same", todo)
    return chances


def _estimated(people: pd.DataFrame, arm: pd.Series, names: list[str], seed: int) -> pd.DataFrame:
    chance = estimated_propensity(people.assign(participated=(arm == names[1]).to_numpy()), seed=seed)
    return pd.DataFrame({names[0]: 1 - chance, names[1]: chance})
