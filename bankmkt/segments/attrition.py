"""Where customers go from each state: the next month's chances, and how well states tell who will leave."""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.bank import check_bank
from bankmkt.errors import ParameterError, Refused, SchemaError
from bankmkt.lookback import parse_date
from bankmkt.months import month_end, month_of
from bankmkt.privacy import K, check_k, small_cells, small_parts
from bankmkt.segments.lifecycle import lifecycle, span_of

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

LEVEL = 0.95


def transitions(states: Any, k: int = K) -> "pd.DataFrame":
    """Estimate the chance of each next month's state, by the state of a month.

    All pairs of consecutive months are counted alike; the intervals take what a customer does in different months as
    independent given the state.

    Parameters
    ----------
    states : ibis table
        Of :func:`bankmkt.lifecycle`, with two months or more.
    k : int
        Chances from fewer moves, or that leave fewer to the others, are null, with as many others as the totals ask
        for; ``suppressed`` marks them.

    Returns
    -------
    pandas.DataFrame
        A row per move that happened: from, to, moves (customers and months), probability, ci_lower, ci_upper
        (Wilson's 95% interval), suppressed.

    Raises
    ------
    SchemaError
        If a column is missing.
    ParameterError
        If ``k`` is no integer from 1.

    Examples
    --------
    >>> import bankmkt as bm
    >>> chances = transitions(bm.lifecycle(bm.demo_bank(), "2026-06-30", months=2))
    >>> chances[chances["from"] == "mature"].sort_values("probability").to.iloc[-1]
    'mature'
    """
    import ibis
    import pandas as pd

    check_k(k)
    for column in ("customer_id", "month", "state"):
        if column not in states.columns:
            raise SchemaError("states has no column", column, "the table of bm.lifecycle", "pass it as it is")
    t = states.mutate(number=month_of(states.month))
    ordered = ibis.window(group_by=t.customer_id, order_by=t.number)
    t = t.mutate(to=t.state.lead().over(ordered), then=t.number.lead().over(ordered))
    t = t.filter((t.then == t.number + 1).fill_null(False))
    counts: pd.DataFrame = t.group_by(**{"from": t.state, "to": t.to}).agg(moves=t.count()).to_pandas()
    counts = counts.astype({"moves": "int64"}).sort_values(["from", "to"], ignore_index=True)
    of = counts.groupby("from")["moves"].transform("sum")
    chance = pd.DataFrame({"moves": counts["moves"], **_shares(counts["moves"], of)})
    hidden = small_parts(counts["moves"], of, by=[counts["from"]], k=k)
    return counts.assign(**chance.astype("float64").mask(hidden), suppressed=hidden)


def _shares(parts: "pd.Series", wholes: "pd.Series", name: str = "probability") -> "dict[str, pd.Series]":
    """Return shares with Wilson's interval."""
    from statsmodels.stats.proportion import proportion_confint

    lower, upper = proportion_confint(parts, wholes, alpha=1 - LEVEL, method="wilson")
    return {name: parts / wholes, "ci_lower": lower, "ci_upper": upper}


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
        who left had the higher rate in the earlier month (ties count half), with a 95% interval.
    """

    rates: "pd.DataFrame"
    auc: float
    ci_lower: float
    ci_upper: float


def attrition(bank: "Bank", as_of: dt.date | str, horizon: int = 6, k: int = K, **thresholds: Any) -> Attrition:
    """Judge out of time how well states tell who closes the account within the next months.

    Two snapshots of customers whose account is open: the earlier one, whose outcome is known when the later one is
    taken, gives each state its rate; the later one tests it.

    Parameters
    ----------
    bank : Bank
        As for :func:`bankmkt.lifecycle`, with at least 2 ``horizon`` + 1 months.
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
        If in the later months nobody, or everybody, left.

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
    if isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1:
        raise ParameterError("horizon", horizon, "an integer from 1", "count whole months")
    first, last = span_of(bank, parse_date("as_of", as_of))
    if last - first < 2 * horizon:
        raise ParameterError("horizon", horizon, f"at most {(last - first) // 2} with these balances", "shorten it")
    later, earlier = (_snapshot(bank, n, horizon, thresholds) for n in (last - horizon, last - 2 * horizon))
    score = (earlier["closed"] / earlier["customers"]).reindex(later.index, fill_value=0.0)
    area = _area(score.to_numpy(), later["closed"].to_numpy(), (later["customers"] - later["closed"]).to_numpy())
    parts = [
        _rates(counts, k).assign(period=period, month=month_end(number))
        for period, number, counts in (("earlier", last - 2 * horizon, earlier), ("later", last - horizon, later))
    ]
    columns = ["period", "month", "state", "customers", "closed", "rate", "ci_lower", "ci_upper", "suppressed"]
    return Attrition(pd.concat(parts, ignore_index=True)[columns], *area)


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
    frame = frame.assign(**_shares(frame["closed"], frame["customers"], "rate"))
    hidden = small_cells(frame["customers"], k=k)
    hidden = small_parts(frame["closed"], frame["customers"], k=k, hidden=hidden)
    shown = {name: frame[name].astype("float64").mask(hidden) for name in frame.columns[1:]}
    return frame.assign(**shown, suppressed=hidden)


def _area(score: np.ndarray, left: np.ndarray, stayed: np.ndarray) -> tuple[float, float, float]:
    """Return the AUC of grouped scores with DeLong's interval."""
    from scipy.stats import norm

    gone, here = left.sum(), stayed.sum()
    if not gone or not here:
        raise Refused("the later months have " + ("no closures" if here else "closures only"), todo="lengthen horizon")
    above = (score[:, None] > score[None, :]) + 0.5 * (score[:, None] == score[None, :])
    of_left, of_stayed = above @ stayed / here, left @ above / gone
    auc = float(left @ of_left / gone)
    one = left @ (of_left - auc) ** 2 / max(gone - 1, 1) / gone
    other = stayed @ (of_stayed - auc) ** 2 / max(here - 1, 1) / here
    width = float(norm.ppf((1 + LEVEL) / 2) * np.sqrt(one + other))
    return auc, max(auc - width, 0.0), min(auc + width, 1.0)
