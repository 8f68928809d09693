"""Input and output: what campaigns cost, what is put down to them, and what they changed."""

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.bank import check_bank
from bankmkt.confidence import LEVEL, holm
from bankmkt.errors import ParameterError, SchemaError, one_of
from bankmkt.funnel.costs import campaign_sums, parse_prices
from bankmkt.funnel.platform import TOTAL
from bankmkt.funnel.traffic import LEVELS
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, check_k, discloses, exposed, small_cells

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

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

ROI = ("attributed_roi", "roi", "roi_lower", "roi_upper", "true_roi")
NOT_SAID = "not said"
NOT_ESTIMATED = "its effect was not estimated"
NO_VALUE = "no value of its outcome was given"
TOO_FEW = "too few customers stand behind it"


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
        customer, in units of the campaign's outcome), se, n (treated customers it holds for: those that are counted
        here, or it is withheld); optionally published (the result put down to the campaign, summed over participants)
        and reason (why the estimate is not to be trusted; empty or null if it is).
    value : mapping of outcome to yuan
        What a unit of the outcome is worth; by default :data:`VALUE`.
    prices : mapping of channel to yuan
        A contact attempt's; by default :data:`bankmkt.funnel.costs.PRICES`.
    by : str
        ``"campaign"``, ``"business_line"``, ``"kind"``, ``"org"`` (that runs it, at ``level``) or ``"assignment"``.
    level, org_id, as_of
        As of :func:`bankmkt.funnel.platform`; ``org_id`` counts the unit's customers only, and of a campaign's budget
        the share that these are of its treated customers.
    since
        Campaigns that began before it are left out.
    basis : str
        What ROI divides by: ``"cost"`` counted, or the ``"budget"`` planned, where the bank does not record all costs.
    k : int
        Figures about 1 to k − 1 customers are null, and what would give them away; 1 hides nothing.

    Returns
    -------
    pandas.DataFrame
        A row per group, and the total last. These add up: campaigns, treated, participants, contacts, contact_cost,
        benefit_cost (claimed and redeemed less reversed), cost (both), budget (planned), attributed_value
        (published result, or conversions that name the campaign, × value; null where that of a campaign is hidden or
        not known), covered_cost (the basis of campaigns whose effect is trusted), incremental_value (estimate × n ×
        value, of these), true_value (of synthetic banks, as far as known). Then incremental_lower, _upper (95%);
        attributed_roi, roi with _lower, _upper, true_roi: (value − basis) / basis, all of the same campaigns: those
        whose effect is trusted (all, if none is); p_value of an roi of 0 (normal; rows but the total are adjusted for
        their number by Holm's method); cost_per_participant, value_per_participant; withheld: why there is no
        incremental ROI, or of how many.
        By campaign also campaign_id, outcome, result, incremental and its _lower, _upper, true_result in units of the
        outcome; campaigns of one name are told apart by their numbers.

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
    again = sums["campaign"].duplicated(keep=False)
    sums["campaign"] = sums["campaign"].mask(again, sums["campaign"] + " (" + sums["campaign_id"].astype(str) + ")")
    t = _with_effects(sums, effects)
    t["worth"] = t["outcome"].map(worth).astype(float)
    t["reason"] = t["reason"].where(t["worth"].notna(), NO_VALUE)
    t = _valued(t.assign(**{by: t[by].fillna(NOT_SAID)}), basis, k)
    rows = [_rolled(part, str(name), by) for name, part in t.groupby(by, sort=by != "campaign")]
    frame = pd.concat([*rows, _rolled(t, TOTAL, by)], ignore_index=True)
    frame = _hidden(frame, basis, k, shared=org_id is not None)
    frame["p_value"] = [*holm(frame["p_value"].iloc[:-1]), frame["p_value"].iloc[-1]]
    if by != "campaign":
        return frame
    own = ["campaign", "campaign_id", "outcome", "assignment", "result", "incremental", "incremental_units_lower",
           "incremental_units_upper", "true_result"]  # fmt: skip
    return frame.merge(t[own], "left", on="campaign")


def _worth(value: Mapping[str, float] | None) -> dict[str, float]:
    if value is not None and not isinstance(value, Mapping):
        raise ParameterError("value", value, "a mapping of outcome to yuan", "pass value={'conversion': 300.0, …}")
    worth = dict(VALUE if value is None else value)
    for outcome, yuan in worth.items():
        if isinstance(yuan, bool) or not isinstance(yuan, int | float) or not np.isfinite(yuan):
            raise ParameterError(f"value of {outcome}", yuan, "yuan", "pass value={'conversion': 300.0, …}")
    return worth


def _with_effects(t: "pd.DataFrame", effects: "pd.DataFrame | None") -> "pd.DataFrame":
    """Attach the effects; without one, or with one of other customers, say so."""
    import pandas as pd

    if effects is None:
        return t.assign(estimate=np.nan, se=np.nan, n=np.nan, published=np.nan, reason=NOT_ESTIMATED)
    if not isinstance(effects, pd.DataFrame):
        raise ParameterError("effects", effects, "a frame, a row per campaign", "pass experiment.every_campaign(bank)")
    for name in ("campaign_id", "estimate", "se", "n"):
        if name not in effects:
            raise SchemaError("effects have no column", name, "a row per campaign", "pass experiment.every_campaign")
    for name in ("estimate", "se", "n", "published"):
        if name in effects and not pd.api.types.is_numeric_dtype(effects[name]):
            raise SchemaError(f"effects' {name}", str(effects[name].dtype), "numbers", "convert it")
    if effects["campaign_id"].duplicated().any():
        twice = effects.loc[effects["campaign_id"].duplicated(), "campaign_id"].tolist()[0]
        raise ParameterError("effects of campaign", twice, "one row per campaign", "choose one estimate")
    names = [name for name in ("campaign_id", "estimate", "se", "n", "published", "reason") if name in effects]
    t = t.merge(effects[names], "left", on="campaign_id")
    t = t.assign(**{name: None if name == "reason" else np.nan for name in ("published", "reason") if name not in t})
    reason = t["reason"].astype(object).where(t["reason"].notna(), "")
    unknown = t["estimate"].isna() | t["se"].isna()
    reason = reason.mask(unknown & (reason == ""), NOT_ESTIMATED)
    others = (t["n"] != t["treated"]) & (reason == "")
    size = t["n"].map(lambda n: "an unknown number of" if np.isnan(n) else f"{n:,.0f}")
    told = "its effect is of " + size + " treated customers, not of those that are counted here"
    return t.assign(reason=reason.mask(others, told))


def _valued(t: "pd.DataFrame", basis: str, k: int) -> "pd.DataFrame":
    """Turn results into yuan, and leave out what few customers brought."""
    from scipy.stats import norm

    converts = t["outcome"] == "conversion"
    result = t["published"].fillna(t["named_conversions"].where(converts))
    few = t["treated"].between(1, k - 1)
    few |= converts & (t["named_conversions"].between(1, k - 1) | discloses(result, t["participants"], k))
    reason = t["reason"].mask(few & (t["reason"] == ""), TOO_FEW)
    few |= t["participants"].between(1, k - 1)
    trusted = reason == ""
    incremental, se = ((t[name] * t["n"]).where(trusted) for name in ("estimate", "se"))
    wide = norm.ppf(0.5 + LEVEL / 2) * se
    true = t["true_result"].mask(t["treated"].between(1, k - 1))
    return t.assign(
        campaigns=1, cost=t["contact_cost"] + t["benefit_cost"], result=result.mask(few), incremental=incremental,
        incremental_units_lower=incremental - wide, incremental_units_upper=incremental + wide, reason=reason,
        attributed_value=result.mask(few) * t["worth"], incremental_value=incremental * t["worth"],
        variance=(se * t["worth"]) ** 2, covered=trusted, true_result=true, true_value=true * t["worth"],
    ).assign(basis=lambda f: f[basis], covered_cost=lambda f: f[basis].where(trusted, 0.0))  # fmt: skip


def _rolled(t: "pd.DataFrame", name: str, by: str) -> "pd.DataFrame":
    """Sum up one group of campaigns into a row."""
    import pandas as pd
    from scipy.stats import norm

    sums: dict[str, Any] = {column: t[column].sum(min_count=1) for column in SUMS}
    sums["attributed_value"] = t["attributed_value"].sum(skipna=False)
    compared = t[t["covered"]] if t["covered"].any() else t
    cost, covered = compared["basis"].sum(min_count=1), sums["covered_cost"]
    se = np.sqrt(t["variance"].sum()) if t["covered"].any() else np.nan
    wide, value = norm.ppf(0.5 + LEVEL / 2) * se, sums["incremental_value"]
    left = t.loc[~t["covered"], "reason"]
    withheld = f"{len(left)} of {len(t)} campaigns: no trustworthy effect" if len(left) else ""
    if by == "campaign" and name != TOTAL and len(left):
        withheld = left.iloc[0]
    joined = t.loc[t["covered"], "participants"].sum()
    attributed, true = (compared[column].sum(skipna=False) for column in ("attributed_value", "true_value"))
    return pd.DataFrame([{
        by: name, **sums, "incremental_lower": value - wide, "incremental_upper": value + wide,
        "attributed_roi": _roi(attributed, cost), "roi": _roi(value, covered),
        "roi_lower": _roi(value - wide, covered), "roi_upper": _roi(value + wide, covered),
        "true_roi": _roi(true, cost), "p_value": 2 * norm.sf(abs(value - covered) / se) if se > 0 else np.nan,
        "cost_per_participant": sums["cost"] / sums["participants"] if sums["participants"] else np.nan,
        "value_per_participant": value / joined if joined else np.nan, "withheld": withheld,
        **{f"of_{whom}": t[whom].max() for whom in ("treated", "participants", "contacted", "benefited")},
        "all_open": (t["assignment"] == "open").all(),
    }])  # fmt: skip


def _roi(value: float, cost: float) -> float:
    return (value - cost) / cost if cost > 0 else np.nan


def _hidden(frame: "pd.DataFrame", basis: str, k: int, *, shared: bool) -> "pd.DataFrame":
    """Hide what is about few customers; of a group of campaigns, who may share some, those of the largest count."""
    people = {name: frame[f"of_{name}"] for name in ("treated", "participants", "contacted", "benefited")}
    joined = _few(people["participants"], k, discloses(frame["participants"], frame["treated"], k))
    treated = _few(people["treated"], k, joined & frame["all_open"])
    cost = _few(people["contacted"].clip(lower=people["benefited"]), k)
    paid = _few(people["contacted"], k) | _few(people["benefited"], k) | cost
    divisor = cost if basis == "cost" else treated & shared
    where = {
        "treated": treated, "participants": joined | treated, "contacts": paid, "contact_cost": paid,
        "benefit_cost": paid, "cost": cost, "budget": treated & shared, "covered_cost": divisor,
        "cost_per_participant": cost | joined | treated, "value_per_participant": joined | treated,
        **dict.fromkeys((*ROI, "p_value"), divisor),
    }  # fmt: skip
    gone = divisor & frame["roi"].notna()
    out = frame.drop(columns=["all_open", *(f"of_{name}" for name in people)])
    out = out.assign(**{name: out[name].astype("float64").mask(hide) for name, hide in where.items()})
    return out.assign(withheld=out["withheld"].mask(gone, TOO_FEW))


def _few(people: "pd.Series", k: int, hidden: "pd.Series | None" = None) -> "pd.Series":
    """Say which rows are about few customers; the total as well, if it would give one away."""
    import pandas as pd

    rows = people.iloc[:-1]
    hide = small_cells(rows, k=k, hidden=None if hidden is None else hidden.iloc[:-1], overlapping=True)
    bare = exposed(rows, hide, by=[pd.Series(0, rows.index)], k=k).any() and k > 1
    whole = bare or 0 < people.iloc[-1] < k or (hidden is not None and hidden.iloc[-1])
    return pd.concat([hide, pd.Series([bool(whole)], [people.index[-1]])])
