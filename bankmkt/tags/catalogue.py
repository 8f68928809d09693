"""What tags there are, what each rests on, and which are due again."""

import datetime
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bankmkt.errors import ParameterError
from bankmkt.lookback import parse_date
from bankmkt.tags.declare import RELATED, Feature, Tag, by_name, listed
from bankmkt.tags.families import choose, house
from bankmkt.tags.lineage import attributes, columns, needed, types, value_type
from bankmkt.tags.models import Model
from bankmkt.tags.predictive import PREDICTIVE, Prediction
from bankmkt.tags.snapshots import house_inputs

if TYPE_CHECKING:
    import pandas as pd

KINDS = {"boolean": "yes/no", "string": "text"}
"""How a tag's value reads, by Ibis type; all others are numbers."""

_TAGS = ((str, Tag, Prediction), "tags, or codes of the catalogue", "'age'")


def used(tag: Tag | Prediction) -> tuple[list[Feature], list[str]]:
    """Return the features a tag's rule uses, and the attributes beside them; a prediction's define it and its outcome.

    Raises
    ------
    ParameterError
        If the rule uses something that is neither.
    """
    found: dict[str, Feature] = {}
    given: dict[str, None] = {}
    for _role, part in _parts(tag):
        features, attributes_of = _needs(part)
        found |= by_name(features)
        given |= dict.fromkeys(attributes_of)
    return list(found.values()), list(given)


def _parts(tag: Tag | Prediction) -> list[tuple[str, Tag | Feature]]:
    """Return what defines a tag, each with its role."""
    return [("rule", tag)] if isinstance(tag, Tag) else [(role, tag.tag(role)) for role in ("population", "outcome")]


def _needs(part: Tag | Feature) -> tuple[list[Feature], list[str]]:
    """Return the features that a tag's rule uses, and the attributes beside them; a feature uses itself."""
    if isinstance(part, Feature):
        return [part], []
    known, own, every = house()[0], by_name(part.features), kinds(part)
    return [own.get(name) or known[name] for name in needed(part, every)], attributes(part, every)


def _chosen(tags: Iterable[Tag | Prediction | str] | None) -> list[Tag | Prediction]:
    """Return declarations for declarations or codes, predictive ones too; all of the house's for None."""
    predictive = {prediction.code: prediction for prediction in PREDICTIVE}
    if tags is None:
        return [*choose(None), *PREDICTIVE]
    named = [predictive.get(tag, tag) if isinstance(tag, str) else tag for tag in listed("tags", tags, *_TAGS)]
    return [tag if isinstance(tag, Prediction) else choose([tag])[0] for tag in named]


def kinds(tag: Tag) -> dict[str, Any]:
    """Return the Ibis type by name of all features that a tag's rule may use: the house's, and its own."""
    return house()[1] | types(tag.features)


def source(attribute: str) -> str:
    """Return the column behind an attribute, as ``"customers.gender"``.

    Examples
    --------
    >>> source("gender"), source("unit_city")
    ('customers.gender', 'organisations.city')
    """
    return RELATED.get(attribute, f"customers.{attribute}")


def catalogue(tags: Iterable[Tag | Prediction | str] | None = None) -> "pd.DataFrame":
    """List tags with what they mean and what they rest on.

    Parameters
    ----------
    tags
        Declarations, or codes; all of the house's by default, the predictive ones among them.

    Returns
    -------
    pandas.DataFrame
        A row per tag: ``code``, ``name``, ``name_zh``, ``family``, ``kind`` (``"tag"`` or ``"predictive"``), ``type``
        (``"yes/no"``, ``"number"``, ``"text"``; ``"probability"`` of what is predicted), ``meaning``, ``owner``,
        ``version``, ``fresh_days``, ``features`` and ``columns``, the last two as text with commas (a table's name
        where its rows are only counted); of a predictive tag those that define it, while :func:`lineage` has what its
        model looks at, too.

    Raises
    ------
    ParameterError
        If a code is unknown, or a rule uses something that is no feature and no attribute.

    Examples
    --------
    >>> catalogue(["payroll"]).loc[0, ["name", "type", "columns"]].tolist()
    ['Paid through the bank', 'yes/no', 'transactions.kind']
    """
    import pandas as pd

    return pd.DataFrame([_row(tag) for tag in _chosen(tags)])


def _row(tag: Tag | Prediction) -> dict[str, Any]:
    features, given = used(tag)
    read = dict.fromkeys([name for f in features for name in _reads(f)] + [source(name) for name in given])
    return {
        "code": tag.code,
        "name": tag.name,
        "name_zh": tag.name_zh,
        "family": tag.family,
        "kind": "tag" if isinstance(tag, Tag) else "predictive",
        "type": KINDS.get(str(value_type(tag, kinds(tag))), "number") if isinstance(tag, Tag) else "probability",
        "meaning": tag.meaning,
        "owner": tag.owner,
        "version": tag.version,
        "fresh_days": tag.fresh_days,
        "features": ", ".join(f.name for f in features),
        "columns": ", ".join(read),
    }


def _reads(feature: Feature) -> list[str]:
    """Return the columns a feature reads, or its table where it only counts rows."""
    return columns(feature) or [feature.table]


def lineage(tag: Tag | Prediction | Model | str) -> "pd.DataFrame":
    """Say what a tag rests on: its features, their windows, the columns they read.

    Parameters
    ----------
    tag
        A declaration, a code, or a model of :func:`bankmkt.tags.train`. What a model looks at is known of the model;
        of a prediction without one, it is what :func:`bankmkt.tags.train` would offer it.

    Returns
    -------
    pandas.DataFrame
        A row per role, feature or attribute, and column: ``tag``, ``role`` (``"rule"``; of a predictive tag
        ``"population"``, who is judged on the day, ``"outcome"``, what counts as happened in the months after, and
        ``"input"``, what the model looks at), ``feature`` (or attribute), ``meaning``, ``months`` and ``before`` (the
        window's length, null for all that is known, and how long before the day it ends), ``column`` (a table's name
        where its rows are only counted).

    Raises
    ------
    ParameterError
        As :func:`catalogue`.

    Examples
    --------
    >>> lineage("manager_missing")[["feature", "months", "column"]].values.tolist()
    [['aum', 1, 'balances.aum'], ['manager_id', <NA>, 'customers.manager_id']]
    """
    import pandas as pd

    (given,) = listed("tag", [tag], (str, Tag, Prediction, Model), "a tag, a code or a model", "'age'")
    (chosen,) = _chosen([given.prediction if isinstance(given, Model) else given])
    parts = _parts(chosen)
    if isinstance(chosen, Prediction):
        parts += [("input", one) for one in (tag.inputs if isinstance(tag, Model) else house_inputs())]
    rows: list[tuple[Any, ...]] = []
    for role, part in parts:
        features, given = _needs(part)
        rows += [(role, f.name, f.meaning, f.months, f.before, column) for f in features for column in _reads(f)]
        rows += [(role, name, "attribute of the customer", None, 0, source(name)) for name in given]
    frame = pd.DataFrame(rows, columns=["role", "feature", "meaning", "months", "before", "column"]).drop_duplicates()
    frame.insert(0, "tag", chosen.code)
    return frame.reset_index(drop=True).astype({"months": "Int64"})


def stale(
    computed_on: datetime.date | str | Mapping[str, datetime.date | str],
    as_of: datetime.date | str,
    tags: Iterable[Tag | Prediction | str] | None = None,
) -> "pd.DataFrame":
    """Say which computed tags are too old to use on a day.

    Parameters
    ----------
    computed_on
        The day as of which all were computed, or one by code.
    as_of
        The day on which they are to be used.
    tags
        Declarations, or codes; those of the mapping, or else the whole catalogue, by default.

    Returns
    -------
    pandas.DataFrame
        A row per tag: ``code``, ``computed_on``, ``fresh_days``, ``age_days``, ``due_on`` (the last day on which it
        is fresh), ``stale``.

    Raises
    ------
    ParameterError
        If a day is none, or a code is unknown.

    Examples
    --------
    >>> stale({"payroll": "2026-05-31", "age": "2026-05-01"}, "2026-06-15")[["code", "age_days", "stale"]]
          code  age_days  stale
    0  payroll        15  False
    1      age        45   True
    """
    import pandas as pd

    day = parse_date("as_of", as_of)
    if tags is None and isinstance(computed_on, Mapping):
        tags = list(computed_on)
    rows = []
    for tag in _chosen(tags):
        given = computed_on.get(tag.code) if isinstance(computed_on, Mapping) else computed_on
        if given is None:
            raise ParameterError("computed_on", None, f"a day for {tag.code}", "leave the tag out, or name its day")
        made = parse_date("computed_on", given)
        age = (day - made).days
        due = made + datetime.timedelta(days=tag.fresh_days)
        rows.append((tag.code, made, tag.fresh_days, age, due, age > tag.fresh_days))
    return pd.DataFrame(rows, columns=["code", "computed_on", "fresh_days", "age_days", "due_on", "stale"])
