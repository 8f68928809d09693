"""Input and output: what campaigns cost, what is put down to them, and what they changed."""

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.bank import check_bank
from bankmkt.errors import ParameterError, SchemaError, one_of
from bankmkt.funnel.costs import campaign_sums, parse_prices
from bankmkt.funnel.platform import TOTAL
from bankmkt.funnel.traffic import LEVELS
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, check_k, small_cells

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

Z95 = 1.959963984540054
BASES = ("cost", "budget")
BY = ("campaign", "business_line", "kind", "org", "assignment")
VALUE = {"conversion": 300.0, "aum_change": 0.01, "logins": 1.0, "products_change": 100.0}
"""Yuan that one unit of an outcome is worth: assumptions to be replaced. A conversion and a further product by their
margin, a yuan of AUM by a yearly margin of 1%, a login a month by what an active customer brings."""

SUMS = (
    "campaigns", "treated", "participants", "contacts", "contact_cost", "benefit_cost", "cost", "budget",
    "attributed_value", "covered_cost", "incremental_value", "true_value",
)  # fmt: skip
"""Columns that add up over the rows to the total."""


def returns(
    bank: "Bank",
    effects: "pd.DataFrame | None" = None,
    *,
    value: Mapping[str, float] | None = None,
    prices: Mapping[str, float] | None = None,
    by: str = "campaign",
    level: str = "branch",
    org_id: int | str | None = None,
    since: dt.date | str | None = None,
    as_of: dt.date | str | None = None,
    basis: str = "cost",
    k: int = K,
) -> "pd.DataFrame":
    """Set what campaigns cost against what is put down to them, and against what they changed.

    Parameters
    ----------
    bank : Bank
        With campaigns and assignments; contacts, benefits (for costs), events and truth where it has them.
    effects : pandas.DataFrame, optional
        A row per campaign, as :func:`bankmkt.experiment.every_campaign` makes it: campaign_id, estimate (per treated
        customer, in units of the campaign's outcome), se, n (treated customers it holds for); optionally published (the
        result put down to the campaign, summed over participants) and reason (why the estimate is not to be trusted;
        empty or null if it is).
    value : mapping of outcome to yuan
        What a unit of the outcome is worth; by default :data:`VALUE`.
    prices : mapping of channel to yuan
        A contact attempt's; by default :data:`bankmkt.funnel.costs.PRICES`.
    by : str
        ``"campaign"``, ``"business_line"``, ``"kind"``, ``"org"`` (that runs it, at ``level``) or ``"assignment"``.
    level, org_id, as_of
        As of :func:`bankmkt.funnel.platform`; ``org_id`` counts the unit's customers only.
    since
        Campaigns that began before it are left out.
    basis : str
        What ROI divides by: ``"cost"`` counted, or the ``"budget"`` planned, where the bank does not record all costs.
    k : int
        Results that are about 1 to k − 1 customers are null; 1 hides nothing.

    Returns
    -------
    pandas.DataFrame
        A row per group, and the total last. These add up: campaigns, treated, participants, contacts, contact_cost,
        benefit_cost (claimed and redeemed less reversed), cost (both), budget (planned), attributed_value
        (published result, or conversions that name the campaign, × value), covered_cost (the basis of campaigns whose
        effect is trusted), incremental_value (estimate × n × value, of these), true_value (synthetic banks). Then
        incremental_lower, _upper (95%); attributed_roi, roi with _lower, _upper, true_roi: (value − basis) / basis, the
        incremental one, and the true one beside it, of the covered campaigns (the true one of all, if none is);
        cost_per_participant, value_per_participant; withheld: why there is no incremental ROI, or of how many.
        By campaign also outcome, result, incremental and its _lower, _upper, true_result in units of the outcome.

        The intervals are those of the estimates; costs count as known. Those of a sum take the campaigns' errors as
        independent, as their draws are.

    Raises
    ------
    ParameterError, SchemaError
        If an argument is not as above, or the bank lacks a table.
    """
    import pandas as pd

    check_k(k)
    if by not in BY:
        raise ParameterError("by", by, one_of(BY), 'pass by="campaign"')
    if level not in LEVELS:
        raise ParameterError("level", level, one_of(LEVELS), 'pass level="branch"')
    if basis not in BASES:
        raise ParameterError("basis", basis, one_of(BASES), 'pass basis="cost"')
    worth = _worth(value)
    bank = check_bank(bank).as_of(as_of) if as_of is not None else check_bank(bank)
    first = parse_date("since", since) if since is not None else None
    sums = campaign_sums(bank, parse_prices(prices), level=level, org_id=org_id, since=first)
    t = _with_effects(sums, effects)
    t["worth"] = t["outcome"].map(worth).astype(float)
    t["reason"] = t["reason"].where(t["worth"].notna(), "no value of its outcome was given")
    t = _valued(t, basis, k)
    rows = [_rolled(part.assign(**{by: name}), by) for name, part in t.groupby(by, sort=by != "campaign")]
    frame = pd.concat([*rows, _rolled(t.assign(**{by: TOTAL}), by)], ignore_index=True)
    if by != "campaign":
        return frame
    own = ["campaign", "outcome", "assignment", "result", "incremental", "incremental_units_lower",
           "incremental_units_upper", "true_result"]  # fmt: skip
    return frame.merge(t[own], "left", on="campaign")


def _worth(value: Mapping[str, float] | None) -> dict[str, float]:
    worth = dict(VALUE if value is None else value)
    for outcome, yuan in worth.items():
        if isinstance(yuan, bool) or not isinstance(yuan, int | float) or not np.isfinite(yuan):
            raise ParameterError(f"value of {outcome}", yuan, "yuan", "pass value={'conversion': 300.0, …}")
    return worth


def _with_effects(t: "pd.DataFrame", effects: "pd.DataFrame | None") -> "pd.DataFrame":
    """Attach the effects; without one, say so."""
    missing = "its effect was not estimated"
    if effects is None:
        return t.assign(estimate=np.nan, se=np.nan, n=np.nan, published=np.nan, reason=missing)
    for name in ("campaign_id", "estimate", "se", "n"):
        if name not in effects:
            raise SchemaError("effects have no column", name, "a row per campaign", "pass experiment.every_campaign")
    if effects["campaign_id"].duplicated().any():
        twice = effects.loc[effects["campaign_id"].duplicated(), "campaign_id"].tolist()[0]
        raise ParameterError("effects of campaign", twice, "one row per campaign", "choose one estimate")
    names = [name for name in ("campaign_id", "estimate", "se", "n", "published", "reason") if name in effects]
    t = t.merge(effects[names], "left", on="campaign_id")
    t = t.assign(**{name: None if name == "reason" else np.nan for name in ("published", "reason") if name not in t})
    reason = t["reason"].astype(object).where(t["reason"].notna(), "")
    unknown = (t["estimate"].isna() | t["se"].isna()) & (reason == "")
    return t.assign(reason=reason.mask(unknown, missing))


def _valued(t: "pd.DataFrame", basis: str, k: int) -> "pd.DataFrame":
    """Turn results into yuan, and hide what few customers brought."""
    trusted = t["reason"] == ""
    counted = t["conversions"].where(t["outcome"] == "conversion")
    few = small_cells(t["conversions"].where(t["outcome"] == "conversion", 0).fillna(0).astype("int64"), k=k) & (k > 1)
    few |= t["participants"].between(1, k - 1)
    result = t["published"].fillna(counted).mask(few)
    incremental, se = (t[name] * t["n"] for name in ("estimate", "se"))
    incremental, se = incremental.where(trusted), se.where(trusted)
    return t.assign(
        campaigns=1, cost=t["contact_cost"] + t["benefit_cost"], result=result, incremental=incremental,
        incremental_units_lower=incremental - Z95 * se, incremental_units_upper=incremental + Z95 * se,
        attributed_value=result * t["worth"], incremental_value=incremental * t["worth"],
        variance=(se * t["worth"]) ** 2, covered=trusted,
        true_value=t["true_result"] * t["worth"],
    ).assign(basis=lambda f: f[basis], covered_cost=lambda f: f[basis].where(trusted, 0.0))  # fmt: skip


def _rolled(t: "pd.DataFrame", by: str) -> "pd.DataFrame":
    """Sum up one group of campaigns into a row."""
    import pandas as pd

    sums: dict[str, Any] = {name: t[name].sum(min_count=1) for name in SUMS}
    whole = {name: sums[name] for name in ("attributed_value", "true_value") if t[name].notna().all()}
    cost, covered = t["basis"].sum(min_count=1), sums["covered_cost"]
    wide = Z95 * np.sqrt(t["variance"].sum()) if t["covered"].any() else np.nan
    value = sums["incremental_value"]
    left = t.loc[~t["covered"], "reason"]
    if by == "campaign" and t[by].iloc[0] != TOTAL:
        withheld = left.iloc[0] if len(left) else ""
    else:
        withheld = f"{len(left)} of {len(t)} campaigns: no trustworthy effect" if len(left) else ""
    roi = _roi(value, covered)
    true_of = t[t["covered"]] if t["covered"].any() else t
    return pd.DataFrame([{
        by: t[by].iloc[0], **sums, "incremental_lower": value - wide, "incremental_upper": value + wide,
        "attributed_roi": _roi(whole.get("attributed_value", np.nan), cost),
        "roi": roi, "roi_lower": _roi(value - wide, covered), "roi_upper": _roi(value + wide, covered),
        "true_roi": _roi(true_of["true_value"].sum(min_count=1) if true_of["true_value"].notna().all() else np.nan,
                         true_of["basis"].sum()),
        "cost_per_participant": sums["cost"] / sums["participants"] if sums["participants"] else np.nan,
        "value_per_participant": value / t.loc[t["covered"], "participants"].sum()
        if t.loc[t["covered"], "participants"].sum() else np.nan,
        "withheld": withheld,
    }])  # fmt: skip


def _roi(value: float, cost: float) -> float:
    return (value - cost) / cost if cost > 0 else np.nan
