"""What a feature and a tag are: declarations that name a table, a window and an expression, and compute nothing."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bankmkt.errors import ParameterError, one_of
from bankmkt.schema import TABLES

FAMILIES = (
    "life cycle", "wealth and value", "products", "channels", "transactions", "life scenarios", "preferences", "risk",
    "contacts", "location and branch",
)  # fmt: skip
"""What tags are about."""

ATTRIBUTES = tuple(name for name in TABLES["customers"].names if name != "customer_id")
"""Columns of ``customers`` that rules may use beside features; ``as_of`` is the day itself."""

RELATED = {"unit_city": "organisations.city"}
"""Further attributes: of the unit that keeps the customer."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Feature:
    """A number, date or text about each customer, from one table and one window of time.

    Parameters
    ----------
    name
        In snake_case; a column of :func:`bankmkt.tags.features`.
    table
        A table of the bank with a row per customer and something: ``"transactions"``.
    aggregate
        Ibis deferred aggregate over the table's columns: ``_.amount.sum(where=_.kind == "salary")``.
    months
        Length of the window that ends on the as-of day; None for all that is known.
    meaning
        In plain language.
    unit
        Of the value: ``"yuan"``.
    before
        Months by which the window ends before the as-of day: ``months=3, before=3`` is the quarter before the last.
    empty
        The value of a customer without rows in the window: 0 for counts and sums, None for what is then unknown.

    Raises
    ------
    ParameterError
        If the table is not one of a bank's, or a name or number cannot be right.

    Examples
    --------
    >>> from ibis import _
    >>> Feature("salary", "transactions", _.amount.sum(where=_.kind == "salary"), 3, "salary received").table
    'transactions'
    """

    name: str
    table: str
    aggregate: Any = field(repr=False, compare=False)
    months: int | None
    meaning: str
    unit: str = ""
    before: int = 0
    empty: Any = 0

    def __post_init__(self) -> None:
        _check_name("feature", self.name)
        known = [
            name
            for name, table in TABLES.items()
            if "customer_id" in table.names and name not in ("truth", "customers")
        ]
        if self.table not in known:
            raise ParameterError(f"feature {self.name}: table", self.table, one_of(known), "name one of them")
        if self.months is not None and self.months < 1:
            raise ParameterError(f"feature {self.name}: months", self.months, "1 or more, or None", "pass months=3")
        if self.before < 0 or (self.before and self.months is None):
            raise ParameterError(f"feature {self.name}: before", self.before, "0 or more, with months", "pass before=0")


@dataclass(frozen=True)
class Tag:
    """Something worth knowing about a customer, by a rule over features and attributes.

    Parameters
    ----------
    code
        In snake_case; the column of :func:`bankmkt.tags.compute`.
    name, name_zh
        In English and in Chinese.
    family
        One of :data:`FAMILIES`, or one of your own.
    rule
        Ibis deferred expression over features, attributes (:data:`ATTRIBUTES`, :data:`RELATED`) and the day
        ``as_of``: a condition (``_.salary > 0``), or a value.
    meaning
        The definition in plain language, with its thresholds and windows.
    features
        Features of its own that the rule uses, beside those of the catalogue.
    owner, version
        Who answers for the definition, and which one it is.
    fresh_days
        Days after which a computed value is stale.

    Raises
    ------
    ParameterError
        If a name cannot be right.

    Examples
    --------
    >>> from ibis import _
    >>> Tag("grey_gold", "Wealthy and retired", "银发财富", "wealth and value",
    ...     (_.aum >= 500_000) & (_.occupation == "retired"), "retired, with an AUM of 500,000 yuan or more").code
    'grey_gold'
    """

    code: str
    name: str
    name_zh: str
    family: str
    rule: Any = field(repr=False, compare=False)
    meaning: str
    features: tuple[Feature, ...] = ()
    owner: str = "customer insight"
    version: int = 1
    fresh_days: int = 31

    def __post_init__(self) -> None:
        _check_name("tag", self.code)
        object.__setattr__(self, "features", tuple(self.features))


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ParameterError(f"name of a {what}", name, "small letters, digits and _", "such as night_logins")
    if name in (*ATTRIBUTES, *RELATED, "customer_id", "as_of"):
        raise ParameterError(f"name of a {what}", name, "a name that no column of customers has", "choose another")


def by_name(features: Iterable[Feature]) -> dict[str, Feature]:
    """Return features by name.

    Raises
    ------
    ParameterError
        If two different ones share a name.
    """
    out: dict[str, Feature] = {}
    for feature in features:
        if out.setdefault(feature.name, feature) is not feature:
            raise ParameterError("feature", feature.name, "one definition a name", "rename one of the two")
    return out


def unknown(tag: Tag, name: str, known: Iterable[str]) -> ParameterError:
    """Return the error for a rule that uses something which is no feature and no attribute."""
    near = difflib.get_close_matches(name, list(known), 3)
    todo = f"did you mean {' or '.join(near)}?" if near else "declare it in the tag's features"
    return ParameterError(f"tag {tag.code}: rule", name, "a feature, a column of customers or as_of", todo)
