"""Who moved from one state or segment to another, and with how much money."""

from typing import TYPE_CHECKING, Any

from bankmkt.errors import DataError, ParameterError, Refused, SchemaError
from bankmkt.privacy import K, check_k, small_cells

if TYPE_CHECKING:
    import pandas as pd

OUTSIDE = "outside"
"""Where those come from who are only in the later table, and go who are only in the earlier one."""

MOST = 100
"""The most states there may be: what has more values tells of customers one by one."""


def migration(before: Any, after: Any, by: str = "state", k: int = K) -> "pd.DataFrame":
    """Count the customers that moved from each state (or segment) to each, and the money they had and have.

    Parameters
    ----------
    before, after : pandas.DataFrame or ibis table
        A row per customer, on two days: customer_id, aum and the column ``by``. Both of one kind; Ibis tables are
        joined in their engine, and are of one bank.
    by : str
        The column that names the state: text, or whole numbers, of at most 100 different values.
    k : int
        Cells about fewer customers are null, with as many others as keep them from being worked out from what
        :func:`flows` tells; ``suppressed`` marks them.

    Returns
    -------
    pandas.DataFrame
        A row per move that happened: from, to, customers, aum_before, aum_after, suppressed. ``"outside"`` is where
        customers are when only one table has them: not yet there, or no longer.

    Raises
    ------
    SchemaError
        If a column is missing, AUM is no number, or ids are not numbers in both tables or text in both.
    DataError
        If a customer has two rows in a table, a row lacks its state or AUM, or a state is called ``"outside"``.
    ParameterError
        If the tables are of two kinds or none, or of two banks, ``by`` is no name, the customer's id or a column of
        amounts, or ``k`` no integer from 1.
    Refused
        If ``by`` has more than 100 different values.

    Examples
    --------
    >>> import pandas as pd
    >>> before = pd.DataFrame({"customer_id": [1, 2, 3], "state": ["new", "new", "mature"], "aum": [5.0, 6.0, 7.0]})
    >>> after = pd.DataFrame({"customer_id": [2, 3, 4], "state": ["mature", "mature", "new"], "aum": [8.0, 7.0, 1.0]})
    >>> migration(before, after, k=1).drop(columns="suppressed")
          from       to  customers  aum_before  aum_after
    0   mature   mature        1.0         7.0        7.0
    1      new   mature        1.0         6.0        8.0
    2      new  outside        1.0         5.0        0.0
    3  outside      new        1.0         0.0        1.0
    """
    moves = _moves(before, after, by, k)
    hidden = _hidden(moves, k)
    numbers = ["customers", "aum_before", "aum_after"]
    return moves.assign(**{name: moves[name].astype("float64").mask(hidden) for name in numbers}, suppressed=hidden)


def flows(before: Any, after: Any, by: str = "state", k: int = K) -> "pd.DataFrame":
    """Account for each state's change: what it had, what came in, what went out, what it has.

    Parameters
    ----------
    before, after, by, k
        As for :func:`migration`; rows that tell of fewer than ``k`` customers who came, went, stayed or were there are
        null, with as many others as the totals ask for.

    Returns
    -------
    pandas.DataFrame
        A row per state: state, customers_before, customers_in, customers_out, customers_after, aum_before, aum_in,
        aum_out, aum_growth, aum_after, suppressed. Of customers, before + in - out = after. Of money,
        before + in - out + growth = after: ``aum_out`` is what leavers had, ``aum_in`` what joiners have now, and
        ``aum_growth`` the change of those who stayed.

    Raises
    ------
    SchemaError, DataError, ParameterError, Refused
        As :func:`migration`.

    Examples
    --------
    >>> import pandas as pd
    >>> before = pd.DataFrame({"customer_id": [1, 2, 3], "state": ["new", "new", "mature"], "aum": [5.0, 6.0, 7.0]})
    >>> after = pd.DataFrame({"customer_id": [2, 3, 4], "state": ["mature", "mature", "new"], "aum": [8.0, 9.0, 1.0]})
    >>> flows(before, after, k=1).filter(regex="state|aum")
        state  aum_before  aum_in  aum_out  aum_growth  aum_after
    0  mature         7.0     8.0      0.0         2.0       17.0
    1     new        11.0     1.0     11.0         0.0        1.0
    """
    import pandas as pd

    moves = _moves(before, after, by, k)
    stays = moves["from"] == moves["to"]
    moved, stayed = moves[~stays], moves[stays].set_index("from").drop(columns="to")
    gone, come = moved.groupby("from").sum(numeric_only=True), moved.groupby("to").sum(numeric_only=True)
    states = sorted((set(moves["from"]) | set(moves["to"])) - {OUTSIDE})
    gone, come, stayed = (frame.reindex(states, fill_value=0) for frame in (gone, come, stayed))
    counts = {
        "customers_before": stayed["customers"] + gone["customers"],
        "customers_in": come["customers"],
        "customers_out": gone["customers"],
        "customers_after": stayed["customers"] + come["customers"],
    }
    money = {
        "aum_before": stayed["aum_before"] + gone["aum_before"],
        "aum_in": come["aum_after"],
        "aum_out": gone["aum_before"],
        "aum_growth": stayed["aum_after"] - stayed["aum_before"],
        "aum_after": stayed["aum_after"] + come["aum_after"],
    }
    hidden = pd.Series(False, index=states)
    for _ in range(len(states) + 1):
        for part in (*counts.values(), stayed["customers"]):
            hidden |= small_cells(part, k=k, hidden=hidden)
    shown = {name: part.astype("float64").mask(hidden).round(2) for name, part in (counts | money).items()}
    return pd.DataFrame(shown).rename_axis("state").reset_index().assign(suppressed=hidden.to_numpy())


def _moves(before: Any, after: Any, by: str, k: int) -> "pd.DataFrame":
    """Return from, to, customers, aum_before and aum_after, nothing hidden."""
    import ibis
    import ibis.expr.types as ir
    import pandas as pd
    from ibis.common.exceptions import IbisError

    check_k(k)
    if not isinstance(by, str):
        raise ParameterError("by", by, "the name of a column", "name the one that holds the state")
    if by == "customer_id":
        raise ParameterError("by", by, "a column of states that customers share", 'pass by="state"')
    kinds = {next((kind for kind in (pd.DataFrame, ir.Table) if isinstance(t, kind)), None) for t in (before, after)}
    if len(kinds) > 1 or None in kinds:
        found = f"{type(before).__name__} and {type(after).__name__}"
        raise ParameterError("before and after", found, "two pandas frames or two Ibis tables", "pass both of one kind")
    ids = {name: _check(name, table, by) for name, table in (("before", before), ("after", after))}
    if len(set(ids.values())) > 1:
        raise SchemaError("customer_id", ids, "numbers in both tables, or text in both", "write the ids alike")
    sides = []
    for name, table in (("before", before), ("after", after)):
        t = ibis.memtable(table[["customer_id", by, "aum"]]) if isinstance(table, pd.DataFrame) else table
        sides.append(
            t.select("customer_id", state=t[by].cast("string"), aum=t.aum.cast("float64"), side=ibis.literal(name))
        )
    stacked = ibis.union(*sides)
    try:
        stacked.get_backend()
    except IbisError as error:
        found = "tables of two connections"
        raise ParameterError("before and after", found, "two tables of one bank", "open the bank once") from error
    moves: pd.DataFrame = _paired(stacked).to_pandas()
    for name in ("before", "after"):
        if (moves[f"rows_{name}"] > 1).any():
            raise DataError(name, "a customer with two rows", "a row per customer", "choose one month")
        if moves[f"faults_{name}"].any():
            raise DataError(name, "a row without a value", f"customer_id, {by} and aum in every row", "fill them in")
        if moves[f"named_{name}"].any():
            raise DataError(
                name, f"a {by} called {OUTSIDE!r}", "another name", "that one is for who is in one table only"
            )
    if (states := len((set(moves["from"]) | set(moves["to"])) - {OUTSIDE})) > MOST:
        what = f"by={by!r} has {states:,} different values, which would tell of customers one by one"
        raise Refused(what, todo=f"name a column of at most {MOST} states, or put the values into bands")
    moves = moves[["from", "to", "customers", "aum_before", "aum_after"]].astype({"customers": "int64"})
    moves = moves.round({"aum_before": 2, "aum_after": 2})
    return moves.sort_values(["from", "to"], ignore_index=True)


def _check(name: str, table: Any, by: str) -> str:
    """Refuse a table without the columns; return of which kind its ids are."""
    import ibis.expr.types as ir
    from pandas.api import types

    for column in ("customer_id", by, "aum"):
        if column not in table.columns:
            raise SchemaError(f"{name} has no column", column, "customer_id, aum and the state", f"pass by={by!r}")
    if isinstance(table, ir.Table):
        number, numbered = table.aum.type().is_numeric(), table.customer_id.type().is_numeric()
        amounts = table[by].type().is_floating() or table[by].type().is_decimal()
    else:
        number, numbered = types.is_numeric_dtype(table["aum"]), types.is_numeric_dtype(table["customer_id"])
        amounts = types.is_float_dtype(table[by])
    if amounts:
        todo = "put amounts into bands, and cast numbers of groups to integers"
        raise ParameterError("by", by, f"states, text or whole numbers: {name}.{by} holds fractions", todo)
    if not number:
        raise SchemaError(f"{name}.aum", "text", "numbers", "convert the column")
    return "numbers" if numbered else "text"


def _paired(stacked: Any) -> Any:
    """Sum by move, from a row per customer and side; with the most rows of a customer, and faults, on either side."""
    names = ("before", "after")
    values: dict[str, Any] = {}
    for name in names:
        here = stacked.side == name
        fault = stacked.customer_id.isnull() | stacked.state.isnull() | stacked.aum.isnull() | stacked.aum.isnan()
        values |= {
            f"state_{name}": stacked.state.max(where=here),
            f"aum_{name}": stacked.aum.sum(where=here).fill_null(0.0),
            f"rows_{name}": stacked.count(where=here),
            f"faults_{name}": (here & fault.fill_null(True)).sum(),
            f"named_{name}": (here & (stacked.state == OUTSIDE)).sum(),
        }
    t = stacked.group_by("customer_id").agg(**values)
    worst = {f"{what}_{name}": t[f"{what}_{name}"].max() for what in ("rows", "faults", "named") for name in names}
    ends = {"from": t.state_before.fill_null(OUTSIDE), "to": t.state_after.fill_null(OUTSIDE)}
    return t.group_by(**ends).agg(
        customers=t.count(), aum_before=t.aum_before.sum(), aum_after=t.aum_after.sum(), **worst
    )


def _hidden(moves: "pd.DataFrame", k: int) -> "pd.Series":
    """Hide small moves so that neither a state's size nor what came, went or stayed tells them."""
    stays = moves["from"] == moves["to"]
    hidden = small_cells(moves["customers"], by=[moves["from"]], k=k)
    while True:
        more = hidden
        for blocks in (["from"], ["to"], ["from", "stays"], ["to", "stays"]):
            labels = [moves.assign(stays=stays)[name] for name in blocks]
            more = small_cells(moves["customers"], by=labels, k=k, hidden=more)
        if more.equals(hidden):
            return hidden
        hidden = more
