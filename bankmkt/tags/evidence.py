"""Why a tag holds for a customer: the values its rule read, in words that single nobody out."""

import datetime
from collections.abc import Mapping
from typing import Any

from bankmkt.tags.catalogue import used
from bankmkt.tags.declare import Tag

_FACTS = {
    "gender": "gender", "occupation": "occupation", "city_tier": "city tier", "unit_city": "city of the branch",
    "acquired_via": "came by", "is_payroll": "paid through the bank, on record", "has_car": "car on record",
    "has_home": "home on record", "risk_level": "risk tolerance, of 5",
}  # fmt: skip
"""Attributes shown as they are."""

_DATES = {"birth_date": "age", "opened_on": "customer for", "app_registered_on": "signed up for the app"}
"""Attributes shown as the time since, in years; the rest are shown only as being on record."""


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
        A text per feature and attribute. Days of birth and opening read as years, ids only as being on record.

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
    said = [f"{f.meaning}: {value(row['feature', f.name], f.unit)}" for f in features]
    for name in given:
        found = row["attribute", name]
        if name in _FACTS:
            said.append(f"{_FACTS[name]}: {value(found)}")
        elif name in _DATES:
            said.append(f"{_DATES[name]}: {_since(found, row['attribute', 'as_of'])}")
        else:
            said.append(f"{name.removesuffix('_id').replace('_', ' ')}: {'none' if found is None else 'on record'}")
    return said


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


def _since(day: datetime.date | None, as_of: datetime.date) -> str:
    """Return the completed years between two days."""
    if day is None:
        return "not known"
    years = as_of.year - day.year - ((as_of.month, as_of.day) < (day.month, day.day))
    return "under a year" if years < 1 else "1 year" if years == 1 else f"{years} years"
