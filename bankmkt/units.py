"""The tree of a bank's units; it ends even where the data go round in a circle."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from bankmkt.errors import ParameterError

if TYPE_CHECKING:
    from bankmkt.bank import Bank

Id = TypeVar("Id", bound=int | str)
"""Whole numbers or texts, as the bank has them."""


def climb(unit: Id, stops: Collection[Id], parent: Mapping[Id, Id | None]) -> Id | None:
    """Go up from a unit to the first that is one of the stops.

    Parameters
    ----------
    unit
        Where to start; it may be a stop itself.
    stops
        Units to stop at.
    parent
        ``org_id`` of each unit → of the unit above it, None at the top.

    Returns
    -------
    int, str or None
        None when no stop is above the unit, also where its way up is a circle.

    Examples
    --------
    >>> tree = {1: None, 2: 1, 3: 2}
    >>> climb(3, {1, 2}, tree), climb(1, {2}, tree), climb(8, {1}, {8: 9, 9: 8})
    (2, None, None)
    """
    seen: set[Id] = set()
    at: Id | None = unit
    while at is not None and at not in seen:
        if at in stops:
            return at
        seen.add(at)
        at = parent.get(at)
    return None


def belonging(units: Sequence[Mapping[str, Any]], stops: Collection[Id]) -> dict[Id, tuple[Id, str]]:
    """Return for every unit at or below one of the stops that stop and its name.

    Names that two stops share come with their number.

    Parameters
    ----------
    units
        Rows of the table organisations: org_id, parent_id, name.
    stops
        Units to gather the others under.

    Examples
    --------
    >>> rows = [(1, None, "Head"), (2, 1, "East"), (3, 2, "East 1"), (4, 1, "East")]
    >>> units = [dict(zip(("org_id", "parent_id", "name"), row)) for row in rows]
    >>> belonging(units, [2, 4])
    {2: (2, 'East (2)'), 3: (2, 'East (2)'), 4: (4, 'East (4)')}
    """
    parent, names = ({unit["org_id"]: unit[column] for unit in units} for column in ("parent_id", "name"))
    found = {unit: climb(unit, stops, parent) for unit in parent}
    called = [names[stop] for stop in set(found.values()) if stop is not None]
    return {
        unit: (stop, f"{names[stop]} ({stop})" if called.count(names[stop]) > 1 else names[stop])
        for unit, stop in found.items() if stop is not None
    }  # fmt: skip


def no_unit(org_id: object, names: Mapping[Id, str]) -> ParameterError:
    """Return the error to raise for a unit that is not among the bank's, whose names these are by ``org_id``.

    Examples
    --------
    >>> str(no_unit(9, {1: "Head", 2: "North"}))
    "org_id = 9: expected one of the bank's 2 units, such as 1 (Head), 2 (North); the table organisations lists them"
    """
    some = ", ".join(f"{unit} ({names[unit]})" for unit in sorted(names)[:5])
    expected = f"one of the bank's {len(names)} units, such as {some}"
    return ParameterError("org_id", org_id, expected, "the table organisations lists them")


def units_below(bank: "Bank", org_id: Id) -> list[Id]:
    """Return a unit and all units below it.

    Parameters
    ----------
    bank
        With the table organisations.
    org_id
        The unit at the top.

    Returns
    -------
    list
        In order. Where units are above each other in a circle, each of them is below the others.

    Raises
    ------
    ParameterError
        If the bank has no such unit.

    Examples
    --------
    >>> import pandas as pd
    >>> from bankmkt.bank import open_bank
    >>> units = pd.DataFrame({"org_id": [1, 2, 3, 4], "parent_id": [1, 1, 2, 1], "level": "branch", "name": "Unit"})
    >>> units_below(open_bank({"organisations": units}), 2)
    [2, 3]
    """
    t = bank.organisations
    rows = bank.fetch(t.select("org_id", "parent_id", "name")).to_pylist()
    parent = {row["org_id"]: row["parent_id"] for row in rows}
    if org_id not in parent:
        raise no_unit(org_id, {row["org_id"]: row["name"] for row in rows})
    return sorted(unit for unit in parent if climb(unit, {org_id}, parent) is not None)
