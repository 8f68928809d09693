"""Where preferences gather: in which of the 112 segments each is most at home."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bankmkt.confidence import LEVEL
from bankmkt.errors import ParameterError, SchemaError
from bankmkt.segments.matrix import AXES

if TYPE_CHECKING:
    import pandas as pd


def preferences(cells: "pd.DataFrame", names: Sequence[str]) -> "pd.DataFrame":
    """Find the segment in which each preference is most common, if it is beyond what chance makes of many segments.

    It is the one whose share has the highest lower end, by an interval that holds for all segments and preferences
    together, so that a handful of customers who happen to agree do not win. Preferences whose lower end is nowhere
    above their share among all are left out.

    Parameters
    ----------
    cells : pandas.DataFrame
        Of :func:`bankmkt.segments.matrix_summary`, with tags; its ``attrs`` say how common each is among all.
    names : sequence of str
        The columns of tags.

    Returns
    -------
    pandas.DataFrame
        preference, share (of the customers of all segments, hidden ones among them), segment, state, tier,
        occupation_group, customers (of the segment), share_there, ci_lower, ci_upper (with 95% all intervals of the
        frame hold), times (at least: ci_lower over share); the largest times first. Preferences that nobody shown has,
        or that are hidden everywhere, are left out too.

    Raises
    ------
    ParameterError
        If ``cells`` is no frame, or ``names`` no list of names.
    SchemaError
        If a column is missing.

    References
    ----------
    Clopper, C., Pearson, E. S. (1934). The use of confidence or fiducial limits. *Biometrika* 26, 404–413; at the level
    of Bonferroni, for as many intervals as there are segments and preferences.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({
    ...     "state": ["new", "mature", "mature"], "tier": "under 50,000", "occupation_group": "others",
    ...     "segment": ["a", "b", "c"], "customers": [10.0, 200.0, 400.0], "fan": [0.5, 0.4, 0.1]})
    >>> cells.attrs["shares"] = {"fan": 0.2}
    >>> preferences(cells, ["fan"])[["segment", "share_there", "times"]].round(2)
      segment  share_there  times
    0       b          0.4   1.59
    """
    import numpy as np
    import pandas as pd
    from statsmodels.stats.proportion import proportion_confint

    if not isinstance(cells, pd.DataFrame):
        todo = "pass bm.segments.matrix_summary(bank, as_of, tags=…)"
        raise ParameterError("cells", type(cells).__name__, "a frame of matrix_summary", todo)
    if not isinstance(names, Sequence) or isinstance(names, str):
        raise ParameterError("names", names, "a list of columns of cells", 'pass names=["payroll"], a list even of one')
    for name in (*AXES, "segment", "customers", *names):
        if name not in cells:
            raise SchemaError("cells has no column", name, "a tag of matrix_summary(tags=…)", "name one of its tags")
    known = cells.attrs.get("shares", {})
    there_are = cells["customers"] > 0
    looks = sum(int((cells[name].notna() & there_are).sum()) for name in names)
    rows = []
    for name in names:
        shown = cells[cells[name].notna() & there_are]
        with_it = (shown[name] * shown["customers"]).round()
        if not with_it.sum() or name not in known:
            continue
        share = known[name]
        ends = proportion_confint(with_it, shown["customers"], alpha=(1 - LEVEL) / looks, method="beta")
        low, high = (np.asarray(end) for end in ends)
        best = int(low.argmax())
        if low[best] <= share:
            continue
        there = shown.iloc[best]
        rows.append({
            "preference": name, "share": share, **{part: there[part] for part in ("segment", *AXES, "customers")},
            "share_there": there[name], "ci_lower": low[best], "ci_upper": high[best],
            "times": low[best] / share,
        })  # fmt: skip
    columns = ["preference", "share", "segment", *AXES, "customers", "share_there", "ci_lower", "ci_upper", "times"]
    return pd.DataFrame(rows, columns=columns).sort_values("times", ascending=False, ignore_index=True)
