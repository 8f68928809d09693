"""Who the customers are: features and tags as declarations, computed in one scan a table.

:class:`Feature` and :class:`Tag` declare; :func:`compute` and :func:`features` compute; :func:`catalogue` lists what
the house has, :func:`lineage` says what one rests on, and :func:`stale` which are too old;
:func:`quality` says how far to trust them.
"""

from bankmkt.tags.catalogue import catalogue, lineage, stale
from bankmkt.tags.compute import compute, features
from bankmkt.tags.declare import FAMILIES, Feature, Tag
from bankmkt.tags.quality import by_family, quality

__all__ = [
    "FAMILIES", "Feature", "Tag", "by_family", "catalogue", "compute", "features", "lineage", "quality", "stale",
]  # fmt: skip
