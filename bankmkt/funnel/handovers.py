"""Hand-overs between the ways to the bank: who goes on elsewhere, how soon, who buys, who comes back."""

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd

from bankmkt.errors import DataError, ParameterError
from bankmkt.frames import fetch
from bankmkt.funnel.channels import WAYS, Ways, acts
from bankmkt.funnel.clusters import clustered_shares
from bankmkt.funnel.definition import DAY, SECOND, parse_within
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, check_k, small_cells

if TYPE_CHECKING:
    from bankmkt.bank import Bank


def handovers(
    bank: "Bank",
    since: dt.date | str,
    as_of: dt.date | str,
    *,
    within: str | dt.timedelta = "30d",
    success: str | dt.timedelta = "30d",
    ways: Ways = WAYS,
    org_id: int | str | None = None,
    k: int = K,
) -> pd.DataFrame:
    """Count how often customers go on by another way than the one they came by, and what becomes of it.

    A hand-over is a customer's act by a way that is not that of the act before, at most ``within`` after it. It is a
    success if the customer buys a product within ``success`` of it (the act itself may be the purchase), and is
    returned if the next change of way is back again, within ``within`` of it. Neither says that the way made the
    difference: those who change may be those who were going to buy.

    Parameters
    ----------
    bank : Bank
    since, as_of : date or str
        The first and the last day seen.
    within, success
        Lengths of time: ``"30d"``, ``"36h"``.
    ways, org_id
        As of :func:`bankmkt.funnel.acts`.
    k : int
        Cells with fewer customers are hidden (null; suppressed), and more if need be; in the others matured, success
        and returned are hidden where fewer customers did or did not do so.

    Returns
    -------
    pandas.DataFrame
        A row per pair of ways: from_way, to_way, customers, handovers, share (of hand-overs from the same way), median,
        q25 and q75 of the hours between both acts; matured (hand-overs whose time for a purchase and a return is over),
        success and returned (of these); each rate with ``_lower`` and ``_upper`` (95%; customers' own hand-overs are
        alike: :func:`bankmkt.funnel.clusters.clustered_shares`); suppressed.

    Raises
    ------
    ParameterError, SchemaError
        If an argument is not as above, or a table is missing.
    DataError
        If nobody changed the way.

    Examples
    --------
    >>> import bankmkt as bm
    >>> bank = bm.open_bank({
    ...     "organisations": pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Head office"}),
    ...     "customers": pd.DataFrame({"customer_id": [1], "org_id": 1, "opened_on": pd.Timestamp("2020-01-01")}),
    ...     "transactions": pd.DataFrame({"transaction_id": [1, 2, 3], "customer_id": 1,
    ...         "ts": pd.to_datetime(["2026-03-09", "2026-03-11", "2026-03-21"]), "amount": [-100.0, 5000.0, -100.0],
    ...         "kind": ["cash_out", "purchase", "cash_out"], "product": ["demand", "fund", "demand"],
    ...         "channel": ["atm", "app", "atm"]})})
    >>> handovers(bank, "2026-03-01", "2026-06-30", k=1)[["from_way", "to_way", "handovers", "success", "returned"]]
      from_way   to_way  handovers  success  returned
    0   online  offline        1.0      0.0       0.0
    1  offline   online        1.0      1.0       1.0
    """
    check_k(k)
    day = parse_date("as_of", as_of)
    spans = {}
    for name, given in (("within", within), ("success", success)):
        length = parse_within(given)[0]
        if length is None or length % SECOND:
            raise ParameterError(name, given, "a length of time in whole seconds", f"pass {name}='30d'")
        spans[name] = length // SECOND
    moved = changes(acts(bank, since, day, ways, org_id), spans["within"], spans["success"], day)
    cells = fetch(_moments(moved)).to_pandas()
    if cells.empty:
        raise DataError("acts", "nobody changed the way", "some who did", "choose an earlier since or a larger unit")
    return _summary(cells, list(ways), k)


def changes(rows: Any, within: int, success: int, as_of: dt.date) -> Any:
    """Return the hand-overs among acts.

    Parameters
    ----------
    rows
        Of :func:`bankmkt.funnel.acts`.
    within, success
        In seconds.
    as_of
        The last day seen.

    Returns
    -------
    ibis table
        customer_id, from_way, to_way, seconds (between both acts), matured, success, returned (0 or 1).
    """
    import ibis

    end = ((as_of - dt.date(1970, 1, 1)).days + 1) * (DAY // SECOND)
    t = rows.mutate(_s=rows.ts.epoch_seconds(), _buys=rows.bought.cast("int64"), _way=rows.way.fill_null(""))
    order = [t.ts, t._way, t._buys]
    on = ibis.window(group_by=t.customer_id, order_by=order, preceding=0, following=None)
    t = t.mutate(_buy=t.bought.ifelse(t._s, ibis.null("int64")).min().over(on))
    t = t.filter(t.way.notnull())
    each = ibis.window(group_by=t.customer_id, order_by=[t.ts, t._way, t._buys])
    t = t.mutate(from_way=t.way.lag().over(each), _left=t._s.lag().over(each))
    t = t.filter((t.way != t.from_way).fill_null(False))
    each = ibis.window(group_by=t.customer_id, order_by=[t.ts, t._way, t._buys])
    t = t.mutate(_next=t.way.lead().over(each), _then=t._s.lead().over(each))
    t = t.filter(t._s - t._left <= within)
    back = ((t._next == t.from_way) & (t._then - t._s <= within)).fill_null(False)
    buys = (t._buy - t._s <= success).fill_null(False)
    return t.select(
        "customer_id", "from_way", to_way=t.way, seconds=t._s - t._left,
        matured=(t._s + max(within, success) < end).cast("int64"), success=buys.cast("int64"),
        returned=back.cast("int64"),
    )  # fmt: skip


def _moments(moved: Any) -> Any:
    """Sum hand-overs up by pair of ways, with the sums of products over customers that intervals need."""
    import ibis

    own = moved.group_by("customer_id", "from_way", "to_way").aggregate(
        n=moved.count(), m=moved.matured.sum(), s=(moved.success * moved.matured).sum(),
        r=(moved.returned * moved.matured).sum(),
    )  # fmt: skip
    own = own.mutate(whole=own.n.sum().over(ibis.window(group_by=[own.customer_id, own.from_way])))
    sums = {name: own[name].sum() for name in "nmsr"}
    products = {a + b: (own[a] * own[b]).sum() for a, b in ("ss", "sm", "mm", "rr", "rm", "nn")}
    parts = {"m": own.m, "open": own.n - own.m, "s": own.s, "no_s": own.m - own.s, "r": own.r, "no_r": own.m - own.r}
    people = {f"{name}_customers": own.count(where=part > 0) for name, part in parts.items()}
    cells = own.group_by("from_way", "to_way").aggregate(
        customers=own.count(), nw=(own.n * own.whole).sum(), **sums, **products, **people
    )
    left = moved.group_by("customer_id", "from_way").aggregate(whole=moved.count())
    left = left.group_by("from_way").aggregate(leavers=left.count(), w=left.whole.sum(), ww=(left.whole**2).sum())
    hours = moved.seconds.cast("float64") / 3600
    times = moved.group_by("from_way", "to_way").aggregate(
        median=hours.quantile(0.5), q25=hours.quantile(0.25), q75=hours.quantile(0.75)
    )
    return cells.inner_join(left, "from_way").inner_join(times, ["from_way", "to_way"])


def _summary(cells: pd.DataFrame, ways: list[str], k: int) -> pd.DataFrame:
    pairs = pd.DataFrame([(a, b) for a in ways for b in ways if a != b], columns=["from_way", "to_way"])
    c = pairs.merge(cells, how="inner", on=["from_way", "to_way"])
    out = c[["from_way", "to_way", "customers"]].assign(handovers=c["n"])
    rates = {
        "share": (c["n"], c["w"], c["nn"], c["nw"], c["ww"], c["leavers"]),
        "success": (c["s"], c["m"], c["ss"], c["sm"], c["mm"], c["m_customers"]),
        "returned": (c["r"], c["m"], c["rr"], c["rm"], c["mm"], c["m_customers"]),
    }
    for name, sums in rates.items():
        for suffix, values in zip(("", "_lower", "_upper"), clustered_shares(*sums), strict=True):
            out[f"{name}{suffix}"] = values
        if name == "share":
            out = out.assign(median=c["median"], q25=c["q25"], q75=c["q75"], matured=c["m"])
    hidden = small_cells(out["customers"], by=[out["from_way"]], k=k, overlapping=True)
    numbers = out.columns.difference(["from_way", "to_way"])
    out[numbers] = out[numbers].astype("float64").mask(hidden)
    out["matured"] = out["matured"].mask(_few(c, ("m", "open"), k))
    for name, count in (("success", "s"), ("returned", "r")):
        own = [name, f"{name}_lower", f"{name}_upper"]  # with matured, each tells how many did it and how many did not
        out[own] = out[own].mask(_few(c, ("m", count, f"no_{count}"), k), axis=0)
    return out.assign(suppressed=hidden)


def _few(cells: pd.DataFrame, parts: tuple[str, ...], k: int) -> pd.Series:
    """Say where a part of the hand-overs is of 1 to k − 1 customers."""
    return pd.concat([cells[f"{part}_customers"].between(1, k - 1) for part in parts], axis=1).any(axis=1)
