"""How long customers stay and how their margin changes: rates learned from the bank's own past.

Attrition: closures per customer-month at risk, by tenure and by how much the customer earns the bank. Customers count
from the first month end in the data on, not from their opening (delayed entry): the bank knows nothing of those
who left before. Growth: what customers of a band who stayed earn now, over what they earned up to a year ago.
All open accounts count, those without a balance row too.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.errors import DataError
from bankmkt.margins import margin_of
from bankmkt.months import month_of

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

BANDS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Where bands of margin begin, yuan a month; below the first is the lowest band."""

TENURES = (12, 36)
"""Where bands of tenure begin, months since opening; below the first is the first year."""

YEAR = 12
"""Months over which growth is learned, at most, and that the value of a year is of."""

YEARS, DISCOUNT = 10, 0.05
"""What a relation is worth is told for so many years, the money of each later one worth so much less."""

TOP = TENURES[-1]
"""Months of tenure from which on customers are alike."""


@dataclass(frozen=True, eq=False)
class Rates:
    """Rates learned as of a month end; made by :func:`learn_rates`.

    Parameters
    ----------
    attrition : pandas.DataFrame
        band, tenure (numbers from 0), at_risk (customer-months), closed, hazard (a month), hazard_error (standard).
    growth : pandas.DataFrame
        band, customers (who stayed), base (mean margin a month at first, money), factor (margin after ``months`` per
        margin at first), factor_error (standard error of its logarithm), scatter (variance of a single customer's
        margin by then, relative to the expected).
    months
        Over which growth was seen, at most a year.
    discount
        A year.
    years
        Horizon of lifetime value.
    """

    attrition: "pd.DataFrame"
    growth: "pd.DataFrame"
    months: int
    discount: float
    years: int

    @cached_property
    def parameters(self) -> np.ndarray:
        """Hazards by band and tenure, then the logarithms of the growth factors by band."""
        return np.concatenate([self.attrition["hazard"], np.log(self.growth["factor"])])

    @cached_property
    def errors(self) -> np.ndarray:
        """Standard errors of the parameters, which are independent."""
        return np.concatenate([self.attrition["hazard_error"], self.growth["factor_error"]])

    def paths(self, months: int, parameters: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return what is expected by month ahead, from 1.

        Returns
        -------
        tuple of arrays of shape (tenures 0 to 36 months, bands, months)
            Probability of still being a customer; margin of one who is, per margin now, discounted. The margin goes
            to its factor in equal steps, then stays: no growth is carried further than it was seen.
        """
        parameters = self.parameters if parameters is None else parameters
        bands = len(self.growth)
        hazard = parameters[:-bands].reshape(bands, len(TENURES) + 1)
        ahead = np.arange(months)
        tenure = np.searchsorted(TENURES, np.minimum(np.arange(TOP + 1)[:, None] + ahead, TOP), side="right")
        stay = np.cumprod(1 - np.clip(hazard[:, tenure], 0, 1), axis=2).transpose(1, 0, 2)
        grown = 1 + np.outer(np.expm1(parameters[-bands:]), np.minimum(ahead + 1, self.months) / self.months)
        return stay, np.broadcast_to(grown * (1 + self.discount) ** (-(ahead + 1) / YEAR), stay.shape)

    def multiples(self, months: int, parameters: np.ndarray | None = None) -> np.ndarray:
        """Return the expected margin of the months to come per margin now, of shape (tenures, bands)."""
        stay, margin = self.paths(months, parameters)
        return (stay * margin).sum(axis=2)

    def scatter(self, months: int) -> np.ndarray:
        """Return the variance of a single customer's margin of the months to come, per squared margin now.

        Of whether and when the customer leaves, and of a growth that takes a random step each month.
        """
        stay, margin = self.paths(months)
        kept, sums = stay * margin, np.cumsum(margin, axis=2)

        def to_end(values: np.ndarray) -> np.ndarray:
            return np.cumsum(values[..., ::-1], axis=2)[..., ::-1]

        # mean square of the margin from each month on: who is there in a month was there in all before it
        square = to_end(kept * (2 * sums - margin)) - 2 * (sums - margin) * to_end(kept)
        leaving = square[..., 0] - kept.sum(axis=2) ** 2
        return leaving + square.sum(axis=2) * self.growth["scatter"].to_numpy() / self.months


def valued(bank: "Bank", first: int, last: int, margins: dict[str, float]) -> Any:
    """Return a row per customer and month end, from one to another, at which their account is open.

    Who has no balance row there has no balance: banks may leave such rows out.

    Parameters
    ----------
    bank
        As of a day.
    first, last
        Numbers of months, both within.
    margins
        Of :func:`bankmkt.margins.check_margins`.

    Returns
    -------
    ibis table
        customer_id, number (of the month), margin, band, tenure (months, at most 36), closed (number of the month).
    """
    import ibis

    c = bank.customers
    c = c.select("customer_id", opened=month_of(c.opened_on), closed=month_of(c.closed_on))
    closed = c.closed.cast("int32").fill_null(last + 1)  # a bank without closings has no type here for DuckDB
    start, end = ibis.greatest(c.opened, first), ibis.least(closed, last + 1)
    t = c.filter(start < end).mutate(number=ibis.range(start, end).unnest())
    t = t.mutate(number=t.number.cast("int32"))
    b = bank.balances
    number = month_of(b.month).cast("int32")
    b = b.filter((number >= first) & (number <= last))
    b = b.select("customer_id", number=month_of(b.month).cast("int32"), margin=margin_of(b, margins))
    t = t.left_join(b, ["customer_id", "number"])
    t = t.mutate(margin=t.margin.fill_null(0.0))
    return t.select("customer_id", "number", "margin", "closed", band=_band(t.margin), tenure=_tenure(t))


def _band(margin: Any) -> Any:
    import ibis

    return ibis.cases(*((margin < edge, number) for number, edge in enumerate(BANDS)), else_=len(BANDS)).cast("int64")


def _tenure(t: Any) -> Any:
    return (t.number - t.opened).clip(0, TOP).cast("int64")


def learn_rates(
    bank: "Bank",
    first: int,
    last: int,
    margins: dict[str, float],
    growth: float | None,
    attrition: float | None,
    discount: float,
    years: int,
) -> Rates:
    """Learn attrition and growth from the months up to one.

    Parameters
    ----------
    bank
        As of the last month end.
    first, last
        Numbers of the month to learn from on, and of the one to look ahead from.
    margins, growth, attrition, discount, years
        As of :func:`bankmkt.segments.customer_value`.

    Returns
    -------
    Rates

    Raises
    ------
    DataError
        When attrition is to be learned and nobody has closed.
    """
    t = valued(bank, first, last - 1, margins)
    t = t.group_by("band", "tenure").aggregate(
        at_risk=t.count(), closed=(t.closed == t.number + 1).fill_null(False).cast("int64").sum()
    )
    span = min(YEAR, last - first)
    then, now = (valued(bank, number, number, margins) for number in (last - span, last))
    then = then.select("customer_id", "band", before=then.margin)
    pairs = then.inner_join(now.select("customer_id", after=now.margin), "customer_id")
    pairs = pairs.group_by("band").aggregate(
        customers=pairs.count(), before=pairs.before.sum(), after=pairs.after.sum(),
        before2=(pairs.before * pairs.before).sum(), both=(pairs.before * pairs.after).sum(),
        after2=(pairs.after * pairs.after).sum(),
    )  # fmt: skip
    grown = _growth(bank.fetch(pairs).to_pandas())
    if growth is not None:
        grown = grown.assign(factor=1 + growth, factor_error=0.0, scatter=grown["scatter"] * YEAR / span)
        span = YEAR
    return Rates(_attrition(bank.fetch(t).to_pandas(), attrition), grown, span, float(discount), years)


def _attrition(counts: "pd.DataFrame", yearly: float | None) -> "pd.DataFrame":
    """Return hazards by band and tenure; each cell borrows one closure's worth of months at the bank's own rate."""
    import pandas as pd

    tenure = np.searchsorted(TENURES, counts["tenure"], side="right")
    cells = counts.assign(tenure=tenure).groupby(["band", "tenure"])[["at_risk", "closed"]].sum()
    every = pd.MultiIndex.from_product([range(len(BANDS) + 1), range(len(TENURES) + 1)], names=["band", "tenure"])
    cells = cells.reindex(every, fill_value=0)
    if yearly is not None:
        return cells.assign(hazard=1 - (1 - yearly) ** (1 / YEAR), hazard_error=0.0).reset_index()
    at_risk, closed = (int(cells[name].sum()) for name in ("at_risk", "closed"))
    if not closed:
        raise DataError(
            "customers.closed_on", f"nobody closed in {at_risk:,} customer-months",
            "closings to learn from; a bank that records none would look as if nobody ever left",
            "pass attrition=, the share of customers who leave in a year, such as 0.05",
        )  # fmt: skip
    months = cells["at_risk"] + (at_risk + 1) / (closed + 0.5)
    hazard = (cells["closed"] + 1) / months
    return cells.assign(hazard=hazard, hazard_error=np.sqrt(hazard / months)).reset_index()


def _growth(sums: "pd.DataFrame") -> "pd.DataFrame":
    """Return growth by band. The lowest band's customers count with its mean: many have next to nothing."""
    s = sums.set_index("band").reindex(range(len(BANDS) + 1), fill_value=0).astype("float64")
    n = s["customers"].clip(lower=1)
    base = s["before"] / n
    factor = (s["after"] / s["before"]).where((s["before"] > 0) & (s["after"] > 0), 1.0)
    lowest = s.index == 0  # where everybody starts at the mean
    square = s["before2"].mask(lowest, n * base**2)
    cross = s["both"].mask(lowest, s["after"] * base)
    residual = (s["after2"] - 2 * factor * cross + factor**2 * square).clip(lower=0)
    out = s[["customers"]].astype("int64").assign(base=base, factor=factor)
    out["factor_error"] = (np.sqrt(residual) / s["after"]).where(s["after"] > 0, 0.0)
    out["scatter"] = (residual / (factor**2 * square)).where(square > 0, 0.0)
    return out.reset_index()
