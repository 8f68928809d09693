"""How sure we are: the level of every interval, and p-values of several looks at once."""

from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LEVEL = 0.95
"""Of the intervals, unless a parameter says otherwise."""

Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
"""Standard errors on either side of a figure."""


def holm(p_values: Any) -> "npt.NDArray[np.float64]":
    """Return p-values adjusted for their number (Holm 1979, Scandinavian Journal of Statistics 6).

    Missing ones stay missing and do not count. Statsmodels' ``multipletests`` gives the same, and collects garbage
    first, which in a loop takes longer than all the rest.

    Examples
    --------
    >>> holm([0.01, 0.04, float("nan")]).tolist()
    [0.02, 0.04, nan]
    """
    import numpy as np

    p = np.asarray(p_values, float)
    out = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    out[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return out
