"""Whether two declarations have the same expression: a checksum of it, whatever the words about it."""

import hashlib
import json
from typing import Any

from bankmkt.tags.compute import features_of
from bankmkt.tags.declare import RELATED, Feature, Tag
from bankmkt.tags.lineage import resolved, ruled, types, unbound
from bankmkt.tags.predictive import Prediction


def fingerprint(one: Feature | Tag | Prediction) -> str:
    """Return a checksum of what a declaration computes; names and meanings in words do not count.

    Two declarations with one fingerprint have the same expression, as far as 64 bits tell; what a function of your own
    does inside is not read. The expression is read node by node, so that Ibis's options for showing it change nothing.

    Examples
    --------
    >>> from ibis import _
    >>> one, other = (Feature("pay", "transactions", _.amount.sum(), 3, words) for words in ("pay", "money in"))
    >>> fingerprint(one) == fingerprint(other)
    True
    >>> fingerprint(Feature("pay", "transactions", _.amount.max(), 3, "pay")) == fingerprint(one)
    False
    """
    said: list[Any]
    if isinstance(one, Feature):
        said = [one.name, one.table, one.months, one.before, repr(one.empty)]
        said.append(_said(resolved(one, unbound(one.table)).op()))
    elif isinstance(one, Tag):
        used = features_of([one])
        wide = unbound("customers", **dict.fromkeys(RELATED, "string"), **types(used), as_of="date")
        said = [one.code, _said(ruled(one, wide).op()), *map(fingerprint, used)]
    else:
        said = [one.code, one.closed, one.months, *(fingerprint(one.tag(part)) for part in ("population", "outcome"))]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def _said(node: Any) -> Any:
    """Return an expression as nested lists of names and values; a table is its name."""
    import ibis.expr.operations as ops

    if isinstance(node, ops.Relation):
        return getattr(node, "name", type(node).__name__)
    if isinstance(node, ops.Node):
        return [type(node).__name__, *map(_said, node.args)]
    if isinstance(node, tuple):
        return [_said(one) for one in node]
    return node if node is None or isinstance(node, bool | int | float | str) else f"{type(node).__name__} {node}"
