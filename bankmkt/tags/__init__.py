"""Who the customers are: features and tags as declarations, computed in one scan a table.

:class:`Feature` and :class:`Tag` declare; :func:`compute` and :func:`features` compute; :func:`catalogue` lists what
the house has.
"""

from bankmkt.tags.compute import compute, features
from bankmkt.tags.declare import FAMILIES, Feature, Tag

__all__ = ["FAMILIES", "Feature", "Tag", "compute", "features"]
