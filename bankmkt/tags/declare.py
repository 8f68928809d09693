"""What a feature and a tag are: declarations that name a table, a window and an expression, and compute nothing."""

import difflib
import numbers
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

LONGEST = 1200
"""Months that a window may reach back: a hundred years."""

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
        Length of the window that ends on the as-of day, with ``before`` at most 1,200; None for all that is known.
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
        If the table is not one of a bank's, the aggregate is not deferred, or a name or number cannot be right.

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
        what = f"feature {self.name}"
        known = [
            name
            for name, table in TABLES.items()
            if "customer_id" in table.names and name not in ("truth", "customers")
        ]
        if self.table not in known:
            raise ParameterError(f"{what}: table", self.table, one_of(known), "name one of them")
        _check_deferred(f"{what}: aggregate", self.aggregate, "_.amount.sum()")
        _check_text(what, meaning=self.meaning)
        if self.months is not None and not _whole(self.months, 1, LONGEST):
            expected = f"an integer from 1 to {LONGEST}, or None for all that is known"
            raise ParameterError(f"{what}: months", _shown(self.months), expected, "pass months=3")
        most = 0 if self.months is None else LONGEST - self.months
        if not _whole(self.before, 0, most):
            expected = f"an integer from 0 to {most}: months, before the window of {self.months} months"
            expected = "0 without months: all that is known has no end before the day" if not most else expected
            raise ParameterError(f"{what}: before", _shown(self.before), expected, "pass before=0")


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
        If a name, text or number cannot be right, the rule is not deferred, or ``features`` is no list of features.

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
        what = f"tag {self.code}"
        _check_deferred(f"{what}: rule", self.rule, "_.salary > 0")
        texts = {name: getattr(self, name) for name in ("name", "name_zh", "family", "meaning", "owner")}
        _check_text(what, **texts)
        for name, low, usual in (("version", 1, 1), ("fresh_days", 0, 31)):
            value = getattr(self, name)
            if not _whole(value, low, None):
                raise ParameterError(f"{what}: {name}", _shown(value), f"an integer from {low}", f"pass {name}={usual}")
        own = listed(f"{what}: features", self.features, Feature, "features of its own", "bm.tags.Feature(…)")
        object.__setattr__(self, "features", tuple(own))


def listed(what: str, given: Any, kinds: Any, expected: str, such_as: str) -> list[Any]:
    """Return a list of declarations, or raise ParameterError if it is none, or holds something else.

    Parameters
    ----------
    what
        The parameter.
    given
        Its value.
    kinds
        The type, or types, of each item.
    expected
        What the items are, for the message.
    such_as
        An item as it is written.

    Examples
    --------
    >>> listed("tags", "payroll", str, "codes", "'payroll'")
    Traceback (most recent call last):
        ...
    bankmkt.errors.ParameterError: tags = 'payroll': expected a list of codes; pass ['payroll'], a list even of one
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        todo = f"pass [{such_as}], a list even of one"
        raise ParameterError(what, _shown(given), f"a list of {expected}", todo)
    items = list(given)
    for item in items:
        if not isinstance(item, kinds):
            raise ParameterError(f"{what} holds {_shown(item)}", None, expected, f"such as {such_as}")
    return items


def _shown(value: Any) -> Any:
    """Return a value as a message may show it: of tables and banks, the type alone."""
    return value if isinstance(value, str | numbers.Real) else "None" if value is None else type(value).__name__


def _whole(value: Any, low: int, high: int | None) -> bool:
    """Return whether a value is an integer from one number to another."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return whole and int(value) >= low and (high is None or int(value) <= high)


def _check_text(what: str, **texts: Any) -> None:
    for name, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise ParameterError(f"{what}: {name}", _shown(text), "text", "say it in a word or a sentence")


def _check_deferred(what: str, value: Any, such_as: str) -> None:
    from ibis.common.deferred import Deferred

    if not isinstance(value, Deferred):
        todo = f"begin it with _, as in {such_as}, after: from ibis import _"
        raise ParameterError(what, _shown(value), "an expression that waits for its table", todo)


def _check_name(what: str, name: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        todo = "such as night_logins"
        raise ParameterError(f"name of a {what}", _shown(name), "small letters, digits and _", todo)
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
