"""RFM: how recently, how often and for how much money customers moved it, scored by quantiles and named."""

import datetime as dt
import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.damage import reading
from bankmkt.errors import ParameterError, Refused, one_of
from bankmkt.frames import engine_table, fetch
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, check_k, suppress
from bankmkt.segments import rfm_scores as steps
from bankmkt.segments.rfm_names import (
    BINS,
    INACTIVE,
    LEVELS,
    SEGMENTS,
    check_integer,
    named_level,
    recency_level,
    value_level,
)

FREQUENCIES = ("transactions", "days")
TIES = ("lower", "upper")
MEASURES = tuple(steps.UNITS)


@dataclass(frozen=True, eq=False)
class RFM:
    """Customers scored by recency, frequency and money; made by :func:`rfm`.

    Parameters
    ----------
    scores
        A row per customer: the id, recency_days (whole days from the last transaction to ``as_of``; 0 on the day
        itself), frequency, monetary, r, f, m (1 to ``bins``, more is better), segment. An Ibis table, or a pandas frame
        in the order of the ids where the transactions came as one.
    cuts
        The cut points: measure, cut (1 to ``bins`` − 1), quantile, value; to be passed to :func:`rfm` again.
    as_of, window_days, bins, money, frequency, ties
        What it was made with.
    table
        The scores as an Ibis table.
    """

    scores: Any = field(repr=False)
    cuts: pd.DataFrame = field(repr=False)
    as_of: dt.date
    window_days: int
    bins: int
    money: str
    frequency: str
    ties: str
    table: Any = field(repr=False)

    def summary(self, k: int = K) -> pd.DataFrame:
        """Sum up the segments.

        Parameters
        ----------
        k
            Segments of fewer customers are hidden, with as many others as keep them from being worked out.

        Returns
        -------
        pandas.DataFrame
            segment (all of them, best first; ``inactive`` last, if asked for), customers, share, monetary,
            monetary_share (null where all money together is not above 0), monetary_per_customer,
            frequency_per_customer, recency_days (mean; null for inactive ones), suppressed.

        Raises
        ------
        Refused
            If all segments together have fewer than ``k`` customers.

        Examples
        --------
        >>> import bankmkt as bm, pandas as pd
        >>> log = pd.DataFrame({"customer_id": range(100), "ts": pd.Timestamp("2026-06-01"), "amount": range(100)})
        >>> found = bm.rfm(log, "2026-06-30").summary()
        >>> found.loc[found["customers"] > 0, ["segment", "customers", "monetary"]]
                       segment  customers  monetary
        2  potential loyalists       60.0    4170.0
        3        new customers       40.0     780.0
        """
        names = [*SEGMENTS, *([INACTIVE] if (self._cells["segment"] == INACTIVE).any() else [])]
        rows = self._cells.groupby("segment")[["customers", *MEASURES]].sum().reindex(names, fill_value=0)
        return _per_customer(rows.rename_axis("segment").reset_index(), check_k(k), [])

    def grid(self, k: int = K) -> pd.DataFrame:
        """Sum up the cells of the grid on which the segments lie; inactive customers lie on none.

        Parameters
        ----------
        k
            Cells of fewer customers are hidden, with as many others as keep them from being worked out.

        Returns
        -------
        pandas.DataFrame
            25 rows: segment, recency_level and value_level (1 to 5: the fifths of recency score, and of the mean of
            frequency and monetary score), then as :meth:`summary`.

        Raises
        ------
        Refused
            If all cells together have fewer than ``k`` customers.

        Examples
        --------
        >>> import bankmkt as bm, pandas as pd
        >>> log = pd.DataFrame({"customer_id": range(100), "ts": pd.Timestamp("2026-06-01"), "amount": range(100)})
        >>> found = bm.rfm(log, "2026-06-30").grid()
        >>> found.loc[found["customers"] > 0, ["segment", "recency_level", "value_level", "customers"]]
                        segment  recency_level  value_level  customers
        20        new customers              5            1       40.0
        21  potential loyalists              5            2       40.0
        22  potential loyalists              5            3       20.0
        """
        keys = ["segment", "recency_level", "value_level"]
        active = self._cells[self._cells["segment"] != INACTIVE]
        levels = pd.DataFrame({
            "recency_level": [recency_level(r, self.bins) for r in active["r"]],
            "value_level": [value_level(fm, self.bins) for fm in active["fm"]],
        }, index=active.index)  # fmt: skip
        found = active.assign(**levels).groupby(keys)[["customers", *MEASURES]].sum()
        rows = found.reset_index().merge(_GRID, how="right", on=keys).fillna(0)
        hidden = self.summary(k).query("suppressed")["segment"]
        return _per_customer(rows.assign(suppressed=rows["segment"].isin(hidden)), check_k(k), ["segment"])

    @functools.cached_property
    def _cells(self) -> pd.DataFrame:
        """Sums by score of recency and by the sum of the others."""
        t = self.table.mutate(fm=self.table.f + self.table.m)
        found = t.group_by("segment", "r", "fm").aggregate(
            customers=t.count(), **{name: t[name].fill_null(0).sum() for name in MEASURES}
        )
        return fetch(found).to_pandas()


def rfm(
    transactions: Any,
    as_of: dt.date | str,
    window_days: int = 365,
    bins: int = 5,
    by: str = "customer_id",
    *,
    time: str = "ts",
    amount: str = "amount",
    money: str | None = None,
    frequency: str = "transactions",
    ties: str = "lower",
    cuts: pd.DataFrame | None = None,
    customers: Any = None,
) -> RFM:
    """Score customers by recency, frequency and monetary value, and name the segment of each.

    Counted are transactions after ``as_of`` − ``window_days`` and up to the end of ``as_of``; nothing later is seen.
    The cut points of a measure are its quantiles over the customers counted: the j-th is the smallest value that at
    least j/``bins`` of the customers do not exceed. Equal values get equal scores, so bins may be unequal, and a score
    may be given to nobody. Money is summed to whole cents; cut points are exact and the same on every engine.

    Parameters
    ----------
    transactions : ibis table or pandas.DataFrame
        A row per transaction: a bank's, or any log with the columns below.
    as_of : date or str
        The day to look back from.
    window_days : int
        Days to look back, ``as_of`` among them.
    bins : int
        Scores run from 1 to ``bins``; 3 to 10.
    by, time, amount : str
        Columns of the customer's id (none of the scores' other columns), of the time (timestamp or date), of the money.
    money : str, optional
        Which transactions count, and as how much:

        - ``"spend"``: what the customer spent (kinds spend and bill): the amount by credit card, minus the amount from
          an account. A refund lowers the money and is no purchase: it counts for neither recency nor frequency.
          Without a column ``product`` refunds cannot be told, and the size of each amount counts;
        - ``"inflow"``: what came in from outside (kinds salary, transfer_in, cash_in);
        - ``"aum"``: what the customer put into the products of AUM less what the customer took out, so perhaps below 0.
          Left out are interest, returns and fees, and what moves an account and a debt alike: a loan's payout,
          repayments of loans and cards;
        - ``"amount"``: all rows, the column as it is.

        Default ``"spend"`` where there is a column ``kind``, else ``"amount"``.
    frequency : str
        ``"transactions"``, the usual definition: the number of rows counted; or ``"days"``: the number of different
        days with one, for logs in which one purchase makes several rows (as purchases within AUM do).
    ties : str
        Customers whose value equals a cut point go to the bin of the ``"lower"`` values or of the ``"upper"`` ones.
    cuts : pandas.DataFrame, optional
        ``RFM.cuts`` of another month or bank, to be used instead of this one's.
    customers : ibis table or pandas.DataFrame, optional
        The population, with the column ``by``. Each of its customers has a row, those without a transaction counted in
        segment ``"inactive"`` with no recency, 0 transactions and scores 0; customers outside are left out. By
        default everybody with a transaction counted, and nobody else: closed customers too. For open ones alone pass
        ``customers=bank.as_of(day).customers.filter(_.closed_on.isnull())``, with ``from ibis import _``.

    Returns
    -------
    RFM
        With ``scores``, ``cuts``, ``summary()`` and ``grid()``.

    Raises
    ------
    ParameterError
        If an argument is not valid.
    SchemaError
        If a column is missing or of a wrong type.
    DataError
        If no transaction counts, or ids, times or amounts are missing.

    Notes
    -----
    The segments: see :mod:`bankmkt.segments.rfm_names`; they lie on a grid of recency by the mean of frequency and
    monetary score, so that r, f and m all have a say. With 3 or 4 bins some of the ten are empty.

    References
    ----------
    Hughes, A. M. (1994). *Strategic Database Marketing*, chapter 5. Probus. (RFM by quintiles.)
    Miglautsch, J. R. (2000). Thoughts on RFM scoring. *Journal of Database Marketing* 8(1), 67–72. (Equal values.)

    Examples
    --------
    >>> import bankmkt as bm, pandas as pd
    >>> log = pd.DataFrame({
    ...     "who": ["Ann", "Bo", "Bo", "Cy", "Cy", "Cy"], "amount": [5.0, 20.0, 10.0, 70.0, 15.0, 15.0],
    ...     "day": pd.to_datetime(["2026-01-05", *["2026-05-30"] * 2, "2026-06-02", "2026-06-20", "2026-06-29"])})
    >>> found = bm.rfm(log, as_of="2026-06-30", bins=3, by="who", time="day")
    >>> found.scores
       who  recency_days  frequency  monetary  r  f  m         segment
    0  Ann           176          1       5.0  1  1  1     hibernating
    1   Bo            31          2      30.0  2  2  2  need attention
    2   Cy             1          3     100.0  3  3  3       champions
    """
    day = parse_date("as_of", as_of)
    _check(window_days, bins, frequency, ties)
    window_days, bins = int(window_days), int(bins)
    given = None if cuts is None else steps.check_cuts(cuts, bins)
    t, con = engine_table(transactions, "transactions")
    steps.check_columns(t, by, time, amount)
    money = steps.choose_money(t, money)
    moved = steps.movements(t, money, by, time, amount)
    base = steps.measure(moved, day, window_days, frequency)
    everybody = None if customers is None else steps.population(customers, con, t, by)
    if everybody is not None:
        moved, base = (rows.semi_join(everybody, "customer_id") for rows in (moved, base))
    with reading(con, None):
        base = base.cache()  # in the engine, for as long as somebody holds an expression over it
    known = steps.ends(base, moved, by, time, amount, f"in the {window_days} days up to {day}")
    used = steps.cut_points(base, known, bins) if given is None else given
    if everybody is not None:
        base = everybody.left_join(base, "customer_id").drop("customer_id_right")
    table = steps.score(base, used, bins, ties, by)
    scores = fetch(table.order_by(by)).to_pandas() if isinstance(transactions, pd.DataFrame) else table
    return RFM(scores, used, day, window_days, bins, money, frequency, ties, table)


def _check(window_days: Any, bins: Any, frequency: Any, ties: Any) -> None:
    check_integer("window_days", window_days, 1, 36_600, usual=365)
    check_integer("bins", bins, *BINS, usual=LEVELS)
    for name, value, valid in (("frequency", frequency, FREQUENCIES), ("ties", ties, TIES)):
        if value not in valid:
            raise ParameterError(name, value, one_of(valid), f'pass {name}="{valid[0]}"')


def _per_customer(rows: pd.DataFrame, k: int, by: list[str]) -> pd.DataFrame:
    """Turn sums into shares and means, and hide small cells."""
    whole = rows["customers"].sum()
    if whole < k:
        raise Refused(f"fewer than {k} customers are counted, too few to report on", todo="take a longer window")
    money = rows["monetary"].sum()
    out = suppress(rows.astype({"customers": "float64"}), "customers", MEASURES, by=by, k=k)
    each = {name: out[name] / out["customers"].where(out["customers"] > 0) for name in MEASURES}
    out = out.assign(
        share=out["customers"] / whole,
        monetary=out["monetary"].round(2),
        monetary_share=out["monetary"] / (money if money > 0 else np.nan),
        monetary_per_customer=each["monetary"],
        frequency_per_customer=each["frequency"],
        recency_days=each["recency_days"].mask(rows["segment"] == INACTIVE),
    )
    keys = [name for name in ("segment", "recency_level", "value_level") if name in out]
    return out[
        [
            *keys,
            *("customers", "share", "monetary", "monetary_share", "monetary_per_customer"),
            *("frequency_per_customer", "recency_days", "suppressed"),
        ]
    ]


_GRID = pd.DataFrame(
    [(named_level(r, v), r, v) for r in range(1, LEVELS + 1) for v in range(1, LEVELS + 1)],
    columns=["segment", "recency_level", "value_level"],
)
