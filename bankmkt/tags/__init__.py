"""Who the customers are: features and tags as declarations, computed in one scan a table.

:class:`Feature` and :class:`Tag` declare; :func:`compute` and :func:`features` compute; :func:`catalogue` lists what
the house has, :func:`lineage` says what one rests on, :func:`stale` which are too old, :func:`quality` how far to trust
them. :func:`read` takes those of a file of your own; :func:`write` writes them out.
"""

from bankmkt.tags.catalogue import catalogue, lineage, stale
from bankmkt.tags.compute import compute, features
from bankmkt.tags.declare import FAMILIES, Feature, Tag
from bankmkt.tags.eligibility import eligibility, eligibility_summary
from bankmkt.tags.export import write
from bankmkt.tags.project import pick, read
from bankmkt.tags.quality import by_family, quality

__all__ = [
    "FAMILIES", "Feature", "Tag", "by_family", "catalogue", "compute", "eligibility", "eligibility_summary", "features",
    "lineage", "pick", "quality", "read", "stale", "write",
]  # fmt: skip
