"""The customer base on one day: who the customers are, where they are going, what they are worth; for a report."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bankmkt.bank import Bank, check_bank, open_bank
from bankmkt.damage import reading
from bankmkt.errors import DataError, Refused
from bankmkt.lookback import parse_date
from bankmkt.margins import check_margins
from bankmkt.months import last_month_end, month_end, month_of
from bankmkt.privacy import K, check_k, small_cells
from bankmkt.segments.attrition import Attrition, attrition, least_months, transitions
from bankmkt.segments.clusters import Clusters, clusters
from bankmkt.segments.lifecycle import STATES, lifecycle, span_of
from bankmkt.segments.matrix_sums import matrix_summary
from bankmkt.segments.migration import flows, migration
from bankmkt.segments.outlook import Outlook, purchase_outlook
from bankmkt.segments.retention import retention
from bankmkt.segments.rfm import RFM, rfm
from bankmkt.segments.rfm_sensitivity import rfm_sensitivity
from bankmkt.segments.value import value_by
from bankmkt.segments.value_calibration import calibrate_value
from bankmkt.units import units_below

if TYPE_CHECKING:
    import pandas as pd

NO_BALANCES = "this source has transactions only, no balances month by month"


@dataclass(frozen=True, eq=False)
class CustomerBase:
    """What the report on the customer base shows; made by :func:`customer_base`.

    A part that the bank cannot tell is None; ``left_out`` says why, by the part's name.

    Parameters
    ----------
    day : datetime.date
        The month end looked at.
    before : datetime.date or None
        The earlier month end that moves are counted from.
    rfm : RFM or None
        Of the customers whose account is open.
    sensitivity : pandas.DataFrame or None
        Of :func:`bankmkt.segments.rfm_sensitivity`.
    states : pandas.DataFrame or None
        month, state, customers, share, aum, suppressed: closed customers are left out.
    moves, flows : pandas.DataFrame or None
        Of :func:`bankmkt.migration` and :func:`bankmkt.segments.flows`.
    chances : pandas.DataFrame or None
        Of :func:`bankmkt.segments.transitions`.
    retention : pandas.DataFrame or None
    attrition : Attrition or None
    cells : pandas.DataFrame or None
        Of :func:`bankmkt.segments.matrix_summary`.
    clusters : Clusters or None
    value, total : pandas.DataFrame or None
        Of :func:`bankmkt.segments.value_by`: by occupation, or else gender; and of the whole.
    calibration : pandas.DataFrame or None
    outlook : Outlook or None
        Of :func:`bankmkt.segments.purchase_outlook`: only where there are no balances.
    left_out : dict of str to str
    now : ibis table or None
        The states of the day, a row per customer: for a comparison with the truth, never for a report.
    """

    day: dt.date
    before: dt.date | None = None
    rfm: RFM | None = None
    sensitivity: "pd.DataFrame | None" = None
    states: "pd.DataFrame | None" = None
    moves: "pd.DataFrame | None" = None
    flows: "pd.DataFrame | None" = None
    chances: "pd.DataFrame | None" = None
    retention: "pd.DataFrame | None" = None
    attrition: Attrition | None = None
    cells: "pd.DataFrame | None" = None
    clusters: Clusters | None = None
    value: "pd.DataFrame | None" = None
    total: "pd.DataFrame | None" = None
    calibration: "pd.DataFrame | None" = None
    outlook: Outlook | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    now: Any = field(default=None, repr=False)

    def why(self, part: str) -> str:
        """Say why a part is left out, as the end of a sentence; empty where it is there."""
        return self.left_out.get(part, "")


def customer_base(
    bank: Bank,
    month: str | None = None,
    org_id: int | str | None = None,
    k: int = K,
    *,
    acts: int = 3,
    window_days: int = 365,
    margins: Mapping[str, float] | None = None,
    attrition_rate: float | None = None,
    seed: int = 7,
    tags: Callable[[Bank, dt.date], Any] | None = None,
) -> CustomerBase:
    """Look at a bank's customers from all sides that its tables allow.

    Parameters
    ----------
    bank : Bank
        Tables organisations, customers and transactions; balances for the life cycle, segments and value; events.
    month : str, optional
        ``"2026-06"``; default the last with balances, or else with transactions. Only realised value, and purchases
        that came, are later.
    org_id : int or str, optional
        A unit, with all below it; default the whole bank.
    k : int
        The least number of customers a shown figure may be about.
    acts, margins
        Of :func:`bankmkt.lifecycle` and :func:`bankmkt.segments.customer_value`.
    attrition_rate : float, optional
        Share of the customers who leave in a year, for value; default the bank's own. A bank that records no closures
        needs it.
    window_days : int
        Of :func:`bankmkt.rfm`.
    seed : int
        Of the groups.
    tags : callable, optional
        Given the bank and the day, returns the table of tags that :func:`bankmkt.segments.matrix_summary` takes, such
        as ``functools.partial(bm.tags.compute, tags=["wealth_fan"])``; ``cells`` then tells their shares.

    Returns
    -------
    CustomerBase

    Raises
    ------
    ParameterError
        If an argument is not as above, or there is no such month.
    DataError, SchemaError
        If the bank lacks a table that it must have, or has no transactions.
    """
    check_bank(bank)
    check_k(k)
    check_margins(margins)
    bank = bank if org_id is None else unit_bank(bank, org_id)
    day = _day(bank, month)
    left_out: dict[str, str] = {}
    rates: dict[str, Any] = {"k": k, "margins": margins}
    rates |= {} if attrition_rate is None else {"attrition": attrition_rate}

    def part(name: str, compute: Callable[[], Any]) -> Any:
        try:
            found = compute()
        except (DataError, Refused) as reason:
            left_out[name] = str(reason)
            return None
        rows = found.rates if isinstance(found, Attrition) else found
        if "suppressed" in getattr(rows, "columns", ()) and not _tells(rows):
            left_out[name] = f"every number would be about fewer than {k} customers, or give such a one away"
            return None
        return found

    known = bank.as_of(day)
    theirs = known.transactions.semi_join(known.customers.filter(known.customers.closed_on.isnull()), "customer_id")
    scores = part("rfm", lambda: _told(rfm(theirs, day, window_days), k))
    if scores is None:
        left_out["sensitivity"] = left_out["rfm"]
    base = CustomerBase(
        day,
        rfm=scores,
        sensitivity=scores and part("sensitivity", lambda: rfm_sensitivity(theirs, day, window_days, k=k)),
        left_out=left_out,
    )
    if not bank.has("balances"):
        parts = ("states", "moves", "flows", "chances", "retention", "attrition", "cells", "clusters", "value", "total",
                 "calibration")  # fmt: skip
        left_out |= dict.fromkeys(parts, NO_BALANCES)
        return dataclasses.replace(base, outlook=part("outlook", lambda: purchase_outlook(bank, day, k=k)))
    left_out["outlook"] = "customers of a bank close their account, so what they are worth is told from balances"
    first, last = span_of(bank, day)
    before = max(first, last - 12)
    needed = least_months(acts=acts)
    if last - first + 1 < needed:
        left_out["attrition"] = f"the records hold {last - first + 1} months, and {needed} are needed"
    if last == first:
        left_out["cells"] = "the records hold one month, so that nobody can have moved"
    with reading(bank.con, bank.path):
        states = lifecycle(bank, day, acts=acts).cache()

    def segments() -> "pd.DataFrame":
        return matrix_summary(bank, day, margins=margins, tags=tags and tags(bank, day), k=k, acts=acts)

    then, now = (states.filter(month_of(states.month) == number) for number in (before, last))
    then, now = (t.select("customer_id", "state", "aum") for t in (then, now))
    by = "occupation" if bank.fetch(bank.customers.occupation.notnull().any()).as_py() else "gender"
    return dataclasses.replace(
        base,
        before=month_end(before),
        states=part("states", lambda: state_sizes(bank, states, k)),
        moves=part("moves", lambda: migration(then, now, k=k)),
        flows=part("flows", lambda: flows(then, now, k=k)),
        chances=part("chances", lambda: transitions(states, k)),
        retention=part("retention", lambda: retention(bank, day, k=k)),
        attrition=None if "attrition" in left_out else part("attrition", lambda: attrition(bank, day, k=k, acts=acts)),
        cells=None if "cells" in left_out else part("cells", segments),
        clusters=part("clusters", lambda: clusters(bank, day, margins=margins, seed=seed, k=k)),
        value=part("value", lambda: value_by(bank, day, by, **rates)),
        total=part("total", lambda: value_by(bank, day, **rates)),
        calibration=part("calibration", lambda: _calibration(bank, first, last, rates)),
        now=now,
    )


def state_sizes(bank: Bank, states: Any, k: int = K) -> "pd.DataFrame":
    """Count the customers of each state and month, and their money; the closed and the lost are left out.

    Parameters
    ----------
    bank : Bank
    states : ibis table
        Of :func:`bankmkt.lifecycle`.
    k : int
        Smaller cells are hidden, with as many others of the month as keep them from being worked out.

    Returns
    -------
    pandas.DataFrame
        month, state, customers, share (of the month's), aum, suppressed; in the order of months and states.
    """
    import pandas as pd

    t = states.filter(states.state != "lost")
    counts = bank.fetch(t.group_by("month", "state").agg(customers=t.count(), aum=t.aum.sum())).to_pandas()
    names = [state for state in STATES if state in set(counts["state"])]
    every = pd.MultiIndex.from_product([sorted(counts["month"].unique()), names], names=["month", "state"])
    out = counts.set_index(["month", "state"]).reindex(every, fill_value=0).reset_index()
    hidden = small_cells(out["customers"], by=[out["month"]], k=k)
    share = out["customers"] / out.groupby("month")["customers"].transform("sum").clip(lower=1)
    shown = {"customers": out["customers"], "share": share, "aum": out["aum"].round(2)}
    shown = {name: values.astype("float64").mask(hidden) for name, values in shown.items()}
    return out[["month", "state"]].assign(**shown, suppressed=hidden)


def unit_bank(bank: Bank, org_id: int | str) -> Bank:
    """Return the part of a bank that a unit and all below it keep: their customers and what these did.

    Raises
    ------
    ParameterError
        If the bank has no such unit.
    """
    c = bank.customers
    c = c.filter(c.org_id.isin(units_below(bank, org_id)))
    tables = {"organisations": bank.organisations, "customers": c}
    for name in ("balances", "transactions", "events"):
        if bank.has(name):
            tables[name] = bank.table(name).semi_join(c, "customer_id")
    return open_bank(tables)


def _day(bank: Bank, month: str | None) -> dt.date:
    """Return the month end to look at."""
    if month is not None:
        wanted = parse_date("month", f"{month}-01")
        return month_end(wanted.year * 12 + wanted.month - 1)
    if bank.has("balances") and bank.months:
        return bank.months[-1]
    last = bank.fetch(bank.transactions.ts.max()).as_py()
    if last is None:
        raise DataError("transactions", "no rows", "one or more", "open a bank with transactions")
    return last_month_end(last.date())


def _tells(rows: "pd.DataFrame") -> bool:
    """Return whether a frame shows anything: a row that is not hidden, and not of nobody."""
    there = rows["customers"].fillna(0) > 0 if "customers" in rows else True
    return bool((~rows["suppressed"].astype(bool) & there).any())


def _told(found: RFM, k: int) -> RFM:
    """Return the scores, or raise Refused where they are too few to be told of."""
    found.summary(k)
    found.grid(k)
    return found


def _calibration(bank: Bank, first: int, last: int, rates: Mapping[str, Any]) -> "pd.DataFrame":
    """Hold the value expected a year before the day against what came by it."""
    if last - first < 13:
        raise DataError("balances", f"{last - first + 1} months by the day", "over thirteen", "look at a later month")
    return calibrate_value(bank, month_end(last - 12), **rates)
