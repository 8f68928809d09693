"""Where customers go from each state: the next month's chances, and how well states tell who will leave."""

import datetime as dt
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.bank import check_bank
from bankmkt.confidence import Z
from bankmkt.errors import DataError, ParameterError, Refused, SchemaError
from bankmkt.lookback import parse_date
from bankmkt.months import month_end, month_of
from bankmkt.privacy import K, check_k, small_cells, small_parts
from bankmkt.segments.intervals import clustered, wilson
from bankmkt.segments.lifecycle import check_thresholds, lifecycle, span_of

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank


def transitions(states: Any, k: int = K) -> "pd.DataFrame":
    """Estimate the chance of each next month's state, by the state of a month.

    All pairs of consecutive months are counted alike. Customers differ, so a customer's months are more alike than
    those of several: the intervals take customers as independent, not months.

    Parameters
    ----------
    states : ibis table
        Of :func:`bankmkt.lifecycle`, with two months or more.
    k : int
        Chances from fewer moves or of fewer customers, or that leave fewer to the others, are null, with as many
        others as the totals ask for; ``suppressed`` marks them.

    Returns
    -------
    pandas.DataFrame
        A row per move that happened: from, to, moves (customers and months), probability, ci_lower, ci_upper (95%;
        cluster-robust on the logit scale; Wilson's where each customer gives one pair of months), suppressed.

    Raises
    ------
    SchemaError
        If a column is missing.
    DataError
        If a customer has two rows in a month.
    ParameterError
        If ``states`` is no Ibis table, or ``k`` no integer from 1.

    Examples
    --------
    >>> import bankmkt as bm
    >>> chances = transitions(bm.lifecycle(bm.demo_bank(), "2026-06-30", months=2))
    >>> chances[chances["from"] == "mature"].sort_values("probability").to.iloc[-1]
    'mature'
    """
    import ibis.expr.types as ir
    import pandas as pd

    check_k(k)
    if not isinstance(states, ir.Table):
        found = "None" if states is None else type(states).__name__
        raise ParameterError("states", found, "the Ibis table of bm.lifecycle", "pass it as it is")
    for column in ("customer_id", "month", "state"):
        if column not in states.columns:
            raise SchemaError("states has no column", column, "the table of bm.lifecycle", "pass it as it is")
    counts: pd.DataFrame = _pairs(states).to_pandas()
    if counts["again"].any():
        raise DataError("states", "a customer with two rows in a month", "one", "pass the table of bm.lifecycle")
    counts = counts[counts["moves"] > 0].sort_values(["from", "to"], ignore_index=True)
    counts = counts.astype({"moves": "int64", "customers": "int64"})
    sums = counts.groupby("from")[["moves", "products", "people"]].transform("sum")
    chance = pd.DataFrame({"moves": counts["moves"], **_chances(counts, sums)})
    hidden = small_cells(counts["customers"], by=[counts["from"]], k=k)
    hidden = small_parts(counts["moves"], sums["moves"], by=[counts["from"]], k=k, hidden=hidden)
    return counts[["from", "to"]].assign(**chance.astype("float64").mask(hidden), suppressed=hidden)


def _pairs(states: Any) -> Any:
    """Sum moves, y of a customer's n from a state, by from and to.

    Columns: moves (y), squares (y²), products (y n), people (y / n), customers, and again (rows of a month already
    seen). Over all states moved to, products add up to n² of all customers, and people to their number.
    """
    import ibis

    t = states.mutate(number=month_of(states.month))
    ordered = ibis.window(group_by=t.customer_id, order_by=t.number)
    t = t.mutate(to=t.state.lead().over(ordered), gap=t.number.lead().over(ordered) - t.number)
    t = t.filter((t.gap <= 1).fill_null(False))
    t = t.group_by("customer_id", **{"from": t.state, "to": t.to}).agg(y=(t.gap == 1).sum(), again=(t.gap == 0).sum())
    t = t.mutate(n=t.y.sum().over(ibis.window(group_by=[t.customer_id, t["from"]])).cast("float64"))
    return t.group_by("from", "to").agg(
        moves=t.y.sum(), squares=(t.y * t.y).sum(), products=(t.y * t.n).sum(),
        people=(t.y > 0).ifelse(t.y / t.n, 0.0).sum(), customers=(t.y > 0).sum(), again=t.again.sum(),
    )  # fmt: skip


def _chances(counts: "pd.DataFrame", sums: "pd.DataFrame") -> "dict[str, pd.Series]":
    """Return chances with intervals, from the sums of each move and of its state."""
    chances = wilson(counts["moves"], sums["moves"], "probability")
    # where customers give several pairs; if all went the same way, each counts once
    repeated = sums["products"] > sums["moves"]
    sure = repeated & (counts["moves"] == sums["moves"])
    one = wilson(sums["people"], sums["people"], "probability")
    mixed = repeated & ~sure
    columns = (counts["moves"], sums["moves"], counts["squares"], counts["products"], sums["products"])
    bounds = clustered(*(column[mixed].to_numpy(dtype=float) for column in columns))
    for name, bound in zip(("ci_lower", "ci_upper"), bounds, strict=True):
        chances[name] = chances[name].mask(sure, one[name])
        chances[name].loc[mixed] = bound
    return chances


@dataclass(frozen=True, eq=False)
class Attrition:
    """How states and closures went together; made by :func:`attrition`.

    Parameters
    ----------
    rates : pandas.DataFrame
        A row per period (earlier, later) and state: period, month, state, customers, closed, rate, ci_lower, ci_upper,
        suppressed.
    auc, ci_lower, ci_upper : float
        Probability that of two customers of the later month, one who left and one who stayed, the state of the one
        who left had the higher rate in the earlier month (ties count half), with a 95% interval. A state that the
        earlier month did not have gets that month's overall rate.

    Examples
    --------
    >>> import bankmkt as bm
    >>> found = bm.segments.attrition(bm.demo_bank(), "2026-06-30")
    >>> found.ci_lower < found.auc < found.ci_upper
    True
    >>> found.rates.period.unique().tolist()
    ['earlier', 'later']
    """

    rates: "pd.DataFrame"
    auc: float
    ci_lower: float
    ci_upper: float


def attrition(bank: "Bank", as_of: dt.date | str, horizon: int = 6, k: int = K, **thresholds: Any) -> Attrition:
    """Judge out of time how well states tell who closes the account within the next months.

    Two snapshots of customers whose account is open: the earlier one, whose outcome is known when the later one is
    taken, gives each state its rate; the later one tests it. Before the earlier one there must be months enough for
    every state to come about.

    Parameters
    ----------
    bank : Bank
        As for :func:`bankmkt.lifecycle`, with at least as many months as :func:`least_months` says.
    as_of : date or str
        The day; the later outcome ends with the last complete month by it.
    horizon : int
        Months within which a closure counts, from 1.
    k : int
        Rates from fewer customers, closures or stayers are null, with as many others as totals ask for.
    **thresholds
        Of :func:`bankmkt.lifecycle`.

    Returns
    -------
    Attrition
        Intervals of rates are Wilson's, that of the AUC is DeLong's; 95%.

    Raises
    ------
    ParameterError
        If an argument is not as above, or the bank has too few months.
    Refused
        If in the earlier or the later months nobody, or everybody, left.

    References
    ----------
    DeLong, E. R. et al. (1988), Biometrics 44, 837-845.

    Examples
    --------
    >>> import bankmkt as bm
    >>> attrition(bm.demo_bank(), "2026-06-30").auc > 0.5
    True
    """
    import pandas as pd

    check_bank(bank)
    check_k(k)
    if isinstance(horizon, bool) or not isinstance(horizon, numbers.Integral) or horizon < 1:
        raise ParameterError("horizon", horizon, "an integer from 1", "count whole months")
    horizon = int(horizon)
    first, last = span_of(bank, parse_date("as_of", as_of))
    least = least_months(1, **thresholds)
    longest = 1 + (last - first + 1 - least) // 2
    if longest < 1:
        raise ParameterError("as_of", str(as_of), f"{least} months of balances by it, or more", "choose a later day")
    if horizon > longest:
        raise ParameterError("horizon", horizon, f"at most {longest} with these balances and thresholds", "shorten it")
    later, earlier = (_snapshot(bank, n, horizon, thresholds) for n in (last - horizon, last - 2 * horizon))
    for period, counts in (("earlier", earlier), ("later", later)):
        gone, people = counts.sum()[["closed", "customers"]]
        if gone in (0, people):
            what = "no customers" if not people else "closures only" if gone else "no closures"
            raise Refused(f"the {period} months have {what}", todo="lengthen horizon, or choose another day")
    overall = earlier["closed"].sum() / earlier["customers"].sum()
    score = (earlier["closed"] / earlier["customers"]).reindex(later.index, fill_value=overall)
    area = _area(score.to_numpy(), later["closed"].to_numpy(), (later["customers"] - later["closed"]).to_numpy())
    parts = [
        _rates(counts, k).assign(period=period, month=month_end(number))
        for period, number, counts in (("earlier", last - 2 * horizon, earlier), ("later", last - horizon, later))
    ]
    columns = ["period", "month", "state", "customers", "closed", "rate", "ci_lower", "ci_upper", "suppressed"]
    return Attrition(pd.concat(parts, ignore_index=True)[columns], *area)


def least_months(horizon: int = 6, **thresholds: Any) -> int:
    """Return how many months of balances :func:`attrition` needs.

    Two horizons, after months in which every state could come about: dormant, lost, a trend, and returned at any time
    that counts.

    Examples
    --------
    >>> least_months(6), least_months(3, lost_after=12)
    (19, 19)
    """
    t = check_thresholds(thresholds)
    return 2 * horizon + 1 + max(t["trend_months"], t["lost_after"], t["dormant_after"] + t["returned_for"] - 1)


def _snapshot(bank: "Bank", number: int, horizon: int, thresholds: dict[str, Any]) -> "pd.DataFrame":
    """Count the open customers of a month and those who closed in the months after, by state."""
    states = lifecycle(bank, month_end(number), 1, **thresholds)
    c = bank.as_of(month_end(number + horizon)).customers
    c = c.select("customer_id", closed=month_of(c.closed_on))
    t = states.inner_join(c, "customer_id")
    t = t.filter((t.closed > number).fill_null(True))
    counts: pd.DataFrame = t.group_by("state").agg(customers=t.count(), closed=t.closed.count()).to_pandas()
    return counts.set_index("state").astype("int64").sort_index()


def _rates(counts: "pd.DataFrame", k: int) -> "pd.DataFrame":
    """Return the rate of each state with its interval, small ones hidden."""
    frame = counts.reset_index()
    frame = frame.assign(**wilson(frame["closed"], frame["customers"], "rate"))
    hidden = small_cells(frame["customers"], k=k)
    hidden = small_parts(frame["closed"], frame["customers"], k=k, hidden=hidden)
    shown = {name: frame[name].astype("float64").mask(hidden) for name in frame.columns[1:]}
    return frame.assign(**shown, suppressed=hidden)


def _area(score: np.ndarray, left: np.ndarray, stayed: np.ndarray) -> tuple[float, float, float]:
    """Return the AUC of grouped scores with DeLong's interval."""
    gone, here = left.sum(), stayed.sum()
    above = (score[:, None] > score[None, :]) + 0.5 * (score[:, None] == score[None, :])
    of_left, of_stayed = above @ stayed / here, left @ above / gone
    auc = float(left @ of_left / gone)
    one = left @ (of_left - auc) ** 2 / max(gone - 1, 1) / gone
    other = stayed @ (of_stayed - auc) ** 2 / max(here - 1, 1) / here
    width = float(Z * np.sqrt(one + other))
    return auc, max(auc - width, 0.0), min(auc + width, 1.0)
