"""Which units of a bank a check-up covers, and the rows it shows them in."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bankmkt.units import climb, no_unit

if TYPE_CHECKING:
    from bankmkt.bank import Bank

Unit = int | str
"""A unit's ``org_id``, a number or text as the bank has it."""


@dataclass(frozen=True)
class Scope:
    """The units below one unit.

    Parameters
    ----------
    name
        Of the unit at the top.
    units
        ``org_id`` of all units covered; None when that is the whole bank.
    rows
        ``org_id`` of every unit covered → ``org_id`` of the row it counts in: the unit under the top that it
        belongs to, or the top itself.
    names
        ``org_id`` of each row → its label, unique.
    level
        What the rows are, for example ``"branch"``.
    """

    name: str
    units: tuple[Unit, ...] | None
    rows: dict[Unit, Unit]
    names: dict[Unit, str]
    level: str


def scope(bank: "Bank", org_id: Unit | None) -> Scope:
    """Find the units under a unit.

    Parameters
    ----------
    bank : Bank
    org_id : int, str or None
        The unit at the top; None for the whole bank.

    Raises
    ------
    ParameterError
        If the bank has no such unit.
    """
    t = bank.organisations
    rows = bank.fetch(t.select("org_id", "parent_id", "level", "name").order_by("org_id")).to_pylist()
    name, level, parent = ({row["org_id"]: row[c] for row in rows} for c in ("name", "level", "parent_id"))
    known = set(parent)
    if org_id is None:
        roots = [unit for unit, above in parent.items() if above not in known]
        if len(roots) != 1:
            return _scope("the whole bank", None, parent, dict.fromkeys(roots), name, level)
        org_id = roots[0]
    if org_id not in known:
        raise no_unit(org_id, name)
    return _scope(name[org_id], org_id, parent, dict.fromkeys(u for u in known if parent[u] == org_id), name, level)


def _scope(
    title: str,
    top: Unit | None,
    parent: dict[Unit, Unit | None],
    children: dict[Unit, None],
    name: dict[Unit, str],
    level: dict[Unit, str],
) -> Scope:
    rows = {}
    stops = {*children, *([] if top is None else [top])}
    for unit in parent:
        row = climb(unit, stops, parent)
        if row is not None:
            rows[unit] = row
    shown = sorted(set(rows.values()))
    twice = {label for label in shown if [name[u] for u in shown].count(name[label]) > 1}
    names = {u: f"{name[u]} ({u})" if u in twice else name[u] for u in shown}
    levels = {level[u] for u in shown if u != top} or {level[u] for u in shown}
    what = levels.pop().replace("_", "-") if len(levels) == 1 else "unit"
    return Scope(title, None if len(rows) == len(parent) else tuple(sorted(rows)), rows, names, what)
