"""Why a tag holds for a customer: the values its rule read; no id, no date of the customer's, no age in years."""

import datetime
from collections.abc import Mapping
from typing import Any

from bankmkt.schema import TABLES
from bankmkt.tags.catalogue import kinds, used
from bankmkt.tags.declare import Feature, Tag
from bankmkt.tags.lineage import columns, resolved, ruled, unbound

_FACTS = {
    "gender": "gender", "occupation": "occupation", "city_tier": "city tier", "unit_city": "city of the branch",
    "acquired_via": "came by", "is_payroll": "paid through the bank, on record", "has_car": "car on record",
    "has_home": "home on record", "risk_level": "risk tolerance, of 5",
}  # fmt: skip
"""Attributes shown as they are."""

_DATES = {"birth_date": "age", "opened_on": "customer for", "app_registered_on": "signed up for the app"}
"""Attributes shown as bands of the time since; the rest are shown only as being on record."""

YOUNG, OLD = 18, 80
"""Ages below and from which no band is told: few customers are that young or that old."""


def evidence(tag: Tag, row: Mapping[tuple[str, str], Any]) -> list[str]:
    """Say in words which values of a customer a tag's rule read.

    Parameters
    ----------
    tag
        The declaration.
    row
        Values by kind (``"feature"``, ``"attribute"``) and name; ``("attribute", "as_of")`` is the day.

    Returns
    -------
    list of str
        A text per feature and attribute. Amounts and counts are as they are, to the yuan, for whoever serves the
        customer: rounded, they could belie the rule. Ages read as bands of five years (:func:`age_band`), other dates
        of the customer as :func:`duration`; ids, and texts that may hold anything, only as being on record.

    Examples
    --------
    >>> from ibis import _
    >>> rule = (_.aum > 1e6) & _.has_car
    >>> tag = Tag("rich_driver", "Rich driver", "富裕车主", "mine", rule, "AUM above 1,000,000 and a car")
    >>> values = {("feature", "aum"): 1_234_567.0, ("attribute", "has_car"): True}
    >>> evidence(tag, values)
    ['AUM at the last month end: 1,234,567 yuan', 'car on record: yes']
    """
    features, given = used(tag)
    said = []
    for f in features:
        found = row["feature", f.name]
        said.append(f"{f.meaning}: {_on_record(found) if _names_something(f) else value(found, f.unit)}")
    for name in given:
        found = row["attribute", name]
        if name in _FACTS:
            said.append(f"{_FACTS[name]}: {value(found)}")
        elif name in _DATES:
            day = row["attribute", "as_of"]
            said.append(f"{_DATES[name]}: {_age(found, day) if name == 'birth_date' else duration(found, day)}")
        else:
            said.append(f"{name.removesuffix('_id').replace('_', ' ')}: {_on_record(found)}")
    return said


def tells_a_day(tag: Tag) -> bool:
    """Say whether a tag tells the month or day of a birth or opening, as "birthday next month" does.

    Examples
    --------
    >>> from bankmkt.tags.families import house_tags
    >>> tells_a_day(house_tags()["birthday_next_month"]), tells_a_day(house_tags()["nearing_retirement"])
    (True, False)
    """
    import ibis.expr.operations as ops

    rule = ruled(tag, unbound("customers", unit_city="string", **kinds(tag), as_of="date")).op()

    def taken(parts: tuple[type, ...]) -> set[str]:
        return {field.name for part in rule.find(parts) for field in part.find(ops.Field)} & set(_DATES)

    days = (ops.ExtractMonth, ops.ExtractDay, ops.ExtractDayOfYear, ops.ExtractWeekOfYear, ops.ExtractQuarter)
    return bool(taken(days) - taken((ops.ExtractYear,)))


def _names_something(feature: Feature) -> bool:
    """Return whether a feature passes on an id or a free text of its table, rather than counting rows."""
    import ibis.expr.operations as ops

    free = {
        name.split(".")[1]
        for name in columns(feature)
        if (column := TABLES[feature.table][name.split(".")[1]]).type == "id"
        or (column.type == "string" and not column.values)
    }
    reductions = resolved(feature, unbound(feature.table)).op().find(ops.Reduction) if free else ()
    passed = (part for part in reductions if not isinstance(part, ops.Count | ops.CountStar | ops.CountDistinct))
    return any(field.name in free for part in passed for field in part.args[0].find(ops.Field))


def _on_record(found: Any) -> str:
    return "none" if found is None or found != found else "on record"


def age_band(years: int) -> str:
    """Return the five years in which an age lies; the youngest and the oldest go together.

    Examples
    --------
    >>> age_band(48), age_band(17), age_band(93)
    ('45 to 49', 'under 18', '80 or more')
    """
    if years < YOUNG:
        return f"under {YOUNG}"
    return f"{OLD} or more" if years >= OLD else f"{years // 5 * 5} to {years // 5 * 5 + 4}"


def duration(day: datetime.date | None, as_of: datetime.date) -> str:
    """Say how long ago a day was: in bands of months up to two years, then in completed years.

    Examples
    --------
    >>> today = datetime.date(2026, 6, 30)
    >>> duration(datetime.date(2026, 6, 1), today), duration(datetime.date(2025, 7, 1), today)
    ('under 3 months', '6 to 11 months')
    >>> duration(datetime.date(2024, 7, 1), today), duration(datetime.date(2016, 6, 30), today)
    ('18 to 23 months', '10 years')
    """
    if day is None:
        return "not known"
    months = 12 * (as_of.year - day.year) + as_of.month - day.month - (as_of.day < day.day)
    bands = ((3, "under 3 months"), (6, "3 to 5 months"), (12, "6 to 11 months"), (18, "12 to 17 months"))
    for limit, text in (*bands, (24, "18 to 23 months")):
        if months < limit:
            return text
    return f"{months // 12} years"


def value_band(margin: float) -> str:
    """Return the band of yuan a year in which an expected margin lies: limits of 1, 2 and 5 times a power of ten.

    Examples
    --------
    >>> value_band(22.6), value_band(1_905.8), value_band(5_000), value_band(-3.0)
    ('under 100 yuan', '1,000 to 2,000 yuan', '5,000 to 10,000 yuan', 'under 100 yuan')
    """
    limits = [limit * 10**power for power in range(2, 10) for limit in (1, 2, 5)]
    if margin < limits[0]:
        return f"under {limits[0]:,} yuan"
    low = max(limit for limit in limits if limit <= margin)
    above = [limit for limit in limits if limit > margin]
    return f"{low:,} to {above[0]:,} yuan" if above else f"{low:,} yuan or more"


def value(found: Any, unit: str = "") -> str:
    """Write a value for readers.

    Examples
    --------
    >>> value(12.0), value(0.25, "yuan"), value(None), value(False), value("private_company")
    ('12', '0.25 yuan', 'none', 'no', 'private company')
    """
    if found is None or found != found:
        return "none"
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, int | float):
        whole = float(found).is_integer() or abs(found) >= 100
        return f"{found:,.{0 if whole else 2}f} {unit}".strip().replace("-", "−")
    if isinstance(found, datetime.datetime):
        found = found.date()
    return str(found).replace("_", " ") if isinstance(found, str) else str(found)


def _age(day: datetime.date | None, as_of: datetime.date) -> str:
    if day is None:
        return "not known"
    return f"{age_band(as_of.year - day.year - ((as_of.month, as_of.day) < (day.month, day.day)))} years"
