"""Who gets what in a new experiment: drawn by a salted hash, so that anybody can draw the same lot again."""

import datetime as dt
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
from bankmkt.frames import engine_table, fetch
from bankmkt.lookback import parse_date

ARMS: Mapping[str, float] = {"control": 0.5, "treatment": 0.5}
DIGITS = 12
"""Hexadecimal digits of a hash that become a number: 48 bits, exact in a double on every engine."""
HELD_OUT, BUSY = "held out", "in another experiment"


def assign(
    customers: Any,
    salt: str,
    arms: Mapping[str, float] = ARMS,
    *,
    strata: Sequence[str] = (),
    hold_out: tuple[str, float] | None = None,
    busy: Any = None,
    by: str = "customer_id",
    assigned_on: dt.date | str | None = None,
) -> Any:
    """Draw the arms of an experiment.

    Each customer's lot is the MD5 digest of the salt and the customer's number. It depends on nothing else: a customer
    keeps the arm however often, among whomever and on whichever engine it is drawn, and experiments with different
    salts are independent. With ``strata`` the lots of each stratum are put in order and cut, so that it is divided as
    planned but for one customer; then the arm depends on who else is in the stratum, so draw once and keep the result.

    Parameters
    ----------
    customers
        Ibis table or pandas frame with a row per customer who may take part.
    salt
        The experiment's name; another one draws other lots.
    arms
        Share of each arm; they add up to 1. The chance of an arm is the same for every customer.
    strata
        Columns; every combination of their values is divided by itself. Null is a value.
    hold_out
        Salt and share of customers who are kept out of every campaign that names the same salt: ``("2026", 0.05)``.
    busy
        Table with the customers (``by``) of experiments that run at the same time; they are left out.
    by
        Column of the customer, or of a larger unit that is assigned as a whole (without ``strata``).
    assigned_on
        Day that is written beside the arm.

    Returns
    -------
    ibis table
        In the engine of ``customers``, a row per customer: the columns given, and ``arm`` (null for those left out),
        ``propensity`` (the chance of this arm), ``left_out`` (null, "held out", "in another experiment") and, if given,
        ``assigned_on``.

    Raises
    ------
    ParameterError
        If an argument is not as above.
    SchemaError
        If a column is not there, or is there already, or the ids are neither whole numbers nor texts.
    DataError
        If an id is missing, or with ``strata`` comes twice.

    Notes
    -----
    Who is held out or busy does not depend on the lots. Lots of a stratum are cut with a random start (systematic
    sampling of a random order), which gives every customer the planned chance whatever the stratum's size.

    Examples
    --------
    >>> import pandas as pd
    >>> people = pd.DataFrame({"customer_id": range(1000), "branch": [1, 2] * 500})
    >>> drawn = assign(people, "spring", {"control": 0.2, "treatment": 0.8}, strata=["branch"]).to_pandas()
    >>> drawn.groupby(["branch", "arm"]).size().tolist()
    [100, 400, 100, 400]
    """
    import ibis

    table, con = engine_table(customers, "customers")
    shares = check_arms(arms)
    _check_salt("salt", salt)
    if not isinstance(strata, Sequence) or isinstance(strata, str) or not all(isinstance(name, str) for name in strata):
        raise ParameterError("strata", strata, "a list of columns", 'such as strata=["branch"]')
    for column in (by, *strata):
        if column not in table.columns:
            raise SchemaError("customers has no column", column, one_of(table.columns), "add it, or name another")
    for column in ("arm", "propensity", "left_out", "assigned_on"):
        if column in table.columns:
            raise SchemaError("customers has already a column", column, "columns known before", "drop or rename it")
    kind = table[by].type()
    if not (kind.is_integer() or kind.is_string()):
        todo = 'turn it into whole numbers (in pandas: .astype("Int64")) or texts: 7 and 7.0 draw other lots'
        raise SchemaError(f"column {by} is {kind}", None, "whole numbers or texts", todo)
    found = fetch(
        table.aggregate(rows=table.count(), ids=table[by].count(), different=table[by].nunique())
    ).to_pylist()[0]
    if found["ids"] < found["rows"]:
        raise DataError(by, f"{found['rows'] - found['ids']:,} missing", "an id in every row", "leave these rows out")
    if strata and found["different"] < found["rows"]:
        todo = "pass each once: a stratum is divided by rows"
        raise DataError(
            by, f"{found['rows'] - found['different']:,} rows of an id that was there before", "each once", todo
        )
    if hold_out is not None and isinstance(hold_out, tuple) and hold_out[:1] == (salt,):
        todo = "else those held out are those who would have drawn the first arms"
        raise ParameterError("hold_out", salt, "another salt than the experiment's", todo)
    out = table.mutate(left_out=_left_out(table, con, by, hold_out, busy))
    limits = list(itertools.accumulate(shares.values()))[:-1]
    if strata:
        keys = [out[name] for name in strata] + [out.left_out.isnull()]
        own = ibis.literal(f"{salt}|stratum")
        for name in strata:
            own = own + "|" + out[name].cast("string").fill_null("")
        out = out.mutate(_place=ibis.row_number().over(group_by=keys, order_by=[lot(salt, out[by]), out[by]]), _own=own)
        keys = [out[name] for name in strata] + [out.left_out.isnull()]
        # a stratum's start is told of its first row: digits are dear
        start = (out._place == 0).ifelse(_number(out._own), None).max().over(group_by=keys)
        many = out.count().over(group_by=keys).cast("float64")
        out = out.mutate(_part=(out._place.cast("float64") + start) / many).drop("_place", "_own")
        part = (out._part >= 1.0).ifelse(out._part - 1.0, out._part)
        below = [part < limit for limit in limits]
    else:
        out = out.mutate(_part=lot(salt, out[by]))
        below = [out._part < _text(limit) for limit in limits]
    names = list(shares)
    arm = ibis.cases(*zip(below, names, strict=False), else_=names[-1])
    # As texts: DuckDB takes 0.2 for a decimal, and would write it as one.
    chances = [ibis.literal(repr(share)).cast("float64") for share in shares.values()]
    chance = ibis.cases(*zip(below, chances, strict=False), else_=chances[-1])
    inside = out.left_out.isnull()
    out = out.mutate(arm=inside.ifelse(arm, None), propensity=inside.ifelse(chance, None)).drop("_part")
    if assigned_on is not None:
        out = out.mutate(assigned_on=ibis.literal(parse_date("assigned_on", assigned_on)))
    return out


def lot(salt: str, ids: Any) -> Any:
    """Return each id's lot of an Ibis column: the first digits of the MD5 digest of ``salt``, a bar and the id.

    Read as a fraction it is a number from 0 to 1; as texts lots have the same order. The same on every engine:

    >>> import hashlib, ibis
    >>> ids = ibis.memtable({"id": [17]}).id
    >>> lot("spring", ids).execute()[0] == hashlib.md5(b"spring|17").hexdigest()[:12]
    True
    """
    import ibis

    return (ibis.literal(f"{salt}|") + ids.cast("string")).hexdigest("md5").substr(0, DIGITS)


def _text(share: float) -> str:
    """Write a number from 0 to 1 as the least lot that is not below it.

    Examples
    --------
    >>> _text(0.5), _text(1.0) > "f" * DIGITS
    ('800000000000', True)
    """
    whole = math.ceil(share * 16**DIGITS)
    return f"{whole:0{DIGITS}x}" if whole < 16**DIGITS else "g"


def _number(text: Any) -> Any:
    import ibis

    digest = text.hexdigest("md5")
    digits = ibis.literal("0123456789abcdef")
    total = None
    for place in range(DIGITS):
        digit = digits.find(digest.substr(place, 1)).cast("float64") * 16.0 ** -(place + 1)
        total = digit if total is None else total + digit
    return total


def _left_out(table: Any, con: Any, by: str, hold_out: tuple[str, float] | None, busy: Any) -> Any:
    """Return the column that says why a customer is left out."""
    import ibis

    reasons = []
    if hold_out is not None:
        if not isinstance(hold_out, tuple) or len(hold_out) != 2:
            raise ParameterError("hold_out", hold_out, "a salt and a share", 'such as ("2026", 0.05)')
        _check_salt("hold_out", hold_out[0])
        if isinstance(hold_out[1], bool) or not isinstance(hold_out[1], int | float) or not 0 < hold_out[1] < 1:
            raise ParameterError("hold_out", hold_out[1], "a share between 0 and 1", 'such as ("2026", 0.05)')
        reasons.append((lot(hold_out[0], table[by]) < _text(float(hold_out[1])), ibis.literal(HELD_OUT)))
    if busy is not None:
        others, _ = engine_table(busy, "busy", con)
        if by not in others.columns:
            todo = "pass the customers of other experiments"
            raise SchemaError("busy has no column", by, one_of(others.columns), todo)
        if others[by].type().is_string() != table[by].type().is_string():
            raise SchemaError(f"column {by} is a number in one table and a text in the other", todo="cast one of them")
        reasons.append((table[by].isin(others[by]), ibis.literal(BUSY)))
    return ibis.cases(*reasons, else_=ibis.null("string")) if reasons else ibis.null("string")


def check_arms(arms: Mapping[str, float]) -> dict[str, float]:
    """Return the shares of arms, or raise ParameterError unless they are some that add up to 1."""
    usual = 'such as {"control": 0.5, "treatment": 0.5}'
    if not isinstance(arms, Mapping) or len(arms) < 2:
        raise ParameterError("arms", arms, "two arms or more with their shares", usual)
    for name, share in arms.items():
        if not isinstance(name, str) or not name:
            raise ParameterError("arms", name, "names of arms", usual)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
            raise ParameterError(f"arms[{name!r}]", share, "a share between 0 and 1", usual)
    if abs(sum(arms.values()) - 1) > 1e-9:
        raise ParameterError("arms", sum(arms.values()), "shares that add up to 1", usual)
    return {name: float(share) for name, share in arms.items()}


def _check_salt(parameter: str, salt: Any) -> None:
    if not isinstance(salt, str) or not salt:
        raise ParameterError(parameter, salt, "a text of its own for each experiment", 'such as "card_autumn_2026"')
