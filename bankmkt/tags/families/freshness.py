"""After how many days a tag's value is too old to act on, by what it rests on."""

from collections.abc import Mapping
from typing import Any

from bankmkt.schema import TABLES
from bankmkt.tags.declare import Feature, Tag
from bankmkt.tags.lineage import ruled

DAILY, WEEKLY, MONTHLY, YEARLY = 1, 7, 31, 365

FRESH_DAYS = {
    "contacts": DAILY, "visits": DAILY, "events": WEEKLY, "assignments": WEEKLY, "benefits": WEEKLY, "points": WEEKLY,
    "surveys": WEEKLY, "referrals": WEEKLY, "transactions": MONTHLY, "balances": MONTHLY,
}  # fmt: skip
"""By table. One contact more may be one too many, and a visitor is in the branch today; what people look at changes
within weeks; balances are known at month ends only. Movements of the last month alone are taken weekly."""

CHANGING = {
    *(column.name for column in TABLES["customers"].columns if column.set_later),
    "as_of", "manager_id", "risk_level", "is_payroll",
}  # fmt: skip
"""Attributes that change within a year."""


def fresh_days(tag: Tag, known: Mapping[str, Feature], wide: Any) -> int:
    """Return the days after which a tag's value is stale: the fewest of all that its rule reads.

    Parameters
    ----------
    tag
        The declaration.
    known
        Features by name.
    wide
        Ibis table with all that rules may use, and no data.

    Examples
    --------
    >>> from bankmkt.tags.families import house_tags
    >>> [house_tags()[code].fresh_days for code in ("opted_out", "fund_fan", "aum_change", "branch_city")]
    [1, 7, 31, 365]
    """
    import ibis.expr.operations as ops

    read = {field.name for field in ruled(tag, wide).op().find(ops.Field)}
    used = [known[name] for name in read & set(known)]
    days = [WEEKLY if f.table == "transactions" and f.months == 1 else FRESH_DAYS[f.table] for f in used]
    days += [MONTHLY] if read & CHANGING else []
    return min(days, default=YEARLY)
