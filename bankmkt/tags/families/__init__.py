"""The house's catalogue: features and tags, a module a family."""

import difflib
import functools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bankmkt.errors import ParameterError
from bankmkt.tags.declare import Feature, Tag, by_name, listed
from bankmkt.tags.families import (
    channels,
    contacts,
    life_cycle,
    location,
    optional,
    preferences,
    products,
    risk,
    scenarios,
    spending,
    wealth,
)
from bankmkt.tags.families.freshness import fresh_days
from bankmkt.tags.lineage import types, unbound
from bankmkt.tags.predictive import PREDICTIVE, Prediction

_FAMILIES = (
    life_cycle, wealth, products, channels, spending, scenarios, preferences, risk, contacts, location, optional,
)  # fmt: skip


@functools.cache
def house() -> tuple[dict[str, Feature], dict[str, Any]]:
    """Return the catalogue's features by name, and their Ibis data types."""
    known = by_name(feature for family in _FAMILIES for feature in family.FEATURES)
    return known, types(known.values())


@functools.cache
def house_tags() -> dict[str, Tag]:
    """Return the catalogue's tags by code, each with the days after which its value is stale."""
    known, kinds = house()
    wide = unbound("customers", unit_city="string", **kinds, as_of="date")
    tags = [tag for family in _FAMILIES for tag in family.TAGS]
    return {tag.code: replace(tag, fresh_days=fresh_days(tag, known, wide)) for tag in tags}


def choose(tags: Iterable[Tag | str] | None) -> list[Tag]:
    """Return declarations for declarations or codes; the whole catalogue for None.

    Raises
    ------
    ParameterError
        If it is no list of these, a code is not in the catalogue or has to be predicted, or two tags share one.
    """
    known = house_tags()
    chosen = []
    kinds = (str, Tag, Prediction)
    given = known.values() if tags is None else listed("tags", tags, kinds, "tags, or codes of the catalogue", "'age'")
    for tag in given:
        if isinstance(tag, Prediction) or tag in {one.code for one in PREDICTIVE}:
            code = tag if isinstance(tag, str) else tag.code
            todo = f"models = bm.tags.train(bank, as_of, ['{code}']), then bm.tags.predict(bank, as_of, models)"
            raise ParameterError("tags", code, "tags that are computed; this one is predicted", todo)
        if isinstance(tag, str) and tag not in known:
            raise ParameterError("tags", tag, "a code of the catalogue", _nearest(tag, known))
        chosen.append(known[tag] if isinstance(tag, str) else tag)
    codes = [tag.code for tag in chosen]
    if twice := [code for code in codes if codes.count(code) > 1]:
        raise ParameterError("tags", twice[0], "each code once", "rename or leave out one")
    return chosen


def _nearest(code: str, known: Iterable[str]) -> str:
    """Say what to do about a code that nobody knows."""
    near = difflib.get_close_matches(code, list(known), 3)
    return f"did you mean {' or '.join(near)}?" if near else "docs/tags.md and bm.tags.catalogue() list them"
