"""By how much groups of customers are ahead of all, with intervals that hold for all comparisons at once."""

from typing import TYPE_CHECKING

from bankmkt.confidence import LEVEL

if TYPE_CHECKING:
    import pandas as pd


def leads(cells: "pd.DataFrame") -> "pd.DataFrame":
    """Return each group's share, that of all customers, and by how many points it is ahead, with 95 % intervals.

    A group (``n`` of ``customers`` have the tag) is compared with all who are not in it; it is ahead of all customers
    (``all_have`` of ``everybody``) by that difference times the part of those who are not in it.
    """
    import pandas as pd
    from scipy.stats import beta

    tail = (1 - LEVEL ** (1 / max(len(cells), 1))) / 2

    def limits(x: "pd.Series", n: "pd.Series") -> tuple["pd.Series", "pd.Series"]:
        lower = pd.Series(beta.ppf(tail, x.clip(lower=0.5), n - x + 1), x.index).where(x > 0, 0.0)
        upper = pd.Series(beta.isf(tail, x + 1, (n - x).clip(lower=0.5)), x.index).where(x < n, 1.0)
        return lower, upper

    x, n = cells.n.astype("float64"), cells.customers.astype("float64")
    y, m = cells.all_have - x, cells.everybody - n
    share, other = x / n, y / m
    (low, high), (other_low, other_high) = limits(x, n), limits(y, m)
    rest = 100 * m / cells.everybody
    down = ((share - low) ** 2 + (other_high - other) ** 2) ** 0.5
    up = ((high - share) ** 2 + (other - other_low) ** 2) ** 0.5
    return pd.DataFrame({
        "share": share, "share_all": cells.all_have / cells.everybody, "points": rest * (share - other),
        "points_lower": rest * (share - other - down), "points_upper": rest * (share - other + up),
    })  # fmt: skip
