"""The bank itself: a head office, branches in cities, sub-branches, and their staff.

The tree and the staff do not depend on the number of customers, so that the first
customers of a larger bank are the smaller bank's.
"""

import datetime as dt
from functools import cache

import numpy as np
import pyarrow as pa

from bankmkt.schema import CITY_TIERS, STAFF_ROLES
from bankmkt.synth.streams import stream

# (city, tier, sub-branches); romanised, as the bank's English reports would have them
_BRANCHES = (
    ("Shanghai", 0, 8), ("Beijing", 0, 7), ("Shenzhen", 0, 7), ("Guangzhou", 0, 6),
    ("Hangzhou", 1, 7), ("Chengdu", 1, 6), ("Nanjing", 1, 6), ("Suzhou", 1, 5), ("Wuhan", 1, 5),
    ("Fuzhou", 2, 5), ("Xiamen", 2, 5), ("Wuxi", 2, 4), ("Kunming", 2, 4), ("Quanzhou", 2, 4),
    ("Yancheng", 3, 4), ("Luoyang", 3, 4), ("Zunyi", 3, 3), ("Longyan", 3, 3),
    ("Nanping", 4, 4), ("Ningde", 4, 3),
)  # fmt: skip
BRANCHES = len(_BRANCHES)
SUB_BRANCHES = sum(b[2] for b in _BRANCHES)
_TEAM = (4, 2, 3, 1, 1)  # per sub-branch, in the order of STAFF_ROLES
_MANAGED = 300_000.0  # yuan of wealth from which most customers have a relationship manager


@cache
def sub_branch_tiers() -> np.ndarray:
    """City tier (index in ``CITY_TIERS``) of each sub-branch."""
    return np.array([tier for _, tier, n in _BRANCHES for _ in range(n)])


def sub_branch_ids(org: np.ndarray) -> np.ndarray:
    """Return the ``org_id`` of sub-branches counted from 0."""
    return org + 2 + BRANCHES


def managers_of(org: np.ndarray, wealth: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Relationship manager (staff_id) of customers with enough wealth in yuan; 0 for the others.

    Managed wealth, not the balance of the day: the bank assigned its managers before the first month.
    """
    team, first = sum(_TEAM), _TEAM[0] + _TEAM[1]
    pick = np.floor(u * _TEAM[2]).astype(np.int64)
    return np.where(wealth >= _MANAGED, org * team + first + pick + 1, 0)


def organisations() -> pa.Table:
    """Return the table ``organisations``."""
    ids, levels, names, cities, tiers = [1], ["head_office"], ["Head office"], ["Shanghai"], ["tier_1"]
    parents: list[int | None] = [None]
    sub = 2 + BRANCHES
    rest: list[tuple[int, int, str, str, str, str]] = []
    for number, (city, tier, count) in enumerate(_BRANCHES):
        ids.append(2 + number)
        parents.append(1)
        levels.append("branch")
        names.append(f"{city} branch")
        cities.append(city)
        tiers.append(CITY_TIERS[tier])
        for k in range(count):
            rest.append((sub, 2 + number, "sub_branch", f"{city} sub-branch {k + 1}", city, CITY_TIERS[tier]))
            sub += 1
    columns = [list(c) for c in zip(*rest, strict=True)]
    return pa.table(
        {
            "org_id": pa.array(ids + columns[0], pa.int64()),
            "parent_id": pa.array(parents + columns[1], pa.int64()),
            "level": levels + columns[2],
            "name": names + columns[3],
            "city": cities + columns[4],
            "city_tier": tiers + columns[5],
        }
    )


def staff(seed: int, first: dt.date) -> pa.Table:
    """Return the table ``staff``: the same team in every sub-branch, hired over the twelve years before."""
    rng = stream(seed, "staff")
    team = sum(_TEAM)
    n = SUB_BRANCHES * team
    ago = np.floor(rng.random(n) * 12 * 365).astype(np.int64) + 30
    return pa.table(
        {
            "staff_id": pa.array(np.arange(1, n + 1), pa.int64()),
            "org_id": pa.array(sub_branch_ids(np.arange(n) // team), pa.int64()),
            "role": pa.array(np.repeat(STAFF_ROLES, _TEAM).tolist() * SUB_BRANCHES, pa.string()),
            "joined_on": pa.array((first - dt.date(1970, 1, 1)).days - ago.astype(np.int32), pa.int32()).cast(
                pa.date32()
            ),
        }
    )
