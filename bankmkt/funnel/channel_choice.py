"""Which customers should go where: a first answer, from the way they prefer, what they are worth and how they react."""

import datetime as dt
import functools
from typing import TYPE_CHECKING, Any

import pandas as pd

from bankmkt.bank import check_bank
from bankmkt.errors import DataError, ParameterError, one_of
from bankmkt.frames import fetch
from bankmkt.funnel.channels import REACTED, WAYS, acts
from bankmkt.funnel.rates import shares
from bankmkt.funnel.touches import of_unit
from bankmkt.lookback import parse_date
from bankmkt.months import last_month_end
from bankmkt.privacy import K, check_k, discloses, small_cells
from bankmkt.terms import TIERS, TOP_TIER

if TYPE_CHECKING:
    from bankmkt.bank import Bank

LEAST_DAYS = 5
"""Days with an act of one's own, below which no preference is seen."""

CLEAR = 0.6
"""Part of these days by one way, from which it is preferred."""

UNSEEN = "no preference seen"
ALONE = "leave alone"
ANSWERABLE = {"online": ("app_push", "wechat", "email"), "remote": ("call",), "offline": ("rm", "counter")}
"""Contacts whose answer can be seen; nobody opens a text message in the data."""

TIER_NAMES = (*(name for _, name in TIERS), TOP_TIER)
LONG_TAIL_TIERS, TOP_TIERS = TIER_NAMES[:1], TIER_NAMES[2:]
RULES = {
    "asked not to be contacted": ALONE,
    "prefers it": "online",
    "valuable: a manager": "offline",
    "prefers the branch and is worth its time": "offline",
    "answers calls": "remote",
    "has the app; cheaper than a call": "online",
    "cannot be reached online": "remote",
}
"""Reasons, in the order in which the first that fits decides, and the way they lead to."""


def channel_choice(bank: "Bank", as_of: dt.date | str, *, days: int = 180, org_id: int | str | None = None) -> Any:
    """Say for every customer by which way to reach them, and why.

    The rules are :data:`RULES`: a wish to be left alone comes first; who prefers online stays there; customers from
    half a million yuan of AUM get a manager; the branch is for those who prefer it and are not the long tail; calls are
    for those who answer them; the app for who has it; the others are called. These are rules, no effects: whether
    customers bring more by the recommended way only an experiment tells.

    Parameters
    ----------
    bank : Bank
    as_of : date or str
        Nothing later is seen.
    days : int
        Looked back for acts and contacts.
    org_id : int or str, optional
        Only customers of this unit and those below it.

    Returns
    -------
    ibis table
        A row per customer with an open account: customer_id, tier (of AUM at the last month end), online, remote,
        offline (days with an act by that way), preferred (a way with 60% or more of at least five such days, or
        "no preference seen"), share (of the most used way; null without acts), tried_online, tried_remote,
        tried_offline and answered_online, … (contacts whose answer can be seen, and those opened or answered),
        recommended (a way, or "leave alone"), reason.

    Raises
    ------
    ParameterError, SchemaError
        If an argument is not as above, or a table is missing.

    Examples
    --------
    >>> import bankmkt as bm
    >>> zero = dict.fromkeys(("time_deposit", "wealth", "fund", "insurance", "metal", "loan", "card_balance"), 0.0)
    >>> bank = bm.open_bank({
    ...     "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"}),
    ...     "customers": pd.DataFrame({"customer_id": [1, 2], "org_id": 1, "opened_on": pd.Timestamp("2020-01-01")}),
    ...     "balances": pd.DataFrame({"customer_id": [1, 2], "month": pd.Timestamp("2026-06-30"), "products": 1, **zero,
    ...         "demand": [9e4, 6e5], "aum": [9e4, 6e5]}),
    ...     "transactions": pd.DataFrame({"transaction_id": range(1, 7), "customer_id": 1, "channel": "counter",
    ...         "ts": pd.date_range("2026-05-01", periods=6), "kind": "cash_in", "amount": 10.0, "product": "demand"})})
    >>> found = channel_choice(bank, "2026-06-30").order_by("customer_id").execute()
    >>> found[["preferred", "recommended"]].to_dict("records")[0]
    {'preferred': 'offline', 'recommended': 'offline'}
    >>> found["reason"][1]
    'valuable: a manager'
    """
    import ibis

    day = parse_date("as_of", as_of)
    _check_days(days)
    known = check_bank(bank).as_of(day)
    c = of_unit(known, known.customers, org_id)
    people = c.filter(c.closed_on.isnull()).select("customer_id", app=c.app_registered_on.notnull())
    b = known.balances.filter(known.balances.month == last_month_end(day))
    aum = b.aum.fill_null(0.0)
    tiers = [(aum < limit, name) for limit, name in TIERS]
    t = people.left_join(b.select("customer_id", tier=ibis.cases(*tiers, else_=TOP_TIER)), "customer_id")
    t = t.select("customer_id", "app", tier=t.tier.fill_null(TIER_NAMES[0]))
    parts = [(preferences(bank, day, days), "_seen")]
    if bank.has("contacts"):
        parts.append((_answers(known, day, days), "_asked"))
    for part, suffix in parts:
        t = t.left_join(part, "customer_id", rname="{name}" + suffix)
        t = t.drop([name for name in t.columns if name.endswith(suffix)])
    counts = [*WAYS, *(f"{what}_{way}" for what in ("tried", "answered") for way in WAYS), "refused"]
    t = t.mutate(**{n: t[n].fill_null(0) if n in t.columns else ibis.literal(0, "int64") for n in counts})
    t = t.mutate(preferred=t.preferred.fill_null(UNSEEN))
    fits = (
        t.refused > 0, t.preferred == "online", t.tier.isin(TOP_TIERS),
        (t.preferred == "offline") & t.tier.notin(LONG_TAIL_TIERS), t.answered_remote > 0, t.app,
    )  # fmt: skip
    *named, last = RULES.items()
    return t.select(
        "customer_id", "tier", *WAYS, "preferred", "share",
        *(name for name in counts if "_" in name),
        recommended=ibis.cases(*((fit, way) for fit, (_, way) in zip(fits, named, strict=True)), else_=last[1]),
        reason=ibis.cases(*((fit, why) for fit, (why, _) in zip(fits, named, strict=True)), else_=last[0]),
    )  # fmt: skip


def _check_days(days: int) -> None:
    if isinstance(days, bool) or not isinstance(days, int) or days < 1:
        raise ParameterError("days", days, "an integer from 1", "pass days=180")


def _begin(day: dt.date, days: int) -> dt.date:
    return day - dt.timedelta(days=days - 1)


def preferences(bank: "Bank", as_of: dt.date, days: int) -> Any:
    """Return customer_id, days with an act by each way, the preferred way and the share of the most used one."""
    import ibis

    t = acts(bank, _begin(as_of, days), as_of)
    t = t.filter(t.way.notnull())
    t = t.group_by("customer_id").aggregate(**{way: t.ts.date().nunique(where=t.way == way) for way in WAYS})
    total = functools.reduce(lambda a, b: a + b, [t[way] for way in WAYS])
    top = ibis.greatest(*(t[way] for way in WAYS))
    share = top.cast("float64") / total
    clear = (total >= LEAST_DAYS) & (share >= CLEAR)
    return t.mutate(preferred=ibis.cases(*((clear & (t[way] == top), way) for way in WAYS), else_=UNSEEN), share=share)


def _answers(known: "Bank", as_of: dt.date, days: int) -> Any:
    """Return customer_id, contacts tried and answered by way, and whether the customer ever refused more."""
    import ibis

    t = known.contacts
    late = t.ts >= ibis.literal(dt.datetime.combine(_begin(as_of, days), dt.time()))
    by = {way: late & t.channel.isin(channels) for way, channels in ANSWERABLE.items()}
    return t.group_by("customer_id").aggregate(
        **{f"tried_{way}": t.count(where=of) for way, of in by.items()},
        **{f"answered_{way}": t.count(where=of & t.status.isin(REACTED)) for way, of in by.items()},
        refused=t.count(where=t.status == "opted_out"),
    )


def choice_counts(choice: Any) -> pd.DataFrame:
    """Count customers of :func:`channel_choice` by tier, preferred, recommended and reason: not yet to be shown."""
    return fetch(
        choice.group_by("tier", "preferred", "recommended", "reason").aggregate(customers=choice.count())
    ).to_pandas()


def choice_summary(choice: Any, by: str = "preferred", k: int = K) -> pd.DataFrame:
    """Count customers by wealth tier and preferred or recommended way.

    The three summaries of the same customers are made to be shown together: what is hidden is chosen once, by tier,
    preferred way and reason, and a sum that holds a hidden number is hidden. So no difference of shown numbers is about
    fewer than k customers. Those to be left alone are counted apart, whatever they prefer.

    Parameters
    ----------
    choice
        Of :func:`channel_choice`, or of :func:`choice_counts`, where several summaries are wanted.
    by : str
        ``"preferred"``, ``"recommended"`` or ``"reason"``.
    k : int
        Cells with fewer customers are hidden (null), and more if need be.

    Returns
    -------
    pandas.DataFrame
        A row per tier and way: tier, the way, customers, share (of the tier's), share_lower, share_upper (95%, Wilson),
        suppressed.

    Raises
    ------
    ParameterError
        If ``by`` or ``k`` is none of these.
    DataError
        If there is no customer.
    """
    check_k(k)
    values = {"preferred": [*WAYS, UNSEEN, ALONE], "recommended": [*WAYS, ALONE], "reason": list(RULES)}
    if by not in values:
        raise ParameterError("by", by, one_of(values), 'pass by="preferred"')
    found = choice if isinstance(choice, pd.DataFrame) else choice_counts(choice)
    if found.empty:
        raise DataError("choice", "no customer", "some", "choose another unit or day")
    parts = found.assign(preferred=found["preferred"].mask(found["recommended"] == ALONE, ALONE))
    parts = parts.groupby(["tier", "preferred", "recommended", "reason"])["customers"].sum().reset_index()
    parts["suppressed"] = small_cells(parts["customers"], by=[parts["tier"]], k=k)
    cells = pd.MultiIndex.from_product([TIER_NAMES, values[by]], names=["tier", by])
    sums = parts.groupby(["tier", by]).agg(customers=("customers", "sum"), suppressed=("suppressed", "any"))
    out = sums.reindex(cells).reset_index()
    out = out.fillna({"customers": 0, "suppressed": False}).astype({"customers": "int64", "suppressed": bool})
    whole = out.groupby("tier")["customers"].transform("sum")
    out["share"], out["share_lower"], out["share_upper"] = shares(out["customers"], whole)
    hidden = out["suppressed"] | whole.between(1, k - 1)
    numbers = ["customers", "share", "share_lower", "share_upper"]
    out[numbers] = out[numbers].astype("float64").mask(hidden)
    return out[["tier", by, *numbers]].assign(suppressed=hidden)


def choice_check(
    bank: "Bank", as_of: dt.date | str, *, days: int = 180, ahead: int = 90, org_id: int | str | None = None, k: int = K
) -> pd.DataFrame:
    """Check out of time whether customers keep to the way they preferred.

    Parameters
    ----------
    bank, days, org_id
        As of :func:`channel_choice`.
    as_of : date or str
        The day on which preferences are told; the bank must know ``ahead`` days more.
    ahead : int
        Days after it in which acts are looked at.
    k : int
        The least number of customers a figure may be about.

    Returns
    -------
    pandas.DataFrame
        A row per preferred way (and "no preference seen"): preferred, customers (with an act before or after), acted
        (in the days ahead), followed (of these, those whose most days were by the preferred way alone), rate,
        rate_lower, rate_upper (95%, Wilson), base (the same of all who acted, whatever they preferred; hidden where it
        tells of fewer than k customers); for "no preference seen" followed is null; suppressed.

    Raises
    ------
    ParameterError
        If an argument is not as above, or the bank does not know the days ahead.
    """
    day = parse_date("as_of", as_of)
    check_k(k)
    _check_days(days)
    _check_days(ahead)
    until = day + dt.timedelta(days=ahead)
    last = fetch(check_bank(bank).balances.aggregate(last=lambda t: t.month.max())).to_pylist()[0]["last"]
    if last is None or until > last:
        raise ParameterError("as_of", str(day), f"{ahead} days or more before {last}, the last the bank knows")
    before = of_unit(bank, preferences(bank, day, days), org_id).select("customer_id", "preferred")
    t = of_unit(bank, preferences(bank, until, ahead), org_id)
    alone = {way: [t[way] > t[other] for other in WAYS if other != way] for way in WAYS}
    later = t.select("customer_id", **{f"by_{way}": functools.reduce(lambda a, b: a & b, alone[way]) for way in WAYS})
    both = before.outer_join(later, "customer_id")
    both = both.select(preferred=both.preferred.fill_null(UNSEEN), **{f"by_{way}": both[f"by_{way}"] for way in WAYS})
    cells = fetch(both.group_by("preferred").aggregate(
        customers=both.count(), acted=both.by_online.count(),
        **{f"by_{way}": both[f"by_{way}"].cast("int64").sum() for way in WAYS},
    )).to_pandas().set_index("preferred").reindex([*WAYS, UNSEEN]).fillna(0)  # fmt: skip
    whole = cells["acted"].sum()
    rows = []
    for preferred, cell in cells.iterrows():
        followed = cell[f"by_{preferred}"] if preferred in WAYS else float("nan")
        rate, lower, upper = shares([followed], [cell["acted"]])
        there = cells[f"by_{preferred}"].sum() if preferred in WAYS else float("nan")
        few = discloses(there, whole, k) or 0 < there - followed < k  # the same, or who came from another preference
        rows.append({
            "preferred": preferred, "customers": cell["customers"], "acted": cell["acted"], "followed": followed,
            "rate": rate[0], "rate_lower": lower[0], "rate_upper": upper[0],
            "base": there / whole if whole and not few else float("nan"),
        })  # fmt: skip
    out = pd.DataFrame(rows)
    hidden = small_cells(out["acted"].astype("int64"), k=k) | discloses(out["followed"], out["acted"], k)
    silent = discloses(out["acted"], out["customers"], k)  # those who did not act: their number alone is hidden
    out[out.columns[1:]] = out[out.columns[1:]].astype("float64").mask(hidden)
    out["customers"] = out["customers"].mask(silent)
    return out.assign(suppressed=hidden)
